/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, keys and tokens in files that others replace while we run: a
 * pod's token is renewed every hour. A file is read again when its inode, size
 * or time of change is another; while it cannot be read what was known stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kube/internal.h"

#define SECRET_BYTES ((size_t)1 << 20)

static bool same_file(const struct wr_kube_secret *s, const struct stat *st)
{
	return s->text && s->inode == st->st_ino && s->size == st->st_size &&
	       s->changed.tv_sec == st->st_mtim.tv_sec && s->changed.tv_nsec == st->st_mtim.tv_nsec;
}

static int read_all(int fd, char *text, size_t room, size_t *size)
{
	size_t n = 0;
	while (n < room) {
		ssize_t got = read(fd, text + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	*size = n;
	return n == room ? -EFBIG : 0;
}

int wr_kube_secret_refresh(struct wr_kube_secret *s)
{
	WR_CLEANUP(fd)
	int fd = -1;
	struct stat st;
	if (!s->path)
		return 0;
	fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (same_file(s, &st))
		return 0;
	WR_CLEANUP(free)
	char *text = malloc(SECRET_BYTES + 1);
	size_t n = 0;
	if (!text)
		return -ENOMEM;
	int rc = read_all(fd, text, SECRET_BYTES + 1, &n);
	if (rc < 0)
		return rc;
	if (!n || memchr(text, '\0', n))
		return -EINVAL;
	text[n] = '\0';
	char *kept = strdup(text);
	if (!kept)
		return -ENOMEM;
	wr_kube_secret_free(s);
	s->text = kept;
	s->inode = st.st_ino;
	s->size = st.st_size;
	s->changed = st.st_mtim;
	return 0;
}

void wr_kube_secret_free(struct wr_kube_secret *s)
{
	if (s->path && s->text) {
		explicit_bzero(s->text, strlen(s->text));
		free(s->text);
		s->text = NULL;
	}
}
