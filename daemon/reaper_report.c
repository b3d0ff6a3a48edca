/*
 * What the reaper tells: lines for people and cron, a document for programs, and the exit status.
 */
#include "base/str.h"
#include "base/version.h"
#include "reaper.h"

#include <unistd.h>

static bool well(const struct reap_account *a)
{
	return a->local || (a->listed && a->believed && !a->failed && !*a->trouble);
}

/* Overdue, and only the missing --delete kept it alive. */
static bool wants_arming(const struct reap_account *a)
{
	return a->tally.due > 0 && !a->memory.armed;
}

enum reap_exit reap_exit_code(const struct reap_account *accounts, size_t count)
{
	enum reap_exit code = REAP_WELL;

	for (size_t k = 0; k < count; k++) {
		if (!well(&accounts[k]))
			return REAP_TROUBLE;
		if (wants_arming(&accounts[k]))
			code = REAP_NOT_ARMED;
	}
	return code;
}

/* ---- the document ---- */

static const char *outcome(const struct reap_item *i)
{
	return i->deleted ? "deleted" : i->gone ? "gone" : *i->trouble ? "failed" : *i->held ? "held" : "left";
}

static json_t *machine_json(const struct reap_item *i)
{
	const struct machine *m = i->machine;
	json_t *o = json_object();

	json_put_str(o, "id", m->id);
	json_put_str(o, "name", m->mark);
	json_put_str(o, "kind", reap_kind_name(i->kind));
	json_put_time(o, "deadline", i->deadline);
	json_put_str(o, "gpu", m->gpu);
	json_put_int(o, "gpu_count", m->gpu_count);
	json_put_money(o, "price_hour", m->price_hour);
	json_put_str(o, "outcome", outcome(i));
	json_put_str(o, "why", *i->trouble ? i->trouble : i->held);
	return o;
}

static json_t *account_json(const struct reap_account *a, bool machines)
{
	json_t *o = json_object(), *list;

	json_put_str(o, "account", a->account->name);
	json_put_str(o, "provider", a->account->provider);
	json_put_bool(o, "ok", well(a));
	json_put_bool(o, "armed", a->memory.armed);
	json_put_bool(o, "listed", a->listed && a->believed);
	json_put_int(o, "machines", (int64_t)a->count);
	json_put_int(o, "ours", a->tally.ours);
	json_put_int(o, "others", a->tally.others);
	json_put_int(o, "overdue", a->tally.due);
	json_put_int(o, "deleted", a->deleted);
	json_put_int(o, "failed", a->failed);
	json_put_money(o, "rate_hour", a->tally.rate);
	json_put_str(o, "trouble", a->trouble);
	json_put_str(o, "note", a->note);
	if (machines) {
		list = json_array();
		for (size_t k = 0; k < a->count && a->items; k++)
			if (a->items[k].machine)
				json_array_append_new(list, machine_json(&a->items[k]));
		json_put(o, "list", list);
	}
	return o;
}

json_t *reap_document(const struct reap_account *accounts, size_t count, const struct reap_options *o, instant now, bool machines)
{
	json_t *doc = json_object(), *list = json_array();
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	json_put_time(doc, "time", now);
	json_put_str(doc, "host", host);
	json_put_str(doc, "version", GPUFLEET_VERSION);
	json_put_str(doc, "site", o->site->id);
	json_put_bool(doc, "ok", reap_exit_code(accounts, count) == REAP_WELL);
	json_put_bool(doc, "dry_run", o->dry_run);
	for (size_t k = 0; k < count; k++)
		if (!accounts[k].local)
			json_array_append_new(list, account_json(&accounts[k], machines));
	json_put(doc, "accounts", list);
	return doc;
}

/* ---- lines ---- */

static void line(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void line(const char *fmt, ...)
{
	struct buf raw = BUF(8192), safe = BUF(65536);
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&raw, text);
	str_safe(&safe, buf_str(&raw), raw.len, false); /* ids and messages are the provider's */
	puts(buf_str(&safe));
	buf_free(&raw);
	buf_free(&safe);
}

static void print_machine(const struct reap_account *a, const struct reap_item *i, instant now)
{
	char price[32] = "", when[24] = "";
	const struct machine *m = i->machine;

	if (m->price_hour) {
		money_format(m->price_hour, price);
		str_copy_n(price + strlen(price), sizeof(price) - strlen(price), "/h ");
	}
	if (i->deadline)
		duration_format(i->deadline > now ? i->deadline - now : now - i->deadline, when);
	line("%s: %s %s %s%s%s%s%s%s%s", a->account->name, m->id, *m->mark ? m->mark : "(no name)", price,
	    i->deleted ? "DELETED" : i->gone ? "already gone" : reap_kind_name(i->kind),
	    !*when ? "" : i->deadline > now ? ", ends in " : ", overdue by ", when, *i->held ? ", left: " : "", i->held,
	    *i->trouble ? ", FAILED: " : "");
	if (*i->trouble)
		line("    %s", i->trouble);
}

static void print_account(const struct reap_account *a, int loud, instant now)
{
	char rate[40] = "";

	for (size_t k = 0; k < a->count && a->items; k++) {
		const struct reap_item *i = &a->items[k];
		bool news = i->deleted || i->gone || *i->trouble || *i->held;

		if (i->machine && (loud > 1 || (loud && news) || *i->trouble))
			print_machine(a, i, now);
	}
	if (*a->trouble)
		line("%s: TROUBLE: %s", a->account->name, a->trouble);
	else if (wants_arming(a) && !loud)
		line("%s: %d overdue and not deleted: run once with --delete", a->account->name, a->tally.due);
	if (*a->note && (loud || *a->trouble))
		line("%s: %s", a->account->name, a->note);
	if (!loud || !a->listed)
		return;
	if (a->tally.rate) { /* Hot Aisle's listing has no prices */
		str_copy(rate, " for ");
		money_format(a->tally.rate, rate + strlen(rate));
		str_copy_n(rate + strlen(rate), sizeof(rate) - strlen(rate), "/h");
	}
	line("%s: %zu machine%s, %d ours%s, %d of others left alone, %d overdue, %d deleted%s", a->account->name, a->count,
	    a->count == 1 ? "" : "s", a->tally.ours, rate, a->tally.others, a->tally.due, a->deleted,
	    a->memory.armed ? "" : "; not armed");
}

void reap_print(const struct reap_account *accounts, size_t count, int loud, instant now)
{
	for (size_t k = 0; k < count; k++)
		if (!accounts[k].local)
			print_account(&accounts[k], loud, now);
}
