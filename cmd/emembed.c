/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each picture gets its embedding: a vector by which emclassify compares it with others. */
#include "cli/cli.h"

#include "vision/encoder.h"

#include <stdio.h>
#include <string.h>

static int set_record(const struct em_encoder *e, struct em_sample *s, struct em_error *err)
{
	struct em_text json = {0};
	int status;

	em_text_append(&json, "{\"encoder\":");
	em_json_put_string(&json, e->name);
	em_text_printf(&json, ",\"sha256\":\"%s\",\"dim\":%zu}", e->digest, e->dim);
	status = em_record_set_text(&s->record, "embedding", &json, err);
	em_text_release(&json);
	return status;
}

static int work(void *ctx, struct em_sample *s, struct em_error *err)
{
	const struct em_encoder *e = ctx;
	struct em_array image, vector = {0};
	int status;

	if (em_sample_image(s, &image, err))
		return -1;
	status = em_array_alloc(&vector, EM_F32, 1, &e->dim, err);
	if (status == 0)
		status = e->encode(e, &image, vector.data, err);
	if (status == 0)
		status = em_sample_set_array(s, "embedding", &vector, err);
	if (status == 0)
		status = set_record(e, s, err);
	em_array_release(&vector);
	em_array_release(&image);
	return status;
}

/* "spectral pixels": the option's choices are the library's table. */
static void list_encoders(char *names, size_t size)
{
	const struct em_encoder_kind *kind;
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; (kind = em_encoder_kind_at(i)) && used < size; i++)
		used += (size_t)snprintf(names + used, size - used, "%s%s", i > 0 ? " " : "", kind->name);
}

int main(int argc, char **argv)
{
	int choice = 0;
	char names[256];
	const struct em_option table[] = {
	        {'e', "encoder", "NAME", "what makes the embedding; the first is the default", EM_OPTION_CHOICE,
	         &choice, names},
	        {0}};
	const struct em_tool tool = {.name = "emembed",
	                             .purpose = "Give each picture its embedding: numbers that tell textures apart.",
	                             .operands = "[FILE...]",
	                             .example = "emchip -s 64 a.tif | emembed >embedded.tar\n"
	                                        "emembed -e pixels chips.tar | emclassify -S support.json >map.tar",
	                             .options = table,
	                             .common = EM_COMMON_FILTER};
	struct em_error err = {0};
	struct em_encoder *encoder;
	struct em_cli cli;
	int status;

	list_encoders(names, sizeof(names));
	status = em_cli_begin(&cli, &tool, argc, argv);
	if (status >= 0)
		return status;
	encoder = em_encoder_new(em_encoder_kind_at((size_t)choice)->name, &err);
	status = encoder ? em_filter_run(&cli, work, encoder) : em_cli_end(&cli, em_cli_fail(&cli, NULL, &err));
	em_encoder_free(encoder);
	return status;
}
