/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lattices of real micrographs beside values found by other means: spacings and directions that the list of the data
 * gives, or (BY_FIT) where a plane wave fits the Hann-windowed frame best.  They hold with the files' own calibration;
 * how far that is from the crystal is told.  Files that are not there are skipped, and it is said.
 */
#include "crystal/bragg.h"
#include "crystal/lattice.h"
#include "crystal/spectrum.h"
#include "io/input.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WITHIN 0.005 /* of d */
#define DEGREES 0.3

struct expected {
	double d, angle; /* nm (or px), degrees */
};

struct picture {
	const char *path;
	double scale; /* nm/px that the expected values are in */
	struct expected plane[4];
	double crystal; /* what the first d is in the crystal, nm; 0: not known */
	bool blend;     /* of two crystals, nearer than the spectrum resolves: compare the spot, not the lattice */
};

static const char *folder(void)
{
	const char *named = getenv("EM_DATA");

	return named ? named : "../shared/data";
}

/* The mean power of all frames; false where the file is not there. */
static int read_power(const char *name, size_t size[2], double **sum, size_t *frames)
{
	const struct em_input_options whole = {0};
	struct em_spectrum_plan *plan = NULL;
	struct em_error err = {0};
	struct em_input *in;
	struct em_sample s;
	char path[4096];
	int more;

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	if (access(path, R_OK))
		return 0;
	in = em_input_open(path, &whole, &err);
	assert_non_null(in);
	for (*frames = 0; (more = em_input_next(in, &s, &err)) == 1; ++*frames) {
		struct em_array a = {0};
		struct em_spectrum f;

		assert_int_equal(em_sample_image(&s, &a, &err), 0);
		if (!plan) {
			size[0] = a.shape[0];
			size[1] = a.shape[1];
			plan = em_spectrum_plan_new(size[0], size[1], &err);
			*sum = calloc(size[0] * (size[1] / 2 + 1), sizeof(**sum));
			assert_true(plan && *sum);
		}
		assert_int_equal(em_spectrum_init(&f, plan, &a, &err), 0);
		em_spectrum_add_power(&f, *sum);
		em_spectrum_release(&f);
		em_array_release(&a);
		em_sample_release(&s);
	}
	assert_int_equal(more, 0);
	em_spectrum_plan_free(plan);
	em_input_close(in);
	return 1;
}

/* How far from what is expected, in what is allowed. */
static double miss(const struct expected *e, double d, double angle)
{
	return fmax(fabs(d / e->d - 1) / WITHIN, fabs(remainder(angle - e->angle, 180)) / DEGREES);
}

/* Of a lattice's planes the one nearest to what is expected. */
static struct em_lattice_spacing nearest_plane(const struct em_lattice *l, const struct expected *e,
                                               const double scale[2])
{
	struct em_lattice_spacing best = {{0}, {0}};

	for (int h = -2; h <= 2; h++)
		for (int k = -2; k <= 2; k++) {
			struct em_lattice_spacing s;

			if (!h && !k)
				continue;
			s = em_lattice_spacing(l, h, k, scale);
			if (!(best.d.value > 0) ||
			    miss(e, s.d.value, s.angle.value) < miss(e, best.d.value, best.angle.value))
				best = s;
		}
	return best;
}

/* And of spots. */
static struct em_lattice_spacing nearest_spot(const struct em_bragg_peaks *peaks, const struct expected *e,
                                              const double scale[2])
{
	struct em_lattice_spacing best = {{0}, {0}};

	for (size_t i = 0; i < peaks->count; i++) {
		double y = peaks->peak[i].y / scale[0], x = peaks->peak[i].x / scale[1];
		const struct em_lattice_spacing s = {{1 / hypot(y, x), 0}, {atan2(y, x) * 57.29577951308232, 0}};

		if (!(best.d.value > 0) || miss(e, s.d.value, s.angle.value) < miss(e, best.d.value, best.angle.value))
			best = s;
	}
	return best;
}

static void check_plane(const struct em_lattice_spacing *s, const struct expected *e)
{
	print_message("# d %.5f +- %.5f, expected %.5f (%+.2f %%); %.2f +- %.2f degrees, expected %.2f\n", s->d.value,
	              s->d.sigma, e->d, 100 * (s->d.value / e->d - 1), s->angle.value, s->angle.sigma, e->angle);
	assert_true(fabs(s->d.value / e->d - 1) <= WITHIN);
	assert_true(fabs(remainder(s->angle.value - e->angle, 180)) <= DEGREES);
}

static void test_lattice(void **state)
{
	const struct picture *p = *state;
	const double scale[2] = {p->scale, p->scale};
	struct em_bragg_options o = {0};
	struct em_bragg_peaks peaks = {0};
	struct em_lattice lattice[2];
	struct em_lattice_index index[EM_BRAGG_MOST];
	struct em_lattice_options lo = {0};
	size_t size[2], frames, count;
	double *sum = NULL;

	if (!read_power(p->path, size, &sum, &frames)) {
		print_message("# left out: no %s\n", p->path);
		return;
	}
	assert_int_equal(em_bragg_find(&peaks, sum, size[0], size[1], frames, &o, NULL), 0);
	lo.height = size[0];
	lo.width = size[1];
	assert_int_equal(em_lattice_split(lattice, &count, index, peaks.peak, peaks.count, &lo, NULL), 0);
	print_message("# %s: %zu peaks, %zu of them in the first lattice, rms %.3f px\n", p->path, peaks.count,
	              count ? lattice[0].count : 0, count ? lattice[0].rms : 0);
	assert_true(count >= 1 && !lattice[0].row);
	for (size_t i = 0; i < 4 && p->plane[i].d > 0; i++) {
		struct em_lattice_spacing s = p->blend ? nearest_spot(&peaks, &p->plane[i], scale)
		                                       : nearest_plane(&lattice[0], &p->plane[i], scale);

		check_plane(&s, &p->plane[i]);
	}
	if (p->crystal > 0)
		print_message("# the file's scale makes it %+.1f %% of the crystal's %.4f nm\n",
		              100 * (p->plane[0].d / p->crystal - 1), p->crystal);
	em_bragg_release(&peaks);
	free(sum);
}

/* Soot's fringes are turned every way: a ring at 0.34 nm and no spot. */
static void test_soot(void **state)
{
	const char *path = "22_diffraction_MoO3_Au_and_HRTEM_soot/ExampleImage.tif";
	struct em_bragg_options o = {0};
	struct em_bragg_peaks peaks = {0};
	struct em_bragg_radial radial;
	size_t size[2], frames, top = 51;
	double *sum = NULL, d;

	(void)state;
	if (!read_power(path, size, &sum, &frames)) {
		print_message("# left out: no %s\n", path);
		return;
	}
	assert_int_equal(em_bragg_find(&peaks, sum, size[0], size[1], frames, &o, NULL), 0);
	assert_int_equal(peaks.count, 0);
	assert_int_equal(em_bragg_radial(&radial, sum, size[0], size[1], frames, NULL), 0);
	/* the fringes' ring ends at graphite's 0.335 nm: of 18.0194 pixels a nm, the steepest fall of the mean */
	for (size_t i = 52; i < 150; i++)
		if (radial.mean[i] / radial.mean[i + 4] > radial.mean[top] / radial.mean[top + 4])
			top = i;
	d = 1 / ((double)(top + 2) * radial.step * 18.0194);
	print_message("# no spot; the ring ends at %.3f nm\n", d);
	assert_true(fabs(d - 0.335) < 0.01);
	em_bragg_radial_release(&radial);
	em_bragg_release(&peaks);
	free(sum);
}

int main(void)
{
	static struct picture pictures[] = {
	    {"01_ser_STO_HAADF/16_STOimage_1.ser",
	     0.010012704,
	     {{0.4020, 0.9}, {0.4072, 89.8}, {0.2835, 45.0}, {0.2887, 135.7}},
	     0.3905},
	    {"02_emd_berkeley_STO/Acquisition_18.emd",
	     0.0122465,
	     {{0.41123, -17.36}, {0.40926, 73.73}} /* BY_FIT */,
	     0.3905},
	    {"05_dm4_BTO_HAADF/BTO_crystal_1.dm4", 0.02965993, {{0.39876, 0}, {0.37995, 89.6}}, 0.4036},
	    {"07_dm3_atomic_EELS_SI/DMReader_Image_SI-Survey.dm3", 1, {{14.95121, -1.00}}, 0, true}, /* BY_FIT */
	    {"19_movie_ABF_5frames_hdf5/stem_abf_data_imagestack.hspy",
	     0.00920239836,
	     {{0.2718, 52.2}, {0.1931, 142.3}},
	     0.2761},
	};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_prestate(test_lattice, &pictures[0]),
	    cmocka_unit_test_prestate(test_lattice, &pictures[1]),
	    cmocka_unit_test_prestate(test_lattice, &pictures[2]),
	    cmocka_unit_test_prestate(test_lattice, &pictures[3]),
	    cmocka_unit_test_prestate(test_lattice, &pictures[4]),
	    cmocka_unit_test(test_soot),
	};

	if (access(folder(), R_OK)) {
		printf("1..0 # SKIP no real data in %s\n", folder());
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
