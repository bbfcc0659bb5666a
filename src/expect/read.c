/* SPDX-License-Identifier: Apache-2.0 */
#include "expect/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/typo.h"

/* Documents to expectations: strict, so that a typing error cannot pass for a test. */

static const char *const test_fields[] = {"name",     "from",   "to",   "port", "ports",
					  "protocol", "expect", "only", NULL};
static const char *const top_fields[] = {"groups", "tests", NULL};

static void error(struct resolver *r, struct wr_mark mark, const char *path, const char *message,
		  const char *advice)
{
	wr_diag_add(r->diags, WR_ERROR, mark, NULL, path, "%s", message);
	if (advice)
		wr_diag_advise(r->diags, "%s", advice);
}

static void check_fields(struct resolver *r, const struct wr_value *v, const char *const *known)
{
	for (size_t i = 0; i < v->n; i++) {
		bool found = false;
		for (size_t k = 0; known[k] && !found; k++)
			found = !strcmp(known[k], v->fields[i].key);
		const char *meant = found ? NULL : wr_typo_suggest(v->fields[i].key, known);
		if (!found || v->fields[i].duplicate)
			wr_diag_add(r->diags, WR_ERROR, v->fields[i].mark, NULL, NULL,
				    "%s field \"%.80s\"", found ? "duplicate" : "unknown",
				    v->fields[i].key);
		if (meant)
			wr_diag_advise(r->diags, "did you mean \"%s\"?", meant);
	}
}

/* ---- ports ---- */

/* 80, "80", "8000-8010", or a name. */
static void read_port(struct resolver *r, struct expectation *t, const struct wr_value *v)
{
	struct port p = {.proto = r->proto};
	int64_t number = v->type == WR_INT ? v->integer : 0;
	char *end = NULL;
	if (v->type == WR_STRING && v->text[strspn(v->text, "0123456789-")]) {
		p.name = v->text;
		r->nomem |= wr_vec_push(&t->ports, p) < 0;
		return;
	}
	int64_t last = number;
	if (v->type == WR_STRING) {
		number = strtol(v->text, &end, 10);
		last = *end == '-' ? strtol(end + 1, &end, 10) : number;
	}
	if (number < 1 || last > 65535 || last < number || (end && *end)) {
		error(r, v->mark, "port",
		      "must be a port from 1 to 65535, a range 8000-8010, or a name", NULL);
		return;
	}
	p.first = (uint16_t)number;
	p.last = (uint16_t)last;
	r->nomem |= wr_vec_push(&t->ports, p) < 0;
}

static void read_ports(struct resolver *r, struct expectation *t, const struct wr_value *v,
		       const struct wr_value *test)
{
	const struct wr_value *proto = wr_value_get(test, "protocol");
	int number = proto && proto->text ? wr_proto_parse(proto->text) : WR_TCP;
	if (number < 0) {
		error(r, proto->mark, "protocol", "must be TCP, UDP, SCTP, ICMP or a number", NULL);
		return;
	}
	r->proto = (uint8_t)number;
	r->service_port = v && v->type != WR_LIST ? v->text : NULL;
	if (!wr_proto_has_ports(r->proto)) {
		r->nomem |= wr_vec_push(&t->ports, (struct port){.proto = r->proto}) < 0;
		return;
	}
	if (!v) {
		error(r, test->mark, "port", "a test needs a port",
		      "add port: 80, or protocol: ICMP");
		return;
	}
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		read_port(r, t, v->items[i]);
	if (v->type != WR_LIST)
		read_port(r, t, v);
}

/* ---- tests ---- */

static void read_verdict(struct resolver *r, struct expectation *t, const struct wr_value *v)
{
	const struct wr_value *expect = wr_value_get(v, "expect"), *only = wr_value_get(v, "only");
	const struct wr_value *from = wr_value_get(v, "from");
	t->only = only != NULL;
	if (!only && !from)
		error(r, v->mark, NULL, "a test needs from, or only",
		      "only: whom nobody else follows");
	if (only && (from || expect))
		error(r, only->mark, "only", "goes without from and expect",
		      "those of only may, all others may not");
	if (only)
		return;
	if (expect && expect->text && !strcmp(expect->text, "allow"))
		t->allow = true;
	else if (!expect || !expect->text || strcmp(expect->text, "deny") != 0)
		error(r, expect ? expect->mark : v->mark, "expect", "must be allow or deny", NULL);
}

static void read_test(struct resolver *r, struct wr_expect *e, const struct wr_value *v)
{
	struct expectation t = {.mark = v->mark};
	if (v->type != WR_MAP) {
		error(r, v->mark, "tests", "a test is a map", "- from: shop/web\n  to: shop/db");
		return;
	}
	check_fields(r, v, test_fields);
	const struct wr_value *name = wr_value_get(v, "name"), *to = wr_value_get(v, "to");
	const struct wr_value *from = wr_value_get(v, "from"), *only = wr_value_get(v, "only");
	const struct wr_value *port = wr_value_get(v, "port"), *ports = wr_value_get(v, "ports");
	if (v->n)
		t.mark = v->fields[0].mark;
	t.name = name && name->text ? name->text
				    : wr_arena_printf(r->arena, "test in line %u", t.mark.line);
	read_verdict(r, &t, v);
	read_ports(r, &t, port ? port : ports, v);
	if (!to)
		error(r, t.mark, "to", "a test needs a destination", NULL);
	else
		expect_resolve(r, to, true, &t.to);
	r->service_port = NULL;
	if (only || from)
		expect_resolve(r, only ? only : from, false, &t.from);
	r->nomem |= !t.name || wr_vec_push(&e->tests, t) < 0;
}

static void read_groups(struct resolver *r, const struct wr_value *v)
{
	if (v->type != WR_MAP) {
		error(r, v->mark, "groups", "must be a map of names to ends", NULL);
		return;
	}
	for (size_t i = 0; i < v->n; i++) {
		const struct wr_value *value = v->fields[i].value;
		uint64_t number = 0;
		memcpy(&number, &value, sizeof(value));
		if (strchr(v->fields[i].key, '/'))
			error(r, v->fields[i].mark, "groups", "the name of a group has no '/'",
			      NULL);
		r->nomem |= wr_map_put(r->groups, v->fields[i].key, strlen(v->fields[i].key),
				       number) < 0;
	}
}

static void read_document(struct resolver *r, struct wr_expect *e, const struct wr_value *root)
{
	const struct wr_value *groups = wr_value_get(root, "groups"),
			      *tests = wr_value_get(root, "tests");
	if (root->type != WR_MAP || !tests || tests->type != WR_LIST) {
		error(r, root->mark, NULL, "a file of tests has a list tests:",
		      "tests:\n- from: shop/web\n  to: shop/db\n  port: 5432\n  expect: allow");
		return;
	}
	check_fields(r, root, top_fields);
	if (groups)
		read_groups(r, groups);
	for (size_t i = 0; i < tests->n; i++)
		read_test(r, e, tests->items[i]);
}

static void free_expect(struct wr_expect *e)
{
	for (size_t i = 0; i < e->tests.n; i++) {
		wr_vec_free(&e->tests.items[i].from);
		wr_vec_free(&e->tests.items[i].to);
		wr_vec_free(&e->tests.items[i].ports);
	}
	wr_vec_free(&e->tests);
	wr_vec_free(&e->everybody);
	free(e);
}

void wr_expect_free(struct wr_expect *e)
{
	if (e)
		free_expect(e);
}

int wr_expect_read(const struct wr_input *in, const struct wr_program *p, struct wr_arena *arena,
		   struct wr_diags *diags, struct wr_expect **out)
{
	struct wr_expect *e = calloc(1, sizeof(*e));
	struct resolver r = {.p = p, .arena = arena, .diags = diags, .groups = wr_map_new()};
	size_t errors = wr_diags_total(diags, WR_ERROR);
	r.nomem = !e || !r.groups;
	if (e)
		e->p = p;
	for (size_t i = 0; i < wr_input_count(in) && !r.nomem; i++)
		read_document(&r, e, wr_input_at(in, i)->root);
	static const struct wr_value everybody = {.type = WR_STRING, .text = "*/*"};
	if (!r.nomem && wr_program_world(p)->n_pods) {
		expect_resolve(&r, &everybody, false, &e->everybody);
		expect_outside(&r, &e->everybody);
	}
	wr_map_free(r.groups);
	int rc = r.nomem ? -ENOMEM : wr_diags_total(diags, WR_ERROR) > errors ? -EINVAL : 0;
	if (rc)
		wr_expect_free(e);
	else
		*out = e;
	return rc;
}

size_t wr_expect_count(const struct wr_expect *e)
{
	return e->tests.n;
}

const char *wr_expect_name(const struct wr_expect *e, size_t i)
{
	return e->tests.items[i].name;
}
