/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers that say anything, to all drivers of wires: this file stands in for lib/scope/socket.c.  The first byte is
 * the driver, the second what is done with the instrument; then come replies, one for each request, parted by FE FD,
 * and from the first again when they have run out.
 */
#include "../unit/instrument_help.h"
#include "fuzz_help.h"
#include "scope/socket.h"

#define SIZE_MOST 16384 /* of an input, as the same reply may come hundreds of times */

/* ---- the other end ---- */

static struct {
	const char *all;
	size_t size;
	size_t next;    /* where the next reply begins */
	size_t at, end; /* what is left of the present one */
} replies;

static void next_reply(void)
{
	if (replies.next >= replies.size)
		replies.next = 0;
	replies.at = replies.end = replies.next;
	while (replies.end < replies.size &&
	       (replies.end + 1 == replies.size || memcmp(replies.all + replies.end, "\xfe\xfd", 2)))
		replies.end++;
	replies.next = replies.end + 2;
}

int em_socket_connect(struct em_socket *s, const char *host, const char *port, struct em_error *err)
{
	(void)err;
	check(*host && *port);
	s->fd = 1 << 20; /* none of the system's */
	replies.at = replies.end;
	return 0;
}

void em_socket_close(struct em_socket *s)
{
	s->fd = -1;
}

int em_socket_send(const struct em_socket *s, const void *bytes, size_t n, struct em_error *err)
{
	(void)err;
	check(s->fd >= 0 && bytes && n);
	next_reply();
	return 0;
}

/* In pieces that end anywhere. */
int em_socket_receive(const struct em_socket *s, struct em_text *t, struct em_error *err)
{
	size_t left = replies.end - replies.at, n = left > 7 ? left - left / 3 : left;

	check(s->fd >= 0);
	em_text_append_bytes(t, replies.all + replies.at, n);
	replies.at += n;
	return em_text_check(t, err) ? -1 : n > 0;
}

int em_socket_listen(const char *host, const char *port, char *bound, struct em_error *err)
{
	(void)host, (void)port, (void)bound;
	return em_error_set(err, EM_ERROR_IO, "nobody listens here");
}

int em_socket_accept(int listening)
{
	(void)listening;
	return -1;
}

/* ---- the driver, with a clock that runs ---- */

static const struct em_driver_kind *under;

static const struct em_driver *open_under(const char *rest, const char *state_dir, double deadline, void **self,
                                          struct em_error *err)
{
	static struct em_driver with_clock;
	const struct em_driver *is = under->open(rest, state_dir, deadline, self, err);

	if (!is)
		return NULL;
	with_clock = *is;
	with_clock.now = wire_now;
	with_clock.sleep = wire_sleep;
	return &with_clock;
}

static void check_failed(int status, const struct em_error *err)
{
	check(!status || (err->kind != EM_ERROR_NONE && *err->text));
}

static void read_all(struct em_scope *s)
{
	struct em_capabilities c;
	struct em_controls got;
	struct em_error err = {0};
	int status = em_scope_capabilities(s, &c, &err);

	check_failed(status, &err);
	for (size_t i = 0; !status && i < c.detectors; i++)
		check(memchr(c.detector[i].name, 0, EM_DETECTOR_NAME) && c.detector[i].width <= 1 << 20 &&
		      c.detector[i].height <= 1 << 20);
	status = em_scope_get(s, NULL, &got, &err);
	check_failed(status, &err);
	for (int i = 0; !status && i < EM_CONTROLS; i++)
		check(!got.known[i] || isfinite(got.value[i]));
}

/* What it was asked for by one bit each. */
static void move(struct em_scope *s, unsigned what)
{
	static const struct em_controls go = {
	    .known = {[EM_STAGE_X] = true, [EM_STAGE_A] = true, [EM_MAGNIFICATION] = true, [EM_BLANKED] = true},
	    .value = {[EM_STAGE_X] = 5e-6, [EM_STAGE_A] = 0.1, [EM_MAGNIFICATION] = 20000, [EM_BLANKED] = 1}};
	struct em_controls want = {0}, got;
	struct em_error err = {0};
	int status;

	if (what & 1)
		want = go;
	else
		em_controls_set(&want, EM_DEFOCUS, -1e-6);
	status = em_scope_move(s, &want, &got, &err);
	check_failed(status, &err);
	for (int c = 0; !status && c < EM_CONTROLS; c++)
		check(!want.known[c] || !got.known[c] ||
		      fabs(got.value[c] - want.value[c]) <= em_scope_tolerance(s, (enum em_control)c, want.value[c]));
}

static double dose_of(struct em_scope *s)
{
	static const double everywhere[4] = {-1, -1, 1, 1};
	double most = 0;

	check(!em_scope_dose(s, everywhere, &most, NULL));
	return most;
}

/* Whatever comes, what the specimen has had does not become less. */
static void expose(struct em_scope *s, const char *detector)
{
	struct em_exposure e = {.seconds = 0.1};
	struct em_sample sample = {0};
	struct em_error err = {0};
	double before = dose_of(s);
	int status;

	snprintf(e.detector, sizeof(e.detector), "%s", detector);
	status = em_scope_acquire(s, &e, "one", &sample, &err);
	check_failed(status, &err);
	check(dose_of(s) >= before);
	if (!status)
		em_sample_release(&sample);
}

static void expose_all(struct em_scope *s)
{
	struct em_capabilities c = {.detectors = 0};

	expose(s, "");
	if (!em_scope_capabilities(s, &c, NULL))
		for (size_t i = 0; i < c.detectors && i < 3; i++)
			expose(s, c.detector[i].name);
}

static void use(struct em_scope *s, unsigned what)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];
	struct em_error err = {0};

	if (what & 2)
		read_all(s);
	if (what & 4)
		move(s, what);
	if (what & 8)
		check_failed(em_scope_limits(s, lo, hi, &err), &err);
	if (what & 16)
		expose_all(s);
	if (what & 32)
		check_failed(em_scope_stop(s, &err), &err);
	check(!em_scope_dose_reset(s, NULL));
}

static void leave(void)
{
	wire_scope_close(NULL);
}

static struct em_scope *open_scope(const char *url)
{
	static const struct em_driver_kind kind = {"wire", "for tests", open_under, NULL};
	struct em_scope_settings set = {
	    .command = "fuzz", .state_dir = wire_folder, .journal = "", .patience = 5, .timeout = 1};
	struct em_scope *s = NULL;
	struct em_error err = {0};

	if (!*wire_folder) {
		snprintf(wire_folder, sizeof(wire_folder), P_tmpdir "/em-wire-XXXXXX");
		check(mkdtemp(wire_folder) != NULL);
		atexit(leave);
	}
	em_scope_limits_init(&set.limits);
	check_failed(em_scope_open_kind(&kind, url, &set, &s, &err), &err);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		const char *scheme, *url;
	} wires[] = {{"http", "wire://h"},       {"jeol", "wire://h?bridge=b"}, {"jeol", "wire://h"},
	             {"instamatic", "wire://h"}, {"rpc", "wire://h"},           {"serialem", "wire://h"}};
	struct em_scope *s;
	size_t w;

	if (size < 2 || size > SIZE_MOST)
		return 0;
	w = data[0] % (sizeof(wires) / sizeof(*wires));
	for (size_t i = 0; (under = em_driver_kind_at(i)) && strcmp(under->scheme, wires[w].scheme); i++)
		;
	check(under != NULL);
	replies.all = (const char *)data + 2;
	replies.size = size - 2;
	replies.next = replies.at = replies.end = 0;
	s = open_scope(wires[w].url);
	if (s)
		use(s, data[1]);
	em_scope_close(s);
	return 0;
}
