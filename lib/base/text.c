/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/text.h"

#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void em_text_release(struct em_text *t)
{
	free(t->s);
	memset(t, 0, sizeof(*t));
}

void em_text_clear(struct em_text *t)
{
	t->len = 0;
	t->failed = false;
	if (t->s)
		t->s[0] = '\0';
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct em_text *t, size_t n)
{
	size_t want, capacity = t->capacity ? t->capacity : 64;
	char *s;

	if (t->failed)
		return false;
	if (n > SIZE_MAX / 4 - t->len) {
		t->failed = true;
		return false;
	}
	want = t->len + n + 1;
	if (want <= t->capacity)
		return true;
	while (capacity < want)
		capacity *= 2;
	s = realloc(t->s, capacity);
	if (!s) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->capacity = capacity;
	return true;
}

void em_text_append_bytes(struct em_text *t, const void *bytes, size_t n)
{
	if (!reserve(t, n))
		return;
	if (n)
		memcpy(t->s + t->len, bytes, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void em_text_append(struct em_text *t, const char *s)
{
	em_text_append_bytes(t, s, strlen(s));
}

void em_text_printf(struct em_text *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		t->failed = true;
	else if (reserve(t, (size_t)n)) {
		vsnprintf(t->s + t->len, (size_t)n + 1, fmt, again);
		t->len += (size_t)n;
	}
	va_end(again);
}

const char *em_text_get(const struct em_text *t)
{
	return t->s ? t->s : "";
}

int em_text_check(const struct em_text *t, struct em_error *err)
{
	return t->failed ? em_error_memory(err, t->len) : 0;
}

/* Whole numbers are most of what records hold; by hand they take a tenth of the time of %.9g, and the same digits. */
static void put_whole(struct em_text *t, long v)
{
	char buf[24];
	char *p = buf + sizeof(buf);
	unsigned long u = v < 0 ? -(unsigned long)v : (unsigned long)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	em_text_append_bytes(t, p, (size_t)(buf + sizeof(buf) - p));
}

void em_json_put_number(struct em_text *t, double v)
{
	char buf[32];

	if (!isfinite(v)) {
		em_text_append(t, "null");
	} else if (fabs(v) < 1e8 && v == trunc(v) && !(v == 0 && signbit(v))) {
		put_whole(t, (long)v);
	} else {
		snprintf(buf, sizeof(buf), "%.9g", v);
		em_text_append(t, buf);
	}
}

/* The character at s, which is not ASCII; where the next one begins. */
static const char *put_wide(struct em_text *t, const char *s)
{
	size_t n = em_utf8_length(s, strnlen(s, 4));

	em_text_append_bytes(t, n ? s : "\xef\xbf\xbd", n ? n : 3);
	return s + (n ? n : 1);
}

void em_json_put_string(struct em_text *t, const char *s)
{
	em_text_append_bytes(t, "\"", 1);
	while (*s) {
		const char *run = s;

		while ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f && *s != '"' && *s != '\\')
			s++;
		em_text_append_bytes(t, run, (size_t)(s - run));
		if (*s == '"' || *s == '\\')
			em_text_printf(t, "\\%c", *s++);
		else if ((unsigned char)*s >= 0x80)
			s = put_wide(t, s);
		else if (*s)
			em_text_printf(t, "\\u%04x", (unsigned)(unsigned char)*s++);
	}
	em_text_append_bytes(t, "\"", 1);
}

void em_json_put_bool(struct em_text *t, bool v)
{
	em_text_append(t, v ? "true" : "false");
}

void em_json_put_comma(struct em_text *t)
{
	char last = t->len ? t->s[t->len - 1] : '{';

	if (last != '{' && last != '[')
		em_text_append(t, ",");
}

void em_json_put_name(struct em_text *t, const char *name)
{
	em_json_put_comma(t);
	em_json_put_string(t, name);
	em_text_append(t, ":");
}

void em_json_put_numbers(struct em_text *t, const double *v, size_t n)
{
	em_text_append(t, "[");
	for (size_t i = 0; i < n; i++) {
		em_json_put_comma(t);
		em_json_put_number(t, v[i]);
	}
	em_text_append(t, "]");
}
