/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of tests: any bytes as one, against a small cluster that never changes.
 * What reads must run.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect/expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char cluster[] =
	"{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}}\n"
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: "
	"db}}, "
	"spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}}\n"
	"---\n{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: "
	"{selector: "
	"{app: db}, ports: [{port: 1, targetPort: sql}]}}\n"
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, "
	"namespace: "
	"shop}, spec: {ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]}}\n";

static const struct wr_input_limits limits = {
	.file_bytes = 1 << 20,
	.depth = 30,
	.nodes = 5000,
	.alias_nodes = 1000,
	.documents = 10,
	.files = 1,
};

static void must(int holds)
{
	if (!holds)
		abort();
}

/* Made once; never freed, which is no leak since it is reachable. */
static struct wr_program *program(void)
{
	static struct wr_program *p;
	if (p)
		return p;
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_objects o;
	struct wr_world *w;
	must(wr_input_bytes(in, "cluster", 1, cluster, sizeof(cluster) - 1, d) == 0);
	must(wr_decode(in, a, d, &o) == 0 && wr_world_new(&o, d, &w) == 0);
	must(wr_compile(w, NULL, &p) == 0);
	static struct wr_input *kept_in;
	static struct wr_arena *kept_a;
	kept_in = in;
	kept_a = a;
	must(kept_in && kept_a);
	wr_diags_free(d);
	wr_world_unref(w);
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wr_program *p = program();
	struct wr_input *in = wr_input_new(&limits);
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_expect *e = NULL;
	must(in && a && d);
	int rc = wr_input_bytes(in, "tests", 1, data, size, d);
	if (!rc)
		rc = wr_expect_read(in, p, a, d, &e);
	must((rc == 0) == (e != NULL) && (rc == 0) == (wr_diags_total(d, WR_ERROR) == 0));
	for (size_t i = 0; e && i < wr_expect_count(e) && i < 20; i++) {
		struct wr_expect_result r;
		wr_expect_run(e, i, &r);
		must(r.failed <= r.checked && r.name != NULL);
	}
	wr_expect_free(e);
	wr_diags_free(d);
	wr_arena_free(a);
	wr_input_free(in);
	return 0;
}
