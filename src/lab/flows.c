/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows: the datapaths' events with names, kept in a log of JSON lines.
 *
 * The kernel decides by numbers. What they mean is known to the program that
 * judged: events are therefore taken before every change, and those that
 * another generation judged keep their numbers and say so.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "datapath/flow.h"
#include "base/buf.h"
#include "lab/internal.h"
#include "lab/lab.h"
#include "lab/netns.h"
#include "lab/run.h"

#define LOG_MAX (8 << 20) /* bytes; then the older half goes */

struct drain {
	struct wr_lab *lab;
	struct wr_buf *out;
	uint32_t node;
	bool failed;
};

/* ---- one event ---- */

/* The names of addresses outside; nodes and pods have theirs in the world. */
static const char *outside_name(void *ctx, const struct wr_ip *ip)
{
	const struct wr_lab_state *s = ((struct drain *)ctx)->lab->state;
	for (size_t i = 0; i < s->outside.n; i++)
		if (wr_ip_equal(&s->outside.items[i].ip, ip) && s->outside.items[i].name)
			return s->outside.items[i].name;
	return NULL;
}

static void write_event(void *ctx, const struct weir_event *e)
{
	struct drain *d = ctx;
	char node[32];
	snprintf(node, sizeof(node), "node-%u", d->node + 1);
	struct wr_flow_context context = {
		.program = d->lab->program,
		.generation = d->lab->state->generation[d->node],
		.node = node,
		.outside_name = outside_name,
		.ctx = d,
	};
	d->failed |= wr_flow_write(&context, e, d->out) < 0;
	wr_buf_text(d->out, "\n");
}

/* ---- draining ---- */

/* In the node's namespace. */
static int drain_here(struct drain *d, struct wr_diags *diags)
{
	char pins[WR_LAB_PATH];
	struct wr_datapath_opts opts = {.pin_dir = wr_lab_pin_dir(pins, d->lab->state, d->node)};
	struct wr_datapath *dp;
	int rc = wr_datapath_open(&opts, diags, &dp);
	if (rc)
		return rc;
	rc = wr_datapath_events(dp, 0, write_event, d);
	wr_datapath_close(dp);
	return rc < 0 ? rc : 0;
}

static int drain_node(struct wr_lab *lab, uint32_t node, struct wr_buf *out, struct wr_diags *diags)
{
	char netns[WR_LAB_NETNS];
	WR_CLEANUP(fd)
	int here = wr_netns_here();
	WR_CLEANUP(fd)
	int there = wr_netns_open(wr_lab_node_netns(netns, lab->state, node));
	if (here < 0 || there < 0)
		return here < 0 ? here : there;
	struct drain d = {.lab = lab, .out = out, .node = node};
	int rc = wr_netns_enter(there);
	if (!rc)
		rc = drain_here(&d, diags);
	int back = wr_netns_enter(here);
	return rc ? rc : back ? back : d.failed ? -ENOMEM : 0;
}

/* Keeps the newer half of a log that is full, from the beginning of a line on. */
static int shorten(const char *path)
{
	WR_CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_size <= LOG_MAX)
		return 0;
	size_t size = (size_t)st.st_size / 2;
	WR_CLEANUP(free)
	char *half = malloc(size + 1);
	if (!half)
		return -ENOMEM;
	ssize_t n = pread(fd, half, size, st.st_size - (off_t)size);
	if (n < 0)
		return -errno;
	char *line = memchr(half, '\n', (size_t)n);
	size_t skip = line ? (size_t)(line + 1 - half) : 0;
	return wr_lab_write_file(path, half + skip, (size_t)n - skip, false);
}

static int append_log(const struct wr_lab *lab, const struct wr_buf *lines)
{
	char path[WR_LAB_PATH];
	if (!lines->n)
		return 0;
	int rc = shorten(wr_lab_path(path, lab->state->name, WR_LAB_FLOWS));
	if (rc)
		return rc;
	WR_CLEANUP(fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < lines->n;) {
		ssize_t n = write(fd, lines->data + at, lines->n - at);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A log that others append to cannot be replaced: when it is full it begins anew. */
static int bound_log(const struct wr_lab *lab)
{
	char path[WR_LAB_PATH];
	struct stat st;
	if (stat(wr_lab_path(path, lab->state->name, WR_LAB_FLOWS), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return st.st_size > LOG_MAX && truncate(path, 0) < 0 ? -errno : 0;
}

int wr_lab_flows_drain(struct wr_lab *lab, struct wr_diags *diags)
{
	if (lab->state->api)
		return bound_log(lab); /* the agents take them, and write them down */
	WR_CLEANUP(buf)
	struct wr_buf lines = {0};
	int rc = 0;
	for (uint32_t i = 0; i < lab->state->n_nodes && !rc; i++)
		rc = drain_node(lab, i, &lines, diags);
	if (!rc && lines.failed)
		rc = -ENOMEM;
	if (!rc)
		rc = append_log(lab, &lines);
	return rc ? wr_lab_error(diags, rc, "cannot read the nodes' events: %s", strerror(-rc)) : 0;
}

int wr_lab_flows_read(const char *name, uint64_t *next, void (*fn)(void *ctx, const char *line),
		      void *ctx)
{
	char path[WR_LAB_PATH];
	FILE *f = fopen(wr_lab_path(path, name, WR_LAB_FLOWS), "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	/* a log that was shortened begins anew; what is told twice is better than never */
	if (fseek(f, 0, SEEK_END) == 0 && (uint64_t)ftell(f) < *next)
		*next = 0;
	int rc = fseek(f, (long)*next, SEEK_SET) ? -errno : 0;
	while (!rc && (n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n') {
		*next += (uint64_t)n;
		line[n - 1] = '\0';
		fn(ctx, line);
	}
	free(line);
	fclose(f);
	return rc;
}
