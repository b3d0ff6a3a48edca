-- Runs of several instances: one row for each rank, tied by the run of rank 0; their machines are in one place.
ALTER TABLE runs ADD COLUMN gang_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN ranks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN set_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fleets ADD COLUMN together INTEGER NOT NULL CHECK (together IN (0, 1)) DEFAULT 0;
ALTER TABLE instances ADD COLUMN private_address TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_of_gang ON runs(gang_id, rank) WHERE gang_id > 0;
