/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>
#include <time.h>

static void empty(void **state)
{
	(void)state;
	struct wr_objects none = {0};
	struct wr_world *w = NULL;
	struct wr_diags *diags = wr_diags_new();
	assert_int_equal(wr_world_new(&none, diags, &w), 0);
	assert_int_equal(w->n_pods + w->n_namespaces + w->n_nodes + w->n_services + w->n_policies +
				 w->n_selectors + w->n_keys + w->n_pairs,
			 0);
	assert_int_equal(wr_world_find_pod(w, "a", "b", WR_KIND_COUNT), WR_NONE);
	assert_int_equal(wr_world_find_namespace(w, "a"), WR_NONE);
	assert_int_equal(wr_world_find_node(w, "a"), WR_NONE);
	wr_world_unref(w);
	wr_world_unref(NULL);
	wr_diags_free(diags);
}

static void lives_while_referenced(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n");
	struct wr_world *w = wr_world_ref(f.world);
	assert_ptr_equal(w, f.world);
	wr_world_unref(w);
	assert_string_equal(f.world->pods[0].name, "a"); /* the sanitizer watches */
	fixture_down(&f);
}

/* The order of reading leaves no trace: every order of these gives the same lists. */
static void order_of_reading_does_not_matter(void **state)
{
	(void)state;
	static const char *const objects[] = {
		"---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}\n",
		"---\n{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x}}\n",
		"---\n{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: x}}\n",
		"---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: w}}\n",
		"---\n{apiVersion: v1, kind: Namespace, metadata: {name: x}}\n",
	};
	enum { N = sizeof(objects) / sizeof(objects[0]) };
	for (unsigned turn = 0; turn < 120; turn++) {
		char manifest[1024] = "", buf[256];
		const char *left[N];
		unsigned code = turn;
		memcpy(left, objects, sizeof(left));
		for (unsigned n = N; n > 0; code /= n, n--) {
			unsigned pick = code % n;
			fixture_add(manifest, sizeof(manifest), "%s", left[pick]);
			memmove(&left[pick], &left[pick + 1], (n - pick - 1) * sizeof(left[0]));
		}
		struct fixture f;
		fixture_up(&f, manifest);
		assert_string_equal(fixture_pods(&f, buf, sizeof(buf)),
				    "w/a[Pod] x/a[Pod] x/a[Job] x/b[Pod] ");
		assert_int_equal(f.world->n_namespaces, 2);
		assert_non_null(f.world->namespaces[1].object);
		fixture_down(&f);
	}
}

static double milliseconds(const struct timespec *from)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)(now.tv_sec - from->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

/* The shortest of three: what the machine does besides only adds. */
static double time_of(size_t pods)
{
	size_t size = pods * 320;
	char *manifest = malloc(size);
	assert_non_null(manifest);
	size_t at = 0;
	for (size_t i = 0; i < pods; i++)
		at += (size_t)snprintf(
			manifest + at, size - at,
			"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%zu\","
			"\"namespace\":\"n%zu\",\"labels\":{\"app\":\"a%zu\",\"id\":\"%zu\"},"
			"\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"r%zu\","
			"\"controller\":true}]},\"status\":{\"podIP\":\"10.%zu.%zu.%zu\"}}\n",
			i, i % 100, i % 7, i, i / 3, i >> 16, i >> 8 & 255, i & 255);
	struct fixture f;
	fixture_up(&f, manifest);
	free(manifest);
	double best = 1e9;
	for (int turn = 0; turn < 3; turn++) {
		struct timespec start;
		struct wr_world *w;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		assert_int_equal(wr_world_new(&f.objects, f.diags, &w), 0);
		double took = milliseconds(&start);
		best = took < best ? took : best;
		assert_int_equal(w->n_pods, pods);
		wr_world_unref(w);
	}
	fixture_down(&f);
	return best;
}

/* Eight times the pods take far less than 64 times as long. */
static void time_grows_with_the_pods(void **state)
{
	(void)state;
	double few = time_of(2000), many = time_of(16000);
	print_message("2000 pods: %.2f ms, 16000 pods: %.2f ms\n", few, many);
	assert_true(many < few * 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(lives_while_referenced),
		cmocka_unit_test(order_of_reading_does_not_matter),
		cmocka_unit_test(time_grows_with_the_pods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
