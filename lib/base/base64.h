/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as text (RFC 4648, section 4: + and /, padded): how wires that speak JSON carry images. */
#ifndef EM_BASE_BASE64_H
#define EM_BASE_BASE64_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>

/* The bytes that text[0..n) stands for, by its length and padding alone; -1 where no text has this length. */
int em_base64_measure(const char *text, size_t n, size_t *bytes);
/* text[0..n) into exactly out_bytes bytes.  EM_ERROR_DATA: another length, a character that does not belong there, bits
 * behind the end that are not 0. */
int em_base64_decode(const char *text, size_t n, unsigned char *out, size_t out_bytes, struct em_error *err);

void em_base64_append(struct em_text *t, const unsigned char *bytes, size_t n);

#endif
