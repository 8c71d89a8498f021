/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tools print of an instrument: lines for people and shells, or JSON. */
#ifndef EM_SCOPE_REPORT_H
#define EM_SCOPE_REPORT_H

#include "base/text.h"
#include "scope/scope.h"

/* "stage.x", or "stage" for all that begin so; *need has those named in full.  EM_ERROR_USAGE. */
int em_scope_report_select(const char *name, struct em_controls *want, struct em_controls *need, struct em_error *err);
/* "stage.x=12.5um" a line, as em_control_parse takes it, to nine digits; or one line of JSON. */
void em_scope_report_controls(const struct em_controls *c, bool json, struct em_text *out);
int em_scope_report_status(struct em_scope *s, bool json, struct em_text *out, struct em_error *err);
/* Lines "stage.x -900um 900um"; the JSON is what em_scope_limits_read takes. */
int em_scope_report_limits(struct em_scope *s, double clear_z, bool json, struct em_text *out, struct em_error *err);
/* Everything it can do, JSON. */
int em_scope_report_peer(struct em_scope *s, struct em_text *out, struct em_error *err);
/* What the place under the beam has received. */
int em_scope_report_dose(struct em_scope *s, struct em_text *out, struct em_error *err);
/* The last `last` commands of a journal (0: all), a line each, or the journal's own lines; *note says what was wrong
 * with it. */
int em_scope_report_log(const char *path, size_t last, bool json, struct em_text *out, struct em_text *note,
                        struct em_error *err);

#endif
