/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Every kind's name and, after it, kubectl's other spellings: plural and short names. */
static const struct {
	const char *name, *plural, *brief;
} kinds[] = {
	[WR_KIND_NAMESPACE] = {"Namespace", "namespaces", "ns"},
	[WR_KIND_POD] = {"Pod", "pods", "po"},
	[WR_KIND_NODE] = {"Node", "nodes", "no"},
	[WR_KIND_SERVICE] = {"Service", "services", "svc"},
	[WR_KIND_DEPLOYMENT] = {"Deployment", "deployments", "deploy"},
	[WR_KIND_REPLICASET] = {"ReplicaSet", "replicasets", "rs"},
	[WR_KIND_STATEFULSET] = {"StatefulSet", "statefulsets", "sts"},
	[WR_KIND_DAEMONSET] = {"DaemonSet", "daemonsets", "ds"},
	[WR_KIND_REPLICATIONCONTROLLER] = {"ReplicationController", "replicationcontrollers", "rc"},
	[WR_KIND_JOB] = {"Job", "jobs", "job"},
	[WR_KIND_CRONJOB] = {"CronJob", "cronjobs", "cj"},
	[WR_KIND_NETWORKPOLICY] = {"NetworkPolicy", "networkpolicies", "netpol"},
	[WR_KIND_INGRESS] = {"Ingress", "ingresses", "ing"},
	[WR_KIND_CLUSTERNETWORKPOLICY] = {"ClusterNetworkPolicy", "clusternetworkpolicies", "cnp"},
	[WR_KIND_ADMINNETWORKPOLICY] = {"AdminNetworkPolicy", "adminnetworkpolicies", "anp"},
	[WR_KIND_BASELINEADMINNETWORKPOLICY] = {"BaselineAdminNetworkPolicy",
						"baselineadminnetworkpolicies", "banp"},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == WR_KIND_COUNT, "a name for every kind");

const char *wr_kind_name(enum wr_kind kind)
{
	return kinds[kind].name;
}

int wr_kind_parse(const char *text)
{
	for (int i = 0; i < WR_KIND_COUNT; i++)
		if (!strcasecmp(text, kinds[i].name) || !strcasecmp(text, kinds[i].plural) ||
		    !strcasecmp(text, kinds[i].brief))
			return i;
	return -EINVAL;
}

bool wr_kind_is_workload(enum wr_kind kind)
{
	return kind >= WR_KIND_DEPLOYMENT && kind <= WR_KIND_CRONJOB;
}

bool wr_kind_is_cluster_policy(enum wr_kind kind)
{
	return kind >= WR_KIND_CLUSTERNETWORKPOLICY && kind <= WR_KIND_BASELINEADMINNETWORKPOLICY;
}

bool wr_kind_is_policy(enum wr_kind kind)
{
	return kind == WR_KIND_NETWORKPOLICY || wr_kind_is_cluster_policy(kind);
}

static const struct {
	const char *name;
	uint8_t proto;
} protocols[] = {
	{"TCP", WR_TCP},   {"UDP", WR_UDP},       {"SCTP", WR_SCTP},
	{"ICMP", WR_ICMP}, {"ICMPv6", WR_ICMPV6},
};

/* The numbers' texts, so that the function needs no buffer from anyone. */
#define D1(n) #n "0", #n "1", #n "2", #n "3", #n "4", #n "5", #n "6", #n "7", #n "8", #n "9"
static const char *const numbers[] = {
	"0",    "1",    "2",    "3",    "4",    "5",    "6",    "7",    "8",    "9",
	D1(1),  D1(2),  D1(3),  D1(4),  D1(5),  D1(6),  D1(7),  D1(8),  D1(9),  D1(10),
	D1(11), D1(12), D1(13), D1(14), D1(15), D1(16), D1(17), D1(18), D1(19), D1(20),
	D1(21), D1(22), D1(23), D1(24), "250",  "251",  "252",  "253",  "254",  "255",
};
_Static_assert(sizeof(numbers) / sizeof(numbers[0]) == 256, "a text for every protocol number");

const char *wr_proto_name(uint8_t proto)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].proto == proto)
			return protocols[i].name;
	return numbers[proto];
}

int wr_proto_parse(const char *text)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcasecmp(text, protocols[i].name))
			return protocols[i].proto;
	size_t digits = strspn(text, "0123456789");
	if (digits < 1 || digits > 3 || text[digits])
		return -EINVAL;
	long n = strtol(text, NULL, 10);
	return n <= 255 ? (int)n : -EINVAL;
}

bool wr_proto_has_ports(uint8_t proto)
{
	return proto == WR_TCP || proto == WR_UDP || proto == WR_SCTP;
}
