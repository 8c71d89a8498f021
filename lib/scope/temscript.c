/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int driver_capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	return em_temscript_capabilities(self, em_clock_now() + deadline, c, err);
}

static int driver_can(void *self, double deadline, const struct em_controls *which, struct em_controls *readable,
                      struct em_controls *writable, struct em_error *err)
{
	return em_temscript_can(self, em_clock_now() + deadline, which, readable, writable, err);
}

static int driver_get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
                      struct em_error *err)
{
	return em_temscript_read(self, em_clock_now() + deadline, want, got, err);
}

static int driver_set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	return em_temscript_write(self, em_clock_now() + deadline, want, err);
}

static int driver_acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                          struct em_error *err)
{
	return em_temscript_acquire(self, em_clock_now() + deadline, e, a, err);
}

static int driver_expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                         struct em_error *err)
{
	return em_temscript_expect(self, em_clock_now() + deadline, e, a, err);
}

static int driver_motion(void *self, double deadline, enum em_motion *motion, struct em_error *err)
{
	static const char words[] = "READY GOING MOVING WOBBLING DISABLED NOT_READY";
	static const enum em_motion means[] = {EM_AT_REST, EM_MOVING, EM_MOVING, EM_MOVING, EM_NOT_READY, EM_NOT_READY};
	struct em_temscript_answer a;
	const char *word;
	int i;

	if (em_temscript_get(self, "/v1/stage_status", em_clock_now() + deadline, &a, err))
		return -1;
	word = em_json_string(a.json.tree);
	i = word ? em_temscript_word_find(words, word) : -1;
	if (i < 0)
		em_error_set(err, EM_ERROR_DATA, "the status of the stage is '%.40s'?", word ? word : "");
	else
		*motion = means[i];
	em_temscript_answer_release(&a);
	return i < 0 ? -1 : 0;
}

/* May run beside another call: changes nothing of *self. */
static int driver_stop(void *self, double deadline, struct em_error *err)
{
	const struct em_temscript *t = self;
	struct em_text body = {0};
	struct em_error why = {0};

	if (t->extended != EM_EXTENDED_NO) {
		em_text_append(&body, "true");
		if (!em_temscript_put(t, "/em/v1/stop", &body, em_clock_now() + deadline, &why))
			return 0;
	}
	if (why.kind == EM_ERROR_UNREACHABLE)
		return em_error_set(err, why.kind, "%s", why.text);
	return em_error_set(err, EM_ERROR_UNSUPPORTED,
	                    "temscript cannot stop the stage: use the instrument's own STOP");
}

static int driver_limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	struct em_temscript_answer a;

	if (em_temscript_get(self, "/v1/stage_limits", em_clock_now() + deadline, &a, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		const char *axis = em_temscript_wire((enum em_control)c)->member;
		double v[2];
		bool told = axis && em_json_numbers(em_json_get(a.json.tree, axis), v, 2) == 2;

		lo[c] = told ? v[0] : NAN;
		hi[c] = told ? v[1] : NAN;
	}
	em_temscript_answer_release(&a);
	return 0;
}

static void driver_close(void *self)
{
	free(self);
}

static const struct em_driver driver = {
    .name = "temscript",
    .capabilities = driver_capabilities,
    .can = driver_can,
    .get = driver_get,
    .set = driver_set,
    .motion = driver_motion,
    .stop = driver_stop,
    .acquire = driver_acquire,
    .expect = driver_expect,
    .limits = driver_limits,
    .close = driver_close,
};

static int parse_options(struct em_temscript *t, const char *options, struct em_error *err)
{
	char *end;

	if (!*options)
		return 0;
	t->speed = strncmp(options, "speed=", 6) ? 0 : strtod(options + 6, &end);
	if (!(t->speed > 0 && t->speed <= 1) || *end)
		return em_error_set(err, EM_ERROR_USAGE, "?%.60s: write ?speed=SHARE, above 0 and up to 1", options);
	return 0;
}

/* Nothing is asked before it has to be: a command pays for its own requests only. */
static const struct em_driver *open_http(const char *rest, const char *state_dir, double deadline, void **self,
                                         struct em_error *err)
{
	struct em_temscript *t = calloc(1, sizeof(*t));
	const char *options;

	(void)state_dir;
	(void)deadline;
	if (!t) {
		em_error_memory(err, sizeof(*t));
		return NULL;
	}
	if (em_http_parse_peer(&t->peer, rest, "8080", &options, err) || parse_options(t, options, err)) {
		free(t);
		return NULL;
	}
	*self = t;
	return &driver;
}

const struct em_driver_kind em_driver_http = {
    .scheme = "http",
    .purpose = "temscript version 1: Thermo Fisher and FEI microscopes, emctl serve",
    .open = open_http,
    .port = "8080",
};
