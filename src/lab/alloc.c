/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alloc: names, nodes and addresses. A pod keeps what it was given as long as
 * it is there; an address that its manifest names in status.podIPs is kept
 * where the lab can route it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "lab/manifest.h"
#include "lab/internal.h"

const char *wr_lab_node_netns(char *buf, const struct wr_lab_state *s, uint32_t node)
{
	snprintf(buf, WR_LAB_NETNS, "weir-%s-node-%u", s->name, node + 1);
	return buf;
}

const char *wr_lab_pod_netns(char *buf, const struct wr_lab_state *s, uint32_t id)
{
	snprintf(buf, WR_LAB_NETNS, "weir-%s-pod-%u", s->name, id);
	return buf;
}

const char *wr_lab_wire_netns(char *buf, const struct wr_lab_state *s)
{
	snprintf(buf, WR_LAB_NETNS, "weir-%s-wire", s->name);
	return buf;
}

const char *wr_lab_outside_netns(char *buf, const struct wr_lab_state *s)
{
	snprintf(buf, WR_LAB_NETNS, "weir-%s-out", s->name);
	return buf;
}

const char *wr_lab_pin_dir(char *buf, const struct wr_lab_state *s, uint32_t node)
{
	char file[32];
	snprintf(file, sizeof(file), "bpf/node-%u", node + 1);
	return wr_lab_path(buf, s->name, file);
}

struct wr_ip wr_lab_node_ip(uint32_t node, uint8_t family)
{
	char text[WR_IP_TEXT];
	struct wr_ip ip = {0};
	snprintf(text, sizeof(text), family == WR_IPV4 ? "192.168.77.%u" : "fd00:77::%u",
		 node + 11);
	(void)wr_ip_parse(text, &ip);
	return ip;
}

struct wr_cidr wr_lab_pod_cidr(uint32_t node, uint8_t family)
{
	char text[WR_CIDR_TEXT];
	struct wr_cidr c = {0};
	if (family == WR_IPV4)
		snprintf(text, sizeof(text), "10.244.%u.0/24", node + 1);
	else
		snprintf(text, sizeof(text), "fd00:10:244:%x::/64", node + 1);
	(void)wr_cidr_parse(text, &c);
	return c;
}

static bool inside(const char *net, const struct wr_ip *ip)
{
	struct wr_cidr c;
	return wr_cidr_parse(net, &c) == 0 && wr_cidr_contains(&c, ip);
}

bool wr_lab_reserved(const struct wr_ip *ip, bool pods)
{
	static const char *const own[] = {WR_LAB_NODE_NET4, WR_LAB_NODE_NET6, WR_LAB_SVC_NET4,
					  WR_LAB_SVC_NET6};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (inside(own[i], ip))
			return true;
	return pods && (inside(WR_LAB_POD_NET4, ip) || inside(WR_LAB_POD_NET6, ip));
}

/* An address that one host can have and that is routed. */
static bool is_unicast(const struct wr_ip *ip)
{
	static const char *const other[] = {"0.0.0.0/8",     "127.0.0.0/8", "169.254.0.0/16",
					    "224.0.0.0/3",   "::/127",      "fe80::/10",
					    "::ffff:0:0/96", "ff00::/8"};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (inside(other[i], ip))
			return false;
	return true;
}

/* A link-local address that clouds route all the same: their metadata service answers there. */
static bool is_metadata(const struct wr_ip *ip)
{
	return inside("169.254.169.254/32", ip);
}

static bool taken(const struct wr_lab_state *s, const struct wr_ip *ip)
{
	for (size_t i = 0; i < s->pods.n; i++)
		if (wr_ip_equal(&s->pods.items[i].ip4, ip) ||
		    wr_ip_equal(&s->pods.items[i].ip6, ip))
			return true;
	for (size_t i = 0; i < s->outside.n; i++)
		if (wr_ip_equal(&s->outside.items[i].ip, ip))
			return true;
	return false;
}

/* ---- pods ---- */

static const char *text_of(const struct wr_value *v)
{
	return v && v->type == WR_STRING ? v->text : NULL;
}

static bool can_have(const struct wr_lab_state *s, const struct wr_ip *ip, uint8_t family)
{
	return ip->family == family && is_unicast(ip) && !wr_lab_reserved(ip, false) &&
	       !taken(s, ip);
}

/* What a manifest asked for: the server drops a new object's status, but not a note on it. */
static struct wr_ip noted(const struct wr_lab_state *s, const struct wr_object *o, uint8_t family)
{
	const struct wr_value *notes = wr_tree_at(o->value, "metadata.annotations");
	const char *text = text_of(wr_value_get(notes, WR_LAB_NOTE_ADDRESSES));
	for (; text && *text; text += *text == ',') {
		char one[WR_IP_TEXT];
		size_t n = strcspn(text, ",");
		struct wr_ip ip;
		snprintf(one, sizeof(one), "%.*s", (int)n, text);
		if (!wr_ip_parse(one, &ip) && can_have(s, &ip, family))
			return ip;
		text += n;
	}
	return (struct wr_ip){0};
}

static struct wr_ip honoured(const struct wr_lab_state *s, const struct wr_lab_want *w,
			     uint8_t family)
{
	if (w->source->kind != WR_KIND_POD)
		return (struct wr_ip){0};
	for (size_t i = 0; i < w->source->pod.n_ips; i++)
		if (can_have(s, &w->source->pod.ips[i], family))
			return w->source->pod.ips[i];
	return noted(s, w->source, family);
}

static struct wr_ip free_ip(const struct wr_lab_state *s, uint32_t node, uint8_t family)
{
	struct wr_cidr c = wr_lab_pod_cidr(node, family);
	struct wr_ip ip = c.ip;
	unsigned last = family == WR_IPV4 ? 254 : 0xffff;
	wr_ip_next(&ip);
	for (unsigned i = 2; i <= last; i++) {
		wr_ip_next(&ip);
		if (!taken(s, &ip))
			return ip;
	}
	return (struct wr_ip){0};
}

static uint32_t emptiest_node(const struct wr_lab_state *s)
{
	uint32_t n[WR_LAB_NODES_MAX] = {0}, best = 0;
	for (size_t i = 0; i < s->pods.n; i++)
		n[s->pods.items[i].node]++;
	for (uint32_t i = 1; i < s->n_nodes; i++)
		if (n[i] < n[best])
			best = i;
	return best;
}

static int new_alloc(struct wr_lab_state *s, const struct wr_lab_want *w)
{
	struct wr_lab_pod_alloc p = {
		.ns = wr_arena_strdup(s->arena, w->ns),
		.name = wr_arena_strdup(s->arena, w->name),
		.id = ++s->next_pod,
		.node = w->node == WR_NONE ? emptiest_node(s) : w->node,
		.host_network = w->spec->host_network,
		.wanted = true,
	};
	if (!p.ns || !p.name)
		return -ENOMEM;
	if (!p.host_network) {
		p.ip4 = honoured(s, w, WR_IPV4);
		p.ip6 = honoured(s, w, WR_IPV6);
	}
	return wr_vec_push(&s->pods, p);
}

/* Addresses of new pods, after all that manifests name were taken. */
static int fill(struct wr_lab_state *s, struct wr_diags *diags)
{
	for (size_t i = 0; i < s->pods.n; i++) {
		struct wr_lab_pod_alloc *p = &s->pods.items[i];
		if (p->host_network)
			continue;
		if (!p->ip4.family)
			p->ip4 = free_ip(s, p->node, WR_IPV4);
		if (!p->ip6.family)
			p->ip6 = free_ip(s, p->node, WR_IPV6);
		if (!p->ip4.family || !p->ip6.family)
			return wr_lab_error(diags, -ENOSPC,
					    "node-%u has no address left for pod %s/%s",
					    p->node + 1, p->ns, p->name);
	}
	return 0;
}

int wr_lab_alloc(struct wr_lab_state *s, struct wr_lab_wants *wants, struct wr_diags *diags)
{
	struct wr_map *names = wr_map_new();
	int rc = names ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->pods.n; i++)
		s->pods.items[i].wanted = false;
	for (size_t i = 0; i < wants->v.n && !rc; i++) {
		struct wr_lab_want *w = &wants->v.items[i];
		char key[WR_LAB_PATH];
		int n = snprintf(key, sizeof(key), "%s/%s", w->ns, w->name);
		bool created = false;
		if (n < 0 || (size_t)n >= sizeof(key))
			rc = wr_lab_error(diags, -EINVAL, "a pod's name is too long");
		else if (!wr_map_slot(names, key, (size_t)n, i, &created))
			rc = -ENOMEM;
		else if (!created)
			rc = wr_lab_error(diags, -EEXIST, "two pods are named %s", key);
		if (rc || w->completed)
			continue;
		struct wr_lab_pod_alloc *p = wr_lab_find_pod_alloc(s, w->ns, w->name);
		if (p && p->host_network == w->spec->host_network) {
			p->wanted = true;
		} else {
			if (p) /* another network: the old one goes under a name that nobody wants */
				p->name = "";
			rc = new_alloc(s, w);
			p = &s->pods.items[s->pods.n - 1];
		}
		w->alloc = (size_t)(p - s->pods.items);
	}
	wr_map_free(names);
	return rc ? rc : fill(s, diags);
}

/* ---- outside ---- */

static int add_port(struct wr_lab_outside *o, const char *text, struct wr_diags *diags)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || !port || port > 65535)
		return wr_lab_error(diags, -EINVAL, "'%s' is not a port number (1 to 65535)", text);
	return wr_vec_push(&o->ports, (uint16_t)port);
}

int wr_lab_add_outside(struct wr_lab_state *s, const char *text, const char *const *ports,
		       size_t n_ports, struct wr_diags *diags)
{
	static const char *const usual[] = {"53", "80", "443", "5432"};
	const char *equals = strchr(text, '=');
	char address[WR_IP_TEXT + 1];
	struct wr_lab_outside o = {0};
	snprintf(address, sizeof(address), "%.*s",
		 (int)(equals ? equals - text : (ptrdiff_t)strlen(text)), text);
	if (wr_ip_parse(address, &o.ip) < 0 || !(is_unicast(&o.ip) || is_metadata(&o.ip)))
		return wr_lab_error(diags, -EINVAL, "'%s' is not an address that a host can have",
				    address);
	if (wr_lab_reserved(&o.ip, true))
		return wr_lab_error(diags, -EINVAL, "%s lies in a range of the lab itself",
				    address);
	if (taken(s, &o.ip) || s->outside.n >= WR_LAB_OUTSIDE_MAX)
		return wr_lab_error(diags, -EINVAL,
				    taken(s, &o.ip) ? "address %s is given twice"
						    : "%s: too many addresses outside",
				    address);
	const char *name = equals ? equals + 1 : NULL;
	if (name && (!*name || strlen(name) > 253 ||
		     name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-")]))
		return wr_lab_error(diags, -EINVAL, "'%s' is not a DNS name", name);
	o.name = name ? wr_arena_strdup(s->arena, name) : NULL;
	if (!n_ports) {
		ports = usual;
		n_ports = sizeof(usual) / sizeof(usual[0]);
	}
	int rc = 0;
	for (size_t i = 0; i < n_ports && !rc; i++)
		rc = add_port(&o, ports[i], diags);
	if (!rc)
		rc = wr_vec_push(&s->outside, o);
	if (rc)
		wr_vec_free(&o.ports);
	return rc;
}
