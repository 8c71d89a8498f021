/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of HyperSpy and of Berkeley's EMD that we write: what is known of the frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "hdf_walk.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- what is known ---- */

static void hspy_metadata_is_where_hyperspy_has_it(void **state)
{
	const char *tem = "Experiments/a-b \xc2\xb5/metadata/Acquisition_instrument/TEM";
	const char *stage = "Experiments/a-b \xc2\xb5/metadata/Acquisition_instrument/TEM/Stage";
	const char *general = "Experiments/a-b \xc2\xb5/metadata/General";
	const char *ours = "Experiments/a-b \xc2\xb5/original_metadata/emfilters/microscope";
	struct em_array a = calibrated();
	struct em_meta m;
	struct em_blob b;

	(void)state;
	fill_in(&m);
	b = write_file(&em_hspy_writer, &a, &m, 1);
	expect_text(&b, "", "file_format", "HyperSpy");
	expect_text(&b, "", "file_format_version", "3.1");
	expect_text(&b, general, "title", "a/b \xc2\xb5");
	expect_text(&b, general, "date", "2016-02-22");
	expect_text(&b, general, "time", "18:50:02");
	expect_text(&b, general, "time_zone", "UTC");
	expect_text(&b, "Experiments/a-b \xc2\xb5/metadata/Signal", "signal_type", "");
	expect_text(&b, tem, "microscope", "Titan");
	expect_text(&b, tem, "acquisition_mode", "STEM");
	expect_number(&b, tem, "beam_energy", 300);
	expect_number(&b, tem, "beam_current", 0.05);
	expect_number(&b, tem, "magnification", 1e6);
	expect_number(&b, tem, "camera_length", 115);
	expect_number(&b, tem, "convergence_angle", 21.5);
	expect_number(&b, tem, "dwell_time", 1e-6);
	expect_number(&b, stage, "x", 0.0125);
	expect_number(&b, stage, "y", -0.003);
	expect_number(&b, stage, "z", 0.1);
	expect_number(&b, stage, "tilt_alpha", 30);
	expect_number(&b, stage, "tilt_beta", -2);
	expect_text(&b, "Experiments/a-b \xc2\xb5/metadata/Acquisition_instrument/TEM/Detector", "detector_type",
	            "HAADF");
	expect_number(&b, "Experiments/a-b \xc2\xb5/metadata/Acquisition_instrument/TEM/Detector/Camera", "exposure",
	              0.5);
	expect_text(&b, ours, "holder", "Double Tilt");
	expect_number(&b, ours, "defocus_nm", -20);
	expect_number(&b, "Experiments/a-b \xc2\xb5/original_metadata/emfilters/scan", "y_nm", 2);
	em_blob_unmap(&b);
	em_array_release(&a);
}

static void what_is_not_known_is_not_written(void **state)
{
	struct em_array a = picture(EM_U8, 2, 3, 1);
	struct em_meta m;
	struct em_blob b;

	(void)state;
	em_meta_init(&m);
	b = write_file(&em_hspy_writer, &a, &m, 1);
	expect_text(&b, H "/metadata/General", "title", "");
	assert_false(has_attribute(&b, H "/metadata/General", "date"));
	assert_int_equal(find_object(&b, H "/metadata/Acquisition_instrument"), 0);
	assert_true(find_object(&b, H "/original_metadata/emfilters") != 0);
	assert_int_equal(find_object(&b, H "/original_metadata/emfilters/stage"), 0);
	expect_axis(&b, 0, "y", 2, 1, 0, "", false);
	em_blob_unmap(&b);
	b = write_file(&em_emd_writer, &a, &m, 1);
	assert_true(find_object(&b, "microscope") != 0);
	assert_false(has_attribute(&b, "microscope", "high tension"));
	assert_int_equal(find_object(&b, "stage"), 0);
	expect_text(&b, E "/dim1", "units", "");
	em_blob_unmap(&b);
	em_array_release(&a);
}

static void dates_are_taken_apart_where_they_are_iso(void **state)
{
	static const struct {
		const char *text, *date, *time, *zone;
	} cases[] = {
		{"2016-02-22T18:50:02Z", "2016-02-22", "18:50:02", "UTC"},
		{"2016-02-22T18:50:02", "2016-02-22", "18:50:02", NULL},
		{"2016-02-22T18:50:02+01:00", "2016-02-22", "18:50:02", "+01:00"},
		{"2016-02-22", "2016-02-22", NULL, NULL},
		{"22-02-2016T18:50:02", NULL, NULL, NULL},
		{"Monday", NULL, NULL, NULL},
	};
	struct em_array a = picture(EM_U8, 2, 3, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *names[] = {"date", "time", "time_zone"};
		const char *want[] = {cases[i].date, cases[i].time, cases[i].zone};
		struct em_blob b;
		struct em_meta m;

		em_meta_init(&m);
		em_meta_set_text(m.date, cases[i].text);
		b = write_file(&em_hspy_writer, &a, &m, 1);
		for (size_t k = 0; k < 3; k++)
			if (want[k])
				expect_text(&b, H "/metadata/General", names[k], want[k]);
			else
				assert_false(has_attribute(&b, H "/metadata/General", names[k]));
		expect_text(&b, H "/original_metadata/emfilters/acquisition", "date", cases[i].text);
		em_blob_unmap(&b);
	}
	em_array_release(&a);
}

static void emd_metadata_is_where_ncempy_has_it(void **state)
{
	struct em_array a = calibrated();
	struct em_meta m;
	struct em_blob b;
	uint64_t at;

	(void)state;
	fill_in(&m);
	b = write_file(&em_emd_writer, &a, &m, 1);
	expect_number(&b, "", "version_major", 0);
	expect_number(&b, "", "version_minor", 2);
	expect_number(&b, "data/a-b \xc2\xb5", "emd_group_type", 1);
	expect_text(&b, "microscope", "name", "Titan");
	expect_number(&b, "microscope", "high tension", 300e3);
	expect_number(&b, "microscope", "camera length", 0.115);
	expect_number(&b, "microscope", "convergence angle", 0.0215);
	expect_number(&b, "microscope", "defocus", -20e-9);
	expect_number(&b, "microscope", "dwell time", 1e-6);
	expect_number(&b, "microscope", "exposure time", 0.5);
	expect_number(&b, "microscope", "Stage Z [um]", 100);
	expect_number(&b, "microscope", "Stage A [deg]", 30);
	expect_text(&b, "stage", "type", "Double Tilt");
	assert_true(find_object(&b, "user") && find_object(&b, "sample") && find_object(&b, "comments"));
	expect_text(&b, "data/a-b \xc2\xb5/dim1", "name", "y");
	expect_text(&b, "data/a-b \xc2\xb5/dim1", "units", "[n_m]");
	expect_text(&b, "data/a-b \xc2\xb5/dim2", "units", "[n_m^-1]");
	at = get_data(&b, "data/a-b \xc2\xb5/dim2", 1, (size_t[]){3}, 24);
	for (size_t i = 0; i < 3; i++)
		assert_true(fabs(em_bytes_f64(b.data + at + 8 * i, false) - 0.3 * (double)i) <= 1e-15);
	at = get_data(&b, "data/a-b \xc2\xb5/data", 2, (size_t[]){2, 3}, 24);
	assert_memory_equal(b.data + at, a.data, 24);
	em_blob_unmap(&b);
	em_array_release(&a);
}

static void frames_share_what_all_of_them_say(void **state)
{
	struct em_array a = calibrated();
	struct em_meta m[3];
	struct em_blob b;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fill_in(&m[i]);
		snprintf(m[i].title, sizeof(m[i].title), "image %zu", i);
		snprintf(m[i].date, sizeof(m[i].date), "2016-02-22T18:50:0%zuZ", i);
		m[i].a_deg += (double)i;
	}
	em_meta_set_text(m[2].detector, "BF");
	m[2].x_um = (double)NAN;
	b = write_file(&em_hspy_writer, &a, m, 3);
	expect_text(&b, H "/metadata/General", "title", "");
	expect_text(&b, H "/metadata/General", "time", "18:50:00");
	assert_false(has_attribute(&b, H "/metadata/Acquisition_instrument/TEM/Stage", "tilt_alpha"));
	assert_false(has_attribute(&b, H "/metadata/Acquisition_instrument/TEM/Stage", "x"));
	expect_number(&b, H "/metadata/Acquisition_instrument/TEM/Stage", "tilt_beta", -2);
	assert_false(has_attribute(&b, H "/metadata/Acquisition_instrument/TEM/Detector", "detector_type"));
	expect_text(&b, H "/metadata/Acquisition_instrument/TEM", "microscope", "Titan");
	em_blob_unmap(&b);
	em_array_release(&a);
}

/* ---- what cannot be ---- */

static void too_many_dimensions_are_refused(void **state)
{
	size_t shape[EM_MAX_NDIM] = {1, 1, 1, 1, 1, 1, 1, 2};
	char path[] = P_tmpdir "/test_hdf_XXXXXX";
	struct em_error err = {0};
	struct em_array a;
	struct em_meta m;
	void *writer;

	(void)state;
	em_meta_init(&m);
	assert_int_equal(em_array_alloc(&a, EM_U8, EM_MAX_NDIM, shape, NULL), 0);
	make_empty(path);
	assert_int_equal(em_hspy_writer.begin(path, &a, &m, &writer, &err), 0);
	assert_int_equal(em_hspy_writer.add(writer, &a, &m, &err), 0);
	assert_int_equal(em_hspy_writer.add(writer, &a, &m, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_hspy_writer.abandon(writer);
	em_array_release(&a);
	shape[0] = 0;
	assert_int_equal(em_array_alloc(&a, EM_U8, 1, shape, NULL), 0);
	assert_int_equal(em_emd_writer.begin(path, &a, &m, &writer, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	unlink(path);
	em_array_release(&a);
}

static void full_disk_is_told(void **state)
{
	const struct em_codec_writer *writers[] = {&em_hspy_writer, &em_emd_writer};
	struct em_array a = picture(EM_F64, 40, 50, 1);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, limit;
	struct em_meta m;

	(void)state;
	fill_in(&m);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (size_t i = 0; i < 2; i++) {
		struct em_blob b = write_file(writers[i], &a, &m, 1);
		char path[] = P_tmpdir "/test_hdf_XXXXXX";
		size_t size = b.size;

		em_blob_unmap(&b);
		make_empty(path);
		for (size_t room = 0; room < size; room += room + 500 < size ? 500 : 1) {
			struct em_error err = {0};
			void *writer = NULL;
			int status;

			limit = old;
			limit.rlim_cur = (rlim_t)room;
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
			status = writers[i]->begin(path, &a, &m, &writer, &err);
			if (!status && writers[i]->add(writer, &a, &m, &err)) {
				writers[i]->abandon(writer);
				status = -1;
			} else if (!status) {
				status = writers[i]->finish(writer, &err);
			}
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
			assert_int_equal(status, -1);
			assert_int_equal(err.kind, EM_ERROR_IO);
		}
		unlink(path);
	}
	signal(SIGXFSZ, before);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hspy_metadata_is_where_hyperspy_has_it),
		cmocka_unit_test(what_is_not_known_is_not_written),
		cmocka_unit_test(dates_are_taken_apart_where_they_are_iso),
		cmocka_unit_test(emd_metadata_is_where_ncempy_has_it),
		cmocka_unit_test(frames_share_what_all_of_them_say),
		cmocka_unit_test(too_many_dimensions_are_refused),
		cmocka_unit_test(full_disk_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf_frames", tests, NULL, NULL);
}
