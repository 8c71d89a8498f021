/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One neutral microscope: what can be read, set and acquired, whichever instrument it is.  SI units and radians; each
 * driver has its own unit table and turns them into its wire's.
 *
 * A *control* is a number that has a name (scope/control.h): stage.x, mag, defocus, beam.blanked.  A driver (struct
 * em_driver) reads and sets controls and acquires; it checks nothing and waits for nothing.  scope.h stands above it
 * and is what tools call: limits before the wire, one command at a time, waiting until rest, reading back, the journal.
 *
 * Errors, beside those of base/error.h:
 *   EM_ERROR_REFUSED      the instrument, or a limit of ours, said no; nothing has changed
 *   EM_ERROR_UNREACHABLE  no connection, a connection that broke, no answer within the deadline: what was asked may or
 *                         may not have happened
 *   EM_ERROR_MISSED       it did something else than was asked: read back beyond the tolerance
 *   EM_ERROR_UNSUPPORTED  this instrument, or this wire to it, cannot do that
 */
#ifndef EM_SCOPE_INSTRUMENT_H
#define EM_SCOPE_INSTRUMENT_H

#include "base/array.h"
#include "base/error.h"
#include "scope/control.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_DETECTORS_MAX 16
#define EM_DETECTOR_NAME 32

enum em_detector_kind {
	EM_DETECTOR_CAMERA,       /* sees what the projection shows: an image, or a diffraction pattern */
	EM_DETECTOR_SCAN,         /* one value for each place of the probe */
	EM_DETECTOR_SPECTROMETER, /* a spectrum of energy losses */
};

struct em_detector {
	char name[EM_DETECTOR_NAME]; /* "CCD", "HAADF" */
	enum em_detector_kind kind;
	size_t width, height; /* pixels at binning 1; of a spectrometer width are its channels, and height is 1 */
	double pixel_m;       /* of a camera; 0: not known */
	bool inserted;
};

/* What the instrument is and has. */
struct em_capabilities {
	char family[32], id[64], version[32];  /* as it calls itself */
	struct em_controls readable, writable; /* only their sets of known ones are used */
	struct em_detector detector[EM_DETECTORS_MAX];
	size_t detectors;
	bool can_stop; /* a stage move, while it goes */
};

/* NULL: it has none of that name. */
const struct em_detector *em_capabilities_detector(const struct em_capabilities *c, const char *name);

struct em_exposure {
	char detector[EM_DETECTOR_NAME];
	size_t width, height; /* of the picture; 0: the detector's, by the binning.  A spectrometer: channels, 1 */
	size_t binning;       /* 0: 1 */
	double seconds;       /* of a camera or spectrometer; 0: as it is set */
	double dwell;         /* seconds a pixel of a scan; 0: as it is set */
};

/* What an exposure gave, and what the instrument says of it; NAN where it does not. */
struct em_acquired {
	struct em_array data; /* [height][width], or [channels]; owned */
	double scale[2];      /* m a pixel in the specimen, y and x; of a diffraction pattern 1/m; eV a channel */
	double offset;        /* eV of channel 0 */
	/* From pixels (x to the right, y down) to what has to be added to the stage's x and y so that what is there
	 * comes to the middle, m; by the instrument's calibration, nan where it has none. */
	double to_stage[2][2];
	double seconds;   /* that it took, dead time and all */
	double dose;      /* electrons on the specimen, m^-2 */
	double electrons; /* a count of the detector's, i.e. counts = electrons * this; NAN: not known */
};
void em_acquired_release(struct em_acquired *a);

/* EM_AT_LIMIT: at rest where a hardware limiter stopped it. */
enum em_motion { EM_AT_REST, EM_MOVING, EM_NOT_READY, EM_AT_LIMIT };

/*
 * What a driver is.  Every call has `deadline` seconds on the driver's own clock; it returns 0 or -1.  A driver is used
 * by one thread at a time, but for stop, which a signal's helper may call while another call waits.
 */
struct em_driver {
	const char *name;
	/* Without asking the instrument where it can: wires are slow. */
	int (*capabilities)(void *self, double deadline, struct em_capabilities *c, struct em_error *err);
	/* May be NULL.  Of those known in *which those that can be read and set, where that costs fewer questions than
	 * all of the capabilities: a one-off command pays for what it needs. */
	int (*can)(void *self, double deadline, const struct em_controls *which, struct em_controls *readable,
	           struct em_controls *writable, struct em_error *err);
	/* Those that are known in *want; *got has those that could be read. */
	int (*get)(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
	           struct em_error *err);
	/* Begins to set those known in *want; the stage's axes together where the wire can.  May return before rest. */
	int (*set)(void *self, double deadline, const struct em_controls *want, struct em_error *err);
	int (*motion)(void *self, double deadline, enum em_motion *motion, struct em_error *err);
	int (*stop)(void *self, double deadline, struct em_error *err);
	int (*acquire)(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
	               struct em_error *err);
	/* May be NULL.  What this exposure would give, without exposing: all of *a but data, NAN where it cannot tell;
	 * for the dose budget and dry runs. */
	int (*expect)(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
	              struct em_error *err);
	/* The instrument's own limits of the axes: lo and hi [EM_CONTROLS], NAN where it has none.  NULL: never. */
	int (*limits)(void *self, double deadline, double *lo, double *hi, struct em_error *err);
	/* Seconds since any moment, and waiting: a simulator's clock may be virtual.  NULL: the system's. */
	double (*now)(void *self);
	void (*sleep)(void *self, double seconds);
	void (*close)(void *self);
};

/* One a scheme of URLs; in drivers.c.  open gets what follows "SCHEME:", and a folder, which is there, for what has to
 * outlive the process: a simulator's state.  NULL on failure. */
struct em_driver_kind {
	const char *scheme, *purpose;
	const struct em_driver *(*open)(const char *rest, const char *state_dir, double deadline, void **self,
	                                struct em_error *err);
	/* One instrument has one name, however its URL is written.  At a host that is host and port, and this the port
	 * where the URL gives none; */
	const char *port;
	/* else what follows "SCHEME:" in the one way to write it; to be freed.  NULL where it cannot be understood. */
	char *(*canonical)(const char *rest);
	/* The wire has no way to stop a stage.  Nobody connects to try: that may take the place of who moves it. */
	bool no_stop;
};
const struct em_driver_kind *em_driver_kind_at(size_t i); /* NULL past the last */

#endif
