/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ZIPs made member by member.  Include after codec_help.h. */
#ifndef EM_TESTS_ZIP_HELP_H
#define EM_TESTS_ZIP_HELP_H

#include "base/text.h"

#include <string.h>

#include <zlib.h>

static inline void zip_put(struct em_text *t, unsigned long v, int n)
{
	for (int i = 0; i < n; i++)
		em_text_append_bytes(t, &(unsigned char){(unsigned char)(v >> 8 * i)}, 1);
}

struct zip {
	struct em_text file, directory;
	unsigned count;
};

/* claim: the unpacked size to state; 0 for the truth. */
static inline void zip_add(struct zip *z, const char *name, bool deflated, const struct em_text *data,
                           unsigned long claim)
{
	unsigned long room = compressBound(data->len);
	unsigned char *packed = malloc(room);
	unsigned long at = z->file.len, crc = crc32(0, (const unsigned char *)data->s, (unsigned)data->len);
	z_stream s = {.next_in = (unsigned char *)data->s, .avail_in = (unsigned)data->len, .next_out = packed,
	              .avail_out = (unsigned)room};

	assert_non_null(packed);
	assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	deflateEnd(&s);
	em_text_append(&z->file, "PK\3\4");
	em_text_append(&z->directory, "PK\1\2");
	zip_put(&z->directory, 20, 2);
	for (int i = 0; i < 2; i++) {
		struct em_text *t = i ? &z->directory : &z->file;

		zip_put(t, 20, 2);
		zip_put(t, 0, 2);
		zip_put(t, deflated ? 8 : 0, 2);
		zip_put(t, 0, 4);
		zip_put(t, crc, 4);
		zip_put(t, deflated ? s.total_out : data->len, 4);
		zip_put(t, claim ? claim : data->len, 4);
		zip_put(t, strlen(name), 2);
		zip_put(t, 0, 2);
	}
	zip_put(&z->directory, 0, 2 + 2 + 2);
	zip_put(&z->directory, 0, 4);
	zip_put(&z->directory, at, 4);
	em_text_append(&z->directory, name);
	em_text_append(&z->file, name);
	em_text_append_bytes(&z->file, deflated ? (const void *)packed : data->s, deflated ? s.total_out : data->len);
	free(packed);
	z->count++;
}

static inline void zip_end(struct zip *z)
{
	unsigned long at = z->file.len;

	em_text_append_bytes(&z->file, z->directory.s, z->directory.len);
	em_text_append(&z->file, "PK\5\6");
	zip_put(&z->file, 0, 4);
	zip_put(&z->file, z->count, 2);
	zip_put(&z->file, z->count, 2);
	zip_put(&z->file, z->directory.len, 4);
	zip_put(&z->file, at, 4);
	zip_put(&z->file, 0, 2);
	em_text_release(&z->directory);
}

#endif
