/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects to addresses. Several may claim one address: a Pod before a Node
 * before hostNetwork Pods, which are their node; of several Pods the first by
 * namespace and name. So it is in a world that is compiled whole (population.c).
 */
#include <string.h>

#include "engine/live_internal.h"

#define METADATA_NAME "kubernetes.io/metadata.name"

/* ---- namespaces ---- */

/* The labels of the object, if any, and the one that every namespace has. */
static int namespace_labels(struct wr_live *l, struct live_namespace *ns)
{
	const struct wr_object *o = ns->object;
	uint32_t have = o ? (uint32_t)o->meta.n_labels : 0, n = 0;
	struct wr_label *labels = calloc(have + 1, sizeof(*labels));
	struct wr_label_id *ids = calloc(have + 1, sizeof(*ids));
	int rc = labels && ids ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < have && !rc; i++)
		if (strcmp(o->meta.labels[i].key, METADATA_NAME) != 0)
			labels[n++] = o->meta.labels[i];
	if (!rc) {
		labels[n++] = (struct wr_label){.key = METADATA_NAME, .value = ns->name};
		rc = wr_world_grow_labels(l->program->world, labels, n, ids);
	}
	free(labels);
	if (rc) {
		free(ids);
		return rc;
	}
	ns->labels = ids;
	ns->n_labels = n;
	return 0;
}

int live_namespace_of(struct wr_live *l, const char *name, uint32_t *out)
{
	int rc = wr_world_grow_namespace(l->program->world, name, out);
	if (rc || *out < l->namespaces.n)
		return rc;
	struct live_namespace ns = {.name = wr_arena_strdup(l->arena, name)};
	rc = ns.name ? namespace_labels(l, &ns) : -ENOMEM;
	if (!rc && (rc = wr_vec_push(&l->namespaces, ns)))
		free(ns.labels);
	return rc;
}

int live_put_namespace(struct wr_live *l, const char *name, const struct wr_object *o)
{
	uint32_t i;
	int rc = live_namespace_of(l, name, &i);
	if (rc)
		return rc;
	struct live_namespace *ns = &l->namespaces.items[i], before = *ns;
	ns->object = o;
	rc = namespace_labels(l, ns);
	if (rc)
		return rc;
	if (ns->n_labels != before.n_labels ||
	    memcmp(ns->labels, before.labels, ns->n_labels * sizeof(*ns->labels)) != 0)
		rc = live_relabel(l, i, before.labels, before.n_labels);
	free(before.labels);
	return rc;
}

/* ---- sets of labels, lists of ports ---- */

static int intern_labels(struct wr_live *l, const struct wr_label_id *ids, uint32_t n,
			 uint32_t *out)
{
	bool created;
	uint64_t *slot = wr_map_slot(l->label_index, ids, n * sizeof(*ids), l->labels.n, &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	if (!created)
		return 0;
	struct wr_label_id *copy = wr_arena_array(l->arena, n, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, ids, n * sizeof(*copy));
	return wr_vec_push(&l->labels, (struct live_labels){copy, n});
}

/* The set of those labels that some policy asks for. */
static int label_set(struct wr_live *l, const struct wr_label *labels, size_t n, uint32_t *out)
{
	struct wr_label some[32], *kept = n <= 32 ? some : calloc(n, sizeof(*kept));
	struct wr_label_id some_ids[32], *ids = n <= 32 ? some_ids : calloc(n, sizeof(*ids));
	uint32_t n_kept = 0;
	int rc = kept && ids ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++)
		if (wr_map_get(l->pod_keys, labels[i].key, strlen(labels[i].key), NULL))
			kept[n_kept++] = labels[i];
	if (!rc)
		rc = wr_world_grow_labels(l->program->world, kept, n_kept, ids);
	if (!rc)
		rc = intern_labels(l, ids, n_kept, out);
	if (kept != some)
		free(kept);
	if (ids != some_ids)
		free(ids);
	return rc;
}

/* Appends a named port to a key: its name, protocol and number. */
static size_t pack_port(char *at, const struct wr_container_port *p)
{
	size_t n = strlen(p->name) + 1;
	if (at) {
		memcpy(at, p->name, n);
		memcpy(at + n, &p->proto, sizeof(p->proto));
		memcpy(at + n + 1, &p->port, sizeof(p->port));
	}
	return n + 1 + sizeof(p->port);
}

static int keep_ports(struct wr_live *l, const struct wr_pod_spec *spec, size_t n)
{
	struct live_ports *list = wr_arena_alloc(l->arena, sizeof(*list));
	struct wr_container_port *ports = wr_arena_array(l->arena, n, sizeof(*ports));
	if (!list || !ports)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_ports; i++) {
		struct wr_container_port *p = &ports[list->sample.n_ports];
		if (!spec->ports[i].name)
			continue;
		p->name = wr_arena_strdup(l->arena, spec->ports[i].name);
		p->port = spec->ports[i].port;
		p->proto = spec->ports[i].proto;
		if (!p->name)
			return -ENOMEM;
		list->sample.n_ports++;
	}
	list->sample.ports = ports;
	int rc = wr_vec_push(&l->ports, list);
	if (!rc)
		rc = wr_vec_push(&l->program->names.sample, &list->sample);
	return rc ? rc : live_port_list(l, &list->sample);
}

static int port_list(struct wr_live *l, const struct wr_pod_spec *spec, uint32_t *out)
{
	size_t size = 0, n = 0;
	*out = 0;
	for (size_t i = 0; i < spec->n_ports; i++)
		if (spec->ports[i].name) {
			size += pack_port(NULL, &spec->ports[i]);
			n++;
		}
	if (!n)
		return 0;
	char some[256], *key = size <= sizeof(some) ? some : malloc(size);
	if (!key)
		return -ENOMEM;
	size = 0;
	for (size_t i = 0; i < spec->n_ports; i++)
		if (spec->ports[i].name)
			size += pack_port(key + size, &spec->ports[i]);
	bool created;
	uint64_t *slot = wr_map_slot(l->ports_index, key, size, l->ports.n, &created);
	if (key != some)
		free(key);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return created ? keep_ports(l, spec, n) : 0;
}

/* ---- addresses and claims ---- */

static uint32_t ip_hash(const struct wr_ip *ip)
{
	return (uint32_t)wr_hash(ip->b, sizeof(ip->b)) ^ ip->family;
}

uint32_t live_find_address(const struct wr_live *l, const struct wr_ip *ip)
{
	uint32_t i = live_index_first(&l->address_index, ip_hash(ip));
	while (i != WR_NONE && !wr_ip_equal(&l->addresses.items[i].ip, ip))
		i = live_index_next(&l->address_index, i);
	return i;
}

int live_address_of(struct wr_live *l, const struct wr_ip *ip, uint32_t *out)
{
	const struct live_address new = {.ip = *ip, .kind = WR_NONE, .slot = WR_SLOT_NONE};
	*out = live_find_address(l, ip);
	if (*out != WR_NONE)
		return 0;
	bool again = l->free_addresses.n;
	*out = again ? l->free_addresses.items[l->free_addresses.n - 1] : (uint32_t)l->addresses.n;
	int rc = live_index_reserve(&l->address_index, *out);
	if (!rc && !again)
		rc = wr_vec_push(&l->addresses, new);
	if (rc)
		return rc;
	l->free_addresses.n -= again;
	l->addresses.items[*out] = new;
	live_index_add(&l->address_index, *out, ip_hash(ip));
	return live_refresh_cover(l, *out);
}

static int claim(struct wr_live *l, const struct wr_ip *ip, uint32_t owner)
{
	uint32_t at, i = l->free_claim;
	int rc = live_address_of(l, ip, &at);
	if (rc)
		return rc;
	struct live_address *a = &l->addresses.items[at];
	struct live_claim new = {owner, a->claims};
	if (i) {
		l->free_claim = l->claims.items[i - 1].next;
		l->claims.items[i - 1] = new;
	} else {
		rc = wr_vec_push(&l->claims, new);
		i = (uint32_t)l->claims.n;
	}
	if (!rc)
		a->claims = i;
	return rc;
}

static void disclaim(struct wr_live *l, const struct wr_ip *ip, uint32_t owner)
{
	uint32_t at = live_find_address(l, ip);
	uint32_t *link = at == WR_NONE ? NULL : &l->addresses.items[at].claims;
	while (link && *link && l->claims.items[*link - 1].owner != owner)
		link = &l->claims.items[*link - 1].next;
	if (!link || !*link)
		return;
	uint32_t i = *link;
	*link = l->claims.items[i - 1].next;
	l->claims.items[i - 1].next = l->free_claim;
	l->free_claim = i;
}

static int rank_of(const struct wr_live *l, uint32_t owner)
{
	if (owner & LIVE_NODE_BIT)
		return 1;
	return l->pods.items[owner].object->pod.spec.host_network ? 2 : 0;
}

/* Whether one claim comes before another. */
static bool is_before(const struct wr_live *l, uint32_t a, uint32_t b)
{
	int ra = rank_of(l, a), rb = rank_of(l, b);
	if (ra != rb)
		return ra < rb;
	if (ra == 1)
		return strcmp(l->nodes.items[a & ~LIVE_NODE_BIT].name,
			      l->nodes.items[b & ~LIVE_NODE_BIT].name) < 0;
	const struct wr_meta *x = &l->pods.items[a].object->meta,
			     *y = &l->pods.items[b].object->meta;
	int c = strcmp(x->ns, y->ns);
	return (c ? c : strcmp(x->name, y->name)) < 0;
}

uint32_t live_winner(const struct wr_live *l, const struct live_address *a)
{
	uint32_t best = WR_NONE;
	for (uint32_t i = a->claims; i; i = l->claims.items[i - 1].next) {
		uint32_t owner = l->claims.items[i - 1].owner;
		if (best == WR_NONE || is_before(l, owner, best))
			best = owner;
	}
	return best;
}

static bool is_local(const struct wr_live *l, const struct wr_ip *ip)
{
	for (uint32_t i = 0; i < l->n_pod_cidrs; i++)
		if (wr_cidr_contains(&l->pod_cidrs[i], ip))
			return true;
	return false;
}

struct live_key live_key_of(const struct wr_live *l, const struct live_address *a, uint32_t winner)
{
	struct live_key key = {.entity = LIVE_NODE, .flags = WR_ADDR_NODE, .cover = a->cover};
	uint32_t node = winner & ~LIVE_NODE_BIT;
	if (!(winner & LIVE_NODE_BIT)) {
		const struct live_pod *pod = &l->pods.items[winner];
		node = pod->node;
		if (!pod->object->pod.spec.host_network) {
			key.entity = LIVE_POD;
			key.flags = WR_ADDR_POD | (is_local(l, &a->ip) ? WR_ADDR_LOCAL : 0);
			key.here = pod->here;
			key.ns = pod->ns;
			key.labels = pod->labels;
			key.ports = pod->ports;
			return key;
		}
	}
	key.ns = node == WR_NONE ? WR_NONE : 0;
	if (node == WR_NONE)
		return key;
	key.labels = l->nodes.items[node].labels;
	if (!strcmp(l->nodes.items[node].name, l->node))
		key.flags |= WR_ADDR_LOCAL;
	return key;
}

static int refresh_ip(struct wr_live *l, const struct wr_ip *ip)
{
	uint32_t at = live_find_address(l, ip);
	return at == WR_NONE ? 0 : live_refresh(l, at);
}

/* ---- nodes ---- */

static uint32_t name_hash(const char *ns, const char *name)
{
	uint64_t a = ns ? wr_hash(ns, strlen(ns)) : 0;
	return (uint32_t)((a * 0x9e3779b97f4a7c15u + wr_hash(name, strlen(name))) >> 16);
}

uint32_t live_find_node(const struct wr_live *l, const char *name)
{
	uint32_t i = live_index_first(&l->node_index, name_hash(NULL, name));
	while (i != WR_NONE && strcmp(l->nodes.items[i].name, name) != 0)
		i = live_index_next(&l->node_index, i);
	return i;
}

static int node_of(struct wr_live *l, const char *name, uint32_t *out)
{
	*out = live_find_node(l, name);
	if (*out != WR_NONE)
		return 0;
	struct live_node node = {.name = wr_arena_strdup(l->arena, name)};
	int rc = node.name ? live_index_reserve(&l->node_index, (uint32_t)l->nodes.n) : -ENOMEM;
	if (!rc)
		rc = wr_vec_push(&l->nodes, node);
	if (rc)
		return rc;
	*out = (uint32_t)l->nodes.n - 1;
	live_index_add(&l->node_index, *out, name_hash(NULL, name));
	return 0;
}

/* Claims a node's addresses, or gives them up. Those of its pods' hosts, where it has no object. */
static int claim_node(struct wr_live *l, uint32_t node, bool have)
{
	const struct wr_object *o = l->nodes.items[node].object;
	size_t n = o ? o->node.n_ips : l->nodes.items[node].host_ips.n;
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		struct wr_ip ip = o ? o->node.ips[i] : l->nodes.items[node].host_ips.items[i].ip;
		if (have)
			rc = claim(l, &ip, node | LIVE_NODE_BIT);
		else
			disclaim(l, &ip, node | LIVE_NODE_BIT);
	}
	return rc;
}

static int refresh_node(struct wr_live *l, uint32_t node, const struct wr_object *o)
{
	const struct live_node *n = &l->nodes.items[node];
	int rc = 0;
	for (size_t i = 0; o && i < o->node.n_ips && !rc; i++)
		rc = refresh_ip(l, &o->node.ips[i]);
	for (size_t i = 0; i < n->host_ips.n && !rc; i++)
		rc = refresh_ip(l, &l->nodes.items[node].host_ips.items[i].ip);
	return rc;
}

/* Pods of the host's network are their node: all that it may be. */
static int refresh_hosted(struct wr_live *l, uint32_t node)
{
	int rc = 0;
	for (size_t i = 0; i < l->pods.n && !rc; i++) {
		const struct wr_object *o = l->pods.items[i].object;
		if (!o || l->pods.items[i].node != node || !o->pod.spec.host_network)
			continue;
		for (size_t k = 0; k < o->pod.n_ips && !rc; k++)
			rc = refresh_ip(l, &o->pod.ips[k]);
	}
	return rc;
}

static int change_node(struct wr_live *l, uint32_t i, const struct wr_object *o)
{
	const struct wr_object *before = l->nodes.items[i].object;
	uint32_t labels = 0, had = l->nodes.items[i].labels;
	int rc = claim_node(l, i, false);
	if (!rc && o)
		rc = label_set(l, o->meta.labels, o->meta.n_labels, &labels);
	if (rc)
		return rc;
	l->counts.nodes += !before && o;
	l->counts.nodes -= before && !o;
	l->nodes.items[i].object = o;
	l->nodes.items[i].labels = labels;
	rc = claim_node(l, i, true);
	if (!rc)
		rc = refresh_node(l, i, before);
	if (!rc)
		rc = refresh_node(l, i, o);
	return rc || labels == had ? rc : refresh_hosted(l, i);
}

int live_put_node(struct wr_live *l, const struct wr_object *o)
{
	uint32_t i;
	l->begun = true;
	int rc = node_of(l, o->meta.name, &i);
	return rc ? rc : change_node(l, i, o);
}

int live_remove_node(struct wr_live *l, const struct wr_object *o)
{
	uint32_t i = live_find_node(l, o->meta.name);
	return i == WR_NONE || !l->nodes.items[i].object ? 0 : change_node(l, i, NULL);
}

/* Counts the pods that say that an address is a node's. */
static int count_host_ip(struct wr_live *l, uint32_t node, const struct wr_ip *ip, bool more)
{
	struct live_node *n = &l->nodes.items[node];
	size_t i = 0;
	while (i < n->host_ips.n && !wr_ip_equal(&n->host_ips.items[i].ip, ip))
		i++;
	if (more && i < n->host_ips.n) {
		n->host_ips.items[i].n++;
		return 0;
	}
	if (more) {
		int rc = wr_vec_push(&n->host_ips, (struct live_host_ip){*ip, 1});
		if (rc || n->object)
			return rc;
		rc = claim(l, ip, node | LIVE_NODE_BIT);
		return rc ? rc : refresh_ip(l, ip);
	}
	if (i == n->host_ips.n || --n->host_ips.items[i].n)
		return 0;
	n->host_ips.items[i] = n->host_ips.items[--n->host_ips.n];
	if (n->object)
		return 0;
	disclaim(l, ip, node | LIVE_NODE_BIT);
	return refresh_ip(l, ip);
}

static int count_hosts(struct wr_live *l, uint32_t node, const struct wr_object *o, bool more)
{
	int rc = 0;
	for (size_t i = 0; o && node != WR_NONE && i < o->pod.n_host_ips && !rc; i++) {
		struct wr_ip ip = o->pod.host_ips[i];
		rc = count_host_ip(l, node, &ip, more);
	}
	return rc;
}

/* ---- pods ---- */

static uint32_t find_pod(const struct wr_live *l, const struct wr_meta *meta)
{
	uint32_t i = live_index_first(&l->pod_index, name_hash(meta->ns, meta->name));
	for (; i != WR_NONE; i = live_index_next(&l->pod_index, i)) {
		const struct wr_meta *m = &l->pods.items[i].object->meta;
		if (!strcmp(m->name, meta->name) && !strcmp(m->ns, meta->ns))
			break;
	}
	return i;
}

static bool is_completed(const struct wr_object *o)
{
	return o->pod.phase &&
	       (!strcmp(o->pod.phase, "Succeeded") || !strcmp(o->pod.phase, "Failed"));
}

static size_t n_ips(const struct wr_object *o)
{
	return o && !is_completed(o) ? o->pod.n_ips : 0;
}

static bool has_ip(const struct wr_object *o, const struct wr_ip *ip)
{
	for (size_t i = 0; i < n_ips(o); i++)
		if (wr_ip_equal(&o->pod.ips[i], ip))
			return true;
	return false;
}

static int resolve(struct wr_live *l, const struct wr_object *o, struct live_pod *out)
{
	const struct wr_pod_spec *spec = &o->pod.spec;
	struct live_pod pod = {.object = o, .node = WR_NONE};
	int rc = live_namespace_of(l, o->meta.ns, &pod.ns);
	if (!rc && spec->node && *spec->node)
		rc = node_of(l, spec->node, &pod.node);
	if (!rc && !spec->host_network) {
		pod.here = spec->node && !strcmp(spec->node, l->node);
		rc = label_set(l, o->meta.labels, o->meta.n_labels, &pod.labels);
		if (!rc)
			rc = port_list(l, spec, &pod.ports);
	}
	*out = pod;
	return rc;
}

static int pod_of(struct wr_live *l, const struct wr_object *o, uint32_t *out)
{
	*out = find_pod(l, &o->meta);
	if (*out != WR_NONE)
		return 0;
	bool again = l->free_pods.n;
	*out = again ? l->free_pods.items[l->free_pods.n - 1] : (uint32_t)l->pods.n;
	int rc = live_index_reserve(&l->pod_index, *out);
	if (!rc && !again)
		rc = wr_vec_push(&l->pods, (struct live_pod){0});
	if (rc)
		return rc;
	l->free_pods.n -= again;
	l->pods.items[*out] = (struct live_pod){.node = WR_NONE};
	live_index_add(&l->pod_index, *out, name_hash(o->meta.ns, o->meta.name));
	l->counts.pods++;
	return 0;
}

/* The claims of a pod become those of another version of it; NULL: none. */
static int change_claims(struct wr_live *l, uint32_t i, const struct wr_object *before,
			 const struct wr_object *after)
{
	int rc = 0;
	for (size_t k = 0; k < n_ips(after) && !rc; k++)
		if (!has_ip(before, &after->pod.ips[k]))
			rc = claim(l, &after->pod.ips[k], i);
	for (size_t k = 0; k < n_ips(before) && !rc; k++)
		if (!has_ip(after, &before->pod.ips[k])) {
			disclaim(l, &before->pod.ips[k], i);
			rc = refresh_ip(l, &before->pod.ips[k]);
		}
	for (size_t k = 0; k < n_ips(after) && !rc; k++)
		rc = refresh_ip(l, &after->pod.ips[k]);
	return rc;
}

int live_put_pod(struct wr_live *l, const struct wr_object *o)
{
	struct live_pod new;
	uint32_t i;
	l->begun = true;
	int rc = resolve(l, o, &new);
	if (!rc)
		rc = pod_of(l, o, &i);
	if (rc)
		return rc;
	struct live_pod before = l->pods.items[i];
	rc = count_hosts(l, new.node, o, true);
	if (!rc)
		rc = count_hosts(l, before.node, before.object, false);
	l->pods.items[i] = new;
	return rc ? rc : change_claims(l, i, before.object, o);
}

int live_remove_pod(struct wr_live *l, const struct wr_object *o)
{
	uint32_t i = find_pod(l, &o->meta);
	if (i == WR_NONE)
		return 0;
	struct live_pod before = l->pods.items[i];
	int rc = change_claims(l, i, before.object, NULL);
	if (!rc)
		rc = count_hosts(l, before.node, before.object, false);
	if (!rc)
		rc = wr_vec_push(&l->free_pods, i);
	if (rc)
		return rc;
	live_index_remove(&l->pod_index, i);
	l->pods.items[i] = (struct live_pod){0};
	l->counts.pods--;
	return 0;
}
