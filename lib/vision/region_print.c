/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/region.h"

#include "vision/support.h"

#include <math.h>
#include <stdlib.h>

/* Sums over chips, of a class or of a region. */
struct sums {
	size_t label, chips, regions, first; /* first: cell, in raster order */
	double p, area, nm2, um2;
	double y, x, y_um, x_um;         /* weighted by area */
	double top, left, bottom, right; /* px, the last row and column included */
	double stage[4];                 /* xmin, ymin, xmax, ymax, um */
	bool placed, calibrated, staged; /* all of its chips are */
};

static void sums_init(struct sums *s, size_t label)
{
	*s = (struct sums){.label = label,
	                   .first = EM_NO_CELL,
	                   .top = INFINITY,
	                   .left = INFINITY,
	                   .stage = {INFINITY, INFINITY, -INFINITY, -INFINITY},
	                   .placed = true,
	                   .calibrated = true,
	                   .staged = true};
}

/* The corners of the box, outer edges of its pixels, widen the box on the stage; the cell has its own middle. */
static void add_stage(struct sums *s, const struct em_cell *c)
{
	const double *m = c->um_per_px;
	double mid_x = c->mid_x - (c->x + (c->w - 1) / 2), mid_y = c->mid_y - (c->y + (c->h - 1) / 2);

	for (int corner = 0; corner < 4; corner++) {
		double dx = (corner & 1 ? 0.5 : -0.5) * c->w, dy = (corner & 2 ? 0.5 : -0.5) * c->h;
		double x = c->x_um + m[0] * dx + m[1] * dy, y = c->y_um + m[2] * dx + m[3] * dy;

		s->stage[0] = fmin(s->stage[0], x);
		s->stage[1] = fmin(s->stage[1], y);
		s->stage[2] = fmax(s->stage[2], x);
		s->stage[3] = fmax(s->stage[3], y);
	}
	s->um2 += c->area * fabs(m[0] * m[3] - m[1] * m[2]);
	s->x_um += c->area * (c->x_um + m[0] * mid_x + m[1] * mid_y);
	s->y_um += c->area * (c->y_um + m[2] * mid_x + m[3] * mid_y);
}

static bool comes_before(const struct em_cell *a, const struct em_cell *b)
{
	return a->row != b->row ? a->row < b->row : a->col < b->col;
}

static void sums_add(struct sums *s, const struct em_region_map *map, size_t cell)
{
	const struct em_cell *c = &map->cells[cell];

	s->chips++;
	s->p += c->p;
	s->placed = s->placed && c->placed;
	s->calibrated = s->calibrated && c->placed && c->nm2_per_px > 0;
	s->staged = s->staged && c->staged;
	if (!c->placed)
		return;
	if (s->first == EM_NO_CELL || comes_before(c, &map->cells[s->first]))
		s->first = cell;
	s->area += c->area;
	s->nm2 += c->area * c->nm2_per_px;
	s->y += c->area * c->mid_y;
	s->x += c->area * c->mid_x;
	s->top = fmin(s->top, c->y);
	s->left = fmin(s->left, c->x);
	s->bottom = fmax(s->bottom, c->y + c->h);
	s->right = fmax(s->right, c->x + c->w);
	if (c->staged)
		add_stage(s, c);
}

/* ---- connected regions ---- */

/* Everything connected to cell `seed`; `queue` has room for every cell. */
static void flood(struct em_region_map *map, size_t seed, size_t region, size_t *queue)
{
	size_t head = 0, tail = 0;

	map->cells[seed].region = region;
	queue[tail++] = seed;
	while (head < tail) {
		const struct em_cell *c = &map->cells[queue[head++]];

		for (int d = 0; d < 4; d++) {
			size_t other = c->neighbour[d];

			if (other == EM_NO_CELL || map->cells[other].region != EM_NO_CELL ||
			    map->cells[other].label != c->label)
				continue;
			map->cells[other].region = region;
			queue[tail++] = other;
		}
	}
}

/* Give every placed cell its region; their number. */
static size_t label_regions(struct em_region_map *map, size_t *queue)
{
	size_t regions = 0;

	for (size_t i = 0; i < map->count; i++)
		map->cells[i].region = EM_NO_CELL;
	for (size_t i = 0; i < map->count; i++)
		if (map->cells[i].placed && map->cells[i].region == EM_NO_CELL)
			flood(map, i, regions++, queue);
	return regions;
}

struct ranked { /* what the order of regions depends on */
	struct sums s;
	double row, col;
};

static int compare_regions(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;

	if (p->s.label != q->s.label)
		return p->s.label < q->s.label ? -1 : 1;
	if (p->s.area > q->s.area || p->s.area < q->s.area)
		return p->s.area > q->s.area ? -1 : 1;
	if (p->row < q->row || p->row > q->row)
		return p->row < q->row ? -1 : 1;
	return (p->col > q->col) - (p->col < q->col);
}

/* The regions in order; NULL with *count 0 where there are none. */
static int find_regions(struct em_region_map *map, struct ranked **out, size_t *count, struct em_error *err)
{
	size_t *queue = malloc((map->count + 1) * sizeof(*queue)), n;
	struct ranked *r;

	if (!queue)
		return em_error_memory(err, map->count * sizeof(*queue));
	n = label_regions(map, queue);
	free(queue);
	r = malloc((n + 1) * sizeof(*r));
	if (!r)
		return em_error_memory(err, n * sizeof(*r));
	for (size_t i = 0; i < n; i++)
		sums_init(&r[i].s, 0);
	for (size_t i = 0; i < map->count; i++) {
		struct ranked *mine = map->cells[i].placed ? &r[map->cells[i].region] : NULL;

		if (!mine)
			continue;
		mine->s.label = map->cells[i].label;
		sums_add(&mine->s, map, i);
	}
	for (size_t i = 0; i < n; i++) {
		r[i].row = map->cells[r[i].s.first].row;
		r[i].col = map->cells[r[i].s.first].col;
	}
	qsort(r, n, sizeof(*r), compare_regions);
	*out = r;
	*count = n;
	return 0;
}

/* ---- JSON ---- */

static void put(struct em_text *out, const char *name, double v)
{
	em_json_put_name(out, name);
	em_json_put_number(out, v);
}

static void put_area(struct em_text *out, const struct sums *s)
{
	if (!s->chips || !s->placed)
		return;
	put(out, "area_px", s->area);
	if (s->calibrated)
		put(out, "area_nm2", s->nm2);
	if (s->staged)
		put(out, "area_um2", s->um2);
}

static void put_pair(struct em_text *out, const char *name, double a, double b)
{
	if (!(a > 0 && b > 0))
		return;
	em_json_put_name(out, name);
	em_json_put_numbers(out, (const double[]){a, b}, 2);
}

static void put_class(struct em_text *out, const char *name, const struct sums *s, const struct sums *all)
{
	em_json_put_comma(out);
	em_text_append(out, "{");
	em_json_put_name(out, "label");
	em_json_put_string(out, name);
	put(out, "chips", (double)s->chips);
	put(out, "fraction", all->chips ? (double)s->chips / (double)all->chips : 0);
	if (all->placed && all->area > 0)
		put(out, "area_fraction", s->area / all->area);
	put_area(out, s);
	if (s->chips)
		put(out, "mean_p", s->p / (double)s->chips);
	put(out, "regions", (double)s->regions);
	em_text_append(out, "}");
}

static void put_region(struct em_text *out, const char *name, const struct sums *s)
{
	em_json_put_comma(out);
	em_text_append(out, "{");
	em_json_put_name(out, "label");
	em_json_put_string(out, name);
	put(out, "chips", (double)s->chips);
	put_area(out, s);
	em_json_put_name(out, "centroid");
	em_text_append(out, "{");
	put(out, "y_px", s->area > 0 ? s->y / s->area : NAN);
	put(out, "x_px", s->area > 0 ? s->x / s->area : NAN);
	em_text_append(out, "}");
	em_json_put_name(out, "box");
	em_json_put_numbers(out, (const double[]){s->top, s->left, s->bottom - s->top, s->right - s->left}, 4);
	if (s->staged) {
		em_json_put_name(out, "stage");
		em_text_append(out, "{");
		put(out, "x_um", s->area > 0 ? s->x_um / s->area : NAN);
		put(out, "y_um", s->area > 0 ? s->y_um / s->area : NAN);
		em_json_put_name(out, "box_um");
		em_json_put_numbers(out, s->stage, 4);
		em_text_append(out, "}");
	}
	put(out, "mean_p", s->p / (double)s->chips);
	em_text_append(out, "}");
}

static void put_picture(struct em_text *out, const struct em_region_map *map, const struct sums *all)
{
	em_json_put_name(out, "picture");
	em_json_put_string(out, map->picture ? map->picture : "");
	put(out, "chips", (double)all->chips);
	put(out, "failed", (double)map->failed);
	put_pair(out, "grid", map->rows, map->cols);
	put_pair(out, "image", map->height, map->width);
	put_pair(out, "step", map->step_y, map->step_x);
	put_area(out, all);
}

int em_region_map_print(struct em_region_map *map, const char *const *name, size_t nclasses, struct em_text *out,
                        struct em_error *err)
{
	struct sums *class = malloc((nclasses + 1) * sizeof(*class)), all;
	struct ranked *regions = NULL;
	size_t n = 0;

	if (!class)
		return em_error_memory(err, nclasses * sizeof(*class));
	if (find_regions(map, &regions, &n, err)) {
		free(class);
		return -1;
	}
	sums_init(&all, 0);
	for (size_t k = 0; k <= nclasses; k++)
		sums_init(&class[k], k);
	for (size_t i = 0; i < map->count; i++) {
		sums_add(&all, map, i);
		sums_add(&class[map->cells[i].label], map, i);
	}
	for (size_t i = 0; i < n; i++)
		class[regions[i].s.label].regions++;
	em_text_append(out, "{");
	put_picture(out, map, &all);
	em_json_put_name(out, "classes");
	em_text_append(out, "[");
	for (size_t k = 0; k < nclasses + (class[nclasses].chips > 0); k++)
		put_class(out, k < nclasses ? name[k] : EM_LABEL_UNKNOWN, &class[k], &all);
	em_text_append(out, "]");
	em_json_put_name(out, "regions");
	em_text_append(out, "[");
	for (size_t i = 0; i < n; i++)
		put_region(out, regions[i].s.label < nclasses ? name[regions[i].s.label] : EM_LABEL_UNKNOWN,
		           &regions[i].s);
	em_text_append(out, "]}");
	free(regions);
	free(class);
	return em_text_check(out, err);
}
