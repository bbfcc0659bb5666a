/* SPDX-License-Identifier: Apache-2.0 */
#include "flood.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW 64

static int connected(enum place from, const char *ip, uint16_t port)
{
	struct addr a = addr_of(ip, port);
	int fd = udp_socket(from, a.family, 0);
	CHECK(!connect(fd, (struct sockaddr *)a.bytes, a.len), "connect");
	return fd;
}

/* Half of the way to the window, a datagram that is overdue counts as lost. */
static _Noreturn void send_allowed(struct flood_counts *f)
{
	int fd = connected(A, B4, FLOOD_ALLOWED);
	uint64_t since = now_ms();
	while (!f->stop) {
		if (f->allowed_sent - f->allowed_got < WINDOW) {
			if (send(fd, "x", 1, 0) == 1)
				f->allowed_sent++;
			since = now_ms();
		} else if (now_ms() - since > 2000) {
			break; /* a window's worth is missing: stop_flood() will tell */
		} else {
			usleep(100);
		}
	}
	_exit(0);
}

static _Noreturn void send_denied(struct flood_counts *f, enum place from)
{
	int fd = connected(from, B4, FLOOD_DENIED);
	while (!f->stop) {
		for (int i = 0; i < 16; i++)
			if (send(fd, "x", 1, 0) == 1)
				__atomic_add_fetch(&f->denied_sent, 1, __ATOMIC_RELAXED);
		usleep(200);
	}
	_exit(0);
}

static int receiver(uint16_t port)
{
	int fd = udp_socket(B, AF_INET, port), size = 8 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static _Noreturn void receive(struct flood_counts *f, int allowed, int denied)
{
	char c;
	struct pollfd p[2] = {{allowed, POLLIN, 0}, {denied, POLLIN, 0}};
	while (f->stop < 2) {
		poll(p, 2, 10);
		while (recv(allowed, &c, 1, MSG_DONTWAIT) == 1)
			f->allowed_got++;
		while (recv(denied, &c, 1, MSG_DONTWAIT) == 1)
			f->denied_got++;
	}
	_exit(0);
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
	int allowed = receiver(FLOOD_ALLOWED), denied = receiver(FLOOD_DENIED);
	if (spawn() == 0)
		receive(f, allowed, denied);
	if (spawn() == 0)
		send_allowed(f);
	if (spawn() == 0)
		send_denied(f, A);
	if (spawn() == 0)
		send_denied(f, C);
	if (spawn() == 0)
		connect_allowed(f);
	if (spawn() == 0)
		connect_denied(f);
	usleep(100000);
	return f;
}

void stop_flood(struct flood_counts *f)
{
	f->stop = 1;
	uint64_t end = now_ms() + 3000;
	while (f->allowed_got < f->allowed_sent && now_ms() < end)
		usleep(10000);
	usleep(100000);
	f->stop = 2;
	CHECK(f->denied_got == 0 && f->leaks == 0, "leaked: %llu of %llu datagrams, %llu connections",
	      (unsigned long long)f->denied_got, (unsigned long long)f->denied_sent,
	      (unsigned long long)f->leaks);
	CHECK(f->allowed_got == f->allowed_sent && f->connects_failed == 0,
	      "lost: %llu of %llu datagrams, %llu of %llu connections",
	      (unsigned long long)(f->allowed_sent - f->allowed_got),
	      (unsigned long long)f->allowed_sent, (unsigned long long)f->connects_failed,
	      (unsigned long long)f->connects);
	CHECK(f->allowed_got > 1000 && f->denied_sent > 1000 && f->connects > 20,
	      "too little traffic: %llu allowed, %llu denied datagrams, %llu connections",
	      (unsigned long long)f->allowed_got, (unsigned long long)f->denied_sent,
	      (unsigned long long)f->connects);
}
