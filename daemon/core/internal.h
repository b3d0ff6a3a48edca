/*
 * Between the files of core/ only: the one transition function per kind of object, and what core.c calls in each file.
 */
#ifndef GPUFLEET_CORE_INTERNAL_H
#define GPUFLEET_CORE_INTERNAL_H

#include "core/core.h"

/* Put the object into the next commit / before the next decide / on the heap of deadlines (earliest wins until it fires). */
void core_dirty(struct model *m, struct object *o);
void core_touch(struct model *m, struct object *o);
void core_wake(struct model *m, struct object *o, instant at);

/* Append to the audit log. The object's fleet is found by kind. */
void core_event(struct model *m, const struct object *o, const char *from, const char *event, const char *to, enum cause cause,
    const char *actor, const char *fmt, ...) PRINTF_LIKE(8, 9);

/*
 * The only places where a state changes: table, times, dirty, event. False when the table forbids it: nothing changes but an
 * event "illegal" (reliability §2.14). The text becomes the reason when the move carries a cause.
 */
bool fleet_move(struct model *m, struct fleet *f, enum fleet_event ev, enum cause cause, const char *actor, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
bool instance_move(struct model *m, struct instance *i, enum instance_event ev, enum cause cause, const char *actor,
    const char *fmt, ...) PRINTF_LIKE(6, 7);
bool run_move(struct model *m, struct run *r, enum run_event ev, enum cause cause, const char *actor, const char *fmt, ...)
    PRINTF_LIKE(6, 7);

#define MARK_TRIES 6 /* namings and renamings before it is given up */

/* Back-off 1, 2, 4 … seconds up to `most`. */
duration core_backoff(int tries, duration most);

void fleet_apply(struct model *m, struct fact *f);
void fleet_decide(struct model *m, struct fleet *f, instant now, struct actions *out);
/* What stood in this slot is gone, and no other instance will take its place. */
bool fleet_slot_is_over(const struct fleet *f, int slot);
void fleet_close(struct model *m, struct fleet *f, enum cause cause, const char *actor, const char *fmt, ...) PRINTF_LIKE(5, 6);

void instance_apply(struct model *m, struct fact *f);
/* The instance, its fleet and its run are looked at in this turn. */
void instance_touch_around(struct model *m, struct instance *i);
void instance_decide(struct model *m, struct instance *i, instant now, struct actions *out);
struct instance *instance_plan(struct model *m, struct fleet *f, int slot, const struct offer *o, duration lifetime);
void instance_stop(struct model *m, struct instance *i, enum cause cause, const char *actor, const char *why);
/* Begin to move the deadline inside its name; granted when the provider shows the new name, else the fleet's extension fails. */
void instance_extend(struct model *m, struct instance *i, instant deadline);
/* Does the machine under this id carry another name than ours? Then it is not ours to touch, whatever the id says. */
bool instance_is_other(const struct model *m, const struct instance *i, const struct machine *seen);
/* Machine evidence shared by listings and single look-ups. */
void instance_seen(struct model *m, struct instance *i, const struct machine *seen);
void instance_adopt(struct model *m, struct instance *i, const struct machine *seen);
/* A machine of ours that the database does not know becomes a fleet of its own until its deadline. False: its time is over. */
bool instance_adopt_orphan(struct model *m, const struct account_state *a, const struct machine *seen);
/* One complete, believable listing: what it says about every instance of the account, and about machines nobody knows. */
void listing_apply(struct model *m, struct account_state *a, const struct fact *f);
const struct machine *listing_find(const struct fact *f, const char *id); /* by the provider's id, or NULL */
/* Complete, and still not to be believed (void.c). Says so in the log, once for each reason in a row. */
bool listing_is_void(struct model *m, struct account_state *a, const struct fact *f);
/* When the provider must be asked again how many machines it counts; FOREVER: its count is not wanted. */
instant count_due(const struct account_state *a, instant now);

/* A person says what became of an order in doubt. */
void instance_resolve(struct model *m, struct fact *f);
void instance_trust(struct model *m, struct fact *f); /* FACT_TRUST: the word of a person on its host key */
void run_apply(struct model *m, struct fact *f);
void run_decide(struct model *m, struct run *r, instant now, struct actions *out);
/* The machine under the run is no more. */
void run_machine_lost(struct model *m, struct run *r, const char *why);
/* A spot machine was taken away under it: it begins again on another one, or is lost. */
void run_preempted(struct model *m, struct run *r);
/* The instance is its from now on. */
void run_assign(struct model *m, struct run *r, struct instance *i);
void run_stop(struct model *m, struct run *r, enum cause cause, const char *actor, const char *why);

/* Runs of several instances (gang.c). */
void gang_make(struct model *m, struct run *first); /* rows for the other ranks */
bool gang_is_before(const struct fleet *f, const struct run *r); /* does an older one wait for machines? */
void gang_assign(struct model *m, struct run *first, const struct fleet *f); /* all of its machines, or none */
void gang_set_up(struct model *m, struct run *r); /* it waits; if it was the last, all are released */
void gang_changed(struct model *m, struct run *r);
bool gang_over(const struct model *m, const struct run *r, bool but_first); /* are all of its ranks DONE? */

void campaign_apply(struct model *m, struct fact *f);
void campaign_loaded(struct model *m, struct campaign *c);
void campaign_decide(struct model *m, struct campaign *c, instant now);
/* Its trials are made, of its plan; without one it is over at once. */
void night_begin(struct model *m, struct night *n, const char *actor);
void night_loaded(struct model *m, struct night *n);
void night_stop(struct model *m, struct night *n, enum cause cause, const char *actor, const char *why);
void night_apply(struct model *m, struct fact *f);
void night_decide(struct model *m, struct night *n, instant now, struct actions *out);
/* Something changed on a fleet: if it works for a night, that is looked at. */
void night_of_fleet_changed(struct model *m, const struct fleet *f);
/* Is the night of this fleet still going on? What it cost counts against the night's limit. */
bool night_needs(const struct model *m, const struct fleet *f);
void trial_give_up(struct model *m, struct trial *t, enum cause cause, const char *why);
/* night_rent.c. A fleet is no more: its trials wait for another one, or are given up, by the cause of its end. */
void night_take_back(struct model *m, struct night *n, const struct fleet *f);
/* Fleets for what has none yet, as many as may be; the next trial for a free machine; back with what nothing is left for. */
void night_rent(struct model *m, struct night *n, instant now);
void night_feed(struct model *m, struct night *n, struct fleet *f, struct actions *out);
void night_release(struct model *m, struct night *n, struct fleet *f);
/* A run may begin for this trial: NULL with the fact's error, or the trial, which has it from now on. */
struct trial *trial_takes(struct model *m, struct fact *f, int64_t trial_id);
void trial_has_run(struct model *m, struct trial *t, const struct run *r);
void trial_run_ended(struct model *m, const struct run *r);

/* Whoever wants to hear of it is told of what happened in this night. */
void notice_night(struct model *m, const struct night *n, const struct plan *p, unsigned news);
void notice_budget(struct model *m, const struct budget *b, const char *news);
void notice_apply(struct model *m, struct fact *f);
void notice_decide(struct model *m, struct notice *x, instant now, struct actions *out);

/* What a provider has charged in all, read again and again (charges.c). Returns when to look again. */
void charges_apply(struct model *m, struct account_state *a, const struct fact *f);
instant charges_decide(const struct model *m, struct account_state *a, instant now, struct actions *out);

void account_apply(struct model *m, struct fact *f);
void account_decide(struct model *m, struct account_state *a, instant now, struct actions *out);
void account_touch_instances(struct model *m, struct account_state *a, enum instance_state state);
bool extra_move(struct model *m, struct extra *x, enum extra_event ev, enum cause cause, const char *actor, const char *fmt, ...) PRINTF_LIKE(6, 7);
void extra_apply(struct model *m, struct fact *f);
void extra_decide(struct model *m, struct extra *x, instant now, struct actions *out);
/* An order of `f` (NULL: nobody's) is about to be sent, and the public key that its machine lets in before it. */
void extra_key_wanted(struct model *m, const struct account_state *a, const struct fleet *f);
/* A machine of `f` (NULL: nobody's) at the account is gone: if it was the last, the key's time begins. */
void extra_account_changed(struct model *m, const struct account_state *a, const struct fleet *f);
void extra_fleet_changed(struct model *m, const struct fleet *f); /* it opens no more machines */

/* storage.c, storage_listed.c, storage_order.c: what they share. */
const char *storage_word(const struct extra *x); /* "volume" */
struct extra *storage_add_row(struct model *m, const struct account_state *a, const struct extra *wanted);
void storage_set_price(struct model *m, struct extra *x, money gb_month); /* 0: by the rule of its provider */
void storage_learn(struct model *m, struct extra *x, const struct storage *s);
void storage_is_there(struct model *m, struct extra *x, const char *id, const struct storage *s); /* s NULL: a listing will say more */
void storage_tell_fleet(struct model *m, const struct extra *x); /* one that waits for its snapshot */
void storage_listed(struct model *m, struct account_state *a, const struct fact *f);

/* storage_bill.c: what its provider's record says of it. Returns when to look again. */
void storage_billed(struct model *m, struct extra *x, const struct fact *f);
instant storage_bill_decide(struct model *m, struct extra *x, instant now, struct actions *out);

/* A volume comes to a machine that runs, or leaves it. */
void volume_move(struct model *m, struct extra *x, struct fact *f);
void volume_moved(struct model *m, struct extra *x, const struct fact *f);
instant volume_decide(struct model *m, struct extra *x, instant now, struct actions *out);
void volume_released(struct model *m, struct instance *i, bool unmounted); /* FACT_RELEASED */

/* Of an account: when it must be listed again. */
void storage_apply(struct model *m, struct fact *f);
instant storage_decide(struct model *m, struct extra *x, instant now, struct actions *out);
instant storage_decide_account(const struct model *m, struct account_state *a, instant now, struct actions *out);
void storage_released(struct model *m, const struct instance *i); /* it is GONE, and has its volume no more */
/* A run ended ok and its fleet wants the machine kept as a snapshot. False: it cannot be. */
bool storage_snapshot_machine(struct model *m, struct fleet *f, const struct instance *i);
bool storage_building(const struct model *m, const struct fleet *f); /* a snapshot that the fleet waits for is being taken */

/* The lease of a machine (lease.c): is it time to renew it? */
bool lease_due(const struct model *m, const struct instance *i, instant now);
void lease_renewed(struct model *m, struct instance *i, const struct fact_probe *p);

struct account_state *account_of(const struct model *m, const struct instance *i); /* never NULL: load adds unconfigured ones */

#endif
