/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources: which line of whose file an object came from. The API server keeps
 * what an object says, not where it was written: so the text of every policy
 * that a command of the lab sent is kept beside it, and used for as long as the
 * server's object is that one (its uid) and says the same (its generation).
 * Nothing is decided by it but the places that messages name.
 */
#include <errno.h>
#include <string.h>

#include "lab/manifest.h"
#include "lab/internal.h"

#define SOURCES_MAX 4000

/* The text that an object's document has already, or a new one. */
static int text_of(struct wr_lab_state *s, const struct wr_document *d, uint32_t *out)
{
	for (size_t i = s->texts.n; i-- > 0;) {
		const struct wr_lab_doc *t = &s->texts.items[i];
		if (t->line == d->first_line && t->size == d->size && !strcmp(t->file, d->file) &&
		    !memcmp(t->text, d->text, d->size)) {
			*out = (uint32_t)i;
			return 0;
		}
	}
	struct wr_lab_doc t = {
		.file = wr_arena_strdup(s->arena, d->file),
		.line = d->first_line,
		.text = wr_arena_strndup(s->arena, d->text, d->size),
		.size = d->size,
	};
	*out = (uint32_t)s->texts.n;
	return t.file && t.text ? wr_vec_push(&s->texts, t) : -ENOMEM;
}

/* Texts of which no object is left go. */
static int tidy(struct wr_lab_state *s)
{
	uint32_t *place = calloc(s->texts.n + 1, sizeof(*place)), n = 0;
	if (!place)
		return -ENOMEM;
	for (size_t i = 0; i < s->sources.n; i++)
		place[s->sources.items[i].text] = 1;
	for (size_t i = 0; i < s->texts.n; i++)
		if (place[i]) {
			place[i] = n;
			s->texts.items[n++] = s->texts.items[i];
		}
	s->texts.n = n;
	for (size_t i = 0; i < s->sources.n; i++)
		s->sources.items[i].text = place[s->sources.items[i].text];
	free(place);
	return 0;
}

static void forget(struct wr_lab_state *s, size_t i)
{
	memmove(&s->sources.items[i], &s->sources.items[i + 1],
		(--s->sources.n - i) * sizeof(s->sources.items[0]));
}

int wr_lab_source_add(struct wr_lab_state *s, const struct wr_object *o, const char *uid,
		      int64_t generation)
{
	struct wr_lab_source new = {.generation = generation};
	if (!wr_kind_is_policy(o->kind) || !o->doc)
		return 0;
	new.key = wr_lab_key(s->arena, o->kind, o->meta.ns, o->meta.name);
	new.uid = wr_arena_strdup(s->arena, uid);
	if (!new.key || !new.uid)
		return -ENOMEM;
	for (size_t i = 0; i < s->sources.n; i++)
		if (!strcmp(s->sources.items[i].key, new.key)) {
			forget(s, i);
			break;
		}
	if (s->sources.n >= SOURCES_MAX)
		forget(s, 0);
	int rc = text_of(s, o->doc, &new.text);
	if (!rc)
		rc = wr_vec_push(&s->sources, new);
	return rc ? rc : tidy(s);
}

/* ---- use ---- */

struct reader {
	struct wr_lab *lab;
	struct wr_objects *read; /* of each text */
	struct wr_diags *ignored;
};

static struct wr_object *find(const struct wr_objects *all, const struct wr_object *like)
{
	for (size_t i = 0; i < all->n; i++) {
		struct wr_object *o = all->items[i];
		if (o->kind == like->kind && !strcmp(o->meta.name, like->meta.name) &&
		    !o->meta.ns == !like->meta.ns &&
		    (!o->meta.ns || !strcmp(o->meta.ns, like->meta.ns)))
			return o;
	}
	return NULL;
}

static int read_text(struct reader *r, uint32_t at)
{
	const struct wr_lab_doc *d = &r->lab->state->texts.items[at];
	struct wr_input *in = wr_input_new(NULL);
	if (!in || wr_vec_push(&r->lab->inputs, in) < 0) {
		wr_input_free(in);
		return -ENOMEM;
	}
	int rc = wr_input_bytes(in, d->file, d->line, d->text, d->size, r->ignored);
	if (!rc)
		rc = wr_decode(in, r->lab->arena, r->ignored, &r->read[at]);
	return rc == -ENOMEM ? rc : 0; /* it could be read once; else the server's object will do */
}

static int use(struct reader *r, struct wr_object **item)
{
	const struct wr_object *o = *item;
	const char *key = wr_lab_key(r->lab->arena, o->kind, o->meta.ns, o->meta.name);
	int64_t generation = wr_tree_number(o->value, "metadata.generation", 0);
	if (!key)
		return -ENOMEM;
	for (size_t i = 0; i < r->lab->state->sources.n; i++) {
		const struct wr_lab_source *s = &r->lab->state->sources.items[i];
		if (strcmp(s->key, key) != 0)
			continue;
		if (s->generation != generation || !o->meta.uid || strcmp(s->uid, o->meta.uid) != 0)
			return 0;
		int rc = r->read[s->text].n ? 0 : read_text(r, s->text);
		struct wr_object *mine = rc ? NULL : find(&r->read[s->text], o);
		*item = mine ? mine : *item;
		return rc;
	}
	return 0;
}

int wr_lab_sources_use(struct wr_lab *lab, struct wr_object **items, size_t n)
{
	struct reader r = {.lab = lab, .ignored = wr_diags_new()};
	r.read = calloc(lab->state->texts.n + 1, sizeof(*r.read));
	int rc = r.read && r.ignored ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++)
		if (wr_kind_is_policy(items[i]->kind) && items[i]->value)
			rc = use(&r, &items[i]);
	free(r.read);
	wr_diags_free(r.ignored);
	return rc;
}
