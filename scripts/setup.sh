#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what a make target needs and the machine lacks, through apt and
# nothing else. Debian 12 and 13, Ubuntu 24.04. Says nothing when all is there.
#
#	scripts/setup.sh GROUP...	groups: build test demo bench
#	scripts/setup.sh --list GROUP...	the packages that are missing, one a line
set -eu

# What is needed, by group: how to see that it is there, and the package that
# brings it ("a|b": the first that this release knows; "a?": only where it
# knows it, tests that want it are then skipped).
#	cmd:NAME	a program
#	pc:NAME		a library, as pkg-config knows it
#	lib:FILE	a header or a library in the compiler's path
needs() {
	cat <<'TABLE'
build	cmd:cc		gcc
build	cmd:pkg-config	pkg-config|pkgconf
build	cmd:python3	python3
build	cmd:meson	meson
build	cmd:ninja	ninja-build
build	cmd:clang	clang
build	pc:yaml-0.1	libyaml-dev
build	pc:libcurl	libcurl4-openssl-dev
build	pc:libuv	libuv1-dev
build	pc:libseccomp	libseccomp-dev
build	pc:libbpf	libbpf-dev
build	pc:libmnl	libmnl-dev
build	pc:libnftables	libnftables-dev
build	pc:libmicrohttpd	libmicrohttpd-dev
build	pc:gnutls	libgnutls28-dev
build	pc:sqlite3	libsqlite3-dev
build	pc:zlib	zlib1g-dev
test	pc:cmocka	libcmocka-dev
test	cmd:valgrind	valgrind
test	cmd:clang-format	clang-format
test	cmd:clang-tidy	clang-tidy
test	clang:-fsanitize=fuzzer	libclang-rt-dev|libclang-rt-18-dev
test	cmd:groff	groff-base
test	cmd:man	man-db
test	cmd:dot	graphviz
test	cmd:git	git
test	cmd:kubectl	kubernetes-client?
test	cmd:openssl	openssl
test	cmd:nghttpx	nghttp2-proxy
demo	cmd:ip	iproute2
demo	cmd:nft	nftables
demo	cmd:dnsmasq	dnsmasq-base
demo	cmd:ping	iputils-ping
demo	cmd:nc	netcat-openbsd
demo	cmd:nslookup	bind9-dnsutils
TABLE
}

# A group's rows: test and demo and bench need the build, test needs the lab.
rows() {
	case $1 in
	build) wanted='build' ;;
	test) wanted='build test demo' ;;
	demo | bench) wanted='build demo' ;;
	*)
		echo "setup.sh: no group '$1' (build, test, demo, bench)" >&2
		exit 2
		;;
	esac
	for group in $wanted; do
		needs | awk -v g="$group" '$1 == g { print $2, $3 }'
	done
}

present() {
	case $1 in
	# sbin is not in every user's path
	cmd:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	clang:*)
		probe=$(mktemp)
		echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }' |
			clang "${1#clang:}" -x c - -o "$probe" 2>/dev/null
		found=$?
		rm -f "$probe"
		return $found
		;;
	esac
}

# The first of "a|b" that apt knows; the first one where it knows none.
package() {
	case $1 in
	*\?)
		apt-cache show "${1%\?}" >/dev/null 2>&1 && echo "${1%\?}"
		return 0
		;;
	esac
	for name in $(echo "$1" | tr '|' ' '); do
		if apt-cache show "$name" >/dev/null 2>&1; then
			echo "$name"
			return
		fi
	done
	echo "${1%%|*}"
}

missing() {
	for group in "$@"; do
		rows "$group"
	done | sort -u | while read -r check names; do
		present "$check" || echo "$names"
	done
}

give_up() {
	echo "setup.sh: $1" >&2
	echo "setup.sh: missing: $(echo $2 | tr '|' '/')" >&2
	exit 1
}

[ $# -gt 0 ] || set -- build
list=no
if [ "$1" = --list ]; then
	list=yes
	shift
fi
for group in "$@"; do
	rows "$group" >/dev/null
done

lacking=$(missing "$@")
[ -n "$lacking" ] || exit 0
if [ $list = yes ]; then
	echo "$lacking" | tr -d '?'
	exit 0
fi

command -v apt-get >/dev/null 2>&1 ||
	give_up "there is no apt-get here; install these by the names of your system" "$lacking"
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 ||
		give_up "packages must be installed, which needs root (or sudo)" "$lacking"
	sudo=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 && return
	tail -n 15 "$log" >&2
	give_up "apt-get $1 failed" "$lacking"
}

echo "setup.sh: asking apt for the list of packages" >&2
apt update
packages=$(for names in $lacking; do package "$names"; done)
echo "setup.sh: installing" $packages >&2
# shellcheck disable=SC2086 # a list of words
[ -z "$packages" ] || apt install -y --no-install-recommends $packages

still=$(missing "$@" | grep -v '?$' || true)
[ -z "$still" ] || give_up "installed, and still not found" "$still"
