/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

static const char *replicas_field(enum wr_kind kind)
{
	if (kind == WR_KIND_DAEMONSET || kind == WR_KIND_CRONJOB)
		return NULL;
	return kind == WR_KIND_JOB ? "parallelism" : "replicas";
}

void wr_dec_workload(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), job = WR_KEY(&spec, "jobTemplate"),
		       job_spec = WR_KEY(&job, "spec"), *parent = &spec;
	const struct wr_value *s = wr_dec_map(d, &spec, wr_value_get(v, "spec"));
	struct wr_workload_object *w = &o->workload;
	w->replicas = o->kind != WR_KIND_DAEMONSET;
	if (s && o->kind == WR_KIND_CRONJOB) {
		const struct wr_value *t = wr_dec_map(d, &job, wr_value_get(s, "jobTemplate"));
		s = wr_dec_map(d, &job_spec, wr_value_get(t, "spec"));
		parent = &job_spec;
	}
	const char *field = replicas_field(o->kind);
	struct wr_path replicas = WR_KEY(parent, field), template = WR_KEY(parent, "template"),
		       meta = WR_KEY(&template, "metadata"), labels = WR_KEY(&meta, "labels"),
		       pod = WR_KEY(&template, "spec");
	int64_t n;
	if (field && wr_dec_int(d, &replicas, wr_value_get(s, field), 0, INT32_MAX, &n))
		w->replicas = (uint32_t)n;
	const struct wr_value *t = wr_dec_map(d, &template, wr_value_get(s, "template"));
	const struct wr_value *m = wr_dec_map(d, &meta, wr_value_get(t, "metadata"));
	wr_dec_labels(d, &labels, wr_value_get(m, "labels"), &w->labels, &w->n_labels);
	wr_dec_pod_spec(d, &pod, wr_value_get(t, "spec"), &w->spec);
}
