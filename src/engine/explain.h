/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Explain: why a verdict is what it is. Walks the policies as they are
 * written, not the compiled rows, so that it finds peers, ports, lines and the
 * near misses: the rules that would have allowed the connection but for one
 * thing. Its verdict always equals wr_evaluate()'s; tests hold the two together.
 */
#include "engine/program.h"

enum wr_miss_kind {
	WR_MISS_PORT,        /* the peer matches, the port does not */
	WR_MISS_PROTOCOL,    /* the peer and port number match, the protocol does not */
	WR_MISS_NAMED_PORT,  /* the peer matches; no such named port on the destination */
	WR_MISS_NO_PORTS,    /* the protocol has no ports and the rule lists ports */
	WR_MISS_LABELS,      /* namespace and port match, the pod's labels do not */
	WR_MISS_NAMESPACE,   /* labels and port match; the peer's pod is in another namespace */
	WR_MISS_NS_LABELS,   /* labels and port match, the namespace's labels do not */
	WR_MISS_NODE_LABELS, /* the port matches; it is a node, whose labels do not */
	WR_MISS_EXCEPT,      /* the address lies in the ipBlock but in an except of it */
	WR_MISS_IPBLOCK      /* the port matches; the address is in no ipBlock of the rule */
};

struct wr_near_miss {
	enum wr_miss_kind kind;
	uint32_t policy, rule;
	uint32_t peer, port; /* index in the rule, WR_NONE: any */
	struct wr_mark mark; /* the line to look at */
	const char *text;    /* "allows TCP 8080, the connection is TCP 80" */
	const char *mend;    /* one line that would allow it, or NULL */
};

struct wr_reason {
	enum wr_direction dir;
	bool allow;
	struct wr_author author;
	uint32_t peer, port; /* WR_BY_RULE: which peer and port of the rule matched; WR_NONE: any */
	struct wr_mark mark; /* WR_BY_RULE: of that peer, port or rule */
	uint32_t *isolating; /* NetworkPolicies that isolate the subject in this direction */
	uint32_t n_isolating;
	struct wr_near_miss *misses; /* WR_BY_ISOLATION: nearest first */
	uint32_t n_misses;
	const char *text; /* one sentence, no trailing full stop */
};

/*
 * The reasons of both directions, in arena memory; out has two elements, by
 * enum wr_direction. 0 or -ENOMEM.
 */
int wr_explain(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
	       uint8_t proto, uint16_t port, struct wr_arena *arena, struct wr_reason out[2]);
