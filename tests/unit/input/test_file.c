/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "show.h"

/* Each test works in a directory of its own, which is the current one. */
static char top[] = "/tmp/weir-test-input-XXXXXX";
static const char template[] = "/tmp/weir-test-input-XXXXXX";

static int enter(void **state)
{
	(void)state;
	memcpy(top, template, sizeof(top));
	return mkdtemp(top) && !chdir(top) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? -1 : 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Reads paths (up to the NULL) and compares documents and errors. */
static void paths(const struct wr_input_limits *limits, const char *const *path,
		  const char *documents, const char *errors)
{
	struct wr_input *in = wr_input_new(limits);
	struct wr_diags *d = wr_diags_new();
	for (; *path; path++) {
		size_t before = wr_diags_total(d, WR_ERROR);
		int rc = wr_input_path(in, *path, d);
		assert_int_equal(rc, wr_diags_total(d, WR_ERROR) > before ? -EIO : 0);
	}
	char *got_documents = show_documents(in), *got_errors = show_diags(d);
	assert_string_equal(got_documents, documents);
	assert_string_equal(got_errors, errors);
	free(got_documents);
	free(got_errors);
	wr_diags_free(d);
	wr_input_free(in);
}

#define PATHS(documents, errors, ...) \
	paths(NULL, (const char *const[]){__VA_ARGS__, NULL}, documents, errors)

static void test_files(void **state)
{
	(void)state;
	put("a.yaml", "a: 1\n");
	put("plain", "b: 2\n");
	put("empty", "");
	PATHS("{\"a\":1}\n{\"b\":2}\n{\"a\":1}\n", "", "a.yaml", "plain", "empty", "./a.yaml");
	PATHS("{\"a\":1}\n", "missing:0:0: the path does not exist\n", "missing", "a.yaml");
	PATHS("", ":0:0: the path does not exist\n", "");
	PATHS("", "a.yaml/x:0:0: cannot open: Not a directory\n", "a.yaml/x");
}

static void test_unreadable_file(void **state)
{
	(void)state;
	put("a.yaml", "a: 1\n");
	assert_int_equal(chmod("a.yaml", 0), 0);
	if (!access("a.yaml", R_OK))
		skip(); /* root reads everything */
	PATHS("", "a.yaml:0:0: cannot open: Permission denied\n", "a.yaml");
}

static void test_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("d/b", 0700) | mkdir("d/..data1", 0700) |
				 mkdir("d/dir.yaml", 0700),
			 0);
	put("d/c.yml", "n: 4\n");
	put("d/a.yaml", "n: 2\n");
	put("d/Z.json", "{\"n\": 1}");
	put("d/b/x.yaml", "n: 3\n");
	put("d/b.txt", "n: [\n");
	put("d/c.yaml.bak", "n: [\n");
	put("d/noext", "n: [\n");
	put("d/..data1/x.yaml", "n: [\n");
	put("d/dir.yaml/e.yaml", "n: 5\n");
	PATHS("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n", "", "d");
	PATHS("{\"n\":3}\n", "", "d/b/");
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *diags = wr_diags_new();
	assert_int_equal(wr_input_path(in, "d/", diags), 0);
	assert_string_equal(wr_input_at(in, 2)->file, "d/b/x.yaml");
	wr_diags_free(diags);
	wr_input_free(in);
}

static void test_errors_in_a_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	put("d/a.yaml", "a: [\n");
	put("d/b.yaml", "b: 1\n");
	put("d/c.yaml", "c: \"\n");
	assert_int_equal(symlink("nowhere", "d/d.yaml"), 0);
	PATHS("{\"b\":1}\n",
	      "d/a.yaml:1:4: the list that begins here is not closed\n"
	      "d/c.yaml:1:4: a quoted string that begins here is not closed\n"
	      "d/d.yaml:0:0: cannot read: No such file or directory\n",
	      "d");
}

static void test_empty_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("d/e", 0700), 0);
	put("d/e/x.txt", "a: 1\n");
	PATHS("", "d:0:0: no file ends in .yaml, .yml or .json in this directory\n", "d");
}

static void test_links(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("real", 0700), 0);
	put("real/a.yaml", "a: 1\n");
	assert_int_equal(symlink("../real/a.yaml", "d/l.yaml") | symlink(".", "d/loop") |
				 symlink("..", "d/up.yaml") | symlink("d", "there") |
				 symlink("self.yaml", "self.yaml"),
			 0);
	PATHS("{\"a\":1}\n", "", "d");
	PATHS("{\"a\":1}\n", "", "there");
	PATHS("", "self.yaml:0:0: cannot open: Too many levels of symbolic links\n", "self.yaml");
}

static void test_deep_directories(void **state)
{
	(void)state;
	char path[1024] = "d";
	for (size_t i = 0; i < 80; i++) {
		assert_int_equal(mkdir(path, 0700), 0);
		size_t n = strlen(path);
		snprintf(path + n, sizeof(path) - n, "/d");
	}
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *d = wr_diags_new();
	assert_int_equal(wr_input_path(in, "d", d), -EIO);
	assert_string_equal(wr_diags_at(d, 0)->message, "directories nested deeper than 64");
	wr_diags_free(d);
	wr_input_free(in);
}

static void test_pipes(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkfifo("d/p.yaml", 0600) | mkfifo("q", 0600), 0);
	put("d/a.yaml", "a: 1\n");
	PATHS("{\"a\":1}\n", "d/p.yaml:0:0: not a regular file: left out\n", "d");
	pid_t child = fork();
	if (!child) {
		put("q", "b: 2\n");
		_exit(0);
	}
	PATHS("{\"b\":2}\n", "", "q");
	assert_int_equal(waitpid(child, NULL, 0), child);
	PATHS("", "", "/dev/null");
}

static void test_standard_input(void **state)
{
	(void)state;
	int saved = dup(STDIN_FILENO);
	put("in", "a: 1\n---\nb: [\n");
	int fd = open("in", O_RDONLY | O_CLOEXEC);
	assert_true(saved >= 0 && fd >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	PATHS("{\"a\":1}\n",
	      "-:3:4: the list that begins here is not closed\n"
	      "-:0:0: standard input can be read only once\n",
	      "-", "-");
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	close(fd);
}

static void test_limits(void **state)
{
	(void)state;
	static const struct wr_input_limits limits = {20, 10, 100, 100, 10, 2};
	put("a", "12345678901234567890");
	put("b", "123456789012345678901");
	paths(&limits, (const char *const[]){"a", "b", "a", NULL}, "1.23456789012346e+19f\n",
	      "b:0:0: larger than 20 bytes\na:0:0: more than 2 files\n");
	paths(&limits, (const char *const[]){"/dev/zero", NULL}, "",
	      "/dev/zero:0:0: larger than 20 bytes\n");
}

/* Several reads, a buffer that grows: all of it arrives. */
static void test_large_stream(void **state)
{
	(void)state;
	enum { N = 300000 };
	assert_int_equal(mkfifo("q", 0600), 0);
	pid_t child = fork();
	if (!child) {
		FILE *f = fopen("q", "w");
		for (size_t i = 0; f && i < N; i++)
			fputs("{}", f);
		_exit(!f || fclose(f));
	}
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *d = wr_diags_new();
	assert_int_equal(wr_input_path(in, "q", d), 0);
	assert_int_equal(wr_input_count(in), N);
	assert_int_equal(waitpid(child, NULL, 0), child);
	wr_diags_free(d);
	wr_input_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, enter, leave),
		cmocka_unit_test_setup_teardown(test_unreadable_file, enter, leave),
		cmocka_unit_test_setup_teardown(test_directory, enter, leave),
		cmocka_unit_test_setup_teardown(test_errors_in_a_directory, enter, leave),
		cmocka_unit_test_setup_teardown(test_empty_directory, enter, leave),
		cmocka_unit_test_setup_teardown(test_links, enter, leave),
		cmocka_unit_test_setup_teardown(test_deep_directories, enter, leave),
		cmocka_unit_test_setup_teardown(test_pipes, enter, leave),
		cmocka_unit_test_setup_teardown(test_standard_input, enter, leave),
		cmocka_unit_test_setup_teardown(test_limits, enter, leave),
		cmocka_unit_test_setup_teardown(test_large_stream, enter, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
