/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_UNTRACKED_H
#define WEIR_BPF_UNTRACKED_H
/*
 * Packets without a conntrack entry: invalid ones, and those that conntrack
 * was told not to look at. They cannot be judged as part of a connection, so
 * they are dropped where an isolated pod is involved. IPv6 does not work
 * without neighbour discovery, which conntrack never tracks: that passes.
 */
#include "report.h"

#define IPV6_HEADER 40
#define IPV6_EXTENSIONS 8 /* as many headers are followed */

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_DESTINATION 60

#define MLD_QUERY 130
#define MLD_DONE 132
#define ND_ROUTER_SOLICIT 133
#define ND_REDIRECT 137
#define MLD_REPORT_V2 143

struct packet {
	struct conn conn;
	__u8 hop_limit;
	__u8 icmp_type; /* of ICMPv6, where its header was found */
	bool has_l4;
	__u32 l4; /* offset of the transport header */
};

static __always_inline bool parse_ipv4(const struct bpf_dynptr *skb, struct packet *p)
{
	__u8 h[20];

	if (bpf_dynptr_read(h, sizeof(h), skb, 0, 0))
		return false;
	p->conn.proto = h[9];
	__builtin_memcpy(&p->conn.src.word[0], h + 12, 4);
	__builtin_memcpy(&p->conn.dst.word[0], h + 16, 4);
	p->l4 = (h[0] & 15) * 4;
	p->has_l4 = !((h[6] & 0x1f) | h[7]); /* the first fragment */
	return true;
}

/* Follows extension headers up to the transport header. */
static __always_inline void skip_extensions(const struct bpf_dynptr *skb, struct packet *p,
					    __u8 next)
{
	__u8 h[8];

	for (int i = 0; i < IPV6_EXTENSIONS; i++) {
		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION) {
			p->conn.proto = next;
			p->has_l4 = next != NEXT_FRAGMENT;
			return;
		}
		if (bpf_dynptr_read(h, sizeof(h), skb, p->l4, 0))
			return;
		next = h[0];
		p->l4 += (h[1] + 1) * 8;
	}
}

static __always_inline bool parse_ipv6(const struct bpf_dynptr *skb, struct packet *p)
{
	__u8 h[IPV6_HEADER];

	if (bpf_dynptr_read(h, sizeof(h), skb, 0, 0))
		return false;
	p->hop_limit = h[7];
	__builtin_memcpy(&p->conn.src, h + 8, 16);
	__builtin_memcpy(&p->conn.dst, h + 24, 16);
	p->l4 = IPV6_HEADER;
	skip_extensions(skb, p, h[6]);
	return true;
}

static __always_inline bool parse(struct bpf_nf_ctx *ctx, struct packet *p)
{
	struct bpf_dynptr skb;
	__u8 h[4];
	bool ok;

	if (bpf_dynptr_from_skb(ctx->skb, 0, &skb))
		return false;
	ok = p->conn.ipv4 ? parse_ipv4(&skb, p) : parse_ipv6(&skb, p);
	if (!ok || !p->has_l4 || bpf_dynptr_read(h, sizeof(h), &skb, p->l4, 0))
		return ok;
	if (has_ports(p->conn.proto)) {
		p->conn.sport = h[0] << 8 | h[1];
		p->conn.dport = h[2] << 8 | h[3];
	}
	if (!p->conn.ipv4 && p->conn.proto == IPPROTO_ICMPV6)
		p->icmp_type = h[0];
	return true;
}

/*
 * Neighbour and router discovery, and multicast listener reports. Only those
 * that cannot have come through a router: a forged one must not be a way from
 * pod to pod (RFC 4861 wants hop limit 255, RFC 3810 wants 1).
 */
static __always_inline bool is_neighbour(const struct packet *p)
{
	const __u8 *src = (const __u8 *)&p->conn.src, *dst = (const __u8 *)&p->conn.dst;
	__u8 type = p->icmp_type;
	bool link_local = src[0] == 0xfe && (src[1] & 0xc0) == 0x80;

	if (type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT)
		return p->hop_limit == 255;
	if ((type >= MLD_QUERY && type <= MLD_DONE) || type == MLD_REPORT_V2)
		return p->hop_limit == 1 && (link_local || dst[0] == 0xff);
	return false;
}

/* Whether an end of the packet is one that policies guard at this hook. */
static __always_inline bool guarded(const struct view *v, const struct conn *c, __u8 *reason)
{
	struct weir_identity *src = identity(v, &c->src, c->ipv4), *dst;
	__u32 flags;

	if (!src)
		return true;
	if (c->hook == NF_INET_LOCAL_OUT && !(src->flags & WEIR_ADDR_POD))
		return false;
	flags = src->flags;
	if (src->row[WEIR_EGRESS])
		return true;
	if (c->hook == NF_INET_FORWARD) {
		dst = identity(v, &c->dst, c->ipv4);
		if (!dst || dst->row[WEIR_INGRESS])
			return true;
		flags |= dst->flags;
	}
	if (!(flags & WEIR_ADDR_UNKNOWN) || config.unknown_allow)
		return false;
	*reason = WEIR_R_UNKNOWN_POD;
	return true;
}

__noinline int without_connection(struct bpf_nf_ctx *ctx, __u32 info)
{
	struct outcome o = {.reason = info == IP_CT_UNTRACKED ? WEIR_R_UNTRACKED : WEIR_R_INVALID};
	struct packet p = {0};
	struct view v;

	p.conn.ipv4 = ctx->state->pf == PF_INET;
	p.conn.hook = ctx->state->hook;
	if (parse(ctx, &p)) {
		if (is_neighbour(&p)) {
			count(WEIR_C_NEIGHBOUR);
			return NF_ACCEPT;
		}
		if (!config.applied) {
			count(WEIR_C_NO_CT_PASS);
			return NF_ACCEPT;
		}
		if (!view_open(&v)) {
			o.reason = WEIR_R_NO_IMAGE;
		} else if (!guarded(&v, &p.conn, &o.reason)) {
			count(WEIR_C_NO_CT_PASS);
			return NF_ACCEPT;
		} else {
			o.generation = v.generation;
		}
	}
	count(WEIR_C_NO_CT_DROP);
	report(&p.conn, &o);
	return NF_DROP;
}

#endif
