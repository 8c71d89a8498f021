/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a file: what a codec recognises it must decode or refuse. */
#include "io/codec.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct em_codec *codec = em_codec_detect(data, size < EM_PROBE_BYTES ? size : EM_PROBE_BYTES);
	struct em_error err = {0};
	size_t frames = 0;
	void *state;

	if (!codec || codec->open((struct em_blob){data, size}, &state, &frames, &err))
		return 0;
	for (size_t i = 0; i < frames && i < 4; i++) {
		struct em_array a = {0};
		struct em_record meta = {0};

		if (codec->read(state, i, &a, &meta, &err) == 0)
			em_array_release(&a);
		em_record_release(&meta);
	}
	codec->close(state);
	return 0;
}
