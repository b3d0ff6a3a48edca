/* Volumes and snapshots: made once, found again, paid by the day, deleted when nobody wants them; machines that start with them. */
#include "core/internal.h"
#include "core/budget.h"
#include "core/ledger.h"
#include "core/storage.h"
#include "core_world.h"

#define MONTHLY (50 * USD) /* 500 GB at ten cents */

static struct account_state *storage_world(struct world *w)
{
	struct account_state *a;

	world_simple(w);
	a = model_account(&w->m, "cloud");
	a->facts.volumes = a->facts.snapshots = true;
	a->facts.volume_rule = (struct storage_rule){ .gb_month = 10 * CENT, .month = STORAGE_MONTH };
	a->facts.snapshot_rule = (struct storage_rule){ .gb_month = 6 * CENT, .month = STORAGE_MONTH, .minimum = CENT };
	str_copy(w->market[0].region, "tor1");
	return a;
}

static int want(struct world *w, enum extra_kind kind, const char *name, int64_t source, struct err *e)
{
	struct extra row = { .kind = kind, .size_gb = kind == EXTRA_VOLUME ? 500 : 0, .source_id = source, .keep_until = w->now + STORAGE_KEEP };
	struct fact f = { .kind = FACT_STORAGE_WANT, .extra = &row, .actor = "ann" };

	str_copy(row.name, name);
	str_copy(row.owner, "ann");
	str_copy(row.account, "cloud");
	str_copy(row.region, "tor1");
	world_fact(w, &f);
	if (e)
		*e = f.error;
	return f.error.code ? -1 : 0;
}

static struct extra *volume(struct world *w)
{
	struct extra *x;

	storage_world(w);
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	world_pass(w, MINUTE);
	return x;
}

static struct err drop(struct world *w, const struct extra *x)
{
	struct fact f = { .kind = FACT_STORAGE_DROP, .id = x->object.id, .actor = "ann" };

	world_fact(w, &f);
	return f.error;
}

static void it_is_made_once_and_paid_by_the_day(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);
	instant made = x->created;
	money due;

	assert_int_equal(x->state, EXTRA_LIVE);
	assert_int_equal(w->count[ACTION_STORAGE_MAKE], 1);
	assert_true(str_starts(world_stored(w, x->provider_id)->name, "gf1v-abc234-models-"));
	assert_int_equal(x->price_month, MONTHLY);
	assert_int_equal(x->hold, money_share(MONTHLY, STORAGE_KEEP, STORAGE_MONTH)); /* until it is deleted */
	world_pass(w, 3 * DAY);
	assert_true(x->booked_until % DAY == 0 && w->now - x->booked_until < DAY); /* up to last midnight, as books_check() adds up */
	due = money_share(MONTHLY, x->booked_until - made, STORAGE_MONTH);
	assert_in_range(x->posted, due - 4, due + 4);
	assert_int_equal(drop(w, x).code, ERR_NONE);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_null(world_stored(w, x->provider_id));
	assert_int_equal(x->hold, 0);
	assert_int_equal(w->count[ACTION_END_EXTRA], 1);
	assert_in_range(x->posted, money_share(MONTHLY, 3 * DAY, STORAGE_MONTH), money_share(MONTHLY, 3 * DAY + 10 * MINUTE, STORAGE_MONTH) + 10);
}

static void an_unsure_one_is_found_by_its_name(void **state)
{
	struct world *w = *state;
	struct extra *x;

	storage_world(w);
	w->k.verdict[ACTION_STORAGE_MAKE] = VERDICT_UNSURE;
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	world_pass(w, 5 * SECOND);
	assert_int_equal(x->state, EXTRA_DOUBT);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_string_equal(x->provider_id, "s-1");
	assert_int_equal(w->count[ACTION_STORAGE_MAKE], 1); /* never twice */
}

static void one_that_was_never_made_is_given_up(void **state)
{
	struct world *w = *state;
	struct extra *x;

	storage_world(w);
	w->k.verdict[ACTION_STORAGE_MAKE] = VERDICT_UNSURE;
	w->k.idle[ACTION_STORAGE_MAKE] = true;
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	world_pass(w, 5 * MINUTE);
	assert_int_equal(x->state, EXTRA_DOUBT);
	world_pass(w, 20 * MINUTE);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_string_equal(x->reason, "it was never made");
	assert_int_equal(x->posted, 0);
	assert_int_equal(w->count[ACTION_STORAGE_MAKE], 1);
}

static void a_refusal_costs_nothing(void **state)
{
	struct world *w = *state;
	const struct extra *x;

	storage_world(w);
	w->k.verdict[ACTION_STORAGE_MAKE] = VERDICT_LIMIT;
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	world_pass(w, MINUTE);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_true(!x->posted && !x->hold);
	w->k.verdict[ACTION_STORAGE_MAKE] = VERDICT_RETRY; /* passing trouble has patience, and not for ever */
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	world_pass(w, 10 * MINUTE);
	assert_true(x->state == EXTRA_WANTED && w->count[ACTION_STORAGE_MAKE] > 3);
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_GONE);
}

static void a_restart_does_not_make_it_twice(void **state)
{
	struct world *w = *state;
	struct extra *x;

	storage_world(w);
	w->k.delay[ACTION_STORAGE_MAKE] = HOUR;
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, NULL), 0);
	world_pass(w, 10 * SECOND);
	assert_int_equal(model_storage(&w->m, EXTRA_VOLUME, "models")->state, EXTRA_MAKING);
	world_restart(w);
	world_pass(w, 5 * MINUTE);
	x = model_storage(&w->m, EXTRA_VOLUME, "models");
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_string_equal(x->provider_id, "s-1");
	assert_int_equal(w->count[ACTION_STORAGE_MAKE], 1);
}

static void a_delete_is_proved_and_never_given_up(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);

	w->k.idle[ACTION_END_EXTRA] = true; /* taken, and nothing happens */
	assert_int_equal(drop(w, x).code, ERR_NONE);
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_DELETING);
	assert_true(w->count[ACTION_END_EXTRA] > 3);
	w->k.idle[ACTION_END_EXTRA] = false;
	w->k.verdict[ACTION_END_EXTRA] = VERDICT_DENIED;
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_DELETING);
	w->k.verdict[ACTION_END_EXTRA] = VERDICT_OK;
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_GONE);
}

static void somebody_deletes_it_there(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);

	world_pass(w, 30 * MINUTE);
	w->k.list_empty = true;
	w->count[ACTION_STORAGE] = 0;
	while (!w->count[ACTION_STORAGE])
		world_pass(w, MINUTE);
	world_pass(w, 10 * SECOND);
	assert_int_equal(x->state, EXTRA_LIVE); /* one listing is a claim */
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_int_equal(x->cause, CAUSE_LOST);
}

static void what_is_ours_and_unknown_is_kept_and_what_is_not_is_left_alone(void **state)
{
	struct world *w = *state;
	const struct account_state *a = storage_world(w);
	const struct extra *x;
	char mark[ID_MAX];

	storage_mark_make(mark, w->m.mark_key, "cloud", w->m.site, STORAGE_VOLUME, "lost");
	world_store(w, STORAGE_VOLUME, mark, 100);
	world_store(w, STORAGE_VOLUME, "a-colleagues", 100);
	mark[strlen(mark) - 1] ^= 1;
	world_store(w, STORAGE_VOLUME, mark, 100); /* looks like ours */
	world_pass(w, 3 * HOUR);
	x = model_storage(&w->m, EXTRA_VOLUME, "lost");
	assert_non_null(x);
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_true(x->price_month == 10 * USD && !x->keep_until);
	assert_int_equal(a->foreign_storage, 2);
	world_pass(w, 60 * DAY);
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_int_equal(w->count[ACTION_END_EXTRA], 0);
}

static void it_ends_when_nobody_wants_it_any_more(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);
	struct fact longer = { .kind = FACT_STORAGE_KEEP, .id = x->object.id, .span = 40 * DAY, .actor = "ann" };

	world_pass(w, 29 * DAY);
	assert_int_equal(x->state, EXTRA_LIVE);
	world_fact(w, &longer);
	assert_int_equal(longer.error.code, ERR_NONE);
	world_pass(w, 30 * DAY);
	assert_int_equal(x->state, EXTRA_LIVE);
	world_pass(w, 11 * DAY);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_int_equal(x->cause, CAUSE_EXPIRED);
}

static void a_budget_admits_it_or_not(void **state)
{
	struct world *w = *state;
	struct budget *b;
	struct err e;

	storage_world(w);
	b = books_budget(w, "ann", SCOPE_OWNER, "ann", PERIOD_TOTAL, 60 * USD);
	world_pass(w, MINUTE);
	assert_int_equal(want(w, EXTRA_VOLUME, "one", 0, &e), 0); /* 49.32 for thirty days */
	assert_int_equal(want(w, EXTRA_VOLUME, "two", 0, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it needs $49.32 until the day up to which it is kept; budget 'ann' has $10.68 left of $60.00 in all"));
	world_pass(w, 10 * DAY); /* what is booked is not held any more: the sum stays */
	assert_in_range(budget_spent(b, w->now) + budget_held(&w->m, b, w->now, NULL), 4931 * CENT, 4933 * CENT);
	assert_true(budget_spent(b, w->now) > 14 * USD);
	/* A day longer may be what is too much. */
	world_fact(w, &(struct fact){ .kind = FACT_STORAGE_KEEP, .id = model_storage(&w->m, EXTRA_VOLUME, "one")->object.id, .span = 40 * DAY });
	assert_true(model_storage(&w->m, EXTRA_VOLUME, "one")->keep_until < w->now + 21 * DAY);
}

static void names_are_checked(void **state)
{
	struct world *w = *state;
	struct err e;

	volume(w);
	assert_int_equal(want(w, EXTRA_VOLUME, "models", 0, &e), -1);
	assert_string_equal(e.msg, "there is a volume 'models' already, at cloud");
	assert_int_equal(want(w, EXTRA_VOLUME, "My_Models", 0, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(want(w, EXTRA_SNAPSHOT, "base", 0, &e), -1);
	assert_string_equal(e.msg, "a snapshot is of a machine or a volume: say which");
}

/* ---- machines ---- */

static struct fleet *up_with(struct world *w, const char *volume_name, const char *snapshot_name, struct err *e)
{
	struct fleet row = w->want;
	struct fact f = { .kind = FACT_FLEET_OPEN, .fleet = &row, .actor = "ann" };

	snprintf(row.name, sizeof(row.name), "with-%d", ++w->names);
	str_copy(row.volume, volume_name);
	str_copy(row.snapshot, snapshot_name);
	world_fact(w, &f);
	if (e)
		*e = f.error;
	return f.error.code ? NULL : model_fleet(&w->m, f.answer_id);
}

static void a_machine_is_where_its_volume_is(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);
	struct offer *elsewhere = world_offer(w, "cloud", "b", USD);
	struct instance *i;
	struct fleet *f;
	struct err e;

	str_copy(elsewhere->region, "nyc2"); /* cheaper, and of no use */
	f = up_with(w, "models", "", &e);
	assert_non_null(f);
	i = world_until_planned(w, 0, MINUTE);
	assert_string_equal(i->offer_key, "a");
	assert_int_equal(i->volume_id, x->object.id);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	/* One machine at a time, and it is not deleted under it. */
	assert_null(up_with(w, "models", "", &e));
	assert_non_null(strstr(e.msg, "volume 'models' is in use by 'with-1'"));
	e = drop(w, x);
	assert_int_equal(e.code, ERR_CONFLICT);
	x->keep_until = w->now;
	core_touch(&w->m, &x->object);
	world_pass(w, MINUTE);
	assert_int_equal(x->state, EXTRA_LIVE);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	world_pass(w, HOUR);
	assert_int_equal(x->state, EXTRA_GONE); /* its time was over */
	assert_null(up_with(w, "models", "", &e));
	assert_non_null(strstr(e.msg, "there is no volume 'models'"));
}

static void several_machines_share_one_where_the_provider_lets_them(void **state)
{
	struct world *w = *state;
	struct err e;

	volume(w);
	w->want.instances = 2;
	assert_null(up_with(w, "models", "", &e));
	assert_non_null(strstr(e.msg, "gives a volume to one machine at a time"));
	model_account(&w->m, "cloud")->facts.volume_shared = true;
	assert_non_null(up_with(w, "models", "", &e));
}

static struct err move(struct world *w, const struct extra *x, const struct instance *i, bool attach)
{
	struct fact f = { .kind = FACT_VOLUME_MOVE, .id = x->object.id, .count = i->object.id, .flag = attach, .actor = "ann" };

	world_fact(w, &f);
	return f.error;
}

static void a_volume_comes_and_goes_while_a_machine_runs(void **state)
{
	struct world *w = *state;
	struct extra *x = volume(w);
	struct instance *i;
	struct err e;

	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	e = move(w, x, i, true);
	assert_non_null(strstr(e.msg, "a machine has its volume from its order to its end"));
	model_account(&w->m, "cloud")->facts.attaches = true;
	assert_int_equal(move(w, x, i, true).code, ERR_NONE);
	world_pass(w, 5 * SECOND);
	assert_int_equal(i->volume_id, x->object.id);
	assert_int_equal(w->count[ACTION_VOLUME_ATTACH], 1);
	assert_int_equal(move(w, x, i, true).code, ERR_CONFLICT);
	/* What cannot be unmounted stays where it is. */
	w->k.contact[ACTION_RELEASE] = SSH_UNREACHABLE;
	assert_int_equal(move(w, x, i, false).code, ERR_NONE);
	world_pass(w, MINUTE);
	assert_int_equal(i->volume_id, x->object.id);
	assert_int_equal(w->count[ACTION_VOLUME_DETACH], 0);
	w->k.contact[ACTION_RELEASE] = SSH_OK;
	i->released = false;
	assert_int_equal(move(w, x, i, false).code, ERR_NONE);
	world_pass(w, MINUTE);
	assert_int_equal(i->volume_id, 0);
	/* A provider in passing trouble is asked again; one that refuses is believed. */
	w->k.verdict[ACTION_VOLUME_ATTACH] = VERDICT_RETRY;
	assert_int_equal(move(w, x, i, true).code, ERR_NONE);
	world_pass(w, 10 * SECOND);
	w->k.verdict[ACTION_VOLUME_ATTACH] = VERDICT_REFUSED;
	world_pass(w, 2 * MINUTE);
	assert_true(!i->volume_id && !x->mover && w->count[ACTION_VOLUME_ATTACH] > 2);
	assert_int_equal(i->state, INSTANCE_READY); /* the machine is none the worse */
}

static void a_minute_of_a_snapshot_costs_its_least(void **state)
{
	struct world *w = *state;
	const struct extra *v = volume(w);
	struct extra *x;

	assert_int_equal(want(w, EXTRA_SNAPSHOT, "small", v->object.id, NULL), 0);
	x = model_storage(&w->m, EXTRA_SNAPSHOT, "small");
	assert_true(x->of_volume);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_int_equal(drop(w, x).code, ERR_NONE);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(x->state, EXTRA_GONE);
	assert_int_equal(x->posted, CENT);
}

/* The founding workflow: a run prepares a machine, and what it left is kept as a snapshot. */
static void a_run_leaves_a_snapshot(void **state)
{
	struct world *w = *state;
	struct extra *x;
	struct instance *i;
	struct fleet *f;
	struct run *r;

	storage_world(w);
	w->want.for_run = true;
	w->want.idle_limit = MINUTE;
	str_copy(w->want.snapshot_as, "base");
	w->market[0].disk_gb = 720;
	f = world_up(w);
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	world_pass(w, 2 * MINUTE);
	x = model_storage(&w->m, EXTRA_SNAPSHOT, "base");
	assert_non_null(x);
	assert_int_equal(x->state, EXTRA_BUILDING);
	assert_int_equal(x->price_month, 720 * 6 * CENT); /* held: the whole disk, until it is known how much is in it */
	assert_int_equal(f->state, FLEET_OPEN); /* the machine waits for it, idle or not */
	i = world_instance(w, 0);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_string_equal(x->source, i->provider_id);
	world_pass(w, 6 * MINUTE);
	assert_int_equal(x->state, EXTRA_LIVE);
	assert_int_equal(x->size_gb, 28);
	assert_int_equal(x->price_month, 28 * 6 * CENT); /* not what was held before its size was known */
	assert_in_range(x->hold, storage_hold(x), storage_hold(x) + CENT);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	/* A machine that starts from it has to have room for it. */
	w->want.for_run = false;
	w->want.idle_limit = 0;
	w->want.snapshot_as[0] = '\0';
	w->market[0].disk_gb = 500;
	f = up_with(w, "", "base", NULL);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	w->market[0].disk_gb = 720;
	world_pass(w, HOUR); /* offers are asked for anew */
	f = up_with(w, "", "base", NULL);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_int_equal(INSTANCE_OF(f->instance_list.next)->snapshot_id, x->object.id);
}

static void a_failed_run_leaves_none(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	storage_world(w);
	w->want.for_run = true;
	str_copy(w->want.snapshot_as, "base");
	w->k.exit_status = 3;
	f = world_up(w);
	world_submit(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	assert_null(model_storage(&w->m, EXTRA_SNAPSHOT, "base"));
}

static void a_mark_is_proved(void **state)
{
	static const uint8_t key[32] = { 1 }, other[32] = { 2 };
	char mark[ID_MAX], name[NAME_MAX_];

	(void)state;
	storage_mark_make(mark, key, "runpod", "abc234", STORAGE_SNAPSHOT, "a-name-of-forty-characters-0123456789012");
	assert_int_equal(strlen(mark), 61);
	assert_int_equal(storage_mark_read(name, mark, key, "runpod", "abc234", STORAGE_SNAPSHOT), MARK_OURS);
	assert_string_equal(name, "a-name-of-forty-characters-0123456789012");
	assert_int_equal(storage_mark_read(name, mark, key, "runpod", "abc234", STORAGE_VOLUME), MARK_NONE);
	assert_int_equal(storage_mark_read(name, mark, key, "vastai", "abc234", STORAGE_SNAPSHOT), MARK_FORGED);
	assert_int_equal(storage_mark_read(name, mark, key, "runpod", "zzz234", STORAGE_SNAPSHOT), MARK_OTHER);
	assert_int_equal(storage_mark_read(name, mark, other, "runpod", "abc234", STORAGE_SNAPSHOT), MARK_FORGED);
	assert_int_equal(storage_mark_read(name, "gf1s-abc234-", key, "runpod", "abc234", STORAGE_SNAPSHOT), MARK_FORGED);
	assert_int_equal(storage_mark_read(name, "models", key, "runpod", "abc234", STORAGE_SNAPSHOT), MARK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { world_test(it_is_made_once_and_paid_by_the_day), world_test(an_unsure_one_is_found_by_its_name),
		world_test(one_that_was_never_made_is_given_up), world_test(a_refusal_costs_nothing), world_test(a_restart_does_not_make_it_twice),
		world_test(a_delete_is_proved_and_never_given_up), world_test(somebody_deletes_it_there),
		world_test(what_is_ours_and_unknown_is_kept_and_what_is_not_is_left_alone), world_test(it_ends_when_nobody_wants_it_any_more),
		world_test(a_budget_admits_it_or_not), world_test(names_are_checked), world_test(a_machine_is_where_its_volume_is),
		world_test(several_machines_share_one_where_the_provider_lets_them), world_test(a_volume_comes_and_goes_while_a_machine_runs),
		world_test(a_minute_of_a_snapshot_costs_its_least), world_test(a_run_leaves_a_snapshot),
		world_test(a_failed_run_leaves_none), cmocka_unit_test(a_mark_is_proved) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
