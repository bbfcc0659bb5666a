/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/test_generate.h"

#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "cli/writer.h"
#include "engine/query.h"

/*
 * What is written is what the engine says, so a file that was just made always
 * passes. Ends are chosen from the rule: a pod that it selects, a pod or an
 * address that its peers hold, its first port; and for what must not pass, the
 * first pod, or an address, that is denied there.
 */

#define TRIED 200 /* pods that are asked in search of one that is denied */

struct generator {
	const struct wr_program *p;
	const struct wr_world *w;
	struct wr_out *o;
	size_t n;
};

static void write_end(struct generator *g, const char *key, const struct wr_side *s)
{
	char ip[WR_IP_TEXT];
	if (s->pod == WR_NONE) {
		wr_out_printf(g->o, "  %s: \"%s\"\n", key, wr_ip_format(&s->ip, ip));
		return;
	}
	const struct wr_pod *pod = &g->w->pods[s->pod];
	wr_out_printf(g->o, "  %s: %s/%s/%s\n", key, pod->ns, wr_kind_name(pod->kind), pod->name);
}

static bool allowed(const struct generator *g, const struct wr_side *src, const struct wr_side *dst,
		    uint8_t proto, uint16_t port)
{
	struct wr_verdict v;
	wr_evaluate(g->p, src, dst, proto, port, &v);
	return v.allow;
}

static void write_test(struct generator *g, const struct wr_policy *p, enum wr_direction dir,
		       size_t rule, const struct wr_side *src, const struct wr_side *dst,
		       uint8_t proto, uint16_t port)
{
	bool allow = allowed(g, src, dst, proto, port);
	char title[WR_POLICY_TITLE];
	wr_out_printf(g->o, "%s- name: \"%zu: %s %s rule %zu, %s\"\n", g->n ? "" : "tests:\n",
		      g->n + 1, wr_policy_title(p, title), dir == WR_EGRESS ? "egress" : "ingress",
		      rule + 1, allow ? "what passes" : "what does not");
	write_end(g, "from", src);
	write_end(g, "to", dst);
	wr_out_printf(g->o, "  port: %u\n", port);
	if (proto != WR_TCP)
		wr_out_printf(g->o, "  protocol: %s\n", wr_proto_name(proto));
	wr_out_printf(g->o, "  expect: %s\n", allow ? "allow" : "deny");
	g->n++;
}

/* ---- ends of a rule ---- */

static bool first_pod(const struct generator *g, const struct wr_bitset *pods, uint32_t but,
		      struct wr_side *out)
{
	wr_bitset_each(pods, i) if (i != but && !g->w->pods[i].completed &&
				    !wr_side_pod(g->p, (uint32_t)i, 0, out)) return true;
	return false;
}

/* Somebody whom a peer of the rule holds. */
static bool find_peer(const struct generator *g, uint32_t policy, enum wr_direction dir,
		      uint32_t rule, uint32_t subject, struct wr_side *out)
{
	const struct wr_rule *r = &g->w->policies[policy].rules[dir][rule];
	for (uint32_t k = 0; k < r->n_peers; k++) {
		const struct wr_bitset *pods =
			wr_query_peer_pods(g->p, (struct wr_peer_id){policy, dir, rule, k});
		if (pods && first_pod(g, pods, subject, out))
			return true;
		if (!pods && r->peers[k].kind == WR_PEER_IPBLOCK) {
			struct wr_ip ip = wr_cidr_last(&r->peers[k].cidr);
			wr_side_ip(g->p, &ip, out);
			return true;
		}
	}
	if (!r->any_peer)
		return false;
	struct wr_ip ip;
	if (wr_ip_parse("203.0.113.7", &ip) < 0)
		return false;
	wr_side_ip(g->p, &ip, out);
	return true;
}

static bool port_of(const struct generator *g, const struct wr_rule *r, const struct wr_side *dst,
		    uint8_t *proto, uint16_t *port)
{
	*proto = WR_TCP;
	*port = 80;
	if (r->any_port)
		return true;
	const struct wr_port *p = r->n_ports ? &r->ports[0] : NULL;
	if (!p || (p->kind == WR_PORTS_RANGE && p->last < p->first))
		return false;
	*proto = p->proto;
	if (p->kind == WR_PORTS_RANGE)
		*port = p->first;
	if (p->kind != WR_PORTS_NAMED)
		return true;
	const struct wr_pod *pod = dst->pod == WR_NONE ? NULL : &g->w->pods[dst->pod];
	for (size_t i = 0; pod && i < pod->n_ports; i++)
		if (pod->ports[i].name && !strcmp(pod->ports[i].name, p->name) &&
		    (!p->proto || pod->ports[i].proto == p->proto)) {
			*proto = pod->ports[i].proto;
			*port = pod->ports[i].port;
			return true;
		}
	return false;
}

/* A pod, or an address outside, that is denied at the same port. */
static bool find_denied(const struct generator *g, const struct wr_side *subject,
			enum wr_direction dir, uint8_t proto, uint16_t port, struct wr_side *out)
{
	for (uint32_t i = 0; i < g->w->n_pods && i < TRIED; i++) {
		if (i == subject->pod || g->w->pods[i].completed ||
		    wr_side_pod(g->p, i, 0, out) < 0 ||
		    (out->family && subject->family && out->family != subject->family))
			continue;
		if (!(dir == WR_EGRESS ? allowed(g, subject, out, proto, port)
				       : allowed(g, out, subject, proto, port)))
			return true;
	}
	struct wr_ip ip;
	if (wr_ip_parse("203.0.113.7", &ip) < 0)
		return false;
	wr_side_ip(g->p, &ip, out);
	return !(dir == WR_EGRESS ? allowed(g, subject, out, proto, port)
				  : allowed(g, out, subject, proto, port));
}

static void write_rule(struct generator *g, uint32_t policy, enum wr_direction dir, uint32_t rule,
		       const struct wr_side *subject)
{
	const struct wr_policy *p = &g->w->policies[policy];
	const struct wr_rule *r = &p->rules[dir][rule];
	struct wr_side peer;
	uint8_t proto;
	uint16_t port;
	if (!find_peer(g, policy, dir, rule, subject->pod, &peer) ||
	    (peer.family && subject->family && peer.family != subject->family) ||
	    !port_of(g, r, dir == WR_EGRESS ? &peer : subject, &proto, &port))
		return;
	if (dir == WR_EGRESS)
		write_test(g, p, dir, rule, subject, &peer, proto, port);
	else
		write_test(g, p, dir, rule, &peer, subject, proto, port);
	if (!find_denied(g, subject, dir, proto, port, &peer))
		return;
	if (dir == WR_EGRESS)
		write_test(g, p, dir, rule, subject, &peer, proto, port);
	else
		write_test(g, p, dir, rule, &peer, subject, proto, port);
}

/* ---- rules of cluster-wide policies, and below them ---- */

/*
 * Their subjects are many, and what a rule says may be decided before it is
 * asked, or by the other end. Of some pairs of ends that it holds the one is
 * taken that it decides, with the verdict that it is for; and then a pair with
 * the other verdict at the same port.
 */
struct pair {
	struct wr_side subject, peer;
	uint8_t proto;
	uint16_t port;
	bool allow;
	int score; /* 0: there is none */
};

typedef WR_VEC(struct wr_side) side_list;

/* Pods of a set, TRIED_HERE of them. */
#define TRIED_HERE 20

static int add_pods(const struct generator *g, const struct wr_bitset *pods, side_list *out)
{
	struct wr_side s;
	size_t n = 0;
	wr_bitset_each(pods, i)
	{
		if (n == TRIED_HERE)
			break;
		if (g->w->pods[i].completed || wr_side_pod(g->p, (uint32_t)i, 0, &s) < 0)
			continue;
		if (wr_vec_push(out, s) < 0)
			return -ENOMEM;
		n++;
	}
	return 0;
}

static int add_address(const struct generator *g, const struct wr_ip *ip, side_list *out)
{
	struct wr_side s;
	wr_side_ip(g->p, ip, &s);
	return wr_vec_push(out, s);
}

static int add_outside(const struct generator *g, side_list *out)
{
	struct wr_ip ip;
	return wr_ip_parse("203.0.113.7", &ip) < 0 ? 0 : add_address(g, &ip, out);
}

/* Who is held by the peers of a rule: pods, nodes, the last address of a network. */
static int add_peers(const struct generator *g, uint32_t policy, enum wr_direction dir,
		     uint32_t rule, side_list *out)
{
	const struct wr_rule *r = &g->w->policies[policy].rules[dir][rule];
	uint32_t n, total;
	const struct wr_endpoint *all = wr_program_endpoints(g->p, &total);
	int rc = r->any_peer ? add_outside(g, out) : 0;
	for (uint32_t k = 0; k < r->n_peers && !rc; k++) {
		struct wr_peer_id id = {policy, dir, rule, k};
		const struct wr_bitset *pods = wr_query_peer_pods(g->p, id);
		struct wr_ip last = wr_cidr_last(&r->peers[k].cidr);
		if (r->peers[k].kind == WR_PEER_PODS && pods)
			rc = add_pods(g, pods, out);
		else if (r->peers[k].kind == WR_PEER_IPBLOCK)
			rc = add_address(g, &last, out);
		else if (r->peers[k].kind == WR_PEER_NODES) {
			const uint32_t *held = wr_query_peer_endpoints(g->p, id, &n);
			for (uint32_t i = 0; i < n && i < TRIED_HERE && !rc; i++)
				rc = add_address(g, &all[held[i]].ip, out);
		}
	}
	return rc;
}

static bool apart(const struct wr_side *a, const struct wr_side *b)
{
	return (a->pod == WR_NONE || a->pod != b->pod) &&
	       (!a->family || !b->family || a->family == b->family);
}

/* What becomes of a pair; the higher the score, the more it tells of the rule. */
static void judge(const struct generator *g, uint32_t policy, enum wr_direction dir, uint32_t rule,
		  struct pair *pair)
{
	const struct wr_policy *p = &g->w->policies[policy];
	enum wr_action action = p->rules[dir][rule].action;
	bool out = dir == WR_EGRESS;
	struct wr_verdict v;
	wr_evaluate(g->p, out ? &pair->subject : &pair->peer, out ? &pair->peer : &pair->subject,
		    pair->proto, pair->port, &v);
	const struct wr_author *by = wr_program_author(g->p, v.dir[dir].author);
	bool by_rule = by->kind == WR_BY_RULE;
	bool decides = by_rule && by->policy == policy && by->rule == rule;
	if (action == WR_PASS)
		decides = !by_rule || g->w->policies[by->policy].tier > p->tier;
	pair->allow = v.allow;
	pair->score = 1 + 2 * decides + (v.allow == (action != WR_DENY));
}

static struct pair best_pair(const struct generator *g, uint32_t policy, enum wr_direction dir,
			     uint32_t rule, const side_list *subjects, const side_list *peers)
{
	const struct wr_rule *r = &g->w->policies[policy].rules[dir][rule];
	struct pair best = {0};
	for (size_t i = 0; i < subjects->n && best.score < 4; i++)
		for (size_t k = 0; k < peers->n && best.score < 4; k++) {
			struct pair p = {.subject = subjects->items[i], .peer = peers->items[k]};
			if (!apart(&p.subject, &p.peer) ||
			    !port_of(g, r, dir == WR_EGRESS ? &p.peer : &p.subject, &p.proto,
				     &p.port))
				continue;
			judge(g, policy, dir, rule, &p);
			if (p.score > best.score)
				best = p;
		}
	return best;
}

/* A pair with the other verdict: first with the same subject, then with others. */
static bool find_other(const struct generator *g, enum wr_direction dir, const side_list *subjects,
		       const side_list *everybody, const struct pair *than, struct pair *out)
{
	bool egress = dir == WR_EGRESS;
	for (size_t i = 0; i <= subjects->n; i++)
		for (size_t k = 0; k < everybody->n; k++) {
			*out = *than;
			out->subject = i ? subjects->items[i - 1] : than->subject;
			out->peer = everybody->items[k];
			if (!apart(&out->subject, &out->peer))
				continue;
			out->allow = egress ? allowed(g, &out->subject, &out->peer, out->proto,
						      out->port)
					    : allowed(g, &out->peer, &out->subject, out->proto,
						      out->port);
			if (out->allow != than->allow)
				return true;
		}
	return false;
}

static void write_pair(struct generator *g, uint32_t policy, enum wr_direction dir, uint32_t rule,
		       const struct pair *p)
{
	bool out = dir == WR_EGRESS;
	write_test(g, &g->w->policies[policy], dir, rule, out ? &p->subject : &p->peer,
		   out ? &p->peer : &p->subject, p->proto, p->port);
}

static int write_judged_rule(struct generator *g, uint32_t policy, enum wr_direction dir,
			     uint32_t rule, const side_list *subjects, const side_list *everybody)
{
	side_list peers = {0};
	struct pair other;
	int rc = add_peers(g, policy, dir, rule, &peers);
	struct pair best = best_pair(g, policy, dir, rule, subjects, &peers);
	if (!rc && best.score) {
		write_pair(g, policy, dir, rule, &best);
		if (find_other(g, dir, subjects, everybody, &best, &other))
			write_pair(g, policy, dir, rule, &other);
	}
	wr_vec_free(&peers);
	return rc;
}

/* The first pods of all, and an address outside. */
static int add_everybody(const struct generator *g, side_list *out)
{
	struct wr_side s;
	int rc = 0;
	for (uint32_t i = 0; i < g->w->n_pods && i < TRIED && !rc; i++)
		if (!g->w->pods[i].completed && wr_side_pod(g->p, i, 0, &s) >= 0)
			rc = wr_vec_push(out, s);
	return rc ? rc : add_outside(g, out);
}

static int write_judged_policy(struct generator *g, uint32_t policy)
{
	const struct wr_policy *p = &g->w->policies[policy];
	side_list subjects = {0}, everybody = {0};
	int rc = add_pods(g, wr_query_subject(g->p, policy), &subjects);
	if (!rc)
		rc = add_everybody(g, &everybody);
	for (int d = 0; d < 2; d++)
		for (uint32_t r = 0; r < p->n_rules[d] && !rc; r++)
			rc = write_judged_rule(g, policy, (enum wr_direction)d, r, &subjects,
					       &everybody);
	wr_vec_free(&subjects);
	wr_vec_free(&everybody);
	return rc;
}

/* ---- policies ---- */

static void write_policy(struct generator *g, uint32_t policy)
{
	const struct wr_policy *p = &g->w->policies[policy];
	struct wr_side subject, peer;
	/* where the Admin tier may decide before, the first pair of ends may tell nothing */
	bool judged = g->w->policies[0].tier == WR_TIER_ADMIN;
	if (judged && write_judged_policy(g, policy) < 0)
		wr_out_out_of_memory(g->o);
	if (p->subject.kind != WR_PEER_PODS ||
	    !first_pod(g, wr_query_subject(g->p, policy), WR_NONE, &subject))
		return;
	for (int d = 0; d < 2; d++) {
		for (uint32_t r = 0; r < p->n_rules[d] && !judged; r++)
			write_rule(g, policy, (enum wr_direction)d, r, &subject);
		if (p->isolates[d] && !p->n_rules[d] &&
		    find_denied(g, &subject, (enum wr_direction)d, WR_TCP, 80, &peer))
			write_test(g, p, (enum wr_direction)d, 0, d == WR_EGRESS ? &subject : &peer,
				   d == WR_EGRESS ? &peer : &subject, WR_TCP, 80);
	}
}

int wr_test_generate(const struct wr_args *args, const struct wr_loaded *l)
{
	struct generator g = {.p = l->program, .w = l->world, .o = wr_out_new(1, WR_TABLE)};
	if (!g.o)
		return wr_fail(args, "out of memory");
	wr_out_text(g.o,
		    "# What the policies allow and deny today, a connection or two for each rule.\n"
		    "# weir test -f MANIFESTS THIS-FILE checks it.\n");
	for (uint32_t i = 0; i < g.w->n_policies && !wr_out_failed(g.o); i++) {
		if (g.w->policies[i].tier == WR_TIER_NETWORKPOLICY)
			write_policy(&g, i);
		else if (write_judged_policy(&g, i) < 0)
			wr_out_out_of_memory(g.o);
	}
	if (!g.n)
		wr_out_text(g.o, "tests: []\n");
	return wr_out_finish(g.o, WR_EXIT_OK);
}
