/* The cloud of core_world.h: effects when an action leaves, facts when its answer is due. */
#include "core_world.h"

static bool about_run(enum action_kind k)
{
	return k >= ACTION_PUSH && k <= ACTION_COLLECT;
}

static bool about_account(enum action_kind k)
{
	return k == ACTION_OFFERS || k == ACTION_LIST || k == ACTION_BALANCE || k == ACTION_CHARGES || k == ACTION_STORAGE;
}

static bool by_ssh(enum action_kind k)
{
	return k == ACTION_CONNECT || k == ACTION_CLEAN || k == ACTION_RELEASE || about_run(k);
}

struct unit *world_unit_of(struct world *w, const char *id)
{
	for (size_t k = 0; k < w->unit_count; k++)
		if (!strcmp(w->units[k].id, id))
			return &w->units[k];
	return NULL;
}

static struct job *job_of(struct world *w, int64_t run_id, int64_t instance_id)
{
	for (size_t k = 0; k < w->job_count; k++)
		if (w->jobs[k].run_id == run_id && w->jobs[k].instance_id == instance_id)
			return &w->jobs[k];
	return NULL;
}

/* ---- effects ---- */

static void make_units(struct world *w, struct answer *ans)
{
	const struct instance *i = model_instance(&w->m, ans->action.id);
	const struct account_state *a = model_account(&w->m, i->account);
	struct unit *u;

	w->creates[i->object.id]++;
	assert_int_equal(i->state, INSTANCE_DISPATCHING);
	if (a->facts.local || w->k.idle[ACTION_CREATE] ||
	    (ans->verdict != VERDICT_OK && ans->verdict != VERDICT_UNSURE && !w->k.spite))
		return;
	for (int n = 0; n < (w->k.copies ? w->k.copies : 1); n++) {
		u = world_unit(w, i->account, a->facts.mark_at_create ? i->mark : NULL, i->object.id);
		u->price_hour = w->k.price ? w->k.price : i->price_hour;
		u->gpu_count = i->gpu_count;
		u->hidden_until = w->now + w->k.hide;
		u->state = MACHINE_STARTING;
		if (!n && ans->verdict != VERDICT_UNSURE) {
			str_copy(ans->id, u->id);
			ans->price = u->price_hour;
		}
	}
}

static void destroy_unit(struct world *w, const struct answer *ans)
{
	const struct instance *i = model_instance(&w->m, ans->action.id);
	struct unit *u = world_unit_of(w, i->provider_id);

	assert_int_equal(i->state, INSTANCE_DELETING);
	assert_true(*i->provider_id != '\0');
	if (u && u->instance == FOREIGN)
		w->foreign_destroys++;
	if (u && !u->gone && !w->k.idle[ACTION_DESTROY] && ans->verdict == VERDICT_OK)
		u->gone = w->now;
}

static void rename_unit(struct world *w, const struct answer *ans)
{
	const struct instance *i = model_instance(&w->m, ans->action.id);
	struct unit *u = world_unit_of(w, i->provider_id);

	if (u && !w->k.idle[ACTION_MARK] && (ans->verdict == VERDICT_OK || ans->verdict == VERDICT_UNSURE))
		str_copy(u->mark, *i->new_mark ? i->new_mark : i->mark);
}

static void start_job(struct world *w, const struct answer *ans)
{
	const struct run *r = model_run(&w->m, ans->action.id);
	struct job *j = job_of(w, r->object.id, r->instance_id);

	if (w->k.contact[ACTION_START] == SSH_UNREACHABLE || w->k.refuse)
		return;
	if (!j) { /* mkdir: the first start wins */
		assert_true(w->job_count < ARRAY_LEN(w->jobs));
		j = &w->jobs[w->job_count++];
		*j = (struct job){ .run_id = r->object.id, .instance_id = r->instance_id, .started = w->now, .starts = 1 };
	}
}

static void release_job(struct world *w, const struct answer *ans)
{
	const struct run *r = model_run(&w->m, ans->action.id);
	struct job *j = job_of(w, r->object.id, r->instance_id);

	assert_non_null(j);
	assert_true(r->released && !r->object.dirty); /* never before it is on the disk */
	if (w->k.contact[ACTION_GO] != SSH_UNREACHABLE && !j->went)
		j->went = w->now;
}

static void stop_job(struct world *w, const struct answer *ans)
{
	const struct run *r = model_run(&w->m, ans->action.id);
	struct job *j = job_of(w, r->object.id, r->instance_id);

	if (j && !w->k.idle[ACTION_STOP] && !w->k.contact[ACTION_STOP] && !j->ended) {
		j->stopped = true;
		j->ended = w->now;
	}
}

/* ---- one in flight ---- */

/* A delete does not wait for a connection or a rename that is under way, nor a stop for a push, nor storage for its bill; all else does. */
static bool overtakes(const struct world *w, const struct action *a, const struct answer *other)
{
	const struct instance *i = model_instance(&w->m, a->id);

	if (other->action.kind == ACTION_PUSH && model_run(&w->m, a->id)->state >= RUN_COLLECTING)
		return true;
	if ((a->kind == ACTION_STORAGE_BILL) != (other->action.kind == ACTION_STORAGE_BILL))
		return true; /* a bill is read whatever is done with the storage */
	return i && i->state >= INSTANCE_DELETING && (other->action.kind == ACTION_CONNECT || other->action.kind == ACTION_MARK);
}

static bool same_object(const struct action *a, const struct action *b)
{
	if (a->id != b->id || about_account(a->kind) != about_account(b->kind))
		return false;
	return !about_account(a->kind) || a->kind == b->kind; /* an account lists, prices and counts side by side */
}

void world_take(struct world *w, const struct action *a)
{
	struct answer ans = { .action = *a, .sent = w->now, .verdict = w->k.verdict[a->kind], .spite = w->k.spite };
	duration delay = w->k.delay[a->kind] ? w->k.delay[a->kind] : by_ssh(a->kind) ? 100 * MSEC : SECOND;

	w->count[a->kind]++;
	if (a->kind == ACTION_DISCONNECT)
		return;
	for (size_t k = 0; k < w->answer_count && !w->junk; k++)
		if (same_object(&w->answers[k].action, a) && !overtakes(w, a, &w->answers[k]))
			fail_msg("%s of %lld leaves while its %s is unanswered", action_name(a->kind), (long long)a->id,
			    action_name(w->answers[k].action.kind));
	switch ((int)a->kind) {
	case ACTION_CREATE: make_units(w, &ans); break;
	case ACTION_DESTROY: destroy_unit(w, &ans); break;
	case ACTION_MARK: rename_unit(w, &ans); break;
	case ACTION_START: start_job(w, &ans); break;
	case ACTION_GO: release_job(w, &ans); break;
	case ACTION_STOP: stop_job(w, &ans); break;
	case ACTION_STORAGE_MAKE: storage_make(w, &ans); break;
	case ACTION_END_EXTRA: storage_drop(w, &ans); break;
	default: break;
	}
	ans.due = w->now + delay + (about_account(a->kind) ? (a->id - 1) * w->k.stagger : 0);
	assert_true(w->answer_count < ARRAY_LEN(w->answers));
	w->answers[w->answer_count++] = ans;
}

/* Machines boot, jobs end. */
void world_tick(struct world *w)
{
	duration boot = w->k.boot ? w->k.boot : 30 * SECOND;

	for (size_t k = 0; k < w->unit_count; k++) {
		struct unit *u = &w->units[k];

		if (u->state == MACHINE_STARTING && boot != FOREVER && w->now >= u->born + boot)
			u->state = MACHINE_RUNNING;
	}
}

/* ---- facts ---- */

static bool shows(const struct world *w, const struct unit *u)
{
	return !u->gone && u->hidden_until <= w->now;
}

static void describe(const struct world *w, const struct unit *u, struct machine *out)
{
	memset(out, 0, sizeof(*out));
	str_copy(out->id, u->id);
	str_copy(out->mark, w->k.list_renamed && *u->mark ? "renamed-by-a-person" : u->mark);
	str_copy(out->gpu, u->gpu);
	out->state = u->state;
	out->gpu_count = u->gpu_count;
	out->price_hour = w->k.price ? w->k.price : u->price_hour;
	out->created = u->born;
	if (u->state == MACHINE_RUNNING) {
		str_copy(out->address, "192.0.2.1");
		out->port = 22;
	}
}

static void answer_list(struct world *w, const struct answer *a, struct fact *f)
{
	struct machine *list = xcalloc(w->unit_count + 1, sizeof(*list));

	for (size_t k = 0; k < w->unit_count; k++)
		if (!w->k.list_empty && !strcmp(w->units[k].account, f->account) && shows(w, &w->units[k]))
			describe(w, &w->units[k], &list[f->machine_count++]);
	f->kind = FACT_LISTED;
	f->machines = list;
	f->began = a->sent;
	world_fact(w, f);
	free(list);
}

static void answer_account(struct world *w, const struct answer *a, struct fact *f)
{
	struct balance b = { .available = w->k.available, .known = w->k.available != 0, .machines = -1 };

	f->account = w->m.accounts[a->action.id - 1]->facts.name;
	if (a->action.kind == ACTION_LIST) {
		answer_list(w, a, f);
		return;
	}
	if (a->action.kind == ACTION_BALANCE) {
		f->kind = FACT_BALANCE;
		f->balance = &b;
	} else if (a->action.kind == ACTION_CHARGES) {
		f->kind = FACT_CHARGES; /* nothing is charged that was not before */
	} else {
		f->kind = FACT_OFFERS;
		f->gpu = a->action.gpu;
		f->gpu_count = a->action.gpu_count;
		f->flag = a->action.spot;
		f->count = a->action.disk_gb;
		if (f->verdict == VERDICT_OK)
			f->offers = xcalloc(ARRAY_LEN(w->market), sizeof(*f->offers));
		for (size_t k = 0; f->offers && k < w->market_count; k++)
			if (!strcmp(w->market[k].account, f->account) && !strcmp(w->market[k].gpu, f->gpu) &&
			    w->market[k].spot == f->flag)
				f->offers[f->offer_count++] = w->market[k];
	}
	world_fact(w, f);
	free(f->offers);
}

static void answer_describe(struct world *w, struct fact *f)
{
	const struct instance *i = model_instance(&w->m, f->id);
	const struct unit *u = i ? world_unit_of(w, i->provider_id) : NULL;
	struct machine seen = { .address = "192.0.2.9", .port = 22, .state = MACHINE_RUNNING };

	f->kind = FACT_DESCRIBED;
	if (i && model_account(&w->m, i->account)->facts.local) {
		str_copy(seen.id, i->provider_id);
		f->machines = &seen;
		f->machine_count = 1;
	} else if (f->verdict == VERDICT_OK && u && shows(w, u)) {
		describe(w, u, &seen);
		f->machines = &seen;
		f->machine_count = 1;
	} else if (f->verdict == VERDICT_OK) {
		f->verdict = VERDICT_ABSENT;
	}
	world_fact(w, f);
}

static void answer_connect(struct world *w, struct fact *f)
{
	const struct instance *i = model_instance(&w->m, f->id);
	struct fact_probe p = { .boot_id = "boot-1", .docker = true, .in_use = w->k.in_use,
		.watchdog = w->k.watchdog };

	f->kind = FACT_CONNECTED;
	if (i && f->contact == SSH_OK) {
		str_copy(p.gpu, w->k.gpu ? w->k.gpu : i->gpu);
		p.gpu_count = w->k.gpu_count ? w->k.gpu_count : i->gpu_count;
		f->text = w->k.host_key ? w->k.host_key : "ssh-ed25519 AAAA";
		p.leased = lease_span(&w->m, i, w->now);
		f->probe = &p;
	}
	world_fact(w, f);
}

static void answer_status(struct world *w, struct fact *f)
{
	const struct run *r = model_run(&w->m, f->id);
	struct job *j = r ? job_of(w, f->id, r->instance_id) : NULL;
	duration setup = w->k.setup_time ? w->k.setup_time : 10 * SECOND, run = w->k.run_time ? w->k.run_time : MINUTE;
	bool bad = !w->k.one_rank || (r && r->rank == w->k.rank);
	struct fact_status s = { .exit_status = -1 };
	instant ready;

	f->kind = FACT_RUN_STATUS;
	f->status = &s;
	setup += r ? r->rank * w->k.setup_more : 0;
	run += r ? r->rank * w->k.run_more : 0;
	ready = j ? j->started + setup : 0;
	if (!j) {
		s.job = FACT_JOB_NONE;
	} else if (w->k.vanish && bad) {
		s.job = FACT_JOB_VANISHED;
	} else if (j->stopped || w->k.lapsed) {
		s.job = FACT_JOB_DONE;
		s.stopped = true;
		str_copy(s.signal, "TERM");
	} else if (w->now < ready) {
		s.job = FACT_JOB_SETUP;
	} else if (r->ranks > 1 && !j->went && !(w->k.setup_failed && bad)) {
		s.job = FACT_JOB_READY;
	} else if (w->now < (j->went ? j->went : ready) + run && !(w->k.setup_failed && bad)) {
		s.job = FACT_JOB_RUNNING;
	} else {
		s.job = FACT_JOB_DONE;
		s.exit_status = bad ? w->k.exit_status : 0;
		s.setup_failed = w->k.setup_failed && bad;
		s.timed_out = w->k.timed_out;
		str_copy(s.signal, w->k.signal ? w->k.signal : "");
	}
	world_fact(w, f);
}

static void answer_submit(struct world *w, struct fact *f)
{
	struct run row = { .trial_id = f->id, .recipe = "script", .setup_timeout = 10 * MINUTE, .run_timeout = HOUR };
	const struct trial *t = model_trial(&w->m, f->id);
	const struct night *n = t ? model_night(&w->m, t->night_id) : NULL;
	int instances = n && n->plan ? n->plan->cells[t->cell].instances : 1;

	row.ranks = instances > 1 ? instances : 0;
	if (w->k.refuse_trials) {
		f->kind = FACT_TRIAL_REFUSED;
		f->message = "the secret is not known";
	} else {
		f->kind = FACT_RUN_SUBMIT;
		f->run = &row;
		snprintf(row.key, sizeof(row.key), "run%d", ++w->names);
	}
	world_fact(w, f);
}

void world_answer(struct world *w, const struct answer *a)
{
	static const enum fact_kind kinds[ACTION_NR] = { [ACTION_CREATE] = FACT_CREATED, [ACTION_MARK] = FACT_MARKED,
		[ACTION_DESTROY] = FACT_DESTROYED, [ACTION_BILL] = FACT_BILLED, [ACTION_CLEAN] = FACT_CLEANED, [ACTION_RELEASE] = FACT_RELEASED,
		[ACTION_PUSH] = FACT_RUN_PUSHED, [ACTION_START] = FACT_RUN_STARTED, [ACTION_GO] = FACT_RUN_RELEASED, [ACTION_STOP] = FACT_RUN_STOPPED,
		[ACTION_COLLECT] = FACT_RUN_COLLECTED };
	struct fact f = { .kind = kinds[a->action.kind], .id = a->action.id, .verdict = a->verdict, .text = "", .message = "",
		.contact = w->k.contact[a->action.kind], .retry_after = w->k.retry_after };
	const struct instance *i;

	world_tick(w);
	if (a->action.kind == ACTION_STORAGE || a->action.kind == ACTION_STORAGE_MAKE || a->action.kind == ACTION_STORAGE_LOOK ||
	    a->action.kind == ACTION_VOLUME_ATTACH || a->action.kind == ACTION_VOLUME_DETACH || a->action.kind == ACTION_END_EXTRA ||
	    a->action.kind == ACTION_STORAGE_BILL) {
		storage_answer(w, a, &f);
		return;
	}
	if (about_account(a->action.kind)) {
		answer_account(w, a, &f);
		return;
	}
	switch ((int)a->action.kind) {
	case ACTION_SUBMIT: answer_submit(w, &f); return;
	case ACTION_NOTIFY:
		f.kind = FACT_NOTIFIED;
		f.flag = !w->k.deaf;
		f.message = "it answered 500";
		break;
	case ACTION_COUNT:
		if (!model_budget(&w->m, f.id))
			return;
		books_count(w, f.id, &f);
		break;
	case ACTION_JUDGE:
		f.kind = FACT_NIGHT_JUDGED;
		f.text = w->k.again ? w->k.again : "";
		w->k.again = NULL; /* what was measured once more looks right */
		break;
	case ACTION_DESCRIBE: answer_describe(w, &f); return;
	case ACTION_CONNECT: answer_connect(w, &f); return;
	case ACTION_POLL: answer_status(w, &f); return;
	case ACTION_CREATE:
		f.text = a->id;
		f.price = a->price;
		f.flag = a->spite && *a->id;
		i = model_instance(&w->m, f.id);
		if (i && model_account(&w->m, i->account)->facts.local && f.verdict == VERDICT_OK)
			f.text = i->offer_key;
		break;
	case ACTION_BILL:
		i = model_instance(&w->m, f.id);
		f.price = w->k.bill ? w->k.bill : i ? i->metered : 0;
		break;
	case ACTION_PUSH:
	case ACTION_START: f.flag = w->k.refuse; break;
	default: break;
	}
	world_fact(w, &f);
}
