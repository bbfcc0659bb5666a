/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of weir lab kubelet share. */
#include "apiserver/json_text.h"
#include "apiserver/tree.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "kube/kube.h"
#include "lab/api.h"

#define WR_KUBELET_KINDS 13

/* What the API says, listed anew before every turn. */
struct wr_listing_of {
	char *body;              /* a List, as the server sent it; NULL: it has not the kind */
	struct wr_value **items; /* in the turn's arena */
	size_t n;
};

struct wr_kubelet {
	const char *name;              /* of the lab */
	void (*log)(const char *text); /* what went wrong and is tried again */
	struct wr_kube_config *config;
	struct wr_kube *kube;
	bool dirty;          /* something has changed since the turn began */
	struct wr_map *seen; /* uids of owners that were there once */
	struct wr_map *sent; /* hashes of what was written, by path */
	/* of a turn */
	struct wr_tree tree;
	struct wr_listing_of lists[WR_KIND_COUNT];
	size_t changes;       /* that the turn made in the API */
	int64_t look_again_s; /* the next turn comes after this though nothing changes; 0: none */
	WR_VEC(int) waiting;  /* sockets of those who asked when all is made */
	char error[600];
};

/* ---- kubelet_api.c ---- */

/* Follows all kinds: k->dirty tells of changes. 0 or a negative errno. */
int wr_kubelet_watch(struct wr_kubelet *k);

/* Lists all kinds. 0, or a negative errno with k->error. */
int wr_kubelet_list(struct wr_kubelet *k);
void wr_kubelet_forget(struct wr_kubelet *k);

/*
 * One request, and wait. The status, or a negative errno; k->error tells what
 * the server said to one that it refused. patch: a merge patch. ask: any of
 * them (body may be NULL); the answer to one that succeeds is in the turn's arena.
 */
int wr_kubelet_ask(struct wr_kubelet *k, const char *method, const char *path,
		   const struct wr_buf *body, struct wr_value **answer);
int wr_kubelet_post(struct wr_kubelet *k, const char *path, const struct wr_buf *body);
int wr_kubelet_patch(struct wr_kubelet *k, const char *path, const struct wr_buf *body);
int wr_kubelet_delete(struct wr_kubelet *k, const char *path);

/* "/api/v1/namespaces/NS/pods[/NAME][/SUB]", in the turn's arena. */
const char *wr_kubelet_path(struct wr_kubelet *k, enum wr_kind kind, const char *ns,
			    const char *name, const char *sub);

/* Parts of metadata; never NULL ("" where missing). */
const char *wr_meta_text(const struct wr_value *o, const char *key);

/* ---- kubelet.c ---- */

/* Appends the time, as JSON. */
void wr_kubelet_time(struct wr_buf *t);

/* ---- endpoints.c ---- */

/* Writes the endpoints of all Services. 0 or a negative errno. */
int wr_kubelet_endpoints(struct wr_kubelet *k, const struct wr_lab *lab);

/* ---- ended.c ---- */

/* Writes down that a pod's containers have ended, with a code. The status, or a negative errno. */
int wr_kubelet_pod_ended(struct wr_kubelet *k, const struct wr_value *pod, int code);

/* ---- control.c ---- */

/* What the controllers do: pods of workloads, and what lost its owner. */
int wr_kubelet_control(struct wr_kubelet *k, uint32_t n_nodes);
/* How far workloads have come. */
int wr_kubelet_workload_status(struct wr_kubelet *k);

/* ---- mirror.c ---- */

/* Makes the lab follow what was listed; *out is the open lab. */
int wr_kubelet_follow(struct wr_kubelet *k, struct wr_diags *diags, struct wr_lab **out);

/* ---- settle.c ---- */

/* Somebody waits from now on. */
bool wr_settle_take(struct wr_kubelet *k, int listener);
/* Tells all who wait that a turn found nothing to do, or (problem) that it failed. */
void wr_settle_answer(struct wr_kubelet *k, const char *problem);

/* ---- remote.c ---- */

/* Listens on a socket in the lab's folder, as that for sessions in pods. fd or a negative errno. */
int wr_remote_listen(const char *path);
/* One session, to its end, in a process of its own. */
void wr_remote_serve(struct wr_kubelet *k, int fd);
