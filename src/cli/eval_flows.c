/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are taken in batches: all whole lines that one read() brought. A batch
 * goes through three steps, parse (names to sides), evaluate, and print, so
 * that the engine's time is measured over a plain loop; a program that writes
 * a line and waits gets its answer at once, since a batch never waits for
 * more. The batch's memory is reset after it; names are looked up once and
 * kept, with a bound.
 */
#include "cli/eval_flows.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/resolve.h"
#include "cli/writer.h"
#include "input/input.h"

#define READ_SIZE ((size_t)64 << 10)
#define LINE_MAX_SIZE ((size_t)1 << 20)
#define NAMES_MAX 200000 /* names kept before they are forgotten */

/* One name that occurred: what it is, or why it is nothing. */
struct known {
	struct wr_target target;
	const char *error; /* in the names' arena */
};

/* Texts of an author, made once. */
struct reason {
	const char *text, *policy;
};

struct flow {
	const struct wr_value *value; /* NULL: not even JSON */
	const char *error;
	uint64_t line;
	struct wr_side sides[2];
	uint8_t proto;
	uint16_t port;
	struct wr_verdict verdict;
};

struct stream {
	const struct wr_program *p;
	const struct wr_world *w;
	const char *file;
	uint8_t family;
	struct wr_out *out;
	struct wr_arena *arena; /* of the batch */
	struct wr_arena *names_arena, *reasons_arena;
	struct wr_map *names; /* text to index into known */
	WR_VEC(struct known) known;
	struct reason *reasons; /* by author, then direction */
	WR_VEC(struct flow) batch;
	uint64_t line, bad, flows, engine_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- names ---- */

static int forget_names(struct stream *s)
{
	wr_map_free(s->names);
	wr_arena_reset(s->names_arena);
	s->known.n = 0;
	s->names = wr_map_new();
	return s->names ? 0 : -ENOMEM;
}

static int lookup(struct stream *s, const char *text, struct known *out)
{
	if (wr_map_count(s->names) >= NAMES_MAX) {
		int rc = forget_names(s);
		if (rc)
			return rc;
	}
	bool created;
	uint64_t *slot = wr_map_slot(s->names, text, strlen(text), s->known.n, &created);
	if (!slot)
		return -ENOMEM;
	if (created) {
		struct known k = {0};
		struct wr_problem problem;
		if (wr_target_find(s->w, text, &k.target, &problem) < 0)
			k.error = wr_arena_strdup(s->names_arena, problem.text);
		int rc = wr_vec_push(&s->known, k);
		if (rc)
			return rc;
	}
	*out = s->known.items[*slot];
	/* names may be forgotten before the batch is printed */
	if (out->error)
		out->error = wr_arena_strdup(s->arena, out->error);
	return 0;
}

/* ---- one flow ---- */

/* The text of a field that must be a string; sets the flow's error. */
static const char *text_field(struct flow *f, const char *key, struct wr_arena *a)
{
	const struct wr_value *v = wr_value_get(f->value, key);
	if (v && v->type == WR_STRING)
		return v->text;
	f->error = v ? wr_arena_printf(a, "%s: a string is expected, not %s", key,
				       wr_type_name(v->type))
		     : wr_arena_printf(a, "%s is missing", key);
	return NULL;
}

static bool flow_protocol(struct flow *f, struct wr_arena *a)
{
	const struct wr_value *v = wr_value_get(f->value, "protocol");
	int proto = WR_TCP;
	if (v && (v->type == WR_STRING || v->type == WR_INT))
		proto = wr_proto_parse(v->text);
	else if (v)
		proto = -EINVAL;
	if (proto < 0) {
		f->error = wr_arena_printf(a, "protocol: not a protocol's name or number: %s",
					   v->text ? v->text : wr_type_name(v->type));
		return false;
	}
	f->proto = (uint8_t)proto;
	return true;
}

static bool flow_family(const struct stream *s, struct flow *f, uint8_t *family)
{
	const struct wr_value *v = wr_value_get(f->value, "family");
	*family = s->family;
	if (!v)
		return true;
	if (v->type == WR_STRING && !strcmp(v->text, "ipv4"))
		*family = WR_IPV4;
	else if (v->type == WR_STRING && !strcmp(v->text, "ipv6"))
		*family = WR_IPV6;
	else
		f->error = "family: \"ipv4\" or \"ipv6\" is expected";
	return !f->error;
}

/* A whole number, also where it was written as 80.0, as JSON has no integers of its own. */
static bool whole(const struct wr_value *v, double *out)
{
	*out = v->number;
	return (v->type == WR_INT || v->type == WR_FLOAT) &&
	       fabs(v->number - floor(v->number)) <= 0;
}

static bool flow_port(const struct stream *s, struct flow *f)
{
	const struct wr_value *v = wr_value_get(f->value, "port");
	const char *proto = wr_proto_name(f->proto);
	struct wr_problem problem;
	double number;
	if (v && v->type == WR_NULL)
		v = NULL;
	if (!wr_proto_has_ports(f->proto)) {
		if (v)
			f->error = wr_arena_printf(s->arena, "port: %s has no ports", proto);
	} else if (!v) {
		f->error = wr_arena_printf(s->arena, "port is missing: %s needs one", proto);
	} else if (v->type == WR_STRING) {
		if (wr_target_named_port(s->w, &f->sides[1], f->proto, v->text, &f->port,
					 &problem) < 0)
			f->error = wr_arena_strdup(s->arena, problem.text);
	} else if (!whole(v, &number) || number < 1 || number > 65535) {
		f->error = "port: a number from 1 to 65535 or a name is expected";
	} else {
		f->port = (uint16_t)number;
	}
	return !f->error;
}

static int resolve_flow(struct stream *s, struct flow *f)
{
	const char *names[2] = {text_field(f, "from", s->arena), NULL};
	struct known ends[2];
	if (names[0])
		names[1] = text_field(f, "to", s->arena);
	if (!names[1])
		return 0;
	for (int i = 0; i < 2; i++) {
		int rc = lookup(s, names[i], &ends[i]);
		if (rc)
			return rc;
		if (ends[i].error) {
			f->error = wr_arena_printf(s->arena, "%s: %s", i ? "to" : "from",
						   ends[i].error);
			return 0;
		}
	}
	struct wr_problem problem;
	uint8_t family, other;
	if (!flow_protocol(f, s->arena) || !flow_family(s, f, &family))
		return 0;
	if (wr_target_sides(s->p, &ends[0].target, &ends[1].target, family, f->sides, &other,
			    &problem) < 0)
		f->error = wr_arena_strdup(s->arena, problem.text);
	else if (flow_port(s, f))
		f->proto = wr_proto_of_family(f->proto, f->sides[1].family);
	return 0;
}

static const char *json_error(const struct stream *s, const struct wr_diags *d)
{
	if (!wr_diags_count(d))
		return "not JSON";
	const struct wr_diag *first = wr_diags_at(d, 0);
	if (first->mark.column)
		return wr_arena_printf(s->arena, "column %u: %s", first->mark.column,
				       first->message);
	return wr_arena_strdup(s->arena, first->message);
}

static int parse_line(struct stream *s, const char *text, size_t size)
{
	s->line++;
	while (size && strchr(" \t\r", text[size - 1]) && text[size - 1])
		size--;
	if (!size)
		return 0;
	struct flow f = {.line = s->line};
	struct wr_mark mark = {s->file, (uint32_t)s->line, 1};
	struct wr_value *v = NULL;
	int rc = wr_json_parse(s->arena, text, size, mark, &v, NULL);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) { /* once more, for the words: good lines pay nothing for them */
		struct wr_diags *d = wr_diags_new();
		if (!d)
			return -ENOMEM;
		rc = wr_json_parse(s->arena, text, size, mark, &v, d);
		f.error = json_error(s, d);
		wr_diags_free(d);
		if (rc == -ENOMEM || !f.error)
			return -ENOMEM;
	} else if (v->type != WR_MAP) {
		f.error = "a JSON object is expected";
	} else {
		f.value = v;
		rc = resolve_flow(s, &f);
		if (rc < 0)
			return rc;
	}
	return wr_vec_push(&s->batch, f);
}

/* ---- answers ---- */

static const char *policy_name(const struct wr_policy *p, struct wr_arena *a)
{
	char title[WR_POLICY_TITLE];
	return wr_arena_strdup(a, wr_policy_title(p, title));
}

static const char *isolation_text(const struct wr_world *w, const struct wr_author *author,
				  struct wr_arena *a)
{
	const char *list = "";
	for (uint32_t i = 0; i < author->n && i < 5 && list; i++)
		list = wr_arena_printf(a, "%s%s%s", list, i ? ", " : "",
				       policy_name(&w->policies[author->policies[i]], a));
	if (list && author->n > 5)
		list = wr_arena_printf(a, "%s and %u more", list, author->n - 5);
	return list ? wr_arena_printf(a, "isolated by %s, and no rule allows it", list) : NULL;
}

static const struct reason *author_reason(struct stream *s, uint32_t number, enum wr_direction dir,
					  bool allow)
{
	struct reason *r = &s->reasons[(size_t)number * 2 + dir];
	const struct wr_author *author = wr_program_author(s->p, number);
	const struct wr_policy *policy;
	struct wr_arena *a = s->reasons_arena;
	if (r->text)
		return r;
	switch (author->kind) {
	case WR_BY_DEFAULT:
		r->text = dir == WR_EGRESS ? "no policy selects the source for egress"
					   : "no policy selects the destination for ingress";
		break;
	case WR_BY_SELF:
		r->text = "a pod may always reach itself";
		break;
	case WR_BY_NODE:
		r->text = "a node may always reach its own pods";
		break;
	case WR_BY_ISOLATION:
		r->text = isolation_text(s->w, author, a);
		break;
	case WR_BY_RULE:
		policy = &s->w->policies[author->policy];
		r->policy = policy_name(policy, a);
		r->text = wr_arena_printf(a, "%s by %s, %s rule %u", allow ? "allowed" : "denied",
					  r->policy, dir == WR_EGRESS ? "egress" : "ingress",
					  author->rule + 1);
		break;
	}
	return r;
}

/* Cluster-wide policies apply to the subject, and leave the connection to the default. */
static const struct reason undecided[] = {
	[WR_INGRESS] = {.text = "no policy decides: none isolates the destination for ingress, "
				"and no rule that applies to it accepts or denies"},
	[WR_EGRESS] = {.text = "no policy decides: none isolates the source for egress, and no "
			       "rule that applies to it accepts or denies"}};

static void print_direction(struct stream *s, const struct flow *f, enum wr_direction dir)
{
	uint32_t number = f->verdict.dir[dir].author;
	bool allow = f->verdict.dir[dir].allow;
	const struct wr_author *author = wr_program_author(s->p, number);
	bool selected = f->sides[dir == WR_EGRESS ? 0 : 1].id.row[dir] != 0;
	const struct reason *r = author->kind == WR_BY_DEFAULT && selected
					 ? &undecided[dir]
					 : author_reason(s, number, dir, allow);
	wr_out_key(s->out, dir == WR_EGRESS ? "egress" : "ingress");
	wr_out_map(s->out);
	wr_out_key_string(s->out, "verdict", allow ? "allow" : "deny");
	wr_out_key_string(s->out, "reason", r->text);
	if (author->kind == WR_BY_RULE) {
		wr_out_key_string(s->out, "policy", r->policy);
		wr_out_key_uint(s->out, "rule", author->rule + 1);
	}
	wr_out_end(s->out);
}

/* Whether the answer has a field of that name itself. */
static bool answered(const struct flow *f, const char *key)
{
	if (f->error)
		return !strcmp(key, "error") || !strcmp(key, "line");
	return !strcmp(key, "verdict") || !strcmp(key, "egress") || !strcmp(key, "ingress");
}

static void print_flow(struct stream *s, const struct flow *f)
{
	struct wr_out *o = s->out;
	wr_out_map(o);
	for (size_t i = 0; f->value && i < f->value->n; i++) {
		const struct wr_field *field = &f->value->fields[i];
		if (answered(f, field->key))
			continue;
		wr_out_key(o, field->key);
		wr_out_value(o, field->value);
	}
	if (f->error) {
		wr_out_key_uint(o, "line", f->line);
		wr_out_key_string(o, "error", f->error);
		s->bad++;
	} else {
		wr_out_key_string(o, "verdict", f->verdict.allow ? "allow" : "deny");
		print_direction(s, f, WR_EGRESS);
		print_direction(s, f, WR_INGRESS);
	}
	wr_out_end(o);
}

static void finish_batch(struct stream *s)
{
	uint64_t start = now_ns();
	for (size_t i = 0; i < s->batch.n; i++) {
		struct flow *f = &s->batch.items[i];
		if (f->error)
			continue;
		wr_evaluate(s->p, &f->sides[0], &f->sides[1], f->proto, f->port, &f->verdict);
		s->flows++;
	}
	s->engine_ns += now_ns() - start;
	for (size_t i = 0; i < s->batch.n; i++)
		print_flow(s, &s->batch.items[i]);
	wr_out_flush(s->out);
	s->batch.n = 0;
	wr_arena_reset(s->arena);
}

/* ---- lines ---- */

/* What was read and has no end of line yet. */
struct pending {
	char *data;
	size_t n;
	bool too_long;
};

static int end_line(struct stream *s, struct pending *p)
{
	if (p->too_long) {
		struct flow f = {.line = ++s->line, .error = "the line is longer than 1 MiB"};
		p->too_long = false;
		p->n = 0;
		return wr_vec_push(&s->batch, f);
	}
	int rc = parse_line(s, p->data, p->n);
	p->n = 0;
	return rc;
}

static int take(struct stream *s, struct pending *p, const char *data, size_t n)
{
	while (n) {
		const char *nl = memchr(data, '\n', n);
		size_t part = nl ? (size_t)(nl - data) : n;
		int rc = 0;
		if (nl && !p->n && !p->too_long) { /* the common case: nothing to put together */
			rc = parse_line(s, data, part);
		} else {
			if (part > LINE_MAX_SIZE - p->n)
				p->too_long = true;
			else
				memcpy(p->data + p->n, data, part);
			p->n += p->too_long ? 0 : part;
			rc = nl ? end_line(s, p) : 0;
		}
		if (rc < 0)
			return rc;
		data += part + (nl != NULL);
		n -= part + (nl != NULL);
	}
	return 0;
}

static int read_lines(struct stream *s, int fd)
{
	WR_CLEANUP(free)
	char *buffer = malloc(READ_SIZE);
	WR_CLEANUP(free)
	char *pending_data = malloc(LINE_MAX_SIZE);
	struct pending p = {.data = pending_data};
	if (!buffer || !pending_data)
		return -ENOMEM;
	while (!wr_out_failed(s->out)) {
		ssize_t n = read(fd, buffer, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		int rc = n                   ? take(s, &p, buffer, (size_t)n)
			 : p.n || p.too_long ? end_line(s, &p)
					     : 0;
		if (rc < 0)
			return rc;
		finish_batch(s);
		if (!n)
			break;
	}
	return 0;
}

/* ---- the whole ---- */

static int init(struct stream *s, const struct wr_program *p)
{
	s->p = p;
	s->w = wr_program_world(p);
	s->arena = wr_arena_new();
	s->names_arena = wr_arena_new();
	s->reasons_arena = wr_arena_new();
	s->names = wr_map_new();
	s->out = wr_out_new(1, WR_JSON_LINES);
	s->reasons = calloc((size_t)wr_program_n_authors(p) * 2 + 1, sizeof(*s->reasons));
	return s->arena && s->names_arena && s->reasons_arena && s->names && s->out && s->reasons
		       ? 0
		       : -ENOMEM;
}

static void destroy(struct stream *s)
{
	wr_arena_free(s->arena);
	wr_arena_free(s->names_arena);
	wr_arena_free(s->reasons_arena);
	wr_map_free(s->names);
	wr_vec_free(&s->known);
	wr_vec_free(&s->batch);
	free(s->reasons);
}

static void print_stats(const struct stream *s, uint64_t total_ns)
{
	uint64_t lines = s->flows + s->bad;
	fprintf(stderr,
		"%llu flows, %llu bad lines; %.1f ns a flow in the engine, %.1f ns a line "
		"overall\n",
		(unsigned long long)s->flows, (unsigned long long)s->bad,
		s->flows ? (double)s->engine_ns / (double)s->flows : 0.0,
		lines ? (double)total_ns / (double)lines : 0.0);
}

int wr_eval_flows(const struct wr_args *args, const struct wr_program *p, const char *file,
		  uint8_t family, bool stats)
{
	bool from_stdin = !strcmp(file, "-");
	WR_CLEANUP(fd)
	int opened = from_stdin ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	if (!from_stdin && opened < 0)
		return wr_fail(args, "%s: %s", file, strerror(errno));
	struct stream s = {.file = file, .family = family};
	uint64_t start = now_ns();
	int rc = init(&s, p);
	if (!rc)
		rc = read_lines(&s, from_stdin ? STDIN_FILENO : opened);
	int status = s.bad ? WR_EXIT_ERROR : WR_EXIT_OK;
	if (s.out)
		status = wr_out_finish(s.out, status);
	if (stats && !rc)
		print_stats(&s, now_ns() - start);
	destroy(&s);
	if (rc < 0)
		return wr_fail(args, "%s: %s", file, strerror(-rc));
	return status;
}
