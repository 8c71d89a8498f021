/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/movie.h"

#include "base/units.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CLIPPED 0.5 /* share of saturated pixels from which on a frame shows nothing */
#define DARK 0.05   /* of the reference's brightness, below which it does not either */

static size_t areas(const struct em_movie *m)
{
	return m->opt->areas ? m->opt->areas->count : 0;
}

static size_t points(const struct em_movie *m)
{
	return m->grid.rows * m->grid.cols;
}

/* ---- a movie ---- */

static void read_scale(struct em_movie *m, const struct em_array *first)
{
	struct em_axis y = first->axis[0], x = first->axis[1];

	m->scale[0] = m->scale[1] = 1;
	m->units = "px";
	em_units_axis_to_nm(&y);
	em_units_axis_to_nm(&x);
	if (em_axis_is_calibrated(&y) && em_axis_is_calibrated(&x) && !strcmp(y.units, "nm") &&
	    !strcmp(x.units, "nm")) {
		m->scale[0] = fabs(y.scale);
		m->scale[1] = fabs(x.scale);
		m->units = "nm";
	}
}

int em_movie_init(struct em_movie *m, const struct em_movie_options *opt, const struct em_array *first,
                  struct em_error *err)
{
	*m = (struct em_movie){.opt = opt, .control = {SIZE_MAX, SIZE_MAX}};
	if (first->ndim != 2)
		return em_error_set(err, EM_ERROR_DATA, "an array of %d dimensions is no frame: two are needed",
		                    first->ndim);
	m->height = first->shape[0];
	m->width = first->shape[1];
	read_scale(m, first);
	m->transform = em_spectrum_plan_new(m->height, m->width, err);
	if (!m->transform)
		return -1;
	if (!opt->still && !opt->single)
		m->drift = em_drift_new(m->height, m->width, err);
	m->power = calloc(m->height * (m->width / 2 + 1), sizeof(*m->power));
	if (m->power && (m->drift || opt->still || opt->single))
		return 0;
	if (!m->power)
		em_error_memory(err, m->height * m->width * sizeof(*m->power));
	em_movie_release(m);
	return -1;
}

void em_movie_release(struct em_movie *m)
{
	em_spectrum_plan_free(m->transform);
	free(m->wanted);
	em_drift_free(m->drift);
	free(m->power);
	em_order_plan_free(m->plan);
	em_reference_release(&m->reference);
	for (size_t i = 0; m->weight && i < areas(m); i++)
		free(m->weight[i]);
	free(m->weight);
	free(m->baseline);
	*m = (struct em_movie){0};
}

void em_movie_frame_release(struct em_movie_frame *f)
{
	em_spectrum_release(&f->spectrum);
	em_order_frame_release(&f->order);
	*f = (struct em_movie_frame){0};
}

/* ---- frame by frame ---- */

int em_movie_look(const struct em_movie *m, const struct em_array *frame, struct em_movie_frame *f,
                  struct em_error *err)
{
	const bool settled = atomic_load(&m->settled);

	if (em_spectrum_init_part(&f->spectrum, m->transform, frame, settled ? m->wanted : NULL, err))
		return -1;
	f->saturated = (double)f->spectrum.saturated / (double)(m->height * m->width);
	/* Rounding leaves a constant frame a variance of its own. */
	f->blank = f->spectrum.variance <= 1e-12 * f->spectrum.mean * f->spectrum.mean || f->saturated > CLIPPED;
	if (!f->blank && settled && m->plan)
		return em_order_cut(m->plan, &f->spectrum, &f->order, err);
	return 0;
}

static int find_drift(struct em_movie *m, struct em_movie_frame *f, struct em_error *err)
{
	f->drift[0] = f->drift[1] = 0;
	f->quality = NAN;
	return m->drift ? em_drift_next(m->drift, &f->spectrum, f->drift, &f->quality, err) : 0;
}

int em_movie_learn(struct em_movie *m, struct em_movie_frame *f, struct em_error *err)
{
	f->number = m->seen;
	if (find_drift(m, f, err))
		return -1;
	m->seen++;
	if (!f->blank) {
		em_spectrum_add_power(&f->spectrum, m->power);
		m->learned++;
	} else {
		em_spectrum_release(&f->spectrum); /* it may be long until something shows */
	}
	return m->learned == m->opt->reference;
}

int em_movie_form(const struct em_movie *m, struct em_movie_frame *f, struct em_error *err)
{
	int status = 0;

	if (!f->spectrum.value)
		return 0;
	f->dark = !f->blank && m->brightness > 0 && f->spectrum.mean < DARK * m->brightness;
	f->blank = f->blank || f->dark;
	if (!f->blank && m->plan) {
		if (!f->order.band)
			status = em_order_cut(m->plan, &f->spectrum, &f->order, err);
		if (!status)
			status = em_order_form(m->plan, f->drift, &f->order, err);
	}
	em_spectrum_release(&f->spectrum);
	return status;
}

int em_movie_place(struct em_movie *m, struct em_movie_frame *f, struct em_error *err)
{
	f->number = m->seen;
	if (find_drift(m, f, err))
		return -1;
	m->seen++;
	return 0;
}

void em_movie_pass(struct em_movie *m)
{
	m->seen++;
}

/* ---- what the reference frames decide ---- */

/* Is the peak a spot of the phase? */
static bool is_of(const struct em_spots_phase *p, const struct em_bragg_peak *b, double near)
{
	for (size_t k = 0; k < p->count; k++)
		if (hypot(p->spot[k].y - b->y, p->spot[k].x - b->x) < near ||
		    hypot(p->spot[k].y + b->y, p->spot[k].x + b->x) < near)
			return true;
	return false;
}

/* Of the phase whose strongest spot is the weakest, that spot's power; 0 where a phase's spots are not among the peaks.
 */
static double least_power(const struct em_movie *m, const struct em_bragg_peaks *peaks, double near)
{
	double least = INFINITY;

	for (size_t p = 0; p < m->spots.count; p++) {
		double most = 0;

		for (size_t i = 0; i < peaks->count; i++)
			if (is_of(&m->spots.phase[p], &peaks->peak[i], near))
				most = fmax(most, peaks->peak[i].power);
		least = fmin(least, most);
	}
	return least;
}

/* Of the peaks that no phase has those that masks must not reach into; for the caller to free.  *n of them. */
static double (*other_spots(const struct em_movie *m, const struct em_bragg_peaks *peaks, size_t *n))[2]
{
	double(*out)[2] = calloc(peaks->count + 1, sizeof(*out));
	const double near = 2 * EM_ORDER_LEAST / (double)(m->height < m->width ? m->height : m->width);
	const double faint = EM_SPOTS_FAINTEST * least_power(m, peaks, near);

	*n = 0;
	for (size_t i = 0; i < peaks->count && out; i++) {
		const struct em_bragg_peak *b = &peaks->peak[i];
		bool known = b->power < faint;

		for (size_t p = 0; p < m->spots.count && !known; p++)
			known = is_of(&m->spots.phase[p], b, near);
		if (!known) {
			out[*n][0] = b->y;
			out[(*n)++][1] = b->x;
		}
	}
	return out;
}

static int make_plan(struct em_movie *m, const struct em_bragg_peaks *peaks, struct em_error *err)
{
	struct em_order_phase *phases = calloc(EM_ORDER_PHASES, sizeof(*phases));
	size_t n = 0;
	double(*others)[2] = other_spots(m, peaks, &n);
	int status = phases && others ? 0 : em_error_memory(err, EM_ORDER_PHASES * sizeof(*phases));

	for (size_t p = 0; p < m->spots.count && !status; p++) {
		memcpy(phases[p].name, m->spots.phase[p].name, sizeof(phases[p].name));
		for (size_t k = 0; k < m->spots.phase[p].count; k++)
			phases[p].spot[phases[p].count++] =
			    (struct em_spot){.y = m->spots.phase[p].spot[k].y, .x = m->spots.phase[p].spot[k].x};
	}
	if (!status) {
		m->plan = em_order_plan_new(m->height, m->width, phases, m->spots.count, m->opt->radius,
		                            (const double(*)[2])others, n, err);
		status = m->plan ? 0 : -1;
	}
	free(phases);
	free(others);
	return status;
}

static int find_spots(struct em_movie *m, struct em_error *err)
{
	const struct em_bragg_options how = {0};
	struct em_bragg_peaks peaks = {0};
	struct em_spots_view view = {&peaks, m->height, m->width, {m->scale[0], m->scale[1]}};
	int status;

	if (!m->learned) /* nothing but blank frames */
		return 0;
	if (em_bragg_find(&peaks, m->power, m->height, m->width, m->learned, &how, err))
		return -1;
	m->peaks = peaks.count;
	status = em_spots_find(&m->spots, m->opt->spots, m->opt->nspots, &view, err);
	if (!status && m->spots.count)
		status = make_plan(m, &peaks, err);
	em_bragg_release(&peaks);
	return status;
}

static int weigh_areas(struct em_movie *m, struct em_error *err)
{
	const struct em_map_grid *g = em_order_plan_grid(m->plan);

	m->grid = (struct em_area_grid){
	    .rows = em_map_grid_rows(g), .cols = em_map_grid_columns(g), .height = m->height, .width = m->width};
	m->weight = calloc(areas(m) + 1, sizeof(*m->weight));
	m->baseline = calloc(m->spots.count * (1 + areas(m)), sizeof(*m->baseline));
	if (!m->weight || !m->baseline)
		return em_error_memory(err, points(m) * sizeof(float));
	for (size_t i = 0; i < areas(m); i++) {
		m->weight[i] = malloc(points(m) * sizeof(float));
		if (!m->weight[i])
			return em_error_memory(err, points(m) * sizeof(float));
		if (em_area_weigh(m->opt->areas, i, &m->grid, m->weight[i], err))
			return -1;
	}
	return 0;
}

static int find_control(struct em_movie *m, struct em_error *err)
{
	const char *text = m->opt->control, *slash = text ? strchr(text, '/') : NULL;
	size_t n = slash ? (size_t)(slash - text) : text ? strlen(text) : 0;

	if (!text)
		return 0;
	for (size_t p = 0; p < m->spots.count; p++)
		if (strlen(m->spots.phase[p].name) == n && !memcmp(m->spots.phase[p].name, text, n))
			m->control[0] = p;
	m->control[1] = slash ? SIZE_MAX : 0;
	for (size_t i = 0; i < areas(m) && slash; i++)
		if (!strcmp(m->opt->areas->area[i].name, slash + 1))
			m->control[1] = i + 1;
	if (m->control[0] == SIZE_MAX || m->control[1] == SIZE_MAX)
		return em_error_set(err, EM_ERROR_DATA,
		                    "there is no phase and region %.100s to be the control: give PHASE or PHASE/REGION",
		                    text);
	return 0;
}

int em_movie_measure(const struct em_movie *m, const struct em_movie_frame *f, size_t phase, size_t region,
                     struct em_measure *out, float *map, struct em_error *err)
{
	const struct em_measure_view view = {.plan = m->plan,
	                                     .reference = &m->reference,
	                                     .single = m->opt->single,
	                                     .phase = phase,
	                                     .weight = region ? m->weight[region - 1] : m->reference.phase[phase].there,
	                                     .grid = m->grid,
	                                     .across = m->opt->across};

	return em_measure_frame(&view, &f->order, out, map, err);
}

/* What the reference frames have themselves: what later ones are relative to. */
static int measure_baseline(struct em_movie *m, struct em_movie_frame *const *frames, size_t n, struct em_error *err)
{
	float *map = malloc(points(m) * sizeof(*map));
	int status = map ? 0 : em_error_memory(err, points(m) * sizeof(*map));

	for (size_t p = 0; p < m->spots.count && !status; p++)
		for (size_t r = 0; r <= areas(m) && !status; r++) {
			double sum = 0, count = 0;

			for (size_t i = 0; i < n && !status; i++) {
				struct em_measure v;

				if (frames[i]->blank)
					continue;
				status = em_movie_measure(m, frames[i], p, r, &v, map, err);
				if (!status && v.seen > 0) {
					sum += v.fraction.value;
					count++;
				}
			}
			m->baseline[p * (1 + areas(m)) + r] = count > 0 ? sum / count : NAN;
		}
	free(map);
	return status;
}

/* Of processed frames, whose mean is little or nothing, it says nothing: 0. */
static double brightness_of(struct em_movie_frame *const *frames, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < n; i++) {
		const struct em_spectrum *s = &frames[i]->spectrum;

		if (!frames[i]->blank && s->mean * s->mean > s->variance)
			most = fmax(most, s->mean);
	}
	return most;
}

static int make_reference(struct em_movie *m, struct em_movie_frame *const *frames, size_t n, struct em_error *err)
{
	const struct em_order_frame **orders = calloc(n + 1, sizeof(struct em_order_frame *));
	size_t count = 0;
	int status = orders ? 0 : em_error_memory(err, n * sizeof(struct em_order_frame *));

	m->brightness = brightness_of(frames, n);
	for (size_t i = 0; i < n && !status; i++) {
		status = em_movie_form(m, frames[i], err);
		if (!frames[i]->blank)
			orders[count++] = &frames[i]->order;
	}
	if (!status)
		status = em_reference_init(&m->reference, m->plan, orders, count, m->opt->single, err);
	free(orders);
	return status;
}

/* Most of a spectrum is never looked at again. */
static int find_wanted(struct em_movie *m, struct em_error *err)
{
	m->wanted = calloc(em_spectrum_pieces(m->width), sizeof(*m->wanted));
	if (!m->wanted)
		return em_error_memory(err, em_spectrum_pieces(m->width));
	if (m->drift)
		em_drift_want(m->drift, m->wanted);
	if (m->plan)
		em_order_want(m->plan, m->wanted);
	return 0;
}

int em_movie_settle(struct em_movie *m, struct em_movie_frame *const *frames, size_t n, struct em_error *err)
{
	if (find_spots(m, err))
		return -1;
	free(m->power);
	m->power = NULL;
	if (find_wanted(m, err))
		return -1;
	if (m->plan && (make_reference(m, frames, n, err) || weigh_areas(m, err) || find_control(m, err) ||
	                measure_baseline(m, frames, n, err)))
		return -1;
	atomic_store(&m->settled, true);
	return 0;
}
