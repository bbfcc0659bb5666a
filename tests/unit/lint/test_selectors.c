/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one selector says of another: every pair of selectors over one key and
 * two values, and over two keys, against all that a pod can carry.
 */
#include "../model/fixture.h"
#include "lint/internal.h"

static const char *const one_key[] = {
	"{}",
	"{matchLabels: {k: a}}",
	"{matchLabels: {k: b}}",
	"{matchExpressions: [{key: k, operator: In, values: [a, b]}]}",
	"{matchExpressions: [{key: k, operator: NotIn, values: [a]}]}",
	"{matchExpressions: [{key: k, operator: NotIn, values: [a, b]}]}",
	"{matchExpressions: [{key: k, operator: Exists}]}",
	"{matchExpressions: [{key: k, operator: DoesNotExist}]}",
	"{matchLabels: {m: a}}",
	"{matchLabels: {k: a, m: a}}",
	"{matchLabels: {k: a}, matchExpressions: [{key: m, operator: DoesNotExist}]}",
};
#define N (sizeof(one_key) / sizeof(one_key[0]))

/* Labels k and m: none, a, b, c each. */
static const char *const values[] = {NULL, "a", "b", "c"};

/* A policy for each selector, in order of name, and a pod for each set of labels. */
static void build(struct fixture *f)
{
	static char all[16384];
	all[0] = '\0';
	for (size_t i = 0; i < N; i++)
		fixture_add(all, sizeof(all),
			    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
			    "metadata: {name: p%02zu}\nspec: {podSelector: %s}\n",
			    i, one_key[i]);
	for (size_t k = 0; k < 4; k++)
		for (size_t m = 0; m < 4; m++)
			fixture_add(all, sizeof(all),
				    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: q%zu%zu, "
				    "labels: {%s%s%s %s%s}}\n",
				    k, m, values[k] ? "k: " : "", values[k] ? values[k] : "",
				    values[k] && values[m] ? "," : "", values[m] ? "m: " : "",
				    values[m] ? values[m] : "");
	fixture_up(f, all);
	assert_int_equal(f->world->n_policies, N);
	assert_int_equal(f->world->n_pods, 16);
}

static uint32_t selector(const struct fixture *f, size_t i)
{
	return f->world->policies[i].subject.pod_selector;
}

static bool matches(const struct fixture *f, size_t i, uint32_t pod)
{
	const struct wr_pod *p = &f->world->pods[pod];
	return wr_selector_matches(f->world, selector(f, i), p->labels, p->n_labels);
}

static void implication_and_exclusion_are_what_pods_show(void **state)
{
	(void)state;
	struct fixture f;
	build(&f);
	struct lint l = {.w = f.world};
	for (size_t a = 0; a < N; a++)
		for (size_t b = 0; b < N; b++) {
			bool within = true, apart = true;
			for (uint32_t p = 0; p < f.world->n_pods; p++) {
				within &= !matches(&f, a, p) || matches(&f, b, p);
				apart &= !matches(&f, a, p) || !matches(&f, b, p);
			}
			if (lint_implies(&l, selector(&f, a), selector(&f, b)) != within)
				fail_msg("%s within %s: %d", one_key[a], one_key[b], within);
			if (lint_excludes(&l, selector(&f, a), selector(&f, b)) != apart)
				fail_msg("%s apart from %s: %d", one_key[a], one_key[b], apart);
		}
	fixture_down(&f);
}

static struct wr_peer block(const char *cidr)
{
	struct wr_peer p = {.kind = WR_PEER_IPBLOCK};
	assert_int_equal(wr_cidr_parse(cidr, &p.cidr), 0);
	return p;
}

static void addresses_meet_where_one_block_holds_the_other(void **state)
{
	(void)state;
	struct lint l = {0};
	struct wr_peer wide = block("10.0.0.0/8"), narrow = block("10.1.0.0/16"),
		       other = block("11.0.0.0/8"), six = block("fd00::/8"),
		       pods = {.kind = WR_PEER_PODS,
			       .ns_index = WR_NONE,
			       .ns_selector = WR_NONE,
			       .pod_selector = WR_NONE},
		       nodes = {.kind = WR_PEER_NODES, .node_selector = WR_NONE},
		       names = {.kind = WR_PEER_DOMAINS};
	assert_false(lint_peers_apart(&l, &wide, &narrow));
	assert_false(lint_peers_apart(&l, &narrow, &wide));
	assert_true(lint_peers_apart(&l, &wide, &other));
	assert_true(lint_peers_apart(&l, &wide, &six));
	/* an address may be a pod's or a node's, but a node is no pod */
	assert_false(lint_peers_apart(&l, &wide, &pods));
	assert_false(lint_peers_apart(&l, &nodes, &wide));
	assert_true(lint_peers_apart(&l, &nodes, &pods));
	assert_false(lint_peers_apart(&l, &names, &wide));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(implication_and_exclusion_are_what_pods_show),
		cmocka_unit_test(addresses_meet_where_one_block_holds_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
