/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The temscript driver's own: asking, and what its files share. */
#ifndef EM_SCOPE_TEMSCRIPT_PARTS_H
#define EM_SCOPE_TEMSCRIPT_PARTS_H

#include "base/text.h"
#include "scope/clock.h"
#include "scope/http.h"
#include "scope/temscript.h"
#include "scope/temscript_reply.h"

#include <stdatomic.h>

/* Is it emctl's server? */
enum { EM_EXTENDED_UNKNOWN, EM_EXTENDED_NO, EM_EXTENDED_YES };

struct em_temscript {
	struct em_http_peer peer;
	double speed;        /* of the stage; 0: its own */
	atomic_int extended; /* stop reads it beside another call */
};

struct em_temscript_answer {
	struct em_http_reply http;
	struct em_temscript_reply json;
};
void em_temscript_answer_release(struct em_temscript_answer *a);

/* GET: 200 and JSON, or why not, by the kinds of temscript.h. */
int em_temscript_get(const struct em_temscript *t, const char *target, double end, struct em_temscript_answer *a,
                     struct em_error *err);
/* PUT: 2xx.  Takes the body: it is released. */
int em_temscript_put(const struct em_temscript *t, const char *target, struct em_text *body, double end,
                     struct em_error *err);
/* What a reply that is neither says, as an error. */
int em_temscript_fault(const struct em_http_reply *reply, struct em_error *err);
/* s as a part of a path or query. */
void em_temscript_put_escaped(struct em_text *t, const char *s);

/* Is emctl's server there?  0 or 1; -1 where it cannot be asked. */
int em_temscript_is_extended(struct em_temscript *t, double end, struct em_error *err);

/* A control's value, in SI, out of its endpoint's reply; false where it is none. */
bool em_temscript_value(enum em_control c, const struct em_json *node, double *value);
/* Appends what the endpoint takes. */
void em_temscript_put_value(struct em_text *t, enum em_control c, double value);

int em_temscript_read(struct em_temscript *t, double end, const struct em_controls *want, struct em_controls *got,
                      struct em_error *err);
int em_temscript_write(struct em_temscript *t, double end, const struct em_controls *want, struct em_error *err);
int em_temscript_capabilities(struct em_temscript *t, double end, struct em_capabilities *c, struct em_error *err);
/* Those of version 1 are known beforehand; for others it is asked whose server this is. */
int em_temscript_can(struct em_temscript *t, double end, const struct em_controls *which, struct em_controls *readable,
                     struct em_controls *writable, struct em_error *err);
int em_temscript_expect(struct em_temscript *t, double end, const struct em_exposure *e, struct em_acquired *a,
                        struct em_error *err);
int em_temscript_acquire(struct em_temscript *t, double end, const struct em_exposure *e, struct em_acquired *a,
                         struct em_error *err);

#endif
