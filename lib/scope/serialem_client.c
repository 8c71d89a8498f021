/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM as an instrument. */
#include "scope/serialem_parts.h"

#include "io/bytes.h"
#include "scope/clock.h"
#include "scope/http.h"
#include "scope/socket.h"
#include "scope/url_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 65536
#define PIXELS_MAX ((size_t)1 << 30)
#define SIDE_MAX 65536
#define NUMBERS 8
#define NONE EM_CONTROLS

struct sem {
	struct em_http_peer peer;
	struct em_socket socket; /* for as long as the driver is open: a new one takes the place of the old there */
	struct em_text in;       /* what has come and is not used yet */
};

/* ---- messages ---- */

static void hang_up(struct sem *s)
{
	em_socket_close(&s->socket);
	em_text_clear(&s->in);
}

static int need_bytes(struct sem *s, size_t n, struct em_error *err)
{
	int more = 1;

	while (s->in.len < n && more > 0)
		more = em_socket_receive(&s->socket, &s->in, err);
	if (more == 0)
		em_error_set(err, EM_ERROR_UNREACHABLE, "it closed the connection without a whole reply");
	return more > 0 ? 0 : -1;
}

static void use_bytes(struct sem *s, size_t n)
{
	memmove(s->in.s, s->in.s + n, s->in.len - n + 1);
	s->in.len -= n;
}

static int check_return(int32_t code, struct em_error *err)
{
	if (code == -9)
		return em_error_set(err, EM_ERROR_REFUSED, "SerialEM is busy");
	if (code == -10)
		return em_error_set(err, EM_ERROR_REFUSED, "SerialEM's user pressed STOP");
	return code < 0 ? em_error_set(err, EM_ERROR_DATA, "SerialEM did not understand it (%d)", code) : 0;
}

/* Sends the message whose longs these are and waits for the whole reply, which stays at the front of s->in. */
static int exchange(struct sem *s, const struct em_text *message, size_t *bytes, struct em_error *err)
{
	int32_t total;

	if (em_text_check(message, err) || em_socket_send(&s->socket, message->s, message->len, err) ||
	    need_bytes(s, 8, err))
		return -1;
	total = em_serialem_get_long(s->in.s);
	if (total < 8 || total > REPLY_MAX)
		return em_error_set(err, EM_ERROR_DATA, "a reply of %d bytes", total);
	*bytes = (size_t)total;
	return need_bytes(s, (size_t)total, err) || check_return(em_serialem_get_long(s->in.s + 4), err) ? -1 : 0;
}

static int ask_longs(struct sem *s, const int32_t *longs, size_t n, size_t want, struct em_error *err)
{
	struct em_text t = {0};
	size_t bytes;
	int rc;

	em_serialem_put_long(&t, (int32_t)(4 * (n + 1)));
	for (size_t i = 0; i < n; i++)
		em_serialem_put_long(&t, longs[i]);
	rc = exchange(s, &t, &bytes, err);
	em_text_release(&t);
	if (!rc && bytes != want)
		rc = em_error_set(err, EM_ERROR_DATA, "a reply of %zu bytes instead of %zu", bytes, want);
	return rc;
}

/* Anew where there is none; a script may be running there. */
static int need_connection(struct sem *s, struct em_error *err)
{
	static const int32_t ask[] = {EM_SERIALEM_OK_TO_RUN};

	if (s->socket.fd >= 0)
		return 0;
	if (em_socket_connect(&s->socket, s->peer.host, s->peer.port, err) || ask_longs(s, ask, 1, 12, err))
		return -1;
	if (!em_serialem_get_long(s->in.s + 8))
		return em_error_set(err, EM_ERROR_REFUSED, "SerialEM is busy");
	use_bytes(s, 12);
	return 0;
}

/* ---- commands ---- */

/* Item 0 is none; a text goes before the numbers.  NULL and 0: none. */
static void put_command(struct em_text *t, int command, const char *text, const double *number, size_t n)
{
	size_t first = text ? 2 : 1, count = first + n, used, longs;
	struct em_text array = {0};

	if (count > 1) {
		for (size_t i = 0; i < count; i++)
			em_serialem_put_long(
			    &array, i >= first && fabs(number[i - first]) < 2e9 ? (int32_t)number[i - first] : 0);
		for (size_t i = 0; i < count; i++)
			em_serialem_put_double(&array, i >= first ? number[i - first] : 0);
		em_text_append_bytes(&array, "", 1);
		if (text)
			em_text_append_bytes(&array, text, strlen(text) + 1);
		for (size_t i = 0; i < n; i++) {
			em_text_printf(&array, "%.9g", number[i]);
			em_text_append_bytes(&array, "", 1);
		}
	}
	used = array.len;
	longs = (used + 5) / 4;
	em_text_append_bytes(&array, "\0\0\0\0\0", longs * 4 - used);
	const int32_t head[] = {(int32_t)(20 + 4 * longs), EM_SERIALEM_COMMAND, command, (int32_t)count - 1,
	                        (int32_t)longs};
	for (size_t i = 0; i < 5; i++)
		em_serialem_put_long(t, head[i]);
	em_text_append_bytes(t, array.s, array.len);
	t->failed |= array.failed;
	em_text_release(&array);
}

/* The numbers of a reply; or, of a command that failed, why. */
static int read_reports(const char *reply, size_t bytes, double *number, size_t *n, struct em_error *err)
{
	int32_t last = bytes < 20 ? -2 : em_serialem_get_long(reply + 8);
	size_t count = last >= -1 && last < NUMBERS ? (size_t)(last + 1) : NUMBERS + 1, end = 20 + 12 * count;

	if (count > NUMBERS || end > bytes)
		return em_error_set(err, EM_ERROR_DATA, "a reply that ends within its reports");
	if (em_serialem_get_long(reply + 12)) {
		bool told =
		    count > 0 && em_serialem_get_long(reply + 20) && memchr(reply + end, 0, bytes - end) && reply[end];

		return em_error_set(err, EM_ERROR_REFUSED, "%.400s", told ? reply + end : "the command failed");
	}
	*n = count;
	for (size_t i = 0; i < count; i++)
		number[i] = em_bytes_f64((const unsigned char *)reply + 20 + 4 * count + 8 * i, false);
	return 0;
}

static int run_command(struct sem *s, int command, const char *text, const double *args, size_t n, double *number,
                       size_t *count, struct em_error *err)
{
	struct em_text t = {0};
	size_t bytes;
	int rc;

	put_command(&t, command, text, args, n);
	rc = need_connection(s, err) || exchange(s, &t, &bytes, err) ? -1 : 0;
	em_text_release(&t);
	if (rc) { /* whatever is still to come must not be taken for the next reply */
		hang_up(s);
		return -1;
	}
	rc = read_reports(s->in.s, bytes, number, count, err);
	use_bytes(s, bytes);
	return rc;
}

static int tell(struct sem *s, int command, const char *text, const double *args, size_t n, struct em_error *err)
{
	double number[NUMBERS];
	size_t count;

	return run_command(s, command, text, args, n, number, &count, err);
}

/* ---- controls ---- */

static void begin(struct sem *s, double deadline)
{
	s->socket.ends = em_clock_now() + deadline;
}

static bool has(const enum em_control *control, const struct em_controls *want)
{
	for (int i = 0; i < 3 && control[i] != NONE; i++)
		if (want->known[control[i]])
			return true;
	return false;
}

static void take(enum em_control c, double value, const struct em_controls *want, struct em_controls *got)
{
	if (want->known[c] && isfinite(value))
		em_controls_set(got, c, value);
}

static int get_mag(struct sem *s, const struct em_controls *want, struct em_controls *got, struct em_error *err)
{
	double number[NUMBERS];
	size_t n;

	if (!want->known[EM_MAGNIFICATION] && !want->known[EM_MODE])
		return 0;
	if (run_command(s, EM_SEM_REPORT_MAG, NULL, NULL, 0, number, &n, err))
		return -1;
	if (n > 0 && number[0] > 0)
		take(EM_MAGNIFICATION, number[0], want, got);
	if (n > 2)
		take(EM_MODE, number[2] == 2, want, got);
	return 0;
}

static int get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
               struct em_error *err)
{
	const struct em_serialem_report *r;
	struct em_controls fresh = {0};
	double number[NUMBERS];
	size_t n;

	begin(self, deadline);
	for (size_t i = 0; (r = em_serialem_report_at(i)) != NULL; i++) {
		if (!has(r->control, want))
			continue;
		if (run_command(self, (int)r->command, NULL, NULL, 0, number, &n, err))
			return -1;
		for (size_t k = 0; k < 3 && k < n && r->control[k] != NONE; k++)
			take(r->control[k], number[k] * r->unit, want, &fresh);
	}
	if (get_mag(self, want, &fresh, err))
		return -1;
	*got = fresh;
	return 0;
}

/* Those of a pair that are not wanted stay as they are. */
static int set_one(struct sem *s, const struct em_serialem_setting *p, const struct em_controls *want,
                   struct em_error *err)
{
	struct em_controls missing = {0}, now = {0};
	double number[3], left = s->socket.ends - em_clock_now();
	size_t n = 0;

	for (int i = 0; i < p->needed; i++)
		missing.known[p->control[i]] = !want->known[p->control[i]];
	if (has(p->control, &missing) && get(s, left, &missing, &now, err))
		return -1;
	for (int i = 0; i < 3 && p->control[i] != NONE; i++) {
		enum em_control c = p->control[i];

		if (!want->known[c] && i >= p->needed)
			break;
		if (!want->known[c] && !now.known[c])
			return em_error_set(err, EM_ERROR_DATA, "%s cannot be read", em_control_info(c)->name);
		number[n++] = (want->known[c] ? want->value[c] : now.value[c]) / p->unit;
	}
	return tell(s, (int)p->command, NULL, number, n, err);
}

static bool is_settable(int c)
{
	const struct em_serialem_setting *p;

	for (size_t i = 0; (p = em_serialem_setting_at(i)) != NULL; i++)
		for (int k = 0; k < 3 && !p->relative && p->control[k] != NONE; k++)
			if ((int)p->control[k] == c)
				return true;
	return c == EM_SCREEN_DOWN;
}

static int set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	const struct em_serialem_setting *p;

	begin(self, deadline);
	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && !is_settable(c))
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s cannot be set over this wire",
			                    em_control_info((enum em_control)c)->name);
	if (want->known[EM_SCREEN_DOWN] &&
	    tell(self, want->value[EM_SCREEN_DOWN] != 0 ? EM_SEM_SCREEN_DOWN : EM_SEM_SCREEN_UP, NULL, NULL, 0, err))
		return -1;
	for (size_t i = 0; (p = em_serialem_setting_at(i)) != NULL; i++)
		if (!p->relative && has(p->control, want) && set_one(self, p, want, err))
			return -1;
	return 0;
}

static int motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	double number[NUMBERS];
	size_t n;

	begin(self, deadline);
	if (run_command(self, EM_SEM_REPORT_STAGE_BUSY, NULL, NULL, 0, number, &n, err))
		return -1;
	*m = n && number[0] != 0 ? EM_MOVING : EM_AT_REST;
	return 0;
}

static int stop(void *self, double deadline, struct em_error *err)
{
	(void)self, (void)deadline;
	return em_error_set(err, EM_ERROR_UNSUPPORTED, "this wire has no way to stop the stage");
}

/* Blanking is set and cannot be read. */
static int capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	struct em_capabilities fresh = {.family = "SerialEM", .detectors = 1};
	const struct em_serialem_report *r;
	struct sem *s = self;

	begin(s, deadline);
	if (need_connection(s, err)) {
		hang_up(s);
		return -1;
	}
	for (size_t i = 0; (r = em_serialem_report_at(i)) != NULL; i++)
		for (int k = 0; k < 3 && r->control[k] != NONE; k++)
			fresh.readable.known[r->control[k]] = true;
	fresh.readable.known[EM_MAGNIFICATION] = fresh.readable.known[EM_MODE] = true;
	for (int i = 0; i < EM_CONTROLS; i++)
		fresh.writable.known[i] = is_settable(i);
	fresh.detector[0] = (struct em_detector){"Record", EM_DETECTOR_CAMERA, 0, 0, 0, true};
	*c = fresh;
	return 0;
}

/* ---- pictures ---- */

struct head {
	enum em_dtype type;
	size_t row, width, height, bytes, chunks;
};

static int read_head(const char *reply, struct head *h, struct em_error *err)
{
	int32_t mode = em_serialem_get_long(reply + 8), v[5];
	size_t part;

	for (size_t i = 0; i < 5; i++)
		v[i] = em_serialem_get_long(reply + 12 + 4 * i);
	if (v[3] == 0)
		return em_error_set(err, EM_ERROR_DATA, "SerialEM has no picture in its buffer");
	h->type = mode == EM_MRC_BYTE ? EM_U8 : mode == EM_MRC_SHORT ? EM_I16 : mode == EM_MRC_FLOAT ? EM_F32 : EM_U16;
	part = em_dtype_size(h->type);
	for (size_t i = 0; i < 5; i++)
		if (v[i] < 1)
			return em_error_set(err, EM_ERROR_DATA, "a picture of no sensible size");
	*h = (struct head){h->type, (size_t)v[0], (size_t)v[1], (size_t)v[2], (size_t)v[3], (size_t)v[4]};
	if ((h->type == EM_U16 && mode != EM_MRC_USHORT) || h->width > SIDE_MAX || h->height > SIDE_MAX ||
	    h->row < h->width * part || h->bytes != h->row * h->height || h->bytes > PIXELS_MAX || h->chunks > h->bytes)
		return em_error_set(err, EM_ERROR_DATA, "a picture of %zu x %zu px in mode %d and %zu bytes", h->width,
		                    h->height, mode, h->bytes);
	return 0;
}

/* In pieces, a handshake between one and the next. */
static int receive_pixels(struct sem *s, const struct head *h, struct em_error *err)
{
	static const char handshake[8] = {8, 0, 0, 0, EM_SERIALEM_HANDSHAKE, 0, 0, 0};
	size_t chunk = (h->bytes + h->chunks - 1) / h->chunks;

	for (size_t at = 0; at < h->bytes;) {
		if (at && em_socket_send(&s->socket, handshake, sizeof(handshake), err))
			return -1;
		at = h->bytes - at < chunk ? h->bytes : at + chunk;
		if (need_bytes(s, at, err))
			return -1;
	}
	return 0;
}

static int take_image(struct sem *s, struct em_array *a, struct em_error *err)
{
	static const int32_t ask[] = {EM_SERIALEM_GET_IMAGE, 0, 0};
	struct head h = {0};
	size_t part;

	if (ask_longs(s, ask, 3, 32, err) || read_head(s->in.s, &h, err))
		return -1;
	use_bytes(s, 32);
	if (receive_pixels(s, &h, err) || em_array_alloc_image(a, h.type, h.height, h.width, err))
		return -1;
	part = em_dtype_size(h.type);
	for (size_t y = 0; y < h.height; y++)
		em_bytes_copy((char *)a->data + y * h.width * part, (const unsigned char *)s->in.s + y * h.row, h.width,
		              part, false);
	use_bytes(s, h.bytes);
	return 0;
}

static int prepare(struct sem *s, const struct em_exposure *e, struct em_error *err)
{
	const double binning = (double)e->binning;

	if (strcmp(e->detector, "Record"))
		return em_error_set(err, EM_ERROR_REFUSED, "there is no detector '%s'", e->detector);
	if (e->width || e->height)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "the size of its pictures is SerialEM's setting");
	if (e->binning && tell(s, EM_SEM_SET_BINNING, "R", &binning, 1, err))
		return -1;
	return e->seconds > 0 ? tell(s, EM_SEM_SET_EXPOSURE, "R", &e->seconds, 1, err) : 0;
}

static int acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	struct em_acquired got = {.scale = {NAN, NAN},
	                          .offset = NAN,
	                          .to_stage = {{NAN, NAN}, {NAN, NAN}},
	                          .seconds = e->seconds > 0 ? e->seconds : NAN,
	                          .dose = NAN,
	                          .electrons = NAN};
	struct sem *s = self;

	begin(s, deadline);
	if (prepare(s, e, err) || tell(s, EM_SEM_RECORD, NULL, NULL, 0, err))
		return -1;
	if (take_image(s, &got.data, err)) {
		hang_up(s);
		return -1;
	}
	*a = got;
	return 0;
}

/* ---- open and close ---- */

static void close_sem(void *self)
{
	struct sem *s = self;

	em_socket_close(&s->socket);
	em_text_release(&s->in);
	free(s);
}

static const struct em_driver driver = {.name = "serialem",
                                        .capabilities = capabilities,
                                        .get = get,
                                        .set = set,
                                        .motion = motion,
                                        .stop = stop,
                                        .acquire = acquire,
                                        .close = close_sem};

static const struct em_driver *open_sem(const char *rest, const char *state_dir, double deadline, void **self,
                                        struct em_error *err)
{
	struct sem *s = calloc(1, sizeof(*s));
	const char *options;

	(void)state_dir;
	if (!s) {
		em_error_memory(err, sizeof(*s));
		return NULL;
	}
	s->socket.fd = -1;
	begin(s, deadline);
	if (em_http_parse_peer(&s->peer, rest, EM_SERIALEM_PORT, &options, err) ||
	    em_url_options_read(NULL, 0, options, err) || need_connection(s, err)) {
		close_sem(s);
		return NULL;
	}
	*self = s;
	return &driver;
}

const struct em_driver_kind em_driver_serialem = {
    .scheme = "serialem",
    .purpose = "SerialEM's external control, and emctl serve serialem",
    .open = open_sem,
    .port = EM_SERIALEM_PORT,
    .no_stop = true,
};
