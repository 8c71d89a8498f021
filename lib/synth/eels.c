/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectrum images across an interface. */
#include "synth/eels.h"

#include "base/parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define LOW_SHARE 1e-3    /* of the dose that the low loss takes */
#define LOW_OFFSET (-20.) /* eV */

/* ---- what the images have in common ---- */

static int check(const struct em_synth_eels_options *o, struct em_error *err)
{
	double bytes = (double)o->rows * (double)o->columns * (double)o->recording.axis.channels * sizeof(float);

	if (em_synth_recording_check(&o->recording, err) || em_synth_bound("pixel", o->pixel_nm, 1e-3, 1e6, err) ||
	    em_synth_bound("width", o->width_nm, 0, 1e6, err) ||
	    em_synth_bound("position", o->position_nm, -1e9, 1e9, err) ||
	    em_synth_bound("thickness", o->thickness, 0, 5, err) ||
	    em_synth_bound("exponent", o->exponent, 0, 8, err) ||
	    em_synth_bound("conversion", o->conversion, 0, 1, err) || em_synth_bound("drift", o->drift, -20, 20, err))
		return -1;
	if (o->rows < 1 || o->columns < 1 || !(bytes <= (double)EM_SYNTH_EELS_BYTES))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "%zu x %zu spectra of %zu channels: expected some, and 2 GiB of them at most",
		                    o->columns, o->rows, o->recording.axis.channels);
	return 0;
}

static int open_loss(const struct em_synth_eels_options *o, bool low, struct em_synth_loss *loss,
                     struct em_synth_detector *detector, struct em_error *err)
{
	const struct em_synth_recording *r = &o->recording;
	struct em_synth_loss_options lo = {.axis = r->axis,
	                                   .resolution = r->resolution,
	                                   .spread = r->spread,
	                                   .thickest = o->thickness,
	                                   .margin = fabs(o->drift),
	                                   .low = low,
	                                   .single = r->single};

	if (low)
		lo.axis.offset = LOW_OFFSET;
	return em_synth_loss_init(loss, &lo, err) ||
	               em_synth_detector_init(detector, o->seed, lo.axis.channels, r->gain, r->readout, err)
	           ? -1
	           : 0;
}

static int fill(struct em_synth_eels_options *o, struct em_error *err)
{
	const struct em_synth_recording usual = {.axis = {400, 0.25, 2048}, .resolution = 0.8, .dose = 1e9};

	o->recording = em_synth_recording_fill(&o->recording, &usual);
	o->pixel_nm = em_synth_given(o->pixel_nm, 0.2);
	o->width_nm = em_synth_given(o->width_nm, 0.6);
	o->position_nm = em_synth_given(o->position_nm, 0.5 * ((double)o->columns - 1) * o->pixel_nm);
	o->thickness = em_synth_given(o->thickness, 0.5);
	o->exponent = em_synth_given(o->exponent, 3);
	o->conversion = em_synth_given(o->conversion, 0);
	o->drift = em_synth_given(o->drift, 0);
	return o->compound[0] ? 0 : em_synth_eels_pair("LaFeO3/SrTiO3", o->compound, err);
}

int em_synth_eels_init(struct em_synth_eels *m, const struct em_synth_eels_options *o, struct em_error *err)
{
	*m = (struct em_synth_eels){.o = *o};
	if (fill(&m->o, err) || check(&m->o, err))
		return -1;
	for (int k = 0; k < 2; k++)
		m->side[k] = em_synth_compound_foil(m->o.compound[k], m->o.thickness, m->o.exponent);
	if (open_loss(&m->o, false, &m->core, &m->detector, err) == 0 &&
	    (!o->low || open_loss(&m->o, true, &m->low, &m->low_detector, err) == 0))
		return 0;
	em_synth_eels_release(m);
	return -1;
}

void em_synth_eels_release(struct em_synth_eels *m)
{
	em_synth_loss_release(&m->core);
	em_synth_loss_release(&m->low);
	em_synth_detector_release(&m->detector);
	em_synth_detector_release(&m->low_detector);
}

struct em_synth_specimen em_synth_eels_specimen(const struct em_synth_eels *m, size_t column)
{
	double x = (double)column * m->o.pixel_nm - m->o.position_nm, w = m->o.width_nm;
	double share = w > 0 ? 0.5 * erfc(-x / (sqrt(2) * w)) : x < 0 ? 0 : x > 0 ? 1 : 0.5;
	struct em_synth_specimen s = em_synth_specimen_mix(&m->side[0], &m->side[1], share);

	if (w > 0)
		s.valence[EM_SYNTH_TI] = fmax(3, s.valence[EM_SYNTH_TI] - m->o.conversion * exp(-x * x / (2 * w * w)));
	return s;
}

double em_synth_eels_shift(const struct em_synth_eels *m, size_t row, size_t column)
{
	size_t pixels = m->o.rows * m->o.columns;

	return pixels > 1 ? m->o.drift * (double)(row * m->o.columns + column) / (double)(pixels - 1) : 0;
}

/* ---- an image ---- */

struct exposure {
	const struct em_synth_eels *m;
	const struct em_synth_loss *loss;
	const struct em_synth_detector *detector;
	struct em_array counts, truth, net[EM_SYNTH_ELEMENTS]; /* net: zeroed where there is none */
	double window[EM_SYNTH_ELEMENTS][2], electrons;
	size_t first; /* of the random streams */
	atomic_bool failed;
};

static void expose_pixel(void *ctx, size_t i)
{
	struct exposure *x = ctx;
	size_t columns = x->m->o.columns, channels = x->loss->o.axis.channels;
	struct em_synth_specimen s = em_synth_eels_specimen(x->m, i % columns);
	double shift = em_synth_eels_shift(x->m, i / columns, i % columns);
	double *expected = malloc(channels * sizeof(*expected));
	struct em_error err = {0};
	struct em_random r;

	if (!expected || em_synth_loss_expect(x->loss, &s, x->electrons, shift, expected, &err)) {
		atomic_store(&x->failed, true);
		free(expected);
		return;
	}
	em_random_seed(&r, x->m->o.seed, x->first + i);
	em_synth_detector_expose(x->detector, expected, &r, (float *)x->counts.data + i * channels);
	for (size_t k = 0; k < channels; k++)
		((float *)x->truth.data)[i * channels + k] = (float)expected[k];
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
		if (x->net[e].data)
			((float *)x->net[e].data)[i] =
			    (float)em_synth_loss_net(x->loss, &s, x->electrons, shift, (enum em_synth_element)e,
			                             x->window[e][0], x->window[e][1]);
	free(expected);
}

static int alloc_spectra(const struct exposure *x, struct em_array *a, struct em_error *err)
{
	const struct em_synth_eels_options *o = &x->m->o;
	const struct em_synth_axis *axis = &x->loss->o.axis;
	const size_t shape[3] = {o->rows, o->columns, axis->channels};
	int skip = o->rows > 1 ? 0 : o->columns > 1 ? 1 : 2;

	if (em_array_alloc(a, EM_F32, 3 - skip, shape + skip, err))
		return -1;
	for (int k = skip; k < 2; k++)
		em_axis_set(&a->axis[k - skip], k ? "x" : "y", o->pixel_nm, 0, "nm");
	em_axis_set(&a->axis[2 - skip], "energy", axis->scale, axis->offset, "eV");
	return 0;
}

static int alloc_exposure(struct exposure *x, struct em_error *err)
{
	const size_t shape[2] = {x->m->o.rows, x->m->o.columns};

	if (alloc_spectra(x, &x->counts, err) || alloc_spectra(x, &x->truth, err))
		return -1;
	for (int e = 0; e < EM_SYNTH_ELEMENTS && !x->loss->o.low; e++) {
		if (em_synth_edge_window(&x->loss->o.axis, (enum em_synth_element)e, x->m->side, 2, x->window[e]) &&
		    em_array_alloc(&x->net[e], EM_F32, 2, shape, err))
			return -1;
	}
	return 0;
}

static int put_arrays(struct exposure *x, struct em_sample *s, struct em_error *err)
{
	if (em_sample_take_data(s, &x->counts, err) || em_sample_set_array(s, "truth", &x->truth, err))
		return -1;
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++) {
		char name[32];

		snprintf(name, sizeof(name), "truth-%s", em_synth_edge[e].word);
		if (x->net[e].data && em_sample_set_array(s, name, &x->net[e], err))
			return -1;
	}
	return 0;
}

static int describe(const struct em_synth_eels *m, size_t i, bool low, struct em_sample *s, struct em_error *err)
{
	struct em_text truth = {0}, synth = {0};
	char key[80];
	int status;

	snprintf(key, sizeof(key), "s%llu/eels-%06zu%s", (unsigned long long)m->o.seed, i,
	         low        ? "/low"
	         : m->o.low ? "/core"
	                    : "");
	em_synth_eels_print(m, i, low, &truth, &synth);
	status = em_sample_set_key(s, key, err) || em_record_set_text(&s->record, "truth", &truth, err) ||
	         em_record_set_text(&s->record, "synth", &synth, err);
	em_text_release(&truth);
	em_text_release(&synth);
	return status ? -1 : 0;
}

int em_synth_eels_image(const struct em_synth_eels *m, size_t i, bool low, int threads, struct em_sample *s,
                        struct em_error *err)
{
	size_t pixels = m->o.rows * m->o.columns;
	struct exposure x = {.m = m,
	                     .loss = low ? &m->low : &m->core,
	                     .detector = low ? &m->low_detector : &m->detector,
	                     .electrons = m->o.recording.dose * (low ? LOW_SHARE : 1),
	                     .first = (2 * i + low) * pixels};
	int status = alloc_exposure(&x, err);

	*s = (struct em_sample){0};
	if (!status) {
		em_parallel_for(threads, pixels, expose_pixel, &x);
		if (atomic_load(&x.failed))
			status = em_error_memory(err, x.loss->o.axis.channels * sizeof(double));
	}
	status = status || describe(m, i, low, s, err) || put_arrays(&x, s, err);
	em_array_release(&x.counts);
	em_array_release(&x.truth);
	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++)
		em_array_release(&x.net[e]);
	if (status)
		em_sample_release(s);
	return status ? -1 : 0;
}
