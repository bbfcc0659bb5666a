/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "engine/connectivity.h"
#include "input/edit.h"

#define OPENED_SHOWN 20
#define CANDIDATES_MAX 6

struct candidate {
	struct wr_suggestion s;
	struct wr_edit edit; /* doc NULL: text is a document of its own */
};

struct work {
	const struct wr_loaded *l;
	const struct wr_compile_opts *opts;
	const struct wr_question *q;
	struct wr_arena *arena;
	struct wr_connectivity *before;
	struct candidate candidates[CANDIDATES_MAX];
	size_t n;
	bool nomem;
};

static const struct wr_world *world_of(const struct work *w)
{
	return w->l->world;
}

static const char *text(struct work *w, const char *s)
{
	w->nomem |= !s;
	return s ? s : "";
}
#define TEXT(w, ...) text(w, wr_arena_printf((w)->arena, __VA_ARGS__))

/* ---- the lines of a selector ---- */

/* Labels that belong to one replica or revision select too little. */
static bool is_fleeting(const char *key)
{
	static const char *const keys[] = {"pod-template-hash",
					   "controller-revision-hash",
					   "statefulset.kubernetes.io/pod-name",
					   "apps.kubernetes.io/pod-index",
					   "batch.kubernetes.io/controller-uid",
					   "batch.kubernetes.io/job-name",
					   "controller-uid",
					   "job-name",
					   "pod-template-generation"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

/* "matchLabels:" and a line for each label, indented; "" for a pod without labels. */
static const char *labels_lines(struct work *w, const struct wr_pod *pod, int indent)
{
	const char *out = "";
	for (size_t i = 0; i < pod->n_labels; i++) {
		const char *pair = wr_world_pair_text(world_of(w), pod->labels[i].pair);
		const char *key = wr_world_key_text(world_of(w), pod->labels[i].key);
		if (!is_fleeting(key))
			out = TEXT(w, "%s\n%*s%s: \"%s\"", out, indent + 2, "", key,
				   pair + strlen(key) + 1);
	}
	return *out ? TEXT(w, "\n%*smatchLabels:%s", indent, "", out) : " {}";
}

/* A peer as an item, from column 0: "- podSelector:...". */
static const char *peer_lines(struct work *w, const struct wr_target_pair *end, const char *own_ns)
{
	char ip[WR_IP_TEXT];
	if (end->pod == WR_NONE || world_of(w)->pods[end->pod].host_network) {
		struct wr_ip a = end->ip;
		if (end->pod != WR_NONE && world_of(w)->pods[end->pod].n_ips)
			a = world_of(w)->pods[end->pod].ips[0];
		return TEXT(w, "- ipBlock:\n    cidr: %s/%u", wr_ip_format(&a, ip),
			    wr_family_bits(a.family));
	}
	const struct wr_pod *pod = &world_of(w)->pods[end->pod];
	const char *pods = TEXT(w, "podSelector:%s", labels_lines(w, pod, 4));
	if (!strcmp(pod->ns, own_ns))
		return TEXT(w, "- %s", pods);
	return TEXT(
		w,
		"- namespaceSelector:\n    matchLabels:\n      kubernetes.io/metadata.name: %s\n"
		"  %s",
		pod->ns, pods);
}

/* Every line of s indented. */
static const char *indented(struct work *w, const char *s, int n)
{
	const char *out = "";
	while (*s) {
		size_t size = strcspn(s, "\n");
		out = TEXT(w, "%s%*s%.*s%s", out, n, "", (int)size, s, s[size] ? "\n" : "");
		s += size + (s[size] == '\n');
	}
	return out;
}

static const char *rule_lines(struct work *w, enum wr_direction dir, const char *own_ns)
{
	const struct wr_target_pair *peer = &w->q->ends[dir == WR_EGRESS ? 1 : 0];
	const char *ports = wr_proto_has_ports(w->q->proto)
				    ? TEXT(w, "\n  ports:\n  - protocol: %s\n    port: %u",
					   wr_proto_name(w->q->proto), w->q->port)
				    : "";
	return TEXT(w, "- %s:\n%s%s", dir == WR_EGRESS ? "to" : "from",
		    indented(w, peer_lines(w, peer, own_ns), 2), ports);
}

/* ---- candidates ---- */

static void add(struct work *w, struct candidate c)
{
	if (w->n < CANDIDATES_MAX)
		w->candidates[w->n++] = c;
}

static const struct wr_value *get(const struct wr_object *o, enum wr_direction dir, uint32_t rule,
				  const char *field)
{
	const struct wr_value *rules = wr_value_get(wr_value_get(o->value, "spec"),
						    dir == WR_EGRESS ? "egress" : "ingress");
	if (!rules || rules->type != WR_LIST || rule >= rules->n)
		return NULL;
	return wr_value_get(rules->items[rule], field);
}

static void add_edit(struct work *w, enum wr_direction dir, uint32_t policy, uint32_t rule,
		     const struct wr_value *below, const char *what, const char *lines)
{
	const struct wr_object *o = world_of(w)->policies[policy].object;
	struct candidate c = {.s = {.dir = dir}};
	if (!o || !below || !o->doc ||
	    wr_edit_insert_below(o->doc, below, lines, w->arena, &c.edit) < 0)
		return;
	c.s.text = c.edit.text; /* as it must be indented */
	uint32_t line = o->doc->first_line;
	for (size_t i = 0; i < c.edit.at; i++)
		line += o->doc->text[i] == '\n';
	c.s.mark = (struct wr_mark){o->doc->file, line - 1, 0};
	c.s.what = TEXT(w, "add %s rule %u of %s/%s", what, rule + 1, o->meta.ns, o->meta.name);
	add(w, c);
}

static void add_miss(struct work *w, enum wr_direction dir, const struct wr_near_miss *m)
{
	const struct wr_object *o = world_of(w)->policies[m->policy].object;
	const struct wr_target_pair *peer = &w->q->ends[dir == WR_EGRESS ? 1 : 0];
	const char *list = dir == WR_EGRESS ? "to" : "from";
	if (!o)
		return;
	switch (m->kind) {
	case WR_MISS_PORT:
	case WR_MISS_PROTOCOL:
	case WR_MISS_NAMED_PORT:
		add_edit(w, dir, m->policy, m->rule, get(o, dir, m->rule, "ports"), "a port to",
			 TEXT(w, "- protocol: %s\n  port: %u", wr_proto_name(w->q->proto),
			      w->q->port));
		break;
	case WR_MISS_NAMESPACE:
	case WR_MISS_LABELS:
	case WR_MISS_NS_LABELS:
	case WR_MISS_IPBLOCK:
	case WR_MISS_EXCEPT:
		add_edit(w, dir, m->policy, m->rule, get(o, dir, m->rule, list), "a peer to",
			 peer_lines(w, peer, o->meta.ns));
		break;
	case WR_MISS_NO_PORTS:
		break;
	}
}

static const char *short_name(struct work *w, const struct wr_target_pair *end)
{
	char ip[WR_IP_TEXT];
	if (end->pod != WR_NONE)
		return TEXT(w, "%.40s", world_of(w)->pods[end->pod].name);
	char *s = wr_arena_strdup(w->arena, wr_ip_format(&end->ip, ip));
	for (char *p = s; p && *p; p++)
		*p = *p == '.' || *p == ':' ? '-' : *p;
	return text(w, s);
}

static void add_new(struct work *w, enum wr_direction dir)
{
	const struct wr_target_pair *subject = &w->q->ends[dir == WR_EGRESS ? 0 : 1];
	const struct wr_target_pair *peer = &w->q->ends[dir == WR_EGRESS ? 1 : 0];
	const struct wr_pod *pod = &world_of(w)->pods[subject->pod];
	const char *type = dir == WR_EGRESS ? "Egress" : "Ingress";
	struct candidate c = {.s = {.dir = dir, .what = "a new policy"}};
	c.s.text = TEXT(w,
			"apiVersion: networking.k8s.io/v1\n"
			"kind: NetworkPolicy\n"
			"metadata:\n"
			"  name: %s-%s-%s\n"
			"  namespace: %s\n"
			"spec:\n"
			"  podSelector:%s\n"
			"  policyTypes:\n"
			"  - %s\n"
			"  %s:\n"
			"%s\n",
			short_name(w, subject), dir == WR_EGRESS ? "to" : "from",
			short_name(w, peer), pod->ns, labels_lines(w, pod, 4), type,
			dir == WR_EGRESS ? "egress" : "ingress",
			indented(w, rule_lines(w, dir, pod->ns), 2));
	add(w, c);
}

static void find_candidates(struct work *w, const struct wr_reason *r)
{
	w->n = 0;
	for (uint32_t i = 0; i < r->n_misses && w->n + 2 < CANDIDATES_MAX; i++)
		add_miss(w, r->dir, &r->misses[i]);
	if (w->q->ends[r->dir == WR_EGRESS ? 0 : 1].pod != WR_NONE)
		add_new(w, r->dir);
}

/* ---- trying one ---- */

/* All files as they were, with one edit made, or one document more. */
static int read_changed(const struct work *w, const struct candidate *c, struct wr_loaded *out)
{
	const struct wr_input *in = w->l->in;
	out->diags = wr_diags_new();
	out->in = wr_input_new(NULL);
	out->arena = wr_arena_new();
	int rc = out->diags && out->in && out->arena ? 0 : -ENOMEM;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		const struct wr_document *d = wr_input_at(in, i);
		char *changed = NULL;
		size_t size = d->source_size, left_out;
		if (i && wr_input_at(in, i - 1)->source == d->source)
			continue;
		if (c->edit.doc && c->edit.doc->source == d->source)
			rc = wr_edit_apply(d->source, size, &c->edit, 1, &changed, &size,
					   &left_out);
		if (!rc)
			rc = wr_input_bytes(out->in, d->file, 1, changed ? changed : d->source,
					    size, out->diags);
		free(changed);
	}
	if (!rc && !c->edit.doc)
		rc = wr_input_bytes(out->in, "suggested", 1, c->s.text, strlen(c->s.text),
				    out->diags);
	return rc ? rc : wr_load_rest(out, w->opts);
}

static int side_of(const struct wr_program *p, const struct wr_target_pair *end,
		   const struct wr_world *old, uint8_t family, struct wr_side *out)
{
	if (end->pod == WR_NONE) {
		wr_side_ip(p, &end->ip, out);
		return 0;
	}
	const struct wr_pod *pod = &old->pods[end->pod];
	uint32_t now = wr_world_find_pod(wr_program_world(p), pod->ns, pod->name, pod->kind);
	return now == WR_NONE ? -ENOENT : wr_side_pod(p, now, family, out);
}

static bool allows(const struct work *w, const struct wr_program *p, enum wr_direction dir)
{
	struct wr_side sides[2];
	struct wr_verdict v;
	for (int i = 0; i < 2; i++)
		if (side_of(p, &w->q->ends[i], world_of(w), w->q->family, &sides[i]) < 0)
			return false;
	wr_evaluate(p, &sides[0], &sides[1], w->q->proto, w->q->port, &v);
	return v.dir[dir].allow;
}

static uint64_t find_edge(const struct wr_connectivity *c, const char *src, const char *dst)
{
	uint32_t n_nodes;
	uint64_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n_nodes);
	const struct wr_conn_edge *edges = wr_connectivity_edges(c, &n);
	uint64_t lo = 0, hi = n;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		int order = strcmp(nodes[edges[mid].src].text, src);
		order = order ? order : strcmp(nodes[edges[mid].dst].text, dst);
		if (!order)
			return mid;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return UINT64_MAX;
}

/* Connections that are there now and were not, or have other ports now. */
static void compare(struct work *w, const struct wr_connectivity *after, struct wr_suggestion *s)
{
	uint32_t n_nodes;
	uint64_t n, n_before;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(after, &n_nodes);
	const struct wr_conn_edge *edges = wr_connectivity_edges(after, &n);
	const struct wr_conn_edge *old = wr_connectivity_edges(w->before, &n_before);
	s->opened = wr_arena_array(w->arena, OPENED_SHOWN, sizeof(*s->opened));
	w->nomem |= !s->opened;
	for (uint64_t i = 0; i < n && s->opened; i++) {
		const char *src = nodes[edges[i].src].text, *dst = nodes[edges[i].dst].text;
		const char *ports = wr_connectivity_ports_text(after, edges[i].ports);
		uint64_t at = find_edge(w->before, src, dst);
		const char *had = at == UINT64_MAX
					  ? NULL
					  : wr_connectivity_ports_text(w->before, old[at].ports);
		if (had && !strcmp(had, ports))
			continue;
		if (s->n_opened < OPENED_SHOWN)
			s->opened[s->n_opened] = TEXT(w, "%s -> %s %s%s%s%s", src, dst, ports,
						      had ? " (was " : "", had ? had : "",
						      had ? ")" : "");
		s->n_opened++;
	}
}

/* True when the candidate holds; then s has what it opens. */
static bool try_candidate(struct work *w, struct candidate *c)
{
	struct wr_loaded changed = {0};
	struct wr_connectivity *after = NULL;
	int rc = read_changed(w, c, &changed);
	bool holds = !rc && changed.program && !wr_diags_total(changed.diags, WR_ERROR) &&
		     allows(w, changed.program, c->s.dir);
	w->nomem |= rc == -ENOMEM;
	if (holds && !wr_connectivity_new(changed.program, &after))
		compare(w, after, &c->s);
	else
		holds = false;
	wr_connectivity_free(after);
	wr_loaded_free(&changed);
	return holds;
}

int wr_suggest(const struct wr_loaded *l, const struct wr_compile_opts *opts,
	       const struct wr_question *q, const struct wr_trace *trace, struct wr_arena *arena,
	       struct wr_suggestions *out)
{
	struct work w = {.l = l, .opts = opts, .q = q, .arena = arena};
	int rc = wr_connectivity_new(l->program, &w.before);
	*out = (struct wr_suggestions){0};
	for (int d = 0; d < 2 && !rc && !w.nomem; d++) {
		struct wr_suggestion *best = NULL;
		if (trace->reasons[d].allow)
			continue;
		find_candidates(&w, &trace->reasons[d]);
		for (size_t i = 0; i < w.n && !w.nomem; i++) {
			struct wr_suggestion *s = &w.candidates[i].s;
			if (try_candidate(&w, &w.candidates[i]) &&
			    (!best || s->n_opened < best->n_opened))
				best = s;
		}
		if (best)
			out->items[out->n++] = *best;
	}
	wr_connectivity_free(w.before);
	return w.nomem ? -ENOMEM : rc;
}
