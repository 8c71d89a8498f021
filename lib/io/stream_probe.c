/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/stream.h"

#include <string.h>

bool em_stream_probe(const unsigned char *head, size_t n)
{
	static const struct {
		size_t at, n;
		const char *magic;
	} known[] = {{257, 5, "ustar"}, {0, 2, "\x1f\x8b"}, {0, 4, "\x28\xb5\x2f\xfd"}, {0, 6, "\xfd\x37zXZ"}};
	size_t zeros = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n >= known[i].at + known[i].n && !memcmp(head + known[i].at, known[i].magic, known[i].n))
			return true;
	while (zeros < n && zeros < 512 && !head[zeros])
		zeros++;
	return zeros == 512; /* an archive without members is an end mark alone */
}
