/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The peaks of power spectra on standard input, for scripts that compare.  Each spectrum is a line "HEIGHT WIDTH FRAMES
 * FALSE_ALARMS" and [height][width / 2 + 1] doubles; the answer is a line "COUNT" and lines "Y X SNR POWER".
 */
#include "crystal/bragg.h"

#include <stdio.h>
#include <stdlib.h>

static int answer(size_t height, size_t width, size_t frames, double false_alarms)
{
	struct em_bragg_options options = {.false_alarms = false_alarms};
	struct em_bragg_peaks peaks = {0};
	struct em_error err = {0};
	size_t n = height * (width / 2 + 1);
	double *sum = malloc(n * sizeof(*sum));
	int status = !sum || getchar() != '\n' || fread(sum, sizeof(*sum), n, stdin) != n ||
	             em_bragg_find(&peaks, sum, height, width, frames, &options, &err);

	free(sum);
	if (status) {
		fprintf(stderr, "bragg: %s\n", err.text);
		return -1;
	}
	printf("%zu\n", peaks.count);
	for (size_t i = 0; i < peaks.count; i++)
		printf("%.9g %.9g %.6g %.6g %.3g %.3g\n", peaks.peak[i].y, peaks.peak[i].x, peaks.peak[i].snr,
		       peaks.peak[i].power, peaks.peak[i].sigma_y, peaks.peak[i].sigma_x);
	em_bragg_release(&peaks);
	return 0;
}

int main(void)
{
	size_t height, width, frames;
	double false_alarms;

	while (scanf("%zu %zu %zu %lg", &height, &width, &frames, &false_alarms) == 4)
		if (answer(height, width, frames, false_alarms))
			return 1;
	return 0;
}
