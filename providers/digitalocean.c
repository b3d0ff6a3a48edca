/*
 * DigitalOcean GPU droplets, and the AMD Developer Cloud, which is the same API on another host (providers/digitalocean.md).
 *
 * What is particular here:
 *   - lists hide GPU droplets unless asked with type=gpus, and a tag cannot be asked for together with a type: two listings
 *     (§0.1);
 *   - a create answers 202, which promises nothing; the mark is the name, which may repeat (§0.3, §0.4);
 *   - "sold out", "over quota" and "wrong request" are all 422, told apart by their sentence (§8);
 *   - off is billed like on: only destroying ends the bill (§0.2);
 *   - the next page is a link that names the production host: only its page number is taken (§1);
 *   - the balance says what is owed; only credit is money left to spend (§2);
 *   - a volume's name is unique in its region, so what a broken answer has made is found by its name; a snapshot's is not, and the
 *     action that takes it does not tell its id (§6).
 */
#include "base/crypto.h"
#include "base/str.h"
#include "providers/digitalocean.h"

/* ---- check ---- */

static void check_build(
    const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	digitalocean_request(a, req, "GET", "account");
}

static enum verdict check_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	const char *id, *status;

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	id = json_str(j, "account.team.uuid", json_str(j, "account.uuid", "")); /* the team is what is billed */
	status = json_str(j, "account.status", "");
	if (!*id || !str_copy(r->account_id, id)) {
		r->account_id[0] = '\0';
		digitalocean_unreadable(r, "account id");
	} else if (!strcmp(status, "locked")) {
		op_fail(r, VERDICT_LIMIT, "the account is locked; DigitalOcean's support says why");
	} else {
		op_fail(r, VERDICT_OK,
		    "at most %lld droplets of all kinds%s; a limit of GPUs shows only when a create is refused",
		    (long long)json_int(j, "account.droplet_limit", 0),
		    strcmp(status, "warning") != 0 ? "" : ", and the account carries a warning");
	}
	json_decref(j);
	return r->verdict;
}

/*
 * ---- key ----
 *
 * Looked up by its fingerprint (the list has a limit of its own, §0.6), registered when it is not there, and looked up again
 * when somebody else just registered it (§4).
 */
enum key_step { KEY_LOOK, KEY_ADD, KEY_LOOK_AGAIN };

/* MD5 in colon form, by which the API knows a key too. False: not an OpenSSH public key. */
static bool fingerprint(const char *public_key, char out[48])
{
	const char *blob = public_key ? strchr(public_key, ' ') : NULL;
	uint8_t digest[16], *data;
	char *text;
	size_t n;

	if (!blob)
		return false;
	text = xstrndup(blob + 1, strcspn(blob + 1, " \r\n"));
	data = crypto_base64_decode(text, &n);
	free(text);
	if (!data || n < sizeof(digest)) {
		free(data);
		return false;
	}
	crypto_md5(data, n, digest);
	free(data);
	for (int i = 0; i < 16; i++)
		snprintf(out + 3 * i, 3, "%02x", digest[i]);
	for (int i = 2; i < 47; i += 3)
		out[i] = ':';
	return true;
}

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	char print[48], path[80];
	json_t *body;

	if (!fingerprint(a->public_key, print)) {
		digitalocean_refuse(req, r, "our public key is not in OpenSSH's form");
		return;
	}
	if (c->step != KEY_ADD) {
		snprintf(path, sizeof(path), "account/keys/%s", print);
		digitalocean_request(a, req, "GET", path);
		return;
	}
	digitalocean_request(a, req, "POST", "account/keys");
	body = json_object();
	json_put_str(body, "name", "gpufleet");
	json_put_str(body, "public_key", a->public_key);
	http_request_json(req, body);
}

static enum verdict key_failed(struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	enum verdict v = digitalocean_failed_or_absent(res, r);
	bool taken = v == VERDICT_REFUSED && res->status == 422 && str_icontains(r->message, "already in use");

	if (c->step == KEY_LOOK && v == VERDICT_ABSENT)
		c->step = KEY_ADD;
	else if (c->step == KEY_ADD && taken)
		c->step = KEY_LOOK_AGAIN;
	else if (c->step == KEY_LOOK_AGAIN && v == VERDICT_ABSENT)
		return r->verdict = VERDICT_RETRY; /* a new key may stay unseen for a moment */
	else
		return r->verdict = v == VERDICT_ABSENT ? VERDICT_REFUSED : v;
	return op_fail(r, VERDICT_MORE, "%s", "");
}

static enum verdict key_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	(void)a;
	if (!digitalocean_is_success(res))
		return key_failed(c, res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	if (digitalocean_read_id(j, "ssh_key.id", r->key_id))
		r->verdict = VERDICT_OK;
	else
		digitalocean_unreadable(r, "id of our key");
	json_decref(j);
	return r->verdict;
}

/* Droplets that have it keep it in authorized_keys (§4): this only forgets it for those to come. */
static void key_drop_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	char print[48], path[80];

	(void)c;
	if (!fingerprint(a->public_key, print)) {
		digitalocean_refuse(req, r, "our public key is not in OpenSSH's form");
		return;
	}
	snprintf(path, sizeof(path), "account/keys/%s", print);
	digitalocean_request(a, req, "DELETE", path);
}

static enum verdict key_drop_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	return digitalocean_is_success(res) ? VERDICT_OK : digitalocean_failed_or_absent(res, r);
}

/* ---- the table ---- */

/* $0.10 a GiB and month; a snapshot $0.06 a GB, one cent at the least (§6) */
static const struct storage_rule volume = { .gb_month = 10 * CENT, .month = 730 * HOUR };
static const struct storage_rule snapshot = { .gb_month = 6 * CENT, .month = 730 * HOUR, .minimum = CENT };

const struct provider provider_digitalocean = {
	.name = "digitalocean",
	.title = "DigitalOcean",
	.api_url = DIGITALOCEAN_API_URL,
	.token_env = "DIGITALOCEAN_TOKEN",
	.token_where = "https://cloud.digitalocean.com/account/api/tokens: scopes droplet (all), ssh_key (create, read, delete), tag (create, read), "
		       "account, sizes, regions, actions, image and billing (read); for volumes and snapshots block_storage, "
		       "block_storage_action, block_storage_snapshot and snapshot (all)",
	.user = "root",
	.ssh_port = DIGITALOCEAN_SSH_PORT,
	.image_amd = DIGITALOCEAN_IMAGE_AMD,
	.image_nvidia = DIGITALOCEAN_IMAGE,
	.disk_gb = 0, /* the size says */
	.caps = CAP_MARK_AT_CREATE | CAP_BILL_BY_MACHINE | CAP_HOST_KEY | CAP_SPOT, /* sizes "…-spot" (§3) */
	.create_timeout = 60 * SECOND,
	.boot_allowance = 15 * MINUTE,
	.teardown_allowance = 5 * MINUTE,
	/* By the second, at least one minute, on or off; the preview of the invoice is refreshed about daily (§10). */
	.volume = &volume,
	.snapshot = &snapshot,
	.volume_device = "/dev/disk/by-id/scsi-0DO_Volume_",
	.billing = { .quantum = SECOND,
	    .minimum = MINUTE,
	    .start = METER_FROM_CREATE,
	    .settle_delay = 26 * HOUR,
	    .bills_stopped = true,
	    .storage_by_month = true },
	/* 5,000 an hour and 250 a minute for all operations together (§1): the refills add up to 83 a minute. */
	.rate = {
		[OP_CHECK] = { 30 * SECOND, 5 },
		[OP_OFFERS] = { 15 * SECOND, 8 },
		[OP_KEY] = { 10 * SECOND, 6 },
		[OP_KEY_DROP] = { 30 * SECOND, 3 },
		[OP_CREATE] = { 10 * SECOND, 16 },
		[OP_DESCRIBE] = { 5 * SECOND, 16 },
		[OP_LIST] = { 3 * SECOND, 30 },
		[OP_MARK] = { 15 * SECOND, 16 },
		[OP_DESTROY] = { 5 * SECOND, 30 },
		[OP_BALANCE] = { 30 * SECOND, 4 },
		[OP_BILL] = { 10 * SECOND, 20 },
		[OP_STORAGE] = { 30 * SECOND, 8 },
		[OP_VOLUME_MAKE] = { 2 * MINUTE, 4 },
		[OP_VOLUME_DROP] = { 2 * MINUTE, 6 },
		[OP_VOLUME_ATTACH] = { MINUTE, 8 },
		[OP_VOLUME_DETACH] = { MINUTE, 8 },
		[OP_SNAPSHOT_MAKE] = { 2 * MINUTE, 4 },
		[OP_SNAPSHOT_LOOK] = { MINUTE, 8 },
		[OP_SNAPSHOT_DROP] = { 2 * MINUTE, 6 },
		[OP_STORAGE_BILL] = { 3 * MINUTE, 24 },
	},
	.op = {
		[OP_CHECK] = { check_build, check_read },
		[OP_OFFERS] = { digitalocean_offers_build, digitalocean_offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_KEY_DROP] = { key_drop_build, key_drop_read },
		[OP_CREATE] = { digitalocean_create_build, digitalocean_create_read },
		[OP_DESCRIBE] = { digitalocean_describe_build, digitalocean_describe_read },
		[OP_LIST] = { digitalocean_list_build, digitalocean_list_read },
		[OP_MARK] = { digitalocean_mark_build, digitalocean_change_read },
		[OP_DESTROY] = { digitalocean_destroy_build, digitalocean_change_read },
		[OP_BALANCE] = { digitalocean_balance_build, digitalocean_balance_read },
		[OP_BILL] = { digitalocean_bill_build, digitalocean_bill_read },
		[OP_STORAGE] = { digitalocean_storage_build, digitalocean_storage_read },
		[OP_VOLUME_MAKE] = { digitalocean_volume_make_build, digitalocean_volume_make_read },
		[OP_VOLUME_DROP] = { digitalocean_volume_drop_build, digitalocean_change_read },
		[OP_VOLUME_ATTACH] = { digitalocean_volume_attach_build, digitalocean_volume_attach_read },
		[OP_VOLUME_DETACH] = { digitalocean_volume_detach_build, digitalocean_volume_detach_read },
		[OP_SNAPSHOT_MAKE] = { digitalocean_snapshot_make_build, digitalocean_snapshot_make_read },
		[OP_SNAPSHOT_LOOK] = { digitalocean_snapshot_look_build, digitalocean_snapshot_look_read },
		[OP_SNAPSHOT_DROP] = { digitalocean_snapshot_drop_build, digitalocean_change_read },
		[OP_STORAGE_BILL] = { digitalocean_bill_build, digitalocean_storage_bill_read },
	},
};
