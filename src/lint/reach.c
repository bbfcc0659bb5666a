/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lint/checks.h"

/*
 * Who is expected to come in and cannot: the outside to a NodePort or
 * LoadBalancer Service, the ingress controller to the backends of an Ingress,
 * Prometheus to pods that ask to be scraped. Probes are no concern: a node
 * always reaches its own pods.
 */

static const struct wr_lint_rule service_closed = {
	"service-unreachable", WR_WARNING, false,
	"a NodePort or LoadBalancer whose pods admit nobody from outside"};
static const struct wr_lint_rule ingress_closed = {
	"ingress-unreachable", WR_WARNING, false,
	"an Ingress whose pods do not admit the ingress controller"};
static const struct wr_lint_rule scrape_closed = {
	"scrape-blocked", WR_NOTE, false,
	"pods that ask to be scraped and do not admit Prometheus"};

/* ---- who comes ---- */

struct callers {
	uint32_t *pods;
	uint32_t n;
};

static bool has_label(const struct lint *l, const struct wr_pod *pod, const char *pair)
{
	for (size_t i = 0; i < pod->n_labels; i++)
		if (!strcmp(wr_world_pair_text(l->w, pod->labels[i].pair), pair))
			return true;
	return false;
}

static bool is_controller(const struct lint *l, const struct wr_pod *pod)
{
	static const char *const pairs[] = {
		"app.kubernetes.io/name=ingress-nginx",
		"app.kubernetes.io/name=traefik",
		"app=ingress-nginx",
		"app=nginx-ingress",
		"app=traefik",
		"app.kubernetes.io/name=contour",
		"app.kubernetes.io/name=haproxy-ingress",
		"app.kubernetes.io/name=kong",
		"app.kubernetes.io/name=nginx-ingress",
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (has_label(l, pod, pairs[i]))
			return true;
	return !strcmp(pod->ns, "ingress-nginx");
}

static bool is_scraper(const struct lint *l, const struct wr_pod *pod)
{
	return has_label(l, pod, "app=prometheus") ||
	       has_label(l, pod, "app.kubernetes.io/name=prometheus") ||
	       has_label(l, pod, "prometheus=k8s");
}

static struct callers find_callers(struct lint *l,
				   bool (*is)(const struct lint *, const struct wr_pod *))
{
	struct callers c = {wr_arena_array(l->arena, l->w->n_pods, sizeof(uint32_t)), 0};
	l->nomem |= !c.pods;
	for (uint32_t i = 0; i < l->w->n_pods && c.pods; i++)
		if (!l->w->pods[i].completed && is(l, &l->w->pods[i]))
			c.pods[c.n++] = i;
	return c;
}

/* ---- whether they get in ---- */

static bool set_allows(const struct lint *l, uint32_t set, uint32_t key)
{
	uint32_t n, at = 0;
	const struct wr_range *ranges = wr_program_port_set(l->p, set, &n);
	while (at + 1 < n && ranges[at + 1].first <= key)
		at++;
	return ranges[at].allow;
}

/* Whether any address outside of the cluster may come in. */
static bool admits_outside(const struct lint *l, const struct wr_side *dst, uint32_t key)
{
	const uint32_t *row = wr_program_row(l->p, dst->id.row[WR_INGRESS]);
	uint32_t n;
	const struct wr_prefix *prefixes = wr_program_prefixes(l->p, &n);
	for (uint32_t i = 0; i < n; i++)
		if (set_allows(l, row[prefixes[i].class], key))
			return true;
	return set_allows(l, row[wr_program_world_class(l->p, WR_IPV4)], key) ||
	       set_allows(l, row[wr_program_world_class(l->p, WR_IPV6)], key);
}

/* A caller that is the pod itself: by its own address, or back through its Service. */
static bool reaches_itself(const struct lint *l, const struct wr_side *src,
			   const struct wr_side *dst, uint32_t key)
{
	struct wr_verdict v;
	wr_evaluate(l->p, src, dst, (uint8_t)(key >> 16), (uint16_t)key, &v);
	return v.allow;
}

/* Whether any of the callers may; where none is known, any pod of another namespace. */
static bool admits_callers(const struct lint *l, uint32_t pod, const struct wr_side *dst,
			   const struct callers *callers, uint32_t key)
{
	const uint32_t *row = wr_program_row(l->p, dst->id.row[WR_INGRESS]);
	struct wr_side src;
	for (uint32_t i = 0; i < callers->n; i++)
		if (!wr_side_pod(l->p, callers->pods[i], 0, &src) &&
		    (callers->pods[i] == pod ? reaches_itself(l, &src, dst, key)
					     : set_allows(l, row[src.id.class], key)))
			return true;
	if (callers->n)
		return false;
	for (uint32_t c = 0; c < wr_program_n_classes(l->p); c++)
		if (set_allows(l, row[c], key))
			break;
		else if (c + 1 == wr_program_n_classes(l->p))
			return false; /* nobody at all */
	uint32_t n;
	const struct wr_endpoint *e = wr_program_endpoints(l->p, &n);
	for (uint32_t i = 0; i < n; i++)
		if (e[i].pod != WR_NONE &&
		    l->w->pods[e[i].pod].ns_index != l->w->pods[pod].ns_index &&
		    set_allows(l, row[e[i].id.class], key))
			return true;
	/* a controller that is not here may have other labels, or the host's network */
	return admits_outside(l, dst, key);
}

typedef bool (*admits_fn)(const struct lint *, uint32_t, const struct wr_side *,
			  const struct callers *, uint32_t);

static bool admits_anybody(const struct lint *l, uint32_t pod, const struct wr_side *dst,
			   const struct callers *callers, uint32_t key)
{
	(void)pod;
	(void)callers;
	return admits_outside(l, dst, key);
}

/* True when the Service has pods, and none of them admits the callers at the port. */
static bool all_closed(const struct lint *l, const struct wr_service *s,
		       const struct wr_service_port *sp, const struct callers *callers,
		       admits_fn admits)
{
	size_t closed = 0;
	for (size_t i = 0; i < s->n_pods; i++) {
		struct wr_side dst;
		uint16_t port = wr_service_target(sp, &l->w->pods[s->pods[i]]);
		if (!port || wr_side_pod(l->p, s->pods[i], 0, &dst) < 0)
			continue;
		dst.by_service = true;
		if (!dst.id.row[WR_INGRESS] ||
		    admits(l, s->pods[i], &dst, callers, WR_KEY(sp->proto, port)))
			return false;
		closed++;
	}
	return closed > 0;
}

/*
 * Names who keeps a caller (NULL: the outside) from a Service's pods: a
 * NetworkPolicy that isolates them, or a rule of a cluster-wide policy.
 */
static void relate_policy(struct lint *l, const struct wr_service *s,
			  const struct wr_service_port *sp, const uint32_t *caller)
{
	struct wr_side dst, src;
	uint32_t class = wr_program_world_class(l->p, WR_IPV4), n, at = 0;
	if (wr_side_pod(l->p, s->pods[0], 0, &dst) < 0 || !dst.id.row[WR_INGRESS])
		return;
	if (caller && !wr_side_pod(l->p, *caller, 0, &src))
		class = src.id.class;
	uint32_t key = WR_KEY(sp->proto, wr_service_target(sp, &l->w->pods[s->pods[0]]));
	const struct wr_range *ranges =
		wr_program_port_set(l->p, wr_program_row(l->p, dst.id.row[WR_INGRESS])[class], &n);
	while (at + 1 < n && ranges[at + 1].first <= key)
		at++;
	const struct wr_author *by = wr_program_author(l->p, ranges[at].author);
	struct wr_mark mark = lint_decider_mark(l, by);
	if (!ranges[at].allow && mark.file)
		lint_relate(l, mark, "%s%s", lint_decider_text(l, by, NULL),
			    by->kind == WR_BY_RULE ? " them" : "");
}

/* ---- the three ---- */

static void check_service(struct lint *l, const struct wr_service *s)
{
	const struct wr_service_object *o = &s->object->service;
	if (strcmp(o->type, "NodePort") != 0 && strcmp(o->type, "LoadBalancer") != 0)
		return;
	for (size_t i = 0; i < o->n_ports; i++) {
		if (!all_closed(l, s, &o->ports[i], NULL, admits_anybody))
			continue;
		lint_report(
			l, &service_closed, s->object, o->ports[i].mark,
			lint_text(l, "spec.ports[%zu]", i),
			"the Service is a %s, but no policy of its %s lets anybody in from outside",
			o->type, lint_count(l, s->n_pods, "pod", "pods"));
		lint_advise(l,
			    "allow the clients: from: [{ipBlock: {cidr: 0.0.0.0/0}}], or narrower");
		relate_policy(l, s, &o->ports[i], NULL);
		return;
	}
}

static void check_ingress(struct lint *l, const struct wr_ingress *ing,
			  const struct callers *controllers)
{
	for (size_t i = 0; i < ing->object->ingress.n_backends; i++) {
		const struct wr_ingress_backend *b = &ing->object->ingress.backends[i];
		const struct wr_service *s = ing->services[i] == WR_NONE
						     ? NULL
						     : &l->w->services[ing->services[i]];
		const struct wr_service_port *sp = s ? wr_service_backend_port(s, b) : NULL;
		if (!sp || !all_closed(l, s, sp, controllers, admits_callers))
			continue;
		lint_report(l, &ingress_closed, ing->object, b->mark, NULL,
			    "the pods of Service %s do not admit %s: its clients get 502 or 503",
			    s->name,
			    controllers->n ? "the ingress controller"
					   : "any pod of another namespace");
		lint_advise(l,
			    "allow the controller's namespace: namespaceSelector: "
			    "{matchLabels: {kubernetes.io/metadata.name: %s}}",
			    controllers->n ? l->w->pods[controllers->pods[0]].ns : "ingress-nginx");
		relate_policy(l, s, sp, controllers->n ? &controllers->pods[0] : NULL);
	}
}

static void check_scrape(struct lint *l, uint32_t pod, const struct callers *scrapers)
{
	const struct wr_object *o = l->w->pods[pod].object;
	const char *wanted = o ? lint_annotation(o, "prometheus.io/scrape") : NULL;
	const char *port = wanted ? lint_annotation(o, "prometheus.io/port") : NULL;
	struct wr_side dst;
	if (!port || strcmp(wanted, "true") != 0 || wr_side_pod(l->p, pod, 0, &dst) < 0 ||
	    !dst.id.row[WR_INGRESS])
		return;
	unsigned long number = strtoul(port, NULL, 10);
	if (!number || number > 65535 ||
	    admits_callers(l, pod, &dst, scrapers, WR_KEY(WR_TCP, number)))
		return;
	lint_report(l, &scrape_closed, o, o->meta.mark, NULL,
		    "asks to be scraped on port %lu, and its policies do not admit %s", number,
		    lint_text(l, "%s/%s", l->w->pods[scrapers->pods[0]].ns,
			      l->w->pods[scrapers->pods[0]].name));
	lint_advise(l, "allow TCP %lu from namespace %s", number, l->w->pods[scrapers->pods[0]].ns);
}

static void run(struct lint *l)
{
	struct callers controllers = find_callers(l, is_controller);
	struct callers scrapers = find_callers(l, is_scraper);
	for (uint32_t i = 0; i < l->w->n_services && !l->nomem; i++)
		check_service(l, &l->w->services[i]);
	for (uint32_t i = 0; i < l->w->n_ingresses && !l->nomem; i++)
		check_ingress(l, &l->w->ingresses[i], &controllers);
	for (uint32_t i = 0; i < l->w->n_pods && scrapers.n && !l->nomem; i++)
		check_scrape(l, i, &scrapers);
}

const struct lint_check lint_reach = {LINT_RULES(&service_closed, &ingress_closed, &scrape_closed),
				      run};
