/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Voronoi's cells around scattered points (Worley, SIGGRAPH 1996). */
#include "synth/canvas.h"

#include <math.h>
#include <stdlib.h>

/* Into the plane where the cells are as long as wide. */
static void squeeze(const struct em_synth_cells *cells, double *x, double *y)
{
	double u = cells->cosine * *x + cells->sine * *y, v = cells->cosine * *y - cells->sine * *x;

	*x = u / cells->stretch;
	*y = v;
}

int em_synth_cells_init(struct em_synth_cells *cells, const struct em_synth_canvas *c, struct em_random *r,
                        double pitch, double jitter, double stretch, double angle, struct em_error *err)
{
	double reach = hypot((double)c->frame->width, (double)c->frame->height);
	struct em_synth_cells k = {.pitch = pitch, .cosine = cos(angle), .sine = sin(angle), .stretch = stretch};
	size_t n;

	/* Every corner of the canvas, turned and squeezed, lies within -reach .. reach; two cells more around. */
	k.cols = 2 * (long)ceil(reach / stretch / pitch + 2);
	k.rows = 2 * (long)ceil(reach / pitch + 2);
	n = em_synth_cells_count(&k);
	k.xy = malloc(n * 2 * sizeof(*k.xy));
	if (!k.xy)
		return em_error_memory(err, n * 2 * sizeof(*k.xy));
	for (size_t i = 0; i < 2 * n; i++)
		k.xy[i] = (float)(0.5 + jitter * (em_random_uniform(r) - 0.5));
	*cells = k;
	return 0;
}

void em_synth_cells_release(struct em_synth_cells *cells)
{
	free(cells->xy);
	*cells = (struct em_synth_cells){0};
}

size_t em_synth_cells_count(const struct em_synth_cells *cells)
{
	return (size_t)cells->rows * (size_t)cells->cols;
}

void em_synth_cells_point(const struct em_synth_cells *cells, size_t i, double *x, double *y)
{
	double u = (double)(i % (size_t)cells->cols) + (double)cells->xy[2 * i] - (double)cells->cols / 2;
	double v = (double)(i / (size_t)cells->cols) + (double)cells->xy[2 * i + 1] - (double)cells->rows / 2;

	u *= cells->pitch * cells->stretch;
	v *= cells->pitch;
	*x = cells->cosine * u - cells->sine * v;
	*y = cells->sine * u + cells->cosine * v;
}

size_t em_synth_cells_nearest(const struct em_synth_cells *cells, double x, double y, double *d1, double *d2)
{
	double best = 1e30, second = 1e30, per = 1 / cells->pitch;
	size_t nearest = 0;
	long col, row;

	squeeze(cells, &x, &y);
	x = x * per + (double)cells->cols / 2;
	y = y * per + (double)cells->rows / 2;
	col = (long)x < 1 ? 1 : (long)x > cells->cols - 2 ? cells->cols - 2 : (long)x;
	row = (long)y < 1 ? 1 : (long)y > cells->rows - 2 ? cells->rows - 2 : (long)y;
	for (long j = row - 1; j <= row + 1; j++) {
		size_t k = (size_t)(j * cells->cols + col - 1);
		const float *xy = cells->xy + 2 * k;

		for (long i = 0; i < 3; i++) { /* without a branch: which is nearest cannot be foretold */
			double dx = (double)(col - 1 + i) + (double)xy[2 * i] - x,
			       dy = (double)j + (double)xy[2 * i + 1] - y;
			double d = dx * dx + dy * dy, greater = d > best ? d : best;

			second = greater < second ? greater : second;
			nearest = d < best ? k + (size_t)i : nearest;
			best = d < best ? d : best;
		}
	}
	*d1 = sqrt(best) * cells->pitch;
	*d2 = sqrt(second) * cells->pitch;
	return nearest;
}
