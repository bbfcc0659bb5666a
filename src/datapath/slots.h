/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Slots: which address and prefix has which number.
 *
 * The kernel finds an address's slot by its longest prefix, and everything
 * else by the slot, in the generation that is in force. An address keeps its
 * slot from one generation to the next. So that a change of addresses is in
 * force in the same moment as a change of policies:
 *
 *	- before an address or prefix is added, its slot gets, in the half in
 *	  force, the identity of the prefix that covers it: adding changes nothing;
 *	- one that is no longer wanted gets, in the new half, the identity of the
 *	  prefix that will cover it: when it is removed later, nothing changes.
 *
 * Addresses are known by their slots alone, and what has changed is said by
 * whoever knows: nothing here costs more with more addresses. Prefixes, which
 * are few and say what addresses in them are, are merged with those that are
 * wanted into a plan.
 *
 * A slot that has been given up may still be in the hands of a packet under
 * way: it rests until a fence that began later has returned.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "datapath/datapath.h"

#define WR_SLOTS_MAX (1u << 20)

/* An address (host, in a hash map) or a prefix (in an LPM trie). Ordered as its bytes are. */
struct wr_slot_key {
	uint8_t family;
	uint8_t b[16];
	uint8_t len;
	uint8_t host; /* 0 or 1 */
};

/* An entry of the kernel's maps. */
struct wr_slot {
	struct wr_slot_key key;
	uint32_t slot; /* WR_SLOT_NONE: damaged entry, gets a new slot */
};

/* As WR_VEC has it. */
struct wr_slot_list {
	struct wr_slot *items;
	size_t n, cap;
};

/* A slot that may not be given out before what came after since is settled. */
struct wr_resting {
	uint32_t slot;
	uint64_t since;
};

struct wr_slots {
	struct wr_slot_list prefixes; /* loaded, sorted by key */
	struct wr_slot_list damaged;  /* addresses whose entries lead to no slot of their own */
	/* by slot; of prefixes and free slots: no address, WR_NONE */
	struct wr_ip *ip;
	uint32_t *kind; /* WR_NONE: not known, or going */
	uint32_t cap;   /* of both */
	uint32_t next;  /* all numbers from here on were never used */
	WR_VEC(uint32_t) free;
	WR_VEC(struct wr_resting) resting; /* since ascends */
};

struct wr_slot_key wr_slot_key_host(const struct wr_ip *ip);
struct wr_slot_key wr_slot_key_prefix(const struct wr_cidr *c);
int wr_slot_key_compare(const struct wr_slot_key *a, const struct wr_slot_key *b);

/*
 * Starts from what the kernel's maps hold: entries in any order. Two entries
 * of one slot, or with a slot out of bounds, are damaged. 0 or -ENOMEM.
 */
int wr_slots_load(struct wr_slots *s, const struct wr_slot *entries, size_t n);
void wr_slots_free(struct wr_slots *s);

/* A free slot. -ENOMEM, or -E2BIG past WR_SLOTS_MAX. */
int wr_slots_take(struct wr_slots *s, uint32_t *out);
/* An address's slot, as it is known to the owner: whether it is that. */
bool wr_slots_holds(const struct wr_slots *s, uint32_t slot, const struct wr_ip *ip);
/* Gives a slot up; since does not descend from call to call. 0 or -ENOMEM. */
int wr_slots_rest(struct wr_slots *s, uint32_t slot, uint64_t since);
/* Slots that rest since then or earlier are free. 0 or -ENOMEM. */
int wr_slots_wake(struct wr_slots *s, uint64_t since);

/* ---- prefixes ---- */

/* A prefix that shall be loaded. */
struct wr_wanted {
	struct wr_slot_key key;
	bool inherits; /* the class is that of the prefix around it */
	struct weir_identity id;
};

struct wr_plan_item {
	struct wr_slot_key key;
	uint32_t slot;
	bool loaded, wanted;
	uint32_t around;         /* the item around it; WR_NONE: the world */
	uint32_t cover;          /* slot of the nearest loaded prefix around it */
	struct weir_identity id; /* in the new generation; not wanted: what is around it */
};

struct wr_plan {
	WR_VEC(struct wr_plan_item) items; /* sorted by key */
	struct weir_identity world[2];     /* IPv4, IPv6 */
};

/*
 * Merges wanted (sorted, without doubles) with what is loaded and gives slots
 * to what is new. world: identities of addresses outside, IPv4 and IPv6.
 * unknown: prefixes inside these get the flag WEIR_ADDR_UNKNOWN. 0, -ENOMEM,
 * or -E2BIG past WR_SLOTS_MAX; after an error the slots must be loaded again.
 */
int wr_plan_make(struct wr_slots *s, const struct wr_wanted *wanted, size_t n,
		 const struct weir_identity world[2], const struct wr_cidr *unknown,
		 size_t n_unknown, struct wr_plan *out);
void wr_plan_free(struct wr_plan *p);

/* Of an address without an entry of its own: the slot that covers it before the change. */
uint32_t wr_plan_cover(const struct wr_plan *p, const struct wr_ip *ip);
/* ... and what it is after it. */
struct weir_identity wr_plan_identity(const struct wr_plan *p, const struct wr_ip *ip);

/* Prefixes of a plan that are to be added, and those that are to go, onto lists. 0 or -ENOMEM. */
int wr_plan_added(const struct wr_plan *p, struct wr_slot_list *out);
int wr_plan_leaving(const struct wr_plan *p, struct wr_slot_list *out);

/* Notes that the plan was carried out: the prefixes are now what was wanted. 0 or -ENOMEM. */
int wr_plan_commit(struct wr_slots *s, const struct wr_plan *p);
