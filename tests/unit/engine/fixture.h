/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A program from manifests text, for tests: read, decoded, resolved, compiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "engine/connectivity.h"
#include "engine/explain.h"
#include "engine/program.h"
#include "input/input.h"

struct fixture {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
	struct wr_world *world;
	struct wr_program *program;
};

static inline void fixture_up(struct fixture *f, const char *manifests,
			      const struct wr_compile_opts *opts)
{
	*f = (struct fixture){0};
	f->in = wr_input_new(NULL);
	f->arena = wr_arena_new();
	f->diags = wr_diags_new();
	assert_non_null(f->in);
	assert_non_null(f->arena);
	assert_non_null(f->diags);
	int rc = wr_input_bytes(f->in, "test.yaml", 1, manifests, strlen(manifests), f->diags);
	if (!rc)
		rc = wr_decode(f->in, f->arena, f->diags, &f->objects);
	for (size_t i = 0; i < wr_diags_count(f->diags); i++) {
		const struct wr_diag *d = wr_diags_at(f->diags, i);
		print_message("%u:%u: %s: %s\n", d->mark.line, d->mark.column,
			      d->path ? d->path : "", d->message);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(wr_world_new(&f->objects, f->diags, &f->world), 0);
	assert_int_equal(wr_compile(f->world, opts, &f->program), 0);
}

static inline void fixture_down(struct fixture *f)
{
	wr_program_unref(f->program);
	wr_world_unref(f->world);
	wr_arena_free(f->arena);
	wr_input_free(f->in);
	wr_diags_free(f->diags);
}

/* A side from "ns/name" or an address. */
static inline struct wr_side fixture_side(const struct fixture *f, const char *who, uint8_t family)
{
	struct wr_side side;
	struct wr_ip ip;
	if (!wr_ip_parse(who, &ip)) {
		wr_side_ip(f->program, &ip, &side);
		return side;
	}
	char ns[64];
	const char *slash = strchr(who, '/');
	assert_non_null(slash);
	snprintf(ns, sizeof(ns), "%.*s", (int)(slash - who), who);
	uint32_t pod = wr_world_find_pod(f->world, ns, slash + 1, WR_KIND_COUNT);
	if (pod == WR_NONE)
		fail_msg("no pod %s", who);
	assert_int_equal(wr_side_pod(f->program, pod, family, &side), 0);
	return side;
}

/* The verdict by the tables; it must be the one that explain finds, author and all. */
static inline bool fixture_allows(const struct fixture *f, const char *from, const char *to,
				  uint8_t family, uint8_t proto, uint16_t port)
{
	struct wr_side src = fixture_side(f, from, family), dst = fixture_side(f, to, family);
	struct wr_verdict v;
	struct wr_reason why[2];
	struct wr_arena *a = wr_arena_new();
	wr_evaluate(f->program, &src, &dst, proto, port, &v);
	assert_int_equal(wr_explain(f->program, &src, &dst, proto, port, a, why), 0);
	for (int d = 0; d < 2; d++) {
		const struct wr_author *author = wr_program_author(f->program, v.dir[d].author);
		assert_int_equal(v.dir[d].allow, why[d].allow);
		assert_int_equal(author->kind, why[d].author.kind);
		assert_int_equal(author->policy, why[d].author.policy);
		assert_int_equal(author->rule, why[d].author.rule);
		assert_non_null(why[d].text);
	}
	wr_arena_free(a);
	return v.allow;
}
