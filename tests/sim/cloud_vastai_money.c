/*
 * vast.ai: the ledger of charges (providers/vastai.md §2.13): instances by part, and volumes.
 */
#include "cloud_vastai.h"

#define VOLUMES_FROM 1000000000 /* cursor: behind all instances, the volumes */

static double rounded(money m)
{
	return (double)((m + 500) / 1000) / 1000; /* three decimals */
}

static json_t *item(const char *type, money amount, instant from, instant to)
{
	return json_pack("{sI sI ss sn sf ss s{} s[]}", "start", (json_int_t)(from / SECOND), "end", (json_int_t)(to / SECOND), "type", type,
	    "source", "amount", rounded(amount), "description", "by the second", "metadata", "items");
}

/* Takes what it is given as JSON. */
static json_t *row(const char *type, const char *id, const char *label, instant start, instant end, money amount, json_t *items)
{
	json_t *meta = json_object();
	char source[80], text[80];

	if (*label)
		json_put_str(meta, "label", label);
	snprintf(source, sizeof(source), "%s-%s", type, id);
	snprintf(text, sizeof(text), "%s Charges", !strcmp(type, "volume") ? "Volume" : "Instance");
	return json_pack("{sI sI ss ss ss sf so so}", "start", (json_int_t)(start / SECOND), "end", (json_int_t)(end / SECOND), "type", type,
	    "source", source, "description", text, "amount", rounded(amount), "metadata", meta, "items", items);
}

static json_t *of_instance(const struct sim_machine *m, instant from, instant to)
{
	static const char *const types[] = { "gpu", "disk", "bwd", "bwu" };
	instant start = instant_max(from, m->created), end = m->deleted ? instant_min(to, m->deleted) : to;
	json_t *items = json_array();
	money sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		money amount = cloud_metered(m, types[i], end, SECOND) - cloud_metered(m, types[i], start, SECOND);

		if (amount)
			json_array_append_new(items, item(types[i], amount, start, end));
		sum += amount;
	}
	return row("instance", m->id, m->name, start, end, sum, items);
}

static money kept_within(const struct sim_store *s, instant from, instant to)
{
	return to > from ? cloud_store_cost(s, to) - cloud_store_cost(s, from) : 0;
}

static json_t *of_volume(const struct sim_store *s, instant from, instant to)
{
	instant start = instant_max(from, s->created), end = s->deleted ? instant_min(to, s->deleted) : to;
	money amount = kept_within(s, from, to);

	return row("volume", s->id, s->name, start, end, amount, json_pack("[o]", item("disk", amount, start, end)));
}

static bool asked(const json_t *types, const char *type)
{
	json_t *v;
	size_t i;

	if (!types)
		return true;
	json_array_foreach ((json_t *)types, i, v)
		if (json_is_string(v) && !strcmp(json_string_value(v), type))
			return true;
	return false;
}

/* One page of the ledger as it is put together. */
struct page {
	json_t *results;
	int64_t limit, after, total, last;
	bool more;
};

/* Another row, which the page may have to leave to the next. Steals it. */
static void add(struct page *p, int64_t cursor, json_t *j)
{
	p->total++;
	if (cursor > p->after && (int64_t)json_array_size(p->results) < p->limit) {
		json_array_append_new(p->results, j);
		p->last = cursor;
		return;
	}
	p->more = p->more || cursor > p->after;
	json_decref(j);
}

static void fill(const struct cloud *c, struct page *p, const json_t *types, instant from, instant end)
{
	for (size_t i = 0; i < c->machine_count && asked(types, "instance"); i++) {
		const struct sim_machine *m = c->machines[i];
		instant start = instant_max(m->created, from);

		if (end > start && cloud_metered(m, NULL, end, SECOND) != cloud_metered(m, NULL, start, SECOND))
			add(p, m->serial, of_instance(m, from, end));
	}
	for (size_t i = 0; i < c->store_count && asked(types, "volume"); i++)
		if (kept_within(c->stores[i], from, end))
			add(p, VOLUMES_FROM + c->stores[i]->serial, of_volume(c->stores[i], from, end));
}

void vast_charges(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	struct page p = { .limit = 100, .results = json_array() };
	char text[512], token[48];
	int64_t from, to;
	json_t *filter;

	SIM_QUERY(q, "select_filters", text);
	filter = json_read(text, strlen(text), NULL);
	from = json_int(filter, "day.gte", -1);
	to = json_int(filter, "day.lte", -1);
	if (SIM_QUERY(q, "limit", text))
		str_to_i64(text, 1, 1000000, &p.limit);
	p.limit = p.limit > 500 ? 500 : p.limit;
	if (from < 0 || to < 0) {
		vast_error(r, 400, "invalid_args", "day.gte and day.lte are required");
		goto out;
	}
	if (SIM_QUERY(q, "after_token", text) &&
	    (!str_starts(text, "Y2hhcmdl") || !str_to_i64(text + 8, 1, INT64_MAX, &p.after))) {
		vast_error(r, 400, "invalid_token", "after_token cannot be decoded");
		goto out;
	}
	fill(c, &p, json_path(filter, "type.in"), from * SECOND, instant_min((to + 1) * SECOND, c->now - c->options.timing.bill));
	snprintf(token, sizeof(token), "Y2hhcmdl%lld", (long long)p.last);
	sim_answer_json(r, 200,
	    json_pack("{sb sI sI ss? sO}", "success", 1, "count", (json_int_t)json_array_size(p.results), "total", (json_int_t)p.total,
		"next_token", p.more ? token : NULL, "results", p.results));
out:
	json_decref(p.results);
	json_decref(filter);
}
