/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int which[] = {SIGINT, SIGTERM, SIGHUP};

void em_interrupts_hold(void)
{
	struct sigaction now;
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++)
		if (!sigaction(which[i], NULL, &now) && now.sa_handler != SIG_IGN) /* nohup's */
			sigaddset(&held, which[i]);
	pthread_sigmask(SIG_BLOCK, &held, NULL);
}

bool em_interrupted(void)
{
	sigset_t waiting;

	if (sigpending(&waiting))
		return false;
	return sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM) || sigismember(&waiting, SIGHUP);
}
