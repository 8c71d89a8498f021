/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs of microscopes write into a TIFF: files made here tag by tag, with values that can be read off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>

#include "bytes_help.h"
#include "tiff_tags_help.h"

/* ---- FEI ---- */

static const char fei_text[] =
    "[User]\r\nDate=06/13/2016\r\nTime=05:06:40 PM\r\n[System]\r\nSystemType=Helios\r\n[Beam]\r\nHV=5000\r\n"
    "Beam=EBeam\r\n[EBeam]\r\nBeamCurrent=6.25e-012\r\nStageTa=9\r\n[Scan]\r\nDwelltime=1e-005\r\nFrameTime=2.5\r\n"
    "PixelWidth=3.5e-009\r\nPixelHeight=7e-009\r\n[Stage]\r\nStageX=2.5e-005\r\nStageY=-0.0002\r\nStageZ=0.008\r\n"
    "StageT=0.5\r\nStageTb=notafloat\r\n[Detectors]\r\nName=ETD\r\n[PrivateFei]\r\n"
    "TimeOfCreation=13.06.2016 17:06:40\r\n";

static void fei_has_a_text_in_si_units(void **state)
{
	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_text(&p, p.big ? 34680 : 34682, fei_text);
		put_file(&t, &p);
		check_first(&t, 7, 3.5, "nm");
		meta = meta_of(&t, 0);
		check_number(&meta, "stage.x_um", 25);
		check_number(&meta, "stage.y_um", -200);
		check_number(&meta, "stage.z_um", 8000);
		check_number(&meta, "stage.a_deg", 0.5 * 180 / acos(-1));
		check_json(&meta, "microscope",
		           "{\"instrument\":\"Helios\",\"beam_kev\":5,\"beam_current_na\":0.00625}");
		check_json(&meta, "acquisition",
		           "{\"date\":\"2016-06-13T17:06:40\",\"detector\":\"ETD\",\"exposure_s\":2.5,"
		           "\"dwell_s\":1e-05}");
		check_tag(&t, "FEI.EBeam.StageTa", "9");
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
}

static void fei_camera_in_the_chamber_has_a_field_of_view(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0};
	struct em_record meta;

	(void)state;
	start_page(&p, 4, 3);
	add_text(
	    &p, 34682,
	    "[User]\nDate=13.6.2016\nTime=5:06\n[IRBeam]\nHFW=0.004\nVFW=0.006\n[Image]\nResolutionX=4\nResolutionY=3\n"
	    "[Beam]\nHV=notafloat\n");
	put_file(&t, &p);
	check_first(&t, 2e6, 1e6, "nm");
	meta = meta_of(&t, 0);
	check_text(&meta, "acquisition.date", "13.6.2016 5:06");
	assert_null(em_record_get(&meta, "microscope"));
	em_record_release(&meta);
	em_text_release(&t);
	page_release(&p);
}

/* ---- Zeiss ---- */

static void zeiss_has_a_text_as_on_the_screen(void **state)
{
	static const char text[] =
	    "0\r\n0\r\n0\r\n2.500000e-009\r\n5.0e+004\r\n6\r\nDP_ZOOM\r\nZoom = Off\r\nDP_DETECTOR_CHANNEL\r\n"
	    "Signal A = InLens\r\nAP_ACTUALKV\r\nEHT =  5.00 kV\r\nAP_MAG\r\nMag =  50.00 K X\r\nAP_STAGE_AT_X\r\n"
	    "Stage at X = 62.5 mm\r\nAP_STAGE_AT_Y\r\nStage at Y = -250 \xb5m\r\nAP_STAGE_AT_Z\r\nStage at Z = 4 mm\r\n"
	    "AP_STAGE_AT_T\r\nStage at T =  12.5 \xb0\r\nAP_IPROBE\r\nI Probe =  80 pA\r\nDP_DWELL_TIME\r\n"
	    "Dwell Time = 50 ns\r\nAP_DATE\r\nDate :25 Sep 2018\r\nAP_TIME\r\nTime :8:20:42\r\nSV_SERIAL_NUMBER\r\n"
	    "Serial No. = ULTRA 55-36-06\r\n";

	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_text(&p, 34118, text);
		put_file(&t, &p);
		check_first(&t, 2.5 * 256, 2.5 * 256, "nm"); /* 1024 / 4 */
		meta = meta_of(&t, 0);
		check_json(&meta, "stage", "{\"x_um\":62500,\"y_um\":-250,\"z_um\":4000,\"a_deg\":12.5}");
		check_json(&meta, "microscope",
		           "{\"instrument\":\"ULTRA 55-36-06\",\"beam_kev\":5,\"magnification\":50000,"
		           "\"beam_current_na\":0.08}");
		check_json(&meta, "acquisition",
		           "{\"date\":\"2018-09-25T08:20:42\",\"detector\":\"InLens\",\"dwell_s\":5e-08}");
		check_tag(&t, "Zeiss.AP_STAGE_AT_T", "12.5 \xc2\xb0");
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
}

/* ---- TVIPS ---- */

static void put_utf16(struct em_text *block, size_t at, const char *text, bool big)
{
	for (size_t i = 0; text[i]; i++)
		store((unsigned char *)block->s + at + 2 * i, (unsigned char)text[i], 2, big);
}

static void make_tvips(struct em_text *block, unsigned mode, bool big)
{
	unsigned char *p;

	while (block->len < 6312)
		em_text_append_bytes(block, "", 1);
	p = (unsigned char *)block->s;
	store(p, 2, 4, big);
	store(p + 584, 2017u << 16 | 4 << 8 | 12, 4, big);
	store(p + 588, 9 * 3600 + 77, 4, big);
	store_f32(p + 2968, 1.5F, big);
	store_f32(p + 2972, 3, big);
	put_utf16(block, 3112, "Tecnai \xb5", big);
	store_f32(p + 3272, 200000, big);
	store(p + 3532, mode, 4, big);
	store_f32(p + 3536, 32000, big);
	for (int i = 0; i < 3; i++)
		store_f32(p + 3552 + 4 * i, (float)(i + 1) * 1e-6F, big);
	store_f32(p + 3564, -7, big);
	store_f32(p + 3568, 0.5F, big);
	put_utf16(block, 3768, "F416", big);
	store_f32(p + 3952, 400, big);
	store(p + 6308, 0xaaaaaaaa, 4, big);
}

/* Behind the picture; the tag has its place. */
static void put_block(struct em_text *t, struct page *p, unsigned tag, const struct em_text *block)
{
	put_file(t, p);
	set_number(p, tag, t->len);
	put_file(t, p);
	em_text_append_bytes(t, block->s, block->len);
}

static void tvips_has_a_block_of_numbers(void **state)
{
	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0}, block = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_number(&p, 37706, 4, 0);
		make_tvips(&block, 0, p.big_endian);
		put_block(&t, &p, 37706, &block);
		check_first(&t, 3, 1.5, "nm");
		meta = meta_of(&t, 0);
		check_number(&meta, "stage.x_um", 1);
		check_number(&meta, "stage.z_um", 3);
		check_number(&meta, "stage.a_deg", -7);
		check_number(&meta, "stage.b_deg", 0.5);
		check_json(&meta, "microscope",
		           "{\"instrument\":\"Tecnai \xc2\xb5\",\"beam_kev\":200,\"magnification\":32000}");
		check_json(&meta, "acquisition",
		           "{\"date\":\"2017-04-12T09:01:17\",\"detector\":\"F416\",\"exposure_s\":0.4}");
		check_tag(&t, "TVIPS.CameraType", "F416");
		em_record_release(&meta);
		cut_everywhere(t.s, t.len);
		em_text_release(&t);
		em_text_release(&block);
		page_release(&p);
	}
}

static void tvips_diffraction_is_not_calibrated(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0}, block = {0};
	struct em_record meta;

	(void)state;
	start_page(&p, 4, 3);
	add_number(&p, 37706, 4, 0);
	make_tvips(&block, 3, false);
	put_block(&t, &p, 37706, &block);
	check_first(&t, 1, 1, "");
	meta = meta_of(&t, 0);
	check_text(&meta, "microscope.mode", "DIFFRACTION");
	em_record_release(&meta);
	em_text_release(&t);
	em_text_release(&block);
	page_release(&p);
}

/* ---- Olympus SIS ---- */

static void make_sis(struct em_text *block, size_t at)
{
	unsigned char *p;

	while (block->len < 180)
		em_text_append_bytes(block, "", 1);
	p = (unsigned char *)block->s;
	memcpy(p, "SIS0", 4);
	for (unsigned i = 0; i < 5; i++)
		store(p + 10 + 2 * i, (const unsigned[]){42, 19, 15, 10, 118}[i], 2, false);
	store(p + 58, 1, 2, false);
	store(p + 60, 1, 2, false);
	store(p + 64, at + 68, 4, false);
	store(p + 68 + 10, (uint16_t)-12, 2, false);
	store_f64(p + 68 + 12, 24, false);
	store_f64(p + 68 + 20, 48, false);
	store_f64(p + 68 + 36, 600000, false);
}

static void sis_has_a_calibration_in_powers_of_ten(void **state)
{
	(void)state;
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct page p = {.big_endian = big_endian};
		struct em_text t = {0}, block = {0};
		struct em_record meta;

		start_page(&p, 4, 3);
		add_number(&p, 33560, 4, 0);
		add_text(&p, 272, "Quemesa");
		put_file(&t, &p);
		make_sis(&block, t.len);
		put_block(&t, &p, 33560, &block);
		check_first(&t, 0.048, 0.024, "nm");
		meta = meta_of(&t, 0);
		check_number(&meta, "microscope.magnification", 600000);
		check_json(&meta, "acquisition", "{\"date\":\"2018-11-15T19:42\",\"detector\":\"Quemesa\"}");
		em_record_release(&meta);
		cut_everywhere(t.s, t.len);
		em_text_release(&t);
		em_text_release(&block);
		page_release(&p);
	}
}

/* ---- JEOL ---- */

static void make_jeol(struct em_text *t, struct page *p, const char *eos, const char *mode, const char *value,
                      const char *unit)
{
	struct em_text xml = {0};

	em_text_printf(
	    &xml,
	    "<?xml version=\"1.0\"?>\n<TemReporter><Instruments>JEM</Instruments>"
	    "<DateTime>2015-07-30T07:17:25</DateTime><Comment>gold</Comment><ElectronGun>"
	    "<AccelerationVoltage>200000</AccelerationVoltage></ElectronGun><Eos><EosMode>%s</EosMode></Eos>"
	    "<ImageFormingSystem><ModeString>%s</ModeString><SelectorValue>%s</SelectorValue>"
	    "<SelectorUnitString>%s</SelectorUnitString></ImageFormingSystem><GonioStage>"
	    "<HolderInformation><Name>Double Tilting Holder</Name></HolderInformation><StagePosition>"
	    "<MX>2000</MX><MY>-500</MY><MZ>40</MZ><TX>10.5</TX><TY>-9</TY><PX>22</PX></StagePosition></GonioStage>"
	    "<Camera><Parameter><ExposureTimeString>250.00 msec</ExposureTimeString></Parameter></Camera>"
	    "<ImageSourceDetector>screen</ImageSourceDetector></TemReporter>",
	    eos, mode, value, unit);
	start_page(p, 4, 3);
	add_resolution(p, 100, 200, 1, 2);
	add_text(p, 270, em_text_get(&xml));
	put_file(t, p);
	em_text_release(&xml);
}

static void jeol_divides_by_magnification(void **state)
{
	(void)state;
	FOR_EACH_KIND(p)
	{
		struct em_text t = {0};
		struct em_record meta;

		make_jeol(&t, &p, "eosTEM", "MAG", "100000", "X");
		check_first(&t, 25.4e6 / 200 / 1e5, 25.4e6 / 100 / 1e5, "nm");
		meta = meta_of(&t, 0);
		check_text(&meta, "title", "gold");
		check_json(&meta, "stage", "{\"x_um\":2.022,\"y_um\":-0.5,\"z_um\":0.04,\"a_deg\":10.5,\"b_deg\":-9}");
		check_json(&meta, "microscope",
		           "{\"instrument\":\"JEM\",\"mode\":\"TEM MAG\",\"holder\":\"Double Tilting Holder\","
		           "\"beam_kev\":200,\"magnification\":100000}");
		check_json(&meta, "acquisition",
		           "{\"date\":\"2015-07-30T07:17:25\",\"detector\":\"screen\",\"exposure_s\":0.25}");
		check_tag(&t, "JEOL.Eos.EosMode", "eosTEM");
		em_record_release(&meta);
		em_text_release(&t);
		page_release(&p);
	}
}

/* The wavelength at 200 kV is 2.50793 pm: tables of every textbook. */
static void jeol_diffraction_goes_by_camera_length(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0};
	struct em_array a;
	struct em_record meta;
	double want = 25.4e-3 / 100 / (0.4 * 2.50793e-12) * 1e-9;

	(void)state;
	make_jeol(&t, &p, "eosTEM", "DIFF", "40", "cm");
	frame_read(&t, 0, &a, &meta);
	assert_true(fabs(a.axis[1].scale / want - 1) < 3e-6 && fabs(a.axis[0].scale / want * 2 - 1) < 3e-6);
	assert_string_equal(a.axis[0].units, "1/nm");
	check_number(&meta, "microscope.camera_length_mm", 400);
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&t);
	page_release(&p);
}

static void jeol_scans_are_not_calibrated(void **state)
{
	struct page p = {.big = false};
	struct em_text t = {0};
	struct em_record meta;

	(void)state;
	make_jeol(&t, &p, "eosASID", "MAG", "100000", "X");
	check_first(&t, 1, 1, "");
	meta = meta_of(&t, 0);
	check_text(&meta, "microscope.mode", "STEM MAG");
	em_record_release(&meta);
	em_text_release(&t);
	page_release(&p);
}

/* ---- many pictures behind one directory ---- */

/* Looked through for each of them, it would take minutes. */
static void a_long_text_of_many_pictures_is_read_once(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("tif");
	struct em_text t = {0}, ini = {0};
	struct page p = {0};
	struct em_file file;
	size_t frames;
	void *s;

	(void)state;
	for (int i = 0; i < 100000; i++)
		em_text_append(&ini, "x\n");
	em_text_append(&ini, "[Beam]\nHV=5000\n[Scan]\nPixelWidth=2e-9\nPixelHeight=4e-9\n");
	start_page(&p, 1, 1);
	add_text(&p, 270, "ImageJ=1.54f\nimages=20000\nslices=20000\nunit=um\n");
	add_text(&p, 306, "2018:11:15 19:42:31");
	add_text(&p, 34682, em_text_get(&ini));
	put_header(&t, &p);
	put_page(&t, &p, 20000, false);
	file = (struct em_file){.blob = {(const unsigned char *)t.s, t.len}};
	assert_int_equal(codec->open(&file, &s, &frames, NULL), 0);
	assert_int_equal(frames, 20000);
	for (size_t i = 0; i < frames; i++) {
		struct em_meta meta;
		struct em_array a;

		em_meta_init(&meta);
		assert_int_equal(codec->read(s, i, &a, &meta, NULL), 0);
		check_axis(&a.axis[0], "y", 4, 0, "nm");
		check_axis(&a.axis[1], "x", 2, 0, "nm");
		assert_true(*(unsigned char *)a.data == i % 256 && meta.beam_kev == 5);
		assert_true(meta.nstack == 1 && meta.stack[0].index == i && meta.stack[0].size == frames);
		assert_string_equal(meta.date, "2018-11-15T19:42:31");
		em_array_release(&a);
	}
	codec->close(s);
	page_release(&p);
	em_text_release(&ini);
	em_text_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fei_has_a_text_in_si_units),
	    cmocka_unit_test(fei_camera_in_the_chamber_has_a_field_of_view),
	    cmocka_unit_test(zeiss_has_a_text_as_on_the_screen),
	    cmocka_unit_test(tvips_has_a_block_of_numbers),
	    cmocka_unit_test(tvips_diffraction_is_not_calibrated),
	    cmocka_unit_test(sis_has_a_calibration_in_powers_of_ten),
	    cmocka_unit_test(jeol_divides_by_magnification),
	    cmocka_unit_test(jeol_diffraction_goes_by_camera_length),
	    cmocka_unit_test(jeol_scans_are_not_calibrated),
	    cmocka_unit_test(a_long_text_of_many_pictures_is_read_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
