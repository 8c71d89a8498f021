/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Temporary files that a signal must take along.  A tool has one output and perhaps a report or two. */
#define PENDING_MAX 8
static const char *volatile pending[PENDING_MAX];

void em_outfile_remove_pending(void)
{
	for (int i = 0; i < PENDING_MAX; i++)
		if (pending[i])
			unlink(pending[i]);
}

static void on_fatal_signal(int sig)
{
	em_outfile_remove_pending();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_signals(void)
{
	static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU, SIGXFSZ};
	struct sigaction action, old;

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		memset(&action, 0, sizeof(action));
		action.sa_handler = on_fatal_signal;
		/* A signal that the caller ignores (nohup, SIGPIPE under Python) stays ignored. */
		if (!sigaction(fatal[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &action, NULL);
	}
}

static void watch(const char *temporary)
{
	catch_signals();
	for (int i = 0; i < PENDING_MAX; i++)
		if (!pending[i]) {
			pending[i] = temporary;
			return;
		}
}

static void unwatch(const char *temporary)
{
	for (int i = 0; i < PENDING_MAX; i++)
		if (pending[i] == temporary)
			pending[i] = NULL;
}

static void release(struct em_outfile *f)
{
	if (f->temporary)
		unwatch(f->temporary);
	free(f->temporary);
	free(f->path);
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

/* Where a symbolic link leads: the link stays, its target is replaced. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

/* A file that is replaced keeps its permissions; a new one has the usual ones. */
static mode_t mode_of(const char *path)
{
	struct stat st;
	mode_t mask = umask(0);

	umask(mask);
	return stat(path, &st) ? 0666 & ~mask : st.st_mode & 0777;
}

/* Where a standard descriptor was closed, a file may get its number: messages would go into it. */
static int above_standard(int fd)
{
	int moved = fd < 0 || fd > STDERR_FILENO ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (moved != fd)
		close(fd);
	return moved;
}

static int open_temporary(struct em_outfile *f, struct em_error *err)
{
	static const char suffix[] = ".XXXXXX";
	size_t n = strlen(f->path);

	f->temporary = malloc(n + sizeof(suffix));
	if (!f->temporary)
		return em_error_memory(err, n + sizeof(suffix));
	memcpy(f->temporary, f->path, n);
	memcpy(f->temporary + n, suffix, sizeof(suffix));
	f->fd = mkstemp(f->temporary);
	if (f->fd < 0) {
		free(f->temporary);
		f->temporary = NULL;
		return em_error_errno(err, "cannot create '%s'", f->path);
	}
	watch(f->temporary);
	f->fd = above_standard(f->fd);
	if (fchmod(f->fd, mode_of(f->path)))
		return em_error_errno(err, "cannot create '%s'", f->path);
	return 0;
}

int em_outfile_open(struct em_outfile *f, const char *path, struct em_error *err)
{
	struct em_outfile fresh = {.fd = STDOUT_FILENO};
	struct stat st;
	int status = 0;

	if (path && strcmp(path, "-")) {
		fresh.path = resolve(path);
		if (!fresh.path)
			return em_error_memory(err, strlen(path));
		if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
			fresh.fd = above_standard(open(path, O_WRONLY | O_CLOEXEC));
			status = fresh.fd < 0 ? em_error_errno(err, "cannot write '%s'", path) : 0;
		} else {
			status = open_temporary(&fresh, err);
		}
	}
	if (status) {
		em_outfile_abort(&fresh);
		return -1;
	}
	*f = fresh;
	return 0;
}

int em_outfile_commit(struct em_outfile *f, struct em_error *err)
{
	int status = 0;

	if (f->path) {
		if (f->temporary && fsync(f->fd))
			status = em_error_errno(err, "cannot write '%s'", f->path);
		if (close(f->fd) && !status)
			status = em_error_errno(err, "cannot write '%s'", f->path);
		if (f->temporary && !status && rename(f->temporary, f->path))
			status = em_error_errno(err, "cannot create '%s'", f->path);
		if (f->temporary && status)
			unlink(f->temporary);
	}
	release(f);
	return status;
}

void em_outfile_abort(struct em_outfile *f)
{
	if (f->path && f->fd >= 0)
		close(f->fd);
	if (f->temporary)
		unlink(f->temporary);
	release(f);
}

bool em_outfile_is_regular(const struct em_outfile *f)
{
	struct stat st;

	return !fstat(f->fd, &st) && S_ISREG(st.st_mode);
}

int em_outfile_write(struct em_outfile *f, const void *bytes, size_t n, struct em_error *err)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = write(f->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return em_error_errno(err, "cannot write %s", f->path ? f->path : "standard output");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int em_outfile_refuse_terminal(const struct em_outfile *f, struct em_error *err)
{
	if (isatty(f->fd))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "will not write binary to a terminal: pipe it on, or use -o FILE or -j");
	return 0;
}
