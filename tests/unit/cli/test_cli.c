/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the handler saw, as one line. */
static char seen[512];

static int run(const struct wr_args *args)
{
	size_t n, used = 0;
	const char *const *files = wr_arg_all(args, "file", &n);
	used += (size_t)snprintf(seen, sizeof(seen), "%s:", args->path);
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(seen + used, sizeof(seen) - used, " f=%s", files[i]);
	used += (size_t)snprintf(
		seen + used, sizeof(seen) - used, " v=%d n=%u c=%u s=%s",
		wr_arg_flag(args, "verbose"), (unsigned)wr_arg_uint(args, "number"),
		wr_arg_choice(args, "choice"),
		wr_arg_string(args, "string") ? wr_arg_string(args, "string") : "-");
	for (size_t i = 0; i < args->n_operands; i++)
		used += (size_t)snprintf(seen + used, sizeof(seen) - used, "%s%s",
					 i == args->dashes ? " -- " : " ", args->operands[i]);
	return 7;
}

static const char *const choices[] = {"red", "green", NULL};
static const struct wr_option options[] = {
	{"file", 'f', WR_OPT_STRING, .repeated = true, .value = "FILE", .help = "a file"},
	{"verbose", 'v', WR_OPT_FLAG, .help = "more"},
	{"number", 'n', WR_OPT_UINT, .value = "N", .fallback = "3", .min = 1, .max = 10,
	 .help = "n"},
	{"choice", 'c', WR_OPT_CHOICE, .value = "C", .choices = choices, .fallback = "green",
	 .help = "c"},
	{"string", 0, WR_OPT_STRING, .value = "S", .help = "s"},
	{0},
};
static const struct wr_command leaf = {
	.name = "leaf",
	.summary = "a leaf",
	.operands = "[A] [B]",
	.max_operands = 2,
	.options = options,
	.run = run,
};
static const struct wr_option need_options[] = {
	{"must", 'm', WR_OPT_STRING, .required = true, .value = "M", .help = "m"},
	{0},
};
static int run_need(const struct wr_args *args)
{
	snprintf(seen, sizeof(seen), "%s", wr_arg_string(args, "must"));
	return 0;
}
static const struct wr_command need = {
	.name = "need",
	.summary = "needs",
	.operands = "A",
	.min_operands = 1,
	.max_operands = 1,
	.options = need_options,
	.run = run_need,
};
static const struct wr_command *const in_group[] = {&leaf, &need, NULL};
static const struct wr_command group = {
	.name = "group",
	.summary = "a group",
	.commands = in_group,
};
static const struct wr_command *const in_root[] = {&group, &wr_cmd_help, NULL};
const struct wr_command wr_cmd_weir = {
	.name = "weir",
	.summary = "test",
	.commands = in_root,
};

/* Splits a line at blanks and runs it. */
static int command(const char *line)
{
	static char copy[256];
	char *words[32] = {NULL}, *save = NULL;
	int n = 0;
	seen[0] = 0;
	snprintf(copy, sizeof(copy), "weir %s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	return wr_cli_main(&wr_cmd_weir, n, words);
}

static void test_good(void **state)
{
	(void)state;
	static const struct {
		const char *line, *seen;
	} cases[] = {
		{"group leaf", "weir group leaf: v=0 n=3 c=1 s=-"},
		{"group leaf -f a --file b --file=c -fd",
		 "weir group leaf: f=a f=b f=c f=d v=0 n=3 c=1 s=-"},
		{"group leaf -vfa -v", "weir group leaf: f=a v=1 n=3 c=1 s=-"},
		{"group leaf -f=a -n10 --choice red", "weir group leaf: f=a v=0 n=10 c=0 s=-"},
		{"group leaf x -v y", "weir group leaf: v=1 n=3 c=1 s=- x y"},
		{"group leaf x -- -v", "weir group leaf: v=0 n=3 c=1 s=- x -- -v"},
		{"group leaf -- x", "weir group leaf: v=0 n=3 c=1 s=- -- x"},
		{"group leaf -f - -", "weir group leaf: f=- v=0 n=3 c=1 s=- -"},
		{"group leaf --string= --string2=", NULL},
		{"group leaf --string=a=b", "weir group leaf: v=0 n=3 c=1 s=a=b"},
		{"group leaf -f -v", "weir group leaf: f=-v v=0 n=3 c=1 s=-"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = command(cases[i].line);
		assert_int_equal(status, cases[i].seen ? 7 : 2);
		if (cases[i].seen)
			assert_string_equal(seen, cases[i].seen);
	}
}

/* Usage errors are status 2, and the handler is not called. */
static void test_bad(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"",
		"grup",
		"group",
		"group laef",
		"-v",
		"group leaf --files x",
		"group leaf -x",
		"group leaf -f",
		"group leaf --number",
		"group leaf -n 0",
		"group leaf -n 11",
		"group leaf -n 1x",
		"group leaf -n -1",
		"group leaf -n 99999999999999999999999",
		"group leaf -c blue",
		"group leaf -c red -c red",
		"group leaf --verbose=1",
		"group leaf a b c",
		"group need",
		"group need -m x",
		"group need y",
		"help nothing",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(command(lines[i]), 2);
		assert_string_equal(seen, "");
	}
}

static void test_required(void **state)
{
	(void)state;
	assert_int_equal(command("group need y -m x"), 0);
	assert_string_equal(seen, "x");
}

/* Help wins over what is missing, and is no error. */
static void test_help(void **state)
{
	(void)state;
	static const char *const lines[] = {"--help",         "-h",
					    "group --help",   "group need -h",
					    "group leaf -vh", "help",
					    "help group",     "help group leaf"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(command(lines[i]), 0);
		assert_string_equal(seen, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
