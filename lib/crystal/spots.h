/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which spots to measure: what a user asks for, found among the Bragg peaks of a movie; and the record's member
 * "bragg", which says what was found and can be given again as a file.
 */
#ifndef EM_CRYSTAL_SPOTS_H
#define EM_CRYSTAL_SPOTS_H

#include "base/array.h"
#include "base/json.h"
#include "base/text.h"
#include "crystal/bragg.h"
#include "crystal/lattice.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_SPOTS_PHASES 8
#define EM_SPOTS_MOST 12 /* of a phase */
#define EM_SPOTS_NAME 32
#define EM_SPOTS_FAINTEST 0.02 /* of the strongest spot's power: weaker ones add more noise than lattice */

/* It goes into members' names. */
bool em_spots_name_is_fit(const char *name);

enum em_spots_kind { EM_SPOTS_AUTO, EM_SPOTS_SPACINGS, EM_SPOTS_LATTICE, EM_SPOTS_FILE };

/* One request. */
struct em_spots_request {
	enum em_spots_kind kind;
	char name[EM_SPOTS_NAME];      /* "": as the lattices come */
	double d[EM_SPOTS_MOST];       /* SPACINGS, in the axes' units (px without) */
	size_t count;                  /* of d, or of hk */
	struct em_lattice_known known; /* LATTICE */
	int hk[EM_SPOTS_MOST][2];
	const char *path; /* FILE, borrowed */
};

/*
 * "auto", "d:0.39,0.276", "lattice:0.39,0.39,90:10,01,11" (spacings of (1 0) and (0 1), the angle between their
 * normals, indices h k as two digits, a minus before each that is below 0, "-11"), or a file's path; "NAME=" before any
 * of them (so a path may hold a '=' only behind a '/').  text is borrowed.  EM_ERROR_USAGE: cannot be read.
 */
int em_spots_request_parse(struct em_spots_request *r, const char *text, struct em_error *err);

struct em_spots_spot {
	double y, x; /* g, cycles a pixel; x >= 0 but for uncertainty */
	double snr;  /* NaN: not from a spectrum */
	int h, k;    /* 0, 0: not indexed */
};

struct em_spots_phase {
	char name[EM_SPOTS_NAME];
	bool indexed; /* by the lattice */
	struct em_lattice lattice;
	struct em_spots_spot spot[EM_SPOTS_MOST]; /* the strongest first */
	size_t count;
};

struct em_spots {
	struct em_spots_phase phase[EM_SPOTS_PHASES];
	size_t count;
};

/* What the peaks of frames of height x width pixels are of; scale: the size of a pixel (y, x), {1, 1} without. */
struct em_spots_view {
	const struct em_bragg_peaks *peaks;
	size_t height, width;
	double scale[2];
};

/*
 * Answer requests.  Automatic phases are the lattices that the peaks make, "lattice1" with the most evidence and
 * "lattice2", or the request's name and that with a 2 behind it, without the peaks that leave a mask no room (order.h),
 * the second only if it has a spot that is not too faint beside the first's; a file's phases have their own names, or
 * the request's in the same way; known lattices are "lattice1" and spacings "spacings" without a name.  No phase at all
 * where there is no peak, which is no error.  EM_ERROR_DATA: a request that no peak answers, two phases of one name,
 * too many; a file that is none.
 */
int em_spots_find(struct em_spots *out, const struct em_spots_request *requests, size_t n,
                  const struct em_spots_view *view, struct em_error *err);

/* Add the phases of a "bragg" member's tree.  EM_ERROR_DATA: none, a name or a place without meaning, too many. */
int em_spots_read(struct em_spots *out, const struct em_json *tree, struct em_error *err);

/*
 * {"phases":[{"name":..,"lattice":{"a":..,"a_u":..,"b":..,"gamma_deg":..,"angle_deg":..,"d_a":..,"d_b":..,
 *                                   "a_star":[y,x],"b_star":[y,x]},
 *             "spots":[{"y":..,"x":..,"d":..,"angle_deg":..,"snr":..,"h":..,"k":..},..]},..]}
 * with "d_nm", "a_nm", "a_nm_u" where units are nm, else "d_px" ...; a row has d_a alone, and b_star 0.  lattice, h and
 * k only where the phase is indexed.
 */
void em_spots_print(const struct em_spots *spots, const double scale[2], const char *units, struct em_text *out);

#endif
