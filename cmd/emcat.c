/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anything that can be read becomes the stream, or a file of another format; streams are joined. */
#include "cli/cli.h"

#include "base/json.h"
#include "base/units.h"
#include "base/window.h"
#include "io/codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *label, *format;
	struct em_length pixel_width, pixel_height; /* value 0: not given */
	size_t roi[4];                              /* width, height, x, y; width 0: not given */
	size_t bin[2];                              /* width, height */
	size_t bin_energy;
	bool changes_pixels;
	struct em_input_options input;
};

/* ---- the command line ---- */

static int parse_pixel_size(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	if (em_units_parse_extent(value, &o->pixel_width, &o->pixel_height, err))
		return -1;
	if (o->pixel_width.unit_m == 0 || o->pixel_height.unit_m == 0)
		return em_error_set(err, EM_ERROR_USAGE, "--pixel-size %.60s: give a unit, as in 0.02nm", value);
	return 0;
}

static int parse_frames(const char *value, void *target, struct em_error *err)
{
	return em_slice_parse(value, &((struct options *)target)->input.frames, err);
}

/* Up to n whole numbers, each after one of the letters of `before` in turn; how many there were, -1: anything else. */
static int parse_numbers(const char *text, const char *before, size_t *v, int n)
{
	int k = 0;

	for (; k < n && *text; k++) {
		char *end;

		if (k && *text++ != before[k])
			return -1;
		if (*text < '0' || *text > '9' || strcspn(text, "x+") > 9)
			return -1;
		v[k] = strtoul(text, &end, 10);
		text = end;
	}
	return *text ? -1 : k;
}

static int parse_roi(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;
	size_t roi[4] = {0};
	int n = parse_numbers(value, " x++", roi, 4);

	if ((n != 2 && n != 4) || !roi[0] || !roi[1])
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--roi %.60s: give WIDTHxHEIGHT+X+Y in pixels, as in 512x512+100+0", value);
	memcpy(o->roi, roi, sizeof(roi));
	return 0;
}

static int parse_bin(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;
	size_t bin[2] = {0};
	int n = parse_numbers(value, " x", bin, 2);

	if (n == 1)
		bin[1] = bin[0];
	if (n < 1 || !bin[0] || !bin[1])
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--bin %.60s: give N or WIDTHxHEIGHT in pixels, as in 2 or 4x1", value);
	memcpy(o->bin, bin, sizeof(bin));
	return 0;
}

/* "tiff, npy, ...": what -O takes. */
static const char *list_formats(char *list, size_t n)
{
	const struct em_codec *codec;
	size_t len = 0;

	for (size_t i = 0; (codec = em_codec_at(i)) && len < n; i++)
		if (codec->writer)
			len += (size_t)snprintf(list + len, n - len, "%s%s", len ? ", " : "", codec->name);
	return list;
}

/* The format that -O names, or else the output's name: -1, or the exit status of a wrong command line. */
static int choose_format(struct em_cli *cli, const struct options *o)
{
	const char *slash = cli->output ? strrchr(cli->output, '/') : NULL;
	const char *name = slash ? slash + 1 : cli->output, *dot = name ? strrchr(name, '.') : NULL;
	char list[256] = "";

	if (o->format) {
		cli->format = em_codec_to_write(o->format);
		if (!cli->format && strcmp(o->format, "stream") != 0)
			return em_cli_usage(cli, "-O %s: cannot write that; known are stream, %s", o->format,
			                    list_formats(list, sizeof(list)));
	} else if (dot && dot[1]) {
		cli->format = em_codec_to_write(dot + 1);
		if (!cli->format && em_codec_of_extension(dot + 1))
			return em_cli_usage(cli, "-o %s: cannot write %s, only %s; a stream's name ends in .tar, or "
			                         "say -O stream", cli->output, em_codec_of_extension(dot + 1)->name,
			                    list_formats(list, sizeof(list)));
	} else if (name && !*name) {
		return em_cli_usage(cli, "-o %s: a folder takes files of the format that -O names: %s", cli->output,
		                    list_formats(list, sizeof(list)));
	}
	if (cli->format && cli->json)
		return em_cli_usage(cli, "-j writes records and -O another format: choose one");
	return -1;
}

/* ---- the work ---- */

static int find_axis(const struct em_array *a, const char *name)
{
	for (int k = 0; k < a->ndim; k++)
		if (!strcmp(a->axis[k].name, name))
			return k;
	return -1;
}

/* The axes y and x get the size of a pixel, in nanometres, and keep where they begin in pixels. */
static int calibrate(const struct options *o, struct em_sample *s, struct em_error *err)
{
	struct em_array a, owned;
	struct em_text axes = {0};
	int status;

	if (em_sample_data(s, &a, &owned, err))
		return -1;
	for (int i = 0; i < 2; i++) {
		const struct em_length *size = i ? &o->pixel_width : &o->pixel_height;
		int k = find_axis(&a, i ? "x" : "y");
		double scale = size->value * size->unit_m / 1e-9, begin;

		if (k < 0)
			continue;
		begin = a.axis[k].offset / a.axis[k].scale;
		em_axis_set(&a.axis[k], a.axis[k].name, scale, isfinite(begin) ? begin * scale : 0, "nm");
	}
	em_record_put_axes(&axes, &a);
	status = em_record_set_text(&s->record, "axes", &axes, err);
	em_text_release(&axes);
	em_array_release(&owned);
	return status;
}

/* What to take along each axis of this array, and how much of it goes into one element. */
static int plan_window(const struct options *o, const struct em_array *a, size_t *begin, size_t *size, size_t *factor,
                       struct em_error *err)
{
	int x = find_axis(a, "x"), y = find_axis(a, "y"), energy = find_axis(a, "energy");

	for (int k = 0; k < a->ndim; k++) {
		begin[k] = 0;
		size[k] = a->shape[k];
		factor[k] = 1;
	}
	if ((o->roi[0] || o->bin[0] > 1 || o->bin[1] > 1) && (x < 0 || y < 0))
		return em_error_set(err, EM_ERROR_DATA, "--roi and --bin are for pictures and maps: these data have no "
		                                        "axes y and x");
	if (o->bin_energy > 1 && energy < 0)
		return em_error_set(err, EM_ERROR_DATA, "--energy-bin is for spectra: these data have no energy axis");
	if (o->roi[0]) {
		if (o->roi[2] >= a->shape[x] || o->roi[0] > a->shape[x] - o->roi[2] || o->roi[3] >= a->shape[y] ||
		    o->roi[1] > a->shape[y] - o->roi[3])
			return em_error_set(err, EM_ERROR_DATA,
			                    "--roi %zux%zu+%zu+%zu leaves the picture of %zu x %zu pixels",
			                    o->roi[0], o->roi[1], o->roi[2], o->roi[3], a->shape[x], a->shape[y]);
		begin[x] = o->roi[2];
		begin[y] = o->roi[3];
		size[x] = o->roi[0];
		size[y] = o->roi[1];
	}
	if (x >= 0 && y >= 0) {
		factor[x] = o->bin[0];
		factor[y] = o->bin[1];
	}
	if (energy >= 0)
		factor[energy] = o->bin_energy;
	return 0;
}

/*
 * "to_stage" tells which pixel stands where the stage was, and how far a step of a pixel leads: the same places after
 * pixels were cut off before (y, x) and summed by factors.
 */
static int move_to_stage(struct em_sample *s, const double begin[2], const double factor[2], struct em_error *err)
{
	struct em_json *tree = em_record_tree(&s->record, "to_stage");
	const struct em_json *matrix = em_json_get(tree, "um_per_px"), *row = em_json_first(matrix);
	double um[2][2], centre[2]; /* stage x and y by pixel x and y; pixel (x, y) */
	struct em_text t = {0};
	bool known = em_json_numbers(row, um[0], 2) == 2 && em_json_numbers(em_json_next(row), um[1], 2) == 2 &&
	             em_json_numbers(em_json_get(tree, "centre_px"), centre, 2) == 2;
	int status = 0;

	em_json_free(tree);
	if (!known)
		return 0;
	for (int k = 0; k < 2; k++) /* x is the second of (y, x) */
		centre[k] = (centre[k] - begin[1 - k] + 0.5) / factor[1 - k] - 0.5;
	em_text_printf(&t, "{\"um_per_px\":[[%.9g,%.9g],[%.9g,%.9g]],\"centre_px\":[%.9g,%.9g]}", um[0][0] * factor[1],
	               um[0][1] * factor[0], um[1][0] * factor[1], um[1][1] * factor[0], centre[0], centre[1]);
	status = em_record_set_text(&s->record, "to_stage", &t, err);
	em_text_release(&t);
	return status;
}

static int take_window(const struct options *o, struct em_sample *s, struct em_error *err)
{
	size_t begin[EM_MAX_NDIM], size[EM_MAX_NDIM], factor[EM_MAX_NDIM];
	struct em_array a, owned, part, coarse;
	int status;

	if (em_sample_data(s, &a, &owned, err))
		return -1;
	status = plan_window(o, &a, begin, size, factor, err);
	if (!status)
		status = em_array_crop(&part, &a, begin, size, err);
	em_array_release(&owned);
	if (status)
		return -1;
	status = em_array_bin(&coarse, &part, factor, err);
	em_array_release(&part);
	if (status || em_sample_take_data(s, &coarse, err))
		return -1;
	return move_to_stage(s, (const double[]){(double)o->roi[3], (double)o->roi[2]},
	                     (const double[]){(double)o->bin[1], (double)o->bin[0]}, err);
}

static int work(void *ctx, struct em_sample *s, struct em_error *err)
{
	const struct options *o = ctx;

	if (o->label && em_record_set_string(&s->record, "label", o->label, err))
		return -1;
	if (o->pixel_width.value > 0 && calibrate(o, s, err))
		return -1;
	return o->changes_pixels ? take_window(o, s, err) : 0;
}

int main(int argc, char **argv)
{
	struct options opt = {.bin = {1, 1}, .bin_energy = 1};
	struct em_cli cli;
	const struct em_option table[] = {
	        {0, "bin", "N|WxH", "sum blocks of pixels", EM_OPTION_PARSE, &opt, .parse = parse_bin},
	        {0, "digest", NULL, "SHA-256 also of files above 64 MiB", EM_OPTION_FLAG, &opt.input.digest},
	        {0, "energy-bin", "N", "sum so many channels of spectra", EM_OPTION_SIZE, &opt.bin_energy},
	        {'O', "format", "NAME", "write files of that format instead of the stream", EM_OPTION_STRING,
	         &opt.format},
	        {0, "frames", "A:B:STEP", "only these frames of a movie or stack", EM_OPTION_PARSE, &opt,
	         .parse = parse_frames},
	        {0, "keep-path", NULL, "keys of plain files keep the folders of their path", EM_OPTION_FLAG,
	         &opt.input.keep_path},
	        {0, "label", "NAME", "set the record's label: support for emclassify", EM_OPTION_STRING, &opt.label},
	        {0, "pixel-size", "SIZE", "calibrate pictures: the size of a pixel, as in 0.02nm", EM_OPTION_PARSE,
	         &opt, .parse = parse_pixel_size},
	        {0, "roi", "WxH+X+Y", "only this region of each picture, in pixels", EM_OPTION_PARSE, &opt,
	         .parse = parse_roi},
	        {0, "signal", "NAME", "only this data set of files that hold several", EM_OPTION_STRING,
	         &opt.input.signal},
	        {0, "tags", NULL, "the file's own metadata, whole, under source.tags", EM_OPTION_FLAG,
	         &opt.input.tags},
	        {0}};
	const struct em_tool tool = {
	        .name = "emcat",
	        .purpose = "Read micrographs, movies, spectra, streams; write one stream, or another format.",
	        .operands = "[FILE...]",
	        .example = "emcat --pixel-size 0.02nm a.jpg b.tif | emchip -s 64 >chips.tar\n"
	                   "emcat -j a.dm4 | jq '{microscope, stage}'\n"
	                   "emcat --frames ::10 --bin 2 -o movie.tif movie.dm4",
	        .options = table,
	        .common = EM_COMMON_FILTER};
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	opt.input.scratch = cli.input.scratch;
	cli.input = opt.input;
	opt.changes_pixels = opt.roi[0] || opt.bin[0] > 1 || opt.bin[1] > 1 || opt.bin_energy > 1;
	status = choose_format(&cli, &opt);
	return status >= 0 ? em_cli_end(&cli, status) : em_filter_run(&cli, work, &opt);
}
