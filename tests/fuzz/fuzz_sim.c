/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what the simulator reads, by the first one: a specimen, or numbers of a state with a digest that
 * fits them; either is refused with a reason, or is a microscope that works.  Or a state's whole file.  The second byte
 * is how it is used then.
 */
#include "fuzz_help.h"
#include "io/bytes.h"
#include "scope/sim/driver.h"
#include "scope/sim/state.h"

#include <math.h>

#define SIDE 24

static void check_failed(int status, const struct em_error *err)
{
	check(!status || (err->kind != EM_ERROR_NONE && *err->text));
}

static void set(const struct em_driver *d, void *self, unsigned how)
{
	static const double mag[] = {200, 20000, 200000, 4e6};
	struct em_controls want = {.known = {[EM_MODE] = true, [EM_PROJECTION] = true},
	                           .value = {[EM_MODE] = how & 1, [EM_PROJECTION] = (how >> 1) & 1}};
	struct em_error err = {0};

	check_failed(d->set(self, 100, &want, &err), &err);
	want = (struct em_controls){0};
	if (!(how & 2))
		em_controls_set(&want, EM_MAGNIFICATION, mag[(how >> 2) & 3]);
	if (how & 16)
		em_controls_set(&want, EM_STAGE_X, 18e-6);
	if (how & 32)
		em_controls_set(&want, EM_STAGE_A, 0.3);
	check_failed(d->set(self, 100, &want, &err), &err);
	d->sleep(self, 30);
}

static void get(const struct em_driver *d, void *self)
{
	struct em_controls all, got;
	struct em_capabilities c;
	struct em_error err = {0};
	enum em_motion m;

	check(!d->capabilities(self, 100, &c, &err) && c.detectors > 0);
	all = c.readable;
	if (d->get(self, 100, &all, &got, &err))
		check_failed(-1, &err);
	else
		for (int i = 0; i < EM_CONTROLS; i++)
			check(!all.known[i] || (got.known[i] && isfinite(got.value[i])));
	check_failed(d->motion(self, 100, &m, &err), &err);
}

static void expose(const struct em_driver *d, void *self, unsigned how)
{
	struct em_exposure e = {.width = SIDE, .height = SIDE, .seconds = 0.1, .dwell = 1e-6};
	struct em_capabilities c;
	struct em_acquired a;
	struct em_error err = {0};

	check(!d->capabilities(self, 100, &c, NULL));
	const struct em_detector *on = &c.detector[(how >> 6) % c.detectors];
	snprintf(e.detector, sizeof(e.detector), "%s", on->name);
	if (on->kind == EM_DETECTOR_SPECTROMETER)
		e.width = e.height = 0;
	if (d->acquire(self, 100, &e, &a, &err)) {
		check_failed(-1, &err);
		return;
	}
	check(a.data.ndim == (on->kind == EM_DETECTOR_SPECTROMETER ? 1 : 2) && em_array_count(&a.data) > 0);
	em_acquired_release(&a);
}

static void use(const char *option, const char *path, unsigned how)
{
	struct em_error err = {0};
	char rest[128];
	void *self;
	const struct em_driver *d;

	snprintf(rest, sizeof(rest), "%s?clock=virtual&truth=off%s%s", *option ? "" : path, option,
	         *option ? path : "");
	d = em_driver_sim.open(rest, NULL, 10, &self, &err);
	if (!d) {
		check(err.kind == EM_ERROR_DATA && *err.text);
		return;
	}
	get(d, self);
	set(d, self, how);
	expose(d, self, how);
	check_failed(d->stop(self, 100, &err), &err);
	get(d, self);
	d->close(self);
}

/* Numbers of a good state, each with its place before it; whoever writes them can make the digest as well. */
static void as_state(const uint8_t *data, size_t size, unsigned how)
{
	struct em_sim_store store = {.path = file_of("", 0), .fd = -1};
	struct em_sim_state s, old;
	bool fresh = false;

	em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, false);
	for (size_t at = 0; at + 10 <= size; at += 10)
		memcpy((double *)&s + em_bytes_u16(data + at, false) % (sizeof(s) / sizeof(double)), data + at + 2,
		       sizeof(double));
	check(!em_sim_store_open(&store, 1, &old, &fresh, NULL) && fresh);
	check(!em_sim_store_write(&store, &s, NULL));
	em_sim_store_close(&store);
	use("&state=", store.path, how);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 3) {
	case 0: use("", file_of(data + 2, size - 2), data[1]); break;
	case 1: as_state(data + 2, size - 2, data[1]); break;
	default: use("&state=", file_of(data + 2, size - 2), data[1]);
	}
	return 0;
}
