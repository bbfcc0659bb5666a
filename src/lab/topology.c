/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology: nodes on a bridge, pods behind their node.
 *
 * Every end of a link knows its neighbour's MAC address beforehand (a pod's is
 * made of its number, the nodes' side is the same everywhere), so that no
 * address resolution passes between a pod and its node. A pod's side comes up
 * last, when its node enforces already.
 */
#include <stdio.h>
#include <string.h>

#include "lab/internal.h"

#define NODE_MAC "ee:ee:ee:ee:ee:ee"
#define AT_ONCE 8 /* programs running at the same time */

static const char *const pod_sysctls[] = {
	"ipv6/conf/all/disable_ipv6=0",      "ipv6/conf/default/disable_ipv6=0",
	"ipv6/conf/all/accept_dad=0",        "ipv6/conf/default/accept_dad=0",
	"ipv6/conf/default/accept_ra=0",     "ipv6/conf/default/router_solicitations=0",
	"ipv4/conf/all/rp_filter=0",         "ipv4/conf/default/rp_filter=0",
	"ipv4/ip_unprivileged_port_start=0", NULL,
};

static const char *const node_sysctls[] = {
	"ipv6/conf/all/disable_ipv6=0",
	"ipv6/conf/default/disable_ipv6=0",
	"ipv6/conf/all/accept_dad=0",
	"ipv6/conf/default/accept_dad=0",
	"ipv6/conf/all/forwarding=1",
	"ipv6/conf/default/forwarding=1",
	"ipv4/ip_forward=1",
	"ipv4/conf/all/rp_filter=0",
	"ipv4/conf/default/rp_filter=0",
	"ipv4/conf/all/send_redirects=0",
	"ipv4/conf/default/send_redirects=0",
	NULL,
};

/* ---- ip -batch, many at once ---- */

struct batch {
	char netns[WR_LAB_NETNS];
	struct wr_buf text;
};

static int run_batches(const struct batch *b, size_t n, struct wr_diags *diags)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};
	struct wr_run runs[AT_ONCE] = {0};
	int rc = 0;
	for (size_t i = 0; i < n + AT_ONCE; i++) {
		struct wr_run *r = &runs[i % AT_ONCE];
		int r1 = wr_run_wait(r, diags);
		rc = rc ? rc : r1;
		if (rc || i >= n || !b[i].text.n)
			continue;
		rc = b[i].text.failed ? -ENOMEM
				      : wr_run_start(r, b[i].netns, argv, b[i].text.data,
						     b[i].text.n, diags);
	}
	return rc;
}

static void free_batches(struct batch *b, size_t n)
{
	for (size_t i = 0; b && i < n; i++)
		wr_buf_free(&b[i].text);
	free(b);
}

/* One batch for every node and one, the last, for the outside. */
static struct batch *node_batches(const struct wr_lab_state *s)
{
	struct batch *b = calloc(s->n_nodes + 1, sizeof(*b));
	for (uint32_t i = 0; b && i < s->n_nodes; i++)
		wr_lab_node_netns(b[i].netns, s, i);
	if (b)
		wr_lab_outside_netns(b[s->n_nodes].netns, s);
	return b;
}

/* ---- nodes, wire, outside ---- */

static int make_spaces(const struct wr_lab_state *s, struct wr_diags *diags)
{
	char name[WR_LAB_NETNS];
	int rc = wr_netns_create(wr_lab_wire_netns(name, s), pod_sysctls, diags);
	if (!rc)
		rc = wr_netns_create(wr_lab_outside_netns(name, s), pod_sysctls, diags);
	for (uint32_t i = 0; i < s->n_nodes && !rc; i++)
		rc = wr_netns_create(wr_lab_node_netns(name, s, i), node_sysctls, diags);
	return rc;
}

static int make_wire(const struct wr_lab_state *s, struct wr_diags *diags)
{
	struct batch b = {0};
	char name[WR_LAB_NETNS];
	wr_lab_wire_netns(b.netns, s);
	wr_buf_text(&b.text,
		    "link add br0 type bridge stp_state 0 mcast_snooping 0\nlink set br0 up\n");
	for (uint32_t i = 0; i <= s->n_nodes; i++) {
		const char *peer = i < s->n_nodes ? wr_lab_node_netns(name, s, i)
						  : wr_lab_outside_netns(name, s);
		wr_buf_printf(&b.text,
			      "link add w%u type veth peer name eth0 netns %s\n"
			      "link set w%u master br0 up\n",
			      i, peer, i);
	}
	int rc = run_batches(&b, 1, diags);
	wr_buf_free(&b.text);
	return rc;
}

static void route_to_node(struct wr_buf *out, const char *what, uint32_t node, uint8_t family)
{
	char via[WR_IP_TEXT];
	struct wr_ip ip = wr_lab_node_ip(node, family);
	wr_buf_printf(out, "route add %s via %s dev eth0\n", what, wr_ip_format(&ip, via));
}

static void routes_to_others(const struct wr_lab_state *s, uint32_t self, struct wr_buf *out)
{
	char net[WR_CIDR_TEXT];
	for (uint32_t i = 0; i < s->n_nodes; i++)
		for (uint8_t family = WR_IPV4; family <= WR_IPV6; family += 2) {
			struct wr_cidr c = wr_lab_pod_cidr(i, family);
			wr_cidr_format(&c, net);
			if (i != self)
				route_to_node(out, net, i, family);
			else /* what no pod has goes nowhere, and not to the outside and back */
				wr_buf_printf(out, "route add unreachable %s metric 4096\n", net);
		}
}

static void node_batch(const struct wr_lab_state *s, uint32_t i, struct wr_buf *out)
{
	char t4[WR_IP_TEXT], t6[WR_IP_TEXT];
	struct wr_ip ip4 = wr_lab_node_ip(i, WR_IPV4), ip6 = wr_lab_node_ip(i, WR_IPV6);
	wr_buf_printf(out,
		      "address add %s/24 dev eth0\naddress add %s/64 dev eth0 nodad\n"
		      "link set eth0 up\n"
		      "route add default via 192.168.77.1 dev eth0\n"
		      "route add default via fd00:77::1 dev eth0\n",
		      wr_ip_format(&ip4, t4), wr_ip_format(&ip6, t6));
	routes_to_others(s, i, out);
}

static void outside_batch(const struct wr_lab_state *s, struct wr_buf *out)
{
	char ip[WR_IP_TEXT];
	wr_buf_text(out, "address add 192.168.77.1/24 dev eth0\n"
			 "address add fd00:77::1/64 dev eth0 nodad\nlink set eth0 up\n");
	for (size_t i = 0; i < s->outside.n; i++)
		wr_buf_printf(out, "address add %s/%u dev lo\n",
			      wr_ip_format(&s->outside.items[i].ip, ip),
			      wr_family_bits(s->outside.items[i].ip.family));
	routes_to_others(s, WR_NONE, out);
}

int wr_lab_make_nodes(const struct wr_lab *lab, struct wr_diags *diags)
{
	const struct wr_lab_state *s = lab->state;
	int rc = make_spaces(s, diags);
	if (!rc)
		rc = make_wire(s, diags);
	if (rc)
		return rc;
	struct batch *b = node_batches(s);
	if (!b)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_nodes; i++)
		node_batch(s, i, &b[i].text);
	outside_batch(s, &b[s->n_nodes].text);
	rc = run_batches(b, s->n_nodes + 1, diags);
	free_batches(b, s->n_nodes + 1);
	return rc;
}

/* ---- pods ---- */

static const char *pod_mac(char buf[24], uint32_t id)
{
	snprintf(buf, 24, "02:77:%02x:%02x:%02x:%02x", id >> 24, id >> 16 & 255, id >> 8 & 255,
		 id & 255);
	return buf;
}

static bool to_make(const struct wr_lab_pod_alloc *p)
{
	return p->wanted && !p->ready && !p->host_network;
}

/* Addresses outside the ranges of their node need routes of their own. */
static void host_routes(const struct wr_lab_state *s, const struct wr_lab_pod_alloc *p,
			const char *verb, struct batch *b)
{
	const struct wr_ip *ips[] = {&p->ip4, &p->ip6};
	for (size_t k = 0; k < 2; k++) {
		struct wr_cidr c = wr_lab_pod_cidr(p->node, ips[k]->family);
		struct wr_ip via = wr_lab_node_ip(p->node, ips[k]->family);
		char ip[WR_IP_TEXT], gateway[WR_IP_TEXT];
		if (!ips[k]->family || wr_cidr_contains(&c, ips[k]))
			continue;
		for (uint32_t i = 0; i <= s->n_nodes; i++)
			if (i != p->node)
				wr_buf_printf(&b[i].text, "route %s %s/%u via %s dev eth0\n", verb,
					      wr_ip_format(ips[k], ip),
					      wr_family_bits(ips[k]->family),
					      wr_ip_format(&via, gateway));
	}
}

static void pod_link(const struct wr_lab_state *s, const struct wr_lab_pod_alloc *p,
		     struct wr_buf *out)
{
	char name[WR_LAB_NETNS], mac[24], t4[WR_IP_TEXT], t6[WR_IP_TEXT], n4[WR_IP_TEXT],
		n6[WR_IP_TEXT];
	struct wr_ip a4 = wr_lab_node_ip(p->node, WR_IPV4), a6 = wr_lab_node_ip(p->node, WR_IPV6);
	wr_ip_format(&p->ip4, t4);
	wr_ip_format(&p->ip6, t6);
	pod_mac(mac, p->id);
	wr_buf_printf(
		out,
		"link add pod%u address " NODE_MAC " type veth peer name eth0 address %s netns %s\n"
		"link set pod%u up\n"
		"route replace %s/32 dev pod%u src %s\nroute replace %s/128 dev pod%u src %s\n"
		"neigh replace %s lladdr %s dev pod%u nud permanent\n"
		"neigh replace %s lladdr %s dev pod%u nud permanent\n",
		p->id, mac, wr_lab_pod_netns(name, s, p->id), p->id, t4, p->id,
		wr_ip_format(&a4, n4), t6, p->id, wr_ip_format(&a6, n6), t4, mac, p->id, t6, mac,
		p->id);
}

int wr_lab_make_pods(const struct wr_lab *lab, struct wr_diags *diags)
{
	const struct wr_lab_state *s = lab->state;
	struct batch *b = node_batches(s);
	int rc = b ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->pods.n && !rc; i++) {
		const struct wr_lab_pod_alloc *p = &s->pods.items[i];
		char name[WR_LAB_NETNS];
		if (!to_make(p))
			continue;
		rc = wr_netns_create(wr_lab_pod_netns(name, s, p->id), pod_sysctls, diags);
		pod_link(s, p, &b[p->node].text);
		host_routes(s, p, "replace", b);
	}
	if (!rc)
		rc = run_batches(b, s->n_nodes + 1, diags);
	free_batches(b, s->n_nodes + 1);
	return rc;
}

int wr_lab_raise_pods(const struct wr_lab *lab, struct wr_diags *diags)
{
	const struct wr_lab_state *s = lab->state;
	struct batch *b = calloc(s->pods.n + 1, sizeof(*b));
	size_t n = 0;
	for (size_t i = 0; b && i < s->pods.n; i++) {
		const struct wr_lab_pod_alloc *p = &s->pods.items[i];
		char t4[WR_IP_TEXT], t6[WR_IP_TEXT];
		if (!to_make(p))
			continue;
		wr_lab_pod_netns(b[n].netns, s, p->id);
		wr_buf_printf(&b[n++].text,
			      "address add %s/32 dev eth0\naddress add %s/128 dev eth0 nodad\n"
			      "link set eth0 up\n"
			      "route add 169.254.1.1 dev eth0 scope link\n"
			      "route add default via 169.254.1.1 dev eth0\n"
			      "route add default via fe80::1 dev eth0\n"
			      "neigh replace 169.254.1.1 lladdr " NODE_MAC
			      " dev eth0 nud permanent\n"
			      "neigh replace fe80::1 lladdr " NODE_MAC " dev eth0 nud permanent\n",
			      wr_ip_format(&p->ip4, t4), wr_ip_format(&p->ip6, t6));
	}
	int rc = b ? run_batches(b, n, diags) : -ENOMEM;
	free_batches(b, n);
	return rc;
}

/* A namespace may be kept by one of its processes: so these go first, then the link, then the name. */
int wr_lab_remove_pods(const struct wr_lab *lab, struct wr_diags *diags)
{
	static const char *const argv[] = {"ip", "-force", "-batch", "-", NULL};
	const struct wr_lab_state *s = lab->state;
	struct batch *b = node_batches(s);
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < s->pods.n; i++) {
		const struct wr_lab_pod_alloc *p = &s->pods.items[i];
		char name[WR_LAB_NETNS];
		wr_lab_pod_netns(name, s, p->id);
		if ((p->wanted && p->ready) || p->host_network ||
		    (!p->ready && !wr_netns_exists(name)))
			continue;
		wr_netns_kill(name, true);
		wr_buf_printf(&b[p->node].text, "link del pod%u\n", p->id);
		host_routes(s, p, "del", b);
		wr_netns_remove(name);
	}
	/* what an interrupted command left may be there in part: missing links and routes are no error */
	struct wr_diags *ignored = wr_diags_new();
	for (uint32_t i = 0; i <= s->n_nodes && ignored; i++)
		if (b[i].text.n)
			(void)wr_run(b[i].netns, argv, b[i].text.data, b[i].text.n, ignored);
	wr_diags_free(ignored);
	free_batches(b, s->n_nodes + 1);
	(void)diags;
	return 0;
}
