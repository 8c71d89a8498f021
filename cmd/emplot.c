/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures from what the other tools leave in the stream. */
#include "cli/cli.h"
#include "plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "LO,HI", low before high. */
static int parse_range(const char *option, const char *value, double range[2], struct em_error *err)
{
	const char *comma = strchr(value, ',');
	double lo, hi = 0;
	char *end;

	lo = strtod(value, &end);
	if (end != value && end == comma)
		hi = strtod(comma + 1, &end);
	if (!comma || end <= comma + 1 || *end)
		return em_error_set(err, EM_ERROR_USAGE, "%s %.60s: give two numbers, as in 0.5,99.5", option, value);
	if (!(lo < hi))
		return em_error_set(err, EM_ERROR_USAGE, "%s %.60s: the lower number comes first", option, value);
	range[0] = lo;
	range[1] = hi;
	return 0;
}

static int parse_percentiles(const char *value, void *target, struct em_error *err)
{
	return parse_range("--percentile", value, target, err);
}

static int parse_x_range(const char *value, void *target, struct em_error *err)
{
	return parse_range("--range", value, target, err);
}

static int parse_y_range(const char *value, void *target, struct em_error *err)
{
	return parse_range("--y-range", value, target, err);
}

static int parse_quantity(const char *value, void *target, struct em_error *err)
{
	struct em_plot_options *opt = target;

	if (opt->ny == EM_PLOT_CURVES_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "-y: %d at most", EM_PLOT_CURVES_MAX);
	opt->y[opt->ny++] = value;
	return 0;
}

/* "1,10,20": more of them with each --at. */
static int parse_at(const char *value, void *target, struct em_error *err)
{
	struct em_plot_options *opt = target;
	const char *s = value;
	char *end;

	do {
		unsigned long n = strtoul(s, &end, 10);

		if (*s < '0' || *s > '9' || !n || (*end && *end != ','))
			return em_error_set(err, EM_ERROR_USAGE, "--at %.60s: give numbers of samples, as in 1,10,20",
			                    value);
		if (opt->nat == EM_PLOT_FRAMES_MAX)
			return em_error_set(err, EM_ERROR_USAGE, "--at: %d frames at most", EM_PLOT_FRAMES_MAX);
		opt->at[opt->nat++] = n;
		s = end + 1;
	} while (*end);
	return 0;
}

/* The kind is the first operand; the others are files. */
static const struct em_plot_kind *take_kind(struct em_cli *cli)
{
	const struct em_plot_kind *kind = cli->nfiles ? em_plot_kind_find(cli->files[0]) : NULL;
	struct em_text names = {0};

	for (size_t i = 0; !kind && em_plot_kind_at(i); i++)
		em_text_printf(&names, "%s%s", i ? ", " : "", em_plot_kind_name(em_plot_kind_at(i)));
	if (kind) {
		cli->files++;
		cli->nfiles--;
	} else if (cli->nfiles) {
		em_cli_usage(cli, "no kind of figure is called '%s': %s", cli->files[0], em_text_get(&names));
	} else {
		em_cli_usage(cli, "the kind of figure comes first: %s", em_text_get(&names));
	}
	em_text_release(&names);
	return kind;
}

/* All samples into the plot.  0, or the exit status after a failure that has been reported. */
static int take_samples(struct em_cli *cli, struct em_plot *plot)
{
	struct em_source *src = em_source_open(cli);
	struct em_error err = {0};
	struct em_sample s = {0};
	int got;

	if (!src) {
		em_error_memory(&err, 0);
		return em_cli_fail(cli, NULL, &err);
	}
	while ((got = em_source_next(src, &s, &err)) > 0) {
		int status = em_plot_take(plot, &s, &err);

		em_sample_release(&s);
		if (status) {
			got = -1;
			break;
		}
		em_cli_progress(cli);
	}
	em_source_close(src);
	return got < 0 ? em_cli_fail(cli, NULL, &err) : 0;
}

static int draw(struct em_cli *cli, struct em_plot *plot)
{
	struct em_error err = {0};
	struct em_text bytes = {0};
	int status = 0;

	if (em_plot_draw(plot, &bytes, &err) ||
	    em_cli_write_file(cli, cli->output, bytes.s, bytes.len, true, &err))
		status = em_cli_fail(cli, NULL, &err);
	else if (*em_plot_note(plot))
		em_cli_warn(cli, "%s", em_plot_note(plot));
	em_text_release(&bytes);
	return status;
}

static int run(struct em_cli *cli, struct em_plot_options *opt, int format)
{
	const struct em_plot_kind *kind = take_kind(cli);
	struct em_error err = {0};
	struct em_plot *plot;
	int status;

	if (!kind)
		return EM_EXIT_USAGE;
	opt->format = format >= 0 ? format : EM_CANVAS_PNG;
	if (format < 0 && cli->output && strcmp(cli->output, "-") &&
	    em_plot_format_of_name(cli->output, &opt->format))
		return em_cli_usage(cli,
		                    "-o %s: the name does not end in .png, .svg or .pdf: give --format", cli->output);
	plot = em_plot_new(kind, opt, &err);
	if (!plot)
		return em_cli_fail(cli, NULL, &err);
	status = take_samples(cli, plot);
	if (!status)
		status = draw(cli, plot);
	em_plot_free(plot);
	return status;
}

/* "abundance bragg classmap ...", as the library has them. */
static void list_kinds(char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; em_plot_kind_at(i) && used < size; i++)
		used += (size_t)snprintf(names + used, size - used, "%s%s", i ? " " : "",
		                         em_plot_kind_name(em_plot_kind_at(i)));
}

int main(int argc, char **argv)
{
	char kinds[256];
	struct em_plot_options opt = EM_PLOT_DEFAULTS;
	struct em_cli cli;
	int format = -1;
	const struct em_option table[] = {
		{0, "format", "FORMAT", "png, svg or pdf (default: by the name after -o, else png)",
		 EM_OPTION_CHOICE, &format, .choices = EM_CANVAS_FORMAT_NAMES},
		{0, "width", "PX", "width of the picture, or of the bars", EM_OPTION_SIZE, &opt.width},
		{0, "title", "TEXT", "text above the figure; '' for none", EM_OPTION_STRING, &opt.title},
		{'p', "picture", "KEY", "classmap, abundance: only chips of this picture", EM_OPTION_STRING,
		 &opt.picture},
		{'c', "colors", "FILE", "classmap, abundance: colours of a support set or prototypes", EM_OPTION_STRING,
		 &opt.colors},
		{'m', "measure", "WHAT", "abundance: count or area", EM_OPTION_CHOICE, &opt.measure,
		 .choices = EM_PLOT_MEASURE_NAMES},
		{'i', "image", "FILE", "classmap: the micrograph; else the chips' own pixels", EM_OPTION_STRING,
		 &opt.image},
		{0, "alpha", "A", "classmap: opacity of a sure class, 0..1 (default 0.5)", EM_OPTION_NUMBER,
		 &opt.alpha},
		{0, "legend", "WHERE", "classmap: right, below or none", EM_OPTION_CHOICE, &opt.legend,
		 .choices = EM_PLOT_SIDE_NAMES},
		{0, "key", "KEY", "image, bragg, map, profile, spectrum: of the sample of this key", EM_OPTION_STRING,
		 &opt.key},
		{'n', "nth", "N", "the same: of the N-th sample (default 1)", EM_OPTION_SIZE, &opt.nth},
		{0, "array", "NAME", "image, frames, map, spectrum: draw the array KEY.NAME.npy", EM_OPTION_STRING,
		 &opt.array},
		{0, "percentile", "LO,HI", "ends of the grey scale (default 0.5,99.5; bragg: 50,99.95)",
		 EM_OPTION_PARSE, opt.percentile, .parse = parse_percentiles},
		{0, "colormap", "MAP", "image, bragg, frames, map: gray, viridis or magma", EM_OPTION_CHOICE,
		 &opt.colormap, .choices = EM_COLORMAP_NAMES},
		{0, "crop", NULL, "bragg: only as much of the spectrum as holds spots", EM_OPTION_FLAG, &opt.crop},
		{0, "at", "N,N...", "frames: the samples of these numbers (default: 12, evenly spaced)",
		 EM_OPTION_PARSE, &opt, .parse = parse_at},
		{'y', "quantity", "PATH[=NAME]", "curve: a number of the records (default: the phases' fractions)",
		 EM_OPTION_PARSE, &opt, .parse = parse_quantity},
		{0, "x", "PATH[=NAME]", "curve: over this one (default: the time, or the sample's number)",
		 EM_OPTION_STRING, &opt.x},
		{0, "range", "LO,HI", "spectrum, profile: ends of the x axis", EM_OPTION_PARSE, opt.x_range,
		 .parse = parse_x_range},
		{0, "y-range", "LO,HI", "spectrum, profile, curve: ends of the y axis", EM_OPTION_PARSE, opt.y_range,
		 .parse = parse_y_range},
		{0, "band", "U", "curve, profile: half a band's height, in standard uncertainties (default 1)",
		 EM_OPTION_NUMBER, &opt.band},
		{0}};
	const struct em_tool tool = {
		.name = "emplot",
		.purpose = "Draw figures from samples: class maps, curves, spectra, images, contact sheets.",
		.operands = "KIND [FILE...]",
		.first = kinds,
		.example = "emplot classmap -o map.png classified.tar\n"
			   "emplot abundance -m area -o abundance.pdf classified.tar\n"
			   "emplot image --colormap viridis -o a.svg a.tif\n"
			   "emplot curve -y crystal.phases.film.fraction -o curve.pdf measured.tar\n"
			   "emplot frames --array film-order --at 1,10,20 -o sheet.png measured.tar",
		.options = table,
		.common = EM_COMMON_SINK};
	int status;

	list_kinds(kinds, sizeof(kinds));
	status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	return em_cli_end(&cli, run(&cli, &opt, format));
}
