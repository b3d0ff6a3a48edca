/*
 * A budget is counted from the ledger, in the thread pool.
 */
#include "base/log.h"
#include "core/budget.h"
#include "db/history.h"
#include "execute_private.h"

#define OVERLAP DAY /* a posting that begins in one day may end in the next */

struct counting {
	uv_work_t work;
	struct execute *x;
	struct budget budget; /* a copy; its zone is not the model's */
	char db[1024];
	instant now;
	struct buf text;
	struct err error;
	bool done;
};

static void on_work(uv_work_t *w)
{
	struct counting *c = w->data;
	struct days days = { 0 };
	struct history *h;
	struct zone *tz = NULL;
	int64_t first, last;

	if (*c->budget.zone && !(tz = zone_load(c->budget.zone, &c->error)))
		return;
	c->budget.tz = tz;
	budget_period(&c->budget, c->now, &first, &last);
	if (history_open(&h, c->db, &c->error) == 0) {
		c->done = history_booked(h, &c->budget, tz, c->budget.counted_to, first == INT64_MIN ? 0 : day_begin(tz, first) - OVERLAP, &days,
			      &c->error) == 0;
		history_close(h);
	}
	days_write(&days, &c->text);
	days_free(&days);
	zone_free(tz);
}

static void counted(uv_work_t *w, int status)
{
	struct counting *c = w->data;
	struct engine_span span = engine_enter("a budget's count");
	struct fact f = { .kind = FACT_COUNTED, .id = c->budget.object.id, .count = c->budget.counted_to,
		.verdict = c->done ? VERDICT_OK : VERDICT_RETRY, .text = buf_str(&c->text) };

	(void)status;
	c->x->work--;
	if (!c->done)
		log_error("budget '%s' cannot be counted: %s; nothing is rented under it until it is", c->budget.name, c->error.msg);
	if (!c->x->closing)
		engine_fact(c->x->en, &f);
	buf_free(&c->text);
	free(c);
	engine_leave(span);
}

void count_action(struct execute *x, const struct action *a)
{
	const struct budget *b = model_budget(engine_model(x->en), a->id);
	struct counting *c;

	if (!b || x->closing)
		return;
	c = xcalloc(1, sizeof(*c));
	c->work.data = c;
	c->x = x;
	c->budget = *b;
	c->now = engine_now(x->en);
	c->text = (struct buf)BUF(1024 * 1024);
	execute_database(x, c->db, sizeof(c->db));
	x->work++;
	uv_queue_work(engine_loop(x->en), &c->work, on_work, counted);
}
