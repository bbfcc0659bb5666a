/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * State: what the lab's network is made of, in one JSON file that is replaced
 * as a whole (written, synced, renamed): what pods and Services were given, and
 * the API server's lists that this was made from, as the kubelet saw them last.
 * What ought to be there is said by the API server, and kept in its database.
 *
 * Whoever changes the network or the file locks the lab, reads, acts, saves.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/object.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/inet.h"
#include "base/vec.h"

#define WR_LAB_DIR "/run/weir/lab"
#define WR_LAB_NAME_MAX 20
#define WR_LAB_NODES_MAX 64
#define WR_LAB_PODS_MAX 2000
#define WR_LAB_OUTSIDE_MAX 64

/* Text of manifests, or a list of the API server. */
struct wr_lab_doc {
	const char *file;
	uint32_t line;
	const char *text;
	size_t size;
};

struct wr_lab_docs {
	struct wr_lab_doc *items;
	size_t n, cap;
};

/* Where an object of the API server came from: see sources.c. */
struct wr_lab_source {
	const char *key, *uid;
	int64_t generation;
	uint32_t text; /* index */
};

/* What a pod was given. */
struct wr_lab_pod_alloc {
	const char *ns, *name;
	uint32_t id;   /* names its interface on the node: pod<id> */
	uint32_t node; /* from 0 */
	bool host_network;
	struct wr_ip ip4, ip6;
	bool ready;     /* its network is complete */
	bool wanted;    /* a pod of the world as it was built last; not saved */
	int64_t server; /* pid of its test server or DNS server; 0: none */
	uint64_t server_start; /* of that process, in clock ticks since boot */
	const char *serves;    /* what that server was started for */
};

struct wr_lab_node_port {
	uint8_t proto;
	uint16_t port, node_port;
};

struct wr_lab_svc_alloc {
	const char *ns, *name;
	struct wr_ip ip4, ip6; /* family 0: none */
	WR_VEC(struct wr_lab_node_port) ports;
};

/* An address outside the cluster; ports: those that answer. */
struct wr_lab_outside {
	struct wr_ip ip;
	const char *name; /* or NULL */
	WR_VEC(uint16_t) ports;
};

struct wr_lab_state {
	struct wr_arena *arena;
	const char *name;
	uint32_t n_nodes;
	bool running; /* lab up came to its end */
	uint32_t next_pod;
	struct wr_lab_docs docs; /* the API server's lists */
	struct wr_lab_docs texts;
	WR_VEC(struct wr_lab_source) sources;
	WR_VEC(struct wr_lab_pod_alloc) pods;
	WR_VEC(struct wr_lab_svc_alloc) services;
	WR_VEC(struct wr_lab_outside) outside;
	int64_t outside_server;
	uint64_t outside_server_start;
	uint64_t rules[WR_LAB_NODES_MAX]; /* hash of what each node's nft table was made of */
};

/* A lab's name: 1 to 20 letters and digits, lower case. */
bool wr_lab_name_valid(const char *name);

/* An empty state or NULL when out of memory; free takes NULL. */
struct wr_lab_state *wr_lab_state_new(const char *name);
void wr_lab_state_free(struct wr_lab_state *s);

/* Path of a file of a lab, "" for its directory; in buf, which it returns. */
#define WR_LAB_PATH 600
const char *wr_lab_path(char *buf, const char *lab, const char *file);

/* Reads and saves. -ENOENT: no such lab; -EBADMSG: unreadable; with an error in diags. */
int wr_lab_state_load(const char *name, struct wr_diags *diags, struct wr_lab_state **out);
int wr_lab_state_save(const struct wr_lab_state *s, struct wr_diags *diags);

/* Writes a file of a lab as a whole: temporary file, sync (when asked for), rename. */
int wr_lab_write_file(const char *path, const char *data, size_t size, bool sync);

/*
 * Takes the lab's lock, waiting up to 60 s. create: makes the lab's directory.
 * Returns a file descriptor that holds it, -ENOENT when there is no such lab,
 * -EAGAIN when another command holds on to it.
 */
int wr_lab_lock(const char *name, bool create, struct wr_diags *diags);

/* Removes the lab's files; the lock stays valid until its descriptor is closed. */
int wr_lab_remove_files(const char *name);

/* "Kind/namespace/name", the identity of an object, in the arena. */
const char *wr_lab_key(struct wr_arena *a, enum wr_kind kind, const char *ns, const char *name);

struct wr_lab_pod_alloc *wr_lab_find_pod_alloc(const struct wr_lab_state *s, const char *ns,
					       const char *name);
struct wr_lab_svc_alloc *wr_lab_find_svc_alloc(const struct wr_lab_state *s, const char *ns,
					       const char *name);
