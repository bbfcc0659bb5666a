/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is loaded, from the kernel: a copy of the half in force and of all
 * addresses, judged as bpf/judge.h does; counters and sizes.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/map.h"
#include "datapath/internal.h"

struct wr_image {
	uint32_t generation, n_cells;
	union weir_cell *cells; /* one half */
	bool unknown_allow;
	WR_VEC(struct wr_slot) addrs;
	struct wr_map *by_key;
	bool lengths[2][129]; /* of the prefixes, by family */
};

WR_DEFINE_CLEANUP(image, struct wr_image *, wr_image_free)

/* Opens the maps of a datapath under the shared lock, which *lock holds. */
static int open_maps(const char *pin_dir, struct wr_diags *diags, int *lock, struct wr_maps *maps)
{
	int rc = wr_pin_lock(pin_dir, false, false, diags, lock);
	if (rc == -ENOENT)
		return wr_dp_error(diags, rc, "no datapath is loaded in %s", pin_dir);
	if (rc < 0)
		return rc;
	rc = wr_maps_open(pin_dir, maps);
	if (rc == -ENOENT && wr_pin_other_versions(pin_dir, false))
		return wr_dp_error(diags, rc, "the datapath in %s was loaded by another version",
				   pin_dir);
	if (rc < 0)
		return wr_dp_error(diags, rc, "no datapath is loaded in %s", pin_dir);
	return 0;
}

static int copy_half(const char *pin_dir, const struct wr_maps *maps, bool applied,
		     struct wr_image *img)
{
	struct wr_image_map m;
	int rc = wr_image_map_open(pin_dir, maps->fd[WR_MAP_IMAGES], false, &m);
	if (rc == -ENOENT && !applied) {
		/* two empty identities: nothing is restricted */
		img->n_cells = 2;
		img->cells = calloc(img->n_cells, WEIR_CELL);
		return img->cells ? 0 : -ENOMEM;
	}
	if (rc < 0)
		return rc;
	const struct weir_image_head head = m.cells[0].head;
	img->generation = head.generation;
	img->n_cells = head.half;
	img->cells = malloc((size_t)head.half * WEIR_CELL);
	if (img->cells)
		memcpy(img->cells, m.cells + head.base, (size_t)head.half * WEIR_CELL);
	wr_image_map_close(&m);
	return img->cells ? 0 : -ENOMEM;
}

static int read_config(const struct wr_maps *maps, struct weir_config *out)
{
	uint32_t zero = 0;
	return bpf_map_lookup_elem(maps->fd[WR_MAP_CONFIG], &zero, out) < 0 ? -errno : 0;
}

static int note_address(void *ctx, const struct wr_slot_key *key, uint32_t slot)
{
	struct wr_image *img = ctx;
	if (key->len > wr_family_bits(key->family))
		return -EBADMSG;
	if (!key->host)
		img->lengths[key->family == WR_IPV6][key->len] = true;
	int rc = wr_vec_push(&img->addrs, ((struct wr_slot){*key, slot}));
	return rc ? rc : wr_map_put(img->by_key, key, sizeof(*key), slot);
}

static int compare(const void *a, const void *b)
{
	return wr_slot_key_compare(&((const struct wr_slot *)a)->key,
				   &((const struct wr_slot *)b)->key);
}

int wr_image_read(const char *pin_dir, struct wr_diags *diags, struct wr_image **out)
{
	WR_CLEANUP(fd)
	int lock = -1;
	struct wr_maps maps;
	struct weir_config config;
	wr_maps_init(&maps);
	int rc = open_maps(pin_dir, diags, &lock, &maps);
	if (rc < 0)
		return rc;
	WR_CLEANUP(image)
	struct wr_image *img = calloc(1, sizeof(*img));
	if (img)
		img->by_key = wr_map_new();
	rc = img && img->by_key ? read_config(&maps, &config) : -ENOMEM;
	if (!rc)
		rc = copy_half(pin_dir, &maps, config.applied, img);
	if (!rc)
		rc = wr_addresses_each(&maps, note_address, img);
	wr_maps_close(&maps);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot read the image in force");
	img->unknown_allow = config.unknown_allow;
	if (img->addrs.n)
		qsort(img->addrs.items, img->addrs.n, sizeof(*img->addrs.items), compare);
	*out = WR_TAKE(img);
	return 0;
}

void wr_image_free(struct wr_image *img)
{
	if (!img)
		return;
	free(img->cells);
	wr_vec_free(&img->addrs);
	wr_map_free(img->by_key);
	free(img);
}

/* ---- judging ---- */

static const union weir_cell *cell(const struct wr_image *img, uint64_t offset)
{
	return offset < img->n_cells ? &img->cells[offset] : NULL;
}

static const struct weir_identity *identity(const struct wr_image *img, uint32_t slot)
{
	const union weir_cell *c = slot < img->n_cells
					   ? cell(img, WEIR_IDENTITY(img->n_cells, slot))
					   : NULL;
	return c ? &c->id : NULL;
}

static uint32_t slot_of(const struct wr_image *img, const struct wr_ip *ip)
{
	struct wr_slot_key key = wr_slot_key_host(ip);
	bool ipv6 = ip->family == WR_IPV6;
	uint64_t slot;
	if (wr_map_get(img->by_key, &key, sizeof(key), &slot))
		return (uint32_t)slot;
	key.host = 0;
	for (unsigned len = wr_family_bits(ip->family);; len--) {
		key.len = (uint8_t)len;
		if (img->lengths[ipv6][len] && wr_map_get(img->by_key, &key, sizeof(key), &slot))
			return (uint32_t)slot;
		if (!len)
			break;
		key.b[(len - 1) / 8] &= (uint8_t) ~(0x80u >> ((len - 1) % 8));
	}
	return ipv6 ? WEIR_SLOT_WORLD6 : WEIR_SLOT_WORLD4;
}

static const struct weir_range *find_range(const struct wr_image *img, uint32_t set, uint32_t key)
{
	const union weir_cell *c = cell(img, set), *found = c;
	uint32_t n = c ? c->range.count : 0;
	for (uint32_t i = 1; i < n; i++) {
		c = cell(img, (uint64_t)set + i);
		if (!c || c->range.first > key)
			break;
		found = c;
	}
	return found ? &found->range : NULL;
}

static bool judge_row(const struct wr_image *img, uint32_t row, uint32_t class, uint32_t key,
		      uint32_t *author)
{
	if (!row) {
		*author = WR_AUTHOR_DEFAULT;
		return true;
	}
	const union weir_cell *c = cell(img, (uint64_t)row + class / 4);
	uint32_t set = c ? c->row.set[class % 4] : 0;
	const struct weir_range *r = set ? find_range(img, set, key) : NULL;
	*author = r ? r->author : WR_AUTHOR_DEFAULT;
	return r && r->allow;
}

static void settle(struct wr_verdict *v, bool allow, uint32_t author)
{
	for (int dir = 0; dir < 2; dir++) {
		v->dir[dir].allow = allow;
		v->dir[dir].author = author;
	}
	v->allow = allow;
}

void wr_image_evaluate(const struct wr_image *img, const struct wr_ip *src, const struct wr_ip *dst,
		       uint8_t proto, uint16_t port, struct wr_verdict *out)
{
	const struct weir_identity *s = identity(img, slot_of(img, src));
	const struct weir_identity *d = identity(img, slot_of(img, dst));
	bool ports = proto == WR_TCP || proto == WR_UDP || proto == WR_SCTP;
	uint32_t key = WR_KEY(proto, ports ? port : 0),
		 local_node = WEIR_ADDR_NODE | WEIR_ADDR_LOCAL;
	uint32_t local_pod = WEIR_ADDR_POD | WEIR_ADDR_LOCAL;
	struct wr_verdict v = {0};
	if (!s || !d) {
		settle(&v, false, WR_AUTHOR_DEFAULT);
	} else if (wr_ip_equal(src, dst)) {
		const struct weir_range *r = s->self ? find_range(img, s->self, key) : NULL;
		settle(&v, !s->self || (r && r->allow), r ? r->author : WR_AUTHOR_SELF);
	} else if (((s->flags | d->flags) & WEIR_ADDR_UNKNOWN) && !img->unknown_allow) {
		settle(&v, false, WR_AUTHOR_DEFAULT);
	} else {
		v.dir[WR_EGRESS].allow = judge_row(img, s->row[WEIR_EGRESS], d->class, key,
						   &v.dir[WR_EGRESS].author);
		v.dir[WR_INGRESS].allow = judge_row(img, d->row[WEIR_INGRESS], s->class, key,
						    &v.dir[WR_INGRESS].author);
		if ((s->flags & local_node) == local_node && (d->flags & local_pod) == local_pod) {
			v.dir[WR_INGRESS].allow = true;
			v.dir[WR_INGRESS].author = WR_AUTHOR_NODE;
		}
		v.allow = v.dir[0].allow && v.dir[1].allow;
	}
	*out = v;
}

int wr_image_each_addr(const struct wr_image *img, wr_image_addr_fn fn, void *ctx)
{
	static const struct weir_identity none;
	for (size_t i = 0; i < img->addrs.n; i++) {
		const struct wr_slot *a = &img->addrs.items[i];
		struct wr_cidr c = {.ip = {.family = a->key.family}, .len = a->key.len};
		struct weir_addr addr = {a->slot};
		const struct weir_identity *id = identity(img, a->slot);
		memcpy(c.ip.b, a->key.b, sizeof(c.ip.b));
		int rc = fn(ctx, &c, &addr, id ? id : &none);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- numbers ---- */

static uint64_t memory_of(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	return bytes;
}

static int read_counters(int fd, uint64_t *out)
{
	int cpus = libbpf_num_possible_cpus();
	if (cpus <= 0)
		return cpus < 0 ? cpus : -EINVAL;
	WR_CLEANUP(free)
	uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < WEIR_C_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, values) < 0)
			return -errno;
		out[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			out[i] += values[cpu];
	}
	return 0;
}

static int count_address(void *ctx, const struct wr_slot_key *key, uint32_t slot)
{
	struct wr_image_stats *s = ctx;
	(void)slot;
	if (key->host)
		s->addresses++;
	else
		s->prefixes++;
	return 0;
}

static int image_stats(const char *pin_dir, const struct wr_maps *maps, struct wr_image_stats *s)
{
	struct wr_image_map m;
	int rc = wr_image_map_open(pin_dir, maps->fd[WR_MAP_IMAGES], false, &m);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	const struct weir_image_head *head = &m.cells[0].head;
	const union weir_cell *half = m.cells + head->base;
	s->generation = head->generation;
	s->slots = half->half.n_slots;
	s->classes = half[1].extent.n_classes;
	s->cells = (uint64_t)half->half.tables + half->half.n_slots;
	s->capacity = head->half;
	s->memory = memory_of(m.fd);
	wr_image_map_close(&m);
	return 0;
}

/* owner: NULL, or who knows what is loaded. */
static int count_addresses(const struct wr_datapath *owner, const struct wr_maps *maps,
			   struct wr_image_stats *s)
{
	if (!owner || owner->config->writer != owner->writer)
		return wr_addresses_each(maps, count_address, s);
	for (uint32_t i = WEIR_SLOT_FIRST; i < owner->slots.next; i++)
		s->addresses += owner->slots.ip[i].family != 0;
	s->prefixes = (uint32_t)owner->slots.prefixes.n;
	return 0;
}

static int read_stats(const char *pin_dir, const struct wr_datapath *owner, struct wr_diags *diags,
		      struct wr_image_stats *out)
{
	WR_CLEANUP(fd)
	int lock = -1;
	struct wr_maps maps;
	struct wr_image_stats s = {0};
	wr_maps_init(&maps);
	int rc = open_maps(pin_dir, diags, &lock, &maps);
	if (rc < 0)
		return rc;
	rc = image_stats(pin_dir, &maps, &s);
	if (!rc)
		rc = read_counters(maps.fd[WR_MAP_COUNTERS], s.counters);
	if (!rc)
		rc = read_config(&maps, &s.config);
	if (!rc)
		rc = count_addresses(owner, &maps, &s);
	for (int i = 0; i < WR_MAPS; i++)
		s.memory += memory_of(maps.fd[i]);
	wr_maps_close(&maps);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot read the datapath in %s", pin_dir);
	s.links = wr_hooks_count(pin_dir);
	s.conntrack_kept = wr_conntrack_kept();
	*out = s;
	return 0;
}

int wr_datapath_stats(const char *pin_dir, struct wr_diags *diags, struct wr_image_stats *out)
{
	return read_stats(pin_dir, NULL, diags, out);
}

int wr_datapath_own_stats(const struct wr_datapath *dp, struct wr_diags *diags,
			  struct wr_image_stats *out)
{
	return read_stats(dp->opts.pin_dir, dp, diags, out);
}

int wr_datapath_check(const char *pin_dir, uint32_t *links, bool *conntrack_kept)
{
	WR_CLEANUP(fd)
	int lock = -1;
	struct wr_maps maps;
	wr_maps_init(&maps);
	int rc = open_maps(pin_dir, NULL, &lock, &maps);
	wr_maps_close(&maps);
	if (rc < 0)
		return rc;
	*links = wr_hooks_count(pin_dir);
	*conntrack_kept = wr_conntrack_kept();
	return 0;
}

/* What the half in force has counted, all shards together. */
static void add_counts(const struct wr_image_map *m, uint64_t *counts, uint32_t n)
{
	const union weir_cell *half = m->cells + wr_image_base(m);
	const __u64 *table = half[half->half.counts].count;
	uint64_t authors = half->half.n_authors;
	uint64_t room = ((uint64_t)half->half.tables - half->half.counts) * 2;
	for (uint64_t shard = 0; shard < WEIR_SHARDS && (shard + 1) * authors <= room; shard++)
		for (uint32_t i = 0; i < n && i < authors; i++)
			counts[i] += __atomic_load_n(&table[shard * authors + i], __ATOMIC_RELAXED);
}

void wr_datapath_own_counts(const struct wr_datapath *dp, uint64_t *counts, uint32_t n)
{
	memset(counts, 0, n * sizeof(*counts));
	if (dp->image.fd >= 0)
		add_counts(&dp->image, counts, n);
}

int wr_datapath_author_counts(const char *pin_dir, uint64_t *counts, uint32_t n)
{
	WR_CLEANUP(fd)
	int lock = -1;
	struct wr_maps maps;
	struct wr_image_map m;
	wr_maps_init(&maps);
	int rc = open_maps(pin_dir, NULL, &lock, &maps);
	if (rc < 0)
		return rc;
	rc = wr_image_map_open(pin_dir, maps.fd[WR_MAP_IMAGES], false, &m);
	wr_maps_close(&maps);
	memset(counts, 0, n * sizeof(*counts));
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	add_counts(&m, counts, n);
	wr_image_map_close(&m);
	return 0;
}
