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

#include "engine/explain.h"
#include "lab/buf.h"
#include "lab/lab.h"
#include "lab/netns.h"
#include "lab/run.h"

#define LOG_MAX (8 << 20) /* bytes; then the older half goes */
#define LOG_NAME "flows.jsonl"

struct drain {
	struct wr_lab *lab;
	struct wr_buf *out;
	uint32_t node;
	bool failed;
};

/* ---- one event ---- */

static const char *side_name(struct drain *d, const struct wr_side *side, struct wr_arena *a)
{
	const struct wr_world *w = d->lab->world;
	char ip[WR_IP_TEXT];
	if (side->pod != WR_NONE)
		return wr_arena_printf(a, "%s/%s", w->pods[side->pod].ns, w->pods[side->pod].name);
	wr_ip_format(&side->ip, ip);
	for (size_t i = 0; i < d->lab->state->outside.n; i++)
		if (wr_ip_equal(&d->lab->state->outside.items[i].ip, &side->ip) &&
		    d->lab->state->outside.items[i].name)
			return d->lab->state->outside.items[i].name;
	if (side->node != WR_NONE)
		return w->nodes[side->node].name;
	return wr_arena_strdup(a, ip);
}

static void put_time(struct wr_buf *out, uint64_t monotonic_ns)
{
	struct timespec mono, real;
	struct tm tm;
	char text[32];
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	int64_t ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec -
		     ((int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec) + (int64_t)monotonic_ns;
	time_t s = (time_t)(ns / 1000000000);
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	wr_buf_printf(out, "\"%s.%06uZ\"", text, (unsigned)(ns % 1000000000 / 1000));
}

static void put(struct wr_buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	wr_buf_printf(out, ",\"%s\":", key);
	wr_buf_json(out, text);
}

static const char *policy_name(const struct wr_world *w, uint32_t policy, struct wr_arena *a)
{
	const struct wr_policy *p = &w->policies[policy];
	char title[WR_POLICY_TITLE];
	return wr_arena_strdup(a, wr_policy_title(p, title));
}

/* The rule that decided, with its place. */
static void put_rule(struct wr_buf *out, const struct wr_world *w, const struct wr_reason *r,
		     struct wr_arena *a)
{
	put(out, "policy", policy_name(w, r->author.policy, a));
	wr_buf_printf(out, ",\"rule\":%u", r->author.rule + 1);
	put(out, "rule_name", w->policies[r->author.policy].rules[r->dir][r->author.rule].name);
	put(out, "file", r->mark.file);
	if (r->mark.line)
		wr_buf_printf(out, ",\"line\":%u", r->mark.line);
}

/* Who isolates, and the rule that nearly allowed it. */
static void put_isolation(struct wr_buf *out, const struct wr_world *w, const struct wr_reason *r,
			  struct wr_arena *a)
{
	wr_buf_text(out, ",\"isolating\":[");
	for (uint32_t i = 0; i < r->n_isolating; i++) {
		wr_buf_text(out, i ? "," : "");
		wr_buf_json(out, policy_name(w, r->isolating[i], a));
	}
	wr_buf_text(out, "]");
	if (!r->n_misses)
		return;
	const struct wr_near_miss *m = &r->misses[0];
	wr_buf_text(out, ",\"near_miss\":{\"policy\":");
	wr_buf_json(out, policy_name(w, m->policy, a));
	wr_buf_printf(out, ",\"rule\":%u", m->rule + 1);
	put(out, "file", m->mark.file);
	if (m->mark.line)
		wr_buf_printf(out, ",\"line\":%u", m->mark.line);
	put(out, "text", m->text);
	put(out, "mend", m->mend);
	wr_buf_text(out, "}");
}

static const char *const reasons[] = {
	[WEIR_R_POLICY] = NULL,
	[WEIR_R_INVALID] = "invalid packet: conntrack has no entry for it",
	[WEIR_R_UNTRACKED] = "untracked packet: conntrack was told not to look",
	[WEIR_R_PICKUP] = "middle of a connection whose beginning was not seen",
	[WEIR_R_UNKNOWN_POD] = "an address of the node's pod range that no pod has",
	[WEIR_R_NO_IMAGE] = "nothing is loaded: fails closed",
};

/*
 * The direction whose reason is told: the one that denied (a hairpin's event
 * does not know which), else the one that a rule allowed. Of an allowed event
 * the ingress may be denied all the same: by the destination's node.
 */
static enum wr_direction told_direction(const struct weir_event *e, const struct wr_reason why[2])
{
	if (!e->allow)
		return e->denied_by == WEIR_EGRESS || why[WR_INGRESS].allow ? WR_EGRESS
									    : WR_INGRESS;
	return why[WR_INGRESS].allow && why[WR_INGRESS].author.kind == WR_BY_RULE ? WR_INGRESS
										  : WR_EGRESS;
}

static void put_reason(struct drain *d, const struct weir_event *e, const struct wr_side *src,
		       const struct wr_side *dst, struct wr_arena *a)
{
	struct wr_reason why[2];
	const char *fixed = e->reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[e->reason]
									     : NULL;
	if (fixed || e->generation != d->lab->state->generation[d->node]) {
		put(d->out, "reason",
		    fixed ? fixed : "judged by an earlier generation of policies");
		return;
	}
	if (wr_explain(d->lab->program, src, dst, e->proto, e->dport, a, why) < 0) {
		d->failed = true;
		return;
	}
	enum wr_direction dir = told_direction(e, why);
	const struct wr_reason *r = &why[dir];
	put(d->out, "direction", dir == WR_EGRESS ? "egress" : "ingress");
	put(d->out, "reason", r->text);
	if (r->author.kind == WR_BY_RULE)
		put_rule(d->out, d->lab->world, r, a);
	else if (r->author.kind == WR_BY_ISOLATION)
		put_isolation(d->out, d->lab->world, r, a);
}

static void write_event(void *ctx, const struct weir_event *e)
{
	struct drain *d = ctx;
	struct wr_arena *a = wr_arena_new();
	struct wr_ip ips[2] = {{.family = e->family}, {.family = e->family}};
	struct wr_side sides[2];
	if (!a) {
		d->failed = true;
		return;
	}
	memcpy(ips[0].b, e->src, sizeof(ips[0].b));
	memcpy(ips[1].b, e->dst, sizeof(ips[1].b));
	for (int i = 0; i < 2; i++)
		wr_side_ip(d->lab->program, &ips[i], &sides[i]);
	/* what a pod sends to its own address never leaves it: this came back by a Service */
	sides[1].by_service = true;
	char ip[WR_IP_TEXT];
	wr_buf_text(d->out, "{\"time\":");
	put_time(d->out, e->time_ns);
	wr_buf_printf(d->out, ",\"node\":\"node-%u\"", d->node + 1);
	put(d->out, "from", side_name(d, &sides[0], a));
	put(d->out, "from_ip", wr_ip_format(&ips[0], ip));
	put(d->out, "to", side_name(d, &sides[1], a));
	put(d->out, "to_ip", wr_ip_format(&ips[1], ip));
	put(d->out, "protocol", wr_proto_name(e->proto));
	if (wr_proto_has_ports(e->proto))
		wr_buf_printf(d->out, ",\"port\":%u", e->dport);
	put(d->out, "verdict", e->allow ? "allow" : "deny");
	if (e->rejudged)
		wr_buf_text(d->out, ",\"cut\":true");
	put_reason(d, e, &sides[0], &sides[1], a);
	wr_buf_text(d->out, "}\n");
	wr_arena_free(a);
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
	int rc = shorten(wr_lab_path(path, lab->state->name, LOG_NAME));
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

int wr_lab_flows_drain(struct wr_lab *lab, struct wr_diags *diags)
{
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
	FILE *f = fopen(wr_lab_path(path, name, LOG_NAME), "re");
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
