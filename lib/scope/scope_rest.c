/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting until the stage rests, and whether it is where it was sent. */
#include "scope/scope_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE 0.02
#define LAST_PAUSE 0.25
#define QUIET 0.5 /* seconds without any change, before a rest away from the target is believed */

double em_scope_tolerance(const struct em_scope *s, enum em_control c, double want)
{
	double t = s->set.tolerance[c] > 0 ? s->set.tolerance[c] : em_control_info(c)->tolerance;

	return c == EM_MAGNIFICATION ? t * fabs(want) : t;
}

/* "stage.x is at 812.3um, not at 900um: off by 87.7um, more than 0.2um" */
static void describe(const struct em_scope *s, enum em_control c, double want, double got, struct em_text *t)
{
	const struct em_control_info *info = em_control_info(c);

	em_text_printf(t, "%s is at ", info->name);
	em_control_print_about(t, c, got, 6);
	em_text_append(t, ", not at ");
	em_control_print_about(t, c, want, 6);
	if (info->dimension == EM_DIMENSION_SWITCH || info->dimension == EM_DIMENSION_CHOICE)
		return;
	em_text_append(t, ": off by ");
	em_control_print_about(t, c, fabs(got - want), 6);
	em_text_append(t, ", more than ");
	em_control_print_about(t, c, em_scope_tolerance(s, c, want), 6);
}

static bool is_off(const struct em_scope *s, enum em_control c, double want, double got)
{
	return !(fabs(got - want) <= em_scope_tolerance(s, c, want) + 1e-9 * fabs(want));
}

int em_scope_compare(const struct em_scope *s, const struct em_controls *want, const struct em_controls *got,
                     struct em_error *err)
{
	struct em_text t = {0};
	size_t off = 0;

	for (int i = 0; i < EM_CONTROLS; i++) {
		enum em_control c = (enum em_control)i;

		if (!want->known[c] || !got->known[c] || !is_off(s, c, want->value[c], got->value[c]))
			continue;
		if (off++)
			em_text_append(&t, "; ");
		describe(s, c, want->value[c], got->value[c], &t);
	}
	if (off)
		em_error_set(err, EM_ERROR_MISSED, "%s: %s", s->label, em_text_get(&t));
	em_text_release(&t);
	return off ? -1 : 0;
}

/* Nothing has changed that could not be the reading's own noise. */
static bool same(const struct em_scope *s, const struct em_controls *a, const struct em_controls *b)
{
	for (int i = 0; i < EM_CONTROLS; i++)
		if (a->known[i] != b->known[i] ||
		    (a->known[i] &&
		     fabs(a->value[i] - b->value[i]) > em_scope_tolerance(s, (enum em_control)i, a->value[i]) / 4))
			return false;
	return true;
}

static bool is_still(enum em_motion m)
{
	return m == EM_AT_REST || m == EM_AT_LIMIT;
}

struct watch {
	struct em_controls ask, last;
	enum em_motion motion;
	bool has_last;       /* there is a reading, and the stage was at rest with it */
	double quiet_since;  /* the last change, by the driver's clock */
	size_t alike;        /* readings at rest in a row that agree */
	struct em_error why; /* that the last reading failed */
};

/* One more reading.  A connection that breaks may be there again with the next: a reading that failed says nothing. */
static void look(struct em_scope *s, struct watch *w, bool stage)
{
	double deadline = em_scope_deadline(s, 1);
	struct em_controls now = {0};
	bool rest, read;

	w->why = (struct em_error){0};
	w->motion = EM_AT_REST;
	read = (!stage || !s->driver->motion || !s->driver->motion(s->self, deadline, &w->motion, &w->why)) &&
	       !em_scope_read(s, &w->ask, &now, &w->why);
	for (int c = 0; read && c < EM_CONTROLS; c++)
		if (w->ask.known[c] && s->readable.known[c] && !now.known[c]) {
			em_error_set(&w->why, EM_ERROR_UNREACHABLE, "%s: gave no number for %s", s->label,
			             em_control_info((enum em_control)c)->name);
			read = false;
		}
	if (!read)
		return;
	rest = is_still(w->motion);
	if (!rest || !w->has_last || !same(s, &w->last, &now)) {
		w->quiet_since = em_scope_now(s);
		w->alike = 0;
	}
	w->alike += rest;
	w->has_last = rest;
	w->last = now;
}

static int give_up(struct em_scope *s, const struct watch *w, const struct em_controls *want, double waited,
                   struct em_error *err)
{
	if (w->why.kind) {
		if (err)
			*err = w->why;
		return -1;
	}
	if (!is_still(w->motion) || !want || !em_scope_compare(s, want, &w->last, err))
		em_error_set(err, EM_ERROR_MISSED, "%s: the stage %s after %.3g s", s->label,
		             w->motion == EM_NOT_READY ? "is not ready"
		             : w->motion == EM_MOVING  ? "still moves"
		                                       : "has not come to rest",
		             waited);
	return -1;
}

/* At rest, and there or not; where a limiter stopped it the error says so. */
static int end_elsewhere(const struct em_scope *s, const struct watch *w, const struct em_controls *want,
                         struct em_error *err)
{
	if (!em_scope_compare(s, want, &w->last, err))
		return 0;
	if (w->motion == EM_AT_LIMIT && err)
		em_error_prefix(err, "a hardware limiter stopped the stage: ");
	return -1;
}

/* However small: it was told to go, and what it does then may be over before its status says that it has begun. */
bool em_scope_is_small(const struct em_scope *s, const struct em_controls *want, const struct em_controls *from)
{
	for (size_t i = 0; i < 5; i++) {
		enum em_control c = em_scope_axes[i];
		double way = fabs(want->value[c] - from->value[c]), t = em_scope_tolerance(s, c, want->value[c]);

		if (want->known[c] && from->known[c] && way > 0 && way <= t + 1e-9 * fabs(want->value[c]))
			return true;
	}
	return false;
}

int em_scope_rest(struct em_scope *s, const struct em_controls *want, bool stage, bool small, double seconds,
                  struct em_controls *got, struct em_error *err)
{
	double begun = em_scope_now(s), end = fmin(begun + seconds, s->ends), pause = FIRST_PAUSE;
	struct watch w = {.quiet_since = begun};
	bool there;

	for (int c = 0; c < EM_CONTROLS; c++)
		w.ask.known[c] = (want && want->known[c]) || (stage && em_scope_is_axis(c));
	for (;;) {
		double now;

		look(s, &w, stage);
		*got = w.last;
		now = em_scope_now(s);
		there = want && !w.why.kind && !em_scope_compare(s, want, &w.last, NULL);
		if (there && !small && w.alike >= (stage ? 2 : 1))
			return 0;
		if (!w.why.kind && w.alike >= 2 && now - w.quiet_since >= QUIET)
			return want ? end_elsewhere(s, &w, want, err) : 0;
		if (now >= end)
			return give_up(s, &w, want, now - begun, err);
		if (em_scope_pause(s, fmin(pause, fmax(end - now, 0.001)), err))
			return -1;
		pause = fmin(1.5 * pause, LAST_PAUSE);
	}
}
