/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a request for spots and as a "bragg" member: refused with a reason, or what is printed of it reads back
 * the same, and a plan of masks is made of it or refused. */
#include "crystal/order.h"
#include "crystal/spots.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

/* A square lattice's peaks, and one that is no part of it. */
static void answer(const struct em_spots_request *r)
{
	static struct em_bragg_peak peak[] = {
	    {.y = 0.1, .x = 0, .power = 9, .snr = 90, .sigma_y = 1e-4, .sigma_x = 1e-4},
	    {.y = 0, .x = 0.1, .power = 8, .snr = 80, .sigma_y = 1e-4, .sigma_x = 1e-4},
	    {.y = 0.1, .x = 0.1, .power = 7, .snr = 70, .sigma_y = 1e-4, .sigma_x = 1e-4},
	    {.y = -0.1, .x = 0.1, .power = 6, .snr = 60, .sigma_y = 1e-4, .sigma_x = 1e-4},
	    {.y = 0.17, .x = 0.31, .power = 5, .snr = 50, .sigma_y = 1e-4, .sigma_x = 1e-4}};
	const struct em_bragg_peaks peaks = {peak, 5};
	const struct em_spots_view view = {&peaks, 200, 180, {0.04, 0.04}};
	struct em_spots found = {0};
	struct em_error err = {0};

	if (r->kind == EM_SPOTS_FILE)
		return;
	check(r->count <= EM_SPOTS_MOST && (!*r->name || em_spots_name_is_fit(r->name)));
	if (em_spots_find(&found, r, 1, &view, &err))
		check(err.kind != EM_ERROR_NONE && found.count == 0);
	for (size_t p = 0; p < found.count; p++)
		check(found.phase[p].count >= 1 && found.phase[p].count <= 5 &&
		      em_spots_name_is_fit(found.phase[p].name));
}

static void try_request(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	struct em_spots_request r = {0};
	struct em_error err = {0};

	if (!text)
		return;
	memcpy(text, data, size);
	if (em_spots_request_parse(&r, text, &err))
		check(err.kind == EM_ERROR_USAGE);
	else
		answer(&r);
	free(text);
}

static void plan_of(const struct em_spots *s)
{
	static struct em_order_phase phases[EM_SPOTS_PHASES];
	struct em_error err = {0};
	struct em_order_plan *plan;

	for (size_t p = 0; p < s->count; p++) {
		phases[p].count = s->phase[p].count;
		for (size_t k = 0; k < s->phase[p].count; k++)
			phases[p].spot[k] = (struct em_spot){.y = s->phase[p].spot[k].y, .x = s->phase[p].spot[k].x};
	}
	plan = em_order_plan_new(32, 28, phases, s->count, EM_ORDER_RADIUS, NULL, 0, &err);
	check(plan || err.kind == EM_ERROR_DATA);
	em_order_plan_free(plan);
}

static int same(double a, double b)
{
	return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-8 * fabs(a) || (!isfinite(a) && isnan(b));
}

/* Printed and read back. */
static void repeat(const struct em_spots *s)
{
	static const double scale[2] = {0.04, 0.05};
	struct em_spots again = {0};
	struct em_error err = {0};
	struct em_text text = {0};
	struct em_json *tree;

	em_spots_print(s, scale, "nm", &text);
	tree = em_json_parse(em_text_get(&text), text.len, &err);
	check(tree && !em_spots_read(&again, tree, &err) && again.count == s->count);
	for (size_t p = 0; p < s->count; p++) {
		const struct em_spots_phase *a = &s->phase[p], *b = &again.phase[p];

		check(!strcmp(a->name, b->name) && a->count == b->count);
		for (size_t k = 0; k < a->count; k++)
			check(same(a->spot[k].y, b->spot[k].y) && same(a->spot[k].x, b->spot[k].x) &&
			      same(a->spot[k].snr, b->spot[k].snr));
	}
	em_json_free(tree);
	em_text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_json *tree = em_json_parse((const char *)data, size, NULL);
	struct em_spots spots = {0};
	struct em_error err = {0};

	if (size < 300)
		try_request(data, size);
	if (tree && !em_spots_read(&spots, tree, &err)) {
		repeat(&spots);
		plan_of(&spots);
	} else if (tree) {
		check(err.kind == EM_ERROR_DATA && spots.count == 0);
	}
	em_json_free(tree);
	return 0;
}
