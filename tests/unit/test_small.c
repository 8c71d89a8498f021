/* SPDX-License-Identifier: GPL-3.0-or-later */
/* em-small: what follows from its definition whatever the weights are, and weights that are none.  (emembed.t has its
 * numbers beside numpy's.) */
#include "vision/encoder.h"
#include "vision/small.h"
#include "vision/spectral_pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIM 464
#define SPECTRUM 320 /* where the last piece begins */
#define FINE 144

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

static struct em_encoder *small;

static int make_encoder(void **state)
{
	(void)state;
	small = em_encoder_new("em-small", EM_PRECISION_FP32, NULL);
	return small ? 0 : -1;
}

static int free_encoder(void **state)
{
	(void)state;
	em_encoder_free(small);
	return 0;
}

static double noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (double)(*seed >> 8) / 16777216;
}

/* Waves that repeat after 128 pixels, and noise that does as well. */
static struct em_array picture(enum em_dtype dtype, size_t h, size_t w, double waves, double grain)
{
	static double noisy[128][128];
	struct em_array a;
	uint32_t seed = 5;

	for (size_t y = 0; y < 128; y++)
		for (size_t x = 0; x < 128; x++)
			noisy[y][x] = noise(&seed) - 0.5;
	assert_int_equal(em_array_alloc_image(&a, dtype, h, w, NULL), 0);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			double turn = 2 * 3.14159265358979 / 128 * (11 * (double)x + 5 * (double)y);
			double v = floor(120 + waves * sin(turn) + grain * noisy[y % 128][x % 128]);


			if (dtype == EM_U8)
				((uint8_t *)a.data)[y * w + x] = (uint8_t)v;
			else if (dtype == EM_U16)
				((uint16_t *)a.data)[y * w + x] = (uint16_t)(257 * v);
			else
				((float *)a.data)[y * w + x] = (float)(v / 255);
		}
	return a;
}

static void encode(struct em_array a, float out[DIM])
{
	struct em_error err = {0};

	if (small->encode(small, &a, out, &err))
		fail_msg("%s", err.text);
	em_array_release(&a);
}

static double length(const float *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(isfinite(v[i]));
		sum += (double)v[i] * (double)v[i];
	}
	return sqrt(sum);
}

/* Of the first n numbers. */
static double cosine(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum / length(a, n) / length(b, n);
}

/* Embeddings on disk are compared by these: when the digest changes because the numbers do, the encoder's name must,
 * too. */
static void test_identity(void **state)
{
	(void)state;
	assert_string_equal(small->name, "em-small-1");
	assert_int_equal(small->dim, DIM);
	assert_string_equal(small->digest, "67dc3ba723f5902778a0411aff710498ce1002d0d05d1c853ec49ec9de8f2294");
	assert_string_equal(small->weights, "05c149d6ac41bf1d893bfa741ed1d8e519f5609fe78ba56228a61b383eea1220");
}

/* The network describes a picture of four equal parts, and of sixteen, as one of them. */
static void test_parts_are_averaged(void **state)
{
	float one[DIM], four[DIM];

	(void)state;
	encode(picture(EM_U8, 128, 128, 50, 40), one);
	encode(picture(EM_U8, 256, 256, 50, 40), four);
	assert_near(cosine(one, four, FINE), 1, 1e-6);
	encode(picture(EM_U8, 512, 512, 50, 40), four);
	assert_near(cosine(one, four, FINE), 1, 1e-6);
}

/* The pieces have the lengths gate, 0.8 gate, 0.5 and 1.2 before all have length 1; the gate is floor + (1 - floor)
 * signal, where the signal of white noise is next to nothing and that of a wave nearly all. */
static void test_gate(void **state)
{
	float v[DIM];
	double gate;

	(void)state;
	for (size_t k = 0; k < 12; k++) {
		static const size_t sides[6] = {32, 48, 64, 95, 128, 300};
		size_t side = sides[k / 2];
		bool grainy = side == 64 && k % 2; /* resampled, noise is white no longer */

		encode(picture(EM_F32, side, side, grainy ? 0 : 60, grainy ? 100 : 0), v);
		gate = length(v, FINE) / length(v + SPECTRUM, EM_SPECTRAL_BINS) * 1.2;
		assert_near(length(v + FINE, 64) / length(v, FINE), 0.8, 1e-5);
		assert_near(length(v + FINE + 64, 112) / length(v + SPECTRUM, EM_SPECTRAL_BINS), 0.5 / 1.2, 1e-5);
		assert_near(length(v, DIM), 1, 1e-6);
		assert_true(grainy ? gate >= 0.15 - 1e-6 && gate < 0.25 : gate > 0.9 && gate <= 1 + 1e-6);
	}
}

/* The last piece is the spectral encoder's. */
static void test_spectrum(void **state)
{
	static const size_t sides[3] = {64, 95, 600};
	struct em_encoder *spectral = em_encoder_new("spectral", EM_PRECISION_AUTO, NULL);
	float v[DIM], s[EM_SPECTRAL_DIM];

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct em_array a = picture(EM_U8, sides[k], 70, 50, 40);
		double scale;

		assert_int_equal(spectral->encode(spectral, &a, s, NULL), 0);
		encode(a, v);
		scale = length(v + SPECTRUM, EM_SPECTRAL_BINS);
		for (size_t i = 0; i < EM_SPECTRAL_BINS; i++)
			assert_near((double)v[SPECTRUM + i] / scale, s[i], 1e-6);
	}
	em_encoder_free(spectral);
}

static void test_types(void **state)
{
	float u8[DIM], other[DIM];

	(void)state;
	encode(picture(EM_U8, 70, 90, 50, 40), u8);
	encode(picture(EM_U16, 70, 90, 50, 40), other);
	assert_near(cosine(u8, other, DIM), 1, 1e-6);
	encode(picture(EM_F32, 70, 90, 50, 40), other);
	assert_near(cosine(u8, other, DIM), 1, 1e-6);
}

/* Constant, nothing but NaN, one pixel, two that are different, ten thousand by three, values beyond reason. */
static void test_odd_pictures(void **state)
{
	static const struct odd {
		size_t height, width;
		float first, others;
	} odd[] = {{50, 50, 3, 3},      {9, 7, NAN, NAN},       {1, 1, 5, 5},        {1, 2, 0, 1},
	           {10000, 3, 0.5f, 1}, {64, 64, 3e38f, -3e38f}, {64, 64, 1e-38f, 0}, {30, 30, NAN, 1},
	           {95, 95, 3.4e38f, 3.4e38f}};
	float v[DIM];

	(void)state;
	for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
		struct em_array a;

		assert_int_equal(em_array_alloc_image(&a, EM_F32, odd[k].height, odd[k].width, NULL), 0);
		for (size_t i = 0; i < odd[k].height * odd[k].width; i++)
			((float *)a.data)[i] = i ? odd[k].others : odd[k].first;
		encode(a, v);
		assert_near(length(v, DIM), 1, 1e-5);
	}
}

/* ---- weights that are none ---- */

extern const unsigned char em_small_weights[], em_small_weights_end[];

/* Our own file with one text of its header changed, of the same length. */
static void refuse_in(enum em_precision precision, const char *from, const char *to, const char *why)
{
	size_t n = (size_t)(em_small_weights_end - em_small_weights), k = strlen(from);
	unsigned char *bytes = malloc(n), *at = NULL;
	struct em_safetensors *file;
	struct em_error err = {0};

	memcpy(bytes, em_small_weights, n);
	for (size_t i = 8; i < 8192 && !at; i++)
		if (!memcmp(bytes + i, from, k))
			at = bytes + i;
	assert_non_null(at);
	memcpy(at, to, k);
	file = em_safetensors_new((struct em_blob){bytes, n}, &err);
	if (!file)
		fail_msg("%s", err.text);
	assert_null(em_small_open(file, precision, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, why))
		fail_msg("'%s', expected something of '%s'", err.text, why);
	em_safetensors_free(file);
	free(bytes);
}

static void refuse(const char *from, const char *to, const char *why)
{
	refuse_in(EM_PRECISION_FP32, from, to, why);
}

static void test_bad_weights(void **state)
{
	(void)state;
	refuse("\"parts\"", "\"pasta\"", "\"parts\" in the metadata");
	refuse("1.0,0.8,0.5,1.2", "1.0,0.8,0.5,-.2", "\"parts\" in the metadata");
	refuse("1.0,0.8,0.5,1.2", "1.0,0.8,0.5,nan", "\"parts\" in the metadata");
	refuse("1.0,0.8,0.5,1.2", "1.0 0.8 0.5 1.2", "\"parts\" in the metadata");
	refuse("\"floor\":\"0.15\"", "\"floor\":\"1.15\"", "\"floor\" in the metadata");
	refuse("\"stem.weight\"", "\"stim.weight\"", "'stem.weight' is not there");
	refuse("\"fine.bias\"", "\"fine.bios\"", "'fine.bias' is not there");
	refuse("\"stage1.1.weight\"", "\"stage1.2.weight\"", "nothing is known of");
	refuse("\"shape\":[96,64,3,3]", "\"shape\":[64,96,3,3]", "no shape that fits");
	refuse("\"shape\":[48,1,7,7]", "\"shape\":[49,1,6,8]", "no shape that fits");
	refuse("\"shape\":[144,323]", "\"shape\":[323,144]", "expected 323 x 323");
}

/* ---- int8 ---- */

static bool has_int8(void)
{
	if (em_network_can(EM_PRECISION_INT8))
		return true;
	print_message("# this processor has no int8\n");
	return false;
}

/* One encoder to those who compare embeddings, chosen where it can be. */
static void test_int8_is_as_good(void **state)
{
	struct em_encoder *fp32 = small, *int8 = em_encoder_new("em-small", EM_PRECISION_AUTO, NULL);
	static const size_t sides[4] = {1, 64, 95, 300};
	float v[DIM], w[DIM];

	(void)state;
	assert_string_equal(fp32->precision, "fp32");
	assert_string_equal(int8->precision, em_network_can(EM_PRECISION_INT8) ? "int8" : "fp32");
	assert_string_equal(int8->digest, fp32->digest);
	for (size_t k = 0; k < 16; k++) {
		double waves = k % 2 ? 60 : 0, grain = k % 4 > 1 ? 100 : 1;

		encode(picture(EM_U8, sides[k / 4], sides[k / 4], waves, grain), v);
		small = int8;
		encode(picture(EM_U8, sides[k / 4], sides[k / 4], waves, grain), w);
		small = fp32;
		assert_true(cosine(v, w, DIM) >= 0.999);
	}
	em_encoder_free(int8);
}

static void test_int8_odd_pictures(void **state)
{
	struct em_encoder *fp32 = small;

	if (!has_int8())
		skip();
	small = em_encoder_new("em-small", EM_PRECISION_INT8, NULL);
	assert_non_null(small);
	test_odd_pictures(state);
	em_encoder_free(small);
	small = fp32;
}

/* What float32 does not read it does not mind. */
static void test_int8_bad_ranges(void **state)
{
	(void)state;
	if (!has_int8())
		skip();
	for (enum em_precision p = EM_PRECISION_AUTO; p <= EM_PRECISION_INT8; p += EM_PRECISION_INT8) {
		refuse_in(p, "\"13.73,16.41", "\"13.73,-6.41", "\"ranges\" in the metadata");
		refuse_in(p, "\"13.73,16.41", "\"0.000,16.41", "\"ranges\" in the metadata");
		refuse_in(p, "\"13.73,16.41", "\"1e-30,16.41", "\"ranges\" in the metadata");
		refuse_in(p, "\"13.73,16.41", "\"13.73,1e410", "\"ranges\" in the metadata");
		refuse_in(p, "\"13.73,16.41", "\"  nan,16.41", "\"ranges\" in the metadata");
		refuse_in(p, "\"13.73,16.41", "\"13.73 16.41", "\"ranges\" in the metadata");
	}
}

static void test_precisions_that_are_none(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_encoder_new("em-small", EM_PRECISION_BF16, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_encoder_new("spectral", EM_PRECISION_FP32, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_non_null(strstr(err.text, "spectral is no network"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_identity),     cmocka_unit_test(test_parts_are_averaged),
	    cmocka_unit_test(test_gate),         cmocka_unit_test(test_spectrum),
	    cmocka_unit_test(test_types),        cmocka_unit_test(test_odd_pictures),
	    cmocka_unit_test(test_bad_weights),  cmocka_unit_test(test_int8_is_as_good),
	    cmocka_unit_test(test_int8_odd_pictures), cmocka_unit_test(test_int8_bad_ranges),
	    cmocka_unit_test(test_precisions_that_are_none)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_encoder, free_encoder);
}
