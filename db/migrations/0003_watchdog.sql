-- The watchdog on the machine and the lease that it was given last.
ALTER TABLE instances ADD COLUMN watchdog TEXT NOT NULL DEFAULT 'none' CHECK (watchdog IN ('none', 'stops', 'deletes'));
ALTER TABLE instances ADD COLUMN leased_until INTEGER NOT NULL DEFAULT 0;
