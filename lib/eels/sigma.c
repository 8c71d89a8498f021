/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/sigma.h"

#include "eels/sigma_parts.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define REST 510998.95    /* m c^2, eV */
#define BOHR2 2.8002852e7 /* a0^2, barn */
#define K_FIRST 2
#define K_LAST 40
#define L_FIRST 11
#define L_LAST 56
#define LINES_FIRST 18 /* Z with white lines, and how far these go */
#define LINES_LAST 28
#define LINES_EV 20

/*
 * Egerton's exponent u of ((E + 0.1 - E_L3) / (1.8 Z^2))^u (SIGMAL3), from measured absorption of X-rays, and how far
 * L1 is above L3, eV, from the binding energies of the X-ray Data Booklet (LBNL 2009), table 1-1.
 */
static const struct {
	double exponent, to_l1;
} L_SHELL[L_LAST - L_FIRST + 1] = {{.82, 33},  {.52, 39},  {.52, 45},  {.42, 50},  {.30, 54},  {.29, 68},  {.22, 70},
                                   {.30, 78},  {.22, 84},  {.16, 92},  {.12, 99},  {.13, 107}, {.13, 115}, {.14, 122},
                                   {.16, 130}, {.18, 138}, {.19, 147}, {.22, 156}, {.14, 164}, {.11, 174}, {.12, 183},
                                   {.12, 198}, {.12, 203}, {.10, 218}, {.10, 232}, {.10, 243}, {.10, 261}, {.10, 276},
                                   {.10, 293}, {.10, 309}, {.10, 327}, {.10, 346}, {.10, 366}, {.10, 386}, {.10, 408},
                                   {.10, 431}, {.10, 455}, {.10, 480}, {.10, 508}, {.10, 536}, {.10, 566}, {.10, 598},
                                   {.10, 631}, {.10, 667}, {.10, 702}, {.10, 742}};

/* ---- edges ---- */

int em_sigma_edge_set(struct em_sigma_edge *edge, int z, const char *shell, double onset, struct em_error *err)
{
	bool k = strcmp(shell, "K") == 0;
	bool l = strcmp(shell, "L") == 0 || strcmp(shell, "L3") == 0 || strcmp(shell, "L23") == 0;

	if (!k && !l)
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "no cross section for the shell %.16s: the hydrogenic model has K and L (L23) only; give "
		    "a k-factor from a standard",
		    shell);
	if (z < (k ? K_FIRST : L_FIRST) || z > (k ? K_LAST : L_LAST))
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "no cross section for %s of Z = %d: the hydrogenic model is for Z = %d to %d; give a "
		    "k-factor from a standard",
		    k ? "K" : "L", z, k ? K_FIRST : L_FIRST, k ? K_LAST : L_LAST);
	if (!(onset >= 1 && onset <= 50e3))
		return em_error_set(err, EM_ERROR_USAGE, "an edge cannot begin at %.9g eV", onset);
	*edge = (struct em_sigma_edge){z, k ? EM_SIGMA_K : EM_SIGMA_L, onset};
	return 0;
}

double em_sigma_uncertainty(const struct em_sigma_edge *edge)
{
	return edge->shell == EM_SIGMA_K ? 0.1 : 0.2;
}

/* Slater's screening: 0.5 for the other 1s electron (as SIGMAK has it); 1.7 and 0.35 of the seven others of L. */
double em_sigma_gos(const struct em_sigma_edge *edge, double ev, double qa0_squared)
{
	double z = edge->z, above = ev - edge->onset, correction = 1;
	size_t i = (size_t)(edge->z - L_FIRST); /* of L shells */

	if (!(above >= 0))
		return 0;
	if (edge->shell == EM_SIGMA_K)
		return em_sigma_gos_1s(z - 0.5, ev, qa0_squared);
	if (edge->z < LINES_FIRST || edge->z > LINES_LAST || above > LINES_EV)
		correction = pow((above + 0.1) / (1.8 * z * z), L_SHELL[i].exponent);
	return correction * (above <= L_SHELL[i].to_l1 ? em_sigma_gos_2p(z - 4.15, ev, qa0_squared)
	                                               : em_sigma_gos_2s2p(z - 4.15, ev, qa0_squared));
}

/* ---- Gauss's rule of eight points ---- */

static const double POINT[4] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363};
static const double WEIGHT[4] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763};

static double integrate(double (*f)(const void *ctx, double x), const void *ctx, double from, double to)
{
	double middle = (from + to) / 2, half = (to - from) / 2, sum = 0;

	for (int i = 0; i < 4; i++)
		sum += WEIGHT[i] * (f(ctx, middle - half * POINT[i]) + f(ctx, middle + half * POINT[i]));
	return half * sum;
}

/* ---- one energy loss ---- */

struct scattering {
	const struct em_sigma_edge *edge;
	double ev;
	double q_least, k0k1;           /* (q a0)^2 forward; k0 k1 a0^2 */
	double convergence, collection; /* radians */
};

/* The share of a disc of radius a that one of radius b covers, `apart` from it. */
static double covered(double a, double b, double apart)
{
	double least = fmin(a, b), x, y, triangle;

	if (apart <= fabs(a - b))
		return a > 0 ? least * least / (a * a) : 1;
	if (apart >= a + b)
		return 0;
	x = (apart * apart + a * a - b * b) / (2 * apart);
	y = apart - x;
	triangle = apart * sqrt(fmax(a * a - x * x, 0));
	return (a * a * acos(fmax(-1, fmin(1, x / a))) + b * b * acos(fmax(-1, fmin(1, y / b))) - triangle) /
	       (SIGMA_PI * a * a);
}

static double log_q_at(const struct scattering *s, double angle)
{
	double half = sin(angle / 2);

	return log(s->q_least + 4 * s->k0k1 * half * half);
}

static double at_log_q(const void *ctx, double log_q)
{
	const struct scattering *s = ctx;
	double q = exp(log_q), half = sqrt(fmax(q - s->q_least, 0) / (4 * s->k0k1));
	double share = covered(s->convergence, s->collection, 2 * asin(fmin(half, 1)));

	return share * em_sigma_gos(s->edge, s->ev, q);
}

/* In steps of half a unit of the logarithm, a quarter where discs overlap. */
static double over_angles(const struct scattering *s, double from, double to, double step)
{
	double a = log_q_at(s, from), b = log_q_at(s, to), sum = 0;
	int panels = b > a ? 1 + (int)fmin((b - a) / step, 1000) : 0;

	for (int i = 0; i < panels; i++)
		sum += integrate(at_log_q, s, a + (b - a) * i / panels, a + (b - a) * (i + 1) / panels);
	return sum;
}

double em_sigma_density(const struct em_sigma_edge *edge, const struct em_sigma_beam *beam, double ev)
{
	double volts = beam->kv * 1e3, gamma = 1 + volts / REST, t = REST * (1 - 1 / (gamma * gamma)) / 2;
	double k0 = gamma * sqrt(t / SIGMA_R), lost = ev / SIGMA_R * (gamma - ev / (2 * REST));
	struct scattering s = {edge, ev, 0, 0, beam->convergence * 1e-3, beam->collection * 1e-3};
	double k1 = sqrt(fmax(k0 * k0 - lost, 0)), inner = fabs(s.convergence - s.collection), sum;

	if (!(ev >= edge->onset) || !(k1 > 0))
		return 0;
	s.k0k1 = k0 * k1;
	s.q_least = pow(lost / (k0 + k1), 2);
	sum = over_angles(&s, 0, inner, 0.5);
	if (s.convergence > 0)
		sum += over_angles(&s, inner, s.convergence + s.collection, 0.25);
	return 4 * SIGMA_PI * BOHR2 * SIGMA_R * SIGMA_R / (ev * t) * sum;
}

/* ---- a window ---- */

struct spread {
	const struct em_sigma_edge *edge;
	const struct em_sigma_beam *beam;
};

static double at_ev(const void *ctx, double ev)
{
	const struct spread *s = ctx;

	return em_sigma_density(s->edge, s->beam, ev);
}

/* In panels that are short at the onset, where the correction of L shells is steep, and grow. */
static double over_energies(const struct spread *s, double from, double to)
{
	double sum = 0;

	while (from < to) {
		double panel = fmax(0.25, from - s->edge->onset), next = fmin(to, from + fmin(panel, from / 8));

		sum += integrate(at_ev, s, from, next);
		from = next;
	}
	return sum;
}

static int check_beam(const struct em_sigma_beam *beam, struct em_error *err)
{
	if (!(beam->kv >= 1 && beam->kv <= 3000))
		return em_error_set(err, EM_ERROR_USAGE, "a beam of %.6g kV: expected 1 to 3000", beam->kv);
	if (!(beam->collection > 0 && beam->collection <= 500) || !(beam->convergence >= 0 && beam->convergence <= 500))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a collection of %.6g mrad and a convergence of %.6g: expected up to 500, and some "
		                    "collection",
		                    beam->collection, beam->convergence);
	return 0;
}

int em_sigma_partial(const struct em_sigma_edge *edge, const struct em_sigma_beam *beam,
                     const struct em_energy_window *window, double *barns, struct em_error *err)
{
	const struct spread s = {edge, beam};
	double from = fmax(window->from, edge->onset), break_at[3] = {from, from, window->to}, sum = 0;

	if (check_beam(beam, err))
		return -1;
	if (!(window->to > from) || !(window->to < beam->kv * 1e3 / 2))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "no cross section: the window %.9g-%.9g eV has nothing above %.9g eV", window->from,
		                    window->to, edge->onset);
	if (edge->shell == EM_SIGMA_L) {
		break_at[0] = fmin(fmax(edge->onset + LINES_EV, from), window->to);
		break_at[1] = fmin(fmax(edge->onset + L_SHELL[edge->z - L_FIRST].to_l1, from), window->to);
	}
	for (int i = 0; i < 3; i++)
		sum += over_energies(&s, i ? break_at[i - 1] : from, break_at[i]);
	*barns = sum;
	return 0;
}
