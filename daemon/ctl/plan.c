#include "ctl/plan.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/show.h"
#include "ctl/term.h"

#define CHOICES_MAX 9
#define PASSED_MOST 12 /* lines */

/* ---- the order ---- */

static void put_seconds(json_t *o, const struct args *a, const char *option, const char *key)
{
	int64_t us;

	if (!args_number(a, option, &us))
		return;
	if (us % SECOND)
		json_put(o, key, json_real((double)us / 1e6));
	else
		json_put_int(o, key, us / SECOND);
}

static void put_money(json_t *o, const struct args *a, const char *option, const char *key)
{
	int64_t m;

	if (args_number(a, option, &m))
		json_put_money(o, key, m);
}

static void put_text(json_t *o, const struct args *a, const char *option, const char *key)
{
	if (args_has(a, option))
		json_put_str(o, key, args_text(a, option));
}

static int put_gpu(const struct args *a, const char *gpu, json_t *body, struct err *e)
{
	char name[64];
	int64_t count;
	int in_text;

	if (!gpu_spec_parse(gpu, name, sizeof(name), &in_text))
		return err_set(e, ERR_USAGE, "'%.64s' is no GPU; write a model like MI300X, or MI300X:8 for eight in one instance",
		    gpu);
	count = in_text ? in_text : 1;
	if (args_number(a, "count", &count) && in_text && count != in_text)
		return err_set(e, ERR_USAGE, "'%.64s' and --count %lld contradict each other", gpu, (long long)count);
	json_put_str(body, "gpu", name);
	json_put_int(body, "count", count);
	return 0;
}

void order_env(const struct args *a, json_t *body)
{
	json_t *env = json_object();
	const char *text;

	for (size_t n = 0; (text = args_nth(a, "env", n)); n++) {
		char *name = xstrndup(text, strcspn(text, "="));

		json_put_str(env, name, strchr(text, '=') + 1);
		free(name);
	}
	if (json_object_size(env))
		json_object_set(body, "env", env);
	json_decref(env);
}

static int put_lists(const struct args *a, json_t *body, struct err *e)
{
	json_t *providers = json_array(), *labels = json_object();
	const char *text;

	for (size_t n = 0; (text = args_nth(a, "provider", n)); n++)
		json_array_append_new(providers, json_string(text));
	for (size_t n = 0; (text = args_nth(a, "label", n)); n++) {
		char *key = xstrndup(text, strcspn(text, "="));

		if (str_is_name(key, 63))
			json_put_str(labels, key, strchr(text, '=') + 1);
		else
			err_set(e, ERR_USAGE, "the label '%.64s' is not made of letters, digits and . _ -", key);
		free(key);
	}
	if (json_array_size(providers))
		json_object_set(body, "providers", providers);
	if (json_object_size(labels))
		json_object_set(body, "labels", labels);
	json_decref(providers);
	json_decref(labels);
	return e->code ? -1 : 0;
}

int order_body(const struct args *a, const char *gpu, json_t *body, struct err *e)
{
	int64_t n;

	if (put_gpu(a, gpu, body, e) < 0)
		return -1;
	json_put_int(body, "instances", args_knows(a, "instances") && args_number(a, "instances", &n) ? n : 1);
	if (args_knows(a, "together") && args_has(a, "together"))
		json_put_bool(body, "together", true);
	put_text(body, a, "name", "name");
	put_seconds(body, a, "for", "for");
	put_seconds(body, a, "idle", "idle");
	put_money(body, a, "max-cost", "max_cost");
	put_money(body, a, "max-price", "max_price");
	put_money(body, a, "accept-minimum", "accept_minimum");
	put_text(body, a, "region", "region");
	put_text(body, a, "image", "image");
	put_text(body, a, "volume", "volume");
	put_text(body, a, "snapshot", "snapshot");
	put_text(body, a, "owner", "owner");
	put_text(body, a, "budget", "budget");
	put_seconds(body, a, "retry-until-up", "retry_for");
	order_env(a, body);
	if (args_has(a, "spot"))
		json_put_bool(body, "spot", true);
	if (args_has(a, "own-key"))
		json_put_bool(body, "own_key", true);
	if (args_number(a, "disk", &n))
		json_put_int(body, "disk", n);
	return put_lists(a, body, e);
}

/* ---- the plan ---- */

static void show_plan(const json_t *plan, FILE *to)
{
	int64_t instances = json_int(plan, "instances", 1);

	ctl_print(to, STYLE_BOLD, "%lld x %s:%lld, tried in this order:", (long long)instances, json_str(plan, "gpu", "?"),
	    (long long)json_int(plan, "count", 1));
	show_offers(json_path(plan, "offers"), to);
	ctl_print(to, STYLE_PLAIN, "%s%s with the first; for %s at most %s%s", show_rate(plan, "price_hour").s,
	    instances > 1 ? " for all" : "", show_seconds(plan, "lifetime").s, show_money(plan, "worst_case").s,
	    json_bool(plan, "shortened", false) ? " (shortened to stay below --max-cost)" : "");
	if (*json_str(plan, "warning", ""))
		ctl_print(to, STYLE_YELLOW, "warning: %s", json_str(plan, "warning", ""));
}

/* With --dry-run: what is sold of it and would not be taken, and why. */
static void show_passed(const json_t *list, FILE *to)
{
	const json_t *one;
	size_t n;

	if (json_array_size(list))
		ctl_print(to, STYLE_PLAIN, "\nnot taken:");
	json_array_foreach(list, n, one) {
		if (n == PASSED_MOST) {
			ctl_print(to, STYLE_PLAIN, "  and %zu more; --json has them all", json_array_size(list) - n);
			break;
		}
		ctl_print(to, STYLE_PLAIN, "  %s:%lld at %s%s%s %s", json_str(one, "offer.gpu", "?"),
		    (long long)json_int(one, "offer.gpu_count", 1), json_str(one, "offer.account", "?"),
		    *json_str(one, "offer.region", "") ? " in " : "", json_str(one, "offer.region", ""), json_str(one, "why", ""));
	}
}

static void show_alternatives(const json_t *list)
{
	const json_t *alt;
	size_t n;

	json_array_foreach(list, n, alt) {
		if (n == CHOICES_MAX)
			break;
		ctl_say("  %zu  %lld x %s:%lld at %s %s, %s", n + 1, (long long)json_int(alt, "instances", 1),
		    json_str(alt, "offer.gpu", "?"), (long long)json_int(alt, "count", 1), json_str(alt, "offer.account", "?"),
		    json_str(alt, "offer.region", ""), show_rate(alt, "price_hour").s);
	}
}

static bool may_ask(const struct ctl *c)
{
	return term_can_ask() && !args_has(&c->args, "yes") && !args_has(&c->args, "dry-run");
}

/* A person may take one of the alternatives. */
static bool choose(struct ctl *c, const json_t *list, json_t *body)
{
	const size_t count = json_array_size(list) < CHOICES_MAX ? json_array_size(list) : CHOICES_MAX;
	char letters[CHOICES_MAX + 2] = "n", question[64], got;
	const json_t *alt;

	if (!count || !may_ask(c) || !args_knows(&c->args, "together"))
		return false;
	show_alternatives(list);
	for (size_t i = 0; i < count; i++)
		letters[i + 1] = (char)('1' + (int)i);
	snprintf(question, sizeof(question), count > 1 ? "take one of them? [1-%zu, N]" : "take it? [%zu, N]", count);
	got = term_choose(question, letters, 'n');
	if (got == 'n' || !got)
		return false;
	alt = json_array_get(list, (size_t)(got - '1'));
	json_put_int(body, "instances", json_int(alt, "instances", 1));
	json_put_int(body, "count", json_int(alt, "count", 1));
	return true;
}

/* A sentence as the error; where lines follow it (what was passed over, alternatives) they are too long for that, and are said. */
static int refuse(enum err_code code, const char *sentence, struct err *e)
{
	if (!strchr(sentence, '\n'))
		return err_set(e, code, "%s", sentence);
	ctl_say("%s", sentence);
	return err_set(e, code, "nothing was bought");
}

/* Nobody sells it: 1 when an alternative was taken, else -1. */
static int nobody(struct ctl *c, const json_t *document, const char *sentence, json_t *body, struct err *e)
{
	const json_t *list = json_path(document, "alternatives");

	if (!json_array_size(list))
		return refuse(ERR_CAPACITY, sentence, e);
	ctl_say("%s", sentence);
	if (choose(c, list, body))
		return 1;
	return err_set(e, ERR_CAPACITY, "nothing was bought");
}

/* 0: *plan has offers (or is waited for); 1: ask again for the changed body; -1 */
static int get_plan(struct ctl *c, json_t *body, json_t **plan, struct err *e)
{
	struct err problem = { 0 };

	if (ctl_post(c, "/v1/plans", body, NULL, plan, &problem) == 0) {
		const char *text = json_str(*plan, "text", "");
		bool offers = json_array_size(json_path(*plan, "offers")) > 0;

		if (json_bool(*plan, "placeable", offers) || args_has(&c->args, "retry-until-up"))
			return 0;
		if (!offers)
			return nobody(c, *plan, *text ? text : "nobody sells it now", body, e);
		/* It is sold, but not for this money. */
		return refuse(ERR_REFUSED, *text ? text : "what is sold does not fit --max-cost", e);
	}
	if (problem.code == ERR_CAPACITY)
		return nobody(c, c->problem, problem.msg, body, e);
	*e = problem;
	return -1;
}

static int ask(struct ctl *c, const json_t *plan, enum consent *consent, struct err *e)
{
	bool dry = args_has(&c->args, "dry-run");
	FILE *to = dry ? stdout : stderr;

	*consent = CONSENT_DRY;
	if (dry && c->json) {
		ctl_print_json(plan);
		return 0;
	}
	if (json_bool(plan, "placeable", json_array_size(json_path(plan, "offers")) > 0))
		show_plan(plan, to);
	else
		ctl_say("%s", json_str(plan, "text", "nobody sells it now; the daemon goes on trying"));
	if (dry)
		show_passed(json_path(plan, "passed"), to);
	fflush(to);
	if (dry)
		return 0;
	*consent = CONSENT_YES;
	if (args_has(&c->args, "yes"))
		return 0;
	if (!term_can_ask())
		return err_set(e, ERR_USAGE, "nothing is bought without a yes: add --yes, or answer on a terminal");
	if (!term_confirm("buy this?"))
		*consent = CONSENT_NO;
	return 0;
}

int order_consent(struct ctl *c, json_t *body, enum consent *consent, struct err *e)
{
	json_t *plan = NULL;
	int rc;

	while ((rc = get_plan(c, body, &plan, e)) == 1) {
		json_decref(plan);
		plan = NULL;
	}
	if (rc == 0)
		rc = ask(c, plan, consent, e);
	json_decref(plan);
	return rc;
}

int order_fleet_failed(const json_t *fleet, struct err *e)
{
	const char *reason = json_str(fleet, "reason", ""), *cause = json_str(fleet, "cause", "");
	const char *name = json_str(fleet, "name", "?");

	return err_set(e, ctl_cause_code(cause), "fleet '%s' has ended: %s; see: gpufleetctl why %s", name,
	    *reason ? reason : *cause ? cause : "no reason given", name);
}
