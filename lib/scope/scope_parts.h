/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside lib/scope: what the files of scope.h share. */
#ifndef EM_SCOPE_SCOPE_PARTS_H
#define EM_SCOPE_SCOPE_PARTS_H

#include "base/json.h"
#include "base/text.h"
#include "scope/dose.h"
#include "scope/journal.h"
#include "scope/lock.h"
#include "scope/scope.h"

#include <stdatomic.h>

struct em_scope {
	const struct em_driver *driver;
	void *self;
	struct em_scope_settings set;
	char *name;  /* the URL, without what is secret in it */
	char *label; /* the same for messages */
	struct em_lock lock;
	struct em_journal journal;
	struct em_dose_meter dose;
	struct em_capabilities cap;
	bool has_cap, has_limits;
	struct em_controls asked, readable, writable; /* which are known to be so or not, before all of cap is */
	double lo[EM_CONTROLS], hi[EM_CONTROLS];      /* the instrument's own limits */
	double begun, ends;                           /* the command: by the driver's clock */
	unsigned long commands;
	atomic_bool heard; /* *stop was seen: nothing has to be woken up any more */
	long opened;       /* seconds of the calendar: with the process and its commands, the id of each */
	struct em_text plan;
};

/* em_scope_open for a driver that is in no table: tests. */
int em_scope_open_kind(const struct em_driver_kind *kind, const char *url, const struct em_scope_settings *settings,
                       struct em_scope **scope, struct em_error *err);

/* The URL with the user, password or token before '@' left out; to be freed. */
char *em_scope_public_url(const char *url);

/* ---- time: the driver's clock ---- */

double em_scope_now(const struct em_scope *s);
/* -1: EM_ERROR_REFUSED, *stop was set. */
int em_scope_pause(struct em_scope *s, double seconds, struct em_error *err);
int em_scope_check_stop(struct em_scope *s, struct em_error *err);
/* Seconds for a call that is expected to take so long: three times that and some, and no more than the command has
 * left. */
double em_scope_deadline(const struct em_scope *s, double expected);
/* That the stage takes, by slow instruments' speeds, from one set of controls to another. */
double em_scope_travel(const struct em_controls *from, const struct em_controls *to);

/* ---- commands and the journal ---- */

/* The clock of the command starts. */
void em_scope_begin(struct em_scope *s);
/* A line before the wire: what is about to be done.  `args` is the JSON of what was asked, `before` may be NULL. */
int em_scope_log_begin(struct em_scope *s, const char *what, const char *args, const struct em_controls *before,
                       struct em_error *err);
/*
 * The line of a command that has ended: status 0, or *why.  result: JSON of its reply, "" for none; before and after
 * may be NULL.  alone: no line went before.  -1 and *err where the line could not be written; returns `status` else.
 */
struct em_scope_end {
	const char *what, *args, *result;
	const struct em_controls *before, *after;
	bool alone, lasting;
	bool reads; /* nothing was changed nor exposed: a line only where the settings want one */
};
int em_scope_log_end(struct em_scope *s, const struct em_scope_end *end, int status, struct em_error *err);
const char *em_scope_error_name(enum em_error_kind kind);

/* ---- reading ---- */

extern const enum em_control em_scope_axes[5];
bool em_scope_is_axis(int control);
int em_scope_need_capabilities(struct em_scope *s, struct em_error *err);
/* Which of these can be read and set: s->readable and s->writable. */
int em_scope_need_controls(struct em_scope *s, const struct em_controls *which, struct em_error *err);
/* What the driver reads of those known in want that can be read; numbers that are none are not known. */
int em_scope_read(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err);
/* The stage's axes. */
int em_scope_read_stage(struct em_scope *s, struct em_controls *got, struct em_error *err);

/* ---- limits ---- */

/* EM_ERROR_REFUSED: not finite, past a limit of ours or of the instrument; EM_ERROR_UNSUPPORTED: not writable. */
int em_scope_check(struct em_scope *s, const struct em_controls *want, struct em_error *err);

/* ---- rest ---- */

double em_scope_tolerance(const struct em_scope *s, enum em_control c, double want);
/* 0, or EM_ERROR_MISSED that says which and by how much; what was not read is passed over. */
int em_scope_compare(const struct em_scope *s, const struct em_controls *want, const struct em_controls *got,
                     struct em_error *err);
/* Is one of the axes that are to move within the tolerance of its target already?  Then being there says nothing. */
bool em_scope_is_small(const struct em_scope *s, const struct em_controls *want, const struct em_controls *from);
/*
 * Until what is known in want (NULL: nothing) is read back, and with `stage` the stage rests: two readings that agree
 * and a status of rest with each.  Away from what is wanted, and after a small move, still readings are believed only
 * after half a second without any change: a status lags, and is at rest between two axes.  *got: the last reading.
 */
int em_scope_rest(struct em_scope *s, const struct em_controls *want, bool stage, bool small, double seconds,
                  struct em_controls *got, struct em_error *err);

/* After the stage was told to stop: until it rests, whatever *stop says and the command has left.  *got: where. */
int em_scope_brake(struct em_scope *s, struct em_controls *got, struct em_error *err);

/* ---- exposures ---- */

/* What an exposure needs to know, and gave. */
struct em_scope_shot {
	struct em_exposure exposure; /* as it was done: the detector by name */
	const struct em_detector *detector;
	struct em_controls at; /* all that could be read before it */
	struct em_acquired got;
	double dose;  /* m^-2; NAN: not known */
	double place; /* of the place, with the exposures before; NAN */
	bool pattern; /* scales are reciprocal */
	bool done;    /* false: a dry run, there is nothing in `got` */
};
void em_scope_shot_release(struct em_scope_shot *shot);
/* Without exposing: all but the data, NAN where it cannot be told. */
int em_scope_expect(struct em_scope *s, const struct em_exposure *e, struct em_acquired *a, struct em_error *err);
int em_scope_expose(struct em_scope *s, const struct em_exposure *e, struct em_scope_shot *shot, struct em_error *err);

#endif
