#include "report/manifest.h"
#include "base/crypto.h"
#include "base/str.h"

bool manifest_counts(const char *key)
{
	static const char *const apart[] = { "collected_at", "instance_id", "price_per_hour_usd", "pip_freeze" };

	for (size_t k = 0; k < ARRAY_LEN(apart); k++)
		if (!strcmp(apart[k], key))
			return false;
	return true;
}

void manifest_stack_id(const json_t *manifest, char out[65])
{
	json_t *stack = json_object(), *v;
	uint8_t digest[SHA256_LEN];
	const char *key;
	char *text;

	json_object_foreach((json_t *)(uintptr_t)manifest, key, v)
		if (manifest_counts(key))
			json_object_set(stack, key, v);
	text = json_dumps(stack, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
	crypto_sha256(text, strlen(text), digest);
	str_hex(digest, sizeof(digest), out);
	free(text);
	json_decref(stack);
}

json_t *manifest_read(const char *text, size_t n, struct err *e)
{
	json_t *m = json_read(text, n, e);

	if (m && strcmp(json_str(m, "schema", ""), MANIFEST_SCHEMA) != 0) {
		err_set(e, ERR_FAILED, "its schema is not %s", MANIFEST_SCHEMA);
		json_decref(m);
		m = NULL;
	}
	return m;
}
