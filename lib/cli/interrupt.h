/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals that are held back and asked for when it suits: for long work that ends in order, and for work amid which
 * none may come (what a signal brings onto the stack and the kernels of oneDNN's LSTM spoil each other).
 */
#ifndef EM_CLI_INTERRUPT_H
#define EM_CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP wait, as far as they are not ignored, and so does SIGUSR1, which asks for
 * progress; in threads made later, too. */
void em_interrupts_hold(void);
/* Is one of the former waiting? */
bool em_interrupted(void);

#endif
