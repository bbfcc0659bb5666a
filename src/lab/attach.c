/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach: kubectl attach, and 'kubectl run -it'. Images are not run: what a pod
 * says is its log. A container with an open standard input (stdin: true, as run
 * -i makes it) has nothing to do before somebody comes: then its command runs,
 * as exec runs one, and its end is the container's.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "lab/client.h"
#include "lab/internal.h"
#include "lab/remote.h"

#define WORDS 1024
#define LOOK_MS 250
#define CHUNK 8192
#define STAMP 31 /* bytes before what a line says: its time, and a blank */

/* ---- what the pod says ---- */

static void nothing(void *arg, enum wr_channel channel, const char *data, size_t n)
{
	(void)arg;
	(void)channel;
	(void)data;
	(void)n;
}

static void no_end(void *arg, enum wr_channel channel)
{
	(void)arg;
	(void)channel;
}

/* Whole lines, without their times; what is left is moved to the front. */
static size_t say_lines(struct wr_client *c, char *data, size_t n)
{
	size_t at = 0;
	for (char *end; (end = memchr(data + at, '\n', n - at)); at = (size_t)(end - data) + 1) {
		size_t size = (size_t)(end - data) - at + 1;
		bool stamped = size > STAMP && data[at + STAMP - 1] == ' ' &&
			       data[at + STAMP - 2] == 'Z';
		size_t skip = stamped ? STAMP : 0;
		wr_client_send(c, WR_CH_STDOUT, data + at + skip, size - skip);
	}
	memmove(data, data + at, n - at);
	return n - at;
}

static void follow(struct wr_client *c, int fd)
{
	char data[CHUNK];
	size_t have = 0;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	off_t at = lseek(fd, 0, SEEK_END);
	while (!c->closed) {
		ssize_t n = pread(fd, data + have, sizeof(data) - have, at);
		at = n < 0 || lseek(fd, 0, SEEK_END) < at ? 0 : at + n; /* it may begin anew */
		have = say_lines(c, data, have + (n > 0 ? (size_t)n : 0));
		have = have == sizeof(data) ? 0 : have; /* a line of nobody's */
		if (poll(&p, 1, n > 0 ? 0 : LOOK_MS) > 0)
			wr_client_read(c);
	}
}

static void attach_log(const struct wr_remote *r)
{
	char path[WR_LAB_PATH];
	struct wr_client c;
	WR_CLEANUP(fd)
	int fd = open(wr_lab_pod_log(path, r->lab, r->ns, r->pod),
		      O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (wr_client_open(&c, r->fd, r->protocol, NULL, &c) < 0)
		return;
	c.bytes = nothing;
	c.ended = no_end;
	if (fd >= 0)
		follow(&c, fd);
	wr_client_close(&c);
}

/* ---- its own program ---- */

static const struct wr_value *find_pod(const struct wr_kubelet *k, const struct wr_remote *r)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_POD];
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(wr_meta_text(l->items[i], "name"), r->pod) &&
		    !strcmp(wr_meta_text(l->items[i], "namespace"), r->ns))
			return l->items[i];
	return NULL;
}

/* The one that the query names, or the first. */
static const struct wr_value *find_container(const struct wr_value *pod, const char *query)
{
	const struct wr_value *list = wr_tree_at(pod, "spec.containers");
	const char *wanted = strstr(query, "container=");
	size_t n = list && list->type == WR_LIST ? list->n : 0;
	for (size_t i = 0; wanted && i < n; i++) {
		const char *name = wr_tree_text(list->items[i], "name");
		size_t size = strcspn(wanted + 10, "&");
		if (name && strlen(name) == size && !strncmp(name, wanted + 10, size))
			return list->items[i];
	}
	return n ? list->items[0] : NULL;
}

static size_t add_words(const char **argv, size_t n, const struct wr_value *list)
{
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n && n < WORDS; i++)
		if (list->items[i]->type == WR_STRING)
			argv[n++] = list->items[i]->text;
	return n;
}

/* A connection of this process's own: the other's is the kubelet's. */
static void tell_end(struct wr_kubelet *k, const struct wr_value *pod, int code)
{
	k->kube = NULL;
	if (wr_kube_new(k->config, NULL, &k->kube) == 0)
		(void)wr_kubelet_pod_ended(k, pod, code);
}

void wr_attach_serve(struct wr_kubelet *k, struct wr_remote *r)
{
	const char *argv[WORDS + 1] = {"sh"};
	const struct wr_value *pod = find_pod(k, r),
			      *container = pod ? find_container(pod, r->query) : NULL,
			      *open = container ? wr_value_get(container, "stdin") : NULL;
	if (!open || open->type != WR_BOOL || !open->boolean) {
		attach_log(r);
		return;
	}
	size_t n = add_words(argv, 0, wr_value_get(container, "command"));
	n = add_words(argv, n, wr_value_get(container, "args"));
	argv[n ? n : 1] = NULL;
	r->argv = argv;
	int code = wr_remote_program(r);
	const char *again = wr_tree_text(pod, "spec.restartPolicy");
	if (code >= 0 && again &&
	    (!strcmp(again, "Never") || (!strcmp(again, "OnFailure") && !code)))
		tell_end(k, pod, code);
}
