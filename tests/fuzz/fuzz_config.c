/*
 * Any bytes as gpufleetd.yaml: never a crash, and what is accepted prints to a text that is accepted again.
 */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct config_provider providers[] = {
	{ "hotaisle", "HOTAISLE_TOKEN" },
	{ "runpod", "RUNPOD_API_KEY" },
	{ "vastai", "VAST_API_KEY" },
	{ "static", NULL },
	{ NULL, NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct config_request r = { .providers = providers, .no_tokens = true };
	struct buf text = BUF(8 * 1024 * 1024), report = BUF(128 * 1024);
	struct config c;

	if (config_load_text(&c, &r, "fuzz", (const char *)data, n, &report, NULL) == 0) {
		config_print(&c, &text);
		config_free(&c);
		if (config_load_text(&c, &r, "fuzz", buf_str(&text), text.len, &report, NULL) < 0)
			BUG("what was printed is not accepted:\n%s\n%s", buf_str(&report), buf_str(&text));
		config_free(&c);
	}
	buf_free(&text);
	buf_free(&report);
	return 0;
}
