/* SPDX-License-Identifier: Apache-2.0 */
/* Ended: the status of a pod whose program has ended, and which is not begun again. */
#include <string.h>

#include "lab/kubelet.h"

static void put_containers(struct wr_buf *t, const struct wr_value *pod, int code)
{
	const struct wr_value *list = wr_tree_at(pod, "spec.containers");
	const char *since = wr_tree_text(pod, "status.startTime");
	wr_buf_text(t, "\"containerStatuses\":[");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *name = wr_tree_text(list->items[i], "name"),
			   *image = wr_tree_text(list->items[i], "image");
		wr_buf_text(t, i ? ",{\"name\":" : "{\"name\":");
		wr_answer_string(t, name ? name : "");
		wr_buf_text(t, ",\"image\":");
		wr_answer_string(t, image ? image : "");
		wr_buf_printf(t,
			      ",\"imageID\":\"weir://lab\",\"ready\":false,\"started\":false,"
			      "\"restartCount\":0,\"lastState\":{},\"state\":{\"terminated\":{"
			      "\"exitCode\":%d,\"reason\":\"%s\",\"startedAt\":",
			      code, code ? "Error" : "Completed");
		wr_answer_string(t, since ? since : "1970-01-01T00:00:00Z");
		wr_buf_text(t, ",\"finishedAt\":");
		wr_kubelet_time(t);
		wr_buf_text(t, "}}}");
	}
	wr_buf_text(t, "]");
}

int wr_kubelet_pod_ended(struct wr_kubelet *k, const struct wr_value *pod, int code)
{
	static const char *const types[] = {"Ready", "ContainersReady", "Initialized",
					    "PodScheduled"};
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	wr_buf_printf(&t, "{\"status\":{\"phase\":\"%s\",", code ? "Failed" : "Succeeded");
	put_containers(&t, pod, code);
	wr_buf_text(&t, ",\"conditions\":[");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		wr_buf_printf(&t, "%s{\"type\":\"%s\",\"status\":\"%s\",", i ? "," : "", types[i],
			      i < 2 ? "False" : "True");
		if (i < 2)
			wr_buf_printf(&t, "\"reason\":\"Pod%s\",", code ? "Failed" : "Completed");
		wr_buf_text(&t, "\"lastProbeTime\":null,\"lastTransitionTime\":");
		wr_kubelet_time(&t);
		wr_buf_text(&t, "}");
	}
	wr_buf_text(&t, "]}}");
	return wr_kubelet_patch(k,
				wr_kubelet_path(k, WR_KIND_POD, wr_meta_text(pod, "namespace"),
						wr_meta_text(pod, "name"), "status"),
				&t);
}
