/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Host: what of this node keeps the datapath from seeing traffic or from
 * judging it as it should. host_look.c collects facts from the kernel; host.c
 * finds in them, without the kernel, what a person should know.
 */
#include <stddef.h>

#include "base/inet.h"
#include "base/vec.h"

enum host_problem {
	/* on bridges that carry pods, packets pass by the hooks: not ready */
	HOST_BRIDGE_IPV4,
	HOST_BRIDGE_IPV6,
	/* these are told, and counted */
	HOST_CONNTRACK_FULL,
	HOST_CONNTRACK_STRICT,
	HOST_EVERY_PACKET,
	HOST_ANY_SOURCE,
	HOST_PROBLEMS,
};

struct host_link {
	uint32_t index, master; /* master 0: none */
	bool is_bridge, is_veth;
	int rp_filter; /* -1: not known */
	char name[16];
};

struct host_address {
	uint32_t link;
	struct wr_cidr on_link;
};

struct host_facts {
	WR_VEC(struct host_link) links;
	WR_VEC(struct host_address) addresses;
	/* sysctls; -1: absent or unreadable */
	long bridge_call[2]; /* bridge-nf-call-iptables, bridge-nf-call-ip6tables */
	long tcp_loose, timestamp, count, max, rp_filter_all;
};

struct host_findings {
	bool found[HOST_PROBLEMS];
	char text[HOST_PROBLEMS][256]; /* of those found */
};

void wr_host_facts_free(struct host_facts *f);

/*
 * Takes the answers of an rtnetlink dump of links or addresses. 1: there is more
 * to come; 0: that was all; -EBADMSG; -ENOMEM; or the error that the kernel tells.
 */
int wr_host_take(struct host_facts *f, const void *data, size_t size);

/* pods: addresses of this node's pods. */
void wr_host_judge(const struct host_facts *f, const struct wr_ip *pods, size_t n_pods,
		   struct host_findings *out);

/* As the metric calls it; whether the node is not ready with it. */
const char *wr_host_problem_name(enum host_problem p);
bool wr_host_problem_is_trouble(enum host_problem p);

/* host_look.c: links, addresses and sysctls of our network namespace. 0 or negative errno. */
int wr_host_look(struct host_facts *out);
/* A sysctl's number below /proc/sys/net, or -1. */
long wr_host_sysctl(const char *name);
int wr_host_sysctl_set(const char *name, long value);
