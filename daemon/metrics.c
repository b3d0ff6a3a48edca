#include "metrics.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/ledger.h"
#include "view.h"

#include <ctype.h>

#define PROVIDERS_MAX 32

/* ---- the format ---- */

void metrics_label(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buf_putc(out, '\\');
		if (*text == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *text);
	}
}

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME{key="value",key2="value2"} and the space behind it; without keys that are NULL. */
static void series(struct buf *out, const char *name, const char *key, const char *value, const char *key2, const char *value2)
{
	buf_puts(out, name);
	if (key) {
		buf_printf(out, "{%s=\"", key);
		metrics_label(out, value);
		if (key2) {
			buf_printf(out, "\",%s=\"", key2);
			metrics_label(out, value2);
		}
		buf_puts(out, "\"}");
	}
	buf_putc(out, ' ');
}

static void put_count(struct buf *out, int64_t n)
{
	buf_printf(out, "%lld\n", (long long)n);
}

static void put_dollars(struct buf *out, money m)
{
	char text[32];

	money_decimal(m, text);
	buf_printf(out, "%s\n", text);
}

static void put_seconds(struct buf *out, duration d)
{
	buf_printf(out, "%.6f\n", (double)d / (double)SECOND);
}

static void one_count(struct buf *out, const char *name, const char *type, const char *help, int64_t n)
{
	family(out, name, type, help);
	series(out, name, NULL, NULL, NULL, NULL);
	put_count(out, n);
}

static void one_duration(struct buf *out, const char *name, const char *type, const char *help, duration d)
{
	family(out, name, type, help);
	series(out, name, NULL, NULL, NULL, NULL);
	put_seconds(out, d);
}

static void lower(char *out, size_t size, const char *word)
{
	size_t n = 0;

	for (; word[n] && n + 1 < size; n++)
		out[n] = (char)tolower((unsigned char)word[n]);
	out[n] = '\0';
}

/* ---- machines ---- */

struct provider_sums {
	const char *name;
	int64_t states[INSTANCE_STATES], gpus;
	money hourly, held, metered;
};

struct sums {
	struct provider_sums of[PROVIDERS_MAX];
	size_t count;
	instant oldest_delete; /* 0: there is none */
	struct budget_sum {
		const struct budget *budget;
		bool counts; /* the machines that are being looked at */
		money held;
	} *budgets;
	size_t budget_count;
};

static void list_budgets(struct sums *s, const struct model *m)
{
	const struct budget *b;
	size_t at = 0;

	s->budgets = xcalloc(m->budgets.count + 1, sizeof(*s->budgets));
	while ((b = model_each(&m->budgets, &at)))
		if (!b->deleted)
			s->budgets[s->budget_count++].budget = b;
}

static struct provider_sums *sums_of(struct sums *s, const char *provider)
{
	for (size_t k = 0; k < s->count; k++)
		if (!strcmp(s->of[k].name, provider))
			return &s->of[k];
	if (s->count < PROVIDERS_MAX)
		s->of[s->count++].name = provider;
	return &s->of[s->count - 1];
}

/* Machines of one fleet at one account are for the same budgets, and mostly stand together. */
static void match_budgets(struct sums *s, const struct model *m, const struct instance *i)
{
	struct payer p = payer_of_instance(m, i);

	for (size_t k = 0; k < s->budget_count; k++)
		s->budgets[k].counts = budget_counts(s->budgets[k].budget, &p);
}

static void add_instance(struct sums *s, struct provider_sums *p, const struct account_state *a, const struct instance *i, instant now)
{
	p->states[i->state]++;
	p->gpus += i->gpu_count;
	p->held = money_add(p->held, ledger_held(i));
	p->metered = money_add(p->metered, cost_of_instance(&a->facts, i, now));
	if (i->meter_start && !i->meter_end)
		p->hourly = money_add(p->hourly, i->price_hour);
	if (i->state == INSTANCE_DELETING && i->deleting_at && (!s->oldest_delete || i->deleting_at < s->oldest_delete))
		s->oldest_delete = i->deleting_at;
}

static void sum_instances(struct sums *s, const struct model *m, instant now)
{
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];
		struct provider_sums *p = sums_of(s, a->facts.provider);
		int64_t matched = -1;

		list_for_each(n, &a->instance_list) {
			const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

			if (i->state == INSTANCE_GONE)
				continue;
			add_instance(s, p, a, i, now);
			if (s->budget_count && i->fleet_id != matched)
				match_budgets(s, m, i);
			matched = i->fleet_id;
			for (size_t b = 0; b < s->budget_count; b++)
				if (s->budgets[b].counts)
					s->budgets[b].held = money_add(s->budgets[b].held, ledger_held(i));
		}
	}
}

/* Volumes and snapshots are held for, too, and are few. */
static void sum_storage(struct sums *s, const struct model *m, money *month)
{
	const struct extra *x;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at))) {
		struct payer p;

		if (x->kind == EXTRA_KEY || x->state == EXTRA_GONE)
			continue;
		if (x->state >= EXTRA_LIVE)
			*month = money_add(*month, x->price_month);
		p = payer_of_extra(x);
		for (size_t k = 0; k < s->budget_count; k++)
			if (budget_counts(s->budgets[k].budget, &p))
				s->budgets[k].held = money_add(s->budgets[k].held, ledger_storage_held(x));
	}
}

static void put_provider_dollars(struct buf *out, const struct sums *s, const char *name, const char *help, size_t offset)
{
	family(out, name, "gauge", help);
	for (size_t k = 0; k < s->count; k++) {
		series(out, name, "provider", s->of[k].name, NULL, NULL);
		put_dollars(out, *(const money *)(const void *)((const char *)&s->of[k] + offset));
	}
}

static void put_machines(struct buf *out, const struct sums *s, instant now)
{
	char state[32];

	family(out, "gpufleet_instances", "gauge", "Machines that are not proved gone, by provider and state.");
	for (size_t k = 0; k < s->count; k++)
		for (int n = 0; n < INSTANCE_STATES; n++) {
			if (n == INSTANCE_GONE)
				continue;
			lower(state, sizeof(state), instance_fsm.state_names[n]);
			series(out, "gpufleet_instances", "provider", s->of[k].name, "state", state);
			put_count(out, s->of[k].states[n]);
		}
	family(out, "gpufleet_gpus", "gauge", "GPUs of these machines.");
	for (size_t k = 0; k < s->count; k++) {
		series(out, "gpufleet_gpus", "provider", s->of[k].name, NULL, NULL);
		put_count(out, s->of[k].gpus);
	}
	put_provider_dollars(out, s, "gpufleet_hourly_dollars", "What the machines that are metered now cost an hour.",
	    offsetof(struct provider_sums, hourly));
	put_provider_dollars(out, s, "gpufleet_held_dollars", "Reserved for machines that are not proved gone, and not booked.",
	    offsetof(struct provider_sums, held));
	put_provider_dollars(out, s, "gpufleet_metered_dollars", "What the machines that are not proved gone have cost until now, by our clock.",
	    offsetof(struct provider_sums, metered));
	one_duration(out, "gpufleet_delete_unproved_seconds", "gauge", "Age of the oldest delete that is not proved; 0: there is none.",
	    s->oldest_delete && now > s->oldest_delete ? now - s->oldest_delete : 0);
}

/* ---- fleets, runs, notices ---- */

static void put_fleets(struct buf *out, const struct model *m)
{
	static const char *const phases[] = { "placing", "booting", "ready", "busy", "kept", "closing" };
	int64_t fleets[ARRAY_LEN(phases)] = { 0 }, runs[RUN_STATES] = { 0 };
	const struct fleet *f;
	size_t at = 0;
	char state[32];

	while ((f = model_each(&m->fleets, &at))) {
		const char *phase = f->state == FLEET_CLOSED ? NULL : view_phase(f);

		if (!phase)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(phases); k++)
			fleets[k] += !strcmp(phases[k], phase);
		list_for_each(n, &f->run_list)
			runs[RUN_OF(n)->state] += RUN_OF(n)->rank == 0;
	}
	family(out, "gpufleet_fleets", "gauge", "Fleets that are not closed, by state.");
	for (size_t k = 0; k < ARRAY_LEN(phases); k++) {
		series(out, "gpufleet_fleets", "state", phases[k], NULL, NULL);
		put_count(out, fleets[k]);
	}
	family(out, "gpufleet_runs", "gauge", "Runs that are not over, by state.");
	for (int k = 0; k < RUN_STATES; k++) {
		if (k == RUN_DONE)
			continue;
		lower(state, sizeof(state), run_fsm.state_names[k]);
		series(out, "gpufleet_runs", "state", state, NULL, NULL);
		put_count(out, runs[k]);
	}
}

static void put_notices(struct buf *out, const struct model *m)
{
	const struct notice *n;
	int64_t waiting = 0;
	size_t at = 0;

	while ((n = model_each(&m->notices, &at)))
		waiting += n->state == NOTICE_WAITING;
	one_count(out, "gpufleet_notices_waiting", "gauge", "Messages to webhooks that were not taken.", waiting);
}

/* ---- budgets ---- */

static void put_budgets(struct buf *out, const struct sums *s, instant now)
{
	static const char *const names[] = { "gpufleet_budget_cap_dollars", "gpufleet_budget_spent_dollars", "gpufleet_budget_held_dollars" };
	static const char *const helps[] = { "The cap of a budget.", "Booked in the budget's period; absent while it is counted.",
		"Held for what lives and not booked." };

	for (size_t which = 0; which < ARRAY_LEN(names); which++) {
		family(out, names[which], "gauge", helps[which]);
		for (size_t k = 0; k < s->budget_count; k++) {
			const struct budget *b = s->budgets[k].budget;

			if (which == 1 && !b->counted)
				continue;
			series(out, names[which], "budget", b->name, NULL, NULL);
			put_dollars(out, which == 0 ? b->cap : which == 1 ? budget_spent(b, now) : s->budgets[k].held);
		}
	}
}

/* ---- accounts ---- */

static void put_accounts(struct buf *out, const struct model *m, instant now)
{
	family(out, "gpufleet_account_up", "gauge", "1: the account answered its last question; 0: it did not. Absent before the first.");
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!a->listed_at && !*a->trouble && !a->facts.local)
			continue;
		series(out, "gpufleet_account_up", "account", a->facts.name, "provider", a->facts.provider);
		put_count(out, !*a->trouble);
	}
	family(out, "gpufleet_account_listing_age_seconds", "gauge", "Since the last complete listing of the account.");
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!a->listed_at)
			continue;
		series(out, "gpufleet_account_listing_age_seconds", "account", a->facts.name, "provider", a->facts.provider);
		put_seconds(out, now > a->listed_at ? now - a->listed_at : 0);
	}
	family(out, "gpufleet_account_balance_dollars", "gauge", "What the provider said is left, where it tells.");
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!a->balance.known)
			continue;
		series(out, "gpufleet_account_balance_dollars", "account", a->facts.name, "provider", a->facts.provider);
		put_dollars(out, a->balance.available);
	}
	family(out, "gpufleet_account_unmanaged_instances", "gauge", "Machines in the account that are not ours, at the last listing.");
	for (size_t k = 0; k < m->account_count; k++) {
		series(out, "gpufleet_account_unmanaged_instances", "account", m->accounts[k]->facts.name, "provider",
		    m->accounts[k]->facts.provider);
		put_count(out, m->accounts[k]->unmanaged);
	}
}

/* Since the start of the process, by account of the configuration. */
static void put_counters(struct buf *out, const struct metrics *m)
{
	static const char *const outcomes[REQUEST_OUTCOMES] = { "ok", "limited", "refused", "failed", "unanswered" };

	family(out, "gpufleet_booked_dollars_total", "counter", "Metered and booked in the ledger: at changes, and of what runs at midnight.");
	for (size_t k = 0; k < m->config->account_count; k++) {
		series(out, "gpufleet_booked_dollars_total", "account", m->config->accounts[k].name, "provider", m->config->accounts[k].provider);
		put_dollars(out, m->booked[k].used);
	}
	family(out, "gpufleet_adjusted_dollars", "gauge", "What providers' bills changed of what was booked, since the start.");
	for (size_t k = 0; k < m->config->account_count; k++) {
		series(out, "gpufleet_adjusted_dollars", "account", m->config->accounts[k].name, "provider", m->config->accounts[k].provider);
		put_dollars(out, m->booked[k].adjusted);
	}
	family(out, "gpufleet_provider_requests_total", "counter",
	    "Requests to providers: ok (2xx), limited (429), refused (other 4xx), failed (the rest), unanswered.");
	for (size_t k = 0; k < m->config->account_count; k++)
		for (size_t o = 0; o < REQUEST_OUTCOMES; o++) {
			buf_printf(out, "gpufleet_provider_requests_total{account=\"%s\",provider=\"%s\",outcome=\"%s\"} ",
			    m->config->accounts[k].name, m->config->accounts[k].provider, outcomes[o]); /* names, all of them */
			put_count(out, m->requests[k].count[o]);
		}
}

/* ---- the daemon itself ---- */

static void put_engine(struct buf *out, const struct metrics *m)
{
	family(out, "gpufleet_engine_turn_seconds", "summary", "Turns of the engine and the time that they took.");
	series(out, "gpufleet_engine_turn_seconds_sum", NULL, NULL, NULL, NULL);
	put_seconds(out, m->health.turn_time);
	series(out, "gpufleet_engine_turn_seconds_count", NULL, NULL, NULL, NULL);
	put_count(out, m->health.turns);
	one_duration(out, "gpufleet_engine_turn_worst_seconds", "gauge", "The longest turn since the start.", m->health.turn_worst);
	one_duration(out, "gpufleet_loop_callback_worst_seconds", "gauge", "Most CPU time that one callback of the loop took.", m->health.worst_cpu);
	one_count(out, "gpufleet_loop_slow_callbacks_total", "counter", "Callbacks that took more than 10 ms of CPU time.", m->health.over_limit);
	one_count(out, "gpufleet_database_degraded", "gauge", "1: the last commit failed, and nothing that spends is done.", m->health.degraded);
	one_count(out, "gpufleet_database_queue_batches", "gauge", "Batches that wait for the database's writer, or are in its hand.", m->store.queued);
	one_count(out, "gpufleet_database_commits_total", "counter", "Commits that succeeded.", m->store.commits);
	one_count(out, "gpufleet_database_rows_total", "counter", "Rows that they held.", m->store.rows);
	one_duration(out, "gpufleet_database_commit_worst_seconds", "gauge", "The longest commit since the start.", m->store.slowest);
	one_count(out, "gpufleet_ssh_connections", "gauge", "Connections to machines.", m->ssh_connections);
	one_count(out, "gpufleet_provider_requests_in_flight", "gauge", "Requests to providers that were not answered so far.", m->http_in_flight);
	family(out, "gpufleet_api_connections", "gauge", "Connections of people and programs to the daemon.");
	series(out, "gpufleet_api_connections", "listener", "unix", NULL, NULL);
	put_count(out, m->connections);
	series(out, "gpufleet_api_connections", "listener", "tcp", NULL, NULL);
	put_count(out, m->tcp_connections);
	one_count(out, "gpufleet_api_refused_total", "counter", "Requests over TCP with a foreign Host or Origin, or without a good token.", m->attempts);
}

void metrics_write(struct buf *out, const struct metrics *m)
{
	struct sums s = { .count = 0 };
	money month = 0;

	list_budgets(&s, m->model);
	sum_instances(&s, m->model, m->now);
	sum_storage(&s, m->model, &month);
	family(out, "gpufleet_build_info", "gauge", "Always 1.");
	series(out, "gpufleet_build_info", "version", m->version, "site", m->model->site);
	put_count(out, 1);
	family(out, "gpufleet_start_time_seconds", "gauge", "When the daemon started, in seconds since 1970.");
	series(out, "gpufleet_start_time_seconds", NULL, NULL, NULL, NULL);
	put_seconds(out, m->started);
	put_machines(out, &s, m->now);
	family(out, "gpufleet_storage_monthly_dollars", "gauge", "What volumes and snapshots cost a month.");
	series(out, "gpufleet_storage_monthly_dollars", NULL, NULL, NULL, NULL);
	put_dollars(out, month);
	put_fleets(out, m->model);
	put_budgets(out, &s, m->now);
	put_accounts(out, m->model, m->now);
	put_counters(out, m);
	put_notices(out, m->model);
	put_engine(out, m);
	free(s.budgets);
}
