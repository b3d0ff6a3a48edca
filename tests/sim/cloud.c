/*
 * What the four models share: machines, their life and their meters.
 */
#include "cloud_storage.h"

#include <fnmatch.h>

const struct cloud_model *const cloud_models[4] = { &cloud_hotaisle, &cloud_runpod,
	&cloud_digitalocean, &cloud_vastai };

void sim_timing_quick(struct sim_timing *t)
{
	*t = (struct sim_timing){
		.create = 500 * MSEC,
		.boot = 1200 * MSEC,
		.ssh = 400 * MSEC,
		.address = 200 * MSEC,
		.visible = 300 * MSEC,
		.tags = 500 * MSEC,
		.destroy = 600 * MSEC,
		.bill = 2 * SECOND,
		.attach = 300 * MSEC,
		.snapshot = 1500 * MSEC,
		.release = SECOND,
		.pace = 10,
	};
}

void sim_timing_real(struct sim_timing *t, const char *cloud)
{
	*t = (struct sim_timing){
		.create = 5 * SECOND,
		.boot = 17 * SECOND,
		.ssh = 45 * SECOND,
		.address = 5 * SECOND,
		.visible = 0,
		.tags = 5 * SECOND,
		.destroy = 7 * SECOND,
		.bill = 5 * MINUTE,
		.attach = 5 * SECOND,
		.snapshot = 10 * MINUTE,
		.release = 5 * SECOND,
		.pace = 100,
	};
	if (!strcmp(cloud, "runpod")) {
		t->boot = MINUTE;
		t->ssh = 10 * SECOND;
		t->visible = 8 * SECOND;
		t->bill = HOUR;
	} else if (!strcmp(cloud, "digitalocean")) {
		t->boot = 3 * MINUTE;
		t->destroy = 20 * SECOND;
		t->bill = 6 * HOUR;
	} else if (!strcmp(cloud, "vastai")) {
		t->boot = 90 * SECOND;
		t->ssh = 10 * SECOND;
		t->visible = 5 * SECOND;
		t->release = 30 * SECOND;
		t->bill = 10 * MINUTE;
	}
}

struct cloud *cloud_new(const struct cloud_model *model, const struct cloud_options *o)
{
	struct cloud *c = xcalloc(1, sizeof(*c));
	struct err e = { 0 };

	c->model = model;
	c->options = *o;
	c->now = o->start;
	rng_seed(&c->rng, o->seed * 4 + (uint64_t)o->index);
	c->inventory = o->inventory ? json_deep_copy(o->inventory)
				    : json_read(model->inventory, strlen(model->inventory), &e);
	if (!c->inventory)
		BUG("built-in inventory of %s: %s", model->name, e.msg);
	if (!json_money(c->inventory, "balance", &c->deposit))
		c->deposit = 500 * USD;
	c->keys = json_array();
	c->next_id = 1;
	for (int i = 0; i < FAULT_NR; i++)
		c->fault_seconds[i] = sim_faults[i].seconds;
	model->open(c);
	return c;
}

static void machine_free(struct sim_machine *m)
{
	buf_free(&m->keys);
	buf_free(&m->log);
	json_decref(m->env);
	json_decref(m->ask);
	json_decref(m->extra);
	free(m->meters);
	free(m);
}

void cloud_free(struct cloud *c)
{
	if (!c)
		return;
	if (c->model->close)
		c->model->close(c);
	for (size_t i = 0; i < c->machine_count; i++)
		machine_free(c->machines[i]);
	cloud_stores_free(c);
	free(c->machines);
	free(c->log);
	json_decref(c->keys);
	json_decref(c->inventory);
	free(c);
}

void cloud_tick(struct cloud *c, instant now)
{
	if (now < c->now)
		BUG("%s: time went back", c->model->name);
	c->now = now;
	if (c->model->tick)
		c->model->tick(c);
}

static void sooner(const struct cloud *c, instant *next, instant t)
{
	if (t > c->now && t < *next)
		*next = t;
}

instant cloud_next_event(const struct cloud *c)
{
	const struct sim_timing *t = &c->options.timing;
	instant next = cloud_stores_next(c);

	for (size_t i = 0; i < c->machine_count; i++) {
		const struct sim_machine *m = c->machines[i];

		sooner(c, &next, m->gone);
		if (m->deleted)
			continue;
		sooner(c, &next, m->visible);
		sooner(c, &next, m->created + t->tags);
		sooner(c, &next, m->running);
		if (m->running != FOREVER)
			sooner(c, &next, m->running + t->address);
		sooner(c, &next, m->ssh);
		sooner(c, &next, m->dies);
	}
	return next;
}

/* ± a quarter, so that machines asked for together do not come up together. */
static duration jitter(struct cloud *c, duration d)
{
	return d <= 0 ? 0 : d * 3 / 4 + (duration)rng_below(&c->rng, (uint64_t)(d / 2) + 1);
}

int cloud_random_port(struct cloud *c)
{
	return c->options.ssh_port ? c->options.ssh_port : 20000 + (int)rng_below(&c->rng, 40000);
}

struct sim_machine *cloud_machine_new(
    struct cloud *c, const char *gpu, int count, money price, const json_t *ask)
{
	struct sim_machine *m = xcalloc(1, sizeof(*m));
	const struct sim_timing *t = &c->options.timing;
	bool boots = !cloud_fault(c, FAULT_BOOT_NEVER), answers = !cloud_fault(c, FAULT_SSH_NEVER);

	m->cloud = c;
	m->serial = (int64_t)c->machine_count + 1;
	m->gpu = sim_gpu_find(gpu);
	m->count = count;
	m->delivered = count;
	m->inside = m->gpu;
	if (cloud_fault(c, FAULT_WRONG_GPU_COUNT)) {
		if (c->fault_seconds[FAULT_WRONG_GPU_COUNT])
			m->inside = sim_gpu_other(m->gpu);
		else
			m->delivered = count > 1 ? (count + 3) / 4 : 0;
	}
	m->price = cloud_fault(c, FAULT_CREATE_DEARER) ? price * 3 / 2 : price;
	m->created = c->now;
	m->visible = c->now + t->visible;
	if (cloud_fault(c, FAULT_CREATE_LATE))
		m->visible += cloud_fault_time(c, FAULT_CREATE_LATE);
	m->running = boots ? c->now + jitter(c, t->boot) : FOREVER;
	m->ssh = boots && answers ? m->running + jitter(c, t->ssh) : FOREVER;
	if (cloud_fault(c, FAULT_HOST_DIES) && m->ssh != FOREVER)
		m->dies = m->ssh + cloud_fault_time(c, FAULT_HOST_DIES);
	m->odd_state = cloud_fault(c, FAULT_STATE_UNKNOWN);
	m->drivers = true;
	m->keys.max = 256 * 1024;
	m->log.max = 1024 * 1024;
	m->env = json_object();
	m->ask = ask ? json_deep_copy(ask) : json_object();
	m->extra = json_object();
	m->port = c->options.ssh_port ? c->options.ssh_port : 22;
	snprintf(m->address, sizeof(m->address), "127.%d.%d.%d", 60 + c->options.index,
	    (int)(m->serial / 250 % 256), (int)(m->serial % 250 + 1));
	c->machines =
	    xreallocarray(c->machines, c->machine_count + 1, sizeof(struct sim_machine *));
	c->machines[c->machine_count++] = m;
	return m;
}

struct sim_machine *cloud_find(const struct cloud *c, const char *id)
{
	for (size_t i = c->machine_count; i-- > 0;)
		if (!strcmp(c->machines[i]->id, id))
			return c->machines[i];
	return NULL;
}

static bool shown_at(const struct sim_machine *m, instant t)
{
	return t >= m->visible && (!m->gone || t < m->gone);
}

bool cloud_shown(const struct cloud *c, const struct sim_machine *m)
{
	return shown_at(m, c->now);
}

bool cloud_answers_for(struct cloud *c, const struct sim_machine *m, const struct sim_request *q)
{
	return m && cloud_shown(c, m) && (strcmp(q->method, "GET") != 0 || !cloud_fault(c, FAULT_READ_404));
}

struct sim_machine **cloud_listing(struct cloud *c, size_t *n)
{
	instant at = cloud_fault(c, FAULT_LIST_STALE)
			 ? c->now - cloud_fault_time(c, FAULT_LIST_STALE)
			 : c->now;
	struct sim_machine **list = xmalloc((c->machine_count + 2) * sizeof(struct sim_machine *));

	*n = 0;
	for (size_t i = 0; i < c->machine_count; i++)
		if (shown_at(c->machines[i], at))
			list[(*n)++] = c->machines[i];
	if (cloud_fault(c, FAULT_LIST_EMPTY))
		*n = 0;
	if (*n && cloud_fault(c, FAULT_LIST_DROPS_ONE)) {
		size_t i = (size_t)rng_below(&c->rng, *n);

		memmove(list + i, list + i + 1, (*n - i - 1) * sizeof(struct sim_machine *));
		(*n)--;
	}
	if (*n && cloud_fault(c, FAULT_LIST_REPEATS)) {
		list[*n] = list[0];
		(*n)++;
	}
	return list;
}

bool cloud_alive(const struct cloud *c, const struct sim_machine *m)
{
	return c->now >= m->ssh && !m->stopped && !m->deleted && !m->failed && !m->killed &&
	       (!m->dies || c->now < m->dies) && (!m->gone || c->now < m->gone);
}

void cloud_end(struct cloud *c, struct sim_machine *m)
{
	if (m->deleted)
		return;
	cloud_meter_stop(c, m, NULL);
	m->deleted = c->now;
	cloud_store_release(c, m);
	c->model->released(c, m);
}

bool cloud_delete(struct cloud *c, struct sim_machine *m, struct sim_response *r)
{
	static const struct {
		enum sim_fault fault;
		enum sim_error error;
	} refusals[] = {
		{ FAULT_DELETE_500, SIM_E_SERVER },
		{ FAULT_DELETE_404, SIM_E_ABSENT },
		{ FAULT_DELETE_BUSY, SIM_E_BUSY },
	};

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (cloud_fault(c, refusals[i].fault)) {
			c->model->error(c, r, refusals[i].error);
			return false;
		}
	}
	if (m->deleted || cloud_fault(c, FAULT_DELETE_IGNORED))
		return true;
	if (cloud_fault(c, FAULT_DELETE_UNDONE)) {
		m->visible = c->now + cloud_fault_time(c, FAULT_DELETE_UNDONE);
		return true;
	}
	cloud_end(c, m);
	m->gone = c->now + c->options.timing.destroy;
	if (cloud_fault(c, FAULT_DELETE_LAG))
		m->gone = c->now + cloud_fault_time(c, FAULT_DELETE_LAG);
	return true;
}

void cloud_power(struct cloud *c, struct sim_machine *m, bool on)
{
	m->stopped = !on;
	if (!on || m->running == FOREVER)
		return;
	m->running = c->now + jitter(c, c->options.timing.boot);
	if (m->ssh != FOREVER)
		m->ssh = m->running + jitter(c, c->options.timing.ssh);
	m->killed = false;
}

bool cloud_happen(struct cloud *c, struct sim_machine *m, const char *what)
{
	if (!strcmp(what, "host")) {
		m->killed = true;
	} else if (!strcmp(what, "vanish")) {
		cloud_end(c, m);
		m->gone = c->now;
	} else if (!strcmp(what, "reboot")) {
		if (!m->stopped && !m->deleted)
			cloud_power(c, m, true);
	} else if (!strcmp(what, "stop")) {
		if (m->stopped || m->deleted)
			return true;
		if (c->model->stop)
			c->model->stop(c, m);
		else
			cloud_power(c, m, false);
	} else {
		return false;
	}
	return true;
}

/* ---- meters ---- */

void cloud_meter_start(
    struct cloud *c, struct sim_machine *m, const char *part, money per, duration unit)
{
	m->meters = xreallocarray(m->meters, m->meter_count + 1, sizeof(*m->meters));
	m->meters[m->meter_count++] = (struct sim_meter){ part, per, unit, c->now, 0 };
}

void cloud_meter_stop(struct cloud *c, struct sim_machine *m, const char *part)
{
	for (size_t i = 0; i < m->meter_count; i++) {
		struct sim_meter *s = &m->meters[i];

		if ((!s->to || s->to > c->now) && (!part || !strcmp(s->part, part)))
			s->to = instant_max(c->now, s->from);
	}
}

money sim_metered(const struct sim_meter *meters, size_t n, const char *part, instant at, duration quantum)
{
	money sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sim_meter *s = &meters[i];
		instant to = s->to && s->to < at ? s->to : at;
		int64_t quanta;

		if ((part && strcmp(part, s->part)) || to <= s->from)
			continue;
		quanta = (to - s->from + quantum - 1) / quantum;
		sum += (money)(((__int128)s->per * quanta * quantum + s->unit / 2) / s->unit);
	}
	return sum;
}

money cloud_metered(const struct sim_machine *m, const char *part, instant at, duration quantum)
{
	return sim_metered(m->meters, m->meter_count, part, at, quantum);
}

money cloud_cost(const struct cloud *c, const struct sim_machine *m)
{
	return c->model->cost(c, m, c->now);
}

bool cloud_billing(const struct cloud *c, const struct sim_machine *m)
{
	for (size_t i = 0; i < m->meter_count; i++)
		if (m->meters[i].from <= c->now && (!m->meters[i].to || m->meters[i].to > c->now))
			return true;
	return false;
}

money cloud_total(const struct cloud *c, instant at)
{
	money sum = cloud_stores_total(c, at);

	for (size_t i = 0; i < c->machine_count; i++)
		sum += c->model->cost(c, c->machines[i], at);
	return sum;
}

int64_t cloud_count_requests(const struct cloud *c, const char *method, const char *path)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->log_count; i++)
		if ((!method || !*method || !strcmp(method, c->log[i].method)) &&
		    (!path || !*path || !fnmatch(path, c->log[i].path, 0)))
			n++;
	return n;
}
