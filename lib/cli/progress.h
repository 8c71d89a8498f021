/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside lib/cli: the progress line on standard error. */
#ifndef EM_CLI_PROGRESS_H
#define EM_CLI_PROGRESS_H

#include "cli/cli.h"

void em_progress_begin(const struct em_cli *cli); /* the clock starts; SIGUSR1 asks for one line from now on */
void em_progress_clear(void); /* before a message is printed */
void em_progress_end(struct em_cli *cli);

#endif
