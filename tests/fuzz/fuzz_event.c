/* SPDX-License-Identifier: Apache-2.0 */
/* The event reader: any bytes as records of the ring; what it takes must hold its promises. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "datapath/datapath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct weir_event *e, const uint8_t *record)
{
	if (memcmp(e, record, sizeof(*e)))
		abort(); /* taken means taken as it is */
	if (e->family != WR_IPV4 && e->family != WR_IPV6)
		abort();
	if (e->reason >= WEIR_R_MAX || e->allow > 1 || e->denied_by > WEIR_INGRESS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_event e, untouched;
	/* the whole input as one record of any size, then as many of the right size as it holds */
	memset(&untouched, 0xa5, sizeof(untouched));
	e = untouched;
	if (wr_event_read(data, size, &e) == 0)
		check(&e, data);
	else if (memcmp(&e, &untouched, sizeof(e)))
		abort(); /* out-parameters are written on success only */
	for (; size >= sizeof(e); data += sizeof(e), size -= sizeof(e))
		if (wr_event_read(data, sizeof(e), &e) == 0)
			check(&e, data);
	return 0;
}
