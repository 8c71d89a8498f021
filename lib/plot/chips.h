/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Classified chips as emclassify leaves them in the records, and the classes they fall into: names, colours, counts,
 * areas.
 */
#ifndef EM_PLOT_CHIPS_H
#define EM_PLOT_CHIPS_H

#include "base/error.h"
#include "io/stream.h"
#include "plot/color.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_CLASSES_MAX 256  /* more cannot be told apart, nor listed on a page */
#define EM_UNKNOWN "unknown" /* the label of chips that emclassify rejects */

struct em_class {
	char *name; /* owned */
	struct em_rgb color;
	bool unknown;
	size_t chips;
	double area; /* px of the picture: the chips' boxes as far as they lie in it */
};

struct em_classes {
	struct em_class *v; /* owned */
	size_t n, chips;
	double area;
};

struct em_chip {
	size_t class; /* index into classes */
	double p;     /* 0..1; 1 where the record has none */
	bool has_p;
	bool placed;  /* does the record say where it lies? What follows is 0 if not */
	size_t row, col;
	double y, x, h, w;           /* px of the picture */
	size_t picture_h, picture_w; /* 0: not known */
};

/*
 * Read the sample's class into *chip and count it.  1; 0 when it is not classified; -1 when the record is not what it
 * should be.  The first sample's "scores" name all classes, so that those without chips are known too.
 */
int em_chip_read(struct em_chip *chip, struct em_classes *classes, const struct em_sample *s, struct em_error *err);

/*
 * Put the classes in order (by name, numbers in them by value; unknown last), give them colours: those of the file
 * `colors` (may be NULL), then em_color_class in order, leaving out what the file has used.  rank[i] (n of them) is
 * where class i went.
 */
int em_classes_arrange(struct em_classes *classes, const char *colors, size_t *rank, struct em_error *err);
/* Share of all chips, or of their area. */
double em_class_share(const struct em_classes *classes, size_t i, bool by_area);
void em_classes_release(struct em_classes *classes); /* a zeroed struct is empty */

/* "class Ge: 378 chips, 36.9 %; ...": for descriptions. */
void em_classes_describe(const struct em_classes *classes, bool by_area, struct em_text *out);
/* "36.9 %" of a share; a share that is not 0 never reads as 0. */
void em_class_percent(char *buf, size_t n, double share);

#endif
