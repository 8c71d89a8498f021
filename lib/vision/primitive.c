/* SPDX-License-Identifier: GPL-3.0-or-later */
/* oneDNN's C API, of versions 2 and 3: the second describes an operation first and asks for a primitive then, the third
 * does both in one call, and hides what a layout is made of. */
#include "vision/primitive.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

struct em_layout {
	dnnl_memory_desc_t desc;
};

struct em_primitive {
	dnnl_primitive_t primitive;
	struct em_layout *layout[EM_ROLES];
};

#if DNNL_VERSION_MAJOR >= 3
#define REF(desc) (desc)
#define DESC_REF const_dnnl_memory_desc_t
#else
#define REF(desc) (&(desc))
#define DESC_REF const dnnl_memory_desc_t *
#endif

static const int argument_of[EM_ROLES] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                                          DNNL_ARG_SCRATCHPAD};

/* GNU's OpenMP is what most builds of oneDNN run on; others (oneTBB, none) have no such function and need none. */
__attribute__((weak)) void omp_set_num_threads(int n);

void em_engine_stay_in_thread(void)
{
	if (omp_set_num_threads)
		omp_set_num_threads(1);
}

struct dnnl_engine *em_engine_new(void)
{
	dnnl_engine_t engine;

	return dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success ? engine : NULL;
}

void em_engine_free(struct dnnl_engine *engine)
{
	if (engine)
		dnnl_engine_destroy(engine);
}

/* Without these instructions bfloat16 is emulated, slower than float32, or not there at all. */
bool em_engine_has_bf16(void)
{
	dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

	return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

struct dnnl_stream *em_stream_new(struct dnnl_engine *engine)
{
	dnnl_stream_t stream;

	return dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success ? stream : NULL;
}

void em_stream_free(struct dnnl_stream *stream)
{
	if (stream)
		dnnl_stream_destroy(stream);
}

struct dnnl_memory *em_memory_new(struct dnnl_engine *engine, const struct em_layout *layout, void *bytes)
{
	dnnl_memory_t memory;

	return dnnl_memory_create(&memory, REF(layout->desc), engine, bytes) == dnnl_success ? memory : NULL;
}

void em_memory_free(struct dnnl_memory *memory)
{
	if (memory)
		dnnl_memory_destroy(memory);
}

/* ---- layouts ---- */

static dnnl_data_type_t type_of(enum em_number number)
{
	return number == EM_NUMBER_BF16 ? dnnl_bf16 : dnnl_f32;
}

static void to_dims(int ndim, const size_t *shape, dnnl_dims_t dims)
{
	for (int i = 0; i < ndim; i++)
		dims[i] = (dnnl_dim_t)shape[i];
}

/* A shape whose order is the primitive's to choose. */
static dnnl_status_t set_any(dnnl_memory_desc_t *desc, enum em_number number, int ndim, const dnnl_dims_t dims)
{
#if DNNL_VERSION_MAJOR >= 3
	return dnnl_memory_desc_create_with_tag(desc, ndim, dims, type_of(number), dnnl_format_tag_any);
#else
	return dnnl_memory_desc_init_by_tag(desc, ndim, dims, type_of(number), dnnl_format_tag_any);
#endif
}

static dnnl_status_t copy_desc(dnnl_memory_desc_t *desc, DESC_REF from)
{
#if DNNL_VERSION_MAJOR >= 3
	return dnnl_memory_desc_clone(desc, from);
#else
	*desc = *from;
	return dnnl_success;
#endif
}

static void free_desc(dnnl_memory_desc_t *desc)
{
#if DNNL_VERSION_MAJOR >= 3
	if (*desc)
		dnnl_memory_desc_destroy(*desc);
#else
	(void)desc;
#endif
}

struct em_layout *em_layout_new(enum em_number number, int ndim, const size_t *shape, const size_t *strides)
{
	struct em_layout *l = calloc(1, sizeof(*l));
	dnnl_dims_t dims, steps;
	dnnl_dim_t step = 1;
	dnnl_status_t status;

	if (!l)
		return NULL;
	to_dims(ndim, shape, dims);
	for (int i = ndim; i-- > 0; step *= dims[i])
		steps[i] = strides ? (dnnl_dim_t)strides[i] : step;
#if DNNL_VERSION_MAJOR >= 3
	status = dnnl_memory_desc_create_with_strides(&l->desc, ndim, dims, type_of(number), steps);
#else
	status = dnnl_memory_desc_init_by_strides(&l->desc, ndim, dims, type_of(number), steps);
#endif
	if (status == dnnl_success)
		return l;
	free(l);
	return NULL;
}

static struct em_layout *layout_from(DESC_REF desc)
{
	struct em_layout *l = calloc(1, sizeof(*l));

	if (l && copy_desc(&l->desc, desc) != dnnl_success) {
		free(l);
		l = NULL;
	}
	return l;
}

struct em_layout *em_layout_copy(const struct em_layout *layout)
{
	return layout_from(REF(layout->desc));
}

void em_layout_free(struct em_layout *layout)
{
	if (layout)
		free_desc(&layout->desc);
	free(layout);
}

size_t em_layout_size(const struct em_layout *layout)
{
	return dnnl_memory_desc_get_size(REF(layout->desc));
}

bool em_layout_equal(const struct em_layout *a, const struct em_layout *b)
{
	return dnnl_memory_desc_equal(REF(a->desc), REF(b->desc));
}

/* ---- primitives ---- */

static int explain(dnnl_status_t status, const char *what, struct em_error *err)
{
	if (status == dnnl_unimplemented)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "this processor or this oneDNN has no %s in that precision: "
		                    "try --precision fp32",
		                    what);
	return em_error_set(err, EM_ERROR_MEMORY, "oneDNN failed at a %s (status %d): is memory short?", what,
	                    (int)status);
}

static dnnl_status_t make_attributes(dnnl_primitive_attr_t *attr, struct em_finish finish, enum em_number number)
{
	dnnl_post_ops_t ops = NULL;
	dnnl_alg_kind_t kind = finish.activation == EM_ACTIVATION_RELU ? dnnl_eltwise_relu : dnnl_eltwise_gelu_erf;
	dnnl_status_t status = dnnl_primitive_attr_create(attr);

	if (status != dnnl_success)
		return status;
	dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
	status = dnnl_post_ops_create(&ops);
	(void)number; /* of version 2 */
#if DNNL_VERSION_MAJOR >= 3
	if (status == dnnl_success && finish.add)
		status = dnnl_post_ops_append_sum(ops, 1, 0, type_of(number));
	if (status == dnnl_success && finish.activation)
		status = dnnl_post_ops_append_eltwise(ops, kind, 0, 0);
#else
	if (status == dnnl_success && finish.add)
		status = dnnl_post_ops_append_sum(ops, 1);
	if (status == dnnl_success && finish.activation)
		status = dnnl_post_ops_append_eltwise(ops, 1, kind, 0, 0);
#endif
	if (status == dnnl_success)
		status = dnnl_primitive_attr_set_post_ops(*attr, ops);
	if (ops)
		dnnl_post_ops_destroy(ops);
	return status;
}

static dnnl_status_t set_layouts(struct em_primitive *p, dnnl_primitive_desc_t pd)
{
	static const dnnl_query_t query[EM_ROLES] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
	                                             dnnl_query_dst_md, dnnl_query_scratchpad_md};

	for (int role = 0; role < EM_ROLES; role++) {
		DESC_REF desc = dnnl_primitive_desc_query_md(pd, query[role], role == EM_ROLE_BIAS);

		if (!desc || !dnnl_memory_desc_get_size(desc))
			continue;
		p->layout[role] = layout_from(desc);
		if (!p->layout[role])
			return dnnl_out_of_memory;
	}
	return dnnl_success;
}

/* From a description, which is taken over. */
static struct em_primitive *finish_primitive(dnnl_status_t status, dnnl_primitive_desc_t pd, const char *what,
                                             struct em_error *err)
{
	struct em_primitive *p = status == dnnl_success ? calloc(1, sizeof(*p)) : NULL;

	if (p) {
		status = dnnl_primitive_create(&p->primitive, pd);
		if (status == dnnl_success)
			status = set_layouts(p, pd);
	}
	if (pd)
		dnnl_primitive_desc_destroy(pd);
	if (p && status == dnnl_success)
		return p;
	explain(status, what, err);
	em_primitive_free(p);
	return NULL;
}

void em_primitive_free(struct em_primitive *p)
{
	if (!p)
		return;
	if (p->primitive)
		dnnl_primitive_destroy(p->primitive);
	for (int role = 0; role < EM_ROLES; role++)
		em_layout_free(p->layout[role]);
	free(p);
}

/* What a convolution reads and writes. */
struct conv_descs {
	dnnl_memory_desc_t source, weights, bias, result;
};

static dnnl_status_t set_conv_descs(struct conv_descs *d, enum em_number number, const struct em_window *w,
                                    const struct em_layout *result)
{
	dnnl_dim_t n = (dnnl_dim_t)w->batch, in = (dnnl_dim_t)w->source_channels, out = (dnnl_dim_t)w->channels;
	dnnl_dim_t groups = (dnnl_dim_t)w->groups, k = (dnnl_dim_t)w->window, pad2 = 2 * (dnnl_dim_t)w->pad;
	dnnl_dim_t height = (dnnl_dim_t)w->source_height, width = (dnnl_dim_t)w->source_width;
	dnnl_dims_t source = {n, in, height, width}, grouped = {groups, out / groups, in / groups, k, k};
	dnnl_dims_t result_dims = {n, out, (height + pad2 - k) / (dnnl_dim_t)w->stride + 1,
	                           (width + pad2 - k) / (dnnl_dim_t)w->stride + 1};
	dnnl_dims_t dense = {out, in, k, k}, bias = {out};

	if (set_any(&d->source, number, 4, source) != dnnl_success ||
	    set_any(&d->weights, number, groups > 1 ? 5 : 4, groups > 1 ? grouped : dense) != dnnl_success ||
	    set_any(&d->bias, EM_NUMBER_F32, 1, bias) != dnnl_success)
		return dnnl_out_of_memory;
	return result ? copy_desc(&d->result, REF(result->desc)) : set_any(&d->result, number, 4, result_dims);
}

struct em_primitive *em_primitive_convolution(struct dnnl_engine *engine, enum em_number number,
                                              const struct em_window *w, const struct em_layout *result,
                                              struct em_finish finish, struct em_error *err)
{
	dnnl_dims_t strides = {(dnnl_dim_t)w->stride, (dnnl_dim_t)w->stride};
	dnnl_dims_t pad = {(dnnl_dim_t)w->pad, (dnnl_dim_t)w->pad}, dilation = {0, 0};
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	struct conv_descs d = {0};
	dnnl_status_t status = make_attributes(&attr, finish, number);

	if (status == dnnl_success)
		status = set_conv_descs(&d, number, w, result);
#if DNNL_VERSION_MAJOR >= 3
	if (status == dnnl_success)
		status = dnnl_convolution_forward_primitive_desc_create(
		    &pd, engine, dnnl_forward_inference, dnnl_convolution_direct, d.source, d.weights, d.bias, d.result,
		    strides, dilation, pad, pad, attr);
#else
	dnnl_convolution_desc_t op;

	if (status == dnnl_success)
		status = dnnl_dilated_convolution_forward_desc_init(&op, dnnl_forward_inference,
		                                                    dnnl_convolution_direct, &d.source, &d.weights,
		                                                    &d.bias, &d.result, strides, dilation, pad, pad);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&pd, &op, attr, engine, NULL);
#endif
	free_desc(&d.source);
	free_desc(&d.weights);
	free_desc(&d.bias);
	free_desc(&d.result);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "convolution", err);
}

struct em_primitive *em_primitive_pool(struct dnnl_engine *engine, enum em_number number, const struct em_window *w,
                                       const struct em_layout *source, bool mean, struct em_error *err)
{
	dnnl_dim_t s = (dnnl_dim_t)w->stride, p = (dnnl_dim_t)w->pad, height = (dnnl_dim_t)w->source_height;
	dnnl_dim_t width = (dnnl_dim_t)w->source_width, k = (dnnl_dim_t)w->window;
	dnnl_dims_t kernel = {mean ? height : k, mean ? width : k}, strides = {s, s}, pad = {p, p};
	dnnl_dims_t dims = {(dnnl_dim_t)w->batch, (dnnl_dim_t)w->channels, mean ? 1 : (height + 2 * p - k) / s + 1,
	                    mean ? 1 : (width + 2 * p - k) / s + 1};
	dnnl_alg_kind_t kind = mean ? dnnl_pooling_avg_exclude_padding : dnnl_pooling_max;
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_memory_desc_t result = {0};
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, number);

	if (status == dnnl_success)
		status = set_any(&result, number, 4, dims);
#if DNNL_VERSION_MAJOR >= 3
	dnnl_dims_t dilation = {0, 0};

	if (status == dnnl_success)
		status =
		    dnnl_pooling_forward_primitive_desc_create(&pd, engine, dnnl_forward_inference, kind, source->desc,
		                                               result, strides, kernel, dilation, pad, pad, attr);
#else
	dnnl_pooling_desc_t op;

	if (status == dnnl_success)
		status = dnnl_pooling_forward_desc_init(&op, dnnl_forward_inference, kind, &source->desc, &result,
		                                        strides, kernel, pad, pad);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&pd, &op, attr, engine, NULL);
#endif
	free_desc(&result);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "pooling", err);
}

struct em_primitive *em_primitive_product(struct dnnl_engine *engine, const struct em_layout *source,
                                          const struct em_layout *weights, const struct em_layout *bias,
                                          const struct em_layout *result, const size_t k_n[2], enum em_number number,
                                          struct em_finish finish, struct em_error *err)
{
	dnnl_dims_t dims = {(dnnl_dim_t)k_n[0], (dnnl_dim_t)k_n[1]};
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_memory_desc_t w = {0};
	dnnl_status_t status = make_attributes(&attr, finish, number);

	if (status == dnnl_success)
		status = weights ? copy_desc(&w, REF(weights->desc)) : set_any(&w, number, 2, dims);
#if DNNL_VERSION_MAJOR >= 3
	if (status == dnnl_success)
		status = dnnl_matmul_primitive_desc_create(&pd, engine, source->desc, w, bias ? bias->desc : NULL,
		                                           result->desc, attr);
#else
	dnnl_matmul_desc_t op;

	if (status == dnnl_success)
		status = dnnl_matmul_desc_init(&op, &source->desc, &w, bias ? &bias->desc : NULL, &result->desc);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&pd, &op, attr, engine, NULL);
#endif
	free_desc(&w);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "matrix product", err);
}

struct em_primitive *em_primitive_softmax(struct dnnl_engine *engine, const struct em_layout *rows,
                                          struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, EM_NUMBER_F32);

#if DNNL_VERSION_MAJOR >= 3
	if (status == dnnl_success)
		status = dnnl_softmax_forward_primitive_desc_create(
		    &pd, engine, dnnl_forward_inference, dnnl_softmax_accurate, rows->desc, rows->desc, 1, attr);
#else
	dnnl_softmax_desc_t op;

	if (status == dnnl_success)
		status = dnnl_softmax_forward_desc_init(&op, dnnl_forward_inference, &rows->desc, 1);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&pd, &op, attr, engine, NULL);
#endif
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "softmax", err);
}

struct em_primitive *em_primitive_normalise(struct dnnl_engine *engine, const struct em_layout *rows, float epsilon,
                                            struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, EM_NUMBER_F32);

#if DNNL_VERSION_MAJOR >= 3
	if (status == dnnl_success)
		status = dnnl_layer_normalization_forward_primitive_desc_create(
		    &pd, engine, dnnl_forward_inference, rows->desc, rows->desc, NULL, epsilon, 0, attr);
#else
	dnnl_layer_normalization_desc_t op;

	if (status == dnnl_success)
		status = dnnl_layer_normalization_forward_desc_init(&op, dnnl_forward_inference, &rows->desc, NULL,
		                                                    epsilon, 0);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&pd, &op, attr, engine, NULL);
#endif
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "layer normalisation", err);
}

struct em_primitive *em_primitive_reorder(struct dnnl_engine *engine, const struct em_layout *source,
                                          const struct em_layout *result, struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, EM_NUMBER_F32);

	if (status == dnnl_success)
		status =
		    dnnl_reorder_primitive_desc_create(&pd, REF(source->desc), engine, REF(result->desc), engine, attr);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return finish_primitive(status, pd, "change of layout", err);
}

const struct em_layout *em_primitive_layout(const struct em_primitive *primitive, enum em_role role)
{
	return primitive->layout[role];
}

int em_primitive_run(const struct em_primitive *primitive, struct dnnl_stream *stream,
                     struct dnnl_memory *const memory[EM_ROLES], struct em_error *err)
{
	dnnl_exec_arg_t argument[EM_ROLES];
	dnnl_status_t status;
	int n = 0;

	for (int role = 0; role < EM_ROLES; role++)
		if (memory[role])
			argument[n++] = (dnnl_exec_arg_t){argument_of[role], memory[role]};
	status = dnnl_primitive_execute(primitive->primitive, stream, n, argument);
	if (status == dnnl_success)
		status = dnnl_stream_wait(stream);
	return status == dnnl_success ? 0 : explain(status, "step", err);
}
