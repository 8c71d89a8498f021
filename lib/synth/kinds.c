/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kinds of pictures and contrasts by the words of a command line. */
#include "synth/synth.h"

#include <stdlib.h>
#include <string.h>

int em_synth_contrasts_parse(const char *text, unsigned *contrasts, struct em_error *err)
{
	unsigned bits = 0;

	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ","), k = 0;

		while (k < EM_SYNTH_CONTRASTS &&
		       (strlen(em_synth_contrast_name[k]) != n || strncmp(em_synth_contrast_name[k], at, n)))
			k++;
		if (k == EM_SYNTH_CONTRASTS)
			return em_error_set(err, EM_ERROR_USAGE, "--contrast %.60s: expected some of haadf,abf,bf,sem",
			                    text);
		bits |= 1u << k;
		at += n;
		if (!*at)
			break;
	}
	*contrasts = bits;
	return 0;
}

int em_synth_kinds_parse(const char *list, bool images, double weight[EM_SYNTH_KINDS], struct em_error *err)
{
	memset(weight, 0, EM_SYNTH_KINDS * sizeof(*weight));
	for (const char *at = list;; at++) {
		size_t n = strcspn(at, "=,"), from = images ? EM_SYNTH_FAMILIES : 0;
		size_t kind = em_synth_kind_find(at, n, from);
		double much = 1;
		char *end;

		if (kind == EM_SYNTH_KINDS && from)
			kind = em_synth_kind_find(at, n, 0);
		if (kind >= (size_t)(images ? EM_SYNTH_KINDS : EM_SYNTH_FAMILIES))
			return em_error_set(err, EM_ERROR_USAGE, "--kind %.*s: there is none of that name: see --list",
			                    (int)(n < 60 ? n : 60), at);
		at += n;
		if (*at == '=') {
			much = strtod(at + 1, &end);
			if (end == at + 1 || !(much >= 0 && much <= 1e6) || (*end && *end != ','))
				return em_error_set(err, EM_ERROR_USAGE,
				                    "--kind %.60s: expected NAME or NAME=WEIGHT, with commas between",
				                    list);
			at = end;
		}
		weight[kind] += much;
		if (!*at)
			return 0;
	}
}

void em_synth_kinds_default(bool images, double weight[EM_SYNTH_KINDS])
{
	for (size_t i = 0; i < EM_SYNTH_KINDS; i++)
		weight[i] = images == (i >= EM_SYNTH_FAMILIES) ? 1 : 0;
	if (!images)
		weight[em_synth_kind_find("lattice", 7, 0)] = 3;
}

static void print_parameters(const struct em_synth_family *f, struct em_text *t)
{
	for (const struct em_synth_parameter *p = f->parameter; p->name; p++)
		if (p->law == EM_SYNTH_CHOICE)
			em_text_printf(t, "    %-18s %s\n", p->name, p->choices);
		else
			em_text_printf(t, "    %-18s %g to %g%s\n", p->name, p->lo, p->hi,
			               p->law == EM_SYNTH_LENGTH ? " pixels"
			               : p->law == EM_SYNTH_RARE ? ", or none"
			                                         : "");
}

void em_synth_kinds_print(bool images, bool parameters, struct em_text *t)
{
	size_t end = images ? EM_SYNTH_KINDS : EM_SYNTH_FAMILIES;

	for (size_t i = images ? EM_SYNTH_FAMILIES : 0; i < end; i++) {
		em_text_printf(t, "%-13s", em_synth_kind_name(i));
		for (unsigned k = 0; k < EM_SYNTH_CONTRASTS; k++)
			em_text_printf(t, " %-5s", em_synth_kind_possible(i, 1u << k) ? em_synth_contrast_name[k] : "");
		em_text_printf(t, " %s\n", em_synth_kind_what(i));
		if (parameters && i < EM_SYNTH_FAMILIES)
			print_parameters(em_synth_families[i], t);
	}
}
