/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sample: a key, its members and its record. */
#include "io/stream.h"

#include "io/tiff_plain.h"

#include <stdlib.h>
#include <string.h>

void em_sample_release(struct em_sample *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->member[i].ext);
		free(s->member[i].data);
	}
	free(s->member);
	free(s->key);
	em_record_release(&s->record);
	memset(s, 0, sizeof(*s));
}

int em_sample_copy(struct em_sample *dst, const struct em_sample *src, struct em_error *err)
{
	struct em_sample c = {.key = strdup(src->key)};
	int status = c.key ? em_record_copy(&c.record, &src->record, err) : em_error_memory(err, strlen(src->key));

	for (size_t i = 0; i < src->count && !status; i++) {
		const struct em_member *m = &src->member[i];
		unsigned char *data = malloc(m->size ? m->size : 1);

		if (data && m->size)
			memcpy(data, m->data, m->size);
		status = data ? em_sample_set_member(&c, m->ext, data, m->size, err) : em_error_memory(err, m->size);
	}
	if (status)
		em_sample_release(&c);
	else
		*dst = c;
	return status;
}

/* ".." as a whole part would lead out of the folder that a stream is unpacked in. */
static bool has_parent_part(const char *key)
{
	const char *part = key;

	for (;;) {
		if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
			return true;
		part = strchr(part, '/');
		if (!part)
			return false;
		part++;
	}
}

int em_key_check(const char *key, struct em_error *err)
{
	const char *last = strrchr(key, '/');
	size_t n = strlen(key);

	last = last ? last + 1 : key;
	if (n > EM_KEY_MAX)
		return em_error_set(err, EM_ERROR_DATA, "key of %zu bytes; %d are the limit", n, EM_KEY_MAX);
	if (!em_utf8_is_valid(key, n))
		return em_error_set(err, EM_ERROR_DATA, "key is not valid UTF-8");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f)
			return em_error_set(err, EM_ERROR_DATA, "key holds a control character");
	if (!*last)
		return em_error_set(err, EM_ERROR_DATA, "key '%.100s' has no name in its last part", key);
	if (strchr(last, '.'))
		return em_error_set(err, EM_ERROR_DATA, "key '%.100s' has a dot in its last part", key);
	if (key[0] == '/' || has_parent_part(key))
		return em_error_set(err, EM_ERROR_DATA, "key '%.100s' leads out of the stream's folder", key);
	return 0;
}

int em_sample_set_key(struct em_sample *s, const char *key, struct em_error *err)
{
	char *copy;

	if (em_key_check(key, err))
		return -1;
	copy = strdup(key);
	if (!copy)
		return em_error_memory(err, strlen(key));
	if (em_record_set_string(&s->record, "key", key, err)) {
		free(copy);
		return -1;
	}
	free(s->key);
	s->key = copy;
	return 0;
}

static struct em_member *find(const struct em_sample *s, const char *ext)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->member[i].ext, ext))
			return &s->member[i];
	return NULL;
}

const struct em_member *em_sample_member(const struct em_sample *s, const char *ext)
{
	return find(s, ext);
}

int em_sample_set_member(struct em_sample *s, const char *ext, unsigned char *data, size_t size, struct em_error *err)
{
	struct em_member *m = find(s, ext);
	struct em_member *grown;
	char *name;

	if (m) {
		free(m->data);
		m->data = data;
		m->size = size;
		return 0;
	}
	name = strdup(ext);
	grown = name ? realloc(s->member, (s->count + 1) * sizeof(*grown)) : NULL;
	if (!grown) {
		free(name);
		free(data);
		return em_error_memory(err, (s->count + 1) * sizeof(*grown));
	}
	s->member = grown;
	s->member[s->count++] = (struct em_member){name, data, size};
	return 0;
}

void em_sample_remove_member(struct em_sample *s, const char *ext)
{
	struct em_member *m = find(s, ext);

	if (!m)
		return;
	free(m->ext);
	free(m->data);
	memmove(m, m + 1, (size_t)(s->member + s->count - (m + 1)) * sizeof(*m));
	s->count--;
}

/* Ours is KEY.tif; a foreign shard may hold KEY.png, KEY.jpg. */
static const struct em_member *image_member(const struct em_sample *s)
{
	const struct em_member *m = find(s, "tif");

	for (size_t i = 0; !m && i < s->count; i++)
		if (!strchr(s->member[i].ext, '.') && em_codec_of_extension(s->member[i].ext))
			m = &s->member[i];
	return m;
}

bool em_sample_has_image(const struct em_sample *s)
{
	return image_member(s) != NULL;
}

int em_sample_image(const struct em_sample *s, struct em_array *a, struct em_error *err)
{
	const struct em_member *m = image_member(s);
	struct em_array image;

	if (!m)
		return em_error_set(err, EM_ERROR_DATA, "no image (member .tif) in this sample");
	if (em_codec_decode((struct em_blob){m->data, m->size}, &image, err))
		return em_error_prefix(err, "member .%s: ", m->ext);
	if (image.ndim != 2) {
		em_array_release(&image);
		return em_error_set(err, EM_ERROR_DATA, "member .%s is not a 2-D image", m->ext);
	}
	em_record_get_axes(&s->record, &image);
	*a = image;
	return 0;
}

int em_sample_image_view(const struct em_sample *s, struct em_array *view, struct em_array *owned, struct em_error *err)
{
	const struct em_member *m = find(s, "tif");
	struct em_array fresh = {.ndim = 2};

	memset(owned, 0, sizeof(*owned));
	if (!m || !em_tiff_plain_match((struct em_blob){m->data, m->size}, &fresh.dtype, &fresh.shape[0],
	                               &fresh.shape[1])) {
		if (em_sample_image(s, owned, err))
			return -1;
		*view = *owned;
		return 0;
	}
	fresh.data = m->data + EM_TIFF_PLAIN_HEADER;
	em_axis_set(&fresh.axis[0], "y", 1, 0, "");
	em_axis_set(&fresh.axis[1], "x", 1, 0, "");
	em_record_get_axes(&s->record, &fresh);
	*view = fresh;
	return 0;
}

int em_sample_set_image(struct em_sample *s, const struct em_array *a, struct em_error *err)
{
	struct em_array copy;

	return em_array_copy(&copy, a, err) ? -1 : em_sample_take_image(s, &copy, err);
}

/* The header goes where the array has room before its pixels. */
_Static_assert(EM_ARRAY_HEADROOM == EM_TIFF_PLAIN_HEADER, "a header fills the room before an array");

int em_sample_take_image(struct em_sample *s, struct em_array *a, struct em_error *err)
{
	size_t bytes = em_array_bytes(a);
	unsigned char *tif;
	int status = -1;

	if (a->ndim != 2)
		em_error_set(err, EM_ERROR_USAGE, "an image member has two dimensions, not %d", a->ndim);
	else if (!em_tiff_plain_size(a->dtype, a->shape[0], a->shape[1]))
		em_error_set(err, EM_ERROR_DATA,
		             "a %zu x %zu %s image does not fit a stream's image member (not empty, under 4 GiB, u8 "
		             "u16 i16 i32 f32): cut it first", a->shape[0], a->shape[1], em_dtype_name(a->dtype));
	else
		status = em_record_set_image(&s->record, a, err);
	if (status) {
		em_array_release(a);
		return -1;
	}
	em_tiff_plain_header((unsigned char *)a->data - EM_ARRAY_HEADROOM, a->dtype, a->shape[0], a->shape[1]);
	tif = em_array_take_memory(a);
	return em_sample_set_member(s, "tif", tif, EM_TIFF_PLAIN_HEADER + bytes, err);
}

/* "NAME.npy"; names that do not fit are no member's. */
static bool npy_ext(char *ext, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (len + 5 > n)
		return false;
	memcpy(ext, name, len);
	memcpy(ext + len, ".npy", 5);
	return true;
}

int em_sample_array(const struct em_sample *s, const char *name, struct em_array *a, struct em_error *err)
{
	char ext[64];
	const struct em_member *m = npy_ext(ext, sizeof(ext), name) ? find(s, ext) : NULL;

	if (!m)
		return em_error_set(err, EM_ERROR_DATA, "no member .%.40s.npy in this sample", name);
	if (em_npy_decode((struct em_blob){m->data, m->size}, a, err))
		return em_error_prefix(err, "member .%s: ", ext);
	return 0;
}

int em_sample_set_array(struct em_sample *s, const char *name, const struct em_array *a, struct em_error *err)
{
	struct em_text npy = {0};
	char ext[64];

	if (!npy_ext(ext, sizeof(ext), name))
		return em_error_set(err, EM_ERROR_USAGE, "member name '%.40s...' is too long", name);
	if (em_npy_encode(a, &npy, err) || em_text_check(&npy, err)) {
		em_text_release(&npy);
		return -1;
	}
	return em_sample_set_member(s, ext, (unsigned char *)npy.s, npy.len, err);
}

void em_sample_picture(const struct em_sample *s, char *buf, size_t n)
{
	const char *last = strrchr(s->key, '/');
	size_t len = last ? (size_t)(last - s->key) : 0;

	if (len >= n)
		len = n - 1;
	memcpy(buf, s->key, len);
	buf[len] = '\0';
}

bool em_sample_has_error(const struct em_sample *s)
{
	return em_record_get(&s->record, "error") != NULL;
}

int em_sample_set_error(struct em_sample *s, const char *tool, const char *text, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	em_text_append(&t, "{");
	em_json_put_name(&t, "tool");
	em_json_put_string(&t, tool);
	em_json_put_name(&t, "text");
	em_json_put_string(&t, text);
	em_text_append(&t, "}");
	status = em_record_set_text(&s->record, "error", &t, err);
	em_text_release(&t);
	return status;
}
