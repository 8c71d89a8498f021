/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/rpc_parts.h"

#include "scope/clock.h"
#include "scope/url_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char axes[] = "xyzab";

/* ---- what it has ---- */

static enum em_detector_kind kind_of(const struct em_json *node)
{
	const char *kind = em_json_string(em_json_get(node, "kind"));

	if (kind && !strcmp(kind, "camera"))
		return EM_DETECTOR_CAMERA;
	return kind && !strcmp(kind, "spectrometer") ? EM_DETECTOR_SPECTROMETER : EM_DETECTOR_SCAN;
}

static size_t size_of(const struct em_json *node, const char *name)
{
	double v;

	return em_json_number(em_json_get(node, name), &v) && v >= 1 && v <= EM_TEMSCRIPT_SIDE_MAX ? (size_t)v : 0;
}

static struct em_detector *add_detector(struct em_capabilities *c, const char *name, enum em_detector_kind kind)
{
	struct em_detector *d = &c->detector[c->detectors];

	if (c->detectors == EM_DETECTORS_MAX || strlen(name) >= sizeof(d->name))
		return NULL;
	c->detectors++;
	*d = (struct em_detector){.kind = kind, .inserted = true};
	snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

/* "detectors":{"haadf":{"size":512,...}}; a twin has a spectrometer that it does not list. */
static void add_detectors(struct em_capabilities *c, const struct em_json *list)
{
	struct em_detector *d;
	bool spectra = false;

	for (const struct em_json *node = em_json_first(list); node; node = em_json_next(node)) {
		d = em_json_name(node) ? add_detector(c, em_json_name(node), kind_of(node)) : NULL;
		if (!d)
			continue;
		d->width = size_of(node, "width") ? size_of(node, "width") : size_of(node, "size");
		d->height = size_of(node, "height") ? size_of(node, "height") : d->width;
		spectra |= d->kind == EM_DETECTOR_SPECTROMETER;
	}
	d = spectra ? NULL : add_detector(c, "EELS", EM_DETECTOR_SPECTROMETER);
	if (d) {
		d->width = 1024;
		d->height = 1;
	}
}

int em_rpc_capabilities(struct em_rpc *r, double ends, struct em_error *err)
{
	struct em_capabilities c = {.family = "JSON-RPC"};
	struct em_rpc_reply reply;
	const char *id;

	if (r->has_cap)
		return 0;
	if (em_rpc_ask(r, "get_microscope_state", NULL, ends, &reply, err))
		return -1;
	for (int i = 0; i < EM_CONTROLS; i++) {
		c.readable.known[i] = em_rpc_wire((enum em_control)i)->name != NULL;
		c.writable.known[i] = c.readable.known[i] && i != EM_VOLTAGE;
	}
	id = em_json_string(em_json_find(reply.result, "sample.name"));
	snprintf(c.id, sizeof(c.id), "%s", id ? id : "");
	add_detectors(&c, em_json_get(reply.result, "detectors"));
	em_rpc_reply_release(&reply);
	r->cap = c;
	r->has_cap = true;
	return 0;
}

static int capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	struct em_rpc *r = self;

	if (em_rpc_capabilities(r, em_clock_now() + deadline, err))
		return -1;
	*c = r->cap;
	return 0;
}

/* ---- reading ---- */

static bool is_wanted(const struct em_controls *want, int c, enum em_rpc_group group)
{
	const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

	return want->known[c] && w->name && w->group == group;
}

static bool any_wanted(const struct em_controls *want, enum em_rpc_group group)
{
	for (int c = 0; c < EM_CONTROLS; c++)
		if (is_wanted(want, c, group))
			return true;
	return false;
}

double em_rpc_number(const struct em_json *node, const char *name)
{
	double v;

	return em_json_number(em_json_get(node, name), &v) ? v : NAN;
}

/* The stage comes as a list, in the order of `axes`. */
static bool read_value(const struct em_rpc_reply *reply, enum em_control c, double *v)
{
	const struct em_rpc_wire *w = em_rpc_wire(c);
	const struct em_json *node = em_json_get(reply->result, w->name);
	const char *word = em_json_string(node);

	if (w->group == EM_RPC_STAGE) {
		node = em_json_first(reply->result);
		for (const char *a = axes; node && *a != *w->name; a++)
			node = em_json_next(node);
	}
	if (w->group == EM_RPC_MODE) {
		*v = word && !strcmp(word, "DIFF");
		return word && (!strcmp(word, "DIFF") || !strcmp(word, "IMG"));
	}
	if (!em_json_number(node, v))
		return false;
	*v *= w->si;
	return isfinite(*v);
}

int em_rpc_put_device(struct em_rpc *r, const char *device, double ends, struct em_text *t, struct em_error *err)
{
	if (em_rpc_capabilities(r, ends, err))
		return -1;
	for (size_t i = 0; i < r->cap.detectors && !device; i++)
		if (r->cap.detector[i].kind != EM_DETECTOR_SPECTROMETER)
			device = r->cap.detector[i].name;
	if (device) {
		em_json_put_name(t, "device");
		em_json_put_string(t, device);
	}
	return 0;
}

int em_rpc_get_group(struct em_rpc *r, enum em_rpc_group group, double ends, const struct em_controls *want,
                     struct em_controls *got, struct em_error *err)
{
	const struct em_rpc_method *m = em_rpc_method(group);
	struct em_rpc_reply reply;
	struct em_text t = {0};
	double v;

	if (m->device && em_rpc_put_device(r, NULL, ends, &t, err))
		return -1;
	if (em_rpc_ask(r, m->get, &t, ends, &reply, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++)
		if (is_wanted(want, c, group) && read_value(&reply, (enum em_control)c, &v))
			em_controls_set(got, (enum em_control)c, v);
	em_rpc_reply_release(&reply);
	return 0;
}

/* What a twin does not have, the others of which may well be there, is not told. */
static int get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
               struct em_error *err)
{
	double ends = em_clock_now() + deadline;
	struct em_controls fresh = {0};
	struct em_error why = {0};

	for (int g = 0; g < EM_RPC_GROUPS; g++)
		if (any_wanted(want, (enum em_rpc_group)g) &&
		    em_rpc_get_group(self, (enum em_rpc_group)g, ends, want, &fresh, &why) &&
		    why.kind != EM_ERROR_UNSUPPORTED)
			return em_error_set(err, why.kind, "%s", why.text);
	*got = fresh;
	return 0;
}

/* ---- setting ---- */

/* All five: one that is not told is taken for 0. */
static int fill_stage(struct em_rpc *r, double ends, struct em_controls *want, struct em_error *err)
{
	struct em_controls all = {0}, now = {0};

	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++)
		all.known[c] = true;
	if (em_rpc_get_group(r, EM_RPC_STAGE, ends, &all, &now, err))
		return -1;
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++) {
		if (want->known[c])
			continue;
		if (!now.known[c])
			return em_error_set(err, EM_ERROR_DATA,
			                    "get_stage does not tell %s, and a move without it would set it to 0",
			                    em_control_info((enum em_control)c)->name);
		em_controls_set(want, (enum em_control)c, now.value[c]);
	}
	return 0;
}

int em_rpc_check_set(const struct em_rpc_reply *reply, const char *method, struct em_error *err)
{
	double v;

	return em_json_number(reply->result, &v) && v == 0
	           ? em_error_set(err, EM_ERROR_REFUSED, "%s: it does not know that detector", method)
	           : 0;
}

static void put_values(struct em_text *t, enum em_rpc_group group, const struct em_controls *want)
{
	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

		if (!is_wanted(want, c, group))
			continue;
		em_json_put_name(t, w->name);
		if (group == EM_RPC_MODE)
			em_json_put_string(t, want->value[c] != 0 ? "DIFF" : "IMG");
		else
			em_json_put_number(t, want->value[c] / w->si);
	}
}

static int set_group(struct em_rpc *r, enum em_rpc_group group, double ends, const struct em_controls *want,
                     struct em_error *err)
{
	const struct em_rpc_method *m = em_rpc_method(group);
	struct em_controls all = *want;
	struct em_rpc_reply reply;
	struct em_text t = {0}, values = {0};
	int rc;

	if (group == EM_RPC_STAGE && fill_stage(r, ends, &all, err))
		return -1;
	if (m->device && em_rpc_put_device(r, NULL, ends, &t, err))
		return -1;
	if (m->wrap) {
		em_text_append(&values, "{");
		put_values(&values, group, &all);
		em_json_put_name(&t, m->wrap);
		em_text_printf(&t, "%s},\"relative\":false", em_text_get(&values));
		t.failed |= values.failed;
		em_text_release(&values);
	} else {
		put_values(&t, group, &all);
	}
	if (em_rpc_ask(r, m->set, &t, ends, &reply, err))
		return -1;
	rc = em_rpc_check_set(&reply, m->set, err);
	em_rpc_reply_release(&reply);
	return rc;
}

static int set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	double ends = em_clock_now() + deadline;

	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && (!em_rpc_wire((enum em_control)c)->name || c == EM_VOLTAGE))
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s cannot be set over this wire",
			                    em_control_info((enum em_control)c)->name);
	for (int g = 0; g < EM_RPC_GROUPS; g++)
		if (any_wanted(want, (enum em_rpc_group)g) && set_group(self, (enum em_rpc_group)g, ends, want, err))
			return -1;
	return 0;
}

static int motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*m = EM_AT_REST; /* the answer to set_stage comes when it is there */
	return 0;
}

static int stop(void *self, double deadline, struct em_error *err)
{
	(void)self, (void)deadline;
	return em_error_set(err, EM_ERROR_UNSUPPORTED, "this wire has no way to stop the stage");
}

/* ---- the rest ---- */

static int acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	return em_rpc_acquire(self, em_clock_now() + deadline, e, a, err);
}

static int expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a, struct em_error *err)
{
	return em_rpc_expect(self, em_clock_now() + deadline, e, a, err);
}

static int limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	struct em_rpc_reply reply;
	struct em_error why = {0};

	if (em_rpc_ask(self, "get_stage_limits", NULL, em_clock_now() + deadline, &reply, &why))
		return why.kind == EM_ERROR_UNSUPPORTED ? 0 : em_error_set(err, why.kind, "%s", why.text);
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

		hi[c] = fabs(em_rpc_number(reply.result, w->name) * w->si);
		lo[c] = -hi[c];
	}
	em_rpc_reply_release(&reply);
	return 0;
}

/* ---- open and close ---- */

static const struct em_driver driver = {.name = "rpc",
                                        .capabilities = capabilities,
                                        .get = get,
                                        .set = set,
                                        .motion = motion,
                                        .stop = stop,
                                        .acquire = acquire,
                                        .expect = expect,
                                        .limits = limits,
                                        .close = free};

static int check_ready(struct em_rpc *r, double ends, struct em_error *err)
{
	struct em_rpc_reply reply;
	const char *why;
	int rc = 0;

	if (em_rpc_ask(r, "is_ready", NULL, ends, &reply, err))
		return -1;
	why = em_json_string(em_json_get(reply.result, "error"));
	if (!em_json_is_true(em_json_get(reply.result, "ready")))
		rc =
		    em_error_set(err, EM_ERROR_UNREACHABLE, "it is not ready%s%.200s", why ? ": " : "", why ? why : "");
	em_rpc_reply_release(&reply);
	return rc;
}

static const struct em_driver *open_rpc(const char *rest, const char *state_dir, double deadline, void **self,
                                        struct em_error *err)
{
	struct em_rpc *r = calloc(1, sizeof(*r));
	const char *options;

	(void)state_dir;
	if (!r) {
		em_error_memory(err, sizeof(*r));
		return NULL;
	}
	if (em_http_parse_peer(&r->peer, rest, EM_RPC_PORT, &options, err) ||
	    em_url_options_read(NULL, 0, options, err) || check_ready(r, em_clock_now() + deadline, err)) {
		free(r);
		return NULL;
	}
	*self = r;
	return &driver;
}

const struct em_driver_kind em_driver_rpc = {
    .scheme = "rpc",
    .purpose = "netstring JSON-RPC 2.0: digital twins, emctl serve rpc",
    .open = open_rpc,
    .port = EM_RPC_PORT,
    .no_stop = true,
};
