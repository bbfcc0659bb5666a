/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of command lines. It walks down the command tables by the leading
 * words, then reads options and operands in any order; "--" ends the options.
 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cli/help.h"
#include "cli/near.h"

const char *const wr_output_formats[] = {"table", "json", "yaml", NULL};
const char *const wr_output_table_json[] = {"table", "json", NULL};
const char *const wr_yes_no[] = {"yes", "no", NULL};

/* Values of one option of the command, in the order of its table. */
struct wr_arg_value {
	WR_VEC(const char *) texts; /* each as given; flags: "" */
	uint64_t number;            /* WR_OPT_UINT, WR_OPT_CHOICE: of the last */
};

struct parser {
	struct wr_args args;
	char path[128];
	struct wr_arg_value *values;
	size_t n_values;
	WR_VEC(const char *) operands;
	bool help;
};

__attribute__((format(printf, 3, 0))) static int vfail(const char *path, bool usage,
						       const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", path);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	if (usage)
		fprintf(stderr, "Try '%s --help'.\n", path);
	return WR_EXIT_ERROR;
}

int wr_fail(const struct wr_args *args, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int status = vfail(args->path, false, fmt, ap);
	va_end(ap);
	return status;
}

int wr_usage_error(const struct wr_args *args, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int status = vfail(args->path, true, fmt, ap);
	va_end(ap);
	return status;
}

/* ---- options ---- */

static size_t count_options(const struct wr_command *c)
{
	size_t n = 0;
	while (c->options && c->options[n].name)
		n++;
	return n;
}

static int unknown_option(const struct parser *p, const char *given, size_t size)
{
	char name[64], text[256];
	snprintf(name, sizeof(name), "%.*s", (int)(size < 63 ? size : 63), given);
	struct wr_near near = {.wanted = name};
	const struct wr_command *c = p->args.command;
	for (size_t i = 0; c->options && c->options[i].name; i++)
		wr_near_add(&near, c->options[i].name);
	wr_near_add(&near, "help");
	for (size_t i = 0; i < near.n; i++) { /* names with their dashes */
		static char dashed[WR_NEAR_MAX][64];
		snprintf(dashed[i], sizeof(dashed[i]), "--%s", near.names[i]);
		near.names[i] = dashed[i];
	}
	return wr_usage_error(&p->args, "unknown option '--%s'%s", name,
			      wr_near_text(&near, text, sizeof(text)));
}

static int parse_uint(const struct parser *p, const struct wr_option *o, const char *text,
		      uint64_t *out)
{
	char *end = NULL;
	errno = 0;
	unsigned long long v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	uint64_t max = o->max ? o->max : UINT64_MAX;
	if (!end || *end || errno || v < o->min || v > max) {
		if (o->max)
			return wr_usage_error(&p->args,
					      "--%s: '%s' is not a number from %llu to %llu",
					      o->name, text, (unsigned long long)o->min,
					      (unsigned long long)o->max);
		return wr_usage_error(&p->args, "--%s: '%s' is not a number of at least %llu",
				      o->name, text, (unsigned long long)o->min);
	}
	*out = v;
	return 0;
}

static int parse_choice(const struct parser *p, const struct wr_option *o, const char *text,
			uint64_t *out)
{
	char list[256] = "", near_text[256];
	struct wr_near near = {.wanted = text};
	for (unsigned i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], text)) {
			*out = i;
			return 0;
		}
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", o->choices[i]);
		wr_near_add(&near, o->choices[i]);
	}
	return wr_usage_error(&p->args, "--%s: '%s' is not one of %s%s", o->name, text, list,
			      wr_near_text(&near, near_text, sizeof(near_text)));
}

static int set_value(struct parser *p, size_t index, const char *text)
{
	const struct wr_option *o = &p->args.command->options[index];
	struct wr_arg_value *v = &p->values[index];
	int status = 0;
	if (v->texts.n && !o->repeated && o->type != WR_OPT_FLAG)
		return wr_usage_error(&p->args, "--%s is given twice", o->name);
	if (o->type == WR_OPT_UINT)
		status = parse_uint(p, o, text, &v->number);
	else if (o->type == WR_OPT_CHOICE)
		status = parse_choice(p, o, text, &v->number);
	if (status)
		return status;
	return wr_vec_push(&v->texts, text) < 0 ? wr_fail(&p->args, "out of memory") : 0;
}

/* --name, --name=value, --name value; *used counts the words taken. */
static int long_option(struct parser *p, char **words, size_t n, size_t *used)
{
	const char *name = words[0] + 2, *equals = strchr(name, '=');
	size_t size = equals ? (size_t)(equals - name) : strlen(name);
	*used = 1;
	if (size == 4 && !strncmp(name, "help", 4)) {
		p->help = true;
		return 0;
	}
	const struct wr_option *options = p->args.command->options;
	size_t i = 0;
	while (i < p->n_values &&
	       (strlen(options[i].name) != size || strncmp(options[i].name, name, size) != 0))
		i++;
	if (i == p->n_values)
		return unknown_option(p, name, size);
	if (options[i].type == WR_OPT_FLAG)
		return equals ? wr_usage_error(&p->args, "--%s takes no value", options[i].name)
			      : set_value(p, i, "");
	if (equals)
		return set_value(p, i, equals + 1);
	if (n < 2)
		return wr_usage_error(&p->args, "--%s needs a value: %s", options[i].name,
				      options[i].value);
	*used = 2;
	return set_value(p, i, words[1]);
}

/* -v, -fPATH, -f PATH, and flags together: -vf PATH. */
static int short_options(struct parser *p, char **words, size_t n, size_t *used)
{
	const struct wr_option *options = p->args.command->options;
	*used = 1;
	for (const char *c = words[0] + 1; *c; c++) {
		if (*c == 'h') {
			p->help = true;
			continue;
		}
		size_t i = 0;
		while (i < p->n_values && options[i].letter != *c)
			i++;
		if (i == p->n_values)
			return wr_usage_error(&p->args, "unknown option '-%c'", *c);
		if (options[i].type == WR_OPT_FLAG) {
			int status = set_value(p, i, "");
			if (status)
				return status;
			continue;
		}
		if (c[1])
			return set_value(p, i, c[1] == '=' ? c + 2 : c + 1);
		if (n < 2)
			return wr_usage_error(&p->args, "-%c needs a value: %s", *c,
					      options[i].value);
		*used = 2;
		return set_value(p, i, words[1]);
	}
	return 0;
}

static int parse_words(struct parser *p, char **words, size_t n)
{
	bool dashes = false;
	p->args.dashes = SIZE_MAX;
	for (size_t i = 0; i < n;) {
		const char *w = words[i];
		size_t used = 1;
		int status = 0;
		if (!dashes && !strcmp(w, "--")) {
			dashes = true;
			p->args.dashes = p->operands.n;
		} else if (!dashes && !strncmp(w, "--", 2)) {
			status = long_option(p, words + i, n - i, &used);
		} else if (!dashes && w[0] == '-' && w[1]) {
			status = short_options(p, words + i, n - i, &used);
		} else if (wr_vec_push(&p->operands, w) < 0) {
			status = wr_fail(&p->args, "out of memory");
		}
		if (status)
			return status;
		i += used;
	}
	return 0;
}

/* Whether another option is given in place of a required one; *other: the first that might be. */
static bool stands_in(const struct parser *p, const char *required, const char **other)
{
	const struct wr_option *options = p->args.command->options;
	for (size_t i = 0; i < p->n_values; i++) {
		if (!options[i].instead || strcmp(options[i].instead, required) != 0)
			continue;
		*other = *other ? *other : options[i].name;
		if (p->values[i].texts.n)
			return true;
	}
	return false;
}

/* What the table demands of the whole line. */
static int check(const struct parser *p)
{
	const struct wr_command *c = p->args.command;
	for (size_t i = 0; i < p->n_values; i++) {
		if (!c->options[i].required || p->values[i].texts.n)
			continue;
		const char *other = NULL;
		if (!stands_in(p, c->options[i].name, &other))
			return wr_usage_error(&p->args, "--%s %s is missing%s%s%s",
					      c->options[i].name,
					      c->options[i].value ? c->options[i].value : "",
					      other ? " (or --" : "", other ? other : "",
					      other ? ")" : "");
	}
	if (p->operands.n < c->min_operands)
		return wr_usage_error(&p->args, "an operand is missing: %s", c->operands);
	if (p->operands.n > c->max_operands)
		return wr_usage_error(&p->args, "unexpected operand '%s'",
				      p->operands.items[c->max_operands]);
	return 0;
}

static int run_command(struct parser *p, char **words, size_t n)
{
	p->n_values = count_options(p->args.command);
	p->values = calloc(p->n_values + 1, sizeof(*p->values));
	if (!p->values)
		return wr_fail(&p->args, "out of memory");
	p->args.values = p->values;
	int status = parse_words(p, words, n);
	if (!status && p->help)
		return wr_help_command(p->args.command, p->path);
	if (!status)
		status = check(p);
	if (status)
		return status;
	p->args.operands = p->operands.items;
	p->args.n_operands = p->operands.n;
	if (p->args.dashes > p->operands.n)
		p->args.dashes = p->operands.n;
	return p->args.command->run(&p->args);
}

/* ---- commands ---- */

const struct wr_command *wr_command_find(const struct wr_command *group, const char *name)
{
	for (size_t i = 0; group->commands && group->commands[i]; i++)
		if (!strcmp(group->commands[i]->name, name))
			return group->commands[i];
	return NULL;
}

int wr_command_unknown(const struct wr_command *group, const struct wr_args *args, const char *name)
{
	char text[256];
	struct wr_near near = {.wanted = name};
	for (size_t i = 0; group->commands && group->commands[i]; i++)
		if (!group->commands[i]->hidden)
			wr_near_add(&near, group->commands[i]->name);
	return wr_usage_error(args, "unknown command '%s'%s", name,
			      wr_near_text(&near, text, sizeof(text)));
}

/* Goes down from a group by the first word. */
static int dispatch(struct parser *p, char **words, size_t n)
{
	while (p->args.command->commands) {
		const struct wr_command *group = p->args.command;
		if (!n) {
			wr_help_group_brief(group, p->path);
			return WR_EXIT_ERROR;
		}
		if (!strcmp(words[0], "-h") || !strcmp(words[0], "--help"))
			return wr_help_command(group, p->path);
		if (group == &wr_cmd_weir && !strcmp(words[0], "--version")) {
			static char version[] = "version";
			words[0] = version;
		}
		if (words[0][0] == '-')
			return wr_usage_error(&p->args, "a command must come before '%s'",
					      words[0]);
		const struct wr_command *c = wr_command_find(group, words[0]);
		if (!c)
			return wr_command_unknown(group, &p->args, words[0]);
		size_t used = strlen(p->path);
		snprintf(p->path + used, sizeof(p->path) - used, " %s", c->name);
		p->args.command = c;
		words++;
		n--;
	}
	return run_command(p, words, n);
}

int wr_cli_main(const struct wr_command *root, int argc, char **argv)
{
	struct parser p = {.args.command = root};
	signal(SIGPIPE, SIG_IGN);
	snprintf(p.path, sizeof(p.path), "%s", root->name);
	p.args.path = p.path;
	int status = dispatch(&p, argv + 1, argc > 1 ? (size_t)argc - 1 : 0);
	for (size_t i = 0; i < p.n_values && p.values; i++)
		wr_vec_free(&p.values[i].texts);
	free(p.values);
	wr_vec_free(&p.operands);
	return status;
}

/* ---- what handlers ask ---- */

static const struct wr_option *lookup(const struct wr_args *args, const char *name,
				      const struct wr_arg_value **value)
{
	const struct wr_option *options = args->command->options;
	for (size_t i = 0; options && options[i].name; i++)
		if (!strcmp(options[i].name, name)) {
			*value = &args->values[i];
			return &options[i];
		}
	abort();
}

bool wr_arg_known(const struct wr_args *args, const char *name)
{
	const struct wr_option *options = args->command->options;
	for (size_t i = 0; options && options[i].name; i++)
		if (!strcmp(options[i].name, name))
			return true;
	return false;
}

bool wr_arg_given(const struct wr_args *args, const char *name)
{
	const struct wr_arg_value *v;
	lookup(args, name, &v);
	return v->texts.n > 0;
}

bool wr_arg_flag(const struct wr_args *args, const char *name)
{
	return wr_arg_given(args, name);
}

const char *wr_arg_string(const struct wr_args *args, const char *name)
{
	const struct wr_arg_value *v;
	const struct wr_option *o = lookup(args, name, &v);
	return v->texts.n ? v->texts.items[v->texts.n - 1] : o->fallback;
}

uint64_t wr_arg_uint(const struct wr_args *args, const char *name)
{
	const struct wr_arg_value *v;
	const struct wr_option *o = lookup(args, name, &v);
	if (v->texts.n)
		return v->number;
	return o->fallback ? strtoull(o->fallback, NULL, 10) : 0;
}

unsigned wr_arg_choice(const struct wr_args *args, const char *name)
{
	const struct wr_arg_value *v;
	const struct wr_option *o = lookup(args, name, &v);
	if (v->texts.n)
		return (unsigned)v->number;
	for (unsigned i = 0; o->fallback && o->choices[i]; i++)
		if (!strcmp(o->choices[i], o->fallback))
			return i;
	return 0;
}

const char *const *wr_arg_all(const struct wr_args *args, const char *name, size_t *n)
{
	const struct wr_arg_value *v;
	lookup(args, name, &v);
	*n = v->texts.n;
	return v->texts.items;
}
