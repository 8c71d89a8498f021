/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what there is ---- */

static void copy_text(char *to, size_t room, const struct em_json *node)
{
	const char *s = em_json_string(node);

	snprintf(to, room, "%s", s ? s : "");
}

static size_t size_of(const struct em_json *node, const char *name)
{
	double v = 0;

	em_json_number(em_json_get(node, name), &v);
	return v >= 1 && v <= EM_TEMSCRIPT_SIDE_MAX ? (size_t)v : 0;
}

/* A list of x and y of the instruments, one number of the null server. */
static double pixel_of(const struct em_json *camera)
{
	const struct em_json *um = em_json_get(camera, "pixel_size(um)");
	double v = 0;

	if (!em_json_number(um, &v))
		em_json_numbers(um, &v, 1);
	return v > 0 ? v * 1e-6 : 0;
}

static void add_detectors(struct em_capabilities *c, const struct em_json *all, enum em_detector_kind kind)
{
	for (const struct em_json *node = em_json_first(all); node; node = em_json_next(node)) {
		struct em_detector *d = &c->detector[c->detectors];
		const char *name = em_json_name(node);

		if (!name || c->detectors == EM_DETECTORS_MAX || strlen(name) >= sizeof(d->name))
			continue;
		*d = (struct em_detector){.kind = kind, .inserted = true};
		snprintf(d->name, sizeof(d->name), "%s", name);
		d->width = size_of(node, "width");
		d->height = size_of(node, "height");
		d->pixel_m = pixel_of(node);
		c->detectors++;
	}
}

static int read_text(struct em_temscript *t, double end, const char *target, char *to, size_t room,
                     struct em_error *err)
{
	struct em_temscript_answer a;

	if (em_temscript_get(t, target, end, &a, err))
		return -1;
	copy_text(to, room, a.json.tree);
	em_temscript_answer_release(&a);
	return 0;
}

static int read_detectors(struct em_temscript *t, double end, const char *target, enum em_detector_kind kind,
                          struct em_capabilities *c, struct em_error *err)
{
	struct em_temscript_answer a;
	struct em_error why = {0};

	if (em_temscript_get(t, target, end, &a, &why))
		return why.kind == EM_ERROR_UNREACHABLE ? em_error_set(err, why.kind, "%s", why.text) : 0;
	add_detectors(c, a.json.tree, kind);
	em_temscript_answer_release(&a);
	return 0;
}

static void plain_controls(struct em_controls *readable, struct em_controls *writable)
{
	for (int k = 0; k < EM_CONTROLS; k++) {
		const struct em_temscript_wire *w = em_temscript_wire((enum em_control)k);

		readable->known[k] = w->endpoint != NULL;
		writable->known[k] = w->writable;
	}
}

static int plain_capabilities(struct em_temscript *t, double end, struct em_capabilities *c, struct em_error *err)
{
	if (read_text(t, end, "/v1/family", c->family, sizeof(c->family), err) ||
	    read_text(t, end, "/v1/microscope_id", c->id, sizeof(c->id), err) ||
	    read_text(t, end, "/v1/version", c->version, sizeof(c->version), err) ||
	    read_detectors(t, end, "/v1/cameras", EM_DETECTOR_CAMERA, c, err) ||
	    read_detectors(t, end, "/v1/stem_detectors", EM_DETECTOR_SCAN, c, err))
		return -1;
	plain_controls(&c->readable, &c->writable);
	return 0;
}

/* ---- the same of emctl's server ---- */

static void mark(struct em_controls *set, const struct em_json *names)
{
	for (const struct em_json *node = em_json_first(names); node; node = em_json_next(node)) {
		const char *name = em_json_string(node);
		int c = name ? em_control_find(name, strlen(name)) : -1;

		if (c >= 0)
			set->known[c] = true;
	}
}

static int extended_capabilities(struct em_temscript *t, double end, struct em_capabilities *c, struct em_error *err)
{
	static const char kinds[] = "camera scan spectrometer";
	struct em_temscript_answer a;

	if (em_temscript_get(t, "/em/v1/capabilities", end, &a, err))
		return -1;
	copy_text(c->family, sizeof(c->family), em_json_get(a.json.tree, "family"));
	copy_text(c->id, sizeof(c->id), em_json_get(a.json.tree, "id"));
	copy_text(c->version, sizeof(c->version), em_json_get(a.json.tree, "version"));
	mark(&c->readable, em_json_get(a.json.tree, "readable"));
	mark(&c->writable, em_json_get(a.json.tree, "writable"));
	c->can_stop = em_json_is_true(em_json_get(a.json.tree, "can_stop"));
	add_detectors(c, em_json_get(a.json.tree, "detectors"), EM_DETECTOR_CAMERA);
	for (size_t i = 0; i < c->detectors; i++) {
		struct em_detector *d = &c->detector[i];
		const struct em_json *node = em_json_get(em_json_get(a.json.tree, "detectors"), d->name);
		const char *kind = em_json_string(em_json_get(node, "kind"));
		int k = kind ? em_temscript_word_find(kinds, kind) : -1;

		d->kind = k > 0 ? (enum em_detector_kind)k : EM_DETECTOR_CAMERA;
		d->inserted = em_json_is_true(em_json_get(node, "inserted"));
		em_json_number(em_json_get(node, "pixel_m"), &d->pixel_m);
	}
	em_temscript_answer_release(&a);
	return 0;
}

/* Where it is not known yet whose server this is, asking what emctl's has tells. */
int em_temscript_capabilities(struct em_temscript *t, double end, struct em_capabilities *c, struct em_error *err)
{
	struct em_capabilities got = {0};
	struct em_error why = {0};

	if (t->extended != EM_EXTENDED_NO && !extended_capabilities(t, end, &got, &why)) {
		t->extended = EM_EXTENDED_YES;
		*c = got;
		return 0;
	}
	if (t->extended == EM_EXTENDED_YES || why.kind == EM_ERROR_UNREACHABLE)
		return em_error_set(err, why.kind, "%s", why.text);
	t->extended = EM_EXTENDED_NO;
	if (plain_capabilities(t, end, &got, err))
		return -1;
	*c = got;
	return 0;
}

int em_temscript_can(struct em_temscript *t, double end, const struct em_controls *which, struct em_controls *readable,
                     struct em_controls *writable, struct em_error *err)
{
	struct em_capabilities c = {0};
	bool more = false;

	for (int k = 0; k < EM_CONTROLS; k++)
		more = more || (which->known[k] && !em_temscript_wire((enum em_control)k)->endpoint);
	if (!more)
		plain_controls(&c.readable, &c.writable);
	else if (em_temscript_capabilities(t, end, &c, err))
		return -1;
	*readable = c.readable;
	*writable = c.writable;
	return 0;
}

/* ---- an exposure: setting the detector ---- */

struct shot {
	struct em_temscript *t;
	double end;
	const struct em_exposure *e;
	bool scan;
	size_t full[2]; /* pixels at binning 1, y and x; 0: not told */
	size_t binning;
	const char *image_size;
	char params[160]; /* where its settings are */
};

static size_t binned(const struct shot *s, int side)
{
	return s->full[side] / s->binning;
}

/* The word for what was asked for, of a detector whose size is known; of a scan the binning makes the size. */
static int choose_size(struct shot *s, struct em_error *err)
{
	static const char *const words[] = {"FULL", "HALF", "QUARTER"};
	const struct em_exposure *e = s->e;

	s->binning = e->binning ? e->binning : 1;
	s->image_size = words[0];
	if (!e->width && !e->height)
		return 0;
	if (!s->full[0] || !s->full[1])
		return 0; /* what comes is looked at */
	if (s->scan && !e->binning && e->width && s->full[1] % e->width == 0)
		s->binning = s->full[1] / e->width;
	for (size_t k = 0; k < 3; k++)
		if (binned(s, 0) >> k == e->height && binned(s, 1) >> k == e->width) {
			s->image_size = words[k];
			return 0;
		}
	return em_error_set(err, EM_ERROR_UNSUPPORTED,
	                    "%s takes pictures of %zu x %zu px, their half and quarter, at binning %zu", e->detector,
	                    binned(s, 1), binned(s, 0), s->binning);
}

/* Does the instrument have what was asked for?  name: of the time; value 0: any will do. */
static bool agrees(const struct shot *s, const struct em_json *params, const char *name, double value)
{
	const char *size = em_json_string(em_json_get(params, "image_size"));
	double binning = 0, there = 0;

	em_json_number(em_json_get(params, "binning"), &binning);
	em_json_number(em_json_get(params, name), &there);
	return size && !strcmp(size, s->image_size) && binning == (double)s->binning &&
	       (!(value > 0) || fabs(there - value) <= 1e-3 * value);
}

static int change(const struct shot *s, const char *name, double value, struct em_error *err)
{
	struct em_text body = {0};

	em_text_printf(&body, "{\"image_size\":\"%s\",\"binning\":%zu", s->image_size, s->binning);
	if (value > 0)
		em_text_printf(&body, ",\"%s\":%.17g", name, value);
	em_text_append(&body, "}");
	return em_temscript_put(s->t, s->params, &body, s->end, err);
}

/* Only what differs is changed, and then read again: some settings change others, some are not taken. */
static int prepare(const struct shot *s, struct em_error *err)
{
	const char *name = s->scan ? "dwell_time(s)" : "exposure(s)";
	double value = s->scan ? s->e->dwell : s->e->seconds;

	for (int turn = 0; turn < 2; turn++) {
		struct em_temscript_answer a;
		bool good;

		if (em_temscript_get(s->t, s->params, s->end, &a, err))
			return -1;
		good = agrees(s, a.json.tree, name, value);
		em_temscript_answer_release(&a);
		if (good)
			return 0;
		if (!turn && change(s, name, value, err))
			return -1;
	}
	return em_error_set(err, EM_ERROR_MISSED, "%s did not take these settings: %s, binning %zu, %s %g",
	                    s->e->detector, s->image_size, s->binning, name, value);
}

/* Is the detector among those at `target`?  *found. */
static int look_in(struct shot *s, const char *target, bool *found, struct em_error *err)
{
	struct em_temscript_answer a;
	const struct em_json *node;

	if (em_temscript_get(s->t, target, s->end, &a, err))
		return -1;
	node = em_json_get(a.json.tree, s->e->detector);
	*found = node != NULL;
	s->full[0] = size_of(node, "height");
	s->full[1] = size_of(node, "width");
	em_temscript_answer_release(&a);
	return 0;
}

static int find_detector(struct shot *s, struct em_error *err)
{
	struct em_text path = {0};
	struct em_error why = {0};
	bool found;

	if (look_in(s, "/v1/cameras", &found, err))
		return -1;
	s->scan = !found;
	if (!found && look_in(s, "/v1/stem_detectors", &found, &why))
		return em_error_set(err, why.kind == EM_ERROR_REFUSED ? EM_ERROR_UNSUPPORTED : why.kind, "%s",
		                    why.text);
	if (!found)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "it has no detector '%s'", s->e->detector);
	em_temscript_put_escaped(&path, s->e->detector);
	snprintf(s->params, sizeof(s->params), s->scan ? "/v1/stem_acquisition_param" : "/v1/camera_param/%s",
	         em_text_get(&path));
	em_text_release(&path);
	return 0;
}

/* ---- and taking it ---- */

/* Two numbers, or two NAN. */
static void read_pair(double v[2], const struct em_json *node)
{
	if (em_json_numbers(node, v, 2) != 2)
		v[0] = v[1] = NAN;
}

/* What emctl's server says besides; NAN where nothing does. */
static void describe(struct em_acquired *a, const struct em_json *node)
{
	const struct em_json *to_stage = em_json_first(em_json_get(node, "to_stage"));

	a->offset = a->dose = a->electrons = NAN;
	read_pair(a->scale, em_json_get(node, "scale"));
	read_pair(a->to_stage[0], to_stage);
	read_pair(a->to_stage[1], em_json_next(to_stage));
	em_json_number(em_json_get(node, "offset"), &a->offset);
	em_json_number(em_json_get(node, "dose"), &a->dose);
	em_json_number(em_json_get(node, "electrons"), &a->electrons);
	em_json_number(em_json_get(node, "seconds"), &a->seconds);
}

/* A spectrum comes as an image of one row. */
static void flatten(struct em_array *a)
{
	a->ndim = 1;
	a->shape[0] = a->shape[1];
	a->axis[0] = a->axis[1];
}

static int check_size(const struct em_exposure *e, const struct em_array *a, struct em_error *err)
{
	if ((!e->width || a->shape[1] == e->width) && (!e->height || a->shape[0] == e->height))
		return 0;
	return em_error_set(err, EM_ERROR_MISSED, "%s gave %zu x %zu px, not %zu x %zu", e->detector, a->shape[1],
	                    a->shape[0], e->width, e->height);
}

static int expose(struct em_temscript *t, const char *target, double end, const struct em_exposure *e,
                  struct em_acquired *a, struct em_error *err)
{
	struct em_acquired got = {.seconds = em_clock_now()};
	struct em_temscript_answer answer;
	const struct em_json *node;
	int rc;

	if (em_temscript_get(t, target, end, &answer, err))
		return -1;
	got.seconds = em_clock_now() - got.seconds;
	node = em_json_get(answer.json.tree, e->detector);
	rc = node ? em_temscript_reply_image(&answer.json, node, &got.data, err)
	          : em_error_set(err, EM_ERROR_REFUSED, "%s gave no image", e->detector);
	if (!rc) {
		describe(&got, node);
		rc = check_size(e, &got.data, err);
		if (em_json_is_true(em_json_get(node, "spectrum")) && got.data.shape[0] == 1)
			flatten(&got.data);
	}
	em_temscript_answer_release(&answer);
	if (rc) {
		em_array_release(&got.data);
		return -1;
	}
	*a = got;
	return 0;
}

static void put_option(struct em_text *t, const char *name, double value)
{
	if (value > 0)
		em_text_printf(t, "&%s=%.17g", name, value);
}

static void put_options(struct em_text *t, const struct em_exposure *e)
{
	put_option(t, "width", (double)e->width);
	put_option(t, "height", (double)e->height);
	put_option(t, "binning", (double)e->binning);
	put_option(t, "seconds", e->seconds);
	put_option(t, "dwell", e->dwell);
}

int em_temscript_acquire(struct em_temscript *t, double end, const struct em_exposure *e, struct em_acquired *a,
                         struct em_error *err)
{
	struct shot s = {.t = t, .end = end, .e = e};
	struct em_text target = {0};
	int there = em_temscript_is_extended(t, end, err), rc;

	if (there < 0 || (!there && (find_detector(&s, err) || choose_size(&s, err) || prepare(&s, err))))
		return -1;
	em_text_append(&target, there ? "/em/v1/acquire?detector=" : "/v1/acquire?detectors=");
	em_temscript_put_escaped(&target, e->detector);
	if (there)
		put_options(&target, e);
	rc = em_text_check(&target, err) || expose(t, em_text_get(&target), end, e, a, err) ? -1 : 0;
	em_text_release(&target);
	return rc;
}

/* ---- without taking it ---- */

static int expect_extended(struct em_temscript *t, double end, const struct em_exposure *e, struct em_acquired *a,
                           struct em_error *err)
{
	struct em_temscript_answer answer;
	struct em_text target = {0};
	int rc;

	em_text_append(&target, "/em/v1/expect?detector=");
	em_temscript_put_escaped(&target, e->detector);
	put_options(&target, e);
	rc = em_text_check(&target, err) || em_temscript_get(t, em_text_get(&target), end, &answer, err) ? -1 : 0;
	em_text_release(&target);
	if (rc)
		return -1;
	describe(a, em_json_get(answer.json.tree, e->detector));
	em_temscript_answer_release(&answer);
	return 0;
}

/* The time, where it is left as it is set.  A scan has as many pixels as the binning leaves. */
static int expect_plain(struct shot *s, struct em_acquired *a, struct em_error *err)
{
	struct em_temscript_answer answer;
	double each = NAN;

	if (s->e->seconds > 0 || s->e->dwell > 0)
		return 0;
	if (find_detector(s, err) || choose_size(s, err) || em_temscript_get(s->t, s->params, s->end, &answer, err))
		return -1;
	em_json_number(em_json_get(answer.json.tree, s->scan ? "dwell_time(s)" : "exposure(s)"), &each);
	em_temscript_answer_release(&answer);
	if (s->scan)
		each *= s->e->width ? (double)s->e->width * (double)s->e->height
		                    : (double)binned(s, 0) * (double)binned(s, 1);
	if (each > 0)
		a->seconds = each;
	return 0;
}

int em_temscript_expect(struct em_temscript *t, double end, const struct em_exposure *e, struct em_acquired *a,
                        struct em_error *err)
{
	struct shot s = {.t = t, .end = end, .e = e};
	int there = em_temscript_is_extended(t, end, err);

	if (there < 0)
		return -1;
	return there ? expect_extended(t, end, e, a, err) : expect_plain(&s, a, err);
}
