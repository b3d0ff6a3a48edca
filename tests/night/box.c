/*
 * The machines behind the cloud models, as SSH shows them: who answers at an address, with which host key, which GPUs, and the
 * detached runs that go on whether anybody is connected or not (architecture §9). An errand is one command on its way.
 */
#include "base/str.h"
#include "core/gang.h"
#include "night.h"

struct errand {
	struct list link;
	struct tick tick;
	struct action action;
	int64_t epoch;
	bool ran, lost; /* lost: it ran, its answer does not come back */
	/* the answer */
	struct fact fact;
	struct fact_probe probe;
	struct fact_status status;
	char text[512], message[TEXT_MAX];
};

static int cloud_at(const struct sim_night *n, const char *account)
{
	for (size_t k = 0; k < n->config.account_count; k++)
		if (!strcmp(n->accounts[k].name, account))
			return n->cloud_of[k];
	return -1;
}

/* Whoever has the address now; it may be somebody else's machine. */
static struct box *at_address(struct sim_night *n, const struct instance *i)
{
	int k = cloud_at(n, i->account);
	struct cloud *c = k >= 0 ? n->clouds[k] : NULL;

	if (!c)
		return NULL;
	cloud_tick(c, n->now);
	for (size_t at = c->machine_count; at-- > 0;) {
		struct sim_machine *m = c->machines[at];

		if (!strcmp(m->address, i->address) && m->port == i->port && cloud_alive(c, m))
			return box_of(n, m);
	}
	return NULL;
}

static void host_key(const struct box *b, char *out, size_t size)
{
	snprintf(out, size, "ssh-ed25519 key-of-%s-%lld-%d", b->m->cloud->model->name, (long long)b->m->serial, b->keyed);
}

/* A machine that was booted again has lost what ran on it. */
static void notice_boot(struct box *b)
{
	if (b->running == b->m->running)
		return;
	b->running = b->m->running;
	b->boots++;
	for (int k = 0; k < b->job_count; k++)
		b->jobs[k].vanished = b->jobs[k].started != 0;
}

static struct job *job_of(struct box *b, const char *key)
{
	for (int k = 0; k < b->job_count; k++)
		if (!strcmp(b->jobs[k].key, key))
			return &b->jobs[k];
	return NULL;
}

/* What the script will do was decided when its key was drawn. */
static struct job *job_add(const struct sim_night *n, struct box *b, const struct run *r)
{
	struct job *j = job_of(b, r->key);
	struct rng chance;
	uint64_t seed = 0;

	if (j)
		return j;
	if (b->job_count == (int)ARRAY_LEN(b->jobs))
		BUG("a simulated machine has room for %zu runs", ARRAY_LEN(b->jobs));
	for (const char *s = r->key; *s; s++)
		seed = seed * 31 + (uint8_t)*s;
	rng_seed(&chance, seed);
	j = &b->jobs[b->job_count++];
	memset(j, 0, sizeof(*j));
	str_copy(j->key, r->key);
	j->run_id = r->object.id;
	j->gated = r->ranks > 1;
	j->setup = night_random(&chance, SECOND, 3 * MINUTE);
	j->run = night_random(&chance, SECOND, 20 * MINUTE);
	j->setup_limit = r->setup_timeout;
	j->run_limit = r->run_timeout;
	j->status = rng_below(&chance, 4) ? 0 : 1 + (int)rng_below(&chance, 3);
	if (n->season) /* its scripts fail by the machine's fault only */
		j->status = 0;
	return j;
}

/* When and how it ends, seen from now. True: it has ended. */
static bool job_over(const struct job *j, instant now, struct fact_status *s)
{
	bool setup_late = j->setup_limit && j->setup > j->setup_limit, late = j->run_limit && j->run > j->run_limit;
	instant begin = !j->gated ? j->started + j->setup : j->went ? j->went : FOREVER - DAY;
	instant end = setup_late ? j->started + j->setup_limit : begin + (late ? j->run_limit : j->run);

	if (j->stopped && j->stopped + 3 * SECOND < end) {
		if (now < j->stopped + 3 * SECOND)
			return false;
		str_copy(s->signal, "TERM");
		s->stopped = true;
		s->exit_status = -1;
		return true;
	}
	if (now < end)
		return false;
	s->timed_out = setup_late || late;
	s->setup_failed = setup_late;
	s->exit_status = s->timed_out ? -1 : j->status;
	if (s->timed_out)
		str_copy(s->signal, "TERM");
	return true;
}

static void look(const struct sim_night *n, const struct job *j, struct fact_status *s)
{
	*s = (struct fact_status){ .exit_status = -1 };
	if (!j || !j->started)
		s->job = FACT_JOB_NONE;
	else if (j->vanished)
		s->job = FACT_JOB_VANISHED;
	else if (job_over(j, n->now, s))
		s->job = FACT_JOB_DONE;
	else if (n->now < j->started + j->setup)
		s->job = FACT_JOB_SETUP;
	else
		s->job = j->gated && !j->went ? FACT_JOB_READY : FACT_JOB_RUNNING;
	if (j && j->started)
		s->out_size = (n->now - j->started) / (30 * SECOND) * 100;
}

bool box_finished_well(const struct sim_night *n, const char *key)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct job *j = job_of(n->boxes[k], key);
		struct fact_status s = { .exit_status = -1 };

		if (j && j->started && !j->vanished && job_over(j, n->now, &s) && s.exit_status == 0)
			return true;
	}
	return false;
}

/* ---- one command ---- */

/* Whoever is told to begin knows that every other one was set up: at whatever moment the daemon died in between. */
static void release_job(struct sim_night *n, struct box *b, const struct run *r)
{
	struct job *j = job_of(b, r->key);
	char key[16];

	if (!j || j->went)
		return;
	j->went = n->now;
	for (int rank = 0; rank < r->ranks; rank++) {
		bool ready = false;

		gang_key(key, gang_leader(&n->p->model, r)->key, rank);
		for (size_t k = 0; k < n->box_count && !ready; k++) {
			const struct job *other = job_of(n->boxes[k], key);

			ready = other && other->started && n->now >= other->started + other->setup;
		}
		if (!ready)
			night_violation(n, "I9: run %lld begins, but rank %d of it was never set up", (long long)r->object.id, rank);
	}
}

static void start_job(struct sim_night *n, struct box *b, const struct run *r)
{
	struct job *j = job_of(b, r->key);

	if (!j || j->started)
		return; /* the directory is the gate: there already, so it is attached to */
	j->started = n->now;
	if (trouble_strikes(n, TROUBLE_UNFIT, b->cloud)) {
		j->setup = MINUTE;
		j->run = SECOND;
		j->status = STATUS_BAD_MACHINE;
	}
	night_note(n, "run %lld starts on %s", (long long)r->object.id, b->m->id);
	for (size_t k = 0; k < n->box_count; k++) {
		const struct job *other = job_of(n->boxes[k], r->key);

		if (other && other != j && other->started && !r->requeues)
			night_violation(n, "I9: run %lld was started on two machines", (long long)r->object.id);
	}
}

static void command(struct sim_night *n, struct errand *e, struct box *b, const struct instance *i, const struct run *r)
{
	struct fact *f = &e->fact;
	struct buf keys = BUF(1 << 20);
	bool known;

	b->m->cloud->model->keys(b->m->cloud, b->m, &keys);
	known = strstr(buf_str(&keys), "AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP") != NULL;
	buf_free(&keys);
	host_key(b, e->text, sizeof(e->text));
	f->contact = SSH_OK;
	if (*i->host_key && strcmp(i->host_key, e->text) != 0)
		f->contact = SSH_HOST_KEY;
	else if (!known)
		f->contact = SSH_AUTH;
	if (f->contact != SSH_OK)
		return;
	if (b->foreign)
		night_violation(n, "I6: logged in to %s, which is somebody else's", b->m->id);
	switch ((int)e->action.kind) {
	case ACTION_CONNECT:
		snprintf(e->probe.boot_id, sizeof(e->probe.boot_id), "boot-%lld-%d", (long long)b->m->serial, b->boots);
		str_copy(e->probe.gpu, b->m->gpu ? b->m->gpu->name : "");
		e->probe.gpu_count = b->m->delivered;
		e->probe.leased = lease_span(&n->p->model, i, n->now);
		e->probe.watchdog = watchdog_renew(n, b, e->probe.leased);
		f->probe = &e->probe;
		break;
	case ACTION_PUSH: job_add(n, b, r)->pushed = n->now; break;
	case ACTION_START: start_job(n, b, r); break;
	case ACTION_GO: release_job(n, b, r); break;
	case ACTION_POLL:
		look(n, job_of(b, r->key), &e->status);
		f->status = &e->status;
		break;
	case ACTION_STOP:
		if (job_of(b, r->key) && !job_of(b, r->key)->stopped)
			job_of(b, r->key)->stopped = n->now;
		break;
	case ACTION_COLLECT: f->count = 1000; break;
	default: break;
	}
}

static void errand_free(struct sim_night *n, struct errand *e)
{
	night_not(n, &e->tick);
	list_remove(&e->link);
	free(e);
}

static void errand_back(struct sim_night *n, struct tick *t)
{
	struct errand *e = CONTAINER_OF(t, struct errand, tick);

	if (n->p && n->p->epoch == e->epoch && !night_point(n, "ssh answer")) {
		e->fact.text = e->text;
		e->fact.message = e->message;
		if (e->fact.contact != SSH_OK || e->action.kind != ACTION_POLL)
			night_note(n, "ssh %s %lld: %s", action_name(e->action.kind), (long long)e->action.id,
			    ssh_outcome_name(e->fact.contact));
		process_fact(n, &e->fact);
	}
	errand_free(n, e);
}

static void errand_arrives(struct sim_night *n, struct tick *t)
{
	struct errand *e = CONTAINER_OF(t, struct errand, tick);
	const struct model *m = n->p && n->p->epoch == e->epoch ? &n->p->model : NULL;
	const struct run *r = m && e->action.kind >= ACTION_PUSH ? model_run(m, e->action.id) : NULL;
	const struct instance *i = m ? model_instance(m, e->action.kind >= ACTION_PUSH ? r ? r->instance_id : 0 : e->action.id) : NULL;
	struct box *b = i && *i->address ? at_address(n, i) : NULL;
	duration wait = night_random(&n->box_rng, 5 * MSEC, 200 * MSEC);

	if (!i) {
		errand_free(n, e);
		return;
	}
	if (b)
		notice_boot(b);
	if (!b || trouble_strikes(n, TROUBLE_SSH_REFUSED, b->cloud)) {
		e->fact.contact = SSH_UNREACHABLE;
		wait = rng_below(&n->box_rng, 2) ? wait : 10 * SECOND;
	} else if (trouble_strikes(n, TROUBLE_SSH_AUTH, b->cloud)) {
		e->fact.contact = SSH_AUTH;
	} else if (trouble_strikes(n, TROUBLE_SSH_CUT_BEFORE, b->cloud)) {
		e->fact.contact = SSH_LOST;
	} else {
		command(n, e, b, i, r);
		if (trouble_strikes(n, TROUBLE_SSH_CUT_AFTER, b->cloud)) {
			e->fact = (struct fact){ .kind = e->fact.kind, .id = e->fact.id, .contact = SSH_LOST };
			wait = 60 * SECOND;
		} else if (trouble_strikes(n, TROUBLE_SSH_SLOW, b->cloud)) {
			wait = night_random(&n->box_rng, SECOND, 28 * SECOND);
		}
	}
	night_at(n, &e->tick, n->now + wait, errand_back);
	night_point(n, "ssh command ran");
}

void box_action(struct sim_night *n, const struct action *a)
{
	static const enum fact_kind kinds[] = { [ACTION_CONNECT] = FACT_CONNECTED, [ACTION_CLEAN] = FACT_CLEANED,
		[ACTION_PUSH] = FACT_RUN_PUSHED, [ACTION_START] = FACT_RUN_STARTED, [ACTION_GO] = FACT_RUN_RELEASED, [ACTION_POLL] = FACT_RUN_STATUS,
		[ACTION_STOP] = FACT_RUN_STOPPED, [ACTION_COLLECT] = FACT_RUN_COLLECTED };
	struct errand *e;

	if (a->kind == ACTION_DISCONNECT)
		return;
	e = xcalloc(1, sizeof(*e));
	e->action = *a;
	e->epoch = n->p->epoch;
	e->fact.kind = kinds[a->kind];
	e->fact.id = a->id;
	list_append(&n->errands, &e->link);
	night_at(n, &e->tick, n->now + night_random(&n->box_rng, 5 * MSEC, 200 * MSEC), errand_arrives);
}

void box_close(struct sim_night *n)
{
	list_for_each_safe(l, &n->errands)
		errand_free(n, CONTAINER_OF(l, struct errand, link));
}
