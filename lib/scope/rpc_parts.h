/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the JSON-RPC driver share, and the table of the wire, which its server has, too. */
#ifndef EM_SCOPE_RPC_PARTS_H
#define EM_SCOPE_RPC_PARTS_H

#include "scope/http.h"
#include "scope/rpc.h"

struct em_rpc {
	struct em_http_peer peer;
	struct em_capabilities cap;
	bool has_cap;
};

/* What is read by one method, and set by another: set_beam({"beam_settings":{...}}). */
enum em_rpc_group { EM_RPC_STAGE, EM_RPC_BEAM, EM_RPC_MAGNIFICATION, EM_RPC_MODE, EM_RPC_DIFFRACTION, EM_RPC_GROUPS };

struct em_rpc_method {
	const char *get, *set;
	const char *wrap; /* the parameter that holds the values; NULL: they are the parameters */
	bool device;      /* has "device" as well */
};
const struct em_rpc_method *em_rpc_method(enum em_rpc_group group);

struct em_rpc_wire {
	const char *name; /* "x"; NULL: this wire has no such control */
	enum em_rpc_group group;
	double si; /* in one unit of the wire */
};
const struct em_rpc_wire *em_rpc_wire(enum em_control c);

/* Asks and reads the reply.  Takes params, the members of an object in braces, or NULL: it is released. */
int em_rpc_ask(struct em_rpc *r, const char *method, struct em_text *params, double ends, struct em_rpc_reply *reply,
               struct em_error *err);
/* Adds "device":DEVICE; NULL: the first that makes pictures. */
int em_rpc_put_device(struct em_rpc *r, const char *device, double ends, struct em_text *t, struct em_error *err);
/* A 0 is how a twin says that it does not know the device: EM_ERROR_REFUSED. */
int em_rpc_check_set(const struct em_rpc_reply *reply, const char *method, struct em_error *err);
/* Those of the group that are known in *want. */
int em_rpc_get_group(struct em_rpc *r, enum em_rpc_group group, double ends, const struct em_controls *want,
                     struct em_controls *got, struct em_error *err);
double em_rpc_number(const struct em_json *node, const char *name); /* a member; NAN */

int em_rpc_capabilities(struct em_rpc *r, double ends, struct em_error *err);
/* The scale, of those that tell the width of their field. */
int em_rpc_expect(struct em_rpc *r, double ends, const struct em_exposure *e, struct em_acquired *a,
                  struct em_error *err);
int em_rpc_acquire(struct em_rpc *r, double ends, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err);

#endif
