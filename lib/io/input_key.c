/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the name of a file to the key of its samples. */
#include "io/input.h"

#include <string.h>

/* Past a path's leading "/", "./" and "../". */
static const char *skip_dots(const char *path)
{
	for (;;) {
		if (*path == '/')
			path++;
		else if (!strncmp(path, "./", 2))
			path += 2;
		else if (!strncmp(path, "../", 3))
			path += 3;
		else
			return path;
	}
}

/* Names are bytes, keys are UTF-8: in a name that is not, what is not ASCII becomes '_'. */
static void make_utf8(char *key)
{
	if (em_utf8_is_valid(key, strlen(key)))
		return;
	for (; *key; key++)
		if ((unsigned char)*key >= 0x80)
			*key = '_';
}

/* The file's name without its extension; other dots become '_', since a key has none in its last part. */
char *em_input_key_of_path(const char *path, bool keep_path)
{
	const char *base = strrchr(path, '/');
	char *key, *last, *dot;

	if (!strcmp(path, "-"))
		return strdup("stdin");
	key = strdup(skip_dots(keep_path || !base ? path : base + 1));
	if (!key)
		return NULL;
	last = strrchr(key, '/');
	last = last ? last + 1 : key;
	dot = strrchr(last, '.');
	if (dot && dot > last)
		*dot = '\0';
	for (char *c = last; *c; c++)
		if (*c == '.' || (unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '_';
	make_utf8(key);
	return key;
}
