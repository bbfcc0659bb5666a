/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster-wide policies in the form that all kinds share. A peer of networks
 * becomes a peer for each; a rule with a peer that nobody can read fails
 * closed as the API asks (apis/v1alpha2/clusternetworkpolicy_types.go).
 */
#include "model/internal.h"

static int resolve_pods(struct wr_world *w, const struct wr_cp_peer *src, struct wr_peer *out)
{
	*out = model_peer(WR_PEER_PODS, src->mark);
	int rc = model_intern_selector(w, &src->namespaces, &out->ns_selector);
	return rc ? rc : model_intern_selector(w, &src->pods, &out->pod_selector);
}

/* Appends what one peer stands for; out has the room. */
static int resolve_peer(struct wr_world *w, const struct wr_cp_peer *src, struct wr_peer *out,
			size_t *n)
{
	struct wr_peer *peer = &out[*n];
	switch (src->kind) {
	case WR_CP_PODS:
		++*n;
		return resolve_pods(w, src, peer);
	case WR_CP_NODES:
		++*n;
		*peer = model_peer(WR_PEER_NODES, src->mark);
		return model_intern_selector(w, &src->nodes, &peer->node_selector);
	case WR_CP_DOMAINS:
		++*n;
		*peer = model_peer(WR_PEER_DOMAINS, src->mark);
		peer->domains = src->domains;
		peer->n_domains = src->n_domains;
		return 0;
	case WR_CP_NETWORKS:
		for (size_t i = 0; i < src->n_networks; i++, peer++, ++*n) {
			*peer = model_peer(WR_PEER_IPBLOCK, src->mark);
			peer->cidr = src->networks[i];
		}
		return 0;
	}
	return -EINVAL;
}

static const char *unreadable(const struct wr_cp_rule *r)
{
	for (size_t i = 0; i < r->n_peers; i++)
		if (r->peers[i].unreadable)
			return r->peers[i].unreadable;
	return NULL;
}

static void fail_closed(struct wr_rule *r, const char *why)
{
	r->fails_closed = why;
	if (r->action == WR_ACCEPT)
		return;
	r->action = WR_DENY;
	r->any_peer = r->any_port = true;
}

static int resolve_rule(struct wr_world *w, const struct wr_cp_rule *src, struct wr_rule *out)
{
	struct wr_arena *a = w->private->arena;
	const char *why = unreadable(src);
	size_t n = 0;
	for (size_t i = 0; i < src->n_peers; i++)
		n += src->peers[i].kind == WR_CP_NETWORKS ? src->peers[i].n_networks : 1;
	*out = (struct wr_rule){
		.action = src->action,
		.any_port = !src->n_ports,
		.peers = wr_arena_array(a, n, sizeof(*out->peers)),
		.ports = wr_arena_array(a, src->n_ports, sizeof(*out->ports)),
		.name = src->name,
		.mark = src->mark,
	};
	if (!out->peers || !out->ports)
		return -ENOMEM;
	if (why) {
		fail_closed(out, why);
		return 0;
	}
	for (; out->n_ports < src->n_ports; out->n_ports++)
		model_port(&src->ports[out->n_ports], &out->ports[out->n_ports]);
	int rc = 0;
	for (size_t i = 0; i < src->n_peers && !rc; i++)
		rc = resolve_peer(w, &src->peers[i], out->peers, &out->n_peers);
	return rc;
}

int model_cluster_subject(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	const struct wr_cp_object *cp = &o->cp;
	*out = (struct wr_policy){
		.name = o->meta.name,
		.tier = cp->tier,
		.priority = cp->priority,
		.mark = o->meta.mark,
		.object = o,
	};
	return resolve_pods(w, &cp->subject, &out->subject);
}

int model_cluster_policy(struct wr_world *w, const struct wr_object *o, struct wr_policy *out)
{
	const struct wr_cp_object *cp = &o->cp;
	int rc = model_cluster_subject(w, o, out);
	for (int d = 0; d < 2 && !rc; d++) {
		out->rules[d] = wr_arena_array(w->private->arena, cp->n_rules[d],
					       sizeof(struct wr_rule));
		if (!out->rules[d])
			return -ENOMEM;
		for (; out->n_rules[d] < cp->n_rules[d] && !rc; out->n_rules[d]++)
			rc = resolve_rule(w, &cp->rules[d][out->n_rules[d]],
					  &out->rules[d][out->n_rules[d]]);
	}
	return rc;
}
