#include "view_nights.h"
#include "core/cost.h"

json_t *view_firings(const struct plan *p, instant from, int count)
{
	json_t *list = json_array();

	for (int k = 0; k < count && p->scheduled && p->zone; k++) {
		struct firing f = schedule_next(&p->schedule, p->zone, from);
		json_t *o;
		char local[40];

		if (f.tick == FOREVER)
			break;
		o = json_object();
		zone_format(p->zone, f.tick, local);
		json_put_time(o, "tick", f.tick);
		json_put_time(o, "begins", f.begins);
		json_put_str(o, "local", local);
		json_array_append_new(list, o);
		from = f.tick;
	}
	return list;
}

json_t *view_plan(const struct plan *p)
{
	json_t *o = json_object(), *cells = json_array();

	for (size_t k = 0; k < p->cell_count; k++) {
		const struct plan_cell *x = &p->cells[k];
		json_t *cell = json_object();

		json_put_str(cell, "title", x->title);
		json_put_str(cell, "gpu", x->gpu);
		json_put_int(cell, "gpu_count", x->gpu_count);
		json_put_int(cell, "instances", x->instances);
		json_put_str(cell, "providers", x->accounts);
		json_put_str(cell, "region", x->region);
		json_put(cell, "set", json_read(x->params, strlen(x->params), NULL));
		json_array_append_new(cells, cell);
	}
	json_put_str(o, "campaign", p->name);
	json_put_str(o, "owner", p->owner);
	json_put_str(o, "recipe", p->recipe);
	json_put_str(o, "image", p->image);
	json_put(o, "disk", p->disk_gb ? json_integer(p->disk_gb) : json_null());
	json_put(o, "cells", cells);
	json_put_int(o, "runs", (int64_t)p->cell_count * p->runs);
	json_put(o, "run_limit", json_real((double)p->run_limit / (double)SECOND));
	if (p->max_price)
		json_put_money(o, "max_price", p->max_price);
	json_put_str(o, "timezone", p->zone ? zone_name(p->zone) : "");
	json_put_bool(o, "scheduled", p->scheduled);
	json_put_int(o, "parallel_fleets", p->parallel);
	if (p->per_night)
		json_put_money(o, "per_night", p->per_night);
	else
		json_put(o, "per_night", json_null());
	return o;
}

json_t *view_trial(const struct model *m, const struct trial *t)
{
	const struct fleet *f = model_fleet(m, t->fleet_id);
	const struct run *r = model_run(m, t->run_id);
	json_t *o = json_object();

	json_put_int(o, "id", t->object.id);
	json_put_int(o, "cell", t->cell);
	json_put_int(o, "repeat", t->repeat);
	json_put_bool(o, "again", t->again);
	json_put_str(o, "title", t->title);
	json_put_str(o, "gpu", t->gpu);
	json_put_int(o, "gpu_count", t->gpu_count);
	json_put_int(o, "instances", t->instances);
	json_put_str(o, "state", trial_fsm.state_names[t->state]);
	json_put_str(o, "outcome", outcome_name(t->outcome));
	json_put_str(o, "cause", cause_name(t->cause));
	json_put_str(o, "reason", t->reason);
	json_put_int(o, "lost", t->lost);
	json_put_int(o, "failed", t->failed);
	json_put(o, "run", t->run_id ? json_integer(t->run_id) : json_null());
	json_put_str(o, "fleet", f ? f->name : "");
	json_put_str(o, "progress", r && t->state == TRIAL_RUNNING ? r->progress : "");
	json_put_time(o, "ended", t->ended);
	return o;
}

static money cost_of_fleet(const struct model *m, const struct fleet *f, instant now)
{
	money sum = 0;

	list_for_each(l, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(l);
		const struct account_state *a = model_account(m, i->account);

		sum = money_add(sum, i->state == INSTANCE_GONE || !a ? i->metered :
		    cost_metered(&a->facts.billing, i->price_hour, i->minimum_charge, i->meter_start, i->meter_end ? i->meter_end : now));
	}
	return sum;
}

json_t *view_night(const struct model *m, const struct night *n, instant now)
{
	json_t *o = json_object(), *trials = json_array(), *fleets = json_array();
	int count = 0, ok = 0, ended = 0;
	money cost = 0;

	list_for_each(l, &n->trial_list) {
		const struct trial *t = TRIAL_OF(l);

		json_array_append_new(trials, view_trial(m, t));
		count++;
		ok += t->state == TRIAL_DONE && t->outcome == OUTCOME_OK;
		ended += t->state >= TRIAL_DONE;
	}
	list_for_each(l, &n->fleet_list) {
		const struct fleet *f = NIGHT_FLEET_OF(l);

		json_array_append_new(fleets, json_string(f->name));
		cost = money_add(cost, cost_of_fleet(m, f, now));
	}
	json_put_int(o, "id", n->object.id);
	json_put_int(o, "number", n->number);
	json_put_int(o, "definition", n->definition);
	json_put_time(o, "tick", n->tick);
	json_put_bool(o, "poc", n->poc);
	json_put_str(o, "state", night_fsm.state_names[n->state]);
	json_put_str(o, "outcome", night_outcome_name(n->outcome));
	json_put_str(o, "cause", cause_name(n->cause));
	json_put_str(o, "reason", n->reason);
	json_put_time(o, "begun", n->begun);
	json_put_time(o, "finish_by", n->finish_by);
	json_put_time(o, "ended", n->ended);
	json_put_int(o, "count", count);
	json_put_int(o, "ok", ok);
	json_put_int(o, "trials_ended", ended);
	json_put_money(o, "metered", cost);
	json_put(o, "fleets", fleets);
	json_put(o, "trials", trials);
	return o;
}

json_t *view_campaign(const struct model *m, const struct campaign *c, instant now)
{
	json_t *o = json_object(), *firings = c->plan ? view_firings(c->plan, now, 1) : NULL, *night = NULL;

	list_for_each(l, &c->night_list)
		if (NIGHT_OF(l)->state != NIGHT_DONE)
			night = night ? night : view_night(m, NIGHT_OF(l), now);
	json_put_int(o, "id", c->object.id);
	json_put_str(o, "name", c->name);
	json_put_str(o, "owner", c->owner);
	json_put_str(o, "state", !c->plan ? "unusable" : c->paused ? "paused" : c->plan->scheduled ? "active" : "by hand");
	json_put_str(o, "trouble", c->trouble);
	json_put_int(o, "definition", c->number);
	json_put_int(o, "nights", c->nights);
	json_put_time(o, "created", c->created);
	json_put_time(o, "updated", c->updated);
	json_put(o, "plan", c->plan ? view_plan(c->plan) : json_null());
	json_put(o, "next", !c->paused && json_array_size(firings) ? json_incref(json_array_get(firings, 0)) : json_null());
	json_put(o, "night", night ? night : json_null());
	json_decref(firings);
	return o;
}
