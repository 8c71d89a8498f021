/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Instamatic's servers: JEOL, FEI and Tecnai microscopes, its simulator and its emulator.
 *
 *     instamatic://HOST[:8088]                 and the camera's server at HOST:8087
 *     instamatic://HOST?camera=PC[:8087]       at another place
 *     instamatic://HOST?camera=none            none
 *
 * Both servers have to be set to JSON (tem_communication_protocol: json), and the camera's to shared memory
 * (cam_use_shared_memory: true): pictures come through /dev/shm, so that the camera's server has to run on this
 * machine.
 *
 *     {"func_name":"setStagePosition","kwargs":{"x":20000,"wait":false}}      [200, null]
 *     {"func_name":"setMagnification","args":[12345]}                         [500, ["TEMValueError", ["No such ..."]]]
 *
 * There is no framing: a request is one write of less than 1024 bytes, and a request without func_name ends the server;
 * a reply is one JSON value.  Each request has a connection of its own.  Nanometres and degrees, as JEOL has them;
 * deflectors and lenses are counts of 16 bits without a unit, and only the brightness (as `intensity`) is told.  In
 * diffraction its magnification is the camera length in mm.
 */
#ifndef EM_SCOPE_INSTAMATIC_H
#define EM_SCOPE_INSTAMATIC_H

#include "base/text.h"
#include "scope/instrument.h"
#include "scope/temscript_reply.h"

#include <stddef.h>

#define EM_INSTAMATIC_PORT "8088"
#define EM_INSTAMATIC_CAMERA_PORT "8087"
#define EM_INSTAMATIC_REQUEST_MAX 1023

extern const struct em_driver_kind em_driver_instamatic;

/* Bytes of the JSON array that s[0..n) begins with: 0 while its end is not there; -1, EM_ERROR_DATA: it is none. */
long em_instamatic_extent(const char *s, size_t n, struct em_error *err);
/*
 * A whole reply: *value is what it brings, borrowed from *r.  -1: what it says, by the kinds of instrument.h, or
 * EM_ERROR_DATA.  r is to be released in any case.
 */
int em_instamatic_read_reply(struct em_temscript_reply *r, const char *text, size_t n, const struct em_json **value,
                             struct em_error *err);
/*
 * {"shape":[516,516],"dtype":"int64","name":"psm_9337ca5f"} out of POSIX shared memory.  EM_ERROR_DATA: no name that
 * such memory may have, another shape or type, less memory than that; EM_ERROR_UNSUPPORTED: it is not on this machine.
 */
int em_instamatic_picture(const struct em_json *node, struct em_array *a, struct em_error *err);

#endif
