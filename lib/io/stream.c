/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/stream.h"

#include "io/keyset.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#define END_MARK_BYTES 1024               /* two zero blocks of 512 */
#define MEMBER_FIRST_BYTES ((size_t)1 << 20) /* what a header's claim is believed before any data has come */

struct em_stream_reader {
	struct archive *archive;
	struct em_byte_source source;
	struct em_error source_error; /* what the source said, under libarchive's own message */
	struct em_keyset seen;
	char *name;            /* of the member whose header has been read and whose data has not; NULL at the end */
	bool name_is_last;     /* its writer says that it is the last of its sample (COMMIT_NAME) */
	bool header_pending;   /* the next header is still to be read */
	size_t name_size;      /* its data bytes, as the header claims */
	int64_t end_of_member; /* where in the (unpacked) archive the last member ended */
	int64_t pulled;        /* bytes that the source has handed over */
};

/*
 * The owner's name in the header of a record that is the last member of its sample.  Reading "the next header, to see
 * whether it belongs here too" would hold back each sample of a live stream until the next one comes, and a stage
 * more at every stage of a pipeline.  Archives made by others have other owners: there we look ahead.
 */
#define COMMIT_NAME "emstream"

/* ---- reading ---- */

static la_ssize_t pull(struct archive *a, void *ctx, const void **bytes)
{
	struct em_stream_reader *r = ctx;
	ptrdiff_t n = r->source.read(r->source.ctx, bytes, &r->source_error);

	if (n < 0)
		archive_set_error(a, EIO, "%s", r->source_error.text);
	else
		r->pulled += n;
	return n < 0 ? ARCHIVE_FATAL : (la_ssize_t)n;
}

static int read_failed(struct em_stream_reader *r, struct em_error *err)
{
	const char *why = archive_error_string(r->archive);

	if (r->source_error.kind) {
		if (err)
			*err = r->source_error;
		return -1;
	}
	return em_error_set(err, EM_ERROR_DATA, "broken stream: %s", why ? why : "unknown fault");
}

struct em_stream_reader *em_stream_reader_new(struct em_byte_source source, struct em_error *err)
{
	struct em_stream_reader *r = calloc(1, sizeof(*r));

	if (!r || em_keyset_init(&r->seen, err)) {
		free(r);
		return NULL;
	}
	r->source = source;
	r->header_pending = true;
	r->archive = archive_read_new();
	if (!r->archive || archive_read_support_filter_gzip(r->archive) ||
	    archive_read_support_filter_xz(r->archive) ||
	    archive_read_support_filter_zstd(r->archive) || archive_read_support_format_tar(r->archive) ||
	    archive_read_set_options(r->archive, "tar:read_concatenated_archives") ||
	    archive_read_open2(r->archive, r, NULL, pull, NULL, NULL)) {
		if (r->archive && r->source_error.kind)
			read_failed(r, err);
		else
			em_error_set(err, EM_ERROR_DATA,
			             "no tar archive in this input, compressed or not: it is no stream");
		em_stream_reader_free(r);
		return NULL;
	}
	return r;
}

void em_stream_reader_free(struct em_stream_reader *r)
{
	if (!r)
		return;
	if (r->archive)
		archive_read_free(r->archive);
	em_keyset_release(&r->seen);
	free(r->name);
	free(r);
}

/* Past the data of a member that nobody wants (a folder has none). */
static int skip_data(struct em_stream_reader *r, struct em_error *err)
{
	if (archive_read_data_skip(r->archive) < ARCHIVE_WARN)
		return read_failed(r, err);
	r->end_of_member = archive_filter_bytes(r->archive, 0);
	return 0;
}

/* A decompressor stops where its own format ends.  What follows there would be lost without a word. */
static int check_rest(struct em_stream_reader *r, struct em_error *err)
{
	bool rest = r->pulled > archive_filter_bytes(r->archive, -1);
	const void *bytes;
	ptrdiff_t n = rest ? 0 : r->source.read(r->source.ctx, &bytes, err);

	if (n < 0)
		return -1;
	if (rest || n > 0)
		return em_error_set(err, EM_ERROR_DATA,
		                    "something that is no part of it follows the compressed stream");
	return 0;
}

/* tar readers take the bare end of the bytes for the end of the archive; we want the two zero blocks. */
static int check_end_mark(struct em_stream_reader *r, struct em_error *err)
{
	if (archive_filter_bytes(r->archive, 0) - r->end_of_member < END_MARK_BYTES)
		return em_error_set(err, EM_ERROR_DATA,
		                    "truncated stream: the end mark is missing; its producer failed or was cut off");
	return check_rest(r, err);
}

/* The name of the next regular file into r->name, NULL at a proper end. */
static int next_header(struct em_stream_reader *r, struct em_error *err)
{
	struct archive_entry *entry;
	const char *path;
	int status;

	free(r->name);
	r->name = NULL;
	for (;;) {
		status = archive_read_next_header(r->archive, &entry);
		if (status == ARCHIVE_EOF)
			return check_end_mark(r, err);
		if (status < ARCHIVE_WARN)
			return read_failed(r, err);
		path = archive_entry_pathname_utf8(entry);
		if (!path)
			path = archive_entry_pathname(entry);
		if (!path)
			return em_error_set(err, EM_ERROR_DATA, "a member's name is not valid UTF-8");
		if (archive_entry_filetype(entry) != AE_IFDIR)
			break;
		if (skip_data(r, err))
			return -1;
	}
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || archive_entry_symlink(entry))
		return em_error_set(err, EM_ERROR_DATA, "member '%.200s' is not a regular file", path);
	if (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > SIZE_MAX / 2)
		return em_error_set(err, EM_ERROR_DATA, "member '%.200s' has no usable size", path);
	while (!strncmp(path, "./", 2))
		path += 2;
	r->name_size = (size_t)archive_entry_size(entry);
	r->name_is_last = archive_entry_uname(entry) && !strcmp(archive_entry_uname(entry), COMMIT_NAME);
	r->name = strdup(path);
	return r->name ? 0 : em_error_memory(err, strlen(path));
}

/* The member's data.  Memory follows the bytes that really come, not what the header claims. */
static unsigned char *read_data(struct em_stream_reader *r, size_t *size, struct em_error *err)
{
	size_t want = r->name_size, have = 0;
	size_t capacity = want < MEMBER_FIRST_BYTES ? want : MEMBER_FIRST_BYTES;
	unsigned char *data = malloc(capacity ? capacity : 1), *grown;

	while (data) {
		la_ssize_t n = archive_read_data(r->archive, data + have, capacity - have);

		if (n < 0) {
			read_failed(r, err);
			break;
		}
		have += (size_t)n;
		if (have == want) {
			char extra; /* drives the reader past the padding, so that the position is the member's end */

			if (archive_read_data(r->archive, &extra, 1) < 0) {
				read_failed(r, err);
				break;
			}
			r->end_of_member = archive_filter_bytes(r->archive, 0);
			*size = have;
			return data;
		}
		if (have < capacity) {
			em_error_set(err, EM_ERROR_DATA, "truncated stream: member '%.200s' is cut", r->name);
			break;
		}
		capacity = capacity > want / 2 ? want : 2 * capacity;
		grown = realloc(data, capacity);
		if (!grown) {
			em_error_memory(err, capacity);
			break;
		}
		data = grown;
	}
	if (!data)
		em_error_memory(err, capacity);
	free(data);
	return NULL;
}

/* Where KEY ends in KEY.EXT: at the first dot of the last part.  NULL where there is no dot or no extension. */
static char *split_name(char *name)
{
	char *last = strrchr(name, '/');
	char *dot = strchr(last ? last + 1 : name, '.');

	return dot && dot[1] ? dot : NULL;
}

static int begin_sample(struct em_stream_reader *r, struct em_sample *s, struct em_error *err)
{
	char *dot = split_name(r->name);

	if (!dot)
		return em_error_set(err, EM_ERROR_DATA, "member '%.200s' is not named KEY.EXT", r->name);
	s->key = strndup(r->name, (size_t)(dot - r->name));
	if (!s->key)
		return em_error_memory(err, strlen(r->name));
	if (em_key_check(s->key, err))
		return -1;
	if (!em_keyset_add(&r->seen, s->key))
		return em_error_set(err, EM_ERROR_DATA,
		                    "key '%.200s' comes twice: a sample's members must stand together", s->key);
	return 0;
}

/* A record of a newer major version may mean other things by the same words. */
static int check_version(const struct em_record *record, struct em_error *err)
{
	double version = 1;

	if (em_record_get(record, "em") &&
	    (!em_record_number(record, "em", &version) || !(version >= 1 && version < 2)))
		return em_error_set(err, EM_ERROR_DATA, "record of emstream version %.20s; this reader knows version 1",
		                    em_record_get(record, "em"));
	return 0;
}

static int take_record(struct em_sample *s, const unsigned char *data, size_t size, struct em_error *err)
{
	char key[EM_KEY_MAX + 1];

	if (em_record_parse(&s->record, (const char *)data, size, err) || check_version(&s->record, err))
		return -1;
	/* `tar --transform` renames members but not what is written inside: the member's name holds. */
	if (em_record_get(&s->record, "em") &&
	    (!em_record_string(&s->record, "key", key, sizeof(key)) || strcmp(key, s->key)))
		return em_record_set_string(&s->record, "key", s->key, err);
	return 0;
}

/* One member into the sample; *committed when it was the record. */
static int take_member(struct em_stream_reader *r, struct em_sample *s, bool *committed, struct em_error *err)
{
	const char *ext = r->name + strlen(s->key) + 1;
	bool is_record = !strcmp(ext, "json");
	unsigned char *data;
	size_t size;
	int status;

	if (is_record ? *committed : em_sample_member(s, ext) != NULL)
		return em_error_set(err, EM_ERROR_DATA, "member '.%.100s' comes twice", ext);
	if (is_record && r->name_size > EM_JSON_MAX_BYTES)
		return em_error_set(err, EM_ERROR_DATA, "record of %zu bytes; %zu are the limit", r->name_size,
		                    EM_JSON_MAX_BYTES);
	data = read_data(r, &size, err);
	if (!data)
		return -1;
	if (!is_record)
		return em_sample_set_member(s, ext, data, size, err);
	status = take_record(s, data, size, err);
	free(data);
	*committed = true;
	return status;
}

static bool belongs(const struct em_stream_reader *r, const struct em_sample *s)
{
	size_t n = strlen(s->key);

	return r->name && !strncmp(r->name, s->key, n) && r->name[n] == '.' && r->name[n + 1] &&
	       !strchr(r->name + n, '/');
}

int em_stream_read_sample(struct em_stream_reader *r, struct em_sample *s, struct em_error *err)
{
	struct em_sample fresh = {0};
	bool committed = false;
	int status;

	if (r->header_pending && next_header(r, err))
		return -1;
	r->header_pending = false;
	if (!r->name)
		return 0;
	status = begin_sample(r, &fresh, err);
	while (!status && belongs(r, &fresh)) {
		status = take_member(r, &fresh, &committed, err);
		if (status)
			em_error_prefix(err, "sample %.200s: ", fresh.key);
		else if ((r->header_pending = committed && r->name_is_last))
			break;
		else
			status = next_header(r, err);
	}
	if (!status && !committed)
		status = em_error_set(err, EM_ERROR_DATA, "sample %.200s: has no record (member .json)", fresh.key);
	if (status) {
		em_sample_release(&fresh);
		return -1;
	}
	*s = fresh;
	return 1;
}

/* ---- writing ---- */

#define BUFFER_BYTES ((size_t)1 << 16)

struct em_stream_writer {
	struct archive *archive;
	struct archive_entry *entry;
	int fd;
	bool flush_each;
	bool given_up; /* what libarchive still wants to write goes nowhere */
	struct em_error os_error;
	struct em_text record; /* reused from sample to sample */
	size_t buffered;
	unsigned char buffer[BUFFER_BYTES];
};

static int write_all(struct em_stream_writer *w, const unsigned char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(w->fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return em_error_errno(&w->os_error, "cannot write");
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

static int flush(struct em_stream_writer *w)
{
	size_t n = w->buffered;

	w->buffered = 0;
	return write_all(w, w->buffer, n);
}

/* libarchive's output: what is small is gathered, what is large goes straight out. */
static la_ssize_t push(struct archive *a, void *ctx, const void *bytes, size_t n)
{
	struct em_stream_writer *w = ctx;

	if (w->given_up)
		return (la_ssize_t)n;
	if (n > BUFFER_BYTES - w->buffered && flush(w))
		goto failed;
	if (n <= BUFFER_BYTES - w->buffered) {
		memcpy(w->buffer + w->buffered, bytes, n);
		w->buffered += n;
		return (la_ssize_t)n;
	}
	if (!write_all(w, bytes, n))
		return (la_ssize_t)n;
failed:
	archive_set_error(a, EIO, "write failed");
	return -1;
}

static int write_failed(struct em_stream_writer *w, struct em_error *err)
{
	if (!w->os_error.kind)
		return em_error_set(err, EM_ERROR_IO, "cannot write the stream: %s", archive_error_string(w->archive));
	if (err)
		*err = w->os_error;
	return -1;
}

struct em_stream_writer *em_stream_writer_new(int fd, bool flush_each, struct em_error *err)
{
	struct em_stream_writer *w = calloc(1, sizeof(*w));

	if (!w) {
		em_error_memory(err, sizeof(*w));
		return NULL;
	}
	w->fd = fd;
	w->flush_each = flush_each;
	w->archive = archive_write_new();
	w->entry = archive_entry_new();
	/* "restricted": plain ustar headers, a pax header only before a name that ustar cannot hold.  No tool calls
	 * setlocale, so names are bytes to libarchive, the same in every locale. */
	if (!w->archive || !w->entry || archive_write_set_format_pax_restricted(w->archive) ||
	    archive_write_set_bytes_per_block(w->archive, 0) ||
	    archive_write_open2(w->archive, w, NULL, push, NULL, NULL)) {
		em_error_set(err, EM_ERROR_MEMORY, "cannot begin a stream");
		em_stream_writer_abort(w);
		return NULL;
	}
	return w;
}

static int write_member(struct em_stream_writer *w, const char *key, const char *ext, const void *data, size_t size,
                        struct em_error *err)
{
	char name[EM_KEY_MAX + 128];
	size_t key_len = strlen(key), ext_len = strlen(ext);

	if (key_len + ext_len + 2 > sizeof(name))
		return em_error_set(err, EM_ERROR_DATA, "member name '.%.60s...' is too long", ext);
	memcpy(name, key, key_len);
	name[key_len] = '.';
	memcpy(name + key_len + 1, ext, ext_len + 1);

	archive_entry_clear(w->entry);
	archive_entry_set_pathname(w->entry, name);
	archive_entry_set_filetype(w->entry, AE_IFREG);
	archive_entry_set_perm(w->entry, 0644);
	archive_entry_set_mtime(w->entry, 0, 0);
	archive_entry_set_size(w->entry, (la_int64_t)size);
	if (!strcmp(ext, "json"))
		archive_entry_set_uname(w->entry, COMMIT_NAME);
	if (archive_write_header(w->archive, w->entry) < ARCHIVE_WARN)
		return write_failed(w, err);
	if (size && archive_write_data(w->archive, data, size) != (la_ssize_t)size)
		return write_failed(w, err);
	if (archive_write_finish_entry(w->archive) < ARCHIVE_WARN)
		return write_failed(w, err);
	return 0;
}

int em_stream_write_sample(struct em_stream_writer *w, const struct em_sample *s, struct em_error *err)
{
	for (size_t i = 0; i < s->count; i++)
		if (write_member(w, s->key, s->member[i].ext, s->member[i].data, s->member[i].size, err))
			return -1;
	em_text_clear(&w->record);
	em_record_print(&s->record, &w->record);
	em_text_append(&w->record, "\n");
	if (em_text_check(&w->record, err) || write_member(w, s->key, "json", w->record.s, w->record.len, err))
		return -1;
	return w->flush_each && flush(w) ? write_failed(w, err) : 0;
}

static void writer_free(struct em_stream_writer *w)
{
	if (w->archive)
		archive_write_free(w->archive);
	if (w->entry)
		archive_entry_free(w->entry);
	em_text_release(&w->record);
	free(w);
}

int em_stream_writer_close(struct em_stream_writer *w, struct em_error *err)
{
	int status = 0;

	if (archive_write_close(w->archive) < ARCHIVE_WARN || flush(w)) {
		status = write_failed(w, err);
		archive_write_fail(w->archive);
	}
	writer_free(w);
	return status;
}

void em_stream_writer_abort(struct em_stream_writer *w)
{
	if (!w)
		return;
	flush(w); /* what is already promised may go out: the stream is seen to be cut all the same */
	w->given_up = true; /* the end mark above all; archive_write_fail would do, but leaks in libarchive 3.6 */
	writer_free(w);
}
