/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/optics.h"

#include <strings.h>

/* What the scan detectors have in common; they differ in gain and in the angles (rad) that they see. */
#define SCAN                                                                                                           \
	.kind = EM_DETECTOR_SCAN, .width = 1024, .height = 1024, .most = 8192, .dqe = 0.9, .offset = 500,              \
	.read_noise = 15, .saturation = 65535, .usual = 1e-6, .least = 1e-7, .longest = 1e-2, .overhead = 0.05,        \
	.line = 60e-6

static const struct em_sim_detector table[EM_SIM_DETECTORS] = {
    {.name = "CCD",
     .kind = EM_DETECTOR_CAMERA,
     .width = 2048,
     .height = 2048,
     .most = 2048,
     .pixel = 15e-6,
     .dqe = 0.7,
     .gain = 8,
     .offset = 100,
     .read_noise = 12,
     .saturation = 65535,
     .blur = 0.5,
     .flat = 0.003,
     .usual = 1,
     .least = 1e-3,
     .longest = 100,
     .overhead = 0.15},
    {SCAN, .name = "HAADF", .gain = 40, .inner = 0.068, .outer = 0.28},
    {SCAN, .name = "ABF", .gain = 20, .inner = 0.011, .outer = 0.023},
    {SCAN, .name = "BF", .gain = 20, .inner = 0, .outer = 0.011},
    {.name = "EELS",
     .kind = EM_DETECTOR_SPECTROMETER,
     .width = 2048,
     .height = 1,
     .most = 2048,
     .dqe = 1,
     .gain = 1,
     .saturation = 2e9,
     .blur = 0.8,
     .outer = 0.036,
     .usual = 0.1,
     .least = 1e-4,
     .longest = 100,
     .overhead = 0.02},
};

const struct em_sim_detector *em_sim_detector_at(size_t i)
{
	return i < EM_SIM_DETECTORS ? &table[i] : NULL;
}

const struct em_sim_detector *em_sim_detector_find(const char *name)
{
	for (size_t i = 0; i < EM_SIM_DETECTORS; i++)
		if (!strcasecmp(table[i].name, name))
			return &table[i];
	return NULL;
}
