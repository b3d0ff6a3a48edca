-- Environment variables that people give to the runs of a fleet, and to one run: a JSON object; NULL: none.
ALTER TABLE fleets ADD COLUMN env TEXT;
ALTER TABLE runs ADD COLUMN env TEXT;
