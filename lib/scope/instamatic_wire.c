/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Instamatic's servers, and pictures in shared memory. */
#include "scope/instamatic.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIDE_MAX EM_TEMSCRIPT_SIDE_MAX
#define NAME_BYTES 200

/* ---- replies ---- */

/* The byte behind the text that begins at s[at] == '"'; n where it has no end yet. */
static size_t skip_text(const char *s, size_t n, size_t at)
{
	for (at++; at < n && s[at] != '"'; at++)
		if (s[at] == '\\')
			at++;
	return at < n ? at + 1 : n;
}

long em_instamatic_extent(const char *s, size_t n, struct em_error *err)
{
	size_t at = 0;
	long depth = 0;

	while (at < n && strchr(" \t\r\n", s[at]) && s[at])
		at++;
	if (at < n && s[at] != '[')
		return em_error_set(err, EM_ERROR_DATA, "it does not answer in JSON: is its protocol set to that?");
	while (at < n) {
		if (s[at] == '"') {
			at = skip_text(s, n, at);
			continue;
		}
		depth += s[at] == '[' || s[at] == '{';
		depth -= s[at] == ']' || s[at] == '}';
		at++;
		if (!depth)
			return (long)at;
	}
	return 0;
}

/* [500, ["TEMValueError", ["No such camera length or magnification: 12345"]]] */
static int fault(const struct em_json *what, struct em_error *err)
{
	static const struct {
		const char *name;
		enum em_error_kind kind;
	} known[] = {{"AttributeError", EM_ERROR_UNSUPPORTED},        {"NotImplementedError", EM_ERROR_UNSUPPORTED},
	             {"TEMCommunicationError", EM_ERROR_UNREACHABLE}, {"TEMConnectionError", EM_ERROR_UNREACHABLE},
	             {"TimeoutError", EM_ERROR_UNREACHABLE},          {"ConnectionError", EM_ERROR_UNREACHABLE}};
	const char *name = em_json_string(em_json_first(what));
	const char *text = em_json_string(em_json_first(em_json_next(em_json_first(what))));
	enum em_error_kind kind = EM_ERROR_REFUSED;

	for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(name, known[i].name))
			kind = known[i].kind;
	return em_error_set(err, kind, "%.60s%s%.380s", name ? name : "an error without a name", text ? ": " : "",
	                    text ? text : "");
}

int em_instamatic_read_reply(struct em_temscript_reply *r, const char *text, size_t n, const struct em_json **value,
                             struct em_error *err)
{
	const struct em_json *status;
	double code;

	if (em_temscript_reply_parse(r, text, n, err))
		return -1;
	status = em_json_first(r->tree);
	if (em_json_size(r->tree) != 2 || !em_json_number(status, &code) || (code != 200 && code != 500))
		return em_error_set(err, EM_ERROR_DATA, "a reply that is not [200, ...] and not [500, ...]");
	if (code == 500)
		return fault(em_json_next(status), err);
	*value = em_json_next(status);
	return 0;
}

/* ---- pictures ---- */

/* As Python and POSIX name such memory: no path leads out of it. */
static bool is_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t n = name ? strlen(name) : 0;

	return n > 0 && n <= NAME_BYTES && strspn(name, good) == n;
}

/* Read and not mapped: who made it may make it shorter at any time. */
static int read_all(int fd, char *to, size_t n, struct em_error *err)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = pread(fd, to + at, n - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return em_error_set(err, EM_ERROR_DATA, "the shared memory ends after %zu of %zu bytes", at, n);
		at += (size_t)got;
	}
	return 0;
}

static int read_memory(int fd, const char *name, struct em_array *a, enum em_dtype type, const size_t *shape,
                       struct em_error *err)
{
	struct stat st;
	size_t bytes;

	if (em_array_measure(type, 2, shape, &bytes) || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (unsigned long long)st.st_size < bytes)
		return em_error_set(err, EM_ERROR_DATA, "the shared memory '%s' does not hold %zu x %zu of %s", name,
		                    shape[1], shape[0], em_dtype_name(type));
	if (em_array_alloc_image(a, type, shape[0], shape[1], err))
		return -1;
	if (!read_all(fd, a->data, bytes, err))
		return 0;
	em_array_release(a);
	return -1;
}

int em_instamatic_picture(const struct em_json *node, struct em_array *a, struct em_error *err)
{
	const char *name = em_json_string(em_json_get(node, "name"));
	const char *dtype = em_json_string(em_json_get(node, "dtype"));
	enum em_dtype type;
	char path[NAME_BYTES + 2];
	double side[3];
	size_t shape[2];
	int fd, rc;

	if (em_json_get(node, "__generator__"))
		return em_error_set(err, EM_ERROR_DATA, "a movie, and not a picture");
	if (!is_name(name) || !dtype || em_dtype_parse(dtype, &type) || type == EM_C64 || type == EM_C128 ||
	    em_json_numbers(em_json_get(node, "shape"), side, 3) != 2)
		return em_error_set(err, EM_ERROR_DATA, "no picture in shared memory: is cam_use_shared_memory set?");
	for (int k = 0; k < 2; k++) {
		if (!(side[k] >= 1 && side[k] <= SIDE_MAX) || side[k] != floor(side[k]))
			return em_error_set(err, EM_ERROR_DATA, "a picture of %g x %g px", side[1], side[0]);
		shape[k] = (size_t)side[k];
	}
	snprintf(path, sizeof(path), "/%s", name);
	fd = shm_open(path, O_RDONLY, 0);
	if (fd < 0)
		return em_error_set(err, EM_ERROR_UNSUPPORTED,
		                    "the picture lies in the shared memory '%s', which is not on this machine (%s)",
		                    name, strerror(errno));
	rc = read_memory(fd, name, a, type, shape, err);
	close(fd);
	return rc;
}
