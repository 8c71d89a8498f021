/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct em_plot_kind *const kinds[] = {
	&em_plot_abundance,
	&em_plot_classmap,
	&em_plot_image,
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

static int check_options(const struct em_plot_options *opt, struct em_error *err)
{
	if (!(opt->alpha >= 0 && opt->alpha <= 1))
		return em_error_set(err, EM_ERROR_USAGE, "an opacity of %g is not within 0..1", opt->alpha);
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

struct em_plot *em_plot_new(const struct em_plot_kind *kind, const struct em_plot_options *opt, struct em_error *err)
{
	struct em_plot *plot;

	if (check_options(opt, err))
		return NULL;
	plot = calloc(1, sizeof(*plot));
	if (!plot || !(plot->state = calloc(1, kind->state_size))) {
		free(plot);
		em_error_memory(err, sizeof(*plot) + kind->state_size);
		return NULL;
	}
	plot->kind = kind;
	plot->opt = *opt;
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
