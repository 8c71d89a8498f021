/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anything that can be read becomes the stream; streams are joined. */
#include "cli/cli.h"

#include "base/units.h"

#include <math.h>

struct options {
	const char *label;
	struct em_length pixel_width, pixel_height; /* value 0: not given */
	char units[8];
};

static int parse_pixel_size(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	if (em_units_parse_extent(value, &o->pixel_width, &o->pixel_height, err))
		return -1;
	if (o->pixel_width.unit_m == 0 || o->pixel_height.unit_m == 0)
		return em_error_set(err, EM_ERROR_USAGE, "--pixel-size %.60s: give a unit, as in 0.02nm", value);
	return 0;
}

/* The last two axes (y, x) get the size of a pixel, in nanometres, and keep where they begin in pixels. */
static int calibrate(const struct options *o, struct em_sample *s, struct em_error *err)
{
	struct em_array image, owned;
	struct em_text axes = {0};
	int status;

	if (em_sample_image_view(s, &image, &owned, err))
		return -1;
	for (int k = 0; k < 2; k++) {
		const struct em_length *size = k ? &o->pixel_width : &o->pixel_height;
		struct em_axis *axis = &image.axis[k];
		double scale = size->value * size->unit_m / 1e-9, begin = axis->offset / axis->scale;

		em_axis_set(axis, axis->name, scale, isfinite(begin) ? begin * scale : 0, "nm");
	}
	em_record_put_axes(&axes, &image);
	status = em_record_set_text(&s->record, "axes", &axes, err);
	em_text_release(&axes);
	em_array_release(&owned);
	return status;
}

static int work(void *ctx, struct em_sample *s, struct em_error *err)
{
	const struct options *o = ctx;

	if (o->label && em_record_set_string(&s->record, "label", o->label, err))
		return -1;
	return o->pixel_width.value > 0 ? calibrate(o, s, err) : 0;
}

int main(int argc, char **argv)
{
	struct options opt = {0};
	struct em_cli cli;
	struct em_input_options input = {0};
	const struct em_option table[] = {
	        {0, "keep-path", NULL, "keys of plain files keep the folders of their path", EM_OPTION_FLAG,
	         &input.keep_path},
	        {0, "label", "NAME", "set the record's label: support for emclassify", EM_OPTION_STRING, &opt.label},
	        {0, "pixel-size", "SIZE", "calibrate pictures: the size of a pixel, as in 0.02nm", EM_OPTION_PARSE,
	         &opt, .parse = parse_pixel_size},
	        {0}};
	const struct em_tool tool = {
	        .name = "emcat",
	        .purpose = "Read micrographs, movies, arrays and streams; write one stream.",
	        .operands = "[FILE...]",
	        .example = "emcat --pixel-size 0.02nm a.jpg b.tif | emchip -s 64 >chips.tar\n"
	                   "emcat -j chips.tar | jq .key",
	        .options = table,
	        .common = EM_COMMON_FILTER};
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	cli.input = input;
	return em_filter_run(&cli, work, &opt);
}
