/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network's files: training that goes on where it was, the same numbers each time, and files that lie. */
#include "forecast/eelstm_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS 5
#define FRAMES 40
#define WINDOWS (FRAMES - 4)

static float frames[FRAMES][CHANNELS];
static size_t first[WINDOWS], target[WINDOWS];
static const struct em_eelstm_windows train = {&frames[0][0], FRAMES, first, target, 30},
                                      validation = {&frames[0][0], FRAMES, first + 30, target + 30, WINDOWS - 30};

static struct em_eelstm_options small(void)
{
	struct em_eelstm_options o = em_eelstm_defaults();

	for (size_t i = 0; i < FRAMES; i++)
		for (size_t c = 0; c < CHANNELS; c++)
			frames[i][c] = (float)(100 * (double)c + 40 * sin(0.9 * (double)(i + c)));
	for (size_t i = 0; i < WINDOWS; i++) {
		first[i] = i;
		target[i] = i + 4;
	}
	o.units = 4;
	o.window = 3;
	o.horizon = 2;
	o.rate = 1e-2;
	o.batch = 28;
	o.epochs = 8;
	o.restore_best = true;
	return o;
}

static struct em_eelstm *trained(const struct em_eelstm_options *o)
{
	struct em_eelstm *net = em_eelstm_new(o, CHANNELS, NULL);

	assert_non_null(net);
	assert_int_equal(em_eelstm_fit_scale(net, &frames[0][0], FRAMES, NULL), 0);
	assert_int_equal(em_eelstm_train(net, &train, &validation, NULL, NULL), 0);
	return net;
}

static struct em_text print(const struct em_eelstm *net, bool state)
{
	struct em_text t = {0};

	assert_int_equal(em_eelstm_print(net, state, NULL, 0, &t, NULL), 0);
	return t;
}

static struct em_blob bytes_of(const struct em_text *t)
{
	return (struct em_blob){(const unsigned char *)t->s, t->len};
}

/* The same network: the same bytes in its file. */
static void check_same(struct em_eelstm *a, struct em_eelstm *b, bool same)
{
	struct em_text x = print(a, true), y = print(b, true);

	assert_int_equal(x.len == y.len && !memcmp(x.s, y.s, x.len), same);
	em_text_release(&x);
	em_text_release(&y);
}

static void same_seed_same_numbers(void **state)
{
	struct em_eelstm_options o = small(), other = small();
	struct em_eelstm *a = trained(&o), *b, *c;

	(void)state;
	o.threads = 4;
	b = trained(&o);
	other.seed = 2;
	c = trained(&other);
	check_same(a, b, true);
	check_same(a, c, false);
	em_eelstm_free(a);
	em_eelstm_free(b);
	em_eelstm_free(c);
}

static void resumed_is_uninterrupted(void **state)
{
	struct em_eelstm_options o = small(), half;
	struct em_eelstm *whole, *a, *b;
	struct em_text t;

	(void)state;
	o.restore_best = false;
	half = o;
	half.epochs = 3;
	whole = trained(&o);
	a = trained(&half);
	t = print(a, true);
	b = em_eelstm_load_bytes(bytes_of(&t), NULL);
	assert_non_null(b);
	assert_true(em_eelstm_resumes(b));
	assert_int_equal(em_eelstm_how_far(b).epoch, 3);
	check_same(a, b, true);
	assert_int_equal(em_eelstm_set_options(b, &o, NULL), 0);
	assert_int_equal(em_eelstm_train(b, &train, &validation, NULL, NULL), 0);
	check_same(whole, b, true);
	em_text_release(&t);
	em_eelstm_free(whole);
	em_eelstm_free(a);
	em_eelstm_free(b);
}

/* Printed by a callback in the middle of a run that keeps the best weights. */
static void print_at_three(void *ctx, const struct em_eelstm_progress *p)
{
	void **both = ctx;

	if (p->epoch == 3)
		*(struct em_text *)both[1] = print(both[0], true);
}

static void resumed_with_the_best(void **state)
{
	struct em_eelstm_options o = small();
	struct em_eelstm *a, *b;
	struct em_text t = {0};
	void *both[2] = {NULL, &t};

	(void)state;
	o.rate = 0.2;
	a = em_eelstm_new(&o, CHANNELS, NULL);
	both[0] = a;
	assert_int_equal(em_eelstm_fit_scale(a, &frames[0][0], FRAMES, NULL), 0);
	assert_int_equal(
	    em_eelstm_train(a, &train, &validation, &(struct em_eelstm_callbacks){both, print_at_three, NULL}, NULL),
	    0);
	b = em_eelstm_load_bytes(bytes_of(&t), NULL);
	assert_non_null(b);
	assert_int_equal(em_eelstm_train(b, &train, &validation, NULL, NULL), 0);
	check_same(a, b, true);
	em_text_release(&t);
	em_eelstm_free(a);
	em_eelstm_free(b);
}

static void without_its_state(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *a = trained(&o), *b;
	struct em_text t = print(a, false);
	float out[2][CHANNELS];

	(void)state;
	b = em_eelstm_load_bytes(bytes_of(&t), NULL);
	assert_non_null(b);
	assert_int_equal(em_eelstm_channels(b), CHANNELS);
	assert_false(em_eelstm_resumes(b));
	assert_int_equal(em_eelstm_how_far(b).epoch, 8); /* told, */
	assert_int_equal(em_eelstm_predict(a, frames[0], 1, out[0], NULL), 0);
	assert_int_equal(em_eelstm_predict(b, frames[0], 1, out[1], NULL), 0);
	assert_memory_equal(out[0], out[1], sizeof(out[0]));
	assert_int_equal(em_eelstm_train(b, &train, &validation, NULL, NULL), 0);
	assert_int_equal(em_eelstm_how_far(b).epoch, 8); /* but trained anew: eight epochs more */
	check_same(a, b, false);
	em_text_release(&t);
	em_eelstm_free(a);
	em_eelstm_free(b);
}

static void notes(void **state)
{
	const struct em_eelstm_options o = small();
	const struct em_safetensors_note good[] = {{"source", "three \"series\""}, {"energy", "435-625 eV"}},
	                                 bad = {"units", "7"};
	struct em_eelstm *a = trained(&o), *b;
	struct em_error err = {0};
	struct em_text t = {0};

	(void)state;
	assert_int_equal(em_eelstm_print(a, false, good, 2, &t, NULL), 0);
	b = em_eelstm_load_bytes(bytes_of(&t), NULL);
	assert_non_null(b);
	assert_string_equal(em_eelstm_find_note(b, "source"), "three \"series\"");
	assert_string_equal(em_eelstm_find_note(b, "energy"), "435-625 eV");
	assert_null(em_eelstm_find_note(b, "nothing"));
	assert_null(em_eelstm_find_note(a, "source"));
	assert_int_equal(em_eelstm_print(a, false, &bad, 1, &t, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	a->value[0] = NAN;
	assert_int_equal(em_eelstm_print(a, false, NULL, 0, &t, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_text_release(&t);
	em_eelstm_free(a);
	em_eelstm_free(b);
}

/* ---- hostile files ---- */

static void refuse(struct em_blob bytes, const char *why)
{
	unsigned char *exact = malloc(bytes.size + 1); /* so that the sanitizers see a byte too far */
	struct em_error err = {0};

	assert_non_null(exact);
	memcpy(exact, bytes.data, bytes.size);
	exact = realloc(exact, bytes.size ? bytes.size : 1);
	assert_null(em_eelstm_load_bytes((struct em_blob){exact, bytes.size}, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	free(exact);
}

/* The file with `from` replaced by `to`, as long, in its header. */
static void lie(const struct em_text *file, const char *from, const char *to, const char *why)
{
	char *copy = malloc(file->len);
	size_t n = strlen(from), i = 0;

	assert_non_null(copy);
	assert_int_equal(n, strlen(to));
	memcpy(copy, file->s, file->len);
	while (i + n <= file->len && memcmp(copy + i, from, n))
		i++;
	assert_true(i + n <= file->len);
	memcpy(copy + i, to, n);
	refuse((struct em_blob){(const unsigned char *)copy, file->len}, why);
	free(copy);
}

static void files_that_lie(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = trained(&o);
	struct em_text t = print(net, true);

	(void)state;
	lie(&t, "em-eelstm 1", "em-eelstm 2", "no model");
	lie(&t, "\"units\":\"4\"", "\"units\":\"5\"", "is not of the shape");
	lie(&t, "\"units\":\"4\"", "\"units\":\"0\"", "units");
	lie(&t, "\"units\":\"4\"", "\"units\":\"x\"", "unexpected x");
	lie(&t, "\"units\":\"4\"", "\"units\":\"-\"", "unexpected -");
	lie(&t, "\"units\":\"4\"", "\"unity\":\"4\"", "missing");
	lie(&t, "\"units\":\"4\",\"window\":\"3\"", "\"window\":\"3\",\"units\":4  ", "missing");
	lie(&t, "\"layers\":\"2\"", "\"layers\":\"1\"", "do not belong");
	lie(&t, "\"layers\":\"2\"", "\"layers\":\"3\"", "'lstm2.kernel' is not there");
	lie(&t, "\"layers\":\"2\"", "\"layers\":\"9\"", "layers");
	lie(&t, "\"channels\":\"5\"", "\"channels\":\"4\"", "is not of the shape");
	lie(&t, "\"horizon\":\"2\"", "\"horizon\":\"0\"", "horizon");
	lie(&t, "\"batch\":\"28\"", "\"batch\":\"00\"", "batch");
	lie(&t, "\"beta1\":\"0.", "\"beta1\":\"9.", "beta1");
	lie(&t, "\"epoch\":\"8\"", "\"epoch\":\"0\"", "best_epoch");
	lie(&t, "\"shuffle\":\"1\"", "\"shuffle\":\"2\"", "shuffle");
	lie(&t, "\"lstm1.bias\"", "\"lstm1.bios\"", "'lstm1.bias' is not there");
	lie(&t, "\"adam.v.lstm0.bias\"", "\"adam.v.lstm0.boas\"", "'adam.v.lstm0.bias' is not there");
	lie(&t, "\"scale.least\"", "\"scale.lease\"", "'scale.least' is not there");
	lie(&t, "\"dtype\":\"F32\",\"shape\":[5]", "\"dtype\":\"I32\",\"shape\":[5]", "type I32");
	em_text_release(&t);
	em_eelstm_free(net);
}

/* A small file that asks for 1 GB. */
static void more_than_the_file(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = trained(&o);
	struct em_text t = print(net, false);

	(void)state;
	lie(&t, "\"units\":\"4\",\"window\":\"3\",\"horizon\":\"2\",\"dropout\":\"0.050000000000000003\"",
	    "\"units\":\"4096\",\"window\":\"3\",\"horizon\":\"2\",\"dropout\":\"0.050000000000000\"", "shorter than");
	em_text_release(&t);
	em_eelstm_free(net);
}

/* Elements of a tensor are set in the network behind the printer's back. */
static void numbers_that_are_none(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = trained(&o);
	const float nan = NAN;
	struct em_text t;

	(void)state;
	net->v[3] = -1e-3f;
	t = print(net, true);
	refuse(bytes_of(&t), "below 0");
	em_text_release(&t);
	net->v[3] = 0;
	net->range[2] = 0;
	t = print(net, true);
	refuse(bytes_of(&t), "'scale.range' is not above 0 in channel 2");
	em_text_release(&t);
	net->range[2] = 1;
	t = print(net, true);
	memcpy(t.s + t.len - 4, &nan, 4); /* the last of best.dense.bias */
	refuse(bytes_of(&t), "NaN");
	em_text_release(&t);
	em_eelstm_free(net);
}

static void cut(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = trained(&o);
	struct em_text t = print(net, true);

	(void)state;
	for (size_t n = 0; n < t.len; n += n < 5000 ? 41 : 501)
		refuse((struct em_blob){(const unsigned char *)t.s, n}, "");
	em_text_release(&t);
	em_eelstm_free(net);
}

static void no_file(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_eelstm_load("/nowhere/at.all", &err));
	assert_int_equal(err.kind, EM_ERROR_IO);
	em_eelstm_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_seed_same_numbers),
	    cmocka_unit_test(resumed_is_uninterrupted),
	    cmocka_unit_test(resumed_with_the_best),
	    cmocka_unit_test(without_its_state),
	    cmocka_unit_test(notes),
	    cmocka_unit_test(files_that_lie),
	    cmocka_unit_test(more_than_the_file),
	    cmocka_unit_test(numbers_that_are_none),
	    cmocka_unit_test(cut),
	    cmocka_unit_test(no_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
