/* Which offer is taken: fit, order, money, what was tried before, hosts of one's own, packings; and two fleets in one market. */
#include "core_world.h"

/* A model whose accounts have their offers already; the fleet is made by hand. */
static struct fleet *bench(struct world *w)
{
	world_account(w, "one");
	world_account(w, "two");
	str_copy(w->want.name, "f");
	w->want.object.id = w->m.next_id;
	return model_add_fleet(&w->m, &w->want);
}

static void stock(struct world *w)
{
	for (size_t k = 0; k < w->m.account_count; k++) {
		struct account_state *a = w->m.accounts[k];

		free(a->offers);
		a->offers = xcalloc(w->market_count + 1, sizeof(*a->offers));
		a->offer_count = 0;
		for (size_t j = 0; j < w->market_count; j++)
			if (!strcmp(w->market[j].account, a->facts.name))
				a->offers[a->offer_count++] = w->market[j];
	}
}

static const char *next_key(struct world *w, struct fleet *f, char why[TEXT_MAX])
{
	duration lifetime;
	bool stops;
	const struct offer *o;

	stock(w);
	o = place_next(&w->m, f, 0, w->now, &lifetime, &stops, why);
	return o ? o->key : NULL;
}

static struct instance *tried(struct world *w, const struct fleet *f, const char *account, const char *key, enum cause cause)
{
	struct instance row = { .object.id = w->m.next_id, .fleet_id = f->object.id, .state = INSTANCE_GONE, .cause = cause,
		.planned = w->now, .sent = w->now };

	str_copy(row.account, account);
	str_copy(row.provider, account);
	str_copy(row.offer_key, key);
	return model_add_instance(&w->m, &row);
}

static void cheapest_then_known_stock_then_configured_order(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	const struct offer **list;
	size_t count;

	world_offer(w, "two", "e", 2 * USD);
	world_offer(w, "two", "b", USD)->available = 3;
	world_offer(w, "one", "d", 2 * USD);
	world_offer(w, "one", "c", USD);
	world_offer(w, "one", "a", USD / 2);
	stock(w);
	list = place_candidates(&w->m, f, w->now, &count);
	assert_int_equal(count, 5);
	for (size_t k = 0; k < count; k++)
		assert_int_equal(list[k]->key[0], 'a' + (int)k);
	free(list);
}

static void what_does_not_fit_says_why(void **state)
{
	static const struct {
		const char *word;
		struct offer o;
	} cases[] = {
		{ "A100", { .gpu = "A100", .gpu_count = 1, .price_hour = USD, .available = 1 } },
		{ "2 GPUs", { .gpu = "H100", .gpu_count = 2, .price_hour = USD, .available = 1 } },
		{ "nyc2", { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "nyc2" } },
		{ "spot", { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "tor1", .spot = true } },
		{ "sold out", { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .region = "tor1" } },
		{ "--max-price", { .gpu = "H100", .gpu_count = 1, .price_hour = 3 * USD + 1, .available = 1, .region = "tor1" } },
		{ "--accept-minimum",
		    { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "tor1", .minimum_charge = 1 } },
		{ "40 GB of memory per GPU, where a whole H100 has 80",
		    { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "tor1", .gpu_memory_gb = 40 } },
		{ "in 7h 59m, before --for 8h 00m", { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "tor1",
			.stays = 8 * HOUR - SECOND } },
		{ "only 10 GB", { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1, .region = "tor1", .disk_gb = 10 } },
	};
	struct fleet f = { .gpu = "h100", .gpu_count = 1, .region = "TOR1", .max_price = 3 * USD, .disk_gb = 100, .lifetime = 8 * HOUR };
	struct offer good = { .gpu = "H100", .gpu_count = 1, .price_hour = 3 * USD, .available = -1, .region = "tor1",
		.gpu_memory_gb = 79, .stays = 8 * HOUR };
	struct account_facts cloud = { .takes_image = true, .takes_disk = true };
	char why[TEXT_MAX];

	(void)state;
	assert_true(place_fits(&f, &cloud, &good, NULL));
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		assert_false(place_fits(&f, &cloud, &cases[k].o, why));
		if (!strstr(why, cases[k].word))
			fail_msg("'%s' does not speak of '%s'", why, cases[k].word);
	}
}

/* Hot Aisle has one image, a DigitalOcean size one disk, a host of one's own is as it is: no offer is taken with the wish ignored. */
static void a_wish_that_cannot_be_heard(void **state)
{
	struct fleet image = { .gpu = "H100", .gpu_count = 1, .image = "ubuntu" }, disk = { .gpu = "H100", .gpu_count = 1, .disk_gb = 500 };
	struct offer o = { .gpu = "H100", .gpu_count = 1, .price_hour = USD, .available = 1 };
	struct account_facts cloud = { .title = "cloud" }, lab = { .local = true };
	char why[TEXT_MAX];

	(void)state;
	assert_false(place_fits(&image, &cloud, &o, why));
	assert_non_null(strstr(why, "--image"));
	assert_false(place_fits(&image, &lab, &o, why));
	assert_non_null(strstr(why, "host of one's own"));
	assert_false(place_fits(&disk, &cloud, &o, why));
	assert_non_null(strstr(why, "--disk"));
	o.disk_gb = 720; /* it cannot be chosen, but it is big enough */
	assert_true(place_fits(&disk, &cloud, &o, why));
	cloud.takes_image = true;
	assert_true(place_fits(&image, &cloud, &o, why));
}

static void max_price_is_per_gpu(void **state)
{
	struct fleet f = { .gpu = "H100", .gpu_count = 8, .max_price = 3 * USD };
	struct offer o = { .gpu = "H100", .gpu_count = 8, .price_hour = 24 * USD, .available = 1 };

	struct account_facts cloud = { .title = "cloud" };

	(void)state;
	assert_true(place_fits(&f, &cloud, &o, NULL));
	o.price_hour++;
	assert_false(place_fits(&f, &cloud, &o, NULL));
}

static void accounts_by_name_or_provider(void **state)
{
	struct account_state a = { .configured = true, .facts = { .name = "lab-west", .provider = "cloud" } };
	struct fleet f = { .accounts = "" };

	(void)state;
	assert_true(place_account_allowed(&f, &a));
	str_copy(f.accounts, "other,cloud");
	assert_true(place_account_allowed(&f, &a));
	str_copy(f.accounts, "lab-west");
	assert_true(place_account_allowed(&f, &a));
	str_copy(f.accounts, "lab,west,cloudy,xcloud");
	assert_false(place_account_allowed(&f, &a));
	a.configured = false;
	f.accounts[0] = '\0';
	assert_false(place_account_allowed(&f, &a));
}

static void tried_offers_are_left_out(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD);
	world_offer(w, "one", "b", 2 * USD);
	world_offer(w, "two", "a", 3 * USD);
	assert_string_equal(next_key(w, f, why), "a");
	tried(w, f, "one", "a", CAUSE_NO_CAPACITY);
	assert_string_equal(next_key(w, f, why), "b");
	tried(w, f, "one", "b", CAUSE_BOOT_TIMEOUT);
	assert_string_equal(next_key(w, f, why), "a"); /* of the other account */
	str_copy(tried(w, f, "two", "a", CAUSE_REFUSED)->reason, "no such image");
	assert_null(next_key(w, f, why));
	assert_non_null(strstr(why, "no such image"));
	f->retry_for = HOUR;
	assert_null(next_key(w, f, why));
	w->now += 61 * SECOND;
	assert_string_equal(next_key(w, f, why), "b"); /* "a" said that it is sold out */
}

/* Found unfit at work: another machine of the same offer will do, but not the same machine again. */
static void an_unfit_machine_is_not_taken_again(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD);
	world_offer(w, "two", "b", 2 * USD);
	tried(w, f, "one", "a", CAUSE_BAD_MACHINE);
	assert_string_equal(next_key(w, f, why), "a");
	tried(w, f, "one", "a", CAUSE_BAD_MACHINE)->marketplace = true;
	assert_string_equal(next_key(w, f, why), "b");
	model_account(&w->m, "two")->facts.local = true;
	tried(w, f, "two", "b", CAUSE_BAD_MACHINE);
	assert_null(next_key(w, f, why));
}

/* A broken host is otherwise the cheapest offer again, under another number (vastai.md §4). */
static void a_bad_host_rests(void **state)
{
	static const struct {
		enum cause cause;
		duration rest;
	} cases[] = { { CAUSE_SSH_TIMEOUT, HOUR }, { CAUSE_BOOT_FAILED, HOUR }, { CAUSE_LOST, HOUR }, { CAUSE_WRONG_MACHINE, DAY },
		{ CAUSE_HOST_KEY, DAY }, { CAUSE_BAD_MACHINE, DAY }, { CAUSE_NO_CAPACITY, 0 }, { CAUSE_RELEASED, 0 } };
	struct world *w = *state;
	struct fleet *f = bench(w);
	struct passed passed[4];
	struct instance *i;
	char why[TEXT_MAX];

	str_copy(world_offer(w, "one", "ask-2", USD)->host, "88888");
	world_offer(w, "one", "ask-3", 2 * USD);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		i = tried(w, f, "one", "ask-1", cases[k].cause);
		str_copy(i->host, "88888");
		i->slot = 7; /* somebody else's try */
		i->deleting_at = w->now;
		if (cases[k].rest) {
			assert_string_equal(next_key(w, f, why), "ask-3");
			assert_int_equal(place_passed(&w->m, f, 0, w->now, passed, ARRAY_LEN(passed)), 1);
			assert_non_null(strstr(passed[0].why, "88888"));
			assert_non_null(strstr(passed[0].why, cause_words(cases[k].cause)));
			w->now += cases[k].rest - 1;
			assert_string_equal(next_key(w, f, why), "ask-3");
			w->now++;
		}
		assert_string_equal(next_key(w, f, why), "ask-2");
		w->now += DAY;
	}
}

/* … and the memory is in the rows: a restart forgets nothing. But what did not start from an image of our own says little. */
static void bad_hosts_over_a_restart(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	int64_t id = f->object.id;
	struct instance *i = tried(w, f, "one", "ask-1", CAUSE_BOOT_FAILED);
	char why[TEXT_MAX];

	str_copy(world_offer(w, "one", "ask-2", USD)->host, "88888");
	str_copy(i->host, "88888");
	i->slot = 7;
	world_restart(w);
	f = model_fleet(&w->m, id);
	assert_null(next_key(w, f, why));
	str_copy(f->image, "somebody/image:typo");
	assert_string_equal(next_key(w, f, why), "ask-2");
}

static void avoided_hosts(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	struct passed passed[4];
	char why[TEXT_MAX];

	str_copy(model_account(&w->m, "one")->facts.avoid_hosts, "7,88888");
	str_copy(world_offer(w, "one", "a", USD)->host, "88888");
	str_copy(world_offer(w, "one", "b", 2 * USD)->host, "888");
	assert_string_equal(next_key(w, f, why), "b");
	assert_int_equal(place_passed(&w->m, f, 0, w->now, passed, ARRAY_LEN(passed)), 1);
	assert_string_equal(passed[0].why, "is on host 88888, which avoid_hosts of account one names");
}

/* Cheap and unreliable, or cheap and failing, is not cheap; one failure alone outweighs no great difference. */
static void the_past_has_its_price(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD)->reliability_ppm = 900000;
	world_offer(w, "two", "b", USD + 5 * CENT);
	assert_string_equal(next_key(w, f, why), "b");
	w->market[0].reliability_ppm = 990000;
	assert_string_equal(next_key(w, f, why), "a");
	tried(w, f, "one", "a", CAUSE_SSH_TIMEOUT)->slot = 7; /* counts as 1.34 */
	assert_string_equal(next_key(w, f, why), "b");
	w->market[1].price_hour = USD + 40 * CENT;
	assert_string_equal(next_key(w, f, why), "a");
	for (int k = 0; k < 20; k++) { /* since then it worked: one of 21 */
		struct instance *i = tried(w, f, "one", "a", CAUSE_RELEASED);

		i->slot = 7;
		i->ready_at = w->now;
	}
	w->market[1].price_hour = USD + 10 * CENT;
	assert_string_equal(next_key(w, f, why), "a");
}

/* What said so a moment ago is tried last, by every fleet; what sold since is in its place again. */
static void sold_out_comes_last(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD);
	world_offer(w, "two", "b", 9 * USD);
	tried(w, f, "one", "a", CAUSE_NO_CAPACITY)->slot = 7;
	assert_string_equal(next_key(w, f, why), "b");
	w->now += 5 * MINUTE;
	assert_string_equal(next_key(w, f, why), "a");
	tried(w, f, "one", "a", CAUSE_NO_CAPACITY)->slot = 7;
	tried(w, f, "one", "a", CAUSE_RELEASED)->slot = 7;
	assert_string_equal(next_key(w, f, why), "a");
}

/* Why not this one? The nearest miss comes first, and no more are told than there is room for. */
static void what_is_passed_over(void **state)
{
	struct world *w = *state;
	struct passed p[3];
	struct fleet *f;
	char why[TEXT_MAX];

	w->want.max_price = 2 * USD;
	f = bench(w);
	world_offer(w, "one", "fits", USD);
	world_offer(w, "one", "eight", USD)->gpu_count = 8;
	world_offer(w, "one", "dear", 5 * USD);
	world_offer(w, "two", "less-dear", 3 * USD);
	world_offer(w, "two", "gone", USD)->available = 0;
	str_copy(world_offer(w, "two", "other", USD)->gpu, "L40S");
	assert_string_equal(next_key(w, f, why), "fits");
	assert_int_equal(place_passed(&w->m, f, 0, w->now, p, 3), 3);
	assert_string_equal(p[0].offer->key, "gone");
	assert_string_equal(p[0].why, "is sold out");
	assert_string_equal(p[1].offer->key, "less-dear");
	assert_non_null(strstr(p[1].why, "--max-price"));
	assert_string_equal(p[2].offer->key, "dear");
	assert_int_equal(place_passed(&w->m, f, 0, w->now, p, 1), 1);
	assert_string_equal(p[0].offer->key, "gone");
}

static void credentials_and_quota_are_the_account_s(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD);
	world_offer(w, "one", "b", 2 * USD);
	world_offer(w, "two", "c", 3 * USD);
	tried(w, f, "one", "a", CAUSE_DENIED);
	assert_string_equal(next_key(w, f, why), "c");
}

static void put_off_is_not_tried(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	char why[TEXT_MAX];

	world_offer(w, "one", "a", USD);
	world_offer(w, "two", "b", 2 * USD);
	for (int k = 0; k < 4; k++)
		tried(w, f, "one", "a", CAUSE_NOT_SENT);
	assert_string_equal(next_key(w, f, why), "a");
	tried(w, f, "one", "a", CAUSE_NOT_SENT);
	assert_string_equal(next_key(w, f, why), "b");
}

/* A machine that lives at an account. */
static struct instance *holds(struct world *w, const char *account, money price)
{
	struct instance row = { .object.id = w->m.next_id, .state = INSTANCE_READY, .planned = w->now, .sent = w->now, .price_hour = price };

	str_copy(row.account, account);
	return model_add_instance(&w->m, &row);
}

static void an_account_holds_what_it_may(void **state)
{
	struct world *w = *state;
	struct fleet *f = bench(w);
	struct account_state *one = model_account(&w->m, "one"), *two = model_account(&w->m, "two");
	struct instance *first;
	char why[TEXT_MAX];

	world_offer(w, "one", "a", 2 * USD);
	world_offer(w, "two", "b", 3 * USD);
	one->facts.max_instances = 2;
	first = holds(w, "one", 2 * USD);
	assert_string_equal(next_key(w, f, why), "a");
	holds(w, "one", 2 * USD)->state = INSTANCE_DELETING; /* not proved gone */
	assert_string_equal(next_key(w, f, why), "b");
	two->facts.max_hourly = 5 * USD;
	assert_string_equal(next_key(w, f, why), "b");
	holds(w, "two", 2 * USD + 1);
	assert_null(next_key(w, f, why));
	assert_non_null(strstr(why, "one has 2 machines, and max_instances of the account is 2"));
	one->facts.max_instances = 0;
	one->facts.max_hourly = 5 * USD;
	assert_null(next_key(w, f, why));
	assert_non_null(strstr(why, "$2.00/h more is above max_hourly of the account, $5.00"));
	first->state = INSTANCE_GONE;
	assert_string_equal(next_key(w, f, why), "a");
}

/* All or nothing: the first of several is not bought where the last has no place. */
static void limits_are_for_all_slots(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	char why[TEXT_MAX];

	w->want.instances = 5;
	f = bench(w);
	world_offer(w, "one", "a", 2 * USD);
	world_offer(w, "two", "b", 3 * USD);
	model_account(&w->m, "one")->facts.max_instances = 2;
	model_account(&w->m, "two")->facts.max_hourly = 8 * USD;
	assert_null(next_key(w, f, why));
	assert_string_equal(why, "5 machines are wanted; max_instances and max_hourly of the accounts leave room for 4");
	model_account(&w->m, "two")->facts.max_hourly = 9 * USD;
	assert_string_equal(next_key(w, f, why), "a");
}

/* From up to ready: what one account has no room for goes to the other. */
static void two_accounts_share_a_fleet(void **state)
{
	struct world *w = *state;
	struct account_state *one = world_account(w, "one"), *two = world_account(w, "two");

	str_copy(one->facts.provider, "cloud");
	str_copy(two->facts.provider, "cloud");
	one->facts.max_instances = 1;
	two->facts.max_instances = 2;
	str_copy(world_offer(w, "one", "a", USD)->provider, "cloud");
	str_copy(world_offer(w, "two", "a", 2 * USD)->provider, "cloud");
	w->want.instances = 3;
	world_up(w);
	world_pass(w, 2 * MINUTE);
	assert_string_equal(world_instance(w, 0)->account, "one");
	assert_string_equal(world_instance(w, 1)->account, "two");
	assert_string_equal(world_instance(w, 2)->account, "two");
	for (int k = 0; k < 3; k++)
		assert_int_equal(world_instance(w, k)->state, INSTANCE_READY);
	assert_int_equal(one->unmanaged + two->unmanaged, 0);
}

/* What is left of the money is shared by the slots that are still empty. */
static void money_is_shared(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct instance *i;
	duration lifetime;
	bool stops;
	char why[TEXT_MAX];

	w->want.instances = 2;
	w->want.max_cost = 4 * USD;
	f = bench(w);
	world_offer(w, "one", "a", 2 * USD);
	stock(w);
	assert_int_equal(place_money_left(&w->m, f, w->now), 4 * USD);
	assert_non_null(place_next(&w->m, f, 0, w->now, &lifetime, &stops, why));
	assert_int_equal(lifetime, HOUR - 21 * MINUTE);
	i = tried(w, f, "one", "a", CAUSE_NONE);
	i->state = INSTANCE_READY;
	i->hold = 3 * USD;
	assert_int_equal(place_money_left(&w->m, f, w->now), USD);
	i->state = INSTANCE_GONE;
	i->hold = 0;
	i->metered = USD / 2;
	assert_int_equal(place_money_left(&w->m, f, w->now), 4 * USD - USD / 2);
	f->max_cost = 0;
	assert_int_equal(place_money_left(&w->m, f, w->now), INT64_MAX);
}

/* One in stock and one planned since the provider said so: the second instance takes the next offer. */
static void stock_runs_out(void **state)
{
	struct world *w = *state;

	world_account(w, "cloud");
	world_offer(w, "cloud", "a", USD)->available = 1;
	world_offer(w, "cloud", "b", 2 * USD);
	w->want.instances = 2;
	world_up(w);
	world_pass(w, 10 * SECOND);
	assert_string_equal(world_instance(w, 0)->offer_key, "a");
	assert_string_equal(world_instance(w, 1)->offer_key, "b");
}

static void a_host_is_taken_once(void **state)
{
	struct world *w = *state;
	struct account_state *a = world_account(w, "lab");
	struct fleet *f, *second;

	a->facts.local = true;
	world_offer(w, "lab", "lab1", USD)->available = 1;
	f = world_up(w);
	world_pass(w, 10 * SECOND);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
	assert_string_equal(world_instance(w, 0)->address, "192.0.2.9");
	second = world_up(w);
	assert_true(world_until_fleet(w, second, FLEET_CLOSED, MINUTE));
	assert_int_equal(second->cause, CAUSE_UNPLACEABLE);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, MINUTE));
	assert_int_equal(w->count[ACTION_CLEAN], 1);
	assert_int_equal(w->count[ACTION_DESTROY] + w->count[ACTION_LIST], 0);
	world_up(w);
	world_pass(w, 10 * SECOND);
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
}

/* The daemon dies while a host is being taken: nothing was asked of anybody, so it is simply taken again. */
static void a_host_over_a_restart(void **state)
{
	struct world *w = *state;

	world_account(w, "lab")->facts.local = true;
	world_offer(w, "lab", "lab1", 0)->available = 1;
	w->k.held[ACTION_CREATE] = true;
	world_up(w);
	world_pass(w, 5 * SECOND);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_DISPATCHING);
	w->k.held[ACTION_CREATE] = false;
	world_restart(w);
	world_pass(w, MINUTE);
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
}

static void packings(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct packing p[4];

	w->want.gpu_count = 8;
	f = bench(w);
	world_offer(w, "one", "x1", 2 * USD);
	world_offer(w, "one", "x3", 3 * USD)->gpu_count = 3; /* does not divide */
	world_offer(w, "two", "x4", 7 * USD)->gpu_count = 4;
	world_offer(w, "two", "x2", 3 * USD)->gpu_count = 2;
	w->market[3].available = 3; /* four are needed */
	stock(w);
	assert_int_equal(place_packings(&w->m, f, w->now, p, ARRAY_LEN(p)), 2);
	assert_true(p[0].instances == 2 && p[0].gpu_count == 4 && p[0].price_hour == 14 * USD);
	assert_true(p[1].instances == 8 && p[1].gpu_count == 1 && p[1].price_hour == 16 * USD);
	assert_int_equal(place_packings(&w->m, f, w->now, p, 1), 1);
}

/* Two fleets that want different GPUs at the same moment: neither takes the other's offers away for ever. */
static void two_fleets_in_one_market(void **state)
{
	struct world *w = *state;
	struct fleet *f, *g;

	for (int k = 0; k < 3; k++) {
		static const char *const names[] = { "a", "b", "c" };

		world_account(w, names[k]);
		world_offer(w, names[k], "h", (2 + k) * USD);
		str_copy(world_offer(w, names[k], "m", (2 + k) * USD)->gpu, "MI300X");
	}
	for (w->k.stagger = 100 * MSEC; w->k.stagger < 4 * SECOND; w->k.stagger += 300 * MSEC) {
		int before = w->count[ACTION_OFFERS];

		str_copy(w->want.gpu, "H100");
		f = world_up(w);
		str_copy(w->want.gpu, "MI300X");
		g = world_up(w);
		world_pass(w, 40 * SECOND);
		assert_false(list_empty(&f->instance_list));
		assert_false(list_empty(&g->instance_list));
		assert_true(w->count[ACTION_OFFERS] - before <= 6);
		world_close_fleet(w, f);
		world_close_fleet(w, g);
		world_pass(w, 10 * MINUTE);
	}
}

/* A provider whose offers fail holds nobody up. */
static void a_silent_market(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->k.verdict[ACTION_OFFERS] = VERDICT_RETRY;
	f = world_up(w);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, MINUTE));
	assert_int_equal(f->cause, CAUSE_UNPLACEABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(cheapest_then_known_stock_then_configured_order),
		cmocka_unit_test(what_does_not_fit_says_why),
		cmocka_unit_test(a_wish_that_cannot_be_heard),
		cmocka_unit_test(max_price_is_per_gpu),
		cmocka_unit_test(accounts_by_name_or_provider),
		world_test(tried_offers_are_left_out),
		world_test(an_unfit_machine_is_not_taken_again),
		world_test(a_bad_host_rests),
		world_test(bad_hosts_over_a_restart),
		world_test(avoided_hosts),
		world_test(the_past_has_its_price),
		world_test(sold_out_comes_last),
		world_test(what_is_passed_over),
		world_test(credentials_and_quota_are_the_account_s),
		world_test(put_off_is_not_tried),
		world_test(an_account_holds_what_it_may),
		world_test(limits_are_for_all_slots),
		world_test(two_accounts_share_a_fleet),
		world_test(money_is_shared),
		world_test(stock_runs_out),
		world_test(a_host_is_taken_once),
		world_test(a_host_over_a_restart),
		world_test(packings),
		world_test(two_fleets_in_one_market),
		world_test(a_silent_market),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
