/* The DigitalOcean model against providers/digitalocean.md. */
#include "cloud_drive.h"

#include "tests/sim/cloud_storage.h"

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

/* ---- volumes and snapshots ---- */

#define VOLUME(name, rest) "{\"name\":\"" name "\",\"size_gigabytes\":500,\"region\":\"atl1\"" rest "}"

static const char *kept(const struct drive *d, size_t i, const char *tail)
{
	static char path[160];

	snprintf(path, sizeof(path), "/v2/%s/%s%s",
	    d->cloud->stores[i]->kind == SIM_VOLUME          ? "volumes"
	    : d->cloud->stores[i]->kind == SIM_DISK_SNAPSHOT ? "images"
							     : "snapshots",
	    d->cloud->stores[i]->id, tail);
	return path;
}

/* Attaches or detaches the first volume: what the answer says, and how the action ended. */
static int act(struct drive *d, const char *type, size_t droplet, const char **ended)
{
	char body[128], action[64];
	int status;

	snprintf(body, sizeof(body), "{\"type\":\"%s\",\"droplet_id\":%s}", type, d->cloud->machines[droplet]->id);
	status = drive(d, "POST", kept(d, 0, "/actions"), body);
	if (status != 202)
		return status;
	assert_string_equal(drive_str(d, "action.status"), "in-progress");
	assert_string_equal(drive_str(d, "action.resource_type"), "volume");
	assert_true(json_is_null(json_path(d->j, "action.resource_id")));
	snprintf(action, sizeof(action), "/v2/actions/%lld", (long long)drive_int(d, "action.id"));
	drive_pass(d, SECOND);
	assert_int_equal(drive(d, "GET", action, NULL), 200);
	*ended = drive_str(d, "action.status");
	return status;
}

static void volumes_refused(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{ "nonsense", 400 },
		{ "{\"name\":\"Upper\",\"size_gigabytes\":10,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"9lives\",\"size_gigabytes\":10,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"under_score\",\"size_gigabytes\":10,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"a234567890123456789012345678901234567890123456789012345678901234x\",\"size_gigabytes\":10,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"v\",\"size_gigabytes\":0,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"v\",\"size_gigabytes\":16385,\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"v\",\"region\":\"atl1\"}", 422 },
		{ "{\"name\":\"v\",\"size_gigabytes\":10,\"region\":\"mars1\"}", 422 },
		{ "{\"name\":\"v\",\"size_gigabytes\":10,\"region\":\"nyc2\"}", 422 }, /* has no storage */
		{ VOLUME("v", ",\"filesystem_type\":\"btrfs\""), 422 },
		{ VOLUME("v", ",\"filesystem_type\":\"xfs\",\"filesystem_label\":\"thirteenchars\""), 422 },
		{ VOLUME("v", ",\"snapshot_id\":\"no-such\""), 404 },
	};
	struct drive d;

	(void)state;
	begin(&d, NULL,
	    "{\"sizes\":[],\"images\":[],\"regions\":[{\"slug\":\"atl1\"},{\"slug\":\"nyc2\",\"features\":[\"metadata\"]}]}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(drive(&d, "POST", "/v2/volumes", cases[i].body), cases[i].status);
	assert_int_equal(d.cloud->store_count, 0);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("v", ",\"filesystem_type\":\"ext4\",\"filesystem_label\":\"thirteenchars\"")), 201);
	assert_string_equal(d.cloud->stores[0]->format, "ext4");
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("v", "")), 409);
	assert_string_equal(drive_str(&d, "id"), "conflict");
	/* Found again by what names it; the answer to a repeat is not the volume. */
	assert_int_equal(drive(&d, "GET", "/v2/volumes?name=v&region=atl1", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volumes")), 1);
	assert_int_equal(drive(&d, "GET", "/v2/volumes?name=v&region=nyc2", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volumes")), 0);
	assert_int_equal(drive(&d, "DELETE", "/v2/volumes?name=v", NULL), 400);
	assert_int_equal(drive(&d, "DELETE", "/v2/volumes?name=v&region=atl1", NULL), 204);
	assert_int_equal(drive(&d, "DELETE", "/v2/volumes?name=v&region=atl1", NULL), 404);
	/* Made, but nobody says so; shown late; and then the name is taken. */
	drive_fault(&d, "storage_500_before=1");
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("w", "")), 500);
	assert_int_equal(d.cloud->store_count, 1);
	drive_fault(&d, "storage_500_after=1");
	drive_fault(&d, "storage_late=1@30");
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("w", "")), 500);
	assert_int_equal(drive(&d, "GET", "/v2/volumes", NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 0);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("w", "")), 409);
	assert_true(cloud_next_event(d.cloud) == d.now + 30 * SECOND);
	drive_pass(&d, 30 * SECOND);
	assert_int_equal(drive(&d, "GET", "/v2/volumes", NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 1);
	drive_fault(&d, "storage_hang_after=1");
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("x", "")), 0);
	assert_int_equal(d.cloud->store_count, 3);
	drive_fault(&d, "storage_list_500=1");
	assert_int_equal(drive(&d, "GET", "/v2/volumes", NULL), 500);
	drive_fault(&d, "storage_delete_500=1");
	assert_int_equal(drive(&d, "DELETE", kept(&d, 1, ""), NULL), 500);
	assert_int_equal(drive(&d, "DELETE", kept(&d, 1, ""), NULL), 204);
	drive_close(&d);
}

static void volume_life(void **state)
{
	struct drive d;
	const char *ended;
	char droplet_with[400], uri[96];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("gf-models", ",\"tags\":[\"gf\"]")), 201);
	assert_int_equal(drive_int(&d, "volume.size_gigabytes"), 500);
	assert_string_equal(drive_str(&d, "volume.region.slug"), "atl1");
	assert_int_equal(json_array_size(json_path(d.j, "volume.droplet_ids")), 0);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", CPU), 202); /* in tor1 */
	assert_int_equal(act(&d, "attach", 0, &ended), 422);           /* still being made */
	assert_string_equal(drive_str(&d, "message"), "Droplet already has a pending event.");
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(act(&d, "attach", 1, &ended), 422); /* elsewhere */
	assert_int_equal(act(&d, "detach", 0, &ended), 422); /* not attached */
	drive_fault(&d, "attach_errs=1");
	assert_int_equal(act(&d, "attach", 0, &ended), 202);
	assert_string_equal(ended, "errored");
	assert_null(cloud_store_used(d.cloud, d.cloud->stores[0], NULL));
	assert_int_equal(act(&d, "attach", 0, &ended), 202);
	assert_string_equal(ended, "completed");
	assert_int_equal(drive(&d, "GET", kept(&d, 0, ""), NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volume.droplet_ids")), 1);
	assert_true(json_is_integer(json_path(d.j, "volume.droplet_ids.0")));
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.volume_ids.0"), d.cloud->stores[0]->id);
	assert_int_equal(act(&d, "attach", 0, &ended), 422); /* twice */
	assert_int_equal(drive(&d, "DELETE", kept(&d, 0, ""), NULL), 409);
	assert_int_equal(act(&d, "detach", 0, &ended), 202);
	assert_int_equal(drive(&d, "GET", kept(&d, 0, ""), NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volume.droplet_ids")), 0);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/actions"), "{\"type\":\"resize\",\"size_gigabytes\":400}"), 422);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/actions"), "{\"type\":\"resize\",\"size_gigabytes\":600}"), 202);
	assert_int_equal(drive(&d, "GET", kept(&d, 0, "/actions"), NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 4);
	/* From the beginning of a droplet: in either form, when it runs; no two may speak for it. */
	snprintf(droplet_with, sizeof(droplet_with), DROPLET("gf-2", "gpu-mi300x1-192gb", "atl1", ",\"volumes\":[{\"id\":\"%s\"}]"),
	    d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", droplet_with), 202);
	assert_int_equal(json_array_size(json_path(d.j, "droplet.volume_ids")), 0);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", droplet_with), 422);
	snprintf(droplet_with, sizeof(droplet_with), DROPLET("gf-3", "gpu-mi300x1-192gb", "tor1", ",\"volumes\":[\"%s\"]"),
	    d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", droplet_with), 422);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", DROPLET("gf-3", "gpu-mi300x1-192gb", "atl1", ",\"volumes\":[\"none\"]")), 422);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "GET", droplet(&d, 2, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.volume_ids.0"), d.cloud->stores[0]->id);
	/* The droplet goes, the volume stays: attached for a moment, and then free. */
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 2, ""), NULL), 204);
	assert_int_equal(drive(&d, "DELETE", kept(&d, 0, ""), NULL), 409);
	drive_pass(&d, 2 * SECOND);
	assert_int_equal(drive(&d, "GET", kept(&d, 0, ""), NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volume.droplet_ids")), 0);
	/* Snapshots of it: one in ten minutes (one with the quick preset), as the beginning of another volume. */
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/snapshots"), "{\"name\":\"s1\"}"), 201);
	assert_string_equal(drive_str(&d, "snapshot.resource_type"), "volume");
	assert_string_equal(drive_str(&d, "snapshot.resource_id"), d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/snapshots"), "{\"name\":\"s2\"}"), 422);
	snprintf(uri, sizeof(uri), ",\"snapshot_id\":\"%s\"", d.cloud->stores[1]->id);
	snprintf(droplet_with, sizeof(droplet_with), "{\"name\":\"copy\",\"region\":\"tor1\"%s}", uri);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", droplet_with), 422);
	snprintf(droplet_with, sizeof(droplet_with), "{\"name\":\"copy\",\"region\":\"atl1\",\"size_gigabytes\":100%s}", uri);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", droplet_with), 422);
	snprintf(droplet_with, sizeof(droplet_with), "{\"name\":\"copy\",\"region\":\"atl1\"%s}", uri);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", droplet_with), 201);
	assert_int_equal(drive_int(&d, "volume.size_gigabytes"), 600);
	assert_ptr_equal(d.cloud->stores[2]->source, d.cloud->stores[1]);
	for (int i = 0; i < 24; i++) {
		drive_pass(&d, MINUTE);
		assert_int_equal(drive(&d, "POST", kept(&d, 0, "/snapshots"), "{\"name\":\"s2\"}"), 201);
	}
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/snapshots"), "{\"name\":\"s2\"}"), 422);
	assert_int_equal(drive(&d, "GET", "/v2/snapshots?resource_type=volume&per_page=10", NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 25);
	assert_string_equal(drive_str(&d, "links.pages.next"),
	    "https://api.digitalocean.com/v2/snapshots?resource_type=volume&page=2&per_page=10");
	assert_int_equal(drive(&d, "DELETE", kept(&d, 1, ""), NULL), 204);
	assert_int_equal(drive(&d, "DELETE", kept(&d, 1, ""), NULL), 404);
	assert_int_equal(drive(&d, "DELETE", kept(&d, 0, ""), NULL), 204);
	assert_int_equal(drive(&d, "GET", kept(&d, 0, ""), NULL), 404);
	drive_close(&d);
}

static void fifteen(void **state)
{
	struct drive d;
	char body[256];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	drive_pass(&d, 5 * SECOND);
	for (int i = 0; i < 16; i++) {
		snprintf(body, sizeof(body), "{\"name\":\"v%c\",\"size_gigabytes\":1,\"region\":\"atl1\"}", 'a' + i);
		assert_int_equal(drive(&d, "POST", "/v2/volumes", body), 201);
		snprintf(body, sizeof(body), "{\"type\":\"attach\",\"volume_name\":\"v%c\",\"region\":\"atl1\",\"droplet_id\":%s}", 'a' + i,
		    d.cloud->machines[0]->id);
		assert_int_equal(drive(&d, "POST", "/v2/volumes/actions", body), i < 15 ? 202 : 422);
		assert_int_equal(drive(&d, "POST", "/v2/volumes/actions", body), 422); /* pending, then attached or one too many */
		drive_pass(&d, SECOND);
	}
	drive_close(&d);
}

static void disk_snapshots(void **state)
{
	struct drive d;
	char body[400], action[64], image[64], name[96];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	drive_pass(&d, 5 * SECOND);
	drive_fault(&d, "snapshot_errs=1");
	assert_int_equal(drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"snapshot\",\"name\":\"gf-base\"}"), 201);
	snprintf(action, sizeof(action), "/v2/actions/%lld", (long long)drive_int(&d, "action.id"));
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "GET", action, NULL), 200);
	assert_string_equal(drive_str(&d, "action.status"), "errored");
	assert_int_equal(d.cloud->store_count, 0);
	/* While it runs no other event may start, and the droplet cannot be deleted; the image is not there yet. */
	assert_int_equal(drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"snapshot\",\"name\":\"gf-base\"}"), 201);
	assert_string_equal(drive_str(&d, "action.type"), "snapshot");
	assert_int_equal(drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"power_off\"}"), 422);
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 422);
	assert_string_equal(drive_str(&d, "message"), "Droplet already has a pending event.");
	assert_int_equal(drive(&d, "GET", "/v2/snapshots?resource_type=droplet", NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 0);
	drive_pass(&d, 2 * SECOND);
	/* A string here, an integer there. */
	assert_int_equal(drive(&d, "GET", "/v2/snapshots?resource_type=droplet", NULL), 200);
	str_copy(image, drive_str(&d, "snapshots.0.id"));
	assert_string_equal(drive_str(&d, "snapshots.0.name"), "gf-base");
	assert_string_equal(drive_str(&d, "snapshots.0.resource_id"), d.cloud->machines[0]->id);
	assert_int_equal(drive_int(&d, "snapshots.0.min_disk_size"), 720);
	assert_true(json_num(d.j, "snapshots.0.size_gigabytes", 0) == 28.1);
	assert_string_equal(drive_str(&d, "snapshots.0.regions.0"), "atl1");
	assert_int_equal(drive(&d, "GET", droplet(&d, 0, "/snapshots"), NULL), 200);
	assert_true(json_is_integer(json_path(d.j, "snapshots.0.id")));
	assert_int_equal(drive(&d, "GET", "/v2/images?private=true", NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 1);
	assert_true(json_is_integer(json_path(d.j, "images.0.id")));
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 204);
	drive_pass(&d, 5 * SECOND);
	/* A droplet from it: by the integer, where it is, on a disk that is large enough; it has its drivers. */
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"image\":\"%s\"}", image);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 422);
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"tor1\",\"image\":%s}", image);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 422);
	assert_non_null(strstr(drive_str(&d, "message"), "not available in the selected region"));
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\",\"region\":\"atl1\",\"image\":%s}", image);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 422);
	assert_non_null(strstr(drive_str(&d, "message"), "720"));
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"atl1\",\"image\":%s}", image);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 202);
	assert_string_equal(drive_str(&d, "droplet.image.type"), "snapshot");
	assert_true(d.cloud->machines[1]->drivers);
	assert_ptr_equal(d.cloud->machines[1]->disk, d.cloud->stores[0]);
	/* To another region: an action of the image. */
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/actions"), "{\"type\":\"transfer\",\"region\":\"mars1\"}"), 422);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/actions"), "{\"type\":\"transfer\",\"region\":\"tor1\"}"), 201);
	assert_string_equal(drive_str(&d, "action.resource_type"), "image");
	snprintf(body, sizeof(body), "{\"name\":\"b\",\"size\":\"gpu-mi300x1-192gb\",\"region\":\"tor1\",\"image\":%s}", image);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 422);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", body), 202);
	assert_int_equal(drive(&d, "POST", kept(&d, 0, "/actions"), "{\"type\":\"transfer\",\"region\":\"tor1\"}"), 422);
	/* Tagged as an image; deleted as either; the droplet that came from it still says what it came from. */
	assert_int_equal(drive(&d, "POST", "/v2/tags", "{\"name\":\"keep\"}"), 201);
	snprintf(body, sizeof(body), "{\"resources\":[{\"resource_id\":\"%s\",\"resource_type\":\"image\"}]}", image);
	assert_int_equal(drive(&d, "POST", "/v2/tags/keep/resources", body), 204);
	snprintf(name, sizeof(name), "/v2/snapshots/%s", image);
	assert_int_equal(drive(&d, "GET", name, NULL), 200);
	assert_string_equal(drive_str(&d, "snapshot.tags.0"), "keep");
	assert_int_equal(drive(&d, "DELETE", name, NULL), 204);
	assert_int_equal(drive(&d, "DELETE", kept(&d, 0, ""), NULL), 404);
	assert_int_equal(drive(&d, "DELETE", "/v2/snapshots/189723042", NULL), 400);
	assert_int_equal(drive(&d, "DELETE", "/v2/images/189723042", NULL), 403);
	assert_int_equal(drive(&d, "GET", droplet(&d, 1, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "droplet.image.name"), "gf-base");
	drive_close(&d);
}

static void storage_money(void **state)
{
	struct drive d;
	char uri[128];

	(void)state;
	begin(&d, NULL, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", "/v2/volumes", VOLUME("gf-models", "")), 201);
	assert_int_equal(drive(&d, "POST", "/v2/droplets", ONE), 202);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "POST", droplet(&d, 0, "/actions"), "{\"type\":\"snapshot\",\"name\":\"base\"}"), 201);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "DELETE", droplet(&d, 0, ""), NULL), 204);
	/* A cent at least; then by the time: 500 GiB at $0.10 and 28.1 GB at $0.06, for a hundred hours of a month of 730. */
	assert_int_equal(cloud_store_cost(d.cloud->stores[1], d.now), 10000);
	drive_pass(&d, 100 * HOUR - 10 * SECOND);
	assert_int_equal(cloud_store_cost(d.cloud->stores[0], d.now), 6849315);
	assert_in_range(cloud_store_cost(d.cloud->stores[1], d.now), 230950, 230959);
	assert_int_equal(cloud_total(d.cloud, d.now),
	    cloud_cost(d.cloud, d.cloud->machines[0]) + cloud_store_cost(d.cloud->stores[0], d.now) +
		cloud_store_cost(d.cloud->stores[1], d.now));
	assert_int_equal(drive(&d, "DELETE", kept(&d, 0, ""), NULL), 204);
	drive_pass(&d, HOUR);
	assert_int_equal(cloud_store_cost(d.cloud->stores[0], d.now), 6849315);
	assert_int_equal(drive(&d, "GET", "/v2/customers/my/invoices", NULL), 200);
	snprintf(uri, sizeof(uri), "/v2/customers/my/invoices/%s", drive_str(&d, "invoice_preview.invoice_uuid"));
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_int_equal(drive_int(&d, "meta.total"), 3);
	assert_string_equal(drive_str(&d, "invoice_items.1.product"), "Volumes");
	assert_string_equal(drive_str(&d, "invoice_items.1.resource_uuid"), d.cloud->stores[0]->id);
	assert_string_equal(drive_str(&d, "invoice_items.1.amount"), "6.85");
	assert_string_equal(drive_str(&d, "invoice_items.1.duration"), "100");
	assert_string_equal(drive_str(&d, "invoice_items.2.product"), "Snapshots");
	assert_string_equal(drive_str(&d, "invoice_items.2.resource_id"), d.cloud->stores[1]->id);
	assert_string_equal(drive_str(&d, "invoice_items.2.amount"), "0.23");
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
		cmocka_unit_test(volumes_refused),
		cmocka_unit_test(volume_life),
		cmocka_unit_test(fifteen),
		cmocka_unit_test(disk_snapshots),
		cmocka_unit_test(storage_money),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
