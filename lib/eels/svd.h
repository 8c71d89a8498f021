/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The leading singular values and right singular vectors of many spectra, scaled by row and column. */
#ifndef EM_EELS_SVD_H
#define EM_EELS_SVD_H

#include "base/error.h"

#include <stddef.h>

/* A_ij = row[i] (data_ij - mean[j]) column[j].  Where row or column is 0, A is 0 whatever data holds. */
struct em_svd_matrix {
	const float *data; /* [rows][columns] */
	size_t rows, columns;
	const double *row, *column, *mean;
};

/*
 * value[count], falling, and vector[count][columns], orthonormal; *squares: the sum of A_ij^2.  count <= rows, columns.
 * A vector's sign is such that its largest element is positive.  The same bits for any number of threads.
 *
 * Up to 320 rows: from the eigenvectors of A A^T, exactly (small singular values to 1e-8 of the largest).  More: by
 * subspace iteration from a random start (Halko, Martinsson & Tropp, SIAM Rev. 53 (2011) 217) with at least 8 vectors
 * more than wanted, until the values above the noise stand to 1e-9; those within the noise are approximate, and low.
 * Memory: 8 bytes an element (320 rows at most), or 80 a channel and vector.
 * EM_ERROR_DATA: something is not finite; EM_ERROR_MEMORY.
 */
int em_svd_leading(const struct em_svd_matrix *a, size_t count, double *value, double *vector, double *squares,
                   int threads, struct em_error *err);

#endif
