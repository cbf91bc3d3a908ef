# The front door: `make`, `make demo`, `make test`, `make install`, `make bench`. Meson and Ninja do the work.
BUILD ?= build
PREFIX ?= /usr/local

all: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix $(PREFIX) >$(BUILD)-setup.log || { cat $(BUILD)-setup.log; exit 1; }
	@ninja -C $(BUILD) --quiet

deps:
	@tools/install-deps build

demo: all
	@tools/demo $(BUILD)/topwork

test: all
	@tools/test

test-full: all
	@tools/test --full

bench: all
	@tools/install-deps test
	@bench/run $(BUILD)/topwork

install: all
	@meson install -C $(BUILD) --no-rebuild

.PHONY: all deps demo test test-full bench install
