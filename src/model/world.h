/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * World: an immutable snapshot of a cluster, resolved and interned.
 *
 * Pods stand for themselves or, in static manifests, for a workload's replicas
 * (one entry a workload, named by it). Labels are pairs of interned numbers.
 * Policies of all kinds have one form here: a tier, a subject, and ordered
 * rules with an action per direction; a NetworkPolicy is the case of tier
 * WR_TIER_NETWORKPOLICY with Accept rules only.
 *
 * Everything is in order of namespace, name and kind, so that equal inputs give
 * equal worlds. Reference-counted: wr_world_ref/unref. Objects are borrowed:
 * the arena and input that they live in must outlive the world.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/decode.h"
#include "api/object.h"
#include "base/inet.h"

#define WR_NONE UINT32_MAX

/* A key/value pair, and a key, as interned numbers (wr_world_label_id(), wr_world_key_id()). */
struct wr_label_id {
	uint32_t key;  /* of the key alone */
	uint32_t pair; /* of key=value */
};

struct wr_named_port {
	const char *name;
	uint16_t port;
	uint8_t proto;
};

struct wr_namespace {
	const char *name;
	struct wr_label_id *labels; /* kubernetes.io/metadata.name included; sorted by key id */
	size_t n_labels;
	const struct wr_object *object; /* NULL: only mentioned by other objects */
	uint32_t first_pod, n_pods;     /* its pods are contiguous in wr_world.pods */
};

struct wr_node {
	const char *name;
	struct wr_ip *ips;
	size_t n_ips;
	struct wr_label_id *labels; /* sorted by key id; none without its object */
	size_t n_labels;
	const struct wr_object *object; /* NULL: only mentioned by pods */
};

struct wr_pod {
	const char *ns, *name;
	enum wr_kind kind;          /* WR_KIND_POD, or the workload's kind that it stands for */
	uint32_t ns_index, node;    /* into namespaces, nodes; node WR_NONE: not known */
	struct wr_label_id *labels; /* sorted by key id */
	size_t n_labels;
	struct wr_ip *ips; /* none for completed pods and before they have an address */
	size_t n_ips;
	const struct wr_container_port *ports; /* as declared */
	size_t n_ports;
	bool host_network, completed;
	/*
	 * The workload that a Pod belongs to (its controller owner, a Pod without
	 * one itself), by which wr list groups: kind name and name.
	 */
	const char *owner_kind, *owner_name;
	const struct wr_object *object;
};

/* Services with the pods that they select (indices into pods; completed pods left out). */
struct wr_service {
	const char *ns, *name;
	uint32_t *pods;
	size_t n_pods;
	const struct wr_object *object;
};

/* Ingresses: to which Services an ingress controller sends. */
struct wr_ingress {
	const char *ns, *name;
	uint32_t *services; /* by backend of the object: index into services, WR_NONE: no such Service */
	const struct wr_object *object;
};

/* Requirements of a selector with interned labels; of equal selectors there is one (id). */
struct wr_selector {
	uint32_t id; /* index into wr_world.selectors */
	struct wr_req {
		enum wr_selector_op op;
		uint32_t key;
		uint32_t *pairs; /* sorted; also pairs that no object carries get numbers */
		size_t n;
	} * reqs;
	size_t n;
	const struct wr_label_selector *source; /* one of those it came from */
};

enum wr_peer_kind {
	WR_PEER_PODS,    /* by namespace and labels */
	WR_PEER_IPBLOCK, /* by address: an ipBlock, or one of a cluster-wide policy's networks */
	WR_PEER_NODES,   /* addresses of nodes, by the nodes' labels */
	WR_PEER_DOMAINS, /* by DNS name: nothing, while nobody learns which addresses these have */
	WR_PEER_NOTHING  /* a peer that cannot match */
};

struct wr_peer {
	enum wr_peer_kind kind;
	uint32_t ns_index;     /* WR_PEER_PODS: this namespace only; WR_NONE: ns_selector decides */
	uint32_t ns_selector;  /* selector id, or WR_NONE: all namespaces */
	uint32_t pod_selector; /* selector id, or WR_NONE: all pods */
	uint32_t node_selector; /* WR_PEER_NODES: selector id, or WR_NONE: all nodes */
	const char **domains;   /* WR_PEER_DOMAINS: as written */
	size_t n_domains;
	struct wr_cidr cidr;
	const struct wr_cidr *except;
	size_t n_except;
	struct wr_mark mark;
};

struct wr_port {
	enum { WR_PORTS_ALL, WR_PORTS_RANGE, WR_PORTS_NAMED } kind;
	uint8_t proto;        /* 0: whichever the pod's port of that name has (WR_PORTS_NAMED) */
	uint16_t first, last; /* last before first: no port at all */
	const char *name;
	struct wr_mark mark;
};

struct wr_rule {
	enum wr_action action;
	bool any_peer; /* peers is empty and every peer matches */
	bool any_port; /* ports is empty and every protocol and port matches */
	struct wr_peer *peers;
	size_t n_peers;
	struct wr_port *ports;
	size_t n_ports;
	const char *name; /* cluster-wide kinds: the rule's name or NULL */
	/*
	 * Why it fails closed, or NULL: one of its peers cannot be read, so that
	 * an Accept rule matches nothing (no peers), and a Deny or Pass rule denies
	 * everything (any_peer, any_port, WR_DENY).
	 */
	const char *fails_closed;
	struct wr_mark mark;
};

struct wr_policy {
	const char *ns, *name; /* ns NULL: cluster-wide */
	enum wr_tier tier;
	int32_t priority;         /* within a tier; lower first; 0 for NetworkPolicy */
	struct wr_peer subject;   /* kind WR_PEER_PODS */
	bool isolates[2];         /* NetworkPolicy: selected pods are isolated in this direction */
	struct wr_rule *rules[2]; /* by enum wr_direction */
	size_t n_rules[2];
	struct wr_mark mark;
	const struct wr_object *object;
};

struct wr_world {
	struct wr_namespace *namespaces;
	uint32_t n_namespaces;
	struct wr_node *nodes;
	uint32_t n_nodes;
	struct wr_pod *pods;
	uint32_t n_pods;
	struct wr_service *services;
	uint32_t n_services;
	struct wr_ingress *ingresses;
	uint32_t n_ingresses;
	/* by tier, priority, namespace, name, kind: the order of evaluation */
	struct wr_policy *policies;
	uint32_t n_policies;
	struct wr_selector *selectors;
	uint32_t n_selectors;
	uint32_t n_keys, n_pairs; /* interned label numbers are below these */
	struct wr_world_private *private;
};

/*
 * Resolves objects to a world. Pods whose workload object is also given
 * (ownerReferences, also over a ReplicaSet) replace that workload's entry.
 * 0; -ENOMEM; -EINVAL when something cannot be resolved (errors in diags).
 */
int wr_world_new(const struct wr_objects *objects, struct wr_diags *diags, struct wr_world **out);
struct wr_world *wr_world_ref(struct wr_world *w);
void wr_world_unref(struct wr_world *w); /* takes NULL */

/* Look-ups by name; index or WR_NONE. kind WR_KIND_COUNT: any kind (a Pod wins). */
uint32_t wr_world_find_namespace(const struct wr_world *w, const char *name);
uint32_t wr_world_find_pod(const struct wr_world *w, const char *ns, const char *name,
			   enum wr_kind kind);
uint32_t wr_world_find_node(const struct wr_world *w, const char *name);
uint32_t wr_world_find_service(const struct wr_world *w, const char *ns, const char *name);

/* The number that a Service's port has on a pod; 0: the pod has no port of that name. */
uint16_t wr_service_target(const struct wr_service_port *port, const struct wr_pod *pod);
/* The port of a Service that a backend of an Ingress names, by number or name; NULL: it has none. */
const struct wr_service_port *wr_service_backend_port(const struct wr_service *s,
						      const struct wr_ingress_backend *b);

/* "Admin", "NetworkPolicy" or "Baseline". */
const char *wr_tier_name(enum wr_tier tier);

/*
 * How messages call a policy: "shop/db", a cluster-wide one by its tier,
 * "Admin/deny-metadata" (no namespace has a capital letter). Returns buf.
 */
#define WR_POLICY_TITLE 384
const char *wr_policy_title(const struct wr_policy *p, char buf[WR_POLICY_TITLE]);

/*
 * Why a rule does not do what it says, as the end of a sentence ("has domain
 * names, ..."): a peer that nobody can read, names without addresses. NULL: it does.
 */
const char *wr_rule_shortcoming(const struct wr_rule *r);

/* Text of an interned label pair ("app=web") and key ("app"); WR_NONE gives NULL. */
const char *wr_world_pair_text(const struct wr_world *w, uint32_t pair);
const char *wr_world_key_text(const struct wr_world *w, uint32_t key);

/* Whether a selector (id; WR_NONE: everything) matches a set of labels sorted by key id. */
bool wr_selector_matches(const struct wr_world *w, uint32_t selector,
			 const struct wr_label_id *labels, size_t n);

/* In kubectl's notation, "app=web,tier in (a,b),!canary", from the arena; "" for everything. */
const char *wr_selector_format(const struct wr_world *w, uint32_t selector, struct wr_arena *a);
