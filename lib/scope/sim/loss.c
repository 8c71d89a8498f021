/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spectra of energy losses: what stands under the probe, as lib/synth/spectrum.h makes spectra of it.  Below 100 eV the
 * low loss, whose sum is the beam and in which ln(I / I_0) is t / lambda; on an axis that begins higher the core loss.
 * An axis that has both changes to the core loss from 110 to 148 eV, where the plasmons' tail is cut off: its sum is
 * the beam's to some thousandths.
 */
#include "scope/sim/image.h"
#include "scope/sim/loss_edges.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT 3.0
#define PLACES 37
#define THICKEST 4.9
#define CORE_FROM 110.0 /* eV: from here the core loss takes over ... */
#define CORE_ALL 148.0  /* ... until here */

/* Of what has lost its order the ions are reduced as well; and a reduction takes oxygen: Ti3+ and half an O at 1. */
static void react(struct em_synth_specimen *s, const struct em_sim_met *m)
{
	double disorder = m->matter->amorphous ? 0 : 1 - m->order;

	s->valence[EM_SYNTH_TI] -= fmin(1, m->reacted + 0.5 * disorder);
	s->valence[EM_SYNTH_MN] -= 0.7 * disorder;
	s->valence[EM_SYNTH_FE] -= 0.7 * disorder;
	s->vacancy = s->atoms[EM_SYNTH_TI] > 0 ? m->reacted * 0.5 / 3 : 0;
	s->atoms[EM_SYNTH_O] *= 1 - s->vacancy;
}

static struct em_synth_specimen foil(const struct em_sim_met *m, double slant, double voltage)
{
	const char *name = m->matter->compound ? m->matter->compound : "SrTiO3";
	const struct em_synth_compound *c = em_synth_compound_find(name, strlen(name));
	double t = m->thickness * slant;
	struct em_synth_specimen s = em_synth_compound_foil(c, t / em_sim_matter_lambda(m->matter, voltage), EXPONENT);

	if (!m->matter->compound) { /* the background alone, and oxygen, of which MoO2 has less */
		for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
			s.atoms[e] = 0;
		s.atoms[EM_SYNTH_O] = m->matter->oxygen * t * 1e9 * (1 - m->reacted / 3);
	} else {
		react(&s, m);
	}
	return s;
}

/* One behind the other: twice what is side by side. */
static struct em_synth_specimen behind(const struct em_synth_specimen *a, const struct em_synth_specimen *b)
{
	struct em_synth_specimen s = em_synth_specimen_mix(a, b, 0.5);

	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
		s.atoms[e] *= 2;
	s.thickness *= 2;
	s.background *= 2;
	return s;
}

/* The mean over what the beam falls on; atoms: of loss_edges.h. */
static struct em_synth_specimen under_beam(const struct em_sim_world *w, const struct em_sim_view *v,
                                           double atoms[EM_SIM_EDGES])
{
	const struct em_synth_specimen nothing = {.valence = {-2, 4, 3, 3, 3}, .exponent = EXPONENT};
	struct em_synth_specimen mean = nothing;
	double place[PLACES][2], turn[3][3], radius;
	size_t n = em_sim_world_footprint(v, PLACES, place, &radius);

	em_sim_tilt_matrix(v->a, v->b, turn);
	for (size_t i = 0; i < n; i++) {
		struct em_sim_met met[EM_SIM_MET];
		size_t found = em_sim_world_meet(w, v, place[i][0], place[i][1], 0, met);
		struct em_synth_specimen here = nothing;

		for (size_t k = 0; k < found; k++) {
			struct em_synth_specimen next = foil(&met[k], 1 / turn[2][2], v->voltage);

			here = behind(&here, &next);
			em_sim_edges_count(met[k].matter, met[k].thickness / turn[2][2] / (double)n, atoms);
		}
		mean = em_synth_specimen_mix(&mean, &here, 1 / (double)(i + 1));
	}
	return mean;
}

/* ---- models, which are dear to make ---- */

#define MODELS 4
struct em_sim_loss_cache {
	pthread_mutex_t lock;
	struct em_synth_loss model[MODELS];
	size_t next;
};

struct em_sim_loss_cache *em_sim_loss_cache_new(struct em_error *err)
{
	struct em_sim_loss_cache *c = calloc(1, sizeof(*c));

	if (!c)
		em_error_memory(err, sizeof(*c));
	else
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void em_sim_loss_cache_free(struct em_sim_loss_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < MODELS; i++)
		em_synth_loss_release(&c->model[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool same(const struct em_synth_loss_options *a, const struct em_synth_loss_options *b)
{
	return a->axis.offset == b->axis.offset && a->axis.scale == b->axis.scale &&
	       a->axis.channels == b->axis.channels && a->resolution == b->resolution && a->spread == b->spread &&
	       a->low == b->low && a->thickest == b->thickest;
}

/* The model with these options, made where there is none; the cache is locked. */
static const struct em_synth_loss *model(struct em_sim_loss_cache *c, const struct em_synth_loss_options *o,
                                         struct em_error *err)
{
	struct em_synth_loss *m;

	for (size_t i = 0; i < MODELS; i++)
		if (c->model[i].density && same(&c->model[i].o, o))
			return &c->model[i];
	m = &c->model[c->next];
	c->next = (c->next + 1) % MODELS;
	em_synth_loss_release(m);
	*m = (struct em_synth_loss){0};
	return em_synth_loss_init(m, o, err) ? NULL : m;
}

/* From what the low loss has to what the core loss has, as straight as logarithms can be. */
static double join(double low, double core, double energy)
{
	double share = fmin(fmax((energy - CORE_FROM) / (CORE_ALL - CORE_FROM), 0), 1);

	return low > 0 && core > 0 && share < 1 ? exp((1 - share) * log(low) + share * log(core)) : core;
}

/* counts[channels] from `first` on = what one model has, joined to what is there. */
static int add(const struct em_sim_world *w, const struct em_sim_view *v, const struct em_synth_specimen *s, bool low,
               size_t first, double electrons, double *counts, struct em_error *err)
{
	struct em_synth_loss_options o = {
	    .axis = {v->energy_offset + (double)first * v->dispersion, v->dispersion, v->width - first},
	    .resolution = fmin(fmax(v->energy_fwhm, fmax(0.02, v->dispersion / 2)), 20),
	    .spread = fmin(2.355 * v->blur, 20),
	    .thickest = s->thickness < 0.5   ? 0.5
	                : s->thickness < 1.5 ? 1.5
	                                     : 5,
	    .low = low};
	double *part = calloc(v->width, sizeof(*part));
	const struct em_synth_loss *m;
	int failed = -1;

	if (!part)
		return em_error_memory(err, v->width * sizeof(*part));
	pthread_mutex_lock(&w->cache->lock);
	m = model(w->cache, &o, err);
	if (m)
		failed = em_synth_loss_expect(m, s, electrons, 0, part, err);
	pthread_mutex_unlock(&w->cache->lock);
	for (size_t i = first; i < v->width && !failed; i++)
		counts[i] = join(counts[i], part[i - first], v->energy_offset + (double)i * v->dispersion);
	free(part);
	return failed;
}

int em_sim_expect_loss(const struct em_sim_world *w, const struct em_sim_view *v, float *expected, struct em_error *err)
{
	double atoms[EM_SIM_EDGES] = {0};
	struct em_synth_specimen s = under_beam(w, v, atoms);
	double *counts, from = (CORE_FROM - v->energy_offset) / v->dispersion, electrons = v->electrons * v->dqe;
	size_t core = from > 0 ? from < (double)v->width ? (size_t)ceil(from) : v->width : 0;
	bool low = v->energy_offset < 100;
	int failed = 0;

	if (!(v->dispersion > 0) || !isfinite(v->energy_offset))
		return em_error_set(err, EM_ERROR_USAGE, "a spectrum whose channels have no width");
	if (s.thickness > THICKEST) { /* a bar: hardly anything comes through */
		electrons *= exp(THICKEST - s.thickness);
		s.thickness = THICKEST;
	}
	counts = calloc(v->width, sizeof(*counts));
	if (!counts)
		return em_error_memory(err, v->width * sizeof(*counts));
	if (low)
		failed = add(w, v, &s, true, 0, electrons, counts, err);
	if (!failed && (!low || core + 2 <= v->width))
		failed = add(w, v, &s, false, low ? core : 0, electrons, counts, err);
	if (!failed)
		failed = em_sim_edges_add(v, atoms, s.thickness, electrons, counts, err);
	for (size_t i = 0; i < v->width && !failed; i++)
		expected[i] = (float)counts[i];
	free(counts);
	return failed;
}
