/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The numbers of one simulated microscope: what its seed and holder make of it, and what no command changes.  All
 * errors are of the size that people measure on instruments: play of micrometres, repeatability of 50 to 150 nm, the
 * cyclic error of about 4 um of older stages (Pulokas et al., J. Struct. Biol. 128 (1999) 250), status bits that lag.
 */
#ifndef EM_SCOPE_SIM_MODEL_H
#define EM_SCOPE_SIM_MODEL_H

#include "scope/sim/options.h"

#include <stdint.h>

#define EM_SIM_AXES 5 /* x, y, z, a, b: m and rad, in the order of enum em_control */
/* And the piezos of x and y, which add to where the motors stand. */
#define EM_SIM_DRIVES 7
#define EM_SIM_PIEZO EM_SIM_AXES
#define EM_SIM_WAVES 3

struct em_sim_axis_model {
	double lo, hi;
	double speed, acceleration;
	double quantum; /* of the encoder */
	double play;    /* the specimen follows the drive when this slack is taken up */
	double repeat,
	    repeat_length; /* rms of the place that the same reading means; moves well below the length share it */
	double cyclic, period, phase; /* amplitude */
	double creep,
	    tau; /* a move ends short by creep (1 - exp(-way / repeat_length)), and gets there with exp(-t / tau) */
	double aim, jitter; /* rms: where the drive stops, what the encoder reads */
	double wave[EM_SIM_WAVES], wave_period[EM_SIM_WAVES], wave_phase[EM_SIM_WAVES]; /* of the thermal drift */
};

struct em_sim_model {
	uint64_t seed;
	struct em_sim_axis_model axis[EM_SIM_DRIVES];
	/* what limiters keep: how far the holder goes from the middle of the column, m; and how much of the tilt is
	 * lost a metre above or below the height that is free, rad/m and m */
	double reach, free_height, tilt_lost;
	bool in_sequence, has_b;
	double latency;        /* s, from a command to the first move, and between moves in sequence */
	double lag_lo, lag_hi; /* s, by which the status is late */
	/* the goniometer: the specimen's height above the tilt axis at z = 0, the axis's way from the optical one, the
	 * pivot of the inner tilt along the rod, and the specimen's height above that */
	double height, axis_offset, pivot, pivot_height;
	/* optics: true against nominal */
	double camera_scale, camera_rotation, camera_rotation_low; /* 1 + error; rad, of the image against the stage */
	double camera_rotation_error;
	double scan_scale[2], scan_shear, scan_rotation_error;
	double length_scale, pattern_rotation; /* of camera lengths; rad */
	double shift[2][2], beam_shift[2][2];  /* m in the specimen for a metre that was set: crosstalk and all */
	double beam_crosstalk;                 /* of beam shift into the image */
	double mode_shift, mode_focus;         /* m rms: what a change of mode leaves behind */
	double astigmatism[2], stigmator;      /* m that is there, m a unit of the stigmator */
	double current_scale;                  /* 1 + error of what is read */
	double energy_error, energy_scale, energy_drift; /* eV, 1 + error, eV of slow drift */
};

/* Of these options; seed is that of the state, which may not be the options'. */
void em_sim_model_make(struct em_sim_model *m, const struct em_sim_options *o, uint64_t seed);

#endif
