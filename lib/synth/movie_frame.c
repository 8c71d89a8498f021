/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frames of a movie: the specimen where it lies, its image, its labels and its record. */
#include "synth/movie.h"

#include <math.h>
#include <stdio.h>

#define PI 3.14159265358979323846
#define GRAIN 0.6 /* amorphous matter's contrast, of the lattice's visibility */

enum { VACUUM, SUBSTRATE, ORDERED, DISORDERED, LABELS };
static const char *const label_name[LABELS] = {"vacuum", "substrate", "ordered film", "disordered film"};

/* ---- the specimen ---- */

/* One frame on its way.  Arrays have the canvas's rows. */
struct drawing {
	const struct em_synth_movie *m;
	const struct em_synth_moment *at;
	struct em_synth_series film, substrate;
	double substrate_brightness, vacuum_brightness;
	double per_field;              /* how much of the border of order a unit of the field crosses */
	const float *disorder, *grain; /* fields */
	float *film_row, *substrate_row;
	float *image; /* first dirt, then everything */
	size_t stride;
};

static void set_series(const struct em_synth_movie *m, const struct em_synth_moment *at, enum em_synth_matter matter,
                       struct em_synth_series *s)
{
	const struct em_synth_movie_options *o = &m->o;
	bool film = matter == EM_SYNTH_FILM;

	*s = (struct em_synth_series){.a = o->lattice_nm / o->pixel_nm * (film ? 1 + o->misfit : 1),
	                              .angle = film ? o->rotation_deg * PI / 180 : 0,
	                              .origin = {m->origin[0], m->origin[1]}};
	em_synth_series_set(s, matter, o->contrast, at->defocus_nm, o->pixel_nm);
	for (int h = 0; h < EM_SYNTH_ORDERS; h++)
		for (int k = 0; k < EM_SYNTH_ORDERS; k++)
			s->amplitude[h][k] *= m->scale * at->contrast;
}

static double clip(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* How much of a row of pixels the film and the substrate take: borders are one pixel wide. */
static void cover(const struct em_synth_movie *m, double y, double *film, double *substrate)
{
	double below = m->o.vacuum_nm > 0 ? clip(y - (double)m->surface + 1) : 1;

	*substrate = clip(y - (double)m->interface + 1);
	*film = below * (1 - *substrate);
}

/* From 1 in order to 0 in disorder, 1/2 at the threshold, over half a lattice constant. */
static double order_at(const struct drawing *d, double field)
{
	double q = clip(0.5 - (field - d->at->threshold) * d->per_field);

	return q * q * (3 - 2 * q);
}

/* Row j of the frame: the specimen's at y. */
static void draw_row(const struct drawing *d, size_t j)
{
	const struct em_synth_movie_options *o = &d->m->o;
	const float *disorder = d->disorder + j * d->stride, *grain = d->grain + j * d->stride;
	double y = (double)j - d->at->drift[0], film, under;
	double grainy = GRAIN * o->visibility * d->at->contrast;
	float *out = d->image + j * d->stride;

	cover(d->m, y, &film, &under);
	em_synth_series_row(&d->film, y, -d->at->drift[1], o->width, d->film_row);
	em_synth_series_row(&d->substrate, y, -d->at->drift[1], o->width, d->substrate_row);
	for (size_t i = 0; i < o->width; i++) {
		double across = ((double)i - d->at->drift[1] + 0.5) / (double)o->width - 0.5;
		double thick = fmax(1 + o->gradient * across, 0), order = order_at(d, (double)disorder[i]);
		double wave = order * (double)d->film_row[i] + (1 - order) * grainy * (double)grain[i];
		double b = film * (1 + thick * wave);

		b += under * d->substrate_brightness * (1 + thick * (double)d->substrate_row[i]);
		b *= thick * (1 + o->contamination * (double)out[i]);
		b = d->at->intensity * (b + (1 - film - under) * d->vacuum_brightness);
		out[i] = b > 0 ? (float)b : 0;
	}
}

static void label_row(const struct drawing *d, size_t j, unsigned char *labels)
{
	const struct em_synth_movie *m = d->m;
	const float *disorder = d->disorder + j * d->stride;
	double y = (double)j - d->at->drift[0] + 0.5;
	bool substrate = y > (double)m->interface, vacuum = m->o.vacuum_nm > 0 && y < (double)m->surface;

	for (size_t i = 0; i < m->o.width; i++)
		labels[i] = substrate                                     ? SUBSTRATE
		            : vacuum                                      ? VACUUM
		            : (double)disorder[i] >= d->at->threshold ? DISORDERED
		                                                          : ORDERED;
}

void em_synth_movie_draw(const struct em_synth_movie *m, struct em_synth_canvas *c, const struct em_synth_moment *at,
                         unsigned char *labels)
{
	const struct em_synth_movie_options *o = &m->o;
	struct drawing d = {.m = m, .at = at, .disorder = c->layer, .grain = c->work, .image = c->image};

	d.stride = c->frame->width;
	em_synth_movie_disorder(m, c, at->drift, c->layer);
	em_synth_movie_shift(c, m->texture, at->drift, c->work);
	if (m->dirt)
		em_synth_movie_shift(c, m->dirt, at->drift, c->image);
	else
		em_synth_clear(c, c->image, 0);
	d.film_row = c->spectrum; /* done with */
	d.substrate_row = c->spectrum + d.stride;
	set_series(m, at, EM_SYNTH_FILM, &d.film);
	set_series(m, at, EM_SYNTH_SUBSTRATE, &d.substrate);
	d.substrate_brightness = em_synth_series_brightness(false, o->contrast);
	d.vacuum_brightness = em_synth_series_brightness(true, o->contrast);
	/* The field's slope is pi / domain by root mean square. */
	d.per_field = o->domain_nm / (PI * o->lattice_nm / 2);
	for (size_t j = 0; j < o->height; j++) {
		draw_row(&d, j);
		label_row(&d, j, labels + j * o->width);
	}
}

/* ---- the record ---- */

static void put_number(struct em_text *out, const char *name, double value)
{
	em_json_put_name(out, name);
	em_json_put_number(out, value);
}

static void put_box(struct em_text *out, const char *name, const size_t box[4])
{
	em_json_put_name(out, name);
	em_text_printf(out, "[%zu,%zu,%zu,%zu]", box[0], box[1], box[2], box[3]);
}

/* The ordered share of the film's pixels in the labels; NAN, printed as null, where there are none. */
static double count_order(const struct em_synth_movie *m, const unsigned char *labels)
{
	size_t n[LABELS] = {0};

	for (size_t i = 0; i < m->o.height * m->o.width; i++)
		n[labels[i]]++;
	return (double)n[ORDERED] / (double)(n[ORDERED] + n[DISORDERED]);
}

static void print_truth(const struct em_synth_movie *m, const struct em_synth_moment *at, double seen,
                        struct em_text *out)
{
	struct em_synth_moment start;

	em_synth_movie_moment(m, 0, &start);
	em_text_append(out, "{");
	put_number(out, "time_s", 60 * at->minute);
	put_number(out, "fluence", 60 * at->minute * m->o.flux);
	em_json_put_name(out, "drift_px");
	em_json_put_numbers(out, at->drift, 2);
	put_number(out, "fraction", at->fraction);
	put_number(out, "relative", start.fraction > 0 ? at->fraction / start.fraction : (double)NAN);
	put_number(out, "fraction_seen", seen);
	put_number(out, "intensity", at->intensity);
	put_number(out, "contrast", at->contrast);
	put_number(out, "defocus_nm", at->defocus_nm);
	put_box(out, "film", m->film);
	put_box(out, "substrate", m->substrate);
	put_number(out, "surface_px", (double)m->surface);
	put_number(out, "interface_px", (double)m->interface);
	em_text_append(out, "}");
}

static void print_synth(const struct em_synth_movie *m, size_t i, struct em_text *out)
{
	const struct em_synth_movie_options *o = &m->o;

	em_text_printf(out, "{\"seed\":%llu,\"kind\":\"movie\",\"frame\":%zu", (unsigned long long)o->seed, i);
	em_json_put_name(out, "contrast");
	em_json_put_string(out, em_synth_contrast_name[o->contrast]);
	put_number(out, "minutes", o->minutes);
	put_number(out, "flux", o->flux);
	em_json_put_name(out, "history");
	em_text_append(out, "[");
	for (size_t k = 0; k < o->history.points; k++) {
		em_json_put_comma(out);
		em_json_put_numbers(out, (double[2]){o->history.minute[k], o->history.fraction[k]}, 2);
	}
	em_text_append(out, "]");
	put_number(out, "substrate_a_nm", o->lattice_nm);
	put_number(out, "film_a_nm", o->lattice_nm * (1 + o->misfit));
	put_number(out, "film_rotation_deg", o->rotation_deg);
	put_number(out, "vacuum_nm", o->vacuum_nm);
	put_number(out, "domain_nm", o->domain_nm);
	put_number(out, "middle", o->middle);
	put_number(out, "visibility", o->visibility);
	put_number(out, "dose", o->dose);
	put_number(out, "defocus_nm", o->defocus_nm);
	put_number(out, "drift_px", o->drift_px);
	put_number(out, "gradient", o->gradient);
	put_number(out, "contamination", o->contamination);
	put_number(out, "change_contrast", o->change_contrast);
	put_number(out, "change_dose", o->change_dose);
	put_number(out, "change_defocus_nm", o->change_defocus_nm);
	em_text_append(out, "}");
}

static int describe(const struct em_synth_movie *m, size_t i, const struct em_synth_moment *at, double seen,
                    struct em_sample *s, struct em_error *err)
{
	struct em_text labels = {0}, truth = {0}, synth = {0};
	char key[64];
	int status;

	snprintf(key, sizeof(key), "s%llu/movie-%06zu", (unsigned long long)m->o.seed, i);
	em_text_append(&labels, "[");
	for (int k = 0; k < LABELS; k++) {
		em_json_put_comma(&labels);
		em_json_put_string(&labels, label_name[k]);
	}
	em_text_append(&labels, "]");
	print_truth(m, at, seen, &truth);
	print_synth(m, i, &synth);
	status = em_sample_set_key(s, key, err) || em_record_set_text(&s->record, "labels", &labels, err) ||
	         em_record_set_text(&s->record, "truth", &truth, err) ||
	         em_record_set_text(&s->record, "synth", &synth, err);
	em_text_release(&labels);
	em_text_release(&truth);
	em_text_release(&synth);
	return status ? -1 : 0;
}

/* ---- a frame ---- */

static int expose(const struct em_synth_movie *m, const struct em_synth_canvas *c, size_t i, struct em_sample *s,
                  struct em_error *err)
{
	struct em_array a;
	struct em_random r;
	uint16_t *to;

	if (em_array_alloc_image(&a, EM_U16, m->o.height, m->o.width, err))
		return -1;
	em_random_seed(&r, m->o.seed, i + 1);
	to = a.data;
	for (size_t j = 0; j < m->o.height; j++)
		for (size_t k = 0; k < m->o.width; k++) {
			uint32_t n =
			    em_random_poisson(&r, m->o.dose * (double)c->image[j * c->frame->width + k]);

			*to++ = n < 65535 ? (uint16_t)n : 65535;
		}
	for (int k = 0; k < 2; k++)
		em_axis_set(&a.axis[k], k ? "x" : "y", m->o.pixel_nm, 0, "nm");
	return em_sample_take_image(s, &a, err);
}

int em_synth_movie_frame(const struct em_synth_movie *m, struct em_synth_canvas *c, size_t i, struct em_sample *s,
                         struct em_error *err)
{
	struct em_synth_moment at;
	struct em_array labels;
	int status;

	if (em_array_alloc_image(&labels, EM_U8, m->o.height, m->o.width, err))
		return -1;
	*s = (struct em_sample){0};
	em_synth_movie_moment(m, em_synth_movie_minute(m, i), &at);
	em_synth_movie_draw(m, c, &at, labels.data);
	status = describe(m, i, &at, count_order(m, labels.data), s, err) || expose(m, c, i, s, err) ||
	         em_sample_set_array(s, "labels", &labels, err);
	em_array_release(&labels);
	if (status)
		em_sample_release(s);
	return status ? -1 : 0;
}
