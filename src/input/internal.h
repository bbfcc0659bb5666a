/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of this folder share. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/vec.h"
#include "input/input.h"
#include "input/value.h"

/* The deepest nesting that any limit can ask for: readers and their users recurse. */
#define WR_DEPTH_MAX 1000

/* The limits in force when the caller names none. */
extern const struct wr_input_limits wr_input_default_limits;

/* Where a reader takes its memory from and puts its errors. */
struct wr_reading {
	struct wr_arena *arena;
	const struct wr_input_limits *limits;
	struct wr_diags *diags; /* may be NULL: errors are not wanted */
	const char *file;
};

/* One error, for readers that stop at their first: reported later, or never. */
struct wr_problem {
	struct wr_mark mark;
	char message[256];
	const char *advice; /* static, or NULL */
};

void wr_problem_report(const struct wr_problem *p, struct wr_diags *diags);

struct wr_input {
	struct wr_arena *arena;
	struct wr_input_limits limits;
	WR_VEC(struct wr_document) documents;
	WR_VEC(void *) buffers; /* the bytes of the files, which documents point into */
	size_t files;
	bool stdin_read;
};

/*
 * Reads a text whose bytes (from malloc) become the input's own, also when it
 * fails. 0, -EIO when errors were reported, -ENOMEM.
 */
int wr_input_take(struct wr_input *in, const char *name, uint32_t first_line, char *bytes,
		  size_t size, struct wr_diags *diags);

/* A bound in words: "256 MiB" or "1000 bytes". */
const char *wr_input_size_words(size_t bytes, char buf[32]);

/* Marks the fields of a map whose key stands earlier in it. 0 or -ENOMEM. */
int wr_fields_flag_duplicates(struct wr_field *fields, size_t n);

/*
 * The documents of a text as kubectl splits it (document.c). Calls add() for
 * each that is not empty; returns 0, -EINVAL when any error was reported,
 * -ENOMEM, or the first other value that add() returned below 0.
 */
struct wr_documents {
	const struct wr_reading *reading;
	int (*add)(void *arg, const char *text, size_t size, uint32_t first_line,
		   struct wr_value *root);
	void *arg;
};

int wr_documents_read(const struct wr_documents *d, const char *text, size_t size,
		      uint32_t first_line);

/*
 * One YAML document (no document separators inside). *root is NULL for a
 * document that says nothing. 0, -EINVAL (reported), -ENOMEM. Where
 * problem is not NULL the first error goes there instead of into the list.
 */
int wr_yaml_read(const struct wr_reading *r, const char *text, size_t size, uint32_t first_line,
		 struct wr_problem *problem, struct wr_value **root);

/* Reads and resolves numbers without the locale's help (number.c). */
bool wr_number_int(const char *text, size_t size, unsigned base, bool *negative,
		   uint64_t *magnitude);
double wr_number_float(const char *text);

/* The key that sigs.k8s.io/yaml makes of a float: the shortest text of a 32-bit one. */
#define WR_FLOAT_KEY_TEXT 32
void wr_number_float_key(double number, char *buf);

/* An integer or float as JSON has it: a float without a fraction is an integer. */
void wr_value_set_int(struct wr_value *v, bool negative, uint64_t magnitude);
void wr_value_set_float(struct wr_value *v, double number);

/* Bytes of the UTF-8 character at p (before end), or 0 where it is none. */
size_t wr_utf8_length(const unsigned char *p, const unsigned char *end);

/* Writes a code point (never a surrogate) as UTF-8; returns the bytes written, 1 to 4. */
size_t wr_utf8_encode(uint32_t code, char *out);

/*
 * A UTF-16 text with its byte order mark to UTF-8 in the arena. *text and *size
 * are replaced. -EILSEQ with the line and column of what is no character.
 */
int wr_utf16_decode(struct wr_arena *a, const char **text, size_t *size, uint32_t *line,
		    uint32_t *column);
