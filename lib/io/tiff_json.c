/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tags of a page as JSON. */
#include "io/tiff_vendor.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define BUDGET ((size_t)1 << 20) /* bytes of values spelled out: entries of a hostile file may all name the same */

static const struct {
	unsigned tag;
	const char *name;
} names[] = {
    {254, "NewSubfileType"}, {256, "ImageWidth"},
    {257, "ImageLength"},    {258, "BitsPerSample"},
    {259, "Compression"},    {262, "PhotometricInterpretation"},
    {269, "DocumentName"},   {270, "ImageDescription"},
    {271, "Make"},           {272, "Model"},
    {274, "Orientation"},    {277, "SamplesPerPixel"},
    {278, "RowsPerStrip"},   {282, "XResolution"},
    {283, "YResolution"},    {284, "PlanarConfiguration"},
    {285, "PageName"},       {296, "ResolutionUnit"},
    {297, "PageNumber"},     {305, "Software"},
    {306, "DateTime"},       {315, "Artist"},
    {316, "HostComputer"},   {317, "Predictor"},
    {322, "TileWidth"},      {323, "TileLength"},
    {339, "SampleFormat"},   {33432, "Copyright"},
};

static const char *const gatan[EM_TIFF_GATAN_END - EM_TIFF_GATAN] = {
    [3] = "UnitsX",           [4] = "UnitsY",
    [5] = "UnitsZ",           [6] = "OriginX",
    [7] = "OriginY",          [8] = "OriginZ",
    [9] = "ScaleX",           [10] = "ScaleY",
    [11] = "ScaleZ",          [12] = "UnitsNameX",
    [13] = "UnitsNameY",      [14] = "UnitsNameZ",
    [22] = "IntensityUnits",  [23] = "IntensityUnitsName",
    [24] = "IntensityOrigin", [25] = "IntensityScale",
};

static bool is_place_of_pixels(unsigned tag)
{
	static const unsigned places[] = {273, 279, 288, 289, 320, 324, 325, 330, 347};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (tag == places[i])
			return true;
	return false;
}

/* ---- texts ---- */

static void put_named_text(struct em_text *json, struct em_span name, struct em_span text)
{
	em_json_put_comma(json);
	em_span_put_json(name, json);
	em_text_append(json, ":");
	em_span_put_json(text, json);
}

/* {"section":{"key":"value"}} */
static void put_ini(struct em_text *json, struct em_span rest)
{
	struct em_span line, key, value;
	bool inside = false;

	em_text_append(json, "{");
	while (em_span_next_line(&rest, &line)) {
		if (line.n > 2 && line.s[0] == '[' && line.s[line.n - 1] == ']') {
			em_text_append(json, inside ? "}" : "");
			em_json_put_comma(json);
			em_span_put_json((struct em_span){line.s + 1, line.n - 2}, json);
			em_text_append(json, ":{");
			inside = true;
		} else if (inside && em_span_split(line, "=", &key, &value)) {
			put_named_text(json, key, value);
		}
	}
	em_text_append(json, inside ? "}}" : "}");
}

static bool is_parameter(struct em_span line)
{
	return line.n > 3 && line.s[2] == '_' && line.s[0] >= 'A' && line.s[0] <= 'Z';
}

/* {"AP_MAG":"50.00 K X"}; the numbers at the front are "". */
static void put_zeiss(struct em_text *json, struct em_span rest)
{
	struct em_span line, title, value;
	double numbers[64];
	size_t n = 0;
	struct em_text parameters = {0};

	while (em_span_next_line(&rest, &line)) {
		if (is_parameter(line)) {
			struct em_span name = line;

			if (em_span_next_line(&rest, &line) && em_span_split(line, "=:", &title, &value))
				put_named_text(&parameters, name, value);
		} else if (n < sizeof(numbers) / sizeof(numbers[0]) && em_span_number(line, &numbers[n], NULL)) {
			n++;
		}
	}
	em_text_append(json, "{");
	em_json_put_name(json, "");
	em_json_put_numbers(json, numbers, n);
	em_text_append(json, parameters.len ? "," : "");
	em_text_append(json, em_text_get(&parameters));
	em_text_append(json, "}");
	json->failed = json->failed || parameters.failed;
	em_text_release(&parameters);
}

/* ---- values ---- */

static const char *type_name(unsigned type)
{
	static const char *const type_names[] = {
	    [1] = "uint8",   [2] = "uint8",   [3] = "uint16", [4] = "uint32",    [5] = "rational", [6] = "int8",
	    [7] = "uint8",   [8] = "int16",   [9] = "int32",  [10] = "rational", [11] = "float32", [12] = "float64",
	    [13] = "uint32", [16] = "uint64", [17] = "int64", [18] = "uint64",
	};

	return type_names[type];
}

static void put_number(struct em_text *json, const struct em_tiff_value *value, uint64_t i)
{
	double v;

	if (em_tiff_value_number(value, i, &v))
		em_json_put_number(json, v);
	else
		em_text_append(json, "null");
}

static void put_numbers(struct em_text *json, const struct em_tiff_value *value)
{
	if (value->count == 1) {
		put_number(json, value, 0);
		return;
	}
	em_text_append(json, "[");
	for (uint64_t i = 0; i < value->count; i++) {
		em_json_put_comma(json);
		put_number(json, value, i);
	}
	em_text_append(json, "]");
}

static void put_value(struct em_text *json, const struct em_tiff_value *value, size_t *budget)
{
	uint64_t bytes = value->count * em_tiff_type_size(value->type);
	const unsigned char *end;
	size_t n;
	bool text = value->type == EM_TIFF_ASCII;

	if (bytes > *budget || (!text && value->count > EM_TAGS_ARRAY)) {
		em_text_printf(json, "{\"array\":\"%s\",\"size\":%llu}", type_name(value->type),
		               (unsigned long long)value->count);
		return;
	}
	*budget -= (size_t)bytes;
	if (!text) {
		put_numbers(json, value);
		return;
	}
	end = value->count ? memchr(value->bytes, 0, (size_t)value->count) : NULL;
	n = end ? (size_t)(end - value->bytes) : (size_t)value->count;
	em_span_put_json((struct em_span){(const char *)value->bytes, n}, json);
}

static void put_name(struct em_text *json, unsigned tag)
{
	char number[16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].tag == tag) {
			em_json_put_name(json, names[i].name);
			return;
		}
	snprintf(number, sizeof(number), "%u", tag);
	em_json_put_name(json, number);
}

static bool is_gatan(unsigned tag)
{
	return tag >= EM_TIFF_GATAN && tag < EM_TIFF_GATAN_END;
}

static void put_gatan(const struct em_tiff_directory *page, struct em_text *json, size_t *budget)
{
	struct em_tiff_value value;
	bool any = false;

	for (unsigned tag = EM_TIFF_GATAN; tag < EM_TIFF_GATAN_END; tag++) {
		const char *name = gatan[tag - EM_TIFF_GATAN];

		if (!em_tiff_find(page, tag, &value))
			continue;
		if (!any) {
			em_json_put_name(json, "Gatan");
			em_text_append(json, "{");
		}
		any = true;
		if (name)
			em_json_put_name(json, name);
		else
			put_name(json, tag);
		put_value(json, &value, budget);
	}
	em_text_append(json, any ? "}" : "");
}

static void put_block(const struct em_tiff_directory *page, unsigned tag, const char *name,
                      void (*put)(struct em_text *, struct em_span), struct em_text *json)
{
	struct em_span text = em_tiff_text(page, tag);

	if (!text.n)
		return;
	em_json_put_name(json, name);
	put(json, text);
}

static void put_binary(const struct em_tiff_directory *page, const char *name,
                       bool (*put)(const struct em_tiff_directory *, struct em_text *), struct em_text *json)
{
	struct em_text object = {0};

	if (put(page, &object)) {
		em_json_put_name(json, name);
		em_text_append(json, em_text_get(&object));
	}
	json->failed = json->failed || object.failed;
	em_text_release(&object);
}

void em_tiff_put_tags(const struct em_tiff_directory *page, struct em_text *json)
{
	struct em_tiff_value value;
	const char *xml;
	size_t budget = BUDGET;

	em_text_append(json, "{");
	xml = em_tiff_xml_tags(page, json);
	put_block(page, EM_TIFF_FEI_SFEG, "FEI", put_ini, json);
	put_block(page, EM_TIFF_FEI_HELIOS, "FEI", put_ini, json);
	put_block(page, EM_TIFF_ZEISS, "Zeiss", put_zeiss, json);
	put_block(page, EM_TIFF_SIS_INI, "SIS ini", put_ini, json);
	put_binary(page, "TVIPS", em_tiff_tvips_tags, json);
	put_binary(page, "SIS", em_tiff_sis_tags, json);
	for (uint64_t i = 0; i < page->entries && i <= UINT16_MAX; i++) {
		if (!em_tiff_directory_value(page, i, &value) || is_place_of_pixels(value.tag) || is_gatan(value.tag) ||
		    (value.tag == EM_TIFF_DESCRIPTION && xml) || value.tag == EM_TIFF_FEI_SFEG ||
		    value.tag == EM_TIFF_FEI_HELIOS || value.tag == EM_TIFF_ZEISS || value.tag == EM_TIFF_SIS_INI)
			continue;
		put_name(json, value.tag);
		put_value(json, &value, &budget);
	}
	put_gatan(page, json, &budget);
	em_text_append(json, "}");
}
