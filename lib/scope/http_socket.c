/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/http.h"

#include "base/text.h"
#include "scope/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536

/* Until the socket can be read or written.  A signal ends it, too: who sent it does not want to wait. */
static int wait_for(int fd, short what, double end, struct em_error *err)
{
	struct pollfd p = {.fd = fd, .events = what};
	double left = end - em_clock_now();
	int rc = left > 0 ? poll(&p, 1, (int)fmin(ceil(left * 1e3), INT_MAX)) : 0;

	if (rc < 0)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
	if (rc == 0)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "no answer in time");
	return 0;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* ---- connecting ---- */

static int connect_to(const struct addrinfo *a, double end, struct em_error *err)
{
	int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol), failure = 0, on = 1;
	socklen_t size = sizeof(failure);

	if (fd < 0)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
		failure = errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!failure && connect(fd, a->ai_addr, a->ai_addrlen)) {
		if (errno != EINPROGRESS)
			failure = errno;
		else if (wait_for(fd, POLLOUT, end, err)) {
			close(fd);
			return -1;
		} else {
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
		}
	}
	if (!failure)
		return fd;
	close(fd);
	return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(failure));
}

/* A socket, or -1. */
static int connect_any(const struct em_http_peer *peer, double end, struct em_error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list;
	int rc = getaddrinfo(peer->host, peer->port, &hints, &list), fd = -1;

	if (rc)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", gai_strerror(rc));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_to(a, end, err);
	freeaddrinfo(list);
	return fd;
}

/* ---- asking ---- */

static void put_request(struct em_text *t, const struct em_http_peer *peer, const struct em_http_request *r)
{
	em_text_printf(t, "%s %s HTTP/1.0\r\nHost: %s:%s\r\nAccept: application/json\r\nConnection: close\r\n",
	               r->method, r->target, peer->host, peer->port);
	if (*peer->token)
		em_text_printf(t, "Authorization: Bearer %s\r\n", peer->token);
	if (r->body)
		em_text_printf(t, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(r->body),
		               r->body);
	else
		em_text_append(t, "\r\n");
}

/* A server that refuses may answer and close before it has read all: then its reply is what counts. */
static int send_all(int fd, const char *s, size_t n, double end, struct em_error *err)
{
	while (n) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (sent < 0 && !would_block())
			return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
		if (sent < 0 && wait_for(fd, POLLOUT, end, err))
			return -1;
		s += sent < 0 ? 0 : sent;
		n -= sent < 0 ? 0 : (size_t)sent;
	}
	return 0;
}

/* ---- being answered ---- */

/* 1: something came; 0: nothing will come any more. */
static int receive_some(int fd, struct em_text *t, double end, struct em_error *err)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), 0)) < 0) {
		if (!would_block())
			return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
		if (wait_for(fd, POLLIN, end, err))
			return -1;
	}
	em_text_append_bytes(t, piece, (size_t)n);
	return em_text_check(t, err) ? -1 : n > 0;
}

static int too_long(size_t max, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "a reply of more than %zu bytes", max);
}

static int receive_head(int fd, const struct em_http_request *r, struct em_text *t, struct em_http_head *head,
                        struct em_error *err)
{
	int got = 0;

	while (!got) {
		int more = receive_some(fd, t, r->end, err);

		if (more < 0)
			return -1;
		got = em_http_parse_head(head, em_text_get(t), t->len, err);
		if (!got && !more)
			return em_error_set(err, EM_ERROR_UNREACHABLE,
			                    "it closed the connection without a whole reply");
	}
	if (got > 0 && head->has_length && head->length > r->max_reply)
		return too_long(r->max_reply, err);
	return got > 0 ? 0 : -1;
}

static int receive_body(int fd, const struct em_http_request *r, struct em_text *t, const struct em_http_head *head,
                        struct em_error *err)
{
	int more = head->status != 204;

	while (more > 0 && !(head->has_length && t->len - head->bytes >= head->length)) {
		more = receive_some(fd, t, r->end, err);
		if (t->len - head->bytes > r->max_reply)
			return too_long(r->max_reply, err);
	}
	if (more < 0)
		return -1;
	if (head->has_length && head->status != 204 && t->len - head->bytes < head->length)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "it closed the connection after %zu of %zu bytes",
		                    t->len - head->bytes, head->length);
	return 0;
}

static int exchange(int fd, const struct em_http_peer *peer, const struct em_http_request *r, struct em_text *t,
                    struct em_http_head *head, struct em_error *err)
{
	int rc = -1;

	put_request(t, peer, r);
	if (!em_text_check(t, err) && !send_all(fd, t->s, t->len, r->end, err)) {
		em_text_clear(t);
		rc = receive_head(fd, r, t, head, err) || receive_body(fd, r, t, head, err) ? -1 : 0;
	}
	return rc;
}

int em_http_run(const struct em_http_peer *peer, const struct em_http_request *request, struct em_http_reply *reply,
                struct em_error *err)
{
	struct em_http_reply got = {0};
	struct em_http_head head;
	struct em_text t = {0};
	int fd = connect_any(peer, request->end, err), rc = -1;

	if (fd >= 0) {
		rc = exchange(fd, peer, request, &t, &head, err);
		close(fd);
	}
	if (!rc) {
		got.status = head.status;
		memcpy(got.reason, head.reason, sizeof(got.reason));
		memcpy(got.type, head.type, sizeof(got.type));
		got.memory = t.s;
		got.body = t.s + head.bytes;
		got.len = head.status == 204 ? 0 : head.has_length ? head.length : t.len - head.bytes;
		got.body[got.len] = '\0';
		rc = head.gzip && got.len ? em_http_unpack(&got, request->max_reply, err) : 0;
		t = (struct em_text){0};
	}
	em_text_release(&t);
	if (rc) {
		em_http_reply_release(&got);
		return em_error_prefix(err, "%s:%s: ", peer->host, peer->port);
	}
	*reply = got;
	return 0;
}
