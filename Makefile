# moonwire: `make demo` and `make test` are what to type first; `make help` lists the rest.

PREFIX ?= /usr/local
CC ?= gcc
VARIANT ?= release
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
LUAJIT_TEST_FLAGS ?=

# What the build and the tests need beyond a bare Debian: package names.
BUILD_PACKAGES := gcc make pkg-config libc6-dev libluajit-5.1-dev libev-dev libwebsockets-dev \
    libwebsockets-evlib-ev libssl-dev libcurl4-openssl-dev libintelrdfpmath-dev \
    libsqlite3-dev liblz4-dev libedit-dev lua-cjson ca-certificates
TEST_PACKAGES := python3 python3-websocket nodejs node-ws openssl curl
LINT_PACKAGES := clang-tidy cppcheck lua-check clang
MODEL_PACKAGES := spin
BENCH_PACKAGES := nodejs node-ws python3 python3-websockets openssl

MODULES := luajit libssl libcrypto libcurl libwebsockets sqlite3 liblz4 libedit
SOURCES := $(filter-out runtime/main.c,$(wildcard runtime/*.c))
C_TESTS := $(patsubst tests/runtime/%_test.c,%,$(wildcard tests/runtime/*_test.c))
LUA_TESTS := $(wildcard tests/moonwire/*_test.lua tests/properties/*_test.lua)
E2E_TESTS := $(wildcard tests/e2e/*_test.lua)
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
BENCH_TOOLS := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef
BASE_FLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) -Iruntime -MMD -MP -fstack-protector-strong \
    $(DEFINES) $(shell pkg-config --cflags $(MODULES)) $(CFLAGS)
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
FLAGS_debug := -O1 -g -Werror
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -Werror
LIBS = $(shell pkg-config --libs $(MODULES)) -lev -l:libbidgcc000.a -lm -rdynamic $(LDFLAGS)

B := build/$(VARIANT)
OBJECTS := $(SOURCES:runtime/%.c=$(B)/%.o)

.PHONY: all demo test unit lua-test e2e asan tsan model valgrind chaos lint fuzz bench install \
    clean help build-packages test-packages lint-packages model-packages bench-packages
all: build-packages
	$(Q)$(MAKE) --no-print-directory $(B)/moonwire

$(B)/moonwire: $(B)/main.o $(OBJECTS)
	@echo "  link    $@"
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LIBS)

$(B)/moonwire-test: $(B)/lua_runner.o $(OBJECTS)
	@echo "  link    $@"
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LIBS)

$(B)/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo "  cc      $<"
	$(Q)$(CC) $(BASE_FLAGS) $(FLAGS_$(VARIANT)) -c -o $@ $<

# The program knows which declarations of its structs it was built with (cli.lua compares). Not in
# CFLAGS: what a user gives there would replace it.
LUA_HOST := $(B)/lua_host.o build/fuzz-objects/lua_host.o
$(LUA_HOST): lua/moonwire/cdef.lua
$(LUA_HOST): DEFINES := -DMW_CDEF_SHA256='"$(shell sha256sum lua/moonwire/cdef.lua | cut -c1-64)"'

$(B)/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "  cc      $<"
	$(Q)$(CC) $(BASE_FLAGS) $(FLAGS_$(VARIANT)) -c -o $@ $<

$(B)/tests/%: tests/runtime/%_test.c $(OBJECTS)
	@mkdir -p $(@D)
	@echo "  cc      $<"
	$(Q)$(CC) $(BASE_FLAGS) $(FLAGS_$(VARIANT)) -Itests/runtime -o $@ $< $(OBJECTS) $(LIBS)

build/bench/ring build/bench/journal: build/bench/%: tests/bench/%.c $(OBJECTS)
	@mkdir -p $(@D)
	@echo "  cc      $<"
	$(Q)$(CC) $(BASE_FLAGS) $(FLAGS_$(VARIANT)) -o $@ $< $(OBJECTS) $(LIBS)

build/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo "  cc      $<"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -g -o $@ $< -lssl -lcrypto

# The fuzz targets are built with clang, whatever CC is; the runtime once for all of them.
FUZZ_OBJECTS := $(SOURCES:runtime/%.c=build/fuzz-objects/%.o)
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined
.SECONDARY: $(FUZZ_OBJECTS)
build/fuzz-objects/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo "  clang   $<"
	$(Q)clang $(BASE_FLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/%: tests/fuzz/%_fuzz.c $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	@echo "  clang   $<"
	$(Q)clang $(BASE_FLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJECTS) $(LIBS)

-include $(wildcard build/*/*.d build/*/tests/*.d)

# Installs what is missing, and says so. Root needs no sudo.
define install_packages
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null \
	    | grep -q '^install ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    if ! command -v apt-get >/dev/null; then \
	        echo "please install:" $$missing >&2; exit 1; fi; \
	    as_root=; if [ "$$(id -u)" != 0 ]; then as_root=sudo; fi; \
	    echo "installing with $${as_root:+sudo }apt-get:" $$missing; \
	    $$as_root apt-get update -qq >/dev/null && \
	    DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends \
	        $$missing >/dev/null </dev/null || exit 1; fi
endef
build-packages:
	$(call install_packages,$(BUILD_PACKAGES))
test-packages: build-packages
	$(call install_packages,$(TEST_PACKAGES))
lint-packages: build-packages
	$(call install_packages,$(LINT_PACKAGES))
model-packages: build-packages
	$(call install_packages,$(MODEL_PACKAGES))
bench-packages: build-packages
	$(call install_packages,$(BENCH_PACKAGES))

demo: all ## trade on a simulated venue (VENUE=indodax) for about ten seconds
	$(Q)examples/demo.sh $(B)/moonwire 10 $(VENUE)

test: test-packages ## all tests; ends with one line: N passed, N failed
	$(Q)$(MAKE) --no-print-directory VARIANT=asan -j2 build-tests
	$(Q)$(MAKE) --no-print-directory VARIANT=release -j2 build-tests
	$(Q)tests/run.sh

build-tests: $(B)/moonwire $(B)/moonwire-test $(C_TESTS:%=$(B)/tests/%)

asan: test ## the same: the suite runs under ASan and UBSan

tsan: build-packages ## the ring between threads and processes under ThreadSanitizer
	$(Q)CC=$(CC) tests/tsan.sh

model: model-packages ## the ring's protocol in every order of steps, by spin: errors: 0
	$(Q)CC=$(CC) tests/model/run.sh

valgrind: test-packages ## the C tests and the end-to-end suite under valgrind
	$(Q)$(MAKE) --no-print-directory VARIANT=debug -j2 build-tests
	$(Q)tests/run.sh valgrind

chaos: test-packages ## KILLS (1000) of a run at RATE (200) orders/s full of faults; SEED=1
	$(Q)$(MAKE) --no-print-directory VARIANT=release $(B)/moonwire $(B)/moonwire-test
	$(Q)KILLS=$${KILLS:-1000} SPAN=$${SPAN:-3} MW_PROGRAM=$(B)/moonwire \
	    $(B)/moonwire-test tests/e2e/chaos_test.lua

lint: lint-packages ## clang-tidy, cppcheck, luacheck and a few greps
	$(Q)tests/lint.sh

fuzz: lint-packages ## every fuzz target for FUZZ_SECONDS (default 120)
	$(Q)$(MAKE) --no-print-directory -j2 $(FUZZ_TARGETS:%=build/fuzz/%)
	$(Q)tests/fuzz/run.sh $(FUZZ_TARGETS)

bench: bench-packages ## the event path against C, Node and Python: table and build/bench.json
	$(Q)$(MAKE) --no-print-directory VARIANT=release build/release/moonwire \
	    $(BENCH_TOOLS:%=build/bench/%)
	$(Q)/usr/bin/python3 -B tests/bench/bench.py

install: all ## under PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/moonwire
	install -m 755 $(B)/moonwire $(DESTDIR)$(PREFIX)/bin/moonwire
	cp -R lua strategies examples $(DESTDIR)$(PREFIX)/share/moonwire/

clean: ## removes build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 24
