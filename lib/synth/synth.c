/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chips: classes in groups that share a session, instances of classes. */
#include "synth/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What streams of random numbers are for: (seed, number * STREAMS + purpose). */
enum { GROUP, MEMBER, CHIP, STREAMS };

/* ---- kinds ---- */

const char *em_synth_kind_name(size_t kind)
{
	return kind < EM_SYNTH_FAMILIES ? em_synth_families[kind]->name
	                                : em_synth_scene(kind - EM_SYNTH_FAMILIES)->name;
}

const char *em_synth_kind_what(size_t kind)
{
	return kind < EM_SYNTH_FAMILIES ? em_synth_families[kind]->what
	                                : em_synth_scene(kind - EM_SYNTH_FAMILIES)->what;
}

size_t em_synth_kind_find(const char *name, size_t n, size_t from)
{
	while (from < EM_SYNTH_KINDS &&
	       (strlen(em_synth_kind_name(from)) != n || strncmp(em_synth_kind_name(from), name, n)))
		from++;
	return from;
}

void em_synth_kind_bits(size_t kind, unsigned *contrasts, unsigned *domains)
{
	const struct em_synth_scene *scene = kind < EM_SYNTH_FAMILIES ? NULL : em_synth_scene(kind - EM_SYNTH_FAMILIES);

	*contrasts = scene ? scene->contrasts : em_synth_families[kind]->contrasts;
	*domains = scene ? scene->domains : em_synth_families[kind]->domains;
}

bool em_synth_kind_possible(size_t kind, unsigned contrasts)
{
	unsigned has, domains;

	em_synth_kind_bits(kind, &has, &domains);
	return em_synth_session_possible(has, domains, contrasts);
}

static double weigh(const struct em_synth_options *o, size_t kind, unsigned contrasts, unsigned domains)
{
	unsigned has, within;

	em_synth_kind_bits(kind, &has, &within);
	return em_synth_session_possible(has, within & domains, contrasts) ? o->weight[kind] : 0;
}

size_t em_synth_kind_draw(const struct em_synth_options *o, size_t n, unsigned contrasts, unsigned domains,
                          struct em_random *r)
{
	size_t last = EM_SYNTH_KINDS;
	double sum = 0, at;

	for (size_t i = 0; i < n; i++)
		sum += weigh(o, i, contrasts, domains);
	at = sum * em_random_uniform(r);
	for (size_t i = 0; i < n; i++) {
		double weight = weigh(o, i, contrasts, domains);

		if (!(weight > 0))
			continue;
		last = i;
		at -= weight;
		if (at < 0)
			break;
	}
	return last;
}

int em_synth_options_check(const struct em_synth_options *o, size_t n, struct em_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (weigh(o, i, o->conditions.contrasts, ~0u) > 0)
			return 0;
	return em_error_set(err, EM_ERROR_USAGE,
	                    "none of the kinds asked for is seen in the contrast asked for: take "
	                    "another (--list tells which)");
}

/* ---- which texture ---- */

int em_synth_chips_init(struct em_synth_chips *m, const struct em_synth_options *o, const struct em_synth_frame *frame,
                        struct em_error *err)
{
	*m = (struct em_synth_chips){.o = o};
	return em_synth_canvas_init(&m->canvas, frame, err);
}

void em_synth_chips_release(struct em_synth_chips *m)
{
	em_synth_canvas_release(&m->canvas);
}

/* The specimen of one view onto the canvas, and its image. */
static int form(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_view *v,
                struct em_random *r, struct em_error *err)
{
	em_synth_clear(c, c->image, 0);
	if (em_synth_texture_put(c, t, &v->pose, v->contrast, r, err))
		return -1;
	em_synth_view_form(c, v);
	return 0;
}

/* The group's other classes: its first one changed, or another that is seen in the same session. */
static void draw_class(const struct em_synth_chips *m, size_t class, struct em_synth_texture *t)
{
	const struct em_synth_options *o = m->o;
	const struct em_synth_session *session = &m->session;
	struct em_random r;
	size_t kind;

	*t = m->first;
	if (class % o->group == 0)
		return;
	em_random_seed(&r, o->seed, class * STREAMS + MEMBER);
	if (em_random_chance(&r, o->related)) {
		em_synth_texture_change(t, session->pixel_nm, &r);
		return;
	}
	kind = em_synth_kind_draw(o, EM_SYNTH_FAMILIES, 1u << session->contrast, 1u << session->domain, &r);
	em_synth_texture_draw(t, em_synth_families[kind], session->pixel_nm, &r);
}

#define MEASURED 8

/* Levels that suit the group's classes, or the first of them. */
static int set_levels(struct em_synth_chips *m, size_t group, struct em_random *r, struct em_error *err)
{
	const struct em_synth_options *o = m->o;
	struct em_synth_conditions clean = o->conditions;
	struct em_synth_levels seen[MEASURED];
	size_t n = o->group < MEASURED ? o->group : MEASURED;

	clean.artefacts = 0;
	for (size_t i = 0; i < n; i++) {
		struct em_synth_texture t;
		struct em_synth_view v;

		draw_class(m, group * o->group + i, &t);
		em_synth_view_draw(&v, &m->session, &clean, &t, r);
		if (form(&m->canvas, &t, &v, r, err))
			return -1;
		seen[i] = em_synth_view_measure(&m->canvas, o->height, o->width);
	}
	em_synth_session_set_levels(&m->session, &o->conditions, seen, n, r);
	return 0;
}

/* The group's first class and its session. */
static int draw_group(struct em_synth_chips *m, size_t group, struct em_error *err)
{
	const struct em_synth_options *o = m->o;
	const struct em_synth_family *f;
	struct em_random r;

	if (m->drawn && m->group == group)
		return 0;
	m->drawn = false;
	em_random_seed(&r, o->seed, group * STREAMS + GROUP);
	f = em_synth_families[em_synth_kind_draw(o, EM_SYNTH_FAMILIES, o->conditions.contrasts, ~0u, &r)];
	em_synth_session_draw(&m->session, &o->conditions, f->contrasts, f->domains, &r);
	em_synth_texture_draw(&m->first, f, m->session.pixel_nm, &r);
	em_synth_session_focus(&m->session, &m->first, &r);
	if (set_levels(m, group, &r, err))
		return -1;
	m->group = group;
	m->drawn = true;
	return 0;
}

/* ---- samples ---- */

static void take_counts(const float *counts, size_t n, uint16_t *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = counts[i] < 65535 ? (uint16_t)counts[i] : 65535;
}

int em_synth_finish(const struct em_synth_options *o, struct em_synth_canvas *c, const struct em_synth_view *v,
                    unsigned char *labels, struct em_random *r, struct em_sample *s, struct em_error *err)
{
	size_t n = o->height * o->width;
	struct em_array a;

	if (em_array_alloc_image(&a, o->counts ? EM_U16 : EM_U8, o->height, o->width, err))
		return -1;
	em_synth_view_expose(c, v, o->height, o->width, c->work, labels, r);
	if (o->counts)
		take_counts(c->work, n, a.data);
	else
		em_synth_view_amplify(v, c->work, n, a.data);
	for (int k = 0; k < 2; k++)
		em_axis_set(&a.axis[k], k ? "x" : "y", v->pixel_nm, 0, "nm");
	return em_sample_take_image(s, &a, err);
}

static int describe(const struct em_synth_options *o, size_t class, size_t instance,
                    const struct em_synth_session *session, const struct em_synth_texture *t,
                    const struct em_synth_view *v, struct em_sample *s, struct em_error *err)
{
	struct em_text truth = {0};
	char text[64];
	int status;

	snprintf(text, sizeof(text), "s%llu/c%06zu-%06zu", (unsigned long long)o->seed, class, instance);
	if (em_sample_set_key(s, text, err))
		return -1;
	snprintf(text, sizeof(text), "s%lluc%06zu", (unsigned long long)o->seed, class);
	if (em_record_set_string(&s->record, "label", text, err))
		return -1;
	em_text_printf(&truth, "{\"seed\":%llu,\"class\":%zu,\"group\":%zu,\"instance\":%zu,\"varied\":%s",
	               (unsigned long long)o->seed, class, class / o->group, instance,
	               session->varied ? "true" : "false");
	em_synth_texture_print(t, &v->pose, session->pixel_nm, &truth);
	em_synth_view_print(v, &truth);
	em_text_append(&truth, "}");
	status = em_record_set_text(&s->record, "synth", &truth, err);
	em_text_release(&truth);
	return status;
}

int em_synth_chip(struct em_synth_chips *m, size_t class, size_t instance, struct em_sample *s, struct em_error *err)
{
	const struct em_synth_options *o = m->o;
	struct em_synth_texture t;
	struct em_synth_view v;
	struct em_random r, own;

	if (draw_group(m, class / o->group, err))
		return -1;
	draw_class(m, class, &t);
	em_random_seed(&own, o->seed, class * STREAMS + CHIP);
	em_random_seed(&r, em_random_bits(&own), instance);
	em_synth_view_draw(&v, &m->session, &o->conditions, &t, &r);
	*s = (struct em_sample){0};
	if (!form(&m->canvas, &t, &v, &r, err) && !describe(o, class, instance, &m->session, &t, &v, s, err) &&
	    !em_synth_finish(o, &m->canvas, &v, NULL, &r, s, err))
		return 0;
	em_sample_release(s);
	return -1;
}
