/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLY_MAX ((size_t)1 << 20)
#define IMAGE_MAX ((size_t)1 << 30) /* one of 8192 x 8192 float64 in base64 is 683 MiB */

/* ---- what went wrong, in its words ---- */

/* The library of the instrument's codes, in a text: by name, as a number in two ways. */
static const struct {
	const char *name, *decimal, *hex;
	enum em_error_kind kind;
} codes[] = {
    {"E_NOT_OK", "-2147155969", "8004ffff", EM_ERROR_REFUSED},
    {"E_VALUE_CLIP", "-2147155970", "8004fffe", EM_ERROR_MISSED},
    {"E_OUT_OF_RANGE", "-2147155971", "8004fffd", EM_ERROR_REFUSED},
    {"E_NOT_IMPLEMENTED", "-2147155972", "8004fffc", EM_ERROR_UNSUPPORTED},
    {"E_NOTIMPL", "-2147467263", "80004001", EM_ERROR_UNSUPPORTED},
    {"E_ACCESSDENIED", "-2147024891", "80070005", EM_ERROR_REFUSED},
};

static bool holds(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text; text++)
		if (!strncasecmp(text, word, n))
			return true;
	return false;
}

/* The three characters that such a page escapes, in their place. */
static void unescape(char *s)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}};
	char *to = s;

	while (*s) {
		size_t n = 1, i = 0;

		while (i < 3 && strncmp(s, known[i].name, strlen(known[i].name)))
			i++;
		if (i < 3)
			n = strlen(known[i].name);
		*to++ = i < 3 ? known[i].c : *s;
		s += n;
	}
	*to = '\0';
}

/* "<p>Message: ...</p>" of the page, or else the reason phrase. */
static void message_of(const struct em_http_reply *reply, char *text, size_t room)
{
	static const char mark[] = "<p>Message: ", prefix[] = "Error handling request '"; /* '/v1/...': what it was */
	const char *at = reply->body ? strstr(reply->body, mark) : NULL;
	size_t n = 0;

	if (at) {
		const char *end = strstr(at += sizeof(mark) - 1, "</p>");

		n = end ? (size_t)(end - at) : 0;
		n -= n && at[n - 1] == '.'; /* that the page puts behind every message */
	}
	if (n)
		snprintf(text, room, "%.*s", (int)(n < room ? n : room - 1), at);
	else
		snprintf(text, room, "%s", reply->reason);
	unescape(text);
	at = strncmp(text, prefix, sizeof(prefix) - 1) ? NULL : strstr(text, "': ");
	if (at)
		memmove(text, at + 3, strlen(at + 3) + 1);
}

int em_temscript_fault(const struct em_http_reply *reply, struct em_error *err)
{
	enum em_error_kind kind = EM_ERROR_REFUSED;
	const char *code = "";
	char text[400];

	message_of(reply, text, sizeof(text));
	if (reply->status < 400)
		kind = EM_ERROR_DATA;
	else if (reply->status >= 502 && reply->status <= 504)
		kind = EM_ERROR_UNREACHABLE;
	else if ((reply->status == 404 && holds(text, "Unknown endpoint")) || reply->status == 501)
		kind = EM_ERROR_UNSUPPORTED;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (holds(text, codes[i].name) || holds(text, codes[i].decimal) || holds(text, codes[i].hex)) {
			code = holds(text, codes[i].name) ? "" : codes[i].name;
			kind = codes[i].kind;
		}
	return em_error_set(err, kind, "%s%s%s (HTTP %d)", code, *code ? ": " : "", *text ? text : "no reason given",
	                    reply->status);
}

/* ---- asking ---- */

void em_temscript_put_escaped(struct em_text *t, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);

		em_text_printf(t, plain ? "%c" : "%%%02X", c);
	}
}

void em_temscript_answer_release(struct em_temscript_answer *a)
{
	em_temscript_reply_release(&a->json);
	em_http_reply_release(&a->http);
}

int em_temscript_get(const struct em_temscript *t, const char *target, double end, struct em_temscript_answer *a,
                     struct em_error *err)
{
	bool image = !strncmp(target, "/v1/acquire", 11) || !strncmp(target, "/em/v1/acquire", 14);
	const struct em_http_request request = {"GET", target, NULL, end, image ? IMAGE_MAX : REPLY_MAX};
	struct em_temscript_answer got = {0};
	int rc;

	if (em_http_run(&t->peer, &request, &got.http, err))
		return -1;
	if (got.http.status != 200)
		rc = em_temscript_fault(&got.http, err);
	else
		rc = em_temscript_reply_parse(&got.json, got.http.body, got.http.len, err);
	if (rc) {
		em_temscript_answer_release(&got);
		return em_error_prefix(err, "%.80s: ", target);
	}
	*a = got;
	return 0;
}

static int put(const struct em_temscript *t, const char *target, const struct em_text *body, double end,
               struct em_error *err)
{
	const struct em_http_request request = {"PUT", target, em_text_get(body), end, REPLY_MAX};
	struct em_http_reply reply;
	int rc = 0;

	if (em_text_check(body, err))
		return -1;
	if (body->len > EM_TEMSCRIPT_PUT_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "more than %d bytes cannot be sent", EM_TEMSCRIPT_PUT_MAX);
	if (em_http_run(&t->peer, &request, &reply, err))
		return -1;
	if (reply.status < 200 || reply.status > 299)
		rc = em_temscript_fault(&reply, err);
	em_http_reply_release(&reply);
	return rc;
}

int em_temscript_put(const struct em_temscript *t, const char *target, struct em_text *body, double end,
                     struct em_error *err)
{
	int rc = put(t, target, body, end, err);

	em_text_release(body);
	return rc ? em_error_prefix(err, "%.80s: ", target) : 0;
}

int em_temscript_is_extended(struct em_temscript *t, double end, struct em_error *err)
{
	struct em_temscript_answer a;
	struct em_error why = {0};

	if (t->extended == EM_EXTENDED_UNKNOWN) {
		if (!em_temscript_get(t, "/em/v1/version", end, &a, &why)) {
			t->extended = EM_EXTENDED_YES;
			em_temscript_answer_release(&a);
		} else if (why.kind == EM_ERROR_UNREACHABLE) {
			return em_error_set(err, why.kind, "%s", why.text);
		} else {
			t->extended = EM_EXTENDED_NO;
		}
	}
	return t->extended == EM_EXTENDED_YES;
}
