/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>
#include <strings.h>

/*
 * What the author wrote around the policy: documents that run into each other,
 * annotations that look like rules, names and comments that say something else
 * than the policy does. These read text, not meaning: each looks for one narrow
 * pattern, so that what is reported is nearly always so.
 */

static const struct wr_lint_rule merged = {"merged-documents", WR_ERROR, false,
					   "two documents that run into each other"};
static const struct wr_lint_rule annotation = {"annotation-rule", WR_WARNING, false,
					       "an annotation that looks like a rule"};
static const struct wr_lint_rule comment_labels = {"comment-contradicts", WR_WARNING, false,
						   "a comment that says other labels"};
static const struct wr_lint_rule comment_wider = {
	"comment-wider", WR_NOTE, false, "a comment that leaves out a condition of the policy"};
static const struct wr_lint_rule name_external = {
	"name-contradicts", WR_WARNING, false,
	"a policy named for denying the outside that lets it through"};

static const struct wr_lint_rule no_namespace = {"namespace-left-out", WR_NOTE, true,
						 "a policy that does not say its namespace"};

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING ? v->text : NULL;
}

/* ---- documents ---- */

static const char *first_name(const struct wr_value *root)
{
	for (size_t i = 0; i < root->n; i++)
		if (!strcmp(root->fields[i].key, "metadata"))
			return text_of(root->fields[i].value, "name");
	return NULL;
}

static void check_merged(struct lint *l, const struct wr_document *doc)
{
	static const char *const top[] = {"apiVersion", "kind", "metadata", "spec"};
	const struct wr_value *root = doc->root;
	const struct wr_field *first = NULL;
	size_t n = 0;
	for (size_t i = 0; root->type == WR_MAP && i < root->n; i++)
		for (size_t k = 0; root->fields[i].duplicate && k < 4; k++)
			if (!strcmp(root->fields[i].key, top[k])) {
				first = first ? first : &root->fields[i];
				n++;
			}
	if (n < 2)
		return;
	const char *name = first_name(root),
		   *last = text_of(wr_value_get(root, "metadata"), "name");
	lint_report(
		l, &merged, NULL, first->mark, NULL,
		"a second object begins here without a line \"---\" before it: kubectl keeps only "
		"the last one%s%s%s, and %s is lost without a word",
		last ? " (" : "", last ? last : "", last ? ")" : "", name ? name : "the first");
	lint_advise(l, "put a line --- above");
	struct wr_edit edit;
	if (!wr_edit_insert_above(doc, first->mark, "---", l->arena, &edit))
		lint_fix(l, &edit, 1);
}

/* ---- annotations ---- */

/* Words of a key's last part: policy.example.org/time-ranges has "time" and "ranges". */
static bool has_word(const char *key, const char *word)
{
	const char *slash = strrchr(key, '/'), *p = slash ? slash + 1 : key;
	size_t n = strlen(word);
	for (; (p = strcasestr(p, word)); p++) {
		bool begins = p == key || strchr("/-_.", p[-1]);
		if (begins && (!p[n] || strchr("-_.s", p[n])))
			return true;
	}
	return false;
}

static void check_annotation(struct lint *l, const struct wr_object *o, const struct wr_field *f)
{
	static const char *const words[] = {"priority", "order",  "precedence", "time", "schedule",
					    "hours",    "window", "expire",     "ttl",  "action"};
	if (strstr(f->key, "kubectl.kubernetes.io/") || strstr(f->key, "helm.sh/") ||
	    strstr(f->key, "argocd.argoproj.io/"))
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!has_word(f->key, words[i]))
			continue;
		lint_report(l, &annotation, o, f->mark, "metadata.annotations",
			    "the annotation \"%s\" changes nothing: a NetworkPolicy has no %s",
			    f->key,
			    i < 3   ? "order; policies add to each other"
			    : i < 9 ? "times; it is in force as long as it exists"
				    : "actions; its rules only allow");
		lint_advise(l, "remove it, or do what it says by other means");
		return;
	}
}

static void check_annotations(struct lint *l, const struct wr_object *o, const struct wr_value *v)
{
	const char *kind = text_of(v, "kind");
	const struct wr_value *map = wr_value_get(wr_value_get(v, "metadata"), "annotations");
	if (!kind || strcmp(kind, "NetworkPolicy") != 0 || !map || map->type != WR_MAP)
		return;
	for (size_t i = 0; i < map->n; i++)
		check_annotation(l, o, &map->fields[i]);
}

/* ---- names ---- */

static const char *external_word(const char *name)
{
	static const char *const words[] = {"deny-external",  "block-external", "deny-internet",
					    "block-internet", "no-internet",    "deny-outside",
					    "block-outside"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(name, words[i]))
			return words[i];
	return NULL;
}

static bool is_everywhere(const struct wr_rule *r)
{
	for (size_t i = 0; i < r->n_peers; i++)
		if (r->peers[i].kind == WR_PEER_IPBLOCK && !r->peers[i].cidr.len)
			return true;
	return r->any_peer;
}

static const char *ports_text(struct lint *l, const struct wr_rule *r)
{
	if (r->any_port)
		return "every port is";
	if (r->ports[0].kind == WR_PORTS_RANGE && r->n_ports == 1)
		return lint_text(l, "%s port %u is", wr_proto_name(r->ports[0].proto),
				 r->ports[0].first);
	for (size_t i = 1; i < r->n_ports; i++)
		if (r->ports[i].kind != WR_PORTS_RANGE || r->ports[i].first != r->ports[0].first)
			return lint_text(l, "%zu ports are", r->n_ports);
	return lint_text(l, "port %u is", r->ports[0].first);
}

static void check_external_name(struct lint *l, const struct wr_policy *p)
{
	const char *word = external_word(p->name);
	for (int d = 0; word && d < 2; d++)
		for (size_t r = 0; r < p->n_rules[d]; r++) {
			if (!is_everywhere(&p->rules[d][r]))
				continue;
			lint_report(
				l, &name_external, p->object, p->rules[d][r].mark,
				lint_rule_path(l, (enum wr_direction)d, r),
				"the policy is named \"%s\", but %s open %s every address outside",
				word, ports_text(l, &p->rules[d][r]),
				d == WR_EGRESS ? "to" : "from");
			lint_advise(l,
				    "name the peers: for DNS the pods of kube-system with k8s-app: "
				    "kube-dns");
		}
}

/* Applied without -n it lands in default, where its pods most often are not. */
static void check_namespace(struct lint *l, const struct wr_policy *p)
{
	const char *ns = text_of(wr_value_get(p->object->value, "metadata"), "namespace");
	if (ns && *ns)
		return;
	lint_report(l, &no_namespace, p->object, p->mark, "metadata.namespace",
		    "says no namespace: it is in the one that kubectl is told, else in default");
	lint_advise(l, "write metadata.namespace");
}

/* ---- comments ---- */

struct comment {
	const char *s;
	size_t n;
	struct wr_mark mark;
	bool own_line; /* nothing stands before it */
};

/* Lines that are commands to type, not words about the policy. */
static bool is_command(const struct comment *c)
{
	return memmem(c->s, c->n, "kubectl", 7) || memmem(c->s, c->n, "--", 2) ||
	       memmem(c->s, c->n, "://", 3) || memmem(c->s, c->n, "k ", 2) == c->s + 1;
}

/* The comment of a line, if it has one that begins the line or follows a blank. */
static bool comment_of(const char *line, size_t n, struct comment *out)
{
	for (size_t i = 0; i < n; i++) {
		if (line[i] == '"' || line[i] == '\'')
			return false; /* a quoted # is none: rather none than a wrong one */
		if (line[i] == '#' && (!i || line[i - 1] == ' ' || line[i - 1] == '\t')) {
			out->s = line + i;
			out->n = n - i;
			out->own_line = strspn(line, " \t") >= i;
			out->mark.column = (uint32_t)i + 1;
			return true;
		}
	}
	return false;
}

static bool label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-_./", c);
}

/* The next key=value or key:value of a comment from *at on; true with both copied. */
static bool next_pair(struct lint *l, const struct comment *c, size_t *at, const char **key,
		      const char **value)
{
	for (size_t i = *at; i < c->n; i++) {
		if (c->s[i] != '=' && c->s[i] != ':')
			continue;
		size_t a = i, b = i + 1;
		while (a && label_char(c->s[a - 1]))
			a--;
		while (b < c->n && label_char(c->s[b]))
			b++;
		while (b > i + 1 && strchr(".,/", c->s[b - 1]))
			b--; /* the sentence's, not the label's */
		if (a == i || b == i + 1)
			continue;
		*at = b;
		*key = lint_text(l, "%.*s", (int)(i - a), c->s + a);
		*value = lint_text(l, "%.*s", (int)(b - i - 1), c->s + i + 1);
		return *key && *value;
	}
	return false;
}

struct said {
	struct lint *l;
	const char *key, *value;
	bool key_used, pair_used;
	const char *other; /* a value that the policy asks of the key */
};

static void look_in(struct said *said, const struct wr_label_selector *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		if (strcmp(s->reqs[i].key, said->key) != 0)
			continue;
		said->key_used = true;
		for (size_t k = 0; k < s->reqs[i].n; k++) {
			if (!strcmp(s->reqs[i].values[k], said->value))
				said->pair_used = true;
			else
				said->other = s->reqs[i].values[k];
		}
	}
}

static void look_in_policy(struct said *said, const struct wr_object *o)
{
	const struct wr_np_object *np = &o->np;
	look_in(said, &np->pod_selector);
	for (int d = 0; d < 2; d++)
		for (size_t r = 0; r < np->n_rules[d]; r++)
			for (size_t k = 0; k < np->rules[d][r].n_peers; k++) {
				look_in(said, np->rules[d][r].peers[k].ns_selector);
				look_in(said, np->rules[d][r].peers[k].pod_selector);
			}
	for (size_t i = 0; i < o->meta.n_labels; i++)
		if (!strcmp(o->meta.labels[i].key, said->key) &&
		    !strcmp(o->meta.labels[i].value, said->value))
			said->pair_used = true;
}

static bool mentions(const struct comment *c, const char *word)
{
	return memmem(c->s, c->n, word, strlen(word)) != NULL;
}

/* A comment that names a peer's namespace label and not its pod label. */
static void check_wider(struct lint *l, const struct wr_object *o, const struct comment *c,
			const char *key, const char *value)
{
	for (int d = 0; d < 2; d++)
		for (size_t r = 0; r < o->np.n_rules[d]; r++)
			for (size_t k = 0; k < o->np.rules[d][r].n_peers; k++) {
				const struct wr_np_peer *peer = &o->np.rules[d][r].peers[k];
				struct said said = {.l = l, .key = key, .value = value};
				look_in(&said, peer->ns_selector);
				if (!said.pair_used || !peer->pod_selector ||
				    peer->pod_selector->n != 1 ||
				    peer->pod_selector->reqs[0].n != 1 ||
				    mentions(c, peer->pod_selector->reqs[0].values[0]))
					continue;
				lint_report(
					l, &comment_wider, o, peer->mark,
					lint_peer_path(l, o, (enum wr_direction)d, r, k),
					"line %u speaks of %s=%s only; the peer also demands %s=%s",
					c->mark.line, key, value, peer->pod_selector->reqs[0].key,
					peer->pod_selector->reqs[0].values[0]);
			}
}

static void check_pairs(struct lint *l, const struct wr_object *o, const struct comment *c)
{
	size_t at = 0;
	const char *key, *value;
	while (next_pair(l, c, &at, &key, &value)) {
		struct said said = {.l = l, .key = key, .value = value};
		look_in_policy(&said, o);
		if (said.pair_used && c->own_line) {
			check_wider(l, o, c, key, value);
		} else if (!said.pair_used && said.key_used && said.other) {
			lint_report(l, &comment_labels, o, c->mark, NULL,
				    "the comment says %s=%s; the policy asks for %s=%s", key, value,
				    key, said.other);
			lint_advise(l, "one of the two is wrong");
		}
	}
}

static void check_sentences(struct lint *l, const struct wr_object *o, const struct comment *c)
{
	const struct wr_np_object *np = &o->np;
	bool each_other = mentions(c, "each other") || mentions(c, "among themselves");
	if (each_other && np->isolates[WR_INGRESS] && !np->n_rules[WR_INGRESS] &&
	    (mentions(c, "can") || mentions(c, "may") || mentions(c, "allow"))) {
		lint_report(
			l, &comment_wider, o,
			np->rules_mark[WR_INGRESS].file ? np->rules_mark[WR_INGRESS] : o->meta.mark,
			"spec.ingress",
			"line %u says that the pods may reach each other; an empty ingress denies "
			"that, too",
			c->mark.line);
		lint_advise(l, "allow it: ingress: [{from: [{podSelector: {}}]}]");
	}
	bool all =
		(np->isolates[WR_EGRESS] && mentions(c, "egress") && mentions(c, "from all pod")) ||
		(np->isolates[WR_INGRESS] && mentions(c, "ingress") && mentions(c, "to all pod"));
	if (all && np->pod_selector.n && np->pod_selector.reqs[0].n)
		lint_report(l, &comment_wider, o, np->pod_selector.mark, "spec.podSelector",
			    "line %u speaks of all pods; the policy selects %s=%s", c->mark.line,
			    np->pod_selector.reqs[0].key, np->pod_selector.reqs[0].values[0]);
}

static void check_comments(struct lint *l, const struct wr_object *o)
{
	const struct wr_document *doc = o->doc;
	uint32_t line = doc->first_line;
	if (doc->root != o->value)
		return; /* an item of a list: whose comments these are is not clear */
	for (size_t at = 0; at < doc->size; line++) {
		const char *nl = memchr(doc->text + at, '\n', doc->size - at);
		size_t n = nl ? (size_t)(nl - doc->text) - at : doc->size - at;
		struct comment c = {.mark = {doc->file, line, 1}};
		if (comment_of(doc->text + at, n, &c) && !is_command(&c)) {
			check_pairs(l, o, &c);
			check_sentences(l, o, &c);
		}
		at += n + 1;
	}
}

static void run(struct lint *l)
{
	for (size_t i = 0; i < wr_input_count(l->in); i++)
		check_merged(l, wr_input_at(l->in, i));
	/* objects that were refused have annotations, too */
	for (size_t i = 0; i < wr_input_count(l->in); i++)
		check_annotations(l, NULL, wr_input_at(l->in, i)->root);
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY || !p->object)
			continue;
		check_external_name(l, p);
		check_namespace(l, p);
		check_comments(l, p->object);
	}
}

const struct lint_check lint_writing = {LINT_RULES(&merged, &annotation, &comment_labels,
						   &comment_wider, &name_external, &no_namespace),
					run};
