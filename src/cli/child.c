/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * All three streams are files in memory: nobody has to read and write at once,
 * and what goes wrong cannot block.
 */

static int memory_file(const char *input, size_t size)
{
	int fd = memfd_create("weir-child", MFD_CLOEXEC);
	for (size_t done = 0; fd >= 0 && done < size;) {
		ssize_t n = write(fd, input + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

__attribute__((noreturn)) static void child(const char *const *argv, int in, int out, int err)
{
	char **args;
	memcpy(&args, &argv, sizeof(args)); /* exec keeps the consts that its prototype lacks */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execvp(args[0], args);
	_exit(errno == ENOENT ? 127 : 126);
}

static int read_back(int fd, size_t max, char **out, size_t *size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -EIO;
	if ((size_t)st.st_size > max)
		return -EFBIG;
	size_t n = 0;
	char *buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	while (n < (size_t)st.st_size) {
		ssize_t got = pread(fd, buf + n, (size_t)st.st_size - n, (off_t)n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	buf[n] = '\0';
	*out = buf;
	*size = n;
	return 0;
}

static int explain(const char *program, int status, int err, char message[512])
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		snprintf(message, 512, "%s is not installed", program);
		return -ENOENT;
	}
	ssize_t n = pread(err, message, 511, 0);
	message[n > 0 ? n : 0] = '\0';
	while (n > 0 && message[n - 1] == '\n')
		message[--n] = '\0';
	if (!*message)
		snprintf(message, 512, "%s failed", program);
	return -EIO;
}

int wr_child_run(const char *const *argv, const char *input, size_t input_size, size_t max,
		 char **out, size_t *size, char message[512])
{
	WR_CLEANUP(fd)
	int in = memory_file(input, input_size);
	WR_CLEANUP(fd)
	int printed = memory_file(NULL, 0);
	WR_CLEANUP(fd)
	int err = memory_file(NULL, 0);
	int status = 0;
	snprintf(message, 512, "%s cannot be run", argv[0]);
	if (in < 0 || printed < 0 || err < 0)
		return -ENOMEM;
	pid_t pid = fork();
	if (!pid)
		child(argv, in, printed, err);
	if (pid < 0)
		return -EIO;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return explain(argv[0], status, err, message);
	return read_back(printed, max, out, size);
}
