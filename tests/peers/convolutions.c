/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The convolutions of ResNet-50 at 224 pixels, each bare through oneDNN in the layouts that it likes best: what a
 * network cannot beat.  `convolutions THREADS BATCH ROUNDS [bf16]` prints the seconds that one picture took, each
 * thread at its own batch.
 */
#include "base/parallel.h"
#include "vision/primitive.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST 64

static struct em_window shape[MOST];
static size_t count;
static struct dnnl_engine *engine;
static int rounds;
static size_t batch;
static enum em_number number;
static _Atomic int failed;

static void add(size_t in, size_t out, size_t side, size_t window, size_t stride)
{
	shape[count++] = (struct em_window){.channels = out,
	                                    .source_channels = in,
	                                    .source_height = side,
	                                    .source_width = side,
	                                    .batch = batch,
	                                    .window = window,
	                                    .stride = stride,
	                                    .pad = window / 2,
	                                    .groups = 1};
}

static void add_resnet50(void)
{
	static const size_t blocks[4] = {3, 4, 6, 3};
	size_t in = 64, side = 56;

	add(3, 64, 224, 7, 2);
	for (size_t s = 0; s < 4; s++)
		for (size_t b = 0; b < blocks[s]; b++) {
			size_t width = (size_t)64 << s, stride = s > 0 && b == 0 ? 2 : 1;

			if (b == 0)
				add(in, 4 * width, side, 1, stride);
			add(in, width, side, 1, 1);
			add(width, width, side, 3, stride);
			side /= stride;
			add(width, 4 * width, side, 1, 1);
			in = 4 * width;
		}
}

/* One convolution with memory of its own. */
struct bare {
	struct em_primitive *primitive;
	struct dnnl_memory *memory[EM_ROLES];
};

static int make(struct bare *c, const struct em_window *w)
{
	c->primitive = em_primitive_convolution(engine, number, w, NULL, (struct em_finish){0}, NULL);
	for (int role = 0; c->primitive && role < EM_ROLES; role++) {
		const struct em_layout *layout = em_primitive_layout(c->primitive, (enum em_role)role);
		size_t bytes = layout ? em_layout_size(layout) : 0;
		uint16_t *v = layout ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;

		if (!layout)
			continue;
		if (!v)
			return -1;
		for (size_t i = 0; i < bytes / sizeof(*v); i++)
			v[i] = (uint16_t)(0x3c00 + i % 17); /* about 0.01, read as bfloat16 or as float32 */
		c->memory[role] = em_memory_new(engine, layout, v);
	}
	return c->primitive ? 0 : -1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct bare *all; /* [threads][count] */

static void run(void *ctx, size_t thread)
{
	struct dnnl_stream *stream = em_stream_new(engine);

	(void)ctx;
	em_engine_stay_in_thread();
	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < count; i++) {
			const struct bare *c = &all[thread * count + i];

			if (em_primitive_run(c->primitive, stream, c->memory, NULL))
				failed = 1;
		}
	em_stream_free(stream);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1, wanted = argc > 3 ? atoi(argv[3]) : 8;
	double start;

	batch = argc > 2 ? (size_t)atoi(argv[2]) : 1;
	number = argc > 4 && !strcmp(argv[4], "bf16") ? EM_NUMBER_BF16 : EM_NUMBER_F32;

	em_engine_stay_in_thread();
	engine = em_engine_new();
	add_resnet50();
	all = calloc((size_t)threads * count, sizeof(*all));
	for (size_t i = 0; i < (size_t)threads * count; i++)
		if (!all || make(&all[i], &shape[i % count]))
			return 1;
	rounds = 1;
	em_parallel_for(threads, (size_t)threads, run, NULL);
	rounds = wanted;
	start = now();
	em_parallel_for(threads, (size_t)threads, run, NULL);
	printf("%.6f\n", (now() - start) / ((double)(threads * rounds) * (double)batch));
	return failed;
}
