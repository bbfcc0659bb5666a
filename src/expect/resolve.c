/* SPDX-License-Identifier: Apache-2.0 */
#include "expect/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/typo.h"

#define DEPTH_MAX 16

static void problem(struct resolver *r, const struct wr_value *v, const char *fmt, const char *what)
{
	const char *text = wr_arena_printf(r->arena, "%s%s", fmt, what);
	r->nomem |= !text;
	if (text)
		wr_diag_add(r->diags, WR_ERROR, v->mark, NULL, NULL, "%s", text);
}

static void push(struct resolver *r, end_list *out, struct end e)
{
	r->nomem |= wr_vec_push(out, e) < 0;
}

/* ---- pods ---- */

static void add_pod(struct resolver *r, uint32_t pod, uint16_t port, end_list *out)
{
	struct wr_side side;
	if (!wr_program_world(r->p)->pods[pod].completed && !wr_side_pod(r->p, pod, 0, &side))
		push(r, out, (struct end){side, port});
}

static bool is_named(const struct wr_pod *pod, const char *name, int kind)
{
	bool owned = pod->owner_name && !strcmp(pod->owner_name, name) &&
		     (kind < 0 || (pod->owner_kind &&
				   !strcmp(pod->owner_kind, wr_kind_name((enum wr_kind)kind))));
	return owned || (!strcmp(pod->name, name) && (kind < 0 || (int)pod->kind == kind));
}

/* Pods of a namespace (NULL: all) by name (NULL: all) and kind (-1: any). */
static void add_named(struct resolver *r, const char *ns, const char *name, int kind, end_list *out)
{
	const struct wr_world *w = wr_program_world(r->p);
	for (uint32_t i = 0; i < w->n_pods; i++)
		if ((!ns || !strcmp(w->pods[i].ns, ns)) &&
		    (!name || is_named(&w->pods[i], name, kind)))
			add_pod(r, i, 0, out);
}

static const struct wr_service_port *service_port(const struct resolver *r,
						  const struct wr_service_object *o)
{
	for (size_t i = 0; i < o->n_ports; i++) {
		const struct wr_service_port *p = &o->ports[i];
		if (r->service_port ? (p->name && !strcmp(p->name, r->service_port)) ||
					      strtoul(r->service_port, NULL, 10) == p->port
				    : o->n_ports == 1)
			return p;
	}
	return NULL;
}

static void add_service(struct resolver *r, const struct wr_value *v, const char *ns,
			const char *name, end_list *out)
{
	const struct wr_world *w = wr_program_world(r->p);
	uint32_t i = wr_world_find_service(w, ns, name);
	if (i == WR_NONE) {
		problem(r, v, "there is no Service ", v->text);
		return;
	}
	const struct wr_service_port *sp = service_port(r, &w->services[i].object->service);
	if (!sp) {
		problem(r, v, "say which port of the Service: it has no such port, or several: ",
			v->text);
		return;
	}
	for (size_t k = 0; k < w->services[i].n_pods; k++) {
		uint16_t port = wr_service_target(sp, &w->pods[w->services[i].pods[k]]);
		size_t had = out->n;
		if (port)
			add_pod(r, w->services[i].pods[k], port, out);
		if (out->n > had)
			out->items[had].side.by_service = true;
	}
}

/* ---- addresses ---- */

static void add_ip(struct resolver *r, const struct wr_ip *ip, end_list *out)
{
	struct end e = {.port = 0};
	wr_side_ip(r->p, ip, &e.side);
	push(r, out, e);
}

/* The block itself, and the parts of it that policies tell apart. */
static void add_cidr(struct resolver *r, const struct wr_cidr *c, end_list *out)
{
	uint32_t n;
	const struct wr_prefix *prefixes = wr_program_prefixes(r->p, &n);
	struct wr_ip first = wr_cidr_first(c), last = wr_cidr_last(c);
	add_ip(r, &first, out);
	add_ip(r, &last, out);
	for (uint32_t i = 0; i < n; i++) {
		first = wr_cidr_first(&prefixes[i].cidr);
		if (wr_cidr_covers(c, &prefixes[i].cidr))
			add_ip(r, &first, out);
	}
}

void expect_outside(struct resolver *r, end_list *out)
{
	static const char *const usual[] = {"8.8.8.8", "203.0.113.7", "192.0.2.1", "198.51.100.9",
					    "2001:db8::7"};
	uint32_t n;
	const struct wr_prefix *prefixes = wr_program_prefixes(r->p, &n);
	struct wr_ip ip;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!wr_ip_parse(usual[i], &ip))
			add_ip(r, &ip, out);
	for (uint32_t i = 0; i < n; i++) {
		struct wr_side side;
		ip = wr_cidr_first(&prefixes[i].cidr);
		wr_side_ip(r->p, &ip, &side);
		if (side.pod == WR_NONE && side.node == WR_NONE)
			push(r, out, (struct end){side, 0});
	}
}

/* ---- what is written ---- */

static void split(struct resolver *r, const struct wr_value *v, bool destination, end_list *out)
{
	const char *first = strchr(v->text, '/'), *second = first ? strchr(first + 1, '/') : NULL;
	if (!first || first == v->text || !first[1]) {
		problem(r, v,
			"neither a group, namespace/name, an address nor \"outside\": ", v->text);
		return;
	}
	const char *ns = wr_arena_strndup(r->arena, v->text, (size_t)(first - v->text));
	const char *middle =
		second ? wr_arena_strndup(r->arena, first + 1, (size_t)(second - first - 1)) : NULL;
	const char *name = second ? second + 1 : first + 1;
	if (!ns || (second && !middle)) {
		r->nomem = true;
		return;
	}
	if (middle && (!strcmp(middle, "service") || !strcmp(middle, "svc"))) {
		if (destination)
			add_service(r, v, ns, name, out);
		else
			problem(r, v, "a Service is no source: ", v->text);
		return;
	}
	int kind = middle ? wr_kind_parse(middle) : -1;
	if (middle && kind < 0) {
		problem(r, v, "no kind of workload: ", middle);
		return;
	}
	add_named(r, strcmp(ns, "*") ? ns : NULL, strcmp(name, "*") ? name : NULL, kind, out);
}

static void resolve_text(struct resolver *r, const struct wr_value *v, bool destination,
			 end_list *out)
{
	struct wr_ip ip;
	struct wr_cidr c;
	uint64_t group;
	size_t before = out->n, errors = wr_diags_total(r->diags, WR_ERROR);
	if (wr_map_get(r->groups, v->text, strlen(v->text), &group)) {
		const struct wr_value *g;
		memcpy(&g, &group, sizeof(g));
		if (++r->depth > DEPTH_MAX)
			problem(r, v, "groups of groups go round in circles: ", v->text);
		else
			expect_resolve(r, g, destination, out);
		r->depth--;
	} else if (!strcmp(v->text, "outside") || !strcmp(v->text, "internet")) {
		expect_outside(r, out);
	} else if (!wr_ip_parse(v->text, &ip)) {
		add_ip(r, &ip, out);
	} else if (strchr(v->text, '/') && !wr_cidr_parse(v->text, &c)) {
		add_cidr(r, &c, out);
	} else {
		split(r, v, destination, out);
	}
	if (out->n == before && wr_diags_total(r->diags, WR_ERROR) == errors && !r->nomem) {
		problem(r, v, "matches nothing in the manifests: ", v->text);
		wr_diag_advise(r->diags,
			       "a test that checks nothing tells nothing; weir matrix lists all "
			       "pods");
	}
}

static bool has_label(const struct wr_world *w, const struct wr_pod *pod, const struct wr_field *f)
{
	for (size_t i = 0; i < pod->n_labels; i++) {
		const char *key = wr_world_key_text(w, pod->labels[i].key);
		const char *pair = wr_world_pair_text(w, pod->labels[i].pair);
		if (!strcmp(key, f->key) && !strcmp(pair + strlen(key) + 1, f->value->text))
			return true;
	}
	return false;
}

/* {namespace: shop, labels: {app: web}} */
static void resolve_map(struct resolver *r, const struct wr_value *v, end_list *out)
{
	static const char *const known[] = {"namespace", "labels", NULL};
	const struct wr_world *w = wr_program_world(r->p);
	const struct wr_value *ns = wr_value_get(v, "namespace"),
			      *labels = wr_value_get(v, "labels");
	size_t before = out->n;
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->fields[i].key, "namespace") != 0 &&
		    strcmp(v->fields[i].key, "labels") != 0) {
			const char *meant = wr_typo_suggest(v->fields[i].key, known);
			problem(r, v, "unknown field ", v->fields[i].key);
			wr_diag_advise(r->diags, "write namespace and labels%s%s",
				       meant ? "; did you mean " : "", meant ? meant : "");
			return;
		}
	for (size_t i = 0; labels && i < labels->n; i++)
		if (labels->type != WR_MAP || labels->fields[i].value->type != WR_STRING) {
			problem(r, labels, "labels is a map of words", "");
			return;
		}
	for (uint32_t i = 0; i < w->n_pods; i++) {
		bool ok = !ns || (ns->text && !strcmp(w->pods[i].ns, ns->text));
		for (size_t k = 0; labels && k < labels->n && ok; k++)
			ok = has_label(w, &w->pods[i], &labels->fields[k]);
		if (ok)
			add_pod(r, i, 0, out);
	}
	if (out->n == before && !r->nomem)
		problem(r, v, "matches nothing in the manifests", "");
}

void expect_resolve(struct resolver *r, const struct wr_value *v, bool destination, end_list *out)
{
	if (v->type == WR_STRING) {
		resolve_text(r, v, destination, out);
	} else if (v->type == WR_MAP) {
		resolve_map(r, v, out);
	} else if (v->type == WR_LIST && v->n) {
		for (size_t i = 0; i < v->n; i++)
			expect_resolve(r, v->items[i], destination, out);
	} else {
		problem(r, v, "must be a name, an address, a map or a list of these, found ",
			wr_type_name(v->type));
	}
}
