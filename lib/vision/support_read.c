/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/support.h"

#include "io/input.h"
#include "vision/encoder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files: JSON or a stream ---- */

#define PROBE 512 /* bytes: a tar header */

/* A file being read once; the first block has been looked at and is handed out again. */
struct support_file {
	const char *path;
	int fd;
	unsigned char block[1 << 16];
	size_t held; /* bytes in block not handed out yet */
};

static ptrdiff_t fill(struct support_file *f, void *to, size_t n, struct em_error *err)
{
	ssize_t got;

	do
		got = read(f->fd, to, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? em_error_errno(err, "cannot read %s", f->path) : got;
}

static ptrdiff_t read_block(void *ctx, const void **bytes, struct em_error *err)
{
	struct support_file *f = ctx;
	ptrdiff_t n = (ptrdiff_t)f->held;

	if (!n)
		n = fill(f, f->block, sizeof(f->block), err);
	f->held = 0;
	*bytes = f->block;
	return n;
}

static struct em_json *read_json(struct support_file *f, struct em_error *err)
{
	struct em_text text = {0};
	struct em_json *json = NULL;
	const void *bytes;
	ptrdiff_t n;

	while ((n = read_block(f, &bytes, err)) > 0 && text.len <= EM_JSON_MAX_BYTES)
		em_text_append_bytes(&text, bytes, (size_t)n);
	if (n >= 0 && !em_text_check(&text, err))
		json = em_json_parse(em_text_get(&text), text.len, err);
	em_text_release(&text);
	return json;
}

/* The label of a sample: false where it has none to learn from. */
static bool label_of(const struct em_sample *s, char *label, size_t n)
{
	if (em_sample_has_error(s))
		return false;
	if (!em_record_string(&s->record, "label", label, n) && !em_record_string(&s->record, "class.label", label, n))
		label[0] = '\0';
	return strcmp(label, EM_LABEL_UNKNOWN) != 0;
}

static int class_of(struct em_support *set, const char *label, size_t *class, struct em_error *err)
{
	for (*class = 0; *class < set->nclasses; ++*class)
		if (!strcmp(set->classes[*class].name, label))
			return 0;
	return em_support_add_class(set, label, NULL, err);
}

static int learn(struct em_support *set, const struct em_sample *s, struct em_error *err)
{
	char label[300];
	struct em_encoder_id id;
	float *vector = NULL;
	size_t class;
	int status;

	if (!label_of(s, label, sizeof(label)))
		return 0;
	if (!label[0])
		return em_error_set(err, EM_ERROR_DATA, "it has no \"label\" and no \"class\"");
	if (em_embedding_get(s, &id, &vector, err))
		return -1;
	status = class_of(set, label, &class, err);
	if (!status)
		status = em_support_add(set, class, &id, vector, err);
	free(vector);
	return status;
}

/* A set that was read without a fault (status 0) and makes sense becomes the caller's; else it is released. */
static int hand_over(struct em_support *set, struct em_support *fresh, int status, struct em_error *err)
{
	if (status || em_support_check(fresh, err)) {
		em_support_release(fresh);
		return -1;
	}
	*set = *fresh;
	return 0;
}

static int read_stream(struct support_file *f, struct em_support *set, struct em_error *err)
{
	struct em_stream_reader *reader = em_stream_reader_new((struct em_byte_source){f, read_block}, err);
	struct em_support fresh = {0};
	struct em_sample s = {0};
	int status;

	if (!reader)
		return -1;
	while ((status = em_stream_read_sample(reader, &s, err)) == 1) {
		int bad = learn(&fresh, &s, err);

		if (bad)
			em_error_prefix(err, "sample %.100s: ", s.key);
		em_sample_release(&s);
		if (bad) {
			status = -1;
			break;
		}
	}
	em_stream_reader_free(reader);
	return hand_over(set, &fresh, status, err);
}

/* The first byte that is no blank; 0 at the end of an empty file. */
static unsigned char first_byte(const struct support_file *f)
{
	for (size_t i = 0; i < f->held; i++)
		if (!strchr(" \t\r\n", f->block[i]))
			return f->block[i];
	return 0;
}

static int read_file(struct support_file *f, enum em_support_kind *kind, struct em_json **json, struct em_support *set,
                     struct em_error *err)
{
	struct em_json *tree;
	ptrdiff_t n = 1;

	/* A pipe gives what it has: go on until there is enough to see what it is. */
	while (n > 0 && f->held < PROBE) {
		n = fill(f, f->block + f->held, sizeof(f->block) - f->held, err);
		if (n < 0)
			return -1;
		f->held += (size_t)n;
	}
	if (em_stream_probe(f->block, f->held)) {
		if (read_stream(f, set, err))
			return -1;
		*kind = EM_SUPPORT_STREAM;
		return 0;
	}
	if (first_byte(f) != '{')
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "neither a folder nor a stream of labelled samples nor JSON: no support set, no prototypes");
	tree = read_json(f, err);
	if (!tree)
		return -1;
	*json = tree;
	*kind = em_json_get(tree, "em_prototypes") ? EM_SUPPORT_PROTOTYPES : EM_SUPPORT_CHIPS;
	return 0;
}

int em_support_read(const char *path, enum em_support_kind *kind, struct em_json **json, struct em_support *set,
                    struct em_error *err)
{
	struct support_file *f;
	struct stat st;
	int status;

	if (stat(path, &st))
		return em_error_errno(err, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		*kind = EM_SUPPORT_FOLDER;
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return em_error_memory(err, sizeof(*f));
	f->path = path;
	f->fd = open(path, O_RDONLY);
	if (f->fd < 0) {
		free(f);
		return em_error_errno(err, "%s", path);
	}
	status = read_file(f, kind, json, set, err);
	if (status)
		em_error_prefix(err, "%s: ", path);
	close(f->fd);
	free(f);
	return status;
}

/* ---- folders ---- */

struct names {
	char **v;
	size_t count;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->v[i]);
	free(names->v);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* FOLDER/NAME, appended. */
static int add_name(struct names *names, const char *folder, const char *name, struct em_error *err)
{
	size_t n = strlen(folder) + strlen(name) + 2;
	char **grown = realloc(names->v, (names->count + 1) * sizeof(*grown)), *path = malloc(n);

	if (grown)
		names->v = grown;
	if (!grown || !path) {
		free(path);
		return em_error_memory(err, n);
	}
	snprintf(path, n, "%s/%s", folder, name);
	names->v[names->count++] = path;
	return 0;
}

/* What is in a folder, in the order of the names' bytes; nothing that begins with a dot. */
static int list(struct names *names, const char *folder, struct em_error *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int status = 0;

	if (!dir)
		return em_error_errno(err, "%s", folder);
	while (!status && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			status = add_name(names, folder, entry->d_name, err);
	closedir(dir);
	if (names->count)
		qsort(names->v, names->count, sizeof(*names->v), compare_names);
	return status;
}

static struct em_encoder *find_encoder(const struct em_encoder_id *id, struct em_error *err)
{
	const struct em_encoder_kind *kind;

	for (size_t i = 0; (kind = em_encoder_kind_at(i)); i++) {
		struct em_encoder *encoder;
		struct em_encoder_id ours = {0};

		/* "em-small-1" may be one of "em-small"; to make another takes time for nothing. */
		if (strncmp(kind->name, id->name, strlen(kind->name)) != 0)
			continue;
		encoder = kind->create(EM_PRECISION_AUTO, err);
		if (!encoder)
			return NULL;
		snprintf(ours.name, sizeof(ours.name), "%s", encoder->name);
		snprintf(ours.sha256, sizeof(ours.sha256), "%s", encoder->digest);
		ours.dim = encoder->dim;
		if (strcmp(ours.name, id->name) == 0) {
			if (!em_encoder_id_check(id, "the stream", &ours, "a folder of images would be", err))
				return encoder;
			em_encoder_free(encoder);
			return NULL;
		}
		em_encoder_free(encoder);
	}
	em_error_set(
	    err, EM_ERROR_DATA,
	    "the stream's encoder, %s, is not one of ours, so that images in folders cannot be embedded alike: give "
	    "chips of the stream or a labelled stream",
	    id->name[0] ? id->name : "without a name");
	return NULL;
}

static int embed(const struct em_encoder *encoder, const struct em_sample *s, float *out, struct em_error *err)
{
	struct em_array image = {0};
	int status;

	if (em_sample_image(s, &image, err))
		return -1;
	status = encoder->encode(encoder, &image, out, err);
	em_array_release(&image);
	return status;
}

/* Every frame of one file. */
static int read_image(struct em_support *set, const char *path, const struct em_encoder *encoder,
                      const struct em_encoder_id *id, struct em_error *err)
{
	struct em_input *in = em_input_open(path, &(struct em_input_options){0}, err);
	float *vector = malloc(id->dim * sizeof(*vector));
	struct em_sample s = {0};
	int status = in ? 1 : -1;

	if (in && !vector)
		status = em_error_memory(err, id->dim * sizeof(*vector));
	while (status == 1 && (status = em_input_next(in, &s, err)) == 1) {
		if (embed(encoder, &s, vector, err) || em_support_add(set, set->nclasses - 1, id, vector, err))
			status = -1;
		em_sample_release(&s);
	}
	free(vector);
	if (in)
		em_input_close(in);
	return status;
}

static int read_class(struct em_support *set, const char *folder, const struct em_encoder *encoder,
                      const struct em_encoder_id *id, struct em_error *err)
{
	struct names names = {0};
	int status = em_support_add_class(set, strrchr(folder, '/') + 1, NULL, err);

	if (!status)
		status = list(&names, folder, err);
	for (size_t i = 0; i < names.count && !status; i++) {
		status = read_image(set, names.v[i], encoder, id, err);
		if (status)
			em_error_prefix(err, "%s: ", names.v[i]);
	}
	names_release(&names);
	return status;
}

int em_support_read_folder(struct em_support *set, const char *folder, const struct em_encoder_id *id,
                           struct em_error *err)
{
	struct em_support fresh = {0};
	struct names names = {0};
	struct em_encoder *encoder = find_encoder(id, err);
	int status = encoder ? list(&names, folder, err) : -1;

	for (size_t i = 0; i < names.count && !status; i++) {
		struct stat st;

		/* Notes and lists may lie beside the folders. */
		if (!stat(names.v[i], &st) && S_ISDIR(st.st_mode))
			status = read_class(&fresh, names.v[i], encoder, id, err);
	}
	names_release(&names);
	em_encoder_free(encoder);
	return hand_over(set, &fresh, status, err);
}
