/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe: real packets for a list of flows, all at once.
 *
 * A socket belongs to the namespace in which it was made, wherever it is used
 * from then on: so one thread enters the sources' namespaces one after the
 * other, opens their sockets, comes back, and waits for all of them together.
 *
 * An answer of any kind, also "refused", shows that the packets got through; no
 * answer within the bound counts as denied. Flows that ought to be allowed get
 * a second, longer chance before that is said.
 */
#include "lab/probe.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/lab.h"
#include "lab/netns.h"
#include "lab/run.h"

#define FIRST_MS 400
#define SECOND_MS 1500
#define BATCH 4000
#define REPLY_MAX 256

struct attempt {
	const struct probe_target *t;
	struct wr_lab_result *r;
	int fd; /* -1: done, or not begun */
	uint16_t seq;
};

static uint64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static socklen_t fill_addr(struct sockaddr_storage *ss, const struct wr_ip *ip, uint16_t port)
{
	memset(ss, 0, sizeof(*ss));
	if (ip->family == WR_IPV4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->b, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->b, 16);
	return sizeof(*in6);
}

static bool is_icmp(uint8_t proto)
{
	return proto == WR_ICMP || proto == WR_ICMPV6;
}

static int open_socket(const struct probe_target *t)
{
	int af = t->dst.family == WR_IPV4 ? AF_INET : AF_INET6;
	int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	if (t->proto == WR_TCP)
		return socket(af, SOCK_STREAM | flags, IPPROTO_TCP);
	if (t->proto == WR_UDP)
		return socket(af, SOCK_DGRAM | flags, IPPROTO_UDP);
	return socket(af, SOCK_RAW | flags, af == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static uint16_t checksum(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static ssize_t send_echo(const struct attempt *a)
{
	uint16_t id = htons((uint16_t)getpid()), seq = htons(a->seq);
	if (a->t->dst.family == WR_IPV4) {
		struct icmphdr h = {.type = ICMP_ECHO};
		h.un.echo.id = id;
		h.un.echo.sequence = seq;
		h.checksum = checksum(&h, sizeof(h));
		return send(a->fd, &h, sizeof(h), 0);
	}
	struct icmp6_hdr h = {.icmp6_type = ICMP6_ECHO_REQUEST};
	h.icmp6_id = id;
	h.icmp6_seq = seq;
	return send(a->fd, &h, sizeof(h), 0);
}

static void finish(struct attempt *a, enum wr_lab_outcome observed, const char *note)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	a->r->observed = observed;
	a->r->note = note;
}

/* What an errno at connecting, sending or receiving says of the flow. */
static void finish_errno(struct attempt *a, int err)
{
	if (err == ECONNREFUSED || err == ECONNRESET)
		finish(a, WR_LAB_ALLOW, "refused: it got through, but nobody listens");
	else
		finish(a, WR_LAB_DENY, strerrordesc_np(err));
}

/* Something that a server of that port answers: a DNS server wants a question. */
static ssize_t send_datagram(const struct attempt *a)
{
	static const char dns[] = "\x77\x72\1\0\0\1\0\0\0\0\0\0\4weir\7invalid\0\0\1\0\1";
	static const char plain[] = "weir\n";
	return a->t->port == 53 ? send(a->fd, dns, sizeof(dns) - 1, 0)
				: send(a->fd, plain, sizeof(plain) - 1, 0);
}

/* Opens the socket in the current namespace and sends the first packet. */
static void begin(struct attempt *a)
{
	struct sockaddr_storage ss;
	a->fd = open_socket(a->t);
	if (a->fd < 0) {
		finish(a, WR_LAB_SKIPPED, "no socket of that protocol can be opened here");
		return;
	}
	socklen_t n = fill_addr(&ss, &a->t->src, 0);
	if (a->t->src.family && bind(a->fd, (struct sockaddr *)&ss, n) < 0) {
		finish(a, WR_LAB_SKIPPED, "the source does not have that address");
		return;
	}
	n = fill_addr(&ss, &a->t->dst, is_icmp(a->t->proto) ? 0 : a->t->port);
	if (connect(a->fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS) {
		finish_errno(a, errno);
		return;
	}
	ssize_t sent = a->t->proto == WR_TCP   ? 0
		       : a->t->proto == WR_UDP ? send_datagram(a)
					       : send_echo(a);
	if (sent < 0)
		finish_errno(a, errno);
}

static void keep_reply(struct wr_lab *lab, struct attempt *a, const char *buf, ssize_t n)
{
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	bool text = true; /* a DNS server's answer is not */
	for (ssize_t i = 0; i < n; i++)
		text = text && buf[i] >= ' ' && buf[i] < 127;
	a->r->reply = text ? wr_arena_strndup(lab->arena, buf, (size_t)n) : NULL;
	finish(a, WR_LAB_ALLOW, NULL);
}

/* True when a raw socket's packet is the answer to this echo (others' arrive, too). */
static bool is_echo_reply(const struct attempt *a, const uint8_t *p, ssize_t n)
{
	uint16_t id, seq;
	uint8_t want = ICMP6_ECHO_REPLY;
	if (a->t->dst.family == WR_IPV4) {
		ssize_t head = n > 0 ? (p[0] & 15) * 4 : 0;
		p += head;
		n -= head;
		want = ICMP_ECHOREPLY;
	}
	if (n < 8 || p[0] != want)
		return false;
	memcpy(&id, p + 4, 2);
	memcpy(&seq, p + 6, 2);
	return id == htons((uint16_t)getpid()) && seq == htons(a->seq);
}

static void ready(struct wr_lab *lab, struct attempt *a, short events)
{
	char buf[REPLY_MAX];
	int err = 0;
	socklen_t len = sizeof(err);
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err) {
		finish_errno(a, err);
		return;
	}
	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	ssize_t n = recv(a->fd, buf, sizeof(buf), 0);
	if (n < 0 && errno != EAGAIN)
		finish_errno(a, errno);
	else if (n >= 0 && (!is_icmp(a->t->proto) || is_echo_reply(a, (const uint8_t *)buf, n)))
		keep_reply(lab, a, is_icmp(a->t->proto) ? "" : buf, is_icmp(a->t->proto) ? 0 : n);
}

/* Waits for the attempts of a batch until all are done or the time is over. */
static int wait_for(struct wr_lab *lab, struct attempt *all, size_t n, unsigned ms)
{
	struct pollfd *pfd = calloc(n + 1, sizeof(*pfd));
	size_t *whose = calloc(n + 1, sizeof(*whose));
	uint64_t end = now_ms() + ms, now;
	int rc = pfd && whose ? 0 : -ENOMEM;
	while (!rc && (now = now_ms()) < end) {
		nfds_t waiting = 0;
		for (size_t i = 0; i < n; i++) {
			if (all[i].fd < 0)
				continue;
			pfd[waiting] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
			whose[waiting++] = i;
		}
		if (!waiting)
			break;
		if (poll(pfd, waiting, (int)(end - now)) < 0 && errno != EINTR)
			rc = -errno;
		for (nfds_t i = 0; i < waiting && !rc; i++)
			if (pfd[i].revents)
				ready(lab, &all[whose[i]], pfd[i].revents);
	}
	free(pfd);
	free(whose);
	return rc;
}

/* A TCP connection that is open but whose server says nothing got through, too. */
static void give_up(struct attempt *a)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	if (a->t->proto == WR_TCP && getpeername(a->fd, (struct sockaddr *)&ss, &n) == 0)
		finish(a, WR_LAB_ALLOW, NULL);
	else
		finish(a, WR_LAB_DENY, NULL);
}

static int enter_source(struct attempt *a, const char **current)
{
	if (*current && !strcmp(*current, a->t->netns))
		return 0;
	int fd = wr_netns_open(a->t->netns);
	int rc = fd < 0 ? fd : wr_netns_enter(fd);
	if (fd >= 0)
		close(fd);
	*current = rc ? NULL : a->t->netns;
	return rc;
}

static int run_batch(struct wr_lab *lab, struct attempt *all, size_t n, unsigned ms)
{
	WR_CLEANUP(fd)
	int here = wr_netns_here();
	if (here < 0)
		return here;
	const char *current = NULL;
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		if (enter_source(&all[i], &current) < 0)
			finish(&all[i], WR_LAB_SKIPPED, "the source's namespace is gone");
		else
			begin(&all[i]);
	}
	int back = wr_netns_enter(here);
	if (!rc)
		rc = wait_for(lab, all, n, ms);
	for (size_t i = 0; i < n; i++)
		if (all[i].fd >= 0)
			give_up(&all[i]);
	return rc ? rc : back;
}

static int run_all(struct wr_lab *lab, struct attempt *all, size_t n, unsigned ms)
{
	int rc = 0;
	for (size_t at = 0; at < n && !rc; at += BATCH)
		rc = run_batch(lab, all + at, n - at < BATCH ? n - at : BATCH, ms);
	return rc;
}

static void raise_limit(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l); /* fewer at once is all that it costs */
	}
}

static int compare_netns(const void *pa, const void *pb)
{
	const struct attempt *a = pa, *b = pb;
	int c = strcmp(a->t->netns, b->t->netns);
	return c ? c : (int)a->seq - (int)b->seq;
}

int wr_lab_probe(struct wr_lab *lab, const struct wr_lab_flow *flows, size_t n,
		 struct wr_lab_result *results, struct wr_diags *diags)
{
	struct probe_target *targets = calloc(n + 1, sizeof(*targets));
	struct attempt *all = calloc(n + 1, sizeof(*all));
	int rc = targets && all ? 0 : -ENOMEM;
	size_t todo = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		results[i] = (struct wr_lab_result){.observed = WR_LAB_SKIPPED};
		rc = wr_lab_probe_target(lab, &flows[i], &targets[i], &results[i], diags);
		if (!rc && !results[i].note)
			all[todo++] = (struct attempt){&targets[i], &results[i], -1, (uint16_t)i};
	}
	raise_limit();
	if (!rc) {
		qsort(all, todo, sizeof(*all), compare_netns);
		rc = run_all(lab, all, todo, FIRST_MS);
	}
	size_t again = 0;
	for (size_t i = 0; i < todo; i++)
		if (all[i].r->expected == WR_LAB_ALLOW && all[i].r->observed == WR_LAB_DENY)
			all[again++] = all[i];
	if (!rc && again)
		rc = run_all(lab, all, again, SECOND_MS);
	free(targets);
	free(all);
	return rc;
}
