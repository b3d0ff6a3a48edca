#include "providers/hotaisle.h"
#include "base/str.h"

/* ---- our SSH key (§2.11): look first, so that a key which a person registered is enough ---- */

enum { KEY_LOOK, KEY_ADD };

void hotaisle_key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	json_t *body;

	if (!a->public_key || !*a->public_key) {
		hotaisle_answer(req, r, "no public key to register");
		return;
	}
	http_request_url(
	    req, c->step == KEY_ADD ? "POST" : "GET", "%s/user/ssh_keys/", a->account->api_url);
	hotaisle_authenticate(a, req);
	if (c->step != KEY_ADD)
		return;
	body = json_object();
	json_put_str(body, "authorized_key", a->public_key);
	http_request_json(req, body);
}

/* "ssh-ed25519 AAAA… comment": is the base64 word in it this one? */
static bool same_key(const char *line, const char *base64)
{
	const char *blob = strchr(line, ' ');
	size_t n;

	if (!blob || !*base64)
		return false;
	blob += strspn(blob, " ");
	n = strcspn(blob, " \r\n");
	return strlen(base64) == n && !memcmp(blob, base64, n);
}

static bool key_known(const struct op_args *a, const json_t *keys, struct op_reply *r)
{
	const json_t *key;
	size_t i;

	json_array_foreach (keys, i, key) {
		if (!same_key(a->public_key, json_str(key, "public_key", "")))
			continue;
		str_copy(r->key_id, json_str(key, "fingerprint", ""));
		return true;
	}
	return false;
}

static enum verdict key_looked(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j = NULL;
	bool known;

	if (res->status == 401 || res->status == 429 || res->status >= 500 || res->status < 200)
		return hotaisle_failed(res, r, false);
	if (hotaisle_is_success(res))
		j = json_read(res->body, res->len, NULL);
	known = key_known(a, j, r);
	json_decref(j);
	c->step = KEY_ADD;
	return known ? VERDICT_OK : VERDICT_MORE;
}

enum verdict hotaisle_key_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	if (c->step == KEY_LOOK)
		return key_looked(a, c, res, r);
	if (res->status == 409)
		return VERDICT_OK;
	if (res->status == 403)
		return op_fail(r, VERDICT_REFUSED,
		    "the API key lacks the user role owner and cannot register SSH keys: register "
		    "the site's public key by hand for a member of team '%s' (gpufleetctl doctor prints it)",
		    a->account->team);
	if (!hotaisle_is_success(res))
		return hotaisle_failed(res, r, false);
	j = json_read(res->body, res->len, NULL);
	str_copy(r->key_id, json_str(j, "fingerprint", ""));
	json_decref(j);
	return VERDICT_OK;
}

/* ---- key, taken away: machines ask for the team's keys at every login, so this is for an account without any (§2.11) ---- */

/* A fingerprint in a path: without "SHA256:", and what base64 has beyond letters and digits escaped. */
static void escape_fingerprint(const char *print, char out[3 * ID_MAX + 1])
{
	size_t n = 0;

	if (!strncmp(print, "SHA256:", 7))
		print += 7;
	for (out[0] = '\0'; *print && n < 3 * ID_MAX - 3; print++)
		n += (size_t)snprintf(out + n, 3 * ID_MAX + 1 - n, strchr("+/=%?#", *print) ? "%%%02X" : "%c", (unsigned char)*print);
}

void hotaisle_key_drop_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	char escaped[3 * ID_MAX + 1];

	if (!c->step) {
		hotaisle_key_build(a, c, req, r);
		return;
	}
	escape_fingerprint(c->token, escaped);
	http_request_url(req, "DELETE", "%s/user/ssh_keys/%s/", a->account->api_url, escaped);
	hotaisle_authenticate(a, req);
}

enum verdict hotaisle_key_drop_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j;
	bool known;

	if (c->step)
		return hotaisle_is_success(res) ? VERDICT_OK : hotaisle_failed(res, r, true);
	j = hotaisle_is_success(res) ? json_read(res->body, res->len, NULL) : NULL;
	if (!json_is_array(j)) {
		json_decref(j);
		return hotaisle_is_success(res) ? op_fail(r, VERDICT_RETRY, "Hot Aisle's answer has no list of keys") : hotaisle_failed(res, r, false);
	}
	known = key_known(a, j, r);
	json_decref(j);
	if (!known || !*r->key_id)
		return op_fail(r, VERDICT_ABSENT, "our key is not there");
	str_copy(c->token, r->key_id);
	c->step = 1;
	return VERDICT_MORE;
}
