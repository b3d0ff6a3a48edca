#include "core/place.h"
#include "base/mutant.h"
#include "base/gpu.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/storage.h"

#define TRY_AGAIN_AFTER (60 * SECOND) /* with --retry-until-up: the same offer may be tried again after this */
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
	return a->configured && (!f->own_key || a->facts.takes_key) &&
	       (!*f->accounts || in_list(f->accounts, a->facts.name) || in_list(f->accounts, a->facts.provider));
}

/* GPU, region, spot, price: everything but the count, so that packings can ask too. */
static bool fits_but_count(const struct fleet *f, const struct offer *o, char why[TEXT_MAX])
{
	char a[32], b[32];

	if (!str_ieq(o->gpu, f->gpu)) {
		snprintf(why, TEXT_MAX, "has %s", o->gpu);
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
	} else if (f->disk_gb && o->disk_gb && o->disk_gb < f->disk_gb) {
		snprintf(why, TEXT_MAX, "has only %d GB of disk", o->disk_gb);
	} else {
		return true;
	}
	return false;
}

bool place_fits(const struct fleet *f, const struct offer *o, char why[TEXT_MAX])
{
	char unused[TEXT_MAX];

	if (!why)
		why = unused;
	if (o->gpu_count != f->gpu_count) {
		snprintf(why, TEXT_MAX, "has %d GPUs", o->gpu_count);
		return false;
	}
	return fits_but_count(f, o, why);
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

/* Does a come strictly before b? Equal prices: known stock first, then the order of the market (accounts as configured). */
static bool better(const struct offer *a, const struct offer *b)
{
	money pa = a->price_hour / a->gpu_count, pb = b->price_hour / b->gpu_count;

	return pa != pb ? pa < pb : a->available > 0 && b->available <= 0;
}

typedef bool fit_fn(const struct fleet *f, const struct offer *o, char why[TEXT_MAX]);

static const struct offer **collect(const struct model *m, const struct fleet *f, fit_fn *fit, size_t *count)
{
	const struct offer **out = NULL;
	char why[TEXT_MAX];
	size_t cap = 0;

	*count = 0;
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!place_account_allowed(f, a))
			continue;
		for (size_t j = 0; j < a->offer_count; j++) {
			const struct offer *o = &a->offers[j];

			if (!fit(f, o, why) || !storage_fits(m, f, o, why) || (a->facts.local && host_taken(a, o)))
				continue;
			if (*count == cap) {
				cap = cap ? 2 * cap : 16;
				out = xreallocarray(out, cap, sizeof(*out));
			}
			/* Sorted as they come; stable, and a market is a few hundred rows. */
			size_t at = (*count)++;

			for (; at && better(o, out[at - 1]); at--)
				out[at] = out[at - 1];
			out[at] = o;
		}
	}
	return out;
}

const struct offer **place_candidates(const struct model *m, const struct fleet *f, size_t *count)
{
	return collect(m, f, place_fits, count);
}

static bool was_tried(const struct model *m, const struct fleet *f, const struct offer *o, int slot, instant now)
{
	int put_off = 0;

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->slot != slot || strcmp(i->account, o->account) != 0)
			continue;
		if (f->retry_for && now - i->planned >= TRY_AGAIN_AFTER)
			continue;
		/* The same offer is another machine of a big stock; a host of one's own or of a marketplace would be the same one. */
		if (i->cause == CAUSE_BAD_MACHINE && !model_account(m, i->account)->facts.local && !i->marketplace)
			continue;
		if (i->cause == CAUSE_NOT_SENT && (!i->sent || strcmp(i->offer_key, o->key) != 0 || ++put_off < NOT_SENT_TRIES))
			continue;
		/* Credentials and quota are the account's matter: none of its offers will do. */
		if (!strcmp(i->offer_key, o->key) || i->cause == CAUSE_LIMIT || i->cause == CAUSE_DENIED)
			return true;
	}
	return false;
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
	money hold = money_times(cost_hold(&a->facts, o->price_hour, o->minimum_charge, lifetime), slots), left, at_provider;
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
	fits = left > 0 ? cost_lifetime_for(&a->facts, o->price_hour, o->minimum_charge, left / slots) : -1;
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
	const struct offer **list = place_candidates(m, f, &count), *found = NULL;
	const struct instance *last = last_try(f, slot);
	money share = place_money_left(m, f, now);
	char need[32], have[32];

	*money_stops = false;
	if (share != INT64_MAX)
		share /= open_slots(f);
	if (count)
		snprintf(why, TEXT_MAX, "every offer was tried%s%.180s", last ? "; the last one: " : "", last ? last->reason : "");
	else
		snprintf(why, TEXT_MAX, "nobody sells %s:%d in one instance now", f->gpu, f->gpu_count);
	for (size_t k = 0; k < count && !found; k++) {
		const struct offer *o = list[k];
		const struct account_state *a = model_account(m, o->account);
		duration affordable;

		if (was_tried(m, f, o, slot, now)) {
			tried++;
			continue;
		}
		if (o->available > 0 && taken_since_asked(a, o) >= o->available)
			continue;
		affordable = cost_lifetime_for(&a->facts, o->price_hour, o->minimum_charge, share);
		if (affordable < SHORTEST_LIFE) {
			money_format(cost_hold(&a->facts, o->price_hour, o->minimum_charge, SHORTEST_LIFE), need);
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

/* For packings: any smaller count that divides the total. */
static bool fits_as_part(const struct fleet *f, const struct offer *o, char why[TEXT_MAX])
{
	return o->gpu_count < f->gpu_count && f->gpu_count % o->gpu_count == 0 && fits_but_count(f, o, why);
}

size_t place_packings(const struct model *m, const struct fleet *f, struct packing *out, size_t max)
{
	size_t count, n = 0;
	const struct offer **list = collect(m, f, fits_as_part, &count);

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
