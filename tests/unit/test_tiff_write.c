/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TIFFs written: the same pixels, axes and stacks come back, and the file is laid out as ImageJ wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes_help.h"
#include "io/tiff_tags.h"
#include "io/tiff_write.h"

static const struct em_codec_writer *writer(void)
{
	return em_codec_of_extension("tif")->writer;
}

/* Places 0 .. frames - 1 of a stack, the last dimension fastest. */
static struct em_meta place_of(const struct em_meta *stack, size_t frame)
{
	struct em_meta m = *stack;

	for (int i = m.nstack - 1; i >= 0; i--) {
		m.stack[i].index += frame % m.stack[i].size;
		frame /= m.stack[i].size;
	}
	return m;
}

/* Written to a file here, and read back whole. */
static struct em_text written(const struct em_array *a, size_t frames, const struct em_meta *stack)
{
	char path[] = "./test_tiff_write.XXXXXX", block[4096];
	int fd = mkstemp(path);
	struct em_text t = {0};
	struct em_error err = {0};
	struct em_meta m;
	void *state;
	ssize_t n;

	assert_true(fd >= 0);
	m = place_of(stack, 0);
	if (writer()->begin(path, a, &m, &state, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < frames; i++) {
		m = place_of(stack, i);
		assert_int_equal(writer()->add(state, &a[i], &m, NULL), 0);
	}
	assert_int_equal(writer()->finish(state, NULL), 0);
	while ((n = read(fd, block, sizeof(block))) > 0)
		em_text_append_bytes(&t, block, (size_t)n);
	close(fd);
	unlink(path);
	return t;
}

static struct em_meta no_stack(void)
{
	struct em_meta m;

	em_meta_init(&m);
	return m;
}

/* Within 1e-9: JSON has nine digits, so ask the codec itself. */
static void expect_axes(const struct em_text *t, size_t frame, const struct em_array *want, const struct em_meta *stack)
{
	struct em_file file = {.blob = {(const unsigned char *)t->s, t->len}};
	struct em_array a;
	struct em_meta m = no_stack();
	size_t frames;
	void *s;

	assert_int_equal(em_codec_of_extension("tif")->open(&file, &s, &frames, NULL), 0);
	assert_int_equal(em_codec_of_extension("tif")->read(s, frame, &a, &m, NULL), 0);
	for (int k = 0; k < 2; k++) {
		assert_string_equal(a.axis[k].units, want->axis[k].units);
		assert_true(fabs(a.axis[k].scale - want->axis[k].scale) <= 1e-9 * fabs(want->axis[k].scale));
		assert_true(fabs(a.axis[k].offset - want->axis[k].offset) <= 1e-9 * fabs(want->axis[k].offset));
	}
	assert_int_equal(m.nstack, stack->nstack);
	for (int k = 0; k < m.nstack; k++) {
		assert_int_equal(m.stack[k].index, stack->stack[k].index);
		assert_int_equal(m.stack[k].size, stack->stack[k].size);
		assert_string_equal(m.stack[k].axis.units, stack->stack[k].axis.units);
		assert_true(fabs(m.stack[k].axis.scale - stack->stack[k].axis.scale) <=
		            1e-9 * fabs(stack->stack[k].axis.scale));
	}
	em_codec_of_extension("tif")->close(s);
	em_array_release(&a);
}

static void pixels_come_back(void **state)
{
	static const enum em_dtype types[] = {EM_U8, EM_U16, EM_I16, EM_I32, EM_F32};
	struct em_meta none = no_stack();

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t frames = 1; frames < 4; frames++) {
			struct em_array a[3];
			struct em_text t;

			for (size_t k = 0; k < frames; k++)
				a[k] = picture(types[i], 3, 5, (unsigned)(i + k));
			t = written(a, frames, &none);
			expect_frames(t.s, t.len, a, frames);
			for (size_t k = 0; k < frames; k++)
				em_array_release(&a[k]);
			em_text_release(&t);
		}
}

static void axes_come_back(void **state)
{
	static const struct {
		double scale_x, offset_x, scale_y, offset_y;
		const char *units;
	} cases[] = {{0.0100127042, -5.126, 0.0100127042, 3, "nm"},
	             {1.0 / 3, 0, 7.77e-7, 0, "1/nm"},
	             {123456.789, 1e6, 1e9, -1e9, "nm"},
	             {0.25, 0, 0.5, 0, "eV"},
	             {M_PI, 1, M_E, 0, "\xc2\xb0"},
	             {0.5, 0, 0.5, 0, "nm/\xc2\xb5s"}};
	struct em_meta none = no_stack();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_array a = picture(EM_U8, 3, 5, 1);
		struct em_text t;

		em_axis_set(&a.axis[0], "y", cases[i].scale_y, cases[i].offset_y, cases[i].units);
		em_axis_set(&a.axis[1], "x", cases[i].scale_x, cases[i].offset_x, cases[i].units);
		t = written(&a, 1, &none);
		expect_axes(&t, 0, &a, &none);
		em_array_release(&a);
		em_text_release(&t);
	}
}

/* ImageJ knows nothing of the other tags: the description alone has to do. */
static void axes_come_back_without_the_tags_of_gatan(void **state)
{
	struct em_array a = picture(EM_U8, 3, 5, 1);
	struct em_meta none = no_stack();
	struct em_text t;
	size_t n;

	(void)state;
	em_axis_set(&a.axis[0], "y", 0.0123456789, 7, "1/nm");
	em_axis_set(&a.axis[1], "x", 0.023456789, -3, "nm");
	t = written(&a, 1, &none);
	n = (unsigned char)t.s[8];
	for (size_t i = 0; i < n; i++) {
		unsigned char *tag = (unsigned char *)t.s + 10 + 12 * i;

		if ((tag[0] | tag[1] << 8) >= 65000)
			tag[1] -= 8; /* 62955 and so on mean nothing */
	}
	expect_axes(&t, 0, &a, &none);
	em_array_release(&a);
	em_text_release(&t);
}

static void pictures_without_a_unit_have_none(void **state)
{
	struct em_array a = picture(EM_U8, 3, 5, 1);
	struct em_meta none = no_stack();
	struct em_text t = written(&a, 1, &none);

	(void)state;
	expect_axes(&t, 0, &a, &none);
	em_array_release(&a);
	em_text_release(&t);
}

static void push(struct em_meta *m, size_t size, double scale, const char *units)
{
	struct em_axis axis;

	em_axis_set(&axis, "", scale, 0, units);
	em_meta_push_stack(m, 0, size, &axis);
}

static void check_stack(const struct em_meta *stack, size_t frames, const char *description)
{
	struct em_array a[12];
	struct em_text t;

	for (size_t i = 0; i < frames; i++) {
		a[i] = picture(EM_U8, 2, 2, (unsigned)i);
		em_axis_set(&a[i].axis[0], "y", 2, 0, "nm");
		em_axis_set(&a[i].axis[1], "x", 2, 0, "nm");
	}
	t = written(a, frames, stack);
	for (size_t i = 0; i < frames; i++) {
		struct em_meta want = place_of(stack, i);

		expect_axes(&t, i, &a[i], &want);
	}
	expect_frames(t.s, t.len, a, frames);
	for (size_t i = 0; i < t.len && description; i++)
		if (!strncmp(t.s + i, description, strlen(description)))
			description = NULL;
	assert_null(description);
	for (size_t i = 0; i < frames; i++)
		em_array_release(&a[i]);
	em_text_release(&t);
}

static void stacks_come_back(void **state)
{
	struct em_meta time = no_stack(), depth = no_stack(), plain = no_stack(), all = no_stack();

	(void)state;
	push(&time, 4, 0.1, "s");
	check_stack(&time, 4, "images=4\nframes=4\nfinterval=0.10000000000000001\n");
	push(&depth, 3, 2.5, "nm");
	check_stack(&depth, 3, "images=3\nslices=3\nspacing=2.5\n");
	push(&plain, 5, 1, "");
	check_stack(&plain, 5, "images=5\nframes=5\n");
	push(&all, 2, 3, "ms");
	push(&all, 3, 0.5, "1/nm");
	push(&all, 2, 1, "");
	check_stack(
	    &all, 12,
	    "hyperstack=true\nframes=2\nfinterval=3\ntunit=ms\nslices=3\nspacing=0.5\nzunit=1/nm\nchannels=2\n");
}

/* A few frames out of a movie: what is between them is not known, but their number is. */
static void parts_of_a_stack_are_a_stack(void **state)
{
	struct em_meta whole = no_stack(), want = no_stack();
	struct em_array a[3];
	struct em_text t;

	(void)state;
	push(&whole, 9, 0.5, "s");
	whole.stack[0].index = 4;
	push(&want, 3, 0.5, "s");
	for (size_t i = 0; i < 3; i++)
		a[i] = picture(EM_U8, 2, 2, (unsigned)i);
	t = written(a, 3, &whole); /* 4, 5, 6 */
	expect_axes(&t, 0, a, &want);
	em_text_release(&t);
	push(&whole, 2, 1, ""); /* three of 18 */
	em_axis_set(&want.stack[0].axis, "", 1, 0, "");
	t = written(a, 3, &whole);
	expect_axes(&t, 0, a, &want);
	em_text_release(&t);
	for (size_t i = 0; i < 3; i++)
		em_array_release(&a[i]);
}

/* One after the other, though each has a directory: ImageJ counts, and does not look. */
static void pictures_lie_side_by_side(void **state)
{
	struct em_array a[3];
	struct em_meta none = no_stack();
	struct em_text t;
	struct em_tiff_view v = {.big = false};
	struct em_tiff_directory d;
	double at, bytes, first = 0;
	uint64_t place = 8;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		a[i] = picture(EM_U16, 3, 5, (unsigned)i);
	t = written(a, 3, &none);
	v.blob = (struct em_blob){(const unsigned char *)t.s, t.len};
	for (size_t i = 0; i < 3; i++) {
		assert_true(place && place % 2 == 0 && em_tiff_directory_at(&v, place, &d));
		assert_true(em_tiff_number(&d, 273, &at) && em_tiff_number(&d, 279, &bytes));
		first = i ? first : at;
		assert_true(at == first + 30.0 * (double)i && bytes == 30);
		place = d.next;
	}
	assert_int_equal(place, 0);
	cut_everywhere(t.s, t.len);
	for (size_t i = 0; i < 3; i++)
		em_array_release(&a[i]);
	em_text_release(&t);
}

/* Of more than 4 GiB: one directory, and the reader finds the last picture.  Half a minute of disk: only when asked. */
static void beyond_4_gib_there_is_one_directory(void **state)
{
	enum { EDGE = 16384, FRAMES = 17 };
	char path[] = "./test_tiff_write.XXXXXX";
	struct em_meta none = no_stack(), m = no_stack();
	struct em_array a, back;
	struct em_file file = {.path = path};
	struct stat s;
	size_t frames;
	void *w;
	int fd;

	(void)state;
	if (!getenv("EM_HUGE")) {
		print_message("# skip: EM_HUGE is not set: 4.5 GB would be written\n");
		return;
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(em_array_alloc_image(&a, EM_U8, EDGE, EDGE, NULL), 0);
	assert_int_equal(writer()->begin(path, &a, &none, &w, NULL), 0);
	for (size_t i = 0; i < FRAMES; i++) {
		memset(a.data, (int)i, em_array_bytes(&a));
		assert_int_equal(writer()->add(w, &a, &none, NULL), 0);
	}
	assert_int_equal(writer()->finish(w, NULL), 0);
	assert_int_equal(fstat(fd, &s), 0);
	assert_true(s.st_size > 4294967296 && s.st_size < 4294967296 + EDGE * EDGE + 8192);
	assert_int_equal(em_blob_map(path, &file.blob, NULL), 0);
	assert_int_equal(em_codec_of_extension("tif")->open(&file, &w, &frames, NULL), 0);
	assert_int_equal(frames, FRAMES);
	assert_int_equal(em_codec_of_extension("tif")->read(w, FRAMES - 1, &back, &m, NULL), 0);
	assert_true(same_array(&a, &back));
	em_codec_of_extension("tif")->close(w);
	em_blob_unmap(&file.blob);
	em_array_release(&a);
	em_array_release(&back);
	close(fd);
	unlink(path);
}

static void rationals_are_near(void **state)
{
	uint32_t p = 7, q = 7;

	(void)state;
	for (double v = 1e-9; v < 1.1e9; v *= 1.0471975511965976) {
		assert_true(em_tiff_find_rational(v, &p, &q));
		assert_true(p < 1u << 31 && q < 1u << 31 && fabs((double)p / q - v) <= 1e-9 * v);
	}
	assert_true(em_tiff_find_rational(0.1, &p, &q) && p == 1 && q == 10);
	assert_true(em_tiff_find_rational(355.0 / 113, &p, &q) && p == 355 && q == 113);
	p = 7;
	assert_false(em_tiff_find_rational(0, &p, &q) || em_tiff_find_rational(-1, &p, &q) ||
	             em_tiff_find_rational(NAN, &p, &q) || em_tiff_find_rational(1e300, &p, &q) ||
	             em_tiff_find_rational(1e-300, &p, &q));
	assert_int_equal(p, 7);
}

static void what_a_tiff_cannot_hold_is_refused(void **state)
{
	struct em_array cube, wide;
	struct em_meta none = no_stack();
	struct em_error err = {0};
	void *w = &cube;

	(void)state;
	assert_int_equal(em_array_alloc(&cube, EM_U8, 3, (const size_t[]){2, 2, 2}, NULL), 0);
	assert_int_equal(em_array_alloc_image(&wide, EM_F64, 2, 2, NULL), 0);
	assert_int_equal(writer()->begin("none", &cube, &none, &w, &err), -1);
	assert_true(err.kind == EM_ERROR_USAGE && strstr(err.text, "3 dimensions"));
	err.kind = EM_ERROR_NONE;
	assert_int_equal(writer()->begin("none", &wide, &none, &w, &err), -1);
	assert_true(err.kind == EM_ERROR_USAGE && strstr(err.text, "float64"));
	assert_ptr_equal(w, &cube);
	em_array_release(&cube);
	em_array_release(&wide);
}

static void a_full_disk_is_an_error(void **state)
{
	struct em_array a = picture(EM_U8, 300, 300, 1);
	struct em_meta none = no_stack();
	struct em_error err = {0};
	void *w;
	int status;

	(void)state;
	if (access("/dev/full", W_OK))
		return;
	status = writer()->begin("/dev/full", &a, &none, &w, &err);
	if (!status) {
		status = writer()->add(w, &a, &none, &err);
		if (status)
			writer()->abandon(w);
		else
			status = writer()->finish(w, &err);
	}
	assert_int_equal(status, -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pixels_come_back),
	    cmocka_unit_test(axes_come_back),
	    cmocka_unit_test(axes_come_back_without_the_tags_of_gatan),
	    cmocka_unit_test(pictures_without_a_unit_have_none),
	    cmocka_unit_test(stacks_come_back),
	    cmocka_unit_test(parts_of_a_stack_are_a_stack),
	    cmocka_unit_test(pictures_lie_side_by_side),
	    cmocka_unit_test(beyond_4_gib_there_is_one_directory),
	    cmocka_unit_test(rationals_are_near),
	    cmocka_unit_test(what_a_tiff_cannot_hold_is_refused),
	    cmocka_unit_test(a_full_disk_is_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
