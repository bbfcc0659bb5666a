/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "api/check.h"

/* How the messages of a value begin, in order. */
struct text_case {
	const char *value;
	const char *msgs[4];
};

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static void check_all(const struct text_case *cases, size_t n,
		      size_t (*check)(const char *, const char **))
{
	for (size_t i = 0; i < n; i++) {
		const char *msgs[WR_CHECK_MAX];
		size_t want = 0, got = check(cases[i].value, msgs);
		while (want < 4 && cases[i].msgs[want])
			want++;
		for (size_t k = 0; k < got && k < want; k++)
			if (strncmp(msgs[k], cases[i].msgs[k], strlen(cases[i].msgs[k])))
				fail_msg("%s: \"%s\"", cases[i].value, msgs[k]);
		if (got != want)
			fail_msg("%s: %zu messages, expected %zu", cases[i].value, got, want);
	}
}
#define CHECK_ALL(cases, check) check_all(cases, sizeof(cases) / sizeof((cases)[0]), check)

static void subdomains(void **state)
{
	static const char rule[] = "a lowercase RFC 1123 subdomain must consist";
	static const struct text_case cases[] = {
		{"a", {NULL}},
		{"a-b.c9.example.com", {NULL}},
		{"9", {NULL}},
		{"", {rule}},
		{".a", {rule}},
		{"a.", {rule}},
		{"a..b", {rule}},
		{"-a", {rule}},
		{"a-.b", {rule}},
		{"A", {rule}},
		{"a_b", {rule}},
		{X60 "." X60 "." X60 "." X60 "." X10 "x", {"must be no more than 253 bytes"}},
		{X60 "." X60 "." X60 "." X60 "." X10 "X", {"must be no more than 253 bytes", rule}},
		{X60 "." X60 "." X60 "." X60 ".xxxxxxxxx", {NULL}},
	};
	(void)state;
	CHECK_ALL(cases, wr_check_dns_subdomain);
}

static void dns_labels(void **state)
{
	static const char rule[] = "a lowercase RFC 1123 label must consist";
	static const struct text_case cases[] = {
		{"shop-2", {NULL}},
		{X60 "xxx", {NULL}},
		{X60 "xxxx", {"must be no more than 63 bytes"}},
		{"a.b", {"must not contain dots"}},
		{"", {rule}},
		{"a.b.", {rule}},
		{"${X}", {rule}},
	};
	(void)state;
	CHECK_ALL(cases, wr_check_dns_label);
}

static void label_keys(void **state)
{
	static const char name[] = "name part must consist of alphanumeric characters";
	static const char prefix[] = "prefix part a lowercase RFC 1123 subdomain";
	static const struct text_case cases[] = {
		{"app", {NULL}},
		{"App.Kubernetes_io-9", {NULL}},
		{"app.kubernetes.io/name", {NULL}},
		{X60 "xxx", {NULL}},
		{X60 "xxxx", {"name part must be no more than 63 bytes"}},
		{"", {"name part must be non-empty", name}},
		{"a b", {name}},
		{"-a", {name}},
		{"a.", {name}},
		{"/a", {"prefix part must be non-empty"}},
		{"a/", {"name part must be non-empty", name}},
		{"/", {"prefix part must be non-empty", "name part must be non-empty", name}},
		{"Example.com/a", {prefix}},
		{"Example.com/a b", {prefix, name}},
		{"a/b/c", {"a valid label key must consist of alphanumeric characters"}},
	};
	(void)state;
	CHECK_ALL(cases, wr_check_label_key);
}

static void label_values(void **state)
{
	static const char rule[] = "a valid label must be an empty string or consist";
	static const struct text_case cases[] = {
		{"", {NULL}},
		{"v1.2_3-B", {NULL}},
		{X60 "xxx", {NULL}},
		{X60 "xxxx", {"must be no more than 63 bytes"}},
		{X60 "xxx ", {"must be no more than 63 bytes", rule}},
		{"a b", {rule}},
		{"_a", {rule}},
		{"a/b", {rule}},
		{"\xc3\xa9", {rule}},
	};
	(void)state;
	CHECK_ALL(cases, wr_check_label_value);
}

static void port_names(void **state)
{
	static const char chars[] = "must contain only alpha-numeric characters (a-z, 0-9), and "
				    "hyphens (-)";
	static const char letter[] = "must contain at least one letter (a-z)";
	static const char edge[] = "must not begin or end with a hyphen";
	static const struct text_case cases[] = {
		{"http", {NULL}},
		{"a-1", {NULL}},
		{"123456789012a45", {NULL}},
		{"123456789012a456", {"must be no more than 15 characters"}},
		{"", {chars, letter}},
		{"80", {letter}},
		{"HTTP", {chars, letter}},
		{"a_b", {chars}},
		{"a--b", {"must not contain consecutive hyphens"}},
		{"-a", {edge}},
		{"a-", {edge}},
		{"-", {letter, edge}},
		{"--", {letter, "must not contain consecutive hyphens", edge}},
	};
	(void)state;
	CHECK_ALL(cases, wr_check_port_name);
}

static void cidrs(void **state)
{
	static const struct {
		const char *text, *cidr; /* NULL: refused */
		bool zeros, mapped, host_bits, odd;
	} cases[] = {
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.1.2.3/32", "10.1.2.3/32"},
		{"10.1.2.3/8", "10.0.0.0/8", .host_bits = true},
		{"010.0.0.0/8", "10.0.0.0/8", .zeros = true},
		{"10.0.0.0/08", "10.0.0.0/8", .zeros = true},
		{"010.0.0.1/8", "10.0.0.0/8", .zeros = true, .host_bits = true},
		{"2001:db8::/32", "2001:db8::/32"},
		{"::/0", "::/0"},
		{"2001:DB8::/32", "2001:db8::/32", .odd = true},
		{"2001:db8:0::/48", "2001:db8::/48", .odd = true},
		{"2001:db8::1/64", "2001:db8::/64", .host_bits = true},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8", .mapped = true},
		{"::ffff:10.0.0.1/104", "10.0.0.0/8", .mapped = true, .host_bits = true},
		{"::ffff:0:0/95", "::fffe:0:0/95", .mapped = true, .host_bits = true},
		{"::ffff:0.0.0.0/96", "0.0.0.0/0", .mapped = true},
		{"10.0.0.0", NULL},
		{"10.0.0.0/", NULL},
		{"10.0.0.0/33", NULL},
		{"10.0.0.0/-1", NULL},
		{"10.0.0.0/8 ", NULL},
		{" 10.0.0.0/8", NULL},
		{"10.0.0/8", NULL},
		{"10.0.0.0.0/8", NULL},
		{"10.0.0.256/8", NULL},
		{"10..0.0/8", NULL},
		{"2001:db8::/129", NULL},
		{"2001:db8::%eth0/64", NULL},
		{"fe80:::/64", NULL},
		{"/8", NULL},
		{"", NULL},
		{"10.0.0.0/8/8", NULL},
		{"99999999999999999999.0.0.0/8", NULL},
		{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wr_cidr_check c;
		char text[WR_CIDR_TEXT];
		int rc = wr_check_cidr(cases[i].text, &c);
		if (rc != (cases[i].cidr ? 0 : -EINVAL))
			fail_msg("%s: %d", cases[i].text, rc);
		if (rc)
			continue;
		assert_string_equal(wr_cidr_format(&c.cidr, text), cases[i].cidr);
		if (c.leading_zeros != cases[i].zeros || c.mapped != cases[i].mapped ||
		    c.host_bits != cases[i].host_bits)
			fail_msg("%s: zeros %d mapped %d host bits %d", cases[i].text,
				 c.leading_zeros, c.mapped, c.host_bits);
		if (!c.mapped && !c.host_bits)
			assert_int_equal(c.canonical, !cases[i].odd);
	}
}

static void quotes_as_go_does(void **state)
{
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{"", "\"\""},
		{"a\"b\\", "\"a\\\"b\\\\\""},
		{"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""},
		{"\x01\x7f", "\"\\x01\\x7f\""},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\xff\xc3", "\"\\xff\\xc3\""},
		{"\xc0\xaf", "\"\\xc0\\xaf\""},
	};
	(void)state;
	char buf[128], small[16];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(wr_quote(buf, sizeof(buf), cases[i].text), cases[i].quoted);
	wr_quote(small, sizeof(small), "abcdefghijklmnopqrstuvwxyz");
	assert_string_equal(small, "\"abcdef...\"");
	for (size_t size = 16; size < 40; size++)
		assert_true(strlen(wr_quote(buf, size,
					    "\x01\x02\x03\xf0\x9f\x98\x80\n\n\n\n\n\n")) < size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subdomains),        cmocka_unit_test(dns_labels),
		cmocka_unit_test(label_keys),        cmocka_unit_test(label_values),
		cmocka_unit_test(port_names),        cmocka_unit_test(cidrs),
		cmocka_unit_test(quotes_as_go_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
