/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kube/internal.h"

#define HEAD "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","

static char *argv[] = {(char[]){"plugin"}, NULL};

static int read_text(struct wr_kube_exec *e, const char *text, char *error)
{
	e->api = "client.authentication.k8s.io/v1";
	e->argv = argv;
	return wr_kube_exec_read(e, text, strlen(text), error);
}

static void times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds; /* -1: no time */
	} rows[] = {
		{"2026-11-21T08:00:00Z", 1795248000},
		{"2026-11-21T08:00:00.123456789Z", 1795248000},
		{"2026-11-21T10:30:00+02:30", 1795248000},
		{"2026-11-21T03:00:00-05:00", 1795248000},
		{"1970-01-01T00:00:01Z", 1},
		{"2026-11-21T08:00:00", -1},
		{"2026-11-21 08:00:00Z", -1},
		{"2026-11-21T08:00:00Zx", -1},
		{"2026-11-21T08:00:00+0230x", -1},
		{"tomorrow", -1},
		{"", -1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_kube_exec e = {0};
		char text[512], error[WR_KUBE_ERROR] = "";
		snprintf(text, sizeof(text),
			 HEAD "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"%s\"}}",
			 rows[i].text);
		int rc = read_text(&e, text, error);
		if ((rc < 0) != (rows[i].seconds < 0) || (!rc && e.expires != rows[i].seconds))
			print_message("%s: %d, %lld\n", rows[i].text, rc, (long long)e.expires);
		assert_int_equal(rc < 0, rows[i].seconds < 0);
		if (!rc)
			assert_int_equal(e.expires, rows[i].seconds);
		wr_kube_exec_clear(&e);
	}
}

static void what_it_may_say(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *error; /* a part of the message; NULL: it is good */
	} rows[] = {
		{HEAD "\"status\":{\"token\":\"t\"}}", NULL},
		{HEAD "\"status\":{\"token\":\"t\",\"expirationTimestamp\":null}}", NULL},
		{HEAD "\"status\":{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}}",
		 NULL},
		{HEAD "\"status\":{\"clientCertificateData\":\"c\"}}", "neither"},
		{HEAD "\"status\":{\"token\":\"t\",\"clientKeyData\":\"k\"}}", "neither"},
		{HEAD "\"status\":{\"token\":\"\"}}", "neither"},
		{HEAD "\"status\":{}}", "neither"},
		{HEAD "\"status\":[]}", "neither"},
		{HEAD "\"x\":1}", "neither"},
		{HEAD "\"status\":{\"token\":7}}", "no texts"},
		{HEAD "\"status\":{\"token\":[\"t\"]}}", "no texts"},
		{"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v1\",\"status\":{\"token\":\"t\"}}",
		 "another apiVersion"},
		{"{\"kind\":\"Secret\",\"apiVersion\":\"client.authentication.k8s.io/v1\"}",
		 "no ExecCredential"},
		{"[]", "no ExecCredential"},
		{"", "no JSON"},
		{"hello", "no JSON"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_kube_exec e = {0};
		char error[WR_KUBE_ERROR] = "";
		int rc = read_text(&e, rows[i].text, error);
		assert_int_equal(rc < 0, rows[i].error != NULL);
		if (rows[i].error && !strstr(error, rows[i].error))
			print_message("%s: %s\n", rows[i].text, error);
		assert_true(!rows[i].error || strstr(error, rows[i].error));
		assert_true(rc || e.token || (e.cert && e.key));
		wr_kube_exec_clear(&e);
		assert_null(e.token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(what_it_may_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
