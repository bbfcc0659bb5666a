/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server sends, from bytes to stores: any bytes as a watch, as a
 * streaming list and as a list in pages, cut into pieces of any size. What is
 * taken must be the same however it is cut, nothing outlives its bounds, and a
 * store that has seen all of it can still be read and freed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/feed.h"

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* What the owner of a store was told: names may come once, and go once. */
struct owner {
	struct wr_kube_store *store;
	long items;
	uint64_t sum; /* of what was told, in its order */
};

static void add(struct owner *o, const char *word, const struct wr_kube_item *i)
{
	CHECK(i->name && *i->name && i->version && *i->version);
	CHECK(i->object || i->problem);
	CHECK(!i->object || (i->object->meta.name && !i->object->value && !i->object->doc));
	for (const char *p = word; *p; p++)
		o->sum = o->sum * 31 + (unsigned char)*p;
	for (const char *p = i->name; *p; p++)
		o->sum = o->sum * 31 + (unsigned char)*p;
	for (const char *p = i->version; *p; p++)
		o->sum = o->sum * 31 + (unsigned char)*p;
	o->sum = o->sum * 31 + (i->problem ? 1 : 0);
}

static void added(void *arg, const struct wr_kube_item *item)
{
	struct owner *o = arg;
	o->items++;
	add(o, "added", item);
}

static void changed(void *arg, const struct wr_kube_item *before, const struct wr_kube_item *item)
{
	add(arg, "changed", before);
	add(arg, "to", item);
}

static void deleted(void *arg, const struct wr_kube_item *item)
{
	struct owner *o = arg;
	o->items--;
	CHECK(o->items >= 0);
	add(o, "deleted", item);
}

static const struct wr_kube_store_handlers handlers = {added, changed, deleted, NULL, NULL};

static const enum wr_kind kinds[] = {WR_KIND_POD,        WR_KIND_NETWORKPOLICY,
				     WR_KIND_SERVICE,    WR_KIND_NODE,
				     WR_KIND_INGRESS,    WR_KIND_CLUSTERNETWORKPOLICY,
				     WR_KIND_DEPLOYMENT, WR_KIND_NAMESPACE};

static struct wr_kube *kube_new(struct wr_kube_config *config)
{
	static const struct wr_kube_opts opts = {.no_streaming_lists = true};
	struct wr_kube *k = NULL;
	CHECK(!wr_kube_new(config, &opts, &k));
	return k;
}

/* A list that is here already, so that a watch has something to change. */
static void first_list(struct wr_kube_feed *f)
{
	CHECK(!f->on.begin(f->arg));
	f->state = WR_FEED_LISTING;
	CHECK(!wr_feed_commit(f, strdup("1")));
}

static void read_pieces(struct wr_kube_feed *f, const uint8_t *data, size_t size, size_t piece)
{
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = malloc(n);
		CHECK(copy);
		memcpy(copy, data + at, n);
		int rc = wr_feed_read(f, copy, n);
		free(copy);
		CHECK(!rc == (f->stop == WR_STOP_NONE));
		if (rc)
			return;
	}
}

static void read_end_of_list(struct wr_kube_feed *f)
{
	char *version = NULL, *token = NULL;
	if (f->stop != WR_STOP_NONE || wr_feed_read_page(f, &version, &token))
		return;
	CHECK(version && *version && (!token || *token));
	free(token);
	CHECK(!wr_feed_commit(f, version));
}

/* 0: a watch, 1: a streaming list, 2: a list. What the owner was told, as a number. */
static uint64_t run(enum wr_kind kind, unsigned mode, const uint8_t *data, size_t size,
		    size_t piece)
{
	struct wr_kube_config config = {.server = "http://localhost"};
	struct wr_kube *k = kube_new(&config);
	struct owner o = {0};
	CHECK(!wr_kube_store_new(k, kind, NULL, &handlers, &o, &o.store));
	struct wr_kube_feed *f = k->feeds.items[0];
	if (mode == 0) {
		first_list(f);
		f->state = WR_FEED_WATCHING;
	} else {
		f->state = mode == 1 ? WR_FEED_STREAMING : WR_FEED_LISTING;
		CHECK(!f->on.begin(f->arg));
	}
	wr_feed_read_begin(f, mode == 2);
	read_pieces(f, data, size, piece);
	if (mode == 2)
		read_end_of_list(f);
	/* what was read before an error stays, and can be looked at */
	size_t n = 0;
	const struct wr_kube_item *i;
	for (size_t at = 0; (i = wr_kube_store_next(o.store, &at)); n++)
		CHECK(wr_kube_store_get(o.store, i->ns, i->name) == i);
	CHECK(n == wr_kube_store_count(o.store) && (long)n == o.items);
	wr_kube_free(k);
	return o.sum + (f ? 0 : 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum wr_kind kind = kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))];
	unsigned mode = data[0] / 16 % 3;
	size_t piece = data[1] ? data[1] : 1;
	uint64_t whole = run(kind, mode, data + 2, size - 2, size);
	CHECK(run(kind, mode, data + 2, size - 2, piece) == whole);
	return 0;
}
