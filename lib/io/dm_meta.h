/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DigitalMicrograph file says of one image beyond its pixels, in the words of the record. */
#ifndef EM_IO_DM_META_H
#define EM_IO_DM_META_H

#include "io/meta.h"
#include "io/dm_tags.h"

/*
 * The title, stage, microscope and acquisition that the tags of `image`, an entry of ImageList, tell; no holder.
 * Semi-angles.  The date is in UTC where the file has the operating system's time, else in the instrument's time where
 * the order of day and month shows, else text as the file spells it.
 */
void em_dm_put_meta(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_meta *meta);

#endif
