# gpufleet: one Makefile, no recursion. `make help` lists what it can do.
#
#	make deps && make && make check
#
# Sources are found by wildcard; a program whose main file is missing is left out with a note.
# BUILD names the directory of a variant: everything generated lies below it.

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
SAN     ?=
DEVELOPER ?= 1

VERSION := $(shell sed -n 's/^\#define GPUFLEET_VERSION "\(.*\)"/\1/p' daemon/base/version.h)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all:

# ---- libraries -----------------------------------------------------------------------------------------------------------

PKGS      := libuv libcurl jansson libssh2 sqlite3 libmicrohttpd yaml-0.1 libcrypto libarchive
TEST_PKGS := cmocka
PKGCONFIG ?= pkg-config

# Goals that need no compiler and no library.
BARE_GOALS := deps clean help uninstall format lint-text lint-layering lint-quirks
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v $(firstword $(CC))),)
$(error no C compiler '$(firstword $(CC))' here; install what is missing with: make deps)
endif
ifeq ($(shell command -v $(PKGCONFIG)),)
$(error no pkg-config here; install what is missing with: make deps)
endif
WANT    := $(PKGS) $(if $(filter check% unit%,$(MAKECMDGOALS)),$(TEST_PKGS))
MISSING := $(strip $(shell for p in $(WANT); do $(PKGCONFIG) --exists $$p || echo $$p; done))
ifneq ($(MISSING),)
$(error no development files for $(MISSING) here; install what is missing with: make deps)
endif
PKG_CFLAGS := $(shell $(PKGCONFIG) --cflags $(PKGS))
PKG_LIBS   := $(shell $(PKGCONFIG) --libs $(PKGS)) -lpthread -lm
CTL_LIBS   := $(shell $(PKGCONFIG) --libs libcurl jansson libcrypto libarchive yaml-0.1) -lpthread -lm
TEST_LIBS  := $(shell $(PKGCONFIG) --libs $(TEST_PKGS) 2>/dev/null)
endif

# ---- flags ---------------------------------------------------------------------------------------------------------------

STD  := -std=c11 -D_GNU_SOURCE -I. -Idaemon
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wundef \
	-Wpointer-arith -Wwrite-strings -Wvla -Wswitch-enum $(if $(filter 0,$(DEVELOPER)),,-Werror)
STRICT := -Wconversion

HARDEN := -fstack-protector-strong -fPIE
HARDEN_LD := -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDEN += -fcf-protection
endif
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
else ifneq ($(filter -O1 -O2 -O3 -Os,$(CFLAGS)),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif

BASE_FLAGS := $(STD) $(WARN) $(HARDEN) $(SAN_FLAGS) $(PKG_CFLAGS)
COMPILE     = $(CC) $(BASE_FLAGS) $(STRICT) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c
COMPILE_TEST = $(CC) $(BASE_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c
LINK        = $(CC) $(CFLAGS) $(SAN_FLAGS) $(HARDEN_LD) $(LDFLAGS)

# ---- sources -------------------------------------------------------------------------------------------------------------

LIB_SRC    := $(sort $(wildcard daemon/base/*.c daemon/core/*.c daemon/report/*.c providers/*.c remote/*.c db/*.c config/*.c))
MAIN_SRC   := daemon/gpufleetd.c daemon/reaper.c
DAEMON_SRC := $(sort $(filter-out $(MAIN_SRC),$(wildcard daemon/*.c)))
CTL_MAIN   := $(firstword $(wildcard daemon/ctl/main.c daemon/ctl/gpufleetctl.c))
CTL_SRC    := $(sort $(filter-out $(CTL_MAIN),$(wildcard daemon/ctl/*.c)))
CLOUD_SRC  := $(sort $(wildcard tests/sim/cloud*.c))
SIM_SRC    := $(sort $(filter-out $(CLOUD_SRC),$(wildcard tests/sim/*.c)))
UNIT_SRC   := $(sort $(wildcard tests/unit/test_*.c))
HELP_SRC   := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

LIB    := $(BUILD)/libgpufleet.a
DLIB   := $(BUILD)/libdaemon.a
CLIB   := $(BUILD)/libctl.a
CLOUD  := $(BUILD)/libcloud.a
THELP  := $(BUILD)/libunit.a
UNIT   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))

PROGRAMS := $(if $(wildcard daemon/gpufleetd.c),$(BUILD)/gpufleetd) \
	$(if $(CTL_MAIN),$(BUILD)/gpufleetctl) \
	$(if $(wildcard daemon/reaper.c),$(BUILD)/gpufleet-reaper)
SIM      := $(if $(wildcard tests/sim/gpufleet_sim.c),$(BUILD)/gpufleet-sim)
CONTRACT := $(BUILD)/contract/requests
LACKING  := $(if $(wildcard daemon/gpufleetd.c),,gpufleetd) $(if $(CTL_MAIN),,gpufleetctl) \
	$(if $(wildcard daemon/reaper.c),,gpufleet-reaper)

# Files that travel inside the binaries (daemon/base/embed.h).
EMBED := $(shell find remote/recipes daemon/web daemon/api db/migrations -type f ! -name '.*' ! -name '*~' 2>/dev/null | LC_ALL=C sort) \
	$(sort $(wildcard remote/*.sh)) $(wildcard config/gpufleetd.yaml) $(sort $(wildcard config/presets/*.yaml))

# ---- programs ------------------------------------------------------------------------------------------------------------

all: $(PROGRAMS) $(LIB)
	@for p in $(LACKING); do echo "note: $$p has no main file yet and is not built"; done

$(BUILD)/gpufleetd: $(BUILD)/daemon/gpufleetd.o $(DLIB) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(BUILD)/gpufleet-reaper: $(BUILD)/daemon/reaper.o $(DLIB) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# Only what a client may know: a reference to anything of the daemon's does not link.
$(BUILD)/gpufleetctl: $(call obj,$(CTL_MAIN)) $(CLIB) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(CTL_LIBS) $(LDLIBS)

$(BUILD)/gpufleet-sim: $(call obj,$(SIM_SRC)) $(CLOUD) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(LIB): $(call obj,$(LIB_SRC)) $(BUILD)/embed.o
$(DLIB): $(call obj,$(DAEMON_SRC))
$(CLIB): $(call obj,$(CTL_SRC))
$(CLOUD): $(call obj,$(CLOUD_SRC))
$(THELP): $(call obj,$(HELP_SRC))

$(BUILD)/%.a:
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)
	@echo "  AR      $@"

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(COMPILE) -o $@ $<

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(COMPILE_TEST) -o $@ $<

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(THELP) $(DLIB) $(CLIB) $(CLOUD) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(TEST_LIBS) $(PKG_LIBS) $(LDLIBS)

$(BUILD)/embed.c: config/embed.sh $(BUILD)/embed.list $(EMBED)
	@echo "  EMBED   $@"
	@sh config/embed.sh $(EMBED) >$@

$(BUILD)/embed.o: $(BUILD)/embed.c $(BUILD)/flags
	@echo "  CC      $<"
	@$(COMPILE) -o $@ $<

# Rewritten only when their content changes: other flags or a file more or less rebuild what depends on them.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK))' >$@

$(BUILD)/embed.list: FORCE
	@mkdir -p $(@D)
	@echo '$(EMBED)' | cmp -s - $@ || echo '$(EMBED)' >$@

# The members of an archive, so that a source file that went away leaves it.
$(LIB) $(DLIB) $(CLIB) $(CLOUD) $(THELP): $(BUILD)/sources.list
$(BUILD)/sources.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_SRC) $(DAEMON_SRC) $(CTL_SRC) $(CLOUD_SRC) $(HELP_SRC)' | cmp -s - $@ || \
		echo '$(LIB_SRC) $(DAEMON_SRC) $(CTL_SRC) $(CLOUD_SRC) $(HELP_SRC)' >$@

-include $(shell find $(BUILD)/daemon $(BUILD)/providers $(BUILD)/remote $(BUILD)/db $(BUILD)/config $(BUILD)/tests \
	-name '*.d' 2>/dev/null)

# ---- checks --------------------------------------------------------------------------------------------------------------

check: unit sim all $(CONTRACT)
	@sh tests/run.sh '$(BUILD)' unit integration

check-unit: unit
	@sh tests/run.sh '$(BUILD)' unit

check-integration: all sim $(CONTRACT)
	@sh tests/run.sh '$(BUILD)' integration

unit: $(UNIT)
sim: $(SIM)

# What the adapters ask for, held against the providers' own documents.
check-contract: $(CONTRACT)
	@ONLY=contract sh tests/run.sh '$(BUILD)' integration
.PHONY: check-contract

$(CONTRACT): $(call obj,$(wildcard tests/contract/*.c)) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

check-asan:
	@+ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
		$(MAKE) --no-print-directory BUILD=build/asan SAN=address,undefined CFLAGS='-O1 -g' check

check-tsan:
	@+$(MAKE) --no-print-directory BUILD=build/tsan SAN=thread CFLAGS='-O1 -g' check-unit

check-valgrind: unit all sim
	@BUILD='$(BUILD)' bash tests/integration/valgrind.sh
	@WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --track-fds=no' \
		sh tests/run.sh '$(BUILD)' unit

# Each tests/fuzz/fuzz_*.c for FUZZ_SECONDS, with the corpus in tests/fuzz/corpus/NAME and what tests/fuzz/seeds.sh makes of
# tests/fixtures; findings go to build/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz:
	@+$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' \
		$(patsubst tests/fuzz/%.c,build/fuzz/fuzz/%,$(FUZZ_SRC))
	@for f in $(patsubst tests/fuzz/%.c,%,$(FUZZ_SRC)); do \
		mkdir -p build/fuzz/corpus/$$f tests/fuzz/corpus/$$f && echo "$$f: $(FUZZ_SECONDS) s" && \
		{ [ $$f != fuzz_providers ] || sh tests/fuzz/seeds.sh build/fuzz/corpus/$$f; } && \
		build/fuzz/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$f- build/fuzz/corpus/$$f tests/fuzz/corpus/$$f || exit 1; done

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(THELP) $(DLIB) $(LIB)
	@mkdir -p $(@D)
	@$(LINK) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# Fifty instances at once over the four simulated clouds: a minute and a half, apart from `check`.
check-load: all sim
	@BUILD='$(BUILD)' bash tests/integration/load_fifty.sh

# The daemon killed in each of 17 phases, once and again while it recovers; then KILLS times (200) at random moments.
check-kill: all sim
	@BUILD='$(BUILD)' bash tests/integration/kill_phases.sh
	@BUILD='$(BUILD)' bash tests/integration/kill_random.sh

# Clouds that misbehave, sixteen ways, end to end; make check tries three of them.
check-clouds: all sim
	@BUILD='$(BUILD)' CLOUD_JOBS=8 bash tests/integration/test_clouds.sh wrong_machine dearer twins late strangers storm host_key sold_out vanishes \
		dies_with_host revoked delete_lies empty_listing never_boots no_tls create_oddities

# One failing call of the C library after the other (tests/torture).
$(BUILD)/torture/failing.so: tests/torture/failing.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -fPIC -shared -o $@ $< -ldl

# SSH beside clush, pssh and xargs ssh; what is not installed is left out (Debian: clustershell, pssh).
$(BUILD)/bench/ssh_many: $(BUILD)/tests/bench/ssh_many.o $(LIB)
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)
$(BUILD)/bench/ledger: $(BUILD)/tests/bench/ledger.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

LEDGER_ROWS ?= 1000000
bench-ledger: $(BUILD)/bench/ledger
	@$(BUILD)/bench/ledger $(LEDGER_ROWS)

$(BUILD)/bench/machines $(BUILD)/bench/turn: $(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

bench-daemon: all sim $(BUILD)/bench/machines $(BUILD)/bench/turn
	@BUILD='$(BUILD)' bash tests/bench/bench_daemon.sh

bench: bench-ledger bench-daemon bench-ssh
.PHONY: bench bench-ledger bench-daemon

bench-ssh: $(BUILD)/bench/ssh_many
	@BUILD='$(BUILD)' bash tests/bench/bench_ssh.sh

# Ten years of firings against two other implementations; needs node, npm and the network.
$(BUILD)/cron/firings: $(call obj,tests/cron/firings.c) $(DLIB) $(LIB)
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

check-cron: $(BUILD)/cron/firings
	@cp tests/cron/package.json tests/cron/compare.mjs $(BUILD)/cron/
	@cd $(BUILD)/cron && npm install --silent --no-audit --no-fund && node compare.mjs $(abspath $(BUILD))/cron/firings

# The cheapest real machine of one provider, and back, for at most CAP dollars (tests/live/live.sh). Never part of a check.
live: all
	@BUILD='$(BUILD)' PROVIDER='$(PROVIDER)' CAP='$(CAP)' bash tests/live/live.sh
.PHONY: live

# A run that writes ten gigabytes: a quarter of an hour.
check-flood: all sim
	@BUILD='$(BUILD)' FLOOD=10G bash tests/integration/test_hostile_results.sh

torture: all sim $(BUILD)/torture/failing.so
	@BUILD='$(BUILD)' bash tests/torture/torture.sh

demo: all sim
	@BUILD='$(BUILD)' bash tests/sim/demo.sh
demo-campaign: all sim
	@BUILD='$(BUILD)' bash tests/sim/demo_campaign.sh

LINT := lint-layering lint-headers lint-options lint-openapi lint-ctl lint-man lint-shell lint-unit lint-text lint-quirks
lint: $(LINT)
	@echo 'lint: clean'
lint-layering:
	@sh tests/lint/layering.sh
lint-headers:
	@CC='$(CC)' FLAGS='$(subst ','\'',$(STD) $(WARN) $(PKG_CFLAGS))' sh tests/lint/headers.sh
lint-options:
	@sh tests/lint/options.sh '$(BUILD)'
lint-options: $(if $(wildcard config/option.c),$(BUILD)/print-options)
lint-openapi: $(BUILD)/print-openapi
	@sh tests/lint/openapi.sh '$(BUILD)'
lint-ctl: $(if $(CTL_MAIN),$(BUILD)/gpufleetctl)
	@sh tests/lint/ctl.sh '$(BUILD)'
lint-man:
	@sh tests/lint/man.sh
lint-shell:
	@sh tests/lint/shell.sh
lint-unit:
	@sh tests/lint/unit.sh
lint-text:
	@sh tests/lint/text.sh
lint-quirks:
	@sh tests/lint/quirks.sh

# What tables and documents say about themselves: the commented sample, parts of the manuals, the routes of the API.
docs: $(BUILD)/print-options $(BUILD)/print-openapi $(BUILD)/gpufleetctl
	sh tests/lint/options.sh '$(BUILD)' write
	sh tests/lint/openapi.sh '$(BUILD)' write
	sh tests/lint/ctl.sh '$(BUILD)' write

$(BUILD)/print-options: $(BUILD)/tests/lint/print_options.o $(LIB)
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)
$(BUILD)/print-openapi: $(BUILD)/tests/lint/print_openapi.o $(BUILD)/daemon/openapi.o $(LIB)
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

format:
	git clang-format --force --extensions c,h

include tests/night/night.mk

# ---- installation --------------------------------------------------------------------------------------------------------

bindir  = $(DESTDIR)$(PREFIX)/bin
mandir  = $(DESTDIR)$(PREFIX)/share/man
docdir  = $(DESTDIR)$(PREFIX)/share/doc/gpufleet
unitdir = $(DESTDIR)$(PREFIX)/lib/systemd/system
userdir = $(DESTDIR)$(PREFIX)/lib/sysusers.d
compdir = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
MAN     := $(wildcard man/*.[158])
UNITS   := $(wildcard config/*.service config/*.timer)
EXAMPLES := $(wildcard config/gpufleetd.yaml config/gpufleet-reaper.cron config/campaigns/*.yaml)

deps:
	@bash config/install-deps.sh

install: all
	install -d $(bindir) $(docdir) $(unitdir) $(userdir)
	for p in $(PROGRAMS); do install -m 755 $$p $(bindir) || exit 1; done
	install -m 644 LICENSE $(wildcard README.md) $(EXAMPLES) $(docdir)
	install -m 644 config/gpufleet.sysusers $(userdir)/gpufleet.conf
	for u in $(UNITS); do sed 's|/usr/local/bin/|$(PREFIX)/bin/|' $$u >$(unitdir)/$${u##*/} || exit 1; done
	for m in $(MAN); do s=$${m##*.}; install -d $(mandir)/man$$s && install -m 644 $$m $(mandir)/man$$s || exit 1; done
	install -d $(compdir) $(zshdir) $(fishdir)
	install -m 644 config/completion/gpufleetctl.bash $(compdir)/gpufleetctl
	install -m 644 config/completion/_gpufleetctl $(zshdir)
	install -m 644 config/completion/gpufleetctl.fish $(fishdir)

uninstall:
	rm -f $(addprefix $(bindir)/,gpufleetd gpufleetctl gpufleet-reaper) $(compdir)/gpufleetctl \
		$(zshdir)/_gpufleetctl $(fishdir)/gpufleetctl.fish
	rm -f $(userdir)/gpufleet.conf $(addprefix $(unitdir)/,$(notdir $(UNITS)))
	for m in $(MAN); do rm -f $(mandir)/man$${m##*.}/$${m##*/}; done
	rm -rf $(docdir)

clean:
	rm -rf build

help:
	@echo 'make                    the programs, in $(BUILD)/'
	@echo 'make deps               install the Debian packages that are missing'
	@echo 'make check              all tests; check-unit and check-integration run one half'
	@echo 'make check-asan         all tests with the address and undefined-behaviour sanitizers'
	@echo 'make check-valgrind     the daemon from end to end, then the unit tests, under valgrind'
	@echo 'make fuzz               parsers and what providers answer under libFuzzer, FUZZ_SECONDS each (clang)'
	@echo 'make check-contract     requests and answers against the documents of the providers, in ../shared or OPENAPI=dir'
	@echo 'make check-clouds       sixteen ways in which clouds misbehave, end to end'
	@echo 'make bench-ledger       the report of a month over a million postings, beside SQLite adding them up; make bench: all of them'
	@echo 'make bench-ssh          200 machines over SSH, beside clush, pssh and xargs ssh'
	@echo 'make check-flood        a run that writes ten gigabytes of output'
	@echo 'make check-cron         schedules against croner and cron-parser, ten years in twelve zones (node, npm)'
	@echo 'make check-kill         kill -9 in each of 17 phases, and again during recovery'
	@echo 'make check-load         fifty instances at once'
	@echo 'make sim SEEDS=10000    nights in virtual time; sim-crash, sim-mutants, sim-orphan, sim-season, sim-months and sim-rate go with it (tests/sim/README.md)'
	@echo 'make live PROVIDER=x CAP=5   real money: the cheapest machine of x, SSH, and back'
	@echo 'make torture            allocations, writes, reads, syncs, opens, sockets that fail, PLACES of each'
	@echo 'make demo               a night in simulated clouds on this machine'
	@echo 'make demo-campaign      the founding campaign: nine scenarios, two targets, three repeats, with its report'
	@echo 'make lint               layering, headers, options, the API and its document, manuals, scripts, text, the index of quirks'
	@echo 'make docs               write sample, manuals, completion and the list of routes anew from the tables of options and commands and the API document'
	@echo 'make format             clang-format over the lines that are not committed yet'
	@echo 'make install, uninstall PREFIX (now $(PREFIX)) and DESTDIR are honoured'
	@echo 'make clean              remove build/'
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS, BUILD=dir, SAN=address,undefined, DEVELOPER=0 (warnings are no errors)'

FORCE:
.PHONY: all unit sim check check-unit check-integration check-asan check-tsan check-valgrind check-load check-kill check-clouds check-cron check-flood bench-ssh torture fuzz demo demo-campaign lint $(LINT) docs format deps \
	install uninstall clean help FORCE
.SECONDARY:
