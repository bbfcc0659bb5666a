/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of pods: what is asked for, and what comes while a log is followed. */
#include "fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apiserver/call.h"
#include "apiserver/load.h"
#include "apiserver/logs.h"

#define LOG "/api/v1/namespaces/default/pods/a/log"
#define LINE(second, text) "2026-01-02T03:04:0" second ".000000006Z " text "\n"

static struct wr_server server;
static char folder[64], path[128];

static void ask(const char *method, const char *uri, const char *body, struct wr_reply *r)
{
	const struct wr_request q = {
		.method = method, .uri = uri, .body = body, .size = strlen(body)};
	*r = (struct wr_reply){0};
	wr_handle(&server, &q, r);
}

static int start(void **state)
{
	static const char pod[] = "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":"
				  "[{\"name\":\"c\",\"image\":\"i\"}]}}";
	struct wr_diags *d = wr_diags_new();
	struct wr_reply r;
	(void)state;
	server = (struct wr_server){0};
	int rc = wr_store_init(&server.store, 100, 1);
	if (!rc)
		rc = wr_load(&server, NULL, 0, d);
	wr_diags_free(d);
	snprintf(folder, sizeof(folder), "/tmp/weir-logs-XXXXXX");
	if (rc || !mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/logs", folder);
	if (mkdir(path, 0700) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/logs/default_a", folder);
	server.kubelet = folder;
	ask("POST", "/api/v1/namespaces/default/pods", pod, &r);
	rc = r.code == 201 ? 0 : -1;
	wr_reply_free(&r);
	return rc;
}

static int stop(void **state)
{
	char logs[128];
	(void)state;
	wr_store_free(&server.store);
	snprintf(logs, sizeof(logs), "%s/logs", folder);
	(void)unlink(path);
	return rmdir(logs) < 0 || rmdir(folder) < 0 ? -1 : 0;
}

static void write_log(const char *mode, const char *text)
{
	FILE *f = fopen(path, mode);
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void says(const char *query, const char *want)
{
	char uri[256];
	struct wr_reply r;
	snprintf(uri, sizeof(uri), LOG "%s", query);
	ask("GET", uri, "", &r);
	assert_int_equal(r.code, 200);
	assert_string_equal(r.text.data ? r.text.data : "", want);
	assert_string_equal(r.type, "text/plain");
	assert_null(r.log);
	wr_reply_free(&r);
}

static void refused(const char *uri, unsigned code, const char *part)
{
	struct wr_reply r;
	ask("GET", uri, "", &r);
	assert_int_equal(r.code, code);
	assert_non_null(strstr(r.text.data, part));
	wr_reply_free(&r);
}

static void what_is_asked_for(void **state)
{
	(void)state;
	says("", ""); /* nothing was said yet */
	write_log("w", "no time\n" LINE("1", "one") LINE("2", "two") LINE("3", "three"));
	says("", "no time\none\ntwo\nthree\n");
	says("?tailLines=2", "two\nthree\n");
	says("?tailLines=0", "");
	says("?tailLines=9", "no time\none\ntwo\nthree\n");
	says("?timestamps=true&tailLines=1", LINE("3", "three"));
	says("?limitBytes=11", "no time\none");
	says("?sinceTime=2026-01-02T03:04:02Z", "two\nthree\n");
	says("?sinceTime=2026-01-02T04:04:03%2B01:00", "three\n");
	says("?sinceTime=2026-01-02T03:04:03.5Z", "");
	says("?sinceSeconds=60", "");
	says("?container=c&tailLines=1", "three\n");
}

static void what_is_refused(void **state)
{
	(void)state;
	refused("/api/v1/namespaces/default/pods/b/log", 404, "pods \\\"b\\\" not found");
	refused(LOG "?container=d", 400, "container d is not valid for pod a");
	refused(LOG "?previous=true", 400, "previous terminated container");
	refused(LOG "?sinceTime=yesterday", 400, "yesterday is not a time");
	server.kubelet = NULL;
	refused(LOG, 404, "nothing runs the pods");
}

static void more(struct wr_log *log, bool goes_on, const char *want)
{
	struct wr_buf out = {0};
	assert_int_equal(wr_log_more(log, &out), goes_on);
	assert_string_equal(out.data ? out.data : "", want);
	wr_buf_free(&out);
}

static void following(void **state)
{
	struct wr_reply r, gone;
	(void)state;
	write_log("w", LINE("1", "one") LINE("2", "two"));
	ask("GET", LOG "?follow=true&tailLines=1", "", &r);
	assert_int_equal(r.code, 200);
	assert_non_null(r.log);
	assert_string_equal(r.text.data, "two\n");
	more(r.log, true, "");
	write_log("a", LINE("3", "three") "2026-01-02T03:04:04.000000006Z ha");
	more(r.log, true, "three\n"); /* the rest is no line yet */
	write_log("a", "lf\n");
	more(r.log, true, "half\n");
	write_log("w", LINE("5", "anew"));
	more(r.log, true, "anew\n");
	ask("DELETE", "/api/v1/namespaces/default/pods/a", "", &gone);
	assert_int_equal(gone.code, 200);
	wr_reply_free(&gone);
	more(r.log, false, "");
	wr_log_free(r.log);
	wr_reply_free(&r);
}

static void the_end_of_a_pod(void **state)
{
	static const char ended[] = "{\"status\":{\"phase\":\"Succeeded\"}}";
	struct wr_reply r, done;
	const struct wr_request q = {.method = "PATCH",
				     .uri = "/api/v1/namespaces/default/pods/a/status",
				     .content_type = "application/merge-patch+json",
				     .body = ended,
				     .size = sizeof(ended) - 1};
	(void)state;
	ask("GET", LOG "?follow=true", "", &r);
	assert_non_null(r.log);
	more(r.log, true, "");
	write_log("w", "the last word");
	done = (struct wr_reply){0};
	wr_handle(&server, &q, &done);
	assert_int_equal(done.code, 200);
	wr_reply_free(&done);
	more(r.log, false, "the last word");
	wr_log_free(r.log);
	wr_reply_free(&r);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_asked_for),
		CASE(what_is_refused),
		CASE(following),
		CASE(the_end_of_a_pod),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
