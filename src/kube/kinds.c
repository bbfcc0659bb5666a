/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "kube/internal.h"

#define CORE(name, scoped, maybe)                                                         \
	{                                                                                 \
		"/api/v1/" name, "v1", name, .namespaced = (scoped), .optional = (maybe), \
	}
#define GROUP(group, name, scoped, maybe)                                                          \
	{                                                                                          \
		"/apis/" group "/" name, group, name, .namespaced = (scoped), .optional = (maybe), \
	}
#define CLUSTER_POLICIES "policy.networking.k8s.io/"

/* Not every server has workloads and Ingresses: verdicts do without. */
static const struct wr_kube_kind kinds[WR_KIND_COUNT] = {
	[WR_KIND_NAMESPACE] = CORE("namespaces", false, false),
	[WR_KIND_POD] = CORE("pods", true, false),
	[WR_KIND_NODE] = CORE("nodes", false, false),
	[WR_KIND_SERVICE] = CORE("services", true, false),
	[WR_KIND_REPLICATIONCONTROLLER] = CORE("replicationcontrollers", true, true),
	[WR_KIND_DEPLOYMENT] = GROUP("apps/v1", "deployments", true, true),
	[WR_KIND_REPLICASET] = GROUP("apps/v1", "replicasets", true, true),
	[WR_KIND_STATEFULSET] = GROUP("apps/v1", "statefulsets", true, true),
	[WR_KIND_DAEMONSET] = GROUP("apps/v1", "daemonsets", true, true),
	[WR_KIND_JOB] = GROUP("batch/v1", "jobs", true, true),
	[WR_KIND_CRONJOB] = GROUP("batch/v1", "cronjobs", true, true),
	[WR_KIND_NETWORKPOLICY] = GROUP("networking.k8s.io/v1", "networkpolicies", true, false),
	[WR_KIND_INGRESS] = GROUP("networking.k8s.io/v1", "ingresses", true, true),
	[WR_KIND_CLUSTERNETWORKPOLICY] = GROUP(CLUSTER_POLICIES "v1alpha2",
					       "clusternetworkpolicies", false, true),
	[WR_KIND_ADMINNETWORKPOLICY] = GROUP(CLUSTER_POLICIES "v1alpha1", "adminnetworkpolicies",
					     false, true),
	[WR_KIND_BASELINEADMINNETWORKPOLICY] = GROUP(CLUSTER_POLICIES "v1alpha1",
						     "baselineadminnetworkpolicies", false, true),
};

const struct wr_kube_kind *wr_kube_kind_of(enum wr_kind kind)
{
	return kind < WR_KIND_COUNT && kinds[kind].path ? &kinds[kind] : NULL;
}

const char *wr_kube_kind_path(enum wr_kind kind)
{
	const struct wr_kube_kind *k = wr_kube_kind_of(kind);
	return k ? k->path : NULL;
}
