/* The vast.ai model against providers/vastai.md. */
#include "cloud_drive.h"

#include "tests/sim/cloud_storage.h"

#include <math.h>
#include <setjmp.h>
#include <cmocka.h>

#define SEARCH "/api/v0/bundles/"
#define LIST   "/api/v1/instances/"
#define RENT                                                                                                                 \
	"{\"image\":\"pytorch/pytorch\",\"label\":\"gf1-a\",\"disk\":72,\"runtype\":\"ssh_direct\",\"cancel_unavail\":true," \
	"\"env\":{\"A\":\"b\",\"-p 8000:8000\":\"1\"}}"

static char bearer[256];

static void begin(struct drive *d, const struct sim_timing *timing, const char *inventory)
{
	struct sim_timing t;

	sim_timing_quick(&t);
	t.pace = 0; /* intervals have a test of their own */
	drive_open(d, &cloud_vastai, timing ? timing : &t, inventory);
	snprintf(bearer, sizeof(bearer), "Bearer %s", cloud_vastai.token);
	d->auth = bearer;
}

static int64_t ask_for(struct drive *d, const char *name)
{
	char body[256];

	snprintf(body, sizeof(body),
	    "{\"gpu_name\":{\"eq\":\"%s\"},\"rented\":{\"eq\":false},\"order\":[[\"dph_total\",\"asc\"]]}",
	    name);
	assert_int_equal(drive(d, "POST", SEARCH, body), 200);
	return drive_int(d, "offers.0.id");
}

static int rent(struct drive *d, const char *name, const char *body)
{
	char uri[64];

	snprintf(uri, sizeof(uri), "/api/v0/asks/%lld/", (long long)ask_for(d, name));
	return drive(d, "PUT", uri, body);
}

static const char *instance(const struct drive *d, size_t i)
{
	static char path[128];

	snprintf(path, sizeof(path), "/api/v0/instances/%s/", d->cloud->machines[i]->id);
	return path;
}

static size_t listed(struct drive *d, const char *uri)
{
	assert_int_equal(drive(d, "GET", uri, NULL), 200);
	return json_array_size(json_object_get(d->j, "instances"));
}

static void frame(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "GET", "/api/v0/users/current/", NULL), 200);
	assert_true(json_num(d.j, "credit", 0) == 100);
	assert_int_equal(drive(&d, "GET", "/api/v0/users/current", NULL), 308);
	assert_int_equal(drive(&d, "GET", "/api/v0/instances/", NULL), 410);
	assert_string_equal(drive_str(&d, "error"), "deprecated_endpoint");
	d.auth = "Bearer wrong";
	assert_int_equal(drive(&d, "GET", LIST, NULL), 404);
	assert_string_equal(drive_str(&d, "error"), "auth_error");
	assert_false(json_bool(d.j, "success", true));
	drive_fault(&d, "auth_401=-1");
	assert_int_equal(drive(&d, "GET", LIST, NULL), 401);
	d.auth = NULL;
	assert_int_equal(drive(&d, "GET", LIST, NULL), 403);
	assert_int_equal(drive(&d, "POST", SEARCH, "{}"), 200); /* offers are public */
	d.auth = bearer;
	assert_int_equal(drive(&d, "GET", "/api/v0/ssh/", NULL), 404); /* none yet */
	assert_int_equal(drive(&d, "POST", "/api/v0/ssh/", "{\"ssh_key\":\"" DRIVE_KEY "\"}"), 200);
	assert_int_equal(drive(&d, "GET", "/api/v0/ssh/", NULL), 200);
	assert_string_equal(drive_str(&d, "0.key"), DRIVE_KEY);
	assert_int_equal(drive(&d, "DELETE", "/api/v0/ssh/9999/", "{}"), 400);
	assert_int_equal(drive(&d, "DELETE", "/api/v0/ssh/123/", "{}"), 200);
	drive_close(&d);
}

static void intervals(void **state)
{
	struct drive d;
	struct sim_timing t;

	(void)state;
	sim_timing_real(&t, "vastai");
	begin(&d, &t, NULL);
	assert_int_equal(drive(&d, "GET", LIST, NULL), 200);
	assert_int_equal(drive(&d, "GET", LIST, NULL), 429);
	assert_string_equal(
	    buf_str(&d.r.body), "API requests too frequent: endpoint threshold=1.0");
	assert_int_equal(d.r.headers.len, 0); /* no Retry-After */
	assert_int_equal(
	    drive(&d, "GET", "/api/v0/users/current/", NULL), 200); /* each endpoint on its own */
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", LIST, NULL), 200);
	assert_int_equal(drive(&d, "PUT", "/api/v0/asks/1/", RENT), 404);
	drive_pass(&d, 4400 * MSEC);
	assert_int_equal(drive(&d, "PUT", "/api/v0/asks/1/", RENT), 429);
	drive_pass(&d, 100 * MSEC);
	assert_int_equal(drive(&d, "PUT", "/api/v0/asks/1/", RENT), 404);
	for (int i = 0; i < 10; i++)
		assert_int_equal(drive(&d, "POST", SEARCH, "{}"), 200);
	assert_int_equal(drive(&d, "POST", SEARCH, "{}"), 429);
	drive_fault(&d, "rate_json=-1");
	assert_int_equal(drive(&d, "POST", SEARCH, "{}"), 429);
	assert_int_equal(drive_int(&d, "retry_after"), 5);
	drive_close(&d);
}

static void search(void **state)
{
	struct drive d;
	double last = 0;
	char body[256];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", SEARCH, "{\"limit\":1000}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 64); /* the cap */
	/* The rest is behind the last price. */
	assert_int_equal(
	    drive(&d, "POST", SEARCH,
		"{\"gpu_name\":{\"in\":[\"RTX 4090\"]},\"num_gpus\":{\"eq\":1},\"verified\":{\"eq\":true},"
		"\"order\":[[\"dph_total\",\"asc\"]]}"),
	    200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 64);
	for (size_t i = 0; i < 64; i++) {
		double price =
		    json_num(json_array_get(json_path(d.j, "offers"), i), "dph_total", 0);

		assert_true(price >= last);
		last = price;
	}
	/* 8 GB at $0.15 per month of 720 hours are in the price; more disk, more price. */
	assert_int_equal(
	    drive(&d, "POST", SEARCH,
		"{\"gpu_name\":{\"eq\":\"H100 SXM\"},\"num_gpus\":{\"eq\":8},\"order\":[[\"dph_total\",\"asc\"]]}"),
	    200);
	assert_true(json_num(d.j, "offers.0.dph_base", 0) == 18.80);
	assert_true(llround(json_num(d.j, "offers.0.dph_total", 0) * 1e6) == 18801667);
	assert_int_equal(
	    drive(&d, "POST", SEARCH,
		"{\"gpu_name\":{\"eq\":\"H100 SXM\"},\"num_gpus\":{\"eq\":8},\"allocated_storage\":720,"
		"\"order\":[[\"dph_total\",\"asc\"]]}"),
	    200);
	assert_true(llround(json_num(d.j, "offers.0.dph_total", 0) * 1e6) == 18950000);
	snprintf(
	    body, sizeof(body), "{\"id\":{\"eq\":%lld}}", (long long)drive_int(&d, "offers.0.id"));
	assert_int_equal(drive(&d, "POST", SEARCH, body), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 0);
	/* Unverified hosts are shown unless asked otherwise; names have spaces. */
	assert_int_equal(drive(&d, "POST", SEARCH, "{\"verified\":{\"eq\":false}}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 6);
	assert_int_equal(drive(&d, "POST", SEARCH, "{\"gpu_name\":{\"eq\":\"RTX_4090\"}}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 0);
	assert_int_equal(drive(&d, "POST", SEARCH, "{\"gpu_arch\":{\"eq\":\"amd\"}}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 3);
	assert_int_equal(
	    drive(&d, "POST", SEARCH, "{\"reliability\":{\"lt\":0.9},\"num_gpus\":{\"gte\":1}}"),
	    200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 6);
	drive_fault(&d, "ignore_filters=-1");
	assert_int_equal(drive(&d, "POST", SEARCH, "{\"reliability\":{\"lt\":0.9}}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 64);
	assert_int_equal(drive(&d, "PUT", "/api/v0/search/asks/",
			     "{\"select_cols\":[\"*\"],\"q\":{\"gpu_name\":{\"eq\":\"H200\"}}}"),
	    200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 3);
	drive_close(&d);
}

static void life(void **state)
{
	struct drive d;
	char uri[64];
	struct sim_machine *m;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/api/v0/ssh/", "{\"ssh_key\":\"" DRIVE_KEY "\"}"), 200);
	snprintf(uri, sizeof(uri), "/api/v0/asks/%lld/", (long long)ask_for(&d, "H100 SXM"));
	assert_int_equal(drive(&d, "PUT", uri, "{\"disk\":20}"), 400);
	assert_int_equal(drive(&d, "PUT", uri, "{\"image\":\"a\",\"disk\":4}"), 400);
	assert_int_equal(drive(&d, "PUT", uri, "{\"image\":\"a\",\"price\":1000}"), 400);
	assert_string_equal(drive_str(&d, "error"), "invalid_price");
	assert_int_equal(drive(&d, "PUT", uri, RENT), 200);
	assert_true(json_bool(d.j, "success", false));
	m = d.cloud->machines[0];
	assert_int_equal(drive_int(&d, "new_contract"), 12345678);
	/* Once. */
	assert_int_equal(drive(&d, "PUT", uri, RENT), 404);
	assert_string_equal(drive_str(&d, "error"), "no_such_ask");
	drive_fault(&d, "gone_410=-1");
	assert_int_equal(drive(&d, "PUT", uri, RENT), 410);
	/* Not visible yet, then through the states. */
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_true(json_is_null(json_path(d.j, "instances")));
	assert_int_equal(listed(&d, LIST), 0);
	drive_pass(&d, 350 * MSEC);
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_string_equal(drive_str(&d, "instances.actual_status"), "created");
	assert_string_equal(drive_str(&d, "instances.label"), "gf1-a");
	assert_true(json_is_null(json_path(d.j, "instances.public_ipaddr")));
	drive_pass(&d, 200 * MSEC);
	assert_int_equal(listed(&d, LIST), 1);
	assert_string_equal(drive_str(&d, "instances.0.actual_status"), "loading");
	assert_int_equal(drive_int(&d, "label_counts.gf1-a"), 1);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(listed(&d, LIST), 1);
	assert_string_equal(drive_str(&d, "instances.0.actual_status"), "running");
	assert_string_equal(drive_str(&d, "instances.0.ports.22/tcp.0.HostIp"), "0.0.0.0");
	assert_int_equal(drive_int(&d, "instances.0.ports.22/tcp.0.HostPort"), m->port);
	assert_int_equal(strlen(drive_str(&d, "instances.0.public_ipaddr")),
	    strlen(m->address) + 1); /* stray space */
	assert_true(cloud_alive(d.cloud, m));
	assert_string_equal(buf_str(&m->keys), DRIVE_KEY "\n");
	assert_string_equal(json_str(m->env, "A", ""), "b");
	assert_string_equal(json_str(m->env, "CONTAINER_ID", ""), m->id);
	assert_null(json_object_get(m->env, "-p 8000:8000"));
	assert_int_equal(drive(&d, "PUT", instance(&d, 0), "{\"label\":\"gf1-b\"}"), 200);
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_string_equal(drive_str(&d, "instances.label"), "gf1-b");
	/* Destroyed: null with 200, then 404 no_such_instance; the ask is back under another id. */
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 200);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_true(json_is_null(json_path(d.j, "instances")));
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 404);
	assert_string_equal(drive_str(&d, "error"), "no_such_instance");
	assert_int_equal(drive(&d, "PUT", uri, RENT), 410);
	assert_int_equal(rent(&d, "H100 SXM", RENT), 200);
	drive_close(&d);
}

static void scoped_key(void **state)
{
	struct drive d;
	char key[200];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(rent(&d, "L40S", RENT), 200);
	snprintf(key, sizeof(key), "Bearer %s", drive_str(&d, "instance_api_key"));
	assert_int_equal(rent(&d, "L40S", RENT), 200);
	drive_pass(&d, 5 * SECOND);
	d.auth = key;
	assert_int_equal(drive(&d, "DELETE", instance(&d, 1), "{}"), 404);
	assert_string_equal(drive_str(&d, "error"), "auth_error");
	assert_int_equal(drive(&d, "GET", LIST, NULL), 404);
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 200);
	drive_close(&d);
}

static void pages(void **state)
{
	struct drive d;
	char uri[512];
	int count = 0, requests = 0;

	(void)state;
	begin(&d, NULL,
	    "{\"balance\":1000,\"offers\":[{\"gpu_name\":\"L40S\",\"gpu\":\"L40S\",\"price\":0.5,\"many\":60}]}");
	for (int i = 0; i < 60; i++)
		assert_int_equal(rent(&d, "L40S", i % 2 ? RENT : "{\"image\":\"a\"}"), 200);
	drive_pass(&d, SECOND);
	assert_int_equal(listed(&d, LIST "?limit=1000"), 25);
	assert_int_equal(drive_int(&d, "total_instances"), 60);
	assert_int_equal(drive_int(&d, "label_counts.gf1-a"), 30);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(d.j, "label_counts"), "")), 30);
	assert_true(json_is_null(json_path(d.j, "instances.0.label")));
	assert_int_equal(listed(&d, LIST "?limit=0"), 5);
	str_copy(uri, LIST "?limit=25");
	while (*uri) {
		count += (int)listed(&d, uri);
		requests++;
		snprintf(
		    uri, sizeof(uri), LIST "?limit=25&after_token=%s", drive_str(&d, "next_token"));
		if (json_is_null(json_path(d.j, "next_token")))
			uri[0] = '\0';
	}
	assert_int_equal(count, 60);
	assert_int_equal(requests, 3);
	assert_int_equal(drive(&d, "GET", LIST "?after_token=junk", NULL), 400);
	assert_string_equal(drive_str(&d, "error"), "invalid_token");
	assert_int_equal(
	    listed(&d, LIST "?select_filters=%7B%22label%22%3A%7B%22eq%22%3A%22gf1-a%22%7D%7D"),
	    25);
	assert_int_equal(drive_int(&d, "total_instances"), 30);
	assert_int_equal(
	    drive(
		&d, "GET", LIST "?select_filters=%7B%22dph_total%22%3A%7B%22gt%22%3A1%7D%7D", NULL),
	    400);
	assert_int_equal(listed(&d, LIST "?limit=1&select_cols=%5B%22id%22%2C%22nope%22%5D"), 1);
	assert_int_equal(json_object_size(json_path(d.j, "instances.0")), 2);
	assert_true(json_is_null(json_path(d.j, "instances.0.nope")));
	drive_fault(&d, "list_loop=-1");
	assert_int_equal(listed(&d, LIST), 25);
	assert_false(json_is_null(json_path(d.j, "next_token")));
	drive_close(&d);
}

static void money_rules(void **state)
{
	struct drive d;
	struct sim_timing t;
	struct sim_machine *m;
	duration boot;
	money gpu;

	(void)state;
	sim_timing_quick(&t);
	t.pace = 0;
	t.boot = 100 * SECOND;
	t.bill = 0;
	begin(&d, &t, NULL);
	assert_int_equal(rent(&d, "H100 SXM", RENT), 200);
	m = d.cloud->machines[0];
	boot = m->running - m->created;
	assert_true(boot >= 75 * SECOND && boot <= 125 * SECOND);
	/* While loading only the disk costs: 72 GB at $0.15 per 720 hours. */
	drive_pass(&d, 72 * SECOND);
	assert_int_equal(cloud_cost(d.cloud, m), 300);
	drive_pass(&d, HOUR - 72 * SECOND);
	gpu = cloud_metered(m, "gpu", d.now, SECOND);
	assert_int_equal(cloud_metered(m, "disk", d.now, SECOND), 15000);
	assert_int_equal(gpu, (m->price * ((HOUR - boot + SECOND - 1) / SECOND) + 1800) / 3600);
	/* Stopped: disk only. */
	assert_int_equal(drive(&d, "PUT", instance(&d, 0), "{\"state\":\"stopped\"}"), 200);
	drive_pass(&d, HOUR);
	assert_int_equal(cloud_metered(m, "gpu", d.now, SECOND), gpu);
	assert_int_equal(cloud_cost(d.cloud, m), gpu + 30000);
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 200);
	drive_pass(&d, HOUR);
	assert_int_equal(cloud_cost(d.cloud, m), gpu + 30000);
	assert_int_equal(drive(&d, "GET", "/api/v0/charges/", NULL), 400);
	assert_int_equal(
	    drive(&d, "GET",
		"/api/v0/charges/?select_filters=%7B%22day%22%3A%7B%22gte%22%3A1795132800%2C%22lte%22%3A1795219199%7D%7D",
		NULL),
	    200);
	assert_int_equal(drive_int(&d, "count"), 1);
	assert_string_equal(drive_str(&d, "results.0.source"), "instance-12345678");
	assert_string_equal(drive_str(&d, "results.0.metadata.label"), "gf1-a");
	assert_true(
	    llround(json_num(d.j, "results.0.amount", 0) * 1000) == (gpu + 30000 + 500) / 1000);
	assert_string_equal(drive_str(&d, "results.0.items.1.type"), "disk");
	assert_true(json_num(d.j, "results.0.items.1.amount", 0) == 0.03);
	assert_int_equal(drive(&d, "GET", "/api/v0/users/current/", NULL), 200);
	assert_true(llround(json_num(d.j, "credit", 0) * 1e6) == 100000000 - gpu - 30000);
	drive_close(&d);
}

static void empty_purse(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL,
	    "{\"balance\":1,\"offers\":[{\"gpu_name\":\"L40S\",\"gpu\":\"L40S\",\"price\":10,\"many\":2}]}");
	assert_int_equal(rent(&d, "L40S", RENT), 200);
	drive_pass(&d, 10 * MINUTE);
	cloud_tick(d.cloud, d.now);
	assert_true(d.cloud->machines[0]->stopped);
	assert_int_equal(rent(&d, "L40S", RENT), 400);
	assert_string_equal(drive_str(&d, "error"), "insufficient_credit");
	drive_close(&d);
}

static void faults(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	drive_fault(&d, "create_success_false_with_id=1");
	assert_int_equal(rent(&d, "L40S", RENT), 200);
	assert_false(json_bool(d.j, "success", true));
	assert_int_equal(drive_int(&d, "new_contract"), 12345678);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_string_equal(drive_str(&d, "instances.actual_status"), "stopped");
	assert_true(cloud_billing(d.cloud, d.cloud->machines[0])); /* its disk */
	/* A bid under the floor is an error with a contract, too. */
	assert_int_equal(rent(&d, "L40S", "{\"image\":\"a\",\"price\":0.01}"), 400);
	assert_int_equal(drive_int(&d, "new_contract"), 12345679);
	assert_int_equal(rent(&d, "L40S", "{\"image\":\"a\",\"price\":0.5}"), 200);
	drive_pass(&d, MINUTE);
	drive_fault(&d, "bid_lost=1");
	assert_int_equal(listed(&d, LIST), 3);
	assert_string_equal(drive_str(&d, "instances.2.cur_state"), "stopped");
	assert_string_equal(drive_str(&d, "instances.2.intended_status"), "stopped");
	assert_string_equal(drive_str(&d, "instances.2.next_state"), "stopped");
	drive_fault(&d, "image_fails=1");
	assert_int_equal(rent(&d, "H200", RENT), 200);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", instance(&d, 3), NULL), 200);
	assert_string_equal(drive_str(&d, "instances.actual_status"), "created");
	assert_non_null(strstr(drive_str(&d, "instances.status_msg"), "OCI runtime create failed"));
	drive_fault(&d, "create_cut_after=1");
	assert_int_equal(rent(&d, "H200", RENT), 0);
	assert_int_equal(d.cloud->machine_count, 5);
	drive_fault(&d, "create_twice=1");
	assert_int_equal(rent(&d, "H100 PCIE", RENT), 200);
	assert_int_equal(d.cloud->machine_count, 7);
	assert_int_equal(cloud_count_requests(d.cloud, "PUT", "/api/v0/asks/*"), 6);
	drive_close(&d);
}

/* ---- volumes ---- */

#define VOLUMES "/api/v0/volumes/"

static int put_volume(struct drive *d, int64_t offer, int gb, const char *rest)
{
	char body[160];

	snprintf(body, sizeof(body), "{\"id\":%lld,\"size\":%d%s}", (long long)offer, gb, rest);
	return drive(d, "PUT", VOLUMES, body);
}

/* The offer of volumes on the machine where the cheapest such GPU is. */
static int64_t volume_offer(struct drive *d, const char *gpu)
{
	char body[160];

	ask_for(d, gpu);
	snprintf(body, sizeof(body), "{\"machine_id\":{\"eq\":%lld},\"limit\":64}", (long long)drive_int(d, "offers.0.machine_id"));
	assert_int_equal(drive(d, "POST", VOLUMES "search/", body), 200);
	assert_int_equal(json_array_size(json_path(d->j, "offers")), 1);
	return drive_int(d, "offers.0.id");
}

static const char *with_volume(const struct drive *d, const char *path)
{
	static char body[400];

	snprintf(body, sizeof(body), "{\"image\":\"pytorch/pytorch\",\"volume_info\":{\"create_new\":false,\"volume_id\":%s,\"mount_path\":\"%s\"}}",
	    d->cloud->stores[0]->id, path);
	return body;
}

static void volumes(void **state)
{
	struct drive d;
	struct sim_timing t;
	char name[80], uri[96];
	int64_t offer;

	(void)state;
	sim_timing_quick(&t);
	t.pace = 0;
	t.release = 30 * SECOND;
	begin(&d, &t, NULL);
	assert_int_equal(drive(&d, "POST", VOLUMES "search/", "{\"disk_space\":{\"gte\":500}}"), 200);
	assert_int_equal(json_array_size(json_path(d.j, "offers")), 64); /* never more */
	offer = volume_offer(&d, "H200");
	assert_true(json_num(d.j, "offers.0.storage_cost", 0) == 0.1);
	assert_true(json_num(d.j, "offers.0.disk_space", 0) == 1000);
	assert_int_equal(put_volume(&d, 7, 100, ""), 404);
	assert_int_equal(put_volume(&d, offer, 1001, ""), 400);
	assert_int_equal(put_volume(&d, offer, 100, ",\"name\":\"gf-models\""), 400); /* no dashes */
	assert_int_equal(put_volume(&d, offer, 900, ",\"name\":\"gf_models\""), 200);
	snprintf(name, sizeof(name), "V.%s", d.cloud->stores[0]->id);
	assert_string_equal(drive_str(&d, "volume_name"), name);
	assert_int_equal(put_volume(&d, offer, 101, ""), 400); /* what is left */
	assert_int_equal(drive(&d, "GET", VOLUMES "?owner=me&type=all_volume", NULL), 200);
	assert_string_equal(drive_str(&d, "volumes.0.label"), "gf_models");
	assert_string_equal(drive_str(&d, "volumes.0.status"), "created");
	assert_int_equal(drive_int(&d, "volumes.0.machine_id"), offer - 61000000);
	/* On its own machine only, at an absolute path. */
	assert_int_equal(rent(&d, "RTX 4090", with_volume(&d, "/root/volumes/m")), 400);
	assert_int_equal(rent(&d, "H200", with_volume(&d, "models")), 400);
	assert_int_equal(d.cloud->machine_count, 0);
	assert_int_equal(rent(&d, "H200", with_volume(&d, "/root/volumes/m")), 200);
	assert_string_equal(cloud_store_used(d.cloud, d.cloud->stores[0], d.cloud->machines[0])->path, "/root/volumes/m");
	drive_pass(&d, 10 * SECOND);
	assert_int_equal(listed(&d, LIST), 1);
	assert_string_equal(drive_str(&d, "instances.0.volume_info.0.mount_path"), "/root/volumes/m");
	assert_int_equal(drive(&d, "GET", instance(&d, 0), NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "instances.volume_info")), 0);
	assert_int_equal(drive(&d, "GET", VOLUMES, NULL), 200);
	assert_string_equal(drive_str(&d, "volumes.0.status"), "in-use");
	assert_int_equal(json_array_size(json_path(d.j, "volumes.0.instances")), 1);
	/* Free half a minute after its instance. */
	snprintf(uri, sizeof(uri), VOLUMES "?id=%s", d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "DELETE", uri, NULL), 400);
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 200);
	drive_pass(&d, 29 * SECOND);
	assert_int_equal(drive(&d, "DELETE", uri, NULL), 400);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "DELETE", uri, NULL), 200);
	assert_int_equal(drive(&d, "DELETE", uri, NULL), 404);
	assert_string_equal(drive_str(&d, "error"), "no_such_volume");
	assert_int_equal(drive(&d, "DELETE", VOLUMES, "{}"), 400);
	/* Made, and nobody says so. */
	drive_fault(&d, "storage_500_after=1");
	assert_int_equal(put_volume(&d, offer, 100, ""), 500);
	drive_fault(&d, "storage_list_500=1");
	assert_int_equal(drive(&d, "GET", VOLUMES, NULL), 500);
	assert_int_equal(drive(&d, "GET", VOLUMES, NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "volumes")), 1);
	drive_close(&d);
}

static void volume_money(void **state)
{
	struct drive d;
	char uri[400];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(put_volume(&d, volume_offer(&d, "H200"), 720, ",\"name\":\"m\""), 200);
	assert_int_equal(rent(&d, "H200", with_volume(&d, "/root/volumes/m")), 200);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "DELETE", instance(&d, 0), "{}"), 200);
	/* 720 GB at $0.10 a month: ten cents an hour, with or without an instance. */
	drive_pass(&d, 10 * HOUR - MINUTE);
	assert_int_equal(cloud_store_cost(d.cloud->stores[0], d.now), USD);
	assert_int_equal(drive(&d, "DELETE", VOLUMES, "{\"id\":\"none\"}"), 400);
	snprintf(uri, sizeof(uri), "{\"id\":%s}", d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "DELETE", VOLUMES, uri), 200);
	drive_pass(&d, HOUR);
	snprintf(uri, sizeof(uri), "/api/v0/charges/?select_filters={\"day\":{\"gte\":1795132800,\"lte\":1795219200},\"type\":{\"in\":[\"volume\"]}}");
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_int_equal(drive_int(&d, "count"), 1);
	assert_string_equal(drive_str(&d, "results.0.type"), "volume");
	assert_true(str_starts(drive_str(&d, "results.0.source"), "volume-"));
	assert_true(json_num(d.j, "results.0.amount", 0) == 1);
	assert_int_equal(drive(&d, "GET", "/api/v0/charges/?select_filters={\"day\":{\"gte\":1795132800,\"lte\":1795219200}}", NULL), 200);
	assert_int_equal(drive_int(&d, "total"), 2);
	assert_string_equal(drive_str(&d, "results.0.type"), "instance");
	assert_int_equal(drive(&d, "GET", "/api/v0/charges/?select_filters={\"day\":{\"gte\":1795132800,\"lte\":1795219200}}&limit=1", NULL), 200);
	snprintf(uri, sizeof(uri), "/api/v0/charges/?select_filters={\"day\":{\"gte\":1795132800,\"lte\":1795219200}}&after_token=%s",
	    drive_str(&d, "next_token"));
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_int_equal(drive_int(&d, "count"), 1);
	assert_string_equal(drive_str(&d, "results.0.type"), "volume");
	assert_true(json_is_null(json_path(d.j, "next_token")));
	assert_int_equal(cloud_total(d.cloud, d.now), USD + cloud_cost(d.cloud, d.cloud->machines[0]));
	drive_close(&d);
}

/* Off unless asked for; then what a machine moved is part of its cost and of its charges, and of no price. */
static void traffic(void **state)
{
	struct drive d;
	money before, after;

	(void)state;
	begin(&d, NULL, "{\"offers\":[{\"gpu_name\":\"H200\",\"gpu\":\"H200\",\"num_gpus\":1,\"price\":3,\"many\":3,\"inet_down_cost\":0.01}]}");
	ask_for(&d, "H200");
	assert_true(json_num(d.j, "offers.0.inet_down_cost", 0) == 0.01);
	assert_true(json_num(d.j, "offers.0.inet_up_cost", 0) == 0.002);
	assert_int_equal(rent(&d, "H200", RENT), 200);
	drive_fault(&d, "traffic=-1@100");
	assert_int_equal(rent(&d, "H200", RENT), 200);
	drive_pass(&d, HOUR);
	before = cloud_metered(d.cloud->machines[0], "bwd", d.now, SECOND);
	after = cloud_metered(d.cloud->machines[1], "bwd", d.now, SECOND);
	assert_int_equal(before, 0);
	assert_int_equal(after, USD);
	assert_int_equal(cloud_metered(d.cloud->machines[1], "bwu", d.now, SECOND), CENT);
	assert_int_equal(drive(&d, "GET", "/api/v0/charges/?select_filters={\"day\":{\"gte\":1795132800,\"lte\":1795219200}}", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "results.0.items")), 2);
	assert_string_equal(drive_str(&d, "results.1.items.2.type"), "bwd");
	assert_true(json_num(d.j, "results.1.items.2.amount", 0) == 1);
	assert_string_equal(drive_str(&d, "results.1.items.3.type"), "bwu");
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame),
		cmocka_unit_test(intervals),
		cmocka_unit_test(search),
		cmocka_unit_test(life),
		cmocka_unit_test(scoped_key),
		cmocka_unit_test(pages),
		cmocka_unit_test(money_rules),
		cmocka_unit_test(empty_purse),
		cmocka_unit_test(faults),
		cmocka_unit_test(volumes),
		cmocka_unit_test(volume_money),
		cmocka_unit_test(traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
