/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resolve.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/near.h"

void wr_problem_set(struct wr_problem *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
}

/* The parts of "namespace/kind/name"; kind is WR_KIND_COUNT where it is left out. */
struct reference {
	char ns[256], name[256];
	enum wr_kind kind;
};

static int parse_reference(const char *text, struct reference *out, struct wr_problem *problem)
{
	const char *first = strchr(text, '/'), *second = first ? strchr(first + 1, '/') : NULL;
	const char *name = second ? second + 1 : first ? first + 1 : NULL;
	if (!name || first == text || !*name || strchr(name, '/')) {
		wr_problem_set(problem,
			       "'%s' is neither namespace/pod, namespace/kind/name nor an address",
			       text);
		return -EINVAL;
	}
	if ((size_t)(first - text) >= sizeof(out->ns) || strlen(name) >= sizeof(out->name)) {
		wr_problem_set(problem, "'%.64s...' is longer than any name", text);
		return -EINVAL;
	}
	snprintf(out->ns, sizeof(out->ns), "%.*s", (int)(first - text), text);
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->kind = WR_KIND_COUNT;
	if (!second)
		return 0;
	char kind_text[64];
	snprintf(kind_text, sizeof(kind_text), "%.*s", (int)(second - first - 1), first + 1);
	int kind = wr_kind_parse(kind_text);
	if (kind < 0 || (kind != WR_KIND_POD && !wr_kind_is_workload((enum wr_kind)kind))) {
		wr_problem_set(problem, "'%s': %s is not a pod or a kind of workload", text,
			       kind_text);
		return -EINVAL;
	}
	out->kind = (enum wr_kind)kind;
	return 0;
}

/* Whether a pod belongs to the workload that is meant, whose own object is not there. */
static bool belongs(const struct wr_pod *pod, const struct reference *r)
{
	if (pod->kind != WR_KIND_POD || !pod->owner_kind || !pod->owner_name ||
	    r->kind == WR_KIND_POD)
		return false;
	bool kind = r->kind == WR_KIND_COUNT || !strcmp(pod->owner_kind, wr_kind_name(r->kind));
	if (kind && !strcmp(pod->owner_name, r->name))
		return true;
	/* a deployment's replica sets are named by it and a hash */
	size_t n = strlen(r->name);
	return (r->kind == WR_KIND_COUNT || r->kind == WR_KIND_DEPLOYMENT) &&
	       !strcmp(pod->owner_kind, "ReplicaSet") && !strncmp(pod->owner_name, r->name, n) &&
	       pod->owner_name[n] == '-' && !strchr(pod->owner_name + n + 1, '-');
}

static uint32_t find_owned(const struct wr_world *w, const struct wr_namespace *ns,
			   const struct reference *r)
{
	uint32_t found = WR_NONE;
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
		if (belongs(&w->pods[i], r) && (found == WR_NONE || w->pods[found].completed))
			found = i;
	return found;
}

/* Two workloads of one name: the user must say which. Pods of one name are neighbours. */
static int check_unique(const struct wr_world *w, const struct reference *r, uint32_t pod,
			struct wr_problem *problem)
{
	const struct wr_pod *a = &w->pods[pod];
	if (r->kind != WR_KIND_COUNT || a->kind == WR_KIND_POD)
		return 0;
	const struct wr_namespace *ns = &w->namespaces[a->ns_index];
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++) {
		const struct wr_pod *b = &w->pods[i];
		if (i == pod || strcmp(a->name, b->name) != 0)
			continue;
		wr_problem_set(problem, "'%s/%s' is both a %s and a %s; say %s/%s/%s or %s/%s/%s",
			       r->ns, r->name, wr_kind_name(a->kind), wr_kind_name(b->kind), r->ns,
			       wr_kind_name(a->kind), r->name, r->ns, wr_kind_name(b->kind),
			       r->name);
		return -EINVAL;
	}
	return 0;
}

static void unknown_namespace(const struct wr_world *w, const char *name,
			      struct wr_problem *problem)
{
	char text[256];
	struct wr_near near = {.wanted = name};
	for (uint32_t i = 0; i < w->n_namespaces; i++)
		wr_near_add(&near, w->namespaces[i].name);
	wr_problem_set(problem, "no namespace '%s' in the manifests%s", name,
		       wr_near_text(&near, text, sizeof(text)));
}

/* Near names in the namespace; or the same name elsewhere. */
static void unknown_pod(const struct wr_world *w, const struct wr_namespace *ns,
			const struct reference *r, struct wr_problem *problem)
{
	char text[512];
	struct wr_near near = {.wanted = r->name};
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
		wr_near_add(&near, w->pods[i].name);
	const char *elsewhere = NULL;
	for (uint32_t i = 0; i < w->n_pods && !elsewhere; i++)
		if (!strcmp(w->pods[i].name, r->name) && strcmp(w->pods[i].ns, r->ns) != 0)
			elsewhere = w->pods[i].ns;
	wr_near_text(&near, text, sizeof(text));
	uint32_t other = wr_world_find_pod(w, r->ns, r->name, WR_KIND_COUNT);
	if (other != WR_NONE)
		snprintf(text, sizeof(text), "; there is a %s of that name",
			 wr_kind_name(w->pods[other].kind));
	if (elsewhere && !near.n)
		snprintf(text, sizeof(text), "; there is '%s/%s'", elsewhere, r->name);
	if (!ns->n_pods)
		snprintf(text, sizeof(text), "; it has no pods or workloads");
	if (r->kind == WR_KIND_COUNT)
		wr_problem_set(problem, "no pod or workload '%s' in namespace %s%s", r->name, r->ns,
			       text);
	else
		wr_problem_set(problem, "no %s '%s' in namespace %s%s", wr_kind_name(r->kind),
			       r->name, r->ns, text);
}

int wr_target_find(const struct wr_world *w, const char *text, struct wr_target *out,
		   struct wr_problem *problem)
{
	struct wr_ip ip;
	if (!wr_ip_parse(text, &ip)) {
		*out = (struct wr_target){WR_NONE, ip};
		return 0;
	}
	struct reference r;
	int rc = parse_reference(text, &r, problem);
	if (rc)
		return rc;
	uint32_t ns = wr_world_find_namespace(w, r.ns);
	if (ns == WR_NONE) {
		unknown_namespace(w, r.ns, problem);
		return -EINVAL;
	}
	uint32_t pod = wr_world_find_pod(w, r.ns, r.name, r.kind);
	if (pod != WR_NONE) {
		rc = check_unique(w, &r, pod, problem);
		if (rc)
			return rc;
	} else {
		pod = find_owned(w, &w->namespaces[ns], &r);
	}
	if (pod == WR_NONE) {
		unknown_pod(w, &w->namespaces[ns], &r, problem);
		return -EINVAL;
	}
	*out = (struct wr_target){.pod = pod};
	return 0;
}

/* ---- families ---- */

/* Whether an end can take part in a family; a pod without any address takes part in both. */
static bool has_family(const struct wr_world *w, const struct wr_target *t, uint8_t family)
{
	if (t->pod == WR_NONE)
		return t->ip.family == family;
	const struct wr_pod *pod = &w->pods[t->pod];
	for (size_t i = 0; i < pod->n_ips; i++)
		if (pod->ips[i].family == family)
			return true;
	return pod->n_ips == 0;
}

/* The family that an end speaks first; 0: it does not mind. */
static uint8_t preferred(const struct wr_world *w, const struct wr_target *t)
{
	if (t->pod == WR_NONE)
		return t->ip.family;
	return w->pods[t->pod].n_ips ? w->pods[t->pod].ips[0].family : 0;
}

static const char *family_name(uint8_t family)
{
	return family == WR_IPV4 ? "IPv4" : "IPv6";
}

static int no_family(const struct wr_world *w, const struct wr_target *from,
		     const struct wr_target *to, uint8_t family, struct wr_problem *problem)
{
	char a[600], b[600];
	if (family) {
		const struct wr_target *lacks = has_family(w, from, family) ? to : from;
		wr_problem_set(problem, "%s has no %s address",
			       wr_target_text(w, lacks, a, sizeof(a)), family_name(family));
	} else {
		wr_problem_set(problem, "%s and %s have no addresses of the same family",
			       wr_target_text(w, from, a, sizeof(a)),
			       wr_target_text(w, to, b, sizeof(b)));
	}
	return -EINVAL;
}

static int side(const struct wr_program *p, const struct wr_target *t, uint8_t family,
		struct wr_side *out, struct wr_problem *problem)
{
	if (t->pod == WR_NONE) {
		wr_side_ip(p, &t->ip, out);
		return 0;
	}
	const struct wr_pod *pod = &wr_program_world(p)->pods[t->pod];
	if (!wr_side_pod(p, t->pod, pod->n_ips ? family : 0, out))
		return 0;
	wr_problem_set(problem, "%s/%s has no %s address", pod->ns, pod->name, family_name(family));
	return -EINVAL;
}

int wr_target_sides(const struct wr_program *p, const struct wr_target *from,
		    const struct wr_target *to, uint8_t family, struct wr_side sides[2],
		    uint8_t *other, struct wr_problem *problem)
{
	const struct wr_world *w = wr_program_world(p);
	uint8_t chosen = family;
	bool fixed = family || from->pod == WR_NONE || to->pod == WR_NONE;
	if (!chosen)
		chosen = from->pod == WR_NONE ? from->ip.family
			 : to->pod == WR_NONE ? to->ip.family
			 : preferred(w, from) ? preferred(w, from)
					      : preferred(w, to);
	uint8_t second = chosen == WR_IPV4 ? WR_IPV6 : WR_IPV4;
	if (chosen && !(has_family(w, from, chosen) && has_family(w, to, chosen))) {
		if (fixed || !has_family(w, from, second) || !has_family(w, to, second))
			return no_family(w, from, to, fixed ? chosen : 0, problem);
		chosen = second;
		fixed = true;
	}
	*other = !fixed && chosen && w->pods[from->pod].n_ips && w->pods[to->pod].n_ips &&
				 has_family(w, from, second) && has_family(w, to, second)
			 ? second
			 : 0;
	int rc = side(p, from, chosen, &sides[0], problem);
	return rc ? rc : side(p, to, chosen, &sides[1], problem);
}

/* ---- ports and protocols ---- */

int wr_target_named_port(const struct wr_world *w, const struct wr_side *dst, uint8_t proto,
			 const char *name, uint16_t *port, struct wr_problem *problem)
{
	if (dst->pod == WR_NONE) {
		wr_problem_set(problem, "port '%s': a named port needs a pod as destination", name);
		return -EINVAL;
	}
	char text[256];
	struct wr_near near = {.wanted = name};
	const struct wr_pod *pod = &w->pods[dst->pod];
	const struct wr_container_port *wrong = NULL;
	for (size_t i = 0; i < pod->n_ports; i++) {
		const struct wr_container_port *c = &pod->ports[i];
		if (!c->name)
			continue;
		if (strcmp(c->name, name) != 0) {
			wr_near_add(&near, c->name);
			continue;
		}
		if (c->proto == proto) {
			*port = c->port;
			return 0;
		}
		wrong = c;
	}
	if (wrong)
		wr_problem_set(problem, "port '%s' of %s/%s is %s %u, not %s", name, pod->ns,
			       pod->name, wr_proto_name(wrong->proto), wrong->port,
			       wr_proto_name(proto));
	else
		wr_problem_set(problem, "%s/%s has no port named '%s'%s", pod->ns, pod->name, name,
			       wr_near_text(&near, text, sizeof(text)));
	return -EINVAL;
}

uint8_t wr_proto_of_family(uint8_t proto, uint8_t family)
{
	if (proto == WR_ICMP && family == WR_IPV6)
		return WR_ICMPV6;
	if (proto == WR_ICMPV6 && family == WR_IPV4)
		return WR_ICMP;
	return proto;
}

const char *wr_target_text(const struct wr_world *w, const struct wr_target *t, char *buf,
			   size_t size)
{
	if (t->pod == WR_NONE) {
		char ip[WR_IP_TEXT];
		snprintf(buf, size, "%s", wr_ip_format(&t->ip, ip));
		return buf;
	}
	const struct wr_pod *pod = &w->pods[t->pod];
	if (pod->kind == WR_KIND_POD)
		snprintf(buf, size, "%s/%s", pod->ns, pod->name);
	else
		snprintf(buf, size, "%s/%s (%s)", pod->ns, pod->name, wr_kind_name(pod->kind));
	return buf;
}
