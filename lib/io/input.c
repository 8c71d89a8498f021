/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/input.h"

#include "base/digest.h"
#include "base/units.h"
#include "io/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 17)

/* How often to look whether a file has grown; and how long one is left alone before zeros at its end are its end mark,
 * not pixels. */
#define FOLLOW_MS      50
#define FOLLOW_END_MS  1000
#define END_MARK_BYTES 1024

#define RELEASE_BYTES ((size_t)16 << 20) /* of a mapped movie; its pages count as ours until they are given back */

struct em_input {
	atomic_int holders;
	struct em_input_options opt;
	int fd;
	bool close_fd;
	char *path;          /* as given */
	char *key;           /* of a plain file's samples */
	unsigned char *buffer; /* READ_BYTES */
	size_t peeked;       /* bytes at the head of buffer that were read to recognise the format */
	bool at_end;         /* read(2) has returned 0 */
	size_t zeros;        /* bytes that were 0, at the end of what was read */

	struct em_stream_reader *stream; /* a stream, or */

	const struct em_codec *codec;    /* a plain file */
	struct em_file file;
	bool mapped;
	void *codec_state;
	size_t frames, next;             /* of a stream, next counts its samples */
	bool by_name;                    /* the data set that opt.signal asks for is found by its name, or */
	size_t signal;                   /* by its number */
	atomic_size_t unreleased;        /* bytes of frames read since pages were last given back */
	pthread_mutex_t lock;            /* over digest */
	char digest[EM_DIGEST_HEX];      /* of the blob; "" until a sample needs it */
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

static void count_zeros(struct em_input *in, size_t n)
{
	size_t k = 0;

	while (k < n && !in->buffer[n - 1 - k])
		k++;
	in->zeros = k < n ? k : in->zeros + n;
}

/* More of a file that grows: where it ends in an end mark, only for so long. */
static ptrdiff_t follow(struct em_input *in, struct em_error *err)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000L};
	ptrdiff_t n = 0;

	for (int waited = 0; !n && (in->zeros < END_MARK_BYTES || waited < FOLLOW_END_MS); waited += FOLLOW_MS) {
		nanosleep(&pause, NULL);
		n = read_some(in, in->buffer, READ_BYTES, err);
	}
	return n;
}

static ptrdiff_t next_bytes(void *ctx, const void **bytes, struct em_error *err)
{
	struct em_input *in = ctx;
	ptrdiff_t n = (ptrdiff_t)in->peeked;

	*bytes = in->buffer;
	in->peeked = 0;
	if (!n)
		n = in->at_end && !in->opt.follow ? 0 : read_some(in, in->buffer, READ_BYTES, err);
	if (!n && in->opt.follow)
		n = follow(in, err);
	if (n > 0)
		count_zeros(in, (size_t)n);
	return n;
}

/* Is the file at its beginning but for what was peeked?  A shell may have read the first lines of standard input. */
static bool begins_at_zero(const struct em_input *in)
{
	return lseek(in->fd, 0, SEEK_CUR) == (off_t)in->peeked;
}

/* The whole of a plain file: mapped where it can be, else read to its end. */
static int load_blob(struct em_input *in, struct em_error *err)
{
	const char *scratch = in->opt.scratch ? in->opt.scratch : P_tmpdir;

	if (begins_at_zero(in) && !em_blob_map_open(in->fd, &in->file.blob, NULL) && in->file.blob.size) {
		in->mapped = true;
		return 0;
	}
	return em_blob_read(in->fd, in->buffer, in->peeked, scratch, &in->file.blob, &in->mapped, err);
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

static void locate(struct em_input *in, size_t frame, struct em_place *place)
{
	*place = (struct em_place){0, 1, frame, in->frames, ""};
	if (in->codec->locate)
		in->codec->locate(in->codec_state, frame, place);
}

/* Where the data set behind the one at `frame` begins: the frames of a set follow one another. */
static size_t next_set(struct em_input *in, size_t frame, struct em_place *place)
{
	locate(in, frame, place);
	return frame + (place->count > place->index ? place->count - place->index : 1);
}

/* "1" and "d01": the number of a data set; SIZE_MAX where it is none. */
static size_t number_of_signal(const char *text)
{
	const char *digits = *text == 'd' ? text + 1 : text;
	size_t n = strlen(digits);

	return n && n < 10 && strspn(digits, "0123456789") == n ? (size_t)atol(digits) : SIZE_MAX;
}

static bool is_wanted(struct em_input *in, size_t frame)
{
	struct em_place place;

	locate(in, frame, &place);
	if (in->opt.signal && (in->by_name ? strcmp(in->opt.signal, place.name) != 0 : place.set != in->signal))
		return false;
	return em_slice_holds(&in->opt.frames, place.index, place.count);
}

/* "no data set 'x' in the file; it has 0 (HAADF), 1" */
static int refuse_signal(struct em_input *in, struct em_error *err)
{
	struct em_text list = {0};
	struct em_place place;
	size_t listed = 0;

	for (size_t i = 0, next; i < in->frames && listed < 20; i = next) {
		next = next_set(in, i, &place);
		em_text_printf(&list, "%s%zu", listed++ ? ", " : "", place.set);
		if (place.name[0])
			em_text_printf(&list, " (%s)", place.name);
	}
	em_error_set(err, EM_ERROR_USAGE, "no data set '%.60s' in the file; it has %s", in->opt.signal,
	             em_text_get(&list));
	em_text_release(&list);
	return -1;
}

/* A data set of that name, or else of that number. */
static int choose_signal(struct em_input *in, struct em_error *err)
{
	struct em_place place;
	bool by_number = false;

	in->signal = number_of_signal(in->opt.signal);
	for (size_t i = 0, next; i < in->frames; i = next) {
		next = next_set(in, i, &place);
		in->by_name = in->by_name || !strcmp(in->opt.signal, place.name);
		by_number = by_number || place.set == in->signal;
	}
	return in->by_name || by_number ? 0 : refuse_signal(in, err);
}

static int open_file(struct em_input *in, struct em_error *err)
{
	in->codec = em_codec_detect(in->buffer, in->peeked < EM_PROBE_BYTES ? in->peeked : EM_PROBE_BYTES);
	if (!in->codec)
		return unknown_format(in, err);
	if (load_blob(in, err) || in->codec->open(&in->file, &in->codec_state, &in->frames, err))
		return -1;
	return in->opt.signal ? choose_signal(in, err) : 0;
}

static int prepare(struct em_input *in, const char *path, struct em_error *err)
{
	in->buffer = malloc(READ_BYTES);
	in->path = strdup(path);
	in->key = em_input_key_of_path(path, in->opt.keep_path);
	if (!in->buffer || !in->path || !in->key)
		return em_error_memory(err, READ_BYTES);
	if (strcmp(path, "-")) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (in->fd < 0)
			return em_error_errno(err, "cannot open");
		in->close_fd = true;
		in->file.path = in->path;
	}
	if (peek(in, err))
		return -1;
	if (!em_stream_probe(in->buffer, in->peeked))
		return open_file(in, err);
	if (in->opt.signal)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "this is a stream: it has samples but no data sets to choose from");
	if (em_slice_needs_size(&in->opt.frames))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "this is a stream: nobody knows how many samples it has, so that a range of them "
		                    "cannot count from its end");
	in->stream = em_stream_reader_new((struct em_byte_source){in, next_bytes}, err);
	return in->stream ? 0 : -1;
}

struct em_input *em_input_open(const char *path, const struct em_input_options *options, struct em_error *err)
{
	struct em_input *in = calloc(1, sizeof(*in));

	if (!in) {
		em_error_memory(err, sizeof(*in));
		return NULL;
	}
	atomic_init(&in->holders, 1);
	pthread_mutex_init(&in->lock, NULL);
	in->opt = *options;
	in->file.whole = options->whole;
	if (prepare(in, path, err)) {
		em_input_close(in);
		return NULL;
	}
	return in;
}

struct em_input *em_input_hold(struct em_input *in)
{
	atomic_fetch_add(&in->holders, 1);
	return in;
}

void em_input_close(struct em_input *in)
{
	if (!in || atomic_fetch_sub(&in->holders, 1) > 1)
		return;
	if (in->codec_state)
		in->codec->close(in->codec_state);
	em_file_release(&in->file);
	em_stream_reader_free(in->stream);
	if (in->mapped)
		em_blob_unmap(&in->file.blob);
	else
		free((void *)(uintptr_t)in->file.blob.data);
	if (in->close_fd)
		close(in->fd);
	pthread_mutex_destroy(&in->lock);
	free(in->buffer);
	free(in->path);
	free(in->key);
	free(in);
}

bool em_input_is_stream(const struct em_input *in)
{
	return in->stream != NULL;
}

static void name_frame(struct em_input *in, const struct em_place *place, char *key)
{
	int n = snprintf(key, EM_INPUT_KEY, "%.*s", EM_KEY_MAX, in->key);

	if (place->sets > 1)
		n += snprintf(key + n, EM_INPUT_KEY - (size_t)n, "/d%02zu", place->set);
	if (place->count > 1)
		snprintf(key + n, EM_INPUT_KEY - (size_t)n, "/f%06zu", place->index);
}

void em_input_key(struct em_input *in, size_t frame, char *key)
{
	struct em_place place;

	locate(in, frame, &place);
	name_frame(in, &place, key);
}

static void put_digest(struct em_input *in, struct em_text *t)
{
	if (in->file.blob.size > EM_INPUT_DIGEST_BYTES && !in->opt.digest)
		return;
	pthread_mutex_lock(&in->lock);
	if (!in->digest[0])
		em_digest_sha256_hex(in->file.blob.data, in->file.blob.size, in->digest);
	pthread_mutex_unlock(&in->lock);
	em_json_put_name(t, "sha256");
	em_json_put_string(t, in->digest);
}

static int put_tags(struct em_input *in, size_t frame, struct em_text *t, struct em_error *err)
{
	if (!in->opt.tags || !in->codec->tags)
		return 0;
	em_json_put_name(t, "tags");
	return in->codec->tags(in->codec_state, frame, t, err);
}

/* {"file":..,"bytes":..,"sha256":..}, "signal" where it has a name, "frame" when there are several. */
static int set_source(struct em_input *in, struct em_record *r, size_t frame, const struct em_place *place,
                      struct em_error *err)
{
	const char *base = em_file_name(&in->file);
	struct em_text t = {0};
	int status;

	em_text_append(&t, "{");
	if (base[0] && em_utf8_is_valid(base, strlen(base))) {
		em_json_put_name(&t, "file");
		em_json_put_string(&t, base);
	}
	em_json_put_name(&t, "bytes");
	em_json_put_number(&t, (double)in->file.blob.size);
	put_digest(in, &t);
	if (place->name[0]) {
		em_json_put_name(&t, "signal");
		em_json_put_string(&t, place->name);
	}
	if (place->count > 1) {
		em_json_put_name(&t, "frame");
		em_json_put_number(&t, (double)place->index);
	}
	status = put_tags(in, frame, &t, err);
	em_text_append(&t, "}");
	if (!status)
		status = em_record_set_text(r, "source", &t, err);
	em_text_release(&t);
	return status;
}

/* Pages of a long movie that were read stay resident until they are given back; who needs one again gets it again. */
static void release_pages(struct em_input *in, size_t bytes)
{
	if (!in->mapped || atomic_fetch_add(&in->unreleased, bytes) + bytes < RELEASE_BYTES)
		return;
	atomic_store(&in->unreleased, 0);
	em_blob_give_back(&in->file.blob);
}

static int read_frame(struct em_input *in, struct em_sample *s, size_t frame, struct em_error *err)
{
	struct em_array a = {0};
	struct em_meta meta;
	int status;

	em_meta_init(&meta);
	if (in->codec->read(in->codec_state, frame, &a, &meta, err))
		return -1;
	release_pages(in, em_array_bytes(&a));
	for (int k = 0; k < a.ndim; k++)
		em_units_axis_to_nm(&a.axis[k]);
	for (int k = 0; k < meta.nstack; k++)
		em_units_axis_to_nm(&meta.stack[k].axis);
	status = em_sample_take_data(s, &a, err);
	return status ? -1 : em_meta_put(&meta, &s->record, err);
}

int em_input_load(struct em_input *in, size_t frame, struct em_sample *s, struct em_error *err)
{
	struct em_sample fresh = {0};
	char key[EM_INPUT_KEY];
	struct em_place place;

	locate(in, frame, &place);
	name_frame(in, &place, key);
	if (em_record_set(&fresh.record, "em", "1", err) || em_sample_set_key(&fresh, key, err) ||
	    read_frame(in, &fresh, frame, err) || set_source(in, &fresh.record, frame, &place, err)) {
		em_sample_release(&fresh);
		return -1;
	}
	*s = fresh;
	return 0;
}

int em_input_reserve(struct em_input *in, size_t *frame)
{
	while (in->next < in->frames && !is_wanted(in, in->next))
		in->next++;
	if (in->next == in->frames)
		return 0;
	*frame = in->next++;
	return 1;
}

/* The next sample of a stream that is asked for. */
static int next_of_stream(struct em_input *in, struct em_sample *s, struct em_error *err)
{
	for (;;) {
		int got = em_stream_read_sample(in->stream, s, err);

		if (got != 1 || em_slice_holds(&in->opt.frames, in->next++, SIZE_MAX))
			return got;
		em_sample_release(s);
	}
}

int em_input_next(struct em_input *in, struct em_sample *s, struct em_error *err)
{
	size_t frame;

	if (in->stream)
		return next_of_stream(in, s, err);
	if (!em_input_reserve(in, &frame))
		return 0;
	return em_input_load(in, frame, s, err) ? -1 : 1;
}
