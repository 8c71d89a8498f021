/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define KEPT_BYTES ((size_t)256 << 20) /* of all slots together; a single chunk may have more */

struct slot {
	uint64_t object; /* the data set's: chunks of two may lie at one address, and be of other sizes */
	struct em_hdf_chunk chunk;
	unsigned char *elements; /* NULL, and not coming: the slot is empty */
	size_t bytes;
	bool coming;         /* somebody is unpacking it */
	unsigned users;
	uint64_t last_taken; /* by the cache's count of what was taken */
};

struct em_hdf_cache {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct slot slot[SLOTS];
	size_t bytes;
	uint64_t taken;
};

struct em_hdf_cache *em_hdf_cache_new(struct em_error *err)
{
	struct em_hdf_cache *c = calloc(1, sizeof(*c));

	if (c && !pthread_mutex_init(&c->lock, NULL)) {
		if (!pthread_cond_init(&c->came, NULL))
			return c;
		pthread_mutex_destroy(&c->lock);
	}
	free(c);
	em_error_memory(err, sizeof(*c));
	return NULL;
}

void em_hdf_cache_free(struct em_hdf_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slot[i].elements);
	pthread_cond_destroy(&c->came);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool is_empty(const struct slot *s)
{
	return !s->elements && !s->coming;
}

static struct slot *find(struct em_hdf_cache *c, uint64_t object, const struct em_hdf_chunk *chunk)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &c->slot[i];

		if (!is_empty(s) && s->object == object && s->chunk.address == chunk->address &&
		    s->chunk.bytes == chunk->bytes && s->chunk.mask == chunk->mask)
			return s;
	}
	return NULL;
}

static void empty(struct em_hdf_cache *c, struct slot *s)
{
	c->bytes -= s->bytes;
	free(s->elements);
	memset(s, 0, sizeof(*s));
}

/* An empty slot, and room for this many bytes unless all is in use; what was taken longest ago goes.  NULL: none. */
static struct slot *make_room(struct em_hdf_cache *c, size_t bytes)
{
	for (;;) {
		struct slot *free_one = NULL, *oldest = NULL;

		for (size_t i = 0; i < SLOTS; i++) {
			struct slot *s = &c->slot[i];

			if (is_empty(s))
				free_one = s;
			else if (!s->users && (!oldest || s->last_taken < oldest->last_taken))
				oldest = s;
		}
		if (!oldest || (free_one && bytes <= KEPT_BYTES && c->bytes <= KEPT_BYTES - bytes))
			return free_one;
		empty(c, oldest);
	}
}

/* A slot to be filled, or one that is full: which of them, its elements tell. */
static struct slot *take_slot(struct em_hdf_cache *c, const struct em_hdf_dataset *d, const struct em_hdf_chunk *chunk)
{
	struct slot *s;

	while ((s = find(c, d->object, chunk)) && s->coming)
		pthread_cond_wait(&c->came, &c->lock);
	if (!s) {
		s = make_room(c, d->chunk_bytes);
		if (!s)
			return NULL;
		*s = (struct slot){.object = d->object, .chunk = *chunk, .bytes = d->chunk_bytes, .coming = true};
		c->bytes += s->bytes;
	}
	s->users++;
	s->last_taken = ++c->taken;
	return s;
}

const unsigned char *em_hdf_cache_take(struct em_hdf_cache *c, const struct em_hdf_dataset *d,
                                       const struct em_hdf_chunk *chunk,
                                       unsigned char *(*unpack)(const struct em_hdf_dataset *d,
                                                                const struct em_hdf_chunk *chunk,
                                                                struct em_error *err),
                                       struct em_error *err)
{
	unsigned char *elements = NULL;
	struct slot *s = NULL;

	if (c) {
		pthread_mutex_lock(&c->lock);
		s = take_slot(c, d, chunk);
		elements = s ? s->elements : NULL;
		pthread_mutex_unlock(&c->lock);
	}
	if (elements)
		return elements;
	elements = unpack(d, chunk, err);
	if (!s)
		return elements;
	pthread_mutex_lock(&c->lock);
	s->elements = elements;
	s->coming = false;
	if (!elements)
		empty(c, s);
	pthread_cond_broadcast(&c->came);
	pthread_mutex_unlock(&c->lock);
	return elements;
}

void em_hdf_cache_give_back(struct em_hdf_cache *c, const unsigned char *elements)
{
	bool shared = false;

	if (c) {
		pthread_mutex_lock(&c->lock);
		for (size_t i = 0; i < SLOTS && !shared; i++) {
			shared = c->slot[i].elements == elements;
			c->slot[i].users -= shared;
		}
		pthread_mutex_unlock(&c->lock);
	}
	if (!shared)
		free((void *)(uintptr_t)elements);
}
