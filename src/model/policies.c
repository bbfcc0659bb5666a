/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of all kinds in the form that they share. Every rule of a
 * NetworkPolicy accepts, and what isolates is the policy itself; cluster-wide
 * policies (cluster_policies.c) have rules that accept, deny and pass.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/grow.h"
#include "model/internal.h"

struct wr_peer model_peer(enum wr_peer_kind kind, struct wr_mark mark)
{
	return (struct wr_peer){
		.kind = kind,
		.ns_index = WR_NONE,
		.ns_selector = WR_NONE,
		.pod_selector = WR_NONE,
		.node_selector = WR_NONE,
		.mark = mark,
	};
}

static int resolve_peer(struct wr_world *w, uint32_t own_ns, const struct wr_np_peer *src,
			struct wr_peer *out)
{
	*out = model_peer(WR_PEER_PODS, src->mark);
	if (src->has_ip_block) {
		out->kind = WR_PEER_IPBLOCK;
		out->cidr = src->cidr;
		out->except = src->except;
		out->n_except = src->n_except;
		return 0;
	}
	if (!src->ns_selector)
		out->ns_index = own_ns;
	int rc = model_intern_selector(w, src->ns_selector, &out->ns_selector);
	return rc ? rc : model_intern_selector(w, src->pod_selector, &out->pod_selector);
}

void model_port(const struct wr_np_port *src, struct wr_port *out)
{
	*out = (struct wr_port){
		.proto = src->proto,
		.first = src->first,
		.last = src->last,
		.name = src->name,
		.mark = src->mark,
	};
	switch (src->kind) {
	case WR_PORT_ALL:
		out->kind = WR_PORTS_ALL;
		break;
	case WR_PORT_RANGE:
		out->kind = WR_PORTS_RANGE;
		break;
	case WR_PORT_NAMED:
		out->kind = WR_PORTS_NAMED;
		break;
	}
}

static int resolve_rule(struct wr_world *w, uint32_t own_ns, const struct wr_np_rule *src,
			struct wr_rule *out)
{
	struct wr_arena *a = w->private->arena;
	*out = (struct wr_rule){
		.action = WR_ACCEPT,
		.any_peer = !src->n_peers,
		.any_port = !src->n_ports,
		.peers = wr_arena_array(a, src->n_peers, sizeof(*out->peers)),
		.n_peers = src->n_peers,
		.ports = wr_arena_array(a, src->n_ports, sizeof(*out->ports)),
		.n_ports = src->n_ports,
		.mark = src->mark,
	};
	if (!out->peers || !out->ports)
		return -ENOMEM;
	for (size_t i = 0; i < src->n_ports; i++)
		model_port(&src->ports[i], &out->ports[i]);
	int rc = 0;
	for (size_t i = 0; i < src->n_peers && !rc; i++)
		rc = resolve_peer(w, own_ns, &src->peers[i], &out->peers[i]);
	return rc;
}

static int resolve_subject(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	const struct wr_np_object *np = &o->np;
	*out = (struct wr_policy){
		.ns = o->meta.ns,
		.name = o->meta.name,
		.tier = WR_TIER_NETWORKPOLICY,
		.subject = model_peer(WR_PEER_PODS, np->pod_selector.mark),
		.isolates = {np->isolates[0], np->isolates[1]},
		.mark = o->meta.mark,
		.object = o,
	};
	out->subject.ns_index = wr_world_find_namespace(w, o->meta.ns);
	return model_intern_selector(w, &np->pod_selector, &out->subject.pod_selector);
}

static int resolve_policy(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	const struct wr_np_object *np = &o->np;
	int rc = resolve_subject(w, o, out);
	uint32_t ns = out->subject.ns_index;
	for (int d = 0; d < 2 && !rc; d++) {
		/* rules of a direction that policyTypes leaves out have no effect */
		size_t n = np->isolates[d] ? np->n_rules[d] : 0;
		out->rules[d] = wr_arena_array(w->private->arena, n, sizeof(struct wr_rule));
		if (!out->rules[d])
			return -ENOMEM;
		out->n_rules[d] = n;
		for (size_t i = 0; i < n && !rc; i++)
			rc = resolve_rule(w, ns, &np->rules[d][i], &out->rules[d][i]);
	}
	return rc;
}

int model_policy(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	return wr_kind_is_cluster_policy(o->kind) ? model_cluster_policy(w, o, out)
						  : resolve_policy(w, o, out);
}

int model_policy_subject(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	return wr_kind_is_cluster_policy(o->kind) ? model_cluster_subject(w, o, out)
						  : resolve_subject(w, o, out);
}

const char *wr_tier_name(enum wr_tier tier)
{
	static const char *const names[] = {[WR_TIER_ADMIN] = "Admin",
					    [WR_TIER_NETWORKPOLICY] = "NetworkPolicy",
					    [WR_TIER_BASELINE] = "Baseline"};
	return names[tier];
}

const char *wr_policy_title(const struct wr_policy *p, char buf[WR_POLICY_TITLE])
{
	snprintf(buf, WR_POLICY_TITLE, "%s/%s", p->ns ? p->ns : wr_tier_name(p->tier), p->name);
	return buf;
}

const char *wr_rule_shortcoming(const struct wr_rule *r)
{
	if (r->fails_closed)
		return r->action == WR_ACCEPT
			       ? "has a peer that nobody can read, and matches nothing"
			       : "has a peer that nobody can read, and denies everything";
	for (size_t i = 0; i < r->n_peers; i++)
		if (r->peers[i].kind == WR_PEER_DOMAINS)
			return "has domain names, which match nothing: addresses are not learned "
			       "from DNS";
	return NULL;
}

int wr_policy_compare(const struct wr_policy *a, const struct wr_policy *b)
{
	if (a->tier != b->tier)
		return a->tier < b->tier ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	int c = strcmp(a->ns ? a->ns : "", b->ns ? b->ns : "");
	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : (int)a->object->kind - (int)b->object->kind;
}

static int compare(const void *a, const void *b)
{
	return wr_policy_compare(a, b);
}

int model_policies(struct wr_world *w, const struct wr_objects *objects)
{
	size_t n = 0;
	for (size_t i = 0; i < objects->n; i++)
		n += wr_kind_is_policy(objects->items[i]->kind);
	w->policies = wr_arena_array(w->private->arena, n, sizeof(*w->policies));
	if (!w->policies)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++) {
		const struct wr_object *o = objects->items[i];
		struct wr_policy *out = &w->policies[w->n_policies];
		if (!wr_kind_is_policy(o->kind))
			continue;
		int rc = model_policy(w, o, out);
		if (rc)
			return rc;
		w->n_policies++;
	}
	if (n)
		qsort(w->policies, n, sizeof(*w->policies), compare);
	return 0;
}
