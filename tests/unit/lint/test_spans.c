/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "lint/internal.h"

static struct wr_port range(uint8_t proto, uint16_t first, uint16_t last)
{
	return (struct wr_port){
		.kind = WR_PORTS_RANGE, .proto = proto, .first = first, .last = last};
}

static struct wr_port named(const char *name)
{
	return (struct wr_port){.kind = WR_PORTS_NAMED, .name = name};
}

/* Takes all ports of a rule out. */
static void take(struct lint *l, struct lint_spans *s, const struct wr_rule *r)
{
	struct lint_spans out = {0};
	lint_spans_set(l, &out, r);
	for (size_t i = 0; i < out.left.n; i++)
		lint_spans_take(l, s, out.left.items[i]);
	lint_spans_free(&out);
}

static size_t left_after(const struct wr_rule *all, const struct wr_rule *const *taken, size_t n)
{
	struct lint l = {0};
	struct lint_spans s = {0};
	lint_spans_set(&l, &s, all);
	for (size_t i = 0; i < n; i++)
		take(&l, &s, taken[i]);
	size_t left = s.left.n;
	assert_false(l.nomem);
	lint_spans_free(&s);
	wr_map_free(l.port_names);
	return left;
}

static void ports_are_taken_until_none_is_left(void **state)
{
	(void)state;
	struct wr_port whole = range(WR_TCP, 80, 90), low = range(WR_TCP, 1, 84),
		       high = range(WR_TCP, 85, 65535), gap = range(WR_TCP, 86, 65535),
		       udp = range(WR_UDP, 1, 65535);
	struct wr_rule r = {.ports = &whole, .n_ports = 1}, a = {.ports = &low, .n_ports = 1},
		       b = {.ports = &high, .n_ports = 1}, c = {.ports = &gap, .n_ports = 1},
		       d = {.ports = &udp, .n_ports = 1}, any = {.any_port = true};
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&a, &b}, 2), 0);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&a, &c}, 2), 1);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&c}, 1), 1);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&d}, 1), 1);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&any}, 1), 0);
	/* every port of TCP is not every port: ICMP is left, and the other two */
	assert_true(left_after(&any, (const struct wr_rule *[]){&a, &b}, 2) > 0);
}

static void a_name_is_itself_and_no_number(void **state)
{
	(void)state;
	struct wr_port http = named("http"), dns = named("dns"), all = range(WR_TCP, 1, 65535);
	struct wr_rule r = {.ports = &http, .n_ports = 1}, same = {.ports = &http, .n_ports = 1},
		       other = {.ports = &dns, .n_ports = 1},
		       numbers = {.ports = &all, .n_ports = 1}, any = {.any_port = true};
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&same}, 1), 0);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&other}, 1), 1);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&numbers}, 1), 1);
	assert_int_equal(left_after(&r, (const struct wr_rule *[]){&any}, 1), 0);
	assert_int_equal(left_after(&numbers, (const struct wr_rule *[]){&same}, 1), 1);
}

static void a_reversed_range_holds_no_port(void **state)
{
	(void)state;
	struct wr_port reversed = range(WR_TCP, 90, 80);
	struct wr_rule r = {.ports = &reversed, .n_ports = 1};
	assert_int_equal(left_after(&r, NULL, 0), 0);
}

static void what_both_have_is_kept(void **state)
{
	(void)state;
	struct lint l = {0};
	struct lint_spans s = {0}, t = {0};
	struct wr_port mine[] = {range(WR_TCP, 80, 90), range(WR_UDP, 53, 53)};
	struct wr_port theirs = range(WR_TCP, 85, 100);
	struct wr_rule a = {.ports = mine, .n_ports = 2}, b = {.ports = &theirs, .n_ports = 1};
	lint_spans_set(&l, &s, &a);
	lint_spans_set(&l, &t, &b);
	lint_spans_keep(&l, &s, &t.left);
	assert_int_equal(s.left.n, 1);
	assert_int_equal(s.left.items[0].first, WR_KEY(WR_TCP, 85));
	assert_int_equal(s.left.items[0].last, WR_KEY(WR_TCP, 90));
	lint_spans_free(&s);
	lint_spans_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_taken_until_none_is_left),
		cmocka_unit_test(a_name_is_itself_and_no_number),
		cmocka_unit_test(a_reversed_range_holds_no_port),
		cmocka_unit_test(what_both_have_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
