/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "synth/texture.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

const char *const em_synth_contrast_name[EM_SYNTH_CONTRASTS] = {"haadf", "abf", "bf", "sem"};

const struct em_synth_family *const em_synth_families[EM_SYNTH_FAMILIES] = {
    &em_synth_lattice,  &em_synth_moire,  &em_synth_polycrystal, &em_synth_amorphous, &em_synth_particles,
    &em_synth_rods,     &em_synth_plates, &em_synth_clusters,    &em_synth_pores,     &em_synth_grains,
    &em_synth_contours, &em_synth_phases, &em_synth_lamellae,    &em_synth_membranes, &em_synth_vesicles,
    &em_synth_cristae,  &em_synth_rough,  &em_synth_powder,      &em_synth_facets,    &em_synth_fibres,
    &em_synth_foam,     &em_synth_flat};

void em_synth_pose_set(struct em_synth_pose *pose, double scale, double angle, double drift_x, double drift_y)
{
	double c = scale * cos(angle), s = scale * sin(angle);

	*pose = (struct em_synth_pose){
	    scale, angle, {{c + drift_x * s, -s + drift_x * c}, {s * (1 + drift_y), c * (1 + drift_y)}}};
}

/* ---- classes at random ---- */

static size_t count_choices(const char *choices)
{
	size_t n = 1;

	for (const char *c = choices; *c; c++)
		n += *c == ' ';
	return n;
}

static double draw_parameter(const struct em_synth_parameter *p, struct em_random *r)
{
	switch (p->law) {
	case EM_SYNTH_LINEAR: return em_random_between(r, p->lo, p->hi);
	case EM_SYNTH_LOG:
	case EM_SYNTH_LENGTH: return em_random_log_between(r, p->lo, p->hi);
	case EM_SYNTH_WHOLE: return p->lo + (double)em_random_below(r, (size_t)(p->hi - p->lo) + 1);
	case EM_SYNTH_CHOICE:
		if (p->lo > 0)
			return em_random_chance(r, p->lo)
			           ? 0
			           : 1 + (double)em_random_below(r, count_choices(p->choices) - 1);
		return (double)em_random_below(r, count_choices(p->choices));
	case EM_SYNTH_RARE: break;
	}
	return em_random_chance(r, 0.25) ? em_random_between(r, p->lo, p->hi) : 0;
}

/* How far apart two values are, of the parameter's whole range. */
static double distance(const struct em_synth_parameter *p, double a, double b)
{
	if (p->law == EM_SYNTH_LOG || p->law == EM_SYNTH_LENGTH)
		return fabs(log(a / b)) / log(p->hi / p->lo);
	if (p->law == EM_SYNTH_CHOICE)
		return a != b;
	return fabs(a - b) / (p->law == EM_SYNTH_RARE ? fmax(fabs(p->hi), fabs(p->lo)) : p->hi - p->lo);
}

/* A lattice's constant, the first parameter, is that of a crystal: 0.19 to 1 nm. */
static bool possible(const struct em_synth_family *f, const double *p, double pixel_nm)
{
	return !f->columns || (p[0] * pixel_nm >= 0.19 && p[0] * pixel_nm <= 1);
}

static void draw_first(struct em_synth_texture *t, double pixel_nm, struct em_random *r)
{
	for (int i = 0; i < 32; i++) {
		t->p[0] = draw_parameter(t->family->parameter, r);
		if (possible(t->family, t->p, pixel_nm))
			return;
	}
}

void em_synth_texture_draw(struct em_synth_texture *t, const struct em_synth_family *family, double pixel_nm,
                           struct em_random *r)
{
	*t = (struct em_synth_texture){.family = family};
	for (int i = 0; family->parameter[i].name; i++)
		t->p[i] = draw_parameter(&family->parameter[i], r);
	draw_first(t, pixel_nm, r);
	t->level = em_random_log_between(r, 0.5, 1.6);
	t->angle = em_random_between(r, 0, PI);
	t->turns = em_random_chance(r, 0.5);
}

static size_t count_parameters(const struct em_synth_family *f)
{
	size_t n = 0;

	while (f->parameter[n].name)
		n++;
	return n;
}

static bool idle(const struct em_synth_texture *t, size_t i)
{
	return (i == EM_SYNTH_DIRECTION && (t->family->isotropic || t->turns)) ||
	       (t->family->idle && t->family->idle(t, i));
}

/* What may change: a parameter (its number below n), the level (n) or the direction. */
static size_t pick_change(const struct em_synth_texture *t, size_t n, struct em_random *r)
{
	size_t which;

	do {
		which = em_random_below(r, n + 2);
		which = which == n + 1 ? EM_SYNTH_DIRECTION : which;
	} while (which != n && idle(t, which));
	return which;
}

static void redraw(struct em_synth_texture *t, size_t i, struct em_random *r)
{
	const struct em_synth_parameter *p = &t->family->parameter[i];
	double old = t->p[i];

	for (int tries = 0; tries < 64 && distance(p, t->p[i], old) < 0.3; tries++)
		t->p[i] = draw_parameter(p, r);
}

void em_synth_texture_change(struct em_synth_texture *t, double pixel_nm, struct em_random *r)
{
	size_t n = count_parameters(t->family), which = pick_change(t, n, r);
	double old = t->p[0];

	if (which == n) {
		t->level *= em_random_chance(r, 0.5) ? 1.5 : 1 / 1.5;
	} else if (which == EM_SYNTH_DIRECTION) {
		t->angle += em_random_between(r, PI / 8, 7 * PI / 8);
		t->turns = false;
	} else if (which == 0 && t->family->columns) {
		for (int i = 0; i < 16 && distance(t->family->parameter, t->p[0], old) < 0.12; i++)
			draw_first(t, pixel_nm, r);
	} else {
		redraw(t, which, r);
	}
}

/* ---- drawing and telling ---- */

int em_synth_texture_put(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	em_synth_clear(c, c->layer, 0);
	if (t->family->draw(c, t, pose, contrast, r, err))
		return -1;
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] *= (float)t->level;
	em_synth_put_layer(c);
	return 0;
}

static void print_choice(struct em_text *out, const char *choices, size_t k)
{
	char word[32];
	size_t n;

	for (; k > 0; k--)
		choices += strcspn(choices, " ") + 1;
	n = strcspn(choices, " ");
	n = n < sizeof(word) ? n : sizeof(word) - 1;
	memcpy(word, choices, n);
	word[n] = '\0';
	em_json_put_string(out, word);
}

static void put_number(struct em_text *out, const char *name, double value)
{
	em_json_put_name(out, name);
	em_json_put_number(out, value);
}

void em_synth_texture_print(const struct em_synth_texture *t, const struct em_synth_pose *pose, double pixel_nm,
                            struct em_text *out)
{
	const struct em_synth_parameter *p = t->family->parameter;

	em_json_put_name(out, "family");
	em_json_put_string(out, t->family->name);
	put_number(out, "level", t->level);
	put_number(out, "direction_deg", pose->angle * 180 / PI);
	put_number(out, "scale", pose->scale);
	for (int i = 0; p[i].name; i++) {
		if (p[i].law != EM_SYNTH_CHOICE) {
			put_number(out, p[i].name, p[i].law == EM_SYNTH_LENGTH ? t->p[i] * pixel_nm : t->p[i]);
			continue;
		}
		em_json_put_name(out, p[i].name);
		print_choice(out, p[i].choices, (size_t)t->p[i]);
	}
}
