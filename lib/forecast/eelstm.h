/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EELSTM: the next spectra of a series from its last ones, whole spectrum in, whole spectrum out, as published by Lewis
 * et al. (2022):
 *
 *     LSTM(256) - dropout 0.05 - LSTM(256), its last step - dropout 0.05 - dense(channels, linear)
 *
 * 8 spectra in, the 9th after the last of them out; each channel scaled by its least and greatest value in a reference
 * series, x' = (x - least) / (greatest - least), as scikit-learn's MinMaxScaler (a channel that does not change: x -
 * least); the mean squared error in that scale, minimised by Adam.  Weights begin as Keras's do: Glorot's uniform
 * distribution, orthogonal recurrent ones (Saxe et al., arXiv:1312.6120), biases 0 and that of the forget gate 1.
 *
 * Gates come in the order input, forget, candidate, output: Keras's and PyTorch's.  A kernel is [inputs][4][units], the
 * recurrent one [units][4][units], the dense one [units][channels]: Keras's shapes, the transpose of PyTorch's.  There
 * is one bias a gate: the sum of PyTorch's two.  (In training both of PyTorch's get the same step, so that their sum
 * takes two; who compares holds one of them.)
 *
 * A model file is a .safetensors with lstm0.kernel, lstm0.recurrent, lstm0.bias, lstm1.kernel, ..., dense.kernel,
 * dense.bias, scale.least, scale.range, all F32; the options and how far training is stand in __metadata__.  With the
 * state of training ("adam.m.lstm0.kernel", ...) it can be resumed.
 *
 * The same numbers from the same seed on one machine, whatever the number of threads: a batch is worked on in fixed
 * parts, whose gradients are added in one order.
 */
#ifndef EM_FORECAST_EELSTM_H
#define EM_FORECAST_EELSTM_H

#include "base/error.h"
#include "base/text.h"
#include "io/safetensors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EM_EELSTM_MAX_LAYERS 8
#define EM_EELSTM_MAX_UNITS 4096
#define EM_EELSTM_MAX_CHANNELS 65536
#define EM_EELSTM_MAX_WINDOW 1024

struct em_eelstm_options {
	size_t layers, units;   /* 2 of 256 */
	size_t window, horizon; /* spectra in: 8; the one to forecast, counted from the last of them: 9 */
	double dropout;         /* 0.05 of each layer's outputs, while training; 0 <= dropout < 1 */
	double rate;            /* Adam's step: 1e-5 */
	double
	    epsilon; /* 1e-7, added to sqrt(v) as Keras does it: rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps) */
	bool torch_epsilon;  /* false; true: added to sqrt(v / (1 - b2^t)), as PyTorch and the paper's Algorithm 1 do */
	double beta1, beta2; /* 0.9, 0.999 */
	size_t batch;        /* 50 windows */
	size_t epochs;       /* at most: 3000 */
	size_t patience;     /* epochs without a lower validation loss, then it stops: 150; 0: never stops early */
	bool restore_best;   /* false as published: the last weights; true: those of the lowest validation loss */
	bool shuffle;        /* true: another order of the windows each epoch */
	uint64_t seed;       /* 1: of weights, order and dropout */
	int threads;         /* 1; more change no number */
};

/* As published. */
struct em_eelstm_options em_eelstm_defaults(void);

struct em_eelstm;

/* Untrained, its scale the identity.  EM_ERROR_USAGE: an option that makes no sense; EM_ERROR_MEMORY. */
struct em_eelstm *em_eelstm_new(const struct em_eelstm_options *options, size_t channels, struct em_error *err);
void em_eelstm_free(struct em_eelstm *net); /* NULL allowed */
const struct em_eelstm_options *em_eelstm_get_options(const struct em_eelstm *net);
size_t em_eelstm_channels(const struct em_eelstm *net);
/* For another run of training on the same weights: rate, epochs, patience, batch, threads, ...; not the sizes.
 * EM_ERROR_USAGE where those differ. */
int em_eelstm_set_options(struct em_eelstm *net, const struct em_eelstm_options *options, struct em_error *err);

/* Fits the scale to frames [count][channels], in counts.  EM_ERROR_DATA: NaN or infinite, or count is 0. */
int em_eelstm_fit_scale(struct em_eelstm *net, const float *frames, size_t count, struct em_error *err);

/* Windows on frames in counts: window i is frames first[i], ..., first[i] + window - 1, and what follows is frame
 * target[i].  So series stand behind each other, and no window reaches from one into the next; all borrowed. */
struct em_eelstm_windows {
	const float *frames; /* [frame_count][channels] */
	size_t frame_count;
	const size_t *first, *target; /* [count] */
	size_t count;
};

/* How far training is. */
struct em_eelstm_progress {
	size_t epoch;      /* epochs done */
	size_t best_epoch; /* that of the lowest validation loss, from 1 */
	double loss;       /* mean over the epoch's windows, with dropout, while the weights moved: as Keras tells it */
	double validation; /* after the epoch, without dropout; NaN without validation windows */
	double best;       /* lowest validation loss; infinite before the first */
};

/* After each epoch `told`, which may print the net, and then `stop`: true, and training ends there.  Both may be NULL;
 * they are called in the caller's thread. */
struct em_eelstm_callbacks {
	void *ctx;
	void (*told)(void *ctx, const struct em_eelstm_progress *progress);
	bool (*stop)(void *ctx);
};

/*
 * Trains until options.epochs are done in all (those before a resumed run counted), patience is over, or stop says so.
 * validation may be NULL: no early stopping.  EM_ERROR_USAGE: no windows, a window outside the frames; EM_ERROR_DATA:
 * frames that are NaN or infinite, or a loss that became so (the rate is too high; the net is of no more use);
 * EM_ERROR_MEMORY.
 */
int em_eelstm_train(struct em_eelstm *net, const struct em_eelstm_windows *train,
                    const struct em_eelstm_windows *validation, const struct em_eelstm_callbacks *callbacks,
                    struct em_error *err);
struct em_eelstm_progress em_eelstm_how_far(const struct em_eelstm *net);

/* The mean squared error of windows in the scale [0, 1], without dropout. */
int em_eelstm_loss(const struct em_eelstm *net, const struct em_eelstm_windows *windows, double *loss,
                   struct em_error *err);

/*
 * out[count][channels] from windows[count][window][channels], both in counts.  Any number of threads may call it on one
 * net that nobody trains.  EM_ERROR_DATA: NaN or infinite counts; EM_ERROR_MEMORY.
 */
int em_eelstm_predict(const struct em_eelstm *net, const float *windows, size_t count, float *out,
                      struct em_error *err);

/* ---- files ---- */

/*
 * Appends the file's bytes to out, with notes of where the model is from beside the options, for the caller to write
 * (em_outfile does it whole or not at all).  With `state`, what training needs to go on as well: three times the size,
 * four with restore_best.  EM_ERROR_MEMORY; EM_ERROR_DATA: weights that are not finite, as after training that failed.
 */
int em_eelstm_print(const struct em_eelstm *net, bool state, const struct em_safetensors_note *notes, size_t note_count,
                    struct em_text *out, struct em_error *err);
/* EM_ERROR_DATA, EM_ERROR_IO, EM_ERROR_MEMORY: the text says what is wrong. */
struct em_eelstm *em_eelstm_load(const char *path, struct em_error *err);
struct em_eelstm *em_eelstm_load_bytes(struct em_blob bytes, struct em_error *err); /* copied from */
/* Can training go on where it was: a new net, or one that was printed with its state?  Otherwise em_eelstm_train begins
 * at epoch 0, from these weights. */
bool em_eelstm_resumes(const struct em_eelstm *net);
/* A note of the file that it was loaded from; NULL: none of that name. */
const char *em_eelstm_find_note(const struct em_eelstm *net, const char *name);

#endif
