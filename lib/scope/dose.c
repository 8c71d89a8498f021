/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/dose.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 85                 /* bytes: five numbers of 16 and a blank or newline */
#define LINES_MAX ((size_t)1e7) /* fields in a file */
#define FIELDS_EXACT 512        /* more that overlap: their sum is taken, which is no less */

int em_dose_open(struct em_dose_meter *m, const char *path, struct em_error *err)
{
	struct em_dose_meter fresh = {.fd = -1, .last = -1};

	if (path) {
		fresh.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fresh.fd < 0)
			return em_error_errno(err, "cannot open the dose meter '%s'", path);
	}
	*m = fresh;
	return 0;
}

void em_dose_close(struct em_dose_meter *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

int em_dose_reset(struct em_dose_meter *m, struct em_error *err)
{
	m->last = -1;
	return m->fd >= 0 && ftruncate(m->fd, 0) ? em_error_errno(err, "cannot reset the dose meter") : 0;
}

/* ---- writing ---- */

static int put(struct em_dose_meter *m, struct em_error *err)
{
	char line[LINE + 32];
	int n = snprintf(line, sizeof(line), "%+.9e %+.9e %+.9e %+.9e %+.9e\n", m->now.x0, m->now.y0, m->now.x1,
	                 m->now.y1, m->now.dose);

	if (n != LINE)
		return em_error_set(err, EM_ERROR_DATA, "a field or dose that is out of all bounds");
	return pwrite(m->fd, line, LINE, m->last) == LINE ? 0 : em_error_errno(err, "cannot write the dose meter");
}

static bool same_field(const struct em_dose_field *a, const struct em_dose_field *b)
{
	return a->x0 == b->x0 && a->y0 == b->y0 && a->x1 == b->x1 && a->y1 == b->y1;
}

int em_dose_add(struct em_dose_meter *m, const struct em_dose_field *field, struct em_error *err)
{
	struct stat st;

	if (m->fd < 0)
		return 0;
	if (m->last >= 0 && same_field(&m->now, field)) {
		m->now.dose += field->dose;
		return put(m, err);
	}
	if (fstat(m->fd, &st))
		return em_error_errno(err, "cannot read the dose meter");
	m->last = st.st_size / LINE * LINE; /* over an incomplete line */
	m->now = *field;
	return put(m, err);
}

int em_dose_correct(struct em_dose_meter *m, double more, struct em_error *err)
{
	if (m->fd < 0 || m->last < 0)
		return 0;
	m->now.dose += more;
	return put(m, err);
}

/* ---- the greatest dose ---- */

static int by_place(const void *va, const void *vb)
{
	const struct em_dose_field *a = va, *b = vb;

	return a->x0 != b->x0   ? (a->x0 > b->x0) - (a->x0 < b->x0)
	       : a->y0 != b->y0 ? (a->y0 > b->y0) - (a->y0 < b->y0)
	       : a->x1 != b->x1 ? (a->x1 > b->x1) - (a->x1 < b->x1)
	                        : (a->y1 > b->y1) - (a->y1 < b->y1);
}

/* Many exposures of one field become one. */
static size_t merge(struct em_dose_field *f, size_t n)
{
	size_t kept = 0;

	qsort(f, n, sizeof(*f), by_place);
	for (size_t i = 0; i < n; i++)
		if (kept && same_field(&f[kept - 1], &f[i]))
			f[kept - 1].dose += f[i].dose;
		else
			f[kept++] = f[i];
	return kept;
}

static double dose_at(const struct em_dose_field *f, size_t n, double x, double y)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		if (f[i].x0 <= x && x < f[i].x1 && f[i].y0 <= y && y < f[i].y1)
			sum += f[i].dose;
	return sum;
}

/* The sum of doses is greatest in the corner, left and below, of the part that those who make it share: at the left
 * edge of one and the lower edge of one that overlaps it. */
double em_dose_most_of(struct em_dose_field *f, size_t n)
{
	double most = 0, all = 0;

	n = merge(f, n);
	for (size_t i = 0; i < n; i++)
		all += f[i].dose;
	if (n > FIELDS_EXACT)
		return all;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			double x = f[i].x0, y = fmax(f[i].y0, f[j].y0);

			if (f[j].x0 <= x && x < f[j].x1 && y < f[i].y1 && y < f[j].y1)
				most = fmax(most, dose_at(f, n, x, y));
		}
	return most;
}

static bool parse(const char *line, struct em_dose_field *f)
{
	int end = 0;

	return sscanf(line, "%lf %lf %lf %lf %lf%n", &f->x0, &f->y0, &f->x1, &f->y1, &f->dose, &end) == 5 &&
	       end == LINE - 1 && isfinite(f->dose) && f->dose >= 0 && isfinite(f->x0 + f->x1 + f->y0 + f->y1);
}

/* What of f lies in the window, false: nothing. */
static bool clip(struct em_dose_field *f, const struct em_dose_field *window)
{
	f->x0 = fmax(f->x0, window->x0);
	f->y0 = fmax(f->y0, window->y0);
	f->x1 = fmin(f->x1, window->x1);
	f->y1 = fmin(f->y1, window->y1);
	return f->x0 < f->x1 && f->y0 < f->y1;
}

static int gather(char *text, size_t lines, const struct em_dose_field *window, struct em_dose_field *found, size_t *n,
                  struct em_error *err)
{
	*n = 0;
	for (size_t i = 0; i < lines; i++) {
		char *line = text + i * LINE;

		line[LINE - 1] = '\0';
		if (!parse(line, &found[*n]))
			return em_error_set(err, EM_ERROR_DATA, "line %zu of the dose meter is broken: reset it",
			                    i + 1);
		if (clip(&found[*n], window))
			++*n;
	}
	return 0;
}

int em_dose_most(const struct em_dose_meter *m, const struct em_dose_field *window, double *most, struct em_error *err)
{
	struct em_dose_field *found;
	struct stat st;
	size_t lines, n;
	char *text;
	int status = -1;

	if (m->fd < 0) {
		*most = 0;
		return 0;
	}
	if (fstat(m->fd, &st))
		return em_error_errno(err, "cannot read the dose meter");
	lines = (size_t)(st.st_size / LINE);
	if (lines > LINES_MAX)
		return em_error_set(err, EM_ERROR_DATA, "the dose meter holds too many fields: reset it");
	text = malloc(lines * LINE + 1);
	found = malloc((lines + 1) * sizeof(*found));
	if (!text || !found)
		em_error_memory(err, lines * (LINE + sizeof(*found)));
	else if (pread(m->fd, text, lines * LINE, 0) != (ssize_t)(lines * LINE))
		em_error_errno(err, "cannot read the dose meter");
	else
		status = gather(text, lines, window, found, &n, err);
	if (!status)
		*most = em_dose_most_of(found, n);
	free(text);
	free(found);
	return status;
}
