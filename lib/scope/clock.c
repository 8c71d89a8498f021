/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double em_clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void em_clock_sleep(double seconds)
{
	struct timespec t;

	if (!(seconds > 0))
		return;
	if (seconds > 1e6)
		seconds = 1e6;
	t.tv_sec = (time_t)seconds;
	t.tv_nsec = (long)(1e9 * (seconds - floor(seconds)));
	nanosleep(&t, NULL);
}

void em_clock_stamp(char *text, size_t n)
{
	struct timespec t;
	struct tm day;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &day);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &day);
	snprintf(text, n, "%s.%03dZ", seconds, (int)(t.tv_nsec / 1000000));
}
