/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/network_parts.h"

#include <stdlib.h>
#include <string.h>

struct em_workspace {
	const struct em_network *network;
	struct em_workspace *next;
	unsigned char *arena;
	struct dnnl_stream *stream;
	struct dnnl_memory **memory; /* [tensors] */
};

void em_workspace_free(struct em_workspace *w)
{
	while (w) {
		struct em_workspace *next = w->next;

		for (size_t t = 0; w->memory && t < w->network->tensors; t++)
			em_memory_free(w->memory[t]);
		em_stream_free(w->stream);
		free(w->memory);
		free(w->arena);
		free(w);
		w = next;
	}
}

/* ---- where results lie ---- */

#define MAX_ARENA ((size_t)2 << 30) /* a ResNet at 1024 pixels has 0.2 GB, a ViT 0.2 */

/* A run of bytes of the arena that nobody uses. */
struct gap {
	size_t at, size;
};

struct plan {
	struct gap *gap;
	size_t gaps, end;
};

/* The smallest gap that is large enough, else the arena's end, which may begin in a gap. */
static size_t place(struct plan *p, size_t size)
{
	size_t best = p->gaps, at;

	for (size_t g = 0; g < p->gaps; g++)
		if (p->gap[g].size >= size && (best == p->gaps || p->gap[g].size < p->gap[best].size))
			best = g;
	if (best == p->gaps) {
		at = p->end;
		p->end += size;
		return at;
	}
	at = p->gap[best].at;
	p->gap[best].at += size;
	p->gap[best].size -= size;
	if (!p->gap[best].size)
		p->gap[best] = p->gap[--p->gaps];
	return at;
}

/* Back among the gaps, one with its neighbours. */
static void release(struct plan *p, struct gap freed)
{
	for (size_t g = 0; g < p->gaps;) {
		struct gap *have = &p->gap[g];

		if (have->at + have->size == freed.at || freed.at + freed.size == have->at) {
			freed.at = have->at < freed.at ? have->at : freed.at;
			freed.size += have->size;
			*have = p->gap[--p->gaps];
			g = 0;
		} else {
			g++;
		}
	}
	if (freed.at + freed.size == p->end)
		p->end = freed.at;
	else
		p->gap[p->gaps++] = freed;
}

static int whole_of(const struct em_network *n, int t)
{
	return n->tensor[t].parent ? n->tensor[t].parent : t;
}

static size_t room_of(const struct tensor *t)
{
	return (em_layout_size(t->layout) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* From the step that touches a tensor first to the one that touches it last its bytes are its own. */
static int plan_arena(struct em_network *n)
{
	struct plan p = {.gap = calloc(n->tensors + 1, sizeof(*p.gap))};

	if (!p.gap)
		return em_network_fail(n, EM_ERROR_MEMORY, "out of memory for a network");
	for (size_t i = 0; i < n->steps; i++)
		for (int role = 0; role < EM_ROLES; role++)
			n->tensor[whole_of(n, n->step[i].tensor[role])].last = i;
	n->tensor[whole_of(n, n->result)].last = n->steps;
	n->tensor[n->input].offset = place(&p, room_of(&n->tensor[n->input]));
	for (size_t i = 0; i < n->steps; i++) {
		for (int role = 0; role < EM_ROLES; role++) {
			struct tensor *t = &n->tensor[whole_of(n, n->step[i].tensor[role])];

			if (t->layout && !t->constant && t->offset == NOWHERE)
				t->offset = place(&p, room_of(t));
			n->arena = p.end > n->arena ? p.end : n->arena;
		}
		for (size_t k = 1; k < n->tensors; k++) {
			struct tensor *t = &n->tensor[k];

			if (t->last == i && t->offset != NOWHERE && !t->parent && !t->constant)
				release(&p, (struct gap){t->offset, room_of(t)});
		}
	}
	free(p.gap);
	if (n->arena > MAX_ARENA)
		return em_network_fail(n, EM_ERROR_DATA,
		                       "its intermediate results take more than 2 GB: try a smaller "
		                       "--input-size");
	return 0;
}

int em_network_finish(struct em_network *n, int result, struct em_error *err)
{
	struct em_layout *layout = n->failed ? NULL : em_layout_new(EM_NUMBER_F32, 2, n->tensor[result].shape, NULL);

	if (!n->failed && !layout)
		em_network_fail(n, EM_ERROR_MEMORY, "out of memory for a network");
	result = n->failed ? 0 : em_network_arrange(n, result, layout);
	n->result = n->failed ? 0 : result;
	em_layout_free(layout);
	if (!n->failed)
		plan_arena(n);
	if (n->failed && err)
		*err = n->error;
	return n->failed ? -1 : 0;
}

size_t em_network_dim(const struct em_network *n)
{
	return n->tensor[n->result].shape[1];
}

/* ---- running ---- */

static void *bytes_of(const struct em_workspace *w, int t)
{
	const struct tensor *it = &w->network->tensor[t];

	if (it->constant)
		return it->constant;
	return w->arena + it->offset + (it->parent ? w->network->tensor[it->parent].offset : 0);
}

static struct em_workspace *new_workspace(const struct em_network *n, struct em_error *err)
{
	struct em_workspace *w = calloc(1, sizeof(*w));
	bool ready;

	if (!w) {
		em_error_memory(err, sizeof(*w));
		return NULL;
	}
	w->network = n;
	w->arena = em_network_allocate(n->arena);
	w->stream = em_stream_new(n->engine);
	w->memory = calloc(n->tensors, sizeof(*w->memory));
	ready = w->arena && w->stream && w->memory;
	for (size_t t = 1; ready && t < n->tensors; t++) {
		w->memory[t] = em_memory_new(n->engine, n->tensor[t].layout, bytes_of(w, (int)t));
		ready = w->memory[t] != NULL;
	}
	if (ready)
		return w;
	em_workspace_free(w);
	em_error_memory(err, n->arena);
	return NULL;
}

struct em_workspace *em_network_take(const struct em_network *network, struct em_error *err)
{
	struct em_network *n =
	    (struct em_network *)(uintptr_t)network; /* what is idle is no part of what it computes */
	struct em_workspace *w;

	em_engine_stay_in_thread();
	pthread_mutex_lock(&n->lock);
	w = n->idle;
	if (w) {
		n->idle = w->next;
		w->next = NULL;
	}
	pthread_mutex_unlock(&n->lock);
	return w ? w : new_workspace(n, err);
}

void em_network_give(const struct em_network *network, struct em_workspace *w)
{
	struct em_network *n = (struct em_network *)(uintptr_t)network;

	pthread_mutex_lock(&n->lock);
	w->next = n->idle;
	n->idle = w;
	pthread_mutex_unlock(&n->lock);
}

float *em_workspace_input(const struct em_workspace *w)
{
	return bytes_of(w, w->network->input);
}

const float *em_workspace_run(struct em_workspace *w, struct em_error *err)
{
	const struct em_network *n = w->network;

	for (size_t i = 0; i < n->steps; i++) {
		struct dnnl_memory *memory[EM_ROLES];

		for (int role = 0; role < EM_ROLES; role++)
			memory[role] = w->memory[n->step[i].tensor[role]]; /* [0] is NULL */
		if (em_primitive_run(n->step[i].primitive, w->stream, memory, err))
			return NULL;
	}
	return bytes_of(w, n->result);
}
