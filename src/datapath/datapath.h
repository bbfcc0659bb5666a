/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Datapath: program to image to kernel. One datapath enforces on one network
 * namespace (a node): the one that the calling thread is in when it is opened.
 *
 * Everything is pinned in a directory of a bpffs; the process may die at any
 * time and enforcement goes on. Every change takes an flock on that directory.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "bpf/abi.h"
#include "engine/program.h"

struct wr_datapath;

struct wr_datapath_opts {
	const char *pin_dir; /* in a bpffs; made where missing */
	const char *node;    /* this node's name: its addresses are local; NULL: not known */
	/* this node's pod ranges: addresses in them that no pod claims are dropped */
	const struct wr_cidr *pod_cidrs;
	uint32_t n_pod_cidrs;
	bool unknown_pods_allow;
	bool keep_established;   /* leave live connections alone when policies get stricter */
	bool evaluate_every;     /* judge every packet: no clock involved (else timestamp mode) */
	bool no_allowed_events;  /* events for denied connections only */
	uint32_t events_per_sec; /* bound per CPU; 0: 1000 */
};

/* One feature of the kernel that the datapath needs. */
struct wr_feature {
	const char *name;  /* "netfilter program" */
	const char *needs; /* "Linux 6.4, CONFIG_NETFILTER_BPF_LINK" */
	bool found;
	const char *error; /* strerror text of the probe where not found */
};

/* Probes the running kernel; *n features in static storage. 0 when all were found, else -ENOTSUP. */
int wr_datapath_probe(const struct wr_feature **features, uint32_t *n);

/*
 * Loads and attaches in the current network namespace, or takes over what is
 * pinned. With nothing applied yet everything is let through (no image in
 * force is a state of its own before the first apply; afterwards an empty
 * slot drops). Errors go to diags in words. Negative errno.
 */
int wr_datapath_open(const struct wr_datapath_opts *opts, struct wr_diags *diags,
		     struct wr_datapath **out);
/* This node's pod ranges, from the next change of tables on. 0 or -ENOMEM. */
int wr_datapath_set_pod_cidrs(struct wr_datapath *dp, const struct wr_cidr *cidrs, uint32_t n);
/* Closes the process's handles; what is pinned stays in force. Takes NULL. */
void wr_datapath_close(struct wr_datapath *dp);

/*
 * Puts a program in force, in one step for all traffic. Returns after the
 * last packet judged by the old one has left. On error the old program stays.
 */
int wr_datapath_apply(struct wr_datapath *dp, const struct wr_program *p, struct wr_diags *diags);

/*
 * ---- addresses by kind: changes at the price of the change ----
 *
 * For an owner that knows what has changed. Addresses of one kind are judged
 * alike; the owner numbers the kinds and remembers the slot of every address.
 *
 * Nothing here but wr_datapath_replace() waits for packets under way. What has
 * to wait for them is finished later, when the owner finds the time:
 *
 *	uint64_t ticket = wr_datapath_ticket(dp);
 *	wr_datapath_fence(dp);			10 to 20 ms; may be another thread
 *	wr_datapath_settle(dp, ticket);
 *
 * After any error but -EBUSY what is in force is the old or the new, whole, and
 * the next call has to be wr_datapath_replace(): all others give -ESTALE.
 */

/*
 * A generation's tables: rows, port sets, authors, prefixes and classes of a
 * program, whose endpoints are not looked at, and identities by kind number, of
 * which those that no address has may say anything. Nothing of it is kept
 * after a call.
 */
struct wr_tables {
	const struct wr_program *program;
	const struct wr_kind_entry *kinds;
	uint32_t n_kinds;
};

/*
 * The flags of an address that a pod has, or a node, or a pod with the address
 * of its node (node: true); this_node: the one that the datapath is of.
 */
uint32_t wr_datapath_flags(const struct wr_datapath *dp, const struct wr_ip *ip, bool node,
			   bool this_node);

/*
 * Everything anew, in one step for all traffic: all addresses, each once, in
 * any order; what else is loaded goes. Which slots they had is looked up, not
 * taken from the moves. Takes over from whoever has changed the
 * maps before. Returns after the last packet judged by the old tables has left;
 * nothing is unsettled then. Writes the slots of all. -EINVAL: an address is
 * there twice, or a kind that is none.
 */
int wr_datapath_replace(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *all,
			size_t n, struct wr_diags *diags);

/*
 * A change: addresses that move, each once; all others keep their kind. With
 * tables, in one step for all traffic. Without (NULL) the tables that are in
 * force stay, the kinds are those of the last ones, and each address changes by
 * itself. Returns when the change is in force, and does not wait, unless the
 * image has to grow.
 * -EBUSY: nothing was done: what followed the last tables has to be settled
 * first. -ESTALE: call wr_datapath_replace().
 */
int wr_datapath_change(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *moves,
		       size_t n, struct wr_diags *diags);

/* Whether something waits for a fence; and whether wr_datapath_change() would say -EBUSY. */
bool wr_datapath_unsettled(const struct wr_datapath *dp);
bool wr_datapath_busy(const struct wr_datapath *dp);

/* A number for wr_datapath_settle(), to be taken before the fence is begun. */
uint64_t wr_datapath_ticket(const struct wr_datapath *dp);

/*
 * Waits until all packets that are under way now have left. Any thread may do
 * it, while the owner goes on using dp; dp must not be closed meanwhile.
 */
int wr_datapath_fence(const struct wr_datapath *dp);

/*
 * A fence that was begun after the ticket was taken has returned: finishes what
 * waited for it. Something may be unsettled afterwards, too: changes made since
 * the ticket; slots of what has been removed only now. -ESTALE as above.
 */
int wr_datapath_settle(struct wr_datapath *dp, uint64_t ticket);

/* Nanoseconds from the call until the new generation was in force, of the last apply or change. */
uint64_t wr_datapath_apply_ns(const struct wr_datapath *dp);

/* The generation in force; 0: nothing applied yet. Events name the one that judged. */
uint32_t wr_datapath_generation(const struct wr_datapath *dp);

/* Mounts a bpffs at path, which is made where missing; 0 when one is there already, too. */
int wr_bpffs_mount(const char *path, struct wr_diags *diags);

/* ---- what is loaded, read back from the kernel ---- */

struct wr_image; /* a copy of the maps */

int wr_image_read(const char *pin_dir, struct wr_diags *diags, struct wr_image **out);
void wr_image_free(struct wr_image *img);
/* Judges a new connection with the image alone, as the kernel program does. */
void wr_image_evaluate(const struct wr_image *img, const struct wr_ip *src, const struct wr_ip *dst,
		       uint8_t proto, uint16_t port, struct wr_verdict *out);

struct wr_image_stats {
	uint32_t generation, slots, classes, addresses, prefixes;
	uint64_t cells, capacity; /* of the half in force */
	uint64_t memory;          /* bytes of all maps, as far as the kernel tells */
	uint64_t counters[WEIR_C_MAX];
	struct weir_config config;
	uint32_t links;      /* hooks that are attached, of WR_DATAPATH_HOOKS */
	bool conntrack_kept; /* the nft table is there */
};
int wr_datapath_stats(const char *pin_dir, struct wr_diags *diags, struct wr_image_stats *out);

/*
 * The same for the owner, who knows how many addresses there are: counting
 * them takes 100 ms where there are 100 000.
 */
int wr_datapath_own_stats(const struct wr_datapath *dp, struct wr_diags *diags,
			  struct wr_image_stats *out);

#define WR_DATAPATH_HOOKS 6

/*
 * Of the above what may be lost at any time, by somebody else's doing: links
 * and conntrack_kept. 50 us.
 */
int wr_datapath_check(const char *pin_dir, uint32_t *links, bool *conntrack_kept);

/* For every address and prefix loaded. */
typedef int (*wr_image_addr_fn)(void *ctx, const struct wr_cidr *cidr, const struct weir_addr *addr,
				const struct weir_identity *id);
int wr_image_each_addr(const struct wr_image *img, wr_image_addr_fn fn, void *ctx);

/*
 * Verdicts by author of the generation in force: packets of new connections
 * per author number; counts has n elements, the rest is left out.
 */
int wr_datapath_author_counts(const char *pin_dir, uint64_t *counts, uint32_t n);
/* The same for the owner. */
void wr_datapath_own_counts(const struct wr_datapath *dp, uint64_t *counts, uint32_t n);

/* ---- events ---- */

typedef void (*wr_event_fn)(void *ctx, const struct weir_event *e);

/*
 * Takes all events that are waiting, in order; then, with timeout_ms > 0, waits
 * for more once (-1: for ever). Returns their number or a negative errno.
 * Records of a wrong size are counted and skipped.
 */
int wr_datapath_events(struct wr_datapath *dp, int timeout_ms, wr_event_fn fn, void *ctx);

/* Records skipped so far. */
uint64_t wr_datapath_bad_events(const struct wr_datapath *dp);

/* A descriptor to poll for reading: then wr_datapath_events() with timeout 0 has something. */
int wr_datapath_events_fd(struct wr_datapath *dp);

/* Checks and copies one record as it lies in the ring: 0 or -EBADMSG. */
int wr_event_read(const void *data, size_t size, struct weir_event *out);

/* Removes links, programs, maps, pins and the nft table. 0 when nothing was there, too. */
int wr_datapath_detach(const char *pin_dir, struct wr_diags *diags);
