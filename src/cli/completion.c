/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for shells, generated from the command tables. Each
 * script finds the command that the line is in by its words, and offers that
 * command's subcommands, options, and the choices of an option's value.
 */
#include <string.h>

#include <stdio.h>

#include "cli/cli.h"
#include "cli/writer.h"

/* Called for every command and group below the root, and the root; path: "weir lab up". */
typedef void (*visit_fn)(struct wr_out *o, const struct wr_command *c, const char *path);

/* The next subcommand that is not hidden, from *i on; NULL: none. */
static const struct wr_command *next(const struct wr_command *group, size_t *i)
{
	while (group->commands && group->commands[*i]) {
		const struct wr_command *c = group->commands[(*i)++];
		if (!c->hidden)
			return c;
	}
	return NULL;
}

static void visit(struct wr_out *o, const struct wr_command *c, const char *path, visit_fn fn)
{
	const struct wr_command *sub;
	fn(o, c, path);
	for (size_t i = 0; (sub = next(c, &i));) {
		char sub_path[128];
		int n = snprintf(sub_path, sizeof(sub_path), "%s %s", path, sub->name);
		if (n > 0 && (size_t)n < sizeof(sub_path))
			visit(o, sub, sub_path, fn);
	}
}

static bool takes_path(const struct wr_option *o)
{
	return o->value &&
	       (!strcmp(o->value, "PATH") || !strcmp(o->value, "FILE") || !strcmp(o->value, "DIR"));
}

static void choices(struct wr_out *o, const struct wr_option *opt)
{
	for (size_t i = 0; opt->choices[i]; i++)
		wr_out_printf(o, "%s%s", i ? " " : "", opt->choices[i]);
}

/* ---- bash ---- */

static void bash_options(struct wr_out *o, const struct wr_command *c, const char *path)
{
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		const struct wr_option *opt = &c->options[i];
		if (opt->type == WR_OPT_FLAG)
			continue;
		wr_out_printf(o, "\t\"%s --%s\"", path, opt->name);
		if (opt->letter)
			wr_out_printf(o, "|\"%s -%c\"", path, opt->letter);
		wr_out_text(o, ") ");
		if (opt->choices) {
			wr_out_text(o, "words=\"");
			choices(o, opt);
			wr_out_text(o, "\" ;;\n");
		} else {
			wr_out_text(o, takes_path(opt) ? "files=1 ;;\n" : "words= ;;\n");
		}
	}
}

static void bash_words(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	wr_out_printf(o, "\t\"%s\") words=\"", path);
	for (size_t i = 0; (sub = next(c, &i));)
		wr_out_printf(o, "%s ", sub->name);
	for (size_t i = 0; c->options && c->options[i].name; i++)
		wr_out_printf(o, "--%s ", c->options[i].name);
	wr_out_text(o, "--help\" ;;\n");
}

static void bash_path(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	for (size_t i = 0; (sub = next(c, &i));)
		wr_out_printf(o, "\t\t\"%s %s\") path=\"$path $word\" ;;\n", path, sub->name);
}

static void bash(struct wr_out *o)
{
	wr_out_text(o, "# bash completion for weir; put it where bash-completion looks, or:\n"
		       "#   source <(weir completion bash)\n"
		       "_weir()\n{\n"
		       "\tlocal word path=weir words= files= i\n"
		       "\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
		       "\tlocal previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
		       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		       "\t\tword=\"${COMP_WORDS[i]}\"\n"
		       "\t\tcase \"$path $word\" in\n");
	visit(o, &wr_cmd_weir, "weir", bash_path);
	wr_out_text(o, "\t\tesac\n\tdone\n\tcase \"$path\" in\n");
	visit(o, &wr_cmd_weir, "weir", bash_words);
	wr_out_text(o, "\tesac\n\tcase \"$path $previous\" in\n");
	visit(o, &wr_cmd_weir, "weir", bash_options);
	wr_out_text(o, "\tesac\n"
		       "\tif [[ $files ]]; then\n"
		       "\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n"
		       "\telse\n"
		       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
		       "\tfi\n"
		       "}\n"
		       "complete -o filenames -F _weir weir\n");
}

/* ---- zsh ---- */

/* Text within single quotes and brackets of _arguments. */
static void zsh_text(struct wr_out *o, const char *s)
{
	for (; *s && *s != '\n'; s++) {
		if (*s == '\'')
			wr_out_text(o, "'\\''");
		else if (strchr("[]:\\", *s))
			wr_out_printf(o, "\\%c", *s);
		else
			wr_out_bytes(o, s, 1);
	}
}

static void zsh_option(struct wr_out *o, const struct wr_option *opt, const char *dashed)
{
	wr_out_printf(o, "\t\t'%s%s[", opt->repeated ? "*" : "", dashed);
	zsh_text(o, opt->help ? opt->help : "");
	wr_out_text(o, "]");
	if (opt->type != WR_OPT_FLAG) {
		wr_out_text(o, ":");
		zsh_text(o, opt->value);
		wr_out_text(o, ":");
		if (opt->choices) {
			wr_out_text(o, "(");
			choices(o, opt);
			wr_out_text(o, ")");
		} else if (takes_path(opt)) {
			wr_out_text(o, "_files");
		}
	}
	wr_out_text(o, "' \\\n");
}

static void zsh_command(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	wr_out_printf(o, "\t'%s')\n", path);
	if (c->commands) {
		wr_out_text(o, "\t\tlocal -a commands=(\n");
		for (size_t i = 0; (sub = next(c, &i));) {
			wr_out_printf(o, "\t\t\t'%s:", sub->name);
			zsh_text(o, sub->summary);
			wr_out_text(o, "'\n");
		}
		wr_out_text(o, "\t\t)\n\t\t_describe command commands\n\t\t;;\n");
		return;
	}
	wr_out_text(o, "\t\t_arguments \\\n");
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		char dashed[64];
		snprintf(dashed, sizeof(dashed), "--%s", c->options[i].name);
		zsh_option(o, &c->options[i], dashed);
		snprintf(dashed, sizeof(dashed), "-%c", c->options[i].letter);
		if (c->options[i].letter)
			zsh_option(o, &c->options[i], dashed);
	}
	wr_out_text(o, "\t\t'--help[this text]' \\\n\t\t'*:operand:'\n\t\t;;\n");
}

static void zsh_path(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	for (size_t i = 0; (sub = next(c, &i));)
		wr_out_printf(o, "\t\t'%s %s') weir_path=\"$weir_path $word\"; skip=$i ;;\n", path,
			      sub->name);
}

static void zsh(struct wr_out *o)
{
	wr_out_text(o, "#compdef weir\n"
		       "# zsh completion for weir; put it as _weir into a folder of $fpath\n"
		       "_weir() {\n"
		       "\tlocal weir_path=weir word i skip=1\n"
		       "\tfor ((i = 2; i < CURRENT; i++)); do\n"
		       "\t\tword=$words[i]\n"
		       "\t\tcase \"$weir_path $word\" in\n");
	visit(o, &wr_cmd_weir, "weir", zsh_path);
	wr_out_text(o, "\t\tesac\n\tdone\n"
		       "\tshift $((skip - 1)) words\n"
		       "\t((CURRENT -= skip - 1))\n"
		       "\tcase $weir_path in\n");
	visit(o, &wr_cmd_weir, "weir", zsh_command);
	wr_out_text(o, "\tesac\n}\n_weir \"$@\"\n");
}

/* ---- fish ---- */

static void fish_text(struct wr_out *o, const char *s)
{
	wr_out_text(o, "'");
	for (; *s && *s != '\n'; s++)
		wr_out_printf(o, "%s%c", *s == '\'' || *s == '\\' ? "\\" : "", *s);
	wr_out_text(o, "'");
}

static void fish_command(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	for (size_t i = 0; (sub = next(c, &i));) {
		wr_out_printf(o, "complete -c weir -f -n '__weir_at \"%s\"' -a %s -d ", path,
			      sub->name);
		fish_text(o, sub->summary);
		wr_out_text(o, "\n");
	}
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		const struct wr_option *opt = &c->options[i];
		wr_out_printf(o, "complete -c weir -n '__weir_at \"%s\"' -l %s", path, opt->name);
		if (opt->letter)
			wr_out_printf(o, " -s %c", opt->letter);
		if (opt->type != WR_OPT_FLAG)
			wr_out_text(o, takes_path(opt) ? " -rF" : " -xa '");
		if (opt->choices)
			choices(o, opt);
		if (opt->type != WR_OPT_FLAG && !takes_path(opt))
			wr_out_text(o, "'");
		wr_out_text(o, " -d ");
		fish_text(o, opt->help ? opt->help : "");
		wr_out_text(o, "\n");
	}
}

static void fish_path(struct wr_out *o, const struct wr_command *c, const char *path)
{
	const struct wr_command *sub;
	for (size_t i = 0; (sub = next(c, &i));)
		wr_out_printf(o, "\t\t\tcase '%s %s'\n\t\t\t\tset path \"$path $word\"\n", path,
			      sub->name);
}

static void fish(struct wr_out *o)
{
	wr_out_text(o, "# fish completion for weir; put it as weir.fish into a completions folder\n"
		       "function __weir_at\n"
		       "\tset -l path weir\n"
		       "\tfor word in (commandline -opc)[2..-1]\n"
		       "\t\tswitch \"$path $word\"\n");
	visit(o, &wr_cmd_weir, "weir", fish_path);
	wr_out_text(o, "\t\tend\n\tend\n\ttest \"$path\" = \"$argv[1]\"\nend\n"
		       "complete -c weir -f\n");
	visit(o, &wr_cmd_weir, "weir", fish_command);
}

/* ---- the command ---- */

static const struct {
	const char *name;
	void (*write)(struct wr_out *o);
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int run_completion(const struct wr_args *args)
{
	const char *shell = args->operands[0];
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) != 0)
			continue;
		struct wr_out *o = wr_out_new(1, WR_TABLE);
		if (!o)
			return wr_fail(args, "out of memory");
		shells[i].write(o);
		return wr_out_finish(o, WR_EXIT_OK);
	}
	return wr_usage_error(args, "'%s' is not one of bash, zsh, fish", shell);
}

const struct wr_command wr_cmd_completion = {
	.name = "completion",
	.summary = "print a completion script for a shell",
	.operands = "bash|zsh|fish",
	.min_operands = 1,
	.max_operands = 1,
	.examples = "  source <(weir completion bash)\n"
		    "  weir completion fish > ~/.config/fish/completions/weir.fish\n",
	.run = run_completion,
};
