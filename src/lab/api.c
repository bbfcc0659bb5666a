/* SPDX-License-Identifier: Apache-2.0 */
/* Api: the processes of a lab that an API server describes, in the order of their starts. */
#include "lab/api.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "lab/manifest.h"
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

static int write_load(const struct wr_lab_state *s, size_t i, const char *ending, const char *text,
		      size_t size)
{
	char path[WR_LAB_PATH], file[40];
	snprintf(file, sizeof(file), "load/%06zu.%s", i, ending);
	return wr_lab_write_file(wr_lab_path(path, s->name, file), text ? text : "", size, false);
}

static void put_namespace(struct wr_buf *b, const char *name)
{
	wr_buf_text(b, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":");
	wr_buf_json(b, name);
	wr_buf_text(b, "}}\n");
}

/* Namespaces that are named but not given: the server wants an object for each. */
static int put_namespaces(struct wr_buf *b, const struct wr_lab_sendings *all)
{
	struct wr_map *there = wr_map_new();
	int rc = there ? 0 : -ENOMEM;
	for (size_t i = 0; i < all->v.n && !rc; i++) {
		const struct wr_lab_sending *o = &all->v.items[i];
		const char *name = o->kind == WR_KIND_NAMESPACE ? o->name : o->ns;
		if (name && o->kind != WR_KIND_NAMESPACE &&
		    !wr_map_get(there, name, strlen(name), NULL))
			put_namespace(b, name);
		if (name)
			rc = wr_map_put(there, name, strlen(name), 1);
	}
	wr_map_free(there);
	return rc;
}

/* The server keeps the uid that it is given here: so what it has can be told from what comes later. */
static int put_object(struct wr_lab_state *s, struct wr_tree *t, const struct wr_lab_sending *o,
		      struct wr_buf *b)
{
	const char *uid = wr_lab_uid(t->arena);
	if (!uid)
		return -ENOMEM;
	wr_tree_set_string(t, wr_value_get(o->value, "metadata"), "uid", uid);
	wr_lab_keep_addresses(t, o);
	wr_answer_value(b, o->value);
	wr_buf_text(b, "\n");
	return wr_lab_source_add(s, o->from, uid, 1);
}

static int write_objects(struct wr_lab_state *s, const struct wr_objects *objects,
			 struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	struct wr_lab_sendings all = {0};
	struct wr_tree t = {.arena = wr_arena_new()};
	int rc = t.arena ? wr_lab_sendings(s, objects, &t, &all, diags) : -ENOMEM;
	for (uint32_t i = 0; i < s->n_nodes; i++)
		wr_lab_node_json(i, &b);
	if (!rc)
		rc = put_namespaces(&b, &all);
	for (size_t i = 0; i < all.v.n && !rc; i++)
		rc = put_object(s, &t, &all.v.items[i], &b);
	if (!rc)
		rc = t.nomem || b.failed ? -ENOMEM : write_load(s, 0, "json", b.data, b.n);
	wr_vec_free(&all.v);
	wr_arena_free(t.arena);
	return rc;
}

/* Documents of which the lab has read nothing: the server may know their kind. */
static int write_others(const struct wr_lab_state *s, const struct wr_input *in,
			const struct wr_objects *objects)
{
	int rc = 0;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		const struct wr_document *d = wr_input_at(in, i);
		bool read = false;
		for (size_t k = 0; k < objects->n && !read; k++)
			read = objects->items[k]->doc == d;
		if (!read)
			rc = write_load(s, i + 1, "yaml", d->text, d->size);
	}
	return rc;
}

int wr_lab_api_hand_over(struct wr_lab *lab, const struct wr_input *in,
			 const struct wr_objects *objects, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	struct wr_lab_state *s = lab->state;
	int rc = mkdir(wr_lab_path(path, s->name, "logs"), 0700) < 0 ||
				 mkdir(wr_lab_path(path, s->name, "load"), 0700) < 0
			 ? -errno
			 : write_objects(s, objects, diags);
	if (!rc)
		rc = write_others(s, in, objects);
	if (rc)
		return wr_lab_error(diags, rc, "%s: %s", path, strerror(-rc));
	/* pods and Services get what they get when the server has told of them */
	s->pods.n = 0;
	for (size_t i = 0; i < s->services.n; i++)
		wr_vec_free(&s->services.items[i].ports);
	s->services.n = 0;
	return wr_lab_build(lab, NULL, diags);
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
			      "10000",
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
