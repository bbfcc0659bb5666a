/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/patch.h"

#include <errno.h>
#include <string.h>

#include "apiserver/apply.h"
#include "apiserver/verbs.h"
#include "apiserver/write.h"

enum how { JSON, MERGE, STRATEGIC, APPLY, NONE };

static enum how how_of(const struct wr_call *c)
{
	static const char *const types[] = {
		[JSON] = "application/json-patch+json",
		[MERGE] = "application/merge-patch+json",
		[STRATEGIC] = "application/strategic-merge-patch+json",
		[APPLY] = "application/apply-patch+yaml",
	};
	const char *type = c->q->content_type ? c->q->content_type : "";
	size_t n = strcspn(type, "; ");
	for (int i = 0; i < NONE; i++)
		if (n == strlen(types[i]) && !strncmp(type, types[i], n))
			return (enum how)i;
	return NONE;
}

static int unsupported(struct wr_call *c)
{
	return wr_refuse(c, WR_UNSUPPORTED_MEDIA,
			 "the body of the request was in an unknown format - accepted media types "
			 "include: application/json-patch+json, application/merge-patch+json, "
			 "application/strategic-merge-patch+json, application/apply-patch+yaml");
}

/* The body of a JSON patch is a list, which wr_object_read() would refuse. */
static struct wr_value *read_patch(struct wr_call *c, enum how how)
{
	struct wr_value *v = NULL;
	if (how != JSON)
		return wr_object_read(c);
	if (wr_call_parse_body(c, &v) < 0)
		return NULL;
	return v;
}

static struct wr_value *patched(struct wr_call *c, enum how how, struct wr_value *o,
				struct wr_value *patch)
{
	struct wr_value *out = NULL;
	const char *why = "";
	int rc = 0;
	if (how == MERGE)
		out = wr_patch_merge(&c->t, o, patch);
	else if (how == JSON)
		rc = wr_patch_json(&c->t, o, patch, &out, &why);
	else
		rc = wr_patch_strategic(&c->t, c->kind, o, patch, &out, &why);
	if (rc == 0 && out && out->type == WR_MAP)
		return out;
	if (how == JSON)
		wr_refuse(c, WR_INVALID,
			  "the server rejected our request due to an error in our request: %s",
			  why);
	else
		wr_refuse(c, WR_BAD_REQUEST, "the patch cannot be applied: %s", why);
	return NULL;
}

static void patch_scale(struct wr_call *c, enum how how, const struct wr_blob *blob)
{
	struct wr_value *o = wr_call_parse(c, blob), *old = wr_call_parse(c, blob);
	struct wr_value *scale = wr_tree_map(&c->t), *patch = read_patch(c, how);
	struct wr_value *spec = wr_tree_want_map(&c->t, scale, "spec");
	wr_tree_set(&c->t, spec, "replicas",
		    wr_tree_int(&c->t, wr_tree_number(o, "spec.replicas", 1)));
	scale = patch ? patched(c, how == STRATEGIC ? MERGE : how, scale, patch) : NULL;
	if (!scale || !o || !old)
		return;
	wr_tree_set(&c->t, wr_tree_want_map(&c->t, o, "spec"), "replicas",
		    wr_tree_int(&c->t, wr_tree_number(scale, "spec.replicas", 0)));
	wr_write_changed(c, o, old, blob, WR_VALIDATION_IGNORE);
}

void wr_verb_patch(struct wr_call *c)
{
	enum how how = how_of(c);
	enum wr_validation validation;
	if (how == NONE || (how == STRATEGIC && c->r->custom)) {
		unsupported(c);
		return;
	}
	if (wr_object_validation(c, &validation) < 0)
		return;
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind,
						  wr_call_key(c, c->ns, c->name));
	if (how == APPLY) {
		wr_apply(c, blob, validation);
		return;
	}
	if (!blob) {
		wr_refuse_not_found(c, c->name);
		return;
	}
	if (!strcmp(c->sub, "scale")) {
		patch_scale(c, how, blob);
		return;
	}
	struct wr_value *patch = read_patch(c, how);
	struct wr_value *o = wr_call_parse(c, blob), *old = wr_call_parse(c, blob);
	if (!patch || !o || !old)
		return;
	/* a version that the patch sets, and that is not the stored one, is a conflict */
	o = patched(c, how, o, patch);
	if (o && wr_object_address(c, o) == 0)
		wr_write_changed(c, o, old, blob, validation);
}
