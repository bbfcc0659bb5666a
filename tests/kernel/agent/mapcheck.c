/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's maps against the engine: mapcheck PINS MANIFESTS NODE [ADDRESS]...
 *
 * Reads back what a node enforces, compiles the manifests from nothing, and asks
 * both about every pair of addresses of pods and nodes, those told, and some
 * others, each family and some ports. Of a connection between two pods of the
 * node the program that is compiled for no node in particular, as weir eval does,
 * is asked too. An address in the node's pod range that no pod has is denied.
 *
 * Authors are numbered by each program for itself. One number of the maps must
 * stand for one author of the engine wherever it is met.
 *
 * Prints what differs, and "N verdicts, M denied, K differ"; exit status 1 where
 * something does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "base/buf.h"
#include "base/inet.h"
#include "base/vec.h"
#include "datapath/datapath.h"
#include "engine/program.h"
#include "input/input.h"
#include "model/world.h"

#define TOLD_MAX 12

static const struct {
	uint8_t proto;
	uint16_t port;
} flows[] = {{WR_TCP, 80}, {WR_TCP, 8080}, {WR_TCP, 443}, {WR_TCP, 100}, {WR_TCP, 101},
	     {WR_UDP, 53}, {WR_UDP, 80},   {WR_UDP, 61},  {WR_SCTP, 80}, {WR_SCTP, 9003},
	     {1, 0}};
#define N_FLOWS (sizeof(flows) / sizeof(flows[0]))

static const char *const outside[] = {"192.0.2.7", "8.8.8.8", "2001:db8::7"};

struct end {
	struct wr_ip ip;
	bool pod_here; /* a pod of this node */
	bool in_range; /* of this node's range */
	bool unknown;  /* and no pod has it */
	struct wr_side node, any;
};

/* What an author's number in the maps was seen to be: the engine's number, and where. */
struct meaning {
	bool seen;
	uint32_t author;
	const struct end *a, *b;
	size_t flow;
};

static struct wr_diags *diags;
static WR_VEC(struct end) ends;
static WR_VEC(struct meaning) meanings;
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

/* ---- what differs, in words ---- */

static void say_end(const struct end *e)
{
	char ip[WR_IP_TEXT];
	const struct wr_world *w = wr_program_world(for_any);
	printf("%s", wr_ip_format(&e->ip, ip));
	if (e->any.pod != WR_NONE)
		printf(" (%s/%s)", w->pods[e->any.pod].ns, w->pods[e->any.pod].name);
	else if (e->any.node != WR_NONE)
		printf(" (node %s)", w->nodes[e->any.node].name);
	else
		printf(e->unknown ? " (no pod's)" : " (outside)");
}

static void say_author(const struct wr_program *p, uint32_t number)
{
	static const char *const kinds[] = {"nobody", "rule", "isolation by", "itself", "its node"};
	const struct wr_world *w = wr_program_world(p);
	const struct wr_author *author = wr_program_author(p, number);
	char title[WR_POLICY_TITLE];
	printf("%s", kinds[author->kind]);
	if (author->kind == WR_BY_RULE)
		printf(" %u of %s", author->rule + 1,
		       wr_policy_title(&w->policies[author->policy], title));
	for (uint32_t i = 0; author->kind == WR_BY_ISOLATION && i < author->n; i++)
		printf("%s %s", i ? "," : "",
		       wr_policy_title(&w->policies[author->policies[i]], title));
}

static bool say_flow(const struct end *a, const struct end *b, size_t flow)
{
	if (wrong++ >= TOLD_MAX)
		return false;
	say_end(a);
	printf(" to ");
	say_end(b);
	printf(" protocol %u port %u: ", flows[flow].proto, flows[flow].port);
	return true;
}

static void say_verdict(const struct end *a, const struct end *b, size_t flow,
			const struct wr_program *p, const struct wr_verdict *want,
			const struct wr_verdict *got)
{
	if (!say_flow(a, b, flow))
		return;
	for (int dir = 0; dir < 2; dir++) {
		printf("%s: the engine %s (", dir == WR_EGRESS ? "egress" : "ingress",
		       want->dir[dir].allow ? "allows" : "denies");
		if (p)
			say_author(p, want->dir[dir].author);
		printf("), the maps %s (number %u)%s", got->dir[dir].allow ? "allow" : "deny",
		       got->dir[dir].author, dir ? "\n" : "; ");
	}
}

/* ---- comparing ---- */

static bool same_author(uint32_t a, uint32_t b)
{
	const struct wr_author *x = wr_program_author(for_node, a),
			       *y = wr_program_author(for_node, b);
	return a == b ||
	       (x->kind == y->kind && x->dir == y->dir && x->policy == y->policy &&
		x->rule == y->rule && x->n == y->n &&
		(!x->n || !memcmp(x->policies, y->policies, x->n * sizeof(*x->policies))));
}

static void compare_author(const struct end *a, const struct end *b, size_t flow, uint32_t want,
			   uint32_t got)
{
	while (meanings.n <= got)
		must(wr_vec_push(&meanings, (struct meaning){0}), "meanings");
	struct meaning *m = &meanings.items[got];
	if (!m->seen)
		*m = (struct meaning){true, want, a, b, flow};
	if (same_author(m->author, want) || !say_flow(a, b, flow))
		return;
	printf("the author is number %u of the maps and, of the engine, ", got);
	say_author(for_node, want);
	printf("; of ");
	say_end(m->a);
	printf(" to ");
	say_end(m->b);
	printf(" protocol %u port %u it is ", flows[m->flow].proto, flows[m->flow].port);
	say_author(for_node, m->author);
	printf("\n");
}

static void compare(const struct end *a, const struct end *b, size_t flow)
{
	struct wr_verdict want = {0}, got;
	uint8_t proto = flows[flow].proto;
	uint16_t port = flows[flow].port;
	if (proto == 1 && a->ip.family == 6)
		proto = 58;
	wr_image_evaluate(image, &a->ip, &b->ip, proto, port, &got);
	verdicts++;
	denied += !got.allow;
	if (a->unknown || b->unknown) {
		if (got.allow)
			say_verdict(a, b, flow, NULL, &want, &got);
		return;
	}
	wr_evaluate(for_node, &a->node, &b->node, proto, port, &want);
	/*
	 * That a node reaches its own pods the kernel decides by the hook. The image
	 * alone tells them by the node's range, and says nothing where there is none.
	 */
	if (want.dir[WR_INGRESS].author == WR_AUTHOR_NODE && !b->in_range)
		return;
	if (want.dir[0].allow != got.dir[0].allow || want.dir[1].allow != got.dir[1].allow) {
		say_verdict(a, b, flow, for_node, &want, &got);
		return;
	}
	/* the direction of a pod of another node is that node's to judge */
	if (a->pod_here)
		compare_author(a, b, flow, want.dir[WR_EGRESS].author, got.dir[WR_EGRESS].author);
	if (b->pod_here)
		compare_author(a, b, flow, want.dir[WR_INGRESS].author, got.dir[WR_INGRESS].author);
	if (!a->pod_here || !b->pod_here)
		return;
	wr_evaluate(for_any, &a->any, &b->any, proto, port, &want);
	if (want.allow != got.allow)
		say_verdict(a, b, flow, for_any, &want, &got);
}

/* ---- the addresses ---- */

static bool in_own_range(const struct wr_world *w, uint32_t node, const struct wr_ip *ip)
{
	const struct wr_object *o = node == WR_NONE ? NULL : w->nodes[node].object;
	for (size_t i = 0; o && i < o->node.n_pod_cidrs; i++)
		if (wr_cidr_contains(&o->node.pod_cidrs[i], ip))
			return true;
	return false;
}

static void add_end(const struct wr_world *w, uint32_t own, const struct wr_ip *ip)
{
	struct end e = {.ip = *ip};
	for (size_t i = 0; i < ends.n; i++)
		if (wr_ip_equal(&ends.items[i].ip, ip))
			return;
	wr_side_ip(for_node, ip, &e.node);
	wr_side_ip(for_any, ip, &e.any);
	if (e.any.pod != WR_NONE && !w->pods[e.any.pod].host_network)
		e.pod_here = own != WR_NONE && w->pods[e.any.pod].node == own;
	e.in_range = in_own_range(w, own, ip);
	e.unknown = e.any.endpoint == WR_NONE && e.in_range;
	must(wr_vec_push(&ends, e), "ends");
}

static void add_ends(const struct wr_world *w, uint32_t own, char **more, int n)
{
	struct wr_ip ip;
	for (uint32_t i = 0; i < w->n_pods; i++)
		for (size_t k = 0; k < w->pods[i].n_ips; k++)
			add_end(w, own, &w->pods[i].ips[k]);
	for (uint32_t i = 0; i < w->n_nodes; i++)
		for (size_t k = 0; k < w->nodes[i].n_ips; k++)
			add_end(w, own, &w->nodes[i].ips[k]);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		must(wr_ip_parse(outside[i], &ip), outside[i]);
		add_end(w, own, &ip);
	}
	for (int i = 0; i < n; i++) {
		must(wr_ip_parse(more[i], &ip), more[i]);
		add_end(w, own, &ip);
	}
}

int main(int argc, char **argv)
{
	struct wr_objects objects;
	struct wr_world *w;
	if (argc < 4) {
		fprintf(stderr, "usage: mapcheck PINS MANIFESTS NODE [ADDRESS]...\n");
		return 2;
	}
	diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_compile_opts opts = {.node = argv[3]};
	must(wr_input_path(in, argv[2], diags), argv[2]);
	must(wr_decode(in, arena, diags, &objects), argv[2]);
	must(wr_world_new(&objects, diags, &w), "world");
	must(wr_compile(w, &opts, &for_node), "compile");
	must(wr_compile(w, NULL, &for_any), "compile");
	must(wr_image_read(argv[1], diags, &image), argv[1]);
	add_ends(w, wr_world_find_node(w, argv[3]), argv + 4, argc - 4);
	for (size_t i = 0; i < ends.n * ends.n * N_FLOWS; i++) {
		const struct end *a = &ends.items[i / N_FLOWS / ends.n],
				 *b = &ends.items[i / N_FLOWS % ends.n];
		if (a->ip.family == b->ip.family && a != b)
			compare(a, b, i % N_FLOWS);
	}
	printf("%lu verdicts, %lu denied, %lu differ\n", verdicts, denied, wrong);
	wr_vec_free(&meanings);
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
