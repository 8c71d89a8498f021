/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading XML: a flat tree of elements (expat inside), for metadata.  Document types, and with them entities of one's
 * own, are refused; depth, nodes and bytes are bounded.  Texts come out as UTF-8, whatever the encoding (UTF-8, UTF-16,
 * ISO-8859-1, ASCII); where none is declared, bytes that are not UTF-8 are taken for Latin-1.  Names are as written,
 * with their prefix.  Nodes belong to the tree they were reached from.
 */
#ifndef EM_IO_XML_H
#define EM_IO_XML_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_XML_MAX_BYTES ((size_t)64 << 20)
#define EM_XML_MAX_NODES ((size_t)1 << 20) /* elements and attributes */
#define EM_XML_MAX_DEPTH 30                /* as JSON up to twice as deep: base/json.h still reads it */

struct em_xml;
struct em_xml_node;

/* One document of n bytes.  EM_ERROR_DATA tells what is wrong on which line. */
int em_xml_parse(struct em_xml **x, const unsigned char *bytes, size_t n, struct em_error *err);
/* The same of what is from the first '<' to the last '>': for ASCII or UTF-8 in a field that is padded. */
int em_xml_parse_padded(struct em_xml **x, const unsigned char *bytes, size_t n, struct em_error *err);
void em_xml_free(struct em_xml *x); /* NULL is none */

/*
 * The element at a path of names with '/' between ("Scan/Size"), below `from`; the first of that name on each level.
 * from == NULL: below the root; an empty path is `from` itself.  NULL where absent.
 */
const struct em_xml_node *em_xml_find(const struct em_xml *x, const struct em_xml_node *from, const char *path);
/* Its own text without that of its children, blanks at both ends cut; "" where absent. */
const char *em_xml_text(const struct em_xml *x, const struct em_xml_node *from, const char *path);
/* The text as one finite decimal number; false, *v untouched, where it is none or absent. */
bool em_xml_number(const struct em_xml *x, const struct em_xml_node *from, const char *path, double *v);

const char *em_xml_name(const struct em_xml_node *node);
const char *em_xml_attribute(const struct em_xml_node *node, const char *name); /* NULL: none */
/* Child elements in their order; NULL at the end. */
const struct em_xml_node *em_xml_first(const struct em_xml_node *node);
const struct em_xml_node *em_xml_next(const struct em_xml_node *node);

/*
 * Append as JSON: a string where there is but text, else an object of the children, those of the same name as one
 * array; attributes are "@name", text beside them is "#text".
 */
void em_xml_put_json(const struct em_xml_node *node, struct em_text *out);

#endif
