/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Verdicts at FORWARD, LOCAL_IN and LOCAL_OUT. entry is attached for good and
 * only jumps; judge can be replaced under it while packets flow.
 *
 * A packet's way: without a conntrack entry (the pointer is tested before the
 * ctinfo: no entry looks like ESTABLISHED otherwise), see untracked.h; of a
 * connection in good standing, accepted here; of any other, see judge.h.
 */
#include "judge.h"
#include "untracked.h"

/* When conntrack saw the connection start; 0: not known. */
static __always_inline __u64 started(struct nf_conn *ct)
{
	struct nf_ct_ext *ext = ct->ext;
	struct nf_conn_tstamp *t;
	__u8 offset;

	if (!ext || !bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP))
		return 0;
	offset = *((__u8 *)&ext->offset + bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP));
	if (!offset)
		return 0;
	t = bpf_rdonly_cast((void *)ext + offset, types.nf_conn_tstamp);
	return t->start;
}

SEC("netfilter")
int judge_packet(struct bpf_nf_ctx *ctx)
{
	unsigned long nfct = ctx->skb->_nfct;
	__u32 info = nfct & NFCT_INFO;
	bool related = info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY;
	struct nf_conn *ct;
	bool fresh;
	__u64 since;

	if (!(nfct & ~NFCT_INFO))
		return without_connection(ctx, info) == NF_ACCEPT ? NF_ACCEPT : NF_DROP;
	ct = bpf_rdonly_cast((void *)(nfct & ~NFCT_INFO), types.nf_conn);
	/* a connection that a helper expected (FTP data) is related, but new */
	fresh = info == IP_CT_NEW || (related && (ct->status & IPS_EXPECTED));
	if (!fresh) {
		since = config.stricter_since;
		if (!since || started(ct) >= since) {
			count(WEIR_C_ESTABLISHED);
			return NF_ACCEPT;
		}
	}
	return judge_connection(ctx, ct, !fresh);
}

SEC("netfilter")
int entry(struct bpf_nf_ctx *ctx)
{
	bpf_tail_call(ctx, &jump, 0);
	return NF_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
