/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settle: commands that change what the API says end when it is done. They ask
 * the kubelet, and it answers after a turn that began later than the question
 * and found nothing left to do, with a digest of all objects that it saw. An
 * agent that says the same digests has heard of the same objects; what it has
 * put in force it says itself.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "input/input.h"
#include "lab/kubelet.h"
#include "lab/run.h"

#define ANSWER_MAX 4096

/* What agents follow, too. */
static const enum wr_kind kinds[WR_SETTLED_KINDS] = {
	WR_KIND_NAMESPACE,
	WR_KIND_NODE,
	WR_KIND_POD,
	WR_KIND_NETWORKPOLICY,
	WR_KIND_CLUSTERNETWORKPOLICY,
	WR_KIND_ADMINNETWORKPOLICY,
	WR_KIND_BASELINEADMINNETWORKPOLICY,
};

/* ---- the kubelet's end ---- */

bool wr_settle_take(struct wr_kubelet *k, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return false;
	if (wr_vec_push(&k->waiting, fd) == 0)
		return true;
	close(fd);
	return false;
}

static uint64_t digest(const struct wr_listing_of *l)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < l->n; i++)
		sum += wr_kube_digest(wr_meta_text(l->items[i], "namespace"),
				      wr_meta_text(l->items[i], "name"),
				      wr_meta_text(l->items[i], "resourceVersion"));
	return sum;
}

static void put_digests(const struct wr_kubelet *k, struct wr_buf *t)
{
	wr_buf_text(t, "{\"kinds\":{");
	for (size_t i = 0; i < WR_SETTLED_KINDS; i++)
		wr_buf_printf(t, "%s\"%s\":\"%016llx\"", i ? "," : "", wr_kind_name(kinds[i]),
			      (unsigned long long)digest(&k->lists[kinds[i]]));
	wr_buf_text(t, "}}\n");
}

void wr_settle_answer(struct wr_kubelet *k, const char *problem)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (!k->waiting.n)
		return;
	if (problem) {
		wr_buf_text(&t, "{\"problem\":");
		wr_buf_json(&t, problem);
		wr_buf_text(&t, "}\n");
	} else {
		put_digests(k, &t);
	}
	for (size_t i = 0; i < k->waiting.n; i++) {
		/* less than a socket takes at once; who has gone has no use for it */
		if (!t.failed && send(k->waiting.items[i], t.data, t.n, MSG_NOSIGNAL) < 0)
			k->log("somebody who waited has gone");
		close(k->waiting.items[i]);
	}
	k->waiting.n = 0;
}

/* ---- the command's end ---- */

static int64_t now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int ask(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd < 0 ? -errno : fd;
}

/* Its answer, one line; -EPIPE: it ended without one. */
static int hear(int fd, char *text, int64_t until)
{
	size_t n = 0;
	while (n < ANSWER_MAX - 1 && !memchr(text, '\n', n)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		ssize_t k = recv(fd, text + n, ANSWER_MAX - 1 - n, 0);
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	text[n] = '\0';
	return n ? 0 : -EPIPE;
}

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING ? v->text : NULL;
}

static int take(const char *name, const char *text, struct wr_settled *out, struct wr_diags *diags)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v = NULL;
	int rc = a ? wr_json_parse(a, text, strlen(text), (struct wr_mark){0}, &v, NULL) : -ENOMEM;
	const char *problem = rc ? NULL : text_of(v, "problem");
	if (problem)
		rc = wr_lab_error(diags, -EIO, "lab '%s': %s", name, problem);
	for (size_t i = 0; !rc && i < WR_SETTLED_KINDS; i++) {
		const char *t = text_of(wr_value_get(v, "kinds"), wr_kind_name(kinds[i]));
		out->kinds[i].name = wr_kind_name(kinds[i]);
		snprintf(out->kinds[i].digest, sizeof(out->kinds[i].digest), "%s", t ? t : "");
	}
	wr_arena_free(a);
	return rc;
}

int wr_lab_settle(const char *name, int timeout_ms, struct wr_settled *out, struct wr_diags *diags)
{
	char path[WR_LAB_PATH], text[ANSWER_MAX];
	WR_CLEANUP(fd)
	int fd = ask(wr_lab_path(path, name, WR_SETTLE_SOCKET));
	int rc = fd < 0 ? fd : hear(fd, text, now_ms() + timeout_ms);
	if (rc == -ECONNREFUSED || rc == -ENOENT || rc == -EPIPE) {
		wr_lab_error(diags, rc, "the kubelet of lab '%s' does not run: nothing new is made",
			     name);
		wr_diag_advise(diags, "'weir lab status --name %s' tells what runs", name);
		return rc;
	}
	if (rc)
		return wr_lab_error(diags, rc, "the kubelet of lab '%s': %s", name, strerror(-rc));
	return take(name, text, out, diags);
}
