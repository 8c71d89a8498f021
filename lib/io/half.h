/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IEEE 754 binary16, which C11 has no type for. */
#ifndef EM_IO_HALF_H
#define EM_IO_HALF_H

#include <stdint.h>
#include <string.h>

/* Exact: every half is a float.  A NaN stays a NaN with its payload. */
static inline float em_half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023, bits;
	float f;

	if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 */
		f = (float)fraction * 0x1p-24f;
		return sign ? -f : f;
	}
	bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

#endif
