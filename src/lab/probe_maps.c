/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probing without packets: the maps of all nodes are read back from the kernel
 * and judge the flows. Each node's maps hold the rows of its own pods, so a
 * connection is allowed when no node's maps deny it. What never leaves a pod
 * they are not asked about: of its own address they know what comes back to it
 * by way of a Service.
 */
#include <stdlib.h>

#include "lab/lab.h"
#include "lab/probe.h"

static int read_images(const struct wr_lab *lab, struct wr_image **images, struct wr_diags *diags)
{
	char pins[WR_LAB_PATH];
	int rc = 0;
	for (uint32_t i = 0; i < lab->state->n_nodes && !rc; i++)
		rc = wr_image_read(wr_lab_pin_dir(pins, lab->state, i), diags, &images[i]);
	return rc;
}

static enum wr_lab_outcome judge(struct wr_image *const *images, uint32_t n,
				 const struct probe_target *t)
{
	for (uint32_t i = 0; i < n; i++) {
		struct wr_verdict v;
		wr_image_evaluate(images[i], &t->src, &t->dst, t->proto, t->port, &v);
		if (!v.allow)
			return WR_LAB_DENY;
	}
	return WR_LAB_ALLOW;
}

int wr_lab_probe_maps(struct wr_lab *lab, const struct wr_lab_flow *flows, size_t n,
		      struct wr_lab_result *results, struct wr_diags *diags)
{
	struct wr_image *images[WR_LAB_NODES_MAX] = {0};
	int rc = read_images(lab, images, diags);
	for (size_t i = 0; i < n && !rc; i++) {
		struct probe_target t;
		results[i] = (struct wr_lab_result){.observed = WR_LAB_SKIPPED};
		rc = wr_lab_probe_target(lab, &flows[i], &t, &results[i], diags);
		if (rc)
			break;
		/* a Service's address is no destination for the maps: its endpoints are */
		if (results[i].note && t.proto != WR_SCTP)
			continue;
		results[i].note = NULL;
		results[i].observed = wr_ip_equal(&t.src, &t.dst)
					      ? WR_LAB_ALLOW
					      : judge(images, lab->state->n_nodes, &t);
	}
	for (uint32_t i = 0; i < lab->state->n_nodes; i++)
		wr_image_free(images[i]);
	return rc;
}
