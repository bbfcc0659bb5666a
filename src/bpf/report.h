/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_REPORT_H
#define WEIR_BPF_REPORT_H
/*
 * Events. Two bounds keep them cheap where packets are many: so many a second
 * for each CPU (looked at first), and one a second for equal ones.
 */
#include "image.h"

#define SECOND 1000000000ull

/* A connection as it is judged: original source, real destination. */
struct conn {
	struct ip src, dst;
	__u16 sport, dport; /* host byte order */
	__u8 proto;
	__u8 hook;
	bool ipv4;
};

static __always_inline bool has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

struct outcome {
	__u32 generation;
	__u32 author[2];
	bool allow, rejudged;
	bool counted; /* the first packet of a connection: counts for its authors */
	__u8 denied_by;
	__u8 reason;
};

/* Takes nothing yet: a repetition costs no token. NULL: none left. */
static __always_inline struct bucket *bucket_with_tokens(__u64 now)
{
	__u32 zero = 0;
	struct bucket *b = bpf_map_lookup_elem(&buckets, &zero);

	if (!b)
		return NULL;
	if (now - b->filled_ns >= SECOND) {
		b->filled_ns = now;
		b->tokens = config.events_per_sec;
	}
	return b->tokens ? b : NULL;
}

/* False: reported within the last second. Else *repeats were left out since. */
static __always_inline bool is_news(const struct conn *c, bool allow, __u64 now, __u32 *repeats)
{
	struct seen_key key = {.dport = c->dport, .proto = c->proto, .allow = allow};
	struct seen fresh = {.reported_ns = now};
	struct seen *s;

	__builtin_memcpy(key.src, &c->src, sizeof(key.src));
	__builtin_memcpy(key.dst, &c->dst, sizeof(key.dst));
	s = bpf_map_lookup_elem(&seen, &key);
	*repeats = 0;
	if (!s) {
		bpf_map_update_elem(&seen, &key, &fresh, BPF_ANY);
		return true;
	}
	if (now - s->reported_ns < SECOND) {
		__sync_fetch_and_add(&s->repeats, 1);
		return false;
	}
	*repeats = s->repeats;
	s->repeats = 0;
	s->reported_ns = now;
	return true;
}

__noinline int report(const struct conn *c, const struct outcome *o)
{
	__u64 now = bpf_ktime_get_ns();
	struct weir_event *e;
	struct bucket *b;
	__u32 repeats;

	if (!c || !o || !config.events_per_sec || (o->allow && !config.events_allowed))
		return 0;
	b = bucket_with_tokens(now);
	if (!b || !is_news(c, o->allow, now, &repeats)) {
		count(WEIR_C_EVENTS_LIMITED);
		return 0;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count(WEIR_C_EVENTS_LOST);
		return 0;
	}
	b->tokens--;
	e->time_ns = now;
	e->generation = o->generation;
	e->author[0] = o->author[0];
	e->author[1] = o->author[1];
	__builtin_memcpy(e->src, &c->src, sizeof(e->src));
	__builtin_memcpy(e->dst, &c->dst, sizeof(e->dst));
	e->sport = c->sport;
	e->dport = c->dport;
	e->family = c->ipv4 ? 4 : 6;
	e->proto = c->proto;
	e->allow = o->allow;
	e->denied_by = o->denied_by;
	e->reason = o->reason;
	e->hook = c->hook;
	e->rejudged = o->rejudged;
	e->pad = 0;
	e->repeats = repeats;
	e->pad2 = 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
