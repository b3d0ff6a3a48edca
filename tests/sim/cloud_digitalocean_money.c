/*
 * DigitalOcean: cost, balance, invoices, and what is sold (providers/digitalocean.md §2, §10).
 */
#include "cloud_digitalocean.h"

/* Per second from create to destroy, at least the minimum time and at least one cent; powered off bills on. */
money ocean_cost(const struct cloud *c, const struct sim_machine *m, instant at)
{
	const struct ocean *o = c->own;
	money used, least;

	if (m->failed || at <= m->created)
		return 0;
	used = cloud_metered(m, NULL, at, SECOND);
	least = (money)(((__int128)m->price * o->minimum + HOUR / 2) / HOUR);
	if (least < CENT)
		least = CENT;
	return used > least ? used : least;
}

/* Months of the calendar; the first instant of the month that holds t, and of the one behind it. */
static void month_of(instant t, instant *from, instant *to, char name[8])
{
	char text[32];
	int year, month;

	instant_format(t, false, text);
	if (sscanf(text, "%d-%d", &year, &month) != 2)
		BUG("cannot read the month of %s", text);
	str_copy_n(name, 8, text);
	*from = instant_days(year, month, 1) * DAY;
	*to = instant_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) * DAY;
}

static money within(const struct cloud *c, const struct sim_machine *m, instant from, instant to)
{
	return ocean_cost(c, m, to) - ocean_cost(c, m, from);
}

static money kept_within(const struct sim_store *s, instant from, instant to)
{
	return cloud_store_cost(s, to) - cloud_store_cost(s, from);
}

static instant posted(const struct cloud *c)
{
	return c->now - c->options.timing.bill;
}

/* Two decimals, as strings. */
static void dollars(money m, char out[32])
{
	money cents = ((m < 0 ? -m : m) + CENT / 2) / CENT;

	snprintf(
	    out, 32, "%s%lld.%02d", m < 0 ? "-" : "", (long long)(cents / 100), (int)(cents % 100));
}

static money month_usage(const struct cloud *c, instant from, instant to)
{
	money sum = 0;

	for (size_t i = 0; i < c->machine_count; i++)
		sum += within(c, c->machines[i], from, to);
	for (size_t i = 0; i < c->store_count; i++)
		sum += kept_within(c->stores[i], from, to);
	return sum;
}

static void balance(struct cloud *c, struct sim_response *r)
{
	instant from, to;
	char month[8], usage[32], account[32], total[32], now[32];
	money used, earlier, owed;

	month_of(c->now, &from, &to, month);
	used = month_usage(c, from, instant_max(from, posted(c)));
	earlier = month_usage(c, 0, from);
	/* Prepaid credit is a negative balance. */
	owed = earlier - c->deposit;
	dollars(used, usage);
	dollars(owed, account);
	dollars(owed + used, total);
	instant_format(c->now, false, now);
	sim_answer_json(r, 200,
	    json_pack("{ss ss ss ss}", "month_to_date_balance", total, "account_balance", account,
		"month_to_date_usage", usage, "generated_at", now));
}

static void uuid_of(const char *month, char out[40])
{
	snprintf(out, 40, "1afe95e6-%.4s-40%.2s-8000-00000000d0d0", month, month + 5);
}

static json_t *invoice(const struct cloud *c, instant from, instant to, const char *month)
{
	char uuid[40], amount[32], updated[32];

	uuid_of(month, uuid);
	dollars(month_usage(c, from, instant_min(to, instant_max(from, posted(c)))), amount);
	instant_format(instant_min(to, instant_max(from, posted(c))), false, updated);
	return json_pack("{ss ss ss ss}", "invoice_uuid", uuid, "amount", amount, "invoice_period",
	    month, "updated_at", updated);
}

static void invoices(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	instant from, to, now_from, at = c->options.start;
	json_t *all = json_array(), *preview, *j;
	char month[8];

	month_of(c->now, &now_from, &to, month);
	preview = invoice(c, now_from, to, month);
	for (month_of(at, &from, &to, month); from < now_from; month_of(to, &from, &to, month))
		json_array_insert_new(all, 0, invoice(c, from, to, month));
	ocean_page(c, q, "/v2/customers/my/invoices", "invoices", all, r);
	j = json_read(buf_str(&r->body), r->body.len, NULL);
	json_put(j, "invoice_preview", preview);
	sim_answer_json(r, 200, j);
}

static json_t *item(const struct cloud *c, const struct sim_machine *m, instant from, instant to)
{
	const struct ocean_size *s = &((struct ocean *)c->own)->sizes[m->offer];
	instant start = instant_max(from, m->created),
		end = m->deleted ? instant_min(to, m->deleted) : to;
	char amount[32], hours[32], started[32], ended[32], text[400];

	dollars(within(c, m, from, to), amount);
	snprintf(hours, sizeof(hours), "%lld", (long long)((end - start + HOUR - 1) / HOUR));
	instant_format(start, false, started);
	instant_format(end, false, ended);
	snprintf(text, sizeof(text), "%.255s (%s)", m->name, s->slug);
	return json_pack("{ss ss ss ss ss ss ss ss ss ss ss}", "product",
	    m->count ? "GPU Droplets" : "Droplets", "resource_uuid", "", "resource_id", m->id,
	    "group_description", "", "description", text, "amount", amount, "duration", hours,
	    "duration_unit", "Hours", "start_time", started, "end_time", ended, "project_name",
	    "gpu");
}

/* Volumes and their snapshots have a uuid and no number, snapshots of droplets the other way round. */
static json_t *kept_item(const struct sim_store *s, instant from, instant to)
{
	instant start = instant_max(from, s->ready), end = s->deleted ? instant_min(to, s->deleted) : to;
	char amount[32], hours[32], started[32], ended[32], text[400];
	bool number = s->kind == SIM_DISK_SNAPSHOT;

	dollars(kept_within(s, from, to), amount);
	snprintf(hours, sizeof(hours), "%lld", (long long)((end - start + HOUR - 1) / HOUR));
	instant_format(start, false, started);
	instant_format(end, false, ended);
	snprintf(text, sizeof(text), "%.255s (%lld GB)", s->name, (long long)(s->kind == SIM_VOLUME ? s->gb : (s->used_mb + 999) / 1000));
	return json_pack("{ss ss ss ss ss ss ss ss ss ss ss}", "product", s->kind == SIM_VOLUME ? "Volumes" : "Snapshots",
	    "resource_uuid", number ? "" : s->id, "resource_id", number ? s->id : "", "group_description", "", "description", text,
	    "amount", amount, "duration", hours, "duration_unit", "Hours", "start_time", started, "end_time", ended, "project_name", "gpu");
}

static void invoice_items(
    struct cloud *c, const struct sim_request *q, const char *uuid, struct sim_response *r)
{
	instant from, to;
	char month[8], this[40];
	char path[96];
	json_t *all;

	for (month_of(c->options.start, &from, &to, month);; month_of(to, &from, &to, month)) {
		uuid_of(month, this);
		if (!strcmp(this, uuid) || from > c->now)
			break;
	}
	if (from > c->now) {
		ocean_absent(r);
		return;
	}
	all = json_array();
	to = instant_min(to, instant_max(from, posted(c)));
	for (size_t i = 0; i < c->machine_count; i++)
		if (within(c, c->machines[i], from, to) > 0)
			json_array_append_new(all, item(c, c->machines[i], from, to));
	for (size_t i = 0; i < c->store_count; i++)
		if (kept_within(c->stores[i], from, to) > 0)
			json_array_append_new(all, kept_item(c->stores[i], from, to));
	snprintf(path, sizeof(path), "/v2/customers/my/invoices/%s", uuid);
	ocean_page(c, q, path, "invoice_items", all, r);
}

void ocean_money(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	if (strcmp(q->method, "GET"))
		ocean_absent(r);
	else if (sim_path_is(p, "v2/customers/my/balance"))
		balance(c, r);
	else if (sim_path_is(p, "v2/customers/my/invoices"))
		invoices(c, q, r);
	else if (sim_path_is(p, "v2/customers/my/invoices/?"))
		invoice_items(c, q, p->part[4], r);
	else if (sim_path_is(p, "v2/customers/my/billing_history"))
		ocean_page(
		    c, q, "/v2/customers/my/billing_history", "billing_history", json_array(), r);
	else
		ocean_absent(r);
}
