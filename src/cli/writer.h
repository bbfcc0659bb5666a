/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one way out for results: text, tables, JSON and YAML to a file
 * descriptor, buffered.
 *
 * Documents are written as a sequence of calls and come out as JSON or YAML
 * by the writer's format:
 *
 *	wr_out_map(o);
 *	wr_out_key(o, "verdict"); wr_out_string(o, "allow");
 *	wr_out_key(o, "ports"); wr_out_list(o); wr_out_uint(o, 80); wr_out_end(o);
 *	wr_out_end(o);
 *
 * Every document (a value at the top) ends with a newline; YAML documents
 * after the first begin with "---". JSON is indented by two, and on one line
 * inside wr_out_inline() or for a whole writer of format WR_JSON_LINES.
 *
 * Errors are sticky: after a failed write the writer swallows everything, and
 * wr_out_close() tells. Long loops ask wr_out_failed() now and then.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "input/value.h"

/* TABLE..YAML in the order of wr_output_formats. */
enum wr_format { WR_TABLE, WR_JSON, WR_YAML, WR_JSON_LINES };

struct wr_out;

/* A writer to a file descriptor (not closed by it); NULL: out of memory. */
struct wr_out *wr_out_new(int fd, enum wr_format format);
enum wr_format wr_out_format(const struct wr_out *o);
/* True after a write error, and when memory ran out. */
bool wr_out_failed(const struct wr_out *o);
/* Notes that memory ran out: the writer has failed. */
void wr_out_out_of_memory(struct wr_out *o);
/* Writes what is buffered. */
void wr_out_flush(struct wr_out *o);
/* Flushes and frees (takes NULL); 0 or the negative errno of the first failure. */
int wr_out_close(struct wr_out *o);
/*
 * wr_out_close(), and the exit status for a handler: status, or WR_EXIT_ERROR
 * when output was lost (said on stderr, but for a closed pipe).
 */
int wr_out_finish(struct wr_out *o, int status);

static inline void wr_cleanup_out(struct wr_out **o)
{
	(void)wr_out_close(*o);
}

/* ---- text ---- */

enum wr_colour { WR_PLAIN, WR_BOLD, WR_RED, WR_GREEN, WR_YELLOW, WR_CYAN, WR_DIM };

/* Colours: only on a terminal, and not with NO_COLOR or TERM=dumb. */
bool wr_colours(int fd);
/* Escape sequence that switches to a colour, "" where the writer has none. */
const char *wr_out_colour(const struct wr_out *o, enum wr_colour c);

void wr_out_text(struct wr_out *o, const char *s);
void wr_out_bytes(struct wr_out *o, const void *data, size_t size);
void wr_out_printf(struct wr_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- documents ---- */

void wr_out_map(struct wr_out *o);
void wr_out_list(struct wr_out *o);
void wr_out_end(struct wr_out *o);
/* The next map or list goes on one line with all that it holds (JSON only). */
void wr_out_inline(struct wr_out *o);
void wr_out_key(struct wr_out *o, const char *key);
void wr_out_string(struct wr_out *o, const char *s); /* NULL: null */
void wr_out_int(struct wr_out *o, int64_t v);
void wr_out_uint(struct wr_out *o, uint64_t v);
void wr_out_double(struct wr_out *o, double v);
void wr_out_bool(struct wr_out *o, bool v);
void wr_out_null(struct wr_out *o);
/* A value tree as it is. */
void wr_out_value(struct wr_out *o, const struct wr_value *v);

/* Key and value in one call. */
void wr_out_key_string(struct wr_out *o, const char *key, const char *s);
void wr_out_key_uint(struct wr_out *o, const char *key, uint64_t v);
void wr_out_key_bool(struct wr_out *o, const char *key, bool v);

/* ---- tables ---- */

/*
 * A table is kept until its end, for the widths. Cells are copied; a colour
 * does not count for the width.
 */
struct wr_table;
struct wr_table *wr_table_new(unsigned columns); /* NULL: out of memory */
void wr_table_free(struct wr_table *t);          /* takes NULL */
void wr_table_cell(struct wr_table *t, enum wr_colour c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The table with its columns aligned, two blanks between; the first row is the
 * head (bold). Empty cells at the end of a row leave no blanks.
 */
void wr_table_write(const struct wr_table *t, struct wr_out *o);

WR_DEFINE_CLEANUP(table, struct wr_table *, wr_table_free)
