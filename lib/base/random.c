/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/random.h"

#include <math.h>

/* splitmix64: each step of the state gives an unrelated number. */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void em_random_seed(struct em_random *r, uint64_t seed, uint64_t index)
{
	uint64_t state = seed;

	/* The index enters through a mixed seed: (1, 2) and (2, 1) have nothing in common. */
	state = mix(&state) ^ index;
	state = mix(&state);
	for (int i = 0; i < 4; i++)
		r->s[i] = mix(&state);
}

struct em_random em_random_split(struct em_random *r)
{
	struct em_random child;
	uint64_t seed = em_random_bits(r);

	em_random_seed(&child, seed, em_random_bits(r));
	return child;
}

double em_random_between(struct em_random *r, double lo, double hi)
{
	return lo + (hi - lo) * em_random_uniform(r);
}

double em_random_log_between(struct em_random *r, double lo, double hi)
{
	return lo * exp(log(hi / lo) * em_random_uniform(r));
}

size_t em_random_below(struct em_random *r, size_t n)
{
	uint64_t range = n, least = -range % range,
	         bits; /* 2^64 mod n: below it a remainder would come once too often */

	do
		bits = em_random_bits(r);
	while (bits < least);
	return (size_t)(bits % range);
}

bool em_random_chance(struct em_random *r, double p)
{
	return em_random_uniform(r) < p;
}

double em_random_normal(struct em_random *r)
{
	double u, v, s;

	do {
		u = 2 * em_random_uniform(r) - 1;
		v = 2 * em_random_uniform(r) - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	return u * sqrt(-2 * log(s) / s);
}

#define SMALL 12 /* below it inversion is faster; PTRS holds from 10 on */

/* Sum the probabilities up to a uniform number. */
static uint32_t invert(struct em_random *r, double mean)
{
	double u = em_random_uniform(r), p = exp(-mean);
	uint32_t k = 0;

	while (u >= p && k < 200) { /* rounding may leave a last 1e-16 of u: 200 is 10^-140 away */
		u -= p;
		p *= mean / ++k;
	}
	return k;
}

/* log k! : Stirling's series, to 1e-12 for k >= 10 */
static double log_factorial(double k)
{
	static const double small[10] = {0,
	                                 0,
	                                 0.69314718055994531,
	                                 1.791759469228055,
	                                 3.1780538303479456,
	                                 4.7874917427820460,
	                                 6.5792512120101010,
	                                 8.5251613610654143,
	                                 10.604602902745250,
	                                 12.801827480081469};
	double i = 1 / k;

	if (k < 10)
		return small[(int)k];
	return (k + 0.5) * log(k) - k + 0.91893853320467274 + i * (1. / 12 - i * i * (1. / 360 - i * i / 1260));
}

static uint32_t reject(struct em_random *r, double mean)
{
	double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b, vr = 0.9277 - 3.6224 / (b - 2);

	for (;;) {
		double u = em_random_uniform(r) - 0.5, v = em_random_uniform(r), us = 0.5 - fabs(u);
		double at = (2 * a / us + b) * u + mean + 0.43, k;

		if (!(at >= 0))
			continue;
		k = (double)(int64_t)at;
		if (us >= 0.07 && v <= vr)
			return (uint32_t)k;
		if (us < 0.013 && v > us)
			continue;
		v *= 1.1239 + 1.1328 / (b - 3.4);
		if (log(v / (a / (us * us) + b)) <= k * log(mean) - mean - log_factorial(k))
			return (uint32_t)k;
	}
}

uint32_t em_random_poisson(struct em_random *r, double mean)
{
	if (!(mean > 0))
		return 0;
	return mean < SMALL ? invert(r, mean) : reject(r, mean < 1e9 ? mean : 1e9);
}
