/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/kind.h"
#include "plot/quantity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAP 0.2 /* how far a map's proportions are off */

static const struct em_plot_kind *const kinds[] = {
    &em_plot_abundance, &em_plot_bragg, &em_plot_classmap, &em_plot_curve,    &em_plot_frames,
    &em_plot_image,     &em_plot_map,   &em_plot_profile,  &em_plot_spectrum,
};

const struct em_plot_kind *em_plot_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : NULL;
}

const struct em_plot_kind *em_plot_kind_find(const char *name)
{
	const struct em_plot_kind *kind;

	for (size_t i = 0; (kind = em_plot_kind_at(i)); i++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

const char *em_plot_kind_name(const struct em_plot_kind *kind)
{
	return kind->name;
}

const char *em_plot_kind_purpose(const struct em_plot_kind *kind)
{
	return kind->purpose;
}

int em_plot_format_of_name(const char *path, int *format)
{
	static const char *const names[] = {".png", ".svg", ".pdf"};
	const char *dot = strrchr(path, '.');

	for (int i = 0; dot && i < 3; i++)
		if (!strcasecmp(dot, names[i])) {
			*format = i;
			return 0;
		}
	return -1;
}

static int check_range(const double range[2], struct em_error *err)
{
	if (fabs(range[0]) <= EM_QUANTITY_LARGEST && fabs(range[1]) <= EM_QUANTITY_LARGEST && range[0] <= range[1])
		return 0;
	return em_error_set(err, EM_ERROR_USAGE, "an axis from %g to %g cannot be drawn", range[0], range[1]);
}

static int check_options(const struct em_plot_options *opt, struct em_error *err)
{
	if (!(opt->alpha >= 0 && opt->alpha <= 1))
		return em_error_set(err, EM_ERROR_USAGE, "an opacity of %g is not within 0..1", opt->alpha);
	if (!(opt->band >= 0 && opt->band <= 1000))
		return em_error_set(err, EM_ERROR_USAGE, "bands of %g standard uncertainties are not within 0..1000",
		                    opt->band);
	if (check_range(opt->x_range, err) || check_range(opt->y_range, err))
		return -1;
	if (!(opt->percentile[0] >= 0 && opt->percentile[0] < opt->percentile[1] && opt->percentile[1] <= 100))
		return em_error_set(err, EM_ERROR_USAGE, "percentiles %g,%g are not within 0..100, low before high",
		                    opt->percentile[0], opt->percentile[1]);
	if (opt->key && opt->nth)
		return em_error_set(err, EM_ERROR_USAGE, "a sample is chosen by its key or by its number, not both");
	if (opt->width > EM_RASTER_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "a width of %zu px is too much: at most %d", opt->width,
		                    EM_RASTER_MAX);
	return 0;
}

static bool both_zero(const double v[2])
{
	return fabs(v[0]) <= 0 && fabs(v[1]) <= 0;
}

static void fill_percentiles(double v[2], const double suitable[2])
{
	if (!both_zero(v))
		return;
	v[0] = both_zero(suitable) ? 0.5 : suitable[0];
	v[1] = both_zero(suitable) ? 99.5 : suitable[1];
}

struct em_plot *em_plot_new(const struct em_plot_kind *kind, const struct em_plot_options *opt, struct em_error *err)
{
	struct em_plot_options filled = *opt;
	struct em_plot *plot;

	fill_percentiles(filled.percentile, kind->percentile);
	if (check_options(&filled, err))
		return NULL;
	plot = calloc(1, sizeof(*plot));
	if (!plot || !(plot->state = calloc(1, kind->state_size))) {
		free(plot);
		em_error_memory(err, sizeof(*plot) + kind->state_size);
		return NULL;
	}
	plot->kind = kind;
	plot->opt = filled;
	return plot;
}

void em_plot_free(struct em_plot *plot)
{
	if (!plot)
		return;
	plot->kind->release(plot->state);
	em_text_release(&plot->note);
	free(plot->state);
	free(plot);
}

int em_plot_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	plot->seen++;
	if (em_sample_has_error(s)) {
		plot->failed++;
		return 0;
	}
	return plot->kind->take(plot, s, err);
}

bool em_plot_wants(const struct em_plot *plot, const struct em_sample *s)
{
	if (plot->opt.key)
		return !strcmp(plot->opt.key, s->key);
	return plot->opt.nth ? plot->seen == plot->opt.nth : true;
}

void em_plot_map_axes(struct em_array *map, const struct em_sample *s)
{
	struct em_json *tree = em_record_tree(&s->record, "image");
	double frame[2] = {0, 0}, h = (double)map->shape[0], w = (double)map->shape[1];
	bool is_map = em_json_numbers(em_json_get(tree, "shape"), frame, 2) == 2 && frame[0] >= h && frame[1] >= w &&
	              fabs(frame[1] / w * h / frame[0] - 1) <= MAP;

	em_json_free(tree);
	if (is_map)
		em_record_get_axes(&s->record, map);
	for (int i = 0; i < 2; i++)
		if (!is_map)
			em_axis_set(&map->axis[i], i ? "x" : "y", 1, 0, "");
		else if (em_axis_is_calibrated(&map->axis[i]))
			map->axis[i].scale *= frame[i] / (i ? w : h);
		else
			em_axis_set(&map->axis[i], i ? "x" : "y", frame[i] / (i ? w : h), 0, "px");
}

int em_plot_missing(const struct em_plot *plot, struct em_error *err)
{
	if (plot->opt.key)
		return em_error_set(err, EM_ERROR_DATA, "no sample has the key %.200s", plot->opt.key);
	if (plot->opt.nth)
		return em_error_set(err, EM_ERROR_DATA, "there is no sample %zu: the stream holds %zu", plot->opt.nth,
		                    plot->seen);
	return em_error_set(err, EM_ERROR_DATA, "no sample holds an image");
}

void em_plot_note_passed(struct em_plot *plot, const char *key, size_t passed)
{
	if (passed && !plot->opt.key && !plot->opt.nth)
		em_text_printf(&plot->note, "%s is drawn; %zu more sample%s not: choose with --key or --nth", key,
		               passed, passed == 1 ? " is" : "s are");
}

int em_plot_draw(struct em_plot *plot, struct em_text *out, struct em_error *err)
{
	struct em_canvas *c;
	int status;

	if (plot->seen == plot->failed)
		return em_error_set(err, EM_ERROR_DATA, "nothing to draw: %s",
		                    plot->seen ? "an earlier tool failed on every sample" : "the stream is empty");
	c = em_canvas_new((enum em_canvas_format)plot->opt.format, err);
	if (!c)
		return -1;
	status = plot->kind->draw(plot, c, err) || em_canvas_finish(c, out, err) ? -1 : 0;
	em_canvas_free(c);
	return status;
}

const char *em_plot_note(const struct em_plot *plot)
{
	return em_text_get(&plot->note);
}
