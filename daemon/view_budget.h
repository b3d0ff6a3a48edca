/* Budgets as the API and webhooks show them. */
#ifndef GPUFLEET_VIEW_BUDGET_H
#define GPUFLEET_VIEW_BUDGET_H

#include "base/json.h"
#include "core/model.h"

/*
 * {name, scope, subject, per, days (rolling), zone, cap, warn_only, notify, set_by, updated, from, to (days, null without), state,
 * spent, running, held, left, forecast}
 *
 * state     "ok", "80%" (or whatever was reached), "over", "counting"
 * spent     booked in this period; running: what live machines have used since, part of held
 * left      cap - spent - held; negative when it is over
 * forecast  spent and running, gone on with at this period's rate to its end; null in the first day, and without an end
 */
json_t *view_budget(const struct model *m, const struct budget *b, instant now);
/* {event: "budget", news, text, budget: {…}} */
json_t *view_budget_message(const struct model *m, const struct budget *b, const char *news, instant now);

#endif
