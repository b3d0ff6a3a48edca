/*
 * A trial of a night becomes a run: what POST /v1/runs would be told, said by us.
 */
#include "base/log.h"
#include "base/str.h"
#include "execute_private.h"
#include "wish.h"

static void refuse(struct execute *x, int64_t trial, const struct err *e)
{
	struct fact f = { .kind = FACT_TRIAL_REFUSED, .id = trial, .cause = CAUSE_REFUSED, .message = e->msg };

	log_warn("trial %lld of a night cannot be run: %s", (long long)trial, e->msg);
	engine_fact(x->en, &f);
}

static json_t *body_of(const struct night *n, const struct campaign *c, const struct trial *t)
{
	const struct plan *p = n->plan;
	const struct plan_cell *cell = &p->cells[t->cell];
	json_t *o = json_object(), *set = json_read(cell->params, strlen(cell->params), NULL), *secrets = json_object();
	char copy[TEXT_MAX], title[TEXT_MAX], *rest = copy, *one;

	if (n->poc && p->knows_poc)
		json_put_str(set, "POC", "true");
	str_copy(copy, p->secrets);
	while ((one = str_split(&rest, ",")))
		if (*one)
			json_put(secrets, one, json_null());
	snprintf(title, sizeof(title), "%s night %lld: %.150s%s", c ? c->name : "", (long long)n->number, t->title, t->again ? ", once more" : "");
	json_put_str(o, "recipe", p->recipe);
	json_put_str(o, "title", title);
	json_put(o, "set", set);
	json_put(o, "secrets", secrets);
	if (p->per_run)
		json_put(o, "timeout", json_real((double)p->per_run / (double)SECOND));
	return o;
}

void trial_action(struct execute *x, const struct action *a)
{
	struct model *m = engine_model(x->en);
	const struct trial *t = model_trial(m, a->id);
	const struct night *n = t ? model_night(m, t->night_id) : NULL;
	const struct campaign *c = n ? model_campaign(m, n->campaign_id) : NULL;
	struct wish *w;
	json_t *body;
	struct err e;

	if (!n || !n->plan || x->closing || (size_t)t->cell >= n->plan->cell_count)
		return;
	w = wish_new();
	body = body_of(n, c, t);
	/* In the name of whoever applied it: the file may say whose costs these are, not whose secrets. */
	if (wish_build(w, x->en, c ? c->owner : "", body, &e) < 0 || wish_fits(w, t->gpu, &e) < 0 ||
	    wish_instances(w, n->plan->cells[t->cell].instances, &e) < 0 || wish_write(w, x->en, &e) < 0) {
		refuse(x, a->id, &e);
	} else {
		struct fact f = { .kind = FACT_RUN_SUBMIT, .run = &w->run };

		w->run.trial_id = a->id;
		engine_fact(x->en, &f);
		w->run.params = w->run.spec = NULL;
	}
	json_decref(body);
	wish_free(w);
}
