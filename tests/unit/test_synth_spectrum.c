/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward model of spectra against closed forms. */
#include "synth/spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance)                                                                                   \
	do {                                                                                                           \
		double a_ = (a), b_ = (b), t_ = (tolerance);                                                           \
		if (!(fabs(a_ - b_) <= t_))                                                                            \
			fail_msg("%s: %.12g, not %.12g within %.3g", #a, a_, b_, t_);                                  \
	} while (0)

static const struct em_synth_loss_options usual = {
    .axis = {400, 0.25, 2048}, .resolution = 0.8, .thickest = 1, .margin = 2};

static struct em_synth_specimen foil(const char *name, double thickness)
{
	return em_synth_compound_foil(em_synth_compound_find(name, strlen(name)), thickness, 3);
}

/* The expectation; the caller frees it. */
static double *expect(const struct em_synth_loss_options *o, const struct em_synth_specimen *s, double electrons,
                      double shift)
{
	struct em_synth_loss m;
	double *counts = calloc(o->axis.channels, sizeof(*counts));

	assert_int_equal(em_synth_loss_init(&m, o, NULL), 0);
	assert_int_equal(em_synth_loss_expect(&m, s, electrons, shift, counts, NULL), 0);
	em_synth_loss_release(&m);
	return counts;
}

static double sum(const double *v, size_t n)
{
	double total = 0;

	for (size_t i = 0; i < n; i++)
		total += v[i];
	return total;
}

/* ---- low loss ---- */

/* All electrons are somewhere, and the peak has exp(-t/lambda) of them: channel 0 holds nothing else. */
static void counts_are_conserved(void **state)
{
	const struct em_synth_loss_options o = {
	    .axis = {-20, 0.1, 8000}, .resolution = 0.15, .thickest = 1.3, .margin = 1, .low = true};
	const double thickness[] = {0, 0.3, 0.7, 1.3};
	double none = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct em_synth_specimen s = {.thickness = thickness[i]};
		double *c = expect(&o, &s, 1e6, 0.03), total = sum(c, o.axis.channels);

		none = i == 0 ? c[200] : none;
		assert_near(total, 1e6, 1);
		assert_near(log(total / (c[200] / none * 1e6)), thickness[i], 2e-5);
		free(c);
	}
}

/* The mean loss is t/lambda times that of one loss, and a drift adds itself: whatever the channels' size. */
static void moments(void **state)
{
	struct em_synth_loss_options o = {.resolution = 0.8, .thickest = 1, .margin = 3, .low = true};
	const struct em_synth_axis axis[] = {{-20, 0.1, 15000}, {-20.3, 0.5, 3000}};
	const struct em_synth_specimen s = {.thickness = 0.8};
	size_t taps;
	double *p = em_synth_loss_distribution(0.16, &taps, NULL), one = 0;

	(void)state;
	for (size_t i = 0; i < taps; i++)
		one += p[i] * 0.16 * 0.16 * (double)i;
	for (size_t k = 0; k < 4; k++) {
		double shift = k % 2 ? 1.37 : 0, mean = 0, *c;

		o.axis = axis[k / 2];
		c = expect(&o, &s, 1, shift);
		for (size_t i = 0; i < o.axis.channels; i++)
			mean += c[i] * (o.axis.offset + o.axis.scale * (double)i);
		assert_near(mean, 0.8 * one + shift, 2e-3);
		free(c);
	}
	free(p);
}

/* A loss twice: the distribution's mean and variance double, its sum stays. */
static void self_convolution(void **state)
{
	const double step = 0.25;
	size_t taps, n = 2048;
	double *p = em_synth_loss_distribution(step, &taps, NULL), *in = calloc(3 * n, sizeof(*in));
	double m[3][3] = {{0}};

	(void)state;
	in[0] = 1 / step; /* nothing lost */
	for (int k = 1; k < 3; k++)
		em_synth_loss_convolve(in + (size_t)(k - 1) * n, n, p, taps, step, in + (size_t)k * n);
	for (size_t k = 1; k < 3; k++)
		for (size_t i = 0; i < n; i++)
			for (int j = 0; j < 3; j++)
				m[k][j] += in[k * n + i] * step * pow((double)i * step, j);
	assert_near(m[1][0], 1, 1e-12);
	assert_near(m[2][0], 1, 1e-12);
	assert_near(m[2][1], 2 * m[1][1], 1e-9);
	assert_near(m[2][2] - m[2][1] * m[2][1], 2 * (m[1][2] - m[1][1] * m[1][1]), 1e-6);
	free(in);
	free(p);
}

static void weights(void **state)
{
	double t[64];

	(void)state;
	for (double thickness = 0; thickness <= 5; thickness += 0.5) {
		size_t n = em_synth_loss_orders(thickness);

		em_synth_loss_weights(thickness, n, t);
		assert_near(sum(t, n), 1, 1e-14);
		assert_near(t[0], exp(-thickness), 2e-6);
		if (n > 4)
			assert_near(t[3], exp(-thickness) * thickness * thickness * thickness / 6, 1e-12);
	}
	assert_int_equal(em_synth_loss_orders(0), 1);
}

/* ---- core loss ---- */

/* A power law alone: each channel holds its integral. */
static void background(void **state)
{
	const struct em_synth_specimen s = {.thickness = 0.5, .background = 2e-5, .exponent = 3.2};
	double *c = expect(&usual, &s, 1e9, 0.7);

	(void)state;
	for (size_t i = 0; i < usual.axis.channels; i += 97) {
		double lo = 400 + 0.25 * ((double)i - 0.5) - 0.7, hi = lo + 0.25;
		double want = 1e9 * 2e-5 * 450 / 2.2 * (pow(lo / 450, -2.2) - pow(hi / 450, -2.2));

		assert_near(c[i], want, 1e-7 * want);
	}
	free(c);
}

/* Above the lines an edge is its steps: here of Ti4+, 20 (E/460)^-2.6 + 10 (E/466)^-2.6 barn per eV. */
static void continuum(void **state)
{
	struct em_synth_loss_options o = usual;
	struct em_synth_specimen s = {.atoms = {[EM_SYNTH_TI] = 500}, .valence = {[EM_SYNTH_TI] = 4}};
	struct em_synth_loss m;
	double want = 0, at[2] = {460, 466}, height[2] = {20, 10};

	(void)state;
	o.single = true;
	for (int i = 0; i < 2; i++)
		want += height[i] * at[i] / 1.6 * (pow(580 / at[i], -1.6) - pow(620 / at[i], -1.6));
	want *= 1e9 * 500 * 1e-10;
	assert_int_equal(em_synth_loss_init(&m, &o, NULL), 0);
	assert_near(em_synth_loss_net(&m, &s, 1e9, 0, EM_SYNTH_TI, 580, 620), want, 2e-4 * want);
	assert_near(em_synth_loss_net(&m, &s, 1e9, 5.5, EM_SYNTH_TI, 585.5, 625.5), want, 2e-4 * want);
	assert_true(em_synth_loss_net(&m, &s, 1e9, 0, EM_SYNTH_FE, 580, 620) == 0);
	em_synth_loss_release(&m);
}

/* The lines' areas are what they are said to be, at any resolution: the edge less its steps. */
static void line_areas(void **state)
{
	(void)state;
	for (size_t k = 0; k < EM_SYNTH_COMPONENTS; k++) {
		double onset = em_synth_edge[em_synth_edge_element(k)].onset, fine[2];

		for (int i = 0; i < 2; i++) {
			double lines = 0, step = 0.02;

			for (double e = onset - 200; e < onset + 200; e += step)
				lines +=
				    step * (em_synth_edge_density(k, e, i ? 1.5 : 0.2) - em_synth_edge_continuum(k, e));
			fine[i] = lines;
		}
		/* steps that are smeared out climb early by as much as they do late, but for their slope */
		assert_near(fine[0], em_synth_edge_area(k), 0.02 * em_synth_edge_area(k));
		assert_near(fine[1], fine[0], 0.01 * fine[0]);
	}
}

/* Plural scattering takes electrons from the onset, exp(-t/lambda) remain there; they are found further up. */
static void plural(void **state)
{
	struct em_synth_loss_options o = usual;
	struct em_synth_specimen s = {.atoms = {[EM_SYNTH_LA] = 500}, .valence = {[EM_SYNTH_LA] = 3}, .thickness = 0.6};
	struct em_synth_loss single, both;
	double near[2], far[2];

	(void)state;
	o.axis.offset = 780;
	assert_int_equal(em_synth_loss_init(&both, &o, NULL), 0);
	o.single = true;
	assert_int_equal(em_synth_loss_init(&single, &o, NULL), 0);
	near[0] = em_synth_loss_net(&single, &s, 1, 0, EM_SYNTH_LA, 825, 834.5);
	near[1] = em_synth_loss_net(&both, &s, 1, 0, EM_SYNTH_LA, 825, 834.5);
	assert_near(near[1] / near[0], exp(-0.6), 0.005);
	/* a power law of exponent r gains exp(t <(E/(E-e))^-r - 1>) or so: more than it loses */
	far[0] = em_synth_loss_net(&single, &s, 1, 0, EM_SYNTH_LA, 1000, 1100);
	far[1] = em_synth_loss_net(&both, &s, 1, 0, EM_SYNTH_LA, 1000, 1100);
	assert_true(far[1] > 1.05 * far[0] && far[1] < 1.6 * far[0]);
	em_synth_loss_release(&both);
	em_synth_loss_release(&single);
}

/* The net counts are what the spectrum has more than the same without the element. */
static void net_is_in_the_spectrum(void **state)
{
	const enum em_synth_element of[] = {EM_SYNTH_TI, EM_SYNTH_FE, EM_SYNTH_LA};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct em_synth_specimen a = foil("LaTiO3", 0.7), b = foil("LaFeO3", 0.7);
		struct em_synth_specimen with = em_synth_specimen_mix(&a, &b, 0.3), without;
		double from = em_synth_edge[of[k]].from, to = em_synth_edge[of[k]].to, *c, *d, more = 0, want;
		struct em_synth_loss m;

		with.atoms[EM_SYNTH_O] = 0;
		without = with;
		without.atoms[of[k]] = 0;
		assert_true(em_synth_axis_window(&usual.axis, &from, &to));
		c = expect(&usual, &with, 1e8, 0.63);
		d = expect(&usual, &without, 1e8, 0.63);
		for (size_t i = 0; i < usual.axis.channels; i++) {
			double middle = 400 + 0.25 * (double)i;

			more += middle > from && middle < to ? c[i] - d[i] : 0;
		}
		assert_int_equal(em_synth_loss_init(&m, &usual, NULL), 0);
		want = em_synth_loss_net(&m, &with, 1e8, 0.63, of[k], from, to);
		assert_near(more, want, 1e-9 * want);
		em_synth_loss_release(&m);
		free(c);
		free(d);
	}
}

/* A shift is as an axis that begins earlier, to the accuracy of the tables. */
static void shifts(void **state)
{
	struct em_synth_loss_options o = usual;
	struct em_synth_specimen s = foil("SrTiO3", 0.5);
	double *moved = expect(&o, &s, 1e9, 0.337), *still, worst = 0;

	(void)state;
	o.axis.offset -= 0.337;
	still = expect(&o, &s, 1e9, 0);
	for (size_t i = 0; i < o.axis.channels; i++)
		worst = fmax(worst, fabs(moved[i] - still[i]) / still[i]);
	assert_near(worst, 0, 3e-4);
	free(moved);
	free(still);
}

static void spread(void **state)
{
	struct em_synth_loss_options o = {
	    .axis = {-50, 0.5, 200}, .resolution = 0.5, .thickest = 0, .margin = 0, .low = true};
	struct em_synth_specimen s = {0};
	double *sharp = expect(&o, &s, 1000, 0), *wide;

	(void)state;
	o.spread = 2;
	wide = expect(&o, &s, 1000, 0);
	assert_near(sum(wide, 200), 1000, 1e-6);
	for (size_t i = 1; i < 45; i++)
		assert_near(wide[100 + i], wide[100 - i], 1e-9);
	assert_true(wide[100] < 0.5 * sharp[100] && wide[110] > 1);
	assert_true(wide[100 + 53] < 1e-9); /* cut */
	free(sharp);
	free(wide);
}

/* ---- specimens ---- */

static void valences_mix(void **state)
{
	const double odd[] = {2, 3, 3.4, 4, 9, NAN};
	struct em_synth_lines ti4 = em_synth_edge_lines(EM_SYNTH_TI, 4), ti3 = em_synth_edge_lines(EM_SYNTH_TI, 3);
	struct em_synth_lines half = em_synth_edge_lines(EM_SYNTH_TI, 3.5);

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct em_synth_specimen s = foil("LaTiO3", 0.5);
		double share[EM_SYNTH_COMPONENTS], of[EM_SYNTH_ELEMENTS] = {0};

		s.valence[EM_SYNTH_TI] = odd[i];
		s.vacancy = 0.01;
		em_synth_edge_shares(&s, share);
		for (size_t k = 0; k < EM_SYNTH_COMPONENTS; k++) {
			assert_true(share[k] >= 0);
			of[em_synth_edge_element(k)] += share[k];
		}
		for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
			assert_near(of[e], s.atoms[e], 1e-9);
	}
	assert_near(ti4.upper + ti4.lower, 650, 1e-9);
	assert_near(ti4.splitting, 2.3, 1e-9);
	assert_near(half.upper, 0.5 * (ti4.upper + ti3.upper), 1e-9);
	assert_true(ti3.centroid - ti4.centroid < -1.3 && ti3.centroid - ti4.centroid > -2);
	assert_true(em_synth_edge_lines(EM_SYNTH_LA, 3).splitting == 0);
	assert_true(em_synth_edge_lines(EM_SYNTH_O, -2).upper == 0);
}

static void specimens_mix(void **state)
{
	struct em_synth_specimen a = foil("LaFeO3", 0.4), b = foil("SrTiO3", 0.8);
	struct em_synth_specimen half = em_synth_specimen_mix(&a, &b, 0.5), all = em_synth_specimen_mix(&a, &b, 1);

	(void)state;
	assert_near(b.atoms[EM_SYNTH_TI], 80 / pow(0.3905, 3), 1e-9);
	assert_near(half.atoms[EM_SYNTH_TI], 40 / pow(0.3905, 3), 1e-9);
	assert_near(half.thickness, 0.6, 1e-12);
	assert_near(all.atoms[EM_SYNTH_LA], 0, 0);
	assert_near(half.valence[EM_SYNTH_TI], 4, 0);
	assert_null(em_synth_compound_find("SrTiO", 5));
	assert_null(em_synth_compound_find("", 0));
}

/* ---- the detector ---- */

static void detector(void **state)
{
	enum { N = 60000 };
	double *expected = calloc(N, sizeof(*expected)), mean = 0, square = 0, pattern = 0;
	float *out = calloc(N, sizeof(*out));
	struct em_synth_detector d;
	struct em_random r;

	(void)state;
	for (size_t i = 0; i < N; i++)
		expected[i] = 900;
	em_random_seed(&r, 1, 1);
	assert_int_equal(em_synth_detector_init(&d, 5, N, 0, 0, NULL), 0);
	em_synth_detector_expose(&d, expected, &r, out);
	for (size_t i = 0; i < N; i++) {
		mean += (double)out[i] / N;
		square += (double)out[i] * (double)out[i] / N;
		assert_true(out[i] == floorf(out[i]));
	}
	assert_near(mean, 900, 5 * sqrt(900. / N));
	assert_near((square - mean * mean) / mean, 1, 5 * sqrt(2. / N));
	em_synth_detector_release(&d);

	/* electrons without number: what is left of the noise is the pattern */
	assert_int_equal(em_synth_detector_init(&d, 5, N, 0.02, 0, NULL), 0);
	for (size_t i = 0; i < N; i++)
		expected[i] = 1e12;
	em_synth_detector_expose(&d, expected, &r, out);
	for (size_t i = 0; i < N; i++) {
		assert_near((double)out[i] / 1e12, (double)d.gain[i], 1e-5);
		pattern += ((double)d.gain[i] - 1) * ((double)d.gain[i] - 1) / N;
	}
	assert_near(sqrt(pattern), 0.02, 0.02 * 0.03);
	em_synth_detector_release(&d);

	/* nothing but the reading */
	assert_int_equal(em_synth_detector_init(&d, 5, N, 0.02, 7, NULL), 0);
	memset(expected, 0, N * sizeof(*expected));
	em_synth_detector_expose(&d, expected, &r, out);
	square = 0;
	for (size_t i = 0; i < N; i++)
		square += (double)out[i] * (double)out[i] / N;
	assert_near(square, 49, 49 * 5 * sqrt(2. / N));
	em_synth_detector_release(&d);
	free(expected);
	free(out);
}

/* ---- what is refused ---- */

static void refused(void **state)
{
	const struct em_synth_loss_options bad[] = {
	    {.axis = {400, 0.25, 0}, .resolution = 1},
	    {.axis = {400, 0.25, 1}, .resolution = 1},
	    {.axis = {400, 0.25, SIZE_MAX}, .resolution = 1},
	    {.axis = {400, 0.25, 65537}, .resolution = 1},
	    {.axis = {400, 0, 100}, .resolution = 1},
	    {.axis = {400, NAN, 100}, .resolution = 1},
	    {.axis = {NAN, 1, 100}, .resolution = 1},
	    {.axis = {99, 1, 100}, .resolution = 1},
	    {.axis = {400, 10, 1000}, .resolution = 1},
	    {.axis = {400, 1, 100}, .resolution = 0},
	    {.axis = {400, 1, 100}, .resolution = 1, .spread = -1},
	    {.axis = {400, 1, 100}, .resolution = 1, .thickest = NAN},
	    {.axis = {400, 1, 100}, .resolution = 1, .thickest = 5.1},
	    {.axis = {400, 1, 100}, .resolution = 1, .margin = INFINITY},
	};
	struct em_synth_detector d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_synth_loss m;
		struct em_error err = {0};

		assert_int_equal(em_synth_loss_init(&m, &bad[i], &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		em_synth_loss_release(&m);
	}
	assert_int_equal(em_synth_detector_init(&d, 1, 10, NAN, 0, NULL), -1);
	assert_int_equal(em_synth_detector_init(&d, 1, 10, 0.3, 0, NULL), -1);
	assert_int_equal(em_synth_detector_init(&d, 1, 10, 0, -1, NULL), -1);
}

static void windows(void **state)
{
	const struct em_synth_axis axis = {400, 0.25, 100};
	double from = 410.1, to = 415;

	(void)state;
	assert_true(em_synth_axis_window(&axis, &from, &to));
	assert_near(from, 410 - 0.125, 1e-12); /* channels 40 .. 59 */
	assert_near(to, 415 - 0.125, 1e-12);
	from = 399.8;
	assert_false(em_synth_axis_window(&axis, &from, &to));
	from = NAN;
	assert_false(em_synth_axis_window(&axis, &from, &to));
	from = 420;
	to = 425.2;
	assert_false(em_synth_axis_window(&axis, &from, &to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_are_conserved),
	    cmocka_unit_test(moments),
	    cmocka_unit_test(self_convolution),
	    cmocka_unit_test(weights),
	    cmocka_unit_test(background),
	    cmocka_unit_test(continuum),
	    cmocka_unit_test(line_areas),
	    cmocka_unit_test(plural),
	    cmocka_unit_test(net_is_in_the_spectrum),
	    cmocka_unit_test(shifts),
	    cmocka_unit_test(spread),
	    cmocka_unit_test(valences_mix),
	    cmocka_unit_test(specimens_mix),
	    cmocka_unit_test(detector),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(windows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
