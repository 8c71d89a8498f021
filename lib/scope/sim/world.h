/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The specimen of the simulated microscope: a disc of 3 mm whose every detail is a function of a seed and of the place,
 * so that any field of view at any magnification, in any process, shows the same things, and nothing has to be stored.
 * Coordinates are those of view.h: x and y of the untilted stage, z up against the beam; m and rad.
 *
 *     {"seed": 1,
 *      "grid": {"material": "Cu", "pitch_um": 125, "bar_um": 35, "thickness_um": 15, "radius_um": 1300},
 *      "film": {"material": "C", "thickness_nm": 15, "height_um": 2, "torn": 0.06,
 *               "holes": {"pitch_um": 4, "radius_um": [0.4, 1.5], "share": 0.8},
 *               "holes_at": [{"x_um": 18, "y_um": -12, "radius_um": 3}]},
 *      "scatter": [{"kind": "rods", "material": "MoO3", "pitch_um": 3, "share": 0.3, "clump_um": 60,
 *                   "length_um": [0.8, 3], "width_nm": [60, 240], "thickness_nm": [40, 110]}],
 *      "sections": [{"x_um": 18, "y_um": -12, "angle_deg": 6, "width_um": 10, "thickness_nm": [30, 90],
 *                    "step_nm": 0.39,
 *                    "layers": [{"material": "Pt", "nm": 400, "amorphous": true}, ...]}]}
 *
 * seed is added to the caller's.  The grid is a square mesh whose middle hole is about (0, 0).  The film is waved by
 * height_um; `torn` is the share of the mesh's holes where it is torn.  scatter lies on the film: spheres ("particles",
 * with radius_nm), and crystals "rods" and "plates" on their flat faces; share is how many of the cells of `pitch` have
 * one, where clump (0: everywhere alike) is the distance from one heap to the next.  A section is a thin slice across
 * layers, the first on top, as wide as it is said; it is as thick as the first number at its top and the second at its
 * bottom, and the last crystal among the layers gives the others above their lattice constant along the interface.
 * step_nm: how much deeper the layers are to the right of the middle.  "amorphous": true is a layer without a lattice.
 */
#ifndef EM_SCOPE_SIM_WORLD_H
#define EM_SCOPE_SIM_WORLD_H

#include "base/json.h"
#include "scope/sim/view.h"
#include "synth/spectrum.h"

#include <math.h>
#include <stdbool.h>

/* ---- matter ---- */

#define EM_SIM_ATOMS 16

struct em_sim_atom {
	double at[3]; /* fractions of the cell */
	double z;     /* its atomic number, the mean of a site that elements share */
};

struct em_sim_matter {
	const char *name;
	double cell[3];       /* m: three axes at right angles, the third along the beam at tilt 0 */
	bool amorphous;       /* the cell is no more than a volume */
	double lambda;        /* m: mean free path for inelastic scattering, 200 kV */
	double halo[2];       /* 1/m: of an amorphous pattern's rings */
	const char *compound; /* of lib/synth; NULL: no edges but those below */
	double oxygen;        /* atoms a cubic nm, where there is no compound */
	size_t atoms;
	struct em_sim_atom atom[EM_SIM_ATOMS];
};
const struct em_sim_matter *em_sim_matter_find(const char *name); /* NULL: none of that name */
/* The same at another voltage, as Malis' formula has it for a spectrometer that takes in 36 mrad. */
double em_sim_matter_lambda(const struct em_sim_matter *m, double voltage);
/* Sum over the cell's atoms of Z^power, a cubic metre. */
double em_sim_matter_density(const struct em_sim_matter *m, double power);
/* The real and imaginary part of the sum of Z^power exp(-2 pi i hkl.r) over the cell, over that of Z^power. */
void em_sim_matter_structure(const struct em_sim_matter *m, double power, const double hkl[3], double f[2]);
/* Extinction distance, m: 20 nm for gold's 111, and in proportion to 1 / F; atoms scatter as exp(-g^2 / 60 nm^-2). */
double em_sim_matter_extinction(const struct em_sim_matter *m, const double hkl[3], double gg);

/* ---- what lies where ---- */

enum em_sim_shape { EM_SIM_HOLE, EM_SIM_SPHERE, EM_SIM_SLAB };

struct em_sim_thing {
	enum em_sim_shape shape;
	const struct em_sim_matter *matter;
	double at[3];     /* its middle */
	double angle;     /* of its long side, and of the crystal's first axis, from x */
	double half[2];   /* of a sphere and a hole: the radius */
	double thickness; /* across the film */
	double bevel;     /* how far its sides slope; of a hole: how far it is from round */
	double skew;      /* of a slab's ends: tan of their angle */
	double tilt[2];   /* of the crystal's third axis from z towards x and y, rad */
	double bend;      /* rad/m: along the long side */
	bool on_axis;     /* the crystal's third axis is near z; else it lies anyhow */
	uint64_t id;
};

struct em_sim_range {
	double lo, hi;
};

struct em_sim_scatter {
	enum em_sim_shape shape;
	const struct em_sim_matter *matter;
	double pitch, share, clump;
	struct em_sim_range length, width, thickness; /* of spheres length is the radius */
	uint64_t seed;
	double reach; /* no thing goes farther from the middle of its cell */
};

#define EM_SIM_LAYERS 8
struct em_sim_layer {
	const struct em_sim_matter *matter;
	bool amorphous;
	double top, bottom; /* depth below the section's upper edge */
	double cell[2];     /* of the lattice: along the interface and down */
};

struct em_sim_section {
	double at[3], angle;
	double width, depth;
	struct em_sim_range thickness;
	double step;
	struct em_sim_layer layer[EM_SIM_LAYERS];
	size_t layers;
	size_t substrate; /* the layer whose lattice the others follow; layers: none is a crystal */
	uint64_t seed;
};

/* What is dear to make and used again: of spectra (loss.c); locked inside. */
struct em_sim_loss_cache;
struct em_sim_loss_cache *em_sim_loss_cache_new(struct em_error *err);
void em_sim_loss_cache_free(struct em_sim_loss_cache *c);

#define EM_SIM_SCATTERS 8
#define EM_SIM_SECTIONS 4
#define EM_SIM_HOLES 16
struct em_sim_world {
	uint64_t seed;
	struct {
		const struct em_sim_matter *matter;
		double pitch, bar, thickness, radius;
	} grid;
	struct {
		const struct em_sim_matter *matter;
		double thickness, height, torn;
		struct em_sim_scatter holes; /* pitch 0: none */
		struct em_sim_thing hole_at[EM_SIM_HOLES];
		size_t holes_at;
	} film;
	struct em_sim_scatter scatter[EM_SIM_SCATTERS];
	size_t scatters;
	struct em_sim_section section[EM_SIM_SECTIONS];
	size_t sections;
	struct em_sim_loss_cache *cache; /* owned */
};

/* The default specimen's JSON. */
extern const char em_sim_world_default[];
/* From JSON.  EM_ERROR_DATA: an unknown member or material, a number that is none or out of bounds. */
int em_sim_world_parse(struct em_sim_world *w, const struct em_json *root, uint64_t seed, struct em_error *err);

/* z of the film. */
double em_sim_world_height(const struct em_sim_world *w, double x, double y);
/* How far inside of a hole of the mesh a place is, m; below 0: on a bar or on the rim. */
double em_sim_world_window(const struct em_sim_world *w, double x, double y);
/* Heaps, of mean 1 or so: where a slow noise is high there is much, and nothing where it is low.  1 without heaps. */
double em_sim_scatter_clump(const struct em_sim_scatter *s, double x, double y);
/* Is there a thing in the cell (i, j), whose middle is at (i, j) pitch?  Holes in the film are asked for as well. */
bool em_sim_scatter_thing(const struct em_sim_world *w, const struct em_sim_scatter *s, long i, long j,
                          struct em_sim_thing *thing);
/* The hole that is torn into the film of mesh (i, j). */
bool em_sim_world_tear(const struct em_sim_world *w, long i, long j, struct em_sim_thing *hole);
/* Is the film whole within `margin` of a place? */
bool em_sim_world_on_film(const struct em_sim_world *w, double x, double y, double margin);
/* A section's own coordinates of a place: along the interface from its middle, and down from its upper edge. */
void em_sim_section_local(const struct em_sim_section *s, double x, double y, double local[2]);
bool em_sim_section_holds(const struct em_sim_section *s, double x, double y, double margin);
/* How deep its layers have been moved at `along`. */
double em_sim_section_shift(const struct em_sim_section *s, double along);
double em_sim_section_thickness(const struct em_sim_section *s, double along, double down);
/* 1: a perfect crystal, 0: none.  Disorder (0 .. 1) begins in the middle of what lies on the substrate. */
double em_sim_section_order(const struct em_sim_section *s, const struct em_sim_layer *l, double along, double down,
                            double disorder);
/* The crystal's axes (rows: its three, of length 1) in the specimen's coordinates. */
void em_sim_thing_axes(const struct em_sim_thing *thing, double axes[3][3]);

/* How the crystal's third axis leans beyond what em_sim_thing_axes has, at (u, v) from the middle; in its own axes. */
void em_sim_thing_bend(const struct em_sim_thing *thing, double u, double v, double lean[2]);
void em_sim_section_bend(const struct em_sim_section *s, double along, double down, double lean[2]);
/* How thick it is along z at (u, v) from its middle, along and across; 0 outside.  Not of holes. */
double em_sim_thing_thickness(const struct em_sim_thing *thing, double u, double v);
/* The share of a rod or plate that has reacted at `along`, -1 .. 1 from end to end. */
double em_sim_thing_reacted(const struct em_sim_thing *thing, double along, double reaction);

/* ---- what the beam meets at a place ---- */

#define EM_SIM_MET 16
struct em_sim_met {
	const struct em_sim_matter *matter;
	uint64_t id;      /* of the crystal */
	double thickness; /* along z */
	double order;     /* 0 .. 1; 0: no crystal */
	double reacted;   /* share */
	double axes[3][3], cell[3];
};
/* All that stands over (x, y) of the specimen, at most EM_SIM_MET, but for kinds of balls that are all smaller than
 * `fine`; how many. */
size_t em_sim_world_meet(const struct em_sim_world *w, const struct em_sim_view *v, double x, double y, double fine,
                         struct em_sim_met met[EM_SIM_MET]);
/* Places of the specimen that the beam of a pattern or spectrum falls on, the first in its middle: their number, at
 * most `most`; *radius of the disc across the beam. */
size_t em_sim_world_footprint(const struct em_sim_view *v, size_t most, double place[][2], double *radius);

/* ---- numbers that belong to places ---- */

static inline uint64_t em_sim_hash(uint64_t seed, long i, long j)
{
	uint64_t h = seed ^ ((uint64_t)i * 0x9e3779b97f4a7c15u) ^ ((uint64_t)j * 0xc2b2ae3d27d4eb4fu);

	h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
	return h ^ (h >> 29);
}

/* The C library's costs a call where the processor's own cannot be taken for granted; |x| < 2^62. */
static inline long em_sim_floor(double x)
{
	long i = (long)x;

	return i - ((double)i > x);
}

/* Uniform in -1 .. 1. */
static inline float em_sim_hash_value(uint64_t seed, long i, long j)
{
	return (float)(int32_t)(em_sim_hash(seed, i, j) >> 32) * 0x1p-31F;
}

/* Value noise: such numbers at whole places, smoothly joined; about -1 .. 1. */
double em_sim_noise(uint64_t seed, double x, double y);

#endif
