#include "core/place.h"
#include "base/mutant.h"
#include "base/gpu.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/limit.h"
#include "core/past.h"
#include "core/storage.h"

#define TRY_AGAIN_AFTER (60 * SECOND) /* with --retry-until-up: the same offer may be tried again after this, … */
#define TRY_AGAIN_MOST  2             /* … doubled so many times while it goes on failing */
#define SOLD_OUT_FOR    (5 * MINUTE)  /* what said so is tried after all others */
#define BALANCE_FRESH   (5 * MINUTE)
#define SHORTEST_LIFE   (1 * MINUTE)  /* money that buys less than this buys nothing */
#define NOT_SENT_TRIES  5             /* creates that a provider in passing trouble may put off before the next offer's turn */

static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

bool place_account_allowed(const struct fleet *f, const struct account_state *a)
{
	return a->configured && (!f->own_key || a->facts.takes_key) && (!f->together || !a->facts.container) &&
	       (!*f->snapshot_as || a->facts.snapshots) &&
	       (!*f->accounts || in_list(f->accounts, a->facts.name) || in_list(f->accounts, a->facts.provider));
}

/* A part of a GPU, or one with half of its memory, is not what was asked for; what a provider does not tell is believed. */
static bool memory_missing(const struct offer *o)
{
	const struct gpu *g = gpu_find(o->gpu);

	return g && o->gpu_memory_gb && o->gpu_memory_gb * 5 < g->memory_gb * 4;
}

/* A wish that the provider cannot hear is no reason to take its offer without it. */
static bool choice_is_there(const struct fleet *f, const struct account_facts *a, const struct offer *o, char why[TEXT_MAX])
{
	if (*f->image && !a->takes_image)
		snprintf(why, TEXT_MAX, a->local ? "is a host of one's own, which starts from no image; leave --image away" :
		    "starts from an image of the provider's, which cannot be chosen; leave --image away");
	else if (f->disk_gb && o->disk_gb && o->disk_gb < f->disk_gb)
		snprintf(why, TEXT_MAX, "has only %d GB of disk", o->disk_gb);
	else if (f->disk_gb && !o->disk_gb && !a->takes_disk)
		snprintf(why, TEXT_MAX, "has a disk that cannot be chosen, and nobody says how big it is; leave --disk away");
	else
		return true;
	return false;
}

/* GPU, region, spot, price, image, disk: everything but the count, so that packings can ask too. */
static bool fits_but_count(const struct fleet *f, const struct account_facts *account, const struct offer *o, char why[TEXT_MAX])
{
	char a[32], b[32];

	if (!str_ieq(o->gpu, f->gpu)) {
		snprintf(why, TEXT_MAX, "has %s", o->gpu);
	} else if (memory_missing(o)) {
		snprintf(why, TEXT_MAX, "has %d GB of memory per GPU, where a whole %s has %d", o->gpu_memory_gb, o->gpu,
		    gpu_find(o->gpu)->memory_gb);
	} else if (*f->region && !str_ieq(o->region, f->region)) {
		snprintf(why, TEXT_MAX, "is in %s", *o->region ? o->region : "an unknown region");
	} else if (o->spot != f->spot) {
		snprintf(why, TEXT_MAX, o->spot ? "is spot" : "is not spot");
	} else if (!o->available) {
		snprintf(why, TEXT_MAX, "is sold out");
	} else if (f->max_price && o->price_hour > money_times(f->max_price, o->gpu_count)) {
		money_format(o->price_hour / o->gpu_count, a);
		money_format(f->max_price, b);
		snprintf(why, TEXT_MAX, "costs %s per GPU-hour, above --max-price %s", a, b);
	} else if (o->minimum_charge > f->accept_minimum) {
		money_format(o->minimum_charge, a);
		snprintf(why, TEXT_MAX, "has a minimum charge of %s; take it with --accept-minimum", a);
	} else if (o->stays && o->stays < f->lifetime) {
		duration_format(o->stays / MINUTE * MINUTE, a);
		duration_format(f->lifetime, b);
		snprintf(why, TEXT_MAX, "is taken back by its host in %s, before --for %s is over", a, b);
	} else {
		return choice_is_there(f, account, o, why);
	}
	return false;
}

bool place_fits(const struct fleet *f, const struct account_facts *a, const struct offer *o, char why[TEXT_MAX])
{
	char unused[TEXT_MAX];

	if (!why)
		why = unused;
	if (o->gpu_count != f->gpu_count) {
		snprintf(why, TEXT_MAX, "has %d GPUs", o->gpu_count);
		return false;
	}
	return fits_but_count(f, a, o, why);
}

/* A static host is exclusive: taken while any instance on it is not GONE. */
static bool host_taken(const struct account_state *a, const struct offer *o)
{
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state != INSTANCE_GONE && !strcmp(i->offer_key, o->key))
			return true;
	}
	return false;
}

/* Machines that are to reach each other are all where the first one is, and the first one where there are enough. */
static bool fits_others(const struct fleet *f, const struct offer *o, char why[TEXT_MAX])
{
	bool alone = true;

	if (!f->together)
		return true;
	if (f->object.id)
		list_for_each(n, &f->instance_list) {
			const struct instance *i = INSTANCE_OF(n);

			if (i->state >= INSTANCE_DRAINING)
				continue;
			alone = false;
			if (!strcmp(i->account, o->account) && str_ieq(i->region, o->region))
				continue;
			snprintf(why, TEXT_MAX, "is not at %s%s%s, where the other machines are", i->account, *i->region ? " in " : "", i->region);
			return false;
		}
	if (alone && o->available > 0 && o->available < f->instances) {
		snprintf(why, TEXT_MAX, "has only %d left of the %d that are wanted together", o->available, f->instances);
		return false;
	}
	return true;
}

/* Not this one: what the wish has nothing to do with. */
static bool is_shunned(const struct model *m, const struct account_state *a, const struct offer *o, instant now, char why[TEXT_MAX])
{
	if (a->facts.local && host_taken(a, o))
		snprintf(why, TEXT_MAX, "is in use");
	else if (*o->host && in_list(a->facts.avoid_hosts, o->host))
		snprintf(why, TEXT_MAX, "is on host %s, which avoid_hosts of account %s names", o->host, a->facts.name);
	else
		return past_host_is_bad(m, o, now, why);
	return true;
}

struct ranked {
	const struct offer *offer;
	money price;   /* per GPU-hour, with what may go wrong */
	bool sold_out; /* said so a moment ago */
};

/*
 * A machine that does not come up, or not to the end, costs another try: the price counts for more by the share that is not
 * reliable, and by the share of this offer's latest machines that failed (of n machines as of n + 2, so that one proves little).
 */
static struct ranked rank(const struct account_state *a, const struct offer *o, instant now)
{
	struct past past;
	int64_t risk;

	past_of_offer(a, o, now, &past);
	risk = o->reliability_ppm ? 1000000 - o->reliability_ppm : 0;
	risk += (int64_t)1000000 * past.failed / (past.ready + past.failed + 2);
	return (struct ranked){ o, (money)((__int128)(o->price_hour / o->gpu_count) * (1000000 + risk) / 1000000),
		past.sold_out && now - past.sold_out < SOLD_OUT_FOR };
}

/* Does a come strictly before b? Equal prices: known stock first, then the order of the market (accounts as configured). */
static bool better(const struct ranked *a, const struct ranked *b)
{
	if (a->sold_out != b->sold_out)
		return b->sold_out;
	return a->price != b->price ? a->price < b->price : a->offer->available > 0 && b->offer->available <= 0;
}

typedef bool fit_fn(const struct fleet *f, const struct account_facts *a, const struct offer *o, char why[TEXT_MAX]);

static const struct offer **collect(const struct model *m, const struct fleet *f, fit_fn *fit, instant now, size_t *count)
{
	struct ranked *found = NULL;
	const struct offer **out;
	char why[TEXT_MAX];
	size_t cap = 0;

	*count = 0;
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!place_account_allowed(f, a))
			continue;
		for (size_t j = 0; j < a->offer_count; j++) {
			const struct offer *o = &a->offers[j];
			struct ranked one;

			if (!fit(f, &a->facts, o, why) || !fits_others(f, o, why) || !storage_fits(m, f, o, why) || is_shunned(m, a, o, now, why))
				continue;
			if (*count == cap) {
				cap = cap ? 2 * cap : 16;
				found = xreallocarray(found, cap, sizeof(*found));
			}
			one = rank(a, o, now);
			/* Sorted as they come; stable, and a market is a few hundred rows. */
			size_t at = (*count)++;

			for (; at && better(&one, &found[at - 1]); at--)
				found[at] = found[at - 1];
			found[at] = one;
		}
	}
	out = xcalloc(*count + 1, sizeof(const struct offer *));
	for (size_t k = 0; k < *count; k++)
		out[k] = found[k].offer;
	free(found);
	return out;
}

const struct offer **place_candidates(const struct model *m, const struct fleet *f, instant now, size_t *count)
{
	return collect(m, f, place_fits, now, count);
}

static bool was_tried(const struct model *m, const struct fleet *f, const struct offer *o, int slot, instant now, char why[TEXT_MAX])
{
	const struct instance *last = NULL;
	int put_off = 0, tries = 0;
	char ago[24];

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->slot != slot || strcmp(i->account, o->account) != 0)
			continue;
		/* The same offer is another machine of a big stock; a host of one's own or of a marketplace would be the same one. */
		if ((i->cause == CAUSE_BAD_MACHINE || i->cause == CAUSE_PREEMPTED) && !model_account(m, i->account)->facts.local && !i->marketplace)
			continue;
		if (i->cause == CAUSE_NOT_SENT && (!i->sent || strcmp(i->offer_key, o->key) != 0 || ++put_off < NOT_SENT_TRIES))
			continue;
		/* Credentials and quota are the account's matter: none of its offers will do. */
		if (strcmp(i->offer_key, o->key) != 0 && i->cause != CAUSE_LIMIT && i->cause != CAUSE_DENIED)
			continue;
		tries++;
		last = !last || i->planned >= last->planned ? i : last;
	}
	if (!last || (f->retry_for &&
	    now - last->planned >= TRY_AGAIN_AFTER << (tries - 1 < TRY_AGAIN_MOST ? tries - 1 : TRY_AGAIN_MOST)))
		return false;
	duration_format((now - last->planned) / SECOND * SECOND, ago);
	snprintf(why, TEXT_MAX, "was tried %s ago: %s", ago, cause_words(last->cause));
	return true;
}

/* How many of our own instances were planned on this offer since the provider said how many there are. */
static int taken_since_asked(const struct account_state *a, const struct offer *o)
{
	int n = 0;

	list_for_each(l, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(l, struct instance, account_link);

		n += i->state != INSTANCE_GONE && i->planned >= a->offers_at && !strcmp(i->offer_key, o->key);
	}
	return n;
}

static bool is_used_up(const struct account_state *a, const struct offer *o, char why[TEXT_MAX])
{
	if (o->available <= 0 || taken_since_asked(a, o) < o->available)
		return false;
	snprintf(why, TEXT_MAX, "was the last, and we have it");
	return true;
}

money place_money_left(const struct model *m, const struct fleet *f, instant now)
{
	money used = 0;

	if (!f->max_cost || MUTANT("money_ignored", false, true))
		return INT64_MAX;
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);
		const struct account_state *a = model_account(m, i->account);
		money spent = a ? cost_of_instance(&a->facts, i, now) : i->metered;

		used = money_add(used, spent > i->hold ? spent : i->hold);
	}
	return used >= f->max_cost ? 0 : f->max_cost - used;
}

/* Slots of the fleet that have no live instance: what is left of the money is shared by them. */
static int open_slots(const struct fleet *f)
{
	int live = 0;

	list_for_each(n, &f->instance_list)
		live += INSTANCE_OF(n)->state != INSTANCE_GONE;
	return f->instances - live > 1 ? f->instances - live : 1;
}

/* The latest attempt at a slot that came to nothing and says why. */
static const struct instance *last_try(const struct fleet *f, int slot)
{
	const struct instance *last = NULL;

	list_for_each(n, &f->instance_list)
		if (INSTANCE_OF(n)->slot == slot && *INSTANCE_OF(n)->reason)
			last = INSTANCE_OF(n);
	return last;
}

/* What is left at a provider that is paid in advance, when it was asked lately: nobody may be cut off at zero (reliability §2.11). */
static money balance_left(const struct account_state *a, instant now)
{
	money promised = 0;

	if (!a->facts.prepaid || !a->balance.known || now - a->balance_read_at > BALANCE_FRESH)
		return INT64_MAX;
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);
		money used = cost_of_instance(&a->facts, i, now);

		if (i->state != INSTANCE_GONE && i->hold > used)
			promised = money_add(promised, i->hold - used);
	}
	return a->balance.available - promised;
}

/* Budgets and balance, for all slots that are still open. */
static bool money_admits(const struct model *m, const struct fleet *f, const struct account_state *a, const struct offer *o,
    duration lifetime, instant now, char why[TEXT_MAX])
{
	int slots = open_slots(f);
	money hold = money_times(cost_hold_offer(&a->facts, o, lifetime), slots), left, at_provider;
	char need[32], have[32], life[24], price[32];
	duration fits;
	size_t n;
	struct payer p = payer_of_fleet(m, f, &a->facts);
	bool admits = budgets_admit(m, &p, hold, now, &left, why);

	at_provider = balance_left(a, now);
	if (admits && hold > at_provider) {
		money_format(hold, need);
		money_format(at_provider > 0 ? at_provider : 0, have);
		snprintf(why, TEXT_MAX, "it needs %s with boot and teardown; the balance at %s, less what is promised to running machines, is %s",
		    need, a->facts.name, have);
		admits = false;
		left = at_provider;
	}
	if (admits)
		return true;
	fits = left > 0 ? cost_lifetime_of_offer(&a->facts, o, left / slots) : -1;
	money_format(o->price_hour, price);
	n = strlen(why);
	snprintf(why + n, TEXT_MAX - n, ". %d x %s/h", slots, price);
	duration_format(fits / MINUTE * MINUTE, life);
	n = strlen(why);
	if (fits >= SHORTEST_LIFE && fits < lifetime)
		snprintf(why + n, TEXT_MAX - n, "; --for %s would fit", life);
	return false;
}

const struct offer *place_next(const struct model *m, const struct fleet *f, int slot, instant now, duration *lifetime,
    bool *money_stops, char why[TEXT_MAX])
{
	size_t count, tried = 0;
	const struct offer **list = place_candidates(m, f, now, &count), *found = NULL;
	const struct instance *last = last_try(f, slot);
	money share = place_money_left(m, f, now);
	char need[32], have[32], unused[TEXT_MAX];

	*money_stops = false;
	if (share != INT64_MAX)
		share /= open_slots(f);
	if (count)
		snprintf(why, TEXT_MAX, "every offer was tried%s%.180s", last ? "; the last one: " : "", last ? last->reason : "");
	else
		snprintf(why, TEXT_MAX, "nobody sells %s:%d in one instance now", f->gpu, f->gpu_count);
	/* Before the first of several is bought, not after the last that fits. */
	if (count && !limit_admits(m, list, count, open_slots(f), why))
		count = 0;
	for (size_t k = 0; k < count && !found; k++) {
		const struct offer *o = list[k];
		const struct account_state *a = model_account(m, o->account);
		duration affordable;

		if (was_tried(m, f, o, slot, now, unused)) {
			tried++;
			continue;
		}
		if (is_used_up(a, o, unused))
			continue;
		if (!limit_room(a, o, why))
			continue;
		affordable = cost_lifetime_of_offer(&a->facts, o, share);
		if (affordable < SHORTEST_LIFE) {
			money_format(cost_hold_offer(&a->facts, o, SHORTEST_LIFE), need);
			money_format(share, have);
			snprintf(why, TEXT_MAX, "one minute on the cheapest offer needs %s with boot and teardown; %s is left of --max-cost",
			    need, have);
			*money_stops = true;
			continue;
		}
		affordable = affordable < f->lifetime ? affordable : f->lifetime;
		if (!money_admits(m, f, a, o, affordable, now, why)) {
			*money_stops = true;
			continue;
		}
		*lifetime = affordable;
		*money_stops = false;
		found = o;
	}
	free(list);
	*money_stops &= !tried && !found; /* where others were sold out, that is why */
	return found;
}

/* What the person would rather have is told first: the right count, then the cheapest. */
static bool nearer(const struct fleet *f, const struct offer *a, const struct offer *b)
{
	bool count_a = a->gpu_count == f->gpu_count, count_b = b->gpu_count == f->gpu_count;

	return count_a != count_b ? count_a : a->price_hour / a->gpu_count < b->price_hour / b->gpu_count;
}

/* As far as money allows; why not is filled. */
static bool would_take(const struct model *m, const struct fleet *f, const struct account_state *a, struct passed *one, int slot,
    instant now)
{
	return place_fits(f, &a->facts, one->offer, one->why) && fits_others(f, one->offer, one->why) &&
	       storage_fits(m, f, one->offer, one->why) && !is_shunned(m, a, one->offer, now, one->why) && !was_tried(m, f, one->offer, slot, now, one->why) &&
	       !is_used_up(a, one->offer, one->why);
}

size_t place_passed(const struct model *m, const struct fleet *f, int slot, instant now, struct passed *out, size_t max)
{
	struct passed one;
	size_t n = 0, at;

	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		for (size_t j = 0; place_account_allowed(f, a) && j < a->offer_count; j++) {
			one.offer = &a->offers[j];
			if (!str_ieq(one.offer->gpu, f->gpu) || would_take(m, f, a, &one, slot, now))
				continue;
			for (at = n; at && nearer(f, one.offer, out[at - 1].offer); at--)
				if (at < max)
					out[at] = out[at - 1];
			if (at < max)
				out[at] = one;
			n += n < max;
		}
	}
	return n;
}

/* For packings: any smaller count that divides the total. */
static bool fits_as_part(const struct fleet *f, const struct account_facts *a, const struct offer *o, char why[TEXT_MAX])
{
	return o->gpu_count < f->gpu_count && f->gpu_count % o->gpu_count == 0 && fits_but_count(f, a, o, why);
}

size_t place_packings(const struct model *m, const struct fleet *f, instant now, struct packing *out, size_t max)
{
	size_t count, n = 0;
	const struct offer **list = collect(m, f, fits_as_part, now, &count);

	for (size_t k = 0; k < count && n < max; k++) {
		const struct offer *o = list[k];
		int instances = f->instances * (f->gpu_count / o->gpu_count);
		bool same = false;

		if (o->available > 0 && o->available < instances)
			continue;
		for (size_t j = 0; j < n; j++)
			same |= out[j].gpu_count == o->gpu_count && !strcmp(out[j].offer->account, o->account);
		if (!same)
			out[n++] = (struct packing){ instances, o->gpu_count, o, money_times(o->price_hour, instances) };
	}
	free(list);
	return n;
}
