/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/list_types.h"

#include <string.h>

struct row {
	const char *parent; /* NULL: any */
	const char *field;
	const char *key; /* NULL: a set of plain values */
	const char *second;
};

/* In every kind. */
static const struct row common[] = {
	{"metadata", "ownerReferences", "uid", NULL},
	{"metadata", "finalizers", NULL, NULL},
	{"status", "conditions", "type", NULL},
	{0},
};

/* In pods and their templates. */
static const struct row pods[] = {
	{NULL, "containers", "name", NULL},
	{NULL, "initContainers", "name", NULL},
	{NULL, "ephemeralContainers", "name", NULL},
	{NULL, "env", "name", NULL},
	{"containers", "ports", "containerPort", "protocol"},
	{"initContainers", "ports", "containerPort", "protocol"},
	{NULL, "volumeMounts", "mountPath", NULL},
	{NULL, "volumeDevices", "devicePath", NULL},
	{NULL, "volumes", "name", NULL},
	{NULL, "imagePullSecrets", "name", NULL},
	{NULL, "hostAliases", "ip", NULL},
	{NULL, "topologySpreadConstraints", "topologyKey", "whenUnsatisfiable"},
	{NULL, "resourceClaims", "name", NULL},
	{"status", "podIPs", "ip", NULL},
	{0},
};
static const struct row services[] = {{"spec", "ports", "port", "protocol"}, {0}};
static const struct row nodes[] = {
	{"status", "addresses", "type", NULL},
	{"spec", "taints", "key", NULL},
	{"spec", "podCIDRs", NULL, NULL},
	{0},
};
static const struct row serviceaccounts[] = {
	{"", "secrets", "name", NULL},
	{"", "imagePullSecrets", "name", NULL},
	{0},
};
/* Of the definitions of the cluster-wide policies: rules and tiers are atomic lists. */
static const struct row none[] = {{0}};

static const struct row *table_of(enum wr_as_kind kind)
{
	if (kind == WR_AS_PODS || kind == WR_AS_JOBS || kind == WR_AS_CRONJOBS ||
	    kind == WR_AS_REPLICATIONCONTROLLERS ||
	    (kind >= WR_AS_DEPLOYMENTS && kind <= WR_AS_DAEMONSETS))
		return pods;
	if (kind == WR_AS_SERVICES)
		return services;
	if (kind == WR_AS_NODES)
		return nodes;
	return kind == WR_AS_SERVICEACCOUNTS ? serviceaccounts : none;
}

static const struct row *find(const struct row *rows, const char *parent, const char *field)
{
	for (; rows->field; rows++)
		if (!strcmp(rows->field, field) && (!rows->parent || !strcmp(rows->parent, parent)))
			return rows;
	return NULL;
}

enum wr_list_kind wr_list_type_of(enum wr_as_kind kind, const char *parent, const char *field,
				  const char **key, const char **second)
{
	const struct row *r = find(common, parent, field);
	if (!r)
		r = find(table_of(kind), parent, field);
	if (!r)
		return WR_LIST_ATOMIC;
	*key = r->key;
	if (second)
		*second = r->second;
	return r->key ? WR_LIST_KEYED : WR_LIST_SET;
}

bool wr_map_is_atomic(enum wr_as_kind kind, const char *parent, const char *field)
{
	if (!strcmp(field, "podSelector") || !strcmp(field, "namespaceSelector"))
		return true;
	if (!strcmp(field, "nodeSelector"))
		return true;
	return !strcmp(field, "selector") && !strcmp(parent, "spec") &&
	       (kind == WR_AS_SERVICES || (kind >= WR_AS_DEPLOYMENTS && kind <= WR_AS_DAEMONSETS));
}
