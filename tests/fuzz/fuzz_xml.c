/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as XML: a tree that can be walked and becomes JSON that our own reader takes, or a reason. */
#include "base/json.h"
#include "io/xml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every element reached, in order, without recursion: the first child, or the next of the nearest that has one. */
static void walk(const struct em_xml *x)
{
	const struct em_xml_node *stack[EM_XML_MAX_DEPTH] = {em_xml_find(x, NULL, "")};
	size_t depth = 1;

	while (depth) {
		const struct em_xml_node *node = stack[depth - 1], *child = em_xml_first(node);
		double v;

		if (!em_xml_name(node) || !*em_xml_name(node))
			abort();
		em_xml_number(x, node, "", &v);
		if (em_xml_attribute(node, ""))
			abort();
		if (child && em_xml_find(x, node, em_xml_name(child)) != child)
			abort();
		stack[depth - 1] = depth > 1 ? em_xml_next(node) : NULL;
		if (!stack[depth - 1])
			depth--;
		if (child)
			stack[depth++] = child;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_error err = {0};
	struct em_text out = {0};
	struct em_json *json;
	struct em_xml *x;

	if (em_xml_parse_padded(&x, data, size, &err)) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	walk(x);
	em_xml_put_json(em_xml_find(x, NULL, ""), &out);
	json = em_json_parse(out.s, out.len, NULL);
	if (!json)
		abort();
	em_json_free(json);
	em_text_release(&out);
	em_xml_free(x);
	return 0;
}
