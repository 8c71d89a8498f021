/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backgrounds and net counts of a file's spectra:
 *
 *     eels_background [-m] [-i] METHOD FILE DATASET BACKGROUND SIGNAL [BACKGROUND SIGNAL]...
 *     eels_background [-m] -e METHOD FILE DATASET EDGES
 *
 * prints "OFFSET SCALE CHANNELS" (eV), then for each pair of windows, or those of each edge by default, and each
 * spectrum "A R NET FLAGS ERROR", NET being what the signal's window holds above the background also where the flags
 * say that it means nothing.  DATASET "-" is the file's only one.  -m: of the mean of all spectra; -i: windows hold
 * each channel from their begin to their end, both included, not those nearest to it.  The gain is taken from the
 * residual.
 *
 *     eels_background -t REPEATS THREADS METHOD FILE OFFSET SCALE BACKGROUND SIGNAL
 *
 * prints the milliseconds that each of so many measurements of all spectra took, and then the sum of their net counts;
 * the file needs no energy axis.
 */
#include "base/parallel.h"
#include "eels/integrate.h"
#include "io/input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fail(const struct em_error *err)
{
	fprintf(stderr, "eels_background: %s\n", err->text);
	exit(1);
}

static void read_array(const char *path, const char *dataset, struct em_array *a)
{
	const struct em_input_options o = {.signal = strcmp(dataset, "-") ? dataset : NULL};
	struct em_array view = {0}, owned = {0};
	struct em_error err = {0};
	struct em_sample s = {0};
	struct em_input *in = em_input_open(path, &o, &err);

	if (!in || em_input_next(in, &s, &err) <= 0 || em_sample_data(&s, &view, &owned, &err) ||
	    em_array_to_f32(a, &view, &err))
		fail(&err);
	em_array_release(&owned);
	em_sample_release(&s);
	em_input_close(in);
}

static void find_energies(const struct em_array *a, struct em_energy *e)
{
	struct em_error err = {0};

	if (em_energy_of_array(e, a, &err))
		fail(&err);
}

static void average(struct em_array *a, size_t channels)
{
	size_t n = em_array_count(a) / channels;
	float *y = a->data;

	for (size_t c = 0; c < channels; c++) {
		double sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += (double)y[i * channels + c];
		y[c] = (float)(sum / (double)n);
	}
	a->ndim = 1;
	a->shape[0] = channels;
}

static struct em_energy_window window_of(const char *text, const struct em_energy *e, int inclusive)
{
	struct em_energy_window w;
	struct em_error err = {0};

	if (em_energy_parse_window(text, &w, &err))
		fail(&err);
	if (inclusive) {
		w.from = em_energy_at(e, ceil(em_energy_channel(e, w.from) - 1e-9));
		w.to = em_energy_at(e, floor(em_energy_channel(e, w.to) + 1e-9) + 1);
	}
	return w;
}

static struct em_net_plan *plan_of(const char *method, const struct em_energy_window *b,
                                   const struct em_energy_window *s, const struct em_energy *e)
{
	struct em_net_options o = {0};
	struct em_error err = {0};
	struct em_net_plan *p;

	if (em_background_method_parse(method, &o.background.method, &err))
		fail(&err);
	p = em_net_plan_new(e, b, s, &o, &err);
	if (!p)
		fail(&err);
	return p;
}

static void print_all(const struct em_net_plan *p, const struct em_array *a, size_t channels)
{
	const float *y = a->data;

	for (size_t i = 0; i < em_array_count(a) / channels; i++) {
		struct em_net net;
		em_net_measure(p, y + i * channels, &net);
		printf("%.17g %.17g %.17g %u %.17g\n",
		       em_background_amplitude(em_net_plan_background(p), &net.background), net.background.r,
		       net.total - net.below, net.flags, net.error);
	}
}

/* ---- time ---- */

#define AT_A_TIME 64 /* spectra */

struct work {
	const struct em_net_plan *p;
	const float *y;
	size_t channels, count;
	struct em_net *net;
};

static void work(void *ctx, size_t part)
{
	const struct work *w = ctx;

	for (size_t i = part * AT_A_TIME; i < (part + 1) * AT_A_TIME && i < w->count; i++)
		em_net_measure(w->p, w->y + i * w->channels, &w->net[i]);
}

static int take_times(char **argv)
{
	struct em_array a;
	struct em_energy e;
	struct em_energy_window background, signal;
	struct work w;
	double sum = 0;

	read_array(argv[3], "-", &a);
	em_axis_set(&a.axis[a.ndim - 1], "energy", atof(argv[5]), atof(argv[4]), "eV");
	find_energies(&a, &e);
	background = window_of(argv[6], &e, 0);
	signal = window_of(argv[7], &e, 0);
	w = (struct work){.p = plan_of(argv[2], &background, &signal, &e), .y = a.data, .channels = e.channels};
	w.count = em_array_count(&a) / e.channels;
	w.net = calloc(w.count, sizeof(*w.net));
	if (!w.net)
		return 1;
	for (int k = atoi(argv[0]); k > 0; k--) {
		struct timespec begin, end;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		em_parallel_for(atoi(argv[1]), (w.count + AT_A_TIME - 1) / AT_A_TIME, work, &w);
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("%.4f\n",
		       1e3 * (double)(end.tv_sec - begin.tv_sec) + 1e-6 * (double)(end.tv_nsec - begin.tv_nsec));
	}
	for (size_t i = 0; i < w.count; i++)
		sum += w.net[i].total - w.net[i].below;
	printf("%.9g\n", sum);
	return 0;
}

static void measure_all(const char *method, const struct em_energy_window *background,
                        const struct em_energy_window *signal, const struct em_array *a, const struct em_energy *e)
{
	struct em_net_plan *p = plan_of(method, background, signal, e);

	print_all(p, a, e->channels);
	em_net_plan_free(p);
}

static void measure_edges(const char *method, const char *edges, const struct em_array *a, const struct em_energy *e)
{
	struct em_edge edge[EM_EDGES_MAX];
	struct em_error err = {0};
	size_t count;

	if (em_edges_parse(edges, edge, &count, &err) || em_edges_place(edge, count, e, &err))
		fail(&err);
	for (size_t i = 0; i < count; i++)
		measure_all(method, &edge[i].background, &edge[i].signal, a, e);
}

int main(int argc, char **argv)
{
	int mean = 0, inclusive = 0, edges = 0, at = 1;
	struct em_array a;
	struct em_energy e;

	if (argc == 10 && !strcmp(argv[1], "-t"))
		return take_times(argv + 2);
	for (; at < argc && argv[at][0] == '-'; at++) {
		mean |= !strcmp(argv[at], "-m");
		inclusive |= !strcmp(argv[at], "-i");
		edges |= !strcmp(argv[at], "-e");
	}
	if (argc - at < 4 + !edges)
		return 2;
	read_array(argv[at + 1], argv[at + 2], &a);
	find_energies(&a, &e);
	if (mean)
		average(&a, e.channels);
	printf("%.17g %.17g %zu\n", e.offset, e.scale, e.channels);
	if (edges)
		measure_edges(argv[at], argv[at + 3], &a, &e);
	else
		for (int k = at + 3; k + 1 < argc; k += 2) {
			struct em_energy_window b = window_of(argv[k], &e, inclusive);
			struct em_energy_window s = window_of(argv[k + 1], &e, inclusive);
			measure_all(argv[at], &b, &s, &a, &e);
		}
	em_array_release(&a);
	return 0;
}
