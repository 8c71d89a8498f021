/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sim_frame ROUNDS THREADS FIELD_UM X_UM Y_UM` prints the milliseconds that each of so many HAADF frames of 1024 x
 * 1024 of the simulator's default specimen took, noise and all, with the world open already.
 */
#include "scope/sim/image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SIDE 1024

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* A probe of 300 kV and 25 mrad, in focus, and a ring from 60 to 200 mrad. */
static struct em_sim_view view_of(double field, double x, double y)
{
	double pixel = field / SIDE;

	return (struct em_sim_view){.signal = EM_SIM_SCAN,
	                            .width = SIDE,
	                            .height = SIDE,
	                            .x = x,
	                            .y = y,
	                            .plane = {{pixel, 0}, {0, -pixel}},
	                            .pixel = pixel,
	                            .voltage = 300e3,
	                            .spherical = 1e-6,
	                            .convergence = 25e-3,
	                            .beam_radius = INFINITY,
	                            .probe = 35e-12,
	                            .inner = 60e-3,
	                            .outer = 200e-3,
	                            .seconds = 1,
	                            .dwell = 1e-6,
	                            .row_jitter = 12e-12 + 0.02 * pixel,
	                            .electrons = 1000,
	                            .dqe = 0.9,
	                            .gain = 10,
	                            .offset = 500,
	                            .read_noise = 5,
	                            .saturation = 65535,
	                            .seed = 1};
}

static int frame(const struct em_sim_world *w, const struct em_sim_view *v, int threads, struct em_error *err)
{
	struct em_array expected, counts;
	int failed;

	if (em_sim_expect(w, v, threads, &expected, err))
		return -1;
	failed = em_sim_detect(v, &expected, threads, &counts, err);
	em_array_release(&expected);
	if (!failed)
		em_array_release(&counts);
	return failed;
}

static int run(const struct em_sim_world *w, const struct em_sim_view *v, int rounds, int threads, struct em_error *err)
{
	for (int i = 0; i < rounds; i++) {
		double begin = now(CLOCK_MONOTONIC), work = now(CLOCK_PROCESS_CPUTIME_ID);

		if (frame(w, v, threads, err))
			return -1;
		printf("%.3f %.3f\n", now(CLOCK_MONOTONIC) - begin, now(CLOCK_PROCESS_CPUTIME_ID) - work);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct em_sim_world *w = NULL;
	struct em_error err = {0};
	struct em_sim_view v;
	int failed;

	if (argc != 6)
		return 2;
	v = view_of(atof(argv[3]) * 1e-6, atof(argv[4]) * 1e-6, atof(argv[5]) * 1e-6);
	failed = em_sim_world_open(NULL, 1, &w, &err) || run(w, &v, atoi(argv[1]), atoi(argv[2]), &err);
	em_sim_world_free(w);
	if (failed)
		fprintf(stderr, "%s\n", err.text);
	return failed;
}
