/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Manifests text to objects, for tests, and the messages about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/decode.h"

struct fixture {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
	int rc;
};

static inline void fixture_decode_with(struct fixture *f, const char *text,
				       const struct wr_decode_opts *opts)
{
	*f = (struct fixture){
		.in = wr_input_new(NULL), .arena = wr_arena_new(), .diags = wr_diags_new()};
	assert_non_null(f->in);
	assert_non_null(f->arena);
	assert_non_null(f->diags);
	assert_int_equal(wr_input_bytes(f->in, "t.yaml", 1, text, strlen(text), f->diags), 0);
	f->rc = wr_decode_with(f->in, opts, f->arena, f->diags, &f->objects);
	assert_true(f->rc == 0 || f->rc == -EINVAL);
	assert_int_equal(f->rc == -EINVAL, wr_diags_total(f->diags, WR_ERROR) > 0);
}

static inline void fixture_decode(struct fixture *f, const char *text, bool strict_cidrs)
{
	const struct wr_decode_opts opts = {.strict_cidrs = strict_cidrs};
	fixture_decode_with(f, text, &opts);
}

static inline void fixture_down(struct fixture *f)
{
	wr_diags_free(f->diags);
	wr_arena_free(f->arena);
	wr_input_free(f->in);
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

static inline void fixture_print(const struct fixture *f)
{
	for (size_t i = 0; i < wr_diags_count(f->diags); i++) {
		const struct wr_diag *d = wr_diags_at(f->diags, i);
		print_message("  %u:%u: %s: %s (%s)\n", d->mark.line, d->mark.column,
			      d->path ? d->path : "-", d->message, d->advice ? d->advice : "-");
	}
}

/* Decodes without a message and gives the only object. */
static inline struct wr_object *fixture_one(struct fixture *f, const char *text)
{
	fixture_decode(f, text, true);
	if (wr_diags_count(f->diags) || f->objects.n != 1)
		fixture_print(f);
	assert_int_equal(wr_diags_count(f->diags), 0);
	assert_int_equal(f->objects.n, 1);
	return f->objects.items[0];
}

/* One message that a text must give; NULL and 0 are not looked at. */
struct complaint {
	const char *text;
	const char *path, *message; /* exactly */
	const char *advice;         /* a part of it; "": none */
	uint32_t line, column;
};

static inline bool fits(const struct complaint *c, const struct wr_diag *d)
{
	if (c->path && (!d->path || strcmp(c->path, d->path)))
		return false;
	if (strcmp(c->message, d->message) || (c->line && c->line != d->mark.line) ||
	    (c->column && c->column != d->mark.column))
		return false;
	if (!c->advice)
		return true;
	return *c->advice ? d->advice && strstr(d->advice, c->advice) : !d->advice;
}

/* The text must give exactly this one error, and no object. */
static inline void expect_complaint(const struct complaint *c)
{
	struct fixture f;
	fixture_decode(&f, c->text, true);
	bool good = wr_diags_count(f.diags) == 1 && fits(c, wr_diags_at(f.diags, 0)) &&
		    f.objects.n == 0;
	if (!good) {
		print_message("of\n%s\nexpected %u:%u: %s: %s (%s), got\n", c->text, c->line,
			      c->column, c->path ? c->path : "-", c->message,
			      c->advice ? c->advice : "-");
		fixture_print(&f);
	}
	assert_true(good);
	fixture_down(&f);
}
