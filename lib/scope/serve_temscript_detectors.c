/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_temscript_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char sizes[] = "FULL HALF QUARTER";
static const size_t binnings[] = {1, 2, 4, 8};

/* ---- which there are ---- */

const struct em_detector *em_temscript_find_detector(const struct em_temscript_site *site, const char *name,
                                                     size_t *place)
{
	const struct em_detector *d = em_capabilities_detector(&site->cap, name);

	if (d && place)
		*place = (size_t)(d - site->cap.detector);
	return d;
}

static void put_binnings(struct em_text *t)
{
	em_json_put_name(t, "binnings");
	em_text_append(t, "[1,2,4,8]");
}

static void put_detector(struct em_text *t, const struct em_detector *d)
{
	em_json_put_name(t, d->name);
	em_text_printf(t, "{\"type\":\"%s\",\"width\":%zu,\"height\":%zu",
	               d->kind == EM_DETECTOR_CAMERA ? "CAMERA" : "STEM_DETECTOR", d->width, d->height);
	put_binnings(t);
	if (d->kind == EM_DETECTOR_CAMERA)
		em_text_printf(t,
		               ",\"pixel_size(um)\":[%.9g,%.9g],\"shutter_modes\":[\"POST_SPECIMEN\"],"
		               "\"pre_exposure_limits(s)\":[0.0,0.0],\"pre_exposure_pause_limits(s)\":[0.0,0.0]",
		               d->pixel_m * 1e6, d->pixel_m * 1e6);
	em_text_append(t, "}");
}

static int get_detectors(struct em_temscript_call *c, bool cameras, bool scans)
{
	em_text_append(c->out, "{");
	for (size_t i = 0; i < c->site->cap.detectors; i++) {
		const struct em_detector *d = &c->site->cap.detector[i];

		if ((d->kind == EM_DETECTOR_CAMERA && cameras) || (d->kind == EM_DETECTOR_SCAN && scans))
			put_detector(c->out, d);
	}
	em_text_append(c->out, "}");
	return 1;
}

/* ---- their settings ---- */

static void put_setting(struct em_text *t, const struct em_temscript_setting *s, const char *time)
{
	size_t n = 0;
	const char *word = em_temscript_word_at(sizes, (int)s->size, &n);

	em_text_printf(t, "{\"image_size\":\"%.*s\",\"binning\":%zu,\"%s\":", (int)n, word, s->binning, time);
	em_temscript_put_exact(t, s->seconds);
}

static int get_camera(struct em_temscript_call *c, size_t place)
{
	put_setting(c->out, &c->site->camera[place], "exposure(s)");
	em_text_append(c->out,
	               ",\"correction\":\"DEFAULT\",\"exposure_mode\":\"NONE\",\"shutter_mode\":\"POST_SPECIMEN\","
	               "\"pre_exposure(s)\":0.0,\"pre_exposure_pause(s)\":0.0}");
	return 1;
}

static int get_scan(struct em_temscript_call *c)
{
	put_setting(c->out, &c->site->scan, "dwell_time(s)");
	em_text_append(c->out, "}");
	return 1;
}

static bool is_binning(double v)
{
	for (size_t i = 0; i < sizeof(binnings) / sizeof(*binnings); i++)
		if (v == (double)binnings[i])
			return true;
	return false;
}

/* One member of a PUT into the setting: false where it is not to be had. */
static bool change(struct em_temscript_setting *s, const char *time, const char *name, const struct em_json *node)
{
	static const struct {
		const char *name, *value; /* "": 0 */
	} fixed[] = {{"correction", "DEFAULT"},
	             {"exposure_mode", "NONE"},
	             {"shutter_mode", "POST_SPECIMEN"},
	             {"pre_exposure(s)", ""},
	             {"pre_exposure_pause(s)", ""}};
	const char *word = em_json_string(node);
	double v = -1;

	em_json_number(node, &v);
	if (!strcmp(name, "image_size")) {
		v = word ? em_temscript_word_find(sizes, word) : v;
		s->size = v == 0 || v == 1 || v == 2 ? (size_t)v : s->size;
		return (double)s->size == v;
	}
	if (!strcmp(name, "binning")) {
		s->binning = is_binning(v) ? (size_t)v : s->binning;
		return (double)s->binning == v;
	}
	if (!strcmp(name, time)) {
		s->seconds = v > 0 && v <= 3600 ? v : s->seconds;
		return s->seconds == v;
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (!strcmp(name, fixed[i].name))
			return *fixed[i].value ? word && !strcmp(word, fixed[i].value) : v == 0;
	return false;
}

/* All or nothing, but for what is not to be had where errors are to be passed over: any text for that is a yes. */
static int put_setting_of(struct em_temscript_call *c, struct em_temscript_setting *s, const char *time,
                          struct em_error *err)
{
	const char *ignore = em_serve_arg(c->q, "ignore_errors");
	struct em_temscript_setting fresh = *s;

	if (!em_json_is_object(c->json))
		return em_error_set(err, EM_ERROR_DATA, "%s: not an object", c->endpoint);
	for (const struct em_json *node = em_json_first(c->json); node; node = em_json_next(node))
		if (!change(&fresh, time, em_json_name(node), node) && !(ignore && *ignore))
			return em_error_set(err, EM_ERROR_DATA, "%s: '%.40s' cannot be that", c->endpoint,
			                    em_json_name(node));
	*s = fresh;
	return 1;
}

/* Brightness and contrast are not modelled: they are what they are. */
static int scan_detector(struct em_temscript_call *c, bool put, struct em_error *err)
{
	if (!put) {
		em_text_append(c->out, "{\"brightness\":0.5,\"contrast\":0.5}");
		return 1;
	}
	for (const struct em_json *node = em_json_first(c->json); node; node = em_json_next(node)) {
		const char *name = em_json_name(node);
		double v = 0;

		if (!name || (strcmp(name, "brightness") && strcmp(name, "contrast")) || !em_json_number(node, &v) ||
		    v != 0.5)
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s cannot be changed here", c->endpoint);
	}
	return 1;
}

/* camera_param/NAME, stem_detector_param/NAME, and detector_param/NAME for either. */
static int serve_param(struct em_temscript_call *c, const char *name, int kind, bool put, struct em_error *err)
{
	size_t place = 0;
	const struct em_detector *d = em_temscript_find_detector(c->site, name, &place);

	if (!d || d->kind == EM_DETECTOR_SPECTROMETER || (kind >= 0 && (int)d->kind != kind))
		return 0;
	if (d->kind == EM_DETECTOR_SCAN)
		return scan_detector(c, put, err);
	return put ? put_setting_of(c, &c->site->camera[place], "exposure(s)", err) : get_camera(c, place);
}

/* ---- exposures ---- */

int em_temscript_expose(struct em_temscript_site *site, const struct em_exposure *e, struct em_scope_shot *shot,
                        struct em_error *err)
{
	if (em_scope_expose(site->scope, e, shot, err))
		return -1;
	if (shot->done)
		return 0;
	em_scope_shot_release(shot);
	return em_error_set(err, EM_ERROR_REFUSED, "this is a dry run: there is no picture");
}

static int expose(struct em_temscript_call *c, size_t place, struct em_error *err)
{
	const struct em_detector *d = &c->site->cap.detector[place];
	bool scan = d->kind == EM_DETECTOR_SCAN;
	const struct em_temscript_setting *s = scan ? &c->site->scan : &c->site->camera[place];
	struct em_exposure e = {
	    .binning = s->binning, .seconds = scan ? 0 : s->seconds, .dwell = scan ? s->seconds : 0};
	struct em_scope_shot shot;

	memcpy(e.detector, d->name, sizeof(e.detector));
	if (s->size) {
		e.width = d->width / s->binning >> s->size;
		e.height = d->height / s->binning >> s->size;
	}
	if (em_temscript_expose(c->site, &e, &shot, err))
		return -1;
	em_json_put_name(c->out, d->name);
	em_temscript_put_image(c->out, &shot.got.data);
	em_text_append(c->out, "}");
	em_scope_shot_release(&shot);
	return 0;
}

/* Each once, however often it is named; those that there are not are passed over. */
static int acquire(struct em_temscript_call *c, struct em_error *err)
{
	bool done[EM_DETECTORS_MAX] = {false};
	size_t place;

	em_text_append(c->out, "{");
	for (size_t i = 0; i < c->q->args; i++) {
		const struct em_detector *d = em_temscript_find_detector(c->site, c->q->arg[i].value, &place);

		if (strcmp(c->q->arg[i].name, "detectors") || !d || d->kind == EM_DETECTOR_SPECTROMETER || done[place])
			continue;
		done[place] = true;
		if (expose(c, place, err))
			return -1;
	}
	em_text_append(c->out, "}");
	return 1;
}

int em_temscript_serve_detectors(struct em_temscript_call *c, bool put, struct em_error *err)
{
	static const struct {
		const char *prefix;
		int kind;
	} params[] = {
	    {"camera_param/", EM_DETECTOR_CAMERA}, {"stem_detector_param/", EM_DETECTOR_SCAN}, {"detector_param/", -1}};
	const char *name = c->endpoint;

	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
		if (!strncmp(name, params[i].prefix, strlen(params[i].prefix)))
			return serve_param(c, name + strlen(params[i].prefix), params[i].kind, put, err);
	if (!strcmp(name, "stem_acquisition_param"))
		return put ? put_setting_of(c, &c->site->scan, "dwell_time(s)", err) : get_scan(c);
	if (put)
		return 0;
	if (!strcmp(name, "acquire"))
		return acquire(c, err);
	if (!strcmp(name, "cameras") || !strcmp(name, "stem_detectors") || !strcmp(name, "detectors"))
		return get_detectors(c, *name != 's', *name != 'c');
	return 0;
}
