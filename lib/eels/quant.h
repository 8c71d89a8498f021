/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What eelsquant measures of one sample: a spectrum, a line or an image of spectra, with or without the low loss of the
 * same places.  The steps, each only where asked for: spikes out, alignment by the zero loss, t/lambda, background and
 * net counts of each edge, plural scattering out of them, composition.
 *
 * Everything is measured at each place and of the sum over all places; the sum is what the record tells.  A spectrum
 * with a channel that is no number is not in the sum, unless all have one.
 */
#ifndef EM_EELS_QUANT_H
#define EM_EELS_QUANT_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "eels/align.h"
#include "eels/background.h"
#include "eels/composition.h"
#include "eels/edges.h"
#include "eels/fine.h"
#include "eels/integrate.h"
#include "eels/sigma.h"
#include "eels/thickness.h"
#include "eels/unmix.h"
#include "io/stream.h"

#include <stdbool.h>

/* A spectrum to unmix with, on an axis of its own. */
struct em_quant_reference {
	char *name; /* owned, as the counts[energy.channels] */
	struct em_energy energy;
	float *counts;
};

struct em_quant_references {
	struct em_quant_reference *at; /* owned */
	size_t count;
};

/* Each spectrum of a file, or of a stream, named by the last part of its key.  EM_ERROR_DATA: none, more than
 * EM_UNMIX_REFERENCES_MAX, two of one name, arrays of spectra. */
int em_quant_references_read(struct em_quant_references *r, const char *path, struct em_error *err);
void em_quant_references_release(struct em_quant_references *r); /* a zeroed one too */

enum em_quant_components { EM_QUANT_NONE, EM_QUANT_SVD, EM_QUANT_NMF };

/* Borrowed and constant: one serves all samples. */
struct em_quant_options {
	const struct em_edge *edge; /* windows that are zeroed are placed on each sample's axis */
	size_t nedges;
	const double *k; /* [nedges]: k-factors, NAN for a cross section by the hydrogenic model */
	enum em_background_method method;
	double gain; /* as in background.h; 0: from the scatter, of many spectra that of all fits */
	const struct em_background_kernel *kernel; /* backgrounds averaged over neighbours; NULL: each its own */
	bool despike, align, deconvolve, composition, fine;
	bool tails;                /* with deconvolve: the tail of the edge before an edge is its background */
	struct em_sigma_beam beam; /* all zero: as the record has it */
	/* Unmixing, within this window; zeroed: with references the first edge's signal, else all of the axis. */
	struct em_energy_window within;
	const struct em_quant_reference
	    *reference; /* the first edge's background is taken off spectra and references */
	size_t nreferences;
	enum em_quant_components components; /* without references: of whole counts */
	size_t rank;                         /* how many; 0: those that stand out of the noise */
	int threads;
};

/* Spectra of one kind: counts[rows * cols][energy.channels]. */
struct em_quant_spectra {
	struct em_energy energy;
	const float *counts; /* borrowed from the array that came, or own; NULL: none */
	float *own;          /* owned; NULL where they are borrowed */
	float *sum;          /* [energy.channels]: all of them added up, but for those left out; owned */
	size_t left_out;     /* spectra with a channel that is no number, where others are whole */
};

/* Of one edge, or one element: the sum's numbers, and at each place; NULL where there is just one. */
struct em_quant_edge {
	struct em_edge edge; /* its windows placed */
	struct em_net sum;
	double rise;           /* eV: where the sum rises near the onset; NAN: nowhere, or it has no sharp one */
	bool misplaced;        /* the windows do not suit that */
	double amplitude;      /* of the sum's background by 1 eV, counts a channel and place */
	float *counts, *error; /* owned */
	float *single_map, *single_map_error; /* without plural scattering; owned, NULL where not asked for */
	double single, single_error;          /* the sum's counts without plural scattering; NAN where not asked for */
	const struct em_quant_edge *below;    /* whose tail was taken off for that; NULL: none */
	struct em_text profile;               /* JSON for the record, the caller's to set before em_quant_describe */
};

#define EM_QUANT_FINE_MAX 8 /* numbers of an edge's fine structure */

struct em_quant_element {
	char name[4];
	struct em_composition_value fraction; /* NAN where an edge has no number */
	struct em_composition_value ratio;    /* to the first element */
	float *map;                           /* of fractions; owned */
};

struct em_quant {
	const struct em_quant_options *opt;
	size_t rows, cols; /* 1 x n: a line */
	int ndim;          /* of the core loss as it came, 1 to 3 */
	struct em_quant_spectra core, low;
	bool changed;                  /* core is no longer what came */
	size_t spikes, unplaced;       /* spikes taken out; spectra without a zero loss */
	double zero_loss;              /* eV, where it was on average; NAN: not known */
	struct em_thickness thickness; /* of the sum; ratio NAN: not known */
	float *thickness_map;          /* owned */
	double gain;                   /* that the errors were made with; 0: each fit its own */
	struct em_quant_edge edge[EM_EDGES_MAX];
	struct em_quant_element element[EM_EDGES_MAX];
	size_t nelements;
	float *fine[EM_EDGES_MAX][EM_QUANT_FINE_MAX]; /* of each number of an edge; owned, may be NULL */
	float *amount[EM_UNMIX_REFERENCES_MAX];       /* of each reference or component; owned, may be NULL */
	size_t namounts;
	float *component; /* [namounts][component_span.count]; owned */
	struct em_energy_span component_span;
	struct em_text warnings; /* lines */
	struct em_text more;     /* members for the record, of whoever else measured something: "\"a\":1,\"b\":2" */
};

/*
 * core: what is quantified; low: of the same places, or NULL; core itself is the low loss where its axis has 0 eV.
 * Both stay the caller's and are read until em_quant_release.  record: that of the core loss, for what the beam was
 * like.
 * EM_ERROR_DATA: no energy axis, more than three dimensions, another number of spectra, nothing finite, an edge or
 * window off the axis (it is the data that does not suit the request), no zero loss where one is needed.
 */
int em_quant_run(struct em_quant *q, const struct em_quant_options *opt, const struct em_array *core,
                 const struct em_array *low, const struct em_record *record, struct em_error *err);
void em_quant_release(struct em_quant *q); /* a zeroed one too */

size_t em_quant_count(const struct em_quant *q); /* places */

/*
 * Of a line or image of spectra: the edges' counts along "X0,Y0,X1,Y1" (crystal/profile.h; px of the image, a line's y
 * is 0) into edge->profile, with the step that is in them; breadth in px, 0: as broad as long.  EM_ERROR_USAGE where it
 * is no line.
 */
int em_quant_profile(struct em_quant *q, const struct em_record *record, const char *across, double breadth,
                     struct em_error *err);

/* The edge that "EDGE=VALUE" names, and where its value begins; NULL with EM_ERROR_USAGE: none of these. */
struct em_edge *em_edges_find(struct em_edge *edge, size_t count, const char *text, const char **value,
                              struct em_error *err);
/* "Ti=1,O=3" into atoms[count], of each edge's element.  EM_ERROR_USAGE: not so, or an element is missing. */
int em_quant_parse_standard(const char *text, const struct em_edge *edge, size_t count, double *atoms,
                            struct em_error *err);
/* k-factors of each edge to the first one, for the record: from a specimen that has atoms[nedges] of each edge's
 * element. */
int em_quant_factors(struct em_quant *q, const double *atoms, struct em_error *err);

/* A float32 array [rows][cols] (of a line [cols]) of the sample, named `name` in small letters and `end`; nothing where
 * map is NULL. */
int em_quant_set_map(const struct em_quant *q, struct em_sample *s, const char *name, const char *end, const float *map,
                     struct em_error *err);

/* Set "eels" in the record, the maps as arrays ("ti-l23", "ti-l23-u", "fraction-ti", "t-over-lambda"), and the spectra
 * where they were changed. */
int em_quant_describe(struct em_quant *q, struct em_sample *s, struct em_error *err);

#endif
