/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DigitalMicrograph file says of one image beyond its pixels, in the words of the record. */
#ifndef EM_IO_DM_META_H
#define EM_IO_DM_META_H

#include "base/record.h"
#include "io/dm_tags.h"

/*
 * "title"; "stage" {x_um, y_um, z_um, a_deg, b_deg}; "microscope" {instrument, mode, beam_kev, magnification,
 * camera_length_mm}; "acquisition" {date, detector, exposure_s, dwell_s, convergence_mrad, collection_mrad}: of each
 * what the tags of `image`, an entry of ImageList, have.  Semi-angles.  The date is ISO 8601 in UTC where the file has
 * the operating system's time, else text as the file spells it, whose order of day and month nobody knows.
 */
int em_dm_put_meta(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_record *meta,
                   struct em_error *err);

#endif
