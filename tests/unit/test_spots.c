/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for spots, what answers them, and the record's member "bragg" there and back. */
#include "crystal/spots.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

static int parse(struct em_spots_request *r, const char *text)
{
	struct em_error err = {0};
	int status = em_spots_request_parse(r, text, &err);

	assert_int_equal(err.kind, status ? EM_ERROR_USAGE : EM_ERROR_NONE);
	if (status)
		assert_non_null(strstr(err.text, "spots"));
	return status;
}

static void test_requests(void **state)
{
	struct em_spots_request r;

	(void)state;
	assert_int_equal(parse(&r, "auto"), 0);
	assert_true(r.kind == EM_SPOTS_AUTO && !*r.name);
	assert_int_equal(parse(&r, "film=auto"), 0);
	assert_true(r.kind == EM_SPOTS_AUTO);
	assert_string_equal(r.name, "film");
	assert_int_equal(parse(&r, "NiO_2-b=d:0.241,0.209"), 0);
	assert_true(r.kind == EM_SPOTS_SPACINGS && r.count == 2);
	assert_near(r.d[0], 0.241, 1e-15);
	assert_near(r.d[1], 0.209, 1e-15);
	assert_int_equal(parse(&r, "d:1,2,3,4,5,6,7,8,9,10,11,12"), 0);
	assert_true(r.count == 12 && r.d[11] > 11.9);
	assert_int_equal(parse(&r, "lattice:0.39,0.4,85.5:10,01,-11,1-1,-2-3"), 0);
	assert_true(r.kind == EM_SPOTS_LATTICE && r.count == 5);
	assert_near(r.known.d_a, 0.39, 1e-15);
	assert_near(r.known.d_b, 0.4, 1e-15);
	assert_near(r.known.gamma_star, 85.5, 1e-12);
	assert_true(r.hk[2][0] == -1 && r.hk[2][1] == 1 && r.hk[3][0] == 1 && r.hk[3][1] == -1 && r.hk[4][0] == -2 &&
	            r.hk[4][1] == -3);
	assert_int_equal(parse(&r, "film=spots/a=b.json"), 0);
	assert_true(r.kind == EM_SPOTS_FILE);
	assert_string_equal(r.path, "spots/a=b.json");
	assert_int_equal(parse(&r, "./a=b.json"), 0);
	assert_true(r.kind == EM_SPOTS_FILE && !*r.name);
	assert_int_equal(parse(&r, "autos"), 0); /* is a file's name */
	assert_int_equal(r.kind, EM_SPOTS_FILE);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
	        "", "film=", "=auto", "a b=auto", "fi/lm=", "d:", "d:0", "d:-1", "d:0.39,", "d:,1", "d:x", "d:0.39;2", "d:nan",
	        "d:inf", "d:1e999", "d:1,2,3,4,5,6,7,8,9,10,11,12,13", "lattice:", "lattice:0.39", "lattice:0.39,0.39:10",
	        "lattice:0.39,0.39,90", "lattice:0.39,0.39,90:", "lattice:0.39,0.39,90,1:10", "lattice:0.39,0.39,90:1",
	        "lattice:0.39,0.39,90:100", "lattice:0.39,0.39,90:10,", "lattice:0.39,0.39,90:00", "lattice:0.39,0.39,90:1x",
	        "lattice:0.39,0.39,90:--11", "lattice:0.39,0.39,90:10 01",
	        "lattice:1,1,90:10,10,10,10,10,10,10,10,10,10,10,10,10", "A23456789012345678901234567890123=auto",
	        "\303\244=auto"};
	struct em_spots_request r = {.kind = EM_SPOTS_LATTICE, .count = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!strcmp(wrong[i], "fi/lm="))
			assert_int_equal(parse(&(struct em_spots_request){0}, wrong[i]), 0); /* a path */
		else if (parse(&r, wrong[i]) == 0)
			fail_msg("'%s' is accepted", wrong[i]);
	assert_true(r.kind == EM_SPOTS_LATTICE && r.count == 7); /* left alone */
	assert_true(em_spots_name_is_fit("A234567890123456789012345678901"));
	assert_false(em_spots_name_is_fit("A2345678901234567890123456789012"));
	assert_false(em_spots_name_is_fit(""));
	assert_false(em_spots_name_is_fit("a.b"));
}

/* ---- answers ---- */

/* The peaks h a* + k b* of a lattice that is turned by `degrees`, and strangers; the further out the weaker. */
struct bench {
	struct em_bragg_peak peak[20];
	struct em_bragg_peaks peaks;
	struct em_spots_view view;
};

static void add_peak(struct bench *b, double y, double x, double power)
{
	size_t at = b->peaks.count++;

	if (x < 0) {
		y = -y;
		x = -x;
	}
	b->peak[at] = (struct em_bragg_peak){.y = y, .x = x, .sigma_y = 1e-4, .sigma_x = 1e-4, .power = power, .snr = power};
	for (; at > 0 && b->peak[at].snr > b->peak[at - 1].snr; at--) {
		struct em_bragg_peak swap = b->peak[at];

		b->peak[at] = b->peak[at - 1];
		b->peak[at - 1] = swap;
	}
}

static const int nodes[][2] = {{1, 0}, {0, 1}, {1, 1}, {1, -1}, {2, 0}, {0, 2}};

static void add_lattice(struct bench *b, double a, double bb, double gamma, double degrees, double power)
{
	double t = degrees * TURN / 360, u = t + gamma * TURN / 360;

	for (size_t i = 0; i < 6; i++)
		add_peak(b, nodes[i][0] * a * sin(t) + nodes[i][1] * bb * sin(u),
		         nodes[i][0] * a * cos(t) + nodes[i][1] * bb * cos(u), power / (1 + (double)i));
}

/* 0.4 x 0.32 nm at right angles in pixels of 0.04 nm, turned by 17 degrees. */
static void set_up(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->peaks.peak = b->peak;
	b->view = (struct em_spots_view){&b->peaks, 300, 300, {0.04, 0.04}};
	add_lattice(b, 0.1, 0.125, 90, 17, 1000);
}

static int find(const struct bench *b, struct em_spots *out, const char *const *texts, size_t n, struct em_error *err)
{
	struct em_spots_request r[10];

	*err = (struct em_error){0};
	*out = (struct em_spots){0};
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_spots_request_parse(&r[i], texts[i], NULL), 0);
	return em_spots_find(out, r, n, &b->view, err);
}

static int find_one(const struct bench *b, struct em_spots *out, const char *text)
{
	struct em_error err;
	int status = find(b, out, &text, 1, &err);

	assert_true(status == 0 || (err.kind == EM_ERROR_DATA && *err.text));
	return status;
}

static void test_auto(void **state)
{
	struct bench b;
	struct em_spots s;
	struct em_lattice_cell c;
	double d[2];

	(void)state;
	set_up(&b);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.phase[0].name, "lattice1");
	assert_true(s.phase[0].indexed && s.phase[0].count == 6);
	for (size_t i = 1; i < 6; i++)
		assert_true(s.phase[0].spot[i].snr <= s.phase[0].spot[i - 1].snr);
	c = em_lattice_cell(&s.phase[0].lattice, b.view.scale);
	assert_near(fmin(c.d_a.value, c.d_b.value), 0.32, 1e-4);
	assert_near(fmax(c.d_a.value, c.d_b.value), 0.4, 1e-4);
	assert_near(c.gamma_star.value, 90, 0.05);
	/* a second lattice, stretched by 7 %, that is not in line */
	add_lattice(&b, 0.107, 0.134, 90, 44, 500);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.phase[1].name, "lattice2");
	for (size_t i = 0; i < 2; i++) { /* evidence is equal: either may be the first */
		c = em_lattice_cell(&s.phase[i].lattice, b.view.scale);
		d[i] = fmax(c.d_a.value, c.d_b.value);
	}
	assert_near(fmax(d[0], d[1]), 0.4, 1e-4);
	assert_near(fmin(d[0], d[1]), 0.04 / 0.107, 1e-4);
	assert_int_equal(find_one(&b, &s, "film=auto"), 0);
	assert_string_equal(s.phase[0].name, "film");
	assert_string_equal(s.phase[1].name, "film2");
}

/* Spots beyond |g| of 0.45 and fainter than a fiftieth of the strongest are not measured. */
static void test_limits(void **state)
{
	struct bench b;
	struct em_spots s;

	(void)state;
	memset(&b, 0, sizeof(b));
	b.peaks.peak = b.peak;
	b.view = (struct em_spots_view){&b.peaks, 300, 300, {1, 1}};
	add_peak(&b, 0, 0.16, 1000);
	add_peak(&b, 0, 0.32, 25);
	add_peak(&b, 0.16, 0.16, 15);
	add_peak(&b, 0.32, 0.32, 900);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_true(s.count == 1 && s.phase[0].count == 2);
	assert_near(s.phase[0].spot[1].x, 0.32, 1e-12);
}

static void test_spacings(void **state)
{
	struct bench b;
	struct em_spots s;

	(void)state;
	set_up(&b);
	assert_int_equal(find_one(&b, &s, "d:0.4"), 0);
	assert_true(s.count == 1 && s.phase[0].count == 1 && !s.phase[0].indexed);
	assert_string_equal(s.phase[0].name, "spacings");
	assert_near(hypot(s.phase[0].spot[0].y, s.phase[0].spot[0].x), 0.1, 1e-9);
	assert_int_equal(find_one(&b, &s, "film=d:0.385,0.332"), 0); /* 4 % off */
	assert_int_equal(s.phase[0].count, 2);
	assert_string_equal(s.phase[0].name, "film");
	/* the diagonals: 1 / hypot(0.1, 0.125) px */
	assert_int_equal(find_one(&b, &s, "d:0.2499"), 0);
	assert_int_equal(s.phase[0].count, 2);
	assert_int_equal(find_one(&b, &s, "d:0.36"), -1);
	assert_int_equal(s.count, 0);
	/* without a calibration they are pixels */
	b.view.scale[0] = b.view.scale[1] = 1;
	assert_int_equal(find_one(&b, &s, "d:10"), 0);
	assert_int_equal(find_one(&b, &s, "d:0.4"), -1);
}

/* However it lies, each spot gets the index that it was made by, up to the lattice's own symmetry. */
static void test_lattice(void **state)
{
	(void)state;
	for (int degrees = -80; degrees <= 80; degrees += 20) {
		struct bench b;
		struct em_spots s;
		const struct em_spots_phase *p = &s.phase[0];

		memset(&b, 0, sizeof(b));
		b.peaks.peak = b.peak;
		b.view = (struct em_spots_view){&b.peaks, 300, 300, {0.04, 0.04}};
		add_lattice(&b, 0.1, 0.125, 80, degrees, 1000);
		assert_int_equal(find_one(&b, &s, "lattice:0.4,0.32,80:10,01,11"), 0);
		assert_true(s.count == 1 && p->indexed && p->count == 3);
		for (size_t i = 0; i < p->count; i++) {
			const struct em_spots_spot *t = &p->spot[i];

			assert_near(t->y, t->h * p->lattice.a[0] + t->k * p->lattice.b[0], 1e-4);
			assert_near(t->x, t->h * p->lattice.a[1] + t->k * p->lattice.b[1], 1e-4);
			assert_near(hypot(t->y, t->x), t->h && t->k ? sqrt(0.01 + 0.015625 + 0.025 * cos(TURN * 80 / 360))
			                               : t->h      ? 0.1
			                                           : 0.125, 1e-6);
		}
		assert_int_equal(find_one(&b, &s, "lattice:0.55,0.32,80:10"), -1);
		assert_int_equal(find_one(&b, &s, "lattice:0.4,0.32,200:10"), -1);
		assert_int_equal(s.count, 0);
	}
}

static void test_many(void **state)
{
	struct bench b;
	struct em_spots s;
	struct em_error err;
	const char *two[] = {"a=d:0.4", "b=d:0.32"}, *same[] = {"d:0.4", "d:0.32"};
	const char *nine[] = {"a=auto", "b=auto", "c=auto", "d=auto", "e=auto", "f=auto", "g=auto", "h=auto", "i=auto"};

	(void)state;
	set_up(&b);
	assert_int_equal(find(&b, &s, two, 2, &err), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.phase[1].name, "b");
	assert_int_equal(find(&b, &s, same, 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "spacings"));
	assert_int_equal(find(&b, &s, nine, 8, &err), 0);
	assert_int_equal(find(&b, &s, nine, 9, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	add_lattice(&b, 0.107, 0.134, 90, 44, 500);
	assert_int_equal(find_one(&b, &s, "A234567890123456789012345678901=auto"), -1); /* a 2 behind it is too much */
	b.peaks.count = 0;
	assert_int_equal(find(&b, &s, two, 2, &err), 0); /* nothing at all is no error */
	assert_int_equal(s.count, 0);
}

/* ---- there and back ---- */

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

			assert_true(fabs(x->y - y->y) < 1e-9 && fabs(x->x - y->x) < 1e-9 && fabs(x->snr - y->snr) < 1e-5);
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
	char path[] = "/tmp/test_spots.XXXXXX", text[64];
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
	        "[]", "{}", "{\"phases\":[]}", "{\"phases\":{}}", "null", "{\"phases\":[1]}",
	        "{\"phases\":[{\"spots\":[" SPOT "]}]}", "{\"phases\":[" PHASE("a b", SPOT) "]}",
	        "{\"phases\":[" PHASE("A2345678901234567890123456789012", SPOT) "]}", "{\"phases\":[" PHASE("a", "") "]}",
	        "{\"phases\":[" PHASE("a", "{\"y\":0.1}") "]}", "{\"phases\":[" PHASE("a", "{\"y\":0,\"x\":0}") "]}",
	        "{\"phases\":[" PHASE("a", "{\"y\":0.5,\"x\":0}") "]}", "{\"phases\":[" PHASE("a", "{\"y\":0,\"x\":-1e9}") "]}",
	        "{\"phases\":[" PHASE("a", "{\"y\":\"0.1\",\"x\":0.1}") "]}", "{\"phases\":[" PHASE("a", SIX "," SIX "," SPOT) "]}",
	        "{\"phases\":[" PHASE("a", SPOT) "," PHASE("a", SPOT) "]}",
	        "{\"phases\":[" PHASE("a", SPOT) "," PHASE("b", SPOT) "," PHASE("c", SPOT) "," PHASE("d", SPOT) ","
	        PHASE("e", SPOT) "," PHASE("f", SPOT) "," PHASE("g", SPOT) "," PHASE("h", SPOT) "," PHASE("i", SPOT) "]}"};

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
	static const char *const odd[] = {
	        "{\"a_star\":[0.1,0],\"b_star\":[0.2,0]}", "{\"a_star\":[0,0],\"b_star\":[0.2,0]}", "{\"a_star\":[0.1]}",
	        "{\"a_star\":[1e300,1e300],\"b_star\":[0,0.1]}", "{}", "3", "{\"a_star\":[2,0],\"b_star\":[0,0.1]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		char text[300];
		struct em_json *tree;
		struct em_spots s = {0};

		snprintf(text, sizeof(text),
		         "{\"phases\":[{\"name\":\"a\",\"lattice\":%s,\"spots\":[{\"y\":0.1,\"x\":0,\"h\":13,\"k\":0.5}]}]}", odd[i]);
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
	        cmocka_unit_test(test_requests), cmocka_unit_test(test_refused),      cmocka_unit_test(test_auto),
	        cmocka_unit_test(test_limits),   cmocka_unit_test(test_spacings),     cmocka_unit_test(test_lattice),
	        cmocka_unit_test(test_many),     cmocka_unit_test(test_print),        cmocka_unit_test(test_file),
	        cmocka_unit_test(test_read_refused), cmocka_unit_test(test_read_lenient),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
