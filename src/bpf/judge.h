/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_JUDGE_H
#define WEIR_BPF_JUDGE_H
/*
 * A connection that is not in good standing: a new one, or one older than the
 * last change to stricter policies. Judged from conntrack's two tuples: the
 * original one's source, and the reply's source, which is where the packets
 * really go.
 */
#include "report.h"

/* Ports are 0 where the protocol has none. */
static __always_inline __u32 port_key(__u8 proto, __u16 port)
{
	return (__u32)proto << 16 | port;
}

static __always_inline void conn_read(struct conn *c, struct nf_conn *ct)
{
	c->ipv4 = ct->tuplehash[ORIGINAL].tuple.src.l3num == PF_INET;
	c->proto = ct->tuplehash[ORIGINAL].tuple.dst.protonum;
	c->src.word[0] = ct->tuplehash[ORIGINAL].tuple.src.u3.all[0];
	c->dst.word[0] = ct->tuplehash[REPLY].tuple.src.u3.all[0];
	if (!c->ipv4) {
		c->src.word[1] = ct->tuplehash[ORIGINAL].tuple.src.u3.all[1];
		c->src.word[2] = ct->tuplehash[ORIGINAL].tuple.src.u3.all[2];
		c->src.word[3] = ct->tuplehash[ORIGINAL].tuple.src.u3.all[3];
		c->dst.word[1] = ct->tuplehash[REPLY].tuple.src.u3.all[1];
		c->dst.word[2] = ct->tuplehash[REPLY].tuple.src.u3.all[2];
		c->dst.word[3] = ct->tuplehash[REPLY].tuple.src.u3.all[3];
	}
	if (has_ports(c->proto)) {
		c->sport = bpf_ntohs(ct->tuplehash[ORIGINAL].tuple.src.u.all);
		c->dport = bpf_ntohs(ct->tuplehash[REPLY].tuple.src.u.all);
	}
}

static __always_inline bool same_ip(const struct ip *a, const struct ip *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		 (a->word[3] ^ b->word[3]));
}

/*
 * Conntrack took up a TCP connection in its middle (nf_conntrack_tcp_loose): it
 * cannot know which end opened it. Conntrack marks such a connection liberal
 * for its whole life, so that it is known again when it is judged later.
 */
static __always_inline bool picked_up(struct nf_conn *ct)
{
	return ct->proto.tcp.seen[0].flags & IP_CT_TCP_FLAG_BE_LIBERAL;
}

/* One direction's row; true: allowed. Notes the author and who denied. */
static __always_inline bool judge_row(const struct view *v, __u32 dir, __u32 row, __u32 class,
				      __u32 key, struct outcome *o)
{
	struct weir_range *r = row_find(v, row, class, key);

	o->denied_by = dir;
	if (!r) {
		o->reason = WEIR_R_NO_IMAGE;
		return false;
	}
	o->author[dir] = r->author;
	if (o->counted)
		count_author(v, r->author);
	return r->allow;
}

/* Egress of the source and ingress of the destination; a row of 0 restricts nothing. */
static __always_inline bool judge_rows(const struct view *v, const struct weir_identity *src,
				       const struct weir_identity *dst, __u32 egress, __u32 ingress,
				       __u32 key, struct outcome *o)
{
	return (!egress || judge_row(v, WEIR_EGRESS, egress, dst->class, key, o)) &&
	       (!ingress || judge_row(v, WEIR_INGRESS, ingress, src->class, key, o));
}

/* A pod and itself, by way of its own Service. */
static __always_inline bool judge_self(const struct view *v, const struct conn *c,
				       const struct weir_identity *self, struct outcome *o)
{
	struct weir_range *r;

	if (!self->self)
		return true;
	r = set_find(v, self->self, port_key(c->proto, c->dport));
	if (!r)
		return false;
	o->reason = WEIR_R_POLICY;
	o->denied_by = WEIR_INGRESS;
	o->author[WEIR_INGRESS] = r->author;
	return r->allow;
}

/*
 * Which end of a picked-up connection opened it is not known: it must be
 * allowed both as it is seen and reversed.
 */
static __always_inline bool judge_reversed(const struct view *v, const struct conn *c,
					   const struct weir_identity *src,
					   const struct weir_identity *dst, struct outcome *o)
{
	struct outcome back = {.reason = WEIR_R_PICKUP};

	if (judge_rows(v, dst, src, dst->row[WEIR_EGRESS], src->row[WEIR_INGRESS],
		       port_key(c->proto, c->sport), &back))
		return true;
	o->reason = back.reason;
	o->denied_by = back.denied_by;
	o->author[0] = back.author[0];
	o->author[1] = back.author[1];
	return false;
}

/* What the tables say. *which: the counter for an allowed connection. */
static __always_inline bool judge(const struct view *v, const struct conn *c, struct nf_conn *ct,
				  struct outcome *o, __u32 *which)
{
	struct weir_identity *src = identity(v, &c->src, c->ipv4), *dst;
	__u32 flags, ingress;

	if (!src)
		return false;
	*which = WEIR_C_NODE;
	if (c->hook == NF_INET_LOCAL_OUT && !(src->flags & WEIR_ADDR_POD))
		return true;
	*which = WEIR_C_SELF;
	if (same_ip(&c->src, &c->dst))
		return judge_self(v, c, src, o);
	dst = identity(v, &c->dst, c->ipv4);
	if (!dst)
		return false;
	/*
	 * At LOCAL_IN one end is the node: as the destination, wherever its
	 * address lies, or as the source of a connection to a pod of its own,
	 * of which this is a reply. Neither is for ingress policies to judge.
	 */
	flags = src->flags;
	ingress = 0;
	if (c->hook != NF_INET_LOCAL_IN) {
		flags |= dst->flags;
		ingress = dst->row[WEIR_INGRESS];
	}
	if ((flags & WEIR_ADDR_UNKNOWN) && !config.unknown_allow) {
		o->reason = WEIR_R_UNKNOWN_POD;
		return false;
	}
	o->reason = WEIR_R_POLICY;
	*which = WEIR_C_UNRESTRICTED;
	if (src->row[WEIR_EGRESS] || ingress) {
		*which = WEIR_C_ALLOWED;
		if (!judge_rows(v, src, dst, src->row[WEIR_EGRESS], ingress,
				port_key(c->proto, c->dport), o))
			return false;
	}
	return c->proto != IPPROTO_TCP || c->hook != NF_INET_FORWARD || !picked_up(ct) ||
	       judge_reversed(v, c, src, dst, o);
}

static __always_inline int judge_connection(struct bpf_nf_ctx *ctx, struct nf_conn *ct,
					    bool rejudged)
{
	struct outcome o = {.reason = WEIR_R_NO_IMAGE, .rejudged = rejudged};
	struct conn c = {.hook = ctx->state->hook};
	__u32 which = WEIR_C_ALLOWED;
	struct view v;

	if (!config.applied) {
		count(WEIR_C_UNRESTRICTED);
		return NF_ACCEPT;
	}
	conn_read(&c, ct);
	o.counted = !(ct->status & IPS_CONFIRMED);
	if (view_open(&v)) {
		o.generation = v.generation;
		o.allow = judge(&v, &c, ct, &o, &which);
	}
	if (o.allow) {
		count(rejudged ? WEIR_C_REJUDGED : which);
		if (o.counted && which != WEIR_C_NODE)
			report(&c, &o);
		return NF_ACCEPT;
	}
	count(WEIR_C_DENIED);
	report(&c, &o);
	return NF_DROP;
}

#endif
