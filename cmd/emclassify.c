/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * emclassify: few-shot classification by nearest prototype.
 *
 *   samples --> [spool until the support set, or every chip, is known] --> classify --> [spool a picture, smooth] -->
 *
 * Both detours exist only where they are needed.
 */
#include "base/parallel.h"
#include "cli/cli.h"
#include "io/spool.h"
#include "vision/classify.h"
#include "vision/prototype.h"
#include "vision/region.h"
#include "vision/support.h"
#include "vision/temperature.h"
#include "vision/unlabelled.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *support, *save, *stats;
	int distance; /* -1: not given */
	double power, whiten; /* NAN: not given */
	size_t refine;
	bool transductive;
	double reject, typical, smooth;
};

struct run {
	struct em_cli *cli;
	const struct options *opt;
	struct em_classify_rules rules;
	struct em_source *source;
	struct em_sink *sink;
	struct em_support_plan *plan; /* NULL: the support set is not in the stream */
	struct em_support set;        /* where it is not */
	bool found;                   /* the support set is complete */
	struct em_unlabelled *chips;  /* of the whole stream; NULL: what they are like does not matter */
	struct em_spool *before;      /* samples read ahead */
	struct em_prototypes prototypes;
	bool ready;               /* prototypes are there */
	struct em_region_map map; /* of the picture at hand */
	struct em_spool *after;   /* its samples, and their probabilities, when smoothing */
	double *probability;
	size_t capacity;
	const char **names; /* of the classes, borrowed from prototypes */
	struct em_report *stats;
};

/* ---- the support set ---- */

static void warn_of_fit(struct run *r)
{
	const struct em_prototypes *p = &r->prototypes;

	if (p->distance == EM_DISTANCE_MAHALANOBIS && !p->factor)
		em_cli_warn(r->cli, "the supports of a class do not differ: mahalanobis distance is euclidean here");
	if (!p->calibrated)
		em_cli_warn(r->cli, "no class has two supports: the probabilities %s",
		            r->chips && em_unlabelled_count(r->chips) >= EM_TEMPERATURE_CHIPS
		                ? "go by unlabelled chips alone"
		                : "are a guess");
}

static int fit(struct run *r, struct em_error *err)
{
	const struct options *o = r->opt;
	struct em_fit_options how = {o->distance < 0 ? EM_DISTANCE_EUCLIDEAN : (enum em_distance)o->distance,
	                             fmax(o->power, 0), fmax(o->whiten, -1), o->refine, r->chips}; /* fmax drops NAN */

	if (em_prototypes_fit_with(&r->prototypes, r->plan ? em_support_plan_set(r->plan) : &r->set, &how, err))
		return -1;
	r->ready = true;
	warn_of_fit(r);
	return 0;
}

static int take_prototypes(struct run *r, const struct em_json *json, struct em_error *err)
{
	if (em_prototypes_parse(&r->prototypes, json, err))
		return -1;
	r->ready = true;
	if (r->opt->distance >= 0 && r->opt->distance != (int)r->prototypes.distance)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "-d: the saved prototypes are for another distance; leave -d out");
	if (r->chips || !isnan(r->opt->power))
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "saved prototypes stay as they were made: leave --whiten, --power, --refine, --transductive out");
	return 0;
}

/* One sample of those read ahead. */
static int learn(struct run *r, const struct em_sample *s, struct em_error *err)
{
	struct em_encoder_id id;
	float *vector = NULL;
	int status = 0;

	if (r->plan) {
		size_t known = em_support_plan_set(r->plan)->count;

		if (em_support_plan_offer(r->plan, s, err))
			return -1;
		r->found = em_support_plan_is_complete(r->plan);
		if (!r->chips || em_support_plan_set(r->plan)->count > known)
			return 0;
	}
	if (em_sample_has_error(s) || em_embedding_get(s, &id, &vector, NULL))
		return 0;
	/* Folders wait for the first embedding, which says by what encoder. */
	if (!r->plan && !r->found) {
		status = em_support_read_folder(&r->set, r->opt->support, &id, err);
		r->found = !status;
	}
	if (!status && r->chips)
		status = em_unlabelled_add(r->chips, &id, vector, err);
	free(vector);
	return status;
}

static int read_ahead(struct run *r, struct em_error *err)
{
	struct em_sample s = {0};
	int status = 0;

	r->before = em_spool_new(em_cli_scratch_folder(), err);
	if (!r->before)
		return -1;
	while ((r->chips || !r->found) && (status = em_source_next(r->source, &s, err)) == 1) {
		status = learn(r, &s, err);
		if (!status)
			status = em_spool_add(r->before, &s, err);
		em_sample_release(&s);
		if (status)
			return -1;
	}
	if (status < 0)
		return -1;
	if (r->found)
		return fit(r, err);
	return r->plan ? em_support_plan_check(r->plan, err) : 0;
}

static int get_support(struct run *r, struct em_error *err)
{
	enum em_support_kind kind;
	struct em_json *json = NULL;
	int status = em_support_read(r->opt->support, &kind, &json, &r->set, err);

	if (status)
		return -1;
	r->found = kind == EM_SUPPORT_STREAM;
	if (r->found && !r->chips)
		status = fit(r, err);
	else if (kind == EM_SUPPORT_PROTOTYPES)
		status = take_prototypes(r, json, err);
	else if (kind == EM_SUPPORT_CHIPS && !(r->plan = em_support_plan_new(json, err)))
		status = -1;
	em_json_free(json);
	if (status)
		return em_error_prefix(err, "%s: ", r->opt->support);
	return r->ready ? 0 : read_ahead(r, err);
}

/* ---- a picture is complete ---- */

static int keep_probability(struct run *r, const double *probability, struct em_error *err)
{
	size_t n = r->prototypes.count;

	if (r->map.count >= r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 256;
		double *grown = realloc(r->probability, capacity * n * sizeof(*grown));

		if (!grown)
			return em_error_memory(err, capacity * n * sizeof(*grown));
		r->probability = grown;
		r->capacity = capacity;
	}
	memcpy(r->probability + r->map.count * n, probability, n * sizeof(*probability));
	return 0;
}

static int write_smoothed(struct run *r, struct em_error *err)
{
	struct em_sample s = {0};
	size_t cell = 0;
	int status;

	while ((status = em_spool_next(r->after, &s, err)) == 1) {
		if (!em_sample_has_error(&s))
			status = em_classify_smoothed(&r->prototypes, &r->rules, &s, &r->map.cells[cell++], err);
		if (status >= 0)
			status = em_sink_write(r->sink, &s, err);
		em_sample_release(&s);
		if (status < 0)
			return -1;
		em_cli_progress(r->cli);
	}
	return status;
}

static int report_picture(struct run *r, struct em_error *err)
{
	struct em_text line = {0};
	int status = em_region_map_print(&r->map, r->names, r->prototypes.count, &line, err);

	em_text_append(&line, "\n");
	if (!status)
		status = em_text_check(&line, err);
	if (!status)
		status = em_report_write(r->stats, line.s, line.len, err);
	em_text_release(&line);
	return status;
}

static int end_picture(struct run *r, struct em_error *err)
{
	size_t n = r->prototypes.count;
	int status = 0;

	if (!r->map.picture)
		return 0;
	if (em_region_map_link(&r->map, err))
		return -1;
	if (r->after)
		status =
		    em_region_map_smooth(&r->map, r->probability, n, r->opt->smooth, err) || write_smoothed(r, err);
	if (!status && r->stats)
		status = report_picture(r, err);
	em_region_map_release(&r->map);
	return status ? -1 : 0;
}

/* ---- the pipeline ---- */

struct item {
	struct em_sample sample;
	struct em_verdict verdict;
	bool failed; /* here and now */
};

static int take(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;
	int status = r->before ? em_spool_next(r->before, &it->sample, err) : 0;

	if (status)
		return status;
	status = em_source_next(r->source, &it->sample, err);
	if (status == 1 && r->plan && em_support_plan_offer(r->plan, &it->sample, err))
		return -1;
	return status;
}

static int work(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;
	struct em_error why = {0};

	if (em_sample_has_error(&it->sample))
		return 0;
	it->verdict.probability = calloc(r->prototypes.count + 1, sizeof(double));
	if (!it->verdict.probability)
		return em_error_memory(err, r->prototypes.count * sizeof(double));
	if (!r->ready)
		em_error_set(&why, EM_ERROR_DATA, "it has no embedding; pass the chips through emembed first");
	else if (!em_classify(&r->prototypes, &r->rules, &it->sample, &it->verdict, &why))
		return 0;
	if (r->cli->keep_going && why.kind == EM_ERROR_DATA) {
		it->failed = true;
		return em_sample_set_error(&it->sample, r->cli->tool->name, why.text, err);
	}
	*err = why;
	return em_error_prefix(err, "sample %.200s: ", it->sample.key);
}

static int add_to_map(struct run *r, const struct item *it, struct em_error *err)
{
	const struct em_sample *s = &it->sample;

	if (em_region_map_is_other(&r->map, s) && end_picture(r, err))
		return -1;
	if (em_sample_has_error(s))
		return em_region_map_add_failed(&r->map, s, err);
	if (r->after && keep_probability(r, it->verdict.probability, err))
		return -1;
	return em_region_map_add(&r->map, s, it->verdict.label, it->verdict.p, err);
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;

	if (it->failed)
		r->cli->failed++;
	if ((r->opt->stats || r->after) && add_to_map(r, it, err))
		return -1;
	if (r->after)
		return em_spool_add(r->after, &it->sample, err);
	if (em_sink_write(r->sink, &it->sample, err))
		return -1;
	em_cli_progress(r->cli);
	return 0;
}

static void drop(void *item)
{
	struct item *it = item;

	em_sample_release(&it->sample);
	free(it->verdict.probability);
}

/* ---- begin and end ---- */

static int save_prototypes(struct run *r, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	if (!r->ready)
		return em_error_set(err, EM_ERROR_DATA,
		                    "--save: the stream has no embedded sample, there is nothing to save");
	status = em_prototypes_print(&r->prototypes, &t, err);
	em_text_append(&t, "\n");
	if (!status)
		status = em_text_check(&t, err);
	if (!status)
		status = em_cli_write_file(r->cli, r->opt->save, t.s, t.len, false, err);
	em_text_release(&t);
	return status;
}

static int prepare(struct run *r, struct em_error *err)
{
	if (r->opt->stats && !(r->stats = em_report_open(r->opt->stats, err)))
		return -1;
	if ((r->opt->transductive || !isnan(r->opt->whiten) || r->opt->refine > 0) &&
	    !(r->chips = em_unlabelled_new(em_cli_scratch_folder(), err)))
		return -1;
	if (get_support(r, err))
		return -1;
	if (r->opt->smooth > 0 && !(r->after = em_spool_new(em_cli_scratch_folder(), err)))
		return -1;
	r->names = calloc(r->prototypes.count + 1, sizeof(*r->names));
	if (!r->names)
		return em_error_memory(err, r->prototypes.count * sizeof(*r->names));
	for (size_t k = 0; k < r->prototypes.count; k++)
		r->names[k] = r->prototypes.classes[k].name;
	if (r->ready && r->opt->reject > 0 && !(r->prototypes.spread_dof > 0))
		em_cli_warn(r->cli, "no class has three supports: --reject goes by probability alone");
	if (r->ready && r->opt->reject > em_prototypes_doubt(&r->prototypes, 1))
		em_cli_warn(r->cli, "--reject %g: so few supports allow no p above %.3g: every chip will be unknown",
		            r->opt->reject, em_prototypes_doubt(&r->prototypes, 1));
	return 0;
}

static int classify_all(struct run *r, struct em_error *err)
{
	struct em_pipeline p = {r, sizeof(struct item), take, work, give, drop};

	if (prepare(r, err) || em_parallel_pipeline((int)r->cli->threads, &p, err) || end_picture(r, err))
		return -1;
	if (r->opt->save && save_prototypes(r, err))
		return -1;
	if (r->stats) {
		struct em_report *stats = r->stats;

		r->stats = NULL;
		return em_report_close(stats, err);
	}
	return 0;
}

static void release(struct run *r)
{
	if (r->source)
		em_source_close(r->source);
	em_support_plan_free(r->plan);
	em_support_release(&r->set);
	em_unlabelled_free(r->chips);
	em_spool_free(r->before);
	em_spool_free(r->after);
	em_prototypes_release(&r->prototypes);
	em_region_map_release(&r->map);
	free(r->probability);
	free(r->names);
	em_report_abort(r->stats);
}

static int run(struct em_cli *cli, const struct options *opt)
{
	struct run r = {.cli = cli, .opt = opt};
	struct em_error err = {0};
	int status = -1;

	r.rules = (struct em_classify_rules){opt->reject, opt->reject > 0 ? opt->typical : 0, opt->smooth > 0};
	r.sink = em_sink_open(cli, &err);
	if (r.sink && !(r.source = em_source_open(cli)))
		em_error_memory(&err, sizeof(r));
	if (r.source)
		status = classify_all(&r, &err);
	release(&r);
	if (status)
		em_sink_abort(r.sink);
	else
		status = em_sink_close(r.sink, &err);
	return em_cli_end(cli, status ? em_cli_fail(cli, NULL, &err) : EM_EXIT_OK);
}

/* Two outputs under one name: the second would take the first one's place. */
static bool collide(const char *a, const char *b)
{
	return a && b && strcmp(a, "-") && strncmp(a, "/dev/", 5) && !strcmp(a, b);
}

static bool is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

/* Of the three outputs; without -o the stream goes there, too. */
static int uses_of_stdout(const struct em_cli *cli, const struct options *opt)
{
	return (!cli->output || is_stdout(cli->output)) + is_stdout(opt->save) + is_stdout(opt->stats);
}

/* 0, or the exit status. */
static int check_options(struct em_cli *cli, const struct options *opt)
{
	if (!opt->support)
		return em_cli_usage(
		    cli, "-S says what the classes are: a support set, a labelled stream, a folder or prototypes");
	if (opt->whiten < 0 || opt->whiten > 1)
		return em_cli_usage(cli, "--whiten %g: the exponent is from 0 to 1", opt->whiten);
	if (opt->power <= 0 || opt->power > 1)
		return em_cli_usage(cli, "--power %g: the exponent is above 0 and not above 1", opt->power);
	if (opt->reject < 0 || opt->reject > 1 || opt->typical < 0 || opt->typical >= 1)
		return em_cli_usage(cli, "--reject %g --typical %g: a probability is between 0 and 1", opt->reject,
		                    opt->typical);
	if (opt->smooth < 0)
		return em_cli_usage(cli, "--smooth %g: the weight of a neighbour is not negative", opt->smooth);
	if (collide(opt->save, opt->stats) || collide(opt->save, cli->output) || collide(opt->stats, cli->output))
		return em_cli_usage(cli, "-o, --save and --stats need a file each");
	if (uses_of_stdout(cli, opt) > 1)
		return em_cli_usage(cli, "standard output takes one thing only: give -o, --save or --stats a file");
	return 0;
}

int main(int argc, char **argv)
{
	struct options opt = {.distance = -1, .power = NAN, .whiten = NAN, .typical = 0.001};
	const struct em_option table[] = {
	    {'S', "support", "PATH", "support set: JSON, labelled stream, folder of folders, or saved prototypes",
	     EM_OPTION_STRING, &opt.support, NULL, NULL, false},
	    {'d', "distance", "NAME", "euclidean (default), cosine or mahalanobis", EM_OPTION_CHOICE, &opt.distance,
	     EM_DISTANCE_CHOICES, NULL, false},
	    {0, "transductive", NULL, "read the whole stream first: calibrate by its unlabelled chips, too",
	     EM_OPTION_FLAG, &opt.transductive, NULL, NULL, false},
	    {0, "whiten", "A", "centre by all chips, divide principal components by sd^A (0 to 1; default: off)",
	     EM_OPTION_NUMBER, &opt.whiten, NULL, NULL, false},
	    {0, "power", "B", "take every number of an embedding to the power B first (default: off)",
	     EM_OPTION_NUMBER, &opt.power, NULL, NULL, false},
	    {0, "refine", "N", "let unlabelled chips move the prototypes, N times (default 0: off)",
	     EM_OPTION_COUNT, &opt.refine, NULL, NULL, false},
	    {0, "reject", "P", "call chips below probability P, and untypical ones, unknown", EM_OPTION_NUMBER,
	     &opt.reject, NULL, NULL, false},
	    {0, "typical", "A", "with --reject: typicality below A is untypical (default 0.001)", EM_OPTION_NUMBER,
	     &opt.typical, NULL, NULL, false},
	    {0, "smooth", "BETA", "let neighbouring chips agree, with weight BETA (default 0: off)", EM_OPTION_NUMBER,
	     &opt.smooth, NULL, NULL, false},
	    {0, "save", "FILE", "write the prototypes, for -S another time", EM_OPTION_STRING, &opt.save, NULL, NULL,
	     true},
	    {0, "stats", "FILE", "write counts, areas and regions, one JSON object a picture", EM_OPTION_STRING,
	     &opt.stats, NULL, NULL, true},
	    {0}};
	const struct em_tool tool = {.name = "emclassify",
	                             .purpose = "Classify chips by a few examples of each class.",
	                             .operands = "[FILE...]",
	                             .example =
	                                 "emchip -s 95 a.tif | emembed | emclassify -S support.json > classified.tar",
	                             .options = table,
	                             .common = EM_COMMON_FILTER};
	struct em_cli cli;
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	status = check_options(&cli, &opt);
	return status ? em_cli_end(&cli, status) : run(&cli, &opt);
}
