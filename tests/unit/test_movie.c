/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Movies of plane waves from their first frame to their records: what is found, and what frames that show nothing do. */
#include "crystal_help.h"

#include "crystal/movie.h"

static struct scene square(void)
{
	return (struct scene){.height = 160, .width = 180, .mean = 200, .waves = 2, .contrast = 0.3, .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}}, .noise = 5, .seed = 1};
}

#define FRAMES 10

/* A movie and its frames; take() looks and learns or places as a tool does. */
struct cinema {
	struct em_spots_request request;
	struct em_movie_options opt;
	struct em_movie m;
	struct em_movie_frame frame[FRAMES];
	struct em_movie_frame *held[FRAMES];
	size_t taken, nheld;
	struct em_error err;
};

static void open_cinema(struct cinema *k, size_t reference)
{
	*k = (struct cinema){0};
	k->opt = (struct em_movie_options){.spots = &k->request, .nspots = 1, .reference = reference,
	                                   .radius = EM_ORDER_RADIUS, .still = true};
}

static int settle(struct cinema *k)
{
	return em_movie_settle(&k->m, k->held, k->nheld, &k->err);
}

static int take_array(struct cinema *k, struct em_array *a)
{
	struct em_movie_frame *f = &k->frame[k->taken];
	int status = 0;

	if (!k->m.opt)
		status = em_movie_init(&k->m, &k->opt, a, &k->err);
	status = status ? -1 : em_movie_look(&k->m, a, f, &k->err);
	em_array_release(a);
	if (status)
		return -1;
	k->taken++;
	if (atomic_load(&k->m.settled))
		return em_movie_place(&k->m, f, &k->err);
	status = em_movie_learn(&k->m, f, &k->err);
	k->held[k->nheld++] = f;
	return status > 0 ? settle(k) : status;
}

static int take(struct cinema *k, const struct scene *s)
{
	struct em_array a = draw(s);

	return take_array(k, &a);
}

static void close_cinema(struct cinema *k)
{
	for (size_t i = 0; i < FRAMES; i++)
		em_movie_frame_release(&k->frame[i]);
	em_movie_release(&k->m);
}

/* The member "crystal" of frame i; the sample stays with the caller where it is asked for. */
static struct em_json *crystal(struct cinema *k, size_t i, struct em_sample *keep)
{
	struct em_sample s = {0};
	struct em_json *tree;

	assert_int_equal(em_sample_set_key(&s, "a", NULL), 0);
	assert_int_equal(em_movie_describe(&k->m, &k->frame[i], 3.5, NAN, &s, &k->err), 0);
	tree = em_record_tree(&s.record, "crystal");
	assert_non_null(tree);
	if (keep)
		*keep = s;
	else
		em_sample_release(&s);
	return tree;
}

static double number(const struct em_json *tree, const char *path)
{
	double v = NAN;

	em_json_number(em_json_find(tree, path), &v);
	return v;
}

static double number_of(struct cinema *k, size_t i, const char *path)
{
	struct em_json *tree = crystal(k, i, NULL);
	double v = number(tree, path);

	em_json_free(tree);
	return v;
}

/* ---- movies ---- */

static double lower(double y, double x)
{
	(void)x;
	return y >= 80 ? 1 : 0;
}

static double most(double y, double x)
{
	(void)x;
	return y >= 30 ? 1 : 0;
}

/* A strip of it is lost, and all of it has drifted: found, with spacings, strain and drift. */
static void test_movie(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	open_cinema(&k, 2);
	k.opt.still = false;
	assert_int_equal(take(&k, &s), 0);
	s.seed = 2;
	assert_int_equal(take(&k, &s), 0);
	assert_true(atomic_load(&k.m.settled) && k.m.plan);
	assert_int_equal(k.m.spots.count, 1);
	s.seed = 3;
	s.share = most;
	s.glass = 5;
	s.shift[0] = 1.4;
	s.shift[1] = -0.8;
	assert_int_equal(take(&k, &s), 0);
	assert_near(k.frame[2].drift[0], 1.4, 0.1);
	assert_near(k.frame[2].drift[1], -0.8, 0.1);
	tree = crystal(&k, 2, NULL);
	assert_near(number(tree, "frame"), 2, 0);
	assert_near(number(tree, "time_s"), 3.5, 0);
	assert_null(em_json_get(tree, "dose"));
	assert_near(number(tree, "phases.lattice1.fraction"), 1 - (30 - 8.5) / (160 - 17), 0.04); /* but 0.4 blurs of border */
	assert_near(number(tree, "phases.lattice1.relative"), number(tree, "phases.lattice1.fraction"), 0.01);
	assert_near(number(tree, "phases.lattice1.d_a_px"), 1 / hypot(0.021, 0.1032), 0.02);
	assert_near(number(tree, "phases.lattice1.d_b_px"), 1 / hypot(0.021, 0.1032), 0.02);
	assert_true(number(tree, "phases.lattice1.fraction_u") > 0 && number(tree, "drift_quality") > 0);
	assert_true(em_json_size(em_json_get(tree, "drift_px")) == 2);
	em_json_free(tree);
	tree = crystal(&k, 0, NULL);
	assert_near(number(tree, "phases.lattice1.relative"), 1, 0.005);
	assert_near(number(tree, "phases.lattice1.strain_yy"), 0, 1e-3);
	em_json_free(tree);
	close_cinema(&k);
}

/* The axes' unit of length, and what maps are. */
static void test_units(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a = draw(&s), map;
	struct em_sample sample;
	struct em_json *tree;
	size_t ones = 0;

	(void)state;
	em_axis_set(&a.axis[0], "y", 0.4, 0, "A");
	em_axis_set(&a.axis[1], "x", 0.4, 0, "A");
	open_cinema(&k, 1);
	k.opt.maps = true;
	assert_int_equal(take_array(&k, &a), 0);
	tree = crystal(&k, 0, &sample);
	assert_near(number(tree, "phases.lattice1.d_a_nm"), 0.04 / hypot(0.021, 0.1032), 0.0003);
	assert_near(number(tree, "phases.lattice1.strain_xx"), 0, 1e-9);
	assert_int_equal(em_sample_array(&sample, "lattice1-order", &map, NULL), 0);
	assert_true(map.dtype == EM_F32 && map.shape[0] == k.m.grid.rows && map.shape[1] == k.m.grid.cols);
	em_array_release(&map);
	assert_int_equal(em_sample_array(&sample, "lattice1-amplitude", &map, NULL), 0);
	em_array_release(&map);
	assert_int_equal(em_sample_array(&sample, "lattice1-disorder", &map, NULL), 0);
	assert_int_equal(map.dtype, EM_U8);
	for (size_t i = 0; i < em_array_count(&map); i++) {
		assert_true(em_array_get(&map, i) < 1.5);
		ones += em_array_get(&map, i) > 0.5;
	}
	assert_true(ones > em_array_count(&map) / 2);
	em_array_release(&map);
	em_sample_release(&sample);
	em_json_free(tree);
	close_cinema(&k);
}

/* ---- frames that show nothing ---- */

static struct em_array constant(const struct scene *s, enum em_dtype type, double value)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, type, s->height, s->width, NULL), 0);
	for (size_t i = 0; i < s->height * s->width; i++)
		if (type == EM_U16)
			((uint16_t *)a.data)[i] = (uint16_t)value;
		else
			((float *)a.data)[i] = (float)value;
	return a;
}

static void assert_note(struct cinema *k, size_t i, const char *word)
{
	struct em_json *tree = crystal(k, i, NULL);
	const char *note = em_json_string(em_json_get(tree, "note"));

	assert_true(note && strstr(note, word));
	assert_non_null(em_json_get(tree, "phases"));
	assert_int_equal(em_json_size(em_json_get(tree, "phases")), 0);
	assert_near(number(tree, "frame"), (double)i, 0);
	em_json_free(tree);
}

/* Blank frames before, among and after the reference: null with a word, and the others are as without them. */
static void test_blank(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array zero = constant(&s, EM_F32, 0), full = constant(&s, EM_U16, 65535), flat = constant(&s, EM_F32, 0.1);

	(void)state;
	for (size_t i = 0; i < s.height * s.width / 3; i++) /* two thirds remain saturated */
		((uint16_t *)full.data)[i] = (uint16_t)(1000 + i % 7);
	open_cinema(&k, 2);
	k.opt.still = false;
	assert_int_equal(take_array(&k, &zero), 0);
	assert_int_equal(take(&k, &s), 0);
	assert_int_equal(take_array(&k, &full), 0);
	assert_false(atomic_load(&k.m.settled)); /* one of two */
	s.seed = 2;
	assert_int_equal(take(&k, &s), 0);
	assert_true(atomic_load(&k.m.settled) && k.m.plan);
	assert_int_equal(take_array(&k, &flat), 0);
	s.seed = 3;
	assert_int_equal(take(&k, &s), 0);
	assert_note(&k, 0, "constant");
	assert_note(&k, 2, "saturated");
	assert_note(&k, 4, "constant");
	assert_near(number_of(&k, 2, "saturated"), 2.0 / 3, 0.01);
	assert_near(number_of(&k, 5, "phases.lattice1.fraction"), 1, 0.01);
	close_cinema(&k);
}

/* A movie of nothing else. */
static void test_all_blank(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 2);
	for (int i = 0; i < 4; i++) {
		struct em_array a = constant(&s, EM_F32, 7);

		assert_int_equal(take_array(&k, &a), 0);
		assert_null(k.frame[i].spectrum.value); /* it may take long until something shows */
	}
	assert_false(atomic_load(&k.m.settled));
	assert_int_equal(settle(&k), 0);
	assert_null(k.m.plan);
	assert_note(&k, 3, "constant");
	close_cinema(&k);
}

/* A movie without a lattice. */
static void test_no_spots(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_sample sample = {0};

	(void)state;
	s.contrast = 0;
	open_cinema(&k, 2);
	for (int i = 0; i < 3; i++) {
		s.seed = 10 + (uint64_t)i;
		assert_int_equal(take(&k, &s), 0);
	}
	assert_null(k.m.plan);
	assert_note(&k, 0, "no Bragg spots");
	assert_note(&k, 2, "no Bragg spots");
	assert_int_equal(em_sample_set_key(&sample, "a", NULL), 0);
	assert_int_equal(em_movie_describe(&k.m, &k.frame[2], NAN, NAN, &sample, NULL), 0);
	assert_string_equal(em_record_get(&sample.record, "bragg"), "null");
	em_sample_release(&sample);
	close_cinema(&k);
}

/* Pixels that are no numbers count as the mean: a few do no harm, all of them are an error. */
static void test_nan(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a;

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(take(&k, &s), 0);
	a = draw(&s);
	for (size_t i = 0; i < s.height * s.width; i += 97)
		((float *)a.data)[i] = i % 2 ? NAN : INFINITY;
	assert_int_equal(take_array(&k, &a), 0);
	assert_near(number_of(&k, 1, "phases.lattice1.fraction"), 1 - 1.0 / 97, 0.006);
	a = constant(&s, EM_F32, (double)NAN);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	/* greater than can be squared */
	a = draw(&s);
	for (size_t i = 0; i < s.height * s.width; i++)
		((float *)a.data)[i] *= 1e36F;
	assert_int_equal(take_array(&k, &a), 0);
	em_json_free(crystal(&k, 2, NULL));
	close_cinema(&k);
}

static void test_other_size(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a;
	size_t shape[3] = {2, 160, 180};

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(take(&k, &s), 0);
	s.width = 181;
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(k.err.text, "181"));
	assert_int_equal(em_array_alloc(&a, EM_F32, 3, shape, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	open_cinema(&k, 1);
	assert_int_equal(em_array_alloc(&a, EM_F32, 3, shape, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	k.m = (struct em_movie){0};
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 15, 180, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
}

/* More reference frames asked for than there are. */
static void test_short(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 100);
	for (int i = 0; i < 3; i++) {
		s.seed = 20 + (uint64_t)i;
		assert_int_equal(take(&k, &s), 0);
	}
	assert_false(atomic_load(&k.m.settled));
	assert_int_equal(settle(&k), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_near(number_of(&k, i, "phases.lattice1.fraction"), 1, 0.01);
		assert_near(number_of(&k, i, "phases.lattice1.relative"), 1, 0.01);
	}
	close_cinema(&k);
}

/* ---- regions and control ---- */

static void test_regions(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_areas areas = {0};
	struct em_json *tree;

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&areas, "top=20,15,140,50", NULL, NULL), 0);
	assert_int_equal(em_areas_add_rectangle(&areas, "low \"end\"=20,95,140,50", NULL, NULL), 0);
	open_cinema(&k, 1);
	k.opt.areas = &areas;
	k.opt.control = "lattice1/low \"end\"";
	assert_int_equal(take(&k, &s), 0);
	s.share = lower;
	s.contrast *= 0.8; /* of focus: everywhere, the control too */
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 1, NULL);
	assert_near(number(tree, "phases.lattice1.regions.top.fraction"), 0, 0.03);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".fraction"), 1, 0.02);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".relative"), 1, 0.02);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".power"), 0.64, 0.03);
	assert_near(number(tree, "phases.lattice1.fraction"), 0.5, 0.03);
	em_json_free(tree);
	close_cinema(&k);
	for (int i = 0; i < 4; i++) {
		static const char *const wrong[] = {"lattice1/nowhere", "film", "lattice1/", "/top"};

		open_cinema(&k, 1);
		k.opt.areas = &areas;
		k.opt.control = wrong[i];
		assert_int_equal(take(&k, &s), -1);
		assert_int_equal(k.err.kind, EM_ERROR_DATA);
		close_cinema(&k);
	}
	em_areas_release(&areas);
	assert_int_equal(em_areas_add_rectangle(&areas, "out=300,10,20,20", NULL, NULL), 0);
	open_cinema(&k, 1);
	k.opt.areas = &areas;
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	em_areas_release(&areas);
}

/* A line from face to face: a profile with the step in it. */
static void test_profile(void **state)
{
	const struct em_line down = {90, 15, 90, 145};
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	open_cinema(&k, 1);
	k.opt.across = &down;
	k.opt.breadth = 100;
	assert_int_equal(take(&k, &s), 0);
	s.share = lower;
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 1, NULL);
	assert_near(number(tree, "phases.lattice1.profile.step_px"), 79.5 - 15, 1.5);
	assert_true(number(tree, "phases.lattice1.profile.width_px") > 2);
	assert_true(em_json_size(em_json_find(tree, "phases.lattice1.profile.order")) ==
	            em_json_size(em_json_find(tree, "phases.lattice1.profile.distance_px")));
	em_json_free(tree);
	close_cinema(&k);
}

/* A request that nothing answers, and one that names what is there. */
static void test_requests(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(em_spots_request_parse(&k.request, "d:30", NULL), 0);
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	open_cinema(&k, 1);
	assert_int_equal(em_spots_request_parse(&k.request, "film=d:9.5", NULL), 0);
	assert_int_equal(take(&k, &s), 0);
	assert_near(number_of(&k, 0, "phases.film.fraction"), 1, 0.01);
	close_cinema(&k);
}

/* A picture by itself: no relative, no power, no strain. */
static void test_single(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	s.share = lower;
	open_cinema(&k, 1);
	k.opt.single = true;
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 0, NULL);
	assert_near(number(tree, "phases.lattice1.fraction"), 0.5, 0.03); /* of the picture: it is in the lower half */
	assert_null(em_json_find(tree, "phases.lattice1.relative"));
	assert_null(em_json_find(tree, "phases.lattice1.power"));
	assert_null(em_json_find(tree, "phases.lattice1.strain_yy"));
	assert_null(em_json_get(tree, "drift_px"));
	em_json_free(tree);
	close_cinema(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_movie),   cmocka_unit_test(test_units),      cmocka_unit_test(test_blank),
	        cmocka_unit_test(test_all_blank), cmocka_unit_test(test_no_spots), cmocka_unit_test(test_nan),
	        cmocka_unit_test(test_other_size), cmocka_unit_test(test_short),   cmocka_unit_test(test_regions),
	        cmocka_unit_test(test_profile), cmocka_unit_test(test_requests),   cmocka_unit_test(test_single),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
