/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A movie of plane waves, taken frame by frame as a tool does. */
#ifndef EM_TEST_FILM_HELP_H
#define EM_TEST_FILM_HELP_H

#include "crystal_help.h"

#include "crystal/movie.h"

static inline struct scene square(void)
{
	return (struct scene){.height = 160,
	                      .width = 180,
	                      .mean = 200,
	                      .waves = 2,
	                      .contrast = 0.3,
	                      .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}},
	                      .noise = 5,
	                      .seed = 1};
}

#define FRAMES 10

/* A movie and its frames; take() looks and learns or places as a tool does. */
struct cinema {
	struct em_spots_request request;
	struct em_movie_options opt;
	struct em_movie m;
	struct em_movie_frame frame[FRAMES];
	struct em_movie_frame *held[FRAMES];
	size_t taken, nheld;
	struct em_error err;
};

static inline void open_cinema(struct cinema *k, size_t reference)
{
	*k = (struct cinema){0};
	k->opt = (struct em_movie_options){
	    .spots = &k->request, .nspots = 1, .reference = reference, .radius = EM_ORDER_RADIUS, .still = true};
}

static inline int settle(struct cinema *k)
{
	return em_movie_settle(&k->m, k->held, k->nheld, &k->err);
}

static inline int take_array(struct cinema *k, struct em_array *a)
{
	struct em_movie_frame *f = &k->frame[k->taken];
	int status = 0;

	if (!k->m.opt)
		status = em_movie_init(&k->m, &k->opt, a, &k->err);
	status = status ? -1 : em_movie_look(&k->m, a, f, &k->err);
	em_array_release(a);
	if (status)
		return -1;
	k->taken++;
	if (atomic_load(&k->m.settled))
		return em_movie_place(&k->m, f, &k->err);
	status = em_movie_learn(&k->m, f, &k->err);
	k->held[k->nheld++] = f;
	return status > 0 ? settle(k) : status;
}

static inline int take(struct cinema *k, const struct scene *s)
{
	struct em_array a = draw(s);

	return take_array(k, &a);
}

static inline void close_cinema(struct cinema *k)
{
	for (size_t i = 0; i < FRAMES; i++)
		em_movie_frame_release(&k->frame[i]);
	em_movie_release(&k->m);
}

/* The member "crystal" of frame i; the sample stays with the caller where it is asked for. */
static inline struct em_json *crystal(struct cinema *k, size_t i, struct em_sample *keep)
{
	struct em_sample s = {0};
	struct em_json *tree;

	assert_int_equal(em_sample_set_key(&s, "a", NULL), 0);
	assert_int_equal(em_movie_describe(&k->m, &k->frame[i], 3.5, NAN, &s, &k->err), 0);
	tree = em_record_tree(&s.record, "crystal");
	assert_non_null(tree);
	if (keep)
		*keep = s;
	else
		em_sample_release(&s);
	return tree;
}

static inline double number(const struct em_json *tree, const char *path)
{
	double v = NAN;

	em_json_number(em_json_find(tree, path), &v);
	return v;
}

static inline double number_of(struct cinema *k, size_t i, const char *path)
{
	struct em_json *tree = crystal(k, i, NULL);
	double v = number(tree, path);

	em_json_free(tree);
	return v;
}

#endif
