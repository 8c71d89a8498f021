/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A movie for tests, and what it shows. */
#ifndef EM_TEST_MOVIE_HELP_H
#define EM_TEST_MOVIE_HELP_H

#include "synth_help.h"

#include "synth/movie.h"

#define SIDE 200
#define PIXELS (SIDE * SIDE)

static struct em_synth_movie_options plain(void)
{
	struct em_synth_movie_options o = {.seed = 3,
	                                   .height = SIDE,
	                                   .width = SIDE,
	                                   .pixel_nm = 0.05,
	                                   .minutes = 40,
	                                   .contrast = EM_SYNTH_BF,
	                                   .lattice_nm = 0.39,
	                                   .domain_nm = 1,
	                                   .middle = 2,
	                                   .visibility = 0.2,
	                                   .dose = 100,
	                                   .defocus_nm = (double)NAN,
	                                   .frames = 2};

	assert_int_equal(em_synth_history_set(&o.history, "plateau", 40, NULL), 0);
	return o;
}

/* A movie, what it is drawn on, and its labels. */
struct cinema {
	struct easel e;
	struct em_synth_movie m;
	unsigned char labels[PIXELS];
};

static void open_cinema(struct cinema *k, const struct em_synth_movie_options *o)
{
	set_up(&k->e, o->height, o->width);
	assert_int_equal(em_synth_movie_init(&k->m, o, &k->e.frame, NULL), 0);
}

static void close_cinema(struct cinema *k)
{
	em_synth_movie_release(&k->m);
	clear_up(&k->e);
}

static struct em_synth_moment show(struct cinema *k, double minute)
{
	struct em_synth_moment at;

	em_synth_movie_moment(&k->m, minute, &at);
	em_synth_movie_draw(&k->m, &k->e.c, &at, k->labels);
	return at;
}

static double pixel(const struct cinema *k, size_t y, size_t x)
{
	return (double)k->e.c.image[y * k->e.frame.width + x];
}

#endif
