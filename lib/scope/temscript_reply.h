/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes over the temscript wire: JSON, but with NaN and infinities bare in it, as Python writes them, and with
 * images as texts of any length.  Both are taken out before base/json.h, which allows neither, sees the rest: numbers
 * that are none become null, and long texts stay where they are in the reply.
 */
#ifndef EM_SCOPE_TEMSCRIPT_REPLY_H
#define EM_SCOPE_TEMSCRIPT_REPLY_H

#include "base/array.h"
#include "base/json.h"
#include "base/text.h"

#include <stddef.h>

#define EM_TEMSCRIPT_SIDE_MAX 65536 /* pixels along an image's side, and a spectrum's channels */
#define EM_TEMSCRIPT_HELD_MAX 16    /* long texts, i.e. images, in a reply */

struct em_temscript_reply {
	struct em_json *tree; /* owned */
	struct {
		const char *s; /* of the text that was parsed */
		size_t n;
	} held[EM_TEMSCRIPT_HELD_MAX];
	size_t count;
};

/* body[0..n) is borrowed while the reply is used.  EM_ERROR_DATA: no JSON, too many long texts. */
int em_temscript_reply_parse(struct em_temscript_reply *r, const char *body, size_t n, struct em_error *err);
void em_temscript_reply_release(struct em_temscript_reply *r);

/*
 * {"width":64,"height":64,"type":"INT16","endianness":"LITTLE","encoding":"BASE64","data":"..."} as an array
 * [height][width] in its own type.  Nothing is allocated before all sizes agree.  EM_ERROR_DATA.
 */
int em_temscript_reply_image(const struct em_temscript_reply *r, const struct em_json *node, struct em_array *a,
                             struct em_error *err);

/* The same in the other direction: appends that object, but for its closing brace. */
void em_temscript_put_image(struct em_text *t, const struct em_array *a);

#endif
