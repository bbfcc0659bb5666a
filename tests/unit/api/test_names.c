/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void kinds_by_name(void **state)
{
	static const struct {
		const char *text;
		int kind;
	} cases[] = {
		{"Pod", WR_KIND_POD},
		{"pods", WR_KIND_POD},
		{"po", WR_KIND_POD},
		{"NETPOL", WR_KIND_NETWORKPOLICY},
		{"networkpolicies", WR_KIND_NETWORKPOLICY},
		{"deploy", WR_KIND_DEPLOYMENT},
		{"svc", WR_KIND_SERVICE},
		{"cj", WR_KIND_CRONJOB},
		{"rc", WR_KIND_REPLICATIONCONTROLLER},
		{"ns", WR_KIND_NAMESPACE},
		{"", -EINVAL},
		{"podsx", -EINVAL},
		{"p", -EINVAL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wr_kind_parse(cases[i].text), cases[i].kind);
	for (int k = 0; k < WR_KIND_COUNT; k++)
		assert_int_equal(wr_kind_parse(wr_kind_name((enum wr_kind)k)), k);
	assert_true(wr_kind_is_workload(WR_KIND_DEPLOYMENT));
	assert_true(wr_kind_is_workload(WR_KIND_CRONJOB));
	assert_false(wr_kind_is_workload(WR_KIND_SERVICE));
	assert_false(wr_kind_is_workload(WR_KIND_NETWORKPOLICY));
}

static void protocols_by_name_and_number(void **state)
{
	(void)state;
	assert_int_equal(wr_proto_parse("tcp"), WR_TCP);
	assert_int_equal(wr_proto_parse("ICMPv6"), WR_ICMPV6);
	assert_int_equal(wr_proto_parse("132"), WR_SCTP);
	assert_int_equal(wr_proto_parse("0"), 0);
	assert_int_equal(wr_proto_parse("255"), 255);
	assert_int_equal(wr_proto_parse("256"), -EINVAL);
	assert_int_equal(wr_proto_parse("-1"), -EINVAL);
	assert_int_equal(wr_proto_parse("6x"), -EINVAL);
	assert_int_equal(wr_proto_parse(""), -EINVAL);
	for (int p = 0; p < 256; p++)
		assert_int_equal(wr_proto_parse(wr_proto_name((uint8_t)p)), p);
	assert_string_equal(wr_proto_name(47), "47");
	assert_string_equal(wr_proto_name(1), "ICMP");
	assert_true(wr_proto_has_ports(WR_SCTP));
	assert_false(wr_proto_has_ports(WR_ICMP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_by_name),
		cmocka_unit_test(protocols_by_name_and_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
