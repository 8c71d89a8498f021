/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/area_parts.h"

#include "base/json.h"
#include "io/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

static int read_polygon(struct em_area *area, const struct em_json *json, struct em_error *err)
{
	size_t n = em_json_is_array(json) ? em_json_size(json) : 0, i = 0;
	double(*corner)[2];
	int status = 0;

	if (n > EM_AREA_CORNERS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "a polygon of more than %d corners", EM_AREA_CORNERS_MAX);
	corner = malloc((n + 1) * sizeof(*corner));
	if (!corner)
		return em_error_memory(err, n * sizeof(*corner));
	for (const struct em_json *c = em_json_first(json); c && !status; c = em_json_next(c), i++)
		if (em_json_size(c) != 2 || em_json_numbers(c, corner[i], 2) != 2)
			status = em_error_set(err, EM_ERROR_DATA, "corner %zu of the polygon is not [x,y]", i + 1);
	if (!status)
		status = em_area_add_ring(area, (const double(*)[2])corner, n, err);
	free(corner);
	return status;
}

static int read_box(struct em_area *area, const struct em_json *json, struct em_error *err)
{
	double box[4], corner[4][2];

	if (em_json_size(json) != 4 || em_json_numbers(json, box, 4) != 4 || !(box[2] > 0 && box[3] > 0))
		return em_error_set(err, EM_ERROR_DATA, "the box is not [y,x,height,width] of some extent");
	em_area_box(box[1], box[0], box[3], box[2], corner);
	return em_area_add_ring(area, (const double(*)[2])corner, 4, err);
}

static int read_region(struct em_areas *set, const struct em_json *json, struct em_error *err)
{
	const struct em_json *polygon = em_json_get(json, "polygon"), *box = em_json_get(json, "box");
	const char *name = em_json_string(em_json_get(json, "name"));
	size_t k, before = set->count;

	if (!name)
		return em_error_set(err, EM_ERROR_DATA, "it has no \"name\"");
	if (em_areas_find(set, name, &k, err))
		return -1;
	if (k < before)
		return em_error_set(err, EM_ERROR_DATA, "\"%s\" is there already: take another name", name);
	if (!polygon == !box)
		em_error_set(err, EM_ERROR_DATA, "it needs a \"polygon\" or a \"box\", one of them");
	else if (polygon ? !read_polygon(&set->area[k], polygon, err) : !read_box(&set->area[k], box, err))
		return 0;
	return em_error_prefix(err, "\"%s\": ", name);
}

static int read_json(struct em_areas *set, const char *text, size_t len, struct em_error *err)
{
	struct em_json *json = em_json_parse(text, len, err);
	const struct em_json *regions = em_json_get(json, "regions");
	size_t n = 0;
	int status = json ? 0 : -1;

	if (json && (!em_json_is_array(regions) || !em_json_size(regions)))
		status = em_error_set(err, EM_ERROR_DATA,
		                      "no regions: write {\"regions\":[{\"name\":..,"
		                      "\"polygon\":[[x,y],..]},{\"name\":..,\"box\":[y,x,h,w]}]}");
	for (const struct em_json *r = em_json_first(regions); r && !status; r = em_json_next(r), n++)
		if (read_region(set, r, err))
			status = em_error_prefix(err, "region %zu: ", n + 1);
	em_json_free(json);
	return status;
}

/* ---- either ---- */

static ptrdiff_t give_bytes(void *ctx, const void **bytes, struct em_error *err)
{
	struct em_blob *rest = ctx;
	size_t n = rest->size;

	(void)err;
	*bytes = rest->data;
	rest->size = 0;
	return (ptrdiff_t)n;
}

/* What was read joins the set, or none of it. */
static int merge(struct em_areas *set, struct em_areas *fresh, struct em_error *err)
{
	struct em_area *grown;

	for (size_t i = 0; i < fresh->count; i++)
		for (size_t k = 0; k < set->count; k++)
			if (!strcmp(fresh->area[i].name, set->area[k].name))
				return em_error_set(err, EM_ERROR_DATA,
				                    "there is a region \"%s\" already: take another name",
				                    set->area[k].name);
	if (set->count + fresh->count > EM_AREAS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d regions", EM_AREAS_MAX);
	if (set->height > 0 && fresh->height > 0 && (set->height != fresh->height || set->width != fresh->width))
		return em_error_set(err, EM_ERROR_DATA, "it is of a picture of another size than the class map before");
	grown = realloc(set->area, (set->count + fresh->count) * sizeof(*grown));
	if (!grown)
		return em_error_memory(err, (set->count + fresh->count) * sizeof(*grown));
	memcpy(grown + set->count, fresh->area, fresh->count * sizeof(*grown));
	set->area = grown;
	set->count += fresh->count;
	set->capacity = set->count;
	if (fresh->height > 0) {
		set->height = fresh->height;
		set->width = fresh->width;
	}
	fresh->count = 0;
	return 0;
}

int em_areas_parse(struct em_areas *set, const void *bytes, size_t n, struct em_error *err)
{
	struct em_blob rest = {bytes, n};
	struct em_areas fresh = {0};
	size_t first = 0;
	int status;

	while (first < n && strchr(" \t\r\n", rest.data[first]) && rest.data[first])
		first++;
	if (em_stream_probe(bytes, n))
		status = em_areas_read_chips(&fresh, (struct em_byte_source){&rest, give_bytes}, err);
	else if (first < n && rest.data[first] == '{')
		status = read_json(&fresh, bytes, n, err);
	else
		status = em_error_set(err, EM_ERROR_DATA, "neither JSON nor a stream of classified chips");
	if (!status)
		status = merge(set, &fresh, err);
	em_areas_release(&fresh);
	return status;
}

int em_areas_read(struct em_areas *set, const char *path, struct em_error *err)
{
	struct em_blob blob;
	int status;

	status = em_blob_map(path, &blob, err);
	if (!status) {
		status = em_areas_parse(set, blob.size ? (const void *)blob.data : "", blob.size, err);
		em_blob_unmap(&blob);
	}
	return status ? em_error_prefix(err, "regions of %s: ", path) : 0;
}
