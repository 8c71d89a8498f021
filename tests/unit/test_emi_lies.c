/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMI: what is missing, damaged or says what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "io/emi.h"

#include <math.h>

#include "bytes_help.h"
#include "ser_help.h"
#include "emi_help.h"

static void what_is_missing_is_named(void **state)
{
	struct em_text emi = {0}, ser = {0};
	const char *path;
	struct folder f;

	(void)state;
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "x_1.ser", stem);
	path = put_file(&f, "some.name.emi", &emi);
	open_badly(path, "put some.name_1.ser into the same folder");
	expect_refused(emi.s, emi.len, "by its name");
	make(&ser, &one_image);
	put_file(&f, "some.name_1.ser", &ser);
	ser.len -= 4;
	put_file(&f, "some.name_2.ser", &ser);
	open_badly(path, "EMI: some.name_2.ser: SER: the file is cut");
	put_file(&f, "some.name_2.ser", &emi);
	open_badly(path, "some.name_2.ser: SER: this is no SER file");
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
}

/* A SER is whole without the EMI: one of another kind, a damaged one, another name change nothing. */
static void a_bad_emi_takes_nothing_from_a_ser(void **state)
{
	static const struct {
		const char *emi, *ser, *xml;
	} cases[] = {
		{"x.emi", "x_1.ser", "<ObjectInfo><a></ObjectInfo>"},
		{"x.emi", "x_1.ser", "<ObjectInfo>"},
		{"x.emi", "x_1.ser", "<ObjectInf>"},
		{"x.emi", "x_2.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"y.emi", "x_1.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"x.emi", "x_1000.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"x.emi", "x_.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"x.emi", "x_0.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"x.emi", "x_1.ser.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
		{"x.emi", "x.ser", OBJECT(ENTRY("High tension", "80", "kV"), "")},
	};
	struct em_text emi = {0}, ser = {0};
	struct em_array want = values_of(&one_image, 0);

	(void)state;
	make(&ser, &one_image);
	expect_frames(ser.s, ser.len, &want, 1); /* from standard input nothing is beside it */
	em_array_release(&want);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_array a;
		struct em_meta m;
		struct folder f;
		struct opened o;

		folder_make(&f);
		put_start_of_emi(&emi);
		put_object(&emi, "x_1.ser", cases[i].xml);
		put_file(&f, cases[i].emi, &emi);
		open_well(&o, put_file(&f, cases[i].ser, &ser));
		read_well(&o, 0, &a, &m);
		assert_true(isnan(m.beam_kev));
		em_array_release(&a);
		shut(&o);
		folder_remove(&f);
	}
	em_text_release(&emi);
	em_text_release(&ser);
}

static void open_blob(const struct em_text *t, size_t n, size_t number, const char *part)
{
	struct em_error err = {0};
	struct em_xml *x = NULL;
	unsigned char *copy = malloc(n + 1);
	struct em_emi emi;
	int status;

	memcpy(copy, t->s, n);
	status = em_emi_open(&emi, (struct em_blob){copy, n}, &err);
	if (!status) {
		status = em_emi_describe(&emi, number, &x, &err);
		em_emi_release(&emi);
		if (!status && !x)
			status = em_error_set(&err, EM_ERROR_DATA, "nothing is said");
		em_xml_free(x);
	}
	free(copy);
	assert_int_equal(status, part ? -1 : 0);
	if (part && !strstr(err.text, part))
		fail_msg("%zu bytes: '%s' does not say '%s'", n, err.text, part);
}

static void cut_anywhere_nothing_is_said(void **state)
{
	struct em_text t = {0};
	size_t start, body;

	(void)state;
	put_start_of_emi(&t);
	start = t.len + strlen("x_1.ser") + 14;
	put_object(&t, "x_1.ser", stem);
	body = start + strlen("<ObjectInfo>");
	for (size_t n = 0; n < t.len; n++)
		open_blob(&t, n, 1,
		          n < 8             ? "no EMI"
		          : n < body        ? "describes nothing"
		          : n < t.len - 2   ? "cut within"
		                            : NULL);
	em_text_release(&t);
}

static void descriptions_are_as_they_are_named(void **state)
{
	static const struct {
		const char *name;
		size_t number;
	} cases[] = {
		{"_1.ser", 1}, {"x_1.ser", 1}, {"x_010.ser", 10}, {"x_999.ser", 999}, {"x_1000.ser", 0},
		{"x_99999999999999999999.ser", 0}, {"x_.ser", 0}, {"x1.ser", 0}, {"x_1.SER", 0},
		{"x_2.ser and what stands 60 bytes and more away from one 345678901234567", 0},
	};
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_start_of_emi(&t);
		em_text_append_bytes(&t, "\0\0\0", 3);
		put_object(&t, cases[i].name, "<ObjectInfo/>" OBJECT("", ""));
		open_blob(&t, t.len, cases[i].number ? cases[i].number : 1,
		          cases[i].number ? NULL : "nothing is said");
	}
	put_start_of_emi(&t);
	put_object(&t, "x_1.ser", "<ObjectInfo><a></ObjectInfo>");
	open_blob(&t, t.len, 1, "EMI: what it says of series 1 is damaged, read its SER by itself: XML: line 1");
	for (size_t i = 0; i < 70000; i++)
		em_text_append(&t, "<ObjectInfo></ObjectInfo>");
	open_blob(&t, t.len, 1, "more than 65536 descriptions");
	em_text_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_bad_emi_takes_nothing_from_a_ser),
		cmocka_unit_test(cut_anywhere_nothing_is_said),
		cmocka_unit_test(descriptions_are_as_they_are_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
