/* Our public key at a provider: a row before it is sent, taken away when nobody needs it, and never named in an order meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/core.h"
#include "core/internal.h"

#define START ((instant)1795132800 * SECOND)

struct desk {
	struct rng rng;
	struct model m;
	struct account_state *a;
	instant now;
	int ends; /* ACTION_END_EXTRA seen */
};

static void desk_open(struct desk *d, bool keeps)
{
	struct account_facts facts = { .name = "cloud", .provider = "cloud", .title = "Cloud", .mark_at_create = true,
		.bill_by_machine = true, .keeps_key = keeps, .billing = { .quantum = SECOND } };

	memset(d, 0, sizeof(*d));
	d->now = START;
	rng_seed(&d->rng, 1);
	model_init(&d->m, &d->rng);
	d->m.policy.key_keep = DAY;
	d->m.policy.poll_sweep = d->m.policy.poll_steady = d->m.policy.bill_poll = HOUR;
	d->a = model_add_account(&d->m, &facts);
	d->a->configured = true;
}

static void desk_close(struct desk *d)
{
	model_free(&d->m);
}

static void pass(struct desk *d, duration t)
{
	instant end = d->now + t;

	for (int guard = 0; d->now <= end && guard < 1000; guard++) {
		struct actions out = { 0 };
		instant wake;

		core_decide(&d->m, d->now, &out);
		for (size_t k = 0; k < out.count; k++)
			d->ends += out.items[k].kind == ACTION_END_EXTRA;
		actions_free(&out);
		list_for_each_safe(n, &d->m.dirty) { /* committed */
			CONTAINER_OF(n, struct object, dirty_link)->dirty = false;
			list_remove(n);
		}
		wake = core_next_wake(&d->m, d->now);
		d->now = wake <= d->now ? d->now + 1 : wake;
	}
	d->now = end;
}

static void tell(struct desk *d, enum fact_kind kind, int64_t id, enum verdict v)
{
	struct fact f = { .kind = kind, .time = d->now, .account = "cloud", .id = id, .verdict = v, .text = "77", .message = "no" };

	core_apply(&d->m, &f);
}

static struct instance *machine(struct desk *d, enum instance_state state)
{
	struct instance row = { .object.id = d->m.next_id, .state = state, .planned = d->now };

	str_copy(row.account, "cloud");
	str_copy(row.provider, "cloud");
	str_copy(row.offer_key, "x");
	return model_add_instance(&d->m, &row);
}

static void the_row_comes_first(void **state)
{
	struct desk d;
	struct extra *x;

	(void)state;
	desk_open(&d, true);
	core_touch(&d.m, &machine(&d, INSTANCE_PLANNED)->object);
	pass(&d, 0);
	x = model_key_at(&d.m, "cloud", 0);
	assert_non_null(x); /* with the order, before any answer */
	assert_int_equal(x->provider_id[0], 0);
	assert_string_equal(x->owner, "daemon");
	tell(&d, FACT_KEY, 0, VERDICT_OK);
	assert_string_equal(x->provider_id, "77");
	pass(&d, 30 * DAY);
	assert_int_equal(x->state, EXTRA_LIVE); /* its machine lives */
	assert_int_equal(d.ends, 0);
	desk_close(&d);
}

static void nothing_stays_where_keys_travel_with_orders(void **state)
{
	struct desk d;

	(void)state;
	desk_open(&d, false);
	core_touch(&d.m, &machine(&d, INSTANCE_PLANNED)->object);
	pass(&d, 0);
	assert_null(model_key_at(&d.m, "cloud", 0));
	desk_close(&d);
}

/* A key whose machine has just gone. */
static struct extra *unused_key(struct desk *d)
{
	struct instance *i;

	desk_open(d, true);
	i = machine(d, INSTANCE_DELETING);
	tell(d, FACT_KEY, 0, VERDICT_OK);
	assert_true(instance_move(&d->m, i, INSTANCE_EV_GONE, CAUSE_RELEASED, NULL, "gone"));
	return model_key_at(&d->m, "cloud", 0);
}

static void it_ends_when_nobody_needs_it(void **state)
{
	struct desk d;
	struct extra *x = unused_key(&d);
	int64_t id = x->object.id;

	(void)state;
	pass(&d, DAY - MINUTE);
	assert_int_equal(x->state, EXTRA_LIVE);
	pass(&d, 2 * MINUTE);
	assert_int_equal(x->state, EXTRA_DELETING);
	assert_int_equal(d.ends, 1);
	pass(&d, HOUR);
	assert_int_equal(d.ends, 1); /* one at a time */
	/* Trouble is no end, however long it lasts. */
	for (int k = 0; k < 50; k++) {
		tell(&d, FACT_EXTRA_ENDED, id, VERDICT_RETRY);
		pass(&d, 10 * MINUTE);
		assert_int_equal(d.ends, k + 2);
	}
	tell(&d, FACT_EXTRA_ENDED, id, VERDICT_ABSENT);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_null(model_key_at(&d.m, "cloud", 0));
	desk_close(&d);
}

static void an_order_waits_for_a_key_that_is_leaving(void **state)
{
	struct desk d;
	struct extra *x = unused_key(&d);
	struct instance *i;

	(void)state;
	pass(&d, DAY + MINUTE);
	assert_int_equal(x->state, EXTRA_DELETING);
	i = machine(&d, INSTANCE_PLANNED);
	core_touch(&d.m, &i->object);
	pass(&d, MINUTE);
	assert_int_equal(i->state, INSTANCE_PLANNED);
	tell(&d, FACT_EXTRA_ENDED, x->object.id, VERDICT_OK);
	pass(&d, MINUTE);
	assert_int_equal(i->state, INSTANCE_DISPATCHING);
	assert_int_not_equal(model_key_at(&d.m, "cloud", 0)->object.id, x->object.id);
	desk_close(&d);
}

static void who_may_not_delete_it_keeps_it(void **state)
{
	struct desk d;
	struct extra *x = unused_key(&d);

	(void)state;
	pass(&d, DAY + MINUTE);
	tell(&d, FACT_EXTRA_ENDED, x->object.id, VERDICT_DENIED);
	assert_int_equal(x->state, EXTRA_LIVE);
	pass(&d, HOUR);
	assert_int_equal(d.ends, 1); /* not asked again at once */
	pass(&d, DAY);
	assert_int_equal(d.ends, 2);
	desk_close(&d);
}

static void a_fleet_may_have_its_own(void **state)
{
	struct desk d;
	struct fleet row = { .state = FLEET_OPEN, .own_key = true, .instances = 1 }, *f;
	struct instance *i, *other;
	struct extra *x;

	(void)state;
	desk_open(&d, true);
	row.object.id = d.m.next_id;
	row.created = d.now;
	str_copy(row.name, "apart");
	str_copy(row.owner, "ana");
	row.lifetime = HOUR;
	row.expires = d.now + HOUR;
	f = model_add_fleet(&d.m, &row);
	i = machine(&d, INSTANCE_DELETING);
	i->fleet_id = f->object.id;
	list_append(&f->instance_list, &i->fleet_link);
	other = machine(&d, INSTANCE_BOOTING); /* of somebody else: needs the site's */
	tell(&d, FACT_KEY, f->object.id, VERDICT_OK);
	x = model_key_at(&d.m, "cloud", f->object.id);
	assert_non_null(x);
	assert_string_equal(x->owner, "ana");
	assert_null(model_key_at(&d.m, "cloud", 0));
	tell(&d, FACT_KEY, 0, VERDICT_OK);
	assert_ptr_not_equal(model_key_at(&d.m, "cloud", 0), x);
	core_touch(&d.m, &x->object);
	pass(&d, SECOND);
	assert_int_equal(d.ends, 0);
	assert_true(fleet_move(&d.m, f, FLEET_EV_CLOSE, CAUSE_RELEASED, NULL, "down"));
	pass(&d, SECOND);
	assert_int_equal(d.ends, 0); /* its machine may still be there */
	assert_true(instance_move(&d.m, i, INSTANCE_EV_GONE, CAUSE_RELEASED, NULL, "gone"));
	pass(&d, SECOND);
	assert_int_equal(d.ends, 1); /* at once, whatever else the account has */
	assert_int_equal(x->state, EXTRA_DELETING);
	tell(&d, FACT_EXTRA_ENDED, x->object.id, VERDICT_OK);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_int_equal(model_key_at(&d.m, "cloud", 0)->state, EXTRA_LIVE);
	(void)other;
	desk_close(&d);
}

static void a_restart_goes_on(void **state)
{
	struct desk d;
	struct extra *x = unused_key(&d);

	(void)state;
	pass(&d, DAY + MINUTE);
	assert_int_equal(d.ends, 1);
	x->activity = ACTIVITY_NONE; /* as loaded */
	tell(&d, FACT_RESTARTED, 0, VERDICT_OK);
	pass(&d, MINUTE);
	assert_int_equal(d.ends, 2);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_row_comes_first),
		cmocka_unit_test(nothing_stays_where_keys_travel_with_orders),
		cmocka_unit_test(it_ends_when_nobody_needs_it),
		cmocka_unit_test(an_order_waits_for_a_key_that_is_leaving),
		cmocka_unit_test(who_may_not_delete_it_keeps_it),
		cmocka_unit_test(a_fleet_may_have_its_own),
		cmocka_unit_test(a_restart_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
