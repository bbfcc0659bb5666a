/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Objects: Kubernetes API objects as their authors wrote them, defaults filled
 * in, every field that weir uses with its mark. Decoded from value trees by
 * api/decode.h; all memory belongs to the arena given there.
 *
 * Field names follow the Kubernetes types (k8s.io/api); "n" counts the array
 * before it. A NULL or zero mark.file means that the author did not write it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/inet.h"
#include "input/value.h"

enum wr_kind {
	WR_KIND_NAMESPACE,
	WR_KIND_POD,
	WR_KIND_NODE,
	WR_KIND_SERVICE,
	WR_KIND_DEPLOYMENT,
	WR_KIND_REPLICASET,
	WR_KIND_STATEFULSET,
	WR_KIND_DAEMONSET,
	WR_KIND_REPLICATIONCONTROLLER,
	WR_KIND_JOB,
	WR_KIND_CRONJOB,
	WR_KIND_NETWORKPOLICY,
	WR_KIND_INGRESS,
	WR_KIND_CLUSTERNETWORKPOLICY,
	WR_KIND_ADMINNETWORKPOLICY,
	WR_KIND_BASELINEADMINNETWORKPOLICY,
	WR_KIND_COUNT
};

/* IP protocol numbers as NetworkPolicy names them; any other number is possible in flows. */
enum wr_proto { WR_ICMP = 1, WR_TCP = 6, WR_UDP = 17, WR_ICMPV6 = 58, WR_SCTP = 132 };

struct wr_label {
	const char *key, *value;
	struct wr_mark mark;
};

struct wr_meta {
	const char *name; /* never NULL; "" where missing was tolerated */
	const char *ns;   /* namespaced kinds: "default" when left out; else NULL */
	struct wr_label *labels;
	size_t n_labels;                     /* sorted by key, keys unique */
	const char *owner_kind, *owner_name; /* first controller ownerReference, or NULL */
	const char *uid;                     /* or NULL */
	struct wr_mark mark;                 /* of metadata.name, or of the object */
};

enum wr_selector_op { WR_OP_IN, WR_OP_NOT_IN, WR_OP_EXISTS, WR_OP_NOT_EXISTS };

/* matchLabels k: v is requirement k In (v); they come first, sorted by key. */
struct wr_requirement {
	const char *key;
	enum wr_selector_op op;
	const char **values;
	size_t n;
	struct wr_mark mark;
};

/* metav1.LabelSelector; no requirements selects everything. */
struct wr_label_selector {
	struct wr_requirement *reqs;
	size_t n;
	struct wr_mark mark;
};

struct wr_container_port {
	const char *name; /* NULL: unnamed */
	uint16_t port;
	uint8_t proto; /* enum wr_proto */
	struct wr_mark mark;
};

/* core/v1 PodSpec as far as weir needs it; ports of regular and sidecar containers. */
struct wr_pod_spec {
	const char *node; /* nodeName or NULL */
	bool host_network;
	struct wr_container_port *ports;
	size_t n_ports;
};

struct wr_pod_object {
	struct wr_pod_spec spec;
	const char *phase; /* status.phase or NULL */
	struct wr_ip *ips; /* status.podIPs (podIP first), parsed, unique */
	size_t n_ips;
	struct wr_ip *host_ips; /* status.hostIP(s) */
	size_t n_host_ips;
};

struct wr_workload_object {
	uint32_t replicas;       /* spec.replicas, default 1; DaemonSet: 0 */
	struct wr_label *labels; /* of the pod template, sorted by key */
	size_t n_labels;
	struct wr_pod_spec spec;
};

struct wr_node_object {
	struct wr_ip *ips; /* status.addresses of type InternalIP and ExternalIP */
	size_t n_ips;
	struct wr_cidr *pod_cidrs;
	size_t n_pod_cidrs;
};

struct wr_service_port {
	const char *name; /* or NULL */
	uint8_t proto;
	uint16_t port;
	uint16_t target_port;    /* 0 when target_name is set; default: port */
	const char *target_name; /* named target port, or NULL */
	uint16_t node_port;      /* 0: none */
	struct wr_mark mark;
};

struct wr_service_object {
	const char *type;          /* default "ClusterIP" */
	bool headless;             /* clusterIP: None */
	struct wr_ip *cluster_ips; /* as written; empty: to be assigned */
	size_t n_cluster_ips;
	struct wr_label *selector; /* sorted by key; n 0: no selector */
	size_t n_selector;
	struct wr_service_port *ports;
	size_t n_ports;
	bool want_ipv4, want_ipv6; /* from ipFamilies and ipFamilyPolicy; both false: not said */
};

/* networking.k8s.io/v1 Ingress: a Service that an ingress controller sends to. */
struct wr_ingress_backend {
	const char *host;      /* of its rule; NULL: any, or the default backend */
	const char *service;   /* name, in the Ingress's namespace */
	uint16_t port;         /* the Service's port; 0: by name */
	const char *port_name; /* or NULL */
	struct wr_mark mark;
};

struct wr_ingress_object {
	const char *class_name; /* or NULL */
	struct wr_ingress_backend *backends;
	size_t n_backends;
};

struct wr_np_port {
	uint8_t proto; /* default WR_TCP */
	enum { WR_PORT_ALL, WR_PORT_RANGE, WR_PORT_NAMED } kind;
	uint16_t first, last; /* WR_PORT_RANGE, inclusive */
	const char *name;     /* WR_PORT_NAMED */
	struct wr_mark mark;
};

struct wr_np_peer {
	bool has_ip_block;
	struct wr_cidr cidr;
	struct wr_cidr *except;
	size_t n_except;
	struct wr_label_selector *ns_selector;  /* NULL: not set */
	struct wr_label_selector *pod_selector; /* NULL: not set */
	struct wr_mark mark;
};

struct wr_np_rule {
	struct wr_np_peer *peers; /* n_peers 0: any peer */
	size_t n_peers;
	struct wr_np_port *ports; /* n_ports 0: every port and protocol */
	size_t n_ports;
	struct wr_mark mark;
};

enum wr_direction { WR_EGRESS, WR_INGRESS };

/* networking.k8s.io/v1 NetworkPolicy; arrays indexed by enum wr_direction. */
struct wr_np_object {
	struct wr_label_selector pod_selector;
	bool isolates[2]; /* policyTypes, defaulted as the API server does */
	struct wr_np_rule *rules[2];
	size_t n_rules[2];
	struct wr_mark rules_mark[2]; /* of the ingress:/egress: field, where written */
};

/* Tiers in order of evaluation; a NetworkPolicy is the whole of the middle one. */
enum wr_tier { WR_TIER_ADMIN, WR_TIER_NETWORKPOLICY, WR_TIER_BASELINE };
enum wr_action { WR_ACCEPT, WR_DENY, WR_PASS };

/*
 * A peer, or the subject, of a cluster-wide policy. The API's schema lets some
 * things pass that nobody can read (a selector's operator "in", a network
 * without a length): unreadable says what it is, and the peer fails closed.
 */
struct wr_cp_peer {
	enum { WR_CP_PODS, WR_CP_NODES, WR_CP_NETWORKS, WR_CP_DOMAINS } kind;
	struct wr_label_selector namespaces, pods; /* WR_CP_PODS; namespaces alone: all pods */
	struct wr_label_selector nodes;            /* WR_CP_NODES */
	struct wr_cidr *networks;                  /* WR_CP_NETWORKS, masked */
	size_t n_networks;
	const char **domains; /* WR_CP_DOMAINS, as written: "example.com", "*.example.com" */
	size_t n_domains;
	const char *unreadable; /* or NULL */
	struct wr_mark mark;
};

struct wr_cp_rule {
	const char *name; /* or NULL */
	enum wr_action action;
	struct wr_cp_peer *peers; /* at least one */
	size_t n_peers;
	/*
	 * n_ports 0: every port and protocol. A named port has proto 0: whatever
	 * protocol the pod's port of that name has. A range that begins after its
	 * end holds nothing: v1alpha1 takes such ranges, and protocols that do not
	 * exist, which are then the name of a range with proto 0.
	 */
	struct wr_np_port *ports;
	size_t n_ports;
	struct wr_mark mark;
};

/*
 * policy.networking.k8s.io: ClusterNetworkPolicy (v1alpha2), and its elders
 * AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1), whose Allow is
 * Accept here. Arrays indexed by enum wr_direction.
 */
struct wr_cp_object {
	enum wr_tier tier;
	int32_t priority;          /* 0..1000, lower first; 0 for BaselineAdminNetworkPolicy */
	struct wr_cp_peer subject; /* WR_CP_PODS */
	struct wr_cp_rule *rules[2];
	size_t n_rules[2];
};

struct wr_object {
	enum wr_kind kind;
	struct wr_meta meta;
	struct wr_mark mark;           /* of the object's first field */
	const struct wr_document *doc; /* borrowed; the document that it came from */
	const struct wr_value *value;  /* its tree (an item's, within a List) */
	union {
		struct wr_pod_object pod;
		struct wr_workload_object workload; /* DEPLOYMENT .. CRONJOB */
		struct wr_node_object node;
		struct wr_service_object service;
		struct wr_np_object np;
		struct wr_ingress_object ingress;
		struct wr_cp_object cp; /* CLUSTERNETWORKPOLICY and the two after it */
	};
};

/* "Pod", "NetworkPolicy", ... */
const char *wr_kind_name(enum wr_kind kind);

/* The kind of a name in any of kubectl's spellings (Pod, pods, po, netpol, deploy ...), or -EINVAL. */
int wr_kind_parse(const char *text);

/* True for DEPLOYMENT .. CRONJOB. */
bool wr_kind_is_workload(enum wr_kind kind);

/* True for ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy. */
bool wr_kind_is_cluster_policy(enum wr_kind kind);

/* True for these and NetworkPolicy. */
bool wr_kind_is_policy(enum wr_kind kind);

/* "TCP", "UDP", "SCTP", "ICMP", "ICMPv6", or the number as text (static buffers, never NULL). */
const char *wr_proto_name(uint8_t proto);

/* A protocol by name (any case) or number 0..255; or -EINVAL. */
int wr_proto_parse(const char *text);

/* True for the protocols that have ports in NetworkPolicy: TCP, UDP, SCTP. */
bool wr_proto_has_ports(uint8_t proto);
