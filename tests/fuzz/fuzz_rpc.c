/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes over the JSON-RPC wire, by the first one: as what a server sends, which is understood or refused with a
 * reason; or as a request to ours, which is always answered with a whole netstring.  And as a reply of Instamatic's.
 */
#include "../unit/instrument_help.h"
#include "scope/instamatic.h"
#include "scope/rpc.h"
#include "scope/serve_rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_image(const struct em_rpc_reply *r)
{
	struct em_error err = {0};
	struct em_array a = {0};
	double scale, offset;

	if (!em_rpc_image(r, r->result, &a, &err))
		em_array_range(&a, NULL, NULL, NULL);
	else if (a.data || err.kind == EM_ERROR_NONE)
		abort();
	em_array_release(&a);
	if (!em_rpc_spectrum(r->result, &a, &scale, &offset, NULL) && !(isfinite(scale) && isfinite(offset)))
		abort();
	em_array_release(&a);
}

static void as_reply(const char *text, size_t n)
{
	struct em_rpc_reply r = {0};
	struct em_error err = {0};
	size_t begin = 0, len = 0;
	int rc = em_netstring_parse(text, n, n, &begin, &len, &err);

	if (rc > 0 && begin + len + 1 > n)
		abort();
	if (rc <= 0) { /* past the frame, which is seldom right by chance */
		begin = 0;
		len = n;
	}
	em_text_append_bytes(&r.text, text + begin, len);
	if (!em_rpc_read_reply(&r, 1, &err))
		use_image(&r);
	else if (err.kind == EM_ERROR_NONE)
		abort();
	em_rpc_reply_release(&r);
}

static struct em_serve_rpc served;

static void leave(void)
{
	wire_scope_close(served.scope);
}

static void as_request(const char *text, size_t n)
{
	struct em_text out = {0};
	size_t begin, len;

	if (!served.scope) {
		if (em_serve_rpc_init(&served, wire_scope(), NULL))
			abort();
		wire_instrument.most = 64;
		atexit(leave);
	}
	em_serve_rpc_answer(&served, text, n, &out);
	if (em_netstring_parse(em_text_get(&out), out.len, out.len, &begin, &len, NULL) != 1 ||
	    begin + len + 1 != out.len)
		abort();
	em_text_release(&out);
	wire_forget_dose(served.scope);
}

static void as_unframed(const char *text, size_t n)
{
	struct em_temscript_reply r = {0};
	const struct em_json *value;
	struct em_error err = {0};
	long extent = em_instamatic_extent(text, n, &err);
	struct em_array a = {0};

	if (extent > (long)n)
		abort();
	if (extent > 0 && !em_instamatic_read_reply(&r, text, (size_t)extent, &value, &err) &&
	    !em_instamatic_picture(value, &a, &err))
		em_array_release(&a);
	em_temscript_reply_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0: as_reply(text, size - 1); break;
	case 1: as_request(text, size - 1); break;
	default: as_unframed(text, size - 1);
	}
	return 0;
}
