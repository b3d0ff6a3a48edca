/*
 * Any bytes as recipe.yaml: never a crash, and the defaults of what is accepted bind.
 */
#include "config/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf report = BUF(128 * 1024);
	struct recipe r;
	json_t *out, *set = json_object();
	bool bound;

	if (recipe_read(&r, "fuzz", (const char *)data, n, NULL, &report, NULL) == 0) {
		for (size_t i = 0; i < r.param_count; i++)
			if (!r.params[i].fallback)
				json_object_set_new(set, r.params[i].name, json_string("1"));
		bound = recipe_bind_params(&r, set, &out, NULL) == 0;
		if (bound)
			json_decref(out);
		else if (json_object_size(set) == 0)
			BUG("the defaults do not bind");
		recipe_free(&r);
	}
	json_decref(set);
	buf_free(&report);
	return 0;
}
