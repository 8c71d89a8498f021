/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Series of a reduction: what is drawn for each, and one instant of it. */
#include "synth/reduction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define SERIES 100000
#define FRAMES 1000000
#define THINNEST 0.02 /* of the thickness that is left at least */

/* ---- bounds ---- */

static int bound_or_draw(const char *name, double value, double lo, double hi, struct em_error *err)
{
	return isnan(value) ? 0 : em_synth_bound(name, value, lo, hi, err);
}

static int check(const struct em_synth_reduction_options *o, struct em_error *err)
{
	if (o->series < 1 || o->series > SERIES || o->frames > FRAMES || o->frames == 1)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "%zu series of %zu frames: expected 1 to %d, of 2 to %d frames", o->series,
		                    o->frames, SERIES, FRAMES);
	if (o->law < 0 || o->law > EM_SYNTH_LAWS)
		return em_error_set(err, EM_ERROR_USAGE, "no such law");
	return em_synth_recording_check(&o->recording, err) ||
	               em_synth_bound("frame-time", o->frame_s, 1e-6, 1e6, err) ||
	               bound_or_draw("conversion", o->conversion, 0, 1, err) ||
	               bound_or_draw("thickness", o->thickness, 0.001, 5, err) ||
	               bound_or_draw("exponent", o->exponent, 0, 8, err) ||
	               bound_or_draw("thinning", o->thinning, 0, 1 - THINNEST, err) ||
	               bound_or_draw("change-dose", o->current, -0.99, 10, err) ||
	               bound_or_draw("drift", o->drift, -10, 10, err) || bound_or_draw("walk", o->walk, 0, 1, err)
	           ? -1
	           : 0;
}

/* ---- what is drawn ---- */

/* Drawn in any case, so that one option given does not change the others. */
static double draw(struct em_random *r, double given, double lo, double hi)
{
	double v = em_random_between(r, lo, hi);

	return isnan(given) ? v : given;
}

static void draw_kinetics(struct em_synth_series_plan *p, int law, double seconds, struct em_random *r)
{
	size_t any = em_random_below(r, EM_SYNTH_LAWS);
	double extent = em_random_between(r, 0.6, 0.95), shape = em_random_between(r, 1.5, 4),
	       steep = em_random_between(r, 8, 20);
	double induction = em_random_between(r, 0.2, 0.6), apart = em_random_between(r, 0.7, 1.4);
	enum em_synth_kinetic_law chosen =
	    law == EM_SYNTH_LAWS ? (enum em_synth_kinetic_law)any : (enum em_synth_kinetic_law)law;

	p->valence = (struct em_synth_kinetics){chosen, steep / seconds, shape, induction * seconds};
	em_synth_kinetics_fit(&p->valence, seconds, extent);
	p->vacancy = p->valence; /* the same law, faster or slower: electrons may be trapped elsewhere for a time */
	p->vacancy.rate *= apart;
	p->vacancy.induction /= apart;
}

static void draw_plan(const struct em_synth_reduction_options *o, size_t j, struct em_synth_series_plan *p)
{
	struct em_random r;
	double walk;

	em_random_seed(&r, o->seed ^ 0x5e71e5, j);
	p->frames = o->frames ? o->frames : 120 + em_random_below(&r, 41);
	draw_kinetics(p, o->law, (double)(p->frames - 1) * o->frame_s, &r);
	p->conversion = draw(&r, o->conversion, 0.3, 0.9);
	p->thickness = draw(&r, o->thickness, 0.35, 0.6);
	p->exponent = draw(&r, o->exponent, 2.6, 3.3);
	p->thinning = draw(&r, o->thinning, 0.02, 0.15);
	p->current = draw(&r, o->current, -0.05, 0.05);
	p->drift = draw(&r, o->drift, -0.5, 0.5);
	walk = draw(&r, o->walk, 0.02, 0.1);
	for (int k = 0; k < EM_SYNTH_STRIDES; k++)
		p->stride[k] = walk * sqrt(2) / (PI * (k + 0.5)) * em_random_normal(&r);
}

static double shift_at(const struct em_synth_series_plan *p, double tau)
{
	double shift = p->drift * tau;

	for (int k = 0; k < EM_SYNTH_STRIDES; k++)
		shift += p->stride[k] * sin(PI * (k + 0.5) * tau);
	return shift;
}

/* The tables reach as far as the energy may drift and to the thickest foil that may be: not that is, or one series
 * would change the last digits of another. */
static void set_reach(const struct em_synth_reduction_options *o, struct em_synth_loss_options *lo)
{
	lo->margin = fabs(em_synth_given(o->drift, 0.5)) + 6 * em_synth_given(o->walk, 0.1);
	lo->thickest = em_synth_given(o->thickness, 0.6);
}

static int draw_series(struct em_synth_reduction *m, struct em_error *err)
{
	m->plan = calloc(m->o.series, sizeof(*m->plan));
	if (!m->plan)
		return em_error_memory(err, m->o.series * sizeof(*m->plan));
	for (size_t j = 0; j < m->o.series; j++) {
		draw_plan(&m->o, j, &m->plan[j]);
		m->plan[j].first = m->frames;
		m->frames += m->plan[j].frames;
	}
	return 0;
}

int em_synth_reduction_init(struct em_synth_reduction *m, const struct em_synth_reduction_options *o,
                            struct em_error *err)
{
	const struct em_synth_recording usual = {
	    .axis = {435, 0.1, 1900}, .resolution = 0.8, .spread = 1, .gain = 0.01, .readout = 5, .dose = 1.1e10};
	const struct em_synth_recording *r = &m->o.recording;
	struct em_synth_loss_options lo;

	*m = (struct em_synth_reduction){.o = *o};
	m->o.recording = em_synth_recording_fill(&o->recording, &usual);
	m->o.frame_s = em_synth_given(o->frame_s, 0.4);
	if (check(&m->o, err))
		return -1;
	lo = (struct em_synth_loss_options){
	    .axis = r->axis, .resolution = r->resolution, .spread = r->spread, .single = r->single};
	m->foil = em_synth_compound_foil(em_synth_compound_find("SrTiO3", 6), 1, 1);
	if (draw_series(m, err) == 0) {
		set_reach(&m->o, &lo);
		if (em_synth_loss_init(&m->loss, &lo, err) == 0 &&
		    em_synth_detector_init(&m->detector, o->seed, r->axis.channels, r->gain, r->readout, err) == 0)
			return 0;
	}
	em_synth_reduction_release(m);
	return -1;
}

void em_synth_reduction_release(struct em_synth_reduction *m)
{
	em_synth_loss_release(&m->loss);
	em_synth_detector_release(&m->detector);
	free(m->plan);
	m->plan = NULL;
}

/* ---- an instant ---- */

size_t em_synth_reduction_series(const struct em_synth_reduction *m, size_t i)
{
	size_t lo = 0, hi = m->o.series;

	while (hi - lo > 1) {
		size_t middle = lo + (hi - lo) / 2;

		if (m->plan[middle].first <= i)
			lo = middle;
		else
			hi = middle;
	}
	return lo;
}

struct em_synth_instant em_synth_reduction_at(const struct em_synth_reduction *m, size_t series, size_t frame)
{
	const struct em_synth_series_plan *p = &m->plan[series];
	double tau = (double)frame / (double)(p->frames - 1), t = (double)frame * m->o.frame_s;
	double whole = em_synth_kinetics_at(&p->valence, (double)(p->frames - 1) * m->o.frame_s);
	double left = 1 - p->thinning * tau, thickness = p->thickness * left;
	struct em_synth_instant at = {.time_s = t, .intensity = 1 + p->current * tau, .shift = shift_at(p, tau)};

	at.ti3 = p->conversion * em_synth_kinetics_at(&p->valence, t) / whole;
	at.vacancy = p->conversion * fmin(1, em_synth_kinetics_at(&p->vacancy, t) / whole) / 6;
	at.specimen = m->foil;
	at.specimen.exponent = p->exponent;
	at.specimen.thickness = thickness;
	at.specimen.background *= thickness;
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
		at.specimen.atoms[e] *= thickness;
	at.specimen.atoms[EM_SYNTH_O] *= 1 - at.vacancy;
	at.specimen.valence[EM_SYNTH_TI] = 4 - at.ti3;
	at.specimen.vacancy = at.vacancy;
	return at;
}
