/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes with time: disorder and drift. */
#include "synth/movie.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static int refuse(const char *text, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_USAGE,
	                    "--history %.60s: expected plateau, linear or MINUTE:FRACTION,... (at most %d), minutes "
	                    "that increase, fractions of 0 to 1 that do not fall",
	                    text, EM_SYNTH_HISTORY_POINTS);
}

/* One point more, of the text at *at, which is moved behind it. */
static bool add_point(struct em_synth_history *h, const char **at)
{
	size_t i = h->points;
	double minute, fraction;
	int end = 0;

	if (i == EM_SYNTH_HISTORY_POINTS || sscanf(*at, "%lf:%lf%n", &minute, &fraction, &end) < 2 || !end)
		return false;
	if (!(minute >= 0 && minute <= 1e9 && fraction >= 0 && fraction <= 1) ||
	    (i > 0 && (minute <= h->minute[i - 1] || fraction < h->fraction[i - 1])))
		return false;
	h->minute[i] = minute;
	h->fraction[i] = fraction;
	h->points++;
	*at += end;
	return true;
}

int em_synth_history_set(struct em_synth_history *h, const char *text, double minutes, struct em_error *err)
{
	const char *at = strcmp(text, "plateau") ? text : "0:0,5:0.05,9:0.15,19:0.15,40:0.4";
	struct em_synth_history new = {{0}};

	if (!strcmp(text, "linear")) {
		*h = (struct em_synth_history){{0, minutes}, {0, 0.4}, 2};
		return 0;
	}
	for (;; at++) {
		if (!add_point(&new, &at) || (*at && *at != ','))
			return refuse(text, err);
		if (!*at)
			break;
	}
	*h = new;
	return 0;
}

int em_synth_times_parse(const char *text, double *minute, size_t n, size_t *count, struct em_error *err)
{
	*count = 0;
	for (const char *at = text;; at++) {
		char *end;
		double now = strtod(at, &end);

		if (end == at || !(now >= 0) || (*end && *end != ',') || *count == n) {
			*count = 0;
			return em_error_set(err, EM_ERROR_USAGE,
			                    "--frames-at %.60s: expected minutes with commas between, at most %zu",
			                    text, n);
		}
		minute[(*count)++] = now;
		at = end;
		if (!*at)
			return 0;
	}
}

double em_synth_history_at(const struct em_synth_history *h, double minute)
{
	size_t i = 0;
	double part;

	while (i < h->points && h->minute[i] <= minute)
		i++;
	if (i == 0 || i == h->points)
		return h->points ? h->fraction[i ? i - 1 : 0] : 0;
	part = (minute - h->minute[i - 1]) / (h->minute[i] - h->minute[i - 1]);
	return h->fraction[i - 1] + part * (h->fraction[i] - h->fraction[i - 1]);
}

void em_synth_drift_draw(struct em_synth_drift *d, double total, struct em_random *r)
{
	double angle = em_random_between(r, 0, 2 * PI);

	d->end[0] = total * sin(angle);
	d->end[1] = total * cos(angle);
	for (int axis = 0; axis < 2; axis++)
		for (int k = 0; k < EM_SYNTH_WALK; k++)
			d->wave[axis][k] = 0.2 * total * em_random_normal(r) * sqrt(2) / (PI * (k + 1));
}

void em_synth_drift_at(const struct em_synth_drift *d, double tau, double at[2])
{
	for (int axis = 0; axis < 2; axis++) {
		at[axis] = tau * d->end[axis];
		for (int k = 0; k < EM_SYNTH_WALK && tau > 0 && tau < 1; k++)
			at[axis] += d->wave[axis][k] * sin(PI * (k + 1) * tau);
	}
}
