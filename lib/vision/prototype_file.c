/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prototype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_VERSION     1
#define TRANSFORM_VERSION 2 /* with a transform */
#define MOST_PIXELS       1e9 /* a side of a chip */

static const char *const distance_names[] = {"euclidean", "cosine", "mahalanobis"};

/* ---- out ---- */

static void put_class(struct em_text *out, const struct em_prototypes *p, const struct em_prototype *c)
{
	em_json_put_comma(out);
	em_text_append(out, "{");
	em_json_put_name(out, "name");
	em_json_put_string(out, c->name);
	if (c->color) {
		em_json_put_name(out, "color");
		em_json_put_string(out, c->color);
	}
	em_json_put_name(out, "supports");
	em_json_put_number(out, (double)c->supports);
	em_json_put_name(out, "spread");
	em_json_put_number(out, c->spread);
	em_json_put_name(out, "vector");
	em_text_append(out, "[");
	for (size_t i = 0; i < p->encoder.dim; i++) {
		em_json_put_comma(out);
		em_json_put_number(out, (double)c->vector[i]);
	}
	em_text_append(out, "]}");
}

static void put_factor(struct em_text *out, const struct em_prototypes *p)
{
	em_json_put_name(out, "factor");
	em_text_append(out, "[");
	for (size_t i = 0; i < p->encoder.dim; i++)
		for (size_t j = 0; j <= i; j++) {
			em_json_put_comma(out);
			em_json_put_number(out, p->factor[i * p->encoder.dim + j]);
		}
	em_text_append(out, "]");
}

int em_prototypes_print(const struct em_prototypes *p, struct em_text *out, struct em_error *err)
{
	em_text_append(out, "{");
	em_json_put_name(out, "em_prototypes");
	em_json_put_number(out, p->transform.dim ? TRANSFORM_VERSION : PLAIN_VERSION);
	em_json_put_name(out, "encoder");
	em_json_put_string(out, p->encoder.name);
	em_json_put_name(out, "sha256");
	em_json_put_string(out, p->encoder.sha256);
	em_json_put_name(out, "dim");
	em_json_put_number(out, (double)p->encoder.dim);
	if (p->chip_height > 0) {
		em_json_put_name(out, "chip");
		em_json_put_numbers(out, (const double[]){p->chip_height, p->chip_width}, 2);
	}
	em_json_put_name(out, "distance");
	em_json_put_string(out, distance_names[p->distance]);
	if (p->transform.dim) {
		em_json_put_name(out, "transform");
		em_transform_print(&p->transform, out);
	}
	em_json_put_name(out, "temperature");
	em_json_put_number(out, p->temperature);
	em_json_put_name(out, "doubt");
	em_json_put_number(out, p->doubt);
	em_json_put_name(out, "calibrated");
	em_json_put_bool(out, p->calibrated);
	em_json_put_name(out, "spread");
	em_text_append(out, "{");
	em_json_put_name(out, "sd");
	em_json_put_number(out, p->spread_sd);
	em_json_put_name(out, "dof");
	em_json_put_number(out, p->spread_dof);
	em_text_append(out, "}");
	em_json_put_name(out, "classes");
	em_text_append(out, "[");
	for (size_t k = 0; k < p->count; k++)
		put_class(out, p, &p->classes[k]);
	em_text_append(out, "]");
	if (p->distance == EM_DISTANCE_MAHALANOBIS) {
		em_json_put_name(out, "shrinkage");
		em_json_put_number(out, p->shrinkage);
	}
	if (p->factor)
		put_factor(out, p);
	em_text_append(out, "}");
	return em_text_check(out, err);
}

/* ---- in ---- */

static int broken(struct em_error *err, const char *what)
{
	return em_error_set(err, EM_ERROR_DATA, "saved prototypes: %s", what);
}

static double number_or(const struct em_json *node, double missing)
{
	double v = missing;

	em_json_number(node, &v);
	return v;
}

/* Saved with nine digits, a float32 comes back as itself only through float32. */
static double single(const struct em_json *node, double missing)
{
	double v = number_or(node, missing);

	return fabs(v) <= 3.4e38 ? (double)(float)v : missing;
}

/* A whole number within [lo, hi], or 0: what cannot be a count. */
static size_t whole(const struct em_json *node, double lo, double hi)
{
	double v = number_or(node, 0);

	return v >= lo && v <= hi && v == floor(v) ? (size_t)v : 0;
}

/* Exactly n finite numbers. */
static double *read_numbers(const struct em_json *node, size_t n)
{
	double *v;

	if (em_json_size(node) != n || !n)
		return NULL;
	v = malloc(n * sizeof(*v));
	if (v && em_json_numbers(node, v, n) != n) {
		free(v);
		return NULL;
	}
	for (size_t i = 0; v && i < n; i++)
		if (!(fabs(v[i]) <= 3.4e38)) {
			free(v);
			return NULL;
		}
	return v;
}

static int read_header(struct em_prototypes *p, const struct em_json *json, struct em_error *err)
{
	const char *name = em_json_string(em_json_get(json, "encoder"));
	const char *sha256 = em_json_string(em_json_get(json, "sha256"));
	const char *distance = em_json_string(em_json_get(json, "distance"));
	double version = number_or(em_json_get(json, "em_prototypes"), 0);
	int which = -1;

	if (version != PLAIN_VERSION && version != TRANSFORM_VERSION)
		return broken(err, "a version of the file that this emclassify does not know; save them anew");
	for (int i = 0; distance && i < 3; i++)
		if (!strcmp(distance, distance_names[i]))
			which = i;
	p->encoder.dim = whole(em_json_get(json, "dim"), 1, EM_MAX_DIM);
	if (!name || strlen(name) >= sizeof(p->encoder.name) || !sha256 ||
	    strlen(sha256) >= sizeof(p->encoder.sha256) || !p->encoder.dim || which < 0)
		return broken(err, "\"encoder\", \"sha256\", \"dim\" or \"distance\" is missing or wrong");
	snprintf(p->encoder.name, sizeof(p->encoder.name), "%s", name);
	snprintf(p->encoder.sha256, sizeof(p->encoder.sha256), "%s", sha256);
	p->distance = (enum em_distance)which;
	p->temperature = single(em_json_get(json, "temperature"), 0);
	p->doubt = single(em_json_get(json, "doubt"), -1);
	p->calibrated = em_json_is_true(em_json_get(json, "calibrated"));
	p->spread_sd = single(em_json_find(json, "spread.sd"), 0);
	p->spread_dof = number_or(em_json_find(json, "spread.dof"), 0);
	p->shrinkage = single(em_json_get(json, "shrinkage"), 1);
	if (!(p->doubt >= 0 && p->doubt <= 1))
		return broken(err, "\"doubt\" is missing or no probability");
	if (!(p->temperature > 0) || !(p->spread_dof >= 0 && p->spread_dof <= 1e15) ||
	    (p->spread_dof > 0 && !(p->spread_sd > 0)))
		return broken(err, "\"temperature\" or \"spread\" is missing or not positive");
	return 0;
}

static int read_class(struct em_prototype *c, const struct em_support_class *from, const struct em_json *node,
                      size_t dim, struct em_error *err)
{
	double *v = read_numbers(em_json_get(node, "vector"), dim);

	if (!v)
		return em_error_set(err, EM_ERROR_DATA, "saved prototypes: class \"%s\" has no vector of %zu numbers",
		                    from->name, dim);
	if (em_prototype_init(c, from, dim, err)) {
		free(v);
		return -1;
	}
	for (size_t i = 0; i < dim; i++)
		c->vector[i] = (float)v[i];
	free(v);
	c->supports = whole(em_json_get(node, "supports"), 1, 1e15);
	c->spread = single(em_json_get(node, "spread"), NAN);
	if (!c->supports)
		return em_error_set(err, EM_ERROR_DATA, "saved prototypes: class \"%s\" has no \"supports\"", c->name);
	return 0;
}

/* Names and colours go through a support set, which has the rules for them. */
static int read_classes(struct em_prototypes *p, const struct em_json *json, struct em_support *names,
                        struct em_error *err)
{
	const struct em_json *list = em_json_get(json, "classes");
	size_t count = em_json_is_array(list) ? em_json_size(list) : 0;

	if (count < 2 || count > EM_MAX_CLASSES)
		return broken(err, "\"classes\" is not a list of two classes or more");
	p->classes = calloc(count, sizeof(*p->classes));
	if (!p->classes)
		return em_error_memory(err, count * sizeof(*p->classes));
	for (const struct em_json *node = em_json_first(list); node; node = em_json_next(node)) {
		if (em_support_add_class(names, em_json_string(em_json_get(node, "name")),
		                         em_json_string(em_json_get(node, "color")), err))
			return -1;
		p->count++;
		if (read_class(&p->classes[p->count - 1], &names->classes[p->count - 1], node, p->encoder.dim, err))
			return -1;
	}
	return 0;
}

static int read_chip(struct em_prototypes *p, const struct em_json *node, struct em_error *err)
{
	double v[2];

	if (!node)
		return 0;
	if (em_json_size(node) != 2 || em_json_numbers(node, v, 2) != 2 || !(v[0] >= 1 && v[0] <= MOST_PIXELS) ||
	    !(v[1] >= 1 && v[1] <= MOST_PIXELS))
		return broken(err, "\"chip\" is not [height,width]");
	p->chip_height = v[0];
	p->chip_width = v[1];
	return 0;
}

static int read_factor(struct em_prototypes *p, const struct em_json *json, struct em_error *err)
{
	const struct em_json *node = em_json_get(json, "factor");
	size_t dim = p->encoder.dim, k = 0;
	double *packed;

	if (!node || p->distance != EM_DISTANCE_MAHALANOBIS)
		return 0;
	packed = dim <= EM_MAHALANOBIS_MAX_DIM ? read_numbers(node, dim * (dim + 1) / 2) : NULL;
	if (!packed)
		return broken(err, "\"factor\" does not fit \"dim\"");
	p->factor = calloc(dim * dim, sizeof(double));
	for (size_t i = 0; p->factor && i < dim; i++)
		for (size_t j = 0; j <= i; j++)
			p->factor[i * dim + j] = (double)(float)packed[k++];
	free(packed);
	if (!p->factor)
		return em_error_memory(err, dim * dim * sizeof(double));
	for (size_t i = 0; i < dim; i++)
		if (!(p->factor[i * dim + i] > 0))
			return broken(err, "\"factor\" has a diagonal that is not positive");
	return 0;
}

static int read_transform(struct em_prototypes *p, const struct em_json *json, struct em_error *err)
{
	const struct em_json *node = em_json_get(json, "transform");

	if (number_or(em_json_get(json, "em_prototypes"), 0) != TRANSFORM_VERSION)
		return 0;
	if (!em_json_is_object(node))
		return broken(err, "\"transform\" is missing");
	return em_transform_parse(&p->transform, node, p->encoder.dim, err);
}

int em_prototypes_parse(struct em_prototypes *p, const struct em_json *json, struct em_error *err)
{
	struct em_prototypes fresh = {0};
	struct em_support names = {0};
	int status = read_header(&fresh, json, err);

	if (!status)
		status = read_classes(&fresh, json, &names, err);
	if (!status)
		status = read_chip(&fresh, em_json_get(json, "chip"), err);
	if (!status)
		status = read_factor(&fresh, json, err);
	if (!status)
		status = read_transform(&fresh, json, err);
	if (!status)
		status = em_prototypes_prepare(&fresh, err);
	em_support_release(&names);
	if (status) {
		em_prototypes_release(&fresh);
		return -1;
	}
	*p = fresh;
	return 0;
}
