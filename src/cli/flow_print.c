/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flow_print.h"

#include <string.h>

#include "input/input.h"

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && (f->type == WR_STRING || f->type == WR_INT) ? f->text : "";
}

/* Whether an end is the one that is asked for, by its name or its address; NULL: any. */
static bool is_end(const struct wr_value *v, const char *name, const char *ip, const char *wanted)
{
	return !wanted || !strcmp(text_of(v, name), wanted) || !strcmp(text_of(v, ip), wanted);
}

/* Two lines for people: the connection, and why. */
static void print_line(struct wr_flow_printer *p, const struct wr_value *v)
{
	bool deny = !strcmp(text_of(v, "verdict"), "deny");
	const struct wr_value *near = wr_value_get(v, "near_miss");
	const char *time = text_of(v, "time"), *clock = strchr(time, 'T');
	wr_out_printf(p->out, "%.12s  %s  %s%-5s%s  %s -> %s  %s %s%s\n", clock ? clock + 1 : time,
		      text_of(v, "node"), wr_out_colour(p->out, deny ? WR_RED : WR_GREEN),
		      text_of(v, "verdict"), wr_out_colour(p->out, WR_PLAIN), text_of(v, "from"),
		      text_of(v, "to"), text_of(v, "protocol"), text_of(v, "port"),
		      wr_value_get(v, "cut") ? "  (live connection cut)" : "");
	wr_out_printf(p->out, "      %s%s%s", wr_out_colour(p->out, WR_DIM),
		      text_of(v, "direction"), *text_of(v, "direction") ? ": " : "");
	wr_out_text(p->out, text_of(v, "reason"));
	if (*text_of(v, "file"))
		wr_out_printf(p->out, " (%s:%s)", text_of(v, "file"), text_of(v, "line"));
	if (near) {
		wr_out_printf(p->out, "\n      near miss: %s rule %s at %s:%s: %s",
			      text_of(near, "policy"), text_of(near, "rule"), text_of(near, "file"),
			      text_of(near, "line"), text_of(near, "text"));
		if (*text_of(near, "mend"))
			wr_out_printf(p->out, "\n      to allow it: %s", text_of(near, "mend"));
	}
	wr_out_printf(p->out, "%s\n", wr_out_colour(p->out, WR_PLAIN));
}

void wr_flow_print(void *ctx, const char *line)
{
	struct wr_flow_printer *p = ctx;
	struct wr_value *v;
	wr_arena_reset(p->arena);
	if (wr_json_parse(p->arena, line, strlen(line), (struct wr_mark){0}, &v, NULL) < 0)
		return; /* cut short by a full disk: the next line is whole again */
	if ((p->denied_only && strcmp(text_of(v, "verdict"), "deny") != 0) ||
	    !is_end(v, "from", "from_ip", p->from) || !is_end(v, "to", "to_ip", p->to))
		return;
	if (p->json)
		wr_out_printf(p->out, "%s\n", line);
	else
		print_line(p, v);
}
