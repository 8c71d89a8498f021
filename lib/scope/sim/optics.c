/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/optics.h"

#include "base/units.h"

#include <math.h>
#include <stddef.h>

#define PI 3.14159265358979323846
#define CHARGE 1.602176634e-19
#define FIELD 0.1          /* m: a scan's field at magnification 1 */
#define LOW_MAG 2000       /* below: another lens */
#define BEAM_CAMERA 0.0307 /* m: the side of the camera, for the beam that is spread with the magnification */

/* ---- tables ---- */

static const double series[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};

/* The member of lo .. hi of the series that is nearest to v > 0 by ratio. */
static double nearest(double v, double lo, double hi)
{
	double decade = pow(10, floor(log10(v) + 1e-12)), best = lo, off = fabs(log(v / lo));

	for (size_t i = 0; i <= sizeof(series) / sizeof(*series); i++) {
		double at = i < sizeof(series) / sizeof(*series) ? series[i] * decade : 10 * decade;

		at = decade >= 1 ? round(at * 10) / 10 : at;
		if (at >= lo * (1 - 1e-9) && at <= hi * (1 + 1e-9) && fabs(log(v / at)) < off) {
			off = fabs(log(v / at));
			best = at;
		}
	}
	return fabs(log(v / hi)) < off ? hi : best;
}

static void table_ends(enum em_sim_mode mode, enum em_control c, double *lo, double *hi)
{
	bool stem = mode == EM_SIM_STEM, length = c == EM_CAMERA_LENGTH;

	*lo = length ? (stem ? 0.02 : 0.08) : stem ? 200 : 50;
	*hi = length ? (stem ? 0.5 : 2.5) : stem ? 1e8 : 1.5e6;
}

static double nearest_dispersion(double v)
{
	static const double table[] = {0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1};
	double best = table[0];

	for (size_t i = 1; i < sizeof(table) / sizeof(*table); i++)
		if (fabs(log(v / table[i])) < fabs(log(v / best)))
			best = table[i];
	return best;
}

/* ---- what may be set ---- */

static const struct {
	double lo, hi;
} ranges[EM_CONTROLS] = {
    [EM_MODE] = {0, 1},
    [EM_PROJECTION] = {0, 1},
    [EM_MAGNIFICATION] = {50, 1e8},
    [EM_CAMERA_LENGTH] = {0.02, 2.5},
    [EM_DEFOCUS] = {-100e-6, 100e-6},
    [EM_IMAGE_SHIFT_X] = {-10e-6, 10e-6},
    [EM_IMAGE_SHIFT_Y] = {-10e-6, 10e-6},
    [EM_BEAM_SHIFT_X] = {-20e-6, 20e-6},
    [EM_BEAM_SHIFT_Y] = {-20e-6, 20e-6},
    [EM_BEAM_TILT_X] = {-0.05, 0.05},
    [EM_BEAM_TILT_Y] = {-0.05, 0.05},
    [EM_DIFFRACTION_SHIFT_X] = {-0.1, 0.1},
    [EM_DIFFRACTION_SHIFT_Y] = {-0.1, 0.1},
    [EM_STIGMATOR_X] = {-1, 1},
    [EM_STIGMATOR_Y] = {-1, 1},
    [EM_SPOT_SIZE] = {1, 11},
    [EM_INTENSITY] = {0, 1},
    [EM_CONVERGENCE] = {2e-3, 40e-3},
    [EM_SCAN_ROTATION] = {-2 * PI, 2 * PI},
    [EM_BLANKED] = {0, 1},
    [EM_SCREEN_DOWN] = {0, 1},
    [EM_VALVES_OPEN] = {0, 1},
    [EM_ENERGY_OFFSET] = {-500, 3000},
    [EM_DISPERSION] = {0.01, 1},
    [EM_STAGE_DRIVE] = {0, 1},
};

void em_sim_limits(const struct em_sim_model *m, double *lo, double *hi)
{
	for (int i = 0; i < EM_CONTROLS; i++) {
		bool axis = i < EM_SIM_AXES;

		lo[i] = axis ? m->axis[i].lo : ranges[i].lo;
		hi[i] = axis ? m->axis[i].hi : ranges[i].hi;
		if (!em_sim_can_set(m, (enum em_control)i))
			lo[i] = hi[i] = NAN;
	}
}

bool em_sim_can_set(const struct em_sim_model *m, enum em_control c)
{
	return c < EM_SIM_AXES ? c != EM_STAGE_B || m->has_b : ranges[c].hi > ranges[c].lo;
}

static bool is_whole(enum em_control c)
{
	enum em_dimension d = em_control_info(c)->dimension;

	return d == EM_DIMENSION_SWITCH || d == EM_DIMENSION_CHOICE || c == EM_SPOT_SIZE;
}

int em_sim_optics_snap(enum em_sim_mode mode, enum em_control c, double v, double *to, struct em_error *err)
{
	double lo = ranges[c].lo, hi = ranges[c].hi;
	bool table = c == EM_MAGNIFICATION || c == EM_CAMERA_LENGTH;

	if (table)
		table_ends(mode, c, &lo, &hi);
	if (!(v >= lo && v <= hi) || (is_whole(c) && v != floor(v)))
		return em_control_refuse("sim", c, v, lo, hi, err);
	*to = table ? nearest(v, lo, hi) : c == EM_DISPERSION ? nearest_dispersion(v) : v;
	return 0;
}

static bool within(double v, double lo, double hi)
{
	return v >= lo && v <= hi;
}

/* What is kept elsewhere, or cannot be set, is 0. */
static bool is_possible(enum em_control c, double v)
{
	bool kept = c >= EM_SIM_AXES && c != EM_MAGNIFICATION && c != EM_CAMERA_LENGTH;

	if (c == EM_VOLTAGE)
		return v == 300e3;
	return within(v, kept ? ranges[c].lo : 0, kept ? ranges[c].hi : 0) && (!is_whole(c) || v == floor(v));
}

bool em_sim_optics_are_possible(const struct em_sim_state *s)
{
	bool good = within(s->left_focus, -1e-3, 1e-3);

	for (int i = 0; i < EM_CONTROLS; i++)
		good = good && is_possible((enum em_control)i, s->control[i]);
	for (int mode = 0; mode < 2; mode++) {
		double lo, hi;

		table_ends((enum em_sim_mode)mode, EM_MAGNIFICATION, &lo, &hi);
		good = good && within(s->magnification[mode], lo, hi);
		table_ends((enum em_sim_mode)mode, EM_CAMERA_LENGTH, &lo, &hi);
		good = good && within(s->camera_length[mode], lo, hi) && within(s->left_shift[mode], -1e-3, 1e-3);
	}
	return good;
}

/* ---- setting and reading ---- */

static enum em_sim_mode mode_of(const struct em_sim_state *s)
{
	return s->control[EM_MODE] != 0 ? EM_SIM_STEM : EM_SIM_TEM;
}

static void put(struct em_sim_state *s, enum em_control c, double v)
{
	if (c == EM_MAGNIFICATION)
		s->magnification[mode_of(s)] = v;
	else if (c == EM_CAMERA_LENGTH)
		s->camera_length[mode_of(s)] = v;
	else
		s->control[c] = v;
}

/* Lenses remember: after a change of mode, or of the lens that makes the image, it does not come back quite. */
static void leave_behind(const struct em_sim_model *m, const struct em_sim_state *was, struct em_sim_state *s)
{
	bool low = was->magnification[0] < LOW_MAG, now = s->magnification[0] < LOW_MAG;
	struct em_random r;

	if (was->control[EM_MODE] == s->control[EM_MODE] && was->control[EM_PROJECTION] == s->control[EM_PROJECTION] &&
	    low == now)
		return;
	r = em_sim_state_draw(s);
	s->left_shift[0] = m->mode_shift * em_random_normal(&r);
	s->left_shift[1] = m->mode_shift * em_random_normal(&r);
	s->left_focus = m->mode_focus * em_random_normal(&r);
}

/* In the order of the controls: the mode comes before the magnification, which is the new mode's. */
int em_sim_optics_set(const struct em_sim_model *m, struct em_sim_state *s, const struct em_controls *want,
                      struct em_error *err)
{
	struct em_sim_state to = *s;

	for (int i = EM_SIM_AXES; i < EM_CONTROLS; i++) {
		enum em_control c = (enum em_control)i;
		double v;

		if (!want->known[i])
			continue;
		if (!em_sim_can_set(m, c))
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "sim: %s can only be read",
			                    em_control_info(c)->name);
		if (c == EM_CONVERGENCE && mode_of(&to) == EM_SIM_TEM)
			return em_error_set(err, EM_ERROR_REFUSED,
			                    "sim: in tem the convergence comes from the intensity");
		if (em_sim_optics_snap(mode_of(&to), c, want->value[i], &v, err))
			return -1;
		put(&to, c, v);
	}
	leave_behind(m, s, &to);
	*s = to;
	return 0;
}

double em_sim_optics_get(const struct em_sim_model *m, const struct em_sim_state *s, enum em_control c,
                         struct em_random *r)
{
	switch (c) {
	case EM_MAGNIFICATION: return s->magnification[mode_of(s)];
	case EM_CAMERA_LENGTH: return s->camera_length[mode_of(s)];
	case EM_CONVERGENCE:
		return mode_of(s) == EM_SIM_STEM ? s->control[c] : 5e-3 / (1 + em_sim_beam_radius(s) / 50e-9);
	case EM_BEAM_CURRENT: return em_sim_current(s) * m->current_scale * (1 + 0.003 * em_random_normal(r));
	default: return s->control[c];
	}
}

/* ---- the beam ---- */

double em_sim_current(const struct em_sim_state *s)
{
	double first = mode_of(s) == EM_SIM_STEM ? 1e-9 : 20e-9;

	if (s->control[EM_BLANKED] != 0 || s->control[EM_VALVES_OPEN] == 0)
		return 0;
	return first * pow(2, 1 - s->control[EM_SPOT_SIZE]);
}

/* The condensers follow the magnification: at intensity 0.5 the disc has the camera's side for its radius. */
double em_sim_beam_radius(const struct em_sim_state *s)
{
	return BEAM_CAMERA / s->magnification[0] * pow(10, 4 * (s->control[EM_INTENSITY] - 0.5));
}

/* ---- planes ---- */

/* Columns to the right and rows down, turned by `angle` against the stage. */
static void turned(double plane[2][2], double x, double y, double angle)
{
	plane[0][0] = x * cos(angle);
	plane[1][0] = x * sin(angle);
	plane[0][1] = y * sin(angle);
	plane[1][1] = -y * cos(angle);
}

void em_sim_plane_camera(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                         double plane[2][2])
{
	double mag = s->magnification[0], pixel = step / mag * (nominal ? 1 : m->camera_scale);
	double angle = mag < LOW_MAG ? m->camera_rotation_low : m->camera_rotation;

	turned(plane, pixel, pixel, angle + (nominal ? 0 : m->camera_rotation_error));
}

void em_sim_plane_pattern(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                          double plane[2][2])
{
	double length = s->camera_length[mode_of(s)] * (nominal ? 1 : m->length_scale);
	double pixel = step / (em_units_wavelength_m(s->control[EM_VOLTAGE]) * length);

	turned(plane, pixel, pixel, m->pattern_rotation);
}

void em_sim_plane_scan(const struct em_sim_model *m, const struct em_sim_state *s, double step, bool nominal,
                       double plane[2][2])
{
	double pixel = FIELD / s->magnification[1] * step, angle = s->control[EM_SCAN_ROTATION];

	if (nominal) {
		turned(plane, pixel, pixel, angle);
		return;
	}
	turned(plane, pixel * m->scan_scale[0], pixel * m->scan_scale[1], angle + m->scan_rotation_error);
	plane[0][1] += plane[0][0] * tan(m->scan_shear);
	plane[1][1] += plane[1][0] * tan(m->scan_shear);
}

/* A tilted beam moves an image that is out of focus. */
void em_sim_optics_shift(const struct em_sim_model *m, const struct em_sim_state *s, double shift[2])
{
	const double *image = &s->control[EM_IMAGE_SHIFT_X], *beam = &s->control[EM_BEAM_SHIFT_X];
	const double *tilt = &s->control[EM_BEAM_TILT_X];
	bool stem = mode_of(s) == EM_SIM_STEM;

	for (int i = 0; i < 2; i++) {
		double by_beam = m->beam_shift[i][0] * beam[0] + m->beam_shift[i][1] * beam[1];

		shift[i] = m->shift[i][0] * image[0] + m->shift[i][1] * image[1] + s->left_shift[i];
		shift[i] += stem ? by_beam : m->beam_crosstalk * by_beam + s->control[EM_DEFOCUS] * tilt[i];
	}
}
