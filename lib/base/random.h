/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random numbers that can be asked for again: a stream of numbers belongs to a pair (seed, index), so that item i of a
 * run is the same in whatever thread and order it is made.  Not for secrets.
 *
 * The generator is xoshiro256++ of Blackman and Vigna (ACM Trans. Math. Softw. 47 (2021) 36), seeded by splitmix64
 * (Steele, Lea and Flood, OOPSLA 2014): period 2^256 - 1.  The same numbers on every machine, except for what the C
 * library's log, sqrt and exp round differently.
 */
#ifndef EM_BASE_RANDOM_H
#define EM_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct em_random {
	uint64_t s[4];
};

/* The stream of (seed, index).  Streams of different pairs are unrelated. */
void em_random_seed(struct em_random *r, uint64_t seed, uint64_t index);
/* A stream of its own, unrelated to what r gives from now on. */
struct em_random em_random_split(struct em_random *r);

static inline uint64_t em_random_bits(struct em_random *r)
{
	uint64_t *s = r->s, sum = s[0] + s[3], out = ((sum << 23) | (sum >> 41)) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = (s[3] << 45) | (s[3] >> 19);
	return out;
}

/* [0, 1), a multiple of 2^-53. */
static inline double em_random_uniform(struct em_random *r)
{
	return (double)(em_random_bits(r) >> 11) * 0x1p-53;
}

double em_random_between(struct em_random *r, double lo, double hi);     /* uniform */
double em_random_log_between(struct em_random *r, double lo, double hi); /* its logarithm is uniform; 0 < lo <= hi */
size_t em_random_below(struct em_random *r, size_t n);                   /* 0 .. n - 1, each as likely; n >= 1 */
bool em_random_chance(struct em_random *r, double p);                    /* true with probability p */
/* Mean 0, variance 1: Marsaglia's polar method (SIAM Rev. 6 (1964) 260). */
double em_random_normal(struct em_random *r);
/*
 * Poisson's distribution, exact for every mean up to 10^9 (greater ones count as that; none or below: 0): inversion for
 * small means, transformed rejection (PTRS of Hormann, Insurance: Math. and Econ. 12 (1993) 39) for others.
 */
uint32_t em_random_poisson(struct em_random *r, double mean);

#endif
