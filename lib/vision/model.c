/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

static const struct em_tensor *find_landmark(const struct em_safetensors *file, const struct em_model_family *family)
{
	const struct em_tensor *t;

	for (size_t i = 0; (t = em_safetensors_at(file, i)); i++)
		if (ends_with(t->name, family->landmark))
			return t;
	return NULL;
}

const struct em_model_family *em_model_recognise(const struct em_safetensors *file)
{
	static const struct em_model_family *const families[] = {&em_model_resnet, &em_model_vit};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (find_landmark(file, families[i]))
			return families[i];
	return NULL;
}

int em_weights_init(struct em_weights *w, const struct em_safetensors *file, const struct em_model_family *family,
                    struct em_error *err)
{
	const struct em_tensor *t = find_landmark(file, family);
	size_t n = 0, prefix = t ? strlen(t->name) - strlen(family->landmark) : 0;

	if (!t || prefix >= sizeof(w->prefix))
		return em_error_set(err, EM_ERROR_DATA, "safetensors: no %s (no tensor '%s')", family->name,
		                    family->landmark);
	while (em_safetensors_at(file, n))
		n++;
	w->used = calloc(n, sizeof(*w->used));
	if (!w->used)
		return em_error_memory(err, n);
	w->file = file;
	memcpy(w->prefix, t->name, prefix);
	w->prefix[prefix] = '\0';
	return 0;
}

void em_weights_release(struct em_weights *w)
{
	free(w->used);
	*w = (struct em_weights){0};
}

const struct em_tensor *em_weights_find(struct em_weights *w, const char *name)
{
	char full[256];
	const struct em_tensor *t;

	snprintf(full, sizeof(full), "%s%s", w->prefix, name);
	t = em_safetensors_find(w->file, full);
	if (t)
		w->used[t - em_safetensors_at(w->file, 0)] = true;
	return t;
}

size_t em_weights_channels(struct em_weights *w, const char *convolution)
{
	char name[128];
	const struct em_tensor *t;

	snprintf(name, sizeof(name), "%.100s.weight", convolution);
	t = em_weights_find(w, name);
	return t && t->ndim == 4 ? t->shape[0] : 0;
}

static bool has_shape(const struct em_tensor *t, int ndim, const size_t *shape)
{
	return t->ndim == ndim && !memcmp(t->shape, shape, (size_t)ndim * sizeof(*shape));
}

/* "64 x 3 x 7 x 7" */
static const char *spell(int ndim, const size_t *shape, char text[96])
{
	int n = 0;

	text[0] = '\0';
	for (int i = 0; i < ndim && n < 80; i++)
		n += snprintf(text + n, 96 - (size_t)n, "%s%zu", i ? " x " : "", shape[i]);
	return text;
}

float *em_weights_read(struct em_weights *w, const char *name, int ndim, const size_t *shape, struct em_error *err)
{
	const struct em_tensor *t = em_weights_find(w, name);
	char have[96], want[96];
	float *v;

	if (!t) {
		em_error_set(err, EM_ERROR_DATA, "safetensors: '%.60s%.96s' is not there", w->prefix, name);
		return NULL;
	}
	if (!has_shape(t, ndim, shape) || !t->count) {
		em_error_set(err, EM_ERROR_DATA, "safetensors: '%.60s%.96s' has the shape %s, expected %s", w->prefix,
		             name, spell(t->ndim, t->shape, have), spell(ndim, shape, want));
		return NULL;
	}
	v = malloc(t->count * sizeof(*v));
	if (!v)
		em_error_memory(err, t->count * sizeof(*v));
	else if (em_tensor_load(t, v, err)) {
		free(v);
		v = NULL;
	}
	return v;
}

static bool is_idle(const char *name, const char *idle)
{
	for (; *idle; idle += strlen(idle) + 1)
		if (!strncmp(name, idle, strlen(idle)))
			return true;
	return ends_with(name, "num_batches_tracked");
}

int em_weights_check_used(const struct em_weights *w, const char *idle, struct em_error *err)
{
	size_t prefix = strlen(w->prefix);
	const struct em_tensor *t;

	for (size_t i = 0; (t = em_safetensors_at(w->file, i)); i++)
		if (!w->used[i] && !strncmp(t->name, w->prefix, prefix) && !is_idle(t->name + prefix, idle))
			return em_error_set(
			    err, EM_ERROR_DATA,
			    "safetensors: nothing is known of '%.100s': this network is a variant of another kind",
			    t->name);
	return 0;
}
