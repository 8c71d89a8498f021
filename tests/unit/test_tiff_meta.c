/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ImageJ, DigitalMicrograph and OME write into a TIFF; damaged tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>

#include "bytes_help.h"
#include "tiff_tags_help.h"

/* ---- ImageJ ---- */

static void imagej_gives_pixels_a_unit(void **state)
{
	static const struct {
		const char *unit, *want;
		double factor;
	} units[] = {{"nm", "nm", 1},   {"micron", "nm", 1e3},  {"\\u00B5m", "nm", 1e3}, {"um", "nm", 1e3},
	             {"mm", "nm", 1e6}, {"\\u00c5", "nm", 0.1}, {"1/nm", "1/nm", 1},     {"1/\\u00b5m", "1/nm", 1e-3},
	             {"eV", "eV", 1},   {"pixel", "", 0},       {"inch", "", 0},         {"", "", 0}};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		FOR_EACH_KIND(p)
		{
			struct em_text t = {0};
			double f = units[i].factor;

			start_page(&p, 4, 3);
			add_resolution(&p, 4, 8, 2, 1); /* 2 pixels a unit, and 4 */
			snprintf(text, sizeof(text), "ImageJ=1.53t\nunit=%s\nmin=0\n", units[i].unit);
			add_text(&p, 270, text);
			put_file(&t, &p);
			check_first(&t, f > 0 ? f / 4 : 1, f > 0 ? f / 2 : 1, units[i].want);
			em_text_release(&t);
			page_release(&p);
		}
}

static void imagej_has_origins_in_pixels(void **state)
{
	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0};
		struct em_array a;
		struct em_record meta;

		start_page(&p, 4, 3);
		add_resolution(&p, 4, 8, 2, 1);
		add_text(&p, 270, "ImageJ=1.53t\nunit=nm\nyunit=pm\nxorigin=3\r\nyorigin=-8\n");
		put_file(&t, &p);
		frame_read(&t, 0, &a, &meta);
		check_axis(&a.axis[1], "x", 0.5, -1.5, "nm");
		check_axis(&a.axis[0], "y", 0.25e-3, 2e-3, "nm");
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
}

/* 2 frames x 3 slices x 2 channels, channels fastest: image 7 is frame 1, slice 0, channel 1. */
static void imagej_orders_a_hyperstack(void **state)
{
	static const char want[] = "[{\"index\":1,\"size\":2,\"scale\":0.5,\"offset\":0,\"units\":\"s\"},"
	                           "{\"index\":0,\"size\":3,\"scale\":2.5,\"offset\":-10,\"units\":\"nm\"},"
	                           "{\"index\":1,\"size\":2,\"scale\":1,\"offset\":0,\"units\":\"\"}]";

	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_text(&p, 270,
		         "ImageJ=1.53t\nimages=12\nchannels=2\nslices=3\nframes=2\nhyperstack=true\nunit=nm\n"
		         "spacing=2.5\nzorigin=4\nfinterval=0.5\ntunit=sec\n");
		put_header(&t, &p);
		put_page(&t, &p, 12, false);
		meta = meta_of(&t, 7);
		check_json(&meta, "stack", want);
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
}

/* What the numbers do not explain is a plain stack. */
static void imagej_dimensions_that_do_not_fit_are_none(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0};
	struct em_record meta;

	(void)state;
	start_page(&p, 4, 3);
	add_text(&p, 270, "ImageJ=1.53t\nimages=4\nslices=3\nframes=2\n");
	put_header(&t, &p);
	put_page(&t, &p, 4, false);
	meta = meta_of(&t, 3);
	check_json(&meta, "stack", "[{\"index\":3,\"size\":4,\"scale\":1,\"offset\":0,\"units\":\"\"}]");
	em_record_release(&meta);
	em_text_release(&t);
	page_release(&p);
}

/* ---- DigitalMicrograph ---- */

static void add_gatan(struct page *p)
{
	add_text(p, 65003, "\xb5m");
	add_text(p, 65004, "nm");
	add_text(p, 65005, "s");
	add_number(p, 65006, 12, 3);
	add_number(p, 65007, 12, -7.5);
	add_number(p, 65008, 12, 100);
	add_number(p, 65009, 12, 0.25);
	add_number(p, 65010, 12, 2);
	add_number(p, 65011, 12, 0.5);
	add_number(p, 65025, 12, 4);
}

static void gatan_has_units_origins_and_scales(void **state)
{
	(void)state;
	FOR_EACH_KIND(p)
	{
		struct page second = {.big_endian = p.big_endian, .big = p.big};
		struct em_text t = {0};
		struct em_array a;
		struct em_record meta;

		start_page(&p, 4, 3);
		start_page(&second, 4, 3);
		add_gatan(&p);
		put_header(&t, &p);
		put_page(&t, &p, 1, true);
		put_page(&t, &second, 1, false);
		frame_read(&t, 1, &a, &meta);
		check_axis(&a.axis[1], "x", 250, 3000, "nm");
		check_axis(&a.axis[0], "y", 2, -7.5, "nm");
		check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":0.5,\"offset\":100,\"units\":\"s\"}]");
		check_tag(&t, "Gatan.UnitsX", "\xc2\xb5m");
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
		page_release(&second);
	}
}

/* A thumbnail of another size behind the picture has not its pixels. */
static void pages_of_another_size_are_not_of_the_series(void **state)
{
	struct page p = {.big = false}, second = {.big = false};
	struct em_text t = {0};
	struct em_array a;
	struct em_record meta;

	(void)state;
	start_page(&p, 4, 3);
	start_page(&second, 2, 2);
	add_gatan(&p);
	put_header(&t, &p);
	put_page(&t, &p, 1, true);
	put_page(&t, &second, 1, false);
	frame_read(&t, 1, &a, &meta);
	check_axis(&a.axis[1], "x", 1, 0, "");
	assert_null(em_record_get(&meta, "stack"));
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&t);
	page_release(&p);
	page_release(&second);
}

/* ---- OME ---- */

static void ome_has_sizes_and_an_order(void **state)
{
	static const char text[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OME "
	    "xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">"
	    "<Image ID=\"Image:0\" Name=\"gold\"><AcquisitionDate>2021-03-04T05:06:07</AcquisitionDate>"
	    "<Pixels DimensionOrder=\"XYTZC\" SizeX=\"4\" SizeY=\"3\" SizeZ=\"3\" SizeC=\"1\" SizeT=\"2\" "
	    "PhysicalSizeX=\"0.5\" PhysicalSizeXUnit=\"nm\" PhysicalSizeY=\"0.25\" PhysicalSizeZ=\"2\" "
	    "PhysicalSizeZUnit=\"nm\" TimeIncrement=\"0.1\"/></Image></OME>";

	(void)state;
	FOR_EACH_KIND(p)
	{
		struct page next = {.big_endian = p.big_endian, .big = p.big};
		struct em_text t = {0};
		struct em_array a;
		struct em_record meta;

		start_page(&p, 4, 3);
		start_page(&next, 4, 3);
		add_text(&p, 270, text);
		put_header(&t, &p);
		put_page(&t, &p, 1, true);
		for (int i = 1; i < 6; i++)
			put_page(&t, &next, 1, i < 5);
		frame_read(&t, 5, &a, &meta);
		check_axis(&a.axis[1], "x", 0.5, 0, "nm");
		check_axis(&a.axis[0], "y", 250, 0, "nm"); /* micrometres where nothing is said */
		check_json(&meta, "stack",
		           "[{\"index\":2,\"size\":3,\"scale\":2,\"offset\":0,\"units\":\"nm\"},"
		           "{\"index\":1,\"size\":2,\"scale\":0.1,\"offset\":0,\"units\":\"s\"}]");
		check_text(&meta, "title", "gold");
		check_text(&meta, "acquisition.date", "2021-03-04T05:06:07");
		check_tag(&t, "OME.Image.Pixels.@SizeZ", "3");
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
		page_release(&next);
	}
}

/* ---- all others ---- */

static void a_resolution_for_printers_is_no_calibration(void **state)
{
	for (int serialem = 0; serialem < 2; serialem++) {
		struct page p = {.big = false};
		struct em_text t = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_resolution(&p, 20000000, 10000000, 1, 3);
		add_text(&p, 270, serialem ? "SerialEM: digitized" : "a picture");
		add_text(&p, 306, "2018:11:15 19:42:31");
		put_file(&t, &p);
		check_first(&t, 1, serialem ? 0.5 : 1, serialem ? "nm" : "");
		meta = meta_of(&t, 0);
		check_text(&meta, "acquisition.date", "2018-11-15T19:42:31");
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
	(void)state;
}

/* Every entry of every kind of file, damaged: read or refused, and the tags stay JSON. */
static void damaged_tags_are_left_out(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0};
	size_t entries;

	(void)state;
	start_page(&p, 4, 3);
	add_gatan(&p);
	add_text(&p, 270, "ImageJ=1.53t\nimages=1\nunit=nm\n");
	add_text(&p, 34682, "[Scan]\nPixelWidth=1e-9\nPixelHeight=1e-9\n[Beam\nHV=1\n");
	add_text(&p, 34118, "0\n0\n0\n1e-9\nAP_MAG\nMag = 1 K X\nAP_DATE");
	add_resolution(&p, 1, 1, 0, 3);
	put_file(&t, &p);
	entries = 10 + 12 * p.n;
	for (size_t at = 10; at < entries; at++) {
		char was = t.s[at];

		t.s[at] = (char)(was ^ 0xff);
		if (t.s[at] != 0) {
			struct em_error err = {0};
			struct frames f;

			if (!frames_read(t.s, t.len, &f, &err)) {
				em_json_free(tags_of(&t));
				frames_release(&f);
			}
		}
		t.s[at] = was;
	}
	assert_int_equal(cut_everywhere(t.s, t.len), t.len);
	em_text_release(&t);
	page_release(&p);
}

/* A thousand entries that all name the same bytes: only the first are spelled out. */
static void tags_do_not_grow_beyond_the_file(void **state)
{
	enum { ENTRIES = 1000, PLACE = 20000, BYTES = 300000 };
	struct page p = {.big = false};
	struct em_text t = {0}, json = {0};
	struct em_file file;
	size_t frames, at;
	void *s;

	(void)state;
	start_page(&p, 4, 3);
	put_file(&t, &p);
	at = t.len;
	put(&t, p.n + ENTRIES, 2, false);
	em_text_append_bytes(&t, t.s + 10, 12 * p.n);
	for (size_t i = 0; i < ENTRIES; i++) {
		put(&t, 50000 + i, 2, false);
		put(&t, 2, 2, false);
		put(&t, BYTES, 4, false);
		put(&t, PLACE, 4, false);
	}
	put(&t, 0, 4, false);
	while (t.len < BYTES + PLACE)
		em_text_append(&t, "x");
	store((unsigned char *)t.s + 4, at, 4, false);
	file = (struct em_file){.blob = {(const unsigned char *)t.s, t.len}};
	assert_int_equal(em_codec_of_extension("tif")->open(&file, &s, &frames, NULL), 0);
	assert_int_equal(em_codec_of_extension("tif")->tags(s, 0, &json, NULL), 0);
	assert_true(json.len > BYTES && json.len < 5 * BYTES);
	em_codec_of_extension("tif")->close(s);
	em_text_release(&json);
	em_text_release(&t);
	page_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(imagej_gives_pixels_a_unit),
	    cmocka_unit_test(imagej_has_origins_in_pixels),
	    cmocka_unit_test(imagej_orders_a_hyperstack),
	    cmocka_unit_test(imagej_dimensions_that_do_not_fit_are_none),
	    cmocka_unit_test(gatan_has_units_origins_and_scales),
	    cmocka_unit_test(pages_of_another_size_are_not_of_the_series),
	    cmocka_unit_test(ome_has_sizes_and_an_order),
	    cmocka_unit_test(a_resolution_for_printers_is_no_calibration),
	    cmocka_unit_test(damaged_tags_are_left_out),
	    cmocka_unit_test(tags_do_not_grow_beyond_the_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
