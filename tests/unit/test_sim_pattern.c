/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diffraction patterns of the simulator, against geometry. */
#include "specimen_help.h"

/* A foil of SrTiO3 on [001], 20 nm thick; its sections' own bending is told apart by em_sim_section_bend. */
#define FOIL                                                                                                           \
	"{\"sections\":[{\"x_um\":0,\"y_um\":0,\"width_um\":10,\"angle_deg\":20,\"thickness_nm\":[20,20],\"layers\":"  \
	"[{\"material\":\"SrTiO3\",\"nm\":8000}]}]}"
#define GOLD                                                                                                           \
	"{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_nm\":30,\"share\":1,\"radius_nm\":[3,4]}]}"

#define N 512
static struct em_sim_view pattern_view(double reach)
{
	struct em_sim_view v = view_of(EM_SIM_PATTERN, N, 2 * reach, 0.1e-6, 0.2e-6);

	v.beam_radius = 10e-9;
	v.electrons = 1e9;
	return v;
}

/* Electrons within `radius` of a point of the pattern, above what is around, and their centroid there, 1/m. */
static double spot(const float *p, const struct em_sim_view *v, double x, double y, double radius, double at[2])
{
	double c = (x + v->pattern[0]) / v->pixel + (N - 1) / 2., r = (y + v->pattern[1]) / v->pixel + (N - 1) / 2.;
	double reach = radius / v->pixel, sum = 0, ring = 0, in = 0, around = 0, mx = 0, my = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int j = (int)(r - 2 * reach); j <= (int)(r + 2 * reach); j++)
			for (int i = (int)(c - 2 * reach); i <= (int)(c + 2 * reach); i++) {
				double d = hypot(i - c, j - r), value;

				if (i < 0 || j < 0 || i >= N || j >= N)
					continue;
				value = (double)p[j * N + i];
				if (pass == 0 && d > reach && d < 2 * reach) {
					ring += value;
					around++;
				} else if (pass == 1 && d <= reach) {
					value -= ring / around;
					sum += value;
					mx += value * i;
					my += value * j;
					in++;
				}
			}
	if (at) {
		at[0] = (mx / sum - (N - 1) / 2.) * v->pixel - v->pattern[0];
		at[1] = (my / sum - (N - 1) / 2.) * v->pixel - v->pattern[1];
	}
	return sum;
}

static void spots_are_where_the_lattice_has_them(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = pattern_view(12e9);
	double g = 1 / 0.3905e-9, c = cos(PI / 9), s = sin(PI / 9), at[2];
	struct em_array a;
	float *p;

	(void)state;
	v.pattern[0] = 0.7e9; /* the diffraction shift moves all of it */
	v.pattern[1] = -0.4e9;
	p = expected(w, &v, &a);
	for (int h = -2; h <= 2; h++)
		for (int k = -2; k <= 2; k++) {
			double x = g * (h * c - k * s), y = g * (h * s + k * c);

			double counts = spot(p, &v, x, y, 0.3e9, at);

			assert_true(counts > 1e3);
			/* of weak ones the diffuse scattering moves the centroid, inwards */
			assert_true(hypot(at[0] - x, at[1] - y) < (counts > 1e5 ? 1e-3 : 1e-2) * g);
		}
	em_array_release(&a);
	em_sim_world_free(w);
}

/* Friedel's pair is even at the zone axis; a tilt by Bragg's angle puts one on the sphere, as two beams say. */
static void tilt_excites_beams(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = pattern_view(12e9);
	const struct em_sim_section *sec = &w->section[0];
	const double hkl[3] = {2, 0, 0};
	double g = 2 / 0.3905e-9, lambda = em_sim_wavelength(v.voltage), c = cos(sec->angle), s = sin(sec->angle);
	double lean[2], local[2], xi = em_sim_matter_extinction(em_sim_matter_find("SrTiO3"), hkl, g * g);
	double t, plus[2], minus[2], angle;
	struct em_array a;

	(void)state;
	em_sim_section_local(sec, v.x, v.y, local);
	em_sim_section_bend(sec, local[0], local[1], lean);
	t = em_sim_section_thickness(sec, local[0], local[1]);
	for (int i = 0; i < 2; i++) { /* turn the crystal about the normal of g so that s(g) = 0, then -lambda g^2 */
		float *p;

		angle = (i ? 1 : -1) * lambda * g / 2 - lean[0];
		/* the third axis leans by `angle` along g = (c, s): R = Rx(a) Ry(b) leans z by (b, -a) */
		v.b = angle * c;
		v.a = -angle * s;
		p = expected(w, &v, &a);
		plus[i] = spot(p, &v, g * c, g * s, 0.3e9, NULL);
		minus[i] = spot(p, &v, -g * c, -g * s, 0.3e9, NULL);
		em_array_release(&a);
	}
	/* exactly on the sphere: sin^2(pi t / xi); off by lambda g^2 for the other of the pair */
	for (int i = 0; i < 2; i++) {
		double on = i ? minus[i] : plus[i], off = i ? plus[i] : minus[i];

		assert_true(
		    fabs(on / off / (em_sim_two_beams(0, xi, t) / em_sim_two_beams(lambda * g * g, xi, t)) - 1) < 0.15);
		assert_true(on > 2 * off);
	}
	em_sim_world_free(w);
}

/* A tilt of the beam excites what the same tilt of the stage does; and the pattern stays. */
static void a_tilted_beam_is_a_tilted_crystal(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view beam = pattern_view(12e9), stage = beam;
	struct em_array a, b;
	float *p, *q;
	double g = 1 / 0.3905e-9, c = cos(PI / 9), s = sin(PI / 9);

	(void)state;
	beam.tilt[0] = 6e-3;
	beam.tilt[1] = -4e-3;
	stage.b = 6e-3;
	stage.a = 4e-3;
	p = expected(w, &beam, &a);
	q = expected(w, &stage, &b);
	for (int h = -2; h <= 2; h++)
		for (int k = -2; k <= 2; k++) {
			double x = g * (h * c - k * s), y = g * (h * s + k * c);
			double one = spot(p, &beam, x, y, 0.3e9, NULL), two = spot(q, &stage, x, y, 0.3e9, NULL);

			assert_true(fabs(one - two) < 0.02 * two + 3e3);
		}
	em_array_release(&a);
	em_array_release(&b);
	em_sim_world_free(w);
}

/* In a disc each direction has its own excitation error: (200)'s middle line is off its brightest by lambda g / 2. */
static void discs_have_fringes(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = pattern_view(8e9);
	const struct em_sim_section *sec = &w->section[0];
	double g = 2 / 0.3905e-9, c = cos(PI / 9), s = sin(PI / 9), lambda = em_sim_wavelength(v.voltage);
	double local[2], lean[2], best = 0, at = 0;
	struct em_array a;
	float *p;

	(void)state;
	em_sim_section_local(sec, v.x, v.y, local);
	em_sim_section_bend(sec, local[0], local[1], lean);
	v.convergence = 9e-3;
	p = expected(w, &v, &a);
	/* s = -g lean - lambda g^2 / 2 - g t is 0 for electrons that come from t along g */
	for (double t = -8e-3; t < 8e-3; t += 2e-4) {
		double x = g * c + t / lambda * c, y = g * s + t / lambda * s;
		size_t i = (size_t)lround(x / v.pixel + (N - 1) / 2.), j = (size_t)lround(y / v.pixel + (N - 1) / 2.);

		if ((double)p[j * N + i] > best) {
			best = (double)p[j * N + i];
			at = t;
		}
	}
	assert_true(fabs(at - (-lean[0] - lambda * g / 2)) < 1.2e-3);
	em_array_release(&a);
	em_sim_world_free(w);
}

/* sin^2 in a thin crystal, as (t / xi)^2; never more than there is; the tail as 1 / (s xi)^2. */
static void two_beams(void **state)
{
	(void)state;
	assert_true(fabs(em_sim_two_beams(0, 50e-9, 0.5e-9) / pow(PI * 0.5 / 50, 2) - 1) < 1.1);
	assert_true(em_sim_two_beams(0, 50e-9, 25e-9) > 0.9 && em_sim_two_beams(0, 50e-9, 25e-9) <= 1);
	assert_true(em_sim_two_beams(0, 50e-9, 50e-9) < 0.15);
	for (double s = 0; s < 1e9; s += 1e7)
		for (double t = 0; t < 300e-9; t += 7e-9) {
			double i = em_sim_two_beams(s, 50e-9, t);

			assert_true(i >= 0 && i <= 1 / (1 + s * s * 2.5e-15) + 1e-12);
		}
}

static void no_electron_is_made(void **state)
{
	struct em_sim_world *w = world_of(FOIL), *nothing = world_of("{}"), *gold = world_of(GOLD);
	struct em_sim_view v = pattern_view(20e9);
	struct em_array a;

	(void)state;
	/* halos and beams reach past the camera, a few in a hundred */
	double sum = mean_of(expected(w, &v, &a), N * N) * N * N;
	assert_true(sum < 1e9 * 1.001 && sum > 0.93e9);
	em_array_release(&a);
	v.beam_radius = 100e-9;
	sum = mean_of(expected(gold, &v, &a), N * N) * N * N;
	assert_true(sum < 1e9 * 1.001 && sum > 0.93e9);
	em_array_release(&a);
	sum = mean_of(expected(nothing, &v, &a), N * N) * N * N;
	assert_true(fabs(sum / 1e9 - 1) < 1e-4);
	em_array_release(&a);
	em_sim_world_free(w);
	em_sim_world_free(nothing);
	em_sim_world_free(gold);
}

/* A focused probe's beams are discs of radius alpha / lambda. */
static void convergence_makes_discs(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = pattern_view(12e9);
	struct em_array a;
	float *p;
	double area = 0;

	(void)state;
	v.convergence = 8e-3;
	p = expected(w, &v, &a);
	for (size_t i = 0; i < N * N; i++)
		area += p[i] > 0.5F * p[N / 2 * N + N / 2] ? v.pixel * v.pixel : 0;
	assert_true(fabs(sqrt(area / PI) / (8e-3 / em_sim_wavelength(v.voltage)) - 1) < 0.01);
	em_array_release(&a);
	em_sim_world_free(w);
}

/* Gold that lies anyhow: its 111 ring is at 1 / 0.23545 nm, and nothing is where fcc has nothing. */
static void gold_makes_rings(void **state)
{
	struct em_sim_world *w = world_of(GOLD);
	struct em_sim_view v = pattern_view(6.4e9);
	double ring[3] = {0};
	static const double at[3] = {4.247e9, 3.75e9, 4.55e9};
	struct em_array a;
	float *p;

	(void)state;
	v.beam_radius = 500e-9;
	p = expected(w, &v, &a);
	for (size_t i = 0; i < N * N; i++) {
		double k = hypot((double)(i % N) - (N - 1) / 2., (double)(i / N) - (N - 1) / 2.) * v.pixel;

		for (int n = 0; n < 3; n++)
			ring[n] += fabs(k - at[n]) < 0.08e9 ? (double)p[i] / at[n] : 0;
	}
	assert_true(ring[0] > 3 * ring[1] && ring[0] > 3 * ring[2]);
	em_array_release(&a);
	em_sim_world_free(w);
}

static void an_amorphous_film_has_halos(void **state)
{
	struct em_sim_world *w = world_of("{\"film\":{\"material\":\"C\",\"thickness_nm\":20}}");
	struct em_sim_view v = pattern_view(12e9);
	struct em_array a;
	float *p;

	(void)state;
	p = expected(w, &v, &a);
	p += N / 2 * N + N / 2; /* along a row: up at 4.8, down between the two at 6.6, 1/nm */
	assert_true(p[102] > 1.3F * p[64] && p[102] > 1.3F * p[141] && p[179] > p[230]);
	em_array_release(&a);
	em_sim_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spots_are_where_the_lattice_has_them),
	    cmocka_unit_test(tilt_excites_beams),
	    cmocka_unit_test(a_tilted_beam_is_a_tilted_crystal),
	    cmocka_unit_test(discs_have_fringes),
	    cmocka_unit_test(two_beams),
	    cmocka_unit_test(no_electron_is_made),
	    cmocka_unit_test(convergence_makes_discs),
	    cmocka_unit_test(gold_makes_rings),
	    cmocka_unit_test(an_amorphous_film_has_halos),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
