/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/http.h"

#include "base/text.h"
#include "scope/socket.h"

#include <stdbool.h>
#include <string.h>

/* ---- asking ---- */

static void put_request(struct em_text *t, const struct em_http_peer *peer, const struct em_http_request *r)
{
	bool six = strchr(peer->host, ':') != NULL;

	em_text_printf(t, "%s %s HTTP/1.0\r\nHost: %s%s%s:%s\r\nAccept: application/json\r\nConnection: close\r\n",
	               r->method, r->target, six ? "[" : "", peer->host, six ? "]" : "", peer->port);
	if (*peer->token)
		em_text_printf(t, "Authorization: Bearer %s\r\n", peer->token);
	if (r->body)
		em_text_printf(t, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(r->body),
		               r->body);
	else
		em_text_append(t, "\r\n");
}

/* ---- being answered ---- */

static int too_long(size_t max, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "a reply of more than %zu bytes", max);
}

static int receive_head(const struct em_socket *s, const struct em_http_request *r, struct em_text *t,
                        struct em_http_head *head, struct em_error *err)
{
	int got = 0;

	while (!got) {
		int more = em_socket_receive(s, t, err);

		if (more < 0)
			return -1;
		got = em_http_parse_head(head, em_text_get(t), t->len, err);
		if (!got && !more)
			return em_error_set(err, EM_ERROR_UNREACHABLE,
			                    "it closed the connection without a whole reply");
	}
	if (got > 0 && head->has_length && head->length > r->max_reply)
		return too_long(r->max_reply, err);
	return got > 0 ? 0 : -1;
}

static int receive_body(const struct em_socket *s, const struct em_http_request *r, struct em_text *t,
                        const struct em_http_head *head, struct em_error *err)
{
	int more = head->status != 204;

	while (more > 0 && !(head->has_length && t->len - head->bytes >= head->length)) {
		more = em_socket_receive(s, t, err);
		if (t->len - head->bytes > r->max_reply)
			return too_long(r->max_reply, err);
	}
	if (more < 0)
		return -1;
	if (head->has_length && head->status != 204 && t->len - head->bytes < head->length)
		return em_error_set(err, EM_ERROR_UNREACHABLE, "it closed the connection after %zu of %zu bytes",
		                    t->len - head->bytes, head->length);
	return 0;
}

/* A server that refuses may answer and close before it has read all: then its reply is what counts. */
static int exchange(const struct em_socket *s, const struct em_http_peer *peer, const struct em_http_request *r,
                    struct em_text *t, struct em_http_head *head, struct em_error *err)
{
	struct em_error unsent = {0};

	put_request(t, peer, r);
	if (em_text_check(t, err))
		return -1;
	em_socket_send(s, t->s, t->len, &unsent);
	em_text_clear(t);
	if (!receive_head(s, r, t, head, err) && !receive_body(s, r, t, head, err))
		return 0;
	return unsent.kind ? em_error_set(err, unsent.kind, "%s", unsent.text) : -1;
}

int em_http_run(const struct em_http_peer *peer, const struct em_http_request *request, struct em_http_reply *reply,
                struct em_error *err)
{
	struct em_http_reply got = {0};
	struct em_http_head head;
	struct em_text t = {0};
	struct em_socket s = {-1, request->end, NULL};
	int rc = em_socket_connect(&s, peer->host, peer->port, err);

	if (!rc)
		rc = exchange(&s, peer, request, &t, &head, err);
	em_socket_close(&s);
	if (!rc) {
		got.status = head.status;
		memcpy(got.reason, head.reason, sizeof(got.reason));
		memcpy(got.type, head.type, sizeof(got.type));
		got.memory = t.s;
		got.body = t.s + head.bytes;
		got.len = head.status == 204 ? 0 : head.has_length ? head.length : t.len - head.bytes;
		got.body[got.len] = '\0';
		rc = head.gzip && got.len ? em_http_unpack(&got, request->max_reply, err) : 0;
		t = (struct em_text){0};
	}
	em_text_release(&t);
	if (rc) {
		em_http_reply_release(&got);
		return em_error_prefix(err, "%s:%s: ", peer->host, peer->port);
	}
	*reply = got;
	return 0;
}
