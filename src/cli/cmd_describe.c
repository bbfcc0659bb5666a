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

static const enum wr_direction order[] = {WR_INGRESS, WR_EGRESS};

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

static void print_direction(struct wr_out *o, const struct wr_said_direction *d,
			    enum wr_direction dir)
{
	wr_out_printf(o, "\n%s%s%s: %s\n", wr_out_colour(o, WR_BOLD),
		      dir == WR_EGRESS ? "Egress" : "Ingress", wr_out_colour(o, WR_PLAIN),
		      d->summary);
	for (size_t i = 0; i < d->n_rules; i++) {
		wr_out_printf(o, "  rule %zu", i + 1);
		print_place(o, &d->rules[i].mark);
		print_list(o, dir == WR_EGRESS ? "to" : "from", &d->rules[i].peers);
		print_list(o, "on", &d->rules[i].ports);
	}
	if (d->denied)
		wr_out_printf(o, "  denied: %s\n", d->denied);
}

static void print_text(struct wr_out *o, const struct wr_description *d)
{
	wr_out_printf(o, "%sNetworkPolicy %s%s", wr_out_colour(o, WR_BOLD), d->name,
		      wr_out_colour(o, WR_PLAIN));
	print_place(o, &d->mark);
	wr_out_printf(o, "\n%sSelects%s %s\n  %s\n", wr_out_colour(o, WR_BOLD),
		      wr_out_colour(o, WR_PLAIN), d->subject, d->selects);
	for (size_t i = 0; i < 2; i++)
		print_direction(o, &d->directions[order[i]], order[i]);
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

static void write_direction(struct wr_out *o, const struct wr_said_direction *d,
			    enum wr_direction dir)
{
	wr_out_key(o, dir == WR_EGRESS ? "egress" : "ingress");
	wr_out_map(o);
	wr_out_key_bool(o, "restricted", d->isolates);
	wr_out_key_string(o, "summary", d->summary);
	if (d->isolates) {
		wr_out_key(o, "rules");
		wr_out_list(o);
		for (size_t i = 0; i < d->n_rules; i++) {
			wr_out_map(o);
			write_texts(o, dir == WR_EGRESS ? "to" : "from", &d->rules[i].peers);
			write_texts(o, "ports", &d->rules[i].ports);
			write_place(o, &d->rules[i].mark);
			wr_out_end(o);
		}
		wr_out_end(o);
		wr_out_key_string(o, "denied", d->denied);
	}
	wr_out_end(o);
}

static void write_document(struct wr_out *o, const struct wr_description *d)
{
	wr_out_map(o);
	wr_out_key_string(o, "policy", d->name);
	write_place(o, &d->mark);
	wr_out_key_string(o, "subject", d->subject);
	write_texts(o, "selects", &d->pods);
	for (size_t i = 0; i < 2; i++)
		write_direction(o, &d->directions[order[i]], order[i]);
	write_texts(o, "remarks", &d->remarks);
	wr_out_end(o);
}

/* ---- the command ---- */

static bool describable(const struct wr_policy *p)
{
	return p->tier == WR_TIER_NETWORKPOLICY;
}

static int unknown_policy(const struct wr_args *args, const struct wr_world *w, const char *name,
			  struct wr_arena *a)
{
	char text[700];
	const char *slash = strchr(name, '/'), *bare = slash ? slash + 1 : name;
	struct wr_near near = {.wanted = name};
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_policy *p = &w->policies[i];
		const char *full = wr_arena_printf(a, "%s/%s", p->ns, p->name);
		if (!full || !describable(p))
			continue;
		if (!strcmp(p->name, bare))
			return wr_fail(args,
				       "no NetworkPolicy '%s' in the manifests; did you mean '%s'?",
				       name, full);
		wr_near_add(&near, full);
	}
	return wr_fail(args, "no NetworkPolicy '%s' in the manifests%s", name,
		       wr_near_text(&near, text, sizeof(text)));
}

/* Index of the policy that a "NAMESPACE/NAME" means, or WR_NONE. */
static uint32_t find_policy(const struct wr_world *w, const char *name)
{
	const char *slash = strchr(name, '/');
	for (uint32_t i = 0; slash && i < w->n_policies; i++) {
		const struct wr_policy *p = &w->policies[i];
		if (describable(p) && strlen(p->ns) == (size_t)(slash - name) &&
		    !strncmp(p->ns, name, (size_t)(slash - name)) && !strcmp(p->name, slash + 1))
			return i;
	}
	return WR_NONE;
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
		if (!describable(&w->policies[i]))
			continue;
		if (text && any)
			wr_out_text(o, "\n\n");
		any = true;
		rc = describe_one(w, i, o);
	}
	if (!text)
		wr_out_end(o);
	else if (!any)
		wr_out_text(o, "no NetworkPolicies in the manifests: everything is allowed\n");
	return rc;
}

static int describe(const struct wr_args *args, const struct wr_loaded *l)
{
	uint32_t policy = WR_NONE;
	if (args->n_operands) {
		policy = find_policy(l->world, args->operands[0]);
		if (policy == WR_NONE)
			return unknown_policy(args, l->world, args->operands[0], l->arena);
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
	size_t n;
	const char *const *paths = wr_arg_all(args, "filename", &n);
	int status = wr_load_world(paths, n, wr_arg_flag(args, "verbose"), &l);
	if (!status)
		status = describe(args, &l);
	wr_loaded_free(&l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_OUTPUT,
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_describe = {
	.name = "describe",
	.summary = "say in plain words what a policy does",
	.operands = "[NAMESPACE/NAME]",
	.max_operands = 1,
	.description =
		"Says whom a NetworkPolicy selects, what it allows in and out rule by rule, what\n"
		"stays denied, and what its author may not have meant. Without a name, all\n"
		"policies of the manifests are described.\n",
	.examples = "  weir describe -f manifests/ shop/db\n"
		    "  weir describe -f manifests/ -o json\n",
	.options = options,
	.run = run_describe,
};
