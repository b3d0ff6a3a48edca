-- The first schema. Instants and durations are microseconds, money is micro-dollars, states and causes stand by name.
CREATE TABLE fleets (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL CHECK (name <> ''),
	owner TEXT NOT NULL,
	owner_uid INTEGER NOT NULL,
	state TEXT NOT NULL,
	cause TEXT NOT NULL,
	reason TEXT NOT NULL,
	labels TEXT NOT NULL,
	gpu TEXT NOT NULL,
	gpu_count INTEGER NOT NULL CHECK (gpu_count > 0),
	instances INTEGER NOT NULL CHECK (instances > 0),
	accounts TEXT NOT NULL,
	region TEXT NOT NULL,
	image TEXT NOT NULL,
	disk_gb INTEGER NOT NULL,
	spot INTEGER NOT NULL CHECK (spot IN (0, 1)),
	max_price INTEGER NOT NULL,
	max_cost INTEGER NOT NULL,
	accept_minimum INTEGER NOT NULL,
	lifetime INTEGER NOT NULL,
	idle_limit INTEGER NOT NULL,
	retry_for INTEGER NOT NULL,
	for_run INTEGER NOT NULL CHECK (for_run IN (0, 1)),
	keep_on_failure INTEGER NOT NULL,
	created INTEGER NOT NULL,
	ready_at INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	idle_since INTEGER NOT NULL,
	closing_at INTEGER NOT NULL,
	closed INTEGER NOT NULL,
	keep_until INTEGER NOT NULL,
	extend_to INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;

CREATE TABLE instances (
	id INTEGER PRIMARY KEY,
	fleet_id INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	state TEXT NOT NULL,
	cause TEXT NOT NULL,
	reason TEXT NOT NULL,
	account TEXT NOT NULL,
	provider TEXT NOT NULL,
	offer_key TEXT NOT NULL,
	offer_spec TEXT,
	gpu TEXT NOT NULL,
	gpu_count INTEGER NOT NULL,
	region TEXT NOT NULL,
	spot INTEGER NOT NULL CHECK (spot IN (0, 1)),
	marketplace INTEGER NOT NULL CHECK (marketplace IN (0, 1)),
	price_hour INTEGER NOT NULL CHECK (price_hour >= 0),
	minimum_charge INTEGER NOT NULL,
	hold INTEGER NOT NULL CHECK (hold >= 0),
	mark TEXT NOT NULL,
	new_mark TEXT NOT NULL,
	deadline INTEGER NOT NULL,
	snapshot TEXT,
	provider_id TEXT NOT NULL,
	address TEXT NOT NULL,
	port INTEGER NOT NULL,
	user TEXT NOT NULL,
	host_key TEXT NOT NULL,
	boot_id TEXT NOT NULL,
	seen_gpu TEXT NOT NULL,
	seen_gpu_count INTEGER NOT NULL,
	docker INTEGER NOT NULL CHECK (docker IN (0, 1)),
	marked INTEGER NOT NULL CHECK (marked IN (0, 1)),
	stop_requested INTEGER NOT NULL CHECK (stop_requested IN (0, 1)),
	delete_accepted INTEGER NOT NULL CHECK (delete_accepted IN (0, 1)),
	describe_absent INTEGER NOT NULL CHECK (describe_absent IN (0, 1)),
	absent_listings INTEGER NOT NULL,
	planned INTEGER NOT NULL,
	sent INTEGER NOT NULL,
	created INTEGER NOT NULL,
	running_at INTEGER NOT NULL,
	ready_at INTEGER NOT NULL,
	deleting_at INTEGER NOT NULL,
	delete_sent INTEGER NOT NULL,
	gone INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	last_contact INTEGER NOT NULL,
	absent_at INTEGER NOT NULL,
	first_absent INTEGER NOT NULL,
	meter_start INTEGER NOT NULL,
	meter_end INTEGER NOT NULL,
	metered INTEGER NOT NULL CHECK (metered >= 0),
	billed INTEGER NOT NULL,
	billed_known INTEGER NOT NULL CHECK (billed_known IN (0, 1)),
	billed_at INTEGER NOT NULL,
	settled INTEGER NOT NULL,
	run_id INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
	id INTEGER PRIMARY KEY,
	run_key TEXT NOT NULL UNIQUE,
	fleet_id INTEGER NOT NULL REFERENCES fleets(id),
	instance_id INTEGER NOT NULL,
	recipe TEXT NOT NULL,
	title TEXT NOT NULL,
	owner TEXT NOT NULL,
	state TEXT NOT NULL,
	outcome TEXT NOT NULL,
	cause TEXT NOT NULL,
	reason TEXT NOT NULL,
	params TEXT,
	spec TEXT,
	secrets TEXT NOT NULL,
	setup_timeout INTEGER NOT NULL,
	run_timeout INTEGER NOT NULL,
	exit_status INTEGER NOT NULL,
	signal TEXT NOT NULL,
	out_size INTEGER NOT NULL,
	err_size INTEGER NOT NULL,
	progress TEXT NOT NULL,
	results_bytes INTEGER NOT NULL,
	created INTEGER NOT NULL,
	assigned INTEGER NOT NULL,
	started INTEGER NOT NULL,
	run_started INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	done INTEGER NOT NULL,
	stop_requested INTEGER NOT NULL CHECK (stop_requested IN (0, 1)),
	requeues INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
	name TEXT PRIMARY KEY,
	provider TEXT NOT NULL,
	window_balance INTEGER NOT NULL,
	window_since INTEGER NOT NULL,
	window_balance_known INTEGER NOT NULL CHECK (window_balance_known IN (0, 1))
) STRICT;

CREATE TABLE events (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('fleet', 'instance', 'run', 'account')),
	object_id INTEGER NOT NULL,
	fleet_id INTEGER NOT NULL,
	from_state TEXT NOT NULL,
	event TEXT NOT NULL,
	to_state TEXT NOT NULL,
	cause TEXT NOT NULL,
	actor TEXT NOT NULL,
	text TEXT NOT NULL
) STRICT;

CREATE TABLE results (
	run_id INTEGER NOT NULL REFERENCES runs(id),
	seq INTEGER NOT NULL,
	metric TEXT NOT NULL,
	unit TEXT NOT NULL,
	value REAL,
	text TEXT NOT NULL,
	labels TEXT NOT NULL,
	PRIMARY KEY (run_id, seq)
) STRICT;

CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT;

CREATE INDEX fleets_by_name ON fleets(name);
CREATE INDEX fleets_by_state ON fleets(state);
CREATE INDEX instances_by_fleet ON instances(fleet_id);
CREATE INDEX instances_unsettled ON instances(settled) WHERE settled = 0;
CREATE INDEX instances_by_planned ON instances(planned);
CREATE INDEX runs_by_fleet ON runs(fleet_id);
CREATE INDEX runs_by_instance ON runs(instance_id);
CREATE INDEX events_by_fleet ON events(fleet_id, seq);
CREATE INDEX events_by_object ON events(kind, object_id, seq);
