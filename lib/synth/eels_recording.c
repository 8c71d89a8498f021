/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What spectra are recorded with: its bounds, its words, its place in the record. */
#include "synth/eels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int em_synth_eels_pair(const char *text, const struct em_synth_compound *pair[2], struct em_error *err)
{
	size_t n = strcspn(text, "/");
	const struct em_synth_compound *a = em_synth_compound_find(text, n), *b = NULL;
	struct em_text names = {0};

	if (text[n])
		b = em_synth_compound_find(text + n + 1, strlen(text + n + 1));
	if (a && b) {
		pair[0] = a;
		pair[1] = b;
		return 0;
	}
	for (size_t i = 0; em_synth_compound_name(i); i++)
		em_text_printf(&names, "%s%s", i ? ", " : "", em_synth_compound_name(i));
	em_error_set(err, EM_ERROR_USAGE, "--pair %.60s: expected A/B, two of %s", text, em_text_get(&names));
	em_text_release(&names);
	return -1;
}

int em_synth_axis_parse(const char *text, struct em_synth_axis *axis, struct em_error *err)
{
	double v[3];
	const char *at = text;

	for (int i = 0; i < 3; i++) {
		char *end;

		v[i] = strtod(at, &end);
		if (end == at || *end != (i < 2 ? ':' : '\0') || !isfinite(v[i]))
			return em_error_set(err, EM_ERROR_USAGE,
			                    "--energy %.60s: expected OFFSET:SCALE:CHANNELS, 400:0.25:2048", text);
		at = end + 1;
	}
	if (!(v[2] >= 2 && v[2] <= 65536 && v[2] == floor(v[2])))
		return em_error_set(err, EM_ERROR_USAGE, "--energy %.60s: expected 2 to 65536 channels", text);
	*axis = (struct em_synth_axis){v[0], v[1], (size_t)v[2]};
	return 0;
}

int em_synth_bound(const char *name, double value, double lo, double hi, struct em_error *err)
{
	if (value >= lo && value <= hi) /* false for NaN */
		return 0;
	return em_error_set(err, EM_ERROR_USAGE, "--%s %g: expected %g to %g", name, value, lo, hi);
}

int em_synth_recording_check(const struct em_synth_recording *r, struct em_error *err)
{
	return em_synth_bound("dose", r->dose, 1, 1e14, err) || em_synth_bound("gain-noise", r->gain, 0, 0.2, err) ||
	               em_synth_bound("readout", r->readout, 0, 1e6, err) ||
	               em_synth_bound("resolution", r->resolution, 0.01, 20, err) ||
	               em_synth_bound("spread", r->spread, 0, 20, err)
	           ? -1
	           : 0;
}

double em_synth_given(double v, double otherwise)
{
	return isnan(v) ? otherwise : v;
}

struct em_synth_recording em_synth_recording_fill(const struct em_synth_recording *r,
                                                  const struct em_synth_recording *usual)
{
	return (struct em_synth_recording){.axis = r->axis.channels ? r->axis : usual->axis,
	                                   .resolution = em_synth_given(r->resolution, usual->resolution),
	                                   .spread = em_synth_given(r->spread, usual->spread),
	                                   .gain = em_synth_given(r->gain, usual->gain),
	                                   .readout = em_synth_given(r->readout, usual->readout),
	                                   .dose = em_synth_given(r->dose, usual->dose),
	                                   .single = r->single};
}

/* ---- records ---- */

void em_synth_put(struct em_text *out, const char *name, double v)
{
	em_json_put_name(out, name);
	em_json_put_number(out, v);
}

void em_synth_recording_print(const struct em_synth_recording *r, struct em_text *out)
{
	em_synth_put(out, "dose", r->dose);
	em_synth_put(out, "resolution_ev", r->resolution);
	em_synth_put(out, "spread_channels", r->spread);
	em_synth_put(out, "gain_noise", r->gain);
	em_synth_put(out, "readout", r->readout);
	em_json_put_name(out, "plural");
	em_json_put_bool(out, !r->single);
}

bool em_synth_edge_window(const struct em_synth_axis *axis, enum em_synth_element element,
                          const struct em_synth_specimen *s, size_t n, double window[2])
{
	double from = em_synth_edge[element].from, to = em_synth_edge[element].to, atoms = 0;

	for (size_t i = 0; i < n; i++)
		atoms += s[i].atoms[element];
	if (!(atoms > 0) || !em_synth_axis_window(axis, &from, &to))
		return false;
	window[0] = from;
	window[1] = to;
	return true;
}

void em_synth_windows_print(const struct em_synth_axis *axis, const struct em_synth_specimen *s, size_t n,
                            struct em_text *out)
{
	em_json_put_name(out, "windows");
	em_text_append(out, "{");
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++) {
		double window[2];

		if (!em_synth_edge_window(axis, (enum em_synth_element)e, s, n, window))
			continue;
		em_json_put_name(out, em_synth_edge[e].name);
		em_json_put_numbers(out, window, 2);
	}
	em_text_append(out, "}");
}
