/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/netns.h"

int wr_lab_error(struct wr_diags *diags, int rc, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL, "%s", text);
	return rc;
}

void wr_exec(const char *const *argv)
{
	static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/local/sbin"};
	/* exec's prototype lacks the consts that POSIX says it keeps */
	char **args;
	memcpy(&args, &argv, sizeof(args));
	execvp(args[0], args);
	for (size_t i = 0; errno == ENOENT && !strchr(args[0], '/') && i < 3; i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", dirs[i], args[0]);
		execv(path, args);
	}
}

static int text_fd(const char *input, size_t size)
{
	int fd = memfd_create("weir-run", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, input + done, size - done);
		if (n < 0) {
			int rc = -errno;
			close(fd);
			return rc;
		}
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

__attribute__((noreturn)) static void child(int netns, int in, int out, const char *const *argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (netns >= 0 && wr_netns_enter(netns) < 0)
		_exit(126);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	wr_exec(argv);
	int error = errno;
	dprintf(STDERR_FILENO, "%s", strerror(error));
	_exit(127);
}

int wr_run_start(struct wr_run *r, const char *netns, const char *const *argv, const char *input,
		 size_t size, struct wr_diags *diags)
{
	*r = (struct wr_run){.output = -1, .what = argv[0], .where = netns};
	WR_CLEANUP(fd) int ns = netns ? wr_netns_open(netns) : -1;
	WR_CLEANUP(fd) int in = text_fd(input, size);
	WR_CLEANUP(fd) int out = text_fd(NULL, 0);
	if (netns && ns < 0)
		return wr_lab_error(diags, ns, "network namespace %s: %s", netns, strerror(-ns));
	if (in < 0 || out < 0)
		return wr_lab_error(diags, -EIO, "%s: no memory for its input and output", argv[0]);
	pid_t pid = fork();
	if (pid < 0)
		return wr_lab_error(diags, -errno, "%s: fork: %s", argv[0], strerror(errno));
	if (!pid)
		child(ns, in, out, argv);
	r->pid = pid;
	r->output = out;
	out = -1;
	return 0;
}

int wr_run_wait(struct wr_run *r, struct wr_diags *diags)
{
	if (!r->pid)
		return 0;
	int status;
	pid_t rc;
	do {
		rc = waitpid(r->pid, &status, 0);
	} while (rc < 0 && errno == EINTR);
	WR_CLEANUP(fd) int out = r->output;
	r->pid = 0;
	r->output = -1;
	if (rc >= 0 && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	char text[512] = "";
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return wr_lab_error(diags, -EIO, "%s%s%s failed: %s", r->what, r->where ? " in " : "",
			    r->where ? r->where : "", n > 0 ? text : "no message");
}

int wr_run(const char *netns, const char *const *argv, const char *input, size_t size,
	   struct wr_diags *diags)
{
	struct wr_run r;
	int rc = wr_run_start(&r, netns, argv, input, size, diags);
	return rc < 0 ? rc : wr_run_wait(&r, diags);
}
