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
#include <unistd.h>

#include "kube/internal.h"

static char folder[] = "/tmp/weir-kubeconfig-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[2][128];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int load(const char *text, const char *context, struct wr_diags *diags,
		struct wr_kube_config **c)
{
	write_file("config", text);
	struct wr_kube_source s = {.kubeconfig = path_of("config"), .context = context};
	return wr_kube_config_load(&s, diags, c);
}

#define CONTEXT "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
#define START "current-context: c\n" CONTEXT
#define CLUSTER "clusters: [{name: k, cluster: {server: 'https://h:1'}}]\n"
#define USER(text) START CLUSTER "users: [{name: u, user: {" text "}}]\n"
#define KUBE(text) \
	START "users: [{name: u, user: {}}]\nclusters: [{name: k, cluster: {" text "}}]\n"
#define EXEC(text) USER("exec: {" text "}")
#define V1 "apiVersion: client.authentication.k8s.io/v1, "

/* Everything that is wrong has a place, and the words that say it. */
static void errors(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line, column;
		const char *message;
	} rows[] = {
		{"", 0, 0, "the kubeconfig is empty"},
		{"a: [\n", 1, 4, "is not closed"},
		{"[]\n", 0, 0, "no current-context"},
		{CONTEXT CLUSTER, 0, 0, "no current-context"},
		{"current-context: 7\n", 1, 18, "must be a text"},
		{"current-context: x\n" CONTEXT, 1, 18, "there is no context \"x\""},
		{"current-context: c\ncontexts: {}\n", 2, 11, "must be a list"},
		{"current-context: c\ncontexts: [{name: c, context: 7}]\n", 2, 31, "must be a map"},
		{START, 2, 31, "there is no cluster \"k\""},
		{START CLUSTER, 2, 31, "there is no user \"u\""},
		{KUBE(""), 4, 31, "the cluster has no server"},
		{KUBE("server: [a]"), 4, 40, "must be a text"},
		{KUBE("server: 'ftp://x'"), 4, 40, "is not the URL"},
		{KUBE("server: 'https://'"), 4, 40, "is not the URL"},
		{KUBE("server: 'https://a b'"), 4, 40, "is not the URL"},
		{KUBE("server: 'https://u:p@h'"), 4, 40, "is not the URL"},
		{KUBE("server: 'https://h', insecure-skip-tls-verify: 'yes'"), 4, 79,
		 "must be true or false"},
		{KUBE("server: 'https://h', certificate-authority: none.crt"), 4, 76,
		 "none.crt: No such file"},
		{KUBE("server: 'https://h', certificate-authority-data: '!'"), 4, 81,
		 "is not the base64"},
		{KUBE("server: 'https://h', certificate-authority-data: 'YQ==', "
		      "insecure-skip-tls-verify: true"),
		 4, 115, "cannot be true where a certificate authority is given"},
		{KUBE("server: 'https://h', proxy-url: 'ftp://p'"), 4, 64,
		 "is not the URL of a proxy"},
		{USER("client-certificate-data: YQ=="), 4, 25, "come together"},
		{USER("client-key-data: YQ=="), 4, 25, "come together"},
		{USER("auth-provider: {name: gcp}"), 4, 41, "gone since"},
		{USER("tokenFile: none"), 4, 37, "No such file"},
		{USER("token: 7"), 4, 33, "must be a text"},
		{USER("as-groups: x"), 4, 37, "must be a list"},
		{USER("as-user-extra: {a: [b]}"), 4, 41, "nothing that weir can send"},
		{USER("exec: 7"), 4, 32, "must be a map"},
		{EXEC(""), 4, 32, "must be client.authentication.k8s.io/v1"},
		{EXEC("apiVersion: client.authentication.k8s.io/v1alpha1"), 4, 32,
		 "must be client"},
		{EXEC(V1), 4, 32, "has no command"},
		{EXEC(V1 "command: x, args: y"), 4, 96, "must be a list"},
		{EXEC(V1 "command: x, args: [7]"), 4, 97, "must be a list of texts"},
		{EXEC(V1 "command: x, env: {}"), 4, 95, "must be a list"},
		{EXEC(V1 "command: x, env: [{value: a}]"), 4, 96, "has no name"},
		{EXEC(V1 "command: x, interactiveMode: Now"), 4, 32, "must be Never"},
	};
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr_diags *diags = wr_diags_new();
		struct wr_kube_config *c = NULL;
		assert_non_null(diags);
		assert_int_equal(load(rows[i].text, NULL, diags, &c), -EINVAL);
		assert_null(c);
		assert_true(wr_diags_total(diags, WR_ERROR) > 0);
		const struct wr_diag *d = wr_diags_at(diags, 0);
		bool right = strstr(d->message, rows[i].message) && d->mark.line == rows[i].line &&
			     d->mark.column == rows[i].column;
		if (!right)
			print_message("%s%s:%u:%u: %s\n", rows[i].text, d->mark.file, d->mark.line,
				      d->mark.column, d->message);
		wrong += !right;
		assert_string_equal(d->mark.file, path_of("config"));
		wr_diags_free(diags);
	}
	assert_int_equal(wrong, 0);
}

static struct wr_kube_config *good(const char *text, const char *context)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_kube_config *c = NULL;
	int rc = load(text, context, diags, &c);
	if (rc)
		print_message("%s: %s\n", text, wr_diags_at(diags, 0)->message);
	assert_int_equal(rc, 0);
	wr_diags_free(diags);
	return c;
}

static void everything(void **state)
{
	(void)state;
	write_file("ca.crt", "CA\n");
	struct wr_kube_config *c =
		good("current-context: other\n"
		     "contexts:\n- {name: c, context: {cluster: k, user: u, namespace: shop}}\n"
		     "clusters:\n- name: k\n  cluster: {server: 'https://h:6443/', "
		     "certificate-authority: "
		     "ca.crt, tls-server-name: n,\n    proxy-url: 'socks5://p:1', "
		     "disable-compression: true}\n"
		     "users:\n- name: u\n  user: {token: t, client-certificate-data: Qw==, "
		     "client-key-data: "
		     "Sw==,\n    username: me, password: pw, as: jane, as-groups: [a, b]}\n",
		     "c");
	assert_string_equal(c->server, "https://h:6443");
	assert_string_equal(c->context, "c");
	assert_string_equal(c->ns, "shop");
	assert_string_equal(c->ca.text, "CA\n");
	assert_string_equal(c->tls_name, "n");
	assert_string_equal(c->proxy, "socks5://p:1");
	assert_string_equal(c->cert.text, "C");
	assert_string_equal(c->key.text, "K");
	assert_string_equal(c->token.text, "t");
	assert_string_equal(c->basic, "me:pw");
	assert_string_equal(c->as, "jane");
	assert_int_equal(c->n_as_groups, 2);
	assert_string_equal(c->as_groups[1], "b");
	assert_true(c->no_compression && !c->insecure);
	wr_kube_config_free(c);
}

static void a_users_little(void **state)
{
	(void)state;
	/* no user, no namespace; a server without a scheme is http, as client-go has it */
	struct wr_kube_config *c =
		good("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
		     "clusters: [{name: k, cluster: {server: 'localhost:8001'}}]\n",
		     NULL);
	assert_string_equal(c->server, "http://localhost:8001");
	assert_string_equal(c->ns, "default");
	assert_null(c->token.text);
	wr_kube_config_free(c);
	/* the first of two with one name */
	c = good("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
		 "clusters: [{name: k, cluster: {server: 'https://one'}}, {name: k, cluster: "
		 "{server: "
		 "'https://two'}}]\n",
		 NULL);
	assert_string_equal(c->server, "https://one");
	wr_kube_config_free(c);
}

static void exec(void **state)
{
	(void)state;
	struct wr_kube_config *c = good(
		EXEC(V1 "command: bin/p, args: [a, 'b c'], env: [{name: A, value: x=y}, {name: "
			"B}], installHint: get it, provideClusterInfo: true, interactiveMode: "
			"Always"),
		NULL);
	assert_string_equal(c->exec->argv[0], path_of("bin/p"));
	assert_string_equal(c->exec->argv[2], "b c");
	assert_null(c->exec->argv[3]);
	assert_string_equal(c->exec->env[0], "A=x=y");
	assert_string_equal(c->exec->env[1], "B=");
	assert_string_equal(c->exec->hint, "get it");
	assert_string_equal(c->exec->cluster_json, "{\"server\":\"https://h:1\"}");
	assert_int_equal(c->exec->interactive, WR_EXEC_ALWAYS);
	wr_kube_config_free(c);
	c = good(EXEC(V1 "command: p"), NULL);
	assert_string_equal(c->exec->argv[0], "p"); /* found in $PATH */
	assert_null(c->exec->cluster_json);
	wr_kube_config_free(c);
}

static void where_credentials_may_go(void **state)
{
	(void)state;
	static const struct {
		const char *server;
		bool ok;
	} rows[] = {
		{"https://anywhere", true},
		{"http://127.0.0.1:8001", true},
		{"http://127.1.2.3", true},
		{"http://localhost/x", true},
		{"http://localhost:80", true},
		{"http://[::1]:8001", true},
		{"http://127.0.0.1.example", false},
		{"http://localhost.example", false},
		{"http://[::2]:1", false},
		{"http://10.0.0.1:80", false},
		{"http://", false},
		{"http://1270.0.0.1", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(wr_kube_config_is_private(rows[i].server), rows[i].ok);
	struct wr_diags *diags = wr_diags_new();
	struct wr_kube_config *c = NULL;
	assert_int_equal(load(START "clusters: [{name: k, cluster: {server: 'http://h'}}]\n"
				    "users: [{name: u, user: {token: t}}]\n",
			      NULL, diags, &c),
			 -EINVAL);
	assert_non_null(strstr(wr_diags_at(diags, 0)->message, "in clear text"));
	wr_diags_free(diags);
}

static int up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	unlink(path_of("config"));
	unlink(path_of("ca.crt"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(everything),
		cmocka_unit_test(a_users_little),
		cmocka_unit_test(exec),
		cmocka_unit_test(where_credentials_may_go),
	};
	return cmocka_run_group_tests(tests, up, down);
}
