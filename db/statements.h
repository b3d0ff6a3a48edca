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

	SQL_COST,      /* since, until (0: no end); the columns are enum cost_column */
	SQL_BOOKED, /* since, before (number), scope, subject: since, until, amount */
	SQL_COST_RUNS, /* instance, from, until: recipe and the time its runs took */

	SQL_AUDIT_ENDS,     /* event that moved it to GONE ("" none, "open" it is not), how many */
	SQL_AUDIT_OPEN,
	SQL_AUDIT_UNPROVED,
	SQL_EXTRAS,
	SQL_INSTANCE_OF_MACHINE, /* account, provider's id, mark */
	STATEMENTS
};

extern const char *const statements[STATEMENTS];

/* What SQL_COST answers: first the ways to group, in the order of their names in history_cost.c. */
enum cost_column {
	COST_FLEET, COST_PROVIDER, COST_ACCOUNT, COST_GPU, COST_OWNER, COST_DAY, COST_MONTH, COST_CAMPAIGN, COST_KEYS,
	COST_ID = COST_KEYS, COST_PRICE_HOUR, COST_MINIMUM_CHARGE, COST_HOLD, COST_METERED, COST_BILLED, COST_BILLED_KNOWN, COST_GONE,
	COST_SETTLED, COST_METER_START, COST_METER_END, COST_GPU_COUNT, COST_COLUMNS
};

#endif
