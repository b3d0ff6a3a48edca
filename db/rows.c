#include "db/rows.h"
#include "base/buf.h"

#define I64(t, m)        { #m, COLUMN_I64, offsetof(struct t, m), 0, NULL, NULL }
#define INT(t, m)        { #m, COLUMN_INT, offsetof(struct t, m), 0, NULL, NULL }
#define BOOL(t, m)       { #m, COLUMN_BOOL, offsetof(struct t, m), 0, NULL, NULL }
#define TEXT(t, m)       { #m, COLUMN_TEXT, offsetof(struct t, m), sizeof(((struct t *)0)->m), NULL, NULL }
#define OWNED(t, m)      { #m, COLUMN_OWNED, offsetof(struct t, m), 0, NULL, NULL }
#define NAMED(t, m, fn)  { #m, COLUMN_NAMED, offsetof(struct t, m), 0, fn##_to, fn##_from }
#define ID(t)            { "id", COLUMN_I64, offsetof(struct t, object.id), 0, NULL, NULL }

#define MACHINE_NAMES(fn, machine)                                                                                       \
	static const char *fn##_to(int v)                                                                                \
	{                                                                                                                \
		return machine.state_names[v];                                                                           \
	}                                                                                                                \
	static int fn##_from(const char *s)                                                                              \
	{                                                                                                                \
		return fsm_state(&machine, s);                                                                           \
	}

MACHINE_NAMES(fleet_state, fleet_fsm)
MACHINE_NAMES(instance_state, instance_fsm)
MACHINE_NAMES(run_state, run_fsm)

static const char *cause_to(int v)
{
	return cause_name((enum cause)v);
}

static int cause_from(const char *s)
{
	return (int)cause_from_name(s);
}

static const char *outcome_to(int v)
{
	return outcome_name((enum run_outcome)v);
}

static int outcome_from(const char *s)
{
	return (int)outcome_from_name(s);
}

static const struct column fleet_columns[] = {
	ID(fleet), TEXT(fleet, name), TEXT(fleet, owner), { "owner_uid", COLUMN_U32, offsetof(struct fleet, owner_uid), 0, NULL, NULL },
	NAMED(fleet, state, fleet_state), NAMED(fleet, cause, cause), TEXT(fleet, reason), TEXT(fleet, labels), TEXT(fleet, gpu),
	INT(fleet, gpu_count), INT(fleet, instances), TEXT(fleet, accounts), TEXT(fleet, region), TEXT(fleet, image),
	INT(fleet, disk_gb), BOOL(fleet, spot), I64(fleet, max_price), I64(fleet, max_cost), I64(fleet, accept_minimum),
	I64(fleet, lifetime), I64(fleet, idle_limit), I64(fleet, retry_for), BOOL(fleet, for_run), I64(fleet, keep_on_failure),
	I64(fleet, created), I64(fleet, ready_at), I64(fleet, expires), I64(fleet, idle_since), I64(fleet, closing_at),
	I64(fleet, closed), I64(fleet, keep_until), I64(fleet, extend_to), I64(fleet, version),
};
const struct row_kind fleet_rows = { "fleets", "id", sizeof(struct fleet), fleet_columns, ARRAY_LEN(fleet_columns) };

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
};
const struct row_kind instance_rows = { "instances", "id", sizeof(struct instance), instance_columns,
	ARRAY_LEN(instance_columns) };

static const struct column run_columns[] = {
	ID(run), { "run_key", COLUMN_TEXT, offsetof(struct run, key), sizeof(((struct run *)0)->key), NULL, NULL },
	I64(run, fleet_id), I64(run, instance_id), TEXT(run, recipe), TEXT(run, title), TEXT(run, owner),
	NAMED(run, state, run_state), NAMED(run, outcome, outcome), NAMED(run, cause, cause), TEXT(run, reason), OWNED(run, params),
	OWNED(run, spec), TEXT(run, secrets), I64(run, setup_timeout), I64(run, run_timeout), INT(run, exit_status),
	TEXT(run, signal), I64(run, out_size), I64(run, err_size), TEXT(run, progress), I64(run, results_bytes),
	I64(run, created), I64(run, assigned), I64(run, started), I64(run, run_started), I64(run, ended), I64(run, done),
	BOOL(run, stop_requested), INT(run, requeues), I64(run, version),
};
const struct row_kind run_rows = { "runs", "id", sizeof(struct run), run_columns, ARRAY_LEN(run_columns) };

static const struct column account_columns[] = {
	{ "name", COLUMN_TEXT, offsetof(struct account_state, facts.name), ACCOUNT_MAX, NULL, NULL },
	{ "provider", COLUMN_TEXT, offsetof(struct account_state, facts.provider), ACCOUNT_MAX, NULL, NULL },
	I64(account_state, window_balance), I64(account_state, window_since), BOOL(account_state, window_balance_known),
};
const struct row_kind account_rows = { "accounts", "name", sizeof(struct account_state), account_columns,
	ARRAY_LEN(account_columns) };

char *rows_upsert_sql(const struct row_kind *k)
{
	struct buf b = BUF(65536);

	buf_printf(&b, "INSERT INTO %s(", k->table);
	for (size_t i = 0; i < k->count; i++)
		buf_printf(&b, "%s%s", i ? "," : "", k->columns[i].name);
	buf_puts(&b, ") VALUES(");
	for (size_t i = 0; i < k->count; i++)
		buf_puts(&b, i ? ",?" : "?");
	buf_printf(&b, ") ON CONFLICT(%s) DO UPDATE SET ", k->key);
	for (size_t i = 1; i < k->count; i++)
		buf_printf(&b, "%s%s=excluded.%s", i > 1 ? "," : "", k->columns[i].name, k->columns[i].name);
	return buf_take(&b);
}

char *rows_select_sql(const struct row_kind *k, const char *where)
{
	struct buf b = BUF(65536);

	buf_puts(&b, "SELECT ");
	for (size_t i = 0; i < k->count; i++)
		buf_printf(&b, "%s%s", i ? "," : "", k->columns[i].name);
	buf_printf(&b, " FROM %s%s%s", k->table, *where ? " WHERE " : "", where);
	return buf_take(&b);
}
