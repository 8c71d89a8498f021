/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a specimen on a canvas to what a detector counts: optics, scan, dose.  A session is a microscope set up for some
 * pictures; a view is one exposure in it.
 */
#ifndef EM_SYNTH_VIEW_H
#define EM_SYNTH_VIEW_H

#include "base/array.h"
#include "base/text.h"
#include "synth/texture.h"

struct em_synth_range {
	double lo, hi; /* lo <= hi */
};

struct em_synth_conditions {           /* what was asked for */
	unsigned contrasts;            /* bits; not 0 */
	struct em_synth_range dose;    /* electrons a pixel, > 0 */
	bool dose_given;               /* else more than that where nothing would be seen */
	struct em_synth_range defocus; /* nm */
	bool defocus_given;            /* else as suits what is seen */
	double artefacts;              /* 0 none .. 1 as usual .. : of scan, stage, beam and specimen */
};

struct em_synth_session {
	enum em_synth_contrast contrast;
	enum em_synth_domain domain;
	double pixel_nm;
	double probe_px; /* scanned: the probe in focus, standard deviation */
	double defocus_nm;
	double phase;      /* broad beam: strength of the phase contrast beside the absorption */
	double dose;       /* electrons that the detector counts in a pixel of brightness 1, on average */
	double mean, grey; /* brightness `mean` becomes this grey level ... */
	double gain;       /* ... and a brightness of 1 more so many levels more */
	bool varied;       /* pictures differ as if taken on other days */
};

struct em_synth_view {
	enum em_synth_contrast contrast;
	struct em_synth_pose pose;
	double pixel_nm;
	double drift[2]; /* pixels a row */
	double probe_px, defocus_nm, phase;
	double astigmatism_nm, astigmatism_angle;
	double dose, black, gain; /* grey level = black + gain * counts / dose */
	double jitter;            /* of lines, pixels, standard deviation */
	double slope[2];          /* of the brightness, from border to border */
	double contamination;     /* share of the brightness at the middle of what has grown ... */
	double grown_at[2];       /* ... here, from -1 to 1 across the picture and down */
	double charging;          /* share of the brightness that trails behind bright places are darker by */
};

/* Can what has these contrasts and domains (bits) be shown in one of the contrasts asked for?  Surfaces are seen by
 * secondary electrons, and nothing else is. */
bool em_synth_session_possible(unsigned contrasts, unsigned domains, unsigned asked);
/* A session that can show it, which must be possible. */
void em_synth_session_draw(struct em_synth_session *s, const struct em_synth_conditions *c, unsigned contrasts,
                           unsigned domains, struct em_random *r);
/* Focus a broad beam on a crystal: such that its planes are seen.  Of other contrasts and textures: nothing. */
void em_synth_session_focus(struct em_synth_session *s, const struct em_synth_texture *t, struct em_random *r);
/* What the canvas, formed, shows of height x width pixels. */
struct em_synth_levels {
	double mean, variance;
};
struct em_synth_levels em_synth_view_measure(const struct em_synth_canvas *c, size_t height, size_t width);
/* As the operator does: set grey levels and gain by the n things that are to be seen, and the dose by the first. */
void em_synth_session_set_levels(struct em_synth_session *s, const struct em_synth_conditions *c,
                                 const struct em_synth_levels *seen, size_t n, struct em_random *r);
/* One exposure of t (its angle and whether it turns). */
void em_synth_view_draw(struct em_synth_view *v, const struct em_synth_session *s, const struct em_synth_conditions *c,
                        const struct em_synth_texture *t, struct em_random *r);
/* Dose, black and gain as the session has them, changed as `vary` (0 .. 1) allows. */
void em_synth_view_set_levels(struct em_synth_view *v, const struct em_synth_session *s,
                              const struct em_synth_conditions *c, double vary, struct em_random *r);
/* Members of a JSON object. */
void em_synth_view_print(const struct em_synth_view *v, struct em_text *out);

/*
 * image: matter -> brightness, 1 where the beam is whole (BF, ABF) or the scattering is that of thickness 1.
 *
 * Scanned: the brightness (HAADF, SEM), or exp(-density) (ABF), under a Gaussian probe of variance
 * probe_px^2 + (convergence * (defocus +- astigmatism) / 2)^2; 20 mrad, SEM 5 mrad.
 * Broad beam: exp(-density * h), h's transform 1 + 2 phase sin(chi) E, with chi = pi lambda Df k^2 - pi/2 Cs lambda^3
 * k^4 (Reimer and Kohl, Transmission Electron Microscopy, 5th ed., 6.2; Df > 0 is underfocus, Df = defocus +
 * astigmatism cos 2(theta - angle)), E = exp(-(k / 10 nm^-1)^2), at 200 kV; Cs 0.01 mm below 0.1 nm a pixel, else 1.2
 * mm.
 */
void em_synth_view_form(struct em_synth_canvas *c, const struct em_synth_view *v);

/*
 * One exposure of height x width pixels out of the canvas's middle: counts (float: a number of electrons each) are
 * Poisson's around dose * brightness.  labels (may be NULL): the canvas's labels, moved with the lines of the scan.
 */
void em_synth_view_expose(const struct em_synth_canvas *c, const struct em_synth_view *v, size_t height, size_t width,
                          float *counts, unsigned char *labels, struct em_random *r);

/* What v's amplifier makes of counts: uint8. */
void em_synth_view_amplify(const struct em_synth_view *v, const float *counts, size_t n, unsigned char *grey);

#endif
