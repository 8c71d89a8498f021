/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/lines.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct em_span em_span_trim(struct em_span span)
{
	while (span.n && is_blank(span.s[0])) {
		span.s++;
		span.n--;
	}
	while (span.n && is_blank(span.s[span.n - 1]))
		span.n--;
	return span;
}

bool em_span_is(struct em_span span, const char *text)
{
	return span.n == strlen(text) && !memcmp(span.s, text, span.n);
}

bool em_span_begins(struct em_span span, const char *text)
{
	size_t n = strlen(text);

	return span.n >= n && !memcmp(span.s, text, n);
}

bool em_span_split(struct em_span span, const char *separators, struct em_span *before, struct em_span *after)
{
	size_t n = 0;

	while (n < span.n && !(span.s[n] && strchr(separators, span.s[n])))
		n++;
	if (n == span.n)
		return false;
	*before = em_span_trim((struct em_span){span.s, n});
	*after = em_span_trim((struct em_span){span.s + n + 1, span.n - n - 1});
	return true;
}

/* strtod alone would take "0x10", "inf" and "nan". */
bool em_span_number(struct em_span span, double *v, struct em_span *rest)
{
	char buf[48], *end;
	size_t n = 0;
	double number;

	while (n < span.n && n < sizeof(buf) - 1 && span.s[n] && strchr("0123456789.+-eE", span.s[n]))
		n++;
	if (!n)
		return false;
	memcpy(buf, span.s, n);
	buf[n] = '\0';
	number = strtod(buf, &end);
	if (end == buf || !isfinite(number))
		return false;
	*v = number;
	n = (size_t)(end - buf);
	if (rest)
		*rest = em_span_trim((struct em_span){span.s + n, span.n - n});
	return true;
}

size_t em_span_numbers(struct em_span span, double *v, size_t n)
{
	size_t found = 0;

	for (span = em_span_trim(span); found < n && span.n; found++) {
		char word[64] = "", *end;
		size_t len = 0;

		while (len < span.n && !is_blank(span.s[len]))
			len++;
		if (len >= sizeof(word))
			break;
		memcpy(word, span.s, len);
		v[found] = strtod(word, &end);
		if (end != word + len || !isfinite(v[found]))
			break;
		span = em_span_trim((struct em_span){span.s + len, span.n - len});
	}
	return found;
}

void em_span_decode(struct em_span span, struct em_text *out)
{
	if (em_utf8_is_valid(span.s, span.n)) {
		em_text_append_bytes(out, span.s, span.n);
		return;
	}
	for (size_t i = 0; i < span.n; i++) {
		unsigned char c = (unsigned char)span.s[i];
		unsigned char two[2] = {(unsigned char)(0xc0 | c >> 6), (unsigned char)(0x80 | (c & 0x3f))};

		em_text_append_bytes(out, c < 0x80 ? &c : two, c < 0x80 ? 1 : 2);
	}
}

void em_span_put_json(struct em_span span, struct em_text *json)
{
	struct em_text text = {0};

	em_span_decode(span, &text);
	em_json_put_string(json, em_text_get(&text));
	json->failed |= text.failed;
	em_text_release(&text);
}

bool em_span_next_line(struct em_span *rest, struct em_span *line)
{
	size_t n = 0;

	if (!rest->n)
		return false;
	while (n < rest->n && rest->s[n] != '\n' && rest->s[n] != '\r')
		n++;
	*line = em_span_trim((struct em_span){rest->s, n});
	n += rest->n - n > 1 && rest->s[n] == '\r' && rest->s[n + 1] == '\n';
	n += n < rest->n;
	*rest = (struct em_span){rest->s + n, rest->n - n};
	return true;
}
