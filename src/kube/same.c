/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two decoded objects are the same to weir.
 *
 * Most of what a cluster's watches bring are heartbeats: a kubelet's status of
 * its Node and Pods, an annotation, managedFields. Nothing of that is decoded,
 * and an owner who was told of each would work for nothing. What is compared is
 * what compact.c keeps; marks count as far as they tell whether a field was
 * written at all.
 */
#include <string.h>

#include "kube/internal.h"

#define ALL(a, b, n_a, n_b, same)                             \
	({                                                    \
		bool all_ = (n_a) == (n_b);                   \
		for (size_t i_ = 0; all_ && i_ < (n_a); i_++) \
			all_ = same(&(a)[i_], &(b)[i_]);      \
		all_;                                         \
	})

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_texts(const char *const *a, const char *const *b)
{
	return same_text(*a, *b);
}

static bool same_written(const struct wr_mark *a, const struct wr_mark *b)
{
	return !a->file == !b->file;
}

static bool same_cidr(const struct wr_cidr *a, const struct wr_cidr *b)
{
	return a->len == b->len && wr_ip_equal(&a->ip, &b->ip);
}

static bool same_label(const struct wr_label *a, const struct wr_label *b)
{
	return same_text(a->key, b->key) && same_text(a->value, b->value);
}

static bool same_labels(const struct wr_label *a, const struct wr_label *b, size_t n_a, size_t n_b)
{
	return ALL(a, b, n_a, n_b, same_label);
}

static bool same_requirement(const struct wr_requirement *a, const struct wr_requirement *b)
{
	return a->op == b->op && same_text(a->key, b->key) &&
	       ALL(a->values, b->values, a->n, b->n, same_texts);
}

static bool same_selector(const struct wr_label_selector *a, const struct wr_label_selector *b)
{
	return same_written(&a->mark, &b->mark) &&
	       ALL(a->reqs, b->reqs, a->n, b->n, same_requirement);
}

static bool same_selector_at(const struct wr_label_selector *a, const struct wr_label_selector *b)
{
	return a && b ? same_selector(a, b) : a == b;
}

static bool same_container_port(const struct wr_container_port *a,
				const struct wr_container_port *b)
{
	return a->port == b->port && a->proto == b->proto && same_text(a->name, b->name);
}

static bool same_spec(const struct wr_pod_spec *a, const struct wr_pod_spec *b)
{
	return same_text(a->node, b->node) && a->host_network == b->host_network &&
	       ALL(a->ports, b->ports, a->n_ports, b->n_ports, same_container_port);
}

static bool same_pod(const struct wr_pod_object *a, const struct wr_pod_object *b)
{
	return same_spec(&a->spec, &b->spec) && wr_kube_is_over(a) == wr_kube_is_over(b) &&
	       ALL(a->ips, b->ips, a->n_ips, b->n_ips, wr_ip_equal) &&
	       ALL(a->host_ips, b->host_ips, a->n_host_ips, b->n_host_ips, wr_ip_equal);
}

static bool same_workload(const struct wr_workload_object *a, const struct wr_workload_object *b)
{
	return a->replicas == b->replicas &&
	       same_labels(a->labels, b->labels, a->n_labels, b->n_labels) &&
	       same_spec(&a->spec, &b->spec);
}

static bool same_node(const struct wr_node_object *a, const struct wr_node_object *b)
{
	return ALL(a->ips, b->ips, a->n_ips, b->n_ips, wr_ip_equal) &&
	       ALL(a->pod_cidrs, b->pod_cidrs, a->n_pod_cidrs, b->n_pod_cidrs, same_cidr);
}

static bool same_service_port(const struct wr_service_port *a, const struct wr_service_port *b)
{
	return a->proto == b->proto && a->port == b->port && a->target_port == b->target_port &&
	       a->node_port == b->node_port && same_text(a->name, b->name) &&
	       same_text(a->target_name, b->target_name);
}

static bool same_service(const struct wr_service_object *a, const struct wr_service_object *b)
{
	return same_text(a->type, b->type) && a->headless == b->headless &&
	       a->want_ipv4 == b->want_ipv4 && a->want_ipv6 == b->want_ipv6 &&
	       ALL(a->cluster_ips, b->cluster_ips, a->n_cluster_ips, b->n_cluster_ips,
		   wr_ip_equal) &&
	       same_labels(a->selector, b->selector, a->n_selector, b->n_selector) &&
	       ALL(a->ports, b->ports, a->n_ports, b->n_ports, same_service_port);
}

static bool same_backend(const struct wr_ingress_backend *a, const struct wr_ingress_backend *b)
{
	return a->port == b->port && same_text(a->host, b->host) &&
	       same_text(a->service, b->service) && same_text(a->port_name, b->port_name);
}

static bool same_ingress(const struct wr_ingress_object *a, const struct wr_ingress_object *b)
{
	return same_text(a->class_name, b->class_name) &&
	       ALL(a->backends, b->backends, a->n_backends, b->n_backends, same_backend);
}

static bool same_port(const struct wr_np_port *a, const struct wr_np_port *b)
{
	return a->proto == b->proto && a->kind == b->kind && a->first == b->first &&
	       a->last == b->last && same_text(a->name, b->name);
}

static bool same_peer(const struct wr_np_peer *a, const struct wr_np_peer *b)
{
	return a->has_ip_block == b->has_ip_block && same_cidr(&a->cidr, &b->cidr) &&
	       ALL(a->except, b->except, a->n_except, b->n_except, same_cidr) &&
	       same_selector_at(a->ns_selector, b->ns_selector) &&
	       same_selector_at(a->pod_selector, b->pod_selector);
}

static bool same_rule(const struct wr_np_rule *a, const struct wr_np_rule *b)
{
	return ALL(a->peers, b->peers, a->n_peers, b->n_peers, same_peer) &&
	       ALL(a->ports, b->ports, a->n_ports, b->n_ports, same_port);
}

static bool same_np(const struct wr_np_object *a, const struct wr_np_object *b)
{
	bool same = same_selector(&a->pod_selector, &b->pod_selector);
	for (int d = 0; same && d < 2; d++)
		same = a->isolates[d] == b->isolates[d] &&
		       same_written(&a->rules_mark[d], &b->rules_mark[d]) &&
		       ALL(a->rules[d], b->rules[d], a->n_rules[d], b->n_rules[d], same_rule);
	return same;
}

static bool same_cp_peer(const struct wr_cp_peer *a, const struct wr_cp_peer *b)
{
	return a->kind == b->kind && same_selector(&a->namespaces, &b->namespaces) &&
	       same_selector(&a->pods, &b->pods) && same_selector(&a->nodes, &b->nodes) &&
	       ALL(a->networks, b->networks, a->n_networks, b->n_networks, same_cidr) &&
	       ALL(a->domains, b->domains, a->n_domains, b->n_domains, same_texts) &&
	       same_text(a->unreadable, b->unreadable);
}

static bool same_cp_rule(const struct wr_cp_rule *a, const struct wr_cp_rule *b)
{
	return a->action == b->action && same_text(a->name, b->name) &&
	       ALL(a->peers, b->peers, a->n_peers, b->n_peers, same_cp_peer) &&
	       ALL(a->ports, b->ports, a->n_ports, b->n_ports, same_port);
}

static bool same_cp(const struct wr_cp_object *a, const struct wr_cp_object *b)
{
	bool same = a->tier == b->tier && a->priority == b->priority &&
		    same_cp_peer(&a->subject, &b->subject);
	for (int d = 0; same && d < 2; d++)
		same = ALL(a->rules[d], b->rules[d], a->n_rules[d], b->n_rules[d], same_cp_rule);
	return same;
}

static bool same_meta(const struct wr_meta *a, const struct wr_meta *b)
{
	return same_text(a->name, b->name) && same_text(a->ns, b->ns) &&
	       same_text(a->owner_kind, b->owner_kind) && same_text(a->owner_name, b->owner_name) &&
	       same_labels(a->labels, b->labels, a->n_labels, b->n_labels);
}

bool wr_kube_is_over(const struct wr_pod_object *pod)
{
	return pod->phase && (!strcmp(pod->phase, "Succeeded") || !strcmp(pod->phase, "Failed"));
}

bool wr_kube_same(const struct wr_object *a, const struct wr_object *b)
{
	if (a->kind != b->kind || !same_meta(&a->meta, &b->meta))
		return false;
	switch (a->kind) {
	case WR_KIND_NAMESPACE:
		return true;
	case WR_KIND_POD:
		return same_pod(&a->pod, &b->pod);
	case WR_KIND_NODE:
		return same_node(&a->node, &b->node);
	case WR_KIND_SERVICE:
		return same_service(&a->service, &b->service);
	case WR_KIND_DEPLOYMENT:
	case WR_KIND_REPLICASET:
	case WR_KIND_STATEFULSET:
	case WR_KIND_DAEMONSET:
	case WR_KIND_REPLICATIONCONTROLLER:
	case WR_KIND_JOB:
	case WR_KIND_CRONJOB:
		return same_workload(&a->workload, &b->workload);
	case WR_KIND_NETWORKPOLICY:
		return same_np(&a->np, &b->np);
	case WR_KIND_INGRESS:
		return same_ingress(&a->ingress, &b->ingress);
	case WR_KIND_CLUSTERNETWORKPOLICY:
	case WR_KIND_ADMINNETWORKPOLICY:
	case WR_KIND_BASELINEADMINNETWORKPOLICY:
		return same_cp(&a->cp, &b->cp);
	case WR_KIND_COUNT:
		return false;
	}
	return false;
}
