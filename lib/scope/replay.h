/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A journal again, on another instrument: the simulator. */
#ifndef EM_SCOPE_REPLAY_H
#define EM_SCOPE_REPLAY_H

#include "base/text.h"
#include "scope/scope.h"

/*
 * Brings the instrument to where the journal's first command found its own, as far as it can, then does every move and
 * exposure that has an end in the journal.  Appends to *out a line for each difference: another outcome, a reading
 * after it that is further off than the tolerance, a picture of another shape or whose mean differs by a tenth; and one
 * of the sum.  EM_ERROR_MISSED where there were differences; EM_ERROR_IO and DATA: the journal cannot be read, or holds
 * nothing to do.
 */
int em_scope_replay(struct em_scope *s, const char *journal, struct em_text *out, struct em_error *err);

#endif
