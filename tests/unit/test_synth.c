/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes, instances, micrographs: what is drawn from a seed, and that it is told. */
#include "synth_help.h"

#include "synth/synth.h"

#include <string.h>

static struct em_synth_options some(size_t size)
{
	struct em_synth_options o = {.seed = 5, .height = size, .width = size, .group = 4, .related = 1};

	o.conditions = (struct em_synth_conditions){.contrasts = 15, .dose = {20, 500}, .artefacts = 1};
	for (size_t i = 0; i < EM_SYNTH_KINDS; i++)
		o.weight[i] = 1;
	return o;
}

/* Every family draws something that is not flat (but flat itself), without a pixel that is no number, in every
 * contrast. */
static void test_families(void **state)
{
	struct easel e;

	(void)state;
	set_up(&e, 48, 64);
	for (size_t f = 0; f < EM_SYNTH_FAMILIES; f++)
		for (int k = 0; k < 40; k++) {
			struct em_synth_conditions c = some(1).conditions;
			struct em_synth_session s;
			struct em_synth_texture t;
			struct em_synth_view v;
			double mean, square = 0, n = (double)em_synth_canvas_pixels(&e.c);

			em_synth_session_draw(&s, &c, em_synth_families[f]->contrasts, em_synth_families[f]->domains,
			                      &e.r);
			em_synth_texture_draw(&t, em_synth_families[f], s.pixel_nm, &e.r);
			em_synth_view_draw(&v, &s, &c, &t, &e.r);
			em_synth_clear(&e.c, e.c.image, 0);
			assert_int_equal(em_synth_texture_put(&e.c, &t, &v.pose, s.contrast, &e.r, NULL), 0);
			em_synth_view_form(&e.c, &v);
			mean = sum(&e, e.c.image) / n;
			for (size_t i = 0; i < em_synth_canvas_pixels(&e.c); i++)
				square += ((double)e.c.image[i] - mean) * ((double)e.c.image[i] - mean) / n;
			assert_true(isfinite(mean) && mean > 0.01 && mean < 20);
			if (em_synth_families[f] != &em_synth_flat)
				assert_true(sqrt(square) > 1e-4);
		}
	clear_up(&e);
}

/* A relative differs in one respect, and by enough. */
static void test_change(void **state)
{
	struct em_random r;

	(void)state;
	em_random_seed(&r, 4, 4);
	for (size_t f = 0; f < EM_SYNTH_FAMILIES; f++)
		for (int k = 0; k < 50; k++) {
			struct em_synth_texture a, b;
			size_t changed = 0;

			em_synth_texture_draw(&a, em_synth_families[f], 0.03, &r);
			b = a;
			em_synth_texture_change(&b, 0.03, &r);
			for (size_t i = 0; i < EM_SYNTH_PARAMETERS; i++)
				changed += a.p[i] < b.p[i] || a.p[i] > b.p[i];
			changed += a.level < b.level || a.level > b.level;
			changed += a.angle < b.angle || a.angle > b.angle;
			if (changed != 1)
				fail_msg("%s: %zu things changed", a.family->name, changed);
		}
}

/* Parameters lie in their tables' ranges; lattice constants are possible. */
static void test_ranges(void **state)
{
	struct em_random r;

	(void)state;
	em_random_seed(&r, 4, 5);
	for (size_t f = 0; f < EM_SYNTH_FAMILIES; f++)
		for (int k = 0; k < 200; k++) {
			const struct em_synth_parameter *p = em_synth_families[f]->parameter;
			struct em_synth_texture t;

			em_synth_texture_draw(&t, em_synth_families[f], 0.04, &r);
			for (int i = 0; p[i].name; i++)
				if (p[i].law != EM_SYNTH_CHOICE)
					assert_true((t.p[i] >= p[i].lo && t.p[i] <= p[i].hi) ||
					            (p[i].law == EM_SYNTH_RARE && !(t.p[i] < 0) && !(t.p[i] > 0)));
			if (t.family->columns)
				assert_true(t.p[0] * 0.04 >= 0.19 && t.p[0] * 0.04 <= 1);
		}
}

/* A chip is the same whatever was made before it. */
static void test_order(void **state)
{
	const struct em_synth_options o = some(64);
	struct em_synth_chips one, other;
	struct em_sample a, b;
	struct easel e;

	(void)state;
	set_up(&e, 64, 64);
	assert_int_equal(em_synth_chips_init(&one, &o, &e.frame, NULL), 0);
	assert_int_equal(em_synth_chips_init(&other, &o, &e.frame, NULL), 0);
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(em_synth_chip(&one, i, 3, &a, NULL), 0);
		em_sample_release(&a);
	}
	for (size_t i = 0; i < 40; i += 7) {
		assert_int_equal(em_synth_chip(&one, 39 - i, 1, &a, NULL), 0);
		assert_int_equal(em_synth_chip(&other, 39 - i, 1, &b, NULL), 0);
		assert_string_equal(a.key, b.key);
		assert_int_equal(a.member[0].size, b.member[0].size);
		assert_memory_equal(a.member[0].data, b.member[0].data, a.member[0].size);
		em_sample_release(&b);
		assert_int_equal(em_synth_chip(&other, 39 - i, 2, &b, NULL), 0);
		assert_memory_not_equal(a.member[0].data, b.member[0].data, a.member[0].size);
		em_sample_release(&a);
		em_sample_release(&b);
	}
	em_synth_chips_release(&one);
	em_synth_chips_release(&other);
	clear_up(&e);
}

/* Of two kinds, three to one: so many of each. */
static void test_proportions(void **state)
{
	struct em_synth_options o = some(16);
	struct em_random r;
	size_t lattices = 0, foam = em_synth_kind_find("foam", 4, 0), lattice = em_synth_kind_find("lattice", 7, 0);

	(void)state;
	memset(o.weight, 0, sizeof(o.weight));
	o.weight[lattice] = 3;
	o.weight[foam] = 1;
	em_random_seed(&r, 8, 8);
	for (int i = 0; i < 4000; i++) {
		size_t k = em_synth_kind_draw(&o, EM_SYNTH_FAMILIES, 15, ~0u, &r);

		assert_true(k == lattice || k == foam);
		lattices += k == lattice;
	}
	assert_near((double)lattices, 3000, 5 * sqrt(750));
	for (int i = 0; i < 100; i++) /* of surfaces only foam is seen */
		assert_int_equal(em_synth_kind_draw(&o, EM_SYNTH_FAMILIES, 1u << EM_SYNTH_SEM, ~0u, &r), foam);
	assert_int_equal(em_synth_options_check(&o, EM_SYNTH_FAMILIES, NULL), 0);
	o.weight[foam] = 0;
	o.conditions.contrasts = 1u << EM_SYNTH_SEM;
	assert_int_equal(em_synth_options_check(&o, EM_SYNTH_FAMILIES, NULL), -1);
	assert_int_equal(em_synth_kind_draw(&o, EM_SYNTH_FAMILIES, 1u << EM_SYNTH_SEM, ~0u, &r), EM_SYNTH_KINDS);
}

/* Every kind of micrograph: labels are those named, more than one where there are several; a picture and its truth. */
static void test_micrographs(void **state)
{
	struct easel e;

	(void)state;
	set_up(&e, 160, 200);
	for (size_t kind = 0; kind < EM_SYNTH_KINDS; kind++) {
		struct em_synth_options o = some(160);
		struct em_sample s;
		struct em_array labels, image;
		struct em_json *names, *truth;
		size_t seen[256] = {0}, n = 0;

		o.width = 200;
		memset(o.weight, 0, sizeof(o.weight));
		o.weight[kind] = 1;
		assert_int_equal(em_synth_micrograph(&o, &e.c, 3, &s, NULL), 0);
		assert_int_equal(em_sample_array(&s, "labels", &labels, NULL), 0);
		assert_int_equal(em_sample_image(&s, &image, NULL), 0);
		assert_true(labels.dtype == EM_U8 && labels.shape[0] == 160 && labels.shape[1] == 200);
		assert_true(image.shape[0] == 160 && image.shape[1] == 200 && em_axis_is_calibrated(&image.axis[0]));
		names = em_record_tree(&s.record, "labels");
		truth = em_record_tree(&s.record, "synth");
		assert_string_equal(em_json_string(em_json_get(truth, "kind")), em_synth_kind_name(kind));
		for (size_t i = 0; i < 160 * 200; i++)
			seen[((unsigned char *)labels.data)[i]]++;
		for (size_t i = 0; i < 256; i++) {
			n += seen[i] > 0;
			assert_true(!seen[i] || i < em_json_size(names));
		}
		assert_true(kind < EM_SYNTH_FAMILIES ? n == 1 : n >= 2);
		em_json_free(names);
		em_json_free(truth);
		em_array_release(&labels);
		em_array_release(&image);
		em_sample_release(&s);
	}
	clear_up(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_families), cmocka_unit_test(test_change),      cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_order),    cmocka_unit_test(test_proportions), cmocka_unit_test(test_micrographs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
