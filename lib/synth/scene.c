/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Micrographs: where which texture lies. */
#include "synth/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define REGIONS 8
#define PIECES 250 /* crystals with a direction of their own */

struct region {
	struct em_synth_texture t;
	struct em_synth_pose pose;
};

/* One picture on its way. */
struct making {
	const struct em_synth_options *o;
	struct em_synth_canvas *c;
	struct em_random r;
	struct em_synth_session session;
	struct em_synth_view view;
	unsigned char *labels; /* of the canvas */
	struct region region[REGIONS];
	size_t regions;
	const char *solid; /* region 1 is these things and has no texture; NULL: none */
};

struct kind {
	struct em_synth_scene scene;
	int (*draw)(struct making *m, struct em_error *err);
};

static double side(const struct making *m)
{
	return (double)(m->o->height < m->o->width ? m->o->height : m->o->width);
}

/* ---- textures for regions ---- */

/* Of the families for which is_it says so and that this session shows; always finds one: amorphous, flat and phases are
 * seen everywhere between them. */
static void add_region(struct making *m, const struct em_synth_family *f)
{
	struct region *g = &m->region[m->regions++];

	em_synth_texture_draw(&g->t, f, m->session.pixel_nm, &m->r);
	em_synth_pose_set(&g->pose, 1, g->t.angle, m->view.drift[0], m->view.drift[1]);
}

static const struct em_synth_family *any_family(struct making *m)
{
	for (;;) {
		const struct em_synth_family *f = em_synth_families[em_random_below(&m->r, EM_SYNTH_FAMILIES)];

		if (f->contrasts >> m->session.contrast & 1 && f->domains >> m->session.domain & 1)
			return f;
	}
}

/* A ground for particles: not itself full of them. */
static const struct em_synth_family *plain_family(struct making *m)
{
	bool surface = m->session.domain == EM_SYNTH_SURFACE;

	return em_random_chance(&m->r, 0.7) ? surface ? &em_synth_rough : &em_synth_amorphous : &em_synth_flat;
}

/* Region k, turned otherwise: by 8 degrees at least. */
static void add_turned(struct making *m, size_t k)
{
	struct region *g = &m->region[m->regions++];

	*g = m->region[k];
	g->t.angle += em_random_between(&m->r, 8, 172) * PI / 180;
	em_synth_pose_set(&g->pose, 1, g->t.angle, m->view.drift[0], m->view.drift[1]);
}

/* Lay every region's texture onto its part. */
static int put_regions(struct making *m, struct em_error *err)
{
	int status = 0;

	m->c->labels = m->labels;
	for (size_t k = 0; k < m->regions && !status; k++) {
		m->c->label = (unsigned char)k;
		status = em_synth_texture_put(m->c, &m->region[k].t, &m->region[k].pose, m->view.contrast, &m->r, err);
	}
	return status;
}

/* ---- where ---- */

/* Layers across `angle` whose borders waver by `rough` pixels. */
static void lay_layers(struct making *m, size_t n, double angle, double rough)
{
	size_t h = m->c->frame->height, w = m->c->frame->width;
	double reach = 0.5 * side(m), border[REGIONS], s = sin(angle), c = cos(angle);

	for (size_t k = 0; k + 1 < n; k++)
		border[k] = reach * (2 * ((double)k + em_random_between(&m->r, 0.75, 1.25)) / (double)n - 1);
	em_synth_smooth_noise(m->c, &m->r, 0.12 * side(m), m->c->work);
	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < w; i++) {
			double x = (double)i - (double)w / 2, y = (double)j - (double)h / 2;
			double at = s * x + c * y + rough * (double)m->c->work[j * w + i];
			unsigned char k = 0;

			while ((size_t)k + 1 < n && at > border[k])
				k++;
			m->labels[j * w + i] = k;
		}
}

/* Cells of `pitch` pixels, each of one of n regions. */
static int lay_cells(struct making *m, size_t n, double pitch, struct em_error *err)
{
	size_t w = m->c->frame->width;
	struct em_synth_cells cells;
	unsigned char *of;
	double d1, d2;

	if (em_synth_cells_init(&cells, m->c, &m->r, pitch, 0.9, 1, 0, err))
		return -1;
	of = malloc(em_synth_cells_count(&cells));
	for (size_t i = 0; of && i < em_synth_cells_count(&cells); i++)
		of[i] = (unsigned char)em_random_below(&m->r, n);
	for (size_t i = 0; of && i < em_synth_canvas_pixels(m->c); i++)
		m->labels[i] = of[em_synth_cells_nearest(&cells, (double)(i % w), (double)(i / w), &d1, &d2)];
	em_synth_cells_release(&cells);
	if (!of)
		return em_error_memory(err, em_synth_cells_count(&cells));
	free(of);
	return 0;
}

/* Islands of regions 1, 2, ... in region 0: where a smooth field is high. */
static void lay_islands(struct making *m, size_t n, double length, double level)
{
	em_synth_smooth_noise(m->c, &m->r, length, m->c->work);
	for (size_t i = 0; i < em_synth_canvas_pixels(m->c); i++) {
		double over = ((double)m->c->work[i] - level) / 0.8 + 1;

		m->labels[i] = (unsigned char)(over < 1 ? 0 : over >= (double)n ? (double)n - 1 : over);
	}
}

/* ---- scenes ---- */

static int draw_interface(struct making *m, struct em_error *err)
{
	size_t n = 2 + em_random_below(&m->r, 2);
	double angle =
	    em_random_chance(&m->r, 0.7) ? em_random_between(&m->r, -0.1, 0.1) : em_random_between(&m->r, 0, 2 * PI);

	if (em_random_chance(&m->r, 0.6)) /* a cap */
		add_region(m, &em_synth_amorphous);
	while (m->regions < n)
		add_region(m, &em_synth_lattice);
	lay_layers(m, m->regions, angle, 0.006 * side(m) * em_random_uniform(&m->r));
	return put_regions(m, err);
}

static int draw_bicrystal(struct making *m, struct em_error *err)
{
	size_t n = 2 + em_random_below(&m->r, 4);

	add_region(m, em_random_chance(&m->r, 0.8) ? &em_synth_lattice : &em_synth_moire);
	while (m->regions < n)
		add_turned(m, 0);
	return lay_cells(m, n, side(m) * em_random_between(&m->r, 0.2, 0.5), err) ? -1 : put_regions(m, err);
}

static int draw_coating(struct making *m, struct em_error *err)
{
	size_t n = 3 + em_random_below(&m->r, 2);

	while (m->regions < n)
		add_region(m, any_family(m));
	lay_layers(m, n, em_random_between(&m->r, -0.15, 0.15), 0.02 * side(m));
	return put_regions(m, err);
}

static int draw_inclusions(struct making *m, struct em_error *err)
{
	size_t n = 2 + em_random_below(&m->r, 2);

	while (m->regions < n)
		add_region(m, any_family(m));
	lay_islands(m, n, side(m) * em_random_between(&m->r, 0.1, 0.3), em_random_between(&m->r, -0.3, 1));
	return put_regions(m, err);
}

static int draw_patchwork(struct making *m, struct em_error *err)
{
	size_t n = 3 + em_random_below(&m->r, 4);

	while (m->regions < n)
		add_region(m, any_family(m));
	return lay_cells(m, n, side(m) * em_random_between(&m->r, 0.25, 0.5), err) ? -1 : put_regions(m, err);
}

/* Membranes with organelles in them. */
static int draw_tissue(struct making *m, struct em_error *err)
{
	add_region(m, &em_synth_membranes);
	add_region(m, &em_synth_vesicles);
	add_region(m, &em_synth_cristae);
	lay_islands(m, 3, 0.25 * side(m), 0.2);
	return put_regions(m, err);
}

/* ---- scenes of single things ---- */

/* Shapes of one kind, apart from each other, onto the layer; calls each(m, shape) before. */
static int scatter(struct making *m, const struct em_synth_shape *like, double radius, double pitch,
                   void (*each)(struct making *m, const struct em_synth_shape *s, size_t number), struct em_error *err)
{
	struct em_synth_cells cells;
	size_t number = 0;

	if (em_synth_cells_init(&cells, m->c, &m->r, pitch, 0.7, 1, 0, err))
		return -1;
	for (size_t i = 0; i < em_synth_cells_count(&cells); i++) {
		struct em_synth_shape s = *like;
		double size = radius * em_random_between(&m->r, 0.7, 1.2);

		s.rx *= size;
		s.ry *= size;
		s.height *= em_random_between(&m->r, 0.8, 1.1);
		s.angle = em_random_between(&m->r, 0, 2 * PI);
		em_synth_cells_point(&cells, i, &s.x, &s.y);
		if (em_random_chance(&m->r, 0.75) && s.x > -2 * pitch && s.y > -2 * pitch &&
		    s.x < (double)m->c->frame->width + 2 * pitch && s.y < (double)m->c->frame->height + 2 * pitch)
			each(m, &s, number++);
	}
	em_synth_cells_release(&cells);
	return 0;
}

static void stamp_solid(struct making *m, const struct em_synth_shape *s, size_t number)
{
	(void)number;
	em_synth_stamp(m->c, s);
}

/* Solid things over a ground, or holes in it.  The label is where their outline is. */
static int draw_solids(struct making *m, struct em_synth_shape like, double radius, double pitch, struct em_error *err)
{
	bool surface = m->view.contrast == EM_SYNTH_SEM, pores = !strcmp(m->solid, "pore");
	struct em_synth_canvas *c = m->c;
	size_t n = em_synth_canvas_pixels(c);

	memset(m->labels, 0, n);
	add_region(m, pores ? any_family(m) : plain_family(m));
	m->region[0].t.level *= pores || surface ? 1 : 0.4; /* a thin support */
	if (put_regions(m, err))
		return -1;
	like.height = pores ? 0.8 : surface ? radius : em_random_between(&m->r, 0.7, 1.6);
	em_synth_clear(c, c->layer, 0);
	if (scatter(m, &like, radius, pitch, stamp_solid, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		m->labels[i] = c->layer[i] > 0.001f;
	if (surface && !pores)
		em_synth_shade(c, EM_SYNTH_DETECTOR);
	for (size_t i = 0; i < n; i++) {
		float solid = c->layer[i], ground = c->image[i];

		if (m->labels[i])
			c->image[i] = pores ? ground * (1 - fminf(solid, 1)) : surface ? 1.2f * solid : ground + solid;
	}
	m->regions = 2;
	return 0;
}

static int draw_particles(struct making *m, struct em_error *err)
{
	struct em_synth_shape like = {.rx = 1, .ry = em_random_between(&m->r, 0.75, 1), .highest = true};
	double radius = side(m) * em_random_log_between(&m->r, 0.015, 0.06);

	if (em_random_chance(&m->r, 0.4)) {
		like.outline = EM_SYNTH_POLYGON;
		like.profile = EM_SYNTH_SLAB;
		like.sides = 4 + (double)em_random_below(&m->r, 4);
	}
	m->solid = "particle";
	return draw_solids(m, like, radius, radius * em_random_between(&m->r, 2.2, 5), err);
}

static int draw_rods(struct making *m, struct em_error *err)
{
	double half = side(m) * em_random_log_between(&m->r, 0.006, 0.02), aspect = em_random_log_between(&m->r, 3, 9);
	struct em_synth_shape like = {.rx = aspect, .ry = 1, .outline = EM_SYNTH_ROD};

	like.highest = m->view.contrast == EM_SYNTH_SEM;
	m->solid = "rod";
	return draw_solids(m, like, half, half * aspect * em_random_between(&m->r, 1.1, 2.5), err);
}

static int draw_pores(struct making *m, struct em_error *err)
{
	double radius = side(m) * em_random_log_between(&m->r, 0.012, 0.05);
	struct em_synth_shape like = {.rx = 1.2, .ry = em_random_between(&m->r, 0.6, 1.2), .highest = true};

	m->solid = "pore";
	return draw_solids(m, like, radius, radius * em_random_between(&m->r, 2.5, 5), err);
}

/* A crystal's place takes a label of its own for a while, so that each gets its own direction. */
static void label_crystal(struct making *m, const struct em_synth_shape *s, size_t number)
{
	size_t n = em_synth_canvas_pixels(m->c);

	if (number >= PIECES)
		return;
	em_synth_clear(m->c, m->c->layer, 0);
	em_synth_stamp(m->c, s);
	for (size_t i = 0; i < n; i++)
		if (m->c->layer[i] > 0.5f)
			m->labels[i] = (unsigned char)(number + 1);
}

/* Crystals of one lattice in all directions, on amorphous matter. */
static int draw_nanocrystals(struct making *m, struct em_error *err)
{
	struct em_synth_shape like = {.rx = 1, .ry = 0.9, .outline = EM_SYNTH_POLYGON, .profile = EM_SYNTH_SLAB};
	double radius = side(m) * em_random_between(&m->r, 0.06, 0.12);
	size_t n = em_synth_canvas_pixels(m->c), last = 0;

	like.height = 2; /* everywhere above 0.5 */
	like.sides = 5 + (double)em_random_below(&m->r, 4);
	memset(m->labels, 0, n);
	if (scatter(m, &like, radius, radius * em_random_between(&m->r, 2, 3.5), label_crystal, err))
		return -1;
	add_region(m, &em_synth_amorphous);
	m->region[0].t.level *= 0.5;
	add_region(m, &em_synth_lattice);
	m->region[1].t.p[0] = fmin(m->region[1].t.p[0], radius / 4); /* some columns in each */
	for (size_t i = 0; i < n; i++)
		last = m->labels[i] > last ? m->labels[i] : last;
	m->c->labels = m->labels;
	for (size_t k = 0; k <= last; k++) {
		struct region *g = &m->region[k > 0];

		if (k > 0)
			em_synth_pose_set(&g->pose, 1, em_random_between(&m->r, 0, 2 * PI), m->view.drift[0],
			                  m->view.drift[1]);
		m->c->label = (unsigned char)k;
		if (em_synth_texture_put(m->c, &g->t, &g->pose, m->view.contrast, &m->r, err))
			return -1;
	}
	for (size_t i = 0; i < n; i++)
		m->labels[i] = m->labels[i] > 0;
	return 0;
}

#define ATOMIC (1u << EM_SYNTH_ATOMIC)
#define NANO_SURFACE (1u << EM_SYNTH_NANO | 1u << EM_SYNTH_SURFACE)

static const struct kind kinds[EM_SYNTH_SCENES] = {
    {{"interface", "two or three layers of crystals, perhaps under an amorphous cap", EM_SYNTH_BEAMS, ATOMIC},
     draw_interface},
    {{"bicrystal", "grains of one crystal in two to five directions", EM_SYNTH_BEAMS, ATOMIC}, draw_bicrystal},
    {{"nanocrystals", "crystals in all directions on amorphous matter", EM_SYNTH_BEAMS, ATOMIC}, draw_nanocrystals},
    {{"particles", "particles on a support", EM_SYNTH_EVERY_BEAM, NANO_SURFACE}, draw_particles},
    {{"rods", "rods on a support", EM_SYNTH_EVERY_BEAM, NANO_SURFACE}, draw_rods},
    {{"pores", "pores in any matter", EM_SYNTH_EVERY_BEAM, NANO_SURFACE}, draw_pores},
    {{"inclusions", "islands of other textures in one", EM_SYNTH_EVERY_BEAM, NANO_SURFACE}, draw_inclusions},
    {{"coating", "layers of a polished or broken section", 1u << EM_SYNTH_SEM, 1u << EM_SYNTH_SURFACE}, draw_coating},
    {{"tissue", "membranes, vesicles and cristae", 1u << EM_SYNTH_HAADF | 1u << EM_SYNTH_BF, 1u << EM_SYNTH_SOFT},
     draw_tissue},
    {{"patchwork", "three to six textures side by side, of any kind", EM_SYNTH_EVERY_BEAM, EM_SYNTH_EVERYWHERE},
     draw_patchwork}};

const struct em_synth_scene *em_synth_scene(size_t i)
{
	return &kinds[i].scene;
}

/* ---- the whole picture ---- */

/* Of one family all over. */
static int draw_family(struct making *m, const struct em_synth_family *f, struct em_error *err)
{
	memset(m->labels, 0, em_synth_canvas_pixels(m->c));
	add_region(m, f);
	return put_regions(m, err);
}

static void print_labels(const struct making *m, struct em_text *out)
{
	em_text_append(out, "[");
	for (size_t k = 0; k < m->regions; k++) {
		char name[48];

		snprintf(name, sizeof(name), "%zu %s", k, k && m->solid ? m->solid : m->region[k].t.family->name);
		em_json_put_comma(out);
		em_json_put_string(out, name);
	}
	em_text_append(out, "]");
}

static void print_truth(const struct making *m, size_t i, const char *kind, struct em_text *out)
{
	em_text_printf(out, "{\"seed\":%llu,\"index\":%zu,\"kind\":", (unsigned long long)m->o->seed, i);
	em_json_put_string(out, kind);
	em_text_append(out, ",\"regions\":[");
	for (size_t k = 0; k < m->regions && !(k && m->solid); k++) {
		em_json_put_comma(out);
		em_text_append(out, "{");
		em_synth_texture_print(&m->region[k].t, &m->region[k].pose, m->session.pixel_nm, out);
		em_text_append(out, "}");
	}
	em_text_append(out, "]");
	em_synth_view_print(&m->view, out);
	em_text_append(out, "}");
}

static int describe(const struct making *m, size_t i, size_t kind, struct em_sample *s, struct em_error *err)
{
	struct em_text text = {0};
	char key[64];
	int status;

	snprintf(key, sizeof(key), "s%llu/%s-%06zu", (unsigned long long)m->o->seed, em_synth_kind_name(kind), i);
	if (em_sample_set_key(s, key, err))
		return -1;
	print_labels(m, &text);
	status = em_record_set_text(&s->record, "labels", &text, err);
	em_text_clear(&text);
	print_truth(m, i, em_synth_kind_name(kind), &text);
	if (!status)
		status = em_record_set_text(&s->record, "synth", &text, err);
	em_text_release(&text);
	return status;
}

/* The scene's kind, its session and view, and its specimen on the canvas. */
static int make(struct making *m, size_t kind, struct em_error *err)
{
	static const struct em_synth_texture straight = {0};
	struct em_synth_levels seen;
	unsigned contrasts, domains;

	em_synth_kind_bits(kind, &contrasts, &domains);
	em_synth_session_draw(&m->session, &m->o->conditions, contrasts, domains, &m->r);
	em_synth_view_draw(&m->view, &m->session, &m->o->conditions, &straight, &m->r);
	m->view.pixel_nm = m->session.pixel_nm; /* regions are drawn at scale 1 */
	em_synth_clear(m->c, m->c->image, 0);
	if (kind < EM_SYNTH_FAMILIES ? draw_family(m, em_synth_families[kind], err)
	                             : kinds[kind - EM_SYNTH_FAMILIES].draw(m, err))
		return -1;
	em_synth_session_focus(&m->session, &m->region[0].t, &m->r);
	if (!m->o->conditions.defocus_given)
		m->view.defocus_nm = m->session.defocus_nm;
	em_synth_view_form(m->c, &m->view);
	seen = em_synth_view_measure(m->c, m->o->height, m->o->width);
	em_synth_session_set_levels(&m->session, &m->o->conditions, &seen, 1, &m->r);
	em_synth_view_set_levels(&m->view, &m->session, &m->o->conditions, 0, &m->r);
	return 0;
}

static int finish(struct making *m, size_t i, size_t kind, struct em_sample *s, struct em_error *err)
{
	struct em_array labels;
	int status;

	if (em_array_alloc_image(&labels, EM_U8, m->o->height, m->o->width, err))
		return -1;
	*s = (struct em_sample){0};
	status = describe(m, i, kind, s, err) || em_synth_finish(m->o, m->c, &m->view, labels.data, &m->r, s, err) ||
	         em_sample_set_array(s, "labels", &labels, err);
	em_array_release(&labels);
	if (status)
		em_sample_release(s);
	return status ? -1 : 0;
}

int em_synth_micrograph(const struct em_synth_options *o, struct em_synth_canvas *c, size_t i, struct em_sample *s,
                        struct em_error *err)
{
	struct making m = {.o = o, .c = c};
	size_t kind;
	int status;

	m.labels = malloc(em_synth_canvas_pixels(c));
	if (!m.labels)
		return em_error_memory(err, em_synth_canvas_pixels(c));
	em_random_seed(&m.r, o->seed, i);
	kind = em_synth_kind_draw(o, EM_SYNTH_KINDS, o->conditions.contrasts, ~0u, &m.r);
	status = make(&m, kind, err);
	if (!status)
		status = finish(&m, i, kind, s, err);
	free(m.labels);
	return status;
}
