/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf.h"

#include "io/bytes.h"
#include "io/hdf_heap.h"

#include <stdlib.h>
#include <string.h>

/* A member that was found and not yet looked at. */
struct link {
	const char *name;
	size_t name_len;
	uint64_t address;
	unsigned depth;
};

struct walk {
	struct em_hdf_tree *tree;
	struct link *link; /* a stack: what is on top is next */
	size_t links, capacity;
	size_t steps;
	unsigned depth;                       /* of the group whose members are being collected */
	uint32_t open[EM_HDF_MAX_DEPTH + 1];  /* the nodes on the way from the root */
	struct em_error *err;
};

static int refuse(struct walk *w, const char *what, uint64_t address)
{
	return em_hdf_refuse(w->err, what, address);
}

/* More steps than any file takes are a loop: B-trees whose nodes are their own children. */
static int count_step(struct walk *w, size_t n, uint64_t address)
{
	w->steps += n;
	return w->steps > EM_HDF_MAX_STEPS ? refuse(w, "a group without end", address) : 0;
}

static int push_link(struct walk *w, const char *name, size_t name_len, uint64_t address)
{
	if (w->links + w->tree->count >= EM_HDF_MAX_NODES)
		return em_error_set(w->err, EM_ERROR_DATA, "HDF5: more than %zu groups and data sets",
		                    EM_HDF_MAX_NODES);
	/* A group among its own members: what is above it was shown once. */
	for (unsigned i = 0; i <= w->depth; i++)
		if (w->tree->count && w->tree->node[w->open[i]].address == address)
			return 0;
	if (w->links == w->capacity) {
		size_t capacity = w->capacity ? 2 * w->capacity : 64;
		struct link *grown = realloc(w->link, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(w->err, capacity * sizeof(*grown));
		w->link = grown;
		w->capacity = capacity;
	}
	w->link[w->links++] = (struct link){name, name_len, address, w->depth + 1};
	return 0;
}

/* ---- groups of the old kind: a B-tree (version 1) of symbol nodes, names in a local heap ---- */

/* "SNOD", u8 version, a byte, u16 entries: the name's place, the object, u32 kind (2: a soft link), 20 bytes. */
static int take_symbols(struct walk *w, uint64_t address, uint64_t heap)
{
	const struct em_hdf_file *f = &w->tree->file;
	const unsigned char *p = em_hdf_at(f, address, 8);
	size_t entry = 2 * f->offset + 24, n = p ? em_bytes_u16(p + 6, false) : 0, name_len;

	if (!p || memcmp(p, "SNOD", 4) || !em_hdf_at(f, address + 8, n * entry))
		return refuse(w, "a symbol table", address);
	if (count_step(w, n, address))
		return -1;
	for (p += 8; n--; p += entry) {
		const char *name = em_hdf_local_name(f, heap, em_hdf_address(f, p), &name_len);

		if (!name)
			return refuse(w, "the name of a member", address);
		if (em_bytes_u32(p + 2 * f->offset, false) != 2 &&
		    push_link(w, name, name_len, em_hdf_address(f, p + f->offset)))
			return -1;
	}
	return 0;
}

struct branch {
	uint64_t address; /* of the first child's pointer */
	unsigned left;    /* children to come */
};

/* "TREE", u8 0: of groups, u8 level, u16 children, two siblings; then key, child, key, ... child, key. */
static int enter_branch(struct walk *w, uint64_t address, int above, struct branch *b, int *level)
{
	const struct em_hdf_file *f = &w->tree->file;
	const unsigned char *p = em_hdf_at(f, address, 8 + 2 * f->offset);
	unsigned n = p ? em_bytes_u16(p + 6, false) : 0;

	if (!p || memcmp(p, "TREE", 4) || p[4] || (above >= 0 && p[5] != above - 1) ||
	    !em_hdf_at(f, address + 8 + 2 * f->offset, n * (uint64_t)(f->offset + f->length)))
		return refuse(w, "a B-tree", address);
	*level = p[5];
	*b = (struct branch){address + 8 + 2 * f->offset + f->length, n};
	return count_step(w, 1, address);
}

static int take_table(struct walk *w, uint64_t tree, uint64_t heap)
{
	const struct em_hdf_file *f = &w->tree->file;
	struct branch branch[EM_HDF_MAX_DEPTH];
	int depth = 0, level[EM_HDF_MAX_DEPTH];

	if (enter_branch(w, tree, -1, &branch[0], &level[0]))
		return -1;
	while (depth >= 0) {
		struct branch *b = &branch[depth];
		uint64_t child;

		if (!b->left) {
			depth--;
			continue;
		}
		b->left--;
		child = em_hdf_address(f, f->blob.data + b->address);
		b->address += f->offset + f->length;
		if (level[depth] == 0) {
			if (take_symbols(w, child, heap))
				return -1;
		} else {
			if (depth + 1 == EM_HDF_MAX_DEPTH ||
			    enter_branch(w, child, level[depth], &branch[depth + 1], &level[depth + 1]))
				return depth + 1 == EM_HDF_MAX_DEPTH ? refuse(w, "a B-tree", child) : -1;
			depth++;
		}
	}
	return 0;
}

/* ---- groups of the new kind: link messages, in the header or in a heap ---- */

/* u8 1, u8 flags, [u8 kind], [u64 order], [u8 character set], length of the name, name, the object of a hard link. */
static int take_link(void *closure, const unsigned char *p, size_t n)
{
	struct walk *w = closure;
	const struct em_hdf_file *f = &w->tree->file;
	size_t at = 2, width, name_len;
	unsigned kind = 0;

	if (n < 3 || p[0] != 1)
		return refuse(w, "a link", (uint64_t)(p - f->blob.data));
	width = (size_t)1 << (p[1] & 3);
	if (p[1] & 8)
		kind = p[at++];
	at += (p[1] & 4 ? 8u : 0) + (p[1] & 16 ? 1u : 0);
	if (at + width > n)
		return refuse(w, "a link", (uint64_t)(p - f->blob.data));
	name_len = (size_t)em_hdf_number(p + at, width);
	at += width;
	if (name_len > n - at || (!kind && f->offset > n - at - name_len))
		return refuse(w, "a link", (uint64_t)(p - f->blob.data));
	return kind ? 0 : push_link(w, (const char *)p + at, name_len, em_hdf_address(f, p + at + name_len));
}

/* u8 0, u8 flags, [u64 order], heap, B-tree by name. */
static int take_dense(struct walk *w, const struct em_hdf_message *m)
{
	const struct em_hdf_file *f = &w->tree->file;
	size_t at = 2 + (m->bytes > 1 && m->data[1] & 1 ? 8u : 0);
	uint64_t heap;

	if (m->bytes < at + 2 * f->offset)
		return refuse(w, "the list of a group's members", (uint64_t)(m->data - f->blob.data));
	heap = em_hdf_address(f, m->data + at);
	if (heap == EM_HDF_NOWHERE)
		return 0;
	return em_hdf_dense_each(f, heap, em_hdf_address(f, m->data + at + f->offset), 4, take_link, w,
	                         &w->steps, w->err);
}

/* ---- the walk ---- */

static int take_members(struct walk *w, const struct em_hdf_object *o, bool *is_group)
{
	const struct em_hdf_file *f = &w->tree->file;
	size_t first = w->links;
	int status = 0;

	*is_group = false;
	for (size_t i = 0; i < o->count && !status; i++) {
		const struct em_hdf_message *m = &o->message[i];

		if (m->type == EM_HDF_SYMBOL_TABLE && m->bytes >= 2 * f->offset)
			status = take_table(w, em_hdf_address(f, m->data), em_hdf_address(f, m->data + f->offset));
		else if (m->type == EM_HDF_LINK_INFO)
			status = take_dense(w, m);
		else if (m->type == EM_HDF_LINK)
			status = take_link(w, m->data, m->bytes);
		else
			continue;
		*is_group = true;
	}
	/* What lies on top comes first. */
	for (size_t a = first, b = w->links; !status && a + 1 < b; a++) {
		struct link keep = w->link[a];

		w->link[a] = w->link[--b];
		w->link[b] = keep;
	}
	return status;
}

static int add_node(struct walk *w, const struct link *l)
{
	struct em_hdf_tree *t = w->tree;

	if (t->count == t->capacity) {
		size_t capacity = t->capacity ? 2 * t->capacity : 64;
		struct em_hdf_node *grown = realloc(t->node, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(w->err, capacity * sizeof(*grown));
		t->node = grown;
		t->capacity = capacity;
	}
	t->node[t->count] = (struct em_hdf_node){l->name, l->name_len, l->address, 0, (uint8_t)l->depth, false};
	w->open[l->depth] = (uint32_t)t->count++;
	w->depth = l->depth;
	return 0;
}

/* Groups from this depth on have no more members. */
static void close_groups(struct walk *w, unsigned depth, unsigned deepest)
{
	for (unsigned i = depth; i <= deepest; i++)
		w->tree->node[w->open[i]].end = (uint32_t)w->tree->count;
}

static int visit(struct walk *w, const struct link *l)
{
	struct em_hdf_object o;
	uint32_t i;
	int status;

	if (l->depth > EM_HDF_MAX_DEPTH)
		return refuse(w, "groups nested too deep", l->address);
	if (w->tree->count)
		close_groups(w, l->depth, w->depth);
	if (add_node(w, l) || em_hdf_object_read(&w->tree->file, l->address, &o, w->err))
		return -1;
	i = w->open[l->depth];
	status = count_step(w, o.count, l->address) ||
	         take_members(w, &o, &w->tree->node[i].is_group) ? -1 : 0;
	em_hdf_object_release(&o);
	return status;
}

int em_hdf_tree_read(struct em_hdf_tree *tree, struct em_blob blob, struct em_error *err)
{
	struct em_hdf_tree fresh = {0};
	struct walk w = {.tree = &fresh, .err = err};
	struct link next = {"", 0, 0, 0};
	int status = em_hdf_file_open(&fresh.file, blob, err);

	next.address = fresh.file.root;
	if (!status)
		status = visit(&w, &next);
	while (!status && w.links) {
		next = w.link[--w.links];
		status = visit(&w, &next);
	}
	free(w.link);
	if (status) {
		em_hdf_tree_release(&fresh);
		return -1;
	}
	close_groups(&w, 0, w.depth);
	*tree = fresh;
	return 0;
}

void em_hdf_tree_release(struct em_hdf_tree *tree)
{
	em_hdf_attributes_release(&tree->kept);
	free(tree->node);
	memset(tree, 0, sizeof(*tree));
}

/* ---- asking it ---- */

const struct em_hdf_node *em_hdf_tree_first(const struct em_hdf_tree *tree, const struct em_hdf_node *group)
{
	return group && group + 1 < tree->node + group->end ? group + 1 : NULL;
}

const struct em_hdf_node *em_hdf_tree_next(const struct em_hdf_tree *tree, const struct em_hdf_node *group,
                                           const struct em_hdf_node *member)
{
	return member->end < group->end ? tree->node + member->end : NULL;
}

static bool has_name(const struct em_hdf_node *node, const char *name, size_t n)
{
	return node->name_len == n && !memcmp(node->name, name, n);
}

bool em_hdf_node_is(const struct em_hdf_node *node, const char *name)
{
	return has_name(node, name, strlen(name));
}

const struct em_hdf_node *em_hdf_tree_find(const struct em_hdf_tree *tree, const struct em_hdf_node *group,
                                           const char *path)
{
	const struct em_hdf_node *node = *path == '/' ? tree->node : group;

	for (path += *path == '/'; node && *path;) {
		size_t n = strcspn(path, "/");

		group = node;
		node = em_hdf_tree_first(tree, group);
		while (node && !has_name(node, path, n))
			node = em_hdf_tree_next(tree, group, node);
		path += n + (path[n] == '/');
	}
	return node;
}

void em_hdf_tree_put_path(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out)
{
	size_t wanted = (size_t)(node - tree->node), at = 0;

	/* From the root downwards: into the member whose inside holds the node. */
	while (at < wanted) {
		size_t member = at + 1;

		while (tree->node[member].end <= wanted)
			member = tree->node[member].end;
		em_text_append(out, "/");
		em_text_append_bytes(out, tree->node[member].name, tree->node[member].name_len);
		at = member;
	}
}
