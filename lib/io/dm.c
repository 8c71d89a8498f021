/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gatan DigitalMicrograph, .dm3 and .dm4: the images of the tag tree.  Dimensions[0] runs fastest.  A stack gives its
 * planes one by one; whatever has an energy (or wavelength) axis is one array with that axis last.
 */
#include "io/dm_image.h"
#include "io/dm_meta.h"
#include "io/dm_tags.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct dm_state {
	struct em_dm_tree tree;
	struct em_dm_image *image;
	size_t count, frames;
};

/* ---- pixels ---- */

/* The n elements at p, as they lie in the file, become numbers of this machine, in place. */
static void fix_order(const struct em_dm_tree *t, const struct em_dm_pixel *pixel, unsigned char *p, size_t n)
{
	size_t part = pixel->part, bytes = n * pixel->item;

	if (!t->little && part > 1)
		for (size_t at = 0; at < bytes; at += part)
			for (size_t i = 0; i < part / 2; i++) {
				unsigned char keep = p[at + i];

				p[at + i] = p[at + part - 1 - i];
				p[at + part - 1 - i] = keep;
			}
	if (pixel->layout == EM_DM_BOOLEAN)
		for (size_t i = 0; i < n; i++)
			p[i] = p[i] != 0;
}

/* Pixels are 32-bit 0xAARRGGBB. */
static void read_colour(const struct em_dm_tree *t, const unsigned char *from, size_t n, unsigned char *gray)
{
	for (size_t i = 0; i < n; i++, from += 4) {
		unsigned char rgb[3] = {from[t->little ? 2 : 1], from[t->little ? 1 : 2], from[t->little ? 0 : 3]};

		em_rgb_to_gray_u8(rgb, 3, 1, gray + i);
	}
}

static void conjugate(unsigned char *p, size_t part)
{
	/* The sign of the imaginary part: the last bit of a little-endian number. */
	p[2 * part - 1] ^= 0x80;
}

/*
 * The transform of a real image, of which the half with kx <= 0 is there: column j of the file is kx = -j, and ky = 0
 * is row ny / 2.  The rest by F(-k) = conj F(k).  (HyperSpy and RosettaSciIO forget to turn the rows over, and lose a
 * column of odd sizes.)
 */
static void read_packed(const struct em_dm_tree *t, const struct em_dm_image *im, const unsigned char *from, size_t ny,
                        unsigned char *to)
{
	size_t nx = im->dim[0], half = nx / 2, item = im->pixel->item, stored = half + 1;

	for (size_t y = 0; y < ny; y++) {
		const unsigned char *row = from + y * stored * item;
		const unsigned char *mirror = from + (2 * (ny / 2) + ny - y) % ny * stored * item;
		unsigned char *out = to + y * nx * item;

		for (size_t j = 0; j <= half; j++)
			memcpy(out + (half - j) * item, row + j * item, item);
		for (size_t j = 1; half + j < nx; j++)
			memcpy(out + (half + j) * item, mirror + j * item, item);
		fix_order(t, im->pixel, out, nx);
		for (size_t j = 1; half + j < nx; j++)
			conjugate(out + (half + j) * item, im->pixel->part);
	}
}

/* One plane of a stack, or the whole of one or two dimensions. */
static int read_plane(const struct em_dm_tree *t, const struct em_dm_image *im, size_t frame, struct em_array *a,
                      struct em_error *err)
{
	size_t nx = im->dim[0], ny = im->ndim > 1 ? im->dim[1] : 1;
	size_t shape[2] = {im->ndim > 1 ? ny : nx, nx};
	const unsigned char *from = im->data + frame * (im->bytes / im->frames);
	struct em_array fresh;

	if (em_array_alloc(&fresh, im->pixel->dtype, im->ndim > 1 ? 2 : 1, shape, err))
		return -1;
	if (im->pixel->layout == EM_DM_COLOUR) {
		read_colour(t, from, nx * ny, fresh.data);
	} else if (im->pixel->layout == EM_DM_PACKED) {
		read_packed(t, im, from, ny, fresh.data);
	} else {
		memcpy(fresh.data, from, nx * ny * im->pixel->item);
		fix_order(t, im->pixel, fresh.data, nx * ny);
	}
	fresh.axis[fresh.ndim - 1] = im->axis[0];
	if (fresh.ndim == 2)
		fresh.axis[0] = im->axis[1];
	*a = fresh;
	return 0;
}

/* to[x][e] = from[e][x], in strips narrow enough for the cache. */
static void transpose(const unsigned char *from, size_t ne, size_t nx, size_t item, unsigned char *to)
{
	const size_t strip = 16;

	if (nx == 1 || ne == 1) {
		memcpy(to, from, ne * nx * item);
		return;
	}
	for (size_t x0 = 0; x0 < nx; x0 += strip)
		for (size_t e = 0; e < ne; e++)
			for (size_t x = x0; x < nx && x < x0 + strip; x++)
				memcpy(to + (x * ne + e) * item, from + (e * nx + x) * item, item);
}

/* All spectra as one array, energy last, the other dimensions with the slowest first. */
static int read_spectra(const struct em_dm_tree *t, const struct em_dm_image *im, struct em_array *a,
                        struct em_error *err)
{
	size_t shape[EM_MAX_NDIM], before = 1, after = 1, ne = im->dim[im->spectral], item = im->pixel->item;
	struct em_axis axis[EM_MAX_NDIM];
	struct em_array fresh;
	int k = 0;

	for (int i = im->ndim - 1; i >= 0; i--) {
		if (i == im->spectral)
			continue;
		shape[k] = im->dim[i];
		axis[k++] = im->axis[i];
		*(i < im->spectral ? &before : &after) *= im->dim[i];
	}
	shape[k] = ne;
	axis[k] = im->axis[im->spectral];
	if (em_array_alloc(&fresh, im->pixel->dtype, im->ndim, shape, err))
		return -1;
	memcpy(fresh.axis, axis, (size_t)im->ndim * sizeof(axis[0]));
	for (size_t i = 0; i < after; i++) {
		size_t at = i * before * ne * item;

		transpose(im->data + at, ne, before, item, (unsigned char *)fresh.data + at);
	}
	fix_order(t, im->pixel, fresh.data, before * ne * after);
	*a = fresh;
	return 0;
}

/* ---- the codec ---- */

/* A thumbnail is an image too, which Thumbnails[*].ImageIndex tells by its place in the list. */
static void mark_thumbnails(const struct em_dm_tree *t, bool *thumbnail, size_t n)
{
	const struct em_dm_tag *list = em_dm_tree_find(t, t->tag, "Thumbnails"), *entry = em_dm_tree_first(t, list);
	double index;

	for (; entry; entry = em_dm_tree_next(t, list, entry))
		if (em_dm_tag_number(t, em_dm_tree_find(t, entry, "ImageIndex"), &index) && index >= 0 &&
		    index < (double)n)
			thumbnail[(size_t)index] = true;
}

/* An image that cannot be read still has its place, so that the others keep their names. */
static int collect_images(struct dm_state *s, bool *thumbnail, const struct em_dm_tag *list, struct em_error *err)
{
	const struct em_dm_tag *tag = em_dm_tree_first(&s->tree, list);

	for (; tag; tag = em_dm_tree_next(&s->tree, list, tag)) {
		struct em_dm_image *im = &s->image[s->count];

		if (thumbnail[tag->index] || !em_dm_tree_find(&s->tree, tag, "ImageData.Data"))
			continue;
		em_dm_image_describe(&s->tree, tag, im, NULL);
		im->first = s->frames;
		if (im->frames > SIZE_MAX - s->frames)
			return em_error_set(err, EM_ERROR_DATA, "DM: more planes than could exist");
		s->frames += im->frames;
		s->count++;
	}
	if (!s->count)
		return em_error_set(err, EM_ERROR_DATA, "DM: there is no image in the file beside its thumbnail");
	return 0;
}

static int find_images(struct dm_state *s, struct em_error *err)
{
	const struct em_dm_tag *list = em_dm_tree_find(&s->tree, s->tree.tag, "ImageList"), *tag;
	bool *thumbnail;
	size_t n = 0;
	int status;

	for (tag = em_dm_tree_first(&s->tree, list); tag; tag = em_dm_tree_next(&s->tree, list, tag))
		n++;
	s->image = calloc(n + 1, sizeof(*s->image));
	thumbnail = calloc(n + 1, sizeof(*thumbnail));
	if (s->image && thumbnail) {
		mark_thumbnails(&s->tree, thumbnail, n);
		status = collect_images(s, thumbnail, list, err);
	} else {
		status = em_error_memory(err, n * sizeof(*s->image));
	}
	free(thumbnail);
	return status;
}

static void dm_close(void *state)
{
	struct dm_state *s = state;

	em_dm_tree_release(&s->tree);
	free(s->image);
	free(s);
}

static int dm_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct dm_state *s = calloc(1, sizeof(*s));

	if (!s)
		return em_error_memory(err, sizeof(*s));
	if (em_dm_tree_read(&s->tree, file->blob, err) || find_images(s, err)) {
		dm_close(s);
		return -1;
	}
	*state = s;
	*frames = s->frames;
	return 0;
}

static const struct em_dm_image *find_image(const struct dm_state *s, size_t frame)
{
	size_t low = 0, high = s->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		*(s->image[middle].first <= frame ? &low : &high) = middle;
	}
	return &s->image[low];
}

/* Where this plane lies, the slowest dimension first. */
static void put_stack(const struct em_dm_image *im, size_t frame, struct em_meta *meta)
{
	size_t rest = im->frames;

	for (int i = im->ndim - 1; i >= 2; i--) {
		rest /= im->dim[i];
		em_meta_push_stack(meta, frame / rest % im->dim[i], im->dim[i], &im->axis[i]);
	}
}

static int dm_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct dm_state *s = state;
	const struct em_dm_image *im = find_image(s, frame);
	struct em_dm_image again;

	if (!im->pixel)
		return em_dm_image_describe(&s->tree, im->tag, &again, err);
	em_dm_put_meta(&s->tree, im->tag, meta);
	if (im->spectral < 0 && im->ndim > 2)
		put_stack(im, frame - im->first, meta);
	if (im->spectral >= 0)
		return read_spectra(&s->tree, im, a, err);
	return read_plane(&s->tree, im, frame - im->first, a, err);
}

static void dm_locate(void *state, size_t frame, struct em_place *place)
{
	const struct dm_state *s = state;
	const struct em_dm_image *im = find_image(s, frame);
	struct em_text name = {0};

	*place = (struct em_place){(size_t)(im - s->image), s->count, frame - im->first, im->frames, ""};
	if (em_dm_tag_text(&s->tree, em_dm_tree_find(&s->tree, im->tag, "Name"), &name))
		em_place_set_name(place, em_text_get(&name), name.len);
	em_text_release(&name);
}

static int dm_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct dm_state *s = state;

	return em_dm_put_json(&s->tree, find_image(s, frame)->tag, json, err);
}

const struct em_codec em_codec_dm = {
	.name = "dm",
	.extensions = "dm4 dm3",
	.probe = em_dm_probe,
	.open = dm_open,
	.read = dm_read_frame,
	.close = dm_close,
	.locate = dm_locate,
	.tags = dm_tags,
};
