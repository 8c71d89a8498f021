/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of drivers: a line each. */
#include "scope/instamatic.h"
#include "scope/jeol.h"
#include "scope/rpc.h"
#include "scope/serialem.h"
#include "scope/sim/driver.h"
#include "scope/temscript.h"

static const struct em_driver_kind *const kinds[] = {
	&em_driver_sim,
	&em_driver_http,
	&em_driver_jeol,
	&em_driver_rpc,
	&em_driver_instamatic,
	&em_driver_serialem,
};

const struct em_driver_kind *em_driver_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(*kinds) ? kinds[i] : NULL;
}
