/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal: JSON Lines that are only ever appended to, each by one write(2).  So lines of several processes do not
 * mix, and a process that is killed leaves at most its last line incomplete; who writes next begins a new line, and who
 * reads is told.
 */
#ifndef EM_SCOPE_JOURNAL_H
#define EM_SCOPE_JOURNAL_H

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct em_journal {
	int fd;     /* -1: none is kept, and putting does nothing */
	bool cut;   /* what is there ends within a line */
	bool dirty; /* something that has to outlive a power cut */
};

/* path NULL: none.  EM_ERROR_IO. */
int em_journal_open(struct em_journal *j, const char *path, struct em_error *err);
/* One JSON object, without a newline.  lasting: onto the disk when the journal is closed. */
int em_journal_put(struct em_journal *j, const struct em_text *json, bool lasting, struct em_error *err);
int em_journal_close(struct em_journal *j, struct em_error *err);

/* What a reader came across; line numbers count from 1. */
struct em_journal_state {
	size_t lines;        /* good ones */
	size_t broken, last; /* incomplete or no JSON objects: how many, and which was the last */
	bool cut;            /* the last line of the file has no end: its writer was killed, or is at it */
};
/* "line 12 is incomplete: its writer was killed": nothing is appended where nothing is wrong. */
void em_journal_tell(const struct em_journal_state *state, struct em_text *t);

typedef int em_journal_fn(void *ctx, size_t line, const char *text, const struct em_json *entry, struct em_error *err);
/*
 * Calls `each` for every good line (text: NUL-terminated) until it returns something else than 0, which is returned.
 * -1: EM_ERROR_IO where the file cannot be read.
 */
int em_journal_read(const char *path, em_journal_fn *each, void *ctx, struct em_journal_state *state,
                    struct em_error *err);

#endif
