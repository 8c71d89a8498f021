/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/energy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 0 for what is no energy. */
static double ev_in(const char *unit)
{
	if (strcmp(unit, "eV") == 0)
		return 1;
	if (strcmp(unit, "keV") == 0)
		return 1e3;
	return strcmp(unit, "meV") == 0 ? 1e-3 : 0;
}

int em_energy_of_array(struct em_energy *e, const struct em_array *a, struct em_error *err)
{
	if (a->ndim < 1)
		return em_error_set(err, EM_ERROR_DATA, "no spectrum: a single number");
	const struct em_axis *axis = &a->axis[a->ndim - 1];
	double unit = ev_in(axis->units), scale = axis->scale * unit, offset = axis->offset * unit;

	if (unit == 0)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the last axis (\"%s\") is no energy: it is in \"%s\", not eV; give it with "
		                    "--energy OFFSET,SCALE",
		                    axis->name, axis->units);
	if (!isfinite(offset) || !isfinite(scale) || scale <= 0)
		return em_error_set(err, EM_ERROR_DATA,
		                    scale < 0
		                        ? "the energy falls from channel to channel, by %.9g eV from %.9g eV: turn "
		                          "the spectra round"
		                        : "the energy axis has no sense: %.9g eV a channel from %.9g eV",
		                    fabs(scale), offset);
	if (a->shape[a->ndim - 1] < 2)
		return em_error_set(err, EM_ERROR_DATA, "a spectrum of less than two channels");
	*e = (struct em_energy){.channels = a->shape[a->ndim - 1], .offset = offset, .scale = scale};
	return 0;
}

double em_energy_at(const struct em_energy *e, double channel)
{
	return e->offset + channel * e->scale;
}

double em_energy_channel(const struct em_energy *e, double ev)
{
	return (ev - e->offset) / e->scale;
}

bool em_energy_holds(const struct em_energy *e, double ev)
{
	double c = em_energy_channel(e, ev);

	return c >= 0 && c <= (double)(e->channels - 1);
}

int em_energy_span(const struct em_energy *e, const struct em_energy_window *window, struct em_energy_span *span,
                   struct em_error *err)
{
	double first = round(em_energy_channel(e, window->from)), end = round(em_energy_channel(e, window->to));

	if (!(first >= 0) || !(end <= (double)e->channels))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "window %.9g-%.9g eV is outside the energy axis (%.9g to %.9g eV)", window->from,
		                    window->to, e->offset, em_energy_at(e, (double)e->channels));
	if (!(end > first))
		return em_error_set(err, EM_ERROR_USAGE, "window %.9g-%.9g eV holds no channel (%.9g eV each)",
		                    window->from, window->to, e->scale);
	*span = (struct em_energy_span){(size_t)first, (size_t)(end - first)};
	return 0;
}

int em_energy_parse_window(const char *text, struct em_energy_window *window, struct em_error *err)
{
	char *end;
	double from = strtod(text, &end), to = NAN;

	if (end != text && (*end == '-' || *end == ':')) {
		const char *second = end + 1;
		to = strtod(second, &end);
		if (end == second)
			to = NAN;
		end += strspn(end, " ");
		end += strncmp(end, "eV", 2) == 0 ? 2 : 0;
	}
	if (!isfinite(from) || !isfinite(to) || !(from < to) || *end)
		return em_error_set(err, EM_ERROR_USAGE, "'%s' is no energy window: write 405-448 (eV)", text);
	*window = (struct em_energy_window){from, to};
	return 0;
}
