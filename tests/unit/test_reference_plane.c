/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The planes that a lattice's phases lie on, against displacements that are known. */
#include "reference_help.h"

/* u = e (r - middle) turns the phase of g by -2 pi g.u: the slopes are -2 pi e^T g.  Where the frame's window falls,
 * masks see more of its inner side, and phases lag: over the whole frame the slopes are up to 3 % low. */
static void test_planes(void **state)
{
	static const char *const regions[] = {"a=50,45,140,130", "a=0,0,240,220"};

	(void)state;
	for (size_t r = 0; r < 2; r++) {
		struct scene s = square();
		struct lab l;

		begin(&l, &s);
		weigh(&l, &s, regions[r]);
		add(&l, &s);
		settle(&l, false);
		memcpy(s.e, (const double[2][2]){{0.004, -0.003}, {0.006, -0.002}}, sizeof(s.e));
		look(&l, &s);
		for (size_t i = 0; i < 2; i++)
			for (int d = 0; d < 2; d++) {
				double want = -TURN * (s.e[0][d] * s.g[i][0] + s.e[1][d] * s.g[i][1]);

				assert_near(l.planes[i].slope[d], want, r ? 0.03 * fabs(want) : 1e-5);
				assert_near(l.planes[i].coherence, 1, 2e-3);
			}
		for (size_t k = 0; k < l.points; k++)
			if (inside(&l, k, 40))
				assert_near(l.order[k], 1, 0.01);
		end(&l);
	}
}

/* The slopes' scatter over seeds of the noise is what they say it is. */
static void test_uncertainty(void **state)
{
	const int runs = 60;
	struct scene s = square();
	struct lab l;
	double square_sum = 0, stated = 0;

	(void)state;
	begin(&l, &s);
	weigh(&l, &s, "a=40,40,160,140");
	add(&l, &s);
	settle(&l, false);
	s.noise = 60;
	for (int i = 0; i < runs; i++) {
		s.seed = 500 + (uint64_t)i;
		look(&l, &s);
		for (size_t k = 0; k < 2; k++)
			for (int d = 0; d < 2; d++) {
				square_sum += pow(l.planes[k].slope[d], 2);
				stated += pow(l.planes[k].slope_u[d], 2);
			}
	}
	/* of 240 values, about as many of them free: a standard deviation is known to 5 % */
	assert_near(sqrt(square_sum / stated), 1, 0.2);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_planes),
	    cmocka_unit_test(test_uncertainty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
