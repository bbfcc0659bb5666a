/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubelet: what the API says becomes the lab, and what became of it is written
 * back. One turn looks at everything: controllers first, then the lab follows
 * all documents (as 'weir lab apply' would), then statuses and endpoints. A turn
 * that fails changes nothing more and is tried again.
 */
#include "lab/kubelet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "lab/internal.h"

#define SETTLE_MS 20  /* changes come in groups */
#define RETRY_MS 1000 /* after a turn that failed */
#define WAKE_MS 1000

static int64_t now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- statuses of pods ---- */

void wr_kubelet_time(struct wr_buf *t)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	wr_buf_printf(t, "\"%s\"", text);
}

static void put_conditions(struct wr_buf *t)
{
	static const char *const types[] = {"PodReadyToStartContainers", "Initialized", "Ready",
					    "ContainersReady", "PodScheduled"};
	wr_buf_text(t, "\"conditions\":[");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		wr_buf_printf(t,
			      "%s{\"type\":\"%s\",\"status\":\"True\",\"lastProbeTime\":null,"
			      "\"lastTransitionTime\":",
			      i ? "," : "", types[i]);
		wr_kubelet_time(t);
		wr_buf_text(t, "}");
	}
	wr_buf_text(t, "]");
}

static void put_containers(struct wr_buf *t, const struct wr_value *pod)
{
	const struct wr_value *list = wr_tree_at(pod, "spec.containers");
	wr_buf_text(t, ",\"containerStatuses\":[");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *name = wr_tree_text(list->items[i], "name"),
			   *image = wr_tree_text(list->items[i], "image");
		wr_buf_text(t, i ? ",{\"name\":" : "{\"name\":");
		wr_answer_string(t, name ? name : "");
		wr_buf_text(t, ",\"image\":");
		wr_answer_string(t, image ? image : "");
		wr_buf_printf(t,
			      ",\"imageID\":\"weir://lab\",\"containerID\":\"weir://%.64s/%.64s\","
			      "\"ready\":true,\"started\":true,\"restartCount\":0,"
			      "\"lastState\":{},\"state\":{\"running\":{\"startedAt\":",
			      wr_meta_text(pod, "uid"), name ? name : "");
		wr_kubelet_time(t);
		wr_buf_text(t, "}}}");
	}
	wr_buf_text(t, "]");
}

static void put_addresses(struct wr_buf *t, const char *one, const char *many, const char *ip4,
			  const char *ip6)
{
	wr_buf_printf(t, ",\"%s\":\"%s\",\"%s\":[{\"ip\":\"%s\"},{\"ip\":\"%s\"}]", one, ip4, many,
		      ip4, ip6);
}

static bool is_running(const struct wr_value *pod, const char *ip)
{
	const char *phase = wr_tree_text(pod, "status.phase"),
		   *has = wr_tree_text(pod, "status.podIP");
	return phase && has && !strcmp(phase, "Running") && !strcmp(has, ip) &&
	       wr_tree_at(pod, "status.containerStatuses");
}

/* A scheduler's decision, once. */
static int bind_pod(struct wr_kubelet *k, const struct wr_value *pod, uint32_t node)
{
	const char *has = wr_tree_text(pod, "spec.nodeName");
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (has && *has)
		return 200;
	wr_buf_printf(&t,
		      "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"%s\"},"
		      "\"target\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"node-%u\"}}",
		      wr_meta_text(pod, "name"), node + 1);
	return wr_kubelet_post(k,
			       wr_kubelet_path(k, WR_KIND_POD, wr_meta_text(pod, "namespace"),
					       wr_meta_text(pod, "name"), "binding"),
			       &t);
}

static int pod_status(struct wr_kubelet *k, const struct wr_value *pod,
		      const struct wr_lab_pod_alloc *p)
{
	char ip4[WR_IP_TEXT], ip6[WR_IP_TEXT], host4[WR_IP_TEXT], host6[WR_IP_TEXT];
	struct wr_ip h4 = wr_lab_node_ip(p->node, WR_IPV4), h6 = wr_lab_node_ip(p->node, WR_IPV6);
	wr_ip_format(p->host_network ? &h4 : &p->ip4, ip4);
	wr_ip_format(p->host_network ? &h6 : &p->ip6, ip6);
	const char *phase = wr_tree_text(pod, "status.phase");
	bool ended = phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
	if (ended || is_running(pod, ip4))
		return 200;
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	int rc = bind_pod(k, pod, p->node);
	if (rc < 0 || rc >= 300)
		return rc;
	wr_buf_text(&t, "{\"status\":{\"phase\":\"Running\",");
	put_conditions(&t);
	put_containers(&t, pod);
	put_addresses(&t, "podIP", "podIPs", ip4, ip6);
	put_addresses(&t, "hostIP", "hostIPs", wr_ip_format(&h4, host4), wr_ip_format(&h6, host6));
	wr_buf_text(&t, ",\"startTime\":");
	wr_kubelet_time(&t);
	wr_buf_text(&t, "}}");
	return wr_kubelet_patch(k,
				wr_kubelet_path(k, WR_KIND_POD, wr_meta_text(pod, "namespace"),
						wr_meta_text(pod, "name"), "status"),
				&t);
}

static int all_pods(struct wr_kubelet *k, const struct wr_lab *lab)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_POD];
	int rc = 0;
	for (size_t i = 0; i < l->n && rc >= 0; i++) {
		const struct wr_lab_pod_alloc *p =
			wr_lab_find_pod_alloc(lab->state, wr_meta_text(l->items[i], "namespace"),
					      wr_meta_text(l->items[i], "name"));
		if (p)
			rc = pod_status(k, l->items[i], p);
		if (rc >= 300 && rc != 404 && rc != 409)
			k->log(k->error);
	}
	return rc < 0 ? rc : 0;
}

/* ---- nodes ---- */

/* It has what the machine has, and its name is the machine's kernel's. */
static void put_node(struct wr_buf *t)
{
	struct utsname u;
	struct sysinfo m;
	const char *arch = "amd64";
	if (uname(&u) < 0 || sysinfo(&m) < 0)
		return;
	if (!strcmp(u.machine, "aarch64"))
		arch = "arm64";
	else if (strcmp(u.machine, "x86_64") != 0)
		arch = u.machine;
	wr_buf_text(t, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
		       "\"reason\":\"KubeletReady\",\"message\":\"the lab runs\","
		       "\"lastHeartbeatTime\":");
	wr_kubelet_time(t);
	wr_buf_text(t, ",\"lastTransitionTime\":");
	wr_kubelet_time(t);
	wr_buf_text(t, "}]");
	for (int i = 0; i < 2; i++)
		wr_buf_printf(t, ",\"%s\":{\"cpu\":\"%ld\",\"memory\":\"%lluKi\",\"pods\":\"250\"}",
			      i ? "allocatable" : "capacity", sysconf(_SC_NPROCESSORS_ONLN),
			      (unsigned long long)m.totalram * m.mem_unit / 1024);
	wr_buf_printf(t,
		      ",\"nodeInfo\":{\"kubeletVersion\":\"weir\",\"operatingSystem\":\"linux\","
		      "\"architecture\":\"%s\",\"kernelVersion\":\"%s\","
		      "\"osImage\":\"network namespace\",\"containerRuntimeVersion\":\"weir\"}}}",
		      arch, u.release);
}

static int node_status(struct wr_kubelet *k, const struct wr_value *node)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (wr_tree_at(node, "status.conditions"))
		return 0;
	put_node(&t);
	return wr_kubelet_patch(
		k, wr_kubelet_path(k, WR_KIND_NODE, NULL, wr_meta_text(node, "name"), "status"),
		&t);
}

/* ---- a turn ---- */

static int write_back(struct wr_kubelet *k, const struct wr_lab *lab)
{
	int rc = all_pods(k, lab);
	for (size_t i = 0; i < k->lists[WR_KIND_NODE].n && rc >= 0; i++)
		rc = node_status(k, k->lists[WR_KIND_NODE].items[i]);
	if (rc >= 0)
		rc = wr_kubelet_endpoints(k, lab);
	return rc < 0 ? rc : wr_kubelet_workload_status(k);
}

static void complain(const struct wr_kubelet *k, const struct wr_diags *diags, int rc)
{
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		k->log(wr_diags_at(diags, i)->message);
	if (!wr_diags_count(diags))
		k->log(*k->error ? k->error : strerror(-rc));
}

static void tell_waiting(struct wr_kubelet *k, const struct wr_diags *diags, int rc)
{
	const char *first = NULL;
	for (size_t i = 0; diags && !first && i < wr_diags_count(diags); i++)
		if (wr_diags_at(diags, i)->severity == WR_ERROR)
			first = wr_diags_at(diags, i)->message;
	if (rc < 0)
		wr_settle_answer(k, first ? first : *k->error ? k->error : strerror(-rc));
	else if (!k->changes)
		wr_settle_answer(k, NULL);
}

static int turn(struct wr_kubelet *k, uint32_t n_nodes)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_lab *lab = NULL;
	int rc = diags ? 0 : -ENOMEM;
	k->dirty = false;
	*k->error = '\0';
	/* what the controllers make is listed again, so that it is there at once */
	for (size_t i = 0; i < 3 && !rc; i++) {
		rc = wr_kubelet_list(k);
		if (!rc)
			rc = wr_kubelet_control(k, n_nodes);
		if (!k->changes)
			break;
	}
	if (!rc)
		rc = wr_kubelet_follow(k, diags, &lab);
	if (!rc)
		rc = write_back(k, lab);
	wr_lab_close(lab);
	if (rc < 0 && diags)
		complain(k, diags, rc);
	tell_waiting(k, diags, rc);
	wr_diags_free(diags);
	return rc;
}

/* ---- the process ---- */

static void take_session(struct wr_kubelet *k, int listener, int settle)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid = fd >= 0 ? fork() : -1;
	if (!pid) {
		close(listener);
		close(settle); /* a session may outlive the kubelet, and must not seem to be it */
		for (size_t i = 0; i < k->waiting.n; i++)
			close(k->waiting.items[i]);
		wr_remote_serve(k, fd);
		_exit(0);
	}
	if (fd >= 0)
		close(fd);
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int loop(struct wr_kubelet *k, int listener, int settle, uint32_t n_nodes)
{
	bool told = false, failed = false;
	int64_t due = 0;
	for (;;) {
		struct pollfd p[3] = {{.fd = wr_kube_fd(k->kube), .events = POLLIN},
				      {.fd = listener, .events = POLLIN},
				      {.fd = settle, .events = POLLIN}};
		if (k->dirty && (!due || (!failed && due > now_ms() + SETTLE_MS)))
			due = now_ms() + SETTLE_MS;
		int64_t left = due ? due - now_ms() : WAKE_MS;
		left = left > WAKE_MS ? WAKE_MS : left;
		if (poll(p, 3, left < 0 ? 0 : (int)left) < 0 && errno != EINTR)
			return -errno;
		int rc = wr_kube_run(k->kube);
		if (rc)
			return rc;
		if (p[1].revents)
			take_session(k, listener, settle);
		reap();
		(void)wr_lab_flows_bound(k->name); /* agents go on writing while nothing changes */
		if (p[2].revents && wr_settle_take(k, settle))
			due = now_ms();
		if (!due || now_ms() < due)
			continue;
		rc = turn(k, n_nodes);
		failed = rc < 0;
		if (rc == -ENOENT)
			return rc; /* the lab is gone */
		due = rc < 0            ? now_ms() + RETRY_MS
		      : k->changes      ? now_ms()
		      : k->look_again_s ? now_ms() + k->look_again_s * 1000
					: 0;
		if (!rc && !told && write(STDOUT_FILENO, "r", 1) == 1)
			told = true;
	}
}

static int open_kubelet(struct wr_kubelet *k, uint32_t *n_nodes, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	struct wr_lab_state *s = NULL;
	const struct wr_kube_source source = {.kubeconfig = wr_lab_kubeconfig(path, k->name)};
	int rc = wr_kube_config_load(&source, diags, &k->config);
	if (!rc)
		rc = wr_kube_new(k->config, NULL, &k->kube);
	if (!rc)
		rc = wr_kubelet_watch(k);
	if (!rc)
		rc = wr_lab_state_load(k->name, diags, &s);
	if (!rc)
		*n_nodes = s->n_nodes;
	wr_lab_state_free(s);
	k->seen = wr_map_new();
	k->sent = wr_map_new();
	return rc ? rc : k->seen && k->sent ? 0 : -ENOMEM;
}

int wr_lab_kubelet(const char *name, void (*log)(const char *text), struct wr_diags *diags)
{
	struct wr_kubelet k = {.name = name, .log = log, .dirty = true};
	uint32_t n_nodes = 0;
	char path[WR_LAB_PATH];
	int rc = open_kubelet(&k, &n_nodes, diags);
	WR_CLEANUP(fd)
	int listener = rc ? -1 : wr_remote_listen(wr_lab_path(path, name, "kubelet.sock"));
	WR_CLEANUP(fd)
	int settle = rc || listener < 0
			     ? listener
			     : wr_remote_listen(wr_lab_path(path, name, WR_SETTLE_SOCKET));
	signal(SIGPIPE, SIG_IGN);
	if (!rc && settle < 0)
		rc = wr_lab_error(diags, settle, "%s: %s", path, strerror(-settle));
	if (!rc)
		rc = loop(&k, listener, settle, n_nodes);
	wr_settle_answer(&k, "the kubelet has ended");
	wr_vec_free(&k.waiting);
	wr_kubelet_forget(&k);
	wr_kube_free(k.kube);
	wr_kube_config_free(k.config);
	wr_map_free(k.seen);
	wr_map_free(k.sent);
	return rc;
}
