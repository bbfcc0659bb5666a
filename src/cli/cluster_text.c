/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a cluster as text that the input room reads again. */
#include <string.h>

#include "cli/cluster.h"
#include "cli/writer.h"

/*
 * Parts of Kubernetes objects that are large and say nothing of networks. They
 * are left out where they are lists or maps: a label may be called "env".
 */
static const char *const needless[] = {
	"managedFields",
	"env",
	"envFrom",
	"volumes",
	"volumeMounts",
	"volumeDevices",
	"volumeClaimTemplates",
	"resources",
	"livenessProbe",
	"readinessProbe",
	"startupProbe",
	"lifecycle",
	"securityContext",
	"tolerations",
	"affinity",
	"topologySpreadConstraints",
	"command",
	"args",
	"conditions",
	"containerStatuses",
	"initContainerStatuses",
	"ephemeralContainerStatuses",
	"images",
	"nodeInfo",
	NULL,
};

static bool is_needless(const struct wr_field *f)
{
	if (!strcmp(f->key, "kubectl.kubernetes.io/last-applied-configuration"))
		return true;
	if (f->value->type != WR_MAP && f->value->type != WR_LIST)
		return false;
	for (size_t i = 0; needless[i]; i++)
		if (!strcmp(needless[i], f->key))
			return true;
	return false;
}

/* The depth is bounded by the reader that made the tree. */
static void write_value(struct wr_out *o, const struct wr_value *v)
{
	if (v->type != WR_MAP && v->type != WR_LIST) {
		wr_out_value(o, v);
		return;
	}
	if (v->type == WR_LIST) {
		wr_out_list(o);
		for (size_t i = 0; i < v->n; i++)
			write_value(o, v->items[i]);
	} else {
		wr_out_map(o);
		for (size_t i = 0; i < v->n; i++) {
			if (is_needless(&v->fields[i]))
				continue;
			wr_out_key(o, v->fields[i].key);
			write_value(o, v->fields[i].value);
		}
	}
	wr_out_end(o);
}

void wr_cluster_write(struct wr_out *o, const struct wr_value *object, const char *api,
		      const char *kind)
{
	wr_out_map(o);
	wr_out_key_string(o, "apiVersion", api);
	wr_out_key_string(o, "kind", kind);
	for (size_t i = 0; i < object->n; i++) {
		const struct wr_field *f = &object->fields[i];
		if (!strcmp(f->key, "apiVersion") || !strcmp(f->key, "kind") || is_needless(f))
			continue;
		/* a policy's status says nothing that its spec does not */
		if (!strcmp(f->key, "status") && wr_out_format(o) == WR_YAML)
			continue;
		wr_out_key(o, f->key);
		write_value(o, f->value);
	}
	wr_out_end(o);
}
