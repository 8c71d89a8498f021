/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of servers, a line each, and where they may listen. */
#include "scope/serve.h"

#include "scope/rpc.h"
#include "scope/serialem.h"
#include "scope/serve_temscript.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct em_server_kind *const kinds[] = {
    &em_server_temscript,
    &em_server_rpc,
    &em_server_serialem,
};

const struct em_server_kind *em_server_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(*kinds) ? kinds[i] : NULL;
}

/* 127.0.0.0/8 and ::1. */
bool em_serve_is_loopback(const char *host)
{
	unsigned char four[4], six[16];
	static const unsigned char one[16] = {[15] = 1};

	if (inet_pton(AF_INET, host, four) == 1)
		return four[0] == 127;
	return inet_pton(AF_INET6, host, six) == 1 && !memcmp(six, one, sizeof(one));
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && v <= 65535;
}

/* "[::1]:80", "127.0.0.1:80", "127.0.0.1", "::1", ":80", "80" */
static bool split(const char *listen, char *host, size_t room, char *port, size_t port_room)
{
	const char *begin = listen, *end = listen + strlen(listen), *number = NULL;
	const char *colon = strchr(listen, ':');

	if (*listen == '[') {
		end = strchr(listen, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		begin++;
		number = end[1] ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		end = colon;
		number = colon + 1;
	} else if (is_port(listen)) {
		end = listen;
		number = listen;
	}
	if ((size_t)(end - begin) >= room || (number && (!is_port(number) || strlen(number) >= port_room)))
		return false;
	if (end > begin)
		snprintf(host, room, "%.*s", (int)(end - begin), begin);
	if (number)
		snprintf(port, port_room, "%s", number);
	return true;
}

int em_serve_address(const struct em_server_kind *kind, const char *listen, struct em_serve_settings *settings,
                     struct em_error *err)
{
	struct em_serve_settings fresh = *settings;

	snprintf(fresh.host, sizeof(fresh.host), "127.0.0.1");
	snprintf(fresh.port, sizeof(fresh.port), "%s", kind->port);
	if (listen && !split(listen, fresh.host, sizeof(fresh.host), fresh.port, sizeof(fresh.port)))
		return em_error_set(err, EM_ERROR_USAGE, "'%.60s' is no address: write 127.0.0.1:%s", listen,
		                    kind->port);
	if (!strcmp(fresh.host, "localhost"))
		snprintf(fresh.host, sizeof(fresh.host), "127.0.0.1");
	if (!is_address(fresh.host))
		return em_error_set(err, EM_ERROR_USAGE, "'%.60s' is no address to listen at: it is written in numbers",
		                    fresh.host);
	if (!em_serve_is_loopback(fresh.host) && !(kind->has_token && settings->token && *settings->token))
		return em_error_set(err, EM_ERROR_USAGE, "%s can be reached from other machines: %s", fresh.host,
		                    kind->has_token ? "that needs a token"
		                                    : "this protocol has no place for a token, so only 127.0.0.1");
	*settings = fresh;
	return 0;
}
