/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON-RPC 2.0 in netstrings, as digital twins speak it (GridScope and those before it); the wire's facts are from
 * transcripts of GridScope's server.
 *
 *     rpc://HOST[:9094]
 *
 *     56:{"jsonrpc":"2.0","id":1,"method":"is_ready","params":{}},
 *     85:{"jsonrpc":"2.0","id":1,"result":{"ready":true,"error":null,"sample":"au_dispersed"}},
 *
 * Metres and degrees.  Each request has a connection of its own.  The stage's moves are over when they are answered,
 * and there is no way to stop one.  set_stage is relative unless told otherwise, and takes an axis that it is not told
 * as 0: all five are sent, those that stay as they are read.  Pictures are square.  A twin tells the width of its field
 * and not how it lies on the stage; `emctl serve` says so, too, in a member "em" of each picture.
 *
 * Errors come as an object, or as one string with a Python traceback in it, of which the kind is guessed by its words.
 */
#ifndef EM_SCOPE_RPC_H
#define EM_SCOPE_RPC_H

#include "base/text.h"
#include "scope/instrument.h"
#include "scope/serve.h"
#include "scope/temscript_reply.h"

#include <stddef.h>

#define EM_RPC_PORT "9094"

extern const struct em_driver_kind em_driver_rpc;
/*
 * The same as a server: the methods is_ready, get_stage, set_stage, get_stage_limits, get_beam, set_beam,
 * get_magnification, set_magnification, get_mode, set_mode, get_diffraction_settings, set_diffraction_settings,
 * get_detectors, device_settings, get_resolution, set_resolution, acquire_image, acquire_spectrum,
 * get_microscope_state. Two things differ from the twins: an absolute set_stage leaves axes alone that it does not
 * name, and errors are objects, as JSON-RPC 2.0 has them, with "data":{"kind":"refused"}.
 */
em_serve_fn em_serve_rpc;
extern const struct em_server_kind em_server_rpc;

/* ---- netstrings ---- */

/* 1: a whole one begins at bytes: its text is *len bytes from *begin on, a comma behind it; 0: more has to come; -1,
 * EM_ERROR_DATA: it is none, or longer than max. */
int em_netstring_parse(const char *bytes, size_t n, size_t max, size_t *begin, size_t *len, struct em_error *err);
void em_netstring_append(struct em_text *t, const struct em_text *payload);

/* ---- replies ---- */

struct em_rpc_reply {
	struct em_text text;
	struct em_temscript_reply json; /* borrows from text */
	const struct em_json *result;   /* borrowed; never NULL after em_rpc_read_reply */
};
void em_rpc_reply_release(struct em_rpc_reply *r);
/*
 * r->text, which is a whole netstring's payload, as the reply to request `id`.  -1: what the error in it says, by the
 * kinds of instrument.h; EM_ERROR_DATA: it is no reply to it.  r is to be released in any case.
 */
int em_rpc_read_reply(struct em_rpc_reply *r, int id, struct em_error *err);

/* {"__ndarray_b64__":"...","shape":[512,512],"dtype":"uint16"} of 2 dimensions.  EM_ERROR_DATA. */
int em_rpc_image(const struct em_rpc_reply *r, const struct em_json *node, struct em_array *a, struct em_error *err);
/* {"energy_ev":[...],"intensity":[...]}: *scale and *offset are of its axis, eV. */
int em_rpc_spectrum(const struct em_json *node, struct em_array *a, double *scale, double *offset,
                    struct em_error *err);

#endif
