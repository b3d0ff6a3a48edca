-- Published or older results that were read in, so that runs can be compared with them. source: what a benchmark is made from
-- (daemon/report/bench.h), as JSON; NULL: it was deleted.
CREATE TABLE imports (
	name TEXT PRIMARY KEY,
	owner TEXT NOT NULL,
	created INTEGER NOT NULL,
	source TEXT
) STRICT;
