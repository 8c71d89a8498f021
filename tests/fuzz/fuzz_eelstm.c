/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a model of EELSTM: refused with a reason, or a network that can be printed and read again. */
#include "forecast/eelstm.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const struct em_eelstm *net)
{
	struct em_text text = {0};
	struct em_eelstm *again;

	if (em_eelstm_print(net, true, NULL, 0, &text, NULL))
		abort();
	again = em_eelstm_load_bytes((struct em_blob){(const unsigned char *)text.s, text.len}, NULL);
	if (!again || em_eelstm_channels(again) != em_eelstm_channels(net))
		abort();
	em_eelstm_free(again);
	em_text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_error err = {0};
	struct em_eelstm *net = em_eelstm_load_bytes((struct em_blob){data, size}, &err);

	if (!net) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	read_again(net);
	em_eelstm_find_note(net, "source");
	em_eelstm_free(net);
	return 0;
}
