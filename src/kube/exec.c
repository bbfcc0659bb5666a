/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential plugins: a kubeconfig's user may name a program that prints an
 * ExecCredential (client.authentication.k8s.io/v1) with a token or a client
 * certificate. It is started without a shell, gets the cluster's description in
 * KUBERNETES_EXEC_INFO, talks to the person on stderr, and is asked again when
 * what it told has expired or was refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "input/input.h"
#include "kube/internal.h"

#define OUTPUT_BYTES ((size_t)1 << 20)
#define WAIT_MS 60000         /* a program that nobody talks to */
#define WAIT_PERSON_MS 600000 /* one that may ask a person */
#define EARLY_SECONDS 10      /* renewed this long before it expires */

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)
WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)

void wr_kube_exec_clear(struct wr_kube_exec *e)
{
	char **told[] = {&e->token, &e->cert, &e->key};
	for (size_t i = 0; i < 3; i++) {
		if (*told[i])
			explicit_bzero(*told[i], strlen(*told[i]));
		free(*told[i]);
		*told[i] = NULL;
	}
	e->expires = 0;
}

static int problem(char error[WR_KUBE_ERROR], const struct wr_kube_exec *e, const char *what)
{
	snprintf(error, WR_KUBE_ERROR, "the credential plugin %.200s %s%s%.200s", e->argv[0], what,
		 e->hint ? "; " : "", e->hint ? e->hint : "");
	return -EACCES;
}

static bool copy_text(const struct wr_value *status, const char *key, char **out)
{
	const struct wr_value *v = wr_value_get(status, key);
	if (!v || v->type == WR_NULL)
		return true;
	*out = v->type == WR_STRING && *v->text ? strdup(v->text) : NULL;
	return *out || (v->type == WR_STRING && !*v->text);
}

/* RFC 3339 as Kubernetes writes it, "2026-11-21T08:00:00Z" or with an offset; false: no time. */
static bool parse_time(const char *text, int64_t *out)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	int hours = 0, minutes = 0, used = 0;
	char sign = '+';
	if (strcmp(rest, "Z") != 0 &&
	    (sscanf(rest, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || rest[used] ||
	     !strchr("+-", sign)))
		return false;
	int64_t offset = hours * 3600 + minutes * 60;
	*out = (int64_t)timegm(&tm) - (sign == '-' ? -offset : offset);
	return true;
}

int wr_kube_exec_read(struct wr_kube_exec *e, const char *text, size_t size,
		      char error[WR_KUBE_ERROR])
{
	WR_CLEANUP(arena)
	struct wr_arena *arena = wr_arena_new();
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	struct wr_value *v;
	if (!arena || !diags)
		return -ENOMEM;
	if (wr_json_parse(arena, text, size, (struct wr_mark){e->argv[0], 1, 1}, &v, diags) < 0)
		return problem(error, e, "printed something that is no JSON");
	const struct wr_value *api = wr_value_get(v, "apiVersion"), *kind = wr_value_get(v, "kind"),
			      *status = wr_value_get(v, "status");
	if (!kind || kind->type != WR_STRING || strcmp(kind->text, "ExecCredential") != 0)
		return problem(error, e, "printed something that is no ExecCredential");
	if (!api || api->type != WR_STRING || strcmp(api->text, e->api) != 0)
		return problem(
			error, e,
			"printed an ExecCredential of another apiVersion than the kubeconfig "
			"asks for");
	const struct wr_value *until = wr_value_get(status, "expirationTimestamp");
	int64_t expires = 0;
	if (until && until->type != WR_NULL &&
	    (until->type != WR_STRING || !parse_time(until->text, &expires)))
		return problem(error, e, "printed an expirationTimestamp that is no time");
	wr_kube_exec_clear(e);
	if (!copy_text(status, "token", &e->token) ||
	    !copy_text(status, "clientCertificateData", &e->cert) ||
	    !copy_text(status, "clientKeyData", &e->key)) {
		wr_kube_exec_clear(e);
		return problem(error, e, "printed a status with fields that are no texts");
	}
	if ((!e->token && !e->cert) || !e->cert != !e->key) {
		wr_kube_exec_clear(e);
		return problem(error, e, "printed neither a token nor a certificate with its key");
	}
	e->expires = expires;
	return 0;
}

/* The child's environment: ours, the kubeconfig's, and the cluster. */
static char **environment(const struct wr_kube_exec *e, struct wr_arena *a, bool person)
{
	size_t n = 0, extra = 0, at = 0;
	while (environ[n])
		n++;
	while (e->env[extra])
		extra++;
	char **env = wr_arena_array(a, n + extra + 2, sizeof(*env));
	char *info = wr_arena_printf(
		a,
		"KUBERNETES_EXEC_INFO={\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\","
		"\"spec\":{%s%s%s\"interactive\":%s}}",
		e->api, e->cluster_json ? "\"cluster\":" : "",
		e->cluster_json ? e->cluster_json : "", e->cluster_json ? "," : "",
		person ? "true" : "false");
	if (!env || !info)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name = strcspn(environ[i], "=") + 1;
		bool replaced = !strncmp(environ[i], info, name);
		for (size_t k = 0; k < extra; k++)
			replaced |= !strncmp(environ[i], e->env[k], name);
		if (!replaced)
			env[at++] = environ[i];
	}
	for (size_t k = 0; k < extra; k++)
		env[at++] = wr_arena_strdup(a, e->env[k]);
	env[at] = info;
	return env;
}

static int start(const struct wr_kube_exec *e, char **env, bool person, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe;
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	int rc = posix_spawnattr_setsigdefault(&attr, &pipe);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	if (!rc && !person)
		rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (!rc)
		rc = posix_spawnp(pid, e->argv[0], &actions, &attr, e->argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* All that it prints. -ETIMEDOUT, -EMSGSIZE, -errno. */
static int listen_to(int fd, int wait_ms, char *text, size_t *size)
{
	uint64_t until = wr_kube_now_ms() + (uint64_t)wait_ms;
	size_t n = 0;
	for (;;) {
		uint64_t now = wr_kube_now_ms();
		struct pollfd p = {fd, POLLIN, 0};
		int ready = now < until ? poll(&p, 1, (int)(until - now)) : 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (!ready)
			return -ETIMEDOUT;
		ssize_t got = ready > 0 ? read(fd, text + n, OUTPUT_BYTES - n) : -1;
		if (ready > 0 && got < 0 && errno != EINTR)
			return -errno;
		if (!got) {
			*size = n;
			return 0;
		}
		n += got > 0 ? (size_t)got : 0;
		if (n == OUTPUT_BYTES)
			return -EMSGSIZE;
	}
}

static int run(struct wr_kube_exec *e, char **env, bool person, char error[WR_KUBE_ERROR])
{
	WR_CLEANUP(free)
	char *text = malloc(OUTPUT_BYTES);
	int ends[2], status = 0;
	pid_t pid;
	size_t n = 0;
	if (!text)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int rc = start(e, env, person, ends[1], &pid);
	close(ends[1]);
	if (!rc) {
		rc = listen_to(ends[0], person ? WAIT_PERSON_MS : WAIT_MS, text, &n);
		if (rc)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	} else {
		close(ends[0]);
		return problem(error, e, rc == -ENOENT ? "is not installed" : "cannot be started");
	}
	close(ends[0]);
	if (rc == -ETIMEDOUT)
		return problem(error, e, "did not answer in time and was ended");
	if (rc)
		return problem(error, e, "printed more than a megabyte, or could not be read");
	if (status)
		return problem(error, e, "failed; what it says stands on stderr");
	rc = wr_kube_exec_read(e, text, n, error);
	explicit_bzero(text, n);
	return rc;
}

int wr_kube_exec_refresh(struct wr_kube_exec *e, char error[WR_KUBE_ERROR])
{
	bool known = e->token || e->cert;
	if (known && !e->stale && (!e->expires || time(NULL) + EARLY_SECONDS < e->expires))
		return 0;
	bool person = e->interactive != WR_EXEC_NEVER && isatty(0);
	if (e->interactive == WR_EXEC_ALWAYS && !person)
		return problem(error, e, "wants to talk to a person, and stdin is no terminal");
	WR_CLEANUP(arena)
	struct wr_arena *arena = wr_arena_new();
	char **env = arena ? environment(e, arena, person) : NULL;
	if (!env)
		return -ENOMEM;
	int rc = run(e, env, person, error);
	if (!rc)
		e->stale = false;
	return rc;
}
