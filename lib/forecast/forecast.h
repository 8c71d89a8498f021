/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forecasts of spectra: one interface, behind which all models stand.
 *
 * A model is learned from series, kept in a file, and run along a series:
 *
 *     em_forecast_learn / em_forecast_parse     a model
 *     em_forecast_begin(run, model)             a series
 *     em_forecast_push(run, frame)              each of its spectra as it comes
 *     em_forecast_predict(run, steps, &p)       what the spectrum `steps` later will be
 *     em_forecast_end(run)
 *
 * Before any model sees a spectrum its energy drift is taken off (forecast/lowrank.h), as the publication does it;
 * forecasts are put where the drift is expected to be by then, which for all models is one forecast of its own.
 */
#ifndef EM_FORECAST_FORECAST_H
#define EM_FORECAST_FORECAST_H

#include "base/error.h"
#include "base/text.h"
#include "eels/energy.h"
#include "forecast/lowrank.h"
#include "forecast/novelty.h"
#include "forecast/series.h"
#include "forecast/trend.h"
#include "io/safetensors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EM_FORECAST_HORIZONS 12
#define EM_FORECAST_STEPS 8

struct em_forecast_settings {
	struct em_lowrank_settings lowrank;
	size_t furthest; /* steps ahead that are learned, about */
	size_t window;   /* spectra that models with a fixed memory see: 8 as published */
	uint64_t seed;
	int threads;
	/* of eelstm and lstm: the horizons of their nets; epochs at most and without progress, Adam's rate; 0: the
	 * method's own */
	size_t steps[EM_FORECAST_STEPS], nsteps;
	size_t epochs, patience;
	double rate;
	/* training that takes long tells how far it is, and stops where asked to; may be NULL */
	void (*told)(void *ctx, size_t steps, size_t epoch, double loss, double validation);
	bool (*stop)(void *ctx);
	void *ctx;
	const struct em_safetensors *resume; /* a file of the same model whose training goes on; NULL: none */
};

/* A spectrum as models see it: without drift, and in scores of the basis by the series' own brightness. */
struct em_forecast_view {
	bool missing;
	const double *score;  /* [rank], by `scale` */
	double variance;      /* of each */
	double scale;         /* of the series: its first spectrum's counts by the basis's */
	const float *aligned; /* [channels], counts */
};

/* A series of them, for training. */
struct em_forecast_track {
	size_t count;
	double *score;    /* [count][rank] */
	double *variance; /* [count]; NaN: missing */
	float *aligned;   /* [count][channels]; NULL where the method does not want it */
	double scale;
};

struct em_forecast {
	const struct em_forecast_method *method;
	struct em_lowrank lowrank;
	struct em_trend_prior shift; /* of the drift, channels */
	double shift_noise;          /* variance of a measured shift */
	size_t window;
	void *own; /* the method's */
	/* methods without intervals of their own: variance of the forecast by its counts and the noise's gain */
	size_t horizons;
	size_t horizon[EM_FORECAST_HORIZONS];
	double excess[EM_FORECAST_HORIZONS];
	char *provenance; /* JSON, of the file; owned; NULL: none */
};

/* Tensors and notes of a model's file as they are put together. */
struct em_forecast_file;
struct em_forecast_file *em_forecast_file_new(struct em_error *err);
void em_forecast_file_free(struct em_forecast_file *file); /* NULL allowed */
int em_forecast_file_print(const struct em_forecast_file *file, struct em_text *out, struct em_error *err);
/* Copies.  Failure is sticky, told when the file is printed. */
void em_forecast_file_add(struct em_forecast_file *file, const char *name, const double *values, size_t rows,
                          size_t columns);
void em_forecast_file_add_floats(struct em_forecast_file *file, const char *name, const float *values, int ndim,
                                 const size_t *shape);
void em_forecast_file_note(struct em_forecast_file *file, const char *name, const char *text);
/* out[rows * columns]; EM_ERROR_DATA where there is none of that name and size. */
int em_forecast_file_get(const struct em_safetensors *f, const char *name, double *out, size_t rows, size_t columns,
                         struct em_error *err);

/* All that a model can do; `own` and `run` are its own structs.  NULL: nothing to be done. */
struct em_forecast_method {
	const char *name, *about;
	bool wants_aligned; /* tracks with spectra */
	bool has_interval;  /* predict gives spreads */
	bool validates;     /* the last em_forecast_kept series stop its training: its errors are measured on these */
	int (*learn)(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
	             const struct em_forecast_settings *settings, struct em_error *err);
	void (*release)(void *own);
	int (*print)(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err);
	int (*parse)(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err);
	int (*begin)(const struct em_forecast *f, void **run, struct em_error *err);
	int (*adapt)(void *run, struct em_error *err);
	void (*push)(const struct em_forecast *f, void *run, const struct em_forecast_view *view);
	/* spectrum[channels] without drift, in counts; spread[rank][channels]: its covariance is the sum of each one's
	 * outer product, not asked for where there is none */
	int (*predict)(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum,
	               double *spread, struct em_error *err);
	void (*end)(void *run);
};

/* What a method of scores says: mean[rank] and covariance[rank][rank], by `scale`, both spoiled, as its `predict` has
 * it. */
void em_forecast_put_scores(const struct em_forecast *f, double scale, double *mean, double *covariance,
                            double *spectrum, double *spread);

/* The table of them; NULL past the last, and for an unknown name. */
const struct em_forecast_method *em_forecast_method_at(size_t i);
const struct em_forecast_method *em_forecast_method_find(const char *name);
/* Names separated by commas into method[*count]; NULL: all.  EM_ERROR_USAGE: more than `most`, a name that is none. */
int em_forecast_methods_parse(const char *names, const struct em_forecast_method **method, size_t most, size_t *count,
                              struct em_error *err);
extern const struct em_forecast_method em_forecast_lowrank, em_forecast_dmd, em_forecast_lstm, em_forecast_eelstm,
    em_forecast_persistence, em_forecast_mean, em_forecast_holt, em_forecast_var;

/* Of so many series those at the end that methods with `validates` do not learn from: a fifth, 0 of one alone. */
#define EM_FORECAST_KEPT 5
size_t em_forecast_kept(size_t series);

/* Series on one axis as models see them; what all models of one evaluation share. */
struct em_forecast_school {
	const struct em_series *const *series; /* borrowed, as all of them */
	size_t count;
	struct em_lowrank lowrank;
	struct em_forecast_track *track; /* [count] */
	double **shift;                  /* [count][spectra], channels; NaN: missing */
	bool *failed;
};

/* with_spectra: for models that want them.  EM_ERROR_DATA: too short (fewer than window + 2 spectra), too few with
 * counts, another axis than the first. */
int em_forecast_school_open(struct em_forecast_school *school, const struct em_series *const *series, size_t count,
                            bool with_spectra, const struct em_forecast_settings *settings, struct em_error *err);
void em_forecast_school_close(struct em_forecast_school *school); /* of a zeroed one too */
int em_forecast_learn(struct em_forecast *f, const struct em_forecast_method *method,
                      const struct em_forecast_school *school, const struct em_forecast_settings *settings,
                      struct em_error *err);
void em_forecast_release(struct em_forecast *f); /* of a zeroed one too */

/* Append a .safetensors file. */
int em_forecast_print(const struct em_forecast *f, const char *provenance, struct em_text *out, struct em_error *err);
/* EM_ERROR_DATA: no model of ours, or a broken one. */
int em_forecast_parse(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err);

/* ---- along a series ---- */

struct em_forecast_run {
	const struct em_forecast *f; /* borrowed */
	void *own;
	struct em_observation seen;
	struct em_trend shift;
	double scale, gain;         /* of the series, the latter a running mean */
	size_t count, known;        /* spectra so far, and those that are not missing */
	struct em_novelty *novelty; /* NULL: does not adapt */
	double *work;               /* [rank]; then [2 + rank][channels] */
};

struct em_prediction {
	const struct em_forecast *f; /* borrowed */
	size_t channels;
	double shift, shift_variance; /* channels: where the drift is expected to be */
	double *spectrum;             /* [channels], counts, there */
	double *variance;             /* [channels]: of what the spectrum is without noise */
	double *noise;                /* [channels]: variance of what measuring adds */
	double *basis;  /* [channels]: in `variance`, what the basis itself is uncertain by, each channel by itself */
	size_t spreads; /* of models that know how channels err together; else 0 */
	double *spread; /* [spreads][channels]: the covariance is the sum of their outer products, without `basis` */
};
int em_prediction_init(struct em_prediction *p, const struct em_forecast *f, struct em_error *err);
void em_prediction_release(struct em_prediction *p);

int em_forecast_begin(struct em_forecast_run *run, const struct em_forecast *f, struct em_error *err);
/*
 * Before the first spectrum: the run is to learn from the series as it comes, of what other series do not show.  A
 * component that appears in it is added to the forecast, with a trend of its own (forecast/novelty.h); lowrank's
 * dynamics follow their own errors (em_dynamics_adapt).
 */
int em_forecast_adapt(struct em_forecast_run *run, struct em_error *err);
void em_forecast_end(struct em_forecast_run *run);
/* frame[channels], as em_series_clean leaves it; NULL: it did not come. */
void em_forecast_push(struct em_forecast_run *run, const float *frame);
/* EM_ERROR_DATA: fewer spectra so far than the model's window. */
int em_forecast_predict(struct em_forecast_run *run, size_t steps, struct em_prediction *p, struct em_error *err);
/* The same, but where the drift is this: the variance is the specimen's alone. */
int em_forecast_predict_at(struct em_forecast_run *run, size_t steps, double shift, struct em_prediction *p,
                           struct em_error *err);

#endif
