#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The figures of the README, measured here. Clusters are made by tests/bench/gen.c.
# The machine should be idle; medians of several runs are printed.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ninja -C build tests/bench/bench_gen tests/bench/bench_engine tests/bench/bench_live \
	tests/bench/bench_load tests/bench/bench_moves tests/bench/bench_store >/dev/null

# Median wall-clock milliseconds of seven runs of a command.
median_ms() {
	for _ in 1 2 3 4 5 6 7; do
		local begun ended
		begun=$(date +%s%N)
		"$@" >/dev/null
		ended=$(date +%s%N)
		echo $(((ended - begun) / 1000))
	done | sort -n | sed -n 4p | awk '{ printf "%.1f", $1 / 1000 }'
}

echo "weir list -o json, whole process"
printf '  %-12s %10s %12s %14s\n' cluster ms 'output KB' 'ns a byte'
for size in '50 25' '100 50' '200 100' '500 250' '1000 500'; do
	set -- $size
	build/tests/bench/bench_gen --pods "$1" --policies "$2" -o "$work/$1.json"
	ms=$(median_ms build/weir list -f "$work/$1.json" -o json)
	bytes=$(build/weir list -f "$work/$1.json" -o json | wc -c)
	printf '  %-12s %10s %12d %14s\n' "$1x$2" "$ms" $((bytes / 1024)) \
		"$(awk -v m="$ms" -v b="$bytes" 'BEGIN { printf "%.2f", m * 1e6 / b }')"
done

echo
echo "weir lint, whole process (goals: 100 ms and 2000 ms)"
for size in '1000 500' '10000 5000'; do
	set -- $size
	build/tests/bench/bench_gen --pods "$1" --policies "$2" -o "$work/lint.json"
	printf '  %-12s lint %8s ms   describe (reading and resolving alone) %8s ms\n' "$1x$2" \
		"$(median_ms build/weir lint --no-config --fail-on never -f "$work/lint.json")" \
		"$(median_ms build/weir describe -f "$work/lint.json")"
done

echo
echo "the engine, 1000 pods x 500 policies"
build/tests/bench/bench_engine "$work/1000.json" node-0 | sed 's/^/  /'

echo
echo "cluster-wide policies: 1000 with 25 rules each, 10000 pods on 40 nodes (goal: a second)"
build/tests/bench/bench_gen --pods 10000 --nodes 40 --policies 0 --cluster-policies 1000 \
	-o "$work/tiers.json"
build/tests/bench/bench_engine --compile "$work/tiers.json" node-0 | sed 's/^/  /'

echo
echo "live tables of one node: microseconds for all, for one policy, pod, namespace"
for size in '1000 500 4' '10000 1000 40' '100000 10000 5000'; do
	set -- $size
	build/tests/bench/bench_gen --pods "$1" --policies "$2" --nodes "$3" -o "$work/live.json"
	echo "  $1x$2, $3 nodes"
	build/tests/bench/bench_live "$work/live.json" node-0 | sed 's/^/    /'
done

echo
echo "what the agent's copy of a cluster costs"
python3 tests/bench/store.py build/tests/bench/bench_store build/tests/bench/bench_gen \
	1000x500x4 100000x10000x5000

if [ "$(id -u)" = 0 ]; then
	echo
	echo "compile and load, 1000 x 500, the 250 pods of one node"
	build/tests/bench/bench_load "$work/1000.json" node-0 | sed 's/^/  /'
	echo
	echo "the agent, from an object's write to the kernel's maps"
	python3 tests/bench/agent.py build/weir build/tests/bench/bench_gen \
		1000x500x4 10000x1000x40 100000x10000x5000
	echo
	echo "addresses that move, by kind, in microseconds"
	build/tests/bench/bench_moves "$work/1000.json" node-0 100000 | sed 's/^/  /'
	if [ -x build/tests/bench/bench_packet ]; then
		echo
		echo "packets, as ratios to conntrack alone"
		build/tests/bench/bench_packet | sed 's/^/  /'
	fi
else
	echo "compile and load, packets: need root, left out"
fi
