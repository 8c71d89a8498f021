/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the JSON-RPC server share. */
#ifndef EM_SCOPE_SERVE_RPC_H
#define EM_SCOPE_SERVE_RPC_H

#include "scope/rpc_parts.h"
#include "scope/scope_parts.h"
#include "scope/serve_socket.h"

/* A detector as clients set it for their next picture; 0: as it is. */
struct em_serve_rpc_detector {
	const struct em_detector *is;
	size_t side;
	double seconds, dwell;
};

struct em_serve_rpc {
	struct em_scope *scope;
	struct em_capabilities cap;
	struct em_serve_rpc_detector detector[EM_DETECTORS_MAX];
	bool spectra; /* the mode that was set last is EELS */
};
int em_serve_rpc_init(struct em_serve_rpc *s, struct em_scope *scope, struct em_error *err);

/* A request's JSON, whatever it is: appends the reply, a netstring. */
void em_serve_rpc_answer(struct em_serve_rpc *s, const char *json, size_t n, struct em_text *out);

void em_serve_rpc_put(struct em_text *t, enum em_rpc_group group, const struct em_controls *c);
int em_serve_rpc_set_magnification(struct em_serve_rpc *s, const struct em_json *params, struct em_error *err);

/* ---- serve_rpc_acquire.c ---- */

/* The one of that name; where `device` is absent, the first that makes pictures.  NULL: EM_ERROR_USAGE. */
struct em_serve_rpc_detector *em_serve_rpc_find(struct em_serve_rpc *s, const struct em_json *device,
                                                struct em_error *err);
/* The width of what its next picture shows, m; NAN: it is not known before. */
double em_serve_rpc_field(struct em_serve_rpc *s, const struct em_serve_rpc_detector *d);
void em_serve_rpc_put_detectors(struct em_serve_rpc *s, struct em_text *t);

int em_serve_rpc_detectors(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                           struct em_error *err);
int em_serve_rpc_settings(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                          struct em_error *err);
int em_serve_rpc_get_resolution(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                                struct em_error *err);
int em_serve_rpc_set_resolution(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                                struct em_error *err);
int em_serve_rpc_image(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err);
int em_serve_rpc_spectrum(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                          struct em_error *err);

#endif
