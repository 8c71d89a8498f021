/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The grid's bars, the film between them with its holes, and what is too small to be drawn thing by thing. */
#include "scope/sim/image.h"

#define PI 3.14159265358979323846
#define STRIDE 8 /* pixels from one place where slow things are worked out to the next */
#define LONG_STRIDE 32

/* Where cells are many pixels wide: worked out at every STRIDEth, straight between. */
static void slow_noise_row(float *row, size_t n, uint64_t seed, const double at[2], const double step[2],
                           float amplitude)
{
	size_t stride = fabs(step[0]) + fabs(step[1]) < 1. / 60 ? LONG_STRIDE : STRIDE;
	float now, rise, next = (float)em_sim_noise(seed, at[0], at[1]);

	for (size_t k = 0; k < n; k += stride) {
		double to = (double)(k + stride);

		now = amplitude * next;
		next = (float)em_sim_noise(seed, at[0] + to * step[0], at[1] + to * step[1]);
		rise = (amplitude * next - now) / (float)stride;
		for (size_t i = 0; i < stride && k + i < n; i++)
			row[k + i] += now + rise * (float)i;
	}
}

/* The corners of a cell: a + b u at its top, c + d u at its bottom. */
struct cell {
	float a, b, c, d;
};

static struct cell corners(uint64_t seed, long i, long j)
{
	struct cell e = {em_sim_hash_value(seed, i, j), em_sim_hash_value(seed, i + 1, j),
	                 em_sim_hash_value(seed, i, j + 1), em_sim_hash_value(seed, i + 1, j + 1)};

	e.b -= e.a;
	e.d -= e.c;
	return e;
}

#define FINE 4294967296.0 /* parts of a cell: places as whole numbers of them need no rounding */

void em_sim_noise_row(float *row, size_t n, uint64_t seed, const double at[2], const double step[2], float amplitude)
{
	int64_t x, y, dx = (int64_t)(step[0] * FINE), dy = (int64_t)(step[1] * FINE);
	int32_t i = 0, j = 0;
	struct cell e = {0};

	if (fabs(step[0]) + fabs(step[1]) < 1. / 12) {
		slow_noise_row(row, n, seed, at, step, amplitude);
		return;
	}
	x = (int64_t)(at[0] * FINE);
	y = (int64_t)(at[1] * FINE);
	for (size_t k = 0; k < n; k++, x += dx, y += dy) {
		int32_t fx = (int32_t)(x >> 32), fy = (int32_t)(y >> 32);
		float u = (float)((uint32_t)x >> 8) * 0x1p-24F, v = (float)((uint32_t)y >> 8) * 0x1p-24F;

		if (!k || fx != i || fy != j) {
			i = fx;
			j = fy;
			e = corners(seed, i, j);
		}
		u *= u * (3 - 2 * u);
		v *= v * (3 - 2 * v);
		row[k] += amplitude * ((e.a + e.b * u) * (1 - v) + (e.c + e.d * u) * v);
	}
}

/* Sizes in m and how much of the thickness: clusters of atoms, medium range, unevenness of the deposit. */
static const struct {
	double cell, angle; /* no two rows of cells are parallel */
	float amplitude;
} texture[] = {{0.17e-9, 0.3, .13F}, {0.23e-9, 1.1, .13F}, {0.8e-9, 2.0, .05F}, {6e-9, 0.7, .02F},
               {90e-9, 1.4, .02F},   {1.1e-6, 2.5, .03F},  {14e-6, 0.5, .05F}};

void em_sim_texture_row(const struct em_sim_frame *f, float *row, size_t n, uint64_t seed, const double at[2],
                        const double step[2], double blur)
{
	for (size_t k = 0; k < n; k++)
		row[k] = 1;
	for (size_t i = 0; i < sizeof(texture) / sizeof(*texture); i++) {
		double cell = texture[i].cell, worn = 2 * PI * blur / (3.2 * cell), left = exp(-worn * worn / 2);
		double c = cos(texture[i].angle) / cell, d = sin(texture[i].angle) / cell;
		double there[2] = {c * at[0] + d * at[1], c * at[1] - d * at[0]};
		double go[2] = {c * step[0] + d * step[1], c * step[1] - d * step[0]};

		if (left > 0.05 && f->pixel < 1.2 * cell)
			em_sim_noise_row(row, n, seed + i, there, go, texture[i].amplitude * (float)left);
	}
}

/* ---- what is spread evenly ---- */

static double mean_power(const struct em_sim_range *r, int power)
{
	double q = r->hi / r->lo;

	if (!(r->lo > 0))
		return 0;
	if (q < 1 + 1e-9)
		return pow(r->lo, power);
	return (pow(r->hi, power) - pow(r->lo, power)) / (power * log(q)); /* their logarithms are even */
}

/* Too small, too many or too blurred to be drawn one by one. */
static bool spread(const struct em_sim_frame *f, const struct em_sim_scatter *s)
{
	return s->pitch < 3 * f->pixel || s->pitch < f->reach / 3;
}

static double mean_thickness(const struct em_sim_scatter *s)
{
	double volume = s->shape == EM_SIM_SPHERE
	                    ? 4 * PI / 3 * mean_power(&s->length, 3)
	                    : mean_power(&s->length, 1) * mean_power(&s->width, 1) * mean_power(&s->thickness, 1);

	return s->share * volume / (s->pitch * s->pitch);
}

static double mean_cover(const struct em_sim_frame *f)
{
	const struct em_sim_scatter *s = &f->world->film.holes;

	return s->pitch > 0 && spread(f, s)
	           ? 1 - fmin(1, s->share * PI * mean_power(&s->length, 2) / (s->pitch * s->pitch))
	           : 1;
}

static void put_spread(struct em_sim_band *b, const struct em_sim_scatter *s, size_t row, const double at[2])
{
	struct em_sim_frame *f = b->f;
	float *line = f->matter + row * f->width;
	const float *cover = b->cover + (row - b->first) * f->width;
	struct em_sim_weight w = em_sim_frame_weigh(f, s->matter);
	double whole = mean_thickness(s) * w.matter, now = 0, next = 0;

	for (size_t k = 0; k < f->width; k++) {
		if (k % STRIDE == 0) {
			now = k ? next : em_sim_scatter_clump(s, at[0], at[1]);
			next = em_sim_scatter_clump(s, at[0] + (double)(k + STRIDE) * f->step[0][0],
			                            at[1] + (double)(k + STRIDE) * f->step[0][1]);
		}
		line[k] += cover[k] * (float)(whole * (now + (next - now) * (double)(k % STRIDE) / STRIDE));
	}
}

/* ---- bars ---- */

/* Is any of the picture near a bar or the rim?  `corner`s of a band on the plane z = 0. */
static bool sees_bars(const struct em_sim_frame *f)
{
	const struct em_sim_world *w = f->world;
	const struct em_sim_view *v = f->view;
	double reach = 0;

	for (int i = 0; i < 4; i++) {
		double c = i & 1 ? (double)f->width : 0, r = i & 2 ? (double)f->height : 0;

		reach = fmax(reach, hypot(f->origin[0] + c * f->step[0][0] + r * f->step[1][0],
		                          f->origin[1] + c * f->step[0][1] + r * f->step[1][1]));
	}
	return em_sim_world_window(w, v->x, v->y) < 1.5 * reach + 4e-6;
}

/* Bars are round at their edges, and rough; cover becomes what of the film is not on them. */
static void put_bars(struct em_sim_band *b, size_t row, const double at[2])
{
	struct em_sim_frame *f = b->f;
	const struct em_sim_world *w = f->world;
	struct em_sim_weight weight = em_sim_frame_weigh(f, w->grid.matter ? w->grid.matter : w->film.matter);
	float *line = f->matter + row * f->width, *cover = b->cover + (row - b->first) * f->width;
	float thick = (float)(w->grid.thickness / f->turn[2][2]) * weight.matter;
	float soft = (float)fmax(0.9e-6, f->pixel);

	for (size_t k = 0; k < f->width; k++)
		b->row[k] = 0;
	em_sim_noise_row(b->row, f->width, w->seed ^ 31, (double[2]){at[0] / 3e-6, at[1] / 3e-6},
	                 (double[2]){f->step[0][0] / 3e-6, f->step[0][1] / 3e-6}, 0.35e-6F);
	for (size_t k = 0; k < f->width; k++) {
		double x = at[0] + (double)k * f->step[0][0], y = at[1] + (double)k * f->step[0][1];
		float inside = (float)em_sim_world_window(w, x, y) + b->row[k];

		if (inside < soft) {
			float bar = em_sim_edge(-inside / soft);

			cover[k] *= 1 - bar;
			line[k] += thick * bar * bar * (1 + 0.12e6F * b->row[k]);
		}
	}
}

/* ---- the film ---- */

/* What is left of the film so far inside a hole; where it was torn its rim has rolled up. */
static float torn_edge(double inside, double soft, double rim)
{
	float left = 1 - em_sim_edge((float)(inside / soft));

	return rim > 0 && inside < 0 && inside > -rim ? left * (float)(1 + 9 * (inside + rim) / rim) : left;
}

/* No hole is quite round: how much farther out its rim is towards (c, s), of `wave`. */
static double bulge(const struct em_sim_thing *hole, const double turn[2], double c, double s)
{
	double x = c * turn[0] + s * turn[1], y = s * turn[0] - c * turn[1];

	return 0.4 * x * (x * x - 3 * y * y) + 0.2 * (double)(hole->id % 7) * x * y;
}

void em_sim_draw_hole(struct em_sim_band *b, const struct em_sim_thing *hole)
{
	const struct em_sim_frame *f = b->f;
	double soft = fmax(1.2 * f->pixel, 2e-9), r = hole->half[0], wave = hole->bevel,
	       rim = hole->bevel > 1e-6 ? 0.9e-6 : 0;
	double lies = PI * (double)em_sim_hash_value(hole->id, 3, 1), turn[2] = {cos(lies), sin(lies)};
	double reach = r + wave + soft + rim, cc = f->step[0][0] * f->step[0][0] + f->step[0][1] * f->step[0][1];

	for (size_t row = b->first; row < b->last; row++) {
		float *cover = b->cover + (row - b->first) * f->width;
		double at[2], off, middle, inner = r - wave - soft;
		long lo = 0, hi = (long)f->width;

		em_sim_band_place(b, row, at);
		at[0] -= hole->at[0] + f->lift[0] * hole->at[2];
		at[1] -= hole->at[1] + f->lift[1] * hole->at[2];
		off = fabs(at[0] * f->step[0][1] - at[1] * f->step[0][0]) / sqrt(cc);
		if (off >= reach)
			continue;
		middle = -(at[0] * f->step[0][0] + at[1] * f->step[0][1]) / cc;
		em_sim_narrow(-middle, 1, sqrt((reach * reach - off * off) / cc), &lo, &hi);
		if (off < inner) { /* nothing is left far inside */
			long from = lo, to = hi;

			em_sim_narrow(-middle, 1, sqrt((inner * inner - off * off) / cc), &from, &to);
			for (long k = from; k < to; k++)
				cover[k] = 0;
		}
		for (long k = lo; k < hi; k++) {
			if (!(cover[k] > 0))
				continue;
			double x = at[0] + (double)k * f->step[0][0], y = at[1] + (double)k * f->step[0][1];
			double d = sqrt(x * x + y * y) + 1e-15, c = x / d, s = y / d;

			cover[k] *= torn_edge(r - d - wave * bulge(hole, turn, c, s), soft, rim);
		}
	}
}

static void cut_holes(struct em_sim_band *b)
{
	const struct em_sim_world *w = b->f->world;
	struct em_sim_scatter mesh = {.pitch = w->grid.pitch, .reach = w->grid.pitch};
	struct em_sim_thing hole;
	long lo[2], hi[2];

	for (size_t i = 0; i < w->film.holes_at; i++)
		em_sim_draw_hole(b, &w->film.hole_at[i]);
	em_sim_band_cells(b, &mesh, lo, hi);
	for (long j = lo[1]; j <= hi[1] && w->film.torn > 0 && !spread(b->f, &mesh); j++)
		for (long i = lo[0]; i <= hi[0]; i++)
			if (em_sim_world_tear(w, i, j, &hole))
				em_sim_draw_hole(b, &hole);
	if (w->film.holes.pitch > 0 && !spread(b->f, &w->film.holes))
		em_sim_band_each(b, &w->film.holes, em_sim_draw_hole);
}

static void put_film(struct em_sim_band *b, size_t row, const double at[2])
{
	struct em_sim_frame *f = b->f;
	struct em_sim_weight w = em_sim_frame_weigh(f, f->world->film.matter);
	float t = (float)(f->world->film.thickness / f->turn[2][2]);
	const float *cover = b->cover + (row - b->first) * f->width;
	float *matter = f->matter + row * f->width, *phase = f->phase ? f->phase + row * f->width : NULL;
	double c[2][2];
	size_t empty = 0;

	while (empty < f->width && !(cover[empty] > 0))
		empty++;
	if (empty == f->width)
		return;
	em_sim_frame_blur(f, 0, c);
	em_sim_texture_row(f, b->row, f->width, f->world->seed ^ 0xf11, at, f->step[0], sqrt((c[0][0] + c[1][1]) / 2));
	for (size_t k = 0; k < f->width; k++)
		matter[k] += t * w.matter * cover[k] * b->row[k];
	for (size_t k = 0; phase && k < f->width; k++)
		phase[k] += t * w.phase * cover[k] * b->row[k];
}

void em_sim_draw_film(struct em_sim_band *b)
{
	struct em_sim_frame *f = b->f;
	const struct em_sim_world *w = f->world;
	bool bars = sees_bars(f);
	float whole = w->film.matter ? (float)mean_cover(f) : 0;

	for (size_t k = 0; k < (b->last - b->first) * f->width; k++)
		b->cover[k] = whole;
	if (whole > 0)
		cut_holes(b);
	for (size_t row = b->first; row < b->last; row++) {
		double at[2];

		em_sim_band_place(b, row, at);
		if (bars)
			put_bars(b, row, at);
		for (size_t i = 0; i < w->scatters; i++)
			if (spread(f, &w->scatter[i]))
				put_spread(b, &w->scatter[i], row, at);
		if (whole > 0)
			put_film(b, row, at);
	}
	for (size_t i = 0; i < w->scatters; i++)
		if (!spread(f, &w->scatter[i]))
			em_sim_band_each(b, &w->scatter[i], em_sim_draw_thing);
}
