/* SPDX-License-Identifier: Apache-2.0 */
/* The node, its pods and its datapath. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/decode.h"
#include "datapath/nft.h"
#include "dptest.h"
#include "input/input.h"
#include "serve.h"

int netns[PLACES] = {-1, -1, -1, -1, -1};
struct wr_diags *diags;
const char *pin_dir;
struct wr_datapath *dp;
static struct wr_cidr pod_cidrs[2];
struct wr_datapath_opts opts = {.node = "n1", .pod_cidrs = pod_cidrs, .n_pod_cidrs = 2};
struct events events;

#define POD_OBJECT(name, node, ip4, ip6)                                                          \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: " name ", namespace: t, labels: {app: " name \
	"}}\nspec: {nodeName: " node ", containers: [{name: m, image: i, ports: [{name: web, "    \
	"containerPort: 80}]}]}\nstatus: {podIPs: [{ip: " ip4 "}, {ip: '" ip6 "'}]}\n---\n"
#define NODE_OBJECT(name, ip4, ip6)                                                            \
	"apiVersion: v1\nkind: Node\nmetadata: {name: " name "}\nstatus: {addresses: [{type: " \
	"InternalIP, address: " ip4 "}, {type: InternalIP, address: '" ip6 "'}]}\n---\n"

const char cluster[] = NODE_OBJECT("n1", HOST4, HOST6) NODE_OBJECT("n2", "192.0.2.9", "2001:db8::9")
	POD_OBJECT("a", "n1", A4, A6) POD_OBJECT("b", "n1", B4, B6) POD_OBJECT("c", "n1", C4, C6)
		POD_OBJECT("r", "n2", R4, "fd02::1");

/* ---- namespaces ---- */

enum place go(enum place where)
{
	static enum place here = PLACES;
	enum place before = here;
	if (here != where && setns(netns[where], CLONE_NEWNET) < 0)
		FAIL("setns: %s", strerror(errno));
	here = where;
	return before;
}

int spawn(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		alarm(0);
	}
	return pid;
}

void ip_batch(enum place where, const char *fmt, ...)
{
	char lines[8192];
	int in[2], status;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(lines, sizeof(lines), fmt, ap);
	va_end(ap);
	CHECK(n > 0 && n < (int)sizeof(lines), "too many lines for ip");
	if (pipe2(in, O_CLOEXEC) < 0)
		FAIL("pipe: %s", strerror(errno));
	pid_t pid = spawn();
	if (pid == 0) {
		go(where);
		dup2(in[0], 0);
		execlp("ip", "ip", "-batch", "-", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	if (write(in[1], lines, (size_t)n) != n)
		FAIL("cannot write to ip");
	close(in[1]);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		FAIL("ip -batch failed: %.200s", lines);
}

void nft(enum place where, const char *commands)
{
	enum place before = go(where);
	if (wr_nft_run(commands, diags) < 0)
		FAIL("nft: %s", diags_text());
	go(before);
}

void write_sysctl(enum place where, const char *name, const char *value)
{
	char path[256];
	enum place before = go(where);
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		FAIL("%s: %s", path, strerror(errno));
	close(fd);
	go(before);
}

static void make_netns(enum place where)
{
	if (unshare(CLONE_NEWNET) < 0)
		FAIL("unshare: %s", strerror(errno));
	netns[where] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(netns[where] >= 0, "cannot open the namespace");
	go(where);
	write_sysctl(where, "ipv6/conf/default/accept_dad", "0");
	write_sysctl(where, "ipv6/conf/all/accept_dad", "0");
	if (where == HOST) {
		write_sysctl(where, "ipv4/ip_forward", "1");
		write_sysctl(where, "ipv6/conf/all/forwarding", "1");
	}
}

static void make_pod(enum place pod)
{
	char dev = "?abc"[pod];
	ip_batch(HOST,
		 "link add v%c address ee:ee:ee:ee:ee:ee type veth peer name eth0 netns "
		 "/proc/%d/fd/%d\n"
		 "link set v%c up\n"
		 "addr add 169.254.1.1/32 dev v%c\n"
		 "addr add fe80::1/64 dev v%c nodad\n"
		 "route add 10.1.0.%d/32 dev v%c src " HOST4 "\n"
		 "route add fd01::%d/128 dev v%c src " HOST6 "\n",
		 dev, (int)getpid(), netns[pod], dev, dev, dev, (int)pod, dev, (int)pod, dev);
	ip_batch(pod,
		 "link set lo up\nlink set eth0 up\n"
		 "addr add 10.1.0.%d/32 dev eth0\n"
		 "addr add fd01::%d/128 dev eth0 nodad\n"
		 "route add 169.254.1.1 dev eth0 scope link\n"
		 "route add default via 169.254.1.1 dev eth0\n"
		 "route add default via fe80::1 dev eth0\n",
		 (int)pod, (int)pod);
}

static void make_outside(void)
{
	ip_batch(HOST,
		 "link add vx type veth peer name eth0 netns /proc/%d/fd/%d\n"
		 "link set vx up\nlink set lo up\n"
		 "addr add " HOST4 "/24 dev vx\n"
		 "addr add " HOST6 "/64 dev vx nodad\n"
		 "route add 10.2.0.0/24 via " X4 "\n"
		 "route add default via " X4 "\n"
		 "route add default via " X6 "\n",
		 (int)getpid(), netns[X]);
	ip_batch(X, "link set lo up\nlink set eth0 up\n"
		    "addr add " X4 "/24 dev eth0\n"
		    "addr add " R4 "/32 dev eth0\n"
		    "addr add " X6 "/64 dev eth0 nodad\n"
		    "route add 10.1.0.0/24 via " HOST4 "\n"
		    "route add 10.96.0.0/16 via " HOST4 "\n"
		    "route add fd01::/64 via " HOST6 "\n");
}

void make_node(void)
{
	for (enum place p = HOST; p < PLACES; p++)
		make_netns(p);
	make_outside();
	for (enum place p = A; p <= C; p++)
		make_pod(p);
	go(HOST);
	for (enum place p = HOST; p < PLACES; p++)
		start_server(p);
}

/* ---- datapath ---- */

const char *diags_text(void)
{
	static char text[2048];
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < wr_diags_count(diags) && used < sizeof(text) - 1; i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		int n = snprintf(text + used, sizeof(text) - used, "%s%s", i ? "; " : "",
				 d->message);
		used += n > 0 ? (size_t)n : 0;
	}
	return text;
}

void open_datapath(void)
{
	if (wr_cidr_parse(POD_CIDR4, &pod_cidrs[0]) < 0 ||
	    wr_cidr_parse(POD_CIDR6, &pod_cidrs[1]) < 0)
		FAIL("the pod ranges cannot be read");
	opts.pin_dir = pin_dir;
	enum place before = go(HOST);
	int rc = wr_datapath_open(&opts, diags, &dp);
	if (rc < 0)
		FAIL("open: %s: %s", strerror(-rc), diags_text());
	go(before);
}

struct wr_program *compile_all(const char *manifest, const char *node)
{
	struct wr_program *p;
	struct wr_world *w;
	struct wr_objects objects;
	/* the world borrows the objects: they live as long as the test */
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_compile_opts copts = {.node = node};
	CHECK(in && arena, "out of memory");
	if (wr_input_bytes(in, "test", 1, manifest, strlen(manifest), diags) < 0 ||
	    wr_decode(in, arena, diags, &objects) < 0 || wr_world_new(&objects, diags, &w) < 0 ||
	    wr_compile(w, &copts, &p) < 0)
		FAIL("compile: %s", diags_text());
	return p;
}

struct wr_program *compile(const char *policies)
{
	char *text;
	if (asprintf(&text, "%s%s", cluster, policies) < 0)
		FAIL("out of memory");
	struct wr_program *p = compile_all(text, "n1");
	free(text);
	return p;
}

void apply_program(const struct wr_program *p)
{
	int rc = wr_datapath_apply(dp, p, diags);
	if (rc < 0)
		FAIL("apply: %s: %s", strerror(-rc), diags_text());
}

const struct wr_program *apply(const char *policies)
{
	if (!dp)
		open_datapath();
	struct wr_program *p = compile(policies);
	apply_program(p);
	return p;
}

struct wr_image_stats stats(void)
{
	struct wr_image_stats s;
	enum place before = go(HOST);
	int rc = wr_datapath_stats(pin_dir, diags, &s);
	if (rc < 0)
		FAIL("stats: %s", diags_text());
	go(before);
	return s;
}

/* ---- events ---- */

static void keep_event(void *ctx, const struct weir_event *e)
{
	struct events *all = ctx;
	if (all->n < sizeof(all->e) / sizeof(*all->e))
		all->e[all->n++] = *e;
}

void read_events(void)
{
	int rc = wr_datapath_events(dp, 0, keep_event, &events);
	CHECK(rc >= 0, "events: %s", strerror(-rc));
}

void forget_events(void)
{
	read_events();
	events.n = 0;
}

const struct weir_event *find_event(const char *src, const char *dst, uint16_t port)
{
	struct wr_ip s, d;
	CHECK(!wr_ip_parse(src, &s) && !wr_ip_parse(dst, &d), "bad address");
	read_events();
	for (size_t i = events.n; i-- > 0;) {
		const struct weir_event *e = &events.e[i];
		if (e->family == s.family && !memcmp(e->src, s.b, 16) && !memcmp(e->dst, d.b, 16) &&
		    e->dport == port)
			return e;
	}
	return NULL;
}

const char *author_text(const struct wr_program *p, uint32_t author)
{
	static char text[256];
	const struct wr_world *w = wr_program_world(p);
	CHECK(author < wr_program_n_authors(p), "author %u of %u", author, wr_program_n_authors(p));
	const struct wr_author *a = wr_program_author(p, author);
	if (a->kind == WR_BY_RULE)
		snprintf(text, sizeof(text), "rule %s/%s", w->policies[a->policy].ns,
			 w->policies[a->policy].name);
	else if (a->kind == WR_BY_ISOLATION)
		snprintf(text, sizeof(text), "isolation %s/%s", w->policies[a->policies[0]].ns,
			 w->policies[a->policies[0]].name);
	else
		snprintf(text, sizeof(text), "%s",
			 a->kind == WR_BY_DEFAULT ? "default"
			 : a->kind == WR_BY_SELF  ? "self"
						  : "node");
	return text;
}
