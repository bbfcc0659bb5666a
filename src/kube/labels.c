/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label sets: pods of one workload have the same labels, and labels are the
 * largest part of what is kept of a pod. Of equal sets there is one, counted;
 * the pool that finds them lives as long as the last of them, because items
 * may outlive their store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "kube/internal.h"

struct wr_kube_labels {
	struct wr_kube_label_pool *pool;
	struct wr_kube_labels *next; /* of the same slot */
	unsigned refs;
	uint32_t hash;
	size_t n, size;
	struct wr_label labels[];
};

struct wr_kube_label_pool {
	size_t refs; /* of the store, and of every set */
	size_t n, mask, bytes;
	struct wr_kube_labels **slots;
};

struct wr_kube_label_pool *wr_kube_label_pool_new(void)
{
	struct wr_kube_label_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->refs = 1;
	p->mask = 15;
	p->slots = calloc(p->mask + 1, sizeof(struct wr_kube_labels *));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	return p;
}

void wr_kube_label_pool_unref(struct wr_kube_label_pool *p)
{
	if (!p || --p->refs)
		return;
	free(p->slots);
	free(p);
}

size_t wr_kube_label_pool_size(const struct wr_kube_label_pool *p)
{
	return p->bytes + (p->mask + 1) * sizeof(struct wr_kube_labels *);
}

const struct wr_label *wr_kube_labels_of(const struct wr_kube_labels *set)
{
	return set->labels;
}

static uint32_t hash_of(const struct wr_label *labels, size_t n)
{
	uint64_t h = n;
	for (size_t i = 0; i < n; i++) {
		h = h * 0x9e3779b97f4a7c15u + wr_hash(labels[i].key, strlen(labels[i].key));
		h = h * 0x9e3779b97f4a7c15u + wr_hash(labels[i].value, strlen(labels[i].value));
	}
	return (uint32_t)(h ^ h >> 32);
}

static bool same(const struct wr_kube_labels *set, const struct wr_label *labels, size_t n)
{
	if (set->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(set->labels[i].key, labels[i].key) != 0 ||
		    strcmp(set->labels[i].value, labels[i].value) != 0)
			return false;
	return true;
}

/* More slots where the chains get long; that there is no memory for it is no harm. */
static void grow(struct wr_kube_label_pool *p)
{
	size_t mask = p->mask * 2 + 1;
	struct wr_kube_labels **slots = p->n > p->mask
						? calloc(mask + 1, sizeof(struct wr_kube_labels *))
						: NULL;
	if (!slots)
		return;
	for (size_t i = 0; i <= p->mask; i++) {
		for (struct wr_kube_labels *s = p->slots[i], *next; s; s = next) {
			next = s->next;
			s->next = slots[s->hash & mask];
			slots[s->hash & mask] = s;
		}
	}
	free(p->slots);
	p->slots = slots;
	p->mask = mask;
}

static struct wr_kube_labels *make(const struct wr_label *labels, size_t n)
{
	size_t size = sizeof(struct wr_kube_labels) + n * sizeof(*labels);
	for (size_t i = 0; i < n; i++)
		size += strlen(labels[i].key) + strlen(labels[i].value) + 2;
	struct wr_kube_labels *set = calloc(1, size);
	if (!set)
		return NULL;
	set->n = n;
	set->size = size;
	char *at = (char *)(set->labels + n);
	for (size_t i = 0; i < n; i++) {
		size_t key = strlen(labels[i].key) + 1, value = strlen(labels[i].value) + 1;
		set->labels[i].key = memcpy(at, labels[i].key, key);
		set->labels[i].value = memcpy(at + key, labels[i].value, value);
		set->labels[i].mark.file = labels[i].mark.file;
		at += key + value;
	}
	return set;
}

struct wr_kube_labels *wr_kube_labels_get(struct wr_kube_label_pool *p,
					  const struct wr_label *labels, size_t n)
{
	uint32_t hash = hash_of(labels, n);
	struct wr_kube_labels *set = p->slots[hash & p->mask];
	while (set && (set->hash != hash || !same(set, labels, n)))
		set = set->next;
	if (set) {
		set->refs++;
		return set;
	}
	set = make(labels, n);
	if (!set)
		return NULL;
	grow(p);
	set->pool = p;
	set->refs = 1;
	set->hash = hash;
	set->next = p->slots[hash & p->mask];
	p->slots[hash & p->mask] = set;
	p->n++;
	p->refs++;
	p->bytes += set->size;
	return set;
}

void wr_kube_labels_unref(struct wr_kube_labels *set)
{
	if (!set || --set->refs)
		return;
	struct wr_kube_label_pool *p = set->pool;
	struct wr_kube_labels **at = &p->slots[set->hash & p->mask];
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	p->n--;
	p->bytes -= set->size;
	free(set);
	wr_kube_label_pool_unref(p);
}
