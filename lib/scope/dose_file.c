/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dose meter's file: how many fields, and a field a line, of five numbers. */
#include "scope/dose.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 200
#define SMALLEST 1e-15
#define FARTHEST 10 /* m */

bool em_dose_is_sane(const struct em_dose_field *f)
{
	double side = fmax(f->x1 - f->x0, f->y1 - f->y0);

	return f->x1 > f->x0 && f->y1 > f->y0 && side > SMALLEST && f->dose >= 0 && isfinite(f->dose) &&
	       fmax(fmax(fabs(f->x0), fabs(f->x1)), fmax(fabs(f->y0), fabs(f->y1))) < FARTHEST;
}

static bool parse(const char *line, struct em_dose_field *f)
{
	double *const to[] = {&f->x0, &f->y0, &f->x1, &f->y1, &f->dose};
	char *end;

	for (size_t k = 0; k < 5; k++, line = end) {
		*to[k] = strtod(line, &end);
		if (end == line || !isfinite(*to[k]))
			return false;
	}
	return !strcmp(line, "\n") && em_dose_is_sane(f);
}

/* A file that ends early holds fewer fields than it says. */
static bool read_fields(FILE *f, struct em_dose_field *field, size_t *count, size_t *line_number)
{
	char line[LINE_MAX_BYTES];
	size_t said = 0, n = 0;
	int end = 0;

	*line_number = 1;
	if (!fgets(line, sizeof(line), f) || sscanf(line, "fields %zu%n", &said, &end) != 1 ||
	    strcmp(line + end, "\n") || said > EM_DOSE_FIELDS)
		return false;
	for (; fgets(line, sizeof(line), f); n++) {
		++*line_number;
		if (n == said || !parse(line, &field[n]))
			return false;
	}
	*count = n;
	return n == said && !ferror(f);
}

int em_dose_file_read(const char *path, struct em_dose_field *field, size_t *count, struct em_error *err)
{
	FILE *f = fopen(path, "re");
	size_t line = 0;
	bool good;

	*count = 0;
	if (!f)
		return errno == ENOENT ? 0 : em_error_errno(err, "cannot read the dose meter '%s'", path);
	good = read_fields(f, field, count, &line);
	fclose(f);
	return good ? 0
	            : em_error_set(err, EM_ERROR_DATA,
	                           "the dose meter '%.200s' is broken in or behind line %zu: emctl dose reset, and the "
	                           "budget begins anew",
	                           path, line);
}

static int write_all(int fd, const struct em_text *t)
{
	ssize_t n;

	for (size_t at = 0; at < t->len; at += (size_t)n) {
		n = write(fd, t->s + at, t->len - at);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -1;
	}
	return 0;
}

static int replace(const char *path, const char *fresh, const struct em_text *t, struct em_error *err)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc;

	if (fd < 0)
		return em_error_errno(err, "cannot write the dose meter '%s'", fresh);
	rc = write_all(fd, t);
	if (close(fd) || rc || rename(fresh, path))
		return em_error_errno(err, "cannot write the dose meter '%s'", path);
	return 0;
}

int em_dose_file_write(const char *path, const struct em_dose_field *field, size_t count, struct em_error *err)
{
	struct em_text t = {0}, fresh = {0};
	int rc;

	em_text_printf(&t, "fields %zu\n", count);
	for (size_t i = 0; i < count; i++)
		em_text_printf(&t, "%.17g %.17g %.17g %.17g %.17g\n", field[i].x0, field[i].y0, field[i].x1,
		               field[i].y1, field[i].dose);
	em_text_printf(&fresh, "%s.new", path);
	rc = em_text_check(&t, err) || em_text_check(&fresh, err) || replace(path, em_text_get(&fresh), &t, err) ? -1
	                                                                                                         : 0;
	em_text_release(&t);
	em_text_release(&fresh);
	return rc;
}

void em_dose_file_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	fdatasync(fd);
	close(fd);
}
