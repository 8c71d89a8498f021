/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A driver for tests: a microscope in memory with a clock of its own, which does wrong what it is told to.  One at a
 * time: `fake` below is it.
 */
#ifndef EM_TESTS_SCOPE_FAKE_H
#define EM_TESTS_SCOPE_FAKE_H

#include "scope/scope_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum fake_fault {
	FAKE_FINE,
	FAKE_REFUSE,      /* set: no; nothing happens */
	FAKE_IGNORE,      /* set: yes; nothing happens */
	FAKE_SHORT,       /* the stage stops at half the way, without a word */
	FAKE_CLAMP,       /* the stage goes to 1 um instead, or -1 um */
	FAKE_DROP,        /* set: the connection breaks before it is heard */
	FAKE_DEAF,        /* set: it is done, but the answer is lost */
	FAKE_STALL,       /* set: no answer until the deadline; it is done */
	FAKE_NAN,         /* get: no numbers */
	FAKE_FLAKY,       /* get: every second reading fails */
	FAKE_ENDLESS,     /* the stage never comes to rest */
	FAKE_NOT_READY,   /* and says so */
	FAKE_NO_DETECTOR, /* acquire: it is retracted */
	FAKE_LOST_FRAME,  /* acquire: exposed, but the answer is lost */
	FAKE_FAULTS
};

static struct fake {
	double now;
	double lag;   /* s that the status and the positions come late */
	double speed; /* m/s and rad/s */
	double gap;   /* s that it rests between two axes */
	enum fake_fault fault;
	double value[EM_CONTROLS], from[EM_CONTROLS], to[EM_CONTROLS];
	double start[5], end[5]; /* of each axis */
	double calls;            /* seconds that each call takes */
	size_t questions;        /* what its capabilities are */
	size_t gets, sets, stops, exposures, closes;
	struct em_controls set[16]; /* what was asked for, in order */
	double drift;               /* m/s of the picture along x, falls by half every second */
	double longest;             /* the longest that a call took over its deadline */
	bool single_tilt, narrow;
	bool no_expect; /* nor a scale with the picture */
	double dose;    /* m^-2 of an exposure */
	double deadline;
} fake;

static inline void fake_init(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.speed = 100e-6;
	fake.calls = 0.002;
	fake.dose = 1e20;
	fake.value[EM_MAGNIFICATION] = 50000;
	fake.value[EM_VOLTAGE] = 200e3;
	fake.value[EM_BEAM_CURRENT] = 1e-10;
}

static double fake_position(int c, double at)
{
	double t = (at - fake.start[c]) / (fake.end[c] - fake.start[c]);

	if (!(fake.end[c] > fake.start[c]) || t >= 1)
		return fake.value[c];
	return t <= 0 ? fake.from[c] : fake.from[c] + t * (fake.to[c] - fake.from[c]);
}

static void fake_tick(double deadline)
{
	fake.deadline = deadline;
	fake.now += fake.calls;
}

static int fake_capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	(void)self;
	(void)deadline;
	(void)err;
	fake.questions++;
	memset(c, 0, sizeof(*c));
	snprintf(c->family, sizeof(c->family), "fake");
	for (int i = 0; i < EM_CONTROLS; i++) {
		c->readable.known[i] = !fake.single_tilt || i != EM_STAGE_B;
		c->writable.known[i] = i != EM_VOLTAGE && i != EM_BEAM_CURRENT;
	}
	c->detector[0] = (struct em_detector){"CCD", EM_DETECTOR_CAMERA, 64, 48, 24e-6, true};
	c->detector[1] = (struct em_detector){"HAADF", EM_DETECTOR_SCAN, 64, 64, 0, true};
	c->detector[2] = (struct em_detector){"EELS", EM_DETECTOR_SPECTROMETER, 128, 1, 0, true};
	c->detectors = 3;
	c->can_stop = true;
	return 0;
}

/* By its wire, which could b as well. */
static int fake_can(void *self, double deadline, const struct em_controls *which, struct em_controls *readable,
                    struct em_controls *writable, struct em_error *err)
{
	(void)self;
	(void)deadline;
	(void)err;
	*readable = *writable = *which;
	writable->known[EM_VOLTAGE] = writable->known[EM_BEAM_CURRENT] = false;
	return 0;
}

static int fake_get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
                    struct em_error *err)
{
	(void)self;
	fake_tick(deadline);
	fake.gets++;
	if (fake.fault == FAKE_FLAKY && fake.gets % 2)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "the connection broke");
	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && !(fake.single_tilt && c == EM_STAGE_B))
			em_controls_set(got, (enum em_control)c,
			                fake.fault == FAKE_NAN ? NAN
			                : c < 5                ? fake_position(c, fake.now - fake.lag)
			                                       : fake.value[c]);
	return 0;
}

static void fake_go(int c, double to, double *begin)
{
	fake.from[c] = fake_position(c, fake.now);
	if (fake.fault == FAKE_SHORT)
		to = 0.5 * (fake.from[c] + to);
	if (fake.fault == FAKE_CLAMP)
		to = fmax(-1e-6, fmin(1e-6, to));
	fake.value[c] = fake.to[c] = to;
	fake.start[c] = *begin;
	fake.end[c] = *begin + fabs(to - fake.from[c]) / fake.speed;
	if (fake.fault == FAKE_ENDLESS || fake.fault == FAKE_NOT_READY)
		fake.end[c] = INFINITY;
	*begin = fake.end[c] + fake.gap;
}

static int fake_set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	double begin;

	(void)self;
	fake_tick(deadline);
	if (fake.sets < 16)
		fake.set[fake.sets] = *want;
	fake.sets++;
	if (fake.fault == FAKE_REFUSE)
		return em_error_set(err, EM_ERROR_REFUSED, "it will not");
	if (fake.fault == FAKE_IGNORE)
		return 0;
	if (fake.fault == FAKE_DROP)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "the connection broke");
	begin = fake.now;
	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && c < 5)
			fake_go(c, want->value[c], &begin);
		else if (want->known[c])
			fake.value[c] = want->value[c];
	if (fake.fault == FAKE_STALL)
		fake.now += deadline;
	if (fake.fault == FAKE_STALL || fake.fault == FAKE_DEAF)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "no answer");
	return 0;
}

static bool fake_moves(double at)
{
	for (int c = 0; c < 5; c++)
		if (at >= fake.start[c] && at < fake.end[c])
			return true;
	return false;
}

static int fake_motion(void *self, double deadline, enum em_motion *motion, struct em_error *err)
{
	(void)self;
	(void)err;
	fake_tick(deadline);
	*motion = !fake_moves(fake.now - fake.lag) ? EM_AT_REST
	          : fake.fault == FAKE_NOT_READY   ? EM_NOT_READY
	                                           : EM_MOVING;
	return 0;
}

static int fake_stop(void *self, double deadline, struct em_error *err)
{
	(void)self;
	(void)err;
	fake_tick(deadline);
	fake.stops++;
	for (int c = 0; c < 5; c++) {
		fake.value[c] = fake_position(c, fake.now);
		fake.start[c] = fake.end[c] = 0;
	}
	return 0;
}

/* Blobs on a slope that goes from one exposure to the next. */
static void fake_picture(struct em_array *a, double shift)
{
	unsigned short *p = a->data;

	for (size_t i = 0; i < em_array_count(a); i++) {
		double x = (double)(i % a->shape[1]) - shift, y = (double)(i / a->shape[1]);

		p[i] = (unsigned short)(1000 + 300 * sin(0.31 * x + 0.2 * y) * cos(0.23 * y - 0.11 * x) +
		                        200 * sin(0.7 * x) * sin(0.53 * y));
	}
}

static int fake_expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                       struct em_error *err)
{
	(void)self;
	(void)err;
	(void)e;
	fake_tick(deadline);
	if (fake.no_expect)
		return 0;
	a->scale[0] = a->scale[1] = 1e-9;
	a->dose = fake.dose;
	a->seconds = 0.5;
	return 0;
}

static int fake_acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                        struct em_error *err)
{
	bool loss = !strcmp(e->detector, "EELS");
	size_t w = e->width ? e->width : loss ? 128 : 64, h = e->height ? e->height : 48;

	(void)self;
	fake_tick(deadline);
	if (fake.fault == FAKE_NO_DETECTOR)
		return em_error_set(err, EM_ERROR_REFUSED, "%s is retracted", e->detector);
	fake.exposures++;
	fake.now += 0.5;
	if (fake.fault == FAKE_LOST_FRAME)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "no answer");
	if (loss ? em_array_alloc(&a->data, EM_I32, 1, &w, err) : em_array_alloc_image(&a->data, EM_U16, h, w, err))
		return -1;
	if (!loss)
		fake_picture(&a->data, fake.drift / log(2) * (1 - exp2(-fake.now)) / 1e-9);
	a->scale[0] = a->scale[1] = loss ? 0.25 : fake.no_expect ? NAN : 1e-9;
	a->offset = loss ? -10 : NAN;
	a->to_stage[0][0] = -1e-9;
	a->to_stage[1][1] = 1e-9;
	a->to_stage[0][1] = a->to_stage[1][0] = 0;
	a->dose = loss ? NAN : fake.dose;
	a->seconds = 0.5;
	a->electrons = 2;
	return 0;
}

static int fake_limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	(void)self;
	(void)err;
	fake_tick(deadline);
	lo[EM_STAGE_X] = fake.narrow ? -10e-6 : -1e-3;
	hi[EM_STAGE_X] = -lo[EM_STAGE_X];
	return 0;
}

static double fake_now(void *self)
{
	(void)self;
	return fake.now;
}

static void fake_sleep(void *self, double seconds)
{
	(void)self;
	fake.now += seconds;
}

static void fake_close(void *self)
{
	(void)self;
	fake.closes++;
}

static const struct em_driver fake_driver = {.name = "fake",
                                             .capabilities = fake_capabilities,
                                             .can = fake_can,
                                             .get = fake_get,
                                             .set = fake_set,
                                             .motion = fake_motion,
                                             .stop = fake_stop,
                                             .acquire = fake_acquire,
                                             .expect = fake_expect,
                                             .limits = fake_limits,
                                             .now = fake_now,
                                             .sleep = fake_sleep,
                                             .close = fake_close};

static const struct em_driver *fake_open(const char *rest, const char *state_dir, double deadline, void **self,
                                         struct em_error *err)
{
	(void)rest;
	(void)state_dir;
	(void)deadline;
	(void)err;
	*self = &fake;
	return &fake_driver;
}

static const struct em_driver_kind fake_kind = {"fake", "for tests", fake_open};

/* ---- a folder for the state, before and after a group of tests ---- */

static char fake_folder[] = "em-scope-XXXXXX";

static inline int fake_make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	if (chdir(base && *base ? base : P_tmpdir))
		return -1;
	return mkdtemp(fake_folder) ? 0 : -1;
}

static inline int fake_remove_folder(void **state)
{
	static const char *const ext[] = {"lock", "jsonl", "dose"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *path = em_scope_file(fake_folder, "fake:", ext[i]);

		unlink(path);
		free(path);
	}
	return rmdir(fake_folder);
}

#endif
