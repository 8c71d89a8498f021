/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The column: which values a control takes, what it is when it is read, and how the picture lies on the specimen: as
 * the instrument is calibrated (nominal), and in truth.
 *
 * Magnifications and camera lengths are those of tables, 1 1.2 1.5 2 2.5 3 4 5 6 8 and their tens: tem 50 to 1.5
 * million (below 2000 another lens makes the image, which turns it), stem 200 to 100 million; 80 mm to 2.5 m, and 20 mm
 * to 500 mm in stem.  What is asked for between two goes to the nearer one (by ratio); past the ends it is refused.
 */
#ifndef EM_SCOPE_SIM_OPTICS_H
#define EM_SCOPE_SIM_OPTICS_H

#include "scope/sim/state.h"

#include "scope/instrument.h"

enum em_sim_mode { EM_SIM_TEM, EM_SIM_STEM }; /* as in control.c */

#define EM_SIM_DETECTORS 5

/* A detector as it is made. */
struct em_sim_detector {
	const char *name;
	enum em_detector_kind kind;
	size_t width, height, most;                                   /* at binning 1; the longest side of a scan */
	double pixel;                                                 /* of a camera, m */
	double dqe, gain, offset, read_noise, saturation, blur, flat; /* as in view.h */
	double inner, outer;                                          /* rad */
	double usual, least, longest; /* seconds: of an exposure, or of a scan's dwell */
	double overhead, line;        /* s: of readout, and of a scan's flyback */
};
/* CCD, HAADF, ABF, BF, EELS; NULL past the last. */
const struct em_sim_detector *em_sim_detector_at(size_t i);
/* By name, letters of either case; NULL: none. */
const struct em_sim_detector *em_sim_detector_find(const char *name);

/* lo and hi [EM_CONTROLS] of what may be set; NAN: anything, or it cannot be set. */
void em_sim_limits(const struct em_sim_model *m, double *lo, double *hi);
bool em_sim_can_set(const struct em_sim_model *m, enum em_control c);
/* The value that the control goes to when it is asked to go to v.  EM_ERROR_REFUSED: there is none near it. */
int em_sim_optics_snap(enum em_sim_mode mode, enum em_control c, double v, double *to, struct em_error *err);

/* Could they have been set so? */
bool em_sim_optics_are_possible(const struct em_sim_state *s);
/* Sets what is known of the optics in *want: all of it or nothing. */
int em_sim_optics_set(const struct em_sim_model *m, struct em_sim_state *s, const struct em_controls *want,
                      struct em_error *err);
double em_sim_optics_get(const struct em_sim_model *m, const struct em_sim_state *s, enum em_control c,
                         struct em_random *r);

double em_sim_current(const struct em_sim_state *s);     /* A, of the beam that comes to the specimen */
double em_sim_beam_radius(const struct em_sim_state *s); /* m, of the broad beam */

/*
 * A picture's plane (view.h): columns and rows to metres, or of a pattern to 1/m.  `step`: m in the plane of the
 * detector a pixel of the picture, or of a scan its share of the field's width.
 */
void em_sim_plane_camera(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                         double plane[2][2]);
void em_sim_plane_pattern(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                          double plane[2][2]);
void em_sim_plane_scan(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                       double plane[2][2]);
/* How far from the place that the stage has on the axis the middle of the picture is, m in the specimen. */
void em_sim_optics_shift(const struct em_sim_model *m, const struct em_sim_state *s, double shift[2]);

#endif
