/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host, the kernel's side: rtnetlink and /proc/sys/net, which both speak of the
 * network namespace of the process that asks; /sys would speak of the one that
 * it was mounted in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/host.h"
#include "agent/internal.h"
#include "base/cleanup.h"

#define ANSWER ((size_t)256 << 10)
#define CHECK_NS UINT64_C(2000000000)
#define TIMESTAMP "netfilter/nf_conntrack_timestamp"

/* ---- sysctls ---- */

static int open_sysctl(const char *name, int flags)
{
	char path[256];
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

long wr_host_sysctl(const char *name)
{
	char text[32], *end;
	WR_CLEANUP(fd)
	int fd = open_sysctl(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	long value = strtol(text, &end, 10);
	return end == text || value < 0 ? -1 : value;
}

int wr_host_sysctl_set(const char *name, long value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", value);
	WR_CLEANUP(fd)
	int fd = open_sysctl(name, O_WRONLY);
	if (fd < 0)
		return fd;
	return write(fd, text, (size_t)n) == n ? 0 : -errno;
}

/* ---- links and addresses ---- */

static int dump(int fd, uint16_t type, void *answer, struct host_facts *f)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg what;
	} request = {
		{sizeof(request), type, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
		{AF_UNSPEC},
	};
	int rc = 1;
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (rc == 1) {
		ssize_t n = recv(fd, answer, ANSWER, MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		rc = (size_t)n > ANSWER ? -EMSGSIZE : wr_host_take(f, answer, (size_t)n);
	}
	return rc;
}

static int look_at_links(struct host_facts *f)
{
	/* the kernel answers at once, or something is wrong that must not hold up everything */
	struct timeval patience = {.tv_sec = 1};
	WR_CLEANUP(fd)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	WR_CLEANUP(free)
	void *answer = malloc(ANSWER);
	if (fd < 0 || !answer)
		return fd < 0 ? -errno : -ENOMEM;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -errno;
	int rc = dump(fd, RTM_GETLINK, answer, f);
	return rc ? rc : dump(fd, RTM_GETADDR, answer, f);
}

int wr_host_look(struct host_facts *out)
{
	struct host_facts f = {0};
	int rc = look_at_links(&f);
	if (rc) {
		wr_host_facts_free(&f);
		return rc;
	}
	for (size_t i = 0; i < f.links.n; i++) {
		struct host_link *l = &f.links.items[i];
		char name[64];
		if (!l->is_veth || l->master)
			continue;
		snprintf(name, sizeof(name), "ipv4/conf/%s/rp_filter", l->name);
		l->rp_filter = (int)wr_host_sysctl(name);
	}
	f.bridge_call[0] = wr_host_sysctl("bridge/bridge-nf-call-iptables");
	f.bridge_call[1] = wr_host_sysctl("bridge/bridge-nf-call-ip6tables");
	f.tcp_loose = wr_host_sysctl("netfilter/nf_conntrack_tcp_loose");
	f.timestamp = wr_host_sysctl(TIMESTAMP);
	f.count = wr_host_sysctl("netfilter/nf_conntrack_count");
	f.max = wr_host_sysctl("netfilter/nf_conntrack_max");
	f.rp_filter_all = wr_host_sysctl("ipv4/conf/all/rp_filter");
	*out = f;
	return 0;
}

/* ---- the agent's ---- */

/* Start times that were on and are off: ours to mend. */
static void mend(struct agent *a, struct host_facts *f)
{
	if (f->timestamp == 1)
		a->host_timestamp = true;
	if (f->timestamp != 0 || !a->host_timestamp || wr_host_sysctl_set(TIMESTAMP, 1))
		return;
	f->timestamp = 1;
	a->repairs++;
	agent_log(a, WR_LOG_WARNING,
		  "net.netfilter.nf_conntrack_timestamp was switched off: switched on again");
}

static void tell(struct agent *a, const struct host_findings *found)
{
	for (int p = 0; p < HOST_PROBLEMS; p++) {
		if (found->found[p] && !a->host.found[p])
			agent_log(a, WR_LOG_WARNING, "%s", found->text[p]);
		if (!found->found[p] && a->host.found[p])
			agent_log(a, WR_LOG_INFO, "over: %s", wr_host_problem_name(p));
	}
}

void host_check(struct agent *a)
{
	struct host_facts facts = {0};
	struct host_findings found;
	struct wr_ip *pods = NULL;
	size_t n = 0;
	int rc = wr_host_look(&facts);
	if (!rc && a->live)
		rc = wr_live_local_ips(a->live, &pods, &n);
	a->host_checked_ns = uv_hrtime();
	a->host_generation = a->now.generation;
	if (!rc) {
		mend(a, &facts);
		wr_host_judge(&facts, pods, n, &found);
		tell(a, &found);
		a->host = found;
	} else if (!a->host_failed) {
		agent_log(a, WR_LOG_WARNING, "the node's network cannot be looked at: %s",
			  strerror(-rc));
	}
	a->host_failed = rc != 0;
	free(pods);
	wr_host_facts_free(&facts);
}

const char *host_trouble(struct agent *a)
{
	if (a->host_generation != a->now.generation || uv_hrtime() - a->host_checked_ns > CHECK_NS)
		host_check(a);
	for (int p = 0; p < HOST_PROBLEMS; p++)
		if (a->host.found[p] && wr_host_problem_is_trouble(p))
			return a->host.text[p];
	return NULL;
}

void host_metrics(struct agent *a, struct wr_buf *out)
{
	wr_buf_text(out, "# HELP weir_host_problem 1 where something of this node keeps policies "
			 "from being enforced as they should.\n# TYPE weir_host_problem gauge\n");
	for (int p = 0; p < HOST_PROBLEMS; p++)
		wr_buf_printf(out, "weir_host_problem{problem=\"%s\"} %d\n",
			      wr_host_problem_name(p), a->host.found[p]);
}
