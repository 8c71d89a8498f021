/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system's clocks, for whatever has none of its own. */
#ifndef EM_SCOPE_CLOCK_H
#define EM_SCOPE_CLOCK_H

#include <stddef.h>

double em_clock_now(void); /* seconds since any moment; never goes back */
/* All of it, or what is left when a signal comes. */
void em_clock_sleep(double seconds);
/* Of the calendar, UTC: "2026-11-27T05:22:17.123Z". */
void em_clock_stamp(char *text, size_t n);

#endif
