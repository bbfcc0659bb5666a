/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the datapath share.
 *
 * In the pin directory:
 *
 *	about            whose datapath this is: struct wr_about
 *	jump             program array; slot 0: the judge
 *	entry, link_*    the attached program and its six hooks
 *	v1/              maps of one version of the ABI, and
 *	v1/judge_HASH    the program that goes with them; pinned last: the folder is complete
 *
 * The upper part is the same for every version, so that a new version of weir
 * can load its own maps and judge beside the old ones and take over in one
 * step, when the first program has been applied to them.
 */
#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/inet.h"
#include "datapath/datapath.h"
#include "datapath/image.h"
#include "datapath/slots.h"

/* Names that the headers of older kernels lack. */
#define WR_PROG_NETFILTER 32
#define WR_ATTACH_NETFILTER 45
#define WR_LINK_NETFILTER 10

#define WR_HOOKS 6

struct wr_about {
	uint64_t netns; /* cookie of the network namespace that the hooks are in */
	uint64_t pad;
};

enum wr_map_index {
	WR_MAP_ADDR4,
	WR_MAP_ADDR6,
	WR_MAP_NET4,
	WR_MAP_NET6,
	WR_MAP_IMAGES,
	WR_MAP_COUNTERS,
	WR_MAP_EVENTS,
	WR_MAP_SEEN,
	WR_MAP_BUCKETS,
	WR_MAP_CONFIG,
	WR_MAPS
};

/* The maps of a pinned version of the ABI. */
struct wr_maps {
	int fd[WR_MAPS]; /* -1: not open */
};

/* An array-of-maps of our own and what it holds: an update waits for a grace period. */
struct wr_fence {
	int outer, inner; /* -1: none */
};

struct wr_datapath {
	struct wr_datapath_opts opts; /* strings and arrays owned */
	int dir_fd;                   /* the pin directory, for its lock */
	uint64_t netns;               /* its cookie */
	int netns_fd;
	int jump_fd, judge_fd;
	struct wr_maps maps;
	volatile struct weir_config *config; /* mapped */
	struct wr_image_map image;
	struct wr_slots slots;
	struct weir_identity *ids; /* by kind, of the tables in force; NULL: not known */
	uint32_t n_ids;
	struct wr_fence fence;
	/* what is unsettled; numbers are of seq, which counts what a fence has to follow; 0: nothing */
	uint64_t seq;
	uint64_t flipped;            /* the other half may be in use since */
	uint64_t stricter;           /* every packet is judged since */
	struct wr_slot_list leaving; /* entries to be removed once the flip is settled */
	uint64_t writer;             /* what config->writer is while nobody else changes the maps */
	bool clock_usable;           /* conntrack notes when connections start */
	uint64_t apply_ns;
	struct ring_buffer *ring;
	wr_event_fn event_fn;
	void *event_ctx;
	uint64_t bad_events;
};

/* ---- diagnostics ---- */

/* Adds an error (diags may be NULL) with the text of err, a negative errno, after it. Returns err. */
int wr_dp_error(struct wr_diags *diags, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void wr_dp_warn(struct wr_diags *diags, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- pins.c ---- */

/* Where something is pinned: DIR/NAME or DIR/v1/NAME; false when that gets too long. */
#define WR_PIN_PATH 512
bool wr_pin_path(char *path, const char *dir, const char *name);
bool wr_pin_map_path(char *path, const char *dir, enum wr_map_index map);
const char *wr_map_name(enum wr_map_index map);

/*
 * Opens the pin directory and takes its lock (shared or exclusive), which goes
 * with the descriptor. create: makes it. -ENOENT: not there.
 */
int wr_pin_lock(const char *dir, bool create, bool exclusive, struct wr_diags *diags, int *out);

/* Takes or leaves the lock of a directory that is open. -ENOENT: it has been removed meanwhile. */
int wr_pin_relock(const char *dir, int dir_fd, struct wr_diags *diags);
void wr_pin_unlock(int dir_fd);

/* A pinned object, or a negative errno. */
int wr_pin_get(const char *dir, const char *name);

/* Opens all maps of this version; -ENOENT when they are not complete; fds are closed by the other. */
int wr_maps_open(const char *dir, struct wr_maps *out);
void wr_maps_init(struct wr_maps *maps);
void wr_maps_close(struct wr_maps *maps);

/* Removes DIR/v1 or whatever version, with all in it. */
int wr_pin_remove_version(const char *dir, const char *version);
/* Whether versions of the ABI other than ours are pinned; *remove takes them away. */
bool wr_pin_other_versions(const char *dir, bool remove);
/* Removes everything that weir pins; other files stay. */
int wr_pin_remove_all(const char *dir);

/* ---- hooks.c ---- */

struct wr_hook {
	uint32_t pf, hook;
	const char *pin;
};
extern const struct wr_hook wr_hooks[WR_HOOKS];

/* Attaches and pins where that has not been done. */
int wr_hooks_attach(const char *dir, int entry_fd, struct wr_diags *diags);
/* Pinned hooks that answer. */
uint32_t wr_hooks_count(const char *dir);
/* A netfilter link: descriptor, or negative errno. */
int wr_link_create(int prog_fd, uint32_t pf, uint32_t hook, int32_t priority);

/* ---- conntrack.c ---- */

/* Keeps conntrack on in the current network namespace by a table of our own. */
int wr_conntrack_keep(struct wr_diags *diags);
bool wr_conntrack_kept(void);
void wr_conntrack_release(void);
/* Makes conntrack note the time when connections start: 0 or negative errno. */
int wr_conntrack_timestamps(void);

/* ---- wanted.c ---- */

/* Prefixes that a program wants, sorted, with their identities. */
struct wr_wanted_list {
	WR_VEC(struct wr_wanted) list;
	struct weir_identity world[2]; /* IPv4, IPv6 */
};
int wr_wanted_collect(const struct wr_datapath_opts *opts, const struct wr_program *p,
		      struct wr_wanted_list *out);

/* ---- addresses.c ---- */

typedef int (*wr_address_fn)(void *ctx, const struct wr_slot_key *key, uint32_t slot);

/* Calls fn for all entries of the four address maps; stops at its first error. */
int wr_addresses_each(const struct wr_maps *maps, wr_address_fn fn, void *ctx);
/* Adds entries or gives them another slot; removes entries. 0 or negative errno. */
int wr_addresses_put(const struct wr_maps *maps, const struct wr_slot_list *list);
int wr_addresses_remove(const struct wr_maps *maps, const struct wr_slot_list *list);

/* ---- settle.c ---- */

/* The maps that wr_datapath_fence() uses. 0 or negative errno. */
int wr_fence_open(struct wr_fence *f);
void wr_fence_close(struct wr_fence *f);

/* Before a change: every packet is judged. After it: it has to be settled. */
void wr_stricter_begin(struct wr_datapath *dp);
/* From now on only connections that started before now are judged again. */
void wr_stricter_end(struct wr_datapath *dp);
/* wr_datapath_settle() of whoever holds the lock. */
int wr_settle(struct wr_datapath *dp, uint64_t ticket);
/* Fences and settles until nothing is unsettled. */
int wr_settle_all(struct wr_datapath *dp);

/* ---- takeover.c ---- */

/* Reads the addresses and the image in force from the kernel, after a fence. */
int wr_datapath_take_over(struct wr_datapath *dp, struct wr_diags *diags);

/* ---- change.c ---- */

/* wr_datapath_replace() and wr_datapath_change() of whoever holds the lock. */
int wr_replace(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *all, size_t n,
	       struct wr_diags *diags);
int wr_change(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *moves, size_t n,
	      struct wr_diags *diags);

/* ---- room.c ---- */

/*
 * Makes room in both halves for so many cells of tables and all slots that are
 * in use. A larger map begins with a copy of what is in force, and takes a
 * grace period. The first map of all is not in force before its first generation.
 */
int wr_image_make_room(struct wr_datapath *dp, uint32_t tables);

/* ---- events.c ---- */

void wr_events_close(struct wr_datapath *dp);

/* ---- small things ---- */

uint64_t wr_now_ns(clockid_t clock);

/* The network namespace of the calling thread: 0 on failure. */
uint64_t wr_netns_cookie(void);
/* The judge that is in force as a program id, 0: none. */
uint32_t wr_jump_target(int jump_fd);
uint32_t wr_prog_id(int prog_fd);
