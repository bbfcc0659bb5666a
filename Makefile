# SPDX-License-Identifier: Apache-2.0
#
# The front door. Meson builds; each target first installs what it misses
# (scripts/setup.sh, through apt) and says nothing when nothing is missing.

MESON_FLAGS ?=
PREFIX ?= /usr/local
T ?=
ARGS ?=

build: build/weir

help:
	@echo 'make build     the program: build/weir'
	@echo 'make demo      the tutorial in a lab of network namespaces, with real packets (root)'
	@echo 'make test      everything; T=PHASE for one phase, T=list for their names'
	@echo 'make bench     the figures of the README, measured here (root for the packets)'
	@echo 'make chaos     a node agent while everything changes and breaks (root); CHAOS=SECONDS (default 300)'
	@echo 'make fuzz      the fuzzers; TIME=SECONDS for each (default 600)'
	@echo 'make image     the container image of the node agent: build/weir-image.tar'
	@echo 'make install   PREFIX=/usr/local, DESTDIR='
	@echo 'make clean     removes what was built'

build/build.ninja:
	@scripts/setup.sh build
	@meson setup build --prefix=$(PREFIX) $(MESON_FLAGS) >build.log 2>&1 || { cat build.log; rm -rf build build.log; exit 1; }
	@mv build.log build/setup.log

build/weir: FORCE build/build.ninja
	@scripts/setup.sh build
	@ninja -C build weir

demo:
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory build
	@examples/demo.py $(ARGS)

test:
	@scripts/setup.sh test
	@scripts/test.py $(T)

CHAOS ?= 300
chaos:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory build
	@ninja -C build tests/kernel/agent/mapcheck
	@tests/kernel/agent/chaos.py build/weir --seconds $(CHAOS) $(ARGS)

bench:
	@scripts/setup.sh bench
	@$(MAKE) --no-print-directory build
	@scripts/bench.sh $(ARGS)

TIME ?= 600
fuzz:
	@scripts/setup.sh test
	@scripts/test.py fuzz --fuzz-seconds $(TIME)

install: build
	@meson configure build -Dprefix=$(PREFIX)
	@meson install -C build --quiet --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

image: build
	@scripts/image.py --output build/weir-image.tar build/weir

clean:
	rm -rf build build-asan build-fuzz

FORCE:
.PHONY: help build demo test chaos bench fuzz install image clean FORCE
