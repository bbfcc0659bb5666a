/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/match.h"

#include <string.h>

#include "engine/internal.h"

static bool pod_selected(const struct wr_world *w, uint32_t selector, const struct wr_pod *pod)
{
	return selector == WR_NONE || wr_selector_matches(w, selector, pod->labels, pod->n_labels);
}

static enum peer_match match_pods(const struct wr_world *w, const struct wr_peer *peer,
				  const struct wr_pod *pod)
{
	bool labels = pod_selected(w, peer->pod_selector, pod);
	if (peer->ns_index != WR_NONE) {
		if (peer->ns_index == pod->ns_index)
			return labels ? MATCH_YES : MATCH_LABELS;
		return labels ? MATCH_NAMESPACE : MATCH_NO;
	}
	const struct wr_namespace *ns = &w->namespaces[pod->ns_index];
	if (peer->ns_selector == WR_NONE ||
	    wr_selector_matches(w, peer->ns_selector, ns->labels, ns->n_labels))
		return labels ? MATCH_YES : MATCH_LABELS;
	return labels ? MATCH_NS_LABELS : MATCH_NO;
}

static enum peer_match match_block(const struct connection *c, const struct wr_peer *peer,
				   const struct wr_side *side)
{
	const struct wr_world *w = c->p->world;
	if (!side->ip.family)
		return MATCH_NO;
	if (c->p->opts.ipblocks_skip_pods && side->pod != WR_NONE &&
	    !w->pods[side->pod].host_network)
		return MATCH_NO;
	if (!wr_cidr_contains(&peer->cidr, &side->ip))
		return MATCH_OUTSIDE;
	for (size_t i = 0; i < peer->n_except; i++)
		if (wr_cidr_contains(&peer->except[i], &side->ip))
			return MATCH_EXCEPT;
	return MATCH_YES;
}

static enum peer_match match_node(const struct wr_world *w, const struct wr_peer *peer,
				  const struct wr_side *side)
{
	if (side->node == WR_NONE)
		return MATCH_NO;
	const struct wr_node *node = &w->nodes[side->node];
	return wr_selector_matches(w, peer->node_selector, node->labels, node->n_labels)
		       ? MATCH_YES
		       : MATCH_NODE_LABELS;
}

enum peer_match wr_match_peer(const struct connection *c, const struct wr_peer *peer,
			      const struct wr_side *side)
{
	const struct wr_world *w = c->p->world;
	switch (peer->kind) {
	case WR_PEER_PODS:
		if (side->pod == WR_NONE || w->pods[side->pod].host_network)
			return MATCH_NO;
		return match_pods(w, peer, &w->pods[side->pod]);
	case WR_PEER_IPBLOCK:
		return match_block(c, peer, side);
	case WR_PEER_NODES:
		return match_node(w, peer, side);
	case WR_PEER_DOMAINS:
	case WR_PEER_NOTHING:
		break;
	}
	return MATCH_NO;
}

bool wr_match_subject(const struct wr_program *p, const struct wr_policy *policy,
		      const struct wr_side *side)
{
	if (side->pod == WR_NONE || p->world->pods[side->pod].host_network)
		return false;
	return match_pods(p->world, &policy->subject, &p->world->pods[side->pod]) == MATCH_YES;
}

/* Whether the destination calls this port so, and whether it has the name at all. */
static enum port_match match_name(const struct connection *c, const struct wr_port *port)
{
	if (c->dst->pod == WR_NONE || c->p->world->pods[c->dst->pod].host_network)
		return PORT_NAME;
	const struct wr_pod *pod = &c->p->world->pods[c->dst->pod];
	enum port_match best = PORT_NAME;
	for (size_t i = 0; i < pod->n_ports; i++) {
		const struct wr_container_port *have = &pod->ports[i];
		if (!have->name || strcmp(have->name, port->name) ||
		    (port->proto && have->proto != port->proto))
			continue;
		if (have->proto == c->proto && have->port == c->port)
			return PORT_YES;
		best = have->proto == c->proto ? PORT_NUMBER : PORT_NO;
	}
	return best;
}

enum port_match wr_match_port(const struct connection *c, const struct wr_port *port)
{
	bool proto = port->proto == c->proto, number = true;
	if (!wr_proto_has_ports(c->proto))
		return PORT_NO_PORTS;
	switch (port->kind) {
	case WR_PORTS_ALL:
		break;
	case WR_PORTS_RANGE:
		if (port->first > port->last)
			return PORT_NO;
		number = c->port >= port->first && c->port <= port->last;
		break;
	case WR_PORTS_NAMED:
		return match_name(c, port);
	}
	if (proto)
		return number ? PORT_YES : PORT_NUMBER;
	return number ? PORT_PROTOCOL : PORT_NO;
}
