/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labelled synthetic chips, micrographs, movies and spectra from a seed. */
#include "cli/cli.h"

#include "base/parallel.h"
#include "base/units.h"
#include "synth/movie.h"
#include "synth/reduction.h"
#include "synth/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 128 /* chips that a thread makes in one go: what their group has in common is drawn once */
#define BATCH_BYTES ((size_t)1 << 20)

#define TIMES 4096
#define NOT_GIVEN SIZE_MAX

enum what { CHIPS, IMAGES, MOVIE, EELS, REDUCTION, WHATS };
static const char *const what_name[WHATS] = {"chips", "images", "movie", "eels", "reduction"};

struct options {
	struct em_synth_options synth;
	struct em_synth_movie_options movie;
	struct em_synth_eels_options eels;
	struct em_synth_reduction_options reduction;
	struct em_synth_recording recording;
	double drift, pixel_nm, change_dose, conversion, thickness, exponent; /* NAN: as suits */
	enum what what;
	size_t classes, per_class, count, seed;
	const char *kinds, *history;
	double minute[TIMES];
	size_t minutes; /* --frames-at */
	bool list;
};

/* ---- the command line ---- */

static int parse_size(const char *value, void *target, struct em_error *err)
{
	struct em_synth_options *o = target;
	struct em_length w, h;

	if (em_units_parse_extent(value, &w, &h, err))
		return -1;
	if (w.unit_m > 0 || h.unit_m > 0 || w.value > 65536 || h.value > 65536)
		return em_error_set(err, EM_ERROR_USAGE, "--size %.60s: expected pixels, at most 65536 a side", value);
	o->width = (size_t)w.value;
	o->height = (size_t)h.value;
	return 0;
}

/* "LO" or "LO,HI" */
static int parse_range(const char *value, const char *name, double least, double most, struct em_synth_range *range,
                       struct em_error *err)
{
	double lo, hi;
	int end = 0, got = sscanf(value, "%lf%n,%lf%n", &lo, &end, &hi, &end);

	if (got == 1)
		hi = lo;
	if (got < 1 || value[end] || !(lo >= least && lo <= hi && hi <= most))
		return em_error_set(err, EM_ERROR_USAGE, "--%s %.60s: expected a number or LO,HI with %g <= LO <= HI",
		                    name, value, least);
	*range = (struct em_synth_range){lo, hi};
	return 0;
}

static int parse_dose(const char *value, void *target, struct em_error *err)
{
	struct em_synth_conditions *c = target;

	if (parse_range(value, "dose", 0.001, 1e14, &c->dose, err))
		return -1;
	c->dose_given = true;
	return 0;
}

static int parse_defocus(const char *value, void *target, struct em_error *err)
{
	struct em_synth_conditions *c = target;

	if (parse_range(value, "defocus", 0, 1e9, &c->defocus, err))
		return -1;
	c->defocus_given = true;
	return 0;
}

static int parse_contrast(const char *value, void *target, struct em_error *err)
{
	struct em_synth_conditions *c = target;

	return em_synth_contrasts_parse(value, &c->contrasts, err);
}

static int parse_pair(const char *value, void *target, struct em_error *err)
{
	return em_synth_eels_pair(value, target, err);
}

static int parse_energy(const char *value, void *target, struct em_error *err)
{
	return em_synth_axis_parse(value, target, err);
}

/* M,M,... */
static int parse_times(const char *value, void *target, struct em_error *err)
{
	struct options *o = target;

	return em_synth_times_parse(value, o->minute, TIMES, &o->minutes, err);
}

/* ---- what there is ---- */

static int list(struct em_cli *cli, const struct options *o)
{
	struct em_text t = {0};
	struct em_error err = {0};
	int status = 0;

	em_synth_kinds_print(o->what == IMAGES, cli->verbose, &t);
	if (em_text_check(&t, &err) || em_cli_write_file(cli, cli->output, em_text_get(&t), t.len, false, &err))
		status = em_cli_fail(cli, NULL, &err);
	em_text_release(&t);
	return status;
}

/* ---- making them ---- */

struct making {
	struct em_cli *cli;
	const struct options *o;
	struct em_sink *sink;
	struct em_synth_frame frame;
	struct em_synth_movie movie;
	struct em_synth_eels eels;
	struct em_synth_reduction reduction;
	size_t next, end, batch; /* samples; end SIZE_MAX: never */
};

struct batch {
	struct em_sample sample[BATCH];
	size_t first, count;
};

static int take(void *ctx, void *item, struct em_error *err)
{
	struct making *m = ctx;
	struct batch *b = item;

	(void)err;
	b->first = m->next;
	b->count = m->end - m->next < m->batch ? m->end - m->next : m->batch;
	m->next += b->count;
	return b->count > 0;
}

static int make_chips(const struct making *m, struct batch *b, struct em_error *err)
{
	const struct options *o = m->o;
	struct em_synth_chips chips;
	int status = em_synth_chips_init(&chips, &o->synth, &m->frame, err);

	for (size_t k = 0; k < b->count && !status; k++) {
		size_t i = b->first + k;

		status = em_synth_chip(&chips, i / o->per_class, i % o->per_class, &b->sample[k], err);
	}
	em_synth_chips_release(&chips);
	return status;
}

static int make_images(const struct making *m, struct batch *b, struct em_error *err)
{
	struct em_synth_canvas canvas;
	int status = em_synth_canvas_init(&canvas, &m->frame, err);

	for (size_t k = 0; k < b->count && !status; k++)
		status = m->o->what == MOVIE
		             ? em_synth_movie_frame(&m->movie, &canvas, b->first + k, &b->sample[k], err)
		             : em_synth_micrograph(&m->o->synth, &canvas, b->first + k, &b->sample[k], err);
	em_synth_canvas_release(&canvas);
	return status;
}

/* A spectrum image is worked on by all threads: its low loss is the sample after it. */
static int make_spectra(const struct making *m, struct batch *b, struct em_error *err)
{
	size_t each = m->o->eels.low ? 2 : 1;
	int status = 0;

	for (size_t k = 0; k < b->count && !status; k++) {
		size_t i = b->first + k;

		status = m->o->what == REDUCTION ? em_synth_reduction_frame(&m->reduction, i, &b->sample[k], err)
		                                 : em_synth_eels_image(&m->eels, i / each, i % each == 1,
		                                                       (int)m->cli->threads, &b->sample[k], err);
	}
	return status;
}

static int work(void *ctx, void *item, struct em_error *err)
{
	const struct making *m = ctx;

	return m->o->what == CHIPS ? make_chips(m, item, err)
	       : m->o->what < EELS ? make_images(m, item, err)
	                           : make_spectra(m, item, err);
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct making *m = ctx;
	struct batch *b = item;

	for (size_t i = 0; i < b->count; i++) {
		if (em_sink_write(m->sink, &b->sample[i], err))
			return -1;
		em_sample_release(&b->sample[i]);
		em_cli_progress(m->cli);
	}
	return 0;
}

static void drop(void *item)
{
	struct batch *b = item;

	for (size_t i = 0; i < b->count; i++)
		em_sample_release(&b->sample[i]);
}

static int prepare_spectra(struct making *m, struct em_error *err)
{
	const struct options *o = m->o;

	if (o->what == EELS) {
		m->end = o->count > SIZE_MAX / 2 ? SIZE_MAX : o->count * (o->eels.low ? 2 : 1);
		return em_synth_eels_init(&m->eels, &o->eels, err);
	}
	if (em_synth_reduction_init(&m->reduction, &o->reduction, err))
		return -1;
	m->end = m->reduction.frames;
	m->batch = 8;
	return 0;
}

/* How many samples there are, and what they have in common. */
static int prepare(struct making *m, struct em_error *err)
{
	const struct options *o = m->o;

	m->end = o->count ? o->count : SIZE_MAX;
	if (o->what == CHIPS) {
		m->end = o->classes && o->classes <= SIZE_MAX / o->per_class ? o->classes * o->per_class : SIZE_MAX;
		m->batch = BATCH_BYTES / (o->synth.height * o->synth.width);
		m->batch = m->batch < 1 ? 1 : m->batch > BATCH ? BATCH : m->batch;
	}
	if (o->what >= EELS)
		return prepare_spectra(m, err);
	if (em_synth_frame_init(&m->frame, o->synth.height, o->synth.width, err))
		return -1;
	return o->what == MOVIE ? em_synth_movie_init(&m->movie, &o->movie, &m->frame, err) : 0;
}

static int run(struct em_cli *cli, const struct options *o)
{
	struct making m = {.cli = cli, .o = o, .batch = 1};
	const struct em_pipeline p = {&m, sizeof(struct batch), take, work, give, drop};
	struct em_error err = {0};
	int status = prepare(&m, &err);

	if (!status) {
		m.sink = em_sink_open(cli, &err);
		status = m.sink ? em_parallel_pipeline(o->what == EELS ? 1 : (int)cli->threads, &p, &err) : -1;
		if (m.sink && status)
			em_sink_abort(m.sink);
		else if (m.sink)
			status = em_sink_close(m.sink, &err);
	}
	em_synth_movie_release(&m.movie);
	em_synth_eels_release(&m.eels);
	em_synth_reduction_release(&m.reduction);
	em_synth_frame_release(&m.frame);
	return status ? em_cli_fail(cli, NULL, &err) : EM_EXIT_OK;
}

/* A movie's options from the words that chips and images have too. */
static int set_movie(struct em_cli *cli, struct options *o)
{
	const struct em_synth_conditions *c = &o->synth.conditions;
	struct em_synth_movie_options *m = &o->movie;
	struct em_error err = {0};

	if (o->kinds || o->count == 0 || (o->minutes && o->count != NOT_GIVEN))
		return em_cli_usage(cli, "a movie has no --kind, an end (-n), and -n or --frames-at");
	if ((c->dose_given && c->dose.lo < c->dose.hi) || (c->defocus_given && c->defocus.lo < c->defocus.hi))
		return em_cli_usage(cli, "a movie has one --dose and one --defocus: --change-dose and --change-defocus "
		                         "are for what changes");
	m->contrast = c->contrasts & 1u << EM_SYNTH_BF      ? EM_SYNTH_BF
	              : c->contrasts & 1u << EM_SYNTH_HAADF ? EM_SYNTH_HAADF
	                                                    : EM_SYNTH_SEM;
	m->dose = c->dose_given ? c->dose.lo : 1000;
	m->defocus_nm = c->defocus_given ? c->defocus.lo : (double)NAN;
	m->seed = o->synth.seed;
	m->height = o->synth.height;
	m->width = o->synth.width;
	m->pixel_nm = em_synth_given(o->pixel_nm, 0.04);
	m->drift_px = em_synth_given(o->drift, 0);
	m->change_dose = em_synth_given(o->change_dose, 0);
	m->minute = o->minutes ? o->minute : NULL;
	o->count = o->minutes ? o->minutes : o->count == NOT_GIVEN ? 41 : o->count;
	m->frames = o->count;
	return em_synth_history_set(&m->history, o->history, m->minutes, &err) ? em_cli_usage(cli, "%s", err.text) : 0;
}

static int set_pictures(struct em_cli *cli, struct options *o)
{
	struct em_error err = {0};

	o->count = o->count == NOT_GIVEN ? 1 : o->count;
	em_synth_kinds_default(o->what == IMAGES, o->synth.weight);
	if ((o->kinds && em_synth_kinds_parse(o->kinds, o->what == IMAGES, o->synth.weight, &err)) ||
	    em_synth_options_check(&o->synth, o->what == CHIPS ? EM_SYNTH_FAMILIES : EM_SYNTH_KINDS, &err))
		return em_cli_usage(cli, "%s", err.text);
	if (o->synth.conditions.dose.hi > 1e9)
		return em_cli_usage(cli, "--dose %g: pictures take 1e9 at most", o->synth.conditions.dose.hi);
	if (!(o->synth.related >= 0 && o->synth.related <= 1) ||
	    !(o->synth.conditions.artefacts >= 0 && o->synth.conditions.artefacts <= 10))
		return em_cli_usage(cli, "--related is a share, 0 to 1; --artefacts a strength, 0 to 10");
	return 0;
}

static int set_spectra(struct em_cli *cli, struct options *o)
{
	const struct em_synth_conditions *c = &o->synth.conditions;

	if (o->kinds || (c->dose_given && c->dose.lo < c->dose.hi))
		return em_cli_usage(cli, "spectra have no --kind, and one --dose");
	if (o->what == REDUCTION && o->count == 0)
		return em_cli_usage(cli, "a reduction has an end: -n 2 or more");
	if (c->dose_given)
		o->recording.dose = c->dose.lo;
	o->eels.seed = o->reduction.seed = o->synth.seed;
	o->eels.recording = o->reduction.recording = o->recording;
	o->eels.thickness = o->reduction.thickness = o->thickness;
	o->eels.exponent = o->reduction.exponent = o->exponent;
	o->eels.conversion = o->reduction.conversion = o->conversion;
	o->eels.drift = o->reduction.drift = o->drift;
	o->eels.rows = o->synth.height;
	o->eels.columns = o->synth.width;
	o->eels.pixel_nm = o->pixel_nm;
	o->reduction.current = o->change_dose;
	o->reduction.frames = o->count == NOT_GIVEN ? 0 : o->count;
	o->count = o->count == NOT_GIVEN ? 1 : o->count == 0 ? SIZE_MAX : o->count;
	return 0;
}

/* What the words on the command line mean together. */
static int start(struct em_cli *cli, struct options *o)
{
	static const size_t side[WHATS] = {64, 1024, 512, 64, 1}, other[WHATS] = {64, 1024, 512, 16, 1};
	int status, what = 0;

	while (what < WHATS && (cli->nfiles < 1 || strcmp(cli->files[0], what_name[what]) != 0))
		what++;
	if (what == WHATS)
		return em_cli_usage(cli, "what to make comes first: chips or images, a movie, eels or a reduction");
	if (cli->nfiles > 1)
		return em_cli_usage(cli, "'%.60s' is too much: it reads no files", cli->files[1]);
	o->what = (enum what)what;
	if (o->list)
		return o->what > IMAGES ? em_cli_usage(cli, "--list is of chips or images") : list(cli, o);
	if (!o->synth.width) {
		o->synth.width = side[what];
		o->synth.height = other[what];
	}
	o->synth.seed = o->seed;
	status = o->what == MOVIE ? set_movie(cli, o) : o->what >= EELS ? set_spectra(cli, o) : set_pictures(cli, o);
	return status ? status : run(cli, o);
}

static struct options opt = {
    .classes = 100,
    .per_class = 10,
    .count = NOT_GIVEN,
    .seed = 1,
    .history = "plateau",
    .drift = NAN,
    .pixel_nm = NAN,
    .change_dose = NAN,
    .conversion = NAN,
    .thickness = NAN,
    .exponent = NAN,
    .recording = {.resolution = NAN, .spread = NAN, .gain = NAN, .readout = NAN, .dose = NAN},
    .eels = {.width_nm = NAN, .position_nm = NAN},
    .reduction = {.series = 1, .frame_s = NAN, .law = EM_SYNTH_LAWS, .thinning = NAN, .walk = NAN},
    .synth = {.group = 4, .related = 0.6, .conditions = {.contrasts = 15, .dose = {10, 3000}, .artefacts = 1}},
    .movie = {.minutes = 40, .flux = 2.6e11, .lattice_nm = 0.39, .domain_nm = 3, .middle = 2, .visibility = 0.2}};

static const struct em_option table[] = {
    {'s', "size", "SIZE", "of a picture in pixels: 95, 64x48; default 64, images 1024, movie 512, eels 64x16",
     EM_OPTION_PARSE, &opt.synth, .parse = parse_size},
    {0, "seed", "N", "another number: other pictures; default 1", EM_OPTION_COUNT, &opt.seed},
    {0, "classes", "N", "chips: of so many classes, 0: endless; default 100", EM_OPTION_COUNT, &opt.classes},
    {0, "per-class", "N", "chips: so many of each; default 10", EM_OPTION_SIZE, &opt.per_class},
    {'n', "number", "N", "so many images, 0: endless, default 1; so many frames", EM_OPTION_COUNT, &opt.count},
    {0, "kind", "NAME[=W],...", "only of these kinds, in these proportions; see --list", EM_OPTION_STRING, &opt.kinds},
    {0, "contrast", "NAME,...", "haadf, abf, bf, sem; default any; movie: bf or haadf", EM_OPTION_PARSE,
     &opt.synth.conditions, .parse = parse_contrast},
    {0, "dose", "LO[,HI]", "electrons a pixel, default 10,3000, movie 1000; a spectrum", EM_OPTION_PARSE,
     &opt.synth.conditions, .parse = parse_dose},
    {0, "defocus", "LO[,HI]", "in nm; default: as suits the pixel", EM_OPTION_PARSE, &opt.synth.conditions,
     .parse = parse_defocus},
    {0, "artefacts", "F", "strength of jitter, drift, slopes, dirt, charging; default 1, 0: none", EM_OPTION_NUMBER,
     &opt.synth.conditions.artefacts},
    {0, "group", "N", "chips: so many classes in a row share a microscope's session; default 4", EM_OPTION_SIZE,
     &opt.synth.group},
    {0, "related", "P", "chips: the share of classes that differ in one respect from another; default 0.6",
     EM_OPTION_NUMBER, &opt.synth.related},
    {0, "electrons", NULL, "write numbers of electrons, uint16, not grey levels, uint8", EM_OPTION_FLAG,
     &opt.synth.counts},
    {0, "list", NULL, "tell the kinds and their contrasts; with -v their parameters", EM_OPTION_FLAG, &opt.list,
     .silent = true},
    {0, "minutes", "M", "movie: how long it takes; default 40", EM_OPTION_NUMBER, &opt.movie.minutes},
    {0, "frames-at", "M,...", "movie: frames at these minutes alone", EM_OPTION_PARSE, &opt, .parse = parse_times},
    {0, "history", "M:F,...", "movie: disordered fraction at minutes, or plateau or linear; default plateau",
     EM_OPTION_STRING, &opt.history},
    {0, "flux", "F", "movie: ions a cm^2 and second; default 2.6e11", EM_OPTION_NUMBER, &opt.movie.flux},
    {0, "pixel", "NM", "of a pixel; movie, default 0.04; eels, default 0.2", EM_OPTION_NUMBER, &opt.pixel_nm},
    {0, "lattice", "NM", "movie: constant of the substrate; default 0.39", EM_OPTION_NUMBER, &opt.movie.lattice_nm},
    {0, "misfit", "F", "movie: the film's constant is 1 + F times that; default 0", EM_OPTION_NUMBER,
     &opt.movie.misfit},
    {0, "rotation", "DEG", "movie: of the film against the substrate; default 0", EM_OPTION_NUMBER,
     &opt.movie.rotation_deg},
    {0, "film", "NM", "movie: thickness of the film; default 0.6 of the picture's height", EM_OPTION_NUMBER,
     &opt.movie.film_nm},
    {0, "vacuum", "NM", "movie: above the film; default 0: the film goes on", EM_OPTION_NUMBER, &opt.movie.vacuum_nm},
    {0, "domain", "NM", "movie: size of disordered domains; default 3", EM_OPTION_NUMBER, &opt.movie.domain_nm},
    {0, "middle", "W", "movie: how strongly disorder prefers the film's middle; default 2", EM_OPTION_NUMBER,
     &opt.movie.middle},
    {0, "visibility", "V", "movie: root mean square of the lattice's contrast; default 0.2", EM_OPTION_NUMBER,
     &opt.movie.visibility},
    {0, "drift", "D", "from first to last: movie, pixels; eels, reduction, eV", EM_OPTION_NUMBER, &opt.drift},
    {0, "gradient", "F", "movie: of thickness across the picture; default 0", EM_OPTION_NUMBER, &opt.movie.gradient},
    {0, "contamination", "F", "movie: root mean square of an amorphous layer; default 0", EM_OPTION_NUMBER,
     &opt.movie.contamination},
    {0, "change-contrast", "F", "movie: of the lattice's contrast, from first to last; default 0", EM_OPTION_NUMBER,
     &opt.movie.change_contrast},
    {0, "change-dose", "F", "movie, reduction: of the dose, relative", EM_OPTION_NUMBER, &opt.change_dose},
    {0, "change-defocus", "NM", "movie: of the defocus; default 0", EM_OPTION_NUMBER, &opt.movie.change_defocus_nm},
    {0, "pair", "A/B", "eels: compounds on both sides; default LaFeO3/SrTiO3", EM_OPTION_PARSE, opt.eels.compound,
     .parse = parse_pair},
    {0, "width", "NM", "eels: standard deviation of the interface; default 0.6", EM_OPTION_NUMBER, &opt.eels.width_nm},
    {0, "position", "NM", "eels: of the interface; default: the middle", EM_OPTION_NUMBER, &opt.eels.position_nm},
    {0, "low", NULL, "eels: the low loss of each image as well", EM_OPTION_FLAG, &opt.eels.low},
    {0, "energy", "E:S:N", "spectra: first energy, eV a channel, channels", EM_OPTION_PARSE, &opt.recording.axis,
     .parse = parse_energy},
    {0, "thickness", "T", "spectra: in mean free paths; eels 0.5", EM_OPTION_NUMBER, &opt.thickness},
    {0, "exponent", "R", "spectra: of the background; eels 3", EM_OPTION_NUMBER, &opt.exponent},
    {0, "resolution", "EV", "spectra: full width of the zero-loss peak; default 0.8", EM_OPTION_NUMBER,
     &opt.recording.resolution},
    {0, "spread", "CH", "spectra: the detector's, in channels; eels 0, reduction 1", EM_OPTION_NUMBER,
     &opt.recording.spread},
    {0, "gain-noise", "F", "spectra: pattern of the detector; eels 0, reduction 0.01", EM_OPTION_NUMBER,
     &opt.recording.gain},
    {0, "readout", "N", "spectra: noise of a reading; eels 0, reduction 5", EM_OPTION_NUMBER, &opt.recording.readout},
    {0, "single", NULL, "spectra: no plural scattering of core losses", EM_OPTION_FLAG, &opt.recording.single},
    {0, "conversion", "F", "spectra: Ti that is 3+ at the interface; at the end", EM_OPTION_NUMBER, &opt.conversion},
    {0, "series", "N", "reduction: so many; default 1", EM_OPTION_SIZE, &opt.reduction.series},
    {0, "law", "LAW", "reduction: of its kinetics; default random", EM_OPTION_CHOICE, &opt.reduction.law,
     "zero-order first-order parabolic avrami sigmoid random"},
    {0, "thinning", "F", "reduction: share of the thickness that is lost", EM_OPTION_NUMBER, &opt.reduction.thinning},
    {0, "frame-time", "S", "reduction: seconds; default 0.4", EM_OPTION_NUMBER, &opt.reduction.frame_s},
    {0, "walk", "EV", "reduction: random part of the drift", EM_OPTION_NUMBER, &opt.reduction.walk},
    {0}};

int main(int argc, char **argv)
{
	const struct em_tool tool = {
	    .name = "emsynth",
	    .purpose = "Make labelled synthetic chips, micrographs, movies or spectra from a seed.",
	    .operands = "chips|images|movie|eels|reduction",
	    .first = "chips images movie eels reduction",
	    .example = "emsynth chips --classes 1000 --per-class 20 --seed 7 | emembed >train.tar\n"
	               "emsynth images --kind interface --contrast haadf | emplot image -o interface.png\n"
	               "emsynth movie -n 21 --drift 20 --gradient 0.3 --dose 50 >movie.tar\n"
	               "emsynth eels --pair LaFeO3/SrTiO3 -s 48x1 --width 0.8 >line.tar\n"
	               "emsynth reduction --series 20 --law avrami >series.tar",
	    .options = table,
	    .common = EM_COMMON_FILTER};
	struct em_cli cli;
	int status = em_cli_begin(&cli, &tool, argc, argv);

	return status >= 0 ? status : em_cli_end(&cli, start(&cli, &opt));
}
