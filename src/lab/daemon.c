/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons: processes of a lab that outlive the command that starts them. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lab/api.h"
#include "lab/internal.h"

#define ENVIRONMENT_MAX 65536
#define KILL_ROUNDS 1000 /* of 5 ms */

/* ---- start ---- */

struct birth {
	int netns, out, log;
	const char *mark;
	const char *const *argv;
};

__attribute__((noreturn)) static void child(const struct birth *b)
{
	char **args;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (setsid() < 0 || (b->netns >= 0 && wr_netns_enter(b->netns) < 0) || chdir("/") < 0 ||
	    setenv(WR_DAEMON_MARK, b->mark, 1) < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(b->out >= 0 ? b->out : null, STDOUT_FILENO) < 0 || dup2(b->log, STDERR_FILENO) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	memcpy(&args, &b->argv, sizeof(args));
	execv("/proc/self/exe", args);
	_exit(127);
}

int wr_daemon_start(const char *lab, const char *netns, const char *const *argv, const char *log,
		    const char *output, int *out, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	int fds[2] = {-1, -1};
	WR_CLEANUP(fd)
	int ns = netns ? wr_netns_open(netns) : -1;
	WR_CLEANUP(fd)
	int messages = open(wr_lab_path(path, lab, log), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			    0600);
	WR_CLEANUP(fd)
	int file = output ? open(wr_lab_path(path, lab, output),
				 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
			  : -1;
	if (netns && ns < 0)
		return wr_lab_error(diags, ns, "network namespace %s: %s", netns, strerror(-ns));
	if (messages < 0 || (output && file < 0))
		return wr_lab_error(diags, -errno, "%s: %s", path, strerror(errno));
	if (out && pipe2(fds, O_CLOEXEC) < 0)
		return wr_lab_error(diags, -errno, "pipe: %s", strerror(errno));
	struct birth b = {ns, output ? file : fds[1], messages, lab, argv};
	pid_t pid = fork();
	if (!pid)
		child(&b);
	int error = errno;
	if (out)
		close(fds[1]);
	if (pid < 0) {
		if (out)
			close(fds[0]);
		return wr_lab_error(diags, -error, "fork: %s", strerror(error));
	}
	if (out)
		*out = fds[0];
	return 0;
}

/* "3 errors": the lines before it say which. */
static bool is_count(const char *line)
{
	unsigned n;
	char word[16];
	return sscanf(line, "%u %15s", &n, word) == 2 && !strncmp(word, "error", 5);
}

/* The last line that it wrote, for the error. */
static void last_words(const char *path, char *buf, size_t size)
{
	char line[512];
	snprintf(buf, size, "it said nothing");
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line && !is_count(line))
			snprintf(buf, size, "%s", line);
	}
	if (f)
		fclose(f);
}

int wr_daemon_ready(const char *lab, int out, const char *log, int seconds, struct wr_diags *diags)
{
	struct pollfd p = {.fd = out, .events = POLLIN};
	char c, path[WR_LAB_PATH], words[512];
	int n = poll(&p, 1, seconds * 1000);
	ssize_t got = n > 0 ? read(out, &c, 1) : -1;
	close(out);
	if (got == 1)
		return 0;
	last_words(wr_lab_path(path, lab, log), words, sizeof(words));
	return wr_lab_error(diags, n ? -EIO : -ETIMEDOUT, "a process of the lab %s (%s: %s)",
			    n ? "ended as it began" : "does not get ready", path, words);
}

/* ---- who they are ---- */

static bool is_marked(const char *pid, const char *lab)
{
	static char text[ENVIRONMENT_MAX];
	char path[64], mark[80];
	int want = snprintf(mark, sizeof(mark), WR_DAEMON_MARK "=%s", lab);
	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	WR_CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (const char *s = text; s < text + n; s += strlen(s) + 1)
		if (!strncmp(s, mark, (size_t)want + 1))
			return true;
	return false;
}

/* Calls fn for every process of the lab but this one. Their number, or a negative errno. */
static int each(const char *lab, void (*fn)(void *ctx, pid_t pid), void *ctx)
{
	int n = 0;
	DIR *dir = opendir("/proc");
	struct dirent *e;
	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (!isdigit((unsigned char)e->d_name[0]) || pid == getpid() ||
		    !is_marked(e->d_name, lab))
			continue;
		n++;
		fn(ctx, pid);
	}
	closedir(dir);
	return n;
}

/* ---- look ---- */

static void sort_in(void *ctx, pid_t pid)
{
	struct wr_lab_runs *r = ctx;
	char path[64], text[1024];
	const char *word[32];
	size_t n = 0;
	unsigned node = 0;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	WR_CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (size <= 0)
		return;
	text[size] = '\0';
	for (const char *s = text; s < text + size && n < 32; s += strlen(s) + 1)
		word[n++] = s;
	for (size_t i = 2; i + 1 < n && !node; i++)
		if (!strcmp(word[i], "--node-name"))
			(void)sscanf(word[i + 1], "node-%u", &node);
	pid_t *place = n < 3                           ? NULL
		       : !strcmp(word[1], "apiserver") ? &r->server
		       : !strcmp(word[1], "agent") && node >= 1 && node <= WR_LAB_NODES_MAX
			       ? &r->agents[node - 1]
		       : strcmp(word[1], "lab") != 0  ? NULL
		       : !strcmp(word[2], "relay")   ? &r->relay
		       : !strcmp(word[2], "kubelet") ? &r->kubelet
						     : NULL;
	if (place && (!*place || pid < *place))
		*place = pid;
}

int wr_daemon_look(const char *lab, struct wr_lab_runs *out)
{
	*out = (struct wr_lab_runs){0};
	int n = each(lab, sort_in, out);
	return n < 0 ? n : 0;
}

/* ---- kill ---- */

static void kill_one(void *ctx, pid_t pid)
{
	(void)ctx;
	kill(pid, SIGKILL);
}

int wr_daemon_kill(const char *lab)
{
	int first = -1;
	for (int i = 0; i < KILL_ROUNDS; i++) {
		int n = each(lab, kill_one, NULL);
		if (first < 0)
			first = n;
		if (n <= 0)
			return n < 0 ? n : first;
		nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
	}
	return -ETIMEDOUT;
}
