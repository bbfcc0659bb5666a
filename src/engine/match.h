/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Match: whether a peer or a port, as it is written, holds one connection.
 * Used to explain; the compiled tables say the same for everybody at once.
 */
#include "engine/program.h"

struct connection {
	const struct wr_program *p;
	const struct wr_side *src, *dst;
	uint8_t proto;
	uint16_t port;
};

/*
 * A Pod and itself: no policy judges that, but the Admin and Baseline tiers do
 * where the connection goes by way of a Service (dst->by_service).
 */
bool wr_is_to_itself(const struct connection *c);

/* How far a peer holds a side; MATCH_YES is all the way. */
enum peer_match {
	MATCH_YES,
	MATCH_LABELS,      /* the namespace is right, the labels are not */
	MATCH_NAMESPACE,   /* labels right, but the peer stays in its own namespace */
	MATCH_NS_LABELS,   /* labels right, the namespace's labels are not */
	MATCH_NODE_LABELS, /* a node, whose labels are not right */
	MATCH_EXCEPT,      /* inside the ipBlock, but in an except */
	MATCH_OUTSIDE,     /* an ipBlock elsewhere */
	MATCH_NO           /* more than one thing is missing, or it cannot match */
};

enum peer_match wr_match_peer(const struct connection *c, const struct wr_peer *peer,
			      const struct wr_side *side);

/* Whether a policy's subject is this side's pod. */
bool wr_match_subject(const struct wr_program *p, const struct wr_policy *policy,
		      const struct wr_side *side);

enum port_match {
	PORT_YES,
	PORT_NUMBER,   /* the protocol is right, the number is not */
	PORT_PROTOCOL, /* the number is right, the protocol is not */
	PORT_NAME,     /* a name that the destination does not have */
	PORT_NO_PORTS, /* the connection's protocol has no ports */
	PORT_NO
};

enum port_match wr_match_port(const struct connection *c, const struct wr_port *port);
