/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exposures: the budget of dose before, the journal around, and what was given after. */
#include "scope/scope_parts.h"

#include "base/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTARY_CHARGE 1.602176634e-19
#define UNKNOWN_SECONDS 30 /* of an exposure that is as it is set */
#define PER_SQUARE_ANGSTROM 1e-20

const struct em_detector *em_capabilities_detector(const struct em_capabilities *c, const char *name)
{
	for (size_t i = 0; i < c->detectors; i++)
		if (!strcmp(c->detector[i].name, name))
			return &c->detector[i];
	return NULL;
}

void em_acquired_release(struct em_acquired *a)
{
	em_array_release(&a->data);
}

void em_scope_shot_release(struct em_scope_shot *shot)
{
	em_acquired_release(&shot->got);
	*shot = (struct em_scope_shot){0};
}

static void acquired_init(struct em_acquired *a)
{
	*a = (struct em_acquired){.scale = {NAN, NAN},
	                          .offset = NAN,
	                          .to_stage = {{NAN, NAN}, {NAN, NAN}},
	                          .seconds = NAN,
	                          .dose = NAN,
	                          .electrons = NAN};
}

/* ---- the detector ---- */

static double value_of(const struct em_controls *c, enum em_control which)
{
	return c->known[which] ? c->value[which] : NAN;
}

static const struct em_detector *first_of(const struct em_scope *s, enum em_detector_kind kind)
{
	const struct em_detector *found = NULL;

	for (size_t i = 0; i < s->cap.detectors; i++) {
		const struct em_detector *d = &s->cap.detector[i];

		if (d->kind == kind && (!found || (!found->inserted && d->inserted)))
			found = d;
	}
	return found;
}

/* By name; or without one that which suits the mode. */
static const struct em_detector *find_detector(const struct em_scope *s, const char *name, const struct em_controls *at,
                                               struct em_error *err)
{
	const struct em_detector *d = NULL;
	struct em_text names = {0};

	if (!*name) {
		bool stem = value_of(at, EM_MODE) == 1;

		d = first_of(s, stem ? EM_DETECTOR_SCAN : EM_DETECTOR_CAMERA);
		d = d ? d : first_of(s, stem ? EM_DETECTOR_CAMERA : EM_DETECTOR_SCAN);
	}
	for (size_t i = 0; i < s->cap.detectors && !d; i++) {
		if (!strcmp(s->cap.detector[i].name, name))
			d = &s->cap.detector[i];
		em_text_printf(&names, " %s", s->cap.detector[i].name);
	}
	if (!d)
		em_error_set(err, EM_ERROR_REFUSED, "%s: there is no detector '%s'; there are:%s", s->label, name,
		             names.len ? em_text_get(&names) : " none");
	em_text_release(&names);
	return d;
}

int em_scope_detector(struct em_scope *s, const char *name, const struct em_detector **d, struct em_error *err)
{
	struct em_controls want = {0}, at = {0};

	em_scope_begin(s);
	want.known[EM_MODE] = true;
	if (em_scope_need_capabilities(s, err) || (!*name && em_scope_read(s, &want, &at, err)))
		return -1;
	*d = find_detector(s, name, &at, err);
	return *d ? 0 : -1;
}

/* ---- what it will be ---- */

static bool is_blanked(const struct em_scope_shot *shot)
{
	return shot->at.known[EM_BLANKED] && shot->at.value[EM_BLANKED] != 0;
}

/* A pattern or a spectrum is of one place, whose size nobody tells: a point of that dose. */
static bool is_point(const struct em_scope_shot *shot)
{
	return shot->pattern || shot->detector->kind == EM_DETECTOR_SPECTROMETER;
}

static void picture_size(const struct em_scope_shot *shot, double *width, double *height)
{
	const struct em_exposure *e = &shot->exposure;
	double bin = e->binning ? (double)e->binning : 1;

	*width = e->width ? (double)e->width : (double)shot->detector->width / bin;
	*height = e->height ? (double)e->height : (double)shot->detector->height / bin;
}

/* A camera behind a scanned or diffracted beam sees angles. */
static bool sees_pattern(const struct em_scope_shot *shot)
{
	return shot->detector->kind == EM_DETECTOR_CAMERA &&
	       (value_of(&shot->at, EM_PROJECTION) == 1 || value_of(&shot->at, EM_MODE) == 1);
}

/* Of a camera's pixel: m by the magnification, or 1/m by the camera length, as they are shown. */
static double camera_scale(const struct em_scope_shot *shot)
{
	const struct em_exposure *e = &shot->exposure;
	double pixel = shot->detector->pixel_m * (double)(e->binning ? e->binning : 1);

	if (!shot->pattern)
		return pixel / value_of(&shot->at, EM_MAGNIFICATION);
	return pixel / value_of(&shot->at, EM_CAMERA_LENGTH) / em_units_wavelength_m(value_of(&shot->at, EM_VOLTAGE));
}

/* What the wire tells of the beam; 0 is what a meter shows that does not see it. */
static double current_of(const struct em_scope_shot *shot)
{
	double current = value_of(&shot->at, EM_BEAM_CURRENT);

	return current > 0 ? current : NAN;
}

/* What was measured once is better than what is shown; of a part of the field it is not known which. */
static void calibrate(const struct em_scope *s, const struct em_scope_shot *shot, double width, struct em_acquired *a)
{
	if (!shot->pattern && shot->detector->kind != EM_DETECTOR_SPECTROMETER && !shot->exposure.width)
		em_calibration_apply(s->set.calibration, shot->detector->name, value_of(&shot->at, EM_MAGNIFICATION),
		                     width, a);
}

/* By the instrument's own word; else, of a camera, by its pixels, and as if all of the beam were spread over the field:
 * more than there is where the beam is wider, less where it is narrower. */
static int expect(struct em_scope *s, struct em_scope_shot *shot, struct em_acquired *a, struct em_error *err)
{
	const struct em_exposure *e = &shot->exposure;
	double width, height;

	acquired_init(a);
	picture_size(shot, &width, &height);
	if (s->driver->expect && s->driver->expect(s->self, em_scope_deadline(s, 1), e, a, err))
		return -1;
	if (!isfinite(a->seconds) && shot->detector->kind == EM_DETECTOR_SCAN && e->dwell > 0)
		a->seconds = e->dwell * width * height;
	else if (!isfinite(a->seconds) && shot->detector->kind != EM_DETECTOR_SCAN && e->seconds > 0)
		a->seconds = e->seconds;
	calibrate(s, shot, width, a);
	if (!isfinite(a->scale[1]) && shot->detector->kind == EM_DETECTOR_CAMERA && shot->detector->pixel_m > 0)
		a->scale[0] = a->scale[1] = camera_scale(shot);
	if (!isfinite(a->dose) && !is_point(shot))
		a->dose =
		    current_of(shot) * a->seconds / ELEMENTARY_CHARGE / (width * a->scale[1] * height * a->scale[0]);
	if (is_blanked(shot))
		a->dose = 0;
	return 0;
}

/* ---- dose ---- */

/* m: the side of the field of what is taken of one place.  Readings of one place differ by a few nm, and its doses have
 * to add up. */
#define POINT 10e-9

/* The rectangle that holds the field, however it is turned. */
static bool field_of(const struct em_scope_shot *shot, const struct em_acquired *a, double width, double height,
                     struct em_dose_field *f)
{
	double x = value_of(&shot->at, EM_STAGE_X), y = value_of(&shot->at, EM_STAGE_Y), dx, dy;

	dx = 0.5 * (fabs(a->to_stage[0][0]) * width + fabs(a->to_stage[0][1]) * height);
	dy = 0.5 * (fabs(a->to_stage[1][0]) * width + fabs(a->to_stage[1][1]) * height);
	if (is_point(shot)) {
		dx = dy = 0.5 * POINT;
	} else if (!isfinite(dx + dy)) {
		dx = 0.5 * a->scale[1] * width;
		dy = 0.5 * a->scale[0] * height;
	}
	*f = (struct em_dose_field){x - dx, y - dy, x + dx, y + dy, a->dose};
	return isfinite(x + y + dx + dy) && dx > 0 && dy > 0;
}

/* The budget holds before the exposure, by what is expected of it. */
static int check_budget(struct em_scope *s, struct em_scope_shot *shot, const struct em_dose_field *f, bool known,
                        struct em_error *err)
{
	double given, most = s->set.max_dose;

	if (!(most > 0) || is_blanked(shot))
		return 0;
	if (!known)
		return em_error_set(err, EM_ERROR_REFUSED,
		                    "%s: what dose this exposure gives cannot be told, and there is a budget: leave "
		                    "out --max-dose, or blank the beam",
		                    s->label);
	if (em_dose_most(&s->dose, f, &given, err))
		return -1;
	if (given + f->dose > most * (1 + 1e-9))
		return em_error_set(err, EM_ERROR_REFUSED,
		                    "%s: the place has had %.4g e/A^2, with %.4g more it is past the budget of %.4g; "
		                    "nothing was exposed",
		                    s->label, given * PER_SQUARE_ANGSTROM, f->dose * PER_SQUARE_ANGSTROM,
		                    most * PER_SQUARE_ANGSTROM);
	return 0;
}

/* After: by what the instrument says that it gave, unless that is less than nothing, which would take away what the
 * place has had before.  booked: before; NAN: it was not known. */
static int book(struct em_scope *s, struct em_scope_shot *shot, double booked, struct em_error *err)
{
	const struct em_array *data = &shot->got.data;
	struct em_dose_field f;
	double dose = isfinite(shot->got.dose) && shot->got.dose >= 0 ? shot->got.dose : booked;

	if (!isfinite(dose))
		return 0;
	shot->dose = dose;
	if (booked > 0)
		return em_dose_correct(&s->dose, dose - booked, err);
	if (!field_of(shot, &shot->got, (double)data->shape[data->ndim - 1], (double)data->shape[0], &f))
		return 0;
	f.dose = dose;
	return dose > 0 ? em_dose_add(&s->dose, &f, err) : 0;
}

/* ---- the exposure ---- */

static void put_args(struct em_text *t, const struct em_exposure *e)
{
	em_text_append(t, "{");
	em_json_put_name(t, "detector");
	em_json_put_string(t, e->detector);
	const struct {
		const char *name;
		double value;
	} numbers[] = {{"width", (double)e->width},
	               {"height", (double)e->height},
	               {"binning", (double)e->binning},
	               {"exposure_s", e->seconds},
	               {"dwell_s", e->dwell}};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].value > 0) {
			em_json_put_name(t, numbers[i].name);
			em_json_put_number(t, numbers[i].value);
		}
	em_text_append(t, "}");
}

/* Replays compare the mean: a picture's own number. */
static void put_result(struct em_text *t, const struct em_scope_shot *shot)
{
	const struct em_array *a = &shot->got.data;
	size_t n = em_array_count(a);
	double sum = 0, shape[EM_MAX_NDIM];

	for (size_t i = 0; i < n; i++)
		sum += em_array_get(a, i);
	for (int k = 0; k < a->ndim; k++)
		shape[k] = (double)a->shape[k];
	em_text_append(t, "{");
	em_json_put_name(t, "shape");
	em_json_put_numbers(t, shape, (size_t)a->ndim);
	em_json_put_name(t, "mean");
	em_json_put_number(t, sum / (double)n);
	if (isfinite(shot->dose)) {
		em_json_put_name(t, "dose_e_per_A2");
		em_json_put_number(t, shot->dose * PER_SQUARE_ANGSTROM);
	}
	em_text_append(t, "}");
}

static int check_data(const struct em_scope *s, const struct em_scope_shot *shot, struct em_error *err)
{
	const struct em_array *a = &shot->got.data;
	int ndim = shot->detector->kind == EM_DETECTOR_SPECTROMETER ? 1 : 2;

	if (!a->data || a->ndim != ndim || !em_array_count(a))
		return em_error_set(err, EM_ERROR_DATA, "%s: %s gave no %s", s->label, shot->detector->name,
		                    ndim == 1 ? "spectrum" : "picture");
	return 0;
}

static int acquire(struct em_scope *s, struct em_scope_shot *shot, const struct em_acquired *expected,
                   struct em_error *err)
{
	double seconds = isfinite(expected->seconds) ? expected->seconds : UNKNOWN_SECONDS;

	acquired_init(&shot->got);
	if (s->driver->acquire(s->self, em_scope_deadline(s, 1.5 * seconds), &shot->exposure, &shot->got, err)) {
		em_scope_check_stop(s, NULL);
		return -1;
	}
	if (shot->got.data.ndim == 2)
		calibrate(s, shot, (double)shot->got.data.shape[1], &shot->got);
	if (!isfinite(shot->got.scale[1])) {
		shot->got.scale[0] = expected->scale[0];
		shot->got.scale[1] = expected->scale[1];
	}
	/* a wait that was cut short by a signal: no whole exposure, though its dose counts */
	return em_scope_check_stop(s, err) || check_data(s, shot, err) ? -1 : 0;
}

/* What is exposed, how everything is set, and what it will give. */
static int look_ahead(struct em_scope *s, struct em_scope_shot *shot, struct em_acquired *expected,
                      struct em_error *err)
{
	if (em_scope_check_stop(s, err) || em_scope_read(s, NULL, &shot->at, err))
		return -1;
	shot->detector = find_detector(s, shot->exposure.detector, &shot->at, err);
	if (!shot->detector)
		return -1;
	memcpy(shot->exposure.detector, shot->detector->name, sizeof(shot->exposure.detector));
	shot->pattern = sees_pattern(shot);
	return expect(s, shot, expected, err);
}

int em_scope_expect(struct em_scope *s, const struct em_exposure *e, struct em_acquired *a, struct em_error *err)
{
	struct em_scope_shot shot = {.exposure = *e};

	em_scope_begin(s);
	return look_ahead(s, &shot, a, err);
}

static int prepare(struct em_scope *s, struct em_scope_shot *shot, struct em_acquired *expected,
                   struct em_dose_field *f, bool *known, struct em_error *err)
{
	double width, height;

	if (look_ahead(s, shot, expected, err))
		return -1;
	picture_size(shot, &width, &height);
	*known = field_of(shot, expected, width, height, f) && isfinite(f->dose) && f->dose >= 0;
	return check_budget(s, shot, f, *known, err);
}

static void tell(struct em_scope *s, const struct em_scope_shot *shot, const struct em_acquired *expected)
{
	em_text_printf(&s->plan, "expose %s", shot->detector->name);
	if (isfinite(expected->seconds))
		em_text_printf(&s->plan, "; %.3g s", expected->seconds);
	if (isfinite(expected->dose))
		em_text_printf(&s->plan, "; %.4g e/A^2", expected->dose * PER_SQUARE_ANGSTROM);
	em_text_append(&s->plan, "\n");
}

/* The dose is booked before the exposure: a process that is killed then has given it, or less. */
static int expose(struct em_scope *s, struct em_scope_shot *shot, struct em_scope_end *end, struct em_text *args,
                  struct em_error *err)
{
	struct em_acquired expected;
	struct em_dose_field f;
	double booked;
	bool known;

	if (prepare(s, shot, &expected, &f, &known, err))
		return -1;
	put_args(args, &shot->exposure);
	end->args = em_text_get(args);
	end->before = &shot->at;
	if (s->set.dry_run) {
		tell(s, shot, &expected);
		return 0;
	}
	if (em_scope_log_begin(s, "acquire", end->args, &shot->at, err))
		return -1;
	end->alone = false;
	booked = known ? f.dose : expected.dose == 0 ? 0 : NAN; /* blanked: none, wherever */
	if (booked > 0 && em_dose_add(&s->dose, &f, err))
		return -1;
	if (acquire(s, shot, &expected, err)) {
		if (booked > 0 && err && (err->kind == EM_ERROR_REFUSED || err->kind == EM_ERROR_UNSUPPORTED))
			em_dose_correct(&s->dose, -booked, NULL);
		return -1;
	}
	shot->done = true;
	if (book(s, shot, booked, err))
		return -1;
	return known ? em_dose_most(&s->dose, &f, &shot->place, err) : 0;
}

int em_scope_expose(struct em_scope *s, const struct em_exposure *e, struct em_scope_shot *shot, struct em_error *err)
{
	struct em_scope_shot fresh = {.exposure = *e, .dose = NAN, .place = NAN};
	struct em_scope_end end = {.what = "acquire", .alone = true, .lasting = true};
	struct em_text args = {0}, result = {0};
	struct em_error why = {0};
	int status;

	em_scope_begin(s);
	acquired_init(&fresh.got);
	status = expose(s, &fresh, &end, &args, &why);
	if (!status && fresh.done)
		put_result(&result, &fresh);
	end.result = em_text_get(&result);
	status = em_scope_log_end(s, &end, status, &why);
	em_text_release(&args);
	em_text_release(&result);
	if (!status) {
		*shot = fresh;
		return 0;
	}
	em_scope_shot_release(&fresh);
	if (err)
		*err = why;
	return -1;
}

int em_scope_dose(struct em_scope *s, const double field[4], double *most, struct em_error *err)
{
	struct em_dose_field f = {field[0], field[1], field[2], field[3], 0};

	return em_dose_most(&s->dose, &f, most, err);
}

int em_scope_dose_reset(struct em_scope *s, struct em_error *err)
{
	struct em_scope_end end = {.what = "dose reset", .alone = true, .lasting = true};

	em_scope_begin(s);
	if (s->set.dry_run) {
		em_text_append(&s->plan, "forget the dose of every place\n");
		return 0;
	}
	return em_scope_log_end(s, &end, em_dose_reset(&s->dose, err), err);
}
