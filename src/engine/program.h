/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Program: the compiled policies of a world. Immutable and reference-counted.
 * User space evaluates the very tables that the kernel gets.
 *
 *	endpoint ──► identity {class, row[egress], row[ingress], self}
 *	row[class of the peer] ──► port set ──► (verdict, author) for every (protocol, port)
 *
 * An endpoint is one address of a pod or a node, or a pod without addresses.
 * Two endpoints are of one class when no peer of any rule tells them apart.
 * Addresses outside have the class of the most specific prefix that covers
 * them. A row holds the port set of every class, for all subjects to which the
 * same policies apply; row 0 is "no policy selects": everything is allowed.
 *
 * A port set is a total function from a key (protocol << 16 | port; port 0 for
 * protocols without ports) to a verdict and its author, as ranges. Port set 0
 * allows everything with author 0 (nobody: the default).
 */
#include <stdbool.h>
#include <stdint.h>

#include "model/world.h"

struct wr_program;

struct wr_compile_opts {
	/* Rows only for the pods of this node (its name); NULL: for all pods. */
	const char *node;
	/* ipBlocks are addresses outside: they never match a pod's address. */
	bool ipblocks_skip_pods;
};

/*
 * Compiles a world (takes a reference). opts NULL: the defaults. 0, -ENOMEM,
 * -E2BIG past a bound of the tables. Who follows changes: live.h.
 */
int wr_compile(struct wr_world *w, const struct wr_compile_opts *opts, struct wr_program **out);
struct wr_program *wr_program_ref(struct wr_program *p);
void wr_program_unref(struct wr_program *p); /* takes NULL */

const struct wr_world *wr_program_world(const struct wr_program *p);

/* ---- the tables, as the datapath loads them ---- */

struct wr_identity {
	uint32_t class;
	uint32_t row[2]; /* by enum wr_direction; 0: no policy selects */
	uint32_t self; /* port set for connections of the endpoint with itself by way of a Service */
};

struct wr_endpoint {
	struct wr_ip ip; /* family 0: no address */
	uint32_t pod,
		node; /* index into the world, the other is WR_NONE; hostNetwork pods: see below */
	struct wr_identity id;
};

/*
 * What several addresses have in common, and an address that is to be of
 * another kind: for those who follow changes (live.h). Flags: WR_ADDR_POD ...,
 * numbered as the datapath has them (enum weir_addr_flags).
 */
struct wr_kind_entry {
	struct wr_identity id;
	uint32_t flags;
};

enum { WR_ADDR_POD = 1 << 0, WR_ADDR_LOCAL = 1 << 1, WR_ADDR_NODE = 1 << 2 };

#define WR_SLOT_NONE UINT32_MAX

struct wr_move {
	struct wr_ip ip;
	uint32_t kind; /* WR_NONE: the address goes */
	uint32_t slot; /* in: that it has, or WR_SLOT_NONE; out: that it has now */
};

/* A prefix that some ipBlock or except names; nested prefixes: the most specific decides. */
struct wr_prefix {
	struct wr_cidr cidr;
	uint32_t class;
};

struct wr_range {
	uint32_t first;  /* key; the range ends where the next begins, the last at 0xffffff */
	uint32_t author; /* index for wr_program_author() */
	bool allow;
};

enum wr_author_kind {
	WR_BY_DEFAULT,   /* no policy decides: allowed */
	WR_BY_RULE,      /* a rule of a policy */
	WR_BY_ISOLATION, /* NetworkPolicies isolate the pod and no rule allows: denied */
	WR_BY_SELF,      /* a pod and itself: allowed */
	WR_BY_NODE       /* a node and its own pods: allowed */
};

struct wr_author {
	enum wr_author_kind kind;
	enum wr_direction dir;
	uint32_t policy, rule;    /* WR_BY_RULE: index into world.policies, and its rules[dir] */
	const uint32_t *policies; /* WR_BY_ISOLATION: all that isolate, ascending */
	uint32_t n;
};

/* Author numbers that every program has. */
enum { WR_AUTHOR_DEFAULT = 0, WR_AUTHOR_SELF = 1, WR_AUTHOR_NODE = 2 };

#define WR_KEY(proto, port) ((uint32_t)(proto) << 16 | (uint32_t)(port))
#define WR_KEY_LAST 0xffffffu

uint32_t wr_program_n_classes(const struct wr_program *p);
uint32_t wr_program_n_rows(const struct wr_program *p); /* row 0 included */
uint32_t wr_program_n_port_sets(const struct wr_program *p);
uint32_t wr_program_n_authors(const struct wr_program *p);

/* All endpoints; of one pod they are contiguous, in the order of its addresses. */
const struct wr_endpoint *wr_program_endpoints(const struct wr_program *p, uint32_t *n);
/* All prefixes, sorted by address and then length; class of addresses in none of them. */
const struct wr_prefix *wr_program_prefixes(const struct wr_program *p, uint32_t *n);
uint32_t wr_program_world_class(const struct wr_program *p, uint8_t family);
/* Port set of every class: wr_program_n_classes() numbers. */
const uint32_t *wr_program_row(const struct wr_program *p, uint32_t row);
const struct wr_range *wr_program_port_set(const struct wr_program *p, uint32_t set, uint32_t *n);
const struct wr_author *wr_program_author(const struct wr_program *p, uint32_t author);

/* ---- evaluation ---- */

/*
 * One end of a connection. Fill it with one of the functions below; then
 * comparing costs no look-up by name or address.
 */
struct wr_side {
	struct wr_identity id;
	uint32_t endpoint; /* index of the endpoint, WR_NONE for an address outside */
	uint32_t pod;      /* index of the pod, WR_NONE: none */
	uint32_t node;     /* the node it is (a node's address, a hostNetwork pod), WR_NONE: none */
	uint8_t family;    /* 0: a pod without addresses */
	/*
	 * A destination that was reached by way of a Service: where it is the source
	 * itself, the connection leaves the pod and comes back (hairpin), and the
	 * Admin and Baseline tiers judge it. NetworkPolicies never do. Set it after
	 * the functions below.
	 */
	bool by_service;
	struct wr_ip ip;
};

/* The side that a pod is, with its address of a family (0: its first). -ENOENT: no such address. */
int wr_side_pod(const struct wr_program *p, uint32_t pod, uint8_t family, struct wr_side *out);
/* The side that an address is: a pod's, a node's, or outside. */
void wr_side_ip(const struct wr_program *p, const struct wr_ip *ip, struct wr_side *out);

struct wr_verdict {
	bool allow; /* both directions */
	struct {
		bool allow;
		uint32_t author;
	} dir[2]; /* by enum wr_direction */
};

/*
 * Whether a new connection from src to dst is allowed. proto: IP protocol
 * number; port: destination port, 0 for protocols without ports. Of a hairpin
 * (by_service) that both directions deny, egress is the one that is told.
 */
void wr_evaluate(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
		 uint8_t proto, uint16_t port, struct wr_verdict *out);
