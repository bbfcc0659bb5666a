/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the controllers of the lab share. */
#include "lab/kubelet.h"

#define WR_PODS_MAX 1000 /* of one workload */

/* Something that has pods, or sets of pods. */
struct wr_owner {
	const struct wr_value *o;
	enum wr_kind kind;
	const char *api; /* "apps/v1" */
	const char *ns, *name, *uid;
	uint32_t wanted;
};

struct wr_owner wr_owner_of(enum wr_kind kind, const struct wr_value *o);

/* By uid; manifests of a cluster that was bring owners by name only. */
bool wr_owner_owns(const struct wr_owner *w, const struct wr_value *o);

/* Appends "ownerReferences":[...]. */
void wr_owner_put(struct wr_buf *t, const struct wr_owner *w);

bool wr_pod_ended(const struct wr_value *pod);
bool wr_pod_ready(const struct wr_value *pod);

/* How many pods an owner has that have not ended, and how many of them are ready. */
struct wr_progress {
	uint32_t have, ready;
};
struct wr_progress wr_owner_pods(const struct wr_kubelet *k, const struct wr_owner *w);

/* Deletes an object. */
int wr_control_remove(struct wr_kubelet *k, enum wr_kind kind, const struct wr_value *o);

/* A template without what clients write into it and nobody means; in the turn's arena. */
struct wr_value *wr_template_of(struct wr_kubelet *k, const struct wr_value *o);

/* Ten characters for a template, as pod-template-hash has them; salt makes others of it. */
const char *wr_template_hash(struct wr_kubelet *k, const struct wr_value *template, uint64_t salt);

/* The template's labels, with one more (key NULL: none). */
struct wr_value *wr_template_labels(struct wr_kubelet *k, const struct wr_value *template,
				    const char *key, const char *value);

/* Makes a pod of the owner's template; node: NULL for any; hash: of the template, or NULL. */
int wr_control_pod(struct wr_kubelet *k, const struct wr_owner *w, const char *name,
		   const char *node, const char *hash);

/*
 * Appends a condition with its times: those that the object has under
 * status.conditions already where its status is the same, else now.
 */
void wr_control_condition(struct wr_buf *t, const struct wr_value *o, const char *type, bool status,
			  const char *reason);

/* ---- rollout.c: Deployments ---- */

void wr_rollout(struct wr_kubelet *k, const struct wr_owner *w);
/* Appends the fields of the status, the first without a comma before it. */
void wr_rollout_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t);

/* ---- jobs.c ---- */

void wr_job(struct wr_kubelet *k, const struct wr_owner *w);
void wr_job_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t);
