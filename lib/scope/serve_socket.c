/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_socket.h"

#include "scope/clock.h"
#include "scope/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 50      /* for *stop */
#define SEND_SECONDS 30 /* that a client may take to read a reply: the others wait for it */

struct client {
	struct em_socket socket;
	struct em_text in;
	double heard; /* when it came, or was answered last */
};

struct server {
	const struct em_serve_wire *wire;
	void *ctx;
	const struct em_serve_settings *settings;
	struct client client[EM_SERVE_CLIENTS];
	size_t count;
	struct em_text out;
};

static bool is_stopped(const struct server *s)
{
	return s->settings->stop && *s->settings->stop;
}

static void drop(struct server *s, size_t i)
{
	em_socket_close(&s->client[i].socket);
	em_text_release(&s->client[i].in);
	s->client[i] = s->client[--s->count];
}

/* Who has been silent for the longest makes room. */
static void make_room(struct server *s)
{
	size_t oldest = 0;

	for (size_t i = 1; i < s->count; i++)
		if (s->client[i].heard < s->client[oldest].heard)
			oldest = i;
	if (s->count == EM_SERVE_CLIENTS)
		drop(s, oldest);
}

static void greet(struct server *s, int listening)
{
	int fd = em_socket_accept(listening);

	if (fd < 0)
		return;
	while (s->wire->one_client && s->count)
		drop(s, 0);
	make_room(s);
	s->client[s->count++] = (struct client){{fd, 0, s->settings->stop}, {0}, em_clock_now()};
	if (s->wire->greet)
		s->wire->greet(s->ctx);
}

static int send_reply(struct server *s, struct client *c)
{
	c->socket.ends = em_clock_now() + SEND_SECONDS;
	return em_text_check(&s->out, NULL) ? -1 : em_socket_send(&c->socket, em_text_get(&s->out), s->out.len, NULL);
}

/* All whole requests that are there; what is left of the text waits.  -1: drop it. */
static int answer(struct server *s, struct client *c)
{
	size_t at = 0, used;
	int rc = 1;

	while (rc > 0 && at < c->in.len && !is_stopped(s)) {
		used = 0;
		em_text_clear(&s->out);
		rc = s->wire->answer(s->ctx, em_text_get(&c->in) + at, c->in.len - at, &used, &s->out);
		at += used;
		if (rc && send_reply(s, c))
			return -1;
		if (rc)
			c->heard = em_clock_now();
	}
	if (rc < 0)
		return -1;
	memmove(c->in.s, c->in.s + at, c->in.len - at + 1);
	c->in.len -= at;
	return 0;
}

/* What poll has announced is there at once. */
static void hear(struct server *s, size_t i)
{
	struct client *c = &s->client[i];

	c->socket.ends = em_clock_now();
	if (em_socket_receive(&c->socket, &c->in, NULL) <= 0 || answer(s, c))
		drop(s, i);
}

static int look(struct server *s, int listening, struct em_error *err)
{
	struct pollfd p[EM_SERVE_CLIENTS + 1];
	size_t n = s->count;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = s->client[i].socket.fd, .events = POLLIN};
	p[n] = (struct pollfd){.fd = listening, .events = POLLIN};
	if (poll(p, n + 1, LOOK_MS) < 0)
		return errno == EINTR ? 0 : em_error_errno(err, "poll");
	for (size_t i = n; i-- > 0;) /* backwards: drop moves the last one */
		if (p[i].revents)
			hear(s, i);
	if (p[n].revents)
		greet(s, listening);
	return 0;
}

int em_serve_sockets(const struct em_serve_wire *wire, void *ctx, const struct em_serve_settings *settings,
                     struct em_error *err)
{
	struct server s = {.wire = wire, .ctx = ctx, .settings = settings};
	char address[EM_SOCKET_ADDRESS];
	int listening = em_socket_listen(settings->host, settings->port, address, err), rc = 0;

	if (listening < 0)
		return -1;
	if (settings->ready)
		settings->ready(settings->ctx, address);
	while (!rc && !is_stopped(&s))
		rc = look(&s, listening, err);
	while (s.count)
		drop(&s, 0);
	em_text_release(&s.out);
	close(listening);
	return rc;
}
