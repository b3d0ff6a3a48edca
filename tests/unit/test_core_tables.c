/*
 * The state machines, cell by cell against architecture.md §5, and the words for causes and outcomes.
 */
#include "core_world.h"

/* What the architecture allows, as text: "STATE event STATE". Everything else must be forbidden. */
static const char *const instance_moves[] = {
	"PLANNED dispatch DISPATCHING", "PLANNED stop GONE", "PLANNED refused GONE",
	"DISPATCHING created BOOTING", "DISPATCHING refused GONE", "DISPATCHING unsure AMBIGUOUS", "DISPATCHING stop DISPATCHING",
	"AMBIGUOUS found BOOTING", "AMBIGUOUS absent GONE", "AMBIGUOUS stop AMBIGUOUS",
	"BOOTING running CONNECTING", "BOOTING timeout DELETING", "BOOTING ended DELETING", "BOOTING stop DELETING",
	"BOOTING absent GONE", "BOOTING lost DELETING",
	"CONNECTING reachable READY", "CONNECTING timeout DELETING", "CONNECTING wrong DELETING", "CONNECTING stop DELETING",
	"CONNECTING ended DELETING", "CONNECTING lost DELETING",
	"READY assigned BUSY", "READY lost DELETING", "READY ended DELETING", "READY stop DELETING",
	"BUSY released READY", "BUSY stop DRAINING", "BUSY lost DELETING", "BUSY ended DELETING",
	"DRAINING released DELETING", "DRAINING timeout DELETING", "DRAINING ended DELETING", "DRAINING lost DELETING",
	"DRAINING stop DRAINING",
	"DELETING gone GONE", "DELETING stop DELETING",
};

static const char *const run_moves[] = {
	"QUEUED assigned PUSHING", "QUEUED stop DONE", "QUEUED lost DONE",
	"PUSHING started SETUP", "PUSHING stop STOPPING", "PUSHING lost DONE", "PUSHING requeue QUEUED",
	"SETUP setup_done RUNNING", "SETUP exited COLLECTING", "SETUP stop STOPPING", "SETUP lost DONE", "SETUP requeue QUEUED",
	"RUNNING exited COLLECTING", "RUNNING stop STOPPING", "RUNNING lost DONE", "RUNNING requeue QUEUED",
	"STOPPING exited COLLECTING", "STOPPING lost DONE", "STOPPING stop STOPPING",
	"COLLECTING collected DONE", "COLLECTING lost DONE", "COLLECTING stop COLLECTING",
};

static const char *const fleet_moves[] = { "OPEN close CLOSING", "CLOSING close CLOSING", "CLOSING empty CLOSED" };

static void check_table(const struct fsm *t, const char *const *moves, size_t count)
{
	size_t allowed = 0;

	for (int s = 0; s < t->states; s++) {
		for (int e = 0; e < t->events; e++) {
			int next = fsm_next(t, s, e);
			bool known = false;
			char text[80];

			if (next < 0)
				continue;
			assert_true(next < t->states);
			allowed++;
			snprintf(text, sizeof(text), "%s %s %s", t->state_names[s], t->event_names[e], t->state_names[next]);
			for (size_t k = 0; k < count; k++)
				known |= !strcmp(moves[k], text);
			if (!known)
				fail_msg("%s: the table allows '%s', the architecture does not", t->object, text);
		}
	}
	assert_int_equal(allowed, count);
}

static void tables(void **state)
{
	(void)state;
	check_table(&instance_fsm, instance_moves, ARRAY_LEN(instance_moves));
	check_table(&run_fsm, run_moves, ARRAY_LEN(run_moves));
	check_table(&fleet_fsm, fleet_moves, ARRAY_LEN(fleet_moves));
}

static void final_states_are_final(void **state)
{
	(void)state;
	for (int e = 0; e < INSTANCE_EVENTS; e++)
		assert_int_equal(fsm_next(&instance_fsm, INSTANCE_GONE, e), -1);
	for (int e = 0; e < RUN_EVENTS; e++)
		assert_int_equal(fsm_next(&run_fsm, RUN_DONE, e), -1);
	for (int e = 0; e < FLEET_EVENTS; e++)
		assert_int_equal(fsm_next(&fleet_fsm, FLEET_CLOSED, e), -1);
}

/* Whatever it waits for, a machine can always be given up, and a run always ends. */
static void there_is_always_a_way_out(void **state)
{
	(void)state;
	for (int s = 0; s < INSTANCE_GONE; s++)
		assert_true(s == INSTANCE_DELETING ? fsm_next(&instance_fsm, s, INSTANCE_EV_GONE) == INSTANCE_GONE :
		    fsm_next(&instance_fsm, s, INSTANCE_EV_STOP) >= 0);
	for (int s = 0; s < RUN_DONE; s++) {
		assert_int_equal(fsm_next(&run_fsm, s, RUN_EV_LOST), RUN_DONE);
		assert_true(fsm_next(&run_fsm, s, RUN_EV_STOP) >= 0);
	}
}

/* Once there may be a machine, GONE is reached by evidence only: proved absence, or the end of DELETING (I7). */
static void gone_needs_evidence(void **state)
{
	(void)state;
	for (int s = INSTANCE_AMBIGUOUS; s < INSTANCE_GONE; s++)
		for (int e = 0; e < INSTANCE_EVENTS; e++)
			if (fsm_next(&instance_fsm, s, e) == INSTANCE_GONE)
				assert_true(e == INSTANCE_EV_ABSENT || e == INSTANCE_EV_GONE);
}

static void names_and_back(void **state)
{
	(void)state;
	for (int c = CAUSE_NONE + 1; c < CAUSE_NR; c++) {
		assert_true(*cause_name((enum cause)c) && *cause_words((enum cause)c));
		assert_int_equal(cause_from_name(cause_name((enum cause)c)), c);
		for (int d = c + 1; d < CAUSE_NR; d++)
			assert_string_not_equal(cause_name((enum cause)c), cause_name((enum cause)d));
	}
	assert_int_equal(cause_from_name("no such cause"), CAUSE_NONE);
	for (int o = OUTCOME_NONE; o <= OUTCOME_LOST; o++)
		assert_int_equal(outcome_from_name(outcome_name((enum run_outcome)o)), o);
	for (int s = 0; s < INSTANCE_STATES; s++)
		assert_int_equal(fsm_state(&instance_fsm, instance_fsm.state_names[s]), s);
	for (int s = 0; s < RUN_STATES; s++)
		assert_int_equal(fsm_state(&run_fsm, run_fsm.state_names[s]), s);
	for (int v = VERDICT_OK; v <= VERDICT_ABSENT; v++)
		assert_true(*verdict_name((enum verdict)v));
	for (int k = 0; k < ACTION_NR; k++)
		assert_true(*action_name((enum action_kind)k));
	assert_string_equal(ssh_outcome_name(SSH_HOST_KEY), "host_key");
	assert_string_equal(action_name(ACTION_COLLECT), "collect");
	assert_true(action_spends(ACTION_CREATE) && action_spends(ACTION_START) && !action_spends(ACTION_DESTROY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(final_states_are_final),
		cmocka_unit_test(there_is_always_a_way_out),
		cmocka_unit_test(gone_needs_evidence),
		cmocka_unit_test(names_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
