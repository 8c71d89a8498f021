/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures and spectra over the JSON-RPC wire. */
#include "scope/rpc_parts.h"

#include <math.h>
#include <string.h>

/* ---- as the detector is to be set ---- */

static int ask_setting(struct em_rpc *r, const char *method, const char *device, const char *name, double value,
                       double ends, struct em_error *err)
{
	struct em_rpc_reply reply;
	struct em_text t = {0};
	int rc;

	if (em_rpc_put_device(r, device, ends, &t, err))
		return -1;
	em_json_put_name(&t, name);
	em_json_put_number(&t, value);
	if (em_rpc_ask(r, method, &t, ends, &reply, err))
		return -1;
	rc = em_rpc_check_set(&reply, method, err);
	em_rpc_reply_release(&reply);
	return rc;
}

/* Pixels along a side that are asked for; 0: as it is. */
static int side_of(const struct em_detector *d, const struct em_exposure *e, size_t *side, struct em_error *err)
{
	if (e->width && e->height && e->width != e->height)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "pictures are square over this wire");
	*side = e->width ? e->width : e->height;
	if (!*side && e->binning > 1)
		*side = d->width / e->binning;
	return 0;
}

static int prepare(struct em_rpc *r, const struct em_detector *d, const struct em_exposure *e, size_t side, double ends,
                   struct em_error *err)
{
	if (side && ask_setting(r, "set_resolution", d->name, "resolution_px", (double)side, ends, err))
		return -1;
	if (e->seconds > 0 && ask_setting(r, "device_settings", d->name, "exposure", e->seconds, ends, err))
		return -1;
	return e->dwell > 0 ? ask_setting(r, "device_settings", d->name, "dwell_us", e->dwell * 1e6, ends, err) : 0;
}

/* ---- taking one ---- */

/* What only `emctl serve` tells. */
static void read_extra(const struct em_json *em, struct em_acquired *a)
{
	const struct em_json *row = em_json_first(em_json_get(em, "to_stage"));
	double v[3];

	if (em_json_numbers(em_json_get(em, "scale"), v, 3) == 2)
		memcpy(a->scale, v, sizeof(a->scale));
	for (int k = 0; k < 2; k++, row = em_json_next(row))
		if (em_json_numbers(row, v, 3) == 2)
			memcpy(a->to_stage[k], v, sizeof(a->to_stage[k]));
	a->seconds = em_rpc_number(em, "seconds");
	a->dose = em_rpc_number(em, "dose");
	a->electrons = em_rpc_number(em, "electrons");
}

/* The field's width over the pixels; a pattern has none. */
static int read_scale(struct em_rpc *r, const char *device, size_t pixels, double ends, struct em_acquired *a,
                      struct em_error *err)
{
	struct em_controls want = {.known = {[EM_PROJECTION] = true}}, at = {0};
	struct em_rpc_reply reply;
	struct em_text t = {0};

	if (em_rpc_get_group(r, EM_RPC_MODE, ends, &want, &at, err))
		return -1;
	if (!at.known[EM_PROJECTION] || at.value[EM_PROJECTION] != 0)
		return 0;
	if (em_rpc_put_device(r, device, ends, &t, err) || em_rpc_ask(r, "get_magnification", &t, ends, &reply, err))
		return -1;
	a->scale[0] = a->scale[1] = em_rpc_number(reply.result, "field_of_view_um") * 1e-6 / (double)pixels;
	em_rpc_reply_release(&reply);
	return 0;
}

static int take_image(struct em_rpc *r, const struct em_detector *d, size_t side, double ends, struct em_acquired *a,
                      struct em_error *err)
{
	struct em_rpc_reply reply;
	struct em_text t = {0};
	bool told;
	int rc;

	if (em_rpc_put_device(r, d->name, ends, &t, err) || em_rpc_ask(r, "acquire_image", &t, ends, &reply, err))
		return -1;
	rc = em_rpc_image(&reply, reply.result, &a->data, err);
	if (!rc)
		read_extra(em_json_get(reply.result, "em"), a);
	told = em_json_get(reply.result, "em") != NULL;
	em_rpc_reply_release(&reply);
	if (!rc && side && (a->data.shape[0] != side || a->data.shape[1] != side))
		rc = em_error_set(err, EM_ERROR_MISSED, "a picture of %zu x %zu px, and not of %zu x %zu",
		                  a->data.shape[1], a->data.shape[0], side, side);
	return rc || told ? rc : read_scale(r, d->name, a->data.shape[1], ends, a, err);
}

static int take_spectrum(struct em_rpc *r, const struct em_exposure *e, double ends, struct em_acquired *a,
                         struct em_error *err)
{
	struct em_rpc_reply reply;
	struct em_text t = {0};
	int rc;

	if (e->width) {
		em_json_put_name(&t, "n_channels");
		em_json_put_number(&t, (double)e->width);
	}
	if (em_rpc_ask(r, "acquire_spectrum", &t, ends, &reply, err))
		return -1;
	rc = em_rpc_spectrum(reply.result, &a->data, &a->scale[1], &a->offset, err);
	if (!rc)
		read_extra(em_json_get(reply.result, "em"), a);
	em_rpc_reply_release(&reply);
	return rc;
}

int em_rpc_acquire(struct em_rpc *r, double ends, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	struct em_acquired got = {.scale = {NAN, NAN},
	                          .offset = NAN,
	                          .to_stage = {{NAN, NAN}, {NAN, NAN}},
	                          .seconds = NAN,
	                          .dose = NAN,
	                          .electrons = NAN};
	const struct em_detector *d;
	size_t side = 0;
	int rc;

	if (em_rpc_capabilities(r, ends, err))
		return -1;
	d = em_capabilities_detector(&r->cap, e->detector);
	if (!d)
		return em_error_set(err, EM_ERROR_REFUSED, "there is no detector '%s'", e->detector);
	if (d->kind == EM_DETECTOR_SPECTROMETER)
		rc = take_spectrum(r, e, ends, &got, err);
	else
		rc = side_of(d, e, &side, err) || prepare(r, d, e, side, ends, err) ||
		             take_image(r, d, side, ends, &got, err)
		         ? -1
		         : 0;
	if (rc)
		em_acquired_release(&got);
	else
		*a = got;
	return rc;
}

int em_rpc_expect(struct em_rpc *r, double ends, const struct em_exposure *e, struct em_acquired *a,
                  struct em_error *err)
{
	const struct em_detector *d;
	struct em_error why = {0};
	size_t side = 0;

	if (em_rpc_capabilities(r, ends, err))
		return -1;
	d = em_capabilities_detector(&r->cap, e->detector);
	if (!d || d->kind == EM_DETECTOR_SPECTROMETER || side_of(d, e, &side, &why) || !(side || d->width))
		return 0; /* acquire says what is wrong with it */
	if (!read_scale(r, d->name, side ? side : d->width, ends, a, &why) || why.kind == EM_ERROR_UNSUPPORTED)
		return 0;
	return em_error_set(err, why.kind, "%s", why.text);
}
