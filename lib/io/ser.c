/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SER files by themselves, with what the EMI file beside one says of it. */
#include "io/ser.h"

#include "io/bytes.h"
#include "io/codec.h"
#include "io/emi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the native metadata, under the names that TIA's documentation has ---- */

static void put_number(struct em_text *json, const char *name, double v)
{
	em_json_put_name(json, name);
	em_json_put_number(json, v);
}

static void put_text(struct em_text *json, const char *name, const struct em_ser_text *text)
{
	char s[EM_META_TEXT] = "";

	em_meta_set_bytes(s, text->bytes, text->n);
	em_json_put_name(json, name);
	em_json_put_string(json, s);
}

static void put_calibration(struct em_text *json, const struct em_ser_calibration *c)
{
	put_number(json, "CalibrationOffset", c->offset);
	put_number(json, "CalibrationDelta", c->delta);
	put_number(json, "CalibrationElement", c->element);
}

static void put_header(struct em_text *json, const struct em_ser *s)
{
	em_json_put_name(json, "Header");
	em_text_append(json, "{");
	put_number(json, "SeriesVersion", em_bytes_u16(s->blob.data + 4, false));
	put_number(json, "DataTypeID", em_bytes_u32(s->blob.data + 6, false));
	put_number(json, "TagTypeID", s->tags);
	put_number(json, "TotalNumberElements", (double)s->total);
	put_number(json, "ValidNumberElements", (double)s->valid);
	put_number(json, "OffsetArrayOffset", (double)(s->offsets - s->blob.data));
	em_json_put_name(json, "Dimensions");
	em_text_append(json, "[");
	for (size_t i = 0; i < s->dims; i++) {
		em_json_put_comma(json);
		em_text_append(json, "{");
		put_number(json, "DimensionSize", (double)s->dim[i].size);
		put_calibration(json, &s->dim[i].calibration);
		put_text(json, "Description", &s->dim[i].description);
		put_text(json, "Units", &s->dim[i].units);
		em_text_append(json, "}");
	}
	em_text_append(json, "]}");
}

static void put_element(struct em_text *json, const struct em_ser *s, const struct em_ser_element *e)
{
	em_json_put_name(json, "Element");
	em_text_append(json, "{\"Calibration\":[{");
	put_calibration(json, &e->x);
	if (s->images) {
		em_text_append(json, "},{");
		put_calibration(json, &e->y);
	}
	em_text_append(json, "}]");
	put_number(json, "DataType", e->type);
	em_json_put_name(json, "ArraySize");
	em_json_put_numbers(json, (double[]){(double)e->width, (double)e->height}, s->images ? 2 : 1);
	em_text_append(json, "}");
}

static void put_tag(struct em_text *json, const struct em_ser *s, const unsigned char *tag)
{
	em_json_put_name(json, "Tag");
	em_text_append(json, "{");
	put_number(json, "TagTypeID", s->tags);
	em_json_put_name(json, "Time"); /* seconds are more digits than a number of JSON has here */
	em_text_printf(json, "%lu", (unsigned long)em_bytes_u32(tag + 4, false));
	if (s->tags == EM_SER_POSITIONS) {
		put_number(json, "PositionX", em_bytes_f64(tag + 8, false));
		put_number(json, "PositionY", em_bytes_f64(tag + 16, false));
	}
	em_text_append(json, "}");
}

int em_ser_put_json(const struct em_ser *s, const struct em_xml *about, size_t frame, struct em_text *json,
                    struct em_error *err)
{
	struct em_ser_element e;
	const unsigned char *tag = em_ser_find_tag(s, frame);

	if (em_ser_find_element(s, frame, &e, err))
		return -1;
	em_text_append(json, "{");
	put_header(json, s);
	put_element(json, s, &e);
	if (tag)
		put_tag(json, s, tag);
	if (about) {
		em_json_put_name(json, "ObjectInfo");
		em_xml_put_json(em_xml_find(about, NULL, ""), json);
	}
	em_text_append(json, "}");
	return em_text_check(json, err);
}

/* ---- the codec ---- */

struct state {
	struct em_ser ser;
	struct em_xml *about;
};

/* "NAME_12.ser": "NAME.emi" and 12; 0 where the name is another. */
static size_t split_name(const char *name, char *emi, size_t size)
{
	const char *mark = strrchr(name, '_');
	size_t number = 0, digits = mark ? strspn(mark + 1, "0123456789") : 0;

	if (!digits || digits > 3 || strcasecmp(mark + 1 + digits, ".ser") != 0)
		return 0;
	for (size_t i = 1; i <= digits; i++)
		number = 10 * number + (size_t)(mark[i] - '0');
	return (size_t)snprintf(emi, size, "%.*s.emi", (int)(mark - name), name) < size ? number : 0;
}

/* What the EMI says.  One that is missing or damaged takes nothing from the SER, which is whole without it. */
static struct em_xml *find_description(struct em_file *file)
{
	char name[512];
	size_t number = split_name(em_file_name(file), name, sizeof(name));
	struct em_xml *about = NULL;
	struct em_blob blob;
	struct em_emi emi;

	if (!number || !em_file_beside(file, name, &blob) || em_emi_open(&emi, blob, NULL))
		return NULL;
	if (em_emi_describe(&emi, number, &about, NULL))
		about = NULL;
	em_emi_release(&emi);
	return about;
}

static int ser_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct state *s = malloc(sizeof(*s));

	if (!s)
		return em_error_memory(err, sizeof(*s));
	if (em_ser_open(&s->ser, file->blob, err)) {
		free(s);
		return -1;
	}
	s->about = find_description(file);
	em_ser_describe(&s->ser, s->about);
	*state = s;
	*frames = em_ser_frames(&s->ser);
	return 0;
}

static int ser_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct state *s = state;

	return em_ser_read(&s->ser, frame, a, meta, err);
}

static int ser_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct state *s = state;

	return em_ser_put_json(&s->ser, s->about, frame, json, err);
}

static void ser_close(void *state)
{
	struct state *s = state;

	em_xml_free(s->about);
	free(s);
}

const struct em_codec em_codec_ser = {
	.name = "ser",
	.extensions = "ser",
	.probe = em_ser_probe,
	.open = ser_open,
	.read = ser_read,
	.close = ser_close,
	.tags = ser_tags,
};
