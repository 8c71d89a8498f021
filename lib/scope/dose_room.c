/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dose meter's list made shorter: squares instead of fields. */
#include "scope/dose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIZES 64 /* powers of 2, from SMALLEST m on */
#define SMALLEST 0x1p-50
#define CELLS 9 /* that a field touches at most: cells are no smaller than half of it */

/* x and y count cells of this size's side. */
struct cell {
	int size;
	double x, y;
};

struct room {
	const struct em_dose_field *field;
	size_t count;
	double side[SIZES]; /* of the cells that fields of a size become, m; 0: they stay */
	struct cell *cell;  /* room for CELLS of each field */
	size_t cells, of_size[SIZES];
};

static int size_of(const struct em_dose_field *f)
{
	int size = ilogb(fmax(f->x1 - f->x0, f->y1 - f->y0) / SMALLEST);

	return size < 0 ? 0 : size < SIZES ? size : SIZES - 1;
}

static int by_place(const void *va, const void *vb)
{
	const struct cell *a = va, *b = vb;

	return a->size != b->size ? (a->size > b->size) - (a->size < b->size)
	       : a->x != b->x     ? (a->x > b->x) - (a->x < b->x)
	                          : (a->y > b->y) - (a->y < b->y);
}

bool em_dose_clip(struct em_dose_field *f, const struct em_dose_field *window)
{
	f->x0 = fmax(f->x0, window->x0);
	f->y0 = fmax(f->y0, window->y0);
	f->x1 = fmin(f->x1, window->x1);
	f->y1 = fmin(f->y1, window->y1);
	return f->x0 < f->x1 && f->y0 < f->y1;
}

static void touch_cells(struct room *r, const struct em_dose_field *f)
{
	int size = size_of(f);
	double side = r->side[size];

	for (double y = floor(f->y0 / side); y * side < f->y1; y++)
		for (double x = floor(f->x0 / side); x * side < f->x1; x++)
			r->cell[r->cells++] = (struct cell){size, x, y};
}

/* The cells, each once; how many there are, or fields, of each size; and in all. */
static size_t count_all(struct room *r)
{
	size_t kept = 0, all = 0;

	r->cells = 0;
	memset(r->of_size, 0, sizeof(r->of_size));
	for (size_t i = 0; i < r->count; i++)
		if (r->side[size_of(&r->field[i])] > 0)
			touch_cells(r, &r->field[i]);
		else
			r->of_size[size_of(&r->field[i])]++;
	qsort(r->cell, r->cells, sizeof(*r->cell), by_place);
	for (size_t i = 0; i < r->cells; i++)
		if (!i || by_place(&r->cell[kept - 1], &r->cell[i])) {
			r->of_size[r->cell[i].size]++;
			r->cell[kept++] = r->cell[i];
		}
	r->cells = kept;
	for (int k = 0; k < SIZES; k++)
		all += r->of_size[k];
	return all;
}

/* Those of a size of which there are the most: first to cells of that size, then to ones twice as wide. */
static void coarsen(struct room *r)
{
	int most = 0;

	for (int k = 1; k < SIZES; k++)
		most = r->of_size[k] > r->of_size[most] ? k : most;
	r->side[most] = r->side[most] > 0 ? 2 * r->side[most] : ldexp(SMALLEST, most);
}

static struct em_dose_field fill(const struct room *r, const struct cell *c)
{
	double side = r->side[c->size];
	struct em_dose_field f = {c->x * side, c->y * side, (c->x + 1) * side, (c->y + 1) * side, 0};
	struct em_dose_field in[EM_DOSE_FIELDS];
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		if (size_of(&r->field[i]) == c->size) {
			in[n] = r->field[i];
			n += em_dose_clip(&in[n], &f);
		}
	f.dose = em_dose_most_of(in, n);
	return f;
}

int em_dose_make_room(struct em_dose_field *field, size_t *count, struct em_error *err)
{
	struct em_dose_field *old = malloc(*count * sizeof(*old));
	struct room r = {.field = old, .count = *count};
	size_t n = 0;

	r.cell = malloc(CELLS * *count * sizeof(*r.cell));
	if (!old || !r.cell) {
		free(old);
		free(r.cell);
		return em_error_memory(err, *count * (sizeof(*old) + CELLS * sizeof(*r.cell)));
	}
	memcpy(old, field, *count * sizeof(*old));
	while (count_all(&r) > EM_DOSE_FIELDS / 2)
		coarsen(&r);
	for (size_t i = 0; i < r.count; i++)
		if (!(r.side[size_of(&old[i])] > 0))
			field[n++] = old[i];
	for (size_t i = 0; i < r.cells; i++)
		field[n++] = fill(&r, &r.cell[i]);
	*count = n;
	free(old);
	free(r.cell);
	return 0;
}
