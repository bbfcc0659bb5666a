/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS: dnsmasq as a pod of kube-system, behind the address that every cluster
 * has for it. It knows the Services and the names outside, and nothing else:
 * all other names do not exist, at once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "lab/lab.h"
#include "lab/run.h"

#define DOMAIN "cluster.local"

const char *wr_lab_dns_manifests(void)
{
	return "apiVersion: v1\n"
	       "kind: Pod\n"
	       "metadata:\n"
	       "  name: kube-dns\n"
	       "  namespace: kube-system\n"
	       "  labels: {k8s-app: kube-dns}\n"
	       "spec:\n"
	       "  containers:\n"
	       "  - name: dns\n"
	       "    ports:\n"
	       "    - {name: dns, containerPort: 53, protocol: UDP}\n"
	       "    - {name: dns-tcp, containerPort: 53, protocol: TCP}\n"
	       "---\n"
	       "apiVersion: v1\n"
	       "kind: Service\n"
	       "metadata: {name: kube-dns, namespace: kube-system}\n"
	       "spec:\n"
	       "  clusterIP: " WR_LAB_DNS_IP "\n"
	       "  selector: {k8s-app: kube-dns}\n"
	       "  ports:\n"
	       "  - {name: dns, port: 53, protocol: UDP, targetPort: dns}\n"
	       "  - {name: dns-tcp, port: 53, protocol: TCP, targetPort: dns-tcp}\n";
}

static void host(struct wr_buf *out, const struct wr_ip *ip, const char *ns, const char *name)
{
	char text[WR_IP_TEXT];
	if (ip->family)
		wr_buf_printf(out, "%s %s.%s.svc." DOMAIN "\n", wr_ip_format(ip, text), name, ns);
}

static void service_hosts(const struct wr_lab *lab, const struct wr_service *s, struct wr_buf *out)
{
	if (s->object->service.headless) {
		for (size_t i = 0; i < s->n_pods; i++) {
			const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
			for (size_t k = 0; k < pod->n_ips; k++)
				host(out, &pod->ips[k], s->ns, s->name);
		}
		return;
	}
	const struct wr_lab_svc_alloc *a = wr_lab_find_svc_alloc(lab->state, s->ns, s->name);
	if (a) {
		host(out, &a->ip4, s->ns, s->name);
		host(out, &a->ip6, s->ns, s->name);
	}
}

static void outside_hosts(const struct wr_lab_state *st, struct wr_buf *out)
{
	char ip[WR_IP_TEXT];
	for (size_t i = 0; i < st->outside.n; i++)
		if (st->outside.items[i].name)
			wr_buf_printf(out, "%s %s\n", wr_ip_format(&st->outside.items[i].ip, ip),
				      st->outside.items[i].name);
}

/* Whether a file holds just this. */
static bool is_written(const char *path, const struct wr_buf *text)
{
	bool same = false;
	char *has = malloc(text->n + 1);
	FILE *f = fopen(path, "re");
	if (has && f)
		same = fread(has, 1, text->n + 1, f) == text->n &&
		       (!text->n || !memcmp(has, text->data, text->n));
	free(has);
	if (f)
		fclose(f);
	return same;
}

int wr_lab_dns_write(const struct wr_lab *lab, struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf hosts = {0};
	char path[WR_LAB_PATH];
	for (uint32_t i = 0; i < lab->world->n_services; i++)
		service_hosts(lab, &lab->world->services[i], &hosts);
	outside_hosts(lab->state, &hosts);
	wr_lab_path(path, lab->state->name, "hosts");
	if (!hosts.failed && is_written(path, &hosts))
		return 0;
	int rc = hosts.failed ? -ENOMEM
			      : wr_lab_write_file(path, hosts.data ? hosts.data : "", hosts.n,
						  false);
	if (rc)
		return wr_lab_error(diags, rc, "cannot write %s: %s", path, strerror(-rc));
	const struct wr_lab_pod_alloc *dns = wr_lab_find_pod_alloc(lab->state, "kube-system",
								   "kube-dns");
	if (dns && dns->server > 0)
		(void)kill((pid_t)dns->server,
			   SIGHUP); /* gone: it reads the file when it starts again */
	return 0;
}

const char *const *wr_lab_dns_argv(const struct wr_lab *lab, struct wr_arena *a)
{
	char path[WR_LAB_PATH];
	const char *hosts = wr_arena_printf(a, "--addn-hosts=%s",
					    wr_lab_path(path, lab->state->name, "hosts"));
	const char *const fixed[] = {
		"dnsmasq",
		"--keep-in-foreground",
		"--conf-file=/dev/null",
		"--pid-file",
		"--user=root",
		"--no-resolv",
		"--no-hosts",
		"--port=53",
		"--local=/#/",
		"--local-ttl=0",
		"--log-facility=/dev/null",
		hosts,
		NULL,
	};
	const char **argv = wr_arena_array(a, sizeof(fixed) / sizeof(fixed[0]), sizeof(*argv));
	if (!hosts || !argv)
		return NULL;
	memcpy(argv, fixed, sizeof(fixed));
	return argv;
}

int wr_lab_dns_resolv_conf(const struct wr_lab *lab, const char *ns, char *buf,
			   struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf text = {0};
	char file[300];
	snprintf(file, sizeof(file), "resolv.conf.%s", ns);
	wr_lab_path(buf, lab->state->name, file);
	wr_buf_printf(&text,
		      "nameserver " WR_LAB_DNS_IP "\nsearch %s.svc." DOMAIN " svc." DOMAIN
		      " " DOMAIN "\noptions ndots:5 timeout:2 attempts:2\n",
		      ns);
	int rc = text.failed ? -ENOMEM : wr_lab_write_file(buf, text.data, text.n, false);
	return rc ? wr_lab_error(diags, rc, "cannot write %s: %s", buf, strerror(-rc)) : 0;
}
