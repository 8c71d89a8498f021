/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/alert.h"

#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHANGE "change"

static int refuse(const char *text, const struct em_descriptors *d, struct em_error *err)
{
	struct em_text names = {0};

	for (size_t i = 0; i < em_descriptors_count(d); i++)
		em_text_printf(&names, "%s, ", em_descriptors_name(d, i));
	em_error_set(err, EM_ERROR_USAGE,
	             "'%.80s' is no condition: write NAME < NUMBER [within STEPS], NAME being one of %s" CHANGE, text,
	             em_text_get(&names));
	em_text_release(&names);
	return -1;
}

static const char *skip(const char *s)
{
	return s + strspn(s, " \t");
}

/* "within N", or nothing. */
static bool read_within(const char *s, size_t *within)
{
	char *end;
	double v;

	s = skip(s);
	*within = 0;
	if (!*s)
		return true;
	if (strncmp(s, "within", 6) != 0)
		return false;
	v = strtod(s + 6, &end);
	if (end == s + 6 || !(v >= 1 && v <= 1e5) || v != floor(v))
		return false;
	*within = (size_t)v;
	return *skip(end) == '\0' || strcmp(skip(end), "steps") == 0;
}

int em_condition_parse(struct em_condition *c, const char *text, const struct em_descriptors *d, struct em_error *err)
{
	struct em_condition made = {.text = text};
	const char *s = skip(text);
	size_t n = strcspn(s, "<>= \t");
	char name[32], *end;

	if (n == 0 || n >= sizeof(name))
		return refuse(text, d, err);
	memcpy(name, s, n);
	name[n] = '\0';
	s = skip(s + n);
	if (*s != '<' && *s != '>')
		return refuse(text, d, err);
	made.above = *s++ == '>';
	made.equal = *s == '=';
	s += made.equal;
	made.limit = strtod(s, &end);
	made.descriptor = em_descriptors_find(d, name);
	if (end == s || !isfinite(made.limit) || !read_within(end, &made.within) ||
	    (made.descriptor < 0 && strcmp(name, CHANGE) != 0))
		return refuse(text, d, err);
	*c = made;
	return 0;
}

bool em_condition_holds(const struct em_condition *c, double value)
{
	if (c->equal && value == c->limit)
		return true;
	return c->above ? value > c->limit : value < c->limit;
}

/* Sum of squares of what a descriptor, by its slope, changes with each of `count` rows. */
static double squares(const double *slope, const double *rows, size_t count, size_t n)
{
	double all = 0;

	for (size_t k = 0; k < count; k++) {
		const double *row = rows + k * n;
		double sum[4] = {0};
		size_t i = 0;

		for (; i + 4 <= n; i += 4)
			for (size_t j = 0; j < 4; j++)
				sum[j] += slope[i + j] * row[i + j];
		for (; i < n; i++)
			sum[0] += slope[i] * row[i];
		all += pow(sum[0] + sum[1] + sum[2] + sum[3], 2);
	}
	return all;
}

void em_prediction_describe(const struct em_prediction *p, const struct em_descriptors *d, size_t first, size_t count,
                            struct em_description *out, double *work)
{
	const struct em_pattern_doubt *doubt = &p->f->lowrank.doubt;
	double value[EM_DESCRIPTORS];
	size_t n = p->channels;

	if (!count)
		return;
	em_descriptors_measure(d, first, count, p->spectrum, value, work);
	for (size_t k = 0; k < count; k++) {
		double *slope = work + k * n, noise = 0, variance;

		out[k] = (struct em_description){value[k], NAN, NAN};
		if (!isfinite(value[k]))
			continue;
		for (size_t i = 0; i < n; i++)
			noise += slope[i] * slope[i] * p->noise[i];
		out[k].noise = sqrt(noise);
		if (!p->spreads)
			continue;
		variance = squares(slope, p->spread, p->spreads, n);
		for (size_t i = 0; i < n && doubt->veil; i++) {
			slope[i] *= p->spectrum[i];
			variance += doubt->rest[i] * slope[i] * slope[i];
		}
		variance += doubt->veil ? squares(slope, doubt->veil, EM_PATTERN_VEILS, n) : 0;
		out[k].deviation = sqrt(variance);
	}
}

static double change_of(const double *before, const double *now, size_t n)
{
	double moved = 0, size = 0;

	for (size_t i = 0; i < n; i++) {
		moved += (now[i] - before[i]) * (now[i] - before[i]);
		size += now[i] * now[i];
	}
	return size > 0 ? sqrt(moved / size) : NAN;
}

int em_condition_search(const struct em_condition *c, const struct em_descriptors *d, struct em_forecast_run *run,
                        size_t most, struct em_prediction *p, struct em_condition_met *met, struct em_error *err)
{
	size_t n = p->channels;
	double *last = malloc(n * sizeof(*last)), shift = run->seen.shift;
	struct em_description found = {.deviation = NAN};
	int status = last ? em_forecast_predict_at(run, 0, shift, p, err) : em_error_memory(err, n * sizeof(*last));

	*met = (struct em_condition_met){.value = NAN, .deviation = NAN};
	for (size_t step = 1; step <= most && !status && !met->step; step++) {
		memcpy(last, p->spectrum, n * sizeof(*last));
		status = em_forecast_predict_at(run, step, shift, p, err);
		if (status)
			break;
		met->value = change_of(last, p->spectrum, n);
		if (c->descriptor >= 0)
			em_descriptors_measure(d, (size_t)c->descriptor, 1, p->spectrum, &met->value, NULL);
		met->step = em_condition_holds(c, met->value) ? step : 0;
	}
	if (!status && c->descriptor >= 0) {
		em_prediction_describe(p, d, (size_t)c->descriptor, 1, &found, last);
		met->value = found.value;
	}
	met->deviation = found.deviation;
	free(last);
	return status;
}
