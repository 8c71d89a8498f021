/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_http.h"

#include "scope/clock.h"

#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#define CONNECTIONS 64
#define IDLE_SECONDS 10
#define HEAD_BYTES 32768
#define LOOK_SECONDS 0.1 /* how often *stop is looked at, where no signal ends the sleep */

#define HEAR_SECONDS 10
#define HEAR_SECONDS_CROWDED 1 /* while more than half of the places are taken */
#define SEND_SECONDS 300

struct visit {
	int fd;      /* -1: nobody */
	bool heard;  /* the whole request */
	double ends; /* when it is hung up on; INFINITY: we are at it ourselves */
};

struct server {
	const struct em_serve_settings *settings;
	size_t body_max;
	em_serve_answer_fn *answer;
	void *ctx;
	pthread_mutex_t guard; /* of the visits, against being closed meanwhile */
	struct visit visit[CONNECTIONS];
};

/* ---- who is there, and for how long ---- */

static void come_or_go(void *ctx, struct MHD_Connection *c, void **place, enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct server *s = ctx;
	struct visit *v = *place;

	pthread_mutex_lock(&s->guard);
	if (what == MHD_CONNECTION_NOTIFY_CLOSED && v)
		v->fd = -1;
	for (size_t i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && info && i < CONNECTIONS && !*place; i++)
		if (s->visit[i].fd < 0) {
			s->visit[i] = (struct visit){info->connect_fd, false, em_clock_now() + HEAR_SECONDS};
			*place = &s->visit[i];
		}
	pthread_mutex_unlock(&s->guard);
}

static void give_time(struct server *s, struct MHD_Connection *c, double seconds)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct visit *v = info ? info->socket_context : NULL;

	pthread_mutex_lock(&s->guard);
	if (v) {
		v->heard = true;
		v->ends = em_clock_now() + seconds;
	}
	pthread_mutex_unlock(&s->guard);
}

static void hang_up_on_the_slow(struct server *s)
{
	double now = em_clock_now(), less;
	size_t there = 0;

	pthread_mutex_lock(&s->guard);
	for (size_t i = 0; i < CONNECTIONS; i++)
		there += s->visit[i].fd >= 0;
	less = there > CONNECTIONS / 2 ? HEAR_SECONDS - HEAR_SECONDS_CROWDED : 0;
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (s->visit[i].fd >= 0 && now > s->visit[i].ends - (s->visit[i].heard ? 0 : less))
			shutdown(s->visit[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->guard);
}

const char *em_serve_arg(const struct em_serve_question *q, const char *name)
{
	for (size_t i = 0; i < q->args; i++)
		if (!strcmp(q->arg[i].name, name))
			return q->arg[i].value;
	return NULL;
}

/* ---- replies ---- */

static void put_html(struct em_text *t, const char *s)
{
	for (; *s; s++)
		if (*s == '<')
			em_text_append(t, "&lt;");
		else if (*s == '>')
			em_text_append(t, "&gt;");
		else if (*s == '&')
			em_text_append(t, "&amp;");
		else
			em_text_append_bytes(t, s, 1);
}

/* As temscript's own server has its errors: a page for people, the message in its second paragraph. */
static void make_page(struct em_serve_answer *a)
{
	struct em_text page = {0};

	em_text_printf(&page,
	               "<!DOCTYPE html>\n<title>Error %d</title>\n<p>Error code: %d</p>\n<p>Message: ", a->status,
	               a->status);
	put_html(&page, em_text_get(&a->text));
	em_text_append(&page, ".</p>\n");
	em_text_release(&a->text);
	a->text = page;
}

/* Takes the answer's text. */
static enum MHD_Result reply(struct MHD_Connection *c, struct em_serve_answer *a)
{
	struct MHD_Response *r;
	enum MHD_Result rc;

	if (a->status >= 400)
		make_page(a);
	if (a->text.failed) {
		em_text_release(&a->text);
		a->status = 500;
	}
	r = MHD_create_response_from_buffer(a->text.len, a->text.s, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		em_text_release(&a->text);
		return MHD_NO;
	}
	a->text = (struct em_text){0};
	if (a->status != 204)
		MHD_add_response_header(r, "Content-Type",
		                        a->status >= 400 ? "text/html;charset=utf-8" : "application/json");
	MHD_add_response_header(r, "Connection", "close");
	rc = MHD_queue_response(c, (unsigned)a->status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, int status, const char *why)
{
	struct em_serve_answer a = {.status = status};

	em_text_append(&a.text, why);
	return reply(c, &a);
}

/* ---- requests ---- */

/* Takes as long for a wrong token as for the right one. */
static bool is_token(const char *told, const char *token)
{
	size_t n = strlen(token), length = strlen(told);
	unsigned char differ = n != length;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(token[i] ^ told[length ? i % length : 0]);
	return !differ;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static bool is_allowed(struct MHD_Connection *c, const char *token)
{
	const char *told = header(c, "Authorization");

	return !token || (told && !strncasecmp(told, "Bearer ", 7) && is_token(told + 7, token));
}

static bool is_from_a_page(struct MHD_Connection *c)
{
	const char *site = header(c, "Sec-Fetch-Site");

	return header(c, "Origin") || (site && strcmp(site, "none") && strcmp(site, "same-origin"));
}

/* "127.0.0.1:8080", "[::1]", "localhost": the name that was asked for is this machine's alone. */
static bool is_for_us(struct MHD_Connection *c)
{
	const char *told = header(c, "Host");
	char host[64];
	size_t n;

	if (!told)
		return true;
	n = *told == '[' ? strcspn(++told, "]") : strcspn(told, ":");
	snprintf(host, sizeof(host), "%.*s", (int)(n < sizeof(host) ? n : sizeof(host) - 1), told);
	return !strcasecmp(host, "localhost") || em_serve_is_loopback(host);
}

static enum MHD_Result add_arg(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct em_serve_question *q = ctx;

	(void)kind;
	if (q->args == EM_SERVE_ARGS_MAX)
		return MHD_NO;
	q->arg[q->args].name = name;
	q->arg[q->args++].value = value ? value : "";
	return MHD_YES;
}

static enum MHD_Result answer(struct server *s, struct MHD_Connection *c, const char *method, const char *path,
                              const struct em_text *body)
{
	struct em_serve_question q = {.method = method, .path = path, .body = em_text_get(body), .len = body->len};
	struct em_serve_answer a = {0};

	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_arg, &q);
	give_time(s, c, INFINITY);
	s->answer(s->ctx, &q, &a);
	give_time(s, c, SEND_SECONDS);
	return reply(c, &a);
}

/* Called when the head is there, again with each part of the body, and when all is there. */
static enum MHD_Result take(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                            const char *version, const char *part, size_t *size, void **state)
{
	struct server *s = ctx;
	struct em_text *body = *state;

	(void)version;
	if (!body) {
		if (!is_allowed(c, s->settings->token))
			return refuse(c, MHD_HTTP_UNAUTHORIZED, "A token is needed: Authorization: Bearer TOKEN");
		if (is_from_a_page(c))
			return refuse(c, MHD_HTTP_FORBIDDEN, "Pages of others may not ask this");
		if (!s->settings->token && !is_for_us(c))
			return refuse(c, MHD_HTTP_FORBIDDEN, "Without a token, ask for localhost or its number");
		*state = calloc(1, sizeof(*body));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		if (body->len <= s->body_max)
			em_text_append_bytes(body, part, *size);
		*size = 0;
		return MHD_YES;
	}
	if (body->len > s->body_max || body->failed)
		return refuse(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "Too much content");
	return answer(s, c, method, url, body);
}

static void done(void *ctx, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
	(void)ctx;
	(void)c;
	(void)how;
	if (*state)
		em_text_release(*state);
	free(*state);
	*state = NULL;
}

/* ---- listening ---- */

static int listen_at(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, CONNECTIONS)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_socket(const struct em_serve_settings *settings, struct em_error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE}, *list;
	int rc = getaddrinfo(settings->host, settings->port, &hints, &list), fd;

	if (rc)
		return em_error_set(err, EM_ERROR_IO, "%s:%s: %s", settings->host, settings->port, gai_strerror(rc));
	fd = listen_at(list);
	if (fd < 0)
		em_error_errno(err, "cannot listen at %s:%s", settings->host, settings->port);
	freeaddrinfo(list);
	return fd;
}

static void tell_ready(const struct em_serve_settings *settings, int fd)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof(at);
	char host[128], port[16], address[160];

	if (!settings->ready || getsockname(fd, (struct sockaddr *)&at, &size) ||
	    getnameinfo((struct sockaddr *)&at, size, host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(address, sizeof(address), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	settings->ready(settings->ctx, address);
}

int em_serve_http(const struct em_serve_settings *settings, size_t body_max, em_serve_answer_fn *answer_fn, void *ctx,
                  struct em_error *err)
{
	struct server s = {settings, body_max, answer_fn, ctx, PTHREAD_MUTEX_INITIALIZER, {{0}}};
	int fd = open_socket(settings, err);
	struct MHD_Daemon *daemon;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < CONNECTIONS; i++)
		s.visit[i].fd = -1;
	daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, take,
	                          &s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, done, &s,
	                          MHD_OPTION_NOTIFY_CONNECTION, come_or_go, &s, MHD_OPTION_CONNECTION_LIMIT,
	                          (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
	                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		return em_error_set(err, EM_ERROR_IO, "cannot serve at %s:%s", settings->host, settings->port);
	}
	tell_ready(settings, fd);
	while (!*settings->stop) {
		hang_up_on_the_slow(&s);
		em_clock_sleep(LOOK_SECONDS);
	}
	MHD_stop_daemon(daemon);
	return 0;
}
