/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of HyperSpy and of Berkeley's EMD that we write: the axes of spectra and stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "hdf_walk.h"

#include <math.h>

/* ---- spectra ---- */

static void only_a_spectrometer_makes_eels(void **state)
{
	static const struct {
		const char *units, *detector;
		double collection;
		const char *type;
	} cases[] = {
		{"eV", "", 30, "EELS"}, {"eV", "EELS CCD", NAN, "EELS"}, {"eV", "", NAN, ""}, {"keV", "", 30, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_array a = spectrum(cases[i].units);
		struct em_meta m;
		struct em_blob b;

		em_meta_init(&m);
		em_meta_set_text(m.detector, cases[i].detector);
		m.collection_mrad = cases[i].collection;
		m.exposure_s = 2;
		b = write_file(&em_hspy_writer, &a, &m, 1);
		expect_text(&b, H "/metadata/Signal", "signal_type", cases[i].type);
		assert_true(get_bool(&b, H "/axis-0", "is_binned") == (cases[i].type[0] != '\0'));
		expect_axis(&b, 0, "energy", 6, 0.25, 100, cases[i].units, false);
		expect_number(&b, cases[i].type[0] ? H "/metadata/Acquisition_instrument/TEM/Detector/EELS"
		                                   : H "/metadata/Acquisition_instrument/TEM/Detector/Camera",
		              "exposure", 2);
		em_blob_unmap(&b);
		em_array_release(&a);
	}
}

static void spectra_of_an_area_are_moved_through(void **state)
{
	struct em_array a = spectrum("eV");
	struct em_axis slow, fast;
	struct em_meta m[6];
	struct em_blob b;
	uint64_t at;

	(void)state;
	em_axis_set(&slow, "", 0.5, 1, "nm");
	em_axis_set(&fast, "", 0.25, -1, "nm");
	for (size_t i = 0; i < 6; i++) {
		em_meta_init(&m[i]);
		em_meta_push_stack(&m[i], i / 3, 2, &slow);
		em_meta_push_stack(&m[i], i % 3, 3, &fast);
	}
	b = write_file(&em_hspy_writer, &a, m, 6);
	expect_axis(&b, 0, "y", 2, 0.5, 1, "nm", true);
	expect_axis(&b, 1, "x", 3, 0.25, -1, "nm", true);
	expect_axis(&b, 2, "energy", 6, 0.25, 100, "eV", false);
	at = get_data(&b, H "/data", 3, (size_t[]){2, 3, 6}, 72);
	for (size_t i = 0; i < 6; i++)
		assert_memory_equal(b.data + at + 12 * i, a.data, 12);
	em_blob_unmap(&b);
	/* Pictures instead: their own axes are y and x already. */
	em_array_release(&a);
	a = calibrated();
	b = write_file(&em_hspy_writer, &a, m, 6);
	expect_axis(&b, 0, "scan_y", 2, 0.5, 1, "nm", true);
	expect_axis(&b, 1, "scan_x", 3, 0.25, -1, "nm", true);
	expect_axis(&b, 3, "x", 3, 0.3, 0, "1/nm", false);
	em_blob_unmap(&b);
	/* The last frame is missing: nobody knows where the others end. */
	b = write_file(&em_hspy_writer, &a, m, 5);
	expect_axis(&b, 0, "t", 5, 1, 0, "", true);
	expect_axis(&b, 1, "y", 2, 0.1, -1, "nm", false);
	em_blob_unmap(&b);
	em_array_release(&a);
}

/* ---- stacks ---- */

static void stack_of_one_dimension_has_its_axis(void **state)
{
	static const struct {
		size_t index[3];
		const char *units, *name;
		double scale, offset;
	} cases[] = {
		{{0, 1, 2}, "s", "t", 0.5, 1},       {{0, 1, 2}, "nm", "z", 0.5, 1}, {{10, 12, 14}, "s", "t", 1, 6},
		{{0, 1, 3}, "s", "t", 1, 0},         {{2, 1, 0}, "s", "t", 1, 0},    {{0, 0, 0}, "s", "t", 1, 0},
	};
	struct em_array a = calibrated();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool regular = i < 3;
		struct em_axis axis;
		struct em_meta m[3];
		struct em_blob b;

		em_axis_set(&axis, "", 0.5, 1, cases[i].units);
		for (size_t k = 0; k < 3; k++) {
			em_meta_init(&m[k]);
			em_meta_push_stack(&m[k], cases[i].index[k], 100, &axis);
		}
		b = write_file(&em_hspy_writer, &a, m, 3);
		expect_axis(&b, 0, cases[i].name, 3, cases[i].scale, cases[i].offset, regular ? cases[i].units : "",
		            true);
		em_blob_unmap(&b);
		/* One frame is a picture, not a stack. */
		b = write_file(&em_hspy_writer, &a, m, 1);
		expect_axis(&b, 0, "y", 2, 0.1, -1, "nm", false);
		get_data(&b, H "/data", 2, (size_t[]){2, 3}, 24);
		em_blob_unmap(&b);
	}
	em_array_release(&a);
}

static void places_that_make_no_sense_are_counted_instead(void **state)
{
	struct em_array a = calibrated();
	struct em_meta m[2];
	struct em_axis axis;
	struct em_blob b;

	(void)state;
	em_axis_set(&axis, "", 0.5, 1, "s");
	for (int nstack = 0; nstack <= EM_MAX_NDIM; nstack++) {
		for (size_t i = 0; i < 2; i++) {
			em_meta_init(&m[i]);
			for (int k = 0; k < nstack; k++)
				em_meta_push_stack(&m[i], k == nstack - 1 ? i : 0, k == nstack - 1 ? 2 : 1, &axis);
		}
		b = write_file(&em_hspy_writer, &a, m, 2);
		if (nstack < 1 || nstack > EM_MAX_NDIM - 2)
			expect_axis(&b, 0, "t", 2, 1, 0, "", true);
		else
			expect_axis(&b, nstack - 1, nstack > 1 ? "scan_x" : "t", 2, 0.5, 1, "s", true);
		em_blob_unmap(&b);
	}
	/* Sizes of 0, and of more than there can be. */
	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < 2; i++) {
			em_meta_init(&m[i]);
			em_meta_push_stack(&m[i], 0, s ? SIZE_MAX : 0, &axis);
			em_meta_push_stack(&m[i], i, s ? SIZE_MAX : 0, &axis);
		}
		b = write_file(&em_hspy_writer, &a, m, 2);
		expect_axis(&b, 0, "t", 2, 1, 0, "", true);
		em_blob_unmap(&b);
	}
	em_array_release(&a);
}

static void single_coordinate_has_a_second(void **state)
{
	struct em_array a = picture(EM_U8, 1, 3, 1);
	struct em_meta m;
	struct em_blob b;
	uint64_t at;

	(void)state;
	em_meta_init(&m);
	em_axis_set(&a.axis[0], "y", 0.5, 7, "eV");
	b = write_file(&em_emd_writer, &a, &m, 1);
	at = get_data(&b, E "/dim1", 1, (size_t[]){2}, 16);
	assert_true(fabs(em_bytes_f64(b.data + at, false) - 7) <= 0);
	assert_true(fabs(em_bytes_f64(b.data + at + 8, false) - 7.5) <= 0);
	expect_text(&b, E "/dim1", "units", "[eV]");
	em_blob_unmap(&b);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_spectrometer_makes_eels),
		cmocka_unit_test(spectra_of_an_area_are_moved_through),
		cmocka_unit_test(stack_of_one_dimension_has_its_axis),
		cmocka_unit_test(places_that_make_no_sense_are_counted_instead),
		cmocka_unit_test(single_coordinate_has_a_second),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf_stack", tests, NULL, NULL);
}
