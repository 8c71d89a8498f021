/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/eelstm_parts.h"

#include <math.h>
#include <stdlib.h>

/* Glorot and Bengio, AISTATS 2010: uniform, of the variance 2 / (rows + columns). */
static void draw_uniform(float *w, size_t rows, size_t columns, struct em_random *random)
{
	double limit = sqrt(6. / (double)(rows + columns));

	for (size_t i = 0; i < rows * columns; i++)
		w[i] = (float)em_random_between(random, -limit, limit);
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Rows of length 1 at right angles, every such set as likely: normal numbers, made so by Gram and Schmidt's way. */
static int draw_orthogonal(float *w, size_t rows, size_t columns, struct em_random *random, struct em_error *err)
{
	double *q = malloc(rows * columns * sizeof(*q));

	if (!q)
		return em_error_memory(err, rows * columns * sizeof(*q));
	for (size_t i = 0; i < rows * columns; i++)
		q[i] = em_random_normal(random);
	for (size_t i = 0; i < rows; i++) {
		double *row = q + i * columns, length;

		for (size_t j = 0; j < i; j++) {
			const double *other = q + j * columns;
			double along = dot(row, other, columns);

			for (size_t k = 0; k < columns; k++)
				row[k] -= along * other[k];
		}
		length = sqrt(dot(row, row, columns));
		for (size_t k = 0; k < columns; k++) {
			row[k] /= length;
			w[i * columns + k] = (float)row[k];
		}
	}
	free(q);
	return 0;
}

int em_eelstm_draw(struct em_eelstm *net, struct em_error *err)
{
	size_t units = net->options.units;
	struct em_random random;

	em_random_seed(&random, net->options.seed, 0);
	for (size_t l = 0; l < net->options.layers; l++) {
		const struct em_eelstm_tensor *t = em_eelstm_layer(net, l, EM_EELSTM_KERNEL);

		draw_uniform(net->value + t[0].at, t[0].rows, t[0].columns, &random);
		if (draw_orthogonal(net->value + t[1].at, t[1].rows, t[1].columns, &random, err))
			return -1;
		for (size_t i = 0; i < units; i++) /* the forget gate */
			net->value[t[2].at + units + i] = 1;
	}
	draw_uniform(net->value + em_eelstm_dense(net)->at, units, net->channels, &random);
	em_eelstm_turn_all(net);
	return 0;
}
