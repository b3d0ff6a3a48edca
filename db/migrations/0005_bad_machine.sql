-- A run that was taken from a machine that is not fit keeps what it wrote there: its output goes on behind these offsets.
ALTER TABLE runs ADD COLUMN out_base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN err_base INTEGER NOT NULL DEFAULT 0;
