/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>

#include "apiserver/filter.h"

#define OBJECT                                                                      \
	"{'metadata':{'name':'n','namespace':'s','labels':{'app':'web','v':'12'}}," \
	"'spec':{'nodeName':'node-1'}}"

static void test_labels(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} rows[] = {
		{"", true},
		{"app=web", true},
		{"app==web", true},
		{"app=db", false},
		{"app!=db", true},
		{"app!=web", false},
		{"none!=x", true},
		{"app", true},
		{"!app", false},
		{"none", false},
		{"!none", true},
		{" app in ( web , db ) ", true},
		{"app in (db)", false},
		{"app notin (db)", true},
		{"app notin (web,db)", false},
		{"none notin (x)", true},
		{"none in (x)", false},
		{"app=web,v=12", true},
		{"app=web,v=13", false},
		{"v>11", true},
		{"v>12", false},
		{"v<13", true},
		{"app>1", false},
		{"app=", false},
		{"none=", false},
	};
	struct fixture *f = *state;
	const struct wr_value *o = json(f, OBJECT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_filter filter = {0};
		const char *why = "";
		if (wr_filter_parse(rows[i].text, NULL, f->t.arena, &filter, &why) < 0)
			fail_msg("'%s': %s", rows[i].text, why);
		if (wr_filter_matches(&filter, o) != rows[i].matches)
			fail_msg("'%s'", rows[i].text);
	}
}

static void test_fields(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} rows[] = {
		{"metadata.name=n", true},
		{"metadata.name=m", false},
		{"metadata.name!=m", true},
		{"spec.nodeName==node-1,metadata.namespace=s", true},
		{"spec.nodeName=", false},
		{"status.phase=", true},
		{"status.phase!=Running", true},
	};
	struct fixture *f = *state;
	const struct wr_value *o = json(f, OBJECT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_filter filter = {0};
		const char *why = "";
		assert_int_equal(wr_filter_parse(NULL, rows[i].text, f->t.arena, &filter, &why), 0);
		if (wr_filter_matches(&filter, o) != rows[i].matches)
			fail_msg("'%s'", rows[i].text);
	}
}

static void test_refused(void **state)
{
	static const char *const labels[] = {"=a",     ",",          "a,",  "a b",
					     "a in b", "a in (b",    "a=/", "a/b/c=d",
					     "!",      "a in (b c)", "a~b"};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct wr_filter filter = {0};
		const char *why = "";
		if (wr_filter_parse(labels[i], NULL, f->t.arena, &filter, &why) != -EINVAL || !*why)
			fail_msg("'%s' was taken", labels[i]);
	}
	struct wr_filter filter = {0};
	const char *why = "";
	assert_int_equal(wr_filter_parse(NULL, "name", f->t.arena, &filter, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_labels), TEST(test_fields),
					   TEST(test_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
