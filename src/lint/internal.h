/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the checks share. A check is a table of its rules and a function; lint.c
 * lists them all:
 *
 *	static const struct wr_lint_rule empty = {
 *		"selects-nothing", WR_WARNING, false, "a podSelector that selects no pod",
 *	};
 *	static void run(struct lint *l) { ... }
 *	const struct lint_check lint_selects = {LINT_RULES(&empty), run};
 *
 * Memory that runs out is noted once (l->nomem); checks go on and the caller
 * looks at the end. All that is handed to the reporting functions is copied or
 * lives as long as the objects do.
 */
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/query.h"
#include "lint/lint.h"

struct lint_labels;
struct lint_authors;

struct lint {
	const struct wr_input *in;
	const struct wr_objects *objects;
	struct wr_program *p;
	const struct wr_world *w;
	struct wr_arena *arena;
	const struct wr_lint_opts *opts;
	/*
	 * What the manifests tell of: without any pod (workloads count), nothing
	 * can be said of what a selector matches; without any Namespace object,
	 * nothing of the labels of namespaces.
	 */
	bool knows_pods, knows_namespaces;
	bool nomem;
	struct lint_labels *pod_labels, *namespace_labels; /* labels.c */
	struct lint_authors *authors;                      /* deciders.c */
	struct wr_map *dead;       /* rules that can never match: {policy, direction, rule} */
	struct wr_map *port_names; /* spans.c */
	size_t n_ignored;
	WR_VEC(struct wr_finding) findings;
	struct wr_finding *newest; /* NULL: what was reported last is off */
};

struct lint_check {
	const struct wr_lint_rule *const *rules; /* ends with NULL */
	void (*run)(struct lint *l);             /* or NULL */
};

#define LINT_RULES(...) ((const struct wr_lint_rule *const[]){__VA_ARGS__, NULL})

/* Whether a rule is on: checks that cost ask before. */
bool lint_on(const struct lint *l, const struct wr_lint_rule *rule);

/*
 * Adds a finding about an object (NULL: none) at a mark. path: the field, or
 * NULL. A rule that is off adds nothing, and then the functions below, which
 * add to the newest finding, do nothing either.
 */
void lint_report(struct lint *l, const struct wr_lint_rule *rule, const struct wr_object *o,
		 struct wr_mark mark, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
void lint_advise(struct lint *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lint_relate(struct lint *l, struct wr_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The fix: edits of the object's document (input/edit.h makes them); copied. */
void lint_fix(struct lint *l, const struct wr_edit *edits, size_t n);

/* Text in the arena of the run; NULL with nomem set when memory runs out. */
const char *lint_text(struct lint *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * "spec.ingress[0]", "spec.ingress[0].from[1]", "spec.ingress[0].ports[2]"; of
 * cluster-wide policies also "spec.egress[0].to[1].networks[3]" and, in
 * v1alpha2, "spec.egress[0].protocols[2]".
 */
const char *lint_rule_path(struct lint *l, enum wr_direction dir, size_t rule);
const char *lint_peer_path(struct lint *l, const struct wr_object *o, enum wr_direction dir,
			   size_t rule, size_t peer);
const char *lint_port_path(struct lint *l, const struct wr_object *o, enum wr_direction dir,
			   size_t rule, size_t port);
/*
 * How a finding about one policy (reader) calls a rule: "spec.egress[0]", with
 * the rule's name where it has one, and its policy's title where it is another.
 */
const char *lint_rule_name(struct lint *l, const struct wr_policy *p, enum wr_direction dir,
			   size_t rule, const struct wr_policy *reader);

/* "3 pods", "1 pod", "no pod"; "shop/web, shop/api and 3 more". */
const char *lint_count(struct lint *l, size_t n, const char *one, const char *many);
const char *lint_pod_names(struct lint *l, const struct wr_bitset *pods, size_t max);

/* invalid.c: records of reading and decoding as findings, but where checks say it better. */
void lint_invalid_report(struct lint *l, const struct wr_diags *diags);

/* ignore.c: takes out the findings that comments silence, and counts them. */
void lint_ignore(struct lint *l);

/* ---- tree.c: the values that a policy's fields were read from ---- */

/* A field below the object's own tree, by keys; the list ends with NULL. NULL: not there. */
const struct wr_value *lint_get(const struct wr_object *o, const char *const *keys);
/* The list of rules of a direction; of a rule's peers or ports; NULL: not there. */
const struct wr_value *lint_rules_value(const struct wr_object *o, enum wr_direction dir);
const struct wr_value *lint_peers_value(const struct wr_object *o, enum wr_direction dir,
					size_t rule);
const struct wr_value *lint_ports_value(const struct wr_object *o, enum wr_direction dir,
					size_t rule);
/*
 * Where a peer of the model was written: the item of from or to; of a peer of
 * networks, which the model takes apart, also the item of that list.
 */
struct lint_place {
	size_t item, network;
	bool is_network;
};
struct lint_place lint_place(const struct wr_object *o, enum wr_direction dir, size_t rule,
			     size_t peer);
struct wr_mark lint_peer_mark(const struct wr_policy *p, enum wr_direction dir, size_t rule,
			      size_t peer);
/* An annotation's text, or NULL. Of workloads: of their pod template. */
const char *lint_annotation(const struct wr_object *o, const char *key);

/* ---- labels.c: who carries which labels ---- */

/* How many carry each label pair and key: of pods, or of namespaces. */
struct lint_labels {
	uint32_t *pairs, *keys; /* by interned number */
};

/* For the pods, and the namespaces, of the run; computed at first use. NULL: nomem. */
const struct lint_labels *lint_pod_labels(struct lint *l);
const struct lint_labels *lint_namespace_labels(struct lint *l);

/*
 * Why a selector matches nobody: names the first label that nobody carries, and
 * what carriers have instead; NULL when every requirement alone is met by somebody.
 * what: "pod" or "namespace". *meant: the label that was likely meant, or NULL.
 */
const char *lint_why_nobody(struct lint *l, uint32_t selector, const struct lint_labels *have,
			    const char *what, const char **meant);

/* The requirement that has a key, or NULL. */
const struct wr_req *lint_requirement(const struct lint *l, uint32_t selector, const char *key);
/* Whether a selector is just key In (one value); then *value. */
bool lint_is_pair(const struct lint *l, uint32_t selector, const char *key, const char **value);
/* Whether a peer, or subject, names a pod by its selectors; also a hostNetwork pod. */
bool lint_names_pod(const struct lint *l, const struct wr_peer *peer, uint32_t pod);
/* Whether everything that a matches is matched by b, for any labels. WR_NONE: everything. */
bool lint_implies(const struct lint *l, uint32_t a, uint32_t b);
/* Whether nothing can be matched by both, for any labels. */
bool lint_excludes(const struct lint *l, uint32_t a, uint32_t b);

/*
 * ---- subsume.c: whether all that one peer, port or rule allows is allowed by
 * another one, whatever pods and labels there are ----
 */
bool lint_peer_within(const struct lint *l, const struct wr_peer *a, const struct wr_peer *b);
/* Whether two peers, or subjects, can never hold the same one. */
bool lint_peers_apart(const struct lint *l, const struct wr_peer *a, const struct wr_peer *b);
bool lint_port_within(const struct wr_port *a, const struct wr_port *b);
/* Whether a rule's ports are all within another rule's. */
bool lint_ports_within(const struct wr_rule *a, const struct wr_rule *b);
bool lint_rule_within(const struct lint *l, const struct wr_rule *a, const struct wr_rule *b);
/* Whether two rules have a port in common; named ports: only with the same name. */
bool lint_ports_meet(const struct wr_rule *a, const struct wr_rule *b);

/* ---- spans.c: sets of ports, to be taken apart ---- */

struct lint_span {
	uint32_t first, last; /* WR_KEY(); named ports are numbers beyond */
};

struct lint_span_list {
	struct lint_span *items;
	size_t n, cap;
};

/* All zero at first; lint_spans_free() in the end. */
struct lint_spans {
	struct lint_span_list left, next; /* the ports; scratch */
};

/* The ports of a rule; none: it names no port that there is. */
void lint_spans_set(struct lint *l, struct lint_spans *s, const struct wr_rule *r);
/* Takes ports out; true when any of them were in. */
bool lint_spans_take(struct lint *l, struct lint_spans *s, struct lint_span out);
/* Keeps only what is in a list, too. */
void lint_spans_keep(struct lint *l, struct lint_spans *s, const struct lint_span_list *with);
void lint_spans_free(struct lint_spans *s);

/*
 * ---- deciders.c: who decides, as the engine's rows say it for the pods of the
 * manifests. For checks that tell that a rule has no effect, and what has it ----
 */

/*
 * Whether a rule that accepts or denies decides any connection of a pod in the
 * manifests. True also where it cannot be told: of rules that pass.
 */
bool lint_decides(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule);

/*
 * The distinct rows of a policy's pods in one direction, until the next call. NULL: nomem.
 */
const uint32_t *lint_subject_rows(struct lint *l, uint32_t policy, enum wr_direction dir,
				  uint32_t *n);

/* Whether a NetworkPolicy isolates the pods of a row. */
bool lint_row_isolated(const struct lint *l, uint32_t row);

#define LINT_DECIDERS_MAX 4

/* The authors of what a rule would match. */
struct lint_deciders {
	const struct wr_author *by[LINT_DECIDERS_MAX]; /* each once */
	uint32_t n;
	bool more;     /* there are others */
	bool complete; /* all of the rule's rows, peers and ports were looked at */
};

void lint_find_deciders(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
			struct lint_deciders *out);

/* "Admin/deny-lan spec.egress[0] denies", "shop/db isolates", "nobody denies it". */
const char *lint_decider_text(struct lint *l, const struct wr_author *by,
			      const struct wr_policy *reader);
/* Where a decider stands; a zero mark where it is nobody. */
struct wr_mark lint_decider_mark(const struct lint *l, const struct wr_author *by);

/* dns.c: whether a rule names UDP 53 among its ports. */
bool lint_names_dns(const struct wr_rule *r);
