/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/slice.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* A whole number where one stands; *there says whether. */
static bool parse_number(const char **text, long *v, bool *there)
{
	char *end;

	*there = isdigit((unsigned char)**text) || (**text == '-' && isdigit((unsigned char)(*text)[1]));
	if (!*there)
		return true;
	errno = 0;
	*v = strtol(*text, &end, 10);
	*text = end;
	return !errno;
}

static bool parse(const char *text, struct em_slice *s)
{
	bool has_begin, has_step = false;
	long step = 1;

	if (!parse_number(&text, &s->begin, &has_begin))
		return false;
	if (!*text) { /* a single element; -1 has no element behind it */
		s->end = s->begin + 1;
		s->has_end = s->begin != -1;
		return has_begin;
	}
	if (*text++ != ':' || !parse_number(&text, &s->end, &s->has_end))
		return false;
	if (*text == ':') {
		text++;
		if (!parse_number(&text, &step, &has_step) || step < 1)
			return false;
	}
	s->step = (size_t)step;
	return !*text;
}

int em_slice_parse(const char *text, struct em_slice *slice, struct em_error *err)
{
	struct em_slice s = {0};

	if (!parse(text, &s))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "'%.60s' is no range: BEGIN:END:STEP is, as in 10:200:5, 7, :100 or -10:", text);
	*slice = s;
	return 0;
}

/* A place from the beginning, between 0 and n. */
static size_t place(long v, size_t n)
{
	if (v >= 0)
		return (size_t)v < n ? (size_t)v : n;
	return 0 - (size_t)v < n ? n - (0 - (size_t)v) : 0;
}

bool em_slice_holds(const struct em_slice *slice, size_t i, size_t n)
{
	size_t begin = place(slice->begin, n), end = slice->has_end ? place(slice->end, n) : n;

	return i >= begin && i < end && (i - begin) % (slice->step ? slice->step : 1) == 0;
}

bool em_slice_needs_size(const struct em_slice *slice)
{
	return slice->begin < 0 || (slice->has_end && slice->end < 0);
}
