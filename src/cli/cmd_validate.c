/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "api/decode.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/load.h"
#include "cli/records.h"
#include "cli/writer.h"

/*
 * Validate: what an API server would say to each object, one by one. Every
 * object is decoded by itself, so that one with errors hides nothing of the
 * others. field_errors are the server's own strings; a document that cannot be
 * decoded (unknown fields, wrong types) gets none, because a server does not
 * come to validate it: its diagnostics tell why.
 */

WR_DEFINE_CLEANUP(map, struct wr_map *, wr_map_free)

enum answer { REFUSED, ACCEPTED, NOT_CHECKED };

struct run {
	const struct wr_args *args;
	struct wr_decode_opts opts;
	struct wr_input *in;
	struct wr_arena *arena;          /* of the object in hand */
	struct wr_map *names;            /* "kind/namespace/name" to the value of metadata.name */
	const struct wr_list_type *list; /* that the object in hand is an item of, or NULL */
	struct wr_out *out;
	struct wr_records records;
	size_t count[3]; /* by enum answer */
	size_t warnings;
	bool text, nomem;
};

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING ? v->text : NULL;
}

static bool any_decode_error(const struct wr_diags *diags)
{
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		if (wr_diags_at(diags, i)->severity == WR_ERROR &&
		    !wr_decode_is_field_error(wr_diags_at(diags, i)))
			return true;
	return false;
}

/* ---- documents out ---- */

static void write_diag(struct wr_out *o, const struct wr_diag *d)
{
	static const char *const words[] = {"error", "warning", "note"};
	wr_out_map(o);
	wr_out_key_string(o, "severity", words[d->severity]);
	wr_out_key_string(o, "file", d->mark.file);
	wr_out_key_uint(o, "line", d->mark.line);
	wr_out_key_uint(o, "column", d->mark.column);
	wr_out_key_string(o, "path", d->path);
	wr_out_key_string(o, "message", d->message);
	wr_out_key_string(o, "advice", d->advice);
	wr_out_end(o);
}

/* A record as the server writes it: "path: message". */
static void write_plain(struct run *r, const struct wr_diag *d)
{
	const char *s = wr_arena_printf(r->arena, "%s%s%s", d->path ? d->path : "",
					d->path ? ": " : "", d->message);
	r->nomem |= !s;
	wr_out_string(r->out, s);
}

static void write_all(struct run *r, const struct wr_diags *diags)
{
	bool undecoded = any_decode_error(diags);
	wr_out_key(r->out, "field_errors");
	wr_out_list(r->out);
	for (size_t i = 0; i < wr_diags_count(diags) && !undecoded; i++)
		if (wr_decode_is_field_error(wr_diags_at(diags, i)))
			write_plain(r, wr_diags_at(diags, i));
	wr_out_end(r->out);
	wr_out_key(r->out, "warnings");
	wr_out_list(r->out);
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		if (wr_diags_at(diags, i)->severity == WR_WARNING)
			write_plain(r, wr_diags_at(diags, i));
	wr_out_end(r->out);
	wr_out_key(r->out, "diagnostics");
	wr_out_list(r->out);
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		write_diag(r->out, wr_diags_at(diags, i));
	wr_out_end(r->out);
}

static void write_object(struct run *r, const struct wr_value *v, struct wr_mark mark,
			 enum answer answer, const struct wr_diags *diags)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	struct wr_out *o = r->out;
	wr_out_map(o);
	wr_out_key_string(o, "file", mark.file);
	wr_out_key_uint(o, "line", mark.line);
	const char *kind = text_of(v, "kind");
	wr_out_key_string(o, "kind", !kind && r->list && *r->list->kind ? r->list->kind : kind);
	wr_out_key_string(o, "name", text_of(meta, "name"));
	wr_out_key_string(o, "namespace", text_of(meta, "namespace"));
	wr_out_key(o, "accepted");
	if (answer == NOT_CHECKED)
		wr_out_null(o);
	else
		wr_out_bool(o, answer == ACCEPTED);
	write_all(r, diags);
	wr_out_end(o);
}

static void put(struct run *r, const struct wr_value *v, struct wr_mark mark, enum answer answer,
		const struct wr_diags *diags)
{
	r->count[answer]++;
	r->warnings += wr_diags_total(diags, WR_WARNING);
	if (!r->text) {
		write_object(r, v, mark, answer, diags);
		return;
	}
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		wr_records_print(&r->records, wr_diags_at(diags, i));
	/* the next object's records may have this one's name, from memory that is gone */
	r->records.object = r->records.object_file = NULL;
}

/* ---- one object ---- */

/* No server refuses it, but of two objects with one name only the later one stays. */
static void note_twice(struct run *r, const struct wr_object *o, struct wr_diags *diags)
{
	const struct wr_value *value = wr_value_get(wr_value_get(o->value, "metadata"), "name");
	const char *name = value && value->type == WR_STRING ? value->text : NULL;
	if (!name || !*name)
		return;
	const char *key = wr_arena_printf(r->arena, "%d/%s/%s", (int)o->kind,
					  o->meta.ns ? o->meta.ns : "", name);
	bool created;
	uint64_t *slot = key ? wr_map_slot(r->names, key, strlen(key), (uintptr_t)value, &created)
			     : NULL;
	r->nomem |= !slot;
	if (!slot || created)
		return;
	const struct wr_value *first = (const struct wr_value *)(uintptr_t)*slot;
	wr_diag_add(diags, WR_NOTE, o->meta.mark, NULL, "metadata.name",
		    "%s %s%s%s is already defined at %s:%u", wr_kind_name(o->kind),
		    o->meta.ns ? o->meta.ns : "", o->meta.ns ? "/" : "", name,
		    first->mark.file ? first->mark.file : "", first->mark.line);
	wr_diag_advise(diags, "kubectl would keep the last one only: rename or remove one");
}

static void check_object(struct run *r, const struct wr_value *v, struct wr_mark mark)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_object *o = NULL;
	wr_arena_reset(r->arena);
	int rc = diags ? wr_decode_item(v, r->list, &r->opts, r->arena, diags, &o) : -1;
	if (!diags || (rc && !wr_diags_total(diags, WR_ERROR))) {
		r->nomem = true;
	} else {
		if (o)
			note_twice(r, o, diags);
		put(r, v, mark,
		    rc                                ? REFUSED
		    : o && wr_kind_is_policy(o->kind) ? ACCEPTED
						      : NOT_CHECKED,
		    diags);
	}
	wr_diags_free(diags);
}

/* A list of something else than items: nothing in it can be judged. */
static void refuse_list(struct run *r, const struct wr_value *v, struct wr_mark mark,
			const struct wr_value *items)
{
	struct wr_diags *diags = wr_diags_new();
	r->nomem |= !diags;
	if (!diags)
		return;
	wr_diag_add(diags, WR_ERROR, items->mark, NULL, "items", "must be a list, found %s",
		    wr_type_name(items->type));
	wr_diag_advise(diags, "items holds the objects, each with \"- \" before its first field");
	put(r, v, mark, REFUSED, diags);
	wr_diags_free(diags);
}

static void check_value(struct run *r, const struct wr_value *v, struct wr_mark mark)
{
	struct wr_list_type type;
	if (!wr_decode_is_list(v, &type)) {
		check_object(r, v, mark);
		return;
	}
	const struct wr_list_type *outer = r->list;
	const struct wr_value *items = wr_value_get(v, "items");
	if (items && items->type != WR_LIST && items->type != WR_NULL)
		refuse_list(r, v, mark, items);
	r->list = &type;
	for (size_t i = 0; items && items->type == WR_LIST && i < items->n && !r->nomem; i++)
		check_value(r, items->items[i], items->items[i]->mark);
	r->list = outer;
}

/* A stream that is no YAML or JSON: one record for each place where reading stopped. */
static void check_unparsed(struct run *r, const struct wr_diags *diags)
{
	for (size_t i = 0; i < wr_diags_count(diags) && !r->nomem; i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		struct wr_diags *one = wr_diags_new();
		if (!one) {
			r->nomem = true;
			return;
		}
		wr_diag_add(one, d->severity, d->mark, d->object, d->path, "%s", d->message);
		if (d->advice)
			wr_diag_advise(one, "%s", d->advice);
		if (!wr_load_unreadable(d))
			put(r, NULL, d->mark, REFUSED, one);
		wr_diags_free(one);
	}
}

/* ---- the run ---- */

/* Reads all paths. Those that cannot be read at all are said on stderr; true: there are such. */
static bool read_paths(struct run *r, struct wr_diags *diags)
{
	size_t n;
	const char *const *paths = wr_arg_all(r->args, "filename", &n);
	for (size_t i = 0; i < n; i++)
		r->nomem |= wr_input_path(r->in, paths[i], diags) == -ENOMEM;
	struct wr_diags *unreadable = wr_diags_new();
	r->nomem |= !unreadable;
	for (size_t i = 0; unreadable && i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (wr_load_unreadable(d))
			wr_diag_add(unreadable, WR_ERROR, d->mark, NULL, NULL, "%s", d->message);
	}
	bool any = unreadable && wr_diags_count(unreadable);
	if (unreadable)
		wr_print_diags(unreadable, NULL, false);
	wr_diags_free(unreadable);
	return any;
}

static void print_counts(struct run *r)
{
	size_t policies = r->count[ACCEPTED] + r->count[REFUSED];
	wr_out_printf(r->out, "%zu document%s checked: %zu accepted, %zu refused", policies,
		      policies == 1 ? "" : "s", r->count[ACCEPTED], r->count[REFUSED]);
	if (r->warnings)
		wr_out_printf(r->out, ", %zu warning%s", r->warnings, r->warnings == 1 ? "" : "s");
	if (r->count[NOT_CHECKED])
		wr_out_printf(r->out, "; %zu of other kinds not checked", r->count[NOT_CHECKED]);
	wr_out_text(r->out, "\n");
}

static void check_all(struct run *r, const struct wr_diags *diags)
{
	if (!r->text) {
		wr_out_map(r->out);
		wr_out_key(r->out, "documents");
		wr_out_list(r->out);
	}
	for (size_t i = 0; i < wr_input_count(r->in) && !r->nomem && !wr_out_failed(r->out); i++) {
		const struct wr_document *d = wr_input_at(r->in, i);
		check_value(r, d->root,
			    d->root->type == WR_MAP && d->root->n ? d->root->fields[0].mark
								  : d->root->mark);
	}
	check_unparsed(r, diags);
	if (r->text) {
		print_counts(r);
	} else {
		wr_out_end(r->out);
		wr_out_end(r->out);
	}
}

static int run_with(struct run *r, struct wr_diags *diags)
{
	WR_CLEANUP(cluster)
	struct wr_cluster *cluster = NULL;
	if (wr_cluster_read(r->args, &cluster) || read_paths(r, diags))
		return WR_EXIT_ERROR;
	r->nomem |= wr_cluster_lay_under(cluster, r->in, diags) == -ENOMEM;
	enum wr_format format = (enum wr_format)wr_arg_choice(r->args, "output");
	r->text = format == WR_TABLE;
	r->out = wr_out_new(1, format);
	if (!r->out)
		return wr_fail(r->args, "out of memory");
	r->records = (struct wr_records){.out = r->out, .in = r->in};
	check_all(r, diags);
	wr_records_free(&r->records);
	int status = wr_out_finish(r->out, r->count[REFUSED] ? WR_EXIT_NO : WR_EXIT_OK);
	return r->nomem ? wr_fail(r->args, "out of memory") : status;
}

static int run(const struct wr_args *args)
{
	struct run r = {.args = args,
			.opts.strict_cidrs = !wr_arg_flag(args, "old-cidrs"),
			.opts.as_api_server = true};
	struct wr_diags *diags = wr_diags_new();
	WR_CLEANUP(map)
	struct wr_map *names = wr_map_new();
	r.names = names;
	r.in = wr_input_new(NULL);
	r.arena = wr_arena_new();
	int status = diags && names && r.in && r.arena ? run_with(&r, diags)
						       : wr_fail(args, "out of memory");
	wr_arena_free(r.arena);
	wr_input_free(r.in);
	wr_diags_free(diags);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	WR_OPTION_OUTPUT,
	{"old-cidrs", 0, WR_OPT_FLAG,
	 .help = "take CIDRs with host bits, leading zeros and the like with a warning, as\n"
		 "servers before strict validation of CIDRs did"},
	{0},
};

const struct wr_command wr_cmd_validate = {
	.name = "validate",
	.summary = "say what the API server would say to each network policy",
	.description =
		"Decodes and validates every NetworkPolicy, and every cluster-wide policy, as a\n"
		"current Kubernetes API server does: the same field errors in the same words and\n"
		"order, all at once, and what kubectl finds before (unknown and duplicate fields,\n"
		"wrong types), each with its place, the line, and what to do. Objects of other\n"
		"kinds are counted, not checked.\n"
		"Exit status: 0 when all are accepted, 1 when not, 2 when a path cannot be read.\n",
	.examples = "  weir validate -f policy.yaml\n"
		    "  weir validate -f manifests/ -o json\n"
		    "  kustomize build . | weir validate -f -\n"
		    "  weir validate -A\n",
	.options = options,
	.run = run,
};
