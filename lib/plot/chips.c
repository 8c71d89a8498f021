/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/chips.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The class of a name, made where it is missing: its index, or -1. */
static ptrdiff_t find_or_add(struct em_classes *classes, const char *name, struct em_error *err)
{
	struct em_class *v;
	char *copy;

	for (size_t i = 0; i < classes->n; i++)
		if (!strcmp(classes->v[i].name, name))
			return (ptrdiff_t)i;
	if (classes->n == EM_CLASSES_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d classes cannot be drawn", EM_CLASSES_MAX);
	copy = strdup(name);
	v = copy ? realloc(classes->v, (classes->n + 1) * sizeof(*v)) : NULL;
	if (!v) {
		free(copy);
		return em_error_memory(err, (classes->n + 1) * sizeof(*v));
	}
	classes->v = v;
	v[classes->n] = (struct em_class){.name = copy, .unknown = !strcmp(name, EM_UNKNOWN)};
	return (ptrdiff_t)classes->n++;
}

static int read_class(struct em_chip *chip, struct em_classes *classes, const struct em_json *class,
                      struct em_error *err)
{
	const char *label = em_json_string(em_json_get(class, "label"));
	ptrdiff_t at;

	if (!label || !*label)
		return em_error_set(err, EM_ERROR_DATA, "\"class\" has no label");
	if (!classes->chips)
		for (const struct em_json *n = em_json_first(em_json_get(class, "scores")); n; n = em_json_next(n))
			if (em_json_name(n) && find_or_add(classes, em_json_name(n), err) < 0)
				return -1;
	at = find_or_add(classes, label, err);
	if (at < 0)
		return -1;
	chip->class = (size_t)at;
	chip->p = 1;
	chip->has_p = em_json_number(em_json_get(class, "p"), &chip->p);
	if (!(chip->p >= 0 && chip->p <= 1))
		return em_error_set(err, EM_ERROR_DATA, "class.p is %g, no probability", chip->p);
	return 0;
}

/* Whole numbers that a picture can have: beyond 2^24 nothing here would fit into memory anyway. */
static bool is_place(double v, double least)
{
	return v >= least && v <= 16777216 && floor(v) >= v;
}

static int read_place(struct em_chip *chip, const struct em_json *node, struct em_error *err)
{
	double row = 0, col = 0, box[4], size[2] = {0, 0};

	em_json_numbers(em_json_get(node, "image"), size, 2);
	if (!em_json_number(em_json_get(node, "row"), &row) || !em_json_number(em_json_get(node, "col"), &col) ||
	    em_json_numbers(em_json_get(node, "box"), box, 4) != 4)
		return em_error_set(err, EM_ERROR_DATA, "\"chip\" lacks row, col or box [y,x,h,w]");
	if (!is_place(row, 0) || !is_place(col, 0) || !is_place(box[0], -16777216) || !is_place(box[1], -16777216) ||
	    !is_place(box[2], 1) || !is_place(box[3], 1) || !is_place(size[0], 0) || !is_place(size[1], 0))
		return em_error_set(err, EM_ERROR_DATA, "\"chip\" holds places that no picture has");
	chip->placed = true;
	chip->row = (size_t)row;
	chip->col = (size_t)col;
	chip->y = box[0];
	chip->x = box[1];
	chip->h = box[2];
	chip->w = box[3];
	chip->picture_h = (size_t)size[0];
	chip->picture_w = (size_t)size[1];
	return 0;
}

/* Of a padded chip only what lies in the picture counts. */
static double inside(double start, double size, size_t picture)
{
	double end = picture ? fmin(start + size, (double)picture) : start + size;

	return fmax(end - fmax(start, 0), 0);
}

static double area_of(const struct em_chip *chip, const struct em_sample *s)
{
	struct em_json *image;
	double shape[2] = {0, 0};

	if (chip->placed)
		return inside(chip->y, chip->h, chip->picture_h) * inside(chip->x, chip->w, chip->picture_w);
	/* Without a chip's box the whole image is what was classified. */
	image = em_record_tree(&s->record, "image");
	em_json_numbers(em_json_get(image, "shape"), shape, 2);
	em_json_free(image);
	return shape[0] * shape[1] > 0 ? shape[0] * shape[1] : 0;
}

int em_chip_read(struct em_chip *chip, struct em_classes *classes, const struct em_sample *s, struct em_error *err)
{
	struct em_chip found = {0};
	struct em_json *class = em_record_tree(&s->record, "class"), *place;
	int status;

	if (!class)
		return 0;
	place = em_record_tree(&s->record, "chip");
	status = read_class(&found, classes, class, err);
	if (!status && place)
		status = read_place(&found, place, err);
	em_json_free(class);
	em_json_free(place);
	if (status)
		return em_error_prefix(err, "sample %s: ", s->key);
	classes->chips++;
	classes->v[found.class].chips++;
	classes->v[found.class].area += area_of(&found, s);
	classes->area += area_of(&found, s);
	*chip = found;
	return 1;
}

void em_classes_release(struct em_classes *classes)
{
	for (size_t i = 0; i < classes->n; i++)
		free(classes->v[i].name);
	free(classes->v);
	memset(classes, 0, sizeof(*classes));
}

/* Numbers in names by their value: "phase 2" before "phase 10". */
static int compare_names(const char *a, const char *b)
{
	static const char digits[] = "0123456789";
	const char *p = a, *q = b;

	for (;;) {
		size_t m, n;

		for (m = strspn(p, digits); m > 1 && *p == '0'; m--)
			p++;
		for (n = strspn(q, digits); n > 1 && *q == '0'; n--)
			q++;
		if (m && n && m != n)
			return m < n ? -1 : 1;
		if (*p != *q || !*p)
			break;
		p++;
		q++;
	}
	return *p != *q ? ((unsigned char)*p < (unsigned char)*q ? -1 : 1) : strcmp(a, b);
}

static int by_name(const void *a, const void *b)
{
	const struct em_class *x = a, *y = b;

	return x->unknown != y->unknown ? (int)x->unknown - (int)y->unknown : compare_names(x->name, y->name);
}

static bool same_color(struct em_rgb a, struct em_rgb b)
{
	return a.r == b.r && a.g == b.g && a.b == b.b;
}

/* The colours of the file; fixed[i] says which classes have got one. */
static int colors_of_file(struct em_classes *classes, const char *path, bool *fixed, struct em_error *err)
{
	struct em_json *root = em_json_parse_file(path, err);
	const struct em_json *list = em_json_get(root, "classes");
	int status = 0;

	if (!root)
		return -1;
	if (!em_json_is_array(list))
		status = em_error_set(err, EM_ERROR_DATA,
		                      "%s: no \"classes\": not a support set or prototypes file", path);
	for (const struct em_json *n = em_json_first(list); n && !status; n = em_json_next(n)) {
		const char *name = em_json_string(em_json_get(n, "name"));
		const char *color = em_json_string(em_json_get(n, "color"));
		struct em_rgb rgb;

		if (!name || !color)
			continue;
		if (em_color_parse(color, &rgb))
			status = em_error_set(err, EM_ERROR_DATA,
			                      "%s: class %.60s: colour \"%.30s\" is not like #1b9e77",
			                      path, name, color);
		for (size_t i = 0; i < classes->n && !status; i++)
			if (!strcmp(classes->v[i].name, name)) {
				classes->v[i].color = rgb;
				fixed[i] = true;
			}
	}
	em_json_free(root);
	return status;
}

static void palette_colors(struct em_classes *classes, const bool *fixed)
{
	size_t next = 0;

	for (size_t i = 0; i < classes->n; i++) {
		bool taken = true;

		if (fixed[i])
			continue;
		if (classes->v[i].unknown) {
			classes->v[i].color = EM_RGB_UNKNOWN;
			continue;
		}
		while (taken) {
			classes->v[i].color = em_color_class(next++);
			taken = false;
			for (size_t k = 0; k < classes->n; k++)
				taken |= fixed[k] && next < EM_CLASSES_MAX &&
				         same_color(classes->v[k].color, classes->v[i].color);
		}
	}
}

int em_classes_arrange(struct em_classes *classes, const char *colors, size_t *rank, struct em_error *err)
{
	bool fixed[EM_CLASSES_MAX] = {false};
	char *name[EM_CLASSES_MAX];

	for (size_t i = 0; i < classes->n; i++)
		name[i] = classes->v[i].name;
	if (classes->n)
		qsort(classes->v, classes->n, sizeof(*classes->v), by_name);
	for (size_t i = 0; i < classes->n; i++)
		for (size_t k = 0; k < classes->n; k++)
			if (classes->v[k].name == name[i])
				rank[i] = k;
	if (colors && colors_of_file(classes, colors, fixed, err))
		return -1;
	palette_colors(classes, fixed);
	return 0;
}

double em_class_share(const struct em_classes *classes, size_t i, bool by_area)
{
	if (by_area)
		return classes->area > 0 ? classes->v[i].area / classes->area : 0;
	return classes->chips ? (double)classes->v[i].chips / (double)classes->chips : 0;
}

void em_class_percent(char *buf, size_t n, double share)
{
	if (share > 0 && share < 0.0005)
		snprintf(buf, n, "<0.1 %%");
	else
		snprintf(buf, n, "%.1f %%", 100 * share);
}

void em_classes_describe(const struct em_classes *classes, bool by_area, struct em_text *out)
{
	char percent[16];

	for (size_t i = 0; i < classes->n; i++) {
		em_class_percent(percent, sizeof(percent), em_class_share(classes, i, by_area));
		em_text_printf(out, "%sclass %s: %zu chips, %s%s", i ? "; " : "", classes->v[i].name,
		               classes->v[i].chips, percent, by_area ? " of the area" : "");
	}
}
