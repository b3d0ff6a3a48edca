-- The machine of a marketplace behind an instance, and why its bill and our clock differ (the settled events said it till now).
ALTER TABLE instances ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE instances ADD COLUMN gap TEXT NOT NULL DEFAULT '';
