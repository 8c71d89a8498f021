/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/region.h"

#include "base/json.h"
#include "base/units.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INDEX 1e9 /* rows, columns, pixels */

void em_region_map_release(struct em_region_map *map)
{
	free(map->picture);
	free(map->cells);
	memset(map, 0, sizeof(*map));
}

/* ---- from the records ---- */

bool em_region_map_is_other(const struct em_region_map *map, const struct em_sample *s)
{
	char picture[EM_KEY_MAX + 1];

	em_sample_picture(s, picture, sizeof(picture));
	return map->picture && strcmp(map->picture, picture);
}

static int name_picture(struct em_region_map *map, const struct em_sample *s, struct em_error *err)
{
	char picture[EM_KEY_MAX + 1];

	if (map->picture)
		return 0;
	em_sample_picture(s, picture, sizeof(picture));
	map->picture = malloc(strlen(picture) + 1);
	if (!map->picture)
		return em_error_memory(err, strlen(picture) + 1);
	strcpy(map->picture, picture);
	return 0;
}

static bool is_whole(double v, double least)
{
	return v >= least && v <= MAX_INDEX && v == floor(v);
}

/* Of a padded chip only what lies in the picture counts. */
static double clip(double start, double size, double picture)
{
	return picture > start && start + size > picture ? picture - start : size;
}

static void read_place(struct em_region_map *map, struct em_cell *c, const struct em_record *r)
{
	struct em_json *chip = em_record_tree(r, "chip");
	double box[4], pair[2];

	if (em_json_numbers(em_json_get(chip, "grid"), pair, 2) == 2) {
		map->rows = pair[0];
		map->cols = pair[1];
	}
	if (em_json_numbers(em_json_get(chip, "image"), pair, 2) == 2) {
		map->height = pair[0];
		map->width = pair[1];
	}
	if (em_json_number(em_json_get(chip, "row"), &c->row) && em_json_number(em_json_get(chip, "col"), &c->col) &&
	    em_json_numbers(em_json_get(chip, "box"), box, 4) == 4 && is_whole(c->row, 0) && is_whole(c->col, 0) &&
	    is_whole(box[0], 0) && is_whole(box[1], 0) && is_whole(box[2], 1) && is_whole(box[3], 1)) {
		c->placed = true;
		c->y = box[0];
		c->x = box[1];
		c->h = clip(c->y, box[2], map->height);
		c->w = clip(c->x, box[3], map->width);
	}
	em_json_free(chip);
}

static void read_calibration(struct em_cell *c, const struct em_record *r)
{
	struct em_json *axes = em_record_tree(r, "axes");
	double area = 1;

	if (em_json_size(axes) != 2)
		area = 0;
	for (const struct em_json *axis = em_json_first(axes); axis; axis = em_json_next(axis)) {
		const char *units = em_json_string(em_json_get(axis, "units"));
		double scale = 0, metres = 0;

		if (units && em_json_number(em_json_get(axis, "scale"), &scale))
			em_units_length_in_m(units, &metres);
		area *= fabs(scale) * metres * 1e9;
	}
	c->nm2_per_px = isfinite(area) ? area : 0;
	em_json_free(axes);
}

static void read_stage(struct em_cell *c, const struct em_record *r)
{
	struct em_json *to = em_record_tree(r, "to_stage");
	const struct em_json *matrix = em_json_get(to, "um_per_px");
	double at[2], centre[2], *m = c->um_per_px;

	if (em_record_number(r, "stage.x_um", &at[0]) && em_record_number(r, "stage.y_um", &at[1]) &&
	    em_json_numbers(em_json_get(to, "centre_px"), centre, 2) == 2 &&
	    em_json_numbers(em_json_first(matrix), m, 2) == 2 &&
	    em_json_numbers(em_json_next(em_json_first(matrix)), m + 2, 2) == 2) {
		/* The middle of the box in the chip's own pixels, from the point that lies at the stage's position. */
		double dx = (c->w - 1) / 2 - centre[0], dy = (c->h - 1) / 2 - centre[1];

		c->staged = true;
		c->x_um = at[0] + m[0] * dx + m[1] * dy;
		c->y_um = at[1] + m[2] * dx + m[3] * dy;
	}
	em_json_free(to);
}

int em_region_map_add(struct em_region_map *map, const struct em_sample *s, size_t label, double p,
                      struct em_error *err)
{
	struct em_cell cell = {.label = label, .p = p};
	size_t capacity = map->capacity ? 2 * map->capacity : 256;
	struct em_cell *grown;

	if (name_picture(map, s, err))
		return -1;
	if (map->count == map->capacity) {
		if (capacity > SIZE_MAX / 2 / sizeof(*grown))
			return em_error_set(err, EM_ERROR_MEMORY, "too many chips in one picture");
		grown = realloc(map->cells, capacity * sizeof(*grown));
		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		map->cells = grown;
		map->capacity = capacity;
	}
	read_place(map, &cell, &s->record);
	read_calibration(&cell, &s->record);
	if (cell.placed)
		read_stage(&cell, &s->record);
	map->cells[map->count++] = cell;
	return 0;
}

int em_region_map_add_failed(struct em_region_map *map, const struct em_sample *s, struct em_error *err)
{
	if (name_picture(map, s, err))
		return -1;
	map->failed++;
	return 0;
}

/* ---- neighbours ---- */

struct place {
	double row, col;
	size_t cell;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	if (p->row != q->row)
		return p->row < q->row ? -1 : 1;
	return (p->col > q->col) - (p->col < q->col);
}

static size_t look_up(const struct place *places, size_t n, double row, double col)
{
	struct place what = {row, col, 0};
	const struct place *found = n ? bsearch(&what, places, n, sizeof(what), compare_places) : NULL;

	return found ? found->cell : EM_NO_CELL;
}

static void find_neighbours(struct em_region_map *map, const struct place *places, size_t n)
{
	for (size_t i = 0; i < map->count; i++) {
		struct em_cell *c = &map->cells[i];

		for (int k = 0; k < 4; k++)
			c->neighbour[k] = EM_NO_CELL;
		if (!c->placed)
			continue;
		c->neighbour[0] = look_up(places, n, c->row - 1, c->col);
		c->neighbour[1] = look_up(places, n, c->row, c->col - 1);
		c->neighbour[2] = look_up(places, n, c->row, c->col + 1);
		c->neighbour[3] = look_up(places, n, c->row + 1, c->col);
	}
}

/* ---- areas ---- */

static int compare_numbers(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double step_between(const struct em_region_map *map, size_t cell, int direction)
{
	const struct em_cell *c = &map->cells[cell];
	size_t other = c->neighbour[direction];

	if (other == EM_NO_CELL)
		return 0;
	return direction == 0 ? c->y - map->cells[other].y : c->x - map->cells[other].x;
}

/* The median positive step to the neighbour above (0) or to the left (1); without any, `size`. */
static double median_step(const struct em_region_map *map, int direction, double size, double *work)
{
	size_t n = 0;

	for (size_t i = 0; i < map->count; i++) {
		double step = step_between(map, i, direction);

		if (step > 0)
			work[n++] = step;
	}
	if (!n)
		return size;
	qsort(work, n, sizeof(*work), compare_numbers);
	return work[n / 2];
}

/* The cell along one axis: begin <= px < end. */
struct extent {
	double begin, end;
};

static struct extent along(const struct em_cell *c, bool down)
{
	return down ? (struct extent){c->y, c->y + c->h} : (struct extent){c->x, c->x + c->w};
}

/* `overlap` is the median one, `last` the grid's last row or column. */
static struct extent own_extent(const struct em_region_map *map, const struct em_cell *c, bool down, double overlap,
                                double last)
{
	size_t before = c->neighbour[down ? 0 : 1], after = c->neighbour[down ? 3 : 2];
	double place = down ? c->row : c->col;
	struct extent box = along(c, down), own = box;

	if (before != EM_NO_CELL)
		own.begin = fmax(box.begin, (along(&map->cells[before], down).end + box.begin) / 2);
	else if (place > 0)
		own.begin += overlap / 2;
	if (after != EM_NO_CELL)
		own.end = fmin(box.end, (along(&map->cells[after], down).begin + box.end) / 2);
	else if (place < last)
		own.end -= overlap / 2;
	own.begin = fmin(own.begin, box.end);
	own.end = fmax(own.end, own.begin);
	return own;
}

static int find_areas(struct em_region_map *map, struct em_error *err)
{
	double *work = malloc((map->count + 1) * sizeof(*work)), h = 0, w = 0, last_row = 0, last_col = 0;

	if (!work)
		return em_error_memory(err, map->count * sizeof(*work));
	for (size_t i = 0; i < map->count; i++) {
		h = fmax(h, map->cells[i].h);
		w = fmax(w, map->cells[i].w);
		last_row = fmax(last_row, map->cells[i].row);
		last_col = fmax(last_col, map->cells[i].col);
	}
	map->step_y = median_step(map, 0, h, work);
	map->step_x = median_step(map, 1, w, work);
	free(work);
	last_row = fmax(last_row, map->rows - 1);
	last_col = fmax(last_col, map->cols - 1);
	for (size_t i = 0; i < map->count; i++) {
		struct em_cell *c = &map->cells[i];
		struct extent y, x;

		if (!c->placed)
			continue;
		y = own_extent(map, c, true, fmax(h - map->step_y, 0), last_row);
		x = own_extent(map, c, false, fmax(w - map->step_x, 0), last_col);
		c->area = (y.end - y.begin) * (x.end - x.begin);
		c->mid_y = (y.begin + y.end - 1) / 2;
		c->mid_x = (x.begin + x.end - 1) / 2;
	}
	return 0;
}

int em_region_map_link(struct em_region_map *map, struct em_error *err)
{
	struct place *places = malloc((map->count + 1) * sizeof(*places));
	size_t n = 0, twice = 0;

	if (!places)
		return em_error_memory(err, map->count * sizeof(*places));
	for (size_t i = 0; i < map->count; i++)
		if (map->cells[i].placed)
			places[n++] = (struct place){map->cells[i].row, map->cells[i].col, i};
	qsort(places, n, sizeof(*places), compare_places);
	for (size_t i = 1; i < n && !twice; i++)
		twice = compare_places(&places[i - 1], &places[i]) ? 0 : i;
	if (twice)
		em_error_set(err, EM_ERROR_DATA, "picture \"%.200s\" has two chips at row %.9g, column %.9g",
		             map->picture, places[twice].row, places[twice].col);
	else
		find_neighbours(map, places, n);
	free(places);
	return twice ? -1 : find_areas(map, err);
}
