/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's directory: paths, whole files, the lock, removal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/run.h"
#include "lab/state.h"

#define LOCK_TRIES 1200 /* of 50 ms */

const char *wr_lab_path(char *buf, const char *lab, const char *file)
{
	snprintf(buf, WR_LAB_PATH, WR_LAB_DIR "/%s%s%s", lab, file[0] ? "/" : "", file);
	return buf;
}

static int write_all(int fd, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, data + done, size - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int wr_lab_write_file(const char *path, const char *data, size_t size, bool sync)
{
	char temporary[WR_LAB_PATH + 8];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	int rc = write_all(fd, data, size);
	if (!rc && sync && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && !rc)
		rc = -errno;
	if (!rc && rename(temporary, path) < 0)
		rc = -errno;
	if (rc)
		unlink(temporary);
	return rc;
}

/* The directories above a lab's, and its own. */
static int make_dirs(const char *name)
{
	char path[WR_LAB_PATH];
	const char *dirs[] = {"/run/weir", WR_LAB_DIR, wr_lab_path(path, name, "")};
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0755) < 0 && errno != EEXIST)
			return -errno;
	return 0;
}

/*
 * The lock file goes with the lab: a lock on one that was removed meanwhile
 * is worth nothing, and the next try sees the one that stands there now.
 */
static int lock_once(const char *path, bool create)
{
	struct stat held, there;
	WR_CLEANUP(fd) int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &held) < 0 || stat(path, &there) < 0 || held.st_ino != there.st_ino)
		return -EAGAIN;
	int locked = fd;
	fd = -1;
	return locked;
}

int wr_lab_lock(const char *name, bool create, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	int fd = -EAGAIN;
	for (int i = 0; fd == -EAGAIN && i < LOCK_TRIES; i++) {
		if (i)
			nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
		int rc = create ? make_dirs(name) : 0;
		if (rc < 0)
			return wr_lab_error(diags, rc, WR_LAB_DIR "/%s: %s", name, strerror(-rc));
		fd = lock_once(wr_lab_path(path, name, "lock"), create);
		if (create && fd == -ENOENT)
			fd = -EAGAIN; /* a lab down came between */
	}
	if (fd == -ENOENT)
		return wr_lab_error(diags, fd, "no lab '%s' is running", name);
	if (fd == -EAGAIN)
		return wr_lab_error(diags, fd, "lab '%s': another command holds it", name);
	if (fd < 0)
		return wr_lab_error(diags, fd, "%s: %s", path, strerror(-fd));
	return fd;
}

/* Removes what is below a directory; depth bounds a loop of mounts. */
static int remove_below(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	int rc = 0;
	struct dirent *e;
	while ((e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (errno == EISDIR && depth > 0)
			rc = remove_below(fd, e->d_name, depth - 1);
		else
			rc = -errno;
	}
	closedir(dir);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = -errno;
	return rc;
}

int wr_lab_remove_files(const char *name)
{
	char path[WR_LAB_PATH];
	int rc = remove_below(AT_FDCWD, wr_lab_path(path, name, ""), 8);
	rmdir(WR_LAB_DIR); /* go when they are empty */
	rmdir("/run/weir");
	return rc;
}
