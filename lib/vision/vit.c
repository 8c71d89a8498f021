/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Vision transformers (Dosovitskiy et al., ICLR 2021) with DINOv2's names (Oquab et al., TMLR 2024): patches, a class
 * token, learnt positions, blocks of attention and of two products with a GELU between, each added to its input, after
 * a scale of each channel where the file has some.  Heads are 64 wide.
 *
 * Offsets and scales go into the products beside them: the gain and bias of a normalisation into the product after it,
 * the layer's scale into the one before, 1/sqrt(64) into the queries.
 */
#include "vision/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 64
#define EPSILON 1e-6f
#define NAME 96

struct vit {
	struct em_network *n;
	struct em_weights *w;
	struct em_error *err;
	size_t width, side, tokens; /* channels; patches a side; tokens, the class's the first */
};

/* name.weight [rows][columns] and name.bias [rows], and what was folded into them; owned. */
struct folded {
	float *weights, *bias;
	size_t rows, columns;
};

static void release(struct folded *f)
{
	free(f->weights);
	free(f->bias);
}

static float *read_vector(const struct vit *v, const char *block, const char *name, size_t n)
{
	char full[NAME];

	snprintf(full, sizeof(full), "%.40s%.40s", block, name);
	return em_weights_read(v->w, full, 1, &n, v->err);
}

static int read_product(const struct vit *v, const char *block, const char *name, size_t rows, size_t columns,
                        struct folded *f)
{
	char full[NAME];

	f->rows = rows;
	f->columns = columns;
	snprintf(full, sizeof(full), "%.40s%.40s.weight", block, name);
	f->weights = em_weights_read(v->w, full, 2, (size_t[2]){rows, columns}, v->err);
	snprintf(full, sizeof(full), "%.40s.bias", name);
	f->bias = f->weights ? read_vector(v, block, full, rows) : NULL;
	return f->bias ? 0 : -1;
}

/* W (gain x + offset) + b = (W gain) x + (b + W offset) */
static int fold_before(const struct vit *v, const char *block, const char *norm, struct folded *f)
{
	char name[NAME];
	float *gain, *offset;

	snprintf(name, sizeof(name), "%.30s.weight", norm);
	gain = read_vector(v, block, name, f->columns);
	snprintf(name, sizeof(name), "%.30s.bias", norm);
	offset = gain ? read_vector(v, block, name, f->columns) : NULL;
	for (size_t r = 0; r < f->rows && offset; r++) {
		double sum = 0;

		for (size_t c = 0; c < f->columns; c++) {
			sum += (double)f->weights[r * f->columns + c] * (double)offset[c];
			f->weights[r * f->columns + c] *= gain[c];
		}
		f->bias[r] += (float)sum;
	}
	free(gain);
	free(offset);
	return offset ? 0 : -1;
}

static void scale_rows(struct folded *f, size_t first, size_t n, const float *scale, float all)
{
	for (size_t r = first; r < first + n; r++) {
		float by = scale ? scale[r] : all;

		for (size_t c = 0; c < f->columns; c++)
			f->weights[r * f->columns + c] *= by;
		f->bias[r] *= by;
	}
}

/* The layer's scale, where there is one. */
static int fold_after(const struct vit *v, const char *block, const char *name, struct folded *f)
{
	char full[NAME];
	float *scale;

	snprintf(full, sizeof(full), "%.40s%.40s", block, name);
	if (!em_weights_find(v->w, full))
		return 0;
	scale = read_vector(v, block, name, f->rows);
	if (!scale)
		return -1;
	scale_rows(f, 0, f->rows, scale, 1);
	free(scale);
	return 0;
}

static int add_product(const struct vit *v, int source, const struct folded *f, bool gelu, int add)
{
	return em_network_product(v->n, source, &(struct em_product){f->rows, f->weights, f->bias, gelu, add});
}

/* x += scale * project(attention(normalise(x))) */
static int add_attention(const struct vit *v, int x, const char *block)
{
	struct folded qkv = {0}, out = {0};
	size_t c = v->width, t = v->tokens;
	int rows, heads, status = -1;

	if (!read_product(v, block, "attn.qkv", 3 * c, c, &qkv) && !fold_before(v, block, "norm1", &qkv) &&
	    !read_product(v, block, "attn.proj", c, c, &out) && !fold_after(v, block, "ls1.gamma", &out)) {
		scale_rows(&qkv, 0, c, NULL, 1 / sqrtf(HEAD));
		rows = add_product(v, em_network_normalise(v->n, x, EPSILON), &qkv, false, 0);
		heads = em_network_room(v->n, t, c);
		for (size_t at = 0; at < c; at += HEAD)
			em_network_attend(v->n, em_network_part(v->n, rows, 0, t, at, HEAD),
			                  em_network_part(v->n, rows, 0, t, c + at, HEAD),
			                  em_network_part(v->n, rows, 0, t, 2 * c + at, HEAD),
			                  em_network_part(v->n, heads, 0, t, at, HEAD));
		add_product(v, heads, &out, false, x);
		status = 0;
	}
	release(&qkv);
	release(&out);
	return status;
}

/* x += scale * second(gelu(first(normalise(x)))) */
static int add_mlp(const struct vit *v, int x, const char *block)
{
	struct folded first = {0}, second = {0};
	const struct em_tensor *t;
	char name[NAME];
	int hidden, status = -1;
	size_t wide;

	snprintf(name, sizeof(name), "%.40smlp.fc1.bias", block);
	t = em_weights_find(v->w, name);
	wide = t ? t->count : 0;
	if (!read_product(v, block, "mlp.fc1", wide, v->width, &first) && !fold_before(v, block, "norm2", &first) &&
	    !read_product(v, block, "mlp.fc2", v->width, wide, &second) &&
	    !fold_after(v, block, "ls2.gamma", &second)) {
		hidden = add_product(v, em_network_normalise(v->n, x, EPSILON), &first, true, 0);
		add_product(v, hidden, &second, false, x);
		status = 0;
	}
	release(&first);
	release(&second);
	return status;
}

/* ---- positions ---- */

/* Weights of the four neighbours of a place `t` beyond the second, a = -3/4 (Keys, IEEE Trans. ASSP 29 (1981) 1153). */
static void cubic(double t, double w[4])
{
	const double a = -0.75;
	double u = 1 - t;

	w[0] = a * (t * (1 + t * (t - 2)));
	w[1] = 1 + t * t * ((a + 2) * t - (a + 3));
	w[2] = 1 + u * u * ((a + 2) * u - (a + 3));
	w[3] = a * (u * (1 + u * (u - 2)));
}

static size_t clamp(double i, size_t n)
{
	return i < 0 ? 0 : i > (double)(n - 1) ? n - 1 : (size_t)i;
}

/*
 * Learnt positions [have^2][c] at side x side other places.  DINOv2 stretches by (side + 0.1) / have, not side / have,
 * so that rounding never costs it a row; the numbers follow it in that.
 */
static void stretch(const float *from, size_t have, float *to, size_t side, size_t c)
{
	double step = (double)have / ((double)side + 0.1);

	for (size_t p = 0; p < side * side; p++) {
		double y = ((double)(p / side) + 0.5) * step - 0.5, x = ((double)(p % side) + 0.5) * step - 0.5;
		double wy[4], wx[4];

		cubic(y - floor(y), wy);
		cubic(x - floor(x), wx);
		for (size_t k = 0; k < c; k++) {
			double sum = 0;

			for (int j = 0; j < 4; j++)
				for (int i = 0; i < 4; i++)
					sum += wy[j] * wx[i] *
					       (double)from[(clamp(floor(y) - 1 + j, have) * have +
					                     clamp(floor(x) - 1 + i, have)) *
					                        c +
					                    k];
			to[p * c + k] = (float)sum;
		}
	}
}

/* What each token begins with: its position, the class's with its own token. */
static int add_positions(const struct vit *v)
{
	const struct em_tensor *t = em_weights_find(v->w, "pos_embed");
	size_t count = t && t->ndim == 3 ? t->shape[1] : 0, have = (size_t)sqrt((double)(count ? count - 1 : 0));
	size_t one[3] = {1, 1, v->width}, all[3] = {1, have * have + 1, v->width}, c = v->width;
	float *cls = em_weights_read(v->w, "cls_token", 3, one, v->err);
	float *positions = cls ? em_weights_read(v->w, "pos_embed", 3, all, v->err) : NULL;
	float *start = positions ? malloc(v->tokens * c * sizeof(*start)) : NULL;
	int result = -1;

	if (start) {
		for (size_t k = 0; k < c; k++)
			start[k] = cls[k] + positions[k];
		if (have == v->side)
			memcpy(start + c, positions + c, have * have * c * sizeof(*start));
		else
			stretch(positions + c, have, start + c, v->side, c);
		result = em_network_constant(v->n, v->tokens, c, start);
	} else if (positions) {
		em_error_memory(v->err, v->tokens * c * sizeof(*start));
	}
	free(cls);
	free(positions);
	free(start);
	return result;
}

/* The patches' own part: a convolution whose windows do not overlap is a product with each of them. */
static int add_patches(const struct vit *v, int patches, size_t edge, int x)
{
	size_t shape[4] = {v->width, 3, edge, edge}, pixels = 3 * edge * edge;
	float *weights = em_weights_read(v->w, "patch_embed.proj.weight", 4, shape, v->err);
	float *bias = weights ? em_weights_read(v->w, "patch_embed.proj.bias", 1, &v->width, v->err) : NULL;
	struct folded f = {weights, bias, v->width, pixels};

	if (bias)
		add_product(v, patches, &f, false, em_network_part(v->n, x, 1, v->tokens - 1, 0, v->width));
	release(&f);
	return bias ? 0 : -1;
}

/* ---- the whole ---- */

static int add_blocks(const struct vit *v, int x)
{
	char block[NAME], name[NAME];

	for (int i = 0;; i++) {
		snprintf(block, sizeof(block), "blocks.%d.", i);
		snprintf(name, sizeof(name), "%.40snorm1.weight", block);
		if (!em_weights_find(v->w, name))
			return 0;
		if (add_attention(v, x, block) || add_mlp(v, x, block))
			return -1;
	}
}

/* The last normalisation's gain and bias have no product after them: they get one, with a diagonal. */
static int add_gain(const struct vit *v, int row)
{
	struct folded f = {calloc(v->width * v->width, sizeof(float)), NULL, v->width, v->width};
	float *gain = read_vector(v, "", "norm.weight", v->width);
	int result = -1;

	f.bias = gain ? read_vector(v, "", "norm.bias", v->width) : NULL;
	if (!f.weights)
		em_error_memory(v->err, v->width * v->width * sizeof(float));
	if (f.weights && f.bias) {
		for (size_t k = 0; k < v->width; k++)
			f.weights[k * v->width + k] = gain[k];
		result = add_product(v, row, &f, false, 0);
	}
	free(gain);
	release(&f);
	return result;
}

/* The class's token or the mean of the patches', normalised. */
static int add_result(const struct vit *v, int x, const char *layer)
{
	bool patches = !strcmp(layer, "patches");
	int rows = patches ? em_network_part(v->n, x, 1, v->tokens - 1, 0, v->width)
	                   : em_network_part(v->n, x, 0, 1, 0, v->width);

	rows = em_network_normalise(v->n, rows, EPSILON);
	return add_gain(v, patches ? em_network_mean_rows(v->n, rows) : rows);
}

static int build(struct em_network *n, struct em_weights *w, const struct em_model_request *r, size_t *patch,
                 struct em_error *err)
{
	const struct em_tensor *cls = em_weights_find(w, "cls_token");
	const struct em_tensor *p = em_weights_find(w, "patch_embed.proj.weight");
	size_t edge = p && p->ndim == 4 ? p->shape[2] : 0;
	struct vit v = {n, w, err, .width = cls && cls->ndim == 3 ? cls->shape[2] : 0};
	int patches, x;

	if (!edge || !v.width || v.width % HEAD)
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: a ViT without patches, or with a cls_token of %zu "
		                    "channels (expected a multiple of %d)",
		                    v.width, HEAD);
	if (r->size % edge)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "an input of %zu pixels is no multiple of the patches' %zu: "
		                    "try --input-size %zu",
		                    r->size, edge, (r->size / edge + 1) * edge);
	*patch = edge;
	v.side = r->size / edge;
	v.tokens = 1 + v.side * v.side;
	patches = em_network_rows(n, v.side * v.side, 3 * edge * edge);
	x = add_positions(&v);
	if (x < 0 || add_patches(&v, patches, edge, x) || add_blocks(&v, x))
		return -1;
	x = add_result(&v, x, r->layer);
	return x < 0 || em_weights_check_used(w, "mask_token\0head.\0", err) ? -1 : x;
}

const struct em_model_family em_model_vit = {
    .name = "ViT",
    .landmark = "patch_embed.proj.weight",
    .layers = "cls patches",
    .build = build,
};
