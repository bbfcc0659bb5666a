/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab get, weir lab status: what there is in a lab. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lab/api.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(lab, struct wr_lab *, wr_lab_close)

enum format { TABLE, WIDE, JSON };
static const char *const formats[] = {"table", "wide", "json", NULL};

static int failed(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, true);
	return wr_diags_total(d, WR_ERROR) ? WR_EXIT_ERROR : wr_fail(args, "%s", strerror(-rc));
}

static void cell(struct wr_table *t, const char *s)
{
	wr_table_cell(t, WR_PLAIN, "%s", s);
}

/* ---- rows ---- */

static void head(struct wr_table *t, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wr_table_cell(t, WR_BOLD, "%s", names[i]);
}

static const char *join_ips(char *buf, size_t size, const struct wr_ip *ips, size_t n)
{
	size_t at = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < n && at < size; i++) {
		char ip[WR_IP_TEXT];
		int k = snprintf(buf + at, size - at, "%s%s", i ? "," : "",
				 wr_ip_format(&ips[i], ip));
		at += k > 0 ? (size_t)k : 0;
	}
	return buf;
}

static void labels_cell(struct wr_table *t, const struct wr_meta *m)
{
	char text[1024];
	size_t at = 0;
	text[0] = '\0';
	for (size_t i = 0; i < m->n_labels && at < sizeof(text); i++) {
		int n = snprintf(text + at, sizeof(text) - at, "%s%s=%s", i ? "," : "",
				 m->labels[i].key, m->labels[i].value);
		at += n > 0 ? (size_t)n : 0;
	}
	cell(t, m->n_labels ? text : "<none>");
}

static void pod_row(const struct wr_lab *lab, const struct wr_object *o, bool wide,
		    struct wr_table *t)
{
	char ips[200];
	(void)lab;
	cell(t, o->meta.ns);
	cell(t, o->meta.name);
	cell(t, o->pod.phase ? o->pod.phase : "Unknown");
	cell(t, join_ips(ips, sizeof(ips), o->pod.ips, wide || !o->pod.n_ips ? o->pod.n_ips : 1));
	cell(t, o->pod.spec.node ? o->pod.spec.node : "<none>");
	if (wide)
		labels_cell(t, &o->meta);
}

static void service_row(const struct wr_lab *lab, const struct wr_object *o, bool wide,
			struct wr_table *t)
{
	const struct wr_service_object *s = &o->service;
	const struct wr_lab_svc_alloc *a = wr_lab_find_svc_alloc(lab->state, o->meta.ns,
								 o->meta.name);
	char ips[200] = "None", ports[512] = "";
	size_t at = 0, n = 0;
	struct wr_ip both[2];
	if (a && a->ip4.family)
		both[n++] = a->ip4;
	if (a && a->ip6.family)
		both[n++] = a->ip6;
	if (n)
		join_ips(ips, sizeof(ips), both, wide ? n : 1);
	for (size_t i = 0; i < s->n_ports && at < sizeof(ports); i++) {
		unsigned node_port = 0;
		for (size_t k = 0; a && k < a->ports.n; k++)
			if (a->ports.items[k].port == s->ports[i].port &&
			    a->ports.items[k].proto == s->ports[i].proto)
				node_port = a->ports.items[k].node_port;
		int k = node_port
				? snprintf(ports + at, sizeof(ports) - at, "%s%u:%u/%s",
					   i ? "," : "", s->ports[i].port, node_port,
					   wr_proto_name(s->ports[i].proto))
				: snprintf(ports + at, sizeof(ports) - at, "%s%u/%s", i ? "," : "",
					   s->ports[i].port, wr_proto_name(s->ports[i].proto));
		at += k > 0 ? (size_t)k : 0;
	}
	cell(t, o->meta.ns);
	cell(t, o->meta.name);
	cell(t, s->type);
	cell(t, ips);
	cell(t, ports);
	if (wide)
		labels_cell(t, &o->meta);
}

static void node_row(const struct wr_lab *lab, const struct wr_object *o, bool wide,
		     struct wr_table *t)
{
	char ips[200], cidr[WR_CIDR_TEXT];
	(void)lab;
	cell(t, o->meta.name);
	cell(t, join_ips(ips, sizeof(ips), o->node.ips, o->node.n_ips));
	cell(t, o->node.n_pod_cidrs ? wr_cidr_format(&o->node.pod_cidrs[0], cidr) : "");
	if (wide)
		labels_cell(t, &o->meta);
}

/* NULL only for an object that is not of this world. */
static const struct wr_policy *policy_of(const struct wr_lab *lab, const struct wr_object *o)
{
	for (uint32_t i = 0; i < lab->world->n_policies; i++)
		if (lab->world->policies[i].object == o)
			return &lab->world->policies[i];
	return NULL;
}

static const char *selector_text(const struct wr_lab *lab, uint32_t selector)
{
	const char *text = wr_selector_format(lab->world, selector, lab->arena);
	return text ? text : "";
}

static void types_and_place(const struct wr_object *o, bool ingress, bool egress, bool wide,
			    struct wr_table *t)
{
	char place[300];
	cell(t, ingress && egress ? "Ingress,Egress"
		: ingress         ? "Ingress"
		: egress          ? "Egress"
				  : "<none>");
	/* of what others wrote there is the path of its kind in the API, and no place */
	if (o->mark.file && strncmp(o->mark.file, "/api", 4) != 0)
		snprintf(place, sizeof(place), "%s:%u", o->mark.file, o->mark.line);
	else
		snprintf(place, sizeof(place), "<none>");
	if (wide)
		cell(t, place);
}

static void policy_row(const struct wr_lab *lab, const struct wr_object *o, bool wide,
		       struct wr_table *t)
{
	const struct wr_policy *p = policy_of(lab, o);
	const char *pods = p ? selector_text(lab, p->subject.pod_selector) : "";
	cell(t, o->meta.ns);
	cell(t, o->meta.name);
	cell(t, *pods ? pods : "<all pods>");
	types_and_place(o, o->np.isolates[WR_INGRESS], o->np.isolates[WR_EGRESS], wide, t);
}

static void cluster_policy_row(const struct wr_lab *lab, const struct wr_object *o, bool wide,
			       struct wr_table *t)
{
	const struct wr_policy *p = policy_of(lab, o);
	const char *pods = p ? selector_text(lab, p->subject.pod_selector) : "";
	const char *ns = p ? selector_text(lab, p->subject.ns_selector) : "";
	cell(t, o->meta.name);
	cell(t, o->cp.tier == WR_TIER_ADMIN ? "Admin" : "Baseline");
	wr_table_cell(t, WR_PLAIN, "%d", (int)o->cp.priority);
	if (*ns || *pods)
		wr_table_cell(t, WR_PLAIN, "%s%s%s%s%s", *ns ? "namespaces " : "", ns,
			      *ns && *pods ? ", " : "", *pods ? "pods " : "", pods);
	else
		cell(t, "<all pods>");
	types_and_place(o, o->cp.n_rules[WR_INGRESS] > 0, o->cp.n_rules[WR_EGRESS] > 0, wide, t);
}

struct view {
	enum wr_kind kind;
	const char *names[6];
	size_t columns; /* wide has one more */
	void (*row)(const struct wr_lab *lab, const struct wr_object *o, bool wide,
		    struct wr_table *t);
};

#define CLUSTER_POLICY_VIEW \
	{"NAME", "TIER", "PRIORITY", "SUBJECT", "TYPES", "FILE"}, 5, cluster_policy_row

static const struct view views[] = {
	{WR_KIND_POD, {"NAMESPACE", "NAME", "STATUS", "IP", "NODE", "LABELS"}, 5, pod_row},
	{WR_KIND_SERVICE,
	 {"NAMESPACE", "NAME", "TYPE", "CLUSTER-IP", "PORTS", "LABELS"},
	 5,
	 service_row},
	{WR_KIND_NODE, {"NAME", "ADDRESSES", "POD-CIDR", "LABELS"}, 3, node_row},
	{WR_KIND_NETWORKPOLICY,
	 {"NAMESPACE", "NAME", "POD-SELECTOR", "TYPES", "FILE"},
	 4,
	 policy_row},
	{WR_KIND_CLUSTERNETWORKPOLICY, CLUSTER_POLICY_VIEW},
	{WR_KIND_ADMINNETWORKPOLICY, CLUSTER_POLICY_VIEW},
	{WR_KIND_BASELINEADMINNETWORKPOLICY, CLUSTER_POLICY_VIEW},
};

/* ---- get ---- */

static bool in_namespace(const struct wr_object *o, const char *ns)
{
	return !ns || (o->meta.ns && !strcmp(o->meta.ns, ns));
}

static void write_json(const struct wr_lab *lab, const struct view *v, const char *ns,
		       struct wr_out *o)
{
	wr_out_map(o);
	wr_out_key_string(o, "apiVersion", "v1");
	wr_out_key_string(o, "kind", "List");
	wr_out_key(o, "items");
	wr_out_list(o);
	for (size_t i = 0; i < lab->objects.n; i++) {
		const struct wr_object *object = lab->objects.items[i];
		if (object->kind == v->kind && in_namespace(object, ns) && object->value)
			wr_out_value(o, object->value);
	}
	wr_out_end(o);
	wr_out_end(o);
}

static int write_table(const struct wr_lab *lab, const struct view *v, const char *ns, bool wide,
		       struct wr_out *o)
{
	size_t columns = v->columns + wide;
	WR_CLEANUP(table)
	struct wr_table *t = wr_table_new((unsigned)columns);
	if (!t)
		return -ENOMEM;
	head(t, v->names, columns);
	for (size_t i = 0; i < lab->objects.n; i++)
		if (lab->objects.items[i]->kind == v->kind &&
		    in_namespace(lab->objects.items[i], ns))
			v->row(lab, lab->objects.items[i], wide, t);
	wr_table_write(t, o);
	return 0;
}

static int run_get(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(lab)
	struct wr_lab *lab = NULL;
	enum format format = (enum format)wr_arg_choice(args, "output");
	const char *ns = wr_arg_string(args, "namespace");
	const struct view *v = NULL;
	int kind = wr_kind_parse(args->operands[0]);
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (kind >= 0 && views[i].kind == (enum wr_kind)kind)
			v = &views[i];
	if (!v)
		return wr_usage_error(
			args, "'%s' is none of pods, services, nodes, netpol, cnp, anp and banp",
			args->operands[0]);
	const char *name = wr_arg_string(args, "name");
	if (d)
		wr_lab_wait_if_it_can(name, false, d);
	int rc = d ? wr_lab_open(name, d, &lab) : -ENOMEM;
	if (rc)
		return d ? failed(args, d, rc) : wr_fail(args, "out of memory");
	wr_print_diags(d, NULL, false);
	struct wr_out *o = wr_out_new(1, format == JSON ? WR_JSON : WR_TABLE);
	if (!o)
		return wr_fail(args, "out of memory");
	if (format == JSON)
		write_json(lab, v, ns, o);
	else if (write_table(lab, v, ns, format == WIDE, o) < 0)
		wr_out_out_of_memory(o);
	return wr_out_finish(o, WR_EXIT_OK);
}

/* ---- status ---- */

static void put_shortcoming(struct wr_out *o, const struct wr_policy *p, enum wr_direction dir,
			    size_t i, const char *why)
{
	char title[WR_POLICY_TITLE];
	const char *way = dir == WR_EGRESS ? "egress" : "ingress";
	const struct wr_rule *r = &p->rules[dir][i];
	wr_policy_title(p, title);
	if (wr_out_format(o) == WR_TABLE) {
		wr_out_printf(o, "%s %s rule %zu%s%s%s %s\n", title, way, i + 1,
			      r->name ? " (" : "", r->name ? r->name : "", r->name ? ")" : "", why);
		return;
	}
	wr_out_map(o);
	wr_out_key_string(o, "policy", title);
	wr_out_key_string(o, "direction", way);
	wr_out_key_uint(o, "rule", i + 1);
	if (r->name)
		wr_out_key_string(o, "ruleName", r->name);
	wr_out_key_string(o, "message", why);
	wr_out_end(o);
}

static void put_shortcomings(struct wr_out *o, const struct wr_world *w)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		for (int dir = 0; dir < 2; dir++)
			for (size_t k = 0; k < w->policies[i].n_rules[dir]; k++) {
				const char *why =
					wr_rule_shortcoming(&w->policies[i].rules[dir][k]);
				if (why)
					put_shortcoming(o, &w->policies[i], (enum wr_direction)dir,
							k, why);
			}
}

/* ---- what runs ---- */

struct running {
	struct wr_lab_runs runs;
	struct wr_lab_agent agents[WR_LAB_NODES_MAX];
	bool all;
};

static void look(const struct wr_lab_state *s, struct running *r)
{
	(void)wr_daemon_look(s->name, &r->runs);
	r->all = r->runs.server && r->runs.relay && r->runs.kubelet;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		wr_lab_ask_agent(s->name, i, &r->agents[i]);
		r->all &= r->runs.agents[i] && r->agents[i].answers;
	}
}

static void missing(struct wr_out *o, int64_t pid, const char *what, const char *so)
{
	if (!pid)
		wr_out_printf(o, "%s%s does not run%s: %s\n", wr_out_colour(o, WR_RED), what,
			      wr_out_colour(o, WR_PLAIN), so);
}

static void put_missing(struct wr_out *o, const struct running *r)
{
	missing(o, r->runs.server, "the API server", "nothing can be changed");
	missing(o, r->runs.relay, "the relay", "agents do not hear of changes");
	missing(o, r->runs.kubelet, "the kubelet", "no pod is made or removed");
}

static void put_agent(struct wr_out *o, uint32_t i, const struct running *r)
{
	const struct wr_lab_agent *a = &r->agents[i];
	if (!r->runs.agents[i])
		wr_out_printf(o, "node-%u: %sits agent does not run%s: what was in force stays\n",
			      i + 1, wr_out_colour(o, WR_RED), wr_out_colour(o, WR_PLAIN));
	else if (!a->answers || !a->ready)
		wr_out_printf(o, "node-%u enforces generation %u; not ready: %s\n", i + 1,
			      a->generation, a->reason);
	else
		wr_out_printf(o, "node-%u enforces generation %u\n", i + 1, a->generation);
}

static void status_text(struct wr_out *o, const struct wr_lab *lab, const struct running *r)
{
	const struct wr_lab_state *s = lab->state;
	wr_out_printf(o, "lab %s: %u node%s, %zu pods, %u services, %u policies\n", s->name,
		      s->n_nodes, s->n_nodes == 1 ? "" : "s", s->pods.n, lab->world->n_services,
		      lab->world->n_policies);
	put_missing(o, r);
	for (uint32_t i = 0; i < s->n_nodes; i++)
		put_agent(o, i, r);
	put_shortcomings(o, lab->world);
}

static void put_process(struct wr_out *o, const char *name, int64_t pid)
{
	wr_out_map(o);
	wr_out_key_string(o, "name", name);
	wr_out_key_bool(o, "running", pid != 0);
	if (pid)
		wr_out_key_uint(o, "pid", (uint64_t)pid);
	wr_out_end(o);
}

static void put_processes(struct wr_out *o, const struct wr_lab_state *s, const struct running *r)
{
	wr_out_key(o, "processes");
	wr_out_list(o);
	put_process(o, "apiserver", r->runs.server);
	put_process(o, "relay", r->runs.relay);
	put_process(o, "kubelet", r->runs.kubelet);
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		char name[32];
		snprintf(name, sizeof(name), "agent of node-%u", i + 1);
		put_process(o, name, r->runs.agents[i]);
	}
	wr_out_end(o);
}

static void status_document(struct wr_out *o, const struct wr_lab *lab, const struct running *r)
{
	const struct wr_lab_state *s = lab->state;
	wr_out_map(o);
	wr_out_key_string(o, "name", s->name);
	wr_out_key_uint(o, "pods", s->pods.n);
	wr_out_key_uint(o, "services", lab->world->n_services);
	wr_out_key_uint(o, "policies", lab->world->n_policies);
	wr_out_key(o, "nodes");
	wr_out_list(o);
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		char dir[WR_LAB_PATH];
		wr_out_map(o);
		wr_out_key_uint(o, "generation", r->agents[i].generation);
		wr_out_key_bool(o, "ready", r->agents[i].ready);
		wr_out_key_string(o, "pinDir", wr_lab_pin_dir(dir, s, i));
		wr_out_end(o);
	}
	wr_out_end(o);
	put_processes(o, s, r);
	wr_out_key(o, "shortcomings");
	wr_out_list(o);
	put_shortcomings(o, lab->world);
	wr_out_end(o);
	wr_out_end(o);
}

static int run_status(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(lab)
	struct wr_lab *lab = NULL;
	int rc = d ? wr_lab_open(wr_arg_string(args, "name"), d, &lab) : -ENOMEM;
	if (rc)
		return d ? failed(args, d, rc) : wr_fail(args, "out of memory");
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	struct running r = {0};
	look(lab->state, &r);
	if (wr_out_format(o) == WR_TABLE)
		status_text(o, lab, &r);
	else
		status_document(o, lab, &r);
	return wr_out_finish(o, r.all ? WR_EXIT_OK : WR_EXIT_NO);
}

static const struct wr_option get_options[] = {
	WR_OPTION_LAB_NAME,
	{"namespace", 0, WR_OPT_STRING, .value = "NS", .help = "only this namespace"},
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "table",
	 .help = "output format"},
	{0},
};
static const struct wr_option status_options[] = {WR_OPTION_LAB_NAME, WR_OPTION_OUTPUT, {0}};

const struct wr_command wr_lab_get_command = {
	.name = "get",
	.summary = "list pods, services, nodes or policies",
	.operands = "pods|services|nodes|netpol|cnp|anp|banp",
	.min_operands = 1,
	.max_operands = 1,
	.options = get_options,
	.run = run_get,
};

const struct wr_command wr_lab_status_command = {
	.name = "status",
	.summary = "show what a lab consists of",
	.options = status_options,
	.run = run_status,
};
