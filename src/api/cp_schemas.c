/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cp_schemas.h"

#include <string.h>

#include "api/check.h"

#define END_PROPS             \
	{                     \
		NULL, NULL, 0 \
	}
#define END                \
	{                  \
		NULL, NULL \
	}

static const struct wr_schema any = {.type = WR_SCHEMA_ANY};
static const struct wr_schema string = {.type = WR_SCHEMA_STRING};
static const struct wr_schema port = {.type = WR_SCHEMA_INT32,
				      .least = 1,
				      .most = 65535,
				      .advice = "a port is a number from 1 to 65535"};

/* ---- selectors ---- */

static const struct wr_schema values = {
	.type = WR_SCHEMA_ARRAY, .items = &string, .advice = "write a list: values: [...]"};
static const struct wr_property expression_props[] = {
	{"key", &string, true}, {"operator", &string, true}, {"values", &values, false}, END_PROPS};
static const struct wr_misplaced expression_misplaced[] = {
	{"value", "values is a list: values: [...]"}, END};
static const struct wr_schema expression = {
	.type = WR_SCHEMA_OBJECT, .props = expression_props, .misplaced = expression_misplaced};
static const struct wr_schema expressions = {.type = WR_SCHEMA_ARRAY, .items = &expression};
static const struct wr_schema match_labels = {.type = WR_SCHEMA_STRINGS};
static const struct wr_property selector_props[] = {{"matchLabels", &match_labels, false},
						    {"matchExpressions", &expressions, false},
						    END_PROPS};

#define IN_EXPRESSIONS(field)                                                                    \
	{                                                                                        \
		field, "write it under matchExpressions, in a list item with key, operator and " \
		       "values"                                                                  \
	}
#define SAME_LABELS(field)                                                                       \
	{                                                                                        \
		field, "it was removed from the API: write a policy for each tenant, or a Pass " \
		       "rule "                                                                   \
		       "and NetworkPolicies"                                                     \
	}
static const struct wr_misplaced namespaces_misplaced[] = {
	{"namespaceSelector",
	 "namespaces is itself the selector: namespaces: {matchLabels: ...}; to select by pod "
	 "labels, too, write pods: {namespaceSelector: ..., podSelector: ...}"},
	{"podSelector", "write pods: {namespaceSelector: ..., podSelector: ...}"},
	SAME_LABELS("sameLabels"),
	SAME_LABELS("notSameLabels"),
	IN_EXPRESSIONS("key"),
	IN_EXPRESSIONS("operator"),
	IN_EXPRESSIONS("values"),
	END};
static const struct wr_schema namespaces = {.type = WR_SCHEMA_OBJECT,
					    .props = selector_props,
					    .misplaced = namespaces_misplaced,
					    .advice =
						    "{} selects all, {matchLabels: ...} by labels"};
static const struct wr_misplaced selector_misplaced[] = {
	{"podSelector", "podSelector stands beside namespaceSelector, at the same depth"},
	{"namespaceSelector", "namespaceSelector stands beside podSelector, at the same depth"},
	IN_EXPRESSIONS("key"),
	IN_EXPRESSIONS("operator"),
	IN_EXPRESSIONS("values"),
	END};
static const struct wr_schema selector = {.type = WR_SCHEMA_OBJECT,
					  .props = selector_props,
					  .misplaced = selector_misplaced,
					  .advice = "{} selects all, {matchLabels: ...} by labels"};

#define PODS_ADVICE "write both: pods: {namespaceSelector: ..., podSelector: ...}; {} selects all"
static const struct wr_misplaced pods_misplaced[] = {
	{"matchLabels", "it belongs under podSelector or namespaceSelector"},
	{"matchExpressions", "it belongs under podSelector or namespaceSelector"},
	SAME_LABELS("namespaces"),
	END};
static const struct wr_property pods_props[] = {
	{"namespaceSelector", &selector, false}, {"podSelector", &selector, true}, END_PROPS};
static const struct wr_schema pods = {.type = WR_SCHEMA_OBJECT,
				      .props = pods_props,
				      .misplaced = pods_misplaced,
				      .advice = PODS_ADVICE};
static const struct wr_property old_pods_props[] = {
	{"namespaceSelector", &selector, true}, {"podSelector", &selector, true}, END_PROPS};
static const struct wr_schema old_pods = {.type = WR_SCHEMA_OBJECT,
					  .props = old_pods_props,
					  .misplaced = pods_misplaced,
					  .advice = PODS_ADVICE};

/* ---- subject and peers ---- */

#define ONE_OF "set exactly one: "
static const struct wr_misplaced subject_misplaced[] = {
	{"namespaceSelector", "write namespaces: {...}, or pods: {namespaceSelector: ..., "
			      "podSelector: ...}"},
	{"podSelector", "write pods: {namespaceSelector: ..., podSelector: ...}"},
	{"matchLabels", "it belongs under namespaces"},
	{"matchExpressions", "it belongs under namespaces"},
	END};
static const struct wr_property subject_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &pods, false}, END_PROPS};
static const struct wr_property old_subject_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &old_pods, false}, END_PROPS};
#define SUBJECT(properties)                                                                 \
	{                                                                                   \
		.type = WR_SCHEMA_OBJECT, .props = (properties), .least = 1, .most = 1,     \
		.misplaced = subject_misplaced,                                             \
		.advice = ONE_OF "namespaces or pods; namespaces: {} selects all pods but " \
				 "those of the host's network"                              \
	}
static const struct wr_schema subject = SUBJECT(subject_props);
static const struct wr_schema old_subject = SUBJECT(old_subject_props);

static const char *not_a_cidr(const struct wr_value *v)
{
	struct wr_cidr_check c;
	if (v->type == WR_STRING && !wr_check_cidr(v->text, &c) && !c.leading_zeros && !c.mapped)
		return NULL;
	return "Invalid CIDR format provided";
}

/* v1beta1: isCIDR(self) && cidr(self) == cidr(self).masked() */
static const char *not_a_network(const struct wr_value *v)
{
	struct wr_cidr_check c;
	const char *said = not_a_cidr(v);
	if (said || wr_check_cidr(v->text, &c) || !c.host_bits)
		return said;
	return "Invalid CIDR format provided";
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* One label; the "A-z" of DOMAIN_PATTERN lets these signs pass at the start. */
static bool is_domain_label(const char *s, size_t n, const char *signs)
{
	bool starts = n && (is_alnum(*s) || (*s && strchr(signs, *s)));
	for (size_t i = 1; i + 1 < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	return starts && (n == 1 || is_alnum(s[n - 1]));
}

#define DOMAIN_LABEL(first) "[" first "]([-a-zA-Z0-9_]*[a-zA-Z0-9])?"
#define DOMAIN_PATTERN(first) "^(\\*\\.)?(" DOMAIN_LABEL(first) "\\.)+" DOMAIN_LABEL(first) "\\.?$"
static bool is_domain_of(const char *s, const char *signs)
{
	size_t labels = 0;
	if (!strncmp(s, "*.", 2))
		s += 2;
	for (;;) {
		size_t n = strcspn(s, ".");
		if (!n && !*s && labels >= 2) /* the dot at the end */
			return true;
		if (!is_domain_label(s, n, signs))
			return false;
		labels++;
		if (!s[n])
			return labels >= 2;
		s += n + 1;
	}
}

static bool is_domain(const char *s)
{
	return is_domain_of(s, "[\\]^_`");
}

static bool is_later_domain(const char *s)
{
	return is_domain_of(s, "");
}

static const struct wr_schema later_cidr = {
	.type = WR_SCHEMA_STRING,
	.most = 43,
	.rule = not_a_network,
	.advice = "write a network's own address and its length, \"10.0.0.0/8\" or \"fd00::/8\": "
		  "no bits behind the length"};
static const struct wr_schema cidr = {
	.type = WR_SCHEMA_STRING,
	.most = 43,
	.rule = not_a_cidr,
	.advice = "write an address and a length, \"10.0.0.0/8\" or \"fd00::/8\"",
	.later = &later_cidr};
static const struct wr_schema networks = {.type = WR_SCHEMA_ARRAY,
					  .items = &cidr,
					  .least = 1,
					  .most = 25,
					  .set = true,
					  .advice = "write a list of 1 to 25 CIDRs"};
#define DOMAIN_ADVICE                                                                          \
	"write a whole name of two labels or more, \"example.com\", or \"*.example.com\" for " \
	"all names below it"
static const struct wr_schema later_domain = {.type = WR_SCHEMA_STRING,
					      .matches = is_later_domain,
					      .pattern = DOMAIN_PATTERN("a-zA-Z0-9"),
					      .advice = DOMAIN_ADVICE};
static const struct wr_schema domain = {.type = WR_SCHEMA_STRING,
					.matches = is_domain,
					.pattern = DOMAIN_PATTERN("a-zA-z0-9"),
					.advice = DOMAIN_ADVICE,
					.later = &later_domain};
static const struct wr_schema domains = {.type = WR_SCHEMA_ARRAY,
					 .items = &domain,
					 .least = 1,
					 .most = 25,
					 .set = true,
					 .advice = "write a list of 1 to 25 names"};

#define PEER_MISPLACED                                                                             \
	{"namespaceSelector", "write namespaces: {...}, or pods: {namespaceSelector: ..., "        \
			      "podSelector: ...}"},                                                \
		{"podSelector", "write pods: {namespaceSelector: ..., podSelector: ...}"},         \
		{"matchLabels", "it belongs under namespaces"},                                    \
		{"matchExpressions", "it belongs under namespaces"},                               \
	{                                                                                          \
		"namespace", "write namespaces: {matchLabels: {kubernetes.io/metadata.name: ...}}" \
	}
static const struct wr_misplaced egress_peer_misplaced[] = {
	PEER_MISPLACED,
	{"ipBlock", "write networks: [...]; a part is left out by a Pass rule before it"},
	{"cidr", "write networks: [...]"},
	END};
#define EGRESS_ONLY "only egress rules have such peers"
static const struct wr_misplaced ingress_peer_misplaced[] = {
	PEER_MISPLACED,           {"networks", EGRESS_ONLY},
	{"nodes", EGRESS_ONLY},   {"domainNames", EGRESS_ONLY},
	{"ipBlock", EGRESS_ONLY}, END};

#define PEER(name, is_ingress, advice_)                                                          \
	static const struct wr_schema name = {.type = WR_SCHEMA_OBJECT,                          \
					      .props = name##_props,                             \
					      .least = 1,                                        \
					      .most = 1,                                         \
					      .misplaced = (is_ingress) ? ingress_peer_misplaced \
									: egress_peer_misplaced, \
					      .advice = ONE_OF advice_};

static const struct wr_property ingress_peer_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &pods, false}, END_PROPS};
PEER(ingress_peer, 1, "namespaces or pods")
static const struct wr_property egress_peer_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &pods, false},
	{"nodes", &selector, false},        {"networks", &networks, false},
	{"domainNames", &domains, false},   END_PROPS};
PEER(egress_peer, 0, "namespaces, pods, nodes, networks or domainNames")
static const struct wr_property old_ingress_peer_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &old_pods, false}, END_PROPS};
PEER(old_ingress_peer, 1, "namespaces or pods")
static const struct wr_property old_egress_peer_props[] = {
	{"namespaces", &namespaces, false}, {"pods", &old_pods, false},
	{"nodes", &selector, false},        {"networks", &networks, false},
	{"domainNames", &domains, false},   END_PROPS};
PEER(old_egress_peer, 0, "namespaces, pods, nodes, networks or domainNames")
static const struct wr_property baseline_egress_peer_props[] = {{"namespaces", &namespaces, false},
								{"pods", &old_pods, false},
								{"nodes", &selector, false},
								{"networks", &networks, false},
								END_PROPS};
PEER(baseline_egress_peer, 0, "namespaces, pods, nodes or networks")

/* ---- ports ---- */

static const char *not_a_range(const struct wr_value *v)
{
	const struct wr_value *start = wr_value_get(v, "start"), *end = wr_value_get(v, "end");
	int64_t first, last;
	if (start && end && wr_value_whole(start, &first) && wr_value_whole(end, &last) &&
	    first < last)
		return NULL;
	return "Start port must be less than End port";
}

static const struct wr_property range_props[] = {
	{"end", &port, true}, {"start", &port, true}, END_PROPS};
static const struct wr_misplaced range_misplaced[] = {
	{"from", "write start"}, {"to", "write end"}, {"endPort", "write end"}, END};
static const struct wr_schema range = {.type = WR_SCHEMA_OBJECT,
				       .props = range_props,
				       .rule = not_a_range,
				       .misplaced = range_misplaced,
				       .advice = "write range: {start: 8000, end: 8010}; for one "
						 "port write number"};
static const struct wr_property destination_props[] = {
	{"number", &port, false}, {"range", &range, false}, END_PROPS};
static const struct wr_misplaced destination_misplaced[] = {{"port", "write number"},
							    {"start", "it belongs under range"},
							    {"end", "it belongs under range"},
							    END};
static const struct wr_schema destination = {.type = WR_SCHEMA_OBJECT,
					     .props = destination_props,
					     .least = 1,
					     .most = 1,
					     .misplaced = destination_misplaced,
					     .advice = ONE_OF "number or range"};
static const struct wr_property transport_props[] = {{"destinationPort", &destination, false},
						     END_PROPS};
static const struct wr_misplaced transport_misplaced[] = {
	{"port", "write destinationPort: {number: ...}"},
	{"number", "it belongs under destinationPort"},
	{"range", "it belongs under destinationPort"},
	END};
static const struct wr_schema transport = {
	.type = WR_SCHEMA_OBJECT,
	.props = transport_props,
	.least = 1,
	.misplaced = transport_misplaced,
	.advice = "write destinationPort: {number: ...}; for all ports a range from 1 to 65535"};
static const struct wr_property protocol_props[] = {{"tcp", &transport, false},
						    {"udp", &transport, false},
						    {"sctp", &transport, false},
						    {"destinationNamedPort", &string, false},
						    END_PROPS};
#define AS_V1ALPHA2 "v1alpha2 has protocols: [{tcp: {destinationPort: {number: 80}}}]"
static const struct wr_misplaced protocol_misplaced[] = {{"TCP", "did you mean \"tcp\"?"},
							 {"UDP", "did you mean \"udp\"?"},
							 {"SCTP", "did you mean \"sctp\"?"},
							 {"portNumber", AS_V1ALPHA2},
							 {"portRange", AS_V1ALPHA2},
							 {"namedPort",
							  "write destinationNamedPort"},
							 {"protocol", AS_V1ALPHA2},
							 {"port", AS_V1ALPHA2},
							 END};
static const struct wr_schema protocol = {.type = WR_SCHEMA_OBJECT,
					  .props = protocol_props,
					  .least = 1,
					  .most = 1,
					  .misplaced = protocol_misplaced,
					  .advice = "put \"- \" before each of them: an item is "
						    "one of tcp, udp, sctp and "
						    "destinationNamedPort"};
static const struct wr_schema protocols = {
	.type = WR_SCHEMA_ARRAY,
	.items = &protocol,
	.least = 1,
	.most = 25,
	.advice = "write 1 to 25 items; without protocols a rule is for all"};

static const struct wr_property number_props[] = {
	{"port", &port, true}, {"protocol", &string, false}, END_PROPS};
static const struct wr_schema number = {.type = WR_SCHEMA_OBJECT,
					.props = number_props,
					.advice = "write portNumber: {protocol: TCP, port: 80}"};
static const struct wr_property old_range_props[] = {
	{"end", &port, true}, {"protocol", &string, false}, {"start", &port, true}, END_PROPS};
static const struct wr_schema old_range = {
	.type = WR_SCHEMA_OBJECT,
	.props = old_range_props,
	.misplaced = range_misplaced,
	.advice = "write portRange: {protocol: TCP, start: 8000, end: 8010}"};
static const struct wr_property ports_item_props[] = {{"portNumber", &number, false},
						      {"portRange", &old_range, false},
						      {"namedPort", &string, false},
						      END_PROPS};
static const struct wr_misplaced ports_item_misplaced[] = {
	{"port", "write portNumber: {protocol: TCP, port: 80}"},
	{"protocol", "it belongs under portNumber or portRange"},
	{"endPort", "write portRange: {protocol: TCP, start: 80, end: 90}"},
	{"destinationNamedPort", "v1alpha1 has namedPort"},
	{"tcp", "v1alpha1 has portNumber: {protocol: TCP, port: 80}"},
	{"udp", "v1alpha1 has portNumber: {protocol: UDP, port: 53}"},
	{"sctp", "v1alpha1 has portNumber: {protocol: SCTP, port: 80}"},
	END};
static const struct wr_schema ports_item = {
	.type = WR_SCHEMA_OBJECT,
	.props = ports_item_props,
	.least = 1,
	.most = 1,
	.misplaced = ports_item_misplaced,
	.advice = "put \"- \" before each of them: an item is one of portNumber, portRange and "
		  "namedPort"};
static const struct wr_schema ports = {
	.type = WR_SCHEMA_ARRAY,
	.items = &ports_item,
	.least = 1,
	.most = 100,
	.advice = "write 1 to 100 items; without ports a rule is for all"};

/* ---- rules ---- */

static bool is_set(const struct wr_value *map, const char *key)
{
	return !wr_dec_absent(wr_value_get(map, key));
}

static bool any_has(const struct wr_value *list, const char *const *keys)
{
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++)
		for (const char *const *k = keys; *k; k++)
			if (list->items[i]->type == WR_MAP && is_set(list->items[i], *k))
				return true;
	return false;
}

static bool names_ports_of_addresses(const struct wr_value *rule)
{
	static const char *const addresses[] = {"networks", "nodes", "domainNames", NULL};
	static const char *const names[] = {"destinationNamedPort", "namedPort", NULL};
	return any_has(wr_value_get(rule, "to"), addresses) &&
	       (any_has(wr_value_get(rule, "protocols"), names) ||
		any_has(wr_value_get(rule, "ports"), names));
}

static const char *named_ports_of_addresses(const struct wr_value *v)
{
	if (!names_ports_of_addresses(v))
		return NULL;
	return "networks/nodes/domainNames peer cannot be set with namedPorts since there are no "
	       "namedPorts for networks/nodes/domainNames";
}

static const char *baseline_named_ports(const struct wr_value *v)
{
	if (!names_ports_of_addresses(v))
		return NULL;
	return "networks/nodes peer cannot be set with namedPorts since there are no namedPorts "
	       "for networks/nodes";
}

#define NAMED_ADVICE "write the port's number, or a rule of its own for these peers"

static const char *const actions_v2[] = {"Accept", "Deny", "Pass", NULL};
static const char *const actions_v1[] = {"Allow", "Deny", "Pass", NULL};
static const char *const actions_baseline[] = {"Allow", "Deny", NULL};
static const struct wr_schema action = {
	.type = WR_SCHEMA_STRING,
	.choices = actions_v2,
	.advice = "write Accept, Deny or Pass; Accept is what was Allow in v1alpha1"};
static const struct wr_schema old_action = {
	.type = WR_SCHEMA_STRING,
	.choices = actions_v1,
	.advice = "write Allow, Deny or Pass; Allow is what v1alpha2 calls Accept"};
static const struct wr_schema baseline_action = {
	.type = WR_SCHEMA_STRING,
	.choices = actions_baseline,
	.advice = "write Allow or Deny: after the Baseline tier there is none to pass to"};
static const struct wr_schema rule_name = {.type = WR_SCHEMA_STRING, .most = 100};

static const struct wr_misplaced rule_misplaced[] = {{"ports", AS_V1ALPHA2},
						     {"from", "an egress rule has to"},
						     {"to", "an ingress rule has from"},
						     END};
static const struct wr_misplaced old_rule_misplaced[] = {
	{"protocols", "v1alpha1 has ports: [{portNumber: {protocol: TCP, port: 80}}]"},
	{"from", "an egress rule has to"},
	{"to", "an ingress rule has from"},
	END};

/* name_list, name_rule and name_rules: the peers, a rule, and the rules of a direction. */
#define RULES(name, direction, peer, most_, action_, ports_key, ports_, misplaced_, rule_)        \
	static const struct wr_schema name##_list = {                                             \
		.type = WR_SCHEMA_ARRAY,                                                          \
		.items = &(peer),                                                                 \
		.least = 1,                                                                       \
		.most = (most_),                                                                  \
		.advice = "a rule has at least one peer; everything is namespaces: {} for pods, " \
			  "and for egress networks: [0.0.0.0/0, \"::/0\"]"};                      \
	static const struct wr_property name##_props[] = {{"action", &(action_), true},           \
							  {direction, &name##_list, true},        \
							  {"name", &rule_name, false},            \
							  {ports_key, &(ports_), false},          \
							  END_PROPS};                             \
	static const struct wr_schema name##_rule = {.type = WR_SCHEMA_OBJECT,                    \
						     .props = name##_props,                       \
						     .rule = (rule_),                             \
						     .misplaced = (misplaced_),                   \
						     .advice = NAMED_ADVICE};                     \
	static const struct wr_schema name##_rules = {                                            \
		.type = WR_SCHEMA_ARRAY,                                                          \
		.items = &name##_rule,                                                            \
		.most = (most_),                                                                  \
		.advice = "put further rules into another policy"};

RULES(ingress, "from", ingress_peer, 25, action, "protocols", protocols, rule_misplaced, NULL)
RULES(egress, "to", egress_peer, 25, action, "protocols", protocols, rule_misplaced,
      named_ports_of_addresses)
RULES(old_ingress, "from", old_ingress_peer, 100, old_action, "ports", ports, old_rule_misplaced,
      NULL)
RULES(old_egress, "to", old_egress_peer, 100, old_action, "ports", ports, old_rule_misplaced,
      named_ports_of_addresses)
RULES(baseline_ingress, "from", old_ingress_peer, 100, baseline_action, "ports", ports,
      old_rule_misplaced, NULL)
RULES(baseline_egress, "to", baseline_egress_peer, 100, baseline_action, "ports", ports,
      old_rule_misplaced, baseline_named_ports)

/* ---- the kinds ---- */

static const char *const tiers[] = {"Admin", "Baseline", NULL};
static const struct wr_schema tier = {.type = WR_SCHEMA_STRING, .choices = tiers};
static const struct wr_schema priority = {
	.type = WR_SCHEMA_INT32,
	.most = 1000,
	.advice = "a priority is a whole number from 0 to 1000; the lower is first"};

#define SPEC_COMMON                                                                               \
	{"podSelector", "a cluster-wide policy has a subject: subject: {pods: {...}}"},           \
		{"namespaceSelector", "write subject: {namespaces: {...}}"},                      \
		{"namespaces", "it belongs under subject"}, {"pods", "it belongs under subject"}, \
		{"action", "it belongs to a rule, under ingress or egress"},                      \
	{                                                                                         \
		"policyTypes", "a cluster-wide policy judges in the directions it has rules for"  \
	}
static const struct wr_misplaced spec_misplaced[] = {SPEC_COMMON, END};
static const struct wr_misplaced admin_spec_misplaced[] = {
	SPEC_COMMON,
	{"tier", "an AdminNetworkPolicy is always of the Admin tier; ClusterNetworkPolicy "
		 "(v1alpha2) has a tier"},
	END};
static const struct wr_misplaced baseline_spec_misplaced[] = {
	SPEC_COMMON,
	{"tier", "a BaselineAdminNetworkPolicy is always of the Baseline tier"},
	{"priority", "there is only one BaselineAdminNetworkPolicy, so it needs no priority"},
	END};

static const struct wr_property spec_props[] = {{"egress", &egress_rules, false},
						{"ingress", &ingress_rules, false},
						{"priority", &priority, true},
						{"subject", &subject, true},
						{"tier", &tier, true},
						END_PROPS};
static const struct wr_property admin_spec_props[] = {{"egress", &old_egress_rules, false},
						      {"ingress", &old_ingress_rules, false},
						      {"priority", &priority, true},
						      {"subject", &old_subject, true},
						      END_PROPS};
static const struct wr_property baseline_spec_props[] = {{"egress", &baseline_egress_rules, false},
							 {"ingress", &baseline_ingress_rules,
							  false},
							 {"subject", &old_subject, true},
							 END_PROPS};
static const struct wr_schema spec = {
	.type = WR_SCHEMA_OBJECT, .props = spec_props, .misplaced = spec_misplaced};
static const struct wr_schema admin_spec = {
	.type = WR_SCHEMA_OBJECT, .props = admin_spec_props, .misplaced = admin_spec_misplaced};
static const struct wr_schema baseline_spec = {.type = WR_SCHEMA_OBJECT,
					       .props = baseline_spec_props,
					       .misplaced = baseline_spec_misplaced};

static const char *not_the_default(const struct wr_value *v)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	const struct wr_value *name = meta && meta->type == WR_MAP ? wr_value_get(meta, "name")
								   : NULL;
	if (name && name->type == WR_STRING && !strcmp(name->text, "default"))
		return NULL;
	return "Only one baseline admin network policy with metadata.name=\"default\" can be "
	       "created in the cluster";
}

#define UNDER_SPEC "it belongs under spec"
static const struct wr_misplaced top_misplaced[] = {{"tier", UNDER_SPEC},
						    {"priority", UNDER_SPEC},
						    {"subject", UNDER_SPEC},
						    {"ingress", UNDER_SPEC},
						    {"egress", UNDER_SPEC},
						    {"name", "it belongs under metadata"},
						    END};
#define TOP(name, spec_, rule_, advice_)                                                  \
	static const struct wr_property name##_props[] = {{"apiVersion", &string, false}, \
							  {"kind", &string, false},       \
							  {"metadata", &any, false},      \
							  {"spec", &(spec_), true},       \
							  {"status", &any, false},        \
							  END_PROPS};                     \
	static const struct wr_schema name = {.type = WR_SCHEMA_OBJECT,                   \
					      .props = name##_props,                      \
					      .misplaced = top_misplaced,                 \
					      .rule = (rule_),                            \
					      .advice = (advice_)};
TOP(cluster, spec, NULL, NULL)
TOP(admin, admin_spec, NULL, NULL)
TOP(baseline, baseline_spec, not_the_default, "name it default")

const struct wr_schema *wr_cp_schema(enum wr_kind kind)
{
	return kind == WR_KIND_CLUSTERNETWORKPOLICY ? &cluster
	       : kind == WR_KIND_ADMINNETWORKPOLICY ? &admin
						    : &baseline;
}
