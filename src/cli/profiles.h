/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Profiles: where known network plugins differ from each other on policies.
 * A table of facts, each with its source; what is not in it is not known here.
 */
#include <stddef.h>

/* What a manifest can meet. */
enum wr_topic {
	WR_TOPIC_IPBLOCK_PODS,  /* an ipBlock that covers addresses of pods */
	WR_TOPIC_IPBLOCK_NODES, /* an ipBlock that covers addresses of nodes */
	WR_TOPIC_HOST_NETWORK,  /* pods of the host network that a policy would select */
	WR_TOPIC_HAIRPIN,       /* an isolated pod behind a Service of its own */
	WR_TOPIC_SCTP,          /* a rule for SCTP */
	WR_TOPIC_PORT_COUNT,    /* more than 24 ports for one peer */
	WR_TOPIC_DUAL_STACK,    /* pods with addresses of both families */
	WR_TOPIC_LIVE,          /* any policy: connections that live when it comes */
	WR_TOPIC_START,         /* any policy: pods that have just started */
	WR_TOPIC_CLUSTER,       /* a ClusterNetworkPolicy */
	WR_TOPIC_ADMIN,         /* one of its elders */
	WR_TOPIC_PRIORITY,      /* cluster-wide policies with the same priority for the same pods */
	WR_TOPIC_DOMAINS,       /* a rule for domain names */
	WR_TOPIC_COUNT
};

struct wr_profile {
	const char *cni;
	enum wr_topic topic;
	const char *behaviour;
	const char *source; /* the project's file or thread */
};

extern const struct wr_profile wr_profiles[];
extern const size_t wr_n_profiles;
/* "ipblock-pods", and what it is about in one sentence. */
const char *wr_topic_name(enum wr_topic topic);
const char *wr_topic_text(enum wr_topic topic);
