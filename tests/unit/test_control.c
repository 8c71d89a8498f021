/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Controls as people write them. */
#include "scope/control.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void values_with_units(void **state)
{
	static const struct {
		const char *text;
		enum em_control which;
		double value;
		bool relative;
	} good[] = {
	    {"stage.x=12.5um", EM_STAGE_X, 12.5e-6, false},
	    {"stage.x=12.5 \u00b5m", EM_STAGE_X, 12.5e-6, false},
	    {"stage.z=-3nm", EM_STAGE_Z, -3e-9, false},
	    {"stage.a=-10deg", EM_STAGE_A, -0.17453292519943295, false},
	    {"stage.b=5mrad", EM_STAGE_B, 5e-3, false},
	    {"mag=50000", EM_MAGNIFICATION, 50000, false},
	    {"mag=50k", EM_MAGNIFICATION, 50000, false},
	    {"mag=50kx", EM_MAGNIFICATION, 50000, false},
	    {"beam.blanked=on", EM_BLANKED, 1, false},
	    {"beam.blanked=false", EM_BLANKED, 0, false},
	    {"mode=stem", EM_MODE, 1, false},
	    {"projection=imaging", EM_PROJECTION, 0, false},
	    {"stage.y+=1um", EM_STAGE_Y, 1e-6, true},
	    {"stage.a-=2deg", EM_STAGE_A, -0.03490658503988659, true},
	    {"energy.offset=-20eV", EM_ENERGY_OFFSET, -20, false},
	    {"defocus=-1.5um", EM_DEFOCUS, -1.5e-6, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		enum em_control c;
		double v;
		bool relative;
		assert_int_equal(em_control_parse(good[i].text, &c, &v, &relative, NULL), 0);
		assert_int_equal(c, good[i].which);
		assert_true(fabs(v - good[i].value) <= 1e-15 * fabs(good[i].value));
		assert_int_equal(relative, good[i].relative);
	}
}

static void what_is_no_value(void **state)
{
	static const char *const bad[] = {
	    "",           "stage.x",       "stage.x=",       "stage.x=12.5",  "stage.x=12.5deg", "stage.q=1um",
	    "stage.x=um", "stage.x=nanum", "stage.x=infum",  "mag=1e308M",    "mag=50um",        "mode=sem",
	    "mode=",      "mode+=1",       "beam.blanked=2", "stage.a=10 um", "stage=1um",       "=1um",
	    "+=1um",      "stage.x=1umx",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		enum em_control c = EM_SPOT_SIZE;
		double v = 7;
		bool relative = true;
		struct em_error err = {0};
		assert_int_equal(em_control_parse(bad[i], &c, &v, &relative, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_true(c == EM_SPOT_SIZE && v == 7 && relative);
	}
}

/* Numbers of every size come back as the same double. */
static void what_is_printed_is_read(void **state)
{
	/* of 1.551614 there is no number of micrometres, and of 1e305 none of picoamperes */
	const double values[] = {
	    0, 1, -1, 12.5e-6, 1.0 / 3, 1e-9 / 7, -123456.789, 3.14159265358979323846 / 7, 1.551614, -1e305, 5e-324};

	(void)state;
	for (int c = 0; c < EM_CONTROLS; c++)
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			const struct em_control_info *info = em_control_info((enum em_control)c);
			bool word = info->dimension >= EM_DIMENSION_SWITCH;
			double v = word ? (double)(i % 2) : values[i], back = -1;
			struct em_text t = {0};
			enum em_control which;
			bool relative;
			em_text_printf(&t, "%s=", info->name);
			em_control_print(&t, (enum em_control)c, v);
			assert_int_equal(em_control_parse(em_text_get(&t), &which, &back, &relative, NULL), 0);
			assert_int_equal(which, c);
			assert_true(back == v);
			em_text_release(&t);
		}
}

static void as_json(void **state)
{
	struct em_controls c = {0};
	struct em_text t = {0};

	(void)state;
	em_controls_set(&c, EM_STAGE_X, 12.5e-6);
	em_controls_set(&c, EM_MAGNIFICATION, 50000);
	em_controls_set(&c, EM_BLANKED, 0);
	em_controls_set(&c, EM_MODE, 1);
	em_controls_put_json(&t, &c);
	assert_string_equal(em_text_get(&t),
	                    "{\"stage.x_um\":12.5,\"mode\":\"stem\",\"mag\":50000,\"beam.blanked\":false}");
	em_text_release(&t);
}

static void what_json_says_is_read(void **state)
{
	static const char other[] = "{\"stage.x_um\":\"12\",\"mode\":\"sem\",\"mag\":null,\"stage.y\":1}";
	struct em_controls c = {0}, back;
	struct em_text t = {0};
	struct em_json *json;

	(void)state;
	for (int i = 0; i < EM_CONTROLS; i++) {
		enum em_dimension d = em_control_info((enum em_control)i)->dimension;
		bool word = d == EM_DIMENSION_SWITCH || d == EM_DIMENSION_CHOICE;

		if (i % 3)
			em_controls_set(&c, (enum em_control)i, word ? 1 : 1.25e-3 * i);
	}
	em_controls_put_json(&t, &c);
	json = em_json_parse(em_text_get(&t), t.len, NULL);
	em_controls_get_json(&back, json);
	for (int i = 0; i < EM_CONTROLS; i++) {
		assert_int_equal(back.known[i], c.known[i]);
		assert_true(!c.known[i] || fabs(back.value[i] - c.value[i]) <= 1e-8 * fabs(c.value[i]));
	}
	em_json_free(json);
	em_text_release(&t);
	json = em_json_parse(other, strlen(other), NULL);
	assert_non_null(json);
	em_controls_get_json(&back, json);
	em_json_free(json);
	for (int i = 0; i < EM_CONTROLS; i++)
		assert_false(back.known[i]);
	em_controls_get_json(&back, NULL);
	assert_false(back.known[EM_STAGE_X]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_with_units),       cmocka_unit_test(what_is_no_value),
	    cmocka_unit_test(what_is_printed_is_read), cmocka_unit_test(as_json),
	    cmocka_unit_test(what_json_says_is_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
