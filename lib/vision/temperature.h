/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How sure a distance makes one: the temperature T of p = (1 - w) softmax(-e/T) + w/K, from judgements whose truth is
 * known and from margins, e of a wrong class less e of the right one.
 *
 * Maximum likelihood alone drives T to 0 when a few judgements are all right, and calls a chip half way between two
 * classes certain.  Two things say how far T may go down:
 *
 *   - Laplace's rule: a hit and a miss that nobody saw and that could have happened to any judgement alike, so that
 *     T maximises (1 + 1/N) sum_i ln p_i + ln (1/N) sum_i (1 - p_i).  Judgements that are equally far from error then
 *     get p = (N + 1)/(N + 2), Platt's smoothed target (Advances in Large Margin Classifiers, 1999).  This looks at
 *     how many were right, not by how much: the most doubt that they leave.
 *   - A Gaussian model of the margins: where those of two classes are normal, +-m with variance s^2, the odds at margin
 *     t are exp(2 m t / s^2), so that T = s^2 / 2m.
 */
#ifndef EM_VISION_TEMPERATURE_H
#define EM_VISION_TEMPERATURE_H

#include "base/error.h"

#include <stddef.h>

/* T from n judgements, e[n][count] and the true class of each, with `unseen` hits and misses more (0: plain maximum
 * likelihood; 1: Laplace's rule).  1 where all e are 0 or there are fewer than two classes. */
double em_temperature_fit(const double *e, const size_t *label, size_t n, size_t count, double doubt, double unseen);

/* T of the Gaussian model from judgements.  Each class has its own mean margin m_k, from the nearest wrong class, and
 * all have one coefficient of variation c, so that T is c^2/2 times the geometric mean of m_k.  INFINITY where a class
 * is on average nearer to another, or no class has two judgements. */
double em_temperature_of_margins(const double *e, const size_t *label, size_t n, size_t count);

/*
 * T of the Gaussian model from n chips that nobody labelled.  Only |t| is known, between the two nearest classes of
 * each: a normal folded at 0, fitted by expectation maximisation for every pair of classes that has
 * EM_TEMPERATURE_CHIPS chips, or over all chips together where none has.  T is the geometric mean over the chips,
 * within a factor of 1000 of the mean e.  *t stays as it is for n < EM_TEMPERATURE_CHIPS or where all e are 0.
 */
#define EM_TEMPERATURE_CHIPS 10
int em_temperature_of_chips(const double *e, size_t n, size_t count, double *t, struct em_error *err);

#endif
