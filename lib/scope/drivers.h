/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside lib/scope: the drivers there are. */
#ifndef EM_SCOPE_DRIVERS_H
#define EM_SCOPE_DRIVERS_H

#include "scope/instrument.h"

extern const struct em_driver_kind em_driver_sim;

#endif
