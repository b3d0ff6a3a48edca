#include "db/statements.h"

#define EVENT_FIELDS                                                                                                     \
	"SELECT e.seq, e.time AS t_time, e.kind, e.object_id AS id, coalesce(f.name, '') AS fleet, e.from_state AS \"from\", "      \
	"e.event, e.to_state AS \"to\", e.cause, e.actor, e.text FROM events e LEFT JOIN fleets f ON f.id = e.fleet_id "
#define OLDEST(which) EVENT_FIELDS "WHERE e.seq > ?1 AND e.time >= ?2 AND " which " ORDER BY e.seq LIMIT ?4"
#define NEWEST(which)                                                                                                    \
	"SELECT * FROM (" EVENT_FIELDS "WHERE e.seq > ?1 AND e.time >= ?2 AND " which " ORDER BY e.seq DESC LIMIT ?4) ORDER BY seq"
/* One condition each, so that each is answered by an index. */
#define ANY         "?3 = ?3"
#define OF_FLEET    "e.fleet_id = ?3"
#define OF_RUN      "e.kind = 'run' AND e.object_id = ?3"
#define OF_INSTANCE "e.kind = 'instance' AND e.object_id = ?3"

/* A run that goes on costs until now; a run of several instances what all of them do. */
#define NOW_US "CAST((julianday('now') - 2440587.5) * 86400e6 AS INTEGER)"
#define RUN_FIELDS                                                                                                       \
	"SELECT r.id, r.run_key AS key, coalesce(f.name, '') AS fleet, r.fleet_id, r.instance_id AS instance, r.recipe, r.title, "  \
	"r.owner, r.state, r.outcome, r.cause, r.reason, r.progress, CASE WHEN r.exit_status < 0 THEN NULL ELSE r.exit_status END " \
	"AS exit_status, r.signal, r.created AS t_created, nullif(r.started, 0) AS t_started, nullif(r.ended, 0) AS t_ended, "     \
	"nullif(r.done, 0) AS t_done, r.out_size, r.err_size, r.params AS j_params, " \
	"coalesce(r.env, '{}') AS j_env, r.secrets, r.results_bytes, r.requeues, "      \
	"r.rank, CASE WHEN r.ranks > 1 AND r.rank = 0 THEN r.ranks ELSE 1 END AS instances, CASE WHEN r.ranks > 1 AND r.rank = 0 "       \
	"THEN (SELECT json_group_array(json_object('rank', g.rank, 'run', g.id, 'instance', g.instance_id, 'state', g.state, 'outcome', " \
	"g.outcome, 'reason', g.reason, 'exit_status', CASE WHEN g.exit_status >= 0 THEN g.exit_status END)) FROM runs g WHERE "          \
	"g.gang_id > 0 AND g.gang_id = r.id) ELSE '[]' END AS j_ranks, "                                                              \
	"(SELECT CAST(round(coalesce(sum(max(CASE WHEN g.done > 0 THEN g.done ELSE " NOW_US " END - g.assigned, 0) * (gi.price_hour / 3.6e9)), 0)) " \
	"AS INTEGER) FROM runs g JOIN instances gi ON gi.id = g.instance_id WHERE g.assigned > 0 AND (g.id = r.id OR (r.rank = 0 AND "  \
	"g.gang_id > 0 AND g.gang_id = r.id))) AS m_metered, "                                                                        \
	"r.setup_timeout AS d_setup_timeout, r.run_timeout AS d_run_timeout, i.gpu, i.gpu_count, i.provider, i.region, "           \
	"i.price_hour AS m_price_hour FROM runs r LEFT JOIN fleets f ON f.id = r.fleet_id LEFT JOIN instances i ON i.id = "         \
	"r.instance_id "

#define FLEET_FIELDS                                                                                                     \
	"SELECT id, name, owner, state, cause, reason, labels, gpu, gpu_count, instances AS instances_wanted, created AS t_created, " \
	"nullif(ready_at, 0) AS t_ready_at, nullif(expires, 0) AS t_expires, nullif(idle_since, 0) AS t_idle_since, "              \
	"nullif(closed, 0) AS t_closed, nullif(keep_until, 0) AS t_keep_until, lifetime AS d_lifetime, idle_limit AS d_idle_limit, " \
	"max_cost AS m_max_cost, coalesce(env, '{}') AS j_env, version FROM fleets "

#define CAMPAIGN_FIELDS                                                                                                  \
	"SELECT id, name, owner, text, number AS definition, nights, paused AS b_paused, created AS t_created, updated AS t_updated, " \
	"nullif(deleted, 0) AS t_deleted, last_tick AS t_last_tick FROM campaigns "
#define OF_NIGHT "FROM instances i JOIN fleets f ON f.id = i.fleet_id WHERE f.night_id = n.id"
#define NIGHT_FIELDS                                                                                                     \
	"SELECT n.id, n.number, n.definition, n.campaign_id, nullif(n.tick, 0) AS t_tick, n.poc AS b_poc, n.state, n.outcome, n.cause, "  \
	"n.reason, n.begun AS t_begun, nullif(n.finish_by, 0) AS t_finish_by, nullif(n.measured, 0) AS t_measured, "              \
	"nullif(n.ended, 0) AS t_ended, n.repeated AS b_repeated, (SELECT count(*) FROM trials t WHERE t.night_id = n.id) AS trials, " \
	"(SELECT count(*) FROM trials t WHERE t.night_id = n.id AND t.outcome = 'ok') AS ok, "                                   \
	"(SELECT count(*) FROM findings g WHERE g.night_id = n.id AND g.kind IN ('warning', 'regression')) AS worse, "            \
	"(SELECT coalesce(sum(i.metered), 0) " OF_NIGHT ") AS m_metered, (SELECT CASE WHEN count(*) = sum(i.billed_known) THEN "  \
	"sum(i.billed) END " OF_NIGHT " AND (i.provider_id <> '' OR i.metered > 0)) AS m_billed, (SELECT count(*) = sum(i.settled <> 0) " OF_NIGHT \
	") AS b_settled FROM nights n "
#define FINDING_FIELDS                                                                                                   \
	"SELECT n.number AS night, n.begun AS t_begun, g.series, g.kind, g.run_id AS run, g.scenario, g.concurrency, g.gpu, g.gpu_count, g.instances, " \
	"g.provider, g.stack_id, g.metric, g.unit, g.lower_is_better AS b_lower_is_better, g.measured AS j_measured, g.first AS j_first, " \
	"g.nights, g.median, g.baseline, g.worse, g.z, g.p, g.p_holm FROM findings g JOIN nights n ON n.id = g.night_id "

#define AUDIT_FIELDS                                                                                                     \
	"SELECT i.id, coalesce(f.name, '') AS fleet, i.account, i.provider, i.provider_id, i.mark AS name, i.state, i.gpu, "        \
	"i.gpu_count, i.price_hour AS m_price_hour, i.planned AS t_planned, nullif(i.sent, 0) AS t_sent, "                        \
	"nullif(i.created, 0) AS t_created, nullif(i.deleting_at, 0) AS t_deleting_at, nullif(i.gone, 0) AS t_gone, i.reason "     \
	"FROM instances i LEFT JOIN fleets f ON f.id = i.fleet_id "
/* The event that ended instance i. */
#define END_OF_I "FROM events e WHERE e.kind = 'instance' AND e.object_id = i.id AND e.to_state = 'GONE' AND e.from_state <> 'GONE'"

const char *const statements[STATEMENTS] = {
	[SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[SQL_META_SET] = "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	[SQL_NEXT_ID] = "SELECT 1 + max(coalesce((SELECT max(id) FROM fleets), 0), coalesce((SELECT max(id) FROM instances), 0), "
			"coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(id) FROM extras), 0), coalesce((SELECT max(id) FROM campaigns), 0), "
			"coalesce((SELECT max(id) FROM nights), 0), coalesce((SELECT max(id) FROM trials), 0), "
			"coalesce((SELECT max(id) FROM notices), 0), coalesce((SELECT max(id) FROM budgets), 0))",
	[SQL_NEXT_EVENT] = "SELECT 1 + coalesce(max(seq), 0) FROM events",
	[SQL_NEXT_POSTING] = "SELECT 1 + coalesce(max(seq), 0) FROM postings",

	[SQL_EVENTS] = OLDEST(ANY),
	[SQL_EVENTS_OF_FLEET] = OLDEST(OF_FLEET),
	[SQL_EVENTS_OF_RUN] = OLDEST(OF_RUN),
	[SQL_EVENTS_OF_INSTANCE] = OLDEST(OF_INSTANCE),
	[SQL_NEWEST_EVENTS] = NEWEST(ANY),
	[SQL_NEWEST_EVENTS_OF_FLEET] = NEWEST(OF_FLEET),
	[SQL_NEWEST_EVENTS_OF_RUN] = NEWEST(OF_RUN),
	[SQL_NEWEST_EVENTS_OF_INSTANCE] = NEWEST(OF_INSTANCE),

	[SQL_RUNS] = RUN_FIELDS "WHERE r.rank = 0 ORDER BY r.id DESC LIMIT ?1",
	[SQL_RUNS_OF_FLEET] = RUN_FIELDS "WHERE r.rank = 0 AND r.fleet_id = ?2 ORDER BY r.id DESC LIMIT ?1",
	[SQL_RUN] = RUN_FIELDS "WHERE r.id = ?1",
	[SQL_RESULTS] = "SELECT metric, value, text, unit, labels AS j_labels FROM results WHERE run_id = ?1 ORDER BY seq",
	[SQL_JUDGE] = "SELECT coalesce(CASE WHEN json_valid(spec) THEN json_extract(spec, '$.judge') END, '{}') AS j_judge FROM runs WHERE id = ?1",
	[SQL_IMPORTS] = "SELECT name, owner, created AS t_created, length(source) AS bytes FROM imports WHERE source IS NOT NULL ORDER BY name",
	[SQL_IMPORT] = "SELECT name, owner, created AS t_created, source AS j_source FROM imports WHERE name = ?1 AND source IS NOT NULL",
	[SQL_FLEET_BY_ID] = FLEET_FIELDS "WHERE id = ?1",
	[SQL_FLEET_BY_NAME] = FLEET_FIELDS "WHERE name = ?1 ORDER BY id DESC LIMIT 1",
	[SQL_INSTANCES] =
	    "SELECT id, slot, state, cause, reason, account, provider, offer_key AS offer, gpu, gpu_count, region, "
	    "price_hour AS m_price_hour, spot AS b_spot, marketplace AS b_marketplace, mark AS name, provider_id, address, port, user, "
	    "host_key, deadline AS t_deadline, planned AS t_planned, nullif(created, 0) AS t_created, nullif(ready_at, 0) AS t_ready_at, "
	    "nullif(deleting_at, 0) AS t_deleting_at, nullif(gone, 0) AS t_gone, hold AS m_held, metered AS m_metered, "
	    "CASE WHEN billed_known THEN billed END AS m_billed, nullif(settled, 0) AS t_settled_at, settled <> 0 AS b_settled, "
	    "run_id AS run, delete_accepted AS b_accepted FROM instances WHERE fleet_id = ?1 ORDER BY id",

	[SQL_CAMPAIGN] = CAMPAIGN_FIELDS "WHERE name = ?1 ORDER BY deleted = 0 DESC, id DESC LIMIT 1",
	[SQL_NIGHTS] = NIGHT_FIELDS "WHERE n.campaign_id = ?1 ORDER BY n.number DESC LIMIT ?2",
	[SQL_NIGHT] = NIGHT_FIELDS "WHERE n.campaign_id = ?1 AND (n.number = ?2 OR (?2 = 0 AND n.state = 'DONE' AND n.outcome <> 'missed')) "
		      "ORDER BY n.number DESC LIMIT 1",
	[SQL_TRIALS] = "SELECT t.id, t.cell, t.repeat, t.again AS b_again, t.title, t.gpu, t.gpu_count, t.instances, t.state, t.outcome, t.cause, t.reason, "
		       "t.lost, t.failed, nullif(t.run_id, 0) AS run, nullif(t.ended, 0) AS t_ended, coalesce(f.name, '') AS fleet, "
		       "coalesce(i.provider, '') AS provider, coalesce(i.region, '') AS region, i.id AS instance, r.recipe, "
		       "CASE WHEN r.gang_id > 0 THEN (SELECT sum(max(g.done - g.assigned, 0) * x.price_hour / 3600000000) FROM runs g JOIN "
		       "instances x ON x.id = g.instance_id WHERE g.gang_id > 0 AND g.gang_id = r.gang_id AND g.assigned > 0) "
		       "WHEN r.assigned > 0 THEN max(r.done - r.assigned, 0) * i.price_hour / 3600000000 END AS m_cost, "
		       "coalesce((SELECT json_extract(x.labels, '$.reason') FROM results x WHERE x.run_id = t.run_id AND x.metric = 'status' AND "
		       "x.text <> 'ok' AND json_extract(x.labels, '$.reason') IS NOT NULL ORDER BY x.seq LIMIT 1), '') AS class, "
		       "nullif(r.started, 0) AS t_started, nullif(r.run_started, 0) AS t_run_started, nullif(r.ended, 0) AS t_run_ended "
		       "FROM trials t LEFT JOIN runs r ON r.id = t.run_id LEFT JOIN instances i ON i.id = r.instance_id "
		       "LEFT JOIN fleets f ON f.id = r.fleet_id WHERE t.night_id = ?1 ORDER BY t.id",
	[SQL_NIGHT_MACHINES] =
	    "SELECT i.id, f.name AS fleet, i.provider, i.account, i.region, i.gpu, i.gpu_count, i.state, i.cause, i.reason, "
	    "i.price_hour AS m_price_hour, i.planned AS t_planned, nullif(i.created, 0) AS t_created, nullif(i.ready_at, 0) AS t_ready, "
	    "nullif(i.deleting_at, 0) AS t_deleting, nullif(i.meter_start, 0) AS t_meter_start, nullif(i.meter_end, 0) AS t_meter_end, "
	    "nullif(i.gone, 0) AS t_gone, i.metered AS m_metered, CASE WHEN i.billed_known THEN i.billed END AS m_billed, "
	    "i.settled <> 0 AS b_settled, (SELECT json_group_object(part, s) FROM (SELECT p.part, sum(p.amount) AS s FROM postings p WHERE "
	    "p.subject_id = i.id AND p.kind = 'use' GROUP BY p.part)) AS j_parts FROM instances i JOIN fleets f ON f.id = i.fleet_id "
	    "WHERE f.night_id = ?1 AND (i.provider_id <> '' OR i.metered > 0) ORDER BY i.id",
	[SQL_FINDINGS] = FINDING_FIELDS "WHERE g.night_id = ?1 ORDER BY g.seq",
	[SQL_MACHINES_BETWEEN] = "SELECT i.provider, i.planned AS t_planned, nullif(i.ready_at, 0) AS t_ready FROM nights n JOIN fleets f ON "
				 "f.night_id = n.id AND f.night_id > 0 JOIN instances i ON i.fleet_id = f.id WHERE n.campaign_id = ?1 AND n.number >= ?2 "
				 "AND n.number <= ?3 AND i.provider_id <> ''",
	[SQL_FINDINGS_BETWEEN] = FINDING_FIELDS "WHERE n.campaign_id = ?1 AND n.number >= ?2 AND n.number <= ?3 ORDER BY n.number, g.seq",

	/* Orders that never became a machine cost nothing and are left out. */
	[SQL_COST] = "SELECT kind = 'bill', subject_id, run_id, part, since, gpu_time, amount, debit = 'loss' FROM postings "
		     "WHERE kind <> 'hold' AND since >= ?1 AND since < ?2",
	[SQL_COST_LIVE] = "SELECT id, CASE WHEN meter_start > 0 THEN max(booked_until, meter_start) ELSE 0 END, meter_end, price_hour, hold, "
			  "part, part_run, gpu_count, posted, minimum_charge FROM instances WHERE state <> 'GONE'",
	[SQL_COST_MACHINE] = "SELECT f.owner, f.budget, c.name, f.name, i.provider, i.account, i.gpu, i.region, f.labels, i.settled <> 0, "
			     "i.billed_known, i.gap FROM instances i LEFT JOIN fleets f ON f.id = i.fleet_id LEFT JOIN nights n ON n.id = f.night_id "
			     "LEFT JOIN campaigns c ON c.id = n.campaign_id WHERE i.id = ?1",
	/* Volumes and snapshots, in the same columns; and up to when their bill is final. */
	[SQL_COST_STORAGE] = "SELECT owner, budget, NULL, kind || ' ' || name, provider, account, kind, region, NULL, settled <> 0, settled_until > 0, "
			     "gap, settled_until FROM extras WHERE id = ?1",
	[SQL_COST_STORAGE_LIVE] = "SELECT id, booked_until, price_month, max(0, hold - posted) FROM extras WHERE kind <> 'ssh_key' AND state <> 'GONE' "
				  "AND booked_until > 0",
	[SQL_COST_RUN] = "SELECT recipe, outcome, CASE WHEN ?2 THEN (SELECT sum(x.value) FROM results x WHERE x.run_id = r.id AND "
			 "x.metric = 'total_output_tokens') END, CASE WHEN ?2 THEN (SELECT avg(x.value) FROM results x WHERE x.run_id = r.id AND "
			 "x.metric = 'gpu_busy_mean') END FROM runs r WHERE r.id = ?1",
	[SQL_FOCUS] =
	    "SELECT NULL AS AvailabilityZone, p.amount AS m_BilledCost, i.account AS BillingAccountId, i.account AS BillingAccountName, "
	    "'USD' AS BillingCurrency, strftime('%Y-%m-01T00:00:00Z', p.since / 1000000, 'unixepoch', 'start of month', '+1 month') AS "
	    "BillingPeriodEnd, strftime('%Y-%m-01T00:00:00Z', p.since / 1000000, 'unixepoch') AS BillingPeriodStart, "
	    "CASE p.kind WHEN 'bill' THEN 'Adjustment' ELSE 'Usage' END AS ChargeCategory, NULL AS ChargeClass, "
	    "i.gpu || ':' || i.gpu_count || ' ' || CASE p.kind WHEN 'bill' THEN 'billed less metered' ELSE p.part END AS ChargeDescription, "
	    "'Usage-Based' AS ChargeFrequency, strftime('%Y-%m-%dT%H:%M:%SZ', max(p.until, p.since + 1000000) / 1000000, 'unixepoch') AS "
	    "ChargePeriodEnd, strftime('%Y-%m-%dT%H:%M:%SZ', p.since / 1000000, 'unixepoch') AS ChargePeriodStart, "
	    "NULL AS CommitmentDiscountCategory, NULL AS CommitmentDiscountId, NULL AS CommitmentDiscountName, NULL AS "
	    "CommitmentDiscountStatus, NULL AS CommitmentDiscountType, CASE p.kind WHEN 'use' THEN round(p.gpu_time / 3600000000.0, 6) END AS "
	    "ConsumedQuantity, CASE p.kind WHEN 'use' THEN 'GPU-Hours' END AS ConsumedUnit, p.amount AS m_ContractedCost, "
	    "CASE p.kind WHEN 'use' THEN i.price_hour END AS m_ContractedUnitPrice, p.amount AS m_EffectiveCost, "
	    "i.provider AS InvoiceIssuerName, p.amount AS m_ListCost, CASE p.kind WHEN 'use' THEN i.price_hour END AS m_ListUnitPrice, "
	    "CASE WHEN p.kind = 'bill' THEN NULL WHEN i.spot THEN 'Dynamic' ELSE 'Standard' END AS PricingCategory, "
	    "CASE p.kind WHEN 'use' THEN round((p.until - p.since) / 3600000000.0, 6) END AS PricingQuantity, "
	    "CASE p.kind WHEN 'use' THEN 'Hours' END AS PricingUnit, i.provider AS ProviderName, i.provider AS PublisherName, "
	    "nullif(i.region, '') AS RegionId, nullif(i.region, '') AS RegionName, nullif(i.provider_id, '') AS ResourceId, "
	    "coalesce(f.name || '/' || i.slot, 'instance ' || i.id) AS ResourceName, 'GPU instance' AS ResourceType, 'Compute' AS "
	    "ServiceCategory, 'GPU instances' AS ServiceName, i.offer_key AS SkuId, i.offer_key AS SkuPriceId, f.owner AS SubAccountId, "
	    "f.owner AS SubAccountName, json_object('fleet', f.name, 'owner', f.owner, 'budget', nullif(f.budget, ''), 'campaign', c.name, "
	    "'recipe', r.recipe, 'run', nullif(p.run_id, 0), 'part', p.part, 'labels', nullif(f.labels, '')) AS Tags FROM postings p "
	    "JOIN instances i ON i.id = p.subject_id LEFT JOIN fleets f ON f.id = i.fleet_id LEFT JOIN nights n ON n.id = f.night_id "
	    "LEFT JOIN campaigns c ON c.id = n.campaign_id LEFT JOIN runs r ON r.id = p.run_id AND p.run_id > 0 "
	    "WHERE p.kind <> 'hold' AND p.since >= ?1 AND p.since < ?2 ORDER BY p.seq",
	/* The same columns for volumes and snapshots. */
	[SQL_FOCUS_STORAGE] =
	    "SELECT NULL AS AvailabilityZone, p.amount AS m_BilledCost, x.account AS BillingAccountId, x.account AS BillingAccountName, "
	    "'USD' AS BillingCurrency, strftime('%Y-%m-01T00:00:00Z', p.since / 1000000, 'unixepoch', 'start of month', '+1 month') AS "
	    "BillingPeriodEnd, strftime('%Y-%m-01T00:00:00Z', p.since / 1000000, 'unixepoch') AS BillingPeriodStart, "
	    "CASE p.kind WHEN 'bill' THEN 'Adjustment' ELSE 'Usage' END AS ChargeCategory, NULL AS ChargeClass, "
	    "x.kind || ' ' || x.name || ', ' || x.size_gb || ' GB' || CASE p.kind WHEN 'bill' THEN ', billed less metered' ELSE '' END AS "
	    "ChargeDescription, "
	    "'Usage-Based' AS ChargeFrequency, strftime('%Y-%m-%dT%H:%M:%SZ', max(p.until, p.since + 1000000) / 1000000, 'unixepoch') AS "
	    "ChargePeriodEnd, strftime('%Y-%m-%dT%H:%M:%SZ', p.since / 1000000, 'unixepoch') AS ChargePeriodStart, "
	    "NULL AS CommitmentDiscountCategory, NULL AS CommitmentDiscountId, NULL AS CommitmentDiscountName, NULL AS "
	    "CommitmentDiscountStatus, NULL AS CommitmentDiscountType, CASE p.kind WHEN 'use' THEN round(x.size_gb * (p.until - p.since) / "
	    "3600000000.0, 6) END AS ConsumedQuantity, CASE p.kind WHEN 'use' THEN 'GB-Hours' END AS ConsumedUnit, p.amount AS "
	    "m_ContractedCost, NULL AS m_ContractedUnitPrice, p.amount AS m_EffectiveCost, x.provider AS InvoiceIssuerName, p.amount AS "
	    "m_ListCost, NULL AS m_ListUnitPrice, CASE p.kind WHEN 'use' THEN 'Standard' END AS PricingCategory, CASE p.kind WHEN 'use' THEN "
	    "round(x.size_gb * (p.until - p.since) / 3600000000.0, 6) END AS PricingQuantity, CASE p.kind WHEN 'use' THEN 'GB-Hours' END AS "
	    "PricingUnit, x.provider AS ProviderName, "
	    "x.provider AS PublisherName, nullif(x.region, '') AS RegionId, nullif(x.region, '') AS RegionName, nullif(x.provider_id, '') AS "
	    "ResourceId, x.name AS ResourceName, x.kind AS ResourceType, 'Storage' AS ServiceCategory, 'Block storage' AS ServiceName, "
	    "x.kind AS SkuId, x.kind AS SkuPriceId, x.owner AS SubAccountId, x.owner AS SubAccountName, json_object('owner', x.owner, 'budget', "
	    "nullif(x.budget, ''), 'part', p.part) AS Tags FROM postings p JOIN extras x ON x.id = p.subject_id "
	    "WHERE p.kind <> 'hold' AND p.since >= ?1 AND p.since < ?2 ORDER BY p.seq",
	[SQL_LEDGER_BALANCES] = "SELECT account, sum(amount) AS micro, sum(amount) AS m_balance FROM (SELECT debit AS account, amount FROM postings "
				"UNION ALL SELECT credit, -amount FROM postings) GROUP BY account ORDER BY account",
	[SQL_LEDGER_KEYS] = "SELECT p.subject_id AS instance, 'its postings are not numbered from 1 without a gap' AS what, count(*) AS ledger, "
			    "i.postings AS row FROM postings p LEFT JOIN (SELECT id, postings FROM instances UNION ALL SELECT id, postings FROM extras) i "
			    "ON i.id = p.subject_id GROUP BY p.subject_id "
			    "HAVING i.id IS NULL OR count(*) <> i.postings OR max(p.number) <> i.postings OR count(DISTINCT p.number) <> i.postings",
	[SQL_LEDGER_STORAGE] =
	    "WITH s AS (SELECT x.id, x.state, x.held, x.posted, x.adjusted, x.billed, x.settled <> 0 AND x.settled_until > 0 AND x.gap <> 'no record' "
	    "AS final, coalesce(sum(CASE WHEN p.kind = 'hold' THEN p.amount END), 0) AS held_sum, coalesce(sum(CASE WHEN p.kind = 'use' THEN "
	    "p.amount END), 0) AS use_sum, coalesce(sum(CASE WHEN p.kind = 'bill' THEN p.amount END), 0) AS bill_sum FROM extras x LEFT JOIN "
	    "postings p ON p.subject_id = x.id WHERE x.kind <> 'ssh_key' GROUP BY x.id) "
	    "SELECT id AS instance, 'held' AS what, held_sum / 1e6 AS ledger, held / 1e6 AS row FROM s WHERE held_sum <> held UNION ALL "
	    "SELECT id, 'booked so far', use_sum / 1e6, posted / 1e6 FROM s WHERE use_sum <> posted UNION ALL "
	    "SELECT id, 'billed less metered', bill_sum / 1e6, adjusted / 1e6 FROM s WHERE bill_sum <> adjusted UNION ALL "
	    "SELECT id, 'held after its end', held_sum / 1e6, 0 FROM s WHERE state = 'GONE' AND held_sum <> 0 UNION ALL "
	    "SELECT id, 'its bill', (use_sum + bill_sum) / 1e6, billed / 1e6 FROM s WHERE final AND use_sum + bill_sum <> billed",
	[SQL_LEDGER_ROWS] =
	    "WITH s AS (SELECT i.id, i.state, i.hold, i.metered, i.billed, i.settled <> 0 AND i.billed_known AS final, i.posted, i.adjusted, "
	    "i.held, coalesce(sum(CASE WHEN p.kind = 'hold' THEN p.amount END), 0) AS held_sum, coalesce(sum(CASE WHEN p.kind = 'use' THEN "
	    "p.amount END), 0) AS use_sum, coalesce(sum(CASE WHEN p.kind = 'bill' THEN p.amount END), 0) AS bill_sum FROM instances i LEFT "
	    "JOIN postings p ON p.subject_id = i.id GROUP BY i.id) "
	    "SELECT id AS instance, 'held' AS what, held_sum / 1e6 AS ledger, held / 1e6 AS row FROM s WHERE held_sum <> held UNION ALL "
	    "SELECT id, 'metered, booked so far', use_sum / 1e6, posted / 1e6 FROM s WHERE use_sum <> posted UNION ALL "
	    "SELECT id, 'billed less metered', bill_sum / 1e6, adjusted / 1e6 FROM s WHERE bill_sum <> adjusted UNION ALL "
	    "SELECT id, 'metered to its end', use_sum / 1e6, metered / 1e6 FROM s WHERE state = 'GONE' AND use_sum <> metered UNION ALL "
	    "SELECT id, 'held after its end', held_sum / 1e6, 0 FROM s WHERE state = 'GONE' AND held_sum <> 0 UNION ALL "
	    "SELECT id, 'its bill', (use_sum + bill_sum) / 1e6, billed / 1e6 FROM s WHERE state = 'GONE' AND final AND use_sum + bill_sum <> billed",
	[SQL_LEDGER_GAPS] = "SELECT subject_id AS instance, 'its time is not booked once from end to end' AS what, since / 1e6 AS ledger, before / "
			    "1e6 AS row FROM (SELECT subject_id, since, lag(until) OVER (PARTITION BY subject_id ORDER BY number) AS before FROM "
			    "postings WHERE kind = 'use' AND part NOT IN ('rounding', 'unsplit')) WHERE before IS NOT NULL AND before <> since",
	[SQL_BOOKED] = "SELECT p.since, p.until, p.amount FROM postings p LEFT JOIN instances i ON i.id = p.subject_id "
		       "LEFT JOIN extras x ON x.id = p.subject_id LEFT JOIN fleets f ON f.id = i.fleet_id LEFT JOIN nights n ON n.id = f.night_id "
		       "LEFT JOIN campaigns c ON c.id = n.campaign_id WHERE p.kind <> 'hold' AND p.since >= ?1 AND p.seq < ?2 AND CASE ?3 "
		       "WHEN 'all' THEN 1 WHEN 'named' THEN coalesce(f.budget, x.budget) = ?4 WHEN 'owner' THEN coalesce(f.owner, x.owner) = ?4 "
		       "WHEN 'campaign' THEN c.name = ?4 WHEN 'provider' THEN ?4 IN (i.account, i.provider, x.account, x.provider) "
		       "WHEN 'label' THEN instr(',' || f.labels || ',', ',' || ?4 || ',') END",
	[SQL_AUDIT_ENDS] = "SELECT CASE WHEN i.state <> 'GONE' THEN 'open' ELSE coalesce((SELECT e.event " END_OF_I
			   " ORDER BY e.seq DESC LIMIT 1), '') END AS ended, count(*) FROM instances i GROUP BY ended",
	[SQL_AUDIT_OPEN] = AUDIT_FIELDS "WHERE i.state <> 'GONE' ORDER BY i.id",
	/* Never sent, refused, absent in listings, or deleted and absent in listings and on request: nothing else is an end. */
	[SQL_AUDIT_UNPROVED] = AUDIT_FIELDS "WHERE i.state = 'GONE' AND NOT EXISTS (SELECT 1 " END_OF_I
			       " AND ((e.event = 'stop' AND i.sent = 0) OR e.event = 'refused' OR (e.event = 'absent' AND "
			       "i.absent_listings > 1) OR (e.event = 'gone' AND (i.provider = 'static' OR (i.describe_absent AND "
			       "i.absent_listings > 1))))) ORDER BY i.id",
	[SQL_EXTRAS] = "SELECT id, kind, state, account, provider, provider_id, name, owner, region, size_gb, price_month AS m_price_month, "
		       "nullif(created, 0) AS t_created, nullif(used_at, 0) AS t_used_at, nullif(keep_until, 0) AS t_keep_until FROM extras "
		       "WHERE state <> 'GONE' ORDER BY account, id",
	/* The first 24 characters of a mark are the site and the attempt; the rest changes with the deadline. */
	[SQL_INSTANCE_OF_MACHINE] = AUDIT_FIELDS "WHERE i.account = ?1 AND (i.provider_id = ?2 OR (i.provider_id = '' AND i.mark <> '' AND "
				    "substr(i.mark, 1, 24) = substr(?3, 1, 24))) ORDER BY i.state = 'GONE', i.id DESC LIMIT 1",
};
