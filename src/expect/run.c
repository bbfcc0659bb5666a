/* SPDX-License-Identifier: Apache-2.0 */
#include "expect/internal.h"

#include <string.h>

static bool same_family(const struct wr_side *a, const struct wr_side *b)
{
	return !a->family || !b->family || a->family == b->family;
}

static bool same_end(const struct wr_side *a, const struct wr_side *b)
{
	if (a->pod != WR_NONE || b->pod != WR_NONE)
		return a->pod == b->pod;
	return wr_ip_equal(&a->ip, &b->ip);
}

/* Where the connections of a test go; rc stops it. */
struct visit {
	const struct wr_expect *e;
	const struct expectation *t;
	int (*fn)(void *ctx, const struct wr_expect_pair *pair);
	void *ctx;
	int rc;
};

/*
 * Whether a test means a pod and itself: through its Service, where it is to be
 * allowed, or where a rule of the Admin or Baseline tier decides. NetworkPolicies
 * never deny such a connection; nobody means it who says that all are denied.
 */
static bool means_itself(const struct wr_program *p, const struct wr_side *src,
			 const struct wr_side *dst, uint8_t proto, uint16_t port, bool allow)
{
	struct wr_verdict verdict;
	if (!dst->by_service)
		return false;
	wr_evaluate(p, src, dst, proto, port, &verdict);
	for (int dir = 0; dir < 2; dir++) {
		const struct wr_author *a = wr_program_author(p, verdict.dir[dir].author);
		if ((a->kind == WR_BY_SELF && allow) ||
		    (a->kind == WR_BY_RULE &&
		     wr_program_world(p)->policies[a->policy].tier != WR_TIER_NETWORKPOLICY))
			return true;
	}
	return false;
}

static void ask(struct visit *v, const struct wr_side *src, const struct wr_side *dst,
		uint8_t proto, uint16_t port, bool allow)
{
	if (proto == WR_ICMP && (src->family == WR_IPV6 || dst->family == WR_IPV6))
		proto = WR_ICMPV6;
	if (same_end(src, dst) && !means_itself(v->e->p, src, dst, proto, port, allow))
		return;
	struct wr_expect_pair pair = {*src, *dst, proto, port, allow};
	if (!v->rc)
		v->rc = v->fn(v->ctx, &pair);
}

/* The numbers of a name on a destination, as the pod declares it; 0: none. */
static uint16_t named(const struct wr_expect *e, const struct wr_side *dst, const struct port *p)
{
	if (dst->pod == WR_NONE)
		return 0;
	const struct wr_pod *pod = &wr_program_world(e->p)->pods[dst->pod];
	for (size_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].name && !strcmp(pod->ports[i].name, p->name) &&
		    pod->ports[i].proto == p->proto)
			return pod->ports[i].port;
	return 0;
}

static void ask_port(struct visit *v, const struct wr_side *src, const struct end *dst,
		     const struct port *p, bool allow)
{
	if (dst->port || !wr_proto_has_ports(p->proto)) {
		ask(v, src, &dst->side, p->proto, dst->port, allow);
		return;
	}
	if (p->name) {
		uint16_t port = named(v->e, &dst->side, p);
		if (port)
			ask(v, src, &dst->side, p->proto, port, allow);
		return;
	}
	for (uint32_t port = p->first; port <= p->last && !v->rc; port++)
		ask(v, src, &dst->side, p->proto, (uint16_t)port, allow);
}

static void ask_all(struct visit *v, const struct end *src, bool allow)
{
	for (size_t k = 0; k < v->t->to.n && !v->rc; k++) {
		const struct end *dst = &v->t->to.items[k];
		if (!same_family(&src->side, &dst->side))
			continue;
		for (size_t i = 0; i < v->t->ports.n; i++)
			ask_port(v, &src->side, dst, &v->t->ports.items[i], allow);
	}
}

static bool is_listed(const struct expectation *t, const struct end *src)
{
	for (size_t i = 0; i < t->from.n; i++)
		if (same_end(&t->from.items[i].side, &src->side) ||
		    /* an address that policies do not tell from a listed one outside */
		    (src->side.pod == WR_NONE && t->from.items[i].side.pod == WR_NONE &&
		     src->side.id.class == t->from.items[i].side.id.class))
			return true;
	return false;
}

int wr_expect_each(const struct wr_expect *e, size_t i,
		   int (*fn)(void *ctx, const struct wr_expect_pair *pair), void *ctx)
{
	const struct expectation *t = &e->tests.items[i];
	struct visit v = {e, t, fn, ctx, 0};
	for (size_t k = 0; k < t->from.n && !v.rc; k++)
		ask_all(&v, &t->from.items[k], t->only || t->allow);
	for (size_t k = 0; t->only && k < e->everybody.n && !v.rc; k++)
		if (!is_listed(t, &e->everybody.items[k]))
			ask_all(&v, &e->everybody.items[k], false);
	return v.rc;
}

void wr_expect_begin(const struct wr_expect *e, size_t i, struct wr_expect_result *out)
{
	const struct expectation *t = &e->tests.items[i];
	*out = (struct wr_expect_result){.name = t->name, .mark = t->mark, .file = t->mark.file};
}

void wr_expect_note(const struct wr_expect_pair *pair, bool allowed, struct wr_expect_result *out)
{
	out->checked++;
	if (allowed == pair->allow)
		return;
	if (out->failed < WR_EXPECT_KEPT)
		out->failures[out->failed] = (struct wr_expect_failure){
			pair->src, pair->dst, pair->proto, pair->port, allowed};
	out->failed++;
}

struct by_engine {
	const struct wr_program *p;
	struct wr_expect_result *out;
};

static int evaluate(void *ctx, const struct wr_expect_pair *pair)
{
	struct by_engine *b = ctx;
	struct wr_verdict v;
	wr_evaluate(b->p, &pair->src, &pair->dst, pair->proto, pair->port, &v);
	wr_expect_note(pair, v.allow, b->out);
	return 0;
}

void wr_expect_run(const struct wr_expect *e, size_t i, struct wr_expect_result *out)
{
	struct by_engine b = {e->p, out};
	wr_expect_begin(e, i, out);
	(void)wr_expect_each(e, i, evaluate, &b);
}
