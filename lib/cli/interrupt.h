/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals that are held back and asked for when it suits: for long work that ends in order. */
#ifndef EM_CLI_INTERRUPT_H
#define EM_CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP wait, as far as they are not ignored; in threads made later, too. */
void em_interrupts_hold(void);
/* Is one of them waiting? */
bool em_interrupted(void);

#endif
