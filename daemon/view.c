#include "view.h"
#include "base/str.h"
#include "core/cost.h"
#include "core/gang.h"

static void put_money_or_null(json_t *o, const char *key, money m, bool known)
{
	if (known)
		json_put_money(o, key, m);
	else
		json_put(o, key, json_null());
}

static void put_seconds(json_t *o, const char *key, duration d)
{
	json_put(o, key, json_real((double)d / (double)SECOND));
}

json_t *view_offer(const struct model *m, const struct offer *v)
{
	const struct account_state *a = model_account(m, v->account);
	json_t *o = json_object();

	json_put_str(o, "account", v->account);
	json_put_str(o, "provider", v->provider);
	json_put_str(o, "key", v->key);
	json_put_str(o, "gpu", v->gpu);
	json_put_int(o, "gpu_count", v->gpu_count);
	json_put_int(o, "gpu_memory_gb", v->gpu_memory_gb);
	json_put_str(o, "region", v->region);
	json_put_str(o, "host", v->host);
	json_put_money(o, "in_gb", v->in_gb);
	json_put_money(o, "out_gb", v->out_gb);
	json_put_int(o, "cpus", v->cpus);
	json_put_int(o, "ram_gb", v->ram_gb);
	json_put_int(o, "disk_gb", v->disk_gb);
	json_put_money(o, "price_hour", v->price_hour);
	json_put_money(o, "price_gpu_hour", v->price_hour / (v->gpu_count ? v->gpu_count : 1));
	json_put_money(o, "minimum_charge", v->minimum_charge);
	json_put(o, "available", v->available < 0 ? json_null() : json_integer(v->available));
	json_put_bool(o, "spot", v->spot);
	json_put_bool(o, "marketplace", v->marketplace);
	json_put_bool(o, "container", a && a->facts.container);
	json_put(o, "reliability", v->reliability_ppm ? json_real(v->reliability_ppm / 1e6) : json_null());
	json_put(o, "stays", v->stays ? json_integer(v->stays / SECOND) : json_null());
	return o;
}

/* What people call it: of several instances all are at the run of rank 0. */
static json_t *shown_run(const struct model *m, int64_t id)
{
	const struct run *r = model_run(m, id);

	return id ? json_integer(r ? gang_leader(m, r)->object.id : id) : json_null();
}

json_t *view_instance(const struct model *m, const struct instance *i, instant now)
{
	json_t *o = json_object();
	const struct account_state *a = model_account(m, i->account);

	json_put_int(o, "id", i->object.id);
	json_put_int(o, "slot", i->slot);
	json_put_str(o, "state", instance_fsm.state_names[i->state]);
	json_put_str(o, "cause", cause_name(i->cause));
	json_put_str(o, "reason", i->reason);
	json_put_str(o, "account", i->account);
	json_put_str(o, "provider", i->provider);
	json_put_str(o, "offer", i->offer_key);
	json_put_str(o, "gpu", i->gpu);
	json_put_int(o, "gpu_count", i->gpu_count);
	json_put_str(o, "region", i->region);
	json_put_money(o, "price_hour", i->price_hour);
	json_put_bool(o, "spot", i->spot);
	json_put_bool(o, "marketplace", i->marketplace);
	json_put_str(o, "name", i->mark);
	json_put_str(o, "provider_id", i->provider_id);
	json_put_str(o, "address", i->address);
	json_put_str(o, "private_address", i->private_address);
	json_put_int(o, "port", i->port);
	json_put_str(o, "user", i->user);
	json_put_str(o, "host_key", i->host_key);
	json_put_time(o, "deadline", i->deadline);
	json_put_time(o, "created", i->created);
	json_put_time(o, "ready_at", i->ready_at);
	json_put_time(o, "deleting_at", i->deleting_at);
	json_put_time(o, "gone", i->gone);
	json_put_money(o, "held", i->hold);
	json_put_money(o, "metered", a ? cost_of_instance(&a->facts, i, now) : i->metered);
	put_money_or_null(o, "billed", i->billed, i->billed_known);
	json_put_bool(o, "settled", i->settled != 0);
	json_put(o, "run", shown_run(m, i->run_id));
	put_money_or_null(o, "leak_bound", a ? cost_leak_bound(&a->facts, i, now) : 0, a && i->state != INSTANCE_GONE);
	json_put_str(o, "watchdog", watchdog_name(i->watchdog));
	json_put_str(o, "trust", *i->host_key ? trust_name(i->trust) : "");
	json_put_bool(o, "in_doubt", i->state == INSTANCE_AMBIGUOUS && a && a->facts.single_flight && !a->facts.exclusive);
	json_put_time(o, "leased_until", i->leased_until);
	json_put_bool(o, "accepted", i->delete_accepted);
	json_put_bool(o, "shown", i->state != INSTANCE_GONE && !i->describe_absent && !i->absent_listings);
	return o;
}

const char *view_phase(const struct fleet *f)
{
	int ready = 0, busy = 0, beyond = 0;

	if (f->state != FLEET_OPEN)
		return f->state == FLEET_CLOSING ? "closing" : "closed";
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		ready += i->state == INSTANCE_READY;
		busy += i->state == INSTANCE_BUSY || i->state == INSTANCE_DRAINING;
		beyond += i->state >= INSTANCE_BOOTING && i->state < INSTANCE_GONE;
	}
	if (f->keep_until)
		return "kept";
	if (busy)
		return "busy";
	if (ready == f->instances)
		return "ready";
	return beyond ? "booting" : "placing";
}

static json_t *labels_json(const char *text)
{
	json_t *o = json_object();
	char copy[TEXT_MAX], *rest = copy, *pair;

	str_copy(copy, text);
	while ((pair = str_split(&rest, ","))) {
		char *eq = strchr(pair, '=');

		if (!eq)
			continue;
		*eq = '\0';
		json_put_str(o, pair, eq + 1);
	}
	return o;
}

struct sums {
	money held, metered, billed, hourly;
	int instances, made;
	bool all_billed, settled;
};

static struct sums sum(const struct model *m, const struct fleet *f, instant now)
{
	struct sums s = { .all_billed = true, .settled = true };

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);
		const struct account_state *a = model_account(m, i->account);

		s.held = money_add(s.held, i->hold);
		s.metered = money_add(s.metered, a ? cost_of_instance(&a->facts, i, now) : i->metered);
		s.billed = money_add(s.billed, i->billed);
		if (i->state != INSTANCE_GONE) {
			s.instances++;
			if (i->meter_start && !i->meter_end)
				s.hourly = money_add(s.hourly, i->price_hour);
		}
		s.made += *i->provider_id != '\0';
		s.all_billed &= i->billed_known;
		s.settled &= i->settled != 0;
	}
	return s;
}

/* What a line of a list has. */
static json_t *fleet_line(const struct fleet *f, const struct sums *s)
{
	json_t *o = json_object();

	json_put_int(o, "id", f->object.id);
	json_put_str(o, "name", f->name);
	json_put_str(o, "owner", f->owner);
	json_put_str(o, "state", fleet_fsm.state_names[f->state]);
	json_put_str(o, "phase", view_phase(f));
	json_put_str(o, "reason", f->reason);
	json_put_str(o, "gpu", f->gpu);
	json_put_int(o, "gpu_count", f->gpu_count);
	json_put_int(o, "instances_wanted", f->instances);
	json_put_time(o, "created", f->created);
	json_put_time(o, "expires", f->expires);
	json_put_time(o, "closed", f->closed);
	json_put_money(o, "metered", s->metered);
	put_money_or_null(o, "billed", s->billed, s->all_billed && s->made);
	json_put_bool(o, "settled", f->state == FLEET_CLOSED && s->settled);
	json_put_money(o, "hourly", s->hourly);
	return o;
}

static bool has_text(const json_t *list, const char *text)
{
	const json_t *v;
	size_t k;

	json_array_foreach(list, k, v)
		if (!strcmp(json_string_value(v), text))
			return true;
	return false;
}

static json_t *fleet_brief(const struct fleet *f, const struct sums *s)
{
	json_t *o = fleet_line(f, s), *accounts = json_array();
	int ready = 0;

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		ready += i->state == INSTANCE_READY || i->state == INSTANCE_BUSY;
		if (i->state != INSTANCE_GONE && *i->account && !has_text(accounts, i->account))
			json_array_append_new(accounts, json_string(i->account));
	}
	json_put_int(o, "ready", ready);
	json_put(o, "accounts", accounts);
	return o;
}

json_t *view_fleet(const struct model *m, const struct fleet *f, instant now)
{
	struct sums s = sum(m, f, now);
	json_t *o = fleet_line(f, &s), *instances = json_array(), *runs = json_array();

	json_put_str(o, "cause", cause_name(f->cause));
	json_put(o, "labels", labels_json(f->labels));
	json_put(o, "env", f->env ? json_read(f->env, strlen(f->env), NULL) : json_object());
	json_put_time(o, "ready_at", f->ready_at);
	json_put_time(o, "idle_since", f->idle_since);
	json_put_time(o, "keep_until", f->keep_until);
	put_seconds(o, "lifetime", f->lifetime);
	put_seconds(o, "idle_limit", f->idle_limit);
	json_put_bool(o, "own_key", f->own_key);
	json_put_bool(o, "together", f->together);
	json_put_str(o, "budget", f->budget);
	put_money_or_null(o, "max_cost", f->max_cost, f->max_cost != 0);
	json_put_money(o, "held", s.held);
	json_put(o, "extend_pending", f->extend_to ? json_real((double)f->extend_to / (double)SECOND) : json_null());
	json_put(o, "extend_error", *f->extend_error ? json_string(f->extend_error) : json_null());
	json_put_int(o, "version", f->version);
	list_for_each(n, &f->instance_list)
		json_array_append_new(instances, view_instance(m, INSTANCE_OF(n), now));
	json_put(o, "instances", instances);
	list_for_each(n, &f->run_list)
		if (RUN_OF(n)->rank == 0)
			json_array_append_new(runs, json_integer(RUN_OF(n)->object.id));
	json_put(o, "runs", runs);
	return o;
}

/* What the run's time on its machine cost: its share of the rate, between taking the machine and giving it back. */
static money run_cost(const struct model *m, const struct run *r, instant now)
{
	const struct instance *i = model_instance(m, r->instance_id);
	instant until = r->done ? r->done : now;

	return i && r->assigned ? money_for(i->price_hour, until - r->assigned) : 0;
}

/* Each instance of a run of several; `instances` and this are there for every run, so that nobody must ask which kind it is. */
static json_t *ranks_json(const struct model *m, const struct run *r)
{
	json_t *list = json_array();

	for (int rank = 0; rank < r->ranks && r->rank == 0; rank++) {
		const struct run *o = gang_rank(m, r, rank);
		json_t *one = json_object();

		if (o) {
			json_put_int(one, "rank", rank);
			json_put_int(one, "run", o->object.id);
			json_put(one, "instance", o->instance_id ? json_integer(o->instance_id) : json_null());
			json_put_str(one, "address", gang_address(m, r, rank));
			json_put_str(one, "state", run_fsm.state_names[o->state]);
			json_put_str(one, "outcome", outcome_name(o->outcome));
			json_put_str(one, "reason", o->reason);
			json_put(one, "exit_status", o->exit_status >= 0 && o->ended ? json_integer(o->exit_status) : json_null());
		}
		json_array_append_new(list, one);
	}
	return list;
}

static money gang_cost(const struct model *m, const struct run *r)
{
	money sum = run_cost(m, r, m->now);

	for (int rank = 1; rank < r->ranks && r->rank == 0; rank++)
		if (gang_rank(m, r, rank))
			sum = money_add(sum, run_cost(m, gang_rank(m, r, rank), m->now));
	return sum;
}

json_t *view_run(const struct model *m, const struct run *r)
{
	json_t *o = json_object();
	const struct fleet *f = model_fleet(m, r->fleet_id);
	json_t *params = r->params ? json_read(r->params, strlen(r->params), NULL) : NULL;

	json_put_int(o, "id", r->object.id);
	json_put_str(o, "key", r->key);
	json_put_str(o, "fleet", f ? f->name : "");
	json_put(o, "instance", r->instance_id ? json_integer(r->instance_id) : json_null());
	json_put_str(o, "recipe", r->recipe);
	json_put_str(o, "title", r->title);
	json_put_str(o, "owner", r->owner);
	json_put_str(o, "state", run_fsm.state_names[r->state]);
	json_put_str(o, "outcome", outcome_name(r->outcome));
	json_put_str(o, "cause", cause_name(r->cause));
	json_put_str(o, "reason", r->reason);
	json_put_str(o, "progress", r->progress);
	json_put(o, "exit_status", r->exit_status >= 0 && r->ended ? json_integer(r->exit_status) : json_null());
	json_put_str(o, "signal", r->signal);
	json_put_time(o, "created", r->created);
	json_put_time(o, "started", r->started);
	json_put_time(o, "ended", r->ended);
	json_put_time(o, "done", r->done);
	json_put_int(o, "out_size", r->out_size);
	json_put_int(o, "err_size", r->err_size);
	json_put_money(o, "metered", gang_cost(m, r));
	json_put_int(o, "instances", r->ranks > 1 && r->rank == 0 ? r->ranks : 1);
	json_put_int(o, "rank", r->rank);
	json_put(o, "ranks", ranks_json(m, r));
	json_put(o, "params", params ? params : json_object());
	json_put(o, "env", r->env ? json_read(r->env, strlen(r->env), NULL) : json_object());
	json_put_str(o, "secrets", r->secrets);
	return o;
}

json_t *view_event(const struct model *m, const struct event *e)
{
	const struct fleet *f = model_fleet(m, e->fleet_id);
	json_t *o = json_object();

	json_put_int(o, "seq", e->seq);
	json_put_time(o, "time", e->time);
	json_put_str(o, "kind", object_kind_name(e->kind));
	json_put_int(o, "id", e->object_id);
	json_put_str(o, "fleet", f ? f->name : "");
	json_put_str(o, "from", e->from);
	json_put_str(o, "event", e->event);
	json_put_str(o, "to", e->to);
	json_put_str(o, "cause", cause_name(e->cause));
	json_put_str(o, "actor", e->actor);
	json_put_str(o, "text", e->text);
	return o;
}

json_t *view_account(const struct account_state *a, const char *token_where)
{
	json_t *o = json_object();

	json_put_str(o, "account", a->facts.name);
	json_put_str(o, "provider", a->facts.provider);
	json_put_str(o, "title", a->facts.title);
	json_put(o, "ok", a->listed_at || a->facts.local ? json_boolean(!*a->trouble) : json_null());
	json_put_str(o, "message", a->trouble);
	put_money_or_null(o, "balance", a->balance.available, a->balance.known);
	put_money_or_null(o, "hourly", a->balance.hourly, a->balance.hourly_known);
	json_put_bool(o, "volumes", a->facts.volumes);
	json_put_bool(o, "snapshots", a->facts.snapshots);
	json_put_int(o, "live", a->live);
	json_put_int(o, "unmanaged", a->unmanaged);
	json_put(o, "max_instances", a->facts.max_instances ? json_integer(a->facts.max_instances) : json_null());
	put_money_or_null(o, "max_hourly", a->facts.max_hourly, a->facts.max_hourly != 0);
	json_put_time(o, "checked", a->listed_at);
	json_put_str(o, "token_where", token_where ? token_where : "");
	return o;
}

static int by_id(const void *x, const void *y)
{
	const struct fleet *a = *(struct fleet *const *)x, *b = *(struct fleet *const *)y;

	return a->object.id < b->object.id ? -1 : a->object.id > b->object.id;
}

/* What volumes and snapshots cost, used or not. */
static money storage_month(const struct model *m)
{
	const struct extra *x;
	money month = 0;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at)))
		if (x->state >= EXTRA_LIVE && x->state != EXTRA_GONE)
			month = money_add(month, x->price_month);
	return month;
}

json_t *view_status(const struct model *m, bool all, bool brief, instant now)
{
	struct fleet **list = xcalloc(m->fleets.count, sizeof(struct fleet *)), *f;
	json_t *o = json_object(), *fleets = json_array(), *accounts = json_array(), *totals = json_object();
	money hourly = 0, metered = 0;
	size_t n = 0, at = 0;
	int instances = 0;

	while ((f = model_each(&m->fleets, &at)))
		if (all || f->state != FLEET_CLOSED)
			list[n++] = f;
	if (n)
		qsort(list, n, sizeof(*list), by_id);
	for (size_t k = 0; k < n; k++) {
		struct sums s = sum(m, list[k], now);

		json_array_append_new(fleets, brief ? fleet_brief(list[k], &s) : view_fleet(m, list[k], now));
		hourly = money_add(hourly, s.hourly);
		metered = money_add(metered, s.metered);
		instances += s.instances;
	}
	free(list);
	for (size_t k = 0; k < m->account_count; k++)
		if (*m->accounts[k]->trouble)
			json_array_append_new(accounts, view_account(m->accounts[k], NULL));
	json_put_money(totals, "hourly", hourly);
	json_put_money(totals, "metered", metered);
	json_put_int(totals, "instances", instances);
	json_put_money(totals, "storage_month", storage_month(m));
	json_put(o, "fleets", fleets);
	json_put(o, "totals", totals);
	json_put(o, "accounts", accounts);
	return o;
}
