/* SPDX-License-Identifier: Apache-2.0 */
#include "flood.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW 64

const struct flood_flow flood_flows[FLOOD_FLOWS] = {
	{A, B, B4, 6000, true},
	{X, B, B4, 6002, true},
	{A, B, B4, 6001, false},
	/* nothing but the sender's own policy forbids this one */
	{C, A, A4, 6001, false},
	{X, B, B4, 6003, false},
};

static int sender(const struct flood_flow *flow)
{
	struct addr to = addr_of(flow->ip, flow->port);
	int fd = udp_socket(flow->from, to.family, 0);
	CHECK(!connect(fd, (struct sockaddr *)to.bytes, to.len), "connect");
	return fd;
}

static _Noreturn void send_allowed(struct flood_counts *f, int i)
{
	int fd = sender(&flood_flows[i]);
	uint64_t since = now_ms();
	while (!f->stop) {
		if (f->flow[i].sent - f->flow[i].got < WINDOW) {
			if (send(fd, "x", 1, 0) == 1)
				f->flow[i].sent++;
			since = now_ms();
		} else if (now_ms() - since > 2000) {
			break; /* a whole window is missing: stop_flood() will tell */
		} else {
			usleep(100);
		}
	}
	_exit(0);
}

static _Noreturn void send_denied(struct flood_counts *f, int i)
{
	int fd = sender(&flood_flows[i]);
	while (!f->stop) {
		for (int k = 0; k < 16; k++)
			if (send(fd, "x", 1, 0) == 1)
				f->flow[i].sent++;
		usleep(200);
	}
	_exit(0);
}

static _Noreturn void receive(struct flood_counts *f, const int *fds)
{
	char c;
	struct pollfd p[FLOOD_FLOWS];
	for (int i = 0; i < FLOOD_FLOWS; i++)
		p[i] = (struct pollfd){fds[i], POLLIN, 0};
	while (f->stop < 2) {
		poll(p, FLOOD_FLOWS, 10);
		for (int i = 0; i < FLOOD_FLOWS; i++)
			while (recv(fds[i], &c, 1, MSG_DONTWAIT) == 1)
				f->flow[i].got++;
	}
	_exit(0);
}

static void start_datagrams(struct flood_counts *f)
{
	int fds[FLOOD_FLOWS], size = 8 << 20;
	for (int i = 0; i < FLOOD_FLOWS; i++) {
		fds[i] = udp_socket(flood_flows[i].to, AF_INET, flood_flows[i].port);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	}
	if (spawn() == 0)
		receive(f, fds);
	for (int i = 0; i < FLOOD_FLOWS; i++) {
		if (spawn() == 0) {
			if (flood_flows[i].allowed)
				send_allowed(f, i);
			send_denied(f, i);
		}
		close(fds[i]);
	}
}

static _Noreturn void connect_allowed(struct flood_counts *f)
{
	while (!f->stop) {
		if (tcp_try(A, B4, 80, 5000, NULL) < 0)
			f->connects_failed++;
		f->connects++;
		usleep(500);
	}
	_exit(0);
}

static _Noreturn void connect_denied(struct flood_counts *f)
{
	while (!f->stop)
		if (tcp_try(A, B4, 81, 20, NULL) != -ETIMEDOUT)
			f->leaks++;
	_exit(0);
}

struct flood_counts *start_flood(void)
{
	struct flood_counts *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(f != MAP_FAILED, "mmap");
	start_datagrams(f);
	if (spawn() == 0)
		connect_allowed(f);
	if (spawn() == 0)
		connect_denied(f);
	usleep(100000);
	return f;
}

static bool all_arrived(const struct flood_counts *f)
{
	for (int i = 0; i < FLOOD_FLOWS; i++)
		if (flood_flows[i].allowed && f->flow[i].got < f->flow[i].sent)
			return false;
	return true;
}

void stop_flood(struct flood_counts *f)
{
	f->stop = 1;
	uint64_t end = now_ms() + 3000;
	while (!all_arrived(f) && now_ms() < end)
		usleep(10000);
	usleep(100000);
	f->stop = 2;
	for (int i = 0; i < FLOOD_FLOWS; i++) {
		unsigned long long sent = f->flow[i].sent, got = f->flow[i].got;
		if (flood_flows[i].allowed)
			CHECK(got == sent, "flow %d: %llu of %llu datagrams lost", i, sent - got,
			      sent);
		else
			CHECK(got == 0, "flow %d: %llu of %llu datagrams leaked", i, got, sent);
		CHECK(sent > 500, "flow %d: only %llu datagrams", i, sent);
	}
	CHECK(f->leaks == 0, "%llu connections leaked", (unsigned long long)f->leaks);
	CHECK(f->connects_failed == 0 && f->connects > 20, "%llu of %llu connections failed",
	      (unsigned long long)f->connects_failed, (unsigned long long)f->connects);
}
