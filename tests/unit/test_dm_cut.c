/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DigitalMicrograph files cut at every byte: the message says where, by the way to the tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dm_help.h"

static const short values[] = {1, 2, 3, 4, 5, 6};
static const struct picture p = {.type = 1, .element = EM_DM_I16, .dim = {3, 2}, .values = values, .bytes = 12,
                                 .axis = {{0, 1, (const uint16_t[]){'n', 'm', 0}}}, .axes = 1, .tags = put_tags};

/* What is said of the first n bytes; "" where they are read and give the right picture. */
static void read_cut(const struct em_text *file, size_t n, char *text, size_t size)
{
	struct em_error err = {0};
	struct frames f;

	text[0] = '\0';
	if (frames_read(file->s, n, &f, &err)) {
		assert_int_equal(err.kind, EM_ERROR_DATA);
		snprintf(text, size, "%s", err.text);
		return;
	}
	assert_int_equal(f.count, 1);
	assert_memory_equal(f.a[0].data, values, sizeof(values));
	frames_release(&f);
}

/* Only what lies behind the tree may go.  The place named is where the bytes end or a little before. */
static void each_cut_names_its_place(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], &p, 1);

		for (size_t cut = 0; cut < file.len; cut++) {
			char text[512];
			const char *at;
			size_t place;

			read_cut(&file, cut, text, sizeof(text));
			assert_int_equal(!text[0], cut + 8 >= file.len);
			at = strstr(text, "at byte ");
			if (cut < 29 || !text[0]) /* the header and the beginning of an entry: not recognised without */
				continue;
			assert_non_null(at);
			place = (size_t)strtoul(at + 8, NULL, 10);
			assert_true(place <= cut);
			assert_non_null(strstr(at, "in or after the tag '"));
		}
		em_text_release(&file);
	}
}

/* Where the last occurrence of these bytes begins. */
static size_t find_last(const struct em_text *file, const void *bytes, size_t n)
{
	size_t at = file->len - n;

	while (memcmp(file->s + at, bytes, n))
		assert_true(at-- > 0);
	return at;
}

static void the_way_to_the_tag_is_named(void **state)
{
	static const struct {
		const char *last, *way;
	} cases[] = {
		{"DataType", "'ImageList.1.ImageData.DataType'"},
		{"Stage Alpha", "'ImageList.1.ImageTags.Microscope Info.Stage Position.Stage Alpha'"},
		{"Dimensions", "'ImageList.1.ImageData.Dimensions'"},
		{"ImageIndex", "'Thumbnails.0.ImageIndex'"},
	};

	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], &p, 1);
		short swapped[6];
		char text[512];

		for (size_t i = 0; i < COUNT(cases); i++) {
			size_t n = strlen(cases[i].last);

			read_cut(&file, find_last(&file, cases[i].last, n) + n + 1, text, sizeof(text));
			if (!strstr(text, cases[i].way))
				fail_msg("\"%s\" does not name %s", text, cases[i].way);
		}
		for (int i = 0; i < 6; i++)
			swapped[i] = (short)(styles[s].little ? values[i] : values[i] << 8);
		read_cut(&file, find_last(&file, swapped, sizeof(swapped)) + 5, text, sizeof(text));
		if (!strstr(text, "'ImageList.1.ImageData.Data'"))
			fail_msg("\"%s\" does not name the data", text);
		em_text_release(&file);
	}
}

/* A group that says it has one entry more takes its neighbour's for its own: not what it was, and so refused. */
static void counts_that_lie(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (int change = -1; change <= 1; change += 2) {
			struct em_text file = make_dm(styles[s], &p, 1);
			size_t wide = styles[s].version == 3 ? 4 : 8;
			size_t at = find_last(&file, "Dimensions", 10) + 10 + (wide == 8 ? 8 : 0) + 2 + wide - 1;
			char text[512];

			assert_int_equal(file.s[at], 2);
			file.s[at] = (char)(2 + change);
			read_cut(&file, file.len, text, sizeof(text));
			assert_string_not_equal(text, "");
			em_text_release(&file);
		}
}

/* A length of version 4 that reaches into the next entry, or back into itself. */
static void lengths_that_overlap(void **state)
{
	(void)state;
	for (size_t s = 2; s < COUNT(styles); s++)
		for (int change = -3; change <= 3; change++) {
			struct em_text file = make_dm(styles[s], &p, 1);
			size_t at = find_last(&file, "DataType", 8) + 8 + 7;
			char text[512];

			file.s[at] = (char)(file.s[at] + change);
			read_cut(&file, file.len, text, sizeof(text));
			if (!change)
				assert_string_equal(text, "");
			else if (!strstr(text, "a value has another length than it says"))
				fail_msg("%d: %s", change, text);
			em_text_release(&file);
		}
}

/* Each number of the array that says the type of the pixels' values, as large as can be. */
static void type_arrays_that_lie(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (size_t i = 0; i < 4; i++)
			for (size_t byte = 0; byte < 8; byte++) {
				struct em_text file = make_dm(styles[s], &p, 1);
				size_t wide = styles[s].version == 3 ? 4 : 8;
				size_t at = find_last(&file, "\0\4Data", 6) + 6 + (wide == 8 ? 8 : 0) + 4 + i * wide;
				char text[512];

				file.s[at + byte % wide] = (char)0xff;
				read_cut(&file, file.len, text, sizeof(text));
				assert_string_not_equal(text, "");
				em_text_release(&file);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cut_names_its_place),
		cmocka_unit_test(the_way_to_the_tag_is_named),
		cmocka_unit_test(counts_that_lie),
		cmocka_unit_test(lengths_that_overlap),
		cmocka_unit_test(type_arrays_that_lie),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
