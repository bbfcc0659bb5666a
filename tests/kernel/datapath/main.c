/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dptest [PREFIX]...: runs the tests whose names begin so, all without one.
 * One line each: "ok NAME", "FAIL NAME: why", "skip NAME: why"; exit status 1
 * when one failed. "list" prints the names.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sched.h>
#include <unistd.h>

#include "dptest.h"

#define SKIP_STATUS 77

static const struct test *const groups[] = {tests_verdicts, tests_packets, tests_nat,
					    tests_live,     tests_swap,    tests_state,
					    tests_moves,    tests_churn,   tests_follow};
static int report_fd = -1;
static char work_dir[] = "/tmp/wrdp-XXXXXX";

__attribute__((format(printf, 1, 0))) static void tell(const char *fmt, va_list ap)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n > 0 && write(report_fd, text, strlen(text)) < 0)
		_exit(2);
}

void fail_test(const char *file, int line, const char *fmt, ...)
{
	char place[256];
	const char *base = strrchr(file, '/');
	int n = snprintf(place, sizeof(place), "%s:%d: ", base ? base + 1 : file, line);
	if (n > 0 && write(report_fd, place, strlen(place)) < 0)
		_exit(2);
	va_list ap;
	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	_exit(1);
}

void skip_test(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	_exit(SKIP_STATUS);
}

static void run_child(const struct test *t)
{
	char dir[128];
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	alarm((unsigned)(t->seconds ? t->seconds : 60));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		FAIL("no mount namespace: %s", strerror(errno));
	if (wr_bpffs_mount(work_dir, NULL) < 0)
		FAIL("no bpffs: %s", strerror(errno));
	snprintf(dir, sizeof(dir), "%s/node", work_dir);
	pin_dir = dir;
	diags = wr_diags_new();
	make_node();
	t->run();
	if (dp)
		wr_datapath_close(dp);
	fflush(NULL);
	_exit(0);
}

static int run_test(const struct test *t)
{
	int report[2], status;
	char why[1200] = "";
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		report_fd = report[1];
		run_child(t);
	}
	close(report[1]);
	setpgid(pid, pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	struct pollfd p = {report[0], POLLIN, 0};
	if (poll(&p, 1, 0) > 0) {
		ssize_t n = read(report[0], why, sizeof(why) - 1);
		why[n > 0 ? n : 0] = '\0';
	}
	close(report[0]);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, sizeof(why), "did not end in time");
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "killed by %s", strsignal(WTERMSIG(status)));
	for (char *c = why; *c; c++)
		if (*c == '\n')
			*c = ' ';
	bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIP_STATUS;
	bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("%s %s%s%s\n",
	       passed    ? "ok"
	       : skipped ? "skip"
			 : "FAIL",
	       t->name, passed ? "" : ": ", passed ? "" : why);
	fflush(stdout);
	return passed || skipped ? 0 : 1;
}

static bool is_chosen(const char *name, int n, char **prefixes)
{
	for (int i = 0; i < n; i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	int failed = 0;
	bool list = argc == 2 && !strcmp(argv[1], "list");
	if (!list && geteuid() != 0) {
		printf("skip all: needs root\n");
		return 0;
	}
	if (!list && !mkdtemp(work_dir)) {
		perror(work_dir);
		return 1;
	}
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		for (const struct test *t = groups[g]; t->name; t++) {
			if (list)
				puts(t->name);
			else if (is_chosen(t->name, argc - 1, argv + 1))
				failed += run_test(t) != 0;
		}
	if (!list)
		rmdir(work_dir);
	return failed ? 1 : 0;
}
