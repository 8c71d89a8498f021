/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URLs of instruments, and the names of the files that belong to one. */
#include "scope/scope_parts.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const struct em_driver_kind *kind_of(const char *url)
{
	size_t n = strcspn(url, ":");
	const struct em_driver_kind *kind;

	for (size_t i = 0; (kind = em_driver_kind_at(i)); i++)
		if (strlen(kind->scheme) == n && !strncmp(kind->scheme, url, n))
			return kind;
	return NULL;
}

/* Is the key of "key=value" among the words? */
static bool has_key(const char *words, const char *pair)
{
	size_t n = strcspn(pair, "=&");

	for (const char *w = words; *w; w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");

		if (len == n && !strncmp(w, pair, n))
			return true;
		w += len;
	}
	return false;
}

static void cut_query(const struct em_driver_kind *kind, char *url)
{
	char *query = strchr(url, '?'), *end = query;

	if (!query || !kind->which)
		return;
	for (char *pair = query + 1; *pair;) {
		size_t n = strcspn(pair, "&"), step = n + (pair[n] == '&');

		if (has_key(kind->which, pair)) {
			*end = end == query ? '?' : '&';
			end++;
			memmove(end, pair, n);
			end += n;
		}
		pair += step;
	}
	*end = '\0';
}

/* However it is to behave and however its URL is written, it is the same instrument: one lock, one journal.  Owned;
 * frees url. */
static char *canonical(char *url)
{
	const struct em_driver_kind *kind = kind_of(url);
	size_t scheme = strcspn(url, ":");
	struct em_text t = {0};
	char *rest;

	if (kind && !kind->canonical)
		cut_query(kind, url);
	rest = kind && kind->canonical ? kind->canonical(url + scheme + 1) : NULL;
	if (!rest)
		return url;
	em_text_append_bytes(&t, url, scheme + 1);
	em_text_append(&t, rest);
	free(rest);
	if (em_text_check(&t, NULL))
		em_text_release(&t);
	free(url);
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
	char *name = em_scope_public_url(url);
	struct em_text t = {0};

	name = name ? canonical(name) : NULL;
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
