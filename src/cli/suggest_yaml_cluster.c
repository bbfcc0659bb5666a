/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/suggest_yaml.h"

static bool is_old(enum wr_kind kind)
{
	return kind != WR_KIND_CLUSTERNETWORKPOLICY;
}

/* namespaceSelector and podSelector of pods like one, from column 0. */
static const char *pods(struct wr_yaml *y, const struct wr_pod *pod)
{
	return wr_yaml_printf(y,
			      "namespaceSelector:\n"
			      "  matchLabels:\n"
			      "    kubernetes.io/metadata.name: %s\n"
			      "podSelector:%s",
			      wr_yaml_word(y, pod->ns), wr_yaml_pod_labels(y, pod, NULL, 2));
}

static const char *peer_text(struct wr_yaml *y, enum wr_direction dir,
			     const struct wr_yaml_end *end)
{
	char ip[WR_IP_TEXT];
	if (end->pod != WR_NONE && !y->world->pods[end->pod].host_network)
		return wr_yaml_printf(y, "- pods:\n%s",
				      wr_yaml_indented(y, pods(y, &y->world->pods[end->pod]), 4));
	if (dir == WR_INGRESS || !end->ip.family)
		return "";
	const char *quote = end->ip.family == WR_IPV6 ? "\"" : "";
	return wr_yaml_printf(y, "- networks:\n  - %s%s/%u%s", quote, wr_ip_format(&end->ip, ip),
			      wr_family_bits(end->ip.family), quote);
}

static const char *port_text(struct wr_yaml *y, enum wr_kind kind, uint8_t proto, uint16_t port)
{
	const char *name = wr_proto_name(proto), *lower;
	if (!wr_proto_has_ports(proto))
		return "";
	if (is_old(kind))
		return wr_yaml_printf(
			y, "\n  ports:\n  - portNumber:\n      protocol: %s\n      port: %u", name,
			port);
	lower = proto == WR_TCP ? "tcp" : proto == WR_UDP ? "udp" : "sctp";
	return wr_yaml_printf(y,
			      "\n  protocols:\n  - %s:\n      destinationPort:\n        number: %u",
			      lower, port);
}

const char *wr_yaml_cluster_rule(struct wr_yaml *y, enum wr_kind kind, enum wr_direction dir,
				 enum wr_action action, const struct wr_yaml_end *peer,
				 uint8_t proto, uint16_t port)
{
	const char *text = peer_text(y, dir, peer);
	const char *word = action == WR_PASS ? "Pass" : is_old(kind) ? "Allow" : "Accept";
	if (!*text)
		return "";
	return wr_yaml_printf(y, "- action: %s\n  %s:\n%s%s", word,
			      dir == WR_EGRESS ? "to" : "from", wr_yaml_indented(y, text, 2),
			      port_text(y, kind, proto, port));
}

const char *wr_yaml_cluster_policy(struct wr_yaml *y, const struct wr_policy *like,
				   int32_t priority, enum wr_direction dir, const char *name,
				   const struct wr_pod *subject, const char *rule)
{
	enum wr_kind kind = like->object->kind;
	const char *tier = is_old(kind)
				   ? ""
				   : wr_yaml_printf(y, "  tier: %s\n", wr_tier_name(like->tier));
	return wr_yaml_printf(y,
			      "apiVersion: policy.networking.k8s.io/%s\n"
			      "kind: %s\n"
			      "metadata:\n"
			      "  name: %s\n"
			      "spec:\n"
			      "%s"
			      "  priority: %d\n"
			      "  subject:\n"
			      "    pods:\n"
			      "%s\n"
			      "  %s:\n"
			      "%s\n",
			      is_old(kind) ? "v1alpha1" : "v1alpha2", wr_kind_name(kind),
			      wr_yaml_word(y, name), tier, priority,
			      wr_yaml_indented(y, pods(y, subject), 6),
			      dir == WR_EGRESS ? "egress" : "ingress",
			      wr_yaml_indented(y, rule, 2));
}

static bool is_taken(const struct wr_world *w, enum wr_kind kind, const char *name)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].object->kind == kind && !strcmp(w->policies[i].name, name))
			return true;
	return false;
}

const char *wr_yaml_cluster_name(struct wr_yaml *y, enum wr_kind kind, enum wr_direction dir,
				 const struct wr_yaml_end *subject, const struct wr_yaml_end *peer)
{
	const char *base = wr_yaml_printf(y, "%s-%s", y->world->pods[subject->pod].ns,
					  wr_yaml_base_name(y, dir, subject, peer));
	const char *name = base;
	for (unsigned i = 2; is_taken(y->world, kind, name) && !y->nomem; i++)
		name = wr_yaml_printf(y, "%s-%u", base, i);
	return name;
}
