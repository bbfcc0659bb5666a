/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/profiles.h"
#include "cli/writer.h"
#include "engine/diff.h"
#include "engine/query.h"

/*
 * Profile: of the topics on which network plugins differ, those that these
 * manifests meet, and where. For ipBlocks and pods the engine also says which
 * connections differ: it can compile both readings.
 */

WR_DEFINE_CLEANUP(diff, struct wr_diff *, wr_diff_free)

/* The first place where a topic is met, and how often. */
struct met {
	size_t n;
	struct wr_mark mark;
	const char *who; /* "NetworkPolicy shop/db", or NULL */
};

struct run {
	const struct wr_args *args;
	struct wr_loaded l;
	struct met met[WR_TOPIC_COUNT];
	const struct wr_change *changes; /* between the readings of ipBlocks */
	size_t n_changes;
};

static void meet(struct run *r, enum wr_topic topic, struct wr_mark mark, const struct wr_object *o)
{
	struct met *m = &r->met[topic];
	if (m->n++)
		return;
	m->mark = mark;
	m->who = o ? wr_arena_printf(r->l.arena, "%s %s%s%s", wr_kind_name(o->kind),
				     o->meta.ns ? o->meta.ns : "", o->meta.ns ? "/" : "",
				     o->meta.name)
		   : NULL;
}

/* ---- what is met ---- */

static void look_at_block(struct run *r, struct wr_peer_id id, const struct wr_peer *peer,
			  const struct wr_object *o)
{
	uint32_t n, total;
	const uint32_t *held = wr_query_peer_endpoints(r->l.program, id, &n);
	const struct wr_endpoint *all = wr_program_endpoints(r->l.program, &total);
	bool pods = false, nodes = false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t pod = all[held[i]].pod;
		if (pod != WR_NONE && !r->l.world->pods[pod].host_network)
			pods = true;
		else
			nodes = true;
	}
	if (pods)
		meet(r, WR_TOPIC_IPBLOCK_PODS, peer->mark, o);
	if (nodes)
		meet(r, WR_TOPIC_IPBLOCK_NODES, peer->mark, o);
}

static void look_at_rule(struct run *r, uint32_t policy, enum wr_direction dir, uint32_t rule)
{
	const struct wr_policy *p = &r->l.world->policies[policy];
	const struct wr_rule *what = &p->rules[dir][rule];
	for (size_t i = 0; i < what->n_ports; i++)
		if (what->ports[i].proto == WR_SCTP)
			meet(r, WR_TOPIC_SCTP, what->ports[i].mark, p->object);
	if (what->n_ports > 24)
		meet(r, WR_TOPIC_PORT_COUNT, what->mark, p->object);
	for (uint32_t k = 0; k < what->n_peers; k++)
		if (what->peers[k].kind == WR_PEER_IPBLOCK)
			look_at_block(r, (struct wr_peer_id){policy, dir, rule, k}, &what->peers[k],
				      p->object);
}

static bool meet_in_a_pod(const struct wr_bitset *a, const struct wr_bitset *b)
{
	wr_bitset_each(a, i) if (wr_bitset_has(b, i)) return true;
	return false;
}

/* Whether a policy before it in the order of evaluation ties with it about some pod. */
static bool ties(const struct run *r, uint32_t policy)
{
	const struct wr_policy *all = r->l.world->policies, *p = &all[policy];
	const struct wr_bitset *own = wr_query_subject(r->l.program, policy);
	for (uint32_t i = policy; i-- && all[i].tier == p->tier && all[i].priority == p->priority;)
		if (meet_in_a_pod(own, wr_query_subject(r->l.program, i)))
			return true;
	return false;
}

static void look_at_cluster_policy(struct run *r, uint32_t policy)
{
	const struct wr_policy *p = &r->l.world->policies[policy];
	bool old = p->object->kind != WR_KIND_CLUSTERNETWORKPOLICY;
	meet(r, old ? WR_TOPIC_ADMIN : WR_TOPIC_CLUSTER, p->mark, p->object);
	if (ties(r, policy))
		meet(r, WR_TOPIC_PRIORITY, p->mark, p->object);
	for (uint32_t i = 0; i < p->n_rules[WR_EGRESS]; i++) {
		const struct wr_rule *rule = &p->rules[WR_EGRESS][i];
		for (size_t k = 0; k < rule->n_peers; k++)
			if (rule->peers[k].kind == WR_PEER_DOMAINS)
				meet(r, WR_TOPIC_DOMAINS, rule->peers[k].mark, p->object);
	}
}

static void look_at_policy(struct run *r, uint32_t policy)
{
	const struct wr_world *w = r->l.world;
	const struct wr_policy *p = &w->policies[policy];
	if (p->tier != WR_TIER_NETWORKPOLICY) {
		look_at_cluster_policy(r, policy);
		return;
	}
	if (p->subject.ns_index == WR_NONE)
		return;
	const struct wr_namespace *ns = &w->namespaces[p->subject.ns_index];
	meet(r, WR_TOPIC_LIVE, p->mark, p->object);
	meet(r, WR_TOPIC_START, p->mark, p->object);
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
		if (w->pods[i].host_network &&
		    wr_selector_matches(w, p->subject.pod_selector, w->pods[i].labels,
					w->pods[i].n_labels)) {
			meet(r, WR_TOPIC_HOST_NETWORK, p->mark, p->object);
			break;
		}
	for (int d = 0; d < 2; d++)
		for (uint32_t i = 0; i < p->n_rules[d]; i++)
			look_at_rule(r, policy, (enum wr_direction)d, i);
}

static void look_at_pods(struct run *r)
{
	const struct wr_world *w = r->l.world;
	for (uint32_t i = 0; i < w->n_pods; i++) {
		bool four = false, six = false;
		for (size_t k = 0; k < w->pods[i].n_ips; k++) {
			four |= w->pods[i].ips[k].family == WR_IPV4;
			six |= w->pods[i].ips[k].family == WR_IPV6;
		}
		if (four && six && w->pods[i].object)
			meet(r, WR_TOPIC_DUAL_STACK, w->pods[i].object->meta.mark,
			     w->pods[i].object);
	}
	for (uint32_t i = 0; i < w->n_services; i++)
		for (size_t k = 0; k < w->services[i].n_pods; k++) {
			struct wr_side side;
			if (wr_side_pod(r->l.program, w->services[i].pods[k], 0, &side) < 0 ||
			    (!side.id.row[0] && !side.id.row[1]))
				continue;
			meet(r, WR_TOPIC_HAIRPIN, w->services[i].object->meta.mark,
			     w->services[i].object);
			break;
		}
}

/* What the other reading of ipBlocks changes. */
static int compare_readings(struct run *r, struct wr_diff **diff)
{
	static const struct wr_compile_opts other = {.ipblocks_skip_pods = true};
	struct wr_program *skips = NULL;
	if (!r->met[WR_TOPIC_IPBLOCK_PODS].n)
		return 0;
	int rc = wr_compile(r->l.world, &other, &skips);
	if (!rc)
		rc = wr_diff_new(r->l.program, skips, diff);
	if (!rc)
		r->changes = wr_diff_changes(*diff, &r->n_changes);
	wr_program_unref(skips);
	return rc;
}

/* ---- out ---- */

static bool is_asked(const struct run *r, const struct wr_profile *p)
{
	const char *cni = wr_arg_string(r->args, "cni");
	return !cni || !strcasecmp(cni, p->cni);
}

#define SHOWN 10

static void print_topic(struct wr_out *o, const struct run *r, enum wr_topic t)
{
	const struct met *m = &r->met[t];
	wr_out_printf(o, "%s%s%s: %s", wr_out_colour(o, WR_BOLD), wr_topic_name(t),
		      wr_out_colour(o, WR_PLAIN), wr_topic_text(t));
	if (m->who)
		wr_out_printf(o, "\n  %s%s", m->n > 1 ? "first in " : "in ", m->who);
	if (m->mark.file)
		wr_out_printf(o, "  %s:%u", strcmp(m->mark.file, "-") ? m->mark.file : "<stdin>",
			      m->mark.line);
	wr_out_text(o, "\n");
	for (size_t i = 0; i < wr_n_profiles; i++)
		if (wr_profiles[i].topic == t && is_asked(r, &wr_profiles[i]))
			wr_out_printf(o, "    %-25s %s  (%s)\n", wr_profiles[i].cni,
				      wr_profiles[i].behaviour, wr_profiles[i].source);
	for (size_t i = 0; t == WR_TOPIC_IPBLOCK_PODS && i < r->n_changes && i < SHOWN; i++)
		wr_out_printf(o, "  differs here: %s -> %s  %s  or  %s\n", r->changes[i].src,
			      r->changes[i].dst,
			      r->changes[i].before ? r->changes[i].before : "nothing",
			      r->changes[i].after ? r->changes[i].after : "nothing");
	if (t == WR_TOPIC_IPBLOCK_PODS && r->n_changes > SHOWN)
		wr_out_printf(o, "  and %zu more connections\n", r->n_changes - SHOWN);
	wr_out_text(o, "\n");
}

static void write_topic(struct wr_out *o, const struct run *r, enum wr_topic t)
{
	const struct met *m = &r->met[t];
	wr_out_map(o);
	wr_out_key_string(o, "topic", wr_topic_name(t));
	wr_out_key_string(o, "text", wr_topic_text(t));
	wr_out_key_string(o, "object", m->who);
	wr_out_key_string(o, "file", m->mark.file);
	wr_out_key_uint(o, "line", m->mark.line);
	wr_out_key_uint(o, "times", m->n);
	wr_out_key(o, "profiles");
	wr_out_list(o);
	for (size_t i = 0; i < wr_n_profiles; i++) {
		if (wr_profiles[i].topic != t || !is_asked(r, &wr_profiles[i]))
			continue;
		wr_out_map(o);
		wr_out_key_string(o, "cni", wr_profiles[i].cni);
		wr_out_key_string(o, "behaviour", wr_profiles[i].behaviour);
		wr_out_key_string(o, "source", wr_profiles[i].source);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_key(o, "connections");
	wr_out_list(o);
	for (size_t i = 0; t == WR_TOPIC_IPBLOCK_PODS && i < r->n_changes; i++) {
		wr_out_map(o);
		wr_out_key_string(o, "src", r->changes[i].src);
		wr_out_key_string(o, "dst", r->changes[i].dst);
		wr_out_key_string(o, "matching", r->changes[i].before);
		wr_out_key_string(o, "notMatching", r->changes[i].after);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
}

/* A topic of which nothing is known of the plugin that was asked about is left out. */
static bool is_shown(const struct run *r, enum wr_topic t)
{
	for (size_t i = 0; i < wr_n_profiles && r->met[t].n; i++)
		if (wr_profiles[i].topic == t && is_asked(r, &wr_profiles[i]))
			return true;
	return false;
}

static int write_all(struct run *r)
{
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(r->args, "output"));
	size_t n = 0;
	if (!o)
		return wr_fail(r->args, "out of memory");
	bool text = wr_out_format(o) == WR_TABLE;
	if (!text)
		wr_out_list(o);
	for (int t = 0; t < WR_TOPIC_COUNT; t++) {
		if (!is_shown(r, (enum wr_topic)t))
			continue;
		n++;
		if (text)
			print_topic(o, r, (enum wr_topic)t);
		else
			write_topic(o, r, (enum wr_topic)t);
	}
	if (!text)
		wr_out_end(o);
	else if (!n)
		wr_out_text(o, "these manifests meet nothing on which the known plugins differ\n");
	else
		wr_out_text(o, "a plugin that is not named for a topic: not known\n");
	return wr_out_finish(o, WR_EXIT_OK);
}

static int check_cni(const struct wr_args *args)
{
	const char *cni = wr_arg_string(args, "cni");
	for (size_t i = 0; cni && i < wr_n_profiles; i++)
		if (!strcasecmp(cni, wr_profiles[i].cni))
			return WR_EXIT_OK;
	return cni ? wr_usage_error(args,
				    "--cni %s: nothing is known of it; without --cni all are shown",
				    cni)
		   : WR_EXIT_OK;
}

static int run(const struct wr_args *args)
{
	struct run r = {.args = args};
	WR_CLEANUP(diff)
	struct wr_diff *diff = NULL;
	int status = check_cni(args);
	if (!status)
		status = wr_load_program(args, NULL, &r.l);
	if (!status) {
		for (uint32_t i = 0; i < r.l.world->n_policies; i++)
			look_at_policy(&r, i);
		look_at_pods(&r);
		status = compare_readings(&r, &diff) < 0 ? wr_fail(args, "out of memory")
							 : write_all(&r);
	}
	wr_loaded_free(&r.l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	{"cni", 0, WR_OPT_STRING, .value = "NAME", .help = "only this network plugin"},
	WR_OPTION_OUTPUT,
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_profile = {
	.name = "profile",
	.summary = "say where network plugins would differ on these policies",
	.description =
		"Policies leave much to those who enforce them. Of the topics on which known\n"
		"plugins differ, this shows those that the manifests meet, with the place, what\n"
		"each plugin does, and where that is written (docs/profiles.md). Where ipBlocks\n"
		"cover pods, the connections are listed on which the two readings differ.\n",
	.examples = "  weir profile -f manifests/\n"
		    "  weir profile -f manifests/ --cni cilium -o json\n",
	.options = options,
	.run = run,
};
