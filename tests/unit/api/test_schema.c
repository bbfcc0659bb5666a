/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* What a server says of cluster-wide policies that break their schemas, case by case. */

#define META "metadata: {name: p}\n"
#define NEW "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
#define OLD "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n"
#define BASE "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
#define SUBJECT "  subject: {namespaces: {}}\n"
/* rules begin in line 9, at column 5 */
#define CNP(rules) NEW META "spec:\n  tier: Admin\n  priority: 1\n" SUBJECT rules
#define IN(rule) CNP("  ingress:\n  - " rule "\n")
#define OUT(rule) CNP("  egress:\n  - " rule "\n")
#define FROM(peer) IN("{action: Deny, from: [" peer "]}")
#define TO(peer) OUT("{action: Deny, to: [" peer "]}")
#define PROTOCOL(protocol) IN("{action: Deny, from: [{namespaces: {}}], protocols: [" protocol "]}")
#define NETWORKS(list) TO("{networks: [" list "]}")
#define DOMAIN(name) TO("{domainNames: ['" name "']}")
#define ANP(rules) OLD META "spec:\n  priority: 1\n" SUBJECT rules
#define OLD_PORT(port) \
	ANP("  ingress:\n  - {action: Deny, from: [{namespaces: {}}], ports: [" port "]}\n")
#define BANP(rules) BASE "metadata: {name: default}\nspec:\n" SUBJECT rules

/* The paths of a rule's first peer and port. */
#define PEER_IN "spec.ingress[0].from[0]"
#define PEER_OUT "spec.egress[0].to[0]"
#define PORT_IN "spec.ingress[0].protocols[0]"
#define OLD_IN "spec.ingress[0].ports[0]"
#define TYPE(found, path, wanted) \
	"Invalid value: \"" found "\": " path " in body must be of type " wanted ": \"" found "\""
#define FEW(path, what) "Invalid value: 0: " path " in body should have at least 1 " what

static void expect_all(const struct complaint *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_complaint(&cases[i]);
}
#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void fields_that_are_required(void **state)
{
	static const struct complaint cases[] = {
		{NEW META, "spec", "Required value", "", 1, 1},
		{NEW META "spec:\n", "spec", "Required value", "", 4, 6},
		{NEW META "spec: {priority: 1, subject: {namespaces: {}}}\n", "spec.tier",
		 "Required value", NULL, 4, 7},
		{NEW META "spec: {tier: Admin, subject: {namespaces: {}}}\n", "spec.priority",
		 "Required value", "from 0 to 1000", 4, 7},
		{NEW META "spec: {tier: Admin, priority: , subject: {namespaces: {}}}\n",
		 "spec.priority", "Required value", "from 0 to 1000", 4, 31},
		{NEW META "spec: {tier: Admin, priority: 1}\n", "spec.subject", "Required value",
		 "namespaces: {} selects all", 4, 7},
		{IN("{from: [{namespaces: {}}]}"), "spec.ingress[0].action", "Required value", NULL,
		 9, 5},
		{IN("{action: Deny}"), "spec.ingress[0].from", "Required value",
		 "at least one peer", 9, 5},
		{OUT("{action: Deny}"), "spec.egress[0].to", "Required value", "at least one peer",
		 9, 5},
		{OUT("{action: Deny, to: null}"), "spec.egress[0].to", "Required value",
		 "at least one peer", 9, 24},
		{FROM("{pods: {namespaceSelector: {}}}"), PEER_IN ".pods.podSelector",
		 "Required value", "{} selects all", 9, 34},
		{FROM("{namespaces: {matchExpressions: [{operator: Exists}]}}"),
		 PEER_IN ".namespaces.matchExpressions[0].key", "Required value", NULL, 9, 60},
		{FROM("{namespaces: {matchExpressions: [{key: a}]}}"),
		 PEER_IN ".namespaces.matchExpressions[0].operator", "Required value", NULL, 9, 60},
		{PROTOCOL("{tcp: {destinationPort: {range: {start: 1}}}}"),
		 PORT_IN ".tcp.destinationPort.range.end", "Required value", "from 1 to 65535", 9,
		 90},
		{ANP("  ingress:\n  - {action: Deny, from: [{pods: {podSelector: {}}}]}\n"),
		 PEER_IN ".pods.namespaceSelector", "Required value", "{} selects all", 8, 34},
		{OLD_PORT("{portNumber: {protocol: TCP}}"), OLD_IN ".portNumber.port",
		 "Required value", "from 1 to 65535", 8, 67},
	};
	(void)state;
	EXPECT_ALL(cases);
}

static void values_of_the_wrong_type(void **state)
{
	static const struct complaint cases[] = {
		{NEW META "spec: []\n", "spec", TYPE("array", "spec", "object"), NULL, 4, 7},
		{NEW META "spec: text\n", "spec", TYPE("string", "spec", "object"), NULL, 4, 7},
		{CNP("  ingress: {}\n"), "spec.ingress", TYPE("object", "spec.ingress", "array"),
		 "put \"- \" before", 8, 12},
		{CNP("  egress: 5\n"), "spec.egress", TYPE("integer", "spec.egress", "array"), NULL,
		 8, 11},
		{CNP("  egress: [null]\n"), "spec.egress[0]",
		 TYPE("null", "spec.egress[0]", "object"), NULL, 8, 12},
		{IN("text"), "spec.ingress[0]", TYPE("string", "spec.ingress[0]", "object"), NULL,
		 9, 5},
		{IN("{action: Deny, from: {}}"), "spec.ingress[0].from",
		 TYPE("object", "spec.ingress[0].from", "array"), "put \"- \" before", 9, 26},
		{FROM("null"), PEER_IN, TYPE("null", PEER_IN, "object"), NULL, 9, 27},
		{FROM("{namespaces: all}"), PEER_IN ".namespaces",
		 TYPE("string", PEER_IN ".namespaces", "object"), "{} selects all", 9, 40},
		{FROM("{namespaces: {matchLabels: [a]}}"), PEER_IN ".namespaces.matchLabels",
		 TYPE("array", PEER_IN ".namespaces.matchLabels", "object"), NULL, 9, 54},
		{FROM("{namespaces: {matchLabels: {a: yes}}}"), PEER_IN ".namespaces.matchLabels.a",
		 TYPE("boolean", PEER_IN ".namespaces.matchLabels.a", "string"),
		 "quote it: \"yes\"", 9, 58},
		{FROM("{namespaces: {matchLabels: {a: 1.10}}}"), NULL,
		 TYPE("number", PEER_IN ".namespaces.matchLabels.a", "string"),
		 "quote it: \"1.10\"", 9, 58},
		{FROM("{namespaces: {matchExpressions: [{key: 1, operator: Exists}]}}"), NULL,
		 TYPE("integer", PEER_IN ".namespaces.matchExpressions[0].key", "string"),
		 "quote it: \"1\"", 9, 66},
		{FROM("{namespaces: {matchExpressions: [{key: a, operator: In, values: b}]}}"),
		 NULL, TYPE("string", PEER_IN ".namespaces.matchExpressions[0].values", "array"),
		 "values: [...]", 9, 91},
		{FROM("{namespaces: {matchExpressions: [{key: a, operator: In, values: [null]}]}}"),
		 NULL, TYPE("null", PEER_IN ".namespaces.matchExpressions[0].values[0]", "string"),
		 "", 9, 92},
		{NETWORKS("10"), PEER_OUT ".networks[0]",
		 TYPE("integer", PEER_OUT ".networks[0]", "string"), "quote it: \"10\"", 9, 37},
		{NETWORKS("[a]"), NULL, TYPE("array", PEER_OUT ".networks[0]", "string"), NULL, 9,
		 37},
		{TO("{networks: 10.0.0.0/8}"), PEER_OUT ".networks",
		 TYPE("string", PEER_OUT ".networks", "array"), "write a list", 9, 36},
		{PROTOCOL("{tcp: 80}"), PORT_IN ".tcp", TYPE("integer", PORT_IN ".tcp", "object"),
		 "destinationPort: {number", 9, 64},
		{PROTOCOL("{destinationNamedPort: 80}"), PORT_IN ".destinationNamedPort",
		 TYPE("integer", PORT_IN ".destinationNamedPort", "string"), "quote it", 9, 81},
		{IN("{action: Deny, name: 7, from: [{namespaces: {}}]}"), "spec.ingress[0].name",
		 TYPE("integer", "spec.ingress[0].name", "string"), "quote it: \"7\"", 9, 26},
		{OLD_PORT("{portNumber: {port: 80, protocol: 6}}"), OLD_IN ".portNumber.protocol",
		 TYPE("integer", OLD_IN ".portNumber.protocol", "string"), "quote it: \"6\"", 8,
		 88},
	};
	(void)state;
	EXPECT_ALL(cases);
}

/* A number's format comes before its type, and has no name for what is no number. */
static void numbers(void **state)
{
	static const char path[] = "spec.priority";
#define PRIORITY(p) NEW META "spec:\n  tier: Admin\n  priority: " p "\n" SUBJECT
	static const struct complaint cases[] = {
		{PRIORITY("'1'"), path, TYPE("string", "spec.priority", "integer"),
		 "without quotes", 6, 13},
		{PRIORITY("[1]"), path, TYPE("array", "spec.priority", "integer"), NULL, 6, 13},
		{PRIORITY("{}"), path, TYPE("", "spec.priority", "int32"), NULL, 6, 13},
		{PRIORITY("true"), path, TYPE("", "spec.priority", "int32"), NULL, 6, 13},
		{PRIORITY("1.5"), path, TYPE("float64", "spec.priority", "int32"), NULL, 6, 13},
		{PRIORITY("-1"), path,
		 "Invalid value: -1: spec.priority in body should be greater than or equal to 0",
		 "from 0 to 1000", 6, 13},
		{PRIORITY("1001"), path,
		 "Invalid value: 1001: spec.priority in body should be less than or equal to 1000",
		 "the lower is first", 6, 13},
		{PRIORITY("0x3e9"), path,
		 "Invalid value: 1001: spec.priority in body should be less than or equal to 1000",
		 NULL, 6, 13},
		{PRIORITY("1_001.0"), path,
		 "Invalid value: 1001: spec.priority in body should be less than or equal to 1000",
		 NULL, 6, 13},
		{PRIORITY("5000000000"), path,
		 "Invalid value: 5000000000: spec.priority in body should be less than or equal to "
		 "1000",
		 NULL, 6, 13},
		{PROTOCOL("{tcp: {destinationPort: {number: 0}}}"), NULL,
		 "Invalid value: 0: " PORT_IN ".tcp.destinationPort.number in body should be "
		 "greater than or equal to 1",
		 "from 1 to 65535", 9, 91},
		{PROTOCOL("{sctp: {destinationPort: {range: {start: 1, end: 65536}}}}"), NULL,
		 "Invalid value: 65536: " PORT_IN ".sctp.destinationPort.range.end in body should "
		 "be less than or equal to 65535",
		 "from 1 to 65535", 9, 107},
	};
	static const char *const good[] = {PRIORITY("0"), PRIORITY("1000"), PRIORITY("7.0"),
					   PRIORITY("0x10"), PRIORITY("1e2")};
	(void)state;
	EXPECT_ALL(cases);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		static const int want[] = {0, 1000, 7, 16, 100};
		struct fixture f;
		assert_int_equal(fixture_one(&f, good[i])->cp.priority, want[i]);
		fixture_down(&f);
	}
}

static void choices(void **state)
{
#define TIER(t) NEW META "spec:\n  tier: " t "\n  priority: 1\n" SUBJECT
#define TIERS "supported values: \"Admin\", \"Baseline\""
#define ACTIONS(first) "supported values: \"" first "\", \"Deny\", \"Pass\""
	static const struct complaint cases[] = {
		{TIER("admin"), "spec.tier", "Unsupported value: \"admin\": " TIERS,
		 "did you mean \"Admin\"?", 5, 9},
		{TIER("''"), "spec.tier", "Unsupported value: \"\": " TIERS, "", 5, 9},
		{TIER("NetworkPolicy"), "spec.tier", "Unsupported value: \"NetworkPolicy\": " TIERS,
		 "", 5, 9},
		{IN("{action: Allow, from: [{namespaces: {}}]}"), "spec.ingress[0].action",
		 "Unsupported value: \"Allow\": " ACTIONS("Accept"), "what was Allow", 9, 14},
		{IN("{action: deny, from: [{namespaces: {}}]}"), "spec.ingress[0].action",
		 "Unsupported value: \"deny\": " ACTIONS("Accept"), "did you mean \"Deny\"?", 9,
		 14},
		{ANP("  ingress:\n  - {action: Accept, from: [{namespaces: {}}]}\n"),
		 "spec.ingress[0].action", "Unsupported value: \"Accept\": " ACTIONS("Allow"),
		 "v1alpha2 calls Accept", 8, 14},
		{BANP("  ingress:\n  - {action: Pass, from: [{namespaces: {}}]}\n"),
		 "spec.ingress[0].action",
		 "Unsupported value: \"Pass\": supported values: \"Allow\", \"Deny\"",
		 "none to pass to", 7, 14},
	};
	(void)state;
	EXPECT_ALL(cases);
}

static void one_of(void **state)
{
	static const struct complaint cases[] = {
		{NEW META "spec: {tier: Admin, priority: 1, subject: {}}\n", "spec.subject",
		 FEW("spec.subject", "properties"), "exactly one: namespaces or pods", 4, 43},
		{NEW META "spec: {tier: Admin, priority: 1, subject: {namespaces: , pods: }}\n",
		 "spec.subject", FEW("spec.subject", "properties"), NULL, 4, 43},
		{NEW META "spec: {tier: Admin, priority: 1, subject: {namespaces: {}, pods: "
			  "{podSelector: {}}}}\n",
		 "spec.subject", "Too many: 2: must have at most 1 item", "exactly one", 4, 43},
		{FROM("{}"), PEER_IN, FEW(PEER_IN, "properties"), "namespaces or pods", 9, 27},
		{TO("{}"), PEER_OUT, FEW(PEER_OUT, "properties"), "domainNames", 9, 25},
		{TO("{nodes: {}, networks: [10.0.0.0/8]}"), PEER_OUT,
		 "Too many: 2: must have at most 1 item", "exactly one", 9, 25},
		{PROTOCOL("{}"), PORT_IN, FEW(PORT_IN, "properties"), "an item is one of tcp", 9,
		 58},
		{PROTOCOL("{tcp: {}}"), PORT_IN ".tcp", FEW(PORT_IN ".tcp", "properties"),
		 "range from 1 to 65535", 9, 64},
		{PROTOCOL("{tcp: {destinationPort: }}"), PORT_IN ".tcp",
		 FEW(PORT_IN ".tcp", "properties"), NULL, 9, 64},
		{PROTOCOL("{udp: {destinationPort: {}}}"), PORT_IN ".udp.destinationPort",
		 FEW(PORT_IN ".udp.destinationPort", "properties"), "number or range", 9, 82},
		{PROTOCOL("{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}"),
		 PORT_IN ".tcp.destinationPort", "Too many: 2: must have at most 1 item",
		 "number or range", 9, 82},
		{OLD_PORT("{}"), OLD_IN, FEW(OLD_IN, "properties"), "portNumber", 8, 54},
		{OLD_PORT("{namedPort: a, portNumber: {port: 1}}"), OLD_IN,
		 "Too many: 2: must have at most 1 item", "put \"- \" before each", 8, 54},
	};
	(void)state;
	EXPECT_ALL(cases);
}

static void empty_lists(void **state)
{
	static const struct complaint cases[] = {
		{IN("{action: Deny, from: []}"), "spec.ingress[0].from",
		 FEW("spec.ingress[0].from", "items"), "everything is namespaces: {}", 9, 26},
		{IN("{action: Deny, from: [{namespaces: {}}], protocols: []}"),
		 "spec.ingress[0].protocols", FEW("spec.ingress[0].protocols", "items"),
		 "without protocols a rule is for all", 9, 57},
		{TO("{networks: []}"), PEER_OUT ".networks", FEW(PEER_OUT ".networks", "items"),
		 "1 to 25", 9, 36},
		{TO("{domainNames: []}"), PEER_OUT ".domainNames",
		 FEW(PEER_OUT ".domainNames", "items"), "1 to 25", 9, 39},
		{ANP("  ingress:\n  - {action: Deny, from: [{namespaces: {}}], ports: []}\n"),
		 "spec.ingress[0].ports", FEW("spec.ingress[0].ports", "items"),
		 "without ports a rule is for all", 8, 53},
	};
	struct fixture f;
	(void)state;
	EXPECT_ALL(cases);
	/* lists of rules may be empty, and so may those of selectors */
	const struct wr_object *o = fixture_one(
		&f, CNP("  egress: []\n"
			"  ingress:\n"
			"  - {action: Deny, protocols: null, name: , from: [{namespaces: "
			"{matchExpressions: [], matchLabels: {}}}]}\n"));
	assert_int_equal(o->cp.n_rules[WR_EGRESS], 0);
	assert_int_equal(o->cp.n_rules[WR_INGRESS], 1);
	assert_int_equal(o->cp.rules[WR_INGRESS][0].n_ports, 0);
	assert_null(o->cp.rules[WR_INGRESS][0].name);
	fixture_down(&f);
}

/* A text of n items, "@" in each its number; the buffer is static. */
static const char *repeated(const char *head, const char *item, unsigned n, const char *tail)
{
	static char text[65536];
	text[0] = '\0';
	fixture_add(text, sizeof(text), "%s", head);
	for (unsigned i = 0; i < n; i++) {
		size_t before = strcspn(item, "@");
		fixture_add(text, sizeof(text), "%.*s", (int)before, item);
		if (item[before])
			fixture_add(text, sizeof(text), "%u%s", i, item + before + 1);
	}
	fixture_add(text, sizeof(text), "%s", tail);
	return text;
}

/* Each list at its greatest length, and one longer. */
static void lists_at_their_bounds(void **state)
{
#define RULE "  - {action: Deny, from: [{namespaces: {}}], name: 'rule @'}\n"
	static const struct {
		const char *head, *item, *tail, *path;
		unsigned most;
	} cases[] = {
		{CNP("  ingress:\n"), RULE, "", "spec.ingress", 25},
		{CNP("  ingress: [{action: Deny, from: ["), "{namespaces: {}}, # @\n   ", "]}]\n",
		 "spec.ingress[0].from", 25},
		{CNP("  egress: [{action: Deny, to: ["), "{nodes: {}}, # @\n   ", "]}]\n",
		 "spec.egress[0].to", 25},
		{CNP("  egress: [{action: Deny, to: [{networks: ["), "10.0.@.0/24, ", "]}]}]\n",
		 PEER_OUT ".networks", 25},
		{CNP("  egress: [{action: Accept, to: [{domainNames: ["), "a@.b, ", "]}]}]\n",
		 PEER_OUT ".domainNames", 25},
		{CNP("  ingress: [{action: Deny, from: [{namespaces: {}}], protocols: ["),
		 "{tcp: {destinationPort: {number: 8@}}}, ", "]}]\n", "spec.ingress[0].protocols",
		 25},
		{ANP("  ingress:\n"), RULE, "", "spec.ingress", 100},
		{ANP("  ingress: [{action: Deny, from: ["), "{namespaces: {}}, # @\n   ", "]}]\n",
		 "spec.ingress[0].from", 100},
		{ANP("  ingress: [{action: Deny, from: [{namespaces: {}}], ports: ["),
		 "{portNumber: {port: 8@}}, ", "]}]\n", "spec.ingress[0].ports", 100},
		{ANP("  egress: [{action: Deny, to: [{networks: ["), "10.0.@.0/24, ", "]}]}]\n",
		 PEER_OUT ".networks", 25},
		{BANP("  ingress:\n"), RULE, "", "spec.ingress", 100},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char message[64];
		fixture_one(&f,
			    repeated(cases[i].head, cases[i].item, cases[i].most, cases[i].tail));
		fixture_down(&f);
		snprintf(message, sizeof(message), "Too many: %u: must have at most %u items",
			 cases[i].most + 1, cases[i].most);
		const struct complaint longer = {
			.text = repeated(cases[i].head, cases[i].item, cases[i].most + 1,
					 cases[i].tail),
			.path = cases[i].path,
			.message = message,
		};
		expect_complaint(&longer);
	}
}

static void rule_names(void **state)
{
	struct fixture f;
	(void)state;
	/* characters count, not bytes */
	const struct wr_object *o = fixture_one(
		&f, repeated(CNP("  ingress:\n  - {action: Deny, from: [{namespaces: {}}], name: "),
			     "\xc3\xa4", 100, "}\n"));
	assert_int_equal(strlen(o->cp.rules[WR_INGRESS][0].name), 200);
	fixture_down(&f);
	const struct complaint longer = {
		.text = repeated(
			CNP("  ingress:\n  - {action: Deny, from: [{namespaces: {}}], name: "), "x",
			101, "}\n"),
		.path = "spec.ingress[0].name",
		.message = "Too long: may not be more than 100 bytes",
		.line = 9,
		.column = 52,
	};
	expect_complaint(&longer);
}

static void cidrs(void **state)
{
#define NO_CIDR(shown) "Invalid value: \"" shown "\": Invalid CIDR format provided"
	static const struct complaint cases[] = {
		{NETWORKS("10.0.0.0"), PEER_OUT ".networks[0]", NO_CIDR("10.0.0.0"),
		 "an address and a length", 9, 37},
		{NETWORKS("10.0.0.0/33"), NULL, NO_CIDR("10.0.0.0/33"), NULL, 9, 37},
		{NETWORKS("10.0.0.0/08"), NULL, NO_CIDR("10.0.0.0/08"), NULL, 9, 37},
		{NETWORKS("010.0.0.0/8"), NULL, NO_CIDR("010.0.0.0/8"), NULL, 9, 37},
		{NETWORKS("10.0.0/8"), NULL, NO_CIDR("10.0.0/8"), NULL, 9, 37},
		{NETWORKS("10.0.0.0/-1"), NULL, NO_CIDR("10.0.0.0/-1"), NULL, 9, 37},
		{NETWORKS("' 10.0.0.0/8'"), NULL, NO_CIDR(" 10.0.0.0/8"), NULL, 9, 37},
		{NETWORKS("''"), NULL, NO_CIDR(""), NULL, 9, 37},
		{NETWORKS("'fd00::/129'"), NULL, NO_CIDR("fd00::/129"), NULL, 9, 37},
		{NETWORKS("'::ffff:10.0.0.0/104'"), NULL, NO_CIDR("::ffff:10.0.0.0/104"), NULL, 9,
		 37},
		{NETWORKS("'fe80::1%eth0/64'"), NULL, NO_CIDR("fe80::1%eth0/64"), NULL, 9, 37},
		{NETWORKS("10.0.0.0/8, all"), PEER_OUT ".networks[1]", NO_CIDR("all"), NULL, 9, 49},
		{NETWORKS("'1111:2222:3333:4444:5555:6666:7777:8888/0128'"),
		 PEER_OUT ".networks[0]", "Too long: may not be more than 43 bytes", NULL, 9, 37},
	};
	static const struct {
		const char *text, *masked;
	} good[] = {
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"255.255.255.255/32", "255.255.255.255/32"},
		{"2001:0DB8::/32", "2001:db8::/32"},
		{"2001:db8::1/64", "2001:db8::/64"},
		{"::/0", "::/0"},
		{"::10.0.0.1/128", "::10.0.0.1/128"},
		{"1111:2222:3333:4444:5555:6666:7777:8888/128",
		 "1111:2222:3333:4444:5555:6666:7777:8888/128"},
	};
	(void)state;
	EXPECT_ALL(cases);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fixture f;
		char text[512], cidr[WR_CIDR_TEXT];
		snprintf(text, sizeof(text), NETWORKS("'%s'"), good[i].text);
		const struct wr_object *o = fixture_one(&f, text);
		const struct wr_cp_peer *p = &o->cp.rules[WR_EGRESS][0].peers[0];
		assert_int_equal(p->n_networks, 1);
		assert_string_equal(wr_cidr_format(&p->networks[0], cidr), good[i].masked);
		fixture_down(&f);
	}
}

static void domain_names(void **state)
{
	static const char *const good[] = {
		"example.com",    "*.example.com", "a.b",         "example.com.",
		"*.example.com.", "a_b.c-d.e",     "EXAMPLE.Com", "1.2",
		"_a.b",           "[a.]b",         "1.2.3.4",
	};
	static const char *const bad[] = {
		"",      "com",          "*.com",         "*",     "com.",
		".com",  "example..com", "example.com..", "-a.b",  "a-.b",
		"a.b-",  "a_.b",         "*example.com",  "a.*.b", "**.a.b",
		"a b.c", "\xc3\xa4.b",   "http://a.b",    "a.b/c", "a.b:80",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fixture f;
		char text[512];
		snprintf(text, sizeof(text), DOMAIN("%s"), good[i]);
		const struct wr_object *o = fixture_one(&f, text);
		const struct wr_cp_peer *p = &o->cp.rules[WR_EGRESS][0].peers[0];
		assert_int_equal(p->kind, WR_CP_DOMAINS);
		assert_int_equal(p->n_domains, 1);
		assert_string_equal(p->domains[0], good[i]);
		fixture_down(&f);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512], message[512];
		snprintf(text, sizeof(text), DOMAIN("%s"), bad[i]);
		snprintf(message, sizeof(message),
			 "Invalid value: \"%s\": " PEER_OUT ".domainNames[0] in body should match "
			 "'^(\\*\\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.)+"
			 "[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.?$'",
			 bad[i]);
		expect_complaint(&(struct complaint){text, PEER_OUT ".domainNames[0]", message,
						     "two labels or more", 9, 40});
	}
}

static void sets(void **state)
{
	static const struct complaint cases[] = {
		{NETWORKS("10.0.0.0/8, 10.0.0.0/8"), PEER_OUT ".networks[1]",
		 "Duplicate value: \"10.0.0.0/8\"", "remove it", 9, 49},
		/* the second appearance alone is told */
		{NETWORKS("10.0.0.0/8, 10.0.0.0/8, 10.0.0.0/8"), PEER_OUT ".networks[1]",
		 "Duplicate value: \"10.0.0.0/8\"", NULL, 9, 49},
		{TO("{domainNames: [a.b, c.d, a.b]}"), PEER_OUT ".domainNames[2]",
		 "Duplicate value: \"a.b\"", NULL, 9, 50},
	};
	struct fixture f;
	(void)state;
	EXPECT_ALL(cases);
	/* texts are compared, and not what they mean */
	const struct wr_object *o = fixture_one(&f, NETWORKS("10.0.0.0/8, 10.0.0.1/8"));
	assert_int_equal(o->cp.rules[WR_EGRESS][0].peers[0].n_networks, 2);
	fixture_down(&f);
}

static void rules_in_cel(void **state)
{
#define NAMED_PORTS(kinds)                                                                \
	"Invalid value: " kinds " peer cannot be set with namedPorts since there are no " \
	"namedPorts for " kinds
	static const char range[] = "Invalid value: Start port must be less than End port";
	static const struct complaint cases[] = {
		{PROTOCOL("{tcp: {destinationPort: {range: {start: 80, end: 80}}}}"),
		 PORT_IN ".tcp.destinationPort.range", range, "for one port write number", 9, 90},
		{PROTOCOL("{udp: {destinationPort: {range: {start: 81, end: 80}}}}"),
		 PORT_IN ".udp.destinationPort.range", range, NULL, 9, 90},
		{OUT("{action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: a}]}"),
		 "spec.egress[0]", NAMED_PORTS("networks/nodes/domainNames"), "the port's number",
		 9, 5},
		{OUT("{action: Deny, to: [{namespaces: {}}, {networks: ['::/0']}], protocols: "
		     "[{tcp: {destinationPort: {number: 1}}}, {destinationNamedPort: ''}]}"),
		 "spec.egress[0]", NAMED_PORTS("networks/nodes/domainNames"), NULL, 9, 5},
		{ANP("  egress:\n  - {action: Deny, to: [{networks: ['::/0']}], ports: "
		     "[{namedPort: a}]}\n"),
		 "spec.egress[0]", NAMED_PORTS("networks/nodes/domainNames"), NULL, 8, 5},
		{BANP("  egress:\n  - {action: Deny, to: [{nodes: {}}], ports: [{namedPort: "
		      "a}]}\n"),
		 "spec.egress[0]", NAMED_PORTS("networks/nodes"), NULL, 7, 5},
		{BASE META "spec:\n" SUBJECT, "<nil>",
		 "Invalid value: Only one baseline admin network policy with "
		 "metadata.name=\"default\" can be created in the cluster",
		 "name it default", 1, 1},
	};
	static const char *const good[] = {
		PROTOCOL("{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}"),
		OUT("{action: Deny, to: [{namespaces: {}}], protocols: [{destinationNamedPort: "
		    "a}]}"),
		OUT("{action: Deny, to: [{nodes: , namespaces: {}}], protocols: "
		    "[{destinationNamedPort: a}]}"),
		OUT("{action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: , tcp: "
		    "{destinationPort: {number: 1}}}]}"),
		OLD_PORT("{portRange: {start: 9, end: 8}}"),
		BANP(""),
	};
	(void)state;
	EXPECT_ALL(cases);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fixture f;
		fixture_one(&f, good[i]);
		fixture_down(&f);
	}
}

static void unknown_and_misplaced_fields(void **state)
{
	static const struct complaint cases[] = {
		{CNP("  podSelector: {}\n"), "spec.podSelector", "unknown field \"podSelector\"",
		 "subject: {pods", 8, 3},
		{CNP("  tiers: Admin\n"), "spec.tiers", "unknown field \"tiers\"",
		 "did you mean \"tier\"?", 8, 3},
		{NEW META "tier: Admin\nspec: {tier: Admin, priority: 1, subject: {namespaces: "
			  "{}}}\n",
		 "tier", "unknown field \"tier\"", "under spec", 4, 1},
		{CNP("  priority: 2\n"), "spec.priority", "duplicate field \"priority\"",
		 "in line 6", 8, 3},
		{FROM("{namespaces: {}, networks: [10.0.0.0/8]}"), PEER_IN ".networks",
		 "unknown field \"networks\"", "only egress rules", 9, 44},
		{FROM("{namespaceSelector: {}}"), PEER_IN ".namespaceSelector",
		 "unknown field \"namespaceSelector\"", "write namespaces: {...}", 9, 28},
		{FROM("{namespaces: {namespaceSelector: {}}}"), NULL,
		 "unknown field \"namespaceSelector\"", "namespaces is itself the selector", 9, 41},
		{FROM("{namespaces: {matchLabels: {a: b, a: c}}}"),
		 PEER_IN ".namespaces.matchLabels.a", "duplicate field \"a\"", "in line 9", 9, 61},
		{FROM("{pods: {podSelector: {}, matchLabels: {}}}"), PEER_IN ".pods.matchLabels",
		 "unknown field \"matchLabels\"", "under podSelector or namespaceSelector", 9, 52},
		{TO("{ipBlock: {}}"), PEER_OUT ".ipBlock", "unknown field \"ipBlock\"",
		 "write networks", 9, 26},
		{PROTOCOL("{TCP: {}}"), PORT_IN ".TCP", "unknown field \"TCP\"",
		 "did you mean \"tcp\"?", 9, 59},
		{PROTOCOL("{tcp: {port: 80}}"), PORT_IN ".tcp.port", "unknown field \"port\"",
		 "destinationPort: {number", 9, 65},
		{IN("{action: Deny, from: [{namespaces: {}}], ports: []}"), "spec.ingress[0].ports",
		 "unknown field \"ports\"", "v1alpha2 has protocols", 9, 46},
		{IN("{action: Deny, to: [], from: [{namespaces: {}}]}"), "spec.ingress[0].to",
		 "unknown field \"to\"", "an ingress rule has from", 9, 20},
		{ANP("  tier: Admin\n"), "spec.tier", "unknown field \"tier\"",
		 "always of the Admin tier", 7, 3},
		{ANP("  ingress:\n  - {action: Deny, from: [{namespaces: {}}], protocols: []}\n"),
		 "spec.ingress[0].protocols", "unknown field \"protocols\"", "v1alpha1 has ports",
		 8, 46},
		{OLD_PORT("{port: 80}"), OLD_IN ".port", "unknown field \"port\"",
		 "write portNumber", 8, 55},
		{BANP("  priority: 1\n"), "spec.priority", "unknown field \"priority\"",
		 "needs no priority", 6, 3},
		{BANP("  egress:\n  - {action: Deny, to: [{domainNames: [a.b]}]}\n"),
		 PEER_OUT ".domainNames", "unknown field \"domainNames\"", NULL, 7, 26},
	};
	(void)state;
	EXPECT_ALL(cases);
}

/* ---- several errors in one object ---- */

/* All that is said of a text, a line for each message. */
static void expect_server(const char *text, const char *want)
{
	const struct wr_decode_opts server = {.strict_cidrs = true, .as_api_server = true};
	char got[4096] = "";
	struct fixture f;
	fixture_decode_with(&f, text, &server);
	for (size_t i = 0; i < wr_diags_count(f.diags); i++) {
		const struct wr_diag *d = wr_diags_at(f.diags, i);
		fixture_add(got, sizeof(got), "%s%s: %s\n", d->severity == WR_NOTE ? "note " : "",
			    d->path ? d->path : "-", d->message);
	}
	assert_string_equal(got, want);
	fixture_down(&f);
}

#define NOT_CHECKED                                                                              \
	"<nil>: Invalid value: null: some validation rules were not checked because the object " \
	"was invalid; correct the existing errors to complete validation\n"

static void several_errors(void **state)
{
	(void)state;
	/* a wrong type is an unsupported value, too */
	expect_server(TIER("5"),
		      "spec.tier: " TYPE("integer", "spec.tier",
					 "string") "\n"
						   "spec.tier: Unsupported value: 5: " TIERS
						   "\n" NOT_CHECKED);
	expect_server(TIER("[Admin, {b: yes, a: '<'}, 1.50, null]"),
		      "spec.tier: " TYPE("array", "spec.tier",
					 "string") "\n"
						   "spec.tier: Unsupported value: "
						   "[\"Admin\",{\"a\":\"\\u003c\",\"b\":true},1.5,"
						   "null]: " TIERS "\n" NOT_CHECKED);
	expect_server(PRIORITY("1000.5"),
		      "spec.priority: " TYPE("float64", "spec.priority",
					     "int32") "\n"
						      "<nil>: Invalid value: \"\": Checked value "
						      "must be of type integer with format "
						      "int32 in spec.priority\n"
						      "spec.priority: Invalid value: 1000.5: "
						      "spec.priority in body should be less than "
						      "or equal to 1000\n" NOT_CHECKED);
	expect_server(PRIORITY("1e20"),
		      "spec.priority: " TYPE("float64", "spec.priority",
					     "int32") "\n"
						      "<nil>: Invalid value: \"\": Checked value "
						      "must be of type integer with format "
						      "int32 in spec.priority\n"
						      "spec.priority: Invalid value: 1e+20: "
						      "spec.priority in body should be less than "
						      "or equal to 1000\n" NOT_CHECKED);
	expect_server(
		PRIORITY("3000000000"),
		"<nil>: Invalid value: \"\": Checked value must be of type integer with format "
		"int32 in spec.priority\n"
		"spec.priority: Invalid value: 3000000000: spec.priority in body should be less "
		"than or equal to 1000\n");
	/* a bound of a number does not keep the rules in CEL from being looked at */
	expect_server(PROTOCOL("{tcp: {destinationPort: {range: {start: 0, end: 0}}}}"), PORT_IN
		      ".tcp.destinationPort.range.end: Invalid value: 0: " PORT_IN
		      ".tcp.destinationPort.range.end in body should be greater than or equal "
		      "to 1\n" PORT_IN
		      ".tcp.destinationPort.range.start: Invalid value: 0: " PORT_IN
		      ".tcp.destinationPort.range.start in body should be greater than or "
		      "equal to 1\n" PORT_IN
		      ".tcp.destinationPort.range: Invalid value: Start port must be less than "
		      "End port\n");
	/* nor does a repeated value; an error that blocks does */
#define NETWORK(i, what) PEER_OUT ".networks[" i "]: " what "\n"
#define NO_STRING(i, found) NETWORK(i, TYPE(found, PEER_OUT ".networks[" i "]", "string"))
	expect_server(NETWORKS("all, all"),
		      NETWORK("1", "Duplicate value: \"all\"") NETWORK("0", NO_CIDR("all"))
			      NETWORK("1", NO_CIDR("all")));
	expect_server(NETWORKS("all, 7, 7, 7.0, null, null"),
		      NO_STRING("1", "integer") NO_STRING("2", "integer") NO_STRING("3", "integer")
			      NO_STRING("4", "null") NO_STRING("5", "null")
				      NETWORK("2", "Duplicate value: 7")
					      NETWORK("5", "Duplicate value: null") NOT_CHECKED);
}

/* A policy without a name has an error that blocks, like one of the schema. */
static void errors_of_the_metadata(void **state)
{
	(void)state;
	expect_server(
		BASE "metadata: {}\nspec:\n" SUBJECT,
		"metadata.name: Required value: name or generateName is required\n" NOT_CHECKED);
	expect_server(
		BASE "metadata: {name: A}\nspec:\n" SUBJECT,
		"metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must "
		"consist of lower case alphanumeric characters, '-' or '.', and must start and "
		"end with an alphanumeric character (e.g. 'example.com', regex used for "
		"validation is "
		"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\n"
		"<nil>: Invalid value: Only one baseline admin network policy with "
		"metadata.name=\"default\" can be created in the cluster\n");
}

/* v1beta1 takes what v1alpha2 takes, but for bits behind a length, and signs before a name. */
static void the_later_version(void **state)
{
#define BETA "apiVersion: policy.networking.k8s.io/v1beta1\nkind: ClusterNetworkPolicy\n"
#define PEERS(list)                                          \
	META "spec:\n  tier: Admin\n  priority: 1\n" SUBJECT \
	     "  egress:\n  - {action: Accept, to: [" list "]}\n"
	static const struct complaint cases[] = {
		{BETA PEERS("{networks: [10.0.0.1/8]}"), PEER_OUT ".networks[0]",
		 NO_CIDR("10.0.0.1/8"), "a network's own address", 9, 39},
		{BETA PEERS("{networks: ['2001:db8::1/64']}"), PEER_OUT ".networks[0]",
		 NO_CIDR("2001:db8::1/64"), NULL, 9, 39},
		{BETA PEERS("{networks: [all]}"), PEER_OUT ".networks[0]", NO_CIDR("all"), NULL, 9,
		 39},
		{BETA PEERS("{domainNames: [_a.example.com]}"), PEER_OUT ".domainNames[0]",
		 "Invalid value: \"_a.example.com\": " PEER_OUT ".domainNames[0] in body should "
		 "match '^(\\*\\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.)+"
		 "[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.?$'",
		 "a whole name", 9, 42},
		{"apiVersion: policy.networking.k8s.io/v1beta1\nkind: AdminNetworkPolicy\n" META
		 "spec: {priority: 1, subject: {namespaces: {}}}\n",
		 "apiVersion",
		 "no kind \"AdminNetworkPolicy\" in apiVersion "
		 "\"policy.networking.k8s.io/v1beta1\"",
		 "write apiVersion: policy.networking.k8s.io/v1alpha1", 1, 13},
	};
	static const char *const good[] = {
		BETA PEERS("{networks: [10.0.0.0/8, '2001:db8::/64', 10.0.0.1/32]}"),
		BETA PEERS("{domainNames: [a_b.example.com, '*.example.com']}"),
		NEW PEERS("{networks: [10.0.0.1/8, '2001:db8::1/64']}"),
		NEW PEERS("{domainNames: [_a.example.com]}"),
	};
	(void)state;
	EXPECT_ALL(cases);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fixture f;
		const struct wr_object *o = fixture_one(&f, good[i]);
		assert_int_equal(o->kind, WR_KIND_CLUSTERNETWORKPOLICY);
		assert_int_equal(o->cp.n_rules[WR_EGRESS], 1);
		fixture_down(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_that_are_required),
		cmocka_unit_test(values_of_the_wrong_type),
		cmocka_unit_test(numbers),
		cmocka_unit_test(choices),
		cmocka_unit_test(one_of),
		cmocka_unit_test(empty_lists),
		cmocka_unit_test(lists_at_their_bounds),
		cmocka_unit_test(rule_names),
		cmocka_unit_test(cidrs),
		cmocka_unit_test(the_later_version),
		cmocka_unit_test(domain_names),
		cmocka_unit_test(sets),
		cmocka_unit_test(rules_in_cel),
		cmocka_unit_test(unknown_and_misplaced_fields),
		cmocka_unit_test(several_errors),
		cmocka_unit_test(errors_of_the_metadata),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
