/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_EDGE 640
#define LARGE_EDGE 1600

int em_raster_fit(size_t src_h, size_t src_w, size_t width, size_t *h, size_t *w, struct em_error *err)
{
	size_t edge = src_h > src_w ? src_h : src_w;
	double scale = 1, fit_h, fit_w;

	if (!edge || !src_h || !src_w)
		return em_error_set(err, EM_ERROR_DATA, "the picture has no pixels (%zu x %zu)", src_h, src_w);
	if (width)
		scale = (double)width / (double)src_w;
	else if (edge > LARGE_EDGE)
		scale = (double)LARGE_EDGE / (double)edge;
	else if (edge < SMALL_EDGE)
		scale = (double)((SMALL_EDGE + edge - 1) / edge);
	fit_h = fmax(round((double)src_h * scale), 1);
	fit_w = fmax(round((double)src_w * scale), 1);
	if (fit_h > EM_RASTER_MAX || fit_w > EM_RASTER_MAX)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a picture of %.0f x %.0f px is too big to draw (at most %d): give a smaller width",
		                    fit_h, fit_w, EM_RASTER_MAX);
	*h = (size_t)fit_h;
	*w = (size_t)fit_w;
	return 0;
}

int em_raster_init(struct em_raster *r, size_t src_h, size_t src_w, size_t h, size_t w, struct em_error *err)
{
	struct em_raster fresh = {.src_h = src_h, .src_w = src_w, .h = h, .w = w};

	if (!src_h || !src_w || !h || !w || h > EM_RASTER_MAX || w > EM_RASTER_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "a picture of %zu x %zu px cannot be drawn as %zu x %zu",
		                    src_h, src_w, h, w);
	fresh.sum = calloc(h * w, sizeof(*fresh.sum));
	fresh.weight = calloc(h * w, sizeof(*fresh.weight));
	fresh.row = calloc(2 * w, sizeof(*fresh.row));
	if (!fresh.sum || !fresh.weight || !fresh.row) {
		em_raster_release(&fresh);
		return em_error_memory(err, 2 * h * w * sizeof(float));
	}
	*r = fresh;
	return 0;
}

void em_raster_release(struct em_raster *r)
{
	free(r->sum);
	free(r->weight);
	free(r->row);
	memset(r, 0, sizeof(*r));
}

/* The part of a piece along one axis that lies within the picture, and where it falls in the output. */
struct span {
	size_t begin, end;  /* of the piece's own pixels */
	size_t first, last; /* output pixels touched, both included */
	double scale;       /* output pixels a source pixel */
	double origin;      /* where the piece's pixel 0 begins, in output pixels */
};

static struct span span_of(size_t piece, ptrdiff_t at, size_t src, size_t out)
{
	struct span s = {.scale = (double)out / (double)src};
	size_t skip = at < 0 ? (size_t)-at : 0;
	size_t room = at < 0 ? src : (size_t)at < src ? src - (size_t)at : 0;

	s.begin = skip < piece ? skip : piece;
	s.end = piece - s.begin < room ? piece : s.begin + room;
	s.origin = (double)at * s.scale;
	if (s.begin >= s.end)
		return s;
	s.first = (size_t)fmax(floor((double)s.begin * s.scale + s.origin + 1e-9), 0);
	s.last = (size_t)fmax(ceil((double)s.end * s.scale + s.origin - 1e-9) - 1, 0);
	s.last = s.last < out ? s.last : out - 1;
	s.first = s.first < s.last ? s.first : s.last;
	return s;
}

/* Which output pixels source pixel i covers, and how much of the first and of each further one. */
struct cover {
	uint32_t first, more; /* output pixels first .. first + more */
	float head, tail;     /* of the first and of the last; those between are covered whole */
};

static struct cover cover_of(const struct span *s, size_t i)
{
	double a = (double)i * s->scale + s->origin, b = a + s->scale;
	struct cover c;
	size_t first = (size_t)fmax(floor(a + 1e-9), (double)s->first), last = (size_t)fmax(ceil(b - 1e-9) - 1, 0);

	last = last > s->last ? s->last : last;
	first = first > last ? last : first;
	c.first = (uint32_t)first;
	c.more = (uint32_t)(last - first);
	c.head = (float)(c.more ? (double)(first + 1) - a : s->scale < 1 ? b - a : fmin(b - a, 1));
	c.tail = (float)(c.more ? b - (double)last : 0);
	return c;
}

/* sum += v over what one source pixel covers, weighted; and the weights themselves. */
static void spread(float *sum, float *weight, struct cover c, float v)
{
	sum[c.first] += c.head * v;
	weight[c.first] += c.head;
	for (uint32_t k = 1; k < c.more; k++) {
		sum[c.first + k] += v;
		weight[c.first + k] += 1;
	}
	if (c.more) {
		sum[c.first + c.more] += c.tail * v;
		weight[c.first + c.more] += c.tail;
	}
}

static void squeeze_values(float *sum, float *weight, const struct cover *cover, const struct em_array *a, size_t at,
                           const struct span *s)
{
	for (size_t i = s->begin; i < s->end; i++) {
		double v = em_array_get(a, at + i);

		if (isfinite(v) && fabs(v) < 1e30) /* sums of floats must stay finite */
			spread(sum, weight, cover[i - s->begin], (float)v);
	}
}

/* Bytes are never NaN: the weights of a row are those of every row, and the common case (a micrograph made smaller)
 * touches at most two output pixels a source pixel. */
static void squeeze_bytes(float *sum, const struct cover *cover, const unsigned char *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cover c = cover[i];
		float v = row[i];

		sum[c.first] += c.head * v;
		sum[c.first + (c.more != 0)] += c.tail * v;
	}
}

static void add_row(float *dst, const float *src, float factor, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] += factor * src[i];
}

/* One squeezed row onto the output rows it covers. */
static void stack_row(struct em_raster *r, const struct span *x, struct cover c)
{
	size_t n = x->last - x->first + 1;

	for (uint32_t k = 0; k <= c.more; k++) {
		float factor = k == 0 ? c.head : k == c.more ? c.tail : 1;
		size_t at = (c.first + k) * r->w + x->first;

		add_row(r->sum + at, r->row + x->first, factor, n);
		add_row(r->weight + at, r->row + r->w + x->first, factor, n);
	}
}

static void add_rows(struct em_raster *r, const struct em_array *a, const struct span *y, const struct span *x,
                     const struct cover *cover)
{
	bool bytes = a->dtype == EM_U8 && x->scale <= 1;
	float *sum = r->row, *weight = r->row + r->w;
	size_t n = (x->last - x->first + 1) * sizeof(float);

	if (bytes) {
		memset(weight + x->first, 0, n);
		for (size_t i = 0; i < x->end - x->begin; i++)
			spread(sum, weight, cover[i], 0);
	}
	for (size_t i = y->begin; i < y->end; i++) {
		size_t at = i * a->shape[1];

		memset(sum + x->first, 0, n);
		if (bytes) {
			squeeze_bytes(sum, cover, (const unsigned char *)a->data + at + x->begin, x->end - x->begin);
		} else {
			memset(weight + x->first, 0, n);
			squeeze_values(sum, weight, cover, a, at, x);
		}
		stack_row(r, x, cover_of(y, i));
	}
}

int em_raster_add(struct em_raster *r, const struct em_array *piece, ptrdiff_t y, ptrdiff_t x, struct em_error *err)
{
	struct span down, across;
	struct cover *cover;

	if (piece->ndim != 2)
		return em_error_set(err, EM_ERROR_DATA, "not an image: %d dimensions", piece->ndim);
	down = span_of(piece->shape[0], y, r->src_h, r->h);
	across = span_of(piece->shape[1], x, r->src_w, r->w);
	if (down.begin >= down.end || across.begin >= across.end)
		return 0;
	cover = malloc((across.end - across.begin) * sizeof(*cover));
	if (!cover)
		return em_error_memory(err, (across.end - across.begin) * sizeof(*cover));
	for (size_t i = across.begin; i < across.end; i++)
		cover[i - across.begin] = cover_of(&across, i);
	add_rows(r, piece, &down, &across, cover);
	free(cover);
	return 0;
}

int em_raster_mean(const struct em_raster *r, struct em_array *mean, struct em_error *err)
{
	float *v;

	if (em_array_alloc_image(mean, EM_F32, r->h, r->w, err))
		return -1;
	v = mean->data;
	for (size_t i = 0; i < r->h * r->w; i++)
		v[i] = r->weight[i] > 1e-6F ? r->sum[i] / r->weight[i] : NAN;
	return 0;
}

static uint32_t pack(struct em_rgb c)
{
	return 0xff000000U | (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
}

int em_pixels_init(struct em_pixels *p, size_t h, size_t w, struct em_rgb fill, struct em_error *err)
{
	uint32_t *argb;

	if (!h || !w || h > EM_RASTER_MAX || w > EM_RASTER_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "a picture of %zu x %zu px cannot be drawn", h, w);
	argb = malloc(h * w * sizeof(*argb));
	if (!argb)
		return em_error_memory(err, h * w * sizeof(*argb));
	for (size_t i = 0; i < h * w; i++)
		argb[i] = pack(fill);
	*p = (struct em_pixels){h, w, argb};
	return 0;
}

void em_pixels_release(struct em_pixels *p)
{
	free(p->argb);
	memset(p, 0, sizeof(*p));
}

int em_pixels_from_values(struct em_pixels *p, const struct em_array *values, double lo, double hi,
                          enum em_colormap map, struct em_rgb nan, struct em_error *err)
{
	const float *v = values->data;
	float gain = hi > lo ? (float)(255 / (hi - lo)) : 0, base = hi > lo ? 0 : 127;
	struct em_rgb lut[256];
	uint32_t packed[256];

	if (em_pixels_init(p, values->shape[0], values->shape[1], nan, err))
		return -1;
	em_color_map(map, lut);
	for (int i = 0; i < 256; i++)
		packed[i] = pack(lut[i]);
	for (size_t i = 0; i < p->h * p->w; i++) {
		float t = (v[i] - (float)lo) * gain + base + 0.5F;

		if (!isnan(v[i]))
			p->argb[i] = packed[t >= 255 ? 255 : t > 0 ? (int)t : 0];
	}
	return 0;
}
