/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One HTTP request at a time to an instrument's server, on a connection of its own (RFC 1945: temscript's server closes
 * after each reply, JEOL's wants it).  Over the system's sockets and not a library: loading libcurl costs more than a
 * whole command may take, and all that is needed of it is a deadline.
 */
#ifndef EM_SCOPE_HTTP_H
#define EM_SCOPE_HTTP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_http_peer {
	char host[256], port[8];
	char token[256]; /* sent as "Authorization: Bearer TOKEN"; "": none */
};

/*
 * "//HOST", "//HOST:PORT", "//[::1]:PORT", "//TOKEN@HOST:PORT", with a "/" behind it or not; *options, borrowed from
 * rest, is what stands behind a "?", or "".  EM_ERROR_USAGE.
 */
int em_http_parse_peer(struct em_http_peer *peer, const char *rest, const char *default_port, const char **options,
                       struct em_error *err);

struct em_http_request {
	const char *method; /* "GET" */
	const char *target; /* "/v1/stage_position?method=GO", percent-encoded by the caller */
	const char *body;   /* JSON; NULL: none */
	double end;         /* by when it has to be done: em_clock_now (scope/clock.h) */
	size_t max_reply;   /* bytes of the body, unpacked as well; more is EM_ERROR_DATA */
};

struct em_http_reply {
	int status;
	char reason[256]; /* "" where there is none */
	char type[64];    /* Content-Type without its parameters, in small letters */
	char *body;       /* in memory; NUL-terminated besides */
	size_t len;
	char *memory; /* owned */
};

/*
 * 0 with any whole reply, whatever its status.  EM_ERROR_UNREACHABLE: no connection, or one that broke, or no whole
 * reply by `end`; EM_ERROR_DATA: something that is no reply, too long, or packed in a way that we do not know.
 */
int em_http_run(const struct em_http_peer *peer, const struct em_http_request *request, struct em_http_reply *reply,
                struct em_error *err);
void em_http_reply_release(struct em_http_reply *reply);

/* What stands before the body: for em_http_run and for tests. */
struct em_http_head {
	int status;
	char reason[256], type[64];
	bool has_length, gzip;
	size_t length;
	size_t bytes; /* of the head itself, the empty line included */
};
/* 1: read; 0: not all of it is there yet; -1, EM_ERROR_DATA: it is none. */
int em_http_parse_head(struct em_http_head *head, const char *bytes, size_t n, struct em_error *err);
/* A body that came gzipped (RFC 1952), unpacked in its place. */
int em_http_unpack(struct em_http_reply *reply, size_t max_reply, struct em_error *err);

#endif
