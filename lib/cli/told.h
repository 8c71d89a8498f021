/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings about samples, each told once: a series has the same one in every frame, with other numbers. */
#ifndef EM_CLI_TOLD_H
#define EM_CLI_TOLD_H

#include "cli/cli.h"

#include <stddef.h>

#define EM_TOLD_MOST 64 /* different ones */

struct em_told {
	char *line[EM_TOLD_MOST]; /* owned */
	size_t count;
};

/* Do a warning and the first n bytes of another say the same, of whatever numbers?  Digits behind a letter (Ti-L23) are
 * none. */
bool em_told_alike(const char *a, const char *b, size_t n);
/* Each of the lines that is like none before it, with the key of its sample.  Beyond EM_TOLD_MOST nothing is told. */
void em_told_tell(struct em_told *told, struct em_cli *cli, const char *key, const char *lines);
void em_told_release(struct em_told *told); /* a zeroed one too */

#endif
