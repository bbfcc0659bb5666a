/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The resources that are served: one row each, from which discovery, paths,
 * storage and tables come.
 */
#include <stdbool.h>
#include <stddef.h>

enum wr_as_kind {
	WR_AS_NAMESPACES,
	WR_AS_PODS,
	WR_AS_NODES,
	WR_AS_SERVICES,
	WR_AS_ENDPOINTS,
	WR_AS_SERVICEACCOUNTS,
	WR_AS_CONFIGMAPS,
	WR_AS_SECRETS,
	WR_AS_EVENTS,
	WR_AS_REPLICATIONCONTROLLERS,
	WR_AS_DEPLOYMENTS,
	WR_AS_REPLICASETS,
	WR_AS_STATEFULSETS,
	WR_AS_DAEMONSETS,
	WR_AS_JOBS,
	WR_AS_CRONJOBS,
	WR_AS_ENDPOINTSLICES,
	WR_AS_INGRESSES,
	WR_AS_NETWORKPOLICIES,
	WR_AS_CLUSTERNETWORKPOLICIES,
	WR_AS_ADMINNETWORKPOLICIES,
	WR_AS_BASELINEADMINNETWORKPOLICIES,
	WR_AS_CUSTOMRESOURCEDEFINITIONS,
	WR_AS_ROLES,
	WR_AS_ROLEBINDINGS,
	WR_AS_CLUSTERROLES,
	WR_AS_CLUSTERROLEBINDINGS,
	WR_AS_SERVICEMONITORS,
	WR_AS_RESOURCES,
	/* places for what CustomResourceDefinitions add (catalog.h) */
	WR_AS_KINDS = WR_AS_RESOURCES + 96
};

/* A column that a definition adds to tables. */
struct wr_printer {
	const char *name; /* NULL ends a list */
	const char *type, *path;
	bool wide;
};

struct wr_resource {
	const char *group; /* "" is the core */
	const char *version;
	const char *plural, *singular, *kind;
	const char *short_names[5]; /* NULL-terminated */
	const char *category;       /* "all", or NULL */
	bool namespaced;
	bool status;     /* has the subresource */
	bool scale;      /* has the subresource */
	bool generation; /* counts changes of the specification */
	bool custom;     /* comes from a CustomResourceDefinition */
	bool validated;  /* by weir's own decoder */
	bool defined;    /* only while a CustomResourceDefinition says so */
	/* of rows that a definition made: its uid, and the kind that they are stored as */
	const char *definition;
	enum wr_as_kind place;
	const struct wr_printer *printers;
};

/* Indexed by enum wr_as_kind. */
extern const struct wr_resource wr_resources[WR_AS_RESOURCES];

/* As what the objects of a row are stored. */
enum wr_as_kind wr_resource_place(const struct wr_resource *r);

/* "networkpolicies.networking.k8s.io", "pods": as error messages name it. */
#define WR_RESOURCE_TEXT 384
const char *wr_resource_name(const struct wr_resource *r, char buf[WR_RESOURCE_TEXT]);

/* "networking.k8s.io/v1", "v1" */
const char *wr_resource_api(const struct wr_resource *r, char buf[WR_RESOURCE_TEXT]);

/*
 * The groups that are always there, in the order of discovery; ends with NULL.
 * The core is not among them.
 */
extern const char *const wr_resource_groups[];
