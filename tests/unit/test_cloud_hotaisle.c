/* The Hot Aisle model against providers/hotaisle.md. */
#include "cloud_drive.h"

#include <setjmp.h>
#include <cmocka.h>

#define VMS "/teams/acme/virtual_machines/"
#define SPECS                                                                                                     \
	"{\"cpu_cores\":13,\"ram_capacity\":240518168576,\"disk_capacity\":13194139533312,\"cpus\":{\"count\":1," \
	"\"manufacturer\":\"Intel\",\"model\":\"Xeon Platinum 8470\",\"cores\":13,\"frequency\":2000000000},"     \
	"\"gpus\":[{\"count\":1,\"manufacturer\":\"AMD\",\"model\":\"MI300X\"}],\"user_data\":\"ignored\"}"
#define TWO "{\"gpus\":[{\"count\":2,\"manufacturer\":\"AMD\",\"model\":\"MI300X\"}]}"

static char token[256];

static void begin(struct drive *d, const struct sim_timing *t)
{
	drive_open(d, &cloud_hotaisle, t, NULL);
	snprintf(token, sizeof(token), "Token %s", cloud_hotaisle.token);
	d->auth = token;
}

static void add_key(struct drive *d)
{
	assert_int_equal(
	    drive(d, "POST", "/user/ssh_keys/", "{\"authorized_key\":\"" DRIVE_KEY "\"}"), 200);
}

static char *made(struct drive *d, char id[64])
{
	assert_int_equal(drive(d, "POST", VMS, SPECS), 200);
	str_copy_n(id, 64, drive_str(d, "deployment_id"));
	drive_pass(d, 10 * SECOND);
	return id;
}

static const char *vm(const char *id, const char *tail)
{
	static char path[256];

	snprintf(path, sizeof(path), VMS "%s/%s", id, tail);
	return path;
}

static void auth_and_slash(void **state)
{
	struct drive d;
	char bearer[256];

	(void)state;
	begin(&d, NULL);
	assert_int_equal(drive(&d, "GET", "/user/", NULL), 200);
	assert_string_equal(drive_str(&d, "teams.0.handle"), "acme");
	assert_string_equal(drive_str(&d, "teams.0.effective_roles.1"), "operator");
	assert_int_equal(drive_int(&d, "teams.0.maximum_virtual_machines"), 8);
	assert_int_equal(drive(&d, "GET", "/user", NULL), 404);
	assert_int_equal(drive(&d, "GET", "/teams/other/balance/", NULL), 404);
	snprintf(bearer, sizeof(bearer), "Bearer %s", cloud_hotaisle.token);
	d.auth = bearer;
	assert_int_equal(drive(&d, "GET", "/user/", NULL), 401);
	assert_string_equal(buf_str(&d.r.body), "Unauthorized");
	assert_non_null(strstr(d.r.type, "text/plain"));
	d.auth = NULL;
	assert_int_equal(drive(&d, "GET", "/user/", NULL), 401);
	drive_close(&d);
}

static void keys(void **state)
{
	struct drive d;
	struct buf b = BUF(4096);
	char path[128], print[64];

	(void)state;
	begin(&d, NULL);
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 428);
	assert_int_equal(
	    drive(&d, "POST", "/user/ssh_keys/", "{\"authorized_key\":\"ssh-ed25519 AAAA\"}"), 422);
	add_key(&d);
	/* ssh-keygen -lf on the same key. */
	assert_string_equal(
	    drive_str(&d, "fingerprint"), "SHA256:cvl0cksfd/LuJAWtfFXsUx08PWfkOmJW4SNh9d02q34");
	str_copy(print, drive_str(&d, "fingerprint") + 7);
	assert_int_equal(
	    drive(&d, "POST", "/user/ssh_keys/", "{\"authorized_key\":\"" DRIVE_KEY "\"}"), 409);
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 200);
	/* Keys are looked up at every login: a deleted one stops working on old machines. */
	cloud_hotaisle.keys(d.cloud, d.cloud->machines[0], &b);
	assert_string_equal(buf_str(&b), DRIVE_KEY "\n");
	buf_reset(&b);
	buf_puts(&b, "/user/ssh_keys/");
	str_percent_encode(&b, print);
	snprintf(path, sizeof(path), "%s/", buf_str(&b));
	assert_int_equal(drive(&d, "DELETE", path, NULL), 204);
	assert_int_equal(drive(&d, "DELETE", path, NULL), 404);
	buf_reset(&b);
	cloud_hotaisle.keys(d.cloud, d.cloud->machines[0], &b);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
	drive_close(&d);
}

static void offers(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "GET", VMS "available/", NULL), 200);
	assert_int_equal(json_array_size(d.j), 4);
	assert_int_equal(drive_int(&d, "1.Quantity"), 6);
	assert_int_equal(drive_int(&d, "1.OnDemandPrice"), 299);
	assert_int_equal(drive_int(&d, "2.MinimumReservationMinutes"), 60);
	assert_int_equal(drive_int(&d, "2.Specs.gpus.0.count"), 2);
	assert_int_equal(drive_int(&d, "1.Specs.ram_capacity"), 240518168576);
	assert_true(json_is_object(json_path(d.j, "1.Specs.cpus")));
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 200);
	assert_int_equal(drive(&d, "GET", VMS "available/", NULL), 200);
	assert_int_equal(drive_int(&d, "1.Quantity"), 5);
	assert_int_equal(drive(&d, "GET", "/teams/acme/bare_metal/available/", NULL), 200);
	assert_true(json_is_array(json_path(d.j, "0.Specs.cpus")));
	drive_close(&d);
}

static void create_and_states(void **state)
{
	struct drive d;
	char id[64];

	(void)state;
	begin(&d, NULL);
	add_key(&d);
	assert_int_equal(drive(&d, "POST", VMS, "{\"cpu_cores\":9}"), 404);
	assert_int_equal(drive(&d, "POST", VMS, "not json"), 400);
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 200);
	assert_true(d.r.delay == 500 * MSEC);
	assert_string_equal(drive_str(&d, "name"), "enc1-gpuvm001");
	assert_string_equal(drive_str(&d, "description"), "");
	assert_int_equal(drive_int(&d, "cpu_cores"), 13);
	assert_int_equal(drive_int(&d, "ssh_access.port"), 22);
	str_copy(id, drive_str(&d, "deployment_id"));
	/* It goes on when the client hangs up; listed when the answer would have come. */
	assert_int_equal(drive(&d, "GET", VMS, NULL), 200);
	assert_int_equal(json_array_size(d.j), 0);
	drive_pass(&d, 600 * MSEC);
	assert_int_equal(drive(&d, "GET", VMS, NULL), 200);
	assert_int_equal(json_array_size(d.j), 1);
	assert_null(json_path(d.j, "0.state"));
	assert_int_equal(drive(&d, "GET", vm(id, "state/"), NULL), 200);
	assert_string_equal(drive_str(&d, "state"), "shut off");
	assert_false(cloud_alive(d.cloud, d.cloud->machines[0]));
	drive_pass(&d, 5 * SECOND);
	assert_int_equal(drive(&d, "GET", vm("enc1-gpuvm001", "state/"), NULL), 200);
	assert_string_equal(drive_str(&d, "state"), "running");
	assert_true(cloud_alive(d.cloud, d.cloud->machines[0]));
	assert_int_equal(drive(&d, "POST", vm(id, "stop/"), NULL), 204);
	assert_int_equal(drive(&d, "GET", vm(id, "state/"), NULL), 200);
	assert_string_equal(drive_str(&d, "state"), "shut off");
	assert_true(cloud_billing(d.cloud, d.cloud->machines[0]));
	drive_close(&d);
}

static void description(void **state)
{
	struct drive d;
	char id[64];

	(void)state;
	begin(&d, NULL);
	add_key(&d);
	made(&d, id);
	drive_fault(&d, "lose_first_patch=1");
	assert_int_equal(drive(&d, "PATCH", vm(id, ""), "{\"description\":\"gf1-a\"}"), 204);
	assert_int_equal(d.r.body.len, 0);
	assert_int_equal(drive(&d, "GET", vm(id, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "description"), "");
	assert_int_equal(drive(&d, "PATCH", vm(id, ""), "{\"description\":\"gf1-a\"}"), 204);
	assert_int_equal(drive(&d, "GET", vm(id, ""), NULL), 200);
	assert_string_equal(drive_str(&d, "description"), "gf1-a");
	drive_close(&d);
}

static void deletion(void **state)
{
	struct drive d;
	char id[64], other[64];

	(void)state;
	begin(&d, NULL);
	add_key(&d);
	made(&d, id);
	assert_int_equal(
	    drive(&d, "DELETE", vm(id, ""), NULL), 400); /* within the minimum minute */
	assert_int_equal(drive(&d, "DELETE", vm(id, "?force=true"), NULL), 204);
	assert_true(d.r.delay > 0);
	drive_pass(&d, SECOND);
	assert_int_equal(drive(&d, "DELETE", vm(id, "?force=true"), NULL), 404);
	assert_string_equal(buf_str(&d.r.body), "Not Found: Resource not found");
	assert_int_equal(drive(&d, "GET", vm(id, ""), NULL), 404);
	/* The name comes back with another machine, the id does not. */
	made(&d, other);
	assert_string_not_equal(id, other);
	assert_int_equal(drive(&d, "GET", vm("enc1-gpuvm001", ""), NULL), 200);
	assert_string_equal(drive_str(&d, "deployment_id"), other);
	assert_string_equal(d.cloud->machines[0]->address, d.cloud->machines[1]->address);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "DELETE", vm(other, ""), NULL),
	    204); /* the minimum is over: no force needed */
	drive_close(&d);
}

static void money_rules(void **state)
{
	struct drive d;
	const struct sim_machine *m;
	char id[64];
	struct sim_timing t;

	(void)state;
	sim_timing_quick(&t);
	t.bill = MINUTE;
	begin(&d, &t);
	add_key(&d);
	made(&d, id);
	m = d.cloud->machines[0];
	/* $2.99 per hour by started minute, one minute at least. */
	assert_int_equal(cloud_cost(d.cloud, m), 49833);
	drive_pass(&d, 50 * SECOND); /* exactly one minute */
	assert_int_equal(cloud_cost(d.cloud, m), 49833);
	drive_pass(&d, SECOND);
	assert_int_equal(cloud_cost(d.cloud, m), 99667);
	drive_pass(&d, 59 * MINUTE - SECOND);
	assert_int_equal(cloud_cost(d.cloud, m), 2990000);
	assert_int_equal(drive(&d, "GET", "/teams/acme/balance/", NULL), 200);
	assert_int_equal(drive_int(&d, "hourly_rate"), 299);
	assert_int_equal(drive_int(&d, "virtual_machine_count"), 1);
	assert_int_equal(drive_int(&d, "available_balance"),
	    50000 - 295); /* a minute late; $2.940167 spent, rounded down */
	assert_int_equal(drive(&d, "DELETE", vm(id, "?force=true"), NULL), 204);
	drive_pass(&d, HOUR);
	assert_int_equal(cloud_cost(d.cloud, m), 2990000);
	assert_int_equal(drive(&d, "GET", "/teams/acme/balance/", NULL), 200);
	assert_int_equal(drive_int(&d, "available_balance"), 50000 - 299);
	assert_int_equal(drive_int(&d, "hourly_rate"), 0);
	/* Two GPUs: sixty minutes at $5.98 at least, taken at create and not given back. */
	assert_int_equal(drive(&d, "POST", VMS, TWO), 200);
	assert_int_equal(drive(&d, "GET", "/teams/acme/balance/", NULL), 200);
	assert_int_equal(drive_int(&d, "available_balance"), 50000 - 299 - 598);
	drive_pass(&d, 2 * MINUTE);
	assert_int_equal(drive(&d, "DELETE", vm("enc1-gpuvm001", "?force=true"), NULL), 204);
	assert_int_equal(cloud_cost(d.cloud, d.cloud->machines[1]), 5980000);
	drive_close(&d);
}

static void limits_and_faults(void **state)
{
	struct drive d;

	(void)state;
	begin(&d, NULL);
	add_key(&d);
	drive_fault(&d, "create_500_after=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 500);
	assert_int_equal(d.cloud->machine_count, 1);
	drive_fault(&d, "create_cut_after=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 0);
	assert_int_equal(d.r.cut, SIM_CUT_BEFORE);
	assert_int_equal(d.cloud->machine_count, 2);
	drive_fault(&d, "create_cut_before=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 0);
	assert_int_equal(d.cloud->machine_count, 2);
	drive_fault(&d, "create_no_capacity=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 404);
	drive_fault(&d, "create_no_money=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 402);
	drive_fault(&d, "create_denied=1");
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 403);
	drive_fault(&d, "create_201=-1");
	drive_fault(&d, "no_deployment_id=-1");
	for (int i = 2; i < 6; i++) {
		assert_int_equal(drive(&d, "POST", VMS, SPECS), 201);
		assert_null(json_path(d.j, "deployment_id"));
	}
	assert_int_equal(drive(&d, "POST", VMS, SPECS), 404); /* six of this type */
	assert_int_equal(drive(&d, "POST", VMS, TWO), 201);
	assert_int_equal(drive(&d, "POST", VMS, TWO), 201);
	assert_int_equal(drive(&d, "POST", VMS, "{\"gpus\":[{\"count\":1}]}"),
	    401); /* eight VMs: the team's limit */
	drive_fault(&d, "limit_403=1");
	assert_int_equal(drive(&d, "POST", VMS, "{\"gpus\":[{\"count\":1}]}"), 403);
	drive_pass(&d, MINUTE);
	drive_fault(&d, "hide_sold_out=-1");
	assert_int_equal(drive(&d, "GET", VMS "available/", NULL), 200);
	assert_int_equal(json_array_size(d.j), 2);
	drive_fault(&d, "list_empty=1");
	assert_int_equal(drive(&d, "GET", VMS, NULL), 200);
	assert_int_equal(json_array_size(d.j), 0);
	drive_fault(&d, "list_drops_one=1");
	assert_int_equal(drive(&d, "GET", VMS, NULL), 200);
	assert_int_equal(json_array_size(d.j), 7);
	assert_int_equal(drive(&d, "GET", VMS, NULL), 200);
	assert_int_equal(json_array_size(d.j), 8);
	drive_fault(&d, "delete_ignored=1");
	assert_int_equal(drive(&d, "DELETE", vm("enc1-gpuvm002", "?force=true"), NULL), 204);
	drive_pass(&d, MINUTE);
	assert_int_equal(drive(&d, "GET", vm("enc1-gpuvm002", ""), NULL), 200);
	drive_fault(&d, "auth_revoked=1");
	assert_int_equal(drive(&d, "GET", VMS, NULL), 401);
	assert_int_equal(cloud_count_requests(d.cloud, "POST", VMS), 15);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auth_and_slash),
		cmocka_unit_test(keys),
		cmocka_unit_test(offers),
		cmocka_unit_test(create_and_states),
		cmocka_unit_test(description),
		cmocka_unit_test(deletion),
		cmocka_unit_test(money_rules),
		cmocka_unit_test(limits_and_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
