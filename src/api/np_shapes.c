/* SPDX-License-Identifier: Apache-2.0 */
#include "api/np_shapes.h"

#define END                \
	{                  \
		NULL, NULL \
	}
#define UNDER_SPEC "it belongs under spec"
#define UNDER_METADATA "it belongs under metadata"
#define UNDER_SELECTOR "labels belong to a selector: podSelector or namespaceSelector"
#define UNDER_IP_BLOCK "it belongs under ipBlock"
#define IN_A_RULE_PORTS "it belongs to a rule: under ingress or egress, as - ports: [...]"
#define IN_PORTS "it belongs under ports, in a list item: - port: 80"
#define BESIDE_SELECTOR "it belongs to spec, beside podSelector"

static const char *const top_fields[] = {"apiVersion", "kind", "metadata", "spec", "status", NULL};
static const struct wr_misplaced top_misplaced[] = {
	{"podSelector", UNDER_SPEC}, {"ingress", UNDER_SPEC},         {"egress", UNDER_SPEC},
	{"policyTypes", UNDER_SPEC}, {"name", UNDER_METADATA},        {"namespace", UNDER_METADATA},
	{"labels", UNDER_METADATA},  {"annotations", UNDER_METADATA}, END,
};
const struct wr_shape wr_np_shape_top = {top_fields, top_misplaced};

static const char *const spec_fields[] = {"podSelector", "policyTypes", "ingress", "egress", NULL};
static const struct wr_misplaced spec_misplaced[] = {
	{"ports", IN_A_RULE_PORTS},
	{"port", IN_A_RULE_PORTS},
	{"protocol", IN_A_RULE_PORTS},
	{"from", "it belongs to a rule: under ingress, as - from: [...]"},
	{"to", "it belongs to a rule: under egress, as - to: [...]"},
	{"namespaceSelector", "a policy applies to its own namespace (metadata.namespace); "
			      "namespaceSelector belongs to a "
			      "peer, under from or to"},
	{"ipBlock", "it belongs to a peer: under from or to, as - ipBlock: ..."},
	{"matchLabels", "it belongs under podSelector"},
	{"matchExpressions", "it belongs under podSelector"},
	{"selector", "did you mean \"podSelector\"?"},
	{"name", UNDER_METADATA},
	{"namespace", UNDER_METADATA},
	{"labels", UNDER_METADATA},
	{"priority", "NetworkPolicies have no order: what any of them allows is allowed"},
	{"action", "a NetworkPolicy only allows; what no rule allows is denied"},
	END,
};
const struct wr_shape wr_np_shape_spec = {spec_fields, spec_misplaced};

#define AS_A_PEER(list, field) "it belongs to a peer: under " list ", as - " field ": ..."
#define RULE_COMMON(list)                                                                        \
	{"podSelector", AS_A_PEER(list, "podSelector")},                                         \
		{"namespaceSelector", AS_A_PEER(list, "namespaceSelector")},                     \
		{"ipBlock", AS_A_PEER(list, "ipBlock")},                                         \
		{"cidr", AS_A_PEER(list, "ipBlock: {cidr: ...}")}, {"port", IN_PORTS},           \
		{"protocol", IN_PORTS}, {"endPort", IN_PORTS}, {"policyTypes", BESIDE_SELECTOR}, \
		{"matchLabels", UNDER_SELECTOR}, {"matchExpressions", UNDER_SELECTOR},           \
	{                                                                                        \
		"action", "a NetworkPolicy only allows; what no rule allows is denied"           \
	}

static const char *const ingress_fields[] = {"from", "ports", NULL};
static const struct wr_misplaced ingress_misplaced[] = {
	RULE_COMMON("from"),
	{"to", "an ingress rule has from: who may connect; to belongs to a rule of egress"},
	{"egress", BESIDE_SELECTOR},
	{"ingress", "rules are items of one list: - from: [...]"},
	END,
};
static const char *const egress_fields[] = {"to", "ports", NULL};
static const struct wr_misplaced egress_misplaced[] = {
	RULE_COMMON("to"),
	{"from", "an egress rule has to: where to connect; from belongs to a rule of ingress"},
	{"ingress", BESIDE_SELECTOR},
	{"egress", "rules are items of one list: - to: [...]"},
	END,
};
const struct wr_shape wr_np_shape_rule[2] = {
	[WR_EGRESS] = {egress_fields, egress_misplaced},
	[WR_INGRESS] = {ingress_fields, ingress_misplaced},
};

#define PEER_COMMON(list)                                                                       \
	{"ports", "ports stands beside " list ", at the same depth, not inside a peer"},        \
		{"port", "ports stands beside " list ", at the same depth, not inside a peer"}, \
		{"protocol",                                                                    \
		 "ports stands beside " list ", at the same depth, not inside a peer"},         \
		{"matchLabels", UNDER_SELECTOR}, {"matchExpressions", UNDER_SELECTOR},          \
		{"cidr", UNDER_IP_BLOCK}, {"except", UNDER_IP_BLOCK},                           \
		{"from", "peers are items of one list: each starts with \"- \""},               \
		{"to", "peers are items of one list: each starts with \"- \""},                 \
		{"namespace",                                                                   \
		 "a namespace is chosen by its labels: namespaceSelector: {matchLabels: "       \
		 "{kubernetes.io/metadata.name: NAME}}"},                                       \
	{                                                                                       \
		"serviceSelector", "a peer is podSelector, namespaceSelector or ipBlock; a "    \
				   "Service cannot be named, select its pods"                   \
	}

static const char *const peer_fields[] = {"podSelector", "namespaceSelector", "ipBlock", NULL};
static const struct wr_misplaced ingress_peer_misplaced[] = {PEER_COMMON("from"), END};
static const struct wr_misplaced egress_peer_misplaced[] = {PEER_COMMON("to"), END};
const struct wr_shape wr_np_shape_peer[2] = {
	[WR_EGRESS] = {peer_fields, egress_peer_misplaced},
	[WR_INGRESS] = {peer_fields, ingress_peer_misplaced},
};

static const char *const port_fields[] = {"port", "protocol", "endPort", NULL};
static const struct wr_misplaced port_misplaced[] = {
	{"from", "it stands beside ports, at the same depth"},
	{"to", "it stands beside ports, at the same depth"},
	{"targetPort", "write port: the pod's own port, after a Service has translated"},
	{"containerPort", "did you mean \"port\"?"},
	{"name", "a named port is written as port: NAME"},
	END,
};
const struct wr_shape wr_np_shape_port = {port_fields, port_misplaced};

static const char *const ip_block_fields[] = {"cidr", "except", NULL};
static const struct wr_misplaced ip_block_misplaced[] = {
	{"cidrs", "one ipBlock has one cidr: write a peer for each"},
	{"ip", "write cidr: ADDRESS/32 (IPv6: /128)"},
	{"exceptions", "did you mean \"except\"?"},
	END,
};
const struct wr_shape wr_np_shape_ip_block = {ip_block_fields, ip_block_misplaced};
