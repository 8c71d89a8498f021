/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dm_tags.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_END = 0, ENTRY_GROUP = 20, ENTRY_DATA = 21 };

#define MAX_FIELDS 64

static uint64_t get_big(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* A small number and two flags could begin other files as well (an MRC map 3 pixels wide): the first entry must fit. */
bool em_dm_probe(const unsigned char *head, size_t n)
{
	size_t root, entry, value;

	if (n < 28 || head[0] || head[1] || head[2] || (head[3] != 3 && head[3] != 4))
		return false;
	root = head[3] == 3 ? 12 : 16;
	entry = root + 2 + (head[3] == 3 ? 4 : 8);
	if (get_big(head + root - 4, 4) > 1 || head[root] > 1 || head[root + 1] > 1 || entry + 3 > n)
		return false;
	value = entry + 3 + (size_t)get_big(head + entry + 1, 2) + (head[3] == 3 ? 0 : 8);
	if (head[entry] == ENTRY_GROUP)
		return value + 2 > n || (head[value] <= 1 && head[value + 1] <= 1);
	return head[entry] == ENTRY_DATA && (value + 4 > n || !memcmp(head + value, "%%%%", 4));
}

size_t em_dm_type_size(unsigned type)
{
	static const unsigned char sizes[] = {
		[EM_DM_I16] = 2, [EM_DM_I32] = 4,  [EM_DM_U16] = 2, [EM_DM_U32] = 4, [EM_DM_F32] = 4, [EM_DM_F64] = 8,
		[EM_DM_I8] = 1,  [EM_DM_BOOL] = 1, [EM_DM_U8] = 1,  [EM_DM_I64] = 8, [EM_DM_U64] = 8,
	};

	return type < sizeof(sizes) ? sizes[type] : 0;
}

/* ---- reading the tree: a loop with its own stack, since the depth is the file's to choose ---- */

struct level {
	uint32_t group;  /* its tag */
	uint32_t index;  /* of the next entry */
	uint64_t left;   /* entries to come */
	size_t end;      /* where version 4 says that it ends; 0 in version 3 */
};

struct walk {
	struct em_dm_tree *tree;
	const unsigned char *start, *p, *end;
	size_t wide; /* bytes of a structural integer */
	struct level level[EM_DM_MAX_DEPTH];
	int depth;   /* levels in use */
	struct em_error *err;
};

static size_t bytes_left(const struct walk *w)
{
	return (size_t)(w->end - w->p);
}

/* The safe characters of a name, or the place of a tag without one. */
static void put_step(struct em_text *path, const struct em_dm_tag *tag)
{
	em_text_append(path, path->len ? "." : "");
	if (!tag->name_len)
		em_text_printf(path, "%u", (unsigned)tag->index);
	for (size_t i = 0; i < tag->name_len && i < 40; i++)
		em_text_append_bytes(path, tag->name[i] >= 0x20 && tag->name[i] < 0x7f ? tag->name + i : "?", 1);
}

/* "ImageList.1.ImageData.Data": the way to the tag that was added last, which may have no `end` yet. */
static void put_path(struct em_text *path, const struct em_dm_tree *t)
{
	const struct em_dm_tag *way[EM_DM_MAX_DEPTH + 1];
	const struct em_dm_tag *tag = t->tag + t->count - 1;
	int depth = tag->depth;

	for (way[depth] = tag; tag > t->tag; tag--)
		if (tag->depth < depth)
			way[--depth] = tag;
	for (depth = 1; depth <= t->tag[t->count - 1].depth; depth++)
		put_step(path, way[depth]);
}

static int refuse(struct walk *w, const char *what)
{
	struct em_text path = {0};

	put_path(&path, w->tree);
	em_error_set(w->err, EM_ERROR_DATA, "DM: %s at byte %zu, in or after the tag '%.300s'", what,
	             (size_t)(w->p - w->start), em_text_get(&path));
	em_text_release(&path);
	return -1;
}

static int refuse_cut(struct walk *w)
{
	return refuse(w, "the file is cut, or a length in it is wrong,");
}

static int take_wide(struct walk *w, uint64_t *v)
{
	if (bytes_left(w) < w->wide)
		return refuse_cut(w);
	*v = get_big(w->p, w->wide);
	w->p += w->wide;
	return 0;
}

static struct em_dm_tag *add_tag(struct walk *w)
{
	struct em_dm_tree *t = w->tree;

	if (t->count == EM_DM_MAX_TAGS) {
		em_error_set(w->err, EM_ERROR_DATA, "DM: more than %zu tags", EM_DM_MAX_TAGS);
		return NULL;
	}
	if (t->count == t->capacity) {
		size_t capacity = t->capacity ? 2 * t->capacity : 256;
		struct em_dm_tag *grown = realloc(t->tag, capacity * sizeof(*grown));

		if (!grown) {
			em_error_memory(w->err, capacity * sizeof(*grown));
			return NULL;
		}
		t->tag = grown;
		t->capacity = capacity;
	}
	memset(&t->tag[t->count], 0, sizeof(*t->tag));
	return &t->tag[t->count++];
}

/* Where p stands: sorted, open, count.  The tag that was added last is the group. */
static int enter_group(struct walk *w, size_t end)
{
	struct level *l;
	uint64_t n = 0;

	if (w->depth == EM_DM_MAX_DEPTH)
		return refuse(w, "groups are nested too deep");
	if (bytes_left(w) < 2)
		return refuse_cut(w);
	w->p += 2;
	if (take_wide(w, &n))
		return -1;
	/* The least entry is an empty name and an empty group. */
	if (n > bytes_left(w) / (1 + 2 + 2 + w->wide))
		return refuse(w, "the file is cut, or a group claims more entries than there are bytes,");
	l = &w->level[w->depth++];
	*l = (struct level){.group = (uint32_t)(w->tree->count - 1), .left = n, .end = end};
	return 0;
}

static int leave_group(struct walk *w)
{
	const struct level *l = &w->level[--w->depth];

	w->tree->tag[l->group].end = (uint32_t)w->tree->count;
	if (l->end && l->end != (size_t)(w->p - w->start))
		return refuse(w, "a group has another length than it says");
	return 0;
}

/* A struct's fields: pairs of the length of a name (0 in every file) and a type.  Bytes of a struct, 0: not known. */
static uint64_t measure_struct(const struct walk *w, struct em_dm_tag *tag, const unsigned char *pairs, size_t n)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t type = get_big(pairs + (2 * i + 1) * w->wide, w->wide);
		size_t size = type <= EM_DM_U64 ? em_dm_type_size((unsigned)type) : 0;

		if (!size)
			return 0;
		if (!i)
			tag->type = (uint8_t)type;
		bytes += size;
	}
	tag->fields = (uint8_t)n;
	tag->info = pairs;
	return bytes;
}

/* What one element is, from the k integers at info: [type] or [15, 0, n, n pairs].  Its bytes, 0: not known. */
static uint64_t measure_element(const struct walk *w, struct em_dm_tag *tag, const unsigned char *info, size_t k)
{
	uint64_t type = get_big(info, w->wide), n;

	if (type <= EM_DM_U64 && k == 1) {
		tag->type = (uint8_t)type;
		return em_dm_type_size(tag->type);
	}
	if (type != EM_DM_STRUCT || k < 5)
		return 0;
	n = get_big(info + 2 * w->wide, w->wide);
	return n <= MAX_FIELDS && k == 3 + 2 * n ? measure_struct(w, tag, info + 3 * w->wide, (size_t)n) : 0;
}

/* The k integers that say the type: of an element; [18, bytes]; or [20, of an element.., elements]. */
static int measure_value(struct walk *w, struct em_dm_tag *tag, const unsigned char *info, size_t k)
{
	uint64_t kind = get_big(info, w->wide), count = 1, item = 0;

	if (kind == EM_DM_ARRAY && k >= 3) {
		item = measure_element(w, tag, info + w->wide, k - 2);
		count = get_big(info + (k - 1) * w->wide, w->wide);
	} else if (kind == EM_DM_STRING && k == 2) {
		item = 1;
		count = get_big(info + w->wide, w->wide);
		tag->type = EM_DM_U8;
	} else {
		item = measure_element(w, tag, info, k);
	}
	if (!item)
		return refuse(w, "a type of value that is not known");
	if (count > bytes_left(w) / item)
		return refuse_cut(w);
	tag->kind = (uint8_t)kind;
	tag->count = (size_t)count;
	tag->bytes = (size_t)(count * item);
	return 0;
}

/* "%%%%", the type, the value. */
static int take_value(struct walk *w, struct em_dm_tag *tag)
{
	const unsigned char *info;
	uint64_t k = 0;

	if (bytes_left(w) < 4 || memcmp(w->p, "%%%%", 4))
		return bytes_left(w) < 4 ? refuse_cut(w) : refuse(w, "the mark of a value is missing");
	w->p += 4;
	if (take_wide(w, &k))
		return -1;
	if (!k || k > 2 * MAX_FIELDS + 5)
		return refuse(w, "a type of value that is not known");
	if (k > bytes_left(w) / w->wide)
		return refuse_cut(w);
	info = w->p;
	w->p += k * w->wide;
	if (measure_value(w, tag, info, (size_t)k))
		return -1;
	tag->data = w->p;
	w->p += tag->bytes;
	return 0;
}

/* id, name, in version 4 the length of what follows; then a value, or a group whose entries come next. */
static int take_entry(struct walk *w)
{
	struct level *l = &w->level[w->depth - 1];
	struct em_dm_tag *tag;
	uint64_t length = 0;
	size_t start;
	unsigned id;

	if (bytes_left(w) < 3)
		return refuse_cut(w);
	id = *w->p;
	if (id == ENTRY_END) {
		w->p++;
		l->left = 0;
		return 0;
	}
	if (id != ENTRY_GROUP && id != ENTRY_DATA)
		return refuse(w, "neither a group nor a value");
	tag = add_tag(w);
	if (!tag)
		return -1;
	tag->index = l->index++;
	tag->depth = (uint8_t)w->depth;
	tag->end = (uint32_t)w->tree->count;
	l->left--;
	w->p += 3;
	if (get_big(w->p - 2, 2) > bytes_left(w))
		return refuse_cut(w);
	tag->name_len = (uint16_t)get_big(w->p - 2, 2);
	tag->name = (const char *)w->p;
	w->p += tag->name_len;
	if (w->wide == 8 && take_wide(w, &length))
		return -1;
	/* Of a group that is cut, what is inside says where. */
	if (length > (id == ENTRY_GROUP ? SIZE_MAX / 2 : bytes_left(w)))
		return refuse_cut(w);
	start = (size_t)(w->p - w->start);
	if (id == ENTRY_GROUP)
		return enter_group(w, w->wide == 8 ? start + (size_t)length : 0);
	if (take_value(w, tag))
		return -1;
	if (w->wide == 8 && (size_t)(w->p - w->start) - start != length)
		return refuse(w, "a value has another length than it says");
	return 0;
}

static int take_tree(struct walk *w)
{
	struct em_dm_tag *root = add_tag(w);

	if (!root)
		return -1;
	root->name = "";
	if (enter_group(w, 0))
		return -1;
	while (w->depth)
		if (w->level[w->depth - 1].left ? take_entry(w) : leave_group(w))
			return -1;
	return 0;
}

int em_dm_tree_read(struct em_dm_tree *tree, struct em_blob blob, struct em_error *err)
{
	struct em_dm_tree fresh = {0};
	struct walk w = {.tree = &fresh, .start = blob.data, .end = blob.data + blob.size, .err = err};

	if (!em_dm_probe(blob.data, blob.size))
		return em_error_set(err, EM_ERROR_DATA,
		                    "DM: the file is cut within its header, or not a DM3 or DM4 file");
	fresh.version = blob.data[3];
	w.wide = fresh.version == 3 ? 4 : 8;
	w.p = blob.data + 8 + w.wide;
	fresh.little = w.p[-1] == 1;
	if (take_tree(&w)) {
		em_dm_tree_release(&fresh);
		return -1;
	}
	*tree = fresh;
	return 0;
}

void em_dm_tree_release(struct em_dm_tree *tree)
{
	free(tree->tag);
	memset(tree, 0, sizeof(*tree));
}

/* ---- asking it ---- */

unsigned em_dm_tag_field(const struct em_dm_tree *tree, const struct em_dm_tag *tag, unsigned i)
{
	size_t wide = tree->version == 3 ? 4 : 8;

	return (unsigned)get_big(tag->info + (2 * (size_t)i + 1) * wide, wide);
}

const struct em_dm_tag *em_dm_tree_first(const struct em_dm_tree *tree, const struct em_dm_tag *group)
{
	return group && !group->data && group + 1 < tree->tag + group->end ? group + 1 : NULL;
}

const struct em_dm_tag *em_dm_tree_next(const struct em_dm_tree *tree, const struct em_dm_tag *group,
                                        const struct em_dm_tag *child)
{
	return child->end < group->end ? tree->tag + child->end : NULL;
}

const struct em_dm_tag *em_dm_tree_find(const struct em_dm_tree *tree, const struct em_dm_tag *group,
                                        const char *path)
{
	const struct em_dm_tag *tag = group;

	while (tag && *path) {
		size_t n = strcspn(path, ".");

		group = tag;
		tag = em_dm_tree_first(tree, group);
		while (tag && (tag->name_len != n || memcmp(tag->name, path, n)))
			tag = em_dm_tree_next(tree, group, tag);
		path += n + (path[n] == '.');
	}
	return tag;
}

/* The n bytes of a value as the integer that they are in the file's order. */
static uint64_t get_bits(const struct em_dm_tree *tree, const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	if (!tree->little)
		return get_big(p, n);
	while (n--)
		v = v << 8 | p[n];
	return v;
}

bool em_dm_tag_number(const struct em_dm_tree *tree, const struct em_dm_tag *tag, double *v)
{
	uint64_t bits;
	uint32_t half;
	float f;

	if (!tag || !tag->data || tag->kind != tag->type)
		return false;
	bits = get_bits(tree, tag->data, tag->bytes);
	half = (uint32_t)bits;
	switch (tag->type) {
	case EM_DM_I8:
		*v = (double)(bits & 0x7f) - (double)(bits & 0x80);
		break;
	case EM_DM_I16:
		*v = (double)(bits & 0x7fff) - (double)(bits & 0x8000);
		break;
	case EM_DM_I32:
		*v = (double)(bits & 0x7fffffff) - (double)(bits & 0x80000000);
		break;
	case EM_DM_I64:
		*v = (double)(bits & INT64_MAX) - (bits >> 63 ? 0x1p63 : 0);
		break;
	case EM_DM_F32:
		memcpy(&f, &half, sizeof(f));
		*v = (double)f;
		break;
	case EM_DM_F64:
		memcpy(v, &bits, sizeof(*v));
		break;
	default:
		*v = (double)bits;
	}
	return true;
}

static void put_utf8(struct em_text *out, uint32_t c)
{
	char s[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		s[i] = (char)(0x80 | (c & 0x3f));
	s[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xf0u) | c);
	em_text_append_bytes(out, s, n);
}

bool em_dm_tag_text(const struct em_dm_tree *tree, const struct em_dm_tag *tag, struct em_text *out)
{
	bool wide = tag && tag->kind == EM_DM_ARRAY && tag->type == EM_DM_U16 && !tag->fields;
	size_t n;

	if (!wide && !(tag && tag->kind == EM_DM_STRING))
		return false;
	n = tag->count < EM_DM_MAX_TEXT ? tag->count : EM_DM_MAX_TEXT;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = wide ? (uint32_t)get_bits(tree, tag->data + 2 * i, 2) : tag->data[i], low = 0;

		if (!c)
			break;
		if ((c & 0xfc00) == 0xd800 && i + 1 < tag->count)
			low = (uint32_t)get_bits(tree, tag->data + 2 * i + 2, 2);
		if ((low & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
			i++;
		}
		put_utf8(out, (c & 0xfffff800) == 0xd800 ? 0xfffd : c);
	}
	return true;
}
