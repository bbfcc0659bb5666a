/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "apiserver/field_sets.h"

static void test_set_of_an_object(void **state)
{
	struct fixture *f = *state;
	same(f,
	     wr_fields_of(&f->t, WR_AS_PODS,
			  json(f,
			       "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','uid':'u',"
			       "'labels':{'x':'y'}},'spec':{'containers':[{'name':'c','ports':"
			       "[{'containerPort':80}],'args':['a','b']}],'nodeName':'n'}}")),
	     "{'f:metadata':{'f:labels':{'.':{},'f:x':{}}},'f:spec':{'f:containers':{'.':{},"
	     "'k:{\\'name\\':\\'c\\'}':{'.':{},'f:name':{},'f:args':{},'f:ports':{'.':{},"
	     "'k:{\\'containerPort\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:containerPort':{}}}}"
	     "},"
	     "'f:nodeName':{}}}");
	same(f,
	     wr_fields_of(&f->t, WR_AS_NETWORKPOLICIES,
			  json(f, "{'metadata':{'name':'a'},'spec':{'podSelector':{'matchLabels':"
				  "{'a':'b'}},'ingress':[{}]}}")),
	     "{'f:spec':{'f:podSelector':{},'f:ingress':{}}}");
}

static void test_differences(void **state)
{
	static const char a[] = "{'metadata':{'labels':{'x':'1','y':'2'}},'spec':{'ingress':[{}],"
				"'policyTypes':['Ingress']}}";
	static const char b[] = "{'metadata':{'labels':{'x':'1','z':'3'}},'spec':{'ingress':[],"
				"'policyTypes':['Ingress']}}";
	struct fixture *f = *state;
	same(f, wr_fields_changed(&f->t, WR_AS_NETWORKPOLICIES, json(f, a), json(f, b)),
	     "{'f:metadata':{'f:labels':{'f:z':{}}},'f:spec':{'f:ingress':{}}}");
	same(f, wr_fields_removed(&f->t, WR_AS_NETWORKPOLICIES, json(f, a), json(f, b)),
	     "{'f:metadata':{'f:labels':{'f:y':{}}}}");
	same(f, wr_fields_changed(&f->t, WR_AS_NETWORKPOLICIES, json(f, a), json(f, a)), "{}");
}

static void test_algebra(void **state)
{
	struct fixture *f = *state;
	struct wr_value *a = json(f, "{'f:a':{'.':{},'f:x':{},'f:y':{}},'f:b':{}}");
	wr_fields_subtract(a, json(f, "{'f:a':{'f:x':{}},'f:c':{}}"));
	same(f, a, "{'f:a':{'.':{},'f:y':{}},'f:b':{}}");
	wr_fields_subtract(a, json(f, "{'f:a':{'.':{},'f:y':{}}}"));
	same(f, a, "{'f:b':{}}");
	wr_fields_add(&f->t, a, json(f, "{'f:b':{'f:z':{}},'f:d':{}}"));
	same(f, a, "{'f:b':{'.':{},'f:z':{}},'f:d':{}}");
	same(f, wr_fields_common(&f->t, a, json(f, "{'f:b':{'f:z':{},'f:q':{}},'f:e':{}}")),
	     "{'f:b':{'f:z':{}}}");
}

static void test_prune_and_merge(void **state)
{
	struct fixture *f = *state;
	struct wr_value *o = json(f,
				  "{'spec':{'containers':[{'name':'a','image':'1'},{'name':'b'}],"
				  "'x':{'y':1}},'metadata':{'labels':{'l':'m'}}}");
	wr_fields_prune(WR_AS_PODS, o,
			json(f, "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'b\\'}':{'.':{}},"
				"'k:{\\'name\\':\\'a\\'}':{'f:image':{}}},'f:x':{'f:y':{}}},"
				"'f:metadata':{'f:labels':{'.':{},'f:l':{}}}}"));
	same(f, o, "{'spec':{'containers':[{'name':'a'}],'x':{}},'metadata':{}}");
	o = wr_fields_merge(
		&f->t, WR_AS_PODS, o,
		json(f, "{'spec':{'containers':[{'name':'c'},{'name':'a','image':'2'}]}}"));
	same(f,
	     o, "{'spec':{'containers':[{'name':'a','image':'2'},{'name':'c'}],'x':{}},'metadata':{}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_set_of_an_object), TEST(test_differences),
					   TEST(test_algebra), TEST(test_prune_and_merge)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
