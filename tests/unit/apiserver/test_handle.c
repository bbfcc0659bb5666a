/* SPDX-License-Identifier: Apache-2.0 */
/* Requests without a network: paths, methods, what is refused. */
#include "fixture.h"

#include "apiserver/call.h"
#include "apiserver/columns.h"
#include "apiserver/load.h"
#include "apiserver/protobuf.h"
#include "apiserver/watch.h"

static struct wr_server server;

static int start(void **state)
{
	struct wr_diags *d = wr_diags_new();
	(void)state;
	server = (struct wr_server){0};
	int rc = wr_store_init(&server.store, 100, 1);
	if (!rc)
		rc = wr_load(&server, NULL, 0, d);
	wr_diags_free(d);
	return rc;
}

static int stop(void **state)
{
	(void)state;
	wr_store_free(&server.store);
	return 0;
}

static unsigned ask(const char *method, const char *uri, const char *body)
{
	struct wr_reply r = {0};
	const struct wr_request q = {
		.method = method, .uri = uri, .body = body, .size = strlen(body)};
	wr_handle(&server, &q, &r);
	wr_watch_free(r.watch);
	unsigned code = r.code;
	wr_reply_free(&r);
	return code;
}

static void test_paths(void **state)
{
	static const struct {
		const char *method, *uri;
		unsigned code;
	} rows[] = {
		{"GET", "/", 200},
		{"GET", "/api", 200},
		{"GET", "/api/v1", 200},
		{"GET", "/api/v2", 404},
		{"GET", "/apis", 200},
		{"GET", "/apis/apps", 200},
		{"GET", "/apis/apps/v1", 200},
		{"GET", "/apis/apps/v2", 404},
		{"GET", "/apis/none", 404},
		{"GET", "/openapi/v2", 200},
		{"GET", "/openapi/v3", 200},
		{"GET", "/openapi/v3/api/v1", 200},
		{"GET", "/openapi/v3/apis/networking.k8s.io/v1?hash=x", 200},
		{"GET", "/openapi/v3/apis/none/v1", 404},
		{"GET", "/version", 200},
		{"POST", "/version", 405},
		{"GET", "/api/v1/namespaces", 200},
		{"GET", "/api/v1/namespaces/default", 200},
		{"GET", "/api/v1/namespaces/default/status", 200},
		{"GET", "/api/v1/namespaces/none", 404},
		{"GET", "/api/v1/namespaces/default/pods", 200},
		{"GET", "/api/v1/namespaces/default/pods/a", 404},
		{"GET", "/api/v1/namespaces/default/nodes", 404},
		{"GET", "/api/v1/namespaces/default/pods/a/b/c", 404},
		{"GET", "/api/v1/pods", 200},
		{"GET", "/api/v1/p%6fds", 200},
		{"GET", "/api/v1/p%00ds", 400},
		{"GET", "/api/v1/pods?limit=1&continue=%7b", 400},
		{"GET", "/api/v1/pods?watch=1", 200},
		{"GET", "/api/v1/pods?resourceVersion=1000", 504},
		{"POST", "/api/v1/pods", 405},
		{"PUT", "/api/v1/pods", 405},
		{"BREW", "/api/v1/namespaces/default/pods/a", 405},
		{"DELETE", "/api/v1/namespaces/default/pods", 200},
		{"DELETE", "/api/v1/namespaces/default", 403},
		{"DELETE", "/api/v1/namespaces/none", 404},
		{"GET", "//api///v1/pods/", 200},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned code = ask(rows[i].method, rows[i].uri, "");
		if (code != rows[i].code)
			fail_msg("%s %s: %u, wanted %u", rows[i].method, rows[i].uri, code,
				 rows[i].code);
	}
}

static void test_nobody_gets_anything(void **state)
{
	struct wr_reply r = {0};
	const struct wr_request q = {.method = "GET", .uri = "/api", .body = "", .unknown = true};
	(void)state;
	wr_handle(&server, &q, &r);
	assert_int_equal(r.code, 401);
	assert_non_null(strstr(r.text.data, "\"Unauthorized\""));
	wr_reply_free(&r);
}

static void test_durations(void **state)
{
	static const struct {
		int64_t s;
		const char *want;
	} rows[] = {{-5, "0s"},       {0, "0s"},      {119, "119s"},      {120, "2m"},
		    {125, "2m5s"},    {600, "10m"},   {10799, "179m"},    {10800, "3h"},
		    {10860, "3h1m"},  {28800, "8h"},  {172799, "47h"},    {172800, "2d"},
		    {176400, "2d1h"}, {691200, "8d"}, {63071999, "729d"}, {63072000, "2y"}};
	char buf[32];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(wr_columns_duration(rows[i].s, buf), rows[i].want);
}

/* What kubectl create namespace sends, and the same cut at every byte. */
static void test_protobuf(void **state)
{
	static const char body[] = "k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x0d"
				   "\x0a\x07\x0a\x01x\x5a\x02\x0a\x00"
				   "\x12\x00\x1a\x00";
	struct fixture f = {.t.arena = wr_arena_new()};
	struct wr_value *v = NULL;
	(void)state;
	assert_int_equal(wr_protobuf_read(&f.t, body, sizeof(body) - 1, &v), 0);
	same(&f, v,
	     "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'x','labels':{'':''}}}");
	for (size_t n = 0; n < sizeof(body) - 1; n++) {
		char *part = wr_arena_alloc(f.t.arena, n + 1);
		memcpy(part, body, n);
		(void)wr_protobuf_read(&f.t, part, n, &v);
	}
	wr_arena_free(f.t.arena);
	wr_buf_free(&f.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, start, stop),
		cmocka_unit_test_setup_teardown(test_nobody_gets_anything, start, stop),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_protobuf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
