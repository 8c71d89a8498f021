/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A simulated microscope for tests: its model, and itself as a driver in virtual time. */
#ifndef EM_TESTS_SIM_HELP_H
#define EM_TESTS_SIM_HELP_H

#include "scope/sim/driver.h"
#include "scope/sim/exposure.h"

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

#define PI 3.14159265358979323846
#define DEG (PI / 180)

#define assert_near(a, b, within)                                                                                      \
	do {                                                                                                           \
		double assert_a = (a), assert_b = (b);                                                                 \
		if (!(fabs(assert_a - assert_b) <= (within)))                                                          \
			fail_msg("%s is %.12g, not %.12g within %g", #a, assert_a, assert_b, (double)(within));        \
	} while (0)

static inline struct em_sim_model model_of(const char *options)
{
	struct em_sim_options o;
	struct em_sim_model m;

	assert_int_equal(em_sim_options_parse(&o, options, NULL), 0);
	em_sim_model_make(&m, &o, o.seed);
	em_sim_options_release(&o);
	return m;
}

static inline void move_to(const struct em_sim_model *m, struct em_sim_stage *s, double *time, int axis, double to,
                           struct em_random *r)
{
	double want[EM_SIM_AXES] = {NAN, NAN, NAN, NAN, NAN};

	want[axis] = to;
	em_sim_stage_move(m, s, *time, want, 1, r);
	*time = fmax(*time, em_sim_axis_end(&m->axis[axis], &s->axis[axis]));
}

/* ---- the driver ---- */

struct scope {
	const struct em_driver *d;
	void *self;
};

static inline struct scope open_sim(const char *rest, const char *dir)
{
	struct em_error err = {0};
	struct scope s = {NULL, NULL};

	s.d = em_driver_sim.open(rest, dir, 10, &s.self, &err);
	if (!s.d)
		fail_msg("sim:%s: %s", rest, err.text);
	return s;
}

/* The kind of the error, EM_ERROR_NONE where there was none. */
static inline enum em_error_kind set_one(struct scope s, enum em_control c, double v)
{
	struct em_controls want = {.known = {false}};
	struct em_error err = {EM_ERROR_NONE, ""};

	em_controls_set(&want, c, v);
	return s.d->set(s.self, 10, &want, &err) ? err.kind : EM_ERROR_NONE;
}

static inline double get_one(struct scope s, enum em_control c)
{
	struct em_controls want = {.known = {false}}, got = {.known = {false}};
	struct em_error err;

	em_controls_set(&want, c, 0);
	if (s.d->get(s.self, 10, &want, &got, &err))
		fail_msg("%s", err.text);
	assert_true(got.known[c]);
	return got.value[c];
}

static inline enum em_error_kind motion(struct scope s, double deadline, enum em_motion *m)
{
	struct em_error err = {EM_ERROR_NONE, ""};

	return s.d->motion(s.self, deadline, m, &err) ? err.kind : EM_ERROR_NONE;
}

static inline enum em_error_kind expose(struct scope s, const char *detector, size_t side, struct em_acquired *a)
{
	struct em_exposure e = {.width = side, .height = side};
	struct em_error err = {EM_ERROR_NONE, ""};

	snprintf(e.detector, sizeof(e.detector), "%s", detector);
	return s.d->acquire(s.self, 100, &e, a, &err) ? err.kind : EM_ERROR_NONE;
}

/* A folder of its own for a test's states; remove_folder takes it away with all that is in it. */
static inline char *make_folder(void)
{
	char *dir = strdup(P_tmpdir "/em-sim-XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void remove_folder(char *dir)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
	free(dir);
}

#endif
