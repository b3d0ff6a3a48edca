-- What we made at providers beside machines, and its events.
CREATE TABLE extras (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('ssh_key', 'volume', 'snapshot')),
	state TEXT NOT NULL,
	account TEXT NOT NULL,
	provider TEXT NOT NULL,
	provider_id TEXT NOT NULL,
	name TEXT NOT NULL,
	owner TEXT NOT NULL,
	region TEXT NOT NULL,
	size_gb INTEGER NOT NULL,
	price_month INTEGER NOT NULL CHECK (price_month >= 0),
	created INTEGER NOT NULL,
	used_at INTEGER NOT NULL,
	deleting_at INTEGER NOT NULL,
	gone INTEGER NOT NULL,
	keep_until INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;

CREATE TABLE events_now (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('fleet', 'instance', 'run', 'account', 'extra')),
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
