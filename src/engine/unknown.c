/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/unknown.h"

#include "engine/internal.h"
#include "engine/match.h"

static bool is_unlabelled(const struct wr_world *w, uint32_t selector)
{
	return selector == WR_NONE || wr_selector_matches(w, selector, NULL, 0);
}

static bool rule_holds(const struct connection *c, const struct wr_rule *r)
{
	bool peer = r->any_peer, port = r->any_port;
	for (size_t i = 0; i < r->n_peers && !peer; i++)
		peer = r->peers[i].kind == WR_PEER_PODS && r->peers[i].ns_index == WR_NONE &&
		       is_unlabelled(c->p->world, r->peers[i].ns_selector) &&
		       is_unlabelled(c->p->world, r->peers[i].pod_selector);
	for (size_t i = 0; i < r->n_ports && peer && !port; i++)
		port = wr_match_port(c, &r->ports[i]) == PORT_YES;
	return peer && port;
}

enum outcome { OPEN, PASSED, ALLOWED, DENIED };

static enum outcome ask(const struct connection *c, const struct wr_policy *p)
{
	for (size_t i = 0; i < p->n_rules[WR_INGRESS]; i++) {
		const struct wr_rule *r = &p->rules[WR_INGRESS][i];
		if (rule_holds(c, r))
			return r->action == WR_ACCEPT ? ALLOWED
			       : r->action == WR_DENY ? DENIED
						      : PASSED;
	}
	return OPEN;
}

bool wr_admits_unknown(const struct wr_program *p, const struct wr_side *dst, uint8_t proto,
		       uint16_t port)
{
	struct connection c = {.p = p, .dst = dst, .proto = proto, .port = port};
	const struct wr_world *w = p->world;
	bool isolated = false, passed = false;
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_policy *policy = &w->policies[i];
		if (i && policy->tier != w->policies[i - 1].tier) {
			passed = false;
			if (isolated)
				return false;
		}
		bool np = policy->tier == WR_TIER_NETWORKPOLICY;
		if (passed || (np && !policy->isolates[WR_INGRESS]) ||
		    !wr_match_subject(p, policy, dst))
			continue;
		isolated |= np;
		enum outcome o = ask(&c, policy);
		if (o == ALLOWED || o == DENIED)
			return o == ALLOWED;
		passed = o == PASSED;
	}
	return !isolated;
}
