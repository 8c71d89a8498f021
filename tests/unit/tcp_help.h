/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The other end of a wire, on 127.0.0.1 and a port that is free: a peer that plays a transcript, byte for byte; and a
 * server of ours over an instrument that has everything.
 */
#ifndef TCP_HELP_H
#define TCP_HELP_H

#include "scope/scope_parts.h"
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
#define WIRE_DEGREE (3.14159265358979323846 / 180)

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

/* ---- an instrument that has everything, and no physics ---- */

struct wire_instrument {
	double value[EM_CONTROLS];
	bool short_of_x; /* x stops a micrometre short */
	enum em_error_kind fails;
	int exposures, stops;
};
static struct wire_instrument wire_instrument;

static inline double wire_now(void *self)
{
	static double t;

	(void)self;
	return t += 0.01;
}

static inline void wire_sleep(void *self, double seconds)
{
	(void)self, (void)seconds;
}

static inline int wire_capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*c = (struct em_capabilities){.family = "fake", .id = "wire", .detectors = 3};
	for (int i = 0; i < EM_CONTROLS; i++)
		c->readable.known[i] = c->writable.known[i] = true;
	c->writable.known[EM_VOLTAGE] = false;
	c->detector[0] = (struct em_detector){"CCD", EM_DETECTOR_CAMERA, 64, 64, 15e-6, true};
	c->detector[1] = (struct em_detector){"HAADF", EM_DETECTOR_SCAN, 128, 128, 0, true};
	c->detector[2] = (struct em_detector){"GIF", EM_DETECTOR_SPECTROMETER, 100, 1, 0, true};
	return 0;
}

static inline int wire_get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
                           struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*got = (struct em_controls){0};
	for (int i = 0; i < EM_CONTROLS; i++)
		if (want->known[i])
			em_controls_set(got, (enum em_control)i, wire_instrument.value[i]);
	return 0;
}

static inline int wire_set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	(void)self, (void)deadline;
	if (wire_instrument.fails)
		return em_error_set(err, wire_instrument.fails, "it would not");
	for (int i = 0; i < EM_CONTROLS; i++)
		if (want->known[i])
			wire_instrument.value[i] = want->value[i];
	if (want->known[EM_STAGE_X] && wire_instrument.short_of_x)
		wire_instrument.value[EM_STAGE_X] -= 1e-6;
	return 0;
}

static inline int wire_motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	*m = EM_AT_REST;
	return 0;
}

static inline int wire_stop(void *self, double deadline, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	wire_instrument.stops++;
	return 0;
}

/* Of an image the pixels are 7 times their number, which every byte of the wire shows. */
static inline int wire_expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                              struct em_error *err)
{
	double width = e->width ? (double)e->width : !strcmp(e->detector, "CCD") ? 64 : 128;

	(void)self, (void)deadline, (void)err;
	a->scale[0] = a->scale[1] = 2e-6 / width; /* a field of two micrometres */
	a->to_stage[0][0] = -a->scale[1];
	a->to_stage[0][1] = a->to_stage[1][0] = 0;
	a->to_stage[1][1] = a->scale[1];
	a->offset = wire_instrument.value[EM_ENERGY_OFFSET];
	a->seconds = 0.5;
	a->dose = 3e20;
	a->electrons = 1;
	return 0;
}

static inline int wire_acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                               struct em_error *err)
{
	bool spectrum = !strcmp(e->detector, "GIF");
	size_t full = !strcmp(e->detector, "CCD") ? 64 : 128, width = e->width ? e->width : spectrum ? 100 : full;
	size_t shape[2] = {e->height ? e->height : full, width};

	wire_instrument.exposures++;
	wire_expect(self, deadline, e, a, err);
	if (spectrum)
		a->scale[1] = wire_instrument.value[EM_DISPERSION];
	if (em_array_alloc(&a->data, EM_U16, spectrum ? 1 : 2, spectrum ? &width : shape, err))
		return -1;
	for (size_t i = 0; i < em_array_count(&a->data); i++)
		((uint16_t *)a->data.data)[i] = (uint16_t)(7 * i + 3);
	return 0;
}

static inline int wire_limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	(void)self, (void)deadline, (void)err;
	for (int c = EM_STAGE_X; c <= EM_STAGE_Z; c++)
		lo[c] = -(hi[c] = 1e-3);
	for (int c = EM_STAGE_A; c <= EM_STAGE_B; c++)
		lo[c] = -(hi[c] = 30 * WIRE_DEGREE);
	return 0;
}

static inline void wire_close(void *self)
{
	(void)self;
}

static inline const struct em_driver *wire_open(const char *rest, const char *state_dir, double deadline, void **self,
                                                struct em_error *err)
{
	static const struct em_driver driver = {"wire",      wire_capabilities, wire_get,     wire_set,
	                                        wire_motion, wire_stop,         wire_acquire, wire_expect,
	                                        wire_limits, wire_now,          wire_sleep,   wire_close};

	(void)rest, (void)state_dir, (void)deadline, (void)err;
	*self = &wire_instrument;
	return &driver;
}

/* As it comes: at the origin, 50 000 times, 200 kV, 0.5 eV channels. */
static inline struct em_scope *wire_scope(void)
{
	static const struct em_driver_kind kind = {"wire", "for tests", wire_open};
	struct em_scope_settings set = {.command = "test", .journal = "", .patience = 5};
	char folder[] = "/tmp/em-wire-XXXXXX";
	struct em_scope *s = NULL;
	struct em_error err = {0};

	wire_instrument = (struct wire_instrument){0};
	wire_instrument.value[EM_MAGNIFICATION] = 50000;
	wire_instrument.value[EM_VOLTAGE] = 200e3;
	wire_instrument.value[EM_DISPERSION] = 0.5;
	wire_instrument.value[EM_CAMERA_LENGTH] = 0.8;
	wire_instrument.value[EM_BEAM_CURRENT] = 50e-12;
	em_scope_limits_init(&set.limits);
	assert_non_null(mkdtemp(folder));
	set.state_dir = strdup(folder); /* for as long as the test runs */
	if (em_scope_open_kind(&kind, "wire:", &set, &s, &err))
		fail_msg("%s", err.text);
	return s;
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
	em_scope_close(s->scope);
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
