/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datapath/internal.h"

const struct wr_hook wr_hooks[WR_HOOKS] = {
	{NFPROTO_IPV4, NF_INET_FORWARD, "link_ipv4_forward"},
	{NFPROTO_IPV4, NF_INET_LOCAL_IN, "link_ipv4_local_in"},
	{NFPROTO_IPV4, NF_INET_LOCAL_OUT, "link_ipv4_local_out"},
	{NFPROTO_IPV6, NF_INET_FORWARD, "link_ipv6_forward"},
	{NFPROTO_IPV6, NF_INET_LOCAL_IN, "link_ipv6_local_in"},
	{NFPROTO_IPV6, NF_INET_LOCAL_OUT, "link_ipv6_local_out"},
};

/* bpf_attr and bpf_link_info for netfilter links, which headers before Linux 6.4 lack. */
struct link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint32_t pf, hook;
	int32_t priority;
	uint32_t netfilter_flags;
	uint64_t rest[8];
};

struct link_info {
	uint32_t type, id, prog_id, pad;
	uint32_t pf, hook;
	int32_t priority;
	uint32_t flags;
	uint64_t rest[16];
};

int wr_link_create(int prog_fd, uint32_t pf, uint32_t hook, int32_t priority)
{
	struct link_create attr = {
		.prog_fd = (uint32_t)prog_fd,
		.attach_type = WR_ATTACH_NETFILTER,
		.pf = pf,
		.hook = hook,
		.priority = priority,
	};
	long fd = syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

static int link_info(int fd, struct link_info *info)
{
	struct {
		uint32_t fd, len;
		uint64_t info;
	} attr = {(uint32_t)fd, sizeof(*info), (uintptr_t)info};
	*info = (struct link_info){0};
	if (syscall(__NR_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0)
		return -errno;
	return info->type == WR_LINK_NETFILTER ? 0 : -EINVAL;
}

/*
 * Conntrack confirms at INT_MAX and DNAT is at -100: any place between NAT's
 * two is right. No two hooks of which one is a link may have the same one.
 */
#define FIRST_PRIORITY (-5)
#define PRIORITIES 64

static int attach(int entry_fd, const struct wr_hook *hook)
{
	int fd = -EBUSY;
	for (int i = 0; i < PRIORITIES && fd == -EBUSY; i++)
		fd = wr_link_create(entry_fd, hook->pf, hook->hook,
				    FIRST_PRIORITY + (i % 2 ? (i + 1) / 2 : -i / 2));
	return fd;
}

/*
 * Whether a pinned link is attached in this network namespace: its place is
 * then taken. A link that somebody detached keeps its pin; if its place was
 * free, *fresh is a new link there.
 */
static bool is_attached(const char *dir, const struct wr_hook *hook, int entry_fd, int *fresh)
{
	struct link_info info;
	WR_CLEANUP(fd)
	int fd = wr_pin_get(dir, hook->pin);
	if (fd < 0 || link_info(fd, &info) < 0 || info.pf != hook->pf || info.hook != hook->hook)
		return false;
	int rc = wr_link_create(entry_fd, hook->pf, hook->hook, info.priority);
	if (rc == -EBUSY)
		return true;
	if (rc >= 0)
		*fresh = rc;
	return false;
}

static int ensure(const char *dir, const struct wr_hook *hook, int entry_fd)
{
	char path[WR_PIN_PATH];
	WR_CLEANUP(fd)
	int fd = -1;
	if (!wr_pin_path(path, dir, hook->pin))
		return -ENAMETOOLONG;
	if (is_attached(dir, hook, entry_fd, &fd))
		return 0;
	if (fd < 0)
		fd = attach(entry_fd, hook);
	if (fd < 0)
		return fd;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int wr_hooks_attach(const char *dir, int entry_fd, struct wr_diags *diags)
{
	for (int i = 0; i < WR_HOOKS; i++) {
		int rc = ensure(dir, &wr_hooks[i], entry_fd);
		if (rc == -EAFNOSUPPORT && wr_hooks[i].pf == NFPROTO_IPV6)
			continue; /* a kernel without IPv6: nothing to guard there */
		if (rc < 0)
			return wr_dp_error(diags, rc, "cannot attach at %s", wr_hooks[i].pin);
	}
	return 0;
}

uint32_t wr_hooks_count(const char *dir)
{
	uint32_t n = 0;
	for (int i = 0; i < WR_HOOKS; i++) {
		struct link_info info;
		WR_CLEANUP(fd)
		int fd = wr_pin_get(dir, wr_hooks[i].pin);
		n += fd >= 0 && !link_info(fd, &info) && info.pf == wr_hooks[i].pf &&
		     info.hook == wr_hooks[i].hook;
	}
	return n;
}
