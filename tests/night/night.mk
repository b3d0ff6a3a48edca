# The deterministic simulator (tests/night/). Included by the Makefile.

NIGHT_SRC := $(sort $(wildcard tests/night/*.c))
NIGHT     := $(BUILD)/gpufleet-night
JOBS      ?= 2

$(NIGHT): $(call obj,$(NIGHT_SRC)) $(DLIB) $(CLOUD) $(LIB)
	@echo "  LINK    $@"
	@$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

-include $(wildcard $(BUILD)/tests/night/*.d)
