/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change: 'weir lab apply', 'delete' and 'label' as clients of the lab's API
 * server. What manifests say is tried out first, with all that is there: the
 * world is built, and only when that has no errors is anything sent. An object
 * that is there is replaced; it keeps what the cluster gave it (a node, an
 * address of a Service) and the labels that 'weir lab label' changed. When all
 * that was sent is in force is for wr_lab_settle() and the agents to say.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/check.h"
#include "lab/manifest.h"
#include "lab/internal.h"
#include "lab/kubelet.h"

struct change {
	const char *name; /* of the lab */
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_objects objects; /* of the manifests */
	struct wr_kubelet api;
	struct wr_diags *diags;
};

static void quiet(const char *text)
{
	(void)text;
}

/* ---- begin, end ---- */

static int read_manifests(struct change *c, const char *const *paths, size_t n)
{
	int rc = 0;
	c->in = wr_input_new(NULL);
	if (!c->in || !c->arena)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = wr_input_path(c->in, paths[i], c->diags);
		rc = rc ? rc : r;
	}
	return rc ? rc : wr_decode(c->in, c->arena, c->diags, &c->objects);
}

static int try_out(struct change *c)
{
	struct wr_lab *lab = NULL;
	int rc = wr_lab_open(c->name, c->diags, &lab);
	if (!rc)
		rc = wr_lab_build(lab, &c->objects, c->diags);
	wr_lab_close(lab);
	return rc;
}

static int connect_api(struct change *c)
{
	char path[WR_LAB_PATH];
	struct wr_lab_state *s = NULL;
	int rc = wr_lab_check(c->name, c->diags, &s); /* that there is such a lab */
	wr_lab_state_free(s);
	if (rc)
		return rc;
	const struct wr_kube_source source = {.kubeconfig = wr_lab_kubeconfig(path, c->name)};
	c->api.name = c->name;
	c->api.log = quiet;
	c->api.tree.arena = c->arena;
	rc = wr_kube_config_load(&source, c->diags, &c->api.config);
	return rc ? rc : wr_kube_new(c->api.config, NULL, &c->api.kube);
}

static struct change begin(const char *name, struct wr_diags *diags)
{
	return (struct change){.name = name, .diags = diags, .arena = wr_arena_new()};
}

static int end(struct change *c, int rc)
{
	wr_kube_free(c->api.kube);
	wr_kube_config_free(c->api.config);
	wr_arena_free(c->arena);
	wr_input_free(c->in);
	return rc;
}

/* What came of a request: 0, or an error that names the object. */
static int refused(struct change *c, int status, const struct wr_object *o, const char *what)
{
	if (status >= 200 && status < 300)
		return 0;
	wr_diag_add(c->diags, WR_ERROR, o ? o->mark : (struct wr_mark){0}, NULL, NULL,
		    "the API server: %s: %s", what,
		    *c->api.error ? c->api.error : strerror(status < 0 ? -status : EPROTO));
	if (status < 0)
		wr_diag_advise(c->diags, "'weir lab status --name %s' tells what runs", c->name);
	return status < 0 ? status : -EINVAL;
}

/* ---- what an object keeps ---- */

/* The keys of labels that 'weir lab label' changed, with blanks between. */
static const char *note_of(const struct wr_value *live)
{
	const struct wr_value *v = wr_value_get(wr_tree_at(live, "metadata.annotations"),
						WR_LAB_NOTE_LABELS);
	return v && v->type == WR_STRING ? v->text : "";
}

/* These are as it left them. */
static void keep_labels(struct wr_tree *t, struct wr_value *to, const struct wr_value *from)
{
	const char *note = note_of(from);
	struct wr_value *meta = wr_tree_want_map(t, to, "metadata"),
			*labels = wr_tree_want_map(t, meta, "labels");
	for (const char *at = note; *at; at += *at == ' ') {
		size_t n = strcspn(at, " ");
		const char *key = wr_arena_strndup(t->arena, at, n);
		struct wr_value *v = wr_value_get(wr_tree_at(from, "metadata.labels"), key);
		t->nomem |= !key;
		if (v)
			wr_tree_set(t, labels, key, wr_tree_copy(t, v));
		else if (key)
			wr_tree_remove(labels, key);
		at += n;
	}
	if (*note)
		wr_tree_set_string(t, wr_tree_want_map(t, meta, "annotations"), WR_LAB_NOTE_LABELS,
				   note);
}

static void keep(struct wr_tree *t, struct wr_value *to, const struct wr_value *from,
		 const char *key)
{
	struct wr_value *v = wr_value_get(from, key);
	if (v && !wr_value_get(to, key))
		wr_tree_set(t, to, key, wr_tree_copy(t, v));
}

static bool same_port(const struct wr_value *a, const struct wr_value *b)
{
	const char *p = wr_tree_text(a, "protocol"), *q = wr_tree_text(b, "protocol");
	return wr_tree_number(a, "port", -1) == wr_tree_number(b, "port", -2) &&
	       !strcmp(p ? p : "TCP", q ? q : "TCP");
}

static void keep_service(struct wr_tree *t, struct wr_value *to, const struct wr_value *from)
{
	static const char *const given[] = {"clusterIP", "clusterIPs"};
	struct wr_value *ports = wr_value_get(to, "ports");
	const struct wr_value *old = wr_value_get(from, "ports");
	const char *type = wr_tree_text(to, "type");
	if (type && !strcmp(type, "ExternalName"))
		return;
	for (size_t i = 0; i < 2; i++)
		keep(t, to, from, given[i]);
	if (!type || !strcmp(type, "ClusterIP"))
		return;
	for (size_t i = 0; ports && ports->type == WR_LIST && i < ports->n; i++)
		for (size_t k = 0; old && old->type == WR_LIST && k < old->n; k++)
			if (same_port(ports->items[i], old->items[k]))
				keep(t, ports->items[i], old->items[k], "nodePort");
}

static void keep_given(struct wr_tree *t, const struct wr_lab_sending *s,
		       const struct wr_value *live)
{
	struct wr_value *spec = wr_tree_want_map(t, s->value, "spec");
	if (s->kind == WR_KIND_POD)
		keep(t, spec, wr_value_get(live, "spec"), "nodeName");
	else if (s->kind == WR_KIND_SERVICE)
		keep_service(t, spec, wr_value_get(live, "spec"));
	if (s->kind == WR_KIND_POD || s->kind == WR_KIND_NAMESPACE)
		keep_labels(t, s->value, live);
	wr_lab_keep_addresses(t, s);
}

/* ---- apply ---- */

static int post(struct change *c, const struct wr_lab_sending *s, struct wr_value **answer)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	wr_lab_keep_addresses(&c->api.tree, s);
	wr_answer_value(&t, s->value);
	return wr_kubelet_ask(&c->api, "POST", wr_kubelet_path(&c->api, s->kind, s->ns, NULL, NULL),
			      &t, answer);
}

/* A Namespace that nobody has written down is made when something is to be in it. */
static int make_namespace(struct change *c, const struct wr_lab_sending *s)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	struct wr_value *answer = NULL;
	wr_buf_text(&t, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":");
	wr_buf_json(&t, s->ns);
	wr_buf_text(&t, "}}");
	int rc = wr_kubelet_ask(&c->api, "POST",
				wr_kubelet_path(&c->api, WR_KIND_NAMESPACE, NULL, NULL, NULL), &t,
				&answer);
	return rc == 409 ? 201 : rc;
}

static int create(struct change *c, const struct wr_lab_sending *s, struct wr_value **answer)
{
	int rc = post(c, s, answer);
	if (rc != 404 || !s->ns)
		return rc;
	rc = make_namespace(c, s);
	return rc >= 200 && rc < 300 ? post(c, s, answer) : rc;
}

static int replace(struct change *c, const struct wr_lab_sending *s, const char *path,
		   const struct wr_value *live, struct wr_value **answer)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	keep_given(&c->api.tree, s, live);
	wr_answer_value(&t, s->value);
	int rc = wr_kubelet_ask(&c->api, "PUT", path, &t, answer);
	if (rc != 422)
		return rc;
	/* what cannot be changed on it is changed by another of its name */
	rc = wr_kubelet_delete(&c->api, path);
	return rc >= 200 && rc < 300 ? post(c, s, answer) : rc;
}

/* A pod that has ended says so in its status only. */
static int put_phase(struct change *c, const struct wr_lab_sending *s)
{
	const char *phase = s->kind == WR_KIND_POD && s->from->kind == WR_KIND_POD
				    ? s->from->pod.phase
				    : NULL;
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (!phase || (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0))
		return 200;
	wr_buf_printf(&t, "{\"status\":{\"phase\":\"%s\"}}", phase);
	return wr_kubelet_patch(&c->api,
				wr_kubelet_path(&c->api, s->kind, s->ns, s->name, "status"), &t);
}

static int apply_one(struct change *c, const struct wr_lab_sending *s, struct wr_value **answer)
{
	struct wr_value *live = NULL;
	const char *path = wr_kubelet_path(&c->api, s->kind, s->ns, s->name, NULL);
	int rc = wr_kubelet_ask(&c->api, "GET", path, NULL, &live);
	if (rc == 404)
		rc = create(c, s, answer);
	else if (rc >= 200 && rc < 300)
		rc = replace(c, s, path, live, answer);
	if (rc >= 200 && rc < 300)
		rc = put_phase(c, s);
	return refused(c, rc, s->from, "the object is not taken");
}

/* Where the objects that were sent came from, for the places that messages name. */
static int note_sources(struct change *c, const struct wr_lab_sendings *all,
			struct wr_value *const *answers)
{
	struct wr_lab_state *s = NULL;
	WR_CLEANUP(fd)
	int lock = wr_lab_lock(c->name, false, c->diags);
	int rc = lock < 0 ? lock : wr_lab_state_load(c->name, c->diags, &s);
	for (size_t i = 0; i < all->v.n && !rc; i++) {
		const char *uid = wr_tree_text(answers[i], "metadata.uid");
		if (uid)
			rc = wr_lab_source_add(s, all->v.items[i].from, uid,
					       wr_tree_number(answers[i], "metadata.generation",
							      0));
	}
	if (!rc)
		rc = wr_lab_state_save(s, c->diags);
	wr_lab_state_free(s);
	return rc;
}

static int send_all(struct change *c)
{
	struct wr_lab_sendings all = {0};
	struct wr_value **answers = NULL;
	struct wr_lab_state *s = NULL;
	size_t done = 0;
	int rc = wr_lab_state_load(c->name, c->diags, &s);
	if (!rc)
		rc = wr_lab_sendings(s, &c->objects, &c->api.tree, &all, c->diags);
	wr_lab_state_free(s);
	if (!rc && !(answers = calloc(all.v.n + 1, sizeof(*answers))))
		rc = -ENOMEM;
	for (; done < all.v.n && !rc; done++)
		rc = apply_one(c, &all.v.items[done], &answers[done]);
	if (done) { /* also of those before one that was refused */
		int noted = note_sources(c, &all, answers);
		rc = rc ? rc : noted;
	}
	free(answers);
	wr_vec_free(&all.v);
	return rc;
}

int wr_lab_apply(const char *name, const char *const *paths, size_t n, struct wr_diags *diags)
{
	struct change c = begin(name, diags);
	int rc = read_manifests(&c, paths, n);
	if (!rc)
		rc = try_out(&c);
	if (!rc)
		rc = connect_api(&c);
	if (!rc)
		rc = send_all(&c);
	return end(&c, rc);
}

/* ---- delete ---- */

static int delete_one(struct change *c, const struct wr_lab_sending *s)
{
	const struct wr_object *o = s->from;
	int rc = wr_kubelet_delete(&c->api,
				   wr_kubelet_path(&c->api, s->kind, s->ns, s->name, NULL));
	if (rc != 404)
		return refused(c, rc, o, "the object is not deleted");
	wr_diag_add(c->diags, WR_WARNING, o->mark, NULL, NULL, "%s %s%s%s is not in the lab",
		    wr_kind_name(s->kind), s->ns ? s->ns : "", s->ns ? "/" : "", s->name);
	return 0;
}

/* Namespaces last: they would take the others with them. */
static int delete_all(struct change *c)
{
	struct wr_lab_sendings all = {0};
	struct wr_lab_state *s = NULL;
	int rc = wr_lab_state_load(c->name, c->diags, &s);
	if (!rc)
		rc = wr_lab_sendings(s, &c->objects, &c->api.tree, &all, c->diags);
	wr_lab_state_free(s);
	for (size_t i = all.v.n; i-- > 0 && !rc;)
		rc = delete_one(c, &all.v.items[i]);
	wr_vec_free(&all.v);
	return rc;
}

int wr_lab_delete(const char *name, const char *const *paths, size_t n, struct wr_diags *diags)
{
	struct change c = begin(name, diags);
	int rc = read_manifests(&c, paths, n);
	if (!rc)
		rc = connect_api(&c);
	if (!rc)
		rc = delete_all(&c);
	return end(&c, rc);
}

/* ---- label ---- */

struct labelling {
	struct wr_value *live, *labels; /* labels: the patch */
	const char *note;
	bool overwrite;
};

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = words; *at; at += strspn(at, " ")) {
		size_t k = strcspn(at, " ");
		if (k == n && !strncmp(at, word, n))
			return true;
		at += k;
	}
	return false;
}

static int change_label(struct change *c, struct labelling *l, const char *change)
{
	const char *msgs[WR_CHECK_MAX], *equals = strchr(change, '=');
	size_t n = equals ? (size_t)(equals - change) : strlen(change);
	struct wr_tree *t = &c->api.tree;
	if (!equals && (!n || change[n - 1] != '-'))
		return wr_lab_error(c->diags, -EINVAL, "'%s' is neither key=value nor key-",
				    change);
	const char *key = wr_arena_strndup(c->arena, change, equals ? n : n - 1);
	if (!key)
		return -ENOMEM;
	if (wr_check_label_key(key, msgs))
		return wr_lab_error(c->diags, -EINVAL, "label key '%s': %s", key, msgs[0]);
	if (equals && wr_check_label_value(equals + 1, msgs))
		return wr_lab_error(c->diags, -EINVAL, "label value '%s': %s", equals + 1, msgs[0]);
	const struct wr_value *v = wr_value_get(wr_tree_at(l->live, "metadata.labels"), key);
	const char *has = v && v->type == WR_STRING ? v->text : NULL;
	if (equals && has && !l->overwrite && strcmp(has, equals + 1) != 0) {
		wr_lab_error(c->diags, -EEXIST, "label %s is '%s' already", key, has);
		wr_diag_advise(c->diags, "--overwrite changes it");
		return -EEXIST;
	}
	wr_tree_set(t, l->labels, key, wr_tree_string(t, equals ? equals + 1 : NULL));
	if (!has_word(l->note, key))
		l->note = wr_arena_printf(c->arena, "%s%s%s", l->note, *l->note ? " " : "", key);
	return l->note ? 0 : -ENOMEM;
}

static int label(struct change *c, struct labelling *l, enum wr_kind kind, const char *ns,
		 const char *object)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	struct wr_tree *tree = &c->api.tree;
	struct wr_value *patch = wr_tree_map(tree),
			*meta = wr_tree_want_map(tree, patch, "metadata");
	wr_tree_set(tree, meta, "labels", l->labels);
	wr_tree_set_string(tree, wr_tree_want_map(tree, meta, "annotations"), WR_LAB_NOTE_LABELS,
			   l->note);
	wr_answer_value(&t, patch);
	if (tree->nomem)
		return -ENOMEM;
	return refused(
		c, wr_kubelet_patch(&c->api, wr_kubelet_path(&c->api, kind, ns, object, NULL), &t),
		NULL, "the labels are not taken");
}

static int label_object(struct change *c, enum wr_kind kind, const char *ns, const char *object,
			const char *const *changes, size_t n, bool overwrite)
{
	struct labelling l = {.overwrite = overwrite, .labels = wr_tree_map(&c->api.tree)};
	int rc = wr_kubelet_ask(&c->api, "GET", wr_kubelet_path(&c->api, kind, ns, object, NULL),
				NULL, &l.live);
	if (rc == 404)
		return wr_lab_error(c->diags, -ENOENT, "there is no %s %s%s%s in the lab",
				    wr_kind_name(kind), ns ? ns : "", ns ? "/" : "", object);
	rc = refused(c, rc, NULL, object);
	l.note = rc ? "" : note_of(l.live);
	for (size_t i = 0; i < n && !rc; i++)
		rc = change_label(c, &l, changes[i]);
	return rc ? rc : label(c, &l, kind, ns, object);
}

int wr_lab_label(const char *name, enum wr_kind kind, const char *ns, const char *object,
		 const char *const *changes, size_t n, bool overwrite, struct wr_diags *diags)
{
	struct change c = begin(name, diags);
	int rc = c.arena ? connect_api(&c) : -ENOMEM;
	if (!rc)
		rc = label_object(&c, kind, kind == WR_KIND_NAMESPACE ? NULL : ns, object, changes,
				  n, overwrite);
	return end(&c, rc);
}
