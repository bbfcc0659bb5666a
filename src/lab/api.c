/* SPDX-License-Identifier: Apache-2.0 */
/* Api: the processes of a lab that an API server describes, in the order of their starts. */
#include "lab/api.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab/internal.h"

const char *wr_lab_kubeconfig(char *buf, const char *lab)
{
	return wr_lab_path(buf, lab, "kubeconfig");
}

const char *wr_lab_agent_dir(char *buf, const char *lab, uint32_t node)
{
	char file[32];
	snprintf(file, sizeof(file), "agent-%u", node + 1);
	return wr_lab_path(buf, lab, file);
}

const char *wr_lab_pod_log(char *buf, const char *lab, const char *ns, const char *pod)
{
	char file[WR_LAB_PATH];
	snprintf(file, sizeof(file), "logs/%.250s_%.250s", ns, pod);
	return wr_lab_path(buf, lab, file);
}

/* ---- the manifests ---- */

/* Files in the order of the documents: what the server says of one names its author's file. */
static int write_doc(const struct wr_lab_state *s, size_t i)
{
	char path[WR_LAB_PATH], file[40];
	snprintf(file, sizeof(file), "load/%06zu.yaml", i + 1);
	return wr_lab_write_file(wr_lab_path(path, s->name, file), s->docs.items[i].text,
				 s->docs.items[i].size, false);
}

static int write_nodes(const struct wr_lab_state *s)
{
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	char path[WR_LAB_PATH];
	for (uint32_t i = 0; i < s->n_nodes; i++)
		wr_lab_node_json(i, &b);
	return b.failed ? -ENOMEM
			: wr_lab_write_file(wr_lab_path(path, s->name, "load/000000.json"), b.data,
					    b.n, false);
}

void wr_lab_forget_docs(struct wr_lab_state *s)
{
	for (size_t i = 0; i < s->docs.n; i++)
		wr_vec_free(&s->docs.items[i].dropped);
	s->docs.n = 0;
}

int wr_lab_api_hand_over(struct wr_lab *lab, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	struct wr_lab_state *s = lab->state;
	int rc = mkdir(wr_lab_path(path, s->name, "logs"), 0700) < 0 ||
				 mkdir(wr_lab_path(path, s->name, "load"), 0700) < 0
			 ? -errno
			 : write_nodes(s);
	for (size_t i = 0; i < s->docs.n && !rc; i++)
		rc = write_doc(s, i);
	if (rc)
		return wr_lab_error(diags, rc, "%s: %s", path, strerror(-rc));
	/* pods and Services get what they get when the server has told of them */
	wr_lab_forget_docs(s);
	s->pods.n = 0;
	for (size_t i = 0; i < s->services.n; i++)
		wr_vec_free(&s->services.items[i].ports);
	s->services.n = 0;
	return wr_lab_build(lab, diags);
}

/* ---- the processes ---- */

static int start_server(const char *name, bool policy_crds, struct wr_diags *diags)
{
	char data[WR_LAB_PATH], config[WR_LAB_PATH], load[WR_LAB_PATH], own[WR_LAB_PATH];
	const char *argv[] = {"weir",
			      "apiserver",
			      "--listen",
			      "127.0.0.1:0",
			      "--data",
			      wr_lab_path(data, name, "api"),
			      "--kubeconfig",
			      wr_lab_kubeconfig(config, name),
			      "--load",
			      wr_lab_path(load, name, "load"),
			      "--kubelet",
			      wr_lab_path(own, name, ""),
			      policy_crds ? "--policy-crds" : NULL,
			      NULL};
	int out;
	int rc = wr_daemon_start(name, NULL, argv, "apiserver.log", NULL, &out, diags);
	return rc ? rc : wr_daemon_ready(name, out, "apiserver.log", 60, diags);
}

static int start_relay(const char *name, struct wr_diags *diags)
{
	const char *argv[] = {"weir", "lab", "relay", "--name", name, NULL};
	int out;
	int rc = wr_daemon_start(name, NULL, argv, "relay.log", NULL, &out, diags);
	return rc ? rc : wr_daemon_ready(name, out, "relay.log", 20, diags);
}

static int start_agent(const struct wr_lab_state *s, uint32_t node, struct wr_diags *diags)
{
	char netns[WR_LAB_NETNS], config[WR_LAB_PATH], pins[WR_LAB_PATH], dir[WR_LAB_PATH],
		called[32], log[32];
	snprintf(called, sizeof(called), "node-%u", node + 1);
	snprintf(log, sizeof(log), "agent-%u.log", node + 1);
	const char *argv[] = {"weir",
			      "agent",
			      "--kubeconfig",
			      wr_lab_kubeconfig(config, s->name),
			      "--node-name",
			      called,
			      "--pin-dir",
			      wr_lab_pin_dir(pins, s, node),
			      "--run-dir",
			      wr_lab_agent_dir(dir, s->name, node),
			      "--flow-log",
			      "all",
			      "--flow-rate",
			      "1000",
			      NULL};
	return wr_daemon_start(s->name, wr_lab_node_netns(netns, s, node), argv, log, WR_LAB_FLOWS,
			       NULL, diags);
}

int wr_lab_api_start(const char *name, bool policy_crds, struct wr_diags *diags)
{
	struct wr_lab_state *s = NULL;
	int rc = wr_lab_state_load(name, diags, &s);
	if (!rc)
		rc = start_server(name, policy_crds, diags);
	if (!rc)
		rc = start_relay(name, diags);
	for (uint32_t i = 0; !rc && i < s->n_nodes; i++)
		rc = start_agent(s, i, diags);
	wr_lab_state_free(s);
	return rc;
}

int wr_lab_api_pods(const char *name, struct wr_diags *diags)
{
	const char *argv[] = {"weir", "lab", "kubelet", "--name", name, NULL};
	int out;
	int rc = wr_daemon_start(name, NULL, argv, "kubelet.log", NULL, &out, diags);
	return rc ? rc : wr_daemon_ready(name, out, "kubelet.log", 60, diags);
}
