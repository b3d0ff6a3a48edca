#include "providers/call_priv.h"
#include "base/mutant.h"

#include "base/str.h"

void facts_drop(struct op_reply *r, size_t offers, size_t machines, size_t bills)
{
	while (r->offer_count > offers)
		free(r->offers[--r->offer_count].spec);
	r->machine_count = machines < r->machine_count ? machines : r->machine_count;
	r->bill_count = bills < r->bill_count ? bills : r->bill_count;
}

/* Fill the gaps in `m` from another sighting of it; of two states the one that bills wins. */
static void merge(struct machine *m, const struct machine *other)
{
	if (!*m->mark)
		str_copy(m->mark, other->mark);
	if (!*m->address) {
		str_copy(m->address, other->address);
		m->port = other->port;
	}
	if (!*m->user)
		str_copy(m->user, other->user);
	if (!*m->gpu) {
		str_copy(m->gpu, other->gpu);
		m->gpu_count = other->gpu_count;
	}
	if (!m->price_hour)
		m->price_hour = other->price_hour;
	if (!m->created)
		m->created = other->created;
	m->over = m->over && other->over;
	if (m->state == MACHINE_ENDED ||
	    (m->state == MACHINE_UNKNOWN && other->state != MACHINE_ENDED)) {
		m->state = other->state;
		str_copy(m->note, other->note);
	}
}

/* An array of structs, seen by the text that names each. */
struct named {
	char *base;
	size_t size;
};

static char *name_at(const struct named *n, size_t i)
{
	return n->base + i * n->size;
}

static int by_name(const void *a, const void *b, void *named)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int order = strcmp(name_at(named, i), name_at(named, j));

	return order ? order : i < j ? -1 : 1;
}

/*
 * Empties the name of each element that bears the name of an earlier one, after `seen` had a look
 * at the two.
 */
static void unname_duplicates(struct named n, size_t count,
    void (*seen)(void *array, size_t first, size_t again), void *array)
{
	uint32_t *order = xcalloc(count + 1, sizeof(*order));

	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, count, sizeof(*order), by_name, &n);
	for (size_t i = 1, first = order[0]; i < count; i++) {
		if (strcmp(name_at(&n, first), name_at(&n, order[i]))) {
			first = order[i];
			continue;
		}
		seen(array, first, order[i]);
		*name_at(&n, order[i]) = '\0';
	}
	free(order);
}

static void machine_again(void *array, size_t first, size_t other)
{
	struct machine *m = array;

	merge(&m[first], &m[other]);
}

static void merge_machines(struct op_reply *r)
{
	size_t kept = 0;

	if (r->machine_count < 2)
		return;
	unname_duplicates((struct named){ r->machines[0].id, sizeof(*r->machines) },
	    r->machine_count, machine_again, r->machines);
	for (size_t i = 0; i < r->machine_count; i++)
		if (*r->machines[i].id)
			r->machines[kept++] = r->machines[i];
	r->machine_count = kept;
}

/* Two offers of one name are one: the dearer price is taken for true. */
static void offer_again(void *array, size_t first, size_t other)
{
	struct offer *o = array;

	if (o[other].price_hour > o[first].price_hour)
		o[first].price_hour = o[other].price_hour;
}

/*
 * An offer without a name, a GPU or a price is none; the price may be nothing only for hosts of
 * one's own.
 */
static bool offer_usable(const struct provider *p, const struct offer *o)
{
	money least = p->caps & CAP_LOCAL ? 0 : 1;

	return *o->key && *o->gpu && o->gpu_count > 0 && o->price_hour >= least &&
	       o->price_hour <= MONEY_MAX && o->minimum_charge >= 0 &&
	       o->minimum_charge <= MONEY_MAX;
}

static void check_offers(
    const struct provider *p, const struct account *account, struct op_reply *r)
{
	size_t kept = 0;

	if (r->offer_count > 1)
		unname_duplicates((struct named){ r->offers[0].key, sizeof(*r->offers) },
		    r->offer_count, offer_again, r->offers);
	for (size_t i = 0; i < r->offer_count; i++) {
		struct offer *o = &r->offers[i];

		if (!offer_usable(p, o)) {
			free(o->spec);
			continue;
		}
		str_copy(o->account, account->name);
		str_copy(o->provider, p->name);
		r->offers[kept++] = *o;
	}
	r->offer_count = kept;
}

static void check_machines(const struct provider *p, struct op_reply *r)
{
	for (size_t i = 0; i < r->machine_count; i++) {
		struct machine *m = &r->machines[i];

		if (!*m->id) {
			op_fail(
			    r, VERDICT_RETRY, "%s listed a machine without a usable id", p->title);
			return;
		}
		if (m->price_hour < 0 || m->price_hour > MONEY_MAX)
			m->price_hour = 0;
	}
	merge_machines(r);
}

void facts_check(const struct provider *p, const struct account *account, enum provider_op_kind op,
    struct op_reply *r)
{
	if (r->overflow) {
		op_fail(r, VERDICT_RETRY, "%s listed more than %d items", p->title, OP_ITEMS_MAX);
		return;
	}
	check_offers(p, account, r);
	check_machines(p, r);
	if (op == OP_DESCRIBE && r->verdict == VERDICT_OK && r->machine_count != 1)
		op_fail(r, VERDICT_RETRY, "%s did not describe the machine", p->title);
}

enum verdict facts_judge_create(
    const struct provider *p, struct op_reply *r, int status, enum verdict v)
{
	if (status >= 500 && MUTANT("500_is_refused", false, true))
		return VERDICT_REFUSED;
	if (status < 200 || status >= 500 || status / 100 == 3 || status == 408)
		v = VERDICT_UNSURE;
	else if (v == VERDICT_OK && !*r->id)
		v = VERDICT_UNSURE;
	else if (status < 300 && v != VERDICT_OK)
		v = VERDICT_UNSURE;
	else if (v == VERDICT_MORE || v == VERDICT_ABSENT)
		v = VERDICT_UNSURE;
	if (v != VERDICT_UNSURE)
		return v;
	r->id[0] = '\0';
	r->destroy_now = false;
	if (!*r->message)
		op_fail(r, v, "%s answered %d to the create and did not say what it made", p->title,
		    status);
	return v;
}
