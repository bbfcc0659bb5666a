/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/protobuf_types.h"

#include <stddef.h>

const struct wr_pb_field wr_pb_type_meta[] = {
	{1, WR_PB_STRING, "apiVersion"}, {2, WR_PB_STRING, "kind"}, {0}};

/* ---- apimachinery ---- */

static const struct wr_pb_field owner[] = {
	{1, WR_PB_STRING, "kind"},
	{3, WR_PB_STRING, "name"},
	{4, WR_PB_STRING, "uid"},
	{5, WR_PB_STRING, "apiVersion"},
	{6, WR_PB_BOOL, "controller", .keep = true},
	{7, WR_PB_BOOL, "blockOwnerDeletion", .keep = true},
	{0},
};
static const struct wr_pb_field metadata[] = {
	{1, WR_PB_STRING, "name"},
	{2, WR_PB_STRING, "generateName"},
	{3, WR_PB_STRING, "namespace"},
	{4, WR_PB_SKIP, "selfLink"},
	{5, WR_PB_STRING, "uid"},
	{6, WR_PB_STRING, "resourceVersion"},
	{7, WR_PB_SKIP, "generation"},
	{8, WR_PB_TIME, "creationTimestamp"},
	{9, WR_PB_TIME, "deletionTimestamp"},
	{10, WR_PB_SKIP, "deletionGracePeriodSeconds"},
	{11, WR_PB_MAP, "labels"},
	{12, WR_PB_MAP, "annotations"},
	{13, WR_PB_LIST, "ownerReferences", owner},
	{14, WR_PB_STRINGS, "finalizers"},
	{17, WR_PB_SKIP, "managedFields"},
	{0},
};
static const struct wr_pb_field requirement[] = {
	{1, WR_PB_STRING, "key"}, {2, WR_PB_STRING, "operator"}, {3, WR_PB_STRINGS, "values"}, {0}};
static const struct wr_pb_field selector[] = {
	{1, WR_PB_MAP, "matchLabels"}, {2, WR_PB_LIST, "matchExpressions", requirement}, {0}};
static const struct wr_pb_field preconditions[] = {
	{1, WR_PB_STRING, "uid"}, {2, WR_PB_STRING, "resourceVersion"}, {0}};
static const struct wr_pb_field delete_options[] = {
	{1, WR_PB_INT, "gracePeriodSeconds", .keep = true},
	{2, WR_PB_MESSAGE, "preconditions", preconditions},
	{3, WR_PB_SKIP, "orphanDependents"},
	{4, WR_PB_STRING, "propagationPolicy"},
	{5, WR_PB_STRINGS, "dryRun"},
	{0},
};

/* ---- core ---- */

static const struct wr_pb_field namespace_spec[] = {{1, WR_PB_STRINGS, "finalizers"}, {0}};
static const struct wr_pb_field namespace[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", namespace_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};
static const struct wr_pb_field configmap[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MAP, "data"},
	{3, WR_PB_BYTES_MAP, "binaryData"},
	{4, WR_PB_BOOL, "immutable", .keep = true},
	{0},
};
static const struct wr_pb_field secret[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_BYTES_MAP, "data"},
	{3, WR_PB_STRING, "type"},
	{4, WR_PB_MAP, "stringData"},
	{5, WR_PB_BOOL, "immutable", .keep = true},
	{0},
};
static const struct wr_pb_field serviceaccount[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{4, WR_PB_BOOL, "automountServiceAccountToken", .keep = true},
	{0},
};
static const struct wr_pb_field service_port[] = {
	{1, WR_PB_STRING, "name"},
	{2, WR_PB_STRING, "protocol"},
	{3, WR_PB_INT, "port"},
	{4, WR_PB_EITHER, "targetPort"},
	{5, WR_PB_INT, "nodePort"},
	{6, WR_PB_STRING, "appProtocol", .keep = true},
	{0},
};
static const struct wr_pb_field service_spec[] = {
	{1, WR_PB_LIST, "ports", service_port},
	{2, WR_PB_MAP, "selector"},
	{3, WR_PB_STRING, "clusterIP"},
	{4, WR_PB_STRING, "type"},
	{5, WR_PB_STRINGS, "externalIPs"},
	{7, WR_PB_STRING, "sessionAffinity"},
	{8, WR_PB_STRING, "loadBalancerIP"},
	{9, WR_PB_STRINGS, "loadBalancerSourceRanges"},
	{10, WR_PB_STRING, "externalName"},
	{11, WR_PB_STRING, "externalTrafficPolicy"},
	{12, WR_PB_INT, "healthCheckNodePort"},
	{13, WR_PB_BOOL, "publishNotReadyAddresses"},
	{17, WR_PB_STRING, "ipFamilyPolicy"},
	{18, WR_PB_STRINGS, "clusterIPs"},
	{19, WR_PB_STRINGS, "ipFamilies"},
	{20, WR_PB_BOOL, "allocateLoadBalancerNodePorts", .keep = true},
	{21, WR_PB_STRING, "loadBalancerClass"},
	{22, WR_PB_STRING, "internalTrafficPolicy"},
	{0},
};
static const struct wr_pb_field service[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", service_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

/* ---- pods and workloads, as kubectl create makes them ---- */

static const struct wr_pb_field container_port[] = {
	{1, WR_PB_STRING, "name"},     {2, WR_PB_INT, "hostPort"},  {3, WR_PB_INT, "containerPort"},
	{4, WR_PB_STRING, "protocol"}, {5, WR_PB_STRING, "hostIP"}, {0}};
static const struct wr_pb_field env[] = {
	{1, WR_PB_STRING, "name"}, {2, WR_PB_STRING, "value"}, {0}};
static const struct wr_pb_field nothing[] = {{0}};
static const struct wr_pb_field container[] = {
	{1, WR_PB_STRING, "name"},
	{2, WR_PB_STRING, "image"},
	{3, WR_PB_STRINGS, "command"},
	{4, WR_PB_STRINGS, "args"},
	{5, WR_PB_STRING, "workingDir"},
	{6, WR_PB_LIST, "ports", container_port},
	{7, WR_PB_LIST, "env", env},
	{8, WR_PB_MESSAGE, "resources", nothing},
	{13, WR_PB_STRING, "terminationMessagePath"},
	{14, WR_PB_STRING, "imagePullPolicy"},
	{20, WR_PB_STRING, "terminationMessagePolicy"},
	{0},
};
static const struct wr_pb_field pod_spec[] = {
	{2, WR_PB_LIST, "containers", container},
	{3, WR_PB_STRING, "restartPolicy"},
	{4, WR_PB_INT, "terminationGracePeriodSeconds", .keep = true},
	{6, WR_PB_STRING, "dnsPolicy"},
	{7, WR_PB_MAP, "nodeSelector"},
	{8, WR_PB_STRING, "serviceAccountName"},
	{9, WR_PB_STRING, "serviceAccount"},
	{10, WR_PB_STRING, "nodeName"},
	{11, WR_PB_BOOL, "hostNetwork"},
	{14, WR_PB_MESSAGE, "securityContext", nothing, .keep = true},
	{16, WR_PB_STRING, "hostname"},
	{17, WR_PB_STRING, "subdomain"},
	{19, WR_PB_STRING, "schedulerName"},
	{20, WR_PB_LIST, "initContainers", container},
	{30, WR_PB_BOOL, "enableServiceLinks", .keep = true},
	{0},
};
static const struct wr_pb_field template[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata}, {2, WR_PB_MESSAGE, "spec", pod_spec}, {0}};
static const struct wr_pb_field pod[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", pod_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};
static const struct wr_pb_field strategy[] = {{1, WR_PB_STRING, "type"}, {0}};
static const struct wr_pb_field deployment_spec[] = {
	{1, WR_PB_INT, "replicas", .keep = true},
	{2, WR_PB_MESSAGE, "selector", selector, .keep = true},
	{3, WR_PB_MESSAGE, "template", template},
	{4, WR_PB_MESSAGE, "strategy", strategy},
	{5, WR_PB_INT, "minReadySeconds"},
	{6, WR_PB_INT, "revisionHistoryLimit", .keep = true},
	{7, WR_PB_BOOL, "paused"},
	{9, WR_PB_INT, "progressDeadlineSeconds", .keep = true},
	{0},
};
static const struct wr_pb_field deployment[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", deployment_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};
static const struct wr_pb_field scale_spec[] = {{1, WR_PB_INT, "replicas", .keep = true}, {0}};
static const struct wr_pb_field scale[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", scale_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

static const struct wr_pb_field job_spec[] = {
	{1, WR_PB_INT, "parallelism", .keep = true},
	{2, WR_PB_INT, "completions", .keep = true},
	{3, WR_PB_INT, "activeDeadlineSeconds", .keep = true},
	{4, WR_PB_MESSAGE, "selector", selector, .keep = true},
	{6, WR_PB_MESSAGE, "template", template},
	{7, WR_PB_INT, "backoffLimit", .keep = true},
	{8, WR_PB_INT, "ttlSecondsAfterFinished", .keep = true},
	{9, WR_PB_STRING, "completionMode", .keep = true},
	{10, WR_PB_BOOL, "suspend", .keep = true},
	{0},
};
static const struct wr_pb_field job[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", job_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

static const struct wr_pb_field job_template[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata}, {2, WR_PB_MESSAGE, "spec", job_spec}, {0}};
static const struct wr_pb_field cronjob_spec[] = {
	{1, WR_PB_STRING, "schedule"},
	{2, WR_PB_INT, "startingDeadlineSeconds", .keep = true},
	{3, WR_PB_STRING, "concurrencyPolicy"},
	{4, WR_PB_BOOL, "suspend", .keep = true},
	{5, WR_PB_MESSAGE, "jobTemplate", job_template},
	{6, WR_PB_INT, "successfulJobsHistoryLimit", .keep = true},
	{7, WR_PB_INT, "failedJobsHistoryLimit", .keep = true},
	{8, WR_PB_STRING, "timeZone"},
	{0},
};
static const struct wr_pb_field cronjob[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", cronjob_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

/* ---- Ingress ---- */

static const struct wr_pb_field backend_port[] = {
	{1, WR_PB_STRING, "name"}, {2, WR_PB_INT, "number"}, {0}};
static const struct wr_pb_field backend_service[] = {
	{1, WR_PB_STRING, "name"}, {2, WR_PB_MESSAGE, "port", backend_port}, {0}};
static const struct wr_pb_field backend_resource[] = {
	{1, WR_PB_STRING, "apiGroup"}, {2, WR_PB_STRING, "kind"}, {3, WR_PB_STRING, "name"}, {0}};
static const struct wr_pb_field backend[] = {
	{3, WR_PB_MESSAGE, "resource", backend_resource},
	{4, WR_PB_MESSAGE, "service", backend_service},
	{0},
};
static const struct wr_pb_field ingress_path[] = {
	{1, WR_PB_STRING, "path"},
	{2, WR_PB_MESSAGE, "backend", backend},
	{3, WR_PB_STRING, "pathType"},
	{0},
};
static const struct wr_pb_field ingress_http[] = {{1, WR_PB_LIST, "paths", ingress_path}, {0}};
static const struct wr_pb_field rule_value[] = {{1, WR_PB_MESSAGE, "http", ingress_http}, {0}};
static const struct wr_pb_field ingress_rule[] = {
	{1, WR_PB_STRING, "host"}, {2, WR_PB_MESSAGE, NULL, rule_value}, {0}};
static const struct wr_pb_field ingress_tls[] = {
	{1, WR_PB_STRINGS, "hosts"}, {2, WR_PB_STRING, "secretName"}, {0}};
static const struct wr_pb_field ingress_spec[] = {
	{1, WR_PB_MESSAGE, "defaultBackend", backend},
	{2, WR_PB_LIST, "tls", ingress_tls},
	{3, WR_PB_LIST, "rules", ingress_rule},
	{4, WR_PB_STRING, "ingressClassName"},
	{0},
};
static const struct wr_pb_field ingress[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", ingress_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

/* ---- authorization ---- */

static const struct wr_pb_field rule[] = {
	{1, WR_PB_STRINGS, "verbs"},           {2, WR_PB_STRINGS, "apiGroups"},
	{3, WR_PB_STRINGS, "resources"},       {4, WR_PB_STRINGS, "resourceNames"},
	{5, WR_PB_STRINGS, "nonResourceURLs"}, {0},
};
static const struct wr_pb_field role[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata}, {2, WR_PB_LIST, "rules", rule}, {0}};
static const struct wr_pb_field subject[] = {
	{1, WR_PB_STRING, "kind"},
	{2, WR_PB_STRING, "apiGroup"},
	{3, WR_PB_STRING, "name"},
	{4, WR_PB_STRING, "namespace"},
	{0},
};
static const struct wr_pb_field role_ref[] = {
	{1, WR_PB_STRING, "apiGroup"}, {2, WR_PB_STRING, "kind"}, {3, WR_PB_STRING, "name"}, {0}};
static const struct wr_pb_field binding[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_LIST, "subjects", subject},
	{3, WR_PB_MESSAGE, "roleRef", role_ref},
	{0},
};

static const struct wr_pb_field resource_attributes[] = {
	{1, WR_PB_STRING, "namespace"}, {2, WR_PB_STRING, "verb"},
	{3, WR_PB_STRING, "group"},     {4, WR_PB_STRING, "version"},
	{5, WR_PB_STRING, "resource"},  {6, WR_PB_STRING, "subresource"},
	{7, WR_PB_STRING, "name"},      {0}};
static const struct wr_pb_field other_attributes[] = {
	{1, WR_PB_STRING, "path"}, {2, WR_PB_STRING, "verb"}, {0}};
static const struct wr_pb_field review_spec[] = {
	{1, WR_PB_MESSAGE, "resourceAttributes", resource_attributes},
	{2, WR_PB_MESSAGE, "nonResourceAttributes", other_attributes},
	{0},
};
static const struct wr_pb_field review[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", review_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};

static const struct wr_pb_field rules_spec[] = {{1, WR_PB_STRING, "namespace"}, {0}};
static const struct wr_pb_field rules_review[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata},
	{2, WR_PB_MESSAGE, "spec", rules_spec},
	{3, WR_PB_SKIP, "status"},
	{0},
};
static const struct wr_pb_field self_review[] = {
	{1, WR_PB_MESSAGE, "metadata", metadata}, {2, WR_PB_SKIP, "status"}, {0}};

const struct wr_pb_kind wr_pb_kinds[] = {
	{"Namespace", "v1", namespace},
	{"ConfigMap", "v1", configmap},
	{"Secret", "v1", secret},
	{"ServiceAccount", "v1", serviceaccount},
	{"Service", "v1", service},
	{"Pod", "v1", pod},
	{"Deployment", "apps/v1", deployment},
	{"Job", "batch/v1", job},
	{"CronJob", "batch/v1", cronjob},
	{"Ingress", "networking.k8s.io/v1", ingress},
	{"Role", "rbac.authorization.k8s.io/v1", role},
	{"ClusterRole", "rbac.authorization.k8s.io/v1", role},
	{"RoleBinding", "rbac.authorization.k8s.io/v1", binding},
	{"ClusterRoleBinding", "rbac.authorization.k8s.io/v1", binding},
	{"Scale", "autoscaling/v1", scale},
	{"SelfSubjectAccessReview", "authorization.k8s.io/v1", review},
	{"SelfSubjectRulesReview", "authorization.k8s.io/v1", rules_review},
	{"SelfSubjectReview", "authentication.k8s.io/v1", self_review},
	{"DeleteOptions", NULL, delete_options},
	{NULL, NULL, NULL},
};
