/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/origin.h"

#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void em_origin_put(struct em_text *out, const char *run, const struct em_series_set *set)
{
	em_text_append(out, "{");
	em_json_put_name(out, "run");
	em_text_append(out, run ? run : "null");
	em_json_put_name(out, "series");
	em_text_append(out, "[");
	for (size_t i = 0; i < set->count; i++) {
		const struct em_series *s = &set->series[i];

		em_json_put_comma(out);
		em_text_append(out, "{");
		em_json_put_name(out, "name");
		em_json_put_string(out, s->name);
		em_json_put_name(out, "spectra");
		em_json_put_number(out, (double)s->count);
		em_json_put_name(out, "mark");
		em_json_put_number(out, em_series_mark(s));
		em_text_append(out, "}");
	}
	em_text_append(out, "]}");
}

static bool is_of(const struct em_json *j, const struct em_series *s)
{
	double mark, own = em_series_mark(s);

	return em_json_number(em_json_get(j, "mark"), &mark) && fabs(mark - own) <= 1e-8 * fabs(own);
}

int em_origin_check(const struct em_forecast *f, const struct em_series_set *set, struct em_error *err)
{
	struct em_json *origin = f->provenance ? em_json_parse(f->provenance, strlen(f->provenance), NULL) : NULL;
	int status = 0;

	for (const struct em_json *j = em_json_first(em_json_get(origin, "series")); j && !status; j = em_json_next(j))
		for (size_t i = 0; i < set->count && !status; i++)
			if (is_of(j, &set->series[i]))
				status = em_error_set(err, EM_ERROR_DATA,
				                      "series %.100s is one that the model was made of: evaluate it on "
				                      "others, or leave --model out",
				                      set->series[i].name);
	em_json_free(origin);
	return status;
}

int em_origin_same(const struct em_forecast *f, const struct em_series_set *set, struct em_error *err)
{
	struct em_json *origin = f->provenance ? em_json_parse(f->provenance, strlen(f->provenance), NULL) : NULL;
	const struct em_json *j = em_json_first(em_json_get(origin, "series"));
	size_t i = 0;

	for (; j && i < set->count && is_of(j, &set->series[i]); i++)
		j = em_json_next(j);
	em_json_free(origin);
	if (j || i < set->count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the model to go on with was made of other series, or in another order");
	return 0;
}
