/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Versions 2 and 3 of oneDNN in one way of writing, for primitive.c: the second describes an operation first and asks
 * for a primitive then, the third does both in one call, and hides what a layout is made of. */
#ifndef EM_VISION_PRIMITIVE_VERSIONS_H
#define EM_VISION_PRIMITIVE_VERSIONS_H

/* DESCRIBE: `status` and `pd` of the operation `what`, arguments as of version 3; `attr`, `engine`: the function's. */
#if DNNL_VERSION_MAJOR >= 3
#define REF(desc) (desc)
#define DESC_REF const_dnnl_memory_desc_t
#define TO_ITSELF(desc) desc, desc
#define APPEND_SUM(ops, number) dnnl_post_ops_append_sum(ops, 1, 0, type_of(number))
#define APPEND_ELTWISE(ops, kind) dnnl_post_ops_append_eltwise(ops, kind, 0, 0)
#define DESCRIBE(status, pd, what, ...) (status = dnnl_##what##_primitive_desc_create(pd, engine, __VA_ARGS__, attr))
#else
#define REF(desc) (&(desc))
#define DESC_REF const dnnl_memory_desc_t *
#define TO_ITSELF(desc) desc
#define APPEND_SUM(ops, number) ((void)(number), dnnl_post_ops_append_sum(ops, 1))
#define APPEND_ELTWISE(ops, kind) dnnl_post_ops_append_eltwise(ops, 1, kind, 0, 0)
#define DESCRIBE(status, pd, what, ...)                                                                                \
	do {                                                                                                           \
		union operation op;                                                                                    \
		status = dnnl_##what##_desc_init(&op.what, __VA_ARGS__);                                               \
		if (status == dnnl_success)                                                                            \
			status = dnnl_primitive_desc_create(pd, &op, attr, engine, NULL);                              \
	} while (0)
#define dnnl_memory_desc_create_with_tag dnnl_memory_desc_init_by_tag
#define dnnl_memory_desc_create_with_strides dnnl_memory_desc_init_by_strides
#define dnnl_convolution_forward_desc_init dnnl_dilated_convolution_forward_desc_init
#define dnnl_pooling_forward_desc_init dnnl_pooling_v2_forward_desc_init
#define dnnl_softmax_forward_desc_init dnnl_softmax_v2_forward_desc_init

union operation {
	dnnl_convolution_desc_t convolution_forward;
	dnnl_pooling_v2_desc_t pooling_forward;
	dnnl_matmul_desc_t matmul;
	dnnl_softmax_v2_desc_t softmax_forward;
	dnnl_layer_normalization_desc_t layer_normalization_forward;
};
#endif

#endif
