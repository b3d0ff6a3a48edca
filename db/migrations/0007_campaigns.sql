-- Campaigns, their nights (one for each firing; the definition that it ran with stays with it) and the trials of each.
CREATE TABLE campaigns (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	owner TEXT NOT NULL,
	text TEXT,
	number INTEGER NOT NULL,
	nights INTEGER NOT NULL,
	paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	deleted INTEGER NOT NULL,
	last_tick INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX campaigns_by_name ON campaigns(name) WHERE deleted = 0;

CREATE TABLE nights (
	id INTEGER PRIMARY KEY,
	campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
	number INTEGER NOT NULL,
	definition INTEGER NOT NULL,
	text TEXT,
	tick INTEGER NOT NULL,
	poc INTEGER NOT NULL CHECK (poc IN (0, 1)),
	state TEXT NOT NULL,
	outcome TEXT NOT NULL,
	cause TEXT NOT NULL,
	reason TEXT NOT NULL,
	begun INTEGER NOT NULL,
	finish_by INTEGER NOT NULL,
	measured INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	stop_requested INTEGER NOT NULL CHECK (stop_requested IN (0, 1)),
	repeated INTEGER NOT NULL CHECK (repeated IN (0, 1)),
	series INTEGER NOT NULL,
	worse INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
-- One firing, one night: whatever happens to the daemon between the two.
CREATE UNIQUE INDEX nights_by_tick ON nights(campaign_id, tick) WHERE tick > 0;
CREATE UNIQUE INDEX nights_by_number ON nights(campaign_id, number);

CREATE TABLE trials (
	id INTEGER PRIMARY KEY,
	night_id INTEGER NOT NULL REFERENCES nights(id),
	cell INTEGER NOT NULL,
	repeat INTEGER NOT NULL,
	again INTEGER NOT NULL CHECK (again IN (0, 1)),
	title TEXT NOT NULL,
	gpu TEXT NOT NULL,
	gpu_count INTEGER NOT NULL,
	account TEXT NOT NULL,
	state TEXT NOT NULL,
	fleet_id INTEGER NOT NULL,
	run_id INTEGER NOT NULL,
	lost INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	outcome TEXT NOT NULL,
	cause TEXT NOT NULL,
	reason TEXT NOT NULL,
	ended INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX trials_by_night ON trials(night_id);
CREATE INDEX trials_by_run ON trials(run_id);

ALTER TABLE fleets ADD COLUMN night_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN trial_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX fleets_by_night ON fleets(night_id) WHERE night_id > 0;
CREATE INDEX runs_by_trial ON runs(trial_id) WHERE trial_id > 0;

CREATE TABLE events_now (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('fleet', 'instance', 'run', 'account', 'extra', 'campaign', 'night', 'trial', 'notice')),
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

-- What a night measured, one row for each series, and what was thought of it (benchmarks §9).
CREATE TABLE findings (
	night_id INTEGER NOT NULL REFERENCES nights(id),
	seq INTEGER NOT NULL,
	series TEXT NOT NULL,
	kind TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	scenario TEXT NOT NULL,
	concurrency INTEGER NOT NULL,
	gpu TEXT NOT NULL,
	gpu_count INTEGER NOT NULL,
	provider TEXT NOT NULL,
	stack_id TEXT NOT NULL,
	metric TEXT NOT NULL,
	unit TEXT NOT NULL,
	lower_is_better INTEGER NOT NULL CHECK (lower_is_better IN (0, 1)),
	measured TEXT,
	first TEXT,
	nights INTEGER NOT NULL,
	median REAL,
	baseline REAL,
	worse REAL,
	z REAL,
	p REAL,
	p_holm REAL,
	PRIMARY KEY (night_id, seq)
) STRICT;
CREATE INDEX findings_by_series ON findings(series, night_id);

-- Messages about nights that wait for their webhook.
CREATE TABLE notices (
	id INTEGER PRIMARY KEY,
	campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
	night_id INTEGER NOT NULL REFERENCES nights(id),
	webhook TEXT NOT NULL,
	news TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	tries INTEGER NOT NULL,
	created INTEGER NOT NULL,
	done INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX notices_waiting ON notices(state) WHERE state = 'WAITING';
