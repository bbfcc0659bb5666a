/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What decoding, resolving and running share. */
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "expect/expect.h"

/* One end of a connection; port: the pod's where a Service was named, else 0. */
struct end {
	struct wr_side side;
	uint16_t port;
};

typedef WR_VEC(struct end) end_list;

struct port {
	uint8_t proto;
	uint16_t first, last;
	const char *name; /* resolved on each destination; NULL: numbers */
};

struct expectation {
	const char *name;
	struct wr_mark mark;
	end_list from, to;
	WR_VEC(struct port) ports;
	bool allow;
	bool only; /* from may, all others may not */
};

struct wr_expect {
	const struct wr_program *p;
	WR_VEC(struct expectation) tests;
	end_list everybody; /* all pods, and an address of every kind outside */
};

struct resolver {
	const struct wr_program *p;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_map *groups; /* name to value */
	unsigned depth;
	bool nomem;
	/* of the destination in hand, where it is a Service */
	const char *service_port;
	uint8_t proto;
};

/* resolve.c: adds the ends that a value names; errors go into diags. */
void expect_resolve(struct resolver *r, const struct wr_value *v, bool destination, end_list *out);
/* An address of every class of addresses outside. */
void expect_outside(struct resolver *r, end_list *out);
