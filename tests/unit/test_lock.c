/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lock of an instrument: one at a time, by name, and the kernel's when its holder dies. */
#include "scope/lock.h"

#include "scope/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[4096];

static void one_at_a_time(void **state)
{
	struct em_lock a = {-1}, b = {-1};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_lock_take(&a, path, "emctl set", 0, NULL, NULL), 0);
	assert_int_equal(em_lock_take(&b, path, "emctl get", 0, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_int_equal(b.fd, -1);
	assert_non_null(strstr(err.text, "in use by emctl set, process"));
	em_lock_drop(&a);
	assert_int_equal(em_lock_take(&b, path, "emctl get", 0, NULL, NULL), 0);
	em_lock_drop(&b);
	em_lock_drop(&b);
}

static void patience_has_an_end(void **state)
{
	struct em_lock a = {-1}, b = {-1};
	double begun;

	(void)state;
	assert_int_equal(em_lock_take(&a, path, "a", 0, NULL, NULL), 0);
	begun = em_clock_now();
	assert_int_equal(em_lock_take(&b, path, "b", 0.15, NULL, NULL), -1);
	assert_true(em_clock_now() - begun >= 0.15);
	em_lock_drop(&a);
}

static void a_signal_ends_the_waiting(void **state)
{
	struct em_lock a = {-1}, b = {-1};
	volatile int stop = 1;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_lock_take(&a, path, "a", 0, NULL, NULL), 0);
	assert_int_equal(em_lock_take(&b, path, "b", 1e9, &stop, &err), -1);
	assert_non_null(strstr(err.text, "stopped"));
	em_lock_drop(&a);
}

static void a_killed_holder_holds_nothing(void **state)
{
	struct em_lock l = {-1};
	int ready[2];
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		if (!em_lock_take(&l, path, "a child", 0, NULL, NULL) && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(em_lock_take(&l, path, "me", 0, NULL, NULL), -1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(em_lock_take(&l, path, "me", 0, NULL, NULL), 0);
	em_lock_drop(&l);
	close(ready[0]);
	close(ready[1]);
}

static void what_is_no_file_is_an_error(void **state)
{
	struct em_lock l = {-1};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_lock_take(&l, "no-such-folder/lock", "me", 0, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_at_a_time),
	    cmocka_unit_test(patience_has_an_end),
	    cmocka_unit_test(a_signal_ends_the_waiting),
	    cmocka_unit_test(a_killed_holder_holds_nothing),
	    cmocka_unit_test(what_is_no_file_is_an_error),
	};
	const char *base = getenv("TMPDIR");
	int fd, status;

	snprintf(path, sizeof(path), "%s/em-lock-XXXXXX", base && *base ? base : P_tmpdir);
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return status;
}
