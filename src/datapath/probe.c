/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel can do, found out by doing it: in a thread with a
 * network namespace of its own, which goes away with it.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datapath/internal.h"
#include "datapath/nft.h"

enum {
	F_BTF,
	F_PROGRAM,
	F_LINK,
	F_CAST,
	F_DYNPTR,
	F_RINGBUF,
	F_MMAP_ARRAY,
	F_INNER_ARRAY,
	F_LPM,
	F_LRU,
	F_NF_TABLES,
	F_CONNTRACK,
	F_BPFFS,
	FEATURES
};

static const struct wr_feature known[FEATURES] = {
	[F_BTF] = {"kernel type information", "CONFIG_DEBUG_INFO_BTF", false, NULL},
	[F_PROGRAM] = {"netfilter program", "Linux 6.4, CONFIG_NETFILTER_BPF_LINK", false, NULL},
	[F_LINK] = {"netfilter link", "Linux 6.4, CONFIG_NETFILTER_BPF_LINK", false, NULL},
	[F_CAST] = {"bpf_rdonly_cast", "Linux 6.2", false, NULL},
	[F_DYNPTR] = {"bpf_dynptr_from_skb", "Linux 6.4", false, NULL},
	[F_RINGBUF] = {"ring buffer", "Linux 5.8", false, NULL},
	[F_MMAP_ARRAY] = {"mappable array", "Linux 5.5", false, NULL},
	[F_INNER_ARRAY] = {"arrays of any size in an array of maps", "Linux 5.10", false, NULL},
	[F_LPM] = {"longest-prefix map", "Linux 4.11", false, NULL},
	[F_LRU] = {"least-recently-used map", "Linux 4.10", false, NULL},
	[F_NF_TABLES] = {"nf_tables", "CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET", false, NULL},
	[F_CONNTRACK] = {"conntrack", "CONFIG_NF_CONNTRACK, CONFIG_NFT_CT", false, NULL},
	[F_BPFFS] = {"bpf file system", "CONFIG_BPF_SYSCALL", false, NULL},
};

static struct wr_feature features[FEATURES];

/* Results are 0 or a negative errno; descriptors are only wanted for their existence. */
static int closed(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int load(const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)WR_ATTACH_NETFILTER);
	int fd = bpf_prog_load((enum bpf_prog_type)WR_PROG_NETFILTER, "probe", "Dual BSD/GPL",
			       insns, n, &opts);
	return fd < 0 ? -errno : fd;
}

#define MOV_IMM(reg, value) ((struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value})
#define MOV_REG(reg, from) ((struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_X, reg, from, 0, 0})
#define ADD_IMM(reg, value) ((struct bpf_insn){BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, value})
#define LOAD(reg, from, off) ((struct bpf_insn){BPF_LDX | BPF_MEM | BPF_DW, reg, from, off, 0})
#define KFUNC(id) ((struct bpf_insn){BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, id})
#define EXIT ((struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0})
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int probe_program(void)
{
	const struct bpf_insn insns[] = {MOV_IMM(BPF_REG_0, 1), EXIT};
	int fd = load(insns, COUNT(insns));
	return fd < 0 ? fd : closed(fd);
}

static int probe_link(void)
{
	const struct bpf_insn insns[] = {MOV_IMM(BPF_REG_0, 1), EXIT};
	WR_CLEANUP(fd)
	int prog = load(insns, COUNT(insns));
	if (prog < 0)
		return prog;
	int fd = wr_link_create(prog, NFPROTO_IPV4, NF_INET_FORWARD, -5);
	return fd < 0 ? fd : closed(fd);
}

static int find(const struct btf *btf, const char *name, uint32_t kind)
{
	return btf ? btf__find_by_name_kind(btf, name, kind) : -ENOENT;
}

static int probe_cast(const struct btf *btf)
{
	int func = find(btf, "bpf_rdonly_cast", BTF_KIND_FUNC);
	int type = find(btf, "nf_conn", BTF_KIND_STRUCT);
	if (func < 0 || type < 0)
		return -ENOENT;
	const struct bpf_insn insns[] = {MOV_IMM(BPF_REG_1, 0), MOV_IMM(BPF_REG_2, type),
					 KFUNC(func), MOV_IMM(BPF_REG_0, 1), EXIT};
	int fd = load(insns, COUNT(insns));
	return fd < 0 ? fd : closed(fd);
}

/* bpf_dynptr_from_skb(ctx->skb, 0, a place on the stack) */
static int probe_dynptr(const struct btf *btf)
{
	int func = find(btf, "bpf_dynptr_from_skb", BTF_KIND_FUNC);
	if (func < 0)
		return -ENOENT;
	const struct bpf_insn insns[] = {LOAD(BPF_REG_1, BPF_REG_1, 8),
					 MOV_IMM(BPF_REG_2, 0),
					 MOV_REG(BPF_REG_3, BPF_REG_10),
					 ADD_IMM(BPF_REG_3, -16),
					 KFUNC(func),
					 MOV_IMM(BPF_REG_0, 1),
					 EXIT};
	int fd = load(insns, COUNT(insns));
	return fd < 0 ? fd : closed(fd);
}

static int probe_map(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t n,
		     uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	return closed(bpf_map_create(type, "probe", key, value, n, &opts));
}

/* An array of maps made for one size must take an array of another. */
static int probe_inner_array(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	WR_CLEANUP(fd)
	int small = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 16, 1, &opts);
	WR_CLEANUP(fd)
	int large = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 16, 64, &opts);
	if (small < 0 || large < 0)
		return -errno;
	LIBBPF_OPTS(bpf_map_create_opts, outer_opts, .inner_map_fd = (uint32_t)small);
	WR_CLEANUP(fd)
	int outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "probe", 4, 4, 1, &outer_opts);
	uint32_t zero = 0;
	if (outer < 0 || bpf_map_update_elem(outer, &zero, &large, BPF_ANY) < 0)
		return -errno;
	return 0;
}

static int probe_nft(const char *commands)
{
	return wr_nft_run(commands, NULL) < 0 ? -EOPNOTSUPP : 0;
}

/* Without mounting it anywhere. */
static int probe_bpffs(void)
{
	return closed((int)syscall(SYS_fsopen, "bpf", 0));
}

static void note(int feature, int rc)
{
	features[feature].found = rc == 0;
	features[feature].error = rc ? strerrordesc_np(-rc) : NULL;
}

static void *probe_all(void *unused)
{
	struct btf *btf = btf__load_vmlinux_btf();
	note(F_BTF, btf ? 0 : -ENOENT);
	note(F_PROGRAM, probe_program());
	note(F_CAST, probe_cast(btf));
	note(F_DYNPTR, probe_dynptr(btf));
	btf__free(btf);
	note(F_RINGBUF, probe_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 16, 0));
	note(F_MMAP_ARRAY, probe_map(BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_MMAPABLE));
	note(F_INNER_ARRAY, probe_inner_array());
	note(F_LPM, probe_map(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 4, BPF_F_NO_PREALLOC));
	note(F_LRU, probe_map(BPF_MAP_TYPE_LRU_HASH, 4, 4, 4, 0));
	note(F_BPFFS, probe_bpffs());
	int alone = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	(void)unused;
	note(F_LINK, alone ? alone : probe_link());
	note(F_NF_TABLES, alone ? alone : probe_nft("add table inet probe\n"));
	note(F_CONNTRACK, alone ? alone
				: probe_nft("add table inet probe\nadd chain inet probe c\n"
					    "add rule inet probe c ct state new\n"));
	return NULL;
}

int wr_datapath_probe(const struct wr_feature **out, uint32_t *n)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	bool all = true;
	pthread_mutex_lock(&lock);
	memcpy(features, known, sizeof(features));
	int rc = pthread_create(&thread, NULL, probe_all, NULL);
	if (!rc)
		pthread_join(thread, NULL);
	for (int i = 0; i < FEATURES; i++) {
		if (rc)
			note(i, -rc);
		all &= features[i].found;
	}
	pthread_mutex_unlock(&lock);
	*out = features;
	*n = FEATURES;
	return all ? 0 : -ENOTSUP;
}
