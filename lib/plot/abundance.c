/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of each class there is: one bar a class. */
#include "plot/chips.h"
#include "plot/kind.h"
#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 640       /* of the bars, px, unless the user says otherwise */
#define TEXT (1 / 36.0) /* of the bars' width */
#define NAME_MOST 18    /* the longest name shown whole, in texts */

struct abundance {
	struct em_classes classes;
	size_t unclassified;
};

/* The figure: a column of names, the bars, an axis below them. */
struct bars {
	const struct em_classes *classes;
	bool by_area;
	double text, row, thick;       /* distance of bars and their height */
	double name_w, value_w;        /* columns left and right of the bars */
	struct em_box plot;            /* the bars' ground */
	double most;                   /* the value at its right edge */
	struct em_ticks ticks;
	double width, height;
};

static int abundance_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct abundance *a = plot->state;
	char picture[EM_KEY_MAX + 1];
	struct em_chip chip;
	int status;

	em_sample_picture(s, picture, sizeof(picture));
	if (plot->opt.picture && strcmp(plot->opt.picture, picture))
		return 0;
	status = em_chip_read(&chip, &a->classes, s, err);
	if (status == 0)
		a->unclassified++;
	return status < 0 ? -1 : 0;
}

static double value_of(const struct bars *b, size_t i)
{
	return b->by_area ? 100 * em_class_share(b->classes, i, true) : (double)b->classes->v[i].chips;
}

/* What stands at a bar's end: the count with its share, or the share of the area. */
static void value_text(const struct bars *b, size_t i, char *buf, size_t n)
{
	char percent[16];

	em_class_percent(percent, sizeof(percent), em_class_share(b->classes, i, b->by_area));
	if (b->by_area)
		snprintf(buf, n, "%s", percent);
	else
		snprintf(buf, n, "%zu  (%s)", b->classes->v[i].chips, percent);
}

static void layout(struct bars *b, struct em_canvas *c, double width, bool title)
{
	double gap, top;
	char text[64];

	b->text = fmax(12, round(TEXT * width));
	gap = round(0.8 * b->text);
	b->thick = round(1.6 * b->text);
	b->row = round(2.4 * b->text);
	for (size_t i = 0; i < b->classes->n; i++) {
		b->name_w = fmax(b->name_w, em_canvas_measure(c, b->text, false, b->classes->v[i].name));
		value_text(b, i, text, sizeof(text));
		b->value_w = fmax(b->value_w, em_canvas_measure(c, b->text, false, text));
		b->most = fmax(b->most, value_of(b, i));
	}
	b->name_w = ceil(fmin(b->name_w, NAME_MOST * b->text));
	b->value_w = ceil(b->value_w);
	b->most = fmax(b->most, 1e-9);
	em_scale_ticks(&b->ticks, 0, b->most, 6);
	top = gap + (title ? round(2.2 * b->text) : 0);
	b->plot = (struct em_box){gap + b->name_w + gap, top, width, (double)b->classes->n * b->row};
	b->width = b->plot.x + width + gap + b->value_w + gap;
	b->height = top + b->plot.h + ceil(3.7 * b->text) + gap;
}

static void draw_axis(const struct bars *b, struct em_canvas *c)
{
	const struct em_box *p = &b->plot;
	double line = fmax(1, round(b->text / 16)), y = p->y + p->h, cap = EM_CANVAS_CAP * b->text;
	const char *what = b->by_area ? "share of the area (%)" : "number of chips";
	const struct em_rgb grid = {222, 222, 222};
	char power[40], label[96];

	for (size_t i = 0; i < b->ticks.n; i++) {
		double x = p->x + round(b->ticks.at[i] / b->most * p->w);

		/* A count has no halves. */
		if (!b->by_area && floor(b->ticks.at[i]) < b->ticks.at[i])
			continue;
		em_canvas_fill(c, (struct em_box){x - line / 2, p->y, line, p->h}, grid, 1);
		em_canvas_text(c, x, y + 0.5 * b->text + cap, 0.5, b->text, false, EM_RGB_TEXT,
		               b->ticks.label[i]);
	}
	em_scale_power(power, sizeof(power), b->ticks.exponent);
	snprintf(label, sizeof(label), "%s%s%s", what, *power ? ", " : "", power);
	em_canvas_text(c, p->x + p->w / 2, y + 2.2 * b->text + cap, 0.5, b->text, false, EM_RGB_TEXT, label);
}

static void draw_bars(const struct bars *b, struct em_canvas *c)
{
	const struct em_box *p = &b->plot;
	double line = fmax(1, round(b->text / 16)), gap = round(0.8 * b->text), cap = EM_CANVAS_CAP * b->text;
	char text[256];

	for (size_t i = 0; i < b->classes->n; i++) {
		const struct em_class *class = &b->classes->v[i];
		double top = p->y + (double)i * b->row + round((b->row - b->thick) / 2);
		double base = top + (b->thick + cap) / 2;
		double words, length = round(value_of(b, i) / b->most * p->w);

		em_canvas_shorten(c, b->text, false, class->name, b->name_w, text, sizeof(text));
		em_canvas_text(c, p->x - gap, base, 1, b->text, false, EM_RGB_TEXT, text);
		em_canvas_fill(c, (struct em_box){p->x, top, length, b->thick}, class->color, 1);
		value_text(b, i, text, sizeof(text));
		/* no grid line through the digits */
		words = em_canvas_measure(c, b->text, false, text) + b->text;
		em_canvas_fill(c, (struct em_box){p->x + length, top, words, b->thick}, EM_RGB_WHITE, 1);
		em_canvas_text(c, p->x + length + 0.5 * b->text, base, 0, b->text, false, EM_RGB_TEXT, text);
	}
	em_canvas_fill(c, (struct em_box){p->x - line, p->y, line, p->h}, EM_RGB_TEXT, 1);
}

static int draw_page(struct bars *b, struct em_canvas *c, const struct em_plot_options *opt, struct em_error *err)
{
	const char *title = opt->title ? opt->title : opt->picture ? opt->picture : "";
	struct em_page page = {0};
	struct em_text text = {0};
	int status;

	layout(b, c, opt->width ? (double)opt->width : WIDTH, *title != '\0');
	em_classes_describe(b->classes, b->by_area, &text);
	status = em_text_check(&text, err) ||
	         em_canvas_describe(c, *title ? title : "abundance of classes", em_text_get(&text), err) ||
	         em_canvas_begin(c, b->width, b->height, err);
	em_text_release(&text);
	if (status)
		return -1;
	page.text = b->text;
	if (*title)
		page.title = (struct em_box){round(0.8 * b->text), round(0.8 * b->text), b->width - 1.6 * b->text,
		                             1.2 * b->text};
	em_page_title(c, &page, title);
	draw_axis(b, c);
	draw_bars(b, c);
	return 0;
}

static int nothing(const struct em_plot *plot, struct em_error *err)
{
	if (plot->opt.picture)
		return em_error_set(err, EM_ERROR_DATA,
		                    "no chip of the picture %.200s is classified", plot->opt.picture);
	return em_error_set(err, EM_ERROR_DATA, "no sample is classified: run emchip, emembed and emclassify first");
}

static int abundance_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	struct abundance *a = plot->state;
	struct bars bars = {.classes = &a->classes, .by_area = plot->opt.measure == EM_PLOT_AREA};
	size_t rank[EM_CLASSES_MAX];

	if (!a->classes.chips)
		return nothing(plot, err);
	if (bars.by_area && !(a->classes.area > 0))
		return em_error_set(err, EM_ERROR_DATA,
		                    "the records do not tell the chips' sizes: --measure area needs them");
	if (em_classes_arrange(&a->classes, plot->opt.colors, rank, err))
		return -1;
	if (a->unclassified)
		em_text_printf(&plot->note, "%zu samples are not classified and left out", a->unclassified);
	return draw_page(&bars, c, &plot->opt, err);
}

static void abundance_release(void *state)
{
	struct abundance *a = state;

	em_classes_release(&a->classes);
}

const struct em_plot_kind em_plot_abundance = {
	.name = "abundance",
	.purpose = "chips or area of each class, as bars",
	.state_size = sizeof(struct abundance),
	.take = abundance_take,
	.draw = abundance_draw,
	.release = abundance_release,
};
