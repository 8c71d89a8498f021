/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The steps of a neural network, one oneDNN primitive each, made once for fixed shapes and run any number of times by
 * any number of threads.  What network.c puts together; nobody else needs it.
 *
 * A layout says how the elements of a tensor lie in memory: type, shape and an order that may be blocked, as the
 * primitive likes it best.  Each primitive tells the layouts that it wants, by role.
 */
#ifndef EM_VISION_PRIMITIVE_H
#define EM_VISION_PRIMITIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum em_number { EM_NUMBER_F32, EM_NUMBER_BF16, EM_NUMBER_U8, EM_NUMBER_S8 };

enum em_role {
	EM_ROLE_SOURCE,
	EM_ROLE_WEIGHTS,
	EM_ROLE_BIAS,
	EM_ROLE_RESULT,
	EM_ROLE_SCRATCH,
	EM_ROLE_FACTOR, /* float32 {1, channels, 1, 1} */
	EM_ROLES
};

/* What happens to a result before it is stored: result = activation(factor * result + what stood there before). */
enum em_activation { EM_ACTIVATION_NONE, EM_ACTIVATION_RELU, EM_ACTIVATION_GELU }; /* the exact GELU, by erf */
struct em_finish {
	bool add;
	enum em_activation activation;
	size_t factors; /* channels that have one each, in EM_ROLE_FACTOR; 0: none has */
};

struct em_layout;
struct em_primitive;
struct dnnl_engine; /* oneDNN's own names: the processor, a queue, bytes with a layout */
struct dnnl_stream;
struct dnnl_memory;

/* NULL where there is no memory: the only thing that can go wrong. */
struct dnnl_engine *em_engine_new(void);
void em_engine_free(struct dnnl_engine *engine);
bool em_engine_has_bf16(void);     /* Has this processor instructions for bfloat16, */
bool em_engine_favours_bf16(void); /* and are they faster than float32's? */
bool em_engine_has_int8(void);     /* Has it instructions for sums of products of bytes that cannot overflow? */
/* What oneDNN runs in this thread stays in this thread: the work is shared out by picture, not within one. */
void em_engine_stay_in_thread(void);

struct dnnl_stream *em_stream_new(struct dnnl_engine *engine);
void em_stream_free(struct dnnl_stream *stream);
/* Bytes stay the caller's. */
struct dnnl_memory *em_memory_new(struct dnnl_engine *engine, const struct em_layout *layout, void *bytes);
void em_memory_free(struct dnnl_memory *memory);

/* In C order, or with strides in elements. At most 4 dimensions. NULL: no memory. */
struct em_layout *em_layout_new(enum em_number number, int ndim, const size_t *shape, const size_t *strides);
struct em_layout *em_layout_copy(const struct em_layout *layout);
void em_layout_free(struct em_layout *layout);
size_t em_layout_size(const struct em_layout *layout); /* bytes */
bool em_layout_equal(const struct em_layout *a, const struct em_layout *b);

/* Square window, same in y and x; weights {channels, source channels / groups, window, window}, or with groups > 1
 * {groups, channels / groups, source channels / groups, window, window}. */
struct em_window {
	size_t channels, source_channels, source_height, source_width, batch;
	size_t window, stride, pad, groups;
	bool direct; /* not Winograd's way */
};

/*
 * Each returns NULL with *err set: EM_ERROR_USAGE where this processor cannot do it, else EM_ERROR_MEMORY.
 * Batch first, then channels, height, width; a convolution chooses its layouts.  `result`, or NULL: the layout that
 * its result had better have, but where it is much faster in another it takes that.
 * EM_NUMBER_U8: the source; its weights are EM_NUMBER_S8, its result float32.
 */
struct em_primitive *em_primitive_convolution(struct dnnl_engine *engine, enum em_number number,
                                              const struct em_window *w, const struct em_layout *result,
                                              struct em_finish finish, struct em_error *err);
struct em_primitive *em_primitive_pool(struct dnnl_engine *engine, enum em_number number, const struct em_window *w,
                                       const struct em_layout *source, bool mean, struct em_error *err);
/* result {m, n} = source {m, k} weights {k, n} + bias {n}; the layout of weights is chosen when it is NULL. */
struct em_primitive *em_primitive_product(struct dnnl_engine *engine, const struct em_layout *source,
                                          const struct em_layout *weights, const struct em_layout *bias,
                                          const struct em_layout *result, const size_t k_n[2], enum em_number number,
                                          struct em_finish finish, struct em_error *err);
/* Of each row of {m, n}: softmax, in place; (v - mean) / sqrt(variance + epsilon). */
struct em_primitive *em_primitive_softmax(struct dnnl_engine *engine, const struct em_layout *rows,
                                          struct em_error *err);
struct em_primitive *em_primitive_normalise(struct dnnl_engine *engine, const struct em_layout *rows, float epsilon,
                                            struct em_error *err);
struct em_primitive *em_primitive_reorder(struct dnnl_engine *engine, const struct em_layout *source,
                                          const struct em_layout *result, struct em_error *err);
void em_primitive_free(struct em_primitive *primitive);

/* Owned by the primitive. NULL: it takes nothing in this role, or it is EM_ROLE_FACTOR. */
const struct em_layout *em_primitive_layout(const struct em_primitive *primitive, enum em_role role);
/* Entries without a role are NULL. */
int em_primitive_run(const struct em_primitive *primitive, struct dnnl_stream *stream,
                     struct dnnl_memory *const memory[EM_ROLES], struct em_error *err);

#endif
