/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/config.h"

#include <errno.h>
#include <string.h>

#include "base/typo.h"

int wr_lint_severity(const char *text, struct wr_lint_setting *out)
{
	static const char *const words[] = {
		[WR_ERROR] = "error", [WR_WARNING] = "warning", [WR_NOTE] = "note"};
	out->off = !strcmp(text, "off");
	for (int i = 0; i < 3 && !out->off; i++)
		if (!strcmp(text, words[i])) {
			out->severity = (enum wr_severity)i;
			return 0;
		}
	return out->off ? 0 : -EINVAL;
}

static const char *nearest_rule(const char *id)
{
	size_t n;
	const struct wr_lint_rule *const *rules = wr_lint_rules(&n);
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		unsigned distance = wr_typo_distance(id, rules[i]->id);
		if (distance < least && wr_typo_likely(distance, rules[i]->id)) {
			least = distance;
			best = rules[i]->id;
		}
	}
	return best;
}

static void unknown_rule(struct wr_diags *diags, const struct wr_field *f)
{
	const char *meant = nearest_rule(f->key);
	wr_diag_add(diags, WR_ERROR, f->mark, NULL, "lint.rules", "there is no rule \"%.100s\"",
		    f->key);
	if (meant)
		wr_diag_advise(diags, "did you mean \"%s\"? weir lint --rules lists all", meant);
	else
		wr_diag_advise(diags, "weir lint --rules lists all");
}

static void read_rules(const struct wr_value *rules, struct wr_lint_setting *settings,
		       struct wr_diags *diags, struct wr_lint_opts *opts)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct wr_field *f = &rules->fields[i];
		struct wr_lint_setting s = {.id = f->key};
		const char *text = f->value->text;
		/* YAML reads a bare off as a boolean */
		if (f->value->type == WR_BOOL && !f->value->boolean)
			text = "off";
		if (strcmp(f->key, "*") != 0 && !wr_lint_find_rule(f->key)) {
			unknown_rule(diags, f);
		} else if (!text || wr_lint_severity(text, &s) < 0) {
			wr_diag_add(diags, WR_ERROR, f->value->mark, NULL, "lint.rules",
				    "the severity of %.100s must be a word", f->key);
			wr_diag_advise(diags, "write error, warning, note or off");
		} else {
			settings[opts->n_settings++] = s;
		}
	}
}

static void wrong_type(struct wr_diags *diags, const struct wr_value *v, const char *path,
		       const char *want)
{
	wr_diag_add(diags, WR_ERROR, v->mark, NULL, path, "must be a %s, found a %s", want,
		    wr_type_name(v->type));
}

static int read_lint(const struct wr_value *lint, struct wr_arena *arena, struct wr_diags *diags,
		     struct wr_lint_opts *opts)
{
	for (size_t i = 0; i < lint->n; i++) {
		const struct wr_field *f = &lint->fields[i];
		const struct wr_value *v = f->value;
		if (!strcmp(f->key, "strict")) {
			if (v->type == WR_BOOL)
				opts->strict = v->boolean;
			else
				wrong_type(diags, v, "lint.strict", "boolean");
		} else if (!strcmp(f->key, "rules") && v->type == WR_MAP) {
			struct wr_lint_setting *settings = wr_arena_array(arena, v->n,
									  sizeof(*settings));
			if (!settings)
				return -ENOMEM;
			opts->settings = settings;
			read_rules(v, settings, diags, opts);
		} else if (!strcmp(f->key, "rules") && v->type != WR_NULL) {
			wrong_type(diags, v, "lint.rules", "map of rules to severities");
		} else if (strcmp(f->key, "rules") != 0) {
			wr_diag_add(diags, WR_ERROR, f->mark, NULL, "lint",
				    "unknown field \"%.100s\"", f->key);
			wr_diag_advise(diags, "lint has strict and rules");
		}
	}
	return 0;
}

int wr_lint_config(const struct wr_value *root, struct wr_arena *arena, struct wr_diags *diags,
		   struct wr_lint_opts *opts)
{
	size_t errors = wr_diags_total(diags, WR_ERROR);
	if (root->type != WR_MAP) {
		wrong_type(diags, root, NULL, "map");
		return -EINVAL;
	}
	const struct wr_value *lint = wr_value_get(root, "lint");
	int rc = 0;
	if (lint && lint->type == WR_MAP)
		rc = read_lint(lint, arena, diags, opts);
	else if (lint && lint->type != WR_NULL)
		wrong_type(diags, lint, "lint", "map");
	return rc ? rc : wr_diags_total(diags, WR_ERROR) > errors ? -EINVAL : 0;
}
