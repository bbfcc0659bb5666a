/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorization.k8s.io and authentication.k8s.io: whoever got in may do
 * everything and is the same person, and is told so.
 */
#include <string.h>

#include "apiserver/object.h"
#include "apiserver/verbs.h"

static struct wr_value *strings(struct wr_tree *t, const char *a, const char *b)
{
	struct wr_value *list = wr_tree_list(t);
	wr_tree_push(t, list, wr_tree_string(t, a));
	if (b)
		wr_tree_push(t, list, wr_tree_string(t, b));
	return list;
}

static void allowed(struct wr_tree *t, struct wr_value *status)
{
	wr_tree_set(t, status, "allowed", wr_tree_bool(t, true));
	wr_tree_set_string(t, status, "reason",
			   "everybody who has the credentials may do everything");
}

static void rules(struct wr_tree *t, struct wr_value *status)
{
	struct wr_value *all = wr_tree_map(t), *urls = wr_tree_map(t);
	struct wr_value *resources = wr_tree_list(t), *others = wr_tree_list(t);
	wr_tree_set(t, all, "verbs", strings(t, "*", NULL));
	wr_tree_set(t, all, "apiGroups", strings(t, "*", NULL));
	wr_tree_set(t, all, "resources", strings(t, "*", NULL));
	wr_tree_push(t, resources, all);
	wr_tree_set(t, urls, "verbs", strings(t, "*", NULL));
	wr_tree_set(t, urls, "nonResourceURLs", strings(t, "*", NULL));
	wr_tree_push(t, others, urls);
	wr_tree_set(t, status, "resourceRules", resources);
	wr_tree_set(t, status, "nonResourceRules", others);
	wr_tree_set(t, status, "incomplete", wr_tree_bool(t, false));
}

static void who(struct wr_tree *t, struct wr_value *status)
{
	struct wr_value *info = wr_tree_want_map(t, status, "userInfo");
	wr_tree_set_string(t, info, "username", "weir-admin");
	wr_tree_set(t, info, "groups", strings(t, "system:masters", "system:authenticated"));
}

static const struct {
	const char *group, *plural, *kind;
	void (*fill)(struct wr_tree *t, struct wr_value *status);
} reviews[] = {
	{"authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", allowed},
	{"authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", rules},
	{"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", who},
};
#define N_REVIEWS (sizeof(reviews) / sizeof(reviews[0]))

bool wr_review(struct wr_call *c, const char *group)
{
	struct wr_tree *t = &c->t;
	size_t i = 0;
	if (c->n_parts != 4 || strcmp(c->parts[2], "v1") != 0 || strcmp(c->q->method, "POST") != 0)
		return false;
	while (i < N_REVIEWS && (strcmp(reviews[i].group, group) != 0 ||
				 strcmp(reviews[i].plural, c->parts[3]) != 0))
		i++;
	if (i == N_REVIEWS)
		return false;
	struct wr_value *o = wr_object_read(c), *status = wr_tree_map(t);
	if (!o)
		return true;
	reviews[i].fill(t, status);
	wr_tree_set(t, o, "status", status);
	wr_tree_want_map(t, o, "metadata");
	wr_tree_set_string(t, o, "kind", reviews[i].kind);
	wr_tree_set(t, o, "apiVersion", wr_tree_printf(t, "%s/v1", group));
	wr_answer(c, 201, o);
	return true;
}
