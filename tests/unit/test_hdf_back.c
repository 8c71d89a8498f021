/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of HyperSpy and of Berkeley's EMD that we write are read back as what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "hdf_walk.h"

#include <math.h>

static const char *const formats[] = {"hspy", "emd"};

/* Nobody has to name a writer to find it. */
static const struct em_codec_writer *writer_of(const char *format)
{
	const struct em_codec *codec = em_codec_to_write(format);

	assert_non_null(codec);
	assert_string_equal(codec->name, format);
	return codec->writer;
}

static void read_frame(const struct em_blob *b, size_t frame, size_t frames, struct em_array *a, struct em_meta *meta)
{
	const struct em_codec *codec = em_codec_detect(b->data, b->size);
	struct em_file file = {.blob = *b};
	struct em_error err = {0};
	size_t found = 0;
	void *opened;

	assert_non_null(codec);
	if (codec->open(&file, &opened, &found, &err))
		fail_msg("%s", err.text);
	assert_int_equal(found, frames);
	em_meta_init(meta);
	if (codec->read(opened, frame, a, meta, &err))
		fail_msg("%s", err.text);
	codec->close(opened);
}

static void expect_near(const char *what, double found, double want)
{
	if (!(fabs(found - want) <= 1e-12 * fabs(want)))
		fail_msg("%s is %.17g, not %.17g", what, found, want);
}

static void expect_same_axes(const struct em_array *a, const struct em_array *want)
{
	for (int k = 0; k < want->ndim; k++) {
		assert_string_equal(a->axis[k].name, want->axis[k].name);
		assert_string_equal(a->axis[k].units, want->axis[k].units);
		expect_near("scale", a->axis[k].scale, want->axis[k].scale);
		expect_near("offset", a->axis[k].offset, want->axis[k].offset);
	}
}

/* As the record has it: nine digits. */
static void expect_same_meta(const struct em_meta *m, const struct em_meta *want)
{
	struct em_record found = {0}, wanted = {0};
	struct em_text a = {0}, b = {0};

	assert_int_equal(em_meta_put(m, &found, NULL), 0);
	assert_int_equal(em_meta_put(want, &wanted, NULL), 0);
	em_record_print(&found, &a);
	em_record_print(&wanted, &b);
	assert_string_equal(em_text_get(&a), em_text_get(&b));
	em_text_release(&a);
	em_text_release(&b);
	em_record_release(&found);
	em_record_release(&wanted);
}

static void each_type_comes_back(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++)
		for (int t = 0; t < EM_DTYPES; t++) {
			struct em_array a, want = picture((enum em_dtype)t, 3, 5, 7);
			struct em_meta m, found;
			struct em_blob b;

			em_meta_init(&m);
			em_meta_set_text(m.title, "a picture");
			b = write_file(writer_of(formats[f]), &want, &m, 1);
			read_frame(&b, 0, 1, &a, &found);
			assert_true(same_array(&a, &want));
			expect_same_axes(&a, &want);
			expect_same_meta(&found, &m);
			em_array_release(&a);
			em_array_release(&want);
			em_blob_unmap(&b);
		}
}

static void all_that_is_known_comes_back(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++)
		for (int known = 0; known < 2; known++) {
			struct em_array a, want = calibrated();
			struct em_meta m, found;
			struct em_blob b;

			em_meta_init(&m);
			if (known)
				fill_in(&m);
			/* EMD has no words for it, and a title there is no path. */
			if (f)
				m.scan_x_nm = m.scan_y_nm = (double)NAN;
			b = write_file(writer_of(formats[f]), &want, &m, 1);
			read_frame(&b, 0, 1, &a, &found);
			expect_same_axes(&a, &want);
			if (f && known)
				em_meta_set_text(m.title, "a-b \xc2\xb5");
			expect_same_meta(&found, &m);
			em_array_release(&a);
			em_array_release(&want);
			em_blob_unmap(&b);
		}
}

static void stacks_come_back(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct em_array a, want = calibrated();
		struct em_axis slow, fast;
		struct em_meta m[6], found;
		struct em_blob b;

		em_axis_set(&slow, "", 0.5, 1, "s");
		em_axis_set(&fast, "", 0.25, -1, "nm");
		for (size_t i = 0; i < 6; i++) {
			fill_in(&m[i]);
			m[i].scan_x_nm = m[i].scan_y_nm = (double)NAN;
			em_meta_set_text(m[i].title, "movie");
			em_meta_push_stack(&m[i], i / 3, 2, &slow);
			em_meta_push_stack(&m[i], i % 3, 3, &fast);
		}
		b = write_file(writer_of(formats[f]), &want, m, 6);
		for (size_t i = 0; i < 6; i++) {
			read_frame(&b, i, 6, &a, &found);
			assert_true(same_array(&a, &want));
			expect_same_axes(&a, &want);
			expect_same_meta(&found, &m[i]);
			em_array_release(&a);
		}
		em_array_release(&want);
		em_blob_unmap(&b);
	}
}

/* Spectra of an area become one array. */
static void spectra_come_back(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct em_array a, want = spectrum("eV");
		struct em_axis slow, fast;
		struct em_meta m[6], found;
		struct em_blob b;

		em_axis_set(&slow, "", 0.5, 1, "nm");
		em_axis_set(&fast, "", 0.25, -1, "nm");
		for (size_t i = 0; i < 6; i++) {
			em_meta_init(&m[i]);
			m[i].collection_mrad = 30;
			m[i].exposure_s = 2;
			em_meta_push_stack(&m[i], i / 3, 2, &slow);
			em_meta_push_stack(&m[i], i % 3, 3, &fast);
		}
		b = write_file(writer_of(formats[f]), &want, m, 6);
		read_frame(&b, 0, 1, &a, &found);
		assert_int_equal(a.ndim, 3);
		assert_true(a.shape[0] == 2 && a.shape[1] == 3 && a.shape[2] == 6);
		assert_string_equal(a.axis[0].name, "y");
		assert_string_equal(a.axis[1].name, "x");
		assert_string_equal(a.axis[2].name, "energy");
		expect_near("scale", a.axis[1].scale, 0.25);
		expect_near("scale", a.axis[2].scale, 0.25);
		expect_near("offset", a.axis[2].offset, 100);
		for (size_t i = 0; i < 6; i++)
			assert_memory_equal((char *)a.data + 12 * i, want.data, 12);
		m[0].nstack = 0;
		expect_same_meta(&found, &m[0]);
		em_array_release(&a);
		em_array_release(&want);
		em_blob_unmap(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_comes_back),
		cmocka_unit_test(all_that_is_known_comes_back),
		cmocka_unit_test(stacks_come_back),
		cmocka_unit_test(spectra_come_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf_back", tests, NULL, NULL);
}
