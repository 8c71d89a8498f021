/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encoders against closed forms, gratings, noise; and against pictures that hardly are some. */
#include "base/parallel.h"
#include "vision/encoder.h"
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

#define RINGS   EM_SPECTRAL_RINGS
#define SECTORS EM_SPECTRAL_SECTORS
#define MOMENTS (EM_SPECTRAL_BINS)

static const double PI = 3.141592653589793;

/* cmocka's own casts the arguments to float without parentheses. */
static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

static struct em_encoder *spectral, *pixels;

static int make_encoders(void **state)
{
	(void)state;
	spectral = em_encoder_new("spectral", EM_PRECISION_AUTO, NULL);
	pixels = em_encoder_new("pixels", EM_PRECISION_AUTO, NULL);
	return spectral && pixels ? 0 : -1;
}

static int free_encoders(void **state)
{
	(void)state;
	em_encoder_free(spectral);
	em_encoder_free(pixels);
	return 0;
}

static struct em_array image_of(enum em_dtype dtype, size_t h, size_t w)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, dtype, h, w, NULL), 0);
	return a;
}

/* Numbers in [0, 1) that look random (a 32-bit multiplicative generator, high bits). */
static double noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (double)(*seed >> 8) / 16777216;
}

/* A u8 picture with something at every frequency and direction, and no symmetry. */
static struct em_array texture(size_t h, size_t w, uint32_t seed)
{
	struct em_array a = image_of(EM_U8, h, w);
	uint8_t *v = a.data;

	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			v[y * w + x] = (uint8_t)(100 + 40 * sin(0.5 * (double)x + 0.2 * (double)y) +
			                         30 * cos(0.9 * (double)y) + (double)(x % 256) / 8 + 40 * noise(&seed));
	return a;
}

static void encode(const struct em_encoder *e, struct em_array *a, float *out)
{
	struct em_error err = {0};

	if (e->encode(e, a, out, &err))
		fail_msg("%s", err.text);
	em_array_release(a);
}

static void test_table(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_string_equal(em_encoder_kind_at(0)->name, "em-small");
	assert_string_equal(em_encoder_kind_at(1)->name, "spectral");
	assert_string_equal(em_encoder_kind_at(2)->name, "pixels");
	assert_null(em_encoder_kind_at(3));
	assert_null(em_encoder_new("resnet-999", EM_PRECISION_AUTO, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_string_equal(err.text, "no encoder is called 'resnet-999'; there are: em-small, spectral, pixels, and "
	                              "files *.safetensors");
	em_encoder_free(NULL);
}

/* Embeddings on disk are compared by these: when one changes, the encoder's name must, too. */
static void test_identity(void **state)
{
	(void)state;
	assert_string_equal(spectral->name, "spectral-1");
	assert_int_equal(spectral->dim, 149);
	assert_string_equal(spectral->digest, "a34374b99887cad76daee14631315627b2808c0463a7f80d26aaec94cbdcf958");
	assert_string_equal(pixels->name, "pixels-1");
	assert_int_equal(pixels->dim, 256);
	assert_string_equal(pixels->digest, "5a287d5c84ccbc275068e9901b2211d8e3c2a91b7f642d4706c3173a675de97e");
}

/* ---- spectral ---- */

static size_t greatest(const float *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 1; i < n; i++)
		if (v[i] > v[k])
			k = i;
	return k;
}

/* A grating on the centre of a ring and a sector has its energy there. */
static void check_grating(size_t h, size_t w, size_t ring, size_t sector)
{
	double f = 0.5 * pow(EM_SPECTRAL_LOWEST, 1 - (double)ring / (RINGS - 1));
	double angle = PI * (double)sector / SECTORS, fx = f * cos(angle), fy = f * sin(angle);
	struct em_array a = image_of(EM_F32, h, w);
	float *v = a.data, out[EM_SPECTRAL_DIM];

	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			v[y * w + x] = (float)cos(2 * PI * (fx * (double)x + fy * (double)y) + 1);
	encode(spectral, &a, out);
	assert_int_equal(greatest(out, EM_SPECTRAL_BINS), ring * SECTORS + sector);
}

static void test_gratings(void **state)
{
	(void)state;
	for (size_t ring = 7; ring + 1 < RINGS; ring++)
		for (size_t sector = 0; sector < SECTORS; sector++) {
			check_grating(95, 95, ring, sector);
			check_grating(64, 100, ring, sector);
		}
	check_grating(600, 1300, 6, 4); /* beyond one window: averaged over many */
	check_grating(513, 300, 9, 11);
}

/* A quarter turn moves every sector by half of them; brightness and contrast stay. */
static void test_quarter_turn(void **state)
{
	const size_t n = 96;
	struct em_array a = texture(n, n, 1), b = image_of(EM_U8, n, n);
	float u[EM_SPECTRAL_DIM], v[EM_SPECTRAL_DIM];

	(void)state;
	for (size_t y = 0; y < n; y++)
		for (size_t x = 0; x < n; x++)
			((uint8_t *)b.data)[x * n + n - 1 - y] = ((uint8_t *)a.data)[y * n + x];
	encode(spectral, &a, u);
	encode(spectral, &b, v);
	for (size_t i = 0; i < EM_SPECTRAL_BINS; i++) {
		size_t turned = i / SECTORS * SECTORS + (i + SECTORS / 2) % SECTORS;

		assert_near(u[i], v[turned], 1e-4);
	}
	for (size_t k = 0; k < EM_SPECTRAL_MOMENTS; k++)
		assert_near(u[MOMENTS + k], v[MOMENTS + k], 1e-5);
	assert_true(fabsf(u[greatest(u, EM_SPECTRAL_BINS)] - v[greatest(u, EM_SPECTRAL_BINS)]) > 0.1f);
}

/* The spectral part does not see gain and offset, nor in which type they come. */
static void test_gain_and_offset(void **state)
{
	struct em_array a = texture(95, 95, 2), b = image_of(EM_U16, 95, 95), c = image_of(EM_F32, 95, 95);
	float u[EM_SPECTRAL_DIM], v[EM_SPECTRAL_DIM], w[EM_SPECTRAL_DIM];
	double length = 0;

	(void)state;
	for (size_t i = 0; i < 95 * 95; i++) {
		((uint16_t *)b.data)[i] = (uint16_t)(9 * em_array_get(&a, i) + 20000);
		((float *)c.data)[i] = (float)(-1e-4 * em_array_get(&a, i) + 0.125);
	}
	encode(spectral, &a, u);
	encode(spectral, &b, v);
	encode(spectral, &c, w);
	for (size_t i = 0; i < EM_SPECTRAL_BINS; i++) {
		assert_near(u[i], v[i], 1e-4);
		assert_near(u[i], w[i], 1e-4);
		length += (double)u[i] * (double)u[i];
	}
	assert_near(length, 1, 1e-5);
}

/* White noise has the same power in all coefficients: components are the cube root of how many there are. */
static void test_white_noise(void **state)
{
	struct em_spectral_cache *cache = em_spectral_cache_new(NULL);
	const struct em_spectral_pool *pool = em_spectral_pool_take(cache, 512, 512, NULL);
	struct em_array a = image_of(EM_F32, 512, 512);
	float out[EM_SPECTRAL_DIM];
	double length = 0;
	uint32_t seed = 3;
	size_t checked = 0;

	(void)state;
	assert_non_null(pool);
	for (size_t i = 0; i < 512 * 512; i++)
		((float *)a.data)[i] = (float)(noise(&seed) + noise(&seed) + noise(&seed));
	encode(spectral, &a, out);
	for (size_t b = 0; b < EM_SPECTRAL_BINS; b++)
		length += pow(pool->area[b], 2. / 3);
	for (size_t b = 0; b < EM_SPECTRAL_BINS; b++)
		if (pool->area[b] > 1000) {
			assert_near(out[b] / (cbrt(pool->area[b]) / sqrt(length)), 1, 0.1);
			checked++;
		}
	assert_true(checked >= 3 * SECTORS);
	em_spectral_pool_give(cache, pool);
	em_spectral_cache_free(cache);
}

/* Every coefficient but the mean and Nyquist's row and column is in the bins, once. */
static void test_pool_counts_all(void **state)
{
	struct em_spectral_cache *cache = em_spectral_cache_new(NULL);
	const size_t sizes[][2] = {{1, 1}, {2, 40}, {95, 95}, {34, 35}, {512, 100}};

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		const struct em_spectral_pool *p = em_spectral_pool_take(cache, sizes[k][0], sizes[k][1], NULL);
		double all = 0;

		assert_non_null(p);
		assert_true(p->fft_height >= p->height && p->fft_width >= p->width);
		for (size_t b = 0; b < EM_SPECTRAL_BINS; b++)
			all += p->area[b];
		assert_near(all, (double)((p->fft_height - 1) * (p->fft_width - 1) - 1), 1e-4 * all);
		em_spectral_pool_give(cache, p);
	}
	em_spectral_cache_free(cache);
}

static void check_moments(struct em_array *a, double mean, double sd, double sds, double sd_sds, double sd_means)
{
	const double want[] = {asinh(mean), 2 * asinh(sd), 2 * asinh(sds), 2 * asinh(sd_sds), 2 * asinh(sd_means)};
	float out[EM_SPECTRAL_DIM];

	encode(spectral, a, out);
	for (size_t k = 0; k < EM_SPECTRAL_MOMENTS; k++)
		assert_near(out[MOMENTS + k], want[k], 1e-6);
}

static void test_moments(void **state)
{
	struct em_array half = image_of(EM_U8, 40, 40), board = image_of(EM_U16, 40, 40);
	struct em_array both = image_of(EM_F32, 40, 40), flat = image_of(EM_I16, 3, 2);

	(void)state;
	for (size_t y = 0; y < 40; y++)
		for (size_t x = 0; x < 40; x++) {
			((uint8_t *)half.data)[y * 40 + x] = x < 20 ? 0 : 255;
			((uint16_t *)board.data)[y * 40 + x] = (x + y) % 2 ? 65535 : 0;
			((float *)both.data)[y * 40 + x] = y < 20 ? 2 : (x + y) % 2 ? 6 : -2;
		}
	for (size_t i = 0; i < 6; i++)
		((int16_t *)flat.data)[i] = -32767;
	check_moments(&half, 0.5, 0.5, 0, 0, 0.5);
	check_moments(&board, 0.5, 0.5, 0.5, 0, 0);
	check_moments(&both, 2, sqrt(8), 2, 2, 0); /* half the tiles have sd 4, half 0 */
	check_moments(&flat, -1, 0, 0, 0, 0);
}

/* ---- pictures that hardly are some ---- */

static void check_finite(struct em_array *a, bool flat)
{
	float out[EM_PIXELS_DIM], first[EM_SPECTRAL_DIM];
	double length = 0;
	struct em_array copy;

	assert_int_equal(em_array_copy(&copy, a, NULL), 0);
	encode(spectral, a, first);
	for (size_t i = 0; i < EM_SPECTRAL_DIM; i++)
		assert_true(isfinite(first[i]));
	for (size_t i = 0; i < EM_SPECTRAL_BINS; i++)
		length += (double)first[i] * (double)first[i];
	assert_near(length, flat ? 0 : 1, flat ? 0 : 1e-5);
	encode(pixels, &copy, out);
	for (size_t i = 0; i < EM_PIXELS_DIM; i++) {
		assert_true(isfinite(out[i]));
		if (flat)
			assert_near(out[i], 0, 0);
	}
}

static struct em_array filled(size_t h, size_t w, float value)
{
	struct em_array a = image_of(EM_F32, h, w);

	for (size_t i = 0; i < h * w; i++)
		((float *)a.data)[i] = value;
	return a;
}

static void test_sizes(void **state)
{
	const size_t sizes[][2] = {{1, 2}, {2, 1}, {2, 2}, {3, 5}, {1, 600}, {700, 1}, {7, 1030}, {16, 16}, {513, 514}};
	struct em_array one = texture(1, 1, 4);

	(void)state;
	check_finite(&one, true);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct em_array a = texture(sizes[k][0], sizes[k][1], 5);

		check_finite(&a, false);
	}
}

static void test_values(void **state)
{
	const float flat[] = {0, 1e6f + 0.1f, -3.3e38f, 1e-42f, NAN, INFINITY, -INFINITY};
	const float odd[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f};

	(void)state;
	for (size_t k = 0; k < sizeof(flat) / sizeof(flat[0]); k++) {
		struct em_array a = filled(30, 31, flat[k]);

		check_finite(&a, true);
	}
	for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
		struct em_array a = filled(30, 31, 0.5f);

		for (size_t i = 0; i < 30; i++) {
			((float *)a.data)[30 * i] = 0.75f;
			((float *)a.data)[31 * i + 4] = odd[k];
		}
		check_finite(&a, false);
	}
}

static void test_types(void **state)
{
	(void)state;
	for (int t = 0; t < EM_DTYPES; t++) {
		struct em_array a = image_of((enum em_dtype)t, 20, 24);
		unsigned char *bytes = a.data;
		bool wide = t == EM_F64 || t == EM_C128; /* random ones would leave float32's range */

		for (size_t i = 0; i < em_array_bytes(&a); i++)
			bytes[i] = (unsigned char)(i * i * 31 + i * 7); /* float32 of any kind, too */
		for (size_t i = 0; wide && i < em_array_bytes(&a) / sizeof(double); i++)
			((double *)a.data)[i] = (double)(i * i * 31 % 97) - 40;
		check_finite(&a, false);
	}
}

/* A pixel that is not a number counts as the mean of those that are. */
static void test_gaps(void **state)
{
	struct em_array a = image_of(EM_F32, 48, 40), b = image_of(EM_F32, 48, 40);
	float u[EM_PIXELS_DIM], v[EM_PIXELS_DIM], *p = a.data, *q = b.data;
	double sum = 0;
	size_t good = 0;
	uint32_t seed = 6;

	(void)state;
	for (size_t i = 0; i < 48 * 40; i++) {
		p[i] = i % 7 == 3 ? NAN : (float)noise(&seed);
		if (i % 7 != 3) {
			sum += (double)p[i];
			good++;
		}
	}
	for (size_t i = 0; i < 48 * 40; i++)
		q[i] = i % 7 == 3 ? (float)(sum / (double)good) : p[i];
	assert_int_equal(pixels->encode(pixels, &a, u, NULL), 0);
	assert_int_equal(pixels->encode(pixels, &b, v, NULL), 0);
	for (size_t i = 0; i < EM_PIXELS_DIM; i++)
		assert_near(u[i], v[i], 1e-5);
	encode(spectral, &a, u);
	encode(spectral, &b, v);
	for (size_t i = 0; i < EM_SPECTRAL_DIM; i++)
		assert_near(u[i], v[i], 1e-5);
}

static void test_no_image(void **state)
{
	const size_t cube[] = {2, 3, 4}, none[] = {0, 5};
	const struct em_encoder *all[] = {spectral, pixels};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct em_array a;
		struct em_error err = {0};
		float out[EM_PIXELS_DIM] = {42};

		assert_int_equal(em_array_alloc(&a, EM_U8, 3, cube, NULL), 0);
		assert_int_equal(all[k]->encode(all[k], &a, out, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		em_array_release(&a);
		assert_int_equal(em_array_alloc(&a, EM_U8, 2, none, NULL), 0);
		assert_int_equal(all[k]->encode(all[k], &a, out, &err), -1);
		assert_near(out[0], 42, 0);
		em_array_release(&a);
	}
}

/* ---- threads ---- */

#define JOBS  400
#define SIZES 23 /* more than are kept */

struct job {
	struct em_array *image;
	float (*out)[EM_SPECTRAL_DIM];
};

static void encode_one(void *ctx, size_t i)
{
	struct job *j = ctx;

	spectral->encode(spectral, &j->image[i], j->out[i], NULL);
}

static void test_threads(void **state)
{
	struct job a = {calloc(JOBS, sizeof(struct em_array)), calloc(JOBS, sizeof(*a.out))};
	struct job b = {a.image, calloc(JOBS, sizeof(*b.out))};

	(void)state;
	assert_true(a.image && a.out && b.out);
	for (size_t i = 0; i < JOBS; i++)
		a.image[i] = texture(20 + i % SIZES, 30 + i % SIZES, (uint32_t)i);
	em_parallel_for(1, JOBS, encode_one, &a);
	em_parallel_for(8, JOBS, encode_one, &b);
	assert_memory_equal(a.out, b.out, JOBS * sizeof(*a.out));
	assert_true(memcmp(a.out[0], a.out[SIZES], sizeof(a.out[0])) != 0);
	for (size_t i = 0; i < JOBS; i++)
		em_array_release(&a.image[i]);
	free(a.image);
	free(a.out);
	free(b.out);
}

/* A pool in use stays whole when many other sizes come by. */
static void test_cache_keeps_what_is_used(void **state)
{
	struct em_spectral_cache *cache = em_spectral_cache_new(NULL);
	const struct em_spectral_pool *held[20];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		held[i] = em_spectral_pool_take(cache, 10 + i, 10, NULL);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(held[i]->height, 10 + i);
		assert_near(held[i]->window_x[0], pow(sin(PI / 20), 2), 1e-6);
		em_spectral_pool_give(cache, held[i]);
	}
	held[0] = em_spectral_pool_take(cache, 10, 10, NULL);
	held[1] = em_spectral_pool_take(cache, 10, 10, NULL);
	assert_ptr_equal(held[0], held[1]);
	em_spectral_pool_give(cache, held[0]);
	em_spectral_pool_give(cache, held[1]);
	em_spectral_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_table),
	        cmocka_unit_test(test_identity),
	        cmocka_unit_test(test_gratings),
	        cmocka_unit_test(test_quarter_turn),
	        cmocka_unit_test(test_gain_and_offset),
	        cmocka_unit_test(test_white_noise),
	        cmocka_unit_test(test_pool_counts_all),
	        cmocka_unit_test(test_moments),
	        cmocka_unit_test(test_sizes),
	        cmocka_unit_test(test_values),
	        cmocka_unit_test(test_types),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_no_image),
	        cmocka_unit_test(test_threads),
	        cmocka_unit_test(test_cache_keeps_what_is_used),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_encoders, free_encoders);
}
