/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- embeddings ---- */

/* Flattened to float32, every element finite. */
static int to_vector(struct em_array *a, float **vector, size_t *dim, struct em_error *err)
{
	size_t nonfinite, n = em_array_count(a);
	struct em_array f;
	float *v;

	if (!n || n > EM_MAX_DIM)
		return em_error_set(err, EM_ERROR_DATA, "its embedding has %zu numbers; 1 to %d are supported", n,
		                    EM_MAX_DIM);
	if (em_array_to_f32(&f, a, err))
		return -1;
	em_array_range(&f, NULL, NULL, &nonfinite);
	if (nonfinite) {
		em_array_release(&f);
		return em_error_set(err, EM_ERROR_DATA, "%zu numbers of its embedding are not finite", nonfinite);
	}
	v = malloc(em_array_bytes(&f));
	if (v) {
		memcpy(v, f.data, em_array_bytes(&f));
		*vector = v;
		*dim = n;
	}
	em_array_release(&f);
	return v ? 0 : em_error_memory(err, n * sizeof(*v));
}

int em_embedding_get(const struct em_sample *s, struct em_encoder_id *id, float **vector, struct em_error *err)
{
	struct em_encoder_id fresh = {0};
	struct em_array a = {0};
	double claimed;
	float *v = NULL;
	int status;

	if (!em_sample_member(s, "embedding.npy"))
		return em_error_set(err, EM_ERROR_DATA, "it has no embedding; pass the chips through emembed first");
	if (em_sample_array(s, "embedding", &a, err))
		return -1;
	status = to_vector(&a, &v, &fresh.dim, err);
	em_array_release(&a);
	if (status)
		return -1;
	em_record_string(&s->record, "embedding.encoder", fresh.name, sizeof(fresh.name));
	em_record_string(&s->record, "embedding.sha256", fresh.sha256, sizeof(fresh.sha256));
	if (em_record_number(&s->record, "embedding.dim", &claimed) && claimed != (double)fresh.dim) {
		free(v);
		return em_error_set(err, EM_ERROR_DATA, "its embedding has %zu numbers, its record says %.9g",
		                    fresh.dim, claimed);
	}
	*id = fresh;
	*vector = v;
	return 0;
}

int em_encoder_id_check(const struct em_encoder_id *a, const char *a_is, const struct em_encoder_id *b,
                        const char *b_is, struct em_error *err)
{
	if (!strcmp(a->name, b->name) && !strcmp(a->sha256, b->sha256) && a->dim == b->dim)
		return 0;
	return em_error_set(
	    err, EM_ERROR_DATA,
	    "%s was embedded by %s (sha256 %.12s, %zu numbers), %s by %s (sha256 %.12s, %zu numbers): use one "
	    "encoder for both",
	    a_is, a->name[0] ? a->name : "an unnamed encoder", a->sha256[0] ? a->sha256 : "unknown", a->dim, b_is,
	    b->name[0] ? b->name : "an unnamed encoder", b->sha256[0] ? b->sha256 : "unknown", b->dim);
}

/* ---- the set ---- */

void em_support_release(struct em_support *set)
{
	for (size_t k = 0; k < set->nclasses; k++) {
		free(set->classes[k].name);
		free(set->classes[k].color);
	}
	free(set->classes);
	free(set->vectors);
	free(set->labels);
	memset(set, 0, sizeof(*set));
}

/* "#rrggbb" and nothing else: it goes into pictures and pages. */
static bool is_color(const char *s)
{
	return s[0] == '#' && strlen(s) == 7 && strspn(s + 1, "0123456789abcdefABCDEF") == 6;
}

static int check_class(const struct em_support *set, const char *name, const char *color, struct em_error *err)
{
	if (!name || !name[0])
		return em_error_set(err, EM_ERROR_DATA, "support set: a class has no name; give each a \"name\"");
	if (strlen(name) > 256)
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: the class name \"%.40s...\" is longer than 256 bytes", name);
	if (!em_utf8_is_valid(name, strlen(name)))
		return em_error_set(err, EM_ERROR_DATA, "support set: the class name \"%.60s\" is not UTF-8: rename it",
		                    name);
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			return em_error_set(err, EM_ERROR_DATA,
			                    "support set: the class name \"%.60s\" holds a control character", name);
	if (!strcmp(name, EM_LABEL_UNKNOWN))
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: \"" EM_LABEL_UNKNOWN
		                    "\" is what rejected chips are called; rename that class");
	for (size_t k = 0; k < set->nclasses; k++)
		if (!strcmp(set->classes[k].name, name))
			return em_error_set(err, EM_ERROR_DATA,
			                    "support set: class \"%s\" is there twice; rename or merge them", name);
	if (color && !is_color(color))
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: class \"%s\": colour \"%s\" is not of the form #rrggbb", name, color);
	if (set->nclasses == EM_MAX_CLASSES)
		return em_error_set(err, EM_ERROR_DATA, "support set: more than %d classes", EM_MAX_CLASSES);
	return 0;
}

static char *copy_string(const char *s)
{
	char *copy = malloc(strlen(s) + 1);

	return copy ? strcpy(copy, s) : NULL;
}

int em_support_add_class(struct em_support *set, const char *name, const char *color, struct em_error *err)
{
	struct em_support_class *grown, fresh = {0};

	if (check_class(set, name, color, err))
		return -1;
	grown = realloc(set->classes, (set->nclasses + 1) * sizeof(*grown));
	if (!grown)
		return em_error_memory(err, (set->nclasses + 1) * sizeof(*grown));
	set->classes = grown;
	fresh.name = copy_string(name);
	fresh.color = color ? copy_string(color) : NULL;
	if (!fresh.name || (color && !fresh.color)) {
		free(fresh.name);
		free(fresh.color);
		return em_error_memory(err, strlen(name));
	}
	set->classes[set->nclasses++] = fresh;
	return 0;
}

static int reserve(struct em_support *set, size_t dim, struct em_error *err)
{
	size_t capacity = set->capacity ? 2 * set->capacity : 16;
	float *vectors;
	size_t *labels;

	if (set->count < set->capacity)
		return 0;
	if (capacity > SIZE_MAX / 16 / dim)
		return em_error_set(err, EM_ERROR_MEMORY, "the support set has too many samples");
	vectors = realloc(set->vectors, capacity * dim * sizeof(*vectors));
	if (!vectors)
		return em_error_memory(err, capacity * dim * sizeof(*vectors));
	set->vectors = vectors;
	labels = realloc(set->labels, capacity * sizeof(*labels));
	if (!labels)
		return em_error_memory(err, capacity * sizeof(*labels));
	set->labels = labels;
	set->capacity = capacity;
	return 0;
}

int em_support_add(struct em_support *set, size_t class, const struct em_encoder_id *id, const float *vector,
                   struct em_error *err)
{
	if (set->count && em_encoder_id_check(id, "one support", &set->encoder, "another", err))
		return -1;
	if (reserve(set, id->dim, err))
		return -1;
	set->encoder = *id;
	memcpy(set->vectors + set->count * id->dim, vector, id->dim * sizeof(*vector));
	set->labels[set->count++] = class;
	return 0;
}

int em_support_check(const struct em_support *set, struct em_error *err)
{
	if (set->nclasses < 2)
		return em_error_set(err, EM_ERROR_DATA, "support set: %zu class%s: name at least two to choose between",
		                    set->nclasses, set->nclasses == 1 ? "" : "es");
	for (size_t k = 0; k < set->nclasses; k++) {
		bool found = false;

		for (size_t i = 0; i < set->count && !found; i++)
			found = set->labels[i] == k;
		if (!found)
			return em_error_set(err, EM_ERROR_DATA,
			                    "support set: class \"%s\" has no chips; name some or remove it",
			                    set->classes[k].name);
	}
	return 0;
}
