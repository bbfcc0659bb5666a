/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs: conntrack alone against conntrack and weir.
 *
 *	bench_packet [ROUNDS]        (root)
 *
 * For each configuration a client, a node and a server, three network
 * namespaces in a row. Both sockets belong to this one thread, so the whole way
 * through the node runs inline, on its account. In every round the
 * configurations are measured in an order of chance, and each is compared with
 * conntrack alone of the same round; the medians of these ratios are printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "datapath/datapath.h"
#include "datapath/nft.h"
#include "input/input.h"
#include "base/buf.h"
#include "lab/netns.h"
#include "lab/run.h"

#define CONFIGS 6
#define POLICIES_MAX 10000
#define SLICE 3000
#define ROUNDS 40

static const struct {
	const char *name;
	int pods; /* -1: conntrack alone */
} configs[CONFIGS] = {{"conntrack alone", -1}, {"weir, 10 pods and policies", 10},
		      {"weir, 100", 100},      {"weir, 1000", 1000},
		      {"weir, 10000", 10000},  {"weir, 100000 pods", 100000}};

struct path {
	int client, server; /* UDP sockets */
};

static struct wr_diags *diags;

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_packet: %s: %s\n", what, strerror(-rc));
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		fprintf(stderr, "  %s\n", wr_diags_at(diags, i)->message);
	exit(2);
}

static void enter(const char *netns)
{
	int fd = wr_netns_open(netns);
	must(fd, netns);
	must(wr_netns_enter(fd), netns);
	close(fd);
}

static void ip_batch(const char *netns, const char *lines)
{
	const char *argv[] = {"ip", "-batch", "-", NULL};
	must(wr_run(netns, argv, lines, strlen(lines), diags), "ip");
}

/* client 10.1.0.1 -- node -- server 10.2.0.1; the pods of the cluster are others and these two. */
static void build(int i, char ns[3][32])
{
	static const char *const sysctls[] = {"ipv4/ip_forward=1", NULL};
	static const char *const roles[] = {"client", "node", "server"};
	char lines[1024];
	for (int r = 0; r < 3; r++) {
		snprintf(ns[r], 32, "weirbench-%d-%s", i, roles[r]);
		(void)wr_netns_remove(ns[r]);
		must(wr_netns_create(ns[r], sysctls, diags), ns[r]);
	}
	snprintf(lines, sizeof(lines),
		 "link add c type veth peer name eth0 netns %s\nlink add s type veth peer name "
		 "eth0 netns "
		 "%s\naddr add 10.1.0.254/24 dev c\naddr add 10.2.0.254/24 dev s\nlink set c up\n"
		 "link set s up\n",
		 ns[0], ns[2]);
	ip_batch(ns[1], lines);
	ip_batch(ns[0], "addr add 10.1.0.1/24 dev eth0\nlink set eth0 up\n"
			"route add default via 10.1.0.254\n");
	ip_batch(ns[2], "addr add 10.2.0.1/24 dev eth0\nlink set eth0 up\n"
			"route add default via 10.2.0.254\n");
}

static void put_pod(struct wr_buf *b, const char *name, const char *ip)
{
	wr_buf_printf(b,
		      "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
		      "\"namespace\":"
		      "\"x\",\"labels\":{\"id\":\"%s\"}},\"spec\":{\"nodeName\":\"n\"},\"status\":"
		      "{\"podIP\":\"%s\"}}\n",
		      name, name, ip);
}

/* As many pods as asked for, and policies up to a bound; client and server are allowed. */
static void make_cluster(struct wr_buf *b, int pods)
{
	char name[32], ip[32];
	put_pod(b, "client", "10.1.0.1");
	put_pod(b, "server", "10.2.0.1");
	for (int i = 0; i < pods; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		snprintf(ip, sizeof(ip), "10.%d.%d.%d", 10 + i / 62500, i / 250 % 250, i % 250 + 1);
		put_pod(b, name, ip);
	}
	static const char *const subjects[] = {"client", "server"};
	for (int i = 0; i < pods && i < POLICIES_MAX; i++)
		wr_buf_printf(
			b,
			"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
			"\"metadata\":{\"name\":\"np%d\",\"namespace\":\"x\"},\"spec\":{"
			"\"podSelector\":"
			"{\"matchLabels\":{\"id\":\"%s\"}},\"policyTypes\":[\"Ingress\",\"Egress\"]"
			","
			"\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{\"id\":\"%s\"}}"
			"}],"
			"\"ports\":[{\"protocol\":\"UDP\",\"port\":%d}]}],"
			"\"egress\":[{\"to\":[{\"podSelector\":{\"matchLabels\":{\"id\":\"%s\"}}}],"
			"\"ports\":[{\"protocol\":\"UDP\",\"port\":%d}]}]}}\n",
			i, subjects[i % 2], i < 2 ? subjects[!(i % 2)] : "p1",
			i < 2 ? 9 : 1000 + i % 50000, i < 2 ? subjects[!(i % 2)] : "p1",
			i < 2 ? 9 : 1000 + i % 50000);
}

static void load(const char *pins, int pods)
{
	struct wr_buf text = {0};
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects;
	struct wr_world *w;
	struct wr_program *p;
	struct wr_datapath *dp;
	struct wr_datapath_opts opts = {.pin_dir = pins, .no_allowed_events = true};
	make_cluster(&text, pods);
	must(wr_input_bytes(in, "cluster", 1, text.data, text.n, diags), "cluster");
	must(wr_decode(in, arena, diags, &objects), "decode");
	must(wr_world_new(&objects, diags, &w), "world");
	must(wr_compile(w, &(struct wr_compile_opts){.node = "n"}, &p), "compile");
	must(wr_datapath_open(&opts, diags, &dp), "open");
	must(wr_datapath_apply(dp, p, diags), "apply");
	wr_datapath_close(dp);
	wr_program_unref(p);
	wr_world_unref(w);
	wr_arena_free(arena);
	wr_input_free(in);
	wr_buf_free(&text);
}

static int udp_socket(const char *netns, const char *from, uint16_t port, const char *to,
		      uint16_t to_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	enter(netns);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, from, &a.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		must(-errno, "socket");
	a.sin_port = htons(to_port);
	if (to)
		inet_pton(AF_INET, to, &a.sin_addr);
	if (to_port && connect(fd, (struct sockaddr *)&a, sizeof(a)))
		must(-errno, "connect");
	struct timeval limit = {.tv_sec = 2};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A question and its answer, or a question alone, so often; ns a packet. */
static double slice(const struct path *p, bool replied)
{
	char buf[32] = "weir";
	struct sockaddr_in from;
	double begun = cpu_ns();
	for (int i = 0; i < SLICE; i++) {
		socklen_t n = sizeof(from);
		if (send(p->client, buf, 8, 0) < 0 ||
		    recvfrom(p->server, buf, sizeof(buf), 0, (struct sockaddr *)&from, &n) < 0)
			must(-errno, "the packet did not get through");
		if (replied && (sendto(p->server, buf, 8, 0, (struct sockaddr *)&from, n) < 0 ||
				recv(p->client, buf, sizeof(buf), 0) < 0))
			must(-errno, "the answer did not get through");
	}
	return (cpu_ns() - begun) / SLICE / (replied ? 2 : 1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

static void measure(struct path path[CONFIGS][2], bool replied, int rounds)
{
	double *ratio[CONFIGS], *ns[CONFIGS], now[CONFIGS];
	int order[CONFIGS];
	for (int c = 0; c < CONFIGS; c++) {
		order[c] = c;
		ratio[c] = calloc((size_t)rounds, sizeof(double));
		ns[c] = calloc((size_t)rounds, sizeof(double));
	}
	for (int r = -2; r < rounds; r++) { /* two to warm up */
		for (int c = CONFIGS - 1; c > 0; c--) {
			int k = rand() % (c + 1), t = order[c];
			order[c] = order[k];
			order[k] = t;
		}
		for (int c = 0; c < CONFIGS; c++)
			now[order[c]] = slice(&path[order[c]][replied], replied);
		for (int c = 0; c < CONFIGS && r >= 0; c++) {
			ratio[c][r] = now[c] / now[0];
			ns[c][r] = now[c];
		}
	}
	printf("%s\n", replied ? "UDP with answers, ns a packet"
			       : "UDP without answers: every packet is new");
	for (int c = 0; c < CONFIGS; c++)
		printf("  %-28s %7.0f   x %.3f\n", configs[c].name, median(ns[c], rounds),
		       median(ratio[c], rounds));
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS;
	char dir[] = "/tmp/bench-packet-XXXXXX", pins[128], ns[CONFIGS][3][32];
	static struct path path[CONFIGS][2];
	diags = wr_diags_new();
	int home = wr_netns_here();
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    !mkdtemp(dir) || mount("bpf", dir, "bpf", 0, NULL)) {
		perror("bench_packet: a bpffs (needs root)");
		return 2;
	}
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (int c = 0; c < CONFIGS; c++) {
		build(c, ns[c]);
		enter(ns[c][1]);
		snprintf(pins, sizeof(pins), "%s/%d", dir, c);
		if (configs[c].pods >= 0)
			load(pins, configs[c].pods);
		else
			must(wr_nft_run("add table inet keep; add chain inet keep reg; add rule "
					"inet keep reg "
					"ct state new",
					diags),
			     "nft");
		path[c][1] = (struct path){udp_socket(ns[c][0], "10.1.0.1", 7001, "10.2.0.1", 9),
					   udp_socket(ns[c][2], "10.2.0.1", 9, NULL, 0)};
		path[c][0].client = udp_socket(ns[c][0], "10.1.0.1", 7002, "10.2.0.1", 9);
		path[c][0].server = path[c][1].server;
	}
	measure(path, true, rounds);
	measure(path, false, rounds);
	must(wr_netns_enter(home), "home");
	for (int c = 0; c < CONFIGS; c++)
		for (int r = 0; r < 3; r++)
			(void)wr_netns_remove(ns[c][r]);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return 0;
}
