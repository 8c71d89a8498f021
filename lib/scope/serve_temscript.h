/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An instrument offered as temscript's own server offers one (version 1, GET and PUT below /v1/), so that temscript's
 * client and ours drive it; with the same types, units, status codes and, on a page, messages.
 *
 * What the neutral model has not is told as it is by default, and setting it to anything else is refused with
 * E_NOT_IMPLEMENTED: condenser_stigmator, illuminated_area, probe_defocus, dark_field_mode, illumination_mode,
 * condenser_mode, brightness and contrast of detectors.  `normalize` is taken and does nothing: the neutral model has
 * no such command.  magnification_index is a place in a table of ours of usual magnifications and camera lengths;
 * between two it is the nearest.  Replies are not gzipped.  A move is answered when it is done and read back: 500 with
 * E_VALUE_CLIP says that it ended elsewhere, 504 that the instrument behind could not be reached.
 *
 * Requests wait for each other, up to half as many as there may be connections: then the answer is 504, so that one
 * that stops the stage is always heard, and a client does not take the server for one that has not what it asks for.
 *
 * Under our own prefix, what temscript has not:
 *
 *     GET /em/v1/version          "1"
 *     GET /em/v1/capabilities
 * {"family","id","version","can_stop","readable":["stage.x",...],"writable":[...],"detectors":
 *                                 {NAME:{"kind":"camera|scan|spectrometer","width","height","pixel_m","inserted"}}}
 *     GET /em/v1/controls         {"stage.x":1e-6,...}: those that can be read; SI, radians, eV; choices as words
 *     PUT /em/v1/controls         the same, those to be set
 *     PUT /em/v1/stop             stops the stage, also while another request moves it; body: true
 *     GET /em/v1/acquire?detector=NAME[&width=&height=&binning=&seconds=&dwell=]
 *                                 {NAME:{...as of temscript...,"spectrum":false,"scale":[y,x],"offset":,"to_stage":
 *                                 [[,],[,]],"seconds":,"dose":,"electrons":}} by em_acquired's units, null for NAN
 *     GET /em/v1/expect?...       the same without exposing anything, and without the image: for budgets and dry runs
 */
#ifndef EM_SCOPE_SERVE_TEMSCRIPT_H
#define EM_SCOPE_SERVE_TEMSCRIPT_H

#include "scope/serve_http.h"

#include <pthread.h>
#include <stdatomic.h>

extern const struct em_server_kind em_server_temscript;

int em_serve_temscript(struct em_scope *s, const struct em_serve_settings *settings, struct em_error *err);

/* Without the network: what em_serve_temscript answers with. */
struct em_temscript_site {
	struct em_scope *scope;
	pthread_mutex_t one; /* the instrument does one thing at a time, but for stopping */
	atomic_int waiting;  /* requests that wait for it, or are it */
	atomic_int halts;    /* the stage was stopped, and that is not in the journal yet */
	struct em_capabilities cap;
	struct em_temscript_setting {
		size_t binning, size; /* size: 0 full, 1 half, 2 quarter */
		double seconds;       /* of a camera; a pixel of a scan */
	} camera[EM_DETECTORS_MAX], scan;
};
int em_temscript_site_init(struct em_temscript_site *site, struct em_scope *s, struct em_error *err);
void em_temscript_site_release(struct em_temscript_site *site);
em_serve_answer_fn em_temscript_answer; /* ctx: the site; by any thread */

#endif
