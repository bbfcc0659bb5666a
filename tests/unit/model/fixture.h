/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A world from manifests text, for tests: read, decoded, resolved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "input/input.h"
#include "model/world.h"

struct fixture {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
	struct wr_world *world;
};

static inline void fixture_up(struct fixture *f, const char *manifests)
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
}

/* The same from a list that ends with NULL; every text begins with its own "---". */
static inline void fixture_up_all(struct fixture *f, const char *const *objects)
{
	char all[8192] = "";
	size_t at = 0;
	for (; *objects; objects++) {
		int n = snprintf(all + at, sizeof(all) - at, "%s", *objects);
		assert_true(n >= 0 && (size_t)n < sizeof(all) - at);
		at += (size_t)n;
	}
	fixture_up(f, all);
}

static inline void fixture_down(struct fixture *f)
{
	wr_world_unref(f->world);
	wr_arena_free(f->arena);
	wr_input_free(f->in);
	wr_diags_free(f->diags);
}

/* Appends to text of a fixed size; too much fails the test. */
__attribute__((format(printf, 3, 4))) static inline void fixture_add(char *buf, size_t size,
								     const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < size - at);
}

/* The pods as "ns/name[Kind]", each followed by a space. */
static inline const char *fixture_pods(const struct fixture *f, char *buf, size_t size)
{
	buf[0] = '\0';
	for (uint32_t i = 0; i < f->world->n_pods; i++) {
		const struct wr_pod *pod = &f->world->pods[i];
		fixture_add(buf, size, "%s/%s[%s] ", pod->ns, pod->name, wr_kind_name(pod->kind));
	}
	return buf;
}

static inline const struct wr_pod *fixture_pod(const struct fixture *f, const char *ns,
					       const char *name)
{
	uint32_t i = wr_world_find_pod(f->world, ns, name, WR_KIND_COUNT);
	if (i == WR_NONE)
		fail_msg("no pod %s/%s", ns, name);
	return &f->world->pods[i];
}

/* Labels as "key=value" in the order of their text, each followed by a space. */
static inline const char *fixture_labels(const struct fixture *f, const struct wr_label_id *labels,
					 size_t n, char *buf, size_t size)
{
	const char *last = "";
	buf[0] = '\0';
	for (size_t k = 0; k < n; k++) {
		const char *next = NULL;
		for (size_t i = 0; i < n; i++) {
			const char *text = wr_world_pair_text(f->world, labels[i].pair);
			if (strcmp(text, last) > 0 && (!next || strcmp(text, next) < 0))
				next = text;
		}
		assert_non_null(next);
		fixture_add(buf, size, "%s ", next);
		last = next;
	}
	return buf;
}
