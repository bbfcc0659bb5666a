/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of this folder share. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/vec.h"
#include "input/input.h"
#include "kube/kube.h"

#define WR_KUBE_ERROR 512 /* bytes of an error's text */

uint64_t wr_kube_now_ms(void); /* monotonic */

/* --- Credentials (secret.c, exec.c) --- */

/* Something to be known: given in the configuration, or in a file that may change. */
struct wr_kube_secret {
	const char *path; /* NULL: given; text is the config's */
	char *text;       /* NULL: there is none. malloc'ed where path is set */
	struct timespec changed;
	ino_t inode;
	off_t size;
};

/* Reads the file where it has changed. 0; -errno when it cannot be read: text stays as it was. */
int wr_kube_secret_refresh(struct wr_kube_secret *s);
void wr_kube_secret_free(struct wr_kube_secret *s);

/* A program that tells credentials (client.authentication.k8s.io). */
struct wr_kube_exec {
	const char *api;
	char **argv;      /* NULL-terminated; argv[0] as it is to be started */
	char **env;       /* "NAME=value" to be added, NULL-terminated */
	const char *hint; /* installHint or NULL */
	enum { WR_EXEC_NEVER, WR_EXEC_IF_AVAILABLE, WR_EXEC_ALWAYS } interactive;
	const char *cluster_json; /* spec.cluster of KUBERNETES_EXEC_INFO; NULL: not wanted */
	char *token, *cert, *key; /* what it told; malloc'ed */
	int64_t expires;          /* seconds since 1970; 0: not said */
	bool stale;               /* the server has refused them */
};

/*
 * Runs the program where it has not told yet, or what it told is over. Waits
 * for its end (a person may have to type a password). 0, or -errno with error.
 */
int wr_kube_exec_refresh(struct wr_kube_exec *e, char error[WR_KUBE_ERROR]);
void wr_kube_exec_clear(struct wr_kube_exec *e);

/* Reads what a program printed into e; for exec.c and its tests. */
int wr_kube_exec_read(struct wr_kube_exec *e, const char *text, size_t size,
		      char error[WR_KUBE_ERROR]);

/* --- The configuration (kubeconfig.c) --- */

struct wr_kube_config {
	struct wr_arena *arena;
	const char *context, *server, *ns;
	const char *proxy;    /* or NULL */
	const char *tls_name; /* tls-server-name or NULL */
	bool insecure, no_compression;
	struct wr_kube_secret ca, cert, key, token;
	const char *basic; /* "user:password" or NULL */
	const char *as, *as_uid, **as_groups;
	size_t n_as_groups;
	struct wr_kube_exec *exec; /* or NULL */
};

/* The same from a pod's environment (in_cluster.c). -ENOENT: this is no pod. */
int wr_kube_config_in_cluster(struct wr_kube_config *c, const char *dir, struct wr_diags *diags);

/* Whether credentials may be sent to this server: over TLS, or to this machine. */
bool wr_kube_config_is_private(const char *server);

/* Brings credentials up to date before a request. 0, or -errno with an error's text. */
int wr_kube_config_refresh(struct wr_kube_config *c, char error[WR_KUBE_ERROR]);

/* The server has refused the credentials: programs are to be asked again. */
void wr_kube_config_distrust(struct wr_kube_config *c);

/* --- Splitting what comes in into objects (split.c) --- */

/*
 * Finds the objects in a stream of bytes that is cut anywhere: of a watch the
 * top-level objects, of a list the members of its "items". What is left of a
 * list (the shell: kind, metadata, "items":[]) can be read at its end. Only
 * brackets and strings are looked at; the JSON reader judges the rest.
 */
struct wr_kube_split {
	bool list;
	int (*object)(void *arg, const char *text, size_t size);
	void *arg;
	size_t max_bytes, max_values, max_objects;
	/* private */
	WR_VEC(char) shell, object_text;
	size_t values, objects;
	unsigned depth;
	bool in_string, escaped, in_items, complete;
	char before; /* within items: the last thing that stood there: '[', ',' or '}' */
	char closers[WR_KUBE_OBJECT_DEPTH + 2];
};

void wr_kube_split_init(struct wr_kube_split *s, bool list,
			int (*object)(void *arg, const char *text, size_t size), void *arg);

/*
 * 0; what object() returned where it was not 0; -EBADMSG: this is not JSON, or
 * no object; -EMSGSIZE: past a bound; -ENOMEM. After an error no more can be fed.
 */
int wr_kube_split_feed(struct wr_kube_split *s, const char *bytes, size_t n);

/* Nothing is begun and not ended; a list: it is all there. */
bool wr_kube_split_complete(const struct wr_kube_split *s);
void wr_kube_split_free(struct wr_kube_split *s);

/* What -EBADMSG and -EMSGSIZE of a splitter mean, with its bounds. */
const char *wr_kube_split_problem(const struct wr_kube_split *s, int error,
				  char buf[WR_KUBE_ERROR]);

/* --- Transfers (transfer.c) --- */

/* How a transfer ended. */
struct wr_kube_result {
	int error;        /* 0, or -errno: -ECANCELED: a handler of ours stopped it */
	int status;       /* HTTP status; 0: none came */
	uint32_t retry;   /* Retry-After in seconds; 0: not said */
	const char *text; /* an error in words, or a Status's message; never NULL */
	const char *body; /* of an answer that is not 200 */
};

struct wr_kube_transfer_spec {
	const char *path; /* with query */
	const char *method, *body, *content_type;
	bool watch;   /* may be silent; ends at limit_ms */
	bool collect; /* keep the body whatever the status is, up to max_bytes, and call no data() */
	size_t max_bytes;
	uint64_t limit_ms;         /* of the whole transfer; 0: none */
	void (*opened)(void *arg); /* the header of an answer 200 is there; or NULL */
	/* bytes of an answer 200; anything but 0 stops the transfer */
	int (*data)(void *arg, const char *bytes, size_t n);
	void (*done)(void *arg, const struct wr_kube_result *result, const char *body, size_t size);
	void (*dropped)(void *arg); /* freed before done(); or NULL */
	void *arg;
};

struct wr_kube_transfer;

/* Queues a transfer; it begins with the next wr_kube_run(). 0 or -ENOMEM. */
int wr_kube_transfer_new(struct wr_kube *k, const struct wr_kube_transfer_spec *spec,
			 struct wr_kube_transfer **out);

/* Ends it without done(); not from within data(). */
void wr_kube_transfer_free(struct wr_kube *k, struct wr_kube_transfer *t);

/* For the client: begins the first in the queue; ends one that is over, calls done() and frees. */
int wr_kube_transfer_begin(struct wr_kube *k, struct wr_kube_transfer *t);
void wr_kube_transfer_end(struct wr_kube *k, struct wr_kube_transfer *t, int curl_code);
size_t wr_kube_transfers_queued(const struct wr_kube *k);

/* --- The client (client.c) --- */

struct wr_kube {
	struct wr_kube_config *config;
	struct wr_kube_opts opts;
	char *user_agent;
	void *multi; /* CURLM */
	int epoll, timer;
	uint64_t curl_due; /* 0: none */
	bool running;      /* within wr_kube_run() */
	uint64_t random;
	WR_VEC(struct wr_kube_feed *) feeds;
	WR_VEC(struct wr_kube_store *) stores;
	struct wr_kube_pool *pool; /* of the stores' objects; NULL before the first */
	struct wr_kube_transfer *queued, *active; /* lists */
};

/* A number of milliseconds between ms and twice that. */
uint64_t wr_kube_jitter(struct wr_kube *k, uint64_t ms);

/* Something is due earlier than the timer knows: call after setting a feed's due. */
void wr_kube_wake(struct wr_kube *k);

/* --- Feeds (feed.c) --- */

uint64_t wr_kube_feed_due(const struct wr_kube_feed *f); /* 0: nothing to do until bytes come */
void wr_kube_feed_tick(struct wr_kube_feed *f, uint64_t now);
void wr_kube_feed_free(struct wr_kube_feed *f);

/* Only what is wanted of objects is read from now on; the rest is not even looked at. */
void wr_kube_feed_want(struct wr_kube_feed *f, const struct wr_json_want *want);
void wr_kube_store_free(struct wr_kube_store *s);

/* What a kind's URL and lists are made of (kinds.c); NULL: not known. */
struct wr_kube_kind {
	const char *path; /* "/api/v1/pods" */
	const char *api, *resource;
	bool namespaced, optional;
};
const struct wr_kube_kind *wr_kube_kind_of(enum wr_kind kind);

/* What a store needs to be read of a kind's objects (wanted.c); NULL: all. */
const struct wr_json_want *wr_kube_wanted(enum wr_kind kind);

/* --- Small objects (share.c, compact.c, same.c) --- */

/* Contents that objects share; a pool lives until its owners and all that is in it are gone. */
struct wr_kube_pool;
struct wr_kube_pool *wr_kube_pool_new(void);            /* NULL: out of memory */
void wr_kube_pool_unref(struct wr_kube_pool *p);        /* takes NULL */
size_t wr_kube_pool_size(const struct wr_kube_pool *p); /* in bytes */

/*
 * A reference to a copy of these contents (labels sorted; marks without lines),
 * which is read only. NULL: out of memory, or text was NULL. n is at least 1.
 */
const char *wr_kube_share_text(struct wr_kube_pool *p, const char *text);
void *wr_kube_share_bytes(struct wr_kube_pool *p, const void *bytes, size_t size);
struct wr_label *wr_kube_share_labels(struct wr_kube_pool *p, const struct wr_label *labels,
				      size_t n);
struct wr_container_port *wr_kube_share_ports(struct wr_kube_pool *p,
					      const struct wr_container_port *ports, size_t n);
void wr_kube_unshare(const void *contents); /* takes NULL */

/*
 * A copy of a decoded object in one piece of memory (malloc'ed), with what weir
 * does not need left out: trees and lines, uid, and the phase of a pod that is
 * not over. before bytes are left free in front of it; *size is all of the
 * piece. The copy is no longer than its kind needs. Its namespace, owner and
 * labels, and a pod's node, ports and host's addresses are in the pool:
 * wr_kube_compact_release() before free(). NULL: out of memory.
 */
void *wr_kube_compact(const struct wr_object *o, size_t before, struct wr_kube_pool *pool,
		      size_t *size);
void wr_kube_compact_release(const struct wr_object *o);

/* Whether two objects have the same in all that a compact copy keeps. */
bool wr_kube_same(const struct wr_object *a, const struct wr_object *b);

/* Whether a pod has ended for good. */
bool wr_kube_is_over(const struct wr_pod_object *pod);
