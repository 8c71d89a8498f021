/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A specimen from its JSON file.  Strict: what is not understood is an error, as a slip of the pen would go unseen. */
#include "scope/sim/world.h"

#include <stdlib.h>
#include <string.h>

#define UM 1e-6
#define NM 1e-9
#define PI 3.14159265358979323846

/* One object of the file; the first error is kept. */
struct reading {
	const struct em_json *node;
	const char *where;
	struct em_error *err;
	int failed; /* 0 or -1 */
};

static void complain(struct reading *r, const char *name, const char *what)
{
	if (!r->failed)
		r->failed = em_error_set(r->err, EM_ERROR_DATA, "specimen: %s.%s: %s", r->where, name, what);
}

static bool is_among(const char *words, const char *name)
{
	size_t len = strlen(name), n;

	for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
		n = strcspn(words, " ");
		if (n == len && !memcmp(words, name, n))
			return true;
		words += n;
	}
	return false;
}

/* names: those that there may be, blanks between them. */
static void check_names(struct reading *r, const char *names)
{
	if (!em_json_is_object(r->node))
		complain(r, "*", "an object is wanted");
	for (const struct em_json *m = em_json_first(r->node); m; m = em_json_next(m)) {
		const char *name = em_json_name(m);

		if (!name || !is_among(names, name))
			complain(r, name ? name : "?", "there is no such member");
	}
}

/* *value keeps what it has where there is no such member. */
static void number(struct reading *r, const char *name, double unit, double lo, double hi, double *value)
{
	const struct em_json *m = em_json_get(r->node, name);
	double v;

	if (!m)
		return;
	if (!em_json_number(m, &v) || !(v * unit >= lo * (1 - 1e-12) && v * unit <= hi * (1 + 1e-12)))
		complain(r, name, "no number, or out of bounds");
	else
		*value = v * unit;
}

static void range(struct reading *r, const char *name, double unit, double lo, double hi, struct em_sim_range *value)
{
	const struct em_json *m = em_json_get(r->node, name);
	double v[2];

	if (!m)
		return;
	if (em_json_size(m) != 2 || em_json_numbers(m, v, 2) != 2 ||
	    !(v[0] <= v[1] && v[0] * unit >= lo * (1 - 1e-12) && v[1] * unit <= hi * (1 + 1e-12)))
		complain(r, name, "two numbers, the lower one first, within bounds are wanted");
	else
		*value = (struct em_sim_range){v[0] * unit, v[1] * unit};
}

static void material(struct reading *r, const struct em_sim_matter **matter)
{
	const struct em_json *m = em_json_get(r->node, "material");

	if (m && !(*matter = em_sim_matter_find(em_json_string(m))))
		complain(r, "material", "there is none of that name");
	if (!*matter)
		complain(r, "material", "is wanted");
}

static void read_scatter_sizes(struct reading *r, struct em_sim_scatter *s)
{
	number(r, "pitch_um", UM, 10 * NM, 1e-3, &s->pitch);
	number(r, "pitch_nm", NM, 10 * NM, 1e-3, &s->pitch);
	number(r, "share", 1, 0, 1, &s->share);
	number(r, "clump_um", UM, 0, 1e-2, &s->clump);
	range(r, "radius_nm", NM, 0.5 * NM, 100 * UM, &s->length);
	range(r, "radius_um", UM, 0.5 * NM, 100 * UM, &s->length);
	range(r, "length_um", UM, NM, 100 * UM, &s->length);
	range(r, "width_nm", NM, NM, 100 * UM, &s->width);
	range(r, "thickness_nm", NM, NM, UM, &s->thickness);
	s->reach = 0.57 * s->pitch + s->length.hi; /* to a cell's corner, and half a square's diagonal */
	if (!(s->length.hi > 0) || (s->shape == EM_SIM_SLAB && !(s->width.hi > 0 && s->thickness.hi > 0)))
		complain(r, "*", "sizes are wanted");
	if (!(s->pitch > 0) || s->length.hi > 20 * s->pitch)
		complain(r, "pitch_um", "is too small for such things");
}

static int read_scatter(struct em_sim_world *w, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "scatter", err, 0};
	struct em_sim_scatter *s = &w->scatter[w->scatters];
	const char *kind = em_json_string(em_json_get(node, "kind"));

	*s = (struct em_sim_scatter){.share = 0.5, .seed = em_sim_hash(w->seed, 17, (long)w->scatters)};
	check_names(&r, "kind material pitch_um pitch_nm share clump_um radius_nm length_um width_nm thickness_nm");
	if (!kind || (strcmp(kind, "particles") != 0 && strcmp(kind, "rods") != 0 && strcmp(kind, "plates") != 0))
		complain(&r, "kind", "is one of particles, rods, plates");
	s->shape = kind && strcmp(kind, "particles") == 0 ? EM_SIM_SPHERE : EM_SIM_SLAB;
	material(&r, &s->matter);
	if (!r.failed)
		read_scatter_sizes(&r, s);
	w->scatters += !r.failed;
	return r.failed;
}

static int read_grid(struct em_sim_world *w, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "grid", err, 0};

	check_names(&r, "material pitch_um bar_um thickness_um radius_um");
	material(&r, &w->grid.matter);
	number(&r, "pitch_um", UM, 5 * UM, 1e-2, &w->grid.pitch);
	number(&r, "bar_um", UM, 0, w->grid.pitch, &w->grid.bar);
	number(&r, "thickness_um", UM, 0, 1e-3, &w->grid.thickness);
	number(&r, "radius_um", UM, UM, 1e-2, &w->grid.radius);
	return r.failed;
}

static int read_hole(struct em_sim_world *w, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "film.holes_at", err, 0};
	struct em_sim_thing *t = &w->film.hole_at[w->film.holes_at];

	*t = (struct em_sim_thing){.shape = EM_SIM_HOLE, .half = {UM, 0}, .id = w->film.holes_at};
	check_names(&r, "x_um y_um radius_um");
	number(&r, "x_um", UM, -2e-3, 2e-3, &t->at[0]);
	number(&r, "y_um", UM, -2e-3, 2e-3, &t->at[1]);
	number(&r, "radius_um", UM, NM, 1e-3, &t->half[0]);
	t->half[1] = t->half[0];
	t->bevel = fmin(0.1 * t->half[0], 0.4 * UM);
	t->at[2] = em_sim_world_height(w, t->at[0], t->at[1]);
	w->film.holes_at += !r.failed;
	return r.failed;
}

/* Each element of the list by `one`, of which there may be `most`. */
static int read_list(struct em_sim_world *w, const struct em_json *list, size_t most, const char *what,
                     int (*one)(struct em_sim_world *, const struct em_json *, struct em_error *), struct em_error *err)
{
	if (list && (!em_json_is_array(list) || em_json_size(list) > most))
		return em_error_set(err, EM_ERROR_DATA, "specimen: %s: a list of at most %zu is wanted", what, most);
	for (const struct em_json *m = em_json_first(list); m; m = em_json_next(m))
		if (one(w, m, err))
			return -1;
	return 0;
}

static int read_film(struct em_sim_world *w, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "film", err, 0};
	struct em_sim_scatter *s = &w->film.holes;

	check_names(&r, "material thickness_nm height_um torn holes holes_at");
	material(&r, &w->film.matter);
	number(&r, "thickness_nm", NM, 0, UM, &w->film.thickness);
	number(&r, "height_um", UM, 0, 50 * UM, &w->film.height);
	number(&r, "torn", 1, 0, 1, &w->film.torn);
	*s = (struct em_sim_scatter){.shape = EM_SIM_HOLE, .share = 0.5, .seed = em_sim_hash(w->seed, 19, 0)};
	if (em_json_get(node, "holes") && !r.failed) {
		struct reading h = {em_json_get(node, "holes"), "film.holes", err, 0};

		check_names(&h, "pitch_um share clump_um radius_um");
		read_scatter_sizes(&h, s);
		r.failed = h.failed;
	}
	return r.failed ? -1
	                : read_list(w, em_json_get(node, "holes_at"), EM_SIM_HOLES, "film.holes_at", read_hole, err);
}

static int read_layer(struct em_sim_section *s, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "sections.layers", err, 0};
	struct em_sim_layer *l = &s->layer[s->layers];
	double nm = 0;

	*l = (struct em_sim_layer){.amorphous = em_json_is_true(em_json_get(node, "amorphous"))};
	check_names(&r, "material nm amorphous");
	material(&r, &l->matter);
	number(&r, "nm", NM, 0.1 * NM, 50 * UM, &nm);
	if (!(nm > 0))
		complain(&r, "nm", "is wanted");
	l->top = s->depth;
	l->bottom = s->depth += nm;
	s->layers += !r.failed;
	return r.failed;
}

/* Layers on the substrate have its constant along the interface and keep the volume of their cells. */
static void strain_layers(struct em_sim_section *s)
{
	s->substrate = s->layers;
	for (size_t i = 0; i < s->layers; i++)
		if (!s->layer[i].amorphous && !s->layer[i].matter->amorphous)
			s->substrate = i;
	for (size_t i = 0; i < s->layers; i++) {
		struct em_sim_layer *l = &s->layer[i];
		const double *cell = l->matter->cell;
		double a = i < s->substrate && s->substrate < s->layers ? s->layer[s->substrate].matter->cell[0] : 0;

		l->cell[0] = a > 0 ? a : cell[0];
		l->cell[1] = a > 0 ? cell[0] * cell[1] * cell[2] / (a * a) : cell[1];
	}
}

static int read_section(struct em_sim_world *w, const struct em_json *node, struct em_error *err)
{
	struct reading r = {node, "sections", err, 0};
	struct em_sim_section *s = &w->section[w->sections];
	const struct em_json *layers = em_json_get(node, "layers");

	*s = (struct em_sim_section){
	    .width = 10 * UM, .thickness = {40 * NM, 40 * NM}, .seed = em_sim_hash(w->seed, 23, (long)w->sections)};
	check_names(&r, "x_um y_um angle_deg width_um thickness_nm step_nm layers");
	number(&r, "x_um", UM, -2e-3, 2e-3, &s->at[0]);
	number(&r, "y_um", UM, -2e-3, 2e-3, &s->at[1]);
	number(&r, "angle_deg", PI / 180, -2 * PI, 2 * PI, &s->angle);
	number(&r, "width_um", UM, 10 * NM, 1e-3, &s->width);
	number(&r, "step_nm", NM, 0, 100 * NM, &s->step);
	range(&r, "thickness_nm", NM, NM, UM, &s->thickness);
	if (!em_json_is_array(layers) || em_json_size(layers) < 1 || em_json_size(layers) > EM_SIM_LAYERS)
		complain(&r, "layers", "a list of 1 to 8 is wanted");
	for (const struct em_json *m = em_json_first(layers); m && !r.failed; m = em_json_next(m))
		r.failed = read_layer(s, m, err);
	s->at[2] = em_sim_world_height(w, s->at[0], s->at[1]);
	strain_layers(s);
	w->sections += !r.failed;
	return r.failed;
}

int em_sim_world_parse(struct em_sim_world *w, const struct em_json *root, uint64_t seed, struct em_error *err)
{
	struct reading r = {root, "*", err, 0};
	double own = 0;

	*w = (struct em_sim_world){0};
	check_names(&r, "seed grid film scatter sections comment");
	number(&r, "seed", 1, 0, 9e15, &own);
	w->seed = seed + (uint64_t)own;
	w->grid.pitch = 1; /* without a grid: no bar within a metre */
	w->grid.radius = 0.5;
	if (r.failed || (em_json_get(root, "grid") && read_grid(w, em_json_get(root, "grid"), err)) ||
	    (em_json_get(root, "film") && read_film(w, em_json_get(root, "film"), err)))
		return -1;
	return read_list(w, em_json_get(root, "sections"), EM_SIM_SECTIONS, "sections", read_section, err) ||
	               read_list(w, em_json_get(root, "scatter"), EM_SIM_SCATTERS, "scatter", read_scatter, err)
	           ? -1
	           : 0;
}

/* ---- opening ---- */

const char em_sim_world_default[] =
    "{\"grid\":{\"material\":\"Cu\",\"pitch_um\":125,\"bar_um\":35,\"thickness_um\":15,\"radius_um\":1300},"
    "\"film\":{\"material\":\"C\",\"thickness_nm\":15,\"height_um\":2,\"torn\":0.08,"
    "\"holes\":{\"pitch_um\":4.2,\"radius_um\":[0.5,1.6],\"share\":0.75},"
    "\"holes_at\":[{\"x_um\":20,\"y_um\":-13.4,\"radius_um\":2.6}]},"
    "\"scatter\":["
    "{\"kind\":\"rods\",\"material\":\"MoO3\",\"pitch_um\":31,\"share\":0.35,\"clump_um\":170,"
    "\"length_um\":[4,18],\"width_nm\":[300,1800],\"thickness_nm\":[120,400]},"
    "{\"kind\":\"plates\",\"material\":\"MoO3\",\"pitch_um\":9,\"share\":0.35,\"clump_um\":70,"
    "\"length_um\":[1,4],\"width_nm\":[400,1500],\"thickness_nm\":[20,70]},"
    "{\"kind\":\"rods\",\"material\":\"MoO3\",\"pitch_um\":2.4,\"share\":0.35,\"clump_um\":45,"
    "\"length_um\":[0.6,4],\"width_nm\":[60,240],\"thickness_nm\":[40,120]},"
    "{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_nm\":45,\"share\":0.4,\"clump_um\":1.3,"
    "\"radius_nm\":[1.5,6]}],"
    "\"sections\":[{\"x_um\":20,\"y_um\":-12,\"angle_deg\":6,\"width_um\":9,\"thickness_nm\":[28,75],\"step_nm\":0."
    "3905,"
    "\"layers\":[{\"material\":\"Pt\",\"nm\":700,\"amorphous\":true},{\"material\":\"C\",\"nm\":60},"
    "{\"material\":\"LaMnO3\",\"nm\":3,\"amorphous\":true},{\"material\":\"LaMnO3\",\"nm\":37},"
    "{\"material\":\"SrTiO3\",\"nm\":3600}]}]}";

int em_sim_world_open(const char *path, uint64_t seed, struct em_sim_world **world, struct em_error *err)
{
	struct em_json *root = path ? em_json_parse_file(path, err)
	                            : em_json_parse(em_sim_world_default, strlen(em_sim_world_default), err);
	struct em_sim_world *w = malloc(sizeof(*w));
	int failed = -1;

	if (root && !w)
		em_error_memory(err, sizeof(*w));
	else if (root)
		failed = em_sim_world_parse(w, root, seed, err);
	em_json_free(root);
	if (!failed && !(w->cache = em_sim_loss_cache_new(err)))
		failed = -1;
	if (failed) {
		free(w);
		return -1;
	}
	*world = w;
	return 0;
}

void em_sim_world_free(struct em_sim_world *world)
{
	if (world)
		em_sim_loss_cache_free(world->cache);
	free(world);
}
