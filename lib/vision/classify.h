/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prototypes applied to samples: the "class" member of the record,
 *     {"label":"Ge","p":0.97,"scores":{"STO":-8.1,"Ge":-3.2},"margin":4.9,"typical":0.4}
 * scores are minus the distances, margin is the best minus the second best of them; vision/prototype.h has the rest.
 */
#ifndef EM_VISION_CLASSIFY_H
#define EM_VISION_CLASSIFY_H

#include "base/error.h"
#include "io/stream.h"
#include "vision/prototype.h"
#include "vision/region.h"

#include <stdbool.h>

/* What makes a chip "unknown".  0: never. */
struct em_classify_rules {
	double min_p;
	double min_typical;
	bool smooth; /* min_p waits for em_classify_smoothed: to settle doubtful chips is what neighbours are for */
};

struct em_verdict {
	size_t label; /* prototypes->count: unknown */
	double p;
	/* [prototypes->count] by the distances alone, owned by the caller; for em_region_map_smooth */
	double *probability;
};

/* Sets "class" in the record and fills *verdict, whose `probability` points to room.  EM_ERROR_DATA: no embedding, a
 * broken one, or one of another encoder. */
int em_classify(const struct em_prototypes *p, const struct em_classify_rules *rules, struct em_sample *s,
                struct em_verdict *verdict, struct em_error *err);

/* Put what em_region_map_smooth made of the sample into its "class": label and p; "raw" keeps the label that the chip
 * had by itself.  Applies min_p: *cell changes likewise. */
int em_classify_smoothed(const struct em_prototypes *p, const struct em_classify_rules *rules, struct em_sample *s,
                         struct em_cell *cell, struct em_error *err);

#endif
