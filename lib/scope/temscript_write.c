/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct writing {
	struct em_temscript *t;
	double end;
	const struct em_controls *want;
	size_t done; /* requests that were taken */
};

static void path_of(char path[80], const char *endpoint)
{
	snprintf(path, 80, "/v1/%s", endpoint);
}

static int put_at(struct writing *w, const char *endpoint, struct em_text *body, struct em_error *err)
{
	char path[80];

	path_of(path, endpoint);
	if (em_temscript_put(w->t, path, body, w->end, err))
		return -1;
	w->done++;
	return 0;
}

static int write_number(struct writing *w, const char *endpoint, double v, struct em_error *err)
{
	struct em_text body = {0};

	em_text_printf(&body, "%.17g", v);
	return put_at(w, endpoint, &body, err);
}

static int read_number(struct writing *w, const char *endpoint, double *v, struct em_error *err)
{
	struct em_temscript_answer a;
	char path[80];
	bool good;

	path_of(path, endpoint);
	if (em_temscript_get(w->t, path, w->end, &a, err))
		return -1;
	good = em_json_number(a.json.tree, v) && isfinite(*v);
	em_temscript_answer_release(&a);
	return good ? 0 : em_error_set(err, EM_ERROR_DATA, "%s: no number", path);
}

/* x and y go together: the one that is not wanted stays. */
static int write_pair(struct writing *w, enum em_control x, struct em_error *err)
{
	const int both[2] = {(int)x, (int)x + 1};
	struct em_controls missing = {0}, there = {0};
	struct em_text body = {0};
	double v[2];

	for (int i = 0; i < 2; i++)
		missing.known[both[i]] = !w->want->known[both[i]];
	if ((missing.known[both[0]] || missing.known[both[1]]) &&
	    em_temscript_read(w->t, w->end, &missing, &there, err))
		return -1;
	for (int i = 0; i < 2; i++)
		v[i] = missing.known[both[i]] ? there.value[both[i]] : w->want->value[both[i]];
	em_text_printf(&body, "[%.17g,%.17g]", v[0], v[1]);
	return put_at(w, em_temscript_wire(x)->endpoint, &body, err);
}

/*
 * To the step nearest to `wanted` (by ratio) of a table that only shows its present value.  It is taken for one that
 * rises with the index; its ends are where the index is refused, or nothing changes.
 */
static int seek(struct writing *w, const char *shown, double wanted, struct em_error *err)
{
	double index, value, next;
	struct em_error why = {0};

	if (read_number(w, "magnification_index", &index, err) || read_number(w, shown, &value, err))
		return -1;
	if (!(value > 0))
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s is 0: the instrument does not tell it in this mode",
		                    shown);
	for (int steps = 0; value != wanted && steps < 200; steps++) {
		double step = value < wanted ? 1 : -1;

		if (write_number(w, "magnification_index", index + step, &why) || read_number(w, shown, &next, &why)) {
			if (why.kind == EM_ERROR_UNREACHABLE)
				return em_error_set(err, why.kind, "%s", why.text);
			return 0;
		}
		if (!(next > 0) || fabs(log(next / wanted)) >= fabs(log(value / wanted)))
			return write_number(w, "magnification_index", index, err);
		index += step;
		value = next;
	}
	return 0;
}

static int write_extended(struct writing *w, const struct em_controls *what, struct em_error *err)
{
	struct em_text body = {0};

	em_temscript_put_controls(&body, what);
	if (em_temscript_put(w->t, "/em/v1/controls", &body, w->end, err))
		return -1;
	w->done++;
	return 0;
}

static int write_one_extended(struct writing *w, enum em_control c, struct em_error *err)
{
	struct em_controls one = {0};

	em_controls_set(&one, c, w->want->value[c]);
	return write_extended(w, &one, err);
}

static int write_scale(struct writing *w, enum em_control c, struct em_error *err)
{
	struct em_controls mode = {.known[EM_MODE] = true}, got;
	int there = em_temscript_is_extended(w->t, w->end, err);

	if (there)
		return there < 0 ? -1 : write_one_extended(w, c, err);
	if (c == EM_MAGNIFICATION) {
		if (em_temscript_read(w->t, w->end, &mode, &got, err))
			return -1;
		if (got.value[EM_MODE] > 0)
			return write_number(w, "stem_magnification", w->want->value[c], err);
	}
	return seek(w, em_temscript_wire(c)->endpoint, w->want->value[c], err);
}

static int write_mode(struct writing *w, struct em_error *err)
{
	struct em_text body = {0};
	struct em_temscript_answer a;
	struct em_error why = {0};
	bool none = false;

	em_temscript_put_value(&body, EM_MODE, w->want->value[EM_MODE]);
	if (!put_at(w, "instrument_mode", &body, &why))
		return 0;
	if (why.kind == EM_ERROR_REFUSED && !em_temscript_get(w->t, "/v1/stem_available", w->end, &a, NULL)) {
		none = em_json_is_bool(a.json.tree) && !em_json_is_true(a.json.tree);
		em_temscript_answer_release(&a);
	}
	return em_error_set(err, none ? EM_ERROR_UNSUPPORTED : why.kind, "%s", why.text);
}

static int write_one(struct writing *w, enum em_control c, struct em_error *err)
{
	const struct em_temscript_wire *wire = em_temscript_wire(c);
	struct em_text body = {0};

	if (c == EM_MODE)
		return write_mode(w, err);
	if (c == EM_MAGNIFICATION || c == EM_CAMERA_LENGTH)
		return write_scale(w, c, err);
	if (!wire->endpoint) {
		int there = em_temscript_is_extended(w->t, w->end, err);

		if (there == 0)
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: temscript has no such thing",
			                    em_control_info(c)->name);
		return there < 0 ? -1 : write_one_extended(w, c, err);
	}
	if (wire->index >= 0)
		return write_pair(w, (enum em_control)((int)c - wire->index), err);
	em_temscript_put_value(&body, c, w->want->value[c]);
	return put_at(w, wire->endpoint, &body, err);
}

/* ---- the stage ---- */

/* The axes from `first` up to but not `past` that are wanted, in one request. */
static int write_axes(struct writing *w, int first, int past, struct em_error *err)
{
	struct em_text body = {0};
	char target[80] = "stage_position?method=GO";

	if (w->t->speed > 0)
		snprintf(target, sizeof(target), "stage_position?method=GO&speed=%.6g", w->t->speed);
	em_text_append(&body, "{");
	for (int c = first; c < past; c++)
		if (w->want->known[c]) {
			em_json_put_name(&body, em_temscript_wire((enum em_control)c)->member);
			em_temscript_put_value(&body, (enum em_control)c, w->want->value[c]);
		}
	em_text_append(&body, "}");
	if (!strcmp(em_text_get(&body), "{}")) {
		em_text_release(&body);
		return 0;
	}
	return put_at(w, target, &body, err);
}

static int write_stage(struct writing *w, struct em_error *err)
{
	if (!(w->t->speed > 0))
		return write_axes(w, EM_STAGE_X, EM_STAGE_B + 1, err);
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++)
		if (write_axes(w, c, c + 1, err))
			return -1;
	return 0;
}

/* ---- all of it ---- */

static int check(const struct em_controls *want, struct em_error *err)
{
	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_temscript_wire *wire = em_temscript_wire((enum em_control)c);

		if (!want->known[c])
			continue;
		if (!isfinite(want->value[c]))
			return em_error_set(err, EM_ERROR_REFUSED, "%s: not finite",
			                    em_control_info((enum em_control)c)->name);
		if (wire->endpoint && !wire->writable)
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: temscript can only read it",
			                    em_control_info((enum em_control)c)->name);
	}
	return 0;
}

/* The other one of a pair has set this one as well. */
static bool is_done(const struct em_controls *want, int c)
{
	return em_temscript_wire((enum em_control)c)->index == 1 && want->known[c - 1];
}

/*
 * Modes change what all else means, so they come first; the stage is last, as the rest is at once and may be refused.
 * A beam that shall be blanked is so before anything moves, and not before all has moved otherwise.
 */
static int write_all(struct writing *w, struct em_error *err)
{
	static const enum em_control early[] = {EM_MODE, EM_PROJECTION};
	const struct em_controls *want = w->want;
	bool blank = want->known[EM_BLANKED] && want->value[EM_BLANKED] != 0;

	if (blank && write_one(w, EM_BLANKED, err))
		return -1;
	for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++)
		if (want->known[early[i]] && write_one(w, early[i], err))
			return -1;
	for (int c = EM_PROJECTION + 1; c < EM_CONTROLS; c++)
		if (want->known[c] && c != EM_BLANKED && !is_done(want, c) && write_one(w, (enum em_control)c, err))
			return -1;
	if (write_stage(w, err))
		return -1;
	return want->known[EM_BLANKED] && !blank ? write_one(w, EM_BLANKED, err) : 0;
}

/* Optics that are more than one request. */
static bool is_several(const struct em_controls *want)
{
	size_t n = 0;

	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && c >= EM_STAGE_X && c <= EM_STAGE_B)
			return false;
		else if (want->known[c] && !is_done(want, c))
			n++;
	return n > 1;
}

/* One after the other, the first are done when another one is refused; our own server takes all of them or none. */
static int write_optics(struct writing *w, struct em_error *err)
{
	int there = is_several(w->want) ? em_temscript_is_extended(w->t, w->end, err) : 0;

	return there < 0 ? -1 : there ? write_extended(w, w->want, err) : write_all(w, err);
}

int em_temscript_write(struct em_temscript *t, double end, const struct em_controls *want, struct em_error *err)
{
	struct writing w = {t, end, want, 0};

	if (check(want, err))
		return -1;
	if (write_optics(&w, err))
		return w.done ? em_error_prefix(err, "after %zu %s taken: ", w.done,
		                                w.done == 1 ? "request that was" : "requests that were")
		              : -1;
	return 0;
}
