/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Command line: commands and options are data.
 *
 * A command is a row: name, one line of help, options, operands, and either a
 * function or a table of subcommands. Parsing, --help, "did you mean" and the
 * shell completions all come from the tables. A handler gets the arguments
 * checked against its table and returns the exit status.
 *
 *	static const struct wr_option up_options[] = {
 *		WR_OPTION_FILES,
 *		{"name", 'n', WR_OPT_STRING, .value = "NAME", .fallback = "lab", .help = "..."},
 *		{"nodes", 'k', WR_OPT_UINT, .value = "K", .fallback = "1", .min = 1, .max = 9},
 *		{"all", 0, WR_OPT_FLAG, .help = "..."},
 *		{0},
 *	};
 *	static const struct wr_command up = {
 *		.name = "up", .summary = "build the lab", .options = up_options, .run = run_up,
 *	};
 *	static const struct wr_command *const lab_commands[] = {&up, ..., NULL};
 *	const struct wr_command wr_cmd_lab = {
 *		.name = "lab", .summary = "...", .commands = lab_commands,
 *	};
 *
 * SIGPIPE is ignored in the whole program (a closed pipe is a write error); a
 * handler that starts other programs sets it back to the default in the child.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses. 1 is a "no" of the command's own: denied, differs, not found. */
enum { WR_EXIT_OK = 0, WR_EXIT_NO = 1, WR_EXIT_ERROR = 2 };

enum wr_option_type {
	WR_OPT_FLAG,   /* no value */
	WR_OPT_STRING, /* any text */
	WR_OPT_UINT,   /* decimal number within min..max */
	WR_OPT_CHOICE  /* one of choices */
};

struct wr_option {
	const char *name; /* long name without dashes; NULL ends a table */
	char letter;      /* short name, 0: none */
	enum wr_option_type type;
	bool repeated; /* may be given several times, all values count */
	bool required;
	const char *instead; /* may be given in place of the required option of this name */
	const char *value;          /* name of the value in help: "PATH" */
	const char *const *choices; /* WR_OPT_CHOICE, NULL-terminated */
	const char *fallback;       /* value when not given (shown in help), or NULL */
	uint64_t min, max;          /* WR_OPT_UINT; max 0: no bound */
	const char *help;           /* one line or several separated by \n */
};

struct wr_args;

struct wr_command {
	const char *name;
	const char *summary;                 /* one line, lower case, no full stop */
	const char *operands;                /* as in usage: "[NAMESPACE/NAME]", NULL: none */
	unsigned min_operands, max_operands; /* max UINT_MAX: no bound */
	const char *description; /* paragraphs for --help, or NULL; filled to the width */
	const char *examples;    /* lines for --help, or NULL */
	bool hidden;             /* for weir itself: not in help and completions */
	const struct wr_option *options;
	const struct wr_command *const *commands; /* NULL-terminated; then run is NULL */
	int (*run)(const struct wr_args *args);
};

/* What a handler is called with. */
struct wr_args {
	const struct wr_command *command;
	const char *path; /* "weir lab up", for messages */
	const char *const *operands;
	size_t n_operands;
	size_t dashes; /* index of the first operand that stood after "--"; n_operands: none */
	const struct wr_arg_value *values; /* use the functions below */
};

/*
 * Values of options by long name. The option must be in the command's table
 * (a wrong name is a bug and aborts).
 */
bool wr_arg_known(const struct wr_args *args, const char *name); /* it is in the table */
bool wr_arg_given(const struct wr_args *args, const char *name);
bool wr_arg_flag(const struct wr_args *args, const char *name);
const char *wr_arg_string(const struct wr_args *args, const char *name); /* fallback or NULL */
uint64_t wr_arg_uint(const struct wr_args *args, const char *name);      /* fallback or 0 */
/* Index into choices of the value, or of the fallback. */
unsigned wr_arg_choice(const struct wr_args *args, const char *name);
/* All values of a repeated option, in order. */
const char *const *wr_arg_all(const struct wr_args *args, const char *name, size_t *n);

/* Options that many commands share; to be put into tables. */
#define WR_OPTION_FILES                                                                           \
	{                                                                                         \
		"filename", 'f', WR_OPT_STRING,                                                   \
			.repeated = true, .required = true, .value = "PATH",                      \
			.help = "manifests: a file, a directory (recursively), or - for stdin;\n" \
				"may be given several times"                                      \
	}
/* A live cluster instead of manifests, or below them (cli/cluster.h). */
#define WR_OPTION_CLUSTER                                                                       \
	{"all-namespaces", 'A', WR_OPT_FLAG, .instead = "filename",                                    \
	 .help = "read the cluster that kubectl talks to; with -f, what would be if the\n"      \
		 "manifests were applied to it"},                                               \
		{"namespace", 'n', WR_OPT_STRING, .instead = "filename", .value = "NAMESPACE",         \
		 .help = "the same, of this namespace only"},                                   \
		{"context", 0, WR_OPT_STRING, .instead = "filename", .value = "NAME",                  \
		 .help = "the same, of this context of the kubeconfig"},                        \
	{                                                                                       \
		"kubeconfig", 0, WR_OPT_STRING, .instead = "filename", .value = "FILE",                \
					   .help = "the same, by this file [$KUBECONFIG, "      \
						   "~/.kube/config]"                            \
	}
#define WR_OPTION_VERBOSE                                                      \
	{                                                                      \
		"verbose", 'v', WR_OPT_FLAG,                                   \
			.help = "say on stderr what was skipped, and warnings" \
	}
/* In the order of enum wr_format (writer.h): (enum wr_format)wr_arg_choice(args, "output"). */
extern const char *const wr_output_formats[];
#define WR_OPTION_OUTPUT                                                                       \
	{                                                                                      \
		"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = wr_output_formats, \
					      .fallback = "table", .help = "output format"     \
	}
extern const char *const wr_output_table_json[];
#define WR_OPTION_OUTPUT_TABLE_JSON                                                               \
	{                                                                                         \
		"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = wr_output_table_json, \
					      .fallback = "table", .help = "output format"        \
	}
extern const char *const wr_yes_no[];
#define WR_OPTION_IPBLOCKS                                                                \
	{                                                                                 \
		"ipblock-matches-pods", 0, WR_OPT_CHOICE,                                 \
			.value = "YES|NO", .choices = wr_yes_no, .fallback = "yes",       \
			.help = "whether an ipBlock matches addresses of pods; no: only " \
				"addresses\n"                                             \
				"outside the cluster, as some CNIs do"                    \
	}
#define WR_OPTION_PIN_DIR                                                                    \
	{                                                                                    \
		"pin-dir", 0, WR_OPT_STRING, .value = "DIR", .fallback = "/sys/fs/bpf/weir", \
					     .help = "where the datapath is pinned"          \
	}

/*
 * Prints "weir lab up: message" to stderr and returns WR_EXIT_ERROR. The
 * second form adds the line that points to --help: for usage errors.
 */
int wr_fail(const struct wr_args *args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int wr_usage_error(const struct wr_args *args, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Runs a command line with a root command ("weir"); returns the exit status. */
int wr_cli_main(const struct wr_command *root, int argc, char **argv);

/* The commands. */
extern const struct wr_command wr_cmd_weir; /* the root */
extern const struct wr_command wr_cmd_validate;
extern const struct wr_command wr_cmd_lint;
extern const struct wr_command wr_cmd_diff;
extern const struct wr_command wr_cmd_eval;
extern const struct wr_command wr_cmd_explain;
extern const struct wr_command wr_cmd_list;
extern const struct wr_command wr_cmd_matrix;
extern const struct wr_command wr_cmd_describe;
extern const struct wr_command wr_cmd_profile;
extern const struct wr_command wr_cmd_test;
extern const struct wr_command wr_cmd_lab;
extern const struct wr_command wr_cmd_agent;
extern const struct wr_command wr_cmd_status;
extern const struct wr_command wr_cmd_flows;
extern const struct wr_command wr_cmd_datapath;
extern const struct wr_command wr_cmd_apiserver;
extern const struct wr_command wr_cmd_version;
extern const struct wr_command wr_cmd_help;
extern const struct wr_command wr_cmd_completion;
