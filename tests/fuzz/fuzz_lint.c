/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lint: any bytes through reading, decoding and compiling to findings, and
 * every fix applied: what comes out must be a text again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lint/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wr_input_limits limits = {
	.file_bytes = 1 << 20,
	.depth = 30,
	.nodes = 20000,
	.alias_nodes = 5000,
	.documents = 100,
	.files = 1,
};

static void must(int holds)
{
	if (!holds)
		abort();
}

static void apply(const struct wr_finding *f)
{
	char *out = NULL;
	size_t n = 0, left_out;
	const struct wr_document *doc = f->fix[0].doc;
	must(wr_edit_apply(doc->source, doc->source_size, f->fix, f->n_fix, &out, &n, &left_out) ==
	     0);
	must(out != NULL && n < doc->source_size + 4096);
	free(out);
}

static void lint(const struct wr_input *in, const struct wr_objects *objects,
		 const struct wr_diags *diags, struct wr_program *p)
{
	static const struct wr_lint_opts opts = {.strict = true};
	const struct wr_lint_source source = {in, objects, diags, p};
	struct wr_lint *l;
	size_t n;
	if (wr_lint_run(&source, &opts, &l) < 0)
		return;
	const struct wr_finding *f = wr_lint_findings(l, &n);
	for (size_t i = 0; i < n; i++) {
		must(f[i].rule && f[i].message && *f[i].message);
		if (f[i].n_fix)
			apply(&f[i]);
	}
	wr_lint_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wr_input *in = wr_input_new(&limits);
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_objects o = {0};
	struct wr_world *w = NULL;
	struct wr_program *p = NULL;
	must(in && a && d);
	(void)wr_input_bytes(in, "fuzz.yaml", 1, data, size, d);
	(void)wr_decode(in, a, d, &o);
	if (wr_world_new(&o, d, &w) == 0 && wr_compile(w, NULL, &p) == 0)
		lint(in, &o, d, p);
	wr_program_unref(p);
	wr_world_unref(w);
	wr_diags_free(d);
	wr_arena_free(a);
	wr_input_free(in);
	return 0;
}
