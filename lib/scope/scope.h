/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The instrument as tools use it: whatever it is, a command is checked against the limits before the wire, runs alone,
 * is waited for, is read back, and is in the journal.
 *
 *     em_scope_open("sim:", &settings, &scope, &err)
 *     em_scope_move(scope, &want, &got, &err)      0 only if it is there
 *     em_scope_acquire(scope, &exposure, &sample, &err)
 *     em_scope_close(scope)
 *
 * em_scope_open takes the lock of the instrument and em_scope_close gives it back; what holds it says so in the lock
 * file ("emctl set, process 812 of ann, since ..."), and others wait up to settings.patience.  The kernel drops the
 * lock of a process that was killed.
 */
#ifndef EM_SCOPE_SCOPE_H
#define EM_SCOPE_SCOPE_H

#include "io/stream.h"
#include "scope/calibration.h"
#include "scope/instrument.h"

struct em_scope;

/* Soft limits: lo and hi of each control, NAN for none; and what a combined move does first. */
struct em_scope_limits {
	double lo[EM_CONTROLS], hi[EM_CONTROLS];
	double clear_z; /* m: a move of z by more than this goes with the stage untilted: home a and b first, then z,
	                   then tilt again; NAN: never */
};
void em_scope_limits_init(struct em_scope_limits *l); /* none */
/* From a JSON file: {"limits":{"stage.x":["-900um","900um"],...},"clear_z":"20um"}; what it says is added to *l,
 * which only ever gets narrower.
 * EM_ERROR_DATA where it cannot be understood: an unknown member is one, too, as a limit with a slip of the pen is
 * none. */
int em_scope_limits_read(struct em_scope_limits *l, const char *path, struct em_error *err);
/* One control's, as texts: "stage.x", "-900um", "900um"; likewise.  EM_ERROR_USAGE. */
int em_scope_limits_add(struct em_scope_limits *l, const char *name, const char *lo, const char *hi,
                        struct em_error *err);

/* Borrowed until em_scope_close. */
struct em_scope_settings {
	const char *command;   /* the tool's, for lock and journal: "emctl set" */
	const char *state_dir; /* where locks, journals and simulators live; made if it is not there */
	const char *journal;   /* file; NULL: the instrument's own in state_dir; "": none */
	bool log_reads;        /* what only reads is in it, too: a server is asked for ever */
	struct em_scope_limits limits;
	const struct em_calibration *calibration; /* of pictures whose wire tells no scale; NULL: none */
	double timeout;                           /* seconds a command may take; 0: by what it is */
	double patience;                          /* seconds to wait for the lock */
	double tolerance[EM_CONTROLS];            /* 0: as in the table */
	double max_dose;                          /* electrons a square metre, on any one place; 0: no budget */
	bool aside;                               /* do not wait for the lock, nor take it: for em_scope_stop alone */
	bool dry_run;             /* nothing is set, moved or exposed; what would be is told by em_scope_plan */
	const volatile int *stop; /* not 0: stop the stage and give up (a signal came).  NULL: never */
};

/* Where a file of an instrument's is: "jsonl" is its journal.  To be freed; NULL: out of memory. */
char *em_scope_file(const char *state_dir, const char *url, const char *ext);

int em_scope_open(const char *url, const struct em_scope_settings *settings, struct em_scope **scope,
                  struct em_error *err);
void em_scope_close(struct em_scope *s); /* NULL allowed */

int em_scope_capabilities(struct em_scope *s, struct em_capabilities *c, struct em_error *err);
/* All that are known in *want, or with want NULL all that can be read. */
int em_scope_get(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err);
/* Of those in *want that are not in *need only what the instrument has. */
int em_scope_get_some(struct em_scope *s, const struct em_controls *want, const struct em_controls *need,
                      struct em_controls *got, struct em_error *err);
/*
 * Set, wait until rest (two still readings after it was told to go) and read back: *got is what is there then, also
 * where it failed (what could be read).  EM_ERROR_REFUSED: not finite, past a limit of ours or the instrument's;
 * EM_ERROR_MISSED: the readings differ from *want by more than the tolerance (the text: which, by how much).
 */
int em_scope_move(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err);
/* The same, and of those known in *by (which *want does not name) by that amount from where they are read to be.
 * EM_ERROR_MISSED also where an axis that was to go by less than the tolerance, but more than a quarter of it, has not
 * gone a quarter of that: it is within the tolerance, and was not moved. */
int em_scope_move_by(struct em_scope *s, const struct em_controls *want, const struct em_controls *by,
                     struct em_controls *got, struct em_error *err);
/* The narrower of ours and the instrument's own: lo and hi [EM_CONTROLS], NAN for none. */
int em_scope_limits(struct em_scope *s, double *lo, double *hi, struct em_error *err);
int em_scope_wait(struct em_scope *s, double seconds, struct em_error *err); /* until the stage rests */
int em_scope_stop(struct em_scope *s, struct em_error *err);                 /* and until it rests */
/* The same beside a call that waits in another thread: it only tells the instrument.  -1: that cannot be told. */
int em_scope_halt(struct em_scope *s, struct em_error *err);
/* Has it seen *stop?  Until then what waits inside may have to be woken up, by a signal that the thread catches. */
bool em_scope_heard(const struct em_scope *s);
/* After *stop: stops the stage if it moves, and appends how the instrument was left, as a sentence. */
void em_scope_tell(struct em_scope *s, struct em_text *t);

/* The detector of that name, or with "" that which suits the mode; borrowed until em_scope_close.  EM_ERROR_REFUSED:
 * there is none. */
int em_scope_detector(struct em_scope *s, const char *name, const struct em_detector **d, struct em_error *err);
/*
 * A sample: the image (or spectrum) with axes, and the record's members stage, microscope, acquisition, to_stage, dose.
 * EM_ERROR_REFUSED where max_dose would be passed.  key: of the sample.
 */
int em_scope_acquire(struct em_scope *s, const struct em_exposure *e, const char *key, struct em_sample *sample,
                     struct em_error *err);
/*
 * Exposures of a detector until two that follow each other show a drift below metres_per_second, by correlation; *drift
 * is the last one measured, m/s.  EM_ERROR_MISSED when `seconds` have gone.
 */
int em_scope_settle(struct em_scope *s, const struct em_exposure *e, double metres_per_second, double seconds,
                    double *drift, struct em_error *err);

/* The electrons a square metre that any place of a field has received until now (scope/dose.h): x0, y0, x1, y1 in m of
 * the stage. */
int em_scope_dose(struct em_scope *s, const double field[4], double *most, struct em_error *err);
int em_scope_dose_reset(struct em_scope *s, struct em_error *err); /* another specimen */

/* What a dry run would have done: lines for people, path and time and dose. */
const char *em_scope_plan(const struct em_scope *s);

#endif
