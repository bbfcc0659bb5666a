/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resolve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "input/input.h"

static const char manifests[] =
	"apiVersion: v1\n"
	"kind: PodList\n"
	"items:\n"
	"- metadata: {name: four, namespace: n}\n"
	"  spec: {containers: [{name: c, ports: [{name: http, containerPort: 80},\n"
	"    {name: dns, containerPort: 53, protocol: UDP}]}]}\n"
	"  status: {podIP: 10.0.0.4}\n"
	"- metadata: {name: six, namespace: n}\n"
	"  spec: {containers: [{name: c}]}\n"
	"  status: {podIP: \"fd00::6\"}\n"
	"- metadata: {name: both, namespace: n}\n"
	"  spec: {containers: [{name: c}]}\n"
	"  status: {podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}, {ip: \"fd00::7\"}]}\n"
	"- metadata: {name: bare, namespace: n}\n"
	"  spec: {containers: [{name: c}]}\n"
	"- metadata: {name: rs-1, namespace: n,\n"
	"    ownerReferences: [{kind: ReplicaSet, name: web-abc, controller: true, uid: u}]}\n"
	"  spec: {containers: [{name: c}]}\n";

struct fixture {
	struct wr_diags *diags;
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_world *w;
	struct wr_program *p;
};

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	struct wr_objects objects = {0};
	struct wr_compile_opts opts = {0};
	fx.diags = wr_diags_new();
	fx.in = wr_input_new(NULL);
	fx.arena = wr_arena_new();
	return wr_input_bytes(fx.in, "m", 1, manifests, sizeof(manifests) - 1, fx.diags) ||
	       wr_decode(fx.in, fx.arena, fx.diags, &objects) ||
	       wr_world_new(&objects, fx.diags, &fx.w) || wr_compile(fx.w, &opts, &fx.p);
}

static int teardown(void **state)
{
	(void)state;
	wr_program_unref(fx.p);
	wr_world_unref(fx.w);
	wr_arena_free(fx.arena);
	wr_input_free(fx.in);
	wr_diags_free(fx.diags);
	return 0;
}

static struct wr_target find(const char *text)
{
	struct wr_target t;
	struct wr_problem problem;
	assert_int_equal(wr_target_find(fx.w, text, &t, &problem), 0);
	return t;
}

static void test_find(void **state)
{
	(void)state;
	static const struct {
		const char *text, *pod; /* NULL: refused */
	} cases[] = {
		{"n/four", "four"},    {"n/pod/four", "four"},   {"n/po/four", "four"},
		{"n/web-abc", "rs-1"}, {"n/rs/web-abc", "rs-1"}, {"n/deploy/web", "rs-1"},
		{"n/web", "rs-1"},     {"n/sts/web", NULL},      {"n/pod/web", NULL},
		{"n/web-a", NULL},     {"m/four", NULL},         {"n/fuor", NULL},
		{"four", NULL},        {"/four", NULL},          {"n/", NULL},
		{"n/pod/", NULL},      {"n/a/b/c", NULL},        {"", NULL},
		{"n/svc/four", NULL},  {"10.0.0", NULL},         {"n//four", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wr_target t = {0};
		struct wr_problem problem = {""};
		int rc = wr_target_find(fx.w, cases[i].text, &t, &problem);
		assert_int_equal(rc, cases[i].pod ? 0 : -EINVAL);
		if (cases[i].pod)
			assert_string_equal(fx.w->pods[t.pod].name, cases[i].pod);
		else
			assert_true(problem.text[0]);
	}
	assert_int_equal(find("192.0.2.1").pod, WR_NONE);
	assert_int_equal(find("fd00::7").ip.family, WR_IPV6);
}

static void test_families(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
		uint8_t asked;
		int chosen; /* family, -1: none */
		uint8_t other;
	} cases[] = {
		{"n/four", "n/four", 0, 4, 0},    {"n/six", "n/both", 0, 6, 0},
		{"n/both", "n/six", 0, 6, 0},     {"n/both", "n/both", 0, 4, 6},
		{"n/both", "n/both", 6, 6, 0},    {"n/four", "n/six", 0, -1, 0},
		{"n/six", "n/both", 4, -1, 0},    {"n/bare", "n/six", 0, 6, 0},
		{"n/bare", "n/both", 0, 4, 0},    {"n/bare", "n/bare", 0, 0, 0},
		{"fd00::1", "n/both", 0, 6, 0},   {"n/both", "10.1.1.1", 0, 4, 0},
		{"fd00::1", "n/four", 0, -1, 0},  {"10.0.0.1", "fd00::1", 0, -1, 0},
		{"10.0.0.1", "n/both", 6, -1, 0}, {"10.0.0.1", "n/bare", 0, 4, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wr_target from = find(cases[i].from), to = find(cases[i].to);
		struct wr_side sides[2];
		struct wr_problem problem;
		uint8_t other = 0;
		int rc = wr_target_sides(fx.p, &from, &to, cases[i].asked, sides, &other, &problem);
		assert_int_equal(rc, cases[i].chosen < 0 ? -EINVAL : 0);
		if (rc)
			continue;
		uint8_t family = sides[0].family ? sides[0].family : sides[1].family;
		assert_int_equal(family, cases[i].chosen);
		assert_int_equal(other, cases[i].other);
	}
}

static void test_named_port(void **state)
{
	(void)state;
	struct wr_target t = find("n/four"), outside = find("192.0.2.1");
	struct wr_side sides[2];
	struct wr_problem problem;
	uint8_t other;
	uint16_t port = 0;
	assert_int_equal(wr_target_sides(fx.p, &outside, &t, 0, sides, &other, &problem), 0);
	assert_int_equal(wr_target_named_port(fx.w, &sides[1], WR_TCP, "http", &port, &problem), 0);
	assert_int_equal(port, 80);
	assert_int_equal(wr_target_named_port(fx.w, &sides[1], WR_UDP, "http", &port, &problem),
			 -EINVAL);
	assert_non_null(strstr(problem.text, "is TCP 80, not UDP"));
	assert_int_equal(wr_target_named_port(fx.w, &sides[1], WR_TCP, "htpp", &port, &problem),
			 -EINVAL);
	assert_non_null(strstr(problem.text, "did you mean 'http'?"));
	assert_int_equal(wr_target_named_port(fx.w, &sides[0], WR_TCP, "http", &port, &problem),
			 -EINVAL);
	assert_int_equal(port, 80);
}

static void test_icmp(void **state)
{
	(void)state;
	assert_int_equal(wr_proto_of_family(WR_ICMP, WR_IPV6), WR_ICMPV6);
	assert_int_equal(wr_proto_of_family(WR_ICMPV6, WR_IPV4), WR_ICMP);
	assert_int_equal(wr_proto_of_family(WR_ICMP, 0), WR_ICMP);
	assert_int_equal(wr_proto_of_family(WR_TCP, WR_IPV6), WR_TCP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_named_port),
		cmocka_unit_test(test_icmp),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
