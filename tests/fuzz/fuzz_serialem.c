/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes to the server of SerialEM's wire: taken as requests one after the other, each answered by a whole message.
 */
#include "../unit/instrument_help.h"
#include "io/bytes.h"
#include "scope/serialem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* But for the pieces of an image, which are no message. */
static void check_reply(const struct em_text *out, uint32_t function)
{
	if (out->failed)
		abort();
	if (function == EM_SERIALEM_HANDSHAKE)
		return;
	if (out->len < 8 || em_bytes_u32((const unsigned char *)out->s, false) > out->len)
		abort();
	if (function != EM_SERIALEM_GET_IMAGE && em_bytes_u32((const unsigned char *)out->s, false) != out->len)
		abort();
}

static struct em_serialem s;

static void leave(void)
{
	wire_scope_close(s.scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_text out = {0};
	size_t at = 0, used;
	int rc = 1;

	if (!s.scope) {
		if (em_serialem_init(&s, wire_scope(), NULL))
			abort();
		atexit(leave);
	}
	for (int i = 0; rc > 0 && at < size && i < 16; i++) {
		used = 0;
		em_text_clear(&out);
		rc = em_serialem_answer(&s, (const char *)data + at, size - at, &used, &out);
		if (used > size - at || (rc > 0 && used < 8) || (rc < 0 && out.len != 8))
			abort();
		if (rc > 0)
			check_reply(&out, em_bytes_u32(data + at + 4, false));
		at += used;
	}
	em_text_release(&out);
	wire_forget_dose(s.scope);
	return 0;
}
