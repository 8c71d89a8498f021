/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TITLE_SIZE 1.15 /* of the text */
#define BAR_WIDTH 1.0   /* of the colour bar, in texts */

double em_page_text(double picture_w, double picture_h)
{
	return fmax(12, round(0.019 * fmax(picture_w, picture_h)));
}

void em_page_layout(struct em_page *page, double picture_w, double picture_h, bool title, double side_w, double side_h,
                    enum em_plot_side where)
{
	double gap, top;

	memset(page, 0, sizeof(*page));
	page->text = em_page_text(picture_w, picture_h);
	page->gap = gap = round(0.8 * page->text);
	side_w = ceil(side_w);
	side_h = ceil(side_h);
	top = gap + (title ? ceil(TITLE_SIZE * page->text) + gap : 0);
	page->picture = (struct em_box){gap, top, picture_w, picture_h};
	if (where == EM_PLOT_RIGHT)
		page->side = (struct em_box){picture_w + 2 * gap, top, side_w, side_h};
	else if (where == EM_PLOT_BELOW)
		page->side = (struct em_box){gap, top + picture_h + gap, side_w, side_h};
	page->width = fmax(gap + picture_w, page->side.x + page->side.w) + gap;
	page->height = fmax(top + picture_h, page->side.y + page->side.h) + gap;
	if (title)
		page->title = (struct em_box){gap, gap, page->width - 2 * gap, ceil(TITLE_SIZE * page->text)};
}

void em_page_title(struct em_canvas *c, const struct em_page *page, const char *title)
{
	double size = TITLE_SIZE * page->text;
	char buf[512];

	if (page->title.h <= 0)
		return;
	em_canvas_shorten(c, size, true, title, page->title.w, buf, sizeof(buf));
	em_canvas_text(c, page->title.x, page->title.y + 0.85 * size, 0, size, true, EM_RGB_TEXT, buf);
}

struct em_box em_page_scale_bar(struct em_canvas *c, const struct em_page *page, double length, const char *label)
{
	const struct em_box *p = &page->picture;
	double t = page->text, pad = 0.45 * t, thick = round(0.22 * t), words, w, h;
	struct em_box ground;

	words = em_canvas_measure(c, t, true, label);
	w = ceil(fmax(length, words) + 2 * pad);
	h = ceil(EM_CANVAS_CAP * t + thick + 2.9 * pad);
	if (w + t > p->w || h + t > p->h)
		return (struct em_box){0};
	ground = (struct em_box){p->x + round(0.5 * t), p->y + p->h - round(0.5 * t) - h, w, h};
	em_canvas_fill(c, ground, EM_RGB_BLACK, 0.72);
	em_canvas_text(c, ground.x + w / 2, ground.y + pad + EM_CANVAS_CAP * t, 0.5, t, true, EM_RGB_WHITE, label);
	em_canvas_fill(c, (struct em_box){ground.x + (w - length) / 2, ground.y + h - pad - thick, length, thick},
	               EM_RGB_WHITE, 1);
	return ground;
}

double em_color_bar_measure(struct em_color_bar *bar, struct em_canvas *c, double text, double height)
{
	double most = em_canvas_measure(c, text, false, bar->nan ? "NaN" : ""), room = height / (2.2 * text);
	char power[40];

	em_scale_ticks(&bar->ticks, bar->lo, bar->hi, room < 2 ? 2 : room > 8 ? 8 : (size_t)room);
	if (!bar->ticks.n) { /* one value only, or too close together for digits */
		bar->ticks.n = 1;
		bar->ticks.at[0] = bar->lo;
		snprintf(bar->ticks.label[0], sizeof(bar->ticks.label[0]), "%.6g", bar->lo);
	}
	for (size_t i = 0; i < bar->ticks.n; i++)
		most = fmax(most, em_canvas_measure(c, text, false, bar->ticks.label[i]));
	em_scale_power(power, sizeof(power), bar->ticks.exponent);
	return fmax((BAR_WIDTH + 0.55) * text + most, em_canvas_measure(c, text, false, power));
}

static int draw_ramp(const struct em_color_bar *bar, struct em_canvas *c, struct em_box box, struct em_error *err)
{
	struct em_rgb lut[256];
	struct em_pixels ramp;

	em_color_map(bar->map, lut);
	if (em_pixels_init(&ramp, 256, 1, EM_RGB_WHITE, err))
		return -1;
	for (size_t i = 0; i < 256; i++) {
		struct em_rgb v = lut[bar->hi > bar->lo ? 255 - i : 127];

		ramp.argb[i] = 0xff000000U | (uint32_t)v.r << 16 | (uint32_t)v.g << 8 | v.b;
	}
	em_canvas_image(c, box, &ramp);
	em_pixels_release(&ramp);
	return 0;
}

static void draw_ticks(const struct em_color_bar *bar, struct em_canvas *c, struct em_box box, double t, double line)
{
	double half_cap = EM_CANVAS_CAP * t / 2;

	for (size_t i = 0; i < bar->ticks.n; i++) {
		double share = bar->hi > bar->lo ? (bar->ticks.at[i] - bar->lo) / (bar->hi - bar->lo) : 0.5;
		double y = box.y + box.h - line / 2 - share * (box.h - line);
		/* the outermost labels stay beside the bar */
		double middle = fmin(fmax(y, box.y + half_cap), box.y + box.h - half_cap);

		em_canvas_fill(c, (struct em_box){box.x + box.w, y - line / 2, 0.25 * t, line}, EM_RGB_TEXT, 1);
		em_canvas_text(c, box.x + box.w + 0.45 * t, middle + half_cap, 0, t, false, EM_RGB_TEXT,
		               bar->ticks.label[i]);
	}
}

static void draw_nan(const struct em_color_bar *bar, struct em_canvas *c, struct em_box side, double t, double line)
{
	struct em_box box = {side.x, side.y + side.h - round(t), round(BAR_WIDTH * t), round(t)};

	em_canvas_fill(c, box, em_color_of_nan(bar->map), 1);
	em_canvas_frame(c, box, line, EM_RGB_TEXT);
	em_canvas_text(c, box.x + box.w + 0.45 * t, box.y + (box.h + EM_CANVAS_CAP * t) / 2, 0, t, false, EM_RGB_TEXT,
	               "NaN");
}

int em_color_bar_draw(const struct em_color_bar *bar, struct em_canvas *c, const struct em_page *page,
                      struct em_error *err)
{
	double t = page->text, line = fmax(1, round(t / 16)), below = bar->nan ? round(1.9 * t) : 0, above = 0;
	struct em_box box = page->side;
	char power[40];

	if (bar->nan)
		draw_nan(bar, c, box, t, line);
	if (bar->only_nan)
		return 0;
	em_scale_power(power, sizeof(power), bar->ticks.exponent);
	if (*power) {
		above = round(1.4 * t);
		em_canvas_text(c, box.x, box.y + EM_CANVAS_CAP * t, 0, t, false, EM_RGB_FAINT, power);
	}
	box = (struct em_box){box.x, box.y + above, round(BAR_WIDTH * t), fmax(box.h - above - below, t)};
	if (draw_ramp(bar, c, box, err))
		return -1;
	em_canvas_frame(c, box, line, EM_RGB_TEXT);
	draw_ticks(bar, c, box, t, line);
	return 0;
}
