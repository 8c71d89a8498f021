/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * emfft-crystallinity: disorder in lattice movies.
 *
 *   frames --> look, side by side --> learn or place, in order --> describe, side by side --> write, in order -->
 *
 * The frames of the reference are held until it is there, and go with the last of them.
 */
#include "base/parallel.h"
#include "base/units.h"
#include "cli/cli.h"
#include "crystal/movie.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPOTS_MOST 8
#define WAIT 64 /* frames that show nothing, for more of the reference */

struct options {
	struct em_movie_options movie;
	struct em_spots_request spots[SPOTS_MOST];
	const char *regions[16], *files[16];
	size_t nregions, nfiles;
	const char *line;
	double interval, rate;
};

/* One frame on its way. */
struct item {
	struct em_arrival arrival;
	struct em_movie_frame frame;
	bool failed;    /* here or before: it passes by */
	bool described; /* or nothing is to be described */
	bool held;      /* it has moved to where frames wait for the reference; */
	bool last;      /* and with this one it is there */
};

struct run {
	struct em_cli *cli;
	struct options *opt;
	struct em_source *source;
	struct em_sink *sink;
	struct em_movie movie;
	struct em_areas areas;
	struct em_line across;
	bool begun;
	struct item first; /* read before all others: it tells the size */
	bool first_taken;
	struct item **held; /* until the reference is there, in order */
	size_t nheld, capacity;
};

static void release_item(void *item)
{
	struct item *it = item;

	em_arrival_release(&it->arrival);
	em_movie_frame_release(&it->frame);
}

/* ---- one frame ---- */

static int fail(struct run *r, struct item *it, const struct em_error *why, struct em_error *err)
{
	it->failed = true;
	if (r->cli->keep_going && why->kind == EM_ERROR_DATA) {
		r->cli->failed++;
		return em_sample_set_error(&it->arrival.sample, r->cli->tool->name, why->text, err);
	}
	*err = *why;
	return em_error_prefix(err, "sample %.200s: ", it->arrival.sample.key);
}

static int look(struct run *r, struct item *it, struct em_error *err)
{
	struct em_array view, owned = {0};
	struct em_error why = {0};
	int status = em_sample_image_view(&it->arrival.sample, &view, &owned, &why);

	if (!status)
		status = em_movie_look(&r->movie, &view, &it->frame, &why);
	em_array_release(&owned);
	return status ? fail(r, it, &why, err) : 0;
}

/* A picture by itself: a movie of one frame. */
static int look_alone(struct run *r, struct item *it, struct em_error *err)
{
	struct em_array view, owned = {0};
	struct em_error why = {0};
	struct em_movie m = {0};
	struct em_movie_frame *frame = &it->frame;
	int status = em_sample_image_view(&it->arrival.sample, &view, &owned, &why);

	if (!status)
		status = em_movie_init(&m, &r->opt->movie, &view, &why);
	if (!status)
		status = em_movie_look(&m, &view, frame, &why) || em_movie_learn(&m, frame, &why) < 0 ||
		         em_movie_settle(&m, &frame, 1, &why) ||
		         em_movie_describe(&m, frame, NAN, NAN, &it->arrival.sample, &why);
	em_array_release(&owned);
	em_movie_release(&m);
	return status ? fail(r, it, &why, err) : 0;
}

/* The time of the frame: as the options say, or else its record. */
static double seconds_of(const struct run *r, const struct item *it)
{
	double v;

	if (r->opt->interval > 0)
		return (double)it->frame.number * r->opt->interval;
	return em_record_number(&it->arrival.sample.record, "crystal.time_s", &v) ||
	               em_record_number(&it->arrival.sample.record, "truth.time_s", &v)
	           ? v
	           : NAN;
}

static int describe(struct run *r, struct item *it, struct em_error *err)
{
	double seconds = seconds_of(r, it), dose = r->opt->rate > 0 ? seconds * r->opt->rate : NAN;

	if (it->failed || it->described)
		return 0;
	it->described = true;
	if (em_movie_describe(&r->movie, &it->frame, seconds, dose, &it->arrival.sample, err))
		return em_error_prefix(err, "sample %.200s: ", it->arrival.sample.key);
	return 0;
}

static int write_item(struct run *r, struct item *it, struct em_error *err)
{
	if (em_sink_write(r->sink, &it->arrival.sample, err))
		return -1;
	em_cli_progress(r->cli);
	return 0;
}

/* ---- the reference ---- */

static int hold(struct run *r, struct item *it, struct em_error *err)
{
	struct item *own = malloc(sizeof(*own));

	if (own && r->nheld == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 16;
		struct item **grown = realloc(r->held, capacity * sizeof(struct item *));

		if (grown) {
			r->held = grown;
			r->capacity = capacity;
		}
	}
	if (!own || r->nheld == r->capacity) {
		free(own);
		return em_error_memory(err, sizeof(*own));
	}
	*own = *it;
	*it = (struct item){.held = true};
	r->held[r->nheld++] = own;
	return 0;
}

/* All that are held are the reference. */
static int settle(struct run *r, struct em_error *err)
{
	struct em_movie_frame **frames = calloc(r->nheld + 1, sizeof(struct em_movie_frame *));
	size_t n = 0;
	int status = frames ? 0 : em_error_memory(err, r->nheld * sizeof(struct em_movie_frame *));

	for (size_t i = 0; i < r->nheld && !status; i++)
		if (!r->held[i]->failed)
			frames[n++] = &r->held[i]->frame;
	if (!status && n > 0) {
		status = em_movie_settle(&r->movie, frames, n, err);
		if (!status && !r->movie.plan)
			em_cli_warn(r->cli, "no Bragg spots in the first %zu frame%s: nothing is measured", n,
			            n == 1 ? "" : "s");
	}
	free(frames);
	return status;
}

static int describe_held(struct run *r, struct em_error *err)
{
	for (size_t i = 0; i < r->nheld; i++)
		if (describe(r, r->held[i], err))
			return -1;
	return 0;
}

static int write_held(struct run *r, struct em_error *err)
{
	for (size_t i = 0; i < r->nheld; i++)
		if (write_item(r, r->held[i], err))
			return -1;
	return 0;
}

static void let_go(struct run *r)
{
	for (size_t i = 0; i < r->nheld; i++) {
		release_item(r->held[i]);
		free(r->held[i]);
	}
	r->nheld = 0;
}

/* ---- the pipeline ---- */

static int take(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;

	if (!r->first_taken) {
		r->first_taken = true;
		*it = r->first;
		r->first = (struct item){0};
		return r->begun;
	}
	return em_source_take(r->source, &it->arrival, err);
}

static int work(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;

	if (em_source_load(r->cli, &it->arrival, err))
		return -1;
	it->failed = it->failed || em_sample_has_error(&it->arrival.sample);
	it->described = r->opt->movie.single;
	if (it->failed)
		return 0;
	return r->opt->movie.single ? look_alone(r, it, err) : look(r, it, err);
}

static int meet(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;
	int status = 0;

	if (r->opt->movie.single)
		return 0;
	if (it->failed)
		em_movie_pass(&r->movie);
	if (atomic_load(&r->movie.settled))
		return it->failed ? 0 : em_movie_place(&r->movie, &it->frame, err);
	if (!it->failed)
		status = em_movie_learn(&r->movie, &it->frame, err);
	/* Nothing waits for a movie that has not shown anything yet, nor for ever. */
	if (status == 0 && r->movie.learned == 0)
		return describe(r, it, err);
	if (status < 0 || hold(r, it, err))
		return -1;
	it->last = status > 0 || r->nheld == r->opt->movie.reference + WAIT;
	return it->last ? settle(r, err) : 0;
}

static int finish(void *ctx, void *item, struct em_error *err)
{
	struct item *it = item;

	return it->last ? describe_held(ctx, err) : it->held ? 0 : describe(ctx, it, err);
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct item *it = item;
	int status;

	if (!it->last)
		return it->held ? 0 : write_item(ctx, it, err);
	status = write_held(ctx, err);
	let_go(ctx);
	return status;
}

/* ---- begin and end ---- */

static int read_regions(struct run *r, const struct em_array *first, struct em_error *err)
{
	const struct options *o = r->opt;

	for (size_t i = 0; i < o->nregions; i++)
		if (em_areas_add_rectangle(&r->areas, o->regions[i], first->axis, err))
			return em_error_prefix(err, "--region: ");
	for (size_t i = 0; i < o->nfiles; i++)
		if (em_areas_read(&r->areas, o->files[i], err))
			return -1;
	if (o->line && em_line_parse(&r->across, o->line, first->axis, err))
		return em_error_prefix(err, "--across: ");
	r->opt->movie.areas = &r->areas;
	r->opt->movie.across = o->line ? &r->across : NULL;
	return 0;
}

/* The first frame that can be read says what all are like. */
static int begin(struct run *r, struct em_error *err)
{
	struct em_array view, owned = {0};
	struct em_sample *s = &r->first.arrival.sample;
	size_t early = 0;
	int got;

	while ((got = em_source_next(r->source, s, err)) > 0 && em_sample_has_error(s)) {
		if (em_sink_write(r->sink, s, err))
			return -1;
		em_sample_release(s);
		early++;
	}
	if (got <= 0)
		return got;
	r->begun = true;
	if (em_sample_image_view(s, &view, &owned, err) || read_regions(r, &view, err) ||
	    (!r->opt->movie.single && em_movie_init(&r->movie, &r->opt->movie, &view, err)))
		got = em_error_prefix(err, "sample %.200s: ", s->key);
	for (; got > 0 && early > 0; early--)
		em_movie_pass(&r->movie);
	em_array_release(&owned);
	return got < 0 ? -1 : 0;
}

static int measure_all(void *ctx, struct em_source *source, struct em_sink *sink, struct em_error *err)
{
	struct run *r = ctx;
	struct em_pipeline p = {r, sizeof(struct item), take, work, give, release_item, meet, finish};

	r->source = source;
	r->sink = sink;
	if (begin(r, err) || em_parallel_pipeline((int)r->cli->threads, &p, err))
		return -1;
	if (!r->begun || r->opt->movie.single || atomic_load(&r->movie.settled))
		return 0;
	return settle(r, err) || describe_held(r, err) || write_held(r, err) ? -1 : 0;
}

static int run(struct em_cli *cli, struct options *opt)
{
	struct run r = {.cli = cli, .opt = opt};
	int status = em_cli_through(cli, measure_all, &r);

	let_go(&r);
	free(r.held);
	release_item(&r.first);
	em_movie_release(&r.movie);
	em_areas_release(&r.areas);
	return status;
}

/* ---- options ---- */

static int parse_spots(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	if (o->movie.nspots == SPOTS_MOST)
		return em_error_set(err, EM_ERROR_USAGE, "--spots: at most %d times", SPOTS_MOST);
	return em_spots_request_parse(&o->spots[o->movie.nspots++], value, err);
}

static int keep(const char **list, size_t *n, size_t most, const char *name, const char *value, struct em_error *err)
{
	if (*n == most)
		return em_error_set(err, EM_ERROR_USAGE, "--%s: at most %zu times", name, most);
	list[(*n)++] = value;
	return 0;
}

static int parse_region(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	return keep(o->regions, &o->nregions, 16, "region", value, err);
}

static int parse_file(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	return keep(o->files, &o->nfiles, 16, "areas", value, err);
}

static int check(struct em_cli *cli, struct options *o)
{
	struct em_movie_options *m = &o->movie;

	if (!(m->radius > 0 && m->radius <= 0.5))
		return em_cli_usage(cli, "--radius %g: above 0 and up to 0.5 of |g|", m->radius);
	if (o->interval < 0 || o->rate < 0 || m->breadth < 0)
		return em_cli_usage(cli, "--time, --dose-rate and --breadth are not below 0");
	if (o->rate > 0 && m->single)
		return em_cli_usage(cli, "--dose-rate is for movies: leave it or --each out");
	if (m->control && m->single)
		return em_cli_usage(cli, "--control is for movies: leave it or --each out");
	if (!m->nspots)
		o->spots[m->nspots++] = (struct em_spots_request){.kind = EM_SPOTS_AUTO};
	if (m->single)
		m->reference = 1;
	m->spots = o->spots;
	return -1;
}

int main(int argc, char **argv)
{
	struct options opt = {.movie = {.reference = 4, .radius = EM_ORDER_RADIUS}};
	struct em_movie_options *m = &opt.movie;
	struct em_cli cli;
	const struct em_option table[] = {
	    {'s', "spots", "SPOTS", "auto (default), d:0.39,0.276, lattice:A,B,ANGLE:10,01 or a file; NAME= before it",
	     EM_OPTION_PARSE, &opt, .parse = parse_spots},
	    {'n', "reference", "N", "the first N frames are the reference; default 4", EM_OPTION_SIZE, &m->reference},
	    {0, "each", NULL, "each sample is a picture by itself, not a frame of a movie", EM_OPTION_FLAG, &m->single},
	    {'r', "region", "NAME=X,Y,W,H", "measure this rectangle of the first frame too, px or as in 5nm",
	     EM_OPTION_PARSE, &opt, .parse = parse_region},
	    {0, "areas", "FILE", "regions from a file: polygons as JSON, or classified chips", EM_OPTION_PARSE, &opt,
	     .parse = parse_file},
	    {0, "across", "X0,Y0,X1,Y1", "a line through the film, from face to face: profile, percolation",
	     EM_OPTION_STRING, &opt.line},
	    {0, "breadth", "PX", "of the profile; default a quarter of its length", EM_OPTION_NUMBER, &m->breadth},
	    {0, "control", "PHASE[/REGION]", "what stays in order: fractions are divided by its own", EM_OPTION_STRING,
	     &m->control},
	    {0, "time", "SECONDS", "from frame to frame", EM_OPTION_NUMBER, &opt.interval},
	    {0, "dose-rate", "PER_SECOND", "of the dose or fluence, in any unit", EM_OPTION_NUMBER, &opt.rate},
	    {0, "radius", "R", "of the masks, at most, as a fraction of |g|; default 0.45", EM_OPTION_NUMBER,
	     &m->radius},
	    {0, "still", NULL, "the frames do not drift, or are registered", EM_OPTION_FLAG, &m->still},
	    {0, "follow", NULL, "wait for more where a stream's file ends without its end mark", EM_OPTION_FLAG,
	     &cli.input.follow},
	    {0, "map", NULL, "add the maps of order, amplitude and disorder", EM_OPTION_FLAG, &m->maps},
	    {0}};
	const struct em_tool tool = {.name = "emfft-crystallinity",
	                             .purpose = "Measure order and disorder in lattice movies by their Bragg spots.",
	                             .operands = "[FILE...]",
	                             .example = "emfft-crystallinity --time 2 movie.mrc | emplot curve -o order.png",
	                             .options = table,
	                             .common = EM_COMMON_FILTER};
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	status = check(&cli, &opt);
	return em_cli_end(&cli, status < 0 ? run(&cli, &opt) : status);
}
