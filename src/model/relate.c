/* SPDX-License-Identifier: Apache-2.0 */
#include "model/relate.h"

/* ---- requirements of one key; their values are sorted ---- */

static bool subset(const struct wr_req *a, const struct wr_req *b)
{
	for (size_t i = 0, k = 0; i < a->n; i++) {
		while (k < b->n && b->pairs[k] < a->pairs[i])
			k++;
		if (k == b->n || b->pairs[k] != a->pairs[i])
			return false;
	}
	return true;
}

static bool disjoint(const struct wr_req *a, const struct wr_req *b)
{
	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		if (a->pairs[i] == b->pairs[k])
			return false;
		if (a->pairs[i] < b->pairs[k])
			i++;
		else
			k++;
	}
	return true;
}

static bool req_implies(const struct wr_req *a, const struct wr_req *b)
{
	if (a->key != b->key)
		return false;
	switch (b->op) {
	case WR_OP_EXISTS:
		return a->op == WR_OP_EXISTS || a->op == WR_OP_IN;
	case WR_OP_IN:
		return a->op == WR_OP_IN && subset(a, b);
	case WR_OP_NOT_EXISTS:
		return a->op == WR_OP_NOT_EXISTS;
	case WR_OP_NOT_IN:
		return a->op == WR_OP_NOT_EXISTS || (a->op == WR_OP_NOT_IN && subset(b, a)) ||
		       (a->op == WR_OP_IN && disjoint(a, b));
	}
	return false;
}

static bool req_excludes(const struct wr_req *a, const struct wr_req *b)
{
	if (a->key != b->key)
		return false;
	switch (a->op) {
	case WR_OP_IN:
		return b->op == WR_OP_NOT_EXISTS || (b->op == WR_OP_IN && disjoint(a, b)) ||
		       (b->op == WR_OP_NOT_IN && subset(a, b));
	case WR_OP_NOT_IN:
		return b->op == WR_OP_IN && subset(b, a);
	case WR_OP_EXISTS:
		return b->op == WR_OP_NOT_EXISTS;
	case WR_OP_NOT_EXISTS:
		return b->op == WR_OP_EXISTS || b->op == WR_OP_IN;
	}
	return false;
}

/* ---- selectors ---- */

bool wr_selector_implies(const struct wr_world *w, uint32_t a, uint32_t b)
{
	if (b == WR_NONE || a == b)
		return true;
	const struct wr_selector *sb = &w->selectors[b];
	for (size_t i = 0; i < sb->n; i++) {
		bool found = false;
		for (size_t k = 0; a != WR_NONE && k < w->selectors[a].n && !found; k++)
			found = req_implies(&w->selectors[a].reqs[k], &sb->reqs[i]);
		if (!found)
			return false;
	}
	return true;
}

bool wr_selector_excludes(const struct wr_world *w, uint32_t a, uint32_t b)
{
	if (a == WR_NONE || b == WR_NONE)
		return false;
	const struct wr_selector *sa = &w->selectors[a], *sb = &w->selectors[b];
	for (size_t i = 0; i < sa->n; i++)
		for (size_t k = 0; k < sb->n; k++)
			if (req_excludes(&sa->reqs[i], &sb->reqs[k]))
				return true;
	return false;
}

/* ---- peers ---- */

/* Labels of a namespace are known where it is in the manifests. */
static bool namespace_known(const struct wr_world *w, uint32_t ns, uint32_t selector, bool *matches)
{
	const struct wr_namespace *n = &w->namespaces[ns];
	*matches = wr_selector_matches(w, selector, n->labels, n->n_labels);
	return n->object != NULL;
}

static bool namespaces_within(const struct wr_world *w, const struct wr_peer *a,
			      const struct wr_peer *b)
{
	bool matches;
	if (b->ns_index != WR_NONE)
		return a->ns_index == b->ns_index;
	if (a->ns_index == WR_NONE)
		return wr_selector_implies(w, a->ns_selector, b->ns_selector);
	if (wr_selector_implies(w, WR_NONE, b->ns_selector))
		return true;
	return namespace_known(w, a->ns_index, b->ns_selector, &matches) && matches;
}

static bool namespaces_apart(const struct wr_world *w, const struct wr_peer *a,
			     const struct wr_peer *b)
{
	bool matches;
	if (a->ns_index != WR_NONE && b->ns_index != WR_NONE)
		return a->ns_index != b->ns_index;
	if (a->ns_index == WR_NONE && b->ns_index == WR_NONE)
		return wr_selector_excludes(w, a->ns_selector, b->ns_selector);
	if (a->ns_index == WR_NONE)
		return namespaces_apart(w, b, a);
	return namespace_known(w, a->ns_index, b->ns_selector, &matches) && !matches;
}

bool wr_peer_pods_within(const struct wr_world *w, const struct wr_peer *a, const struct wr_peer *b)
{
	static const struct wr_peer any = {.kind = WR_PEER_PODS,
					   .ns_index = WR_NONE,
					   .ns_selector = WR_NONE,
					   .pod_selector = WR_NONE};
	a = a ? a : &any;
	return !b || (namespaces_within(w, a, b) &&
		      wr_selector_implies(w, a->pod_selector, b->pod_selector));
}

bool wr_peer_pods_apart(const struct wr_world *w, const struct wr_peer *a, const struct wr_peer *b)
{
	return a && b &&
	       (namespaces_apart(w, a, b) ||
		wr_selector_excludes(w, a->pod_selector, b->pod_selector));
}
