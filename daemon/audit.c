#include "audit.h"
#include "base/str.h"

#define FRESH        (2 * MINUTE)  /* a machine that was made this lately may not be listed yet */
#define DELETE_ALARM (15 * MINUTE) /* reliability §2.8: by then somebody should look */

struct judging {
	const struct audit *a;
	struct history *h;
	json_t *billing, *findings, *pending;
	money rate;
};

struct audit *audit_new(size_t accounts, size_t machines)
{
	size_t at_accounts = sizeof(struct audit), at_machines = at_accounts + accounts * sizeof(struct audit_account);
	struct audit *a = xcalloc(1, at_machines + machines * sizeof(struct machine));

	a->accounts = (struct audit_account *)(void *)((char *)a + at_accounts);
	a->machines = (struct machine *)(void *)((char *)a + at_machines);
	a->account_count = accounts;
	a->machine_count = machines;
	return a;
}

static void put(json_t *list, const char *account, const char *kind, const char *id, const char *fmt, ...) PRINTF_LIKE(5, 6);
static void put(json_t *list, const char *account, const char *kind, const char *id, const char *fmt, ...)
{
	json_t *o = json_object();
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_put_str(o, "account", account);
	json_put_str(o, "kind", kind);
	json_put_str(o, "id", id);
	json_put_str(o, "text", text);
	json_array_append_new(list, o);
}

/* ---- what is listed ---- */

enum whose { OURS, UNKNOWN, OTHER_SITE, FORGED, FOREIGN };

/* The row that a listed machine belongs to, or NULL. */
static int row_of(struct judging *j, const struct audit_account *a, const struct machine *m, json_t **row, struct err *e)
{
	return history_machine(j->h, a->name, m->id, m->mark, row, e);
}

static enum whose judge_machine(struct judging *j, const struct audit_account *a, const struct machine *m, const json_t *row)
{
	const char *state = json_str(row, "state", "");
	struct mark mark = { .deadline = 0 };
	enum mark_verdict v = mark_read(&mark, m->mark, j->a->key, a->provider, j->a->site);
	char over[24];

	if (v == MARK_OTHER)
		return OTHER_SITE;
	if (v == MARK_FORGED) {
		put(j->findings, a->name, "forged", m->id, "%s is called %s, but this site's key did not make that name", m->id, m->mark);
		return FORGED;
	}
	if (v == MARK_OURS && j->a->now > mark.deadline) {
		duration_format(j->a->now - mark.deadline, over);
		put(j->findings, a->name, "overdue", m->id, "%s is still there %s behind its deadline", m->id, over);
	}
	if (!row) {
		if (v != MARK_OURS)
			return FOREIGN;
		put(j->findings, a->name, "orphan", m->id, "%s is ours by its name, but the database does not know it", m->id);
		return UNKNOWN;
	}
	if (!strcmp(state, "GONE") && (v == MARK_OURS || !*m->mark)) {
		put(j->findings, a->name, "resurrected", m->id, "%s is listed, but the database says it is gone", m->id);
		return OURS;
	}
	/* Known by its id, and now with somebody else's name. */
	return v == MARK_OURS || !*m->mark ? OURS : FOREIGN;
}

static void put_billing(struct judging *j, const struct audit_account *a, const struct machine *m, const json_t *row, enum whose w)
{
	static const char *const words[] = { "ours", "unknown", "other_site", "forged", "foreign" };
	struct mark mark = { .deadline = 0 };
	money price = m->price_hour;
	json_t *o = json_object();

	if (!price)
		json_money(row, "price_hour", &price);
	mark_read(&mark, m->mark, j->a->key, a->provider, j->a->site);
	json_put_str(o, "account", a->name);
	json_put_str(o, "id", m->id);
	json_put_str(o, "name", m->mark);
	json_put_str(o, "whose", words[w]);
	json_put_str(o, "fleet", w == OURS ? json_str(row, "fleet", "") : "");
	json_put_int(o, "instance", w == OURS ? json_int(row, "id", 0) : 0);
	json_put_str(o, "state", w == OURS ? json_str(row, "state", "") : "");
	json_put_str(o, "gpu", *m->gpu ? m->gpu : json_str(row, "gpu", ""));
	json_put_int(o, "gpu_count", m->gpu_count ? m->gpu_count : json_int(row, "gpu_count", 0));
	if (price)
		json_put_money(o, "price_hour", price);
	else
		json_put(o, "price_hour", json_null());
	json_put_time(o, "deadline", mark.deadline);
	json_array_append_new(j->billing, o);
}

struct sums {
	int machines, ours, others, unknown;
	money rate, all_rate; /* of ours and unknown; of everything listed */
	bool priced;          /* every machine has a price */
};

/* Two machines of one create. */
static void check_twins(struct judging *j, const struct audit_account *a)
{
	const struct machine *m = j->a->machines + a->first;
	struct mark mark;

	for (size_t k = 0; k < a->count; k++) {
		if (m[k].over || mark_read(&mark, m[k].mark, j->a->key, a->provider, j->a->site) != MARK_OURS)
			continue;
		for (size_t n = 0; n < k; n++)
			if (!m[n].over && mark_same_intent(m[n].mark, m[k].mark))
				put(j->findings, a->name, "twin", m[k].id, "%s and %s come from one create", m[n].id, m[k].id);
	}
}

static int judge_listing(struct judging *j, const struct audit_account *a, struct sums *s, struct err *e)
{
	s->priced = true;
	for (size_t k = 0; k < a->count; k++) {
		const struct machine *m = &j->a->machines[a->first + k];
		money price = m->price_hour;
		json_t *row = NULL;
		enum whose w;

		if (m->over)
			continue;
		if (row_of(j, a, m, &row, e) < 0)
			return -1;
		w = judge_machine(j, a, m, row);
		if (!price)
			json_money(row, "price_hour", &price);
		s->machines++;
		s->ours += w == OURS;
		s->unknown += w == UNKNOWN;
		s->others += w > UNKNOWN;
		s->priced &= price > 0;
		s->all_rate = money_add(s->all_rate, price);
		if (w <= UNKNOWN)
			s->rate = money_add(s->rate, price);
		put_billing(j, a, m, row, w);
		json_decref(row);
	}
	check_twins(j, a);
	return 0;
}

/* ---- the provider's own figures ---- */

static void compare_counters(struct judging *j, const struct audit_account *a, const struct sums *s)
{
	const struct balance *b = &a->balance;
	money off = b->hourly > s->all_rate ? b->hourly - s->all_rate : s->all_rate - b->hourly;
	char theirs[32], listed[32];

	if (b->machines >= 0 && b->machines != s->machines)
		put(j->findings, a->name, "count", "", "%s counts %d machine%s and lists %d", a->title, b->machines,
		    b->machines == 1 ? "" : "s", s->machines);
	if (a->strays) {
		money_format(a->stray_sum, theirs);
		put(j->findings, a->name, "stray_charge", a->stray, "%s charges %s for %d machine%s of ours that nobody here knows", a->title, theirs,
		    a->strays, a->strays == 1 ? "" : "s");
	}
	/* Prices are rounded, and disks are charged apart at some. */
	if (b->hourly_known && s->priced && off > CENT && off > s->all_rate / 20) {
		money_format(b->hourly, theirs);
		money_format(s->all_rate, listed);
		put(j->findings, a->name, "rate", "", "%s says %s an hour, what it lists adds up to %s", a->title, theirs, listed);
	}
}

static int judge_account(struct judging *j, const struct audit_account *a, json_t *list, struct err *e)
{
	struct sums s = { .machines = 0 };
	const struct balance *b = &a->balance;
	money rate;
	json_t *o;

	if (judge_listing(j, a, &s, e) < 0)
		return -1;
	if (!a->local && !a->listed)
		put(j->findings, a->name, "unlisted", "", "%s could not be listed, so nothing is proved there: %s", a->title, a->message);
	if (a->listed)
		compare_counters(j, a, &s);
	rate = b->hourly_known ? b->hourly : s.all_rate;
	/* Hot Aisle's listing has no prices: what is only ours burns what the account burns. */
	if (!s.priced && !s.others && b->hourly_known)
		s.rate = b->hourly;
	j->rate = money_add(j->rate, s.rate);
	o = json_object();
	json_put_str(o, "account", a->name);
	json_put_str(o, "provider", a->provider);
	json_put_str(o, "title", a->title);
	json_put(o, "listed", a->local ? json_null() : json_boolean(a->listed));
	json_put_str(o, "message", a->message);
	json_put_int(o, "machines", s.machines);
	json_put_int(o, "ours", s.ours);
	json_put_int(o, "unknown", s.unknown);
	json_put_int(o, "others", s.others);
	json_put_money(o, "rate_hour", s.rate);
	json_put(o, "counted", b->machines >= 0 && a->listed ? json_integer(b->machines) : json_null());
	if (b->hourly_known)
		json_put_money(o, "counted_rate_hour", b->hourly);
	else
		json_put(o, "counted_rate_hour", json_null());
	if (b->known)
		json_put_money(o, "balance", b->available);
	else
		json_put(o, "balance", json_null());
	json_put(o, "hours_left", b->known && rate > 0 ? json_real((double)(b->available * 10 / rate) / 10.0) : json_null());
	json_array_append_new(list, o);
	return 0;
}

/* ---- what the database says is not over ---- */

static const struct audit_account *account_named(const struct audit *a, const char *name)
{
	for (size_t k = 0; k < a->account_count; k++)
		if (!strcmp(a->accounts[k].name, name))
			return &a->accounts[k];
	return NULL;
}

static bool is_listed(const struct audit *all, const struct audit_account *a, const char *id)
{
	for (size_t k = 0; k < a->count; k++)
		if (!strcmp(all->machines[a->first + k].id, id) && !all->machines[a->first + k].over)
			return true;
	return false;
}

static void judge_open(struct judging *j, const json_t *row)
{
	const char *name = json_str(row, "account", ""), *state = json_str(row, "state", ""), *id = json_str(row, "provider_id", "");
	const struct audit_account *a = account_named(j->a, name);
	long long number = (long long)json_int(row, "id", 0);
	instant sent = 0, created = 0, deleting = 0;
	char ago[24];

	json_time(row, "sent", &sent);
	json_time(row, "created", &created);
	json_time(row, "deleting_at", &deleting);
	if (!strcmp(state, "PLANNED")) {
		put(j->pending, name, "planned", "", "instance %lld is planned; nothing was sent", number);
	} else if (!a) {
		put(j->findings, name, "unconfigured", id, "instance %lld is %s, but account '%s' is not configured any more", number, state,
		    name);
	} else if (!strcmp(state, "DISPATCHING") || !strcmp(state, "AMBIGUOUS")) {
		duration_format(j->a->now > sent ? j->a->now - sent : 0, ago);
		put(j->a->now - sent > 2 * j->a->settle ? j->findings : j->pending, name, "unanswered", "",
		    "the create of instance %lld, sent %s ago, has no certain answer yet", number, ago);
	} else if (!strcmp(state, "DELETING")) {
		duration_format(j->a->now > deleting ? j->a->now - deleting : 0, ago);
		put(j->a->now - deleting > DELETE_ALARM ? j->findings : j->pending, name, "deleting", id,
		    "instance %lld is being deleted since %s%s", number, ago, a->local || is_listed(j->a, a, id) ? "" : " and not listed any more");
	} else if (a->listed && !is_listed(j->a, a, id)) {
		put(j->a->now - created > FRESH ? j->findings : j->pending, name, "missing", id,
		    "instance %lld is %s as %s, but %s does not list it", number, state, id, a->title);
	}
}

static void judge_unproved(struct judging *j, const json_t *row)
{
	put(j->findings, json_str(row, "account", ""), "unproved", json_str(row, "provider_id", ""),
	    "instance %lld is GONE without evidence for it in the database", (long long)json_int(row, "id", 0));
}

/* ---- the whole ---- */

static int by_price(const void *a, const void *b)
{
	double x = json_num(*(json_t *const *)a, "price_hour", 0), y = json_num(*(json_t *const *)b, "price_hour", 0);

	return (x < y) - (x > y);
}

/* A new array with the dearest first. */
static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list), k;
	json_t **rows = xcalloc(n ? n : 1, sizeof(*rows)), *out = json_array(), *row;

	json_array_foreach(list, k, row)
		rows[k] = row;
	qsort(rows, n, sizeof(*rows), by_price);
	for (k = 0; k < n; k++)
		json_array_append(out, rows[k]);
	free(rows);
	json_decref(list);
	return out;
}

int audit_judge(const struct audit *a, struct history *h, json_t **out, struct err *e)
{
	struct judging j = { .a = a, .h = h, .billing = json_array(), .findings = json_array(), .pending = json_array() };
	json_t *accounts = json_array(), *past = NULL, *row;
	int r = history_audit(h, &past, e);
	size_t k;

	for (k = 0; r == 0 && k < a->account_count; k++)
		r = judge_account(&j, &a->accounts[k], accounts, e);
	if (r == 0) {
		json_array_foreach(json_object_get(past, "open"), k, row)
			judge_open(&j, row);
		json_array_foreach(json_object_get(past, "unproved"), k, row)
			judge_unproved(&j, row);
		*out = json_object();
		json_put_bool(*out, "ok", json_array_size(j.findings) == 0);
		json_put_time(*out, "time", a->now);
		json_put(*out, "intents", json_incref(json_object_get(past, "intents")));
		json_put(*out, "extras", json_incref(json_object_get(past, "extras")));
		json_put(*out, "accounts", json_incref(accounts));
		j.billing = sorted(j.billing);
		json_put(*out, "billing", json_incref(j.billing));
		json_put_money(*out, "rate_hour", j.rate);
		json_put(*out, "findings", json_incref(j.findings));
		json_put(*out, "pending", json_incref(j.pending));
	}
	json_decref(past);
	json_decref(accounts);
	json_decref(j.billing);
	json_decref(j.findings);
	json_decref(j.pending);
	return r;
}
