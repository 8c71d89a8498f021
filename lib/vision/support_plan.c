/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHIPS 1000000
#define MAX_INDEX 1e9 /* rows and columns */

struct want {
	const char *key; /* borrowed from the plan's copy of the file; NULL: by row and column */
	double row, col; /* whole numbers */
	size_t class;
	size_t order; /* in the file */
	bool found;
};

struct em_support_plan {
	struct em_support set;
	struct want *want; /* sorted: keys first, then row and column */
	char *keys;        /* what want[].key point into */
	size_t count, found;
	bool by_place;        /* some chips are named by row and column */
	char *picture;        /* that [row,col] speak of; NULL until known */
	bool picture_given;
	double rows, cols; /* of the grid, for messages; 0: not known */
};

void em_support_plan_free(struct em_support_plan *plan)
{
	if (!plan)
		return;
	em_support_release(&plan->set);
	free(plan->want);
	free(plan->keys);
	free(plan->picture);
	free(plan);
}

bool em_support_plan_is_complete(const struct em_support_plan *plan)
{
	return plan->found == plan->count;
}

const struct em_support *em_support_plan_set(const struct em_support_plan *plan)
{
	return &plan->set;
}

/* ---- the file ---- */

static int compare_wants(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (!x->key != !y->key)
		return x->key ? -1 : 1;
	if (x->key)
		return strcmp(x->key, y->key);
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return (x->col > y->col) - (x->col < y->col);
}

/* "[25,2]" or the key, for messages. */
static const char *name_of(const struct want *w, char *buf, size_t n)
{
	if (w->key)
		snprintf(buf, n, "\"%s\"", w->key);
	else
		snprintf(buf, n, "[%.9g,%.9g]", w->row, w->col);
	return buf;
}

static bool is_index(double v)
{
	return v >= 0 && v <= MAX_INDEX && v == floor(v);
}

static int read_want(struct want *w, const struct em_json *node, const char *class, struct em_error *err)
{
	const char *key = em_json_string(node);
	double at[3];

	if (key && *key) {
		w->key = key;
		return 0;
	}
	if (em_json_numbers(node, at, 3) != 2 || em_json_size(node) != 2 || !is_index(at[0]) || !is_index(at[1]))
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: class \"%s\": a chip is neither [row,col], counted from 0, nor a key",
		                    class);
	w->row = at[0];
	w->col = at[1];
	return 0;
}

static int read_chips(struct em_support_plan *plan, const struct em_json *list, size_t class, struct em_error *err)
{
	const char *name = plan->set.classes[class].name;
	size_t n = em_json_size(list);
	struct want *grown;

	if (!em_json_is_array(list) || !n)
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: class \"%s\" has no chips; name some or remove it", name);
	if (plan->count + n > MAX_CHIPS)
		return em_error_set(err, EM_ERROR_DATA, "support set: more than %d chips", MAX_CHIPS);
	grown = realloc(plan->want, (plan->count + n) * sizeof(*grown));
	if (!grown)
		return em_error_memory(err, (plan->count + n) * sizeof(*grown));
	plan->want = grown;
	for (const struct em_json *node = em_json_first(list); node; node = em_json_next(node)) {
		struct want *w = &plan->want[plan->count];

		*w = (struct want){.class = class, .order = plan->count};
		if (read_want(w, node, name, err))
			return -1;
		plan->by_place = plan->by_place || !w->key;
		plan->count++;
	}
	return 0;
}

static int refuse_duplicates(const struct em_support_plan *plan, struct em_error *err)
{
	char name[300];

	for (size_t i = 1; i < plan->count; i++) {
		const struct want *a = &plan->want[i - 1], *b = &plan->want[i];

		if (compare_wants(a, b))
			continue;
		name_of(a, name, sizeof(name));
		if (a->class == b->class)
			return em_error_set(err, EM_ERROR_DATA, "support set: chip %s is there twice in class \"%s\"",
			                    name, plan->set.classes[a->class].name);
		return em_error_set(err, EM_ERROR_DATA, "support set: chip %s is in two classes, \"%s\" and \"%s\"",
		                    name, plan->set.classes[a->order < b->order ? a->class : b->class].name,
		                    plan->set.classes[a->order < b->order ? b->class : a->class].name);
	}
	return 0;
}

/* The tree goes away: keep the keys. */
static int own_keys(struct em_support_plan *plan, struct em_error *err)
{
	size_t bytes = 1;
	char *at;

	for (size_t i = 0; i < plan->count; i++)
		bytes += plan->want[i].key ? strlen(plan->want[i].key) + 1 : 0;
	at = plan->keys = malloc(bytes);
	if (!at)
		return em_error_memory(err, bytes);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->want[i].key) {
			size_t n = strlen(plan->want[i].key) + 1;

			memcpy(at, plan->want[i].key, n);
			plan->want[i].key = at;
			at += n;
		}
	return 0;
}

static int read_size(struct em_support_plan *plan, const struct em_json *size, struct em_error *err)
{
	double v[2] = {0, 0};

	if (!size)
		return 0;
	if (em_json_number(size, &v[0]))
		v[1] = v[0];
	else if (em_json_size(size) != 2 || em_json_numbers(size, v, 2) != 2)
		v[0] = 0;
	if (!(v[0] >= 1 && v[1] >= 1))
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: \"chip\":{\"size\"} is neither a number nor [height,width]");
	plan->set.chip_height = v[0];
	plan->set.chip_width = v[1];
	return 0;
}

static int keep_picture(struct em_support_plan *plan, const char *name, struct em_error *err)
{
	plan->picture = malloc(strlen(name) + 1);
	if (!plan->picture)
		return em_error_memory(err, strlen(name) + 1);
	strcpy(plan->picture, name);
	return 0;
}

static int read_plan(struct em_support_plan *plan, const struct em_json *json, struct em_error *err)
{
	const struct em_json *list = em_json_get(json, "classes");
	const char *picture = em_json_string(em_json_get(json, "picture"));

	if (!em_json_is_array(list))
		return em_error_set(err, EM_ERROR_DATA,
		                    "support set: it has neither \"classes\" nor \"em_prototypes\"");
	if (read_size(plan, em_json_find(json, "chip.size"), err))
		return -1;
	plan->picture_given = picture != NULL;
	if (picture && keep_picture(plan, picture, err))
		return -1;
	for (const struct em_json *node = em_json_first(list); node; node = em_json_next(node)) {
		if (em_support_add_class(&plan->set, em_json_string(em_json_get(node, "name")),
		                         em_json_string(em_json_get(node, "color")), err) ||
		    read_chips(plan, em_json_get(node, "chips"), plan->set.nclasses - 1, err))
			return -1;
	}
	if (plan->set.nclasses < 2)
		return em_support_check(&plan->set, err);
	qsort(plan->want, plan->count, sizeof(*plan->want), compare_wants);
	if (refuse_duplicates(plan, err))
		return -1;
	return own_keys(plan, err);
}

struct em_support_plan *em_support_plan_new(const struct em_json *json, struct em_error *err)
{
	struct em_support_plan *plan = calloc(1, sizeof(*plan));

	if (!plan) {
		em_error_memory(err, sizeof(*plan));
		return NULL;
	}
	if (read_plan(plan, json, err)) {
		em_support_plan_free(plan);
		return NULL;
	}
	return plan;
}

/* ---- the stream ---- */

/* Row and column of a chip; false where the sample is no chip. */
static bool place_of(const struct em_json *chip, double *row, double *col)
{
	return em_json_number(em_json_get(chip, "row"), row) && em_json_number(em_json_get(chip, "col"), col);
}

int em_support_check_chip(double height, double width, const struct em_json *chip, struct em_error *err)
{
	double box[4];

	if (!(height > 0) || em_json_numbers(em_json_get(chip, "box"), box, 4) != 4)
		return 0;
	if (box[2] == height && box[3] == width)
		return 0;
	return em_error_set(err, EM_ERROR_DATA,
	                    "its chip is %.9g x %.9g pixels, the support set was picked on %.9g x %.9g: chip alike",
	                    box[2], box[3], height, width);
}

/* Is this chip in the picture that [row,col] speak of?  1, 0, or -1: that is ambiguous. */
static int in_picture(struct em_support_plan *plan, const struct em_sample *s, struct em_error *err)
{
	char picture[EM_KEY_MAX + 1];

	em_sample_picture(s, picture, sizeof(picture));
	if (!plan->picture && keep_picture(plan, picture, err))
		return -1;
	if (!strcmp(plan->picture, picture))
		return 1;
	if (plan->picture_given)
		return 0;
	return em_error_set(
	    err, EM_ERROR_DATA,
	    "[row,col] in the support set is ambiguous: the stream holds the pictures \"%s\" and \"%s\"; add "
	    "\"picture\":\"%s\" to it or name chips by key",
	    plan->picture, picture, plan->picture);
}

static struct want *look_up(struct em_support_plan *plan, struct want what)
{
	return bsearch(&what, plan->want, plan->count, sizeof(what), compare_wants);
}

/* What the plan says of this sample: at most one of its key and its place may be named.  0 or -1. */
static int match(struct em_support_plan *plan, const struct em_sample *s, const struct em_json *chip, struct want **out,
                 struct em_error *err)
{
	struct want *by_key = look_up(plan, (struct want){.key = s->key}), *by_place = NULL;
	double row, col;

	if (plan->by_place && place_of(chip, &row, &col)) {
		int here = in_picture(plan, s, err);

		if (here < 0)
			return -1;
		if (here)
			by_place = look_up(plan, (struct want){.row = row, .col = col});
	}
	if (by_key && by_place)
		return em_error_set(err, EM_ERROR_DATA, "the support set names it twice, by key and as [%.9g,%.9g]",
		                    row, col);
	*out = by_key ? by_key : by_place;
	return 0;
}

static int take(struct em_support_plan *plan, struct want *w, const struct em_sample *s, struct em_error *err)
{
	struct em_encoder_id id;
	float *vector;
	int status;

	if (em_sample_has_error(s))
		return em_error_set(err, EM_ERROR_DATA, "the support set names it, but an earlier tool failed on it");
	if (em_embedding_get(s, &id, &vector, err))
		return -1;
	status = em_support_add(&plan->set, w->class, &id, vector, err);
	free(vector);
	if (status)
		return -1;
	w->found = true;
	plan->found++;
	return 0;
}

static int offer(struct em_support_plan *plan, const struct em_sample *s, const struct em_json *chip,
                 struct em_error *err)
{
	struct want *w = NULL;
	double grid[2];

	if (em_json_numbers(em_json_get(chip, "grid"), grid, 2) == 2) {
		plan->rows = grid[0];
		plan->cols = grid[1];
	}
	if (match(plan, s, chip, &w, err))
		return -1;
	/* Other chips too: of another size, the grid would be another one and [row,col] another place. */
	if ((w || !plan->picture_given) &&
	    em_support_check_chip(plan->set.chip_height, plan->set.chip_width, chip, err))
		return -1;
	return w && !w->found ? take(plan, w, s, err) : 0;
}

int em_support_plan_offer(struct em_support_plan *plan, const struct em_sample *s, struct em_error *err)
{
	struct em_json *chip;
	int status;

	if (em_support_plan_is_complete(plan) && (!plan->by_place || plan->picture_given))
		return 0;
	chip = em_record_tree(&s->record, "chip");
	status = offer(plan, s, chip, err);
	em_json_free(chip);
	return status ? em_error_prefix(err, "sample %.100s: ", s->key) : 0;
}

int em_support_plan_check(const struct em_support_plan *plan, struct em_error *err)
{
	const struct want *first = NULL;
	char name[300], grid[80] = "";

	for (size_t i = 0; i < plan->count; i++)
		if (!plan->want[i].found && (!first || plan->want[i].order < first->order))
			first = &plan->want[i];
	if (!first)
		return em_support_check(&plan->set, err);
	if (!first->key && plan->rows > 0)
		snprintf(grid, sizeof(grid), ": its grid has %.9g rows and %.9g columns, counted from 0", plan->rows,
		         plan->cols);
	return em_error_set(err, EM_ERROR_DATA, "support set: class \"%s\": chip %s is not in the stream%s%s%s%s",
	                    plan->set.classes[first->class].name, name_of(first, name, sizeof(name)),
	                    !first->key && plan->picture_given ? " in picture \"" : "",
	                    !first->key && plan->picture_given ? plan->picture : "",
	                    !first->key && plan->picture_given ? "\"" : "", grid);
}
