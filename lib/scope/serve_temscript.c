/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_temscript_parts.h"

#include <math.h>
#include <string.h>

#define WAITING 32

/* ---- the table behind magnification_index ---- */

static const double magnifications[] = {25,   50,   100,  200,   400,   800,   1200,  1500,  2000,  2500,  3000,
                                        4000, 5000, 6000, 8000,  10000, 12000, 15000, 20000, 25000, 30000, 40000,
                                        5e4,  6e4,  8e4,  1e5,   1.2e5, 1.5e5, 2e5,   2.5e5, 3e5,   4e5,   5e5,
                                        6e5,  8e5,  1e6,  1.2e6, 1.5e6, 2e6,   2.5e6, 3e6,   4e6,   5e6};
static const double lengths_m[] = {0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3,
                                   0.4,  0.5,  0.6,  0.8,  1,    1.2, 1.5,  2,    2.5, 3,    4};

static const double *table_of(bool lengths, int *n)
{
	*n = (int)(lengths ? sizeof(lengths_m) / sizeof(*lengths_m) : sizeof(magnifications) / sizeof(*magnifications));
	return lengths ? lengths_m : magnifications;
}

int em_temscript_step_of(bool lengths, double value)
{
	int n, best = 0;
	const double *table = table_of(lengths, &n);

	for (int i = 1; i < n; i++)
		if (fabs(log(table[i] / value)) < fabs(log(table[best] / value)))
			best = i;
	return best + 1;
}

double em_temscript_step_at(bool lengths, double place)
{
	int n;
	const double *table = table_of(lengths, &n);

	return place >= 1 && place <= n && place == floor(place) ? table[(int)place - 1] : 0;
}

/* ---- answers ---- */

static void fail(struct em_serve_answer *a, int status, const char *code, const char *text)
{
	em_text_clear(&a->text);
	a->status = status;
	em_text_printf(&a->text, "%s%s", code, text);
}

/* The codes of the instrument's own library say what a status cannot. */
static void explain(struct em_serve_answer *a, const struct em_error *err)
{
	switch (err->kind) {
	case EM_ERROR_MISSED: fail(a, 500, "E_VALUE_CLIP: ", err->text); break;
	case EM_ERROR_UNSUPPORTED: fail(a, 500, "E_NOT_IMPLEMENTED: ", err->text); break;
	case EM_ERROR_UNREACHABLE: fail(a, 504, "", err->text); break;
	default: fail(a, 500, "", err->text);
	}
}

static int dispatch(struct em_temscript_call *c, bool put, struct em_error *err)
{
	const char *path = c->q->path;
	int rc = 0;

	if (!strncmp(path, "/em/v1/", 7)) {
		c->endpoint = path + 7;
		return em_temscript_serve_extended(c, put, err);
	}
	if (strncmp(path, "/v1/", 4))
		return 0;
	c->endpoint = path + 4;
	rc = em_temscript_serve_detectors(c, put, err);
	if (!rc)
		rc = put ? em_temscript_serve_put(c, err) : em_temscript_serve_get(c, err);
	return rc;
}

/* Who holds the instrument writes down that somebody stopped it. */
static void log_halts(struct em_temscript_site *site)
{
	struct em_scope_end end = {.what = "stop", .alone = true, .lasting = true};

	for (int n = atomic_exchange(&site->halts, 0); n > 0; n--) {
		em_scope_begin(site->scope);
		em_scope_log_end(site->scope, &end, 0, NULL);
	}
}

static int halt(struct em_temscript_site *site, struct em_error *err)
{
	if (em_scope_halt(site->scope, err))
		return -1;
	atomic_fetch_add(&site->halts, 1);
	if (!pthread_mutex_trylock(&site->one)) {
		log_halts(site);
		pthread_mutex_unlock(&site->one);
	}
	return 1;
}

/* A command waits for the one before it; stopping does not. */
static int perform(struct em_temscript_call *c, bool put, struct em_error *err)
{
	int rc;

	if (put && !strcmp(c->q->path, "/em/v1/stop"))
		return halt(c->site, err);
	if (atomic_fetch_add(&c->site->waiting, 1) < WAITING) {
		pthread_mutex_lock(&c->site->one);
		rc = dispatch(c, put, err);
		log_halts(c->site);
		pthread_mutex_unlock(&c->site->one);
	} else {
		rc = em_error_set(err, EM_ERROR_UNREACHABLE, "busy: %d requests wait already", WAITING);
	}
	atomic_fetch_sub(&c->site->waiting, 1);
	return rc;
}

void em_temscript_answer(void *ctx, const struct em_serve_question *q, struct em_serve_answer *a)
{
	struct em_temscript_call c = {.site = ctx, .q = q, .out = &a->text};
	struct em_error err = {0};
	struct em_json *json = NULL;
	bool put = !strcmp(q->method, "PUT");
	int rc;

	if (!put && strcmp(q->method, "GET")) {
		fail(a, 501, "", "Unsupported method");
		return;
	}
	if (put)
		c.json = json = em_json_parse(q->body, q->len, &err);
	rc = put && !json ? -1 : perform(&c, put, &err);
	em_json_free(json);
	a->status = put ? 204 : 200;
	if (rc < 0)
		explain(a, &err);
	else if (!rc)
		fail(a, 404, strncmp(q->path, "/v1/", 4) ? "Unknown API version: " : "Unknown endpoint: ", q->path);
}

int em_temscript_site_init(struct em_temscript_site *site, struct em_scope *s, struct em_error *err)
{
	*site = (struct em_temscript_site){.scope = s, .scan = {1, 0, 1e-6}};
	for (size_t i = 0; i < EM_DETECTORS_MAX; i++)
		site->camera[i] = (struct em_temscript_setting){1, 0, 1};
	if (em_scope_capabilities(s, &site->cap, err))
		return -1;
	pthread_mutex_init(&site->one, NULL);
	return 0;
}

void em_temscript_site_release(struct em_temscript_site *site)
{
	pthread_mutex_destroy(&site->one);
}

int em_serve_temscript(struct em_scope *s, const struct em_serve_settings *settings, struct em_error *err)
{
	struct em_temscript_site site;
	int rc;

	if (em_temscript_site_init(&site, s, err))
		return -1;
	rc = em_serve_http(settings, EM_TEMSCRIPT_PUT_MAX, em_temscript_answer, &site, err);
	em_temscript_site_release(&site);
	return rc;
}

const struct em_server_kind em_server_temscript = {
    .name = "temscript",
    .purpose = "HTTP as temscript's own server speaks it, for its clients and for emctl",
    .port = "8080",
    .run = em_serve_temscript,
    .has_token = true,
};
