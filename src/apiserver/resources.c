/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/resources.h"

#include <stdio.h>
#include <string.h>

#define POLICY_GROUP "policy.networking.k8s.io"

const struct wr_resource wr_resources[WR_AS_RESOURCES] = {
	[WR_AS_NAMESPACES] =
		{"", "v1", "namespaces", "namespace", "Namespace", {"ns"}, .status = true},
	[WR_AS_PODS] = {"",
			"v1",
			"pods",
			"pod",
			"Pod",
			{"po"},
			"all",
			.namespaced = true,
			.status = true,
			.generation = true},
	[WR_AS_NODES] = {"", "v1", "nodes", "node", "Node", {"no"}, .status = true},
	[WR_AS_SERVICES] = {"",
			    "v1",
			    "services",
			    "service",
			    "Service",
			    {"svc"},
			    "all",
			    .namespaced = true,
			    .status = true},
	[WR_AS_ENDPOINTS] =
		{"", "v1", "endpoints", "endpoints", "Endpoints", {"ep"}, .namespaced = true},
	[WR_AS_SERVICEACCOUNTS] = {"",
				   "v1",
				   "serviceaccounts",
				   "serviceaccount",
				   "ServiceAccount",
				   {"sa"},
				   .namespaced = true},
	[WR_AS_CONFIGMAPS] =
		{"", "v1", "configmaps", "configmap", "ConfigMap", {"cm"}, .namespaced = true},
	[WR_AS_SECRETS] = {"", "v1", "secrets", "secret", "Secret", .namespaced = true},
	[WR_AS_EVENTS] = {"", "v1", "events", "event", "Event", {"ev"}, .namespaced = true},
	[WR_AS_DEPLOYMENTS] = {"apps",
			       "v1",
			       "deployments",
			       "deployment",
			       "Deployment",
			       {"deploy"},
			       "all",
			       .namespaced = true,
			       .status = true,
			       .scale = true,
			       .generation = true},
	[WR_AS_REPLICASETS] = {"apps",
			       "v1",
			       "replicasets",
			       "replicaset",
			       "ReplicaSet",
			       {"rs"},
			       "all",
			       .namespaced = true,
			       .status = true,
			       .scale = true,
			       .generation = true},
	[WR_AS_STATEFULSETS] = {"apps",
				"v1",
				"statefulsets",
				"statefulset",
				"StatefulSet",
				{"sts"},
				"all",
				.namespaced = true,
				.status = true,
				.scale = true,
				.generation = true},
	[WR_AS_DAEMONSETS] = {"apps",
			      "v1",
			      "daemonsets",
			      "daemonset",
			      "DaemonSet",
			      {"ds"},
			      "all",
			      .namespaced = true,
			      .status = true,
			      .generation = true},
	[WR_AS_ENDPOINTSLICES] = {"discovery.k8s.io", "v1", "endpointslices", "endpointslice",
				  "EndpointSlice", .namespaced = true, .generation = true},
	[WR_AS_INGRESSES] = {"networking.k8s.io",
			     "v1",
			     "ingresses",
			     "ingress",
			     "Ingress",
			     {"ing"},
			     .namespaced = true,
			     .status = true,
			     .generation = true},
	[WR_AS_NETWORKPOLICIES] = {"networking.k8s.io",
				   "v1",
				   "networkpolicies",
				   "networkpolicy",
				   "NetworkPolicy",
				   {"netpol"},
				   .namespaced = true,
				   .generation = true,
				   .validated = true},
	[WR_AS_CLUSTERNETWORKPOLICIES] = {POLICY_GROUP,
					  "v1alpha2",
					  "clusternetworkpolicies",
					  "clusternetworkpolicy",
					  "ClusterNetworkPolicy",
					  {"cnp"},
					  .status = true,
					  .generation = true,
					  .custom = true,
					  .validated = true},
	[WR_AS_ADMINNETWORKPOLICIES] = {POLICY_GROUP,
					"v1alpha1",
					"adminnetworkpolicies",
					"adminnetworkpolicy",
					"AdminNetworkPolicy",
					{"anp"},
					.status = true,
					.generation = true,
					.custom = true,
					.validated = true},
	[WR_AS_BASELINEADMINNETWORKPOLICIES] = {POLICY_GROUP,
						"v1alpha1",
						"baselineadminnetworkpolicies",
						"baselineadminnetworkpolicy",
						"BaselineAdminNetworkPolicy",
						{"banp"},
						.status = true,
						.generation = true,
						.custom = true,
						.validated = true},
	[WR_AS_CUSTOMRESOURCEDEFINITIONS] = {"apiextensions.k8s.io",
					     "v1",
					     "customresourcedefinitions",
					     "customresourcedefinition",
					     "CustomResourceDefinition",
					     {"crd", "crds"},
					     "api-extensions",
					     .status = true,
					     .generation = true},
};

const char *const wr_resource_groups[] = {
	"apps", "apiextensions.k8s.io", "discovery.k8s.io", "networking.k8s.io", POLICY_GROUP, NULL,
};

int wr_resource_find(const char *group, const char *version, const char *plural)
{
	for (int i = 0; i < WR_AS_RESOURCES; i++) {
		const struct wr_resource *r = &wr_resources[i];
		if (!strcmp(r->plural, plural) && !strcmp(r->group, group) &&
		    !strcmp(r->version, version))
			return i;
	}
	return -1;
}

const char *wr_resource_name(const struct wr_resource *r, char buf[WR_RESOURCE_TEXT])
{
	(void)snprintf(buf, WR_RESOURCE_TEXT, "%s%s%s", r->plural, *r->group ? "." : "", r->group);
	return buf;
}

const char *wr_resource_api(const struct wr_resource *r, char buf[WR_RESOURCE_TEXT])
{
	(void)snprintf(buf, WR_RESOURCE_TEXT, "%s%s%s", r->group, *r->group ? "/" : "", r->version);
	return buf;
}
