/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/describe_text.h"
#include "cli/load.h"
#include "cli/near.h"
#include "cli/writer.h"

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

/* ---- text ---- */

static void print_place(struct wr_out *o, const struct wr_mark *m)
{
	if (m->file)
		wr_out_printf(o, "  %s%s:%u%s", wr_out_colour(o, WR_DIM),
			      strcmp(m->file, "-") ? m->file : "<stdin>", m->line,
			      wr_out_colour(o, WR_PLAIN));
	wr_out_text(o, "\n");
}

static void print_list(struct wr_out *o, const char *head, const struct wr_texts *list)
{
	for (size_t i = 0; i < list->n; i++)
		wr_out_printf(o, "    %-4s  %s\n", i ? "" : head, list->items[i]);
}

static void print_rule(struct wr_out *o, const struct wr_said_rule *r, size_t index,
		       enum wr_direction dir)
{
	wr_out_printf(o, "  rule %zu", index + 1);
	if (r->name)
		wr_out_printf(o, " \"%s\"", r->name);
	if (r->does)
		wr_out_printf(o, ": %s", r->does);
	print_place(o, &r->mark);
	print_list(o, dir == WR_EGRESS ? "to" : "from", &r->peers);
	print_list(o, "on", &r->ports);
}

static void print_direction(struct wr_out *o, const struct wr_said_direction *d,
			    enum wr_direction dir)
{
	wr_out_printf(o, "\n%s%s%s: %s\n", wr_out_colour(o, WR_BOLD),
		      dir == WR_EGRESS ? "Egress" : "Ingress", wr_out_colour(o, WR_PLAIN),
		      d->summary);
	for (size_t i = 0; i < d->n_rules; i++)
		print_rule(o, &d->rules[i], i, dir);
	if (d->denied)
		wr_out_printf(o, "  denied: %s\n", d->denied);
	if (d->rest)
		wr_out_printf(o, "  the rest: %s\n", d->rest);
}

/* "Admin/deny-metadata" without the tier, which the next line has. */
static const char *bare_name(const struct wr_description *d)
{
	return d->order ? strchr(d->name, '/') + 1 : d->name;
}

static void print_order(struct wr_out *o, const struct wr_description *d)
{
	wr_out_printf(o, "\n%sOrder%s %s\n", wr_out_colour(o, WR_BOLD), wr_out_colour(o, WR_PLAIN),
		      d->order);
	for (size_t i = 0; i < d->earlier.n; i++)
		wr_out_printf(o, "  %-7s  %s\n", i ? "" : "earlier", d->earlier.items[i]);
	for (size_t i = 0; i < d->later.n; i++)
		wr_out_printf(o, "  %-7s  %s\n", i ? "" : "later", d->later.items[i]);
}

static void print_text(struct wr_out *o, const struct wr_description *d)
{
	wr_out_printf(o, "%s%s %s%s", wr_out_colour(o, WR_BOLD), d->kind, bare_name(d),
		      wr_out_colour(o, WR_PLAIN));
	print_place(o, &d->mark);
	if (d->order)
		print_order(o, d);
	wr_out_printf(o, "\n%sSelects%s %s\n  %s\n", wr_out_colour(o, WR_BOLD),
		      wr_out_colour(o, WR_PLAIN), d->subject, d->selects);
	for (size_t i = 0; i < 2; i++)
		print_direction(o, &d->directions[wr_said_order[i]], wr_said_order[i]);
	if (!d->remarks.n)
		return;
	wr_out_printf(o, "\n%sRemarks%s\n", wr_out_colour(o, WR_BOLD), wr_out_colour(o, WR_PLAIN));
	for (size_t i = 0; i < d->remarks.n; i++)
		wr_out_printf(o, "  - %s\n", d->remarks.items[i]);
}

/* ---- documents ---- */

static void write_place(struct wr_out *o, const struct wr_mark *m)
{
	if (!m->file)
		return;
	wr_out_key_string(o, "file", m->file);
	wr_out_key_uint(o, "line", m->line);
}

static void write_texts(struct wr_out *o, const char *key, const struct wr_texts *list)
{
	wr_out_key(o, key);
	wr_out_list(o);
	for (size_t i = 0; i < list->n; i++)
		wr_out_string(o, list->items[i]);
	wr_out_end(o);
}

static void write_rule(struct wr_out *o, const struct wr_said_rule *r, enum wr_direction dir)
{
	wr_out_map(o);
	if (r->name)
		wr_out_key_string(o, "name", r->name);
	if (r->action) {
		wr_out_key_string(o, "action", r->action);
		wr_out_key_string(o, "meaning", r->does);
	}
	if (r->fails_closed)
		wr_out_key_string(o, "failsClosed", r->fails_closed);
	write_texts(o, dir == WR_EGRESS ? "to" : "from", &r->peers);
	write_texts(o, "ports", &r->ports);
	write_place(o, &r->mark);
	wr_out_end(o);
}

static void write_direction(struct wr_out *o, const struct wr_description *of,
			    enum wr_direction dir)
{
	const struct wr_said_direction *d = &of->directions[dir];
	wr_out_key(o, dir == WR_EGRESS ? "egress" : "ingress");
	wr_out_map(o);
	if (!of->order)
		wr_out_key_bool(o, "restricted", d->isolates);
	wr_out_key_string(o, "summary", d->summary);
	if (d->isolates || of->order) {
		wr_out_key(o, "rules");
		wr_out_list(o);
		for (size_t i = 0; i < d->n_rules; i++)
			write_rule(o, &d->rules[i], dir);
		wr_out_end(o);
	}
	if (d->denied)
		wr_out_key_string(o, "denied", d->denied);
	if (d->rest)
		wr_out_key_string(o, "rest", d->rest);
	wr_out_end(o);
}

static void write_document(struct wr_out *o, const struct wr_description *d)
{
	wr_out_map(o);
	wr_out_key_string(o, "policy", d->name);
	wr_out_key_string(o, "kind", d->kind);
	if (d->order) {
		wr_out_key_string(o, "tier", wr_tier_name(d->tier));
		if (d->has_priority)
			wr_out_key_uint(o, "priority", d->priority);
		wr_out_key_string(o, "order", d->order);
		write_texts(o, "earlier", &d->earlier);
		write_texts(o, "later", &d->later);
	}
	write_place(o, &d->mark);
	wr_out_key_string(o, "subject", d->subject);
	write_texts(o, "selects", &d->pods);
	for (size_t i = 0; i < 2; i++)
		write_direction(o, d, wr_said_order[i]);
	write_texts(o, "remarks", &d->remarks);
	wr_out_end(o);
}

/* ---- the command ---- */

static bool is_namespaced(const struct wr_policy *p, const char *ns, size_t size, const char *name)
{
	return p->ns && strlen(p->ns) == size && !strncmp(p->ns, ns, size) &&
	       !strcmp(p->name, name);
}

/* "cnp/guard", "Admin/guard" or "guard" for a cluster-wide policy; before is of size bytes. */
static bool is_cluster_wide(const struct wr_policy *p, const char *before, size_t size,
			    const char *name)
{
	char kind[64];
	if (p->ns || strcmp(p->name, name) != 0)
		return false;
	if (!size)
		return true;
	snprintf(kind, sizeof(kind), "%.*s", (int)size, before);
	return !strcmp(kind, wr_tier_name(p->tier)) || wr_kind_parse(kind) == (int)p->object->kind;
}

/*
 * Policies that a name means: a NetworkPolicy by NAMESPACE/NAME, or else the
 * cluster-wide ones by KIND/NAME, TIER/NAME or NAME. Returns how many; *first is
 * the first of them.
 */
static uint32_t find_policies(const struct wr_world *w, const char *name, uint32_t *first)
{
	const char *slash = strchr(name, '/'), *bare = slash ? slash + 1 : name;
	size_t size = slash ? (size_t)(slash - name) : 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (slash && is_namespaced(&w->policies[i], name, size, bare)) {
			*first = i;
			return 1;
		}
	for (uint32_t i = 0; i < w->n_policies && (size || !slash); i++)
		if (is_cluster_wide(&w->policies[i], name, size, bare) && !n++)
			*first = i;
	return n;
}

static const char *brief_kind(const struct wr_policy *p)
{
	return p->object->kind == WR_KIND_CLUSTERNETWORKPOLICY ? "cnp"
	       : p->object->kind == WR_KIND_ADMINNETWORKPOLICY ? "anp"
							       : "banp";
}

/* The name by which messages offer a policy: "shop/db", "cnp/guard". */
static const char *offered(const struct wr_policy *p, struct wr_arena *a)
{
	return wr_arena_printf(a, "%s/%s", p->ns ? p->ns : brief_kind(p), p->name);
}

static int unknown_policy(const struct wr_args *args, const struct wr_world *w, const char *name,
			  struct wr_arena *a)
{
	char text[700];
	const char *slash = strchr(name, '/'), *bare = slash ? slash + 1 : name;
	struct wr_near near = {.wanted = name};
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const char *full = offered(&w->policies[i], a);
		if (!full)
			continue;
		if (!strcmp(w->policies[i].name, bare))
			return wr_fail(args, "no policy '%s' in the manifests; did you mean '%s'?",
				       name, full);
		wr_near_add(&near, full);
	}
	return wr_fail(args, "no policy '%s' in the manifests%s", name,
		       wr_near_text(&near, text, sizeof(text)));
}

static int ambiguous_policy(const struct wr_args *args, const struct wr_world *w, const char *name,
			    struct wr_arena *a)
{
	const char *slash = strchr(name, '/'), *list = "";
	size_t size = slash ? (size_t)(slash - name) : 0;
	for (uint32_t i = 0; i < w->n_policies && list; i++) {
		const struct wr_policy *p = &w->policies[i];
		if (!is_cluster_wide(p, name, size, slash ? slash + 1 : name))
			continue;
		list = wr_arena_printf(a, "%s%s%s", list, *list ? ", " : "", offered(p, a));
	}
	return wr_fail(args, "'%s' may be any of these: %s", name, list ? list : "");
}

static int describe_one(const struct wr_world *w, uint32_t policy, struct wr_out *o)
{
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	struct wr_description d;
	if (!a || wr_describe(w, policy, a, &d) < 0)
		return -ENOMEM;
	if (wr_out_format(o) == WR_TABLE)
		print_text(o, &d);
	else
		write_document(o, &d);
	return 0;
}

static int describe_all(const struct wr_world *w, struct wr_out *o)
{
	bool text = wr_out_format(o) == WR_TABLE, any = false;
	int rc = 0;
	if (!text)
		wr_out_list(o);
	for (uint32_t i = 0; i < w->n_policies && !rc && !wr_out_failed(o); i++) {
		if (text && any)
			wr_out_text(o, "\n\n");
		any = true;
		rc = describe_one(w, i, o);
	}
	if (!text)
		wr_out_end(o);
	else if (!any)
		wr_out_text(o, "no policies in the manifests: everything is allowed\n");
	return rc;
}

static int describe(const struct wr_args *args, const struct wr_loaded *l)
{
	uint32_t policy = WR_NONE;
	if (args->n_operands) {
		const char *name = args->operands[0];
		uint32_t n = find_policies(l->world, name, &policy);
		if (!n)
			return unknown_policy(args, l->world, name, l->arena);
		if (n > 1)
			return ambiguous_policy(args, l->world, name, l->arena);
	}
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	int rc = policy == WR_NONE ? describe_all(l->world, o) : describe_one(l->world, policy, o);
	if (rc < 0)
		wr_out_out_of_memory(o);
	return wr_out_finish(o, WR_EXIT_OK);
}

static int run_describe(const struct wr_args *args)
{
	struct wr_loaded l = {0};
	int status = wr_load_world(args, &l);
	if (!status)
		status = describe(args, &l);
	wr_loaded_free(&l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES, WR_OPTION_CLUSTER, WR_OPTION_OUTPUT, WR_OPTION_VERBOSE, {0},
};

const struct wr_command wr_cmd_describe = {
	.name = "describe",
	.summary = "say in plain words what a policy does",
	.operands = "[POLICY]",
	.max_operands = 1,
	.description =
		"Says whom a policy selects, what its rules do one by one, what becomes of the\n"
		"rest, and what its author may not have meant; of cluster-wide policies also when\n"
		"they are asked. POLICY is NAMESPACE/NAME of a NetworkPolicy, or a cluster-wide\n"
		"policy as cnp/NAME, anp/NAME or banp/default, or as messages name it, by its\n"
		"tier: Admin/NAME, Baseline/NAME. Without it, all policies are described.\n",
	.examples = "  weir describe -f manifests/ shop/db\n"
		    "  weir describe -f manifests/ cnp/deny-metadata\n"
		    "  weir describe -f manifests/ -o json\n",
	.options = options,
	.run = run_describe,
};
