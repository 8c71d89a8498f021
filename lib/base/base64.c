/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define BAD 64

int em_base64_measure(const char *text, size_t n, size_t *bytes)
{
	size_t padding = !n || text[n - 1] != '=' ? 0 : n > 1 && text[n - 2] == '=' ? 2 : 1;

	if (n % 4)
		return -1;
	*bytes = n / 4 * 3 - padding;
	return 0;
}

static void invert(uint8_t value[256])
{
	memset(value, BAD, 256);
	for (uint8_t i = 0; i < 64; i++)
		value[(unsigned char)alphabet[i]] = i;
}

/* Four characters, of which `have` are no padding, into have - 1 bytes. */
static bool decode_group(const uint8_t value[256], const char *text, size_t have, unsigned char *out)
{
	uint32_t bits = 0;

	for (size_t k = 0; k < 4; k++) {
		uint8_t v = k < have ? value[(unsigned char)text[k]] : 0;

		if (v == BAD)
			return false;
		bits = bits << 6 | v;
	}
	for (size_t k = 0; k + 1 < have; k++, bits <<= 8)
		out[k] = (unsigned char)(bits >> 16);
	return (bits & 0xffffff) == 0 || have == 4;
}

int em_base64_decode(const char *text, size_t n, unsigned char *out, size_t out_bytes, struct em_error *err)
{
	uint8_t value[256];
	size_t bytes, at = 0;

	if (em_base64_measure(text, n, &bytes) || bytes != out_bytes)
		return em_error_set(err, EM_ERROR_DATA, "base64 of %zu characters is not %zu bytes", n, out_bytes);
	invert(value);
	for (size_t done = 0; done < bytes; done += 3, at += 4)
		if (!decode_group(value, text + at, bytes - done < 3 ? bytes - done + 1 : 4, out + done))
			return em_error_set(err, EM_ERROR_DATA, "broken base64 at character %zu", at);
	return 0;
}

void em_base64_append(struct em_text *t, const unsigned char *bytes, size_t n)
{
	char part[4096];
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < have ? bytes[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			part[len++] = k <= have ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
		if (len == sizeof(part) || i + 3 >= n) {
			em_text_append_bytes(t, part, len);
			len = 0;
		}
	}
}
