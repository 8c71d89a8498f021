/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scanning microscopes that leave a text in a tag: FEI (Thermo Fisher) and Zeiss SmartSEM. */
#include "io/tiff_vendor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- FEI: an INI file.  Lengths in metres, angles in radians, all of SI ---- */

/* The value of the first "key=" in [section]; empty where there is none. */
static struct em_span ini_find(struct em_span rest, const char *section, const char *key)
{
	struct em_span line, name, value;
	size_t n = strlen(section);
	bool inside = false;

	while (em_span_next_line(&rest, &line)) {
		if (line.n && line.s[0] == '[')
			inside = line.n == n + 2 && !memcmp(line.s + 1, section, n);
		else if (inside && em_span_split(line, "=", &name, &value) && em_span_is(name, key))
			return value;
	}
	return (struct em_span){NULL, 0};
}

/* False for "notafloat" and for nothing, which both occur. */
static bool ini_number(struct em_span ini, const char *section, const char *key, double *v)
{
	return em_span_number(ini_find(ini, section, key), v, NULL);
}

static void scale_number(struct em_span ini, const char *section, const char *key, double factor, double *field)
{
	double v;

	if (ini_number(ini, section, key, &v))
		*field = v * factor;
}

static void positive_number(struct em_span ini, const char *section, const char *key, double factor, double *field)
{
	double v;

	if (ini_number(ini, section, key, &v) && v > 0)
		*field = v * factor;
}

/* The camera that looks into the chamber has no scan, but a field and the pixels in it. */
static void set_fei_pixel(struct em_span ini, struct em_array *a)
{
	double x = 0, y = 0, width = 0, height = 0;

	if (ini_number(ini, "Scan", "PixelWidth", &x) && ini_number(ini, "Scan", "PixelHeight", &y)) {
		em_tiff_set_pixel_m(a, x, y);
	} else if (ini_number(ini, "IRBeam", "HFW", &x) && ini_number(ini, "IRBeam", "VFW", &y) &&
	           ini_number(ini, "Image", "ResolutionX", &width) &&
	           ini_number(ini, "Image", "ResolutionY", &height)) {
		em_tiff_set_pixel_m(a, x / width, y / height);
	}
}

static bool is_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* "13.06.2016 17:06:40" is day first; the spelling of [User] depends on the language of the computer. */
static void set_fei_date(struct em_span ini, struct em_meta *meta)
{
	struct em_span created = ini_find(ini, "PrivateFei", "TimeOfCreation");
	struct em_span day = ini_find(ini, "User", "Date"), time = ini_find(ini, "User", "Time");
	const char *p = created.s;
	char text[EM_META_TEXT];

	if (created.n == 19 && p[2] == '.' && p[5] == '.' && p[10] == ' ' && is_digits(p, 2) && is_digits(p + 3, 2) &&
	    is_digits(p + 6, 4) && is_digits(p + 11, 2))
		snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.8s", p + 6, p + 3, p, p + 11);
	else
		snprintf(text, sizeof(text), "%.*s%s%.*s", day.n < 99 ? (int)day.n : 99,
		         day.n ? day.s : "", day.n && time.n ? " " : "",
		         time.n < 99 ? (int)time.n : 99, time.n ? time.s : "");
	em_meta_set_text(meta->date, text);
}

bool em_tiff_fei_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	struct em_span ini = em_tiff_text(page, EM_TIFF_FEI_HELIOS), beam;
	double degrees = 180 / acos(-1);

	if (!ini.n)
		ini = em_tiff_text(page, EM_TIFF_FEI_SFEG);
	if (!ini.n)
		return false;
	set_fei_pixel(ini, a);
	set_fei_date(ini, meta);
	beam = ini_find(ini, "Beam", "Beam");
	positive_number(ini, "Beam", "HV", 1e-3, &meta->beam_kev);
	if (em_span_is(beam, "EBeam") || em_span_is(beam, "IBeam"))
		positive_number(ini, em_span_is(beam, "IBeam") ? "IBeam" : "EBeam", "BeamCurrent", 1e9,
		                &meta->beam_current_na);
	scale_number(ini, "Stage", "StageX", 1e6, &meta->x_um);
	scale_number(ini, "Stage", "StageY", 1e6, &meta->y_um);
	scale_number(ini, "Stage", "StageZ", 1e6, &meta->z_um);
	scale_number(ini, "Stage", "StageTa", degrees, &meta->a_deg);
	scale_number(ini, "Stage", "StageT", degrees, &meta->a_deg);
	scale_number(ini, "Stage", "StageTb", degrees, &meta->b_deg);
	positive_number(ini, "Scan", "Dwelltime", 1, &meta->dwell_s);
	positive_number(ini, "Scan", "FrameTime", 1, &meta->exposure_s);
	em_tiff_set_meta_text(meta->instrument, ini_find(ini, "System", "SystemType"));
	em_tiff_set_meta_text(meta->detector, ini_find(ini, "Detectors", "Name"));
	return true;
}

/* ---- Zeiss: a line that names a parameter, and one with its title, value and unit, as on the screen ---- */

static struct em_span zeiss_find(struct em_span rest, const char *key)
{
	struct em_span line, title, value;

	while (em_span_next_line(&rest, &line))
		if (em_span_is(line, key))
			return em_span_next_line(&rest, &line) && em_span_split(line, "=:", &title, &value)
			           ? value
			           : (struct em_span){NULL, 0};
	return (struct em_span){NULL, 0};
}

/* What the letter before a unit multiplies with; micro is Latin-1 here.  "K X": thousandfold. */
static double prefix_factor(struct em_span unit)
{
	static const struct {
		unsigned char letter;
		double factor;
	} prefixes[] = {{'f', 1e-15}, {'p', 1e-12}, {'n', 1e-9}, {0xb5, 1e-6},
	                {'u', 1e-6},  {'m', 1e-3},  {'k', 1e3},  {'K', 1e3}};

	for (size_t i = 0; unit.n > 1 && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if ((unsigned char)unit.s[0] == prefixes[i].letter)
			return prefixes[i].factor;
	return 1;
}

/* In the unit without its prefix: V, m, s, A, or times. */
static bool zeiss_number(struct em_span text, const char *key, double *v)
{
	struct em_span unit = {NULL, 0};
	double number;

	if (!em_span_number(zeiss_find(text, key), &number, &unit))
		return false;
	*v = number * prefix_factor(unit);
	return true;
}

static void zeiss_set(struct em_span text, const char *key, double factor, double *field)
{
	double v;

	if (zeiss_number(text, key, &v))
		*field = v * factor;
}

/* The fourth of the numbers before the first parameter, of a screen that is 1024 pixels wide; the parameters have the
 * same with fewer digits, and not in every version. */
static void set_zeiss_pixel(struct em_span text, struct em_array *a)
{
	struct em_span rest = text, line = {NULL, 0};
	double pixel = 0;

	for (int i = 0; i < 4; i++)
		if (!em_span_next_line(&rest, &line))
			return;
	if (!em_span_number(line, &pixel, NULL) || !(pixel > 0)) {
		zeiss_number(text, "AP_IMAGE_PIXEL_SIZE", &pixel);
		em_tiff_set_pixel_m(a, pixel, pixel);
	} else if (a->ndim == 2) {
		pixel *= 1024 / (double)a->shape[1];
		em_tiff_set_pixel_m(a, pixel, pixel);
	}
}

/* "23 Dec 2015" and "9:40:32" */
static void set_zeiss_date(struct em_span text, struct em_meta *meta)
{
	struct em_span day = zeiss_find(text, "AP_DATE"), time = zeiss_find(text, "AP_TIME");
	char date[64], hour[64], month[4];
	int d, y, clock[3];

	snprintf(date, sizeof(date), "%.*s", day.n < 31 ? (int)day.n : 31, day.n ? day.s : "");
	snprintf(hour, sizeof(hour), "%.*s", time.n < 31 ? (int)time.n : 31, time.n ? time.s : "");
	if (sscanf(date, "%2d %3[A-Za-z] %4d", &d, month, &y) == 3 &&
	    sscanf(hour, "%2d:%2d:%2d", &clock[0], &clock[1], &clock[2]) == 3)
		em_meta_set_calendar(meta, y, month, d, clock);
}

bool em_tiff_zeiss_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	struct em_span text = em_tiff_text(page, EM_TIFF_ZEISS);

	if (!text.n)
		return false;
	set_zeiss_pixel(text, a);
	set_zeiss_date(text, meta);
	zeiss_set(text, "AP_ACTUALKV", 1e-3, &meta->beam_kev);
	zeiss_set(text, "AP_MAG", 1, &meta->magnification);
	zeiss_set(text, "AP_STAGE_AT_X", 1e6, &meta->x_um);
	zeiss_set(text, "AP_STAGE_AT_Y", 1e6, &meta->y_um);
	zeiss_set(text, "AP_STAGE_AT_Z", 1e6, &meta->z_um);
	zeiss_set(text, "AP_STAGE_AT_T", 1, &meta->a_deg);
	zeiss_set(text, "AP_IPROBE", 1e9, &meta->beam_current_na);
	zeiss_set(text, "DP_DWELL_TIME", 1, &meta->dwell_s);
	em_tiff_set_meta_text(meta->instrument, zeiss_find(text, "SV_SERIAL_NUMBER"));
	em_tiff_set_meta_text(meta->detector, zeiss_find(text, "DP_DETECTOR_CHANNEL"));
	em_tiff_set_meta_text(meta->detector, zeiss_find(text, "DP_DETECTOR_TYPE"));
	return true;
}
