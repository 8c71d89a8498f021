/* SPDX-License-Identifier: GPL-3.0-or-later */
/* eelsforecast: what a series of spectra will be; learn a model, run it along series, and tell how good it is. */
#include "base/text.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "forecast/descriptor.h"
#include "forecast/evaluate.h"
#include "forecast/forecast.h"
#include "forecast/live.h"
#include "forecast/origin.h"
#include "forecast/series.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_EVENT 5 /* an alert's condition was foretold */
#define STEPS_MOST 100000
#define MODELS 16 /* of one evaluation */

struct options {
	const char *model, *method, *edges, *align, *until, *alert, *energy, *resume;
	double horizon[EM_EVALUATE_HORIZONS], level, reach, rate;
	size_t horizons, window, rank, seed, groups, origins, epochs, patience;
	bool whole, path, noise, stop, splitting, adapt;
	int split;
};

/* ---- what all three share ---- */

/* The axis as the user says it is. */
static int set_energy(const struct options *o, struct em_sample *s, struct em_error *err)
{
	struct em_array view, owned = {0};
	struct em_text axes = {0};
	double offset, scale;
	int end = 0, status;

	if (!o->energy)
		return 0;
	if (sscanf(o->energy, "%lf,%lf%n", &offset, &scale, &end) != 2 || o->energy[end] || !(scale > 0) ||
	    !isfinite(offset) || !isfinite(scale))
		return em_error_set(err, EM_ERROR_USAGE, "--energy %.60s: expected OFFSET,SCALE in eV", o->energy);
	status = em_sample_data(s, &view, &owned, err);
	if (!status) {
		em_axis_set(&view.axis[view.ndim - 1], "energy", scale, offset, "eV");
		em_record_put_axes(&axes, &view);
		status = em_record_set_text(&s->record, "axes", &axes, err);
	}
	em_text_release(&axes);
	em_array_release(&owned);
	return status;
}

static int read_all(struct em_cli *cli, const struct options *o, struct em_series_set *set, struct em_error *err)
{
	struct em_source *source = em_source_open(cli);
	struct em_sample s = {0};
	int got = source ? 0 : em_error_memory(err, sizeof(s));

	while (source && (got = em_source_next(source, &s, err)) > 0) {
		int status = 0;

		if (!em_sample_has_error(&s)) {
			status = set_energy(o, &s, err) || em_series_set_add(set, &s, err);
			if (status && cli->keep_going && err->kind == EM_ERROR_DATA) {
				em_cli_warn(cli, "sample %.200s: %s", s.key, err->text);
				cli->failed++;
				status = 0;
			} else if (status)
				em_error_prefix(err, "sample %.200s: ", s.key);
		}
		em_sample_release(&s);
		if (status) {
			got = -1;
			break;
		}
		em_cli_progress(cli);
	}
	if (source)
		em_source_close(source);
	if (!got && !set->count)
		got = em_error_set(err, EM_ERROR_DATA, "no spectra in the input");
	return got < 0 ? -1 : 0;
}

/* Training that is interrupted ends after its epoch, and its model is written. */
static bool stop(void *ctx)
{
	(void)ctx;
	return em_interrupted();
}

static void tell(void *ctx, size_t steps, size_t epoch, double loss, double validation)
{
	if (epoch % 10 == 0)
		em_cli_say(ctx, "horizon %zu, epoch %zu: loss %.6g, validation %.6g", steps, epoch, loss, validation);
}

static int settings_of(struct em_cli *cli, const struct options *o, struct em_forecast_settings *set,
                       struct em_error *err)
{
	double furthest = 30;

	for (size_t i = 0; i < o->horizons; i++)
		furthest = fmax(furthest, o->horizon[i]);
	*set = (struct em_forecast_settings){
	    .lowrank = {.rank = o->rank, .reach = (size_t)o->reach, .whole = o->whole, .threads = (int)cli->threads},
	    .furthest = (size_t)furthest,
	    .window = o->window,
	    .seed = o->seed,
	    .threads = (int)cli->threads,
	    .epochs = o->epochs,
	    .patience = o->patience,
	    .rate = o->rate,
	    .told = tell,
	    .stop = stop,
	    .ctx = cli};
	for (size_t i = 0; i < o->horizons; i++)
		set->steps[set->nsteps++] = (size_t)o->horizon[i];
	if (o->align && em_energy_parse_window(o->align, &set->lowrank.window, err))
		return em_error_prefix(err, "--align: ");
	return 0;
}

static int load(const char *model, struct em_forecast *f, struct em_error *err)
{
	struct em_safetensors *file;
	int status;

	if (!model)
		return em_error_set(err, EM_ERROR_USAGE, "--model FILE is missing: make one with eelsforecast train");
	file = em_safetensors_open(model, err);
	if (!file)
		return -1;
	status = em_forecast_parse(f, file, err);
	em_safetensors_free(file);
	return status ? em_error_prefix(err, "%.200s: ", model) : 0;
}

/* ---- train ---- */

/* What --resume goes on with: the networks know how far they are. */
static int open_before(const struct options *o, const struct em_forecast_method *method,
                       const struct em_series_set *set, struct em_safetensors **before, struct em_error *err)
{
	struct em_forecast f = {0};
	int status;

	if (!method->validates)
		return em_error_set(err, EM_ERROR_USAGE, "--resume: %s is learned at once; lstm and eelstm go on",
		                    method->name);
	*before = em_safetensors_open(o->resume, err);
	status = *before ? em_forecast_parse(&f, *before, err) || em_origin_same(&f, set, err) : -1;
	em_forecast_release(&f);
	return status && *before ? em_error_prefix(err, "%.200s: ", o->resume) : status;
}

static int train(struct em_cli *cli, const struct options *o, struct em_error *err)
{
	struct em_series_set set = {0};
	struct em_forecast_settings how;
	const struct em_forecast_method *method[1];
	const struct em_series **series = NULL;
	struct em_forecast_school school = {0};
	struct em_forecast f = {0};
	struct em_text file = {0}, origin = {0};
	struct em_safetensors *before = NULL;
	size_t n;
	int status = em_forecast_methods_parse(o->method ? o->method : "lowrank", method, 1, &n, err) ||
	             settings_of(cli, o, &how, err) || read_all(cli, o, &set, err);

	if (!status && !(series = calloc(set.count, sizeof(*series))))
		status = em_error_memory(err, set.count * sizeof(*series));
	for (size_t i = 0; series && i < set.count; i++)
		series[i] = &set.series[i];
	if (!status && o->resume)
		status = open_before(o, method[0], &set, &before, err);
	how.resume = before;
	if (!status && method[0]->validates) /* the others take no time */
		em_interrupts_hold();
	if (!status)
		status = em_forecast_school_open(&school, series, set.count, method[0]->wants_aligned, &how, err) ||
		         em_forecast_learn(&f, method[0], &school, &how, err);
	if (!status) {
		em_cli_say(cli, "%zu series, %zu components, noise %.3g of Poisson's", set.count, f.lowrank.basis.rank,
		           f.lowrank.basis.noise);
		em_origin_put(&origin, cli->provenance, &set);
		status = em_forecast_print(&f, em_text_get(&origin), &file, err) ||
		         em_cli_write_file(cli, cli->output, file.s, file.len, true, err);
		if (!status && em_interrupted())
			em_cli_warn(cli, "interrupted: the model so far is written, to go on with by --resume");
	}
	em_safetensors_free(before);
	em_text_release(&file);
	em_text_release(&origin);
	em_forecast_release(&f);
	em_forecast_school_close(&school);
	free(series);
	em_series_set_release(&set);
	return status ? -1 : 0;
}

/* ---- evaluate ---- */

static void count_done(void *ctx, size_t done, size_t of)
{
	em_cli_say(ctx, "%zu of %zu models", done, of);
}

static int evaluate_model(const char *path, struct em_evaluate_plan *plan, const struct em_series_set *set,
                          struct em_evaluation *result, struct em_error *err)
{
	struct em_evaluate_part *part = calloc(set->count, sizeof(*part));
	struct em_forecast f = {0};
	int status = part ? load(path, &f, err) || em_origin_check(&f, set, err)
	                  : em_error_memory(err, set->count * sizeof(*part));

	for (size_t s = 0; s < set->count && !status; s++)
		part[s] = (struct em_evaluate_part){&set->series[s], 0, SIZE_MAX};
	plan->method[plan->methods++] = f.method;
	if (!status)
		status = em_evaluate_add(result, &f, part, set->count, &plan->evaluate, plan->forecast.threads, err) ||
		         em_evaluate_finish(result, plan->evaluate.horizons, err);
	em_forecast_release(&f);
	free(part);
	return status ? -1 : 0;
}

/* Files, separated by commas. */
static int evaluate_models(const char *files, struct em_evaluate_plan *plan, const struct em_series_set *set,
                           struct em_evaluation *result, struct em_error *err)
{
	plan->methods = 0;
	while (*files) {
		size_t n = strcspn(files, ",");
		char *path = strndup(files, n);
		int status;

		if (!path)
			return em_error_memory(err, n);
		status = plan->methods == MODELS
		             ? em_error_set(err, EM_ERROR_USAGE, "--model: more than %d", MODELS)
		             : evaluate_model(path, plan, set, result + plan->methods * EM_EVALUATE_HORIZONS, err);
		free(path);
		if (status)
			return -1;
		files += n + (files[n] == ',');
	}
	return 0;
}

static int print_results(struct em_cli *cli, const struct em_evaluation *result, const struct em_evaluate_plan *plan,
                         struct em_error *err)
{
	struct em_text out = {0};
	const char *names[MODELS];
	int status;

	for (size_t m = 0; m < plan->methods; m++)
		names[m] = plan->method[m]->name;
	if (!cli->json)
		em_evaluate_print_table(result, names, plan->methods, &plan->evaluate, &out);
	for (size_t m = 0; cli->json && m < plan->methods; m++)
		for (size_t h = 0; h < plan->evaluate.horizons; h++) {
			em_evaluate_print_record(&result[m * EM_EVALUATE_HORIZONS + h], names[m],
			                         plan->evaluate.horizon[h], &plan->evaluate, &out);
			em_text_append(&out, "\n");
		}
	status = em_text_check(&out, err) || em_cli_write_file(cli, cli->output, out.s, out.len, false, err);
	em_text_release(&out);
	return status;
}

static int evaluate(struct em_cli *cli, const struct options *o, struct em_error *err)
{
	struct em_evaluate_plan plan = {.split = (enum em_evaluate_split)o->split,
	                                .groups = o->groups,
	                                .origins = o->origins,
	                                .done = count_done,
	                                .ctx = cli};
	static struct em_evaluation result[MODELS * EM_EVALUATE_HORIZONS];
	struct em_series_set set = {0};
	struct em_descriptors *d = NULL;
	int status = em_forecast_methods_parse(o->method, plan.method, MODELS, &plan.methods, err) ||
	             settings_of(cli, o, &plan.forecast, err) || read_all(cli, o, &set, err);

	plan.evaluate.level = o->level;
	plan.evaluate.adapt = o->adapt;
	for (size_t i = 0; i < o->horizons; i++)
		plan.evaluate.horizon[plan.evaluate.horizons++] = (size_t)o->horizon[i];
	if (!status && !(d = em_descriptors_new(&set.series[0].energy, o->edges, o->splitting, err)))
		status = -1;
	plan.evaluate.descriptors = d;
	if (!status && o->split == EM_EVALUATE_PUBLISHED)
		em_cli_warn(cli, "the published split leaks: models are judged on spectra that they have learned from");
	if (!status)
		status = o->model ? evaluate_models(o->model, &plan, &set, result, err)
		                  : em_evaluate_run(result, &plan, &set, err);
	if (!status)
		status = print_results(cli, result, &plan, err);
	em_descriptors_free(d);
	em_series_set_release(&set);
	return status ? -1 : 0;
}

/* ---- predict ---- */

static int take(struct em_cli *cli, const struct options *o, struct em_live *l, struct em_sample *s,
                struct em_error *err)
{
	struct em_error why = {0};

	if (em_sample_has_error(s) || (!set_energy(o, s, &why) && !em_live_take(l, s, &why)))
		return 0;
	if (cli->keep_going && why.kind == EM_ERROR_DATA) {
		cli->failed++;
		return em_sample_set_error(s, cli->tool->name, why.text, err);
	}
	*err = why;
	return em_error_prefix(err, "sample %.200s: ", s->key);
}

static int run_live(struct em_cli *cli, const struct options *o, struct em_live *l, struct em_sink *sink,
                    struct em_error *err)
{
	struct em_source *source = em_source_open(cli);
	struct em_sample s = {0};
	int got = source ? 0 : em_error_memory(err, sizeof(s)), status = 0;

	while (source && !status && !(o->stop && em_live_event(l)) && (got = em_source_next(source, &s, err)) > 0) {
		status = take(cli, o, l, &s, err) || em_sink_write(sink, &s, err);
		em_sample_release(&s);
		em_cli_progress(cli);
	}
	if (source)
		em_source_close(source);
	return status || got < 0 ? -1 : 0;
}

static int predict(struct em_cli *cli, const struct options *o, bool *event, struct em_error *err)
{
	const struct em_live_options how = {.steps = (size_t)o->horizon[0],
	                                    .until = o->until,
	                                    .alert = o->alert,
	                                    .edges = o->edges,
	                                    .splitting = o->splitting,
	                                    .path = o->path,
	                                    .noise = o->noise,
	                                    .adapt = o->adapt,
	                                    .level = o->level};
	struct em_forecast f = {0};
	struct em_live *l = load(o->model, &f, err) ? NULL : em_live_new(&f, &how, err);
	struct em_sink *sink = l ? em_sink_open(cli, err) : NULL;
	int status = sink ? run_live(cli, o, l, sink, err) : -1;

	if (!status && !cli->failed && !em_live_forecast(l))
		em_cli_warn(cli, "no forecast: no series fills the model's window of %zu spectra", f.window);
	if (status)
		em_sink_abort(sink);
	else
		status = em_sink_close(sink, err);
	*event = l && em_live_event(l);
	em_live_free(l);
	em_forecast_release(&f);
	return status;
}

/* ---- options ---- */

static int parse_horizon(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;
	char *end = NULL;

	o->horizons = 0;
	do {
		double v = strtod(end ? end + 1 : value, &end);

		if (!(v >= 1 && v <= STEPS_MOST) || v != floor(v) || o->horizons == EM_EVALUATE_HORIZONS ||
		    (*end && *end != ','))
			return em_error_set(err, EM_ERROR_USAGE, "--horizon %.60s: whole numbers of steps, as 1,9,30",
			                    value);
		o->horizon[o->horizons++] = v;
	} while (*end);
	return 0;
}

static int check(struct em_cli *cli, struct options *o, const char *verb)
{
	static const double usual[] = {1, 9, 30};
	bool live = !strcmp(verb, "predict");

	if (!(o->level > 0 && o->level < 1))
		return em_cli_usage(cli, "--level %g: between 0 and 1, as 0.9", o->level);
	if (!(o->reach >= 0 && o->reach <= 1e6) || o->reach != floor(o->reach))
		return em_cli_usage(cli, "--drift %g: a whole number of channels, 0 for none", o->reach);
	if (o->window > 1024)
		return em_cli_usage(cli, "--window %zu: at most 1024 spectra", o->window);
	if (o->model && o->method)
		return em_cli_usage(cli, "--model says which --method it is of: leave one of them out");
	if (live && o->horizons > 1)
		return em_cli_usage(cli, "predict takes one --horizon; --path gives all steps up to it");
	if (o->until && o->horizons)
		return em_cli_usage(cli, "--until tells how far: leave --horizon out, or say 'within N'");
	if ((o->until || o->alert) && !live)
		return em_cli_usage(cli, "--until and --alert are for predict");
	if (!o->horizons && !strcmp(verb, "evaluate"))
		for (size_t i = 0; i < 3; i++)
			o->horizon[o->horizons++] = usual[i];
	if (!o->horizons) /* train: as published, which matters to eelstm alone */
		o->horizon[o->horizons++] = live ? 1 : 9;
	return -1;
}

static int run(struct em_cli *cli, struct options *o, const char *verb)
{
	struct em_error err = {0};
	bool event = false;
	int status = !strcmp(verb, "train")     ? train(cli, o, &err)
	             : !strcmp(verb, "predict") ? predict(cli, o, &event, &err)
	                                        : evaluate(cli, o, &err);

	if (status)
		return em_cli_fail(cli, NULL, &err);
	if (em_interrupted())
		return EM_EXIT_INTERRUPTED;
	return event ? EXIT_EVENT : EM_EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options o = {.level = 0.9, .window = 8, .reach = 20, .seed = 1};
	struct em_cli cli;
	const struct em_option table[] = {
	    {'m', "model", "FILE", "predict, evaluate: the model that train made; evaluate: several with ,",
	     EM_OPTION_STRING, &o.model},
	    {0, "method", "NAME", "lowrank (train's default), dmd, lstm, eelstm, persistence, mean, holt, var; with ,",
	     EM_OPTION_STRING, &o.method},
	    {'n', "horizon", "STEPS", "so many spectra ahead: predict 1, train 9, evaluate 1,9,30", EM_OPTION_PARSE, &o,
	     .parse = parse_horizon},
	    {0, "until", "CONDITION", "predict: on to where it holds, as 'L3/L2 < 1.2' or 'change < 1e-4'",
	     EM_OPTION_STRING, &o.until},
	    {0, "alert", "CONDITION", "predict: an event where it is foretold, as 'L3/L2 < 1.2 within 20'; exit 5",
	     EM_OPTION_STRING, &o.alert},
	    {0, "stop", NULL, "predict: end at the first event", EM_OPTION_FLAG, &o.stop},
	    {0, "path", NULL, "predict: all steps up to the horizon, time x energy", EM_OPTION_FLAG, &o.path},
	    {0, "noise", NULL, "predict: intervals of what will be measured, not of the truth", EM_OPTION_FLAG,
	     &o.noise},
	    {0, "adapt", NULL, "predict, evaluate: learn from each series as it comes, too", EM_OPTION_FLAG, &o.adapt},
	    {0, "level", "P", "of intervals; default 0.9", EM_OPTION_NUMBER, &o.level},
	    {0, "window", "N", "spectra that models see at once; default 8", EM_OPTION_SIZE, &o.window},
	    {0, "rank", "N", "components; default those that stand out of the noise", EM_OPTION_SIZE, &o.rank},
	    {0, "drift", "CHANNELS", "how far the energy may drift to each side; 0: not at all; default 20",
	     EM_OPTION_NUMBER, &o.reach},
	    {0, "align", "WINDOW", "drift is seen in this window, eV, as 450-475; default everywhere", EM_OPTION_STRING,
	     &o.align},
	    {0, "whole-channels", NULL, "drift in whole channels, as published", EM_OPTION_FLAG, &o.whole},
	    {0, "edges", "LIST", "descriptors are of these; default Ti-L23,O-K; none", EM_OPTION_STRING, &o.edges},
	    {0, "crystal-field", NULL, "the splitting of white lines is a descriptor, too: a fit a spectrum",
	     EM_OPTION_FLAG, &o.splitting},
	    {0, "energy", "OFFSET,SCALE", "the axis, eV, where the file has none", EM_OPTION_STRING, &o.energy},
	    {0, "split", "HOW", "evaluate: series (default), forward, or published, which leaks", EM_OPTION_CHOICE,
	     &o.split, .choices = "series forward published"},
	    {0, "groups", "N", "evaluate: series in so many groups instead of one by one", EM_OPTION_SIZE, &o.groups},
	    {0, "origins", "N", "evaluate, forward: so many origins, from a third of each series on; default 4",
	     EM_OPTION_SIZE, &o.origins},
	    {0, "epochs", "N", "eelstm, lstm: at most so many in all; default 3000, 400", EM_OPTION_SIZE, &o.epochs},
	    {0, "patience", "N", "eelstm, lstm: epochs without progress, then it ends; default 150, 40", EM_OPTION_SIZE,
	     &o.patience},
	    {0, "rate", "R", "eelstm, lstm: Adam's step; default 1e-5, 1e-3", EM_OPTION_NUMBER, &o.rate},
	    {0, "resume", "FILE", "train eelstm, lstm: go on with this model", EM_OPTION_STRING, &o.resume},
	    {0, "seed", "N", "of training; default 1", EM_OPTION_COUNT, &o.seed},
	    {0, "follow", NULL, "wait for more where a stream's file ends without its end mark", EM_OPTION_FLAG,
	     &cli.input.follow},
	    {0}};
	const struct em_tool tool = {
	    .name = "eelsforecast",
	    .purpose = "Forecast the spectra of a reaction from those so far.",
	    .operands = "train|predict|evaluate [FILE...]",
	    .first = "train predict evaluate",
	    .example = "eelsforecast train -o sto.safetensors past*.tar\n"
	               "eelsforecast predict -m sto.safetensors -n 9 --alert 'L3/L2 < 0.6 within 20' -j",
	    .options = table,
	    .common = EM_COMMON_FILTER};
	const char *verb;
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	verb = cli.nfiles ? cli.files[0] : "";
	if (strcmp(verb, "train") && strcmp(verb, "predict") && strcmp(verb, "evaluate"))
		return em_cli_end(&cli, em_cli_usage(&cli, "train, predict or evaluate comes first"));
	cli.files++;
	cli.nfiles--;
	status = check(&cli, &o, verb);
	return em_cli_end(&cli, status < 0 ? run(&cli, &o, verb) : status);
}
