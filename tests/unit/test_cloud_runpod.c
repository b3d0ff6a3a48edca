/* The RunPod model against providers/runpod.md. */
#include "cloud_drive.h"

#include "tests/sim/cloud_storage.h"

#include <math.h>
#include <setjmp.h>
#include <cmocka.h>

#define POD(name, rest)                                                                            \
	"{\"name\":\"" name                                                                        \
	"\",\"image\":\"runpod/base:1-rocm\",\"gpu\":{\"id\":\"AMD Instinct MI300X OAM\","         \
	"\"count\":8},\"disk\":20,\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY     \
	"\"}" rest "}"
#define L40S                                                                                       \
	"{\"name\":\"l\",\"image\":\"runpod/base:1\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20,\"ports\":[\"22/tcp\"]}"

static char bearer[256];

static void begin(struct drive *d, const struct sim_timing *t, const char *inventory)
{
	drive_open(d, &cloud_runpod, t, inventory);
	snprintf(bearer, sizeof(bearer), "Bearer %s", cloud_runpod.token);
	d->auth = bearer;
}

static const char *pod(const char *id, const char *tail)
{
	static char path[128];

	snprintf(path, sizeof(path), "/v2/pods/%s%s", id, tail);
	return path;
}

static void frame(void **state)
{
	struct drive d;
	char header[256], *big;

	(void)state;
	begin(&d, NULL, NULL);
	d.agent = NULL;
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 403);
	assert_string_equal(buf_str(&d.r.body), "error code: 1010");
	assert_non_null(strstr(d.r.type, "text/plain"));
	d.agent = "drive/1";
	d.auth = NULL;
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 401);
	assert_string_equal(d.r.type, "application/problem+json");
	assert_int_equal(drive_int(&d, "status"), 401);
	d.auth = bearer;
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	drive_header(&d, "RateLimit-Policy", header, sizeof(header));
	assert_string_equal(
	    header, "\"minute\";q=600;w=60, \"hour\";q=30000;w=3600, \"day\";q=500000;w=86400");
	big = xcalloc(1, 102402);
	memset(big, ' ', 102401);
	d.auth = NULL; /* before authentication */
	assert_int_equal(drive(&d, "POST", "/v2/pods", big), 413);
	free(big);
	drive_close(&d);
}

static void limits(void **state)
{
	struct drive d;
	struct sim_timing t;
	char header[256];

	(void)state;
	sim_timing_real(&t, "runpod");
	begin(&d, &t, NULL);
	for (int i = 0; i < 60; i++)
		assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 429);
	assert_string_equal(drive_str(&d, "detail"), "rate limit exceeded for the minute window");
	assert_string_equal(drive_header(&d, "Retry-After", header, sizeof(header)), "60");
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	drive_close(&d);
}

static void catalog(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "GET", "/v2/catalog/gpus?include=AVAILABILITY", NULL), 400);
	assert_int_equal(drive(&d, "GET", "/v2/catalog/gpus?product=POD", NULL), 400);
	assert_int_equal(
	    drive(&d, "GET", "/v2/catalog/gpus?include=AVAILABILITY&product=POD&count=8", NULL),
	    200);
	assert_string_equal(drive_str(&d, "gpus.0.id"), "AMD Instinct MI300X OAM");
	assert_string_equal(
	    drive_str(&d, "gpus.0.availability"), "LOW"); /* room for two such pods */
	assert_string_equal(drive_str(&d, "gpus.0.dataCenters.0.id"), "EU-RO-1");
	assert_true(json_path(d.j, "gpus.0.secure") == json_true());
	assert_true(json_path(d.j, "gpus.0.community") == json_false());
	assert_true(json_num(d.j, "gpus.0.price.secure", 0) == 1.99); /* per GPU */
	assert_null(json_path(d.j, "gpus.0.cudaVersions"));
	assert_string_equal(drive_str(&d, "gpus.3.availability"), "NONE");
	assert_null(json_path(d.j, "gpus.3.dataCenters"));
	assert_int_equal(drive(&d, "GET", "/v2/catalog/gpus/NVIDIA%20L40S", NULL), 200);
	assert_null(json_path(d.j, "availability"));
	assert_int_equal(drive(&d, "GET", "/v2/catalog/gpus/nothing", NULL), 404);
	assert_int_equal(
	    drive(&d, "GET", "/v2/catalog/datacenters?include=GPU_AVAILABILITY", NULL), 200);
	assert_string_equal(drive_str(&d, "dataCenters.0.gpuAvailability.0.name"), "MI300X");
	drive_close(&d);
}

static void validation(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", ",\"bogus\":1")), 422);
	assert_string_equal(
	    drive_str(&d, "errors.0"), "$: additional properties 'bogus' not allowed");
	assert_int_equal(drive(&d, "POST", "/v2/pods",
			     "{\"image\":\"x\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20}"),
	    422);
	assert_int_equal(drive(&d, "POST", "/v2/pods",
			     "{\"name\":\"x\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20}"),
	    422);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", ",\"env\":{\"A\":1}")),
	    422); /* duplicate keys: not JSON */
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods",
		"{\"name\":\"x\",\"image\":\"i\",\"disk\":\"20\",\"gpu\":{\"id\":\"NVIDIA L40S\"}}"),
	    422);
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods", "{\"name\":\"x\",\"image\":\"i\",\"disk\":20}"), 400);
	assert_int_equal(drive(&d, "POST", "/v2/pods",
			     "{\"name\":\"x\",\"image\":\"i\",\"gpu\":{\"id\":\"NVIDIA L40S\"}}"),
	    400);
	assert_non_null(
	    strstr(drive_str(&d, "detail"), "template id or pod configuration parameters"));
	assert_int_equal(drive(&d, "POST", "/v2/pods",
			     POD("a", ",\"mounts\":{\"persistent\":{\"size\":10,\"path\":\"/w\"},"
				      "\"network\":[{\"volumeId\":\"v\",\"path\":\"/w\"}]}")),
	    400);
	assert_int_equal(d.cloud->machine_count, 0);
	drive_close(&d);
}

static void life(void **state)
{
	struct drive d;
	char id[64], other[64];
	struct sim_machine *m;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("twin", "")), 201);
	str_copy(id, drive_str(&d, "id"));
	m = d.cloud->machines[0];
	assert_string_equal(drive_str(&d, "status"), "RUNNING"); /* at once, and not ready */
	assert_true(json_is_null(json_path(d.j, "runtime")));
	assert_true(json_is_null(json_path(d.j, "ssh.direct")));
	assert_string_equal(drive_str(&d, "ssh.proxy.host"), "ssh.runpod.io");
	assert_true(json_num(d.j, "cost", 0) == 15.92); /* the whole pod */
	/* Neither readable nor listed for a moment. */
	assert_int_equal(drive(&d, "GET", pod(id, ""), NULL), 404);
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(d.j, "pods")), 0);
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "GET", pod(id, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "ssh.direct.username"), "root");
	assert_int_equal(drive_int(&d, "ssh.direct.port"), m->port);
	assert_int_not_equal(m->port, 22);
	assert_string_equal(drive_str(&d, "env.PUBLIC_KEY"), DRIVE_KEY);
	assert_string_equal(drive_str(&d, "runtime.ports.1.ip"), "100.65.14.155");
	assert_true(cloud_alive(d.cloud, m));
	assert_string_equal(buf_str(&m->keys), DRIVE_KEY "\n");
	/* Names are not unique; the second takes the rest of the stock. */
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("twin", "")), 201);
	str_copy(other, drive_str(&d, "id"));
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("twin", "")), 400);
	assert_string_equal(drive_str(&d, "detail"),
	    "There are no longer any instances available with the requested "
	    "specifications. Please refresh and try again.");
	/* Rename without restart. */
	assert_int_equal(drive(&d, "PATCH", pod(id, ""), "{\"name\":\"new\"}"), 200);
	assert_string_equal(drive_str(&d, "name"), "new");
	assert_true(cloud_alive(d.cloud, m));
	assert_int_equal(drive(&d, "PATCH", pod(id, ""), "{\"gpu\":{}}"), 422);
	/* Deleted: still readable for a moment, then 404 for ever. */
	assert_int_equal(drive(&d, "DELETE", pod(id, ""), NULL), 204);
	assert_false(cloud_alive(d.cloud, m));
	assert_int_equal(drive(&d, "GET", pod(id, ""), NULL), 200);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", pod(id, ""), NULL), 404);
	assert_int_equal(drive(&d, "DELETE", pod(id, ""), NULL), 404);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("third", "")), 201);
	drive_close(&d);
}

static void actions(void **state)
{
	struct drive d;
	char id[64];
	int port;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", "")), 201);
	str_copy(id, drive_str(&d, "id"));
	drive_pass(&d, 5 * SECOND);
	port = d.cloud->machines[0]->port;
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"explode\"}"), 422);
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"start\"}"), 409);
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"stop\"}"), 200);
	assert_string_equal(drive_str(&d, "status"), "EXITED");
	assert_true(json_num(d.j, "cost", 0) ==
		    15.92); /* not zero, although nothing is billed for the GPU */
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"stop\"}"), 409);
	/* A stop gives the GPUs back, and others may take them. */
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("b", "")), 201);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("c", "")), 201);
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"start\"}"), 400);
	assert_non_null(strstr(drive_str(&d, "detail"), "not enough free GPUs"));
	cloud_happen(d.cloud, d.cloud->machines[1], "vanish");
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"start\"}"), 200);
	assert_int_not_equal(d.cloud->machines[0]->port, port);
	assert_int_equal(drive(&d, "POST", pod(id, "/action"), "{\"action\":\"terminate\"}"), 204);
	drive_close(&d);
}

static void scoped_key(void **state)
{
	struct drive d;
	char id[64], other[64], key[300];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", "")), 201);
	str_copy(id, drive_str(&d, "id"));
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("b", "")), 201);
	str_copy(other, drive_str(&d, "id"));
	drive_pass(&d, 5 * SECOND);
	snprintf(key, sizeof(key), "Bearer %s",
	    json_str(d.cloud->machines[0]->env, "RUNPOD_API_KEY", ""));
	assert_string_equal(json_str(d.cloud->machines[0]->env, "RUNPOD_POD_ID", ""), id);
	d.auth = key;
	assert_int_equal(drive(&d, "DELETE", pod(other, ""), NULL), 401);
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 401);
	assert_int_equal(drive(&d, "DELETE", pod(id, ""), NULL), 204);
	drive_close(&d);
}

static void no_login(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	/* No key: no sshd, though the port is mapped; another image: none either; a start command may bring one. */
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 201);
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods",
		"{\"name\":\"l\",\"image\":\"ubuntu\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20,"
		"\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY "\"}}"),
	    201);
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods",
		"{\"name\":\"l\",\"image\":\"ubuntu\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20,"
		"\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY
		"\"},\"args\":\"bash -c 'service ssh start; sleep infinity'\"}"),
	    201);
	assert_int_equal(
	    drive(&d, "PUT", "/v2/account/ssh-keys", "{\"keys\":[\"nonsense\"]}"), 422);
	assert_int_equal(
	    drive(&d, "PUT", "/v2/account/ssh-keys", "{\"keys\":[\"" DRIVE_KEY "\"]}"), 200);
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods",
		"{\"name\":\"l\",\"image\":\"runpod/base\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20,"
		"\"ports\":[\"22/tcp\"],\"startSsh\":true}"),
	    201);
	drive_pass(&d, MINUTE);
	assert_false(cloud_alive(d.cloud, d.cloud->machines[0]));
	assert_false(cloud_alive(d.cloud, d.cloud->machines[1]));
	assert_true(cloud_alive(d.cloud, d.cloud->machines[2]));
	assert_true(cloud_alive(d.cloud, d.cloud->machines[3]));
	assert_string_equal(buf_str(&d.cloud->machines[3]->keys), DRIVE_KEY "\n");
	drive_close(&d);
}

static void pages(void **state)
{
	struct drive d;
	char uri[128], seen[64][64];
	int count = 0, requests = 0;

	(void)state;
	begin(&d, NULL,
	    "{\"balance\":10000,\"gpus\":[{\"id\":\"NVIDIA L40S\",\"gpu\":\"L40S\",\"secure\":1,\"stock\":{\"A\":60}}]}");
	for (int i = 0; i < 60; i++)
		assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 201);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", "/v2/pods?limit=0", NULL), 422);
	assert_int_equal(drive(&d, "GET", "/v2/pods?limit=1001", NULL), 422);
	assert_int_equal(drive(&d, "GET", "/v2/pods?cursor=foreign", NULL), 422);
	assert_int_equal(drive(&d, "GET", "/v2/pods?unknown=ignored", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(d.j, "pods")), 60);
	str_copy(uri, "/v2/pods?limit=1000");
	do {
		assert_int_equal(drive(&d, "GET", uri, NULL), 200);
		for (size_t i = 0; i < json_array_size(json_object_get(d.j, "pods")); i++) {
			str_copy(seen[count],
			    json_str(json_array_get(json_object_get(d.j, "pods"), i), "id", ""));
			for (int k = 0; k < count; k++)
				assert_string_not_equal(seen[k], seen[count]);
			count++;
		}
		snprintf(uri, sizeof(uri), "/v2/pods?limit=1000&cursor=%s",
		    drive_str(&d, "pagination.nextCursor"));
		requests++;
	} while (json_bool(d.j, "pagination.hasNextPage", false));
	assert_int_equal(count, 60);
	assert_int_equal(requests, 3); /* shorter pages than asked */
	assert_true(json_is_null(json_path(d.j, "pagination.nextCursor")));
	drive_fault(&d, "list_loop=2");
	assert_int_equal(drive(&d, "GET", "/v2/pods?limit=5&cursor=pods-7", NULL), 200);
	assert_string_equal(drive_str(&d, "pagination.nextCursor"), "pods-7");
	drive_fault(&d, "no_paging=-1");
	assert_int_equal(drive(&d, "GET", "/v2/pods?limit=5", NULL), 200);
	assert_null(json_path(d.j, "pagination"));
	drive_close(&d);
}

static void money_rules(void **state)
{
	struct drive d;
	struct sim_timing t;
	const struct sim_machine *m;
	char uri[256];

	(void)state;
	sim_timing_quick(&t);
	t.bill = 10 * MINUTE;
	begin(&d, &t, NULL);
	assert_int_equal(
	    drive(&d, "POST", "/v2/pods",
		POD("a", ",\"mounts\":{\"persistent\":{\"size\":72,\"path\":\"/w\"}}")),
	    201);
	m = d.cloud->machines[0];
	/* 8 × $1.99 per hour, 20 GB at $0.10 and 72 GB at $0.10 per month of 720 hours. */
	drive_pass(&d, HOUR);
	assert_int_equal(cloud_cost(d.cloud, m), 15920000 + 2778 + 10000);
	drive_pass(&d, 1);
	assert_int_equal(cloud_metered(m, "gpu", d.now, SECOND), 15924422); /* a started second */
	d.now = DRIVE_START + HOUR + SECOND;
	assert_int_equal(drive(&d, "POST", pod(m->id, "/action"), "{\"action\":\"stop\"}"), 200);
	drive_pass(&d, 10 * HOUR);
	/* Stopped: container disk free, volume at double price. */
	assert_int_equal(cloud_metered(m, "gpu", d.now, SECOND), 15924422);
	assert_int_equal(cloud_metered(m, "disk", d.now, SECOND), 2779 + 10003 + 200000);
	assert_int_equal(drive(&d, "DELETE", pod(m->id, ""), NULL), 204);
	/* The records: by hour, late, and their sum is the meter's. */
	snprintf(uri, sizeof(uri), "/v2/billing/pods?podId=%s&bucketSize=hour&lastN=24", m->id);
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_true(json_num(d.j, "records.0.gpuAmount", 0) == 15.92);
	assert_string_equal(drive_str(&d, "records.0.startTime"), "2026-11-20T00:00:00Z");
	assert_string_equal(drive_str(&d, "records.0.endTime"), "2026-11-20T01:00:00Z");
	assert_true(json_num(d.j, "metadata.totals.gpuAmount", 0) == 15.924422);
	assert_true(
	    json_num(d.j, "metadata.totals.totalAmount", 0) < (double)cloud_cost(d.cloud, m) / 1e6);
	drive_pass(&d, HOUR);
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_true(llround(json_num(d.j, "metadata.totals.totalAmount", 0) * 1e6) ==
		    cloud_cost(d.cloud, m));
	assert_int_equal(
	    drive(&d, "GET", "/v2/billing/pods?lastN=3&startTime=2026-11-20T00:00:00Z", NULL), 400);
	assert_int_equal(
	    drive(&d, "POST", "/graphql",
		"{\"query\":\"query { myself { id clientBalance currentSpendPerHr } }\"}"),
	    200);
	assert_true(llround(json_num(d.j, "data.myself.clientBalance", 0) * 1e6) ==
		    500000000 - cloud_cost(d.cloud, m));
	assert_int_equal(drive(&d, "POST", "/graphql",
			     "{\"query\":\"mutation { podTerminate(input:{podId:\\\"x\\\"}) }\"}"),
	    200);
	assert_string_equal(drive_str(&d, "errors.0.message"), "pod not found to terminate");
	drive_close(&d);
}

static void faults(void **state)
{
	struct drive d;
	char header[128];

	(void)state;
	begin(&d, NULL, NULL);
	drive_fault(&d, "create_500_after=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 500);
	assert_int_equal(d.cloud->machine_count, 1);
	drive_fault(&d, "create_500_before=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 500);
	assert_int_equal(d.cloud->machine_count, 1);
	drive_fault(&d, "create_hang_after=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 0);
	assert_int_equal(d.r.cut, SIM_CUT_HANG);
	drive_fault(&d, "create_twice=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 201);
	assert_int_equal(d.cloud->machine_count, 4);
	assert_string_equal(d.cloud->machines[2]->name, d.cloud->machines[3]->name);
	drive_fault(&d, "create_truncated=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 201);
	assert_null(d.j);
	drive_fault(&d, "create_no_id=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 201);
	assert_string_equal(buf_str(&d.r.body), "{}");
	drive_fault(&d, "create_no_money=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 402);
	drive_fault(&d, "rate_limit=1");
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 429);
	assert_string_not_equal(drive_header(&d, "Retry-After", header, sizeof(header)), "");
	drive_fault(&d, "legacy_errors=1");
	drive_fault(&d, "create_no_capacity=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", L40S), 400);
	assert_non_null(strstr(drive_str(&d, "error"), "no longer any instances"));
	drive_fault(&d, "legacy_errors=0");
	drive_pass(&d, 10 * SECOND);
	drive_fault(&d, "garbage_body=1");
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	assert_null(d.j);
	drive_fault(&d, "cdn_502=1");
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 502);
	assert_string_equal(d.r.type, "text/html");
	drive_fault(&d, "slow=1@9");
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	assert_true(d.r.delay == 9 * SECOND);
	drive_fault(&d, "list_stale=1@20");
	assert_int_equal(drive(&d, "GET", "/v2/pods", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(d.j, "pods")), 0);
	drive_fault(&d, "delete_404=1");
	assert_int_equal(drive(&d, "DELETE", pod(d.cloud->machines[0]->id, ""), NULL), 404);
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[0]->id, ""), NULL), 200);
	drive_fault(&d, "delete_lag=1@100");
	assert_int_equal(drive(&d, "DELETE", pod(d.cloud->machines[0]->id, ""), NULL), 204);
	drive_pass(&d, 99 * SECOND);
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[0]->id, ""), NULL), 200);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[0]->id, ""), NULL), 404);
	drive_close(&d);
}

static void broken_machines(void **state)
{
	static const char login[] =
	    "{\"name\":\"l\",\"image\":\"runpod/base\",\"gpu\":{\"id\":\"NVIDIA L40S\",\"count\":8},\"disk\":20,"
	    "\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY "\"}}";
	struct drive d;

	(void)state;
	begin(&d, NULL,
	    "{\"gpus\":[{\"id\":\"NVIDIA L40S\",\"gpu\":\"L40S\",\"secure\":1,\"stock\":{\"A\":64}}]}");
	drive_fault(&d, "boot_never=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", login), 201);
	drive_fault(&d, "ssh_never=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", login), 201);
	drive_fault(&d, "host_dies=1@60");
	assert_int_equal(drive(&d, "POST", "/v2/pods", login), 201);
	drive_fault(&d, "wrong_gpu_count=1");
	drive_fault(&d, "state_unknown=1");
	drive_fault(&d, "create_dearer=1");
	assert_int_equal(drive(&d, "POST", "/v2/pods", login), 201);
	assert_true(json_num(d.j, "cost", 0) == 12);
	drive_pass(&d, 30 * SECOND);
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[0]->id, ""), NULL), 200);
	assert_true(json_is_null(json_path(d.j, "ssh.direct")));
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[1]->id, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "ssh.direct.host"), d.cloud->machines[1]->address);
	assert_false(cloud_alive(d.cloud, d.cloud->machines[1]));
	assert_true(cloud_alive(d.cloud, d.cloud->machines[2]));
	assert_int_equal(d.cloud->machines[3]->delivered, 2);
	assert_int_equal(drive(&d, "GET", pod(d.cloud->machines[3]->id, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "status"), "MIGRATING");
	drive_pass(&d, MINUTE);
	assert_false(cloud_alive(d.cloud, d.cloud->machines[2]));
	assert_true(cloud_billing(d.cloud, d.cloud->machines[2]));
	drive_close(&d);
}

/* ---- network volumes ---- */

#define VOLUME(name, size) "{\"name\":\"" name "\",\"size\":" #size ",\"dataCenter\":\"EU-RO-1\"}"

static const char *volume(const struct drive *d, size_t i)
{
	static char path[128];

	snprintf(path, sizeof(path), "/v2/network-volumes/%s", d->cloud->stores[i]->id);
	return path;
}

static void volumes(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{ "[]", 422 },
		{ "{\"name\":\"m\",\"size\":500}", 422 },
		{ "{\"name\":\"m\",\"size\":500,\"dataCenterId\":\"EU-RO-1\"}", 422 }, /* the key of older APIs */
		{ "{\"name\":\"\",\"size\":500,\"dataCenter\":\"EU-RO-1\"}", 422 },
		{ VOLUME("m", 9), 422 },
		{ VOLUME("m", 4097), 422 },
		{ VOLUME("m", 20.5), 422 },
		{ VOLUME("m", "500"), 422 },
		{ "{\"name\":\"m\",\"size\":500,\"dataCenter\":\"eu-ro-1\"}", 400 },
		{ "{\"name\":\"m\",\"size\":500,\"dataCenter\":\"US-IL-1\"}", 400 }, /* has none */
		{ "{\"name\":\"m\",\"size\":500,\"dataCenter\":\"EU-RO-1\",\"type\":\"FAST\"}", 422 },
		{ "{\"name\":\"m\",\"size\":500,\"dataCenter\":\"EU-RO-1\",\"type\":\"HIGH_PERFORMANCE\"}", 400 },
	};
	struct drive d;

	(void)state;
	begin(&d, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(drive(&d, "POST", "/v2/network-volumes", cases[i].body), cases[i].status);
	assert_int_equal(d.cloud->store_count, 0);
	/* Names are not unique: whoever asks twice has two. */
	drive_fault(&d, "storage_500_after=1");
	assert_int_equal(drive(&d, "POST", "/v2/network-volumes", VOLUME("models", 500)), 500);
	drive_fault(&d, "storage_late=1@60");
	assert_int_equal(drive(&d, "POST", "/v2/network-volumes", VOLUME("models", 500)), 201);
	assert_string_equal(drive_str(&d, "type"), "STANDARD");
	assert_string_equal(drive_str(&d, "dataCenter"), "EU-RO-1");
	assert_string_not_equal(d.cloud->stores[0]->id, d.cloud->stores[1]->id);
	assert_int_equal(drive(&d, "GET", "/v2/network-volumes", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "networkVolumes")), 1);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", "/v2/network-volumes", NULL), 200);
	assert_int_equal(json_array_size(json_path(d.j, "networkVolumes")), 2);
	assert_int_equal(drive(&d, "PATCH", volume(&d, 0), "{\"size\":400}"), 400);
	assert_int_equal(drive(&d, "PATCH", volume(&d, 0), "{}"), 422);
	assert_int_equal(drive(&d, "PATCH", volume(&d, 0), "{\"type\":\"STANDARD\"}"), 422);
	assert_int_equal(drive(&d, "PATCH", volume(&d, 0), "{\"size\":600,\"name\":\"grown\"}"), 200);
	assert_int_equal(drive_int(&d, "size"), 600);
	assert_int_equal(drive(&d, "GET", volume(&d, 0), NULL), 200);
	assert_string_equal(drive_str(&d, "name"), "grown");
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 204);
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 404);
	assert_int_equal(drive(&d, "GET", volume(&d, 0), NULL), 404);
	drive_close(&d);
}

/* A pod's body that mounts the first volume; more keys of the pod and of the mount. */
static const char *with_volume(const struct drive *d, const char *of_pod, const char *of_mount)
{
	static char body[512];

	snprintf(body, sizeof(body),
	    "{\"name\":\"l\",\"image\":\"runpod/base:1\",\"gpu\":{\"id\":\"NVIDIA A100-SXM4-80GB\"},\"disk\":20%s,"
	    "\"mounts\":{\"network\":[{\"volumeId\":\"%s\",\"path\":\"/root/volumes/models\"%s}]}}",
	    of_pod, d->cloud->stores[0]->id, of_mount);
	return body;
}

static void mounts(void **state)
{
	struct drive d;
	char path[128];
	struct sim_machine *m;

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/network-volumes", VOLUME("models", 500)), 201);
	assert_int_equal(drive(&d, "POST", "/v2/pods", with_volume(&d, "", ",\"mode\":\"ro\"")), 422);
	assert_int_equal(drive(&d, "POST", "/v2/pods", with_volume(&d, ",\"cloud\":\"COMMUNITY\"", "")), 400);
	assert_int_equal(drive(&d, "POST", "/v2/pods", with_volume(&d, ",\"dataCenterIds\":[\"US-KS-2\"]", "")), 400);
	assert_int_equal(drive(&d, "POST", "/v2/pods",
			     POD("a", ",\"mounts\":{\"network\":[{\"volumeId\":\"no\",\"path\":\"/w\"},{\"volumeId\":\"no\",\"path\":\"/x\"}]}")), 422);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", ",\"mounts\":{\"network\":[{\"volumeId\":\"no\",\"path\":\"/w\"}]}")), 404);
	assert_int_equal(drive(&d, "POST", "/v2/pods", POD("a", ",\"mounts\":{\"network\":[{\"volumeId\":\"no\"}]}")), 422);
	/* This type is sold in US-KS-2 too, and first there; its volume pins the pod. Two pods may have it. */
	assert_int_equal(drive(&d, "POST", "/v2/pods", with_volume(&d, "", "")), 201);
	assert_string_equal(drive_str(&d, "dataCenterId"), "EU-RO-1");
	assert_string_equal(drive_str(&d, "mounts.network.0.path"), "/root/volumes/models");
	assert_int_equal(drive(&d, "POST", "/v2/pods", with_volume(&d, "", "")), 201);
	m = d.cloud->machines[0];
	assert_string_equal(cloud_store_used(d.cloud, d.cloud->stores[0], m)->path, "/root/volumes/models");
	drive_pass(&d, 10 * SECOND);
	str_copy(path, pod(m->id, ""));
	assert_int_equal(drive(&d, "PATCH", path, "{\"mounts\":{\"network\":[]}}"), 400);
	assert_int_equal(drive(&d, "PATCH", path, "{\"mounts\":{\"network\":[{\"volumeId\":\"no\",\"path\":\"/w\"}]}}"), 400);
	assert_int_equal(drive(&d, "PATCH", path, "{\"mounts\":{\"persistent\":{\"size\":20,\"path\":\"/w\"}}}"), 400);
	/* In use until the last of them is gone, stopped or not. */
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 400);
	drive_fault(&d, "volume_busy_409=-1");
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 409);
	assert_int_equal(drive(&d, "POST", pod(m->id, "/action"), "{\"action\":\"stop\"}"), 200);
	assert_int_equal(drive(&d, "DELETE", pod(d.cloud->machines[1]->id, ""), NULL), 204);
	drive_pass(&d, 10 * SECOND);
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 409);
	assert_int_equal(drive(&d, "DELETE", path, NULL), 204);
	drive_pass(&d, 10 * SECOND);
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 204);
	drive_close(&d);
}

static void volume_money(void **state)
{
	struct drive d;
	char uri[160];

	(void)state;
	begin(&d, NULL, NULL);
	assert_int_equal(drive(&d, "POST", "/v2/network-volumes", VOLUME("large", 2000)), 201);
	drive_pass(&d, 73 * HOUR);
	/* A tenth of a month: 1000 GB at $0.07 and 1000 GB at $0.05. */
	assert_int_equal(cloud_store_cost(d.cloud->stores[0], d.now), 12000000);
	assert_int_equal(drive(&d, "DELETE", volume(&d, 0), NULL), 204);
	assert_int_equal(drive(&d, "POST", "/v2/network-volumes", VOLUME("small", 10)), 201);
	drive_pass(&d, HOUR);
	snprintf(uri, sizeof(uri), "/v2/billing/network-volumes?bucketSize=day&lastN=5&networkVolumeId=%s", d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "GET", uri, NULL), 200);
	assert_int_equal(drive_int(&d, "metadata.recordCount"), 4);
	assert_int_equal(drive_int(&d, "metadata.uniqueNetworkVolumeCount"), 1);
	assert_true(llround(json_num(d.j, "metadata.totals.totalAmount", 0) * 1e6) == 12000000);
	assert_true(llround(json_num(d.j, "records.0.standardAmount", 0) * 1e6) == 3945205);
	assert_string_equal(drive_str(&d, "records.0.networkVolumeId"), d.cloud->stores[0]->id);
	assert_int_equal(drive(&d, "GET", "/v2/billing/network-volumes?bucketSize=day&lastN=5", NULL), 200);
	assert_int_equal(drive_int(&d, "metadata.uniqueNetworkVolumeCount"), 2);
	assert_int_equal(drive(&d, "GET", "/v2/billing?bucketSize=day&lastN=5", NULL), 200);
	assert_true(llround(json_num(d.j, "records.0.storageStandardAmount", 0) * 1e6) >= 12000950);
	assert_true(json_num(d.j, "records.0.totalAmount", 0) == json_num(d.j, "records.0.storageStandardAmount", 0));
	assert_true(json_num(d.j, "metadata.totals.podGpuAmount", -1) == 0);
	assert_int_equal(cloud_total(d.cloud, d.now), 12000000 + cloud_store_cost(d.cloud->stores[1], d.now));
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame),
		cmocka_unit_test(limits),
		cmocka_unit_test(catalog),
		cmocka_unit_test(validation),
		cmocka_unit_test(life),
		cmocka_unit_test(actions),
		cmocka_unit_test(scoped_key),
		cmocka_unit_test(no_login),
		cmocka_unit_test(pages),
		cmocka_unit_test(money_rules),
		cmocka_unit_test(faults),
		cmocka_unit_test(broken_machines),
		cmocka_unit_test(volumes),
		cmocka_unit_test(mounts),
		cmocka_unit_test(volume_money),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
