/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A live cluster as a source of objects: --kubeconfig, --context, -n and -A.
 *
 * All objects that weir knows are read once. They become documents of an
 * input, as if each were a manifest: policies as YAML of the layout that
 * `kubectl get -o yaml` has, so that lines can be shown, and the rest as lines
 * of JSON, with what no verdict depends on left out.
 */
#include <stdbool.h>

#include "base/diag.h"
#include "cli/cli.h"
#include "input/input.h"

struct wr_cluster;

/* Whether the command has the options, and one of them is given. */
bool wr_cluster_wanted(const struct wr_args *args);

/*
 * Reads the cluster where one is wanted; *out is NULL where none is. What is
 * wrong is printed. WR_EXIT_OK or WR_EXIT_ERROR.
 */
int wr_cluster_read(const struct wr_args *args, struct wr_cluster **out);

/*
 * Adds the cluster's objects to the manifests that in holds already: "what if
 * these were applied?" An object of the same kind, namespace and name as one of
 * the manifests is left out; manifests without a namespace belong to the
 * context's, or -n's. 0, -EIO with errors in diags, -ENOMEM. c may be NULL.
 */
int wr_cluster_lay_under(const struct wr_cluster *c, struct wr_input *in, struct wr_diags *diags);

void wr_cluster_free(struct wr_cluster *c); /* takes NULL */

static inline void wr_cleanup_cluster(struct wr_cluster **c)
{
	wr_cluster_free(*c);
}

/* --- shared by cluster.c and cluster_text.c --- */

/*
 * Writes an object with the type that its list gave it, without what no
 * verdict depends on: as YAML where yaml is set, else as one line of JSON.
 */
struct wr_out;
void wr_cluster_write(struct wr_out *o, const struct wr_value *object, const char *api,
		      const char *kind);
