/* SPDX-License-Identifier: Apache-2.0 */
/* The four address maps: keys as the kernel has them, many of them at a time. */
#include <errno.h>
#include <string.h>

#include "datapath/internal.h"

#define CHUNK 4096

union kernel_key {
	__u8 ip[16];
	struct weir_net4 net4;
	struct weir_net6 net6;
};

static size_t key_size(enum wr_map_index map)
{
	switch ((int)map) {
	case WR_MAP_ADDR4:
		return 4;
	case WR_MAP_ADDR6:
		return 16;
	case WR_MAP_NET4:
		return sizeof(struct weir_net4);
	default:
		return sizeof(struct weir_net6);
	}
}

static enum wr_map_index map_of(const struct wr_slot_key *key)
{
	if (key->host)
		return key->family == WR_IPV4 ? WR_MAP_ADDR4 : WR_MAP_ADDR6;
	return key->family == WR_IPV4 ? WR_MAP_NET4 : WR_MAP_NET6;
}

static void to_kernel(const struct wr_slot_key *key, void *out)
{
	union kernel_key k = {0};
	if (key->host) {
		memcpy(k.ip, key->b, sizeof(k.ip));
	} else if (key->family == WR_IPV4) {
		k.net4.len = key->len;
		memcpy(k.net4.ip, key->b, sizeof(k.net4.ip));
	} else {
		k.net6.len = key->len;
		memcpy(k.net6.ip, key->b, sizeof(k.net6.ip));
	}
	memcpy(out, &k, key_size(map_of(key)));
}

static struct wr_slot_key from_kernel(enum wr_map_index map, const void *data)
{
	struct wr_slot_key key = {
		.family = map == WR_MAP_ADDR4 || map == WR_MAP_NET4 ? WR_IPV4 : WR_IPV6,
		.host = map == WR_MAP_ADDR4 || map == WR_MAP_ADDR6,
	};
	union kernel_key k = {0};
	memcpy(&k, data, key_size(map));
	if (key.host) {
		key.len = (uint8_t)wr_family_bits(key.family);
		memcpy(key.b, k.ip, sizeof(key.b));
	} else if (key.family == WR_IPV4) {
		key.len = (uint8_t)k.net4.len;
		memcpy(key.b, k.net4.ip, sizeof(k.net4.ip));
	} else {
		key.len = (uint8_t)k.net6.len;
		memcpy(key.b, k.net6.ip, sizeof(k.net6.ip));
	}
	return key;
}

struct chunk {
	unsigned char keys[CHUNK * sizeof(union kernel_key)];
	struct weir_addr addrs[CHUNK];
};

static int each_of(int fd, enum wr_map_index map, struct chunk *c, wr_address_fn fn, void *ctx)
{
	unsigned char token[32];
	bool first = true, last = false;
	while (!last) {
		uint32_t n = CHUNK;
		if (bpf_map_lookup_batch(fd, first ? NULL : token, token, c->keys, c->addrs, &n,
					 NULL) < 0) {
			if (errno != ENOENT)
				return -errno;
			last = true;
		}
		first = false;
		for (uint32_t i = 0; i < n; i++) {
			struct wr_slot_key key = from_kernel(map, c->keys + i * key_size(map));
			int rc = fn(ctx, &key, c->addrs[i].slot);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int wr_addresses_each(const struct wr_maps *maps, wr_address_fn fn, void *ctx)
{
	WR_CLEANUP(free)
	struct chunk *c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	int rc = 0;
	for (int map = WR_MAP_ADDR4; !rc && map <= WR_MAP_NET6; map++)
		rc = each_of(maps->fd[map], (enum wr_map_index)map, c, fn, ctx);
	return rc;
}

/* ---- changing ---- */

#define SINGLY 8 /* so few go without a buffer */

static int flush(int fd, struct chunk *c, uint32_t n, bool add)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	if (!n)
		return 0;
	if (add)
		return bpf_map_update_batch(fd, c->keys, c->addrs, &n, &opts) < 0 ? -errno : 0;
	return bpf_map_delete_batch(fd, c->keys, &n, &opts) < 0 ? -errno : 0;
}

/* Gathers the entries of a map and passes them on in batches. */
static int change(int fd, enum wr_map_index map, const struct wr_slot_list *list, bool add,
		  struct chunk *c)
{
	uint32_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct wr_slot *item = &list->items[i];
		if (map_of(&item->key) != map)
			continue;
		to_kernel(&item->key, c->keys + n * key_size(map));
		c->addrs[n++].slot = item->slot;
		if (n < CHUNK)
			continue;
		int rc = flush(fd, c, n, add);
		if (rc < 0)
			return rc;
		n = 0;
	}
	return flush(fd, c, n, add);
}

static int change_one(const struct wr_maps *maps, const struct wr_slot *item, bool add)
{
	union kernel_key key;
	struct weir_addr addr = {item->slot};
	int fd = maps->fd[map_of(&item->key)];
	to_kernel(&item->key, &key);
	if (add)
		return bpf_map_update_elem(fd, &key, &addr, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(fd, &key) < 0 ? -errno : 0;
}

static int change_all(const struct wr_maps *maps, const struct wr_slot_list *list, bool add)
{
	int rc = 0;
	if (list->n <= SINGLY) {
		for (size_t i = 0; !rc && i < list->n; i++)
			rc = change_one(maps, &list->items[i], add);
		return rc;
	}
	WR_CLEANUP(free)
	struct chunk *c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	for (int map = WR_MAP_ADDR4; !rc && map <= WR_MAP_NET6; map++)
		rc = change(maps->fd[map], (enum wr_map_index)map, list, add, c);
	return rc;
}

int wr_addresses_put(const struct wr_maps *maps, const struct wr_slot_list *list)
{
	return change_all(maps, list, true);
}

int wr_addresses_remove(const struct wr_maps *maps, const struct wr_slot_list *list)
{
	return change_all(maps, list, false);
}
