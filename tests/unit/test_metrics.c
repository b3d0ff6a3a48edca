/* What /metrics says: the format, the sums, no name of a fleet or run, and no more work than one look at each machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "core/budget.h"
#include "metrics.h"

#define NOW ((instant)1795132800 * SECOND)

struct world {
	struct model m;
	struct rng rng;
	struct config config;
	struct account accounts[2];
	struct engine_booked booked[2];
	struct execute_requests requests[2];
	int64_t next;
};

static void world_new(struct world *w)
{
	static const char *const names[] = { "runpod", "second" };

	memset(w, 0, sizeof(*w));
	rng_seed(&w->rng, 1);
	model_init(&w->m, &w->rng);
	str_copy(w->m.site, "abcdef");
	w->next = 1;
	w->config.accounts = w->accounts;
	w->config.account_count = ARRAY_LEN(names);
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		struct account_facts facts = { .local = false };

		str_copy(facts.name, names[k]);
		str_copy(facts.provider, "runpod");
		model_add_account(&w->m, &facts)->configured = true;
		str_copy(w->accounts[k].name, names[k]);
		str_copy(w->accounts[k].provider, "runpod");
	}
}

static struct fleet *add_fleet(struct world *w, const char *owner)
{
	struct fleet row = { .object.id = w->next++, .state = FLEET_OPEN, .instances = 1 };

	snprintf(row.name, sizeof(row.name), "fleet-%lld", (long long)row.object.id);
	str_copy(row.owner, owner);
	return model_add_fleet(&w->m, &row);
}

static struct instance *add_instance(struct world *w, const struct fleet *f, const char *account, enum instance_state state)
{
	struct instance row = { .object.id = w->next++, .fleet_id = f->object.id, .state = state, .gpu_count = 8, .price_hour = 2 * USD,
		.hold = 10 * USD, .meter_start = NOW - HOUR };

	str_copy(row.account, account);
	str_copy(row.provider, "runpod");
	return model_add_instance(&w->m, &row);
}

static void add_run(struct world *w, const struct fleet *f, enum run_state state)
{
	struct run row = { .object.id = w->next++, .fleet_id = f->object.id, .state = state };

	model_add_run(&w->m, &row);
}

static struct budget *add_budget(struct world *w, const char *name, enum scope scope, const char *subject)
{
	struct budget row = { .object.id = w->next++, .scope = scope, .period = PERIOD_TOTAL, .cap = 100 * USD };
	struct budget *b;

	str_copy(row.name, name);
	str_copy(row.subject, subject);
	b = model_add_budget(&w->m, &row);
	b->counted = true;
	return b;
}

static char *text_of(struct world *w)
{
	struct buf out = BUF(8 * 1024 * 1024);
	struct metrics m = { .model = &w->m, .config = &w->config, .booked = w->booked, .requests = w->requests, .version = "0.1", .started = NOW,
		.now = NOW };

	w->m.now = NOW;
	metrics_write(&out, &m);
	assert_false(out.overflow);
	return buf_take(&out);
}

static void has(const char *text, const char *line)
{
	char *whole = xasprintf("\n%s\n", line);

	if (!strstr(text, whole))
		fail_msg("'%s' is missing in\n%s", line, text);
	free(whole);
}

/* ---- the format ---- */

/* NAME or NAME{key="…",…}; where the value begins, NULL: it is neither. */
static const char *check_series(const char *s, char name[128])
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

	snprintf(name, 128, "%.*s", (int)n, s);
	s += n;
	if (!n || (*s != '{' && *s != ' '))
		return NULL;
	if (*s++ == ' ')
		return s;
	for (;;) {
		n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
		if (!n || strncmp(s + n, "=\"", 2) != 0)
			return NULL;
		for (s += n + 2; *s && *s != '"'; s++)
			if (*s == '\\' && !strchr("\\\"n", *++s))
				return NULL;
		if (*s++ != '"')
			return NULL;
		if (*s == '}')
			return s[1] == ' ' ? s + 2 : NULL;
		if (*s++ != ',')
			return NULL;
	}
}

static bool ends(const char *name, const char *with)
{
	return strlen(name) > strlen(with) && !strcmp(name + strlen(name) - strlen(with), with);
}

/* Every family has HELP, then TYPE, then its series together, none of them twice; counters and nothing else end in _total. */
static void check_format(const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *line, family[128] = "", type[32] = "", name[128], word[160];
	struct buf seen = BUF(8 * 1024 * 1024), families = BUF(65536);
	double value;

	assert_int_equal(text[strlen(text) - 1], '\n');
	while ((line = str_split(&rest, "\n"))) {
		if (!*line && !rest)
			break;
		if (str_starts(line, "# HELP ")) {
			assert_int_equal(sscanf(line, "# HELP %127s %c", family, name), 2);
			snprintf(word, sizeof(word), " %s ", family);
			if (families.len && strstr(families.data, word))
				fail_msg("%s stands there twice", family);
			buf_puts(&families, word);
			*type = '\0';
			assert_true(str_starts(family, "gpufleet_"));
		} else if (str_starts(line, "# TYPE ")) {
			char of[128];

			assert_int_equal(sscanf(line, "# TYPE %127s %31s", of, type), 2);
			assert_string_equal(of, family);
			assert_true(!strcmp(type, "gauge") || !strcmp(type, "counter") || !strcmp(type, "summary"));
			assert_int_equal(!strcmp(type, "counter"), ends(of, "_total"));
		} else {
			const char *at = check_series(line, name);
			char *key;

			if (!at || !str_to_double(at, &value))
				fail_msg("no series: %s", line);
			if (!strcmp(type, "summary"))
				assert_true(str_starts(name, family) && (ends(name, "_sum") || ends(name, "_count")));
			else
				assert_string_equal(name, family);
			key = xasprintf("\n%.*s", (int)(at - line), line);
			if (seen.len && strstr(seen.data, key))
				fail_msg("twice: %s", line);
			buf_puts(&seen, key);
			free(key);
		}
	}
	buf_free(&seen);
	buf_free(&families);
	free(copy);
}

static void nothing_yet(void **state)
{
	struct world w;
	char *text;

	(void)state;
	world_new(&w);
	text = text_of(&w);
	check_format(text);
	has(text, "gpufleet_build_info{version=\"0.1\",site=\"abcdef\"} 1");
	has(text, "gpufleet_instances{provider=\"runpod\",state=\"ready\"} 0");
	has(text, "gpufleet_delete_unproved_seconds 0.000000");
	assert_null(strstr(text, "gpufleet_account_up{")); /* nobody was asked */
	assert_null(strstr(text, "state=\"gone\""));
	free(text);
	model_free(&w.m);
}

static void sums(void **state)
{
	struct world w;
	struct fleet *ana, *bob;
	char *text;

	(void)state;
	world_new(&w);
	ana = add_fleet(&w, "ana");
	bob = add_fleet(&w, "bob");
	add_instance(&w, ana, "runpod", INSTANCE_READY);
	add_instance(&w, ana, "second", INSTANCE_BUSY);
	add_instance(&w, bob, "second", INSTANCE_DELETING)->deleting_at = NOW - 90 * SECOND;
	add_instance(&w, bob, "second", INSTANCE_DELETING)->deleting_at = NOW - 30 * SECOND;
	add_instance(&w, bob, "runpod", INSTANCE_GONE)->deleting_at = NOW - DAY;
	add_run(&w, ana, RUN_RUNNING);
	add_run(&w, ana, RUN_RUNNING);
	add_run(&w, ana, RUN_DONE);
	add_run(&w, bob, RUN_QUEUED);
	add_budget(&w, "all", SCOPE_ALL, "");
	add_budget(&w, "ana", SCOPE_OWNER, "ana");
	add_budget(&w, "second", SCOPE_PROVIDER, "second");
	add_budget(&w, "old", SCOPE_ALL, "")->deleted = NOW;
	add_budget(&w, "fresh", SCOPE_ALL, "")->counted = false;
	w.m.accounts[0]->listed_at = NOW - 12 * SECOND;
	w.m.accounts[0]->balance.known = true;
	w.m.accounts[0]->balance.available = 1234567;
	str_copy(w.m.accounts[1]->trouble, "timed out");
	w.requests[1].count[REQUEST_LIMITED] = 7;
	w.booked[0].used = 3 * USD;
	w.booked[0].adjusted = -CENT;
	text = text_of(&w);
	check_format(text);
	has(text, "gpufleet_instances{provider=\"runpod\",state=\"ready\"} 1");
	has(text, "gpufleet_instances{provider=\"runpod\",state=\"busy\"} 1");
	has(text, "gpufleet_instances{provider=\"runpod\",state=\"deleting\"} 2");
	has(text, "gpufleet_gpus{provider=\"runpod\"} 32");
	has(text, "gpufleet_hourly_dollars{provider=\"runpod\"} 8.00");
	has(text, "gpufleet_held_dollars{provider=\"runpod\"} 40.00");
	has(text, "gpufleet_delete_unproved_seconds 90.000000");
	has(text, "gpufleet_fleets{state=\"busy\"} 1");
	has(text, "gpufleet_runs{state=\"running\"} 2");
	has(text, "gpufleet_runs{state=\"queued\"} 1");
	has(text, "gpufleet_budget_held_dollars{budget=\"all\"} 40.00");
	has(text, "gpufleet_budget_held_dollars{budget=\"ana\"} 20.00");
	has(text, "gpufleet_budget_held_dollars{budget=\"second\"} 30.00");
	has(text, "gpufleet_budget_spent_dollars{budget=\"all\"} 0.00");
	has(text, "gpufleet_budget_cap_dollars{budget=\"fresh\"} 100.00");
	assert_null(strstr(text, "gpufleet_budget_spent_dollars{budget=\"fresh\"}"));
	assert_null(strstr(text, "\"old\""));
	has(text, "gpufleet_account_up{account=\"runpod\",provider=\"runpod\"} 1");
	has(text, "gpufleet_account_up{account=\"second\",provider=\"runpod\"} 0");
	has(text, "gpufleet_account_listing_age_seconds{account=\"runpod\",provider=\"runpod\"} 12.000000");
	has(text, "gpufleet_account_balance_dollars{account=\"runpod\",provider=\"runpod\"} 1.234567");
	has(text, "gpufleet_provider_requests_total{account=\"second\",provider=\"runpod\",outcome=\"limited\"} 7");
	has(text, "gpufleet_booked_dollars_total{account=\"runpod\",provider=\"runpod\"} 3.00");
	has(text, "gpufleet_adjusted_dollars{account=\"runpod\",provider=\"runpod\"} -0.01");
	assert_null(strstr(text, "fleet-"));
	free(text);
	model_free(&w.m);
}

/* As the figure that budgets are admitted by. */
static void held_is_what_budgets_hold(void **state)
{
	struct world w;
	char *text, line[256], sum[32];
	const struct budget *b;
	size_t at = 0;

	(void)state;
	world_new(&w);
	for (int k = 0; k < 40; k++) {
		struct fleet *f = add_fleet(&w, k % 3 ? "ana" : "bob");

		for (int n = 0; n < 3; n++)
			add_instance(&w, f, (k + n) % 2 ? "runpod" : "second", n == 2 ? INSTANCE_GONE : INSTANCE_READY)->hold = (k + 1) * USD;
	}
	add_budget(&w, "ana", SCOPE_OWNER, "ana");
	add_budget(&w, "second", SCOPE_PROVIDER, "second");
	add_budget(&w, "both", SCOPE_PROVIDER, "runpod");
	text = text_of(&w);
	while ((b = model_each(&w.m.budgets, &at))) {
		money_decimal(budget_held(&w.m, b, NOW, NULL), sum);
		snprintf(line, sizeof(line), "gpufleet_budget_held_dollars{budget=\"%s\"} %s", b->name, sum);
		has(text, line);
	}
	free(text);
	model_free(&w.m);
}

static void labels(void **state)
{
	struct buf out = BUF(256);

	(void)state;
	metrics_label(&out, "a\"b\\c\nd");
	assert_string_equal(buf_str(&out), "a\\\"b\\\\c\\nd");
	buf_free(&out);
}

/* Ten thousand machines in as many fleets, twenty budgets: still as many series as before, and one look at each. */
static void ten_thousand(void **state)
{
	struct world w;
	duration began, took, least = FOREVER;
	char *text, name[32];

	(void)state;
	world_new(&w);
	for (int k = 0; k < 10000; k++) {
		struct fleet *f = add_fleet(&w, k % 2 ? "ana" : "bob");

		add_instance(&w, f, k % 2 ? "runpod" : "second", k % 5 ? INSTANCE_BUSY : INSTANCE_READY);
		add_run(&w, f, RUN_RUNNING);
	}
	for (int k = 0; k < 20; k++) {
		snprintf(name, sizeof(name), "budget-%d", k);
		add_budget(&w, name, k % 2 ? SCOPE_OWNER : SCOPE_PROVIDER, k % 2 ? "ana" : "second");
	}
	for (int k = 0; k < 5; k++) {
		began = clock_thread_cpu();
		text = text_of(&w);
		took = clock_thread_cpu() - began;
		least = took < least ? took : least;
		if (k < 4)
			free(text);
	}
	check_format(text);
	has(text, "gpufleet_instances{provider=\"runpod\",state=\"busy\"} 8000");
	has(text, "gpufleet_budget_held_dollars{budget=\"budget-1\"} 50000.00");
	assert_true(strlen(text) < 32768);
	print_message("10000 machines, 20 budgets: %.2f ms\n", (double)least / (double)MSEC);
	assert_true(least < 100 * MSEC); /* a few of them; sanitizers and valgrind take ten times as long */
	free(text);
	model_free(&w.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_yet),
		cmocka_unit_test(sums),
		cmocka_unit_test(held_is_what_budgets_hold),
		cmocka_unit_test(labels),
		cmocka_unit_test(ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
