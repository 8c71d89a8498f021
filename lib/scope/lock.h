/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One command at a time an instrument: an advisory lock on a file (flock), which the kernel drops with the process that
 * holds it, however that ends.  The file says who holds it or held it last: "emctl set, process 812 of ann, since ...".
 */
#ifndef EM_SCOPE_LOCK_H
#define EM_SCOPE_LOCK_H

#include "base/error.h"

struct em_lock {
	int fd; /* -1: not held */
};

/*
 * Waits up to `patience` seconds, of the system's clock, or until *stop (may be NULL) is not 0.  EM_ERROR_REFUSED: it
 * is still held then, the text says by whom; EM_ERROR_IO.  The file is made where it is not there and never removed:
 * who opened it before would lock another than who opens it after.
 */
int em_lock_take(struct em_lock *l, const char *path, const char *holder, double patience, const volatile int *stop,
                 struct em_error *err);
void em_lock_drop(struct em_lock *l);
/*
 * The same of a file that is open, and that keeps what it says: until fd is closed.  -1 with errno: EWOULDBLOCK, it is
 * still held by another then; EINTR, *stop.
 */
int em_lock_wait(int fd, double patience, const volatile int *stop);

#endif
