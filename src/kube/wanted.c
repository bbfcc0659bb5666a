/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of the objects of the kinds that clusters have by the thousand:
 * the fields that their decoders look at (api/pod.c, api/node.c, api/meta.c), and
 * what a feed itself needs, of a bookmark and of a Status that stands in an
 * object's place. The rest, nine tenths of a Pod, is passed over as text.
 *
 * Policies are read as a whole: of them an unknown field is an error.
 */
#include "kube/feed.h"

#define END                \
	{                  \
		NULL, NULL \
	}

static const struct wr_json_want owner[] = {
	{"controller", NULL}, {"kind", NULL}, {"name", NULL}, END};
static const struct wr_json_want annotations[] = {{"k8s.io/initial-events-end", NULL}, END};
static const struct wr_json_want meta[] = {
	{"name", NULL},   {"namespace", NULL},        {"generateName", NULL},
	{"uid", NULL},    {"resourceVersion", NULL},  {"annotations", annotations},
	{"labels", NULL}, {"ownerReferences", owner}, END};

#define COMMON                                                                    \
	{"apiVersion", NULL}, {"kind", NULL}, {"metadata", meta}, {"code", NULL}, \
		{"reason", NULL}, {"message", NULL},                              \
	{                                                                         \
		"details", NULL                                                   \
	}

static const struct wr_json_want container[] = {{"ports", NULL}, {"restartPolicy", NULL}, END};
static const struct wr_json_want pod_spec[] = {{"nodeName", NULL},
					       {"hostNetwork", NULL},
					       {"containers", container},
					       {"initContainers", container},
					       END};
static const struct wr_json_want pod_status[] = {{"phase", NULL},   {"podIP", NULL},
						 {"podIPs", NULL},  {"hostIP", NULL},
						 {"hostIPs", NULL}, END};
static const struct wr_json_want pod[] = {COMMON, {"spec", pod_spec}, {"status", pod_status}, END};

static const struct wr_json_want node_spec[] = {{"podCIDR", NULL}, {"podCIDRs", NULL}, END};
static const struct wr_json_want node_status[] = {{"addresses", NULL}, END};
static const struct wr_json_want node[] = {
	COMMON, {"spec", node_spec}, {"status", node_status}, END};

static const struct wr_json_want namespace[] = {COMMON, END};

const struct wr_json_want *wr_kube_wanted(enum wr_kind kind)
{
	if (kind == WR_KIND_POD)
		return pod;
	if (kind == WR_KIND_NODE)
		return node;
	return kind == WR_KIND_NAMESPACE ? namespace : NULL;
}
