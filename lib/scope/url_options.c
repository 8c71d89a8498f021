/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/url_options.h"

#include <string.h>

static struct em_url_option *find(struct em_url_option *options, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(options[i].name) == len && !memcmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

int em_url_options_read(struct em_url_option *options, size_t n, const char *text, struct em_error *err)
{
	for (size_t i = 0; i < n; i++)
		*options[i].value = '\0';
	while (*text) {
		size_t all = strcspn(text, "&"), name = strcspn(text, "=&");
		struct em_url_option *o = find(options, n, text, name);
		size_t value = name < all ? all - name - 1 : 0;

		if (!o)
			return em_error_set(err, EM_ERROR_USAGE, "'%.*s': there is no such option behind the '?'",
			                    (int)(all < 60 ? all : 60), text);
		if (!value || value >= sizeof(o->value) || *o->value)
			return em_error_set(err, EM_ERROR_USAGE, "%s: write it once, as %s=VALUE", o->name, o->name);
		memcpy(o->value, text + name + 1, value);
		o->value[value] = '\0';
		text += all + (text[all] ? 1 : 0);
	}
	return 0;
}
