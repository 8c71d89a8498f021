/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectra of the simulator: nothing is lost, and they say what the specimen is. */
#include "specimen_help.h"

#include "scope/sim/loss_edges.h"

#define FOIL                                                                                                           \
	"{\"sections\":[{\"x_um\":0,\"y_um\":0,\"width_um\":10,\"thickness_nm\":[60,60],\"layers\":"                   \
	"[{\"material\":\"LaMnO3\",\"nm\":4000},{\"material\":\"SrTiO3\",\"nm\":4000}]}]}"

static struct em_sim_view loss_view(size_t channels, double offset, double dispersion, double y)
{
	struct em_sim_view v = view_of(EM_SIM_LOSS, channels, 1, 0.3e-6, y);

	v.height = 1;
	v.convergence = 25e-3;
	v.energy_offset = offset;
	v.dispersion = dispersion;
	v.energy_fwhm = 0.6;
	v.electrons = 1e8;
	v.saturation = 2e9;
	return v;
}

static double between(const float *p, const struct em_sim_view *v, double from, double to, double *centroid_ev)
{
	double sum = 0, moment = 0;

	for (size_t i = 0; i < v->width; i++) {
		double e = v->energy_offset + (double)i * v->dispersion;

		if (e >= from && e < to) {
			sum += (double)p[i];
			moment += e * (double)p[i];
		}
	}
	if (centroid_ev)
		*centroid_ev = moment / sum;
	return sum;
}

/* The sum is the beam, and ln(It / I0) is what the truth says of the place. */
static void the_low_loss_is_conserved(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	const struct em_sim_section *s = &w->section[0];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct em_sim_view v = loss_view(1500, -20, 0.5, i ? 1.5e-6 : -1.5e-6);
		double local[2], t, sum, zero;
		struct em_array a;
		float *p;

		v.a = i == 2 ? 0.7 : 0;
		em_sim_section_local(s, v.x, v.y, local);
		t = em_sim_section_thickness(s, local[0], local[1]) / cos(v.a) / (i ? 100e-9 : 95e-9);
		p = expected(w, &v, &a);
		assert_true(a.ndim == 1 && a.shape[0] == 1500);
		sum = between(p, &v, -20, 750, NULL);
		zero = between(p, &v, -20, 2, NULL);
		assert_true(fabs(sum / 1e8 - 1) < 1e-2); /* where the core loss takes over it is not exact */
		assert_true(fabs(log(1e8 / zero) - t) < 5e-3);
		em_array_release(&a);
	}
	em_sim_world_free(w);
}

static void counts_are_poissons(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = loss_view(1024, 100, 0.2, 1.5e-6);
	struct em_array a, e;
	double chi = 0, n = 0;
	float *q;

	(void)state;
	v.electrons = 1e9;
	q = expected(w, &v, &e);
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	assert_true(a.dtype == EM_I32 && a.ndim == 1);
	for (size_t i = 0; i < 1024; i++)
		if (q[i] > 20) {
			double d = ((int32_t *)a.data)[i] - (double)q[i];

			chi += d * d / (double)q[i];
			n++;
		}
	assert_true(n > 500 && fabs(chi / n - 1) < 4 * sqrt(2.1 / n));
	em_array_release(&a);
	em_array_release(&e);
	em_sim_world_free(w);
}

/* Excess over a power law through 20 eV before an edge. */
static double excess(const float *p, const struct em_sim_view *v, double onset, double width)
{
	double first = between(p, v, onset - 30, onset - 20, NULL), second = between(p, v, onset - 15, onset - 5, NULL);
	double r = log(first / second) / log((onset - 10) / (onset - 25)), background = 0;

	for (double e = onset; e < onset + width; e += v->dispersion)
		background += second / 10 * v->dispersion * pow((onset - 10) / e, r);
	return between(p, v, onset, onset + width, NULL) - background;
}

static void each_layer_has_its_edges(void **state)
{
	struct em_sim_world *w = world_of(FOIL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct em_sim_view v = loss_view(2000, 350, 0.25, i ? 1.5e-6 : -1.5e-6);
		struct em_array a;
		float *p = expected(w, &v, &a);
		double ti = excess(p, &v, 454, 15), mn = excess(p, &v, 638, 15), o = excess(p, &v, 528, 20);
		double whole = between(p, &v, 400, 800, NULL);

		assert_true(o > 1e-3 * whole);
		assert_true((i ? ti : mn) > 5e-3 * whole);
		assert_true(fabs(i ? mn : ti) < 1e-3 * whole);
		em_array_release(&a);
	}
	em_sim_world_free(w);
}

static double thickness_at(const struct em_sim_world *w, double y)
{
	double local[2];

	em_sim_section_local(&w->section[0], 0.3e-6, y, local);
	return em_sim_section_thickness(&w->section[0], local[0], local[1]);
}

/* Ti4+ to Ti3+, which takes half an oxygen of three: as lib/synth has it, and the white lines go down in energy. */
static void a_reduction_is_seen(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_synth_loss_options o = {.axis = {350, 0.25, 2000}, .resolution = 0.6, .thickest = 1};
	struct em_synth_loss model;
	double before = 1e9, first = 0, *want = calloc(2000, sizeof(*want));

	(void)state;
	assert_non_null(want);
	assert_int_equal(em_synth_loss_init(&model, &o, NULL), 0);
	for (int i = 0; i <= 4; i++) {
		struct em_synth_specimen foil =
		    em_synth_compound_foil(em_synth_compound_find("SrTiO3", 6), thickness_at(w, 1.5e-6) / 100e-9, 3);
		struct em_sim_view v = loss_view(2000, 350, 0.25, 1.5e-6);
		struct em_array a;
		double at;
		float *p;

		v.reaction = i / 4.;
		p = expected(w, &v, &a);
		between(p, &v, 455, 472, &at);
		assert_true(at < before);
		before = at;
		first = i ? first : at;
		foil.valence[EM_SYNTH_TI] = 4 - v.reaction;
		foil.vacancy = v.reaction / 6;
		foil.atoms[EM_SYNTH_O] *= 1 - v.reaction / 6;
		assert_int_equal(em_synth_loss_expect(&model, &foil, 1e8, 0, want, NULL), 0);
		for (size_t k = 0; k < 2000; k++)
			assert_true(fabs((double)p[k] / want[k] - 1) < 1e-3);
		em_array_release(&a);
	}
	assert_true(first - before > 0.3);
	em_synth_loss_release(&model);
	free(want);
	em_sim_world_free(w);
}

/* One over the other in a stack, and side by side under a broad beam. */
static void places_are_averaged(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = loss_view(2000, 350, 0.25, 1.5e-6);
	struct em_array a;
	double ti, both;

	(void)state;
	ti = excess(expected(w, &v, &a), &v, 454, 15);
	em_array_release(&a);
	v.convergence = 1e-4;
	v.beam_radius = 100e-9;
	v.y = 0; /* half of the disc on either side */
	both = excess(expected(w, &v, &a), &v, 454, 15);
	em_array_release(&a);
	assert_true(fabs(both / ti - 0.5) < 0.06);
	em_sim_world_free(w);
}

static void a_bar_stops_the_beam(void **state)
{
	struct em_sim_world *w = world_default();
	struct em_sim_view v = loss_view(1024, -20, 0.1, 0);
	struct em_array a;

	(void)state;
	v.x = 62.5e-6;
	assert_true(between(expected(w, &v, &a), &v, -20, 100, NULL) < 1e-3);
	em_array_release(&a);
	em_sim_world_free(w);
}

static void vacuum_has_a_zero_loss_peak_only(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = loss_view(1024, -20, 0.1, 0);
	struct em_array a;
	double at, sum;
	float *p;

	(void)state;
	p = expected(w, &v, &a);
	sum = between(p, &v, -20, 100, &at);
	assert_true(fabs(sum / 1e8 - 1) < 1e-6 && fabs(at) < 0.05);
	assert_true(between(p, &v, 3, 100, NULL) < 1);
	em_array_release(&a);
	em_sim_world_free(w);
}

static void a_wide_axis_has_no_step(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = loss_view(2000, -20, 0.4, 1.5e-6);
	struct em_array a;
	float *p;

	(void)state;
	p = expected(w, &v, &a);
	for (size_t i = 300; i < 1100; i++) /* 100 to 420 eV */
		assert_true(p[i] > 0 && fabs(log((double)p[i + 1] / (double)p[i])) < 0.05);
	assert_true(fabs(between(p, &v, -20, 800, NULL) / 1e8 - 1) < 0.01);
	em_array_release(&a);
	em_sim_world_free(w);
}

static void spectra_that_are_refused(void **state)
{
	struct em_sim_world *w = world_of("{}");

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct em_sim_view v = loss_view(1024, -20, 0.1, 0);
		struct em_error err = {0};
		struct em_array a = {0};

		switch (i) {
		case 0: v.dispersion = 0; break;
		case 1: v.dispersion = NAN; break;
		case 2: v.energy_offset = 1e9; break;
		case 3: v.height = 2; break;
		case 4: v.dispersion = 100; break;
		}
		assert_int_equal(em_sim_form(w, &v, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_null(a.data);
	}
	em_sim_world_free(w);
}

static void the_truth_is_told(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = loss_view(1024, -20, 0.1, 1.5e-6);
	const struct em_json *first;
	struct em_text t = {0};
	struct em_json *root;
	double number;

	(void)state;
	v.reaction = 0.25;
	em_sim_world_describe(w, &v, &t);
	root = em_json_parse(em_text_get(&t), t.len, NULL);
	assert_non_null(root);
	assert_true(em_json_number(em_json_get(root, "t_over_lambda"), &number) && fabs(number - 0.6) < 0.04);
	first = em_json_first(em_json_get(root, "matter"));
	assert_string_equal(em_json_string(em_json_get(first, "material")), "SrTiO3");
	assert_true(em_json_number(em_json_get(first, "reacted"), &number) && fabs(number - 0.25) < 1e-9);
	assert_true(em_json_number(em_json_get(first, "axis_off_beam_deg"), &number) && number < 1);
	em_json_free(root);
	em_text_release(&t);
	em_sim_world_free(w);
}

/* The sum of counts that em_sim_edges_add makes of one element between two energies. */
static double edge_counts(const struct em_sim_view *v, size_t element, double thickness, double from, double to)
{
	double atoms[EM_SIM_EDGES] = {0}, *counts = calloc(v->width, sizeof(*counts)), sum = 0;

	atoms[element] = 1000; /* under a square nm */
	assert_int_equal(em_sim_edges_add(v, atoms, thickness, 1e8, counts, NULL), 0);
	for (size_t i = 0; i < v->width; i++) {
		double e = v->energy_offset + (double)i * v->dispersion;

		sum += e >= from && e < to ? counts[i] : 0;
	}
	free(counts);
	return sum;
}

/* C-K has a pi* line of 120 barn; scattered again nothing is lost, and the line keeps exp(-t / lambda) of its own. */
static void carbon_has_its_edge(void **state)
{
	struct em_sim_view v = loss_view(8000, 200, 0.25, 0);
	double thin = edge_counts(&v, 0, 0, 280, 286.6), continuum = 60. / 3 * (1 - pow(1000. / 288, -3)) * 288;

	(void)state;
	assert_true(fabs(thin / (1e8 * 1000 * 1e-10 * 120) - 1) < 0.08); /* less its tail, and the foot of sigma* */
	assert_true(fabs(edge_counts(&v, 0, 0, 240, 1000) / (1e8 * 1000 * 1e-10 * (520 + continuum)) - 1) < 0.02);
	assert_true(fabs(edge_counts(&v, 0, 0.6, 240, 2199) / edge_counts(&v, 0, 0, 240, 2199) - 1) < 0.01);
	assert_true(fabs(edge_counts(&v, 0, 0.6, 280, 286.6) / thin - exp(-0.6)) < 1e-3);
	for (size_t e = 1; e < EM_SIM_EDGES; e++) /* the others begin where they should */
		assert_true(edge_counts(&v, e, 0, 200, (double[]){0, 920, 1930, 224}[e]) <
		            0.02 * edge_counts(&v, e, 0, 200, 2199));
}

/* Of the specimen: carbon on the film and in no oxide, molybdenum in MoO3. */
static void what_stands_there_has_its_edges(void **state)
{
	static const struct {
		const char *world;
		double c, mo; /* atoms a square nm */
	} cases[] = {
	    {"{\"film\":{\"material\":\"C\",\"thickness_nm\":20}}", 20 / (.2154 * .2154 * .2154), 0},
	    {"{\"sections\":[{\"x_um\":0,\"y_um\":0,\"thickness_nm\":[30,30],\"layers\":[{\"material\":\"MoO3\","
	     "\"nm\":5000}]}]}",
	     0, 4 * 30 / (.3697 * .3963 * 1.3855)},
	    {FOIL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_sim_world *w = world_of(cases[i].world);
		struct em_sim_view v = loss_view(2000, 200, 0.25, 0.5e-6);
		double atoms[EM_SIM_EDGES] = {0}, was;
		struct em_sim_met met[EM_SIM_MET];
		size_t n = em_sim_world_meet(w, &v, v.x, v.y, 0, met);
		struct em_array a;
		float *p;

		assert_int_equal(n, 1);
		em_sim_edges_count(met[0].matter, met[0].thickness, atoms);
		assert_true(fabs(atoms[0] - cases[i].c) < 0.06 * cases[i].c + 1e-9);
		assert_true(fabs(atoms[3] - cases[i].mo) < 0.06 * cases[i].mo + 1e-9);
		p = expected(w, &v, &a);
		was = excess(p, &v, 283, 20);
		assert_true(cases[i].c > 0 ? was > 0.5 * between(p, &v, 262, 282, NULL)
		                           : was < 0.05 * between(p, &v, 262, 282, NULL));
		em_array_release(&a);
		em_sim_world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_low_loss_is_conserved),
	    cmocka_unit_test(counts_are_poissons),
	    cmocka_unit_test(each_layer_has_its_edges),
	    cmocka_unit_test(carbon_has_its_edge),
	    cmocka_unit_test(what_stands_there_has_its_edges),
	    cmocka_unit_test(a_reduction_is_seen),
	    cmocka_unit_test(places_are_averaged),
	    cmocka_unit_test(a_bar_stops_the_beam),
	    cmocka_unit_test(vacuum_has_a_zero_loss_peak_only),
	    cmocka_unit_test(a_wide_axis_has_no_step),
	    cmocka_unit_test(spectra_that_are_refused),
	    cmocka_unit_test(the_truth_is_told),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
