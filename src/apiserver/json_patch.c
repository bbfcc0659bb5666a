/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/patch.h"

#define OPS_MAX 10000         /* as the API server's */
#define COPIED_MAX (1U << 20) /* values that copy may make in all */

struct job {
	struct wr_tree *t;
	struct wr_value *root;
	const char *why;
	size_t copied;
};

static int fail(struct job *j, const char *why, const char *path)
{
	j->why = wr_arena_printf(j->t->arena, "%s: %s", why, path);
	j->t->nomem |= !j->why;
	return -EINVAL;
}

/* The next step of a pointer, unescaped; *at moves behind it. NULL: none is left. */
static const char *step(struct job *j, const char **at)
{
	if (**at != '/')
		return NULL;
	size_t n = strcspn(*at + 1, "/"), k = 0;
	char *s = wr_arena_strndup(j->t->arena, *at + 1, n);
	j->t->nomem |= !s;
	*at += n + 1;
	for (size_t i = 0; s && i < n; i++, k++) {
		s[k] = s[i];
		if (s[i] == '~' && (s[i + 1] == '0' || s[i + 1] == '1'))
			s[k] = s[++i] == '0' ? '~' : '/';
	}
	if (s)
		s[k] = '\0';
	return s;
}

/* An index below or, with end, up to n. "-" is the end. */
static bool index_of(const char *s, size_t n, bool end, size_t *out)
{
	char *stop;
	if (end && !strcmp(s, "-")) {
		*out = n;
		return true;
	}
	if (*s < '0' || *s > '9' || (*s == '0' && s[1]))
		return false;
	errno = 0;
	unsigned long i = strtoul(s, &stop, 10);
	if (*stop || errno || i > n || (i == n && !end))
		return false;
	*out = i;
	return true;
}

static struct wr_value *child(struct wr_value *v, const char *key)
{
	size_t i;
	if (v->type == WR_MAP)
		return wr_value_get(v, key);
	if (v->type == WR_LIST && index_of(key, v->n, false, &i))
		return v->items[i];
	return NULL;
}

/* What holds the last step of a pointer, and that step. The pointer is not "". */
static int find(struct job *j, const char *path, struct wr_value **holder, const char **last)
{
	const char *at = path;
	struct wr_value *v = j->root;
	size_t depth = 0;
	for (const char *key = step(j, &at); key; key = step(j, &at)) {
		if (!*at) {
			*holder = v;
			*last = key;
			return v->type == WR_MAP || v->type == WR_LIST
				       ? 0
				       : fail(j, "the path's parent is no map or list", path);
		}
		v = child(v, key);
		if (!v)
			return fail(j, "the path does not exist", path);
		if (++depth > WR_PATCH_DEPTH)
			return fail(j, "the path is too deep", path);
	}
	return j->t->nomem ? -ENOMEM : fail(j, "a path begins with '/'", path);
}

static struct wr_value *get(struct job *j, const char *path)
{
	struct wr_value *holder;
	const char *last;
	if (!*path)
		return j->root;
	if (find(j, path, &holder, &last) < 0)
		return NULL;
	struct wr_value *v = child(holder, last);
	if (!v)
		(void)fail(j, "the path does not exist", path);
	return v;
}

static int add(struct job *j, const char *path, struct wr_value *value)
{
	struct wr_value *holder;
	const char *last;
	size_t i;
	if (!*path) {
		j->root = value;
		return 0;
	}
	int rc = find(j, path, &holder, &last);
	if (rc < 0)
		return rc;
	if (holder->type == WR_MAP)
		wr_tree_set(j->t, holder, last, value);
	else if (index_of(last, holder->n, true, &i))
		wr_tree_insert(j->t, holder, i, value);
	else
		return fail(j, "no such index", path);
	return 0;
}

static int cut(struct job *j, const char *path)
{
	struct wr_value *holder;
	const char *last;
	size_t i;
	int rc = *path ? find(j, path, &holder, &last) : fail(j, "the whole cannot go", path);
	if (rc < 0)
		return rc;
	if (holder->type == WR_MAP)
		return wr_tree_remove(holder, last)
			       ? 0
			       : fail(j, "Unable to remove nonexistent key", path);
	if (!index_of(last, holder->n, false, &i))
		return fail(j, "no such index", path);
	wr_tree_cut(holder, i);
	return 0;
}

static int replace(struct job *j, const char *path, struct wr_value *value)
{
	struct wr_value *holder;
	const char *last;
	size_t i;
	if (!get(j, path))
		return -EINVAL;
	if (!*path) {
		j->root = value;
		return 0;
	}
	int rc = find(j, path, &holder, &last);
	if (rc < 0)
		return rc;
	if (holder->type == WR_MAP)
		wr_tree_set(j->t, holder, last, value);
	else if (index_of(last, holder->n, false, &i))
		holder->items[i] = value;
	return 0;
}

/* Values in a tree, and how deep it is; stops counting past the bounds. */
static void measure(const struct wr_value *v, size_t depth, size_t *n, size_t *deepest)
{
	++*n;
	if (depth > *deepest)
		*deepest = depth;
	if (*n > COPIED_MAX || depth > 2 * WR_PATCH_DEPTH)
		return;
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		measure(v->items[i], depth + 1, n, deepest);
	for (size_t i = 0; v->type == WR_MAP && i < v->n; i++)
		measure(v->fields[i].value, depth + 1, n, deepest);
}

static int copy(struct job *j, const char *from, const char *path)
{
	struct wr_value *v = get(j, from);
	size_t deepest = 0;
	if (!v)
		return -EINVAL;
	measure(v, 0, &j->copied, &deepest);
	if (j->copied > COPIED_MAX || deepest > WR_PATCH_DEPTH)
		return fail(j, "the copies of this patch are too large", path);
	return add(j, path, wr_tree_copy(j->t, v));
}

static int move(struct job *j, const char *from, const char *path)
{
	struct wr_value *v = get(j, from);
	size_t n = strlen(from);
	if (!v)
		return -EINVAL;
	if (!strncmp(from, path, n) && path[n] == '/')
		return fail(j, "a value cannot be moved into itself", path);
	int rc = cut(j, from);
	return rc ? rc : add(j, path, v);
}

static int test(struct job *j, const char *path, const struct wr_value *value)
{
	struct wr_value *v = get(j, path);
	if (v && wr_tree_equal(v, value))
		return 0;
	return fail(j, "testing value failed", path);
}

static int apply(struct job *j, const struct wr_value *op)
{
	const char *name = wr_tree_text(op, "op"), *path = wr_tree_text(op, "path");
	const char *from = wr_tree_text(op, "from");
	struct wr_value *value = wr_value_get(op, "value");
	if (!name || !path)
		return fail(j, "an operation has 'op' and 'path'", path ? path : "");
	if (!strcmp(name, "remove"))
		return cut(j, path);
	if (!strcmp(name, "copy") || !strcmp(name, "move")) {
		if (!from)
			return fail(j, "this operation needs 'from'", path);
		return *name == 'c' ? copy(j, from, path) : move(j, from, path);
	}
	if (!value)
		return fail(j, "this operation needs 'value'", path);
	if (!strcmp(name, "test"))
		return test(j, path, value);
	if (!strcmp(name, "add"))
		return add(j, path, wr_tree_copy(j->t, value));
	if (!strcmp(name, "replace"))
		return replace(j, path, wr_tree_copy(j->t, value));
	return fail(j, "Unexpected kind", name);
}

int wr_patch_json(struct wr_tree *t, struct wr_value *target, const struct wr_value *ops,
		  struct wr_value **out, const char **why)
{
	struct job j = {.t = t, .root = target, .why = "a JSON patch is a list of operations"};
	int rc = ops->type == WR_LIST ? 0 : -EINVAL;
	if (!rc && ops->n > OPS_MAX) {
		j.why = "The allowed maximum operations in a JSON patch is 10000";
		rc = -EINVAL;
	}
	for (size_t i = 0; i < ops->n && !rc; i++)
		rc = apply(&j, ops->items[i]);
	size_t n = 0, deepest = 0;
	if (!rc)
		measure(j.root, 0, &n, &deepest);
	if (!rc && (deepest > WR_PATCH_DEPTH || n > COPIED_MAX)) {
		j.why = "what comes of the patch is too large or too deep";
		rc = -EINVAL;
	}
	if (rc)
		*why = j.why ? j.why : "";
	else
		*out = j.root;
	return rc;
}
