/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/export.h"

#include "cli/cli.h"
#include "cli/outfile.h"
#include "io/keyset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct em_export {
	const struct em_codec *format;
	const char *output;
	struct em_keyset groups; /* those that have a file in the folder */
	size_t files;            /* complete */
	/* the file being written */
	struct em_outfile file;
	char *scratch;          /* its name where it will be copied to standard output */
	char *group;            /* key of the data set; NULL: no file is open */
	void *state;
	struct em_array first;  /* without data: what every frame must be */
};

static bool is_folder(const struct em_export *e)
{
	size_t n = e->output ? strlen(e->output) : 0;

	return n && e->output[n - 1] == '/';
}

struct em_export *em_export_open(const struct em_codec *format, const char *output, struct em_error *err)
{
	struct em_export *e = calloc(1, sizeof(*e));

	if (!e) {
		em_error_memory(err, sizeof(*e));
		return NULL;
	}
	e->format = format;
	e->output = output && strcmp(output, "-") ? output : NULL;
	if (!e->output && isatty(STDOUT_FILENO))
		em_error_set(err, EM_ERROR_USAGE, "will not write binary to a terminal: use -o FILE");
	else if (!em_keyset_init(&e->groups, err))
		return e;
	free(e);
	return NULL;
}

/* ---- names ---- */

/* The key without the frame's part: "a/f000003" is of the movie "a". */
static char *group_of(const struct em_sample *s)
{
	char *group = strdup(s->key), *last = group ? strrchr(group, '/') : NULL;
	double frame;

	if (last && em_record_number(&s->record, "source.frame", &frame) && last[1] == 'f' &&
	    last[2 + strspn(last + 2, "0123456789")] == '\0')
		*last = '\0';
	return group;
}

/* Every folder on the way to a file. */
static int make_folders(char *path, struct em_error *err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int status;

		*slash = '\0';
		status = mkdir(path, 0777) && errno != EEXIST ? em_error_errno(err, "cannot make the folder '%s'", path)
		                                              : 0;
		*slash = '/';
		if (status)
			return -1;
	}
	return 0;
}

static int open_in_folder(struct em_export *e, struct em_error *err)
{
	const char *extension = e->format->extensions;
	int word = (int)strcspn(extension, " ");
	size_t n = strlen(e->output) + strlen(e->group) + (size_t)word + 2;
	char *path = malloc(n);
	int status;

	if (!path)
		return em_error_memory(err, n);
	snprintf(path, n, "%s%s.%.*s", e->output, e->group, word, extension);
	status = make_folders(path, err) || em_outfile_open(&e->file, path, err) ? -1 : 0;
	free(path);
	return status;
}

/* For standard output: under a name that only this process knows, since the writers want to go back and forth. */
static int open_scratch(struct em_export *e, struct em_error *err)
{
	const char *folder = em_cli_scratch_folder();
	size_t n = strlen(folder) + sizeof("/emfilters-scratch");

	e->scratch = malloc(n);
	if (!e->scratch)
		return em_error_memory(err, n);
	snprintf(e->scratch, n, "%s/emfilters-scratch", folder);
	return em_outfile_open(&e->file, e->scratch, err);
}

static int open_output(struct em_export *e, struct em_error *err)
{
	if (!e->output)
		return open_scratch(e, err);
	if (is_folder(e))
		return open_in_folder(e, err);
	if (em_outfile_open(&e->file, e->output, err))
		return -1;
	if (e->file.temporary)
		return 0;
	em_outfile_abort(&e->file);
	return em_error_set(err, EM_ERROR_USAGE, "'%s' is no regular file: %s can be written to a file or to standard "
	                                         "output only", e->output, e->format->name);
}

/* ---- one file ---- */

static void close_file(struct em_export *e)
{
	free(e->group);
	free(e->scratch);
	e->group = NULL;
	e->scratch = NULL;
	e->state = NULL;
}

static void abandon(struct em_export *e)
{
	if (e->state)
		e->format->writer->abandon(e->state);
	if (e->group)
		em_outfile_abort(&e->file);
	close_file(e);
}

static int copy_to_stdout(struct em_export *e, struct em_error *err)
{
	struct em_outfile out;
	char block[1 << 16];
	ssize_t n;

	if (em_outfile_open(&out, NULL, err))
		return -1;
	if (lseek(e->file.fd, 0, SEEK_SET) < 0)
		return em_error_errno(err, "cannot read the scratch file");
	while ((n = read(e->file.fd, block, sizeof(block))) > 0)
		if (em_outfile_write(&out, block, (size_t)n, err))
			return -1;
	return n < 0 ? em_error_errno(err, "cannot read the scratch file") : em_outfile_commit(&out, err);
}

static int finish(struct em_export *e, struct em_error *err)
{
	void *state = e->state;
	int status;

	e->state = NULL;
	if (e->format->writer->finish(state, err)) {
		abandon(e);
		return -1;
	}
	if (e->scratch) {
		status = copy_to_stdout(e, err);
		em_outfile_abort(&e->file);
	} else {
		status = em_outfile_commit(&e->file, err);
	}
	close_file(e);
	e->files++;
	return status;
}

static int begin(struct em_export *e, const struct em_array *a, const struct em_meta *meta, char *group,
                 struct em_error *err)
{
	e->group = group;
	if (is_folder(e) && !em_keyset_add(&e->groups, group)) {
		close_file(e);
		return em_error_set(err, EM_ERROR_DATA, "others came between it and those of its data set, whose file "
		                                        "is complete: the frames of one must follow one another");
	}
	if (open_output(e, err)) {
		close_file(e);
		return -1;
	}
	e->first = *a;
	e->first.data = NULL;
	if (e->format->writer->begin(e->file.temporary, a, meta, &e->state, err)) {
		e->state = NULL;
		abandon(e);
		return -1;
	}
	return 0;
}

static bool is_near(double a, double b, double unit)
{
	return fabs(a - b) <= 1e-6 * fabs(a) + 1e-3 * unit;
}

/* Pictures may be of different places, as chips are; spectra that begin elsewhere are no more of one kind. */
static bool is_same_axis(const struct em_axis *a, const struct em_axis *b)
{
	bool spectral = !strcmp(a->name, "energy") || !strcmp(a->name, "wavelength");

	return is_near(a->scale, b->scale, 0) && !strcmp(a->units, b->units) &&
	       (!spectral || is_near(a->offset, b->offset, fabs(a->scale)));
}

static int check_kind(const struct em_export *e, const struct em_array *a, struct em_error *err)
{
	bool same = a->dtype == e->first.dtype && a->ndim == e->first.ndim;

	for (int k = 0; same && k < a->ndim; k++)
		same = a->shape[k] == e->first.shape[k];
	if (!same)
		return em_error_set(err, EM_ERROR_DATA, "it has another shape or type than those before, and a file "
		                                        "holds one kind: write into a folder, -o DIR/");
	for (int k = 0; same && k < a->ndim; k++)
		same = is_same_axis(&e->first.axis[k], &a->axis[k]);
	if (!same)
		return em_error_set(err, EM_ERROR_DATA, "it has another calibration than those before, and a file "
		                                        "holds one: write into a folder, -o DIR/");
	return 0;
}

static int add(struct em_export *e, const struct em_array *a, const struct em_meta *meta, char *group,
               struct em_error *err)
{
	if (e->group && is_folder(e) && strcmp(e->group, group) != 0 && finish(e, err)) {
		free(group);
		return -1;
	}
	if (e->group)
		free(group);
	else if (begin(e, a, meta, group, err))
		return -1;
	return check_kind(e, a, err) || e->format->writer->add(e->state, a, meta, err) ? -1 : 0;
}

int em_export_write(struct em_export *e, const struct em_sample *s, struct em_error *err)
{
	struct em_array view, owned;
	struct em_meta meta;
	double frame;
	char *group;
	int status;

	group = group_of(s);
	if (!group)
		return em_error_memory(err, strlen(s->key));
	if (em_sample_data(s, &view, &owned, err)) {
		free(group);
		return em_error_prefix(err, "sample %.200s: ", s->key);
	}
	em_meta_get(&meta, &s->record);
	status = add(e, &view, &meta, group, err);
	em_array_release(&owned);
	/* What is complete stays, whatever becomes of the files after it. */
	if (!status && is_folder(e) && !em_record_number(&s->record, "source.frame", &frame))
		status = finish(e, err);
	return status ? em_error_prefix(err, "sample %.200s: ", s->key) : 0;
}

int em_export_close(struct em_export *e, struct em_error *err)
{
	int status = e->group ? finish(e, err) : 0;

	if (!status && !e->files)
		status = em_error_set(err, EM_ERROR_DATA, "there was nothing to write as %s", e->format->name);
	em_keyset_release(&e->groups);
	free(e);
	return status;
}

void em_export_abort(struct em_export *e)
{
	if (!e)
		return;
	abandon(e);
	em_keyset_release(&e->groups);
	free(e);
}
