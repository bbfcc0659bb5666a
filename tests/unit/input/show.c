/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct shown shown_read(const char *text, size_t size, const struct wr_input_limits *limits)
{
	struct shown s = {wr_input_new(limits), wr_diags_new(), 0};
	assert_non_null(s.in);
	assert_non_null(s.diags);
	s.rc = wr_input_bytes(s.in, "f", 1, text, size, s.diags);
	return s;
}

void shown_free(struct shown *s)
{
	wr_input_free(s->in);
	wr_diags_free(s->diags);
}

static void put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", f);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\x%02x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

static void put(FILE *f, const struct wr_value *v)
{
	switch (v->type) {
	case WR_NULL:
		fputs("null", f);
		break;
	case WR_BOOL:
		fputs(v->boolean ? "true" : "false", f);
		break;
	case WR_INT:
		fprintf(f, "%lld", (long long)v->integer);
		break;
	case WR_FLOAT:
		fprintf(f, "%.15gf", v->number);
		break;
	case WR_STRING:
		put_string(f, v->text);
		break;
	case WR_LIST:
		for (size_t i = 0; i < v->n; i++) {
			fputc(i ? ',' : '[', f);
			put(f, v->items[i]);
		}
		fputs(v->n ? "]" : "[]", f);
		break;
	case WR_MAP:
		for (size_t i = 0; i < v->n; i++) {
			fputc(i ? ',' : '{', f);
			if (v->fields[i].duplicate)
				fputc('!', f);
			put_string(f, v->fields[i].key);
			fputc(':', f);
			put(f, v->fields[i].value);
		}
		fputs(v->n ? "}" : "{}", f);
		break;
	}
}

char *show_value(const struct wr_value *v)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	put(f, v);
	fclose(f);
	return text;
}

char *show_documents(const struct wr_input *in)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	for (size_t i = 0; i < wr_input_count(in); i++) {
		put(f, wr_input_at(in, i)->root);
		fputc('\n', f);
	}
	fclose(f);
	return text;
}

char *show_diags(const struct wr_diags *d)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	for (size_t i = 0; i < wr_diags_count(d); i++) {
		const struct wr_diag *g = wr_diags_at(d, i);
		fprintf(f, "%s:%u:%u: %s\n", g->mark.file, g->mark.line, g->mark.column,
			g->message);
	}
	fclose(f);
	return text;
}

void expect_bytes(const char *text, size_t size, const struct wr_input_limits *limits,
		  const char *documents, const char *errors)
{
	struct shown s = shown_read(text, size, limits);
	char *got_documents = show_documents(s.in), *got_errors = show_diags(s.diags);
	if (strcmp(got_documents, documents) != 0 || strcmp(got_errors, errors) != 0)
		fail_msg("reading:\n%.2000s\nexpected:\n%s%sgot:\n%s%s", text, documents, errors,
			 got_documents, got_errors);
	assert_int_equal(s.rc != 0, *errors != '\0');
	free(got_documents);
	free(got_errors);
	shown_free(&s);
}

void expect(const char *text, const char *documents, const char *errors)
{
	expect_bytes(text, strlen(text), NULL, documents, errors);
}

void check_tree(const struct wr_value *v, uint32_t first_line, uint32_t last_line)
{
	assert_in_range(v->mark.line, first_line, last_line);
	assert_true(v->mark.column >= 1);
	if (v->type == WR_LIST || v->type == WR_MAP)
		assert_null(v->text);
	else
		assert_non_null(v->text);
	if (v->type == WR_INT)
		assert_true(v->number == (double)v->integer);
	for (size_t i = 0; i < v->n; i++) {
		if (v->type == WR_MAP) {
			assert_non_null(v->fields[i].key);
			assert_in_range(v->fields[i].mark.line, first_line, last_line);
			check_tree(v->fields[i].value, first_line, last_line);
		} else {
			assert_int_equal(v->type, WR_LIST);
			check_tree(v->items[i], first_line, last_line);
		}
	}
}
