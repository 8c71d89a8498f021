/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/jeol.h"

#include "base/json.h"
#include "base/text.h"
#include "io/bytes.h"
#include "scope/clock.h"
#include "scope/http.h"
#include "scope/temscript_parts.h"
#include "scope/url_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "/DetectorRESTService/Detector"
#define REPLY_MAX ((size_t)1 << 20)
#define PIXELS_MAX ((size_t)1 << 30)
#define SIDE_MAX 65536

struct jeol {
	struct em_http_peer peer;
	const struct em_driver *bridge; /* NULL: none */
	void *bridge_self;
	struct em_capabilities cap;
	bool has_cap;
};

/* ---- asking ---- */

static int fault(const struct em_http_reply *reply, struct em_error *err)
{
	enum em_error_kind kind = EM_ERROR_REFUSED;

	if (reply->status < 400)
		kind = EM_ERROR_DATA;
	else if (reply->status == 404 || reply->status == 405 || reply->status == 501)
		kind = EM_ERROR_UNSUPPORTED;
	else if (reply->status >= 502 && reply->status <= 504)
		kind = EM_ERROR_UNREACHABLE;
	return em_error_set(err, kind, "HTTP %d %s", reply->status, reply->reason);
}

/* name: of a detector, or NULL.  body NULL: GET. */
static int ask(const struct jeol *j, const char *name, const char *what, const char *body, size_t max, double ends,
               struct em_http_reply *reply, struct em_error *err)
{
	struct em_text target = {0};
	int rc;

	em_text_append(&target, BASE);
	if (name) {
		em_text_append(&target, "/");
		em_temscript_put_escaped(&target, name);
	}
	em_text_printf(&target, "/%s", what);
	rc = em_text_check(&target, err);
	if (!rc) {
		const struct em_http_request r = {body ? "POST" : "GET", em_text_get(&target), body, ends, max};

		rc = em_http_run(&j->peer, &r, reply, err);
	}
	em_text_release(&target);
	if (!rc && (reply->status < 200 || reply->status > 299)) {
		rc = fault(reply, err);
		em_http_reply_release(reply);
	}
	return rc ? em_error_prefix(err, "%s%s%s: ", name ? name : "", name ? " " : "", what) : 0;
}

/* NULL, or a tree to free. */
static struct em_json *ask_json(const struct jeol *j, const char *name, const char *what, const char *body, double ends,
                                struct em_error *err)
{
	struct em_http_reply reply;
	struct em_json *tree;

	if (ask(j, name, what, body, REPLY_MAX, ends, &reply, err))
		return NULL;
	tree = em_json_parse(reply.body, reply.len, err);
	em_http_reply_release(&reply);
	if (!tree)
		em_error_prefix(err, "%s: ", what);
	return tree;
}

/* ---- what it has ---- */

/* Is the name one of the values of {"0":"BF","1":"ADF1"}? */
static bool is_assigned(const struct em_json *channels, const char *name)
{
	for (const struct em_json *node = em_json_first(channels); node; node = em_json_next(node))
		if (em_json_string(node) && !strcmp(em_json_string(node), name))
			return true;
	return false;
}

static bool read_size(const struct em_json *settings, size_t *width, size_t *height)
{
	const struct em_json *size = em_json_find(settings, "OutputImageInformation.ImageSize");
	double w, h;

	if (!em_json_number(em_json_get(size, "Width"), &w) || !em_json_number(em_json_get(size, "Height"), &h) ||
	    !(w >= 1 && h >= 1 && w <= SIDE_MAX && h <= SIDE_MAX) || w != floor(w) || h != floor(h))
		return false;
	*width = (size_t)w;
	*height = (size_t)h;
	return true;
}

static void add_detector(const struct jeol *j, const char *name, bool scans, double ends, struct em_capabilities *c)
{
	struct em_detector *d = &c->detector[c->detectors];
	struct em_json *settings;

	if (!name || !*name || c->detectors == EM_DETECTORS_MAX || strlen(name) >= sizeof(d->name))
		return;
	*d = (struct em_detector){.kind = scans ? EM_DETECTOR_SCAN : EM_DETECTOR_CAMERA, .inserted = true};
	snprintf(d->name, sizeof(d->name), "%s", name);
	settings = ask_json(j, name, "Setting", NULL, ends, NULL);
	read_size(settings, &d->width, &d->height);
	em_json_free(settings);
	c->detectors++;
}

static int find_detectors(const struct jeol *j, double ends, struct em_capabilities *c, struct em_error *err)
{
	struct em_json *names = ask_json(j, NULL, "GetAttachedDetector", NULL, ends, err), *channels;

	if (!names)
		return -1;
	channels = ask_json(j, NULL, "GetAssignChannels", NULL, ends, NULL);
	c->detectors = 0;
	for (const struct em_json *node = em_json_first(names); node; node = em_json_next(node)) {
		const char *name = em_json_string(node);

		add_detector(j, name, name && is_assigned(channels, name), ends, c);
	}
	em_json_free(channels);
	em_json_free(names);
	return 0;
}

static int need_capabilities(struct jeol *j, double ends, struct em_error *err)
{
	struct em_capabilities c = {0};

	if (j->has_cap)
		return 0;
	if (j->bridge && j->bridge->capabilities(j->bridge_self, ends - em_clock_now(), &c, err))
		return em_error_prefix(err, "bridge: ");
	if (!*c.family)
		snprintf(c.family, sizeof(c.family), "JEOL");
	if (find_detectors(j, ends, &c, err))
		return -1;
	j->cap = c;
	j->has_cap = true;
	return 0;
}

static int capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	struct jeol *j = self;

	if (need_capabilities(j, em_clock_now() + deadline, err))
		return -1;
	*c = j->cap;
	return 0;
}

/* ---- pictures ---- */

static double unit_of(const struct em_detector *d)
{
	return d->kind == EM_DETECTOR_SCAN ? 1e-6 : 1e-3;
}

/* The reply has what it became, which may be another time. */
static int set_time(const struct jeol *j, const struct em_detector *d, double seconds, double ends,
                    struct em_error *err)
{
	struct em_json *reply;
	double want = seconds / unit_of(d), got = NAN;
	char body[64];

	if (!(seconds > 0))
		return 0;
	snprintf(body, sizeof(body), "{\"ExposureTimeValue\":%.9g}", want);
	reply = ask_json(j, d->name, "Setting", body, ends, err);
	if (!reply)
		return -1;
	em_json_number(em_json_get(reply, "ExposureTimeValue"), &got);
	em_json_free(reply);
	if (!(fabs(got - want) <= 0.01 * want))
		return em_error_set(err, EM_ERROR_MISSED, "%s: an exposure of %g s became %g s", d->name, seconds,
		                    got * unit_of(d));
	return 0;
}

static int take_pixels(const struct em_http_reply *reply, size_t width, size_t height, struct em_array *a,
                       struct em_error *err)
{
	size_t part = reply->len / (width * height);

	if (part * width * height != reply->len || (part != 1 && part != 2))
		return em_error_set(err, EM_ERROR_DATA, "%zu bytes are no picture of %zu x %zu px in 8 or 16 bits",
		                    reply->len, width, height);
	if (em_array_alloc_image(a, part == 1 ? EM_U8 : EM_U16, height, width, err))
		return -1;
	em_bytes_copy(a->data, (const unsigned char *)reply->body, width * height, part, false);
	return 0;
}

static int take_picture(const struct jeol *j, const struct em_detector *d, double ends, struct em_acquired *a,
                        struct em_error *err)
{
	struct em_json *settings = ask_json(j, d->name, "Setting", NULL, ends, err);
	struct em_http_reply reply;
	size_t width = 0, height = 0;
	double time = NAN;
	bool told;
	int rc;

	if (!settings)
		return -1;
	told = read_size(settings, &width, &height);
	em_json_number(em_json_get(settings, "ExposureTimeValue"), &time);
	em_json_free(settings);
	if (!told)
		return em_error_set(err, EM_ERROR_DATA, "%s: it does not tell its pictures' size", d->name);
	if (ask(j, d->name, "CreateRawData", NULL, PIXELS_MAX, ends, &reply, err))
		return -1;
	rc = take_pixels(&reply, width, height, &a->data, err);
	em_http_reply_release(&reply);
	a->seconds = time * unit_of(d) * (d->kind == EM_DETECTOR_SCAN ? (double)(width * height) : 1);
	return rc;
}

static int acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	struct em_acquired got = {.scale = {NAN, NAN},
	                          .offset = NAN,
	                          .to_stage = {{NAN, NAN}, {NAN, NAN}},
	                          .seconds = NAN,
	                          .dose = NAN,
	                          .electrons = NAN};
	double ends = em_clock_now() + deadline;
	const struct em_detector *d;
	struct jeol *j = self;

	if (need_capabilities(j, ends, err))
		return -1;
	d = em_capabilities_detector(&j->cap, e->detector);
	if (!d)
		return em_error_set(err, EM_ERROR_REFUSED, "there is no detector '%s'", e->detector);
	if (e->width || e->height || e->binning > 1)
		return em_error_set(err, EM_ERROR_UNSUPPORTED,
		                    "%s: the size of its pictures and its binning are set at the instrument", d->name);
	if (set_time(j, d, d->kind == EM_DETECTOR_SCAN ? e->dwell : e->seconds, ends, err) ||
	    take_picture(j, d, ends, &got, err))
		return -1;
	*a = got;
	return 0;
}

/* ---- what the bridge does ---- */

static int no_bridge(struct em_error *err)
{
	return em_error_set(err, EM_ERROR_UNSUPPORTED,
	                    "stage and optics of a JEOL need a bridge: jeol://HOST?bridge=PC:8080");
}

static int get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
               struct em_error *err)
{
	const struct jeol *j = self;

	return j->bridge ? j->bridge->get(j->bridge_self, deadline, want, got, err) : no_bridge(err);
}

static int set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	const struct jeol *j = self;

	return j->bridge ? j->bridge->set(j->bridge_self, deadline, want, err) : no_bridge(err);
}

static int motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	const struct jeol *j = self;

	return j->bridge ? j->bridge->motion(j->bridge_self, deadline, m, err) : no_bridge(err);
}

static int stop(void *self, double deadline, struct em_error *err)
{
	const struct jeol *j = self;

	return j->bridge && j->bridge->stop ? j->bridge->stop(j->bridge_self, deadline, err) : no_bridge(err);
}

static int limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	const struct jeol *j = self;

	return j->bridge && j->bridge->limits ? j->bridge->limits(j->bridge_self, deadline, lo, hi, err)
	                                      : no_bridge(err);
}

/* ---- open and close ---- */

static void close_jeol(void *self)
{
	struct jeol *j = self;

	if (j->bridge)
		j->bridge->close(j->bridge_self);
	free(j);
}

static const struct em_driver driver = {.name = "jeol",
                                        .capabilities = capabilities,
                                        .get = get,
                                        .set = set,
                                        .motion = motion,
                                        .stop = stop,
                                        .acquire = acquire,
                                        .limits = limits,
                                        .close = close_jeol};

static int open_bridge(struct jeol *j, const char *options, const char *state_dir, double deadline,
                       struct em_error *err)
{
	struct em_url_option o[] = {{.name = "bridge"}};
	char rest[EM_URL_VALUE + 2];

	if (em_url_options_read(o, 1, options, err))
		return -1;
	if (!*o[0].value)
		return 0;
	snprintf(rest, sizeof(rest), "//%s", o[0].value);
	j->bridge = em_driver_http.open(rest, state_dir, deadline, &j->bridge_self, err);
	return j->bridge ? 0 : em_error_prefix(err, "bridge: ");
}

static const struct em_driver *open_jeol(const char *rest, const char *state_dir, double deadline, void **self,
                                         struct em_error *err)
{
	struct jeol *j = calloc(1, sizeof(*j));
	const char *options;

	if (!j) {
		em_error_memory(err, sizeof(*j));
		return NULL;
	}
	if (em_http_parse_peer(&j->peer, rest, EM_JEOL_PORT, &options, err) ||
	    open_bridge(j, options, state_dir, deadline, err)) {
		free(j);
		return NULL;
	}
	*self = j;
	return &driver;
}

const struct em_driver_kind em_driver_jeol = {
    .scheme = "jeol",
    .purpose = "JEOL: TEMCenter's detectors, and a bridge for the rest: jeol://HOST?bridge=PC (untested)",
    .open = open_jeol,
    .port = EM_JEOL_PORT,
};
