/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP with an end to every wait: what drivers of instruments, and servers for them, share.
 *
 * Whatever goes wrong is EM_ERROR_UNREACHABLE: refused, gone, reset, or not done in time.  Names of hosts are looked up
 * by the system, which takes its own time; addresses are not.
 */
#ifndef EM_SCOPE_SOCKET_H
#define EM_SCOPE_SOCKET_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>

struct em_socket {
	int fd;                   /* -1: none */
	double ends;              /* by when what is being done has to be done, em_clock_now's time */
	const volatile int *stop; /* not 0: give up waiting.  NULL: never */
};

/* s->ends and s->stop are set by the caller before. */
int em_socket_connect(struct em_socket *s, const char *host, const char *port, struct em_error *err);
void em_socket_close(struct em_socket *s); /* none is allowed */

int em_socket_send(const struct em_socket *s, const void *bytes, size_t n, struct em_error *err);
/* Appends what has come, at least a byte, to *t.  1; 0: the other end has closed; -1. */
int em_socket_receive(const struct em_socket *s, struct em_text *t, struct em_error *err);

/*
 * An address, a number of a port ("0": any that is free).  *bound, of EM_SOCKET_ADDRESS bytes, is what it became:
 * "127.0.0.1:9094", "[::1]:9094".  EM_ERROR_IO.
 */
#define EM_SOCKET_ADDRESS 64
int em_socket_listen(const char *host, const char *port, char *bound, struct em_error *err);
/* The next client of a listening socket, which does not block; -1: there is none now. */
int em_socket_accept(int listening);

#endif
