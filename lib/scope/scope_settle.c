/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting until the picture stands still. */
#include "scope/scope_parts.h"

#include "crystal/drift.h"
#include "crystal/spectrum.h"

#include <math.h>

#define PAUSE 0.2 /* s between exposures */

/* What goes from one picture to the next. */
struct settling {
	struct em_spectrum_plan *plan;
	struct em_drift *drift;
	double last[2], time; /* px; in the middle of the exposure */
	bool has_last;
};

static int begin(struct settling *g, const struct em_array *a, struct em_error *err)
{
	if (g->plan)
		return 0;
	g->plan = em_spectrum_plan_new(a->shape[0], a->shape[1], err);
	g->drift = g->plan ? em_drift_new(a->shape[0], a->shape[1], err) : NULL;
	return g->drift ? 0 : -1;
}

static int correlate(struct settling *g, const struct em_array *a, double drift[2], double *quality,
                     struct em_error *err)
{
	struct em_spectrum spectrum;
	int status;

	if (begin(g, a, err) || em_spectrum_init(&spectrum, g->plan, a, err))
		return -1;
	status = em_drift_next(g->drift, &spectrum, drift, quality, err);
	em_spectrum_release(&spectrum);
	return status;
}

/* *speed is NAN where this exposure does not tell. */
static int look(struct em_scope *s, struct settling *g, const struct em_exposure *e, double *speed,
                struct em_error *err)
{
	struct em_scope_shot shot;
	double before = em_scope_now(s), drift[2], quality, time, scale[2];
	int status;

	*speed = NAN;
	if (em_scope_expose(s, e, &shot, err))
		return -1;
	time = 0.5 * (before + em_scope_now(s));
	scale[0] = shot.got.scale[0];
	scale[1] = shot.got.scale[1];
	status = shot.pattern || shot.got.data.ndim != 2 || !isfinite(scale[0] + scale[1])
	             ? em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: drift is measured on an image whose scale is known",
	                            s->label)
	             : correlate(g, &shot.got.data, drift, &quality, err);
	em_scope_shot_release(&shot);
	if (status)
		return -1;
	if (g->has_last && quality > 0 && time > g->time)
		*speed =
		    hypot((drift[0] - g->last[0]) * scale[0], (drift[1] - g->last[1]) * scale[1]) / (time - g->time);
	g->has_last = quality > 0;
	g->last[0] = drift[0];
	g->last[1] = drift[1];
	g->time = time;
	return 0;
}

int em_scope_settle(struct em_scope *s, const struct em_exposure *e, double metres_per_second, double seconds,
                    double *drift, struct em_error *err)
{
	double end = em_scope_now(s) + seconds, speed = NAN, told = NAN;
	struct settling g = {0};
	int status = 0;
	bool slow = false;

	if (s->set.dry_run) {
		em_text_printf(&s->plan, "expose until the drift is under %.3g nm/s; up to %.3g s\n",
		               metres_per_second * 1e9, seconds);
		return 0;
	}
	while (!status && !slow) {
		status = look(s, &g, e, &speed, err);
		slow = speed <= metres_per_second;
		told = isfinite(speed) ? speed : told;
		if (!status && !slow && em_scope_now(s) >= end)
			status = isfinite(told)
			             ? em_error_set(err, EM_ERROR_MISSED,
			                            "%s: still drifts at %.3g nm/s after %.3g s, not under %.3g",
			                            s->label, told * 1e9, seconds, metres_per_second * 1e9)
			             : em_error_set(err, EM_ERROR_MISSED,
			                            "%s: the pictures show nothing to tell a drift by", s->label);
		if (!status && !slow)
			status = em_scope_pause(s, PAUSE, err);
	}
	em_drift_free(g.drift);
	em_spectrum_plan_free(g.plan);
	if (!status)
		*drift = speed;
	return status;
}
