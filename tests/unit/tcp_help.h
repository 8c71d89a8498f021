/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The other end of a wire, on 127.0.0.1 and a port that is free: a peer that plays a transcript, byte for byte; and a
 * server of ours over an instrument that has everything.
 */
#ifndef TCP_HELP_H
#define TCP_HELP_H

#include "instrument_help.h"
#include "scope/serve.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES(s) s, sizeof(s) - 1

static void wire_nap(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};

	nanosleep(&t, NULL);
}

/* ---- a peer that plays a transcript ---- */

enum wire_then {
	WIRE_GOES_ON, /* the next request comes on the same connection */
	WIRE_CLOSES,
	WIRE_STALLS, /* keeps it open and says nothing, until wire_peer_end */
};

/* A request has to be these bytes; with expect NULL anything that comes in one piece. */
struct wire_step {
	const char *expect;
	size_t expect_bytes;
	const char *reply;
	size_t reply_bytes;
	enum wire_then then;
};

struct wire_peer {
	pthread_t thread;
	int listening;
	char port[8];
	const struct wire_step *step;
	size_t count, done;
	volatile int stop;
	char wrong[2048]; /* what came instead; "" */
};

static size_t wire_read(int fd, char *to, size_t n, int whole)
{
	size_t got = 0;
	ssize_t piece;

	while (got < n && (piece = recv(fd, to + got, n - got, 0)) > 0) {
		got += (size_t)piece;
		if (!whole)
			break;
	}
	return got;
}

static void wire_play_step(struct wire_peer *p, int fd, const struct wire_step *s)
{
	static char got[1 << 16];
	size_t n = wire_read(fd, got, s->expect ? s->expect_bytes : sizeof(got), s->expect != NULL);

	if (s->expect && (n != s->expect_bytes || memcmp(got, s->expect, n)) && !*p->wrong)
		snprintf(p->wrong, sizeof(p->wrong), "step %zu: '%.*s' and not '%.*s'", p->done,
		         (int)(n < 900 ? n : 900), got, (int)s->expect_bytes, s->expect);
	for (size_t at = 0; at < s->reply_bytes;) {
		ssize_t sent = send(fd, s->reply + at, s->reply_bytes - at, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	while (s->then == WIRE_STALLS && !p->stop)
		wire_nap(0.005);
}

static void *wire_play(void *arg)
{
	struct wire_peer *p = arg;
	int fd = -1;

	for (; p->done < p->count; p->done++) {
		if (fd < 0)
			fd = accept(p->listening, NULL, NULL);
		if (fd < 0)
			break;
		wire_play_step(p, fd, &p->step[p->done]);
		if (p->step[p->done].then != WIRE_GOES_ON) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int wire_listen(char port[8])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	snprintf(port, 8, "%d", ntohs(a.sin_port));
	return fd;
}

static inline void wire_peer_begin(struct wire_peer *p, const struct wire_step *step, size_t count)
{
	*p = (struct wire_peer){.step = step, .count = count};
	p->listening = wire_listen(p->port);
	assert_int_equal(pthread_create(&p->thread, NULL, wire_play, p), 0);
}

/* All steps have to be played, or, where the test says so, that many. */
static void wire_peer_end_after(struct wire_peer *p, size_t steps)
{
	p->stop = 1;
	shutdown(p->listening, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listening);
	assert_string_equal(p->wrong, "");
	assert_int_equal(p->done, steps);
}

static inline void wire_peer_end(struct wire_peer *p)
{
	wire_peer_end_after(p, p->count);
}

/* ---- a server of ours ---- */

struct wire_server {
	pthread_t thread;
	struct em_scope *scope;
	em_serve_fn *run;
	volatile int stop;
	pthread_mutex_t lock;
	pthread_cond_t is_ready;
	char port[16];
	int rc;
	struct em_error err;
};

static inline void wire_server_ready(void *ctx, const char *address)
{
	struct wire_server *s = ctx;

	pthread_mutex_lock(&s->lock);
	snprintf(s->port, sizeof(s->port), "%s", strrchr(address, ':') + 1);
	pthread_cond_signal(&s->is_ready);
	pthread_mutex_unlock(&s->lock);
}

static inline void *wire_serve(void *arg)
{
	struct wire_server *s = arg;
	struct em_serve_settings set = {"127.0.0.1", "0", NULL, &s->stop, wire_server_ready, s};

	s->rc = s->run(s->scope, &set, &s->err);
	if (s->rc)
		wire_server_ready(s, ":0");
	return NULL;
}

static inline void wire_server_begin(struct wire_server *s, em_serve_fn *run)
{
	*s = (struct wire_server){.scope = wire_scope(), .run = run};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->is_ready, NULL);
	assert_int_equal(pthread_create(&s->thread, NULL, wire_serve, s), 0);
	pthread_mutex_lock(&s->lock);
	while (!*s->port)
		pthread_cond_wait(&s->is_ready, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static inline void wire_server_end(struct wire_server *s)
{
	s->stop = 1;
	pthread_join(s->thread, NULL);
	wire_scope_close(s->scope);
	assert_int_equal(s->rc, 0);
}

/* A client's socket to it, which gives up after a while. */
static inline int wire_connect(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons((uint16_t)atoi(port));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* ---- a driver ---- */

struct wire_driver {
	const struct em_driver *is;
	void *self;
};

static inline int wire_driver_open(struct wire_driver *d, const struct em_driver_kind *kind, const char *port,
                                   const char *options, double deadline, struct em_error *err)
{
	char rest[256];

	snprintf(rest, sizeof(rest), "//127.0.0.1:%s%s", port, options);
	d->is = kind->open(rest, ".", deadline, &d->self, err);
	return d->is ? 0 : -1;
}

static inline void wire_driver_close(struct wire_driver *d)
{
	d->is->close(d->self);
}

#endif
