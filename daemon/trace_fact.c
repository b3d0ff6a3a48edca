/*
 * A fact as JSON and back. Which members there are is said once, in tables; what is zero or empty is left out.
 */
#include "base/str.h"
#include "db/rows.h"
#include "trace.h"

enum member_kind { M_I64, M_INT, M_BOOL, M_TEXT, M_STRING };
struct member {
	const char *name;
	enum member_kind kind;
	size_t offset, size;
};

#define AT(t, m, type) _Generic(&((struct t *)0)->m, type : offsetof(struct t, m))
#define I64(t, m)    { #m, M_I64, AT(t, m, int64_t *), 0 }
#define INT(t, m)    { #m, M_INT, AT(t, m, int *), 0 }
#define ENUM(t, m)   { #m, M_INT, offsetof(struct t, m), 0 }
#define BOOL(t, m)   { #m, M_BOOL, AT(t, m, bool *), 0 }
#define TEXT(t, m)   { #m, M_TEXT, offsetof(struct t, m), sizeof(((struct t *)0)->m) }
#define STRING(t, m) { #m, M_STRING, offsetof(struct t, m), 0 }
#define MEMBERS(table) table, ARRAY_LEN(table)

static const struct member fact_members[] = { I64(fact, time), STRING(fact, actor), STRING(fact, owner), I64(fact, id), STRING(fact, account),
	ENUM(fact, verdict), ENUM(fact, contact), ENUM(fact, cause), STRING(fact, text), STRING(fact, message), BOOL(fact, flag),
	I64(fact, count), I64(fact, span), I64(fact, retry_after), I64(fact, price), I64(fact, began), STRING(fact, gpu),
	INT(fact, gpu_count), I64(fact, answer_id) };

static const struct member offer_members[] = { TEXT(offer, account), TEXT(offer, provider), TEXT(offer, key), STRING(offer, spec),
	TEXT(offer, gpu), INT(offer, gpu_count), INT(offer, gpu_memory_gb), TEXT(offer, region), TEXT(offer, host), INT(offer, cpus), INT(offer, ram_gb),
	INT(offer, disk_gb), I64(offer, price_hour), I64(offer, minimum_charge), INT(offer, available), BOOL(offer, spot),
	BOOL(offer, marketplace), INT(offer, reliability_ppm), I64(offer, stays) };

static const struct member machine_members[] = { TEXT(machine, id), TEXT(machine, mark), ENUM(machine, state), TEXT(machine, address),
	TEXT(machine, private_address), INT(machine, port), TEXT(machine, user), TEXT(machine, gpu), INT(machine, gpu_count), I64(machine, price_hour),
	I64(machine, created), TEXT(machine, note) };

static const struct member balance_members[] = { I64(balance, available), I64(balance, hourly), INT(balance, machines),
	BOOL(balance, known), BOOL(balance, hourly_known) };

static const struct member probe_members[] = { TEXT(fact_probe, boot_id), TEXT(fact_probe, gpu), INT(fact_probe, gpu_count),
	BOOL(fact_probe, docker), BOOL(fact_probe, in_use), ENUM(fact_probe, watchdog), ENUM(fact_probe, trust), I64(fact_probe, leased) };

static const struct member status_members[] = { ENUM(fact_status, job), INT(fact_status, exit_status), TEXT(fact_status, signal),
	BOOL(fact_status, timed_out), BOOL(fact_status, setup_failed), BOOL(fact_status, stopped),
	TEXT(fact_status, progress), I64(fact_status, out_size),
	I64(fact_status, err_size), BOOL(fact_status, more) };

static json_t *members_json(const struct member *table, size_t count, const void *row)
{
	json_t *o = json_object();

	for (size_t k = 0; k < count; k++) {
		const struct member *m = &table[k];
		const void *at = (const char *)row + m->offset;
		const char *text = m->kind == M_STRING ? *(const char *const *)at : m->kind == M_TEXT ? at : NULL;

		switch (m->kind) {
		case M_I64:
			if (*(const int64_t *)at)
				json_put_int(o, m->name, *(const int64_t *)at);
			break;
		case M_INT:
			if (*(const int *)at)
				json_put_int(o, m->name, *(const int *)at);
			break;
		case M_BOOL:
			if (*(const bool *)at)
				json_put_bool(o, m->name, true);
			break;
		case M_TEXT:
		case M_STRING:
			if (text && (*text || m->kind == M_STRING))
				json_put_str(o, m->name, text);
			break;
		}
	}
	return o;
}

static void members_read(const struct member *table, size_t count, void *row, const json_t *j)
{
	for (size_t k = 0; k < count; k++) {
		const struct member *m = &table[k];
		void *at = (char *)row + m->offset;
		const char *text = json_str(j, m->name, NULL);

		switch (m->kind) {
		case M_I64: *(int64_t *)at = json_int(j, m->name, 0); break;
		case M_INT: *(int *)at = (int)json_int(j, m->name, 0); break;
		case M_BOOL: *(bool *)at = json_bool(j, m->name, false); break;
		case M_TEXT: snprintf(at, m->size, "%s", text ? text : ""); break;
		case M_STRING: *(char **)at = xstrdup(text); break;
		}
	}
}

static void members_free(const struct member *table, size_t count, void *row)
{
	for (size_t k = 0; k < count; k++)
		if (table[k].kind == M_STRING)
			free(*(char **)((char *)row + table[k].offset));
}

/* ---- rows, as the database sees them ---- */

static json_t *row_json(const struct row_kind *kind, const void *row)
{
	json_t *o = json_object();

	for (size_t k = 0; k < kind->count; k++) {
		const struct column *c = &kind->columns[k];
		const void *at = (const char *)row + c->offset;

		switch (c->kind) {
		case COLUMN_I64: json_put_int(o, c->name, *(const int64_t *)at); break;
		case COLUMN_INT: json_put_int(o, c->name, *(const int *)at); break;
		case COLUMN_U32: json_put_int(o, c->name, *(const uint32_t *)at); break;
		case COLUMN_BOOL: json_put_bool(o, c->name, *(const bool *)at); break;
		case COLUMN_REAL: json_put(o, c->name, json_real(*(const double *)at)); break;
		case COLUMN_TEXT: json_put_str(o, c->name, at); break;
		case COLUMN_OWNED: json_put_str(o, c->name, *(const char *const *)at); break;
		case COLUMN_NAMED: json_put_str(o, c->name, c->to_name(*(const int *)at)); break;
		}
	}
	return o;
}

static void row_read(const struct row_kind *kind, void *row, const json_t *j)
{
	for (size_t k = 0; k < kind->count; k++) {
		const struct column *c = &kind->columns[k];
		void *at = (char *)row + c->offset;

		switch (c->kind) {
		case COLUMN_I64: *(int64_t *)at = json_int(j, c->name, 0); break;
		case COLUMN_INT: *(int *)at = (int)json_int(j, c->name, 0); break;
		case COLUMN_U32: *(uint32_t *)at = (uint32_t)json_int(j, c->name, 0); break;
		case COLUMN_BOOL: *(bool *)at = json_bool(j, c->name, false); break;
		case COLUMN_REAL: *(double *)at = json_num(j, c->name, 0); break;
		case COLUMN_TEXT: snprintf(at, c->size, "%s", json_str(j, c->name, "")); break;
		case COLUMN_OWNED: *(char **)at = xstrdup(json_str(j, c->name, NULL)); break;
		case COLUMN_NAMED: *(int *)at = c->from_name(json_str(j, c->name, "")); break;
		}
	}
}

/* ---- facts ---- */

static json_t *list_json(const struct member *table, size_t count, const void *rows, size_t n, size_t size)
{
	json_t *list = json_array();

	for (size_t k = 0; k < n; k++)
		json_array_append_new(list, members_json(table, count, (const char *)rows + k * size));
	return list;
}

json_t *trace_fact_json(const struct fact *f)
{
	json_t *o = members_json(MEMBERS(fact_members), f);

	json_put_int(o, "kind", f->kind);
	if (f->error.code)
		json_put_str(o, "refused", f->error.msg);
	if (f->fleet)
		json_put(o, "fleet", row_json(&row_kinds[ROWS_FLEETS], f->fleet));
	if (f->budget)
		json_put(o, "budget", row_json(&row_kinds[ROWS_BUDGETS], f->budget));
	if (f->run)
		json_put(o, "run", row_json(&row_kinds[ROWS_RUNS], f->run));
	if (f->offer_count)
		json_put(o, "offers", list_json(MEMBERS(offer_members), f->offers, f->offer_count, sizeof(*f->offers)));
	if (f->machines)
		json_put(o, "machines", list_json(MEMBERS(machine_members), f->machines, f->machine_count, sizeof(*f->machines)));
	if (f->balance)
		json_put(o, "balance", members_json(MEMBERS(balance_members), f->balance));
	if (f->probe)
		json_put(o, "probe", members_json(MEMBERS(probe_members), f->probe));
	if (f->status)
		json_put(o, "status", members_json(MEMBERS(status_members), f->status));
	return o;
}

static void *list_read(const struct member *table, size_t count, size_t size, const json_t *list, size_t *n)
{
	char *rows;

	*n = json_array_size(list);
	if (!json_is_array(list))
		return NULL;
	rows = xcalloc(*n + 1, size);
	for (size_t k = 0; k < *n; k++)
		members_read(table, count, rows + k * size, json_array_get(list, k));
	return rows;
}

static void *one_read(const struct member *table, size_t count, size_t size, const json_t *j)
{
	void *row = j ? xcalloc(1, size) : NULL;

	if (row)
		members_read(table, count, row, j);
	return row;
}

int trace_fact_read(struct fact *f, const json_t *j, struct err *e)
{
	int64_t kind = json_int(j, "kind", -1);
	const char *refused = json_str(j, "refused", NULL);

	memset(f, 0, sizeof(*f));
	if (kind < 0 || kind > FACT_SHUTDOWN)
		return err_set(e, ERR_FAILED, "no such kind of fact: %lld", (long long)kind);
	members_read(MEMBERS(fact_members), f, j);
	f->kind = (enum fact_kind)kind;
	if (refused)
		err_set(&f->error, ERR_FAILED, "%s", refused);
	if (json_path(j, "fleet")) {
		struct fleet *row = xcalloc(1, sizeof(*row));

		row_read(&row_kinds[ROWS_FLEETS], row, json_path(j, "fleet"));
		f->fleet = row;
	}
	if (json_path(j, "run")) {
		struct run *row = xcalloc(1, sizeof(*row));

		row_read(&row_kinds[ROWS_RUNS], row, json_path(j, "run"));
		f->run = row;
	}
	if (json_path(j, "budget")) {
		struct budget *row = xcalloc(1, sizeof(*row));

		row_read(&row_kinds[ROWS_BUDGETS], row, json_path(j, "budget"));
		f->budget = row;
	}
	f->offers = list_read(MEMBERS(offer_members), sizeof(*f->offers), json_path(j, "offers"), &f->offer_count);
	f->machines = list_read(MEMBERS(machine_members), sizeof(*f->machines), json_path(j, "machines"), &f->machine_count);
	f->balance = one_read(MEMBERS(balance_members), sizeof(*f->balance), json_path(j, "balance"));
	f->probe = one_read(MEMBERS(probe_members), sizeof(*f->probe), json_path(j, "probe"));
	f->status = one_read(MEMBERS(status_members), sizeof(*f->status), json_path(j, "status"));
	return 0;
}

void trace_fact_free(struct fact *f, bool applied)
{
	for (size_t k = 0; f->offers && k < f->offer_count; k++)
		members_free(MEMBERS(offer_members), &f->offers[k]);
	free(f->offers);
	free((void *)(uintptr_t)f->budget);
	free((void *)(uintptr_t)f->machines);
	free((void *)(uintptr_t)f->balance);
	free((void *)(uintptr_t)f->probe);
	free((void *)(uintptr_t)f->status);
	if (f->fleet) /* its strings are copied by whoever takes it */
		row_disown(&row_kinds[ROWS_FLEETS], (void *)(uintptr_t)f->fleet);
	free((void *)(uintptr_t)f->fleet);
	if (f->run && !applied)
		row_disown(&row_kinds[ROWS_RUNS], (void *)(uintptr_t)f->run);
	free((void *)(uintptr_t)f->run);
	members_free(MEMBERS(fact_members), f);
}
