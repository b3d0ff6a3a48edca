#include "season.h"
#include "base/str.h"
#include "report/verdicts.h"

#include <math.h>

#define NIGHT_NOISE  0.006
#define REPEAT_NOISE 0.003
#define STEP         0.04
#define SCENARIOS    9
#define REPEATS      3

static const char *const gpus[] = { "MI300X", "H100" };

/* In every second season one of the two cells works on two machines at a time. */
#define PAIRS "season of pairs"

/* ---- what the daemon is told ---- */

struct plan *season_compile(void *arg, const char *text, char trouble[TEXT_MAX])
{
	struct plan *p = xcalloc(1, sizeof(*p));
	struct err e;

	(void)arg;
	*p = (struct plan){ .name = "season", .recipe = "vllm-serve", .scheduled = true, .finish_by = -1, .runs = 1, .parallel = 2,
		.run_limit = 2 * HOUR, .retry_no_capacity = HOUR, .retry_lost = 3, .retry_failed = 2, .per_night = 400 * USD,
		.accept_minimum = 20 * USD, .schedule.catch_up = 6 * HOUR, .baseline = 14, .warn_ppm = 30000, .alert_ppm = 50000 };
	p->zone = zone_load("UTC", &e);
	if (!p->zone || cron_parse(&p->schedule.cron, "0 2 * * *", &e) < 0)
		str_copy_n(trouble, TEXT_MAX, e.msg);
	p->cell_count = ARRAY_LEN(gpus);
	p->cells = xcalloc(p->cell_count, sizeof(*p->cells));
	for (size_t k = 0; k < p->cell_count; k++) {
		str_copy(p->cells[k].gpu, gpus[k]);
		p->cells[k].gpu_count = p->cells[k].instances = 1;
		p->cells[k].params = xstrdup("{}");
		if (!k && !strcmp(text, PAIRS))
			p->cells[k].instances = 2;
		snprintf(p->cells[k].title, sizeof(p->cells[k].title), "%d x %s:1", p->cells[k].instances, gpus[k]);
	}
	return p;
}

/* A person asks until somebody is there to hear it. */
static void apply(struct sim_night *n, struct tick *t)
{
	struct fact f = { .kind = FACT_CAMPAIGN_APPLY, .actor = "ann", .text = n->plan.seed % 2 ? PAIRS : "season" };

	if (process_request(n, &f) == 0)
		n->season->campaign = f.answer_id;
	else
		night_at(n, t, n->now + MINUTE, apply);
}

static void end(struct sim_night *n, struct tick *t)
{
	struct fact f = { .kind = FACT_CAMPAIGN_DELETE, .actor = "ann", .id = n->season->campaign };

	if (process_request(n, &f) < 0 && f.error.code != ERR_NOT_FOUND)
		night_at(n, t, n->now + MINUTE, end);
}

static void submit(struct sim_night *n, const struct action *a)
{
	struct run row = { .trial_id = a->id, .recipe = "vllm-serve", .owner = "ann", .setup_timeout = 10 * MINUTE, .run_timeout = HOUR };
	const struct trial *trial = model_trial(&n->p->model, a->id);
	struct fact f = { .kind = FACT_RUN_SUBMIT, .run = &row };
	uint8_t random[8];

	row.ranks = trial && trial->instances > 1 ? trial->instances : 0;
	rng_fill(&n->life_rng, random, sizeof(random));
	str_base32(random, sizeof(random), row.key);
	row.params = xstrdup("{}");
	row.spec = xstrdup("{}");
	process_fact(n, &f);
}

/* ---- what the machines measure ---- */

static double gauss(struct rng *r)
{
	double u = ((double)rng_below(r, 1u << 30) + 1) / ((1u << 30) + 1.0), v = (double)rng_below(r, 1u << 30) / (1u << 30);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* By chance, but the same for the same run: reading it twice changes nothing. */
static json_t *measure(const struct sim_night *n, int64_t night, int series, int64_t run)
{
	const struct season *s = n->season;
	double level = 30 + 7 * series;
	json_t *out = json_array();
	struct rng r;

	rng_seed(&r, n->plan.seed * 1000003 + (uint64_t)run * 64 + (uint64_t)series);
	if (series == s->step_series && night >= s->step_night)
		level *= 1 - STEP;
	level *= 1 + NIGHT_NOISE * gauss(&r);
	for (int k = 0; k < REPEATS; k++)
		json_array_append_new(out, json_real(level * (1 + REPEAT_NOISE * gauss(&r))));
	return out;
}

static json_t *figures_of(const struct sim_night *n, const struct night *night)
{
	json_t *figures = json_array();

	list_for_each(l, &night->trial_list) {
		const struct trial *t = TRIAL_OF(l);

		if (t->state != TRIAL_DONE || t->outcome != OUTCOME_OK)
			continue;
		for (int k = 0; k < SCENARIOS; k++) {
			int series = t->cell * SCENARIOS + k;
			json_t *f = NULL, *old;
			char name[48];
			size_t at;

			snprintf(name, sizeof(name), "%.20s|%d", t->gpu, k);
			json_array_foreach(figures, at, old)
				f = !strcmp(json_str(old, "series", ""), name) ? old : f;
			if (!f) {
				f = json_pack("{ss si sI}", "series", name, "number", series, "trial", t->object.id);
				json_array_append_new(figures, f);
			} else {
				json_put(f, "first", json_incref(json_object_get(f, "measured")));
			}
			json_put(f, "measured", measure(n, night->number, series, t->run_id));
			json_put_bool(f, "again", t->again);
		}
	}
	return figures;
}

/* ---- what is thought of it ---- */

static void forget_night(json_t *findings, int64_t number)
{
	for (size_t k = json_array_size(findings); k-- > 0;)
		if (json_int(json_array_get(findings, k), "night", 0) == number)
			json_array_remove(findings, k);
}

static void keep(struct season *s, const struct night *night, json_t *verdicts)
{
	json_t *v;
	size_t k;

	forget_night(s->findings, night->number); /* judged before, and the process died before it was on disk */
	json_array_foreach(verdicts, k, v) {
		json_put_int(v, "night", night->number);
		json_array_append(s->findings, v);
	}
}

static void ask_again(const json_t *verdicts, struct buf *out)
{
	int64_t said[8] = { 0 };
	const json_t *v;
	size_t k, n = 0;

	json_array_foreach(verdicts, k, v) {
		int64_t id = json_int(v, "trial", 0);
		bool known = !verdict_is_worse(v) || n == ARRAY_LEN(said);

		for (size_t i = 0; i < n; i++)
			known |= said[i] == id;
		if (!known) {
			said[n++] = id;
			buf_printf(out, "%s%lld", out->len ? "," : "", (long long)id);
		}
	}
}

static void judge(struct sim_night *n, const struct action *a)
{
	const struct night *night = model_night(&n->p->model, a->id);
	struct fact f = { .kind = FACT_NIGHT_JUDGED, .id = a->id, .text = "" };
	json_t *figures = figures_of(n, night), *verdicts;
	struct buf again = BUF(1024);

	forget_night(n->season->findings, night->number);
	verdicts = verdicts_judge(figures, n->season->findings, &series_rules);
	if (!night->repeated)
		ask_again(verdicts, &again);
	if (again.len)
		f.text = buf_str(&again);
	else
		keep(n->season, night, verdicts);
	process_fact(n, &f);
	buf_free(&again);
	json_decref(figures);
	json_decref(verdicts);
}

void season_action(struct sim_night *n, const struct action *a)
{
	if (a->kind == ACTION_SUBMIT)
		submit(n, a);
	else
		judge(n, a);
}

/* ---- a season ---- */

static struct item *add(struct sim_plan *p, enum item_kind kind, int what, instant at, duration span, struct rng *r)
{
	struct item *i = &p->items[p->count++];

	*i = (struct item){ .kind = kind, .what = what, .at = at, .span = span, .cloud = -1, .count = -1, .seconds = -1, .per_cent = 30 };
	i->luck = rng_u64(r);
	return i;
}

/* Some minutes into the night of that number. */
static instant in_night(int number, duration into)
{
	instant first = (NIGHT_START / DAY) * DAY + 2 * HOUR;

	if (first <= NIGHT_START)
		first += DAY;
	return first + (number - 1) * DAY + into - NIGHT_START;
}

static void plan_season(struct sim_plan *p, uint64_t seed)
{
	static const int deaths[] = { TROUBLE_KILLED, TROUBLE_POWER_LOST, TROUBLE_RESTARTED };
	static const int losses[] = { TROUBLE_HOST_DIES, TROUBLE_VANISHES, TROUBLE_STOPPED };
	static const int network[] = { TROUBLE_LOST_ANSWER, TROUBLE_SILENT_AFTER, TROUBLE_SSH_CUT_AFTER };
	struct rng r;

	*p = (struct sim_plan){ .seed = seed, .faults = true, .clouds = 0xf, .season = true };
	rng_seed(&r, seed * 77 + 5);
	p->work = in_night(SEASON_NIGHTS, 20 * HOUR);
	p->chaos = p->work + HOUR;
	for (int k = 0; k < 30; k++)
		add(p, ITEM_TROUBLE, deaths[rng_below(&r, 3)], in_night(1 + (int)rng_below(&r, SEASON_NIGHTS), night_random(&r, 0, HOUR)), 0, &r)
		    ->count = 1 + (int)rng_below(&r, 30);
	for (int k = 0; k < 20; k++)
		add(p, ITEM_TROUBLE, losses[rng_below(&r, 3)],
		    in_night(1 + (int)rng_below(&r, SEASON_NIGHTS), night_random(&r, 5 * MINUTE, 40 * MINUTE)), 0, &r);
	for (int k = 0; k < 20; k++)
		add(p, ITEM_SWITCH, FAULT_CREATE_NO_CAPACITY, in_night(1 + (int)rng_below(&r, SEASON_NIGHTS), -MINUTE), 30 * MINUTE, &r)->cloud =
		    (int)rng_below(&r, CLOUDS);
	for (int k = 0; k < 12; k++)
		add(p, ITEM_TROUBLE, network[rng_below(&r, 3)], in_night(1 + (int)rng_below(&r, SEASON_NIGHTS), 0), 20 * MINUTE, &r);
}

static const char *reading(const struct season *s, char out[512])
{
	int count = 0;
	const json_t *v;
	size_t k;

	json_array_foreach(s->findings, k, v)
		count = (int)json_int(v, "night", 0) > count ? (int)json_int(v, "night", 0) : count;
	snprintf(out, 512, "%d nights, the step of night %d told in night %d, %d other alarms", count, s->step_night, s->found, s->alarms);
	return out;
}

static void tally(struct season *s)
{
	const json_t *v;
	size_t k;

	json_array_foreach(s->findings, k, v) {
		int night = (int)json_int(v, "night", 0), series = (int)json_int(v, "number", 0);
		bool told = !strcmp(json_str(v, "kind", ""), "warning") || !strcmp(json_str(v, "kind", ""), "regression");

		if (told && series == s->step_series && night >= s->step_night)
			s->found = s->found ? s->found : night;
		else if (told)
			s->alarms++;
	}
}

/* Complete and in order: one row for each tick, none twice, none left out that is not told as missed. */
static int one(uint64_t seed, bool trace)
{
	struct sim_night *n = xmalloc(sizeof(*n));
	struct night_options o = { .trace = trace };
	struct season s = { .findings = json_array() };
	struct sim_plan *p = xcalloc(1, sizeof(*p));
	char text[512];
	struct rng r;
	int bad;

	plan_season(p, seed);
	rng_seed(&r, seed);
	s.step_night = 25 + (int)rng_below(&r, 25);
	s.step_series = (int)rng_below(&r, SCENARIOS * ARRAY_LEN(gpus));
	night_prepare(n, p, &o);
	n->season = &s;
	night_begin_process(n);
	night_at(n, &s.apply, n->now + SECOND, apply);
	night_at(n, &s.end, NIGHT_START + p->work, end);
	night_live(n);
	tally(&s);
	bad = *n->violation != '\0' || s.alarms > 1 || !s.found || s.found > s.step_night + 2;
	printf("season %llu: %s; %zu machines, %lld restarts: %s%s\n", (unsigned long long)seed, reading(&s, text), n->box_count,
	    (long long)n->epochs - 1, bad ? "WRONG " : "ok", n->violation);
	night_close(n);
	json_decref(s.findings);
	free(p);
	free(n);
	return bad;
}

int season_many(int64_t from, int64_t count, bool trace)
{
	int bad = 0;

	for (int64_t k = 0; k < count; k++)
		bad += one((uint64_t)(from + k), trace);
	printf("%lld seasons, %d wrong\n", (long long)count, bad);
	return bad ? 1 : 0;
}
