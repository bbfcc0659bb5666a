/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers: one process for each pod that declares ports, one for the outside.
 * They are sessions of their own with nothing of the command that started
 * them, so that they outlive it, and are known by pid and time of start.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lab/internal.h"

#define START_MS 5000

/* Clock ticks since boot when a process started; 0: there is none (or a zombie). */
static uint64_t start_of(int64_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	FILE *f = pid > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return 0;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	char state;
	unsigned long long start;
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after,
			     ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			     "%*s %*s %*s %llu",
			     &state, &start) != 2)
		return 0;
	return state == 'Z' ? 0 : start;
}

static bool is_alive(int64_t pid, uint64_t start)
{
	return pid > 0 && start && start_of(pid) == start;
}

struct start {
	pid_t pid;
	int out; /* ends when the server is ready; -1: not waited for */
};

__attribute__((noreturn)) static void child(int netns, int out, int err, const char *const *argv,
					    bool self)
{
	char **args;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (setsid() < 0 || wr_netns_enter(netns) < 0 || chdir("/") < 0 || null < 0 ||
	    dup2(null, STDIN_FILENO) < 0 || dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0 ||
	    dup2(err >= 0 ? err : null, STDERR_FILENO) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	memcpy(&args, &argv, sizeof(args));
	if (self)
		execv("/proc/self/exe", args);
	else
		wr_exec(argv);
	_exit(127);
}

/* log: a file for what it says, or NULL */
static int launch(const char *netns, const char *const *argv, bool self, const char *log,
		  struct start *out, struct wr_diags *diags)
{
	int pipe_fds[2] = {-1, -1};
	WR_CLEANUP(fd)
	int err = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600) : -1;
	WR_CLEANUP(fd)
	int ns = wr_netns_open(netns);
	if (ns < 0)
		return wr_lab_error(diags, ns, "network namespace %s: %s", netns, strerror(-ns));
	if (self && pipe2(pipe_fds, O_CLOEXEC) < 0)
		return wr_lab_error(diags, -errno, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid)
		child(ns, pipe_fds[1], err, argv, self);
	int error = errno;
	if (pipe_fds[1] >= 0)
		close(pipe_fds[1]);
	*out = (struct start){pid, pipe_fds[0]};
	return pid < 0 ? wr_lab_error(diags, -error, "fork: %s", strerror(error)) : 0;
}

static int wait_ready(struct start *s, const char *what, struct wr_diags *diags)
{
	if (s->out < 0)
		return 0;
	struct pollfd p = {.fd = s->out, .events = POLLIN};
	int n = poll(&p, 1, START_MS);
	close(s->out);
	s->out = -1;
	return n > 0 ? 0 : wr_lab_error(diags, -ETIMEDOUT, "the server of %s does not start", what);
}

/* ---- who serves what ---- */

static const char *wanted_ports(struct wr_lab *lab, const struct wr_lab_pod_alloc *p)
{
	uint32_t at = wr_world_find_pod(lab->world, p->ns, p->name, WR_KIND_POD);
	if (at == WR_NONE || !p->wanted)
		return "";
	const struct wr_pod *pod = &lab->world->pods[at];
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	for (size_t i = 0; i < pod->n_ports; i++)
		wr_buf_printf(&b, "%s%s/%u", i ? " " : "", wr_proto_name(pod->ports[i].proto),
			      pod->ports[i].port);
	return b.n ? wr_arena_strdup(lab->state->arena, b.data) : "";
}

/* argv for a server: ports in text, separated by blanks. */
static const char *const *serve_argv(struct wr_arena *a, const char *name, const char *ports)
{
	size_t n = 6;
	for (const char *p = ports; *p; p++)
		n += *p == ' ';
	const char **argv = wr_arena_array(a, n + 1, sizeof(*argv));
	char *rest = wr_arena_strdup(a, ports), *save;
	if (!argv || !rest)
		return NULL;
	size_t i = 0;
	argv[i++] = "weir";
	argv[i++] = "lab";
	argv[i++] = "serve-pod";
	argv[i++] = name;
	for (char *t = strtok_r(rest, " ", &save); t; t = strtok_r(NULL, " ", &save))
		argv[i++] = t;
	return argv;
}

static bool is_dns(const struct wr_lab_pod_alloc *p)
{
	return !strcmp(p->ns, "kube-system") && !strcmp(p->name, "kube-dns");
}

static void stop(struct wr_lab_pod_alloc *p)
{
	if (is_alive(p->server, p->server_start))
		kill((pid_t)p->server, SIGKILL);
	for (int i = 0; i < 200 && is_alive(p->server, p->server_start); i++)
		nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
	p->server = 0;
}

static int serve_pod(struct wr_lab *lab, struct wr_lab_pod_alloc *p, struct start *out,
		     struct wr_diags *diags)
{
	char netns[WR_LAB_NETNS], log[WR_LAB_PATH];
	const char *ports = wanted_ports(lab, p);
	*out = (struct start){0, -1};
	if (!ports)
		return -ENOMEM;
	if (is_alive(p->server, p->server_start) && p->serves && !strcmp(ports, p->serves))
		return 0;
	stop(p);
	p->serves = ports;
	if (!*ports)
		return 0;
	wr_lab_pod_log(log, lab->state->name, p->ns, p->name);
	bool dns = is_dns(p);
	const char *const *argv = dns ? wr_lab_dns_argv(lab, lab->arena)
				      : serve_argv(lab->arena, p->name, ports);
	if (p->host_network)
		wr_lab_node_netns(netns, lab->state, p->node);
	else
		wr_lab_pod_netns(netns, lab->state, p->id);
	int rc = argv ? launch(netns, argv, !dns, log, out, diags)
		      : -ENOMEM;
	if (!rc) {
		p->server = out->pid;
		p->server_start = start_of(out->pid);
	}
	return rc;
}

static int serve_outside(struct wr_lab *lab, struct wr_diags *diags)
{
	struct wr_lab_state *s = lab->state;
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	char netns[WR_LAB_NETNS];
	if (!s->outside.n || is_alive(s->outside_server, s->outside_server_start))
		return 0;
	/* every address has the same ports: they were given for all */
	for (size_t i = 0; i < s->outside.items[0].ports.n; i++)
		wr_buf_printf(&b, "%sTCP/%u UDP/%u", i ? " " : "",
			      s->outside.items[0].ports.items[i],
			      s->outside.items[0].ports.items[i]);
	const char *const *argv = b.n ? serve_argv(lab->arena, "outside", b.data) : NULL;
	struct start st;
	int rc = argv ? launch(wr_lab_outside_netns(netns, s), argv, true, NULL, &st, diags)
		      : -ENOMEM;
	if (rc)
		return rc;
	s->outside_server = st.pid;
	s->outside_server_start = start_of(st.pid);
	return wait_ready(&st, "the outside", diags);
}

int wr_lab_servers(struct wr_lab *lab, struct wr_diags *diags)
{
	struct wr_lab_state *s = lab->state;
	struct start *starts = calloc(s->pods.n + 1, sizeof(*starts));
	size_t n = 0;
	int rc = starts ? 0 : -ENOMEM;
	for (; n < s->pods.n && !rc; n++)
		rc = serve_pod(lab, &s->pods.items[n], &starts[n], diags);
	for (size_t i = 0; i < n; i++) {
		int r = wait_ready(&starts[i], s->pods.items[i].name, diags);
		rc = rc ? rc : r;
	}
	free(starts);
	return rc ? rc : serve_outside(lab, diags);
}
