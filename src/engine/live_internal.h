/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the live tables share.
 *
 *	live_index.c	which item has which hash
 *	live_objects.c	namespaces, nodes and pods, to addresses
 *	live_kinds.c	addresses to kinds
 *	live_classes.c	kinds to classes, split by atoms
 *	live_rows.c	policies to rows, for the kinds of this node
 *	live.c		life, and the order in which that is done
 *
 * The program inside is a struct wr_program whose parts grow: only numbers are
 * added to, so that those already given keep their meaning. What is of no use
 * any more stays until the whole is made anew (wr_live_stale()).
 */
#include "engine/internal.h"
#include "engine/live.h"
#include "model/grow.h"

/* ---- live_index.c: hash to item number; items are numbered from 0 ---- */

struct live_link {
	uint32_t next, hash; /* next: number + 1 */
};

struct live_index {
	uint32_t *heads; /* by hash; number + 1 */
	uint32_t mask, n;
	WR_VEC(struct live_link) links; /* by number */
};

void live_index_free(struct live_index *ix);
/* Room for one more; after this live_index_add() cannot fail. 0 or -ENOMEM. */
int live_index_reserve(struct live_index *ix, uint32_t item);
void live_index_add(struct live_index *ix, uint32_t item, uint32_t hash);
void live_index_remove(struct live_index *ix, uint32_t item);

/* for (i = live_index_first(ix, hash); i != WR_NONE; i = live_index_next(ix, i)) ...: i may be it */
uint32_t live_index_first(const struct live_index *ix, uint32_t hash);
uint32_t live_index_next(const struct live_index *ix, uint32_t item);

/* ---- who is there ---- */

struct live_namespace {
	const char *name;               /* of the object, or of one that mentions it */
	const struct wr_object *object; /* or NULL */
	struct wr_label_id *labels;
	uint32_t n_labels;
	WR_VEC(uint32_t) policies; /* NetworkPolicies in it, as numbers of live_policy */
};

struct live_host_ip {
	struct wr_ip ip;
	uint32_t n; /* pods that say so */
};

struct live_node {
	char *name;
	const struct wr_object *object; /* NULL: only mentioned by pods */
	uint32_t labels;                /* set of labels */
	/* the addresses of its pods' hosts: its own, where it has no object */
	WR_VEC(struct live_host_ip) host_ips;
};

struct live_pod {
	const struct wr_object *object; /* NULL: free */
	uint32_t ns, labels, ports, node;
	bool here;
};

/* A list of named ports; the sample has no more than these. */
struct live_ports {
	struct wr_pod sample;
};

struct live_labels {
	const struct wr_label_id *items;
	uint32_t n;
};

/* ---- addresses ---- */

/* Who says that an address is his: a pod's number, or a node's with this bit. */
#define LIVE_NODE_BIT 0x80000000u

struct live_claim {
	uint32_t owner, next; /* next: number + 1 of another claim to the same address */
};

struct live_address {
	struct wr_ip ip;
	uint32_t claims; /* number + 1; 0: nobody's */
	uint32_t cover;  /* the ipBlocks that hold it */
	uint32_t kind, slot;
	bool moved; /* listed in moves */
};

/* A set of ipBlocks. */
struct live_cover {
	const uint32_t *items; /* atoms, ascending */
	uint32_t n;
};

/* ---- kinds ---- */

enum live_entity { LIVE_WORLD, LIVE_PREFIX, LIVE_NODE, LIVE_POD };

/* Everything that tells kinds apart; compared byte by byte. */
struct live_key {
	uint8_t entity, flags, here, pad;
	uint32_t ns; /* LIVE_POD; LIVE_NODE: 0, or WR_NONE where the node is not known */
	uint32_t labels, ports;
	uint32_t cover; /* LIVE_PREFIX and LIVE_WORLD have none: they are asked about */
	uint32_t which; /* LIVE_PREFIX: its number; LIVE_WORLD: 0, 1 */
};

/* The atoms that hold an entity, as the exclusive or of their tokens. */
struct live_sig {
	uint64_t a, b;
};

struct live_kind {
	struct live_key key;
	uint32_t refs; /* addresses */
	struct live_sig sig;
	bool dirty;          /* of this node: the policies that apply are to be found anew */
	bool tiers;          /* some of them is cluster-wide */
	uint32_t self_class; /* that its port set with itself was made for */
};

/* ---- atoms and classes ---- */

struct live_atom { /* beside p->sel.atoms */
	struct live_sig token;
	struct wr_bitset *classes; /* what the atom's class_set is, writable */
};

/* "Has a port of this name, protocol and number": splits classes as atoms do. */
struct live_port_atom {
	const char *name;
	uint32_t key;
	struct live_sig token;
};

struct live_class {
	struct live_sig sig;
	uint32_t n; /* entities */
};

/* ---- policies and rows ---- */

struct live_policy {
	const struct wr_object *object; /* NULL: gone */
	uint32_t ns;                    /* WR_NONE: cluster-wide */
	struct wr_peer subject, before; /* before: when tables were last up to date */
	bool had_before, changed;
	bool current;  /* its slot holds this object */
	uint32_t slot; /* in the world's policies; WR_NONE: never was needed */
};

struct live_row { /* beside p->rows.rows */
	uint32_t refs;
	uint32_t *policies;
	bool repaint;
};

/* Kinds that are there from the beginning: addresses outside. */
enum { WR_LIVE_WORLD4 = 0, WR_LIVE_WORLD6 = 1 };

struct wr_live {
	char *node;
	struct wr_cidr *pod_cidrs;
	uint32_t n_pod_cidrs;
	struct wr_program *program; /* its world grows, too */
	struct wr_arena *arena;     /* the program's */

	WR_VEC(struct live_namespace) namespaces; /* by the world's numbers */
	WR_VEC(struct live_node) nodes;
	struct live_index node_index;
	WR_VEC(struct live_pod) pods;
	WR_VEC(uint32_t) free_pods;
	struct live_index pod_index;
	WR_VEC(struct live_labels) labels; /* sets; 0: none */
	struct wr_map *label_index;
	struct wr_map *pod_keys;           /* label keys that policies ask pods for */
	WR_VEC(struct live_ports *) ports; /* lists; 0: none */
	struct wr_map *ports_index;

	WR_VEC(struct live_address) addresses;
	WR_VEC(uint32_t) free_addresses;
	struct live_index address_index;
	WR_VEC(struct live_claim) claims;
	uint32_t free_claim;    /* number + 1 */
	WR_VEC(uint32_t) moved; /* addresses */
	WR_VEC(struct wr_move) moves;
	struct wr_map *cover_index;
	WR_VEC(struct live_cover) covers; /* 0: none */

	WR_VEC(struct live_kind) kinds;
	WR_VEC(struct wr_kind_entry) entries; /* by kind */
	struct live_index kind_index;
	WR_VEC(uint32_t) here; /* kinds of this node's pods */

	WR_VEC(struct live_atom) atoms;
	WR_VEC(uint32_t) blocks; /* atoms that are ipBlocks */
	WR_VEC(struct live_port_atom) port_atoms;
	struct wr_map *port_names; /* that rules in force name */
	WR_VEC(struct live_class) classes;
	struct wr_map *class_index; /* sig to class; may be out of date: the class knows */
	struct wr_bitset *fresh;    /* classes whose column no row has yet */
	bool any_fresh;
	uint32_t class_room;         /* columns that rows and sets of classes have room for */
	WR_VEC(uint32_t) signatures; /* by class: the program's */
	uint32_t world_class[2];
	WR_VEC(struct wr_prefix) prefixes; /* sorted: the program's */
	WR_VEC(uint32_t) prefix_kinds;     /* of these */
	WR_VEC(struct wr_cidr) cidrs;      /* the same by number, as their keys have it */

	WR_VEC(struct live_policy) policies;
	struct wr_map *policy_index;
	WR_VEC(uint32_t) cluster_policies, changed;
	WR_VEC(struct live_row) rows;
	struct live_index row_index;
	WR_VEC(uint32_t) free_rows;
	WR_VEC(uint32_t *) peer_atoms[2]; /* by slot: the program's */
	WR_VEC(uint32_t) changed_slots;

	uint64_t random;
	bool tables; /* have changed */
	bool unseen; /* a key is asked for that pods were not looked at for */
	bool begun;  /* some pod has been looked at */
	struct live_waste {
		size_t kinds, classes, atoms, sets, authors, slots, arena;
	} built; /* when the tables were first up to date */
	bool was_built;
	struct wr_live_counts counts;
};

/* live_objects.c */
int live_put_namespace(struct wr_live *l, const char *name, const struct wr_object *o);
int live_put_node(struct wr_live *l, const struct wr_object *o);
int live_remove_node(struct wr_live *l, const struct wr_object *o);
int live_put_pod(struct wr_live *l, const struct wr_object *o);
int live_remove_pod(struct wr_live *l, const struct wr_object *o);
/* The namespace's number, made where it is new. */
int live_namespace_of(struct wr_live *l, const char *name, uint32_t *out);
uint32_t live_find_address(const struct wr_live *l, const struct wr_ip *ip); /* or WR_NONE */
int live_address_of(struct wr_live *l, const struct wr_ip *ip, uint32_t *out);
uint32_t live_find_node(const struct wr_live *l, const char *name); /* or WR_NONE */
/* The claim that decides what an address is; WR_NONE: there is none. */
uint32_t live_winner(const struct wr_live *l, const struct live_address *a);
/* The key of an address as its claims and cover have it now. */
struct live_key live_key_of(const struct wr_live *l, const struct live_address *a, uint32_t winner);

/* live_kinds.c */
int live_kind_get(struct wr_live *l, const struct live_key *key, uint32_t *out);
/* What an address is has changed, or may have. */
int live_refresh(struct wr_live *l, uint32_t address);
int live_refresh_cover(struct wr_live *l, uint32_t address);
/* An ipBlock is new: the addresses that it holds are of other kinds. */
int live_cover_block(struct wr_live *l, uint32_t atom);
/* Prefixes that an ipBlock names, as entities. */
int live_block_prefixes(struct wr_live *l, const struct wr_peer *peer);

/* live_classes.c */
int live_classes_init(struct wr_live *l);
/* The class of a kind that is new. */
int live_classify(struct wr_live *l, uint32_t kind);
/* The atom of a peer, made where it is new. */
int live_atom(struct wr_live *l, const struct wr_peer *peer, uint32_t *out);
/* Rules name this port: pods are told apart by it. */
int live_port_name(struct wr_live *l, const char *name);
/* A list of named ports is new. */
int live_port_list(struct wr_live *l, const struct wr_pod *sample);
/* A namespace has other labels than before. */
int live_relabel(struct wr_live *l, uint32_t ns, const struct wr_label_id *before, uint32_t n);
bool live_selects(const struct wr_live *l, const struct wr_peer *peer, const struct live_key *key);

/* live_rows.c */
int live_put_policy(struct wr_live *l, const struct wr_object *o);
int live_remove_policy(struct wr_live *l, const struct wr_object *o);
int live_rows_init(struct wr_live *l);
int live_rows_update(struct wr_live *l);
void live_rows_free(struct wr_live *l);
/* Rows get room for so many classes. */
int live_rows_room(struct wr_live *l, uint32_t room);
/* A new class stands in every row where its parent does, or in none (WR_NONE). */
void live_rows_column(struct wr_live *l, uint32_t class, uint32_t parent);
