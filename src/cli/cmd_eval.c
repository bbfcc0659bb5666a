/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/eval_flows.h"
#include "cli/load.h"
#include "cli/resolve.h"
#include "cli/writer.h"
#include "engine/explain.h"

/* One question and all that its answer says. */
struct answer {
	const struct wr_world *w;
	const char *from, *to; /* as asked */
	struct wr_target targets[2];
	struct wr_side sides[2];
	uint8_t family, other, proto; /* other: the family that judges otherwise, or 0 */
	uint16_t port;
	const char *port_name;
	struct wr_verdict verdict;
	struct wr_reason reasons[2];
	bool verbose;
};

static const char *const directions[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

static const char *family_text(uint8_t family)
{
	return family == WR_IPV6 ? "ipv6" : "ipv4";
}

static void policy_name(const struct wr_world *w, uint32_t policy, char *buf, size_t size)
{
	char title[WR_POLICY_TITLE];
	snprintf(buf, size, "%s", wr_policy_title(&w->policies[policy], title));
}

static void place(struct wr_out *o, const struct wr_mark *m)
{
	if (m->file)
		wr_out_printf(o, "%s%s:%u%s", wr_out_colour(o, WR_DIM),
			      strcmp(m->file, "-") ? m->file : "<stdin>", m->line,
			      wr_out_colour(o, WR_PLAIN));
}

/* ---- text ---- */

static void print_miss(struct wr_out *o, const struct answer *a, const struct wr_near_miss *m,
		       enum wr_direction dir, bool first)
{
	char name[600];
	policy_name(a->w, m->policy, name, sizeof(name));
	wr_out_printf(o, "    %-12s  %s, %s rule %u  ", first ? "nearest miss" : "next", name,
		      directions[dir], m->rule + 1);
	place(o, &m->mark);
	wr_out_printf(o, "\n                  %s\n", m->text);
	if (m->mend)
		wr_out_printf(o, "                  to mend: %s%s%s\n", wr_out_colour(o, WR_CYAN),
			      m->mend, wr_out_colour(o, WR_PLAIN));
}

static void print_reason(struct wr_out *o, const struct answer *a, const struct wr_reason *r)
{
	char name[600];
	wr_out_printf(o, "  %-7s  %s%s%s  %s", directions[r->dir],
		      wr_out_colour(o, r->allow ? WR_GREEN : WR_RED), r->allow ? "allow" : "deny ",
		      wr_out_colour(o, WR_PLAIN), r->text);
	if (r->author.kind == WR_BY_RULE) {
		wr_out_text(o, "  ");
		place(o, &r->mark);
	}
	wr_out_text(o, "\n");
	if (r->author.kind != WR_BY_ISOLATION)
		return;
	for (uint32_t i = 0; i < r->n_isolating; i++) {
		policy_name(a->w, r->isolating[i], name, sizeof(name));
		wr_out_printf(o, "    %-12s  %s  ", i ? "" : "isolated by", name);
		place(o, &a->w->policies[r->isolating[i]].mark);
		wr_out_text(o, "\n");
	}
	for (uint32_t i = 0; i < r->n_misses && (!i || a->verbose); i++)
		print_miss(o, a, &r->misses[i], r->dir, !i);
	if (!r->n_misses)
		wr_out_text(o, "                  none of their rules comes near\n");
}

static void print_connection(struct wr_out *o, const struct answer *a)
{
	char from[600], to[600];
	const char *proto = wr_proto_name(a->proto);
	wr_out_printf(o, "%s -> %s  %s%s", wr_target_text(a->w, &a->targets[0], from, sizeof(from)),
		      wr_target_text(a->w, &a->targets[1], to, sizeof(to)),
		      *proto >= '0' && *proto <= '9' ? "IP protocol " : "", proto);
	if (wr_proto_has_ports(a->proto))
		wr_out_printf(o, " %u", a->port);
	if (a->port_name)
		wr_out_printf(o, " (%s)", a->port_name);
	wr_out_text(o, "\n");
}

/* Ends that policies do not see as the user may think. */
static void print_remarks(struct wr_out *o, const struct answer *a)
{
	for (int i = 0; i < 2; i++) {
		char name[600];
		const char *asked = i ? a->to : a->from, *slash = strrchr(asked, '/');
		uint32_t pod = a->sides[i].pod != WR_NONE ? a->sides[i].pod : a->targets[i].pod;
		if (pod == WR_NONE)
			continue;
		const struct wr_pod *p = &a->w->pods[pod];
		struct wr_target t = {.pod = pod};
		wr_target_text(a->w, &t, name, sizeof(name));
		if (a->targets[i].pod == WR_NONE)
			wr_out_printf(o, "\nnote: %s is an address of %s\n", asked, name);
		else if (slash && strcmp(slash + 1, p->name) != 0)
			wr_out_printf(o, "\nnote: the pod %s stands for %s\n", name, asked);
		if (p->host_network)
			wr_out_printf(o,
				      "\nnote: %s uses the network of its node: policies do not "
				      "select it\n",
				      name);
		if (p->completed)
			wr_out_printf(o, "\nnote: %s is completed: it has no address any more\n",
				      name);
	}
	if (a->other)
		wr_out_printf(o,
			      "\nnote: this is the verdict for %s; for %s it is %s (--family %s)\n",
			      a->family == WR_IPV6 ? "IPv6" : "IPv4",
			      a->other == WR_IPV6 ? "IPv6" : "IPv4",
			      a->verdict.allow ? "denied" : "allowed", family_text(a->other));
}

static void print_text(struct wr_out *o, const struct answer *a)
{
	bool allow = a->verdict.allow;
	wr_out_printf(o, "%s%s%s%s  ", wr_out_colour(o, WR_BOLD),
		      wr_out_colour(o, allow ? WR_GREEN : WR_RED), allow ? "allowed" : "denied",
		      wr_out_colour(o, WR_PLAIN));
	print_connection(o, a);
	wr_out_text(o, "\n");
	print_reason(o, a, &a->reasons[WR_EGRESS]);
	print_reason(o, a, &a->reasons[WR_INGRESS]);
	print_remarks(o, a);
}

/* ---- documents ---- */

static void key_place(struct wr_out *o, const struct wr_mark *m)
{
	if (!m->file)
		return;
	wr_out_key_string(o, "file", m->file);
	wr_out_key_uint(o, "line", m->line);
	wr_out_key_uint(o, "column", m->column);
}

static void key_policy(struct wr_out *o, const struct answer *a, uint32_t policy)
{
	char name[600];
	policy_name(a->w, policy, name, sizeof(name));
	wr_out_key_string(o, "policy", name);
}

/* Rule (counted from 1) and the path of the field that matched, or missed. */
static void key_rule(struct wr_out *o, enum wr_direction dir, uint32_t rule, uint32_t peer,
		     uint32_t port, bool at_port)
{
	char path[96];
	int n = snprintf(path, sizeof(path), "spec.%s[%u]", directions[dir], rule);
	if (peer != WR_NONE && !at_port)
		snprintf(path + n, sizeof(path) - (size_t)n, ".%s[%u]",
			 dir == WR_EGRESS ? "to" : "from", peer);
	else if (port != WR_NONE)
		snprintf(path + n, sizeof(path) - (size_t)n, ".ports[%u]", port);
	wr_out_key_uint(o, "rule", rule + 1);
	wr_out_key_string(o, "path", path);
}

static const char *miss_name(enum wr_miss_kind kind)
{
	static const char *const names[] = {
		[WR_MISS_PORT] = "port",
		[WR_MISS_PROTOCOL] = "protocol",
		[WR_MISS_NAMED_PORT] = "namedPort",
		[WR_MISS_NO_PORTS] = "noPorts",
		[WR_MISS_LABELS] = "podLabels",
		[WR_MISS_NAMESPACE] = "namespace",
		[WR_MISS_NS_LABELS] = "namespaceLabels",
		[WR_MISS_EXCEPT] = "except",
		[WR_MISS_IPBLOCK] = "ipBlock",
	};
	return names[kind];
}

static void write_isolation(struct wr_out *o, const struct answer *a, const struct wr_reason *r)
{
	wr_out_key(o, "isolatedBy");
	wr_out_list(o);
	for (uint32_t i = 0; i < r->n_isolating; i++) {
		wr_out_map(o);
		key_policy(o, a, r->isolating[i]);
		key_place(o, &a->w->policies[r->isolating[i]].mark);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_key(o, "nearMisses");
	wr_out_list(o);
	for (uint32_t i = 0; i < r->n_misses; i++) {
		const struct wr_near_miss *m = &r->misses[i];
		wr_out_map(o);
		key_policy(o, a, m->policy);
		key_rule(o, r->dir, m->rule, m->peer, m->port, false);
		wr_out_key_string(o, "kind", miss_name(m->kind));
		wr_out_key_string(o, "reason", m->text);
		if (m->mend)
			wr_out_key_string(o, "mend", m->mend);
		key_place(o, &m->mark);
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void write_reason(struct wr_out *o, const struct answer *a, const struct wr_reason *r)
{
	wr_out_key(o, directions[r->dir]);
	wr_out_map(o);
	wr_out_key_string(o, "verdict", r->allow ? "allow" : "deny");
	wr_out_key_string(o, "reason", r->text);
	if (r->author.kind == WR_BY_RULE) {
		key_policy(o, a, r->author.policy);
		key_rule(o, r->dir, r->author.rule, r->peer, r->port, false);
		key_place(o, &r->mark);
	}
	if (r->author.kind == WR_BY_ISOLATION)
		write_isolation(o, a, r);
	wr_out_end(o);
}

static void write_document(struct wr_out *o, const struct answer *a)
{
	wr_out_map(o);
	wr_out_key_string(o, "from", a->from);
	wr_out_key_string(o, "to", a->to);
	wr_out_key_string(o, "protocol", wr_proto_name(a->proto));
	if (wr_proto_has_ports(a->proto))
		wr_out_key_uint(o, "port", a->port);
	if (a->port_name)
		wr_out_key_string(o, "portName", a->port_name);
	if (a->family)
		wr_out_key_string(o, "family", family_text(a->family));
	wr_out_key_string(o, "verdict", a->verdict.allow ? "allow" : "deny");
	if (a->other) {
		wr_out_key(o, "otherFamily");
		wr_out_map(o);
		wr_out_key_string(o, "family", family_text(a->other));
		wr_out_key_string(o, "verdict", a->verdict.allow ? "deny" : "allow");
		wr_out_end(o);
	}
	write_reason(o, a, &a->reasons[WR_EGRESS]);
	write_reason(o, a, &a->reasons[WR_INGRESS]);
	wr_out_end(o);
}

/* ---- the question ---- */

static int parse_port(const struct wr_args *args, struct answer *a)
{
	const char *text = wr_arg_string(args, "port");
	const char *proto = wr_proto_name(a->proto);
	struct wr_problem problem;
	if (!wr_proto_has_ports(a->proto))
		return text ? wr_usage_error(args, "--port: %s has no ports", proto) : 0;
	if (!text)
		return wr_usage_error(args, "--port is missing: %s needs one", proto);
	if (text[strspn(text, "0123456789")]) {
		if (wr_target_named_port(a->w, &a->sides[1], a->proto, text, &a->port, &problem) <
		    0)
			return wr_fail(args, "%s", problem.text);
		a->port_name = text;
		return 0;
	}
	unsigned long port = strlen(text) <= 5 ? strtoul(text, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		return wr_usage_error(args, "--port: '%s' is not a port from 1 to 65535", text);
	a->port = (uint16_t)port;
	return 0;
}

static int parse_question(const struct wr_args *args, const struct wr_program *p, uint8_t family,
			  struct answer *a)
{
	static const char *const names[] = {"from", "to"};
	struct wr_problem problem;
	int proto = wr_proto_parse(wr_arg_string(args, "protocol"));
	if (proto < 0)
		return wr_usage_error(args, "--protocol: '%s' is not a protocol",
				      wr_arg_string(args, "protocol"));
	a->from = wr_arg_string(args, "from");
	a->to = wr_arg_string(args, "to");
	for (int i = 0; i < 2; i++)
		if (wr_target_find(a->w, i ? a->to : a->from, &a->targets[i], &problem) < 0)
			return wr_fail(args, "--%s: %s", names[i], problem.text);
	if (wr_target_sides(p, &a->targets[0], &a->targets[1], family, a->sides, &a->other,
			    &problem) < 0)
		return wr_fail(args, "%s", problem.text);
	a->family = a->sides[0].family ? a->sides[0].family : a->sides[1].family;
	a->proto = wr_proto_of_family((uint8_t)proto, a->family);
	return parse_port(args, a);
}

/* Keeps a->other only where the other family's verdict differs. */
static int compare_families(const struct wr_program *p, struct answer *a)
{
	struct wr_side sides[2];
	struct wr_verdict v;
	struct wr_problem problem;
	uint8_t none;
	if (!a->other || wr_target_sides(p, &a->targets[0], &a->targets[1], a->other, sides, &none,
					 &problem) < 0)
		return 0;
	wr_evaluate(p, &sides[0], &sides[1], wr_proto_of_family(a->proto, a->other), a->port, &v);
	if (v.allow == a->verdict.allow)
		a->other = 0;
	return 0;
}

static int eval_one(const struct wr_args *args, const struct wr_program *p, uint8_t family,
		    struct wr_arena *arena)
{
	struct answer a = {.w = wr_program_world(p), .verbose = wr_arg_flag(args, "verbose")};
	int status = parse_question(args, p, family, &a);
	if (status)
		return status;
	wr_evaluate(p, &a.sides[0], &a.sides[1], a.proto, a.port, &a.verdict);
	if (wr_explain(p, &a.sides[0], &a.sides[1], a.proto, a.port, arena, a.reasons) < 0)
		return wr_fail(args, "out of memory");
	compare_families(p, &a);
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	if (wr_out_format(o) == WR_TABLE)
		print_text(o, &a);
	else
		write_document(o, &a);
	return wr_out_finish(o, a.verdict.allow ? WR_EXIT_OK : WR_EXIT_NO);
}

/* --flows and --from/--to are two ways of asking. */
static int check_ways(const struct wr_args *args)
{
	static const char *const single[] = {"from", "to", "port", "protocol", "output"};
	static const size_t n_single = sizeof(single) / sizeof(single[0]);
	bool flows = wr_arg_given(args, "flows");
	for (size_t i = 0; flows && i < n_single; i++)
		if (wr_arg_given(args, single[i]))
			return wr_usage_error(args, "--%s does not go with --flows", single[i]);
	if (!flows && wr_arg_flag(args, "stats"))
		return wr_usage_error(args, "--stats goes with --flows only");
	if (!flows && !wr_arg_given(args, "from"))
		return wr_usage_error(args, "--from (or --flows) is missing");
	if (!flows && !wr_arg_given(args, "to"))
		return wr_usage_error(args, "--to is missing");
	return 0;
}

/* Standard input can be read once. */
static int check_stdin(const struct wr_args *args)
{
	size_t n, uses = wr_arg_given(args, "flows") && !strcmp(wr_arg_string(args, "flows"), "-");
	const char *const *paths = wr_arg_all(args, "filename", &n);
	for (size_t i = 0; i < n; i++)
		uses += !strcmp(paths[i], "-");
	return uses > 1 ? wr_usage_error(args, "standard input (-) can be read only once") : 0;
}

static int run_eval(const struct wr_args *args)
{
	static const uint8_t families[] = {WR_IPV4, WR_IPV6};
	int status = check_ways(args);
	if (!status)
		status = check_stdin(args);
	if (status)
		return status;
	uint8_t family = wr_arg_given(args, "family") ? families[wr_arg_choice(args, "family")] : 0;
	struct wr_loaded l = {0};
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1};
	status = wr_load_program(args, &opts, &l);
	if (!status && wr_arg_given(args, "flows"))
		status = wr_eval_flows(args, l.program, wr_arg_string(args, "flows"), family,
				       wr_arg_flag(args, "stats"));
	else if (!status)
		status = eval_one(args, l.program, family, l.arena);
	wr_loaded_free(&l);
	return status;
}

static const char *const family_choices[] = {"ipv4", "ipv6", NULL};

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	{"from", 0, WR_OPT_STRING, .value = "X",
	 .help = "the source: NAMESPACE/POD, NAMESPACE/KIND/NAME, or an address"},
	{"to", 0, WR_OPT_STRING, .value = "Y", .help = "the destination, likewise"},
	{"port", 'p', WR_OPT_STRING, .value = "N|NAME",
	 .help = "the destination's port: a number, or a name of its containers"},
	{"protocol", 0, WR_OPT_STRING, .value = "NAME|N", .fallback = "TCP",
	 .help = "TCP, UDP, SCTP, ICMP, or an IP protocol number"},
	{"family", 0, WR_OPT_CHOICE, .value = "FAMILY", .choices = family_choices,
	 .help = "which addresses of dual-stack pods"},
	{"flows", 0, WR_OPT_STRING, .value = "FILE",
	 .help = "evaluate a stream of flows, one JSON object a line (- for stdin)"},
	{"stats", 0, WR_OPT_FLAG, .help = "with --flows: counts and times on stderr at the end"},
	WR_OPTION_IPBLOCKS,
	WR_OPTION_OUTPUT,
	{"verbose", 'v', WR_OPT_FLAG,
	 .help = "show all near misses, and on stderr what was skipped, and warnings"},
	{0},
};

const struct wr_command wr_cmd_eval = {
	.name = "eval",
	.summary = "say whether a connection is allowed, and why",
	.description =
		"Reads manifests and judges a new connection from X to Y: whether the policies\n"
		"that select its ends allow it, which rule does, or which policies isolate and\n"
		"which rule would nearly have allowed it.\n"
		"\n"
		"A workload (Deployment, StatefulSet, ...) stands for its pods.\n"
		"\n"
		"With --flows, each line "
		"{\"from\":\"x/a\",\"to\":\"y/b\",\"protocol\":\"TCP\",\"port\":80} is\n"
		"answered by a line: the same fields and the verdict. A bad line is answered with\n"
		"an \"error\" and does not stop the rest.\n"
		"\n"
		"Exit status: 0 allowed, 1 denied, 2 error. With --flows: 0, or 2 after bad "
		"lines.\n",
	.examples = "  weir eval -f manifests/ --from shop/web --to shop/db --port 5432\n"
		    "  weir eval -f manifests/ --from shop/deployment/web --to 8.8.8.8 --port 53 "
		    "--protocol UDP\n"
		    "  weir eval -f manifests/ --from a/x --to b/y --protocol ICMP -o json\n"
		    "  weir eval -f manifests/ --flows flows.jsonl --stats > verdicts.jsonl\n",
	.options = options,
	.run = run_eval,
};
