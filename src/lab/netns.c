/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "lab/run.h"

#define MARKER "/run/weir/netns-dir" /* says that we made /run/netns a mount */

static void path_of(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, WR_NETNS_DIR "/%s", name);
}

/*
 * /run/netns must be a shared mount, or a namespace would live on in every
 * private mount namespace made while it was there. ip-netns does the same.
 */
static int prepare_dir(struct wr_diags *diags)
{
	bool made = mkdir(WR_NETNS_DIR, 0755) == 0;
	if (!made && errno != EEXIST)
		return wr_lab_error(diags, -errno, WR_NETNS_DIR ": %s", strerror(errno));
	if (mount("", WR_NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL)
		return wr_lab_error(diags, -errno, WR_NETNS_DIR ": mount --make-shared: %s",
				    strerror(errno));
	mkdir("/run/weir", 0755);
	int fd = open(MARKER, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		if (made && write(fd, "made\n", 5) != 5)
			unlink(MARKER);
		close(fd);
	}
	if (mount(WR_NETNS_DIR, WR_NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", WR_NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0)
		return wr_lab_error(diags, -errno, WR_NETNS_DIR ": mount: %s", strerror(errno));
	return 0;
}

static int any(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return 1;
}

void wr_netns_dir_release(void)
{
	struct stat st;
	if (stat(MARKER, &st) < 0 || wr_netns_each("", any, NULL))
		return;
	if (umount2(WR_NETNS_DIR, MNT_DETACH) == 0 && st.st_size)
		rmdir(WR_NETNS_DIR);
	unlink(MARKER);
}

static void write_sysctl(const char *line)
{
	char path[256];
	const char *value = strchr(line, '=');
	snprintf(path, sizeof(path), "/proc/sys/net/%.*s", (int)(value - line), line);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value + 1, strlen(value + 1)) < 0)
		errno = 0; /* a value that this kernel does not take: its default has to do */
	close(fd);
}

static int loopback_up(void)
{
	WR_CLEANUP(fd) int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	return s < 0 || ioctl(s, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

static int make_here(const char *path, const char *const *sysctls)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	for (size_t i = 0; sysctls && sysctls[i]; i++)
		write_sysctl(sysctls[i]);
	int rc = loopback_up();
	if (rc < 0)
		return rc;
	return mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) < 0 ? -errno : 0;
}

int wr_netns_create(const char *name, const char *const *sysctls, struct wr_diags *diags)
{
	char path[512];
	path_of(path, sizeof(path), name);
	int rc = prepare_dir(diags);
	if (rc < 0)
		return rc;
	WR_CLEANUP(fd) int home = wr_netns_here();
	if (home < 0)
		return wr_lab_error(diags, home, "/proc/thread-self/ns/net: %s", strerror(-home));
	WR_CLEANUP(fd) int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return wr_lab_error(diags, -errno, "%s: %s", path, strerror(errno));
	rc = make_here(path, sysctls);
	int back = wr_netns_enter(home);
	if (!rc)
		rc = back;
	if (rc < 0) {
		wr_netns_remove(name);
		return wr_lab_error(diags, rc, "network namespace %s: %s", name, strerror(-rc));
	}
	return 0;
}

int wr_netns_open(const char *name)
{
	char path[512];
	path_of(path, sizeof(path), name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int wr_netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

int wr_netns_here(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool wr_netns_exists(const char *name)
{
	char path[512];
	path_of(path, sizeof(path), name);
	return access(path, F_OK) == 0;
}

int wr_netns_remove(const char *name)
{
	char path[512];
	path_of(path, sizeof(path), name);
	/* once for every mount on it: a name may have been mounted over */
	for (int i = 0; i < 16 && umount2(path, MNT_DETACH) == 0; i++)
		;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int wr_netns_each(const char *prefix, int (*fn)(void *ctx, const char *name), void *ctx)
{
	DIR *dir = opendir(WR_NETNS_DIR);
	if (!dir)
		return 0;
	int rc = 0;
	struct dirent *e;
	while (!rc && (e = readdir(dir)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, strlen(prefix)))
			rc = fn(ctx, e->d_name);
	closedir(dir);
	return rc;
}

/* ---- killing what runs in them ---- */

struct inodes {
	WR_VEC(ino_t) v;
	ino_t own, machine;
	const char *exact;
};

static int add_inode(void *ctx, const char *name)
{
	struct inodes *set = ctx;
	char path[512];
	struct stat st;
	path_of(path, sizeof(path), name);
	if (set->exact && strcmp(name, set->exact) != 0)
		return 0;
	if (stat(path, &st) < 0 || st.st_ino == set->own || st.st_ino == set->machine)
		return 0;
	return wr_vec_push(&set->v, st.st_ino);
}

static ino_t inode_of(const char *path)
{
	struct stat st;
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static bool contains(const struct inodes *set, ino_t ino)
{
	for (size_t i = 0; i < set->v.n; i++)
		if (set->v.items[i] == ino)
			return true;
	return false;
}

/* A zombie has no namespace any more, so that it does not count. */
static int kill_once(const struct inodes *set)
{
	DIR *dir = opendir("/proc");
	if (!dir)
		return -errno;
	int n = 0;
	struct dirent *e;
	while ((e = readdir(dir))) {
		char path[300];
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name);
		ino_t ino = inode_of(path);
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (!ino || pid == getpid() || !contains(set, ino))
			continue;
		kill(pid, SIGKILL);
		n++;
	}
	closedir(dir);
	return n;
}

int wr_netns_kill(const char *prefix, bool exact)
{
	struct inodes set = {
		.own = inode_of("/proc/thread-self/ns/net"),
		.machine = inode_of("/proc/1/ns/net"),
		.exact = exact ? prefix : NULL,
	};
	int killed = 0, rc = wr_netns_each(prefix, add_inode, &set);
	for (int i = 0; !rc && set.v.n && i < 300; i++) {
		int n = kill_once(&set);
		if (n <= 0) {
			rc = n;
			break;
		}
		killed = n > killed ? n : killed;
		nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
		if (i == 299)
			rc = -ETIMEDOUT;
	}
	wr_vec_free(&set.v);
	return rc < 0 ? rc : killed;
}
