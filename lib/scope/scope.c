/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening and closing an instrument, and reading it. */
#include "scope/scope_parts.h"

#include "scope/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CALL_SECONDS 1 /* that a reading may well take */
#define STOP_SECONDS 5

const enum em_control em_scope_axes[5] = {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z, EM_STAGE_A, EM_STAGE_B};

bool em_scope_is_axis(int control)
{
	return control >= EM_STAGE_X && control <= EM_STAGE_B;
}

/* ---- open and close ---- */

static const struct em_driver_kind *find_kind(const char *url, struct em_error *err)
{
	struct em_text known = {0};
	size_t n = strcspn(url, ":");
	const struct em_driver_kind *kind;

	for (size_t i = 0; (kind = em_driver_kind_at(i)); i++) {
		if (url[n] && strlen(kind->scheme) == n && !strncmp(kind->scheme, url, n)) {
			em_text_release(&known);
			return kind;
		}
		em_text_printf(&known, "%s%s:", i ? " " : "", kind->scheme);
	}
	em_error_set(err, EM_ERROR_USAGE, "'%.100s' is no instrument: its URL begins with one of: %s", url,
	             em_text_get(&known));
	em_text_release(&known);
	return NULL;
}

static int make_folder(const char *path, struct em_error *err)
{
	char *copy = strdup(path), *end = copy;
	int status = 0;

	if (!copy)
		return em_error_memory(err, strlen(path));
	while (!status && *end) {
		end += strspn(end, "/");
		end += strcspn(end, "/");
		char kept = *end;

		*end = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST && (!kept || errno != EACCES))
			status = em_error_errno(err, "cannot make the folder '%s'", copy);
		*end = kept;
	}
	free(copy);
	return status;
}

static int open_files(struct em_scope *s, const char *url, struct em_error *err)
{
	const struct em_scope_settings *set = &s->set;
	char *lock = em_scope_file(set->state_dir, url, "lock"), *dose = em_scope_file(set->state_dir, url, "dose");
	char *own = em_scope_file(set->state_dir, url, "jsonl");
	const char *journal = set->journal ? set->journal : own;
	int status = -1;

	if (!lock || !dose || !own)
		em_error_memory(err, strlen(url));
	else
		status = (!set->aside && em_lock_take(&s->lock, lock, set->command, set->patience, set->stop, err)) ||
		                 em_journal_open(&s->journal, *journal ? journal : NULL, err) ||
		                 em_dose_open(&s->dose, dose, err)
		             ? -1
		             : 0;
	free(lock);
	free(dose);
	free(own);
	return status;
}

static int open_driver(struct em_scope *s, const struct em_driver_kind *kind, const char *url, struct em_error *err)
{
	const char *rest = url + strcspn(url, ":");
	double deadline = s->set.timeout > 0 ? fmin(s->set.timeout, 10) : 10;

	s->driver = kind->open(*rest ? rest + 1 : rest, s->set.state_dir, deadline, &s->self, err);
	return s->driver ? 0 : em_error_prefix(err, "%s: ", s->label);
}

/* "sim:?seed=7" reads as "sim" in front of a message. */
static void cut_label(char *label)
{
	size_t n = strcspn(label, "?");

	label[n] = '\0';
	while (n > 1 && strchr(":/", label[n - 1]))
		label[--n] = '\0';
}

int em_scope_open_kind(const struct em_driver_kind *kind, const char *url, const struct em_scope_settings *settings,
                       struct em_scope **scope, struct em_error *err)
{
	struct em_scope *s;

	if (settings->aside && kind->no_stop)
		return em_error_set(err, EM_ERROR_UNSUPPORTED,
		                    "%s: this wire has no way to stop the stage: use the instrument's own STOP",
		                    kind->scheme);
	s = calloc(1, sizeof(*s));
	if (!s)
		return em_error_memory(err, sizeof(*s));
	s->set = *settings;
	s->opened = (long)time(NULL);
	s->lock.fd = s->journal.fd = -1;
	s->name = em_scope_public_url(url);
	s->label = em_scope_public_url(url);
	if (!s->name || !s->label)
		em_error_memory(err, strlen(url));
	else
		cut_label(s->label);
	if (!s->name || !s->label || make_folder(settings->state_dir, err) || open_files(s, url, err) ||
	    open_driver(s, kind, url, err)) {
		em_scope_close(s);
		return -1;
	}
	*scope = s;
	return 0;
}

int em_scope_open(const char *url, const struct em_scope_settings *settings, struct em_scope **scope,
                  struct em_error *err)
{
	const struct em_driver_kind *kind = find_kind(url, err);

	return kind ? em_scope_open_kind(kind, url, settings, scope, err) : -1;
}

/* The lock last: who waits for it finds everything written. */
void em_scope_close(struct em_scope *s)
{
	if (!s)
		return;
	if (s->driver)
		s->driver->close(s->self);
	em_journal_close(&s->journal, NULL);
	em_dose_close(&s->dose);
	em_lock_drop(&s->lock);
	em_text_release(&s->plan);
	free(s->name);
	free(s->label);
	free(s);
}

const char *em_scope_plan(const struct em_scope *s)
{
	return em_text_get(&s->plan);
}

/* ---- time ---- */

double em_scope_now(const struct em_scope *s)
{
	return s->driver && s->driver->now ? s->driver->now(s->self) : em_clock_now();
}

int em_scope_check_stop(struct em_scope *s, struct em_error *err)
{
	if (!s->set.stop || !*s->set.stop)
		return 0;
	s->heard = true;
	return em_error_set(err, EM_ERROR_REFUSED, "stopped by the user");
}

bool em_scope_heard(const struct em_scope *s)
{
	return s->heard;
}

/* In pieces, as *stop may come from another thread. */
int em_scope_pause(struct em_scope *s, double seconds, struct em_error *err)
{
	double end = em_scope_now(s) + seconds, left = seconds;

	do {
		if (em_scope_check_stop(s, err))
			return -1;
		left = fmin(left, 0.05);
		if (s->driver->sleep)
			s->driver->sleep(s->self, left);
		else
			em_clock_sleep(left);
		left = end - em_scope_now(s);
	} while (left > 1e-6);
	return em_scope_check_stop(s, err);
}

double em_scope_deadline(const struct em_scope *s, double expected)
{
	return fmin(3 * expected + 5, fmax(s->ends - em_scope_now(s), 0.001));
}

void em_scope_begin(struct em_scope *s)
{
	s->begun = em_scope_now(s);
	s->has_limits = false; /* a server outlives a holder */
	s->ends = s->set.timeout > 0 ? s->begun + s->set.timeout : INFINITY;
}

/* ---- reading ---- */

int em_scope_need_capabilities(struct em_scope *s, struct em_error *err)
{
	struct em_capabilities c = {0};

	if (s->has_cap)
		return 0;
	if (s->driver->capabilities(s->self, em_scope_deadline(s, CALL_SECONDS), &c, err))
		return -1;
	if (c.detectors > EM_DETECTORS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "%s: more detectors than there can be", s->label);
	s->cap = c;
	s->readable = c.readable;
	s->writable = c.writable;
	s->has_cap = true;
	return 0;
}

int em_scope_need_controls(struct em_scope *s, const struct em_controls *which, struct em_error *err)
{
	struct em_controls open = {0}, readable = {0}, writable = {0};
	bool any = false;

	if (s->has_cap || !s->driver->can)
		return em_scope_need_capabilities(s, err);
	for (int c = 0; c < EM_CONTROLS; c++) {
		open.known[c] = which->known[c] && !s->asked.known[c];
		any |= open.known[c];
	}
	if (any && s->driver->can(s->self, em_scope_deadline(s, CALL_SECONDS), &open, &readable, &writable, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		s->asked.known[c] |= open.known[c];
		s->readable.known[c] |= readable.known[c];
		s->writable.known[c] |= writable.known[c];
	}
	return 0;
}

int em_scope_capabilities(struct em_scope *s, struct em_capabilities *c, struct em_error *err)
{
	em_scope_begin(s);
	if (em_scope_need_capabilities(s, err))
		return -1;
	*c = s->cap;
	return 0;
}

int em_scope_read(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err)
{
	struct em_controls can = {0}, fresh = {0};
	bool any = false, missing = false;

	if (want ? em_scope_need_controls(s, want, err) : em_scope_need_capabilities(s, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		can.known[c] = s->readable.known[c] && (!want || want->known[c]);
		any |= can.known[c];
	}
	if (any && s->driver->get(s->self, em_scope_deadline(s, CALL_SECONDS), &can, &fresh, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		fresh.known[c] = fresh.known[c] && can.known[c] && isfinite(fresh.value[c]);
		missing |= can.known[c] && !fresh.known[c];
	}
	/* A wire that can what this instrument cannot: a holder without a tilt. */
	if (missing && em_scope_need_capabilities(s, err))
		return -1;
	*got = fresh;
	return 0;
}

int em_scope_read_stage(struct em_scope *s, struct em_controls *got, struct em_error *err)
{
	struct em_controls axes = {0};

	for (size_t i = 0; i < 5; i++)
		axes.known[em_scope_axes[i]] = true;
	return em_scope_read(s, &axes, got, err);
}

/* What is needed can be read, and what can be read is there. */
static int need_all(const struct em_scope *s, const struct em_controls *want, const struct em_controls *need,
                    const struct em_controls *got, struct em_error *err)
{
	for (int c = 0; want && c < EM_CONTROLS; c++)
		if (need->known[c] && !s->readable.known[c])
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: %s cannot be read", s->label,
			                    em_control_info((enum em_control)c)->name);
		else if (want->known[c] && s->readable.known[c] && !got->known[c])
			return em_error_set(err, EM_ERROR_UNREACHABLE, "%s: gave no number for %s", s->label,
			                    em_control_info((enum em_control)c)->name);
	return 0;
}

int em_scope_get_some(struct em_scope *s, const struct em_controls *want, const struct em_controls *need,
                      struct em_controls *got, struct em_error *err)
{
	struct em_scope_end end = {.what = "get", .alone = true, .reads = true};
	struct em_controls fresh = {0};
	int status;

	em_scope_begin(s);
	status = em_scope_read(s, want, &fresh, err) || need_all(s, want, need, &fresh, err) ? -1 : 0;
	end.after = status ? NULL : &fresh;
	status = em_scope_log_end(s, &end, status, err);
	if (!status)
		*got = fresh;
	return status;
}

int em_scope_get(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err)
{
	return em_scope_get_some(s, want, want, got, err);
}

/* ---- stop and wait ---- */

int em_scope_halt(struct em_scope *s, struct em_error *err)
{
	return s->driver->stop ? s->driver->stop(s->self, STOP_SECONDS, err)
	                       : em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: cannot be stopped", s->label);
}

/* A stage that is stopped brakes first, and its status is late.  This is worth its time, also to who was stopped. */
int em_scope_brake(struct em_scope *s, struct em_controls *got, struct em_error *err)
{
	const volatile int *stop = s->set.stop;
	int status;

	em_scope_check_stop(s, NULL);
	s->set.stop = NULL;
	s->ends = fmax(s->ends, em_scope_now(s) + 2 * STOP_SECONDS);
	status = em_scope_rest(s, NULL, true, false, STOP_SECONDS, got, err);
	s->set.stop = stop;
	return status;
}

int em_scope_stop(struct em_scope *s, struct em_error *err)
{
	struct em_scope_end end = {.what = "stop", .lasting = true};
	struct em_controls after = {0};
	int status;

	em_scope_begin(s);
	if (s->set.dry_run) {
		em_text_append(&s->plan, "stop the stage\n");
		return 0;
	}
	if (em_scope_log_begin(s, "stop", NULL, NULL, err))
		return -1;
	status = s->driver->stop ? s->driver->stop(s->self, em_scope_deadline(s, CALL_SECONDS), err)
	                         : em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: cannot be stopped", s->label);
	if (!status)
		status = em_scope_brake(s, &after, err);
	end.after = &after;
	return em_scope_log_end(s, &end, status, err);
}

/* Where the stage was left may matter more than anything else now: it is worth several readings. */
void em_scope_tell(struct em_scope *s, struct em_text *t)
{
	static const enum em_control also[] = {EM_PROJECTION, EM_BLANKED, EM_SCREEN_DOWN, EM_VALVES_OPEN};
	struct em_controls want = {0}, got = {0};
	struct em_error err = {0};

	if (em_scope_brake(s, &got, NULL) && em_scope_stop(s, &err)) {
		em_text_printf(t, "how it was left is not known: %s", err.text);
		return;
	}
	s->ends = em_scope_now(s) + STOP_SECONDS;
	for (size_t i = 0; i < 5; i++)
		want.known[em_scope_axes[i]] = true;
	for (size_t i = 0; i < sizeof(also) / sizeof(*also); i++)
		want.known[also[i]] = true;
	if (em_scope_read(s, &want, &got, &err)) {
		em_text_printf(t, "the stage rests, but where is not known: %s", err.text);
		return;
	}
	em_text_append(t, "it was left at rest, at");
	for (int c = 0; c < EM_CONTROLS; c++) {
		if (!got.known[c])
			continue;
		em_text_printf(t, " %s=", em_control_info((enum em_control)c)->name);
		em_control_print_about(t, (enum em_control)c, got.value[c], 6);
	}
}

int em_scope_wait(struct em_scope *s, double seconds, struct em_error *err)
{
	struct em_scope_end end = {.what = "wait", .alone = true, .reads = true};
	struct em_controls after = {0};
	int status;

	em_scope_begin(s);
	status = em_scope_rest(s, NULL, true, false, seconds, &after, err);
	end.after = &after;
	return em_scope_log_end(s, &end, status, err);
}
