/*
 * The table "What each can do" in README.md is what the adapters do: each cell is found out from the provider's table and, where
 * that can be seen, from a request that the adapter writes.
 */
#include "adapter_world.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#define HEADING "## What each can do"
#define IMAGE   "registry.example/image:1"
#define VOLUME  "20118481"
#define HOST_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostHostHostHostHostHostHostHostHostHostHost"

/* ---- what an adapter does ---- */

static const char *const offer_files[] = { "available.json", "gpus.json", "sizes-1.json", "sizes-2.json", "offers.json" };

/* Of all offers in the fixtures the first that is as asked for; its spec is the caller's. */
static bool first_offer(struct world *w, bool spot, struct offer *out)
{
	char path[256];

	w->args.spot = spot;
	for (size_t i = 0; i < ARRAY_LEN(offer_files); i++) {
		snprintf(path, sizeof(path), "tests/fixtures/%s/%s", w->p->name, offer_files[i]);
		if (access(path, R_OK) != 0)
			continue;
		world_forget(w);
		world_hear_file(w, OP_OFFERS, 200, offer_files[i]);
		for (size_t k = 0; k < w->r.offer_count; k++) {
			if (w->r.offers[k].spot != spot)
				continue;
			*out = w->r.offers[k];
			w->r.offers[k].spec = NULL;
			return true;
		}
	}
	return false;
}

/* Does the request that creates a machine carry `text`? Every argument is given. */
static bool create_says(struct world *w, const char *text)
{
	struct storage volume = { .kind = STORAGE_VOLUME, .id = VOLUME, .name = "models" };
	struct offer offer;
	bool says;

	if (!first_offer(w, false, &offer))
		return false;
	world_forget(w);
	w->args = (struct op_args){ .account = &w->account, .offer = &offer, .mark = MARK, .public_key = DRIVE_KEY, .key_id = "1",
		.image = IMAGE, .disk_gb = 777, .host_private = "PRIVATE\n", .host_public = HOST_KEY };
	if (!strcmp(text, VOLUME)) {
		str_copy(volume.region, *offer.region ? offer.region : "EU-RO-1"); /* where it can be used */
		str_copy(volume.host, offer.host);
		w->args.volume = &volume;
		w->args.volume_path = "/models";
	}
	w->p->op[OP_CREATE].build(&w->args, &w->cursor, &w->req, &w->r);
	says = w->req.body && strstr(w->req.body, text);
	free(offer.spec);
	return says;
}

/* ---- the rows ---- */

static const char *yes(bool b)
{
	return b ? "yes" : "–";
}

static bool offers_op(const struct world *w, enum provider_op_kind op)
{
	return w->p->op[op].build != NULL;
}

static const char *on_demand(struct world *w) { return yes(offers_op(w, OP_CREATE)); }
static const char *spot(struct world *w)
{
	struct offer o = { .spec = NULL };
	bool sold = offers_op(w, OP_CREATE) && !(w->p->caps & CAP_LOCAL) && first_offer(w, true, &o);

	free(o.spec);
	assert_int_equal(sold, !!(w->p->caps & CAP_SPOT));
	return yes(sold);
}
static const char *machine(struct world *w) { return w->p->caps & CAP_CONTAINER ? "container" : w->p->caps & CAP_LOCAL ? "host" : "VM"; }
static const char *mark(struct world *w)
{
	bool at_create = create_says(w, MARK);

	assert_int_equal(at_create, !!(w->p->caps & CAP_MARK_AT_CREATE));
	return at_create ? "by the create" : offers_op(w, OP_MARK) ? "after it" : "–";
}
static const char *image(struct world *w)
{
	bool chosen = create_says(w, IMAGE);

	assert_int_equal(chosen, w->p->image_amd || w->p->image_nvidia);
	return yes(chosen);
}
static const char *disk(struct world *w)
{
	bool chosen = create_says(w, "777");

	assert_int_equal(chosen, w->p->disk_gb > 0);
	return yes(chosen);
}
static const char *host_key(struct world *w)
{
	assert_int_equal(create_says(w, HOST_KEY), !!(w->p->caps & CAP_HOST_KEY));
	return w->p->caps & CAP_HOST_KEY ? "ours"
	       : offers_op(w, OP_LOG)    ? "from its log"
	       : w->p->caps & CAP_LOCAL  ? "configured"
					 : "first contact";
}
static const char *own_key(struct world *w)
{
	return w->p->caps & CAP_LOCAL      ? "–"
	       : create_says(w, DRIVE_KEY) ? "in the machine"
	       : offers_op(w, OP_KEY_DROP) ? "in the account"
					   : "–";
}
static const char *deletes_itself(struct world *w) { return yes(w->p->give_back != NULL); }
static const char *volumes(struct world *w) { return yes(offers_op(w, OP_VOLUME_MAKE)); }
static const char *attached(struct world *w)
{
	if (!offers_op(w, OP_VOLUME_MAKE))
		return "–";
	return offers_op(w, OP_VOLUME_ATTACH) ? "at any time" : create_says(w, VOLUME) ? "by the create" : "–";
}
static const char *shared(struct world *w) { return yes(w->p->caps & CAP_VOLUME_SHARED); }
static const char *snapshots(struct world *w) { return yes(offers_op(w, OP_SNAPSHOT_MAKE)); }
static const char *balance(struct world *w) { return yes(offers_op(w, OP_BALANCE)); }
static const char *prepaid(struct world *w) { return yes(w->p->caps & CAP_PREPAID); }
static const char *bills(struct world *w)
{
	assert_int_equal(offers_op(w, OP_BILL), !!(w->p->caps & CAP_BILL_BY_MACHINE));
	return yes(w->p->caps & CAP_BILL_BY_MACHINE);
}
static const char *storage_bills(struct world *w)
{
	assert_true(!offers_op(w, OP_STORAGE_BILL) || offers_op(w, OP_STORAGE));
	return yes(offers_op(w, OP_STORAGE_BILL));
}
static const char *counts(struct world *w) { return yes(w->p->caps & CAP_COUNTS); }
static const char *quantum(struct world *w)
{
	return w->p->caps & CAP_LOCAL ? "–" : w->p->billing.quantum == MINUTE ? "minute" : "second";
}
static const char *bills_from(struct world *w)
{
	return w->p->caps & CAP_LOCAL ? "–" : w->p->billing.start == METER_FROM_CREATE ? "create" : "running";
}
static const char *stopped_costs(struct world *w) { return yes(w->p->billing.bills_stopped); }
static const char *traffic(struct world *w) { return yes(w->p->traffic); }

static const struct row {
	const char *name;
	const char *(*word)(struct world *w);
} rows[] = {
	{ "on demand", on_demand },
	{ "spot", spot },
	{ "what a machine is", machine },
	{ "our mark is set", mark },
	{ "image of your choice", image },
	{ "disk of your size", disk },
	{ "host key known by", host_key },
	{ "a fleet's own SSH key", own_key },
	{ "a machine can delete itself", deletes_itself },
	{ "volumes", volumes },
	{ "a volume is attached", attached },
	{ "by several machines at once", shared },
	{ "snapshots", snapshots },
	{ "tells the balance", balance },
	{ "prepaid", prepaid },
	{ "bills each machine", bills },
	{ "bills each volume, each snapshot", storage_bills },
	{ "counts our machines", counts },
	{ "charges by the", quantum },
	{ "… from", bills_from },
	{ "… when stopped too", stopped_costs },
	{ "… traffic apart", traffic },
};

/* ---- the table in the README ---- */

static char *read_readme(void)
{
	struct buf b = BUF(1024 * 1024);
	char block[4096];
	size_t n;
	FILE *f = fopen("README.md", "r");

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(&b, block, n);
	fclose(f);
	return buf_take(&b);
}

/* "| row | yes | – |" */
static void put_line(struct buf *b, const struct row *row)
{
	struct world w;

	buf_printf(b, "| %s |", row ? row->name : "");
	for (const struct provider *const *p = provider_all(); *p; p++) {
		world_open(&w, *p);
		buf_printf(b, " %s |", row ? row->word(&w) : (*p)->title);
		world_close(&w);
	}
	buf_putc(b, '\n');
}

static void put_rule(struct buf *b)
{
	buf_puts(b, "| --- |");
	for (const struct provider *const *p = provider_all(); *p; p++)
		buf_puts(b, " --- |");
	buf_putc(b, '\n');
}

static void the_table_is_what_the_adapters_do(void **state)
{
	char *text = read_readme(), *table = strstr(text, HEADING);
	struct buf want = BUF(16384);

	(void)state;
	put_line(&want, NULL);
	put_rule(&want);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put_line(&want, &rows[i]);
	buf_putc(&want, '\n');
	assert_non_null(table);
	table = strstr(table, "\n|");
	assert_non_null(table);
	if (!str_starts(table + 1, buf_str(&want))) {
		fputs(buf_str(&want), stderr); /* longer than a message of cmocka's */
		fail_msg("the table below \"%s\" in README.md ought to be as above", HEADING);
	}
	buf_free(&want);
	free(text);
}

/* Whoever is configured can be so twice, under two names. */
static void each_may_have_several_accounts(void **state)
{
	static const struct config_provider known[] = { { "hotaisle", NULL }, { "runpod", NULL }, { "digitalocean", NULL },
		{ "vastai", NULL }, { "static", NULL }, { NULL, NULL } };
	const struct config_request request = { .providers = known };
	struct buf text = BUF(8192), report = BUF(65536);
	char token[] = "/tmp/gpufleet-token-XXXXXX";
	int fd = mkstemp(token), count = 0;
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(write(fd, "t\n", 2), 2);
	close(fd);
	buf_puts(&text, "providers:\n");
	for (const struct provider *const *p = provider_all(); *p; p++) {
		for (int i = 1; i <= 2; i++, count++) {
			buf_printf(&text, "  %s-%d: { type: %s", (*p)->name, i, (*p)->name);
			if ((*p)->caps & CAP_LOCAL)
				buf_printf(&text, ", hosts: [ { name: h%d, address: 10.0.0.%d, gpu: 'R9700:1' } ]", i, i);
			else
				buf_printf(&text, ", token_file: %s", token);
			buf_puts(&text, strcmp((*p)->name, "hotaisle") ? " }\n" : ", team: acme }\n");
		}
	}
	if (config_load_text(&c, &request, "f.yaml", buf_str(&text), text.len, &report, &e) < 0)
		fail_msg("%s", buf_str(&report));
	assert_int_equal(c.account_count, count);
	config_free(&c);
	buf_free(&text);
	buf_free(&report);
	unlink(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_what_the_adapters_do),
		cmocka_unit_test(each_may_have_several_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
