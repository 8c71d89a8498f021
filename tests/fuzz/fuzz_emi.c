/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as EMI, without the SER files that the codec wants: descriptions and what they say, or a reason. */
#include "io/emi.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_description(const struct em_emi *emi, size_t number)
{
	struct em_error err = {0};
	struct em_xml *about = NULL;
	struct em_meta meta;

	em_meta_init(&meta);
	if (em_emi_describe(emi, number, &about, &err)) {
		if (err.kind == EM_ERROR_NONE || about)
			abort();
		return;
	}
	em_emi_put_meta(about, &meta);
	if (em_emi_is_pattern(about) && !*meta.detector)
		abort();
	em_xml_free(about);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_error err = {0};
	struct em_emi emi;

	if (em_emi_open(&emi, (struct em_blob){data, size}, &err)) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	for (size_t i = 1; i <= emi.last; i++)
		use_description(&emi, i);
	em_emi_release(&emi);
	return 0;
}
