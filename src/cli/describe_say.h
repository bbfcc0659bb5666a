/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The words that descriptions of all kinds of policies share: pods and how
 * many, peers, ports. Text comes from the arena of the description; what runs
 * out of memory sets failed and gives "".
 */
#include "cli/describe_text.h"

#define WR_SAY_NAMES 8 /* names that are listed before "and N more" */

struct wr_say {
	const struct wr_world *w;
	struct wr_arena *a;
	const struct wr_policy *policy;
	struct wr_description *out;
	bool failed; /* out of memory */
};

const char *wr_say_text(struct wr_say *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void wr_say_add(struct wr_say *s, struct wr_texts *list, const char *t);
/* A sentence more under "Remarks". */
void wr_say_remark(struct wr_say *s, const char *t);

const char *wr_say_plural(size_t n);                     /* "" or "s" */
const char *wr_say_direction(enum wr_direction dir);     /* "egress" */
const char *wr_say_selector(struct wr_say *s, uint32_t); /* "app=web"; "" for everything */

/* What policies can select: a pod of the host's network is its node. */
bool wr_say_selectable(const struct wr_pod *pod);
/* Whether a peer or subject of kind WR_PEER_PODS has a pod's labels. */
bool wr_say_holds(const struct wr_world *w, const struct wr_peer *peer, const struct wr_pod *pod,
		  bool any_namespace);
/* Whether two policies select a pod together. */
bool wr_say_shares(const struct wr_world *w, const struct wr_policy *p, const struct wr_policy *q);

struct wr_said_count {
	size_t pods, workloads, namespaces;
};
struct wr_said_count wr_say_count(const struct wr_world *w, const struct wr_peer *peer);
/* "2 pods and 1 workload in 2 namespaces" */
const char *wr_say_count_text(struct wr_say *s, struct wr_said_count c);

/* Fills subject, selects and pods, and remarks on them. */
void wr_say_subject(struct wr_say *s);
/* "pods with app=web in namespaces with team=x: 2 pods" */
const char *wr_say_peer(struct wr_say *s, const struct wr_peer *peer);
/* "TCP 80", "TCP http (8080)" */
const char *wr_say_port(struct wr_say *s, enum wr_direction dir, size_t rule,
			const struct wr_port *port);

/* describe_cluster.c: a policy of the Admin or Baseline tier. */
void wr_say_cluster_policy(struct wr_say *s);
/* Adds "Admin/deny-metadata (priority 10)". */
void wr_say_policy(struct wr_say *s, struct wr_texts *list, const struct wr_policy *p);
/* "a, b and 3 more" */
const char *wr_say_list(struct wr_say *s, const struct wr_texts *list);
