-- How the host key of a machine is known.
ALTER TABLE instances ADD COLUMN trust TEXT NOT NULL DEFAULT 'tofu' CHECK (trust IN ('tofu', 'oob', 'preset'));
