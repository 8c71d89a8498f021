/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JPEG by libjpeg-turbo, read only.  Grey is the Y channel as it was coded (libjpeg's own weights where the file holds
 * RGB): what OpenCV's imread gives.  libjpeg fills what is missing with grey and only warns; here damage is an error,
 * since filler would pass for specimen.  An EXIF orientation is not applied: a place in
 * the picture is a place on the specimen, as the detector wrote it.
 */
#include "io/codec.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants FILE declared */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file may hold any number of scans, each of which costs a pass over the picture; real ones have ten. */
#define MAX_SCANS 200

struct jpeg_job {
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr manager;
	struct jpeg_source_mgr source;
	struct jpeg_progress_mgr progress;
	jmp_buf jump;
	char what[JMSG_LENGTH_MAX];
	struct em_blob blob;
	struct em_array array;
};

static bool jpeg_probe(const unsigned char *head, size_t n)
{
	return n >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

static void on_error(j_common_ptr info)
{
	struct jpeg_job *job = info->client_data;

	info->err->format_message(info, job->what);
	longjmp(job->jump, 1);
}

/* Which warnings mean that pixels were made up. */
static void on_message(j_common_ptr info, int level)
{
	if (level >= 0)
		return;
	switch (info->err->msg_code) {
	case JWRN_JPEG_EOF:
	case JWRN_HIT_MARKER:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_ARITH_BAD_CODE:
	case JWRN_MUST_RESYNC:
		on_error(info);
	}
}

static void no_output(j_common_ptr info)
{
	(void)info;
}

static void on_progress(j_common_ptr info)
{
	struct jpeg_job *job = info->client_data;

	if (job->info.input_scan_number > MAX_SCANS)
		ERREXIT(info, JERR_BAD_PROGRESSION);
}

static void source_nothing(j_decompress_ptr info)
{
	(void)info;
}

/* All bytes were handed over at the start: to be asked for more is to be at the end of a cut file. */
static boolean source_fill(j_decompress_ptr info)
{
	ERREXIT(info, JERR_INPUT_EOF);
	return FALSE;
}

static void source_skip(j_decompress_ptr info, long n)
{
	if (n <= 0)
		return;
	if ((size_t)n > info->src->bytes_in_buffer)
		ERREXIT(info, JERR_INPUT_EOF);
	info->src->next_input_byte += n;
	info->src->bytes_in_buffer -= (size_t)n;
}

/* From here on errors jump to job->jump, which the caller has set. */
static void begin(struct jpeg_job *job, struct em_blob blob)
{
	jpeg_create_decompress(&job->info);
	job->info.client_data = job;
	job->source = (struct jpeg_source_mgr){
		.next_input_byte = blob.data,
		.bytes_in_buffer = blob.size,
		.init_source = source_nothing,
		.fill_input_buffer = source_fill,
		.skip_input_data = source_skip,
		.resync_to_restart = jpeg_resync_to_restart,
		.term_source = source_nothing,
	};
	job->info.src = &job->source;
	job->progress.progress_monitor = on_progress;
	job->info.progress = &job->progress;
	jpeg_read_header(&job->info, TRUE);
}

static void set_handlers(struct jpeg_job *job)
{
	job->info.err = jpeg_std_error(&job->manager);
	job->info.client_data = job;
	job->manager.error_exit = on_error;
	job->manager.emit_message = on_message;
	job->manager.output_message = no_output;
}

static int check_header(const struct jpeg_job *job, struct em_error *err)
{
	const struct jpeg_decompress_struct *info = &job->info;

	if (info->jpeg_color_space != JCS_GRAYSCALE && info->jpeg_color_space != JCS_YCbCr &&
	    info->jpeg_color_space != JCS_RGB)
		return em_error_set(err, EM_ERROR_DATA,
		                    "JPEG: %d colour components (CMYK?) are not supported: convert to grey or "
		                    "RGB first",
		                    info->num_components);
	if (em_codec_check_claim(EM_U8, info->image_height, info->image_width, job->blob.size, err))
		return em_error_prefix(err, "JPEG: ");
	return 0;
}

static int decode(struct jpeg_job *job, struct em_error *err)
{
	struct jpeg_decompress_struct *info = &job->info;

	if (check_header(job, err))
		return -1;
	info->out_color_space = JCS_GRAYSCALE;
	info->dct_method = JDCT_ISLOW;
	jpeg_start_decompress(info);
	if (em_array_alloc_image(&job->array, EM_U8, info->output_height, info->output_width, err))
		return -1;
	while (info->output_scanline < info->output_height) {
		size_t at = (size_t)info->output_scanline * info->output_width;
		JSAMPROW row = (unsigned char *)job->array.data + at;

		jpeg_read_scanlines(info, &row, 1);
	}
	jpeg_finish_decompress(info);
	return em_codec_check_rest(job->blob, job->blob.size - info->src->bytes_in_buffer, err);
}

/* libjpeg's jumps end here: 0, or -1 with *err set.  The job is the caller's and survives them. */
static int guard(struct jpeg_job *job, struct em_blob blob, bool header_only, struct em_error *err)
{
	if (setjmp(job->jump))
		return em_error_set(err, EM_ERROR_DATA, "JPEG: %s", job->what);
	begin(job, blob);
	return header_only ? check_header(job, err) : decode(job, err);
}

/* Header only where a is NULL, else all of it into *a. */
static int run(struct em_blob blob, struct em_array *a, struct em_error *err)
{
	struct jpeg_job job = {.blob = blob};
	int rc;

	set_handlers(&job);
	rc = guard(&job, blob, !a, err);
	jpeg_destroy_decompress(&job.info);
	if (!rc && a)
		*a = job.array;
	else
		em_array_release(&job.array);
	return rc;
}

static int jpeg_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct em_blob *mine;

	if (run(file->blob, NULL, err))
		return -1;
	mine = malloc(sizeof(*mine));
	if (!mine)
		return em_error_memory(err, sizeof(*mine));
	*mine = file->blob;
	*state = mine;
	*frames = 1;
	return 0;
}

static int jpeg_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta,
                           struct em_error *err)
{
	(void)frame;
	(void)meta;
	return run(*(const struct em_blob *)state, a, err);
}

static void jpeg_close(void *state)
{
	free(state);
}

const struct em_codec em_codec_jpeg = {
	.name = "jpeg",
	.extensions = "jpg jpeg",
	.probe = jpeg_probe,
	.open = jpeg_open,
	.read = jpeg_read_frame,
	.close = jpeg_close,
};
