/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

#include "api/check.h"
#include "api/fields.h"

#define ANNOTATIONS_MAX (256 << 10) /* bytes of keys and values, as the API server has it */

static const char *const meta_fields[] = {
	"name",
	"namespace",
	"labels",
	"annotations",
	"generateName",
	"uid",
	"resourceVersion",
	"generation",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"selfLink",
	"ownerReferences",
	"finalizers",
	"managedFields",
	NULL,
};
static const struct wr_misplaced meta_misplaced[] = {
	{"podSelector", "it belongs under spec"},
	{"ingress", "it belongs under spec"},
	{"egress", "it belongs under spec"},
	{"policyTypes", "it belongs under spec"},
	{"spec", "it stands beside metadata, at the same depth"},
	{"matchLabels", "metadata has labels; matchLabels belongs to a selector"},
	{NULL, NULL},
};
static const struct wr_shape meta_shape = {meta_fields, meta_misplaced};

static const char *const owner_fields[] = {
	"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion", NULL,
};
static const struct wr_shape owner_shape = {owner_fields, NULL};

/* The first owner that is a controller; what is odd about the others is not looked at. */
static void find_owner(const struct wr_value *meta, struct wr_meta *out)
{
	const struct wr_value *owners = wr_value_get(meta, "ownerReferences");
	for (size_t i = 0; owners && owners->type == WR_LIST && i < owners->n; i++) {
		const struct wr_value *flag = wr_value_get(owners->items[i], "controller");
		const struct wr_value *kind = wr_value_get(owners->items[i], "kind");
		const struct wr_value *name = wr_value_get(owners->items[i], "name");
		if (!flag || flag->type != WR_BOOL || !flag->boolean || !kind || !name ||
		    kind->type != WR_STRING || name->type != WR_STRING)
			continue;
		out->owner_kind = kind->text;
		out->owner_name = name->text;
		return;
	}
}

static bool is_namespaced(enum wr_kind kind)
{
	return kind != WR_KIND_NAMESPACE && kind != WR_KIND_NODE &&
	       !wr_kind_is_cluster_policy(kind);
}

/* What all kinds need of their metadata; returns the map, or NULL. */
static const struct wr_value *read_meta(struct wr_decoder *d, const struct wr_path *path,
					const struct wr_value *v, struct wr_object *o)
{
	const struct wr_value *m = wr_dec_map(d, path, wr_value_get(v, "metadata"));
	struct wr_path at_name = WR_KEY(path, "name"), at_gen = WR_KEY(path, "generateName"),
		       at_ns = WR_KEY(path, "namespace"), at_labels = WR_KEY(path, "labels");
	const struct wr_value *name = wr_value_get(m, "name"), *uid = wr_value_get(m, "uid");
	const char *text = wr_dec_string(d, &at_name, name);
	const char *generate = wr_dec_string(d, &at_gen, wr_value_get(m, "generateName"));
	const char *ns = wr_dec_string(d, &at_ns, wr_value_get(m, "namespace"));
	o->meta.mark = wr_dec_absent(name) ? o->mark : name->mark;
	o->meta.name = text && *text ? text : generate ? generate : "";
	if (is_namespaced(o->kind))
		o->meta.ns = ns && *ns ? ns : "default";
	o->meta.uid = uid && uid->type == WR_STRING ? uid->text : NULL;
	wr_dec_labels(d, &at_labels, wr_value_get(m, "labels"), &o->meta.labels, &o->meta.n_labels);
	find_owner(m, &o->meta);
	return m;
}

void wr_dec_meta(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path path = WR_KEY(NULL, "metadata"), at_name = WR_KEY(&path, "name");
	bool failed = d->failed;
	d->failed = false;
	read_meta(d, &path, v, o);
	if (!*o->meta.name && !d->failed)
		wr_dec_error(d, o->mark, &at_name, "%s must have a name", wr_kind_name(o->kind));
	d->failed |= failed;
}

static void check_name(struct wr_decoder *d, const struct wr_path *path,
		       const struct wr_value *name)
{
	size_t before = wr_diags_total(d->diags, WR_ERROR);
	wr_dec_check(d, name->mark, path, name->text, wr_check_dns_subdomain);
	if (wr_diags_total(d->diags, WR_ERROR) > before)
		wr_diag_advise(d->diags, "write small letters, digits, '-' and '.' only");
}

static size_t check_annotation_key(const char *key, const char **msgs)
{
	/* case does not matter in an annotation's prefix */
	char small[512];
	size_t n = strnlen(key, sizeof(small) - 1);
	for (size_t i = 0; i < n; i++)
		small[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] - 'A' + 'a' : key[i]);
	small[n] = '\0';
	return wr_check_label_key(small, msgs);
}

static void check_annotations(struct wr_decoder *d, const struct wr_path *path,
			      const struct wr_value *v)
{
	v = wr_dec_map(d, path, v);
	if (!v)
		return;
	size_t total = 0;
	wr_dec_duplicates(d, path, v);
	for (size_t i = 0; i < v->n; i++) {
		struct wr_path at = WR_KEY(path, v->fields[i].key);
		const char *text = wr_dec_string(d, &at, v->fields[i].value);
		wr_dec_check(d, v->fields[i].mark, path, v->fields[i].key, check_annotation_key);
		total += strlen(v->fields[i].key) + (text ? strlen(text) : 0);
	}
	if (total > ANNOTATIONS_MAX)
		wr_dec_error(d, v->mark, path, "Too long: may not be more than %d bytes",
			     ANNOTATIONS_MAX);
}

static void check_owner(struct wr_decoder *d, const struct wr_path *path,
			const struct wr_path *owners, const struct wr_value *v)
{
	static const char *const texts[] = {"apiVersion", "kind", "name", "uid"};
	static const char *const flags[] = {"controller", "blockOwnerDeletion"};
	if (!wr_dec_map(d, path, v))
		return;
	wr_dec_fields(d, path, v, &owner_shape);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct wr_value *field = wr_value_get(v, texts[i]);
		struct wr_path at = WR_KEY(path, texts[i]), shown = WR_KEY(owners, texts[i]);
		const char *text = wr_dec_string(d, &at, field);
		if (wr_dec_absent(field) || (text && !*text))
			wr_dec_invalid(d, field ? field->mark : v->mark, &shown, "",
				       i ? "must not be empty" : "version must not be empty");
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct wr_path at = WR_KEY(path, flags[i]);
		bool unused;
		wr_dec_bool(d, &at, wr_value_get(v, flags[i]), &unused);
	}
}

static void check_finalizers(struct wr_decoder *d, const struct wr_path *path,
			     const struct wr_value *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		const char *text = wr_dec_string(d, &at, list->items[i]);
		if (text)
			wr_dec_check(d, list->items[i]->mark, path, text, wr_check_label_key);
	}
	for (size_t i = 0; i < list->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		const struct wr_value *v = list->items[i];
		if (v->type != WR_STRING || strchr(v->text, '/') ||
		    !strcmp(v->text, "kubernetes") || !strcmp(v->text, "orphan") ||
		    !strcmp(v->text, "foregroundDeletion"))
			continue;
		wr_dec_invalid(d, v->mark, &at, v->text,
			       "name is neither a standard finalizer name nor is it fully "
			       "qualified");
	}
}

/* Fields that the server sets: known, typed, and otherwise not looked at. */
static void check_server_fields(struct wr_decoder *d, const struct wr_path *path,
				const struct wr_value *m)
{
	static const char *const texts[] = {"uid", "resourceVersion", "selfLink",
					    "creationTimestamp", "deletionTimestamp"};
	static const char *const numbers[] = {"generation", "deletionGracePeriodSeconds"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct wr_path at = WR_KEY(path, texts[i]);
		wr_dec_string(d, &at, wr_value_get(m, texts[i]));
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct wr_path at = WR_KEY(path, numbers[i]);
		int64_t unused;
		wr_dec_int(d, &at, wr_value_get(m, numbers[i]), INT64_MIN, INT64_MAX, &unused);
	}
	struct wr_path managed = WR_KEY(path, "managedFields");
	wr_dec_list(d, &managed, wr_value_get(m, "managedFields"));
}

/* A generated name gets letters after its last "-"; the check looks at the name so made. */
static void check_generate_name(struct wr_decoder *d, const struct wr_path *path,
				const struct wr_value *v)
{
	size_t n = strlen(v->text);
	char *made = wr_dec_array(d, n + 1, 1);
	if (!made)
		return;
	memcpy(made, v->text, n);
	if (n > 1 && made[n - 1] == '-')
		made[n - 1] = 'a';
	const char *msgs[WR_CHECK_MAX];
	size_t count = wr_check_dns_subdomain(made, msgs);
	for (size_t i = 0; i < count; i++)
		wr_dec_invalid(d, v->mark, path, v->text, msgs[i]);
}

static void check_names(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *m,
			const struct wr_object *o)
{
	struct wr_path at_name = WR_KEY(path, "name"), at_gen = WR_KEY(path, "generateName"),
		       at_ns = WR_KEY(path, "namespace");
	const struct wr_value *generate = wr_value_get(m, "generateName");
	const struct wr_value *name = wr_value_get(m, "name"), *ns = wr_value_get(m, "namespace");
	bool generated = generate && generate->type == WR_STRING && *generate->text;
	if (generated)
		check_generate_name(d, &at_gen, generate);
	if (name && name->type == WR_STRING && *name->text)
		check_name(d, &at_name, name);
	else if (!generated && (wr_dec_absent(name) || name->type == WR_STRING))
		wr_dec_required(d, o->meta.mark, &at_name, "name or generateName is required");
	if (ns && ns->type == WR_STRING && *ns->text)
		wr_dec_check(d, ns->mark, &at_ns, ns->text, wr_check_dns_label);
}

void wr_dec_meta_strict(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path path = WR_KEY(NULL, "metadata"), at_labels = WR_KEY(&path, "labels"),
		       at_notes = WR_KEY(&path, "annotations"),
		       at_owners = WR_KEY(&path, "ownerReferences"),
		       at_final = WR_KEY(&path, "finalizers");
	const struct wr_value *m = read_meta(d, &path, v, o);
	if (m) {
		wr_dec_fields(d, &path, m, &meta_shape);
		check_server_fields(d, &path, m);
	}
	if (m || wr_dec_absent(wr_value_get(v, "metadata")))
		check_names(d, &path, m, o);
	const struct wr_value *labels = wr_value_get(m, "labels");
	if (labels && labels->type == WR_MAP)
		wr_dec_duplicates(d, &at_labels, labels);
	for (size_t i = 0; i < o->meta.n_labels; i++) {
		const struct wr_label *l = &o->meta.labels[i];
		wr_dec_check(d, l->mark, &at_labels, l->key, wr_check_label_key);
		wr_dec_check(d, l->mark, &at_labels, l->value, wr_check_label_value);
	}
	check_annotations(d, &at_notes, wr_value_get(m, "annotations"));
	const struct wr_value *owners = wr_dec_list(d, &at_owners,
						    wr_value_get(m, "ownerReferences"));
	for (size_t i = 0; owners && i < owners->n; i++) {
		struct wr_path at = WR_INDEX(&at_owners, i);
		check_owner(d, &at, &at_owners, owners->items[i]);
	}
	const struct wr_value *final = wr_dec_list(d, &at_final, wr_value_get(m, "finalizers"));
	if (final)
		check_finalizers(d, &at_final, final);
}
