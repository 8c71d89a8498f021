/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/series.h"
#include "eels/spikes.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NEGATIVE_SHARE 0.01
#define ABSENT_MOST 1000
/* Standard deviations: less adds little to a spectrum's noise, and a good channel may look like it. */
#define SPIKE 15
#define MOST_BYTES ((size_t)16 << 30) /* of one series */

void em_series_release(struct em_series *s)
{
	free(s->name);
	free(s->frame);
	free(s->truth);
	*s = (struct em_series){0};
}

void em_series_set_release(struct em_series_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		em_series_release(&set->series[i]);
	free(set->series);
	*set = (struct em_series_set){0};
}

/* ---- one spectrum ---- */

static void blind(float *frame, size_t channels)
{
	for (size_t i = 0; i < channels; i++)
		frame[i] = NAN;
}

/* A detector's last value, three times in a row and whole: counts do not agree so by chance. */
static void drop_saturated(float *frame, size_t channels, float most)
{
	size_t run = 0;

	if (most < 255 || most != floorf(most))
		return;
	for (size_t i = 0; i <= channels; i++) {
		if (i < channels && frame[i] == most) {
			run++;
			continue;
		}
		for (size_t k = 1; run >= 3 && k <= run; k++)
			frame[i - k] = NAN;
		run = 0;
	}
}

int em_series_clean(float *frame, size_t channels, struct em_error *err)
{
	double positive = 0, negative = 0;
	float least = INFINITY, most = -INFINITY;

	for (size_t i = 0; i < channels; i++)
		if (isfinite(frame[i])) {
			least = fminf(least, frame[i]);
			most = fmaxf(most, frame[i]);
			positive += frame[i] > 0 ? (double)frame[i] : 0;
			negative -= frame[i] < 0 ? (double)frame[i] : 0;
		} else
			frame[i] = NAN;
	if (least > most || (least == 0 && most == 0)) {
		blind(frame, channels);
		return 0;
	}
	if (least == most)
		return em_error_set(err, EM_ERROR_DATA, "a constant spectrum (%.9g in all channels): no measurement",
		                    (double)least);
	if (negative > NEGATIVE_SHARE * positive)
		return em_error_set(err, EM_ERROR_DATA,
		                    "negative counts (-%.9g beside %.9g in all): give spectra as measured, without "
		                    "their background taken off",
		                    negative, positive);
	drop_saturated(frame, channels, most);
	return 0;
}

int em_series_same_axis(const struct em_energy *ours, const struct em_energy *theirs, struct em_error *err)
{
	double last = (double)(ours->channels ? ours->channels - 1 : 0);

	if (ours->channels == theirs->channels && fabs(em_energy_channel(ours, theirs->offset)) < 0.1 &&
	    fabs(em_energy_channel(ours, em_energy_at(theirs, last)) - last) < 0.1)
		return 0;
	return em_error_set(
	    err, EM_ERROR_DATA,
	    "another energy axis: %zu channels of %.9g eV from %.9g eV, not %zu of %.9g eV from %.9g eV",
	    theirs->channels, theirs->scale, theirs->offset, ours->channels, ours->scale, ours->offset);
}

double em_series_mark(const struct em_series *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->count * s->energy.channels; i++)
		sum += isfinite(s->frame[i]) ? (double)s->frame[i] * (1 + (double)(i % 9973) / 9973) : 0;
	return sum;
}

/* ---- samples ---- */

static int check_rows(const struct em_array *a, size_t *rows, struct em_error *err)
{
	if (a->ndim < 1 || a->ndim > 2)
		return em_error_set(err, EM_ERROR_DATA,
		                    "%d dimensions: a series is of spectra, or an array time x energy", a->ndim);
	*rows = a->ndim == 2 ? a->shape[0] : 1;
	return *rows ? 0 : em_error_set(err, EM_ERROR_DATA, "a series without spectra");
}

/* What an X-ray left in a channel or two is no signal. */
static int blind_spikes(float *frame, const struct em_energy *e, struct em_error *err)
{
	struct em_spikes found = {0};

	if (em_spikes_remove(frame, 1, 1, e, &(struct em_spikes_options){.threshold = SPIKE}, &found, err))
		return -1;
	for (size_t i = 0; i < found.count; i++)
		for (size_t k = 0; k < found.at[i].count; k++)
			frame[found.at[i].first + k] = NAN;
	em_spikes_release(&found);
	return 0;
}

int em_series_read(const struct em_sample *s, struct em_energy *energy, float **frames, size_t *rows,
                   struct em_error *err)
{
	struct em_array view, owned = {0}, real = {0};
	struct em_energy e;
	size_t n = 0;
	int status = em_sample_data(s, &view, &owned, err);

	if (!status)
		status = check_rows(&view, &n, err) || em_energy_of_array(&e, &view, err) ||
		         em_array_to_f32(&real, &view, err);
	for (size_t i = 0; !status && i < n; i++)
		if (em_series_clean((float *)real.data + i * e.channels, e.channels, err) ||
		    blind_spikes((float *)real.data + i * e.channels, &e, err))
			status = n > 1 ? em_error_prefix(err, "spectrum %zu: ", i) : -1;
	em_array_release(&owned);
	if (!status && !(*frames = malloc(n * e.channels * sizeof(float))))
		status = em_error_memory(err, n * e.channels * sizeof(float));
	if (!status) {
		memcpy(*frames, real.data, n * e.channels * sizeof(float));
		*rows = n;
		*energy = e;
	}
	em_array_release(&real);
	return status ? -1 : 0;
}

/* NULL in *truth where there is none. */
static int read_truth(const struct em_sample *s, size_t count, struct em_array *truth, struct em_error *err)
{
	struct em_array a = {0};
	int status;

	if (!em_sample_member(s, "truth.npy"))
		return 0;
	if (em_sample_array(s, "truth", &a, err))
		return -1;
	status = em_array_count(&a) == count
	             ? em_array_to_f32(truth, &a, err)
	             : em_error_set(err, EM_ERROR_DATA, "the member \"truth\" is of another shape than the spectra");
	em_array_release(&a);
	return status;
}

void em_series_name(const struct em_sample *s, size_t rows, char *name, size_t n)
{
	if (rows > 1) {
		size_t len = strlen(s->key) < n - 1 ? strlen(s->key) : n - 1;

		memcpy(name, s->key, len);
		name[len] = '\0';
	} else
		em_sample_picture(s, name, n);
}

int em_series_absent(struct em_series_clock *clock, const struct em_sample *s, size_t *absent, struct em_error *err)
{
	struct em_json *stack = em_record_tree(&s->record, "stack");
	struct em_series_clock before = *clock;
	double place, ahead;
	bool known = em_json_size(stack) == 1 && em_json_number(em_json_get(em_json_first(stack), "index"), &place);

	em_json_free(stack);
	*absent = 0;
	*clock = (struct em_series_clock){known ? place : 0, 0, known};
	if (!known || !before.known || place <= before.last)
		return 0;
	ahead = place - before.last;
	clock->step = before.step > 0 && fmod(ahead, before.step) == 0 ? before.step : ahead;
	if (ahead / clock->step > ABSENT_MOST + 1)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "%.9g spectra are absent before it: if another series begins, give it another folder",
		    ahead / clock->step - 1);
	*absent = (size_t)(ahead / clock->step) - 1;
	return 0;
}

/* ---- sets ---- */

static struct em_series *find(struct em_series_set *set, const char *name, const struct em_energy *e,
                              struct em_error *err)
{
	for (size_t i = set->count; i-- > 0;)
		if (!strcmp(set->series[i].name, name))
			return &set->series[i];
	if (set->count == set->capacity) {
		size_t capacity = set->capacity ? 2 * set->capacity : 16;
		struct em_series *grown = realloc(set->series, capacity * sizeof(*grown));

		if (!grown) {
			em_error_memory(err, capacity * sizeof(*grown));
			return NULL;
		}
		set->series = grown;
		set->capacity = capacity;
	}
	struct em_series *s = &set->series[set->count];
	*s = (struct em_series){.name = strdup(name), .energy = *e};
	if (!s->name) {
		em_error_memory(err, strlen(name));
		return NULL;
	}
	set->count++;
	return s;
}

static int grow(float **rows, size_t count, size_t channels, struct em_error *err)
{
	float *grown =
	    count <= MOST_BYTES / sizeof(float) / channels ? realloc(*rows, count * channels * sizeof(float)) : NULL;

	if (!grown)
		return em_error_memory(err, count * channels * sizeof(float));
	*rows = grown;
	return 0;
}

/* from NULL: not known */
static void put_rows(float *to, const float *from, size_t count)
{
	if (from)
		memcpy(to, from, count * sizeof(*to));
	else
		for (size_t i = 0; i < count; i++)
			to[i] = NAN;
}

/* After so many that are absent. */
static int append(struct em_series *s, size_t absent, const float *frames, const float *truth, size_t rows,
                  struct em_error *err)
{
	size_t channels = s->energy.channels, place = s->count * channels;

	if (s->count && !truth != !s->truth)
		return em_error_set(err, EM_ERROR_DATA, "only some of the series' spectra have a truth");
	if (s->count + absent + rows > s->capacity) {
		size_t need = s->count + absent + rows, capacity = need > 2 * s->capacity ? need : 2 * s->capacity;

		if (grow(&s->frame, capacity, channels, err) || (truth && grow(&s->truth, capacity, channels, err)))
			return -1;
		s->capacity = capacity;
	}
	put_rows(s->frame + place, NULL, absent * channels);
	put_rows(s->frame + place + absent * channels, frames, rows * channels);
	if (truth) {
		put_rows(s->truth + place, NULL, absent * channels);
		put_rows(s->truth + place + absent * channels, truth, rows * channels);
	}
	s->count += absent + rows;
	return 0;
}

int em_series_set_add(struct em_series_set *set, const struct em_sample *sample, struct em_error *err)
{
	struct em_array truth = {0};
	struct em_energy e;
	struct em_series *s;
	float *frames;
	char name[EM_KEY_MAX];
	size_t rows, absent = 0;
	int status;

	if (em_series_read(sample, &e, &frames, &rows, err))
		return -1;
	em_series_name(sample, rows, name, sizeof(name));
	status = set->count ? em_series_same_axis(&set->series[0].energy, &e, err) : 0;
	if (!status)
		status = read_truth(sample, rows * e.channels, &truth, err);
	s = status ? NULL : find(set, name, &e, err);
	status = s && (rows > 1 || !em_series_absent(&s->clock, sample, &absent, err))
	             ? append(s, absent, frames, truth.data, rows, err)
	             : -1;
	em_array_release(&truth);
	free(frames);
	return status;
}

/* ---- noise ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Mean square of (a - 2 b + c) / sqrt(6 b). */
static double triple(const float *a, const float *b, const float *c, size_t channels)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < channels; i++) {
		double d = (double)a[i] - 2 * (double)b[i] + (double)c[i],
		       level = ((double)a[i] + (double)b[i] + (double)c[i]) / 3;

		if (isfinite(d) && level > 0) {
			sum += d * d / (6 * level);
			n++;
		}
	}
	return n > channels / 2 ? sum / (double)n : NAN;
}

double em_series_noise(const struct em_series *s)
{
	size_t channels = s->energy.channels, n = 0;
	double *square = s->count >= 3 ? malloc(s->count * sizeof(*square)) : NULL, noise = NAN;

	for (size_t t = 1; square && t + 1 < s->count; t++) {
		const float *f = s->frame + t * channels;
		double v = triple(f - channels, f, f + channels, channels);

		if (isfinite(v))
			square[n++] = v;
	}
	if (n) {
		qsort(square, n, sizeof(*square), by_value);
		noise = sqrt(n % 2 ? square[n / 2] : (square[n / 2 - 1] + square[n / 2]) / 2);
	}
	free(square);
	return noise;
}
