/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bragg peaks of lattices that are known, and what a request for spots finds among them. */
#ifndef EM_TEST_SPOTS_HELP_H
#define EM_TEST_SPOTS_HELP_H

#include "crystal/spots.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

static inline void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* The peaks h a* + k b* of a lattice that is turned by `degrees`, and strangers; the further out the weaker. */
struct bench {
	struct em_bragg_peak peak[20];
	struct em_bragg_peaks peaks;
	struct em_spots_view view;
};

static inline void add_peak(struct bench *b, double y, double x, double power)
{
	size_t at = b->peaks.count++;

	if (x < 0) {
		y = -y;
		x = -x;
	}
	b->peak[at] =
	    (struct em_bragg_peak){.y = y, .x = x, .sigma_y = 1e-4, .sigma_x = 1e-4, .power = power, .snr = power};
	for (; at > 0 && b->peak[at].snr > b->peak[at - 1].snr; at--) {
		struct em_bragg_peak swap = b->peak[at];

		b->peak[at] = b->peak[at - 1];
		b->peak[at - 1] = swap;
	}
}

static const int nodes[][2] = {{1, 0}, {0, 1}, {1, 1}, {1, -1}, {2, 0}, {0, 2}};

static inline void add_lattice(struct bench *b, double a, double bb, double gamma, double degrees, double power)
{
	double t = degrees * TURN / 360, u = t + gamma * TURN / 360;

	for (size_t i = 0; i < 6; i++)
		add_peak(b, nodes[i][0] * a * sin(t) + nodes[i][1] * bb * sin(u),
		         nodes[i][0] * a * cos(t) + nodes[i][1] * bb * cos(u), power / (1 + (double)i));
}

/* 0.4 x 0.32 nm at right angles in pixels of 0.04 nm, turned by 17 degrees. */
static inline void set_up(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->peaks.peak = b->peak;
	b->view = (struct em_spots_view){&b->peaks, 300, 300, {0.04, 0.04}};
	add_lattice(b, 0.1, 0.125, 90, 17, 1000);
}

static inline int find(const struct bench *b, struct em_spots *out, const char *const *texts, size_t n,
                       struct em_error *err)
{
	struct em_spots_request r[10];

	*err = (struct em_error){0};
	*out = (struct em_spots){0};
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_spots_request_parse(&r[i], texts[i], NULL), 0);
	return em_spots_find(out, r, n, &b->view, err);
}

static inline int find_one(const struct bench *b, struct em_spots *out, const char *text)
{
	struct em_error err;
	int status = find(b, out, &text, 1, &err);

	assert_true(status == 0 || (err.kind == EM_ERROR_DATA && *err.text));
	return status;
}

#endif
