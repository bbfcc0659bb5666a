/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "datapath/internal.h"

#define VERSION_DIR_(n) "v" #n
#define VERSION_DIR(n) VERSION_DIR_(n)
static const char version_dir[] = VERSION_DIR(WEIR_ABI_VERSION);

/* Map names as in bpf/maps.h; the file is called the same. */
static const char *const map_names[WR_MAPS] = {
	[WR_MAP_ADDR4] = "addr4",   [WR_MAP_ADDR6] = "addr6",   [WR_MAP_NET4] = "net4",
	[WR_MAP_NET6] = "net6",     [WR_MAP_IMAGES] = "images", [WR_MAP_COUNTERS] = "counters",
	[WR_MAP_EVENTS] = "events", [WR_MAP_SEEN] = "seen",     [WR_MAP_BUCKETS] = "buckets",
	[WR_MAP_CONFIG] = "config",
};

const char *wr_map_name(enum wr_map_index map)
{
	return map_names[map];
}

bool wr_pin_path(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, WR_PIN_PATH, "%s/%s", dir, name);
	return n > 0 && n < WR_PIN_PATH;
}

bool wr_pin_map_path(char *path, const char *dir, enum wr_map_index map)
{
	int n = snprintf(path, WR_PIN_PATH, "%s/%s/%s", dir, version_dir, map_names[map]);
	return n > 0 && n < WR_PIN_PATH;
}

int wr_pin_get(const char *dir, const char *name)
{
	char path[WR_PIN_PATH];
	if (!wr_pin_path(path, dir, name))
		return -ENAMETOOLONG;
	int fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

/* ---- the directory ---- */

static int make_dirs(const char *path)
{
	char part[WR_PIN_PATH];
	size_t len = strlen(path);
	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

int wr_bpffs_mount(const char *path, struct wr_diags *diags)
{
	int rc = make_dirs(path);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot make %s", path);
	if (is_bpffs(path))
		return 0;
	if (mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return wr_dp_error(diags, -errno, "cannot mount a bpffs at %s", path);
	return 0;
}

static int make_pin_dir(const char *dir, struct wr_diags *diags)
{
	static const char usual[] = "/sys/fs/bpf";
	if (!strncmp(dir, usual, strlen(usual)) && !is_bpffs(usual)) {
		int rc = wr_bpffs_mount(usual, diags);
		if (rc < 0)
			return rc;
	}
	int rc = make_dirs(dir);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot make the pin directory %s", dir);
	if (is_bpffs(dir))
		return 0;
	rmdir(dir);
	return wr_dp_error(diags, -EINVAL, "the pin directory %s is not in a bpffs (mount -t bpf)",
			   dir);
}

/* Whether the path still leads to what fd has open: another process may have removed it. */
static bool still_there(const char *dir, int fd)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && stat(dir, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int wr_pin_lock(const char *dir, bool create, bool exclusive, struct wr_diags *diags, int *out)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		int rc = create ? make_pin_dir(dir, diags) : 0;
		if (rc < 0)
			return rc;
		int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && (create || errno != ENOENT))
			return wr_dp_error(diags, -errno, "cannot open the pin directory %s", dir);
		if (fd < 0)
			return -ENOENT;
		while ((rc = flock(fd, exclusive ? LOCK_EX : LOCK_SH)) < 0 && errno == EINTR)
			;
		if (rc < 0) {
			rc = wr_dp_error(diags, -errno, "cannot lock the pin directory %s", dir);
			close(fd);
			return rc;
		}
		if (still_there(dir, fd)) {
			*out = fd;
			return 0;
		}
		close(fd);
	}
	return wr_dp_error(diags, -EAGAIN, "the pin directory %s keeps disappearing", dir);
}

int wr_pin_relock(const char *dir, int dir_fd, struct wr_diags *diags)
{
	int rc;
	while ((rc = flock(dir_fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return wr_dp_error(diags, -errno, "cannot lock the pin directory %s", dir);
	if (still_there(dir, dir_fd))
		return 0;
	flock(dir_fd, LOCK_UN);
	return wr_dp_error(diags, -ENOENT, "the datapath in %s has been detached", dir);
}

void wr_pin_unlock(int dir_fd)
{
	flock(dir_fd, LOCK_UN);
}

/* ---- the maps of our version ---- */

void wr_maps_init(struct wr_maps *maps)
{
	for (int i = 0; i < WR_MAPS; i++)
		maps->fd[i] = -1;
}

void wr_maps_close(struct wr_maps *maps)
{
	for (int i = 0; i < WR_MAPS; i++)
		if (maps->fd[i] >= 0)
			close(maps->fd[i]);
	wr_maps_init(maps);
}

/* The judge is pinned last. */
static bool version_complete(const char *dir)
{
	char path[WR_PIN_PATH];
	if (!wr_pin_path(path, dir, version_dir))
		return false;
	DIR *d = opendir(path);
	bool found = false;
	for (struct dirent *e; d && (e = readdir(d));)
		found |= !strncmp(e->d_name, "judge_", 6);
	if (d)
		closedir(d);
	return found;
}

int wr_maps_open(const char *dir, struct wr_maps *out)
{
	struct wr_maps maps;
	wr_maps_init(&maps);
	if (!version_complete(dir))
		return -ENOENT;
	for (int i = 0; i < WR_MAPS; i++) {
		char path[WR_PIN_PATH];
		int fd = -ENAMETOOLONG;
		if (wr_pin_map_path(path, dir, (enum wr_map_index)i)) {
			fd = bpf_obj_get(path);
			fd = fd < 0 ? -errno : fd;
		}
		if (fd < 0) {
			wr_maps_close(&maps);
			return fd;
		}
		maps.fd[i] = fd;
	}
	*out = maps;
	return 0;
}

/* ---- removing ---- */

int wr_pin_remove_version(const char *dir, const char *version)
{
	char path[WR_PIN_PATH];
	if (!wr_pin_path(path, dir, version))
		return -ENAMETOOLONG;
	DIR *d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* "v" and digits. */
static bool is_version(const char *name)
{
	return name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

bool wr_pin_other_versions(const char *dir, bool remove)
{
	DIR *d = opendir(dir);
	bool found = false;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!is_version(e->d_name) || !strcmp(e->d_name, version_dir))
			continue;
		found = true;
		if (remove)
			wr_pin_remove_version(dir, e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

int wr_pin_remove_all(const char *dir)
{
	/* links first: from there on nothing is enforced; about last: until then we may try again */
	char path[WR_PIN_PATH];
	int rc = 0;
	for (int i = 0; i < WR_HOOKS; i++)
		if (wr_pin_path(path, dir, wr_hooks[i].pin) && unlink(path) < 0 && errno != ENOENT)
			rc = -errno;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		if (is_version(e->d_name))
			wr_pin_remove_version(dir, e->d_name);
	if (d)
		closedir(d);
	static const char *const rest[] = {"entry", "jump", "about"};
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		if (wr_pin_path(path, dir, rest[i]) && unlink(path) < 0 && errno != ENOENT)
			rc = -errno;
	return rc;
}
