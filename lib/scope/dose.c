/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/dose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GRID 128 /* steps of the grid in a field, at least */

int em_dose_open(struct em_dose_meter *m, const char *path, struct em_error *err)
{
	m->path = path ? strdup(path) : NULL;
	m->read = m->written = false;
	m->count = m->last = 0;
	return path && !m->path ? em_error_memory(err, strlen(path)) : 0;
}

void em_dose_close(struct em_dose_meter *m)
{
	if (m->path && m->written)
		em_dose_file_sync(m->path);
	free(m->path);
	m->path = NULL;
}

static int write_fields(struct em_dose_meter *m, struct em_error *err)
{
	m->written = true;
	return em_dose_file_write(m->path, m->field, m->count, err);
}

static int need_fields(struct em_dose_meter *m, struct em_error *err)
{
	if (m->read)
		return 0;
	if (em_dose_file_read(m->path, m->field, &m->count, err))
		return -1;
	m->read = true;
	return 0;
}

int em_dose_reset(struct em_dose_meter *m, struct em_error *err)
{
	if (!m->path)
		return 0;
	m->count = m->last = 0;
	m->read = true;
	return write_fields(m, err);
}

/* ---- more dose ---- */

/* Exact for a power of two. */
static void onto_grid(struct em_dose_field *f)
{
	double step = exp2(floor(log2(fmax(f->x1 - f->x0, f->y1 - f->y0) / GRID)));

	f->x0 = floor(f->x0 / step) * step;
	f->y0 = floor(f->y0 / step) * step;
	f->x1 = ceil(f->x1 / step) * step;
	f->y1 = ceil(f->y1 / step) * step;
}

static bool same_field(const struct em_dose_field *a, const struct em_dose_field *b)
{
	return a->x0 == b->x0 && a->y0 == b->y0 && a->x1 == b->x1 && a->y1 == b->y1;
}

static int put(struct em_dose_meter *m, const struct em_dose_field *f, struct em_error *err)
{
	size_t i = 0;

	while (i < m->count && !same_field(&m->field[i], f))
		i++;
	if (i == EM_DOSE_FIELDS) {
		if (em_dose_make_room(m->field, &m->count, err))
			return -1;
		i = m->count;
	}
	if (i == m->count) {
		m->field[m->count++] = *f;
		m->field[i].dose = 0;
	}
	m->field[i].dose += f->dose;
	m->last = i;
	return write_fields(m, err);
}

int em_dose_add(struct em_dose_meter *m, const struct em_dose_field *field, struct em_error *err)
{
	struct em_dose_field f = *field;

	if (!m->path)
		return 0;
	if (!em_dose_is_sane(&f))
		return em_error_set(err, EM_ERROR_DATA, "a field or dose that is out of all bounds");
	onto_grid(&f);
	return need_fields(m, err) || put(m, &f, err) ? -1 : 0;
}

int em_dose_correct(struct em_dose_meter *m, double more, struct em_error *err)
{
	if (!m->path || m->last >= m->count || more == 0)
		return 0;
	m->field[m->last].dose = fmax(m->field[m->last].dose + more, 0);
	return write_fields(m, err);
}

/* ---- the greatest dose ---- */

struct edge {
	double y, dose; /* below it that much less */
	const struct em_dose_field *of;
};

/* At one y what ends there goes before what begins. */
static int by_height(const void *va, const void *vb)
{
	const struct edge *a = va, *b = vb;

	return a->y != b->y ? (a->y > b->y) - (a->y < b->y) : (a->dose > b->dose) - (a->dose < b->dose);
}

static double most_at(const struct edge *e, size_t n, double x)
{
	double sum = 0, most = 0;

	for (size_t i = 0; i < n; i++)
		if (e[i].of->x0 <= x && x < e[i].of->x1)
			most = fmax(most, sum += e[i].dose);
	return most;
}

/* The sum of doses is greatest somewhere along the left edge of one of those that make it.  Without the memory to look,
 * what all of them have together is no less. */
double em_dose_most_of(const struct em_dose_field *f, size_t n)
{
	struct edge *edge = malloc(2 * (n ? n : 1) * sizeof(*edge));
	double most = 0;

	for (size_t i = 0; i < n && edge; i++) {
		edge[2 * i] = (struct edge){f[i].y0, f[i].dose, &f[i]};
		edge[2 * i + 1] = (struct edge){f[i].y1, -f[i].dose, &f[i]};
	}
	if (edge)
		qsort(edge, 2 * n, sizeof(*edge), by_height);
	for (size_t i = 0; i < n; i++)
		most = edge ? fmax(most, most_at(edge, 2 * n, f[i].x0)) : most + f[i].dose;
	free(edge);
	return most;
}

int em_dose_most(struct em_dose_meter *m, const struct em_dose_field *window, double *most, struct em_error *err)
{
	struct em_dose_field found[EM_DOSE_FIELDS];
	size_t n = 0;

	*most = 0;
	if (!m->path)
		return 0;
	if (need_fields(m, err))
		return -1;
	for (size_t i = 0; i < m->count; i++) {
		found[n] = m->field[i];
		n += em_dose_clip(&found[n], window);
	}
	*most = em_dose_most_of(found, n);
	return 0;
}
