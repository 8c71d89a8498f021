/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/spots.h"

#include "crystal/order.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIGHEST 0.45 /* |g|, cycles a pixel: beyond, the detector's and the scan's transfer has little left */
#define NEAR 0.05    /* relative, of a spacing that is asked for: calibrations err by as much */

/* ---- requests ---- */

static int refuse(const char *text, const char *why, struct em_error *err)
{
	return em_error_set(
	    err, EM_ERROR_USAGE,
	    "spots '%.100s': %s; as in auto, d:0.39,0.276, lattice:0.39,0.39,90:10,01,11 or a file's path", text, why);
}

/* "0.39,0.276" up to `end`: how many, -1 where it cannot be read. */
static int read_numbers(const char *at, char end, double *v, int most)
{
	for (int n = 0; n < most; n++) {
		char *next;

		v[n] = strtod(at, &next);
		if (next == at || !(v[n] > 0) || !isfinite(v[n]))
			return -1;
		if (*next == end)
			return n + 1;
		if (*next != ',')
			return -1;
		at = next + 1;
	}
	return -1;
}

/* "1-1" -> {1, -1}: a digit each, with a minus before it where it is below 0. */
static const char *read_index(const char *at, int *v)
{
	int sign = *at == '-' ? -1 : 1;

	at += *at == '-';
	if (!isdigit((unsigned char)*at))
		return NULL;
	*v = sign * (*at - '0');
	return at + 1;
}

static int read_indices(struct em_spots_request *r, const char *at)
{
	for (r->count = 0; r->count < EM_SPOTS_MOST; at++) {
		int *hk = r->hk[r->count++];

		at = read_index(at, &hk[0]);
		at = at ? read_index(at, &hk[1]) : NULL;
		if (!at || (!hk[0] && !hk[1]))
			return -1;
		if (!*at)
			return 0;
		if (*at != ',')
			return -1;
	}
	return -1;
}

static int read_lattice(struct em_spots_request *r, const char *text, const char *at, struct em_error *err)
{
	const char *hk = strchr(at, ':');
	double v[3];

	if (!hk || read_numbers(at, ':', v, 3) != 3)
		return refuse(text, "two spacings and an angle are needed, and then indices", err);
	if (read_indices(r, hk + 1))
		return refuse(text, "indices are two digits each, not 00, up to twelve", err);
	r->known = (struct em_lattice_known){.d_a = v[0], .d_b = v[1], .gamma_star = v[2]};
	return 0;
}

bool em_spots_name_is_fit(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return n > 0 && n < EM_SPOTS_NAME && !name[n];
}

/* "NAME=" before a request; a path may hold a '=' too, but not before its first '/'. */
static const char *read_name(struct em_spots_request *r, const char *text, struct em_error *err)
{
	size_t n = strcspn(text, "=/");

	if (text[n] != '=')
		return text;
	memcpy(r->name, text, n < sizeof(r->name) ? n : 0);
	if (!em_spots_name_is_fit(r->name)) {
		refuse(text, "a phase's name is 1 to 31 letters, digits, '-' or '_'", err);
		return NULL;
	}
	return text + n + 1;
}

int em_spots_request_parse(struct em_spots_request *r, const char *text, struct em_error *err)
{
	struct em_spots_request made = {.kind = EM_SPOTS_AUTO};
	const char *at = read_name(&made, text, err);
	int n;

	if (!at)
		return -1;
	if (!strncmp(at, "d:", 2)) {
		made.kind = EM_SPOTS_SPACINGS;
		n = read_numbers(at + 2, '\0', made.d, EM_SPOTS_MOST);
		if (n < 1)
			return refuse(text, "spacings are numbers above 0 with commas between, up to twelve", err);
		made.count = (size_t)n;
	} else if (!strncmp(at, "lattice:", 8)) {
		made.kind = EM_SPOTS_LATTICE;
		if (read_lattice(&made, text, at + 8, err))
			return -1;
	} else if (strcmp(at, "auto") != 0) {
		if (!*at)
			return refuse(text, "nothing is asked for", err);
		made.kind = EM_SPOTS_FILE;
		made.path = at;
	}
	*r = made;
	return 0;
}

/* ---- answers ---- */

static struct em_spots_phase *add_phase(struct em_spots *out, const char *name, struct em_error *err)
{
	for (size_t i = 0; i < out->count; i++)
		if (!strcmp(out->phase[i].name, name)) {
			em_error_set(err, EM_ERROR_DATA, "two phases are called '%s': give them names, as in film=auto",
			             name);
			return NULL;
		}
	if (out->count == EM_SPOTS_PHASES) {
		em_error_set(err, EM_ERROR_DATA, "more than %d phases", EM_SPOTS_PHASES);
		return NULL;
	}
	if (!em_spots_name_is_fit(name)) { /* of 31 letters, with a 2 behind it */
		em_error_set(err, EM_ERROR_DATA, "the name '%s' is too long", name);
		return NULL;
	}
	out->phase[out->count] = (struct em_spots_phase){0};
	snprintf(out->phase[out->count].name, EM_SPOTS_NAME, "%s", name);
	return &out->phase[out->count++];
}

/* The strongest peaks that `wanted` says, into the phase: peaks come by falling height. */
static void take_peaks(struct em_spots_phase *p, const struct em_bragg_peaks *peaks,
                       const struct em_lattice_index *index, int wanted)
{
	double strongest = 0;

	for (size_t i = 0; i < peaks->count && p->count < EM_SPOTS_MOST; i++) {
		const struct em_bragg_peak *b = &peaks->peak[i];

		if (index[i].lattice != wanted || hypot(b->y, b->x) > HIGHEST)
			continue;
		strongest = fmax(strongest, b->power);
		if (b->power < EM_SPOTS_FAINTEST * strongest)
			continue;
		p->spot[p->count++] =
		    (struct em_spots_spot){.y = b->y, .x = b->x, .snr = b->snr, .h = index[i].h, .k = index[i].k};
	}
}

static struct em_lattice_options lattice_options(const struct em_spots_view *v)
{
	return (struct em_lattice_options){
	    .height = v->height, .width = v->width, .scale = {v->scale[0], v->scale[1]}, .most = 2};
}

/* "film", "film2", ... */
static void number_name(char name[EM_SPOTS_NAME + 16], const char *stem, size_t i)
{
	snprintf(name, EM_SPOTS_NAME + 16, i ? "%s%zu" : "%s", stem, i + 1);
}

/* Is there room for a mask at a peak of a lattice?  Not near to the middle, nor to one that counts beside it. */
static bool has_room(const struct em_spots_view *v, const struct em_lattice_index *index, size_t i)
{
	const double least = EM_ORDER_LEAST / (double)(v->height < v->width ? v->height : v->width);
	const struct em_bragg_peak *b = &v->peaks->peak[i];

	if (EM_ORDER_RADIUS * hypot(b->y, b->x) < least)
		return false;
	for (size_t k = 0; k < v->peaks->count; k++) {
		const struct em_bragg_peak *o = &v->peaks->peak[k];

		if (k != i && index[k].lattice >= 0 && o->power > EM_SPOTS_FAINTEST * b->power &&
		    fmin(hypot(o->y - b->y, o->x - b->x), hypot(o->y + b->y, o->x + b->x)) < 2 * least)
			return false;
	}
	return true;
}

static int drop_crowded(const struct em_spots_view *v, struct em_lattice_index *index, struct em_error *err)
{
	bool *room = malloc(v->peaks->count * sizeof(*room));

	if (!room)
		return em_error_memory(err, v->peaks->count * sizeof(*room));
	for (size_t i = 0; i < v->peaks->count; i++)
		room[i] = has_room(v, index, i);
	for (size_t i = 0; i < v->peaks->count; i++)
		if (!room[i])
			index[i].lattice = -1;
	free(room);
	return 0;
}

/* The power of a lattice's strongest spot. */
static double strength(const struct em_bragg_peaks *peaks, const struct em_lattice_index *index, int lattice)
{
	double most = 0;

	for (size_t i = 0; i < peaks->count; i++)
		if (index[i].lattice == lattice)
			most = fmax(most, peaks->peak[i].power);
	return most;
}

static int find_auto(struct em_spots *out, const struct em_spots_request *r, const struct em_spots_view *v,
                     struct em_lattice_index *index, struct em_error *err)
{
	struct em_lattice_options how = lattice_options(v);
	struct em_lattice lattice[2];
	size_t count = 0;

	if (em_lattice_split(lattice, &count, index, v->peaks->peak, v->peaks->count, &how, err) ||
	    drop_crowded(v, index, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		char name[EM_SPOTS_NAME + 16];
		struct em_spots_phase *p;

		/* The scan's noise makes rows of faint spots, which are no crystal. */
		if (strength(v->peaks, index, (int)i) < EM_SPOTS_FAINTEST * strength(v->peaks, index, 0))
			continue;
		number_name(name, r->name, i);
		if (!*r->name)
			snprintf(name, sizeof(name), "lattice%zu", i + 1);
		p = add_phase(out, name, err);
		if (!p)
			return -1;
		p->lattice = lattice[i];
		p->indexed = true;
		take_peaks(p, v->peaks, index, (int)i);
		if (!p->count)
			out->count--; /* beyond what is measured */
	}
	return 0;
}

static int find_known(struct em_spots *out, const struct em_spots_request *r, const struct em_spots_view *v,
                      struct em_lattice_index *index, struct em_error *err)
{
	struct em_lattice_options how = lattice_options(v);
	struct em_spots_phase *p = add_phase(out, *r->name ? r->name : "lattice1", err);

	if (!p || em_lattice_orient(&p->lattice, index, v->peaks->peak, v->peaks->count, &r->known, r->hk, r->count,
	                            &how, err))
		return p ? em_error_prefix(err, "%s: ", p->name) : -1;
	p->indexed = true;
	take_peaks(p, v->peaks, index, 0);
	return p->count ? 0
	                : em_error_set(err, EM_ERROR_DATA, "%s: no Bragg spot is where this lattice has one", p->name);
}

static int find_spacings(struct em_spots *out, const struct em_spots_request *r, const struct em_spots_view *v,
                         struct em_lattice_index *index, struct em_error *err)
{
	struct em_spots_phase *p = add_phase(out, *r->name ? r->name : "spacings", err);
	int *which = p ? malloc((v->peaks->count + 1) * sizeof(*which)) : NULL;

	if (!which)
		return p ? em_error_memory(err, v->peaks->count * sizeof(*which)) : -1;
	em_lattice_match(which, v->peaks->peak, v->peaks->count, r->d, r->count, NEAR, v->scale);
	for (size_t i = 0; i < v->peaks->count; i++)
		index[i] = (struct em_lattice_index){.lattice = which[i] >= 0 ? 0 : -1};
	free(which);
	take_peaks(p, v->peaks, index, 0);
	if (!p->count)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "%s: no Bragg spot has such a spacing, to %g %%: see what there is with --spots auto", p->name,
		    100 * NEAR);
	return 0;
}

/* Its phases, by the names that it has or the request's. */
static int read_file(struct em_spots *out, const struct em_spots_request *r, struct em_error *err)
{
	struct em_json *tree = em_json_parse_file(r->path, err);
	const struct em_json *bragg = em_json_get(tree, "bragg");
	struct em_spots *own = calloc(1, sizeof(*own));
	int status = own ? 0 : em_error_memory(err, sizeof(*own));

	if (!status)
		status = tree ? em_spots_read(own, bragg ? bragg : tree, err) : -1;
	for (size_t i = 0; !status && i < own->count; i++) {
		char name[EM_SPOTS_NAME + 16];
		struct em_spots_phase *p;

		number_name(name, r->name, i);
		p = add_phase(out, *r->name ? name : own->phase[i].name, err);
		status = p ? 0 : -1;
		if (p) {
			memcpy(own->phase[i].name, p->name, sizeof(p->name));
			*p = own->phase[i];
		}
	}
	em_json_free(tree);
	free(own);
	return status ? em_error_prefix(err, "%.200s: ", r->path) : 0;
}

int em_spots_find(struct em_spots *out, const struct em_spots_request *requests, size_t n,
                  const struct em_spots_view *view, struct em_error *err)
{
	struct em_lattice_index *index = calloc(view->peaks->count + 1, sizeof(*index));
	struct em_spots *made = calloc(1, sizeof(*made));
	int status = index && made ? 0 : em_error_memory(err, sizeof(*made));

	for (size_t i = 0; i < n && !status; i++) {
		const struct em_spots_request *r = &requests[i];

		if (r->kind == EM_SPOTS_FILE)
			status = read_file(made, r, err);
		else if (!view->peaks->count)
			continue;
		else if (r->kind == EM_SPOTS_AUTO)
			status = find_auto(made, r, view, index, err);
		else if (r->kind == EM_SPOTS_LATTICE)
			status = find_known(made, r, view, index, err);
		else
			status = find_spacings(made, r, view, index, err);
	}
	if (!status)
		*out = *made;
	free(index);
	free(made);
	return status;
}
