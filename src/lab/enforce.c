/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enforce: the world's program for every node, put in force in that node's
 * namespace by a thread each (what loads a datapath does so in the network
 * namespace of its thread). All pins live in a bpffs of the lab's own.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lab/internal.h"

struct job {
	const struct wr_lab *lab;
	uint32_t node, generation;
	struct wr_program *program;
	struct wr_diags *diags;
	pthread_t thread;
	bool started;
	int rc;
};

static int enforce_here(struct job *j)
{
	char pins[WR_LAB_PATH], name[32];
	snprintf(name, sizeof(name), "node-%u", j->node + 1);
	struct wr_cidr ranges[] = {wr_lab_pod_cidr(j->node, WR_IPV4),
				   wr_lab_pod_cidr(j->node, WR_IPV6)};
	struct wr_datapath_opts opts = {
		.pin_dir = wr_lab_pin_dir(pins, j->lab->state, j->node),
		.node = name,
		.pod_cidrs = ranges,
		.n_pod_cidrs = 2,
	};
	struct wr_datapath *dp = NULL;
	int rc = wr_datapath_open(&opts, j->diags, &dp);
	if (!rc)
		rc = wr_datapath_apply(dp, j->program, j->diags);
	if (!rc)
		j->generation = wr_datapath_generation(dp);
	wr_datapath_close(dp);
	return rc;
}

static void *enforce_node(void *arg)
{
	struct job *j = arg;
	char name[WR_LAB_NETNS];
	WR_CLEANUP(fd)
	int netns = wr_netns_open(wr_lab_node_netns(name, j->lab->state, j->node));
	j->rc = netns < 0 ? netns : wr_netns_enter(netns);
	if (j->rc)
		wr_lab_error(j->diags, j->rc, "network namespace %s: %s", name, strerror(-j->rc));
	else
		j->rc = enforce_here(j);
	return NULL;
}

static int start(struct job *j)
{
	char name[32];
	snprintf(name, sizeof(name), "node-%u", j->node + 1);
	struct wr_compile_opts opts = {.node = name};
	j->diags = wr_diags_new();
	int rc = j->diags ? wr_compile(j->lab->world, &opts, NULL, &j->program) : -ENOMEM;
	if (!rc)
		rc = -pthread_create(&j->thread, NULL, enforce_node, j);
	j->started = !rc;
	return rc;
}

static int finish(struct job *j, struct wr_diags *diags)
{
	int rc = 0;
	if (j->started) {
		pthread_join(j->thread, NULL);
		rc = j->rc;
	}
	for (size_t i = 0; j->diags && i < wr_diags_count(j->diags); i++) {
		const struct wr_diag *d = wr_diags_at(j->diags, i);
		wr_diag_add(diags, d->severity, d->mark, d->object, d->path, "%s", d->message);
		if (d->advice)
			wr_diag_advise(diags, "%s", d->advice);
	}
	if (rc < 0 && !(j->diags && wr_diags_total(j->diags, WR_ERROR)))
		wr_lab_error(diags, rc, "node-%u: %s", j->node + 1, strerror(-rc));
	wr_program_unref(j->program);
	wr_diags_free(j->diags);
	if (j->started && !rc)
		j->lab->state->generation[j->node] = j->generation;
	return rc;
}

int wr_lab_enforce(struct wr_lab *lab, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	uint32_t n = lab->state->n_nodes;
	struct job *jobs = calloc(n, sizeof(*jobs));
	if (!jobs)
		return -ENOMEM;
	int rc = wr_bpffs_mount(wr_lab_path(path, lab->state->name, "bpf"), diags);
	if (lab->state->api)
		n = 0; /* that is the agents' work */
	for (uint32_t i = 0; i < n; i++)
		jobs[i] = (struct job){.lab = lab, .node = i};
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = start(&jobs[i]);
	for (uint32_t i = 0; i < n; i++) {
		int r = finish(&jobs[i], diags);
		rc = rc ? rc : r;
	}
	free(jobs);
	return rc;
}
