/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of the directories named as arguments, which hold hostile inputs
 * and the seeds of the fuzzer: read whole, read again cut in half, and the
 * trees checked.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"

static const char *directories[8];

static char *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(1 << 20);
	if (!f || !text)
		fail_msg("cannot read %s", path);
	*size = fread(text, 1, 1 << 20, f);
	fclose(f);
	return text;
}

static void check(const char *text, size_t size)
{
	struct shown s = shown_read(text, size, NULL);
	assert_int_equal(s.rc != 0, wr_diags_total(s.diags, WR_ERROR) > 0);
	for (size_t i = 0; i < wr_input_count(s.in); i++)
		check_tree(wr_input_at(s.in, i)->root, wr_input_at(s.in, i)->first_line,
			   (uint32_t)size + 1);
	shown_free(&s);
}

static void test_every_file(void **state)
{
	(void)state;
	size_t files = 0;
	for (const char **dir = directories; *dir; dir++) {
		DIR *d = opendir(*dir);
		if (!d)
			fail_msg("no directory %s", *dir);
		for (struct dirent *e; (e = readdir(d));) {
			char path[4096];
			size_t size;
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", *dir, e->d_name);
			char *text = read_file(path, &size);
			check(text, size);
			check(text, size / 2);
			free(text);
			files++;
		}
		closedir(d);
	}
	assert_true(files > 0);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc && i < 8; i++)
		directories[i - 1] = argv[i];
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_file)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
