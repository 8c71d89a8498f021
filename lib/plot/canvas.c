/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/canvas.h"

#include "base/json.h"
#include "io/png.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_PER_MM (72 / 25.4)
#define FAMILY "sans"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
/* Fontconfig's patterns, which cairo keeps for the next text, hold offsets instead of pointers: the leak checker cannot
 * follow these, so what is in use looks lost. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif

struct em_canvas {
	enum em_canvas_format format;
	cairo_surface_t *scratch, *page;
	cairo_t *measure; /* on scratch */
	cairo_t *cr;      /* on page; NULL until em_canvas_begin */
	struct em_text bytes; /* what SVG and PDF surfaces write */
	char *title, *description;
};

static int fail(struct em_error *err, cairo_status_t status)
{
	return em_error_set(err, status == CAIRO_STATUS_NO_MEMORY ? EM_ERROR_MEMORY : EM_ERROR_DATA,
	                    "cannot draw: %s", cairo_status_to_string(status));
}

/* Sub-pixel order and hinting come from the user's font set-up: fixed here, or bytes and widths would follow it. */
static void set_font_options(cairo_t *cr)
{
	cairo_font_options_t *options = cairo_font_options_create();

	cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
	cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	cairo_set_font_options(cr, options);
	cairo_font_options_destroy(options);
}

struct em_canvas *em_canvas_new(enum em_canvas_format format, struct em_error *err)
{
	struct em_canvas *c = calloc(1, sizeof(*c));

	if (!c) {
		em_error_memory(err, sizeof(*c));
		return NULL;
	}
	c->format = format;
	c->scratch = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
	c->measure = cairo_create(c->scratch);
	set_font_options(c->measure);
	if (cairo_status(c->measure)) {
		fail(err, cairo_status(c->measure));
		em_canvas_free(c);
		return NULL;
	}
	return c;
}

void em_canvas_free(struct em_canvas *c)
{
	if (!c)
		return;
	cairo_destroy(c->measure);
	cairo_surface_destroy(c->scratch);
	if (c->cr) {
		cairo_destroy(c->cr);
		cairo_surface_destroy(c->page);
	}
	em_text_release(&c->bytes);
	free(c->title);
	free(c->description);
	free(c);
}

/* Cairo goes into an error state for good at one bad byte: keep ASCII then, so that the page is still drawn. */
static const char *safe_text(const char *text, char *buf, size_t n)
{
	if (em_utf8_is_valid(text, strlen(text)))
		return text;
	snprintf(buf, n, "%s", text);
	for (char *p = buf; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return buf;
}

static void set_font(cairo_t *cr, double size, bool bold)
{
	cairo_select_font_face(cr, FAMILY, CAIRO_FONT_SLANT_NORMAL,
	                       bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cr, size);
}

double em_canvas_measure(struct em_canvas *c, double size, bool bold, const char *text)
{
	char buf[512];
	cairo_text_extents_t extents;

	set_font(c->measure, size, bold);
	cairo_text_extents(c->measure, safe_text(text, buf, sizeof(buf)), &extents);
	return extents.x_advance;
}

void em_canvas_shorten(struct em_canvas *c, double size, bool bold, const char *text, double width, char *buf,
                       size_t n)
{
	char safe[512];
	size_t keep;

	text = safe_text(text, safe, sizeof(safe));
	keep = strlen(text);
	if (keep < n && em_canvas_measure(c, size, bold, text) <= width) {
		memcpy(buf, text, keep + 1);
		return;
	}
	keep = keep < n - sizeof("…") ? keep : n - sizeof("…");
	do {
		while (keep && ((unsigned char)text[keep] & 0xc0) == 0x80) /* never within a character */
			keep--;
		snprintf(buf, n, "%.*s…", (int)keep, text);
	} while (keep && em_canvas_measure(c, size, bold, buf) > width && keep--);
}

int em_canvas_describe(struct em_canvas *c, const char *title, const char *description, struct em_error *err)
{
	char safe[512];
	char *t = strdup(safe_text(title, safe, sizeof(safe))), *d;

	d = strdup(em_utf8_is_valid(description, strlen(description)) ? description : "");
	if (!t || !d) {
		free(t);
		free(d);
		return em_error_memory(err, strlen(title) + strlen(description));
	}
	free(c->title);
	free(c->description);
	c->title = t;
	c->description = d;
	return 0;
}

static cairo_status_t write_bytes(void *closure, const unsigned char *data, unsigned int length)
{
	struct em_text *bytes = closure;

	em_text_append_bytes(bytes, data, length);
	return bytes->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *page_surface(struct em_canvas *c, double width, double height, double points)
{
	cairo_surface_t *page;

	if (c->format == EM_CANVAS_PNG)
		return cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
	if (c->format == EM_CANVAS_SVG) {
		page = cairo_svg_surface_create_for_stream(write_bytes, &c->bytes, width * points, height * points);
		cairo_svg_surface_restrict_to_version(page, CAIRO_SVG_VERSION_1_1);
		return page;
	}
	page = cairo_pdf_surface_create_for_stream(write_bytes, &c->bytes, width * points, height * points);
	/* The clock must not be in the file: same input, same bytes. */
	cairo_pdf_surface_set_metadata(page, CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
	if (c->title)
		cairo_pdf_surface_set_metadata(page, CAIRO_PDF_METADATA_TITLE, c->title);
	if (c->description)
		cairo_pdf_surface_set_metadata(page, CAIRO_PDF_METADATA_SUBJECT, c->description);
	return page;
}

int em_canvas_begin(struct em_canvas *c, double width, double height, struct em_error *err)
{
	double points;

	width = ceil(width);
	height = ceil(height);
	if (!(width >= 1 && height >= 1 && width <= EM_RASTER_MAX && height <= EM_RASTER_MAX))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a page of %.0f x %.0f px cannot be drawn (%d at most): change --width", width,
		                    height, EM_RASTER_MAX);
	points = fmin(EM_CANVAS_PAGE_MM / width, EM_CANVAS_PAGE_HIGH_MM / height) * POINTS_PER_MM;
	c->page = page_surface(c, width, height, points);
	c->cr = cairo_create(c->page);
	if (c->format != EM_CANVAS_PNG)
		cairo_scale(c->cr, points, points);
	set_font_options(c->cr);
	em_canvas_fill(c, (struct em_box){0, 0, width, height}, EM_RGB_WHITE, 1);
	return cairo_status(c->cr) ? fail(err, cairo_status(c->cr)) : 0;
}

static void set_color(cairo_t *cr, struct em_rgb color, double alpha)
{
	cairo_set_source_rgba(cr, color.r / 255.0, color.g / 255.0, color.b / 255.0, alpha);
}

void em_canvas_fill(struct em_canvas *c, struct em_box box, struct em_rgb color, double alpha)
{
	set_color(c->cr, color, alpha);
	cairo_rectangle(c->cr, box.x, box.y, box.w, box.h);
	cairo_fill(c->cr);
}

void em_canvas_frame(struct em_canvas *c, struct em_box box, double line, struct em_rgb color)
{
	set_color(c->cr, color, 1);
	cairo_set_line_width(c->cr, line);
	cairo_rectangle(c->cr, box.x + line / 2, box.y + line / 2, fmax(box.w - line, 0), fmax(box.h - line, 0));
	cairo_stroke(c->cr);
}

void em_canvas_polyline(struct em_canvas *c, const double *xy, size_t n, double line, struct em_rgb color)
{
	set_color(c->cr, color, 1);
	cairo_set_line_width(c->cr, line);
	cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
	for (size_t i = 0; i < n; i++)
		cairo_line_to(c->cr, xy[2 * i], xy[2 * i + 1]);
	cairo_stroke(c->cr);
}

void em_canvas_polygon(struct em_canvas *c, const double *xy, size_t n, struct em_rgb color, double alpha)
{
	set_color(c->cr, color, alpha);
	for (size_t i = 0; i < n; i++)
		cairo_line_to(c->cr, xy[2 * i], xy[2 * i + 1]);
	cairo_fill(c->cr);
}

void em_canvas_circle(struct em_canvas *c, double x, double y, double radius, double line, struct em_rgb color)
{
	set_color(c->cr, color, 1);
	cairo_set_line_width(c->cr, line);
	cairo_new_sub_path(c->cr);
	cairo_arc(c->cr, x, y, radius, 0, 2 * acos(-1));
	cairo_stroke(c->cr);
}

void em_canvas_disc(struct em_canvas *c, double x, double y, double radius, struct em_rgb color)
{
	set_color(c->cr, color, 1);
	cairo_new_sub_path(c->cr);
	cairo_arc(c->cr, x, y, radius, 0, 2 * acos(-1));
	cairo_fill(c->cr);
}

void em_canvas_clip(struct em_canvas *c, struct em_box box)
{
	cairo_save(c->cr);
	cairo_rectangle(c->cr, box.x, box.y, box.w, box.h);
	cairo_clip(c->cr);
}

void em_canvas_unclip(struct em_canvas *c)
{
	cairo_restore(c->cr);
}

void em_canvas_text(struct em_canvas *c, double x, double y, double align, double size, bool bold,
                    struct em_rgb color, const char *text)
{
	char buf[512];

	text = safe_text(text, buf, sizeof(buf));
	if (align > 0)
		x -= align * em_canvas_measure(c, size, bold, text);
	set_color(c->cr, color, 1);
	set_font(c->cr, size, bold);
	cairo_move_to(c->cr, x, y);
	cairo_show_text(c->cr, text);
}

void em_canvas_text_upward(struct em_canvas *c, double x, double y, double align, double size, struct em_rgb color,
                           const char *text)
{
	cairo_save(c->cr);
	cairo_translate(c->cr, x, y);
	cairo_rotate(c->cr, -acos(-1) / 2);
	em_canvas_text(c, 0, 0, align, size, false, color, text);
	cairo_restore(c->cr);
}

void em_canvas_image(struct em_canvas *c, struct em_box box, const struct em_pixels *pixels)
{
	cairo_surface_t *image = cairo_image_surface_create_for_data((unsigned char *)pixels->argb,
	                                                             CAIRO_FORMAT_RGB24, (int)pixels->w,
	                                                             (int)pixels->h, (int)(4 * pixels->w));

	cairo_save(c->cr);
	cairo_translate(c->cr, box.x, box.y);
	cairo_scale(c->cr, box.w / (double)pixels->w, box.h / (double)pixels->h);
	cairo_set_source_surface(c->cr, image, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(c->cr), CAIRO_FILTER_NEAREST);
	cairo_rectangle(c->cr, 0, 0, (double)pixels->w, (double)pixels->h);
	cairo_fill(c->cr);
	cairo_restore(c->cr);
	cairo_surface_finish(image); /* takes its copy now: the pixels stay the caller's */
	cairo_surface_destroy(image);
}

/* Markup characters and the controls that XML forbids. */
static void put_escaped(struct em_text *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			em_text_append(out, "&amp;");
		else if (*s == '<')
			em_text_append(out, "&lt;");
		else if (*s == '>')
			em_text_append(out, "&gt;");
		else
			em_text_append_bytes(out, (unsigned char)*s < 32 && *s != '\n' ? "?" : s, 1);
	}
}

/* Cairo draws SVG text as outlines, the same everywhere but unreadable to a machine: title and description carry it. */
static void put_svg(const struct em_canvas *c, struct em_text *out)
{
	const char *all = em_text_get(&c->bytes), *svg = strstr(all, "<svg"), *body = svg ? strchr(svg, '>') : NULL;
	size_t head = body ? (size_t)(body + 1 - all) : 0;

	em_text_append_bytes(out, all, head);
	if (body && c->title) {
		em_text_append(out, "\n<title>");
		put_escaped(out, c->title);
		em_text_append(out, "</title>\n<desc>");
		put_escaped(out, c->description);
		em_text_append(out, "</desc>");
	}
	em_text_append_bytes(out, all + head, c->bytes.len - head);
}

/* Not by cairo's own writer, which takes most of a second for a page. */
static int put_png(const struct em_canvas *c, struct em_text *out, struct em_error *err)
{
	const void *pixels = cairo_image_surface_get_data(c->page);

	return em_png_encode_rgb(pixels, (size_t)cairo_image_surface_get_height(c->page),
	                         (size_t)cairo_image_surface_get_width(c->page),
	                         (size_t)cairo_image_surface_get_stride(c->page) / 4, out, err);
}

int em_canvas_finish(struct em_canvas *c, struct em_text *out, struct em_error *err)
{
	cairo_status_t status = cairo_status(c->cr);

	if (!status && c->format == EM_CANVAS_PNG) {
		cairo_surface_flush(c->page);
		return put_png(c, out, err);
	} else if (!status) {
		cairo_show_page(c->cr);
		cairo_surface_finish(c->page);
		status = cairo_surface_status(c->page);
	}
	if (status)
		return fail(err, status);
	if (em_text_check(&c->bytes, err))
		return -1;
	if (c->format == EM_CANVAS_SVG)
		put_svg(c, out);
	else
		em_text_append_bytes(out, c->bytes.s, c->bytes.len);
	return em_text_check(out, err);
}
