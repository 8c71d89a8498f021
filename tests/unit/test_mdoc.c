/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What SerialEM leaves with an MRC: the text beside it, and its own extended header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>
#include <unistd.h>

#include "bytes_help.h"

#include "base/json.h"
#include "io/mdoc.h"

static const char mdoc[] =
	"PixelSpacing = 5.4\r\nVoltage = 300\r\nImageFile = a.mrc\r\n\r\n"
	"[T = SerialEM: Digitized on a Krios  05-Nov-15]\r\n[T =   Tilt axis angle = 85.3, spot = 8]\r\n\r\n"
	"[ZValue = 1]\r\nTiltAngle = -57.5\r\nStagePosition = 0.25 -12.5\r\nStageZ = 31.5\r\n"
	"Magnification = 53000\r\nDefocus = -3.5\r\nExposureTime = 0.8\r\nDateTime = 05-Nov-15  15:21:38\r\n"
	"SubFramePath = D:\\frames\\\xb5.tif\r\n\r\n"
	"[ZValue = 0]\r\nTiltAngle = 12\r\nVoltage = 200\r\nDateTime = yesterday\r\n";

static struct em_blob blob_of(const char *s)
{
	return (struct em_blob){(const unsigned char *)s, strlen(s)};
}

static void expect_double(double found, double want)
{
	if (!(fabs(found - want) <= 1e-9 * (1 + fabs(want))))
		fail_msg("%.9g, not %.9g", found, want);
}

static void each_picture_has_its_section(void **state)
{
	struct em_meta meta;
	struct em_mdoc m;
	double pixel = 0;

	(void)state;
	assert_int_equal(em_mdoc_read(&m, blob_of(mdoc), NULL), 0);
	em_meta_init(&meta);
	em_mdoc_put_meta(&m, 1, &meta, &pixel);
	expect_double(pixel, 0.54);
	expect_double(meta.beam_kev, 300);
	expect_double(meta.a_deg, -57.5);
	expect_double(meta.x_um, 0.25);
	expect_double(meta.y_um, -12.5);
	expect_double(meta.z_um, 31.5);
	expect_double(meta.magnification, 53000);
	expect_double(meta.defocus_nm, -3500);
	expect_double(meta.exposure_s, 0.8);
	assert_string_equal(meta.date, "2015-11-05T15:21:38");
	em_meta_init(&meta);
	em_mdoc_put_meta(&m, 0, &meta, &pixel);
	expect_double(meta.beam_kev, 200); /* the picture's goes before the file's */
	expect_double(meta.a_deg, 12);
	assert_string_equal(meta.date, "yesterday");
	assert_true(isnan(meta.x_um));
	em_meta_init(&meta);
	em_mdoc_put_meta(&m, 2, &meta, &pixel); /* has none */
	expect_double(meta.beam_kev, 300);
	assert_true(isnan(meta.a_deg));
	em_mdoc_release(&m);
}

static void dates(void **state)
{
	static const struct {
		const char *file, *want;
	} cases[] = {
		{"05-Nov-2023  15:21:38", "2023-11-05T15:21:38"}, {"5-Jan-24 01:02:03", "2024-01-05T01:02:03"},
		{"05-anF-15  15:21:38", "05-anF-15  15:21:38"},   {"05-Nov-15  25:21:38", "05-Nov-15  25:21:38"},
		{"2023-11-05 15:21:38", "2023-11-05 15:21:38"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};
		struct em_meta meta;
		struct em_mdoc m;
		double pixel = 0;

		em_text_printf(&t, "DateTime = %s\n", cases[i].file);
		assert_int_equal(em_mdoc_read(&m, blob_of(t.s), NULL), 0);
		em_meta_init(&meta);
		em_mdoc_put_meta(&m, 0, &meta, &pixel);
		assert_string_equal(meta.date, cases[i].want);
		em_mdoc_release(&m);
		em_text_release(&t);
	}
}

/* Read again for each of the pictures, it would take minutes. */
static void a_long_head_of_many_pictures_is_read_once(void **state)
{
	struct em_text t = {0};
	struct em_mdoc m;

	(void)state;
	for (int i = 0; i < 100000; i++)
		em_text_append(&t, "Voltage = 300\n");
	em_text_append(&t, "PixelSpacing = 5\nDateTime = today\n");
	for (int i = 0; i < 30000; i++)
		em_text_printf(&t, "[ZValue = %d]\nTiltAngle = %d\n", i, i % 60);
	assert_int_equal(em_mdoc_read(&m, blob_of(em_text_get(&t)), NULL), 0);
	for (size_t i = 0; i < 30000; i++) {
		struct em_meta meta;
		double pixel = 0;

		em_meta_init(&meta);
		em_mdoc_put_meta(&m, i, &meta, &pixel);
		expect_double(meta.a_deg, (double)(i % 60));
		expect_double(meta.beam_kev, 300);
		expect_double(pixel, 0.5);
		assert_string_equal(meta.date, "today");
	}
	em_mdoc_release(&m);
	em_text_release(&t);
}

static void as_json(void **state)
{
	struct em_text json = {0};
	struct em_mdoc m;

	(void)state;
	assert_int_equal(em_mdoc_read(&m, blob_of(mdoc), NULL), 0);
	em_mdoc_put_json(&m, 0, &json);
	assert_string_equal(em_text_get(&json),
	                    "{\"titles\":[\"SerialEM: Digitized on a Krios  05-Nov-15\","
	                    "\"Tilt axis angle = 85.3, spot = 8\"],"
	                    "\"file\":{\"PixelSpacing\":\"5.4\",\"Voltage\":\"300\",\"ImageFile\":\"a.mrc\"},"
	                    "\"section\":{\"TiltAngle\":\"12\",\"Voltage\":\"200\",\"DateTime\":\"yesterday\"}}");
	em_text_clear(&json);
	em_mdoc_put_json(&m, 1, &json);
	assert_non_null(strstr(em_text_get(&json), "\"D:\\\\frames\\\\\xc2\xb5.tif\""));
	em_mdoc_release(&m);
	em_text_release(&json);
}

/* Cut anywhere and with any byte changed it is still some text. */
static void damaged_texts(void **state)
{

	(void)state;
	for (size_t cut = 0; cut <= strlen(mdoc); cut++) {
		char *exact = malloc(cut ? cut : 1);
		struct em_text json = {0};
		struct em_json *root;
		struct em_meta meta;
		struct em_mdoc m;
		double pixel = 0;

		memcpy(exact, mdoc, cut);
		if (cut)
			exact[cut - 1] = (char)(cut % 2 ? '\0' : '[');
		assert_int_equal(em_mdoc_read(&m, (struct em_blob){(unsigned char *)exact, cut}, NULL), 0);
		em_meta_init(&meta);
		em_mdoc_put_meta(&m, 1, &meta, &pixel);
		em_mdoc_put_json(&m, 1, &json);
		root = em_json_parse(em_text_get(&json), json.len, NULL);
		assert_non_null(root);
		em_json_free(root);
		em_mdoc_release(&m);
		em_text_release(&json);
		free(exact);
	}
}

/* ---- with an MRC ---- */

/* Two pictures of 2 x 1 pixels with SerialEM's records of everything but dose: 18 bytes. */
static void make_seri(struct em_text *t, bool big, const char *sign)
{
	unsigned char b[1024] = {0};
	const uint32_t words[4] = {2, 1, 2, 1};

	for (size_t i = 0; i < 4; i++)
		store(b + 4 * i, words[i], 4, big);
	store(b + 92, 36, 4, big);
	memcpy(b + 104, sign, 4);
	store(b + 128, 18, 2, big);
	store(b + 130, 1 | 2 | 4 | 8 | 16 | 64, 2, big);
	memcpy(b + 208, "MAP ", 4);
	memcpy(b + 212, big ? "\x11\x11" : "DD", 2);
	em_text_clear(t);
	em_text_append_bytes(t, b, sizeof(b));
	for (int i = 0; i < 2; i++) {
		const int16_t record[] = {(int16_t)(-1234 - i), 1, 2, 3, -250, 125, 530, 12500, 99};

		put_numbers(t, record, 9, 2, big);
	}
	em_text_append(t, "8 bytes.");
}

static void serial_em_records(void **state)
{
	static const char *const signs[] = {"SERI", "\0\0\0\0", "AGAR", "CCP4", "MRCO"};
	struct em_text t = {0};

	(void)state;
	for (int big = 0; big < 2; big++)
		for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
			struct em_record meta;
			struct em_array a;
			double v;

			make_seri(&t, big, signs[i]);
			frame_read(&t, 1, &a, &meta);
			if (i < 2) {
				check_number(&meta, "stage.a_deg", -12.35);
				check_number(&meta, "stage.x_um", -10);
				check_number(&meta, "stage.y_um", 5);
				check_number(&meta, "microscope.magnification", 53000);
			} else {
				assert_false(em_record_number(&meta, "stage.a_deg", &v));
			}
			em_record_release(&meta);
			em_array_release(&a);
		}
	em_text_release(&t);
}

/* Bits and size that do not agree are no such record. */
static void others_records(void **state)
{
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;
	double v;

	(void)state;
	make_seri(&t, false, "SERI");
	store((unsigned char *)t.s + 128, 20, 2, false);
	frame_read(&t, 1, &a, &meta);
	assert_false(em_record_number(&meta, "stage.a_deg", &v));
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

static void tags_of_an_mrc(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("mrc");
	char folder[] = P_tmpdir "/test_mdoc_XXXXXX", path[64], beside[64];
	struct em_file file = {.path = path};
	struct em_text t = {0}, json = {0};
	struct em_json *root;
	struct em_array a;
	struct em_meta meta;
	size_t frames;
	void *codec_state;
	FILE *f;
	double v;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.mrc", folder);
	snprintf(beside, sizeof(beside), "%s/a.mrc.mdoc", folder);
	f = fopen(beside, "wb");
	assert_non_null(f);
	fwrite(mdoc, 1, strlen(mdoc), f);
	fclose(f);
	make_seri(&t, false, "SERI");
	file.blob = (struct em_blob){(unsigned char *)t.s, t.len};
	assert_int_equal(codec->open(&file, &codec_state, &frames, NULL), 0);
	em_meta_init(&meta);
	assert_int_equal(codec->read(codec_state, 1, &a, &meta, NULL), 0);
	expect_double(meta.a_deg, -57.5); /* the text goes before the record */
	expect_double(meta.x_um, 0.25);
	check_axis(&a.axis[1], "x", 0.54, 0, "nm");
	em_array_release(&a);
	assert_int_equal(codec->tags(codec_state, 1, &json, NULL), 0);
	root = em_json_parse(em_text_get(&json), json.len, NULL);
	assert_non_null(root);
	assert_string_equal(em_json_string(em_json_find(root, "header.exttyp")), "SERI");
	assert_true(em_json_number(em_json_find(root, "header.nz"), &v) && v > 1.5 && v < 2.5);
	assert_string_equal(em_json_string(em_json_find(root, "mdoc.section.TiltAngle")), "-57.5");
	assert_true(em_json_number(em_json_find(root, "extended.intensity"), &v));
	expect_double(v, 0.5);
	assert_true(em_json_number(em_json_find(root, "extended.tilt_deg"), &v));
	expect_double(v, -12.35);
	assert_int_equal(em_json_size(em_json_find(root, "extended.piece_px")), 3);
	em_json_free(root);
	codec->close(codec_state);
	em_file_release(&file);
	em_text_release(&json);
	em_text_release(&t);
	unlink(beside);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_picture_has_its_section),
		cmocka_unit_test(dates),
		cmocka_unit_test(a_long_head_of_many_pictures_is_read_once),
		cmocka_unit_test(as_json),
		cmocka_unit_test(damaged_texts),
		cmocka_unit_test(serial_em_records),
		cmocka_unit_test(others_records),
		cmocka_unit_test(tags_of_an_mrc),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
