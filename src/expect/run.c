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

static void ask(const struct wr_expect *e, const struct wr_side *src, const struct wr_side *dst,
		uint8_t proto, uint16_t port, bool allow, struct wr_expect_result *out)
{
	struct wr_verdict v;
	if (proto == WR_ICMP && (src->family == WR_IPV6 || dst->family == WR_IPV6))
		proto = WR_ICMPV6;
	wr_evaluate(e->p, src, dst, proto, port, &v);
	out->checked++;
	if (v.allow == allow)
		return;
	if (out->failed < WR_EXPECT_KEPT)
		out->failures[out->failed] = (struct wr_expect_failure){*src, *dst, proto, port,
									v.allow};
	out->failed++;
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

static void ask_port(const struct wr_expect *e, const struct wr_side *src, const struct end *dst,
		     const struct port *p, bool allow, struct wr_expect_result *out)
{
	if (dst->port || !wr_proto_has_ports(p->proto)) {
		ask(e, src, &dst->side, p->proto, dst->port, allow, out);
		return;
	}
	if (p->name) {
		uint16_t port = named(e, &dst->side, p);
		if (port)
			ask(e, src, &dst->side, p->proto, port, allow, out);
		return;
	}
	for (uint32_t port = p->first; port <= p->last; port++)
		ask(e, src, &dst->side, p->proto, (uint16_t)port, allow, out);
}

static void ask_all(const struct wr_expect *e, const struct expectation *t, const struct end *src,
		    bool allow, struct wr_expect_result *out)
{
	for (size_t k = 0; k < t->to.n; k++) {
		const struct end *dst = &t->to.items[k];
		/* nobody asks whether a pod reaches itself */
		if (same_end(&src->side, &dst->side) || !same_family(&src->side, &dst->side))
			continue;
		for (size_t i = 0; i < t->ports.n; i++)
			ask_port(e, &src->side, dst, &t->ports.items[i], allow, out);
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

void wr_expect_run(const struct wr_expect *e, size_t i, struct wr_expect_result *out)
{
	const struct expectation *t = &e->tests.items[i];
	*out = (struct wr_expect_result){.name = t->name, .mark = t->mark, .file = t->mark.file};
	for (size_t k = 0; k < t->from.n; k++)
		ask_all(e, t, &t->from.items[k], t->only || t->allow, out);
	for (size_t k = 0; t->only && k < e->everybody.n; k++)
		if (!is_listed(t, &e->everybody.items[k]))
			ask_all(e, t, &e->everybody.items[k], false, out);
}
