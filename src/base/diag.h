/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Diagnostics: errors and warnings as records with places, collected and
 * printed by whoever talks to the user. Library code never prints.
 *
 * A list has a bound: past WR_DIAG_MAX records only the counts go on.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define WR_DIAG_MAX 10000

/* A place in an input: line and column count from 1; line 0: the whole file. */
struct wr_mark {
	const char *file; /* as the user named it; "-" is standard input; NULL: no place */
	uint32_t line, column;
};

enum wr_severity { WR_ERROR, WR_WARNING, WR_NOTE };

struct wr_diag {
	enum wr_severity severity;
	struct wr_mark mark;
	const char *object;  /* "NetworkPolicy shop/db", or NULL */
	const char *path;    /* field path, "spec.ingress[0].ports[1].port", or NULL */
	const char *message; /* what is wrong: value, and what was expected */
	const char *advice;  /* what to do, or NULL */
};

struct wr_diags;

/* A new, empty list or NULL when out of memory; wr_diags_free() takes NULL. */
struct wr_diags *wr_diags_new(void);
void wr_diags_free(struct wr_diags *d);

/*
 * Adds a record; all strings are copied (object, path and the mark's file
 * too). The advice of the newest record is set by wr_diag_advise(). Out of
 * memory and the bound are not errors of the caller: the counts stay true.
 */
void wr_diag_add(struct wr_diags *d, enum wr_severity severity, struct wr_mark mark,
		 const char *object, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
void wr_diag_advise(struct wr_diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Records kept, and the i-th. */
size_t wr_diags_count(const struct wr_diags *d);
const struct wr_diag *wr_diags_at(const struct wr_diags *d, size_t i);

/* All records of a severity, those past the bound too. */
size_t wr_diags_total(const struct wr_diags *d, enum wr_severity severity);

/* Sorts by file (order of first appearance), line and column, stably. */
void wr_diags_sort(struct wr_diags *d);
