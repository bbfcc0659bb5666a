/* SPDX-License-Identifier: Apache-2.0 */
/* authorization.k8s.io: whoever got in may do everything, and is told so. */
#include <string.h>

#include "apiserver/object.h"
#include "apiserver/verbs.h"

bool wr_review(struct wr_call *c, const char *group)
{
	struct wr_tree *t = &c->t;
	if (strcmp(group, "authorization.k8s.io") != 0 || c->n_parts != 4 ||
	    strcmp(c->parts[3], "selfsubjectaccessreviews") != 0 ||
	    strcmp(c->q->method, "POST") != 0)
		return false;
	struct wr_value *o = wr_object_read(c), *status = wr_tree_map(t);
	if (!o)
		return true;
	wr_tree_set(t, status, "allowed", wr_tree_bool(t, true));
	wr_tree_set_string(t, status, "reason",
			   "everybody who has the credentials may do everything");
	wr_tree_set(t, o, "status", status);
	wr_tree_want_map(t, o, "metadata");
	wr_tree_set_string(t, o, "kind", "SelfSubjectAccessReview");
	wr_tree_set_string(t, o, "apiVersion", "authorization.k8s.io/v1");
	wr_answer(c, 201, o);
	return true;
}
