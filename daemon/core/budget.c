#include "core/budget.h"
#include "base/mutant.h"
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/storage.h"

#define LOOK_AGAIN   (5 * MINUTE) /* at what running machines have used, for the notices */
#define COUNT_AGAIN  (10 * SECOND)
#define MACHINE_NEEDS " with boot and teardown"

static const int thresholds[] = { 50, 80, 90, 100 };

static const char *campaign_of(const struct model *m, const struct fleet *f)
{
	const struct night *n = f ? model_night(m, f->night_id) : NULL;
	const struct campaign *c = n ? model_campaign(m, n->campaign_id) : NULL;

	return c ? c->name : "";
}

static bool has_label(const char *labels, const char *pair)
{
	size_t n = strlen(pair);

	for (const char *p = labels; (p = strstr(p, pair)); p += n)
		if ((p == labels || p[-1] == ',') && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

struct payer payer_of_fleet(const struct model *m, const struct fleet *f, const struct account_facts *a)
{
	return (struct payer){ f ? f->owner : "", f ? f->budget : "", campaign_of(m, f), f ? f->labels : "", a->name, a->provider, MACHINE_NEEDS };
}

struct payer payer_of_instance(const struct model *m, const struct instance *i)
{
	const struct fleet *f = model_fleet(m, i->fleet_id);

	return (struct payer){ f ? f->owner : "", f ? f->budget : "", campaign_of(m, f), f ? f->labels : "", i->account, i->provider, MACHINE_NEEDS };
}

struct payer payer_of_extra(const struct extra *x)
{
	return (struct payer){ x->owner, x->budget, "", "", x->account, x->provider, " until the day up to which it is kept" };
}

bool budget_counts(const struct budget *b, const struct payer *p)
{
	switch (b->scope) {
	case SCOPE_ALL: return true;
	case SCOPE_NAMED: return !strcmp(p->budget, b->name);
	case SCOPE_OWNER: return !strcmp(p->owner, b->subject);
	case SCOPE_CAMPAIGN: return !strcmp(p->campaign, b->subject);
	case SCOPE_PROVIDER: return !strcmp(p->account, b->subject) || !strcmp(p->provider, b->subject);
	case SCOPE_LABEL: return has_label(p->labels, b->subject);
	case SCOPES: break;
	}
	return false;
}

static bool counts_instance(const struct model *m, const struct budget *b, const struct instance *i)
{
	struct payer p = payer_of_instance(m, i);

	return budget_counts(b, &p);
}

static money held_by_storage(const struct model *m, const struct budget *b)
{
	const struct extra *x;
	money held = 0;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at))) {
		struct payer p = payer_of_extra(x);

		if (storage_kind_of(x) && budget_counts(b, &p))
			held = money_add(held, ledger_storage_held(x));
	}
	return held;
}

void budget_period(const struct budget *b, instant now, int64_t *first, int64_t *last)
{
	int64_t today = day_of(b->tz, now);

	switch (b->period) {
	case PERIOD_DAY: *first = *last = today; return;
	case PERIOD_WEEK:
		*first = day_of_week_begin(today);
		*last = *first + 6;
		return;
	case PERIOD_MONTH:
		*first = day_of_month_begin(today);
		*last = day_of_next_month(today) - 1;
		return;
	case PERIOD_ROLLING:
		*first = today - b->rolling_days + 1;
		*last = today;
		return;
	case PERIOD_TOTAL:
	case PERIODS: break;
	}
	*first = INT64_MIN;
	*last = INT64_MAX;
}

money budget_spent(const struct budget *b, instant now)
{
	int64_t first, last;

	budget_period(b, now, &first, &last);
	return days_sum(&b->days, first, last);
}

money budget_held(const struct model *m, const struct budget *b, instant now, money *running)
{
	money held = held_by_storage(m, b);

	if (running)
		*running = 0;
	for (size_t k = 0; k < m->account_count; k++)
		list_for_each(n, &m->accounts[k]->instance_list) {
			const struct instance *i = CONTAINER_OF(n, struct instance, account_link);
			money used;

			if (i->state == INSTANCE_GONE || !counts_instance(m, b, i))
				continue;
			held = money_add(held, ledger_held(i));
			used = running ? cost_of_instance(&m->accounts[k]->facts, i, now) - i->posted : 0;
			if (used > 0)
				*running = money_add(*running, used);
		}
	return held;
}

/* ---- admission ---- */

bool budgets_counted(const struct model *m)
{
	const struct budget *b;
	size_t at = 0;

	while ((b = model_each(&m->budgets, &at)))
		if (!b->deleted && !b->warn_only && !b->counted)
			return false;
	return true;
}

static const char *per(const struct budget *b, char text[32])
{
	if (b->period == PERIOD_ROLLING)
		snprintf(text, 32, " in %d days", b->rolling_days);
	else if (b->period == PERIOD_TOTAL)
		snprintf(text, 32, " in all");
	else
		snprintf(text, 32, " a %s", period_name(b->period));
	return text;
}

static void say_why(const struct model *m, const struct budget *b, const struct payer *p, money hold, instant now, char why[TEXT_MAX])
{
	char need[32], left[32], cap[32], spent[32], held[32], period[32];
	money is_spent = budget_spent(b, now), is_held = budget_held(m, b, now, NULL), rest = b->cap - is_spent - is_held;

	money_format(hold, need);
	money_format(rest > 0 ? rest : 0, left);
	money_format(b->cap, cap);
	money_format(is_spent, spent);
	money_format(is_held, held);
	snprintf(why, TEXT_MAX, "it needs %.24s%s; budget '%.40s' has %.24s left of %.24s%.20s (%.24s spent, %.24s held)",
	    need, p->needs, b->name, left, cap, per(b, period), spent, held);
}

bool budgets_admit(const struct model *m, const struct payer *p, money hold, instant now, money *left, char why[TEXT_MAX])
{
	const struct budget *b;
	size_t at = 0;
	bool admits = true;

	*left = INT64_MAX;
	if (hold <= 0)
		return true;
	while ((b = model_each(&m->budgets, &at))) {
		money rest;

		if (b->deleted || b->warn_only || !budget_counts(b, p))
			continue;
		if (!b->counted) {
			*left = 0;
			snprintf(why, TEXT_MAX, "budget '%s' is being counted; try again in a moment", b->name);
			return false;
		}
		rest = b->cap - budget_spent(b, now) - MUTANT("held_is_free", budget_held(m, b, now, NULL), 0);
		if (rest >= *left)
			continue;
		*left = rest;
		if (hold > rest) {
			admits = false;
			say_why(m, b, p, hold, now, why);
		}
	}
	return admits;
}

/* ---- counting ---- */

void budgets_count(struct model *m, const struct payer *payer, const struct posting *p)
{
	struct budget *b;
	size_t at = 0;

	while ((b = model_each(&m->budgets, &at))) {
		if (b->deleted || !budget_counts(b, payer))
			continue;
		days_spread(&b->days, b->tz, p->since, p->until, MUTANT("spending_not_counted", p->amount, 0));
		core_touch(m, &b->object);
	}
}

/* What was booked before: the rest of what there is to know. */
static void counted(struct model *m, struct budget *b, const struct fact *f)
{
	struct fleet *fleet;
	size_t at = 0;

	b->activity = ACTIVITY_NONE;
	if (f->verdict != VERDICT_OK || f->count != b->counted_to || !days_read(&b->days, f->text)) {
		b->tries++;
		b->retry_at = m->now + core_backoff(b->tries, COUNT_AGAIN);
		core_touch(m, &b->object);
		return;
	}
	b->counted = true;
	core_touch(m, &b->object);
	while ((fleet = model_each(&m->fleets, &at)))
		if (fleet->state == FLEET_OPEN)
			core_touch(m, &fleet->object);
}

/* From the ledger, up to here; what is booked from now on is added as it is booked. */
void budget_count_anew(struct model *m, struct budget *b)
{
	days_free(&b->days);
	b->counted = false;
	b->counted_to = m->next_posting;
	b->activity = ACTIVITY_NONE;
	core_touch(m, &b->object);
}

/* ---- what people say ---- */

static void describe(const struct budget *b, char text[TEXT_MAX])
{
	char cap[32], period[32];

	money_format(b->cap, cap);
	snprintf(text, TEXT_MAX, "%s%s for %s%s%.60s, %.30s%s%s%.40s", cap, per(b, period), scope_name(b->scope), *b->subject ? " " : "", b->subject,
	    *b->zone ? b->zone : "UTC", b->warn_only ? ", warn only" : "", *b->notify ? ", notify " : "", b->notify);
}

static bool same_count(const struct budget *a, const struct budget *b)
{
	return a->scope == b->scope && !strcmp(a->subject, b->subject) && !strcmp(a->zone, b->zone) && !strcmp(a->name, b->name);
}

/* The newest fleets end first, until what is left fits under the cap. */
static void drain(struct model *m, struct budget *b, const char *actor)
{
	money over = budget_spent(b, m->now) + budget_held(m, b, m->now, NULL) - b->cap;

	while (over > 0) {
		struct fleet *f, *newest = NULL;
		size_t at = 0;

		while ((f = model_each(&m->fleets, &at)))
			if (f->state == FLEET_OPEN && (!newest || f->object.id > newest->object.id) && !list_empty(&f->instance_list))
				list_for_each(n, &f->instance_list)
					if (INSTANCE_OF(n)->state != INSTANCE_GONE && counts_instance(m, b, INSTANCE_OF(n)))
						newest = f;
		if (!newest)
			return;
		list_for_each(n, &newest->instance_list)
			if (counts_instance(m, b, INSTANCE_OF(n)))
				over -= ledger_held(INSTANCE_OF(n));
		fleet_close(m, newest, CAUSE_MONEY, actor, "budget '%s' was lowered below what it held", b->name);
	}
}

static void set_budget(struct model *m, struct fact *f)
{
	const struct budget *want = f->budget;
	struct budget *b = model_budget_by_name(m, want->name), row = *want;
	char was[TEXT_MAX] = "", is[TEXT_MAX];
	bool fresh = !b;

	if (fresh) {
		row.object.id = m->next_id;
		row.created = m->now;
		b = model_add_budget(m, &row);
		budget_count_anew(m, b);
	} else {
		bool same = same_count(b, want);

		describe(b, was);
		b->scope = want->scope;
		str_copy(b->subject, want->subject);
		b->period = want->period;
		b->rolling_days = want->rolling_days;
		b->cap = want->cap;
		b->warn_only = want->warn_only;
		str_copy(b->notify, want->notify);
		if (!same) {
			str_copy(b->zone, want->zone);
			zone_free(b->tz);
			b->tz = m->find_zone && *b->zone ? m->find_zone(b->zone) : NULL;
			budget_count_anew(m, b);
		}
		b->told = 0; /* what holds for the new cap is said anew */
	}
	str_copy(b->actor, f->actor ? f->actor : "daemon");
	b->updated = m->now;
	b->version++;
	describe(b, is);
	core_event(m, &b->object, "", "set", "SET", CAUSE_NONE, f->actor, "%s: %.100s%s%.100s", b->name, is, fresh ? "" : "; it was ", was);
	core_dirty(m, &b->object);
	core_touch(m, &b->object);
	if (f->flag)
		drain(m, b, f->actor);
	f->answer_id = b->object.id;
}

static void delete_budget(struct model *m, struct fact *f)
{
	struct budget *b = model_budget(m, f->id);
	char was[TEXT_MAX];

	if (!b || b->deleted) {
		err_set(&f->error, ERR_NOT_FOUND, "no such budget");
		return;
	}
	describe(b, was);
	b->deleted = m->now;
	b->version++;
	str_copy(b->actor, f->actor ? f->actor : "daemon");
	core_event(m, &b->object, "SET", "delete", "DELETED", CAUSE_NONE, f->actor, "%s: it was %.180s", b->name, was);
	core_dirty(m, &b->object);
	f->answer_id = b->object.id;
}

void budget_apply(struct model *m, struct fact *f)
{
	struct budget *b = f->kind == FACT_COUNTED ? model_budget(m, f->id) : NULL;

	if (f->kind == FACT_BUDGET_SET)
		set_budget(m, f);
	else if (f->kind == FACT_BUDGET_DELETE)
		delete_budget(m, f);
	else if (b && !b->counted && b->activity == ACTIVITY_COUNT)
		counted(m, b, f);
}

/* ---- notices ---- */

static void tell(struct model *m, struct budget *b, money spent, int percent)
{
	char is[32], cap[32], period[32], news[16];

	money_format(spent, is);
	money_format(b->cap, cap);
	snprintf(news, sizeof(news), "%d%%", percent);
	core_event(m, &b->object, "SET", "reached", "SET", percent >= 100 ? CAUSE_MONEY : CAUSE_NONE, NULL, "%s: %s of %s%s is spent (%s)", b->name,
	    is, cap, per(b, period), news);
	if (*b->notify)
		notice_budget(m, b, news);
}

/* The highest threshold that is newly reached, once in a period. */
static void watch_thresholds(struct model *m, struct budget *b, instant now)
{
	int64_t first, last;
	money running, spent = budget_spent(b, now);
	int reached = 0;

	budget_period(b, now, &first, &last);
	budget_held(m, b, now, &running);
	spent = money_add(spent, running);
	if (b->told && b->told_period != first && b->period != PERIOD_ROLLING) {
		b->told = 0;
		core_dirty(m, &b->object);
	}
	for (size_t k = 0; k < ARRAY_LEN(thresholds); k++)
		if ((__int128)spent * 100 >= (__int128)b->cap * thresholds[k] && b->cap > 0)
			reached = thresholds[k];
	/* A window that rolls comes back below: it is told again when it is reached again. */
	if (reached <= b->told && !(b->period == PERIOD_ROLLING && reached < b->told))
		return;
	if (reached > b->told)
		tell(m, b, spent, reached);
	b->told = reached;
	b->told_period = first;
	b->version++;
	core_dirty(m, &b->object);
}

void budget_decide(struct model *m, struct budget *b, instant now, struct actions *out)
{
	bool live = false;

	if (b->deleted)
		return;
	if (!b->counted) {
		if (b->activity || now < b->retry_at) {
			core_wake(m, &b->object, b->activity ? FOREVER : b->retry_at);
			return;
		}
		b->activity = ACTIVITY_COUNT;
		actions_add(out, ACTION_COUNT, b->object.id);
		return;
	}
	watch_thresholds(m, b, now);
	for (size_t k = 0; k < m->account_count && !live; k++)
		live = m->accounts[k]->live > 0;
	if (live)
		core_wake(m, &b->object, now + LOOK_AGAIN);
}
