/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

#include "base/map.h"

/*
 * Ports that nobody opens: the Service's port where the pod's is meant, a
 * protocol left out, a name that no pod has. What pods declare is the measure,
 * so all of the destination's pods must declare ports before anything is said.
 *
 * Pods of one workload declare the same: pods are put together by what they
 * declare (a shape), and policies are held against shapes, not pods.
 */

static const struct wr_lint_rule not_open = {"port-not-open", WR_WARNING, false,
					     "a port that no destination pod declares"};
static const struct wr_lint_rule service_port = {"service-port", WR_WARNING, false,
						 "a Service's port where the pod's port is meant"};
static const struct wr_lint_rule protocol = {"port-protocol", WR_WARNING, false,
					     "a port that the pods open over another protocol"};
static const struct wr_lint_rule name_missing = {"named-port-missing", WR_WARNING, false,
						 "a named port that no destination pod has"};
static const struct wr_lint_rule name_ambiguous = {"named-port-ambiguous", WR_NOTE, false,
						   "a named port that is several numbers"};

struct shape {
	const struct wr_pod *pod; /* one of them */
	uint32_t seen;            /* number of the destination that held it last */
};

struct shapes {
	WR_VEC(struct shape) list;
	uint32_t *of;                     /* by pod: its shape */
	uint32_t number;                  /* of the destination in hand */
	WR_VEC(const struct shape *) hit; /* its shapes */
};

/* ---- shapes ---- */

static int put_shape(struct lint *l, struct shapes *s, struct wr_map *index, uint32_t i)
{
	const struct wr_pod *pod = &l->w->pods[i];
	const char *key = "";
	for (size_t k = 0; k < pod->n_ports && key; k++)
		key = lint_text(l, "%s%s/%u/%u ", key, pod->ports[k].name ? pod->ports[k].name : "",
				pod->ports[k].port, pod->ports[k].proto);
	bool created;
	uint64_t *slot = key ? wr_map_slot(index, key, strlen(key), s->list.n, &created) : NULL;
	if (!slot)
		return -ENOMEM;
	if (created) {
		struct shape shape = {pod, 0};
		if (wr_vec_push(&s->list, shape) < 0)
			return -ENOMEM;
	}
	s->of[i] = (uint32_t)*slot;
	return 0;
}

static int shapes_build(struct lint *l, struct shapes *s)
{
	struct wr_map *index = wr_map_new();
	s->of = wr_arena_array(l->arena, l->w->n_pods, sizeof(uint32_t));
	int rc = index && s->of ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < l->w->n_pods && !rc; i++)
		rc = put_shape(l, s, index, i);
	wr_map_free(index);
	return rc;
}

/* The shapes of a set of pods; false: some pod declares nothing, so nothing is known. */
static bool gather(struct lint *l, struct shapes *s, const struct wr_bitset *pods)
{
	s->hit.n = 0;
	s->number++;
	wr_bitset_each(pods, i)
	{
		struct shape *shape = &s->list.items[s->of[i]];
		if (!shape->pod->n_ports)
			return false;
		if (shape->seen == s->number)
			continue;
		shape->seen = s->number;
		if (wr_vec_push(&s->hit, shape) < 0)
			l->nomem = true;
	}
	return s->hit.n > 0;
}

/* ---- one port ---- */

struct at {
	const struct wr_policy *p;
	enum wr_direction dir;
	size_t rule, port;
	const struct wr_port *what;
	const struct wr_bitset *pods; /* the destination */
};

static const struct wr_value *port_value(const struct at *at, const char *key)
{
	const struct wr_value *ports = lint_ports_value(at->p->object, at->dir, at->rule);
	return ports && at->port < ports->n ? wr_value_get(ports->items[at->port], key) : NULL;
}

static struct wr_mark port_mark(const struct at *at)
{
	const struct wr_value *v = port_value(at, "port");
	return v ? v->mark : at->what->mark;
}

static bool declares(const struct wr_pod *pod, const struct wr_port *port)
{
	for (size_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].proto == port->proto && pod->ports[i].port >= port->first &&
		    pod->ports[i].port <= port->last)
			return true;
	return false;
}

static bool any_declares(const struct shapes *s, const struct wr_port *port)
{
	for (size_t i = 0; i < s->hit.n; i++)
		if (declares(s->hit.items[i]->pod, port))
			return true;
	return false;
}

/* A Service before the pods that has this port and sends it to another one. */
static const struct wr_service *service_of(const struct lint *l, const struct at *at,
					   const struct wr_service_port **port)
{
	for (uint32_t i = 0; i < l->w->n_services; i++) {
		const struct wr_service *s = &l->w->services[i];
		bool ours = false;
		for (size_t k = 0; k < s->n_pods && !ours; k++)
			ours = wr_bitset_has(at->pods, s->pods[k]);
		for (size_t k = 0; ours && k < s->object->service.n_ports; k++) {
			const struct wr_service_port *sp = &s->object->service.ports[k];
			if (sp->port == at->what->first && sp->proto == at->what->proto &&
			    (sp->target_name || sp->target_port != sp->port)) {
				*port = sp;
				return s;
			}
		}
	}
	return NULL;
}

static void fix_port(struct lint *l, const struct at *at, const char *text)
{
	const struct wr_value *v = port_value(at, "port");
	struct wr_edit edit;
	if (v && text && !wr_edit_replace(at->p->object->doc, v, text, &edit))
		lint_fix(l, &edit, 1);
}

static bool report_service(struct lint *l, const struct at *at)
{
	const struct wr_service_port *sp = NULL;
	const struct wr_service *s = at->what->first == at->what->last ? service_of(l, at, &sp)
								       : NULL;
	if (!s)
		return false;
	const char *target = sp->target_name ? sp->target_name
					     : lint_text(l, "%u", sp->target_port);
	lint_report(l, &service_port, at->p->object, port_mark(at),
		    lint_port_path(l, at->p->object, at->dir, at->rule, at->port),
		    "%u is the port of Service %s/%s; its pods listen on %s, and policies see the "
		    "pod's "
		    "port",
		    at->what->first, s->ns, s->name, target);
	lint_advise(l, at->p->ns ? "write port: %s" : "write %s", target);
	lint_relate(l, sp->mark, "the Service's port");
	fix_port(l, at, target);
	return true;
}

static bool report_protocol(struct lint *l, const struct shapes *s, const struct at *at)
{
	const struct wr_container_port *open = NULL; /* the first that is in the range */
	for (size_t i = 0; i < s->hit.n && !open; i++)
		for (size_t k = 0; k < s->hit.items[i]->pod->n_ports && !open; k++)
			if (s->hit.items[i]->pod->ports[k].port >= at->what->first &&
			    s->hit.items[i]->pod->ports[k].port <= at->what->last)
				open = &s->hit.items[i]->pod->ports[k];
	if (!open)
		return false;
	uint8_t other = open->proto;
	const struct wr_value *v = port_value(at, "protocol"), *port = port_value(at, "port");
	lint_report(l, &protocol, at->p->object, v ? v->mark : port_mark(at),
		    lint_port_path(l, at->p->object, at->dir, at->rule, at->port),
		    "the pods open port %u over %s; %s", open->port, wr_proto_name(other),
		    !at->p->ns ? lint_text(l, "this rule is for %s only",
					   wr_proto_name(at->what->proto))
		    : v ? lint_text(l, "this rule allows %s only", wr_proto_name(at->what->proto))
			: "without protocol a port is TCP");
	lint_advise(l, at->p->ns ? "write protocol: %s" : "name the port of %s",
		    wr_proto_name(other));
	struct wr_edit edit;
	const struct wr_value *ports = lint_ports_value(at->p->object, at->dir, at->rule);
	const char *line = lint_text(l, "protocol: %s", wr_proto_name(other));
	if (v ? !wr_edit_replace(at->p->object->doc, v, wr_proto_name(other), &edit)
	      : line && port &&
			    !wr_edit_insert_below(at->p->object->doc, ports->items[at->port], line,
						  l->arena, &edit))
		lint_fix(l, &edit, 1);
	return true;
}

#define DECLARED_MAX 6

/* "TCP 80, TCP 8080, UDP 53": what the pods declare, each once. */
static const char *declared(struct lint *l, const struct shapes *s)
{
	const char *text = NULL;
	uint32_t seen[DECLARED_MAX];
	size_t n = 0;
	for (size_t i = 0; i < s->hit.n; i++)
		for (size_t k = 0; k < s->hit.items[i]->pod->n_ports && n < DECLARED_MAX; k++) {
			const struct wr_container_port *p = &s->hit.items[i]->pod->ports[k];
			bool again = false;
			for (size_t m = 0; m < n && !again; m++)
				again = seen[m] == WR_KEY(p->proto, p->port);
			if (again)
				continue;
			seen[n++] = WR_KEY(p->proto, p->port);
			text = lint_text(l, "%s%s%s %u", text ? text : "", text ? ", " : "",
					 wr_proto_name(p->proto), p->port);
		}
	return text;
}

/* What nobody opens may be denied all the same. */
static bool denies(const struct at *at)
{
	return at->p->rules[at->dir][at->rule].action == WR_DENY;
}

static void check_number(struct lint *l, const struct shapes *s, const struct at *at)
{
	if (at->what->first > at->what->last || any_declares(s, at->what) ||
	    report_service(l, at) || denies(at) || report_protocol(l, s, at))
		return;
	lint_report(l, &not_open, at->p->object, port_mark(at),
		    lint_port_path(l, at->p->object, at->dir, at->rule, at->port),
		    "no destination pod opens %s: they declare %s",
		    at->what->first == at->what->last
			    ? lint_text(l, "%s port %u", wr_proto_name(at->what->proto),
					at->what->first)
			    : lint_text(l, "any %s port from %u to %u",
					wr_proto_name(at->what->proto), at->what->first,
					at->what->last),
		    declared(l, s));
}

static void check_name(struct lint *l, const struct shapes *s, const struct at *at)
{
	uint32_t first = 0;
	bool several = false, with_name = false;
	for (size_t i = 0; i < s->hit.n; i++)
		for (size_t k = 0; k < s->hit.items[i]->pod->n_ports; k++) {
			const struct wr_container_port *p = &s->hit.items[i]->pod->ports[k];
			if (!p->name || strcmp(p->name, at->what->name) != 0)
				continue;
			with_name = true;
			if (at->what->proto && p->proto != at->what->proto)
				continue;
			several |= first && first != p->port;
			first = first ? first : p->port;
		}
	if (several)
		lint_report(l, &name_ambiguous, at->p->object, port_mark(at),
			    lint_port_path(l, at->p->object, at->dir, at->rule, at->port),
			    "\"%s\" is port %u on some of the pods and another on others: each "
			    "pod's own "
			    "number counts",
			    at->what->name, first);
	if (first)
		return;
	const char *path = lint_port_path(l, at->p->object, at->dir, at->rule, at->port);
	if (!at->what->proto)
		lint_report(l, &name_missing, at->p->object, port_mark(at), path,
			    "no destination pod names a port \"%s\", so this matches nothing",
			    at->what->name);
	else
		lint_report(l, &name_missing, at->p->object, port_mark(at), path,
			    with_name ? "port \"%s\" of the pods is not %s, so this allows nothing"
				      : "no destination pod names a port \"%s\" (%s), so this "
					"allows nothing",
			    at->what->name, wr_proto_name(at->what->proto));
	lint_advise(l, with_name ? "write the protocol that the pods declare"
				 : "name the containers' port, or write its number");
}

/* ---- rules ---- */

/* The pods that the rule's connections go to; NULL: not only pods, or nobody. */
static const struct wr_bitset *destination(struct lint *l, uint32_t policy, enum wr_direction dir,
					   uint32_t rule)
{
	const struct wr_rule *r = &l->w->policies[policy].rules[dir][rule];
	if (dir == WR_INGRESS)
		return wr_query_subject(l->p, policy);
	const struct wr_bitset *only = NULL;
	struct wr_bitset *all = NULL;
	for (uint32_t k = 0; k < r->n_peers; k++) {
		const struct wr_bitset *pods =
			wr_query_peer_pods(l->p, (struct wr_peer_id){policy, dir, rule, k});
		if (!pods)
			return NULL; /* an ipBlock: anybody may listen there */
		if (!only) {
			only = pods;
			continue;
		}
		if (!all && (all = wr_bitset_new(l->arena, l->w->n_pods)))
			wr_bitset_or(all, only);
		if (!all) {
			l->nomem = true;
			return NULL;
		}
		wr_bitset_or(all, pods);
	}
	return all ? all : only;
}

static void check_rule(struct lint *l, struct shapes *s, uint32_t policy, enum wr_direction dir,
		       uint32_t rule)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_rule *r = &p->rules[dir][rule];
	const struct wr_bitset *pods = r->n_ports ? destination(l, policy, dir, rule) : NULL;
	if (!pods || !gather(l, s, pods))
		return;
	for (size_t i = 0; i < r->n_ports; i++) {
		struct at at = {p, dir, rule, i, &r->ports[i], pods};
		if (r->ports[i].kind == WR_PORTS_RANGE)
			check_number(l, s, &at);
		else if (r->ports[i].kind == WR_PORTS_NAMED)
			check_name(l, s, &at);
	}
}

static void run(struct lint *l)
{
	struct shapes s = {0};
	l->nomem |= shapes_build(l, &s) < 0;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object)
			continue;
		for (int d = 0; d < 2; d++)
			for (uint32_t r = 0; r < p->n_rules[d]; r++)
				check_rule(l, &s, i, (enum wr_direction)d, r);
	}
	wr_vec_free(&s.list);
	wr_vec_free(&s.hit);
}

const struct lint_check lint_ports = {
	LINT_RULES(&not_open, &service_port, &protocol, &name_missing, &name_ambiguous), run};
