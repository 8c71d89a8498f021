/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files written by a codec, back in memory.  Include after codec_help.h. */
#ifndef EM_TESTS_WRITE_HELP_H
#define EM_TESTS_WRITE_HELP_H

#include <unistd.h>

struct written {
	struct em_blob blob;
};

static inline void written_release(struct written *w)
{
	em_blob_unmap(&w->blob);
}

static inline int write_to(const char *path, const char *format, const struct em_array *a, size_t n,
                           const struct em_meta *meta, struct em_error *err)
{
	const struct em_codec *codec = em_codec_to_write(format);
	struct em_meta none;
	void *file;

	assert_non_null(codec);
	em_meta_init(&none);
	if (!meta)
		meta = &none;
	if (codec->writer->begin(path, &a[0], meta, &file, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (codec->writer->add(file, &a[i], meta, err)) {
			codec->writer->abandon(file);
			return -1;
		}
	return codec->writer->finish(file, err);
}

static inline void make_name(char *path, size_t n)
{
	int fd;

	snprintf(path, n, "%s/em-test-XXXXXX", P_tmpdir);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* n frames as one file of this format. */
static inline struct written write_frames(const char *format, const struct em_array *a, size_t n,
                                          const struct em_meta *meta)
{
	struct em_error err = {0};
	struct written w;
	char path[512];

	make_name(path, sizeof(path));
	if (write_to(path, format, a, n, meta, &err))
		fail_msg("%s", err.text);
	assert_int_equal(em_blob_map(path, &w.blob, NULL), 0);
	unlink(path);
	return w;
}

/* The format cannot hold them, and says so in these words. */
static inline void expect_unwritten(const char *format, const struct em_array *a, size_t n, const struct em_meta *meta,
                                    const char *why)
{
	struct em_error err = {0};
	char path[512];

	make_name(path, sizeof(path));
	assert_int_equal(write_to(path, format, a, n, meta, &err), -1);
	unlink(path);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

#endif
