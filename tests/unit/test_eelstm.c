/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The published network: its beginning, gradient, training and prediction.  Files: test_eelstm_file.c. */
#include "base/parallel.h"
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
#define WINDOW 3
#define HORIZON 2
#define WINDOWS (FRAMES - WINDOW - HORIZON + 1)

static float frames[FRAMES][CHANNELS];
static size_t first[WINDOWS], target[WINDOWS];

/* Counts that fall in time, with a wave in them. */
static void fill(void)
{
	for (size_t i = 0; i < FRAMES; i++)
		for (size_t c = 0; c < CHANNELS; c++)
			frames[i][c] =
			    (float)(1000 * (double)(c + 1) - 20 * (double)i + 40 * sin(0.9 * (double)(i + c)));
	for (size_t i = 0; i < WINDOWS; i++) {
		first[i] = i;
		target[i] = i + WINDOW - 1 + HORIZON;
	}
}

static struct em_eelstm_windows windows(size_t from, size_t count)
{
	return (struct em_eelstm_windows){&frames[0][0], FRAMES, first + from, target + from, count};
}

static struct em_eelstm_options small(void)
{
	struct em_eelstm_options o = em_eelstm_defaults();

	o.units = 4;
	o.window = WINDOW;
	o.horizon = HORIZON;
	o.rate = 1e-2;
	o.epochs = 6;
	o.batch = 30; /* two parts, and 4 windows of 34 in the last batch */
	return o;
}

static struct em_eelstm *new_net(const struct em_eelstm_options *o)
{
	struct em_eelstm *net = em_eelstm_new(o, CHANNELS, NULL);

	fill();
	assert_non_null(net);
	assert_int_equal(em_eelstm_fit_scale(net, &frames[0][0], FRAMES, NULL), 0);
	return net;
}

static void published_sizes(void **state)
{
	const struct em_eelstm_options o = em_eelstm_defaults();
	struct em_eelstm *net = em_eelstm_new(&o, 1900, NULL);
	size_t count = 0;

	(void)state;
	assert_non_null(net);
	for (size_t i = 0; i < net->tensors; i++)
		count += net->tensor[i].rows * net->tensor[i].columns;
	assert_int_equal(count, 2208768 + 525312 + 488300);
	em_eelstm_free(net);
}

static void weights_at_first(void **state)
{
	struct em_eelstm_options o = em_eelstm_defaults();
	struct em_eelstm *net;
	const struct em_eelstm_tensor *kernel, *recurrent, *bias;
	double sum = 0, squares = 0, limit = sqrt(6. / (200 + 4 * 32)), n = 200 * 4 * 32;

	(void)state;
	o.units = 32;
	net = em_eelstm_new(&o, 200, NULL);
	assert_non_null(net);
	kernel = em_eelstm_layer(net, 0, EM_EELSTM_KERNEL);
	recurrent = em_eelstm_layer(net, 1, EM_EELSTM_RECURRENT);
	bias = em_eelstm_layer(net, 1, EM_EELSTM_BIAS);
	for (size_t i = 0; i < kernel->rows * kernel->columns; i++) {
		double w = (double)net->value[kernel->at + i];
		assert_true(fabs(w) <= limit);
		sum += w;
		squares += w * w;
	}
	/* five standard deviations of a mean of n, of a mean square (whose variance is 4 / 45 limit^4) */
	assert_true(fabs(sum / n) < 5 * limit / sqrt(3 * n));
	assert_true(fabs(squares / n - limit * limit / 3) < 5 * limit * limit * sqrt(4 / 45. / n));
	for (size_t i = 0; i < 32; i++)
		for (size_t j = 0; j <= i; j++) {
			const float *a = net->value + recurrent->at + i * 128,
			            *b = net->value + recurrent->at + j * 128;
			double dot = 0;
			for (size_t k = 0; k < 128; k++)
				dot += (double)a[k] * (double)b[k];
			assert_true(fabs(dot - (i == j)) < 1e-6);
		}
	for (size_t i = 0; i < 128; i++)
		assert_true(net->value[bias->at + i] == (i / 32 == 1 ? 1.f : 0.f));
	em_eelstm_free(net);
}

/* The mean squared error of the part's windows, with the same dropout each time; `gradient`: left in its out. */
static double loss_of(struct em_eelstm_part *p, const struct em_eelstm *net, bool gradient)
{
	struct em_random r;
	double sum = 0;

	em_random_seed(&r, 3, 3);
	assert_int_equal(em_eelstm_forward(p, net, &r, NULL), 0);
	for (size_t i = 0; i < p->rows * CHANNELS; i++) {
		double off = (double)p->out[i] - 0.1 * (double)i;
		sum += off * off;
		if (gradient)
			p->out[i] = (float)(2 * off);
	}
	return sum;
}

static void check_gradient(double dropout, size_t layers)
{
	struct em_eelstm_options o = small();
	struct em_eelstm_part p = {0};
	struct em_eelstm *net;
	const double step = 4e-3;

	o.dropout = dropout;
	o.layers = layers;
	net = new_net(&o);
	assert_int_equal(em_eelstm_part_set(&p, net, 6, true, NULL), 0); /* then fewer, in the same memory */
	assert_int_equal(em_eelstm_part_set(&p, net, 4, true, NULL), 0);
	for (size_t i = 0; i < WINDOW * 4 * CHANNELS; i++)
		p.source[i] = sinf((float)(i * i));
	loss_of(&p, net, true);
	assert_int_equal(em_eelstm_backward(&p, net, NULL), 0);
	for (size_t t = 0; t < net->tensors; t++)
		for (size_t i = 0; i < net->tensor[t].rows * net->tensor[t].columns; i++) {
			size_t at = net->tensor[t].at + i;
			float kept = net->value[at];
			double up, down, slope;
			net->value[at] = kept + (float)step;
			up = loss_of(&p, net, false);
			net->value[at] = kept - (float)step;
			down = loss_of(&p, net, false);
			net->value[at] = kept;
			slope = (up - down) / (2 * step);
			/* the losses have 24 bits, and a third derivative */
			if (!(fabs((double)p.gradient[at] - slope) < 1e-3))
				fail_msg("%s, element %zu: %g, not %g", net->tensor[t].name, i, (double)p.gradient[at],
				         slope);
		}
	em_eelstm_part_release(&p);
	em_eelstm_free(net);
}

static void gradient(void **state)
{
	(void)state;
	check_gradient(0, 2);
	check_gradient(0.4, 2);
	check_gradient(0.4, 1);
	check_gradient(0, 3);
}

static void dropout_keeps_the_mean(void **state)
{
	struct em_eelstm_options o = small();
	struct em_eelstm_part p = {0};
	struct em_eelstm *net;
	struct em_random r;
	size_t n = WINDOW * 25 * 64;
	double sum = 0, lost = 0;

	(void)state;
	o.dropout = 0.3;
	o.units = 64;
	net = new_net(&o);
	em_random_seed(&r, 1, 1);
	assert_int_equal(em_eelstm_part_set(&p, net, 25, true, NULL), 0);
	assert_int_equal(em_eelstm_forward(&p, net, &r, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		sum += (double)p.mask[0][i];
		lost += p.mask[0][i] == 0;
	}
	assert_true(fabs(lost / (double)n - 0.3) < 5 * sqrt(0.3 * 0.7 / (double)n));
	assert_true(fabs(sum / (double)n - 1) < 5 * sqrt(0.3 / 0.7 / (double)n));
	em_eelstm_part_release(&p);
	em_eelstm_free(net);
}

/* Without weights a forecast is the bias, taken back from the scale. */
static void scale(void **state)
{
	const float counts[3][CHANNELS] = {{10, 7, 100, 0, 1}, {30, 7, 50, -4, 2}, {20, 7, 75, 4, 3}};
	const float window[WINDOW][CHANNELS] = {{0}}, want[CHANNELS] = {15, 7.25f, 62.5f, -2, 1.5f};
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = new_net(&o);
	struct em_error err = {0};
	float bad[CHANNELS] = {1, 2, NAN}, out[CHANNELS];

	(void)state;
	assert_int_equal(em_eelstm_fit_scale(net, &counts[0][0], 3, NULL), 0);
	memset(net->value, 0, net->size * sizeof(*net->value));
	for (size_t c = 0; c < CHANNELS; c++)
		net->value[em_eelstm_dense(net)[1].at + c] = 0.25f;
	assert_int_equal(em_eelstm_predict(net, &window[0][0], 1, out, NULL), 0);
	for (size_t c = 0; c < CHANNELS; c++)
		assert_true(fabsf(out[c] - want[c]) < 1e-4f);
	assert_int_equal(em_eelstm_fit_scale(net, bad, 1, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_eelstm_fit_scale(net, bad, 0, &err), -1);
	em_eelstm_free(net);
}

static double trained_loss(struct em_eelstm *net, size_t from, size_t count)
{
	const struct em_eelstm_windows w = windows(from, count);
	double loss;

	assert_int_equal(em_eelstm_loss(net, &w, &loss, NULL), 0);
	return loss;
}

static void it_learns(void **state)
{
	struct em_eelstm_options o = small();
	struct em_eelstm *net;
	struct em_eelstm_windows w;
	double before;

	(void)state;
	o.epochs = 200;
	o.dropout = 0;
	net = new_net(&o);
	w = windows(0, WINDOWS);
	before = trained_loss(net, 0, WINDOWS);
	assert_int_equal(em_eelstm_train(net, &w, NULL, NULL, NULL), 0);
	assert_true(trained_loss(net, 0, WINDOWS) < 0.02 * before);
	assert_int_equal(em_eelstm_how_far(net).epoch, 200);
	assert_true(isnan(em_eelstm_how_far(net).validation));
	em_eelstm_free(net);
}

/* The loss is that of the forecasts, and it takes each window's own target. */
static void loss_is_of_forecasts(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = new_net(&o);
	float out[CHANNELS];
	double sum = 0;

	(void)state;
	for (size_t i = 0; i < WINDOWS; i++) {
		assert_int_equal(em_eelstm_predict(net, frames[first[i]], 1, out, NULL), 0);
		for (size_t c = 0; c < CHANNELS; c++)
			sum += pow((double)(out[c] - frames[target[i]][c]) / (double)net->range[c], 2);
	}
	assert_true(fabs(sum / (WINDOWS * CHANNELS) / trained_loss(net, 0, WINDOWS) - 1) < 1e-4);
	em_eelstm_free(net);
}

struct many {
	const struct em_eelstm *net;
	const float *windows;
	float (*out)[CHANNELS];
};

static void predict_one(void *ctx, size_t i)
{
	struct many *m = ctx;

	if (em_eelstm_predict(m->net, m->windows + i * WINDOW * CHANNELS, 1, m->out[i], NULL))
		m->out[i][0] = NAN;
}

static void predictions_in_threads(void **state)
{
	static float in[60][WINDOW][CHANNELS], together[60][CHANNELS], alone[60][CHANNELS];
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = new_net(&o);
	struct many m = {net, &in[0][0][0], alone};
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < 60; i++)
		memcpy(in[i], frames[i % WINDOWS], sizeof(in[i]));
	assert_int_equal(em_eelstm_predict(net, &in[0][0][0], 60, &together[0][0], NULL), 0); /* 25, 25, 10 */
	em_parallel_for(4, 60, predict_one, &m);
	for (size_t i = 0; i < 60; i++)
		for (size_t c = 0; c < CHANNELS; c++)
			assert_true(fabsf(alone[i][c] - together[i][c]) < 1e-2f); /* of thousands */
	in[59][2][1] = INFINITY;
	assert_int_equal(em_eelstm_predict(net, &in[0][0][0], 60, &together[0][0], &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_eelstm_free(net);
}

/* With a rate of 0 no epoch is better than the first. */
static void early_stopping(void **state)
{
	struct em_eelstm_options o = small();
	struct em_eelstm *net;
	struct em_eelstm_windows train, validation;

	(void)state;
	o.rate = 0;
	o.patience = 7;
	o.epochs = 100;
	net = new_net(&o);
	train = windows(0, 25);
	validation = windows(25, WINDOWS - 25);
	assert_int_equal(em_eelstm_train(net, &train, &validation, NULL, NULL), 0);
	assert_int_equal(em_eelstm_how_far(net).epoch, 8);
	assert_int_equal(em_eelstm_how_far(net).best_epoch, 1);
	assert_int_equal(em_eelstm_train(net, &train, &validation, NULL, NULL), 0); /* it stays over */
	assert_int_equal(em_eelstm_how_far(net).epoch, 8);
	em_eelstm_free(net);
}

static void best_weights(void **state)
{
	for (int restore = 0; restore < 2; restore++) {
		struct em_eelstm_options o = small();
		struct em_eelstm *net;
		struct em_eelstm_windows train, validation;
		struct em_eelstm_progress p;

		(void)state;
		o.rate = 0.3; /* it jumps about */
		o.restore_best = restore;
		o.epochs = 30;
		net = new_net(&o);
		train = windows(0, 25);
		validation = windows(25, WINDOWS - 25);
		assert_int_equal(em_eelstm_train(net, &train, &validation, NULL, NULL), 0);
		p = em_eelstm_how_far(net);
		assert_true(p.best < p.validation && p.best_epoch < 30);
		assert_true(fabs(trained_loss(net, 25, WINDOWS - 25) / (restore ? p.best : p.validation) - 1) < 1e-9);
		em_eelstm_free(net);
	}
}

static void count_calls(void *ctx, const struct em_eelstm_progress *p)
{
	int *calls = ctx;

	assert_int_equal(p->epoch, ++*calls);
}

static bool enough(void *ctx)
{
	return *(int *)ctx == 2;
}

static void callbacks(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = new_net(&o);
	const struct em_eelstm_windows w = windows(0, WINDOWS);
	int calls = 0;
	const struct em_eelstm_callbacks c = {&calls, count_calls, enough};

	(void)state;
	assert_int_equal(em_eelstm_train(net, &w, NULL, &c, NULL), 0);
	assert_int_equal(calls, 2);
	assert_int_equal(em_eelstm_how_far(net).epoch, 2);
	assert_int_equal(em_eelstm_train(net, &w, NULL, &(struct em_eelstm_callbacks){&calls, count_calls, NULL}, NULL),
	                 0); /* and on */
	assert_int_equal(calls, 6);
	em_eelstm_free(net);
}

static void refuse(struct em_eelstm *net, const struct em_eelstm_windows *w, enum em_error_kind kind, const char *why)
{
	struct em_error err = {0};

	assert_int_equal(em_eelstm_train(net, w, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static void bad_windows(void **state)
{
	const struct em_eelstm_options o = small();
	struct em_eelstm *net = new_net(&o);
	struct em_eelstm_windows none = windows(0, 0), all = windows(0, WINDOWS);

	(void)state;
	refuse(net, &none, EM_ERROR_USAGE, "no windows");
	target[3] = FRAMES;
	refuse(net, &all, EM_ERROR_USAGE, "window 3");
	fill();
	first[4] = FRAMES - WINDOW + 1;
	refuse(net, &all, EM_ERROR_USAGE, "window 4");
	fill();
	first[5] = SIZE_MAX;
	refuse(net, &all, EM_ERROR_USAGE, "window 5");
	fill();
	frames[7][2] = NAN;
	refuse(net, &all, EM_ERROR_DATA, "spectrum 7");
	fill();
	net->value[em_eelstm_dense(net)->at] = NAN; /* as after steps that were too long */
	refuse(net, &all, EM_ERROR_DATA, "beyond all numbers");
	em_eelstm_free(net);
}

static void bad_options(void **state)
{
	struct em_eelstm_options bad[10];
	const struct em_eelstm_options good = small();
	struct em_eelstm *net = new_net(&good);
	struct em_error err = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		bad[i] = good;
	bad[0].layers = 0;
	bad[1].units = EM_EELSTM_MAX_UNITS + 1;
	bad[2].window = 0;
	bad[3].dropout = 1;
	bad[4].rate = NAN;
	bad[5].batch = 0;
	bad[6].beta2 = 1;
	bad[7].threads = 0;
	bad[8].horizon = 0;
	bad[9].epsilon = 0;
	for (int i = 0; i < 10; i++) {
		assert_null(em_eelstm_new(&bad[i], CHANNELS, &err));
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_int_equal(em_eelstm_set_options(net, &bad[i], &err), -1);
	}
	assert_null(em_eelstm_new(&good, 0, &err));
	assert_null(em_eelstm_new(&good, EM_EELSTM_MAX_CHANNELS + 1, &err));
	bad[0] = good;
	bad[0].units = 5;
	assert_int_equal(em_eelstm_set_options(net, &bad[0], &err), -1); /* a network keeps its sizes */
	bad[0] = good;
	bad[0].rate = 0.5;
	assert_int_equal(em_eelstm_set_options(net, &bad[0], &err), 0);
	assert_true(em_eelstm_get_options(net)->rate == 0.5);
	em_eelstm_free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_sizes),
	    cmocka_unit_test(weights_at_first),
	    cmocka_unit_test(gradient),
	    cmocka_unit_test(dropout_keeps_the_mean),
	    cmocka_unit_test(scale),
	    cmocka_unit_test(it_learns),
	    cmocka_unit_test(loss_is_of_forecasts),
	    cmocka_unit_test(predictions_in_threads),
	    cmocka_unit_test(early_stopping),
	    cmocka_unit_test(best_weights),
	    cmocka_unit_test(callbacks),
	    cmocka_unit_test(bad_windows),
	    cmocka_unit_test(bad_options),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
