/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the ring, checked before anybody believes it: the ring is shared
 * memory, and a newer program may write what this one does not know.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "base/inet.h"
#include "datapath/datapath.h"

int wr_event_read(const void *data, size_t size, struct weir_event *out)
{
	struct weir_event e;
	if (size != sizeof(e))
		return -EBADMSG;
	memcpy(&e, data, sizeof(e));
	if (e.family != WR_IPV4 && e.family != WR_IPV6)
		return -EBADMSG;
	if (e.allow > 1 || e.denied_by > WEIR_INGRESS || e.rejudged > 1)
		return -EBADMSG;
	if (e.reason >= WEIR_R_MAX || e.hook >= NF_INET_NUMHOOKS)
		return -EBADMSG;
	if (e.family == WR_IPV4)
		for (size_t i = 4; i < sizeof(e.src); i++)
			if (e.src[i] || e.dst[i])
				return -EBADMSG;
	*out = e;
	return 0;
}
