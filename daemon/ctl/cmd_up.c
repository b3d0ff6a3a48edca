#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/down.h"
#include "ctl/plan.h"
#include "ctl/setup.h"
#include "ctl/show.h"
#include "ctl/watch.h"

static void say_ready(const struct ctl *c, const json_t *fleet)
{
	const char *name = json_str(fleet, "name", "?");

	if (c->json) {
		json_t *document = json_pack("{s:O}", "fleet", fleet);

		ctl_print_json(document);
		json_decref(document);
		return;
	}
	ctl_print(stdout, STYLE_GREEN, "%s is ready", name);
	show_instances(fleet, stdout);
	ctl_print(stdout, STYLE_PLAIN, "\nlog in:        gpufleetctl ssh %s", name);
	ctl_print(stdout, STYLE_PLAIN, "give it back:  gpufleetctl down %s%s%s%s", name,
	    *show_left(fleet, "expires").s ? "   (by itself in " : "", show_left(fleet, "expires").s,
	    *show_left(fleet, "expires").s ? ")" : "");
}

static int left_as_it_is(const char *name)
{
	ctl_say("'%s' goes on without you.\nsee it:        gpufleetctl status %s\ngive it back:  gpufleetctl down %s", name, name,
	    name);
	return EXIT_INTERRUPTED;
}

/* Ctrl-C: -2 to go on waiting, else the exit status. A second Ctrl-C while the question stands leaves everything as it is. */
static int interrupted(struct ctl *c, struct watch *w, const char *name, struct err *e)
{
	char got = 'k';

	progress_clear(&w->progress);
	term_forget_interrupts();
	if (term_can_ask())
		got = term_choose("\nkeep the machines, tear them down, or wait on? [k/t/w]", "ktw", 'w');
	term_forget_interrupts();
	if (got == 'w')
		return -2;
	if (got != 't')
		return left_as_it_is(name);
	return down_fleet(c, name, false, NULL, e) < 0 ? -1 : EXIT_INTERRUPTED;
}

static int wait_up(struct ctl *c, struct watch *w, const struct setup *setup, const char *name, struct err *e)
{
	enum watch_end end;
	json_t *fleet;
	int rc;

	for (;;) {
		if (watch_ready(c, w, name, 0, &fleet, &end, e) < 0) {
			json_decref(fleet);
			return -1;
		}
		progress_clear(&w->progress);
		rc = -2;
		if (end == WATCH_READY) {
			rc = setup_wait(c, w, setup, name, e);
			if (rc == 0)
				say_ready(c, fleet);
		} else if (end == WATCH_ENDED) {
			rc = order_fleet_failed(fleet, e);
		}
		json_decref(fleet);
		if (rc == -2)
			rc = interrupted(c, w, name, e);
		if (rc != -2)
			return rc;
	}
}

static int detached(const struct ctl *c, const json_t *answer)
{
	const char *name = json_str(answer, "fleet.name", "?");

	if (c->json)
		ctl_print_json(answer);
	else
		ctl_print(stdout, STYLE_PLAIN, "%s is on its way; see: gpufleetctl wait %s", name, name);
	return 0;
}

/* From here on Ctrl-C is held back: an order that was sent must not be forgotten. */
static int buy(struct ctl *c, const json_t *body, struct setup *setup, struct err *e)
{
	char key[33], *name;
	json_t *answer;
	struct watch w;
	int rc;

	ctl_new_key(key);
	term_catch(true);
	rc = ctl_post(c, "/v1/fleets", body, key, &answer, e);
	if (rc == 0)
		rc = setup_submit(c, setup, json_path(answer, "fleet"), e);
	if (rc == 0 && args_has(&c->args, "detach")) {
		rc = detached(c, answer);
	} else if (rc == 0) {
		name = xstrdup(json_str(answer, "fleet.name", ""));
		watch_begin(&w);
		if (!w.progress.live)
			ctl_say("fleet '%s' is ordered", name);
		rc = wait_up(c, &w, setup, name, e);
		watch_free(&w);
		free(name);
	}
	json_decref(answer);
	term_catch(false);
	return rc;
}

static int run_up(struct ctl *c, struct err *e)
{
	json_t *body = json_object();
	enum consent consent = CONSENT_NO;
	struct setup setup = { NULL };
	int rc = order_body(&c->args, c->args.words[0], body, e);

	if (rc == 0)
		rc = setup_read(c, args_text(&c->args, "setup"), body, &setup, e);
	if (rc == 0)
		rc = order_consent(c, body, &consent, e);
	if (rc == 0 && consent == CONSENT_NO)
		rc = err_set(e, ERR_FAILED, "nothing was bought");
	if (rc == 0 && consent == CONSENT_YES)
		rc = buy(c, body, &setup, e);
	setup_free(&setup);
	json_decref(body);
	return rc;
}

static const struct opt opts[] = {
	{ "instances", 'm', ARG_COUNT, "M", "how many such instances; 1 when not given", NULL, 1, 1000, false },
	{ "together", 0, ARG_FLAG, NULL, "in one account and region, where they reach each other: for runs of several instances", NULL, 0, 0, false },
	{ "setup", 0, ARG_TEXT, "FILE|DIRECTORY|RECIPE", "run this on each machine first: a script, or the setup of a recipe", NULL, 0, 0, false },
	ORDER_OPTS,
	{ "detach", 'd', ARG_FLAG, NULL, "do not wait until it is ready", NULL, 0, 0, false },
};

const struct command command_up = {
	.name = "up",
	.group = "Machines",
	.synopsis = "GPU[:N] [options]",
	.summary = "rent machines and wait until they are ready",
	.details =
	    "Shows the plan first: the offers in the order in which they are tried, the price, and the most it can cost.\n"
	    "Nothing is bought without a yes or --yes. The machines are given back when their time is over, when nobody uses them, when "
	    "their money is spent, or with 'gpufleetctl down'.\n"
	    "Offers are tried by the price of a GPU-hour. Unreliable hosts, and offers whose machines failed lately, count as dearer; what "
	    "has just said that it is sold out comes last; a marketplace's host that proved bad rests for an hour, or a day when it was not "
	    "what it said. A spot machine is bid for with the least that wins now, and never with more than --max-price; one that was taken "
	    "away is given back at once, and the run on it begins again on another machine, four times at most.\n"
	    "With --setup each machine is set up before anything else runs on it: by a script of yours, or as a recipe wants it. The machines stay "
	    "up when that fails, and the status is 1.\n"
	    "--dry-run tells of each offer of that GPU that is not taken why.",
	.min = 1,
	.max = 1,
	.operand = "gpu",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_up,
};
