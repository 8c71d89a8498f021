/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the record says of a spectrum image. */
#include "synth/eels.h"

#define COLUMNS 4096 /* more are not listed: the record is read whole */

/* A number of each column's specimen. */
static void put_profile(const struct em_synth_eels *m, const char *name,
                        double (*of)(const struct em_synth_specimen *s, int element), int element, struct em_text *out)
{
	em_json_put_name(out, name);
	em_text_append(out, "[");
	for (size_t k = 0; k < m->o.columns; k++) {
		struct em_synth_specimen s = em_synth_eels_specimen(m, k);

		em_json_put_comma(out);
		em_json_put_number(out, of(&s, element));
	}
	em_text_append(out, "]");
}

static double atoms_of(const struct em_synth_specimen *s, int element)
{
	return s->atoms[element];
}

static double valence_of(const struct em_synth_specimen *s, int element)
{
	return s->valence[element];
}

static void put_profiles(const struct em_synth_eels *m, struct em_text *out)
{
	em_json_put_name(out, "atoms_per_nm2");
	em_text_append(out, "{");
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
		if (m->side[0].atoms[e] > 0 || m->side[1].atoms[e] > 0)
			put_profile(m, em_synth_edge[e].symbol, atoms_of, e, out);
	em_text_append(out, "}");
	em_json_put_name(out, "valence");
	em_text_append(out, "{");
	for (int e = EM_SYNTH_TI; e < EM_SYNTH_ELEMENTS; e++)
		if (em_synth_edge[e].valence[0] < em_synth_edge[e].valence[1] &&
		    (m->side[0].atoms[e] > 0 || m->side[1].atoms[e] > 0))
			put_profile(m, em_synth_edge[e].symbol, valence_of, e, out);
	em_text_append(out, "}");
}

static void put_side(const struct em_synth_eels *m, const char *name, int side, struct em_text *out)
{
	em_json_put_name(out, name);
	em_json_put_string(out, m->o.compound[side]->name);
}

static void put_place(const struct em_synth_eels *m, struct em_text *out)
{
	em_synth_put(out, "position_nm", m->o.position_nm);
	em_synth_put(out, "width_nm", m->o.width_nm);
	em_synth_put(out, "thickness", m->o.thickness);
	em_synth_put(out, "exponent", m->o.exponent);
}

void em_synth_eels_print(const struct em_synth_eels *m, size_t i, bool low, struct em_text *truth,
                         struct em_text *synth)
{
	em_text_append(truth, "{");
	put_place(m, truth);
	em_json_put_name(truth, "shift_ev");
	em_json_put_numbers(truth, (double[2]){0, em_synth_eels_shift(m, m->o.rows - 1, m->o.columns - 1)}, 2);
	if (!low)
		em_synth_windows_print(&m->core.o.axis, m->side, 2, truth);
	if (!low && m->o.columns <= COLUMNS)
		put_profiles(m, truth);
	em_text_append(truth, "}");
	em_text_printf(synth, "{\"seed\":%llu,\"kind\":\"eels\",\"image\":%zu", (unsigned long long)m->o.seed, i);
	put_side(m, "a", 0, synth);
	put_side(m, "b", 1, synth);
	em_json_put_name(synth, "loss");
	em_json_put_string(synth, low ? "low" : "core");
	em_synth_recording_print(&m->o.recording, synth);
	put_place(m, synth);
	em_synth_put(synth, "conversion", m->o.conversion);
	em_synth_put(synth, "drift_ev", m->o.drift);
	em_text_append(synth, "}");
}
