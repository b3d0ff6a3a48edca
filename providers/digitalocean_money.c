/*
 * DigitalOcean: balance and invoices (providers/digitalocean.md §2, §10).
 */
#include "base/str.h"
#include "providers/digitalocean.h"

#define UUID_LEN 36

/* ---- balance ---- */

DIGITALOCEAN_BUILD(balance)
{
	(void)c;
	(void)r;
	digitalocean_request(a, req, "GET", "customers/my/balance");
}

/*
 * A positive figure is owed and will be charged to a card: it does not bound what may be spent, so nothing is "known". A
 * negative one is credit, which does.
 */
DIGITALOCEAN_READ(balance)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	char text[32];
	money owed;

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	if (!json_money_signed(j, "month_to_date_balance", &owed)) {
		digitalocean_unreadable(r, "balance");
	} else {
		money_format(owed < 0 ? -owed : owed, text);
		op_fail(r, VERDICT_OK, "%s %s", text, owed < 0 ? "of credit" : "owed");
		r->balance = (struct balance){ .machines = -1, .known = owed < 0, .available = owed < 0 ? -owed : 0 };
	}
	json_decref(j);
	return r->verdict;
}

/*
 * ---- bill ----
 *
 * Charges are spread over monthly invoices and a preview of the running month. First the list of invoices is read and those
 * that matter are queued in the cursor's token; then their items, page by page. When more matter than the token holds, the
 * list is read again: `number` counts the invoices taken so far.
 */
enum bill_step { BILL_INVOICES, BILL_ITEMS, BILL_ITEMS_THEN_INVOICES };

DIGITALOCEAN_BUILD(bill)
{
	char path[96];

	(void)r;
	if (c->step == BILL_INVOICES) {
		digitalocean_request_page(a, c, req, "customers/my/invoices");
		return;
	}
	snprintf(path, sizeof(path), "customers/my/invoices/%.*s", UUID_LEN, c->token);
	digitalocean_request_page(a, c, req, path);
}

/* Does a month ("2026-11") touch the window? A day of margin on both sides for clocks and time zones. */
static bool month_matters(const struct op_args *a, const char *period)
{
	char first[32] = "", last[32] = "";

	if (strlen(period) != strlen("2026-11"))
		return true;
	if (a->from > DAY)
		instant_format(a->from - DAY, false, first);
	if (a->until > 0)
		instant_format(a->until + DAY, false, last);
	return strncmp(period, first, 7) >= 0 && (!*last || strncmp(period, last, 7) <= 0);
}

static bool is_uuid(const char *s)
{
	return strlen(s) == UUID_LEN && strspn(s, "0123456789abcdefABCDEF-") == UUID_LEN;
}

/* One more invoice into the queue. False: it is full. *seen counts those that matter, taken earlier or now. */
static bool queue_invoice(const struct op_args *a, struct op_cursor *c, const json_t *invoice, int64_t *seen)
{
	const char *uuid = json_str(invoice, "invoice_uuid", "");
	size_t used = strlen(c->token);

	if (!is_uuid(uuid) || !month_matters(a, json_str(invoice, "invoice_period", "")))
		return true;
	if (*seen < c->number) {
		++*seen;
		return true;
	}
	if (used + UUID_LEN + 2 > sizeof(c->token))
		return false;
	snprintf(c->token + used, sizeof(c->token) - used, "%s%s", used ? " " : "", uuid);
	return true;
}

/* A page holds 200 invoices, sixteen years: there is no second one. */
static enum verdict read_invoices(const struct op_args *a, struct op_cursor *c, const json_t *j, struct op_reply *r)
{
	const json_t *invoices = json_path(j, "invoices"), *invoice, *preview = json_path(j, "invoice_preview");
	int64_t seen = 0;
	bool all;
	size_t i;

	if (!json_is_array(invoices))
		return digitalocean_unreadable(r, "list of invoices");
	c->token[0] = '\0';
	all = queue_invoice(a, c, preview, &seen);
	json_array_foreach (invoices, i, invoice) {
		/* The preview of a month that has just been closed may be its invoice. */
		if (strcmp(json_str(invoice, "invoice_uuid", ""), json_str(preview, "invoice_uuid", "-")) != 0)
			all = all && queue_invoice(a, c, invoice, &seen);
	}
	if (!c->token[0])
		return VERDICT_OK;
	c->number += (int64_t)((strlen(c->token) + 1) / (UUID_LEN + 1));
	c->step = all ? BILL_ITEMS : BILL_ITEMS_THEN_INVOICES;
	c->page = 0;
	return VERDICT_MORE;
}

static bool in_window(const struct op_args *a, const struct bill_line *line)
{
	return !(line->until && line->until <= a->from) && !(a->until && line->from >= a->until);
}

/* One line of an invoice. False: it is for what was asked for, and has no amount. */
typedef bool item_fn(const struct op_args *a, const json_t *item, struct op_reply *r);

static bool read_item(const struct op_args *a, const json_t *item, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!digitalocean_read_id(item, "resource_id", line.id))
		return true;
	if (a->id ? strcmp(a->id, line.id) != 0 : !str_icontains(json_str(item, "product", ""), "droplet"))
		return true;
	if (!json_money_signed(item, "amount", &line.amount))
		return false;
	/* "gf-9f3c-01 (gpu-mi325x1-256gb)" (§10) */
	snprintf(line.mark, sizeof(line.mark), "%.*s", (int)strcspn(json_str(item, "description", ""), " "), json_str(item, "description", ""));
	json_time(item, "start_time", &line.from);
	json_time(item, "end_time", &line.until);
	/* One machine is asked for over its whole life; all of them within the window. */
	if (a->id || in_window(a, &line))
		*op_reply_add_bill(r) = line;
	return true;
}

/* Volumes and their snapshots go by a UUID, snapshots of droplets by a number, which a droplet may have as well. */
static bool is_of_storage(const struct op_args *a, const json_t *item, char id[ID_MAX])
{
	const char *product = json_str(item, "product", "");

	if (str_icontains(product, "droplet") && !str_icontains(product, "snapshot"))
		return false;
	return (digitalocean_read_storage_id(item, "resource_uuid", id) && !strcmp(a->storage->id, id)) ||
	       (digitalocean_read_storage_id(item, "resource_id", id) && !strcmp(a->storage->id, id));
}

static bool read_storage_item(const struct op_args *a, const json_t *item, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!is_of_storage(a, item, line.id))
		return true;
	if (!json_money_signed(item, "amount", &line.amount))
		return false;
	json_time(item, "start_time", &line.from);
	json_time(item, "end_time", &line.until);
	if (in_window(a, &line))
		*op_reply_add_bill(r) = line;
	return true;
}

/* To the next invoice of the queue, to the list for more, or to the end. */
static enum verdict next_invoice(struct op_cursor *c)
{
	char *rest = strchr(c->token, ' ');

	c->page = 0;
	if (rest) {
		memmove(c->token, rest + 1, strlen(rest));
		return VERDICT_MORE;
	}
	if (c->step == BILL_ITEMS)
		return VERDICT_OK;
	c->step = BILL_INVOICES;
	c->token[0] = '\0';
	return VERDICT_MORE;
}

static enum verdict read_items(const struct op_args *a, struct op_cursor *c, const json_t *j, item_fn *read, struct op_reply *r)
{
	const json_t *items = json_path(j, "invoice_items"), *item;
	enum verdict v;
	size_t i;

	if (!json_is_array(items))
		return digitalocean_unreadable(r, "list of charges");
	json_array_foreach (items, i, item)
		if (!read(a, item, r))
			return digitalocean_unreadable(r, "amount in one of the charges");
	v = digitalocean_next_page(j, c, r);
	return v == VERDICT_OK ? next_invoice(c) : v;
}

static enum verdict read_answer(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, item_fn *read, struct op_reply *r)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	enum verdict v;

	if (!j)
		return r->verdict;
	v = c->step == BILL_INVOICES ? read_invoices(a, c, j, r) : read_items(a, c, j, read, r);
	json_decref(j);
	return v;
}

DIGITALOCEAN_READ(bill)
{
	return read_answer(a, c, res, read_item, r);
}

DIGITALOCEAN_READ(storage_bill)
{
	return read_answer(a, c, res, read_storage_item, r);
}
