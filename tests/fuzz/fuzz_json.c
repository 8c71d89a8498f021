/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a record: what parses must print and parse again to the same text. */
#include "base/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_record once = {0}, twice = {0};
	struct em_text a = {0}, b = {0};
	struct em_error err = {0};

	if (em_record_parse(&once, (const char *)data, size, &err))
		return 0;
	em_record_print(&once, &a);
	if (em_record_parse(&twice, em_text_get(&a), a.len, &err))
		abort();
	em_record_print(&twice, &b);
	if (a.len != b.len || memcmp(em_text_get(&a), em_text_get(&b), a.len))
		abort();
	em_text_release(&a);
	em_text_release(&b);
	em_record_release(&once);
	em_record_release(&twice);
	return 0;
}
