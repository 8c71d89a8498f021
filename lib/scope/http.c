/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/http.h"

#include "io/bytes.h"
#include "io/inflate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX 16384

/* ---- where to ---- */

/* from[0..n) into to; false where it is longer. */
static bool copy_part(char *to, size_t room, const char *from, size_t n)
{
	if (n >= room)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

static bool is_port(const char *s, size_t n)
{
	return n > 0 && n <= 5 && strspn(s, "0123456789") >= n && atoi(s) > 0 && atoi(s) < 65536;
}

/* A host's name or address, and nothing that could end a line of the request. */
static bool is_host(const char *s, size_t n)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";

	return n > 0 && strspn(s, good) >= n;
}

static bool split_peer(struct em_http_peer *peer, const char *at, const char *default_port)
{
	size_t all = strcspn(at, "/?");
	const char *end = at + all, *token_end = memchr(at, '@', all), *host = token_end ? token_end + 1 : at;
	const char *host_end, *port;

	for (const char *c = at; token_end && c < token_end; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	if (!copy_part(peer->token, sizeof(peer->token), at, token_end ? (size_t)(token_end - at) : 0))
		return false;
	if (*host == '[') {
		host++;
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end)
			return false;
		port = host_end + 1;
	} else {
		host_end = memchr(host, ':', (size_t)(end - host));
		port = host_end = host_end ? host_end : end;
	}
	if (port < end && (*port != ':' || !is_port(port + 1, (size_t)(end - port - 1))))
		return false;
	if (port == end)
		snprintf(peer->port, sizeof(peer->port), "%s", default_port);
	else if (!copy_part(peer->port, sizeof(peer->port), port + 1, (size_t)(end - port - 1)))
		return false;
	return is_host(host, (size_t)(host_end - host)) &&
	       copy_part(peer->host, sizeof(peer->host), host, (size_t)(host_end - host));
}

int em_http_parse_peer(struct em_http_peer *peer, const char *rest, const char *default_port, const char **options,
                       struct em_error *err)
{
	struct em_http_peer p = {0};
	const char *path = strncmp(rest, "//", 2) ? rest : rest + 2 + strcspn(rest + 2, "/?");

	if (path == rest || !split_peer(&p, rest + 2, default_port))
		return em_error_set(err, EM_ERROR_USAGE, "'%.80s': write //HOST:PORT behind the scheme", rest);
	if (*path == '/')
		path++;
	if (*path && *path != '?')
		return em_error_set(err, EM_ERROR_USAGE, "'%.80s': no path belongs behind the port", rest);
	*peer = p;
	*options = *path ? path + 1 : "";
	return 0;
}

/* ---- the head of a reply ---- */

/* The value of "NAME: value" in line[0..n), blanks around it left out. */
static bool field(const char *line, size_t n, const char *name, const char **value, size_t *len)
{
	size_t k = strlen(name);

	if (n <= k || line[k] != ':' || strncasecmp(line, name, k))
		return false;
	for (k++; k < n && (line[k] == ' ' || line[k] == '\t'); k++)
		;
	while (n > k && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	*value = line + k;
	*len = n - k;
	return true;
}

static int read_length(struct em_http_head *head, const char *s, size_t n, struct em_error *err)
{
	size_t length = 0;
	bool good = n > 0 && n <= 15;

	for (size_t i = 0; good && i < n; i++) {
		good = s[i] >= '0' && s[i] <= '9';
		length = length * 10 + (size_t)(s[i] - '0');
	}
	if (!good || (head->has_length && head->length != length))
		return em_error_set(err, EM_ERROR_DATA, "a reply of no sensible length ('%.*s')",
		                    (int)(n < 40 ? n : 40), s);
	head->has_length = true;
	head->length = length;
	return 0;
}

static void read_type(struct em_http_head *head, const char *s, size_t n)
{
	size_t len = 0;

	while (len < n && s[len] != ';' && s[len] != ' ' && len + 1 < sizeof(head->type)) {
		head->type[len] = (char)(s[len] >= 'A' && s[len] <= 'Z' ? s[len] + 32 : s[len]);
		len++;
	}
	head->type[len] = '\0';
}

static int read_field(struct em_http_head *head, const char *line, size_t n, struct em_error *err)
{
	const char *value;
	size_t len;

	if (field(line, n, "Content-Length", &value, &len))
		return read_length(head, value, len, err);
	if (field(line, n, "Content-Type", &value, &len))
		read_type(head, value, len);
	if (field(line, n, "Content-Encoding", &value, &len) && !(len == 8 && !strncasecmp(value, "identity", 8))) {
		head->gzip = len == 4 && !strncasecmp(value, "gzip", 4);
		if (!head->gzip)
			return em_error_set(err, EM_ERROR_DATA, "a reply packed as '%.*s'", (int)(len < 40 ? len : 40),
			                    value);
	}
	if (field(line, n, "Transfer-Encoding", &value, &len))
		return em_error_set(err, EM_ERROR_DATA, "a reply in chunks, which HTTP/1.0 has not");
	return 0;
}

/* "HTTP/1.0 404 Not Found" */
static int read_status(struct em_http_head *head, const char *line, size_t n, struct em_error *err)
{
	const char *s = line + 9;

	if (n < 12 || strncmp(line, "HTTP/1.", 7) || line[8] != ' ' || (n > 12 && line[12] != ' '))
		return em_error_set(err, EM_ERROR_DATA, "it does not speak HTTP");
	for (int i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '9')
			return em_error_set(err, EM_ERROR_DATA, "it does not speak HTTP");
		head->status = head->status * 10 + (s[i] - '0');
	}
	n = n > 13 ? n - 13 : 0;
	n = n < sizeof(head->reason) ? n : sizeof(head->reason) - 1;
	memcpy(head->reason, line + 13, n);
	head->reason[n] = '\0';
	return 0;
}

int em_http_parse_head(struct em_http_head *head, const char *bytes, size_t n, struct em_error *err)
{
	struct em_http_head h = {0};
	size_t at = 0;
	const char *end;

	while ((end = memchr(bytes + at, '\n', n - at)) != NULL) {
		const char *line = bytes + at;
		size_t len = (size_t)(end - line);

		at += len + 1;
		if (len && line[len - 1] == '\r')
			len--;
		if (at > HEAD_MAX)
			break;
		if (!h.status && read_status(&h, line, len, err))
			return -1;
		if (!len) {
			h.bytes = at;
			*head = h;
			return 1;
		}
		if (line != bytes && read_field(&h, line, len, err))
			return -1;
	}
	if (n > HEAD_MAX)
		return em_error_set(err, EM_ERROR_DATA, "the head of the reply has no end");
	return 0;
}

/* ---- gzip, RFC 1952 ---- */

enum { TRAILER = 8, HEADER = 10, HEAD_CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };

/* Bytes before the deflated data; 0 where this is no gzip. */
static size_t gzip_header(const unsigned char *in, size_t n)
{
	size_t at = HEADER;
	int flags;

	if (n < HEADER + TRAILER || in[0] != 0x1f || in[1] != 0x8b || in[2] != 8)
		return 0;
	flags = in[3];
	if (flags & EXTRA)
		at += 2 + (size_t)em_bytes_u16(in + HEADER, false);
	for (int text = NAME; text <= COMMENT; text *= 2) {
		const unsigned char *end = flags & text && at < n ? memchr(in + at, 0, n - at) : NULL;

		if (flags & text)
			at = end ? (size_t)(end - in) + 1 : n;
	}
	if (flags & HEAD_CRC)
		at += 2;
	return at <= n - TRAILER ? at : 0;
}

int em_http_unpack(struct em_http_reply *reply, size_t max_reply, struct em_error *err)
{
	const unsigned char *in = (const unsigned char *)reply->body;
	size_t begin = gzip_header(in, reply->len), out_bytes;
	unsigned char *out;

	if (!begin)
		return em_error_set(err, EM_ERROR_DATA, "the reply says that it is gzip and is not");
	out_bytes = em_bytes_u32(in + reply->len - 4, false);
	if (out_bytes > max_reply)
		return em_error_set(err, EM_ERROR_DATA, "a reply of %zu bytes, unpacked: %zu are the limit", out_bytes,
		                    max_reply);
	out = malloc(out_bytes + 1);
	if (!out)
		return em_error_memory(err, out_bytes + 1);
	if (em_inflate(in + begin, reply->len - begin - TRAILER, out, out_bytes, EM_INFLATE_RAW, err) ||
	    em_inflate_crc32(out, out_bytes) != em_bytes_u32(in + reply->len - TRAILER, false)) {
		free(out);
		return em_error_set(err, EM_ERROR_DATA, "the gzipped reply is damaged");
	}
	out[out_bytes] = '\0';
	free(reply->memory);
	reply->memory = reply->body = (char *)out;
	reply->len = out_bytes;
	return 0;
}

void em_http_reply_release(struct em_http_reply *reply)
{
	free(reply->memory);
	memset(reply, 0, sizeof(*reply));
}
