/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * temscript version 1 over HTTP: Thermo Fisher and FEI microscopes through temscript's own server, and `emctl serve`.
 *
 *     http://HOST[:8080]             plain
 *     http://TOKEN@HOST[:8080]       "Authorization: Bearer TOKEN" with every request
 *     http://HOST?speed=0.1          stage at this share of its full speed; one axis after the other, as the
 *                                    instruments take a speed for one axis only
 *
 * What differs from one instrument to the other (docs/restrictions.rst of temscript): the magnification and camera
 * length of a TEM are set by an index into a table that the wire does not tell, so that they are sought step by step,
 * the nearest is taken, and the layer above says when that is too far off; 0 is what is told where there is none.  A
 * detector's binning, size and exposure are the instrument's settings: they are set, read back and left.  There is no
 * way to stop the stage.
 *
 * Where the server is emctl's, members under /em/v1 add what temscript has not: controls by their names and in SI
 * units, calibrated images with their dose, spectra, and a stop (scope/serve_temscript.h).
 *
 * Replies: 500 is EM_ERROR_REFUSED with the text of the server; of the codes that the instrument's library has,
 * E_VALUE_CLIP is EM_ERROR_MISSED and E_NOT_IMPLEMENTED EM_ERROR_UNSUPPORTED; 404 is EM_ERROR_UNSUPPORTED; 401 is
 * EM_ERROR_REFUSED; 502 to 504 are EM_ERROR_UNREACHABLE.  A value that is NaN, infinite or of another type is not told
 * by `get`; where nothing that was asked for can be told, EM_ERROR_DATA.
 */
#ifndef EM_SCOPE_TEMSCRIPT_H
#define EM_SCOPE_TEMSCRIPT_H

#include "base/text.h"
#include "scope/instrument.h"

extern const struct em_driver_kind em_driver_http;

#define EM_TEMSCRIPT_PUT_MAX 4096 /* bytes that a server reads */

/* How a control travels. */
struct em_temscript_wire {
	const char *endpoint; /* "voltage": /v1/voltage; NULL: version 1 has no such thing */
	const char *state;    /* as a member of /v1/state; NULL: by the same name */
	const char *member;   /* "x": of an object; NULL: none */
	int index;            /* of a pair; -1: none */
	double si;            /* in one unit of the wire */
	const char *words;    /* "TEM STEM": the choices, by index; NULL: a number, or true and false */
	int first;            /* the number that stands for the first word */
	bool is_switch;       /* true and false */
	bool writable;
};
const struct em_temscript_wire *em_temscript_wire(enum em_control c);
/* The place of a word in "TEM STEM"; -1. */
int em_temscript_word_find(const char *words, const char *word);
/* The word at a place, length in *n; NULL past the last. */
const char *em_temscript_word_at(const char *words, int place, size_t *n);
/* The shortest text that is this double, "1.0" and not "1": clients tell them apart; null where it is not finite. */
void em_temscript_put_exact(struct em_text *t, double v);
/* Those known as /em/v1/controls has them: {"stage.x":1.25e-05,"beam.blanked":false,"mode":"stem"}, in SI units. */
void em_temscript_put_controls(struct em_text *t, const struct em_controls *c);

#endif
