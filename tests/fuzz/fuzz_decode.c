/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder and all behind it: any bytes through the front end to objects, a
 * world and a program, and the program's answers held to explain's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "engine/connectivity.h"
#include "engine/explain.h"
#include "engine/program.h"
#include "input/input.h"

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

static void check_objects(const struct wr_objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct wr_object *x = o->items[i];
		must(x->meta.name && *x->meta.name && x->kind < WR_KIND_COUNT);
		for (size_t k = 1; k < x->meta.n_labels; k++)
			must(strcmp(x->meta.labels[k - 1].key, x->meta.labels[k].key) < 0);
	}
}

static void ask(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
	} probes[] = {{WR_TCP, 80}, {WR_UDP, 53}, {WR_SCTP, 65535}, {WR_ICMP, 0}};
	struct wr_arena *a = wr_arena_new();
	for (size_t i = 0; a && i < sizeof(probes) / sizeof(probes[0]); i++) {
		struct wr_verdict v;
		struct wr_reason why[2];
		wr_evaluate(p, src, dst, probes[i].proto, probes[i].port, &v);
		if (wr_explain(p, src, dst, probes[i].proto, probes[i].port, a, why) < 0)
			continue;
		for (int d = 0; d < 2; d++)
			must(v.dir[d].allow == why[d].allow && why[d].text != NULL);
	}
	wr_arena_free(a);
}

static void use(struct wr_world *w)
{
	struct wr_program *p;
	struct wr_connectivity *c;
	struct wr_side sides[4];
	uint32_t n = 0;
	if (wr_compile(w, NULL, &p) < 0)
		return;
	for (uint32_t i = 0; i < w->n_pods && n < 3; i++)
		n += wr_side_pod(p, i, 0, &sides[n]) == 0;
	struct wr_ip ip;
	must(wr_ip_parse("203.0.113.9", &ip) == 0);
	wr_side_ip(p, &ip, &sides[n++]);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < n; k++)
			ask(p, &sides[i], &sides[k]);
	if (w->n_pods < 50 && wr_connectivity_new(p, &c) == 0)
		wr_connectivity_free(c);
	wr_program_unref(p);
}

/* One by one, at its strictest; as weir validate judges, and as one that enforces does. */
static void judge(const struct wr_value *v, const struct wr_list_type *list, struct wr_arena *a,
		  struct wr_diags *d)
{
	static const struct wr_decode_opts opts[] = {{.strict_cidrs = true, .as_api_server = true},
						     {.strict_cidrs = true}};
	struct wr_list_type type;
	if (wr_decode_is_list(v, &type)) {
		const struct wr_value *items = wr_value_get(v, "items");
		for (size_t i = 0; items && items->type == WR_LIST && i < items->n; i++)
			judge(items->items[i], &type, a, d);
		return;
	}
	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		struct wr_object *one = NULL;
		size_t errors = wr_diags_total(d, WR_ERROR);
		int rc = wr_decode_item(v, list, &opts[i], a, d, &one);
		must(rc == 0 || rc == -22);
		must((rc == 0) == (wr_diags_total(d, WR_ERROR) == errors));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wr_input *in = wr_input_new(&limits);
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_objects o;
	struct wr_world *w;
	must(in && a && d);
	(void)wr_input_bytes(in, "fuzz.yaml", 1, data, size, d);
	size_t before = wr_diags_total(d, WR_ERROR);
	int rc = wr_decode(in, a, d, &o);
	must(rc == 0 || rc == -22);
	must((rc == 0) == (wr_diags_total(d, WR_ERROR) == before));
	if (rc == 0) {
		check_objects(&o);
		if (wr_world_new(&o, d, &w) == 0) {
			use(w);
			wr_world_unref(w);
		}
	}
	for (size_t i = 0; i < wr_input_count(in); i++)
		judge(wr_input_at(in, i)->root, NULL, a, d);
	wr_diags_free(d);
	wr_arena_free(a);
	wr_input_free(in);
	return 0;
}
