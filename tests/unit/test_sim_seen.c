/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulator as a tool meets it: what pictures of the default specimen tell of the stage by correlation, against the
 * ground truth.
 */
#include "sim_help.h"

#include "base/fft.h"
#include "base/json.h"

#define SIDE 512
#define HALF (SIDE * (SIDE / 2 + 1) * 2)

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

/* ---- correlation ---- */

/* The spectrum of a picture under a window; em_fft_free. */
static float *spectrum_of(const struct em_array *a)
{
	struct em_fft_plan *plan = em_fft_plan_new(SIDE, SIDE, NULL);
	float *in = em_fft_alloc(SIDE * SIDE, NULL), *out = em_fft_alloc(HALF, NULL), hann[SIDE];
	double mean = 0;

	em_fft_hann(hann, SIDE);
	for (size_t i = 0; i < SIDE * SIDE; i++)
		mean += em_array_get(a, i) / (SIDE * SIDE);
	for (size_t i = 0; i < SIDE * SIDE; i++)
		in[i] = (float)(em_array_get(a, i) - mean) * hann[i / SIDE] * hann[i % SIDE];
	em_fft_forward(plan, in, out);
	em_fft_plan_free(plan);
	em_fft_free(in);
	return out;
}

/* Where a parabola through three values has its top. */
static double top(double before, double at, double after)
{
	double bend = before - 2 * at + after;

	return bend < 0 ? 0.5 * (before - after) / bend : 0;
}

/* Good to a twentieth of a pixel while most of one picture is in the other: the windows pull towards no shift.  By how
 * many pixels what is in b is right of and below where it is in a: the peak of the phase correlation, of
 * frequencies up to a sixth of a cycle a pixel with a soft end. */
static void shift_between(const float *a, const float *b, double shift[2])
{
	struct em_fft_plan *plan = em_fft_plan_new_inverse(SIDE, SIDE, NULL);
	float *cross = em_fft_alloc(HALF, NULL), *out = em_fft_alloc(SIDE * SIDE, NULL);
	size_t best = 0, x, y;

	for (size_t i = 0; i < HALF / 2; i++) {
		double v = (double)(i / (SIDE / 2 + 1)), u = (double)(i % (SIDE / 2 + 1)), re, im, weight;
		v = v > SIDE / 2 ? v - SIDE : v;
		re = (double)b[2 * i] * a[2 * i] + (double)b[2 * i + 1] * a[2 * i + 1];
		im = (double)b[2 * i + 1] * a[2 * i] - (double)b[2 * i] * a[2 * i + 1];
		weight = exp(-(u * u + v * v) / (2 * 36. * 36)) / sqrt(hypot(re, im) + 1e-30);
		cross[2 * i] = (float)(re * weight);
		cross[2 * i + 1] = (float)(im * weight);
	}
	em_fft_inverse(plan, cross, out);
	for (size_t i = 1; i < SIDE * SIDE; i++)
		best = out[i] > out[best] ? i : best;
	x = best % SIDE;
	y = best / SIDE;
	shift[0] = remainder((double)x, SIDE) +
	           top(out[y * SIDE + (x + SIDE - 1) % SIDE], out[best], out[y * SIDE + (x + 1) % SIDE]);
	shift[1] = remainder((double)y, SIDE) +
	           top(out[(y + SIDE - 1) % SIDE * SIDE + x], out[best], out[(y + 1) % SIDE * SIDE + x]);
	em_fft_plan_free(plan);
	em_fft_free(cross);
	em_fft_free(out);
}

/* ---- pictures and their truth ---- */

struct picture {
	float *spectrum;
	double middle[2], plane[4]; /* of the truth: where the middle was in the middle of the exposure */
};

static struct picture take(struct scope s)
{
	struct em_exposure e = {.detector = "CCD", .binning = 4, .seconds = 2};
	struct em_acquired a;
	struct picture p;
	struct em_json *j;
	char path[200];
	double start[2], drift[2], seconds;

	assert_int_equal(s.d->acquire(s.self, 100, &e, &a, NULL), 0);
	p.spectrum = spectrum_of(&a.data);
	em_array_release(&a.data);
	snprintf(path, sizeof(path), "%s/s.truth.json", dir);
	j = em_json_parse_file(path, NULL);
	assert_true(em_json_number(em_json_find(j, "exposure.x"), &start[0]));
	assert_true(em_json_number(em_json_find(j, "exposure.y"), &start[1]));
	assert_true(em_json_number(em_json_find(j, "exposure.seconds"), &seconds));
	assert_int_equal(em_json_numbers(em_json_find(j, "exposure.drift"), drift, 2), 2);
	assert_int_equal(em_json_numbers(em_json_find(j, "exposure.plane"), p.plane, 4), 4);
	em_json_free(j);
	for (int i = 0; i < 2; i++)
		p.middle[i] = start[i] + drift[i] * seconds / 2;
	return p;
}

/* How far the stage has gone from a to b, m, as the pictures show it: what is at r then is at r - way / pixel now. */
static void way_between(const struct picture *a, const struct picture *b, double way[2])
{
	double shift[2];

	shift_between(a->spectrum, b->spectrum, shift);
	for (int i = 0; i < 2; i++)
		way[i] = -(a->plane[2 * i] * shift[0] + a->plane[2 * i + 1] * shift[1]);
}

/* The same, and that it is the truth within `pixels`. */
static void check_way(const struct picture *a, const struct picture *b, double pixels, double way[2])
{
	way_between(a, b, way);
	for (int i = 0; i < 2; i++)
		assert_near(way[i], b->middle[i] - a->middle[i], pixels * hypot(a->plane[0], a->plane[2]));
}

static struct scope open_here(const char *more)
{
	char rest[300];

	snprintf(rest, sizeof(rest), "?clock=virtual&seed=3&state=%s/s%s", dir, more);
	return open_sim(rest, NULL);
}

/* ---- tests ---- */

static void drift_is_seen(void **state)
{
	struct scope s = open_here("&drift=0.5");
	struct em_sim_model m = model_of("?seed=3&drift=0.5");
	struct picture first = take(s);
	double way[2], begun = s.d->now(s.self) - 1, went, farthest = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct picture p;
		s.d->sleep(s.self, 10);
		went = s.d->now(s.self) + 1;
		p = take(s);
		check_way(&first, &p, 0.1, way);
		/* and by the model itself */
		went = em_sim_axis_drift(&m.axis[0], went) - em_sim_axis_drift(&m.axis[0], begun - 0.15);
		assert_near(way[0], went, 0.2e-9);
		farthest = fmax(farthest, hypot(way[0], way[1]));
		em_fft_free(p.spectrum);
	}
	assert_true(farthest > 20e-9);
	em_fft_free(first.spectrum);
	s.d->close(s.self);
}

/* Visits from the left and from the right, or from below and above: their difference is the play, but for the
 * repeatability, and what the cyclic error differs by over it. */
static void play_is_seen(void **state)
{
	enum { VISITS = 6 };
	struct em_sim_model m = model_of("?seed=3");
	struct scope s = open_here("&drift=0");

	(void)state;
	set_one(s, EM_MAGNIFICATION, 1200);
	for (int axis = 0; axis < 2; axis++) {
		double sum = 0, way[2];
		struct picture p[2];
		for (int i = 0; i < VISITS; i++) {
			for (int side = 0; side < 2; side++) {
				set_one(s, EM_STAGE_X + (enum em_control)axis, side ? -30e-6 : 30e-6);
				s.d->sleep(s.self, 5);
				set_one(s, EM_STAGE_X + (enum em_control)axis, 0);
				s.d->sleep(s.self, 30);
				p[side] = take(s);
			}
			check_way(&p[1], &p[0], 0.3, way);
			sum += way[axis];
			em_fft_free(p[0].spectrum);
			em_fft_free(p[1].spectrum);
		}
		assert_near(sum / VISITS, m.axis[axis].play,
		            2 * m.axis[axis].cyclic + 4 * m.axis[axis].repeat * sqrt(2. / VISITS));
	}
	s.d->close(s.self);
}

/* Two moves by an ideal stage: the picture's matrix within 0.1 %, which the instrument does not know. */
static void two_moves_tell_the_matrix(void **state)
{
	struct scope s = open_here("&mechanics=ideal");
	struct picture home = take(s), p[2];
	double shift[2][2], det, found[4];

	(void)state;
	for (int axis = 0; axis < 2; axis++) {
		set_one(s, EM_STAGE_X + (enum em_control)axis, 150e-9);
		s.d->sleep(s.self, 5);
		p[axis] = take(s);
		shift_between(home.spectrum, p[axis].spectrum, shift[axis]);
		set_one(s, EM_STAGE_X + (enum em_control)axis, 0);
		s.d->sleep(s.self, 5);
	}
	/* plane [-shift of each] = the moves: the inverse of their matrix. */
	det = shift[0][0] * shift[1][1] - shift[0][1] * shift[1][0];
	found[0] = -150e-9 * shift[1][1] / det;
	found[1] = 150e-9 * shift[1][0] / det;
	found[2] = 150e-9 * shift[0][1] / det;
	found[3] = -150e-9 * shift[0][0] / det;
	for (int i = 0; i < 4; i++)
		assert_near(found[i], home.plane[i], 1e-3 * hypot(home.plane[0], home.plane[2]));
	em_fft_free(home.spectrum);
	em_fft_free(p[0].spectrum);
	em_fft_free(p[1].spectrum);
	s.d->close(s.self);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(drift_is_seen),
	    TEST(play_is_seen),
	    TEST(two_moves_tell_the_matrix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
