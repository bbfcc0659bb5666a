/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>

#include "apiserver/patch.h"

/* The examples of RFC 7386, appendix A, and a few more. */
static void test_merge(void **state)
{
	static const char *const rows[][3] = {
		{"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
		{"{'a':'b'}", "{'a':null}", "{}"},
		{"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
		{"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
		{"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
		{"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
		{"['a','b']", "['c','d']", "['c','d']"},
		{"{'a':'b'}", "['c']", "['c']"},
		{"{'a':'foo'}", "null", "null"},
		{"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
		{"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
		{"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		same(f, wr_patch_merge(&f->t, json(f, rows[i][0]), json(f, rows[i][1])),
		     rows[i][2]);
}

/* The third column NULL: it fails. */
static void test_json(void **state)
{
	static const char *const rows[][3] = {
		{"{}", "[{'op':'add','path':'/a','value':1}]", "{'a':1}"},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/1','value':9}]", "{'a':[1,9,2]}"},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/-','value':9}]", "{'a':[1,2,9]}"},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/2','value':9}]", "{'a':[1,2,9]}"},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/3','value':9}]", NULL},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/01','value':9}]", NULL},
		{"{'a':[1,2]}", "[{'op':'add','path':'/a/x','value':9}]", NULL},
		{"{}", "[{'op':'add','path':'/a/b','value':1}]", NULL},
		{"{'a':1}", "[{'op':'add','path':'/a/b','value':1}]", NULL},
		{"{'a':1}", "[{'op':'add','path':'a','value':1}]", NULL},
		{"{'a':1}", "[{'op':'add','path':'','value':{'b':2}}]", "{'b':2}"},
		{"{'a':1,'b':2}", "[{'op':'remove','path':'/a'}]", "{'b':2}"},
		{"{'a':[1,2,3]}", "[{'op':'remove','path':'/a/1'}]", "{'a':[1,3]}"},
		{"{'a':[1]}", "[{'op':'remove','path':'/a/1'}]", NULL},
		{"{'a':[1]}", "[{'op':'remove','path':'/b'}]", NULL},
		{"{'a':[1]}", "[{'op':'remove','path':''}]", NULL},
		{"{'a':1}", "[{'op':'replace','path':'/a','value':[]}]", "{'a':[]}"},
		{"{'a':1}", "[{'op':'replace','path':'/b','value':[]}]", NULL},
		{"{'a':[1,2]}", "[{'op':'replace','path':'/a/1','value':3}]", "{'a':[1,3]}"},
		{"{'a':{'x':1}}", "[{'op':'move','from':'/a/x','path':'/b'}]", "{'a':{},'b':1}"},
		{"{'a':{'x':1}}", "[{'op':'move','from':'/a','path':'/a/b'}]", NULL},
		{"{'a':[1,2]}", "[{'op':'move','from':'/a/0','path':'/a/1'}]", "{'a':[2,1]}"},
		{"{'a':[1]}",
		 "[{'op':'copy','from':'/a','path':'/b'},{'op':'add','path':'/b/-','value':2}]",
		 "{'a':[1],'b':[1,2]}"},
		{"{'a':1}", "[{'op':'test','path':'/a','value':1.0}]", "{'a':1}"},
		{"{'a':1}", "[{'op':'test','path':'/a','value':'1'}]", NULL},
		{"{'a/b':1,'m~n':2}",
		 "[{'op':'remove','path':'/a~1b'},{'op':'remove','path':'/m~0n'}]", "{}"},
		{"{'a':1}", "[{'op':'what','path':'/a','value':1}]", NULL},
		{"{'a':1}", "[{'op':'add','path':'/b'}]", NULL},
		{"{'a':1}", "[{'op':'copy','path':'/b'}]", NULL},
		{"{'a':1}", "[{'path':'/b'}]", NULL},
		{"{'a':1}", "[1]", NULL},
		{"{'a':1}", "{'op':'remove','path':'/a'}", NULL},
		{"{'a':1}", "[]", "{'a':1}"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_value *out = NULL;
		const char *why = NULL;
		int rc = wr_patch_json(&f->t, json(f, rows[i][0]), json(f, rows[i][1]), &out, &why);
		if (rc != (rows[i][2] ? 0 : -EINVAL))
			fail_msg("%s on %s: %d %s", rows[i][1], rows[i][0], rc, why ? why : "");
		if (rows[i][2])
			same(f, out, rows[i][2]);
		else
			assert_true(why && *why);
	}
}

/* Copies that double each time are stopped. */
static void test_json_growth(void **state)
{
	struct fixture *f = *state;
	struct wr_value *ops = wr_tree_list(&f->t), *out = NULL;
	const char *why = NULL;
	for (int i = 0; i < 60; i++)
		wr_tree_push(&f->t, ops, json(f, "{'op':'copy','from':'/a','path':'/a/-'}"));
	assert_int_equal(wr_patch_json(&f->t, json(f, "{'a':[1,2,3]}"), ops, &out, &why), -EINVAL);
	assert_non_null(strstr(why, "too large"));
}

static void test_strategic(void **state)
{
#define POD(list) "{'spec':{'containers':" list "}}"
	static const char *const rows[][3] = {
		/* by name */
		{POD("[{'name':'a','image':'1'},{'name':'b'}]"), POD("[{'name':'a','image':'2'}]"),
		 POD("[{'name':'a','image':'2'},{'name':'b'}]")},
		{POD("[{'name':'a'}]"), POD("[{'name':'b'}]"), POD("[{'name':'a'},{'name':'b'}]")},
		{POD("[{'name':'a'},{'name':'b'}]"), POD("[{'name':'a','$patch':'delete'}]"),
		 POD("[{'name':'b'}]")},
		{POD("[{'name':'a'},{'name':'b'}]"), POD("[{'name':'c'},{'$patch':'replace'}]"),
		 POD("[{'name':'c'}]")},
		{POD("[{'name':'a'}]"), POD("[{'image':'x'}]"), NULL},
		/* ports of a container by containerPort */
		{POD("[{'name':'a','ports':[{'containerPort':80,'name':'x'}]}]"),
		 POD("[{'name':'a','ports':[{'containerPort':80,'name':'y'},{'containerPort':81}]}"
		     "]"),
		 POD("[{'name':'a','ports':[{'containerPort':80,'name':'y'},{'containerPort':81}]}"
		     "]")},
		/* lists without a key are replaced */
		{POD("[{'name':'a','args':['1','2']}]"), POD("[{'name':'a','args':['3']}]"),
		 POD("[{'name':'a','args':['3']}]")},
		/* sets */
		{"{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
		 "{'metadata':{'finalizers':['a','b','c']}}"},
		{"{'metadata':{'finalizers':['a','b']}}",
		 "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a']}}",
		 "{'metadata':{'finalizers':['b']}}"},
		/* order */
		{POD("[{'name':'a'},{'name':'x'},{'name':'b'}]"),
		 "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}}",
		 POD("[{'name':'b'},{'name':'x'},{'name':'a'}]")},
		/* maps */
		{"{'spec':{'a':1,'b':{'c':1}}}",
		 "{'spec':{'a':null,'b':{'$patch':'replace','d':2}}}", "{'spec':{'b':{'d':2}}}"},
		{"{'spec':{'a':1,'b':{'c':1}}}", "{'spec':{'b':{'$patch':'delete'}}}",
		 "{'spec':{'a':1}}"},
		{"{'spec':{'a':1,'b':2}}", "{'spec':{'$retainKeys':['b','c'],'c':3}}",
		 "{'spec':{'b':2,'c':3}}"},
		{"{'spec':{}}", "{'spec':{'n':{'x':null,'y':[{'$patch':'delete','name':'a'}]}}}",
		 "{'spec':{'n':{'y':[]}}}"},
		{"{'spec':{}}", "{'spec':{'$patch':'odd'}}", NULL},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_value *out = NULL;
		const char *why = NULL;
		int rc = wr_patch_strategic(&f->t, WR_AS_PODS, json(f, rows[i][0]),
					    json(f, rows[i][1]), &out, &why);
		if (rc != (rows[i][2] ? 0 : -EINVAL))
			fail_msg("%s: %d %s", rows[i][1], rc, why ? why : "");
		if (rows[i][2])
			same(f, out, rows[i][2]);
	}
}

/* The same list is atomic where its kind has no merge key. */
static void test_strategic_of_policies(void **state)
{
	struct fixture *f = *state;
	struct wr_value *out = NULL;
	const char *why = NULL;
	assert_int_equal(
		wr_patch_strategic(&f->t, WR_AS_NETWORKPOLICIES,
				   json(f, "{'spec':{'ingress':[{'ports':[{'port':1}]},{}]}}"),
				   json(f, "{'spec':{'ingress':[{}]}}"), &out, &why),
		0);
	same(f, out, "{'spec':{'ingress':[{}]}}");
	assert_int_equal(wr_patch_strategic(&f->t, WR_AS_SERVICES,
					    json(f, "{'spec':{'ports':[{'port':1,'name':'a'}]}}"),
					    json(f, "{'spec':{'ports':[{'port':1,'x':2}]}}"), &out,
					    &why),
			 0);
	same(f, out, "{'spec':{'ports':[{'port':1,'name':'a','x':2}]}}");
}

/* What is written is JSON, whatever the bytes are. */
static void test_strings(void **state)
{
	static const char *const rows[][2] = {
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"<&>\n\x01\x7f", "\"\\u003c\\u0026\\u003e\\n\\u0001\\u007f\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"x\xff\xc3", "\"x\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wr_buf_free(&f->text);
		wr_answer_string(&f->text, rows[i][0]);
		assert_string_equal(f->text.data, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge),   TEST(test_json),      TEST(test_json_growth),
		TEST(test_strings), TEST(test_strategic), TEST(test_strategic_of_policies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
