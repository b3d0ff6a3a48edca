/*
 * providers/digitalocean*.c: answers as the fact sheet has them, hostile ones, and a whole life against the model of the cloud.
 */
#include "adapter_world.h"

#include "base/str.h"
#include "providers/digitalocean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_digitalocean;
extern const struct cloud_model cloud_digitalocean;

#define DROPLET "448543583"

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_digitalocean);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

/* ---- requests ---- */

static void requests_are_as_documented(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_CHECK, "GET", "/v2/account");
	world_asks(w, OP_OFFERS, "GET", "/v2/sizes?per_page=200&page=1");
	/* Without type=gpus GPU droplets are not listed; with a tag it cannot be asked for (§0.1). */
	world_asks(w, OP_LIST, "GET", "/v2/droplets?type=gpus&per_page=200&page=1");
	w->cursor.step = 1;
	world_asks(w, OP_LIST, "GET", "/v2/droplets?tag_name=gpufleet&per_page=200&page=1");
	w->cursor.step = 0;
	world_asks(w, OP_BALANCE, "GET", "/v2/customers/my/balance");
	world_asks(w, OP_BILL, "GET", "/v2/customers/my/invoices?per_page=200&page=1");
	w->args.id = DROPLET;
	world_asks(w, OP_DESCRIBE, "GET", "/v2/droplets/" DROPLET);
	/* Never by tag, never with what is attached (§5.4). */
	world_asks(w, OP_DESTROY, "DELETE", "/v2/droplets/" DROPLET);
	assert_null(w->req.body);
	w->args.mark = MARK;
	world_asks(w, OP_MARK, "POST", "/v2/droplets/" DROPLET "/actions");
	world_asks_with(w, "{\"type\":\"rename\",\"name\":\"" MARK "\"}");
	w->args.id = "../account?x";
	world_asks(w, OP_DESTROY, "DELETE", "/v2/droplets/..%2Faccount%3Fx");
}

static void the_developer_cloud_is_the_same_api(void **state)
{
	struct world *w = *state;

	str_copy(w->account.api_url, "https://api-amd.digitalocean.com");
	provider_digitalocean.op[OP_CHECK].build(&w->args, &w->cursor, &w->req, &w->r);
	assert_string_equal(w->req.url, "https://api-amd.digitalocean.com/v2/account");
}

/* ---- what every operation shares ---- */

static void errors_mean_what_the_sheet_says(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum verdict read, create;
	} rows[] = {
		{ 401, JSON, "{\"id\":\"Unauthorized\",\"message\":\"Unable to authenticate you\"}", VERDICT_DENIED, VERDICT_DENIED },
		{ 403, JSON, "{\"id\":\"forbidden\",\"message\":\"You are not authorized\"}", VERDICT_DENIED, VERDICT_DENIED },
		{ 404, "text/html", "<html>", VERDICT_RETRY, VERDICT_UNSURE },
		{ 408, JSON, "{\"id\":\"x\",\"message\":\"timeout\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 429, JSON, "{\"id\":\"too_many_requests\",\"message\":\"API rate limit exceeded\"}", VERDICT_RETRY, VERDICT_RETRY },
		{ 500, JSON, "{\"id\":\"server_error\",\"message\":\"Unexpected server-side error\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 502, "text/html", "<html>", VERDICT_RETRY, VERDICT_UNSURE },
		{ 503, JSON, "{}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 302, "", "", VERDICT_RETRY, VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_LIST, rows[i].status, rows[i].type, rows[i].body), rows[i].read);
		assert_string_not_equal(w->r.message, "");
		world_forget(w);
		expect_verdict(world_hear(w, OP_CREATE, rows[i].status, rows[i].type, rows[i].body), rows[i].create);
		assert_string_not_equal(w->r.message, "");
	}
}

/* ---- check ---- */

static void the_check_says_who_we_are(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CHECK, 200, "account.json"), VERDICT_OK);
	assert_string_equal(w->r.account_id, "5df3e3004a17e242b7c20ca6c9fc25b701a47ece"); /* the team is what is billed */
	assert_non_null(strstr(w->r.message, "at most 25 droplets"));
	world_forget(w);
	expect_verdict(world_hear(w, OP_CHECK, 200, JSON, "{\"account\":{\"uuid\":\"u1\",\"status\":\"locked\"}}"), VERDICT_LIMIT);
	world_forget(w);
	expect_verdict(world_hear(w, OP_CHECK, 200, JSON, "{\"account\":{\"uuid\":\"u1\",\"status\":\"warning\"}}"), VERDICT_OK);
	assert_string_equal(w->r.account_id, "u1");
	assert_non_null(strstr(w->r.message, "warning"));
	world_forget(w);
	expect_verdict(world_hear(w, OP_CHECK, 200, JSON, "{\"account\":{}}"), VERDICT_RETRY);
	assert_string_equal(w->r.account_id, "");
}

/* ---- offers ---- */

static const struct offer *offer_named(const struct world *w, const char *key)
{
	for (size_t i = 0; i < w->r.offer_count; i++)
		if (!strcmp(w->r.offers[i].key, key))
			return &w->r.offers[i];
	return NULL;
}

static void a_size_is_one_offer_in_each_of_its_regions(void **state)
{
	struct world *w = *state;
	const struct offer *o;

	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-1.json"), VERDICT_MORE);
	assert_int_equal(w->cursor.page, 2);
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-2.json"), VERDICT_OK);
	o = offer_named(w, "gpu-mi300x1-192gb/atl1");
	assert_non_null(o);
	assert_non_null(offer_named(w, "gpu-mi300x1-192gb/tor1"));
	assert_string_equal(o->gpu, "MI300X");
	assert_int_equal(o->gpu_count, 1);
	assert_int_equal(o->gpu_memory_gb, 192);
	assert_int_equal(o->cpus, 20);
	assert_int_equal(o->ram_gb, 240);
	assert_int_equal(o->disk_gb, 720);
	assert_int_equal(o->available, -1);
	assert_true(o->price_hour == 1990000);
	assert_string_equal(o->spec, "{\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"disk\":720}");
	o = offer_named(w, "gpu-mi300x8-1536gb/atl1");
	assert_non_null(o);
	assert_int_equal(o->gpu_count, 8);
	assert_int_equal(o->gpu_memory_gb, 192);     /* the sheet's figure is the total */
	assert_true(o->price_hour == 15920000);      /* for the droplet, not for each GPU (§0.7) */
	o = offer_named(w, "gpu-h100x8-640gb/nyc2");
	assert_non_null(o);
	assert_string_equal(o->gpu, "H100");
	for (size_t i = 0; i < w->r.offer_count; i++) {
		assert_true(w->r.offers[i].gpu_count > 0 && w->r.offers[i].price_hour > 0);
		assert_false(w->r.offers[i].spot); /* for those who ask for it only */
		assert_string_not_equal(w->r.offers[i].region, "");
	}
}

static void offers_are_filtered(void **state)
{
	struct world *w = *state;

	str_copy(w->args.gpu, "mi300x");
	w->args.gpu_count = 8;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-1.json"), VERDICT_MORE);
	assert_int_equal(w->r.offer_count, 1);
	assert_string_equal(w->r.offers[0].key, "gpu-mi300x8-1536gb/atl1");
	world_forget(w);
	w->args.gpu[0] = '\0';
	w->args.gpu_count = 0;
	w->args.spot = true;
	w->cursor.page = 2;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-2.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 1);
	assert_string_equal(w->r.offers[0].key, "gpu-mi350x1-288gb-spot/ric1");
	world_forget(w);
	w->args.spot = false;
	str_copy(w->account.regions[0], "tor1");
	w->account.region_count = 1;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-1.json"), VERDICT_MORE);
	for (size_t i = 0; i < w->r.offer_count; i++)
		assert_string_equal(w->r.offers[i].region, "tor1");
	assert_true(w->r.offer_count > 0);
}

/* Only the number is taken from the link to the next page: it names the production host (§1). */
static void pages_are_followed_by_number(void **state)
{
	static const struct {
		const char *next;
		enum verdict v;
	} rows[] = {
		{ "\"https://elsewhere.example/v2/sizes?per_page=200&page=2\"", VERDICT_MORE },
		{ "\"https://api.digitalocean.com/v2/sizes?page=1\"", VERDICT_RETRY }, /* backwards */
		{ "\"https://api.digitalocean.com/v2/sizes?page=x\"", VERDICT_RETRY },
		{ "\"https://api.digitalocean.com/v2/sizes\"", VERDICT_RETRY },
		{ "7", VERDICT_RETRY },
		{ "null", VERDICT_OK },
	};
	struct world *w = *state;
	char body[300];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		snprintf(body, sizeof(body), "{\"sizes\":[],\"links\":{\"pages\":{\"next\":%s}}}", rows[i].next);
		expect_verdict(world_hear(w, OP_OFFERS, 200, JSON, body), rows[i].v);
		assert_int_equal(w->cursor.page, rows[i].v == VERDICT_MORE ? 2 : 0);
	}
}

/* ---- key ---- */

static void the_key_is_known_by_its_fingerprint(void **state)
{
	struct world *w = *state;
	const char *print;

	w->args.public_key = DRIVE_KEY;
	provider_digitalocean.op[OP_KEY].build(&w->args, &w->cursor, &w->req, &w->r);
	print = strrchr(w->req.url, '/') + 1;
	assert_string_equal(w->req.method, "GET"); /* never the list, which has a limit of its own (§0.6) */
	assert_int_equal(strlen(print), 47);
	assert_int_equal(strspn(print, "0123456789abcdef:"), 47);
	expect_verdict(world_hear_file(w, OP_KEY, 200, "key.json"), VERDICT_OK);
	assert_string_equal(w->r.key_id, "512189");
	world_forget(w);
	/* Not there: added; "already in use" means that somebody was faster. */
	expect_verdict(world_hear(w, OP_KEY, 404, JSON, "{\"id\":\"not_found\",\"message\":\"not found\"}"), VERDICT_MORE);
	world_asks(w, OP_KEY, "POST", "/v2/account/keys");
	world_asks_with(w, "{\"name\":\"gpufleet\",\"public_key\":\"" DRIVE_KEY "\"}");
	expect_verdict(world_hear(w, OP_KEY, 422, JSON, "{\"id\":\"x\",\"message\":\"SSH Key is already in use on your account\"}"), VERDICT_MORE);
	expect_verdict(world_hear_file(w, OP_KEY, 200, "key.json"), VERDICT_OK);
	world_forget(w);
	w->cursor.step = 1;
	expect_verdict(world_hear(w, OP_KEY, 422, JSON, "{\"id\":\"x\",\"message\":\"Key invalid\"}"), VERDICT_REFUSED);
	world_forget(w);
	w->args.public_key = "nonsense";
	expect_verdict(world_answers_alone(w, OP_KEY), VERDICT_REFUSED);
}

static void the_key_is_taken_away_by_its_fingerprint(void **state)
{
	struct world *w = *state;

	w->args.public_key = DRIVE_KEY;
	provider_digitalocean.op[OP_KEY_DROP].build(&w->args, &w->cursor, &w->req, &w->r);
	assert_string_equal(w->req.method, "DELETE");
	assert_non_null(strstr(w->req.url, "/v2/account/keys/"));
	expect_verdict(world_hear(w, OP_KEY_DROP, 204, "", ""), VERDICT_OK);
	world_forget(w);
	expect_verdict(world_hear(w, OP_KEY_DROP, 404, JSON, "{\"id\":\"x\",\"message\":\"not found\"}"), VERDICT_ABSENT);
	world_forget(w);
	expect_verdict(world_hear(w, OP_KEY_DROP, 403, JSON, "{\"id\":\"x\",\"message\":\"no\"}"), VERDICT_DENIED);
	world_forget(w);
	expect_verdict(world_hear(w, OP_KEY_DROP, 500, "text/html", "<html>"), VERDICT_RETRY);
}

/* ---- create ---- */

static void creates(struct world *w, struct offer *o, const char *gpu, int count)
{
	str_copy(o->gpu, gpu);
	o->gpu_count = count;
	w->args.offer = o;
	w->args.mark = MARK;
	w->args.key_id = "512189";
	world_asks(w, OP_CREATE, "POST", "/v2/droplets");
}

static void a_create_names_everything(void **state)
{
	struct world *w = *state;
	struct offer o = { .spec = xstrdup("{\"size\":\"gpu-mi300x1-192gb\",\"region\":\"tor1\"}") };

	creates(w, &o, "MI300X", 1);
	world_asks_with(w, "{\"name\":\"" MARK "\",\"region\":\"tor1\",\"size\":\"gpu-mi300x1-192gb\",\"image\":\"gpu-amd-base\","
	    "\"ssh_keys\":[512189],\"tags\":[\"gpufleet\"],\"backups\":false,\"ipv6\":false,\"monitoring\":false}");
	free(o.spec);
}

static void a_host_key_goes_in_the_user_data(void **state)
{
	struct world *w = *state;
	struct offer o = { .spec = xstrdup("{\"size\":\"s\",\"region\":\"tor1\"}") };

	w->args.host_private = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
	w->args.host_public = "ssh-ed25519 BBBB";
	creates(w, &o, "MI300X", 1);
	assert_non_null(strstr(w->req.body, "\"user_data\":\"#cloud-config\\nssh_deletekeys: true\\nssh_keys:\\n  ed25519_private: |\\n"
	    "    -----BEGIN OPENSSH PRIVATE KEY-----\\n    AAAA\\n    -----END OPENSSH PRIVATE KEY-----\\n"
	    "  ed25519_public: ssh-ed25519 BBBB\\n\""));
	free(o.spec);
}

static void the_image_fits_the_gpu(void **state)
{
	static const struct {
		const char *gpu;
		int count;
		const char *account, *wanted, *image;
	} rows[] = {
		{ "MI300X", 8, "", NULL, "\"image\":\"gpu-amd-base\"" },
		{ "H100", 1, "", NULL, "\"image\":\"gpu-h100x1-base\"" },
		{ "H200", 8, "", NULL, "\"image\":\"gpu-h100x8-base\"" },
		{ "H100", 1, "ubuntu-24-04-x64", NULL, "\"image\":\"ubuntu-24-04-x64\"" },
		{ "H100", 1, "ubuntu-24-04-x64", "189723042", "\"image\":189723042" }, /* an id is a number */
	};
	struct world *w = *state;
	struct offer o = { .spec = xstrdup("{\"size\":\"s\",\"region\":\"tor1\"}") };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		str_copy(w->account.image, rows[i].account);
		w->args.image = rows[i].wanted;
		creates(w, &o, rows[i].gpu, rows[i].count);
		assert_non_null(strstr(w->req.body, rows[i].image));
	}
	free(o.spec);
}

/* Without a key a password would be mailed; without a spec there is no telling what would be bought. */
static void what_is_not_complete_is_not_sent(void **state)
{
	struct world *w = *state;
	struct offer o = { .gpu = "MI300X", .gpu_count = 1, .spec = xstrdup("{\"size\":\"s\"}") };

	w->args.offer = &o;
	w->args.mark = MARK;
	w->args.key_id = "1";
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	free(o.spec);
	o.spec = xstrdup("{\"size\":\"s\",\"region\":\"tor1\"}");
	w->args.key_id = "";
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	w->args.key_id = "1";
	w->args.mark = "";
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	free(o.spec);
}

static void answers_to_a_create(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 422, "{\"id\":\"x\",\"message\":\"creating this/these droplet(s) will exceed your droplet limit\"}", VERDICT_LIMIT },
		{ 422, "{\"id\":\"x\",\"message\":\"Size is not available in this region.\"}", VERDICT_NO_CAPACITY },
		{ 422, "{\"id\":\"x\",\"message\":\"There is insufficient capacity; please try again\"}", VERDICT_NO_CAPACITY },
		{ 422, "{\"id\":\"x\",\"message\":\"999 are invalid key identifiers for Droplet creation.\"}", VERDICT_REFUSED },
		{ 422, "{\"id\":\"x\",\"message\":\"You specified an invalid image for Droplet creation.\"}", VERDICT_REFUSED },
		{ 422, "{\"id\":\"x\",\"message\":\"pending event\"}", VERDICT_RETRY },
		{ 202, "{\"droplet\":{}}", VERDICT_UNSURE },
		{ 202, "{\"droplet\":{\"id\":-5}}", VERDICT_UNSURE },
		{ 202, "not json", VERDICT_UNSURE },
		{ 200, "", VERDICT_UNSURE },
	};
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 202, "created.json"), VERDICT_OK);
	assert_string_equal(w->r.id, DROPLET);
	assert_true(w->r.price_hour == 1990000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_CREATE, rows[i].status, JSON, rows[i].body), rows[i].v);
		assert_string_equal(w->r.id, "");
	}
}

/* ---- describe and list ---- */

static void a_droplet_is_a_machine(void **state)
{
	struct world *w = *state;
	const struct machine *m;

	w->args.id = DROPLET;
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "droplet.json"), VERDICT_OK);
	m = &w->r.machines[0];
	assert_string_equal(m->id, DROPLET);
	assert_string_equal(m->mark, MARK);
	assert_int_equal(m->state, MACHINE_RUNNING);
	assert_string_equal(m->address, "198.51.100.154"); /* the public one */
	assert_string_equal(m->private_address, "10.118.0.2");
	assert_int_equal(m->port, 22);
	assert_string_equal(m->gpu, "MI300X");
	assert_int_equal(m->gpu_count, 1);
	assert_true(m->price_hour == 1990000);
	assert_true(m->created > 0);
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "droplet-new.json"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STARTING);
	assert_string_equal(w->r.machines[0].address, "");
	world_forget(w);
	w->args.id = "448543584"; /* somebody else's droplet is no answer */
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "droplet.json"), VERDICT_RETRY);
	world_forget(w);
	expect_verdict(world_hear(w, OP_DESCRIBE, 404, JSON, "{\"id\":\"not_found\",\"message\":\"x\"}"), VERDICT_ABSENT);
}

static void states_are_read_as_billing(void **state)
{
	static const struct {
		const char *status;
		enum machine_state state;
	} rows[] = { { "off", MACHINE_STOPPED }, { "archive", MACHINE_STOPPED }, { "new", MACHINE_STARTING },
		{ "active", MACHINE_STARTING /* no address yet */ }, { "dreaming", MACHINE_UNKNOWN }, { "", MACHINE_UNKNOWN } };
	struct world *w = *state;
	char body[200];

	w->args.id = "7";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		snprintf(body, sizeof(body), "{\"droplet\":{\"id\":7,\"name\":\"n\",\"status\":\"%s\"}}", rows[i].status);
		expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, body), VERDICT_OK);
		assert_int_equal(w->r.machines[0].state, rows[i].state);
	}
}

static void a_list_is_all_pages_of_both_listings(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_LIST, 200, "gpus-1.json"), VERDICT_MORE);
	assert_int_equal(w->cursor.page, 2);
	expect_verdict(world_hear_file(w, OP_LIST, 200, "gpus-2.json"), VERDICT_MORE);
	assert_int_equal(w->cursor.step, 1);
	expect_verdict(world_hear_file(w, OP_LIST, 200, "tagged.json"), VERDICT_OK);
	assert_true(w->r.machine_count >= 3);
	assert_string_equal(w->r.machines[0].mark, MARK);
}

static void a_list_that_does_not_add_up_is_void(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"droplets\":[],\"links\":{},\"meta\":{\"total\":3}}"), VERDICT_RETRY);
	world_forget(w);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"droplets\":[{\"name\":\"x\"}],\"links\":{},\"meta\":{\"total\":1}}"),
	    VERDICT_RETRY);
	world_forget(w);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"links\":{},\"meta\":{\"total\":0}}"), VERDICT_RETRY);
	world_forget(w);
	/* The total of the second page is another one: something came or went meanwhile. */
	expect_verdict(world_hear_file(w, OP_LIST, 200, "gpus-1.json"), VERDICT_MORE);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"droplets\":[],\"links\":{},\"meta\":{\"total\":99}}"), VERDICT_RETRY);
	world_forget(w);
	/* A tag never used is unknown: what has GPUs was listed before. */
	w->cursor.step = 1;
	expect_verdict(world_hear(w, OP_LIST, 404, JSON, "{\"id\":\"x\",\"message\":\"tag not found\"}"), VERDICT_OK);
	world_forget(w);
	expect_verdict(world_hear(w, OP_LIST, 404, JSON, "{\"id\":\"x\",\"message\":\"no such route\"}"), VERDICT_REFUSED);
}

/* ---- changes ---- */

static void changes_wait_for_what_is_under_way(void **state)
{
	struct world *w = *state;

	w->args.id = DROPLET;
	expect_verdict(world_hear(w, OP_DESTROY, 204, "", ""), VERDICT_OK);
	world_forget(w);
	expect_verdict(world_hear(w, OP_DESTROY, 404, JSON, "{\"id\":\"x\",\"message\":\"not found\"}"), VERDICT_ABSENT);
	world_forget(w);
	expect_verdict(world_hear(w, OP_DESTROY, 422, JSON, "{\"id\":\"x\",\"message\":\"Droplet already has a pending event.\"}"), VERDICT_RETRY);
	assert_true(w->r.retry_after == 30 * SECOND); /* repeated destroys get accounts restricted (reliability §2.8) */
	world_forget(w);
	expect_verdict(world_hear(w, OP_MARK, 201, JSON, "{\"action\":{\"id\":1,\"status\":\"in-progress\"}}"), VERDICT_OK);
	world_forget(w);
	expect_verdict(world_hear(w, OP_MARK, 422, JSON, "{\"id\":\"x\",\"message\":\"Name is invalid\"}"), VERDICT_REFUSED);
}

/* ---- money ---- */

static void only_credit_is_money_left(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_BALANCE, 200, "balance-owed.json"), VERDICT_OK);
	assert_false(w->r.balance.known);
	assert_true(w->r.balance.available == 0);
	assert_int_equal(w->r.balance.machines, -1);
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_BALANCE, 200, "balance-credit.json"), VERDICT_OK);
	assert_true(w->r.balance.known);
	assert_true(w->r.balance.available == 76560000);
	world_forget(w);
	expect_verdict(world_hear(w, OP_BALANCE, 200, JSON, "{\"month_to_date_balance\":\"lots\"}"), VERDICT_RETRY);
}

static money billed(const struct world *w, const char *id)
{
	money sum = 0;

	for (size_t i = 0; i < w->r.bill_count; i++)
		if (!strcmp(w->r.bills[i].id, id))
			sum = money_add(sum, w->r.bills[i].amount);
	return sum;
}

static void a_bill_is_the_preview_and_the_invoices_of_its_months(void **state)
{
	struct world *w = *state;
	instant at;

	w->args.id = DROPLET;
	instant_parse("2026-10-31T23:00:00Z", &w->args.from);
	instant_parse("2026-11-20T22:00:00Z", &at);
	w->args.until = at;
	expect_verdict(world_hear_file(w, OP_BILL, 200, "invoices.json"), VERDICT_MORE);
	world_asks(w, OP_BILL, "GET", "/v2/customers/my/invoices/1afe95e6-0958-4eb0-8d9a-9c5060d3ef03?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_BILL, 200, "items-preview-1.json"), VERDICT_MORE);
	expect_verdict(world_hear_file(w, OP_BILL, 200, "items-preview-2.json"), VERDICT_MORE);
	world_asks(w, OP_BILL, "GET", "/v2/customers/my/invoices/22737513-0ea7-4206-8ceb-98a575af7681?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_BILL, 200, "items-october.json"), VERDICT_OK);
	assert_true(billed(w, DROPLET) == 7600000 - 100000 + 500000);
	assert_true(billed(w, "448543584") == 0); /* was not asked for */
}

/* ---- answers nobody should believe ---- */

static void hostile_answers_are_survived(void **state)
{
	world_hears_hostile_answers(*state);
}

static void cut_answers_are_never_facts(void **state)
{
	struct world *w = *state;

	w->args.id = DROPLET;
	world_hears_cut_answers(w, OP_OFFERS, 200, "sizes-1.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_CREATE, 202, "created.json", VERDICT_UNSURE);
	world_hears_cut_answers(w, OP_DESCRIBE, 200, "droplet.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_LIST, 200, "gpus-1.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_BALANCE, 200, "balance-credit.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_BILL, 200, "invoices.json", VERDICT_RETRY);
}

static void mutated_answers_are_survived(void **state)
{
	struct world *w = *state;

	w->args.id = DROPLET;
	world_hears_mutations(w, OP_OFFERS, 200, "sizes-1.json");
	world_hears_mutations(w, OP_CREATE, 202, "created.json");
	world_hears_mutations(w, OP_DESCRIBE, 200, "droplet.json");
	world_hears_mutations(w, OP_LIST, 200, "gpus-1.json");
	world_hears_mutations(w, OP_BALANCE, 200, "balance-credit.json");
	world_hears_mutations(w, OP_BILL, 200, "invoices.json");
}

/* ---- against the model of the cloud ---- */

static void a_whole_life(void **state)
{
	struct op_args args = { .mark = MARK, .public_key = DRIVE_KEY };
	char id[ID_MAX], key[ID_MAX];
	struct op_reply *r;
	struct life l;
	struct offer o;
	money sum = 0;

	(void)state;
	life_begins(&l, &provider_digitalocean, &cloud_digitalocean, "");
	expect_verdict(perform(&l, OP_CHECK, &args)->verdict, VERDICT_OK);
	r = perform(&l, OP_KEY, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(key, r->key_id);
	args.key_id = key;
	o = life_offer(&l, "MI300X", 8);
	args.offer = &o;
	r = perform(&l, OP_CREATE, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(id, r->id);
	args.id = id;
	drive_pass(&l.d, 10 * MINUTE);
	r = perform(&l, OP_LIST, &args);
	assert_int_equal(r->machine_count, 1); /* in both listings, and once in the reply */
	assert_string_equal(r->machines[0].mark, MARK);
	r = perform(&l, OP_DESCRIBE, &args);
	assert_int_equal(r->machines[0].state, MACHINE_RUNNING);
	assert_string_not_equal(r->machines[0].address, "");
	assert_int_equal(r->machines[0].gpu_count, 8);
	args.mark = MARK "2";
	expect_verdict(perform(&l, OP_MARK, &args)->verdict, VERDICT_OK);
	drive_pass(&l.d, MINUTE);
	assert_string_equal(perform(&l, OP_DESCRIBE, &args)->machines[0].mark, MARK "2");
	drive_pass(&l.d, HOUR - 11 * MINUTE);
	expect_verdict(perform(&l, OP_DESTROY, &args)->verdict, VERDICT_OK);
	drive_pass(&l.d, 2 * DAY);
	expect_verdict(perform(&l, OP_DESCRIBE, &args)->verdict, VERDICT_ABSENT);
	assert_int_equal(perform(&l, OP_LIST, &args)->machine_count, 0);
	r = perform(&l, OP_BILL, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	for (size_t i = 0; i < r->bill_count; i++)
		sum = money_add(sum, r->bills[i].amount);
	assert_true(sum >= o.price_hour && sum < o.price_hour * 105 / 100);
	expect_verdict(perform(&l, OP_KEY_DROP, &args)->verdict, VERDICT_OK);
	expect_verdict(perform(&l, OP_KEY_DROP, &args)->verdict, VERDICT_ABSENT);
	free(o.spec);
	life_ends(&l);
}

static void troubles_of_the_model_are_understood(void **state)
{
	static const struct trouble troubles[] = {
		{ "create_500_before", OP_CREATE, VERDICT_UNSURE }, { "create_500_after", OP_CREATE, VERDICT_UNSURE },
		{ "create_cut_after", OP_CREATE, VERDICT_UNSURE }, { "create_no_id", OP_CREATE, VERDICT_UNSURE },
		{ "create_truncated", OP_CREATE, VERDICT_UNSURE }, { "create_no_capacity", OP_CREATE, VERDICT_NO_CAPACITY },
		{ "create_quota", OP_CREATE, VERDICT_LIMIT }, { "create_denied", OP_CREATE, VERDICT_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
		struct life l;

		life_begins(&l, &provider_digitalocean, &cloud_digitalocean, "");
		life_has_trouble(&l, &troubles[i], "MI300X");
		life_ends(&l);
	}
}

static void the_table_is_complete(void **state)
{
	int64_t per_hour = 0;

	(void)state;
	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		/* A droplet's host key is ours (CAP_HOST_KEY): no log has to tell it. */
		assert_int_equal(provider_digitalocean.op[op].build && provider_digitalocean.op[op].read, op != OP_LOG);
		if (provider_digitalocean.rate[op].every)
			per_hour += HOUR / provider_digitalocean.rate[op].every;
	}
	assert_true(per_hour <= 5000); /* as published, for all together (§1) */
	assert_true(provider_digitalocean.billing.bills_stopped);
	assert_ptr_equal(provider_find("digitalocean"), &provider_digitalocean);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_as_documented),
		TEST(the_developer_cloud_is_the_same_api),
		TEST(errors_mean_what_the_sheet_says),
		TEST(the_check_says_who_we_are),
		TEST(a_size_is_one_offer_in_each_of_its_regions),
		TEST(offers_are_filtered),
		TEST(pages_are_followed_by_number),
		TEST(the_key_is_known_by_its_fingerprint),
		TEST(the_key_is_taken_away_by_its_fingerprint),
		TEST(a_create_names_everything),
		TEST(a_host_key_goes_in_the_user_data),
		TEST(the_image_fits_the_gpu),
		TEST(what_is_not_complete_is_not_sent),
		TEST(answers_to_a_create),
		TEST(a_droplet_is_a_machine),
		TEST(states_are_read_as_billing),
		TEST(a_list_is_all_pages_of_both_listings),
		TEST(a_list_that_does_not_add_up_is_void),
		TEST(changes_wait_for_what_is_under_way),
		TEST(only_credit_is_money_left),
		TEST(a_bill_is_the_preview_and_the_invoices_of_its_months),
		TEST(hostile_answers_are_survived),
		TEST(cut_answers_are_never_facts),
		TEST(mutated_answers_are_survived),
		cmocka_unit_test(a_whole_life),
		cmocka_unit_test(troubles_of_the_model_are_understood),
		cmocka_unit_test(the_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
