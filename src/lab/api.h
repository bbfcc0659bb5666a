/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A lab that an API server describes: what a cluster is made of, as processes.
 *
 *	weir apiserver		in the machine's namespace, on loopback; people's kubectl
 *	weir lab relay		the same address on the loopback of every node, for agents
 *	weir agent		one in each node's namespace; they alone enforce
 *	weir lab kubelet	controllers, scheduler and kubelet: Pods become namespaces
 *
 * They outlive the command that starts them. Each has the lab's name in its
 * environment, by which 'weir lab down' finds all of them, also those that a
 * command started that was killed before it could write anything down.
 */
#include "lab/lab.h"

#define WR_DAEMON_MARK "WEIR_LAB_DAEMON"

/* ---- daemon.c ---- */

/*
 * Starts this program with argv (argv[0] included) as a process of a lab, in a
 * network namespace by name (NULL: this one), its messages in the lab's file
 * log. Its standard output is appended to the lab's file output, or comes out of
 * *out, or goes nowhere (both NULL). 0 or a negative errno with an error in diags.
 */
int wr_daemon_start(const char *lab, const char *netns, const char *const *argv, const char *log,
		    const char *output, int *out, struct wr_diags *diags);

/* Waits up to seconds for a line on its output, and closes it. 0, or an error in diags. */
int wr_daemon_ready(const char *lab, int out, const char *log, int seconds, struct wr_diags *diags);

/* Kills the processes of a lab and waits until they are gone. Their number, or a negative errno. */
int wr_daemon_kill(const char *lab);

/* The processes of a lab by their ids; 0: it does not run. */
struct wr_lab_runs {
	pid_t server, relay, kubelet, agents[WR_LAB_NODES_MAX];
};

/* Looks which processes of a lab run. 0 or a negative errno. */
int wr_daemon_look(const char *lab, struct wr_lab_runs *out);

/* ---- api.c ---- */

/* Path of the kubeconfig; the directory where a node's agent has lock and socket; in buf. */
const char *wr_lab_kubeconfig(char *buf, const char *lab);
const char *wr_lab_agent_dir(char *buf, const char *lab, uint32_t node);

/*
 * Writes the manifests down for the API server: objects, and the documents as they are, for
 * the kinds of which the lab knows nothing.
 */
int wr_lab_api_hand_over(struct wr_lab *lab, const struct wr_input *in,
			 const struct wr_objects *objects, struct wr_diags *diags);

/* Starts API server, relay and agents; and, when these are ready, what makes the pods. */
int wr_lab_api_start(const char *name, bool policy_crds, struct wr_diags *diags);
int wr_lab_api_pods(const char *name, struct wr_diags *diags);

/* ---- settle.c ---- */

#define WR_SETTLE_SOCKET "settle.sock"
#define WR_SETTLED_KINDS 7

/* The objects of which everything has been made, by kind, as wr_kube_digest() sums them up. */
struct wr_settled {
	struct {
		const char *name;
		char digest[20];
	} kinds[WR_SETTLED_KINDS];
};

/*
 * Waits until of all that the API says now the kubelet has made what is to be
 * made. 0, or a negative errno with an error in diags.
 */
int wr_lab_settle(const char *name, int timeout_ms, struct wr_settled *out, struct wr_diags *diags);

/* ---- life.c ---- */

/* Makes the lab follow documents that replace all that it had; *out is the open lab. */
int wr_lab_mirror(const char *name, const struct wr_lab_doc *docs, size_t n, struct wr_diags *diags,
		  struct wr_lab **out);

/* ---- the processes; they return when they cannot go on ---- */

int wr_lab_relay(const char *name, struct wr_diags *diags);
int wr_lab_kubelet(const char *name, void (*log)(const char *text), struct wr_diags *diags);
