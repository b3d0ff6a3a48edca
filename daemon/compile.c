#include "compile.h"
#include "base/str.h"
#include "config/campaign.h"
#include "wish.h"

#define NO_LIMIT (24 * HOUR) /* a recipe that says no time-out */

static bool has_param(const struct recipe *r, const char *name)
{
	for (size_t k = 0; k < r->param_count; k++)
		if (!strcmp(r->params[k].name, name))
			return true;
	return false;
}

static void join(char *out, size_t size, const char (*words)[ACCOUNT_MAX], int count)
{
	struct buf b = BUF(size - 1);

	for (int k = 0; k < count; k++)
		buf_printf(&b, "%s%s", k ? "," : "", words[k]);
	str_copy_n(out, size, buf_str(&b));
	buf_free(&b);
}

/* "MI300X:1 CONCURRENCY=8": what is not the same in all cells. */
static void put_title(struct plan_cell *to, const struct campaign_file *f, const struct cell *cell)
{
	struct buf b = BUF(sizeof(to->title) - 1);
	const char *key;
	json_t *v;

	if (to->instances > 1)
		buf_printf(&b, "%d x ", to->instances);
	buf_printf(&b, "%s:%d", cell->gpu, cell->gpu_count);
	if (*cell->provider)
		buf_printf(&b, "@%s", cell->provider);
	if (*cell->region)
		buf_printf(&b, "/%s", cell->region);
	json_object_foreach(cell->params, key, v) {
		bool same = true;

		for (size_t k = 0; k < f->cell_count; k++)
			same &= json_equal(json_object_get(f->cells[k].params, key), v) != 0;
		if (!same)
			buf_printf(&b, " %s=%s", key, json_string_value(v));
	}
	str_copy(to->title, buf_str(&b));
	buf_free(&b);
}

static int compile_cell(struct plan_cell *to, const struct campaign_file *f, const struct cell *cell, const struct recipe *r, struct err *e)
{
	json_t *set = json_deep_copy(cell->params), *bound = NULL;
	char text[16];

	str_copy(to->gpu, cell->gpu);
	to->gpu_count = cell->gpu_count;
	to->instances = cell->instances ? cell->instances : r->needs.instances ? r->needs.instances : 1;
	str_copy(to->region, cell->region);
	if (*cell->provider)
		str_copy(to->accounts, cell->provider);
	else
		join(to->accounts, sizeof(to->accounts), f->providers, f->provider_count);
	put_title(to, f, cell);
	/* A recipe that repeats by itself does so on one server, its repeats interleaved. */
	if (has_param(r, "REPEATS") && !json_object_get(set, "REPEATS")) {
		snprintf(text, sizeof(text), "%d", f->repeats);
		json_put_str(set, "REPEATS", text);
	}
	to->params = json_text(set);
	if (to->instances < r->needs.instances)
		err_set(e, ERR_USAGE, "cell %s: %s works on %d instances at least; say instances: %d", to->title, r->name, r->needs.instances,
		    r->needs.instances);
	else if (recipe_bind_params(r, set, &bound, e) < 0)
		err_wrap(e, "cell %s", to->title);
	json_decref(set);
	json_decref(bound);
	return bound ? 0 : -1;
}

static int check_words(const struct campaign_file *f, const struct config *c, struct err *e)
{
	const char *names[256] = { NULL }, *near;
	size_t n = 0;

	for (size_t k = 0; k < c->account_count && n + 2 < ARRAY_LEN(names); k++) {
		names[n++] = c->accounts[k].name;
		if (strcmp(c->accounts[k].name, c->accounts[k].provider) != 0)
			names[n++] = c->accounts[k].provider;
	}
	for (int k = 0; k < f->provider_count; k++) {
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= !strcmp(names[i], f->providers[k]);
		near = known ? NULL : str_nearest(f->providers[k], names);
		if (!known)
			return err_set(e, ERR_USAGE, near ? "'providers': no account or provider '%.32s' is configured; did you mean %s?"
				: "'providers': no account or provider '%.32s' is configured", f->providers[k], near);
	}
	for (int k = 0; k < f->notify_count; k++)
		if (!config_webhook(c, f->notify[k].webhook))
			return err_set(e, ERR_USAGE, "'notify': no webhook '%.60s' is configured (webhooks in gpufleetd.yaml(5))", f->notify[k].webhook);
	for (int k = 0; k < f->secret_count; k++) /* for whom is asked when it is applied, and again when it is used */
		if (!config_secret(c, f->secrets[k]))
			return err_set(e, ERR_USAGE, "'secrets': '%.60s' is not in the configuration; add it below 'secrets'", f->secrets[k]);
	return 0;
}

static int fill(struct plan *p, const struct campaign_file *f, const struct config *c, const struct recipe *r, struct err *e)
{
	str_copy(p->name, f->name);
	str_copy(p->owner, f->owner);
	str_copy(p->budget, f->budget);
	str_copy(p->recipe, f->recipe);
	p->schedule = f->schedule;
	p->scheduled = *f->cron != '\0';
	p->queue = f->queue;
	p->finish_by = f->finish_by;
	str_copy(p->image, f->image);
	p->disk_gb = f->disk_gb;
	p->knows_poc = has_param(r, "POC");
	p->runs = has_param(r, "REPEATS") ? 1 : f->repeats;
	p->max_price = f->max_price ? f->max_price : c ? c->defaults.max_price : 0;
	p->per_night = f->per_night;
	p->accept_minimum = c ? c->defaults.accept_minimum : 0;
	p->run_limit = (r->setup_timeout ? r->setup_timeout : 0) + (f->per_run ? f->per_run : r->run_timeout ? r->run_timeout : NO_LIMIT);
	p->per_run = f->per_run;
	p->parallel = f->parallel_fleets;
	p->retry_no_capacity = f->retry_no_capacity;
	p->retry_lost = f->retry_machine_lost;
	p->retry_failed = f->retry_failed;
	p->keep_for = f->keep_for;
	p->baseline = (size_t)f->baseline;
	p->warn_ppm = f->warn_ppm;
	p->alert_ppm = f->alert_ppm;
	for (int k = 0; k < f->secret_count; k++)
		if (strlen(p->secrets) + strlen(f->secrets[k]) + 2 < sizeof(p->secrets))
			snprintf(p->secrets + strlen(p->secrets), sizeof(p->secrets) - strlen(p->secrets), "%s%s", k ? "," : "", f->secrets[k]);
	for (; p->notify_count < f->notify_count && p->notify_count < PLAN_NOTIFY_MAX; p->notify_count++) {
		const struct notify *from = &f->notify[p->notify_count];

		str_copy(p->notify[p->notify_count].webhook, from->webhook);
		for (int k = 0; k < from->event_count; k++)
			p->notify[p->notify_count].news |= news_parse(from->events[k]);
	}
	p->zone = zone_load(f->timezone, e);
	if (!p->zone)
		return -1;
	p->cells = xcalloc(f->cell_count + 1, sizeof(*p->cells));
	for (; p->cell_count < f->cell_count; p->cell_count++)
		if (compile_cell(&p->cells[p->cell_count], f, &f->cells[p->cell_count], r, e) < 0) {
			p->cell_count++; /* what it holds is freed with the plan */
			return -1;
		}
	return c ? check_words(f, c, e) : 0;
}

struct plan *compile_campaign(const struct config *c, const char *file, const char *text, struct buf *report, struct err *e)
{
	struct campaign_file f;
	struct recipe recipe;
	struct plan *p = NULL;

	if (campaign_read(&f, file, text, strlen(text), report, e) < 0)
		return NULL;
	if (wish_recipe(&recipe, f.recipe, e) == 0) {
		p = xcalloc(1, sizeof(*p));
		if (fill(p, &f, c, &recipe, e) < 0) {
			plan_free(p);
			p = NULL;
		}
		recipe_free(&recipe);
	}
	if (!p)
		err_wrap(e, "%s", file);
	campaign_free(&f);
	return p;
}

struct plan *compile_for_model(void *arg, const char *text, char trouble[TEXT_MAX])
{
	struct err e = { 0 };
	struct plan *p = compile_campaign(arg, "campaign", text, NULL, &e);

	if (!p)
		str_copy_n(trouble, TEXT_MAX, e.msg);
	return p;
}
