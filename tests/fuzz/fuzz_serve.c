/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a request to the temscript server, "PUT /v1/defocus?a=b", a newline and a body: it has an answer, which
 * is JSON or a reason. */
#include "../unit/instrument_help.h"
#include "fuzz_help.h"
#include "scope/serve_temscript.h"

static struct em_temscript_site site;

static void leave(void)
{
	struct em_scope *s = site.scope;

	em_temscript_site_release(&site);
	wire_scope_close(s);
}

static void begin(void)
{
	if (site.scope)
		return;
	check(!em_temscript_site_init(&site, wire_scope(), NULL));
	wire_instrument.most = 64;
	atexit(leave);
}

/* Cuts the words and arguments out of the line, as they are. */
static bool read_question(char *line, struct em_serve_question *q)
{
	char *at = strchr(line, ' ');

	if (!at)
		return false;
	*at++ = '\0';
	q->method = line;
	q->path = at;
	while ((at = strpbrk(at, "?&")) && q->args < EM_SERVE_ARGS_MAX) {
		*at++ = '\0';
		q->arg[q->args].name = at;
		at += strcspn(at, "=&");
		if (*at == '=')
			*at++ = '\0';
		q->arg[q->args++].value = at;
	}
	return true;
}

static void check_answer(const struct em_serve_answer *a, bool put)
{
	struct em_json *json;

	check(!a->text.failed);
	if (a->status >= 400) {
		check((a->status == 404 || a->status == 500 || a->status == 501 || a->status == 504) && a->text.len);
		return;
	}
	check(a->status == (put ? 204 : 200));
	if (put)
		return;
	json = em_json_parse(em_text_get(&a->text), a->text.len, NULL);
	check(json != NULL);
	em_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	struct em_serve_question q = {.body = ""};
	struct em_serve_answer a = {0};
	char *line, *body;

	begin();
	if (!end)
		return 0;
	line = text_of(data, (size_t)(end - data));
	body = text_of(end + 1, size - (size_t)(end + 1 - data));
	q.body = body;
	q.len = size - (size_t)(end + 1 - data);
	if (read_question(line, &q)) {
		em_temscript_answer(&site, &q, &a);
		check_answer(&a, !strcmp(q.method, "PUT"));
	}
	em_text_release(&a.text);
	free(line);
	free(body);
	wire_forget_dose(site.scope);
	return 0;
}
