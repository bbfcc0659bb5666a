/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_KERNEL_H
#define WEIR_BPF_KERNEL_H
/*
 * The kernel's structures, as far as the program reads them. Offsets are
 * filled in at load time from the running kernel's BTF (CO-RE), so that the
 * order and the fields left out do not matter.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define NF_DROP 0
#define NF_ACCEPT 1

#define NF_INET_LOCAL_IN 1
#define NF_INET_FORWARD 2
#define NF_INET_LOCAL_OUT 3

#define PF_INET 2
#define PF_INET6 10

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define IPPROTO_SCTP 132

/* skb->_nfct: a pointer to the connection with its ctinfo in the low bits. */
#define NFCT_INFO 7ul
#define IP_CT_ESTABLISHED 0
#define IP_CT_RELATED 1
#define IP_CT_NEW 2
#define IP_CT_RELATED_REPLY 4
#define IP_CT_UNTRACKED 7

/* Directions of a connection's two tuples. */
#define ORIGINAL 0
#define REPLY 1

#define IPS_EXPECTED (1ul << 0)
#define IPS_CONFIRMED (1ul << 3)

#define IP_CT_TCP_FLAG_BE_LIBERAL 0x08

struct sk_buff;
struct nf_hook_state;

/* The program's argument: part of the interface, the same on every kernel. */
struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff {
	unsigned long _nfct;
};

struct nf_hook_state {
	__u8 hook;
	__u8 pf;
};

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		__u8 protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct ip_ct_tcp_state {
	__u8 flags;
};

struct ip_ct_tcp {
	struct ip_ct_tcp_state seen[2];
};

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
};

struct nf_ct_ext {
	__u8 offset[1];
};

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	struct nf_ct_ext *ext;
	union nf_conntrack_proto proto;
};

struct nf_conn_tstamp {
	__u64 start;
};

#pragma clang attribute pop

enum nf_ct_ext_id {
	NF_CT_EXT_TSTAMP = 5, /* the kernel's own value is filled in at load time */
};

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
extern int bpf_dynptr_from_skb(struct sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;

#endif
