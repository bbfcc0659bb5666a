/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/explain_all.h"
#include "cli/load.h"
#include "cli/resolve.h"
#include "cli/suggest.h"
#include "cli/writer.h"
#include "engine/trace.h"

#define OPENED_SHOWN 20

static const char *const directions[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

/* One connection that is explained: to a pod or an address, perhaps by way of a Service. */
struct way {
	struct wr_target targets[2];
	struct wr_side sides[2];
	uint8_t proto;
	uint16_t port;
	uint8_t other; /* the family that has another verdict; 0: none */
	struct wr_trace trace;
	struct wr_suggestions suggestions;
};

struct run {
	const struct wr_args *args;
	struct wr_compile_opts opts;
	struct wr_loaded l;
	struct wr_out *out;
	uint8_t proto, family;
	const struct wr_service *service; /* NULL: the destination is none */
	const struct wr_service_port *service_port;
};

/* ---- text ---- */

static void place(struct wr_out *o, struct wr_mark m)
{
	if (m.file)
		wr_out_printf(o, "  %s%s:%u%s", wr_out_colour(o, WR_DIM),
			      strcmp(m.file, "-") ? m.file : "<stdin>", m.line,
			      wr_out_colour(o, WR_PLAIN));
}

static void print_policy(struct wr_out *o, const struct wr_world *w, const struct wr_step *s)
{
	char title[WR_POLICY_TITLE];
	wr_out_printf(o, "  %s%s%s  %s", wr_out_colour(o, WR_BOLD),
		      wr_policy_title(&w->policies[s->policy], title), wr_out_colour(o, WR_PLAIN),
		      s->text);
	place(o, s->mark);
	wr_out_text(o, "\n");
}

static void print_rule(struct wr_out *o, const struct wr_world *w, const struct wr_step *s)
{
	const char *name = w->policies[s->policy].rules[s->dir][s->rule].name;
	wr_out_printf(o, "    rule %u%s%s%s  %s%s%s%s", s->rule + 1, name ? " (" : "",
		      name ? name : "", name ? ")" : "",
		      wr_out_colour(o, !s->matches            ? WR_YELLOW
				       : s->action == WR_DENY ? WR_RED
							      : WR_GREEN),
		      s->matches ? "" : "misses: ", wr_out_colour(o, WR_PLAIN), s->text);
	place(o, s->mark);
	wr_out_text(o, "\n");
	if (s->mend)
		wr_out_printf(o, "            to mend: %s%s%s\n", wr_out_colour(o, WR_CYAN),
			      s->mend, wr_out_colour(o, WR_PLAIN));
}

static void print_end(struct wr_out *o, const struct wr_step *s)
{
	const char *word = s->action == WR_ACCEPT ? "allowed" : "denied";
	bool said = !strncmp(s->text, word, strlen(word)); /* "allowed by shop/db, rule 1" */
	wr_out_printf(o, "  => %s%s%s%s%s\n",
		      wr_out_colour(o, s->action == WR_ACCEPT ? WR_GREEN : WR_RED), word,
		      wr_out_colour(o, WR_PLAIN), said ? "" : ": ",
		      said ? s->text + strlen(word) : s->text);
}

static void print_direction(struct wr_out *o, const struct wr_world *w, const struct way *way,
			    enum wr_direction dir)
{
	char name[600];
	wr_out_printf(o, "\n%s%s of %s%s\n", wr_out_colour(o, WR_BOLD), directions[dir],
		      wr_target_text(w, &way->targets[dir == WR_EGRESS ? 0 : 1], name,
				     sizeof(name)),
		      wr_out_colour(o, WR_PLAIN));
	for (size_t i = 0; i < way->trace.n; i++) {
		const struct wr_step *s = &way->trace.steps[i];
		if (s->dir != dir)
			continue;
		if (s->kind == WR_STEP_POLICY)
			print_policy(o, w, s);
		else if (s->kind == WR_STEP_RULE)
			print_rule(o, w, s);
		else
			print_end(o, s);
	}
}

static void print_suggestion(struct wr_out *o, const struct wr_suggestions *all, size_t at)
{
	const struct wr_suggestion *s = &all->items[at];
	bool first_of_two = all->n == 2 && !at, second_of_two = at > 0;
	wr_out_printf(o, "\n%ssuggestion for %s%s: %s", wr_out_colour(o, WR_BOLD),
		      directions[s->dir], wr_out_colour(o, WR_PLAIN), s->what);
	if (s->mark.line)
		wr_out_printf(o, ", below line %u of %s", s->mark.line, s->mark.file);
	wr_out_text(o, "\n");
	for (const char *p = s->text; *p;) {
		size_t n = strcspn(p, "\n");
		wr_out_printf(o, "%s  + %.*s%s\n", wr_out_colour(o, WR_GREEN), (int)n, p,
			      wr_out_colour(o, WR_PLAIN));
		p += n + (p[n] == '\n');
	}
	if (!s->n_opened && first_of_two)
		wr_out_text(o, "  it opens nothing by itself: the other end must allow it, too\n");
	else if (!s->n_opened)
		wr_out_text(o, "  it opens no other connection between workloads\n");
	else
		wr_out_printf(o, "  it opens, %s:\n",
			      second_of_two ? "after the first" : "all in all");
	for (size_t i = 0; i < s->n_listed && i < OPENED_SHOWN; i++)
		wr_out_printf(o, "    %s\n", s->opened[i]);
	if (s->n_opened > OPENED_SHOWN)
		wr_out_printf(o, "    and %zu more (-o json lists them)\n",
			      s->n_opened - OPENED_SHOWN);
}

static void print_head(struct wr_out *o, const struct wr_world *w, const struct way *way)
{
	char from[600], to[600];
	bool allow = way->trace.allow;
	wr_out_printf(o, "%s%s%s%s  %s -> %s  %s", wr_out_colour(o, WR_BOLD),
		      wr_out_colour(o, allow ? WR_GREEN : WR_RED), allow ? "allowed" : "denied",
		      wr_out_colour(o, WR_PLAIN),
		      wr_target_text(w, &way->targets[0], from, sizeof(from)),
		      wr_target_text(w, &way->targets[1], to, sizeof(to)),
		      wr_proto_name(way->proto));
	if (wr_proto_has_ports(way->proto))
		wr_out_printf(o, " %u", way->port);
	wr_out_text(o, "\n");
}

/* Ends that are not what the user may think. */
static void print_notes(struct wr_out *o, const struct wr_world *w, const struct way *way)
{
	for (int i = 0; i < 2; i++) {
		char name[600], ip[WR_IP_TEXT];
		uint32_t pod = way->sides[i].pod;
		if (pod == WR_NONE)
			continue;
		struct wr_target t = {.pod = pod};
		wr_target_text(w, &t, name, sizeof(name));
		if (way->targets[i].pod == WR_NONE)
			wr_out_printf(o, "\nnote: %s is an address of %s\n",
				      wr_ip_format(&way->targets[i].ip, ip), name);
		if (w->pods[pod].completed)
			wr_out_printf(o, "\nnote: %s is completed: it has no address any more\n",
				      name);
	}
	if (way->other)
		wr_out_printf(o,
			      "\nnote: this is the verdict for %s; for %s it is %s "
			      "(--family %s)\n",
			      way->other == WR_IPV6 ? "IPv4" : "IPv6",
			      way->other == WR_IPV6 ? "IPv6" : "IPv4",
			      way->trace.allow ? "denied" : "allowed",
			      way->other == WR_IPV6 ? "ipv6" : "ipv4");
}

static void print_way(const struct run *r, const struct way *way)
{
	struct wr_out *o = r->out;
	print_head(o, r->l.world, way);
	print_direction(o, r->l.world, way, WR_EGRESS);
	print_direction(o, r->l.world, way, WR_INGRESS);
	print_notes(o, r->l.world, way);
	for (int d = 0; d < 2; d++)
		if (way->suggestions.notes[d])
			wr_out_printf(o, "\nnote for %s: %s\n", directions[d],
				      way->suggestions.notes[d]);
	for (size_t i = 0; i < way->suggestions.n; i++)
		print_suggestion(o, &way->suggestions, i);
	if (wr_arg_flag(r->args, "suggest") && !way->trace.allow && !way->suggestions.n)
		wr_out_text(o, "\nno suggestion: no change of one rule, and no new policy, "
			       "allows this without denying something else\n");
}

/* ---- documents ---- */

static void key_place(struct wr_out *o, struct wr_mark m)
{
	if (!m.file)
		return;
	wr_out_key_string(o, "file", m.file);
	wr_out_key_uint(o, "line", m.line);
}

static void key_policy(struct wr_out *o, const struct wr_world *w, uint32_t policy)
{
	char title[WR_POLICY_TITLE];
	wr_out_key_string(o, "policy", wr_policy_title(&w->policies[policy], title));
}

static void write_step(struct wr_out *o, const struct wr_world *w, const struct wr_step *s)
{
	static const char *const kinds[] = {"policy", "rule", "verdict"};
	static const char *const actions[] = {
		[WR_ACCEPT] = "allow", [WR_DENY] = "deny", [WR_PASS] = "pass"};
	wr_out_map(o);
	wr_out_key_string(o, "step", kinds[s->kind]);
	if (s->kind != WR_STEP_END)
		key_policy(o, w, s->policy);
	if (s->kind == WR_STEP_RULE) {
		wr_out_key_uint(o, "rule", s->rule + 1);
		wr_out_key_bool(o, "matches", s->matches);
	}
	if (s->kind == WR_STEP_END || s->matches)
		wr_out_key_string(o, "action", actions[s->action]);
	wr_out_key_string(o, "reason", s->text);
	if (s->mend)
		wr_out_key_string(o, "mend", s->mend);
	key_place(o, s->mark);
	wr_out_end(o);
}

static void write_direction(struct wr_out *o, const struct wr_world *w, const struct way *way,
			    enum wr_direction dir)
{
	wr_out_key(o, directions[dir]);
	wr_out_map(o);
	wr_out_key_string(o, "verdict", way->trace.reasons[dir].allow ? "allow" : "deny");
	wr_out_key_string(o, "reason", way->trace.reasons[dir].text);
	wr_out_key(o, "steps");
	wr_out_list(o);
	for (size_t i = 0; i < way->trace.n; i++)
		if (way->trace.steps[i].dir == dir)
			write_step(o, w, &way->trace.steps[i]);
	wr_out_end(o);
	wr_out_end(o);
}

static void write_suggestions(struct wr_out *o, const struct wr_suggestions *all)
{
	wr_out_key(o, "suggestions");
	wr_out_list(o);
	for (size_t i = 0; i < all->n; i++) {
		const struct wr_suggestion *s = &all->items[i];
		wr_out_map(o);
		wr_out_key_string(o, "direction", directions[s->dir]);
		wr_out_key_string(o, "what", s->what);
		if (s->mark.line) {
			wr_out_key_string(o, "file", s->mark.file);
			wr_out_key_uint(o, "belowLine", s->mark.line);
		}
		wr_out_key_string(o, "yaml", s->text);
		wr_out_key(o, "opens");
		wr_out_list(o);
		for (size_t k = 0; k < s->n_listed; k++)
			wr_out_string(o, s->opened[k]);
		wr_out_end(o);
		wr_out_key_uint(o, "opensCount", s->n_opened);
		wr_out_end(o);
	}
	wr_out_end(o);
}

/* Where a cluster-wide policy denies: what can help there. */
static void write_notes(struct wr_out *o, const struct wr_suggestions *all)
{
	if (!all->notes[0] && !all->notes[1])
		return;
	wr_out_key(o, "notes");
	wr_out_list(o);
	for (int d = 0; d < 2; d++) {
		if (!all->notes[d])
			continue;
		wr_out_map(o);
		wr_out_key_string(o, "direction", directions[d]);
		wr_out_key_string(o, "note", all->notes[d]);
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void write_way(const struct run *r, const struct way *way)
{
	char name[600];
	struct wr_out *o = r->out;
	const struct wr_world *w = r->l.world;
	wr_out_map(o);
	wr_out_key_string(o, "from", wr_target_text(w, &way->targets[0], name, sizeof(name)));
	wr_out_key_string(o, "to", wr_target_text(w, &way->targets[1], name, sizeof(name)));
	wr_out_key_string(o, "protocol", wr_proto_name(way->proto));
	if (wr_proto_has_ports(way->proto))
		wr_out_key_uint(o, "port", way->port);
	wr_out_key_string(o, "verdict", way->trace.allow ? "allow" : "deny");
	if (way->other) {
		wr_out_key(o, "otherFamily");
		wr_out_map(o);
		wr_out_key_string(o, "family", way->other == WR_IPV6 ? "ipv6" : "ipv4");
		wr_out_key_string(o, "verdict", way->trace.allow ? "deny" : "allow");
		wr_out_end(o);
	}
	write_direction(o, w, way, WR_EGRESS);
	write_direction(o, w, way, WR_INGRESS);
	if (wr_arg_flag(r->args, "suggest")) {
		write_suggestions(o, &way->suggestions);
		write_notes(o, &way->suggestions);
	}
	wr_out_end(o);
}

/* ---- one way ---- */

static int parse_port(struct run *r, struct way *way)
{
	const char *text = wr_arg_string(r->args, "port");
	struct wr_problem problem;
	if (!wr_proto_has_ports(way->proto))
		return text ? wr_usage_error(r->args, "--port: %s has no ports",
					     wr_proto_name(way->proto))
			    : WR_EXIT_OK;
	if (!text)
		return wr_usage_error(r->args, "--port is missing: %s needs one",
				      wr_proto_name(way->proto));
	if (text[strspn(text, "0123456789")])
		return wr_target_named_port(r->l.world, &way->sides[1], way->proto, text,
					    &way->port, &problem) < 0
			       ? wr_fail(r->args, "%s", problem.text)
			       : WR_EXIT_OK;
	unsigned long port = strlen(text) <= 5 ? strtoul(text, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		return wr_usage_error(r->args, "--port: '%s' is not a port from 1 to 65535", text);
	way->port = (uint16_t)port;
	return WR_EXIT_OK;
}

/* Whether the verdict is another by the other addresses of the two ends. */
static bool differs(const struct run *r, const struct way *way, uint8_t family)
{
	struct wr_side sides[2];
	struct wr_problem problem;
	struct wr_verdict v;
	uint8_t other;
	if (!family || wr_target_sides(r->l.program, &way->targets[0], &way->targets[1], family,
				       sides, &other, &problem) < 0)
		return false;
	sides[1].by_service = way->sides[1].by_service;
	wr_evaluate(r->l.program, &sides[0], &sides[1], wr_proto_of_family(r->proto, family),
		    way->port, &v);
	return v.allow != way->trace.allow;
}

/* Sides, protocol, port and trace; the port of a Service's backend is known already. */
static int trace_way(struct run *r, struct way *way)
{
	struct wr_problem problem;
	uint8_t other;
	if (wr_target_sides(r->l.program, &way->targets[0], &way->targets[1], r->family, way->sides,
			    &other, &problem) < 0)
		return wr_fail(r->args, "%s", problem.text);
	way->sides[1].by_service = r->service != NULL;
	uint8_t family = way->sides[0].family ? way->sides[0].family : way->sides[1].family;
	way->proto = wr_proto_of_family(r->proto, family);
	int status = way->port ? WR_EXIT_OK : parse_port(r, way);
	if (status)
		return status;
	if (wr_trace(r->l.program, &way->sides[0], &way->sides[1], way->proto, way->port,
		     r->l.arena, &way->trace) < 0)
		return wr_fail(r->args, "out of memory");
	way->other = differs(r, way, other) ? other : 0;
	return WR_EXIT_OK;
}

static int suggest(struct run *r, struct way *way)
{
	struct wr_question q = {
		.proto = way->proto, .port = way->port, .family = way->sides[0].family};
	if (!wr_arg_flag(r->args, "suggest") || way->trace.allow)
		return WR_EXIT_OK;
	for (int i = 0; i < 2; i++) {
		q.ends[i].pod = way->targets[i].pod != WR_NONE ? way->targets[i].pod
							       : way->sides[i].pod;
		q.ends[i].ip = way->sides[i].ip;
	}
	int rc = wr_suggest(&r->l, &r->opts, &q, &way->trace, r->l.arena, &way->suggestions);
	if (!rc)
		return WR_EXIT_OK;
	return wr_fail(r->args,
		       rc == -E2BIG ? "the connections are too many to compare" : "out of memory");
}

static void show(const struct run *r, const struct way *way)
{
	if (wr_out_format(r->out) == WR_TABLE)
		print_way(r, way);
	else
		write_way(r, way);
}

static int explain_one(struct run *r, struct way *way)
{
	int status = trace_way(r, way);
	if (!status)
		status = suggest(r, way);
	if (status)
		return status;
	show(r, way);
	return way->trace.allow ? WR_EXIT_OK : WR_EXIT_NO;
}

/* ---- a Service ---- */

static void begin_service(const struct run *r)
{
	const struct wr_service_port *p = r->service_port;
	struct wr_out *o = r->out;
	if (wr_out_format(o) == WR_TABLE) {
		wr_out_printf(o, "Service %s/%s, %s %u, goes to ", r->service->ns, r->service->name,
			      wr_proto_name(p->proto), p->port);
		if (p->target_name)
			wr_out_printf(o, "port \"%s\" of ", p->target_name);
		else
			wr_out_printf(o, "port %u of ", p->target_port);
		wr_out_printf(o, "%zu pod%s; policies judge by the pod\n\n", r->service->n_pods,
			      r->service->n_pods == 1 ? "" : "s");
		return;
	}
	char name[600];
	snprintf(name, sizeof(name), "%s/%s", r->service->ns, r->service->name);
	wr_out_map(o);
	wr_out_key_string(o, "service", name);
	wr_out_key_uint(o, "port", p->port);
	wr_out_key(o, "backends");
	wr_out_list(o);
}

static void end_service(const struct run *r, size_t reached, size_t backends)
{
	struct wr_out *o = r->out;
	if (wr_out_format(o) != WR_TABLE) {
		wr_out_end(o);
		wr_out_key_uint(o, "reached", reached);
		wr_out_end(o);
		return;
	}
	if (backends)
		wr_out_printf(o, "%zu of %zu backend%s can be reached\n", reached, backends,
			      backends == 1 ? "" : "s");
	else
		wr_out_text(o, "it has no backends: connections fail, whatever the policies say\n");
}

static void no_backend(const struct run *r, const struct wr_pod *pod)
{
	if (wr_out_format(r->out) == WR_TABLE)
		wr_out_printf(r->out, "%s/%s names no port \"%s\": it is no backend\n\n", pod->ns,
			      pod->name, r->service_port->target_name);
}

static int explain_service(struct run *r, const struct wr_target *from)
{
	size_t reached = 0, backends = 0;
	begin_service(r);
	for (size_t i = 0; i < r->service->n_pods; i++) {
		const struct wr_pod *pod = &r->l.world->pods[r->service->pods[i]];
		struct way way = {.targets = {*from, {.pod = r->service->pods[i]}}};
		way.port = wr_service_target(r->service_port, pod);
		if (!way.port) {
			no_backend(r, pod);
			continue;
		}
		int status = explain_one(r, &way);
		if (status == WR_EXIT_ERROR)
			return status;
		backends++;
		reached += status == WR_EXIT_OK;
		if (wr_out_format(r->out) == WR_TABLE)
			wr_out_text(r->out, "\n");
	}
	end_service(r, reached, backends);
	return reached && reached == backends ? WR_EXIT_OK : WR_EXIT_NO;
}

/* ---- everybody who cannot ---- */

static int explain_all(struct run *r, const struct wr_target *to)
{
	struct wr_all_question q = {.program = r->l.program,
				    .to = *to,
				    .service = r->service,
				    .service_port = r->service_port,
				    .proto = r->proto,
				    .family = r->family};
	struct way way = {.proto = r->proto};
	if (to->pod == WR_NONE)
		wr_side_ip(r->l.program, &to->ip, &way.sides[1]);
	else if (!r->service && wr_side_pod(r->l.program, to->pod, 0, &way.sides[1]) < 0)
		return wr_fail(r->args, "the destination has no address");
	int status = r->service ? WR_EXIT_OK : parse_port(r, &way);
	q.port = way.port;
	return status ? status : wr_explain_all(r->args, &q, r->out);
}

/* ---- the question ---- */

/* The destination: a Service (then r->service), or a pod or address. */
static int find_to(struct run *r, const char *text, struct wr_target *to)
{
	struct wr_problem problem;
	uint32_t service;
	int rc = wr_service_find(r->l.world, text, &service, &problem);
	if (rc == -ENOENT)
		return wr_target_find(r->l.world, text, to, &problem) < 0
			       ? wr_fail(r->args, "%s", problem.text)
			       : WR_EXIT_OK;
	if (rc < 0)
		return wr_fail(r->args, "%s", problem.text);
	r->service = &r->l.world->services[service];
	if (wr_service_port(r->service, wr_arg_string(r->args, "port"),
			    wr_arg_given(r->args, "protocol") ? r->proto : -1, &r->service_port,
			    &problem) < 0)
		return wr_fail(r->args, "%s", problem.text);
	r->proto = r->service_port->proto;
	return WR_EXIT_OK;
}

static int answer(struct run *r)
{
	static const uint8_t families[] = {WR_IPV4, WR_IPV6};
	const char *all = wr_arg_string(r->args, "all-denied-to"),
		   *to_text = all ? all : wr_arg_string(r->args, "to");
	struct wr_target from = {.pod = WR_NONE}, to = {.pod = WR_NONE};
	struct wr_problem problem;
	int proto = wr_proto_parse(wr_arg_string(r->args, "protocol"));
	if (proto < 0)
		return wr_usage_error(r->args, "--protocol: '%s' is not a protocol",
				      wr_arg_string(r->args, "protocol"));
	r->proto = (uint8_t)proto;
	if (wr_arg_given(r->args, "family"))
		r->family = families[wr_arg_choice(r->args, "family")];
	int status = find_to(r, to_text, &to);
	if (status)
		return status;
	if (all)
		return explain_all(r, &to);
	if (wr_target_find(r->l.world, wr_arg_string(r->args, "from"), &from, &problem) < 0)
		return wr_fail(r->args, "--from: %s", problem.text);
	if (r->service)
		return explain_service(r, &from);
	struct way way = {.targets = {from, to}};
	return explain_one(r, &way);
}

static int run(const struct wr_args *args)
{
	struct run r = {.args = args};
	bool all = wr_arg_given(args, "all-denied-to");
	if (all == (wr_arg_given(args, "from") || wr_arg_given(args, "to")) ||
	    (!all && !(wr_arg_given(args, "from") && wr_arg_given(args, "to"))))
		return wr_usage_error(args, "give --from and --to, or --all-denied-to");
	r.opts.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1;
	int status = wr_load_program(args, &r.opts, &r.l);
	if (!status) {
		r.out = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
		status = r.out ? answer(&r) : wr_fail(args, "out of memory");
		if (r.out)
			status = wr_out_finish(r.out, status);
	}
	wr_loaded_free(&r.l);
	return status;
}

static const char *const family_choices[] = {"ipv4", "ipv6", NULL};

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	{"from", 0, WR_OPT_STRING, .value = "X",
	 .help = "the source: NAMESPACE/POD, NAMESPACE/KIND/NAME, or an address"},
	{"to", 0, WR_OPT_STRING, .value = "Y",
	 .help = "the destination, likewise, or NAMESPACE/service/NAME, or a Service's address"},
	{"all-denied-to", 0, WR_OPT_STRING, .value = "Y",
	 .help = "every pod that cannot reach Y, by the reason"},
	{"port", 'p', WR_OPT_STRING, .value = "N|NAME",
	 .help = "the destination's port (of a Service: the Service's)"},
	{"protocol", 0, WR_OPT_STRING, .value = "NAME|N", .fallback = "TCP",
	 .help = "TCP, UDP, SCTP, ICMP, or an IP protocol number"},
	{"family", 0, WR_OPT_CHOICE, .value = "FAMILY", .choices = family_choices,
	 .help = "which addresses of dual-stack pods"},
	{"suggest", 0, WR_OPT_FLAG,
	 .help = "the smallest change that would allow it, and all that it would open"},
	WR_OPTION_IPBLOCKS,
	WR_OPTION_OUTPUT,
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_explain = {
	.name = "explain",
	.summary = "walk through the policies that allow or deny a connection",
	.description =
		"Shows the way of one connection: at each end the policies that apply, every rule\n"
		"that is tried, and the one thing that makes it miss, with file and line. A\n"
		"connection to a Service is explained for each of its pods, at the pod's port.\n"
		"\n"
		"--suggest makes the smallest change that would allow exactly this, compiles the\n"
		"changed manifests to see that it does, and lists all that becomes allowed.\n"
		"\n"
		"Exit status: 0 allowed, 1 denied, 2 error.\n",
	.examples = "  weir explain -f manifests/ --from shop/web --to shop/db --port 5432\n"
		    "  weir explain -f manifests/ --from shop/web --to shop/service/db --suggest\n"
		    "  weir explain -f manifests/ --all-denied-to shop/db --port 5432\n"
		    "  weir explain -A --from shop/web --to shop/db --port 5432\n",
	.options = options,
	.run = run,
};
