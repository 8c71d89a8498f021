/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Labelled synthetic chips and micrographs from a seed.  Sample i of a seed is the same whatever the threads and
 * whatever was made before it.
 */
#ifndef EM_SYNTH_SYNTH_H
#define EM_SYNTH_SYNTH_H

#include "io/stream.h"
#include "synth/view.h"

/* Micrographs: several textures side by side, or one of the families all over. */
#define EM_SYNTH_SCENES 10
#define EM_SYNTH_KINDS (EM_SYNTH_FAMILIES + EM_SYNTH_SCENES)

struct em_synth_options {
	uint64_t seed;
	size_t height, width; /* of the pictures */
	struct em_synth_conditions conditions;
	/* How often kinds come up, relative: the families, and of micrographs the scenes after them. */
	double weight[EM_SYNTH_KINDS];
	size_t group;   /* chips: so many classes in a row share one session, >= 1 */
	double related; /* chips: the share of a group's other classes that are its first one changed in one respect */
	bool counts;    /* pictures are numbers of electrons, uint16, instead of grey levels, uint8 */
};

/* Name and description of a kind; whether it is seen in a contrast of these (bits). */
const char *em_synth_kind_name(size_t kind);
const char *em_synth_kind_what(size_t kind);
bool em_synth_kind_possible(size_t kind, unsigned contrasts);
/* The first kind from `from` on of that name, n bytes long; EM_SYNTH_KINDS where there is none. */
size_t em_synth_kind_find(const char *name, size_t n, size_t from);
/* "NAME[=WEIGHT],...": weights of kinds, the others 0; of images a scene comes before a family of the same name.  And
 * weights for nothing asked for: all families, lattices thrice; all scenes.  EM_ERROR_USAGE. */
int em_synth_kinds_parse(const char *list, bool images, double weight[EM_SYNTH_KINDS], struct em_error *err);
void em_synth_kinds_default(bool images, double weight[EM_SYNTH_KINDS]);
/* Append what there is, a line each: of families or of scenes, with their parameters. */
void em_synth_kinds_print(bool images, bool parameters, struct em_text *t);
/* Names of contrasts with commas between: bits.  EM_ERROR_USAGE. */
int em_synth_contrasts_parse(const char *text, unsigned *contrasts, struct em_error *err);
/* Is one of the first n kinds (EM_SYNTH_FAMILIES: chips) wanted and possible?  Else EM_ERROR_USAGE. */
int em_synth_options_check(const struct em_synth_options *o, size_t n, struct em_error *err);

/* One thread's way of making chips.  Options and frame (of the options' size) are borrowed. */
struct em_synth_chips {
	const struct em_synth_options *o;
	struct em_synth_canvas canvas;
	/* The group that was asked for last: drawing it takes as long as a chip does. */
	size_t group;
	bool drawn;
	struct em_synth_session session;
	struct em_synth_texture first;
};
int em_synth_chips_init(struct em_synth_chips *m, const struct em_synth_options *o, const struct em_synth_frame *frame,
                        struct em_error *err);
void em_synth_chips_release(struct em_synth_chips *m);

/*
 * Chip `instance` of class `class`: KEY.tif, and a record with "label" (one a class), "axes" in nm, and "synth": class,
 * group, instance, the texture's parameters and the view's.  The key is sSEED/cCLASS-INSTANCE.  The caller releases *s.
 */
int em_synth_chip(struct em_synth_chips *m, size_t class, size_t instance, struct em_sample *s, struct em_error *err);

/*
 * Micrograph i.  KEY.tif, KEY.labels.npy (uint8: the number of the region in each pixel), and a record with "labels"
 * (their names), "axes" in nm, and "synth": the kind, the regions' textures, the view.  The key is sSEED/KIND-I.
 */
int em_synth_micrograph(const struct em_synth_options *o, struct em_synth_canvas *c, size_t i, struct em_sample *s,
                        struct em_error *err);

/* ---- for scene.c ---- */

/* One of the first n kinds, from `from` on, by its weight, that `contrasts` and `domains` show; EM_SYNTH_KINDS: none.
 */
size_t em_synth_kind_draw(const struct em_synth_options *o, size_t n, unsigned contrasts, unsigned domains,
                          struct em_random *r);
struct em_synth_scene {
	const char *name, *what;
	unsigned contrasts, domains; /* bits */
};
extern const struct em_synth_scene *em_synth_scene(size_t i); /* i < EM_SYNTH_SCENES */
void em_synth_kind_bits(size_t kind, unsigned *contrasts, unsigned *domains);
/* Expose the canvas's image, formed; set the picture and "axes" of s.  labels: NULL, or height * width. */
int em_synth_finish(const struct em_synth_options *o, struct em_synth_canvas *c, const struct em_synth_view *v,
                    unsigned char *labels, struct em_random *r, struct em_sample *s, struct em_error *err);

#endif
