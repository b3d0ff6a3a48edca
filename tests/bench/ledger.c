/*
 * One million postings: how long the month's report takes, and how much memory, beside the floor: SQLite adding up the same rows, and
 * the whole report page.
 *
 *	ledger ROWS        makes a database of so many postings over two months (and one in ten machines of it), asks, and tells
 *
 * Times are of one process that does nothing else; each question is asked five times and the best counts, for both alike.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "db/history.h"
#include "db/store.h"
#include "report/spending.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#define PER_MACHINE 10
#define START       ((instant)1793491200 * SECOND) /* 2026-11-01 */
#define MONTHS      (61 * DAY)
#define TRIES       5

static void die(const struct err *e)
{
	fprintf(stderr, "ledger: %s\n", e->msg);
	exit(1);
}

static void ignore(void *arg, const struct err *error)
{
	(void)arg;
	if (error)
		die(error);
}

static const char *one_of(struct rng *r, const char *const *list, size_t n)
{
	return list[rng_below(r, n)];
}

static void add_fleet(struct store_batch *b, struct rng *r, int64_t id)
{
	static const char *const owners[] = { "ana", "bob", "chen", "dora", "emil", "fatima" };
	struct fleet f = { .object.id = id, .gpu_count = 1, .instances = 1, .state = FLEET_CLOSED, .created = START, .closed = START };

	snprintf(f.name, sizeof(f.name), "fleet-%lld", (long long)id);
	str_copy(f.owner, one_of(r, owners, ARRAY_LEN(owners)));
	snprintf(f.labels, sizeof(f.labels), "team=t%d", (int)rng_below(r, 8));
	store_batch_fleet(b, &f);
}

static void add_machine(struct store_batch *b, struct rng *r, int64_t id, int64_t fleet, int64_t *seq)
{
	static const char *const gpus[] = { "MI300X", "H100", "H200", "MI210", "L40S" };
	static const char *const providers[] = { "hotaisle", "runpod", "digitalocean", "vastai" };
	struct instance i = { .object.id = id, .fleet_id = fleet, .state = INSTANCE_GONE, .gpu_count = 1 << rng_below(r, 4),
		.price_hour = (money)(100 + rng_below(r, 900)) * CENT, .settled = START, .billed_known = true };
	instant t = START + (duration)rng_below(r, (uint64_t)(MONTHS - DAY)), from = t;

	str_copy(i.provider, one_of(r, providers, ARRAY_LEN(providers)));
	str_copy(i.account, i.provider);
	str_copy(i.gpu, one_of(r, gpus, ARRAY_LEN(gpus)));
	snprintf(i.provider_id, sizeof(i.provider_id), "m%lld", (long long)id);
	for (int k = 1; k <= PER_MACHINE; k++) {
		duration d = (duration)rng_below(r, (uint64_t)HOUR);
		struct posting p = { .seq = ++*seq, .time = t + d, .kind = k == 1 || k == PER_MACHINE ? POSTING_HOLD : POSTING_USE, .subject_id = id,
			.number = k, .part = (enum part)rng_below(r, PART_STORAGE), .since = t, .until = t + d, .gpu_time = d * i.gpu_count };

		if (p.kind == POSTING_HOLD)
			p.part = PARTS;
		p.amount = p.kind == POSTING_HOLD ? (k == 1 ? USD : -USD) : money_for(i.price_hour, d);
		str_copy(p.debit, p.kind == POSTING_HOLD ? "held" : "cost");
		snprintf(p.credit, sizeof(p.credit), p.kind == POSTING_HOLD ? "free" : "provider:%s", i.account);
		store_batch_posting(b, &p);
		if (p.kind == POSTING_USE)
			i.metered += p.amount;
		t += d;
	}
	i.planned = i.meter_start = from;
	i.meter_end = i.gone = t;
	i.posted = i.billed = i.metered;
	i.postings = PER_MACHINE;
	store_batch_instance(b, &i);
}

static void fill(const char *path, int64_t rows)
{
	struct store *s;
	struct rng r;
	struct err e;
	int64_t seq = 0, id = 1, fleet = 0;

	rng_seed(&r, 1);
	if (store_open(&s, &(struct store_options){ .path = path }, &e) < 0)
		die(&e);
	while (seq < rows) {
		struct store_batch *b = store_batch_new();

		for (int k = 0; k < 500 && seq < rows; k++) {
			if (k % 5 == 0)
				add_fleet(b, &r, fleet = id++);
			add_machine(b, &r, id++, fleet, &seq);
		}
		store_commit(s, b, ignore, NULL);
		store_flush(s);
	}
	store_close(s);
}

/* Best of some tries, in milliseconds. */
static double best(int (*ask)(struct history *h, void *arg), const char *path, void *arg)
{
	double least = 1e9;

	for (int k = 0; k < TRIES; k++) {
		instant began = clock_boot();
		struct history *h;
		struct err e;

		if (history_open(&h, path, &e) < 0 || ask(h, arg) < 0)
			die(&e);
		history_close(h);
		least = (double)(clock_boot() - began) / MSEC < least ? (double)(clock_boot() - began) / MSEC : least;
	}
	return least;
}

static int ask_month(struct history *h, void *arg)
{
	struct cost_query q = { .by = { "owner,part" }, .count = 1, .since = START, .until = START + 30 * DAY, .now = START + MONTHS, .filter = "" };
	json_t *out;
	struct err e;

	(void)arg;
	if (history_cost(h, &q, &out, &e) < 0)
		die(&e);
	json_decref(out);
	return 0;
}

static int ask_page(struct history *h, void *arg)
{
	struct cost_query q = { .since = START, .until = START + 30 * DAY, .now = START + MONTHS, .filter = "", .efficiency = true };
	struct buf page = BUF(16u << 20);
	json_t *out;
	struct err e;

	(void)arg;
	for (; spending_tables[q.count]; q.count++)
		q.by[q.count] = spending_tables[q.count];
	if (history_cost(h, &q, &out, &e) < 0)
		die(&e);
	spending_html(out, &page);
	buf_free(&page);
	json_decref(out);
	return 0;
}

/* The least that anybody has to do: read each row's amount and add it up. */
static int ask_floor(struct history *h, void *arg)
{
	sqlite3_stmt *st;
	sqlite3 *db;

	(void)h;
	if (sqlite3_open_v2(arg, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "SELECT part, sum(amount) FROM postings WHERE kind <> 'hold' AND since >= ?1 AND since < ?2 GROUP BY part", -1,
		&st, NULL) != SQLITE_OK)
		return -1;
	sqlite3_bind_int64(st, 1, START);
	sqlite3_bind_int64(st, 2, START + 30 * DAY);
	while (sqlite3_step(st) == SQLITE_ROW)
		;
	sqlite3_finalize(st);
	sqlite3_close(db);
	return 0;
}

static long memory_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

int main(int argc, char **argv)
{
	int64_t rows = 0;
	char dir[] = "/tmp/gpufleet-bench-XXXXXX", path[64];
	double floor, month, page;
	long before;

	if (argc != 2 || !str_to_i64(argv[1], 1000, 100000000, &rows) || !mkdtemp(dir)) {
		fprintf(stderr, "usage: ledger ROWS\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	fill(path, rows);
	before = memory_kib();
	floor = best(ask_floor, path, path);
	month = best(ask_month, path, NULL);
	page = best(ask_page, path, NULL);
	printf("%lld postings on %lld machines; the month has half of them\n", (long long)rows, (long long)rows / PER_MACHINE);
	printf("floor (SQLite adds them up)          %8.0f ms\n", floor);
	printf("cost --by owner,part of the month    %8.0f ms   %5.2f x the floor\n", month, month / floor);
	printf("the report page, nine tables         %8.0f ms   %5.2f x the floor\n", page, page / floor);
	printf("memory beyond what filling took      %8ld KiB\n", memory_kib() - before);
	unlink(path);
	rmdir(dir);
	return 0;
}
