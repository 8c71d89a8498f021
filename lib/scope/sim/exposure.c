/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/exposure.h"

#include "base/units.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define FLYBACK 0.004          /* of a row, that its beginning is off */
#define CHARGE 1.602176634e-19 /* C; CODATA 2018, exact */

/* ---- what was asked for ---- */

static enum em_sim_signal signal_of(const struct em_sim_detector *d, const struct em_sim_state *s)
{
	bool stem = s->control[EM_MODE] != 0, diffraction = s->control[EM_PROJECTION] != 0;

	if (d->kind == EM_DETECTOR_SPECTROMETER)
		return EM_SIM_LOSS;
	if (d->kind == EM_DETECTOR_SCAN)
		return EM_SIM_SCAN;
	return stem || diffraction ? EM_SIM_PATTERN : EM_SIM_IMAGE;
}

/* Width and height of the picture, and the pixels of the detector in one. */
static int plan_size(const struct em_sim_detector *d, const struct em_exposure *e, struct em_sim_view *v,
                     size_t *binning, struct em_error *err)
{
	size_t b = e->binning ? e->binning : 1, w, h, most_w, most_h;
	bool scan = d->kind == EM_DETECTOR_SCAN, line = d->height == 1;

	if (b > 64 || (b & (b - 1)) || (!line && d->height / b < 1))
		return em_error_set(err, EM_ERROR_REFUSED, "sim: %s has no binning %zu", d->name, b);
	most_w = scan ? d->most : d->width / b;
	most_h = scan ? d->most : line ? 1 : d->height / b;
	w = e->width ? e->width : d->width / b;
	h = line ? 1 : e->height ? e->height : d->height / b;
	if (w > most_w || h > most_h)
		return em_error_set(err, EM_ERROR_REFUSED,
		                    "sim: %s has no picture of %zu x %zu at binning %zu: %zu x %zu is "
		                    "the largest",
		                    d->name, w, h, b, most_w, most_h);
	v->width = w;
	v->height = h;
	*binning = b;
	return 0;
}

static int plan_time(const struct em_sim_detector *d, const struct em_exposure *e, struct em_sim_view *v,
                     struct em_error *err)
{
	bool scan = d->kind == EM_DETECTOR_SCAN;
	double asked = scan ? e->dwell : e->seconds, t = asked != 0 ? asked : d->usual;

	if (!(t >= d->least && t <= d->longest))
		return em_error_set(err, EM_ERROR_REFUSED, "sim: %s takes %g to %g s, not %g s", d->name, d->least,
		                    d->longest, t);
	v->dwell = scan ? t : 0;
	v->line_seconds = scan ? d->line : 0;
	v->seconds = scan ? (double)v->height * ((double)v->width * t + d->line) : t;
	return 0;
}

static int plan_detector(const struct em_sim_state *s, const struct em_exposure *e, struct em_sim_plan *p,
                         struct em_error *err)
{
	const struct em_sim_detector *d = em_sim_detector_find(e->detector);

	if (!d)
		return em_error_set(err, EM_ERROR_REFUSED, "sim: there is no detector '%.32s'", e->detector);
	if (d->kind == EM_DETECTOR_SCAN && s->control[EM_MODE] == 0)
		return em_error_set(err, EM_ERROR_REFUSED, "sim: %s needs a scan: set mode=stem", d->name);
	p->detector = d;
	p->view.signal = signal_of(d, s);
	p->view.dqe = d->dqe;
	p->view.gain = d->gain;
	p->view.offset = d->offset;
	p->view.read_noise = d->read_noise;
	p->view.saturation = d->saturation;
	p->view.blur = d->blur;
	p->view.flat = d->flat;
	p->view.inner = d->inner;
	p->view.outer = p->view.signal == EM_SIM_IMAGE ? 0.02 : d->outer;
	return 0;
}

/* ---- how it lies on the specimen ---- */

static void plane_of(const struct em_sim_model *m, const struct em_sim_state *s, const struct em_sim_plan *p,
                     size_t binning, bool nominal, double plane[2][2])
{
	const struct em_sim_view *v = &p->view;
	size_t side = v->width > v->height ? v->width : v->height;
	double step = p->detector->pixel * (double)binning;

	switch (v->signal) {
	case EM_SIM_IMAGE: em_sim_plane_camera(m, s, step, nominal, plane); break;
	case EM_SIM_PATTERN: em_sim_plane_pattern(m, s, step, nominal, plane); break;
	case EM_SIM_SCAN: em_sim_plane_scan(m, s, 1 / (double)side, nominal, plane); break;
	case EM_SIM_LOSS: memset(plane, 0, 4 * sizeof(double)); break;
	}
}

static double norm(const double plane[2][2], int column)
{
	return hypot(plane[0][column], plane[1][column]);
}

/* The drive of y is tilted with the rod, that of x is not tilted with what the holder tilts: of y the picture shows the
 * cosine.  As the instrument knows it, by where the tilt's drive stands. */
static void plan_to_stage(const struct em_sim_model *m, const struct em_sim_state *s, enum em_sim_signal signal,
                          const double told[2][2], double to_stage[2][2])
{
	double tilt = em_sim_axis_drive(&m->axis[3], &s->stage.axis[3], s->time);
	bool seen = signal == EM_SIM_IMAGE || signal == EM_SIM_SCAN;

	for (int k = 0; k < 2; k++) {
		to_stage[0][k] = seen ? told[0][k] : NAN;
		to_stage[1][k] = seen ? told[1][k] / cos(tilt) : NAN;
	}
}

static void plan_plane(const struct em_sim_model *m, const struct em_sim_state *s, struct em_sim_plan *p,
                       size_t binning)
{
	struct em_acquired *a = &p->acquired;
	struct em_sim_view *v = &p->view;
	double told[2][2];

	plane_of(m, s, p, binning, false, v->plane);
	plane_of(m, s, p, binning, true, told);
	v->pixel = sqrt(fabs(v->plane[0][0] * v->plane[1][1] - v->plane[0][1] * v->plane[1][0]));
	a->scale[0] = norm((const double(*)[2])told, 1);
	a->scale[1] = norm((const double(*)[2])told, 0);
	a->offset = NAN;
	plan_to_stage(m, s, v->signal, (const double(*)[2])told, a->to_stage);
}

/* The specimen's coordinates of what the stage and the deflectors bring to the middle: view.h's R, solved for its
 * first two numbers. */
static void place_at(const struct em_sim_model *m, const struct em_sim_state *s, double time, struct em_sim_pose *at)
{
	double shift[2], dx, dy;

	em_sim_stage_pose(m, &s->stage, time, at);
	em_sim_optics_shift(m, s, shift);
	dx = shift[0] / cos(at->b);
	dy = (shift[1] - dx * sin(at->a) * sin(at->b)) / cos(at->a);
	at->x += dx;
	at->y += dy;
	at->height += dy * sin(at->a) - dx * sin(at->b) * cos(at->a);
}

static void plan_place(const struct em_sim_model *m, const struct em_sim_state *s, struct em_sim_view *v)
{
	struct em_sim_pose from, to;

	place_at(m, s, s->time, &from);
	place_at(m, s, s->time + v->seconds, &to);
	v->x = from.x;
	v->y = from.y;
	v->a = from.a;
	v->b = from.b;
	v->drift[0] = (to.x - from.x) / v->seconds;
	v->drift[1] = (to.y - from.y) / v->seconds;
	v->defocus = s->control[EM_DEFOCUS] + s->left_focus + from.height;
	v->time = s->time;
}

/* ---- optics ---- */

static void plan_optics(const struct em_sim_model *m, const struct em_sim_state *s, struct em_sim_view *v)
{
	const double *c = s->control;
	bool stem = c[EM_MODE] != 0;
	double wavelength = em_units_wavelength_m(c[EM_VOLTAGE]);

	v->voltage = c[EM_VOLTAGE];
	v->spherical = stem ? 1e-6 : 1.2e-3;
	v->convergence = em_sim_optics_get(m, s, EM_CONVERGENCE, NULL);
	v->beam_radius = stem ? INFINITY : em_sim_beam_radius(s);
	v->probe = stem ? 35e-12 * sqrt(1 + em_sim_current(s) / 100e-12) : 0;
	v->camera_length = s->camera_length[stem] * m->length_scale;
	if (v->signal == EM_SIM_SCAN) {
		v->row_jitter = 12e-12 + 0.02 * v->pixel;
		v->flyback = FLYBACK * (double)v->width * hypot(v->plane[0][0], v->plane[1][0]);
		v->flyback_seconds = 15e-6;
	}
	for (int i = 0; i < 2; i++) {
		v->astigmatism[i] = m->astigmatism[i] + m->stigmator * c[EM_STIGMATOR_X + i];
		v->tilt[i] = c[EM_BEAM_TILT_X + i];
		v->beam[i] = m->beam_shift[i][0] * c[EM_BEAM_SHIFT_X] + m->beam_shift[i][1] * c[EM_BEAM_SHIFT_Y];
		v->pattern[i] = (c[EM_DIFFRACTION_SHIFT_X + i] + c[EM_BEAM_TILT_X + i]) / wavelength;
	}
}

static void plan_energies(const struct em_sim_model *m, const struct em_sim_state *s, struct em_sim_plan *p,
                          size_t binning)
{
	const double *c = s->control;
	struct em_sim_view *v = &p->view;

	v->energy_offset = c[EM_ENERGY_OFFSET] + m->energy_error + m->energy_drift * sin(2 * PI * s->time / 1800);
	v->dispersion = c[EM_DISPERSION] * m->energy_scale * (double)binning;
	v->energy_fwhm = 0.5;
	if (v->signal == EM_SIM_LOSS) {
		p->acquired.offset = c[EM_ENERGY_OFFSET];
		p->acquired.scale[0] = p->acquired.scale[1] = c[EM_DISPERSION] * (double)binning;
	}
}

/* ---- electrons ---- */

/* Where the beam stands in stem while it does not scan: its diffraction limit and its source, 1 nm at least for where
 * the dose is known to have been. */
static double probe_radius(const struct em_sim_view *v)
{
	return hypot(0.61 * em_units_wavelength_m(v->voltage) / v->convergence, v->probe);
}

/* The field of a scan as it lies on the specimen, or the disc of a beam that stands. */
static void plan_field(struct em_sim_plan *p, double radius)
{
	const struct em_sim_view *v = &p->view;
	double side[2][2], n;

	p->place.x = v->x;
	p->place.y = v->y;
	p->place.half[0] = fmax(radius, 1e-9);
	if (v->signal != EM_SIM_SCAN) {
		p->place.x += isfinite(v->beam_radius) ? v->beam[0] : 0; /* of a probe, in x and y already */
		p->place.y += isfinite(v->beam_radius) ? v->beam[1] : 0;
		return;
	}
	for (int k = 0; k < 2; k++) {
		double half = (double)(k ? v->height : v->width) / 2;

		side[k][0] = half * v->plane[0][k] / cos(v->b);
		side[k][1] = (half * v->plane[1][k] - side[k][0] * sin(v->a) * sin(v->b)) / cos(v->a);
	}
	n = hypot(side[0][0], side[0][1]);
	p->place.half[0] = n;
	p->place.half[1] = fabs(side[0][0] * side[1][1] - side[0][1] * side[1][0]) / n;
	p->place.angle = atan2(side[0][1], side[0][0]);
}

static void plan_electrons(const struct em_sim_state *s, struct em_sim_plan *p)
{
	struct em_sim_view *v = &p->view;
	bool stem = s->control[EM_MODE] != 0, scan = v->signal == EM_SIM_SCAN;
	double a_second = em_sim_current(s) / CHARGE, radius = stem ? probe_radius(v) : v->beam_radius;
	double area = scan ? v->pixel * v->pixel : PI * radius * radius;

	p->electrons = a_second * v->seconds;
	p->place.dose = a_second * (scan ? v->dwell : v->seconds) / area;
	p->acquired.dose = p->place.dose;
	plan_field(p, radius);
	if (!scan) /* as many electrons on the place that is kept, which has a least size */
		p->place.dose *= radius * radius / (p->place.half[0] * p->place.half[0]);
	v->electrons = scan                        ? a_second * v->dwell
	               : v->signal == EM_SIM_IMAGE ? p->acquired.dose * v->pixel * v->pixel
	                                           : p->electrons;
	if (!scan && s->control[EM_SCREEN_DOWN] != 0)
		v->electrons = 0;
	p->acquired.electrons = p->detector->gain;
	p->acquired.seconds = v->seconds + p->detector->overhead;
}

/* Avrami's law of a front that grows in two dimensions. */
double em_sim_reaction(const struct em_sim_options *o, double time)
{
	return o->reaction > 0 ? -expm1(-(time / o->reaction) * (time / o->reaction)) : 0;
}

int em_sim_exposure_plan(const struct em_sim_model *m, const struct em_sim_options *o, const struct em_sim_state *s,
                         const struct em_exposure *e, struct em_sim_plan *plan, struct em_error *err)
{
	struct em_sim_plan p = {.detector = NULL};
	size_t binning = 1;

	if (plan_detector(s, e, &p, err) || plan_size(p.detector, e, &p.view, &binning, err) ||
	    plan_time(p.detector, e, &p.view, err))
		return -1;
	plan_plane(m, s, &p, binning);
	plan_place(m, s, &p.view);
	plan_optics(m, s, &p.view);
	plan_energies(m, s, &p, binning);
	plan_electrons(s, &p);
	p.view.reaction = em_sim_reaction(o, s->time);
	p.view.critical = o->disorder;
	p.view.contamination = o->contamination;
	memcpy(p.view.place, s->place, sizeof(s->place));
	p.view.detector_seed = m->seed * 8 + (uint64_t)p.view.signal;
	*plan = p;
	return 0;
}

static bool is_same(const struct em_sim_place *p, const struct em_sim_place *q)
{
	return hypot(p->x - q->x, p->y - q->y) < 0.03 * p->half[0] && fabs(p->angle - q->angle) < 0.03 &&
	       fabs(p->half[0] - q->half[0]) < 0.03 * p->half[0] && fabs(p->half[1] - q->half[1]) < 0.03 * p->half[0];
}

/* An exposure of the same place adds to it; else the place with the least dose is forgotten. */
static void add_place(struct em_sim_state *s, const struct em_sim_place *p)
{
	struct em_sim_place *least = &s->place[0];

	for (size_t i = 0; i < EM_SIM_PLACES; i++) {
		struct em_sim_place *at = &s->place[i];

		if (at->dose > 0 && is_same(p, at)) {
			at->dose = fmin(at->dose + p->dose, 1e40);
			return;
		}
		least = at->dose < least->dose ? at : least;
	}
	if (p->dose > least->dose)
		*least = *p;
}

void em_sim_exposure_done(struct em_sim_state *s, const struct em_sim_plan *plan)
{
	s->electrons = fmin(s->electrons + plan->electrons, 1e40);
	s->exposures += 1;
	s->busy = s->time + plan->acquired.seconds;
	add_place(s, &plan->place);
}
