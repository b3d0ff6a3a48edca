# The deterministic simulator (tests/night/). Included by the Makefile.
#
#	make sim SEEDS=10000     nights from FROM on; every fourth without faults
#	make sim-crash           the process killed, and the power lost, at every point of the core scenarios
#	make sim-mutants         planted bugs, each of which must be caught
#	make sim-rate            how often providers are asked: 200 machines, an outage, bursts of 429s
#	make sim-season          sixty nights of a campaign, ten times; in every second one a cell works on two machines
#	make sim-months          two months over four providers, with budgets; every fourth without faults
#	make sim-orphan          the daemon removed for ever at some step; the reaper bounds the loss
# One night again, told in full: build/gpufleet-night --seed N --trace

NIGHT_SRC := $(sort $(wildcard tests/night/*.c))
NIGHT     := $(BUILD)/gpufleet-night
SEEDS     ?=
FROM      ?= 1
JOBS      ?= 2

$(NIGHT): $(call obj,$(NIGHT_SRC)) $(DLIB) $(CLOUD) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

ifneq ($(SEEDS),)
sim: sim-seeds
endif

sim-seeds: $(NIGHT)
	@$(NIGHT) --seeds $(SEEDS) --from $(FROM) --jobs $(JOBS) --table

# Part of `make check`: 200 nights, the same twice, the seeds that once found something, a season, two months, and 200 machines
# within what the clouds publish.
check: check-night
check-night: $(NIGHT)
	@$(NIGHT) --seeds 200 --jobs $(JOBS) --again
	@$(NIGHT) --regressions tests/night/regressions
	@$(NIGHT) --seasons 1
	@$(NIGHT) --months 1
	@$(NIGHT) --rate-short

.PHONY: sim-seeds check-night

sim-crash: $(NIGHT)
	@$(NIGHT) --crash --jobs $(JOBS)
.PHONY: sim-crash

sim-mutants:
	@+$(MAKE) --no-print-directory BUILD=$(BUILD)/mutants CPPFLAGS='$(CPPFLAGS) -DGPUFLEET_MUTANTS' $(BUILD)/mutants/gpufleet-night
	@$(BUILD)/mutants/gpufleet-night --mutants --jobs $(JOBS)
.PHONY: sim-mutants

sim-rate: $(NIGHT)
	@$(NIGHT) --rate
.PHONY: sim-rate

ORPHANS ?= 3000
sim-orphan: $(NIGHT)
	@$(NIGHT) --seeds $(ORPHANS) --jobs $(JOBS) --orphan
.PHONY: sim-orphan

SEASONS ?= 10
sim-season: $(NIGHT)
	@$(NIGHT) --seasons $(SEASONS)
.PHONY: sim-season

MONTHS ?= 8
sim-months: $(NIGHT)
	@$(NIGHT) --months $(MONTHS)
.PHONY: sim-months
