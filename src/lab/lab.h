/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lab: a cluster out of network namespaces, and what is enforced in it.
 *
 *	weir-LAB-node-1 .. K	the nodes: routing, Services (nft), the datapath
 *	weir-LAB-pod-ID		a pod; eth0 is routed to its node by a veth pair
 *	weir-LAB-wire		a bridge that joins the nodes and the outside
 *	weir-LAB-out		the world outside, with addresses of its own
 *
 * An API server says what there is, a kubelet makes it, agents enforce (api.h);
 * commands ask and tell the API server. Who opens the lab has its lock, its
 * state, and the world that the kubelet made last: the API server's objects,
 * with the Node and Pod objects as the lab has them, and with the places in
 * files of those policies that commands sent.
 */
#include "datapath/datapath.h"
#include "engine/program.h"
#include "lab/state.h"

/* Addresses; N counts nodes from 1. */
#define WR_LAB_NODE_NET4 "192.168.77.0/24" /* node N: 192.168.77.(10 + N); outside: .1 */
#define WR_LAB_NODE_NET6 \
	"fd00:77::/64" /* node N: fd00:77::(10 + N), decimal digits; outside: ::1 */
#define WR_LAB_POD_NET4 "10.244.0.0/16"    /* node N: 10.244.N.0/24 */
#define WR_LAB_POD_NET6 "fd00:10:244::/48" /* node N: fd00:10:244:N::/64, N in hex */
#define WR_LAB_SVC_NET4 "10.96.0.0/16"
#define WR_LAB_SVC_NET6 "fd00:10:96::/112"
#define WR_LAB_DNS_IP "10.96.0.10"

struct wr_lab {
	int lock; /* file descriptor */
	struct wr_lab_state *state;
	/* the world of the state */
	WR_VEC(struct wr_input *) inputs;
	struct wr_arena *arena;
	struct wr_objects objects;
	struct wr_world *world;
	struct wr_program *program; /* see wr_lab_judge() */
};

/*
 * Locks and reads a lab and builds its world. -ENOENT with an error in diags
 * when there is no such lab. Close it with wr_lab_close(), which takes NULL.
 */
int wr_lab_open(const char *name, struct wr_diags *diags, struct wr_lab **out);
/* Its state alone, unlocked: to look at. Errors as those of wr_lab_open(). */
int wr_lab_check(const char *name, struct wr_diags *diags, struct wr_lab_state **out);
void wr_lab_close(struct wr_lab *lab);

/*
 * Makes lab->program, by which the engine says what ought to pass: for people
 * and tests to compare. Nothing is enforced by it. 0, or an error in diags.
 */
int wr_lab_judge(struct wr_lab *lab, struct wr_diags *diags);

/* Names of namespaces, in buf (returned). node counts from 0. */
#define WR_LAB_NETNS 64
const char *wr_lab_node_netns(char *buf, const struct wr_lab_state *s, uint32_t node);
const char *wr_lab_pod_netns(char *buf, const struct wr_lab_state *s, uint32_t id);
const char *wr_lab_wire_netns(char *buf, const struct wr_lab_state *s);
const char *wr_lab_outside_netns(char *buf, const struct wr_lab_state *s);

/* Addresses of a node (from 0) and its pod ranges. */
struct wr_ip wr_lab_node_ip(uint32_t node, uint8_t family);
struct wr_cidr wr_lab_pod_cidr(uint32_t node, uint8_t family);

/* Directory of a node's pins, in buf of WR_LAB_PATH (returned). */
const char *wr_lab_pin_dir(char *buf, const struct wr_lab_state *s, uint32_t node);

/* ---- life.c: the lab as a whole; errors in diags ---- */

struct wr_lab_up_opts {
	const char *const *paths; /* -f */
	size_t n_paths;
	uint32_t nodes;
	const char *const *outside; /* "ADDRESS[=NAME]" */
	size_t n_outside;
	const char *const *outside_ports; /* numbers; none: 53, 80, 443, 5432 */
	size_t n_outside_ports;
	bool no_policy_crds; /* the API server begins without the cluster-wide policies */
};
/* Nodes, and an API server's first objects; wr_lab_api_start() and _pods() go on. */
int wr_lab_up(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *diags);

/* Removes all of a lab, also of one that is half there or damaged. 0 when there is none. */
int wr_lab_down(const char *name, struct wr_diags *diags);

/* ---- change.c: what commands tell the API server; errors in diags ---- */

int wr_lab_apply(const char *name, const char *const *paths, size_t n, struct wr_diags *diags);
int wr_lab_delete(const char *name, const char *const *paths, size_t n, struct wr_diags *diags);
/* changes: "key=value" and "key-". kind: Pod or Namespace. */
int wr_lab_label(const char *name, enum wr_kind kind, const char *ns, const char *object,
		 const char *const *changes, size_t n, bool overwrite, struct wr_diags *diags);

/* ---- services.c: what kube-proxy would do ---- */

/* The nft commands (table inet weir_lab: DNAT, masquerade) of a node, replacing what was there. */
struct wr_buf;
void wr_lab_services_nft(const struct wr_lab *lab, uint32_t node, struct wr_buf *out);
/* Assigns cluster addresses and node ports to the world's Services where the state has none. */
int wr_lab_services_assign(struct wr_lab *lab, struct wr_diags *diags);

/* ---- dns.c: dnsmasq as a pod ---- */

/* Manifests (YAML text) of kube-system's DNS pod and Service; NULL when the documents bring kube-dns. */
const char *wr_lab_dns_manifests(void);
/* Writes dnsmasq's files (names of Services and of the outside) for the world as it is now. */
int wr_lab_dns_write(const struct wr_lab *lab, struct wr_diags *diags);
/* argv for the DNS pod's process, in the arena; it runs in the foreground in the pod's namespace. */
const char *const *wr_lab_dns_argv(const struct wr_lab *lab, struct wr_arena *a);
/* Writes the pod's resolv.conf and returns its path in buf of WR_LAB_PATH. */
int wr_lab_dns_resolv_conf(const struct wr_lab *lab, const char *ns, char *buf,
			   struct wr_diags *diags);

/* ---- serve.c: the process that answers in a pod ---- */

/*
 * Answers on every "PROTO/PORT" (TCP/80, UDP/53), both families, until killed;
 * runs in the current namespace. The reply is one line: name, a space, the
 * client's address. Returns a negative errno only when nothing could be opened.
 */
int wr_lab_serve(const char *name, const char *const *ports, size_t n);

/* ---- probe.c: real packets ---- */

struct wr_lab_flow {
	const char *from,
		*to; /* ns/pod, ns/kind/name, service/ns/name (to), or an address; "outside" (from) */
	uint8_t proto;
	const char *port; /* number or name; NULL for protocols without */
	uint8_t family;   /* 0: IPv4 where both ends have it */
};
enum wr_lab_outcome { WR_LAB_ALLOW, WR_LAB_DENY, WR_LAB_SKIPPED };
struct wr_lab_result {
	enum wr_lab_outcome expected, observed;
	const char *note;  /* why skipped, or what was odd; NULL */
	const char *reply; /* what the server said; NULL */
};
/* All flows at once; results has n elements, its strings in the lab's arena. */
int wr_lab_probe(struct wr_lab *lab, const struct wr_lab_flow *flows, size_t n,
		 struct wr_lab_result *results, struct wr_diags *diags);
/* The same without packets: observed is what the maps say that are loaded, read back. */
int wr_lab_probe_maps(struct wr_lab *lab, const struct wr_lab_flow *flows, size_t n,
		      struct wr_lab_result *results, struct wr_diags *diags);
/* Every ordered pair of pods with the destination's declared ports; in the lab's arena. */
int wr_lab_all_flows(struct wr_lab *lab, struct wr_lab_flow **flows, size_t *n);

/* ---- flows.c: events with names ---- */

/*
 * Calls fn with every line of the agents' log (a JSON object, no newline), oldest
 * first, from byte *next on (0: all), which moves to the end. Names outside and
 * lines of files are the lab's, of which wr_lab_judge() has been called. 0 or a
 * negative errno.
 */
int wr_lab_flows_read(const struct wr_lab *lab, uint64_t *next,
		      void (*fn)(void *ctx, const char *line), void *ctx);

/* ---- exec.c ---- */

/*
 * Runs argv in the pod's network namespace with its resolv.conf; returns the
 * exit status (128 + n for a signal) or a negative errno with an error in diags.
 */
int wr_lab_exec(struct wr_lab *lab, const char *ns, const char *pod, const char *const *argv,
		struct wr_diags *diags);
