/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Agent: enforces, on one node, what the Kubernetes API or a folder of
 * manifests says: source -> world -> program -> datapath, whenever something
 * changes. The cluster is the distributed engine; agents do not know each other.
 *
 * Until a source is read whole, what is pinned from before stays in force; then
 * one step puts the first program in force, and every change after it another.
 * What cannot be read or loaded changes nothing, and is told.
 */
#include <stdbool.h>

#include "base/diag.h"
#include "kube/kube.h"

enum wr_log_level { WR_LOG_INFO, WR_LOG_WARNING, WR_LOG_ERROR };
enum wr_flow_log { WR_FLOWS_NONE, WR_FLOWS_DENIED, WR_FLOWS_ALL };

struct wr_agent_opts {
	const struct wr_kube_source *kube; /* or NULL: manifests */
	const char *manifests;             /* a folder, read again whenever it changes */
	const char *node;                  /* this node's name */
	const char *pin_dir;               /* in a bpffs */
	const char *run_dir;               /* lock and socket; made where missing */
	const char *listen; /* "ADDRESS:PORT" for /healthz, /readyz and /metrics; NULL: none */
	bool unknown_pods_allow, keep_established;
	bool no_confine;           /* keep all privileges */
	enum wr_flow_log flow_log; /* as JSON lines, one at a time */
	uint32_t flow_rate;        /* of these, at most so many a second; 0: 100 */
	void (*log)(void *ctx, enum wr_log_level level, const char *text);
	void (*flow)(void *ctx, const char *line);
	void *ctx;
};

/*
 * Runs until SIGTERM or SIGINT; enforcement goes on after it. 0; -EBUSY when
 * another agent runs on this node; other negative errno; errors are in diags.
 */
int wr_agent_run(const struct wr_agent_opts *opts, struct wr_diags *diags);

/* Ends enforcement and removes every trace of it. 0, or negative errno with errors in diags. */
int wr_agent_cleanup(const struct wr_agent_opts *opts, struct wr_diags *diags);

/* The socket on which an agent answers, "RUN_DIR/agent.sock"; returns buf. */
#define WR_AGENT_PATH 256
const char *wr_agent_socket(const char *run_dir, char buf[WR_AGENT_PATH]);

/*
 * Asks a running agent: "status", "flows" or "follow"; fn gets each line of
 * the answer. 0 at the end; -ECONNREFUSED or -ENOENT: no agent runs there.
 */
int wr_agent_ask(const char *run_dir, const char *question, int (*fn)(void *ctx, const char *line),
		 void *ctx);
