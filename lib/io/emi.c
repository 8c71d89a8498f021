/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMI files: the series of all SER files that lie beside one, each a data set. */
#include "io/emi.h"

#include "io/codec.h"
#include "io/ser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS_TRIED 9 /* at least, where the EMI names none */
#define MAX_NAME 512

struct set {
	struct em_ser ser;
	struct em_xml *about;  /* owned; NULL: nothing is said */
	size_t first;          /* of its frames, in the whole */
	struct em_place place; /* of that one; `sets` is known in the end */
};

struct state {
	struct set *set; /* owned */
	size_t sets, frames;
};

static void emi_close(void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < s->sets; i++)
		em_xml_free(s->set[i].about);
	free(s->set);
	free(s);
}

/* "NAME_3.ser" of "NAME.emi". */
static int name_ser(const struct em_file *file, size_t number, char *name, struct em_error *err)
{
	const char *emi = em_file_name(file), *dot = strrchr(emi, '.');
	int n = (int)(dot ? dot - emi : (ptrdiff_t)strlen(emi));

	if (snprintf(name, MAX_NAME, "%.*s_%zu.ser", n, emi, number) >= MAX_NAME)
		return em_error_set(err, EM_ERROR_DATA, "EMI: the name of the file is too long");
	return 0;
}

static int add_set(struct state *s, const struct em_emi *emi, size_t number, struct em_blob blob, const char *name,
                   struct em_error *err)
{
	struct set *sets = realloc(s->set, (s->sets + 1) * sizeof(*sets));
	struct set fresh = {.first = s->frames, .place.set = s->sets};

	if (!sets)
		return em_error_memory(err, (s->sets + 1) * sizeof(*sets));
	s->set = sets;
	if (em_ser_open(&fresh.ser, blob, err))
		return em_error_prefix(err, "EMI: %s: ", name);
	if (em_emi_describe(emi, number, &fresh.about, err))
		return -1;
	em_ser_describe(&fresh.ser, fresh.about);
	fresh.place.count = em_ser_frames(&fresh.ser);
	em_place_set_name(&fresh.place, name, strlen(name));
	s->frames += fresh.place.count;
	s->set[s->sets++] = fresh;
	return 0;
}

static int find_sets(struct state *s, struct em_file *file, const struct em_emi *emi, struct em_error *err)
{
	size_t wanted = emi->last > SETS_TRIED ? emi->last : SETS_TRIED;
	bool found = true;
	char name[MAX_NAME];

	for (size_t number = 1; number <= EM_EMI_MAX_SETS && (number <= wanted || found); number++) {
		struct em_blob blob;

		if (name_ser(file, number, name, err))
			return -1;
		found = em_file_beside(file, name, &blob);
		if (found && add_set(s, emi, number, blob, name, err))
			return -1;
	}
	if (s->sets)
		return 0;
	if (!file->path)
		return em_error_set(err, EM_ERROR_DATA,
		                    "EMI: the data are in SER files beside it: give the file by its name");
	if (name_ser(file, 1, name, err))
		return -1;
	return em_error_set(err, EM_ERROR_DATA, "EMI: the data are not there: put %s into the same folder", name);
}

static int emi_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct state *s = calloc(1, sizeof(*s));
	struct em_emi emi;
	int status;

	if (!s)
		return em_error_memory(err, sizeof(*s));
	status = em_emi_open(&emi, file->blob, err);
	if (!status) {
		status = find_sets(s, file, &emi, err);
		em_emi_release(&emi);
	}
	if (status) {
		emi_close(s);
		return -1;
	}
	*state = s;
	*frames = s->frames;
	return 0;
}

static const struct set *find_set(const struct state *s, size_t frame)
{
	const struct set *set = s->set + s->sets - 1;

	while (set->first > frame)
		set--;
	return set;
}

static int emi_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct set *set = find_set(state, frame);

	return em_ser_read(&set->ser, frame - set->first, a, meta, err);
}

static void emi_locate(void *state, size_t frame, struct em_place *place)
{
	const struct state *s = state;
	const struct set *set = find_set(s, frame);

	*place = set->place;
	place->sets = s->sets;
	place->index = frame - set->first;
}

static int emi_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct set *set = find_set(state, frame);

	return em_ser_put_json(&set->ser, set->about, frame - set->first, json, err);
}

const struct em_codec em_codec_emi = {
	.name = "emi",
	.extensions = "emi",
	.probe = em_emi_probe,
	.open = emi_open,
	.read = emi_read,
	.close = emi_close,
	.locate = emi_locate,
	.tags = emi_tags,
};
