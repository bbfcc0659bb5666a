/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conntrack looks at packets only where somebody in the network namespace has
 * asked for it, and an eBPF program cannot ask. A rule with "ct state" does,
 * even in a chain that no hook leads to: it costs nothing per packet.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "datapath/internal.h"
#include "datapath/nft.h"

#define TABLE "weir"
#define CHAIN "conntrack"

int wr_conntrack_keep(struct wr_diags *diags)
{
	static const char commands[] = "add table inet " TABLE "\n"
				       "add chain inet " TABLE " " CHAIN "\n"
				       "flush chain inet " TABLE " " CHAIN "\n"
				       "add rule inet " TABLE " " CHAIN " ct state new\n";
	return wr_nft_run(commands, diags);
}

void wr_conntrack_release(void)
{
	if (wr_conntrack_kept())
		wr_nft_run("delete table inet " TABLE "\n", NULL);
}

/* Asks the kernel for our chain's rules: much cheaper than libnftables' cache. */
static int send_request(struct mnl_socket *nl, char *buf)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = 1;
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = NFPROTO_INET;
	nfg->version = NFNETLINK_V0;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, CHAIN);
	return mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static int note_use(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NFTA_CHAIN_USE && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		*(bool *)data = mnl_attr_get_u32(attr) != 0;
	return MNL_CB_OK;
}

static int note_chain(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct nfgenmsg), note_use, data);
}

bool wr_conntrack_kept(void)
{
	char buf[8192];
	bool has_rule = false;
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nl)
		return false;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) >= 0 && send_request(nl, buf) == 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), note_chain,
				   &has_rule);
	}
	mnl_socket_close(nl);
	return has_rule;
}

int wr_conntrack_timestamps(void)
{
	WR_CLEANUP(fd)
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_timestamp", O_RDWR | O_CLOEXEC);
	char now = '0';
	if (fd < 0) {
		/* a read-only /proc in a container: perhaps it is on already */
		fd = open("/proc/sys/net/netfilter/nf_conntrack_timestamp", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, &now, 1) != 1)
			return -ENOENT;
		return now == '1' ? 0 : -EROFS;
	}
	if (read(fd, &now, 1) == 1 && now == '1')
		return 0;
	return pwrite(fd, "1\n", 2, 0) == 2 ? 0 : -errno;
}
