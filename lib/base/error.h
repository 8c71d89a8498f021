/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors as values.  A fallible function takes `struct em_error *err` last, returns 0 or -1 (or NULL) and leaves its
 * outputs untouched when it fails.  err may be NULL when the caller does not care why.
 */
#ifndef EM_BASE_ERROR_H
#define EM_BASE_ERROR_H

#if defined(__GNUC__)
#define EM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define EM_PRINTF(f, a)
#endif

enum em_error_kind {
	EM_ERROR_NONE = 0,
	EM_ERROR_IO,     /* the operating system refused: no such file, disk full */
	EM_ERROR_PIPE,   /* the reader of our output has gone (EPIPE): end in silence */
	EM_ERROR_DATA,   /* the bytes are not what they should be: broken, hostile, unsupported */
	EM_ERROR_MEMORY, /* an allocation failed or a size overflowed */
	EM_ERROR_USAGE,  /* the caller asked for something that has no meaning */
	/* of instruments (scope/instrument.h) */
	EM_ERROR_REFUSED,     /* it, or a limit of ours, said no: nothing has changed */
	EM_ERROR_UNREACHABLE, /* no connection, or no answer in time: it may have happened or not */
	EM_ERROR_MISSED,      /* it did something else than was asked */
	EM_ERROR_UNSUPPORTED, /* it has no such thing */
};

struct em_error {
	enum em_error_kind kind;
	char text[512]; /* one line, no newline: what is wrong, and what to do about it */
};

/* Fill *err (when not NULL) from a format.  Always returns -1, so that `return em_error_set(err, ...)` reads well. */
int em_error_set(struct em_error *err, enum em_error_kind kind, const char *fmt, ...) EM_PRINTF(3, 4);

/* "WHAT: strerror(errno)"; the kind is EM_ERROR_PIPE for EPIPE, EM_ERROR_MEMORY for ENOMEM, else EM_ERROR_IO. */
int em_error_errno(struct em_error *err, const char *fmt, ...) EM_PRINTF(2, 3);

/* "out of memory" for an allocation of `bytes`; always -1. */
int em_error_memory(struct em_error *err, unsigned long long bytes);

/* Put context in front of an error already set: "sample a/b: " + text.  Always -1. */
int em_error_prefix(struct em_error *err, const char *fmt, ...) EM_PRINTF(2, 3);

/* Control characters become '?', as in each error's text: what is quoted may be hostile, and must neither break the
 * line nor drive a terminal. */
void em_make_printable(char *s);

#endif
