/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig files, read as kubectl reads them: of several files the first that
 * has a name wins, and the first current-context; paths in a file are relative
 * to that file. What would lower the guard is taken only where the file says so
 * (insecure-skip-tls-verify), and what this client does not know how to do is
 * an error with its place, never passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "input/base64.h"
#include "input/input.h"
#include "kube/internal.h"

WR_DEFINE_CLEANUP(input, struct wr_input *, wr_input_free)
WR_DEFINE_CLEANUP(config, struct wr_kube_config *, wr_kube_config_free)

struct reading {
	struct wr_kube_config *c;
	const struct wr_input *in;
	struct wr_diags *diags;
	int error;
};

static void fail(struct reading *r, struct wr_mark mark, const char *path, const char *message,
		 const char *advice)
{
	wr_diag_add(r->diags, WR_ERROR, mark, NULL, path, "%s", message);
	if (advice)
		wr_diag_advise(r->diags, "%s", advice);
	r->error = -EINVAL;
}

static void nomem(struct reading *r)
{
	r->error = -ENOMEM;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool absent(const struct wr_value *v)
{
	return !v || v->type == WR_NULL;
}

/* A text that is there and not empty, or NULL. */
static const char *text_of(struct reading *r, const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	if (absent(v))
		return NULL;
	if (v->type != WR_STRING) {
		fail(r, v->mark, key, "must be a text", "write it in quotes");
		return NULL;
	}
	return *v->text ? v->text : NULL;
}

static bool flag_of(struct reading *r, const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	if (absent(v))
		return false;
	if (v->type != WR_BOOL)
		fail(r, v->mark, key, "must be true or false", NULL);
	return v->type == WR_BOOL && v->boolean;
}

/* A path as written in the file that a mark is in. */
static char *beside(struct reading *r, struct wr_mark mark, const char *path)
{
	const char *slash = *path == '/' ? NULL : strrchr(mark.file, '/');
	char *out = slash ? wr_arena_printf(r->c->arena, "%.*s/%s", (int)(slash - mark.file),
					    mark.file, path)
			  : wr_arena_strdup(r->c->arena, path);
	if (!out)
		nomem(r);
	return out;
}

/* KEY-data (base64) or KEY (a file); data wins. data_key NULL: there is no such form. */
static void read_secret(struct reading *r, const struct wr_value *map, const char *key,
			const char *data_key, struct wr_kube_secret *out)
{
	const char *data = data_key ? text_of(r, map, data_key) : NULL,
		   *path = text_of(r, map, key);
	if (data) {
		char *text = wr_arena_alloc(r->c->arena, strlen(data) + 1);
		if (!text)
			nomem(r);
		else if (wr_base64_decode(data, text) < 0 || !*text)
			fail(r, wr_value_get(map, data_key)->mark, data_key,
			     "is not the base64 of a text in PEM",
			     "the output of `base64 -w0 FILE` belongs here");
		else
			out->text = text;
		return;
	}
	if (!path)
		return;
	struct wr_mark mark = wr_value_get(map, key)->mark;
	out->path = beside(r, mark, path);
	int rc = out->path ? wr_kube_secret_refresh(out) : 0;
	if (rc == -ENOMEM) {
		nomem(r);
	} else if (rc < 0) {
		char message[WR_KUBE_ERROR];
		snprintf(message, sizeof(message), "cannot read %.300s: %s", out->path,
			 rc == -EINVAL ? "it is empty or no file of text" : strerror(-rc));
		fail(r, mark, key, message, NULL);
	}
}

/* The member MEMBER of the entry called name in the list KEY: the first file's wins. */
static const struct wr_value *find(struct reading *r, const char *key, const char *name,
				   const char *member)
{
	for (size_t i = 0; i < wr_input_count(r->in); i++) {
		const struct wr_value *list = wr_value_get(wr_input_at(r->in, i)->root, key);
		if (absent(list))
			continue;
		if (list->type != WR_LIST) {
			fail(r, list->mark, key, "must be a list", NULL);
			return NULL;
		}
		for (size_t k = 0; k < list->n; k++) {
			const struct wr_value *its = wr_value_get(list->items[k], "name"),
					      *v = wr_value_get(list->items[k], member);
			if (!its || its->type != WR_STRING || strcmp(its->text, name) != 0)
				continue;
			if (absent(v) || v->type == WR_MAP)
				return v ? v : list->items[k];
			fail(r, v->mark, member, "must be a map", NULL);
			return NULL;
		}
	}
	return NULL;
}

static void missing(struct reading *r, struct wr_mark mark, const char *what, const char *name)
{
	char message[WR_KUBE_ERROR];
	snprintf(message, sizeof(message), "there is no %s \"%.200s\" in the kubeconfig", what,
		 name);
	fail(r, mark, NULL, message, NULL);
}

/* "host:port" to "http://host:port", as client-go does; a trailing slash goes. */
static void read_server(struct reading *r, const struct wr_value *cluster)
{
	const char *server = text_of(r, cluster, "server");
	struct wr_value *v = wr_value_get(cluster, "server");
	if (r->error)
		return;
	if (!server) {
		fail(r, cluster->mark, "server", "the cluster has no server",
		     "write its URL: server: https://HOST:6443");
		return;
	}
	bool has_scheme = strstr(server, "://");
	const char *host = has_scheme ? strstr(server, "://") + 3 : server;
	if ((has_scheme && !begins(server, "https://") && !begins(server, "http://")) || !*host ||
	    strpbrk(server, " \t\r\n?#@\\\"")) {
		fail(r, v->mark, "server", "is not the URL of an API server",
		     "write it as https://HOST:PORT");
		return;
	}
	size_t n = strlen(server);
	while (n && server[n - 1] == '/')
		n--;
	r->c->server = wr_arena_printf(r->c->arena, "%s%.*s", has_scheme ? "" : "http://", (int)n,
				       server);
	if (!r->c->server)
		nomem(r);
}

static void read_cluster(struct reading *r, const struct wr_value *v)
{
	struct wr_kube_config *c = r->c;
	read_server(r, v);
	read_secret(r, v, "certificate-authority", "certificate-authority-data", &c->ca);
	c->insecure = flag_of(r, v, "insecure-skip-tls-verify");
	c->no_compression = flag_of(r, v, "disable-compression");
	c->tls_name = text_of(r, v, "tls-server-name");
	c->proxy = text_of(r, v, "proxy-url");
	if (c->insecure && c->ca.text)
		fail(r, wr_value_get(v, "insecure-skip-tls-verify")->mark,
		     "insecure-skip-tls-verify",
		     "cannot be true where a certificate authority is given",
		     "remove one of the two; without insecure-skip-tls-verify the server is "
		     "verified");
	if (c->proxy && !begins(c->proxy, "http://") && !begins(c->proxy, "https://") &&
	    !begins(c->proxy, "socks5://"))
		fail(r, wr_value_get(v, "proxy-url")->mark, "proxy-url",
		     "is not the URL of a proxy", "write it as http://, https:// or socks5://");
}

static void read_env(struct reading *r, const struct wr_value *v, struct wr_kube_exec *e)
{
	const struct wr_value *list = wr_value_get(v, "env");
	size_t n = !absent(list) && list->type == WR_LIST ? list->n : 0;
	if (!absent(list) && list->type != WR_LIST)
		fail(r, list->mark, "env", "must be a list of name and value", NULL);
	e->env = wr_arena_array(r->c->arena, n + 1, sizeof(*e->env));
	for (size_t i = 0; e->env && i < n; i++) {
		const char *name = text_of(r, list->items[i], "name"),
			   *value = text_of(r, list->items[i], "value");
		if (!name) {
			fail(r, list->items[i]->mark, "env", "an entry has no name", NULL);
			return;
		}
		e->env[i] = wr_arena_printf(r->c->arena, "%s=%s", name, value ? value : "");
		if (!e->env[i])
			nomem(r);
	}
	if (!e->env)
		nomem(r);
}

static void read_argv(struct reading *r, const struct wr_value *v, const char *command,
		      struct wr_kube_exec *e)
{
	const struct wr_value *args = wr_value_get(v, "args");
	size_t n = !absent(args) && args->type == WR_LIST ? args->n : 0;
	if (!absent(args) && args->type != WR_LIST)
		fail(r, args->mark, "args", "must be a list of texts", NULL);
	e->argv = wr_arena_array(r->c->arena, n + 2, sizeof(*e->argv));
	if (!e->argv) {
		nomem(r);
		return;
	}
	/* a bare name is looked for in $PATH, any other is beside the file */
	e->argv[0] = strchr(command, '/') ? beside(r, v->mark, command)
					  : wr_arena_strdup(r->c->arena, command);
	for (size_t i = 0; i < n; i++) {
		if (args->items[i]->type != WR_STRING)
			fail(r, args->items[i]->mark, "args", "must be a list of texts",
			     "write it in quotes");
		else
			e->argv[i + 1] = wr_arena_strdup(r->c->arena, args->items[i]->text);
	}
}

static void read_exec(struct reading *r, const struct wr_value *v)
{
	struct wr_kube_exec *e = wr_arena_alloc(r->c->arena, sizeof(*e));
	const char *api = text_of(r, v, "apiVersion"), *command = text_of(r, v, "command"),
		   *mode = text_of(r, v, "interactiveMode"), *hint = text_of(r, v, "installHint");
	if (!e) {
		nomem(r);
		return;
	}
	if (!api || (strcmp(api, "client.authentication.k8s.io/v1") != 0 &&
		     strcmp(api, "client.authentication.k8s.io/v1beta1") != 0)) {
		fail(r, v->mark, "exec.apiVersion",
		     "must be client.authentication.k8s.io/v1 (or v1beta1)", NULL);
		return;
	}
	if (!command) {
		fail(r, v->mark, "exec.command", "the credential plugin has no command", NULL);
		return;
	}
	e->interactive = !mode || !strcmp(mode, "IfAvailable") ? WR_EXEC_IF_AVAILABLE
			 : !strcmp(mode, "Always")             ? WR_EXEC_ALWAYS
							       : WR_EXEC_NEVER;
	if (mode && e->interactive == WR_EXEC_NEVER && strcmp(mode, "Never") != 0)
		fail(r, v->mark, "exec.interactiveMode", "must be Never, IfAvailable or Always",
		     NULL);
	e->api = wr_arena_strdup(r->c->arena, api);
	e->hint = hint ? wr_arena_strdup(r->c->arena, hint) : NULL;
	read_argv(r, v, command, e);
	read_env(r, v, e);
	if (!e->api || (hint && !e->hint))
		nomem(r);
	r->c->exec = e;
}

static void read_as(struct reading *r, const struct wr_value *v)
{
	struct wr_kube_config *c = r->c;
	const struct wr_value *groups = wr_value_get(v, "as-groups"),
			      *extra = wr_value_get(v, "as-user-extra");
	c->as = text_of(r, v, "as");
	c->as_uid = text_of(r, v, "as-uid");
	if (!absent(extra))
		fail(r, extra->mark, "as-user-extra", "is nothing that weir can send", NULL);
	if (absent(groups))
		return;
	c->as_groups = wr_arena_array(c->arena, groups->n, sizeof(*c->as_groups));
	for (size_t i = 0; groups->type == WR_LIST && c->as_groups && i < groups->n; i++)
		if (groups->items[i]->type == WR_STRING)
			c->as_groups[c->n_as_groups++] = wr_arena_strdup(c->arena,
									 groups->items[i]->text);
	if (groups->type != WR_LIST || c->n_as_groups != groups->n)
		fail(r, groups->mark, "as-groups", "must be a list of texts", NULL);
}

static void read_user(struct reading *r, const struct wr_value *v)
{
	struct wr_kube_config *c = r->c;
	const struct wr_value *exec = wr_value_get(v, "exec"),
			      *provider = wr_value_get(v, "auth-provider");
	read_secret(r, v, "client-certificate", "client-certificate-data", &c->cert);
	read_secret(r, v, "client-key", "client-key-data", &c->key);
	if (!r->error && !c->cert.text != !c->key.text)
		fail(r, v->mark, c->cert.text ? "client-key" : "client-certificate",
		     "a client certificate and its key come together", NULL);
	/* a tokenFile wins, as its token is newer */
	read_secret(r, v, "tokenFile", NULL, &c->token);
	const char *token = text_of(r, v, "token"), *user = text_of(r, v, "username"),
		   *password = text_of(r, v, "password");
	if (token && !c->token.path) {
		c->token.text = wr_arena_strdup(c->arena, token);
		if (!c->token.text)
			nomem(r);
	}
	if (user)
		c->basic = wr_arena_printf(c->arena, "%s:%s", user, password ? password : "");
	if (!absent(provider))
		fail(r, provider->mark, "auth-provider",
		     "authentication providers are gone since Kubernetes 1.26",
		     "use a credential plugin (exec), as kubectl does today");
	if (!absent(exec)) {
		if (exec->type == WR_MAP)
			read_exec(r, exec);
		else
			fail(r, exec->mark, "exec", "must be a map", NULL);
	}
	read_as(r, v);
}

/* JSON of a text. */
static const char *quoted(struct wr_arena *a, const char *text)
{
	size_t n = 0;
	char *out = text ? wr_arena_alloc(a, strlen(text) * 6 + 3) : NULL;
	if (!out)
		return NULL;
	out[n++] = '"';
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20)
			n += (size_t)snprintf(out + n, 7, "\\u%04x", (unsigned char)*text);
		else if (*text == '"' || *text == '\\') {
			out[n++] = '\\';
			out[n++] = *text;
		} else {
			out[n++] = *text;
		}
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

/* What a plugin that asks for it (provideClusterInfo) is told of the cluster. */
static void describe_cluster(struct reading *r, const struct wr_value *user,
			     const struct wr_value *cluster)
{
	struct wr_kube_config *c = r->c;
	if (!c->exec || !c->server || !flag_of(r, wr_value_get(user, "exec"), "provideClusterInfo"))
		return;
	const char *data = text_of(r, cluster, "certificate-authority-data");
	const char *server = quoted(c->arena, c->server), *ca = quoted(c->arena, data),
		   *name = quoted(c->arena, c->tls_name), *proxy = quoted(c->arena, c->proxy);
	c->exec->cluster_json =
		wr_arena_printf(c->arena, "{\"server\":%s%s%s%s%s%s%s%s}", server ? server : "\"\"",
				ca ? ",\"certificate-authority-data\":" : "", ca ? ca : "",
				name ? ",\"tls-server-name\":" : "", name ? name : "",
				proxy ? ",\"proxy-url\":" : "", proxy ? proxy : "",
				c->insecure ? ",\"insecure-skip-tls-verify\":true" : "");
	if (!server || !c->exec->cluster_json)
		nomem(r);
}

static const char *current_context(struct reading *r, struct wr_mark *mark)
{
	for (size_t i = 0; i < wr_input_count(r->in); i++) {
		const struct wr_value *root = wr_input_at(r->in, i)->root;
		const char *name = text_of(r, root, "current-context");
		if (name) {
			*mark = wr_value_get(root, "current-context")->mark;
			return name;
		}
	}
	return NULL;
}

/* Credentials in clear text over a network are nobody's wish. */
static void check_private(struct reading *r, struct wr_mark mark)
{
	struct wr_kube_config *c = r->c;
	bool secret = c->token.text || c->token.path || c->basic || c->exec;
	if (secret && c->server && !wr_kube_config_is_private(c->server))
		fail(r, mark, "server", "the credentials would be sent in clear text over http",
		     "write https:// if the server speaks TLS");
}

static void read_context(struct reading *r, const char *wanted)
{
	struct wr_mark mark = {wr_input_count(r->in) ? wr_input_at(r->in, 0)->file : NULL, 0, 0};
	const char *name = wanted ? wanted : current_context(r, &mark);
	if (!name) {
		if (!r->error)
			fail(r, mark, "current-context", "the kubeconfig has no current-context",
			     "name one by --context, or: kubectl config use-context NAME");
		return;
	}
	const struct wr_value *context = find(r, "contexts", name, "context");
	if (!context) {
		if (!r->error)
			missing(r, mark, "context", name);
		return;
	}
	const char *cluster = text_of(r, context, "cluster"), *user = text_of(r, context, "user"),
		   *ns = text_of(r, context, "namespace");
	const struct wr_value *c = cluster ? find(r, "clusters", cluster, "cluster") : NULL,
			      *u = user ? find(r, "users", user, "user") : NULL;
	if (!c && !r->error)
		missing(r, context->mark, "cluster", cluster ? cluster : "");
	if (user && !u && !r->error)
		missing(r, context->mark, "user", user);
	r->c->context = wr_arena_strdup(r->c->arena, name);
	r->c->ns = wr_arena_strdup(r->c->arena, ns ? ns : "default");
	if (!r->c->context || !r->c->ns)
		nomem(r);
	if (c)
		read_cluster(r, c);
	if (u)
		read_user(r, u);
	if (u && c)
		describe_cluster(r, u, c);
	if (c)
		check_private(r, c->mark);
}

/* Texts that point into the documents move to the config's own memory. */
static void keep_texts(struct reading *r)
{
	const char **texts[] = {&r->c->tls_name, &r->c->proxy, &r->c->as, &r->c->as_uid};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (*texts[i] && !(*texts[i] = wr_arena_strdup(r->c->arena, *texts[i])))
			nomem(r);
	}
}

static int read_file(struct wr_input *in, const char *path, bool must, struct wr_diags *diags)
{
	struct stat st;
	struct wr_mark mark = {path, 0, 0};
	if (stat(path, &st) < 0) {
		if (!must)
			return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
		wr_diag_add(diags, WR_ERROR, mark, NULL, NULL, "cannot read the kubeconfig: %s",
			    strerror(errno));
		return -EINVAL;
	}
	if (S_ISDIR(st.st_mode)) {
		wr_diag_add(diags, WR_ERROR, mark, NULL, NULL,
			    "a kubeconfig is a file, and this is a directory");
		return -EINVAL;
	}
	int rc = wr_input_path(in, path, diags);
	return rc == -ENOMEM ? rc : rc ? -EINVAL : 0;
}

/* The files of $KUBECONFIG, or of the home directory. */
static int read_default(struct wr_input *in, struct wr_arena *a, struct wr_diags *diags)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	int rc = 0;
	if (!list || !*list) {
		const char *path = home ? wr_arena_printf(a, "%s/.kube/config", home) : NULL;
		return path ? read_file(in, path, false, diags) : 0;
	}
	while (*list && rc != -ENOMEM) {
		size_t n = strcspn(list, ":");
		const char *path = wr_arena_strndup(a, list, n);
		int r = !path ? -ENOMEM : n ? read_file(in, path, false, diags) : 0;
		rc = r ? r : rc;
		list += n + (list[n] == ':');
	}
	return rc;
}

static int none_found(struct wr_kube_config *c, const struct wr_kube_source *s,
		      struct wr_diags *diags)
{
	int rc = s->kubeconfig || s->context
			 ? -ENOENT
			 : wr_kube_config_in_cluster(c, s->in_cluster_dir, diags);
	if (rc != -ENOENT)
		return rc;
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){s->kubeconfig, 0, 0}, NULL, NULL, "%s",
		    s->kubeconfig
			    ? "the kubeconfig is empty"
			    : "there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config");
	wr_diag_advise(diags, "name one by --kubeconfig");
	return -EINVAL;
}

static int load(struct wr_kube_config *c, const struct wr_kube_source *s, struct wr_diags *diags)
{
	WR_CLEANUP(input)
	struct wr_input *in = wr_input_new(NULL);
	if (!in)
		return -ENOMEM;
	if (s->in_cluster) {
		int rc = wr_kube_config_in_cluster(c, s->in_cluster_dir, diags);
		if (rc != -ENOENT)
			return rc;
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "this is no pod: $KUBERNETES_SERVICE_HOST is not set");
		return -EINVAL;
	}
	int rc = s->kubeconfig ? read_file(in, s->kubeconfig, true, diags)
			       : read_default(in, c->arena, diags);
	if (rc)
		return rc;
	if (!wr_input_count(in))
		return none_found(c, s, diags);
	struct reading r = {.c = c, .in = in, .diags = diags};
	read_context(&r, s->context);
	if (!r.error)
		keep_texts(&r);
	return r.error;
}

int wr_kube_config_load(const struct wr_kube_source *source, struct wr_diags *diags,
			struct wr_kube_config **out)
{
	WR_CLEANUP(config)
	struct wr_kube_config *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->arena = wr_arena_new();
	if (!c->arena)
		return -ENOMEM;
	int rc = load(c, source, diags);
	if (rc < 0)
		return rc;
	*out = WR_TAKE(c);
	return 0;
}

void wr_kube_config_free(struct wr_kube_config *c)
{
	if (!c)
		return;
	wr_kube_secret_free(&c->ca);
	wr_kube_secret_free(&c->cert);
	wr_kube_secret_free(&c->key);
	wr_kube_secret_free(&c->token);
	if (c->exec)
		wr_kube_exec_clear(c->exec);
	wr_arena_free(c->arena);
	free(c);
}
