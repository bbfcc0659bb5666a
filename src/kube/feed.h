/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A feed's state, shared by feed.c (what to ask next) and feed_read.c (what comes). */
#include "kube/internal.h"

enum wr_feed_state {
	WR_FEED_WAITING,   /* for due */
	WR_FEED_LISTING,   /* a page of a list is coming */
	WR_FEED_STREAMING, /* a streaming list is coming */
	WR_FEED_WATCHING,
	WR_FEED_ASKING, /* whether the server has the kind at all */
	WR_FEED_ENDED   /* listed once, and done */
};

/* Why the reader stopped a transfer. */
enum wr_feed_stop {
	WR_STOP_NONE,
	WR_STOP_EXPIRED, /* 410: a new list, at once */
	WR_STOP_RETRY,   /* the server is in trouble: go on from here, later */
	WR_STOP_BROKEN,  /* nobody can read this: a new list, later */
	WR_STOP_REFUSED  /* it does not know streaming lists */
};

struct wr_kube_feed {
	struct wr_kube *k;
	enum wr_kind kind;
	const struct wr_kube_kind *info;
	char *ns;
	bool once;
	struct wr_kube_feed_handlers on;
	void *arg;
	const struct wr_json_want *want; /* what the owner needs of an object; NULL: all */
	struct wr_kube_status status;

	enum wr_feed_state state;
	uint64_t due; /* WAITING: when to go on; a watch: when to give up; 0: never */
	struct wr_kube_transfer *transfer;
	uint64_t began; /* the transfer */
	bool opened;    /* its header has come */
	bool heard;     /* it brought something */
	char *version;  /* to watch from; NULL: a list is needed */
	char *token;    /* the next page's, or NULL */
	uint32_t page;  /* objects a page; 0: all in one */
	bool no_streaming, unauthorized, expired, asked_groups;
	bool held;           /* the owner may hold objects */
	uint64_t items;      /* in the list that is coming */
	uint64_t pages;      /* of it */
	uint64_t early_ends; /* streaming lists that ended before the list did */
	uint64_t backoff;    /* the last pause */
	unsigned refusals;   /* of the watch from version, one after the other */

	/* the reader */
	struct wr_kube_split split;
	struct wr_arena *scratch;
	enum wr_feed_stop stop;
	uint32_t retry; /* seconds, of an ERROR event */
	char why[WR_KUBE_ERROR];
};

/* Prepares to read an answer: of a list, or of a watch. */
void wr_feed_read_begin(struct wr_kube_feed *f, bool list);

/* Bytes of an answer. 0, or not: f->stop and f->why tell. */
int wr_feed_read(void *arg, const char *bytes, size_t n);

/*
 * The end of a page. *token: of the next page, or NULL (malloc'ed); *version
 * (malloc'ed). -EBADMSG: it is not there or no list of the kind, f->why tells.
 */
int wr_feed_read_page(struct wr_kube_feed *f, char **version, char **token);

/* A list is complete: hands over to the owner; the feed watches from version (taken over). */
int wr_feed_commit(struct wr_kube_feed *f, char *version);

/*
 * The server does what it should: a watch has brought something, or lived.
 * Pauses begin anew. (A list alone proves nothing: where every watch after it
 * fails, lists must become rarer, too.)
 */
void wr_feed_proven(struct wr_kube_feed *f);

/* A key's text in a map; NULL: none, or no text, or empty. */
const char *wr_feed_text(const struct wr_value *map, const char *key);
