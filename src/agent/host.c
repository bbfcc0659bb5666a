/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void wr_host_facts_free(struct host_facts *f)
{
	wr_vec_free(&f->links);
	wr_vec_free(&f->addresses);
}

/* ---- rtnetlink ---- */

/* The kernel's macros cast const away, of what is only read. */
#pragma GCC diagnostic ignored "-Wcast-qual"

/* A text attribute is one of this string, whether it brings its NUL or not. */
static bool is_text(const struct rtattr *a, const char *text)
{
	size_t n = strlen(text);
	return RTA_PAYLOAD(a) >= n && RTA_PAYLOAD(a) <= n + 1 && !memcmp(RTA_DATA(a), text, n);
}

static uint32_t number(const struct rtattr *a)
{
	uint32_t n = 0;
	if (RTA_PAYLOAD(a) >= sizeof(n))
		memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}

static void take_kind(struct host_link *link, const struct rtattr *info)
{
	int size = (int)RTA_PAYLOAD(info);
	for (const struct rtattr *a = RTA_DATA(info); RTA_OK(a, size); a = RTA_NEXT(a, size)) {
		if ((a->rta_type & NLA_TYPE_MASK) != IFLA_INFO_KIND)
			continue;
		link->is_bridge = is_text(a, "bridge");
		link->is_veth = is_text(a, "veth");
	}
}

static int take_link(struct host_facts *f, const struct nlmsghdr *h)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	struct host_link link = {.index = (uint32_t)m->ifi_index, .rp_filter = -1};
	int size = (int)IFLA_PAYLOAD(h);
	for (const struct rtattr *a = IFLA_RTA(m); RTA_OK(a, size); a = RTA_NEXT(a, size)) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			snprintf(link.name, sizeof(link.name), "%.*s", (int)RTA_PAYLOAD(a),
				 (const char *)RTA_DATA(a));
			break;
		case IFLA_MASTER:
			link.master = number(a);
			break;
		case IFLA_LINKINFO:
			take_kind(&link, a);
			break;
		default: /* the kernel's */
			break;
		}
	}
	return wr_vec_push(&f->links, link);
}

static int take_address(struct host_facts *f, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct host_address address = {.link = m->ifa_index};
	struct wr_cidr *c = &address.on_link;
	c->ip.family = m->ifa_family == AF_INET ? WR_IPV4 : WR_IPV6;
	c->len = m->ifa_prefixlen;
	size_t bytes = wr_family_bits(c->ip.family) / 8;
	bool found = false;
	int size = (int)IFA_PAYLOAD(h);
	if ((m->ifa_family != AF_INET && m->ifa_family != AF_INET6) || c->len > bytes * 8)
		return 0;
	/* of a peer-to-peer address, IFA_ADDRESS is the peer: what lies behind the link */
	for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, size); a = RTA_NEXT(a, size)) {
		if (a->rta_type != IFA_ADDRESS || RTA_PAYLOAD(a) != bytes)
			continue;
		memcpy(c->ip.b, RTA_DATA(a), bytes);
		found = true;
	}
	for (size_t bit = c->len; bit < bytes * 8; bit++)
		c->ip.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return found ? wr_vec_push(&f->addresses, address) : 0;
}

static int take_error(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	return NLMSG_PAYLOAD(h, 0) < sizeof(*e) || e->error >= 0 ? -EBADMSG : e->error;
}

int wr_host_take(struct host_facts *f, const void *data, size_t size)
{
	const struct nlmsghdr *h = data;
	int rc = 0;
	for (; NLMSG_OK(h, size) && !rc; h = NLMSG_NEXT(h, size)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return take_error(h);
		if (h->nlmsg_type == RTM_NEWLINK)
			rc = NLMSG_PAYLOAD(h, 0) < sizeof(struct ifinfomsg) ? -EBADMSG
									    : take_link(f, h);
		if (h->nlmsg_type == RTM_NEWADDR)
			rc = NLMSG_PAYLOAD(h, 0) < sizeof(struct ifaddrmsg) ? -EBADMSG
									    : take_address(f, h);
	}
	return rc ? rc : 1;
}

/* ---- what is wrong ---- */

static const struct {
	const char *name;
	bool trouble;
} problems[HOST_PROBLEMS] = {
	[HOST_BRIDGE_IPV4] = {"bridge_netfilter_ipv4_off", true},
	[HOST_BRIDGE_IPV6] = {"bridge_netfilter_ipv6_off", true},
	[HOST_CONNTRACK_FULL] = {"conntrack_nearly_full", false},
	[HOST_CONNTRACK_STRICT] = {"conntrack_tcp_strict", false},
	[HOST_EVERY_PACKET] = {"conntrack_timestamp_off", false},
	[HOST_ANY_SOURCE] = {"rp_filter_off", false},
};

const char *wr_host_problem_name(enum host_problem p)
{
	return problems[p].name;
}

bool wr_host_problem_is_trouble(enum host_problem p)
{
	return problems[p].trouble;
}

__attribute__((format(printf, 3, 4))) static void find(struct host_findings *out,
						       enum host_problem p, const char *fmt, ...)
{
	va_list ap;
	out->found[p] = true;
	va_start(ap, fmt);
	vsnprintf(out->text[p], sizeof(out->text[p]), fmt, ap);
	va_end(ap);
}

static bool has_veth(const struct host_facts *f, const struct host_link *bridge)
{
	for (size_t i = 0; i < f->links.n; i++)
		if (f->links.items[i].is_veth && f->links.items[i].master == bridge->index)
			return true;
	return false;
}

/* Whether pods of this node live on a bridge: they are in a range that is on it. */
static bool carries(const struct host_facts *f, const struct host_link *bridge, uint8_t family,
		    const struct wr_ip *pods, size_t n_pods)
{
	for (size_t i = 0; i < f->addresses.n; i++) {
		const struct host_address *a = &f->addresses.items[i];
		if (a->link != bridge->index || a->on_link.ip.family != family)
			continue;
		for (size_t k = 0; k < n_pods; k++)
			if (wr_cidr_contains(&a->on_link, &pods[k]))
				return true;
	}
	return false;
}

static void judge_bridges(const struct host_facts *f, const struct wr_ip *pods, size_t n_pods,
			  struct host_findings *out)
{
	for (size_t i = 0; i < f->links.n; i++) {
		const struct host_link *b = &f->links.items[i];
		if (!b->is_bridge || !has_veth(f, b))
			continue;
		for (int v6 = 0; v6 < 2; v6++)
			if (f->bridge_call[v6] != 1 &&
			    carries(f, b, v6 ? WR_IPV6 : WR_IPV4, pods, n_pods))
				find(out, v6 ? HOST_BRIDGE_IPV6 : HOST_BRIDGE_IPV4,
				     "pods of this node are on the bridge %s and "
				     "net.bridge.bridge-nf-call-ip%stables is %s: what they send "
				     "to "
				     "each other passes no policy. Load br_netfilter and set it to "
				     "1",
				     b->name, v6 ? "6" : "",
				     f->bridge_call[v6] < 0 ? "absent" : "0");
	}
}

/*
 * Interfaces that lead to a pod and take any source address: the higher of the
 * interface's value and of "all" counts, and 1 is the strict one.
 */
static void judge_sources(const struct host_facts *f, struct host_findings *out)
{
	size_t veths = 0, open = 0;
	for (size_t i = 0; i < f->links.n; i++) {
		const struct host_link *l = &f->links.items[i];
		if (!l->is_veth || l->master || l->rp_filter < 0)
			continue;
		veths++;
		open += (l->rp_filter > f->rp_filter_all ? l->rp_filter : f->rp_filter_all) != 1;
	}
	if (open)
		find(out, HOST_ANY_SOURCE,
		     "%zu of %zu interfaces of pods take any IPv4 source address (rp_filter is not "
		     "1): a pod that may make packets itself can send as another one",
		     open, veths);
}

void wr_host_judge(const struct host_facts *f, const struct wr_ip *pods, size_t n_pods,
		   struct host_findings *out)
{
	*out = (struct host_findings){0};
	judge_bridges(f, pods, n_pods, out);
	judge_sources(f, out);
	if (f->count >= 0 && f->max > 0 && f->count >= f->max / 10 * 9)
		find(out, HOST_CONNTRACK_FULL,
		     "the connection tracking table has %ld of %ld entries "
		     "(net.netfilter.nf_conntrack_max): when it is full, the kernel drops new "
		     "connections, whatever the policies are",
		     f->count, f->max);
	if (f->tcp_loose == 0)
		find(out, HOST_CONNTRACK_STRICT,
		     "net.netfilter.nf_conntrack_tcp_loose is 0: a TCP connection that conntrack "
		     "does not know, after its table was flushed, ends where an isolated pod is "
		     "involved");
	if (f->timestamp == 0)
		find(out, HOST_EVERY_PACKET,
		     "net.netfilter.nf_conntrack_timestamp is 0: every packet is judged, which "
		     "costs more; set it to 1");
}
