/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/slots.h"
#include "model/world.h"

static struct wr_ip ip(const char *text)
{
	struct wr_ip out;
	assert_int_equal(wr_ip_parse(text, &out), 0);
	return out;
}

static struct wr_slot_key prefix(const char *text)
{
	struct wr_cidr c;
	assert_int_equal(wr_cidr_parse(text, &c), 0);
	return wr_slot_key_prefix(&c);
}

static struct wr_slot host_entry(const char *text, uint32_t slot)
{
	struct wr_ip a = ip(text);
	return (struct wr_slot){wr_slot_key_host(&a), slot};
}

static struct wr_slot prefix_entry(const char *text, uint32_t slot)
{
	return (struct wr_slot){prefix(text), slot};
}

static int set_up(void **state)
{
	struct wr_slots *s = calloc(1, sizeof(*s));
	*state = s;
	return s ? wr_slots_load(s, NULL, 0) : -1;
}

static int tear_down(void **state)
{
	wr_slots_free(*state);
	free(*state);
	return 0;
}

static uint32_t take(struct wr_slots *s)
{
	uint32_t slot = 0;
	assert_int_equal(wr_slots_take(s, &slot), 0);
	return slot;
}

/* ---- which slot is whose ---- */

static void test_take_in_order(void **state)
{
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(take(*state), WEIR_SLOT_FIRST + i);
}

static void test_a_slot_rests(void **state)
{
	struct wr_slots *s = *state;
	uint32_t a = take(s), b = take(s), c = take(s);
	assert_int_equal(wr_slots_rest(s, a, 10), 0);
	assert_int_equal(wr_slots_rest(s, b, 10), 0);
	assert_int_equal(wr_slots_rest(s, c, 11), 0);
	/* nothing is given out before it was waited for */
	assert_int_equal(wr_slots_wake(s, 9), 0);
	assert_int_equal(take(s), c + 1);
	assert_int_equal(wr_slots_wake(s, 10), 0);
	uint32_t first = take(s), second = take(s);
	assert_true((first == a && second == b) || (first == b && second == a));
	assert_int_equal(take(s), c + 2);
	assert_int_equal(s->resting.n, 1);
	assert_int_equal(wr_slots_wake(s, 99), 0);
	assert_int_equal(s->resting.n, 0);
	assert_int_equal(take(s), c);
	assert_int_equal(take(s), c + 3);
}

static void test_slots_end(void **state)
{
	struct wr_slots *s = *state;
	uint32_t slot = 7;
	for (uint32_t i = WEIR_SLOT_FIRST; i < WR_SLOTS_MAX; i++)
		assert_int_equal(wr_slots_take(s, &slot), 0);
	assert_int_equal(slot, WR_SLOTS_MAX - 1);
	assert_int_equal(wr_slots_take(s, &slot), -E2BIG);
	assert_int_equal(slot, WR_SLOTS_MAX - 1);
	assert_int_equal(wr_slots_rest(s, 5, 1), 0);
	assert_int_equal(wr_slots_wake(s, 1), 0);
	assert_int_equal(take(s), 5);
}

static void test_holds(void **state)
{
	struct wr_slots *s = *state;
	struct wr_ip a = ip("10.0.0.1"), b = ip("10.0.0.2"), none = {0};
	uint32_t slot = take(s), free = take(s);
	s->ip[slot] = a;
	assert_true(wr_slots_holds(s, slot, &a));
	assert_false(wr_slots_holds(s, slot, &b));
	assert_false(wr_slots_holds(s, free, &none));
	assert_false(wr_slots_holds(s, WEIR_SLOT_WORLD4, &a));
	assert_false(wr_slots_holds(s, s->next, &a));
	assert_false(wr_slots_holds(s, WR_SLOT_NONE, &a));
	assert_int_equal(wr_slots_rest(s, slot, 1), 0);
	assert_false(wr_slots_holds(s, slot, &a));
}

static void test_load(void **state)
{
	struct wr_slots *s = *state;
	const struct wr_slot found[] = {
		host_entry("10.0.0.1", 5),     prefix_entry("10.0.0.0/8", 3),
		host_entry("10.0.0.2", 5),     host_entry("10.0.0.3", WR_SLOTS_MAX),
		host_entry("10.0.0.4", 1),     prefix_entry("0.0.0.0/0", 7),
		prefix_entry("11.0.0.0/8", 7),
	};
	assert_int_equal(wr_slots_load(s, found, sizeof(found) / sizeof(*found)), 0);
	struct wr_ip a = ip("10.0.0.1");
	assert_true(wr_slots_holds(s, 5, &a));
	assert_int_equal(s->kind[5], WR_NONE);
	/* of two with one slot the second is damaged */
	assert_int_equal(s->damaged.n, 3);
	assert_int_equal(s->prefixes.n, 3);
	assert_int_equal(s->prefixes.items[0].slot, 7);
	assert_int_equal(s->prefixes.items[1].slot, 3);
	assert_int_equal(s->prefixes.items[2].slot, WR_SLOT_NONE);
	assert_int_equal(take(s), 2);
	assert_int_equal(take(s), 4);
	assert_int_equal(take(s), 6);
	assert_int_equal(take(s), 8);
}

/* ---- prefixes ---- */

static const struct weir_identity world[2] = {{.class = 40}, {.class = 60}};

static struct wr_wanted want(const char *text, uint32_t class)
{
	return (struct wr_wanted){.key = prefix(text), .id = {.class = class}};
}

static uint32_t cover(const struct wr_plan *p, const char *text)
{
	struct wr_ip a = ip(text);
	return wr_plan_cover(p, &a);
}

static uint32_t class_of(const struct wr_plan *p, const char *text)
{
	struct wr_ip a = ip(text);
	return wr_plan_identity(p, &a).class;
}

static void test_plan(void **state)
{
	struct wr_slots *s = *state;
	const struct wr_slot found[] = {prefix_entry("10.0.0.0/8", 2),
					prefix_entry("10.1.0.0/16", 3),
					prefix_entry("10.1.2.0/24", 4)};
	/* the middle one goes, one inside the innermost comes, and one beside */
	const struct wr_wanted wanted[] = {want("10.0.0.0/8", 1), want("10.1.2.0/24", 2),
					   want("10.1.2.128/25", 3), want("10.2.0.0/16", 4)};
	struct wr_plan p;
	assert_int_equal(wr_slots_load(s, found, 3), 0);
	assert_int_equal(wr_plan_make(s, wanted, 4, world, NULL, 0, &p), 0);
	assert_int_equal(p.items.n, 5);
	/* before: as the loaded ones lie around it */
	assert_int_equal(cover(&p, "10.1.2.200"), 4);
	assert_int_equal(cover(&p, "10.1.2.1"), 4);
	assert_int_equal(cover(&p, "10.1.9.1"), 3);
	assert_int_equal(cover(&p, "10.2.0.1"), 2);
	assert_int_equal(cover(&p, "10.255.0.1"), 2);
	assert_int_equal(cover(&p, "11.0.0.1"), WEIR_SLOT_WORLD4);
	assert_int_equal(cover(&p, "0.0.0.1"), WEIR_SLOT_WORLD4);
	assert_int_equal(cover(&p, "fd00::1"), WEIR_SLOT_WORLD6);
	/* after: as the wanted ones do */
	assert_int_equal(class_of(&p, "10.1.2.200"), 3);
	assert_int_equal(class_of(&p, "10.1.2.1"), 2);
	assert_int_equal(class_of(&p, "10.1.9.1"), 1);
	assert_int_equal(class_of(&p, "10.2.0.1"), 4);
	assert_int_equal(class_of(&p, "11.0.0.1"), 40);
	assert_int_equal(class_of(&p, "fd00::1"), 60);
	struct wr_slot_list added = {0}, leaving = {0};
	assert_int_equal(wr_plan_added(&p, &added), 0);
	assert_int_equal(wr_plan_leaving(&p, &leaving), 0);
	assert_int_equal(added.n, 2);
	assert_int_equal(added.items[0].slot, 5);
	assert_int_equal(added.items[1].slot, 6);
	assert_int_equal(leaving.n, 1);
	assert_int_equal(leaving.items[0].slot, 3);
	assert_int_equal(wr_plan_commit(s, &p), 0);
	assert_int_equal(s->prefixes.n, 4);
	/* what goes is not free yet */
	assert_int_equal(take(s), 7);
	wr_vec_free(&added);
	wr_vec_free(&leaving);
	wr_plan_free(&p);
}

static void test_plan_unknown(void **state)
{
	struct wr_slots *s = *state;
	struct wr_cidr pods;
	assert_int_equal(wr_cidr_parse("10.1.0.0/16", &pods), 0);
	struct wr_wanted wanted[] = {want("10.0.0.0/8", 1), want("10.1.0.0/16", 0),
				     want("10.1.2.0/24", 2)};
	wanted[1].inherits = true;
	struct wr_plan p;
	assert_int_equal(wr_plan_make(s, wanted, 3, world, &pods, 1, &p), 0);
	struct wr_ip outer = ip("10.0.0.1"), range = ip("10.1.0.1"), inner = ip("10.1.2.3");
	assert_int_equal(wr_plan_identity(&p, &outer).flags, 0);
	assert_int_equal(wr_plan_identity(&p, &range).class, 1);
	assert_int_equal(wr_plan_identity(&p, &range).flags, WEIR_ADDR_UNKNOWN);
	assert_int_equal(wr_plan_identity(&p, &inner).class, 2);
	assert_int_equal(wr_plan_identity(&p, &inner).flags, WEIR_ADDR_UNKNOWN);
	wr_plan_free(&p);
}

/* A damaged entry that is wanted is added anew; one that is not goes without a slot. */
static void test_plan_damaged(void **state)
{
	struct wr_slots *s = *state;
	const struct wr_slot found[] = {prefix_entry("10.0.0.0/8", 0),
					prefix_entry("11.0.0.0/8", WR_SLOT_NONE)};
	const struct wr_wanted wanted = want("10.0.0.0/8", 1);
	struct wr_plan p;
	struct wr_slot_list added = {0}, leaving = {0};
	assert_int_equal(wr_slots_load(s, found, 2), 0);
	assert_int_equal(wr_plan_make(s, &wanted, 1, world, NULL, 0, &p), 0);
	assert_int_equal(wr_plan_added(&p, &added), 0);
	assert_int_equal(wr_plan_leaving(&p, &leaving), 0);
	assert_int_equal(added.n, 1);
	assert_int_equal(added.items[0].slot, WEIR_SLOT_FIRST);
	assert_int_equal(leaving.n, 1);
	assert_int_equal(leaving.items[0].slot, WR_SLOT_NONE);
	wr_vec_free(&added);
	wr_vec_free(&leaving);
	wr_plan_free(&p);
}

#define WITH_SLOTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SLOTS(test_take_in_order), WITH_SLOTS(test_a_slot_rests),
		WITH_SLOTS(test_slots_end),     WITH_SLOTS(test_holds),
		WITH_SLOTS(test_load),          WITH_SLOTS(test_plan),
		WITH_SLOTS(test_plan_unknown),  WITH_SLOTS(test_plan_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
