/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON-RPC server's detectors, pictures and spectra. */
#include "scope/serve_rpc.h"

#include "base/base64.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SIDE_MAX 4096 /* pixels that a client may ask for, where the detector has not more */
#define CHANNELS_MAX 65536

static const char *const kinds[] = {
    [EM_DETECTOR_CAMERA] = "camera", [EM_DETECTOR_SCAN] = "scan", [EM_DETECTOR_SPECTROMETER] = "spectrometer"};

int em_serve_rpc_init(struct em_serve_rpc *s, struct em_scope *scope, struct em_error *err)
{
	*s = (struct em_serve_rpc){.scope = scope};
	if (em_scope_capabilities(scope, &s->cap, err))
		return -1;
	for (size_t i = 0; i < s->cap.detectors; i++)
		s->detector[i].is = &s->cap.detector[i];
	return 0;
}

/* ---- detectors ---- */

/* Twins say "haadf". */
struct em_serve_rpc_detector *em_serve_rpc_find(struct em_serve_rpc *s, const struct em_json *device,
                                                struct em_error *err)
{
	const char *name = em_json_string(device);

	for (size_t i = 0; i < s->cap.detectors; i++)
		if (s->detector[i].is->kind != EM_DETECTOR_SPECTROMETER &&
		    (name ? !strcasecmp(name, s->detector[i].is->name) : !device))
			return &s->detector[i];
	em_error_set(err, EM_ERROR_USAGE, "there is no detector '%.60s': get_detectors lists them", name ? name : "");
	return NULL;
}

#define BINNING_MAX 64

/* A resolution is that of the whole field: a camera bins for it, where its pixels go into so many. */
static struct em_exposure exposure_of(const struct em_serve_rpc_detector *d)
{
	struct em_exposure e = {.width = d->side, .height = d->side, .seconds = d->seconds, .dwell = d->dwell};

	if (d->is->kind == EM_DETECTOR_CAMERA && d->side && d->is->width % d->side == 0 &&
	    d->is->width / d->side <= BINNING_MAX)
		e.binning = d->is->width / d->side;
	snprintf(e.detector, sizeof(e.detector), "%s", d->is->name);
	return e;
}

double em_serve_rpc_field(struct em_serve_rpc *s, const struct em_serve_rpc_detector *d)
{
	const struct em_driver *driver = s->scope->driver;
	struct em_exposure e = exposure_of(d);
	struct em_acquired a = {.scale = {NAN, NAN}};
	size_t width = d->side ? d->side : d->is->width;

	if (!driver->expect || driver->expect(s->scope->self, em_scope_deadline(s->scope, 1), &e, &a, NULL))
		return NAN;
	return a.scale[1] * (double)width;
}

static size_t side_of(const struct em_serve_rpc_detector *d)
{
	return d->side ? d->side : d->is->width;
}

static void put_detector(struct em_serve_rpc *s, struct em_text *t, const struct em_serve_rpc_detector *d)
{
	em_text_printf(t, "{\"kind\":\"%s\",\"size\":%zu,\"width\":%zu,\"height\":%zu,\"binning\":1",
	               kinds[d->is->kind], side_of(d), d->is->width, d->is->height);
	em_json_put_name(t, "exposure");
	em_json_put_number(t, d->seconds > 0 ? d->seconds : NAN);
	em_json_put_name(t, "dwell_us");
	em_json_put_number(t, d->dwell > 0 ? d->dwell * 1e6 : NAN);
	em_json_put_name(t, "field_of_view_um");
	em_json_put_number(t, d->is->kind == EM_DETECTOR_SPECTROMETER ? NAN : em_serve_rpc_field(s, d) * 1e6);
	em_text_append(t, "}");
}

void em_serve_rpc_put_detectors(struct em_serve_rpc *s, struct em_text *t)
{
	em_text_append(t, "{");
	for (size_t i = 0; i < s->cap.detectors; i++) {
		em_json_put_name(t, s->cap.detector[i].name);
		put_detector(s, t, &s->detector[i]);
	}
	em_text_append(t, "}");
}

int em_serve_rpc_detectors(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                           struct em_error *err)
{
	(void)params, (void)err;
	em_text_append(t, "[");
	for (size_t i = 0; i < s->cap.detectors; i++)
		if (s->cap.detector[i].kind != EM_DETECTOR_SPECTROMETER) {
			em_json_put_comma(t);
			em_json_put_string(t, s->cap.detector[i].name);
		}
	em_text_append(t, "]");
	return 0;
}

/* ---- settings ---- */

static int read_side(const struct em_json *node, const struct em_serve_rpc_detector *d, size_t *side,
                     struct em_error *err)
{
	size_t most = d->is->width > SIDE_MAX ? d->is->width : SIDE_MAX;
	double v;

	if (!em_json_number(node, &v) || !(v >= 1 && v <= (double)most) || v != floor(v))
		return em_error_set(err, EM_ERROR_USAGE, "a picture has 1 to %zu pixels along a side", most);
	*side = (size_t)v;
	return 0;
}

static int read_time(const struct em_json *node, double unit, double *seconds, struct em_error *err)
{
	double v;

	if (!node)
		return 0;
	if (!em_json_number(node, &v) || !(v > 0 && v * unit <= 3600))
		return em_error_set(err, EM_ERROR_USAGE, "%s is a time, greater than 0 and up to an hour",
		                    em_json_name(node));
	*seconds = v * unit;
	return 0;
}

/* 0 for a detector that is not there, as the twins have it; 1. */
int em_serve_rpc_settings(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), NULL), fresh;

	if (!d) {
		em_text_append(t, "0");
		return 0;
	}
	fresh = *d;
	if ((em_json_get(params, "size") && read_side(em_json_get(params, "size"), d, &fresh.side, err)) ||
	    read_time(em_json_get(params, "exposure"), 1, &fresh.seconds, err) ||
	    read_time(em_json_get(params, "dwell_us"), 1e-6, &fresh.dwell, err))
		return -1;
	if (em_json_get(params, "magnification") && em_serve_rpc_set_magnification(s, params, err))
		return -1;
	*d = fresh;
	em_text_append(t, "1");
	return 0;
}

static void put_resolution(struct em_text *t, const struct em_serve_rpc_detector *d)
{
	em_text_printf(t, "{\"resolution_px\":%zu,\"allowed\":[512,1024,2048]}", side_of(d));
}

int em_serve_rpc_get_resolution(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                                struct em_error *err)
{
	const struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), err);

	if (!d)
		return -1;
	put_resolution(t, d);
	return 0;
}

int em_serve_rpc_set_resolution(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                                struct em_error *err)
{
	struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), err);

	if (!d || read_side(em_json_get(params, "resolution_px"), d, &d->side, err))
		return -1;
	put_resolution(t, d);
	return 0;
}

/* ---- exposures ---- */

/* What a twin's wire has no place for (rpc.h). */
static void put_extra(struct em_text *t, const struct em_scope_shot *shot)
{
	const struct em_acquired *a = &shot->got;

	em_text_append(t, "\"em\":{\"scale\":");
	em_json_put_numbers(t, a->scale, 2);
	em_text_append(t, ",\"to_stage\":[");
	em_json_put_numbers(t, a->to_stage[0], 2);
	em_text_append(t, ",");
	em_json_put_numbers(t, a->to_stage[1], 2);
	em_text_append(t, "]");
	em_json_put_name(t, "seconds");
	em_json_put_number(t, a->seconds);
	em_json_put_name(t, "dose");
	em_json_put_number(t, shot->dose);
	em_json_put_name(t, "electrons");
	em_json_put_number(t, a->electrons);
	em_text_append(t, "}");
}

static int expose(struct em_serve_rpc *s, const struct em_exposure *e, struct em_scope_shot *shot, struct em_error *err)
{
	if (em_scope_expose(s->scope, e, shot, err))
		return -1;
	return shot->done ? 0 : em_error_set(err, EM_ERROR_UNSUPPORTED, "a dry run takes no pictures");
}

int em_serve_rpc_image(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	const struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), err);
	struct em_scope_shot shot;
	struct em_exposure e;

	if (!d)
		return -1;
	e = exposure_of(d);
	if (expose(s, &e, &shot, err))
		return -1;
	em_text_append(t, "{\"__ndarray_b64__\":\"");
	em_base64_append(t, shot.got.data.data, em_array_bytes(&shot.got.data));
	em_text_printf(t, "\",\"shape\":[%zu,%zu],\"dtype\":\"%s\",", shot.got.data.shape[0], shot.got.data.shape[1],
	               em_dtype_name(shot.got.data.dtype));
	put_extra(t, &shot);
	em_text_append(t, "}");
	em_scope_shot_release(&shot);
	return 0;
}

/* ev_min to ev_max, both of them channels. */
static int set_window(struct em_serve_rpc *s, double lo, double hi, size_t channels, struct em_error *err)
{
	struct em_controls want = {0}, got;

	if (!(hi > lo) || channels < 2)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a window goes from ev_min up to ev_max, in 2 channels or more");
	em_controls_set(&want, EM_ENERGY_OFFSET, lo);
	em_controls_set(&want, EM_DISPERSION, (hi - lo) / (double)(channels - 1));
	return em_scope_move(s->scope, &want, &got, err);
}

static void put_spectrum(struct em_text *t, const struct em_acquired *a)
{
	size_t n = em_array_count(&a->data);

	em_text_append(t, "{\"energy_ev\":[");
	for (size_t i = 0; i < n; i++) {
		em_json_put_comma(t);
		em_json_put_number(t, a->offset + a->scale[1] * (double)i);
	}
	em_text_append(t, "],\"intensity\":[");
	for (size_t i = 0; i < n; i++) {
		em_json_put_comma(t);
		em_json_put_number(t, em_array_get(&a->data, i));
	}
	em_text_append(t, "],");
}

int em_serve_rpc_spectrum(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	double lo, hi, channels = 0;
	struct em_scope_shot shot;
	struct em_exposure e = {0};
	size_t i = 0;

	while (i < s->cap.detectors && s->cap.detector[i].kind != EM_DETECTOR_SPECTROMETER)
		i++;
	if (i == s->cap.detectors)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "there is no spectrometer");
	snprintf(e.detector, sizeof(e.detector), "%s", s->cap.detector[i].name);
	e.height = 1;
	e.width = s->cap.detector[i].width;
	if (em_json_number(em_json_get(params, "n_channels"), &channels)) {
		if (!(channels >= 2 && channels <= CHANNELS_MAX) || channels != floor(channels))
			return em_error_set(err, EM_ERROR_USAGE, "n_channels is 2 to %d", CHANNELS_MAX);
		e.width = (size_t)channels;
	}
	if (em_json_number(em_json_get(params, "ev_min"), &lo) && em_json_number(em_json_get(params, "ev_max"), &hi) &&
	    set_window(s, lo, hi, e.width, err))
		return -1;
	if (expose(s, &e, &shot, err))
		return -1;
	put_spectrum(t, &shot.got);
	put_extra(t, &shot);
	em_text_append(t, "}");
	em_scope_shot_release(&shot);
	return 0;
}
