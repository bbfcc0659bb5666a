/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/list_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "cli/resolve.h"
#include "engine/unknown.h"

#define CONTROLLER "{ingress-controller}"

struct builder {
	struct list_view *v;
	const struct wr_program *p;
	const struct list_filter *f;
	WR_VEC(struct list_edge) edges;
	struct wr_map *by_text; /* workload's text to node */
	bool *focus;            /* by node */
};

/* ---- nodes ---- */

static int add_nodes(struct builder *b)
{
	uint32_t n;
	const struct wr_conn_node *from = wr_connectivity_nodes(b->v->c, &n);
	b->v->nodes = wr_arena_array(b->v->arena, (size_t)n + 1, sizeof(*b->v->nodes));
	b->focus = wr_arena_array(b->v->arena, (size_t)n + 1, sizeof(bool));
	if (!b->v->nodes || !b->focus)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		b->v->nodes[i] = (struct list_node){from[i].text, from[i].ns, from[i].name,
						    from[i].kind};
		if (from[i].name &&
		    wr_map_put(b->by_text, from[i].text, strlen(from[i].text), i) < 0)
			return -ENOMEM;
	}
	b->v->nodes[n].text = CONTROLLER;
	b->v->n_nodes = n + 1;
	return 0;
}

static bool is_named(const struct list_node *n, const char *name)
{
	const char *slash = strchr(name, '/');
	return n->name && slash && (size_t)(slash - name) == strlen(n->ns) &&
	       !strncmp(name, n->ns, strlen(n->ns)) && !strcmp(slash + 1, n->name);
}

/* The first focus that nobody has, or NULL. */
static const char *mark_focus(struct builder *b)
{
	for (size_t f = 0; f < b->f->n_focus; f++) {
		bool found = false;
		for (uint32_t i = 0; i < b->v->n_nodes; i++)
			if (is_named(&b->v->nodes[i], b->f->focus[f]) ||
			    !strcmp(b->v->nodes[i].text, b->f->focus[f]))
				found = b->focus[i] = true;
		if (!found)
			return b->f->focus[f];
	}
	return NULL;
}

/* ---- edges ---- */

static bool in_focus(const struct builder *b, uint32_t src, uint32_t dst)
{
	if (!b->f->n_focus)
		return true;
	return (b->focus[dst] && !b->f->only_out) || (b->focus[src] && !b->f->only_in);
}

static bool has_key(const struct builder *b, uint32_t ports)
{
	uint32_t n;
	const struct wr_key_range *r = wr_connectivity_ports(b->v->c, ports, &n);
	for (uint32_t i = 0; i < n; i++)
		if (r[i].first <= b->f->key && b->f->key <= r[i].last)
			return true;
	return !b->f->has_key;
}

static int add_edges(struct builder *b)
{
	uint64_t n;
	const struct wr_conn_edge *from = wr_connectivity_edges(b->v->c, &n);
	int rc = 0;
	for (uint64_t i = 0; i < n && !rc; i++) {
		if (!in_focus(b, from[i].src, from[i].dst) || !has_key(b, from[i].ports))
			continue;
		struct list_edge e = {from[i].src, from[i].dst,
				      wr_connectivity_ports_text(b->v->c, from[i].ports)};
		rc = wr_vec_push(&b->edges, e);
	}
	return rc;
}

/* ---- the ingress controller ---- */

/* A port of a workload that the controller sends to. */
struct sent {
	uint32_t node;
	uint32_t key;
};

typedef WR_VEC(struct sent) sent_list;

static int add_pod(struct builder *b, sent_list *sent, uint32_t pod,
		   const struct wr_service_port *sp)
{
	const struct wr_pod *w = &wr_program_world(b->p)->pods[pod];
	struct wr_side dst;
	uint64_t node;
	uint16_t port = wr_service_target(sp, w);
	const char *text = wr_arena_printf(b->v->arena, "%s/%s[%s]", w->ns, w->owner_name,
					   w->owner_kind);
	if (!text)
		return -ENOMEM;
	uint32_t key = WR_KEY(sp->proto, port);
	if (!port || wr_side_pod(b->p, pod, 0, &dst) < 0 ||
	    !wr_admits_unknown(b->p, &dst, sp->proto, port) ||
	    !wr_map_get(b->by_text, text, strlen(text), &node) ||
	    (b->f->has_key && b->f->key != key) || !in_focus(b, b->v->n_nodes - 1, (uint32_t)node))
		return 0;
	return wr_vec_push(sent, (struct sent){(uint32_t)node, key});
}

static int collect(struct builder *b, sent_list *sent)
{
	const struct wr_world *w = wr_program_world(b->p);
	int rc = 0;
	for (uint32_t i = 0; i < w->n_ingresses; i++)
		for (size_t k = 0; k < w->ingresses[i].object->ingress.n_backends; k++) {
			uint32_t service = w->ingresses[i].services[k];
			const struct wr_service_port *sp =
				service == WR_NONE
					? NULL
					: wr_service_backend_port(
						  &w->services[service],
						  &w->ingresses[i].object->ingress.backends[k]);
			for (size_t p = 0; sp && p < w->services[service].n_pods && !rc; p++)
				rc = add_pod(b, sent, w->services[service].pods[p], sp);
		}
	return rc;
}

static int by_node(const void *pa, const void *pb)
{
	const struct sent *a = pa, *b = pb;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* "TCP 8080,8090,UDP 53" of the keys of one node. */
static const char *keys_text(struct wr_arena *a, const struct sent *s, size_t n)
{
	const char *out = "";
	for (size_t i = 0; i < n && out; i++) {
		uint8_t proto = (uint8_t)(s[i].key >> 16);
		bool same = i && (s[i - 1].key >> 16) == proto;
		if (i && s[i - 1].key == s[i].key)
			continue;
		out = wr_arena_printf(a, "%s%s%s%s%u", out, i ? "," : "",
				      same ? "" : wr_proto_name(proto), same ? "" : " ",
				      s[i].key & 0xffff);
	}
	return out;
}

static int add_controller(struct builder *b)
{
	sent_list sent = {0};
	int rc = collect(b, &sent);
	if (!rc && sent.n)
		qsort(sent.items, sent.n, sizeof(*sent.items), by_node);
	for (size_t i = 0, end; i < sent.n && !rc; i = end) {
		for (end = i; end < sent.n && sent.items[end].node == sent.items[i].node; end++)
			;
		const char *ports = keys_text(b->v->arena, &sent.items[i], end - i);
		struct list_edge e = {b->v->n_nodes - 1, sent.items[i].node, ports};
		rc = ports ? wr_vec_push(&b->edges, e) : -ENOMEM;
	}
	wr_vec_free(&sent);
	return rc;
}

static int build(struct builder *b, const char **unknown)
{
	int rc = wr_connectivity_new(b->p, &b->v->c);
	if (!rc)
		rc = add_nodes(b);
	if (!rc)
		*unknown = mark_focus(b);
	if (!rc)
		rc = add_edges(b);
	return rc ? rc : add_controller(b);
}

int wr_list_view(const struct wr_program *p, const struct list_filter *filter,
		 struct list_view *out, const char **unknown)
{
	*out = (struct list_view){.arena = wr_arena_new()};
	struct builder b = {.v = out, .p = p, .f = filter, .by_text = wr_map_new()};
	int rc = out->arena && b.by_text ? build(&b, unknown) : -ENOMEM;
	wr_map_free(b.by_text);
	out->edges = b.edges.items;
	out->n = b.edges.n;
	if (rc)
		wr_list_view_free(out);
	return rc;
}

void wr_list_view_free(struct list_view *v)
{
	free(v->edges);
	wr_connectivity_free(v->c);
	wr_arena_free(v->arena);
	*v = (struct list_view){0};
}

int wr_list_parse_port(const char *text, uint32_t *key)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	int proto = *end == '/' ? wr_proto_parse(end + 1) : WR_TCP;
	if (end == text || (*end && *end != '/') || port < 1 || port > 65535 || proto < 0 ||
	    !wr_proto_has_ports((uint8_t)proto))
		return -EINVAL;
	*key = WR_KEY((uint32_t)proto, port);
	return 0;
}
