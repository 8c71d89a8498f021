/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/meta.h"

#include "base/json.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 256
#define YEAR_10000 253402300800.0 /* in seconds since 1970 */

void em_meta_put_number(struct em_text *members, const char *name, double v)
{
	if (!isfinite(v))
		return;
	em_json_put_name(members, name);
	em_json_put_number(members, v);
}

void em_meta_put_bytes(struct em_text *members, const char *name, const unsigned char *bytes, size_t n)
{
	const unsigned char *end = memchr(bytes, 0, n);
	char text[TEXT_MAX];

	n = end ? (size_t)(end - bytes) : n;
	while (n && *bytes == ' ') {
		bytes++;
		n--;
	}
	while (n && bytes[n - 1] == ' ')
		n--;
	if (!n || n >= sizeof(text) || !em_utf8_is_valid((const char *)bytes, n))
		return;
	memcpy(text, bytes, n);
	text[n] = '\0';
	em_json_put_name(members, name);
	em_json_put_string(members, text);
}

void em_meta_put_date(struct em_text *members, const char *name, double seconds, bool utc)
{
	char text[40];
	struct tm tm;
	time_t t;

	if (!(seconds > 0 && seconds < YEAR_10000))
		return;
	t = (time_t)(seconds + 0.5);
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	em_json_put_name(members, name);
	em_json_put_string(members, text);
}

void em_meta_put_stack(struct em_text *list, size_t index, size_t size, const struct em_axis *axis)
{
	em_json_put_comma(list);
	em_text_append(list, "{");
	em_json_put_name(list, "index");
	em_json_put_number(list, (double)index);
	em_json_put_name(list, "size");
	em_json_put_number(list, (double)size);
	em_json_put_name(list, "scale");
	em_json_put_number(list, axis->scale);
	em_json_put_name(list, "offset");
	em_json_put_number(list, axis->offset);
	em_json_put_name(list, "units");
	em_json_put_string(list, axis->units);
	em_text_append(list, "}");
}

int em_meta_set_stack(struct em_record *meta, struct em_text *list, struct em_error *err)
{
	struct em_text json = {0};
	int status;

	json.failed = list->failed;
	em_text_printf(&json, "[%s]", em_text_get(list));
	status = em_record_set_text(meta, "stack", &json, err);
	em_text_release(&json);
	em_text_release(list);
	return status;
}

int em_meta_set(struct em_record *meta, const char *group, struct em_text *members, struct em_error *err)
{
	struct em_text object = {0};
	int status = 0;

	object.failed = members->failed;
	if (members->len || members->failed) {
		em_text_printf(&object, "{%s}", em_text_get(members));
		status = em_record_set_text(meta, group, &object, err);
	}
	em_text_release(&object);
	em_text_release(members);
	return status;
}
