/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Training, for scripts that compare: `eelstm MODEL FRAMES WINDOWS EPOCHS THREADS [SAVED]` takes a model file, float32
 * frames in counts and lines "FIRST TARGET", trains on them in that order without shuffling, and prints the loss and
 * the seconds of each epoch; then the trained model goes to SAVED.
 */
#include "forecast/eelstm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST 65536

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void tell(void *ctx, const struct em_eelstm_progress *p)
{
	double *since = ctx, t = now();

	printf("%.9g %.6f\n", p->loss, t - *since);
	fflush(stdout);
	*since = now();
}

static float *read_frames(const char *path, size_t channels, size_t *count)
{
	FILE *f = fopen(path, "rb");
	float *v = NULL;
	long bytes;

	if (f && !fseek(f, 0, SEEK_END) && (bytes = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
		v = malloc((size_t)bytes);
		*count = v ? fread(v, sizeof(*v) * channels, (size_t)bytes / (sizeof(*v) * channels), f) : 0;
	}
	if (f)
		fclose(f);
	return v;
}

static size_t read_windows(const char *path, size_t first[MOST], size_t target[MOST])
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	while (f && n < MOST && fscanf(f, "%zu %zu", &first[n], &target[n]) == 2)
		n++;
	if (f)
		fclose(f);
	return n;
}

static int save(const struct em_eelstm *net, const char *path, struct em_error *err)
{
	struct em_text text = {0};
	int status = em_eelstm_print(net, false, NULL, 0, &text, err);
	FILE *f = status ? NULL : fopen(path, "wb");

	if (!status && (!f || fwrite(text.s, 1, text.len, f) != text.len))
		status = em_error_errno(err, "cannot write '%s'", path);
	if (f && fclose(f) && !status)
		status = em_error_errno(err, "cannot write '%s'", path);
	em_text_release(&text);
	return status;
}

int main(int argc, char **argv)
{
	static size_t first[MOST], target[MOST];
	struct em_error err = {0};
	struct em_eelstm *net = argc > 5 ? em_eelstm_load(argv[1], &err) : NULL;
	struct em_eelstm_windows windows = {.first = first, .target = target};
	struct em_eelstm_options options;
	double since;
	float *frames;
	int status;

	if (!net) {
		fprintf(stderr, "eelstm: %s\n", argc > 5 ? err.text : "MODEL FRAMES WINDOWS EPOCHS THREADS [SAVED]");
		return 1;
	}
	options = *em_eelstm_get_options(net);
	options.shuffle = false;
	options.epochs = strtoul(argv[4], NULL, 10);
	options.threads = atoi(argv[5]);
	frames = read_frames(argv[2], em_eelstm_channels(net), &windows.frame_count);
	windows.frames = frames;
	windows.count = read_windows(argv[3], first, target);
	status = em_eelstm_set_options(net, &options, &err);
	since = now();
	if (!status)
		status = em_eelstm_train(net, &windows, NULL,
		                         &(struct em_eelstm_callbacks){.ctx = &since, .told = tell}, &err);
	if (!status && argc > 6)
		status = save(net, argv[6], &err);
	if (status)
		fprintf(stderr, "eelstm: %s\n", err.text);
	free(frames);
	em_eelstm_free(net);
	return status ? 1 : 0;
}
