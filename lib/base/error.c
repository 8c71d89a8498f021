/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void em_make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int em_error_set(struct em_error *err, enum em_error_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->kind = kind;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	em_make_printable(err->text);
	return -1;
}

int em_error_errno(struct em_error *err, const char *fmt, ...)
{
	int saved = errno;
	char what[400];
	va_list ap;
	enum em_error_kind kind = saved == EPIPE    ? EM_ERROR_PIPE
	                          : saved == ENOMEM ? EM_ERROR_MEMORY
	                                            : EM_ERROR_IO;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return em_error_set(err, kind, "%s: %s", what, strerror(saved));
}

int em_error_memory(struct em_error *err, unsigned long long bytes)
{
	return em_error_set(err, EM_ERROR_MEMORY, "out of memory (%llu bytes wanted)", bytes);
}

int em_error_prefix(struct em_error *err, const char *fmt, ...)
{
	char prefix[256];
	char rest[sizeof(err->text)];
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(rest, err->text, sizeof(rest));
	return em_error_set(err, err->kind, "%s%.*s", prefix, (int)(sizeof(rest) - strlen(prefix) - 1), rest);
}
