/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server of the temscript wire may reply: the head by the first byte's parity, or a body. */
#include "scope/temscript_parts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void try_head(const char *s, size_t n)
{
	struct em_http_head head;
	struct em_error err = {0};
	int rc = em_http_parse_head(&head, s, n, &err);

	check(rc >= -1 && rc <= 1 && (rc >= 0 || err.kind == EM_ERROR_DATA));
	if (rc == 1)
		check(head.bytes <= n && strlen(head.reason) < sizeof(head.reason) && head.status >= 0 &&
		      head.status < 1000);
}

static void try_gzip(const char *s, size_t n)
{
	struct em_http_reply r = {.status = 500, .len = n};
	struct em_error err = {0};

	r.memory = r.body = malloc(n + 1);
	check(r.body != NULL);
	memcpy(r.body, s, n);
	r.body[n] = '\0';
	em_temscript_fault(&r, &err);
	check(err.kind != EM_ERROR_NONE && strlen(err.text) < sizeof(err.text));
	if (!em_http_unpack(&r, 1 << 20, &err))
		check(r.len <= 1 << 20 && r.body[r.len] == '\0');
	em_http_reply_release(&r);
}

/* Whatever an array came from, it goes there and back. */
static void repeat(const struct em_array *a)
{
	struct em_text t = {0};
	struct em_temscript_reply r;
	struct em_array b;

	em_temscript_put_image(&t, a);
	em_text_append(&t, "}");
	check(!em_temscript_reply_parse(&r, em_text_get(&t), t.len, NULL));
	check(!em_temscript_reply_image(&r, r.tree, &b, NULL));
	check(a->dtype == b.dtype && a->shape[0] == b.shape[0] && a->shape[1] == b.shape[1] &&
	      !memcmp(a->data, b.data, em_array_bytes(a)));
	em_array_release(&b);
	em_temscript_reply_release(&r);
	em_text_release(&t);
}

static void try_body(const char *s, size_t n)
{
	struct em_temscript_reply r;
	struct em_error err = {0};

	if (em_temscript_reply_parse(&r, s, n, &err)) {
		check(err.kind == EM_ERROR_DATA);
		return;
	}
	for (int c = 0; c < EM_CONTROLS; c++) {
		double v = 0;

		if (em_temscript_value((enum em_control)c, r.tree, &v))
			check(v - v == 0);
	}
	for (const struct em_json *node = em_json_first(r.tree); node; node = em_json_next(node)) {
		struct em_array a;

		if (em_temscript_reply_image(&r, node, &a, &err))
			continue;
		repeat(&a);
		em_array_release(&a);
	}
	em_temscript_reply_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 4 == 0)
		try_head((const char *)data + 1, size - 1);
	else if (data[0] % 4 == 1)
		try_gzip((const char *)data + 1, size - 1);
	else
		try_body((const char *)data + 1, size - 1);
	return 0;
}
