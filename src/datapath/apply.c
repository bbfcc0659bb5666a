/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Apply: a program in force in one step for all traffic.
 *
 *	1. new addresses are added with the meaning that they have anyway
 *	   (slots.h), in the half in force
 *	2. the new generation is written into the other half
 *	3. connections older than now are to be judged again at each packet
 *	4. one store puts the other half in force
 *	5. a fence: no packet is judged by the old half any more
 *	6. only connections that started before this are judged again
 *	7. addresses that nothing names any more are removed; another fence
 *
 * The process may be killed anywhere between. Before 4 the old generation is
 * in force, after it the new one, whole; what is left undone (entries to be
 * removed, every packet judged) costs time and changes no verdict. The next
 * apply, in whatever process, starts from what the kernel's maps hold: a
 * process that finds its mark in the configuration replaced reads them again.
 *
 * Times. Conntrack notes the wall clock's time when a connection's first
 * packet has passed all hooks. A connection that the old generation let in
 * has passed them when the fence of 5 returns, so a time taken after it, plus
 * a margin, is after all of those. If the wall clock was set back since the
 * last change, connections may bear times of its old, faster reading: that
 * much is added.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "datapath/internal.h"

#define MARGIN_NS 10000000ull
#define EVERY_PACKET UINT64_MAX

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t = {0};
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int64_t clock_offset(void)
{
	return (int64_t)(now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME));
}

static bool has_image(const struct wr_datapath *dp)
{
	return dp->image.fd >= 0;
}

/*
 * Waits until no packet is judged by what was in force before the call: an
 * update of an array-of-maps returns after an RCU grace period.
 */
static int fence(const struct wr_datapath *dp)
{
	uint32_t zero = 0;
	return bpf_map_update_elem(dp->maps.fd[WR_MAP_IMAGES], &zero, &dp->image.fd, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

static int note_loaded(void *ctx, const struct wr_slot_key *key, uint32_t slot)
{
	struct wr_slots *s = ctx;
	return wr_vec_push(&s->loaded, ((struct wr_slot){*key, slot}));
}

int wr_datapath_take_over(struct wr_datapath *dp, struct wr_diags *diags)
{
	wr_image_map_close(&dp->image);
	wr_slots_free(&dp->slots);
	int rc = wr_image_map_open(dp->opts.pin_dir, dp->maps.fd[WR_MAP_IMAGES], true, &dp->image);
	/* none yet, or one that nobody can read: the next apply makes another */
	if (rc < 0 && rc != -ENOENT && rc != -EBADMSG)
		return wr_dp_error(diags, rc, "cannot read the image in force");
	rc = wr_addresses_each(&dp->maps, note_loaded, &dp->slots);
	if (!rc)
		rc = wr_slots_settle(&dp->slots);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot read the addresses that are loaded");
	/* whoever changed something last may have been killed before its fence */
	rc = has_image(dp) ? fence(dp) : 0;
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot wait for packets under way");
	rc = has_image(dp) ? wr_image_map_pin(dp->opts.pin_dir, &dp->image) : 0;
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot pin the image in force");
	if (has_image(dp))
		wr_image_map_unpin_others(dp->opts.pin_dir, &dp->image);
	dp->config->writer = dp->writer;
	return 0;
}

/* One apply. */
struct change {
	struct wr_layout layout;
	struct wr_wanted_list wanted;
	struct wr_plan plan;
	uint64_t began_ns;
};

static void change_free(struct change *c)
{
	wr_layout_free(&c->layout);
	wr_vec_free(&c->wanted.list);
	wr_plan_free(&c->plan);
}

static int prepare(struct wr_datapath *dp, const struct wr_program *p, struct change *c)
{
	int rc = wr_layout_plan(p, &c->layout);
	if (!rc)
		rc = wr_wanted_collect(&dp->opts, p, &c->layout, &c->wanted);
	if (!rc)
		rc = wr_plan_make(&dp->slots, c->wanted.list.items, c->wanted.list.n,
				  c->wanted.world, dp->opts.pod_cidrs, dp->opts.n_pod_cidrs,
				  &c->plan);
	return rc;
}

static union weir_cell *half_at(const struct wr_image_map *m, uint32_t base)
{
	return m->cells + base;
}

static int create_image(const struct wr_datapath *dp, uint64_t need, struct wr_image_map *out)
{
	struct wr_image_map m;
	if (need > WR_HALF_MAX)
		return -E2BIG;
	need += need / 2;
	int rc = wr_image_map_create(need > WR_HALF_MAX ? WR_HALF_MAX : (uint32_t)need, &m);
	if (rc < 0)
		return rc;
	rc = wr_image_map_pin(dp->opts.pin_dir, &m);
	if (rc < 0)
		wr_image_map_close(&m);
	else
		*out = m;
	return rc;
}

/*
 * Makes room: for the new generation in the other half, and for the new slots
 * in the half in force. A larger map begins with a copy of what is in force.
 * The first map of all is not in force before it has its first generation.
 */
static int grow(struct wr_datapath *dp, const struct change *c)
{
	struct wr_image_map *m = &dp->image, larger;
	uint64_t need = (uint64_t)c->layout.tables + c->plan.n_slots;
	if (!has_image(dp))
		return create_image(dp, need, m);
	const union weir_cell *now = half_at(m, wr_image_base(m));
	uint64_t need_now = (uint64_t)now->half.tables + c->plan.n_slots;
	uint32_t half = m->cells[0].head.half, zero = 0;
	if (need_now > need)
		need = need_now;
	if (need <= half)
		return 0;
	int rc = create_image(dp, need, &larger);
	if (rc < 0)
		return rc;
	uint32_t slots = half - now->half.tables;
	memcpy(half_at(&larger, 1), now, (size_t)now->half.tables * WEIR_CELL);
	memcpy(wr_image_identity(&larger, 1, slots - 1),
	       wr_image_identity(m, wr_image_base(m), slots - 1), (size_t)slots * WEIR_CELL);
	larger.cells[0].head.generation = m->cells[0].head.generation;
	if (bpf_map_update_elem(dp->maps.fd[WR_MAP_IMAGES], &zero, &larger.fd, BPF_ANY) < 0) {
		rc = -errno;
		wr_image_map_close(&larger);
		return rc;
	}
	wr_image_map_close(m);
	*m = larger;
	wr_image_map_unpin_others(dp->opts.pin_dir, m);
	return 0;
}

/* Step 1. */
static int add_addresses(struct wr_datapath *dp, const struct change *c)
{
	const struct wr_image_map *m = &dp->image;
	uint32_t now = wr_image_base(m);
	for (size_t i = 0; i < c->plan.items.n; i++) {
		const struct wr_plan_item *item = &c->plan.items.items[i];
		if (item->wanted && !item->loaded)
			*wr_image_identity(m, now, item->slot) = *wr_image_identity(m, now,
										    item->cover);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wr_addresses_add(&dp->maps, &c->plan);
}

/* Step 2. */
static void write_half(struct wr_datapath *dp, const struct wr_program *p, const struct change *c)
{
	const struct wr_image_map *m = &dp->image;
	uint32_t base = wr_image_spare(m);
	wr_layout_write(&c->layout, p, c->plan.n_slots, half_at(m, base));
	memset(wr_image_identity(m, base, c->plan.n_slots - 1), 0,
	       (size_t)c->plan.n_slots * WEIR_CELL);
	wr_image_identity(m, base, WEIR_SLOT_WORLD4)->id = c->wanted.world[0];
	wr_image_identity(m, base, WEIR_SLOT_WORLD6)->id = c->wanted.world[1];
	for (size_t i = 0; i < c->plan.items.n; i++) {
		const struct wr_plan_item *item = &c->plan.items.items[i];
		if (item->slot != WR_SLOT_NONE)
			wr_image_identity(m, base, item->slot)->id = item->id;
	}
}

/* Whether the half just written says the same as the one in force, of all that is loaded. */
static bool is_same(const struct wr_datapath *dp, const struct change *c)
{
	const struct wr_image_map *m = &dp->image;
	uint32_t base = wr_image_base(m), spare = wr_image_spare(m), last = c->plan.n_slots - 1;
	const union weir_cell *now = half_at(m, base), *new = half_at(m, spare);
	size_t tables = c->layout.counts;
	if (c->plan.n_add || c->plan.n_remove || !m->cells[0].head.generation ||
	    !dp->config->applied)
		return false;
	if (memcmp(&now->half, &new->half, sizeof(now->half)))
		return false;
	return !memcmp(now + 1, new + 1, (tables - 1) * WEIR_CELL) &&
	       !memcmp(wr_image_identity(m, base, last), wr_image_identity(m, spare, last),
		       (size_t)c->plan.n_slots * WEIR_CELL);
}

/* Steps 3 and 4. */
static int put_in_force(struct wr_datapath *dp, struct change *c)
{
	struct weir_image_head *head = &dp->image.cells[0].head;
	union {
		struct {
			uint32_t base, generation;
		};
		uint64_t both;
	} next = {.base = wr_image_spare(&dp->image), .generation = head->generation + 1};
	uint32_t zero = 0;
	if (!next.generation)
		next.generation = 1;
	if (!dp->opts.keep_established)
		dp->config->stricter_since = EVERY_PACKET;
	bool first = !head->generation;
	__atomic_store_n((uint64_t *)head, next.both, __ATOMIC_SEQ_CST);
	if (first && bpf_map_update_elem(dp->maps.fd[WR_MAP_IMAGES], &zero, &dp->image.fd, BPF_ANY))
		return -errno;
	dp->config->applied = 1;
	/* our judge may still stand beside one of another version of the ABI */
	if (wr_jump_target(dp->jump_fd) != wr_prog_id(dp->judge_fd)) {
		if (bpf_map_update_elem(dp->jump_fd, &zero, &dp->judge_fd, BPF_ANY) < 0)
			return -errno;
		wr_pin_other_versions(dp->opts.pin_dir, true);
	}
	dp->apply_ns = now_ns(CLOCK_MONOTONIC) - c->began_ns;
	return 0;
}

/* Step 6. */
static void set_time(struct wr_datapath *dp)
{
	volatile struct weir_config *config = dp->config;
	int64_t offset = clock_offset();
	uint64_t since = now_ns(CLOCK_REALTIME) + MARGIN_NS;
	if (config->clock_offset > offset)
		since += (uint64_t)(config->clock_offset - offset);
	config->clock_offset = offset;
	if (dp->opts.evaluate_every)
		since = EVERY_PACKET;
	else if (dp->opts.keep_established)
		since = 0;
	else if (!dp->clock_usable)
		since = EVERY_PACKET;
	config->stricter_since = since;
}

static int finish(struct wr_datapath *dp, const struct change *c)
{
	int rc = fence(dp);
	if (rc < 0)
		return rc;
	set_time(dp);
	rc = wr_addresses_remove(&dp->maps, &c->plan);
	if (!rc && c->plan.n_remove)
		rc = fence(dp);
	return rc ? rc : wr_plan_commit(&dp->slots, &c->plan);
}

/*
 * Conntrack must be on, and another agent's "flush ruleset" switches it off.
 * The calling thread may have gone to another network namespace meanwhile.
 */
static int check_conntrack(const struct wr_datapath *dp, struct wr_diags *diags)
{
	WR_CLEANUP(fd)
	int home = -1;
	if (wr_netns_cookie() != dp->netns) {
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0 || setns(dp->netns_fd, CLONE_NEWNET) < 0)
			return wr_dp_error(diags, -errno, "cannot look after conntrack");
	}
	int rc = wr_conntrack_kept() ? 0 : wr_conntrack_keep(diags);
	if (home >= 0 && setns(home, CLONE_NEWNET) < 0)
		rc = wr_dp_error(diags, -errno, "cannot return to the thread's network namespace");
	return rc;
}

static int apply(struct wr_datapath *dp, const struct wr_program *p, struct change *c,
		 struct wr_diags *diags)
{
	int rc = prepare(dp, p, c);
	if (!rc)
		rc = grow(dp, c);
	if (!rc)
		rc = add_addresses(dp, c);
	if (rc == -E2BIG || rc == -ENOSPC)
		return wr_dp_error(diags, -E2BIG,
				   "the policies and addresses do not fit into an image");
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot load the policies");
	write_half(dp, p, c);
	if (is_same(dp, c)) {
		dp->apply_ns = now_ns(CLOCK_MONOTONIC) - c->began_ns;
		if (dp->config->stricter_since == EVERY_PACKET && !dp->opts.evaluate_every)
			set_time(dp);
		return wr_plan_commit(&dp->slots, &c->plan);
	}
	rc = put_in_force(dp, c);
	if (!rc)
		rc = finish(dp, c);
	if (rc < 0)
		wr_dp_error(diags, rc, "the policies are in force, but cannot be cleaned up after");
	return rc;
}

int wr_datapath_apply(struct wr_datapath *dp, const struct wr_program *p, struct wr_diags *diags)
{
	struct change c = {.began_ns = now_ns(CLOCK_MONOTONIC)};
	int rc = wr_pin_relock(dp->opts.pin_dir, dp->dir_fd, diags);
	if (rc < 0)
		return rc;
	if (dp->config->writer != dp->writer)
		rc = wr_datapath_take_over(dp, diags);
	if (!rc) {
		rc = apply(dp, p, &c, diags);
		if (rc < 0)
			dp->config->writer = 0; /* start from the maps next time */
	}
	change_free(&c);
	if (!rc)
		rc = check_conntrack(dp, diags);
	wr_pin_unlock(dp->dir_fd);
	return rc;
}

uint64_t wr_datapath_apply_ns(const struct wr_datapath *dp)
{
	return dp->apply_ns;
}

uint32_t wr_datapath_generation(const struct wr_datapath *dp)
{
	return has_image(dp) ? dp->image.cells[0].head.generation : 0;
}
