/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The YAML of suggestions: peers, rules and policies that say one connection,
 * as people write them, from column 0. Words are quoted where YAML would read
 * them as something else.
 *
 * Text comes from the arena. What runs out of memory sets nomem and gives "".
 */
#include "engine/program.h"

struct wr_yaml {
	const struct wr_world *world;
	struct wr_arena *arena;
	bool nomem;
};

/* One end of a connection. */
struct wr_yaml_end {
	uint32_t pod;    /* WR_NONE: no pod */
	struct wr_ip ip; /* its address; family 0: none */
};

const char *wr_yaml_printf(struct wr_yaml *y, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "- podSelector: ..." for an end that is the peer of a policy in own_ns; "": it has no words. */
const char *wr_yaml_peer(struct wr_yaml *y, const struct wr_yaml_end *end, const char *own_ns);

/* "- from: ..." with one peer and one port. Protocols without ports: no ports. */
const char *wr_yaml_rule(struct wr_yaml *y, enum wr_direction dir, const struct wr_yaml_end *peer,
			 uint8_t proto, uint16_t port, const char *own_ns);

/*
 * The selector of a pod by the labels that do not belong to one replica; starts
 * after the colon. within: NULL, or a selector that holds the pod; then no pod
 * is selected that it does not hold (but for labels of one replica).
 */
const char *wr_yaml_pod_labels(struct wr_yaml *y, const struct wr_pod *pod,
			       const struct wr_label_selector *within, int indent);

/* A selector as it was read; starts after the colon. */
const char *wr_yaml_selector(struct wr_yaml *y, const struct wr_label_selector *s, int indent);

/* A whole NetworkPolicy with one rule. selector: as the two functions above give it, for 4. */
const char *wr_yaml_policy(struct wr_yaml *y, enum wr_direction dir, const char *ns,
			   const char *name, const char *selector, const char *rule);

/* A name for that policy, "db-from-web", which no NetworkPolicy of the namespace has. */
const char *wr_yaml_policy_name(struct wr_yaml *y, enum wr_direction dir,
				const struct wr_yaml_end *subject, const struct wr_yaml_end *peer);

/* ---- cluster-wide policies: suggest_yaml_cluster.c ---- */

/*
 * "- action: ..." with one peer and one port, as a kind writes it; "": the end
 * has no words there (an address is no peer of ingress).
 */
const char *wr_yaml_cluster_rule(struct wr_yaml *y, enum wr_kind kind, enum wr_direction dir,
				 enum wr_action action, const struct wr_yaml_end *peer,
				 uint8_t proto, uint16_t port);

/* A ClusterNetworkPolicy or AdminNetworkPolicy for pods like one, with one rule. */
const char *wr_yaml_cluster_policy(struct wr_yaml *y, const struct wr_policy *like,
				   int32_t priority, enum wr_direction dir, const char *name,
				   const struct wr_pod *subject, const char *rule);

/* A name for it that no policy of that kind has. */
const char *wr_yaml_cluster_name(struct wr_yaml *y, enum wr_kind kind, enum wr_direction dir,
				 const struct wr_yaml_end *subject, const struct wr_yaml_end *peer);

/* ---- what both need ---- */

/* A name, or a label's key or value; quoted where it would be no string. */
const char *wr_yaml_word(struct wr_yaml *y, const char *s);
/* Every line of s indented. */
const char *wr_yaml_indented(struct wr_yaml *y, const char *s, int n);
/* "db-from-web" */
const char *wr_yaml_base_name(struct wr_yaml *y, enum wr_direction dir,
			      const struct wr_yaml_end *subject, const struct wr_yaml_end *peer);
