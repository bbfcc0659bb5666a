/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/catalog.h"
#include "apiserver/db.h"
#include "base/cleanup.h"
#include "base/map.h"

WR_DEFINE_CLEANUP(map, struct wr_map *, wr_map_free)

static void unref(struct wr_blob *b)
{
	if (b && !--b->refs)
		free(b);
}

static struct wr_blob *blob_new(const char *text, size_t size, uint64_t rv)
{
	struct wr_blob *b = size < UINT32_MAX ? malloc(sizeof(*b) + size + 1) : NULL;
	if (!b)
		return NULL;
	*b = (struct wr_blob){.refs = 1, .size = (uint32_t)size, .rv = rv};
	memcpy(b->text, text, size);
	b->text[size] = '\0';
	return b;
}

int wr_store_init(struct wr_store *s, size_t history, uint64_t rv)
{
	*s = (struct wr_store){.rv = rv, .compacted = rv, .history = history};
	s->past = calloc(history, sizeof(*s->past));
	return s->past ? 0 : -ENOMEM;
}

static void forget(struct wr_past *p)
{
	free(p->key);
	unref(p->blob);
	unref(p->before);
	*p = (struct wr_past){0};
}

void wr_store_free(struct wr_store *s)
{
	for (size_t i = 0; i < s->history && s->past; i++)
		forget(&s->past[i]);
	free(s->past);
	wr_catalog_unref(s->catalog);
	for (int k = 0; k < WR_AS_KINDS - WR_AS_RESOURCES; k++)
		free(s->custom[k]);
	for (int k = 0; k < WR_AS_KINDS; k++) {
		for (size_t i = 0; i < s->items[k].n; i++) {
			free(s->items[k].items[i].key);
			unref(s->items[k].items[i].blob);
		}
		wr_vec_free(&s->items[k]);
	}
	*s = (struct wr_store){0};
}

size_t wr_store_lower(const struct wr_store *s, enum wr_as_kind kind, const char *key)
{
	size_t low = 0, high = s->items[kind].n;
	/* objects mostly come in order */
	if (high && strcmp(s->items[kind].items[high - 1].key, key) < 0)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(s->items[kind].items[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct wr_item *find(const struct wr_store *s, enum wr_as_kind kind, const char *key)
{
	size_t i = wr_store_lower(s, kind, key);
	struct wr_item *item = i < s->items[kind].n ? &s->items[kind].items[i] : NULL;
	return item && !strcmp(item->key, key) ? item : NULL;
}

const struct wr_blob *wr_store_get(const struct wr_store *s, enum wr_as_kind kind, const char *key)
{
	const struct wr_item *item = find(s, kind, key);
	return item ? item->blob : NULL;
}

/* Takes key and blob over on success. */
static int insert(struct wr_store *s, enum wr_as_kind kind, char *key, struct wr_blob *blob)
{
	size_t at = wr_store_lower(s, kind, key);
	int rc = wr_vec_push(&s->items[kind], ((struct wr_item){0}));
	if (rc)
		return rc;
	struct wr_item *items = s->items[kind].items;
	memmove(items + at + 1, items + at, (s->items[kind].n - 1 - at) * sizeof(*items));
	items[at] = (struct wr_item){key, blob};
	return 0;
}

static void remove_item(struct wr_store *s, enum wr_as_kind kind, struct wr_item *item)
{
	struct wr_item *end = s->items[kind].items + s->items[kind].n;
	free(item->key);
	unref(item->blob);
	memmove(item, item + 1, (size_t)(end - item - 1) * sizeof(*item));
	s->items[kind].n--;
}

const struct wr_past *wr_store_past(const struct wr_store *s, size_t i)
{
	return &s->past[(s->first + i) % s->history];
}

void wr_store_compact(struct wr_store *s, size_t keep)
{
	while (s->n > keep) {
		struct wr_past *oldest = &s->past[s->first];
		s->compacted = oldest->rv;
		forget(oldest);
		s->first = (s->first + 1) % s->history;
		s->n--;
	}
}

size_t wr_store_after(const struct wr_store *s, uint64_t rv)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (wr_store_past(s, mid)->rv <= rv)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Takes over the entry; it always has room. */
static void remember(struct wr_store *s, const struct wr_past *entry)
{
	wr_store_compact(s, s->history - 1);
	s->past[(s->first + s->n) % s->history] = *entry;
	s->n++;
	s->rv = entry->rv;
	s->definitions += entry->kind == WR_AS_CUSTOMRESOURCEDEFINITIONS;
}

/* Resources are kept by name: places may change. */
static const char *resource_of(const struct wr_store *s, enum wr_as_kind kind,
			       char buf[WR_RESOURCE_TEXT])
{
	const char *custom = kind >= WR_AS_RESOURCES ? s->custom[kind - WR_AS_RESOURCES] : "";
	return kind < WR_AS_RESOURCES ? wr_resource_name(&wr_resources[kind], buf)
	       : custom               ? custom
				      : "";
}

int wr_store_put(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		 size_t size)
{
	char name[WR_RESOURCE_TEXT];
	struct wr_item *item = find(s, kind, key);
	struct wr_past p = {.rv = s->rv + 1, .kind = kind, .change = item ? WR_MODIFIED : WR_ADDED};
	p.blob = blob_new(text, size, p.rv);
	p.key = strdup(key);
	char *own = item ? NULL : strdup(key);
	int rc = p.blob && p.key && (item || own) ? 0 : -ENOMEM;
	if (!rc && s->db)
		rc = wr_db_put(s->db, resource_of(s, kind, name), key, text, size, p.rv);
	if (!rc && !item)
		rc = insert(s, kind, own, p.blob);
	if (rc) {
		free(p.key);
		free(own);
		unref(p.blob);
		return rc;
	}
	p.blob->refs++;
	if (item) {
		p.before = item->blob;
		item->blob = p.blob;
	}
	remember(s, &p);
	return 0;
}

int wr_store_delete(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		    size_t size)
{
	char name[WR_RESOURCE_TEXT];
	struct wr_item *item = find(s, kind, key);
	struct wr_past p = {.rv = s->rv + 1, .kind = kind, .change = WR_DELETED};
	if (!item)
		return -ENOENT;
	p.blob = blob_new(text, size, p.rv);
	p.key = strdup(key);
	int rc = p.blob && p.key ? 0 : -ENOMEM;
	if (!rc && s->db)
		rc = wr_db_delete(s->db, resource_of(s, kind, name), key, p.rv);
	if (rc) {
		free(p.key);
		unref(p.blob);
		return rc;
	}
	p.before = item->blob;
	p.before->refs++;
	remove_item(s, kind, item);
	remember(s, &p);
	return 0;
}

int wr_store_restore(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		     size_t size, uint64_t rv)
{
	char *own = strdup(key);
	struct wr_blob *b = blob_new(text, size, rv);
	int rc = own && b ? insert(s, kind, own, b) : -ENOMEM;
	s->definitions += kind == WR_AS_CUSTOMRESOURCEDEFINITIONS;
	if (rc) {
		free(own);
		unref(b);
	}
	return rc;
}

/* ---- lists ---- */

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* What the changes after a version did to each key: its text at that version, or 0. */
static int undo(const struct wr_store *s, enum wr_as_kind kind, uint64_t rv, struct wr_map *then)
{
	for (size_t i = s->n, first = wr_store_after(s, rv); i-- > first;) {
		const struct wr_past *p = wr_store_past(s, i);
		if (p->kind == kind &&
		    wr_map_put(then, p->key, strlen(p->key), (uintptr_t)p->before) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool wanted(const char *key, const char *prefix, const char *from)
{
	return !strncmp(key, prefix, strlen(prefix)) && strcmp(key, from) >= 0;
}

static int add(struct wr_listing *out, const char *key, const struct wr_blob *blob)
{
	return blob ? wr_vec_push(out, ((struct entry){key, blob})) : 0;
}

static int list_past(const struct wr_store *s, enum wr_as_kind kind, const char *prefix,
		     const char *from, uint64_t rv, struct wr_listing *out)
{
	WR_CLEANUP(map)
	struct wr_map *then = wr_map_new();
	int rc = then ? undo(s, kind, rv, then) : -ENOMEM;
	for (size_t i = 0; !rc && i < s->items[kind].n; i++) {
		const struct wr_item *item = &s->items[kind].items[i];
		if (wanted(item->key, prefix, from) &&
		    !wr_map_get(then, item->key, strlen(item->key), NULL))
			rc = add(out, item->key, item->blob);
	}
	/* the keys in the map die with it: those in the history do not */
	for (size_t i = s->n, first = wr_store_after(s, rv); !rc && i-- > first;) {
		const struct wr_past *p = wr_store_past(s, i);
		uint64_t blob = 0;
		if (p->kind != kind || !wanted(p->key, prefix, from) ||
		    !wr_map_get(then, p->key, strlen(p->key), &blob) ||
		    blob != (uintptr_t)p->before || !p->before)
			continue;
		rc = add(out, p->key, p->before);
		if (!rc)
			rc = wr_map_put(then, p->key, strlen(p->key), 0);
	}
	if (!rc && out->n)
		qsort(out->items, out->n, sizeof(*out->items), compare_entries);
	return rc;
}

int wr_store_list(const struct wr_store *s, enum wr_as_kind kind, const char *prefix,
		  const char *from, uint64_t rv, struct wr_listing *out)
{
	if (rv && rv < s->rv) {
		if (rv < s->compacted)
			return -ESTALE;
		return list_past(s, kind, prefix, from, rv, out);
	}
	const char *start = strcmp(from, prefix) > 0 ? from : prefix;
	int rc = 0;
	for (size_t i = wr_store_lower(s, kind, start); !rc && i < s->items[kind].n; i++) {
		const struct wr_item *item = &s->items[kind].items[i];
		if (strncmp(item->key, prefix, strlen(prefix)) != 0)
			break;
		rc = add(out, item->key, item->blob);
	}
	return rc;
}
