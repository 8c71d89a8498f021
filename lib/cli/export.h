/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside lib/cli: samples written as files of another program's format.  The frames of one data set, which follow one
 * another, make one file; so do all samples where one file is named for all.
 */
#ifndef EM_CLI_EXPORT_H
#define EM_CLI_EXPORT_H

#include "base/error.h"
#include "io/codec.h"
#include "io/stream.h"

struct em_export;

/*
 * output "DIR/": a file a data set, DIR/KEY.EXT, folders made as needed.  Another name: one file, in which every
 * sample has the first one's shape, type and scales.  NULL or "-": the same on standard output, once it is whole.
 * Every file appears whole or not at all.
 */
struct em_export *em_export_open(const struct em_codec *format, const char *output, struct em_error *err);
/* Not of a sample that is marked as failed. */
int em_export_write(struct em_export *e, const struct em_sample *s, struct em_error *err);
/* Frees e in every case.  EM_ERROR_DATA where nothing was written. */
int em_export_close(struct em_export *e, struct em_error *err);
void em_export_abort(struct em_export *e); /* NULL allowed; files that are complete stay */

#endif
