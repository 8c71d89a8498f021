/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SerialEM's external control, as its Python module speaks it, as a server: so that scripts written for SerialEM drive
 * our instrument (PY_SERIALEM_PORT=48888 python3 script.py).  All numbers are little-endian, of 32 bits, and doubles.
 *
 *     message  bytes | function | longs ... | array of longs
 *     reply    bytes | 0, or what is wrong below 0 | longs and switches ... | array of longs, or pixels
 *
 *     1 RegularCommand        command, last item N, length of the array; array: N + 1 longs, doubles, texts; item 0 is
 *                             none, and with N = 0 the array is one long of anything
 *                             reply: last report (-1: none), error, length; array: flags (1: a text), doubles, texts
 *     2 ChunkHandshake        no reply but the next piece of an image
 *     3 OKtoRunExternalScript 1
 *     4 GetBufferImage        buffer 0 to 19 (A to T), 0
 *                             reply: MRC mode, bytes a row, width, height, bytes, pieces; then the pixels
 *
 * Micrometres and degrees.  Commands are known by their place in SerialEM's list, which only ever grows at its end;
 * those here are
 *
 *     reports  StageXYZ, TiltAngle, StageBAxis, StageBusy, Mag, CameraLength, Defocus, PercentC2, SpotSize, ImageShift,
 *              BeamShift, Screen, ScreenCurrent, HighVoltage, ColumnOrGunValve, Directory
 *     settings MoveStage, MoveStageTo, TiltTo, TiltBy, SetStageBAxis, SetMag, SetDefocus, ChangeFocus, SetPercentC2,
 *              SetSpotSize, SetImageShift, SetBeamShift, SetBeamBlank, SetColumnOrGunValve, ScreenUp, ScreenDown,
 *              SetExposure, SetBinning
 *     pictures Record, View, Focus, Trial, Preview, Search: into A, what was in A to D moves on to B to E
 *     others   Echo, NoMessageBoxOnError, Exit, which do nothing
 *
 * Another one, and one that fails, is an error with its reason, which the module raises.  A move is over when it is
 * answered.  One client at a time: a new one takes the place of the old.
 */
#ifndef EM_SCOPE_SERIALEM_H
#define EM_SCOPE_SERIALEM_H

#include "base/array.h"
#include "base/text.h"
#include "scope/serve.h"

#include <stddef.h>
#include <stdint.h>

#define EM_SERIALEM_PORT "48888"
#define EM_SERIALEM_BUFFERS 20
#define EM_SERIALEM_CHUNK 33620000 /* bytes of an image between handshakes */

em_serve_fn em_serve_serialem;
extern const struct em_server_kind em_server_serialem;
/*
 * And as a client of SerialEM itself: serialem://HOST[:48888].  The commands above, but for those by an amount; a
 * picture is a Record, whose exposure and binning are SerialEM's settings: they are set and left.  The scale is not
 * told.  A move cannot be stopped.  SerialEM that is busy, or whose user pressed STOP, is EM_ERROR_REFUSED, as is a
 * command that fails.
 */
extern const struct em_driver_kind em_driver_serialem;

enum em_serialem_function {
	EM_SERIALEM_COMMAND = 1,
	EM_SERIALEM_HANDSHAKE,
	EM_SERIALEM_OK_TO_RUN,
	EM_SERIALEM_GET_IMAGE,
	EM_SERIALEM_PUT_IMAGE
};

/* What a reply says instead of 0. */
enum em_serialem_return {
	EM_SERIALEM_BAD_FUNCTION = -1,
	EM_SERIALEM_NO_MEMORY = -2,
	EM_SERIALEM_TOO_SHORT = -4,
	EM_SERIALEM_TOO_LONG = -5,
	EM_SERIALEM_WRONG_LENGTH = -6,
};

/* ---- a command's items and reports ---- */

#define EM_SERIALEM_ITEMS 40

struct em_serialem_items {
	int count; /* of those that were sent, item 0 among them */
	double number[EM_SERIALEM_ITEMS];
	const char *text[EM_SERIALEM_ITEMS]; /* "" for one that is empty; borrowed */
};
/* bytes[0..n) is the array of a request with last item `last`.  false: it does not hold that. */
bool em_serialem_read_items(struct em_serialem_items *items, int last, const char *bytes, size_t n);

struct em_serialem_reports {
	int count;
	double number[6];
	const char *text; /* the one report that is a text; NULL: none */
	int error;        /* 0; 1: the command failed, and the text says why */
};
/* Appends the whole reply. */
void em_serialem_put_reports(struct em_text *out, const struct em_serialem_reports *r);

/* ---- the server ---- */

struct em_serialem {
	struct em_scope *scope;
	struct em_capabilities cap;
	struct em_array buffer[EM_SERIALEM_BUFFERS]; /* owned; data NULL: empty */
	struct em_array sending;                     /* the rest of an image that a client fetches; owned */
	size_t sent, chunk;
	struct em_exposure exposure; /* of the next pictures */
	char message[512];           /* of the last error */
};
int em_serialem_init(struct em_serialem *s, struct em_scope *scope, struct em_error *err);
void em_serialem_release(struct em_serialem *s);
/* As em_serve_wire's. */
int em_serialem_answer(void *ctx, const char *in, size_t n, size_t *used, struct em_text *out);
/* What the command does, an error or not: serialem_commands.c. */
void em_serialem_run(struct em_serialem *s, int command, const struct em_serialem_items *items,
                     struct em_serialem_reports *r);

#endif
