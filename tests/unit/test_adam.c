/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Adam's steps beside its equations in double precision. */
#include "forecast/adam.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 11 /* two vectors and a rest */

static void check_steps(double epsilon, bool torch)
{
	float w[N], m[N] = {0}, v[N] = {0}, g[2][N + 3];
	const float *const part[2] = {g[0], g[1]};
	double w2[N], m2[N] = {0}, v2[N] = {0};

	for (int i = 0; i < N; i++)
		w2[i] = w[i] = (float)i - 5;
	for (int t = 1; t <= 20; t++) {
		struct em_adam a = em_adam_at(0.01, 0.8, 0.99, epsilon, torch, (uint64_t)t);
		for (int i = 0; i < N; i++) {
			double sum;
			g[0][i + 3] = sinf((float)(i * t));
			g[1][i + 3] = 0.25f * cosf((float)(i + t));
			sum = (double)g[0][i + 3] + (double)g[1][i + 3];
			m2[i] = 0.8 * m2[i] + 0.2 * sum;
			v2[i] = 0.99 * v2[i] + 0.01 * sum * sum;
			if (torch)
				w2[i] -=
				    0.01 * m2[i] / (1 - pow(0.8, t)) / (sqrt(v2[i] / (1 - pow(0.99, t))) + epsilon);
			else
				w2[i] -=
				    0.01 * sqrt(1 - pow(0.99, t)) / (1 - pow(0.8, t)) * m2[i] / (sqrt(v2[i]) + epsilon);
		}
		em_adam_step(&a, &(struct em_adam_weights){w, m, v, part, 2, 3}, N);
	}
	for (int i = 0; i < N; i++)
		assert_true(fabs((double)w[i] - w2[i]) < 5e-6 && fabs((double)v[i] - v2[i]) < 1e-6);
}

static void both_forms(void **state)
{
	(void)state;
	check_steps(1e-7, false);
	check_steps(1e-7, true);
	check_steps(0.1, false); /* where they differ */
	check_steps(0.1, true);
}

/* Whatever the gradient is, the first step is as long as the rate. */
static void first_step(void **state)
{
	const float g[3] = {1e-3f, -40, 0}, *const part = g;
	float w[3] = {1, 1, 1}, m[3] = {0}, v[3] = {0};
	struct em_adam a = em_adam_at(0.125, 0.9, 0.999, 1e-12, true, 1);

	(void)state;
	em_adam_step(&a, &(struct em_adam_weights){w, m, v, &part, 1, 0}, 3);
	assert_true(fabsf(w[0] - 0.875f) < 1e-6f && fabsf(w[1] - 1.125f) < 1e-6f && w[2] == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_forms), cmocka_unit_test(first_step)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
