/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges and elements by what a command line says of them. */
#include "eels/quant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct em_edge *em_edges_find(struct em_edge *edge, size_t count, const char *text, const char **value,
                              struct em_error *err)
{
	size_t n = strcspn(text, "="), named = 0;
	struct em_edge like[EM_EDGES_MAX];
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) - 1 ? n : sizeof(name) - 1), text);
	if (text[n] && !em_edges_parse(name, like, &named, NULL) && named == 1)
		for (size_t i = 0; i < count; i++)
			if (!strcmp(like[0].name, edge[i].name)) {
				*value = text + n + 1;
				return &edge[i];
			}
	em_error_set(err, EM_ERROR_USAGE, "%.60s: give EDGE=VALUE of an edge that --edge names", text);
	return NULL;
}

int em_quant_parse_standard(const char *text, const struct em_edge *edge, size_t count, double *atoms,
                            struct em_error *err)
{
	const char *s = text;

	for (size_t i = 0; i < count; i++)
		atoms[i] = NAN;
	while (*s) {
		size_t n = strcspn(s, "=");
		char *end = NULL;
		double v = s[n] ? strtod(s + n + 1, &end) : 0;

		if (!(v > 0 && v < 1e6) || (*end && *end != ','))
			return em_error_set(err, EM_ERROR_USAGE, "'%.60s': give atoms, as in Ti=1,O=3", text);
		for (size_t i = 0; i < count; i++)
			if (strlen(edge[i].element) == n && !strncmp(edge[i].element, s, n))
				atoms[i] = v;
		s = *end ? end + 1 : end;
	}
	for (size_t i = 0; i < count; i++)
		if (isnan(atoms[i]))
			return em_error_set(err, EM_ERROR_USAGE, "'%.60s' does not say how much %s", text,
			                    edge[i].element);
	return 0;
}
