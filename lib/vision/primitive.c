/* SPDX-License-Identifier: GPL-3.0-or-later */
/* oneDNN's C API. */
#include "vision/primitive.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "vision/primitive_versions.h" /* behind what it is about */

struct em_layout {
	dnnl_memory_desc_t desc;
};

struct em_primitive {
	dnnl_primitive_t primitive;
	struct em_layout *layout[EM_ROLES];
};

static const int argument_of[EM_ROLES] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                                          DNNL_ARG_SCRATCHPAD,
                                          DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1};

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

static bool has_isa(dnnl_cpu_isa_t isa)
{
	return (dnnl_get_effective_cpu_isa() & isa) == isa;
}

/* Without these instructions bfloat16 is emulated, slower than float32, or not there at all. */
bool em_engine_has_bf16(void)
{
	return has_isa(dnnl_cpu_isa_avx512_core_bf16);
}

/* AMX: tiles. Vectors alone do not suffice: since Sapphire Rapids VDPBF16PS has a quarter of the rate of VFMADD231PS.
 */
bool em_engine_favours_bf16(void)
{
	return has_isa(dnnl_cpu_isa_avx512_core_amx);
}

/* VNNI: without it pairs of products are added in 16 bits, which do not hold them. */
bool em_engine_has_int8(void)
{
	return has_isa(dnnl_cpu_isa_avx512_core_vnni);
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
	static const dnnl_data_type_t types[] = {dnnl_f32, dnnl_bf16, dnnl_u8, dnnl_s8};

	return types[number];
}

static enum em_number number_of_weights(enum em_number source)
{
	return source == EM_NUMBER_U8 ? EM_NUMBER_S8 : source;
}

static enum em_number number_of_result(enum em_number source)
{
	return source == EM_NUMBER_U8 ? EM_NUMBER_F32 : source;
}

static dnnl_status_t set_order(dnnl_memory_desc_t *desc, enum em_number number, int ndim, const dnnl_dims_t dims,
                               dnnl_format_tag_t order)
{
	return dnnl_memory_desc_create_with_tag(desc, ndim, dims, type_of(number), order);
}

/* A shape whose order is the primitive's to choose. */
static dnnl_status_t set_any(dnnl_memory_desc_t *desc, enum em_number number, int ndim, const dnnl_dims_t dims)
{
	return set_order(desc, number, ndim, dims, dnnl_format_tag_any);
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
	for (int i = ndim; i-- > 0; step *= dims[i]) {
		dims[i] = (dnnl_dim_t)shape[i];
		steps[i] = strides ? (dnnl_dim_t)strides[i] : step;
	}
	status = dnnl_memory_desc_create_with_strides(&l->desc, ndim, dims, type_of(number), steps);
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

static dnnl_status_t append_factors(dnnl_post_ops_t ops, size_t channels)
{
	dnnl_dims_t dims = {1, (dnnl_dim_t)channels, 1, 1};
	dnnl_memory_desc_t factors = {0};
	dnnl_status_t status = set_order(&factors, EM_NUMBER_F32, 4, dims, dnnl_nchw);

	if (status == dnnl_success)
		status = dnnl_post_ops_append_binary(ops, dnnl_binary_mul, REF(factors));
	free_desc(&factors);
	return status;
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
	if (status == dnnl_success && finish.factors)
		status = append_factors(ops, finish.factors);
	if (status == dnnl_success && finish.add)
		status = APPEND_SUM(ops, number_of_result(number));
	if (status == dnnl_success && finish.activation)
		status = APPEND_ELTWISE(ops, kind);
	if (status == dnnl_success)
		status = dnnl_primitive_attr_set_post_ops(*attr, ops);
	if (ops)
		dnnl_post_ops_destroy(ops);
	return status;
}

static dnnl_status_t set_layouts(struct em_primitive *p, dnnl_primitive_desc_t pd)
{
	static const dnnl_query_t query[] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
	                                     dnnl_query_dst_md, dnnl_query_scratchpad_md};

	for (int role = 0; role < EM_ROLE_FACTOR; role++) {
		DESC_REF desc = dnnl_primitive_desc_query_md(pd, query[role], role == EM_ROLE_BIAS);

		if (!desc || !dnnl_memory_desc_get_size(desc))
			continue;
		p->layout[role] = layout_from(desc);
		if (!p->layout[role])
			return dnnl_out_of_memory;
	}
	return dnnl_success;
}

/* From a description, which is taken over with its attributes. */
static struct em_primitive *finish_primitive(dnnl_status_t status, dnnl_primitive_desc_t pd, dnnl_primitive_attr_t attr,
                                             const char *what, struct em_error *err)
{
	struct em_primitive *p = status == dnnl_success ? calloc(1, sizeof(*p)) : NULL;

	if (p) {
		status = dnnl_primitive_create(&p->primitive, pd);
		if (status == dnnl_success)
			status = set_layouts(p, pd);
	}
	if (pd)
		dnnl_primitive_desc_destroy(pd);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
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

/*
 * The ways to convolve, in the order in which they are tried.  Winograd's halves the time of 3 x 3 windows in float32
 * and wants channels in blocks of 16; so the other layers take them too where they can, as fast as in any other order,
 * and nothing is rearranged between.
 */
static const struct way {
	dnnl_alg_kind_t algorithm;
	bool blocks;
} ways[] = {{dnnl_convolution_winograd, true}, {dnnl_convolution_direct, true}, {dnnl_convolution_direct, false}};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static dnnl_status_t set_conv_descs(struct conv_descs *d, enum em_number number, const struct em_window *w,
                                    const struct em_layout *result, bool blocks)
{
	dnnl_dim_t n = (dnnl_dim_t)w->batch, in = (dnnl_dim_t)w->source_channels, out = (dnnl_dim_t)w->channels;
	dnnl_dim_t groups = (dnnl_dim_t)w->groups, k = (dnnl_dim_t)w->window, pad2 = 2 * (dnnl_dim_t)w->pad;
	dnnl_dim_t height = (dnnl_dim_t)w->source_height, width = (dnnl_dim_t)w->source_width;
	dnnl_dims_t source = {n, in, height, width}, grouped = {groups, out / groups, in / groups, k, k};
	dnnl_dims_t result_dims = {n, out, (height + pad2 - k) / (dnnl_dim_t)w->stride + 1,
	                           (width + pad2 - k) / (dnnl_dim_t)w->stride + 1};
	dnnl_dims_t dense = {out, in, k, k}, bias = {out};
	/* Pictures of few channels are taken as they come. */
	dnnl_format_tag_t order = !blocks ? dnnl_format_tag_any : in < 4 ? dnnl_nchw : dnnl_nChw16c;
	dnnl_format_tag_t result_order = blocks ? dnnl_nChw16c : dnnl_format_tag_any;

	if (set_order(&d->source, number, 4, source, order) != dnnl_success ||
	    set_any(&d->weights, number_of_weights(number), groups > 1 ? 5 : 4, groups > 1 ? grouped : dense) !=
	        dnnl_success ||
	    set_any(&d->bias, EM_NUMBER_F32, 1, bias) != dnnl_success)
		return dnnl_out_of_memory;
	return result ? copy_desc(&d->result, REF(result->desc))
	              : set_order(&d->result, number_of_result(number), 4, result_dims, result_order);
}

static dnnl_status_t describe_convolution(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, enum em_number number,
                                          const struct em_window *w, const struct em_layout *result, struct way way,
                                          const_dnnl_primitive_attr_t attr)
{
	dnnl_dims_t strides = {(dnnl_dim_t)w->stride, (dnnl_dim_t)w->stride};
	dnnl_dims_t pad = {(dnnl_dim_t)w->pad, (dnnl_dim_t)w->pad}, none = {0, 0};
	struct conv_descs d = {0};
	dnnl_status_t status = set_conv_descs(&d, number, w, result, way.blocks);

	if (status == dnnl_success)
		DESCRIBE(status, pd, convolution_forward, dnnl_forward_inference, way.algorithm, REF(d.source),
		         REF(d.weights), REF(d.bias), REF(d.result), strides, none, pad, pad);
	free_desc(&d.source);
	free_desc(&d.weights);
	free_desc(&d.bias);
	free_desc(&d.result);
	return status;
}

/* Winograd's weights are four times as large: those of more channels than that take longer to fetch than they save. */
static bool has_use(struct way way, enum em_number number, const struct em_window *w)
{
	return !way.blocks || (number == EM_NUMBER_F32 &&
	                       (way.algorithm != dnnl_convolution_winograd ||
	                        (!w->direct && w->source_channels * w->channels <= 256 * 256)));
}

/* The plain loops that oneDNN has for what it has no code for: a thousand times slower. */
static bool is_reference(const_dnnl_primitive_desc_t pd)
{
	const char *name = "";

	dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
	return !strncmp(name, "ref", 3);
}

struct em_primitive *em_primitive_convolution(struct dnnl_engine *engine, enum em_number number,
                                              const struct em_window *w, const struct em_layout *result,
                                              struct em_finish finish, struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, finish, number);

	/* With the result's layout as it is wished; any; any, by whatever code. */
	for (size_t i = status == dnnl_success ? 0 : 3 * WAYS; i < 3 * WAYS; i++) {
		struct way way = ways[i % WAYS];

		if ((i < WAYS && !result) || !has_use(way, number, w))
			continue;
		status = describe_convolution(&pd, engine, number, w, i < WAYS ? result : NULL, way, attr);
		if (status == dnnl_success && (i >= 2 * WAYS || !is_reference(pd)))
			break;
		if (status == dnnl_success)
			dnnl_primitive_desc_destroy(pd);
		pd = NULL;
	}
	return finish_primitive(status, pd, attr, "convolution", err);
}

struct em_primitive *em_primitive_pool(struct dnnl_engine *engine, enum em_number number, const struct em_window *w,
                                       const struct em_layout *source, bool mean, struct em_error *err)
{
	dnnl_dim_t s = (dnnl_dim_t)w->stride, p = (dnnl_dim_t)w->pad, height = (dnnl_dim_t)w->source_height;
	dnnl_dim_t width = (dnnl_dim_t)w->source_width, k = (dnnl_dim_t)w->window;
	dnnl_dims_t kernel = {mean ? height : k, mean ? width : k}, strides = {s, s}, pad = {p, p}, none = {0, 0};
	dnnl_dims_t dims = {(dnnl_dim_t)w->batch, (dnnl_dim_t)w->channels, mean ? 1 : (height + 2 * p - k) / s + 1,
	                    mean ? 1 : (width + 2 * p - k) / s + 1};
	dnnl_alg_kind_t kind = mean ? dnnl_pooling_avg_exclude_padding : dnnl_pooling_max;
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_memory_desc_t result = {0};
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, number);

	if (status == dnnl_success)
		status = set_any(&result, number, 4, dims);
	if (status == dnnl_success)
		DESCRIBE(status, &pd, pooling_forward, dnnl_forward_inference, kind, REF(source->desc), REF(result),
		         strides, kernel, none, pad, pad);
	free_desc(&result);
	return finish_primitive(status, pd, attr, "pooling", err);
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
	if (status == dnnl_success)
		DESCRIBE(status, &pd, matmul, REF(source->desc), REF(w), bias ? REF(bias->desc) : NULL,
		         REF(result->desc));
	free_desc(&w);
	return finish_primitive(status, pd, attr, "matrix product", err);
}

struct em_primitive *em_primitive_softmax(struct dnnl_engine *engine, const struct em_layout *rows,
                                          struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, EM_NUMBER_F32);

	if (status == dnnl_success)
		DESCRIBE(status, &pd, softmax_forward, dnnl_forward_inference, dnnl_softmax_accurate, REF(rows->desc),
		         REF(rows->desc), 1);
	return finish_primitive(status, pd, attr, "softmax", err);
}

struct em_primitive *em_primitive_normalise(struct dnnl_engine *engine, const struct em_layout *rows, float epsilon,
                                            struct em_error *err)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t status = make_attributes(&attr, (struct em_finish){0}, EM_NUMBER_F32);

	if (status == dnnl_success)
		DESCRIBE(status, &pd, layer_normalization_forward, dnnl_forward_inference, TO_ITSELF(REF(rows->desc)),
		         NULL, epsilon, 0);
	return finish_primitive(status, pd, attr, "layer normalisation", err);
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
	return finish_primitive(status, pd, attr, "change of layout", err);
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
