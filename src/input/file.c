/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as kubectl takes them.
 *
 * In a directory, links to files are followed and links to directories are not:
 * so no loop of links is ever walked, and a mounted ConfigMap, whose files are
 * links through "..data" into a directory "..2024_05_01_...", is read once;
 * directories whose names begin with ".." are its own affair. Only regular
 * files are read there, so that a pipe does not hold everything up; a path
 * that the user named is read whatever it is, up to the bound.
 */
#include "input/input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "input/internal.h"

#define DIRECTORY_DEPTH 64
#define FIRST_READ ((size_t)64 << 10)

/* One call of wr_input_path(). */
struct walk {
	struct wr_input *in;
	struct wr_diags *diags;
	size_t found; /* files */
};

WR_DEFINE_CLEANUP(dir, DIR *, closedir)

__attribute__((format(printf, 4, 5))) static int fail(struct walk *w, const char *path,
						      const char *advice, const char *fmt, ...)
{
	char message[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	wr_diag_add(w->diags, WR_ERROR, (struct wr_mark){path, 0, 0}, NULL, NULL, "%s", message);
	if (advice)
		wr_diag_advise(w->diags, "%s", advice);
	return -EIO;
}

/* All of fd, at most the bound, into memory from malloc. */
static int read_all(struct walk *w, int fd, const char *path, size_t expected, char **out,
		    size_t *out_size)
{
	size_t limit = w->in->limits.file_bytes, cap = expected ? expected + 1 : FIRST_READ, n = 0;
	char words[32], *buf = NULL;
	if (cap > limit + 1)
		cap = limit + 1; /* one more than allowed: to see that there is more */
	for (;; cap = cap * 2 > limit + 1 ? limit + 1 : cap * 2) {
		char *bigger = realloc(buf, cap);
		if (!bigger) {
			free(buf);
			return -ENOMEM;
		}
		buf = bigger;
		ssize_t got = 1;
		while (n < cap && got) {
			got = read(fd, buf + n, cap - n);
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0) {
				free(buf);
				return fail(w, path, NULL, "cannot read: %s", strerror(errno));
			}
			n += (size_t)got;
		}
		if (n > limit) {
			free(buf);
			return fail(w, path, NULL, "larger than %s",
				    wr_input_size_words(limit, words));
		}
		if (!got)
			break;
	}
	*out = buf;
	*out_size = n;
	return 0;
}

static int read_fd(struct walk *w, int fd, const char *path, size_t expected)
{
	char *bytes = NULL;
	size_t size = 0;
	w->found++;
	if (w->in->files >= w->in->limits.files)
		return fail(w, path, NULL, "more than %zu files", w->in->limits.files);
	w->in->files++;
	int rc = read_all(w, fd, path, expected, &bytes, &size);
	return rc < 0 ? rc : wr_input_take(w->in, path, 1, bytes, size, w->diags);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **items;
	size_t n, cap;
};

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	wr_vec_free(names);
}

static int list_names(DIR *dir, struct names *names)
{
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(dir);
		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		char *name = strdup(e->d_name);
		if (!name || wr_vec_push(names, name) < 0) {
			free(name);
			return -ENOMEM;
		}
	}
	if (errno)
		return -errno;
	if (names->n)
		qsort(names->items, names->n, sizeof(char *), compare_names);
	return 0;
}

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

static int walk_directory(struct walk *w, int fd, const char *path, size_t depth);

static int walk_entry(struct walk *w, int dirfd, const char *path, const char *name, size_t depth)
{
	struct stat st, target;
	bool manifest = is_manifest(name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone since it was listed */
	if (S_ISDIR(st.st_mode)) {
		if (!strncmp(name, "..", 2))
			return 0;
		int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? fail(w, path, NULL, "cannot open the directory: %s",
				     strerror(errno))
			      : walk_directory(w, fd, path, depth + 1);
	}
	if (!manifest)
		return 0;
	if (fstatat(dirfd, name, &target, 0) < 0)
		return fail(w, path, NULL, "cannot read: %s", strerror(errno));
	if (S_ISDIR(target.st_mode))
		return 0;
	if (!S_ISREG(target.st_mode)) {
		wr_diag_add(w->diags, WR_WARNING, (struct wr_mark){path, 0, 0}, NULL, NULL,
			    "not a regular file: left out");
		return 0;
	}
	WR_CLEANUP(fd)
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail(w, path, NULL, "cannot open: %s", strerror(errno));
	return read_fd(w, fd, path, (size_t)target.st_size);
}

/* Closes fd. */
static int walk_directory(struct walk *w, int fd, const char *path, size_t depth)
{
	struct names names = {0};
	WR_CLEANUP(dir)
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return fail(w, path, NULL, "cannot read the directory: %s", strerror(errno));
	}
	if (depth > DIRECTORY_DEPTH)
		return fail(w, path, NULL, "directories nested deeper than %d", DIRECTORY_DEPTH);
	int rc = list_names(dir, &names);
	if (rc < 0 && rc != -ENOMEM)
		rc = fail(w, path, NULL, "cannot read the directory: %s", strerror(-rc));
	const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
	/* an error in one file does not hide those in the next */
	for (size_t i = 0; i < names.n && rc != -ENOMEM; i++) {
		WR_CLEANUP(free)
		char *entry = NULL;
		int one = -ENOMEM;
		if (asprintf(&entry, "%s%s%s", path, slash, names.items[i]) < 0)
			entry = NULL;
		else
			one = walk_entry(w, dirfd(dir), entry, names.items[i], depth);
		rc = one < 0 ? one : rc;
	}
	free_names(&names);
	return rc;
}

static int read_stdin(struct walk *w)
{
	if (w->in->stdin_read)
		return fail(w, "-", "name '-' once", "standard input can be read only once");
	w->in->stdin_read = true;
	return read_fd(w, STDIN_FILENO, "-", 0);
}

int wr_input_path(struct wr_input *in, const char *path, struct wr_diags *diags)
{
	struct walk w = {in, diags, 0};
	if (!strcmp(path, "-"))
		return read_stdin(&w);
	WR_CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? fail(&w, path, NULL, "the path does not exist")
				       : fail(&w, path, NULL, "cannot open: %s", strerror(errno));
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(&w, path, NULL, "cannot read: %s", strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return read_fd(&w, fd, path, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0);
	int rc = walk_directory(&w, fd, path, 0);
	fd = -1;
	if (!w.found && rc != -ENOMEM)
		return fail(&w, path, "name a file, or another directory",
			    "no file ends in .yaml, .yml or .json in this directory");
	return rc;
}
