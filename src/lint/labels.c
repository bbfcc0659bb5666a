/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/typo.h"
#include "lint/internal.h"
#include "model/relate.h"

/* ---- who carries what ---- */

static struct lint_labels *labels_new(struct lint *l)
{
	struct lint_labels *out = wr_arena_alloc(l->arena, sizeof(*out));
	if (out) {
		out->pairs = wr_arena_array(l->arena, l->w->n_pairs, sizeof(uint32_t));
		out->keys = wr_arena_array(l->arena, l->w->n_keys, sizeof(uint32_t));
	}
	if (!out || !out->pairs || !out->keys) {
		l->nomem = true;
		return NULL;
	}
	return out;
}

static void count_labels(struct lint_labels *out, const struct wr_label_id *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out->pairs[labels[i].pair]++;
		out->keys[labels[i].key]++;
	}
}

const struct lint_labels *lint_pod_labels(struct lint *l)
{
	if (!l->pod_labels && (l->pod_labels = labels_new(l)))
		for (uint32_t i = 0; i < l->w->n_pods; i++)
			count_labels(l->pod_labels, l->w->pods[i].labels, l->w->pods[i].n_labels);
	return l->pod_labels;
}

const struct lint_labels *lint_namespace_labels(struct lint *l)
{
	if (!l->namespace_labels && (l->namespace_labels = labels_new(l)))
		for (uint32_t i = 0; i < l->w->n_namespaces; i++)
			count_labels(l->namespace_labels, l->w->namespaces[i].labels,
				     l->w->namespaces[i].n_labels);
	return l->namespace_labels;
}

/* ---- why nobody ---- */

static bool met(const struct wr_req *req, const struct lint_labels *have)
{
	switch (req->op) {
	case WR_OP_EXISTS:
		return have->keys[req->key] > 0;
	case WR_OP_IN:
		for (size_t i = 0; i < req->n; i++)
			if (have->pairs[req->pairs[i]])
				return true;
		return false;
	case WR_OP_NOT_IN:
	case WR_OP_NOT_EXISTS:
		break;
	}
	return true;
}

/* The key that is carried and nearest to a word; NULL: none is near. */
static const char *nearest_key(struct lint *l, const char *word, const struct lint_labels *have)
{
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	for (uint32_t i = 0; i < l->w->n_keys; i++) {
		const char *key = have->keys[i] ? wr_world_key_text(l->w, i) : NULL;
		unsigned distance = key ? wr_typo_distance(word, key) : UINT32_MAX;
		if (key && distance < least && wr_typo_likely(distance, key)) {
			least = distance;
			best = key;
		}
	}
	return best;
}

/* The values of a key that are carried: the nearest to a value, and the first few as text. */
static const char *values_of(struct lint *l, const char *key, const char *value,
			     const struct lint_labels *have, const char **meant)
{
	size_t n = strlen(key), count = 0;
	unsigned least = UINT32_MAX;
	const char *text = NULL;
	for (uint32_t i = 0; i < l->w->n_pairs && !l->nomem; i++) {
		const char *pair = have->pairs[i] ? wr_world_pair_text(l->w, i) : NULL;
		if (!pair || strncmp(pair, key, n) != 0 || pair[n] != '=')
			continue;
		const char *is = pair + n + 1;
		if (count++ < 5)
			text = lint_text(l, "%s%s\"%s\"", text ? text : "", text ? ", " : "", is);
		unsigned distance = wr_typo_distance(value, is);
		if (distance < least && wr_typo_likely(distance, is)) {
			least = distance;
			*meant = lint_text(l, "%s", pair);
		}
	}
	return count > 5 ? lint_text(l, "%s and %zu more", text, count - 5) : text;
}

/* "app=web" without its key. */
static const char *value_of(const struct lint *l, const struct wr_req *req)
{
	const char *pair = req->n ? wr_world_pair_text(l->w, req->pairs[0]) : "=";
	return pair + strlen(wr_world_key_text(l->w, req->key)) + 1;
}

const char *lint_why_nobody(struct lint *l, uint32_t selector, const struct lint_labels *have,
			    const char *what, const char **meant)
{
	*meant = NULL;
	if (selector == WR_NONE)
		return NULL;
	const struct wr_selector *s = &l->w->selectors[selector];
	for (size_t i = 0; i < s->n; i++) {
		const struct wr_req *req = &s->reqs[i];
		if (met(req, have))
			continue;
		const char *key = wr_world_key_text(l->w, req->key);
		if (!have->keys[req->key]) {
			const char *near = nearest_key(l, key, have);
			if (near && req->op == WR_OP_IN)
				*meant = lint_text(l, "%s=%s", near, value_of(l, req));
			else if (near)
				*meant = near;
			return lint_text(l, "no %s has a label \"%s\"", what, key);
		}
		const char *values = values_of(l, key, value_of(l, req), have, meant);
		return lint_text(l, "no %s has %s=%s: the label's values are %s", what, key,
				 value_of(l, req), values);
	}
	return NULL;
}

/* ---- what a selector says ---- */

const struct wr_req *lint_requirement(const struct lint *l, uint32_t selector, const char *key)
{
	if (selector == WR_NONE)
		return NULL;
	const struct wr_selector *s = &l->w->selectors[selector];
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(wr_world_key_text(l->w, s->reqs[i].key), key))
			return &s->reqs[i];
	return NULL;
}

bool lint_is_pair(const struct lint *l, uint32_t selector, const char *key, const char **value)
{
	const struct wr_req *req = lint_requirement(l, selector, key);
	if (!req || l->w->selectors[selector].n != 1 || req->op != WR_OP_IN || req->n != 1)
		return false;
	*value = value_of(l, req);
	return true;
}

bool lint_names_pod(const struct lint *l, const struct wr_peer *peer, uint32_t pod)
{
	const struct wr_pod *p = &l->w->pods[pod];
	const struct wr_namespace *ns = &l->w->namespaces[p->ns_index];
	if (peer->kind != WR_PEER_PODS ||
	    (peer->ns_index != WR_NONE && peer->ns_index != p->ns_index))
		return false;
	return wr_selector_matches(l->w, peer->ns_selector, ns->labels, ns->n_labels) &&
	       wr_selector_matches(l->w, peer->pod_selector, p->labels, p->n_labels);
}

bool lint_implies(const struct lint *l, uint32_t a, uint32_t b)
{
	return wr_selector_implies(l->w, a, b);
}

bool lint_excludes(const struct lint *l, uint32_t a, uint32_t b)
{
	return wr_selector_excludes(l->w, a, b);
}
