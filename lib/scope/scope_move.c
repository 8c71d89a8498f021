/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Setting controls: in an order that keeps clear, waited for and read back. */
#include "scope/scope_parts.h"

#include <math.h>
#include <string.h>

#define STEPS_MAX 5
#define OPTICS_SECONDS 2 /* a change of mode normalises lenses */

struct step {
	const char *why;
	struct em_controls want;
	bool stage;
};

struct plan {
	struct step step[STEPS_MAX];
	size_t count;
};

/* ---- the order ---- */

static struct step *add(struct plan *p, const char *why)
{
	p->step[p->count] = (struct step){.why = why};
	return &p->step[p->count++];
}

static bool is_empty(const struct em_controls *c)
{
	for (int i = 0; i < EM_CONTROLS; i++)
		if (c->known[i])
			return false;
	return true;
}

/* A step with those of `want` that `takes` says. */
static void add_if(struct plan *p, const char *why, const struct em_controls *want,
                   bool (*takes)(int control, double value), bool stage)
{
	struct step *step = add(p, why);

	step->stage = stage;
	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && takes(c, want->value[c]))
			em_controls_set(&step->want, (enum em_control)c, want->value[c]);
	if (is_empty(&step->want))
		p->count--;
}

/* What lets the beam through to the specimen or the camera comes last, what keeps it off first. */
static bool lets_beam(int c, double value)
{
	return ((c == EM_BLANKED || c == EM_SCREEN_DOWN) && value == 0) || (c == EM_VALVES_OPEN && value != 0);
}

static bool is_optics(int c, double value)
{
	return !em_scope_is_axis(c) && !lets_beam(c, value);
}

static bool is_stage(int c, double value)
{
	(void)value;
	return em_scope_is_axis(c);
}

static bool is_shift(int c, double value)
{
	(void)value;
	return c == EM_STAGE_X || c == EM_STAGE_Y || c == EM_STAGE_Z;
}

static bool is_tilt(int c, double value)
{
	(void)value;
	return c == EM_STAGE_A || c == EM_STAGE_B;
}

/* A tilted holder comes near the pole pieces when its height changes: home first, then the height, then tilt again, to
 * where it was unless told otherwise. */
static void add_clear_steps(struct plan *p, const struct em_controls *want, const struct em_controls *before)
{
	static const enum em_control tilts[] = {EM_STAGE_A, EM_STAGE_B};
	struct em_controls home = {0}, tilted = *want;

	for (size_t i = 0; i < 2; i++) {
		enum em_control c = tilts[i];

		if (!before->known[c] || fabs(before->value[c]) <= em_control_info(c)->tolerance)
			continue;
		em_controls_set(&home, c, 0);
		if (!want->known[c])
			em_controls_set(&tilted, c, before->value[c]);
	}
	add_if(p, "untilt to keep clear", &home, is_tilt, true);
	add_if(p, "move", want, is_shift, true);
	add_if(p, "tilt", &tilted, is_tilt, true);
}

/* How far up or down. */
static double climb_of(const struct em_controls *want, const struct em_controls *before)
{
	if (!want->known[EM_STAGE_Z])
		return 0;
	return before->known[EM_STAGE_Z] ? fabs(want->value[EM_STAGE_Z] - before->value[EM_STAGE_Z]) : INFINITY;
}

static int make_plan(const struct em_scope *s, struct plan *p, const struct em_controls *want,
                     const struct em_controls *before, struct em_error *err)
{
	bool clear = climb_of(want, before) > s->set.limits.clear_z; /* never where that is NAN */

	if (clear && s->writable.known[EM_STAGE_A] && !before->known[EM_STAGE_A])
		return em_error_set(err, EM_ERROR_REFUSED,
		                    "%s: such a height is changed untilted, and the tilt cannot be read", s->label);
	add_if(p, "set", want, is_optics, false);
	if (clear)
		add_clear_steps(p, want, before);
	else
		add_if(p, "move", want, is_stage, true);
	add_if(p, "set", want, lets_beam, false);
	return 0;
}

/* ---- time ---- */

/* Slow instruments: m/s and rad/s, and seconds that each axis needs besides. */
static double seconds_of(enum em_control c, double distance)
{
	static const double speed[] = {[EM_STAGE_X] = 20e-6,
	                               [EM_STAGE_Y] = 20e-6,
	                               [EM_STAGE_Z] = 5e-6,
	                               [EM_STAGE_A] = 0.017,
	                               [EM_STAGE_B] = 0.017};

	return 1 + distance / speed[c];
}

double em_scope_travel(const struct em_controls *from, const struct em_controls *to)
{
	double seconds = 0;

	for (size_t i = 0; i < 5; i++) {
		enum em_control c = em_scope_axes[i];

		if (to->known[c])
			seconds += seconds_of(c, from->known[c] ? fabs(to->value[c] - from->value[c]) : 0);
	}
	return seconds;
}

static double step_seconds(const struct step *step, const struct em_controls *from)
{
	return step->stage ? em_scope_travel(from, &step->want) : OPTICS_SECONDS;
}

/* ---- doing it ---- */

static void update(struct em_controls *c, const struct em_controls *with)
{
	for (int i = 0; i < EM_CONTROLS; i++)
		if (with->known[i])
			em_controls_set(c, (enum em_control)i, with->value[i]);
}

/* An order may still be on its way when its answer is late: nothing is left moving without anyone who waits for it. */
static int do_step(struct em_scope *s, const struct step *step, struct em_controls *now, struct em_error *err)
{
	double seconds = step_seconds(step, now);
	struct em_controls got = {0};
	struct em_error why = {0};
	int status;

	if (em_scope_check_stop(s, err))
		return -1;
	status = s->driver->set(s->self, em_scope_deadline(s, seconds), &step->want, &why);
	em_scope_check_stop(s, NULL); /* that it was heard is told at once: what comes now is not to be woken up */
	if (status && (why.kind == EM_ERROR_REFUSED || why.kind == EM_ERROR_UNSUPPORTED)) {
		if (err)
			*err = why;
		return -1;
	}
	if (!status)
		status = em_scope_rest(s, &step->want, step->stage, em_scope_is_small(s, &step->want, now),
		                       3 * seconds + 5, &got, &why);
	if (status && step->stage) {
		em_scope_halt(s, NULL);
		em_scope_brake(s, &got, NULL);
	} else if (status) {
		s->ends = fmax(s->ends, em_scope_now(s) + OPTICS_SECONDS);
		em_scope_read(s, &step->want, &got, NULL);
	}
	update(now, &got);
	if (status && err)
		*err = why;
	return status;
}

static int do_plan(struct em_scope *s, const struct plan *p, struct em_controls *now, struct em_error *err)
{
	struct em_error why = {0};

	for (size_t i = 0; i < p->count; i++) {
		if (!do_step(s, &p->step[i], now, &why))
			continue;
		if (p->count > 1)
			em_error_prefix(&why, "step %zu of %zu (%s): ", i + 1, p->count, p->step[i].why);
		if (err)
			*err = why;
		return -1;
	}
	return 0;
}

/* ---- the plan as a text ---- */

static void tell_step(struct em_scope *s, const struct step *step, struct em_controls *now)
{
	em_text_printf(&s->plan, "%s:", step->why);
	for (int i = 0; i < EM_CONTROLS; i++) {
		enum em_control c = (enum em_control)i;

		if (!step->want.known[i])
			continue;
		em_text_printf(&s->plan, " %s ", em_control_info(c)->name);
		if (now->known[i]) {
			em_control_print_about(&s->plan, c, now->value[i], 6);
			em_text_append(&s->plan, " -> ");
		}
		em_control_print_about(&s->plan, c, step->want.value[i], 6);
	}
	em_text_printf(&s->plan, "; up to %.3g s\n", step_seconds(step, now));
	update(now, &step->want);
}

/* ---- the command ---- */

/* ["stage.x=12.5um", ...]: such that em_control_parse gives the same numbers. */
static void put_args(struct em_text *t, const struct em_controls *want)
{
	em_text_append(t, "[");
	for (int i = 0; i < EM_CONTROLS; i++) {
		struct em_text one = {0};

		if (!want->known[i])
			continue;
		em_text_printf(&one, "%s=", em_control_info((enum em_control)i)->name);
		em_control_print(&one, (enum em_control)i, want->value[i]);
		em_json_put_comma(t);
		em_json_put_string(t, em_text_get(&one));
		em_text_release(&one);
	}
	em_text_append(t, "]");
}

/* The stage and what is to be set, as they are. */
static int read_before(struct em_scope *s, const struct em_controls *want, struct em_controls *before,
                       struct em_error *err)
{
	struct em_controls ask = *want;

	for (size_t i = 0; i < 5; i++)
		ask.known[em_scope_axes[i]] = true;
	return em_scope_read(s, &ask, before, err);
}

/*
 * A move by less than the tolerance is within it from the start: that it was done is seen by the reading having gone
 * that way.  A quarter of the tolerance is what readings may do by themselves (scope_rest.c).
 */
static int check_went(const struct em_scope *s, const struct em_controls *by, const struct em_controls *before,
                      const struct em_controls *now, struct em_error *err)
{
	for (size_t i = 0; i < 5; i++) {
		enum em_control c = em_scope_axes[i];
		double way = by->value[c], went = now->value[c] - before->value[c];
		struct em_text t = {0};

		if (!by->known[c] || !now->known[c] || !before->known[c] ||
		    fabs(way) <= em_scope_tolerance(s, c, now->value[c]) / 4 || went * copysign(1, way) > fabs(way) / 4)
			continue;
		em_control_print_about(&t, c, went, 3);
		em_text_append(&t, ", not by ");
		em_control_print_about(&t, c, way, 6);
		em_error_set(err, EM_ERROR_MISSED, "%s: %s went by %s", s->label, em_control_info(c)->name,
		             em_text_get(&t));
		em_text_release(&t);
		return -1;
	}
	return 0;
}

/* What a command knows of itself. */
struct command {
	const struct em_controls *want, *by; /* by NULL: nothing by an amount */
	struct em_controls before, now;
	struct em_scope_end end;
};

static int move(struct em_scope *s, struct command *m, struct em_error *err)
{
	struct plan p = {0};

	if (em_scope_check(s, m->want, err) || read_before(s, m->want, &m->before, err))
		return -1;
	m->end.before = &m->before;
	m->now = m->before;
	if (make_plan(s, &p, m->want, &m->before, err))
		return -1;
	for (size_t i = 0; i < p.count; i++)
		if (em_scope_check(s, &p.step[i].want, err))
			return -1;
	if (s->set.dry_run) {
		struct em_controls there = m->before;

		for (size_t i = 0; i < p.count; i++)
			tell_step(s, &p.step[i], &there);
		return 0;
	}
	if (em_scope_log_begin(s, "move", m->end.args, &m->before, err))
		return -1;
	m->end.alone = false;
	m->end.after = &m->now;
	return do_plan(s, &p, &m->now, err) || (m->by && check_went(s, m->by, &m->before, &m->now, err)) ? -1 : 0;
}

static int run(struct em_scope *s, const struct em_controls *want, const struct em_controls *by,
               struct em_controls *got, struct em_error *err)
{
	struct command m = {.want = want, .by = by, .end = {.what = "move", .alone = true, .lasting = true}};
	struct em_error why = {0};
	struct em_text args = {0};
	int status;

	put_args(&args, want);
	m.end.args = em_text_get(&args);
	status = em_text_check(&args, &why) ? -1 : move(s, &m, &why);
	status = em_scope_log_end(s, &m.end, status, &why);
	em_text_release(&args);
	*got = m.now;
	if (status && err)
		*err = why;
	return status;
}

int em_scope_move(struct em_scope *s, const struct em_controls *want, struct em_controls *got, struct em_error *err)
{
	em_scope_begin(s);
	return run(s, want, NULL, got, err);
}

int em_scope_move_by(struct em_scope *s, const struct em_controls *want, const struct em_controls *by,
                     struct em_controls *got, struct em_error *err)
{
	struct em_controls all = *want, from;

	em_scope_begin(s);
	*got = (struct em_controls){0};
	if (em_scope_read(s, by, &from, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		if (!by->known[c])
			continue;
		if (!from.known[c])
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: %s cannot be read, so as to change it",
			                    s->label, em_control_info((enum em_control)c)->name);
		em_controls_set(&all, (enum em_control)c, from.value[c] + by->value[c]);
	}
	return run(s, &all, by, got, err);
}
