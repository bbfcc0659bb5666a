/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many objects have alike: names of namespaces, nodes and owners, the
 * labels of one workload's pods, their ports, the addresses of their host. Of
 * equal contents there is one, counted; objects point to it. The pool that finds
 * them lives as long as the last of them, because items may outlive their store.
 *
 * Contents are bytes. Labels and ports hold pointers to texts, which are shared
 * first: then equal bytes mean equal contents, and the set owns a reference of
 * each of its texts.
 *
 * An object needs nothing but its pointer to give a share back: what stands in
 * front of the contents is found from there.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "kube/internal.h"

struct share {
	struct wr_kube_pool *pool;
	struct share *next; /* of the same slot */
	uint32_t refs, hash, size;
	enum wr_kube_shared { SHARED_BYTES, SHARED_LABELS, SHARED_PORTS } what;
	_Alignas(8) unsigned char bytes[];
};

struct wr_kube_pool {
	size_t refs; /* of the owners, and of every share */
	size_t n, mask, bytes;
	struct share **slots;
};

struct wr_kube_pool *wr_kube_pool_new(void)
{
	struct wr_kube_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->refs = 1;
	p->mask = 15;
	p->slots = calloc(p->mask + 1, sizeof(struct share *));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	return p;
}

void wr_kube_pool_unref(struct wr_kube_pool *p)
{
	if (!p || --p->refs)
		return;
	free(p->slots);
	free(p);
}

size_t wr_kube_pool_size(const struct wr_kube_pool *p)
{
	return p->bytes + (p->mask + 1) * sizeof(struct share *);
}

/* More slots where the chains get long; that there is no memory for it is no harm. */
static void grow(struct wr_kube_pool *p)
{
	size_t mask = p->mask * 2 + 1;
	struct share **slots = p->n > p->mask ? calloc(mask + 1, sizeof(struct share *)) : NULL;
	if (!slots)
		return;
	for (size_t i = 0; i <= p->mask; i++) {
		for (struct share *s = p->slots[i], *next; s; s = next) {
			next = s->next;
			s->next = slots[s->hash & mask];
			slots[s->hash & mask] = s;
		}
	}
	free(p->slots);
	p->slots = slots;
	p->mask = mask;
}

static struct share *make(struct wr_kube_pool *p, enum wr_kube_shared what, const void *bytes,
			  size_t size, uint32_t hash)
{
	struct share *s = size < UINT32_MAX ? malloc(sizeof(*s) + size) : NULL;
	if (!s)
		return NULL;
	grow(p);
	struct share **slot = &p->slots[hash & p->mask];
	*s = (struct share){p, *slot, 0, hash, (uint32_t)size, what};
	memcpy(s->bytes, bytes, size);
	*slot = s;
	p->n++;
	p->refs++;
	p->bytes += sizeof(*s) + size;
	return s;
}

/* A reference; of a new set the references that its members hold are taken over (*made). */
static void *get(struct wr_kube_pool *p, enum wr_kube_shared what, const void *bytes, size_t size,
		 bool *made)
{
	uint64_t h = wr_hash(bytes, size) + what;
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	struct share *s = p->slots[hash & p->mask];
	while (s && (s->hash != hash || s->what != what || s->size != size ||
		     memcmp(s->bytes, bytes, size) != 0))
		s = s->next;
	*made = !s;
	if (!s)
		s = make(p, what, bytes, size, hash);
	if (!s)
		return NULL;
	s->refs++;
	return s->bytes;
}

void *wr_kube_share_bytes(struct wr_kube_pool *p, const void *bytes, size_t size)
{
	bool made;
	return get(p, SHARED_BYTES, bytes, size, &made);
}

const char *wr_kube_share_text(struct wr_kube_pool *p, const char *text)
{
	return text ? wr_kube_share_bytes(p, text, strlen(text) + 1) : NULL;
}

static void drop_labels(const struct wr_label *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		wr_kube_unshare(l[i].key);
		wr_kube_unshare(l[i].value);
	}
}

static void drop_ports(const struct wr_container_port *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wr_kube_unshare(ports[i].name);
}

struct wr_label *wr_kube_share_labels(struct wr_kube_pool *p, const struct wr_label *labels,
				      size_t n)
{
	struct wr_label *set = NULL;
	struct wr_label *own = calloc(n, sizeof(*own));
	bool made = false, good = own;
	for (size_t i = 0; good && i < n; i++) {
		own[i].key = wr_kube_share_text(p, labels[i].key);
		own[i].value = wr_kube_share_text(p, labels[i].value);
		own[i].mark.file = labels[i].mark.file;
		good = own[i].key && own[i].value;
	}
	if (good)
		set = get(p, SHARED_LABELS, own, n * sizeof(*own), &made);
	if (own && (!set || !made))
		drop_labels(own, n);
	free(own);
	return set;
}

struct wr_container_port *wr_kube_share_ports(struct wr_kube_pool *p,
					      const struct wr_container_port *ports, size_t n)
{
	struct wr_container_port *set = NULL;
	struct wr_container_port *own = calloc(n, sizeof(*own)); /* padding is compared, too */
	bool made = false, good = own;
	for (size_t i = 0; good && i < n; i++) {
		own[i].name = wr_kube_share_text(p, ports[i].name);
		own[i].port = ports[i].port;
		own[i].proto = ports[i].proto;
		own[i].mark.file = ports[i].mark.file;
		good = own[i].name || !ports[i].name;
	}
	if (good)
		set = get(p, SHARED_PORTS, own, n * sizeof(*own), &made);
	if (own && (!set || !made))
		drop_ports(own, n);
	free(own);
	return set;
}

void wr_kube_unshare(const void *contents)
{
	union {
		const void *in;
		unsigned char *out;
	} cast = {.in = contents};
	if (!contents)
		return;
	struct share *s = (struct share *)(void *)(cast.out - offsetof(struct share, bytes));
	if (--s->refs)
		return;
	struct wr_kube_pool *p = s->pool;
	struct share **at = &p->slots[s->hash & p->mask];
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	p->n--;
	p->bytes -= sizeof(*s) + s->size;
	if (s->what == SHARED_LABELS)
		drop_labels((const struct wr_label *)(const void *)s->bytes,
			    s->size / sizeof(struct wr_label));
	else if (s->what == SHARED_PORTS)
		drop_ports((const struct wr_container_port *)(const void *)s->bytes,
			   s->size / sizeof(struct wr_container_port));
	free(s);
	wr_kube_pool_unref(p);
}
