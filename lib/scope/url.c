/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URLs of instruments, and the names of the files that belong to one. */
#include "scope/scope_parts.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 80

char *em_scope_public_url(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	char *copy = strdup(url);
	size_t keep;

	if (!copy || !host)
		return copy;
	host += 3;
	at = memchr(host, '@', strcspn(host, "/?#"));
	if (at) {
		keep = (size_t)(host - url);
		memmove(copy + keep, at + 1, strlen(at + 1) + 1);
	}
	return copy;
}

/* NULL: no URL, or of no kind that there is. */
static const struct em_driver_kind *kind_of(const char *url)
{
	size_t n = strcspn(url, ":");
	const struct em_driver_kind *kind;

	for (size_t i = 0; url[n] && (kind = em_driver_kind_at(i)); i++)
		if (strlen(kind->scheme) == n && !strncmp(kind->scheme, url, n))
			return kind;
	return NULL;
}

/* "HOST:PORT" of what follows "SCHEME:": letters in small, "localhost" as the address it is, no path and no query. */
static char *name_host(const char *rest, const char *port)
{
	const char *host = rest + 2 * !strncmp(rest, "//", 2);
	size_t n = strcspn(host, "/?"), name = strcspn(host, *host == '[' ? "]/?" : ":/?");
	struct em_text t = {0};

	name += host[name] == ']';
	if (name == 9 && !strncasecmp(host, "localhost", name))
		em_text_append(&t, "127.0.0.1");
	else
		em_text_append_bytes(&t, host, name);
	if (name < n)
		em_text_append_bytes(&t, host + name, n - name);
	else
		em_text_printf(&t, ":%s", port);
	if (em_text_check(&t, NULL))
		em_text_release(&t);
	for (size_t i = 0; i < t.len; i++)
		t.s[i] = (char)tolower((unsigned char)t.s[i]);
	return t.s;
}

/* The URL in the one way to write it; owned.  NULL: out of memory. */
static char *name_instrument(const char *url)
{
	const struct em_driver_kind *kind = kind_of(url);
	size_t scheme = strcspn(url, ":") + 1;
	struct em_text t = {0};
	char *rest = NULL;

	if (kind && kind->port)
		rest = name_host(url + scheme, kind->port);
	else if (kind && kind->canonical)
		rest = kind->canonical(url + scheme);
	if (rest) {
		em_text_append_bytes(&t, url, scheme);
		em_text_append(&t, rest);
	} else {
		em_text_append(&t, url);
	}
	free(rest);
	if (em_text_check(&t, NULL))
		em_text_release(&t);
	return t.s;
}

/* Letters and digits of the URL, for people, and a number that keeps apart what looks the same then (FNV-1a). */
static void put_name(struct em_text *t, const char *url)
{
	size_t n = strlen(url);
	uint32_t hash = 2166136261u;

	while (n && strchr(":/", url[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ (unsigned char)url[i]) * 16777619u;
		if (i < NAME_MAX_BYTES && (isalnum((unsigned char)url[i]) || strchr("-_", url[i])))
			em_text_append_bytes(t, &url[i], 1);
		else if (i < NAME_MAX_BYTES && i && isalnum((unsigned char)url[i - 1]))
			em_text_append(t, "-");
	}
	em_text_printf(t, "-%08x", (unsigned)hash);
}

char *em_scope_file(const char *state_dir, const char *url, const char *ext)
{
	char *public = em_scope_public_url(url), *name = public ? name_instrument(public) : NULL;
	struct em_text t = {0};

	free(public);
	if (!name)
		return NULL;
	em_text_printf(&t, "%s/", state_dir);
	put_name(&t, name);
	em_text_printf(&t, ".%s", ext);
	free(name);
	if (em_text_check(&t, NULL))
		em_text_release(&t);
	return t.s;
}
