/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An instrument for tests of wires: it has everything, and no physics; opened without being in a table. */
#ifndef INSTRUMENT_HELP_H
#define INSTRUMENT_HELP_H

#include "scope/scope_parts.h"

#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIRE_DEGREE (3.14159265358979323846 / 180)

struct wire_instrument {
	double value[EM_CONTROLS];
	bool short_of_x; /* x stops a micrometre short */
	size_t most;     /* pixels along a side, 0: any */
	enum em_error_kind fails;
	int exposures, stops;
};
static struct wire_instrument wire_instrument;
static char wire_folder[64];

static inline double wire_now(void *self)
{
	static double t;

	(void)self;
	return t += 0.01;
}

static inline void wire_sleep(void *self, double seconds)
{
	(void)self, (void)seconds;
}

static inline int wire_capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*c = (struct em_capabilities){.family = "fake", .id = "wire", .detectors = 3};
	for (int i = 0; i < EM_CONTROLS; i++)
		c->readable.known[i] = c->writable.known[i] = true;
	c->writable.known[EM_VOLTAGE] = false;
	c->detector[0] = (struct em_detector){"CCD", EM_DETECTOR_CAMERA, 64, 64, 15e-6, true};
	c->detector[1] = (struct em_detector){"HAADF", EM_DETECTOR_SCAN, 128, 128, 0, true};
	c->detector[2] = (struct em_detector){"GIF", EM_DETECTOR_SPECTROMETER, 100, 1, 0, true};
	return 0;
}

static inline int wire_get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
                           struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*got = (struct em_controls){0};
	for (int i = 0; i < EM_CONTROLS; i++)
		if (want->known[i])
			em_controls_set(got, (enum em_control)i, wire_instrument.value[i]);
	return 0;
}

static inline int wire_set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	(void)self, (void)deadline;
	if (wire_instrument.fails)
		return em_error_set(err, wire_instrument.fails, "it would not");
	for (int i = 0; i < EM_CONTROLS; i++)
		if (want->known[i])
			wire_instrument.value[i] = want->value[i];
	if (want->known[EM_STAGE_X] && wire_instrument.short_of_x)
		wire_instrument.value[EM_STAGE_X] -= 1e-6;
	return 0;
}

static inline int wire_motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*m = EM_AT_REST;
	return 0;
}

static inline int wire_stop(void *self, double deadline, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	wire_instrument.stops++;
	return 0;
}

/* Of an image the pixels are 7 times their number, which every byte of the wire shows. */
static inline int wire_expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                              struct em_error *err)
{
	double width = e->width ? (double)e->width : !strcmp(e->detector, "CCD") ? 64 : 128;

	(void)self, (void)deadline, (void)err;
	a->scale[0] = a->scale[1] = 2e-6 / width; /* a field of two micrometres */
	a->to_stage[0][0] = -a->scale[1];
	a->to_stage[0][1] = a->to_stage[1][0] = 0;
	a->to_stage[1][1] = a->scale[1];
	a->offset = wire_instrument.value[EM_ENERGY_OFFSET];
	a->seconds = 0.5;
	a->dose = 3e20;
	a->electrons = 1;
	return 0;
}

static inline int wire_acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                               struct em_error *err)
{
	bool spectrum = !strcmp(e->detector, "GIF");
	size_t full = !strcmp(e->detector, "CCD") ? 64 : 128, width = e->width ? e->width : spectrum ? 100 : full;
	size_t shape[2] = {e->height ? e->height : full, width};

	wire_instrument.exposures++;
	if (wire_instrument.most && (shape[0] > wire_instrument.most || width > wire_instrument.most))
		return em_error_set(err, EM_ERROR_REFUSED, "so many pixels it has not");
	wire_expect(self, deadline, e, a, err);
	if (spectrum)
		a->scale[1] = wire_instrument.value[EM_DISPERSION];
	if (em_array_alloc(&a->data, EM_U16, spectrum ? 1 : 2, spectrum ? &width : shape, err))
		return -1;
	for (size_t i = 0; i < em_array_count(&a->data); i++)
		((uint16_t *)a->data.data)[i] = (uint16_t)(7 * i + 3);
	return 0;
}

static inline int wire_limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	for (int c = EM_STAGE_X; c <= EM_STAGE_Z; c++)
		lo[c] = -(hi[c] = 1e-3);
	for (int c = EM_STAGE_A; c <= EM_STAGE_B; c++)
		lo[c] = -(hi[c] = 30 * WIRE_DEGREE);
	return 0;
}

static inline void wire_close(void *self)
{
	(void)self;
}

static inline const struct em_driver *wire_open(const char *rest, const char *state_dir, double deadline, void **self,
                                                struct em_error *err)
{
	static const struct em_driver driver = {"wire",      wire_capabilities, NULL,         wire_get,    wire_set,
	                                        wire_motion, wire_stop,         wire_acquire, wire_expect, wire_limits,
	                                        wire_now,    wire_sleep,        wire_close};

	(void)rest, (void)state_dir, (void)deadline, (void)err;
	*self = &wire_instrument;
	return &driver;
}

/* As it comes: at the origin, 50 000 times, 200 kV, 0.5 eV channels. */
static inline struct em_scope *wire_scope(void)
{
	static const struct em_driver_kind kind = {"wire", "for tests", wire_open, NULL};
	struct em_scope_settings set = {.command = "test", .journal = "", .patience = 5};
	struct em_scope *s = NULL;
	struct em_error err = {0};

	wire_instrument = (struct wire_instrument){0};
	wire_instrument.value[EM_MAGNIFICATION] = 50000;
	wire_instrument.value[EM_VOLTAGE] = 200e3;
	wire_instrument.value[EM_DISPERSION] = 0.5;
	wire_instrument.value[EM_CAMERA_LENGTH] = 0.8;
	wire_instrument.value[EM_BEAM_CURRENT] = 50e-12;
	em_scope_limits_init(&set.limits);
	snprintf(wire_folder, sizeof(wire_folder), P_tmpdir "/em-wire-XXXXXX");
	set.state_dir = mkdtemp(wire_folder);
	if (!set.state_dir || em_scope_open_kind(&kind, "wire:", &set, &s, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return s;
}

/* For those who take many pictures: the dose meter has a line for each. */
static inline void wire_forget_dose(struct em_scope *s)
{
	if (wire_instrument.exposures && em_scope_dose_reset(s, NULL))
		abort();
	wire_instrument.exposures = 0;
}

/* And its folder goes. */
static inline void wire_scope_close(struct em_scope *s)
{
	DIR *d;
	struct dirent *entry;
	char path[512];

	em_scope_close(s);
	d = opendir(wire_folder);
	while (d && (entry = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", wire_folder, entry->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(wire_folder);
}

#endif
