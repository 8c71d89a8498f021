/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What EMD of Berkeley and HSPY say beyond their pixels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emd_help.h"

/* ---- Berkeley ---- */

static uint64_t put_dim(struct em_text *file, const char *name, const char *units, double first, double step)
{
	struct em_text attributes = {0};

	put_text_attribute(&attributes, "name", name);
	put_text_attribute(&attributes, "units", units);
	return put_f64_dataset(file, (double[]){first, first + step}, 2, &attributes);
}

static struct em_text make_berkeley_of(const size_t *shape, const char *const *names, const char *const *units)
{
	struct em_text file = begin_file(), group = {0}, root = {0}, microscope = {0};

	put_number_attribute(&group, "emd_group_type", 1);
	put_link(&group, "data", put_u16(&file, 3, shape, shape[0] * shape[1] * shape[2]));
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "dim%d", i + 1);
		put_link(&group, name, put_dim(&file, names[i], units[i], i, 0.5));
	}
	put_number_attribute(&microscope, "high tension", 300000);
	put_number_attribute(&microscope, "camera length", 0.085);
	put_number_attribute(&microscope, "convergence angle", 0.025);
	put_text_attribute(&microscope, "name", "TEAM 0.5");
	put_link(&root, "microscope", put_object(&file, &microscope));
	put_link(&root, "STO", put_object(&file, &group));
	finish_file(&file, &root);
	return file;
}

/* 2 x 3 x 4, with these names. */
static struct em_text make_berkeley(const char *const *names, const char *const *units)
{
	return make_berkeley_of((size_t[]){2, 3, 4}, names, units);
}

static void berkeley_stack(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"t", "Y", "X"}, (const char *[]){"s", "n_m", "[n_m]"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 1, &a, &meta);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(((uint16_t *)a.data)[i], 12 + i);
	check_axis(&a.axis[0], "y", 0.5, 1, "nm");
	check_axis(&a.axis[1], "x", 0.5, 2, "nm");
	check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":0.5,\"offset\":0,\"units\":\"s\"}]");
	check_json(&meta, "microscope",
	           "{\"instrument\":\"TEAM 0.5\",\"beam_kev\":300,\"camera_length_mm\":85}");
	check_number(&meta, "acquisition.convergence_mrad", 25);
	check_place(&file, 1, "0/1 1/2 STO");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* x before y, and a detector's angle behind them: the picture is turned, the angle makes the stack. */
static void berkeley_simulation(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"R_x", "R_y", "angle"},
	                                    (const char *[]){"[\xc3\x85]", "[\xc3\x85]", "[mrad]"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 3, &a, &meta);
	assert_int_equal(a.shape[0], 3);
	assert_int_equal(a.shape[1], 2);
	for (size_t y = 0; y < 3; y++)
		for (size_t x = 0; x < 2; x++)
			assert_int_equal(((uint16_t *)a.data)[y * 2 + x], (x * 3 + y) * 4 + 3);
	check_axis(&a.axis[0], "y", 0.05, 0.1, "nm");
	check_axis(&a.axis[1], "x", 0.05, 0, "nm");
	check_json(&meta, "stack", "[{\"index\":3,\"size\":4,\"scale\":0.5,\"offset\":2,\"units\":\"mrad\"}]");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* The step of a spectrum whose energies are all stored, as float32 rounds them or not. */
static struct em_text make_energies(const double *v, size_t n, bool single, const char *name)
{
	struct em_text file = begin_file(), group = {0}, root = {0}, bytes = {0};
	struct em_text type = make_type((struct kind){1, true, false, single ? 4 : 8});
	struct em_text dim = begin_dataset(&type, 1, &n);

	put_text_attribute(&dim, "name", name);
	put_text_attribute(&dim, "units", "eV");
	for (size_t i = 0; i < n; i++) {
		float f = (float)v[i];

		put_numbers(&bytes, single ? (const void *)&f : (const void *)&v[i], 1, single ? 4 : 8, false);
	}
	put_number_attribute(&group, "emd_group_type", 1);
	put_link(&group, "data", put_u16(&file, 1, &n, n));
	put_link(&group, "dim1", put_dataset(&file, &dim, bytes.s, bytes.len));
	put_link(&root, "s", put_object(&file, &group));
	finish_file(&file, &root);
	em_text_release(&bytes);
	return file;
}

static void check_energies(const double *v, size_t n, bool single, const char *name, double scale, double offset)
{
	struct em_text file = make_energies(v, n, single, name);
	struct em_record meta;
	struct em_array a;

	frame_read(&file, 0, &a, &meta);
	check_axis(&a.axis[0], "energy", scale, offset, scale < 1 ? "eV" : "");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void berkeley_coordinates(void **state)
{
	double v[2048];

	(void)state;
	/* The first two, rounded to float32, would say 0.0098. */
	for (size_t i = 0; i < 2048; i++)
		v[i] = 10000 + 0.01 * (double)i;
	check_energies(v, 2048, true, "energy", (double)((float)v[2047] - 10000) / 2047, 10000);
	check_energies(v, 2048, false, "energy", 0.01, 10000);
	/* One is not where it should be: what float32 forgives is wrong in float64. */
	v[1000] += 0.0015;
	check_energies(v, 2048, true, "E", (double)((float)v[2047] - 10000) / 2047, 10000);
	v[1000] -= 0.003;
	check_energies(v, 2048, false, "E", 1, 0);
	v[1000] = NAN;
	check_energies(v, 2048, false, "E", 1, 0);
	for (size_t i = 0; i < 2048; i++)
		v[i] = exp((double)i / 300);
	check_energies(v, 2048, false, "E", 1, 0);
}

/* Once a stack of no pictures at all. */
static void berkeley_of_nothing(void **state)
{
	static const size_t shapes[][3] = {{0, 3, 4}, {2, 0, 4}, {2, 3, 0}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_text file = make_berkeley_of(shapes[i], (const char *[]){"x", "y", "angle"},
		                                       (const char *[]){"nm", "nm", "mrad"});

		expect_refused(file.s, file.len, "there is nothing in it");
		em_text_release(&file);
	}
}

static void berkeley_spectra(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"energy", "y", "x"},
	                                    (const char *[]){"eV", "1/nm", "nm^-1"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	assert_int_equal(a.shape[2], 2);
	for (size_t i = 0; i < 12; i++)
		for (size_t e = 0; e < 2; e++)
			assert_int_equal(((uint16_t *)a.data)[i * 2 + e], e * 12 + i);
	check_axis(&a.axis[0], "y", 0.5, 1, "1/nm");
	check_axis(&a.axis[1], "x", 0.5, 2, "1/nm");
	check_axis(&a.axis[2], "energy", 0.5, 0, "eV");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* ---- HyperSpy ---- */

static uint64_t put_axis(struct em_text *file, const char *units, bool navigate)
{
	struct em_text group = {0};

	put_number_attribute(&group, "scale", 0.25);
	put_number_attribute(&group, "offset", 3);
	put_number_attribute(&group, "navigate", navigate);
	put_text_attribute(&group, "name", "_None_");
	put_text_attribute(&group, "units", units);
	return put_object(file, &group);
}

static uint64_t put_metadata(struct em_text *file)
{
	struct em_text stage = {0}, instrument = {0}, general = {0}, all = {0};

	put_group_mark(&stage);
	put_group_mark(&general);
	put_number_attribute(&stage, "tilt_alpha", 10);
	put_number_attribute(&stage, "x", 0.5);
	put_number_attribute(&instrument, "beam_energy", 200);
	put_number_attribute(&instrument, "camera_length", 100);
	put_text_attribute(&instrument, "microscope", "Titan");
	put_link(&instrument, "Stage", put_object(file, &stage));
	put_text_attribute(&general, "title", "\"ferrite\"");
	put_text_attribute(&general, "date", "2016-02-22");
	put_text_attribute(&general, "time", "18:50:02");
	put_link(&all, "General", put_object(file, &general));
	put_link(&all, "Acquisition_instrument", put_parent(file, "TEM", put_object(file, &instrument)));
	return put_object(file, &all);
}

/* 2 x 3, the last dimension or both of the signal. */
static struct em_text make_hspy(const char *units, bool spectra)
{
	struct em_text file = begin_file(), group = {0}, root = {0};

	put_link(&group, "data", put_u16(&file, 2, (size_t[]){2, 3}, 6));
	put_link(&group, "axis-0", put_axis(&file, units, spectra));
	put_link(&group, "axis-1", put_axis(&file, units, false));
	put_link(&group, "metadata", put_metadata(&file));
	put_link(&root, "Experiments", put_parent(&file, "x", put_object(&file, &group)));
	finish_file(&file, &root);
	return file;
}

static void hspy_image(void **state)
{
	struct em_text file = make_hspy("\xc2\xb5m", false);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	check_axis(&a.axis[0], "y", 250, 3000, "nm");
	check_axis(&a.axis[1], "x", 250, 3000, "nm");
	check_json(&meta, "stage", "{\"x_um\":500,\"a_deg\":10}");
	check_json(&meta, "microscope", "{\"instrument\":\"Titan\",\"beam_kev\":200,\"camera_length_mm\":100}");
	check_json(&meta, "acquisition", "{\"date\":\"2016-02-22T18:50:02\"}");
	check_place(&file, 0, "0/1 0/1 \"ferrite\"");
	check_tags(&file, "{\"metadata\":{\"General\":{\"title\":\"\\\"ferrite\\\"\",\"date\":\"2016-02-22\","
	                  "\"time\":\"18:50:02\"},\"Acquisition_instrument\":{\"TEM\":{\"beam_energy\":200,"
	                  "\"camera_length\":100,\"microscope\":\"Titan\",\"Stage\":{\"tilt_alpha\":10,\"x\":0.5}}}}}");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void hspy_spectra(void **state)
{
	struct em_text file = make_hspy("eV", true);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 2);
	check_axis(&a.axis[1], "energy", 0.25, 3, "eV");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* Cut anywhere, and any byte changed: the metadata are read as well. */
static void damaged_files(void **state)
{
	struct em_text files[] = {
		make_hspy("eV", true), make_berkeley((const char *[]){"a", "b", "c"}, (const char *[]){"", "", ""})};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(cut_everywhere(files[i].s, files[i].len), files[i].len);
		flip_everywhere(files[i].s, files[i].len);
		em_text_release(&files[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(berkeley_stack),
		cmocka_unit_test(berkeley_simulation),
		cmocka_unit_test(berkeley_coordinates),
		cmocka_unit_test(berkeley_of_nothing),
		cmocka_unit_test(berkeley_spectra),
		cmocka_unit_test(hspy_image),
		cmocka_unit_test(hspy_spectra),
		cmocka_unit_test(damaged_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emd", tests, NULL, NULL);
}
