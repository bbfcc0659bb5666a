/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open: load, attach and pin, or take over what is pinned.
 *
 * Steps are in an order that lets the next open repair whatever a killed one
 * left: what is not complete is not in force and is made again. The attached
 * program drops everything while the program array is empty, so the array gets
 * its judge before the first hook is attached; the judge lets everything
 * through until its configuration says that something has been applied.
 */
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "datapath/internal.h"
#include "datapath/object.h"

#define EVENTS_PER_SEC 1000

int wr_dp_error(struct wr_diags *diags, int err, const char *fmt, ...)
{
	if (!diags)
		return err;
	char text[4608];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL, "%s: %s", text,
		    strerror(-err));
	return err;
}

void wr_dp_warn(struct wr_diags *diags, const char *fmt, ...)
{
	if (!diags)
		return;
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wr_diag_add(diags, WR_WARNING, (struct wr_mark){0}, NULL, NULL, "%s", text);
}

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

uint64_t wr_netns_cookie(void)
{
	WR_CLEANUP(fd)
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

uint32_t wr_jump_target(int jump_fd)
{
	uint32_t zero = 0, id = 0;
	return bpf_map_lookup_elem(jump_fd, &zero, &id) < 0 ? 0 : id;
}

uint32_t wr_prog_id(int prog_fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	return bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0 ? 0 : info.id;
}

static bool judge_pin(char *path, const char *dir)
{
	int n = snprintf(path, WR_PIN_PATH, "%s/v%d/judge_%s", dir, WEIR_ABI_VERSION, wr_bpf_id);
	return n > 0 && n < WR_PIN_PATH;
}

/* Judges of the same ABI that another build has pinned. */
static void remove_other_judges(const char *dir, const char *keep)
{
	char path[WR_PIN_PATH];
	snprintf(path, sizeof(path), "%s/v%d", dir, WEIR_ABI_VERSION);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (!strncmp(e->d_name, "judge_", 6) && strcmp(e->d_name, strrchr(keep, '/') + 1))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static int pin(int fd, const char *path, struct wr_diags *diags)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return wr_dp_error(diags, -errno, "cannot remove %s", path);
	if (bpf_obj_pin(fd, path) < 0)
		return wr_dp_error(diags, -errno, "cannot pin %s", path);
	return 0;
}

static struct bpf_map *find_map(struct bpf_object *obj, int i)
{
	const char *name = i == WR_MAP_CONFIG ? ".data.config" : wr_map_name((enum wr_map_index)i);
	return bpf_object__find_map_by_name(obj, name);
}

/* Lets the object use maps that exist already (fd >= 0). */
static int reuse(struct bpf_object *obj, const struct wr_maps *maps, int jump_fd,
		 struct wr_diags *diags)
{
	int rc = 0;
	for (int i = 0; !rc && i < WR_MAPS; i++) {
		struct bpf_map *map = find_map(obj, i);
		if (map && maps->fd[i] >= 0)
			rc = bpf_map__reuse_fd(map, maps->fd[i]);
	}
	struct bpf_map *jump = bpf_object__find_map_by_name(obj, "jump");
	if (!rc && jump && jump_fd >= 0)
		rc = bpf_map__reuse_fd(jump, jump_fd);
	return rc < 0 ? wr_dp_error(diags, rc, "cannot use the pinned maps") : 0;
}

static int dup_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

static int pin_maps(struct wr_datapath *dp, struct bpf_object *obj, struct wr_diags *diags)
{
	char path[WR_PIN_PATH];
	snprintf(path, sizeof(path), "%s/v%d", dp->opts.pin_dir, WEIR_ABI_VERSION);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return wr_dp_error(diags, -errno, "cannot make %s", path);
	for (int i = 0; i < WR_MAPS; i++) {
		struct bpf_map *map = find_map(obj, i);
		int fd = map ? dup_fd(bpf_map__fd(map)) : -ENOENT;
		if (fd < 0)
			return wr_dp_error(diags, fd, "the eBPF object has no map %s",
					   wr_map_name((enum wr_map_index)i));
		dp->maps.fd[i] = fd;
		if (!wr_pin_map_path(path, dp->opts.pin_dir, (enum wr_map_index)i))
			return -ENAMETOOLONG;
		int rc = pin(fd, path, diags);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int keep_judge(struct wr_datapath *dp, struct bpf_object *obj, struct wr_diags *diags)
{
	char path[WR_PIN_PATH];
	struct bpf_program *judge = bpf_object__find_program_by_name(obj, "judge_packet");
	int fd = judge ? dup_fd(bpf_program__fd(judge)) : -ENOENT;
	if (fd < 0)
		return wr_dp_error(diags, fd, "the eBPF object has no judge");
	dp->judge_fd = fd;
	if (!judge_pin(path, dp->opts.pin_dir))
		return -ENAMETOOLONG;
	int rc = pin(fd, path, diags);
	if (!rc)
		remove_other_judges(dp->opts.pin_dir, path);
	return rc;
}

/* The upper part of the pin directory: program array, attached program, about. */
static int pin_frame(struct wr_datapath *dp, struct bpf_object *obj, struct wr_diags *diags)
{
	char path[WR_PIN_PATH];
	const char *dir = dp->opts.pin_dir;
	uint32_t zero = 0;
	struct wr_about about = {.netns = dp->netns};
	struct bpf_program *entry = bpf_object__find_program_by_name(obj, "entry");
	struct bpf_map *jump = bpf_object__find_map_by_name(obj, "jump");
	if (!entry || !jump)
		return wr_dp_error(diags, -EINVAL, "the embedded eBPF object is damaged");
	dp->jump_fd = dup_fd(bpf_map__fd(jump));
	WR_CLEANUP(fd)
	int about_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "about", sizeof(uint32_t), sizeof(about),
				      1, NULL);
	if (about_fd < 0 || bpf_map_update_elem(about_fd, &zero, &about, BPF_ANY) < 0)
		return wr_dp_error(diags, -errno, "cannot make a map");
	int rc = wr_pin_path(path, dir, "jump") ? pin(dp->jump_fd, path, diags) : -ENAMETOOLONG;
	if (!rc && wr_pin_path(path, dir, "entry"))
		rc = pin(bpf_program__fd(entry), path, diags);
	if (!rc && wr_pin_path(path, dir, "about"))
		rc = pin(about_fd, path, diags);
	return rc;
}

/*
 * Loads the program. Maps that are open in dp->maps are used (another build of
 * weir with the same ABI), else new ones are made; the same for the frame.
 */
static int load(struct wr_datapath *dp, struct wr_diags *diags)
{
	struct bpf_object *obj;
	bool new_frame = dp->jump_fd < 0, new_maps = dp->maps.fd[0] < 0;
	int rc = wr_object_open(new_frame, diags, &obj);
	if (rc < 0)
		return rc;
	rc = reuse(obj, &dp->maps, dp->jump_fd, diags);
	if (!rc)
		rc = wr_object_load(obj, diags);
	if (!rc && new_maps)
		rc = pin_maps(dp, obj, diags);
	if (!rc)
		rc = keep_judge(dp, obj, diags);
	if (!rc && new_frame)
		rc = pin_frame(dp, obj, diags);
	bpf_object__close(obj);
	return rc;
}

/* 1: a frame is there and ours; 0: none. */
static int find_frame(struct wr_datapath *dp, struct wr_diags *diags)
{
	const char *dir = dp->opts.pin_dir;
	WR_CLEANUP(fd)
	int about_fd = wr_pin_get(dir, "about");
	struct wr_about about;
	uint32_t zero = 0;
	if (about_fd < 0) {
		wr_pin_remove_all(dir); /* what a killed open or detach left */
		return 0;
	}
	if (bpf_map_lookup_elem(about_fd, &zero, &about) < 0)
		return wr_dp_error(diags, -errno, "cannot read %s/about", dir);
	if (about.netns != dp->netns)
		return wr_dp_error(diags, -EBUSY,
				   "the pin directory %s belongs to a datapath in another "
				   "network namespace (detach that one first)",
				   dir);
	int fd = wr_pin_get(dir, "jump");
	if (fd < 0)
		return wr_dp_error(diags, fd, "cannot open %s/jump", dir);
	dp->jump_fd = fd;
	return 1;
}

static int put_in_force(struct wr_datapath *dp, struct wr_diags *diags)
{
	uint32_t zero = 0;
	uint32_t now = wr_jump_target(dp->jump_fd);
	/* another version's judge stays until the first apply has filled our maps */
	if (now &&
	    (now == wr_prog_id(dp->judge_fd) || wr_pin_other_versions(dp->opts.pin_dir, false)))
		return 0;
	if (bpf_map_update_elem(dp->jump_fd, &zero, &dp->judge_fd, BPF_ANY) < 0)
		return wr_dp_error(diags, -errno, "cannot put the judge in force");
	return 0;
}

/* Programs, maps and hooks, new or found. */
static int load_or_find(struct wr_datapath *dp, struct wr_diags *diags)
{
	const char *dir = dp->opts.pin_dir;
	char path[WR_PIN_PATH];
	int frame = find_frame(dp, diags);
	if (frame < 0)
		return frame;
	int rc = wr_maps_open(dir, &dp->maps);
	if (rc == -ENOENT) {
		snprintf(path, sizeof(path), "v%d", WEIR_ABI_VERSION);
		rc = wr_pin_remove_version(dir, path);
	}
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot open the maps pinned in %s", dir);
	if (dp->maps.fd[0] >= 0 && frame && judge_pin(path, dir)) {
		int fd = bpf_obj_get(path);
		dp->judge_fd = fd < 0 ? -1 : fd;
	}
	if (dp->judge_fd < 0)
		rc = load(dp, diags);
	if (!rc)
		rc = put_in_force(dp, diags);
	if (rc < 0)
		return rc;
	WR_CLEANUP(fd)
	int entry_fd = wr_pin_get(dir, "entry");
	if (entry_fd < 0)
		return wr_dp_error(diags, entry_fd, "cannot open %s/entry", dir);
	return wr_hooks_attach(dir, entry_fd, diags);
}

static int map_config(struct wr_datapath *dp, struct wr_diags *diags)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, dp->maps.fd[WR_MAP_CONFIG],
			0);
	if (at == MAP_FAILED)
		return wr_dp_error(diags, -errno, "cannot map the program's switches");
	dp->config = at;
	return 0;
}

static void set_switches(struct wr_datapath *dp, struct wr_diags *diags)
{
	volatile struct weir_config *c = dp->config;
	const struct wr_datapath_opts *o = &dp->opts;
	c->events_per_sec = o->events_per_sec ? o->events_per_sec : EVENTS_PER_SEC;
	c->events_allowed = !o->no_allowed_events;
	c->unknown_allow = o->unknown_pods_allow;
	int rc = wr_conntrack_timestamps();
	dp->clock_usable = rc == 0;
	if (rc < 0 && !o->evaluate_every && !o->keep_established)
		wr_dp_warn(diags,
			   "net.netfilter.nf_conntrack_timestamp cannot be switched on (%s): "
			   "every packet is judged once policies get stricter",
			   strerror(-rc));
	if (o->evaluate_every)
		c->stricter_since = UINT64_MAX;
}

int wr_datapath_set_pod_cidrs(struct wr_datapath *dp, const struct wr_cidr *cidrs, uint32_t n)
{
	struct wr_cidr *copy = calloc((size_t)n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, cidrs, n * sizeof(*copy));
	free((void *)(uintptr_t)dp->opts.pod_cidrs);
	dp->opts.pod_cidrs = copy;
	dp->opts.n_pod_cidrs = n;
	return 0;
}

static int copy_opts(struct wr_datapath *dp, const struct wr_datapath_opts *opts)
{
	dp->opts = *opts;
	dp->opts.pod_cidrs = NULL;
	dp->opts.pin_dir = strdup(opts->pin_dir);
	dp->opts.node = opts->node ? strdup(opts->node) : NULL;
	if (!dp->opts.pin_dir || (opts->node && !dp->opts.node))
		return -ENOMEM;
	return wr_datapath_set_pod_cidrs(dp, opts->pod_cidrs, opts->n_pod_cidrs);
}

static int new_datapath(const struct wr_datapath_opts *opts, struct wr_datapath **out)
{
	struct wr_datapath *dp = calloc(1, sizeof(*dp));
	if (!dp)
		return -ENOMEM;
	dp->dir_fd = dp->netns_fd = dp->jump_fd = dp->judge_fd = -1;
	dp->image.fd = dp->fence.outer = dp->fence.inner = -1;
	wr_maps_init(&dp->maps);
	int rc = copy_opts(dp, opts);
	if (!rc && getrandom(&dp->writer, sizeof(dp->writer), 0) != sizeof(dp->writer))
		rc = -EIO;
	dp->writer |= 1; /* 0 is nobody */
	dp->seq = wr_now_ns(CLOCK_MONOTONIC); /* so that no ticket is of a datapath before */
	if (rc < 0)
		wr_datapath_close(dp);
	else
		*out = dp;
	return rc;
}

/* A failed load is explained by what the kernel lacks, where that is known. */
static void explain(struct wr_diags *diags)
{
	const struct wr_feature *f;
	uint32_t n;
	if (!diags || wr_datapath_probe(&f, &n) == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (!f[i].found)
			wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
				    "this kernel lacks: %s (%s): needs %s", f[i].name, f[i].error,
				    f[i].needs);
}

int wr_datapath_open(const struct wr_datapath_opts *opts, struct wr_diags *diags,
		     struct wr_datapath **out)
{
	struct wr_datapath *dp;
	int rc = new_datapath(opts, &dp);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot open the datapath");
	rc = wr_pin_lock(opts->pin_dir, true, true, diags, &dp->dir_fd);
	if (rc < 0)
		goto fail;
	dp->netns = wr_netns_cookie();
	dp->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	rc = wr_conntrack_kept() ? 0 : wr_conntrack_keep(diags);
	if (!rc)
		rc = load_or_find(dp, diags);
	if (rc < 0) {
		explain(diags);
		goto fail;
	}
	rc = wr_fence_open(&dp->fence);
	if (rc < 0) {
		wr_dp_error(diags, rc, "cannot make a map");
		goto fail;
	}
	rc = map_config(dp, diags);
	if (!rc) {
		set_switches(dp, diags);
		rc = wr_datapath_take_over(dp, diags);
	}
	if (rc < 0)
		goto fail;
	wr_pin_unlock(dp->dir_fd);
	*out = dp;
	return 0;
fail:
	wr_datapath_close(dp);
	return rc;
}

void wr_datapath_close(struct wr_datapath *dp)
{
	if (!dp)
		return;
	wr_events_close(dp);
	wr_image_map_close(&dp->image);
	wr_slots_free(&dp->slots);
	wr_vec_free(&dp->leaving);
	free(dp->ids);
	wr_fence_close(&dp->fence);
	if (dp->config) {
		void *at = (void *)(uintptr_t)dp->config;
		munmap(at, (size_t)sysconf(_SC_PAGESIZE));
	}
	wr_maps_close(&dp->maps);
	int fds[] = {dp->judge_fd, dp->jump_fd, dp->netns_fd, dp->dir_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free((void *)(uintptr_t)dp->opts.pin_dir);
	free((void *)(uintptr_t)dp->opts.node);
	free((void *)(uintptr_t)dp->opts.pod_cidrs);
	free(dp);
}

int wr_datapath_detach(const char *pin_dir, struct wr_diags *diags)
{
	WR_CLEANUP(fd)
	int dir_fd = -1;
	int rc = wr_pin_lock(pin_dir, false, true, diags, &dir_fd);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	WR_CLEANUP(fd)
	int about_fd = wr_pin_get(pin_dir, "about");
	struct wr_about about;
	uint32_t zero = 0;
	bool here = about_fd >= 0 && !bpf_map_lookup_elem(about_fd, &zero, &about) &&
		    about.netns == wr_netns_cookie();
	rc = wr_pin_remove_all(pin_dir);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot remove what is pinned in %s", pin_dir);
	if (here)
		wr_conntrack_release();
	if (rmdir(pin_dir) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return wr_dp_error(diags, -errno, "cannot remove %s", pin_dir);
	return 0;
}
