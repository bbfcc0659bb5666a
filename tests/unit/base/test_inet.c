/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/inet.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct wr_ip ip(const char *text)
{
	struct wr_ip out;
	if (wr_ip_parse(text, &out) < 0)
		fail_msg("'%s' is no address", text);
	return out;
}

static struct wr_cidr cidr(const char *text)
{
	struct wr_cidr out;
	if (wr_cidr_parse(text, &out) < 0)
		fail_msg("'%s' is no prefix", text);
	return out;
}

static void test_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *canonical;
	} good[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"10.1.2.3", "10.1.2.3"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"FE80::A", "fe80::a"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0db8::0001", "2001:db8::1"},
		{"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
	};
	for (size_t i = 0; i < COUNT(good); i++) {
		char buf[WR_IP_TEXT];
		struct wr_ip a = ip(good[i].text);
		assert_int_equal(a.family, strchr(good[i].text, ':') ? WR_IPV6 : WR_IPV4);
		assert_string_equal(wr_ip_format(&a, buf), good[i].canonical);
	}
}

static void test_no_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",          " ",        "1",        "1.2.3",    "1.2.3.4.5",
		"1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8",
		"::1%eth0",  ":::",      "1::2::3",  "12345::",  "g::",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct wr_ip out = {.family = 77};
		assert_int_equal(wr_ip_parse(bad[i], &out), -EINVAL);
		assert_int_equal(out.family, 77);
	}
}

static void test_prefixes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *canonical, *first, *last;
	} good[] = {
		{"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
		{"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
		{"10.1.2.3/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
		{"10.1.2.255/25", "10.1.2.128/25", "10.1.2.128", "10.1.2.255"},
		{"10.1.2.3/31", "10.1.2.2/31", "10.1.2.2", "10.1.2.3"},
		{"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
		{"::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"2001:db8::5/64", "2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
		{"2001:db8::5/127", "2001:db8::4/127", "2001:db8::4", "2001:db8::5"},
		{"::1/128", "::1/128", "::1", "::1"},
	};
	for (size_t i = 0; i < COUNT(good); i++) {
		char buf[WR_CIDR_TEXT];
		struct wr_cidr c = cidr(good[i].text);
		struct wr_ip first = wr_cidr_first(&c), last = wr_cidr_last(&c);
		assert_string_equal(wr_cidr_format(&c, buf), good[i].canonical);
		assert_string_equal(wr_ip_format(&first, buf), good[i].first);
		assert_string_equal(wr_ip_format(&last, buf), good[i].last);
	}
}

static void test_no_prefixes(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0.0",
		"10.0.0.0/",
		"/8",
		"10.0.0.0/33",
		"10.0.0.0/08",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"::/129",
		"::/1000",
		"10.0.0/8",
		"10.0.0.0/255.0.0.0",
		"10.0.0.0/ 8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct wr_cidr out = {.len = 99};
		assert_int_equal(wr_cidr_parse(bad[i], &out), -EINVAL);
		assert_int_equal(out.len, 99);
	}
}

static void test_containing(void **state)
{
	(void)state;
	static const struct {
		const char *cidr, *ip;
		bool inside;
	} cases[] = {
		{"10.0.0.0/8", "10.0.0.0", true},
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "9.255.255.255", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "1.2.3.4", false},
		{"::/0", "::ffff:1.2.3.4", true},
		{"10.0.0.128/25", "10.0.0.127", false},
		{"10.0.0.128/25", "10.0.0.128", true},
		{"2001:db8::/33", "2001:db8:7fff::", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wr_cidr c = cidr(cases[i].cidr);
		struct wr_ip a = ip(cases[i].ip);
		assert_int_equal(wr_cidr_contains(&c, &a), cases[i].inside);
	}
}

static void test_covering(void **state)
{
	(void)state;
	static const struct {
		const char *outer, *inner;
		bool covers;
	} cases[] = {
		{"10.0.0.0/8", "10.0.0.0/8", true},   {"10.0.0.0/8", "10.1.0.0/16", true},
		{"10.1.0.0/16", "10.0.0.0/8", false}, {"10.0.0.0/8", "11.0.0.0/16", false},
		{"0.0.0.0/0", "::/0", false},         {"::/0", "fe80::/10", true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wr_cidr a = cidr(cases[i].outer), b = cidr(cases[i].inner);
		assert_int_equal(wr_cidr_covers(&a, &b), cases[i].covers);
	}
}

static void test_neighbours(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"10.0.0.255", "10.0.1.0"},
		{"0.0.0.0", "0.0.0.1"},
		{"9.255.255.255", "10.0.0.0"},
		{"::ffff:ffff:ffff:ffff", "0:0:0:1::"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wr_ip a = ip(cases[i].before), b = ip(cases[i].after), x = a, y = b;
		assert_true(wr_ip_next(&x));
		assert_true(wr_ip_equal(&x, &b));
		assert_true(wr_ip_prev(&y));
		assert_true(wr_ip_equal(&y, &a));
	}
	struct wr_ip last4 = ip("255.255.255.255"), first4 = ip("0.0.0.0"), first6 = ip("::");
	struct wr_ip last6 = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_false(wr_ip_next(&last4));
	assert_false(wr_ip_next(&last6));
	assert_false(wr_ip_prev(&first4));
	assert_false(wr_ip_prev(&first6));
}

static void test_order(void **state)
{
	(void)state;
	static const char *const sorted[] = {"0.0.0.0",   "9.0.0.0", "10.0.0.0", "10.0.0.1",
					     "255.0.0.0", "::",      "::1",      "fe80::"};
	for (size_t i = 0; i < COUNT(sorted); i++) {
		for (size_t k = 0; k < COUNT(sorted); k++) {
			struct wr_ip a = ip(sorted[i]), b = ip(sorted[k]);
			int order = wr_ip_compare(&a, &b);
			assert_int_equal(order < 0, i < k);
			assert_int_equal(order > 0, i > k);
			assert_int_equal(wr_ip_equal(&a, &b), i == k);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),  cmocka_unit_test(test_no_addresses),
		cmocka_unit_test(test_prefixes),   cmocka_unit_test(test_no_prefixes),
		cmocka_unit_test(test_containing), cmocka_unit_test(test_covering),
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
