/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the agent's files share.
 *
 *	source_kube.c	the API's objects, from stores that follow it
 *	source_files.c	a folder's, read whole when something in it changes
 *	sync.c		what the source says to what is in force
 *	fence.c		the wait for packets under way
 *	who.c		whose an address is, and what is said about it
 *	conditions.c	what is told of cluster-wide policies in their status
 *	events.c	what the kernel tells of connections: flow log and followers
 *	totals.c	connections by rule, over all generations
 *	report.c	what the agent says of itself: status, readiness, metrics
 *	http.c		/healthz, /readyz, /metrics
 *	control.c	the socket for weir status and weir flows
 *	host.c, host_look.c	what of the node is in the way
 *	confine.c	what is given up when all is open
 *	agent.c		the loop, the lock, the signals
 */
#include <uv.h>

#include "agent/agent.h"
#include "agent/conditions.h"
#include "agent/host.h"
#include "api/decode.h"
#include "base/buf.h"
#include "base/vec.h"
#include "datapath/datapath.h"
#include "engine/live.h"

struct agent;

/* ---- sources ---- */

typedef int (*object_fn)(void *ctx, const struct wr_object *o);

struct source {
	/* Whether all of it has been read once; before that there is nothing to enforce. */
	bool (*synced)(void *self);
	/*
	 * Reads what each() goes through from now on; NULL: it is told as it changes.
	 * 0, or negative errno with errors in diags: nothing changes. What was read
	 * before stays until drop(): then the last load is what is used, or is not.
	 */
	int (*load)(void *self, struct wr_diags *diags);
	void (*drop)(void *self, bool used);
	/* Calls fn with every object; stops at its first error. */
	int (*each)(void *self, object_fn fn, void *ctx);
	/* Its part of the status, as JSON members with a comma before each. */
	void (*describe)(void *self, struct wr_buf *out);
	/* Its metrics. */
	void (*metrics)(void *self, struct wr_buf *out);
	/* What keeps it from being trusted, in words, or NULL. */
	const char *(*trouble)(void *self);
	/* What it needs for as long as it runs, for confine(). */
	unsigned (*needs)(void *self);
	void (*stop)(void *self);
};

#define SOURCE_NEEDS_FILES 1u    /* files that may be another user's */
#define SOURCE_NEEDS_PROGRAMS 2u /* programs that it starts */

/*
 * They call agent_changed() when something has changed, and agent_put() and
 * agent_removed() where they know what; an object lives until it is replaced or removed.
 */
int source_kube_new(struct agent *a, const struct source **out, void **self,
		    struct wr_diags *diags);
int source_files_new(struct agent *a, const struct source **out, void **self,
		     struct wr_diags *diags);

/* The store of a kind; NULL: the source is no API. */
const struct wr_kube_store *source_kube_store(const struct agent *a, enum wr_kind kind);

/* ---- the agent ---- */

#define HISTOGRAM_BUCKETS 12
struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS + 1], count; /* the last: more than all bounds */
	double sum;
};

/* What is in force. */
struct enforced {
	bool any;
	uint32_t generation;
	double since;   /* wall-clock seconds */
	double took_ms; /* from the first change to its being in force */
};

/* The wait for packets under way, in a thread of its own (fence.c). */
struct fence {
	uv_work_t work;
	uv_sem_t done;
	const struct wr_datapath *dp;
	uint64_t ticket;
	bool running;   /* its callback is still to come */
	bool abandoned; /* and is to do nothing: the datapath was closed */
	int rc;
};

struct agent {
	const struct wr_agent_opts *opts;
	uv_loop_t loop;
	uv_timer_t sync_timer, check_timer;
	uv_signal_t sigterm, sigint;
	bool stopping, confined;
	int rc;

	const struct source *source;
	void *source_self;

	/* sync.c */
	struct wr_datapath *dp;
	bool opened_early;
	struct wr_cidr *pod_cidrs; /* this node's, as the datapath has them */
	uint32_t n_pod_cidrs;
	struct wr_live *live; /* what the source says, as tables; NULL: not yet */
	bool rebuild;         /* it is to be made anew */
	bool replace;         /* the datapath is to be told all of it */
	bool ahead;           /* of what is in force */
	bool tables_due;      /* its tables have changed and are not in force */
	struct fence fence;
	struct wr_map *totals;            /* totals.c */
	const struct wr_program *counted; /* whose authors the kernel counts by, if it is known */
	struct enforced now;
	bool dirty;        /* something has changed that is not in force */
	uint64_t dirty_ns; /* since when (monotonic) */
	char problem[512]; /* why the last try failed, or "" */
	uint32_t failures; /* in a row */
	struct histogram sync_seconds;
	uint64_t syncs, sync_errors, repairs;

	/* host_look.c */
	struct host_findings host;
	uint64_t host_checked_ns;
	uint32_t host_generation; /* in force when that was */
	bool host_failed, host_timestamp;

	/* events.c */
	uv_poll_t *events; /* of the datapath that is open, or NULL */
	uint64_t flow_second;
	uint32_t flows_in_second;
	uint64_t flows_seen, flows_limited;
	WR_VEC(char *) recent; /* the last lines, oldest first */

	struct conditions conditions;

	/* http.c and control.c */
	uv_tcp_t http;
	uv_pipe_t control;
	WR_VEC(struct client *) followers;
};

void agent_log(struct agent *a, enum wr_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The first errors of diags, one log line each. */
void agent_log_diags(struct agent *a, const struct wr_diags *diags);
/* Something has changed: it is going to be in force soon. */
void agent_changed(struct agent *a);
void agent_put(struct agent *a, const struct wr_object *o);
void agent_removed(struct agent *a, const struct wr_object *o);

/* sync.c */
void sync_now(struct agent *a);
void sync_check(struct agent *a); /* whether what is loaded is still as it was left */
void sync_free(struct agent *a);

/* fence.c */
int fence_init(struct agent *a);
void fence_start(struct agent *a);   /* where something waits for one */
void fence_abandon(struct agent *a); /* waits: before the datapath is closed */

/* who.c: a program of all that matters for connections between two addresses. */
struct who {
	WR_VEC(struct wr_object *) objects;
	struct wr_world *world;
	struct wr_program *program;
};
int who_is(const struct agent *a, const struct wr_ip ips[2], struct who *out);
void who_free(struct who *w);

/* ---- conditions.c ---- */

/* Begins to write to an API. With conditions_free() after the loop's handles are closed. */
void conditions_start(struct agent *a, struct wr_kube *kube);
void conditions_free(struct agent *a);

/* An object of a cluster-wide kind, as the server sent it, before the store tells of it. */
void conditions_seen(struct agent *a, enum wr_kind kind, const struct wr_value *object);

void conditions_gone(struct agent *a, enum wr_kind kind, const char *name);

/* All that is known is in force: what is not told yet may be. */
void conditions_enforced(struct agent *a);

/* The text of a condition about a policy; true: all of it is enforced. */
bool condition_text(const struct wr_kube_item *item, char text[1024], const char **reason);

/* Milliseconds to wait among so many nodes, of a random number. */
uint64_t condition_wait(size_t nodes, uint32_t failures, uint64_t random);

/* events.c */
int events_start(struct agent *a); /* after the datapath was opened */
void events_stop(struct agent *a);
void events_free(struct agent *a);

/* host_look.c */
void host_check(struct agent *a);
const char *host_trouble(struct agent *a); /* or NULL */
void host_metrics(struct agent *a, struct wr_buf *out);

/* confine.c: 0, or negative errno with errors in diags. */
int confine(struct agent *a, struct wr_diags *diags);

/* totals.c */
void totals_take(struct agent *a);  /* before another generation */
void totals_begin(struct agent *a); /* the live tables are in force */
void totals_put(struct agent *a, struct wr_buf *out);

/* report.c */
bool report_ready(struct agent *a, struct wr_buf *why);
void report_status(struct agent *a, struct wr_buf *out);
void report_metrics(struct agent *a, struct wr_buf *out);
void histogram_add(struct histogram *h, double seconds);

/* http.c */
int http_start(struct agent *a, struct wr_diags *diags);
void http_end(uv_handle_t *connection);

/* control.c */
int control_start(struct agent *a, struct wr_diags *diags);
void control_end(uv_handle_t *connection);
void control_flow(struct agent *a, const char *line); /* to all who follow */
