/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generalised oscillator strengths of hydrogen-like shells. */
#include "eels/sigma.h"

#include "eels/sigma_parts.h"

#include <math.h>

#define NEAR_ZERO 1e-6 /* of k^2: the limit */

/*
 * exp(-2 beta' / k) / (1 - exp(-2 pi / k)), tan beta' = b k / x; below the threshold of hydrogen, where screening lets
 * edges begin, k is imaginary and it goes on as exp(-(2 / |k|) artanh(b |k| / x)).
 */
static double coulomb(double k2, double b, double x)
{
	double k = sqrt(fabs(k2));

	if (fabs(k2) < NEAR_ZERO)
		return exp(-2 * b / x);
	if (k2 < 0)
		return exp(-2 / k * atanh(b * k / x));
	return exp(-2 / k * atan2(b * k, x)) / (1 - exp(-2 * SIGMA_PI / k));
}

/* k_H^2 and Q' of Egerton, eq. 3.126: energy and momentum in units of the nucleus. */
struct scaled {
	double k2, q;
	double unit; /* E / (R^2 Zs^4) */
};

static struct scaled scale(double zs, double ev, double qa0_squared, double threshold)
{
	double z2 = zs * zs;

	return (struct scaled){ev / (SIGMA_R * z2) - threshold, qa0_squared / z2, ev / (SIGMA_R * SIGMA_R * z2 * z2)};
}

double em_sigma_gos_1s(double zs, double ev, double qa0_squared)
{
	struct scaled s = scale(zs, ev, qa0_squared, 1);
	double x = s.q - s.k2 + 1;

	return 256 * s.unit * (s.q + s.k2 / 3 + 1.0 / 3) * coulomb(s.k2, 2, x) / pow(x * x + 4 * s.k2, 3);
}

double em_sigma_gos_2p(double zs, double ev, double qa0_squared)
{
	struct scaled s = scale(zs, ev, qa0_squared, 0.25);
	double q = s.q, k = s.k2, x = q - k + 0.25, g;

	g = 11.0 / 3072 + k * (3.0 / 64 + k * (7.0 / 32 + k * (5.0 / 12 + k / 4)));
	g += q * (107.0 / 960 + k * (41.0 / 48 + k * (113.0 / 60 + k)));
	g += q * q * (19.0 / 32 - k * (3.0 / 4 + k / 2));
	g += q * q * q * (9.0 / 4 * q - (3.0 / 4 + 3 * k));
	return 32 * s.unit * g * coulomb(k, 1, x) / pow(x * x + k, 5);
}

double em_sigma_gos_2s2p(double zs, double ev, double qa0_squared)
{
	struct scaled s = scale(zs, ev, qa0_squared, 0.25);
	double q = s.q, k = s.k2, x = q - k + 0.25, g;

	g = 5.0 / 64 + k * (23.0 / 48 + k * (3.0 / 4 + k / 3));
	g += q * (65.0 / 48 + k * (3.0 / 2 + k / 3));
	g += q * q * (q - (11.0 / 12 + 5.0 / 3 * k));
	return 32 * s.unit * g * coulomb(k, 1, x) / pow(x * x + k, 4);
}
