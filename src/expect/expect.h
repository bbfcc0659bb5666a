/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Expect: what people expect of their policies, written down and checked.
 *
 *	groups:
 *	  clients: [shop/web, shop/api]
 *	tests:
 *	- name: the shop reaches its database
 *	  from: clients
 *	  to: shop/db
 *	  port: 5432
 *	  expect: allow
 *	- name: and nobody else does
 *	  to: shop/db
 *	  port: 5432
 *	  only: [clients]
 *
 * Ends are pods or workloads (ns/name, ns/kind/name), all pods of a namespace
 * (ns/x), of all (x/x, with * for x), addresses, CIDRs, "outside", maps of
 * namespace and labels, names of groups, and lists of these; destinations also
 * Services (ns/service/name). docs/tests.md has it all.
 */
#include "engine/explain.h"
#include "engine/program.h"
#include "input/input.h"

/* One connection that is not as expected. */
struct wr_expect_failure {
	struct wr_side src, dst;
	uint8_t proto;
	uint16_t port;
	bool allowed; /* what it is; the expectation was the other */
};

#define WR_EXPECT_KEPT 20 /* failures of one test that are kept */

struct wr_expect_result {
	const char *name;
	struct wr_mark mark;
	const char *file;
	uint64_t checked, failed, skipped; /* skipped: what packets could not try */
	const char *skip_note;             /* why the first of them was */
	struct wr_expect_failure failures[WR_EXPECT_KEPT];
};

struct wr_expect; /* the tests of some documents, resolved */

/*
 * Reads and resolves all documents of in; memory comes from the arena. A name
 * that matches nothing is an error: a test that checks nothing tells nothing.
 * 0; -EINVAL with errors in diags; -ENOMEM.
 */
int wr_expect_read(const struct wr_input *in, const struct wr_program *p, struct wr_arena *arena,
		   struct wr_diags *diags, struct wr_expect **out);

void wr_expect_free(struct wr_expect *e); /* takes NULL */

size_t wr_expect_count(const struct wr_expect *e);
const char *wr_expect_name(const struct wr_expect *e, size_t i);

/* One connection of a test, and whether it is expected to be allowed. */
struct wr_expect_pair {
	struct wr_side src, dst;
	uint8_t proto;
	uint16_t port;
	bool allow;
};

/* Calls fn for every connection of one test, until it returns another value than 0: that. */
int wr_expect_each(const struct wr_expect *e, size_t i,
		   int (*fn)(void *ctx, const struct wr_expect_pair *pair), void *ctx);

/* An empty result for a test, and one answer noted in it. */
void wr_expect_begin(const struct wr_expect *e, size_t i, struct wr_expect_result *out);
void wr_expect_note(const struct wr_expect_pair *pair, bool allowed, struct wr_expect_result *out);

/* Runs one test by the engine. */
void wr_expect_run(const struct wr_expect *e, size_t i, struct wr_expect_result *out);
