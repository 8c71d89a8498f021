/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What EMD of Velox, EMD of Berkeley and HSPY say beyond their pixels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"

#include "hdf_help.h"

#define ID "0123456789abcdef0123456789abcdef"

static uint64_t put_u16(struct em_text *file, int ndim, const size_t *shape, size_t n)
{
	struct em_text type = make_type((struct kind){0, false, false, 2});
	struct em_text messages = begin_dataset(&type, ndim, shape), bytes = {0};
	uint64_t at;

	for (size_t i = 0; i < n; i++)
		put(&bytes, i, 2, false);
	at = put_dataset(file, &messages, bytes.s, bytes.len);
	em_text_release(&bytes);
	return at;
}

static void check_place(const struct em_text *file, size_t frame, const char *want)
{
	struct em_blob blob = {(const unsigned char *)file->s, file->len};
	const struct em_codec *codec = em_codec_of_extension("emd");
	struct em_place place;
	size_t frames;
	void *opened;
	char buf[160];

	assert_int_equal(codec->open(&(struct em_file){.blob = blob}, &opened, &frames, NULL), 0);
	codec->locate(opened, frame, &place);
	snprintf(buf, sizeof(buf), "%zu/%zu %zu/%zu %s", place.set, place.sets, place.index, place.count, place.name);
	codec->close(opened);
	assert_string_equal(buf, want);
}

static void check_tags(const struct em_text *file, const char *want)
{
	struct em_blob blob = {(const unsigned char *)file->s, file->len};
	const struct em_codec *codec = em_codec_of_extension("hspy");
	struct em_text json = {0};
	size_t frames;
	void *opened;

	assert_int_equal(codec->open(&(struct em_file){.blob = blob}, &opened, &frames, NULL), 0);
	assert_int_equal(codec->tags(opened, 0, &json, NULL), 0);
	codec->close(opened);
	assert_string_equal(em_text_get(&json), want);
	em_text_release(&json);
}

/* ---- Velox ---- */

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
	           "{\"date\":\"2017-03-06T09:56:41Z\",\"detector\":\"BF\",\"dwell_s\":2e-05,"
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
	                           "\"OffsetEnergy\":\"-200\"}},\"BinaryResult\":{\"Detector\":\"SuperX\"}}"));
	put_link(&members, "AcquisitionSettings", put_text_dataset(&file, settings));
	em_text_release(&bytes);
	return make_velox("SpectrumStream", &file, &members, &root);
}

static void velox_stream(void **state)
{
	static const uint16_t want[] = {0, 2, 1, 1, 0, 0};
	struct em_text file = make_stream(SETTINGS("3", "2", "1"));
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	assert_memory_equal(a.data, want, sizeof(want));
	check_axis(&a.axis[2], "energy", 0.01, -0.2, "keV");
	check_place(&file, 0, "0/1 0/1 EDS");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
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

/* ---- Berkeley ---- */

static uint64_t put_dim(struct em_text *file, const char *name, const char *units, double first, double step)
{
	struct em_text attributes = {0};

	put_text_attribute(&attributes, "name", name);
	put_text_attribute(&attributes, "units", units);
	return put_f64_dataset(file, (double[]){first, first + step}, 2, &attributes);
}

static struct em_text make_berkeley_of(const size_t *shape, const char *const *names, const char *const *units)
{
	struct em_text file = begin_file(), group = {0}, root = {0}, microscope = {0};

	put_number_attribute(&group, "emd_group_type", 1);
	put_link(&group, "data", put_u16(&file, 3, shape, shape[0] * shape[1] * shape[2]));
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "dim%d", i + 1);
		put_link(&group, name, put_dim(&file, names[i], units[i], i, 0.5));
	}
	put_number_attribute(&microscope, "high tension", 300000);
	put_number_attribute(&microscope, "camera length", 0.085);
	put_number_attribute(&microscope, "convergence angle", 0.025);
	put_text_attribute(&microscope, "name", "TEAM 0.5");
	put_link(&root, "microscope", put_object(&file, &microscope));
	put_link(&root, "STO", put_object(&file, &group));
	finish_file(&file, &root);
	return file;
}

/* 2 x 3 x 4, with these names. */
static struct em_text make_berkeley(const char *const *names, const char *const *units)
{
	return make_berkeley_of((size_t[]){2, 3, 4}, names, units);
}

static void berkeley_stack(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"t", "Y", "X"}, (const char *[]){"s", "n_m", "[n_m]"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 1, &a, &meta);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(((uint16_t *)a.data)[i], 12 + i);
	check_axis(&a.axis[0], "y", 0.5, 1, "nm");
	check_axis(&a.axis[1], "x", 0.5, 2, "nm");
	check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":0.5,\"offset\":0,\"units\":\"s\"}]");
	check_json(&meta, "microscope",
	           "{\"instrument\":\"TEAM 0.5\",\"beam_kev\":300,\"camera_length_mm\":85}");
	check_number(&meta, "acquisition.convergence_mrad", 25);
	check_place(&file, 1, "0/1 1/2 STO");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* x before y, and a detector's angle behind them: the picture is turned, the angle makes the stack. */
static void berkeley_simulation(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"R_x", "R_y", "angle"},
	                                    (const char *[]){"[\xc3\x85]", "[\xc3\x85]", "[mrad]"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 3, &a, &meta);
	assert_int_equal(a.shape[0], 3);
	assert_int_equal(a.shape[1], 2);
	for (size_t y = 0; y < 3; y++)
		for (size_t x = 0; x < 2; x++)
			assert_int_equal(((uint16_t *)a.data)[y * 2 + x], (x * 3 + y) * 4 + 3);
	check_axis(&a.axis[0], "y", 0.05, 0.1, "nm");
	check_axis(&a.axis[1], "x", 0.05, 0, "nm");
	check_json(&meta, "stack", "[{\"index\":3,\"size\":4,\"scale\":0.5,\"offset\":2,\"units\":\"mrad\"}]");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* Once a stack of no pictures at all. */
static void berkeley_of_nothing(void **state)
{
	static const size_t shapes[][3] = {{0, 3, 4}, {2, 0, 4}, {2, 3, 0}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_text file = make_berkeley_of(shapes[i], (const char *[]){"x", "y", "angle"},
		                                       (const char *[]){"nm", "nm", "mrad"});

		expect_refused(file.s, file.len, "there is nothing in it");
		em_text_release(&file);
	}
}

static void berkeley_spectra(void **state)
{
	struct em_text file = make_berkeley((const char *[]){"energy", "y", "x"},
	                                    (const char *[]){"eV", "1/nm", "nm^-1"});
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	assert_int_equal(a.shape[2], 2);
	for (size_t i = 0; i < 12; i++)
		for (size_t e = 0; e < 2; e++)
			assert_int_equal(((uint16_t *)a.data)[i * 2 + e], e * 12 + i);
	check_axis(&a.axis[0], "y", 0.5, 1, "1/nm");
	check_axis(&a.axis[1], "x", 0.5, 2, "1/nm");
	check_axis(&a.axis[2], "energy", 0.5, 0, "eV");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* ---- HyperSpy ---- */

static uint64_t put_axis(struct em_text *file, const char *units, bool navigate)
{
	struct em_text group = {0};

	put_number_attribute(&group, "scale", 0.25);
	put_number_attribute(&group, "offset", 3);
	put_number_attribute(&group, "navigate", navigate);
	put_text_attribute(&group, "name", "_None_");
	put_text_attribute(&group, "units", units);
	return put_object(file, &group);
}

static uint64_t put_metadata(struct em_text *file)
{
	struct em_text stage = {0}, instrument = {0}, general = {0}, all = {0};

	put_group_mark(&stage);
	put_group_mark(&general);
	put_number_attribute(&stage, "tilt_alpha", 10);
	put_number_attribute(&stage, "x", 0.5);
	put_number_attribute(&instrument, "beam_energy", 200);
	put_number_attribute(&instrument, "camera_length", 100);
	put_text_attribute(&instrument, "microscope", "Titan");
	put_link(&instrument, "Stage", put_object(file, &stage));
	put_text_attribute(&general, "title", "\"ferrite\"");
	put_text_attribute(&general, "date", "2016-02-22");
	put_text_attribute(&general, "time", "18:50:02");
	put_link(&all, "General", put_object(file, &general));
	put_link(&all, "Acquisition_instrument", put_parent(file, "TEM", put_object(file, &instrument)));
	return put_object(file, &all);
}

/* 2 x 3, the last dimension or both of the signal. */
static struct em_text make_hspy(const char *units, bool spectra)
{
	struct em_text file = begin_file(), group = {0}, root = {0};

	put_link(&group, "data", put_u16(&file, 2, (size_t[]){2, 3}, 6));
	put_link(&group, "axis-0", put_axis(&file, units, spectra));
	put_link(&group, "axis-1", put_axis(&file, units, false));
	put_link(&group, "metadata", put_metadata(&file));
	put_link(&root, "Experiments", put_parent(&file, "x", put_object(&file, &group)));
	finish_file(&file, &root);
	return file;
}

static void hspy_image(void **state)
{
	struct em_text file = make_hspy("\xc2\xb5m", false);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	check_axis(&a.axis[0], "y", 250, 3000, "nm");
	check_axis(&a.axis[1], "x", 250, 3000, "nm");
	check_json(&meta, "stage", "{\"x_um\":500,\"a_deg\":10}");
	check_json(&meta, "microscope", "{\"instrument\":\"Titan\",\"beam_kev\":200,\"camera_length_mm\":100}");
	check_json(&meta, "acquisition", "{\"date\":\"2016-02-22T18:50:02\"}");
	check_place(&file, 0, "0/1 0/1 \"ferrite\"");
	check_tags(&file, "{\"metadata\":{\"General\":{\"title\":\"\\\"ferrite\\\"\",\"date\":\"2016-02-22\","
	                  "\"time\":\"18:50:02\"},\"Acquisition_instrument\":{\"TEM\":{\"beam_energy\":200,"
	                  "\"camera_length\":100,\"microscope\":\"Titan\",\"Stage\":{\"tilt_alpha\":10,\"x\":0.5}}}}}");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void hspy_spectra(void **state)
{
	struct em_text file = make_hspy("eV", true);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 2);
	check_axis(&a.axis[1], "energy", 0.25, 3, "eV");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

/* Cut anywhere, and any byte changed: the metadata are read as well. */
static void damaged_files(void **state)
{
	struct em_text files[] = {
		make_hspy("eV", true), make_berkeley((const char *[]){"a", "b", "c"}, (const char *[]){"", "", ""}),
		make_stream(SETTINGS("3", "2", "1"))};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(cut_everywhere(files[i].s, files[i].len), files[i].len);
		flip_everywhere(files[i].s, files[i].len);
		em_text_release(&files[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(velox_scan),
		cmocka_unit_test(velox_movie),
		cmocka_unit_test(velox_label),
		cmocka_unit_test(velox_eels),
		cmocka_unit_test(velox_stream),
		cmocka_unit_test(velox_stream_that_lies),
		cmocka_unit_test(berkeley_stack),
		cmocka_unit_test(berkeley_simulation),
		cmocka_unit_test(berkeley_of_nothing),
		cmocka_unit_test(berkeley_spectra),
		cmocka_unit_test(hspy_image),
		cmocka_unit_test(hspy_spectra),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
