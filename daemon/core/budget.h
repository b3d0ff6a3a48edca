/*
 * Budgets: a cap on what is booked and held in a period, for everything, an owner, a campaign, a provider, a label, or for what
 * names the budget (architecture §8, reliability §2.11). Caps nest: all that count a fleet must admit it, the smallest wins.
 *
 *	spent    booked in the period that goes on now (ledger.h: USE and BILL), by the days of the budget's own time zone
 *	held     reserved for live machines and not booked yet, whatever period it will fall into
 *	I3       spent + held <= cap, at every commit
 *
 * A hold is taken in the commit of the order that it is for, and only evidence gives it back. Three things go beyond a cap, and are
 * said loudly: a cap that is lowered below what is spent and held, a machine that cannot be ended, a bill that is higher than the
 * meter. After a restart, and when it is set, a budget is counted from the ledger first (ACTION_COUNT); until then it admits nothing.
 */
#ifndef GPUFLEET_BUDGET_H
#define GPUFLEET_BUDGET_H

#include "core/action.h"
#include "core/fact.h"

/* Who pays for a machine or for storage, as budgets ask. Borrows; "" where there is none. */
struct payer {
	const char *owner, *budget, *campaign, *labels;
	const char *account, *provider;
	const char *needs; /* what a hold is for, behind its amount: " with boot and teardown" */
};
struct payer payer_of_fleet(const struct model *m, const struct fleet *f, const struct account_facts *a); /* f NULL: nobody's machine */
struct payer payer_of_instance(const struct model *m, const struct instance *i);
struct payer payer_of_extra(const struct extra *x);

bool budget_counts(const struct budget *b, const struct payer *p);
/* The days of the period around `now`; *last is INT64_MAX for one without an end. */
void budget_period(const struct budget *b, instant now, int64_t *first, int64_t *last);
money budget_spent(const struct budget *b, instant now);
/* Of live machines and storage: reserved and not booked; *running: what of it machines have used already. */
money budget_held(const struct model *m, const struct budget *b, instant now, money *running);

/*
 * May a hold of this size be taken? False: `why` has the arithmetic of the budget that forbids it, and
 * *left what it still admits. Warn-only budgets forbid nothing.
 */
bool budgets_admit(const struct model *m, const struct payer *p, money hold, instant now, money *left, char why[TEXT_MAX]);

/* Is everything known that budgets have to know before they can admit anything? */
bool budgets_counted(const struct model *m);

/* Called by the ledger for each posting that costs. */
void budgets_count(struct model *m, const struct payer *payer, const struct posting *p);

void budget_count_anew(struct model *m, struct budget *b);
void budget_apply(struct model *m, struct fact *f);
void budget_decide(struct model *m, struct budget *b, instant now, struct actions *out);

#endif
