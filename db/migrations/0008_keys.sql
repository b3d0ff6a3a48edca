-- A key pair of a fleet's own, and the host key that a person says a machine must show.
ALTER TABLE fleets ADD COLUMN own_key INTEGER NOT NULL CHECK (own_key IN (0, 1)) DEFAULT 0;
ALTER TABLE extras ADD COLUMN fleet_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN host_print TEXT NOT NULL DEFAULT '';
