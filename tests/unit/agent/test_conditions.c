/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of cluster-wide policies, by whom, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/internal.h"
#include "base/arena.h"
#include "input/input.h"

#define KIND WR_KIND_CLUSTERNETWORKPOLICY

struct fixture {
	struct agent a;
	struct wr_arena *arena;
	int api; /* something to point to: nothing is sent here */
};

static int setup(void **state)
{
	static struct fixture f;
	static const struct wr_agent_opts opts = {.node = "node-1"};
	memset(&f, 0, sizeof(f));
	f.arena = wr_arena_new();
	f.a.opts = &opts;
	*state = &f;
	if (!f.arena || uv_loop_init(&f.a.loop))
		return -1;
	conditions_start(&f.a, (struct wr_kube *)(void *)&f.api);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	uv_close((uv_handle_t *)&f->a.conditions.timer, NULL);
	(void)uv_run(&f->a.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->a.loop), 0);
	conditions_free(&f->a);
	wr_arena_free(f->arena);
	return 0;
}

static void see(struct fixture *f, const char *name, const char *uid, int generation)
{
	struct wr_value *v = NULL;
	const char *text = wr_arena_printf(f->arena,
					   "{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\","
					   "\"generation\":%d},\"status\":{\"conditions\":[{}]}}",
					   name, uid, generation);
	assert_non_null(text);
	assert_int_equal(wr_json_parse(f->arena, text, strlen(text), (struct wr_mark){0}, &v, NULL),
			 0);
	conditions_seen(&f->a, KIND, v);
}

static void test_each_policy_is_known_once(void **state)
{
	struct fixture *f = *state;
	see(f, "a", "1", 1);
	see(f, "b", "2", 1);
	see(f, "a", "1", 2);
	assert_int_equal(f->a.conditions.records.n, 2);
	conditions_gone(&f->a, KIND, "c");
	assert_int_equal(f->a.conditions.records.n, 2);
	conditions_gone(&f->a, KIND, "a");
	conditions_gone(&f->a, KIND, "a");
	assert_int_equal(f->a.conditions.records.n, 1);
}

static void test_what_is_new_waits_for_its_turn(void **state)
{
	struct fixture *f = *state;
	uv_handle_t *timer = (uv_handle_t *)&f->a.conditions.timer;
	see(f, "a", "1", 0); /* a server that counts no generations */
	assert_false(uv_is_active(timer));
	see(f, "a", "1", 2);
	assert_true(uv_is_active(timer));
	/* nothing in the store is of that version: nothing is sent */
	assert_int_equal(uv_run(&f->a.loop, UV_RUN_DEFAULT), 0);
	assert_false(uv_is_active(timer));
	f->a.conditions.off = true;
	see(f, "a", "1", 3);
	assert_false(uv_is_active(timer));
}

static void test_text(void **state)
{
	(void)state;
	char text[1024];
	const char *reason;
	struct wr_cp_peer pods = {.kind = WR_CP_PODS}, names = {.kind = WR_CP_DOMAINS};
	struct wr_cp_peer odd = {.kind = WR_CP_PODS, .unreadable = "unknown field \"x\""};
	struct wr_cp_rule good = {.action = WR_ACCEPT, .peers = &pods, .n_peers = 1};
	struct wr_cp_rule rules[2] = {
		{.name = "web", .action = WR_ACCEPT, .peers = &names, .n_peers = 1},
		{.action = WR_DENY, .peers = &odd, .n_peers = 1}};
	struct wr_object o = {.kind = KIND};
	struct wr_kube_item item = {.object = &o, .name = "a"};
	o.cp.rules[WR_INGRESS] = &good;
	o.cp.n_rules[WR_INGRESS] = 1;
	assert_true(condition_text(&item, text, &reason));
	assert_string_equal(reason, "Accepted");
	assert_string_equal(text, "every rule is enforced as it is written");
	o.cp.rules[WR_EGRESS] = rules;
	o.cp.n_rules[WR_EGRESS] = 2;
	assert_false(condition_text(&item, text, &reason));
	assert_string_equal(reason, "RulesNotEnforced");
	assert_string_equal(text, "egress rule 1 (web) has domain names, which match nothing: "
				  "addresses are not learned from DNS; egress rule 2 has a peer "
				  "that nobody can read, and denies everything");
	item.problem = "spec.tier: no such tier";
	assert_false(condition_text(&item, text, &reason));
	assert_string_equal(reason, "Unreadable");
	item.object = NULL;
	assert_false(condition_text(&item, text, &reason));
	assert_string_equal(text, "it cannot be read: spec.tier: no such tier");
}

static void test_text_is_bounded(void **state)
{
	(void)state;
	char text[1024], name[101];
	const char *reason;
	struct wr_cp_peer names = {.kind = WR_CP_DOMAINS};
	struct wr_cp_rule rules[100];
	struct wr_object o = {.kind = KIND};
	struct wr_kube_item item = {.object = &o, .name = "a"};
	memset(name, 'n', sizeof(name) - 1);
	name[100] = '\0';
	for (size_t i = 0; i < 100; i++)
		rules[i] = (struct wr_cp_rule){
			.name = name, .action = WR_ACCEPT, .peers = &names, .n_peers = 1};
	o.cp.rules[WR_EGRESS] = rules;
	o.cp.n_rules[WR_EGRESS] = 100;
	assert_false(condition_text(&item, text, &reason));
	assert_true(strlen(text) < 1000);
	assert_non_null(strstr(text, "; and 9"));
}

/*
 * A cluster: all its agents see all its policies at the same moment, what one
 * writes is seen by the others half a second later.
 */
struct cluster {
	size_t nodes, policies, writes;
	uint64_t ended, busiest; /* ms; most writes in any second */
};

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void run_cluster(struct cluster *c)
{
	uint64_t seed = 88172645463325252u, now = 0, in_second[4000] = {0};
	uint64_t *due = calloc(c->nodes, sizeof(*due)), *seen = calloc(c->policies, sizeof(*seen));
	assert_true(due && seen);
	for (size_t i = 0; i < c->nodes; i++)
		due[i] = condition_wait(c->nodes, 0, draw(&seed));
	for (size_t told = 0; told < c->policies;) {
		size_t node = 0, n = 0;
		for (size_t i = 1; i < c->nodes; i++)
			node = due[i] < due[node] ? i : node;
		now = due[node];
		due[node] = now + condition_wait(c->nodes, 0, draw(&seed));
		size_t start = draw(&seed) % c->policies, at;
		for (at = start; n < c->policies; n++, at = (start + n) % c->policies)
			if (!seen[at] || seen[at] > now)
				break;
		if (n == c->policies)
			continue;
		told += !seen[at];
		seen[at] = seen[at] ? seen[at] : now + 500;
		c->writes++;
		in_second[now / 1000 % 4000]++;
	}
	c->ended = now;
	for (size_t i = 0; i < 4000; i++)
		c->busiest = in_second[i] > c->busiest ? in_second[i] : c->busiest;
	free(due);
	free(seen);
}

static void test_many_nodes_do_not_storm(void **state)
{
	(void)state;
	struct cluster all[] = {{1, 10, 0, 0, 0},
				{3, 10, 0, 0, 0},
				{5000, 1, 0, 0, 0},
				{5000, 100, 0, 0, 0},
				{5000, 1000, 0, 0, 0}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cluster *c = &all[i];
		run_cluster(c);
		print_message(
			"%zu nodes, %zu policies: %zu writes in %.1f s, at most %d a second\n",
			c->nodes, c->policies, c->writes, (double)c->ended / 1000, (int)c->busiest);
		assert_true(c->writes <= c->policies + c->policies / 4 + 3);
		assert_true(c->busiest <= 15);
		assert_true(c->ended <= 5000 + c->policies * 1000);
	}
}

static void test_failures_slow_down(void **state)
{
	(void)state;
	assert_in_range(condition_wait(1, 0, 0), 50, 50);
	assert_in_range(condition_wait(0, 0, 399), 50, 449);
	assert_in_range(condition_wait(1, 1, 0), 10000, 10000);
	assert_in_range(condition_wait(1, 2, 0), 20000, 20000);
	assert_in_range(condition_wait(1, 4000000000u, 0), 600000, 640000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_new_waits_for_its_turn, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_each_policy_is_known_once, setup, teardown),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_is_bounded),
		cmocka_unit_test(test_many_nodes_do_not_storm),
		cmocka_unit_test(test_failures_slow_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
