/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/socket.h"

#include "scope/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536
#define LOOK_MS 50 /* for *stop, which another thread may set */
#define WAITING_CLIENTS 16

/* ---- waiting ---- */

static bool is_stopped(const struct em_socket *s)
{
	return s->stop && *s->stop;
}

/* Until it can be read or written.  A signal ends it, too: who sent it does not want to wait; but where there is a
 * *stop that it may set, by that. */
static int wait_for(const struct em_socket *s, short what, struct em_error *err)
{
	struct pollfd p = {.fd = s->fd, .events = what};
	int rc;

	do {
		double left = ceil((s->ends - em_clock_now()) * 1e3);

		if (is_stopped(s))
			return em_error_set(err, EM_ERROR_UNREACHABLE, "given up, as told");
		if (!(left > 0))
			return em_error_set(err, EM_ERROR_UNREACHABLE, "no answer in time");
		rc = poll(&p, 1, (int)fmin(left, s->stop ? LOOK_MS : 1e6));
	} while (rc == 0 || (rc < 0 && errno == EINTR && s->stop));
	return rc < 0 ? em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno)) : 0;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* ---- connecting ---- */

/* A whole request is written at once and its reply waited for: nothing is to be held back. */
static int prepare(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK) ? -1 : 0;
}

static int connect_to(struct em_socket *s, const struct addrinfo *a, struct em_error *err)
{
	int failure = 0;
	socklen_t size = sizeof(failure);

	s->fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
	if (s->fd < 0)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
	if (prepare(s->fd) || (connect(s->fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS))
		failure = errno;
	else if (wait_for(s, POLLOUT, err))
		failure = -1;
	else
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
	if (!failure)
		return 0;
	em_socket_close(s);
	return failure < 0 ? -1 : em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(failure));
}

int em_socket_connect(struct em_socket *s, const char *host, const char *port, struct em_error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list;
	int rc = getaddrinfo(host, port, &hints, &list);

	s->fd = -1;
	if (rc)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", gai_strerror(rc));
	for (const struct addrinfo *a = list; a && s->fd < 0; a = a->ai_next)
		connect_to(s, a, err);
	freeaddrinfo(list);
	return s->fd < 0 ? -1 : 0;
}

void em_socket_close(struct em_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- bytes ---- */

int em_socket_send(const struct em_socket *s, const void *bytes, size_t n, struct em_error *err)
{
	const char *at = bytes;

	while (n) {
		ssize_t sent = send(s->fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && !would_block())
			return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
		if (sent < 0 && wait_for(s, POLLOUT, err))
			return -1;
		at += sent < 0 ? 0 : sent;
		n -= sent < 0 ? 0 : (size_t)sent;
	}
	return 0;
}

int em_socket_receive(const struct em_socket *s, struct em_text *t, struct em_error *err)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = recv(s->fd, piece, sizeof(piece), 0)) < 0) {
		if (!would_block())
			return em_error_set(err, EM_ERROR_UNREACHABLE, "%s", strerror(errno));
		if (wait_for(s, POLLIN, err))
			return -1;
	}
	em_text_append_bytes(t, piece, (size_t)n);
	return em_text_check(t, err) ? -1 : n > 0;
}

/* ---- listening ---- */

static int tell_address(int fd, char *bound)
{
	struct sockaddr_storage a;
	socklen_t size = sizeof(a);
	char host[48], port[8];

	if (getsockname(fd, (struct sockaddr *)&a, &size) ||
	    getnameinfo((struct sockaddr *)&a, size, host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV))
		return -1;
	snprintf(bound, EM_SOCKET_ADDRESS, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

static int listen_at(const struct addrinfo *a, char *bound)
{
	int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol), on = 1, kept;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!prepare(fd) && !bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, WAITING_CLIENTS) &&
	    !tell_address(fd, bound))
		return fd;
	kept = errno;
	close(fd);
	errno = kept;
	return -1;
}

int em_socket_listen(const char *host, const char *port, char *bound, struct em_error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *list;
	int rc = getaddrinfo(host, port, &hints, &list), fd;

	if (rc)
		return em_error_set(err, EM_ERROR_IO, "cannot listen on %s:%s: %s", host, port, gai_strerror(rc));
	fd = listen_at(list, bound);
	freeaddrinfo(list);
	return fd < 0 ? em_error_errno(err, "cannot listen on %s:%s", host, port) : fd;
}

int em_socket_accept(int listening)
{
	int fd = accept(listening, NULL, NULL);

	if (fd >= 0 && prepare(fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}
