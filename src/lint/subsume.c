/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/internal.h"

#include <string.h>

#include "model/relate.h"

/* A block with all of another one in it, and none of its excepts in the way. */
static bool block_within(const struct wr_peer *a, const struct wr_peer *b)
{
	if (!wr_cidr_covers(&b->cidr, &a->cidr))
		return false;
	for (size_t i = 0; i < b->n_except; i++) {
		bool cut = false;
		if (!wr_cidr_covers(&a->cidr, &b->except[i]) &&
		    !wr_cidr_covers(&b->except[i], &a->cidr))
			continue; /* elsewhere */
		for (size_t k = 0; k < a->n_except && !cut; k++)
			cut = wr_cidr_covers(&a->except[k], &b->except[i]);
		if (!cut)
			return false;
	}
	return true;
}

bool lint_peer_within(const struct lint *l, const struct wr_peer *a, const struct wr_peer *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case WR_PEER_PODS:
		return wr_peer_pods_within(l->w, a, b);
	case WR_PEER_IPBLOCK:
		return block_within(a, b);
	case WR_PEER_NODES:
		return lint_implies(l, a->node_selector, b->node_selector);
	case WR_PEER_DOMAINS:
	case WR_PEER_NOTHING:
		break;
	}
	return false;
}

bool lint_peers_apart(const struct lint *l, const struct wr_peer *a, const struct wr_peer *b)
{
	if (a->kind == WR_PEER_NOTHING || b->kind == WR_PEER_NOTHING)
		return true;
	if (a->kind == WR_PEER_PODS && b->kind == WR_PEER_PODS)
		return wr_peer_pods_apart(l->w, a, b);
	if (a->kind == WR_PEER_NODES && b->kind == WR_PEER_NODES)
		return lint_excludes(l, a->node_selector, b->node_selector);
	if (a->kind == WR_PEER_IPBLOCK && b->kind == WR_PEER_IPBLOCK)
		return !wr_cidr_covers(&a->cidr, &b->cidr) && !wr_cidr_covers(&b->cidr, &a->cidr);
	/* a node is no pod; an address may be anybody's, and a name any address's */
	return (a->kind == WR_PEER_PODS && b->kind == WR_PEER_NODES) ||
	       (a->kind == WR_PEER_NODES && b->kind == WR_PEER_PODS);
}

bool lint_port_within(const struct wr_port *a, const struct wr_port *b)
{
	if (a->proto != b->proto)
		return false;
	if (b->kind == WR_PORTS_ALL)
		return true;
	if (a->kind != b->kind)
		return false;
	if (a->kind == WR_PORTS_NAMED)
		return !strcmp(a->name, b->name);
	return b->first <= a->first && a->last <= b->last;
}

bool lint_ports_within(const struct wr_rule *a, const struct wr_rule *b)
{
	if (b->any_port)
		return true;
	for (size_t i = 0; i < a->n_ports; i++) {
		bool found = false;
		for (size_t k = 0; k < b->n_ports && !found; k++)
			found = lint_port_within(&a->ports[i], &b->ports[k]);
		if (!found)
			return false;
	}
	return !a->any_port;
}

bool lint_rule_within(const struct lint *l, const struct wr_rule *a, const struct wr_rule *b)
{
	if (!lint_ports_within(a, b))
		return false;
	for (size_t i = 0; i < a->n_peers && !b->any_peer; i++) {
		bool found = false;
		for (size_t k = 0; k < b->n_peers && !found; k++)
			found = lint_peer_within(l, &a->peers[i], &b->peers[k]);
		if (!found)
			return false;
	}
	return b->any_peer || !a->any_peer;
}

bool lint_ports_meet(const struct wr_rule *a, const struct wr_rule *b)
{
	if (a->any_port || b->any_port)
		return true;
	for (size_t i = 0; i < a->n_ports; i++)
		for (size_t k = 0; k < b->n_ports; k++) {
			const struct wr_port *x = &a->ports[i], *y = &b->ports[k];
			if (lint_port_within(x, y) || lint_port_within(y, x))
				return true;
			if (x->proto == y->proto && x->kind == WR_PORTS_RANGE &&
			    y->kind == WR_PORTS_RANGE && x->first <= y->last && y->first <= x->last)
				return true;
		}
	return false;
}
