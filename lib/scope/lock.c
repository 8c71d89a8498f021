/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/lock.h"

#include "scope/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define HOLDER 200 /* bytes of the text in the file */

/* Waiting is by asking again: a blocking flock could not be given up.  The pause is drawn so that many who wait do not
 * ask in step, and short at first as a command takes milliseconds. */
static double pause_of(int attempt)
{
	struct timespec t;
	double longest = attempt < 8 ? 0.001 * (1 << attempt) : 0.2;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return longest * (0.5 + 0.5 * (double)((t.tv_nsec / 64 + getpid()) % 1024) / 1024);
}

static int held_by_another(int fd, const char *path, double patience, struct em_error *err)
{
	char holder[HOLDER + 1];
	ssize_t n = pread(fd, holder, HOLDER, 0);

	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	return em_error_set(err, EM_ERROR_REFUSED, "the instrument is in use by %s; waited %g s (lock '%s')",
	                    *holder ? holder : "another process", patience, path);
}

/* That this fails does not make the lock less of one. */
static void write_holder(int fd, const char *holder)
{
	const struct passwd *user = getpwuid(getuid());
	char text[HOLDER], when[40];
	int n;

	em_clock_stamp(when, sizeof(when));
	n = snprintf(text, sizeof(text), "%.60s, process %ld of %.32s, since %s\n", holder, (long)getpid(),
	             user ? user->pw_name : "a user without a name", when);
	if (!ftruncate(fd, 0) && n > 0 && pwrite(fd, text, (size_t)n, 0) < 0)
		n = 0;
}

int em_lock_wait(int fd, double patience, const volatile int *stop)
{
	double end = em_clock_now() + patience;

	for (int attempt = 0; flock(fd, LOCK_EX | LOCK_NB); attempt++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || !(em_clock_now() < end))
			return -1;
		if (stop && *stop) {
			errno = EINTR;
			return -1;
		}
		em_clock_sleep(pause_of(attempt));
	}
	return 0;
}

int em_lock_take(struct em_lock *l, const char *path, const char *holder, double patience, const volatile int *stop,
                 struct em_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return em_error_errno(err, "cannot open the lock '%s'", path);
	if (em_lock_wait(fd, patience, stop)) {
		if (errno == EWOULDBLOCK)
			held_by_another(fd, path, patience, err);
		else if (errno == EINTR)
			em_error_set(err, EM_ERROR_REFUSED, "stopped while it waited for the instrument");
		else
			em_error_errno(err, "cannot lock '%s'", path);
		close(fd);
		return -1;
	}
	write_holder(fd, holder);
	l->fd = fd;
	return 0;
}

void em_lock_drop(struct em_lock *l)
{
	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
}
