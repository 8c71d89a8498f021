/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A walk through an HDF5 file of version 2 headers in which every step is checked, for the tests of the writers: it
 * shares no line with the reader.  Offsets are the specification's.  Include after codec_help.h.
 */
#ifndef EM_TESTS_HDF_WALK_H
#define EM_TESTS_HDF_WALK_H

#include "io/bytes.h"
#include "io/file.h"
#include "io/hdf_frames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOWHERE UINT64_MAX

static inline uint64_t word(const struct em_blob *b, uint64_t at, size_t size)
{
	uint64_t v = 0;

	assert_true(at <= b->size && size <= b->size - at);
	for (size_t i = size; i-- > 0;)
		v = v << 8 | b->data[at + i];
	return v;
}

static inline void check_sum(const struct em_blob *b, uint64_t from, uint64_t to)
{
	assert_true(from < to && to <= b->size);
	assert_int_equal(word(b, to, 4), em_hdf_checksum(b->data + from, to - from));
}

/* The data of the nth message of a type, 0 where there are fewer; *n: its bytes. */
static inline uint64_t message(const struct em_blob *b, uint64_t object, unsigned type, size_t nth, size_t *n)
{
	uint64_t at = object + 10, end = at + word(b, object + 6, 4);

	assert_int_equal(object % 8, 0);
	assert_memory_equal(b->data + object, "OHDR\002\002", 6);
	check_sum(b, object, end);
	while (at < end) {
		*n = word(b, at + 1, 2);
		assert_true(at + 4 + *n <= end);
		if (b->data[at] == type && !nth--)
			return at + 4;
		at += 4 + *n;
	}
	assert_int_equal(at, end);
	return 0;
}

/* The object at the path from the root, 0 where there is none. */
static inline uint64_t find_object(const struct em_blob *b, const char *path)
{
	uint64_t object = word(b, 36, 8);

	assert_memory_equal(b->data, "\211HDF\r\n\032\n\002\010\010\0\0\0\0\0\0\0\0\0", 20);
	assert_true(word(b, 20, 8) == NOWHERE);
	assert_int_equal(word(b, 28, 8), b->size);
	check_sum(b, 0, 44);
	while (*path && object) {
		size_t len = strcspn(path, "/"), n, nth = 0;
		uint64_t at, found = 0;

		assert_true(message(b, object, 2, 0, &n) && n == 18);
		while (!found && (at = message(b, object, 6, nth++, &n)) != 0) {
			assert_memory_equal(b->data + at, "\001\020\001", 3);
			assert_int_equal(n, 4 + b->data[at + 3] + 8);
			if (b->data[at + 3] == len && !memcmp(b->data + at + 4, path, len))
				found = word(b, at + 4 + len, 8);
		}
		object = found;
		path += len + (path[len] == '/');
	}
	return object;
}

struct attribute {
	uint64_t type, value; /* where */
	size_t type_bytes, bytes;
};

static inline bool find_attribute(const struct em_blob *b, uint64_t object, const char *name, struct attribute *a)
{
	uint64_t at;
	size_t n;

	for (size_t nth = 0; (at = message(b, object, 12, nth, &n)) != 0; nth++) {
		size_t len = word(b, at + 2, 2), shape = word(b, at + 6, 2);

		assert_memory_equal(b->data + at, "\003\0", 2);
		assert_int_equal(b->data[at + 8], 1);
		assert_int_equal(b->data[at + 9 + len - 1], 0);
		a->type = at + 9 + len;
		a->type_bytes = word(b, at + 4, 2);
		a->value = a->type + a->type_bytes + shape;
		a->bytes = at + n - a->value;
		/* a scalar */
		assert_int_equal(shape, 4);
		assert_memory_equal(b->data + a->type + a->type_bytes, "\002\0\0\0", 4);
		if (!strcmp((const char *)b->data + at + 9, name))
			return true;
	}
	return false;
}

static inline bool has_attribute(const struct em_blob *b, const char *path, const char *name)
{
	struct attribute a;
	uint64_t object = find_object(b, path);

	return object && find_attribute(b, object, name, &a);
}

static inline struct attribute get_attribute(const struct em_blob *b, const char *path, const char *name)
{
	uint64_t object = find_object(b, path);
	struct attribute a = {0};

	if (!object)
		fail_msg("no object %s", path);
	if (!find_attribute(b, object, name, &a))
		fail_msg("%s has no attribute %s", path, name);
	return a;
}

/* A float64 or an int64. */
static inline double get_number(const struct em_blob *b, const char *path, const char *name)
{
	static const char f64[] = "\021\040\077\0\010\0\0\0\0\0\100\0\064\013\0\064\377\003\0\0";
	static const char i64[] = "\020\010\0\0\010\0\0\0\0\0\100\0";
	struct attribute a = get_attribute(b, path, name);

	assert_int_equal(a.bytes, 8);
	if (b->data[a.type] == 0x10) {
		assert_int_equal(a.type_bytes, 12);
		assert_memory_equal(b->data + a.type, i64, 12);
		return (double)(int64_t)word(b, a.value, 8);
	}
	assert_int_equal(a.type_bytes, 20);
	assert_memory_equal(b->data + a.type, f64, 20);
	return em_bytes_f64(b->data + a.value, false);
}

static inline bool get_bool(const struct em_blob *b, const char *path, const char *name)
{
	static const char type[] = "\070\002\0\0\001\0\0\0\020\010\0\0\001\0\0\0\0\0\010\0FALSE\0TRUE\0\0\001";
	struct attribute a = get_attribute(b, path, name);

	assert_int_equal(a.bytes, 1);
	assert_int_equal(a.type_bytes, sizeof(type) - 1);
	assert_memory_equal(b->data + a.type, type, sizeof(type) - 1);
	return b->data[a.value] == 1;
}

/* An object of a collection of the global heap, every object of which is looked at. */
static inline uint64_t heap_object(const struct em_blob *b, uint64_t heap, unsigned index, size_t n)
{
	uint64_t at = heap + 16, end, found = 0;

	assert_memory_equal(b->data + heap, "GCOL\001\0\0\0", 8);
	end = heap + word(b, heap + 8, 8);
	assert_true(end <= b->size && end - heap >= 4096 && heap % 8 == 0);
	while (end - at >= 16) {
		unsigned number = (unsigned)word(b, at, 2);
		uint64_t bytes = word(b, at + 8, 8);

		if (!number) {
			assert_int_equal(at + bytes, end);
			return found;
		}
		if (number == index) {
			assert_int_equal(bytes, n);
			found = at + 16;
		}
		at += 16 + (bytes + 7) / 8 * 8;
		assert_true(at <= end);
	}
	return found;
}

static inline void expect_text(const struct em_blob *b, const char *path, const char *name, const char *want)
{
	static const char type[] = "\031\001\001\0\020\0\0\0\020\0\0\0\001\0\0\0\0\0\010\0";
	struct attribute a = get_attribute(b, path, name);
	size_t n = word(b, a.value, 4);
	uint64_t heap = word(b, a.value + 4, 8), text;

	assert_int_equal(a.bytes, 16);
	assert_int_equal(a.type_bytes, sizeof(type) - 1);
	assert_memory_equal(b->data + a.type, type, sizeof(type) - 1);
	assert_int_equal(n, strlen(want));
	assert_true((heap == 0) == (n == 0));
	if (!n)
		return;
	text = heap_object(b, heap, (unsigned)word(b, a.value + 12, 4), n);
	assert_true(text != 0);
	assert_memory_equal(b->data + text, want, n);
}

/* Of a data set: its shape, and where its bytes are. */
static inline uint64_t get_data(const struct em_blob *b, const char *path, int ndim, const size_t *shape, size_t bytes)
{
	uint64_t object = find_object(b, path), at;
	size_t n;

	if (!object)
		fail_msg("no data set %s", path);
	at = message(b, object, 1, 0, &n);
	assert_true(at && n == 4 + 8 * (size_t)ndim);
	assert_int_equal(word(b, at, 4), 2 | (unsigned)ndim << 8 | 1u << 24);
	for (int k = 0; k < ndim; k++)
		assert_int_equal(word(b, at + 4 + 8 * (size_t)k, 8), shape[k]);
	at = message(b, object, 5, 0, &n);
	assert_true(at && n == 2);
	assert_memory_equal(b->data + at, "\003\012", 2);
	at = message(b, object, 8, 0, &n);
	assert_true(at && n == 18);
	assert_memory_equal(b->data + at, "\003\001", 2);
	assert_int_equal(word(b, at + 10, 8), bytes);
	at = word(b, at + 2, 8);
	assert_true(at % 8 == 0 && at + bytes <= b->size);
	return at;
}

/* ---- files ---- */

static inline void make_empty(char *path)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
}

/* Where signals without a title are. */
#define H "Experiments/__unnamed__"
#define E "data/__unnamed__"

static inline struct em_blob write_file(const struct em_codec_writer *w, const struct em_array *a,
                                        const struct em_meta *meta, size_t count)
{
	char path[] = P_tmpdir "/test_hdf_XXXXXX";
	struct em_error err = {0};
	struct em_blob blob;
	void *state;

	make_empty(path);
	if (w->begin(path, a, meta, &state, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++)
		if (w->add(state, a, &meta[i], &err))
			fail_msg("%s", err.text);
	if (w->finish(state, &err))
		fail_msg("%s", err.text);
	assert_int_equal(em_blob_map(path, &blob, &err), 0);
	unlink(path);
	return blob;
}

static inline void expect_axis(const struct em_blob *b, int k, const char *name, size_t size, double scale,
                               double offset, const char *units, bool navigate)
{
	char group[64];

	snprintf(group, sizeof(group), H "/axis-%d", k);
	expect_text(b, group, "_type", "UniformDataAxis");
	expect_text(b, group, "name", name);
	assert_true(has_attribute(b, group, "units") == (units[0] != '\0'));
	if (units[0])
		expect_text(b, group, "units", units);
	assert_true(fabs(get_number(b, group, "size") - (double)size) <= 0);
	assert_true(fabs(get_number(b, group, "scale") - scale) <= 1e-15);
	assert_true(fabs(get_number(b, group, "offset") - offset) <= 1e-15);
	assert_true(get_bool(b, group, "navigate") == navigate);
}

static inline void expect_number(const struct em_blob *b, const char *group, const char *name, double want)
{
	double v = get_number(b, group, name);

	if (!(fabs(v - want) <= 1e-15 * fabs(want)))
		fail_msg("%s of %s is %.17g, not %.17g", name, group, v, want);
}

static inline struct em_array spectrum(const char *units)
{
	struct em_array a;
	size_t shape = 6;

	assert_int_equal(em_array_alloc(&a, EM_U16, 1, &shape, NULL), 0);
	fill(&a, 3);
	em_axis_set(&a.axis[0], "energy", 0.25, 100, units);
	return a;
}

static inline struct em_array calibrated(void)
{
	struct em_array a = picture(EM_F32, 2, 3, 1);

	em_axis_set(&a.axis[0], "y", 0.1, -1, "nm");
	em_axis_set(&a.axis[1], "x", 0.3, 0, "1/nm");
	return a;
}

static inline void fill_in(struct em_meta *m)
{
	static const struct em_meta full = {
		.x_um = 12.5, .y_um = -3, .z_um = 100, .a_deg = 30, .b_deg = -2, .beam_kev = 300, .magnification = 1e6,
		.camera_length_mm = 115, .defocus_nm = -20, .beam_current_na = 0.05, .exposure_s = 0.5, .dwell_s = 1e-6,
		.convergence_mrad = 21.5, .collection_mrad = 30, .scan_x_nm = 1, .scan_y_nm = 2,
	};

	*m = full;
	em_meta_set_text(m->title, "a/b \xc2\xb5");
	em_meta_set_text(m->instrument, "Titan");
	em_meta_set_text(m->mode, "STEM");
	em_meta_set_text(m->holder, "Double Tilt");
	em_meta_set_text(m->date, "2016-02-22T18:50:02Z");
	em_meta_set_text(m->detector, "HAADF");
}

#endif
