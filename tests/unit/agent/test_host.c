/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/host.h"

/* ---- messages, as the kernel writes them ---- */

struct message {
	_Alignas(4) unsigned char data[1024];
	size_t n;
};

static void *put(struct message *m, const void *data, size_t n)
{
	void *at = m->data + m->n;
	if (n)
		memcpy(at, data, n);
	m->n += (n + 3) & ~(size_t)3;
	return at;
}

static size_t begin(struct message *m, uint16_t type, const void *body, size_t n)
{
	size_t at = m->n;
	struct nlmsghdr h = {.nlmsg_type = type};
	put(m, &h, sizeof(h));
	put(m, body, n);
	return at;
}

static void end(struct message *m, size_t at)
{
	uint32_t size = (uint32_t)(m->n - at);
	memcpy(m->data + at, &size, sizeof(size));
}

static void attribute(struct message *m, uint16_t type, const void *data, size_t n)
{
	struct rtattr a = {(uint16_t)(sizeof(a) + n), type};
	put(m, &a, sizeof(a));
	put(m, data, n);
}

static void put_link(struct message *m, int index, const char *name, const char *kind,
		     uint32_t master)
{
	struct ifinfomsg body = {.ifi_index = index};
	struct message info = {.n = 0};
	size_t at = begin(m, RTM_NEWLINK, &body, sizeof(body));
	attribute(m, IFLA_IFNAME, name, strlen(name) + 1);
	if (master)
		attribute(m, IFLA_MASTER, &master, sizeof(master));
	attribute(&info, IFLA_INFO_KIND, kind, strlen(kind));
	attribute(m, IFLA_LINKINFO | NLA_F_NESTED, info.data, info.n);
	end(m, at);
}

static void put_address(struct message *m, uint32_t link, const char *text, uint8_t len)
{
	struct wr_ip ip;
	assert_int_equal(wr_ip_parse(text, &ip), 0);
	struct ifaddrmsg body = {
		.ifa_family = ip.family == WR_IPV4 ? AF_INET : AF_INET6,
		.ifa_prefixlen = len,
		.ifa_index = link,
	};
	size_t at = begin(m, RTM_NEWADDR, &body, sizeof(body));
	attribute(m, IFA_ADDRESS, ip.b, wr_family_bits(ip.family) / 8);
	end(m, at);
}

static void put_done(struct message *m)
{
	int zero = 0;
	end(m, begin(m, NLMSG_DONE, &zero, sizeof(zero)));
}

static void test_links_and_addresses(void **state)
{
	struct message m = {.n = 0};
	struct host_facts f = {0};
	(void)state;
	put_link(&m, 3, "cni0", "bridge", 0);
	put_link(&m, 4, "veth4", "veth", 3);
	put_link(&m, 5, "vethlike", "vethlike", 3);
	put_address(&m, 3, "10.1.2.1", 24);
	put_address(&m, 3, "fd00::1", 64);
	assert_int_equal(wr_host_take(&f, m.data, m.n), 1);
	assert_int_equal(f.links.n, 3);
	assert_true(f.links.items[0].is_bridge && !f.links.items[0].is_veth);
	assert_string_equal(f.links.items[0].name, "cni0");
	assert_true(f.links.items[1].is_veth && f.links.items[1].master == 3);
	assert_false(f.links.items[2].is_veth);
	assert_int_equal(f.addresses.n, 2);
	char text[WR_CIDR_TEXT];
	assert_string_equal(wr_cidr_format(&f.addresses.items[0].on_link, text), "10.1.2.0/24");
	assert_string_equal(wr_cidr_format(&f.addresses.items[1].on_link, text), "fd00::/64");
	m.n = 0;
	put_done(&m);
	assert_int_equal(wr_host_take(&f, m.data, m.n), 0);
	wr_host_facts_free(&f);
}

static void test_errors(void **state)
{
	struct message m = {.n = 0};
	struct host_facts f = {0};
	struct nlmsgerr refused = {.error = -EPERM};
	(void)state;
	end(&m, begin(&m, NLMSG_ERROR, &refused, sizeof(refused)));
	assert_int_equal(wr_host_take(&f, m.data, m.n), -EPERM);
	m.n = 0;
	end(&m, begin(&m, RTM_NEWLINK, "abc", 4)); /* shorter than its body */
	assert_int_equal(wr_host_take(&f, m.data, m.n), -EBADMSG);
	m.n = 0;
	put_address(&m, 1, "10.0.0.1", 33); /* longer than an address */
	assert_int_equal(wr_host_take(&f, m.data, m.n), 1);
	assert_int_equal(f.addresses.n, 0);
	wr_host_facts_free(&f);
}

/* Cut anywhere, nothing is read past the end (the copy is as long as what is there). */
static void test_cut_anywhere(void **state)
{
	struct message m = {.n = 0};
	(void)state;
	put_link(&m, 3, "cni0", "bridge", 0);
	put_address(&m, 3, "fd00::1", 64);
	for (size_t n = 0; n <= m.n; n++) {
		struct host_facts f = {0};
		unsigned char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, m.data, n);
		wr_host_take(&f, copy, n);
		assert_true(f.links.n <= 1 && f.addresses.n <= 1);
		assert_int_equal(f.addresses.n, n == m.n);
		free(copy);
		wr_host_facts_free(&f);
	}
}

/* ---- judging ---- */

struct node {
	struct host_facts facts;
	struct wr_ip pods[2];
	struct host_findings found;
};

/* A node on which all is well: a bridge with a pod of each family, and conntrack at ease. */
static void set_up_node(struct node *n)
{
	struct message m = {.n = 0};
	*n = (struct node){.facts = {.bridge_call = {1, 1},
				     .tcp_loose = 1,
				     .timestamp = 1,
				     .count = 100,
				     .max = 1000,
				     .rp_filter_all = 0}};
	put_link(&m, 3, "cni0", "bridge", 0);
	put_link(&m, 4, "veth4", "veth", 3);
	put_address(&m, 3, "10.1.2.1", 24);
	put_address(&m, 3, "fd00::1", 64);
	assert_int_equal(wr_host_take(&n->facts, m.data, m.n), 1);
	assert_int_equal(wr_ip_parse("10.1.2.9", &n->pods[0]), 0);
	assert_int_equal(wr_ip_parse("fd00::9", &n->pods[1]), 0);
}

static unsigned judge(struct node *n)
{
	unsigned found = 0;
	wr_host_judge(&n->facts, n->pods, 2, &n->found);
	for (unsigned p = 0; p < HOST_PROBLEMS; p++)
		found |= n->found.found[p] ? 1u << p : 0;
	return found;
}

static void test_bridges(void **state)
{
	struct node n;
	(void)state;
	set_up_node(&n);
	assert_int_equal(judge(&n), 0);
	n.facts.bridge_call[0] = 0;
	assert_int_equal(judge(&n), 1u << HOST_BRIDGE_IPV4);
	assert_non_null(strstr(n.found.text[HOST_BRIDGE_IPV4], "cni0"));
	assert_non_null(strstr(n.found.text[HOST_BRIDGE_IPV4], "bridge-nf-call-iptables is 0"));
	n.facts.bridge_call[0] = n.facts.bridge_call[1] = -1;
	assert_int_equal(judge(&n), 1u << HOST_BRIDGE_IPV4 | 1u << HOST_BRIDGE_IPV6);
	assert_non_null(strstr(n.found.text[HOST_BRIDGE_IPV6], "ip6tables is absent"));
	/* no pod of ours in the bridge's range: somebody else's bridge */
	assert_int_equal(wr_ip_parse("10.1.3.9", &n.pods[0]), 0);
	assert_int_equal(judge(&n), 1u << HOST_BRIDGE_IPV6);
	/* nothing of pods on it */
	n.facts.links.items[1].master = 9;
	assert_int_equal(judge(&n), 0);
	n.facts.links.items[1].master = 3;
	n.facts.links.items[0].is_bridge = false;
	assert_int_equal(judge(&n), 0);
	wr_host_facts_free(&n.facts);
}

static void test_sources(void **state)
{
	static const struct {
		int all, own;
		bool open;
	} cases[] = {{0, 1, false}, {1, 0, false}, {1, 1, false}, {0, 0, true},
		     {0, 2, true},  {2, 1, true},  {1, 2, true},  {0, -1, false}};
	struct node n;
	(void)state;
	set_up_node(&n);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n.facts.rp_filter_all = cases[i].all;
		n.facts.links.items[1].rp_filter = cases[i].own;
		n.facts.links.items[1].master = 0;
		assert_int_equal(judge(&n), cases[i].open ? 1u << HOST_ANY_SOURCE : 0);
		n.facts.links.items[1].master = 3; /* on a bridge this says nothing */
		assert_int_equal(judge(&n), 0);
	}
	wr_host_facts_free(&n.facts);
}

static void test_conntrack(void **state)
{
	struct node n;
	(void)state;
	set_up_node(&n);
	n.facts.count = 899;
	assert_int_equal(judge(&n), 0);
	n.facts.count = 900;
	assert_int_equal(judge(&n), 1u << HOST_CONNTRACK_FULL);
	n.facts.count = n.facts.max = -1;
	n.facts.tcp_loose = 0;
	assert_int_equal(judge(&n), 1u << HOST_CONNTRACK_STRICT);
	n.facts.tcp_loose = -1;
	n.facts.timestamp = 0;
	assert_int_equal(judge(&n), 1u << HOST_EVERY_PACKET);
	n.facts.timestamp = -1;
	assert_int_equal(judge(&n), 0);
	wr_host_facts_free(&n.facts);
}

static void test_names(void **state)
{
	(void)state;
	for (int p = 0; p < HOST_PROBLEMS; p++) {
		assert_non_null(wr_host_problem_name((enum host_problem)p));
		assert_int_equal(wr_host_problem_is_trouble((enum host_problem)p),
				 p == HOST_BRIDGE_IPV4 || p == HOST_BRIDGE_IPV6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_and_addresses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_bridges),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_conntrack),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
