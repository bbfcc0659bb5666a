/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a lab: up, apply, delete, label, down.
 *
 * A change is tried out first: the documents are read and the new world is
 * built, and only when that has no errors is anything touched. Then the kernel
 * is made to follow: pods that are gone lose their network, new ones get
 * theirs, the policies are put in force, and only then do new pods' links come
 * up. The state is saved before and after, so that a command that was killed
 * leaves nothing that lab down does not find.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "api/check.h"
#include "base/map.h"
#include "lab/api.h"
#include "lab/internal.h"

#define DNS_FILE "weir:cluster-dns"

/* ---- documents ---- */

static int add_doc(struct wr_lab_state *s, const char *file, uint32_t line, uint32_t batch,
		   const char *text, size_t size)
{
	struct wr_lab_doc d = {
		.file = wr_arena_strdup(s->arena, file),
		.line = line,
		.batch = batch,
		.text = wr_arena_strndup(s->arena, text, size),
		.size = size,
	};
	return d.file && d.text ? wr_vec_push(&s->docs, d) : -ENOMEM;
}

static int read_paths(struct wr_input *in, const char *const *paths, size_t n,
		      struct wr_diags *diags)
{
	int rc = 0;
	for (size_t i = 0; i < n; i++) {
		int r = wr_input_path(in, paths[i], diags);
		rc = rc ? rc : r;
	}
	return rc;
}

/* Documents of one command, in their order. */
static int add_batch(struct wr_lab_state *s, const struct wr_input *in)
{
	uint32_t batch = ++s->next_batch;
	int rc = 0;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		const struct wr_document *d = wr_input_at(in, i);
		rc = add_doc(s, d->file, d->first_line, batch, d->text, d->size);
	}
	return rc;
}

/* Takes an object out of the document that has it; one that none has is left out. */
static int drop(struct wr_lab *lab, const char *key)
{
	uint64_t doc;
	if (!wr_map_get(lab->where, key, strlen(key), &doc))
		return 0;
	const char *copy = wr_arena_strdup(lab->state->arena, key);
	return copy ? wr_vec_push(&lab->state->docs.items[doc].dropped, copy) : -ENOMEM;
}

/* Frees documents of which no object counts any more. */
static void prune(struct wr_lab *lab)
{
	struct wr_lab_state *s = lab->state;
	size_t n = 0;
	for (size_t i = 0; i < s->docs.n; i++) {
		if (lab->live[i])
			s->docs.items[n++] = s->docs.items[i];
		else
			wr_vec_free(&s->docs.items[i].dropped);
	}
	s->docs.n = n;
}

static bool brings_dns(const struct wr_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++) {
		const struct wr_meta *m = &objects->items[i]->meta;
		if (objects->items[i]->kind == WR_KIND_SERVICE && m->ns &&
		    !strcmp(m->ns, "kube-system") && !strcmp(m->name, "kube-dns"))
			return true;
		for (size_t k = 0; k < m->n_labels; k++)
			if (objects->items[i]->kind == WR_KIND_POD && m->ns &&
			    !strcmp(m->ns, "kube-system") && !strcmp(m->labels[k].key, "k8s-app") &&
			    !strcmp(m->labels[k].value, "kube-dns"))
				return true;
	}
	return false;
}

/* ---- making the kernel follow ---- */

static void forget_pods(struct wr_lab_state *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->pods.n; i++)
		if (s->pods.items[i].wanted) {
			s->pods.items[n] = s->pods.items[i];
			s->pods.items[n++].ready = true;
		}
	s->pods.n = n;
}

static int load_services(const struct wr_lab *lab, struct wr_diags *diags)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	int rc = 0;
	for (uint32_t i = 0; i < lab->state->n_nodes && !rc; i++) {
		WR_CLEANUP(buf)
		struct wr_buf text = {0};
		char netns[WR_LAB_NETNS];
		wr_lab_services_nft(lab, i, &text);
		rc = text.failed ? -ENOMEM
				 : wr_run(wr_lab_node_netns(netns, lab->state, i), argv, text.data,
					  text.n, diags);
	}
	return rc;
}

static int follow(struct wr_lab *lab, struct wr_diags *diags)
{
	prune(lab);
	int rc = wr_lab_state_save(lab->state, diags);
	if (!rc)
		rc = wr_lab_remove_pods(lab, diags);
	if (!rc)
		rc = wr_lab_make_pods(lab, diags);
	if (!rc)
		rc = load_services(lab, diags);
	if (!rc)
		rc = wr_lab_dns_write(lab, diags);
	if (!rc)
		rc = wr_lab_enforce(lab, diags);
	if (!rc)
		rc = wr_lab_raise_pods(lab, diags);
	if (!rc)
		rc = wr_lab_servers(lab, diags);
	if (rc)
		return rc;
	forget_pods(lab->state);
	lab->state->running = true;
	return wr_lab_state_save(lab->state, diags);
}

/* ---- up ---- */

static int prepare(struct wr_lab *lab, const char *name, const struct wr_lab_up_opts *opts,
		   struct wr_diags *diags)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects = {0};
	lab->state = wr_lab_state_new(name);
	int rc = in && arena && lab->state ? read_paths(in, opts->paths, opts->n_paths, diags)
					   : -ENOMEM;
	if (!rc)
		rc = wr_decode(in, arena, diags, &objects);
	if (!rc)
		lab->state->n_nodes = opts->nodes;
	for (size_t i = 0; i < opts->n_outside && !rc; i++)
		rc = wr_lab_add_outside(lab->state, opts->outside[i], opts->outside_ports,
					opts->n_outside_ports, diags);
	const char *dns = wr_lab_dns_manifests();
	if (!rc && dns && !brings_dns(&objects)) {
		struct wr_input *own = wr_input_new(NULL);
		rc = own ? wr_input_bytes(own, DNS_FILE, 1, dns, strlen(dns), diags) : -ENOMEM;
		if (!rc)
			rc = add_batch(lab->state, own);
		wr_input_free(own);
	}
	if (!rc)
		rc = add_batch(lab->state, in);
	wr_arena_free(arena);
	wr_input_free(in);
	return rc ? rc : wr_lab_build(lab, diags);
}

static int tear_down(const char *name, struct wr_diags *diags);

static int found(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return 1;
}

/* With the lock held: 1 when a lab runs, 0 when there is nothing, -ESTALE when there are remains. */
static int look(const char *name)
{
	char prefix[WR_LAB_NETNS], path[WR_LAB_PATH];
	struct wr_lab_state *old = NULL;
	struct stat st;
	struct wr_diags *ignored = wr_diags_new();
	if (!ignored)
		return -ENOMEM;
	int rc = wr_lab_state_load(name, ignored, &old);
	bool running = !rc && old->running;
	wr_diags_free(ignored);
	wr_lab_state_free(old);
	snprintf(prefix, sizeof(prefix), "weir-%s-", name);
	if (running)
		return 1;
	return rc != -ENOENT || stat(wr_lab_path(path, name, "bpf"), &st) == 0 ||
			       wr_netns_each(prefix, found, NULL)
		       ? -ESTALE
		       : 0;
}

/*
 * Takes the name. What a lab left behind that was not built to its end goes
 * away, and the lock with it: so it is taken, and all looked at, once more.
 */
static int claim(struct wr_lab *lab, const char *name, struct wr_diags *diags)
{
	for (int i = 0; i < 10; i++) {
		WR_CLEANUP(fd)
		int lock = wr_lab_lock(name, true, diags);
		if (lock < 0)
			return lock;
		int rc = look(name);
		if (!rc) {
			lab->lock = lock;
			lock = -1;
			return 0;
		}
		if (rc == 1) {
			wr_lab_error(diags, -EEXIST, "lab '%s' is running already", name);
			wr_diag_advise(diags,
				       "'weir lab apply --name %s' changes it, "
				       "'weir lab down --name %s' removes it",
				       name, name);
			return -EEXIST;
		}
		rc = rc == -ESTALE ? tear_down(name, diags) : rc;
		if (rc)
			return rc;
	}
	return wr_lab_error(diags, -EAGAIN, "lab '%s': another command holds it", name);
}

static int valid_name(const char *name, struct wr_diags *diags)
{
	if (wr_lab_name_valid(name))
		return 0;
	return wr_lab_error(diags, -EINVAL,
			    "'%s' is not a lab's name: 1 to %d lower case letters and digits", name,
			    WR_LAB_NAME_MAX);
}

static struct wr_lab *new_lab(void)
{
	struct wr_lab *lab = calloc(1, sizeof(*lab));
	if (lab)
		lab->lock = -1;
	return lab;
}

int wr_lab_up(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *diags)
{
	if (valid_name(name, diags))
		return -EINVAL;
	if (!opts->nodes || opts->nodes > WR_LAB_NODES_MAX)
		return wr_lab_error(diags, -EINVAL, "a lab has 1 to %d nodes", WR_LAB_NODES_MAX);
	struct wr_lab *lab = new_lab();
	if (!lab)
		return -ENOMEM;
	int rc = prepare(lab, name, opts, diags);
	if (!rc)
		rc = claim(lab, name, diags);
	if (!rc) {
		lab->state->api = opts->api;
		if (opts->api)
			rc = wr_lab_api_hand_over(lab, diags);
		if (!rc)
			rc = wr_lab_state_save(lab->state, diags);
		if (!rc)
			rc = wr_lab_make_nodes(lab, diags);
		if (!rc)
			rc = follow(lab, diags);
		if (rc) /* half a lab is of no use to anybody */
			tear_down(name, diags);
	}
	wr_lab_close(lab);
	return rc;
}

/* ---- down ---- */

static int remove_space(void *ctx, const char *name)
{
	(void)ctx;
	(void)wr_netns_remove(name);
	return 0;
}

static int tear_down(const char *name, struct wr_diags *diags)
{
	char prefix[WR_LAB_NETNS], path[WR_LAB_PATH];
	snprintf(prefix, sizeof(prefix), "weir-%s-", name);
	int rc = wr_daemon_kill(name); /* first: one of them would put things back */
	if (rc >= 0)
		rc = wr_netns_kill(prefix, false);
	if (rc < 0)
		return wr_lab_error(diags, rc, "processes of lab '%s' do not end", name);
	wr_lab_path(path, name, "bpf");
	for (int i = 0; i < 16 && umount2(path, MNT_DETACH) == 0; i++)
		;
	wr_netns_each(prefix, remove_space, NULL);
	rc = wr_lab_remove_files(name);
	wr_netns_dir_release();
	rmdir("/run/weir"); /* where the marker of the line before was its last file */
	return rc < 0 ? wr_lab_error(diags, rc, "%s: %s", wr_lab_path(path, name, ""),
				     strerror(-rc))
		      : 0;
}

int wr_lab_down(const char *name, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	struct stat st;
	if (valid_name(name, diags))
		return -EINVAL;
	WR_CLEANUP(fd)
	int lock = -1;
	if (stat(wr_lab_path(path, name, ""), &st) == 0) {
		lock = wr_lab_lock(name, true, diags);
		if (lock < 0)
			return lock;
	}
	return tear_down(name, diags);
}

/* ---- changes ---- */

int wr_lab_mirror(const char *name, const struct wr_lab_doc *docs, size_t n, struct wr_diags *diags,
		  struct wr_lab **out)
{
	struct wr_lab *lab = NULL;
	int rc = wr_lab_open(name, diags, &lab);
	if (rc)
		return rc;
	wr_lab_forget_docs(lab->state);
	uint32_t batch = ++lab->state->next_batch;
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_doc(lab->state, docs[i].file, 1, batch, docs[i].text, docs[i].size);
	if (!rc)
		rc = wr_lab_build(lab, diags);
	if (!rc)
		rc = follow(lab, diags);
	if (rc) {
		wr_lab_close(lab);
		return rc;
	}
	*out = lab;
	return 0;
}

/* Opens the lab and writes down what its old policies judged. */
static int open_lab(const char *name, struct wr_lab **out, struct wr_diags *diags)
{
	int rc = wr_lab_open(name, diags, out);
	if (rc)
		return rc;
	if ((*out)->state->api) {
		wr_lab_close(*out);
		*out = NULL;
		wr_lab_error(diags, -EPERM, "what lab '%s' consists of is said by its API server",
			     name);
		wr_diag_advise(diags,
			       "export KUBECONFIG=$(weir lab kubeconfig --name %s), and use "
			       "kubectl apply, delete and label",
			       name);
		return -EPERM;
	}
	struct wr_diags *ignored = wr_diags_new();
	if (ignored)
		(void)wr_lab_flows_drain(*out, ignored);
	wr_diags_free(ignored);
	return 0;
}

static int drop_objects(struct wr_lab *lab, const struct wr_objects *objects)
{
	int rc = 0;
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		const char *key = wr_lab_key(lab->arena, o->kind, o->meta.ns, o->meta.name);
		rc = key ? drop(lab, key) : -ENOMEM;
	}
	return rc;
}

int wr_lab_apply(const char *name, const char *const *paths, size_t n, struct wr_diags *diags)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects = {0};
	struct wr_lab *lab = NULL;
	int rc = in && arena ? read_paths(in, paths, n, diags) : -ENOMEM;
	if (!rc)
		rc = wr_decode(in, arena, diags, &objects);
	if (!rc)
		rc = open_lab(name, &lab, diags);
	if (!rc)
		rc = drop_objects(lab, &objects);
	if (!rc)
		rc = add_batch(lab->state, in);
	if (!rc)
		rc = wr_lab_build(lab, diags);
	if (!rc)
		rc = follow(lab, diags);
	wr_lab_close(lab);
	wr_arena_free(arena);
	wr_input_free(in);
	return rc;
}

/* A Namespace goes with all that is in it. */
static int drop_contents(struct wr_lab *lab, const char *ns)
{
	size_t n = strlen(ns);
	int rc = 0;
	for (size_t i = 0; i < wr_map_count(lab->where) && !rc; i++) {
		const char *key = wr_map_at(lab->where, i)->key, *slash = strchr(key, '/');
		if (!strncmp(slash + 1, ns, n) && slash[1 + n] == '/')
			rc = drop(lab, key);
	}
	return rc;
}

/* Labels that commands set go with their object. */
static void drop_labels(struct wr_lab_state *s, const struct wr_object *o)
{
	size_t n = 0;
	for (size_t i = 0; i < s->labels.n; i++) {
		const struct wr_lab_label *l = &s->labels.items[i];
		bool gone;
		if (o->kind == WR_KIND_NAMESPACE)
			gone = !strcmp(l->ns ? l->ns : l->name, o->meta.name);
		else
			gone = o->kind == WR_KIND_POD && l->ns && !strcmp(l->ns, o->meta.ns) &&
			       !strcmp(l->name, o->meta.name);
		if (!gone)
			s->labels.items[n++] = *l;
	}
	s->labels.n = n;
}

static int delete_objects(struct wr_lab *lab, const struct wr_objects *objects,
			  struct wr_diags *diags)
{
	int rc = 0;
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		const char *key = wr_lab_key(lab->arena, o->kind, o->meta.ns, o->meta.name);
		if (!key)
			return -ENOMEM;
		if (!wr_map_get(lab->where, key, strlen(key), NULL))
			wr_diag_add(diags, WR_WARNING, o->mark, NULL, NULL,
				    "%s %s%s%s is not in the lab", wr_kind_name(o->kind),
				    o->meta.ns ? o->meta.ns : "", o->meta.ns ? "/" : "",
				    o->meta.name);
		drop_labels(lab->state, o);
		if (o->kind == WR_KIND_NAMESPACE)
			rc = drop_contents(lab, o->meta.name);
	}
	return rc ? rc : drop_objects(lab, objects);
}

int wr_lab_delete(const char *name, const char *const *paths, size_t n, struct wr_diags *diags)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects = {0};
	struct wr_lab *lab = NULL;
	int rc = in && arena ? read_paths(in, paths, n, diags) : -ENOMEM;
	if (!rc)
		rc = wr_decode(in, arena, diags, &objects);
	if (!rc)
		rc = open_lab(name, &lab, diags);
	if (!rc)
		rc = delete_objects(lab, &objects, diags);
	if (!rc)
		rc = wr_lab_build(lab, diags);
	if (!rc)
		rc = follow(lab, diags);
	wr_lab_close(lab);
	wr_arena_free(arena);
	wr_input_free(in);
	return rc;
}

/* ---- labels ---- */

static const struct wr_object *find_object(const struct wr_lab *lab, enum wr_kind kind,
					   const char *ns, const char *name)
{
	for (size_t i = 0; i < lab->objects.n; i++) {
		const struct wr_object *o = lab->objects.items[i];
		if (o->kind == kind && !strcmp(o->meta.name, name) &&
		    (!ns || (o->meta.ns && !strcmp(o->meta.ns, ns))))
			return o;
	}
	return NULL;
}

static bool can_label(const struct wr_lab *lab, enum wr_kind kind, const char *ns, const char *name)
{
	if (kind == WR_KIND_NAMESPACE)
		return wr_world_find_namespace(lab->world, name) != WR_NONE;
	return find_object(lab, kind, ns, name) != NULL;
}

static int put_label(struct wr_lab_state *s, const char *ns, const char *name, const char *key,
		     const char *value)
{
	for (size_t i = 0; i < s->labels.n; i++) {
		struct wr_lab_label *l = &s->labels.items[i];
		if (!strcmp(l->name, name) && !strcmp(l->key, key) &&
		    (ns ? l->ns && !strcmp(l->ns, ns) : !l->ns)) {
			l->value = value;
			return 0;
		}
	}
	struct wr_lab_label l = {ns ? wr_arena_strdup(s->arena, ns) : NULL,
				 wr_arena_strdup(s->arena, name), key, value};
	return (!ns || l.ns) && l.name ? wr_vec_push(&s->labels, l) : -ENOMEM;
}

static int change_label(struct wr_lab *lab, enum wr_kind kind, const char *ns, const char *name,
			const char *change, bool overwrite, struct wr_diags *diags)
{
	const char *msgs[WR_CHECK_MAX], *equals = strchr(change, '=');
	size_t n = equals ? (size_t)(equals - change) : strlen(change);
	const char *value = equals ? wr_arena_strdup(lab->state->arena, equals + 1) : NULL;
	if (!equals && (!n || change[n - 1] != '-'))
		return wr_lab_error(diags, -EINVAL, "'%s' is neither key=value nor key-", change);
	const char *key = wr_arena_strndup(lab->state->arena, change, equals ? n : n - 1);
	if (!key || (equals && !value))
		return -ENOMEM;
	if (wr_check_label_key(key, msgs))
		return wr_lab_error(diags, -EINVAL, "label key '%s': %s", key, msgs[0]);
	if (value && wr_check_label_value(value, msgs))
		return wr_lab_error(diags, -EINVAL, "label value '%s': %s", value, msgs[0]);
	const struct wr_object *o = find_object(lab, kind, ns, name);
	for (size_t i = 0; o && value && !overwrite && i < o->meta.n_labels; i++)
		if (!strcmp(o->meta.labels[i].key, key) &&
		    strcmp(o->meta.labels[i].value, value) != 0) {
			wr_lab_error(diags, -EEXIST, "label %s is '%s' already", key,
				     o->meta.labels[i].value);
			wr_diag_advise(diags, "--overwrite changes it");
			return -EEXIST;
		}
	return put_label(lab->state, ns, name, key, value);
}

int wr_lab_label(const char *name, enum wr_kind kind, const char *ns, const char *object,
		 const char *const *changes, size_t n, bool overwrite, struct wr_diags *diags)
{
	struct wr_lab *lab = NULL;
	int rc = open_lab(name, &lab, diags);
	if (!rc && !can_label(lab, kind, ns, object))
		rc = wr_lab_error(diags, -ENOENT, "there is no %s %s%s%s in the lab",
				  wr_kind_name(kind), ns ? ns : "", ns ? "/" : "", object);
	for (size_t i = 0; i < n && !rc; i++)
		rc = change_label(lab, kind, kind == WR_KIND_NAMESPACE ? NULL : ns, object,
				  changes[i], overwrite, diags);
	if (!rc)
		rc = wr_lab_build(lab, diags);
	if (!rc)
		rc = follow(lab, diags);
	wr_lab_close(lab);
	return rc;
}
