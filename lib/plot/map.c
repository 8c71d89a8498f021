/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The maps that one sample holds (counts of edges, t/lambda, components), side by side, each in its own colours; those
 * of a line of spectra as strips. */
#include "io/npy.h"
#include "plot/kind.h"
#include "plot/page.h"
#include "plot/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE 320 /* of a picture's longer side, px, unless the user says otherwise */
#define STRIP 12 /* times as long as high */
#define NAME 64

struct maps {
	char *key;     /* of the sample drawn; NULL until it comes */
	size_t passed; /* samples not drawn */
	struct em_tile tile[EM_PLOT_FRAMES_MAX];
	size_t n;
	int ndim; /* of the places of its spectra: 2, 1 a line, 0 it has none and any picture is a map */
	size_t shape[2];
};

/* What maps of its spectra look like. */
static void find_places(struct maps *m, const struct em_sample *s)
{
	const struct em_member *data = em_sample_member(s, "data.npy");
	struct em_npy_header h;

	m->ndim = 0;
	if (!data || em_npy_parse_header(data->data, data->size, &h, NULL) || h.ndim < 2 || h.ndim > 3)
		return;
	m->ndim = h.ndim - 1;
	memcpy(m->shape, h.shape, (size_t)m->ndim * sizeof(*h.shape));
}

static bool is_map(const struct maps *m, const struct em_array *a)
{
	return m->ndim ? a->ndim == m->ndim && !memcmp(a->shape, m->shape, (size_t)m->ndim * sizeof(*a->shape))
	               : a->ndim == 2;
}

/* The map of a line, so often below itself that it can be seen. */
static int widen(const struct maps *m, struct em_array *map, const struct em_sample *s, struct em_error *err)
{
	struct em_array strip, line = {.ndim = 2, .shape = {map->shape[0], 1}};
	size_t rows = map->shape[0] / STRIP ? map->shape[0] / STRIP : 1, bytes = em_array_bytes(map);

	if (em_array_alloc_image(&strip, map->dtype, rows, map->shape[0], err))
		return -1;
	for (size_t i = 0; i < rows; i++)
		memcpy((char *)strip.data + i * bytes, map->data, bytes);
	em_record_get_axes(&s->record, &line);
	if (is_map(m, map) && *line.axis[0].name)
		strip.axis[1] = line.axis[0];
	em_array_release(map);
	*map = strip;
	return 0;
}

/* The spatial axes of a spectrum image are a map's; else it may be a map of the image. */
static void set_axes(struct em_array *map, const struct em_sample *s)
{
	struct em_array cube = {.ndim = 3, .shape = {map->shape[0], map->shape[1], 1}};

	em_plot_map_axes(map, s);
	em_record_get_axes(&s->record, &cube);
	for (int i = 0; i < 2; i++)
		if (*cube.axis[i].name)
			map->axis[i] = cube.axis[i];
}

/* Of the ends, so that they tell their difference to a hundredth of it: energies of edges hardly differ. */
static int digits_of(double lo, double hi)
{
	double ratio = hi > lo ? fmax(fabs(lo), fabs(hi)) / (hi - lo) : 1;

	return (int)fmin(fmax(ceil(log10(ratio)) + 2, 3), 7);
}

static int put_range(const struct maps *m, struct em_tile *tile, const struct em_array *map, const double percentile[2],
                     struct em_error *err)
{
	char text[120] = "no value";
	size_t none = 0, n = 0;
	int digits;

	em_array_range(map, NULL, NULL, &none);
	if (none < em_array_count(map)) {
		if (em_array_percentiles(map, percentile[0], percentile[1], &tile->lo, &tile->hi, err))
			return -1;
		digits = digits_of(tile->lo, tile->hi);
		n = (size_t)snprintf(text, sizeof(text), "%.*g to %.*g", digits, tile->lo, digits, tile->hi);
	}
	if (m->ndim == 1 && n && em_axis_is_calibrated(&tile->axis))
		snprintf(text + n, sizeof(text) - n, " over %.4g %s", fabs(tile->axis.scale) * (double)tile->src_w,
		         tile->axis.units);
	tile->fractions = strdup(text);
	return tile->fractions ? 0 : em_error_memory(err, sizeof(text));
}

static int add_map(struct em_plot *plot, const struct em_sample *s, const char *name, bool asked, struct em_error *err)
{
	struct maps *m = plot->state;
	struct em_tile *tile = &m->tile[m->n];
	struct em_array map = {0};
	int status;

	if (em_sample_array(s, name, &map, err))
		return -1;
	if (!asked && !is_map(m, &map)) {
		em_array_release(&map);
		return 0;
	}
	if (m->n == EM_PLOT_FRAMES_MAX) {
		em_array_release(&map);
		return em_error_set(err, EM_ERROR_USAGE, "more than %d maps: choose with --array", EM_PLOT_FRAMES_MAX);
	}
	if (map.ndim == 2)
		set_axes(&map, s);
	status = (map.ndim == 1 && map.shape[0] && widen(m, &map, s, err)) ||
	                 em_tile_init(tile, &map, plot->opt.width, EDGE, err) ||
	                 put_range(m, tile, &map, plot->opt.percentile, err)
	             ? -1
	             : 0;
	em_array_release(&map);
	m->n++;
	tile->time = NAN;
	tile->key = strdup(name);
	return status ? status : tile->key ? 0 : em_error_memory(err, strlen(name));
}

/* "ti-l23,o-k" */
static int add_listed(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	const char *list = plot->opt.array;
	char name[NAME];
	size_t n;

	do {
		n = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)(n < NAME ? n : NAME - 1), list);
		if (add_map(plot, s, name, true, err))
			return -1;
		list += n + 1;
	} while (list[-1]);
	return 0;
}

/* All but the spectra themselves and the uncertainties, whose names end in -u. */
static int add_all(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	char name[NAME];

	for (size_t i = 0; i < s->count; i++) {
		const char *ext = s->member[i].ext, *end = strstr(ext, ".npy");
		size_t n = end ? (size_t)(end - ext) : 0;

		if (!end || end[4] || n >= NAME || (n > 2 && !strncmp(end - 2, "-u", 2)) || !strcmp(ext, "data.npy"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n, ext);
		if (add_map(plot, s, name, false, err))
			return -1;
	}
	return ((struct maps *)plot->state)->n
	           ? 0
	           : em_error_set(err, EM_ERROR_DATA, "no maps: none of its arrays has a number for each place");
}

static int map_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct maps *m = plot->state;

	if (m->key || !em_plot_wants(plot, s)) {
		m->passed++;
		return 0;
	}
	find_places(m, s);
	if (plot->opt.array ? add_listed(plot, s, err) : add_all(plot, s, err))
		return em_error_prefix(err, "sample %.200s: ", s->key);
	m->key = strdup(s->key);
	return m->key ? 0 : em_error_memory(err, strlen(s->key));
}

static int map_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct maps *m = plot->state;
	const struct em_tile *tile[EM_PLOT_FRAMES_MAX];
	struct em_sheet sheet = {.tile = tile, .n = m->n, .map = (enum em_colormap)plot->opt.colormap, .own = true};

	if (!m->key)
		return em_plot_missing(plot, err);
	for (size_t i = 0; i < m->n; i++)
		tile[i] = &m->tile[i];
	sheet.title = plot->opt.title ? plot->opt.title : m->key;
	memcpy(sheet.percentile, plot->opt.percentile, sizeof(sheet.percentile));
	em_plot_note_passed(plot, m->key, m->passed);
	return em_sheet_draw(&sheet, c, err);
}

static void map_release(void *state)
{
	struct maps *m = state;

	for (size_t i = 0; i < m->n; i++)
		em_tile_release(&m->tile[i]);
	free(m->key);
}

const struct em_plot_kind em_plot_map = {
    .name = "map",
    .purpose = "the maps of one sample side by side, each in its own colours",
    .state_size = sizeof(struct maps),
    .take = map_take,
    .draw = map_draw,
    .release = map_release,
};
