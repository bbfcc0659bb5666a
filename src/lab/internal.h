/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the lab's own files share. */
#include "base/buf.h"
#include "lab/lab.h"
#include "lab/netns.h"
#include "lab/run.h"

/* A pod that the documents ask for: a Pod's or a replica of a workload. */
struct wr_lab_want {
	const char *ns, *name;
	const struct wr_object *source;
	const struct wr_pod_spec *spec;
	const struct wr_label *labels;
	size_t n_labels;
	const char *owner_kind, *owner_name; /* or NULL */
	uint32_t node;                       /* from 0; WR_NONE: any */
	bool completed;                      /* has no network */
	size_t alloc; /* index into the state's pods; not for completed ones */
};
struct wr_lab_wants {
	WR_VEC(struct wr_lab_want) v;
};

/* ---- expand.c ---- */

/* The pods of objects; strings in the arena. Errors in diags. */
int wr_lab_expand(const struct wr_lab_state *s, const struct wr_objects *objects,
		  struct wr_arena *a, struct wr_lab_wants *out, struct wr_diags *diags);
/* Appends the JSON text of a Pod and of a Node. */
void wr_lab_pod_json(const struct wr_lab_state *s, const struct wr_lab_want *w, struct wr_buf *out);
void wr_lab_node_json(uint32_t node, struct wr_buf *out);

/* ---- alloc.c ---- */

/* Gives every pod that needs it a node and addresses; marks those of the state that are wanted. */
int wr_lab_alloc(struct wr_lab_state *s, struct wr_lab_wants *wants, struct wr_diags *diags);
/* Takes "ADDRESS[=NAME]" and ports into the state. */
int wr_lab_add_outside(struct wr_lab_state *s, const char *text, const char *const *ports,
		       size_t n_ports, struct wr_diags *diags);
/* Whether an address is one of the ranges that the lab itself uses (nodes, pods, Services). */
bool wr_lab_reserved(const struct wr_ip *ip, bool pods);

/* ---- world_build.c ---- */

/*
 * Makes the world of the state's lists; with: objects that are there, too, or
 * instead of others of their name (NULL: none).
 */
int wr_lab_build(struct wr_lab *lab, const struct wr_objects *with, struct wr_diags *diags);
/* Frees what wr_lab_build() made. */
void wr_lab_unbuild(struct wr_lab *lab);

/* ---- flows.c ---- */

#define WR_LAB_FLOWS "flows.jsonl" /* the agents' log of them */
/* Keeps the log at a bearable length. 0 or a negative errno. */
int wr_lab_flows_bound(const char *lab);

/* ---- api.c ---- */

/* Path of the file with what a pod's server says, for kubectl logs; in buf. */
const char *wr_lab_pod_log(char *buf, const char *lab, const char *ns, const char *pod);

/* ---- topology.c ---- */

/* The namespaces of nodes, wire and outside, and what joins them. */
int wr_lab_make_nodes(const struct wr_lab *lab, struct wr_diags *diags);
/* Nodes' side of all wanted pods that are not ready; then the pods' own side, which brings them up. */
int wr_lab_make_pods(const struct wr_lab *lab, struct wr_diags *diags);
int wr_lab_raise_pods(const struct wr_lab *lab, struct wr_diags *diags);
/* Takes away the network of pods that are not wanted, or not ready. */
int wr_lab_remove_pods(const struct wr_lab *lab, struct wr_diags *diags);

/* ---- servers.c ---- */

/* Starts the servers of pods and of the outside that should run and do not; stops others. */
int wr_lab_servers(struct wr_lab *lab, struct wr_diags *diags);
