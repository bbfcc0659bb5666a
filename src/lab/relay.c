/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay: the API server listens on the machine's loopback, and a node has a
 * loopback of its own. This carries bytes from the same port there to here; the
 * TLS inside is between the agent and the server, and one kubeconfig does.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kube/kube.h"
#include "lab/api.h"
#include "lab/internal.h"

#define CONNECTIONS 256
#define CHUNK 65536

struct pipe_end {
	int fd;
	bool ended;
};

static int forward(struct pipe_end *from, int to)
{
	char data[CHUNK];
	ssize_t n = recv(from->fd, data, sizeof(data), 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (!n) {
		from->ended = true;
		return shutdown(to, SHUT_WR) < 0 ? -errno : 0;
	}
	for (ssize_t done = 0; done < n;) {
		ssize_t k = send(to, data + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (k < 0 && errno != EINTR)
			return -errno;
		done += k > 0 ? k : 0;
	}
	return 0;
}

static int connect_here(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

struct link {
	int client;
	struct sockaddr_in to;
};

static void *carry(void *arg)
{
	struct link *l = arg;
	struct pipe_end a = {.fd = l->client}, b = {.fd = connect_here(&l->to)};
	while (b.fd >= 0 && !(a.ended && b.ended)) {
		struct pollfd p[2] = {{.fd = a.ended ? -1 : a.fd, .events = POLLIN},
				      {.fd = b.ended ? -1 : b.fd, .events = POLLIN}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && forward(&a, b.fd) < 0)
			break;
		if (p[1].revents && forward(&b, a.fd) < 0)
			break;
	}
	if (b.fd >= 0)
		close(b.fd);
	close(a.fd);
	free(l);
	return NULL;
}

/* Listens in a node's namespace; the sockets stay there when the thread comes back. */
static int listen_there(const char *netns, const struct sockaddr_in *at)
{
	int yes = 1;
	WR_CLEANUP(fd)
	int here = wr_netns_here();
	WR_CLEANUP(fd)
	int there = wr_netns_open(netns);
	if (here < 0 || there < 0)
		return here < 0 ? here : there;
	int rc = wr_netns_enter(there), back;
	int fd = rc ? rc : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd >= 0 && (bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ||
			listen(fd, CONNECTIONS) < 0)) {
		rc = -errno;
		close(fd);
		fd = rc;
	}
	back = wr_netns_enter(here);
	return back < 0 ? back : fd;
}

static void accept_one(int fd, const struct sockaddr_in *to)
{
	pthread_t thread;
	struct link *l = malloc(sizeof(*l));
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0 || !l) {
		free(l);
		if (client >= 0)
			close(client);
		return;
	}
	*l = (struct link){client, *to};
	if (pthread_create(&thread, NULL, carry, l)) {
		close(client);
		free(l);
		return;
	}
	pthread_detach(thread);
}

/* The server's port, from the kubeconfig that it wrote. */
static int find_server(const char *name, struct sockaddr_in *out, struct wr_diags *diags)
{
	char path[WR_LAB_PATH];
	struct wr_kube_config *config = NULL;
	unsigned port = 0;
	int rc = wr_kube_config_load(
		&(struct wr_kube_source){.kubeconfig = wr_lab_kubeconfig(path, name)}, diags,
		&config);
	if (!rc && (sscanf(wr_kube_config_server(config), "https://127.0.0.1:%u", &port) != 1 ||
		    !port || port > 65535))
		rc = wr_lab_error(diags, -EINVAL, "%s: no address on loopback", path);
	wr_kube_config_free(config);
	*out = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return rc;
}

int wr_lab_relay(const char *name, struct wr_diags *diags)
{
	static struct pollfd fds[WR_LAB_NODES_MAX];
	struct sockaddr_in at;
	struct wr_lab_state *s = NULL;
	int rc = find_server(name, &at, diags);
	if (!rc)
		rc = wr_lab_state_load(name, diags, &s);
	nfds_t n = 0;
	signal(SIGPIPE, SIG_IGN);
	for (; !rc && n < s->n_nodes; n++) {
		char netns[WR_LAB_NETNS];
		int fd = listen_there(wr_lab_node_netns(netns, s, (uint32_t)n), &at);
		fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
		if (fd < 0)
			rc = wr_lab_error(diags, fd, "%s, port %u: %s", netns, ntohs(at.sin_port),
					  strerror(-fd));
	}
	wr_lab_state_free(s);
	if (rc)
		return rc;
	if (write(STDOUT_FILENO, "r", 1) < 0)
		return -errno;
	for (;;) {
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			return -errno;
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents)
				accept_one(fds[i].fd, &at);
	}
}
