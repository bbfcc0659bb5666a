/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/git.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OUTPUT_MAX ((size_t)256 << 20) /* bytes of one file or one listing */
#define FILES_MAX 100000

bool wr_git_is_revision(const char *path)
{
	const char *colon = strchr(path, ':');
	return colon && colon != path && access(path, F_OK) != 0;
}

static int failed(struct wr_diags *diags, const char *path, const char *what, const char *why)
{
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){path, 0, 0}, NULL, NULL, "%s%s", what, why);
	return -EIO;
}

__attribute__((noreturn)) static void child(const char *const *argv, int out, int err)
{
	char **args;
	memcpy(&args, &argv, sizeof(args)); /* exec keeps the consts that its prototype lacks */
	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execvp("git", args);
	_exit(127);
}

static int read_all(int fd, char **out, size_t *size)
{
	size_t room = 1 << 16, n = 0;
	char *buf = malloc(room);
	while (buf) {
		if (n == room) {
			char *more = room < OUTPUT_MAX ? realloc(buf, room *= 2) : NULL;
			if (!more) {
				free(buf);
				return room < OUTPUT_MAX ? -ENOMEM : -EFBIG;
			}
			buf = more;
		}
		ssize_t got = read(fd, buf + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	*out = buf;
	*size = n;
	return buf ? 0 : -ENOMEM;
}

/* What git prints (malloc'ed). Its own message becomes the error. */
static int run(const char *const *argv, const char *path, struct wr_diags *diags, char **out,
	       size_t *size)
{
	int pipes[2];
	char message[512] = "";
	WR_CLEANUP(fd)
	int err = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (err < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		return failed(diags, path, "git cannot be run: ", strerror(errno));
	pid_t pid = fork();
	if (!pid)
		child(argv, pipes[1], err);
	close(pipes[1]);
	int rc = pid < 0 ? -errno : read_all(pipes[0], out, size), status = 0;
	close(pipes[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc)
		return rc == -EFBIG ? failed(diags, path, "larger than 256 MiB", "") : rc;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	free(*out);
	*out = NULL;
	ssize_t n = pread(err, message, sizeof(message) - 1, 0);
	while (n > 0 && message[n - 1] == '\n')
		message[--n] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return failed(diags, path, "git is not installed: revisions cannot be read", "");
	return failed(diags, path, "git: ", n > 0 ? message : "it failed");
}

static int read_blob(struct wr_input *in, const char *path, struct wr_diags *diags)
{
	const char *argv[] = {"git", "cat-file", "blob", path, NULL};
	WR_CLEANUP(free)
	char *text = NULL;
	size_t size;
	int rc = run(argv, path, diags, &text, &size);
	return rc ? rc : wr_input_bytes(in, path, 1, text, size, diags);
}

static bool is_manifest(const char *name)
{
	static const char *const ends[] = {".yaml", ".yml", ".json"};
	size_t n = strlen(name);
	for (size_t i = 0; i < 3; i++)
		if (n > strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

static int read_tree(struct wr_input *in, const char *path, struct wr_diags *diags)
{
	const char *argv[] = {"git",         "ls-tree",     "-r", "-z",
			      "--name-only", "--full-tree", path, NULL};
	WR_CLEANUP(free)
	char *names = NULL;
	size_t size, n = 0, length = strlen(path);
	int rc = run(argv, path, diags, &names, &size);
	const char *slash = path[length - 1] == '/' || path[length - 1] == ':' ? "" : "/";
	for (size_t at = 0; at < size && !rc; at += strlen(names + at) + 1) {
		WR_CLEANUP(free)
		char *file = NULL;
		if (!is_manifest(names + at))
			continue;
		if (++n > FILES_MAX)
			return failed(diags, path, "more than 100000 files", "");
		if (asprintf(&file, "%s%s%s", path, slash, names + at) < 0) {
			file = NULL;
			return -ENOMEM;
		}
		rc = read_blob(in, file, diags);
	}
	return rc;
}

int wr_git_read(struct wr_input *in, const char *path, struct wr_diags *diags)
{
	const char *argv[] = {"git", "cat-file", "-t", path, NULL};
	WR_CLEANUP(free)
	char *type = NULL;
	size_t size;
	/* what begins with a dash would be an option */
	if (*path == '-')
		return failed(diags, path, "a revision cannot begin with '-'", "");
	int rc = run(argv, path, diags, &type, &size);
	if (rc)
		return rc;
	if (size >= 4 && !strncmp(type, "tree", 4))
		return read_tree(in, path, diags);
	return read_blob(in, path, diags);
}
