/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Store: the objects, each as the JSON text that clients get, and a bounded
 * history of their changes.
 *
 * One counter numbers all changes (resourceVersion). The history is the queue
 * of every watch: a watch is a position in it, and what is no longer in it is
 * "compacted", as in etcd. It also gives lists as of an earlier version, so
 * that the pages of a chunked list show one state.
 *
 * Texts are reference-counted, immutable, and begin with
 * {"kind":"K","apiVersion":"A", so that lists can leave this out.
 */
#include <stdint.h>

#include "apiserver/resources.h"
#include "base/vec.h"

struct wr_blob {
	uint32_t refs;
	uint32_t size;
	uint64_t rv;
	char text[]; /* NUL-terminated */
};

struct wr_item {
	char *key; /* "namespace/name", or "name" */
	struct wr_blob *blob;
};

enum wr_change { WR_ADDED, WR_MODIFIED, WR_DELETED };

struct wr_past {
	uint64_t rv;
	enum wr_as_kind kind;
	enum wr_change change;
	char *key;
	struct wr_blob *blob, *before; /* before: NULL when added */
};

struct wr_db;
struct wr_catalog;

struct wr_store {
	uint64_t rv;                               /* of the last change */
	uint64_t compacted;                        /* changes up to this one are forgotten */
	WR_VEC(struct wr_item) items[WR_AS_KINDS]; /* sorted by key */
	struct wr_past *past;                      /* a ring of history places */
	size_t history, first, n;
	struct wr_db *db; /* or NULL: nothing survives */
	/* catalog.h: what definitions add, made anew when their count of changes is another */
	struct wr_catalog *catalog;
	uint64_t definitions;
	char *custom[WR_AS_KINDS - WR_AS_RESOURCES]; /* "plural.group" of each place, or NULL */
};

/* history: changes to remember, at least 1. -ENOMEM. */
int wr_store_init(struct wr_store *s, size_t history, uint64_t rv);
void wr_store_free(struct wr_store *s);

/* The object under a key, borrowed until the next change, or NULL. */
const struct wr_blob *wr_store_get(const struct wr_store *s, enum wr_as_kind kind, const char *key);

/* Index of the first item whose key is not less than this one. */
size_t wr_store_lower(const struct wr_store *s, enum wr_as_kind kind, const char *key);

/*
 * The next change, numbered s->rv + 1: a new text under a key, or its end, with
 * the last text. The text is copied. 0, -ENOMEM, or -EIO when it could not be
 * written to the database; then nothing has changed.
 */
int wr_store_put(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		 size_t size);
int wr_store_delete(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		    size_t size);

/* An object from the database, which makes no change. */
int wr_store_restore(struct wr_store *s, enum wr_as_kind kind, const char *key, const char *text,
		     size_t size, uint64_t rv);

/* The i-th change in the history, the oldest first. */
const struct wr_past *wr_store_past(const struct wr_store *s, size_t i);

/* The index of the first change after a version, s->n when there is none. */
size_t wr_store_after(const struct wr_store *s, uint64_t rv);

/* Forgets changes until at most this many are left. */
void wr_store_compact(struct wr_store *s, size_t keep);

/*
 * The objects of a kind whose keys begin with prefix and are >= from, as they were
 * at a version (0: now), in order. At most most (0: all) are given; *more tells
 * how many follow. out is to be freed with wr_vec_free(); the texts are
 * borrowed until the next change. 0, -ENOMEM, -ESTALE: compacted.
 */
struct wr_listing {
	struct entry {
		const char *key;
		const struct wr_blob *blob;
	} * items;
	size_t n, cap;
};
int wr_store_list(const struct wr_store *s, enum wr_as_kind kind, const char *prefix,
		  const char *from, uint64_t rv, struct wr_listing *out);
