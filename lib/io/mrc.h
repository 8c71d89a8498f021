/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the MRC codec share. */
#ifndef EM_IO_MRC_H
#define EM_IO_MRC_H

#include "io/codec.h"

#include <stdint.h>

#define EM_MRC_HEADER ((size_t)1024)
#define EM_MRC_IMOD_STAMP 1146047817u /* "IMOD" as a number: bit 0 of the word after it says that bytes are signed */

/* The extended header: where it is known, a record for each section. */
struct em_mrc_records {
	const unsigned char *header; /* EM_MRC_HEADER bytes, and `bytes` more */
	uint32_t bytes;
	bool big;
};

/* What record `index` says, where there is one that makes sense; *pixel_nm stays where it is not known. */
void em_mrc_records_put_meta(const struct em_mrc_records *r, size_t index, struct em_meta *meta, double *pixel_nm);
/* A member "extended", unless there is no such record. */
void em_mrc_records_put_json(const struct em_mrc_records *r, size_t index, struct em_text *json);
/* A member "header": all fields by their names in MRC2014, and the labels. */
void em_mrc_put_header(const unsigned char *header, bool big, struct em_text *json);

/* Stacks of pictures (space group 0), little-endian.  u8 is widened to mode 6 (u16): mode 0 is signed for MRC2014 and
 * its readers.  i32, f64 and whatever is no picture is refused. */
extern const struct em_codec_writer em_mrc_writer;

#endif
