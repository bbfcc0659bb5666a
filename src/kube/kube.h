/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A client of the Kubernetes API: which cluster and as whom (kubeconfig or the
 * credentials of a pod), list and watch that survive what API servers and
 * networks do, and stores that hold what they bring.
 *
 * One thread, no thread of its own, and one file descriptor: poll wr_kube_fd()
 * for reading and call wr_kube_run() when it is readable. Everything else
 * (sockets, timers, retries) lies behind it. Handlers run inside wr_kube_run();
 * they may start requests, but not free the client, a feed or a store.
 *
 *	struct wr_kube_config *config;
 *	wr_kube_config_load(&(struct wr_kube_source){.context = "prod"}, diags, &config);
 *	wr_kube_new(config, NULL, &kube);
 *	wr_kube_store_new(kube, WR_KIND_POD, NULL, &handlers, me, &pods);
 *	for (;;) { poll(wr_kube_fd(kube)); wr_kube_run(kube); }
 *
 * What an API server says is never trusted with more than its objects: every
 * buffer has a bound (below), and an answer that cannot be read leaves the
 * stores as they were.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/object.h"
#include "base/diag.h"

/* Bounds of what a server can send; past each there is an error, a pause, and a new list. */
#define WR_KUBE_OBJECT_BYTES ((size_t)16 << 20) /* one object or event */
#define WR_KUBE_OBJECT_VALUES 400000            /* JSON values in one object or event */
#define WR_KUBE_OBJECT_DEPTH 100                /* levels of nesting */
#define WR_KUBE_OBJECTS 2000000                 /* objects of one list */
#define WR_KUBE_RETRY_AFTER 600                 /* seconds that a server can ask us to wait */

/* --- Which cluster, and as whom ------------------------------------------------------------ */

struct wr_kube_source {
	const char *kubeconfig; /* a file; NULL: $KUBECONFIG (several, by ':'), ~/.kube/config */
	const char *context;    /* NULL: the current-context */
	bool in_cluster;        /* a pod's own credentials, and no kubeconfig */
	const char *in_cluster_dir; /* NULL: /var/run/secrets/kubernetes.io/serviceaccount */
};

struct wr_kube_config;

/*
 * A credential plugin (exec) is run, and waited for, when a request needs what
 * it tells: wr_kube_run() then takes as long as the plugin does (a minute at
 * most; ten where it may ask a person). Pods' own credentials never wait.
 */

/*
 * Reads the configuration. Without kubeconfig, context and in_cluster, and
 * where no kubeconfig file exists, a pod's own credentials are used when there
 * are some. -EINVAL: it cannot be used; errors with file, line and column are
 * in diags. -ENOMEM. Free it after the clients that use it.
 */
int wr_kube_config_load(const struct wr_kube_source *source, struct wr_diags *diags,
			struct wr_kube_config **out);
void wr_kube_config_free(struct wr_kube_config *c); /* takes NULL */

const char *wr_kube_config_server(const struct wr_kube_config *c);    /* its URL */
const char *wr_kube_config_context(const struct wr_kube_config *c);   /* or NULL: in-cluster */
const char *wr_kube_config_namespace(const struct wr_kube_config *c); /* "default" if not said */
bool wr_kube_config_has_plugin(const struct wr_kube_config *c); /* a program for credentials */

/* --- The client ---------------------------------------------------------------------------- */

struct wr_kube_opts {
	const char *user_agent;     /* default "weir" */
	uint32_t page;              /* objects that a list asks for at a time; default 500 */
	bool no_streaming_lists;    /* never ask for sendInitialEvents */
	uint32_t connect_ms;        /* default 10 s */
	uint32_t stall_seconds;     /* an answer other than a watch that stands still; default 30 */
	uint32_t watch_seconds;     /* a watch's timeoutSeconds: this to twice this; default 300 */
	uint32_t watch_grace_ms;    /* how long after its timeoutSeconds it is cut; default 15 s */
	uint32_t keepalive_seconds; /* idle time before TCP asks whether anyone is there; default 15 */
	uint32_t initial_ms;     /* silence at which a streaming list is given up; default 10 s */
	uint32_t backoff_ms;     /* first pause after a failure; default 800 */
	uint32_t backoff_max_ms; /* longest; default 30 s */
	uint32_t absent_ms;      /* how often to look for a kind that is not installed; 30 s */
};

struct wr_kube;

/* The config is borrowed. opts NULL, or 0 in a field: the default. 0, -ENOMEM, or -errno. */
int wr_kube_new(struct wr_kube_config *config, const struct wr_kube_opts *opts,
		struct wr_kube **out);

/* Ends all that is running without calling any handler, and frees feeds and stores. Takes NULL. */
void wr_kube_free(struct wr_kube *k);

/* Readable when there is something to do. An epoll descriptor: it can stand in any event loop. */
int wr_kube_fd(const struct wr_kube *k);

/* Does what there is to do, without waiting. 0 or -errno (of the machine, never of the server). */
int wr_kube_run(struct wr_kube *k);

/* --- Single requests ----------------------------------------------------------------------- */

struct wr_kube_request {
	const char *method;       /* NULL: GET */
	const char *path;         /* "/api/v1/..." with its query */
	const char *body;         /* or NULL */
	const char *content_type; /* of the body */
	size_t max_bytes;         /* of the answer; default 1 MiB */
};

struct wr_kube_response {
	int error;        /* 0: there was an answer; else -errno, and message says more */
	int status;       /* HTTP status */
	const char *body; /* NUL-terminated */
	size_t size;
	const char *message; /* of an error, or of a Status that the server sent; never NULL */
};

/* done is called once, from wr_kube_run(), and not at all after wr_kube_free(). 0 or -ENOMEM. */
int wr_kube_send(struct wr_kube *k, const struct wr_kube_request *request,
		 void (*done)(void *arg, const struct wr_kube_response *response), void *arg);

/* --- Feeds: one kind's objects, listed and watched ----------------------------------------- */

struct wr_kube_status {
	bool synced; /* a whole list has come through once */
	bool live;   /* and a watch is running now */
	bool absent; /* the server does not have the kind (of those that need not be there) */
	uint64_t objects, events, bookmarks, lists, watches, failures; /* counts */
	uint64_t unchanged; /* of the objects: those of which nothing that is kept had changed */
	uint64_t bytes;     /* read, after unpacking */
	uint64_t heard_ms;  /* monotonic time of the last byte from the server */
	int code;           /* HTTP status of the last failure; 0: it was another */
	char error[512];    /* of the last failure, "" after a success */
};

struct wr_value;

/*
 * What a feed brings. In a list (from begin to commit) every object comes as
 * item, and gone() takes one back; those that a commit has not heard of are
 * gone. put() and gone() are the watch's. A value lives until the handler returns.
 * Each returns 0, or -ENOMEM; -EINVAL says that the value is no object: the feed
 * starts over. item and put may return WR_KUBE_UNCHANGED, which is counted.
 */
#define WR_KUBE_UNCHANGED 1

struct wr_kube_feed_handlers {
	int (*begin)(void *arg);
	int (*item)(void *arg, const struct wr_value *object);
	int (*commit)(void *arg);
	int (*put)(void *arg, const struct wr_value *object);
	int (*gone)(void *arg, const struct wr_value *object);
	/* the status has changed in synced, live, absent or error; or NULL */
	void (*status)(void *arg, const struct wr_kube_status *status);
};

struct wr_kube_feed;

/*
 * Starts to list and watch a kind in all namespaces (ns NULL) or in one; once:
 * lists it and is done. The client owns the feed. 0, -ENOMEM; -ENOTSUP: the
 * client knows no path for the kind.
 */
int wr_kube_feed_new(struct wr_kube *k, enum wr_kind kind, const char *ns, bool once,
		     const struct wr_kube_feed_handlers *handlers, void *arg,
		     struct wr_kube_feed **out);
const struct wr_kube_status *wr_kube_feed_status(const struct wr_kube_feed *f);

/* "/apis/networking.k8s.io/v1/networkpolicies"; NULL: the kind has no path. */
const char *wr_kube_kind_path(enum wr_kind kind);

/* --- Stores: a feed's objects by namespace and name ----------------------------------------- */

/*
 * An object as the server has it: decoded, and nothing kept that weir does not
 * need (no value tree, no document, no uid, no phase but that of a pod that is
 * over; marks say the kind's path as file and no line). Immutable but for its
 * version, and counted: hold one by wr_kube_item_ref(). The object is no longer
 * than its kind needs: it cannot be copied as a struct.
 *
 * An update in which nothing is other that is kept here (a heartbeat in a status,
 * an annotation) is no change: the item stays and its version moves on.
 */
struct wr_kube_item {
	const struct wr_object *object; /* NULL: never read without errors */
	const char *ns, *name;          /* ns NULL: cluster-wide */
	const char *version;            /* resourceVersion: not to be held on to */
	/*
	 * Why the newest version cannot be read (object is then the last good
	 * one, or NULL); NULL: it can.
	 */
	const char *problem;
};

struct wr_kube_item *wr_kube_item_ref(const struct wr_kube_item *item);
void wr_kube_item_unref(const struct wr_kube_item *item); /* takes NULL */

/*
 * Handlers may be NULL. raw gets what is about to be decoded, before any other
 * is called for it. before and item live at least until the handler returns.
 */
struct wr_kube_store_handlers {
	void (*added)(void *arg, const struct wr_kube_item *item);
	/*
	 * The same name; the uid may be another's: deleted and made again
	 * meanwhile. Something that is kept has changed, or the uid.
	 */
	void (*changed)(void *arg, const struct wr_kube_item *before,
			const struct wr_kube_item *item);
	void (*deleted)(void *arg, const struct wr_kube_item *before);
	/* the store is a whole list's state: the first time, and after every new list */
	void (*synced)(void *arg);
	void (*status)(void *arg, const struct wr_kube_status *status);
	void (*raw)(void *arg, const struct wr_value *object);
};

struct wr_kube_store;

/* Follows a kind into a store. Errors as wr_kube_feed_new(). */
int wr_kube_store_new(struct wr_kube *k, enum wr_kind kind, const char *ns,
		      const struct wr_kube_store_handlers *handlers, void *arg,
		      struct wr_kube_store **out);

const struct wr_kube_status *wr_kube_store_status(const struct wr_kube_store *s);
enum wr_kind wr_kube_store_kind(const struct wr_kube_store *s);
size_t wr_kube_store_count(const struct wr_kube_store *s);

/* NULL: not there. ns NULL for cluster-wide kinds. */
const struct wr_kube_item *wr_kube_store_get(const struct wr_kube_store *s, const char *ns,
					     const char *name);

/* The next item after *at (0 to begin), in no order; NULL at the end. */
const struct wr_kube_item *wr_kube_store_next(const struct wr_kube_store *s, size_t *at);

/*
 * A number for an object's name and version (ns NULL or "": cluster-wide). The
 * sum over a kind's objects tells whether two parties have heard the same.
 */
uint64_t wr_kube_digest(const char *ns, const char *name, const char *version);

/* Bytes that the store holds, without what objects share. */
size_t wr_kube_store_size(const struct wr_kube_store *s);

/* Bytes of what the objects of a client's stores share. */
size_t wr_kube_shared_size(const struct wr_kube *k);
