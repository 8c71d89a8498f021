/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what came to spectra that can be quantified: spikes, alignment, t/lambda. */
#include "eels/quant.h"

#include "base/parallel.h"
#include "eels/quant_parts.h"
#include "eels/spikes.h"
#include "eels/zeroloss.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* eV */
#define XRAY_BEGIN 300
#define XRAY_END 8000
#define XRAY_STEP 4.5

size_t em_quant_count(const struct em_quant *q)
{
	return q->rows * q->cols;
}

static void spectra_release(struct em_quant_spectra *s)
{
	free(s->own);
	free(s->sum);
	*s = (struct em_quant_spectra){0};
}

void em_quant_release(struct em_quant *q)
{
	spectra_release(&q->core);
	spectra_release(&q->low);
	free(q->thickness_map);
	free(q->component);
	for (size_t i = 0; i < EM_UNMIX_REFERENCES_MAX; i++)
		free(q->amount[i]);
	for (size_t i = 0; i < EM_EDGES_MAX; i++) {
		for (size_t k = 0; k < EM_QUANT_FINE_MAX; k++)
			free(q->fine[i][k]);
		free(q->edge[i].counts);
		free(q->edge[i].error);
		free(q->edge[i].single_map);
		free(q->edge[i].single_map_error);
		em_text_release(&q->edge[i].profile);
		free(q->element[i].map);
	}
	em_text_release(&q->more);
	em_text_release(&q->warnings);
	memset(q, 0, sizeof(*q));
}

/* ---- what came ---- */

/* From about 0 to 10 keV or more in steps of 5 to 20 eV: every detector of X-rays has that, no energy-loss
 * spectrometer. */
static int check_losses(const struct em_energy *e, struct em_error *err)
{
	double end = em_energy_at(e, (double)e->channels);

	if (e->offset > XRAY_BEGIN || end < XRAY_END || e->scale < XRAY_STEP)
		return 0;
	return em_error_set(
	    err, EM_ERROR_DATA,
	    "an axis from %.3g to %.3g keV in steps of %.3g eV is that of X-rays, not of energy losses; "
	    "of a file that holds both, emcat --signal chooses",
	    e->offset / 1e3, end / 1e3, e->scale);
}

/* change: they will be. */
static int load(struct em_quant_spectra *s, const struct em_array *a, bool change, struct em_error *err)
{
	size_t bytes;

	if (a->ndim > 3)
		return em_error_set(err, EM_ERROR_DATA, "spectra over %d dimensions: two at most can be taken",
		                    a->ndim - 1);
	if (a->dtype == EM_C64 || a->dtype == EM_C128)
		return em_error_set(err, EM_ERROR_DATA, "complex numbers are no counts");
	if (em_energy_of_array(&s->energy, a, err) || check_losses(&s->energy, err))
		return -1;
	s->counts = a->data;
	if (a->dtype == EM_F32 && !change)
		return 0;
	s->own = em_array_measure(EM_F32, a->ndim, a->shape, &bytes) ? NULL : malloc(bytes);
	if (!s->own)
		return em_error_memory(err, 4ULL * em_array_count(a));
	em_array_read_f32(a, 0, em_array_count(a), s->own);
	s->counts = s->own;
	return 0;
}

static int check_finite(const struct em_quant *q, struct em_error *err)
{
	size_t n = em_quant_count(q) * q->core.energy.channels, finite = 0;

	for (size_t i = 0; i < n; i++)
		finite += isfinite(q->core.counts[i]) ? 1 : 0;
	if (!finite)
		return em_error_set(err, EM_ERROR_DATA, "no channel is a number");
	if (finite < n)
		em_quant_warn(q, "%zu of %zu channels are not finite: windows with one of them give no number",
		              n - finite, n);
	return 0;
}

/* Spectra a row and rows of them; a line is one row. */
static void places_of(const struct em_array *a, size_t *rows, size_t *cols)
{
	*rows = a->ndim > 2 ? a->shape[0] : 1;
	*cols = a->ndim > 1 ? a->shape[a->ndim - 2] : 1;
}

/* A line may be a column here and a row there. */
static int check_pair(const struct em_quant *q, const struct em_array *low, struct em_error *err)
{
	size_t rows, cols;

	places_of(low, &rows, &cols);
	if ((rows == q->rows && cols == q->cols) ||
	    (rows * cols == em_quant_count(q) && (rows == 1 || cols == 1) && (q->rows == 1 || q->cols == 1)))
		return 0;
	return em_error_set(err, EM_ERROR_DATA, "the pair are %zu x %zu low losses and %zu x %zu core losses", rows,
	                    cols, q->rows, q->cols);
}

static int load_all(struct em_quant *q, const struct em_array *core, const struct em_array *low, struct em_error *err)
{
	q->ndim = core->ndim;
	places_of(core, &q->rows, &q->cols);
	if (em_quant_count(q) == 0)
		return em_error_set(err, EM_ERROR_DATA, "no spectra: a dimension is empty");
	if (load(&q->core, core, q->opt->despike, err) || check_finite(q, err))
		return -1;
	if (!low)
		return 0;
	if (load(&q->low, low, q->opt->despike, err))
		return em_error_prefix(err, "low loss: ");
	return check_pair(q, low, err);
}

void em_quant_warn(const struct em_quant *q, const char *fmt, ...)
{
	va_list ap;
	char line[400];

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	em_text_printf((struct em_text *)&q->warnings, "%s\n", line);
}

/* ---- spikes ---- */

static int remove_spikes(struct em_quant *q, struct em_quant_spectra *s, struct em_error *err)
{
	const struct em_spikes_options options = {.threads = q->opt->threads};
	struct em_spikes found;

	if (!s->counts)
		return 0;
	/* a line is a series: its neighbours lie along the rows */
	if (em_spikes_remove(s->own, q->rows > 1 ? q->rows : q->cols, q->rows > 1 ? q->cols : 1, &s->energy, &options,
	                     &found, err))
		return -1;
	q->spikes += found.count;
	q->changed = q->changed || (found.count && s == &q->core);
	em_spikes_release(&found);
	return 0;
}

/* ---- alignment ---- */

struct shifting {
	const float *in;
	float *out;
	const double *by; /* channels, one a spectrum */
	size_t channels;
	struct em_energy_span keep;
};

static void shift_one(void *ctx, size_t i)
{
	const struct shifting *s = ctx;
	float *row = malloc(s->channels * sizeof(float));

	for (size_t k = 0; !row && k < s->keep.count; k++)
		s->out[i * s->keep.count + k] = NAN;
	if (!row)
		return;
	em_shift_spectrum(s->in + i * s->channels, s->channels, s->by[i], NAN, row);
	memcpy(s->out + i * s->keep.count, row + s->keep.first, s->keep.count * sizeof(float));
	free(row);
}

/* All spectra by their shifts (eV), on the channels that all of them have then. */
static int shift_spectra(const struct em_quant *q, struct em_quant_spectra *s, const double *ev, struct em_error *err)
{
	size_t n = em_quant_count(q);
	struct shifting work = {.in = s->counts, .channels = s->energy.channels};
	double *by = malloc(n * sizeof(double));

	if (!by)
		return em_error_memory(err, n * sizeof(double));
	for (size_t i = 0; i < n; i++)
		by[i] = -ev[i] / s->energy.scale;
	work.keep = em_shift_common(by, n, work.channels);
	work.by = by;
	if (work.keep.count < 2) {
		free(by);
		return em_error_set(err, EM_ERROR_DATA,
		                    "the zero losses lie so far apart that the spectra share no channels");
	}
	work.out = malloc(n * work.keep.count * sizeof(float));
	if (work.out)
		em_parallel_for(q->opt->threads, n, shift_one, &work);
	free(by);
	if (!work.out)
		return em_error_memory(err, n * work.keep.count * sizeof(float));
	free(s->own);
	s->counts = s->own = work.out;
	s->energy.offset += s->energy.scale * (double)work.keep.first;
	s->energy.channels = work.keep.count;
	return 0;
}

/* The zero loss of each low loss, eV on the axis as it is; NAN where there is none.  Their mean, or NAN. */
static double find_zeros(struct em_quant *q, const struct em_quant_spectra *low, double *ev, struct em_shift *shift)
{
	size_t n = em_quant_count(q), placed = 0;
	double sum = 0;
	double zero = em_align_zero_channel(&low->energy);

	q->unplaced = em_align_zeroloss(low->counts, n, &low->energy, q->opt->threads, shift);
	for (size_t i = 0; i < n; i++) {
		ev[i] = em_energy_at(&low->energy, zero + shift[i].channels);
		sum += isnan(ev[i]) ? 0 : ev[i];
		placed += isnan(ev[i]) ? 0 : 1;
	}
	return placed ? sum / (double)placed : NAN;
}

static int apply_zeros(struct em_quant *q, double *ev, struct em_error *err)
{
	size_t n = em_quant_count(q);

	/* what all have in common is the axis's; only the rest needs other channels */
	for (size_t i = 0; i < n; i++)
		ev[i] = isnan(ev[i]) ? 0 : ev[i] - q->zero_loss;
	q->changed = true;
	q->core.energy.offset -= q->zero_loss;
	q->low.energy.offset -= q->zero_loss;
	if (n == 1)
		return 0;
	if (q->low.counts && shift_spectra(q, &q->low, ev, err))
		return -1;
	return shift_spectra(q, &q->core, ev, err);
}

static int align(struct em_quant *q, const struct em_quant_spectra *low, struct em_error *err)
{
	size_t n = em_quant_count(q);
	double *ev = malloc(n * sizeof(double));
	struct em_shift *shift = malloc(n * sizeof(*shift));
	int status = ev && shift ? 0 : em_error_memory(err, n * sizeof(*shift));

	if (!status)
		q->zero_loss = find_zeros(q, low, ev, shift);
	if (!status && isnan(q->zero_loss))
		status = em_error_set(err, EM_ERROR_DATA, "no zero-loss peak in the low loss: nothing to align by");
	if (!status && q->unplaced)
		em_quant_warn(q, "%zu of %zu low losses have no zero-loss peak: they stay where the mean is",
		              q->unplaced, n);
	if (!status)
		status = apply_zeros(q, ev, err);
	free(ev);
	free(shift);
	return status;
}

/* ---- sums ---- */

static bool is_whole(const float *y, size_t n)
{
	size_t i = 0;

	while (i < n && isfinite(y[i]))
		i++;
	return i == n;
}

static int add_up(const struct em_quant *q, struct em_quant_spectra *s, struct em_error *err)
{
	size_t n = em_quant_count(q), m = s->energy.channels;
	double *sum = calloc(m, sizeof(double));

	s->sum = malloc(m * sizeof(float));
	if (!sum || !s->sum) {
		free(sum);
		return em_error_memory(err, m * sizeof(double));
	}
	for (size_t i = 0; i < n; i++)
		s->left_out += is_whole(s->counts + i * m, m) ? 0 : 1;
	if (s->left_out == n)
		s->left_out = 0;
	for (size_t i = 0; i < n; i++)
		if (!s->left_out || is_whole(s->counts + i * m, m))
			for (size_t k = 0; k < m; k++)
				sum[k] += (double)s->counts[i * m + k];
	for (size_t k = 0; k < m; k++)
		s->sum[k] = (float)sum[k];
	free(sum);
	if (s->left_out)
		em_quant_warn(q, "%zu of %zu spectra have channels that are no numbers: they are not in the sum",
		              s->left_out, n);
	return 0;
}

/* ---- t/lambda ---- */

static int thickness_of(const float *spectrum, const struct em_energy *e, struct em_thickness *t, double *ev,
                        struct em_error *err)
{
	struct em_zeroloss z;
	struct em_thickness_options o = {0};

	if (em_zeroloss_find(spectrum, e, &z, err))
		return -1;
	if (ev)
		*ev = z.ev;
	return em_thickness_measure(spectrum, e, &z, &o, t, err);
}

struct thick {
	const struct em_quant *q;
	const struct em_quant_spectra *low;
};

static void thickness_at(void *ctx, size_t i)
{
	const struct thick *w = ctx;
	struct em_thickness t;

	w->q->thickness_map[i] =
	    thickness_of(w->low->counts + i * w->low->energy.channels, &w->low->energy, &t, NULL, NULL)
	        ? NAN
	        : (float)t.ratio;
}

static int measure_thickness(struct em_quant *q, const struct em_quant_spectra *low, struct em_error *err)
{
	struct thick w = {q, low};
	struct em_error why = {0};
	double ev;

	if (thickness_of(low->sum, &low->energy, &q->thickness, &ev, &why)) {
		q->thickness.ratio = NAN;
		em_quant_warn(q, "no t/lambda: %s", why.text);
	} else if (isnan(q->zero_loss)) {
		q->zero_loss = ev;
	}
	if (em_quant_count(q) == 1)
		return 0;
	q->thickness_map = malloc(em_quant_count(q) * sizeof(float));
	if (!q->thickness_map)
		return em_error_memory(err, em_quant_count(q) * sizeof(float));
	em_parallel_for(q->opt->threads, em_quant_count(q), thickness_at, &w);
	return 0;
}

/* ---- all of it ---- */

static int prepare(struct em_quant *q, struct em_error *err)
{
	const struct em_quant_options *o = q->opt;
	const struct em_quant_spectra *low = q->low.counts                         ? &q->low
	                                     : em_energy_holds(&q->core.energy, 0) ? &q->core
	                                                                           : NULL;

	if (o->despike && (remove_spikes(q, &q->core, err) || remove_spikes(q, &q->low, err)))
		return -1;
	if (!low && (o->align || o->deconvolve))
		return em_error_set(err, EM_ERROR_DATA,
		                    "its axis (from %.6g eV) has no zero loss: give the low loss of the "
		                    "same places with --also",
		                    q->core.energy.offset);
	if (o->align && align(q, low, err))
		return -1;
	if (add_up(q, &q->core, err) || (q->low.counts && add_up(q, &q->low, err)))
		return -1;
	return low ? measure_thickness(q, low, err) : 0;
}

int em_quant_run(struct em_quant *q, const struct em_quant_options *opt, const struct em_array *core,
                 const struct em_array *low, const struct em_record *record, struct em_error *err)
{
	memset(q, 0, sizeof(*q));
	q->opt = opt;
	q->zero_loss = NAN;
	q->thickness.ratio = NAN;
	if (load_all(q, core, low, err) || prepare(q, err) || em_quant_measure_edges(q, err) ||
	    (opt->deconvolve && em_quant_measure_single(q, record, err)) ||
	    (opt->composition && em_quant_compose(q, record, err)) || (opt->fine && em_quant_measure_fine(q, err)) ||
	    em_quant_unmix(q, err)) {
		em_quant_release(q);
		return -1;
	}
	return 0;
}
