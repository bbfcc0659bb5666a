/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's maps against the engine: mapcheck PINS MANIFESTS NODE
 *
 * Reads back what a node enforces, compiles the manifests from nothing, and asks
 * both about every pair of pods, nodes and some other addresses, each family and
 * some ports. Of a connection between two pods of the node the program that is
 * compiled for no node in particular, as weir eval does, is asked too. Prints what
 * differs, and "N verdicts, M denied"; exit status 1 where something does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "base/inet.h"
#include "base/vec.h"
#include "datapath/datapath.h"
#include "engine/program.h"
#include "input/input.h"
#include "model/world.h"

#define TOLD_MAX 5

static const struct {
	uint8_t proto;
	uint16_t port;
} flows[] = {{WR_TCP, 80}, {WR_TCP, 8080},  {WR_TCP, 443}, {WR_UDP, 53},
	     {WR_UDP, 80}, {WR_SCTP, 9003}, {1, 0}};
#define N_FLOWS (sizeof(flows) / sizeof(flows[0]))

static const char *const outside[] = {"192.0.2.7", "8.8.8.8", "2001:db8::7"};

struct end {
	struct wr_ip ip;
	bool pod_here; /* of this node */
	struct wr_side node, any;
};

static struct wr_diags *diags;
static WR_VEC(struct end) ends;
static struct wr_program *for_node, *for_any;
static struct wr_image *image;
static unsigned long verdicts, denied, wrong;

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "mapcheck: %s: %s\n", what, strerror(-rc));
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		fprintf(stderr, "  %s\n", wr_diags_at(diags, i)->message);
	exit(2);
}

static void add_end(const struct wr_ip *ip, bool pod_here)
{
	struct end e = {.ip = *ip, .pod_here = pod_here};
	wr_side_ip(for_node, ip, &e.node);
	wr_side_ip(for_any, ip, &e.any);
	must(wr_vec_push(&ends, e), "ends");
}

static void tell(const struct end *a, const struct end *b, size_t flow,
		 const struct wr_verdict *want, const struct wr_verdict *got)
{
	char from[WR_IP_TEXT], to[WR_IP_TEXT];
	if (wrong++ < TOLD_MAX)
		printf("%s to %s protocol %u port %u: the engine says egress %d ingress %d, the "
		       "maps "
		       "%d %d\n",
		       wr_ip_format(&a->ip, from), wr_ip_format(&b->ip, to), flows[flow].proto,
		       flows[flow].port, want->dir[0].allow, want->dir[1].allow, got->dir[0].allow,
		       got->dir[1].allow);
}

static void compare(const struct end *a, const struct end *b, size_t flow)
{
	struct wr_verdict want, got;
	uint8_t proto = flows[flow].proto;
	uint16_t port = flows[flow].port;
	if (proto == 1 && a->ip.family == 6)
		proto = 58;
	wr_evaluate(for_node, &a->node, &b->node, proto, port, &want);
	wr_image_evaluate(image, &a->ip, &b->ip, proto, port, &got);
	verdicts++;
	denied += !got.allow;
	if (want.dir[0].allow != got.dir[0].allow || want.dir[1].allow != got.dir[1].allow) {
		tell(a, b, flow, &want, &got);
		return;
	}
	if (!a->pod_here || !b->pod_here)
		return;
	wr_evaluate(for_any, &a->any, &b->any, proto, port, &want);
	if (want.allow != got.allow)
		tell(a, b, flow, &want, &got);
}

static void add_ends(const struct wr_world *w, const char *node)
{
	uint32_t own = wr_world_find_node(w, node);
	for (uint32_t i = 0; i < w->n_pods; i++)
		for (uint32_t k = 0; k < w->pods[i].n_ips; k++)
			if (!w->pods[i].host_network)
				add_end(&w->pods[i].ips[k], w->pods[i].node == own);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct wr_ip ip;
		must(wr_ip_parse(outside[i], &ip), outside[i]);
		add_end(&ip, false);
	}
}

int main(int argc, char **argv)
{
	struct wr_objects objects;
	struct wr_world *w;
	if (argc != 4) {
		fprintf(stderr, "usage: mapcheck PINS MANIFESTS NODE\n");
		return 2;
	}
	diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_compile_opts opts = {.node = argv[3]};
	must(wr_input_path(in, argv[2], diags), argv[2]);
	must(wr_decode(in, arena, diags, &objects), argv[2]);
	must(wr_world_new(&objects, diags, &w), "world");
	must(wr_compile(w, &opts, NULL, &for_node), "compile");
	must(wr_compile(w, NULL, NULL, &for_any), "compile");
	must(wr_image_read(argv[1], diags, &image), argv[1]);
	add_ends(w, argv[3]);
	for (size_t i = 0; i < ends.n * ends.n * N_FLOWS; i++) {
		const struct end *a = &ends.items[i / N_FLOWS / ends.n],
				 *b = &ends.items[i / N_FLOWS % ends.n];
		if (a->ip.family == b->ip.family && a != b)
			compare(a, b, i % N_FLOWS);
	}
	printf("%lu verdicts, %lu denied, %lu differ\n", verdicts, denied, wrong);
	wr_vec_free(&ends);
	wr_image_free(image);
	wr_program_unref(for_any);
	wr_program_unref(for_node);
	wr_world_unref(w);
	wr_arena_free(arena);
	wr_input_free(in);
	wr_diags_free(diags);
	return wrong ? 1 : 0;
}
