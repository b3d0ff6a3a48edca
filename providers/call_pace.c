#include "providers/call_priv.h"

#include "base/str.h"

#define LEARNED_CAP (2 * MINUTE)
#define DELETE_CAP  (15 * SECOND) /* what is to be deleted costs money while it waits */
#define LEARNED_FAR (10 * SECOND) /* no interval that anybody keeps to, but the end of a bad time */

/* The published spacing, or a longer one that refusals have taught. */
static duration spacing(const struct pace *p)
{
	return instant_max(p->limits->bucket[p->op].every, p->rule.every);
}

static void refill(const struct pace *p, instant now)
{
	duration full = spacing(p) * (p->rule.burst > 1 ? p->rule.burst : 1),
		 credit = p->limits->bucket[p->op].tokens_us;
	instant at = p->limits->bucket[p->op].at;

	if (!at)
		credit = full;
	else if (now > at)
		credit += instant_min(now - at, full);
	p->limits->bucket[p->op].tokens_us = instant_min(credit, full);
	p->limits->bucket[p->op].at = now;
}

instant pace_permitted(const struct pace *p, instant now)
{
	instant *blocked = &p->limits->blocked_until;
	duration lacking;

	/* The wall clock may have been set back since the provider spoke. */
	*blocked = instant_min(*blocked, now + RETRY_AFTER_CAP);
	refill(p, now);
	lacking = spacing(p) - p->limits->bucket[p->op].tokens_us;
	return instant_max(p->op == OP_DESTROY ? 0 : *blocked, lacking > 0 ? now + lacking : 0);
}

void pace_spend(const struct pace *p)
{
	p->limits->bucket[p->op].tokens_us -= spacing(p);
}

/*
 * A provider that refuses for haste without saying for how long teaches us its interval; success
 * lets it fade: slowly, so that a true interval is not asked about all the time, but fast what a bad
 * time left behind, or an account would be blind long after it.
 */
static void learn(const struct pace *p, bool too_fast)
{
	duration every = spacing(p), least = p->rule.every;
	bool urgent = p->op == OP_DESTROY;

	if (too_fast) {
		p->limits->bucket[p->op].every =
		    instant_min(instant_max(every, SECOND) / 2 * 3, urgent ? instant_max(DELETE_CAP, least) : LEARNED_CAP);
		return;
	}
	every -= (every - least) / (urgent || every > LEARNED_FAR ? 2 : 16);
	p->limits->bucket[p->op].every = every - least < MSEC ? 0 : every;
}

/*
 * A header of seconds or a date; 0: it says nothing, or nonsense. `epoch`: big numbers are points
 * in time.
 */
static duration read_wait(const char *text, instant now, bool epoch)
{
	double seconds;
	instant at;

	if (str_to_double(text, &seconds)) {
		if (epoch && seconds > 1e9)
			seconds -= (double)now / (double)SECOND;
		if (!(seconds > 0))
			return 0;
		return seconds < (double)(RETRY_AFTER_CAP / SECOND)
			   ? (duration)(seconds * (double)SECOND)
			   : RETRY_AFTER_CAP;
	}
	if (!instant_parse_http(text, &at) || at <= now)
		return 0;
	return instant_min(at - now, RETRY_AFTER_CAP);
}

duration pace_heed(
    const struct pace *p, instant now, const struct http_response *res, duration told)
{
	duration asked = read_wait(res->retry_after, now, false);

	told = told < 0 ? 0 : instant_min(told, RETRY_AFTER_CAP);
	if (res->status != 429) {
		if (res->status < 500)
			learn(p, false);
		return res->status == 503 && asked ? asked : told;
	}
	if (!asked)
		asked = told ? told : read_wait(res->rate_reset, now, true);
	if (!asked) {
		learn(p, true);
		return spacing(p);
	}
	p->limits->blocked_until = instant_max(p->limits->blocked_until, now + asked);
	return asked;
}
