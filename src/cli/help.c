/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/writer.h"

#define WIDTH 80 /* columns of text */

/* "  -f, --filename PATH" */
static void option_head(const struct wr_option *o, char *buf, size_t size)
{
	char letter[8] = "    ";
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	bool value = o->type != WR_OPT_FLAG;
	snprintf(buf, size, "  %s--%s%s%s%s", letter, o->name, value ? " " : "",
		 value ? o->value : "", o->repeated && value ? " ..." : "");
}

/* Help lines indented to a column; the head goes before the first, or on its own line. */
static void option_help(struct wr_out *out, const struct wr_option *o, size_t column)
{
	char head[96];
	option_head(o, head, sizeof(head));
	wr_out_text(out, head);
	size_t at = strlen(head);
	for (const char *line = o->help; line && *line;) {
		size_t n = strcspn(line, "\n");
		if (at > 0 && at + 2 > column) {
			wr_out_text(out, "\n");
			at = 0;
		}
		wr_out_printf(out, "%*s%.*s", (int)(column - at), "", (int)n, line);
		line += n + (line[n] != 0);
		at = 0;
		if (*line)
			wr_out_text(out, "\n");
	}
	if (o->choices) {
		wr_out_text(out, ": ");
		for (size_t i = 0; o->choices[i]; i++)
			wr_out_printf(out, "%s%s", i ? ", " : "", o->choices[i]);
	}
	if (o->fallback)
		wr_out_printf(out, " [%s]", o->fallback);
	wr_out_text(out, "\n");
}

static void section(struct wr_out *out, const char *title)
{
	wr_out_printf(out, "\n%s%s:%s\n", wr_out_colour(out, WR_BOLD), title,
		      wr_out_colour(out, WR_PLAIN));
}

static void options(struct wr_out *out, const struct wr_command *c)
{
	static const struct wr_option help = {"help", 'h', WR_OPT_FLAG, .help = "this text"};
	size_t column = 12;
	char head[96];
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		option_head(&c->options[i], head, sizeof(head));
		if (strlen(head) + 2 > column && strlen(head) + 2 <= 34)
			column = strlen(head) + 2;
	}
	if (column < 16)
		column = 16;
	section(out, "Options");
	for (size_t i = 0; c->options && c->options[i].name; i++)
		option_help(out, &c->options[i], column);
	option_help(out, &help, column);
}

static void commands(struct wr_out *out, const struct wr_command *group)
{
	size_t width = 0;
	for (size_t i = 0; group->commands[i]; i++)
		if (!group->commands[i]->hidden && strlen(group->commands[i]->name) > width)
			width = strlen(group->commands[i]->name);
	for (size_t i = 0; group->commands[i]; i++)
		if (!group->commands[i]->hidden)
			wr_out_printf(out, "  %-*s  %s\n", (int)width, group->commands[i]->name,
				      group->commands[i]->summary);
}

/* "Usage: weir eval -f PATH... [options] [OPERANDS]" */
static void usage(struct wr_out *out, const struct wr_command *c, const char *path)
{
	wr_out_printf(out, "%sUsage:%s %s", wr_out_colour(out, WR_BOLD),
		      wr_out_colour(out, WR_PLAIN), path);
	if (c->commands) {
		wr_out_text(out, " COMMAND ...\n");
		return;
	}
	bool optional = false;
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		const struct wr_option *o = &c->options[i];
		if (!o->required) {
			optional = true;
			continue;
		}
		if (o->letter)
			wr_out_printf(out, " -%c %s", o->letter, o->value);
		else
			wr_out_printf(out, " --%s %s", o->name, o->value);
		wr_out_text(out, o->repeated ? "..." : "");
	}
	wr_out_text(out, optional ? " [OPTIONS]" : "");
	if (c->operands)
		wr_out_printf(out, " %s", c->operands);
	wr_out_text(out, "\n");
}

/* Paragraphs, which an empty line separates, filled to the width. */
static void paragraphs(struct wr_out *out, const char *text)
{
	size_t column = 0;
	while (*text) {
		size_t blank = strspn(text, " \n"), n = strcspn(text + blank, " \n");
		bool apart = memmem(text, blank, "\n\n", 2) != NULL;
		text += blank;
		if (!n)
			break;
		if (column && (apart || column + 1 + n > WIDTH)) {
			wr_out_text(out, apart ? "\n\n" : "\n");
			column = 0;
		}
		wr_out_printf(out, "%s%.*s", column ? " " : "", (int)n, text);
		column += n + (column != 0);
		text += n;
	}
	wr_out_text(out, "\n");
}

/* Lines of commands, indented. */
static void examples(struct wr_out *out, const char *text)
{
	while (*text) {
		text += strspn(text, " ");
		size_t n = strcspn(text, "\n");
		wr_out_printf(out, "  %.*s\n", (int)n, text);
		text += n + (text[n] != 0);
	}
}

int wr_help_command(const struct wr_command *c, const char *path)
{
	struct wr_out *out = wr_out_new(1, WR_TABLE);
	if (!out)
		return WR_EXIT_ERROR;
	wr_out_printf(out, "%s - %s\n\n", path, c->summary);
	usage(out, c, path);
	if (c->description) {
		wr_out_text(out, "\n");
		paragraphs(out, c->description);
	}
	if (c->commands) {
		section(out, "Commands");
		commands(out, c);
		wr_out_printf(out, "\n'%s COMMAND --help' tells more about a command.\n", path);
	} else {
		options(out, c);
	}
	if (c->examples) {
		section(out, "Examples");
		examples(out, c->examples);
	}
	return wr_out_finish(out, WR_EXIT_OK);
}

void wr_help_group_brief(const struct wr_command *group, const char *path)
{
	struct wr_out *out = wr_out_new(2, WR_TABLE);
	if (!out)
		return;
	wr_out_printf(out, "%s: a command is missing; there are:\n", path);
	commands(out, group);
	wr_out_printf(out, "Try '%s --help'.\n", path);
	wr_out_close(out);
}

static int run_help(const struct wr_args *args)
{
	const struct wr_command *c = &wr_cmd_weir;
	char path[128];
	snprintf(path, sizeof(path), "%s", c->name);
	for (size_t i = 0; i < args->n_operands; i++) {
		const struct wr_command *sub = wr_command_find(c, args->operands[i]);
		if (!sub)
			return wr_command_unknown(c, args, args->operands[i]);
		c = sub;
		size_t used = strlen(path);
		snprintf(path + used, sizeof(path) - used, " %s", c->name);
	}
	return wr_help_command(c, path);
}

const struct wr_command wr_cmd_help = {
	.name = "help",
	.summary = "explain a command",
	.operands = "[COMMAND...]",
	.max_operands = UINT_MAX,
	.run = run_help,
};
