/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that were made small mean the same: the worlds of many manifests,
 * once of the decoder's objects and once of their copies (the decoder's memory
 * is gone by then), allow the same connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "engine/connectivity.h"
#include "engine/program.h"
#include "kube/internal.h"

static int n_folders;
static char **folders;

/* All connections and all policies of a set of objects, as one text. */
static char *meaning(const struct wr_objects *objects)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_world *w = NULL;
	struct wr_program *p = NULL;
	struct wr_connectivity *c = NULL;
	char *text = NULL;
	size_t size;
	if (wr_world_new(objects, diags, &w) < 0 ||
	    wr_compile(w, &(struct wr_compile_opts){0}, NULL, &p) < 0 ||
	    wr_connectivity_new(p, &c) < 0) {
		wr_diags_free(diags);
		wr_program_unref(p);
		wr_world_unref(w);
		return NULL;
	}
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	uint32_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n);
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "%s\n", nodes[i].text);
	uint64_t edges;
	const struct wr_conn_edge *e = wr_connectivity_edges(c, &edges);
	for (uint64_t i = 0; i < edges; i++)
		fprintf(f, "%u %u %s\n", e[i].src, e[i].dst,
			wr_connectivity_ports_text(c, e[i].ports));
	for (uint32_t i = 0; i < w->n_pods; i++)
		fprintf(f, "pod %s/%s %s %s %zu labels %zu ports %zu ips\n", w->pods[i].ns,
			w->pods[i].name, w->pods[i].owner_kind ? w->pods[i].owner_kind : "",
			w->pods[i].owner_name ? w->pods[i].owner_name : "", w->pods[i].n_labels,
			w->pods[i].n_ports, w->pods[i].n_ips);
	for (uint32_t i = 0; i < w->n_policies; i++) {
		char title[WR_POLICY_TITLE];
		fprintf(f, "policy %s\n", wr_policy_title(&w->policies[i], title));
	}
	fclose(f);
	wr_connectivity_free(c);
	wr_program_unref(p);
	wr_world_unref(w);
	wr_diags_free(diags);
	return text;
}

/* Copies all, pods with labels from a pool; the pool goes before its sets do. */
static void copy_all(const struct wr_objects *from, struct wr_object **items,
		     struct wr_kube_labels **sets)
{
	struct wr_kube_label_pool *pool = wr_kube_label_pool_new();
	assert_non_null(pool);
	for (size_t i = 0; i < from->n; i++) {
		const struct wr_object *o = from->items[i];
		size_t size;
		if (o->kind == WR_KIND_POD)
			sets[i] = wr_kube_labels_get(pool, o->meta.labels, o->meta.n_labels);
		items[i] = wr_kube_compact(o, 0, sets[i] ? wr_kube_labels_of(sets[i]) : NULL,
					   &size);
		assert_non_null(items[i]);
		assert_null(items[i]->value);
		assert_true(size < 100000);
	}
	wr_kube_label_pool_unref(pool);
}

static bool one_file(const char *path)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects, copies = {0};
	char *before = NULL, *after = NULL;
	bool good = !wr_input_path(in, path, diags) && !wr_decode(in, arena, diags, &objects) &&
		    objects.n && (before = meaning(&objects));
	size_t n = good ? objects.n : 0;
	struct wr_object **items = calloc(n + 1, sizeof(*items));
	struct wr_kube_labels **sets = calloc(n + 1, sizeof(*sets));
	if (good)
		copy_all(&objects, items, sets);
	wr_arena_free(arena);
	wr_input_free(in);
	wr_diags_free(diags);
	if (good) {
		copies.items = items;
		copies.n = n;
		after = meaning(&copies);
		assert_non_null(after);
		assert_string_equal(before, after);
	}
	for (size_t i = 0; i < n; i++) {
		free(items[i]);
		wr_kube_labels_unref(sets[i]);
	}
	free(items);
	free(sets);
	free(before);
	free(after);
	return good;
}

static void same_meaning(void **state)
{
	(void)state;
	unsigned good = 0;
	for (int i = 0; i < n_folders; i++) {
		DIR *dir = opendir(folders[i]);
		assert_non_null(dir);
		for (struct dirent *e; (e = readdir(dir));) {
			char path[4096];
			snprintf(path, sizeof(path), "%s/%s", folders[i], e->d_name);
			if (strstr(e->d_name, ".yaml") && !strstr(e->d_name, ".tests."))
				good += one_file(path);
		}
		closedir(dir);
	}
	assert_true(good > 15);
}

static struct wr_kube_labels *get(struct wr_kube_label_pool *p, const char *key, const char *value)
{
	struct wr_label l = {.key = key, .value = value};
	struct wr_kube_labels *set = wr_kube_labels_get(p, &l, 1);
	assert_non_null(set);
	return set;
}

static void label_sets_are_shared(void **state)
{
	(void)state;
	struct wr_kube_label_pool *p = wr_kube_label_pool_new();
	size_t empty = wr_kube_label_pool_size(p);
	struct wr_kube_labels *a = get(p, "a", "b"), *same = get(p, "a", "b"),
			      *other = get(p, "a", "c"), *shifted = get(p, "ab", "");
	assert_ptr_equal(a, same);
	assert_ptr_not_equal(a, other);
	assert_ptr_not_equal(a, shifted);
	assert_string_equal(wr_kube_labels_of(other)->value, "c");
	wr_kube_labels_unref(a);
	assert_string_equal(wr_kube_labels_of(same)->value, "b");
	wr_kube_labels_unref(same);
	wr_kube_labels_unref(shifted);
	struct wr_kube_labels *many[500];
	for (unsigned i = 0; i < 500; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%u", i);
		many[i] = get(p, "k", value);
	}
	for (unsigned i = 0; i < 500; i += 2)
		wr_kube_labels_unref(many[i]);
	for (unsigned i = 1; i < 500; i += 2) {
		char value[16];
		snprintf(value, sizeof(value), "%u", i);
		struct wr_kube_labels *again = get(p, "k", value);
		assert_ptr_equal(again, many[i]);
		wr_kube_labels_unref(again);
		wr_kube_labels_unref(again);
	}
	assert_true(wr_kube_label_pool_size(p) < empty + 20000);
	wr_kube_label_pool_unref(p);
	wr_kube_labels_unref(other); /* the last one takes the pool along */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_meaning),
		cmocka_unit_test(label_sets_are_shared),
	};
	n_folders = argc - 1;
	folders = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
