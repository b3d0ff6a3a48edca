#include "providers/call_priv.h"
#include "base/mutant.h"

#include "base/str.h"

struct facts facts_count(const struct op_reply *r)
{
	return (struct facts){ r->offer_count, r->machine_count, r->bill_count, r->storage_count };
}

static void cut(size_t *count, size_t to)
{
	*count = to < *count ? to : *count;
}

void facts_drop(struct op_reply *r, const struct facts *to)
{
	while (r->offer_count > to->offers)
		free(r->offers[--r->offer_count].spec);
	cut(&r->machine_count, to->machines);
	cut(&r->bill_count, to->bills);
	cut(&r->storage_count, to->storages);
}

/* Nothing that a terminal would obey. */
static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* An id goes into addresses, logs and tables: one word of what can be seen. */
static bool id_usable(const char *id)
{
	for (const char *s = id; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return *id != '\0';
}

/* A name that others gave is not refused but made harmless. One of ours has nothing of the kind and stays what it is. */
static void disarm(char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			*name = '?';
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

	return *o->key && *o->gpu && printable(o->key) && printable(o->region) && o->gpu_count > 0 && o->price_hour >= least &&
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

		disarm(m->mark);
		if (!id_usable(m->id)) {
			op_fail(
			    r, VERDICT_RETRY, "%s listed a machine without a usable id", p->title);
			return;
		}
		if (m->price_hour < 0 || m->price_hour > MONEY_MAX)
			m->price_hour = 0;
	}
	merge_machines(r);
}

/* ---- storage ---- */

/* Text of anybody's, cut where it would spoil a terminal. */
static void cut_unprintable(char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] >= ' ' && text[n] != 0x7f)
		n++;
	text[n] = '\0';
	while (n && !str_is_utf8(text, n))
		text[--n] = '\0';
}

/* Two sightings of one: gaps are filled from the other, and the larger of two sizes is taken for true. */
static void merge_storage(struct storage *s, const struct storage *other)
{
	if (!*s->name)
		str_copy(s->name, other->name);
	if (!*s->region)
		str_copy(s->region, other->region);
	if (!*s->host)
		str_copy(s->host, other->host);
	if (!*s->source)
		str_copy(s->source, other->source);
	if (!*s->machine)
		str_copy(s->machine, other->machine);
	s->size_gb = other->size_gb > s->size_gb ? other->size_gb : s->size_gb;
	s->disk_gb = other->disk_gb > s->disk_gb ? other->disk_gb : s->disk_gb;
	s->gb_month = other->gb_month > s->gb_month ? other->gb_month : s->gb_month;
	if (!s->created)
		s->created = other->created;
}

/* A volume and a snapshot may have the same id: the kind is a part of the name by which they are told apart. */
struct storage_name {
	char kind_and_id[ID_MAX + 2];
};

static void storage_again(void *array, size_t first, size_t other)
{
	struct storage *s = array;

	merge_storage(&s[first], &s[other]);
	*s[other].id = '\0';
}

static void merge_storages(struct op_reply *r)
{
	struct storage_name *names;
	size_t kept = 0;

	if (r->storage_count < 2)
		return;
	names = xcalloc(r->storage_count, sizeof(*names));
	for (size_t i = 0; i < r->storage_count; i++)
		snprintf(names[i].kind_and_id, sizeof(names[i].kind_and_id), "%c %s", r->storages[i].kind == STORAGE_VOLUME ? 'v' : 's',
		    r->storages[i].id);
	unname_duplicates((struct named){ names[0].kind_and_id, sizeof(*names) }, r->storage_count, storage_again, r->storages);
	free(names);
	for (size_t i = 0; i < r->storage_count; i++)
		if (*r->storages[i].id)
			r->storages[kept++] = r->storages[i];
	r->storage_count = kept;
}

static void check_storages(const struct provider *p, enum provider_op_kind op, struct op_reply *r)
{
	for (size_t i = 0; i < r->storage_count; i++) {
		struct storage *s = &r->storages[i];
		bool coming = op == OP_SNAPSHOT_LOOK && s->state != STORAGE_READY && !*s->id;

		if (!coming && !id_usable(s->id)) {
			op_fail(r, VERDICT_RETRY, "%s listed a %s without a usable id", p->title,
			    s->kind == STORAGE_VOLUME ? "volume" : "snapshot");
			return;
		}
		cut_unprintable(s->name);
		disarm(s->region);
		disarm(s->host);
		disarm(s->source);
		disarm(s->machine);
		if (s->gb_month < 0 || s->gb_month > MONEY_MAX)
			s->gb_month = 0;
		s->size_gb = s->size_gb > 0 ? s->size_gb : 0;
		s->disk_gb = s->disk_gb > 0 ? s->disk_gb : 0;
	}
	if (op == OP_STORAGE)
		merge_storages(r);
	else if (op == OP_SNAPSHOT_LOOK && r->storage_count != 1)
		op_fail(r, VERDICT_RETRY, "%s did not describe the snapshot", p->title);
}

static bool is_named(enum provider_op_kind op, const struct op_reply *r)
{
	return id_usable(r->id) || (op == OP_SNAPSHOT_MAKE && id_usable(r->work));
}

void facts_check(const struct provider *p, const struct account *account, enum provider_op_kind op,
    struct op_reply *r)
{
	if (r->overflow) {
		op_fail(r, VERDICT_RETRY, "%s listed more than %d items", p->title, OP_ITEMS_MAX);
		return;
	}
	if (!id_usable(r->account_id))
		r->account_id[0] = '\0';
	for (size_t i = 0; i < r->bill_count; i++) {
		disarm(r->bills[i].id);
		disarm(r->bills[i].mark);
	}
	check_offers(p, account, r);
	check_machines(p, r);
	check_storages(p, op, r);
	if (op_makes(op) && !is_named(op, r))
		op_fail(r, VERDICT_UNSURE, "%s did not say what it made", p->title);
	if (op == OP_DESCRIBE && r->verdict == VERDICT_OK && r->machine_count != 1)
		op_fail(r, VERDICT_RETRY, "%s did not describe the machine", p->title);
}

/* Only where names are unique, or a list tells, can an answer lead to a look at what is there. */
static bool may_look(enum provider_op_kind op, int status, enum verdict v)
{
	return v == VERDICT_MORE && op != OP_CREATE && status >= 200 && status < 500;
}

enum verdict facts_judge_made(const struct provider *p, enum provider_op_kind op, struct op_reply *r, int status, enum verdict v)
{
	if (status >= 500 && MUTANT("500_is_refused", false, true))
		return VERDICT_REFUSED;
	if (status < 200 || status >= 500 || status / 100 == 3 || status == 408)
		v = VERDICT_UNSURE;
	else if (may_look(op, status, v))
		return v;
	else if (v == VERDICT_OK && !is_named(op, r))
		v = VERDICT_UNSURE;
	else if (status < 300 && v != VERDICT_OK)
		v = VERDICT_UNSURE;
	else if (v == VERDICT_MORE || v == VERDICT_ABSENT)
		v = VERDICT_UNSURE;
	if (v != VERDICT_UNSURE)
		return v;
	r->id[0] = r->work[0] = '\0';
	r->destroy_now = false;
	if (!*r->message)
		op_fail(r, v, "%s answered %d to the create and did not say what it made", p->title,
		    status);
	return v;
}
