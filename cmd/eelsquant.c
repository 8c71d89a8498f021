/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * eelsquant: edges, thickness, composition and components of spectra.
 *
 *   spectra ---------> pair --> quantify, side by side --> profile --> stream
 *   --also's spectra -/
 */
#include "base/parallel.h"
#include "cli/cli.h"
#include "cli/told.h"
#include "eels/quant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS_MOST (2 * EM_EDGES_MAX)

struct window {
	const char *text; /* EDGE=FROM-TO */
	bool signal;
};

struct options {
	struct em_quant_options quant;
	struct em_edge edge[EM_EDGES_MAX];
	double k[EM_EDGES_MAX];
	struct window window[WINDOWS_MOST];
	size_t nwindows;
	const char *factor[EM_EDGES_MAX];
	size_t nfactors;
	const char *edges, *also, *references, *across, *standard;
	double average, breadth;
	double energy[2]; /* eV of channel 0, eV a channel; the latter 0: as the samples say */
	struct em_background_kernel kernel;
	double atoms[EM_EDGES_MAX]; /* of the standard, by edge; NAN: not in it */
};

struct run {
	struct em_cli *cli;
	struct options *opt;
	struct em_source *source;
	struct em_sink *sink;
	struct em_input *also;       /* NULL: none */
	struct em_sample also_first; /* when it is the only one, it goes with all */
	size_t also_read;
	struct em_quant_references references;
	struct em_told told;
};

struct item {
	struct em_arrival arrival;
	struct em_sample pair;
	bool swapped; /* these two */
	struct em_text warnings;
};

static void drop(void *item)
{
	struct item *it = item;

	em_arrival_release(&it->arrival);
	em_sample_release(&it->pair);
	em_text_release(&it->warnings);
}

/* ---- reading ---- */

/* The next of --also's samples; where there is only one, that one again and again. */
static int take_pair(struct run *r, struct em_sample *pair, struct em_error *err)
{
	int got = em_input_next(r->also, pair, err);

	if (got < 0)
		return em_error_prefix(err, "%.200s: ", r->opt->also);
	if (got > 0) {
		r->also_read++;
		return r->also_read > 1 ? 0 : em_sample_copy(&r->also_first, pair, err);
	}
	if (r->also_read != 1)
		return em_error_set(err, EM_ERROR_DATA, "%.200s has %zu samples, fewer than there are to go with them",
		                    r->opt->also, r->also_read);
	return em_sample_copy(pair, &r->also_first, err);
}

static int take(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;
	int got = em_source_take(r->source, &it->arrival, err);

	if (got > 0 && r->also && take_pair(r, &it->pair, err))
		return -1;
	return got;
}

/* ---- one sample ---- */

/* What --energy says is of the samples, not of --also's. */
static int open_data(const struct options *o, const struct em_sample *s, bool also, struct em_array *view,
                     struct em_array *owned, struct em_error *err)
{
	if (em_sample_data(s, view, owned, err))
		return -1;
	if (!also && o->energy[1] > 0 && view->ndim > 0)
		em_axis_set(&view->axis[view->ndim - 1], "energy", o->energy[1], o->energy[0], "eV");
	return 0;
}

static int quantify(const struct options *o, struct item *it, struct em_error *err)
{
	struct em_sample *s = &it->arrival.sample, *pair = it->pair.key ? &it->pair : NULL;
	struct em_array view, owned = {0}, pair_view, pair_owned = {0};
	struct em_quant q = {0};
	int status = open_data(o, s, it->swapped, &view, &owned, err);

	if (!status && pair)
		status = open_data(o, pair, !it->swapped, &pair_view, &pair_owned, err);
	if (!status)
		status = em_quant_run(&q, &o->quant, &view, pair ? &pair_view : NULL, &s->record, err);
	q.changed = q.changed || (o->energy[1] > 0 && !it->swapped);
	if (!status && o->across)
		status = em_quant_profile(&q, &s->record, o->across, o->breadth, err);
	if (!status && o->standard)
		status = em_quant_factors(&q, o->atoms, err);
	if (!status)
		status = em_quant_describe(&q, s, err);
	if (q.warnings.len)
		em_text_append(&it->warnings, em_text_get(&q.warnings));
	em_quant_release(&q);
	em_array_release(&owned);
	em_array_release(&pair_owned);
	return status;
}

static int has_zero(const struct options *o, const struct em_sample *s, bool also, bool *has, struct em_error *err)
{
	struct em_array view, owned = {0};
	struct em_energy e;
	int status = open_data(o, s, also, &view, &owned, err) || em_energy_of_array(&e, &view, err) ? -1 : 0;

	em_array_release(&owned);
	if (!status)
		*has = em_energy_holds(&e, 0);
	return status;
}

/* Of a pair, the sample that goes on is the core loss: the one whose axis has not 0 eV, or else --also's is the low. */
static int put_in_order(const struct options *o, struct item *it, struct em_error *err)
{
	struct em_sample first = it->arrival.sample;
	bool here, there;

	if (has_zero(o, &it->arrival.sample, false, &here, err))
		return -1;
	if (has_zero(o, &it->pair, true, &there, err))
		return em_error_prefix(err, "%.200s: ", o->also);
	if (!here && !there)
		return em_error_set(err, EM_ERROR_DATA, "neither of the pair has 0 eV: it has no low loss");
	it->swapped = here && !there;
	if (it->swapped) {
		it->arrival.sample = it->pair;
		it->pair = first;
	}
	return 0;
}

static int work(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;
	struct em_sample *s = &it->arrival.sample;
	struct em_error why = {0};

	if (em_source_load(r->cli, &it->arrival, err))
		return -1;
	if (em_sample_has_error(s))
		return 0;
	if (!(it->pair.key && put_in_order(r->opt, it, &why)) && !quantify(r->opt, it, &why))
		return 0;
	if (r->cli->keep_going && why.kind == EM_ERROR_DATA) {
		r->cli->failed++;
		return em_sample_set_error(s, r->cli->tool->name, why.text, err);
	}
	*err = why;
	return em_error_prefix(err, "sample %.200s: ", s->key);
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	struct item *it = item;

	em_told_tell(&r->told, r->cli, it->arrival.sample.key, em_text_get(&it->warnings));
	if (em_sink_write(r->sink, &it->arrival.sample, err))
		return -1;
	em_cli_progress(r->cli);
	return 0;
}

/* ---- begin and end ---- */

static int quantify_all(void *ctx, struct em_source *source, struct em_sink *sink, struct em_error *err)
{
	struct run *r = ctx;
	const struct em_input_options how = {.scratch = em_cli_scratch_folder()};
	struct em_pipeline p = {r, sizeof(struct item), take, work, give, drop};

	r->source = source;
	r->sink = sink;
	if (r->opt->references && em_quant_references_read(&r->references, r->opt->references, err))
		return -1;
	r->opt->quant.reference = r->references.at;
	r->opt->quant.nreferences = r->references.count;
	if (r->opt->also) {
		r->also = em_input_open(r->opt->also, &how, err);
		if (!r->also)
			return em_error_prefix(err, "%.200s: ", r->opt->also);
	}
	return em_parallel_pipeline((int)r->cli->threads, &p, err);
}

static void release(struct run *r)
{
	em_quant_references_release(&r->references);
	em_told_release(&r->told);
	em_input_close(r->also);
	em_sample_release(&r->also_first);
}

static int run(struct em_cli *cli, struct options *opt)
{
	struct run r = {.cli = cli, .opt = opt};
	int status = em_cli_through(cli, quantify_all, &r);

	release(&r);
	return status;
}

/* ---- options ---- */

static int add_window(const char *value, void *target, bool signal, struct em_error *err)
{
	struct options *o = target;

	if (o->nwindows == WINDOWS_MOST)
		return em_error_set(err, EM_ERROR_USAGE, "more than %d windows", WINDOWS_MOST);
	o->window[o->nwindows++] = (struct window){value, signal};
	return 0;
}

static int parse_fit(const char *value, void *target, struct em_error *err)
{
	return add_window(value, target, false, err);
}

static int parse_signal(const char *value, void *target, struct em_error *err)
{
	return add_window(value, target, true, err);
}

static int parse_factor(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	if (o->nfactors == EM_EDGES_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "more than %d factors", EM_EDGES_MAX);
	o->factor[o->nfactors++] = value;
	return 0;
}

static int parse_method(const char *value, void *target, struct em_error *err)
{
	return em_background_method_parse(value, target, err) ? em_error_prefix(err, "--background: ") : 0;
}

static int parse_within(const char *value, void *target, struct em_error *err)
{
	return em_energy_parse_window(value, target, err) ? em_error_prefix(err, "--within: ") : 0;
}

/* "OFFSET,SCALE" */
static int parse_energy(const char *value, void *target, struct em_error *err)
{
	double *energy = target;
	char *end;

	energy[0] = strtod(value, &end);
	energy[1] = end != value && *end == ',' ? strtod(end + 1, &end) : NAN;
	if (*end || !(fabs(energy[0]) < 1e7) || !(energy[1] > 1e-6 && energy[1] < 1e5))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--energy %.60s: give eV of the first channel and eV a channel, as in 350,0.25",
		                    value);
	return 0;
}

/* "KV,CONVERGENCE,COLLECTION" */
static int parse_beam(const char *value, void *target, struct em_error *err)
{
	struct em_sigma_beam *b = target;
	char *end;

	b->kv = strtod(value, &end);
	b->convergence = *end == ',' ? strtod(end + 1, &end) : NAN;
	b->collection = *end == ',' ? strtod(end + 1, &end) : NAN;
	if (*end || !(b->kv > 0 && b->kv <= 3000) || !(b->convergence >= 0 && b->convergence < 1000) ||
	    !(b->collection > 0 && b->collection < 1000))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--beam %.60s: give kV and half angles in mrad, as in 200,10,25", value);
	return 0;
}

/* "svd", "nmf:3" */
static int parse_components(const char *value, void *target, struct em_error *err)
{
	struct em_quant_options *q = target;
	bool nmf = !strncmp(value, "nmf", 3), svd = !strncmp(value, "svd", 3);
	char *end = (char *)value + (nmf || svd ? 3 : 0);
	unsigned long n = 0;

	if (*end == ':' && end[1] >= '1' && end[1] <= '9')
		n = strtoul(end + 1, &end, 10);
	if (*end || !(nmf || svd) || n > EM_UNMIX_REFERENCES_MAX)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--components %.60s: svd or nmf, or with their number, at most %d, as "
		                    "in nmf:3",
		                    value, EM_UNMIX_REFERENCES_MAX);
	q->components = nmf ? EM_QUANT_NMF : EM_QUANT_SVD;
	q->rank = n;
	return 0;
}

/* EDGE=VALUE of what --fit, --signal and --factor gave. */
static int set_windows(struct options *o, struct em_error *err)
{
	const char *value;

	for (size_t i = 0; i < o->nwindows; i++) {
		const char *option = o->window[i].signal ? "--signal" : "--fit";
		struct em_edge *e = em_edges_find(o->edge, o->quant.nedges, o->window[i].text, &value, err);

		if (!e || em_energy_parse_window(value, o->window[i].signal ? &e->signal : &e->background, err))
			return em_error_prefix(err, "%s: ", option);
	}
	for (size_t i = 0; i < o->nfactors; i++) {
		struct em_edge *e = em_edges_find(o->edge, o->quant.nedges, o->factor[i], &value, err);
		char *end;
		double k = e ? strtod(value, &end) : 0;

		if (!e)
			return em_error_prefix(err, "--factor: ");
		if (end == value || *end || !(k > 0 && k < 1e30))
			return em_error_set(err, EM_ERROR_USAGE, "--factor %.60s: a number above 0", o->factor[i]);
		o->k[e - o->edge] = k;
	}
	return 0;
}

static int settle(struct options *o, struct em_error *err)
{
	struct em_quant_options *q = &o->quant;

	for (size_t i = 0; i < EM_EDGES_MAX; i++)
		o->k[i] = NAN;
	if (o->edges && em_edges_parse(o->edges, o->edge, &q->nedges, err))
		return em_error_prefix(err, "--edge: ");
	if (set_windows(o, err) ||
	    (o->standard && em_quant_parse_standard(o->standard, o->edge, q->nedges, o->atoms, err)))
		return -1;
	if (o->average > 0 && em_background_kernel_gauss(&o->kernel, o->average, err))
		return em_error_prefix(err, "--average: ");
	q->edge = o->edge;
	q->k = o->k;
	q->kernel = o->average > 0 ? &o->kernel : NULL;
	return 0;
}

static int check(struct em_cli *cli, struct options *o)
{
	struct em_error err = {0};

	if (settle(o, &err))
		return em_cli_usage(cli, "%s", err.text);
	if (!o->edges && (o->quant.composition || o->standard || o->across || o->quant.deconvolve || o->quant.fine ||
	                  o->average > 0))
		return em_cli_usage(
		    cli, "--composition, --standard, --across, --deconvolve, --fine and --average need --edge");
	if (o->quant.tails && !o->quant.deconvolve)
		return em_cli_usage(cli, "--tails needs --deconvolve: a tail has its shape without plural scattering");
	if (o->references && o->quant.components)
		return em_cli_usage(cli, "--references or --components, not both");
	if (o->quant.within.from < o->quant.within.to && !o->references && !o->quant.components)
		return em_cli_usage(cli, "--within needs --references or --components");
	if (o->breadth > 0 && !o->across)
		return em_cli_usage(cli, "--breadth needs --across");
	if (o->nfactors && !o->quant.composition)
		return em_cli_usage(cli, "--factor needs --composition");
	if (o->quant.gain < 0 || o->average < 0 || o->breadth < 0)
		return em_cli_usage(cli, "--gain, --average and --breadth are not below 0");
	o->quant.threads = (int)cli->threads;
	cli->input.whole = o->energy[1] > 0; /* the last dimension is energy, so that the others are places */
	return -1;
}

int main(int argc, char **argv)
{
	struct options opt = {.quant = {.method = EM_BACKGROUND_LINEAR}};
	struct em_quant_options *q = &opt.quant;
	struct em_cli cli;
	const struct em_option table[] = {
	    {'e', "edge", "EDGE,EDGE...", "net counts of these, as in Ti-L23,O-K", EM_OPTION_STRING, &opt.edges},
	    {0, "fit", "EDGE=FROM-TO", "its background is fitted there, eV", EM_OPTION_PARSE, &opt, .parse = parse_fit},
	    {0, "signal", "EDGE=FROM-TO", "its counts are summed there, eV", EM_OPTION_PARSE, &opt,
	     .parse = parse_signal},
	    {'b', "background", "METHOD", "two-area, log, log-unweighted or linear (default)", EM_OPTION_PARSE,
	     &q->method, .parse = parse_method},
	    {0, "average", "PX", "backgrounds averaged over neighbours, a Gaussian of this deviation", EM_OPTION_NUMBER,
	     &opt.average},
	    {0, "gain", "G", "variance of a channel over its counts; default: from the scatter", EM_OPTION_NUMBER,
	     &q->gain},
	    {0, "energy", "OFFSET,SCALE", "eV of the first channel and eV a channel; default: as the record has them",
	     EM_OPTION_PARSE, opt.energy, .parse = parse_energy},
	    {0, "also", "FILE", "the other half of dual-EELS pairs", EM_OPTION_STRING, &opt.also},
	    {0, "align", NULL, "put the zero loss at 0 eV, of the pair's core losses too", EM_OPTION_FLAG, &q->align},
	    {0, "despike", NULL, "take X-rays and cosmic rays out first", EM_OPTION_FLAG, &q->despike},
	    {0, "deconvolve", NULL, "take plural scattering out of the edges", EM_OPTION_FLAG, &q->deconvolve},
	    {0, "tails", NULL, "with it: edges stand on the tail of the edge before them", EM_OPTION_FLAG, &q->tails},
	    {'c', "composition", NULL, "atomic fractions, by hydrogenic cross sections or factors", EM_OPTION_FLAG,
	     &q->composition},
	    {0, "beam", "KV,CONV,COLL", "kV and half angles, mrad; default: as the record has them", EM_OPTION_PARSE,
	     &q->beam, .parse = parse_beam},
	    {0, "factor", "EDGE=K", "atoms are K times counts, not by a cross section", EM_OPTION_PARSE, &opt,
	     .parse = parse_factor},
	    {0, "standard", "ELEMENT=N,...", "the specimen is known: find the factors", EM_OPTION_STRING,
	     &opt.standard},
	    {'f', "fine", NULL, "fine structure: L3/L2, splitting, pre-peak, onset, shift", EM_OPTION_FLAG, &q->fine},
	    {0, "references", "FILE", "unmix: how much of each of these spectra", EM_OPTION_STRING, &opt.references},
	    {0, "components", "METHOD[:N]", "unmix without references: svd or nmf", EM_OPTION_PARSE, q,
	     .parse = parse_components},
	    {0, "within", "FROM-TO", "unmix only these energies, eV", EM_OPTION_PARSE, &q->within,
	     .parse = parse_within},
	    {0, "across", "X0,Y0,X1,Y1", "a line across an interface: profiles of the edges", EM_OPTION_STRING,
	     &opt.across},
	    {0, "breadth", "PX", "of the profile; default as broad as long", EM_OPTION_NUMBER, &opt.breadth},
	    {0}};
	const struct em_tool tool = {.name = "eelsquant",
	                             .purpose = "Quantify EELS spectra, line scans and spectrum images.",
	                             .operands = "[FILE...]",
	                             .example =
	                                 "eelsquant -e Ti-L23,O-K -c si.dm4 | emplot map -o maps.png\n"
	                                 "eelsquant --also low.dm3 --align -e O-K core.dm3 | emplot spectrum -o o.png",
	                             .options = table,
	                             .common = EM_COMMON_FILTER};
	int status = em_cli_begin(&cli, &tool, argc, argv);

	if (status >= 0)
		return status;
	status = check(&cli, &opt);
	return em_cli_end(&cli, status < 0 ? run(&cli, &opt) : status);
}
