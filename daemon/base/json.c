#include "json.h"
#include "str.h"

#include <math.h>

/* Nesting is counted before jansson recurses; brackets inside strings do not count. */
static bool too_deep(const char *s, size_t n)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = false;
		} else if (s[i] == '"') {
			in_string = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (s[i] == '}' || s[i] == ']') {
			depth--;
		}
	}
	return false;
}

void json_init(void)
{
	json_set_alloc_funcs(xmalloc, free);
}

json_t *json_read(const char *text, size_t n, struct err *e)
{
	json_error_t je;
	json_t *j;

	if (n > JSON_BYTES_MAX) {
		err_set(e, ERR_USAGE, "JSON of %zu bytes is over the limit of %u", n, JSON_BYTES_MAX);
		return NULL;
	}
	if (too_deep(text, n)) {
		err_set(e, ERR_USAGE, "JSON nested deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (!j)
		err_set(e, ERR_USAGE, "not valid JSON at line %d, column %d: %s", je.line, je.column, je.text);
	return j;
}

char *json_text(const json_t *j)
{
	char *s = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	return s ? s : xstrdup("null");
}

const json_t *json_path(const json_t *j, const char *path)
{
	char key[128];
	int64_t index;

	while (j && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		path += path[n] ? n + 1 : n;
		if (json_is_array(j) && str_to_i64(key, 0, 1000000, &index))
			j = json_array_get(j, (size_t)index);
		else
			j = json_object_get(j, key);
	}
	return j;
}

const char *json_str(const json_t *j, const char *path, const char *fallback)
{
	const char *s = json_string_value(json_path(j, path));

	return s ? s : fallback;
}

double json_num(const json_t *j, const char *path, double fallback)
{
	const json_t *v = json_path(j, path);
	double d;

	if (json_is_number(v)) {
		d = json_number_value(v);
		return isfinite(d) ? d : fallback;
	}
	return json_is_string(v) && str_to_double(json_string_value(v), &d) ? d : fallback;
}

int64_t json_int(const json_t *j, const char *path, int64_t fallback)
{
	const json_t *v = json_path(j, path);
	int64_t i;
	double d;

	if (json_is_integer(v))
		return json_integer_value(v);
	if (json_is_string(v))
		return str_to_i64(json_string_value(v), INT64_MIN, INT64_MAX, &i) ? i : fallback;
	if (!json_is_real(v))
		return fallback;
	d = json_real_value(v);
	return d == floor(d) && fabs(d) < 9e15 ? (int64_t)d : fallback;
}

bool json_bool(const json_t *j, const char *path, bool fallback)
{
	const json_t *v = json_path(j, path);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

bool json_money(const json_t *j, const char *path, money *out)
{
	const json_t *v = json_path(j, path);

	if (json_is_string(v))
		return money_parse(json_string_value(v), out);
	return json_is_number(v) && money_from_double(json_number_value(v), out);
}

bool json_money_signed(const json_t *j, const char *path, money *out)
{
	double usd = json_num(j, path, NAN);

	if (isnan(usd) || !money_from_double(fabs(usd), out))
		return false;
	if (usd < 0)
		*out = -*out;
	return true;
}

bool json_time(const json_t *j, const char *path, instant *out)
{
	const json_t *v = json_path(j, path);
	double d;

	if (json_is_string(v))
		return instant_parse(json_string_value(v), out);
	d = json_is_number(v) ? json_number_value(v) : -1;
	if (!isfinite(d) || d < 0 || d > 1e11)
		return false;
	*out = (instant)(d * (double)SECOND);
	return true;
}

void json_put(json_t *o, const char *key, json_t *value)
{
	if (json_object_set_new(o, key, value) < 0)
		BUG("cannot set JSON key '%s'", key);
}

void json_put_str(json_t *o, const char *key, const char *value)
{
	json_t *s = value ? json_string(value) : json_null();

	/* Not UTF-8: kept, with the bad bytes spelled out. */
	if (!s) {
		struct buf b = BUF(JSON_BYTES_MAX);

		str_safe(&b, value, strlen(value), true);
		s = json_string(buf_str(&b));
		buf_free(&b);
	}
	json_put(o, key, s);
}

void json_put_int(json_t *o, const char *key, int64_t value)
{
	json_put(o, key, json_integer(value));
}

void json_put_bool(json_t *o, const char *key, bool value)
{
	json_put(o, key, json_boolean(value));
}

void json_put_money(json_t *o, const char *key, money value)
{
	json_put(o, key, json_real((double)value / (double)USD));
}

void json_put_time(json_t *o, const char *key, instant value)
{
	char text[32];

	instant_format(value, true, text);
	json_put(o, key, value ? json_string(text) : json_null());
}
