/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the specimen to what a detector is expected to see: the parts of em_sim_form that image.c puts together.
 *
 * A frame has, for each pixel, what the beam goes through, added up over everything that lies there.  `matter` is, of a
 * bright image, optical density (mass thickness and diffraction contrast); of a dark one the share of electrons that
 * single scattering brings to the detector; `phase` the shift of the wave, rad.  Things are drawn one after the other
 * in rows, each as sharp as pixels and probe show it, so that there is no cost for what is not in the picture and none
 * for a blur; what is much smaller than a pixel is spread evenly.
 *
 *     elastic density   Z^1.3 n t / 180 nm of carbon      (beyond 10 mrad, 200 kV; as aperture^-0.7; none: 0.45)
 *     dark field        7.1e-8 nm^2 Z^1.7 n t             (60 to 200 mrad; goes as 1 / inner^2 - 1 / outer^2)
 *     phase             7.29e-3 rad / (V nm), potential 0.0257 V nm^3 Z^0.7 n
 *     diffraction       two beams at a time: sin^2(pi t s') / (xi s')^2, s'^2 = s^2 + 1 / xi^2, xi = 20 nm for gold
 *                       and in proportion to 1 / F (Williams and Carter, Transmission Electron Microscopy, 2nd ed., 13)
 */
#ifndef EM_SCOPE_SIM_IMAGE_H
#define EM_SCOPE_SIM_IMAGE_H

#include "scope/sim/world.h"

#define EM_SIM_TABLE 64
/* What a column of atoms does to one period of a crystal: mean 1. */
struct em_sim_lattice {
	uint64_t id;      /* of the thing, or the section's layer */
	double period[2]; /* m */
	double angle;     /* of fringes: of their normal in the plane across the beam; else of the thing */
	float matter[EM_SIM_TABLE * EM_SIM_TABLE], phase[EM_SIM_TABLE * EM_SIM_TABLE];
};

/* The strongest beams of a crystal down its third axis. */
#define EM_SIM_BEAMS 6
struct em_sim_beams {
	size_t count;
	double g[EM_SIM_BEAMS][2]; /* 1/m, along its first and second axis */
	double xi[EM_SIM_BEAMS];   /* m */
};

struct em_sim_frame {
	const struct em_sim_world *world;
	const struct em_sim_view *view;
	size_t width, height; /* with margins */
	size_t margin;
	float *matter, *phase; /* [height][width]; phase NULL: not wanted.  Owned */
	double *jitter;        /* [height]: columns; NULL: none.  Owned */
	double jump;           /* the farthest of them */
	/* a pixel's place on the plane z = 0, from (view->x, view->y): origin + column * step[0] + row * step[1] */
	double origin[2], step[2][2];
	double back[2][2]; /* from such a place to column and row: their difference from those of the origin */
	double lift[2];    /* what is at z is seen at pixels whose place on z = 0 is the thing's + lift z */
	double turn[3][3]; /* R of view.h */
	double pixel;      /* m in the specimen, the greater one */
	double reach;      /* m: how far a point is spread */
	bool dark;         /* a dark field */
	double lambda;     /* m: of the electrons */
	double weight;     /* of the ring detector */
	double absorption; /* of a bright image: what leaves the beam, of that beyond 10 mrad */
	struct em_sim_lattice *lattice; /* owned */
	size_t lattices;
};

/* Margins of pixels all around are drawn as well.  Zeroed: may be released. */
int em_sim_frame_init(struct em_sim_frame *f, const struct em_sim_world *w, const struct em_sim_view *v, size_t margin,
                      struct em_error *err);
void em_sim_frame_release(struct em_sim_frame *f);
/* Everything in the world, on up to `threads` threads: the same bits for any number. */
int em_sim_frame_draw(struct em_sim_frame *f, int threads, struct em_error *err);

/* What counts of a metre of it. */
struct em_sim_weight {
	float matter, phase;
};
struct em_sim_weight em_sim_frame_weigh(const struct em_sim_frame *f, const struct em_sim_matter *m);
/* Covariance of what blurs a point at height z: probe, focus, pixel; m^2 in the plane across the beam. */
void em_sim_frame_blur(const struct em_sim_frame *f, double z, double covariance[2][2]);
/* The same in coordinates of the specimen's plane that are turned by `angle` from x. */
void em_sim_frame_local_blur(const struct em_sim_frame *f, double z, double angle, double covariance[2][2]);
/* Where a direction of the specimen goes across the beam: x and y of R d. */
void em_sim_frame_lean(const struct em_sim_frame *f, const double d[3], double lean[2]);
double em_sim_wavelength(double voltage);                       /* m */
void em_sim_tilt_matrix(double a, double b, double turn[3][3]); /* R of view.h */

/* Lattices that can be seen, before drawing. */
int em_sim_frame_add_lattice(struct em_sim_frame *f, uint64_t id, const struct em_sim_matter *m, const double cell[2],
                             double angle, const double covariance[2][2], const double smear[2], struct em_error *err);
/* The strongest fringes of a crystal that lies anyhow, of that thickness: none is no error. */
int em_sim_frame_add_fringes(struct em_sim_frame *f, uint64_t id, const struct em_sim_matter *m,
                             const double axes[3][3], double thickness, struct em_error *err);
const struct em_sim_lattice *em_sim_frame_lattice(const struct em_sim_frame *f, uint64_t id); /* NULL: none */
int em_sim_section_lattices(struct em_sim_frame *f, const struct em_sim_section *s, struct em_error *err);
void em_sim_beams_find(struct em_sim_beams *b, const struct em_sim_matter *m);
/* The share of two that goes into a beam with excitation error s, 1/m, after `thickness`. */
double em_sim_two_beams(double s, double xi, double thickness);
/* The optical density that diffraction adds: `lean` of the third axis from the beam, in the crystal's own axes. */
double em_sim_beams_density(const struct em_sim_beams *b, const double lean[2], double thickness, double lambda);

/* Rows [first, last) of a frame. */
struct em_sim_band {
	struct em_sim_frame *f;
	size_t first, last;
	float *cover; /* [last - first][width]: how much of the film is there */
	float *row;   /* [width]: for anything */
	/* [last - first][width]: of the beam, and of what lets carbon grow; NULL where it has not been */
	float *dose, *deposit;
};
/* What pixel 0 of a row sees on the plane z = 0, jitter and all; absolute. */
void em_sim_band_place(const struct em_sim_band *b, size_t row, double at[2]);
/* The cells whose things may show in the band, and each of these things. */
void em_sim_band_cells(const struct em_sim_band *b, const struct em_sim_scatter *s, long lo[2], long hi[2]);
void em_sim_band_each(struct em_sim_band *b, const struct em_sim_scatter *s,
                      void (*draw)(struct em_sim_band *b, const struct em_sim_thing *t));
/* Which columns of a row have |a + b column| <= reach; narrows [*lo, *hi). */
void em_sim_narrow(double a, double b, double reach, long *lo, long *hi);
/* 0 far below, 1 far above an edge at 0 that is blurred over -1 .. 1. */
static inline float em_sim_edge(float x)
{
	return x <= -1 ? 0.0F : x >= 1 ? 1.0F : 0.5F + x * (0.75F - 0.25F * x * x);
}
/* row[i] += amplitude * noise along it, in units of its cells: (x, y) + i (dx, dy). */
void em_sim_noise_row(float *row, size_t n, uint64_t seed, const double at[2], const double step[2], float amplitude);
/* row[i] = 1 + the texture of something amorphous there: places in m. */
void em_sim_texture_row(const struct em_sim_frame *f, float *row, size_t n, uint64_t seed, const double at[2],
                        const double step[2], double blur);
/* A value of a lattice's table at (u, v) periods. */
static inline float em_sim_table(const float *table, double u, double v)
{
	double x = u * EM_SIM_TABLE, y = v * EM_SIM_TABLE;
	long fx = em_sim_floor(x), fy = em_sim_floor(y);
	float p = (float)(x - (double)fx), q = (float)(y - (double)fy);
	unsigned i = (unsigned)fx, j = (unsigned)fy, m = EM_SIM_TABLE - 1;
	const float *a = table + (j & m) * EM_SIM_TABLE, *b = table + ((j + 1) & m) * EM_SIM_TABLE;

	return (a[i & m] * (1 - p) + a[(i + 1) & m] * p) * (1 - q) + (b[i & m] * (1 - p) + b[(i + 1) & m] * p) * q;
}
/* Has the beam been anywhere in the frame? */
bool em_sim_frame_is_marked(const struct em_sim_frame *f);
/* Fills in dose and deposit. */
void em_sim_band_mark(struct em_sim_band *b);
/* What has grown on it; after everything else. */
void em_sim_draw_deposit(struct em_sim_band *b);
void em_sim_draw_thing(struct em_sim_band *b, const struct em_sim_thing *t);
bool em_sim_section_in_frame(const struct em_sim_frame *f, const struct em_sim_section *s);
void em_sim_draw_section(struct em_sim_band *b, const struct em_sim_section *s);
void em_sim_draw_hole(struct em_sim_band *b, const struct em_sim_thing *hole);
/* Bars, film and everything scattered on it. */
void em_sim_draw_film(struct em_sim_band *b);

/* matter and phase of a frame of a broad beam -> the intensity in matter, of 1: the lens's transfer. */
int em_sim_transfer(struct em_sim_frame *f, struct em_error *err);

/*
 * What em_sim_form makes noise of: electrons that the detector is expected to count, a pixel or channel, dqe and all;
 * EM_F32 of the view's shape.  threads as in base/parallel.h.  Errors as em_sim_form's.
 */
int em_sim_expect(const struct em_sim_world *world, const struct em_sim_view *view, int threads, struct em_array *out,
                  struct em_error *err);
/* Noise, amplifier and converter: counts of what was expected. */
int em_sim_detect(const struct em_sim_view *view, const struct em_array *expected, int threads, struct em_array *out,
                  struct em_error *err);
/* Of single kinds: expected[height * width] or [channels]. */
int em_sim_expect_pattern(const struct em_sim_world *world, const struct em_sim_view *view, float *expected,
                          struct em_error *err);
int em_sim_expect_loss(const struct em_sim_world *world, const struct em_sim_view *view, float *expected,
                       struct em_error *err);

#endif
