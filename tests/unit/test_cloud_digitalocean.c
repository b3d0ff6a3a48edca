/* The DigitalOcean model against providers/digitalocean.md. */
#include "cloud_drive.h"

#include <setjmp.h>
#include <cmocka.h>

#define DROPLET(name, size, region, rest)                                                          \
	"{\"name\":\"" name "\",\"size\":\"" size "\",\"region\":\"" region "\","                  \
	"\"image\":\"gpu-amd-base\",\"ssh_keys\":[512190],\"tags\":[\"gf\",\"gf-attempt:1\"]" rest \
	"}"
#define ONE DROPLET("gf-1", "gpu-mi300x1-192gb", "atl1", "")
#define CPU                                                                                        \
	"{\"name\":\"web\",\"size\":\"s-1vcpu-1gb\",\"region\":\"tor1\",\"image\":\"ubuntu-24-04-x64\"}"
#define LIST "/v2/droplets?type=gpus&per_page=200"

static char bearer[256];

static void begin(struct drive *d, const struct sim_timing *t, const char *inventory)
{
	drive_open(d, &cloud_digitalocean, t, inventory);
	snprintf(bearer, sizeof(bearer), "Bearer %s", cloud_digitalocean.token);
	d->auth = bearer;
}

static void add_key(struct drive *d)
{
	d->cloud->next_id = 448543584;
	assert_int_equal(drive(d, "POST", "/v2/account/keys",
			     "{\"name\":\"gf\",\"public_key\":\"" DRIVE_KEY "\"}"),
	    201);
	assert_int_equal(drive_int(d, "ssh_key.id"), 512190);
}

static size_t shown(struct drive *d, const char *uri)
{
	assert_int_equal(drive(d, "GET", uri, NULL), 200);
	assert_int_equal(drive_int(d, "meta.total"),
	    (int64_t)json_array_size(json_object_get(d->j, "droplets")));
	return json_array_size(json_object_get(d->j, "droplets"));
}

static const char *droplet(const struct drive *d, size_t i, const char *tail)
{
	static char path[128];

	snprintf(path, sizeof(path), "/v2/droplets/%s%s", d->cloud->machines[i]->id, tail);
	return path;
}

static void account(void **state)
{
	struct drive d;
	char header[64];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "GET", "/v2/account", NULL), 200);
	assert_int_equal(drive_int(&d, "account.droplet_limit"), 25);
	assert_string_equal(drive_str(&d, "account.status"), "active");
	assert_string_equal(
	    drive_header(&d, "ratelimit-remaining", header, sizeof(header)), "49999");
	d.auth = "Bearer wrong";
	assert_int_equal(drive(&d, "GET", "/v2/account", NULL), 401);
	assert_string_equal(drive_str(&d, "id"), "unauthorized");
	assert_string_equal(drive_str(&d, "message"), "Unable to authenticate you");
	drive_close(&d);
}

static void keys(void **state)
{
	struct drive d;
	struct sim_timing t;

	(void)state;
	sim_timing_real(&t, "digitalocean");
	begin(&d, &t, NULL);
	assert_int_equal(
	    drive(&d, "POST", "/v2/account/keys", "{\"name\":\"gf\",\"public_key\":\"junk\"}"),
	    422);
	add_key(&d);
	/* ssh-keygen -E md5 -lf on the same key. */
	assert_string_equal(drive_str(&d, "ssh_key.fingerprint"),
	    "21:82:d2:08:a5:ce:29:25:7e:bd:b5:d3:81:9a:6a:4a");
	assert_int_equal(drive(&d, "POST", "/v2/account/keys",
			     "{\"name\":\"gf\",\"public_key\":\"" DRIVE_KEY "\"}"),
	    422);
	assert_string_equal(drive_str(&d, "message"), "SSH Key is already in use on your account");
	assert_int_equal(
	    drive(&d, "GET", "/v2/account/keys/21:82:d2:08:a5:ce:29:25:7e:bd:b5:d3:81:9a:6a:4a",
		NULL),
	    200);
	assert_int_equal(drive(&d, "GET", "/v2/account/keys/512190", NULL), 200);
	/* Ten lists in a minute. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(drive(&d, "GET", "/v2/account/keys", NULL), 200);
	assert_int_equal(drive(&d, "GET", "/v2/account/keys", NULL), 429);
	assert_int_equal(drive(&d, "GET", "/v2/account/keys/512190", NULL), 200);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", "/v2/account/keys", NULL), 200);
	assert_int_equal(drive(&d, "DELETE", "/v2/account/keys/512190", NULL), 204);
	assert_int_equal(drive(&d, "GET", "/v2/account/keys/512190", NULL), 404);
	drive_close(&d);
}

static void burst(void **state)
{
	struct drive d;
	struct sim_timing t;
	char header[64];

	(void)state;
	sim_timing_real(&t, "digitalocean");
	begin(&d, &t, NULL);
	for (int i = 0; i < 250; i++)
		assert_int_equal(drive(&d, "GET", "/v2/account", NULL), 200);
	assert_int_equal(drive(&d, "GET", "/v2/account", NULL), 429);
	assert_string_equal(drive_str(&d, "id"), "too_many_requests");
	assert_string_equal(drive_header(&d, "retry-after", header, sizeof(header)), "60");
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", "/v2/account", NULL), 200);
	drive_close(&d);
}

static void catalog(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "GET", "/v2/sizes?per_page=200", NULL), 200);
	assert_string_equal(drive_str(&d, "sizes.2.slug"), "gpu-mi300x8-1536gb");
	assert_true(json_num(d.j, "sizes.2.price_hourly", 0) == 20.72); /* all eight together */
	assert_int_equal(drive_int(&d, "sizes.2.gpu_info.count"), 8);
	assert_string_equal(drive_str(&d, "sizes.2.gpu_info.model"), "amd_mi300x");
	assert_int_equal(drive_int(&d, "sizes.2.gpu_info.vram.amount"), 1536);
	assert_string_equal(drive_str(&d, "sizes.2.regions.0"), "atl1");
	assert_null(json_path(d.j, "sizes.0.gpu_info"));
	/* available with no regions: cannot be made */
	assert_string_equal(drive_str(&d, "sizes.8.slug"), "gpu-h200x8-1128gb");
	assert_true(json_bool(d.j, "sizes.8.available", false));
	assert_int_equal(json_array_size(json_path(d.j, "sizes.8.regions")), 0);
	assert_int_equal(drive(&d, "GET", "/v2/sizes?per_page=3&page=2", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "sizes")), 3);
	assert_string_equal(drive_str(&d, "links.pages.next"),
	    "https://api.digitalocean.com/v2/sizes?page=3&per_page=3");
	assert_int_equal(drive_int(&d, "meta.total"), 10);
	assert_int_equal(drive(&d, "GET", "/v2/sizes?per_page=3&page=4", NULL), 200);
	assert_null(json_path(d.j, "links.pages.next"));
	assert_int_equal(drive(&d, "GET", "/v2/regions", NULL), 200);
	assert_string_equal(drive_str(&d, "regions.0.slug"), "atl1");
	assert_int_equal(drive(&d, "GET", "/v2/images?type=distribution", NULL), 200);
	assert_string_equal(drive_str(&d, "images.0.slug"), "gpu-amd-base");
	assert_null(json_path(d.j, "images.0.drivers"));
	drive_close(&d);
}

static void refusals(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ DROPLET("under_score", "gpu-mi300x1-192gb", "atl1", ""),
		    "Only valid hostname characters" },
		{ DROPLET("gf-1", "gpu-mi300x1-192gb", "nyc2", ""),
		    "Size is not available in this region." },
		{ DROPLET("gf-1", "gpu-h200x8-1128gb", "atl1", ""),
		    "Size is not available in this region." },
		{ DROPLET("gf-1", "gpu-mi300x1-192gb", "mars1", ""), "Region is not available" },
		{ DROPLET("gf-1", "no-such", "atl1", ""), "invalid size" },
		{ "{\"name\":\"gf-1\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"image\":\"none\"}",
		    "invalid image" },
		{ "{\"name\":\"gf-1\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"image\":\"gpu-amd-base\",\"ssh_keys\":[99]}",
		    "99 are invalid key identifiers for Droplet creation." },
		{ "{\"name\":\"gf-1\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"image\":\"gpu-amd-base\",\"tags\":[\"a b\"]}",
		    "Tag name" },
	};
	struct drive d;

	(void)state;
	begin(&d, NULL,
	    "{\"gpu_limit\":3,\"droplet_limit\":4,\"sizes\":[{\"slug\":\"gpu-mi300x1-192gb\",\"gpu\":\"MI300X\",\"count\":1,"
	    "\"price\":2,\"stock\":{\"atl1\":9}},{\"slug\":\"gpu-h200x8-1128gb\",\"gpu\":\"H200\",\"count\":1,\"stock\":{}},"
	    "{\"slug\":\"s-1vcpu-1gb\",\"price\":0.01,\"stock\":{\"tor1\":9}}],"
	    "\"regions\":[{\"slug\":\"atl1\"},{\"slug\":\"nyc2\"},{\"slug\":\"tor1\"}],\"images\":[{\"slug\":\"gpu-amd-base\",\"id\":5},"
	    "{\"slug\":\"ubuntu-24-04-x64\",\"id\":6}]}");
	add_key(&d);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(drive(&d, "POST", "/v2/droplets", cases[i].body), 422);
		assert_string_equal(drive_str(&d, "id"), "unprocessable_entity");
		assert_non_null(strstr(drive_str(&d, "message"), cases[i].text));
	}
	assert_int_equal(d.cloud->machine_count, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 422);
	assert_non_null(strstr(drive_str(&d, "message"), "will exceed your GPU limit"));
	assert_int_equal(drive(&d, "POST", "/v2/droplets", CPU), 202);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", CPU), 422);
	assert_non_null(strstr(drive_str(&d, "message"), "will exceed your droplet limit"));
	drive_close(&d);
}

static void life(void **state)
{
	struct drive d;
	char action[64];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	assert_string_equal(drive_str(&d, "droplet.status"), "new");
	assert_int_equal(json_array_size(json_path(d.j, "droplet.networks.v4")), 0);
	assert_int_equal(json_array_size(json_path(d.j, "droplet.tags")), 0); /* tags come later */
	assert_true(json_is_integer(json_path(d.j, "droplet.id")));
	snprintf(action, sizeof(action), "/v2/actions/%lld",
	    (long long)drive_int(&d, "links.actions.0.id"));
	assert_int_equal(drive(&d, "GET", action, NULL), 200);
	assert_string_equal(drive_str(&d, "action.status"), "in-progress");
	assert_int_equal(
	    drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"power_off\"}"), 422);
	assert_string_equal(drive_str(&d, "message"), "Droplet already has a pending event.");
	assert_int_equal(shown(&d, LIST), 1);
	assert_int_equal(shown(&d, "/v2/droplets?tag_name=gf"), 0);
	drive_pass(&d, 10 * SECOND);
	assert_int_equal(drive(&d, "GET", action, NULL), 200);
	assert_string_equal(drive_str(&d, "action.status"), "completed");
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.status"), "active");
	assert_string_equal(drive_str(&d, "droplet.networks.v4.0.gateway"), "nil");
	assert_string_equal(drive_str(&d, "droplet.networks.v4.1.type"), "public");
	assert_string_equal(
	    drive_str(&d, "droplet.networks.v4.1.ip_address"), d.cloud->machines[0]->address);
	assert_true(cloud_alive(d.cloud, d.cloud->machines[0]));
	assert_true(d.cloud->machines[0]->drivers);
	assert_string_equal(buf_str(&d.cloud->machines[0]->keys), DRIVE_KEY "\n");
	/* Listings hide GPU droplets unless asked. */
	assert_int_equal(drive(&d, "POST", "/v2/droplets", CPU), 202);
	assert_int_equal(shown(&d, "/v2/droplets"), 1);
	assert_string_equal(drive_str(&d, "droplets.0.name"), "web");
	assert_int_equal(shown(&d, "/v2/droplets?name=gf-1"), 0);
	assert_int_equal(shown(&d, "/v2/droplets?name=GF-1&type=gpus"), 1);
	assert_int_equal(shown(&d, "/v2/droplets?tag_name=gf-attempt:1"), 1);
	assert_int_equal(drive(&d, "GET", "/v2/droplets?tag_name=gf&type=gpus", NULL), 422);
	/* Rename, power off: bills on. */
	assert_int_equal(drive(&d, "POST", droplet(&d, 0, "/actions"),
			     "{\"type\":\"rename\",\"name\":\"gf-2\"}"),
	    201);
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.name"), "gf-2");
	drive_pass(&d, SECOND);
	assert_int_equal(
	    drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"power_off\"}"), 201);
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.status"), "off");
	assert_true(cloud_billing(d.cloud, d.cloud->machines[0]));
	assert_false(cloud_alive(d.cloud, d.cloud->machines[0]));
	/* Deleted: shown for a moment. */
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 204);
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	assert_int_equal(shown(&d, LIST), 1);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 404);
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 404);
	assert_int_equal(shown(&d, LIST), 0);
	drive_close(&d);
}

static void async_failure(void **state)
{
	struct drive d;
	char action[64];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	drive_fault(&d, "create_async_fail=1");
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	snprintf(action, sizeof(action), "/v2/actions/%lld",
	    (long long)drive_int(&d, "links.actions.0.id"));
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "GET", action, NULL), 200);
	assert_string_equal(drive_str(&d, "action.status"), "errored");
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 404);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[0]), 0);
	/* Not its drivers: the machine runs, the vendor's tools are not there. */
	assert_int_equal(drive(&d, "POST", "/v2/droplets",
			     "{\"name\":\"a\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\","
			     "\"image\":\"gpu-h100x1-base\"}"),
	    202);
	assert_false(d.cloud->machines[1]->drivers);
	drive_close(&d);
}

static void many(void **state)
{
	struct drive d;
	char uri[256];
	int count = 0;

	(void)state;
	begin(&d, NULL,
	    "{\"balance\":10000,\"droplet_limit\":500,\"gpu_limit\":500,\"sizes\":[{\"slug\":\"gpu-mi300x1-192gb\","
	    "\"gpu\":\"MI300X\",\"count\":1,\"price\":2,\"stock\":{\"atl1\":500}}],\"regions\":[{\"slug\":\"atl1\"}],"
	    "\"images\":[{\"slug\":\"gpu-amd-base\",\"id\":5}]}");
	add_key(&d);
	for (int i = 0; i < 210; i++)
		assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	assert_int_equal(
	    drive(&d, "POST", "/v2/droplets",
		"{\"names\":[\"x\",\"y\"],\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\","
		"\"image\":\"gpu-amd-base\"}"),
	    202);
	assert_int_equal(json_array_size(json_path(d.j, "droplets")), 2);
	assert_int_equal(drive(&d, "GET", "/v2/droplets?type=gpus", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "droplets")), 20);
	assert_int_equal(drive(&d, "GET", "/v2/droplets?type=gpus&per_page=500", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "droplets")), 200);
	assert_string_equal(drive_str(&d, "links.pages.next"),
	    "https://api.digitalocean.com/v2/droplets?type=gpus&page=2&per_page=200");
	str_copy(uri, LIST);
	for (int page = 2; *uri; page++) {
		assert_int_equal(drive(&d, "GET", uri, NULL), 200);
		count += (int)json_array_size(json_path(d.j, "droplets"));
		snprintf(uri, sizeof(uri), LIST "&page=%d", page);
		if (!json_path(d.j, "links.pages.next"))
			uri[0] = '\0';
	}
	assert_int_equal(count, 212);
	drive_pass(&d, SECOND);
	/* The dangerous one does what it says. */
	assert_int_equal(drive(&d, "DELETE", "/v2/droplets?tag_name=gf", NULL), 204);
	drive_pass(&d, SECOND);
	assert_int_equal(shown(&d, LIST), 2);
	drive_close(&d);
}

static void money_rules(void **state)
{
	struct drive d;
	struct sim_timing t;
	char uri[128];

	(void)state;
	sim_timing_quick(&t);
	t.bill = MINUTE;
	begin(&d, &t, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/balance", NULL), 200);
	assert_string_equal(drive_str(&d, "account_balance"), "-1000.00");
	assert_string_equal(drive_str(&d, "month_to_date_usage"), "0.00");
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	drive_pass(&d, SECOND);
	/* $2.59 per hour, 60 seconds at least; a CPU droplet one cent at least. */
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[0]), 43167);
	drive_pass(&d, 60 * SECOND);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[0]), 43886);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", CPU), 202);
	drive_pass(&d, 59 * MINUTE - SECOND);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[0]), 2590000);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[1]), 10000);
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 204);
	drive_pass(&d, 5 * MINUTE);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[0]), 2590000);
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/balance", NULL), 200);
	assert_string_equal(drive_str(&d, "month_to_date_usage"), "2.60");
	assert_string_equal(drive_str(&d, "month_to_date_balance"), "-997.40");
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/invoices", NULL), 200);
	assert_string_equal(drive_str(&d, "invoice_preview.amount"), "2.60");
	assert_string_equal(drive_str(&d, "invoice_preview.invoice_period"), "2026-11");
	assert_int_equal(json_array_size(json_path(d.j, "invoices")), 0);
	snprintf(uri, sizeof(uri), "/v2/customers/my/invoices/%s?per_page=200",
	    drive_str(&d, "invoice_preview.invoice_uuid"));
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_string_equal(drive_str(&d, "invoice_items.0.resource_id"), d.cloud->machines[0]->id);
	assert_string_equal(drive_str(&d, "invoice_items.0.amount"), "2.59");
	assert_string_equal(drive_str(&d, "invoice_items.0.duration"), "1");
	/* Next month the preview becomes an invoice. */
	drive_pass(&d, 20 * DAY);
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/invoices", NULL), 200);
	assert_string_equal(drive_str(&d, "invoices.0.invoice_period"), "2026-11");
	assert_string_equal(drive_str(&d, "invoice_preview.invoice_period"), "2026-12");
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/invoices/no-such", NULL), 404);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(account),
		cmocka_unit_test(keys),
		cmocka_unit_test(burst),
		cmocka_unit_test(catalog),
		cmocka_unit_test(refusals),
		cmocka_unit_test(life),
		cmocka_unit_test(async_failure),
		cmocka_unit_test(many),
		cmocka_unit_test(money_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
