/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures become chips on a grid. */
#include "cli/cli.h"

#include "base/parallel.h"
#include "vision/chip.h"
#include "vision/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SIZE 64
#define BATCH_BYTES ((size_t)1 << 16) /* chips that a thread cuts in one go: handing over costs some microseconds */
#define BATCH_CHIPS 64

struct options {
	struct em_chip_plan plan;
	struct em_prepare prepare;
};

static int parse_size(const char *value, void *target, struct em_error *err)
{
	struct em_chip_plan *plan = target;

	return em_units_parse_extent(value, &plan->width, &plan->height, err);
}

static int parse_stride(const char *value, void *target, struct em_error *err)
{
	struct em_chip_plan *plan = target;

	return em_units_parse_extent(value, &plan->stride_x, &plan->stride_y, err);
}

static int parse_percentile(const char *value, void *target, struct em_error *err)
{
	struct em_prepare *p = target;
	double lo, hi;
	int end = 0;

	if (sscanf(value, "%lf,%lf%n", &lo, &hi, &end) != 2 || value[end] || !(lo >= 0 && lo < hi && hi <= 100))
		return em_error_set(err, EM_ERROR_USAGE, "--percentile %.60s: expected LO,HI with 0 <= LO < HI <= 100",
		                    value);
	p->percentile = true;
	p->lo = lo;
	p->hi = hi;
	return 0;
}

/* CLIP, CLIP,TILES or CLIP,TX,TY. */
static int parse_clahe(const char *value, void *target, struct em_error *err)
{
	struct em_prepare *p = target;
	double clip;
	long tx = 8, ty = 8;
	int end = 0, got;
	char *rest;

	clip = strtod(value, &rest);
	got = *rest == ',' ? sscanf(rest, ",%9ld%n,%9ld%n", &tx, &end, &ty, &end) : 0;
	if (got == 1)
		ty = tx;
	if (rest == value || rest[end] || !(clip >= 0 && clip <= 1e9) || tx < 1 || ty < 1)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--clahe %.60s: expected CLIP[,TX[,TY]], as in 2 or 2,8,8 (0: no limit)", value);
	p->clahe = true;
	p->clip = clip;
	p->tiles_x = (size_t)tx;
	p->tiles_y = (size_t)ty;
	return 0;
}

/* ---- one picture ---- */

struct cutting {
	struct em_cli *cli;
	struct em_sink *sink;
	const struct em_chipper *chipper;
	size_t next, count, batch; /* chip to take next, chips in all, chips at a time */
};

struct batch {
	struct em_sample chip[BATCH_CHIPS];
	size_t first, count;
};

static int take(void *ctx, void *item, struct em_error *err)
{
	struct cutting *c = ctx;
	struct batch *b = item;

	(void)err;
	b->first = c->next;
	b->count = c->count - c->next < c->batch ? c->count - c->next : c->batch;
	c->next += b->count;
	return b->count > 0;
}

static int work(void *ctx, void *item, struct em_error *err)
{
	const struct cutting *c = ctx;
	struct batch *b = item;

	for (size_t i = 0; i < b->count; i++)
		if (em_chipper_cut(c->chipper, b->first + i, &b->chip[i], err))
			return -1;
	return 0;
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct cutting *c = ctx;
	struct batch *b = item;

	for (size_t i = 0; i < b->count; i++) {
		if (em_sink_write(c->sink, &b->chip[i], err))
			return -1;
		em_sample_release(&b->chip[i]); /* its memory serves the next one while it is still in the cache */
		em_cli_progress(c->cli);
	}
	return 0;
}

static void drop(void *item)
{
	struct batch *b = item;

	for (size_t i = 0; i < b->count; i++)
		em_sample_release(&b->chip[i]);
}

static int cut_all(struct em_cli *cli, struct em_sink *sink, const struct em_chipper *chipper,
                   const struct em_chip_grid *grid, const struct em_array *image, struct em_error *err)
{
	size_t bytes = grid->height * grid->width * em_dtype_size(image->dtype), batch = BATCH_BYTES / bytes;
	struct cutting c = {.cli = cli, .sink = sink, .chipper = chipper, .count = grid->rows * grid->cols};
	const struct em_pipeline p = {&c, sizeof(struct batch), take, work, give, drop};

	c.batch = batch < 1 ? 1 : batch > BATCH_CHIPS ? BATCH_CHIPS : batch;
	return em_parallel_pipeline(c.count <= c.batch ? 1 : (int)cli->threads, &p, err);
}

/* What has to hold before the first chip goes out: after that a fault can no longer be told in the picture's sample. */
static int ready(const struct em_cli *cli, const struct options *opt, const struct em_sample *picture,
                 struct em_array *image, struct em_chip_grid *grid, struct em_chipper **chipper, struct em_error *err)
{
	if (em_sample_image(picture, image, err))
		return -1;
	if (!em_chip_grid_make(grid, &opt->plan, image, err) &&
	    !em_prepare_image(image, &opt->prepare, (int)cli->threads, err)) {
		*chipper = em_chipper_new(picture, image, grid, err);
		if (*chipper)
			return 0;
	}
	em_array_release(image);
	return -1;
}

static int pass_failed(struct em_cli *cli, struct em_sink *sink, struct em_sample *picture, struct em_error *err)
{
	struct em_error why = *err;

	if (!cli->keep_going || why.kind != EM_ERROR_DATA)
		return em_error_prefix(err, "sample %.200s: ", picture->key);
	cli->failed++;
	if (em_sample_set_error(picture, cli->tool->name, why.text, err))
		return -1;
	return em_sink_write(sink, picture, err);
}

static int chip_picture(struct em_cli *cli, const struct options *opt, struct em_sink *sink, struct em_sample *picture,
                        struct em_error *err)
{
	struct em_array image;
	struct em_chip_grid grid;
	struct em_chipper *chipper;
	int status;

	if (em_sample_has_error(picture))
		return em_sink_write(sink, picture, err);
	if (ready(cli, opt, picture, &image, &grid, &chipper, err))
		return pass_failed(cli, sink, picture, err);
	while (picture->count) /* decoded they are in `image`: of a large picture once is enough */
		em_sample_remove_member(picture, picture->member[0].ext);
	status = cut_all(cli, sink, chipper, &grid, &image, err);
	em_chipper_free(chipper);
	em_array_release(&image);
	return status;
}

/* ---- all pictures ---- */

/* The next pictures are read and decoded while one is cut. */
struct work_room {
	struct em_cli *cli;
	const struct options *opt;
	struct em_source *source;
	struct em_sink *sink;
};

static int take_picture(void *ctx, void *item, struct em_error *err)
{
	return em_source_take(((struct work_room *)ctx)->source, item, err);
}

static int load_picture(void *ctx, void *item, struct em_error *err)
{
	return em_source_load(((struct work_room *)ctx)->cli, item, err);
}

static int cut_picture(void *ctx, void *item, struct em_error *err)
{
	struct work_room *w = ctx;

	return chip_picture(w->cli, w->opt, w->sink, &((struct em_arrival *)item)->sample, err);
}

static void drop_picture(void *item)
{
	em_arrival_release(item);
}

static int cut_pictures(void *ctx, struct em_source *source, struct em_sink *sink, struct em_error *err)
{
	struct work_room *w = ctx;
	struct em_pipeline p = {w, sizeof(struct em_arrival), take_picture, load_picture, cut_picture, drop_picture};

	w->source = source;
	w->sink = sink;
	return em_parallel_pipeline((int)w->cli->threads, &p, err);
}

static int run(struct em_cli *cli, const struct options *opt)
{
	return em_cli_through(cli, cut_pictures, &(struct work_room){.cli = cli, .opt = opt});
}

int main(int argc, char **argv)
{
	struct options opt = {0};
	struct em_chip_plan *plan = &opt.plan;
	struct em_cli cli;
	int edge = EM_CHIP_DROP;
	const struct em_option table[] = {
	        {'s', "size", "SIZE", "size of a chip: 95, 34x35 (width x height), 2.5nm; default 64", EM_OPTION_PARSE,
	         plan, .parse = parse_size},
	        {'c', "columns", "N", "or: square chips, N in the picture's width", EM_OPTION_SIZE, &plan->columns},
	        {0, "stride", "SIZE", "from one chip to the next; default: the chip's size", EM_OPTION_PARSE, plan,
	         .parse = parse_stride},
	        {0, "edge", "POLICY", "what to do where no whole chip fits; default drop", EM_OPTION_CHOICE, &edge,
	         .choices = "drop shift pad"},
	        {0, "percentile", "LO,HI", "first: stretch the picture to uint8 between these percentiles",
	         EM_OPTION_PARSE, &opt.prepare, .parse = parse_percentile},
	        {0, "clahe", "CLIP[,TX[,TY]]", "then: equalise it locally as OpenCV's CLAHE does; tiles 8,8",
	         EM_OPTION_PARSE, &opt.prepare, .parse = parse_clahe},
	        {0, "float", NULL, "then: chips of float32 in 0..1", EM_OPTION_FLAG, &opt.prepare.to_float},
	        {0}};
	const struct em_tool tool = {
	        .name = "emchip",
	        .purpose = "Cut micrographs into chips on a regular grid.",
	        .operands = "[FILE...]",
	        .example = "emchip -s 95 --clahe 2 a.tif | emembed | emclassify -S support.json",
	        .options = table,
	        .common = EM_COMMON_FILTER};
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	plan->edge = (enum em_chip_edge)edge;
	if (plan->columns && plan->width.value > 0) {
		status = em_cli_usage(&cli, "--size and --columns both tell how large a chip is: give one of them");
		return em_cli_end(&cli, status);
	}
	if (!plan->columns && !(plan->width.value > 0))
		plan->width.value = plan->height.value = DEFAULT_SIZE;
	return em_cli_end(&cli, run(&cli, &opt));
}
