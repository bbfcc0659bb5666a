/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the engine's files share. A program is built in steps, each a file:
 *
 *	population.c  who can be a peer: endpoints, prefixes, addresses outside
 *	select.c      selectors and peers to sets of pods (atoms), each once
 *	classes.c     partition of all entities by the atoms: the peer classes
 *	port_sets.c   sets of ranges of (protocol, port), interned
 *	canvas.c      painting such ranges, rule by rule
 *	paint.c       the policies of one row, flattened onto its classes
 *	rows.c        for every list of policies that apply to a subject: its row
 *
 * and compile.c runs them. An "entity" is an endpoint, a prefix, or one of the
 * two "everything else" (IPv4, IPv6); entities are numbered in that order.
 */
#include "base/arena.h"
#include "base/bitset.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/program.h"

/* ---- population.c ---- */

struct population {
	struct wr_endpoint *endpoints;
	uint32_t n_endpoints;
	uint32_t *pod_endpoint; /* first endpoint of each pod; n_pods + 1 numbers */
	struct wr_prefix *prefixes;
	uint32_t *parent; /* by prefix: the nearest that covers it, or WR_NONE */
	uint32_t n_prefixes;
	uint32_t *by_ip; /* endpoints with an address, sorted by it */
	uint32_t n_by_ip;
	struct wr_map *ip_index;             /* address (family + 16 bytes) to endpoint */
	uint32_t world4, world6, n_entities; /* entity numbers of "everything else"; their count */
};

int population_build(struct population *pop, const struct wr_world *w, struct wr_arena *arena);
/* The endpoint that owns an address (a node before a hostNetwork pod), or WR_NONE. */
uint32_t population_find_ip(const struct population *pop, const struct wr_ip *ip);
/* The most specific prefix that covers an address, or WR_NONE. */
uint32_t population_find_prefix(const struct population *pop, const struct wr_ip *ip);
/* The order of prefixes: by address, then length. */
int population_compare_cidr(const struct wr_cidr *a, const struct wr_cidr *b);
/* Range [*first, *end) of by_ip that lies in a prefix. */
void population_ip_range(const struct population *pop, const struct wr_cidr *c, uint32_t *first,
			 uint32_t *end);
/* Range [*first, *end) of prefixes that a prefix covers. */
void population_prefix_range(const struct population *pop, const struct wr_cidr *c, uint32_t *first,
			     uint32_t *end);

/* ---- select.c ---- */

/* A set of entities that some peer or subject names; of equal ones there is one. */
struct atom {
	const struct wr_peer *peer;   /* one of those that it came from */
	bool is_peer;                 /* of some rule; subjects alone do not tell peers apart */
	const struct wr_bitset *pods; /* WR_PEER_PODS: without hostNetwork pods */
	uint32_t *members;            /* entities */
	uint32_t n_members;
	uint32_t *classes; /* of the members, each once (classes.c) */
	uint32_t n_classes;
	const struct wr_bitset *class_set; /* the same as a set; NULL where they are few */
	uint32_t first_word, last_word;    /* of class_set that are not empty */
};

struct selection {
	WR_VEC(struct atom) atoms;
	struct wr_map *index;             /* peer's content to atom */
	struct wr_bitset **selector_pods; /* by selector id, NULL: not yet */
	struct wr_bitset **selector_namespaces;
	struct label_index *pod_index, *ns_index;
	struct wr_bitset *host_network;
	/* atom numbers: subject[policy]; rules in order of policy, direction, rule, peer */
	uint32_t *subject;
	uint32_t **peer_atoms[2]; /* [dir][policy][running peer number] */
};

struct peer_key {
	uint32_t kind, ns_index, ns_selector, pod_selector, node_selector;
};

/* What a peer matches, byte by byte: in room, or, an ipBlock's, in the arena. NULL: out of memory. */
const void *selection_key(const struct wr_peer *peer, struct peer_key *room, size_t *size,
			  struct wr_arena *arena);
/* Whether an ipBlock holds an address, or a whole prefix, and no except of it does. */
bool selection_block_holds(const struct wr_peer *peer, const struct wr_ip *ip);
bool selection_block_covers(const struct wr_peer *peer, const struct wr_cidr *c);
int selection_build(struct selection *sel, const struct wr_world *w, struct wr_arena *arena);
void selection_free(struct selection *sel); /* what is not in the arena */
/* Fills members of every atom. */
int selection_members(struct selection *sel, const struct wr_world *w, const struct population *pop,
		      bool ipblocks_skip_pods, struct wr_arena *arena);

/* ---- classes.c ---- */

/*
 * Which numbers the named ports that policies use have on a pod; of equal ones
 * there is one. Signature 0: none (addresses outside, too).
 */
struct port_names {
	WR_VEC(const char *) names;           /* used by some rule, interned */
	uint32_t *signature;                  /* by pod */
	WR_VEC(const struct wr_pod *) sample; /* a pod of each signature; sample[0] is NULL */
};

int port_names_build(struct port_names *pn, const struct wr_world *w, struct wr_arena *arena);
void port_names_free(struct port_names *pn);

struct classes {
	uint32_t *of; /* by entity */
	uint32_t n;
	uint32_t *signature; /* port_names signature, by class */
};

int classes_build(struct classes *cl, const struct population *pop, struct selection *sel,
		  const struct port_names *pn, struct wr_arena *arena);

/* ---- port_sets.c ---- */

/* States of a key while rules are painted in order (canvas.c). */
enum paint { PAINT_OPEN, PAINT_PASSED, PAINT_ALLOW, PAINT_DENY };

struct span { /* ends where the next begins */
	uint32_t first, author;
	enum paint paint;
};

/* What a rule's ports cover: sorted disjoint key ranges, interned. 0: nothing, 1: everything. */
enum { COVER_NOTHING = 0, COVER_ALL = 1 };

struct key_span {
	uint32_t first, last;
};

struct port_sets {
	struct wr_arena *arena;
	WR_VEC(struct cover {
		const struct key_span *items;
		uint32_t n;
	})
	covers;
	struct wr_map *cover_index;
	WR_VEC(struct final_set {
		const struct wr_range *items;
		uint32_t n;
	})
	finals;
	struct wr_map *final_index;
};

int port_sets_init(struct port_sets *ps, struct wr_arena *arena);
void port_sets_free(struct port_sets *ps);
/* The cover of a rule's ports on a destination with these named ports (NULL: none). */
int port_sets_cover(struct port_sets *ps, const struct wr_rule *r, const struct wr_pod *dst,
		    uint32_t *cover);
/* The final port set of a canvas: what is still open or passed is allowed by default. */
int port_sets_final(struct port_sets *ps, const struct span *spans, uint32_t n, uint32_t *out);
/* The final port set that allows what both allow. */
int port_sets_both(struct port_sets *ps, uint32_t a, uint32_t b, uint32_t *out);

/* ---- canvas.c ---- */

struct canvas {
	uint32_t first, n; /* its spans */
	bool open;         /* some of them is */
};

struct canvases {
	WR_VEC(struct span) spans; /* of all canvases, one after the other */
	WR_VEC(struct canvas) items;
};

/* All that there will be is CANVAS_OPEN, on which everything is open. */
enum { CANVAS_OPEN = 0 };
int canvases_reset(struct canvases *cs);
void canvases_free(struct canvases *cs);
/* The canvas after painting what is open of it; the same one where the cover holds nothing open. */
int canvas_paint(struct canvases *cs, uint32_t canvas, const struct cover *cover, enum paint paint,
		 uint32_t author, uint32_t *out);
/* The canvas with what was passed open again (the next tier begins). */
int canvas_reopen(struct canvases *cs, uint32_t canvas, uint32_t *out);

/* ---- rows.c ---- */

struct row {
	const uint32_t *policies; /* ascending: the order of evaluation */
	uint32_t n_policies;
	enum wr_direction dir;
	uint32_t signature; /* of the subject's named ports where they matter, else 0 */
	uint32_t *sets;     /* by class */
};

/* ---- paint.c ---- */

struct painter;

/* NULL: out of memory. */
struct painter *painter_new(struct wr_program *p);
void painter_free(struct painter *pt);
/*
 * Fills row->sets, which has room for every class; the other fields are the
 * caller's, too. only: for these classes (a set with room for all); NULL: for all.
 */
int painter_row(struct painter *pt, struct row *row, const struct wr_bitset *only);
/* The authors that every program has: WR_BY_DEFAULT, WR_BY_SELF, WR_BY_NODE. */
int painter_fixed_authors(struct wr_program *p);
bool painter_names_ports(const struct wr_rule *r);

struct row_table {
	WR_VEC(struct row) rows;
	struct wr_map *index;
};

struct wr_program {
	unsigned refs;
	struct wr_arena *arena;
	struct wr_world *world;
	struct wr_compile_opts opts;
	struct population pop;
	struct selection sel;
	struct port_names names;
	struct classes classes;
	struct port_sets sets;
	WR_VEC(struct wr_author) authors;
	struct wr_map *author_index;
	struct row_table rows; /* row 0: no policy selects */
	/*
	 * Without NetworkPolicies, which never judge a pod's connection with
	 * itself: only for identities' self, not loaded.
	 */
	struct row_table self_rows;
};

/* Whether a policy says something in a direction, and whether a rule of it names a port. */
bool rows_policy_acts(const struct wr_policy *pol, int dir);
bool rows_policy_names_ports(const struct wr_policy *pol, int dir);
/* Computes rows and the identities of all endpoints. */
int rows_build(struct wr_program *p);
