/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ridge regression y = x w whose strength is chosen by groups of rows: each group foretold from all others, which for
 * series means that none is foretold from itself.  A feature's penalty is in units of its own spread; the first feature
 * is the constant 1 and has none.
 */
#ifndef EM_FORECAST_RIDGE_H
#define EM_FORECAST_RIDGE_H

#include "base/error.h"

#include <stddef.h>

struct em_ridge_sums; /* of one group: products of features and targets */

struct em_ridge {
	size_t features, targets, groups;
	struct em_ridge_sums *sums; /* [groups] */
	double *memory;
	double *held; /* [groups][features][targets], of em_ridge_solve: weights from all other groups */
	double *work;
};

int em_ridge_init(struct em_ridge *r, size_t features, size_t targets, size_t groups, struct em_error *err);
void em_ridge_release(struct em_ridge *r);
/* row[features], row[0] = 1; y[targets]; the variance of their noise, for em_ridge_solve's errors. */
void em_ridge_add(struct em_ridge *r, size_t group, const double *row, const double *y, double noise);
/*
 * weight[features][targets]: for each target the strength that foretells other groups best; 0 where none does better
 * than 0, which is so with one group.  errors[targets][targets]: the mean products of errors of groups foretold from
 * the others, less the noise (of which a tenth is left at least: it is not known better); NULL: not wanted.
 */
void em_ridge_solve(struct em_ridge *r, double *weight, double *errors);

#endif
