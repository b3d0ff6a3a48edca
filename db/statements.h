/*
 * Every statement that is not made from a column table (rows.h), by name. tests/unit/test_migrate.c prepares each one.
 *
 * Questions of history.h name a column for what becomes of it in JSON: "t_x" is an instant, "d_x" a duration in seconds,
 * "m_x" money, "b_x" a boolean, "j_x" JSON text; anything else stays as it is.
 */
#ifndef GPUFLEET_DB_STATEMENTS_H
#define GPUFLEET_DB_STATEMENTS_H

enum statement {
	SQL_META_GET, /* key */
	SQL_META_SET, /* key, value */
	SQL_NEXT_ID,
	SQL_NEXT_EVENT, SQL_NEXT_POSTING,

	/* after, since, object id, limit; the four oldest first, then the four newest ones in the same order */
	SQL_EVENTS, SQL_EVENTS_OF_FLEET, SQL_EVENTS_OF_RUN, SQL_EVENTS_OF_INSTANCE,
	SQL_NEWEST_EVENTS, SQL_NEWEST_EVENTS_OF_FLEET, SQL_NEWEST_EVENTS_OF_RUN, SQL_NEWEST_EVENTS_OF_INSTANCE,

	SQL_RUNS,          /* limit */
	SQL_RUNS_OF_FLEET, /* limit, fleet */
	SQL_RUN,           /* id */
	SQL_RESULTS,       /* run */
	SQL_JUDGE,         /* run */
	SQL_IMPORTS,
	SQL_IMPORT,        /* name */
	SQL_FLEET_BY_ID,   /* id */
	SQL_FLEET_BY_NAME, /* name */
	SQL_INSTANCES,     /* fleet */

	SQL_CAMPAIGN,        /* name */
	SQL_NIGHTS,          /* campaign, limit */
	SQL_NIGHT,           /* campaign, number; 0: the newest that is over */
	SQL_TRIALS,          /* night */
	SQL_NIGHT_MACHINES,  /* night */
	SQL_FINDINGS,        /* night */
	SQL_FINDINGS_BETWEEN, /* campaign, first night, last night */
	SQL_MACHINES_BETWEEN, /* the same */

	SQL_COST,         /* since, until: every posting that costs */
	SQL_COST_LIVE,    /* what has not been booked of */
	SQL_COST_MACHINE, /* instance: enum way of history_cost.c, settled, its bill is known */
	SQL_COST_STORAGE, /* volume or snapshot, in the columns of SQL_COST_MACHINE */
	SQL_COST_STORAGE_LIVE,
	SQL_COST_RUN,     /* run, with its figures: recipe, outcome, tokens, percent busy */
	SQL_FOCUS,
	SQL_FOCUS_STORAGE,           /* since, until: a column of FOCUS each; m_: money */
	SQL_LEDGER_BALANCES,
	SQL_LEDGER_KEYS,     /* what is wrong: instance, what, ledger, row */
	SQL_LEDGER_ROWS,
	SQL_LEDGER_STORAGE,
	SQL_LEDGER_GAPS,
	SQL_BOOKED, /* since, before (number), scope, subject: since, until, amount */

	SQL_AUDIT_ENDS,     /* event that moved it to GONE ("" none, "open" it is not), how many */
	SQL_AUDIT_OPEN,
	SQL_AUDIT_UNPROVED,
	SQL_EXTRAS,
	SQL_INSTANCE_OF_MACHINE, /* account, provider's id, mark */
	STATEMENTS
};

extern const char *const statements[STATEMENTS];

#endif
