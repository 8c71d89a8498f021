/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/profile.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A line with a width, cut into bins, over a map. */
struct strip {
	const float *map, *weight;
	const struct em_area_grid *grid;
	double y0, x0, uy, ux; /* where it begins, px, and its direction, of length 1 */
	double length, half, step;
	size_t bins;
};

void em_profile_release(struct em_profile *p)
{
	free(p->bin);
	memset(p, 0, sizeof(*p));
}

static int lay(struct strip *s, const struct em_line *line, double width, size_t bins, struct em_error *err)
{
	double cell_y = (double)s->grid->height / (double)s->grid->rows;
	double cell_x = (double)s->grid->width / (double)s->grid->cols, n = (double)bins;

	s->y0 = line->y0;
	s->x0 = line->x0;
	s->length = hypot(line->y1 - line->y0, line->x1 - line->x0);
	s->half = width / 2;
	if (!(s->length > 0) || !isfinite(s->length) || !(width > 0) || !isfinite(width))
		return em_error_set(err, EM_ERROR_USAGE, "a profile needs a line with a length and a width");
	s->uy = (line->y1 - line->y0) / s->length;
	s->ux = (line->x1 - line->x0) / s->length;
	if (!bins)
		n = fmax(floor(s->length / (fabs(s->uy) * cell_y + fabs(s->ux) * cell_x)), 1);
	if (n > EM_PROFILE_BINS_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "a profile of more than %d bins", EM_PROFILE_BINS_MAX);
	s->bins = (size_t)n;
	s->step = s->length / n;
	return 0;
}

struct found {
	size_t bin;
	double distance, value, weight;
};

/* Does sample k lie in the strip, and count? */
static bool find(const struct strip *s, size_t k, struct found *f)
{
	const struct em_area_grid *g = s->grid;
	double y = (double)(k / g->cols) * (double)g->height / (double)g->rows - s->y0;
	double x = (double)(k % g->cols) * (double)g->width / (double)g->cols - s->x0;

	f->distance = y * s->uy + x * s->ux;
	f->value = (double)s->map[k];
	f->weight = s->weight ? (double)s->weight[k] : 1;
	if (!(f->distance >= 0 && f->distance <= s->length && fabs(y * s->ux - x * s->uy) <= s->half && f->weight > 0 &&
	      isfinite(f->value)))
		return false;
	f->bin = (size_t)(f->distance / s->step);
	f->bin -= f->bin == s->bins;
	return true;
}

/* Means, then what is about them; squares[bins]: the weights' own. */
static size_t add_up(const struct strip *s, struct em_profile_bin *bin, double *squares)
{
	size_t n = s->grid->rows * s->grid->cols, all = 0;
	struct found f;

	for (size_t k = 0; k < n; k++)
		if (find(s, k, &f)) {
			struct em_profile_bin *b = &bin[f.bin];

			all++;
			b->samples++;
			b->weight += f.weight;
			b->distance += f.weight * f.distance;
			b->mean += f.weight * f.value;
			squares[f.bin] += f.weight * f.weight;
		}
	for (size_t i = 0; i < s->bins; i++) {
		bin[i].distance = bin[i].samples ? bin[i].distance / bin[i].weight : ((double)i + 0.5) * s->step;
		bin[i].mean = bin[i].samples ? bin[i].mean / bin[i].weight : NAN;
	}
	for (size_t k = 0; k < n; k++)
		if (find(s, k, &f)) {
			struct em_profile_bin *b = &bin[f.bin];

			b->error += f.weight * (f.value - b->mean) * (f.value - b->mean);
			b->spread += f.weight * (f.distance - b->distance) * (f.distance - b->distance);
		}
	for (size_t i = 0; i < s->bins; i++) {
		double count = bin[i].samples > 1 ? bin[i].weight * bin[i].weight / squares[i] : 0;

		bin[i].spread /= bin[i].samples ? bin[i].weight : 1;
		bin[i].error = count > 1 ? sqrt(bin[i].error / (count - 1) / bin[i].weight) : NAN;
	}
	return all;
}

int em_profile_make(struct em_profile *profile, const float *map, const float *weight, const struct em_area_grid *grid,
                    const struct em_line *line, double width, size_t bins, struct em_error *err)
{
	struct strip s = {.map = map, .weight = weight, .grid = grid};
	struct em_profile_bin *bin;
	double *squares;
	int status = -1;

	if (lay(&s, line, width, bins, err))
		return -1;
	bin = calloc(s.bins, sizeof(*bin));
	squares = calloc(s.bins, sizeof(*squares));
	if (!bin || !squares)
		em_error_memory(err, s.bins * sizeof(*bin));
	else if (!add_up(&s, bin, squares))
		em_error_set(err, EM_ERROR_DATA,
		             "no sample lies on the line from (%.6g, %.6g) to (%.6g, %.6g), %.6g px wide: move or "
		             "widen it",
		             line->x0, line->y0, line->x1, line->y1, width);
	else
		status = 0;
	free(squares);
	if (status)
		free(bin);
	else
		*profile = (struct em_profile){bin, s.bins, s.step};
	return status;
}
