/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest_yaml.h"

#include <string.h>

#include "input/scalar.h"

const char *wr_yaml_printf(struct wr_yaml *y, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *s = wr_arena_vprintf(y->arena, fmt, ap);
	va_end(ap);
	y->nomem |= !s;
	return s ? s : "";
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Names, label keys and values: a subset of what YAML can hold, quoted where it is no string. */
const char *wr_yaml_word(struct wr_yaml *y, const char *s)
{
	struct wr_scalar v;
	const char *kind;
	bool plain = is_alnum(*s);
	for (const char *c = s; *c; c++)
		plain = plain && (is_alnum(*c) || strchr("-_./", *c));
	if (plain && !wr_scalar_resolve(NULL, s, &v, &kind) && v.value.type == WR_STRING &&
	    strcmp(s, "y") && strcmp(s, "Y") && strcmp(s, "n") && strcmp(s, "N"))
		return s;
	return wr_yaml_printf(y, "\"%s\"", s);
}

/* Every line of s indented. */
const char *wr_yaml_indented(struct wr_yaml *y, const char *s, int n)
{
	const char *out = "";
	while (*s) {
		size_t size = strcspn(s, "\n");
		out = wr_yaml_printf(y, "%s%*s%.*s%s", out, n, "", (int)size, s,
				     s[size] ? "\n" : "");
		s += size + (s[size] == '\n');
	}
	return out;
}

/* Labels that belong to one replica or revision select too little. */
static bool is_fleeting(const char *key)
{
	static const char *const keys[] = {"pod-template-hash",
					   "controller-revision-hash",
					   "statefulset.kubernetes.io/pod-name",
					   "apps.kubernetes.io/pod-index",
					   "batch.kubernetes.io/controller-uid",
					   "batch.kubernetes.io/job-name",
					   "batch.kubernetes.io/job-completion-index",
					   "controller-uid",
					   "job-name",
					   "pod-template-generation"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

static const char *expression(struct wr_yaml *y, const struct wr_requirement *r, int indent)
{
	static const char *const operators[] = {[WR_OP_IN] = "In",
						[WR_OP_NOT_IN] = "NotIn",
						[WR_OP_EXISTS] = "Exists",
						[WR_OP_NOT_EXISTS] = "DoesNotExist"};
	const char *out = wr_yaml_printf(y, "\n%*s- key: %s\n%*soperator: %s", indent, "",
					 wr_yaml_word(y, r->key), indent + 2, "", operators[r->op]);
	if (r->n)
		out = wr_yaml_printf(y, "%s\n%*svalues:", out, indent + 2, "");
	for (size_t i = 0; i < r->n; i++)
		out = wr_yaml_printf(y, "%s\n%*s- %s", out, indent + 2, "",
				     wr_yaml_word(y, r->values[i]));
	return out;
}

/* The two parts of a selector, which start with a newline where there is something in them. */
static const char *selector(struct wr_yaml *y, const char *labels, const char *expressions,
			    int indent)
{
	if (*labels)
		labels = wr_yaml_printf(y, "\n%*smatchLabels:%s", indent, "", labels);
	if (*expressions)
		expressions = wr_yaml_printf(y, "\n%*smatchExpressions:%s", indent, "",
					     expressions);
	return *labels || *expressions ? wr_yaml_printf(y, "%s%s", labels, expressions) : " {}";
}

const char *wr_yaml_pod_labels(struct wr_yaml *y, const struct wr_pod *pod,
			       const struct wr_label_selector *within, int indent)
{
	const char *labels = "", *expressions = "";
	for (size_t i = 0; i < pod->n_labels; i++) {
		const char *pair = wr_world_pair_text(y->world, pod->labels[i].pair);
		const char *key = wr_world_key_text(y->world, pod->labels[i].key);
		if (!is_fleeting(key))
			labels = wr_yaml_printf(y, "%s\n%*s%s: %s", labels, indent + 2, "",
						wr_yaml_word(y, key),
						wr_yaml_word(y, pair + strlen(key) + 1));
	}
	for (size_t i = 0; within && i < within->n; i++)
		if (within->reqs[i].op == WR_OP_NOT_IN || within->reqs[i].op == WR_OP_NOT_EXISTS)
			expressions = wr_yaml_printf(y, "%s%s", expressions,
						     expression(y, &within->reqs[i], indent));
	return selector(y, labels, expressions, indent);
}

const char *wr_yaml_selector(struct wr_yaml *y, const struct wr_label_selector *s, int indent)
{
	const char *labels = "", *expressions = "";
	for (size_t i = 0; i < s->n; i++) {
		const struct wr_requirement *r = &s->reqs[i];
		bool again = false; /* a key can stand in matchLabels but once */
		for (size_t k = 0; k < i; k++)
			again |= !strcmp(s->reqs[k].key, r->key);
		if (r->op == WR_OP_IN && r->n == 1 && !again)
			labels = wr_yaml_printf(y, "%s\n%*s%s: %s", labels, indent + 2, "",
						wr_yaml_word(y, r->key),
						wr_yaml_word(y, r->values[0]));
		else
			expressions = wr_yaml_printf(y, "%s%s", expressions,
						     expression(y, r, indent));
	}
	return selector(y, labels, expressions, indent);
}

const char *wr_yaml_peer(struct wr_yaml *y, const struct wr_yaml_end *end, const char *own_ns)
{
	char ip[WR_IP_TEXT];
	if (end->pod == WR_NONE || y->world->pods[end->pod].host_network)
		return end->ip.family ? wr_yaml_printf(y, "- ipBlock:\n    cidr: %s%s/%u%s",
						       end->ip.family == WR_IPV6 ? "\"" : "",
						       wr_ip_format(&end->ip, ip),
						       wr_family_bits(end->ip.family),
						       end->ip.family == WR_IPV6 ? "\"" : "")
				      : "";
	const struct wr_pod *pod = &y->world->pods[end->pod];
	const char *pods = wr_yaml_printf(y, "podSelector:%s", wr_yaml_pod_labels(y, pod, NULL, 4));
	if (!strcmp(pod->ns, own_ns))
		return wr_yaml_printf(y, "- %s", pods);
	return wr_yaml_printf(y,
			      "- namespaceSelector:\n"
			      "    matchLabels:\n"
			      "      kubernetes.io/metadata.name: %s\n"
			      "  %s",
			      wr_yaml_word(y, pod->ns), pods);
}

const char *wr_yaml_rule(struct wr_yaml *y, enum wr_direction dir, const struct wr_yaml_end *peer,
			 uint8_t proto, uint16_t port, const char *own_ns)
{
	const char *ports = wr_proto_has_ports(proto)
				    ? wr_yaml_printf(y,
						     "\n  ports:\n  - protocol: %s\n    port: %u",
						     wr_proto_name(proto), port)
				    : "";
	return wr_yaml_printf(y, "- %s:\n%s%s", dir == WR_EGRESS ? "to" : "from",
			      wr_yaml_indented(y, wr_yaml_peer(y, peer, own_ns), 2), ports);
}

const char *wr_yaml_policy(struct wr_yaml *y, enum wr_direction dir, const char *ns,
			   const char *name, const char *selector, const char *rule)
{
	return wr_yaml_printf(y,
			      "apiVersion: networking.k8s.io/v1\n"
			      "kind: NetworkPolicy\n"
			      "metadata:\n"
			      "  name: %s\n"
			      "  namespace: %s\n"
			      "spec:\n"
			      "  podSelector:%s\n"
			      "  policyTypes:\n"
			      "  - %s\n"
			      "  %s:\n"
			      "%s\n",
			      wr_yaml_word(y, name), wr_yaml_word(y, ns), selector,
			      dir == WR_EGRESS ? "Egress" : "Ingress",
			      dir == WR_EGRESS ? "egress" : "ingress",
			      wr_yaml_indented(y, rule, 2));
}

/* ---- names ---- */

/* A part of a name: letters, digits and dashes, and none of these at its ends. */
static const char *short_name(struct wr_yaml *y, const struct wr_yaml_end *end)
{
	char text[41], ip[WR_IP_TEXT];
	size_t n = 0;
	const char *s = end->pod != WR_NONE ? y->world->pods[end->pod].name
					    : wr_ip_format(&end->ip, ip);
	for (; *s && n < sizeof(text) - 1; s++)
		if (is_alnum(*s))
			text[n++] = *s;
		else if (n && text[n - 1] != '-')
			text[n++] = '-';
	while (n && text[n - 1] == '-')
		n--;
	text[n] = '\0';
	return n ? wr_yaml_printf(y, "%s", text) : "any";
}

const char *wr_yaml_base_name(struct wr_yaml *y, enum wr_direction dir,
			      const struct wr_yaml_end *subject, const struct wr_yaml_end *peer)
{
	return wr_yaml_printf(y, "%s-%s-%s", short_name(y, subject),
			      dir == WR_EGRESS ? "to" : "from", short_name(y, peer));
}

static bool is_taken(const struct wr_world *w, const char *ns, const char *name)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].ns && !strcmp(w->policies[i].ns, ns) &&
		    !strcmp(w->policies[i].name, name))
			return true;
	return false;
}

const char *wr_yaml_policy_name(struct wr_yaml *y, enum wr_direction dir,
				const struct wr_yaml_end *subject, const struct wr_yaml_end *peer)
{
	const char *ns = y->world->pods[subject->pod].ns;
	const char *base = wr_yaml_base_name(y, dir, subject, peer);
	const char *name = base;
	for (unsigned i = 2; is_taken(y->world, ns, name) && !y->nomem; i++)
		name = wr_yaml_printf(y, "%s-%u", base, i);
	return name;
}
