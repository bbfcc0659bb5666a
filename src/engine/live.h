/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Live: the tables of one node, kept up to date at the price of the change.
 *
 * wr_compile() takes a whole world; here objects come and go one by one. What
 * comes out is of the same form, a program and identities, and says the same:
 * painting, classes and port sets are the same code's. Only the numbers differ.
 *
 *	pods, nodes ──► addresses ──► kinds ──► class, rows
 *
 * A kind is what any number of addresses have in common: for pods the
 * namespace, the labels that some policy asks for, the named ports, the ipBlocks
 * that hold the address, and whether they are of this node. A pod that comes
 * or goes where its kind is known changes no table.
 *
 * Only policies that select a pod of this node are compiled. Objects are
 * borrowed: each must live until it is removed or replaced.
 */
#include "engine/program.h"

struct wr_live;

struct wr_live_opts {
	const char *node; /* this node's name */
	/* this node's pod ranges: a pod's address in them is local */
	const struct wr_cidr *pod_cidrs;
	uint32_t n_pod_cidrs;
};

/* 0 or -ENOMEM. The options are copied. */
int wr_live_new(const struct wr_live_opts *opts, struct wr_live **out);
void wr_live_free(struct wr_live *l); /* takes NULL */

/*
 * An object is new, or is there instead of the one of the same kind, namespace
 * and name; is gone. Namespaces, Nodes, Pods and policies; others are passed
 * over. Policies first, then the rest, is the quickest way to begin. After an
 * error (-ENOMEM, -E2BIG) the live is of no use but to be freed.
 */
int wr_live_put(struct wr_live *l, const struct wr_object *o);
int wr_live_remove(struct wr_live *l, const struct wr_object *o);

/* Brings the tables up to date. *tables: they have changed. Errors as above. */
int wr_live_update(struct wr_live *l, bool *tables);

/*
 * Whether to begin anew with all objects: labels are asked for that no pod was
 * looked at for (the tables are then wrong), or much is of no use any more.
 */
bool wr_live_stale(const struct wr_live *l);

/* ---- what comes out; valid until the next call that changes something ---- */

/* Rows, port sets, authors, prefixes and classes. It has no endpoints, its world no pods. */
const struct wr_program *wr_live_program(const struct wr_live *l);

/* Identities by kind. */
const struct wr_kind_entry *wr_live_kinds(const struct wr_live *l, uint32_t *n);

/*
 * Addresses whose kind is another than when they were last taken. Whoever
 * takes them puts them in force, sets their slots, and says so by
 * wr_live_moved(); until then they stay in the list. 0 or -ENOMEM.
 */
int wr_live_moves(struct wr_live *l, struct wr_move **out, size_t *n);
void wr_live_moved(struct wr_live *l);

/*
 * All addresses are to be put in force, in the slots that they have in an
 * earlier live, or (NULL) in none.
 */
int wr_live_move_all(struct wr_live *l, const struct wr_live *earlier);

/* ---- what is known ---- */

struct wr_live_counts {
	uint32_t pods, namespaces, nodes, policies, addresses, kinds;
};
void wr_live_count(const struct wr_live *l, struct wr_live_counts *out);

/*
 * The Pod that an address is, a hostNetwork Pod only where no Node has it; or
 * the Node; NULL: nobody's. *node: the name of the node where there is no such object.
 */
const struct wr_object *wr_live_owner(const struct wr_live *l, const struct wr_ip *ip,
				      const char **node);
const struct wr_object *wr_live_namespace(const struct wr_live *l, const char *name); /* or NULL */
const struct wr_object *wr_live_node(const struct wr_live *l, const char *name);      /* or NULL */

/* The next policy after *at (0 to begin), of all; NULL at the end. */
const struct wr_object *wr_live_next_policy(const struct wr_live *l, uint32_t *at);
/* The same of a namespace's NetworkPolicies; ns NULL: of those that are cluster-wide. */
const struct wr_object *wr_live_next_policy_in(const struct wr_live *l, const char *ns,
					       uint32_t *at);

/* Addresses of this node's own pods: *n of them, to be freed by free(). 0 or -ENOMEM. */
int wr_live_local_ips(const struct wr_live *l, struct wr_ip **out, size_t *n);
