/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/np_schema.h"

#include <stddef.h>

#define NP "io.k8s.api.networking.v1."
#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define INT_OR_STRING "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

static const struct wr_np_field policy[] = {
	{"apiVersion", "string", "The version of the API that this object is written in.", false},
	{"kind", "string", "The kind of this object: NetworkPolicy.", false},
	{"metadata", META "ObjectMeta", "The object's name, namespace, labels and annotations.",
	 false},
	{"spec", NP "NetworkPolicySpec", "What this policy allows.", false},
	{0},
};
static const struct wr_np_field spec[] = {
	{"egress", "[]" NP "NetworkPolicyEgressRule",
	 "Rules for outgoing connections of the selected pods. A connection is allowed when no "
	 "policy isolates the pod for egress, or when a rule of any policy that selects it "
	 "matches.",
	 false},
	{"ingress", "[]" NP "NetworkPolicyIngressRule",
	 "Rules for incoming connections of the selected pods. A connection is allowed when no "
	 "policy isolates the pod for ingress, or when a rule of any policy that selects it "
	 "matches. Without rules a policy that isolates for ingress allows nothing.",
	 false},
	{"podSelector", META "LabelSelector",
	 "The pods of this namespace that the policy applies to. An empty selector takes all.",
	 false},
	{"policyTypes", "[]string",
	 "The directions that the policy isolates for: Ingress, Egress, or both. Left out: "
	 "Ingress, and Egress where the policy has rules for egress.",
	 false},
	{0},
};
static const struct wr_np_field ingress_rule[] = {
	{"from", "[]" NP "NetworkPolicyPeer",
	 "Sources: one that matches is enough. Empty or left out: every source.", false},
	{"ports", "[]" NP "NetworkPolicyPort",
	 "Ports of the selected pods: one that matches is enough. Empty or left out: every port.",
	 false},
	{0},
};
static const struct wr_np_field egress_rule[] = {
	{"ports", "[]" NP "NetworkPolicyPort",
	 "Ports of the destination: one that matches is enough. Empty or left out: every port.",
	 false},
	{"to", "[]" NP "NetworkPolicyPeer",
	 "Destinations: one that matches is enough. Empty or left out: every destination.", false},
	{0},
};
static const struct wr_np_field peer[] = {
	{"ipBlock", NP "IPBlock", "A range of addresses. No other field may stand beside it.",
	 false},
	{"namespaceSelector", META "LabelSelector",
	 "Namespaces by their labels; an empty selector takes all. Together with podSelector: the "
	 "pods that it takes in these namespaces.",
	 false},
	{"podSelector", META "LabelSelector",
	 "Pods by their labels: in the namespaces of namespaceSelector, or without it in the "
	 "policy's own.",
	 false},
	{0},
};
static const struct wr_np_field port[] = {
	{"endPort", "integer", "The last port of a range that begins with port, which is a number.",
	 false},
	{"port", INT_OR_STRING,
	 "A port by its number, or by its name in the pod. Left out: every port.", false},
	{"protocol", "string", "TCP, UDP or SCTP. Left out: TCP.", false},
	{0},
};
static const struct wr_np_field ip_block[] = {
	{"cidr", "string", "The range, as 192.168.1.0/24 or 2001:db8::/64.", true},
	{"except", "[]string", "Ranges inside it that are left out.", false},
	{0},
};
static const struct wr_np_field selector[] = {
	{"matchExpressions", "[]" META "LabelSelectorRequirement",
	 "Requirements, all of which must hold.", false},
	{"matchLabels", "map:string", "Labels, all of which must be there with these values.",
	 false},
	{0},
};
static const struct wr_np_field requirement[] = {
	{"key", "string", "The label's key.", true},
	{"operator", "string", "In, NotIn, Exists or DoesNotExist.", true},
	{"values", "[]string", "The values, for In and NotIn.", false},
	{0},
};
static const struct wr_np_field metadata[] = {
	{"annotations", "map:string", "Notes of any kind, which nothing selects by.", false},
	{"creationTimestamp", "string", "When the object was created. Set by the server.", false},
	{"deletionTimestamp", "string", "When it is to go. Set by the server.", false},
	{"finalizers", "[]string", "Who must agree before the object goes.", false},
	{"generateName", "string", "The begin of a name that the server completes.", false},
	{"generation", "integer", "Counts changes of the specification. Set by the server.", false},
	{"labels", "map:string", "Labels, by which selectors take objects.", false},
	{"name", "string", "The object's name, unique in its namespace.", false},
	{"namespace", "string", "The namespace that the object lives in.", false},
	{"resourceVersion", "string", "The version of the object's last change. Set by the server.",
	 false},
	{"uid", "string", "Identifies the object for ever. Set by the server.", false},
	{0},
};

const struct wr_np_type wr_np_types[] = {
	{WR_NP_TYPE, "NetworkPolicy describes what network traffic is allowed for a set of pods.",
	 policy},
	{NP "NetworkPolicySpec", "The specification of a NetworkPolicy.", spec},
	{NP "NetworkPolicyIngressRule",
	 "Traffic that is allowed to the selected pods: it matches both ports and from.",
	 ingress_rule},
	{NP "NetworkPolicyEgressRule",
	 "Traffic that is allowed from the selected pods: it matches both ports and to.",
	 egress_rule},
	{NP "NetworkPolicyPeer", "A peer to allow traffic to or from.", peer},
	{NP "NetworkPolicyPort", "A port to allow traffic on.", port},
	{NP "IPBlock", "A range of addresses, with exceptions.", ip_block},
	{META "LabelSelector", "A query over labels. An empty selector matches everything.",
	 selector},
	{META "LabelSelectorRequirement", "One requirement of a selector.", requirement},
	{META "ObjectMeta", "What all objects have.", metadata},
	{NULL, NULL, NULL},
};
