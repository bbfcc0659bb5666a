/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_ABI_H
#define WEIR_BPF_ABI_H
/*
 * What user space and the eBPF program share: fixed-width types, named
 * padding, static assertions on size and offset. Includes nothing but the
 * kernel's integer types.
 *
 * Addresses and policies are kept apart, so that a change of policies never
 * touches the address maps:
 *
 *	addr4/addr6 (hash), net4/net6 (LPM trie): address ──► slot
 *	image (array of 16-byte cells, behind an array-of-maps of one element):
 *	    identities[slot] ──► class, flags, rows
 *	    row[class of the peer] ──► port set ──► ranges of (protocol, port)
 *
 * The image holds two halves; cell 0 says which one is in force. A new
 * generation is written into the other half and put in force by one 64-bit
 * store: a packet sees one generation or the other, never a mixture. An image
 * that does not fit gets a larger map, swapped into the array-of-maps.
 *
 * A half, in cells (all offsets count from its first cell):
 *
 *	0    weir_half_head
 *	1    weir_half_extent
 *	     rows, ceil(n_classes / 4) cells each
 *	     port sets
 *	     verdicts by author, WEIR_SHARDS rows of n_authors u64
 *	     room
 *	     identities: slot 0 in the last cell, slot 1 in the one before it, ...
 *
 * So slots can be added to a half in force.
 */
#include <linux/types.h>

#define WEIR_ABI_VERSION 1

#define WEIR_CELL 16 /* bytes of a cell */

/* Verdicts are counted in so many places, by CPU number, to keep CPUs off each other's lines. */
#define WEIR_SHARDS 8

enum weir_direction { WEIR_EGRESS = 0, WEIR_INGRESS = 1 };

/* Slots 0 and 1: an address that neither a pod, a node nor a prefix covers. */
#define WEIR_SLOT_WORLD4 0
#define WEIR_SLOT_WORLD6 1
#define WEIR_SLOT_FIRST 2

enum weir_addr_flags {
	WEIR_ADDR_POD = 1 << 0,     /* a pod's address */
	WEIR_ADDR_LOCAL = 1 << 1,   /* of this node */
	WEIR_ADDR_NODE = 1 << 2,    /* a node's address */
	WEIR_ADDR_UNKNOWN = 1 << 3, /* in this node's pod range, claimed by no pod: drop */
};

/* What an address or prefix leads to; everything else changes with the generation. */
struct weir_addr {
	__u32 slot;
};

struct weir_net4 {
	__u32 len; /* prefix length in bits */
	__u8 ip[4];
};

struct weir_net6 {
	__u32 len;
	__u8 ip[16];
};

/* Cell 0 of the image map: which half is in force. One 8-byte store changes it. */
struct weir_image_head {
	__u32 base;       /* cell at which the half begins */
	__u32 generation; /* of this half; counts from 1 */
	__u32 half;       /* cells of one half */
	__u32 pad;
};

struct weir_half_head {
	__u32 counts; /* offset of the verdicts by author */
	__u32 n_authors;
	__u32 n_slots; /* identities that were written with the generation */
	__u32 tables;  /* cells of all but the identities */
};

/* For user space only. */
struct weir_half_extent {
	__u32 n_classes;
	__u32 rows; /* offset of the first row */
	__u32 sets; /* offset of the first port set */
	__u32 pad;
};

/* Offset of a slot's identity in a half of so many cells. */
#define WEIR_IDENTITY(half, slot) ((half)-1 - (slot))

#define WEIR_CLASS_BITS 28
#define WEIR_CLASS_MAX ((1u << WEIR_CLASS_BITS) - 1)

struct weir_identity {
	__u32 class : WEIR_CLASS_BITS;
	__u32 flags : 4; /* enum weir_addr_flags */
	__u32 row[2]; /* offset of the row's first cell, by enum weir_direction; 0: unrestricted */
	__u32 self;   /* offset of the port set for hairpin connections; 0: allowed */
};

/* A row: the port sets' offsets, four classes a cell. */
struct weir_row_cell {
	__u32 set[4];
};

/* A port set: count ranges sorted by first; each ends where the next begins. */
struct weir_range {
	__u32 first;  /* protocol << 16 | port in host byte order; 0 in the set's first range */
	__u32 author; /* who decides: a number that user space knows */
	__u32 allow;  /* 0 or 1 */
	__u32 count;  /* in the set's first range: number of ranges; else 0 */
};

union weir_cell {
	struct weir_image_head head;
	struct weir_half_head half;
	struct weir_half_extent extent;
	struct weir_identity id;
	struct weir_row_cell row;
	struct weir_range range;
	__u64 count[2];
};

/* Switches in the program's own memory, changed by user space at any time. */
struct weir_config {
	/*
	 * Connections that conntrack saw start before this time (CLOCK_REALTIME,
	 * ns) are judged again at each packet; all ones: every packet is judged.
	 */
	__u64 stricter_since;
	__u32 unknown_allow;  /* addresses flagged UNKNOWN are let through to ordinary judgement */
	__u32 events_per_sec; /* bound per CPU; 0: no events */
	__u32 events_allowed; /* events for allowed connections too */
	__u32 applied;        /* 0: nothing was ever applied, everything is let through */
	/* For user space only: */
	__u64 writer;       /* the process that changed the maps last: a random number */
	__s64 clock_offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME at the last change, ns */
};

/*
 * BTF ids of the running kernel, set before loading: the type-id relocation of
 * struct nf_conn is ambiguous on kernels that also have nf_conn___init.
 */
struct weir_types {
	__u32 nf_conn, nf_conn_tstamp;
};

enum weir_reason {
	WEIR_R_POLICY = 0,  /* the tables decided */
	WEIR_R_INVALID,     /* conntrack has no entry for it: invalid */
	WEIR_R_UNTRACKED,   /* conntrack was told not to look */
	WEIR_R_PICKUP,      /* middle of a TCP connection that conntrack did not see start */
	WEIR_R_UNKNOWN_POD, /* an address of this node's pod range that no pod has claimed */
	WEIR_R_NO_IMAGE,    /* tables missing or damaged: fails closed */
	WEIR_R_MAX
};

enum weir_counter {
	WEIR_C_ESTABLISHED,    /* packets of connections in good standing */
	WEIR_C_REJUDGED,       /* packets of older connections, judged again and allowed */
	WEIR_C_ALLOWED,        /* packets of new connections, allowed by the tables */
	WEIR_C_DENIED,         /* packets denied, of new and older connections */
	WEIR_C_UNRESTRICTED,   /* new, neither end isolated here */
	WEIR_C_NODE,           /* the node's own traffic */
	WEIR_C_SELF,           /* a pod with itself */
	WEIR_C_NEIGHBOUR,      /* IPv6 neighbour discovery and the like, always let through */
	WEIR_C_NO_CT_PASS,     /* without conntrack entry, no isolated pod involved */
	WEIR_C_NO_CT_DROP,     /* without conntrack entry, dropped */
	WEIR_C_EVENTS_LOST,    /* ring full */
	WEIR_C_EVENTS_LIMITED, /* over the bound, or a repetition */
	WEIR_C_MAX
};

/* A new connection, allowed or denied. Addresses: IPv4 in the first 4 bytes. */
struct weir_event {
	__u64 time_ns;      /* CLOCK_MONOTONIC */
	__u32 generation;   /* of the image that judged */
	__u32 author[2];    /* by enum weir_direction; the direction that was not judged: 0 */
	__u8 src[16];       /* original source */
	__u8 dst[16];       /* real destination */
	__u16 sport, dport; /* host byte order; 0 for protocols without ports */
	__u8 family;        /* 4 or 6 */
	__u8 proto;
	__u8 allow;     /* 0 or 1 */
	__u8 denied_by; /* enum weir_direction; only where !allow and the reason is POLICY */
	__u8 reason;    /* enum weir_reason */
	__u8 hook;      /* NF_INET_* */
	__u8 rejudged;  /* 1: a live connection was cut */
	__u8 pad;
	__u32 repeats; /* events of the same kind left out since the last one */
	__u32 pad2;
};

_Static_assert(sizeof(struct weir_addr) == 4, "abi");
_Static_assert(sizeof(struct weir_net4) == 8, "abi");
_Static_assert(sizeof(struct weir_net6) == 20, "abi");
_Static_assert(sizeof(struct weir_identity) == WEIR_CELL, "abi");
_Static_assert(sizeof(struct weir_range) == WEIR_CELL, "abi");
_Static_assert(sizeof(union weir_cell) == WEIR_CELL, "abi");
_Static_assert(sizeof(struct weir_config) == 40, "abi");
_Static_assert(sizeof(struct weir_event) == 72, "abi");
_Static_assert(__builtin_offsetof(struct weir_event, author) == 12, "abi");
_Static_assert(__builtin_offsetof(struct weir_event, src) == 20, "abi");
_Static_assert(__builtin_offsetof(struct weir_event, repeats) == 64, "abi");

#endif
