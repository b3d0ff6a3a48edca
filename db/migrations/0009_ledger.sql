-- The ledger (daemon/core/ledger.h): written once, never changed.
CREATE TABLE postings (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('hold', 'use', 'bill')),
	instance_id INTEGER NOT NULL REFERENCES instances(id),
	number INTEGER NOT NULL,
	part TEXT NOT NULL CHECK (part IN ('', 'boot', 'setup', 'run', 'idle', 'teardown', 'rounding', 'storage', 'unsplit')),
	run_id INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL CHECK (until >= since),
	gpu_time INTEGER NOT NULL,
	debit TEXT NOT NULL,
	credit TEXT NOT NULL CHECK (credit <> debit),
	amount INTEGER NOT NULL,
	UNIQUE (instance_id, number)
) STRICT;
CREATE INDEX postings_by_time ON postings(since) WHERE kind <> 'hold';

ALTER TABLE instances ADD COLUMN postings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN posted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN adjusted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN booked_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN part TEXT NOT NULL DEFAULT 'boot';
ALTER TABLE instances ADD COLUMN part_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN rate_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN rate_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fleets ADD COLUMN budget TEXT NOT NULL DEFAULT '';

-- What ended before there was a ledger.
INSERT INTO postings SELECT row_number() OVER (ORDER BY id), gone, 'use', id, 1, 'unsplit', 0, meter_start, max(meter_start, meter_end),
	max(0, meter_end - meter_start) * gpu_count, 'cost', 'provider:' || account, metered
	FROM instances WHERE state = 'GONE' AND metered <> 0;
INSERT INTO postings SELECT (SELECT count(*) FROM postings) + row_number() OVER (ORDER BY id), settled, 'bill', id, 1 + (metered <> 0), 'rounding', 0,
	meter_end, meter_end, 0, 'adjust', 'provider:' || account, billed - metered
	FROM instances WHERE state = 'GONE' AND settled <> 0 AND billed_known AND billed <> metered;
UPDATE instances SET postings = (metered <> 0) + (settled <> 0 AND billed_known AND billed <> metered), posted = metered, booked_until = meter_end,
	adjusted = CASE WHEN settled <> 0 AND billed_known THEN billed - metered ELSE 0 END WHERE state = 'GONE';

CREATE TRIGGER postings_stay BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'a posting is never changed'); END;
CREATE TRIGGER postings_remain BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'a posting is never deleted'); END;

CREATE TABLE budgets (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	scope TEXT NOT NULL CHECK (scope IN ('all', 'named', 'owner', 'campaign', 'provider', 'label')),
	subject TEXT NOT NULL,
	period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month', 'rolling', 'total')),
	rolling_days INTEGER NOT NULL,
	zone TEXT NOT NULL,
	cap INTEGER NOT NULL CHECK (cap >= 0),
	warn_only INTEGER NOT NULL CHECK (warn_only IN (0, 1)),
	notify TEXT NOT NULL,
	actor TEXT NOT NULL,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	deleted INTEGER NOT NULL,
	told INTEGER NOT NULL,
	told_period INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX budgets_by_name ON budgets(name) WHERE deleted = 0;

CREATE TABLE notices_now (
	id INTEGER PRIMARY KEY,
	campaign_id INTEGER NOT NULL,
	night_id INTEGER NOT NULL,
	webhook TEXT NOT NULL,
	news TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	tries INTEGER NOT NULL,
	created INTEGER NOT NULL,
	done INTEGER NOT NULL,
	version INTEGER NOT NULL,
	budget_id INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO notices_now SELECT id, campaign_id, night_id, webhook, news, state, reason, tries, created, done, version, 0 FROM notices;
DROP TABLE notices;
ALTER TABLE notices_now RENAME TO notices;
CREATE INDEX notices_waiting ON notices(state) WHERE state = 'WAITING';

CREATE TABLE events_now (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('fleet', 'instance', 'run', 'account', 'extra', 'campaign', 'night', 'trial', 'notice', 'budget')),
	object_id INTEGER NOT NULL,
	fleet_id INTEGER NOT NULL,
	from_state TEXT NOT NULL,
	event TEXT NOT NULL,
	to_state TEXT NOT NULL,
	cause TEXT NOT NULL,
	actor TEXT NOT NULL,
	text TEXT NOT NULL
) STRICT;
INSERT INTO events_now SELECT seq, time, kind, object_id, fleet_id, from_state, event, to_state, cause, actor, text FROM events;
DROP TABLE events;
ALTER TABLE events_now RENAME TO events;
CREATE INDEX events_by_fleet ON events(fleet_id, seq);
CREATE INDEX events_by_object ON events(kind, object_id, seq);
