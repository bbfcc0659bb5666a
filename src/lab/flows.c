/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows: what the agents wrote down of the connections that the kernel judged,
 * as JSON lines. An agent knows no more than a cluster tells it; what the lab
 * knows besides is put in when a line is read: names of addresses outside, and
 * where in somebody's file a rule stands, if its policy is still the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/explain.h"
#include "lab/manifest.h"
#include "lab/internal.h"
#include "lab/lab.h"

#define LOG_MAX (8 << 20) /* bytes */

/* A log that others append to cannot be replaced: when it is full it begins anew. */
int wr_lab_flows_bound(const char *lab)
{
	char path[WR_LAB_PATH];
	struct stat st;
	if (stat(wr_lab_path(path, lab, WR_LAB_FLOWS), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return st.st_size > LOG_MAX && truncate(path, 0) < 0 ? -errno : 0;
}

/* ---- one line ---- */

static const char *outside_name(const struct wr_lab_state *s, const char *text)
{
	struct wr_ip ip;
	if (!text || wr_ip_parse(text, &ip) < 0)
		return NULL;
	for (size_t i = 0; i < s->outside.n; i++)
		if (wr_ip_equal(&s->outside.items[i].ip, &ip))
			return s->outside.items[i].name;
	return NULL;
}

static void name_outside(const struct wr_lab *lab, struct wr_tree *t, struct wr_value *v)
{
	static const char *const ends[][2] = {{"from", "from_ip"}, {"to", "to_ip"}};
	for (size_t i = 0; i < 2; i++) {
		const char *name = outside_name(lab->state, wr_tree_text(v, ends[i][1]));
		const char *said = wr_tree_text(v, ends[i][0]), *ip = wr_tree_text(v, ends[i][1]);
		if (name && said && !strcmp(said, ip))
			wr_tree_set_string(t, v, ends[i][0], name);
	}
}

/*
 * The agent's line has the path of a kind for a file, and no line. The engine is
 * asked once more, with the policies as files have them: when it names the same
 * rule, that is the place.
 */
static void put_place(struct wr_tree *t, struct wr_value *at, const struct wr_mark *mark)
{
	if (!mark->file || !mark->line)
		return;
	wr_tree_set_string(t, at, "file", mark->file);
	wr_tree_set(t, at, "line", wr_tree_int(t, mark->line));
}

static bool is_rule(const struct wr_lab *lab, const struct wr_value *at, uint32_t policy,
		    uint32_t rule)
{
	char title[WR_POLICY_TITLE];
	const char *said = wr_tree_text(at, "policy");
	return said && wr_tree_number(at, "rule", 0) == (int64_t)rule + 1 &&
	       !strcmp(wr_policy_title(&lab->world->policies[policy], title), said);
}

static void place(const struct wr_lab *lab, struct wr_tree *t, struct wr_value *v,
		  const struct wr_reason *r)
{
	struct wr_value *near = wr_value_get(v, "near_miss");
	if (r->author.kind == WR_BY_RULE && is_rule(lab, v, r->author.policy, r->author.rule))
		put_place(t, v, &r->mark);
	if (near && r->author.kind == WR_BY_ISOLATION && r->n_misses &&
	    is_rule(lab, near, r->misses[0].policy, r->misses[0].rule))
		put_place(t, near, &r->misses[0].mark);
}

static void find_place(const struct wr_lab *lab, struct wr_tree *t, struct wr_value *v)
{
	const char *from = wr_tree_text(v, "from_ip"), *to = wr_tree_text(v, "to_ip"),
		   *protocol = wr_tree_text(v, "protocol"), *way = wr_tree_text(v, "direction");
	int64_t port = wr_tree_number(v, "port", 0);
	int proto = protocol ? wr_proto_parse(protocol) : -1;
	struct wr_ip ips[2];
	struct wr_side src, dst;
	struct wr_reason why[2];
	if (!from || !to || !way || proto < 0 || port < 0 || port > 65535 ||
	    wr_ip_parse(from, &ips[0]) < 0 || wr_ip_parse(to, &ips[1]) < 0)
		return;
	wr_side_ip(lab->program, &ips[0], &src);
	wr_side_ip(lab->program, &ips[1], &dst);
	dst.by_service = true;
	if (wr_explain(lab->program, &src, &dst, (uint8_t)proto, (uint16_t)port, t->arena, why))
		return;
	place(lab, t, v, &why[strcmp(way, "egress") ? WR_INGRESS : WR_EGRESS]);
}

static void tell(const struct wr_lab *lab, struct wr_arena *a, const char *line,
		 void (*fn)(void *ctx, const char *line), void *ctx)
{
	WR_CLEANUP(buf)
	struct wr_buf text = {0};
	struct wr_tree t = {.arena = a};
	struct wr_value *v = NULL;
	if (wr_json_parse(a, line, strlen(line), (struct wr_mark){0}, &v, NULL) < 0 ||
	    v->type != WR_MAP)
		return; /* cut short by a full disk: the next line is whole again */
	name_outside(lab, &t, v);
	find_place(lab, &t, v);
	wr_answer_value(&text, v);
	fn(ctx, t.nomem || text.failed ? line : text.data);
}

int wr_lab_flows_read(const struct wr_lab *lab, uint64_t *next,
		      void (*fn)(void *ctx, const char *line), void *ctx)
{
	char path[WR_LAB_PATH];
	struct wr_arena *a = wr_arena_new();
	FILE *f = fopen(wr_lab_path(path, lab->state->name, WR_LAB_FLOWS), "re");
	if (!f || !a) {
		int rc = !a ? -ENOMEM : errno == ENOENT ? 0 : -errno;
		wr_arena_free(a);
		if (f)
			fclose(f);
		return rc;
	}
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	/* a log that began anew is told from its beginning */
	if (fseek(f, 0, SEEK_END) == 0 && (uint64_t)ftell(f) < *next)
		*next = 0;
	int rc = fseek(f, (long)*next, SEEK_SET) ? -errno : 0;
	while (!rc && (n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n') {
		*next += (uint64_t)n;
		line[n - 1] = '\0';
		wr_arena_reset(a);
		tell(lab, a, line, fn, ctx);
	}
	free(line);
	fclose(f);
	wr_arena_free(a);
	return rc;
}
