/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of crystals: one lattice with its faults, two on top of each other, many grains. */
#include "synth/crystal.h"

#include <math.h>

#define PI 3.14159265358979323846

/* The first parameters of all three. */
enum { A, TYPE, RATIO, GAMMA, MOTIF, SPLIT, Z1, Z2, WIDTH, PEAK, OVERLAY, CELL_END };
enum { VACANCY = CELL_END, OCCUPANCY, INTERSTITIAL, MIXING, DISORDER, STRAIN, SHEAR, FAULT, PLANE, EVERY };
enum { TWIST = CELL_END, MISMATCH };
enum { GRAIN = CELL_END };

enum { SQUARE, RECTANGULAR, CENTRED, HEXAGONAL, OBLIQUE };
enum { SINGLE, DUMBBELL, HONEYCOMB, PEROVSKITE, BODY, ROW };

/* clang-format off */
#define CELL_PARAMETERS \
	{"a_nm", EM_SYNTH_LENGTH, 4.5, 26, NULL}, \
	{"lattice", EM_SYNTH_CHOICE, 0, 0, "square rectangular centred hexagonal oblique"}, \
	{"b_by_a", EM_SYNTH_LOG, 0.65, 1.6, NULL}, \
	{"gamma_deg", EM_SYNTH_LINEAR, 66, 84, NULL}, \
	{"motif", EM_SYNTH_CHOICE, 0, 0, "single dumbbell honeycomb perovskite body row"}, \
	{"split", EM_SYNTH_LINEAR, 0.22, 0.42, NULL}, \
	{"z1", EM_SYNTH_LOG, 12, 82, NULL}, \
	{"z2", EM_SYNTH_LOG, 6, 60, NULL}, \
	{"width", EM_SYNTH_LOG, 0.09, 0.2, NULL}, \
	{"peak", EM_SYNTH_LOG, 0.3, 2.5, NULL}, \
	{"overlay", EM_SYNTH_RARE, 0.1, 0.6, NULL}
/* clang-format on */

static const struct em_synth_parameter lattice_parameters[] = {
    CELL_PARAMETERS,
    {"vacancies", EM_SYNTH_RARE, 0.03, 0.3, NULL},
    {"vacancy_occupancy", EM_SYNTH_LINEAR, 0, 0.6, NULL},
    {"interstitials", EM_SYNTH_RARE, 0.02, 0.2, NULL},
    {"mixing", EM_SYNTH_RARE, 0.3, 1, NULL},
    {"disorder", EM_SYNTH_RARE, 0.01, 0.06, NULL},
    {"strain", EM_SYNTH_RARE, -0.05, 0.05, NULL},
    {"shear", EM_SYNTH_RARE, -0.05, 0.05, NULL},
    {"fault", EM_SYNTH_CHOICE, 0.7, 0, "none stacking twin antiphase dislocation"},
    {"fault_plane", EM_SYNTH_CHOICE, 0, 0, "a b a+b"},
    {"fault_every_nm", EM_SYNTH_LENGTH, 24, 120, NULL},
    {NULL}};

static const struct em_synth_parameter moire_parameters[] = {
    CELL_PARAMETERS, {"twist_deg", EM_SYNTH_LOG, 1.5, 29, NULL}, {"mismatch", EM_SYNTH_RARE, 0.01, 0.09, NULL}, {NULL}};

static const struct em_synth_parameter polycrystal_parameters[] = {
    CELL_PARAMETERS, {"grain_by_a", EM_SYNTH_LOG, 2.5, 8, NULL}, {NULL}};

static bool cell_idle(const struct em_synth_texture *t, size_t i)
{
	int type = (int)t->p[TYPE], motif = (int)t->p[MOTIF];

	switch (i) {
	case RATIO: return type == SQUARE || type == HEXAGONAL;
	case GAMMA: return type != OBLIQUE;
	case SPLIT: return motif != DUMBBELL;
	case Z1: return motif == SINGLE;
	case Z2: return motif == SINGLE;
	default: return false;
	}
}

static bool lattice_idle(const struct em_synth_texture *t, size_t i)
{
	int motif = (int)t->p[MOTIF], fault = (int)t->p[FAULT];

	switch (i) {
	case OCCUPANCY: return t->p[VACANCY] == 0;
	case MIXING: return motif == SINGLE;
	case PLANE: return fault == EM_SYNTH_NO_FAULT || fault == EM_SYNTH_DISLOCATION;
	case EVERY: return true; /* chips show one fault, whatever the distance to the next */
	default: return cell_idle(t, i);
	}
}

/* ---- from parameters to a crystal ---- */

static void add_atom(struct em_synth_crystal *k, double u, double v, double dx, double dy, int kind, const double w[2])
{
	k->atom[k->atoms++] = (struct em_synth_atom){u, v, dx, dy, {w[kind], w[!kind]}};
}

static void add_motif(struct em_synth_crystal *k, int motif, double u, double v, double split, const double w[2],
                      const double oxygen[2])
{
	switch (motif) {
	case SINGLE: add_atom(k, u, v, 0, 0, 0, w); break;
	case DUMBBELL:
		add_atom(k, u, v, 0, -split / 2, 0, w);
		add_atom(k, u, v, 0, split / 2, 1, w);
		break;
	case HONEYCOMB:
		add_atom(k, u + 1. / 3, v + 1. / 3, 0, 0, 0, w);
		add_atom(k, u + 2. / 3, v + 2. / 3, 0, 0, 1, w);
		break;
	case PEROVSKITE:
		add_atom(k, u, v, 0, 0, 0, w);
		add_atom(k, u + 0.5, v + 0.5, 0, 0, 1, w);
		add_atom(k, u + 0.5, v, 0, 0, 0, oxygen);
		add_atom(k, u, v + 0.5, 0, 0, 0, oxygen);
		break;
	case BODY:
		add_atom(k, u, v, 0, 0, 0, w);
		add_atom(k, u + 0.5, v + 0.5, 0, 0, 1, w);
		break;
	case ROW:
		add_atom(k, u, v, 0, 0, 0, w);
		add_atom(k, u + 0.5, v, 0, 0, 1, w);
		break;
	}
}

/* The heavier kind weighs `peak`, at the texture's level. */
static void set_cell(struct em_synth_crystal *k, const struct em_synth_texture *t, enum em_synth_contrast contrast)
{
	const double *p = t->p, power = em_synth_z_power(contrast), heaviest = fmax(p[Z1], p[Z2]);
	double peak = p[PEAK] * t->level * (contrast == EM_SYNTH_HAADF ? 1 : 0.6);
	double w[2] = {peak * pow(p[Z1] / heaviest, power), peak * pow(p[Z2] / heaviest, power)};
	double oxygen[2] = {peak * pow(8 / heaviest, power), peak * pow(8 / heaviest, power)};
	int type = (int)p[TYPE], motif = (int)p[MOTIF];
	double ratio = type == SQUARE || type == HEXAGONAL ? 1 : p[RATIO];
	double gamma = type == HEXAGONAL ? PI / 3 : type == OBLIQUE ? p[GAMMA] * PI / 180 : PI / 2;

	if (motif == SINGLE)
		w[0] = w[1] = peak;
	*k = (struct em_synth_crystal){.a = {p[A], 0}, .b = {ratio * p[A] * cos(gamma), ratio * p[A] * sin(gamma)}};
	add_motif(k, motif, 0, 0, p[SPLIT] * p[A], w, oxygen);
	if (type == CENTRED && motif != BODY && motif != PEROVSKITE)
		add_motif(k, motif, 0.5, 0.5, p[SPLIT] * p[A], w, oxygen);
	k->sigma = fmax(p[WIDTH] * p[A] * fmin(1, ratio) * (motif == PEROVSKITE || motif == DUMBBELL ? 0.75 : 1), 0.65);
	k->plane[0] = k->a[0];
	k->plane[1] = k->a[1];
	k->every = 1;
}

/* v = (1 + e) v */
static void strain(double v[2], double e, double shear)
{
	double x = v[0] + e * v[0] + shear * v[1], y = v[1] + shear * v[0] - 0.3 * e * v[1];

	v[0] = x;
	v[1] = y;
}

static void set_faults(struct em_synth_crystal *k, const struct em_synth_texture *t)
{
	const double *p = t->p;
	int plane = (int)p[PLANE];
	double spacing;

	k->fault = (enum em_synth_fault)p[FAULT];
	k->plane[0] = (plane != 1 ? k->a[0] : 0) + (plane != 0 ? k->b[0] : 0);
	k->plane[1] = (plane != 1 ? k->a[1] : 0) + (plane != 0 ? k->b[1] : 0);
	spacing = fabs(k->a[0] * k->b[1] - k->a[1] * k->b[0]) / hypot(k->plane[0], k->plane[1]);
	k->every = (long)fmax(floor(p[EVERY] / spacing + 0.5), 2);
	k->shift = p[TYPE] == HEXAGONAL ? 1. / 3 : 0.5;
}

/* What the canvas's middle shows: any place of the cell; with faults, a place near one. */
static void set_origin(struct em_synth_crystal *k, const struct em_synth_canvas *c, const struct em_synth_pose *pose,
                       struct em_random *r)
{
	double u = em_random_uniform(r), v = em_random_uniform(r), length = hypot(k->plane[0], k->plane[1]);
	double side = (double)(c->frame->height < c->frame->width ? c->frame->height : c->frame->width);
	double near = 0.5 * (side - 2 * (double)c->frame->margin) / pose->scale * (u - 0.5);
	double far = k->fault == EM_SYNTH_DISLOCATION ? near : (v - 0.5) * 40 * length;

	if (k->fault == EM_SYNTH_NO_FAULT) {
		k->origin[0] = u * k->a[0] + v * k->b[0];
		k->origin[1] = u * k->a[1] + v * k->b[1];
		return;
	}
	k->origin[0] = (-near * k->plane[1] + far * k->plane[0]) / length;
	k->origin[1] = (near * k->plane[0] + far * k->plane[1]) / length;
}

/* ---- what lies under and over the columns ---- */

/* The thickness of the rest of the matter: never even, sometimes under an amorphous layer. */
static void put_ground(struct em_synth_canvas *c, const struct em_synth_texture *t, enum em_synth_contrast contrast,
                       struct em_random *r)
{
	double base = contrast == EM_SYNTH_HAADF ? 0.4 : 0.15, over = t->p[OVERLAY];

	if (over > 0)
		em_synth_amorphous_noise(c, r, 6, 0.35, 1, c->layer);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] = (float)(base * (1 + over * (double)c->layer[i]));
}

/* ---- the families ---- */

static int draw_lattice(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                        enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p;
	struct em_synth_crystal k;

	(void)err;
	set_cell(&k, t, contrast);
	k.vacancy = p[VACANCY];
	k.occupancy = p[OCCUPANCY];
	k.interstitial = p[INTERSTITIAL];
	k.mixing = p[MIXING];
	k.disorder = p[DISORDER] * p[A];
	strain(k.a, p[STRAIN], p[SHEAR]);
	strain(k.b, p[STRAIN], p[SHEAR]);
	set_faults(&k, t);
	set_origin(&k, c, pose, r);
	put_ground(c, t, contrast, r);
	em_synth_crystal_put(c, &k, pose, NULL, r);
	return 0;
}

static int draw_moire(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                      enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double turn = t->p[TWIST] * PI / 180, s = 1 + t->p[MISMATCH];
	struct em_synth_pose upper = *pose;
	struct em_synth_crystal k;

	(void)err;
	set_cell(&k, t, contrast);
	set_origin(&k, c, pose, r);
	put_ground(c, t, contrast, r);
	em_synth_crystal_put(c, &k, pose, NULL, r);
	for (int i = 0; i < 2; i++) { /* first turned and stretched, then seen as the other */
		upper.m[i][0] = s * (pose->m[i][0] * cos(turn) + pose->m[i][1] * sin(turn));
		upper.m[i][1] = s * (pose->m[i][1] * cos(turn) - pose->m[i][0] * sin(turn));
	}
	set_origin(&k, c, &upper, r);
	em_synth_crystal_put(c, &k, &upper, NULL, r);
	return 0;
}

struct grain {
	const struct em_synth_cells *cells;
	size_t number;
};

static bool in_grain(void *ctx, double x, double y)
{
	const struct grain *g = ctx;
	double d1, d2;

	return em_synth_cells_nearest(g->cells, x, y, &d1, &d2) == g->number;
}

static int draw_polycrystal(struct em_synth_canvas *c, const struct em_synth_texture *t,
                            const struct em_synth_pose *pose, enum em_synth_contrast contrast, struct em_random *r,
                            struct em_error *err)
{
	struct em_synth_cells cells;
	struct em_synth_crystal k;
	double pitch = t->p[GRAIN] * t->p[A] * pose->scale;

	if (em_synth_cells_init(&cells, c, r, pitch, 0.8, 1, 0, err))
		return -1;
	put_ground(c, t, contrast, r);
	set_cell(&k, t, contrast);
	for (size_t i = 0; i < em_synth_cells_count(&cells); i++) {
		struct grain grain = {&cells, i};
		struct em_synth_pose turned;
		double x, y, turn = em_random_between(r, 0, 2 * PI), reach = 1.6 * pitch;

		em_synth_cells_point(&cells, i, &x, &y);
		if (x < -reach || y < -reach || x > (double)c->frame->width + reach ||
		    y > (double)c->frame->height + reach)
			continue;
		em_synth_pose_set(&turned, pose->scale, turn, 0, 0);
		em_synth_crystal_put(c, &k, &turned, &(struct em_synth_part){x, y, reach, in_grain, &grain}, r);
	}
	em_synth_cells_release(&cells);
	return 0;
}

const struct em_synth_family em_synth_lattice = {
	.name = "lattice",
	.what = "a crystal along a zone axis: dumbbells, mixed columns, vacancies, interstitials, strain, faults",
	.contrasts = EM_SYNTH_BEAMS,
	.domains = 1u << EM_SYNTH_ATOMIC,
	.parameter = lattice_parameters,
	.columns = true,
	.idle = lattice_idle,
	.draw = draw_lattice,
};
const struct em_synth_family em_synth_moire = {
	.name = "moire",
	.what = "two layers of one crystal, twisted or of different spacing",
	.contrasts = EM_SYNTH_BEAMS,
	.domains = 1u << EM_SYNTH_ATOMIC,
	.parameter = moire_parameters,
	.columns = true,
	.idle = cell_idle,
	.draw = draw_moire,
};
const struct em_synth_family em_synth_polycrystal = {
	.name = "polycrystal",
	.what = "small grains of one crystal, each with a direction of its own",
	.contrasts = EM_SYNTH_BEAMS,
	.domains = 1u << EM_SYNTH_ATOMIC,
	.parameter = polycrystal_parameters,
	.columns = true,
	.isotropic = true,
	.idle = cell_idle,
	.draw = draw_polycrystal,
};
