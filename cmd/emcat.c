/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anything that can be read becomes the stream, or a file of another format; streams are joined. */
#include "cli/cli.h"

#include "base/units.h"
#include "io/codec.h"
#include "io/sample_window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *label, *format;
	struct em_length pixel_width, pixel_height; /* value 0: not given */
	struct em_sample_window window;
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
	memcpy(o->window.roi, roi, sizeof(roi));
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
	memcpy(o->window.bin, bin, sizeof(bin));
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

static int work(void *ctx, struct em_sample *s, struct em_error *err)
{
	const struct options *o = ctx;
	const struct em_length *width = &o->pixel_width, *height = &o->pixel_height;

	if (o->label && em_record_set_string(&s->record, "label", o->label, err))
		return -1;
	if (width->value > 0 && em_sample_set_pixel_size(s, height->value * height->unit_m / 1e-9,
	                                                 width->value * width->unit_m / 1e-9, err))
		return -1;
	return o->changes_pixels ? em_sample_take_window(s, &o->window, err) : 0;
}

int main(int argc, char **argv)
{
	struct options opt = {.window = {.bin = {1, 1}, .bin_energy = 1}};
	struct em_cli cli;
	const struct em_option table[] = {
	        {0, "bin", "N|WxH", "sum blocks of pixels", EM_OPTION_PARSE, &opt, .parse = parse_bin},
	        {0, "digest", NULL, "SHA-256 also of files above 64 MiB", EM_OPTION_FLAG, &opt.input.digest},
	        {0, "energy-bin", "N", "sum so many channels of spectra", EM_OPTION_SIZE, &opt.window.bin_energy},
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
	opt.changes_pixels = opt.window.roi[0] || opt.window.bin[0] > 1 || opt.window.bin[1] > 1 ||
	                     opt.window.bin_energy > 1;
	status = choose_format(&cli, &opt);
	return status >= 0 ? em_cli_end(&cli, status) : em_filter_run(&cli, work, &opt);
}
