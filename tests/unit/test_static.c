/*
 * Hosts of one's own (providers/static.c), and what must hold for every row of providers/registry.c.
 */
#include "adapter_world.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct static_host hosts[] = {
	{ .name = "lab1",
	    .address = "10.0.0.7",
	    .user = "bench",
	    .port = 22,
	    .gpu = "r9700",
	    .gpu_count = 2,
	    .price_hour = 35 * CENT },
	{ .name = "lab2", .address = "10.0.0.8", .port = 22, .gpu = "MI300X", .gpu_count = 8 },
	{ .name = "box",
	    .address = "127.0.0.1",
	    .port = 22,
	    .gpu = "Something New",
	    .gpu_count = 1 },
};

static const struct account account = {
	.name = "rack", .provider = "static", .hosts = hosts, .host_count = ARRAY_LEN(hosts)
};

static struct call *ask(enum provider_op_kind op, const struct op_args *given)
{
	static struct call_limits limits;
	struct op_args args = *given;
	const struct http_request *req;
	struct rng rng;
	struct call *c;
	instant wake;

	rng_seed(&rng, 1);
	args.account = &account;
	c = call_new(provider_find("static"), op, &args, &limits, &rng);
	assert_int_equal(call_next(c, 1000 * SECOND, &req, &wake), CALL_DONE);
	assert_int_equal(call_requests_sent(c), 0);
	return c;
}

static void hosts_are_offers(void **state)
{
	struct call *c = ask(OP_OFFERS, &(struct op_args){ 0 });
	const struct op_reply *r = call_reply(c);

	(void)state;
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->offer_count, 3);
	assert_string_equal(r->offers[0].key, "lab1");
	assert_string_equal(r->offers[0].account, "rack");
	assert_string_equal(r->offers[0].provider, "static");
	assert_string_equal(r->offers[0].gpu, "R9700");
	assert_int_equal(r->offers[0].gpu_count, 2);
	assert_true(r->offers[0].price_hour == 35 * CENT);
	assert_int_equal(r->offers[0].available, 1);
	assert_int_equal(r->offers[1].gpu_memory_gb, 192);
	assert_true(r->offers[1].price_hour == 0);
	assert_string_equal(r->offers[2].gpu, "Something New");
	call_free(c);
}

static void offers_are_filtered(void **state)
{
	struct call *c = ask(OP_OFFERS, &(struct op_args){ .gpu = "mi300x", .gpu_count = 8 });

	(void)state;
	assert_int_equal(call_reply(c)->offer_count, 1);
	assert_string_equal(call_reply(c)->offers[0].key, "lab2");
	call_free(c);
	c = ask(OP_OFFERS, &(struct op_args){ .gpu = "mi300x", .gpu_count = 1 });
	assert_int_equal(call_reply(c)->verdict, VERDICT_OK);
	assert_int_equal(call_reply(c)->offer_count, 0);
	call_free(c);
}

static void a_host_is_taken_and_given_back(void **state)
{
	struct offer o = { .key = "lab1" };
	struct call *c = ask(OP_CREATE, &(struct op_args){ .offer = &o });

	(void)state;
	assert_int_equal(call_reply(c)->verdict, VERDICT_OK);
	assert_string_equal(call_reply(c)->id, "lab1");
	assert_true(call_reply(c)->price_hour == 35 * CENT);
	call_free(c);
	c = ask(OP_DESTROY, &(struct op_args){ .id = "lab1" });
	assert_int_equal(call_reply(c)->verdict, VERDICT_OK);
	call_free(c);
	str_copy(o.key, "lab9");
	c = ask(OP_CREATE, &(struct op_args){ .offer = &o });
	assert_int_equal(call_reply(c)->verdict, VERDICT_REFUSED);
	assert_string_equal(call_reply(c)->id, "");
	assert_non_null(strstr(call_reply(c)->message, "lab9"));
	call_free(c);
}

/* Where a host is stands in the configuration alone. */
static void a_host_is_described(void **state)
{
	struct call *c = ask(OP_DESCRIBE, &(struct op_args){ .id = "lab1" });
	const struct machine *m = call_reply(c)->machines;

	(void)state;
	assert_int_equal(call_reply(c)->verdict, VERDICT_OK);
	assert_int_equal(call_reply(c)->machine_count, 1);
	assert_string_equal(m->id, "lab1");
	assert_string_equal(m->address, hosts[0].address);
	assert_int_equal(m->port, hosts[0].port);
	assert_string_equal(m->user, hosts[0].user);
	assert_int_equal(m->state, MACHINE_RUNNING);
	call_free(c);
	c = ask(OP_DESCRIBE, &(struct op_args){ .id = "lab9" });
	assert_int_equal(call_reply(c)->verdict, VERDICT_ABSENT);
	call_free(c);
}

static void there_is_nothing_to_list(void **state)
{
	const struct provider *p = provider_find("static");
	struct call *c = ask(OP_CHECK, &(struct op_args){ 0 });

	(void)state;
	assert_int_equal(call_reply(c)->verdict, VERDICT_OK);
	assert_string_equal(call_reply(c)->account_id, "rack");
	call_free(c);
	assert_null(p->op[OP_LIST].build);
	assert_true(p->caps & CAP_LOCAL);
	assert_true(p->billing.quantum == SECOND);
	assert_int_equal(p->billing.start, METER_FROM_CREATE);
}

/* ---- the registry ---- */

static void providers_are_found_by_name(void **state)
{
	static const char *const names[] = { "hotaisle", "runpod", "digitalocean", "vastai",
		"static" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_non_null(provider_find(names[i]));
		assert_string_equal(provider_find(names[i])->name, names[i]);
	}
	assert_null(provider_find("Hotaisle"));
	assert_null(provider_find(""));
}

static void every_provider_is_whole(void **state)
{
	(void)state;
	for (const struct provider *const *p = provider_all(); *p; p++) {
		assert_true(str_is_name((*p)->name, ACCOUNT_MAX - 1));
		assert_true(*(*p)->title && *(*p)->user);
		assert_true((*p)->billing.quantum > 0 && (*p)->billing.minimum >= 0);
		assert_true((*p)->boot_allowance > 0 && (*p)->teardown_allowance > 0);
		for (int op = 0; op < OP_NR; op++)
			assert_true((*p)->rate[op].every >= 0 && (*p)->rate[op].burst >= 0);
		assert_ptr_equal(provider_find((*p)->name), *p);
		if (!((*p)->caps & CAP_LOCAL))
			expect_whole_cloud(*p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_offers),
		cmocka_unit_test(offers_are_filtered),
		cmocka_unit_test(a_host_is_taken_and_given_back),
		cmocka_unit_test(a_host_is_described),
		cmocka_unit_test(there_is_nothing_to_list),
		cmocka_unit_test(providers_are_found_by_name),
		cmocka_unit_test(every_provider_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
