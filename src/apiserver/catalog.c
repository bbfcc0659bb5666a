/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "apiserver/tree.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "input/input.h"

#define VERSIONS_MAX 16 /* of one definition; more are not served */
#define PRINTERS_MAX 16

struct wr_catalog {
	unsigned refs;
	uint64_t definitions; /* the store's count when this was made */
	uint64_t hash;
	struct wr_arena *arena;
	WR_VEC(struct wr_resource) rows; /* by group, the preferred version first */
	WR_VEC(const char *) groups;     /* that are not always there */
};

WR_DEFINE_CLEANUP(catalog, struct wr_catalog *, wr_catalog_unref)
WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

struct wr_catalog *wr_catalog_ref(struct wr_catalog *c)
{
	if (c)
		c->refs++;
	return c;
}

void wr_catalog_unref(struct wr_catalog *c)
{
	if (!c || --c->refs)
		return;
	wr_vec_free(&c->rows);
	wr_vec_free(&c->groups);
	wr_arena_free(c->arena);
	free(c);
}

/* ---- places ---- */

static bool has_place(const struct wr_catalog *c, int place)
{
	for (size_t i = 0; c && i < c->rows.n; i++)
		if (c->rows.items[i].place == (enum wr_as_kind)place)
			return true;
	return false;
}

/*
 * The place of a custom resource; -1: there is none left, or no memory (*rc).
 * One that another resource had is given away last, and with its history.
 */
static int place_of(struct wr_store *s, const struct wr_catalog *c, const char *name, int *rc)
{
	char text[WR_RESOURCE_TEXT];
	int found = -1;
	for (int k = 0; k < WR_AS_RESOURCES; k++)
		if (!strcmp(wr_resource_name(&wr_resources[k], text), name))
			return k;
	for (int i = WR_AS_KINDS - WR_AS_RESOURCES; i-- > 0;) {
		if (s->custom[i] && !strcmp(s->custom[i], name))
			return WR_AS_RESOURCES + i;
		bool better = found < 0 || !s->custom[i] || s->custom[found];
		int k = WR_AS_RESOURCES + i;
		bool used = s->items[k].n || has_place(c, k) || has_place(s->catalog, k);
		if (better && (!s->custom[i] || !used))
			found = i;
	}
	if (found < 0)
		return -1;
	char *own = strdup(name);
	if (!own) {
		*rc = -ENOMEM;
		return -1;
	}
	if (s->custom[found])
		wr_store_compact(s, 0);
	free(s->custom[found]);
	s->custom[found] = own;
	return WR_AS_RESOURCES + found;
}

/* ---- one definition ---- */

struct reading {
	struct wr_catalog *c;
	const struct wr_value *o;
	int rc;
};

static const char *keep(struct reading *r, const char *text)
{
	const char *copy = wr_arena_strdup(r->c->arena, text ? text : "");
	if (!copy)
		r->rc = -ENOMEM;
	return copy ? copy : "";
}

static const char *keep_at(struct reading *r, const char *path)
{
	return keep(r, wr_tree_text(r->o, path));
}

static bool is_true(const struct wr_value *v, const char *path)
{
	const struct wr_value *at = wr_tree_at(v, path);
	return at && at->type == WR_BOOL && at->boolean;
}

static bool established(const struct wr_value *o)
{
	const struct wr_value *list = wr_tree_at(o, "status.conditions");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *type = wr_tree_text(list->items[i], "type");
		const char *status = wr_tree_text(list->items[i], "status");
		if (type && status && !strcmp(type, "Established"))
			return !strcmp(status, "True");
	}
	return false;
}

static const struct wr_printer *read_printers(struct reading *r, const struct wr_value *version)
{
	static const struct wr_printer age[] = {
		{"Age", "date", ".metadata.creationTimestamp", false}, {0}};
	const struct wr_value *list = wr_value_get(version, "additionalPrinterColumns");
	size_t n = list && list->type == WR_LIST ? list->n : 0;
	n = n < PRINTERS_MAX ? n : PRINTERS_MAX;
	if (!n)
		return age;
	struct wr_printer *p = wr_arena_alloc(r->c->arena, (n + 1) * sizeof(*p));
	if (!p) {
		r->rc = -ENOMEM;
		return age;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (struct wr_printer){
			.name = keep(r, wr_tree_text(list->items[i], "name")),
			.type = keep(r, wr_tree_text(list->items[i], "type")),
			.path = keep(r, wr_tree_text(list->items[i], "jsonPath")),
			.wide = wr_tree_number(list->items[i], "priority", 0) > 0};
	p[n] = (struct wr_printer){0};
	return p;
}

/* Whether weir's decoder validates a kind of this name and version. */
static bool has_decoder(const struct wr_resource *r)
{
	const struct wr_resource *own = r->place < WR_AS_RESOURCES ? &wr_resources[r->place] : NULL;
	if (!own || !own->defined || strcmp(own->kind, r->kind) != 0 || r->namespaced)
		return false;
	return !strcmp(own->version, r->version) ||
	       (r->place == WR_AS_CLUSTERNETWORKPOLICIES && !strcmp(r->version, "v1beta1"));
}

static void read_names(struct reading *r, struct wr_resource *out)
{
	const struct wr_value *list = wr_tree_at(r->o, "spec.names.shortNames");
	const struct wr_value *categories = wr_tree_at(r->o, "spec.names.categories");
	const char *scope = wr_tree_text(r->o, "spec.scope");
	out->group = keep_at(r, "spec.group");
	out->plural = keep_at(r, "spec.names.plural");
	out->singular = keep_at(r, "spec.names.singular");
	out->kind = keep_at(r, "spec.names.kind");
	out->namespaced = scope && !strcmp(scope, "Namespaced");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n && i < 4; i++)
		out->short_names[i] = keep(r, list->items[i]->text);
	if (categories && categories->type == WR_LIST && categories->n)
		out->category = keep(r, categories->items[0]->text);
	out->custom = out->generation = true;
	out->definition = keep_at(r, "metadata.uid");
}

static void read_definition(struct wr_store *s, struct reading *r)
{
	const struct wr_value *versions = wr_tree_at(r->o, "spec.versions");
	const char *name = wr_tree_text(r->o, "metadata.name");
	struct wr_resource row = {0};
	if (!name || !established(r->o) || !versions || versions->type != WR_LIST)
		return;
	int place = place_of(s, r->c, name, &r->rc);
	if (place < 0 || (place < WR_AS_RESOURCES && !wr_resources[place].defined))
		return; /* what is built in needs no definition */
	row.place = (enum wr_as_kind)place;
	read_names(r, &row);
	for (size_t i = 0; i < versions->n && i < VERSIONS_MAX && !r->rc; i++) {
		const struct wr_value *v = versions->items[i];
		if (!is_true(v, "served"))
			continue;
		row.version = keep(r, wr_tree_text(v, "name"));
		const struct wr_value *status = wr_tree_at(v, "subresources.status");
		row.status = status && status->type == WR_MAP;
		row.printers = read_printers(r, v);
		row.validated = has_decoder(&row);
		if (!r->rc)
			r->rc = wr_vec_push(&r->c->rows, row);
	}
}

/* ---- all of them ---- */

/* "v1beta2" as a number that grows with preference; 0: no such version. */
static uint32_t rank(const char *v)
{
	char *end;
	if (*v != 'v' || v[1] < '1' || v[1] > '9')
		return 0;
	unsigned long major = strtoul(v + 1, &end, 10), minor = 0;
	uint32_t stage = !*end                       ? 3
			 : !strncmp(end, "beta", 4)  ? 2
			 : !strncmp(end, "alpha", 5) ? 1
						     : 0;
	if (stage && stage < 3) {
		end += stage == 2 ? 4 : 5;
		minor = strtoul(end, &end, 10);
	}
	return !stage || *end ? 0
			      : stage << 28 | (uint32_t)(major & 0x3fff) << 14 | (minor & 0x3fff);
}

static int compare_rows(const void *a, const void *b)
{
	const struct wr_resource *x = a, *y = b;
	int by_group = strcmp(x->group, y->group);
	if (by_group)
		return by_group;
	uint32_t p = rank(x->version), q = rank(y->version);
	if (p != q)
		return p > q ? -1 : 1;
	int by_version = strcmp(x->version, y->version);
	return by_version ? by_version : strcmp(x->plural, y->plural);
}

static bool always_there(const char *group)
{
	for (size_t i = 0; wr_resource_groups[i]; i++)
		if (!strcmp(wr_resource_groups[i], group))
			return true;
	return false;
}

static int find_groups(struct wr_catalog *c)
{
	int rc = 0;
	for (size_t i = 0; i < c->rows.n && !rc; i++) {
		const char *group = c->rows.items[i].group;
		bool again = i && !strcmp(c->rows.items[i - 1].group, group);
		if (!again && !always_there(group))
			rc = wr_vec_push(&c->groups, group);
	}
	return rc;
}

static int read_all(struct wr_store *s, struct wr_catalog *c)
{
	WR_CLEANUP(arena)
	struct wr_arena *scratch = wr_arena_new();
	int rc = scratch ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->items[WR_AS_CUSTOMRESOURCEDEFINITIONS].n && !rc; i++) {
		const struct wr_blob *b = s->items[WR_AS_CUSTOMRESOURCEDEFINITIONS].items[i].blob;
		struct wr_value *o = NULL;
		rc = wr_json_parse(scratch, b->text, b->size, (struct wr_mark){0}, &o, NULL);
		struct reading r = {.c = c, .o = o, .rc = rc};
		if (!rc)
			read_definition(s, &r);
		rc = r.rc;
		c->hash = c->hash * 31 + wr_hash(b->text, b->size);
		wr_arena_reset(scratch);
	}
	if (!rc && c->rows.n)
		qsort(c->rows.items, c->rows.n, sizeof(*c->rows.items), compare_rows);
	return rc ? rc : find_groups(c);
}

int wr_catalog_refresh(struct wr_store *s)
{
	if (s->catalog ? s->catalog->definitions == s->definitions : !s->definitions)
		return 0;
	WR_CLEANUP(catalog)
	struct wr_catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->definitions = s->definitions;
	c->arena = wr_arena_new();
	int rc = c->arena ? read_all(s, c) : -ENOMEM;
	if (rc)
		return rc;
	struct wr_catalog *old = s->catalog;
	s->catalog = c;
	c = old;
	return 0;
}

/* ---- questions ---- */

const struct wr_resource *wr_catalog_next(const struct wr_store *s, size_t *at)
{
	while (*at < WR_AS_RESOURCES) {
		const struct wr_resource *r = &wr_resources[(*at)++];
		if (!r->defined)
			return r;
	}
	size_t i = (*at)++ - WR_AS_RESOURCES;
	return s->catalog && i < s->catalog->rows.n ? &s->catalog->rows.items[i] : NULL;
}

const char *wr_catalog_group(const struct wr_store *s, size_t i)
{
	size_t n = 0;
	for (; wr_resource_groups[n]; n++)
		if (n == i)
			return wr_resource_groups[n];
	return s->catalog && i - n < s->catalog->groups.n ? s->catalog->groups.items[i - n] : NULL;
}

const struct wr_resource *wr_catalog_find(const struct wr_store *s, const char *group,
					  const char *version, const char *plural)
{
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(s, &at));)
		if (!strcmp(r->plural, plural) && !strcmp(r->group, group) &&
		    !strcmp(r->version, version))
			return r;
	return NULL;
}

const struct wr_resource *wr_catalog_named(const struct wr_store *s, const char *name)
{
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(s, &at));) {
		size_t n = strlen(r->plural);
		if (!strncmp(r->plural, name, n) && name[n] == (*r->group ? '.' : '\0') &&
		    !strcmp(r->group, name + n + (*r->group != '\0')))
			return r;
	}
	return NULL;
}

bool wr_catalog_serves(const struct wr_store *s, const struct wr_resource *r)
{
	if (!r->definition)
		return true;
	const struct wr_resource *now = wr_catalog_find(s, r->group, r->version, r->plural);
	return now && now->definition && !strcmp(now->definition, r->definition);
}

uint64_t wr_catalog_hash(const struct wr_store *s)
{
	return s->catalog ? s->catalog->hash : 0;
}
