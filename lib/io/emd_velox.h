/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The metadata of Velox: JSON in which (nearly) every number is a string, one text a frame. */
#ifndef EM_IO_EMD_VELOX_H
#define EM_IO_EMD_VELOX_H

#include "base/json.h"
#include "io/hdf_signal.h"

/* The text of frame i in the data set `name` of a group (the last one, where there are fewer); false: there is none. */
bool em_velox_get_text(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name, size_t i,
                       struct em_text *out);
/* How many frames have a text there; *bytes: what reading one may take. */
size_t em_velox_count_texts(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name,
                            size_t *bytes);
/* The same, parsed; and that of a data set of one string, *bytes long (may be NULL).  NULL: there is none. */
struct em_json *em_velox_parse(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name,
                               size_t i);
struct em_json *em_velox_parse_string(const struct em_hdf_tree *tree, const struct em_hdf_node *node,
                                      size_t *bytes);
/* A number, in quotes or not; false, *v untouched, where it is none. */
bool em_velox_number(const struct em_json *json, const char *path, double *v);

/* Axes of a scan, the energy of an EDS detector, and what is known of the instrument, from a frame's metadata. */
void em_velox_set_pixels(const struct em_json *json, struct em_axis *y, struct em_axis *x);
void em_velox_set_energy(const struct em_json *json, struct em_axis *energy);
void em_velox_put_meta(const struct em_json *json, struct em_meta *meta);
/* Seconds from one frame to the next; NAN where nobody says. */
double em_velox_frame_time(const struct em_json *json);

#endif
