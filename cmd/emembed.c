/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each picture gets its embedding: a vector by which emclassify compares it with others. */
#include "cli/cli.h"

#include "vision/encoder.h"
#include "vision/pretrained.h"

#include <stdio.h>
#include <string.h>

static int set_record(const struct em_encoder *e, struct em_sample *s, struct em_error *err)
{
	struct em_text json = {0};
	int status;

	em_text_append(&json, "{\"encoder\":");
	em_json_put_string(&json, e->name);
	em_text_printf(&json, ",\"sha256\":\"%s\",\"dim\":%zu", e->digest, e->dim);
	if (e->weights)
		em_text_printf(&json, ",\"weights\":\"%s\"", e->weights);
	if (e->precision)
		em_text_printf(&json, ",\"precision\":\"%s\"", e->precision);
	em_text_append(&json, "}");
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

/* "em-small spectral pixels": the option's choices are the library's table. */
static void list_encoders(char *names, size_t size)
{
	const struct em_encoder_kind *kind;
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; (kind = em_encoder_kind_at(i)) && used < size; i++)
		used += (size_t)snprintf(names + used, size - used, "%s%s", i > 0 ? " " : "", kind->name);
}

static bool is_file(const char *name)
{
	static const char end[] = ".safetensors";
	size_t n = strlen(name);

	return strchr(name, '/') || (n >= sizeof(end) && !strcmp(name + n - (sizeof(end) - 1), end));
}

/* A thread for each picture of the batch that runs and of the one that fills; the network runs in no more than were
 * asked for. */
static void prepare(struct em_cli *cli, const struct em_encoder *e)
{
	if (e->batch > 1)
		cli->threads *= 2 * e->batch;
	em_cli_say(cli, "%s: %zu numbers a picture, %zu pictures at a time%s%s", e->name, e->dim, e->batch,
	           e->precision ? ", in " : "", e->precision ? e->precision : "");
}

static struct em_encoder *make_encoder(struct em_cli *cli, const char *name, struct em_pretrained_options *o,
                                       struct em_error *err)
{
	o->threads = cli->threads;
	if (is_file(name))
		return em_pretrained_open(name, o, err);
	if (o->input_size || o->scaling || o->mean || o->std || o->layer) {
		em_error_set(err, EM_ERROR_USAGE, "--input-size, --scaling, --mean, --std and --layer are for an "
		                                  "encoder from a file");
		return NULL;
	}
	return em_encoder_new(name, o->precision, err);
}

int main(int argc, char **argv)
{
	const char *name = em_encoder_kind_at(0)->name;
	struct em_pretrained_options o = {0};
	int precision = 0;
	char names[256];
	const struct em_option table[] = {
	        {'e', "encoder", "NAME", "what makes the embedding: the first is the default; or FILE.safetensors",
	         EM_OPTION_STRING, &name, names},
	        {0, "input-size", "PX", "edge of the network's input", EM_OPTION_SIZE, &o.input_size},
	        {0, "scaling", "HOW", "values before mean and std: by the type's range, the picture's, or standardised",
	         EM_OPTION_STRING, &o.scaling, "type range standard"},
	        {0, "mean", "V,V,V", "subtracted from the three channels", EM_OPTION_STRING, &o.mean},
	        {0, "std", "V,V,V", "what they are divided by", EM_OPTION_STRING, &o.std},
	        {0, "layer", "NAME", "where the embedding is taken", EM_OPTION_STRING, &o.layer},
	        {0, "precision", "P", "numbers that the network works with", EM_OPTION_CHOICE, &precision,
	         "auto fp32 bf16 int8"},
	        {0}};
	const struct em_tool tool = {.name = "emembed",
	                             .purpose = "Give each picture its embedding: numbers that tell textures apart.",
	                             .operands = "[FILE...]",
	                             .example = "emchip -s 64 a.tif | emembed >embedded.tar\n"
	                                        "emembed -e pixels chips.tar | emclassify -S support.json >map.tar\n"
	                                        "emembed -e resnet50.safetensors chips.tar >embedded.tar",
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
	o.precision = (enum em_precision)precision;
	encoder = make_encoder(&cli, name, &o, &err);
	if (encoder)
		prepare(&cli, encoder);
	status = encoder ? em_filter_run(&cli, work, encoder) : em_cli_end(&cli, em_cli_fail(&cli, NULL, &err));
	em_encoder_free(encoder);
	return status;
}
