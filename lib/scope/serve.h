/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers: an instrument that is open is offered to other programs, over a wire that they speak.  A server checks
 * nothing and keeps nothing that scope.h does not: what clients ask goes through em_scope_move and its like, so the
 * limits, the lock and the journal are those of every command.
 */
#ifndef EM_SCOPE_SERVE_H
#define EM_SCOPE_SERVE_H

#include "scope/scope.h"

/* Borrowed while it runs. */
struct em_serve_settings {
	char host[256], port[16];                      /* of em_serve_address: an address to bind, a number */
	const char *token;                             /* every request has to bring it; NULL: none is asked for */
	const volatile int *stop;                      /* not 0: end */
	void (*ready)(void *ctx, const char *address); /* once it listens: "127.0.0.1:8080", the port as bound */
	void *ctx;
};

/* Serves until *stop.  0, or -1: EM_ERROR_IO where it cannot listen. */
typedef int em_serve_fn(struct em_scope *s, const struct em_serve_settings *settings, struct em_error *err);

/* One a protocol; in serve.c. */
struct em_server_kind {
	const char *name, *purpose;
	const char *port; /* where nothing else is said */
	em_serve_fn *run;
	bool has_token; /* its wire has a place for one */
};
const struct em_server_kind *em_server_kind_at(size_t i); /* NULL past the last */

/*
 * "127.0.0.1:8080", "[::1]:8080", "8080", "localhost", "" or NULL: 127.0.0.1 and the kind's port where not given.
 * EM_ERROR_USAGE: no such address; one that is not loopback, unless a token is given and the wire has a place for it.
 */
int em_serve_address(const struct em_server_kind *kind, const char *listen, struct em_serve_settings *settings,
                     struct em_error *err);

/* An address, as numbers, that only this machine has. */
bool em_serve_is_loopback(const char *host);

#endif
