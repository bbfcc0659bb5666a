/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/input.h"
#include "base/buf.h"
#include "lab/run.h"

#define VERSION 2

bool wr_lab_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
	return n > 0 && n <= WR_LAB_NAME_MAX && !name[n];
}

struct wr_lab_state *wr_lab_state_new(const char *name)
{
	struct wr_lab_state *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->arena = wr_arena_new();
	s->name = s->arena ? wr_arena_strdup(s->arena, name) : NULL;
	if (!s->name) {
		wr_lab_state_free(s);
		return NULL;
	}
	return s;
}

void wr_lab_state_free(struct wr_lab_state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->services.n; i++)
		wr_vec_free(&s->services.items[i].ports);
	for (size_t i = 0; i < s->outside.n; i++)
		wr_vec_free(&s->outside.items[i].ports);
	wr_vec_free(&s->docs);
	wr_vec_free(&s->texts);
	wr_vec_free(&s->sources);
	wr_vec_free(&s->pods);
	wr_vec_free(&s->services);
	wr_vec_free(&s->outside);
	wr_arena_free(s->arena);
	free(s);
}

const char *wr_lab_key(struct wr_arena *a, enum wr_kind kind, const char *ns, const char *name)
{
	return wr_arena_printf(a, "%s/%s/%s", wr_kind_name(kind), ns ? ns : "", name);
}

struct wr_lab_pod_alloc *wr_lab_find_pod_alloc(const struct wr_lab_state *s, const char *ns,
					       const char *name)
{
	for (size_t i = 0; i < s->pods.n; i++)
		if (!strcmp(s->pods.items[i].name, name) && !strcmp(s->pods.items[i].ns, ns))
			return &s->pods.items[i];
	return NULL;
}

struct wr_lab_svc_alloc *wr_lab_find_svc_alloc(const struct wr_lab_state *s, const char *ns,
					       const char *name)
{
	for (size_t i = 0; i < s->services.n; i++)
		if (!strcmp(s->services.items[i].name, name) && !strcmp(s->services.items[i].ns, ns))
			return &s->services.items[i];
	return NULL;
}

/* ---- to JSON ---- */

static void put_string(struct wr_buf *b, const char *key, const char *value)
{
	wr_buf_printf(b, "\"%s\":", key);
	wr_buf_json(b, value);
	wr_buf_text(b, ",");
}

static void put_ip(struct wr_buf *b, const char *key, const struct wr_ip *ip)
{
	char text[WR_IP_TEXT];
	put_string(b, key, ip->family ? wr_ip_format(ip, text) : NULL);
}

static void put_docs(struct wr_buf *b, const char *key, const struct wr_lab_docs *docs)
{
	wr_buf_printf(b, "\"%s\":[", key);
	for (size_t i = 0; i < docs->n; i++) {
		const struct wr_lab_doc *d = &docs->items[i];
		wr_buf_text(b, i ? ",\n{" : "\n{");
		put_string(b, "file", d->file);
		wr_buf_printf(b, "\"line\":%u,\"text\":", d->line);
		wr_buf_json_bytes(b, d->text, d->size);
		wr_buf_text(b, "}");
	}
	wr_buf_text(b, "],\n");
}

static void put_sources(struct wr_buf *b, const struct wr_lab_state *s)
{
	put_docs(b, "lists", &s->docs);
	put_docs(b, "texts", &s->texts);
	wr_buf_text(b, "\"sources\":[");
	for (size_t i = 0; i < s->sources.n; i++) {
		const struct wr_lab_source *o = &s->sources.items[i];
		wr_buf_text(b, i ? ",\n{" : "\n{");
		put_string(b, "object", o->key);
		put_string(b, "uid", o->uid);
		wr_buf_printf(b, "\"generation\":%lld,\"text\":%u}", (long long)o->generation,
			      o->text);
	}
	wr_buf_text(b, "],\n");
}

static void put_pods(struct wr_buf *b, const struct wr_lab_state *s)
{
	wr_buf_text(b, "\"pods\":[");
	for (size_t i = 0; i < s->pods.n; i++) {
		const struct wr_lab_pod_alloc *p = &s->pods.items[i];
		wr_buf_text(b, i ? ",\n{" : "\n{");
		put_string(b, "namespace", p->ns);
		put_string(b, "name", p->name);
		put_ip(b, "ip4", &p->ip4);
		put_ip(b, "ip6", &p->ip6);
		put_string(b, "serves", p->serves);
		wr_buf_printf(b, "\"id\":%u,\"node\":%u,\"hostNetwork\":%s,\"ready\":%s,", p->id,
			      p->node, p->host_network ? "true" : "false",
			      p->ready ? "true" : "false");
		wr_buf_printf(b, "\"server\":%lld,\"serverStart\":%llu}", (long long)p->server,
			      (unsigned long long)p->server_start);
	}
	wr_buf_text(b, "],\n\"services\":[");
	for (size_t i = 0; i < s->services.n; i++) {
		const struct wr_lab_svc_alloc *v = &s->services.items[i];
		wr_buf_text(b, i ? ",\n{" : "\n{");
		put_string(b, "namespace", v->ns);
		put_string(b, "name", v->name);
		put_ip(b, "ip4", &v->ip4);
		put_ip(b, "ip6", &v->ip6);
		wr_buf_text(b, "\"nodePorts\":[");
		for (size_t k = 0; k < v->ports.n; k++)
			wr_buf_printf(b, "%s[%u,%u,%u]", k ? "," : "", v->ports.items[k].proto,
				      v->ports.items[k].port, v->ports.items[k].node_port);
		wr_buf_text(b, "]}");
	}
	wr_buf_text(b, "],\n");
}

static void put_outside(struct wr_buf *b, const struct wr_lab_state *s)
{
	wr_buf_text(b, "\"outside\":[");
	for (size_t i = 0; i < s->outside.n; i++) {
		const struct wr_lab_outside *o = &s->outside.items[i];
		wr_buf_text(b, i ? ",{" : "{");
		put_ip(b, "ip", &o->ip);
		put_string(b, "name", o->name);
		wr_buf_text(b, "\"ports\":[");
		for (size_t k = 0; k < o->ports.n; k++)
			wr_buf_printf(b, "%s%u", k ? "," : "", o->ports.items[k]);
		wr_buf_text(b, "]}");
	}
	wr_buf_text(b, "],\n");
}

int wr_lab_state_save(const struct wr_lab_state *s, struct wr_diags *diags)
{
	WR_CLEANUP(buf) struct wr_buf b = {0};
	wr_buf_printf(&b, "{\"version\":%d,\"nodes\":%u,\"running\":%s,", VERSION, s->n_nodes,
		      s->running ? "true" : "false");
	wr_buf_printf(&b, "\"nextPod\":%u,\"outsideServer\":%lld,", s->next_pod,
		      (long long)s->outside_server);
	wr_buf_printf(&b, "\"outsideServerStart\":%llu,\"rules\":[",
		      (unsigned long long)s->outside_server_start);
	for (uint32_t i = 0; i < s->n_nodes; i++)
		wr_buf_printf(&b, "%s%lld", i ? "," : "", (long long)s->rules[i]);
	wr_buf_text(&b, "],\n");
	put_sources(&b, s);
	put_pods(&b, s);
	put_outside(&b, s);
	put_string(&b, "name", s->name);
	wr_buf_text(&b, "\"end\":true}\n");
	if (b.failed)
		return wr_lab_error(diags, -ENOMEM, "out of memory");
	char path[WR_LAB_PATH];
	wr_lab_path(path, s->name, "state.json");
	int rc = wr_lab_write_file(path, b.data, b.n, true);
	return rc < 0 ? wr_lab_error(diags, rc, "%s: %s", path, strerror(-rc)) : 0;
}

/* ---- from JSON ---- */

static const char *get_string(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_STRING ? f->text : NULL;
}

static int64_t get_int(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_INT ? f->integer : 0;
}

static bool get_bool(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_BOOL && f->boolean;
}

static struct wr_ip get_ip(const struct wr_value *v, const char *key)
{
	struct wr_ip ip = {0};
	const char *text = get_string(v, key);
	if (text && wr_ip_parse(text, &ip) < 0)
		ip = (struct wr_ip){0};
	return ip;
}

/* The list of a key; one without items where it is missing. */
static const struct wr_value *get_list(const struct wr_value *v, const char *key)
{
	static const struct wr_value none = {.type = WR_LIST};
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_LIST ? f : &none;
}

static int64_t int_item(const struct wr_value *list, size_t i)
{
	return i < list->n && list->items[i]->type == WR_INT ? list->items[i]->integer : 0;
}

static int load_docs(struct wr_lab_docs *out, const struct wr_value *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct wr_value *v = list->items[i];
		struct wr_lab_doc d = {
			.file = get_string(v, "file"),
			.line = (uint32_t)get_int(v, "line"),
			.text = get_string(v, "text"),
		};
		if (!d.file || !d.text)
			return -EBADMSG;
		d.size = strlen(d.text);
		if (wr_vec_push(out, d) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_sources(struct wr_lab_state *s, const struct wr_value *root)
{
	const struct wr_value *list = get_list(root, "sources");
	int rc = load_docs(&s->docs, get_list(root, "lists"));
	if (!rc)
		rc = load_docs(&s->texts, get_list(root, "texts"));
	for (size_t i = 0; i < list->n && !rc; i++) {
		const struct wr_value *v = list->items[i];
		struct wr_lab_source o = {
			.key = get_string(v, "object"),
			.uid = get_string(v, "uid"),
			.generation = get_int(v, "generation"),
			.text = (uint32_t)get_int(v, "text"),
		};
		if (!o.key || !o.uid || o.text >= s->texts.n)
			return -EBADMSG;
		rc = wr_vec_push(&s->sources, o);
	}
	return rc;
}

static int load_pods(struct wr_lab_state *s, const struct wr_value *root)
{
	const struct wr_value *pods = get_list(root, "pods");
	for (size_t i = 0; i < pods->n; i++) {
		const struct wr_value *v = pods->items[i];
		struct wr_lab_pod_alloc p = {
			.ns = get_string(v, "namespace"),
			.name = get_string(v, "name"),
			.id = (uint32_t)get_int(v, "id"),
			.node = (uint32_t)get_int(v, "node"),
			.host_network = get_bool(v, "hostNetwork"),
			.ip4 = get_ip(v, "ip4"),
			.ip6 = get_ip(v, "ip6"),
			.ready = get_bool(v, "ready"),
			.server = get_int(v, "server"),
			.server_start = (uint64_t)get_int(v, "serverStart"),
			.serves = get_string(v, "serves"),
		};
		if (!p.ns || !p.name || p.node >= s->n_nodes)
			return -EBADMSG;
		if (wr_vec_push(&s->pods, p) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_services(struct wr_lab_state *s, const struct wr_value *root)
{
	const struct wr_value *services = get_list(root, "services");
	for (size_t i = 0; i < services->n; i++) {
		const struct wr_value *v = services->items[i], *ports = get_list(v, "nodePorts");
		struct wr_lab_svc_alloc a = {
			.ns = get_string(v, "namespace"),
			.name = get_string(v, "name"),
			.ip4 = get_ip(v, "ip4"),
			.ip6 = get_ip(v, "ip6"),
		};
		if (!a.ns || !a.name)
			return -EBADMSG;
		if (wr_vec_push(&s->services, a) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < ports->n; k++) {
			struct wr_lab_node_port p = {(uint8_t)int_item(ports->items[k], 0),
						     (uint16_t)int_item(ports->items[k], 1),
						     (uint16_t)int_item(ports->items[k], 2)};
			if (wr_vec_push(&s->services.items[i].ports, p) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int load_outside(struct wr_lab_state *s, const struct wr_value *root)
{
	const struct wr_value *list = get_list(root, "outside");
	for (size_t i = 0; i < list->n; i++) {
		const struct wr_value *v = list->items[i], *ports = get_list(v, "ports");
		struct wr_lab_outside o = {.ip = get_ip(v, "ip"), .name = get_string(v, "name")};
		if (!o.ip.family)
			return -EBADMSG;
		if (wr_vec_push(&s->outside, o) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < ports->n; k++)
			if (wr_vec_push(&s->outside.items[i].ports,
					(uint16_t)int_item(ports, k)) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int load_all(struct wr_lab_state *s, const struct wr_value *root)
{
	const struct wr_value *rules = get_list(root, "rules");
	if (root->type != WR_MAP || get_int(root, "version") != VERSION || !get_bool(root, "end"))
		return -EBADMSG;
	s->n_nodes = (uint32_t)get_int(root, "nodes");
	if (!s->n_nodes || s->n_nodes > WR_LAB_NODES_MAX)
		return -EBADMSG;
	s->running = get_bool(root, "running");
	s->next_pod = (uint32_t)get_int(root, "nextPod");
	s->outside_server = get_int(root, "outsideServer");
	s->outside_server_start = (uint64_t)get_int(root, "outsideServerStart");
	for (uint32_t i = 0; i < s->n_nodes; i++)
		s->rules[i] = (uint64_t)int_item(rules, i);
	int rc = load_sources(s, root);
	if (!rc)
		rc = load_pods(s, root);
	if (!rc)
		rc = load_services(s, root);
	return rc ? rc : load_outside(s, root);
}

static int read_file(const char *path, struct wr_buf *b)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	char chunk[16384];
	size_t n;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		wr_buf_bytes(b, chunk, n);
	int rc = ferror(f) ? -EIO : b->failed ? -ENOMEM : 0;
	fclose(f);
	return rc;
}

int wr_lab_state_load(const char *name, struct wr_diags *diags, struct wr_lab_state **out)
{
	char path[WR_LAB_PATH];
	WR_CLEANUP(buf) struct wr_buf b = {0};
	int rc = read_file(wr_lab_path(path, name, "state.json"), &b);
	if (rc == -ENOENT)
		return wr_lab_error(diags, rc, "no lab '%s' is running", name);
	if (rc < 0)
		return wr_lab_error(diags, rc, "%s: %s", path, strerror(-rc));
	struct wr_lab_state *s = wr_lab_state_new(name);
	struct wr_value *root = NULL;
	if (!s)
		return wr_lab_error(diags, -ENOMEM, "out of memory");
	rc = wr_json_parse(s->arena, b.data ? b.data : "", b.n, (struct wr_mark){path, 1, 1}, &root,
			   NULL);
	if (!rc)
		rc = load_all(s, root);
	if (rc < 0) {
		wr_lab_state_free(s);
		wr_lab_error(diags, rc, "%s cannot be read", path);
		wr_diag_advise(diags, "'weir lab down --name %s' removes what is left of the lab", name);
		return rc == -ENOMEM ? rc : -EBADMSG;
	}
	*out = s;
	return 0;
}
