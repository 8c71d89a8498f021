/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as regions: refused with a reason, or each has shares from 0 to 1 of a small map. */
#include "crystal/area.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void weigh(const struct em_areas *set)
{
	static const struct em_area_grid grids[] = {{5, 7, 40, 50, 0, 0}, {2, 3, 11, 13, 3.7, -2.2}};
	float w[35];

	for (size_t k = 0; k < set->count && k < 4; k++)
		for (size_t n = 0; n < 2; n++) {
			struct em_error err = {0};

			if (em_area_weigh(set, k, &grids[n], w, &err)) {
				if (err.kind == EM_ERROR_NONE)
					abort();
				continue;
			}
			for (size_t i = 0; i < grids[n].rows * grids[n].cols; i++)
				if (!(w[i] >= 0 && w[i] <= 1))
					abort();
		}
}

/* As an operand of the command line. */
static void try_text(struct em_areas *set, const uint8_t *data, size_t size)
{
	const struct em_axis axes[2] = {{"y", "nm", 0.1, 1}, {"x", "nm", 0.1, 0}};
	char *text = calloc(1, size + 1);
	struct em_line line;

	if (!text)
		return;
	memcpy(text, data, size);
	em_areas_add_rectangle(set, text, axes, NULL);
	em_line_parse(&line, text, axes, NULL);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_areas set = {0};
	struct em_error err = {0};

	if (em_areas_parse(&set, data, size, &err) && (err.kind == EM_ERROR_NONE || set.count))
		abort();
	if (size < 1000)
		try_text(&set, data, size);
	weigh(&set);
	em_areas_release(&set);
	return 0;
}
