-- What the providers' records say of volumes and snapshots, read in steps while they live; the size of a machine's disk.
ALTER TABLE extras ADD COLUMN bill_due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN bill_metered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN billed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN billed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN adjusted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN settled_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN gap TEXT NOT NULL DEFAULT '';
-- Of what ended before, nobody asked: what was metered stands.
UPDATE extras SET settled = gone, gap = 'no record' WHERE kind <> 'ssh_key' AND state = 'GONE';
ALTER TABLE instances ADD COLUMN disk_gb INTEGER NOT NULL DEFAULT 0;
