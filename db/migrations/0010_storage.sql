-- Volumes and snapshots, the machine of a marketplace behind an instance, and why its bill and our clock differ.
ALTER TABLE instances ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE instances ADD COLUMN gap TEXT NOT NULL DEFAULT '';
ALTER TABLE instances ADD COLUMN volume_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN snapshot_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN traffic_hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fleets ADD COLUMN volume TEXT NOT NULL DEFAULT '';
ALTER TABLE fleets ADD COLUMN snapshot TEXT NOT NULL DEFAULT '';
ALTER TABLE fleets ADD COLUMN snapshot_as TEXT NOT NULL DEFAULT '';

ALTER TABLE extras ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN disk_gb INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN gpu TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN source_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN of_volume INTEGER NOT NULL CHECK (of_volume IN (0, 1)) DEFAULT 0;
ALTER TABLE extras ADD COLUMN work TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN budget TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE extras ADD COLUMN dropped_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN absent_listings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN postings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN posted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN booked_until INTEGER NOT NULL DEFAULT 0;

-- A posting is about an instance or about storage: their ids are of one sequence.
CREATE TABLE postings_now (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('hold', 'use', 'bill')),
	subject_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	part TEXT NOT NULL CHECK (part IN ('', 'boot', 'setup', 'run', 'idle', 'teardown', 'rounding', 'storage', 'unsplit')),
	run_id INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL CHECK (until >= since),
	gpu_time INTEGER NOT NULL,
	debit TEXT NOT NULL,
	credit TEXT NOT NULL CHECK (credit <> debit),
	amount INTEGER NOT NULL,
	UNIQUE (subject_id, number)
) STRICT;
INSERT INTO postings_now SELECT seq, time, kind, instance_id, number, part, run_id, since, until, gpu_time, debit, credit, amount FROM postings;
DROP TABLE postings;
ALTER TABLE postings_now RENAME TO postings;
CREATE INDEX postings_by_time ON postings(since) WHERE kind <> 'hold';
CREATE TRIGGER postings_stay BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'a posting is never changed'); END;
CREATE TRIGGER postings_remain BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'a posting is never deleted'); END;
