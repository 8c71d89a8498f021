/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/network_parts.h"

#include <stdlib.h>
#include <string.h>

int em_network_fail(struct em_network *n, enum em_error_kind kind, const char *what)
{
	if (!n->failed)
		em_error_set(&n->error, kind, "%s", what);
	n->failed = true;
	return 0;
}

void *em_network_allocate(size_t bytes)
{
	return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT);
}

/* Room for one more in an array whose capacity is the next power of two. */
static void *grow(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : realloc(array, (count ? 2 * count : 1) * size);
}

/* Takes over the layout. */
int em_network_add_tensor(struct em_network *n, struct em_layout *layout, const size_t shape[4])
{
	struct tensor made = {.layout = layout, .offset = NOWHERE}, *grown;

	memcpy(made.shape, shape, sizeof(made.shape)); /* before it moves: it may be another tensor's */
	grown = layout && !n->failed ? grow(n->tensor, n->tensors, sizeof(*n->tensor)) : NULL;
	if (!grown) {
		em_layout_free(layout);
		return em_network_fail(n, EM_ERROR_MEMORY, "out of memory for a network");
	}
	n->tensor = grown;
	grown[n->tensors] = made;
	return (int)n->tensors++;
}

int em_network_add_plain(struct em_network *n, enum em_number number, int ndim, const size_t shape[4])
{
	return n->failed ? 0 : em_network_add_tensor(n, em_layout_new(number, ndim, shape, NULL), shape);
}

/* Takes over the primitive, NULL where it could not be made; gives it room to work. */
void em_network_add_step(struct em_network *n, struct em_primitive *p, int source, int weights, int bias, int result)
{
	const struct em_layout *scratch = p ? em_primitive_layout(p, EM_ROLE_SCRATCH) : NULL;
	int room = scratch ? em_network_add_tensor(n, em_layout_copy(scratch), (size_t[4]){0}) : 0;
	struct step *grown = p && !n->failed ? grow(n->step, n->steps, sizeof(*n->step)) : NULL;

	if (!grown) {
		em_primitive_free(p);
		n->failed = true; /* and n->error says why, but for this: */
		if (n->error.kind == EM_ERROR_NONE)
			em_error_memory(&n->error, sizeof(*n->step));
		return;
	}
	n->step = grown;
	n->step[n->steps++] = (struct step){p, {source, weights, bias, result, room}};
}

int em_network_copy(struct em_network *n, int source, const struct em_layout *wanted)
{
	int result = n->failed ? 0 : em_network_add_tensor(n, em_layout_copy(wanted), n->tensor[source].shape);

	if (result)
		em_network_add_step(n, em_primitive_reorder(n->engine, n->tensor[source].layout, wanted, &n->error),
		                    source, 0, 0, result);
	return result;
}

int em_network_arrange(struct em_network *n, int source, const struct em_layout *wanted)
{
	return n->failed || em_layout_equal(n->tensor[source].layout, wanted) ? source
	                                                                      : em_network_copy(n, source, wanted);
}

/* `from` described by `have`, into memory of our own as `wanted`. */
static int copy_weights(struct em_network *n, const float *from, const struct em_layout *have, void *to,
                        const struct em_layout *wanted)
{
	struct em_primitive *p = em_primitive_reorder(n->engine, have, wanted, &n->error);
	struct dnnl_stream *stream = em_stream_new(n->engine);
	struct dnnl_memory *memory[EM_ROLES] = {[EM_ROLE_SOURCE] =
	                                            em_memory_new(n->engine, have, (void *)(uintptr_t)from),
	                                        [EM_ROLE_RESULT] = em_memory_new(n->engine, wanted, to)};
	const struct em_layout *scratch = p ? em_primitive_layout(p, EM_ROLE_SCRATCH) : NULL;
	void *room = scratch ? em_network_allocate(em_layout_size(scratch)) : NULL;
	int status = -1;

	if (scratch && room)
		memory[EM_ROLE_SCRATCH] = em_memory_new(n->engine, scratch, room);
	if (p && stream && memory[EM_ROLE_SOURCE] && memory[EM_ROLE_RESULT] && (!scratch || memory[EM_ROLE_SCRATCH]))
		status = em_primitive_run(p, stream, memory, &n->error);
	for (int role = 0; role < EM_ROLES; role++)
		em_memory_free(memory[role]);
	em_stream_free(stream);
	em_primitive_free(p);
	free(room);
	return status;
}

/* Weights as the primitive wants them; takes over `have`, the layout of what they come from. */
int em_network_add_weights(struct em_network *n, const float *from, struct em_layout *have,
                           const struct em_layout *wanted)
{
	int t = have && wanted && !n->failed ? em_network_add_tensor(n, em_layout_copy(wanted), (size_t[4]){0}) : 0;

	if (t) {
		n->tensor[t].constant = em_network_allocate(em_layout_size(wanted));
		if (!n->tensor[t].constant || copy_weights(n, from, have, n->tensor[t].constant, wanted))
			t = 0;
	}
	em_layout_free(have);
	return t ? t : em_network_fail(n, EM_ERROR_MEMORY, "out of memory for weights");
}

const char *em_precision_name(enum em_precision precision)
{
	static const char *const names[] = {"auto", "fp32", "bf16", "int8"};

	return names[precision];
}

bool em_network_can(enum em_precision precision)
{
	return precision == EM_PRECISION_BF16   ? em_engine_has_bf16()
	       : precision == EM_PRECISION_INT8 ? em_engine_has_int8()
	                                        : true;
}

struct em_network *em_network_new(enum em_precision precision, struct em_error *err)
{
	struct em_network *n = calloc(1, sizeof(*n));

	if (!n) {
		em_error_memory(err, sizeof(*n));
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	em_engine_stay_in_thread();
	n->engine = em_engine_new();
	n->tensor = calloc(1, sizeof(*n->tensor));
	n->tensors = 1;
	if (precision == EM_PRECISION_AUTO)
		precision = em_engine_favours_bf16() ? EM_PRECISION_BF16 : EM_PRECISION_FP32;
	n->precision = precision;
	n->number = precision == EM_PRECISION_BF16 ? EM_NUMBER_BF16 : EM_NUMBER_F32;
	if (!n->engine || !n->tensor)
		em_error_memory(err, sizeof(*n));
	else if (!em_network_can(precision))
		em_error_set(err, EM_ERROR_USAGE, "this processor has no instructions for %s: use fp32",
		             precision == EM_PRECISION_BF16 ? "bfloat16" : "int8");
	else
		return n;
	em_network_free(n);
	return NULL;
}

void em_network_free(struct em_network *n)
{
	if (!n)
		return;
	em_workspace_free(n->idle);
	for (size_t i = 0; i < n->steps; i++)
		em_primitive_free(n->step[i].primitive);
	for (size_t t = 0; n->tensor && t < n->tensors; t++) {
		em_layout_free(n->tensor[t].layout);
		free(n->tensor[t].constant);
	}
	free(n->step);
	free(n->tensor);
	em_engine_free(n->engine);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

enum em_precision em_network_precision(const struct em_network *n)
{
	return n->precision;
}
