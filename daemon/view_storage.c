#include "view_storage.h"
#include "core/ledger.h"
#include "core/storage.h"

static const char *user_of(const struct model *m, const struct extra *x)
{
	const struct instance *i = storage_user(m, x);
	const struct fleet *f = i ? model_fleet(m, i->fleet_id) : NULL;

	return f ? f->name : i ? i->mark : NULL;
}

static money metered(const struct extra *x, instant now)
{
	instant end = x->gone ? x->gone : now;

	return x->booked_until && x->state != EXTRA_GONE && end > x->booked_until
		   ? money_add(x->posted, money_share(x->price_month, end - x->booked_until, STORAGE_MONTH))
		   : x->posted;
}

json_t *view_storage(const struct model *m, const struct extra *x, instant now)
{
	const struct instance *i = storage_user(m, x);
	json_t *o = json_object();

	json_put_int(o, "id", x->object.id);
	json_put_str(o, "kind", extra_kind_name(x->kind));
	json_put_str(o, "name", x->name);
	json_put_str(o, "state", extra_fsm.state_names[x->state]);
	json_put_str(o, "account", x->account);
	json_put_str(o, "provider", x->provider);
	json_put_str(o, "region", x->region);
	json_put_str(o, "host", x->host);
	json_put_str(o, "provider_id", x->provider_id);
	json_put_str(o, "provider_name", x->mark);
	json_put_int(o, "size_gb", x->size_gb);
	json_put_int(o, "disk_gb", x->disk_gb);
	json_put_str(o, "gpu", x->gpu);
	json_put_str(o, "owner", x->owner);
	json_put_str(o, "budget", x->budget);
	json_put_money(o, "price_month", x->price_month);
	json_put_money(o, "metered", metered(x, now));
	json_put_money(o, "held", ledger_storage_held(x));
	json_put_money(o, "gap", x->adjusted);
	json_put_time(o, "billed_until", x->settled_until);
	json_put_bool(o, "settled", x->settled != 0);
	json_put_time(o, "created", x->created);
	json_put_time(o, "keep_until", x->keep_until);
	json_put_str(o, "used_by", user_of(m, x));
	json_put_bool(o, "moving", x->mover != 0);
	json_put_bool(o, "mounted", i && i->mounted);
	json_put_str(o, "of", x->source);
	json_put_str(o, "reason", x->reason);
	return o;
}
