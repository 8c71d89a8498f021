/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merlin detectors: every type, raw words, the scan, and what is cut or lies. */
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

struct kind {
	const char *type, *layout;
	unsigned chips, width, height; /* as the header says */
	const char *rest;              /* behind the word of the layout */
};

#define REST "01,2020-05-18 16:51:49.971626,0.000555,0,0,0,1.2E+2,MQ1A,2020-05-18T16:51:49.971626123Z,555000ns,"

static void put_frame_header(struct em_text *t, const struct kind *k, unsigned number)
{
	size_t begin = t->len;

	em_text_printf(t, "MQ1,%06u,00384,%02u,%04u,%04u,%s,%6s,%s", number, k->chips, k->width, k->height, k->type,
	               k->layout, k->rest);
	while (t->len < begin + 384)
		em_text_append_bytes(t, "", 1);
}

/* Rows in the file from the last of the picture to the first. */
static void put_picture(struct em_text *t, const struct em_array *a)
{
	size_t item = em_dtype_size(a->dtype);

	for (size_t y = a->shape[0]; y-- > 0;)
		put_numbers(t, (char *)a->data + y * a->shape[1] * item, a->shape[1], item, true);
}

static void each_type(void **state)
{
	static const struct {
		const char *name;
		enum em_dtype dtype;
	} types[] = {{"U08", EM_U8}, {"U16", EM_U16}, {"U32", EM_U32}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct kind k = {types[i].name, "1x1", 1, 5, 3, REST "6,"};
		struct em_array want[2] = {picture(types[i].dtype, 3, 5, 1), picture(types[i].dtype, 3, 5, 2)};
		struct em_text t = {0};

		for (unsigned n = 0; n < 2; n++) {
			put_frame_header(&t, &k, n + 1);
			put_picture(&t, &want[n]);
		}
		expect_frames(t.s, t.len, want, 2);
		em_text_release(&t);
		em_array_release(&want[0]);
		em_array_release(&want[1]);
	}
}

/* A raw row: pixels of `bits` each, 64 bits a word, the first in the lowest bits. */
static void put_raw_row(struct em_text *t, const unsigned *v, size_t n, unsigned bits)
{
	for (size_t x = 0; x < n; x += 64 / bits) {
		uint64_t word = 0;

		for (size_t i = 0; i < 64 / bits; i++)
			word |= (uint64_t)v[x + i] << i * bits;
		put(t, word, 8, true);
	}
}

static void raw_words(void **state)
{
	static const struct {
		unsigned bits;
		const char *rest;
	} cases[] = {{1, REST "1"}, {8, REST "6"}, {16, REST "12\n"}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct kind k = {"R64", "1x1", 1, 128, 2, cases[i].rest};
		struct em_array want = picture(cases[i].bits == 16 ? EM_U16 : EM_U8, 2, 128, 0);
		struct em_text t = {0};
		unsigned row[128];

		put_frame_header(&t, &k, 1);
		for (unsigned y = 0; y < 2; y++) {
			for (unsigned x = 0; x < 128; x++) {
				size_t at = (1 - y) * 128 + x;

				row[x] = (x * 37 + y * 11 + x * x) & ((1u << cases[i].bits) - 1);
				if (want.dtype == EM_U16)
					((uint16_t *)want.data)[at] = (uint16_t)row[x];
				else
					((uint8_t *)want.data)[at] = (uint8_t)row[x];
			}
			put_raw_row(&t, row, 128, cases[i].bits);
		}
		expect_frames(t.s, t.len, &want, 1);
		em_text_release(&t);
		em_array_release(&want);
	}
}

/* Chips of 16 x 16 pixels: each pixel of the picture must come from where the four chips' rows have it. */
static void raw_quad(void **state)
{
	struct kind k = {"R64", "2x2", 4, 64, 16, REST "12"};
	struct em_array want = picture(EM_U16, 32, 32, 5);
	const uint16_t *v = want.data;
	struct em_text t = {0};

	(void)state;
	put_frame_header(&t, &k, 1);
	for (unsigned y = 0; y < 16; y++) {
		unsigned row[64];

		/* The picture upside down: upper left is its lower left. */
		for (unsigned x = 0; x < 16; x++) {
			row[x] = v[y * 32 + 31 - x];             /* lower right, turned */
			row[16 + x] = v[y * 32 + 15 - x];        /* lower left, turned */
			row[32 + x] = v[(31 - y) * 32 + 16 + x]; /* upper right */
			row[48 + x] = v[(31 - y) * 32 + x];      /* upper left */
		}
		put_raw_row(&t, row, 64, 16);
	}
	expect_frames(t.s, t.len, &want, 1);
	em_text_release(&t);
	em_array_release(&want);
}

static void what_a_header_says(void **state)
{
	struct kind k = {"U08", "1x1", 1, 1, 1, REST "6"};
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	put_frame_header(&t, &k, 1);
	em_text_append(&t, "a");
	frame_read(&t, 0, &a, &meta);
	check_number(&meta, "acquisition.exposure_s", 0.000555);
	check_text(&meta, "acquisition.date", "2020-05-18T16:51:49.971626123Z");
	check_text(&meta, "acquisition.detector", "Merlin");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_clear(&t);
	k.rest = "01,2020-05-18 16:51:49.971626,0.25,0,0,0,1.2E+2"; /* an older header */
	put_frame_header(&t, &k, 1);
	em_text_append(&t, "a");
	frame_read(&t, 0, &a, &meta);
	check_number(&meta, "acquisition.exposure_s", 0.25);
	check_text(&meta, "acquisition.date", "2020-05-18T16:51:49.971626");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

/* ---- the text beside it ---- */

struct beside {
	char folder[64], path[96], hdr[96];
	struct em_text file;
	struct em_file open;
};

/* Six frames of a pixel, and this text. */
static void begin_beside(struct beside *b, const char *text)
{
	struct kind k = {"U08", "1x1", 1, 1, 1, REST "6"};
	FILE *f;

	memset(b, 0, sizeof(*b));
	snprintf(b->folder, sizeof(b->folder), "%s/test_mib_XXXXXX", P_tmpdir);
	assert_non_null(mkdtemp(b->folder));
	snprintf(b->path, sizeof(b->path), "%s/a.b.mib", b->folder);
	snprintf(b->hdr, sizeof(b->hdr), "%s/a.b.hdr", b->folder);
	f = fopen(b->hdr, "wb");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	for (unsigned i = 0; i < 6; i++) {
		put_frame_header(&b->file, &k, i + 1);
		em_text_append(&b->file, "a");
	}
	b->open = (struct em_file){.blob = {(unsigned char *)b->file.s, b->file.len}, .path = b->path};
}

static void end_beside(struct beside *b)
{
	em_file_release(&b->open);
	em_text_release(&b->file);
	unlink(b->hdr);
	rmdir(b->folder);
}

static void the_scan(void **state)
{
	/* The second was stopped in its third line. */
	static const struct {
		const char *text;
		size_t y, x; /* of frame 4; x_size 0: no scan */
		size_t y_size, x_size;
	} cases[] = {
		{"HDR,\t\nFrames in Acquisition (Number):\t6\r\nFrames per Trigger (Number):\t3\nEnd\t\n", 1, 1, 2, 3},
		{"HDR,\nFrames per Trigger (Number):\t2\nFrames in Acquisition (Number):\t8\n", 2, 0, 4, 2},
		{"HDR,\nScanX:\t4\nScanY:\t2\nFrames in Acquisition (Number):\t6\n"
		 "Frames per Trigger (Number):\t3\n", 1, 0, 2, 4},
		{"HDR,\nFrames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t1\n", 0, 0, 0, 0},
		{"HDR,\nFrames in Acquisition (Number):\t6\nFrames per Trigger (Number):\t4\n", 0, 0, 0, 0},
		{"HDR,\nFrames in Acquisition (Number):\t4\nFrames per Trigger (Number):\t2\n", 0, 0, 0, 0},
		{"HDR,\nScanX:\t999999999\nScanY:\t999999999\n", 0, 0, 0, 0},
		{"some other text\nScanX:\t3\nScanY:\t2\n", 0, 0, 0, 0},
	};
	const struct em_codec *codec = em_codec_of_extension("mib");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_meta meta;
		struct em_array a;
		struct beside b;
		size_t frames;
		void *s;

		begin_beside(&b, cases[i].text);
		assert_int_equal(codec->open(&b.open, &s, &frames, NULL), 0);
		assert_int_equal(frames, 6);
		em_meta_init(&meta);
		assert_int_equal(codec->read(s, 4, &a, &meta, NULL), 0);
		assert_int_equal(meta.nstack, cases[i].x_size ? 2 : 1);
		if (cases[i].x_size) {
			assert_int_equal(meta.stack[0].index, cases[i].y);
			assert_int_equal(meta.stack[0].size, cases[i].y_size);
			assert_int_equal(meta.stack[1].index, cases[i].x);
			assert_int_equal(meta.stack[1].size, cases[i].x_size);
		} else {
			assert_int_equal(meta.stack[0].index, 4);
			assert_int_equal(meta.stack[0].size, 6);
		}
		em_array_release(&a);
		codec->close(s);
		end_beside(&b);
	}
}

static void tags_of_a_frame(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("mib");
	struct em_text json = {0};
	const struct em_json *list;
	struct em_json *root;
	struct beside b;
	size_t frames;
	void *s;

	(void)state;
	begin_beside(&b, "HDR,\t\nSensor Bias (V, \xb5""A):\t120 V, 3\nEnd\t");
	assert_int_equal(codec->open(&b.open, &s, &frames, NULL), 0);
	assert_int_equal(codec->tags(s, 5, &json, NULL), 0);
	root = em_json_parse(em_text_get(&json), json.len, NULL);
	assert_non_null(root);
	assert_string_equal(em_json_string(em_json_get(em_json_get(root, "hdr"), "Sensor Bias (V, \xc2\xb5""A)")),
	                    "120 V, 3");
	list = em_json_get(root, "header");
	assert_string_equal(em_json_string(em_json_next(em_json_first(list))), "000006");
	assert_int_equal(em_json_size(list), 19);
	em_json_free(root);
	em_text_release(&json);
	codec->close(s);
	end_beside(&b);
}

/* ---- what is cut or lies ---- */

static void make_two(struct em_text *t)
{
	struct kind k = {"U16", "1x1", 1, 2, 2, REST "12"};

	for (unsigned i = 0; i < 2; i++) {
		put_frame_header(t, &k, i + 1);
		em_text_append(t, "8 bytes.");
	}
}

/* Whole frames are read; of the one that is cut its place is said. */
static void cut_anywhere(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("mib");
	struct em_text t = {0};

	(void)state;
	make_two(&t);
	for (size_t cut = 17; cut < t.len; cut++) {
		unsigned char *exact = malloc(cut);
		struct em_file file = {.blob = {exact, cut}};
		struct em_error err = {0};
		struct em_meta meta;
		struct em_array a;
		size_t frames;
		void *s;

		memcpy(exact, t.s, cut);
		em_meta_init(&meta);
		if (cut < 392) {
			assert_int_equal(codec->open(&file, &s, &frames, &err), -1);
			assert_non_null(strstr(err.text, "MIB: the file is cut"));
			free(exact);
			continue;
		}
		assert_int_equal(codec->open(&file, &s, &frames, &err), 0);
		assert_int_equal(frames, cut == 392 ? 1 : 2);
		assert_int_equal(codec->read(s, 0, &a, &meta, &err), 0);
		assert_int_equal(((uint16_t *)a.data)[2], '8' << 8 | ' ');
		em_array_release(&a);
		if (frames == 2) {
			assert_int_equal(codec->read(s, 1, &a, &meta, &err), -1);
			assert_non_null(strstr(err.text, "the file is cut within frame 1, at byte "));
			assert_int_equal(codec->tags(s, 1, &(struct em_text){0}, &err), -1);
		}
		codec->close(s);
		free(exact);
	}
	flip_everywhere(t.s, t.len);
	em_text_release(&t);
}

static void other_frames_are_not_mixed_in(void **state)
{
	struct em_text t = {0};

	(void)state;
	make_two(&t);
	t.s[392 + 25] = '3';
	expect_refused(t.s, t.len, "frame 1, at byte 392, has another header");
	em_text_release(&t);
}

static void headers_that_lie(void **state)
{
	static const struct {
		struct kind k;
		const char *part;
	} cases[] = {
		{{"U08", "1x1", 1, 0, 1, REST "6"}, "no sensible size"},
		{{"U08", "1x1", 1, 9999, 9999, REST "6"}, "392 bytes cannot hold a frame of"},
		{{"U64", "1x1", 1, 1, 1, REST "6"}, "type 'U64' are not supported"},
		{{"", "", 1, 1, 1, ""}, "type '' are not supported"},
		{{"R64", "2x2", 3, 64, 1, REST "6"}, "one or four (2x2) chips"},
		{{"R64", "2x2G", 4, 64, 16, REST "6"}, "one or four (2x2) chips"},
		{{"R64", "1x1", 1, 64, 1, REST "24"}, "counters have 1, 6 or 12 bits"},
		{{"R64", "1x1", 1, 64, 1, "01,2020"}, "counters have 1, 6 or 12 bits"},
		{{"R64", "1x1", 1, 3, 1, REST "12"}, "do not fill words of 64 bits"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};

		put_frame_header(&t, &cases[i].k, 1);
		em_text_append(&t, "8 bytes.");
		expect_refused(t.s, t.len, cases[i].part);
		em_text_release(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type),
		cmocka_unit_test(raw_words),
		cmocka_unit_test(raw_quad),
		cmocka_unit_test(what_a_header_says),
		cmocka_unit_test(the_scan),
		cmocka_unit_test(tags_of_a_frame),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(other_frames_are_not_mixed_in),
		cmocka_unit_test(headers_that_lie),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
