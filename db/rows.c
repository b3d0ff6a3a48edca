#include "db/rows.h"
#include "base/buf.h"
#include "db/store.h"

/* The offset of a member, which does not compile when its type is not the one that the column kind reads and writes. */
#define AT(t, m, type) _Generic(&((struct t *)0)->m, type : offsetof(struct t, m))
#define SIZE(t, m)     sizeof(((struct t *)0)->m)

#define I64(t, m)            { #m, COLUMN_I64, AT(t, m, int64_t *), 0, NULL, NULL }
#define INT(t, m)            { #m, COLUMN_INT, AT(t, m, int *), 0, NULL, NULL }
#define U32(t, m)            { #m, COLUMN_U32, AT(t, m, uint32_t *), 0, NULL, NULL }
#define BOOL(t, m)           { #m, COLUMN_BOOL, AT(t, m, bool *), 0, NULL, NULL }
#define REAL(t, m)           { #m, COLUMN_REAL, AT(t, m, double *), 0, NULL, NULL }
#define TEXT_AS(t, name, m)  { name, COLUMN_TEXT, AT(t, m, char (*)[SIZE(t, m)]), SIZE(t, m), NULL, NULL }
#define TEXT(t, m)           TEXT_AS(t, #m, m)
#define OWNED(t, m)          { #m, COLUMN_OWNED, AT(t, m, char **), 0, NULL, NULL }
#define NAMED(t, m, what)    { #m, COLUMN_NAMED, AT(t, m, enum what *), 0, what##_to, what##_from }
#define ID(t)                { "id", COLUMN_I64, AT(t, object.id, int64_t *), 0, NULL, NULL }

#define MACHINE_NAMES(what, machine)                                                                                     \
	static const char *what##_to(int v)                                                                              \
	{                                                                                                                \
		return machine.state_names[v];                                                                           \
	}                                                                                                                \
	static int what##_from(const char *s)                                                                            \
	{                                                                                                                \
		return fsm_state(&machine, s);                                                                           \
	}

MACHINE_NAMES(fleet_state, fleet_fsm)
MACHINE_NAMES(instance_state, instance_fsm)
MACHINE_NAMES(run_state, run_fsm)
MACHINE_NAMES(extra_state, extra_fsm)
MACHINE_NAMES(night_state, night_fsm)
MACHINE_NAMES(trial_state, trial_fsm)
MACHINE_NAMES(notice_state, notice_fsm)

static const char *extra_kind_to(int v)
{
	return extra_kind_name((enum extra_kind)v);
}

static int extra_kind_from(const char *s)
{
	return extra_kind_from_name(s);
}

static const char *trust_to(int v)
{
	return trust_name((enum trust)v);
}

static int trust_from(const char *s)
{
	enum trust t = trust_from_name(s);

	return t < TRUST_NR ? (int)t : -1;
}

static const char *watchdog_to(int v)
{
	return watchdog_name((enum watchdog)v);
}

static const char *gap_to(int v)
{
	return gap_name((enum gap)v);
}

static int gap_from(const char *s)
{
	enum gap g = gap_from_name(s);

	return g == GAPS ? -1 : (int)g;
}

static int watchdog_from(const char *s)
{
	enum watchdog w = watchdog_from_name(s);

	return w == WATCHDOG_NR ? -1 : (int)w;
}

static const char *cause_to(int v)
{
	return cause_name((enum cause)v);
}

static int cause_from(const char *s)
{
	enum cause c = cause_from_name(s);

	return c == CAUSE_NONE && *s ? -1 : (int)c;
}

static const char *run_outcome_to(int v)
{
	return outcome_name((enum run_outcome)v);
}

static int run_outcome_from(const char *s)
{
	enum run_outcome o = outcome_from_name(s);

	return o == OUTCOME_NONE && *s ? -1 : (int)o;
}

static const char *night_outcome_to(int v)
{
	return night_outcome_name((enum night_outcome)v);
}

static int night_outcome_from(const char *s)
{
	return night_outcome_from_name(s);
}

static const char *object_kind_to(int v)
{
	return object_kind_name((enum object_kind)v);
}

static int object_kind_from(const char *s)
{
	return object_kind_from_name(s);
}

static const char *posting_kind_to(int v)
{
	return posting_kind_name((enum posting_kind)v);
}

static int posting_kind_from(const char *s)
{
	return posting_kind_from_name(s);
}

static const char *scope_to(int v)
{
	return scope_name((enum scope)v);
}

static int scope_from(const char *s)
{
	return scope_from_name(s);
}

static const char *period_to(int v)
{
	return period_name((enum period)v);
}

static int period_from(const char *s)
{
	return period_from_name(s);
}

static const char *part_to(int v)
{
	return part_name((enum part)v);
}

static int part_from(const char *s)
{
	enum part p = part_from_name(s);

	return p == PARTS && *s ? -1 : (int)p;
}

static const struct column campaign_columns[] = {
	ID(campaign), TEXT(campaign, name), TEXT(campaign, owner), OWNED(campaign, text), I64(campaign, number), I64(campaign, nights),
	BOOL(campaign, paused), I64(campaign, created), I64(campaign, updated), I64(campaign, deleted), I64(campaign, last_tick),
	I64(campaign, version),
};

static const struct column night_columns[] = {
	ID(night), I64(night, campaign_id), I64(night, number), I64(night, definition), OWNED(night, text), I64(night, tick), BOOL(night, poc),
	NAMED(night, state, night_state), NAMED(night, outcome, night_outcome), NAMED(night, cause, cause), TEXT(night, reason),
	I64(night, begun), I64(night, finish_by), I64(night, measured), I64(night, ended), BOOL(night, stop_requested),
	BOOL(night, repeated), INT(night, series), INT(night, worse), I64(night, version),
};

static const struct column trial_columns[] = {
	ID(trial), I64(trial, night_id), INT(trial, cell), INT(trial, repeat), BOOL(trial, again), TEXT(trial, title), TEXT(trial, gpu),
	INT(trial, gpu_count), TEXT(trial, account), NAMED(trial, state, trial_state), I64(trial, fleet_id), I64(trial, run_id), INT(trial, lost),
	INT(trial, failed), NAMED(trial, outcome, run_outcome), NAMED(trial, cause, cause), TEXT(trial, reason), I64(trial, ended),
	I64(trial, version), INT(trial, instances), /* since 0015 */
};

static const struct column fleet_columns[] = {
	ID(fleet), TEXT(fleet, name), TEXT(fleet, owner), U32(fleet, owner_uid), NAMED(fleet, state, fleet_state),
	NAMED(fleet, cause, cause), TEXT(fleet, reason), TEXT(fleet, labels), TEXT(fleet, gpu), INT(fleet, gpu_count),
	INT(fleet, instances), TEXT(fleet, accounts), TEXT(fleet, region), TEXT(fleet, image), INT(fleet, disk_gb),
	BOOL(fleet, spot), I64(fleet, max_price), I64(fleet, max_cost), I64(fleet, accept_minimum), I64(fleet, lifetime),
	I64(fleet, idle_limit), I64(fleet, retry_for), BOOL(fleet, for_run), I64(fleet, keep_on_failure), I64(fleet, created),
	I64(fleet, ready_at), I64(fleet, expires), I64(fleet, idle_since), I64(fleet, closing_at), I64(fleet, closed),
	I64(fleet, keep_until), I64(fleet, extend_to), I64(fleet, version), I64(fleet, night_id), /* since 0007 */
	BOOL(fleet, own_key), /* since 0008 */
	TEXT(fleet, budget), /* since 0009 */
	TEXT(fleet, volume), TEXT(fleet, snapshot), TEXT(fleet, snapshot_as), /* since 0010 */
	OWNED(fleet, env), /* since 0011 */
	BOOL(fleet, together), /* since 0012 */
};

static const struct column instance_columns[] = {
	ID(instance), I64(instance, fleet_id), INT(instance, slot), NAMED(instance, state, instance_state),
	NAMED(instance, cause, cause), TEXT(instance, reason), TEXT(instance, account), TEXT(instance, provider),
	TEXT(instance, offer_key), OWNED(instance, offer_spec), TEXT(instance, gpu), INT(instance, gpu_count),
	TEXT(instance, region), BOOL(instance, spot), BOOL(instance, marketplace), I64(instance, price_hour),
	I64(instance, minimum_charge), I64(instance, hold), TEXT(instance, mark), TEXT(instance, new_mark),
	I64(instance, deadline), OWNED(instance, snapshot), TEXT(instance, provider_id), TEXT(instance, address),
	INT(instance, port), TEXT(instance, user), TEXT(instance, host_key), TEXT(instance, boot_id), TEXT(instance, seen_gpu),
	INT(instance, seen_gpu_count), BOOL(instance, docker), BOOL(instance, marked), BOOL(instance, stop_requested),
	BOOL(instance, delete_accepted), BOOL(instance, describe_absent), INT(instance, absent_listings),
	I64(instance, planned), I64(instance, sent), I64(instance, created), I64(instance, running_at), I64(instance, ready_at),
	I64(instance, deleting_at), I64(instance, delete_sent), I64(instance, gone), I64(instance, last_seen),
	I64(instance, last_contact), I64(instance, absent_at), I64(instance, first_absent), I64(instance, meter_start),
	I64(instance, meter_end), I64(instance, metered), I64(instance, billed), BOOL(instance, billed_known),
	I64(instance, billed_at), I64(instance, settled), I64(instance, run_id), I64(instance, version),
	NAMED(instance, watchdog, watchdog), I64(instance, leased_until), /* since 0003 */
	NAMED(instance, trust, trust), /* since 0006 */
	TEXT(instance, host_print), /* since 0008 */
	INT(instance, postings), I64(instance, held), I64(instance, posted), I64(instance, adjusted), I64(instance, booked_until),
	NAMED(instance, part, part), I64(instance, part_run), I64(instance, rate_before), I64(instance, rate_since), /* since 0009 */
	TEXT(instance, host), NAMED(instance, gap, gap), I64(instance, volume_id), I64(instance, snapshot_id),
	I64(instance, traffic_hold), /* since 0010 */
	TEXT(instance, private_address), /* since 0012 */
	INT(instance, disk_gb), /* since 0014 */
};

static const struct column run_columns[] = {
	ID(run), TEXT_AS(run, "run_key", key), I64(run, fleet_id), I64(run, instance_id), TEXT(run, recipe), TEXT(run, title),
	TEXT(run, owner), NAMED(run, state, run_state), NAMED(run, outcome, run_outcome), NAMED(run, cause, cause),
	TEXT(run, reason), OWNED(run, params), OWNED(run, spec), TEXT(run, secrets), I64(run, setup_timeout),
	I64(run, run_timeout), INT(run, exit_status), TEXT(run, signal), I64(run, out_size), I64(run, err_size),
	TEXT(run, progress), I64(run, results_bytes), I64(run, created), I64(run, assigned), I64(run, started),
	I64(run, run_started), I64(run, ended), I64(run, done), BOOL(run, stop_requested), INT(run, requeues), I64(run, version),
	I64(run, out_base), I64(run, err_base), /* since 0005 */
	I64(run, trial_id), /* since 0007 */
	OWNED(run, env), /* since 0011 */
	I64(run, gang_id), INT(run, rank), INT(run, ranks), I64(run, set_up), I64(run, released), /* since 0012 */
	INT(run, pinned), /* since 0013 */
};

static const struct column account_columns[] = {
	TEXT_AS(account_state, "name", facts.name), TEXT_AS(account_state, "provider", facts.provider),
	I64(account_state, window_balance), I64(account_state, window_since), BOOL(account_state, window_balance_known),
};

static const struct column extra_columns[] = {
	ID(extra), NAMED(extra, kind, extra_kind), NAMED(extra, state, extra_state), TEXT(extra, account), TEXT(extra, provider),
	TEXT(extra, provider_id), TEXT(extra, name), TEXT(extra, owner), TEXT(extra, region), INT(extra, size_gb),
	I64(extra, price_month), I64(extra, created), I64(extra, used_at), I64(extra, deleting_at), I64(extra, gone),
	I64(extra, keep_until), I64(extra, version), I64(extra, fleet_id), /* since 0008 */
	TEXT(extra, mark), TEXT(extra, host), INT(extra, disk_gb), TEXT(extra, gpu), I64(extra, source_id), TEXT(extra, source),
	BOOL(extra, of_volume), TEXT(extra, work), TEXT(extra, budget), NAMED(extra, cause, cause), TEXT(extra, reason), I64(extra, dropped_at),
	INT(extra, absent_listings), I64(extra, hold), INT(extra, postings), I64(extra, held), I64(extra, posted),
	I64(extra, booked_until), /* since 0010 */
	I64(extra, bill_due), I64(extra, bill_metered), I64(extra, billed), I64(extra, billed_at), I64(extra, adjusted), I64(extra, settled_until),
	I64(extra, settled), NAMED(extra, gap, gap), /* since 0014 */
};

static const struct column event_columns[] = {
	I64(event, seq), I64(event, time), NAMED(event, kind, object_kind), I64(event, object_id), I64(event, fleet_id),
	TEXT_AS(event, "from_state", from), TEXT(event, event), TEXT_AS(event, "to_state", to), NAMED(event, cause, cause),
	TEXT(event, actor), TEXT(event, text),
};

static const struct column result_columns[] = {
	I64(result_row, run_id), INT(result_row, seq), TEXT(result_row, metric), TEXT(result_row, unit), REAL(result_row, value),
	TEXT(result_row, text), TEXT(result_row, labels),
};

static const struct column posting_columns[] = {
	I64(posting, seq), I64(posting, time), NAMED(posting, kind, posting_kind), I64(posting, subject_id), INT(posting, number),
	NAMED(posting, part, part), I64(posting, run_id), I64(posting, since), I64(posting, until), I64(posting, gpu_time),
	TEXT(posting, debit), TEXT(posting, credit), I64(posting, amount),
};

static const struct column budget_columns[] = {
	ID(budget), TEXT(budget, name), NAMED(budget, scope, scope), TEXT(budget, subject), NAMED(budget, period, period),
	INT(budget, rolling_days), TEXT(budget, zone), I64(budget, cap), BOOL(budget, warn_only), TEXT(budget, notify), TEXT(budget, actor),
	I64(budget, created), I64(budget, updated), I64(budget, deleted), INT(budget, told), I64(budget, told_period), I64(budget, version),
};

static const struct column notice_columns[] = {
	ID(notice), I64(notice, campaign_id), I64(notice, night_id), TEXT(notice, webhook), TEXT(notice, news),
	NAMED(notice, state, notice_state), TEXT(notice, reason), INT(notice, tries), I64(notice, created), I64(notice, done),
	I64(notice, version), I64(notice, budget_id), /* since 0009 */
};

static const struct column finding_columns[] = {
	I64(finding_row, night_id), INT(finding_row, seq), TEXT(finding_row, series), TEXT(finding_row, kind), I64(finding_row, run_id),
	TEXT(finding_row, scenario), INT(finding_row, concurrency), TEXT(finding_row, gpu), INT(finding_row, gpu_count),
	TEXT(finding_row, provider), TEXT(finding_row, stack_id), TEXT(finding_row, metric), TEXT(finding_row, unit),
	BOOL(finding_row, lower_is_better), OWNED(finding_row, measured), OWNED(finding_row, first), INT(finding_row, nights),
	REAL(finding_row, median), REAL(finding_row, baseline), REAL(finding_row, worse), REAL(finding_row, z), REAL(finding_row, p),
	REAL(finding_row, p_holm), INT(finding_row, instances), /* since 0015 */
};

static const struct column import_columns[] = {
	TEXT(import_row, name), TEXT(import_row, owner), I64(import_row, created), OWNED(import_row, source),
};

/* … or a message about it waits. */
#define WANTED_NIGHTS "state <> 'DONE' OR ended >= ?1 OR id IN (SELECT night_id FROM notices WHERE state = 'WAITING')"
#define WANTED_FLEETS                                                                                                    \
	"state <> 'CLOSED' OR closed >= ?1 OR night_id IN (SELECT id FROM nights WHERE state <> 'DONE') OR "                      \
	"id IN (SELECT fleet_id FROM instances WHERE settled = 0 OR gone >= ?1)"
#define OF_WANTED_FLEETS "fleet_id IN (SELECT id FROM fleets WHERE " WANTED_FLEETS ")"

#define COLUMNS(c) c, ARRAY_LEN(c)
const struct row_kind row_kinds[ROW_TABLES] = {
	[ROWS_CAMPAIGNS] = { "campaigns", "id", 1, false, "deleted = 0 OR id IN (SELECT campaign_id FROM nights WHERE " WANTED_NIGHTS ")",
		sizeof(struct campaign), COLUMNS(campaign_columns) },
	[ROWS_NIGHTS] = { "nights", "id", 1, false, WANTED_NIGHTS, sizeof(struct night), COLUMNS(night_columns) },
	[ROWS_TRIALS] = { "trials", "id", 1, false, "night_id IN (SELECT id FROM nights WHERE " WANTED_NIGHTS ")", sizeof(struct trial),
		COLUMNS(trial_columns) },
	[ROWS_FLEETS] = { "fleets", "id", 1, false, WANTED_FLEETS, sizeof(struct fleet), COLUMNS(fleet_columns) },
	/* A machine without a fleet (orphan, duplicate) stays until it is settled. */
	[ROWS_INSTANCES] = { "instances", "id", 1, false, "state <> 'GONE' OR settled = 0 OR gone >= ?1 OR " OF_WANTED_FLEETS,
		sizeof(struct instance), COLUMNS(instance_columns) },
	[ROWS_RUNS] = { "runs", "id", 1, false, OF_WANTED_FLEETS, sizeof(struct run), COLUMNS(run_columns) },
	[ROWS_ACCOUNTS] = { "accounts", "name", 1, false, "true", sizeof(struct account_state), COLUMNS(account_columns) },
	[ROWS_EXTRAS] = { "extras", "id", 1, false, "state <> 'GONE' OR (kind <> 'ssh_key' AND (settled = 0 OR gone >= ?1))",
		sizeof(struct extra), COLUMNS(extra_columns) },
	[ROWS_EVENTS] = { "events", "seq", 1, true, NULL, sizeof(struct event), COLUMNS(event_columns) },
	[ROWS_RESULTS] = { "results", "run_id, seq", 2, false, NULL, sizeof(struct result_row), COLUMNS(result_columns) },
	[ROWS_NOTICES] = { "notices", "id", 1, false, "state = 'WAITING'", sizeof(struct notice), COLUMNS(notice_columns) },
	[ROWS_POSTINGS] = { "postings", "seq", 1, true, NULL, sizeof(struct posting), COLUMNS(posting_columns) },
	[ROWS_BUDGETS] = { "budgets", "id", 1, false, "deleted = 0", sizeof(struct budget), COLUMNS(budget_columns) },
	[ROWS_FINDINGS] = { "findings", "night_id, seq", 2, false, NULL, sizeof(struct finding_row), COLUMNS(finding_columns) },
	[ROWS_IMPORTS] = { "imports", "name", 1, false, NULL, sizeof(struct import_row), COLUMNS(import_columns) },
};

static void names(struct buf *b, const struct row_kind *k)
{
	for (size_t i = 0; i < k->count; i++)
		buf_printf(b, "%s%s", i ? ", " : "", k->columns[i].name);
}

char *rows_upsert_sql(const struct row_kind *k)
{
	struct buf b = BUF(65536);

	buf_printf(&b, "INSERT INTO %s(", k->table);
	names(&b, k);
	buf_puts(&b, ") VALUES(");
	for (size_t i = 0; i < k->count; i++)
		buf_puts(&b, i ? ", ?" : "?");
	buf_printf(&b, ") ON CONFLICT(%s) DO ", k->key);
	buf_puts(&b, k->append_only ? "NOTHING" : "UPDATE SET ");
	for (size_t i = k->key_columns; i < k->count && !k->append_only; i++)
		buf_printf(&b, "%s%s = excluded.%s", i > k->key_columns ? ", " : "", k->columns[i].name, k->columns[i].name);
	return buf_take(&b);
}

char *rows_select_sql(const struct row_kind *k)
{
	struct buf b = BUF(65536);

	buf_puts(&b, "SELECT ");
	names(&b, k);
	buf_printf(&b, " FROM %s WHERE %s ORDER BY %s", k->table, k->wanted ? k->wanted : "true", k->key);
	return buf_take(&b);
}

static char **owned(const struct column *c, void *row)
{
	return (char **)(void *)((char *)row + c->offset);
}

void row_own(const struct row_kind *k, void *row)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->columns[i].kind == COLUMN_OWNED)
			*owned(&k->columns[i], row) = xstrdup(*owned(&k->columns[i], row));
}

void row_disown(const struct row_kind *k, void *row)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->columns[i].kind == COLUMN_OWNED)
			free(*owned(&k->columns[i], row));
}
