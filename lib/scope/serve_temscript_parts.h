/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the temscript server. */
#ifndef EM_SCOPE_SERVE_TEMSCRIPT_PARTS_H
#define EM_SCOPE_SERVE_TEMSCRIPT_PARTS_H

#include "base/json.h"
#include "scope/scope_parts.h"
#include "scope/serve_temscript.h"
#include "scope/temscript.h"
#include "scope/temscript_reply.h"

struct em_temscript_call {
	struct em_temscript_site *site;
	const struct em_serve_question *q;
	const char *endpoint;       /* behind /v1/ */
	const struct em_json *json; /* the body of a PUT */
	struct em_text *out;        /* of a GET */
};

/* 1: done; 0: there is no such endpoint; -1. */
int em_temscript_serve_get(struct em_temscript_call *c, struct em_error *err);
int em_temscript_serve_put(struct em_temscript_call *c, struct em_error *err);
int em_temscript_serve_extended(struct em_temscript_call *c, bool put, struct em_error *err);
/* Detectors: the endpoints about them, the same way. */
int em_temscript_serve_detectors(struct em_temscript_call *c, bool put, struct em_error *err);

/* NULL: none of that name.  place may be NULL. */
const struct em_detector *em_temscript_find_detector(const struct em_temscript_site *site, const char *name,
                                                     size_t *place);

/* The caller releases *shot. */
int em_temscript_expose(struct em_temscript_site *site, const struct em_exposure *e, struct em_scope_shot *shot,
                        struct em_error *err);

/* The place of the step nearest to a value (by ratio), from 1, of magnifications or of camera lengths; and its value, 0
 * where there is none. */
int em_temscript_step_of(bool lengths, double value);
double em_temscript_step_at(bool lengths, double place);

#endif
