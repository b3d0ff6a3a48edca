-- Cells of several machines: how many a trial works on, and a finding was measured on.
ALTER TABLE trials ADD COLUMN instances INTEGER NOT NULL DEFAULT 1;
ALTER TABLE findings ADD COLUMN instances INTEGER NOT NULL DEFAULT 1;
