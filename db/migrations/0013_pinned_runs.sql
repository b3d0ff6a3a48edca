-- A run may want one certain instance of its fleet: the slot and one; 0 is any.
ALTER TABLE runs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
