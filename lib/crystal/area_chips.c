/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A class map: a chip's part of the picture is what of its box is nearer to its own middle than to any other's. */
#include "crystal/area_parts.h"

#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct chip {
	double y, x, h, w;
	size_t area; /* index of its region */
};

struct chips {
	struct chip *chip;
	size_t count, capacity;
	char picture[EM_KEY_MAX + 1];
};

static bool is_whole(double v, double least)
{
	return v >= least && v <= 1e9 && v == floor(v);
}

/* The frame, and the chip's place in it. */
static int read_place(struct em_areas *set, struct chip *c, const struct em_record *r, struct em_error *err)
{
	struct em_json *json = em_record_tree(r, "chip");
	double box[4], image[2];
	bool known = em_json_numbers(em_json_get(json, "box"), box, 4) == 4 && is_whole(box[0], 0) &&
	             is_whole(box[1], 0) && is_whole(box[2], 1) && is_whole(box[3], 1);
	bool sized = em_json_numbers(em_json_get(json, "image"), image, 2) == 2 && is_whole(image[0], 1) &&
	             is_whole(image[1], 1);

	em_json_free(json);
	if (!known)
		return em_error_set(err, EM_ERROR_DATA, "it is classified, but its record has no \"chip\" with a box");
	if (sized && set->height > 0 && (set->height != image[0] || set->width != image[1]))
		return em_error_set(err, EM_ERROR_DATA, "its picture has another size than that of the chips before");
	if (sized) {
		set->height = image[0];
		set->width = image[1];
	}
	*c = (struct chip){box[0], box[1], box[2], box[3], 0};
	return 0;
}

static int check_picture(struct chips *chips, const struct em_sample *s, struct em_error *err)
{
	char picture[EM_KEY_MAX + 1];

	em_sample_picture(s, picture, sizeof(picture));
	if (!chips->count)
		strcpy(chips->picture, picture);
	else if (strcmp(picture, chips->picture) != 0)
		return em_error_set(err, EM_ERROR_DATA,
		                    "chips of two pictures, \"%.100s\" and \"%.100s\": give those of one",
		                    chips->picture, picture);
	return 0;
}

static int append(struct chips *chips, const struct chip *c, struct em_error *err)
{
	size_t capacity = chips->capacity ? 2 * chips->capacity : 256;
	struct chip *grown;

	if (chips->count == EM_AREA_CHIPS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d chips", EM_AREA_CHIPS_MAX);
	if (chips->count == chips->capacity) {
		grown = realloc(chips->chip, capacity * sizeof(*grown));
		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		chips->chip = grown;
		chips->capacity = capacity;
	}
	chips->chip[chips->count++] = *c;
	return 0;
}

static int take(struct em_areas *set, struct chips *chips, const struct em_sample *s, struct em_error *err)
{
	char label[EM_AREA_NAME_MAX + 2];
	struct chip c;

	if (em_sample_has_error(s) || !em_record_string(&s->record, "class.label", label, sizeof(label)))
		return 0;
	if (read_place(set, &c, &s->record, err) || check_picture(chips, s, err) ||
	    em_areas_find(set, label, &c.area, err))
		return -1;
	return append(chips, &c, err);
}

static int read_all(struct em_areas *set, struct chips *chips, struct em_stream_reader *reader, struct em_error *err)
{
	struct em_sample s = {0};
	int status;

	while ((status = em_stream_read_sample(reader, &s, err)) == 1) {
		status = take(set, chips, &s, err);
		if (status)
			em_error_prefix(err, "sample %.100s: ", s.key);
		em_sample_release(&s);
		if (status)
			return -1;
	}
	if (!status && !chips->count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "no classified chips in the stream: pass it through emclassify");
	return status;
}

/* ---- who owns what ---- */

static int compare_chips(const void *a, const void *b)
{
	const struct chip *p = a, *q = b;

	if (p->y != q->y)
		return p->y < q->y ? -1 : 1;
	return (p->x > q->x) - (p->x < q->x);
}

/* Keep of the convex polygon from[n] what has nx x + ny y <= d (Sutherland and Hodgman, CACM 17 (1974) 32). */
static size_t cut(const double (*from)[2], size_t n, double nx, double ny, double d, double (*to)[2])
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const double *p = from[i], *q = from[(i + 1) % n];
		double a = nx * p[0] + ny * p[1] - d, b = nx * q[0] + ny * q[1] - d;

		if (a <= 0)
			memcpy(to[kept++], p, sizeof(*to));
		if ((a < 0 && b > 0) || (a > 0 && b < 0)) {
			to[kept][0] = p[0] + a / (a - b) * (q[0] - p[0]);
			to[kept++][1] = p[1] + a / (a - b) * (q[1] - p[1]);
		}
	}
	return kept;
}

/* What of a's polygon is nearer to a's middle than to b's: the new number of corners. */
static size_t cut_between(const struct chip *a, const struct chip *b, double (*poly)[2], size_t n, double (*work)[2])
{
	double ax = a->x + a->w / 2 - 0.5, ay = a->y + a->h / 2 - 0.5;
	double bx = b->x + b->w / 2 - 0.5, by = b->y + b->h / 2 - 0.5;
	double nx = bx - ax, ny = by - ay;

	n = cut((const double(*)[2])poly, n, nx, ny, (nx * (ax + bx) + ny * (ay + by)) / 2, work);
	memcpy(poly, work, n * sizeof(*poly));
	return n;
}

static int own_part(struct em_areas *set, const struct chips *chips, size_t i, size_t first, double (*poly)[2],
                    struct em_error *err)
{
	const struct chip *c = &chips->chip[i];
	double(*work)[2] = poly + EM_AREA_CORNERS_MAX + 1;
	struct em_error why = {0};
	size_t n = 4;

	em_area_box(c->x, c->y, c->w, c->h, poly);
	for (size_t j = first; j < chips->count && chips->chip[j].y < c->y + c->h && n >= 3; j++) {
		const struct chip *o = &chips->chip[j];

		if (j == i || o->y + o->h <= c->y || o->x >= c->x + c->w || o->x + o->w <= c->x)
			continue;
		if (2 * o->y + o->h == 2 * c->y + c->h && 2 * o->x + o->w == 2 * c->x + c->w)
			return em_error_set(err, EM_ERROR_DATA, "two chips at one place, box [%.0f,%.0f,%.0f,%.0f]",
			                    c->y, c->x, c->h, c->w);
		n = cut_between(c, o, poly, n, work);
		if (n >= EM_AREA_CORNERS_MAX)
			return em_error_set(err, EM_ERROR_DATA, "too many chips on top of each other");
	}
	/* Under larger chips a small one may own nothing. */
	if (n < 3 || !em_area_add_ring(&set->area[c->area], (const double(*)[2])poly, n, &why) ||
	    why.kind == EM_ERROR_DATA)
		return 0;
	return em_error_memory(err, n * sizeof(*poly));
}

static int share_out(struct em_areas *set, struct chips *chips, struct em_error *err)
{
	double(*poly)[2] = malloc(2 * (EM_AREA_CORNERS_MAX + 1) * sizeof(*poly)), highest = 0;
	size_t first = 0;
	int status = 0;

	if (!poly)
		return em_error_memory(err, 2 * EM_AREA_CORNERS_MAX * sizeof(*poly));
	qsort(chips->chip, chips->count, sizeof(*chips->chip), compare_chips);
	for (size_t i = 0; i < chips->count; i++)
		highest = fmax(highest, chips->chip[i].h);
	for (size_t i = 0; i < chips->count && !status; i++) {
		while (chips->chip[first].y + highest <= chips->chip[i].y)
			first++;
		status = own_part(set, chips, i, first, poly, err);
	}
	free(poly);
	return status;
}

int em_areas_read_chips(struct em_areas *set, struct em_byte_source source, struct em_error *err)
{
	struct em_stream_reader *reader = em_stream_reader_new(source, err);
	struct chips chips = {0};
	int status = -1;

	if (reader && !read_all(set, &chips, reader, err))
		status = share_out(set, &chips, err);
	em_stream_reader_free(reader);
	free(chips.chip);
	return status;
}
