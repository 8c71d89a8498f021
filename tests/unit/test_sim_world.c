/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The specimen: its file, and what is where. */
#include "specimen_help.h"

static void what_is_no_specimen(void **state)
{
	static const char *bad[] = {
	    "[]",
	    "{\"gird\":{}}",
	    "{\" seed\":1}", /* no blanks around a name, nor two names in one */
	    "{\"seed grid\":1}",
	    "{\"\":1}",
	    "{\"seed\":-1}",
	    "{\"grid\":{}}",
	    "{\"grid\":{\"material\":\"Kryptonite\"}}",
	    "{\"grid\":{\"material\":\"Cu\",\"pitch_um\":0}}",
	    "{\"grid\":{\"material\":\"Cu\",\"pitch_um\":\"125\"}}",
	    "{\"grid\":{\"material\":\"Cu\",\"pitch_um\":100,\"bar_um\":101}}",
	    "{\"film\":{\"material\":\"C\",\"thickness_nm\":1e9}}",
	    "{\"film\":{\"material\":\"C\",\"torn\":1.5}}",
	    "{\"film\":{\"material\":\"C\",\"holes\":{\"share\":1}}}",
	    "{\"film\":{\"material\":\"C\",\"holes\":{\"pitch_um\":1,\"radius_um\":[2,1]}}}",
	    "{\"film\":{\"material\":\"C\",\"holes\":{\"pitch_um\":1,\"radius_um\":[1]}}}",
	    "{\"film\":{\"material\":\"C\",\"holes_at\":{}}}",
	    "{\"scatter\":{}}",
	    "{\"scatter\":[{\"kind\":\"cats\",\"material\":\"Au\",\"pitch_nm\":50,\"radius_nm\":[1,2]}]}",
	    "{\"scatter\":[{\"kind\":\"particles\",\"pitch_nm\":50,\"radius_nm\":[1,2]}]}",
	    "{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"radius_nm\":[1,2]}]}",
	    "{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_nm\":50}]}",
	    "{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_nm\":10,\"radius_nm\":[1,300]}]}",
	    "{\"scatter\":[{\"kind\":\"rods\",\"material\":\"MoO3\",\"pitch_um\":1,\"length_um\":[1,2]}]}",
	    "{\"scatter\":[1]}",
	    "{\"sections\":[{}]}",
	    "{\"sections\":[{\"layers\":[]}]}",
	    "{\"sections\":[{\"layers\":[{\"material\":\"SrTiO3\"}]}]}",
	    "{\"sections\":[{\"layers\":[{\"material\":\"SrTiO3\",\"nm\":-5}]}]}",
	    "{\"sections\":[{\"layers\":[{\"material\":\"SrTiO3\",\"nm\":5,\"colour\":1}]}]}",
	    "{\"sections\":[{\"layers\":[{\"material\":\"SrTiO3\",\"nm\":5}],\"thickness_nm\":[5,1e9]}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_json *root = em_json_parse(bad[i], strlen(bad[i]), NULL);
		struct em_sim_world w;
		struct em_error err = {0};

		assert_non_null(root);
		if (!em_sim_world_parse(&w, root, 1, &err))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_true(err.text[0]);
		em_json_free(root);
	}
}

static void files_that_are_none(void **state)
{
	struct em_sim_world *w = NULL;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_sim_world_open("no/such/specimen.json", 1, &w, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
	assert_null(w);
	em_sim_world_free(NULL);
}

static void the_mesh_is_square(void **state)
{
	struct em_sim_world *w = world_default();

	(void)state;
	/* holes of 90 um in a pitch of 125 um */
	assert_true(fabs(em_sim_world_window(w, 0, 0) - 45e-6) < 1e-12);
	assert_true(fabs(em_sim_world_window(w, 0, 40e-6) - 5e-6) < 1e-12);
	assert_true(fabs(em_sim_world_window(w, 62.5e-6, 0) + 17.5e-6) < 1e-12);
	assert_true(fabs(em_sim_world_window(w, 5 * 125e-6 + 45e-6, -3 * 125e-6)) < 1e-12);
	/* corners are round, by 0.15 of 45 um */
	assert_true(fabs(em_sim_world_window(w, 45e-6, 45e-6) - 6.75e-6 * (1 - sqrt(2))) < 1e-12);
	/* the rim: nothing but copper beyond 1300 um */
	assert_true(em_sim_world_window(w, 11 * 125e-6, 0) < 0);
	assert_true(fabs(em_sim_world_window(w, 0, -1.4e-3) + 100e-6) < 1e-12);
	assert_true(fabs(em_sim_world_height(w, 0, 0)) < 1e-15);
	em_sim_world_free(w);
}

static void things_belong_to_their_cells(void **state)
{
	struct em_sim_world *w = world_default(), *other;
	size_t there = 0, different = 0;

	(void)state;
	assert_int_equal(em_sim_world_open(NULL, 2, &other, NULL), 0);
	for (size_t k = 0; k < w->scatters; k++)
		for (long n = 0; n < 2500; n++) {
			const struct em_sim_scatter *s = &w->scatter[k];
			long i = n % 50 - 25, j = n / 50 - 25;
			struct em_sim_thing t, again, third;
			bool is = em_sim_scatter_thing(w, s, i, j, &t);

			assert_int_equal(em_sim_scatter_thing(w, s, i, j, &again), is);
			different += em_sim_scatter_thing(other, &other->scatter[k], i, j, &third) != is;
			if (!is)
				continue;
			there++;
			assert_memory_equal(&t, &again, sizeof(t));
			assert_true(hypot(t.at[0] - (double)i * s->pitch, t.at[1] - (double)j * s->pitch) + t.half[0] <=
			            s->reach * (1 + 1e-12));
			assert_true(t.half[0] * 2 <= s->length.hi * 2 && t.half[1] > 0);
			assert_true(em_sim_world_window(w, t.at[0], t.at[1]) >= 0);
		}
	assert_true(there > 500 && different > 500);
	em_sim_world_free(w);
	em_sim_world_free(other);
}

static void axes_are_a_rotation(void **state)
{
	struct em_sim_world *w = world_default();
	double z = 0;
	size_t n = 0;

	(void)state;
	for (long i = 0; i < 4000; i++) {
		struct em_sim_thing t;
		double m[3][3];

		if (!em_sim_scatter_thing(w, &w->scatter[3], i % 60, i / 60, &t))
			continue;
		em_sim_thing_axes(&t, m);
		for (int a = 0; a < 3; a++)
			for (int b = 0; b < 3; b++) {
				double dot = m[a][0] * m[b][0] + m[a][1] * m[b][1] + m[a][2] * m[b][2];

				assert_true(fabs(dot - (a == b)) < 1e-9);
			}
		/* right-handed */
		assert_true(m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
		                m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
		                m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]) >
		            0.999);
		if (!t.on_axis) {
			z += m[2][2] * m[2][2];
			n++;
		} else {
			assert_true(m[2][2] > 0.99);
		}
	}
	/* those that lie anyhow: <cos^2> is 1/3, standard deviation sqrt(4 / 45) of one */
	assert_true(n > 100 && fabs(z / (double)n - 1. / 3) < 4 * sqrt(4. / 45 / (double)n));
	em_sim_world_free(w);
}

static void layers_keep_their_volume_on_the_substrate(void **state)
{
	struct em_sim_world *w = world_default();
	const struct em_sim_section *s = &w->section[0];

	(void)state;
	assert_int_equal(s->layers, 5);
	assert_int_equal(s->substrate, 4);
	assert_true(fabs(s->layer[3].cell[0] - 0.3905e-9) < 1e-15);
	assert_true(
	    fabs(s->layer[3].cell[0] * s->layer[3].cell[0] * s->layer[3].cell[1] / 0.388e-9 / 0.388e-9 / 0.388e-9 - 1) <
	    1e-12);
	assert_true(fabs(s->depth - 4400e-9) < 1e-15);
	em_sim_world_free(w);
}

static void disorder_begins_in_the_middle_of_the_film(void **state)
{
	struct em_sim_world *w = world_default();
	const struct em_sim_section *s = &w->section[0];
	const struct em_sim_layer *film = &s->layer[3], *below = &s->layer[4];
	double middle = (film->top + film->bottom) / 2, last = 1;

	(void)state;
	assert_true(em_sim_section_order(s, &s->layer[2], 0, s->layer[2].top + 1e-9, 0) == 0); /* dead */
	assert_true(em_sim_section_order(s, film, 1e-7, middle, 0) == 1);
	assert_true(em_sim_section_order(s, below, 1e-7, below->top + 1e-9, 1) == 1);
	assert_true(em_sim_section_order(s, film, 1e-7, middle, 0.4) < 0.05);
	assert_true(em_sim_section_order(s, film, 1e-7, film->top + 1e-9, 0.4) > 0.95);
	assert_true(em_sim_section_order(s, film, 1e-7, film->bottom - 1e-9, 0.4) > 0.95);
	for (double d = 0; d <= 1; d += 0.05) { /* never comes back */
		double order = em_sim_section_order(s, film, 1e-7, middle + 8e-9, d);

		assert_true(order <= last + 1e-12);
		last = order;
	}
	assert_true(last < 0.05);
	em_sim_world_free(w);
}

static void the_beam_meets_what_is_there(void **state)
{
	struct em_sim_world *w = world_default();
	const struct em_sim_section *s = &w->section[0];
	struct em_sim_view v = view_of(EM_SIM_LOSS, 2, 1, 0, 0);
	struct em_sim_met met[EM_SIM_MET];
	double c = cos(s->angle), n = sin(s->angle), down = 0.8e-6 + 1e-7 - s->depth / 2;
	double x = s->at[0] + c * 1e-7 - n * down, y = s->at[1] + n * 1e-7 + c * down, p[2];

	(void)state;
	assert_int_equal(em_sim_world_meet(w, &v, 62.5e-6, 0, 0, met), 1);
	assert_string_equal(met[0].matter->name, "Cu");
	assert_true(met[0].thickness == w->grid.thickness);
	/* in the substrate, over the hole that was made for it; 0.1 um below the interface */
	assert_int_equal(em_sim_world_meet(w, &v, x, y, 0, met), 1);
	assert_string_equal(met[0].matter->name, "SrTiO3");
	em_sim_section_local(s, x, y, p);
	assert_true(fabs(p[0] - 1e-7) < 1e-15 && fabs(p[1] - 0.9e-6) < 1e-15);
	assert_true(fabs(met[0].thickness - (28e-9 + 47e-9 * 0.9 / 4.4)) < 0.06 * 40e-9);
	assert_true(met[0].order == 1 && fabs(atan2(met[0].axes[0][1], met[0].axes[0][0]) - s->angle) < 0.01);
	em_sim_world_free(w);
}

static void structure_factors(void **state)
{
	const struct em_sim_matter *sto = em_sim_matter_find("SrTiO3"), *au = em_sim_matter_find("Au"),
	                           *moo3 = em_sim_matter_find("MoO3");
	double f[2];

	(void)state;
	assert_null(em_sim_matter_find("Unobtainium"));
	assert_null(em_sim_matter_find(NULL));
	em_sim_matter_structure(sto, 1, (double[3]){1, 0, 0}, f); /* Sr - Ti + O - O - O */
	assert_true(fabs(f[0] - (38 - 22 + 8 - 8 - 8) / 84.) < 1e-12 && fabs(f[1]) < 1e-12);
	em_sim_matter_structure(sto, 1, (double[3]){1, 1, 0}, f);
	assert_true(fabs(f[0] - (38 + 22 + 8 - 8 - 8) / 84.) < 1e-12);
	em_sim_matter_structure(au, 1, (double[3]){1, 0, 0}, f);
	assert_true(hypot(f[0], f[1]) < 1e-12); /* body-centred */
	/* fcc down [110]: 111 is (1, 1, 0) here, 0.2355 nm */
	assert_true(fabs(1 / hypot(1 / au->cell[0], 1 / au->cell[1]) - 0.40782e-9 / sqrt(3)) < 1e-14);
	/* Pbnm, written (c, a, b): 0kl needs k even, h0l needs h + l even */
	em_sim_matter_structure(moo3, 1, (double[3]){0, 0, 1}, f);
	assert_true(hypot(f[0], f[1]) < 1e-9);
	em_sim_matter_structure(moo3, 1, (double[3]){0, 1, 0}, f);
	assert_true(hypot(f[0], f[1]) < 1e-9);
	em_sim_matter_structure(moo3, 1, (double[3]){1, 1, 0}, f);
	assert_true(hypot(f[0], f[1]) > 0.05);
}

/* F of 200 and 300 keV electrons is 0.618 and 0.514 (Egerton, Electron Energy-Loss Spectroscopy, appendix E). */
static void paths_are_longer_at_a_higher_voltage(void **state)
{
	const struct em_sim_matter *m = em_sim_matter_find("SrTiO3");
	double want = 0.514 * 300 / (0.618 * 200) * log(2 * 36 * 10.) / log(2 * 36 * 15.);

	(void)state;
	assert_true(fabs(em_sim_matter_lambda(m, 200e3) / m->lambda - 1) < 1e-12);
	assert_true(fabs(em_sim_matter_lambda(m, 300e3) / m->lambda / want - 1) < 2e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_specimen),
	    cmocka_unit_test(files_that_are_none),
	    cmocka_unit_test(the_mesh_is_square),
	    cmocka_unit_test(things_belong_to_their_cells),
	    cmocka_unit_test(axes_are_a_rotation),
	    cmocka_unit_test(layers_keep_their_volume_on_the_substrate),
	    cmocka_unit_test(disorder_begins_in_the_middle_of_the_film),
	    cmocka_unit_test(the_beam_meets_what_is_there),
	    cmocka_unit_test(structure_factors),
	    cmocka_unit_test(paths_are_longer_at_a_higher_voltage),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
