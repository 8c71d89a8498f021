/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What EMD of Velox says beyond its pixels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emd_help.h"

#define ID "0123456789abcdef0123456789abcdef"

static const char stem[] =
	"{\n \"Instrument\": {\"InstrumentClass\": \"Titan\", \"InstrumentModel\": \"Spectra\"},"
	"\"Acquisition\": {\"AcquisitionStartDatetime\": {\"DateTime\": \"1488794201\"}},"
	"\"Optics\": {\"AccelerationVoltage\": \"300000\", \"BeamConvergence\": \"0.0214\", \"OperatingMode\": \"2\","
	" \"ProjectorMode\": \"1\", \"CameraLength\": \"0.435\", \"LastMeasuredScreenCurrent\": \"2e-10\","
	" \"Defocus\": \"0\"},"
	"\"Stage\": {\"Position\": {\"x\": \"-9.37e-006\", \"y\": \"0.0001437\", \"z\": \"2.88e-005\"},"
	" \"AlphaTilt\": \"0.1\", \"BetaTilt\": \"-0.2\", \"HolderType\": \"Double Tilt\"},"
	"\"Scan\": {\"DwellTime\": \"2e-005\", \"FrameTime\": \"6.5\"},"
	"\"Detectors\": {\"Detector-0\": {\"DetectorName\": \"HAADF\", \"DetectorType\": \"ScanningDetector\"},"
	" \"Detector-1\": {\"DetectorName\": \"BF\", \"DetectorType\": \"ScanningDetector\","
	" \"CollectionAngleRange\": {\"begin\": \"0\", \"end\": \"0.012\"}}},"
	"\"BinaryResult\": {\"DetectorIndex\": \"1\", \"Detector\": \"BF\", \"PixelUnitX\": \"m\","
	" \"PixelSize\": {\"width\": \"5.3e-009\", \"height\": \"5.4e-009\"},"
	" \"Offset\": {\"x\": \"-1.3e-006\", \"y\": \"-1.4e-006\"}},"
	"\"CustomProperties\": {\"StemMagnification\": {\"type\": \"double\", \"value\": \"40000\"}}}";

static const char tem[] =
	"{\"Optics\":{\"OperatingMode\":\"1\",\"ProjectorMode\":\"2\",\"CameraLength\":\"0.478\",\"Defocus\":\"3e-08\","
	"\"NominalMagnification\":\"1271519\"},"
	"\"Detectors\":{\"Detector-0\":{\"DetectorName\":\"BM-Ceta\",\"DetectorType\":\"ImagingDetector\","
	"\"ExposureTime\":\"0.8\"}},"
	"\"BinaryResult\":{\"DetectorIndex\":\"0\",\"Detector\":\"BM-Ceta\",\"PixelUnitX\":\"1/m\","
	"\"PixelSize\":{\"width\":\"2e7\",\"height\":\"2e7\"}}}";

/* A file of one group of data, KIND/ID, and what more there is in the root. */
static struct em_text make_velox(const char *kind, struct em_text *file, struct em_text *members,
                                 struct em_text *root)
{
	put_link(root, "Version", put_text_dataset(file, "{\"version\":\"4\",\"format\":\"Velox\"}"));
	put_link(root, "Data", put_parent(file, kind, put_parent(file, ID, put_object(file, members))));
	finish_file(file, root);
	return *file;
}

static struct em_text make_image(const char *json, size_t frames)
{
	struct em_text file = begin_file(), members = {0}, root = {0};

	put_link(&members, "Data", put_u16(&file, 3, (size_t[]){2, 3, frames}, 6 * frames));
	put_link(&members, "Metadata", put_column(&file, json));
	return make_velox("Image", &file, &members, &root);
}

static void velox_scan(void **state)
{
	struct em_text file = make_image(stem, 1);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.dtype, EM_U16);
	check_axis(&a.axis[0], "y", 5.4, -1400, "nm");
	check_axis(&a.axis[1], "x", 5.3, -1300, "nm");
	check_number(&meta, "stage.x_um", -9.37);
	check_number(&meta, "stage.y_um", 143.7);
	check_number(&meta, "stage.z_um", 28.8);
	check_number(&meta, "stage.a_deg", 0.1 * 180 / acos(-1.0));
	check_number(&meta, "stage.b_deg", -0.2 * 180 / acos(-1.0));
	check_json(&meta, "microscope",
	           "{\"instrument\":\"Spectra\",\"mode\":\"STEM\",\"holder\":\"Double Tilt\",\"beam_kev\":300,"
	           "\"magnification\":40000,\"camera_length_mm\":435,\"beam_current_na\":0.2}");
	check_json(&meta, "acquisition",
	           "{\"date\":\"2017-03-06T09:56:41Z\",\"detector\":\"BF\",\"exposure_s\":6.5,\"dwell_s\":2e-05,"
	           "\"convergence_mrad\":21.4,\"collection_mrad\":12}");
	check_place(&file, 0, "0/1 0/1 BF");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* Frames run fastest; a camera has an exposure, and no camera length where it sees an image. */
static void velox_movie(void **state)
{
	struct em_text file = make_image(tem, 2);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 1, &a, &meta);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(((uint16_t *)a.data)[i], 2 * i + 1);
	check_axis(&a.axis[1], "x", 0.02, 0, "1/nm");
	check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":0.8,\"offset\":0,\"units\":\"s\"}]");
	check_json(&meta, "microscope", "{\"mode\":\"TEM\",\"magnification\":1271519,\"defocus_nm\":30}");
	check_json(&meta, "acquisition", "{\"detector\":\"BM-Ceta\",\"exposure_s\":0.8}");
	check_place(&file, 1, "0/1 1/2 BM-Ceta");
	check_tags(&file, tem);
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void velox_movie_of_no_frames(void **state)
{
	struct em_text file = make_image(tem, 0);

	(void)state;
	expect_refused(file.s, file.len, "there is nothing in it");
	em_text_release(&file);
}

/* A display calls the picture otherwise than its detector. */
static void velox_label(void **state)
{
	struct em_text file = begin_file(), members = {0}, root = {0};
	uint64_t display = put_text_dataset(&file, "{\"dataPath\":\"\\/Data\\/Image\\/" ID
	                                           "\",\"display\":{\"label\":\"My%20%41%2\"}}");

	(void)state;
	put_link(&members, "Data", put_u16(&file, 2, (size_t[]){2, 3}, 6));
	put_link(&members, "Metadata", put_column(&file, stem));
	put_link(&root, "Presentation", put_parent(&file, "Displays", put_parent(&file, "ImageDisplay",
	                                                                         put_parent(&file, "1", display))));
	file = make_velox("Image", &file, &members, &root);
	check_place(&file, 0, "0/1 0/1 My A%2");
	em_text_release(&file);
}

static void velox_eels(void **state)
{
	struct em_text file = begin_file(), members = {0}, root = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	put_link(&members, "Data", put_u16(&file, 3, (size_t[]){2, 3, 4}, 24)); /* x, energy, y */
	put_link(&members, "Metadata", put_column(&file, stem));
	put_link(&members, "AcquisitionMetadata", put_column(&file, "{\"Data\":{\"offset\":480,\"dispersion\":0.25}}"));
	file = make_velox("EelsSpectrumImage", &file, &members, &root);
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	for (size_t y = 0; y < 4; y++)
		for (size_t x = 0; x < 2; x++)
			for (size_t e = 0; e < 3; e++)
				assert_int_equal(((uint16_t *)a.data)[(y * 2 + x) * 3 + e], (x * 3 + e) * 4 + y);
	check_axis(&a.axis[0], "y", 5.4, -1400, "nm");
	check_axis(&a.axis[1], "x", 5.3, -1300, "nm");
	check_axis(&a.axis[2], "energy", 0.25, 480, "eV");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

#define SETTINGS(channels, width, height)                                                                  \
	"{\"bincount\":\"" channels "\",\"RasterScanDefinition\":{\"Width\":\"" width "\",\"Height\":\"" height \
	"\"}}"

/* Pixel 0 has channels 1, 1; pixel 1 channel 0; the next frame's pixel 0 channel 2. */
static struct em_text make_stream(const char *settings)
{
	static const unsigned entries[] = {1, 1, 65535, 0, 65535, 2};
	struct em_text file = begin_file(), members = {0}, root = {0}, bytes = {0};
	struct em_text type = make_type((struct kind){0, false, false, 2});
	struct em_text messages = begin_dataset(&type, 2, (size_t[]){6, 1});

	for (size_t i = 0; i < 6; i++)
		put(&bytes, entries[i], 2, false);
	put_link(&members, "Data", put_dataset(&file, &messages, bytes.s, bytes.len));
	put_link(&members, "Metadata",
	         put_column(&file, "{\"Detectors\":{\"Detector-4\":{\"DetectorName\":\"SuperX1\",\"Dispersion\":\"10\","
	                           "\"OffsetEnergy\":\"-200\"}},\"BinaryResult\":{\"Detector\":\"SuperX\"},"
	                           "\"Scan\":{\"ScanArea\":{\"left\":\"0.25\",\"right\":\"0.75\",\"top\":\"0\","
	                           "\"bottom\":\"0.5\"}}}"));
	put_link(&members, "AcquisitionSettings", put_text_dataset(&file, settings));
	em_text_release(&bytes);
	return make_velox("SpectrumStream", &file, &members, &root);
}

/* The stream has two pixels: those of the scan, or of the part of a larger raster that was scanned. */
static void velox_stream(void **state)
{
	static const uint16_t want[] = {0, 2, 1, 1, 0, 0};
	static const char *const settings[] = {SETTINGS("3", "2", "1"), SETTINGS("3", "4", "2")};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct em_text file = make_stream(settings[i]);
		struct em_record meta;
		struct em_array a;

		frame_read(&file, 0, &a, &meta);
		assert_int_equal(a.ndim, 3);
		assert_true(a.shape[0] == 1 && a.shape[1] == 2 && a.shape[2] == 3);
		assert_memory_equal(a.data, want, sizeof(want));
		check_axis(&a.axis[2], "energy", 0.01, -0.2, "keV");
		check_place(&file, 0, "0/1 0/1 EDS");
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&file);
	}
}

static void velox_stream_that_lies(void **state)
{
	struct em_text file = make_stream(SETTINGS("2", "2", "1"));

	(void)state;
	expect_refused(file.s, file.len, "an entry beyond the last channel");
	em_text_release(&file);
	file = make_stream(SETTINGS("4096", "60000", "60000"));
	expect_refused(file.s, file.len, "cannot hold");
	em_text_release(&file);
	file = make_stream("{\"bincount\":\"4096\"}");
	expect_refused(file.s, file.len, "how large the picture is");
	em_text_release(&file);
}

/* Cut anywhere, and any byte changed: the metadata are read as well. */
static void damaged_files(void **state)
{
	struct em_text file = make_stream(SETTINGS("3", "2", "1"));

	(void)state;
	assert_int_equal(cut_everywhere(file.s, file.len), file.len);
	flip_everywhere(file.s, file.len);
	em_text_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(velox_scan),
		cmocka_unit_test(velox_movie),
		cmocka_unit_test(velox_movie_of_no_frames),
		cmocka_unit_test(velox_label),
		cmocka_unit_test(velox_eels),
		cmocka_unit_test(velox_stream),
		cmocka_unit_test(velox_stream_that_lies),
		cmocka_unit_test(damaged_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emd_velox", tests, NULL, NULL);
}
