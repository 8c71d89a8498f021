/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP for servers of an instrument.  What is not loopback, or wants a token, is the settings' matter (scope/serve.h).
 * Each connection has a thread of its own, so that STOP is heard while something moves: the answer has to lock.
 *
 * Heads of up to 32 KiB, bodies up to body_max, 64 connections.  A request has to be there in 10 s (1 s while they
 * crowd) and its reply to be taken in 5 min: a client that is slower is hung up on, as it keeps a place from those who
 * may want to stop a stage.  Each connection is closed after its reply.  A request that a browser sends for a page of
 * somebody else is refused: such pages must not move stages.  It says so (Origin, Sec-Fetch-Site); or, where the page's
 * own name was made to point here, it asks for a host that is not this machine, which without a token has no business
 * here.  The reason phrases are libmicrohttpd's own; what went wrong is in the page.
 */
#ifndef EM_SCOPE_SERVE_HTTP_H
#define EM_SCOPE_SERVE_HTTP_H

#include "base/text.h"
#include "scope/serve.h"

#define EM_SERVE_ARGS_MAX 32

struct em_serve_question {
	const char *method, *path; /* the path decoded */
	struct {
		const char *name, *value; /* decoded; value "" where there is none */
	} arg[EM_SERVE_ARGS_MAX];
	size_t args;
	const char *body; /* NUL-terminated besides */
	size_t len;
};
/* The value of the first of that name; NULL for none. */
const char *em_serve_arg(const struct em_serve_question *q, const char *name);

struct em_serve_answer {
	int status;          /* 200; 204: without a body; from 400 on the text is the message on a page */
	struct em_text text; /* JSON, or that message */
};
/* The answer comes in zeroed; its text is released by the caller. */
typedef void em_serve_answer_fn(void *ctx, const struct em_serve_question *q, struct em_serve_answer *a);

/* Until *settings->stop.  EM_ERROR_IO where it cannot listen. */
int em_serve_http(const struct em_serve_settings *settings, size_t body_max, em_serve_answer_fn *answer, void *ctx,
                  struct em_error *err);

#endif
