/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/internal.h"

const struct wr_value *lint_get(const struct wr_object *o, const char *const *keys)
{
	const struct wr_value *v = o->value;
	for (; v && *keys; keys++)
		v = wr_value_get(v, *keys);
	return v;
}

#define GET(o, ...) lint_get(o, (const char *const[]){__VA_ARGS__, NULL})

static const struct wr_value *a_list(const struct wr_value *v)
{
	return v && v->type == WR_LIST ? v : NULL;
}

const struct wr_value *lint_rules_value(const struct wr_object *o, enum wr_direction dir)
{
	return a_list(GET(o, "spec", dir == WR_EGRESS ? "egress" : "ingress"));
}

static const struct wr_value *of_rule(const struct wr_object *o, enum wr_direction dir, size_t rule,
				      const char *key)
{
	const struct wr_value *rules = lint_rules_value(o, dir);
	return rules && rule < rules->n ? a_list(wr_value_get(rules->items[rule], key)) : NULL;
}

const struct wr_value *lint_peers_value(const struct wr_object *o, enum wr_direction dir,
					size_t rule)
{
	return of_rule(o, dir, rule, dir == WR_EGRESS ? "to" : "from");
}

const struct wr_value *lint_ports_value(const struct wr_object *o, enum wr_direction dir,
					size_t rule)
{
	bool has_protocols = o->kind == WR_KIND_CLUSTERNETWORKPOLICY;
	return of_rule(o, dir, rule, has_protocols ? "protocols" : "ports");
}

struct lint_place lint_place(const struct wr_object *o, enum wr_direction dir, size_t rule,
			     size_t peer)
{
	struct lint_place at = {.item = peer};
	if (!wr_kind_is_cluster_policy(o->kind))
		return at;
	const struct wr_cp_rule *r = &o->cp.rules[dir][rule];
	for (at.item = 0; at.item < r->n_peers; at.item++) {
		const struct wr_cp_peer *written = &r->peers[at.item];
		size_t n = written->kind == WR_CP_NETWORKS ? written->n_networks : 1;
		if (peer < n) {
			at.is_network = written->kind == WR_CP_NETWORKS;
			at.network = peer;
			break;
		}
		peer -= n;
	}
	return at;
}

struct wr_mark lint_peer_mark(const struct wr_policy *p, enum wr_direction dir, size_t rule,
			      size_t peer)
{
	struct lint_place at = lint_place(p->object, dir, rule, peer);
	const struct wr_value *v = lint_peers_value(p->object, dir, rule);
	if (at.is_network && v && at.item < v->n) {
		v = a_list(wr_value_get(v->items[at.item], "networks"));
		if (v && at.network < v->n)
			return v->items[at.network]->mark;
	}
	return p->rules[dir][rule].peers[peer].mark;
}

const char *lint_annotation(const struct wr_object *o, const char *key)
{
	const struct wr_value *v;
	if (o->kind == WR_KIND_CRONJOB)
		v = GET(o, "spec", "jobTemplate", "spec", "template", "metadata", "annotations",
			key);
	else if (wr_kind_is_workload(o->kind))
		v = GET(o, "spec", "template", "metadata", "annotations", key);
	else
		v = GET(o, "metadata", "annotations", key);
	return v && v->type == WR_STRING ? v->text : NULL;
}
