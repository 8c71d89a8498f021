/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/input.h"

#include "base/digest.h"
#include "io/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 17)
#define SLURP_FIRST_BYTES ((size_t)1 << 20)

struct em_input {
	int fd;
	bool close_fd;
	char *path;          /* as given */
	char *key;           /* of a plain file's samples */
	unsigned char *buffer; /* READ_BYTES */
	size_t peeked;       /* bytes at the head of buffer that were read to recognise the format */
	bool at_end;         /* read(2) has returned 0 */

	struct em_stream_reader *stream; /* a stream, or */

	const struct em_codec *codec;    /* a plain file */
	struct em_blob blob;
	bool mapped;
	void *codec_state;
	size_t frames, next;
	char last_key[EM_KEY_MAX + 32];
	char digest[EM_DIGEST_HEX]; /* of the blob; "" until a sample needs it */
};

/* One read(2) of at most n bytes, restarted when a signal interrupts it. */
static ptrdiff_t read_some(struct em_input *in, unsigned char *to, size_t n, struct em_error *err)
{
	ssize_t got;

	do
		got = read(in->fd, to, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return em_error_errno(err, "cannot read");
	in->at_end = got == 0;
	return got;
}

/* Enough of the beginning to recognise the format: one picture or the first blocks of a stream. */
static int peek(struct em_input *in, struct em_error *err)
{
	while (in->peeked < EM_PROBE_BYTES && !in->at_end) {
		ptrdiff_t n = read_some(in, in->buffer + in->peeked, READ_BYTES - in->peeked, err);

		if (n < 0)
			return -1;
		in->peeked += (size_t)n;
		/* A live stream's first sample may be all there is for now. */
		if (in->peeked >= 512 && em_stream_probe(in->buffer, in->peeked))
			return 0;
	}
	return 0;
}

static ptrdiff_t next_bytes(void *ctx, const void **bytes, struct em_error *err)
{
	struct em_input *in = ctx;
	size_t n = in->peeked;

	*bytes = in->buffer;
	if (n) {
		in->peeked = 0;
		return (ptrdiff_t)n;
	}
	return in->at_end ? 0 : read_some(in, in->buffer, READ_BYTES, err);
}

/* Is the file at its beginning but for what was peeked?  A shell may have read the first lines of standard input. */
static bool begins_at_zero(const struct em_input *in)
{
	return lseek(in->fd, 0, SEEK_CUR) == (off_t)in->peeked;
}

/* The whole of a plain file: mapped where it can be, else read to its end. */
static int load_blob(struct em_input *in, struct em_error *err)
{
	struct stat st;
	size_t capacity = SLURP_FIRST_BYTES, have = in->peeked;
	unsigned char *data, *grown;

	if (!fstat(in->fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size < SIZE_MAX / 2 &&
	    begins_at_zero(in)) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, in->fd, 0);

		if (map != MAP_FAILED) {
			in->blob = (struct em_blob){map, (size_t)st.st_size};
			in->mapped = true;
			return 0;
		}
	}
	data = malloc(capacity);
	if (!data)
		return em_error_memory(err, capacity);
	memcpy(data, in->buffer, have);
	while (!in->at_end) {
		ptrdiff_t n;

		if (have == capacity) {
			grown = capacity < SIZE_MAX / 4 ? realloc(data, 2 * capacity) : NULL;
			if (!grown) {
				free(data);
				return em_error_memory(err, capacity);
			}
			data = grown;
			capacity *= 2;
		}
		n = read_some(in, data + have, capacity - have, err);
		if (n < 0) {
			free(data);
			return -1;
		}
		have += (size_t)n;
	}
	in->blob = (struct em_blob){data, have};
	return 0;
}

static int unknown_format(const struct em_input *in, struct em_error *err)
{
	char list[256] = "";
	const struct em_codec *codec;

	if (!in->peeked)
		return em_error_set(err, EM_ERROR_DATA, "empty input: neither a stream nor a picture");
	for (size_t i = 0; (codec = em_codec_at(i)); i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), ", %s", codec->name);
	return em_error_set(err, EM_ERROR_DATA, "unknown format; known are emstream (tar, also gz, zstd, xz)%s", list);
}

static int open_file(struct em_input *in, struct em_error *err)
{
	in->codec = em_codec_detect(in->buffer, in->peeked < EM_PROBE_BYTES ? in->peeked : EM_PROBE_BYTES);
	if (!in->codec)
		return unknown_format(in, err);
	return load_blob(in, err) || in->codec->open(in->blob, &in->codec_state, &in->frames, err) ? -1 : 0;
}

/* Past a path's leading "/", "./" and "../". */
static const char *skip_dots(const char *path)
{
	for (;;) {
		if (*path == '/')
			path++;
		else if (!strncmp(path, "./", 2))
			path += 2;
		else if (!strncmp(path, "../", 3))
			path += 3;
		else
			return path;
	}
}

/* Names are bytes, keys are UTF-8: in a name that is not, what is not ASCII becomes '_'. */
static void make_utf8(char *key)
{
	if (em_utf8_is_valid(key, strlen(key)))
		return;
	for (; *key; key++)
		if ((unsigned char)*key >= 0x80)
			*key = '_';
}

/* The file's name without its extension; other dots become '_', since a key has none in its last part. */
char *em_input_key_of_path(const char *path, bool key_path)
{
	const char *base = strrchr(path, '/');
	char *key, *last, *dot;

	if (!strcmp(path, "-"))
		return strdup("stdin");
	key = strdup(skip_dots(key_path || !base ? path : base + 1));
	if (!key)
		return NULL;
	last = strrchr(key, '/');
	last = last ? last + 1 : key;
	dot = strrchr(last, '.');
	if (dot && dot > last)
		*dot = '\0';
	for (char *c = last; *c; c++)
		if (*c == '.' || (unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '_';
	make_utf8(key);
	return key;
}

static int prepare(struct em_input *in, const char *path, bool key_path, struct em_error *err)
{
	in->buffer = malloc(READ_BYTES);
	in->path = strdup(path);
	in->key = em_input_key_of_path(path, key_path);
	if (!in->buffer || !in->path || !in->key)
		return em_error_memory(err, READ_BYTES);
	if (strcmp(path, "-")) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (in->fd < 0)
			return em_error_errno(err, "cannot open");
		in->close_fd = true;
	}
	if (peek(in, err))
		return -1;
	if (!em_stream_probe(in->buffer, in->peeked))
		return open_file(in, err);
	in->stream = em_stream_reader_new((struct em_byte_source){in, next_bytes}, err);
	return in->stream ? 0 : -1;
}

struct em_input *em_input_open(const char *path, bool key_path, struct em_error *err)
{
	struct em_input *in = calloc(1, sizeof(*in));

	if (!in) {
		em_error_memory(err, sizeof(*in));
		return NULL;
	}
	if (prepare(in, path, key_path, err)) {
		em_input_close(in);
		return NULL;
	}
	return in;
}

void em_input_close(struct em_input *in)
{
	if (!in)
		return;
	if (in->codec_state)
		in->codec->close(in->codec_state);
	em_stream_reader_free(in->stream);
	if (in->mapped)
		munmap((void *)(uintptr_t)in->blob.data, in->blob.size);
	else
		free((void *)(uintptr_t)in->blob.data);
	if (in->close_fd)
		close(in->fd);
	free(in->buffer);
	free(in->path);
	free(in->key);
	free(in);
}

const char *em_input_last_key(const struct em_input *in)
{
	return in->last_key[0] ? in->last_key : NULL;
}

bool em_input_is_stream(const struct em_input *in)
{
	return in->stream != NULL;
}

/* {"file":..,"sha256":..} and "frame" when there are several. */
static int set_source(struct em_input *in, struct em_record *r, size_t frame, struct em_error *err)
{
	const char *base = strrchr(in->path, '/');
	struct em_text t = {0};
	int status;

	base = base ? base + 1 : in->path;
	if (!in->digest[0])
		em_digest_sha256_hex(in->blob.data, in->blob.size, in->digest);
	em_text_append(&t, "{");
	if (strcmp(in->path, "-") && em_utf8_is_valid(base, strlen(base))) {
		em_json_put_name(&t, "file");
		em_json_put_string(&t, base);
	}
	em_json_put_name(&t, "sha256");
	em_json_put_string(&t, in->digest);
	if (in->frames > 1) {
		em_json_put_name(&t, "frame");
		em_json_put_number(&t, (double)frame);
	}
	em_text_append(&t, "}");
	status = em_record_set_text(r, "source", &t, err);
	em_text_release(&t);
	return status;
}

static void name_frame(struct em_input *in, size_t frame)
{
	char part[48] = "";

	if (in->codec->suffix)
		in->codec->suffix(in->codec_state, frame, part, sizeof(part));
	else if (in->frames > 1)
		snprintf(part, sizeof(part), "f%06zu", frame);
	if (part[0])
		snprintf(in->last_key, sizeof(in->last_key), "%.*s/%s", EM_KEY_MAX, in->key, part);
	else
		snprintf(in->last_key, sizeof(in->last_key), "%s", in->key);
}

const char *em_input_only_key(struct em_input *in)
{
	if (in->stream || in->frames != 1)
		return NULL;
	name_frame(in, 0);
	return in->last_key;
}

static bool is_image_type(enum em_dtype dtype)
{
	return dtype == EM_U8 || dtype == EM_U16 || dtype == EM_I16 || dtype == EM_I32 || dtype == EM_F32;
}

/* A line of spectra is no picture, though it has two dimensions. */
static bool is_image(const struct em_array *a)
{
	return a->ndim == 2 && strcmp(a->axis[1].name, "energy") && strcmp(a->axis[1].name, "wavelength");
}

/* A 2-D frame is the image; a spectrum or a data cube is a .npy member with its axes.  Takes the array over. */
static int take_data(struct em_sample *s, struct em_array *a, struct em_error *err)
{
	struct em_text axes = {0};
	struct em_array image;
	int status;

	if (is_image(a) && is_image_type(a->dtype))
		return em_sample_take_image(s, a, err);
	if (is_image(a))
		return em_array_to_image_type(&image, a, err) ? -1 : em_sample_take_image(s, &image, err);
	em_record_put_axes(&axes, a);
	status = em_record_set_text(&s->record, "axes", &axes, err);
	em_text_release(&axes);
	return status ? -1 : em_sample_set_array(s, a->ndim == 1 ? "spectrum" : "data", a, err);
}

static int make_sample(struct em_input *in, struct em_sample *s, size_t frame, struct em_error *err)
{
	struct em_record meta = {0};
	struct em_array a = {0};
	int status = em_record_set(&s->record, "em", "1", err);

	name_frame(in, frame);
	if (!status)
		status = em_sample_set_key(s, in->last_key, err);
	if (!status)
		status = in->codec->read(in->codec_state, frame, &a, &meta, err);
	if (!status)
		status = take_data(s, &a, err);
	if (!status)
		status = set_source(in, &s->record, frame, err);
	for (size_t i = 0; !status && i < meta.count; i++)
		status = em_record_set(&s->record, meta.member[i].name, meta.member[i].value, err);
	em_array_release(&a);
	em_record_release(&meta);
	return status;
}

int em_input_next(struct em_input *in, struct em_sample *s, struct em_error *err)
{
	struct em_sample fresh = {0};

	if (in->stream)
		return em_stream_read_sample(in->stream, s, err);
	if (in->next == in->frames)
		return 0;
	if (make_sample(in, &fresh, in->next++, err)) {
		em_sample_release(&fresh);
		return -1;
	}
	*s = fresh;
	return 1;
}
