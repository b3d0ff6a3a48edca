#include "night.h"
#include "base/str.h"
#include "books.h"
#include "orphan.h"

#define STEPS_MAX 400000 /* of one night: more is a loop that never waits */

void night_at(struct sim_night *n, struct tick *t, instant when, void (*fire)(struct sim_night *n, struct tick *t))
{
	t->fire = fire;
	heap_set(&n->events, &t->node, when > n->now ? when : n->now);
}

void night_not(struct sim_night *n, struct tick *t)
{
	heap_remove(&n->events, &t->node);
}

duration night_random(struct rng *r, duration least, duration most)
{
	return least + (duration)rng_below(r, (uint64_t)(most - least) + 1);
}

void night_note(struct sim_night *n, const char *fmt, ...)
{
	char text[1024], at[32];
	va_list ap;

	if (!n->o.trace && !n->o.digest)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(at, sizeof(at), "%13.6f", (double)(n->now - NIGHT_START) / SECOND);
	for (const char *s = at; *s; s++)
		n->digest = (n->digest ^ (uint8_t)*s) * 0x100000001b3u;
	for (const char *s = text; *s; s++)
		n->digest = (n->digest ^ (uint8_t)*s) * 0x100000001b3u;
	if (n->o.trace)
		printf("%s %s\n", at, text);
}

void night_violation(struct sim_night *n, const char *fmt, ...)
{
	char at[24];
	va_list ap;
	size_t used;

	if (*n->violation)
		return;
	duration_format(n->now - NIGHT_START, at);
	used = (size_t)snprintf(n->violation, sizeof(n->violation), "at %s: ", at);
	va_start(ap, fmt);
	vsnprintf(n->violation + used, sizeof(n->violation) - used, fmt, ap);
	va_end(ap);
	night_note(n, "VIOLATION %s", n->violation);
}

bool night_point(struct sim_night *n, const char *what)
{
	struct crash *c = &n->o.crash;
	enum disk_end how = c->how;

	if (n->dying || !n->p)
		return n->dying;
	c->points++;
	if (n->kill_in && !--n->kill_in)
		how = n->kill_how;
	else if (c->points != c->at[0] && c->points != c->at[1])
		return false;
	night_note(n, "the process ends at point %lld: %s, %s", (long long)c->points, what, how == DISK_KILLED ? "killed" : "power lost");
	n->dying = true;
	disk_stop(&n->disk, how);
	return true;
}

static int disk_hook(void *arg, enum disk_call call)
{
	static const char *const names[] = { "write", "sync", "truncate", "delete", "read", "lock" };
	struct sim_night *n = arg;

	if (call == DISK_LOCK) { /* not a call that anything is written by: not a point */
		if (!trouble_active(n, TROUBLE_DISK_LOCKED) || !trouble_strikes(n, TROUBLE_DISK_LOCKED, -1))
			return 0;
		if (n->p)
			n->p->waited = true;
		return 5; /* SQLITE_BUSY */
	}
	n->o.crash.calls++;
	if (n->o.crash.calls >= n->o.crash.fail_from && n->o.crash.calls < n->o.crash.fail_from + n->o.crash.fail_count) {
		n->disk_failures++;
		night_note(n, "disk: a %s fails", names[call]);
		return n->o.crash.fail_code;
	}
	if (trouble_active(n, TROUBLE_DISK_FULL) && call == DISK_WRITE && trouble_strikes(n, TROUBLE_DISK_FULL, -1))
		return 13; /* SQLITE_FULL */
	if (trouble_active(n, TROUBLE_DISK_ERROR) && trouble_strikes(n, TROUBLE_DISK_ERROR, -1))
		return 10; /* SQLITE_IOERR */
	if (n->o.crash.fine || n->kill_in)
		night_point(n, names[call]);
	return 0;
}

static void begin_item(struct sim_night *n, struct tick *t)
{
	item_begin(n, (int)(t - n->ticks));
}

static void end_of_chaos(struct sim_night *n, struct tick *t)
{
	(void)t;
	n->over = true;
	trouble_over(n);
	night_note(n, "the faults are over");
}

void night_prepare(struct sim_night *n, const struct sim_plan *plan, const struct night_options *o)
{
	memset(n, 0, sizeof(*n));
	n->plan = *plan;
	n->o = *o;
	n->now = NIGHT_START;
	n->digest = 0xcbf29ce484222325u;
	list_init(&n->packets);
	list_init(&n->errands);
	rng_seed(&n->wire_rng, plan->seed * 16 + 2);
	rng_seed(&n->box_rng, plan->seed * 16 + 3);
	rng_seed(&n->life_rng, plan->seed * 16 + 4);
	disk_reset(&n->disk, plan->seed * 16 + 5);
	n->disk.track = true;
	n->disk.arg = n;
	world_open(n);
	n->disk.hook = disk_hook;
	for (int k = 0; k < plan->count; k++)
		if (!plan->items[k].off)
			night_at(n, &n->ticks[k], n->now + plan->items[k].at, begin_item);
	night_at(n, &n->chaos_end, n->now + plan->chaos, end_of_chaos);
	if (o->orphan_step)
		orphan_open(n);
}

void night_begin_process(struct sim_night *n)
{
	process_start(n);
}

void night_open(struct sim_night *n, const struct sim_plan *plan, const struct night_options *o)
{
	night_prepare(n, plan, o);
	night_begin_process(n);
}

/* The daemon is removed for ever at this step: only the reaper is left. */
static void maybe_orphan(struct sim_night *n)
{
	if (n->orphaned || !n->o.orphan_step || n->steps < n->o.orphan_step)
		return;
	orphan_begins(n);
	n->orphaned = true;
	night_note(n, "the daemon is gone for ever");
	night_not(n, &n->restart);
	process_end(n, DISK_KILLED);
}

static void step(struct sim_night *n)
{
	struct heap_node *first = heap_first(&n->events);
	instant turn = n->p ? n->p->turn_at : FOREVER;

	if (first && first->due <= turn) {
		struct tick *t = CONTAINER_OF(first, struct tick, node);

		n->now = instant_max(n->now, first->due);
		heap_remove(&n->events, first);
		t->fire(n, t);
	} else if (turn != FOREVER) {
		n->now = instant_max(n->now, turn);
		process_turn(n);
	} else {
		night_violation(n, "nothing will ever happen again");
	}
	if (n->dying)
		process_end(n, DISK_KILLED); /* how was decided at the point */
	maybe_orphan(n);
}

void night_live(struct sim_night *n)
{
	instant bound = NIGHT_START + n->plan.chaos + NIGHT_BOUND;

	while (!*n->violation && !judge_settled(n)) {
		if (n->now > bound)
			judge_overdue(n, false);
		else if (++n->steps > STEPS_MAX * (n->plan.crowd ? 20 : n->plan.season ? 200 : 1))
			judge_overdue(n, true);
		else
			step(n);
		judge_step(n);
	}
	judge_end(n);
}

void night_close(struct sim_night *n)
{
	process_free(n);
	orphan_close(n);
	wire_close(n);
	box_close(n);
	world_close(n);
	books_close(n);
	disk_free(&n->disk);
	heap_free(&n->events);
	free(n->orders);
}
