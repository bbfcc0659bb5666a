/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a lab: up, down, and how the network follows what the API says.
 *
 * What is said is tried out first: it is read and the new world is built, and
 * only when that has no errors is anything touched. Then the network is made to
 * follow: pods that are gone lose theirs, new ones get theirs. The state is
 * saved before and after, so that a command that was killed leaves nothing that
 * lab down does not find.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/map.h"
#include "lab/api.h"
#include "lab/internal.h"

#define DNS_FILE "weir:cluster-dns"

/* ---- manifests ---- */

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

/* ---- making the network follow ---- */

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

/* A table that is as it ought to be is left alone. */
static int load_services(struct wr_lab *lab, struct wr_diags *diags)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	int rc = 0;
	for (uint32_t i = 0; i < lab->state->n_nodes && !rc; i++) {
		WR_CLEANUP(buf)
		struct wr_buf text = {0};
		char netns[WR_LAB_NETNS];
		wr_lab_services_nft(lab, i, &text);
		uint64_t hash = text.failed ? 0 : wr_hash(text.data, text.n) | 1;
		if (hash && lab->state->rules[i] == hash)
			continue;
		rc = text.failed ? -ENOMEM
				 : wr_run(wr_lab_node_netns(netns, lab->state, i), argv, text.data,
					  text.n, diags);
		if (!rc)
			lab->state->rules[i] = hash;
	}
	return rc;
}

static int follow(struct wr_lab *lab, struct wr_diags *diags)
{
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

static int mount_pins(const struct wr_lab *lab, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	return wr_bpffs_mount(wr_lab_path(path, lab->state->name, "bpf"), diags);
}

/* What a lab begins with. */
struct beginning {
	struct wr_input *in, *own;
	struct wr_arena *arena;
	struct wr_objects objects;
};

static void beginning_free(struct beginning *b)
{
	wr_arena_free(b->arena);
	wr_input_free(b->in);
	wr_input_free(b->own);
}

/* The lab's own DNS, where the manifests bring none. */
static int add_dns(struct beginning *b, struct wr_diags *diags)
{
	const char *text = wr_lab_dns_manifests();
	struct wr_objects own = {0}, *all = &b->objects;
	if (!text || brings_dns(all))
		return 0;
	int rc = wr_input_bytes(b->own, DNS_FILE, 1, text, strlen(text), diags);
	if (!rc)
		rc = wr_decode(b->own, b->arena, diags, &own);
	struct wr_object **items = rc ? NULL
				      : wr_arena_array(b->arena, own.n + all->n, sizeof(*items));
	if (!items)
		return rc ? rc : -ENOMEM;
	memcpy(items, own.items, own.n * sizeof(*items));
	if (all->n)
		memcpy(items + own.n, all->items, all->n * sizeof(*items));
	*all = (struct wr_objects){.items = items, .n = own.n + all->n};
	return 0;
}

static int prepare(struct wr_lab *lab, const char *name, const struct wr_lab_up_opts *opts,
		   struct beginning *b, struct wr_diags *diags)
{
	b->in = wr_input_new(NULL);
	b->own = wr_input_new(NULL);
	b->arena = wr_arena_new();
	lab->state = wr_lab_state_new(name);
	int rc = b->in && b->own && b->arena && lab->state
			 ? read_paths(b->in, opts->paths, opts->n_paths, diags)
			 : -ENOMEM;
	if (!rc)
		rc = wr_decode(b->in, b->arena, diags, &b->objects);
	if (!rc)
		lab->state->n_nodes = opts->nodes;
	for (size_t i = 0; i < opts->n_outside && !rc; i++)
		rc = wr_lab_add_outside(lab->state, opts->outside[i], opts->outside_ports,
					opts->n_outside_ports, diags);
	if (!rc)
		rc = add_dns(b, diags);
	return rc ? rc : wr_lab_build(lab, &b->objects, diags);
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
	struct beginning b = {0};
	if (valid_name(name, diags))
		return -EINVAL;
	if (!opts->nodes || opts->nodes > WR_LAB_NODES_MAX)
		return wr_lab_error(diags, -EINVAL, "a lab has 1 to %d nodes", WR_LAB_NODES_MAX);
	struct wr_lab *lab = new_lab();
	if (!lab)
		return -ENOMEM;
	int rc = prepare(lab, name, opts, &b, diags);
	if (!rc)
		rc = claim(lab, name, diags);
	if (!rc) {
		rc = wr_lab_api_hand_over(lab, b.in, &b.objects, diags);
		if (!rc)
			rc = wr_lab_state_save(lab->state, diags);
		if (!rc)
			rc = wr_lab_make_nodes(lab, diags);
		if (!rc)
			rc = mount_pins(lab, diags);
		if (!rc)
			rc = follow(lab, diags);
		if (rc) /* half a lab is of no use to anybody */
			tear_down(name, diags);
	}
	wr_lab_close(lab);
	beginning_free(&b);
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

/* ---- what the API says ---- */

static int add_doc(struct wr_lab_state *s, const struct wr_lab_doc *from)
{
	struct wr_lab_doc d = {
		.file = wr_arena_strdup(s->arena, from->file),
		.line = 1,
		.text = wr_arena_strndup(s->arena, from->text, from->size),
		.size = from->size,
	};
	return d.file && d.text ? wr_vec_push(&s->docs, d) : -ENOMEM;
}

int wr_lab_mirror(const char *name, const struct wr_lab_doc *docs, size_t n, struct wr_diags *diags,
		  struct wr_lab **out)
{
	struct wr_lab *lab = NULL;
	int rc = wr_lab_open(name, diags, &lab);
	if (rc)
		return rc;
	lab->state->docs.n = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_doc(lab->state, &docs[i]);
	if (!rc)
		rc = wr_lab_build(lab, NULL, diags);
	if (!rc)
		rc = follow(lab, diags);
	if (rc) {
		wr_lab_close(lab);
		return rc;
	}
	*out = lab;
	return 0;
}
