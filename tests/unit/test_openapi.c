/* The API's OpenAPI document: how the shorthand is written out, and that its words are those of the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/model.h"
#include "openapi.h"

static json_t *document(void)
{
	struct err e = { 0 };
	json_t *doc = openapi_document("1.2.3", &e);

	if (!doc)
		fail_msg("%s", e.msg);
	return doc;
}

static const json_t *at(const json_t *doc, const char *section, const char *name, const char *path)
{
	const json_t *o = json_path(doc, section);

	o = json_object_get(o, name);
	return *path ? json_path(o, path) : o;
}

/* Compact JSON of a part of it, compared with what it should be. */
static void is(const json_t *part, const char *wanted)
{
	char *text = part ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY) : xstrdup("nothing");

	assert_string_equal(text, wanted);
	free(text);
}

static void a_property_is_a_word_and_what_it_means(void **state)
{
	json_t *doc = document();
	const json_t *run = at(doc, "components.schemas", "RunFacts", "properties");

	(void)state;
	is(json_object_get(run, "recipe"), "{\"type\":\"string\",\"description\":\"or \\\"script\\\"\"}");
	is(json_object_get(run, "exit_status"), "{\"type\":[\"integer\",\"null\"]}");
	is(json_object_get(run, "created"), "{\"$ref\":\"#/components/schemas/Time\"}");
	is(json_object_get(run, "ended"), "{\"anyOf\":[{\"$ref\":\"#/components/schemas/Time\"},{\"type\":\"null\"}],\"description\":\"its script\"}");
	is(at(doc, "components.schemas", "Status", "properties.fleets"),
	    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Fleet\"},\"description\":\"the newest last\"}");
	is(at(doc, "components.schemas", "Output", ""), "{\"type\":\"object\",\"properties\":{\"stream\":{\"enum\":[\"stdout\",\"stderr\"]},"
	    "\"text\":{\"type\":\"string\"},\"base64\":{\"type\":\"string\",\"description\":\"in place of `text` where the bytes are not UTF-8\"}},"
	    "\"required\":[\"stream\"]}");
	is(json_path(doc, "info.version"), "\"1.2.3\"");
	json_decref(doc);
}

static void an_operation_has_what_all_have(void **state)
{
	json_t *doc = document();
	const json_t *extend = at(doc, "paths", "/v1/fleets/{fleet}/extend", "post"), *logs = at(doc, "paths", "/v1/runs/{run}/logs", "get");

	(void)state;
	is(json_object_get(extend, "parameters"),
	    "[{\"$ref\":\"#/components/parameters/fleet\"},{\"$ref\":\"#/components/parameters/idempotency_key\"}]");
	is(json_object_get(extend, "x-gpufleet-role"), "\"operator\"");
	is(json_object_get(extend, "tags"), "[\"fleets\"]");
	is(json_path(extend, "responses.default"), "{\"$ref\":\"#/components/responses/problem\"}");
	is(json_path(extend, "responses.202.description"), "\"It is on the disk, and is being done.\"");
	is(json_path(extend, "requestBody.required"), "true");
	is(json_path(at(doc, "paths", "/v1/campaigns/{campaign}/run", "post"), "requestBody.required"), "false");
	is(json_path(logs, "parameters.1"), "{\"name\":\"stdout\",\"in\":\"query\",\"required\":false,\"description\":\"bytes to skip\","
	    "\"schema\":{\"type\":\"integer\",\"minimum\":0,\"default\":0}}");
	is(json_path(at(doc, "paths", "/v1/what-if", "get"), "parameters.0.required"), "true");
	assert_non_null(json_object_get(json_path(logs, "responses.200.content"), "application/x-ndjson"));
	json_decref(doc);
}

static void are(const json_t *doc, const char *schema, const char *path, const char *(*name)(int k), int count)
{
	const json_t *words = at(doc, "components.schemas", schema, path);

	for (int k = 0; k < count; k++)
		if (strcmp(json_string_value(json_array_get(words, (size_t)k)) ? json_string_value(json_array_get(words, (size_t)k)) : "?", name(k)) != 0)
			fail_msg("%s %s: '%s' is not number %d", schema, path, name(k), k);
	assert_int_equal(json_array_size(words), count);
}

#define NAMES(function, expression) \
	static const char *function(int k) { return expression; }
NAMES(fleet_state, fleet_fsm.state_names[k])
NAMES(instance_state, instance_fsm.state_names[k])
NAMES(run_state, run_fsm.state_names[k])
NAMES(night_state, night_fsm.state_names[k])
NAMES(trial_state, trial_fsm.state_names[k])
NAMES(storage_state, extra_fsm.state_names[k])
NAMES(cause, cause_name((enum cause)k))
NAMES(outcome, outcome_name((enum run_outcome)k))
NAMES(night_outcome, night_outcome_name((enum night_outcome)k))
NAMES(scope, scope_name((enum scope)k))
NAMES(period, period_name((enum period)k))
NAMES(part, part_name((enum part)k))
NAMES(problem, err_name((enum err_code)(k + 1)))

static void its_words_are_those_of_the_model(void **state)
{
	json_t *doc = document();

	(void)state;
	are(doc, "FleetState", "enum", fleet_state, FLEET_STATES);
	are(doc, "InstanceState", "enum", instance_state, INSTANCE_STATES);
	are(doc, "RunState", "enum", run_state, RUN_STATES);
	are(doc, "StorageState", "enum", storage_state, EXTRA_STATES);
	are(doc, "NightFacts", "properties.state.enum", night_state, NIGHT_STATES);
	are(doc, "NightFacts", "properties.outcome.enum", night_outcome, NIGHT_MISSED + 1);
	are(doc, "TrialFacts", "properties.state.enum", trial_state, TRIAL_STATES);
	are(doc, "Cause", "enum", cause, CAUSE_NR);
	are(doc, "Outcome", "enum", outcome, OUTCOME_LOST + 1);
	are(doc, "Scope", "enum", scope, SCOPES);
	are(doc, "Period", "enum", period, PERIODS);
	are(doc, "Parts", "propertyNames.enum", part, PARTS);
	are(doc, "Problem", "properties.code.enum", problem, ERR_CONFLICT);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_property_is_a_word_and_what_it_means),
		cmocka_unit_test(an_operation_has_what_all_have),
		cmocka_unit_test(its_words_are_those_of_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
