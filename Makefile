# The front door: `make`, `make demo`, `make test`, `make install`, `make bench`. Meson and Ninja do the work.
# `make bench` takes some five minutes; `make bench ARGS="--full --write"` measures all and writes the tables of docs/performance.md. DESTDIR is kept by `make install`.
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

# Every door of tests/fuzz for so many minutes each.
fuzz:
	@tools/fuzz --minutes $(or $(MINUTES),1)

bench: all
	@bench/run --topwork $(BUILD)/topwork $(ARGS)

# The documents as a site in build/site.
site:
	@tools/install-deps test
	@mkdocs build --quiet

install: all
	@meson configure $(BUILD) --prefix $(PREFIX)
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) $(BUILD)-setup.log build-sanitized build-sanitized.log

.PHONY: all deps demo test test-full fuzz bench site install clean
