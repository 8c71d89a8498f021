/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The support set of few-shot classification: a few labelled embedding vectors a class.  It comes from a stream of
 * labelled samples, from folders of chip images, or from chips of the stream that is being classified, which a plan
 * (the JSON that a picker page writes) names by row and column or by key.
 */
#ifndef EM_VISION_SUPPORT_H
#define EM_VISION_SUPPORT_H

#include "base/error.h"
#include "base/json.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_LABEL_UNKNOWN "unknown" /* what a rejected chip is called; no class may have this name */
#define EM_MAX_CLASSES 1024
#define EM_MAX_DIM 65536

/* ---- embeddings ---- */

/* Who made an embedding.  Vectors of different makers cannot be compared. */
struct em_encoder_id {
	char name[64];   /* "" where the record does not say */
	char sha256[65]; /* hexadecimal digest of the encoder, "" likewise */
	size_t dim;      /* numbers in the vector */
};

/*
 * The embedding of a sample as dim float32 (malloc'ed, the caller frees), any shape flattened, and who made it.
 * EM_ERROR_DATA: there is none, it is empty, longer than EM_MAX_DIM or not finite, or its length is not what the
 * record says.
 */
int em_embedding_get(const struct em_sample *s, struct em_encoder_id *id, float **vector, struct em_error *err);
/* EM_ERROR_DATA, naming both, where two makers differ; `this_is` and `that_is` say whose: "this sample". */
int em_encoder_id_check(const struct em_encoder_id *this_one, const char *this_is, const struct em_encoder_id *that_one,
                        const char *that_is, struct em_error *err);

/* ---- the set ---- */

struct em_support_class {
	char *name;  /* owned, not empty, unique in the set */
	char *color; /* owned, "#rrggbb", or NULL */
};

struct em_support {
	struct em_encoder_id encoder; /* dim 0 until the first vector is there */
	struct em_support_class *classes;
	size_t nclasses;
	float *vectors; /* [count][encoder.dim] */
	size_t *labels; /* [count] class of each */
	size_t count, capacity;
	double chip_height, chip_width; /* [px] of the chips that it was picked on; 0: not said */
};

/* EM_ERROR_DATA for a sample whose chip has another size than the support set or prototypes say; 0 for "not said". */
int em_support_check_chip(double height, double width, const struct em_json *chip, struct em_error *err);

/* A zeroed struct is an empty set. */
void em_support_release(struct em_support *set);
/* Append a class.  EM_ERROR_DATA: a name that is empty, reserved, there already, not UTF-8 or with control characters;
 * a colour that is none.  color may be NULL. */
int em_support_add_class(struct em_support *set, const char *name, const char *color, struct em_error *err);
/* Append a copy of vector[id->dim].  EM_ERROR_DATA where another encoder made it than the ones before. */
int em_support_add(struct em_support *set, size_t class, const struct em_encoder_id *id, const float *vector,
                   struct em_error *err);
/* At least two classes, each with a chip. */
int em_support_check(const struct em_support *set, struct em_error *err);

/* ---- where it is ---- */

enum em_support_kind {
	EM_SUPPORT_CHIPS,      /* JSON with "classes" that names chips of the stream: em_support_plan_new */
	EM_SUPPORT_PROTOTYPES, /* JSON with "em_prototypes": em_prototypes_parse */
	EM_SUPPORT_STREAM,     /* samples with a label and an embedding */
	EM_SUPPORT_FOLDER,     /* a folder of folders of images: em_support_read_folder */
};

/*
 * Look at what `path` holds, by content, reading it once (it may be a pipe).  For the two JSON kinds *json receives
 * the tree, which the caller frees; a stream is read into *set, each sample under its "label" or "class":{"label"};
 * samples that are marked as failed or called "unknown" are left out.  Other outputs stay untouched.
 */
int em_support_read(const char *path, enum em_support_kind *kind, struct em_json **json, struct em_support *set,
                    struct em_error *err);

/* FOLDER/CLASS/IMAGE: every image of every folder through the encoder that made the embeddings `id`, in the order of
 * their names; names that begin with a dot are passed over.  EM_ERROR_DATA where that encoder is not ours. */
int em_support_read_folder(struct em_support *set, const char *folder, const struct em_encoder_id *id,
                           struct em_error *err);

/* ---- chips of the stream itself ---- */

struct em_support_plan;

/*
 * {"chip":{"size":95},"picture":"KEY","classes":[{"name":"Ge","color":"#1b9e77","chips":[[25,2],"KEY",...]},...]}:
 * a chip is [row,col], counted from 0, or a sample's key.  "chip" (a number or [height,width], compared with the
 * samples' boxes), "picture" (which picture [row,col] speaks of, for streams of several) and "color" are optional.
 */
struct em_support_plan *em_support_plan_new(const struct em_json *json, struct em_error *err);
void em_support_plan_free(struct em_support_plan *plan); /* NULL allowed */
/*
 * Show it every sample of the stream, in order: a chip that it names goes into the set.  Goes on checking after the
 * last one was found: [row,col] in a second picture is ambiguous.  A named chip without an embedding is an error.
 */
int em_support_plan_offer(struct em_support_plan *plan, const struct em_sample *s, struct em_error *err);
/* Have all been found?  And the error, naming the first that was not. */
bool em_support_plan_is_complete(const struct em_support_plan *plan);
int em_support_plan_check(const struct em_support_plan *plan, struct em_error *err);
/* The set so far, borrowed. */
const struct em_support *em_support_plan_set(const struct em_support_plan *plan);

#endif
