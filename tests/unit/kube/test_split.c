/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/internal.h"

/* What came out, one object after the other with '|' behind each. */
struct got {
	char text[4096];
	size_t n, objects;
	int answer;
};

static int take(void *arg, const char *text, size_t size)
{
	struct got *g = arg;
	assert_true(g->n + size + 2 < sizeof(g->text));
	memcpy(g->text + g->n, text, size);
	g->n += size;
	g->text[g->n++] = '|';
	g->text[g->n] = '\0';
	g->objects++;
	return g->answer;
}

/* Feeds in pieces of a size; a buffer of the exact size, so that the sanitizer sees every overrun. */
static int feed(struct wr_kube_split *s, const char *text, size_t piece)
{
	size_t n = strlen(text);
	for (size_t at = 0; at < n; at += piece) {
		size_t now = n - at < piece ? n - at : piece;
		char *copy = malloc(now);
		assert_non_null(copy);
		memcpy(copy, text + at, now);
		int rc = wr_kube_split_feed(s, copy, now);
		free(copy);
		if (rc)
			return rc;
	}
	return 0;
}

struct row {
	bool list;
	const char *text;
	int rc;
	const char *objects; /* where rc is 0 */
	bool complete;
	const char *shell; /* of lists that are complete */
};

static const struct row rows[] = {
	{false, "", 0, "", true, NULL},
	{false, " \r\n\t", 0, "", true, NULL},
	{false, "{}", 0, "{}|", true, NULL},
	{false, "{}{}\n{}", 0, "{}|{}|{}|", true, NULL},
	{false, "{\"a\":\"}\"} {\"b\":\"\\\"}\"}", 0, "{\"a\":\"}\"}|{\"b\":\"\\\"}\"}|", true,
	 NULL},
	{false, "{\"a\\\\\":{\"b\":[{},[]]}}", 0, "{\"a\\\\\":{\"b\":[{},[]]}}|", true, NULL},
	{false, "{}{", 0, "{}|", false, NULL},
	{false, "{\"a", 0, "", false, NULL},
	{false, "{\"a\\", 0, "", false, NULL},
	{false, "{\"a\\\"", 0, "", false, NULL},
	{false, "[]", -EBADMSG, NULL, false, NULL},
	{false, "null", -EBADMSG, NULL, false, NULL},
	{false, "\"x\"", -EBADMSG, NULL, false, NULL},
	{false, "{},{}", -EBADMSG, NULL, false, NULL},
	{false, "{]", -EBADMSG, NULL, false, NULL},
	{false, "{[}]", -EBADMSG, NULL, false, NULL},
	{false, "}", -EBADMSG, NULL, false, NULL},
	{false, "{\\\"}", -EBADMSG, NULL, false, NULL},
	{true, "", 0, "", false, NULL},
	{true, "{}", 0, "", true, "{}"},
	{true, "{\"items\":[]}", 0, "", true, "{\"items\":[]}"},
	{true, "{\"items\":null}", 0, "", true, "{\"items\":null}"},
	{true, "{\"items\":[{\"a\":1}]}", 0, "{\"a\":1}|", true, "{\"items\":[]}"},
	{true, " {\"k\": [1, {}], \"items\" : [ {\"a\":[]} , {} ], \"m\":{\"x\":\"]\"}} \n", 0,
	 "{\"a\":[]}|{}|", true, "{\"k\": [1, {}], \"items\" : [], \"m\":{\"x\":\"]\"}}"},
	/* only at the top, and only the key itself */
	{true, "{\"m\":{\"items\":[{}]}}", 0, "", true, "{\"m\":{\"items\":[{}]}}"},
	{true, "{\"my\\\"items\":[{}]}", 0, "", true, "{\"my\\\"items\":[{}]}"},
	{true, "{\"an items\":[{}]}", 0, "", true, "{\"an items\":[{}]}"},
	{true, "{\"a\":\"items\",\"b\":[{}]}", 0, "", true, "{\"a\":\"items\",\"b\":[{}]}"},
	{true, "{\"items\":[{}],\"items\":[{}]}", 0, "{}|{}|", true, "{\"items\":[],\"items\":[]}"},
	{true, "{\"items\":[{\"items\":[{}]}]}", 0, "{\"items\":[{}]}|", true, "{\"items\":[]}"},
	{true, "{\"items\":[{}", 0, "{}|", false, NULL},
	{true, "{\"items\":[{}]", 0, "{}|", false, NULL},
	{true, "{\"items\":[1]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[[]]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[\"x\"]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[,{}]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[{},]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[{},,{}]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[{}{}]}", -EBADMSG, NULL, false, NULL},
	{true, "{\"items\":[{}}", -EBADMSG, NULL, false, NULL},
	{true, "{}{}", -EBADMSG, NULL, false, NULL},
	{true, "{} x", -EBADMSG, NULL, false, NULL},
	{true, "[]", -EBADMSG, NULL, false, NULL},
};

static void every_row_in_every_piece(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		for (size_t piece = 1; piece <= strlen(r->text) + 1; piece++) {
			struct wr_kube_split s;
			struct got g = {0};
			wr_kube_split_init(&s, r->list, take, &g);
			int rc = feed(&s, r->text, piece);
			if (rc != r->rc)
				print_message("%s in pieces of %zu: %d\n", r->text, piece, rc);
			assert_int_equal(rc, r->rc);
			if (!rc) {
				assert_string_equal(g.text, r->objects);
				assert_int_equal(wr_kube_split_complete(&s), r->complete);
			}
			if (!rc && r->shell) {
				assert_int_equal(s.shell.n, strlen(r->shell));
				assert_memory_equal(s.shell.items, r->shell, s.shell.n);
			}
			wr_kube_split_free(&s);
		}
	}
}

static int feed_repeated(struct wr_kube_split *s, const char *head, const char *piece, size_t times)
{
	int rc = wr_kube_split_feed(s, head, strlen(head));
	for (size_t i = 0; i < times && !rc; i++)
		rc = wr_kube_split_feed(s, piece, strlen(piece));
	return rc;
}

static int bounded(bool list, const char *head, const char *piece, size_t times, size_t bytes,
		   size_t values, size_t objects)
{
	struct wr_kube_split s;
	struct got g = {0};
	wr_kube_split_init(&s, list, take, &g);
	s.max_bytes = bytes;
	s.max_values = values;
	s.max_objects = objects;
	int rc = feed_repeated(&s, head, piece, times);
	char text[WR_KUBE_ERROR];
	if (rc)
		assert_true(*wr_kube_split_problem(&s, rc, text));
	wr_kube_split_free(&s);
	return rc;
}

static void bounds(void **state)
{
	(void)state;
	/* the last that is taken, and the first that is not */
	assert_int_equal(bounded(false, "{\"a\":\"", "x", 94, 100, 99, 99), 0);
	assert_int_equal(bounded(false, "{\"a\":\"", "x", 95, 100, 99, 99), -EMSGSIZE);
	assert_int_equal(bounded(false, "{\"a\":[", "1,", 8, 1000, 10, 99), 0);
	assert_int_equal(bounded(false, "{\"a\":[", "1,", 9, 1000, 10, 99), -EMSGSIZE);
	assert_int_equal(bounded(false, "{\"a\":", "[", 99, 1000, 1000, 99), 0);
	assert_int_equal(bounded(false, "{\"a\":", "[", 100, 1000, 1000, 99), -EMSGSIZE);
	assert_int_equal(bounded(true, "{\"items\":[{}", ",{}", 4, 100, 9, 5), 0);
	assert_int_equal(bounded(true, "{\"items\":[{}", ",{}", 5, 100, 9, 5), -EMSGSIZE);
	/* the count of values is each object's own */
	assert_int_equal(bounded(false, "", "{\"a\":[1,2,3]}", 200, 100, 10, 999), 0);
	assert_int_equal(bounded(true, "{\"items\":[{}", ",{\"a\":[1,2,3]}", 200, 100, 10, 999), 0);
	/* what stands around the items is bounded, too */
	assert_int_equal(bounded(true, "{\"a\":\"", "xxxxxxxx", 130000, 100, 10, 5), 0);
	assert_int_equal(bounded(true, "{\"a\":\"", "xxxxxxxx", 140000, 100, 10, 5), -EMSGSIZE);
}

static void the_receiver_may_stop(void **state)
{
	(void)state;
	struct wr_kube_split s;
	struct got g = {.answer = -ECANCELED};
	wr_kube_split_init(&s, false, take, &g);
	assert_int_equal(wr_kube_split_feed(&s, "{}{}", 4), -ECANCELED);
	assert_int_equal(g.objects, 1);
	wr_kube_split_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_in_every_piece),
		cmocka_unit_test(bounds),
		cmocka_unit_test(the_receiver_may_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
