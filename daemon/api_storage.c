/*
 * Volumes and snapshots: look, make, keep, delete. An order is answered when it is on the disk; what became of it, GET tells.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/storage.h"
#include "view_storage.h"

static const char *const volume_keys[] = { "name", "size", "account", "region", "host", "keep", "from", "owner", "budget", NULL };
static const char *const snapshot_keys[] = { "name", "fleet", "slot", "volume", "keep", "owner", "budget", NULL };
static const char *const keep_keys[] = { "for", NULL };

static const char *word(enum extra_kind kind)
{
	return kind == EXTRA_VOLUME ? "volume" : "snapshot";
}

/* ---- looking ---- */

static int by_name(const void *x, const void *y)
{
	const struct extra *a = *(const struct extra *const *)x, *b = *(const struct extra *const *)y;
	int names = strcmp(a->name, b->name);

	return names ? names : a->object.id < b->object.id ? -1 : 1;
}

/* Those that are there or on their way; with `all` also what came to nothing since the daemon began. */
static void list(struct request *r, enum extra_kind kind, const char *key)
{
	const struct model *m = engine_model(r->api->en);
	const struct extra **rows = xcalloc(m->extras.count + 1, sizeof(struct extra *)), *x;
	json_t *o = json_object(), *array = json_array();
	size_t at = 0, n = 0;

	while ((x = model_each(&m->extras, &at)))
		if (x->kind == kind && (x->state != EXTRA_GONE || query_bool(r, "all")))
			rows[n++] = x;
	if (n)
		qsort(rows, n, sizeof(*rows), by_name);
	for (size_t k = 0; k < n; k++)
		json_array_append_new(array, view_storage(m, rows[k], clock_steady()));
	free(rows);
	json_put(o, key, array);
	request_json(r, 200, o);
}

/* By number also what is gone. */
static struct extra *named(struct request *r, enum extra_kind kind)
{
	const struct model *m = engine_model(r->api->en);
	struct extra *x;
	struct err e;
	int64_t id;

	x = str_to_i64(r->arg[0], 1, INT64_MAX, &id) ? model_extra(m, id) : model_storage(m, kind, r->arg[0]);
	if (x && x->kind == kind)
		return x;
	err_set(&e, ERR_NOT_FOUND, "there is no %s '%.60s'; see: gpufleetctl %ss", word(kind), r->arg[0], word(kind));
	request_error(r, &e);
	return NULL;
}

static void show(struct request *r, const struct extra *x, int status)
{
	json_t *o = json_object();

	json_put(o, word(x->kind), view_storage(engine_model(r->api->en), x, clock_steady()));
	request_json(r, status, o);
}

static void get_one(struct request *r, enum extra_kind kind)
{
	const struct extra *x = named(r, kind);

	if (x)
		show(r, x, 200);
}

/* ---- changing ---- */

static void durable(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	const struct extra *x = a ? model_extra(engine_model(a->en), id) : NULL;

	(void)error; /* in memory, and on disk as soon as that works; nothing is sent before */
	if (r && x)
		show(r, x, strcmp(r->method, "POST") || *r->arg[0] ? 202 : 201);
}

static void ask_for(struct request *r, struct fact *f)
{
	struct hold *h = request_hold(r);

	f->actor = r->actor;
	if (engine_request(r->api->en, f, durable, h) < 0) {
		hold_take(h);
		request_error(r, &f->error);
	}
}

static int read_common(struct request *r, struct extra *x, struct err *e)
{
	const char *owner = json_str(r->in, "owner", ""), *budget = json_str(r->in, "budget", "");
	double keep = json_num(r->in, "keep", (double)STORAGE_KEEP / (double)SECOND);

	if (keep < 3600 || keep * (double)SECOND > (double)STORAGE_MOST)
		return err_set(e, ERR_USAGE, "'keep' is from an hour to a year: nothing is paid for longer without being asked for again");
	if (*owner && strcmp(owner, r->user) != 0 && r->role != ROLE_ADMIN)
		return err_set(e, ERR_REFUSED, "only an administrator may make something for somebody else");
	if (*budget && !model_budget_by_name(engine_model(r->api->en), budget))
		return err_set(e, ERR_USAGE, "there is no budget '%.40s'; see: gpufleetctl budget list", budget);
	str_copy(x->name, json_str(r->in, "name", ""));
	str_copy(x->owner, *owner ? owner : r->user);
	str_copy(x->budget, budget);
	x->keep_until = engine_now(r->api->en) + (duration)(keep * (double)SECOND);
	return 0;
}

/* The account that is named; or the only one that has volumes. */
static int read_account(struct request *r, struct extra *x, struct err *e)
{
	const struct model *m = engine_model(r->api->en);
	const char *wanted = json_str(r->in, "account", "");
	const struct account_state *found = NULL;
	int n = 0;

	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!a->configured || !a->facts.volumes || (*wanted && strcmp(wanted, a->facts.name) != 0 && strcmp(wanted, a->facts.provider) != 0))
			continue;
		found = a;
		n++;
	}
	if (n != 1)
		return err_set(e, ERR_USAGE, n ? "several accounts have volumes: say which, with --provider" :
			*wanted ? "'%.40s' is no account that has volumes; see: gpufleetctl providers" : "no account has volumes; see: gpufleetctl "
			"providers", wanted);
	str_copy(x->account, found->facts.name);
	return 0;
}

static int read_volume(struct request *r, struct extra *x, struct err *e)
{
	const struct model *m = engine_model(r->api->en);
	const char *from = json_str(r->in, "from", "");
	const struct extra *snapshot = *from ? model_storage(m, EXTRA_SNAPSHOT, from) : NULL;
	int64_t size = json_int(r->in, "size", snapshot ? snapshot->disk_gb : 0);

	if (read_common(r, x, e) < 0)
		return -1;
	if (*from && !snapshot)
		return err_set(e, ERR_USAGE, "there is no snapshot '%.40s'; see: gpufleetctl snapshots", from);
	if (size < 1 || size > 16384)
		return err_set(e, ERR_USAGE, "'size' is missing or not from 1 to 16384 GB");
	x->kind = EXTRA_VOLUME;
	x->size_gb = (int)size;
	x->source_id = snapshot ? snapshot->object.id : 0;
	str_copy(x->region, json_str(r->in, "region", ""));
	str_copy(x->host, json_str(r->in, "host", ""));
	if (snapshot)
		return 0; /* it is made where that is */
	if (read_account(r, x, e) < 0)
		return -1;
	if (!*x->region && !*x->host)
		return err_set(e, ERR_USAGE, "'region' is missing: a volume is used only where it is; see: gpufleetctl offers");
	return 0;
}

static const struct instance *machine_of(const struct fleet *f, int64_t slot)
{
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->slot == slot && (i->state == INSTANCE_READY || i->state == INSTANCE_BUSY))
			return i;
	}
	return NULL;
}

static int read_snapshot(struct request *r, struct extra *x, struct err *e)
{
	const struct model *m = engine_model(r->api->en);
	const char *fleet = json_str(r->in, "fleet", ""), *volume = json_str(r->in, "volume", "");
	const struct fleet *f = *fleet ? fleet_named(r, fleet) : NULL;
	const struct extra *v = *volume ? model_storage(m, EXTRA_VOLUME, volume) : NULL;
	const struct instance *i = f ? machine_of(f, json_int(r->in, "slot", 0)) : NULL;

	if (read_common(r, x, e) < 0)
		return -1;
	if (!*fleet == !*volume)
		return err_set(e, ERR_USAGE, "say of what: 'fleet' or 'volume', one of them");
	if (*fleet && !f)
		return err_set(e, ERR_NOT_FOUND, "there is no fleet '%.60s'; see: gpufleetctl status", fleet);
	if (f && !i)
		return err_set(e, ERR_CONFLICT, "no machine of '%s' is up with that number", f->name);
	if (*volume && !v)
		return err_set(e, ERR_NOT_FOUND, "there is no volume '%.60s'; see: gpufleetctl volumes", volume);
	x->kind = EXTRA_SNAPSHOT;
	x->source_id = i ? i->object.id : v->object.id;
	return 0;
}

static void make(struct request *r, const char *const *keys, int (*read)(struct request *r, struct extra *x, struct err *e))
{
	struct extra row = { .object.id = 0 };
	struct fact f = { .kind = FACT_STORAGE_WANT, .extra = &row };
	struct err e;

	if (!check_keys(r, keys))
		return;
	if (read(r, &row, &e) < 0)
		request_error(r, &e);
	else
		ask_for(r, &f);
}

static void change(struct request *r, enum extra_kind kind, struct fact *f)
{
	const struct extra *x = named(r, kind);

	if (!x || !may_touch(r, x->owner))
		return;
	f->id = x->object.id;
	ask_for(r, f);
}

static void keep(struct request *r, enum extra_kind kind)
{
	double seconds = json_num(r->in, "for", 0);
	struct fact f = { .kind = FACT_STORAGE_KEEP, .span = (duration)(seconds * (double)SECOND) };
	struct err e;

	if (!check_keys(r, keep_keys))
		return;
	if (seconds < 3600 || seconds * (double)SECOND > (double)STORAGE_MOST) {
		err_set(&e, ERR_USAGE, "'for' is from an hour to a year, from now on");
		request_error(r, &e);
		return;
	}
	change(r, kind, &f);
}

static void drop(struct request *r, enum extra_kind kind)
{
	struct fact f = { .kind = FACT_STORAGE_DROP };

	change(r, kind, &f);
}

/* ---- to a machine that runs, and off it ---- */

void post_volume_attach(struct request *r)
{
	static const char *const keys[] = { "fleet", "slot", NULL };
	const char *name = json_str(r->in, "fleet", "");
	const struct fleet *to = *name ? fleet_named(r, name) : NULL;
	const struct instance *i = to ? machine_of(to, json_int(r->in, "slot", 0)) : NULL;
	struct fact f = { .kind = FACT_VOLUME_MOVE, .flag = true };
	struct err e;

	if (!check_keys(r, keys) || (to && !may_touch(r, to->owner)))
		return;
	if (!i) {
		err_set(&e, to ? ERR_CONFLICT : ERR_NOT_FOUND, to ? "no machine of '%.60s' is up with that number" :
			"there is no fleet '%.60s'; see: gpufleetctl status", name);
		request_error(r, &e);
		return;
	}
	f.count = i->object.id;
	change(r, EXTRA_VOLUME, &f);
}

void post_volume_detach(struct request *r)
{
	const struct extra *x = named(r, EXTRA_VOLUME);
	const struct instance *i = x ? storage_user(engine_model(r->api->en), x) : NULL;
	struct fact f = { .kind = FACT_VOLUME_MOVE, .count = i ? i->object.id : 0 };
	struct err e;

	if (!x)
		return;
	if (!i) {
		err_set(&e, ERR_CONFLICT, "no machine has volume '%s'", x->name);
		request_error(r, &e);
		return;
	}
	change(r, EXTRA_VOLUME, &f);
}

/* ---- routes ---- */

void get_volumes(struct request *r)
{
	list(r, EXTRA_VOLUME, "volumes");
}

void get_volume(struct request *r)
{
	get_one(r, EXTRA_VOLUME);
}

void post_volumes(struct request *r)
{
	make(r, volume_keys, read_volume);
}

void post_volume_keep(struct request *r)
{
	keep(r, EXTRA_VOLUME);
}

void delete_volume(struct request *r)
{
	drop(r, EXTRA_VOLUME);
}

void get_snapshots(struct request *r)
{
	list(r, EXTRA_SNAPSHOT, "snapshots");
}

void get_snapshot(struct request *r)
{
	get_one(r, EXTRA_SNAPSHOT);
}

void post_snapshots(struct request *r)
{
	make(r, snapshot_keys, read_snapshot);
}

void post_snapshot_keep(struct request *r)
{
	keep(r, EXTRA_SNAPSHOT);
}

void delete_snapshot(struct request *r)
{
	drop(r, EXTRA_SNAPSHOT);
}
