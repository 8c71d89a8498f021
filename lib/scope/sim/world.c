/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The places of things in the world: functions of the seed and of the place. */
#include "scope/sim/world.h"

#define PI 3.14159265358979323846
#define UM 1e-6

double em_sim_noise(uint64_t seed, double x, double y)
{
	long i = em_sim_floor(x), j = em_sim_floor(y);
	double u = x - (double)i, v = y - (double)j;
	double a = em_sim_hash_value(seed, i, j), b = em_sim_hash_value(seed, i + 1, j);
	double c = em_sim_hash_value(seed, i, j + 1), d = em_sim_hash_value(seed, i + 1, j + 1);

	u *= u * (3 - 2 * u);
	v *= v * (3 - 2 * v);
	return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v;
}

/* ---- the grid and its film ---- */

/* Waves of about six meshes' length; flat, at 0, about the middle, where the microscope has been set up. */
double em_sim_world_height(const struct em_sim_world *w, double x, double y)
{
	double k = 2 * PI / (6 * w->grid.pitch), p = (double)(w->seed % 997), q = (double)(w->seed % 991);
	double rr = (x * x + y * y) / (w->grid.pitch * w->grid.pitch);

	return w->film.height * (1 - exp(-rr * rr)) *
	       (sin(k * (x + 0.3 * y) + p) + 0.5 * sin(2.3 * k * (y - 0.2 * x) + q)) / 1.5;
}

/* From the middle of the mesh's hole to a place, along one axis, without sign. */
static double from_middle(double x, double pitch)
{
	double d = x - pitch * (double)em_sim_floor(x / pitch + 0.5);

	return d < 0 ? -d : d;
}

double em_sim_world_window(const struct em_sim_world *w, double x, double y)
{
	double half = (w->grid.pitch - w->grid.bar) / 2, corner = 0.15 * half, rr = x * x + y * y, safe, inside;
	double dx = from_middle(x, w->grid.pitch) - half + corner, dy = from_middle(y, w->grid.pitch) - half + corner;

	inside = corner - (dx > dy ? dx : dy);
	if (dx > 0 && dy > 0) /* etched holes have round corners */
		inside = corner - sqrt(dx * dx + dy * dy);
	safe = w->grid.radius - half;
	if (safe > 0 && rr < safe * safe)
		return inside;
	return fmin(inside, w->grid.radius - sqrt(rr));
}

bool em_sim_world_tear(const struct em_sim_world *w, long i, long j, struct em_sim_thing *hole)
{
	struct em_random r;
	double open = (w->grid.pitch - w->grid.bar) / 2;

	em_random_seed(&r, w->seed ^ 0x7ea5, em_sim_hash(3, i, j));
	if ((i == 0 && j == 0) || !em_random_chance(&r, w->film.torn))
		return false;
	*hole = (struct em_sim_thing){.shape = EM_SIM_HOLE, .id = em_sim_hash(w->seed, i, j)};
	hole->half[0] = open * em_random_between(&r, 0.3, 1.2);
	hole->half[1] = hole->half[0];
	hole->bevel = 0.35 * hole->half[0];
	hole->at[0] = (double)i * w->grid.pitch + open * em_random_between(&r, -0.8, 0.8);
	hole->at[1] = (double)j * w->grid.pitch + open * em_random_between(&r, -0.8, 0.8);
	hole->at[2] = em_sim_world_height(w, hole->at[0], hole->at[1]);
	return true;
}

static bool within(const struct em_sim_thing *hole, double x, double y, double margin)
{
	return hypot(x - hole->at[0], y - hole->at[1]) < hole->half[0] + margin;
}

static bool in_torn_or_given(const struct em_sim_world *w, double x, double y, double margin)
{
	struct em_sim_thing hole;

	for (size_t i = 0; i < w->film.holes_at; i++)
		if (within(&w->film.hole_at[i], x, y, margin))
			return true;
	return em_sim_world_tear(w, lround(x / w->grid.pitch), lround(y / w->grid.pitch), &hole) &&
	       within(&hole, x, y, margin);
}

bool em_sim_world_on_film(const struct em_sim_world *w, double x, double y, double margin)
{
	const struct em_sim_scatter *s = &w->film.holes;
	long i, j;

	if (in_torn_or_given(w, x, y, margin))
		return false;
	if (!(s->pitch > 0))
		return true;
	i = lround(x / s->pitch);
	j = lround(y / s->pitch);
	for (long k = 0; k < 9; k++) {
		struct em_sim_thing hole;

		if (em_sim_scatter_thing(w, s, i - 1 + k / 3, j - 1 + k % 3, &hole) && within(&hole, x, y, margin))
			return false;
	}
	return true;
}

/* ---- things in cells ---- */

static void set_crystal(struct em_sim_thing *t, struct em_random *r)
{
	if (t->shape == EM_SIM_SLAB) { /* flat on a film that is not quite flat */
		t->on_axis = true;
		t->tilt[0] = 0.03 * em_random_normal(r);
		t->tilt[1] = 0.03 * em_random_normal(r);
		t->bend = 0.012 * em_random_normal(r) / UM;
		return;
	}
	t->on_axis = em_random_chance(r, 0.35);
	t->tilt[0] = 0.02 * em_random_normal(r);
	t->tilt[1] = 0.02 * em_random_normal(r);
}

static void set_size(const struct em_sim_scatter *s, struct em_sim_thing *t, struct em_random *r)
{
	t->half[0] = em_random_log_between(r, s->length.lo, s->length.hi);
	t->half[1] = t->half[0];
	t->bevel = fmin(0.1 * t->half[0], 0.4 * UM);
	if (s->shape != EM_SIM_SLAB)
		return;
	t->half[0] /= 2;
	t->half[1] = fmin(t->half[0], em_random_log_between(r, s->width.lo, s->width.hi) / 2);
	t->thickness = em_random_log_between(r, s->thickness.lo, s->thickness.hi);
	t->bevel = fmin(0.35 * t->half[1], t->thickness * em_random_between(r, 0.05, 0.6));
	t->skew = fmin(fmax(0.3 * em_random_normal(r), -0.6), 0.6);
}

double em_sim_scatter_clump(const struct em_sim_scatter *s, double x, double y)
{
	double n;

	if (!(s->clump > 0))
		return 1;
	n = em_sim_noise(s->seed ^ 5, x / s->clump, y / s->clump) +
	    0.5 * em_sim_noise(s->seed ^ 6, 3 * x / s->clump, 3 * y / s->clump);
	return fmin(fmax(0.6 + 1.6 * n, 0), 2);
}

static bool out_of_the_way(const struct em_sim_world *w, const struct em_sim_scatter *s, const struct em_sim_thing *t)
{
	if (em_sim_world_window(w, t->at[0], t->at[1]) < (s->shape == EM_SIM_HOLE ? t->half[0] : 0))
		return false;
	if (s->shape == EM_SIM_HOLE)
		return true;
	for (size_t i = 0; i < w->sections; i++)
		if (em_sim_section_holds(&w->section[i], t->at[0], t->at[1], t->half[0]))
			return false;
	/* a small thing needs the film under it; a long one may reach over a hole */
	return em_sim_world_on_film(w, t->at[0], t->at[1], t->half[1] < 100e-9 ? t->half[1] / 2 : 0);
}

bool em_sim_scatter_thing(const struct em_sim_world *w, const struct em_sim_scatter *s, long i, long j,
                          struct em_sim_thing *t)
{
	struct em_random r;

	em_random_seed(&r, s->seed, em_sim_hash(1, i, j));
	*t = (struct em_sim_thing){.shape = s->shape, .matter = s->matter, .id = em_sim_hash(s->seed, i, j)};
	t->at[0] = s->pitch * ((double)i + em_random_between(&r, -0.4, 0.4));
	t->at[1] = s->pitch * ((double)j + em_random_between(&r, -0.4, 0.4));
	if (!em_random_chance(&r, s->share * em_sim_scatter_clump(s, t->at[0], t->at[1])))
		return false;
	t->angle = em_random_between(&r, 0, 2 * PI);
	set_size(s, t, &r);
	set_crystal(t, &r);
	if (!out_of_the_way(w, s, t))
		return false;
	t->at[2] = em_sim_world_height(w, t->at[0], t->at[1]);
	return true;
}

/* A rotation drawn evenly from all (Shoemake, Graphics Gems III (1992) 124), as a matrix. */
static void any_axes(uint64_t id, double m[3][3])
{
	struct em_random r;
	double u, p, q, w, x, y, z;

	em_random_seed(&r, id, 77);
	u = em_random_uniform(&r);
	p = em_random_between(&r, 0, 2 * PI);
	q = em_random_between(&r, 0, 2 * PI);
	x = sqrt(1 - u) * sin(p), y = sqrt(1 - u) * cos(p), z = sqrt(u) * sin(q), w = sqrt(u) * cos(q);
	m[0][0] = 1 - 2 * (y * y + z * z), m[0][1] = 2 * (x * y + z * w), m[0][2] = 2 * (x * z - y * w);
	m[1][0] = 2 * (x * y - z * w), m[1][1] = 1 - 2 * (x * x + z * z), m[1][2] = 2 * (y * z + x * w);
	m[2][0] = 2 * (x * z + y * w), m[2][1] = 2 * (y * z - x * w), m[2][2] = 1 - 2 * (x * x + y * y);
}

void em_sim_thing_axes(const struct em_sim_thing *t, double m[3][3])
{
	double c = cos(t->angle), s = sin(t->angle), n;

	if (!t->on_axis) {
		any_axes(t->id, m);
		return;
	}
	/* the third axis leans by tilt; the first is the long side, made to stand on it */
	n = sqrt(1 + t->tilt[0] * t->tilt[0] + t->tilt[1] * t->tilt[1]);
	m[2][0] = t->tilt[0] / n, m[2][1] = t->tilt[1] / n, m[2][2] = 1 / n;
	m[0][0] = c, m[0][1] = s, m[0][2] = -(c * m[2][0] + s * m[2][1]) / m[2][2];
	n = sqrt(1 + m[0][2] * m[0][2]);
	for (int i = 0; i < 3; i++)
		m[0][i] /= n;
	for (int i = 0; i < 3; i++) { /* third x first */
		int j = (i + 1) % 3, k = (i + 2) % 3;

		m[1][i] = m[2][j] * m[0][k] - m[2][k] * m[0][j];
	}
}

double em_sim_thing_thickness(const struct em_sim_thing *t, double u, double v)
{
	if (t->shape == EM_SIM_SPHERE)
		return 2 * sqrt(fmax(t->half[0] * t->half[0] - u * u - v * v, 0));
	return fabs(u + t->skew * v) < t->half[0] && fabs(v) < t->half[1] ? t->thickness : 0;
}

void em_sim_thing_bend(const struct em_sim_thing *t, double u, double v, double lean[2])
{
	lean[0] = t->bend * (u + 0.3 * v);
	lean[1] = t->bend * 0.4 * v;
}

double em_sim_thing_reacted(const struct em_sim_thing *t, double along, double reaction)
{
	double late = (double)(t->id >> 40 & 1023) / 1023, front = (3.2 * reaction - 1.1 - 0.9 * late - along) / 0.1;

	if (!(reaction > 0) || front <= -1)
		return 0;
	return front >= 1 ? 1 : 0.5 + front * (0.75 - 0.25 * front * front);
}

/* ---- sections ---- */

void em_sim_section_bend(const struct em_sim_section *s, double along, double down, double lean[2])
{
	for (int i = 0; i < 2; i++)
		lean[i] = 0.006 * em_sim_noise(s->seed ^ (41 + (uint64_t)i), along / 2.3e-6, down / 2.3e-6);
}

void em_sim_section_local(const struct em_sim_section *s, double x, double y, double local[2])
{
	double c = cos(s->angle), n = sin(s->angle);

	x -= s->at[0];
	y -= s->at[1];
	local[0] = c * x + n * y;
	local[1] = c * y - n * x + s->depth / 2;
}

bool em_sim_section_holds(const struct em_sim_section *s, double x, double y, double margin)
{
	double p[2];

	em_sim_section_local(s, x, y, p);
	return fabs(p[0]) < s->width / 2 + margin && p[1] > -margin && p[1] < s->depth + margin;
}

double em_sim_section_shift(const struct em_sim_section *s, double along)
{
	return along > 0 ? s->step : 0;
}

double em_sim_section_thickness(const struct em_sim_section *s, double along, double down)
{
	double t = s->thickness.lo + (s->thickness.hi - s->thickness.lo) * down / s->depth;

	return t * (1 + 0.05 * em_sim_noise(s->seed, along / (0.8 * UM), down / (0.8 * UM)));
}

double em_sim_section_order(const struct em_sim_section *s, const struct em_sim_layer *l, double along, double down,
                            double disorder)
{
	double middle, half, edge, front;

	if (l->amorphous || l->matter->amorphous)
		return 0;
	if (!(disorder > 0) || s->substrate >= s->layers || l->bottom > s->layer[s->substrate].top)
		return 1;
	middle = (l->top + l->bottom) / 2;
	half = (l->bottom - l->top) / 2;
	edge = 0.6e-9 + 0.05 * half;
	front = half * disorder * (1.1 + 0.15 * em_sim_noise(s->seed ^ 8, along / 6e-9, 0.5)); /* rough */
	return 1 / (1 + exp((front - fabs(down - middle)) / edge));
}
