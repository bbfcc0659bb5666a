/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store: what a feed brings, decoded, by namespace and name.
 *
 * While a list comes its objects are gathered in a second table, aside; objects
 * whose resourceVersion and uid are those of one that is here already are that
 * one. The commit swaps the tables and tells the owner what became different:
 * a list that breaks off half way has changed nothing.
 *
 * An object of which nothing that is kept has changed keeps its item, too, and
 * nobody is told; only the version is taken over, in its place.
 *
 * An object that cannot be decoded is no reason to stop: the item says what is
 * wrong with it and keeps the last version that could be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "kube/internal.h"

#define SCRATCH_KEPT ((size_t)256 << 10)

struct item {
	struct wr_kube_item public;
	uint64_t uid; /* its hash: two objects of one name are rarely to be told apart */
	uint32_t refs, hash, size;
	uint32_t version_room; /* behind the item; a longer version is malloc'ed */
};

/* An item with a problem: the last object that could be read is another item's. */
struct bad_item {
	struct item item;
	struct item *base; /* or NULL */
};

/* Open addressing, linear probing; deleting moves up what follows. */
struct table {
	struct item **slots;
	size_t n, mask;
};

struct wr_kube_store {
	struct wr_kube_feed *feed;
	enum wr_kind kind;
	struct wr_list_type type; /* what items of a list do not say themselves */
	bool namespaced;
	struct wr_kube_store_handlers on;
	void *arg;
	struct table now, next;
	bool listing;
	size_t bytes;
	struct wr_arena *scratch;
	struct wr_diags *diags;
	struct wr_kube_pool *pool; /* the client's */
};

/* --- Items --- */

static struct item *item_of(const struct wr_kube_item *public)
{
	/* items are made by this file only, and their references are its own */
	union {
		const struct wr_kube_item *in;
		struct item *out;
	} cast = {.in = public};
	return cast.out;
}

static void free_text(const char *text)
{
	union {
		const char *in;
		char *out;
	} cast = {.in = text};
	free(cast.out);
}

struct wr_kube_item *wr_kube_item_ref(const struct wr_kube_item *item)
{
	struct item *i = item_of(item);
	i->refs++;
	return &i->public;
}

/* Where the item's own room for its version is. */
static char *version_of(struct item *i)
{
	return i->public.problem ? (char *)((struct bad_item *)(void *)i + 1) : (char *)(i + 1);
}

static struct item *base_of(struct item *i)
{
	return i->public.problem ? ((struct bad_item *)(void *)i)->base : NULL;
}

void wr_kube_item_unref(const struct wr_kube_item *item)
{
	struct item *i = item ? item_of(item) : NULL;
	if (!i || --i->refs)
		return;
	if (i->public.version != version_of(i))
		free_text(i->public.version);
	if (base_of(i))
		wr_kube_item_unref(&base_of(i)->public);
	else if (i->public.object)
		wr_kube_compact_release(i->public.object);
	free(i);
}

static uint32_t hash_of(const char *ns, const char *name)
{
	uint64_t a = ns ? wr_hash(ns, strlen(ns)) : 0, b = wr_hash(name, strlen(name));
	a = a * 0x9e3779b97f4a7c15u + b;
	return (uint32_t)(a ^ a >> 32);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* --- The table --- */

static size_t slot_of(const struct table *t, const char *ns, const char *name, uint32_t hash)
{
	size_t at = hash & t->mask;
	for (; t->slots[at]; at = (at + 1) & t->mask) {
		const struct item *i = t->slots[at];
		if (i->hash == hash && !strcmp(i->public.name, name) && same_text(i->public.ns, ns))
			break;
	}
	return at;
}

static struct item *table_get(const struct table *t, const char *ns, const char *name,
			      uint32_t hash)
{
	return t->slots ? t->slots[slot_of(t, ns, name, hash)] : NULL;
}

static int table_grow(struct table *t)
{
	size_t size = t->slots ? (t->mask + 1) * 2 : 16;
	if (t->slots && t->n * 4 < (t->mask + 1) * 3)
		return 0;
	struct item **slots = calloc(size, sizeof(struct item *));
	if (!slots)
		return -ENOMEM;
	struct table bigger = {slots, t->n, size - 1};
	for (size_t i = 0; t->slots && i <= t->mask; i++) {
		struct item *item = t->slots[i];
		size_t at = item ? item->hash & bigger.mask : 0;
		while (item && slots[at])
			at = (at + 1) & bigger.mask;
		if (item)
			slots[at] = item;
	}
	free(t->slots);
	*t = bigger;
	return 0;
}

/* Takes a reference over; *before is the item that it replaces (its reference is the caller's). */
static int table_put(struct table *t, struct item *item, struct item **before)
{
	int rc = table_grow(t);
	if (rc)
		return rc;
	size_t at = slot_of(t, item->public.ns, item->public.name, item->hash);
	*before = t->slots[at];
	t->n += !t->slots[at];
	t->slots[at] = item;
	return 0;
}

/* The item taken out (its reference is the caller's), or NULL. */
static struct item *table_take(struct table *t, const char *ns, const char *name, uint32_t hash)
{
	size_t hole = t->slots ? slot_of(t, ns, name, hash) : 0;
	struct item *item = t->slots ? t->slots[hole] : NULL;
	if (!item)
		return NULL;
	for (size_t at = (hole + 1) & t->mask; t->slots[at]; at = (at + 1) & t->mask) {
		/* may it stand in the hole? only if that is not before its own place */
		size_t home = t->slots[at]->hash & t->mask;
		if (((at - home) & t->mask) < ((at - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[at];
		hole = at;
	}
	t->slots[hole] = NULL;
	t->n--;
	return item;
}

static void table_clear(struct table *t)
{
	for (size_t i = 0; t->slots && i <= t->mask; i++)
		if (t->slots[i])
			wr_kube_item_unref(&t->slots[i]->public);
	free(t->slots);
	*t = (struct table){0};
}

/* --- Values to items --- */

struct identity {
	const char *ns, *name, *version;
	uint64_t uid; /* its hash */
	uint32_t hash;
};

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING && *v->text ? v->text : NULL;
}

/* Who an object is; -EINVAL: it does not say, or is of another kind. */
static int identify(const struct wr_kube_store *s, const struct wr_value *v, struct identity *out)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	const char *kind = text_of(v, "kind"), *api = text_of(v, "apiVersion");
	struct identity id = {text_of(meta, "namespace"), text_of(meta, "name"),
			      text_of(meta, "resourceVersion"), 0, 0};
	const char *uid = text_of(meta, "uid");
	if (!id.name || !id.version || !id.ns != !s->namespaced)
		return -EINVAL;
	if ((kind && strcmp(kind, s->type.kind) != 0) || (api && strcmp(api, s->type.api) != 0))
		return -EINVAL;
	id.hash = hash_of(id.ns, id.name);
	id.uid = uid ? wr_hash(uid, strlen(uid)) : 0;
	*out = id;
	return 0;
}

/* Room for a version: most are as long as the one before. */
static uint32_t room_of(const char *version)
{
	return (uint32_t)(strlen(version) + 1 + 7) & ~7u;
}

static struct item *finish_item(struct item *item, size_t size, const struct identity *id)
{
	item->version_room = room_of(id->version);
	item->public.version = memcpy(version_of(item), id->version, strlen(id->version) + 1);
	item->refs = 1;
	item->hash = id->hash;
	item->uid = id->uid;
	item->size = (uint32_t)size;
	return item;
}

/* An item whose object is good. */
static struct item *good_item(struct wr_kube_store *s, const struct wr_object *o,
			      const struct identity *id)
{
	size_t before = sizeof(struct item) + room_of(id->version), size;
	char *block = wr_kube_compact(o, before, s->pool, &size);
	if (!block)
		return NULL;
	struct item *item = (struct item *)(void *)block;
	item->public.object = (const struct wr_object *)(void *)(block + before);
	item->public.ns = item->public.object->meta.ns;
	item->public.name = item->public.object->meta.name;
	return finish_item(item, size, id);
}

/* An item whose object cannot be read; what was known of it stays. */
static struct item *bad_item(struct item *before, const char *problem, const struct identity *id)
{
	size_t v = room_of(id->version), n = strlen(id->name) + 1,
	       ns = id->ns ? strlen(id->ns) + 1 : 0, p = strlen(problem) + 1;
	struct bad_item *bad = calloc(1, sizeof(*bad) + v + n + ns + p);
	if (!bad)
		return NULL;
	char *at = (char *)(bad + 1) + v;
	bad->item.public.name = memcpy(at, id->name, n);
	bad->item.public.problem = memcpy(at + n, problem, p);
	bad->item.public.ns = ns ? memcpy(at + n + p, id->ns, ns) : NULL;
	if (before && before->public.problem)
		before = base_of(before);
	if (before && before->public.object) {
		before->refs++;
		bad->base = before;
		bad->item.public.object = before->public.object;
	}
	return finish_item(&bad->item, sizeof(*bad) + v + n + ns + p, id);
}

/* Nothing has changed but the version. */
static int move_on(struct item *item, const char *version)
{
	const char *old = item->public.version;
	char *own = version_of(item);
	size_t n = strlen(version) + 1;
	char *to = n <= item->version_room ? own : malloc(n);
	if (!to)
		return -ENOMEM;
	item->public.version = memcpy(to, version, n);
	if (old != own)
		free_text(old);
	return 0;
}

static void first_error(const struct wr_diags *d, char text[WR_KUBE_ERROR])
{
	snprintf(text, WR_KUBE_ERROR, "it is no object of the kind");
	for (size_t i = 0; i < wr_diags_count(d); i++) {
		const struct wr_diag *g = wr_diags_at(d, i);
		if (g->severity != WR_ERROR)
			continue;
		snprintf(text, WR_KUBE_ERROR, "%.200s%s%.300s", g->path ? g->path : "",
			 g->path ? ": " : "", g->message);
		return;
	}
}

/* Clean tools for the next object. */
static int ready(struct wr_kube_store *s)
{
	if (s->diags && wr_diags_count(s->diags)) {
		wr_diags_free(s->diags);
		s->diags = NULL;
	}
	if (s->scratch && wr_arena_size(s->scratch) > SCRATCH_KEPT) {
		wr_arena_free(s->scratch);
		s->scratch = NULL;
	}
	if (s->scratch)
		wr_arena_reset(s->scratch);
	else
		s->scratch = wr_arena_new();
	if (!s->diags)
		s->diags = wr_diags_new();
	return s->scratch && s->diags ? 0 : -ENOMEM;
}

/*
 * The item for a value: a new one, or before where nothing has changed that is
 * kept (with a reference of its own; its version has moved on).
 */
static int decode(struct wr_kube_store *s, const struct wr_value *v, const struct identity *id,
		  struct item *before, struct item **out)
{
	struct wr_object *o = NULL;
	char problem[WR_KUBE_ERROR];
	int rc = ready(s);
	if (s->on.raw)
		s->on.raw(s->arg, v);
	if (!rc)
		rc = wr_decode_item(v, &s->type, NULL, s->scratch, s->diags, &o);
	if (rc == -ENOMEM)
		return rc;
	bool good = !rc && o && o->kind == s->kind, same = before && before->uid == id->uid;
	if (good) {
		same = same && !before->public.problem && wr_kube_same(before->public.object, o);
	} else {
		first_error(s->diags, problem);
		same = same && before->public.problem && !strcmp(before->public.problem, problem);
	}
	if (same) {
		before->refs++;
		*out = before;
		rc = move_on(before, id->version);
		before->refs -= rc < 0;
		return rc;
	}
	*out = good ? good_item(s, o, id) : bad_item(before, problem, id);
	return *out ? 0 : -ENOMEM;
}

static bool unchanged(const struct item *item, const struct identity *id)
{
	return !strcmp(item->public.version, id->version) && item->uid == id->uid;
}

/* --- The feed's handlers --- */

static int on_begin(void *arg)
{
	struct wr_kube_store *s = arg;
	table_clear(&s->next);
	s->listing = true;
	return 0;
}

static int on_item(void *arg, const struct wr_value *v)
{
	struct wr_kube_store *s = arg;
	struct identity id;
	struct item *item, *twice = NULL;
	int rc = identify(s, v, &id);
	if (rc)
		return rc;
	struct item *here = table_get(&s->now, id.ns, id.name, id.hash);
	if (here && unchanged(here, &id)) {
		here->refs++;
		item = here;
	} else if ((rc = decode(s, v, &id, here, &item))) {
		return rc;
	}
	rc = table_put(&s->next, item, &twice);
	wr_kube_item_unref(rc ? &item->public : twice ? &twice->public : NULL);
	return rc ? rc : item == here ? WR_KUBE_UNCHANGED : 0;
}

static void tell_change(struct wr_kube_store *s, struct item *before, struct item *item)
{
	s->bytes += item->size;
	s->bytes -= before ? before->size : 0;
	if (before && s->on.changed)
		s->on.changed(s->arg, &before->public, &item->public);
	else if (!before && s->on.added)
		s->on.added(s->arg, &item->public);
}

static void tell_deleted(struct wr_kube_store *s, struct item *before)
{
	s->bytes -= before->size;
	if (s->on.deleted)
		s->on.deleted(s->arg, &before->public);
}

static int on_put(void *arg, const struct wr_value *v)
{
	struct wr_kube_store *s = arg;
	struct identity id;
	struct item *item, *before;
	int rc = identify(s, v, &id);
	if (rc)
		return rc;
	before = table_get(&s->now, id.ns, id.name, id.hash);
	if (before && unchanged(before, &id))
		return WR_KUBE_UNCHANGED;
	rc = decode(s, v, &id, before, &item);
	if (rc)
		return rc;
	if (item == before) {
		wr_kube_item_unref(&item->public);
		return WR_KUBE_UNCHANGED;
	}
	rc = table_put(&s->now, item, &before);
	if (rc) {
		wr_kube_item_unref(&item->public);
		return rc;
	}
	tell_change(s, before, item);
	wr_kube_item_unref(before ? &before->public : NULL);
	return 0;
}

static int on_gone(void *arg, const struct wr_value *v)
{
	struct wr_kube_store *s = arg;
	struct identity id;
	int rc = identify(s, v, &id);
	if (rc)
		return rc;
	struct item *before = table_take(s->listing ? &s->next : &s->now, id.ns, id.name, id.hash);
	if (before && !s->listing)
		tell_deleted(s, before);
	wr_kube_item_unref(before ? &before->public : NULL);
	return 0;
}

static int on_commit(void *arg)
{
	struct wr_kube_store *s = arg;
	struct table old = s->now;
	s->now = s->next;
	s->next = (struct table){0};
	s->listing = false;
	for (size_t i = 0; old.slots && i <= old.mask; i++) {
		struct item *b = old.slots[i];
		if (b && !table_get(&s->now, b->public.ns, b->public.name, b->hash))
			tell_deleted(s, b);
	}
	for (size_t i = 0; s->now.slots && i <= s->now.mask; i++) {
		struct item *item = s->now.slots[i];
		struct item *b = item ? table_get(&old, item->public.ns, item->public.name,
						  item->hash)
				      : NULL;
		if (item != b)
			tell_change(s, b, item);
	}
	table_clear(&old);
	if (s->on.synced)
		s->on.synced(s->arg);
	return 0;
}

static void on_status(void *arg, const struct wr_kube_status *status)
{
	struct wr_kube_store *s = arg;
	if (s->on.status)
		s->on.status(s->arg, status);
}

/* --- Life, and looking in --- */

int wr_kube_store_new(struct wr_kube *k, enum wr_kind kind, const char *ns,
		      const struct wr_kube_store_handlers *handlers, void *arg,
		      struct wr_kube_store **out)
{
	static const struct wr_kube_feed_handlers feed = {on_begin, on_item, on_commit,
							  on_put,   on_gone, on_status};
	const struct wr_kube_kind *info = wr_kube_kind_of(kind);
	if (!info)
		return -ENOTSUP;
	struct wr_kube_store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	if (!k->pool)
		k->pool = wr_kube_pool_new();
	s->pool = k->pool;
	s->kind = kind;
	s->namespaced = info->namespaced;
	s->type.api = info->api;
	snprintf(s->type.kind, sizeof(s->type.kind), "%s", wr_kind_name(kind));
	s->arg = arg;
	if (handlers)
		s->on = *handlers;
	int rc = s->pool ? wr_vec_push(&k->stores, s) : -ENOMEM;
	if (!rc) {
		rc = wr_kube_feed_new(k, kind, ns, false, &feed, s, &s->feed);
		k->stores.n -= rc < 0;
	}
	if (rc) {
		wr_kube_store_free(s);
		return rc;
	}
	wr_kube_feed_want(s->feed, wr_kube_wanted(kind));
	*out = s;
	return 0;
}

void wr_kube_store_free(struct wr_kube_store *s)
{
	table_clear(&s->now);
	table_clear(&s->next);
	wr_arena_free(s->scratch);
	wr_diags_free(s->diags);
	free(s);
}

const struct wr_kube_status *wr_kube_store_status(const struct wr_kube_store *s)
{
	return wr_kube_feed_status(s->feed);
}

enum wr_kind wr_kube_store_kind(const struct wr_kube_store *s)
{
	return s->kind;
}

size_t wr_kube_store_count(const struct wr_kube_store *s)
{
	return s->now.n;
}

const struct wr_kube_item *wr_kube_store_get(const struct wr_kube_store *s, const char *ns,
					     const char *name)
{
	const struct item *i = table_get(&s->now, ns, name, hash_of(ns, name));
	return i ? &i->public : NULL;
}

const struct wr_kube_item *wr_kube_store_next(const struct wr_kube_store *s, size_t *at)
{
	while (s->now.slots && *at <= s->now.mask) {
		const struct item *i = s->now.slots[(*at)++];
		if (i)
			return &i->public;
	}
	return NULL;
}

uint64_t wr_kube_digest(const char *ns, const char *name, const char *version)
{
	const char *parts[] = {ns ? ns : "", name, version};
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < 3; i++) {
		for (const char *c = parts[i]; *c; c++)
			h = (h ^ (unsigned char)*c) * 1099511628211u;
		h = (h ^ '/') * 1099511628211u;
	}
	return h ^ h >> 29;
}

size_t wr_kube_store_size(const struct wr_kube_store *s)
{
	return s->bytes + (s->now.slots ? (s->now.mask + 1) * sizeof(struct item *) : 0);
}

size_t wr_kube_shared_size(const struct wr_kube *k)
{
	return k->pool ? wr_kube_pool_size(k->pool) : 0;
}
