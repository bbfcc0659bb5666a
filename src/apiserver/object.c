/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "api/check.h"
#include "api/decode.h"
#include "apiserver/definition.h"
#include "apiserver/protobuf.h"
#include "base/cleanup.h"
#include "input/input.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(input, struct wr_input *, wr_input_free)

int wr_object_validation(struct wr_call *c, enum wr_validation *out)
{
	const char *v = wr_query(c, "fieldValidation");
	if (!v || !*v || !strcmp(v, "Warn"))
		*out = WR_VALIDATION_WARN;
	else if (!strcmp(v, "Ignore"))
		*out = WR_VALIDATION_IGNORE;
	else if (!strcmp(v, "Strict"))
		*out = WR_VALIDATION_STRICT;
	else
		return wr_refuse(c, WR_INVALID,
				 "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: "
				 "Unsupported value: \"%s\": supported values: \"Ignore\", "
				 "\"Strict\", \"Warn\"",
				 v);
	return 0;
}

/* ---- reading ---- */

static struct wr_value *read_yaml(struct wr_call *c)
{
	WR_CLEANUP(input)
	struct wr_input *in = wr_input_new(NULL);
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	c->t.nomem |= !in || !diags;
	if (!in || !diags)
		return NULL;
	int rc = wr_input_bytes(in, "body", 1, c->q->body, c->q->size, diags);
	if (rc < 0 || wr_input_count(in) != 1) {
		wr_refuse(c, WR_BAD_REQUEST, "error converting YAML to JSON: %s",
			  wr_diags_count(diags) ? wr_diags_at(diags, 0)->message
						: "one document is expected");
		return NULL;
	}
	/* the input's memory ends here */
	return wr_tree_copy(&c->t, wr_input_at(in, 0)->root);
}

struct wr_value *wr_object_read(struct wr_call *c)
{
	struct wr_value *v = NULL;
	const char *type = c->q->content_type;
	if (type && strstr(type, "yaml")) {
		v = read_yaml(c);
	} else if (type && strstr(type, "protobuf")) {
		if (wr_protobuf_read(&c->t, c->q->body, c->q->size, &v) < 0)
			wr_refuse(
				c, WR_UNSUPPORTED_MEDIA,
				"the body of the request was in an unknown format - accepted media "
				"types include: application/json, application/yaml");
	} else if (wr_call_parse_body(c, &v) < 0) {
		return NULL;
	}
	if (v && v->type != WR_MAP && !c->answered) {
		wr_refuse(c, WR_BAD_REQUEST, "the body is a %s, and an object was expected",
			  wr_type_name(v->type));
		return NULL;
	}
	return v;
}

static int wrong_type(struct wr_call *c, const char *kind, const char *api)
{
	char want[WR_RESOURCE_TEXT];
	wr_resource_api(c->r, want);
	if (strcmp(api, want) != 0)
		return wr_refuse(c, WR_BAD_REQUEST,
				 "the API version in the data (%s) does not match the expected API "
				 "version (%s)",
				 api, want);
	return wr_refuse(c, WR_BAD_REQUEST,
			 "%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is "
			 "registered for version \"%s\" in scheme "
			 "\"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
			 kind, c->r->version, c->r->kind, kind, want);
}

static int check_type(struct wr_call *c, struct wr_value *o)
{
	char want[WR_RESOURCE_TEXT];
	const char *kind = wr_tree_text(o, "kind"), *api = wr_tree_text(o, "apiVersion");
	wr_resource_api(c->r, want);
	if ((kind && strcmp(kind, c->r->kind) != 0) || (api && strcmp(api, want) != 0))
		return wrong_type(c, kind ? kind : c->r->kind, api ? api : want);
	wr_tree_set_string(&c->t, o, "kind", c->r->kind);
	wr_tree_set_string(&c->t, o, "apiVersion", want);
	return 0;
}

int wr_object_address(struct wr_call *c, struct wr_value *o)
{
	if (check_type(c, o) < 0)
		return -1;
	struct wr_value *meta = wr_tree_want_map(&c->t, o, "metadata");
	const char *ns = wr_tree_text(meta, "namespace"), *name = wr_tree_text(meta, "name");
	if (c->r->namespaced) {
		if (ns && *ns && strcmp(ns, c->ns) != 0)
			return wr_refuse(c, WR_BAD_REQUEST,
					 "the namespace of the provided object does not match the "
					 "namespace sent on the request");
		wr_tree_set_string(&c->t, meta, "namespace", c->ns);
	} else {
		wr_tree_remove(meta, "namespace");
	}
	if (*c->name && name && *name && strcmp(name, c->name) != 0)
		return wr_refuse(c, WR_BAD_REQUEST,
				 "the name of the object (%s) does not match the name on the URL "
				 "(%s)",
				 name, c->name);
	if (*c->name && (!name || !*name))
		wr_tree_set_string(&c->t, meta, "name", c->name);
	return 0;
}

/* ---- validation ---- */

static bool is_strict(const struct wr_diag *d)
{
	return !strncmp(d->message, "unknown field", 13) ||
	       !strncmp(d->message, "duplicate field", 15);
}

/* unknown field "spec.fooo": the whole path, as the server has it */
static const char *strict_text(struct wr_call *c, const struct wr_diag *d)
{
	const char *s = wr_arena_printf(c->t.arena, "%s field \"%s\"",
					*d->message == 'u' ? "unknown" : "duplicate",
					d->path ? d->path : "");
	c->t.nomem |= !s;
	return s ? s : "";
}

/* Removes what a path of keys and [indices] names. */
static void prune(struct wr_call *c, struct wr_value *v, const char *path)
{
	for (;;) {
		size_t n = strcspn(path, ".[");
		const char *key = wr_arena_strndup(c->t.arena, path, n);
		c->t.nomem |= !key;
		if (!key || !v)
			return;
		if (!path[n]) {
			wr_tree_remove(v, key);
			return;
		}
		v = wr_value_get(v, key);
		path += n;
		while (*path == '[' && v && v->type == WR_LIST) {
			char *end;
			unsigned long i = strtoul(path + 1, &end, 10);
			if (*end != ']' || i >= v->n)
				return;
			v = v->items[i];
			path = end + 1;
		}
		if (*path++ != '.')
			return;
	}
}

/* Each thing is said once; at most this many, as the server has it. */
static int judge_strict(struct wr_call *c, struct wr_value *o, const struct wr_diags *diags,
			enum wr_validation validation)
{
	struct wr_buf all = {0};
	size_t n = 0;
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (d->severity != WR_ERROR || !is_strict(d))
			continue;
		const char *text = strict_text(c, d);
		wr_buf_printf(&all, "%s%s", n++ ? ", " : "", text);
		if (validation == WR_VALIDATION_WARN)
			wr_warn(c, "%s", text);
		if (*d->message == 'u' && d->path && validation != WR_VALIDATION_STRICT)
			prune(c, o, d->path);
	}
	int rc = 0;
	if (n && validation == WR_VALIDATION_STRICT)
		rc = wr_refuse(c, WR_BAD_REQUEST,
			       "%s in version \"%s\" cannot be handled as a %s: strict decoding "
			       "error: %s",
			       c->r->kind, c->r->version, c->r->kind, all.data ? all.data : "");
	wr_buf_free(&all);
	return rc;
}

static int refuse_undecoded(struct wr_call *c, const struct wr_diag *d)
{
	return wr_refuse(c, WR_BAD_REQUEST,
			 "%s in version \"%s\" cannot be handled as a %s: json: cannot unmarshal "
			 "into field %s: %s",
			 c->r->kind, c->r->version, c->r->kind, d->path ? d->path : "", d->message);
}

static struct wr_value *cause(struct wr_call *c, const struct wr_diag *d)
{
	static const char *const types[][2] = {
		{"Required value", "FieldValueRequired"},
		{"Duplicate value", "FieldValueDuplicate"},
		{"Unsupported value", "FieldValueNotSupported"},
		{"Forbidden", "FieldValueForbidden"},
		{"Too long", "FieldValueTooLong"},
		{"Too many", "FieldValueTooMany"},
	};
	const char *reason = "FieldValueInvalid";
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strncmp(d->message, types[i][0], strlen(types[i][0])))
			reason = types[i][1];
	if (strstr(d->message, " in body must be of type "))
		reason = "FieldValueTypeInvalid";
	struct wr_value *v = wr_tree_map(&c->t);
	wr_tree_set_string(&c->t, v, "reason", reason);
	wr_tree_set_string(&c->t, v, "message", d->message);
	wr_tree_set_string(&c->t, v, "field", d->path ? d->path : "<nil>");
	return v;
}

/* All field errors at once: "[a, b]" when there are several. */
static int refuse_invalid(struct wr_call *c, const struct wr_value *o, const struct wr_diags *diags)
{
	struct wr_buf all = {0};
	struct wr_value *causes = wr_tree_list(&c->t);
	const char *name = wr_tree_text(o, "metadata.name");
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (d->severity != WR_ERROR)
			continue;
		wr_buf_printf(&all, "%s%s: %s", all.n ? ", " : "", d->path ? d->path : "<nil>",
			      d->message);
		wr_tree_push(&c->t, causes, cause(c, d));
	}
	bool many = causes && causes->n > 1;
	c->t.nomem |= all.failed;
	wr_refuse_with(c, WR_INVALID, name ? name : "", causes, "%s%s%s \"%s\" is invalid: %s%s%s",
		       c->r->kind, *c->r->group ? "." : "", c->r->group, name ? name : "",
		       many ? "[" : "", all.data ? all.data : "", many ? "]" : "");
	wr_buf_free(&all);
	return -1;
}

/* Runs weir's decoder; what it says lands in diags. */
static void decode(struct wr_call *c, const struct wr_value *o, struct wr_diags *diags)
{
	static const struct wr_decode_opts opts = {.strict_cidrs = true, .as_api_server = true};
	struct wr_object *object = NULL;
	if (wr_decode_value(o, &opts, c->t.arena, diags, &object) == -ENOMEM)
		c->t.nomem = true;
}

static int validate_policy(struct wr_call *c, struct wr_value *o, enum wr_validation validation)
{
	WR_CLEANUP(diags)
	struct wr_diags *strict = wr_diags_new();
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	c->t.nomem |= !strict || !diags;
	if (!strict || !diags)
		return -1;
	decode(c, o, strict);
	for (size_t i = 0; i < wr_diags_count(strict); i++) {
		const struct wr_diag *d = wr_diags_at(strict, i);
		if (d->severity == WR_ERROR && !is_strict(d) && !wr_decode_is_field_error(d))
			return refuse_undecoded(c, d);
	}
	if (judge_strict(c, o, strict, validation) < 0)
		return -1;
	wr_tree_tidy(o, true);
	wr_object_default(c, o);
	decode(c, o, diags);
	if (wr_diags_total(diags, WR_ERROR))
		return refuse_invalid(c, o, diags);
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		if (wr_diags_at(diags, i)->severity == WR_WARNING)
			wr_warn(c, "%s%s%s",
				wr_diags_at(diags, i)->path ? wr_diags_at(diags, i)->path : "",
				wr_diags_at(diags, i)->path ? ": " : "",
				wr_diags_at(diags, i)->message);
	return 0;
}

/* Duplicate fields anywhere, for kinds whose fields are not all known here. */
static void find_duplicates(const struct wr_value *v, const char *path, struct wr_arena *a,
			    struct wr_diags *diags)
{
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++) {
		const char *at = wr_arena_printf(a, "%s[%zu]", path, i);
		if (at)
			find_duplicates(v->items[i], at, a, diags);
	}
	for (size_t i = 0; v->type == WR_MAP && i < v->n; i++) {
		const char *at = wr_arena_printf(a, "%s%s%s", path, *path ? "." : "",
						 v->fields[i].key);
		if (at && v->fields[i].duplicate)
			wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, at,
				    "duplicate field");
		if (at)
			find_duplicates(v->fields[i].value, at, a, diags);
	}
}

static void check_name(struct wr_call *c, const struct wr_value *o, struct wr_diags *diags)
{
	const char *name = wr_tree_text(o, "metadata.name"), *msgs[WR_CHECK_MAX];
	if (c->kind >= WR_AS_ROLES && c->kind <= WR_AS_CLUSTERROLEBINDINGS && name && *name)
		return; /* any path segment is a name: system:node */
	bool label = c->kind == WR_AS_NAMESPACES || c->kind == WR_AS_SERVICES;
	char quoted[512];
	size_t n = !name || !*name ? 0
		   : label         ? wr_check_dns_label(name, msgs)
				   : wr_check_dns_subdomain(name, msgs);
	if (!name || !*name)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "metadata.name",
			    "Required value: name or generateName is required");
	for (size_t i = 0; i < n; i++)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "metadata.name",
			    "Invalid value: %s: %s", wr_quote(quoted, sizeof(quoted), name),
			    msgs[i]);
}

static void check_labels(const struct wr_value *labels, struct wr_diags *diags)
{
	const char *msgs[WR_CHECK_MAX];
	char quoted[512];
	for (size_t i = 0; labels && labels->type == WR_MAP && i < labels->n; i++) {
		const struct wr_field *f = &labels->fields[i];
		size_t n = wr_check_label_key(f->key, msgs);
		for (size_t k = 0; k < n; k++)
			wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "metadata.labels",
				    "Invalid value: %s: %s",
				    wr_quote(quoted, sizeof(quoted), f->key), msgs[k]);
		n = f->value->type == WR_STRING ? wr_check_label_value(f->value->text, msgs) : 0;
		for (size_t k = 0; k < n; k++)
			wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "metadata.labels",
				    "Invalid value: %s: %s",
				    wr_quote(quoted, sizeof(quoted), f->value->text), msgs[k]);
	}
}

/* Labels and annotations are maps of strings; *which names the one that is not. */
static bool strings_only(const struct wr_value *meta, const char **which)
{
	static const char *const maps[] = {"labels", "annotations"};
	for (size_t m = 0; m < 2; m++) {
		const struct wr_value *v = wr_value_get(meta, maps[m]);
		*which = maps[m];
		if (v && v->type != WR_MAP && v->type != WR_NULL)
			return false;
		for (size_t i = 0; v && v->type == WR_MAP && i < v->n; i++)
			if (v->fields[i].value->type != WR_STRING)
				return false;
	}
	return true;
}

static int validate_other(struct wr_call *c, struct wr_value *o, enum wr_validation validation)
{
	WR_CLEANUP(diags)
	struct wr_diags *strict = wr_diags_new();
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	const char *which = "";
	c->t.nomem |= !strict || !diags;
	if (!strict || !diags)
		return -1;
	if (!strings_only(wr_value_get(o, "metadata"), &which))
		return wr_refuse(c, WR_BAD_REQUEST,
				 "%s in version \"%s\" cannot be handled as a %s: json: cannot "
				 "unmarshal into Go struct field ObjectMeta.metadata.%s of type "
				 "string",
				 c->r->kind, c->r->version, c->r->kind, which);
	find_duplicates(o, "", c->t.arena, strict);
	if (judge_strict(c, o, strict, validation) < 0)
		return -1;
	wr_tree_tidy(o, true);
	wr_object_default(c, o);
	check_name(c, o, diags);
	check_labels(wr_tree_at(o, "metadata.labels"), diags);
	if (c->kind == WR_AS_CUSTOMRESOURCEDEFINITIONS)
		wr_definition_check(c, o, diags);
	if (wr_diags_total(diags, WR_ERROR))
		return refuse_invalid(c, o, diags);
	if (c->kind == WR_AS_CUSTOMRESOURCEDEFINITIONS)
		wr_definition_settle(c, o);
	return 0;
}

int wr_object_admit(struct wr_call *c, struct wr_value *o, enum wr_validation validation)
{
	return c->r->validated ? validate_policy(c, o, validation)
			       : validate_other(c, o, validation);
}

/* ---- what is stored ---- */

void wr_object_text(struct wr_call *c, struct wr_value *o, uint64_t rv, struct wr_buf *out)
{
	char api[WR_RESOURCE_TEXT];
	struct wr_value *meta = wr_tree_want_map(&c->t, o, "metadata");
	if (rv)
		wr_tree_set(&c->t, meta, "resourceVersion", wr_tree_printf(&c->t, "%" PRIu64, rv));
	wr_buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":", c->r->kind,
		      wr_resource_api(c->r, api));
	wr_answer_value(out, meta);
	for (size_t i = 0; i < o->n; i++) {
		const char *key = o->fields[i].key;
		if (!strcmp(key, "kind") || !strcmp(key, "apiVersion") || !strcmp(key, "metadata"))
			continue;
		wr_buf_text(out, ",");
		wr_answer_string(out, key);
		wr_buf_text(out, ":");
		wr_answer_value(out, o->fields[i].value);
	}
	wr_buf_text(out, "}");
}

const char *wr_object_now(struct wr_call *c)
{
	return wr_object_later(c, 0);
}

const char *wr_object_later(struct wr_call *c, int64_t seconds)
{
	char buf[32];
	time_t now = time(NULL) + (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&now, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "1970-01-01T00:00:00Z";
	const char *s = wr_arena_strdup(c->t.arena, buf);
	c->t.nomem |= !s;
	return s ? s : "";
}

const char *wr_object_uid(struct wr_call *c)
{
	unsigned char b[16] = {0};
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		c->t.nomem = true;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	const char *s = wr_arena_printf(
		c->t.arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		b[13], b[14], b[15]);
	c->t.nomem |= !s;
	return s ? s : "";
}

const char *wr_object_suffix(struct wr_call *c)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char b[5];
	char *s = wr_arena_alloc(c->t.arena, sizeof(b) + 1);
	c->t.nomem |= !s || getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b);
	if (c->t.nomem)
		return "";
	for (size_t i = 0; i < sizeof(b); i++)
		s[i] = letters[b[i] % (sizeof(letters) - 1)];
	return s;
}

static bool is_spec(const char *key)
{
	return strcmp(key, "metadata") != 0 && strcmp(key, "status") != 0 &&
	       strcmp(key, "kind") != 0 && strcmp(key, "apiVersion") != 0;
}

bool wr_object_same_spec(const struct wr_value *a, const struct wr_value *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (is_spec(a->fields[i].key) &&
		    !wr_tree_equal(a->fields[i].value, wr_value_get(b, a->fields[i].key)))
			return false;
	for (size_t i = 0; i < b->n; i++)
		if (is_spec(b->fields[i].key) && !wr_value_get(a, b->fields[i].key))
			return false;
	return true;
}
