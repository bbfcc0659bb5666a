/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Slots: which address and prefix has which number.
 *
 * The kernel finds an address's slot by its longest prefix, and everything
 * else by the slot, in the generation that is in force. An address keeps its
 * slot as long as it is loaded. So that a change of addresses is in force in
 * the same moment as a change of policies:
 *
 *	- before an address or prefix is added, its slot gets, in the half in
 *	  force, the identity of the prefix that covers it: adding changes nothing;
 *	- one that is no longer wanted gets, in the new half, the identity of the
 *	  prefix that will cover it: when it is removed later, nothing changes.
 *
 * A plan holds what to do, entry by entry, from the addresses that are loaded
 * and those that are wanted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/vec.h"
#include "bpf/abi.h"

#define WR_SLOT_NONE UINT32_MAX
#define WR_SLOTS_MAX (1u << 20)

/* An address (host, in a hash map) or a prefix (in an LPM trie). Ordered as its bytes are. */
struct wr_slot_key {
	uint8_t family;
	uint8_t b[16];
	uint8_t len;
	uint8_t host; /* 0 or 1 */
};

struct wr_slot {
	struct wr_slot_key key;
	uint32_t slot; /* WR_SLOT_NONE: damaged entry, gets a new slot */
};

/* What the kernel's maps hold, sorted by key; and the numbers that are free. */
struct wr_slots {
	WR_VEC(struct wr_slot) loaded;
	WR_VEC(uint32_t) free;
	uint32_t next; /* all numbers from here on were never used */
};

/* An address or prefix that shall be loaded. */
struct wr_wanted {
	struct wr_slot_key key;
	bool inherits; /* the class is that of the prefix around it */
	struct weir_identity id;
};

struct wr_plan_item {
	struct wr_slot_key key;
	uint32_t slot;
	bool loaded, wanted;
	uint32_t cover;          /* not loaded: slot of the loaded prefix around it */
	struct weir_identity id; /* in the new generation */
};

struct wr_plan {
	WR_VEC(struct wr_plan_item) items;
	uint32_t n_add, n_remove;
	uint32_t n_slots; /* all slots of the plan are below */
};

struct wr_slot_key wr_slot_key_host(const struct wr_ip *ip);
struct wr_slot_key wr_slot_key_prefix(const struct wr_cidr *c);
int wr_slot_key_compare(const struct wr_slot_key *a, const struct wr_slot_key *b);

/* Sorts what was read into loaded, repairs doubles, and finds the free numbers. 0 or -ENOMEM. */
int wr_slots_settle(struct wr_slots *s);
void wr_slots_free(struct wr_slots *s);

/*
 * Merges wanted (sorted, without doubles) with what is loaded and gives slots
 * to what is new. world: identities of addresses outside, IPv4 and IPv6.
 * unknown: prefixes inside these get the flag WEIR_ADDR_UNKNOWN. 0, -ENOMEM,
 * or -E2BIG past WR_SLOTS_MAX; after an error the slots must be read again.
 */
int wr_plan_make(struct wr_slots *s, const struct wr_wanted *wanted, size_t n,
		 const struct weir_identity world[2], const struct wr_cidr *unknown,
		 size_t n_unknown, struct wr_plan *out);
void wr_plan_free(struct wr_plan *p);

/* Notes that the plan was carried out: loaded is now what was wanted. 0 or -ENOMEM. */
int wr_plan_commit(struct wr_slots *s, const struct wr_plan *p);
