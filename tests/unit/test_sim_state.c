/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state's file: shared by processes, whole after kill -9, not believed. */
#include "sim_help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char *dir, path[128];

static int make(void **state)
{
	(void)state;
	dir = make_folder();
	snprintf(path, sizeof(path), "%s/a.state", dir);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	remove_folder(dir);
	return 0;
}

static struct em_sim_state read_it(void)
{
	struct em_sim_store st = {.path = path, .fd = -1};
	struct em_sim_state s;
	struct em_error err;
	bool fresh;

	if (em_sim_store_open(&st, 5, &s, &fresh, &err))
		fail_msg("%s", err.text);
	assert_false(fresh);
	em_sim_store_close(&st);
	return s;
}

static void write_it(const struct em_sim_state *s)
{
	struct em_sim_store st = {.path = path, .fd = -1};
	struct em_sim_state was;
	bool fresh;

	assert_int_equal(em_sim_store_open(&st, 5, &was, &fresh, NULL), 0);
	assert_int_equal(em_sim_store_write(&st, s, NULL), 0);
	em_sim_store_close(&st);
}

static enum em_error_kind reading(void)
{
	struct em_sim_store st = {.path = path, .fd = -1};
	struct em_sim_state s;
	struct em_error err = {EM_ERROR_NONE, ""};
	bool fresh;

	if (em_sim_store_open(&st, 5, &s, &fresh, &err))
		return err.kind;
	em_sim_store_close(&st);
	return fresh ? EM_ERROR_IO : EM_ERROR_NONE; /* a file that is empty yet */
}

/* What has been written is what is read, and only the newest. */
static void states_come_back(void **state)
{
	struct em_sim_state s, back;

	(void)state;
	em_sim_state_init(&s, 0xfedcba9876543210u, EM_SIM_TOMOGRAPHY, true);
	assert_true(em_sim_state_seed(&s) == 0xfedcba9876543210u);
	for (int i = 0; i < 5; i++) {
		s.stage.axis[2].to = 1e-6 * i;
		s.place[EM_SIM_PLACES - 1].dose = 1e20 * i;
		write_it(&s);
		back = read_it();
		assert_memory_equal(&s, &back, sizeof(s));
	}
}

/* ---- kills ---- */

/* All of a command's changes are there or none: each number of it is the same count. */
static void count_up(void)
{
	struct em_sim_store st = {.path = path, .fd = -1};
	struct em_sim_state s;
	bool fresh;

	for (;;) {
		if (em_sim_store_open(&st, 5, &s, &fresh, NULL))
			_exit(1);
		if (fresh)
			em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, false);
		s.calls += 1;
		s.exposures = s.draws = s.calls;
		for (int i = 0; i < EM_SIM_PLACES; i++)
			s.place[i].dose = s.calls;
		if (em_sim_store_write(&st, &s, NULL))
			_exit(1);
		em_sim_store_close(&st);
	}
}

static void nap(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};

	nanosleep(&t, NULL);
}

static void kill_one(double after, double *last)
{
	pid_t child = fork();
	struct em_sim_state s;
	int status;

	if (!child)
		count_up();
	assert_true(child > 0);
	nap(after);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* it had not given up before */
	if (read_it().calls < 1)
		return;
	s = read_it();
	assert_true(s.calls >= *last && s.exposures == s.calls && s.draws == s.calls);
	for (int i = 0; i < EM_SIM_PLACES; i++)
		assert_true(s.place[i].dose == s.calls);
	*last = s.calls;
}

static void a_killed_process_leaves_a_whole_state(void **state)
{
	struct em_random r;
	struct em_sim_state first;
	double last = 0;

	(void)state;
	em_random_seed(&r, 12, 0);
	em_sim_state_init(&first, 1, EM_SIM_DOUBLE_TILT, false);
	write_it(&first);
	for (int i = 0; i < 100; i++)
		kill_one(em_random_log_between(&r, 1e-4, 2e-2), &last);
	assert_true(last > 100);
}

/* Through the driver: a set of two controls, and exposures. */
static void command_on(void)
{
	char rest[200];
	struct em_acquired a;
	struct scope s;

	snprintf(rest, sizeof(rest), "?clock=virtual&state=%s", path);
	s = open_sim(rest, NULL);
	for (double v = get_one(s, EM_BEAM_SHIFT_X);; v = v > 1e-5 ? 0 : v + 1e-9) {
		struct em_controls want = {.known = {false}};

		em_controls_set(&want, EM_BEAM_SHIFT_X, v);
		em_controls_set(&want, EM_BEAM_SHIFT_Y, -v);
		if (s.d->set(s.self, 10, &want, NULL) || expose(s, "CCD", 32, &a) != EM_ERROR_NONE)
			_exit(1);
		em_array_release(&a.data);
	}
}

static void a_killed_command_is_done_or_not(void **state)
{
	double exposures = 0, calls = 0;
	struct em_random r;

	(void)state;
	em_random_seed(&r, 14, 0);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		struct em_sim_state s;
		int status;

		if (!child)
			command_on();
		while (reading() != EM_ERROR_NONE || read_it().calls < calls + 2) /* it is at work */
			nap(1e-3);
		nap(em_random_log_between(&r, 1e-4, 3e-2));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		s = read_it();
		assert_near(s.control[EM_BEAM_SHIFT_X], -s.control[EM_BEAM_SHIFT_Y], 0);
		assert_true(s.exposures >= exposures && s.calls >= 2 * s.exposures);
		exposures = s.exposures;
		calls = s.calls;
	}
	assert_true(exposures > 10);
}

/* The same where the kill can come over the making of the file. */
static void a_kill_over_the_making_leaves_none_or_one(void **state)
{
	struct em_random r;

	(void)state;
	em_random_seed(&r, 13, 0);
	for (int i = 0; i < 100; i++) {
		pid_t child;
		struct em_sim_store st = {.path = path, .fd = -1};
		struct em_sim_state s;
		struct em_error err;
		bool fresh;

		unlink(path);
		child = fork();
		if (!child)
			count_up();
		nap(em_random_log_between(&r, 1e-5, 2e-3));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (em_sim_store_open(&st, 5, &s, &fresh, &err))
			fail_msg("%s", err.text);
		assert_true(fresh || (s.exposures == s.calls && s.place[9].dose == s.calls));
		em_sim_store_close(&st);
	}
}

/* As a kill in the middle of a write would leave it: each length of each slot. */
static void half_a_write_is_the_state_before(void **state)
{
	unsigned char before[8192] = {0}, after[8192] = {0}, mixed[8192];
	struct em_sim_state s, one, two;
	ssize_t n;
	int fd;

	(void)state;
	em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, false);
	for (int odd = 0; odd < 2; odd++) {
		write_it(&s);
		one = s;
		fd = open(path, O_RDWR);
		assert_true(read(fd, before, sizeof(before)) > 4096);
		for (size_t i = 0; i < sizeof(s) / sizeof(double); i++)
			if (i >= offsetof(struct em_sim_state, place) / sizeof(double))
				((double *)&s)[i] += 0.25;
		write_it(&s);
		two = s;
		n = pread(fd, after, sizeof(after), 0);
		assert_true(n > 4096);
		for (size_t cut = 0; cut <= 4096; cut += 61) {
			struct em_sim_state now;
			for (size_t i = 0; i < sizeof(mixed); i++)
				mixed[i] = i % 4096 < cut ? after[i] : before[i];
			assert_int_equal(pwrite(fd, mixed, (size_t)n, 0), n);
			now = read_it();
			assert_true(!memcmp(&now, &one, sizeof(s)) || !memcmp(&now, &two, sizeof(s)));
			assert_true(cut > 0 || !memcmp(&now, &one, sizeof(s)));
		}
		close(fd);
	}
}

/* ---- many at once ---- */

static void two_processes_lose_no_command(void **state)
{
	enum { EACH = 300, PROCESSES = 3 };
	char rest[200];
	struct scope s;

	(void)state;
	snprintf(rest, sizeof(rest), "?clock=virtual&truth=off&state=%s", path);
	for (int p = 0; p < PROCESSES; p++)
		if (!fork()) {
			s = open_sim(rest, NULL);
			for (int i = 0; i < EACH; i++)
				if (set_one(s, EM_BEAM_SHIFT_X, 1e-9 * i) != EM_ERROR_NONE)
					_exit(1);
			_exit(0);
		}
	for (int p = 0, status; p < PROCESSES; p++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	/* Each call is counted, and took its millisecond of the virtual clock: none was read before another's write. */
	assert_near(read_it().calls, EACH * PROCESSES, 0);
	assert_near(read_it().time, 1e-3 * EACH * PROCESSES, 1e-9);
}

static void a_lock_is_waited_for_and_given_up(void **state)
{
	struct em_sim_store st = {.path = path, .fd = -1};
	struct em_sim_state s;
	struct em_error err = {EM_ERROR_NONE, ""};
	bool fresh;
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(em_sim_store_open(&st, 0.02, &s, &fresh, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_int_equal(st.fd, -1);
	close(fd);
	assert_int_equal(em_sim_store_open(&st, 0.02, &s, &fresh, &err), 0);
	em_sim_store_close(&st);
}

/* ---- lies ---- */

static void numbers_that_make_no_sense_are_refused(void **state)
{
	static const double lies[] = {NAN, INFINITY, -INFINITY, 1e300};
	struct em_sim_state good, s;

	(void)state;
	em_sim_state_init(&good, 1, EM_SIM_DOUBLE_TILT, false);
	for (size_t i = 0; i < sizeof(s) / sizeof(double); i++)
		for (size_t k = 0; k < sizeof(lies) / sizeof(*lies); k++) {
			s = good;
			((double *)&s)[i] = lies[k];
			assert_int_equal(em_sim_state_check(&s, NULL), -1);
		}
	s = good;
	s.control[EM_MODE] = 7; /* an index into a table */
	write_it(&s);
	assert_int_equal(reading(), EM_ERROR_DATA);
}

/* Any state that is believed gives exposures of finite numbers, and is believed after them. */
static void what_is_believed_can_be_used(void **state)
{
	static const char *const names[] = {"CCD", "HAADF", "EELS"};
	struct em_sim_options o;
	struct em_sim_model m = model_of("");
	struct em_random r;
	size_t used = 0;

	(void)state;
	em_random_seed(&r, 15, 0);
	em_sim_options_parse(&o, "?reaction=9", NULL);
	for (int i = 0; i < 20000; i++) {
		struct em_sim_state s;
		double *v = (double *)&s;

		em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, false);
		for (int k = 0; k < 4; k++)
			v[em_random_below(&r, sizeof(s) / sizeof(double))] =
			    em_random_log_between(&r, 1e-12, 10) * (em_random_chance(&r, 0.5) ? 1 : -1);
		s.control[EM_MODE] = i % 2;
		s.control[EM_PROJECTION] = i / 2 % 2;
		if (em_sim_state_check(&s, NULL))
			continue;
		for (int d = 0; d < 3; d++) {
			struct em_exposure e = {.binning = 8};
			struct em_sim_plan p;
			const double *n = &p.view.x;

			snprintf(e.detector, sizeof(e.detector), "%s", names[d]);
			if (em_sim_exposure_plan(&m, &o, &s, &e, &p, NULL))
				continue;
			for (; n < &p.view.voltage; n++)
				assert_true(isfinite(*n));
			assert_true(isfinite(p.view.electrons) && isfinite(p.place.dose) && isfinite(p.view.defocus));
			em_sim_exposure_done(&s, &p);
			em_sim_state_pass(&s, 1e9);
			em_sim_stage_stop(&m, &s.stage, s.time);
			assert_int_equal(em_sim_state_check(&s, NULL), 0);
			used++;
		}
	}
	assert_true(used > 1000);
}

static void other_files_are_no_state(void **state)
{
	unsigned char bytes[8192];
	struct em_sim_state s;
	int fd;

	(void)state;
	em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, false);
	write_it(&s);
	fd = open(path, O_RDWR);
	for (int i = 0; i < 24 + (int)sizeof(s) + 64; i += 7) { /* one bit turned anywhere in the only slot */
		unsigned char b;
		assert_int_equal(pread(fd, &b, 1, 4096 + i), 1);
		b ^= 16;
		assert_int_equal(pwrite(fd, &b, 1, 4096 + i), 1);
		assert_int_equal(reading(), EM_ERROR_DATA);
		b ^= 16;
		assert_int_equal(pwrite(fd, &b, 1, 4096 + i), 1);
	}
	assert_int_equal(reading(), EM_ERROR_NONE);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(reading(), EM_ERROR_DATA);
	close(fd);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(reading(), EM_ERROR_IO);
	assert_int_equal(rmdir(path), 0);
}

/* A seed that is not the state's, or another holder, is another microscope. */
static void another_microscope_is_refused(void **state)
{
	char rest[200];
	struct em_error err = {EM_ERROR_NONE, ""};
	struct scope s;

	(void)state;
	snprintf(rest, sizeof(rest), "?seed=7&clock=virtual&state=%s", path);
	s = open_sim(rest, NULL);
	s.d->close(s.self);
	snprintf(rest, sizeof(rest), "?seed=8&state=%s", path);
	assert_null(em_driver_sim.open(rest, NULL, 5, &s.self, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	snprintf(rest, sizeof(rest), "?holder=single&state=%s", path);
	assert_null(em_driver_sim.open(rest, NULL, 5, &s.self, &err));
	snprintf(rest, sizeof(rest), "?state=%s", path);
	s = open_sim(rest, NULL);
	assert_near(read_it().seed_low, 7, 0);
	s.d->close(s.self);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(states_come_back),
	    TEST(a_killed_process_leaves_a_whole_state),
	    TEST(a_killed_command_is_done_or_not),
	    TEST(a_kill_over_the_making_leaves_none_or_one),
	    TEST(half_a_write_is_the_state_before),
	    TEST(two_processes_lose_no_command),
	    TEST(a_lock_is_waited_for_and_given_up),
	    TEST(numbers_that_make_no_sense_are_refused),
	    TEST(what_is_believed_can_be_used),
	    TEST(other_files_are_no_state),
	    TEST(another_microscope_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
