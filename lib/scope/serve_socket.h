/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What servers over plain TCP share: clients come, ask, are answered in turn, one request at a time, and go. */
#ifndef EM_SCOPE_SERVE_SOCKET_H
#define EM_SCOPE_SERVE_SOCKET_H

#include "base/text.h"
#include "scope/serve.h"

#include <stddef.h>

#define EM_SERVE_CLIENTS 16 /* at most; the next one takes the place of who was answered longest ago */

struct em_serve_wire {
	bool one_client; /* a new one takes the place of the old */
	/* NULL allowed: a client came. */
	void (*greet)(void *ctx);
	/*
	 * The request that begins at in[0..n), if all of it is there: its length in *used, the reply appended to *out.
	 * 1: answered; 0: more has to come; -1: this is not the protocol, and the client is dropped, after *out.  What
	 * one may be in bytes is for it to limit.
	 */
	int (*answer)(void *ctx, const char *in, size_t n, size_t *used, struct em_text *out);
};

/* As em_serve_fn. */
int em_serve_sockets(const struct em_serve_wire *wire, void *ctx, const struct em_serve_settings *settings,
                     struct em_error *err);

#endif
