/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record's member "bragg", there and back. */
#include "spots_help.h"

static struct em_json *tree_of(const struct em_spots *s, const double scale[2], const char *units, struct em_text *t)
{
	struct em_json *tree;

	em_text_clear(t);
	em_spots_print(s, scale, units, t);
	assert_int_equal(em_text_check(t, NULL), 0);
	tree = em_json_parse(t->s, t->len, NULL);
	assert_non_null(tree);
	return tree;
}

static double number(const struct em_json *node, const char *name)
{
	double v = NAN;

	em_json_number(em_json_get(node, name), &v);
	return v;
}

static void test_print(void **state)
{
	const char *texts[] = {"film=auto", "one=d:0.16"};
	struct bench b;
	struct em_spots s, again = {0};
	struct em_error err;
	struct em_text t = {0};
	struct em_json *tree;
	const struct em_json *film, *lattice, *spot;

	(void)state;
	set_up(&b);
	assert_int_equal(find(&b, &s, texts, 2, &err), 0);
	tree = tree_of(&s, b.view.scale, "nm", &t);
	film = em_json_first(em_json_get(tree, "phases"));
	lattice = em_json_get(film, "lattice");
	spot = em_json_first(em_json_get(film, "spots"));
	assert_near(number(lattice, "a_nm") * number(lattice, "b_nm"), 0.4 * 0.32, 1e-4);
	assert_near(number(lattice, "gamma_deg"), 90, 0.1);
	assert_true(number(lattice, "a_nm_u") > 0 && number(lattice, "gamma_deg_u") > 0);
	/* the strongest is (1 0): 17 degrees, clockwise as one sees it, y down */
	assert_near(number(spot, "d_nm"), 0.4, 1e-6);
	assert_near(number(spot, "angle_deg"), 17, 1e-5);
	assert_near(number(spot, "y"), 0.1 * sin(17 * TURN / 360), 1e-9);
	assert_near(number(spot, "snr"), 1000, 1e-6);
	assert_null(em_json_get(em_json_next(film), "lattice"));
	assert_int_equal(em_spots_read(&again, tree, NULL), 0);
	assert_int_equal(again.count, 2);
	for (size_t p = 0; p < 2; p++) {
		assert_string_equal(again.phase[p].name, s.phase[p].name);
		assert_true(again.phase[p].indexed == s.phase[p].indexed && again.phase[p].count == s.phase[p].count);
		for (size_t k = 0; k < s.phase[p].count; k++) {
			const struct em_spots_spot *x = &s.phase[p].spot[k], *y = &again.phase[p].spot[k];

			assert_true(fabs(x->y - y->y) < 1e-9 && fabs(x->x - y->x) < 1e-9 &&
			            fabs(x->snr - y->snr) < 1e-5);
			assert_true(p == 1 || (x->h == y->h && x->k == y->k));
		}
	}
	for (size_t c = 0; c < 2; c++)
		assert_true(fabs(again.phase[0].lattice.a[c] - s.phase[0].lattice.a[c]) < 1e-9 &&
		            fabs(again.phase[0].lattice.b[c] - s.phase[0].lattice.b[c]) < 1e-9);
	em_json_free(tree);
	tree = tree_of(&s, (const double[2]){1, 1}, "px", &t);
	spot = em_json_first(em_json_get(em_json_first(em_json_get(tree, "phases")), "spots"));
	assert_near(number(spot, "d_px"), 10, 1e-6);
	em_json_free(tree);
	em_text_release(&t);
}

/* A request for a file: the member alone or a record, its phases by their names or the request's. */
static void test_file(void **state)
{
	char path[] = P_tmpdir "/test_spots_XXXXXX", text[sizeof(path) + 8];
	const char *plain[1] = {path}, *named[1] = {text}, *both[2] = {path, "film=d:0.4"};
	const char *json = "{\"bragg\":{\"phases\":[{\"name\":\"film\",\"spots\":[{\"y\":0.1,\"x\":0.02}]},"
	                   "{\"name\":\"row\",\"lattice\":{\"a_star\":[0,0.2],\"b_star\":[0,0]},"
	                   "\"spots\":[{\"y\":0,\"x\":0.2,\"h\":1,\"k\":0,\"snr\":7}]}]},\"key\":\"a\"}";
	struct bench b;
	struct em_spots s;
	struct em_error err;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, json, strlen(json)), strlen(json));
	set_up(&b);
	assert_int_equal(find(&b, &s, plain, 1, &err), 0);
	assert_true(s.count == 2 && !s.phase[0].indexed && s.phase[1].indexed && s.phase[1].lattice.row);
	assert_true(isnan(s.phase[0].spot[0].snr) && s.phase[1].spot[0].h == 1);
	assert_string_equal(s.phase[1].name, "row");
	snprintf(text, sizeof(text), "mine=%s", path);
	assert_int_equal(find(&b, &s, named, 1, &err), 0);
	assert_string_equal(s.phase[0].name, "mine");
	assert_string_equal(s.phase[1].name, "mine2");
	assert_int_equal(find(&b, &s, both, 2, &err), -1); /* two films */
	assert_int_equal(err.kind, EM_ERROR_DATA);
	b.peaks.count = 0;
	assert_int_equal(find(&b, &s, plain, 1, &err), 0); /* needs no peaks */
	assert_int_equal(s.count, 2);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(find(&b, &s, plain, 1, &err), -1);
	assert_non_null(strstr(err.text, path));
	close(fd);
	unlink(path);
	assert_int_equal(find(&b, &s, plain, 1, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
}

static void test_read_refused(void **state)
{
#define SPOT "{\"y\":0.1,\"x\":0.1}"
#define PHASE(name, spots) "{\"name\":\"" name "\",\"spots\":[" spots "]}"
#define SIX SPOT "," SPOT "," SPOT "," SPOT "," SPOT "," SPOT
	static const char *const wrong[] = {
	    "[]",
	    "{}",
	    "{\"phases\":[]}",
	    "{\"phases\":{}}",
	    "null",
	    "{\"phases\":[1]}",
	    "{\"phases\":[{\"spots\":[" SPOT "]}]}",
	    "{\"phases\":[" PHASE("a b", SPOT) "]}",
	    "{\"phases\":[" PHASE("A2345678901234567890123456789012", SPOT) "]}",
	    "{\"phases\":[" PHASE("a", "") "]}",
	    "{\"phases\":[" PHASE("a", "{\"y\":0.1}") "]}",
	    "{\"phases\":[" PHASE("a", "{\"y\":0,\"x\":0}") "]}",
	    "{\"phases\":[" PHASE("a", "{\"y\":0.5,\"x\":0}") "]}",
	    "{\"phases\":[" PHASE("a", "{\"y\":0,\"x\":-1e9}") "]}",
	    "{\"phases\":[" PHASE("a", "{\"y\":\"0.1\",\"x\":0.1}") "]}",
	    "{\"phases\":[" PHASE("a", SIX "," SIX "," SPOT) "]}",
	    "{\"phases\":[" PHASE("a", SPOT) "," PHASE("a", SPOT) "]}",
	    "{\"phases\":[" PHASE("a", SPOT) "," PHASE("b", SPOT) "," PHASE("c", SPOT) "," PHASE("d", SPOT) "," PHASE(
	        "e", SPOT) "," PHASE("f", SPOT) "," PHASE("g", SPOT) "," PHASE("h", SPOT) "," PHASE("i", SPOT) "]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct em_json *tree = em_json_parse(wrong[i], strlen(wrong[i]), NULL);
		struct em_spots s = {.count = 1, .phase[0] = {.name = "old", .count = 1}};
		struct em_error err = {0};

		assert_non_null(tree);
		if (em_spots_read(&s, tree, &err) == 0)
			fail_msg("%s is accepted", wrong[i]);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(s.count, 1); /* left as it was */
		assert_string_equal(s.phase[0].name, "old");
		em_json_free(tree);
	}
}

/* A lattice that is none, and indices out of range, are passed over; the spots count. */
static void test_read_lenient(void **state)
{
	static const char *const odd[] = {"{\"a_star\":[0.1,0],\"b_star\":[0.2,0]}",
	                                  "{\"a_star\":[0,0],\"b_star\":[0.2,0]}",
	                                  "{\"a_star\":[0.1]}",
	                                  "{\"a_star\":[1e300,1e300],\"b_star\":[0,0.1]}",
	                                  "{}",
	                                  "3",
	                                  "{\"a_star\":[2,0],\"b_star\":[0,0.1]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		char text[300];
		struct em_json *tree;
		struct em_spots s = {0};

		snprintf(
		    text, sizeof(text),
		    "{\"phases\":[{\"name\":\"a\",\"lattice\":%s,\"spots\":[{\"y\":0.1,\"x\":0,\"h\":13,\"k\":0.5}]}]}",
		    odd[i]);
		tree = em_json_parse(text, strlen(text), NULL);
		assert_int_equal(em_spots_read(&s, tree, NULL), 0);
		assert_true(s.count == 1 && !s.phase[0].indexed && s.phase[0].count == 1);
		assert_true(s.phase[0].spot[0].h == 0 && s.phase[0].spot[0].k == 0);
		em_json_free(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_read_refused),
	    cmocka_unit_test(test_read_lenient),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
