/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator as a driver, in virtual time: what calls do, and the ground truth. */
#include "sim_help.h"

#include "base/json.h"

#include <signal.h>
#include <sys/wait.h>

static char *dir;

static int make(void **state)
{
	(void)state;
	dir = make_folder();
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	remove_folder(dir);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

/* ---- what it is ---- */

static void it_says_what_it_has(void **state)
{
	struct em_capabilities c;
	double lo[EM_CONTROLS], hi[EM_CONTROLS];
	struct scope s = open_sim("?clock=virtual&holder=single", NULL);

	(void)state;
	assert_int_equal(s.d->capabilities(s.self, 1, &c, NULL), 0);
	assert_int_equal(c.detectors, 5);
	assert_string_equal(c.detector[1].name, "HAADF");
	assert_int_equal(c.detector[4].kind, EM_DETECTOR_SPECTROMETER);
	assert_true(c.can_stop && c.readable.known[EM_VOLTAGE] && !c.writable.known[EM_VOLTAGE]);
	assert_true(c.writable.known[EM_STAGE_A] && !c.writable.known[EM_STAGE_B] && !c.readable.known[EM_STAGE_B]);
	assert_int_equal(s.d->limits(s.self, 1, lo, hi, NULL), 0);
	assert_near(hi[EM_STAGE_A], 45 * DEG, 1e-12);
	assert_true(isnan(lo[EM_STAGE_B]) && isnan(hi[EM_VOLTAGE]));
	s.d->close(s.self);
}

/* ---- moves ---- */

static void a_move_takes_its_time_and_is_told_late(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	struct em_sim_model m = model_of("");
	const struct em_sim_axis_model *a = &m.axis[0];
	double begun = s.d->now(s.self), takes = m.latency + 60e-6 / a->speed + a->speed / a->acceleration, x;
	enum em_motion moves;

	(void)state;
	assert_int_equal(set_one(s, EM_STAGE_X, 60e-6), EM_ERROR_NONE);
	assert_int_equal(motion(s, 1, &moves), EM_ERROR_NONE);
	assert_int_equal(moves, EM_AT_REST); /* not yet */
	s.d->sleep(s.self, takes / 2);
	assert_int_equal(motion(s, 1, &moves), EM_ERROR_NONE);
	x = get_one(s, EM_STAGE_X);
	assert_true(x > 20e-6 && x < 40e-6);
	assert_int_equal(set_one(s, EM_STAGE_X, 0), EM_ERROR_REFUSED); /* it moves */
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-7), EM_ERROR_NONE); /* lenses do not mind */
	s.d->sleep(s.self, begun + takes - s.d->now(s.self));
	assert_near(get_one(s, EM_STAGE_X), 60e-6, 5 * hypot(a->aim, 1.1e-9));
	assert_int_equal(motion(s, 1, &moves), EM_ERROR_NONE);
	assert_int_equal(moves, EM_MOVING); /* still */
	s.d->sleep(s.self, 0.5);
	assert_int_equal(motion(s, 1, &moves), EM_ERROR_NONE);
	assert_int_equal(moves, EM_AT_REST);
	s.d->close(s.self);
}

/* As who asks a server does, whose clock nothing else makes go on. */
static void who_only_asks_sees_it_come_to_rest(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	enum em_motion moves = EM_AT_REST;
	bool moved = false;

	(void)state;
	assert_int_equal(set_one(s, EM_STAGE_X, 1e-6), EM_ERROR_NONE);
	s.d->sleep(s.self, 0.3);
	for (int i = 0; i < 100 && (i == 0 || moves == EM_MOVING); i++) {
		assert_int_equal(motion(s, 1, &moves), EM_ERROR_NONE);
		moved = moved || moves == EM_MOVING;
	}
	assert_true(moved && moves == EM_AT_REST);
	s.d->close(s.self);
}

static void limits_and_no_numbers_are_refused(void **state)
{
	static const double bad[] = {1.001e-3, -1.001e-3, NAN, INFINITY, -INFINITY, 1e300};
	struct scope s = open_sim("?clock=virtual", NULL);
	struct em_controls want = {.known = {false}};
	struct em_error err = {EM_ERROR_NONE, ""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(set_one(s, EM_STAGE_Y, bad[i]), EM_ERROR_REFUSED);
	assert_int_equal(set_one(s, EM_STAGE_A, 36 * DEG), EM_ERROR_REFUSED);
	/* One of several past its limit: none is done. */
	em_controls_set(&want, EM_STAGE_X, 1e-5);
	em_controls_set(&want, EM_DEFOCUS, 1e-6);
	em_controls_set(&want, EM_STAGE_Z, 1e-3);
	assert_int_equal(s.d->set(s.self, 1, &want, &err), -1);
	s.d->sleep(s.self, 10);
	assert_near(get_one(s, EM_STAGE_X), 0, 6e-9);
	assert_near(get_one(s, EM_DEFOCUS), 0, 0);
	/* A stage within them, and optics that are not. */
	em_controls_set(&want, EM_STAGE_Z, 1e-5);
	em_controls_set(&want, EM_DEFOCUS, 1);
	assert_int_equal(s.d->set(s.self, 1, &want, &err), -1);
	s.d->sleep(s.self, 10);
	assert_near(get_one(s, EM_STAGE_X), 0, 6e-9);
	s.d->close(s.self);
}

static void stop_stops(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	double x;

	(void)state;
	set_one(s, EM_STAGE_X, 500e-6);
	s.d->sleep(s.self, 1);
	assert_int_equal(s.d->stop(s.self, 1, NULL), 0);
	s.d->sleep(s.self, 0.31); /* 0.3 s from full speed */
	x = get_one(s, EM_STAGE_X);
	assert_true(x > 80e-6 && x < 140e-6);
	s.d->sleep(s.self, 5);
	assert_near(get_one(s, EM_STAGE_X), x, 8e-9);
	assert_int_equal(set_one(s, EM_STAGE_X, 0), EM_ERROR_NONE);
	s.d->close(s.self);
}

static void the_next_process_finds_the_same_microscope(void **state)
{
	struct scope s = open_sim("?clock=virtual", dir);
	double now;

	(void)state;
	set_one(s, EM_STAGE_X, 42e-6);
	set_one(s, EM_MAGNIFICATION, 78000);
	s.d->sleep(s.self, 30);
	now = s.d->now(s.self);
	s.d->close(s.self);
	s = open_sim("?clock=virtual", dir);
	assert_near(s.d->now(s.self), now, 0);
	assert_near(get_one(s, EM_STAGE_X), 42e-6, 50e-9);
	assert_near(get_one(s, EM_MAGNIFICATION), 80000, 0);
	s.d->close(s.self);
	s = open_sim("?clock=virtual&seed=2", dir); /* another one */
	assert_near(get_one(s, EM_MAGNIFICATION), 50000, 0);
	s.d->close(s.self);
}

static void the_real_clock_goes_by_itself(void **state)
{
	struct scope s = open_sim("?mechanics=ideal", dir);
	double x = 0, now = s.d->now(s.self);

	(void)state;
	set_one(s, EM_STAGE_X, 2e-6); /* 0.04 + 2 sqrt(2e-6 / 400e-6) = 0.18 s */
	s.d->close(s.self);
	s = open_sim("?mechanics=ideal", dir);
	while (fabs(x - 2e-6) > 1e-9)
		x = get_one(s, EM_STAGE_X);
	assert_true(s.d->now(s.self) - now > 0.175); /* the last nanometre takes 2 ms */
	s.d->close(s.self);
}

/* ---- exposures ---- */

static void detectors_need_their_mode(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	struct em_acquired a = {.seconds = 0};
	double now;

	(void)state;
	assert_int_equal(expose(s, "HAADF", 64, &a), EM_ERROR_REFUSED);
	assert_int_equal(expose(s, "HAADF9", 64, &a), EM_ERROR_REFUSED);
	now = s.d->now(s.self);
	assert_int_equal(expose(s, "ccd", 64, &a), EM_ERROR_NONE);
	assert_near(s.d->now(s.self) - now, 1e-3 + a.seconds, 1e-9);
	assert_true(a.data.ndim == 2 && a.data.shape[0] == 64 && a.data.dtype == EM_U16);
	assert_true(a.seconds > 1 && a.dose > 0);
	em_array_release(&a.data);
	set_one(s, EM_MODE, 1);
	assert_int_equal(expose(s, "ABF", 64, &a), EM_ERROR_NONE);
	em_array_release(&a.data);
	assert_int_equal(expose(s, "EELS", 0, &a), EM_ERROR_NONE);
	assert_true(a.data.ndim == 1 && a.data.shape[0] == 2048 && a.data.dtype == EM_I32);
	assert_near(a.offset, -20, 0);
	em_array_release(&a.data);
	s.d->close(s.self);
}

static void expected_is_what_comes(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	struct em_exposure e = {.detector = "CCD", .binning = 8, .seconds = 0.25};
	struct em_acquired told = {.seconds = 0}, a = {.seconds = 0};

	(void)state;
	assert_int_equal(s.d->expect(s.self, 1, &e, &told, NULL), 0);
	assert_null(told.data.data);
	assert_int_equal(s.d->acquire(s.self, 10, &e, &a, NULL), 0);
	assert_near(told.dose, a.dose, 0);
	assert_near(told.seconds, a.seconds, 0);
	assert_memory_equal(told.to_stage, a.to_stage, sizeof(a.to_stage));
	em_array_release(&a.data);
	s.d->close(s.self);
}

/* Two instruments of one seed, told the same, give the same picture; the next one has other noise. */
static void seeds_make_it_again(void **state)
{
	struct em_acquired a[3];
	struct scope s = open_sim("?clock=virtual&seed=5", NULL), t = open_sim("?clock=virtual&seed=5", NULL);

	(void)state;
	expose(s, "CCD", 64, &a[0]);
	expose(t, "CCD", 64, &a[1]);
	expose(t, "CCD", 64, &a[2]);
	assert_memory_equal(a[0].data.data, a[1].data.data, 64 * 64 * 2);
	assert_memory_not_equal(a[0].data.data, a[2].data.data, 64 * 64 * 2);
	for (int i = 0; i < 3; i++)
		em_array_release(&a[i].data);
	s.d->close(s.self);
	t.d->close(t.self);
}

static void options_as_text(void **state)
{
	static const char *const bad[] = {
	    "?seed",      "?seed=",        "?seed=-1",  "?seed=1x",     "?clock=fast", "?drift=-1",
	    "?drift=nan", "?nothing=1",    "?state=",   "?holder=",     "?fault=x",    "?seed=1&x",
	    "%zz",        "a%00b",         "?state=%4", "?drift=1e400", "?reaction=s", "?sequence=1",
	    "?truth=",    "?mechanics=on", "?faults=a", "?state=a%00",  "%4",          "?disorder=1e41"};
	struct em_sim_options o;

	(void)state;
	assert_int_equal(
	    em_sim_options_parse(&o, "my%20file.json?clock=virtual&seed=7&state=a%26b&truth=t.jsonl&drift=3", NULL), 0);
	assert_string_equal(o.specimen, "my file.json");
	assert_string_equal(o.state, "a&b");
	assert_string_equal(o.truth_log, "t.jsonl");
	assert_true(o.virtual_clock && o.seed == 7 && o.has_seed && o.truth);
	assert_near(o.drift, 3e-9, 1e-20);
	em_sim_options_release(&o);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {EM_ERROR_NONE, ""};
		if (!em_sim_options_parse(&o, bad[i], &err))
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
}

/* By the real clock an exposure of another process is waited for by nobody: who reads reads, who exposes is refused. */
static void one_exposure_at_a_time(void **state)
{
	struct em_exposure e = {.detector = "CCD", .seconds = 60, .binning = 8};
	struct scope s = open_sim("", dir);
	struct em_acquired a;
	enum em_error_kind kind;
	pid_t child = fork();

	(void)state;
	if (!child) {
		while (s.d->acquire(s.self, 100, &e, &a, NULL))
			; /* one of the other's goes on */
		_exit(0);
	}
	while ((kind = expose(s, "EELS", 0, &a)) == EM_ERROR_NONE) { /* until it exposes */
		em_array_release(&a.data);
		s.d->sleep(s.self, 0.02);
	}
	assert_int_equal(kind, EM_ERROR_REFUSED);
	assert_near(get_one(s, EM_MAGNIFICATION), 50000, 0);
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-7), EM_ERROR_NONE);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	s.d->close(s.self);
}

/* ---- the ground truth ---- */

static struct em_json *truth(const char *name)
{
	struct em_error err;
	struct em_json *j;
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	j = em_json_parse_file(path, &err);
	if (!j)
		fail_msg("%s", err.text);
	return j;
}

static double number(const struct em_json *j, const char *path)
{
	double v;

	if (!em_json_number(em_json_find(j, path), &v))
		fail_msg("no %s", path);
	return v;
}

/* The state that the file has, by the mechanics: the truth file says the same, and encoders something else. */
static void the_truth_is_the_mechanics(void **state)
{
	struct em_sim_store st = {.fd = -1};
	struct em_sim_state at;
	struct em_sim_model m = model_of("?seed=21&drift=4");
	struct em_sim_pose pose;
	struct em_json *j;
	struct scope s;
	char rest[200], path[160];
	double x, y;
	bool fresh;

	(void)state;
	snprintf(path, sizeof(path), "%s/b", dir);
	snprintf(rest, sizeof(rest), "?clock=virtual&seed=21&drift=4&state=%s", path);
	s = open_sim(rest, NULL);
	set_one(s, EM_STAGE_X, 90e-6);
	s.d->sleep(s.self, 5);
	set_one(s, EM_STAGE_A, 0.2);
	s.d->sleep(s.self, 500);
	assert_int_equal(s.d->stop(s.self, 1, NULL), 0); /* tells the truth of now */
	st.path = path;
	assert_int_equal(em_sim_store_open(&st, 1, &at, &fresh, NULL), 0);
	em_sim_store_close(&st);
	j = truth("b.truth.json");
	assert_near(number(j, "time_s"), at.time, 1e-6);
	x = em_sim_axis_true(&m.axis[0], &at.stage.axis[0], at.time) + em_sim_axis_drift(&m.axis[0], at.time);
	assert_near(number(j, "stage.x_m"), x, 1e-13);
	assert_near(number(j, "drift.x_m"), em_sim_axis_drift(&m.axis[0], at.time), 1e-15);
	assert_near(number(j, "drive.x_m"), em_sim_axis_drive(&m.axis[0], &at.stage.axis[0], at.time), 1e-13);
	em_sim_stage_pose(&m, &at.stage, at.time, &pose);
	assert_near(number(j, "under_beam.y_m"), pose.y, 1e-13);
	assert_near(number(j, "under_beam.a_rad"), pose.a, 1e-9);
	y = get_one(s, EM_STAGE_X);
	assert_near(y, number(j, "drive.x_m"), 10e-9);
	assert_true(fabs(y - (x - number(j, "drift.x_m"))) > 300e-9); /* half the play, and more */
	em_json_free(j);
	s.d->close(s.self);
}

/* A line an exposure: where it was, and where a client that believes the encoder thinks it was. */
static void exposures_have_their_truth(void **state)
{
	struct scope s;
	struct em_acquired a;
	char rest[200], path[160], line[8192];
	double x[2];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/log.jsonl", dir);
	snprintf(rest, sizeof(rest), "?clock=virtual&truth=%s", path);
	s = open_sim(rest, dir);
	for (int i = 0; i < 2; i++) {
		set_one(s, EM_STAGE_X, 30e-6 * i);
		s.d->sleep(s.self, 20);
		assert_int_equal(expose(s, "CCD", 32, &a), EM_ERROR_NONE);
		em_array_release(&a.data);
	}
	s.d->close(s.self);
	f = fopen(path, "r");
	assert_non_null(f);
	for (int i = 0; i < 2; i++) {
		struct em_json *j;
		assert_non_null(fgets(line, sizeof(line), f));
		j = em_json_parse(line, strlen(line), NULL);
		x[i] = number(j, "exposure.x");
		assert_near(number(j, "exposures"), i + 1, 0);
		assert_near(number(j, "exposure.width"), 32, 0);
		em_json_free(j);
	}
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_near(x[1] - x[0], 30e-6, 1.5e-6); /* but for play and the like */
	assert_true(fabs(x[1] - x[0] - 30e-6) > 50e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_says_what_it_has),
	    cmocka_unit_test(a_move_takes_its_time_and_is_told_late),
	    cmocka_unit_test(who_only_asks_sees_it_come_to_rest),
	    cmocka_unit_test(limits_and_no_numbers_are_refused),
	    cmocka_unit_test(stop_stops),
	    TEST(the_next_process_finds_the_same_microscope),
	    TEST(the_real_clock_goes_by_itself),
	    cmocka_unit_test(detectors_need_their_mode),
	    cmocka_unit_test(expected_is_what_comes),
	    cmocka_unit_test(seeds_make_it_again),
	    cmocka_unit_test(options_as_text),
	    TEST(one_exposure_at_a_time),
	    TEST(the_truth_is_the_mechanics),
	    TEST(exposures_have_their_truth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
