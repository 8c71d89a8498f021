/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Textures: kinds of matter, each with a table of parameters.  From the table a class of texture is drawn, changed in
 * one respect, and printed as truth; the family's own function draws it.  A new family is one file (or one more struct
 * in a file) and one line in the table of texture.c.
 */
#ifndef EM_SYNTH_TEXTURE_H
#define EM_SYNTH_TEXTURE_H

#include "base/random.h"
#include "base/text.h"
#include "synth/canvas.h"

enum em_synth_contrast {
	EM_SYNTH_HAADF, /* scanned, annular dark field: brightness adds up, Z^1.7 */
	EM_SYNTH_ABF,   /* scanned, annular bright field: matter is dark */
	EM_SYNTH_BF,    /* broad beam, bright field: phase contrast, matter is dark */
	EM_SYNTH_SEM,   /* secondary electrons from a surface */
	EM_SYNTH_CONTRASTS
};
#define EM_SYNTH_BEAMS 7u       /* their bits: through the specimen */
#define EM_SYNTH_EVERY_BEAM 15u /* and from its surface */
extern const char *const em_synth_contrast_name[EM_SYNTH_CONTRASTS];

/* Which things are seen together in one picture. */
enum em_synth_domain { EM_SYNTH_ATOMIC, EM_SYNTH_NANO, EM_SYNTH_SOFT, EM_SYNTH_SURFACE, EM_SYNTH_DOMAINS };
#define EM_SYNTH_EVERYWHERE 15u

enum em_synth_law {
	EM_SYNTH_LINEAR, /* uniform in lo .. hi */
	EM_SYNTH_LOG,    /* its logarithm is */
	EM_SYNTH_LENGTH, /* the same, in pixels at scale 1; told in nm */
	EM_SYNTH_WHOLE,  /* a whole number lo .. hi */
	EM_SYNTH_CHOICE, /* the number of a word in `choices`; the first comes with probability `lo`, 0: as all others
	                  */
	EM_SYNTH_RARE,   /* 0 in three of four classes, else uniform in lo .. hi */
};

struct em_synth_parameter {
	const char *name; /* NULL ends a table */
	enum em_synth_law law;
	double lo, hi;
	const char *choices; /* with blanks between */
};

#define EM_SYNTH_PARAMETERS 24
#define EM_SYNTH_DIRECTION EM_SYNTH_PARAMETERS

struct em_synth_family;

/* One class of texture. */
struct em_synth_texture {
	const struct em_synth_family *family;
	double p[EM_SYNTH_PARAMETERS]; /* in the order of the family's table */
	double level;                  /* how strongly it scatters or shines; about 1 */
	double angle;                  /* its direction, radians */
	bool turns;                    /* instances lie in any direction; else within 3 degrees of `angle` */
};

/* How one instance lies on the canvas: pixel = m (place), m = drift * scale * turn by the instance's angle. */
struct em_synth_pose {
	double scale; /* pixels for one of the texture's */
	double angle; /* of the instance, radians: the texture's included */
	double m[2][2];
};
/* drift: pixels that a row lies further to the right and down than the one before, beside the one that it should. */
void em_synth_pose_set(struct em_synth_pose *pose, double scale, double angle, double drift_x, double drift_y);

struct em_synth_family {
	const char *name, *what;
	unsigned contrasts; /* bits, 1u << enum */
	unsigned domains;   /* the same */
	const struct em_synth_parameter *parameter;
	bool columns;   /* crystals of columns of atoms: their first parameter is the lattice constant */
	bool isotropic; /* no direction matters to it */
	/* Parameter i, or EM_SYNTH_DIRECTION, has no effect in t, because of others; NULL: all have. */
	bool (*idle)(const struct em_synth_texture *t, size_t i);
	/* Draw t onto the layer, which is 0 before, as of level 1; only columns go straight onto the image, with t's
	 * level. BF, ABF: optical density; HAADF, SEM: brightness.  0 or -1 (memory). */
	int (*draw)(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
	            enum em_synth_contrast contrast, struct em_random *r, struct em_error *err);
};

#define EM_SYNTH_FAMILIES 22
extern const struct em_synth_family *const em_synth_families[EM_SYNTH_FAMILIES];

/* A class at random.  pixel_nm bounds what a lattice can be. */
void em_synth_texture_draw(struct em_synth_texture *t, const struct em_synth_family *family, double pixel_nm,
                           struct em_random *r);
/* A relative: one thing (the direction, the level, one parameter) is another, and visibly so. */
void em_synth_texture_change(struct em_synth_texture *t, double pixel_nm, struct em_random *r);
/* Onto the image, within the canvas's label. */
int em_synth_texture_put(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err);
/* Members of a JSON object: "family", "level", the pose's "direction_deg" and "scale", the parameters; lengths in nm.
 */
void em_synth_texture_print(const struct em_synth_texture *t, const struct em_synth_pose *pose, double pixel_nm,
                            struct em_text *out);

extern const struct em_synth_family em_synth_lattice, em_synth_moire, em_synth_polycrystal; /* lattice*.c */
extern const struct em_synth_family em_synth_flat, em_synth_amorphous, em_synth_phases,
    em_synth_lamellae;                                                 /* fields.c */
extern const struct em_synth_family em_synth_rough, em_synth_contours; /* fields.c */
extern const struct em_synth_family em_synth_particles, em_synth_rods, em_synth_plates,
    em_synth_clusters;                                                                       /* shapes.c */
extern const struct em_synth_family em_synth_pores, em_synth_powder, em_synth_fibres;        /* shapes.c */
extern const struct em_synth_family em_synth_grains, em_synth_facets, em_synth_foam;         /* grains.c */
extern const struct em_synth_family em_synth_membranes, em_synth_vesicles, em_synth_cristae; /* soft.c */

#endif
