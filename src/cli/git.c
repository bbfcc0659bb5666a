/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/git.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/child.h"

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

/* What git prints (malloc'ed). Its own message becomes the error. */
static int run(const char *const *argv, const char *path, struct wr_diags *diags, char **out,
	       size_t *size)
{
	char message[512];
	int rc = wr_child_run(argv, NULL, 0, OUTPUT_MAX, out, size, message);
	if (rc == -ENOENT)
		return failed(diags, path, "git is not installed: revisions cannot be read", "");
	if (rc == -EFBIG)
		return failed(diags, path, "larger than 256 MiB", "");
	return rc == -EIO ? failed(diags, path, "git: ", message) : rc;
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
