/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/profiles.h"

/*
 * The one table. Sources are threads and files of the projects themselves,
 * "project#number" on GitHub. docs/profiles.md shows it; a test holds both
 * together.
 */
const struct wr_profile wr_profiles[] = {
	{"Calico", WR_TOPIC_IPBLOCK_PODS, "matches the pods", "projectcalico/calico#6634"},
	{"Cilium", WR_TOPIC_IPBLOCK_PODS, "never matches a pod", "cilium/cilium#9209"},
	{"weir", WR_TOPIC_IPBLOCK_PODS, "matches the pods, as the upstream tests need it",
	 "kubernetes/kubernetes:test/e2e/network/netpol"},
	{"Cilium", WR_TOPIC_IPBLOCK_NODES,
	 "does not match nodes, unless policyCIDRMatchMode is nodes", "cilium/cilium#20550"},
	{"weir", WR_TOPIC_IPBLOCK_NODES, "matches the nodes", "docs/architecture.md"},
	{"weir", WR_TOPIC_HOST_NETWORK, "never selects them; their traffic is the node's",
	 "kubernetes/website:network-policies.md (left open, this is the most common)"},
	{"Antrea", WR_TOPIC_HAIRPIN, "always allows a pod to reach itself through its Service",
	 "antrea-io/antrea#5687"},
	{"weir", WR_TOPIC_HAIRPIN,
	 "always allows it, but for rules of cluster-wide policies, which the standard lets judge "
	 "it",
	 "kubernetes-sigs/network-policy-api#390"},
	{"kube-router", WR_TOPIC_SCTP, "does not know SCTP", "cloudnativelabs/kube-router#1019"},
	{"weir", WR_TOPIC_SCTP, "enforces SCTP", "docs/architecture.md"},
	{"AWS network policy agent", WR_TOPIC_PORT_COUNT,
	 "keeps 24 ports for a peer, logs the rest and drops them from the rule",
	 "aws/aws-network-policy-agent:pkg/utils/utils.go"},
	{"weir", WR_TOPIC_PORT_COUNT, "has no such bound", "docs/architecture.md"},
	{"AWS network policy agent", WR_TOPIC_DUAL_STACK, "works with one IP family in a cluster",
	 "aws/aws-network-policy-agent:README.md"},
	{"weir", WR_TOPIC_DUAL_STACK, "enforces both families", "docs/architecture.md"},
	{"Calico", WR_TOPIC_LIVE, "lets them live on", "projectcalico/calico#6399"},
	{"Antrea", WR_TOPIC_LIVE, "lets them live on",
	 "antrea-io/antrea:docs/antrea-network-policy.md"},
	{"kube-router", WR_TOPIC_LIVE, "lets them live on",
	 "cloudnativelabs/kube-router:docs/how-it-works.md"},
	{"kube-network-policies", WR_TOPIC_LIVE, "judges them again and cuts them (--strict-mode)",
	 "kubernetes-sigs/kube-network-policies#268"},
	{"AWS network policy agent", WR_TOPIC_LIVE, "judges them again when policies change",
	 "aws/aws-network-policy-agent:pkg/ebpf/c/tc.v4ingress.bpf.c"},
	{"weir", WR_TOPIC_LIVE, "judges them again and cuts those that are forbidden now",
	 "docs/architecture.md"},
	{"Cilium", WR_TOPIC_START,
	 "allows until the labels are known, unless a policy selects that state",
	 "cilium/cilium:Documentation/security/policy/lifecycle.rst"},
	{"kube-router", WR_TOPIC_START, "allows until its rules are there",
	 "cloudnativelabs/kube-router#873"},
	{"kube-network-policies", WR_TOPIC_START, "allows until it knows the pod (--fail-open)",
	 "kubernetes-sigs/kube-network-policies:pkg/cmd/cmd.go"},
	{"AWS network policy agent", WR_TOPIC_START,
	 "allows until programmed; in strict mode denies until then",
	 "aws/aws-network-policy-agent#209"},
	{"Cilium", WR_TOPIC_CLUSTER,
	 "enforces them from 1.20 on, where --enable-k8s-cluster-network-policy is set",
	 "cilium/cilium#47227"},
	{"Calico", WR_TOPIC_CLUSTER,
	 "enforces them as policies of its tiers kube-admin and kube-baseline",
	 "projectcalico/calico#10810"},
	{"Antrea", WR_TOPIC_CLUSTER,
	 "enforces them from 2.7 on, where the feature gate ClusterNetworkPolicy is set",
	 "antrea-io/antrea:docs/cluster-network-policy.md"},
	{"kube-network-policies", WR_TOPIC_CLUSTER,
	 "enforces them in the image npa-v1alpha2, not in the standard one",
	 "kubernetes-sigs/kube-network-policies:site/content/docs/user/"
	 "flavors-and-architectures.md"},
	{"AWS network policy agent", WR_TOPIC_CLUSTER, "enforces both tiers",
	 "aws/aws-network-policy-agent#496"},
	{"weir", WR_TOPIC_CLUSTER, "enforces both tiers", "docs/tiers.md"},
	{"Calico", WR_TOPIC_ADMIN, "does not know them any more", "projectcalico/calico#11144"},
	{"Antrea", WR_TOPIC_ADMIN, "enforces them from 1.13 on; they are deprecated",
	 "antrea-io/antrea:docs/admin-network-policy.md"},
	{"OVN-Kubernetes", WR_TOPIC_ADMIN,
	 "enforces them; of AdminNetworkPolicy only priorities from 0 to 99",
	 "ovn-kubernetes/ovn-kubernetes:docs/features/network-security-controls/"
	 "admin-network-policy.md"},
	{"weir", WR_TOPIC_ADMIN, "enforces them, in one order with ClusterNetworkPolicies",
	 "docs/tiers.md"},
	{"OVN-Kubernetes", WR_TOPIC_PRIORITY, "tells it by an event, ANPWithDuplicatePriority",
	 "ovn-kubernetes/ovn-kubernetes:docs/features/network-security-controls/"
	 "admin-network-policy.md"},
	{"weir", WR_TOPIC_PRIORITY, "asks them in the order of their names", "docs/tiers.md"},
	{"kube-network-policies", WR_TOPIC_DOMAINS, "learns the addresses from DNS answers",
	 "kubernetes-sigs/kube-network-policies:site/content/docs/user/"
	 "flavors-and-architectures.md"},
	{"weir", WR_TOPIC_DOMAINS, "matches nothing: it does not learn addresses from DNS",
	 "docs/tiers.md"},
};
const size_t wr_n_profiles = sizeof(wr_profiles) / sizeof(wr_profiles[0]);

static const struct {
	const char *name, *text;
} topics[] = {
	[WR_TOPIC_IPBLOCK_PODS] = {"ipblock-pods", "an ipBlock covers addresses of pods"},
	[WR_TOPIC_IPBLOCK_NODES] = {"ipblock-nodes", "an ipBlock covers addresses of nodes"},
	[WR_TOPIC_HOST_NETWORK] = {"host-network",
				   "a policy's labels select pods of the host network"},
	[WR_TOPIC_HAIRPIN] = {"hairpin", "an isolated pod stands behind a Service: through it, it "
					 "may reach itself"},
	[WR_TOPIC_SCTP] = {"sctp", "a rule is for SCTP"},
	[WR_TOPIC_PORT_COUNT] = {"port-count", "a rule has more than 24 ports"},
	[WR_TOPIC_DUAL_STACK] = {"dual-stack", "pods have addresses of both families"},
	[WR_TOPIC_LIVE] = {"live-connections",
			   "connections that are open when a policy comes that forbids them"},
	[WR_TOPIC_START] = {"pod-start", "the first moments of a pod that a policy selects"},
	[WR_TOPIC_CLUSTER] = {"cluster-network-policy", "there are ClusterNetworkPolicies"},
	[WR_TOPIC_ADMIN] = {"admin-network-policy",
			    "there are AdminNetworkPolicies or a BaselineAdminNetworkPolicy"},
	[WR_TOPIC_PRIORITY] = {"same-priority", "two cluster-wide policies of one tier and "
						"priority select the same pods"},
	[WR_TOPIC_DOMAINS] = {"domain-names", "a rule is for domain names"},
};
_Static_assert(sizeof(topics) / sizeof(topics[0]) == WR_TOPIC_COUNT, "a name for every topic");

const char *wr_topic_name(enum wr_topic topic)
{
	return topics[topic].name;
}

const char *wr_topic_text(enum wr_topic topic)
{
	return topics[topic].text;
}
