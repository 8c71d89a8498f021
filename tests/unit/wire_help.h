/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server of HTTP for tests: says what it is told to, and keeps what it was asked.  As temscript's own it answers in
 * HTTP/1.0 and closes.
 */
#ifndef EM_TESTS_WIRE_HELP_H
#define EM_TESTS_WIRE_HELP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first rule that fits and is not used up. */
struct wire_rule {
	const char *request; /* how the request begins: "GET /v1/version " */
	const char *status;  /* "200 OK" */
	const char *body;    /* NULL: none */
	int times;           /* 0: always */
	const char *raw;     /* all that is sent, instead */
	size_t cut;          /* sends only so many bytes; 0: all */
	double stall;        /* seconds before it answers */
};

#define WIRE_LOG 64

static struct wire {
	int fd, port, stop;
	pthread_t thread;
	struct wire_rule *rule;
	size_t rules, requests;
	char log[WIRE_LOG][1024]; /* "PUT /v1/defocus HTTP/1.0 -1e-6": first line and body */
} wire;

/* Head and body of a request; 0 where it broke. */
static size_t wire_read(int fd, char *text, size_t room)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, text + n, room - 1 - n, 0);
		char *end, *length;

		if (got <= 0)
			return 0;
		n += (size_t)got;
		text[n] = '\0';
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		if (end &&
		    n >= (size_t)(end + 4 - text) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0))
			return n;
	}
}

static void wire_send(int fd, const struct wire_rule *r)
{
	static char head[512];
	size_t body = r && r->body ? strlen(r->body) : 0, n;
	const char *status = r ? r->status : "404 'none'";

	if (r && r->raw) {
		send(fd, r->raw, r->cut ? r->cut : strlen(r->raw), MSG_NOSIGNAL);
		return;
	}
	n = (size_t)snprintf(head, sizeof(head),
	                     "HTTP/1.0 %s\r\nServer: test\r\nContent-Length: %zu\r\nContent-Type: %s\r\n\r\n", status,
	                     body, *status == '2' ? "application/json" : "text/html;charset=utf-8");
	send(fd, head, n, MSG_NOSIGNAL);
	if (body)
		send(fd, r->body, r->cut ? r->cut : body, MSG_NOSIGNAL);
}

static void wire_answer(int fd)
{
	static char text[65536];
	struct wire_rule *r = NULL;
	const char *body;

	if (!wire_read(fd, text, sizeof(text)))
		return;
	body = strstr(text, "\r\n\r\n") + 4;
	if (wire.requests < WIRE_LOG)
		snprintf(wire.log[wire.requests], sizeof(*wire.log), "%.*s %s", (int)strcspn(text, "\r"), text, body);
	wire.requests++;
	for (size_t i = 0; i < wire.rules && !r; i++)
		if (!strncmp(wire.rule[i].request, text, strlen(wire.rule[i].request)) && wire.rule[i].times >= 0)
			r = &wire.rule[i];
	if (r && r->times > 0 && --r->times == 0)
		r->times = -1;
	for (int i = 0; r && i < (int)(r->stall * 100) && !wire.stop; i++)
		poll(NULL, 0, 10);
	wire_send(fd, r);
}

static void *wire_run(void *ctx)
{
	(void)ctx;
	while (!wire.stop) {
		struct pollfd p = {wire.fd, POLLIN, 0};
		int fd;

		if (poll(&p, 1, 20) <= 0)
			continue;
		fd = accept(wire.fd, NULL, NULL);
		wire_answer(fd);
		close(fd);
	}
	return NULL;
}

/* Listens at a port of 127.0.0.1; `url` gets what stands behind "http:". */
static void wire_start(struct wire_rule *rule, size_t rules, char url[64])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	memset(&wire, 0, sizeof(wire));
	wire.rule = rule;
	wire.rules = rules;
	wire.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(wire.fd, (struct sockaddr *)&at, size) || listen(wire.fd, 8) ||
	    getsockname(wire.fd, (struct sockaddr *)&at, &size) || pthread_create(&wire.thread, NULL, wire_run, NULL))
		abort();
	wire.port = ntohs(at.sin_port);
	snprintf(url, 64, "//127.0.0.1:%d", wire.port);
}

static void wire_stop(void)
{
	wire.stop = 1;
	pthread_join(wire.thread, NULL);
	close(wire.fd);
}

#endif
