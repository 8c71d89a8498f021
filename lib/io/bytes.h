/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers out of a file's bytes, in either byte order and at any alignment.  The caller has checked the length. */
#ifndef EM_IO_BYTES_H
#define EM_IO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t em_bytes_u16(const unsigned char *p, bool big)
{
	return (uint16_t)(big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static inline uint32_t em_bytes_u32(const unsigned char *p, bool big)
{
	uint32_t first = em_bytes_u16(p, big), second = em_bytes_u16(p + 2, big);

	return big ? first << 16 | second : second << 16 | first;
}

static inline uint64_t em_bytes_u64(const unsigned char *p, bool big)
{
	uint64_t first = em_bytes_u32(p, big), second = em_bytes_u32(p + 4, big);

	return big ? first << 32 | second : second << 32 | first;
}

static inline float em_bytes_f32(const unsigned char *p, bool big)
{
	uint32_t bits = em_bytes_u32(p, big);
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline double em_bytes_f64(const unsigned char *p, bool big)
{
	uint64_t bits = em_bytes_u64(p, big);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* n numbers of `part` bytes (1, 2, 4 or 8) each into the order of this machine; to and from do not overlap. */
static inline void em_bytes_copy(void *to, const unsigned char *from, size_t n, size_t part, bool big)
{
	static const union {
		uint16_t number;
		unsigned char first;
	} one = {1};
	unsigned char *out = to;

	if (part == 1 || big == !one.first) {
		memcpy(to, from, n * part);
		return;
	}
	for (size_t i = 0; i < n; i++, from += part, out += part)
		for (size_t k = 0; k < part; k++)
			out[k] = from[part - 1 - k];
}

#endif
