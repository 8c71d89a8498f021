/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a picture's sample to chips' samples.  Chips come by the tens of thousands a second: what they share is rendered
 * once a picture, and what differs is a few numbers between ready-made pieces of text.
 */
#include "vision/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct em_chipper {
	const struct em_array *image;
	const struct em_chip_grid *grid;
	char *key;               /* of the picture */
	struct em_record record; /* the picture's, with every member that a chip has, in order */
	struct em_text before_centre, behind_centre; /* to_stage around the value of centre_px; empty: none */
	double centre[2];        /* x, y */
	struct em_array shape;   /* a chip without pixels: its type, shape and scales */
	unsigned char header[EM_TIFF_PLAIN_HEADER];
	size_t tif_bytes;
};

void em_chipper_free(struct em_chipper *c)
{
	if (!c)
		return;
	em_record_release(&c->record);
	em_text_release(&c->before_centre);
	em_text_release(&c->behind_centre);
	free(c->key);
	free(c);
}

/* "PICTURE/rRRRcCCC"; -1 where it does not fit. */
static int print_key(char *buf, size_t n, const char *picture, size_t row, size_t col)
{
	int len = snprintf(buf, n, "%s/r%03zuc%03zu", picture, row, col);

	return len < 0 || (size_t)len >= n ? -1 : 0;
}

/* Of all keys the last is the longest. */
static int check_key(const struct em_chipper *c, struct em_error *err)
{
	char key[EM_KEY_MAX + 1];

	if (print_key(key, sizeof(key), c->key, c->grid->rows - 1, c->grid->cols - 1))
		return em_error_set(err, EM_ERROR_DATA, "the key is so long that its chips' would pass %d bytes",
		                    EM_KEY_MAX);
	return em_key_check(key, err);
}

static bool get_centre(const struct em_record *to_stage, double centre[2])
{
	struct em_json *tree = em_record_tree(to_stage, "centre_px");
	bool found = em_json_size(tree) == 2 && em_json_numbers(tree, centre, 2) == 2;

	em_json_free(tree);
	return found;
}

/* Cut to_stage open at the value of centre_px; what else it holds stays as it is. */
static int open_to_stage(struct em_chipper *c, const char *json, struct em_error *err)
{
	struct em_record to_stage;
	struct em_text *part = &c->before_centre;

	if (em_record_parse(&to_stage, json, strlen(json), err))
		return em_error_prefix(err, "to_stage: ");
	if (!get_centre(&to_stage, c->centre)) {
		em_record_release(&to_stage);
		return em_error_set(err, EM_ERROR_DATA,
		                    "to_stage has no \"centre_px\":[x,y]: where its chips lie cannot be told");
	}
	em_text_append(part, "{");
	for (size_t i = 0; i < to_stage.count; i++) {
		bool centre = !strcmp(to_stage.member[i].name, "centre_px");

		if (i)
			em_text_append(part, ",");
		em_json_put_string(part, to_stage.member[i].name);
		em_text_append(part, ":");
		if (centre)
			part = &c->behind_centre;
		else
			em_text_append(part, to_stage.member[i].value);
	}
	em_text_append(part, "}");
	em_record_release(&to_stage);
	return em_text_check(&c->before_centre, err) || em_text_check(&c->behind_centre, err) ? -1 : 0;
}

/* Where a chip's members go: in the place they have in the picture's record, or at its end. */
static int make_record(struct em_chipper *c, const struct em_sample *picture, struct em_error *err)
{
	const char *to_stage = em_record_get(&picture->record, "to_stage");

	if (em_record_copy(&c->record, &picture->record, err) || em_record_set(&c->record, "key", "\"\"", err) ||
	    em_record_set_image(&c->record, &c->shape, err) || em_record_set(&c->record, "chip", "{}", err))
		return -1;
	return to_stage && to_stage[0] == '{' ? open_to_stage(c, to_stage, err) : 0;
}

static int prepare(struct em_chipper *c, const struct em_sample *picture, struct em_error *err)
{
	const struct em_array *image = c->image;
	const struct em_chip_grid *g = c->grid;

	c->key = strdup(picture->key);
	if (!c->key)
		return em_error_memory(err, strlen(picture->key));
	c->shape = *image;
	c->shape.data = NULL;
	c->shape.shape[0] = g->height;
	c->shape.shape[1] = g->width;
	c->tif_bytes = em_tiff_plain_size(image->dtype, g->height, g->width);
	if (!c->tif_bytes)
		return em_error_set(err, EM_ERROR_DATA, "a chip of %zu x %zu pixels of %s is beyond a TIFF's 4 GB",
		                    g->width, g->height, em_dtype_name(image->dtype));
	em_tiff_plain_header(c->header, image->dtype, g->height, g->width);
	return check_key(c, err) || make_record(c, picture, err) ? -1 : 0;
}

struct em_chipper *em_chipper_new(const struct em_sample *picture, const struct em_array *image,
                                  const struct em_chip_grid *grid, struct em_error *err)
{
	struct em_chipper *c = calloc(1, sizeof(*c));

	if (!c) {
		em_error_memory(err, sizeof(*c));
		return NULL;
	}
	c->image = image;
	c->grid = grid;
	if (prepare(c, picture, err)) {
		em_chipper_free(c);
		return NULL;
	}
	return c;
}

static int set_chip(const struct em_chipper *c, struct em_record *r, size_t row, size_t col, struct em_text *t,
                    struct em_error *err)
{
	const struct em_chip_grid *g = c->grid;
	size_t y, x;

	em_chip_origin(g, row, col, &y, &x);
	em_text_clear(t);
	em_text_printf(t, "{\"row\":%zu,\"col\":%zu,\"box\":[%zu,%zu,%zu,%zu],", row, col, y, x, g->height, g->width);
	em_text_printf(t, "\"grid\":[%zu,%zu],\"image\":[%zu,%zu]}", g->rows, g->cols, g->image_height,
	               g->image_width);
	return em_record_set_text(r, "chip", t, err);
}

static int set_axes(const struct em_chipper *c, struct em_record *r, size_t y, size_t x, struct em_text *t,
                    struct em_error *err)
{
	struct em_array shape = c->shape;

	shape.axis[0].offset += (double)y * shape.axis[0].scale;
	shape.axis[1].offset += (double)x * shape.axis[1].scale;
	em_text_clear(t);
	em_record_put_axes(t, &shape);
	return em_record_set_text(r, "axes", t, err);
}

static int set_to_stage(const struct em_chipper *c, struct em_record *r, size_t y, size_t x, struct em_text *t,
                        struct em_error *err)
{
	double centre[2] = {c->centre[0] - (double)x, c->centre[1] - (double)y};

	if (!c->before_centre.len)
		return 0;
	em_text_clear(t);
	em_text_append(t, c->before_centre.s);
	em_json_put_numbers(t, centre, 2);
	em_text_append(t, c->behind_centre.s);
	return em_record_set_text(r, "to_stage", t, err);
}

static int set_record(const struct em_chipper *c, struct em_sample *chip, size_t row, size_t col, struct em_error *err)
{
	char key[EM_KEY_MAX + 1];
	struct em_text t = {0};
	size_t y, x;
	int status;

	print_key(key, sizeof(key), c->key, row, col);
	em_chip_origin(c->grid, row, col, &y, &x);
	status = em_record_copy(&chip->record, &c->record, err) || em_sample_set_key(chip, key, err) ||
	         set_chip(c, &chip->record, row, col, &t, err) || set_axes(c, &chip->record, y, x, &t, err) ||
	         set_to_stage(c, &chip->record, y, x, &t, err);
	em_text_release(&t);
	return status ? -1 : 0;
}

int em_chipper_cut(const struct em_chipper *c, size_t i, struct em_sample *chip, struct em_error *err)
{
	size_t row = i / c->grid->cols, col = i % c->grid->cols;
	struct em_sample fresh = {0};
	unsigned char *tif;

	if (set_record(c, &fresh, row, col, err)) {
		em_sample_release(&fresh);
		return -1;
	}
	tif = malloc(c->tif_bytes);
	if (!tif) {
		em_sample_release(&fresh);
		return em_error_memory(err, c->tif_bytes);
	}
	memcpy(tif, c->header, sizeof(c->header));
	em_chip_copy(c->grid, c->image, row, col, tif + sizeof(c->header));
	if (em_sample_set_member(&fresh, "tif", tif, c->tif_bytes, err)) {
		em_sample_release(&fresh);
		return -1;
	}
	*chip = fresh;
	return 0;
}
